"""What `tidymail render` writes is what Python's email package reads.

Inputs are generated from a seed (TIDYMAIL_SEED replays one; a failure prints it). Each message must
obey the rules of the wire, give no defect to the parser, and give every text back as it was.
"""

import email
import email.policy
import email.utils
import os
import random
import re
import subprocess
from email.header import decode_header, make_header

import pytest

BIN = os.environ.get("TIDYMAIL_BIN")
SEED = int(os.environ.get("TIDYMAIL_SEED", "20261124"))
BATCHES = 12
CASES_PER_BATCH = 25

pytestmark = pytest.mark.skipif(not BIN, reason="TIDYMAIL_BIN does not name the command")

ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz",
    "ABC xyz 0123456789 .,:;!?",
    "()<>[]@\\\",;:. =_?",
    "äöüßéèñçåøæ",
    "Привет мир",
    "日本語のテキスト件名",
    "😀🎉👍🏽❤️",
    "e\u0301a\u0308\u200d\u00a0\u3000",
    "=?utf-8?Q?x?=",
    "aü ",
]


def pick_char(rng):
    """Any character that may stand in a message, from all planes."""
    while True:
        point = rng.choice([rng.randrange(0x20, 0x7F), rng.randrange(0xA0, 0x800),
                            rng.randrange(0x800, 0x10000), rng.randrange(0x10000, 0x110000)])
        if 0xD800 <= point <= 0xDFFF or point in (0x2028, 0x2029):
            continue
        return chr(point)


def random_text(rng, longest):
    length = rng.choice([0, 1, 2, rng.randrange(longest), rng.randrange(longest)])
    kind = rng.randrange(4)
    if kind == 0:
        return "".join(pick_char(rng) for _ in range(length))
    if kind == 1:
        alphabet = "".join(rng.sample(ALPHABETS, 2)) + " "
        return "".join(rng.choice(alphabet) for _ in range(length))
    alphabet = rng.choice(ALPHABETS)
    if kind == 2:
        return "".join(rng.choice(alphabet) for _ in range(length))
    words = []
    while sum(map(len, words)) < length:
        size = rng.choice([1, 3, 8, 20, 74, 75, 76, 77, 200]) if rng.random() < 0.2 else 5
        words.append("".join(rng.choice(rng.choice(ALPHABETS)) for _ in range(size)))
    return rng.choice([" ", "  "]).join(words)


LINES = [
    "", ".", "..", ".hidden", "From the start", "From ", ">From x", " leading", "trailing ",
    "trailing\t", "\tTab", "=", "=3D", "a=b", "x" * 75, "x" * 76, "x" * 77, "y" * 998, "y" * 999,
    "z" * 2500, "ü" * 40, "日本語" * 30, "soft " * 30, "-- ", "--=_", "--boundary", "é" * 37 + " ",
    "x" * 74 + " ", "x" * 75 + " ", "x" * 75 + ".", "ü" * 25 + ".", "ü" * 25 + "From x", "\x0c\x1b[1m",
    "\x7f\x01", "\u2028",
]


def random_body(rng):
    if rng.random() < 0.1:
        return ""
    lines = [rng.choice(LINES) if rng.random() < 0.6 else random_text(rng, 200)
             for _ in range(rng.randrange(1, 12))]
    end = rng.choice(["\n", "\r\n", "\r", "\n\n"])
    return end.join(lines) + rng.choice(["", end, "\n\n"])


def random_mailbox(rng):
    """A mailbox as given, its name, and its address as it must come out."""
    local = rng.choice(["ann", "a.b", "x+y", "o'neill", "l" * 64, "_-_", "1"])
    domain, ascii_domain = rng.choice([
        ("example.org", "example.org"), ("localhost", "localhost"),
        ("münchen.example", "xn--mnchen-3ya.example"), ("faß.example", "xn--fa-hia.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"), ("a-b.c" * 9, "a-b.c" * 9),
    ])
    name = random_text(rng, 120).strip() if rng.random() < 0.8 else ""
    given = f"{local}@{domain}"
    if name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        given = f'"{quoted}" <{given}>'
    return given, name, f"{local}@{ascii_domain}"


