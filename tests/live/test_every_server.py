"""tidymail against every real server there is: what each of them has to be given."""

import json

import pytest

from live_server import DOMAIN, PASSWORD

SENDER = f"sender@{DOMAIN}"
ANN, BOB, CAROL = (f"{name}@{DOMAIN}" for name in ("ann", "bob", "carol"))  # bob has no mailbox

SUBJECT = "Grüße aus Köln – 日本語 und viele Wörter, damit die Zeile umgebrochen werden muss"
TEXT = ("Hällo Ann,\n\n.a line that begins with a dot\n.\nthe end is not here\n..\n"
        + "x" * 2000 + "\nFrom here: ütf-8 ✓\n")
HTML = "<html><body><p>Hällo <b>Ann</b></p>\n.\n<p>日本語 " + "wort " * 400 + "</p></body></html>\n"

MANY = 1000


class Way:
    """One way into one server: the server that is spoken to, a URL, and who delivers."""

    def __init__(self, server, url, boxes=None, refusal=550):
        self.server = server
        self.url = url
        self.boxes = boxes or server
        self.refusal = refusal


def _postfix(request):
    return request.getfixturevalue("postfix")


def _dovecot(request):
    return request.getfixturevalue("dovecot")


def _submission(request, **options):
    relay, dovecot = _postfix(request), _dovecot(request)
    return Way(dovecot, dovecot.url(**options), boxes=relay)


def _opensmtpd(request, **options):
    server = request.getfixturevalue("opensmtpd")
    return Way(server, server.url(**options), refusal=524)


def _exim(request, **options):
    server = request.getfixturevalue("exim")
    return Way(server, server.url(**options))


def _postfix_way(**fixed):
    def make(request, **options):
        server = _postfix(request)
        return Way(server, server.url(**fixed, **options))
    return make


def _implicit_tls(request, **options):
    server = _postfix(request)
    return Way(server, server.implicit_tls(**options))


def _no_pipelining(request, **options):
    server = _postfix(request)
    return Way(server, server.url(port=server.bare_port, **options))


WAYS = {
    "postfix": _postfix_way(),
    "postfix-implicit-tls": _implicit_tls,
    "postfix-without-pipelining": _no_pipelining,
    "postfix-pipelining-not-used": _postfix_way(pipelining="no"),
    "postfix-chunking": _postfix_way(chunking="yes"),
    "exim": _exim,
    "exim-chunking": lambda request, **options: _exim(request, chunking="yes", **options),
    "opensmtpd": _opensmtpd,
    "dovecot-submission": _submission,
    "dovecot-submission-chunking":
        lambda request, **options: _submission(request, chunking="yes", **options),
    "dovecot-lmtp": lambda request: Way(_dovecot(request), _dovecot(request).lmtp_url()),
    "dovecot-lmtp-chunking":
        lambda request: Way(_dovecot(request), _dovecot(request).lmtp_url(chunking="yes")),
    "dovecot-lmtp-unix": lambda request: Way(_dovecot(request), _dovecot(request).lmtp_unix_url()),
}

# Mechanisms that each way with a login offers; "" leaves the choice to tidymail.
LOGINS = [(way, mechanism) for way, mechanisms in (
    ("postfix", ("", "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")),
    ("exim", ("", "PLAIN")),
    ("dovecot-submission", ("", "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")),
) for mechanism in mechanisms]

CHOICE = {"postfix": "SCRAM-SHA-256", "exim": "PLAIN", "dovecot-submission": "SCRAM-SHA-256"}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param](request)


def result(done):
    """The one JSON object on stdout."""
    report = json.loads(done.stdout)
    assert report["outcome"] in ("sent", "partial", "failed", "unknown"), done.stdout
    return report


def parts(message):
    """Content type and text of each leaf of a parsed message."""
    return [(part.get_content_type(), part.get_content().replace("\r\n", "\n"))
            for part in message.walk() if not part.is_multipart()]


def said(done, way):
    return done.stdout + done.stderr + way.server.log()[-4000:]


