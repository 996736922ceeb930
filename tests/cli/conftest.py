"""Fixtures of the tests of the command."""

import pytest

from command import Server


@pytest.fixture
def serve(tmp_path):
    """serve(*words, store=True): starts servers and ends them after the test."""
    servers = []

    def start(*words, store=False):
        folder = tmp_path / f"mail{len(servers)}" if store else None
        servers.append(Server(*words, store=folder))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture
def scenario(tmp_path, serve):
    """scenario(lines): a server that plays them, in plain text."""

    def play(*lines):
        path = tmp_path / "played.scn"
        head = ["title: played by a test", "source: tests/cli", "client: tls=none"]
        path.write_text("\n".join(head + list(lines)) + "\n")
        return serve("--script", str(path))

    return play
