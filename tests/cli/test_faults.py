"""`tidymail serve --fault` and `--like`: each fault as a client sees it."""

import socket
from urllib.parse import urlsplit

import pytest

from command import Server, send, tidymail


def verdict(done):
    error = done.json["error"]
    if error is None:
        return ("sent",)
    return error["kind"], error["phase"], error["code"], error["retryable"]


CASES = [
    ("connect: 421", ("temporary", "greeting", 421, True)),
    ("connect: close", ("connection", "greeting", None, True)),
    ("connect: reset", ("connection", "greeting", None, True)),
    ("greeting: 554 5.3.2 no service", ("permanent", "greeting", 554, False)),
    ("greeting: half", ("connection", "greeting", None, True)),
    ("ehlo: 421 4.3.2 going down", ("temporary", "ehlo", 421, True)),
    ("ehlo: close", ("connection", "ehlo", None, True)),
    ("starttls: 454 4.7.0 not now", ("tls", "starttls", 454, True)),
    ("starttls: no-tls", ("tls", "starttls", None, False)),
    ("starttls: close", ("connection", "starttls", None, True)),
    ("starttls: bad-certificate expired", ("tls", "tls", None, False)),
    ("starttls: bad-certificate self-signed", ("tls", "tls", None, False)),
    ("starttls: bad-certificate wrong-host", ("tls", "tls", None, False)),
    ("starttls: bad-certificate untrusted-ca", ("tls", "tls", None, False)),
    ("starttls: bad-certificate ca-as-leaf", ("tls", "tls", None, False)),
    ("starttls: bad-certificate small-dh", ("tls", "tls", None, False)),
    ("auth: 535, close", ("authentication", "auth", 535, False)),
    ("auth: 454 4.7.0 busy", ("temporary", "auth", 454, True)),
    ("auth: close", ("connection", "auth", None, True)),
    ("auth: half", ("connection", "auth", None, True)),
    ("mail: 553 5.1.8 no such domain", ("permanent", "mail", 553, False)),
    ("mail: 451, from *@example.org", ("temporary", "mail", 451, True)),
    ("mail: 451, from *@example.com", ("sent",)),
    ("mail: reset", ("connection", "mail", None, True)),
    ("rcpt: 451 4.7.1 greylisted", ("temporary", "rcpt", 451, True)),
    ("rcpt: 550 5.1.1 unknown, to bob@*", ("permanent", "rcpt", 550, False)),
    ("rcpt: 550 5.1.1 unknown, to ann@*", ("sent",)),
    ("data: 452 4.3.1 full", ("temporary", "data", 452, True)),
    ("data: stall 300ms", ("sent",)),
    ("final: 554 5.6.0 spam", ("permanent", "final", 554, False)),
    ("final: 452 4.3.1 full", ("temporary", "final", 452, True)),
    ("final: close", ("connection", "final", None, True)),
    ("final: reset", ("connection", "final", None, True)),
    ("final: half", ("connection", "final", None, True)),
    ("quit: 500 no", ("sent",)),
    ("quit: close", ("sent",)),
    ("quit: reset", ("sent",)),
    ("quit: stall 10s", ("sent",)),
    ("rset: close", ("sent",)),
    ("ehlo: slow 1ms", ("sent",)),
    ("rcpt: split", ("sent",)),
    ("final: 250 2.0.0 kept, slow 2ms", ("sent",)),
]


@pytest.mark.parametrize("rule, wanted", CASES, ids=[case[0] for case in CASES])
def test_a_fault_as_the_client_sees_it(serve, rule, wanted):
    server = serve("--fault", rule, store=True)
    done = send(server.url, "--json")
    got = verdict(done)
    if rule == "connect: reset" and got[1] == "connect":
        got = (got[0], "greeting", *got[2:])  # the reset may come while connecting
    assert got == wanted
    unknown = rule in ("final: close", "final: reset", "final: half")
    assert (done.status == 74) == unknown
    assert len(server.messages()) == (1 if unknown or wanted == ("sent",) else 0)


def test_greylisting_ends_after_two(serve):
    server = serve("--fault", "rcpt: 451 4.7.1 greylisted, first 2")
    statuses = [send(server.url).status for _ in range(3)]
    assert statuses == [75, 75, 0]


def test_a_rule_for_later(serve):
    server = serve("--fault", "mail: 451, after 1, first 1")
    assert [send(server.url).status for _ in range(3)] == [0, 75, 0]


def sequence(serve, seed):
    server = serve("--no-tls", "--seed", seed, "--fault", "rset: 451, probability 0.5")
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port), timeout=30) as client:
        file = client.makefile("rwb")
        file.readline()
        out = ""
        for _ in range(40):
            file.write(b"RSET\r\n")
            file.flush()
            out += file.readline().decode()[:1]
    return out


