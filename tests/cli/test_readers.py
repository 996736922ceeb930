"""What goes in comes out of other people's parsers: thousands of generated messages, given as JSON and
read by Python's email package, by GMime, and (a sample) by reformime.

Inputs are generated from a seed (TIDYMAIL_SEED replays one; a failure prints it).
"""

import base64
import email
import email.policy
import json
import os
import random
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from test_render_roundtrip import (canonical, defects, random_body, random_mailbox, random_text,
                                   read_mailboxes, wire_faults)

try:
    import gi

    gi.require_version("GMime", "3.0")
    from gi.repository import GMime

    GMime.init()
except (ImportError, ValueError):
    GMime = None

BUILD = Path(os.environ.get("TIDYMAIL_BUILD", Path(__file__).parent.parent.parent / "build/asan"))
HELPER = BUILD / "tests/render_many"
SEED = int(os.environ.get("TIDYMAIL_SEED", "20261124"))
COUNT = 1 if "TIDYMAIL_SEED" in os.environ else 2500
SAMPLE = 60
NAMES = ["report.pdf", "a b.txt", 'quo"te.txt', "semi;colon.txt", "back\\slash.bin", "100%.csv", "%41.txt",
         "Übersicht.pdf", "日本語ファイル名.doc", "emoji😀.png", "*star*.txt", "it's.txt", "=?utf-8?Q?x?=.txt",
         "comma,dot..txt", "utf-8''x.txt", "(paren).txt", "a=b.txt", "x" * 60 + ".txt", "y" * 250 + ".bin",
         "ü" * 80 + ".txt", "long name with many words " * 5 + ".txt", ".hidden", "no-extension", "<a>.txt",
         "e\u0301.txt", "[1].zip", "a:b?.gz", "tag@home.bin", "{x}.json"]
TYPES = ["image/png", "application/pdf", "application/octet-stream", "text/csv", "text/plain; charset=utf-16",
         "application/x-own; version=2", "audio/mpeg"]


