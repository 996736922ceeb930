"""tidymail sendmail beside Debian's msmtp: the same configuration file, words and message, the same server.
Exit status, what reaches the server and the log line are held against each other; where tidymail is different
on purpose the row says so."""

import email
import json
import re
import shutil
import subprocess
from email import policy
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from command import TIMEOUT, tidymail

SECRET = "s3cret-word"
MAIL = (b"From: Ann <ann@example.org>\nTo: Bob <bob@example.org>\nCc: cy@example.org\nBcc: eve@example.org\n"
        b"Subject: A test\nX-Long: a\n\tb\n\nHello\n.dot\n\xc3\xa4\n")
DOTS = MAIL + b".\n..\nend\n"  # msmtp is as if -i were always given
MSMTP = shutil.which("msmtp")


class Both:
    def __init__(self, folder, server):
        url = urlsplit(server.url)
        self.folder, self.server = folder, server
        self.base = {"host": "127.0.0.1", "port": url.port, "auth": "on", "user": unquote(url.username),
                     "password": unquote(url.password), "tls": "on", "tls_trust_file": parse_qs(url.query)["ca"][0],
                     "from": "ann@example.org", "logfile": folder / "log", "logfile_time_format": "T"}

    def config(self, text, **settings):
        """`text` with {account} for the lines of a working account."""
        lines = {key: value for key, value in {**self.base, **settings}.items() if value is not None}
        path = self.folder / "msmtprc"
        path.write_text(text.replace("{account}", "".join(f"{key} {value}\n" for key, value in lines.items())))
        path.chmod(0o600)
        return path

    def run(self, program, path, words, mail):
        """(status, words on standard error, log lines, messages) of one of the two."""
        log, before = self.folder / "log", len(self.server.messages())
        log.unlink(missing_ok=True)
        if program == "msmtp":
            done = subprocess.run([MSMTP, "-C", str(path), *words], input=mail, capture_output=True, timeout=TIMEOUT,
                                  check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "USER": "ann"})
            status, said = done.returncode, done.stderr.decode()
        else:
            done = tidymail("sendmail", "-C", str(path), *words, stdin=mail, env={"USER": "ann"})
            status, said = done.status, done.err
        assert SECRET not in said
        return status, said, log.read_text().splitlines() if log.exists() else [], self.server.messages()[before:]


@pytest.fixture
def both(tmp_path, serve):
    if MSMTP is None:
        pytest.skip("msmtp is not installed")
    return Both(tmp_path, serve("--user", "ann", "--password", SECRET, store=True))


def pairs(line):
    """The log line as its readers take it apart."""
    return dict(re.findall(r"(\w+)=('(?:[^'\\]|\\.)*'|\S*)", line))


DEFAULT = "account default\n{account}"
SENT = [
    # configuration, words, message
    (DEFAULT, {}, ("-t",), MAIL),
    (DEFAULT, {}, ("--read-recipients", "--read-envelope-from"), MAIL),
    (DEFAULT, {}, ("-i", "-t"), DOTS),
    (DEFAULT, {}, ("bob@example.org", "cy@example.org"), MAIL),
    (DEFAULT, {}, ("-f", "ann@example.net", "-t", "dan@example.org"), MAIL),
    (DEFAULT, {}, ("--from=ann@example.net", "--", "dan@example.org"), MAIL),
    (DEFAULT, {}, ("-N", "failure,delay", "-R", "hdrs", "dan@example.org"), MAIL),
    (DEFAULT, {}, ("-t",), b"Resent-To: dan@example.org\nResent-Bcc: eve@example.org\n" + MAIL),
    (DEFAULT, {}, ("-F", "Ann O", "bob@example.org"), b"Subject: no From\n\nHello\n"),
    (DEFAULT, {}, ("-oi", "-t"), DOTS),
    (DEFAULT, {"set_from_header": "on"}, ("-f", "x@example.org", "-t"), MAIL),
    (DEFAULT, {"set_from_header": "off"}, ("bob@example.org",), b"Subject: x\n\nHello\n"),
    (DEFAULT, {"undisclosed_recipients": "on"}, ("-t",), MAIL),
    (DEFAULT, {"allow_from_override": "off"}, ("-f", "x@example.net", "-t"), MAIL),
    (DEFAULT, {"dsn_notify": "never", "dsn_return": "headers"}, ("-t",), MAIL),
    (DEFAULT, {"from": "%U@example.org"}, ("-t",), MAIL),
    (DEFAULT, {"password": None, "passwordeval": f"echo {SECRET}"}, ("-t",), MAIL),
    (DEFAULT, {"password": None, "eval": f"echo password {SECRET}"}, ("-t",), MAIL),
    (DEFAULT, {"password": f'"{SECRET}"', "host": '"127.0.0.1"'}, ("-t",), MAIL),
    (DEFAULT, {"tls": "", "auth": "", "tls_starttls": ""}, ("-t",), MAIL),
    (DEFAULT, {"auth": "plain", "domain": "box.example.org", "timeout": "20", "protocol": "smtp"}, ("-t",), MAIL),
    (DEFAULT, {"tls_trust_file": "", "tls_certcheck": "off"}, ("-t",), MAIL),
    (DEFAULT, {"auto_from": "off", "remove_bcc_headers": "on", "tls_min_dh_prime_bits": "", "tls_crl_file": "",
               "ntlmdomain": "", "proxy_host": "", "proxy_port": "", "source_ip": "", "syslog": "off",
               "maildomain": "", "tls_host_override": "", "tls_key_file": "", "tls_cert_file": "",
               "tls_fingerprint": "", "dsn_notify": "off", "dsn_return": "off"}, ("-t",), MAIL),
    ("# how people write it\n\n defaults \n\tauth on\n{account}\naccount work\n\n  # mine\naccount default : work\n",
     {}, ("-t",), MAIL),
    ("account one\n{account}\naccount two : one\npassword no\naccount default : two, one\n", {}, ("-t",), MAIL),
    ("account one\n{account}\naccount two : one\nport 1\nfrom *@example.net\naccount default : two\n", {},
     ("--read-envelope-from", "-t"), MAIL),
    ("account one\n{account}\naccount two : one\nport 1\nfrom x@example.net\naccount default : two\n", {},
     ("-a", "one", "-t"), MAIL),
    ("account one\n{account}\naccount two : one\nport 1\nfrom x@example.net\n", {},
     ("-f", "ann+list@example.org", "-t"), MAIL),
    ("account one\n{account}\naccount two : one\nport 1\nfrom x@example.net\n", {"from": "a[m-o]?@example.*"},
     ("-f", "ann@example.com", "-t"), MAIL),
]