def test_a_seed_gives_the_same_sequence_twice(serve):
    first = sequence(serve, "5")
    assert set(first) == {"2", "4"}
    assert sequence(serve, "5") == first
    assert sequence(serve, "6") != first


def test_recipients_that_say_what_shall_happen(serve):
    server = serve(store=True)
    done = send(server.url, "--json", to=("451-4.7.1@fault.test", "ann@fault.test",
                                          "550-5.1.1-no-such-user@fault.test"))
    replies = [(one["outcome"], one["code"], one["enhanced"], one["reply"])
               for one in done.json["recipients"]]
    assert replies == [("failed", 451, "4.7.1", "a fault rule says so"),
                       ("sent", 250, "2.0.0", "message kept"),
                       ("failed", 550, "5.1.1", "no such user")]
    assert len(server.messages()) == 1
    assert verdict(send(server.url, "--json", to=("close@fault.test",)))[:2] == (
        "connection", "rcpt")


def test_faults_before_implicit_tls(serve):
    server = serve("--implicit-tls", "--fault", "connect: close")
    assert verdict(send(server.url, "--json"))[1] == "tls"
    server = serve("--implicit-tls", "--fault", "starttls: bad-certificate expired, first 1")
    assert verdict(send(server.url, "--json"))[:2] == ("tls", "tls")
    assert send(server.url).status == 0


@pytest.mark.parametrize("rule", ["rcpt: boom", "recipient: close", "rcpt: stall 5"])
def test_a_wrong_rule_is_refused(rule):
    with pytest.raises(RuntimeError, match="offset [0-9]+: .*(allowed|such as)"):
        Server("--fault", rule)


PRESETS = {
    "mailgun": (535, "Authentication failed", True),
    "sendgrid": (535, "Authentication failed", True),
    "ses": (535, "Authentication Credentials Invalid", False),
    "gmail": (535, "Username and Password not accepted", False),
    "office365": (535, "basic authentication is disabled", False),
    "postfix": (535, "authentication failed: authentication failure", False),
    "exim": (535, "Incorrect authentication data", False),
    "zoho": (535, "Authentication Failed", False),
    "yahoo": (535, "(#AUTH005) Too many bad auth attempts", False),
    "yandex": (535, "", False),
    "qq": (535, "", False),
    "fastmail": (535, "", False),
    "strato": (535, "", False),
    "ionos": (535, "", False),
    "ovh": (535, "Invalid authentication mechanism", False),
    "exchange": (535, "", False),
    "mailenable": (535, "", False),
    "haraka": (535, "", False),
    "postal": (535, "", False),
    "stalwart": (535, "Authentication credentials invalid.", False),
}

# Words of a rule with a code alone, as the services have them: rule, outcome, code, in the reply.
REFUSALS = [
    ("yahoo", "greeting: 421", "greeting", 421, "[TSS04]"),
    ("ionos", "greeting: 554", "greeting", 554, "invalid DNS PTR resource record"),
    ("yandex", "auth: 530", "auth", 530, "Email sending without SSL/TLS encryption"),
    ("postal", "auth: 530", "auth", 530, "Must issue a STARTTLS command first"),
    ("yahoo", "mail: 553", "mail", 553, "[BL21]"),
    ("yandex", "rcpt: 550", "rcpt", 550, "Recipient address reserved by RFC 2606"),
    ("zoho", "final: 553", "final", 553, "Relaying disallowed as"),
    ("postal", "final: 530", "final", 530, "From/Sender name is not valid"),
]


@pytest.mark.parametrize("name, rule, phase, code, words", REFUSALS)
def test_a_rule_with_a_code_alone_takes_the_words_of_the_preset(serve, name, rule, phase, code,
                                                                words):
    done = send(serve("--like", name, "--fault", rule).url, "--json")
    error = done.json["error"]
    assert (error["phase"], error["code"]) == (phase, code)
    assert words in error["reply"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_takes_mail_and_refuses_in_its_words(serve, name):
    code, words, closes = PRESETS[name]
    server = serve("--like", name, "--fault", "auth: 535, first 1", "--trace", store=True)
    refused = send(server.url, "--json")
    assert verdict(refused) == ("authentication", "auth", code, False)
    assert words in refused.json["error"]["reply"]
    accepted = send(server.url, "--json")
    assert verdict(accepted) == ("sent",)
    assert len(server.messages()) == 1
    _, _, log = server.end()
    first = [line for line in log.splitlines() if line.startswith("connection 1:")]
    assert any("QUIT" in line for line in first) != closes


def test_what_a_preset_is_not(serve):
    with pytest.raises(RuntimeError, match="no preset 'hotmail'.*mailgun"):
        Server("--like", "hotmail")
    with pytest.raises(RuntimeError, match="not with"):
        Server("--like", "gmail", "--hide", "SIZE")


def test_help_fits_a_screen():
    text = tidymail("serve", "--help").out
    assert text.count("\n") <= 28
    assert max(len(line) for line in text.splitlines()) <= 88
