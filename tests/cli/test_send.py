"""`tidymail send` against `tidymail serve`: what arrives, what is said, every exit status."""

import email
import email.policy
import json
import os
import re
import stat
from pathlib import Path

import pytest

from command import check_result, send, tidymail

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def parsed(message):
    return email.message_from_bytes(message, policy=email.policy.default)


def text_of(part):
    """Its text with line ends as in Python; the wire has CRLF."""
    return part.get_content().replace("\r\n", "\n")


def test_text_and_html_arrive_over_starttls_with_login(serve):
    server = serve("--user", "ann", "--password", "p/w?#@: +%41", "--require-auth", store=True)
    text, html = "Grüße,\n.dot\n\nAnn\n", "<p>Grüße &amp; 世界</p>\n"
    done = tidymail("send", "--url", server.url, "--from", "Ann Müller <ann@example.org>", "--to",
                    "bob@example.org", "--to=Carl <carl@example.org>", "--cc", "dora@example.org",
                    "--bcc", "eve@example.org", "--reply-to", "desk@example.org", "--subject",
                    "Grüße aus Köln – ¡hola!", "--text", text, "--html", html, "--header",
                    "X-Tag:  one two", "--json")
    assert (done.status, done.err) == (0, "")
    result = done.json
    assert result["outcome"] == "sent" and result["transport"] == "smtp"
    assert result["tls"]["version"] == "TLSv1.3"
    assert result["auth"]["tried"] == ["SCRAM-SHA-256-PLUS"]
    assert [r["address"] for r in result["recipients"]] == [
        "bob@example.org", "carl@example.org", "dora@example.org", "eve@example.org"]
    assert all(r["outcome"] == "sent" and r["code"] == 250 for r in result["recipients"])
    assert result["timings_ms"]["final"] is not None

    (raw,) = server.messages()
    message = parsed(raw)
    assert message["Subject"] == "Grüße aus Köln – ¡hola!"
    assert message["From"].addresses[0].display_name == "Ann Müller"
    assert [a.addr_spec for a in message["To"].addresses] == ["bob@example.org", "carl@example.org"]
    assert message["Cc"].addresses[0].addr_spec == "dora@example.org"
    assert message["Reply-To"].addresses[0].addr_spec == "desk@example.org"
    assert message["X-Tag"] == "one two"
    assert message["Message-ID"] == result["message_id"]
    assert b"eve@" not in raw and message["Bcc"] is None
    assert message.get_content_type() == "multipart/alternative"
    plain, rich = message.iter_parts()
    assert (plain.get_content_type(), text_of(plain)) == ("text/plain", text)
    assert (rich.get_content_type(), text_of(rich)) == ("text/html", html)


def test_people_get_one_line(serve):
    server = serve(store=True)
    done = send(server.url)
    assert done.status == 0 and done.err == ""
    assert re.fullmatch(r"sent to 1 recipient through 127\.0\.0\.1:\d+\n", done.out)


def test_the_environment_names_the_url(serve):
    server = serve(store=True)
    words = ("send", "--from", "ann@example.org", "--to", "bob@example.org", "--text", "x")
    assert tidymail(*words, env={"TIDYMAIL_URL": server.url}).status == 0
    other = tidymail(*words, "--url", "memory:", env={"TIDYMAIL_URL": server.url})
    assert other.status == 0 and len(server.messages()) == 1


def test_options_of_the_command_line_beat_those_of_the_url(serve):
    server = serve("--no-tls", store=True)
    url = server.url.partition("?")[0]
    refused = send(url, "--json")
    assert refused.status == 77 and refused.json["error"]["kind"] == "tls"
    assert send(url, "--tls", "none", "--cleartext-auth=allow").status == 0
    assert send(url + "?tls=starttls&cleartext-auth=no", "--tls=none", "--cleartext-auth",
                "allow").status == 0
    assert len(server.messages()) == 2


def test_user_and_password_as_options(serve):
    server = serve("--user", "ann", "--password", "right", store=True)
    url = server.url.replace("ann:right@", "")
    assert send(url, "--user", "ann", "--password", "right").status == 0
    assert send(server.url, "--password=wrong").status == 77
    assert send(url, "--user", "ann", "--json").json["error"]["kind"] == "configuration"


