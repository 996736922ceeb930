"""examples/switch_provider.c: one message, and TIDYMAIL_URL alone says what carries it. It goes through an
SMTP server and through the doubles of mail services, and what arrives is read by Python."""

import email
import email.policy
import os
import re
import subprocess
from pathlib import Path

import pytest

from command import HERE, Server, tidymail

BUILD = Path(os.environ.get("TIDYMAIL_BUILD", HERE.parent.parent / "build/asan"))
PROGRAM = BUILD / "tests/examples/switch_provider"
NO_TAGS = ("gmail", "graph")

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")


def switch(url):
    """(exit status, what it prints by name) with nothing changed but the URL."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("TIDYMAIL_")}
    done = subprocess.run([PROGRAM, "Ann Lee <ann@example.org>", "bob@example.org"],
                          env={**env, "TIDYMAIL_URL": url}, capture_output=True, timeout=60, check=False)
    assert done.stderr == b""
    said = {}
    for line in done.stdout.decode().splitlines():
        name, value = line.split(": ", 1)
        said.setdefault(name, []).append(value)
    return done.returncode, said


def content(raw):
    """What a reader gets of the message."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    files = [(part.get_filename(), part.get_content_type(), part.get_content())
             for part in message.iter_attachments()]
    return {"from": str(message["From"]), "to": str(message["To"]), "subject": str(message["Subject"]),
            "reply-to": str(message["Reply-To"]),
            "text": message.get_body(("plain",)).get_content().strip(),
            "html": message.get_body(("html",)).get_content().strip(), "files": files}


@pytest.fixture
def doubles(tmp_path):
    """(URLs of the doubles by service, the server)"""
    server = Server("--api", store=tmp_path / "services")
    urls = {}
    while "graph" not in urls:  # the last of them
        line = server.process.stdout.readline().decode().rstrip("\n")
        assert "://" in line, urls
        urls[line.split("://")[0]] = line
    known = tidymail("providers", "--json").out
    yield {name: url for name, url in urls.items() if f'"{name}"' in known}, server
    server.end()


def test_one_url(serve, doubles):
    urls, services = doubles
    smtp = serve("--user", "ann", "--password", "S3CRET", store=True)
    status, said = switch(smtp.url)
    assert status == 0, said
    assert said["through"] == ["smtp"] and said["outcome"] == ["sent"]
    assert said["note"] == ["left out: tags, which an SMTP server does not take"]
    wanted = content(smtp.messages()[0])
    assert wanted["subject"] == "Grüße, wherever this goes"
    assert wanted["files"] == [("picture.png", "image/png", b"\x89PNG\r\n\x1a\n and so on")]
    assert len(urls) >= 3
    for number, (name, url) in enumerate(urls.items()):
        status, said = switch(url)
        assert status == 0, (name, said)
        assert said["through"] == [name] and said["outcome"] == ["sent"]
        assert name == "graph" or said["service's id"][0] != ""
        assert len(said.get("note", [])) == (name in NO_TAGS), (name, said)
        stored = services.messages()
        assert len(stored) == number + 1
        assert content(stored[-1]) == wanted, name


def test_presets_too(serve):
    """The same program through the services' SMTP servers."""
    smtp = serve(store=True)
    where = re.search(r"@(127\.0\.0\.1:\d+)\?(ca=.*)", smtp.url)
    rest = f"endpoint=smtp://{where[1]}&{where[2]}"
    for url in ("mailgun+smtp://u:p@", "sendgrid+smtp://K@", "ses+smtp://ID:SECRET@eu-west-1",
                "postmark+smtp://T@"):
        status, said = switch(f"{url}?{rest}")
        assert status == 0, said
        assert said["through"] == [url.split("://")[0]] and said["outcome"] == ["sent"]
    arrived = [content(raw) for raw in smtp.messages()]
    assert len(arrived) == 4 and all(one == arrived[0] for one in arrived)
    heads = [raw.split(b"\r\n\r\n")[0] for raw in smtp.messages()]
    assert b"X-Mailgun-Tag: switch" in heads[0]
    assert b"X-PM-Tag: switch" in heads[3]


def test_what_fails_is_said():
    status, said = switch("smtp://127.0.0.1:1")
    assert status == 1
    assert said["outcome"] == ["not sent"] and said["again later"] == ["yes"]
    status, said = switch("nonsense")
    assert status == 1 and said["again later"] == ["no"]
    assert said["what to do"][0] != ""
