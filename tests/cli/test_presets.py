"""SMTP servers of mail services by name: each preset sends to a server that takes its login only, and the
header fields that arrive say what was asked, as Python's reader has them."""

import email
import email.policy
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from command import BINARY, send, tidymail

ROOT = Path(__file__).parent.parent.parent
TEXT = {"Name": "Grüße \"A\" \\ B", "n2": "日本語 😀", "long": "word " * 60 + "end", "k": "v"}

# (URL without its options, user and password that must arrive)
LOGINS = [
    ("mailgun+smtp://postmaster%40mg.example.org:S3CRETpw@", "postmaster@mg.example.org", "S3CRETpw"),
    ("sendgrid+smtp://SG.S3CRETkey@", "apikey", "SG.S3CRETkey"),
    ("sendgrid+smtp://apikey:SG.S3CRETkey@", "apikey", "SG.S3CRETkey"),
    ("ses+smtp://AKIAEXAMPLE:some+secret+key@eu-central-1", "AKIAEXAMPLE",
     "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
    ("postmark+smtp://S3CRET-token@", "S3CRET-token", "S3CRET-token"),
    ("resend+smtp://re_S3CRET@", "resend", "re_S3CRET"),
    ("sparkpost+smtp://S3CRETkey@", "SMTP_Injection", "S3CRETkey"),
    ("brevo+smtp://ann%40example.org:xsmtpsib-S3CRET@", "ann@example.org", "xsmtpsib-S3CRET"),
    ("mailjet+smtp://PUBLIC:S3CRET@", "PUBLIC", "S3CRET"),
    ("mandrill+smtp://md-S3CRET@", "tidymail", "md-S3CRET"),
    ("mailersend+smtp://MS_user:S3CRET@", "MS_user", "S3CRET"),
    ("gmail+smtp://ann%40gmail.com:S3CRETapp@", "ann@gmail.com", "S3CRETapp"),
    ("office365+smtp://ann%40example.org:S3CRETtoken@", "ann@example.org", "S3CRETtoken"),
    ("outlook+smtp://ann%40outlook.com:S3CRETtoken@", "ann@outlook.com", "S3CRETtoken"),
]


def to(server, url, options=""):
    """The preset's URL, with the server in the place of the service's."""
    where = re.search(r"@(127\.0\.0\.1:\d+)\?(ca=.*)", server.url)
    assert where, server.url
    scheme = "smtps" if "smtps://" in server.url else "smtp"
    mark = "&" if "?" in url else "?"
    return f"{url}{mark}endpoint={scheme}://{where[1]}&{where[2]}{options}"


def secrets_of(url, password):
    text = re.match(r"[^/]*//([^@]*)@", url)[1].split(":")[-1]
    return {text, password} - {""}


@pytest.mark.parametrize("url,user,password", LOGINS, ids=[row[0].split(":")[0] for row in LOGINS])
def test_login(serve, url, user, password):
    server = serve("--user", user, "--password", password, store=True)
    done = send(to(server, url), "--json", "--trace")
    assert done.status == 0, done.err
    assert len(server.messages()) == 1
    scheme = url.split(":")[0]
    assert done.json["transport"] == scheme
    assert done.json["server"] == re.search(r"@(127[^?]*)", server.url)[1]
    if scheme.startswith(("office365", "outlook")):
        assert done.json["auth"]["tried"] == ["XOAUTH2"]
    for secret in secrets_of(url, password):
        assert secret not in done.out and secret not in done.err
    # the same with what only the other preset has: refused, and nothing shown
    wrong = serve("--user", user, "--password", password + "x")
    for auth in ("", "&auth=login", "&auth=plain"):
        done = send(to(wrong, url, auth), "--json", "--trace")
        if scheme.startswith(("office365", "outlook")) and auth == "":
            assert done.json["error"]["kind"] in ("authentication", "temporary")
        else:
            assert done.json["error"]["kind"] == "authentication"
        for secret in secrets_of(url, password):
            assert secret not in done.out and secret not in done.err


def test_login_from_elsewhere(serve):
    server = serve("--user", "apikey", "--password", "K3Y", store=True)
    url = to(server, "sendgrid+smtp://", "&password-from=env:SENDGRID_API_KEY")
    assert send(url, env={"SENDGRID_API_KEY": "K3Y"}).status == 0
    assert send(to(server, "sendgrid+smtp://"), "--user", "apikey", "--password", "K3Y").status == 0
    server = serve("--user", "AKIA1", "--password", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2")
    url = to(server, "ses+smtp://AKIA1@eu-central-1", "&password-from=env:AWS_SECRET_ACCESS_KEY")
    assert send(url, env={"AWS_SECRET_ACCESS_KEY": "some+secret+key"}).status == 0


def test_tls_at_once(serve):
    server = serve("--implicit-tls", "--user", "resend", "--password", "K", store=True)
    done = send(to(server, "resend+smtps://K@"), "--json")
    assert done.status == 0, done.err
    assert done.json["transport"] == "resend+smtps"
    assert done.json["tls"]["version"] is not None


def asked(serve, url, *words):
    """The message that arrives, of what is asked by options of the command."""
    server = serve(store=True)
    done = send(to(server, url), *words, "--json")
    assert done.status == 0, done.out + done.err
    assert done.json["notes"] == []
    raw = server.messages()[0]
    head = raw.split(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    assert all(byte < 128 for byte in head)
    return email.message_from_bytes(raw, policy=email.policy.SMTP)


def metadata():
    return [word for name, value in TEXT.items() for word in ("--metadata", f"{name}={value}")]


def the_json(message, name):
    """The value of a field that stands once, unfolded as RFC 5322 2.2.3 has it."""
    values = [v for k, v in message.raw_items() if k.lower() == name.lower()]
    assert len(values) == 1
    return json.loads(str(values[0]).replace("\r\n", "").replace("\n", ""))


TRACK = ("--track-opens", "no", "--track-clicks", "yes")


def test_mailgun(serve):
    message = asked(serve, "mailgun+smtp://u:p@?require-tls=yes", "--tag", "one", "--tag", "two words",
                    *metadata(), *TRACK, "--sandbox", "--send-at", "2026-11-24T14:25:20Z")
    assert message.get_all("X-Mailgun-Tag") == ["one", "two words"]
    assert the_json(message, "X-Mailgun-Variables") == TEXT
    assert message["X-Mailgun-Track-Opens"] == "no" and message["X-Mailgun-Track-Clicks"] == "yes"
    assert message["X-Mailgun-Drop-Message"] == "yes"
    assert message["X-Mailgun-Deliver-By"] == "Tue, 24 Nov 2026 14:25:20 +0000"
    assert message["X-Mailgun-Require-TLS"] == "yes"
    assert message["Subject"] == "A test" and message.get_content() == "Hello\r\n"


def test_sendgrid(serve):
    message = asked(serve, "sendgrid+smtp://K@?asm-group-id=3", "--tag", "one", "--tag", "Grüße", *metadata(),
                    *TRACK)
    assert the_json(message, "X-SMTPAPI") == {
        "category": ["one", "Grüße"], "unique_args": TEXT, "asm_group_id": 3,
        "filters": {"opentrack": {"settings": {"enable": 0}}, "clicktrack": {"settings": {"enable": 1}}}}


def test_ses(serve):
    message = asked(serve, "ses+smtp://I:S@eu-west-1?configuration-set=shop", "--tag", "one", "--tag",
                    "two", "--metadata", "a=1", "--metadata", "b=x_-2")
    assert message["X-SES-CONFIGURATION-SET"] == "shop"
    assert message["X-SES-MESSAGE-TAGS"] == "tag=one, tag2=two, a=1, b=x_-2"


def test_postmark(serve):
    message = asked(serve, "postmark+smtp://T@?stream=receipts", "--tag", "Grüße", *metadata(), *TRACK)
    assert message["X-PM-Tag"] == "Grüße"
    for name, value in TEXT.items():
        assert message[f"X-PM-Metadata-{name}"] == value
    assert message["X-PM-Track-Opens"] == "false" and message["X-PM-Track-Links"] == "HtmlAndText"
    assert message["X-PM-Message-Stream"] == "receipts"


def test_resend(serve):
    message = asked(serve, "resend+smtp://K@", "--idempotency-key", "order-7/mail-1")
    assert message["Resend-Idempotency-Key"] == "order-7/mail-1"


def test_sparkpost(serve):
    message = asked(serve, "sparkpost+smtp://K@?campaign-id=spring", "--tag", "one", *metadata(), *TRACK,
                    "--sandbox")
    assert the_json(message, "X-MSYS-API") == {
        "tags": ["one"], "metadata": TEXT, "campaign_id": "spring",
        "options": {"open_tracking": False, "click_tracking": True, "sandbox": True}}


def test_mailjet(serve):
    message = asked(serve, "mailjet+smtp://K:S@", "--tag", "spring", *metadata(), *TRACK, "--template", "42",
                    "--template-values", json.dumps(TEXT))
    assert message["X-Mailjet-Campaign"] == "spring"
    assert the_json(message, "X-MJ-EventPayload") == TEXT
    assert message["X-Mailjet-TrackOpen"] == "0" and message["X-Mailjet-TrackClick"] == "1"
    assert message["X-MJ-TemplateID"] == "42" and message["X-MJ-TemplateLanguage"] == "True"
    assert the_json(message, "X-MJ-Vars") == TEXT


def test_mandrill(serve):
    message = asked(serve, "mandrill+smtp://K@?important=yes", "--tag", "one", "--tag", "two", *metadata(),
                    *TRACK, "--send-at", "2026-11-24T14:25:20Z")
    assert message["X-MC-Tags"] == "one,two"
    assert the_json(message, "X-MC-Metadata") == TEXT
    assert message["X-MC-Track"] == "clicks"
    assert message["X-MC-SendAt"] == "2026-11-24 14:25:20"
    assert message["X-MC-Important"] == "true"


def test_mailersend(serve):
    message = asked(serve, "mailersend+smtp://u:p@", "--tag", "one", "--tag", "two")
    assert message["X-MailerSend-Tags"] == "one,two"


def test_signed_message(serve, tmp_path):
    """The fields stand in front of the signature, and the message behind it is untouched."""
    dkim = pytest.importorskip("dkim", reason="dkimpy (python3-dkim) is not installed")
    from dkim_readers import make_key
    key, record = make_key(tmp_path, "rsa")
    server = serve(store=True)
    done = send(to(server, "postmark+smtp://T@"), "--tag", "one", "--dkim",
                f"domain=example.org;selector=sel;key={key}", "--json")
    assert done.status == 0, done.out + done.err
    raw = server.messages()[0]
    assert raw.index(b"X-PM-Tag: one\r\n") < raw.index(b"DKIM-Signature:")
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: record.encode())


@pytest.mark.parametrize("url,word", [("smtp://127.0.0.1:1", "an SMTP server"),
                                      ("gmail+smtp://a:p@", "Gmail over SMTP"),
                                      ("brevo+smtp://a:p@", "Brevo over SMTP")])
def test_refused_before_anything_is_sent(url, word):
    done = send(url, "--tag", "one", "--json")
    assert done.status == 65
    assert done.json["error"]["message"] == f"tags: {word} does not take this"
    assert done.json["error"]["phase"] == "prepare"


def test_left_out(serve):
    server = serve(store=True)
    done = send(to(server, "brevo+smtp://a:p@", "&unsupported=drop"), "--tag", "one", "--json")
    assert done.status == 0
    assert done.json["notes"] == ["left out: tags, which Brevo over SMTP does not take"]
    assert b"one" not in server.messages()[0].split(b"\r\n\r\n")[0]


def test_members_of_a_group(serve):
    """Each member says what is asked in its own fields, and the one before leaves nothing behind."""
    server = serve(store=True)
    url = (f"failover(mailgun+smtp://u:p@?endpoint=smtp://127.0.0.1:1 {to(server, 'postmark+smtp://T@')})")
    done = send(url, "--tag", "one", "--json")
    assert done.status == 0, done.out + done.err
    message = email.message_from_bytes(server.messages()[0], policy=email.policy.SMTP)
    assert message["X-PM-Tag"] == "one" and message["X-Mailgun-Tag"] is None


def test_endpoint_is_the_only_host():
    """Without endpoint= the service's own host is asked, and its name is in the report."""
    done = send("postmark+smtp://S3CRET@?connect-timeout=0.2&proxy=" + quote("socks5://127.0.0.1:1"),
                "--json")
    assert done.json["error"]["kind"] == "connection"
    assert done.json["server"] == "smtp.postmarkapp.com:587"
    assert "S3CRET" not in done.out + done.err


PRESET = re.compile(r'^P\((.*?)\)$', re.MULTILINE | re.DOTALL)


def presets():
    for body in PRESET.findall((ROOT / "src/transport/presets.def").read_text()):
        yield [text if text else word for text, word in
               re.findall(r'"([^"]*)"|([^\s",][^,]*)', body.replace("\n", " "))]


def test_documentation():
    """docs/smtp-presets.md has every preset with the facts of presets.def."""
    text = (ROOT / "docs/smtp-presets.md").read_text()
    rows = {row[0]: row for row in
            (re.findall(r"^\| `(\w+)\+smtp://([^`]*)` \| (.*?) \| (.*?) \| (.*?) \|", text, re.MULTILINE))}
    found = list(presets())
    assert len(found) >= 13
    for word, _, host, other, other_host, ports, tls_ports, _, user, form, *_ in found:
        row = rows.pop(word)
        assert row[1] == form, word
        assert f"`{host.replace('%R', 'REGION')}`" in row[2]
        assert not other or f"`{other}`: `{other_host}`" in row[2]
        assert (row[3], row[4]) == (ports, tls_ports or "none"), word
    assert not rows


def test_documented_options():
    """The table of options lists those that the services take, and no other."""
    text = (ROOT / "docs/smtp-presets.md").read_text()
    source = (ROOT / "src/transport/preset_fields.c").read_text()
    for word, listed in re.findall(r"^\| `(\w+)` \| ((?:`[a-z-]+` ?)+) ?\|", text, re.MULTILINE):
        table = re.search(r"tdm_options_%s\[\] = \{(.*?)\{0\}\}" % word, source, re.DOTALL)[1]
        assert re.findall(r"`([a-z-]+)`", listed) == re.findall(r'\{"([a-z-]+)"', table)


def test_command_shows_no_key():
    done = tidymail("send", "--url", "sendgrid+smtp://S3CRET@host", "--from", "a@example.org", "--to",
                    "b@example.org", "--text", "x")
    assert done.status == 78
    assert "S3CRET" not in done.out + done.err
    assert "sendgrid+smtp://KEY@" in done.err
    assert subprocess.run([BINARY, "send", "--url", "sendgrid+smtp://S3CRET/x@", "--from", "a@example.org",
                           "--to", "b@example.org", "--text", "x"], capture_output=True,
                          check=False).returncode == 78


def test_check(serve):
    """tidymail check walks the preset's session, its login too."""
    server = serve("--user", "apikey", "--password", "K3Y")
    url = to(server, "sendgrid+smtp://K3Y@")
    done = tidymail("check", url, "--from", "ann@example.org", "--to", "bob@example.org", "--json")
    assert done.status == 0, done.out
    stages = {stage["stage"]: stage["status"] for stage in json.loads(done.out)["stages"]}
    assert stages["auth"] == "ok" and stages["rcpt"] == "ok"
    done = tidymail("check", to(server, "sendgrid+smtp://WR0NG@"), "--json")
    assert done.status == 77
    assert json.loads(done.out)["phase"] == "auth"
    assert "WR0NG" not in done.out + done.err