def test_the_wrong_password(serve):
    server = serve("--user", "ann", "--password", "right")
    url = server.url.replace("right", "wrong")
    done = send(url)
    assert done.status == 77
    assert done.out.count("\n") == 1 and "authentication failed" in done.out and "535" in done.out
    assert done.err.startswith("hint: ")
    result = send(url, "--json")
    error = result.json["error"]
    assert result.status == 77
    assert (error["kind"], error["phase"], error["code"], error["enhanced"]) == (
        "authentication", "auth", 535, "5.7.8")
    assert error["retryable"] is False and error["maybe_delivered"] is False
    assert error["reply"] and error["hint"]
    assert {"PLAIN", "LOGIN"} < set(result.json["auth"]["offered"])
    for name in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"):
        chosen = send(url, "--auth", name.lower(), "--json")
        assert chosen.status == 77 and chosen.json["auth"]["tried"] == [name]
        assert send(server.url, f"--auth={name}").status == 0


@pytest.mark.parametrize("option", ["--text-file", "--html-file", "--eml"])
@pytest.mark.parametrize("from_stdin", [True, False])
def test_input_from_files(serve, tmp_path, option, from_stdin):
    server = serve(store=True)
    body = "Hello from a file\n" if option != "--eml" else (
        "From: ann@example.org\nTo: bob@example.org\nBcc: eve@example.org\nSubject: Made\n\n"
        "Hello from a file\n")
    path = tmp_path / "input"
    path.write_text(body)
    head = () if option == "--eml" else ("--from", "ann@example.org", "--to", "bob@example.org")
    done = tidymail("send", "--url", server.url, *head, option, "-" if from_stdin else str(path),
                    "--json", stdin=body.encode() if from_stdin else b"")
    assert done.status == 0, done.out + done.err
    (raw,) = server.messages()
    assert b"Hello from a file\r\n" in raw
    if option == "--eml":
        assert b"Subject: Made\r\n" in raw and b"Bcc" not in raw
        assert [r["address"] for r in done.json["recipients"]] == ["bob@example.org",
                                                                   "eve@example.org"]


def test_eml_with_an_envelope_of_its_own(serve):
    server = serve(store=True)
    done = tidymail("send", "--url", server.url, "--eml", "-", "--from", "<>", "--to",
                    "other@example.org", "--json",
                    stdin=b"From: ann@example.org\r\nTo: bob@example.org\r\n\r\nx\r\n")
    assert done.status == 0
    assert [r["address"] for r in done.json["recipients"]] == ["other@example.org"]
    assert "from <> to <other@example.org>" in server.end()[1]


def test_a_refused_recipient_does_not_stop_the_others(serve):
    words = ("--script", str(HERE / "partial.scn"))
    to = ("a@example.org", "b@example.org", "c@example.org")
    server = serve(*words)
    done = send(server.url, "--json", to=to)
    assert done.status == 65
    result = done.json
    assert result["outcome"] == "partial"
    assert [r["outcome"] for r in result["recipients"]] == ["sent", "failed", "sent"]
    refused = result["recipients"][1]
    assert (refused["code"], refused["enhanced"]) == (550, "5.1.1")
    assert refused["reply"] == "No such user here"
    error = result["error"]
    assert (error["kind"], error["phase"], error["code"]) == ("permanent", "rcpt", 550)
    people = send(server.url, to=to)
    assert people.status == 65
    first, second = people.out.splitlines()
    assert first.startswith("sent to 2 of 3 recipients")
    assert second == "refused: b@example.org 550 5.1.1 No such user here"
    _, _, err = server.end()
    assert "left the scenario" not in err


GREETING = ("S: 220 mx.example.test ESMTP", "C: EHLO *", "S: 250 mx.example.test")
TO_BODY = (*GREETING, "C: MAIL FROM:<*", "S: 250 Ok", "C: RCPT TO:<*", "S: 250 Ok", "C: DATA",
           "S: 354 Go on", "C: <message>")