def wire_faults(message):
    """RFC 5322 2.1.1, 2.2.3, 2.3 and RFC 2047 section 2, held against the bytes."""
    faults = []
    if re.search(rb"(?<!\r)\n|\r(?!\n)", message):
        faults.append("bare CR or LF")
    if not message.endswith(b"\r\n"):
        faults.append("no CRLF at the end")
    if b"\0" in message:
        faults.append("NUL")
    header = message.partition(b"\r\n\r\n")[0]
    if max(map(len, message.split(b"\r\n"))) > 998:
        faults.append("line over 998")
    if any(byte > 127 for byte in message):
        faults.append("8-bit bytes")
    fields = re.split(rb"\r\n(?![ \t])", header)
    for field in fields:
        if not re.match(rb"[!-9;-~]+:", field):
            faults.append(f"not a header line: {field[:40]!r}")
        if re.search(rb"\r\n[ \t]+(\r\n|$)", field):
            faults.append("line of blanks alone")
        for word in re.findall(rb"=\?[^?]+\?[bqBQ]\?[^?]*\?=", field):
            if len(word) > 75:
                faults.append("encoded-word over 75")
        limit = 76 if b"=?" in field else 78
        for line in field.split(b"\r\n"):
            # An address cannot be broken, nor a word of a field that a machine may read.
            whole = rb"(X-Note:)? +[!-~]+" if field.startswith(b"X-Note") else rb" <?[!-~]+@[!-~]+>?,?"
            if len(line) > limit and not re.fullmatch(whole, line):
                faults.append(f"header line over {limit}: {line[:50]!r}")
    names = [field.split(b":")[0].lower() for field in fields]
    for name in (b"date", b"from", b"message-id", b"mime-version", b"content-type"):
        if names.count(name) != 1:
            faults.append(f"{name.decode()} stands {names.count(name)} times")
    if b"bcc" in names:
        faults.append("Bcc is in it")
    return faults


def defects(message):
    found = []
    for part in message.walk():
        found += [type(d).__name__ for d in part.defects]
        for name, value in part.items():
            found += [f"{name}: {type(d).__name__}" for d in value.defects]
    return found


def canonical(text):
    return re.sub("\r\n|\r|\n", "\r\n", text)


def read_mailboxes(message, name):
    """Names and addresses of a field. The parser of policy.default keeps the blank between two
    encoded-words of a name (RFC 2047 6.2 has it dropped), so names go through the older one."""
    old = email.message_from_bytes(message, policy=email.policy.compat32)
    pairs = email.utils.getaddresses(old.get_all(name, []))
    return [(str(make_header(decode_header(shown))), address) for shown, address in pairs]


def check_body(part, subtype, given, alone):
    assert part.get_content_type() == f"text/{subtype}"
    expected = canonical(given)
    encoding = part["content-transfer-encoding"]
    if alone and encoding != "base64" and expected and not expected.endswith("\r\n"):
        expected += "\r\n"
    assert part.get_payload(decode=True).decode(part.get_content_charset()) == expected
    ascii_only = all(ord(char) < 128 for char in given)
    assert part.get_content_charset() == ("us-ascii" if ascii_only else "utf-8")


def render(arguments):
    return subprocess.run([BIN, "render", *arguments], capture_output=True, timeout=20, check=False)


