#!/usr/bin/python3
"""check_messages.py DIR: ready-made messages pass byte for byte but for line ends and Bcc; what
nodemailer was given comes out of `tidymail` with the same meaning."""

import hashlib
import os
import re
import subprocess
import sys
from email import policy
from email.parser import BytesParser
from pathlib import Path

from conformance import BUILD, Count, Probe, Raw, Refused, has_control, has_defects, is_utf8, rows

count = Count()
probe = Probe()
TIDYMAIL = os.environ.get("TIDYMAIL_BIN", str(BUILD / "bin" / "tidymail"))


def without_bcc(wire):
    """The wire form without Bcc fields, and whether there were any."""
    head, gap, body = wire.partition(b"\r\n\r\n")
    if not gap:
        head, body = wire, b""
    kept, dropping, found = [], False, False
    for line in head.split(b"\r\n"):
        if line[:1] not in (b" ", b"\t"):
            dropping = re.match(rb"bcc[ \t]*:", line, re.I) is not None
            found |= dropping
        if not dropping:
            kept.append(line)
    return b"\r\n".join(kept) + gap + body, found


def passed_through(folder):
    for row in rows(folder, "mime-messages/manifest.jsonl"):
        suite = "mime-messages " + row["file"].split("/")[0]
        path = Path(folder) / "mime-messages" / row["file"]
        run = subprocess.run([TIDYMAIL, "render", "--eml", str(path), "--from", "a@example.org",
                              "--to", "b@example.org"], capture_output=True, check=False)
        if row["nul"]:
            if run.returncode == 65:
                count.listed(suite, "nul", row)
            else:
                count.fail(suite, row, f"NUL, exit {run.returncode}")
            continue
        if run.returncode != 0:
            count.fail(suite, row, f"exit {run.returncode}: {run.stderr[-200:]!r}")
            continue
        wire = re.sub(rb"\r\n|\r|\n", b"\r\n", path.read_bytes())
        wire += b"" if wire.endswith(b"\r\n") else b"\r\n"
        wanted, has_bcc = without_bcc(wire)
        good = (run.stdout == wanted if has_bcc else
                hashlib.sha256(run.stdout).hexdigest() == row["wire_sha256"])
        count.held(suite, row, good, "other bytes")


def text_of(value):
    """A value of a MimeNode's header as text, None where it is no text."""
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    return value if isinstance(value, str) else None


def setters_of(headers):
    """Headers of a MimeNode as calls; None: one of them is not text."""
    setters, wanted = [], []
    for header in headers:
        name, text = header["key"], text_of(header["value"])
        if name.lower().startswith("content-") or name.lower() == "mime-version":
            continue
        if text is None:
            return None, None
        if name.lower() in ("date", "message-id", "in-reply-to", "references"):
            continue  # those of this suite are no dates and ids
        setter = {"subject": "subject", "to": "to", "cc": "cc", "bcc": "bcc",
                  "reply-to": "reply_to", "from": "from"}.get(name.lower())
        setters += [setter, text] if setter else ["header", name, text]
        if name.lower() != "bcc":
            wanted.append((name, text))
    return setters, wanted


def leaves_of(node):
    """[(type, file name, content)] of a MimeNode's leaves; None: one has content that is not here."""
    kind = next((text_of(h["value"]) for h in node.get("headers", [])
                 if h["key"].lower() == "content-type"), None) or "text/plain"
    if node.get("children"):
        leaves = [leaves_of(child) for child in node["children"]]
        return None if None in leaves else [leaf for some in leaves for leaf in some]
    content = node.get("content")
    if not isinstance(content, (str, bytes, type(None))):
        return None
    kind = kind.split(";")[0].strip()
    if kind.startswith("multipart/") and content is None:
        return []
    return [(kind, node.get("filename"), content or "")]


def mail_leaves(mail):
    """The same of the options of a mail."""
    leaves = [(kind, None, mail[name]) for name, kind in (("text", "text/plain"), ("html", "text/html"))
              if isinstance(mail.get(name), str)]
    for given in mail.get("attachments") or []:
        content = given.get("content")
        if not isinstance(content, (str, bytes)) or given.get("encoding") or given.get("cid"):
            return None
        leaves.append((given.get("contentType") or "", given.get("filename") or "", content))
    unknown = {"raw", "alternatives", "amp", "watchHtml", "icalEvent", "envelope"} & set(mail)
    return None if unknown or not all(isinstance(c, (str, bytes)) for _, _, c in leaves) else leaves