@pytest.mark.parametrize("lines, status, outcome, kind, phase", [
    (("S: 554 5.3.2 No mail from here", "@close"), 69, "failed", "permanent", "greeting"),
    (("S: 421 4.3.2 Busy", "@close"), 75, "failed", "temporary", "greeting"),
    (("S: HTTP/1.0 400 Bad Request", "@close"), 76, "failed", "protocol", "greeting"),
    (("@close",), 75, "failed", "connection", "greeting"),
    ((*GREETING, "C: MAIL FROM:<*", "S: 550 5.7.1 Not you", "@close"), 65, "failed", "permanent",
     "mail"),
    ((*GREETING, "C: MAIL FROM:<*", "S: 250 Ok", "C: RCPT TO:<*", "S: 451 4.7.1 Greylisted",
      "@close"), 75, "failed", "temporary", "rcpt"),
    ((*TO_BODY, "S: 554 5.6.0 Spam", "@close"), 65, "failed", "permanent", "final"),
    ((*TO_BODY, "S: 452 4.3.1 Disk full", "@close"), 75, "failed", "temporary", "final"),
    ((*TO_BODY, "@close"), 74, "unknown", "connection", "final"),
    ((*TO_BODY, "@reset"), 74, "unknown", "connection", "final"),
    ((*TO_BODY, "S: 250 Ok", "@close"), 0, "sent", None, None),
    (("@silence",), 75, "failed", "timeout", "greeting"),
    ((*GREETING, "C: MAIL FROM:<*", "@silence"), 75, "failed", "timeout", "mail"),
    ((*TO_BODY, "@silence"), 74, "unknown", "timeout", "final"),
])
def test_exit_status_of_a_conversation(scenario, lines, status, outcome, kind, phase):
    server = scenario(*lines)
    done = send(server.url, "--json", "--reply-timeout", "0.5", "--final-timeout=0.5")
    result = done.json
    assert result["outcome"] == outcome
    if kind is not None:
        assert (result["error"]["kind"], result["error"]["phase"]) == (kind, phase)
        assert result["error"]["maybe_delivered"] is (outcome == "unknown")
    assert done.status == status


@pytest.mark.parametrize("url, words, status, kind", [
    ("memory:", (), 0, None),
    ("memory:", ("--reply-to", "not an address"), 65, "message"),
    ("memory:", ("--header", "X-A: b\r\nBcc: x@example.org"), 65, "message"),
    ("file:///nonexistent/dir", (), 71, "local"),
    ("smtp://127.0.0.1:1", ("--tls=none",), 75, "connection"),
    ("smpt://host", (), 78, "configuration"),
    ("smtp://host", ("--timeout", "soon"), 78, "configuration"),
    ("smtp://ann@host?password-from=env:TIDYMAIL_NO_SUCH_NAME", (), 78, "configuration"),
    ("smtp://user:p/w@host", (), 78, "configuration"),
])
def test_exit_status_before_a_conversation(url, words, status, kind):
    done = send(url, *words, "--json")
    result = done.json
    assert done.status == status
    assert (result["error"] and result["error"]["kind"]) == kind
    assert done.err == ""


def test_exit_status_of_a_host_that_is_not_there():
    done = send("smtp://no-such-host.invalid", "--json", "--connect-timeout=5")
    error = done.json["error"]
    if error["kind"] == "resolve":
        assert done.status == (75 if error["retryable"] else 68)
    else:  # no resolver here that answers at all
        assert (error["kind"], error["phase"], done.status) == ("timeout", "resolve", 75)


def test_a_transport_option_given_again_overrules_the_first():
    arguments = ("send", "--json", "--url", "memory:", "--from", "a@x.example", "--to", "b@x.example",
                 "--subject", "s", "--text", "t", "--tls", "no-such-value")
    assert tidymail(*arguments).status == 78
    done = tidymail(*arguments, "--tls", "starttls")
    assert done.status == 0, done.err


