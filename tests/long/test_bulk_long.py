"""`tidymail bulk` at full size: killed fifty times, and a million rows in flat memory."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from command import Server
from test_bulk import FROM, kill_and_continue, peak_kib, write_list


def test_killed_fifty_times_and_continued(tmp_path):
    server = Server("--no-tls", store=tmp_path / "mail")
    try:
        people = write_list(tmp_path / "people.csv", 20000)
        killed, unknown = kill_and_continue(server, people, tmp_path / "run.journal", 20000, 50, 11)
        print(f"killed {killed} times, {len(unknown)} of 20000 unknown")
        assert killed >= 40
    finally:
        server.end()


class Sink:
    """tests/long/sink.py in a process of its own."""

    def __init__(self, path, rows):
        self.path = path
        self.process = subprocess.Popen([sys.executable, Path(__file__).with_name("sink.py"), path, str(rows)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"smtp://127.0.0.1:{self.process.stdout.readline().split()[1]}?tls=none"

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)
        return json.loads(self.path.read_text())


def test_a_million_messages_need_no_more_memory_than_ten_thousand(tmp_path):
    peaks = []
    for count in (10000, 1000000):
        people = write_list(tmp_path / f"{count}.csv", count)
        journal = tmp_path / f"{count}.journal"
        sink = Sink(tmp_path / f"{count}.json", count)
        start = time.monotonic()
        try:
            peaks.append(peak_kib(("bulk", str(people), "--url", sink.url, *FROM, "--connections", "4", "--journal",
                                   str(journal), "--journal-sync", "no"), 1800))
        finally:
            came = sink.end()
        spent = time.monotonic() - start
        print(f"{count} messages over SMTP: peak {peaks[-1]} KiB, {count / spent:.0f}/s")
        assert came == {"messages": count, "twice": 0, "recipients": count}
        with open(journal, encoding="ascii") as lines:
            assert sum(1 for line in lines if re.search(" sent$", line)) == count
    assert peaks[1] < peaks[0] * 1.1, peaks
