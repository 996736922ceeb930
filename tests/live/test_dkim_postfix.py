"""Signatures that went through a real Postfix still verify, with each verifier that is there."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import dkim_readers  # noqa: E402
from live_server import DOMAIN  # noqa: E402
from test_every_server import ANN, SENDER, result  # noqa: E402

TEXTS = ["Hi there!\n", ".\n..\nFrom here\n\n\n", "gr\u00fc\u00dfe, \u65e5\u672c " * 60, "x" * 2500,
         "blanks \t at the end  \n \n"]


def all_verify(message, records, folder):
    """Both signatures, by each verifier; Mail::DKIM knows no Ed25519."""
    for verifier in dkim_readers.VERIFIERS:
        if verifier not in dkim_readers.MISSING:
            results = verifier(message, records, folder)
            assert len(results) == 2 and False not in results and True in results, results


@pytest.mark.parametrize("form", ["relaxed/relaxed", "simple/simple"])
def test_signatures_survive_postfix(postfix, tidymail, tmp_path, form):
    if len(dkim_readers.MISSING) == len(dkim_readers.VERIFIERS):
        pytest.skip("; ".join(dkim_readers.MISSING.values()))
    options, records = [], {}
    for kind in ("rsa", "ed25519"):
        path, record = dkim_readers.make_key(tmp_path, kind)
        records[f"{kind}._domainkey.{DOMAIN}"] = record
        options += ["--dkim", f"domain={DOMAIN};selector={kind};key={path};c={form}"]
    attached = tmp_path / "data.bin"
    attached.write_bytes(bytes(range(256)) * 40)
    for number, text in enumerate(TEXTS):
        made = tidymail("render", "--from", f"J\u00f6rg <{SENDER}>", "--to", ANN, "--subject",
                        f"{number} gr\u00fc\u00dfe", "--text", text, "--html", f"<p>{text}</p>",
                        "--attach", str(attached), *options, url="memory:")
        assert made.returncode == 0, made.stderr
        path = tmp_path / f"{number}.eml"
        path.write_bytes(made.stdout.encode().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        all_verify(path.read_bytes(), records, tmp_path)
        done = tidymail("send", "--json", "--eml", str(path), url=postfix.url())
        assert result(done)["outcome"] == "sent", done.stdout
    # and one that is signed as it is sent
    done = tidymail("send", "--json", "--from", SENDER, "--to", ANN, "--subject", "s", "--text",
                    TEXTS[2], *options, url=postfix.url())
    assert result(done)["outcome"] == "sent", done.stdout
    postfix.mailbox("ann", count=len(TEXTS) + 1)
    files = sorted((postfix.home / "mail" / "ann" / "new").iterdir())
    assert len(files) == len(TEXTS) + 1
    for path in files:
        message = path.read_bytes().replace(b"\n", b"\r\n")
        assert b"\r\nReceived: " in message or message.startswith(b"Received: ")
        all_verify(message, records, tmp_path)
