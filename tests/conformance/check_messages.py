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

from conformance import BUILD, Count, Probe, Refused, has_control, is_utf8, rows

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


def built(folder):
    suite = "nodemailer builds"
    skipped = 0
    for row in rows(folder, "nodemailer/builds.jsonl"):
        given = row["input"]
        if given.get("children") or given.get("attachments") or given.get("filename") or \
                given.get("icalEvent") or given.get("raw") or given.get("alternatives"):
            skipped += 1
            continue
        if "headers" in given:
            setters, wanted = setters_of(given["headers"])
            body = given.get("content")
            kind = next((text_of(h["value"]) for h in given["headers"]
                         if h["key"].lower() == "content-type"), "text/plain") or ""
            if setters is None or not kind.startswith("text/") or \
                    not isinstance(body, (str, type(None))):
                skipped += 1
                continue
            html, text = (body, None) if kind.startswith("text/html") else (None, body)
        else:
            setters, wanted = [], []
            for name in ("from", "to", "cc", "bcc", "subject"):
                if isinstance(given.get(name), str):
                    setters += [name, given[name]]
                    wanted += [(name, given[name])] if name != "bcc" else []
            html, text = given.get("html"), given.get("text")
        for name, value in (("text", text), ("html", html)):
            setters += [name, value] if isinstance(value, str) else []
        try:
            raw = probe.message(*setters)
        except Refused as why:
            texts = "".join(v for _, v in wanted)
            if has_control(texts):
                count.listed(suite, "control-characters", row)
            elif not is_utf8(texts):
                count.listed(suite, "invalid-utf8", row)
            else:
                count.fail(suite, row, f"refused: {why}")
            continue
        message = BytesParser(policy=policy.default).parsebytes(raw)
        for name, value in wanted:
            mine = str(message[name])
            if name.lower() in ("to", "from", "cc"):
                if value not in mine:
                    count.fail(suite, row, f"{name}: {mine}")
                    break
            elif mine != value.strip():
                count.fail(suite, row, f"{name}: {mine!r}")
                break
        else:
            parts = {p.get_content_type(): p.get_content() for p in message.walk()
                     if p.get_content_maintype() == "text"}
            bodies = [("text/plain", text), ("text/html", html)]
            good = all(normal(parts.get(kind, "")) == normal(body) for kind, body in bodies
                       if isinstance(body, str) and body)
            bcc = b"\nbcc:" in raw.lower()
            count.held(suite, row, good and not bcc, f"bodies {parts!r}"[:200])
    if skipped:
        print(f"# {suite}: {skipped} rows of trees and attachments are not held here")


def normal(text):
    return re.sub(r"\r\n|\r|\n", "\n", text).rstrip("\n")


passed_through(sys.argv[1])
built(sys.argv[1])
count.finish()
