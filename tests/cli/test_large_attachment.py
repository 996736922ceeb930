"""Memory does not grow with an attachment: a sparse file of 64 MiB (scripts/long-tests: 4 GiB)."""

import os
import subprocess

from command import BINARY
from smtp_sink import Sink

MIB = 1 << 20


def send_sparse(path, size):
    """Sends a file of zeros; (bytes of the message, peak memory of the command in KiB)."""
    with open(path, "wb") as file:
        file.truncate(size)
    sink = Sink()
    # AddressSanitizer keeps freed memory for a while; that is not ours.
    environment = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1")
    process = subprocess.Popen([BINARY, "send", "--url", sink.url, "--from", "ann@example.org", "--to",
                                "bob@example.org", "--text", "zeros", "--attach", str(path)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    sink.finish(process.pid)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err.decode()
    assert sink.failure is None
    return sink.size, sink.peak_kib


def test_64_mib_need_no_more_memory_than_one_kib(tmp_path):
    small, small_peak = send_sparse(tmp_path / "small.bin", 1024)
    large, large_peak = send_sparse(tmp_path / "large.bin", 64 * MIB)
    assert small < 4096 and large > 64 * MIB * 4 / 3
    assert large_peak - small_peak < 4096


def test_a_file_that_changes_while_it_is_read_fails(tmp_path):
    path = tmp_path / "growing.bin"
    with open(path, "wb") as file:
        file.truncate(8 * MIB)
    process = subprocess.Popen([BINARY, "render", "--from", "a@example.org", "--to", "b@example.org",
                                "--attach", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(4096)  # it has begun, and waits for its pipe to be emptied
    with open(path, "r+b") as file:
        file.truncate(4 * MIB)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 71
    assert b"growing.bin changed while it was being read" in err
