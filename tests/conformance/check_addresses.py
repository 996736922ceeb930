#!/usr/bin/python3
"""check_addresses.py DIR: addresses of Go, isemail, Python and nodemailer."""

import re
import sys
import unicodedata

from conformance import (ONE, Count, Probe, Refused, field_lines, has_control, has_defects, header,
                         is_utf8, lines_problem, rows)

count = Count()
probe = Probe()


def unquoted(spec):
    """(local part without its quotes, domain)"""
    local, _, domain = spec.rpartition("@")
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return local, domain.lower()


def ours(text, flags=0):
    """[(name, local part, domain in Unicode, domain in A-labels)]"""
    return [(name, unquoted(spec)[0], domain.lower(), unquoted(spec)[1])
            for name, spec, domain, _ in probe.addresses(text, flags)]


def same_address(mine, address):
    local, domain = unquoted(address)
    # UTS 46 maps what is compatible, such as the micro sign
    mapped = unicodedata.normalize("NFKC", domain).lower()
    return mine[1] == local and (domain in (mine[2], mine[3]) or mapped == mine[2])


def refusal_rule(text, words):
    """The rule by which a refusal is right, None: there is none."""
    if not is_utf8(text):
        return "invalid-utf8"
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    if has_control(text):
        return "control-characters"
    if "this is a list" in words:
        return "one-mailbox"
    if "longer than" in words:
        return "lengths"
    if "domain" in words or "brackets" in words or "hyphen" in words:
        return "domains"
    if has_defects(text):
        return "no-guessing"
    return None


def compare(suite, row, text, wanted, flags=0):
    """`wanted`: [(name, address)] of the other project."""
    try:
        mine = ours(text, flags)
    except Refused as why:
        if not wanted or all(not address for _, address in wanted):
            return count.equal(suite)
        rule = refusal_rule(text, str(why))
        return count.listed(suite, rule, row) if rule else count.fail(suite, row, f"refused: {why}")
    if len(mine) == len(wanted) and all(same_address(m, a) for m, (_, a) in zip(mine, wanted)):
        if all(m[0] == (name or "") for m, (name, _) in zip(mine, wanted)):
            return count.equal(suite)
        if "=?" in text:
            return count.listed(suite, "encoded-words-are-text", row)
        if "(" in text:
            return count.listed(suite, "comments", row)
        if [re.sub(r"\s+", " ", n or "") for n, _ in wanted] == [m[0] for m in mine]:
            return count.equal(suite)
        if has_defects(text):
            return count.listed(suite, "no-guessing", row)
        return count.fail(suite, row, f"names: {mine}")
    if not wanted and not mine:
        return count.equal(suite)
    if "(" in text:
        return count.listed(suite, "comments", row)
    if has_defects(text):
        return count.listed(suite, "no-guessing", row)
    return count.fail(suite, row, f"read as {mine}")


def must_refuse(suite, row, text):
    try:
        probe.addresses(text, ONE)
    except Refused:
        return count.equal(suite)
    if isinstance(text, str) and "=?" in text:
        return count.listed(suite, "encoded-words-are-text", row)
    if isinstance(text, str) and "(" in text:
        return count.listed(suite, "comments", row)
    if isinstance(text, str) and '""@' in text:
        return count.listed(suite, "empty-local-part", row)
    if isinstance(text, str) and any(ord(c) > 127 for c in text):
        return count.listed(suite, "utf8-addresses", row)
    return count.fail(suite, row, "not refused")


def quoted(text):
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def formatted(suite, row, name, address):
    """A name and an address go into a field and come out as Python reads it."""
    if isinstance(name, bytes) or isinstance(address, bytes) or not is_utf8(name + address):
        return count.listed(suite, "invalid-utf8", row)
    local, _, domain = address.rpartition("@")
    if not (local.startswith('"') and local.endswith('"') and len(local) > 1):
        local = quoted(local) if local else ""
    text = f"{quoted(name)} <{local}@{domain}>" if name else f"{local}@{domain}"
    try:
        raw = probe.ask("field", "To", ONE, text)[0] + b"\r\n"
    except Refused as why:
        if not address.strip("@"):
            return count.equal(suite)
        rule = refusal_rule(text, str(why))
        return count.listed(suite, rule, row) if rule else count.fail(suite, row, f"refused: {why}")
    problem = lines_problem(field_lines(raw, "To"))
    if problem:
        return count.fail(suite, row, problem)
    read = header(raw, "To").addresses
    good = (len(read) == 1 and read[0].display_name == name and
            read[0].username == unquoted(f"{local}@x")[0])
    return count.held(suite, row, good, f"read as {read!r}")


