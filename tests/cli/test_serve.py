"""`tidymail serve`: its first line, what it prints and stores, how it ends."""

import re
import select
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from command import BINARY, TIMEOUT, send, tidymail

HERE = Path(__file__).parent


def test_the_first_line_is_a_url(serve):
    server = serve()
    assert re.fullmatch(r"ready smtp://[^:@/]+:[^:@/]+@127\.0\.0\.1:\d+\?ca=/.+", server.ready)
    assert send(server.url).status == 0


def test_credentials_in_the_url_are_escaped(serve):
    server = serve("--user", "a:b@c", "--password", "x/y?z#%")
    assert send(server.url).status == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_it_cleanly(serve, number):
    server = serve()
    ca = Path(server.url.partition("?ca=")[2])
    assert ca.exists()
    server.process.send_signal(number)
    assert server.process.wait(timeout=TIMEOUT) == 0
    assert not ca.exists()


def test_messages_are_printed(serve):
    server = serve("--user", "ann", "--password", "x")
    assert send(server.url, "--cc", "carl@example.org").status == 0
    status, out, err = server.end()
    assert (status, err) == (0, "")
    first, _, rest = out.partition("\n")
    assert re.fullmatch(r"message 1: from <ann@example\.org> to <bob@example\.org> "
                        r"<carl@example\.org>, \d+ bytes, TLS, user ann", first)
    assert "Subject: A test\n" in rest and "\nHello\n" in rest and "\r" not in rest


def test_a_message_is_printed_at_once(serve):
    server = serve()
    assert send(server.url).status == 0
    ready, _, _ = select.select([server.process.stdout], [], [], TIMEOUT)
    assert ready and server.process.stdout.readline().startswith(b"message 1: ")


def test_a_hangup_that_is_ignored_stays_ignored(tmp_path):
    words = ["nohup", BINARY, "serve", "--listen", "127.0.0.1:0", "--store", str(tmp_path / "mail")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        url = process.stdout.readline().decode().split()[1]
        process.send_signal(signal.SIGHUP)
        assert send(url).status == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=TIMEOUT) == 0


