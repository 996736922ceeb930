"""Real mail servers for the tests, and the command that is tested."""

import os
import pathlib
import subprocess

import pytest

import postfix_server

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TIDYMAIL_BUILD", ROOT / "build" / "dev"))


@pytest.fixture(scope="session")
def postfix_for_all():
    try:
        server = postfix_server.Postfix(BUILD / "live-packages")
    except postfix_server.Unavailable as reason:
        pytest.skip(f"no real Postfix: {reason}")
    with server:
        yield server


@pytest.fixture
def postfix(postfix_for_all):
    """A real Postfix with empty mailboxes."""
    postfix_for_all.empty_mailboxes()
    return postfix_for_all


@pytest.fixture
def tidymail():
    """Runs the command: tidymail("send", ..., url=URL) gives what it said and its exit code."""
    program = os.environ.get("TIDYMAIL_BIN", str(BUILD / "bin" / "tidymail"))
    if not os.path.exists(program):
        pytest.fail(f"{program} is not there: build first, or set TIDYMAIL_BIN")

    def run(*arguments, url):
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TIDYMAIL_URL": url}
        environment.update({name: value for name, value in os.environ.items()
                            if name.startswith(("ASAN_", "UBSAN_", "LSAN_", "TSAN_"))})
        return subprocess.run([program, *arguments], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)

    return run
