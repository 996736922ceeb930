"""`tidymail check`: twenty broken set-ups, the shape of --json, the exit status, what is printed."""

import json
import re

import pytest

import check_setups
from command import tidymail

STAGES = ("resolve connect greeting ehlo starttls tls ehlo2 auth mail rcpt rset quit").split()


@pytest.fixture
def stand(tmp_path):
    one = check_setups.Stand(tmp_path)
    yield one
    one.end()


@pytest.mark.parametrize("title,function", check_setups.SETUPS,
                         ids=[title for title, _ in check_setups.SETUPS])
def test_a_broken_setup_is_explained_and_mended(title, function, stand):
    check_setups.run(stand, function)


def test_there_are_twenty():
    assert len(check_setups.SETUPS) == 20


def test_json_has_every_key(stand):
    url = stand.serve("--user", "ann", "--password", "s3cret-word", "--require-auth")
    done = tidymail("check", url, "--from", "a@example.com", "--to", "b@example.org", "--json")
    found = json.loads(done.out)
    assert done.out.count("\n") == 1 and done.status == 0 and done.err == ""
    assert list(found) == ["verdict", "summary", "kind", "phase", "code", "suggested_url", "stages",
                           "capabilities", "certificate"]
    assert (found["verdict"], found["kind"], found["phase"], found["code"]) == ("ok", None, None, None)
    assert [stage["stage"] for stage in found["stages"]] == STAGES
    for stage in found["stages"]:
        assert list(stage) == ["stage", "status", "ms", "detail", "advice"]
        assert stage["status"] == "ok" and isinstance(stage["ms"], int)
    assert "PIPELINING" in found["capabilities"]
    assert not any(word.startswith("STARTTLS") for word in found["capabilities"])
    certificate = found["certificate"]
    assert "localhost" in certificate["names"] and certificate["verified"] is True
    assert re.fullmatch("[0-9a-f]{64}", certificate["sha256"]) and certificate["problem"] is None
    assert "s3cret-word" not in done.out


def test_a_refused_certificate_is_shown(stand):
    url = stand.serve()
    found, status = check_setups.check(url.partition("?")[0])
    assert status == 77 and found["kind"] == "tls" and found["phase"] == "tls"
    assert found["certificate"]["verified"] is False
    assert "not trusted" in found["certificate"]["problem"]
    assert "tidymail test CA" in found["certificate"]["issuer"]


def test_clauses_of_the_standards_are_named(stand):
    url = stand.play("odd", "S: 220", "C: EHLO *", "S: 250-mx.example", "S: 250-AUTH=PLAIN",
                     "S: 250-XXXXXXXA", "S: 250-XXXXXXXX", "S: 250 SIZE", "C: MAIL FROM:*",
                     "S: 250 5.1.0 odd", "C: RCPT TO:*", "S: 250 ok", "C: RSET", "S: 250 ok",
                     "C: QUIT", "@close")
    found, status = check_setups.check(url, "--from", "a@example.com", "--to", "b@example.org")
    assert found["verdict"] == "warning" and status == 0
    stages = {stage["stage"]: stage for stage in found["stages"]}
    assert "RFC 5321 4.2" in stages["greeting"]["detail"]
    assert "RFC 8314 3" in stages["ehlo"]["detail"] and "RFC 2554" in stages["ehlo"]["detail"]
    assert "overwritten: XXXXXXXX" in stages["ehlo"]["detail"]
    assert "XXXXXXXA" not in stages["ehlo"]["detail"].replace("offers AUTH=PLAIN, XXXXXXXA", "")
    assert "RFC 2034 4" in stages["mail"]["detail"]
    assert "RFC 5321 4.1.1.10" in stages["quit"]["detail"] and stages["quit"]["status"] == "warning"


def test_people_read_the_summary_first(stand):
    url = stand.serve("--user", "ann", "--password", "right")
    done = tidymail("check", url.replace("right", "wrong"))
    lines = done.out.splitlines()
    assert done.status == 77
    assert lines[0].startswith("authentication failed: the server refused the password (535")
    assert lines[1].startswith("=> ")
    assert "\033" not in done.out and done.err == ""
    assert any(re.match(r"  failed   auth ", line) for line in lines)
    assert "wrong" not in done.out


@pytest.mark.parametrize("words", [[], ["--from", "a@example.com"], ["a", "b"],
                                   ["smtp://h", "--size", "x", "--to", "b@example.org"]])
def test_usage(words):
    done = tidymail("check", *words)
    assert done.status == 64 and done.out == ""


def test_a_bad_url_is_said():
    done = tidymail("check", "smtp://", "--json")
    found = json.loads(done.out)
    assert done.status == 78 and found["kind"] == "configuration" and "no host" in found["summary"]
    done = tidymail("check", "memory:")
    assert done.status == 78 and "no session to check" in done.out


@pytest.mark.parametrize("rule, stage, status, words", [
    ("mail: 553 5.7.1 no", "rcpt", "skipped", "not reached"),
    ("rset: 500 what", "rset", "warning", "RSET is refused (RFC 5321 4.1.1.5)"),
    ("quit: 250 bye", "quit", "warning", "another code than 221 (RFC 5321 4.1.1.10)"),
    ("quit: close", "quit", "warning", "ends the connection without 221"),
])
def test_a_stage_says_what_it_was(serve, rule, stage, status, words):
    done = tidymail("check", serve("--fault", rule).url, "--from", "a@example.com", "--to",
                    "b@example.org", "--json")
    found = {one["stage"]: one for one in json.loads(done.out)["stages"]}[stage]
    assert found["status"] == status and words in found["detail"]


@pytest.mark.parametrize("rule, words", [
    ("rcpt: 550 5.7.1 relaying denied", "only after a login"),
    ("rcpt: 550 5.1.1 gone", "check its spelling"),
    ("rcpt: 550 no", "does not take mail for this recipient"),
    ("rcpt: 451 4.7.1 greylisted", "second try in some minutes"),
    ("ehlo: 502", "neither encrypt nor take a login"),
    ("ehlo: reset", "ended the session"),
    ("mail: 503 5.5.1 say EHLO first", "say it first"),
])
def test_what_is_wrong_has_a_next_step(serve, rule, words):
    done = tidymail("check", serve("--fault", rule).url, "--from", "a@example.com", "--to",
                    "b@example.org", "--json")
    advice = " ".join(one["advice"] or "" for one in json.loads(done.out)["stages"])
    assert words in advice and "message was not delivered" not in advice