def check_case(rng):
    sender = random_mailbox(rng)
    to = [random_mailbox(rng) for _ in range(rng.choice([1, 1, 2, 7]))]
    cc = [random_mailbox(rng) for _ in range(rng.choice([0, 0, 3]))]
    subject = random_text(rng, 300) if rng.random() < 0.95 else None
    text = random_body(rng) if rng.random() < 0.8 else None
    html = random_body(rng) if rng.random() < 0.6 else None
    note = random_text(rng, 200).strip(" ")
    arguments = ["--from", sender[0], "--bcc", "hidden@example.net", "--header", f"X-Note: {note}"]
    for name, values in (("--to", to), ("--cc", cc)):
        for value in values:
            arguments += [name, value[0]]
    for name, value in (("--subject", subject), ("--text", text), ("--html", html)):
        if value is not None:
            arguments += [name, value]
    result = render(arguments)
    assert result.returncode == 0, result.stderr
    assert wire_faults(result.stdout) == []
    assert b"hidden@example.net" not in result.stdout
    message = email.message_from_bytes(result.stdout, policy=email.policy.default)
    assert defects(message) == []
    for name, values in (("from", [sender]), ("to", to), ("cc", cc)):
        assert read_mailboxes(result.stdout, name) == [value[1:] for value in values]
        read = [a.addr_spec for a in message[name].addresses] if values else []
        assert read == [value[2] for value in values]
    assert message["subject"] == subject
    assert message["x-note"] == note
    bodies = [(kind, body) for kind, body in (("plain", text), ("html", html)) if body is not None]
    if len(bodies) == 2:
        assert message.get_content_type() == "multipart/alternative"
        parts = list(message.iter_parts())
        assert len(parts) == 2
        for part, (kind, body) in zip(parts, bodies):
            check_body(part, kind, body, alone=False)
    else:
        check_body(message, *(bodies or [("plain", "")])[0], alone=True)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_generated_messages_read_back_equal(batch):
    for case in range(CASES_PER_BATCH):
        seed = SEED + 1000 * batch + case
        try:
            check_case(random.Random(seed))
        except AssertionError as error:
            raise AssertionError(f"TIDYMAIL_SEED={seed} (then the first case of batch 0): {error}") \
                from error


EML = (b"Received: from x\r\n\tby y\nFrom: =?utf-8?Q?J=C3=B6rg?= (at work) <j@example.org>\r"
       b"To: friends: a@example.org, \"B, b\" <b@example.org>;\r\n"
       b"Bcc: hidden@example.net,\r\n more-hidden@example.net\r\n"
       b"Subject:  odd   spacing \r\nresent-bcc : h3@example.net\nX-Bytes: \xff\xfe\r\n"
       b"\r\n.\nBcc: this line is text\rlast \xe4")


def test_ready_made_message_is_unchanged_but_for_bcc_and_line_ends(tmp_path):
    path = tmp_path / "message.eml"
    path.write_bytes(EML)
    result = render(["--eml", str(path)])
    assert result.returncode == 0, result.stderr
    expected = re.sub(rb"\r\n|\r|\n", b"\r\n", EML) + b"\r\n"
    expected = re.sub(rb"(?m)^(Bcc: hidden|resent-bcc).*\r\n( .*\r\n)*", b"", expected)
    assert result.stdout == expected


@pytest.mark.parametrize("option, value, field, offset", [
    ("--subject", "two\nlines", "Subject", 3),
    ("--from", "ann@example.org\r", "From", 15),
    ("--to", "a@example.org, b@example.org", "To", 13),
    ("--to", "Ann <ann@exa mple.org>", "To", 13),
    ("--header", "X-Note: tab\there", "X-Note", 3),
])
def test_bad_input_is_refused_with_field_and_offset(option, value, field, offset):
    arguments = ["--from", "a@example.org", "--to", "b@example.org", "--subject", "s", "--text", "t"]
    if option == "--from":
        arguments = arguments[2:]
    if option == "--subject":
        arguments = arguments[:4] + arguments[6:]
    result = render([*arguments, option, value])
    assert result.returncode == 65
    assert result.stdout == b""
    assert f"{field}: ".encode() in result.stderr
    assert f"at offset {offset}".encode() in result.stderr
