#!/usr/bin/python3
"""check_headers.py DIR: folding, RFC 2047 and RFC 2231, read back by Python's email."""

import re
import sys
from email import policy
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from email.utils import getaddresses

from conformance import (ONE, Count, Probe, Refused, field_lines, has_control, is_utf8,
                         lines_problem, rows)

count = Count()
probe = Probe()
WRITTEN = ("mime-version", "content-type", "content-disposition", "content-transfer-encoding",
           "received", "bcc")
ADDRESSES = ("from", "to", "cc", "reply-to", "sender", "bcc")


def decoded(text):
    """The text of a field that others wrote or that we wrote; None where Python cannot tell."""
    try:
        return str(make_header(decode_header(re.sub(r"\r?\n(?=[ \t])", "", text))))
    except (LookupError, UnicodeError, ValueError):
        return None


def check_text(suite, row, name, text):
    """Unstructured text as a subject or a field of another name."""
    if not isinstance(text, str) or not is_utf8(text):
        return count.listed(suite, "invalid-utf8", row)
    setter = ("subject", text) if name.lower() == "subject" else ("header", name, text)
    try:
        raw = probe.message(*setter)
    except Refused as why:
        if has_control(text):
            return count.listed(suite, "control-characters", row)
        return count.fail(suite, row, f"refused: {why}")
    lines = field_lines(raw, name)
    problem = lines_problem(lines)
    if problem:
        return count.fail(suite, row, problem)
    value = b"".join(lines).decode("ascii", "replace").partition(":")[2]
    read = decoded(value[1:] if value[:1] == " " else value)
    wanted = text if name.lower() == "subject" else text.strip(" ")
    if read == wanted or str(BytesHeaderParser(policy=policy.default).parsebytes(raw)[name]) == wanted:
        return count.equal(suite)
    return count.fail(suite, row, f"read as {read!r}")


def check_addresses(suite, row, name, text):
    """A field of addresses means to Python what the text means to Python."""
    if not is_utf8(text):
        return count.listed(suite, "invalid-utf8", row)
    other = policy.default.header_factory(name, text)
    try:
        raw = probe.ask("field", name, 0, text)[0] + b"\r\n"
    except Refused as why:
        if has_control(text):
            return count.listed(suite, "control-characters", row)
        if other.defects or not other.addresses or not all(a.domain for a in other.addresses):
            return count.listed(suite, "no-guessing", row)
        return count.fail(suite, row, f"refused: {why}")
    if not raw.strip():
        return count.held(suite, row, not other.addresses, "nothing is written")
    problem = lines_problem(field_lines(raw, name))
    if problem:
        return count.fail(suite, row, problem)
    mine = BytesHeaderParser(policy=policy.default).parsebytes(raw)[name]
    pairs = [(a.display_name, a.addr_spec) for a in mine.addresses]
    wanted = [(a.display_name, a.addr_spec) for a in other.addresses]
    groups = [g.display_name for g in mine.groups if g.addresses]
    known = [g.display_name for g in other.groups if g.addresses]
    if pairs == wanted and groups == known:
        return count.equal(suite)
    if "=?" in text:
        return count.listed(suite, "encoded-words-are-text", row)
    # Older readers of Python keep the blank between two encoded-words of a phrase (RFC 2047 6.2).
    plain = BytesHeaderParser(policy=policy.compat32).parsebytes(raw)[name]
    if [(decoded(n), a) for n, a in getaddresses([plain])] == wanted:
        return count.equal(suite)
    if other.defects:
        return count.listed(suite, "no-guessing", row)
    if "(" in text and [a for _, a in pairs] == [a for _, a in wanted]:
        return count.listed(suite, "comments", row)
    return count.fail(suite, row, f"read as {pairs}, not {wanted}")


def is_token(text):
    return re.fullmatch(r"[\w!#$&+.^-]+(/[\w!#$&+.^-]+)?", text, re.A) is not None