USAGE = [
    (("send", "--json"), "no URL"),
    (("send", "--json", "--url", "memory:"), "--from is missing"),
    (("send", "--json", "--url", "memory:", "--from", "a@x"), "a recipient is missing"),
    (("send", "--json", "--url"), "--url needs a value"),
    (("send", "--subjet", "x", "--json"), "unknown option --subjet, did you mean --subject?"),
    (("send", "--json", "--tiemout=3"), "did you mean --timeout?"),
    (("send", "--json=yes"), "--json takes no value"),
    (("send", "--json", "--from", "a@x", "--from", "b@x"), "--from is given twice"),
    (("send", "--json", "stray"), "argument 2 of send belongs to no option"),
    (("send", "--json", "--", "--from"), "argument 3 of send belongs to no option"),
    (("send", "--json", "-x"), "belongs to no option"),
    (("send", "--json", "--url", "memory:", "--text", "a", "--text-file", "b"),
     "--text and --text-file cannot go together"),
    (("send", "--json", "--url", "memory:", "--text-file", "-", "--html-file", "-"),
     "standard input (-) can be read once only"),
    (("send", "--json", "--url", "memory:", "--eml", "-", "--subject", "x"),
     "--eml and --subject cannot go together"),
    (("send", "--json", "--url", "memory:", "--header", "no colon"), "--header has no colon"),
    (("send", "--json", "--attached", "x"), "unknown option --attached"),
    (("sned", "--json"), "unknown command"),
]


@pytest.mark.parametrize("words, message", USAGE)
def test_usage_errors_are_json_too(words, message):
    done = tidymail(*words)
    assert done.status == 64
    if words[1] == "--json=yes":
        assert done.out == "" and message in done.err
        return
    result = done.json
    assert result["outcome"] == "failed" and result["recipients"] == []
    assert (result["error"]["kind"], result["error"]["phase"]) == ("configuration", "prepare")
    assert message in result["error"]["message"]
    assert done.err == ""


@pytest.mark.parametrize("words, message", USAGE)
def test_usage_errors_for_people(words, message):
    done = tidymail(*[word for word in words if word != "--json"])
    assert done.status == 64 and done.out == ""
    assert done.err.startswith("tidymail") and "hint: " in done.err
    if "argument" not in message:
        assert message in done.err


def test_a_missing_input_file():
    for option in ("--text-file", "--html-file"):
        done = send("memory:", "--json", option, "/nonexistent/file") if option == "--html-file" \
            else tidymail("send", "--url", "memory:", "--from", "a@example.org", "--to",
                          "b@example.org", option, "/nonexistent/file", "--json")
        assert done.status == 66
        error = done.json["error"]
        assert (error["kind"], error["phase"]) == ("local", "prepare")
        assert error["message"] == "cannot read /nonexistent/file: No such file or directory"
    done = tidymail("send", "--url", "memory:", "--eml", "/nonexistent/file", "--json")
    assert done.status == 66


def test_a_folder_is_no_input_file(tmp_path):
    done = tidymail("send", "--url", "memory:", "--eml", str(tmp_path), "--json")
    assert done.status == 66 and "Is a directory" in done.json["error"]["message"]


def test_a_name_that_is_not_utf8_does_not_break_the_json():
    done = tidymail("send", "--url", "memory:", "--eml", b"/nonexistent/\xff\x01", "--json")
    assert done.status == 66
    assert done.json["error"]["message"].startswith("cannot read /nonexistent/\\xFF\x01")


def test_nul_in_a_text_file():
    done = tidymail("send", "--url", "memory:", "--from", "a@example.org", "--to", "b@example.org",
                    "--text-file", "-", "--json", stdin=b"ab\0c")
    assert done.status == 65
    assert done.json["error"]["kind"] == "message"
    assert "offset 2" in done.json["error"]["message"]


def test_file_transport_writes_an_eml(tmp_path):
    done = send(f"file://{tmp_path}", "--json")
    assert done.status == 0
    (path,) = tmp_path.iterdir()
    assert done.json["server"] == str(path) and path.suffix == ".eml"
    assert parsed(path.read_bytes())["Subject"] == "A test"


LINE = re.compile(r" *\d+\.\d{3} (\w+) +(->|<-|~>|<~|\*\*\*) (.*)")


def trace_lines(text):
    lines = [LINE.fullmatch(line) for line in text.splitlines()]
    assert lines and all(lines), text
    return [line.groups() for line in lines]


