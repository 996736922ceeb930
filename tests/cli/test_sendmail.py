"""tidymail sendmail in the place of sendmail and msmtp: options, recipients, the configuration file, the
log; and the programs that send through it."""

import email
import os
import pwd
import re
import shutil
import subprocess
from email import policy
from urllib.parse import unquote, urlsplit, parse_qs

import pytest

from command import BINARY, TIMEOUT, Done, tidymail

SECRET = "s3cret-word"
MAIL = b"From: Ann <ann@example.org>\nTo: bob@example.org\nSubject: A test\n\nHello\n"


class Place:
    """A server and a home with a configuration that names it."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        url = urlsplit(server.url)
        self.ca = parse_qs(url.query)["ca"][0]
        self.port, self.user, self.password = url.port, unquote(url.username), unquote(url.password)
        self.path = folder / "msmtprc"
        self.log = folder / "msmtp.log"
        self.config()

    def account(self, name="default", **settings):
        lines = {"host": "127.0.0.1", "port": self.port, "auth": "on", "user": self.user,
                 "password": self.password, "tls": "on", "tls_trust_file": self.ca,
                 "from": "ann@example.org", "logfile": self.log, **settings}
        return f"account {name}\n" + "".join(f"{key} {value}\n" for key, value in lines.items())

    def config(self, text=None, **settings):
        self.path.write_text(text if text is not None else self.account(**settings))
        self.path.chmod(0o600)

    def run(self, *words, stdin=MAIL, env=None):
        return tidymail("sendmail", "-C", str(self.path), *words, stdin=stdin, env=env)

    def log_lines(self):
        return self.log.read_text().splitlines()

    def came_unchanged(self, handed):
        """The one message that came is what a program handed over, but for line ends, Bcc, and fields
        in front; returned."""
        message, = self.server.messages()
        handed = re.sub(rb"(?im)^bcc:.*\n([ \t].*\n)*", b"", handed.replace(b"\r\n", b"\n"))
        assert message.endswith(handed.replace(b"\n", b"\r\n")), (message, handed)
        return message


@pytest.fixture
def place(tmp_path, serve):
    return Place(tmp_path, serve("--user", "ann", "--password", SECRET, store=True))


def field(message, name):
    return email.message_from_bytes(message, policy=policy.default)[name]


def recipients(place):
    return re.search(r"recipients=(\S+)", place.log_lines()[-1])[1].split(",")


def sender(place):
    return re.search(r" from=(\S*)", place.log_lines()[-1])[1]


def body_of(message):
    return message.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("words, head, expected", [
    (("bob@example.org",), b"", ["bob@example.org"]),
    (("-t",), b"To: bob@example.org\n", ["bob@example.org"]),
    (("-t", "dan@example.org"), b"To: bob@example.org\n", ["dan@example.org", "bob@example.org"]),
    (("dan@example.org",), b"To: bob@example.org\n", ["dan@example.org"]),
    (("-ti",), b"To: Bob <bob@example.org>,\n \"Li, Q\" <q@example.org>\nCc: (x, y) c@example.org\nBcc: "
     b"eve@example.org\nBCC : f@example.org\n",
     ["bob@example.org", "q@example.org", "c@example.org", "eve@example.org", "f@example.org"]),
    (("-t",), b"To: Team: a@example.org, b@example.org;, c@example.org\nCc: nobody:;\n",
     ["a@example.org", "b@example.org", "c@example.org"]),
    (("-t",), b"To: old@example.org\nResent-To: new@example.org\nResent-Bcc: eve@example.org\n",
     ["new@example.org", "eve@example.org"]),
    (("a@example.org,b@example.org", "--", "c@example.org"), b"",
     ["a@example.org", "b@example.org", "c@example.org"]),
    (("-i", "-f", "x@example.org", "a@example.org", "-oi"), b"", ["a@example.org"]),
    (("-t",), b"To: root, Me <me>, who@example.org\n",
     ["root@example.org", "me@example.org", "who@example.org"]),
])
def test_recipients(place, words, head, expected):
    done = place.run(*words, stdin=b"From: ann@example.org\n" + head + b"\nHello\n")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert recipients(place) == expected
    message, = place.server.messages()
    assert b"eve@" not in message and b"\nbcc:" not in b"\n" + message.lower()


@pytest.mark.parametrize("words, stdin, body", [
    (("b@example.org",), b"X: y\n\none\n.\ntwo\n", b"one\r\n"),
    (("b@example.org",), b"X: y\n\none\n.", b"one\r\n"),
    (("-i", "b@example.org"), b"X: y\n\none\n.\n..two\n", b"one\r\n.\r\n..two\r\n"),
    (("-oi", "b@example.org"), b"X: y\r\n\r\none\r\n.\r\ntwo\r\n", b"one\r\n.\r\ntwo\r\n"),
    (("b@example.org",), b"X: y\r\n\r\n..one\r\n.\r\ntwo\r\n", b"..one\r\n"),
    (("b@example.org",), b"X: y\n\n\xc3\xa4 \xe4 end", b"\xc3\xa4 \xe4 end\r\n"),
    (("b@example.org",), b"X: y\n\n" + b"x" * 5000 + b"\n", None),
    (("b@example.org",), b"no header at all\n", b"no header at all\r\n"),
    (("b@example.org",), b"\nonly a body: yes\n", b"only a body: yes\r\n"),
    (("b@example.org",), b"From ann Mon Nov 23 10:00:00 2026\nX: y\n\nbody\n", b"body\r\n"),
    (("b@example.org",), b"", b""),
])
def test_bodies(place, words, stdin, body):
    done = place.run(*words, stdin=stdin)
    assert done.status == 0
    assert ("lone dot" in done.err) == (b"\n.\n" in stdin.replace(b"\r", b"") and words[0] not in ("-i", "-oi"))
    assert done.err == "" or len(done.err.splitlines()) == 1
    message, = place.server.messages()
    if body is not None:
        assert body_of(message) == body
    assert b"From ann Mon" not in message


def test_nothing_is_added_to_what_is_whole(place):
    whole = (b"Received: by x; Mon, 23 Nov 2026 10:00:00 +0000\r\nFrom:  Ann   <ann@example.org>\r\n"
             b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x>\r\nTo: bob@example.org\r\n"
             b"X-Folded: a\r\n\tb\r\n\r\nHello\r\n")
    assert place.run("-t", "-F", "Other", stdin=whole).status == 0
    message, = place.server.messages()
    assert message.endswith(whole)


def test_missing_fields_are_added(place):
    done = place.run("-F", 'Ann "the" Ö', "bob@example.org", stdin=b"Subject: x\n\nHello\n")
    assert done.status == 0
    message, = place.server.messages()
    parsed = email.message_from_bytes(message, policy=policy.default)
    assert parsed["From"].addresses[0].addr_spec == "ann@example.org"
    assert parsed["From"].addresses[0].display_name == 'Ann "the" Ö'
    assert parsed["Date"].datetime.year >= 2025
    assert re.fullmatch(r"<[0-9a-f]+\.[0-9a-f]+@example\.org>", parsed["Message-ID"])
    assert not [defect for value in parsed.values() for defect in value.defects]


@pytest.mark.parametrize("settings, head, present, absent", [
    ({"set_from_header": "on"}, b"From: x@example.net\n", b"From: <?ann@example.org", b"example.net>?\r"),
    ({"add_missing_from_header": "off"}, b"", b"Date: ", b"From: "),
    ({"set_from_header": "off", "set_date_header": "off", "set_msgid_header": "off"}, b"",
     b"Subject: x", b"(From|Date|Message-ID): "),
    ({"set_msgid_header": "on"}, b"Message-ID: <old@x>\n", b"Message-ID: <", b"<old@x>"),
    ({"undisclosed_recipients": "on"}, b"To: x@example.org\nCc: y@example.org\n",
     b"To: undisclosed-recipients:;", b"[xy]@example"),
    ({"from_full_name": "Ann A"}, b"", b"From: Ann A <ann@example.org>", b"Bcc"),
])
def test_settings_about_fields(place, settings, head, present, absent):
    place.config(**settings)
    assert place.run("bob@example.org", stdin=head + b"Subject: x\n\nHello\n").status == 0
    message, = place.server.messages()
    own = message.partition(b"\r\n\r\n")[0].rpartition(b"Received:")[2] + b"\r"
    assert re.search(present, own) and not re.search(absent, own)


@pytest.mark.parametrize("words, settings, head, expected", [
    (("-f", "x@example.net"), {}, b"From: y@example.org\n", "x@example.net"),
    (("-rx@example.net",), {}, b"From: y@example.org\n", "x@example.net"),
    (("-f", "<>"), {}, b"From: y@example.org\n", ""),
    (("-f", ""), {}, b"From: y@example.org\n", ""),
    ((), {}, b"From: Y (Z) <y@example.com>\n", "y@example.com"),
    ((), {}, b"", "ann@example.org"),
    (("-f", "root"), {}, b"From: root (Cron Daemon)\n", "ann@example.org"),
    (("-f", "root"), {"from": "", "maildomain": "box.example.net"}, b"", "root@box.example.net"),
    ((), {"from": "", "maildomain": "box.example.net"}, b"From: root (Cron Daemon)\n",
     "root@box.example.net"),
    (("-f", "x@example.net"), {"allow_from_override": "off"}, b"", "ann@example.org"),
])
def test_sender_of_the_envelope(place, words, settings, head, expected):
    place.config(**settings)
    done = place.run(*words, "bob@example.org", stdin=head + b"\nHello\n")
    assert (done.status, done.err) == (0, "")
    assert sender(place) == expected


def test_sender_made_of_user_and_host(place):
    """Where nothing names one: the user, and /etc/mailname or the host."""
    place.config(**{"from": ""})
    try:
        with open("/etc/mailname", encoding="ascii") as file:
            host = file.readline().strip()
    except OSError:
        host = ""
    host = host or os.uname().nodename
    done = place.run("bob@example.org", stdin=b"Subject: x\n\nHello\n")
    assert (done.status, done.err) == (0, "")
    user = pwd.getpwuid(os.getuid()).pw_name
    assert sender(place) == f"{user}@{host}"
    message, = place.server.messages()
    assert field(message, "From") == f"{user}@{host}"


def test_cron(place):
    """What Debian's cron hands over, and how."""
    mail = (b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@box> true\nMIME-Version: 1.0\n"
            b"Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"
            b"X-Cron-Env: <SHELL=/bin/sh>\n\nh\xc3\xa9\n")
    aliases = place.folder / "aliases"
    aliases.write_text("# who\nRoot: ann@example.org, ops\nops: bob@example.org\n"
                       "default: rest@example.org\n")
    place.config(aliases=aliases)
    done = place.run("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "-oi", "-t", "-f", "root", stdin=mail)
    assert (done.status, done.out, done.err) == (0, "", "")
    assert recipients(place) == ["ann@example.org", "bob@example.org"]
    message, = place.server.messages()
    assert b"X-Cron-Env: <SHELL=/bin/sh>\r\n" in message and body_of(message) == b"h\xc3\xa9\r\n"
    assert place.run("nobody", stdin=mail).status == 0
    assert recipients(place) == ["rest@example.org"]


@pytest.mark.parametrize("text, words", [
    ("root: other\nother: ROOT\n", "leads back to itself"),
    ("root: |/usr/bin/x\n", "is a program or file"),
    ("root: a..b.example@\n", "a..b.example@: "),
    (None, "No such file"),
])
def test_aliases_that_cannot_be(place, text, words):
    aliases = place.folder / "aliases"
    if text is not None:
        aliases.write_text(text)
    place.config(aliases=aliases)
    done = place.run("root")
    assert done.status in (65, 78) and done.out == ""
    assert words in done.err and done.err.startswith("tidymail sendmail: ")
    assert place.server.messages() == []


def test_choice_of_the_account(place):
    place.config(place.account("one", **{"from": "one@example.org"})
                 + place.account("two", **{"from": "*@example.net", "user": "nobody"})
                 + "account default : one\nfrom default@example.org\n")
    for words, head, status in [
            (("-a", "one"), b"From: x@example.net\n", 0),
            (("--account=two",), b"From: one@example.org\n", 77),
            ((), b"From: x@example.net\n", 77),
            (("-f", "one@example.org"), b"From: x@example.net\n", 0),
            ((), b"From: other@example.org\n", 0),
            (("-a", "three"), b"", 78)]:
        done = place.run(*words, "bob@example.org", stdin=head + b"\nHello\n")
        assert done.status == status, (words, done.err)
    assert "no account named three" in done.err


def test_environment_where_there_is_no_account(place):
    env = {"TIDYMAIL_URL": place.server.url, "XDG_CONFIG_HOME": str(place.folder / "none")}
    done = tidymail("sendmail", "bob@example.org", stdin=MAIL, env=env)
    assert (done.status, done.err) == (0, "")
    assert len(place.server.messages()) == 1
    folder = place.folder / "tidymail"
    folder.mkdir()
    place.path.rename(folder / "config")
    env = {"TIDYMAIL_URL": "smtp://127.0.0.1:1", "XDG_CONFIG_HOME": str(place.folder)}
    assert tidymail("sendmail", "bob@example.org", stdin=MAIL, env=env).status == 0
    assert tidymail("sendmail", "bob@example.org", stdin=MAIL,
                    env={"XDG_CONFIG_HOME": "/nonexistent"}).status == 78


@pytest.mark.parametrize("words, status, said", [
    ((), 64, "no recipient"),
    (("-Z", "b@example.org"), 64, "unknown option -Z"),
    (("--frob", "b@example.org"), 64, "unknown option --frob"),
    (("-bs",), 64, "-bs is not done here"),
    (("-bd",), 64, "-bd is not done here"),
    (("-t", "-f"), 64, "-f needs a value"),
    (("b@x@y",), 65, "recipient"),
    (("-N", "sometimes", "b@example.org"), 65, "DSN"),
    (("-X", "/nonexistent/x", "b@example.org"), 71, "cannot write /nonexistent/x"),
])
def test_refusals(place, words, status, said):
    done = place.run(*words)
    assert done.status == status and said in done.err and done.out == ""
    assert place.server.messages() == []


def test_no_recipient_in_the_header(place):
    done = place.run("-t", stdin=b"From: ann@example.org\nTo: nobody:;\n\nx\n")
    assert done.status == 65 and "name none" in done.err


@pytest.mark.parametrize("words", [
    ("-bm", "-B", "8BITMIME", "-em", "-ee", "-oem", "-odi", "-oQ/var", "-m", "-n", "-U", "-h", "5",
     "-q", "-q15m", "-O", "X=y", "-L", "tag", "-G", "-d0.1", "-Ac", "--read-envelope-from"),
    ("-B8BITMIME", "-mnU", "-h5"),
])
def test_harmless_options(place, words):
    done = place.run(*words, "b@example.org")
    assert (done.status, done.out, done.err) == (0, "", "")


def test_names_of_the_program(place, tmp_path):
    for name, words, out in [("sendmail", ("-C", str(place.path), "-t"), ""),
                             ("mailq", (), "Mail queue is empty\n"), ("newaliases", (), "")]:
        link = tmp_path / name
        link.symlink_to(BINARY)
        done = subprocess.run([link, *words], input=MAIL, capture_output=True, timeout=TIMEOUT,
                              check=False)
        assert (done.returncode, done.stdout.decode(), done.stderr) == (0, out, b"")
    assert len(place.server.messages()) == 1
    assert place.run("-bp").out == "Mail queue is empty\n" and place.run("-bi").out == ""


def test_an_account_that_leads_back_here(place, tmp_path):
    link = tmp_path / "sendmail"
    link.symlink_to(BINARY)
    place.config(f"account default\nurl sendmail://{link}\nfrom ann@example.org\n")
    folder = tmp_path / "tidymail"
    folder.mkdir()
    place.path.rename(folder / "config")
    done = tidymail("sendmail", "bob@example.org", stdin=MAIL, env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert done.status != 0 and "which is this program" in done.err


def test_a_mail_service(place, serve, tmp_path):
    """As docs/config.md has it: the key from elsewhere, the service's options by their names."""
    (tmp_path / "key").write_text(f"{SECRET}\n")
    service = serve("--api", "--password", SECRET, store=True)
    url = service.url
    while not url.startswith("mailgun://"):
        url = service.process.stdout.readline().decode().strip()
        assert "://" in url
    parts = urlsplit(url)
    place.config(f"account default\nurl mailgun://{parts.hostname}\npassword-from file:{tmp_path}/key\n"
                 f"endpoint {parse_qs(parts.query)['endpoint'][0]}\nlogfile {place.log}\n")
    done = place.run("-t", "-v")
    assert done.status == 0, done.err
    assert SECRET not in done.out + done.err + place.log.read_text()
    assert re.search(r"host=\S+ tls=off auth=\S+ from=ann@example.org recipients=bob@example.org mailsize=\d+ "
                     r"smtpstatus=200 .*exitcode=EX_OK", place.log_lines()[0])


def test_help_fits_a_screen():
    done = tidymail("sendmail", "--help")
    assert done.status == 0 and done.out.startswith("usage: tidymail sendmail")
    assert len(done.out.splitlines()) <= 40 and max(map(len, done.out.splitlines())) <= 90


def test_log_line(place):
    assert place.run("bob@example.org", "dan@example.org").status == 0
    line, = place.log_lines()
    assert re.fullmatch(
        r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d host=127\.0\.0\.1 tls=on auth=on user=ann "
        r"from=ann@example\.org recipients=bob@example\.org,dan@example\.org mailsize=\d+ "
        r"smtpstatus=250 smtpmsg='250 [^']*' exitcode=EX_OK", line)
    assert place.log.stat().st_mode & 0o777 == 0o600
    message, = place.server.messages()
    assert int(re.search(r"mailsize=(\d+)", line)[1]) == len(message)
    place.config(logfile="-", logfile_time_format="%Y")
    done = place.run("bob@example.org")
    assert re.match(r"\d{4} host=127\.0\.0\.1 ", done.out) and done.out.count("\n") == 1
    place.config(logfile="/nonexistent/log")
    done = place.run("bob@example.org")
    assert done.status == 0 and "the log /nonexistent/log cannot be written" in done.err
    place.config(logfile="off", syslog="LOG_NOWHERE")
    assert "no such facility" in place.run("bob@example.org").err


def test_log_line_of_a_failure(place):
    place.config(password="wrong-word")
    done = place.run("bob@example.org")
    assert done.status == 77
    line, = place.log_lines()
    assert "smtpstatus=535 " in line and "errormsg='" in line and line.endswith("exitcode=EX_NOPERM")
    assert "wrong-word" not in line + done.out + done.err


def test_a_reply_cannot_forge_a_log_line(place, scenario):
    server = scenario("S: 220 x", "C: EHLO *", "S: 250 x", "C: MAIL *",
                      r"S: 550-no' exitcode=EX_OK", "S: 550 Nov 24 21:40:47 host=evil")
    port = urlsplit(server.url).port
    place.config(f"account default\nhost 127.0.0.1\nport {port}\ntls off\nlogfile {place.log}\n")
    done = place.run("-f", "ann@example.org", "bob@example.org")
    assert done.status == 65
    line, = place.log_lines()
    assert r"smtpmsg='550 no\' exitcode=EX_OK\nNov 24 21:40:47 host=evil'" in line
    assert line.endswith("exitcode=EX_DATAERR")


def test_send_writes_it_too(place):
    done = tidymail("send", "--config", str(place.path), "--to", "bob@example.org", "--subject", "x",
                    "--text", "y")
    assert done.status == 0, done.err
    line, = place.log_lines()
    assert " user=ann from=ann@example.org recipients=bob@example.org mailsize=" in line
    message, = place.server.messages()
    assert field(message, "From") == "ann@example.org"
    assert int(re.search(r"mailsize=(\d+)", line)[1]) > 100


def test_accounts_of_send_and_check(place):
    place.config(place.account("one") + place.account("two", **{"from": "two@example.org", "user": "x"}))
    words = ("--config", str(place.path), "--to", "bob@example.org")
    text = ("--text", "x")
    assert tidymail("send", *words, *text).status == 64  # two, and none is the default
    assert tidymail("send", *words, *text, "--account", "one").status == 0
    assert tidymail("send", *words, *text, "--account", "two").status == 77
    assert tidymail("send", *words, *text, "--from", "Two <two@example.org>").status == 77
    assert tidymail("send", *words, *text, "--account", "two", "--user", "ann", "--password",
                    SECRET).status == 0
    assert tidymail("send", *words, *text, "--account", "one", "--url", "memory:").status == 64
    assert tidymail("send", *words, *text, "--account", "three").status == 78
    env = {"TIDYMAIL_URL": "smtp://127.0.0.1:1"}
    assert tidymail("send", *words, *text, "--account", "one", env=env).status == 0
    assert tidymail("check", *words, "--account", "one", "--json", env=env).status == 0
    checked = tidymail("check", *words, "--account", "two")
    assert checked.status == 77 and SECRET not in checked.out + checked.err
    folder = place.folder / "tidymail"
    folder.mkdir()
    place.config()
    place.path.rename(folder / "config")
    home = {"XDG_CONFIG_HOME": str(place.folder)}
    assert tidymail("send", "--to", "bob@example.org", *text, env=home).status == 0
    assert tidymail("send", "--to", "bob@example.org", *text, "--from", "a@example.org",
                    env={**home, **env}).status == 75  # TIDYMAIL_URL comes first here


def test_a_file_that_others_can_read(place):
    place.path.chmod(0o644)
    done = place.run("bob@example.org")
    assert done.status == 78 and "others may read it" in done.err and "chmod 600" in done.err


def test_transcripts_have_no_secret(place):
    log = place.folder / "transcript"
    for _ in range(2):
        done = place.run("-v", "-X", str(log), "-N", "failure,delay", "-R", "hdrs", "-V", "id1",
                         "bob@example.org")
        assert done.status == 0 and done.out == ""
    text = log.read_text()
    assert text.count("MAIL FROM:<ann@example.org>") == 2  # appended
    assert "RET=HDRS ENVID=id1" in text and "NOTIFY=FAILURE,DELAY" in text
    assert "MAIL FROM:<ann@example.org>" in done.err
    everything = text + done.err + "".join(place.log_lines())
    assert SECRET not in everything and "Hello" not in everything


# Programs of others.

def program(name, path=None):
    found = path if path and os.path.exists(path) else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def sendmail(place, tmp_path):
    """What stands in their configuration: a script, for those that take one word."""
    script = tmp_path / "our-sendmail"
    script.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$*\" >>{tmp_path}/words\n"
                      f"cat >{tmp_path}/handed\n"
                      f"exec {BINARY} sendmail -C {place.path} \"$@\" <{tmp_path}/handed\n")
    script.chmod(0o755)
    return script


def run(words, folder, stdin=b"", **env):
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8",
                   "TERM": "dumb", **{key: value for key, value in os.environ.items()
                                      if key.endswith("SAN_OPTIONS")}, **env}
    done = subprocess.run([str(word) for word in words], input=stdin, capture_output=True, cwd=folder,
                          env=environment, timeout=TIMEOUT, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def test_git_send_email(place, sendmail, tmp_path):
    git = program("git")
    if not os.path.exists(os.path.join(run([git, "--exec-path"], tmp_path).out.strip(),
                                       "git-send-email")):
        pytest.skip("git-email is not installed")
    who = {"GIT_AUTHOR_NAME": "Ann Ö", "GIT_AUTHOR_EMAIL": "ann@example.org",
           "GIT_COMMITTER_NAME": "Ann Ö", "GIT_COMMITTER_EMAIL": "ann@example.org"}
    repository = tmp_path / "repository"
    repository.mkdir()
    text = "a line\n.\nFrom here: ä\n" + "x" * 400 + "\n"
    (repository / "file").write_text(text)
    for words in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "file: begin\n\nWhy.\n."]):
        assert run([git, *words], repository, **who).status == 0
    done = run([git, "send-email", "--quiet", "--confirm=never", "--from=Ann Ö <ann@example.org>",
                "--to=bob@example.org", "--cc=Li Q <q@example.org>", f"--sendmail-cmd={sendmail}",
                "--root", "HEAD"], repository, **who)
    assert done.status == 0, done.err
    message = place.came_unchanged((tmp_path / "handed").read_bytes())
    assert {"bob@example.org", "q@example.org"} <= set(recipients(place))
    applied = tmp_path / "applied"
    applied.mkdir()
    assert run([git, "init", "-q"], applied).status == 0
    done = run([git, "am", "-q"], applied, stdin=message, **who)
    assert done.status == 0, done.err
    assert (applied / "file").read_text() == text


