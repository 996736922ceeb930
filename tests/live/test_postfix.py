"""What is asked of one real server only, Postfix: what its refusals are shown as, and Bcc."""

import base64

from live_server import DOMAIN, PASSWORD, USER
from test_every_server import ANN, CAROL, SENDER, result


def test_a_wrong_password_is_an_authentication_error(postfix, tidymail):
    wrong = "wrong-Pa55word"
    done = tidymail("send", "--json", "--trace", "--from", SENDER, "--to", ANN, "--subject", "s",
                    "--text", "t", url=postfix.url(password=wrong, auth="plain"))
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
