"""Signatures of render: verified by readers that are not ours, refused with a reason."""

import random

import pytest

import dkim_readers
from command import tidymail

FORMS = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """kind -> (path, selector); and the DNS records."""
    folder = tmp_path_factory.mktemp("keys")
    made, records = {}, {}
    for kind in ("rsa", "ed25519"):
        path, record = dkim_readers.make_key(folder, kind)
        made[kind] = path
        records[f"{kind}._domainkey.example.com"] = record
    return made, records


def dkim(keys, kind, more=""):
    return f"domain=example.com;selector={kind};key={keys[kind]}{more}"


TEXTS = ["", "Hi there!\n", "one\n\n\n", " a  line \t with   blanks \t\n\n \n", "gr\u00fc\u00dfe " * 90,
         "x" * 3000, ".\n..\nFrom here\n", "a\tb\r\nc\rd\n"]


def messages(seed):
    """Options of generated messages."""
    chance = random.Random(seed)
    for number in range(24):
        words = ["--from", "Jos\u00e9 <no-reply@example.com>", "--to", "ann@example.org",
                 "--bcc", "hidden@example.net",
                 "--subject", chance.choice(["short", "gr\u00fc\u00df dich " * 12, "a  b   c " * 20])]
        words += ["--text", chance.choice(TEXTS) or "\n"]
        if chance.random() < 0.4:
            words += ["--html", "<p>" + chance.choice(TEXTS) + "</p>"]
        for k in range(chance.randrange(3)):
            words += ["--header", f"X-Field-{k}:  {'v ' * chance.randrange(1, 60)}"]
        yield number, words


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("verifier", dkim_readers.VERIFIERS, ids=lambda v: v.__name__)
def test_every_signature_verifies(keys, tmp_path, verifier, form):
    if verifier in dkim_readers.MISSING:
        pytest.skip(dkim_readers.MISSING[verifier])
    made, records = keys
    for number, words in messages(20261124):
        done = tidymail("render", *words, "--dkim", dkim(made, "rsa", f";c={form}"),
                        "--dkim", dkim(made, "ed25519", f";c={form};expires=3600"))
        assert done.status == 0, done.err
        assert b"hidden@example.net" not in done.raw
        assert max(len(line) for line in done.raw.split(b"\r\n\r\n")[0].split(b"\r\n")) <= 998
        results = verifier(done.raw, records, tmp_path)
        assert len(results) == 2 and False not in results and True in results, (number, results)


@pytest.mark.parametrize("verifier", dkim_readers.VERIFIERS, ids=lambda v: v.__name__)
def test_a_changed_message_fails(keys, tmp_path, verifier):
    if verifier in dkim_readers.MISSING:
        pytest.skip(dkim_readers.MISSING[verifier])
    made, records = keys
    raw = tidymail("render", "--from", "a@example.com", "--to", "b@example.org", "--subject", "s",
                   "--text", "pay 10", "--dkim", dkim(made, "rsa")).raw
    assert verifier(raw, records, tmp_path) == [True]
    for changed in (raw.replace(b"pay 10", b"pay 99"), raw.replace(b"Subject: s", b"Subject: t"),
                    raw.replace(b"Subject: s", b"Subject: s\r\nSubject: t")):
        assert changed != raw
        assert True not in verifier(changed, records, tmp_path)


def test_ready_made_messages_are_signed(keys, tmp_path):
    made, records = keys
    source = tmp_path / "in.eml"
    source.write_bytes(b"From: a@example.com\nTo: b@example.org\nBcc: c@example.org\n"
                       b"Subject: folded\n  here \n\nbody \n\n\n")
    for form in FORMS:
        raw = tidymail("render", "--eml", str(source), "--dkim",
                       dkim(made, "rsa", f";c={form}")).raw
        assert b"Bcc" not in raw
        for verifier in dkim_readers.VERIFIERS:
            if verifier not in dkim_readers.MISSING:
                assert verifier(raw, records, tmp_path) == [True]


def test_chosen_headers_and_identity(keys, tmp_path):
    made, records = keys
    raw = tidymail("render", "--from", "a@example.com", "--to", "b@example.org", "--subject", "s",
                   "--text", "x", "--dkim",
                   dkim(made, "rsa", ";headers=from:From:subject;identity=@mail.example.com")).raw
    head = raw.split(b"\r\n\r\n")[0]
    assert b" h=from:From:subject;" in head and b" i=@mail.example.com;" in head
    for verifier in dkim_readers.VERIFIERS:
        if verifier not in dkim_readers.MISSING:
            assert verifier(raw, records, tmp_path) == [True]


@pytest.mark.parametrize("more, words", [
    (";domain=x", "domain stands there twice"),
    (";speed=1", "unknown part 'speed'"),
    (";expires=0", "expires is a number of seconds above 0"),
    (";nothing", "'nothing' is not of the form name=value"),
    (";c=loose", "DKIM canonicalization: not relaxed or simple"),
    (";headers=to:subject", "DKIM headers: From must be among them"),
    (";headers=from::to", "DKIM headers: an empty name at offset 5"),
    (";headers=from:DKIM-Signature", "a signature does not sign itself at offset 5"),
    (";identity=joe@example.net", "DKIM identity: it is not in the signing domain"),
    (";identity=joe", "DKIM identity: it has no @"),
])
def test_bad_parts_are_named(keys, more, words):
    done = tidymail("render", "--from", "a@example.com", "--to", "b@example.org", "--text", "x",
                    "--dkim", dkim(keys[0], "rsa", more))
    assert done.status in (64, 65) and words in done.err and done.out == ""


def test_bad_keys_are_named(keys, tmp_path):
    made, _ = keys
    small, _ = dkim_readers.make_key(tmp_path, "rsa", 768)
    public = tmp_path / "public.pem"
    public.write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    (tmp_path / "words.txt").write_text("hello\n")
    cases = [(tmp_path / "none.pem", "cannot read", 71), (small, "less than 1024 bits", 65),
             (public, "it is a public key", 65), (tmp_path / "words.txt", "it is not PEM", 65)]
    for path, words, status in cases:
        done = tidymail("render", "--from", "a@example.com", "--to", "b@example.org", "--text", "x",
                        "--dkim", f"domain=example.com;selector=s;key={path}")
        assert done.status == status and words in done.err, done.err


def test_what_cannot_be_read_twice_is_named(keys):
    done = tidymail("render", "--from", "a@example.com", "--to", "b@example.org", "--text", "x",
                    "--attach", "-;name=pipe.bin", "--dkim", dkim(keys[0], "rsa"), stdin=b"x" * 99)
    assert done.status == 65 and "pipe.bin" in done.err and "read twice" in done.err, done.err
