"""The command under test: runs it, starts `tidymail serve`, knows the shape of --json."""

import json
import os
import signal
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BINARY = os.environ.get("TIDYMAIL_BIN", str(HERE.parent.parent / "build/asan/bin/tidymail"))
TIMEOUT = 60

PHASES = ("prepare resolve connect tls greeting ehlo starttls auth mail rcpt data body final quit "
          "request response").split()
KINDS = ("message configuration local resolve connection tls timeout protocol authentication "
         "temporary permanent").split()
TEXT = (str, type(None))
NUMBER = (int, type(None))

ERROR = {"kind": str, "phase": str, "retryable": bool, "maybe_delivered": bool, "code": NUMBER,
         "enhanced": TEXT, "service_code": TEXT, "reply": TEXT, "message": str, "hint": TEXT,
         "retry_after": NUMBER}
RECIPIENT = {"address": str, "outcome": str, "code": NUMBER, "enhanced": TEXT, "reply": TEXT,
             "retryable": bool, "service_id": TEXT}
RESULT = {"outcome": str, "error": (dict, type(None)), "message_id": TEXT, "service_id": TEXT,
          "transport": TEXT, "server": TEXT, "address": TEXT, "tls": dict, "auth": dict,
          "recipients": list, "attempts": list, "notes": list, "timings_ms": dict}


def check_keys(value, shape):
    assert list(value) == list(shape)
    for key, types in shape.items():
        assert isinstance(value[key], types), (key, value[key])


def check_result(result):
    """Every key of the object is there, with the right type, and the values fit each other."""
    check_keys(result, RESULT)
    check_keys(result["tls"], {"version": TEXT, "cipher": TEXT})
    check_keys(result["auth"], {"offered": list, "supported": list, "tried": list})
    check_keys(result["timings_ms"], {phase: NUMBER for phase in PHASES})
    for recipient in result["recipients"]:
        check_keys(recipient, RECIPIENT)
        assert recipient["outcome"] in ("sent", "failed", "unknown")
    assert result["outcome"] in ("sent", "partial", "failed", "unknown")
    assert (result["error"] is None) == (result["outcome"] == "sent")
    if result["error"] is not None:
        check_keys(result["error"], ERROR)
        assert result["error"]["kind"] in KINDS
        assert result["error"]["phase"] in PHASES
        assert "\n" not in result["error"]["message"]


def default_signals():
    """What nohup or a shell's & ignores is not ignored by what is started here."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Done:
    """A command that ended."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out.decode(), err.decode()
        self.raw = out

    @property
    def json(self):
        assert self.out.count("\n") == 1 and self.out.endswith("\n")
        result = json.loads(self.out)
        check_result(result)
        return result


def tidymail(*words, stdin=b"", env=None):
    environment = {key: value for key, value in os.environ.items() if key != "TIDYMAIL_URL"}
    environment.update(env or {})
    done = subprocess.run([BINARY, *words], input=stdin, capture_output=True, env=environment,
                          timeout=TIMEOUT, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def send(url, *words, to=("bob@example.org",), **more):
    """A whole message, so that a test names only what it is about."""
    recipients = [word for address in to for word in ("--to", address)]
    return tidymail("send", "--url", url, "--from", "ann@example.org", *recipients, "--subject",
                    "A test", "--text", "Hello", *words, **more)


class Server:
    """`tidymail serve` on a free port; ended by its pid."""

    def __init__(self, *words, store=None):
        self.store = Path(store) if store else None
        keep = ("--store", str(store)) if store else ()
        self.process = subprocess.Popen([BINARY, "serve", "--listen", "127.0.0.1:0", *keep, *words],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=default_signals)
        self.ready = self.process.stdout.readline().decode().rstrip("\n")
        if not self.ready.startswith("ready "):
            _, err = self.process.communicate(timeout=TIMEOUT)
            raise RuntimeError(f"serve ended: {err.decode()}")
        self.url = self.ready.removeprefix("ready ")

    def messages(self):
        return [path.read_bytes() for path in sorted(self.store.glob("*.eml"))]

    def end(self):
        """Ends it with SIGTERM; (exit status, what it said behind its first line, stderr)."""
        if self.process.poll() is None:
            self.process.terminate()
        out, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out.decode(), err.decode()
