"""`tidymail bulk`: a message for each row, what is refused, and a journal that survives SIGKILL."""

import email
import email.policy
import json
import os
import pty
import random
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from command import BINARY, Server, default_signals, tidymail

FROM = ("--from", "Ann Lee <ann@example.org>", "--text", "Hello {{name|you}}")
KEYS = ("rows sent sent_before failed refused retryable unknown complete seconds status error").split()


def bulk(list_, url, *words, **more):
    return tidymail("bulk", str(list_), "--url", url, *FROM, *words, **more)


def write_list(path, count, start=0):
    path.write_text("email,name\n" + "".join(f"p{i}@example.org,Person {i}\n"
                                             for i in range(start, start + count)))
    return path


def parsed(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def receivers(server):
    """The address in To of each message that came in, without parsing all of it."""
    return [re.search(rb"^To: .*?([\w.+-]+@[\w.]+)>?\r?$", raw, re.MULTILINE).group(1).decode()
            for raw in server.messages()]


def summary(done):
    result = json.loads(done.out)
    assert list(result) == KEYS and result["status"] == done.status
    return result


class Moody(threading.Thread):
    """An SMTP server that refuses no@ for good and later@ for now, and hangs up at the end of lost@."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.listener.getsockname()[1]}?tls=none&pipelining=no"
        self.got = []
        self.start()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        lines = peer.makefile("rb")
        peer.sendall(b"220 moody ESMTP\r\n")
        rcpt, data = "", False
        for line in lines:
            word = line[:4].upper()
            if data:
                if line != b".\r\n":
                    continue
                data = False
                self.got.append(rcpt)
                if rcpt.startswith("lost"):
                    peer.shutdown(socket.SHUT_RDWR)
                    return
                peer.sendall(b"250 taken\r\n")
            elif word == b"RCPT":
                rcpt = line.decode().partition("<")[2].partition(">")[0]
                refused = {"no": b"550 5.1.1 no such user", "la": b"451 4.2.1 come back later"}
                peer.sendall(refused.get(rcpt[:2], b"250 fine") + b"\r\n")
            elif word == b"DATA":
                data = True
                peer.sendall(b"354 go on\r\n")
            else:
                peer.sendall(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")


def test_each_row_is_a_message(serve, tmp_path):
    server = serve(store=True)
    people = tmp_path / "people.csv"
    (tmp_path / "bill-1.txt").write_text("one")
    (tmp_path / "bill-2.txt").write_text("two")
    people.write_text('email,name,id,city\r\nbob@example.org,"Müller, Bob",1,Köln\r\n'
                      'eve@example.org,"Eve ""E"" <x>",2,\r\n', encoding="utf-8")
    done = tidymail("bulk", str(people), "--url", server.url, "--from", "ann@example.org", "--to",
                    "{{name}} <{{email}}>", "--subject", "For {{name}} ({{id}})", "--text",
                    "To {{city|nowhere}}", "--html", "<p>{{name}} {{{id}}}</p>", "--header",
                    "X-Id: {{id}}", "--list-unsubscribe", "https://example.org/u?e={{email}}",
                    "--attach", f"{tmp_path}/bill-{{{{id}}}}.txt;name=bill {{{{name}}}}.txt")
    assert (done.status, done.out, done.err) == (0, "sent 2 of 2\n", "")
    for raw, name, address, text, html, content in zip(
            server.messages(), ("Müller, Bob", 'Eve "E" <x>'), ("bob@example.org", "eve@example.org"),
            ("To Köln", "To nowhere"), ("Müller, Bob 1", "Eve &quot;E&quot; &lt;x&gt; 2"), ("one", "two")):
        message = parsed(raw)
        (to,) = message["To"].addresses
        assert (to.display_name, to.addr_spec) == (name, address)
        assert message["Subject"] == f"For {name} ({message['X-Id']})"
        assert message["List-Unsubscribe"] == f"<https://example.org/u?e={address.replace('@', '%40')}>"
        assert message.get_body(("plain",)).get_content().strip() == text
        assert message.get_body(("html",)).get_content().strip() == f"<p>{html}</p>"
        (part,) = message.iter_attachments()
        assert part.get_content().strip() == content and part.get_filename() == f"bill {name}.txt"


def test_json_lines_from_standard_input(serve):
    server = serve(store=True)
    rows = b'{"email":"a@example.org","name":"A"}\n\n{"email":"b@example.org","n":1.1,"name":null}\n'
    done = bulk("-", server.url, "--subject", "{{n|none}}", stdin=rows)
    assert (done.status, done.out) == (0, "sent 2 of 2\n")
    assert [parsed(raw)["Subject"] for raw in server.messages()] == ["none", "1.1"]
    assert [b"Hello you" in raw for raw in server.messages()] == [False, True]


def test_rows_are_refused_and_the_run_goes_on(serve, tmp_path):
    server = serve(store=True)
    people = tmp_path / "people.csv"
    people.write_bytes(b"email,name\na@example.org,A\n,B\nc@example.org\n\"d@example.org\nBcc: x@example.org\",D\n"
                       b"\"e@example.org, x@example.org\",E\nf@example.org,\"F\nBcc: x@example.org\"\n"
                       b"g@example.org> <x@example.org,G\nh@example.org,\xff\ni\"@example.org,I\n"
                       b"nobody,N\nj@example.org,J\n")
    done = bulk(people, server.url, "--subject", "For {{name}}", "--header", "X-Name: {{name}}")
    assert done.status == 65 and done.out == "sent 2 of 11, 9 rows refused\n"
    assert receivers(server) == ["a@example.org", "j@example.org"]
    assert [line.split(":")[0] for line in done.err.splitlines()] == [f"row {i}" for i in range(2, 11)]
    assert "row 2: refused: --to: the address is empty\n" in done.err
    assert "row 3: refused: line 4 has 1 field, the header line has 2\n" in done.err
    done = bulk(people, server.url, "--subject", "{{nick}}")
    assert done.status == 65 and done.out == "sent 0 of 11, 11 rows refused\n"
    assert "row 1: refused: --subject: there is no field nick\n" in done.err


def test_a_name_cannot_bring_another_recipient(tmp_path):
    people = tmp_path / "people.csv"
    people.write_text('email,name\nbob@example.org,"Eve <eve@example.org>, X"\n')
    done = tidymail("bulk", str(people), *FROM, "--to", "{{name}} <{{email}}>", "--dry-run")
    (to,) = parsed(done.raw.partition(b"\r\n")[2])["To"].addresses
    assert (to.display_name, to.addr_spec) == ("Eve <eve@example.org>, X", "bob@example.org")


def test_usage(tmp_path):
    people = write_list(tmp_path / "people.csv", 1)
    for words, said in [
            ((), "the list is missing"),
            ((str(people), "--rate", "fast"), "--rate: not of the form"),
            ((str(people), "--limit", "0"), "--limit: not a whole number from 1"),
            ((str(people), "--connections", "1001"), "--connections: not a whole number from 1 to 1000"),
            ((str(people), "--retry-unknown"), "--retry-unknown needs --journal"),
            ((str(people), "--subject", "a {{b"), "--subject: the field at offset 2 is not closed"),
            ((str(people), "--attach", "-"), "cannot read standard input: it is read for each row"),
            (("-", "--html-file", "-"), "standard input is the list"),
            ((str(people), "--delimiter", "ab"), "--delimiter is one character"),
            ((str(people), "--format", "xls"), "--format is neither")]:
        done = tidymail("bulk", *words, "--url", "memory:", *FROM)
        assert done.status == 64 and said in done.err, (words, done.err)
    assert tidymail("bulk", str(people), "--url", "memory:", "--text", "x").status == 64
    assert bulk(tmp_path / "none.csv", "memory:").status == 66
    assert bulk(people, "nothing://x").status == 78
    assert tidymail("bulk", str(people), *FROM).status == 64  # no URL
    (tmp_path / "empty.csv").write_text("")
    assert bulk(tmp_path / "empty.csv", "memory:").status == 65
    assert tidymail("bulk", "--help").status == 0


def test_dry_run_shows_the_first_and_sends_nothing(tmp_path):
    people = write_list(tmp_path / "people.csv", 10)
    done = tidymail("bulk", str(people), *FROM, "--dry-run")
    assert done.status == 0 and re.findall(r"--- row (\d+)", done.out) == ["1", "2", "3"]
    assert "To: p2@example.org" in done.out and "Hello Person 2" in done.out
    folder = tmp_path / "out"
    folder.mkdir()
    done = bulk(people, f"file://{folder}", "--dry-run=1")
    assert done.out.count("--- row") == 1 and not list(folder.iterdir())


def test_limit_and_rate(tmp_path):
    people = write_list(tmp_path / "people.csv", 50)
    start = time.monotonic()
    done = bulk(people, "memory:", "--limit", "11", "--rate", "20/s", "--json")
    assert time.monotonic() - start > 0.4
    result = summary(done)
    assert done.status == 0 and result["sent"] == 11 and not result["complete"]


def test_what_servers_say_and_what_the_next_run_does(tmp_path):
    server = Moody()
    people = tmp_path / "people.csv"
    people.write_text("email,name\n" + "".join(f"{word}@example.org,x\n"
                                               for word in ("a", "no", "later", "lost", "b")))
    journal = tmp_path / "run.journal"
    done = bulk(people, server.url, "--journal", str(journal), "--json")
    result = summary(done)
    assert done.status == 75 and result["complete"] and result["error"] is None
    assert [result[key] for key in KEYS[:7]] == [5, 2, 0, 1, 0, 1, 1]
    assert "row 2: not sent: no@example.org: " in done.err
    assert "row 4: unknown: lost@example.org: " in done.err
    states = dict(re.findall(r"^(\d+) [0-9a-f]{16} (sent|unknown|failed \w+)", journal.read_text(), re.MULTILINE))
    assert states == {"1": "sent", "2": "failed final", "3": "failed later", "4": "unknown", "5": "sent"}
    del server.got[:]
    done = bulk(people, server.url, "--journal", str(journal), "--json")
    assert [summary(done)[key] for key in KEYS[:7]] == [5, 0, 2, 1, 0, 1, 1]
    assert server.got == []
    done = bulk(people, server.url, "--journal", str(journal), "--retry-unknown", "--retry-failed")
    assert server.got == ["lost@example.org"]
    people.write_text(people.read_text() + "c@example.org,x\n")
    done = bulk(people, server.url, "--journal", str(journal))
    assert done.status == 66 and "is that of another list" in done.err
    for email_, status in (("no", 65), ("later", 75), ("lost", 74)):
        people.write_text(f"email,name\n{email_}@example.org,x\n")
        assert bulk(people, server.url).status == status


def test_a_way_that_is_closed_stops_the_run(tmp_path):
    people = write_list(tmp_path / "people.csv", 500)
    journal = tmp_path / "run.journal"
    done = bulk(people, "smtp://127.0.0.1:1?tls=none", "--journal", str(journal), "--json")
    result = summary(done)
    assert done.status == 75 and result["retryable"] < 50 and result["rows"] < 50
    assert "stopped, because the next would fail too: connection refused" in result["error"]["message"]
    done = bulk(people, f"file://{tmp_path}", "--journal", str(journal))
    assert (done.status, done.out) == (0, "sent 500 of 500\n")


def test_a_wrong_password_stops_it_at_once(serve, tmp_path):
    server = serve("--user", "ann", "--password", "right", "--require-auth", store=True)
    people = write_list(tmp_path / "people.csv", 100)
    journal = tmp_path / "run.journal"
    done = bulk(people, server.url, "--user", "ann", "--password", "wrong", "--journal", str(journal))
    assert done.status == 77 and "wrong" not in done.err + done.out + journal.read_text()
    done = bulk(people, server.url, "--user", "ann", "--password", "right", "--journal", str(journal))
    assert done.status == 0 and len(set(receivers(server))) == len(server.messages()) == 100


def test_two_runs_on_one_journal(serve, tmp_path):
    server = serve("--no-tls", store=True)
    people = write_list(tmp_path / "people.csv", 20)
    journal = tmp_path / "run.journal"
    words = (str(people), "--url", server.url, *FROM, "--rate", "20", "--journal", str(journal))
    first = subprocess.Popen([BINARY, "bulk", *words], stdout=subprocess.PIPE, preexec_fn=default_signals)
    while not journal.exists() or "sent" not in journal.read_text():
        assert first.poll() is None
        time.sleep(0.01)
    second = tidymail("bulk", *words)
    assert second.status == 75 and "another run has the journal" in second.err
    first.send_signal(signal.SIGINT)
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 75 and out.startswith(b"sent ") and len(server.messages()) < 20
    assert journal.read_text().count("begin") == journal.read_text().count("sent")
    assert bulk(people, server.url, "--journal", str(journal)).status == 0
    assert sorted(receivers(server)) == sorted(f"p{i}@example.org" for i in range(20))


def kill_and_continue(server, people, journal, count, kills, seed, words=()):
    """Runs it, kills it at seeded moments, and lets it end; what the journal calls unknown."""
    chance = random.Random(seed)
    killed = 0
    command = [BINARY, "bulk", str(people), "--url", server.url, *FROM, "--journal", str(journal), *words]
    for _ in range(kills):
        before = journal.stat().st_size if journal.exists() else 0
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        more = chance.randrange(30, count * 70 // kills)  # of the journal, in bytes
        while process.poll() is None and (not journal.exists() or journal.stat().st_size < before + more):
            time.sleep(0.0005)
        time.sleep(chance.random() * 0.01)
        killed += process.poll() is None
        process.kill()
        process.wait()
    done = subprocess.run([*command, "--json"], capture_output=True, timeout=600, check=False)
    result = json.loads(done.stdout)
    assert done.returncode == (74 if result["unknown"] else 0) and result["complete"]
    unknown = {int(row) for row in re.findall(r"^(\d+) \w+ unknown", journal.read_text(), re.MULTILINE)}
    assert len(unknown) == result["unknown"]
    assert result["rows"] == count == result["sent"] + result["sent_before"] + result["unknown"]
    got = receivers(server)
    assert len(got) == len(set(got)), "somebody got it twice"
    missing = {f"p{i}@example.org" for i in range(count)} - set(got)
    assert missing <= {f"p{row - 1}@example.org" for row in unknown}, "somebody was left out"
    return killed, unknown


def test_killed_ten_times_and_continued(serve, tmp_path):
    server = serve("--no-tls", store=True)
    people = write_list(tmp_path / "people.csv", 1000)
    journal = tmp_path / "run.journal"
    killed, unknown = kill_and_continue(server, people, journal, 1000, 10, 7)
    assert killed >= 5 and len(unknown) <= killed * 16
    if unknown:
        done = bulk(people, server.url, "--journal", str(journal), "--retry-unknown")
        assert (done.status, done.out) == (
            0, f"sent {len(unknown)} of 1000, {1000 - len(unknown)} sent before\n")
        assert len(set(receivers(server))) == 1000


class Services:
    """`tidymail serve --api` with the URL of one of its services."""

    def __init__(self, store, name):
        self.store, self.url = store, ""
        self.server = Server("--api", store=store)
        while not self.url.startswith(f"{name}://"):
            self.url = self.server.process.stdout.readline().decode().rstrip("\n")
            assert self.url

    def messages(self):
        return [path.read_bytes() for path in self.store.rglob("*.eml")]


def test_killed_over_a_mail_service(tmp_path):
    services = Services(tmp_path / "services", "postmark")
    try:
        people = write_list(tmp_path / "people.csv", 200)
        killed, unknown = kill_and_continue(services, people, tmp_path / "run.journal", 200, 6, 5,
                                            ("--subject", "Hi"))
        assert killed >= 3 and len(unknown) <= killed * 16
    finally:
        services.server.end()


def test_help_has_only_what_bulk_does():
    words = tidymail("bulk", "--help=all").out
    assert "--account NAME" in words and "--record" not in words and "--trace-json" not in words


def test_killed_over_many_connections(serve, tmp_path):
    server = serve("--no-tls", store=True)
    people = write_list(tmp_path / "people.csv", 1500)
    journal = tmp_path / "run.journal"
    killed, _ = kill_and_continue(server, people, journal, 1500, 5, 3,
                                  ("--connections", "6", "--chunking", "yes"))
    assert killed >= 2


def peak_kib(words, timeout=600):
    """The most memory that it had, looked at until it ends."""
    # AddressSanitizer keeps freed memory for a while; that is not ours.
    environment = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1")
    process = subprocess.Popen([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    peak = 0
    end = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < end:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            lines = [line for line in status if line.startswith("VmHWM:")]
        peak = int(lines[0].split()[1]) if lines else peak
        time.sleep(0.002)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    return peak


def test_memory_does_not_grow_with_the_list(tmp_path):
    peaks = []
    for count in (1000, 20000):
        people = write_list(tmp_path / f"{count}.csv", count)
        journal = tmp_path / f"{count}.journal"
        peaks.append(peak_kib(("bulk", str(people), "--url", "memory:", *FROM, "--journal", str(journal))))
        assert len(journal.read_text().splitlines()) == 2 * count + 1
    assert peaks[1] < peaks[0] * 1.1, peaks


def test_a_bar_on_a_terminal_and_lines_elsewhere(tmp_path):
    people = write_list(tmp_path / "people.csv", 30)
    words = [BINARY, "bulk", str(people), "--url", "memory:", *FROM, "--rate", "40"]
    leader, follower = pty.openpty()
    environment = dict(os.environ, TERM="xterm")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=follower, env=environment)
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 65536):
            shown += piece
    except OSError:
        pass  # the terminal of a process that ended
    assert process.communicate(timeout=60)[0] == b"sent 30 of 30\n" and process.returncode == 0
    assert re.search(rb"\r\[#+\.+\] +\d+ % \d+ of 30, \d+(\.\d)?/s, \d+ s left\x1b\[K", shown)
    assert shown.endswith(b"\r\x1b[K")
    assert tidymail(*words[1:]).err == ""  # it took less than ten seconds


@pytest.mark.parametrize("name", ["mailgun", "postmark"])
def test_through_a_mail_service(tmp_path, name):
    if f'"{name}"' not in tidymail("providers", "--json").out:
        pytest.skip(f"{name} is not there")
    server = Server("--api", store=tmp_path / "services")
    try:
        url = ""
        while not url.startswith(f"{name}://"):
            url = server.process.stdout.readline().decode().rstrip("\n")
            assert url
        done = bulk(write_list(tmp_path / "people.csv", 5), url, "--subject", "Hi {{name}}",
                    "--journal", str(tmp_path / "run.journal"))
        assert (done.status, done.out) == (0, "sent 5 of 5\n"), done.err
        assert len(list((tmp_path / "services").rglob("*.eml"))) == 5
    finally:
        server.end()
