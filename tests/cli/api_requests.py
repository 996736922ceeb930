"""Requests as a client of each service writes them, by hand: the good one that all tests start from."""

import base64
import datetime
import hashlib
import hmac
import json
import re

KEY = "se:cret/k3y"
USER = "AKIDTEST"
SUBJECT = "Grüße, \"Ann\""
TEXT = "Hello Bob\nÄpfel und Öl\n.\nFrom here on\n"
HTML = "<p>Hällo <img src=\"cid:logo@example.org\"></p>\n"
NAME = "Jürgen Müller"
FILES = [("Überblick.txt", "text/plain", "Zeile 1\nZeile 2".encode()),
         ("data.dat", "application/octet-stream", bytes(range(256)) * 3)]
IMAGE = ("logo@example.org", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(range(64)))


def b64(data):
    return base64.b64encode(data).decode()


def encoded(name, address):
    """A mailbox whose name is an encoded word (RFC 2047)."""
    return f"=?utf-8?B?{b64(name.encode())}?= <{address}>"


class Form(list):
    """multipart/form-data: (name, value) and (name, file name, type, bytes)."""

    def body(self, boundary="b0undary"):
        out = b""
        for item in self:
            value = item[-1] if isinstance(item[-1], bytes) else item[-1].encode()
            out += f"--{boundary}\r\nContent-Disposition: form-data; name=\"{item[0]}\"".encode()
            if len(item) == 4:
                out += f"; filename=\"{item[1]}\"\r\nContent-Type: {item[2]}".encode()
            out += b"\r\n\r\n" + value + b"\r\n"
        return out + f"--{boundary}--\r\n".encode()

    def without(self, name):
        return Form(item for item in self if item[0] != name)


def mailgun():
    form = Form([("from", f"{NAME} <ann@example.org>"), ("to", "Bob <bob@example.org>"),
                 ("to", "carl@example.org"), ("cc", "Dörte <dora@example.org>"),
                 ("bcc", "eve@example.org"), ("subject", SUBJECT), ("text", TEXT), ("html", HTML),
                 ("h:Reply-To", "reply@example.org"), ("h:X-Kind", "test"), ("o:tag", "welcome"),
                 ("v:order", "7"), ("o:tracking-opens", "no"), ("o:tracking-clicks", "yes")])
    form += [("attachment", name, kind, data) for name, kind, data in FILES]
    form.append(("inline", IMAGE[0], IMAGE[1], IMAGE[2]))
    return form


def sendgrid():
    return {"personalizations": [{"to": [{"email": "bob@example.org", "name": "Bob"},
                                         {"email": "carl@example.org"}],
                                  "cc": [{"email": "dora@example.org", "name": "Dörte"}],
                                  "bcc": [{"email": "eve@example.org"}]}],
            "from": {"email": "ann@example.org", "name": NAME},
            "reply_to": {"email": "reply@example.org"}, "subject": SUBJECT,
            "content": [{"type": "text/plain", "value": TEXT}, {"type": "text/html", "value": HTML}],
            "headers": {"X-Kind": "test"}, "categories": ["welcome"],
            "custom_args": {"order": "7"},
            "tracking_settings": {"open_tracking": {"enable": False},
                                  "click_tracking": {"enable": True, "enable_text": True}},
            "attachments": [{"content": b64(data), "filename": name, "type": kind,
                             "disposition": "attachment"} for name, kind, data in FILES] +
                           [{"content": b64(IMAGE[2]), "filename": "logo.png", "type": IMAGE[1],
                             "disposition": "inline", "content_id": IMAGE[0]}]}


def ses():
    text = {"Charset": "UTF-8"}
    return {"FromEmailAddress": encoded(NAME, "ann@example.org"),
            "Destination": {"ToAddresses": ["Bob <bob@example.org>", "carl@example.org"],
                            "CcAddresses": [encoded("Dörte", "dora@example.org")],
                            "BccAddresses": ["eve@example.org"]},
            "ReplyToAddresses": ["reply@example.org"],
            "Content": {"Simple": {
                "Subject": {"Data": SUBJECT, **text},
                "Body": {"Text": {"Data": TEXT, **text}, "Html": {"Data": HTML, **text}},
                "Headers": [{"Name": "X-Kind", "Value": "test"}],
                "Attachments": [{"RawContent": b64(data), "FileName": name, "ContentType": kind,
                                 "ContentDisposition": "ATTACHMENT"}
                                for name, kind, data in FILES] +
                               [{"RawContent": b64(IMAGE[2]), "FileName": "logo.png",
                                 "ContentType": IMAGE[1], "ContentDisposition": "INLINE",
                                 "ContentId": IMAGE[0], "ContentTransferEncoding": "BASE64"}]}},
            "EmailTags": [{"Name": "tag", "Value": "welcome"}, {"Name": "order", "Value": "7"}]}


