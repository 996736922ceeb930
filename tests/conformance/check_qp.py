#!/usr/bin/python3
"""check_qp.py DIR: quoted-printable and base64, read back by Python's quopri and base64."""

import base64
import quopri
import re
import sys

from conformance import Count, Probe, Raw, rows

count = Count()
probe = Probe()


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def check_qp(suite, row, text):
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", as_bytes(text))  # canonical, as the writer gives it
    out = probe.ask("quoted-printable", Raw(text))[0]
    lines = out.split(b"\r\n")
    if any(len(line) > 76 for line in lines):
        return count.fail(suite, row, "a line over 76")
    if any(line[-1:] in (b" ", b"\t") for line in lines):
        return count.fail(suite, row, "a blank at the end of a line")
    if any(line.startswith(b"From ") for line in lines) or re.search(rb"[^\t\r\n -~]", out):
        return count.fail(suite, row, "a byte that does not travel")
    return count.held(suite, row, quopri.decodestring(out) == text, f"decoded otherwise: {out!r}")


def check_base64(suite, row, text):
    out = probe.ask("base64", Raw(as_bytes(text)))[0]
    return count.held(suite, row, base64.b64decode(out, validate=True) == as_bytes(text), repr(out))


folder = sys.argv[1]
for row in rows(folder, "go-stdlib/quoted_printable.jsonl"):
    if row["test"] == "TestWriter":
        check_qp("go quotedprintable writer", row, row["in"])
    elif isinstance(row.get("want"), (str, bytes)) and not row.get("err"):
        check_qp("go quotedprintable decoded", row, row["want"])
for row in rows(folder, "python-email/qp_base64.jsonl"):
    arg = row["args"][0] if row["args"] else ""
    if row["fn"] in ("quoprimime.body_encode", "quoprimime.quote") and isinstance(arg, (str, bytes)):
        # strings of this suite stand for bytes of Latin-1
        data = arg if isinstance(arg, bytes) else arg.encode("latin-1", "replace")
        check_qp("python quoprimime", row, data)
    elif row["fn"] == "base64mime.body_encode" and isinstance(arg, (str, bytes)):
        check_base64("python base64mime", row, arg)
for row in rows(folder, "nodemailer/encodings.jsonl"):
    arg = row["args"][0] if row["args"] else ""
    if isinstance(arg, (str, bytes)) and row["fn"] == "encode":
        (check_qp if row["mod"] == "qp" else check_base64)("nodemailer " + row["mod"], row, arg)
for row in rows(folder, "rfc-examples/base64.jsonl"):
    out = probe.ask("base64", row["input"])[0].decode()
    count.held("rfc base64", row, out == row["output"], out)
count.finish()
