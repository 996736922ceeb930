"""conformance.py: what the check_*.py scripts share: the rows of a suite, the probe, and the count of
what is equal, listed (differences.txt) and failing."""

import base64
import json
import os
import re
import subprocess
import sys
from email import _header_value_parser as reader
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path

HERE = Path(__file__).parent
BUILD = Path(os.environ.get("TIDYMAIL_BUILD", HERE.parent.parent / "build" / "dev"))
ONE, LENIENT = 1, 2


def decoded(value):
    """A value of a row; bytes that are not UTF-8 stand as {"$b64": ...}."""
    if isinstance(value, dict) and set(value) == {"$b64"}:
        return base64.b64decode(value["$b64"])
    if isinstance(value, dict):
        return {key: decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return value


def rows(folder, name):
    """The rows of FOLDER/NAME, none where there is no such file."""
    path = Path(folder) / name
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield decoded(json.loads(line))


class Raw(bytes):
    """An argument that is not a text of C: NUL may stand in it."""


class Refused(Exception):
    """The library refused, with its words."""


class Probe:
    def __init__(self):
        self.process = subprocess.Popen([str(BUILD / "tests" / "conformance_probe")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *arguments):
        raw = [a if isinstance(a, bytes) else str(a).encode("utf-8", "surrogatepass")
               for a in arguments]
        if any(b"\0" in a and not isinstance(a, Raw) for a in raw):
            raise Refused("NUL cannot stand in a text of C")
        self.process.stdin.write(b"\t".join(base64.b64encode(a) for a in raw) + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().rstrip(b"\n")
        if not line:
            raise SystemExit(f"the probe died of {raw!r}")
        kind, *values = line.split(b"\t")
        values = [base64.b64decode(v) for v in values]
        if kind == b"error":
            raise Refused(values[0].decode("utf-8", "replace"))
        return values

    def addresses(self, text, flags=0):
        """[(name, addr-spec, domain, group)]"""
        values = [v.decode("utf-8") for v in self.ask("addresses", flags, text)]
        return [tuple(values[i:i + 4]) for i in range(0, len(values), 4)]

    def message(self, *setters):
        return self.ask("message", "from", "a@example.org", "to", "b@example.org", *setters)[0]


class Count:
    """Rows of suites; a row that differs is listed by a rule of differences.txt, or it fails."""

    def __init__(self):
        self.rules = {}
        for line in (HERE / "differences.txt").read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                rule, reason = line.split(": ", 1)
                self.rules[rule] = reason
        self.counts = {}
        self.by_rule = {}

    def _add(self, suite, index):
        self.counts.setdefault(suite, [0, 0, 0])[index] += 1

    def equal(self, suite):
        self._add(suite, 0)

    def listed(self, suite, rule, row=None):
        if rule not in self.rules:
            return self.fail(suite, row, f"no rule {rule} in differences.txt")
        self._add(suite, 1)
        self.by_rule[(suite, rule)] = self.by_rule.get((suite, rule), 0) + 1
        return None

    def fail(self, suite, row, why):
        self._add(suite, 2)
        print(f"# {suite}: {why}: {ascii(row)[:300]}")

    def held(self, suite, row, is_equal, why):
        if is_equal:
            self.equal(suite)
        else:
            self.fail(suite, row, why)

    def finish(self):
        for (suite, rule), count in sorted(self.by_rule.items()):
            print(f"# {suite}: {count} by {rule}")
        for suite, (equal, listed, failing) in sorted(self.counts.items()):
            print(f"{suite}: {equal} equal, {listed} listed, {failing} failing")
        sys.exit(1 if any(c[2] for c in self.counts.values()) else 0)


def has_defects(text):
    """1 where Python's reader finds the text against RFC 5322 too, or takes it for another."""
    try:
        parsed, rest = reader.get_address_list(text)
    except Exception:  # whatever it trips over
        return True
    mailboxes = parsed.all_mailboxes
    return bool(rest or parsed.all_defects or
                any(not m.local_part or not m.domain for m in mailboxes) or not mailboxes)


def has_control(text):
    return re.search("[\x00-\x1f\x7f]", text) is not None


def is_utf8(value):
    try:
        (value.decode("utf-8") if isinstance(value, bytes) else value.encode("utf-8"))
        return True
    except UnicodeError:
        return False


def header(raw, name):
    """A field as Python's reader understands it, and as it stands."""
    message = BytesHeaderParser(policy=policy.default).parsebytes(raw)
    return message[name]


def field_lines(raw, name):
    """The lines of a field."""
    lines = raw.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    start = next(i for i, line in enumerate(lines)
                 if line.lower().startswith(name.lower().encode() + b":"))
    end = start + 1
    while end < len(lines) and lines[end][:1] in (b" ", b"\t"):
        end += 1
    return lines[start:end]


def lines_problem(lines):
    """What is wrong with the lines of a field (RFC 5322 2.1.1, RFC 2047 2), None: nothing."""
    for line in lines:
        words = line.split()
        if len(line) > 998:
            return f"a line of {len(line)}"
        if len(line) > 78 and not (line[:1] == b" " and len(words) == 1) and b"=?" in line:
            return f"a line of {len(line)} with an encoded-word"
        for word in words:
            found = re.fullmatch(rb"=\?utf-8\?([BQ])\?([^?\s]*)\?=[,;:]?", word)
            if b"=?" in word and found and len(word.rstrip(b",;:")) > 75:
                return "an encoded-word over 75"
            if found:
                text = found[2]
                try:
                    whole = (base64.b64decode(text) if found[1] == b"B" else
                             re.sub(rb"=([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]),
                                    text.replace(b"_", b" ")))
                    whole.decode("utf-8")
                except ValueError:
                    return f"an encoded-word with half a character: {word!r}"
    if any(not line.strip() for line in lines[1:]):
        return "a line of blanks"
    return None
