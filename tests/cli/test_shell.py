"""`tidymail shell`: as a script by a pipe, and at a terminal through tmux."""

import os
import shutil
import subprocess
import time

import pytest

from command import BINARY, TIMEOUT, tidymail

PASSWORD = "s3cret-word"
PLAIN = "AGFubgBzM2NyZXQtd29yZA=="  # NUL ann NUL s3cret-word

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


def server(serve, *words, **more):
    return serve("--user", "ann", "--password", PASSWORD, *words, **more)


def shell(url, *lines, words=()):
    done = tidymail("shell", url, *words, stdin="".join(line + "\n" for line in lines).encode())
    assert PASSWORD not in done.out + done.err and PLAIN not in done.out + done.err
    assert "\033" not in done.out and "smtp>" not in done.out
    return done


def test_a_script_upgrades_logs_in_and_sends(serve, tmp_path):
    one = server(serve, store=True)
    message = tmp_path / "m.eml"
    message.write_bytes(b"Subject: hi\n\n.dot\nend")
    done = shell(one.url, "NOOP", ".starttls", ".cert", ".auth", "MAIL FROM:<a@example.com>",
                 "RCPT TO:<b@example.org>", f".send {message}", "QUIT")
    assert done.status == 0 and done.err == ""
    lines = done.out.splitlines()
    assert "<- 220 localhost ESMTP tidymail test server" in lines
    assert "-> NOOP" in lines and "-> STARTTLS" in lines
    assert any(line.startswith("*** TLS: TLSv1.3, ") for line in lines)
    assert "***              tidymail test CA" in lines  # the chain
    assert any(line.startswith("~> AUTH SCRAM-SHA-256-PLUS [credentials hidden]") for line in lines)
    assert "<~ 235 2.7.0 authentication succeeded" in lines
    assert lines[-2:] == ["~> QUIT", "<~ 221 2.0.0 bye"]
    assert one.messages()[0].endswith(b"Subject: hi\r\n\r\n.dot\r\nend\r\n")


def test_a_message_by_hand(serve):
    one = server(serve, store=True)
    done = shell(one.url, "EHLO me", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.org>", "DATA",
                 "Subject: x", "", "..dot", "QUIT", ".help", ".")
    assert done.status == 0
    assert one.messages()[0].endswith(b"Subject: x\r\n\r\n.dot\r\nQUIT\r\nhelp\r\n")
    assert done.out.splitlines()[-4:-2] == ["-> .", "<- 250 2.0.0 message kept"]


@pytest.mark.parametrize("line,status", [("FOO", 69), ("MAIL FROM:<a b>", 65), ("Q", 69), ("R", 69)])
def test_the_last_refusal_is_the_exit_status(serve, line, status):
    done = shell(server(serve).url, "EHLO me", line, "NOOP")
    assert done.status == status
    assert f"-> {line}" in done.out.splitlines()


def test_a_refused_login(serve):
    one = server(serve)
    done = shell(one.url.replace(PASSWORD, "wrong-word"), ".starttls", ".auth LOGIN")
    lines = done.out.splitlines()
    assert done.status == 77 and "wrong-word" not in done.out
    assert "*** the challenge says: Username:" in lines
    assert "*** 5.7.8: user name or password is wrong" in lines
    assert any(line.startswith("=> ") for line in lines)
    assert shell(one.url, ".auth PLAIN").status == 77  # in clear


def test_a_login_by_hand(serve):
    done = tidymail("shell", server(serve).url, "--starttls", "--ehlo", stdin=(
        f"AUTH PLAIN {PLAIN}\nAUTH {PLAIN}\nQUIT\n").encode())
    assert "~> AUTH PLAIN [credentials hidden]" in done.out.splitlines()
    assert "<~ 235 2.7.0 authentication succeeded" in done.out
    assert PASSWORD not in done.out and PLAIN not in done.out
    done = shell(server(serve).url, "EHLO me", r".raw STARTTLS\r\n", ".starttls", "EHLO me",
                 rf".raw NOOP\r\nAUTH PLAIN {PLAIN}\r\n", "QUIT")
    assert done.status == 0 and done.out.splitlines().count("-> STARTTLS\\x0D\\x0A") == 1
    assert "<~ 235 2.7.0 authentication succeeded" in done.out
    lines = rf".raw AUTH LOGIN\r\nYW5u\r\n{PLAIN[8:]}\r\n"
    assert PLAIN[8:] not in shell(server(serve).url, ".starttls", ".ehlo", lines).out