def postmark():
    return {"From": f"{NAME} <ann@example.org>", "To": "Bob <bob@example.org>, carl@example.org",
            "Cc": "Dörte <dora@example.org>", "Bcc": "eve@example.org",
            "ReplyTo": "reply@example.org", "Subject": SUBJECT, "TextBody": TEXT, "HtmlBody": HTML,
            "Headers": [{"Name": "X-Kind", "Value": "test"}], "Tag": "welcome",
            "Metadata": {"order": "7"}, "TrackOpens": False, "TrackLinks": "HtmlAndText",
            "MessageStream": "outbound",
            "Attachments": [{"Name": name, "Content": b64(data), "ContentType": kind}
                            for name, kind, data in FILES] +
                           [{"Name": "logo.png", "Content": b64(IMAGE[2]), "ContentType": IMAGE[1],
                             "ContentID": f"cid:{IMAGE[0]}"}]}


def resend():
    return {"from": f"{NAME} <ann@example.org>", "to": ["Bob <bob@example.org>", "carl@example.org"],
            "cc": "Dörte <dora@example.org>", "bcc": ["eve@example.org"],
            "reply_to": ["reply@example.org"], "subject": SUBJECT, "text": TEXT, "html": HTML,
            "headers": {"X-Kind": "test"},
            "tags": [{"name": "tag", "value": "welcome"}, {"name": "order", "value": "7"}],
            "attachments": [{"filename": name, "content": b64(data), "content_type": kind}
                            for name, kind, data in FILES] +
                           [{"filename": "logo.png", "content": b64(IMAGE[2]),
                             "content_type": IMAGE[1], "content_id": IMAGE[0]}]}


def sparkpost():
    to = "Bob <bob@example.org>, carl@example.org"
    return {"options": {"open_tracking": False, "click_tracking": True, "transactional": True,
                        "perform_substitutions": False},
            "recipients": [{"address": {"email": "bob@example.org", "header_to": to},
                            "tags": ["welcome"]},
                           {"address": {"email": "carl@example.org", "header_to": to}},
                           {"address": {"email": "dora@example.org", "header_to": to}},
                           {"address": {"email": "eve@example.org", "header_to": to}}],
            "metadata": {"order": "7"},
            "content": {"from": {"email": "ann@example.org", "name": NAME}, "subject": SUBJECT,
                        "text": TEXT, "html": HTML, "reply_to": "reply@example.org",
                        "headers": {"CC": encoded("Dörte", "dora@example.org"), "X-Kind": "test"},
                        "attachments": [{"name": name, "type": kind, "data": b64(data)}
                                        for name, kind, data in FILES],
                        "inline_images": [{"name": IMAGE[0], "type": IMAGE[1],
                                           "data": b64(IMAGE[2])}]}}


PATHS = {"mailgun": "/v3/example.com/messages", "sendgrid": "/v3/mail/send",
         "ses": "/v2/email/outbound-emails", "postmark": "/email", "resend": "/emails",
         "sparkpost": "/api/v1/transmissions"}
GOOD = {"mailgun": mailgun, "sendgrid": sendgrid, "ses": ses, "postmark": postmark,
        "resend": resend, "sparkpost": sparkpost}


def sign(host, body, *, key=KEY, user=USER, region="us-east-1", service="ses", skew=0, token=None,
         path=PATHS["ses"], now=None):
    """The fields of AWS Signature Version 4, by the steps of its documentation."""
    now = now or datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=skew)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    fields = {"content-type": "application/json", "host": host, "x-amz-date": stamp}
    if token:
        fields["x-amz-security-token"] = token
    names = ";".join(sorted(fields))
    canonical = "\n".join(["POST", path, ""] + [f"{n}:{fields[n]}" for n in sorted(fields)] +
                          ["", names, hashlib.sha256(body).hexdigest()])
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    secret = ("AWS4" + key).encode()
    for word in scope.split("/"):
        secret = hmac.new(secret, word.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    del fields["host"]
    fields["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={user}/{scope}, SignedHeaders={names}, "
                               f"Signature={signature}")
    return fields


def login(service, host, body, key=KEY):
    """The header fields that a client of the service sends along."""
    fields = {"User-Agent": "tests", "Accept": "application/json"}
    if service == "mailgun":
        return {**fields, "Authorization": "Basic " + b64(f"api:{key}".encode())}
    if service == "ses":
        return {**fields, **sign(host, body, key=key)}
    fields["Content-Type"] = "application/json"
    name, value = {"postmark": ("X-Postmark-Server-Token", key),
                   "sparkpost": ("Authorization", key)}.get(service,
                                                            ("Authorization", f"Bearer {key}"))
    return {**fields, name: value}


def request(service, host, content, key=KEY):
    """(path, fields, body) of a request with that content: a Form, a value, or bytes as they are."""
    if isinstance(content, Form):
        body = content.body()
    elif isinstance(content, bytes):
        body = content
    else:
        body = json.dumps(content).encode()
    fields = login(service, host, body, key)
    if service == "mailgun":
        fields["Content-Type"] = "multipart/form-data; boundary=b0undary"
    return PATHS[service], fields, body


def lines(text):
    return re.sub(r"\r\n?", "\n", text)