def go(folder):
    for row in rows(folder, "go-stdlib/address_parse.jsonl"):
        text = row["addrsStr"]
        compare("go address_parse", row, text,
                [(a["Name"], a["Address"]) for a in row["exp"] or []])
    for row in rows(folder, "go-stdlib/address_parse_errors.jsonl"):
        must_refuse("go address_parse_errors", row, row["text"])
    for row in rows(folder, "go-stdlib/address_format.jsonl"):
        formatted("go address_format", row, row["addr"]["Name"], row["addr"]["Address"])
    last, bad = -1, False
    for row in rows(folder, "go-stdlib/address_roundtrip.jsonl"):
        suite = "go address_roundtrip"
        if "case" not in row:
            formatted(suite, row, row["Name"], row["Address"])
            continue
        bad = bad or row["n"] <= last  # the second table of the test: addresses that are wrong
        last = row["n"]
        if bad:
            must_refuse(suite, row, row["case"])
            continue
        try:
            spec = probe.addresses(row["case"], ONE)[0][1]
            count.held(suite, row, unquoted(spec) == unquoted(row["case"][1:-1]), spec)
        except Refused as why:
            count.fail(suite, row, f"refused: {why}")


def isemail(folder):
    suite = "isemail"
    for row in rows(folder, "isemail/tests.jsonl"):
        category = row["category"].replace("ISEMAIL_", "")
        if category == "ERR":
            must_refuse(suite, row, row["address"])
            continue
        try:
            probe.addresses(row["address"], ONE)
            count.equal(suite)
        except Refused as why:
            if category in ("VALID_CATEGORY", "DNSWARN", "RFC5321"):
                count.fail(suite, row, f"refused: {why}")
            else:  # in a header only, obsolete, or no mail system takes it
                count.listed(suite, "header-only-forms", row)


def nodemailer(folder):
    for row in rows(folder, "nodemailer/addressparser.jsonl"):
        wanted = []
        if not isinstance(row["input"], str):
            continue
        for entry in row["result"] or []:
            wanted += entry["group"] if "group" in entry else [entry]
        compare("nodemailer addressparser", row, row["input"],
                [(a.get("name", ""), a.get("address", "")) for a in wanted])
    for row in rows(folder, "nodemailer/mime_node.jsonl"):
        if row["fn"] == "_normalizeAddress" and isinstance(row["args"][0], str):
            compare("nodemailer normalizeAddress", row, row["args"][0], [("", row["result"])], ONE)
        elif row["fn"] == "_convertAddresses":
            for entry in row["args"][0]:
                for one in entry.get("group", [entry]):
                    text = (f"{quoted(one['name'])} <{one['address']}>" if one.get("name")
                            else one["address"])
                    known = [(one.get("name", ""), one["address"])]
                    compare("nodemailer convertAddresses", row, text, known, ONE)


def python(folder):
    for row in rows(folder, "python-email/addresses.jsonl"):
        args, result, suite = row["args"], row.get("result"), "python " + row["fn"]
        if row["fn"] == "formataddr":
            name, address = args[0]
            formatted(suite, row, name or "", address)
            continue
        texts = args[0] if isinstance(args[0], list) else [args[0]]
        if not all(isinstance(t, str) for t in texts) or result is None:
            continue
        if row["kw"].get("strict") is False:
            count.listed(suite, "python-not-strict", row)
            continue
        text = ", ".join(texts)
        pairs = [result] if row["fn"] == "parseaddr" else result
        wanted = [(n, a) for n, a in pairs if n or a]
        compare(suite, row, text, wanted, ONE if row["fn"] == "parseaddr" else 0)


for check in (go, isemail, nodemailer, python):
    check(sys.argv[1])
count.finish()