def test_raw_bytes(scenario):
    one = scenario("S: 220 hi", "C: NOOP", "C: A\\x", "C: B", "S: 250 a", "S: 250 b", "S: 250 c",
                   "@silence")
    done = shell(one.url, r".raw NOOP\r\nA\\\x78\x0D\x0aB\r\n")
    assert done.out.splitlines().count("<- 250 c") == 1
    assert r"-> NOOP\x0D\x0AA\x\x0D\x0AB\x0D\x0A" in done.out.splitlines()
    assert shell(one.url, r".raw \q").status == 64


def test_a_hang_up_is_told_and_connect_mends_it(scenario):
    one = scenario("S: 220 hi", "C: NOOP", "S: 421 4.3.2 going down", "@close")
    done = shell(one.url, "NOOP", "NOOP", ".connect", "NOOP")
    lines = done.out.splitlines()
    assert done.status == 75
    assert lines.count("<- 421 4.3.2 going down") == 2
    assert any(line.startswith("*** the server closed the connection") for line in lines)
    assert "*** .connect connects anew" in lines


def test_a_lost_answer_is_74(scenario):
    one = scenario("S: 220 hi", "C: DATA", "S: 354 go", "C: <message>", "@close")
    assert shell(one.url, "DATA", "x", ".").status == 74


def test_what_is_no_smtp(scenario):
    one = scenario("S: HTTP/1.1 400 Bad", "@close")
    done = shell(one.url)
    assert "looks like an HTTP server" in done.out and "<- HTTP/1.1 400 Bad" in done.out


def test_what_a_server_says_harms_no_terminal(scenario):
    one = scenario("@raw MjIwIBtbMzFtwpsx4oCuIGjDvA0K")  # ESC [31m, U+009B, U+202E, hü
    assert r"<- 220 \x1B[31m\xC2\x9B1\xE2\x80\xAE hü" in shell(one.url).out


def test_time_and_helpers(serve):
    done = shell(server(serve).url, ".time on", "NOOP", ".tmie off", ".help", ".time off", "RSET")
    assert any(line.endswith("-> NOOP") and line.lstrip()[0].isdigit()
               for line in done.out.splitlines())
    assert "did you mean .time?" in done.out and "-> RSET" in done.out.splitlines()
    assert "  .starttls " in done.out and done.status == 64


def test_saved_and_played_again(serve, tmp_path):
    path = tmp_path / "saved.scn"
    done = shell(server(serve).url, ".starttls", ".auth PLAIN", "MAIL FROM:<a@example.com>",
                 "RCPT TO:<b@example.org>", "DATA", "Subject: secret-subject", "", ".",
                 f".save {path}", "QUIT")
    assert done.status == 0
    text = path.read_text()
    assert "C: AUTH PLAIN *\n" in text and "C: <message>\n" in text and "@tls\n" in text
    assert PASSWORD not in text and PLAIN not in text and "secret-subject" not in text
    assert path.stat().st_mode & 0o077 == 0
    again = serve("--script", str(path))
    sent = tidymail("send", "--url", again.url, "--from", "a@example.com", "--to", "b@example.org",
                    "--subject", "x", "--text", "y", "--pipelining", "no")
    assert sent.status == 0, sent.err + sent.out


@pytest.mark.parametrize("words,status", [([], 64), (["memory:"], 78), (["smtp://"], 78),
                                          (["a", "b"], 64), (["smtp://h", "--login=x"], 64)])
def test_usage(words, status):
    assert tidymail("shell", *words).status == status


