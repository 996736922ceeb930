"""Real mail servers for the tests, and the command that is tested."""

import os
import pathlib
import subprocess

import pytest

import dovecot_server
import exim_server
import live_server
import opensmtpd_server
import postfix_server

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TIDYMAIL_BUILD", ROOT / "build" / "dev"))


def run_server(make, **attributes):
    try:
        server = make(BUILD / "live-packages")
    except live_server.Unavailable as reason:
        pytest.skip(f"no real {make.name}: {reason}")
    for name, value in attributes.items():
        setattr(server, name, value)
    with server:
        yield server


@pytest.fixture(scope="session")
def postfix_for_all():
    yield from run_server(postfix_server.Postfix)


@pytest.fixture(scope="session")
def exim_for_all():
    yield from run_server(exim_server.Exim)


@pytest.fixture(scope="session")
def opensmtpd_for_all():
    yield from run_server(opensmtpd_server.OpenSMTPD)


@pytest.fixture(scope="session")
def dovecot_for_all(request):
    relay = {}
    try:
        relay["relay_port"] = request.getfixturevalue("postfix_for_all").relay_port
    except pytest.skip.Exception:
        pass  # LMTP needs none; the tests of the submission server skip by themselves
    yield from run_server(dovecot_server.Dovecot, **relay)


@pytest.fixture
def postfix(postfix_for_all):
    """A real Postfix with empty mailboxes; so are the others."""
    postfix_for_all.empty_mailboxes()
    return postfix_for_all


@pytest.fixture
def exim(exim_for_all):
    exim_for_all.empty_mailboxes()
    return exim_for_all


@pytest.fixture
def opensmtpd(opensmtpd_for_all):
    opensmtpd_for_all.empty_mailboxes()
    return opensmtpd_for_all


@pytest.fixture
def dovecot(dovecot_for_all):
    dovecot_for_all.empty_mailboxes()
    return dovecot_for_all


def program(name, variable=None):
    path = os.environ.get(variable or "", str(BUILD / name))
    if not os.path.exists(path):
        pytest.fail(f"{path} is not there: build first")
    return path


def run_program(path, arguments, url):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TIDYMAIL_URL": url}
    environment.update({name: value for name, value in os.environ.items()
                        if name.startswith(("ASAN_", "UBSAN_", "LSAN_", "TSAN_"))})
    return subprocess.run([path, *arguments], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def tidymail():
    """Runs the command: tidymail("send", ..., url=URL) gives what it said and its exit code."""
    path = program("bin/tidymail", "TIDYMAIL_BIN")
    return lambda *arguments, url: run_program(path, arguments, url)


@pytest.fixture
def send_many():
    """Sends many messages through one transport: (outcome, Message-ID, connection, words) of each."""
    path = program("tests/send_many")

    def send(count, *addresses, url):
        done = run_program(path, [str(count), *addresses], url)
        assert done.returncode == 0 and done.stderr == "", done.stdout[-2000:] + done.stderr
        return [line.split(" ", 3) for line in done.stdout.splitlines()]

    return send