def test_trace_shows_the_session(serve, tmp_path):
    server = serve("--user", "ann", "--password", "hidden-word")
    done = send(server.url, "--trace")
    assert done.status == 0 and done.out.startswith("sent to 1 recipient")
    lines = trace_lines(done.err)
    assert ("starttls", "->", "STARTTLS") in lines
    assert any(mark == "***" and "TLSv1.3" in text for _, mark, text in lines)
    assert any(phase == "auth" and mark == "~>" and text.startswith("AUTH SCRAM-SHA-256")
               for phase, mark, text in lines)
    assert any(phase == "final" and mark == "<~" and text.startswith("250")
               for phase, mark, text in lines)
    assert "Hello" not in done.err and "hidden-word" not in done.err

    path = tmp_path / "trace"
    os.umask(os.umask(0) & ~0o077)
    done = send(server.url, f"--trace={path}", "--json")
    assert done.status == 0 and done.err == "" and done.json["outcome"] == "sent"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ("starttls", "->", "STARTTLS") in trace_lines(path.read_text())


def test_trace_into_a_file_that_cannot_be_made():
    done = send("memory:", "--trace=/nonexistent/trace", "--json")
    assert done.status == 71 and done.json["error"]["kind"] == "local"


def test_every_option_of_a_url_is_an_option_of_the_command():
    names = re.findall(r'^X\("([^"]+)"', (ROOT / "src/transport/options.def").read_text(), re.M)
    text = tidymail("send", "--help=all").out
    assert names and [name for name in names if f"--{name}" not in text.split()] == []


OFFER = ("S: 220 mx.example.test ESMTP", "C: EHLO *", "S: 250-mx.example.test")
REST = ("S: 250 Ok", "C: DATA", "S: 354 Go on", "C: <message>", "S: 250 Ok", "C: QUIT", "S: 221 Bye")


@pytest.mark.parametrize("offer, words, mail, rcpt", [
    ("DSN", ("--dsn-notify", "success,delay", "--dsn-ret=hdrs", "--dsn-envid", "a b+c"),
     " RET=HDRS ENVID=a+20b+2Bc", " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@example.org"),
    ("DSN", ("--dsn-notify=never",), "", " NOTIFY=NEVER ORCPT=rfc822;bob@example.org"),
    ("DELIVERBY", ("--deliver-by", "3600"), " BY=3600;N", ""),
    ("DELIVERBY 60", ("--deliver-by", "3600;R"), " BY=3600;R", ""),
    ("DELIVERBY", ("--deliver-by=-5;N",), " BY=-5;N", ""),
    ("FUTURERELEASE 86400 2030-01-01T00:00:00Z", ("--hold-for", "600"), " HOLDFOR=600", ""),
    ("FUTURERELEASE 86400 2030-01-01T00:00:00Z", ("--hold-until", "2026-12-24T18:00:00Z"),
     " HOLDUNTIL=2026-12-24T18:00:00Z", ""),
    ("MT-PRIORITY", ("--mt-priority", "-3"), " MT-PRIORITY=-3", ""),
    ("DSN", (), "", ""),
])
def test_what_the_envelope_asks_for(scenario, offer, words, mail, rcpt):
    server = scenario(*OFFER, f"S: 250 {offer}", f"C: MAIL FROM:<ann@example.org>{mail}",
                      "S: 250 Ok", f"C: RCPT TO:<bob@example.org>{rcpt}", *REST)
    done = send(server.url, *words, "--json")
    assert done.status == 0, done.out
    assert done.json["notes"] == []
    assert "left the scenario" not in server.end()[2]


@pytest.mark.parametrize("words, status, said", [
    (("--require-tls",), 65, "REQUIRETLS"),
    (("--hold-for=5",), 65, "FUTURERELEASE"),
    (("--hold-until=2026-12-24T18:00:00Z",), 65, "FUTURERELEASE"),
    (("--deliver-by=5;R",), 65, "DELIVERBY"),
    (("--deliver-by=5",), 0, "DELIVERBY"),
    (("--dsn-notify=never",), 0, "DSN"),
    (("--mt-priority=3",), 0, "MT-PRIORITY"),
])
def test_what_the_server_does_not_offer(scenario, words, status, said):
    end = ("C: MAIL FROM:<ann@example.org>", "S: 250 Ok", "C: RCPT TO:<*", *REST) if status == 0 \
        else ("C: QUIT", "S: 221 Bye")
    done = send(scenario(*GREETING, *end).url, *words, "--json")
    assert done.status == status, done.out
    if status == 0:
        assert any(said in note for note in done.json["notes"])
    else:
        assert done.json["error"]["kind"] == "message" and said in done.json["error"]["message"]