def as_calls(leaves):
    """Leaves as calls of setters."""
    calls, seen = [], set()
    for kind, name, content in leaves:
        setter = {"text/plain": "text", "text/html": "html"}.get(kind)
        if setter and name is None and setter not in seen and isinstance(content, str):
            seen.add(setter)
            calls += [setter, content]
        else:
            data = content if isinstance(content, bytes) else content.encode("utf-8")
            calls += ["attach", name or "", kind if "/" in kind else "", Raw(data)]
    return calls


def meaning(kind, name, data):
    """What must be equal of a leaf: text is compared without regard to line ends."""
    data = data.encode("utf-8") if isinstance(data, str) else data
    if kind.startswith("text/"):
        data = re.sub(rb"\r\n|\r|\n", b"\n", data).rstrip(b"\n")
    return (name or "", data)


def read_leaves(raw):
    message = BytesParser(policy=policy.default).parsebytes(raw)
    found = []
    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            data = raw_of(part)
        elif part.is_multipart():
            continue
        else:
            data = part.get_payload(decode=True)
        found.append(meaning(part.get_content_type(), part.get_filename(), data or b""))
    return message, found


def raw_of(part):
    return b"".join(child.as_bytes() for child in part.get_payload())


def same_fields(message, wanted):
    """None, or what differs of the fields."""
    for name, value in wanted:
        mine = str(message[name])
        if name.lower() in ("to", "from", "cc"):
            if value not in mine:
                return f"{name}: {mine}"
        elif mine != value.strip():
            return f"{name}: {mine!r}"
    return None


def why_refused(wanted, leaves, words):
    texts = "".join(v for _, v in wanted)
    if has_control(texts) or any(has_control((k or "") + (n or "")) for k, n, _ in leaves):
        return "control-characters"
    if not is_utf8(texts) or not all(is_utf8(n or "") for _, n, _ in leaves):
        return "invalid-utf8"
    if any(words.startswith(name.capitalize() + ":") and has_defects(value)
           for name, value in wanted if name.lower() in ("from", "to", "cc")):
        return "no-guessing"
    if any(isinstance(c, str) and "\0" in c for _, _, c in leaves):
        return "nul"
    if "type" in words:
        return "not-a-media-type"
    return None


def build(suite, row):
    """0 where the row cannot be said with calls of the API."""
    given = row["input"].get("mail", row["input"])
    if "headers" in given and "children" in given:
        setters, wanted = setters_of(given["headers"])
        leaves = leaves_of(given)
    else:
        setters, wanted = [], []
        for name in ("from", "to", "cc", "bcc", "subject"):
            if isinstance(given.get(name), str):
                setters += [name, given[name]]
                wanted += [(name, given[name])] if name != "bcc" else []
        leaves = mail_leaves(given)
    if setters is None or leaves is None:
        return 0
    if any(k.startswith(("multipart/", "message/")) for k, _, _ in leaves):
        return 0  # content that is a tree already
    if not all(is_utf8(c) for _, _, c in leaves if isinstance(c, str)):
        count.listed(suite, "invalid-utf8", row)
        return 1
    try:
        raw = probe.message(*setters, *as_calls(leaves))
    except Refused as why:
        rule = why_refused(wanted, leaves, str(why))
        if rule:
            count.listed(suite, rule, row)
        else:
            count.fail(suite, row, f"refused: {why}")
        return 1
    message, found = read_leaves(raw)
    expected = [meaning(k, base_name(n), c) for k, n, c in leaves] or [("", b"")]
    problem = same_fields(message, wanted)
    if problem is None and sorted(f for f in found if f[1] or f[0]) != \
            sorted(e for e in expected if e[1] or e[0]):
        problem = f"leaves {found!r}"[:200]
    if problem is None and b"\nbcc:" in raw.lower():
        problem = "Bcc"
    count.held(suite, row, problem is None, problem)
    return 1


def base_name(name):
    """Folders in front of a file name are left out (RFC 2183 2.3)."""
    return re.split(r"[/\\]", name)[-1] if name else name


def built(folder):
    suite = "nodemailer builds"
    skipped = sum(1 - build(suite, row) for row in rows(folder, "nodemailer/builds.jsonl"))
    if skipped:
        print(f"# {suite}: {skipped} rows cannot be said in calls of the API")


passed_through(sys.argv[1])
built(sys.argv[1])
count.finish()
