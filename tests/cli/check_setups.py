"""Broken set-ups on loopback, each with what `tidymail check` has to say in its first line and with
the mending that this leads to. Used by test_check.py, and by scripts/make-check-doc for the table.

A set-up is a function of a Stand: it returns (words of the command, what the first line must hold, the
verdict, words after following the advice, what was done)."""

import json
import re
import socket
import threading

from command import Server, tidymail
from dns_server import NameServer

SETUPS = []


def setup(title):
    def add(function):
        SETUPS.append((title, function))
        return function
    return add


class Stand:
    """Makes servers, and ends them."""

    def __init__(self, folder):
        self.folder, self.servers, self.sockets = folder, [], []

    def serve(self, *words):
        self.servers.append(Server(*words))
        return self.servers[-1].url

    def play(self, name, *lines, client="tls=none", implicit=False):
        path = self.folder / f"{name}.scn"
        path.write_text("\n".join([f"title: {name}", "source: tests/cli", f"client: {client}",
                                   *lines]) + "\n")
        return self.serve("--script", str(path), *(["--implicit-tls"] if implicit else []))

    def listen(self, say=b""):
        """A port that says something, and no more."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.sockets.append(listener)

        def run():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                self.sockets.append(peer)
                threading.Thread(target=self.talk, args=(peer, say), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()[1]

    @staticmethod
    def talk(peer, say):
        try:
            peer.sendall(say)
            while peer.recv(1000):
                pass
        except OSError:
            pass

    def names(self, records):
        self.sockets.append(NameServer(records))
        return self.sockets[-1]

    def free_port(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]

    def end(self):
        for server in self.servers:
            server.end()
        for one in self.sockets:
            one.end() if isinstance(one, NameServer) else one.close()


def check(*words):
    done = tidymail("check", *words, "--json", "--connect-timeout", "5")
    return json.loads(done.out), done.status


def port_of(url):
    return re.search(r":(\d+)(\?|$|/)", url.split("@")[-1])[1]


def query_of(url):
    return url.partition("?")[2]


HELLO = ["S: 220 mx.example ESMTP", "C: EHLO *"]
OPEN = [*HELLO, "S: 250-mx.example", "S: 250 SIZE 1000000"]
END = ["@optional", "C: QUIT", "S: 221 bye"]


@setup("wrong password")
def wrong_password(stand):
    url = stand.serve("--user", "ann", "--password", "right", "--require-auth")
    return ([url.replace("right", "wrong")],
            "authentication failed: the server refused the password (535", "failed", [url],
            "the right password")


@setup("wrong port for TLS: smtp:// where TLS is spoken at once")
def tls_port(stand):
    url = stand.serve("--user", "ann", "--password", "pw", "--implicit-tls")
    return ([url.replace("smtps:", "smtp:"), "--reply-timeout", "1"], "what works is smtps://",
            "failed", "suggested",
            "the URL that it names")


@setup("plain port with smtps://")
def plain_port(stand):
    url = stand.serve("--user", "ann", "--password", "pw")
    return ([url.replace("smtp:", "smtps:")], "answered the TLS handshake in clear", "failed",
            "suggested", "the URL that it names")


def starttls_with(kind):
    return [*HELLO, "S: 250-mx.example", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go ahead",
            f"@tls {kind}", "C: EHLO *", "S: 250 mx.example", *END]


@setup("expired certificate")
def expired(stand):
    url = stand.play("expired", *starttls_with("expired"), client="tls=starttls")
    good = stand.play("renewed", *starttls_with("valid"), client="tls=starttls")
    return [url], "has expired: it was valid from", "failed", [good], "a renewed certificate"


@setup("self-signed certificate")
def self_signed(stand):
    url = stand.play("selfsigned", *starttls_with("self-signed"), client="tls=starttls")
    return [url], "is self-signed", "failed", "advice-verify", "verify= with its fingerprint"


@setup("certificate for another name")
def wrong_name(stand):
    url = stand.play("name", *starttls_with("wrong-host"), client="tls=starttls")
    good = stand.play("rightname", *starttls_with("valid"), client="tls=starttls")
    return ([url], "the certificate is for", "failed", [good.replace("127.0.0.1", "localhost")],
            "a host that the certificate names")


@setup("STARTTLS stripped")
def stripped(stand):
    url = stand.serve("--hide", "STARTTLS")
    good = stand.serve()
    return [url], "STARTTLS", "failed", [good], "the server's own port, past what strips it"


@setup("AUTH not offered")
def no_auth(stand):
    url = stand.serve("--hide", "AUTH")
    bare = re.sub(r"//[^@]*@", "//", url)
    return ([url], "credentials were given, but the server offers no authentication", "failed",
            [bare], "no credentials in the URL")


@setup("silent server")
def silent(stand):
    port = stand.listen()
    good = stand.serve()
    return ([f"smtp://127.0.0.1:{port}", "--reply-timeout", "1"], "waiting for the greeting",
            "failed", [good], "a server that answers")


@setup("HTTP server")
def http(stand):
    port = stand.listen(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    good = stand.serve()
    return ([f"smtp://127.0.0.1:{port}"], "it looks like an HTTP server", "failed", [good],
            "the port of the mail server")


@setup("refused connection")
def refused(stand):
    port = stand.free_port()
    good = stand.serve()
    return ([f"smtp://127.0.0.1:{port}"], "connection refused", "failed", [good],
            "the port on which the server listens")


@setup("unknown host")
def unknown_host(stand):
    good = stand.serve()
    return (["smtp://no-such-host.invalid"], "no-such-host.invalid", "failed", [good],
            "the right host name")


@setup("greylisting")
def greylisting(stand):
    url = stand.play("grey", *OPEN, "C: MAIL FROM:*", "S: 250 ok", "C: RCPT TO:*",
                     "S: 451 4.7.1 Greylisted, try again in 5 minutes", "C: RSET", "S: 250 ok", *END)
    good = stand.play("white", *OPEN, "C: MAIL FROM:*", "S: 250 ok", "C: RCPT TO:*", "S: 250 ok",
                      "C: RSET", "S: 250 ok", *END)
    to = ["--from", "ann@example.com", "--to", "bob@example.org"]
    return [url, *to], "Greylisted", "warning", [good, *to], "the same some minutes later"


@setup("sender refused")
def sender_refused(stand):
    url = stand.play("sender", *OPEN, "C: MAIL FROM:<ann*", "S: 550 5.7.1 Sender not owned by user",
                     *END)
    good = stand.play("owned", *OPEN, "C: MAIL FROM:<me*", "S: 250 ok", "C: RCPT TO:*", "S: 250 ok",
                      "C: RSET", "S: 250 ok", *END)
    to = ["--to", "bob@example.org"]
    return ([url, "--from", "ann@example.com", *to], "the server refused the sender (550", "failed",
            [good, "--from", "me@example.com", *to], "the account's own address")


@setup("relay denied")
def relay_denied(stand):
    lines = [*OPEN, "C: MAIL FROM:*", "S: 250 ok", "C: RCPT TO:*",
             "S: 554 5.7.1 <bob@example.org>: Relay access denied", "C: RSET", "S: 250 ok", *END]
    url = stand.play("relay", *lines)
    good = stand.serve("--user", "ann", "--password", "pw", "--require-auth")
    to = ["--from", "ann@example.com", "--to", "bob@example.org"]
    return [url, *to], "Relay access denied", "failed", [good, *to], "a login in the URL"


@setup("size limit")
def size_limit(stand):
    url = stand.play("size", *OPEN, "C: MAIL FROM:*", "S: 250 ok", "C: RCPT TO:*", "S: 250 ok",
                     "C: RSET", "S: 250 ok", *END)
    to = ["--from", "ann@example.com", "--to", "bob@example.org", "--size"]
    return ([url, *to, "2000000"], "1000000", "failed", [url, *to, "900000"],
            "a smaller message")


@setup("TLS 1.0 only")
def tls_1_0(stand):
    url = stand.play("old", *starttls_with("max-version=1.0"), client="tls=starttls")
    good = stand.play("new", *starttls_with("valid"), client="tls=starttls")
    return [url], "TLS", "failed", [good], "a server with TLS 1.2 or newer"


@setup("proxy down")
def proxy_down(stand):
    url = stand.serve()
    return ([url, "--proxy", f"socks5://127.0.0.1:{stand.free_port()}"], "proxy", "failed", [url],
            "no proxy, or one that runs")


@setup("IPv6 unreachable but IPv4 fine")
def ipv6_unreachable(stand):
    url = stand.serve()
    server = stand.names({("mail.example.com", "A"): ["127.0.0.1"],
                          ("mail.example.com", "AAAA"): ["::1"]})
    other = stand.names({("mail.example.com", "A"): ["127.0.0.1"]})
    named = ["smtp://mail.example.com:" + port_of(url), "--tls", "none", "--resolver"]
    return ([*named, server.address], "not every address of the host answers", "warning",
            [*named, other.address], "no AAAA record")


@setup("server that closes after 535")
def closes_after_535(stand):
    lines = ["S: 220 Mailgun Influx ready", "C: EHLO *", "S: 250-smtp-out.example",
             "S: 250-AUTH PLAIN LOGIN", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 Go ahead", "@tls",
             "C: EHLO *", "S: 250 AUTH PLAIN LOGIN", "C: AUTH PLAIN *"]
    client = "auth=plain user=bench password=wrong"
    url = stand.play("closes", *lines, "S: 535 Authentication failed", "@close", client=client)
    good = stand.play("stays", *lines, "S: 235 ok", *END, client=client)
    return [url], "authentication failed: the server refused the password (535)", "failed", \
        [good], "the right password"


def run(stand, function):
    """(first line, verdict, what was done, verdict after it); raises where something is not as it
    has to be."""
    words, expected, verdict, mended, done = function(stand)
    found, status = check(*words)
    assert expected in found["summary"], found
    assert found["verdict"] == verdict, found
    assert (status == 0) == (verdict == "warning"), status
    if mended == "suggested":
        assert found["suggested_url"], found
        mended = [found["suggested_url"].replace("***", "pw")]
    elif mended == "advice-verify":
        advice = " ".join(stage["advice"] or "" for stage in found["stages"])
        fingerprint = re.search(r"sha256:[0-9a-f]{64}", advice)[0]
        mended = [words[0].partition("?")[0] + f"?verify={fingerprint}"]
    after, status = check(*mended)
    assert after["verdict"] in ("ok", "warning") and status == 0, after
    return found, done, after