def talk(server, *lines):
    """The lines in clear, one after the other; all that the server says until it closes."""
    port = int(server.url.partition("127.0.0.1:")[2].partition("?")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        connection.sendall("".join(line + "\r\n" for line in (*lines, "QUIT")).encode())
        with connection.makefile("rb") as stream:
            return stream.read().decode()


def test_extensions_and_mechanisms_can_be_hidden(serve):
    server = serve("--no-tls", "--hide", "PIPELINING,chunking", "--auth", "LOGIN")
    said = talk(server, "EHLO me", "BDAT 1 LAST")
    assert "PIPELINING" not in said and "CHUNKING" not in said and "BINARYMIME" not in said
    assert "250-AUTH LOGIN\r\n" in said and "DSN" in said and "500 5.5.1" in said
    result = send(server.url, "--json").json
    assert result["outcome"] == "sent" and result["auth"]["tried"] == ["LOGIN"]


def test_lmtp(serve):
    server = serve("--lmtp", "--no-tls")
    assert server.url.startswith("lmtp://")
    said = talk(server, "LHLO me", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "RCPT TO:<g@h.i>", "DATA",
                "x", ".")
    assert "250 2.0.0 <d@e.f>" in said and "250 2.0.0 <g@h.i>" in said
    result = send(server.url, "--json", to=("bob@example.org", "carl@example.org")).json
    assert result["outcome"] == "sent"
    assert [one["reply"] for one in result["recipients"]] == [
        "<bob@example.org> message kept", "<carl@example.org> message kept"]


def test_lmtp_under_tls_with_a_login(serve):
    server = serve("--lmtp", "--user", "ann", "--password", "x", "--require-auth")
    result = send(server.url, "--json").json
    assert result["outcome"] == "sent" and result["tls"]["version"] is not None
    assert result["auth"]["tried"] == ["SCRAM-SHA-256-PLUS"]


def test_control_bytes_of_a_message_are_not_printed(serve):
    server = serve("--no-tls")
    eml = b"From: a@example.org\r\nTo: b@example.org\r\n\r\n\x1b[2Jx\x07\r\n"
    assert tidymail("send", "--url", server.url, "--eml", "-", stdin=eml).status == 0
    _, out, _ = server.end()
    assert "\\x1B[2Jx\\x07\n" in out and "\x1b" not in out


def test_messages_are_stored(serve, tmp_path):
    server = serve(store=True)
    assert send(server.url).status == 0 and send(server.url).status == 0
    assert len(server.messages()) == 2
    _, out, _ = server.end()
    assert out.count("message ") == 2 and "Hello" not in out


@pytest.mark.parametrize("words, scheme", [(("--implicit-tls",), "smtps"), (("--no-tls",), "smtp")])
def test_tls_at_once_and_no_tls(serve, words, scheme):
    server = serve(*words, store=True)
    assert server.url.startswith(scheme + "://")
    result = send(server.url, "--json").json
    assert result["outcome"] == "sent"
    assert (result["tls"]["version"] is None) == (scheme == "smtp")


def test_login_can_be_required(serve):
    server = serve("--require-auth", "--user", "u", "--password", "p")
    anonymous = server.url.replace("u:p@", "")
    done = send(anonymous, "--json")
    assert done.json["error"]["code"] == 530 and done.status != 0
    assert send(server.url).status == 0


def test_trace_shows_the_sessions_without_secrets(serve):
    server = serve("--trace", "--user", "ann", "--password", "marked-word")
    assert send(server.url).status == 0
    assert send(server.url + "&auth=login").status == 0
    _, _, err = server.end()
    assert "EHLO" in err and "marked-word" not in err
    assert "bWFya2VkLXdvcmQ" not in err and "AGFubgBtYXJrZWQtd29yZA" not in err


def test_a_scenario_that_is_left_is_told(serve):
    server = serve("--script", str(HERE / "partial.scn"))
    assert send(server.url, to=("x@example.org",)).status != 0
    status, _, err = server.end()
    assert status == 0 and "the client left the scenario" in err


def run(*words):
    done = subprocess.run([BINARY, "serve", *words], capture_output=True, timeout=TIMEOUT,
                          check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("words, status, message", [
    (("--listen", "127.0.0.1"), 64, "HOST:PORT"),
    (("--listen", "127.0.0.1:"), 64, "HOST:PORT"),
    (("--listen", "127.0.0.1:x"), 64, "the port is a number"),
    (("--listen", "127.0.0.1:65536"), 64, "65535"),
    (("--listen", "192.0.2.1:0"), 71, "loopback"),
    (("--user", "ann"), 64, "go together"),
    (("--auth", "NTLM"), 71, "'NTLM' is not a mechanism"),
    (("--auth", "PLAIN,SCRAM-SHA-256"), 71, "give user and password"),
    (("--hide", "DSN,XYZZY"), 71, "'XYZZY' is not an extension"),
    (("--implicit-tls", "--lmtp"), 64, "cannot go together"),
    (("--implicit-tls", "--no-tls"), 64, "cannot go together"),
    (("--script", "/nonexistent.scn"), 66, "cannot read /nonexistent.scn"),
    (("--store", "/nonexistent/dir"), 71, "cannot make the folder"),
    (("--fault", "x"), 71, "fault rule: 'x' at offset 0: a rule is STAGE: ACTION"),
    (("--seed", "x"), 64, "--seed takes a whole number"),
])
def test_what_it_refuses(words, status, message):
    code, out, err = run(*words)
    assert (code, out) == (status, "") and message in err


def test_a_broken_scenario_is_refused(tmp_path):
    path = tmp_path / "broken.scn"
    path.write_text("title: x\nclient: tls=none\nQ: what\n")
    code, out, err = run("--listen", "127.0.0.1:0", "--script", str(path))
    assert (code, out) == (71, "") and "scenario" in err


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, err = run("--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert (code, out) == (71, "") and "in use" in err