def quoted(text):
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def check_parameters(suite, row, value, parameters):
    """Parameters that are written come back from Python's reader, and fit their lines."""
    parameters = {k: v for k, v in parameters.items() if v is not None}
    if any(not isinstance(v, str) or not is_utf8(v) for v in parameters.values()):
        return count.listed(suite, "invalid-utf8", row)
    pairs = [item for k, v in parameters.items() for item in (k, v)]
    for compatible in (0, 1):
        field = "Content-Type" if "/" in value else "Content-Disposition"
        try:
            raw = probe.ask("parameters", field, value, compatible, *pairs)[0]
        except Refused:
            return count.listed(suite, "nul", row)
        lines = raw.rstrip(b"\r\n").split(b"\r\n")
        # a token or a quoted string as it is, or RFC 2231: then every line fits
        if any(len(line) > 78 for line in lines[1:]) or re.search(rb"[^ -~\r\n]", raw):
            return count.fail(suite, row, f"lines of {raw!r}")
        message = BytesHeaderParser(policy=policy.compat32).parsebytes(raw + b"\r\n")
        for name, text in parameters.items():
            read = message.get_param(name, header=field)
            if isinstance(read, tuple):
                read = read[2].encode("latin-1").decode("utf-8") if read[0] is None else \
                    read[2].encode("raw-unicode-escape", "surrogateescape").decode(read[0])
            if read is not None and text not in (read, read.strip()):
                read = str(policy.default.header_factory(field, lines_joined(raw)).params.get(name))
            if read != text:
                return count.fail(suite, row, f"{name} is read as {read!r} of {raw!r}")
    return count.equal(suite)


def lines_joined(raw):
    return raw.decode().rstrip("\r\n").partition(": ")[2].replace("\r\n", "")


def check_type(suite, row, text, value, parameters):
    """What a caller gives as a type is read as the other project reads it; where it is in RFC 2231,
    which is not read, it is written."""
    if value is not None and "*" in text and is_token(value) and all(map(is_token, parameters)):
        return check_parameters(suite, row, value, parameters)
    if value is not None and "/" not in value and is_token(value):
        text, value = "x/" + text.lstrip(), "x/" + value
    try:
        read = [v.decode("utf-8") for v in probe.ask("type", text)]
    except Refused as why:
        if value is None:
            return count.equal(suite)
        if has_control(text):
            return count.listed(suite, "control-characters", row)
        if "*" in text:
            return count.listed(suite, "no-extended-parameters", row)
        if "/" not in value or "type/subtype" in str(why):
            return count.listed(suite, "not-a-media-type", row)
        return count.listed(suite, "no-guessing", row)
    mine = dict(zip(read[1::2], read[2::2]))
    if value is None:
        strange = any(ord(c) > 127 for c in text) or text.rstrip().endswith(";")
        return (count.listed(suite, "lenient-type", row) if strange
                else count.fail(suite, row, f"not refused: {read}"))
    wanted = {k.lower(): v for k, v in (parameters or {}).items()}
    if "__proto__" in mine and "__proto__" not in wanted:
        return count.listed(suite, "javascript-names", row)
    if mine != wanted and re.search(r'"[^"]*\\[^"\\]', text) and \
            mine == {k: re.sub(r"\\(.)", r"\1", v) for k, v in wanted.items()}:
        return count.listed(suite, "quoted-pairs", row)
    return count.held(suite, row, read[0] == value.strip().lower() and mine == wanted,
                      f"read as {read}")


def go(folder):
    for row in rows(folder, "go-stdlib/encoded_word.jsonl"):
        text = row.get("src", row.get("exp"))
        if isinstance(text, str):
            check_text("go encoded_word", row, "Subject", text)
    for row in rows(folder, "go-stdlib/media_type.jsonl"):
        if row["test"] == "TestFormatMediaType":
            suite, typ, params = "go format_media_type", row["typ"], row["params"] or {}
            if row["want"]:
                check_parameters(suite, row, typ, params)
                continue
            text = typ + "".join(f"; {k}={quoted(v)}" for k, v in params.items())
            check_type(suite, row, text, None, None)
        elif row["test"] == "TestParseMediaType":
            check_type("go parse_media_type", row, row["in"], row["t"], row["p"])
        elif isinstance(row.get("in"), str):
            check_type("go parse_media_type errors", row, row["in"], None, None)


