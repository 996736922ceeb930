"""Mail services over HTTP with the command: a server of the test's own in the place of Brevo."""

import gzip
import http.server
import json
import shutil
import socket
import threading
from pathlib import Path

import pytest

from command import BINARY, TIMEOUT, send, tidymail

KEY = "xkeysib-m4rked+S3cret/of-the-test"
QUOTED = KEY.replace("+", "%2B").replace("/", "%2F")
BUILD = Path(BINARY).resolve().parent.parent
MODULE = BUILD / "lib/tidymail/tidymail-http.so"

pytestmark = [
    pytest.mark.skipif(not MODULE.exists(), reason="tidymail-http.so was not built"),
    pytest.mark.skipif("brevo" not in tidymail("providers").out, reason="there is no Brevo"),
]

OK = (201, {"Content-Type": "application/json"}, b'{"messageId": "<42@smtp-relay.example>"}')


class Service:
    """Answers every request in the same way, and keeps what came."""

    def __init__(self, status, fields, body, cut=False):
        requests = self.requests = []
        connections = self.connections = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                connections.append(self.client_address)

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                requests.append((self.path, dict(self.headers), self.rfile.read(length)))
                if cut:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"brevo://{QUOTED}@?endpoint=http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def end(self):
        self.server.shutdown()
        self.thread.join(TIMEOUT)
        self.server.server_close()


@pytest.fixture
def service():
    """service(status, fields, body): servers, ended after the test."""
    started = []

    def start(*answer, **more):
        started.append(Service(*answer, **more))
        return started[-1]

    yield start
    for one in started:
        one.end()


def assert_no_key(*texts):
    for text in texts:
        for trace in (KEY, QUOTED, "m4rked", "S3cret"):
            assert trace not in text, text


def test_a_message_is_sent(service):
    brevo = service(*OK)
    done = send(brevo.url, "--json", "--trace", "--tag", "welcome")
    assert done.status == 0, done.out + done.err
    result = done.json
    assert result["outcome"] == "sent"
    assert result["transport"] == "brevo"
    assert result["service_id"] == "<42@smtp-relay.example>"
    assert result["server"] == f"127.0.0.1:{brevo.port}"
    assert result["address"] == "127.0.0.1"
    assert result["recipients"][0]["code"] == 201
    for phase in ("connect", "request", "response"):
        assert result["timings_ms"][phase] is not None
    assert result["timings_ms"]["mail"] is None
    (path, fields, body), = brevo.requests
    assert path == "/v3/smtp/email"
    assert fields["api-key"] == KEY
    assert fields["User-Agent"].startswith("tidymail/")
    assert fields["Host"] == f"127.0.0.1:{brevo.port}"
    assert "Expect" not in fields
    assert json.loads(body)["tags"] == ["welcome"]
    assert_no_key(done.out, done.err)
    assert "-> api-key: ***" in done.err
    assert "(application/json)" in done.err


@pytest.mark.parametrize("way", ["env", "file", "command", "password"])
def test_the_key_from_elsewhere(service, tmp_path, way):
    brevo = service(*OK)
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    words = {"env": ("--password-from", "env:TEST_KEY"), "file": ("--password-from", f"file:{path}"),
             "command": ("--password-from", f"command:cat {path}"), "password": ("--password", KEY)}[way]
    url = brevo.url.replace(f"{QUOTED}@", "")
    done = send(url, *words, "--trace", env={"TEST_KEY": KEY})
    assert done.status == 0, done.err
    assert brevo.requests[0][1]["api-key"] == KEY
    assert_no_key(done.out, done.err)


ECHO = f'{{"code": "unauthorized", "message": "Key not found: {KEY} ({QUOTED})"}}'.encode()


@pytest.mark.parametrize("answer, status, kind, retryable", [
    ((401, {"Content-Type": "application/json"}, ECHO), 77, "authentication", False),
    ((429, {"Retry-After": "7"}, b""), 75, "temporary", True),
    ((502, {"Content-Type": "text/html"}, b"<html><h1>Bad Gateway</h1></html>"), 75, "temporary", True),
    ((201, {}, b""), 74, "protocol", False),
    ((307, {"Location": "http://127.0.0.1:9/"}, b""), 76, "protocol", False),
    ((201, {"Content-Encoding": "gzip"}, gzip.compress(OK[2])), 0, None, False),
])
def test_answers(service, answer, status, kind, retryable):
    brevo = service(*answer)
    done = send(brevo.url, "--json", "--trace")
    assert done.status == status, done.out + done.err
    assert len(brevo.requests) == 1
    error = done.json["error"]
    assert_no_key(done.out, done.err)
    if kind is None:
        assert error is None
        return
    assert (error["kind"], error["phase"], error["retryable"]) == (kind, "response", retryable)
    assert error["code"] == answer[0]
    assert error["hint"]
    assert error["retry_after"] == (7 if answer[0] == 429 else None)