def test_recorded_at_the_end(serve, tmp_path):
    path = tmp_path / "recorded.scn"
    assert shell(server(serve).url, "NOOP", words=("--record", str(path))).status == 0
    assert path.read_text().endswith("C: NOOP\nS: 250 2.0.0 ok\nC: QUIT\nS: 221 2.0.0 bye\n")
    assert shell(server(serve).url, words=("--record", "/no/such/folder/x")).status == 71


def test_a_flood_does_not_lock_the_script_out(scenario):
    one = scenario("@repeat 5000", "S: 220 hi", "C: NOOP", "S: 250 seen", "@silence")
    done = shell(one.url, "NOOP")
    assert "-> NOOP" in done.out.splitlines() and done.status == 0


def test_nobody_there():
    done = tidymail("shell", "smtp://127.0.0.1:1")
    assert done.status == 75 and "connection refused" in done.out


class Terminal:
    """A shell in a tmux of its own, ended with it."""

    def __init__(self, folder, url):
        self.socket = str(folder / "tmux.sock")
        self.state = folder / "state"
        words = f"trap : INT; {BINARY} shell '{url}'; echo ended $?; sleep {TIMEOUT}"
        environment = {**os.environ, "XDG_STATE_HOME": str(self.state), "LC_ALL": "C.UTF-8",
                       "SHELL": "/bin/sh", "INPUTRC": "/dev/null"}
        environment.pop("TMUX", None)
        subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", "new-session", "-d", "-x",
                        "160", "-y", "100", words], env=environment, check=True, timeout=TIMEOUT)

    def run(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], capture_output=True, text=True,
                              check=False, timeout=TIMEOUT).stdout

    def type(self, *keys):
        self.run("send-keys", *keys)

    def wait(self, words, count=1):
        """The screen, once the words are on it so many times."""
        screen = ""
        for _ in range(150):
            screen = self.run("capture-pane", "-p", "-J", "-S", "-")
            if screen.count(words) >= count:
                return screen
            time.sleep(0.1)
        raise AssertionError(f"no {words!r} on:\n{screen}")

    def end(self):
        self.run("kill-server")


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def start(url):
        opened.append(Terminal(tmp_path, url))
        return opened[-1]

    yield start
    for one in opened:
        one.end()


@needs_tmux
def test_a_terminal_from_greeting_to_hang_up(serve, terminal, tmp_path):
    one = server(serve, store=True)
    message = tmp_path / "m.eml"
    message.write_text("Subject: hi\n\nfrom a terminal\n")
    at = terminal(one.url)
    at.wait("smtp> ")
    at.type("NOO", "Tab", "Enter")  # a verb is completed
    screen = at.wait("<- 250 2.0.0 ok")
    assert "smtp> NOOP" in screen and "-> NOOP" not in screen  # typed: not shown again
    at.type(".startt", "Tab", "Enter")
    at.wait("smtp (TLS)> ")
    at.type(".auth", "Enter")
    at.wait("235 2.7.0")
    at.type("MAIL FROM:<a@example.com> SIZ", "Tab", "10", "Enter")  # of what the server offers
    assert "FROM:<a@example.com> SIZE=10" in at.wait("250 2.1.0")
    at.type("RCPT TO:<b@example.org>", "Enter")
    at.wait("250 2.1.5")
    at.type(f".send {message}", "Enter")
    at.wait("message kept")
    assert one.messages()[0].endswith(b"from a terminal\r\n")
    at.type(f"AUTH PLAIN {PLAIN}", "Enter")
    at.wait("503")
    at.type("half a line")
    at.wait("half a line")
    one.end()
    screen = at.wait("closed> half a line")  # told at once, and what was typed is still there
    assert "*** the server closed the connection" in screen and ".connect connects anew" in screen
    at.type("C-c")
    at.wait("closed> ", 2)
    at.type(".connect", "Enter")
    at.wait("connection refused")
    at.type("C-d")
    at.wait("ended 0")
    assert PASSWORD not in at.wait("ended 0")
    kept = (at.state / "tidymail" / "history").read_text()
    assert "NOOP" in kept and ".starttls" in kept
    assert "PLAIN" not in kept and PASSWORD not in kept and PLAIN not in kept
    assert (at.state / "tidymail" / "history").stat().st_mode & 0o077 == 0


