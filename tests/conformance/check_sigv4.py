#!/usr/bin/python3
"""check_sigv4.py DIR: AWS's own suite for Signature Version 4 (as header fields), and the passwords of SES
for SMTP."""

import hashlib
import re
import sys
from datetime import datetime, timezone

from conformance import Count, Probe, Raw, rows

count = Count()
probe = Probe()


def request_of(text):
    """(method, path, query, fields, body) of a request as the suite writes it: \\n for line ends, a target
    with blanks and UTF-8."""
    head, _, body = text.partition("\n\n")
    first, _, rest = head.partition("\n")
    method, target = re.fullmatch(r"(\S+) (.*) HTTP/1\.1", first).groups()
    path, _, query = target.partition("?")
    fields = []
    for line in rest.split("\n"):
        if line[:1] in (" ", "\t"):  # goes on with the one before
            fields[-1][1] += "\n" + line
        elif line:
            fields.append(list(line.split(":", 1)))
    return method, path, query, fields, body


def check_case(row):
    context = row["context"]
    keys = context["credentials"]
    method, path, query, fields, body = request_of(row["request"])
    token = keys.get("token", "")
    if context.get("omit_session_token"):  # it goes along, but unsigned
        token = ""
    if context["sign_body"]:
        digest = hashlib.sha256(body.encode()).hexdigest()
        fields.append(["x-amz-content-sha256", digest])
    moment = datetime.strptime(context["timestamp"], "%Y-%m-%dT%H:%M:%SZ")
    seconds = int(moment.replace(tzinfo=timezone.utc).timestamp())
    canonical, to_sign, _, authorization = probe.ask(
        "sigv4", method, path, query, Raw(body.encode()), keys["access_key_id"],
        keys["secret_access_key"], token, context["region"], context["service"], seconds,
        0 if context["normalize"] else 1, *[part for field in fields for part in field])
    suite = "sigv4"
    count.held(suite, row["name"], canonical.decode() == row["header_canonical_request"],
               f"canonical request {canonical.decode()!r}")
    count.held(suite, row["name"], to_sign.decode() == row["header_string_to_sign"],
               f"string to sign {to_sign.decode()!r}")
    wanted = re.search(r"^Authorization:(.*)$", row["header_signed_request"], re.M)[1]
    count.held(suite, row["name"], authorization.decode() == wanted and
               row["header_signature"] in wanted, f"authorization {authorization.decode()!r}")


folder = sys.argv[1]
for case in rows(folder, "sigv4/aws-signing-test-suite-v4.jsonl"):
    check_case(case)
for case in rows(folder, "sigv4/ses_smtp_password.jsonl"):
    password = probe.ask("ses-password", case["secret_access_key"], case["region"])[0].decode()
    count.held("ses passwords", case, password == case["smtp_password"], password)
count.finish()