@pytest.mark.parametrize("config, settings, words, mail", SENT, ids=range(len(SENT)))
def test_the_same_is_sent(both, config, settings, words, mail):
    path = both.config(config, **settings)
    theirs, ours = (both.run(program, path, words, mail) for program in ("msmtp", "tidymail"))
    assert theirs[0] == 0, theirs  # the row itself is right
    assert (ours[0], ours[1]) == (0, ""), ours
    (their_line,), (our_line,) = theirs[2], ours[2]
    wanted, got = pairs(their_line), pairs(our_line)
    assert int(got.pop("mailsize")) >= int(wanted.pop("mailsize")) - 40  # a Date more here, a longer id there
    assert got == wanted and list(pairs(our_line)) == list(pairs(their_line))
    (theirs_sent,), (ours_sent,) = theirs[3], ours[3]
    own = [email.message_from_bytes(message, policy=policy.default) for message in (theirs_sent, ours_sent)]
    for name in ("From", "To", "Cc", "Bcc", "Subject", "X-Long"):
        assert str(own[1][name]) == str(own[0][name]), name
    assert theirs_sent.partition(b"\r\n\r\n")[2] == ours_sent.partition(b"\r\n\r\n")[2]


# The exit status where msmtp's says another thing: what is wrong with the file is 78 here, in all cases.
FAILED = [
    ({"password": "no"}, ("-t",), MAIL, 77, 77),
    ({"port": "1"}, ("-t",), MAIL, 75, 75),
    ({"host": "no-such-host.invalid"}, ("-t",), MAIL, 68, None),  # 75 where there is no network
    ({"tls_trust_file": "/etc/hostname"}, ("-t",), MAIL, None, None),
    ({"password": None}, ("-t",), MAIL, 69, 78),
    ({"auth": "cram-md5", "tls": "off"}, ("-t",), MAIL, None, 77),
    ({}, (), MAIL, 64, 64),
    ({}, ("--frob", "-t"), MAIL, 64, 64),
    ({}, ("-bs",), MAIL, 64, 64),
    ({}, ("-a", "none", "-t"), MAIL, 78, 78),
    ({"frob": "x"}, ("-t",), MAIL, 78, 78),
    ({"port": "many"}, ("-t",), MAIL, 78, 78),
    ({"tls": "on", "tls_starttls": "perhaps"}, ("-t",), MAIL, 78, 78),
    ({"eval": "exit 3"}, ("-t",), MAIL, 74, 78),
]


@pytest.mark.parametrize("settings, words, mail, theirs, ours", FAILED, ids=range(len(FAILED)))
def test_the_same_fails(both, settings, words, mail, theirs, ours):
    path = both.config(DEFAULT, **settings)
    they, we = (both.run(program, path, words, mail) for program in ("msmtp", "tidymail"))
    assert they[0] == theirs or (theirs is None and they[0] != 0), they
    assert we[0] == ours or (ours is None and we[0] != 0), we
    assert they[3] == we[3] == []
    assert we[1].startswith("tidymail sendmail: ") and len(we[1].splitlines()) <= 2
    if we[2] and they[2]:
        (their_line,), (our_line,) = they[2], we[2]
        wanted, got = pairs(their_line), pairs(our_line)
        assert (got["host"], got["recipients"], got["from"]) == (wanted["host"], wanted["recipients"], wanted["from"])
        assert "errormsg" in got and ("smtpstatus" in got) == ("smtpstatus" in wanted)
        assert "mailsize" not in got