@pytest.mark.parametrize("words, status, message", [
    (("--deliver-by", "5x"), 64, "--deliver-by: the value is not a whole number"),
    (("--deliver-by", "5;X"), 64, "--deliver-by: behind the semicolon stands N or R"),
    (("--deliver-by", ";R"), 64, "not a whole number"),
    (("--deliver-by", "0;"), 64, "behind the semicolon"),
    (("--deliver-by", "-5;R"), 65, "deliver-by: a return needs seconds above 0"),
    (("--hold-for", " 5"), 64, "--hold-for: the value is not a whole number"),
    (("--hold-for", "1.5"), 64, "--hold-for: the value is not a whole number"),
    (("--hold-for", ""), 64, "--hold-for: the value is not a whole number"),
    (("--hold-for", "-"), 64, "--hold-for: the value is not a whole number"),
    (("--hold-for", "99999999999999999999"), 64, "--hold-for: the number is too large"),
    (("--hold-for", "9999999999"), 65, "hold-for: not 1 to 999999999 seconds"),
    (("--hold-until", "tomorrow"), 65, "hold-until: not a moment"),
    (("--hold-for=5", "--hold-until=2026-12-24T18:00:00Z"), 65, "hold-until is given already"),
    (("--mt-priority", "high"), 64, "--mt-priority: the value is not a whole number"),
    (("--mt-priority", "10"), 65, "priority: not a number from -9 to 9"),
    (("--mt-priority", "4294967296"), 65, "priority: not a number from -9 to 9"),
    (("--dsn-notify", "sometimes"), 65, "DSN notify: neither NEVER alone"),
    (("--dsn-ret", "all"), 65, "DSN ret: neither FULL nor HDRS"),
    (("--dsn-envid", "a\r\nQUIT"), 65, "DSN envid: control character 0x0D at offset 1"),
    (("--require-tls=yes",), 64, "--require-tls takes no value"),
    (("--help=more",), 64, "--help takes nothing, or all"),
])
def test_wrong_values_are_named(words, status, message):
    done = send("memory:", *words, "--json")
    assert done.status == status
    assert message in done.json["error"]["message"]


def test_tls_required_no_is_a_header_field():
    done = tidymail("render", "--from", "ann@example.org", "--to", "b@example.org", "--header",
                    "TLS-Required: No", "--text", "x")
    assert done.status == 0 and b"\r\nTLS-Required: No\r\n" in done.raw


@pytest.mark.parametrize("words, message", [
    (("--auth=xoauth2", "--user", "ann"), "a user is given, but no token"),
    (("--auth=plain", "--user", "ann"), "a user is given, but no password"),
    (("--key", "k.pem"), "a key is given, but no certificate"),
    (("--auth=md5",), "allowed: SCRAM-SHA-256-PLUS, "),
    (("--proxy", "socks4://ann:hidden-word@h:1"), "option proxy: "),
    (("--source", "here"), "option source: "),
    (("--chunking", "on"), "option chunking: bad value"),
])
def test_options_that_cannot_be(words, message):
    done = send("smtp://127.0.0.1:1", *words, "--json")
    assert done.status == 78 and message in done.json["error"]["message"]
    assert "hidden-word" not in done.out


def test_a_refused_token_is_called_a_token(scenario):
    server = scenario(*OFFER, "S: 250 AUTH XOAUTH2", "C: AUTH XOAUTH2 *",
                      "S: 334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIn0=", "C: *",
                      "S: 535 5.7.8 No", "@close")
    done = send(server.url, "--auth=xoauth2", "--user=ann@example.org", "--cleartext-auth=allow",
                "--password-from=command:echo t0ken-of-ann", "--json")
    error = done.json["error"]
    assert done.status == 77 and "the token" in error["message"] and "password" not in error["message"]
    assert any('"status":"401"' in note for note in done.json["notes"])
    assert "t0ken" not in done.out + done.err