def random_bytes(rng):
    size = rng.choice([0, 1, 2, 3, 56, 57, 58, 300, rng.randrange(5000), rng.randrange(5000)])
    if rng.random() < 0.02:
        size = rng.randrange(200000)
    kind = rng.randrange(3)
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:
        return (b"text line\r\n.\r\n..\nFrom x\r" * (size // 20 + 1))[:size]
    return b"\0" * size


def random_attachment(rng):
    name = rng.choice(NAMES) if rng.random() < 0.7 else random_text(rng, 60).strip().replace("/", "_")
    data = random_bytes(rng)
    wanted = {"base64": base64.b64encode(data).decode()}
    if name:
        wanted["name"] = name
    if rng.random() < 0.5:
        wanted["type"] = rng.choice(TYPES)
    return wanted


def random_inlines(rng):
    ids = rng.sample(["logo", "pic@example.org", "a+b", "x.y_z", "p%q", "1"], rng.randrange(1, 4))
    html = random_body(rng) + "".join(f'<img src="cid:{cid.replace("%", "%25")}">' for cid in ids)
    return html, [dict(random_attachment(rng), cid=cid) for cid in ids]


def calendar_of(rng):
    method = rng.choice(["REQUEST", "CANCEL", "REPLY", "PUBLISH"])
    text = (f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\nUID:{rng.random()}\r\n"
            f"SUMMARY:{rng.choice(['Plain', 'Grüße 日本'])}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    return method, text


def flowing_body(rng):
    """Text that flowing leaves whole: no blanks at the end of a line (RFC 3676 4.2), no signature mark."""
    words = ["word", "Grüße", ">quoted", "From", "日本語", "x" * 90, "a", "-"]
    lines = [" ".join(rng.choice(words) for _ in range(rng.randrange(0, 60))).rstrip()
             for _ in range(rng.randrange(1, 6))]
    return "\n".join(line if line != "--" else "" for line in lines) + "\n"


def random_case(rng):
    """A message as JSON, and what is in it beside."""
    sender, to = random_mailbox(rng), [random_mailbox(rng) for _ in range(rng.choice([1, 1, 2, 5]))]
    case = {"from": sender[0], "to": [box[0] for box in to], "bcc": "hidden@example.net",
            "subject": random_text(rng, 200)}
    about = {"from": [sender[1:]], "to": [box[1:] for box in to], "method": None}
    shape = rng.random()
    if shape < 0.8:
        case["text"] = random_body(rng)
    if shape > 0.4:
        case["html"] = random_body(rng)
    attachments = []
    if "html" in case and rng.random() < 0.4:
        case["html"], attachments = random_inlines(rng)
    attachments += [random_attachment(rng) for _ in range(rng.choice([0, 1, 1, 2, 4]))]
    rng.shuffle(attachments)
    if rng.random() < 0.15:
        about["method"], case["calendar"] = calendar_of(rng)
    if "text" in case and rng.random() < 0.15:
        case["flowed"] = True
        case["text"] = flowing_body(rng)
    if attachments:
        case["attachments"] = attachments
    return case, about


def flow_line(line):
    """Quote depth and content of a line (RFC 3676 4.5): the blank behind the marks is stuffing."""
    content = line.lstrip(">")
    return len(line) - len(content), content.removeprefix(" ")


def unflowed(text):
    """Paragraphs as (depth, content) (RFC 3676 4.2): lines that end in a blank go on in the next."""
    out, open_end = [], False
    for line in text.split("\r\n"):
        depth, content = flow_line(line)
        if open_end and out[-1][0] == depth:
            out[-1] = (depth, out[-1][1] + content)
        else:
            out.append((depth, content))
        open_end = content.endswith(" ") and content != "-- "
    return out


def check_text(case, key, got, charset, flowed):
    wanted = canonical(case[key])
    if flowed:
        assert unflowed(got) == [flow_line(line) for line in wanted.split("\r\n")]
    else:  # a body that is the whole message ends in a line end, whether the text did or not
        assert got in (wanted, wanted + "\r\n"), key
    assert charset == ("us-ascii" if wanted.isascii() else "utf-8")


def shown_name(part):
    """Folders in front of a name are left out, those of other systems too."""
    return part.get("name", "").rpartition("\\")[2] or None


def wanted_files(case):
    """(name, cid, bytes) of inline parts, then of attachments, as they must stand."""
    files = [(shown_name(part), part.get("cid"), base64.b64decode(part["base64"]))
             for part in case.get("attachments", [])]
    files = [file for file in files if file[1]] + [file for file in files if not file[1]]
    if "calendar" in case:
        files.append(("invite.ics", None, case["calendar"].encode()))
    return files


def check_types(case, parts):
    """Given types arrive, parameters included; found ones are types."""
    given = {shown_name(part): part["type"] for part in case.get("attachments", []) if "type" in part}
    for name, content_type, parameters in parts:
        if name in given and sum(shown_name(p) == name for p in case["attachments"]) == 1:
            kind, _, rest = given[name].partition("; ")
            assert content_type == kind
            assert not rest or parameters[rest.split("=")[0]] == rest.split("=")[1]


def check_files(case, found):
    """Attachments in their order; the place of the invitation is free."""
    wanted = wanted_files(case)
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))
    free = [file for file in found if file[0] != "invite.ics"]
    assert free == [file for file in wanted if file[0] != "invite.ics"]


# What the parser says of a name that stands twice, as name*= and, for old readers, as name=.
TWICE = ("encoded word inside quoted string", "duplicate parameter name; duplicate ignored",
         "missing trailing whitespace after encoded-word")
# And of an apostrophe in a quoted name, which it takes for RFC 2231.
APOSTROPHE = "Apparent initial-extended-value but attribute was not marked"


def unexpected_defects(message):
    found = []
    for part in message.walk():
        found += [str(defect) for defect in part.defects]
        for name, value in part.items():
            found += [f"{name}: {defect}" for defect in value.defects
                      if not (name == "Content-Type" and str(defect) in TWICE)
                      and not str(defect).startswith(APOSTROPHE)]
    return found


def check_with_email(case, about, raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert unexpected_defects(message) == []
    assert message["subject"] == case["subject"]
    for name in ("from", "to"):
        assert read_mailboxes(raw, name) == about[name]
    bodies, files, types, calendar = {}, [], [], None
    for part in message.walk():
        if part.is_multipart():
            continue
        disposition, kind = part["content-disposition"], part.get_content_type()
        if disposition is not None:
            name = disposition.params.get("filename")
            cid = part["content-id"]
            assert disposition.content_disposition == ("inline" if cid else "attachment")
            files.append((name, cid[1:-1] if cid else None, part.get_payload(decode=True)))
            types.append((name, kind, part["content-type"].params))
        elif kind == "text/calendar":
            calendar = part
        else:
            bodies[kind] = part
    assert set(bodies) == {kind for key, kind in (("text", "text/plain"), ("html", "text/html"))
                           if key in case} or "calendar" in case and not bodies
    for key, kind in (("text", "text/plain"), ("html", "text/html")):
        if key in case:
            part = bodies[kind]
            flowed = part["content-type"].params.get("format") == "flowed"
            assert flowed == (key == "text" and "flowed" in case)
            charset = part.get_content_charset()
            check_text(case, key, part.get_payload(decode=True).decode(charset), charset, flowed)
    assert (calendar is not None) == ("calendar" in case)
    if calendar is not None:
        assert calendar["content-type"].params["method"] == about["method"]
        assert calendar.get_payload(decode=True).decode() == case["calendar"]
    check_files(case, files)
    check_types(case, types)


def gmime_leaves(part):
    if isinstance(part, GMime.Multipart):
        for index in range(part.get_count()):
            yield from gmime_leaves(part.get_part(index))
    else:
        yield part


def gmime_bytes(part):
    stream = GMime.StreamMem.new()
    stream.set_owner(False)
    part.get_content().write_to_stream(stream)
    stream.flush()
    held = stream.get_byte_array()
    return bytes(held) if held else b""


def check_with_gmime(case, about, raw):
    stream = GMime.StreamMem.new_with_buffer(raw)
    message = GMime.Parser.new_with_stream(stream).construct_message(None)
    subject = raw[raw.index(b"\r\nSubject:"):raw.index(b"\r\nMessage-ID:")]
    if not re.search(rb"\?B\?[^?]+=\?=\r\n =\?", subject):  # GMime 3.2.13 stops at padding inside
        assert (message.get_subject() or "").strip(" ") == case["subject"].strip(" ")
    files, bodies = [], {}
    for part in gmime_leaves(message.get_mime_part()):
        kind = part.get_content_type().get_mime_type()
        disposition = part.get_content_disposition()
        if disposition is not None:
            assert disposition.get_disposition() == ("inline" if part.get_content_id() else "attachment")
            files.append((part.get_filename(), part.get_content_id(), gmime_bytes(part)))
        else:
            bodies[kind] = part
            if kind == "text/calendar":
                assert part.get_content_type().get_parameter("method") == about["method"]
    for key, kind in (("text", "text/plain"), ("html", "text/html")):
        if key in case:
            charset = bodies[kind].get_content_type().get_parameter("charset")
            check_text(case, key, gmime_bytes(bodies[kind]).decode(charset), charset, "flowed" in case
                       and key == "text")
    check_files(case, files)


def check_with_reformime(case, _, raw):
    def reformime(*words):
        return subprocess.run(["reformime", *words], input=raw, capture_output=True, timeout=20,
                              check=True).stdout

    sections = re.split(rb"\n\n", reformime("-i"))
    found = []
    for section in sections:
        fields = dict(line.split(b": ", 1) for line in section.split(b"\n") if b": " in line)
        if b"content-disposition" in fields:
            data = reformime("-s", fields[b"section"].decode(), "-e")
            found.append(data)
    assert sorted(found) == sorted(file[2] for file in wanted_files(case))


@pytest.fixture(scope="module")
def rendered():
    """[(seed, case, about, raw)] of all cases, by one process."""
    if not HELPER.exists():
        pytest.skip(f"{HELPER} is not built")
    cases = [(SEED + n, *random_case(random.Random(SEED + n))) for n in range(COUNT)]
    given = b"".join(struct.pack(">I", len(data)) + data
                     for data in (json.dumps(case).encode() for _, case, _ in cases))
    done = subprocess.run([HELPER], input=given, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()
    result, at = [], 0
    for seed, case, about in cases:
        refused, length = struct.unpack(">BI", done.stdout[at:at + 5])
        raw = done.stdout[at + 5:at + 5 + length]
        at += 5 + length
        assert not refused, f"TIDYMAIL_SEED={seed}: {raw.decode()}"
        result.append((seed, case, about, raw))
    return result


def check_all(rendered, check):
    for seed, case, about, raw in rendered:
        try:
            check(case, about, raw)
        except AssertionError as error:
            raise AssertionError(f"TIDYMAIL_SEED={seed} replays it: {error}") from error


def test_messages_obey_the_rules_of_the_wire(rendered):
    def check(_, __, raw):
        assert wire_faults(raw) == []
        assert b"hidden@example.net" not in raw

    check_all(rendered, check)


def test_python_reads_what_was_given(rendered):
    check_all(rendered, check_with_email)


@pytest.mark.skipif(GMime is None, reason="GMime (gir1.2-gmime-3.0, python3-gi) is not installed")
def test_gmime_reads_what_was_given(rendered):
    check_all(rendered, check_with_gmime)


@pytest.mark.skipif(shutil.which("reformime") is None, reason="reformime (maildrop) is not installed")
def test_reformime_reads_what_was_given(rendered):
    check_all(rendered[:SAMPLE], check_with_reformime)