@pytest.mark.parametrize("line, words", [
    ("frob x", 'unknown keyword "frob"'), ("port many", "port is a number"), ("tls_starttls maybe", "is on or off"),
    ("tls_host_override x", "tls_host_override is not had here"), ("auth gssapi", "auth names a mechanism"),
    ("tls_fingerprint 00:11:22", "tls_fingerprint is no SHA-256"), ("protocol uucp", "protocol is smtp or lmtp"),
    ("eval exit 1", "the command of eval failed"), ("account default", "there is an account of this name already"),
])
def test_what_is_refused_is_said_with_its_line(tmp_path, line, words):
    path = tmp_path / "msmtprc"
    path.write_text(f"account default\nhost 127.0.0.1\n{line}\n")
    done = tidymail("sendmail", "-C", str(path), "-t", stdin=MAIL)
    assert done.status == 78 and done.out == ""
    assert words in done.err and ", line 3: " in done.err and done.err.startswith("tidymail sendmail: ")


def test_fingerprint(both):
    """That of the server's certificate is enough, with nothing else trusted; another is refused."""
    checked = tidymail("check", "--config", str(both.config(DEFAULT)), "--json")
    digits = json.loads(checked.out)["certificate"]["sha256"].upper()
    colons = ":".join(digits[i:i + 2] for i in range(0, 64, 2))
    other = colons[:-2] + ("00" if colons[-2:] != "00" else "01")
    for fingerprint, status in ((colons, 0), (other, None)):
        path = both.config(DEFAULT, tls_trust_file="", tls_fingerprint=fingerprint)
        theirs, ours = (both.run(program, path, ("-t",), MAIL) for program in ("msmtp", "tidymail"))
        assert (theirs[0] == 0) == (ours[0] == 0) == (status == 0), (theirs, ours)
        assert len(theirs[3]) == len(ours[3]) == (status == 0)
    assert ours[0] == 77


def test_aliases(both):
    aliases = both.folder / "aliases"
    aliases.write_text("# who\nroot: ann@example.org, ops\nops: bob@example.org,cy@example.org\n"
                       "default: rest@example.org\n")
    path = both.config(DEFAULT, aliases=aliases)
    for words, mail in ((("root",), MAIL), (("nobody",), MAIL), (("-t",), b"To: root\nCc: dan@example.org\n\nHi\n")):
        theirs, ours = (both.run(program, path, words, mail) for program in ("msmtp", "tidymail"))
        assert theirs[0] == ours[0] == 0, (theirs, ours)
        wanted, got = (set(pairs(done[2][0])["recipients"].split(",")) for done in (theirs, ours))
        assert got == wanted


def test_tls_at_once(tmp_path, serve):
    """`tls_starttls off`: the usual port is 465, and nothing is said in clear before."""
    if MSMTP is None:
        pytest.skip("msmtp is not installed")
    both = Both(tmp_path, serve("--implicit-tls", "--user", "ann", "--password", SECRET, store=True))
    path = both.config(DEFAULT, tls_starttls="off")
    theirs, ours = (both.run(program, path, ("-t",), MAIL) for program in ("msmtp", "tidymail"))
    assert theirs[0] == ours[0] == 0, (theirs, ours)
    assert len(theirs[3]) == len(ours[3]) == 1
    wrong = both.config(DEFAULT)
    assert both.run("tidymail", wrong, ("-t",), MAIL)[0] != 0


def test_every_keyword_of_msmtp_is_known(tmp_path, monkeypatch):
    """All words of the program itself that it takes as a keyword, undocumented ones too."""
    if MSMTP is None:
        pytest.skip("msmtp is not installed")
    monkeypatch.chdir(tmp_path)  # where `logfile on` leads
    path, known = tmp_path / "msmtprc", []
    words = {word.decode() for word in re.findall(rb"[a-z][a-z_]{2,30}(?=\0)", Path(MSMTP).read_bytes())}
    for word in sorted(words | {"from", "host", "port", "auth", "tls", "user", "eval"}):
        path.write_text(f"account default\nhost h\n{word} on\n")
        done = subprocess.run([MSMTP, "-C", str(path), "-P", "x@example.org"], input=b"", capture_output=True,
                              timeout=TIMEOUT, check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
        if b"unknown command" not in done.stderr:
            known.append(word)
    assert len(known) > 40 and len(known) < len(words)
    for word in known:
        path.write_text(f"account default\nhost 127.0.0.1\nport 1\n{word} on\n")
        assert "unknown keyword" not in tidymail("sendmail", "-C", str(path), "x@example.org", stdin=MAIL).err, word