def test_a_cut_connection(service):
    brevo = service(*OK, cut=True)
    done = send(brevo.url, "--json")
    assert done.status == 74
    error = done.json["error"]
    assert done.json["outcome"] == "unknown"
    assert (error["kind"], error["phase"]) == ("connection", "request")
    assert error["maybe_delivered"] and not error["retryable"]
    assert "twice" in error["hint"]
    assert len(brevo.requests) == 1
    done = send(brevo.url, "--json", "--idempotency-key", "once")
    error = done.json["error"]
    assert error["maybe_delivered"] and error["retryable"]
    assert len(brevo.requests) == 2


def test_the_key_stays_at_home(service):
    """A redirect, a proxy of the environment and a .netrc lead to nobody."""
    thief = service(*OK)
    brevo = service(308, {"Location": f"http://localhost:{thief.port}/v3/smtp/email"}, b"")
    done = send(brevo.url)
    assert done.status == 76
    proxy = f"http://127.0.0.1:{thief.port}"
    brevo = service(*OK)
    done = send(brevo.url, env={"http_proxy": proxy, "HTTP_PROXY": proxy, "ALL_PROXY": proxy,
                                "all_proxy": proxy})
    assert done.status == 0, done.err
    assert len(brevo.requests) == 1
    assert not thief.connections


def test_netrc_is_not_read(service, tmp_path):
    brevo = service(*OK)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    done = send(brevo.url, env={"HOME": str(tmp_path), "CURL_HOME": str(tmp_path)})
    assert done.status == 0
    assert "Authorization" not in brevo.requests[0][1]


def test_nobody_there():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        done = send(f"brevo://{QUOTED}@?endpoint=http://127.0.0.1:{port}", "--json")
    assert done.status == 75
    error = done.json["error"]
    assert (error["kind"], error["phase"], error["maybe_delivered"]) == ("connection", "request", False)


def test_what_brevo_does_not_take(service):
    brevo = service(*OK)
    done = send(brevo.url, "--track-opens=yes", "--json")
    assert done.status == 65
    assert "Brevo" in done.json["error"]["message"]
    assert not brevo.connections
    done = send(brevo.url + "&unsupported=drop", "--track-opens=yes", "--json")
    assert done.status == 0, done.out
    assert any("Brevo" in note for note in done.json["notes"])


@pytest.mark.parametrize("options, words", [
    ("tls=none", "option tls"), ("timeuot=5", "did you mean timeout"),
    ("endpoint=http://mail.example.org", "endpoint"), ("region=a/b", "region"),
])
def test_options_that_are_refused(options, words):
    done = send(f"brevo://{QUOTED}@?{options}")
    assert done.status == 78
    assert words in done.out + done.err
    assert_no_key(done.out, done.err)


def test_the_module_is_missing(service, tmp_path):
    """libtidymail without its module sends over SMTP as ever, and says what a service needs."""
    brevo = service(*OK)
    folder = tmp_path / "lib"
    folder.mkdir()
    for path in (BUILD / "lib").glob("lib*.so*"):
        shutil.copy(path, folder / path.name)
    env = {"LD_LIBRARY_PATH": str(folder)}
    done = send(brevo.url, "--json", env=env)
    assert done.status == 78, done.out + done.err
    error = done.json["error"]
    assert error["kind"] == "configuration"
    assert "tidymail-http.so" in error["message"]
    assert str(folder) in error["hint"]
    assert not brevo.connections
    assert send("memory:", env=env).status == 0
    (folder / "tidymail").mkdir()
    (folder / "tidymail" / MODULE.name).write_bytes(b"\x7fELF nothing")
    done = send(brevo.url, "--json", env=env)
    assert done.status == 78
    assert "cannot be opened" in done.json["error"]["message"]
    shutil.copy(MODULE, folder / "tidymail" / MODULE.name)
    assert send(brevo.url, env=env).status == 0