def test_text_and_html_arrive_equal_part_by_part(way, tidymail):
    done = tidymail("send", "--json", "--trace", "--from", f"Zoë Sender <{SENDER}>", "--to",
                    f"Ann <{ANN}>", "--subject", SUBJECT, "--text", TEXT, "--html", HTML,
                    url=way.url)
    assert done.returncode == 0, said(done, way)
    report = result(done)
    assert report["outcome"] == "sent" and report["error"] is None
    [recipient] = report["recipients"]
    assert (recipient["address"], recipient["outcome"], recipient["code"]) == (ANN, "sent", 250)
    assert ("BDAT " in done.stderr) == ("chunking=yes" in way.url), done.stderr
    assert PASSWORD not in done.stdout + done.stderr

    [message] = way.boxes.mailbox("ann")
    assert message.defects == []
    assert message["Subject"] == SUBJECT
    assert message["From"].addresses[0].display_name == "Zoë Sender"
    assert message["From"].addresses[0].addr_spec == SENDER
    assert message["To"].addresses[0].addr_spec == ANN
    assert message["Message-ID"] == report["message_id"]
    assert message["Return-Path"] == f"<{SENDER}>"
    assert message.get_content_type() == "multipart/alternative"
    assert parts(message) == [("text/plain", TEXT), ("text/html", HTML)]


def test_one_refused_of_three_is_partial_and_reaches_the_others(way, tidymail):
    done = tidymail("send", "--json", "--from", SENDER, "--to", ANN, "--to", BOB, "--to", CAROL,
                    "--subject", "three", "--text", "Hi there!\n", url=way.url)
    report = result(done)
    assert report["outcome"] == "partial", said(done, way)
    assert [(r["address"], r["outcome"], r["code"], r["retryable"]) for r in report["recipients"]] \
        == [(ANN, "sent", 250, False), (BOB, "failed", way.refusal, False),
            (CAROL, "sent", 250, False)]
    assert (report["error"]["kind"], report["error"]["phase"]) == ("permanent", "rcpt")
    assert report["error"]["code"] == way.refusal
    assert done.returncode == 65  # permanent at rcpt, not retryable
    for name in ("ann", "carol"):
        [message] = way.boxes.mailbox(name)
        assert message["Subject"] == "three"
        assert parts(message) == [("text/plain", "Hi there!\n")]


@pytest.mark.parametrize("name, mechanism", LOGINS)
def test_the_mechanism_logs_in(request, tidymail, name, mechanism):
    options = {"auth": mechanism.lower()} if mechanism else {}
    way = WAYS[name](request, **options)
    done = tidymail("send", "--json", "--from", SENDER, "--to", ANN, "--subject", "in", "--text",
                    "t", url=way.url)
    report = result(done)
    assert report["outcome"] == "sent", said(done, way)
    assert report["auth"]["tried"] == [mechanism or CHOICE[name]]
    assert report["tls"]["version"] in ("TLSv1.2", "TLSv1.3")
    [message] = way.boxes.mailbox("ann")
    assert message["Subject"] == "in"


@pytest.mark.parametrize("name, mechanism", LOGINS)
def test_a_wrong_password_is_tried_once_and_is_an_authentication_error(request, tidymail, name,
                                                                       mechanism):
    wrong = "wrong-Pa55word"
    options = {"auth": mechanism.lower()} if mechanism else {}
    way = WAYS[name](request, password=wrong, **options)
    done = tidymail("send", "--json", "--trace", "--from", SENDER, "--to", ANN, "--subject", "s",
                    "--text", "t", url=way.url)
    assert done.returncode == 77, said(done, way)
    report = result(done)
    error = report["error"]
    assert (report["outcome"], error["kind"], error["phase"]) == ("failed", "authentication",
                                                                  "auth")
    assert error["code"] == 535
    assert error["retryable"] is False and error["maybe_delivered"] is False
    assert error["message"] and error["hint"]
    assert report["auth"]["tried"] == [mechanism or CHOICE[name]]
    assert "MAIL FROM" not in done.stderr
    assert wrong not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["postfix", "postfix-chunking", "exim", "opensmtpd",
                                  "dovecot-submission", "dovecot-lmtp", "dovecot-lmtp-unix"])
def test_a_thousand_messages_over_one_connection_arrive_once_each(request, send_many, name):
    way = WAYS[name](request)
    before = way.server.connections()
    lines = send_many(MANY, SENDER, ANN, url=way.url)
    assert [line for line in lines if line[0] != "sent"] == [], way.server.log()[-4000:]
    sent = [message_id for _, message_id, _, _ in lines]
    assert len(sent) == len(set(sent)) == MANY
    assert [line[2] for line in lines] == ["connected"] + ["kept"] * (MANY - 1)

    arrived = way.boxes.message_ids("ann", MANY, seconds=60)
    assert len(arrived) == MANY, f"{len(arrived)} of {MANY} are there"
    assert set(arrived) == set(sent)
    assert way.server.connections() - before == 1
