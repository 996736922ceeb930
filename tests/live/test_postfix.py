"""tidymail against a real Postfix: STARTTLS required, AUTH required, delivery to a mailbox."""

import base64
import json

from postfix_server import DOMAIN, PASSWORD, USER

SENDER = f"sender@{DOMAIN}"
ANN, BOB, CAROL = (f"{name}@{DOMAIN}" for name in ("ann", "bob", "carol"))  # bob has no mailbox

SUBJECT = "Grüße aus Köln – 日本語 und viele Wörter, damit die Zeile umgebrochen werden muss"
TEXT = ("Hällo Ann,\n\n.a line that begins with a dot\n.\nthe end is not here\n..\n"
        + "x" * 2000 + "\nFrom here: ütf-8 ✓\n")
HTML = "<html><body><p>Hällo <b>Ann</b></p>\n.\n<p>日本語 " + "wort " * 400 + "</p></body></html>\n"


def result(done):
    """The one JSON object on stdout."""
    assert done.stdout.count("\n") <= 1 or done.stdout.lstrip().startswith("{"), done.stdout
    return json.loads(done.stdout)


def parts(message):
    """Content type and text of each leaf of a parsed message."""
    return [(part.get_content_type(), part.get_content().replace("\r\n", "\n"))
            for part in message.walk() if not part.is_multipart()]


def test_text_and_html_with_a_non_ascii_subject_arrive_equal_part_by_part(postfix, tidymail):
    done = tidymail("send", "--json", "--from", f"Zoë Sender <{SENDER}>", "--to", f"Ann <{ANN}>",
                    "--subject", SUBJECT, "--text", TEXT, "--html", HTML, url=postfix.url())
    assert done.returncode == 0, done.stdout + done.stderr + postfix.log()
    report = result(done)
    assert report["outcome"] == "sent"
    assert report["error"] is None
    assert report["transport"] == "smtp"
    assert report["tls"]["version"] in ("TLSv1.2", "TLSv1.3")
    assert report["auth"]["tried"] == ["PLAIN"]
    assert [(r["address"], r["outcome"], r["code"]) for r in report["recipients"]] == \
        [(ANN, "sent", 250)]

    [message] = postfix.mailbox("ann")
    assert message.defects == []
    assert message["Subject"] == SUBJECT
    assert message["From"].addresses[0].display_name == "Zoë Sender"
    assert message["From"].addresses[0].addr_spec == SENDER
    assert message["To"].addresses[0].addr_spec == ANN
    assert message["Message-ID"] == report["message_id"]
    assert message["Return-Path"] == f"<{SENDER}>"
    assert message.get_content_type() == "multipart/alternative"
    assert parts(message) == [("text/plain", TEXT), ("text/html", HTML)]


def test_a_wrong_password_is_an_authentication_error(postfix, tidymail):
    wrong = "wrong-Pa55word"
    done = tidymail("send", "--json", "--trace", "--from", SENDER, "--to", ANN, "--subject", "s",
                    "--text", "t", url=postfix.url(password=wrong))
    assert done.returncode == 77, done.stdout + done.stderr
    report = result(done)
    assert report["outcome"] == "failed"
    error = report["error"]
    assert error["kind"] == "authentication"
    assert error["phase"] == "auth"
    assert error["code"] == 535
    assert error["enhanced"] == "5.7.8"
    assert "authentication failed" in error["reply"]
    assert error["retryable"] is False
    assert error["maybe_delivered"] is False
    assert error["message"] and error["hint"]
    assert [r["outcome"] for r in report["recipients"]] == ["failed"]
    assert postfix.mailbox("ann", count=0) == []

    said = done.stdout + done.stderr
    response = base64.b64encode(f"\0{USER}@{DOMAIN}\0{wrong}".encode()).decode()
    for secret in (wrong, response, base64.b64encode(wrong.encode()).decode()):
        assert secret not in said


def test_without_json_the_answer_is_one_line_that_names_the_password(postfix, tidymail):
    done = tidymail("send", "--from", SENDER, "--to", ANN, "--subject", "s", "--text", "t",
                    url=postfix.url(password="wrong-Pa55word"))
    assert done.returncode == 77
    assert "535" in done.stdout + done.stderr
    assert "authentication" in (done.stdout + done.stderr).lower()


def test_one_refused_of_three_is_partial_and_reaches_the_others(postfix, tidymail):
    done = tidymail("send", "--json", "--from", SENDER, "--to", ANN, "--to", BOB, "--to", CAROL,
                    "--subject", "three", "--text", "Hi there!\n", url=postfix.url())
    report = result(done)
    assert report["outcome"] == "partial", done.stdout + done.stderr + postfix.log()
    assert [(r["address"], r["outcome"], r["code"], r["retryable"]) for r in report["recipients"]] \
        == [(ANN, "sent", 250, False), (BOB, "failed", 550, False), (CAROL, "sent", 250, False)]
    assert report["recipients"][1]["enhanced"] == "5.1.1"
    assert report["error"]["kind"] == "permanent"
    assert report["error"]["phase"] == "rcpt"
    assert report["error"]["code"] == 550
    assert done.returncode == 65  # permanent at rcpt, not retryable
    for name in ("ann", "carol"):
        [message] = postfix.mailbox(name)
        assert message["Subject"] == "three"
        assert parts(message) == [("text/plain", "Hi there!\n")]


def test_without_credentials_nothing_is_accepted(postfix, tidymail):
    address = postfix.url().split("@")[-1]
    done = tidymail("send", "--json", "--from", SENDER, "--to", ANN, "--subject", "s", "--text",
                    "t", url=f"smtp://{address}")
    report = result(done)
    assert report["outcome"] == "failed"
    assert report["error"]["kind"] == "permanent"
    assert report["error"]["phase"] == "rcpt"
    assert done.returncode == 65
    assert postfix.mailbox("ann", count=0) == []


def test_a_certificate_of_an_unknown_authority_is_refused(postfix, tidymail):
    url = postfix.url().split("?")[0]
    done = tidymail("send", "--json", "--from", SENDER, "--to", ANN, "--subject", "s", "--text",
                    "t", url=url)
    report = result(done)
    assert done.returncode == 77
    assert report["outcome"] == "failed"
    assert report["error"]["kind"] == "tls"
    assert report["error"]["phase"] == "tls"
    assert PASSWORD not in done.stdout + done.stderr
    assert postfix.mailbox("ann", count=0) == []


def test_bcc_gets_the_message_and_is_named_nowhere(postfix, tidymail):
    done = tidymail("send", "--json", "--from", SENDER, "--to", ANN, "--bcc", CAROL, "--subject",
                    "hidden", "--text", "Hi there!\n", url=postfix.url())
    assert done.returncode == 0, done.stdout + done.stderr
    [shown] = postfix.mailbox("ann")
    [hidden] = postfix.mailbox("carol")
    assert hidden["Subject"] == "hidden"
    assert "carol" not in shown.as_string()
    assert hidden["Bcc"] is None