def nodemailer(folder):
    for row in rows(folder, "nodemailer/mime_funcs.jsonl"):
        suite, args = "nodemailer " + row["fn"], row["args"]
        if row["fn"] in ("encodeWord", "encodeWords", "foldLines") and isinstance(args[0], str):
            check_text(suite, row, "Subject", re.sub(r"\r?\n", "", args[0]))
        elif row["fn"] == "buildHeaderParam" and isinstance(args[1], str):
            check_parameters(suite, row, "attachment", {args[0]: args[1]})
        elif row["fn"] == "buildHeaderValue" and isinstance(args[0], dict):
            value, params = args[0].get("value"), args[0].get("params") or {}
            if not isinstance(value, str) or not re.fullmatch(r"[\w.+-]+(/[\w.+-]+)?", value) or \
                    any(not re.fullmatch(r"[\w.-]+", k) for k in params):
                count.listed(suite, "no-guessing", row)
            else:
                check_parameters(suite, row, value,
                                 {k: v for k, v in params.items() if isinstance(v, str)})
        elif row["fn"] == "parseHeaderValue" and isinstance(args[0], str):
            result = row["result"]
            check_type(suite, row, args[0], result["value"], result["params"])
    for row in rows(folder, "nodemailer/mime_node.jsonl"):
        if row["fn"] == "_encodeHeaderValue" and isinstance(row["args"][1], str):
            key = row["args"][0]
            if key.startswith("x-") or key == "subject":
                check_text("nodemailer encodeHeaderValue", row, key, row["args"][1])
    for row in rows(folder, "nodemailer/list_headers.jsonl"):
        check_list("nodemailer list_headers", row)


def check_list(suite, row):
    """List-* with comments that try to end the field: refused, or one field that says the same."""
    for kind, value in row["input"]["list"].items():
        entries = value if isinstance(value, list) else [value]
        while entries and isinstance(entries[0], list):
            entries = entries[0]
        parts = []
        for entry in entries:
            entry = entry if isinstance(entry, dict) else {"url": entry}
            comment = entry.get("comment")
            if kind == "id":
                parts.append((quoted(comment) + " " if comment else "") + f"<{entry['url']}>")
            else:
                parts.append(f"<{entry['url']}>" + (f" ({comment})" if comment else ""))
        text = ", ".join(parts)
        try:
            raw = probe.message("header", "List-" + kind.capitalize(), text)
        except Refused:
            if has_control(text) or not text.isascii():
                count.listed(suite, "control-characters", row)
            else:
                count.fail(suite, row, "refused")
            return
        lines = field_lines(raw, "List-" + kind)
        value = b"".join(lines).decode().partition(": ")[2]
        count.held(suite, row, (decoded(value) == text or value == text) and
                   b"X-Injected" not in raw, repr(value))


def python(folder):
    for row in rows(folder, "python-email/header_fold.jsonl"):
        name, text = row["args"][:2]
        suite = "python header.fold"
        if not isinstance(text, str):
            continue
        if name.lower() in ADDRESSES:
            check_addresses(suite, row, name, text)
        elif name.lower() in ("content-type", "content-disposition"):
            parsed = policy.default.header_factory(name, text)
            kind = (parsed.content_type if name.lower() == "content-type"
                    else parsed.content_disposition)
            if parsed.defects or kind is None or not kind.isascii() or \
                    not all(name.isascii() for name in parsed.params):
                count.listed(suite, "no-guessing", row)
            else:
                check_parameters(suite, row, kind, dict(parsed.params))
        elif name.lower() in WRITTEN:
            count.listed(suite, "written-by-tidymail", row)
        elif name.lower() in ("message-id", "date"):
            check_exact(suite, row, name, text)
        else:
            check_text(suite, row, name, text)
    for row in rows(folder, "python-email/header_encode.jsonl"):
        result = row.get("result")
        text = decoded(result) if isinstance(result, str) else None
        if text is None:
            count.listed("python Header.encode", "reader-differs", row)
        else:
            check_text("python Header.encode", row, "Subject", re.sub(r"\r?\n", "", text))


def check_exact(suite, row, name, text):
    try:
        raw = probe.message("header", name, text)
    except Refused as why:
        if has_control(text):
            return count.listed(suite, "control-characters", row)
        if policy.default.header_factory(name, text).defects or not text.isascii() or "not a" in str(why):
            return count.listed(suite, "no-guessing", row)
        return count.fail(suite, row, f"refused: {why}")
    value = b"".join(field_lines(raw, name)).decode().partition(":")[2].strip()
    return count.held(suite, row, value == text.strip(), value)


def rfc(folder):
    for row in rows(folder, "rfc-examples/encoded_words.jsonl"):
        if row.get("kind") == "phrase" and "<" in row["displayed"]:
            check_addresses("rfc encoded_words", row, "From", row["displayed"])
        else:
            check_text("rfc encoded_words", row, "Subject", row["displayed"])
    for row in rows(folder, "rfc-examples/rfc2231_params.jsonl"):
        value = row["header"].partition(": ")[2].partition(";")[0]
        check_parameters("rfc 2231", row, value, row["params"])


for check in (go, nodemailer, python, rfc):
    check(sys.argv[1])
count.finish()