def test_mutt(place, sendmail, tmp_path):
    mutt = program("mutt")
    attached = tmp_path / "attached.bin"
    attached.write_bytes(bytes(range(256)))
    settings = [f'set sendmail="{sendmail} -oem -oi"', "set use_envelope_from=yes",
                'set from="ann@example.org"', "set copy=no", "set use_domain=no"]
    (tmp_path / "muttrc").write_text("\n".join(settings) + "\n")
    done = run([mutt, "-F", tmp_path / "muttrc", "-s", "Grüße", "-b", "eve@example.org", "-a", attached,
                "--", "bob@example.org"], tmp_path, stdin="Hä\n.\nend\n".encode())
    assert done.status == 0, done.err
    message = place.came_unchanged((tmp_path / "handed").read_bytes())
    parsed = email.message_from_bytes(message, policy=policy.default)
    assert parsed["Subject"] == "Grüße" and parsed["Bcc"] is None and b"eve@" not in message
    assert set(recipients(place)) == {"bob@example.org", "eve@example.org"}
    text, binary = parsed.iter_parts()
    assert text.get_content().splitlines() == ["Hä", ".", "end"] and binary.get_content() == bytes(range(256))


def test_s_nail(place, sendmail, tmp_path):
    nail = program("s-nail")
    done = run([nail, "-:/", "-Sv15-compat", f"-Smta={sendmail}", "-Sfrom=ann@example.org",
                "-r", "ann@example.org", "-s", "Grüße", "-b", "eve@example.org", "bob@example.org"],
               tmp_path, stdin="Hä\nend\n".encode(), MAILRC="/dev/null", ttycharset="utf-8")
    assert done.status == 0, done.err
    message = place.came_unchanged((tmp_path / "handed").read_bytes())
    parsed = email.message_from_bytes(message, policy=policy.default)
    assert parsed["Subject"] == "Grüße" and parsed["Bcc"] is None and b"eve@" not in message
    assert set(recipients(place)) == {"bob@example.org", "eve@example.org"}
    assert parsed.get_content().splitlines() == ["Hä", "end"]
