"""Messages with every kind of false end in them, given to real servers: each has to arrive as one.

Postfix refuses bare LF outright here, OpenSMTPD takes it for the end of a line: what is not sent as
whole CRLF lines with their dots doubled shows itself in one of the two ways.
"""

import socket

import pytest

from live_server import DOMAIN
from test_every_server import ANN, CAROL, SENDER, WAYS, said

ENDS = {
    "LF dot LF": b"\n.\n", "LF dot CRLF": b"\n.\r\n", "CRLF dot LF": b"\r\n.\n",
    "CR dot CR": b"\r.\r", "CR dot CRLF": b"\r.\r\n", "CRLF dot CR": b"\r\n.\r",
    "LF dot CR": b"\n.\r", "CRLF dot CRLF": b"\r\n.\r\n", "CR CRLF dot CR CRLF": b"\r\r\n.\r\r\n",
}

SMUGGLED = (f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{CAROL}>\r\nDATA\r\nFrom: {SENDER}\r\n"
            "Subject: smuggled\r\n\r\nthis is no message\r\n.\r\nQUIT\r\n").encode()


def lines(text):
    """Line ends of any kind are one kind."""
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def body(content):
    return lines(content).split(b"\n\n", 1)[1].rstrip(b"\n")


@pytest.mark.parametrize("name", WAYS)
def test_a_false_end_in_a_message_ends_nothing(request, tidymail, tmp_path, name):
    way = WAYS[name](request)
    wanted = {}
    for number, (subject, end) in enumerate(ENDS.items()):
        head = f"From: {SENDER}\r\nTo: {ANN}\r\nSubject: {subject}\r\n" \
               f"Message-ID: <{number}@{DOMAIN}>\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n\r\n"
        content = head.encode() + b"before" + end + SMUGGLED
        wanted[f"<{number}@{DOMAIN}>"] = body(content)
        path = tmp_path / f"{number}.eml"
        path.write_bytes(content)
        done = tidymail("send", "--json", "--eml", str(path), url=way.url)
        assert done.returncode == 0, subject + said(done, way)
    done = tidymail("send", "--json", "--from", SENDER, "--to", CAROL, "--subject", "last",
                    "--text", "t", url=way.url)
    assert done.returncode == 0, said(done, way)

    [last] = way.boxes.mailbox("carol")  # sent after all that could have been smuggled
    assert last["Subject"] == "last"
    arrived = way.boxes.files("ann", len(ENDS))
    assert len(arrived) == len(ENDS)
    found = dict(zip(way.boxes.message_ids("ann", len(ENDS), 1), map(body, arrived)))
    assert found == wanted
    assert "bare <" not in way.server.log()


def converse(port, *pieces):
    """Writes each piece and reads one line of answer to it; the last answer."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        with connection.makefile("rwb") as stream:
            answer = stream.readline()
            for piece in pieces:
                stream.write(piece)
                stream.flush()
                answer = stream.readline()
                while answer[3:4] == b"-":
                    answer = stream.readline()
            return answer


def envelope(to):
    return (b"EHLO localhost\r\n", f"MAIL FROM:<{SENDER}>\r\n".encode(),
            f"RCPT TO:<{to}>\r\n".encode(), b"DATA\r\n")


def test_opensmtpd_would_show_a_message_that_ends_early(opensmtpd):
    """Without this the tests above would prove nothing."""
    content = b"Subject: first\r\n\r\nbefore\n.\r\n"
    answer = converse(opensmtpd.port, *envelope(ANN), content, *envelope(CAROL)[1:],
                      b"Subject: second\r\n\r\nx\r\n.\r\n")
    assert answer.startswith(b"250 ")
    [second] = opensmtpd.mailbox("carol")
    assert second["Subject"] == "second"


def test_postfix_would_refuse_a_bare_line_feed(postfix):
    answer = converse(postfix.relay_port, *envelope(ANN), b"Subject: s\r\n\r\na\nb\r\n.\r\n")
    assert answer.startswith(b"550 5.5.2 ") and b"bare <LF>" in answer
