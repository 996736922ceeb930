"""`--record`, `tidymail replay` and `--trace-json`: a session becomes a scenario that gives the same
report again, and holds no secret."""

import base64
import json
import os
import re
from pathlib import Path

import pytest

from command import Server, send, tidymail

SCENARIOS = Path(__file__).parent.parent / "scenarios"
STORIES = sorted(path.relative_to(SCENARIOS).as_posix() for path in SCENARIOS.glob("*/*.scn"))
# Not to be recorded over a socket in a moment: they take their time, or ask for a message or a
# moment of their own (tests/unit/test_scenarios_sockets.c has the same reasons).
SLOW = re.compile(r"^@(wait|silence|bytewise|repeat)", re.M)
OWN = re.compile(r"^client:.*\b(size|body|smtputf8|utf8|binary|notify|ret|envid|require-tls|by|hold-for"
                 r"|hold-until|priority|nonce|binding|verify|partial|(reply-|final-)?timeout)=", re.M)
MOMENT = {
    "body/250-before-the-end.scn", "body/451-before-the-end.scn", "body/552-before-the-end.scn",
    "body/554-before-the-end-under-tls.scn", "body/closed.scn", "body/reset.scn",
    "greeting/reset.scn", "mail/451-behind-235-then-close.scn",
    "starttls/injected-opportunistic.scn", "starttls/injected-refusal.scn",
    "starttls/injected-session.scn", "auth/oauthbearer-of-the-rfc.scn",
    "rcpt/null-reverse-path.scn", "rcpt/same-recipient-twice.scn",
}
EVERY = int(os.environ.get("TIDYMAIL_RECORD_EVERY", "12"))


def plays(name):
    text = (SCENARIOS / name).read_text(errors="surrogateescape")
    return not (SLOW.search(text) or OWN.search(text) or name in MOMENT
                or "class: extra-replies" in text)


def chosen():
    names = [name for name in STORIES if plays(name)]
    story = [name for name in names if "mailgun" in name]
    return sorted(set(story) | set(names[::EVERY]))


def facts(result):
    error = result["error"] or {}
    return (result["outcome"], error.get("kind"), error.get("phase"), error.get("code"),
            error.get("retryable"), error.get("maybe_delivered"),
            [(one["outcome"], one["code"]) for one in result["recipients"]])


def no_secret(text, *passwords):
    for password in passwords:
        assert password not in text
        encoded = base64.b64encode(password.encode()).decode().rstrip("=")
        assert encoded not in text
        for user in ("bench", "ann", "user"):
            blob = base64.b64encode(f"\0{user}\0{password}".encode()).decode().rstrip("=")
            assert blob not in text


def replayed(path, wanted):
    done = tidymail("replay", "--json", str(path))
    assert done.status == 0, done.err + path.read_text(errors="replace")
    assert facts(done.json) == wanted


@pytest.mark.parametrize("name", chosen())
def test_a_recorded_scenario_gives_the_same_report(serve, tmp_path, name):
    text = (SCENARIOS / name).read_text(errors="surrogateescape")
    words = dict(re.findall(r"\b(from|to|password)=(\S+)",
                            " ".join(re.findall(r"^client:(.*)", text, re.M))))
    to = re.findall(r"\bto=(\S+)", " ".join(re.findall(r"^client:(.*)", text, re.M)))
    to = [one.strip('"') for word in to for one in word.split(",")] or ["ann@example.org"]
    path = tmp_path / "recorded.scn"
    server = serve("--script", str(SCENARIOS / name))
    done = send(server.url, "--json", "--record", str(path), to=to)
    replayed(path, facts(done.json))
    if len(words.get("password", "")) > 4:
        no_secret(path.read_text(errors="replace"), words["password"].strip('"'))


PASSWORD = "s3cret-Pa55word"


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram-md5", "scram-sha-256",
                                       "scram-sha-1", "xoauth2", "oauthbearer"])
@pytest.mark.parametrize("right", [True, False])
def test_no_login_leaves_its_secret(serve, tmp_path, mechanism, right):
    server = serve("--user", "ann", "--password", PASSWORD)
    path, trace = tmp_path / "login.scn", tmp_path / "trace.json"
    given = PASSWORD if right else "wr0ng-Pa55word"
    done = send(server.url, "--json", "--auth", mechanism, "--user", "ann", "--password", given,
                "--record", str(path), f"--trace-json={trace}")
    assert done.status == (0 if right else 77)
    text = path.read_text()
    no_secret(text, PASSWORD, given)
    no_secret(trace.read_text(), PASSWORD, given)
    assert ("written down as one by PLAIN" in " ".join(text.split("\n# "))
            ) == mechanism.startswith("scram")
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    replayed(path, facts(done.json))
    assert "Hello" not in text


