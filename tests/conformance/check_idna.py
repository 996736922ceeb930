#!/usr/bin/python3
"""check_idna.py DIR: domains of UTS 46's test file, and RFC 3492's samples."""

import re
import sys

from conformance import ONE, Count, Probe, Refused, rows

count = Count()
probe = Probe()


def ours(domain):
    """(A-labels, Unicode)"""
    _, spec, shown, _ = probe.addresses("a@" + domain, ONE)[0]
    return spec.partition("@")[2], shown


# Characters whose mapping in UTS 46 changed behind Unicode 15.0, which libidn2 2.3 knows at most.
CHANGED = re.compile("[\u1e9e\u04c0\u10a0-\u10c5\u10c7\u10cd\u2132\u2183\u115f\u1160\u3164\uffa0\u17b4"
                     "\u17b5\U0002f868\U0002f874\U0002f91f\U0002f95f\U0002f9bf]")


def is_rooted(domain):
    return domain.endswith((".", "\u3002", "\uff0e", "\uff61"))


for row in rows(sys.argv[1], "idna/uts46.jsonl"):
    suite, domain = "uts46", row["input"]
    wanted = row.get("to_ascii")
    if isinstance(domain, bytes) or re.search("[\ud800-\udfff]", domain):
        count.listed(suite, "invalid-utf8", row)
        continue
    try:
        ascii_form, shown = ours(domain)
    except Refused as why:
        if wanted is None:
            count.equal(suite)
        elif is_rooted(domain) or is_rooted(wanted):
            count.listed(suite, "no-final-dot", row)
        elif CHANGED.search(domain):
            count.listed(suite, "idna-unicode-version", row)
        elif len(wanted) > 250 or "longer than" in str(why):
            count.listed(suite, "lengths", row)
        else:
            count.fail(suite, row, f"refused: {why}")
        continue
    if wanted is None and domain.isascii():
        count.listed(suite, "ascii-domains-as-given", row)
    elif wanted is None:
        count.listed(suite, "idna-registry-rules", row)
    elif ascii_form.lower() != wanted and CHANGED.search(domain):
        count.listed(suite, "idna-unicode-version", row)
    elif ascii_form.lower() != wanted:
        count.fail(suite, row, ascii_form)
    elif row.get("to_unicode") and shown.lower() not in (row["to_unicode"], wanted):
        count.fail(suite, row, f"shown as {shown}")
    elif row.get("to_unicode") and shown.lower() != row["to_unicode"]:
        count.listed(suite, "shown-as-a-labels", row)
    else:
        count.equal(suite)
for row in rows(sys.argv[1], "idna/punycode.jsonl"):
    suite = "punycode"
    try:
        ascii_form, _ = ours(row["unicode"])
    except Refused:
        count.listed(suite, "not-a-domain", row)
        continue
    label = "xn--" + row["punycode"]
    if ascii_form.lower() == label.lower():
        count.equal(suite)
    elif row["unicode"] != row["unicode"].lower() or row["punycode"] != row["punycode"].lower():
        count.listed(suite, "idna-maps-case", row)
    else:
        count.fail(suite, row, ascii_form)
count.finish()