def test_external_needs_no_password(scenario):
    server = scenario(*OFFER, "S: 250 AUTH EXTERNAL", "C: AUTH EXTERNAL *", "S: 235 Hello",
                      "C: MAIL FROM:<*", "S: 250 Ok", "C: RCPT TO:<*", *REST)
    for words in ((), ("--user", "ann")):
        done = send(server.url, "--auth=external", "--cleartext-auth=allow", "--json", *words)
        assert done.status == 0, done.out
        assert done.json["auth"]["tried"] == ["EXTERNAL"]


def test_help_all_has_a_line_for_each_option():
    short, whole = tidymail("send", "--help"), tidymail("send", "--help=all")
    assert whole.status == 0
    listed = short.out.partition("show:")[2].partition("Exit")[0].replace("--NAME VALUE", "")
    names = set(re.findall(r"--[a-z][a-z-]+", listed.replace("--help=all", "")))
    assert {"--hold-until", "--proxy", "--from", "--json"} <= names
    for name in names:
        assert re.search(rf"^  {name}\b.*  ?\S", whole.out, re.M), name
    assert max(len(line) for line in whole.out.splitlines()) <= 90


@pytest.mark.parametrize("words", [("--help",), ("send", "--help"), ("render", "--help"),
                                   ("serve", "--help"), ("providers", "--help"),
                                   ("replay", "--help")])
def test_help_fits_a_screen(words):
    done = tidymail(*words)
    assert done.status == 0 and done.err == ""
    lines = done.out.splitlines()
    assert lines[0].startswith("usage: tidymail") and len(lines) <= 40
    assert max(len(line) for line in lines) <= 90


def test_version():
    done = tidymail("--version")
    assert done.status == 0 and re.fullmatch(r"tidymail \d+\.\d+\.\d+\n", done.out)


def test_render_writes_what_is_sent(serve):
    words = ("--from", "ann@example.org", "--to", "bob@example.org", "--bcc", "eve@example.org",
             "--subject", "Grüße", "--text", "a\nb\n")
    done = tidymail("render", *words)
    assert done.status == 0 and done.err == ""
    assert b"\n" not in done.raw.replace(b"\r\n", b"") and b"eve@" not in done.raw
    assert parsed(done.raw)["Subject"] == "Grüße"
    assert text_of(parsed(done.raw)) == "a\nb\n"


@pytest.mark.parametrize("words, status", [
    (("--from", "ann@example.org", "--to", "nobody"), 65),
    (("--from", "ann@example.org", "--to", "b@example.org", "--text-file", "/nonexistent"), 66),
    (("--frm", "ann@example.org"), 64),
    (("--urls", "memory:"), 64),
])
def test_render_has_the_same_exit_statuses(words, status):
    done = tidymail("render", *words)
    assert done.status == status and done.out == "" and done.err.startswith("tidymail render: ")


def test_json_of_the_documented_shape_is_what_the_check_accepts():
    """The check itself can fail: a key less, a key more, a wrong type."""
    good = send("memory:", "--json").json
    check_result(good)
    for spoil in (lambda r: r.pop("notes"), lambda r: r.update(more=1),
                  lambda r: r.update(recipients=None), lambda r: r["timings_ms"].pop("tls")):
        bad = json.loads(json.dumps(good))
        spoil(bad)
        with pytest.raises(AssertionError):
            check_result(bad)


def test_render_takes_every_option_of_send():
    """So that `send` can be tried by changing one word; what it checks, this checks too."""
    words = ("--from", "a@example.org", "--to", "b@example.org", "--text", "x")
    plain = tidymail("render", *words)
    more = tidymail("render", *words, "--url", "smtp://u:p@host", "--tls", "none", "--trace",
                    "--json", "--dsn-notify", "NEVER", "--require-tls", "--timeout", "5")
    assert plain.status == more.status == 0 and more.err == ""
    drop = (b"Date:", b"Message-ID:")
    assert ([line for line in plain.raw.splitlines() if not line.startswith(drop)]
            == [line for line in more.raw.splitlines() if not line.startswith(drop)])
    options = [set(re.findall(r"^  (--[a-z-]+)", tidymail(command, "--help=all").out, re.M))
               for command in ("send", "render")]
    assert options[0] <= options[1]
    wrong = tidymail("render", *words, "--dsn-notify", "SOMETIMES")
    assert wrong.status == 65 and "DSN notify" in wrong.err
