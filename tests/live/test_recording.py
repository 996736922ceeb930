"""A recording of a session with a real server replays to the same report, and holds no secret."""

import base64
import json

import pytest

from live_server import DOMAIN, PASSWORD, USER
from test_every_server import ANN, SENDER, result


def facts(report):
    error = report["error"] or {}
    return (report["outcome"], error.get("kind"), error.get("phase"), error.get("code"),
            [(one["outcome"], one["code"]) for one in report["recipients"]])


@pytest.mark.parametrize("password, to, options", [
    (PASSWORD, ANN, {}),
    (PASSWORD, ANN, {"pipelining": "no"}),
    (PASSWORD, ANN, {"chunking": "yes"}),
    (PASSWORD, ANN, {"auth": "login"}),
    (PASSWORD, f"nobody-here@{DOMAIN}", {}),
    ("wrong-Pa55word", ANN, {"auth": "plain"}),
], ids=["sent", "one-by-one", "bdat", "login", "unknown-recipient", "wrong-password"])
def test_a_postfix_session_replays(postfix, tidymail, tmp_path, password, to, options):
    path = tmp_path / "postfix.scn"
    done = tidymail("send", "--json", "--record", str(path), "--from", SENDER, "--to", to,
                    "--subject", "s", "--text", "a line of the body",
                    url=postfix.url(password=password, **options))
    again = tidymail("replay", "--json", str(path), url="")
    text = path.read_text()
    assert again.returncode == 0, again.stderr + text
    assert facts(json.loads(again.stdout)) == facts(result(done))
    blob = base64.b64encode(f"\0{USER}@{DOMAIN}\0{password}".encode()).decode()
    for secret in (password, blob, base64.b64encode(password.encode()).decode().rstrip("=")):
        assert secret not in text
    assert "a line of the body" not in text
    assert "ESMTP Postfix" in text


def test_a_check_of_postfix_replays(postfix, tidymail, tmp_path):
    path = tmp_path / "check.scn"
    done = tidymail("check", "--record", str(path), "--from", SENDER, "--to", ANN,
                    url=postfix.url())
    assert done.returncode == 0, done.stdout
    again = tidymail("replay", str(path), url="")
    assert again.returncode == 0, again.stderr + path.read_text()
    assert PASSWORD not in path.read_text()