@needs_tmux
def test_a_terminal_connects_anew(scenario, terminal):
    one = scenario("S: 220 hi", "C: NOOP", "S: 421 4.3.2 going down", "@close")
    at = terminal(one.url)
    at.wait("smtp> ")
    at.type("NOOP", "Enter")
    at.wait("closed> ")
    at.type(".connect", "Enter")
    at.wait("<- 220 hi", 2)
    at.wait("smtp> ", 2)
    at.type(".quit", "Enter")
    at.wait("ended 0")


@needs_tmux
def test_a_terminal_in_data_and_auth(serve, terminal):
    one = server(serve, store=True)
    at = terminal(one.url)
    at.wait("smtp> ")
    for line, answer in (("EHLO me", "ENHANCEDSTATUSCODES"), ("MAIL FROM:<a@example.com>", "2.1.0"),
                         ("RCPT TO:<b@example.org>", "2.1.5"), ("DATA", "data> ")):
        at.type(line, "Enter")
        at.wait(answer)
    at.type("private words", "Enter")
    at.wait("data> ", 2)
    at.type(".", "Enter")
    at.wait("message kept")
    assert one.messages()[0].endswith(b"private words\r\n")
    at.type(".starttls", "Enter")
    at.wait("smtp (TLS)> ")
    at.type("EHLO me", "Enter")
    at.wait("250-AUTH")
    at.type("AUTH LOGIN", "Enter")
    at.wait("auth> ")
    at.wait("the challenge says: Username:")
    at.type("YW5u", "Enter")
    at.wait("auth> ", 2)
    at.type("*", "Enter")
    at.wait("501")
    at.type(".quit", "Enter")
    at.wait("ended 0")
    kept = (at.state / "tidymail" / "history").read_text()
    assert "private" not in kept and "YW5u" not in kept and "AUTH" not in kept and "DATA" in kept


@needs_tmux
def test_a_terminal_need_not_wait(scenario, terminal):
    at = terminal(scenario("S: 220 hi", "C: NOOP", "@wait 2s", "S: 250 late", "@silence").url)
    at.wait("smtp> ")
    at.type("NOOP", "Enter")
    time.sleep(0.3)
    at.type("C-c")
    at.wait("not waiting any longer")
    at.type("half")
    at.wait("<- 250 late")  # shown above the line that is typed
    at.wait("smtp> half")
    at.type("C-u", "C-d")
    at.wait("ended 0")


def test_an_account_of_the_configuration(serve, tmp_path):
    server = serve("--user", "ann", "--password", "s3cret-word", "--require-auth")
    port = server.url.rpartition(":")[2].partition("?")[0]
    ca = server.url.partition("ca=")[2]
    config = tmp_path / "config"
    config.write_text(f"account work\nhost 127.0.0.1\nport {port}\ntls on\ntls_trust_file {ca}\n"
                      "auth on\nuser ann\npassword s3cret-word\n")
    config.chmod(0o600)
    done = tidymail("shell", "--config", str(config), "--account", "work", "--starttls", "--login",
                    stdin=b"NOOP\n")
    assert done.status == 0, done.out + done.err
    assert "235" in done.out and "s3cret-word" not in done.out + done.err


@pytest.mark.parametrize("mechanism", ["", " scram-sha-256", " cram-md5", " plain", " login"])
def test_a_saved_login_can_be_replayed(serve, tmp_path, mechanism):
    path = tmp_path / "by-hand.scn"
    server = serve("--user", "ann", "--password", "s3cret-Pa55word")
    lines = [".ehlo", ".starttls", f".auth{mechanism}", "MAIL FROM:<sender@example.com>",
             "RCPT TO:<ann@example.org>", "DATA", "x", ".", f".save {path}", "QUIT"]
    subprocess.run([os.environ["TIDYMAIL_BIN"], "shell", server.url], timeout=60, check=False,
                   input="\n".join(lines).encode() + b"\n", capture_output=True)
    text = path.read_text()
    assert "[challenge hidden]" not in text and "s3cret" not in text
    done = tidymail("replay", str(path))
    assert done.status == 0, done.err + text