RULES = ["rcpt: 451 4.7.1 greylisted", "data: 452 4.3.1 full", "final: close", "final: reset",
         "auth: 535 5.7.8 no, close", "mail: stall 1200ms", "greeting: 554 5.3.2 no", "ehlo: 502",
         "rcpt: 550 5.1.1 gone, to bob@*", "starttls: bad-certificate expired", "connect: close",
         "starttls: bad-certificate self-signed", "starttls: bad-certificate wrong-host",
         "starttls: bad-certificate untrusted-ca", "starttls: no-tls", "quit: close"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("more", [(), ("--implicit-tls",), ("--no-tls",), ("--lmtp",)],
                         ids=["starttls", "implicit", "clear", "lmtp"])
def test_faults_are_recorded(serve, tmp_path, rule, more):
    if rule.startswith("starttls") and more == ("--no-tls",):
        pytest.skip("there is no TLS to go wrong")
    path = tmp_path / "fault.scn"
    server = serve("--fault", rule, *more)
    done = send(server.url, "--json", "--record", str(path), to=("ann@example.org",
                                                                 "bob@example.org"))
    replayed(path, facts(done.json))
    if "stall" in rule:
        assert re.search(r"^@wait 12\d\dms$", path.read_text(), re.M)


def test_the_message_is_recorded_where_that_is_asked_for(serve, tmp_path):
    path = tmp_path / "body.scn"
    done = send(serve().url, "--json", "--record", str(path), "--record-body")
    text = path.read_text()
    assert "\n# Subject: A test\n" in text and text.endswith("\n# Hello\n")
    replayed(path, facts(done.json))


def test_bdat_is_recorded(serve, tmp_path):
    path = tmp_path / "bdat.scn"
    done = send(serve().url, "--json", "--chunking", "yes", "--record", str(path))
    assert path.read_text().count("C: <message>") == 1
    replayed(path, facts(done.json))


def test_a_silent_server_is_recorded(scenario, tmp_path):
    path = tmp_path / "silent.scn"
    server = scenario("S: 220 ready", "C: EHLO *", "@silence",
                      "expect: failed timeout ehlo - retryable")
    done = send(server.url, "--json", "--reply-timeout", "0.5", "--record", str(path))
    assert "@silence" in path.read_text()
    replayed(path, facts(done.json))


@pytest.mark.parametrize("words", [(), ("--from", "ann@example.org", "--to", "bob@example.org")])
@pytest.mark.parametrize("rule", ["rset: 250 fine", "rcpt: 550 5.1.1 gone", "auth: 535 5.7.8 no"])
def test_check_is_recorded(serve, tmp_path, words, rule):
    path = tmp_path / "check.scn"
    done = tidymail("check", serve("--fault", rule).url, *words, "--json", "--record", str(path))
    result = json.loads(done.out)
    again = tidymail("replay", "--json", str(path))
    assert again.status == 0, again.err + path.read_text()
    error = json.loads(again.out)["error"] or {}
    assert (error.get("kind"), error.get("phase"), error.get("code")) == (
        result["kind"], result["phase"], result["code"])


def test_without_a_session_nothing_is_recorded(tmp_path):
    path = tmp_path / "none.scn"
    done = send("smtp://127.0.0.1:1?tls=none", "--record", str(path))
    assert done.status == 75 and "nothing was recorded" in done.err
    assert path.read_text() == ""


def test_http_is_not_recorded(tmp_path):
    path = tmp_path / "none.scn"
    server = Server("--api")
    url = server.process.stdout.readline().decode().strip()
    done = send(url, "--record", str(path))
    server.end()
    assert done.status == 0 and "nothing was recorded" in done.err, done.err
    assert path.read_text() == ""


def test_a_replay_that_is_not_as_expected(tmp_path):
    path = tmp_path / "other.scn"
    lines = ["title: t", "source: s", "client: tls=none", "S: 554 no", "expect: sent"]
    path.write_text("\n".join(lines) + "\n")
    done = tidymail("replay", str(path))
    assert done.status == 1 and "not as expected" in done.out and "line 5" in done.err
    path.write_text("\n".join(lines[:4] + ["expect: failed permanent greeting 554 final"]) + "\n")
    done = tidymail("replay", "--trace", str(path))
    assert done.status == 0 and "as expected" in done.out
    assert "greeting <- 554 no" in done.err
    path.write_text("nonsense\n")
    done = tidymail("replay", str(path))
    assert done.status == 66 and "line 1" in done.err
    assert tidymail("replay").status == 64


def test_trace_json_is_one_object_a_line(serve, tmp_path):
    path = tmp_path / "trace.json"
    assert send(serve().url, f"--trace-json={path}").status == 0
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(list(event) == ["t", "phase", "direction", "tls", "text"] for event in events)
    times = [event["t"] for event in events]
    assert times == sorted(times) and 0 <= times[0] and times[-1] < 60
    assert {event["direction"] for event in events} == {"sent", "received", "note"}
    sent = [event["text"].split()[0] for event in events if event["direction"] == "sent"]
    assert sent[:3] == ["EHLO", "STARTTLS", "EHLO"] and sent[-1] == "QUIT"
    assert [event["tls"] for event in events if event["text"].startswith("EHLO")] == [False, True]
    done = send(serve().url, "--trace-json")
    assert all(json.loads(line) for line in done.err.splitlines())
