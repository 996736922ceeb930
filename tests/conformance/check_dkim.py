#!/usr/bin/python3
"""check_dkim.py DIR: canonical forms of header fields and bodies (RFC 6376 3.4), as others compute them:
examples, and what the valid signatures of real messages hash."""

import base64
import hashlib
import re
import sys

from conformance import Count, Probe, Raw, rows

count = Count()
probe = Probe()


def raw(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def body(form, text):
    return probe.ask("dkim-body", form, Raw(raw(text)))[0]


def fields(text):
    """A header as its fields, each with all its lines."""
    return [field + b"\r\n" for field in re.split(rb"\r\n(?![ \t])", raw(text)) if field]


def header(form, text):
    return b"".join(probe.ask("dkim-field", form, Raw(field))[0] for field in fields(text))


def check_example(row):
    suite = "dkim canonical forms"
    for form in ("simple", "relaxed"):
        if f"{form}_body" in row:
            got = body(form, row["body"])
            count.held(suite, row, got == raw(row[f"{form}_body"]), f"{form} body: {got!r}")
        if f"{form}_headers" in row:
            if row["headers"][:1] in (" ", "\t"):  # it would go on with the line before
                count.listed(suite, "not-a-field", row)
                continue
            got = header(form, row["headers"])
            count.held(suite, row, got == raw(row[f"{form}_headers"]), f"{form} header: {got!r}")
        if f"{form}_body_sha256_b64" in row:
            got = base64.b64encode(hashlib.sha256(body(form, row["body"])).digest()).decode()
            count.held(suite, row, got == row[f"{form}_body_sha256_b64"], f"{form} body: {got}")


def check_message(row):
    """A signature that verifies: what it says of the body, and its fields one by one."""
    message = raw(row["message"])
    text = message.split(b"\r\n\r\n", 1)[1] if b"\r\n\r\n" in message else b""
    own = fields(message.split(b"\r\n\r\n", 1)[0])
    for signature in row["signatures"]:
        forms = (signature["c"] or "simple/simple").split("/")
        header_form, body_form = forms[0], forms[1] if len(forms) > 1 else "simple"
        got = body(body_form, text)
        if "body_hash_input" in signature:
            wanted = raw(signature["body_hash_input"])  # with l= it is a part
            count.held("dkim body hashes", row, got.startswith(wanted), repr(got[:200]))
        if "header_hash_input" not in signature:
            continue
        hashed = raw(signature["header_hash_input"])
        made = {header(header_form, field) for field in own}
        for field in fields(hashed)[:-1]:  # the last is the signature without its b=
            count.held("dkim header fields", row, field in made, f"{field!r} is not among ours")


folder = sys.argv[1]
for row in rows(folder, "dkim/canonicalization.jsonl"):
    if "body" in row:
        check_example(row)
    elif row["class"].endswith("Body"):
        form = "simple" if "Simple" in row["class"] else "relaxed"
        got = body(form, row["input"])
        count.held("dkimpy bodies", row, got == raw(row["expected"]), f"{form}: {got!r}")
for row in rows(folder, "dkim/verify.jsonl"):
    if row.get("signatures") and row["checkers_agree"]:
        check_message(row)
count.finish()
