"""provider_meaning.py: what a request to a mail service says, whatever form of it was chosen: members in
any order, defaults left out, an address as text or as object, text without regard to its last line end."""

import base64
import datetime
import email.policy
import email.utils
import json
import re
from email.header import decode_header, make_header
from email.parser import BytesParser
from urllib.parse import parse_qsl, unquote

# Members whose value is one mailbox or several.
MAILBOXES = {"from", "to", "cc", "bcc", "reply_to", "reply_to_list", "sender", "replyto", "h:reply-to",
             "h:sender"}
TIMES = {"o:deliverytime", "send_at", "start_time", "scheduled_at", "scheduledat"}
JSON_TEXTS = {"t:variables", "h:x-mailgun-variables", "eventpayload", "x-metadata", "x-tags",
              "x-mailin-custom", "templatedata", "recipient-variables"}
BASE64 = {"base64content", "content", "data"}


def shown(name, spec):
    """A mailbox as a reader shows it, its domain in A-labels."""
    name = str(make_header(decode_header(name)))
    local, at, domain = spec.rpartition("@")
    domain = ".".join(label if label.isascii() else "xn--" + label.lower().encode("punycode").decode()
                      for label in domain.split("."))
    spec = f"{local}{at}{domain.lower()}"
    return f"{name} <{spec}>" if name and name != spec else spec


def mailbox(value):
    if isinstance(value, str):
        return shown(*email.utils.parseaddr(value))
    value = {key.lower(): item for key, item in value.items()}
    value = value.get("address", value) if isinstance(value.get("address"), dict) else value
    spec = value.get("email") or value.get("address") or ""
    return shown(value.get("name") or "", spec)


def mailboxes(value):
    """Sorted, since no service minds the order."""
    if isinstance(value, str):
        pairs = email.utils.getaddresses([value])
        return sorted(shown(name, spec) for name, spec in pairs)
    values = value if isinstance(value, list) else [value]
    return sorted(mailbox(item) for item in values)


def seconds(value):
    """A moment in any form, as seconds since 1970."""
    if isinstance(value, int):
        return value
    if re.fullmatch(r"\d+", value):
        return int(value)
    try:
        parsed = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        try:
            parsed = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return value
    return int(parsed.timestamp())


def text(value):
    return value.replace("\r\n", "\n").rstrip("\n")


def content(kind, data):
    """The bytes of a file; texts (and what has no type) by their characters, whatever the charset."""
    if kind == "" or kind.lower().startswith("text/"):
        try:
            return text(data.decode("utf-8"))
        except UnicodeDecodeError:
            return text(data.decode("latin-1"))
    return data


def file_of(value):
    """A file of a JSON request: (name, type without parameters, content id, bytes)."""
    lower = {key.lower(): item for key, item in value.items()}
    encoded = next((lower[key] for key in ("base64content", "content", "data", "contentbytes")
                    if key in lower), "")
    kind = lower.get("contenttype") or lower.get("content_type") or lower.get("type") or ""
    name = lower.get("filename") or lower.get("name") or ""
    cid = lower.get("contentid") or lower.get("content_id") or lower.get("id") or ""
    cid = cid.removeprefix("cid:").strip("<>")
    inline = bool(cid) or str(lower.get("disposition") or "").lower() == "inline"
    data = base64.b64decode(encoded)
    return [name, kind.split(";")[0].strip().lower(), cid, inline, content(kind, data)]


def header_value(name, value):
    value = str(value).strip()
    if name in ("message-id", "in-reply-to", "references"):
        return " ".join(f"<{word.strip('<>')}>" for word in value.split())
    if name in JSON_TEXTS:
        return scalars(json.loads(value))
    return value


def header_fields(value):
    """Own header fields, by lower-case name; mailbox fields apart."""
    if isinstance(value, list):
        pairs = [({k.lower(): v for k, v in item.items()}) for item in value]
        value = {item["name"]: item["value"] for item in pairs}
    return {name.lower(): mailboxes(item) if name.lower() in MAILBOXES
            else header_value(name.lower(), item) for name, item in value.items()}


def scalars(value):
    """JSON with numbers as text: services take both."""
    if isinstance(value, dict):
        return {key: scalars(item) for key, item in value.items()}
    if isinstance(value, list):
        return [scalars(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return text(str(value))


def is_empty(value):
    return value is None or value in ("", [], {})


def plain(key, value):
    """A member in any spelling of its meaning."""
    low = key.lower()
    if low in MAILBOXES:
        return mailboxes(value)
    if low in TIMES:
        return seconds(value)
    if low in ("attachments", "attachment", "inlinedattachments", "images", "inline_images"):
        return sorted((file_of(item) for item in value), key=repr)
    if low == "headers":
        return header_fields(value)
    if low == "in_reply_to":
        return header_value("in-reply-to", value)
    if low in JSON_TEXTS and isinstance(value, str):
        return scalars(json.loads(value))
    if isinstance(value, dict):
        return members(value)
    if isinstance(value, list) and all(not isinstance(item, (dict, list)) for item in value):
        return scalars(value)
    if isinstance(value, list):
        return [members(item) if isinstance(item, dict) else scalars(item) for item in value]
    return scalars(value)


def members(value):
    found = {key: plain(key, item) for key, item in value.items() if not is_empty(item)}
    return {key: item for key, item in found.items() if not is_empty(item)}


# What a service has in two places, or under two names, comes to one.

def merged(first, second):
    result = dict(first)
    for key, value in second.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def pull_reply_to(meaning, key="reply_to"):
    """Reply-To as a field of its own is the same as a header field."""
    own = meaning.get("headers", {})
    if "reply-to" in own:
        meaning[key] = mailboxes(own.pop("reply-to"))
    if not own:
        meaning.pop("headers", None)
    return meaning


def sendgrid(body):
    first = body.pop("personalizations", [{}])[0]
    result = members(merged(body, first))
    result.get("custom_args", {}).pop("anymail_id", None)
    if "reply_to_list" in result:
        result["reply_to"] = result.pop("reply_to_list")
    for part in body.get("content", []):
        result[f"content {part['type'].split(';')[0]}"] = text(part["value"])
    result.pop("content", None)
    return pull_reply_to({key: value for key, value in result.items() if not is_empty(value)})


def sparkpost(body):
    recipients = body.pop("recipients", [])
    result = members(body)
    if result.get("options", {}).get("perform_substitutions") is True:  # the default
        del result["options"]["perform_substitutions"]
    result["rcpt"] = sorted(mailbox(item["address"] if isinstance(item["address"], str) else
                                    {"email": item["address"]["email"],
                                     "name": item["address"].get("name", "")}) for item in recipients)
    result["header_to"] = sorted({item["address"].get("header_to", "") for item in recipients
                                  if isinstance(item["address"], dict)} - {""})
    for item in recipients:
        for key in ("tags", "metadata", "substitution_data"):
            if item.get(key):
                result[key] = merged(result.get(key, {}), item[key]) if isinstance(item[key], dict) \
                    else item[key]
    return {key: value for key, value in result.items() if not is_empty(value)}


def mailjet(body):
    messages = body.pop("Messages", [{}])
    everything = members(merged(body.pop("Globals", {}), messages[0]))
    return pull_reply_to(merged(everything, members(body)), "ReplyTo")


def mandrill(body):
    message = dict(body.pop("message", {}))
    to = message.pop("to", [])
    result = members(merged(message, body))
    for kind in ("to", "cc", "bcc"):
        found = [mailbox(item) for item in to if item.get("type", "to") == kind]
        if found:
            result[kind] = sorted(found)
    if "from_email" in result:
        result["from"] = [mailbox({"email": result.pop("from_email"),
                                   "name": result.pop("from_name", "")})]
    for key in ("global_merge_vars", "template_content"):
        if key in result:
            result[key] = {item["name"].upper() if key[0] == "g" else item["name"]: item["content"]
                           for item in result[key]}
    return pull_reply_to({key: value for key, value in result.items() if not is_empty(value)})


def mailersend(body):
    return pull_reply_to(members(body[0] if isinstance(body, list) else body))


def brevo(body):
    return pull_reply_to(members(body), "replyTo")


def postmark(body):
    return pull_reply_to(members(body), "ReplyTo")


def resend(body):
    return pull_reply_to(members(body))


def raw_message(data):
    """A finished message, by what a reader sees."""
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    message = BytesParser(policy=email.policy.default).parsebytes(data)
    result = {}
    own = {}
    for name, value in message.items():
        low = name.lower()
        if low in MAILBOXES or low == "reply-to":
            result[low.replace("-", "_")] = mailboxes(str(value))
        elif low == "subject":
            result["subject"] = str(value)
        elif low not in ("date", "mime-version", "content-type", "content-transfer-encoding"):
            own.setdefault(low, []).append(header_value(low, value))
    result["headers"] = {name: values[0] if len(values) == 1 else sorted(values, key=repr)
                         for name, values in own.items()}
    files = []
    for part in message.walk():
        if part.is_multipart():
            continue
        kind, payload = part.get_content_type(), part.get_payload(decode=True) or b""
        cid = str(part["content-id"] or "").strip("<> ")
        if part.get_content_disposition() is None and not cid and kind in ("text/plain", "text/html"):
            charset = part.get_content_charset() or "utf-8"
            result.setdefault(kind, text(payload.decode(charset)))
        else:
            inline = part.get_content_disposition() == "inline"
            files.append([part.get_filename() or "", kind, cid, inline, content(kind, payload)])
    result["attachments"] = sorted(files, key=repr)
    return {key: value for key, value in result.items() if not is_empty(value)}


def simple_message(simple):
    """Content.Simple of Amazon SES."""
    result = {"subject": simple.get("Subject", {}).get("Data", "")}
    for key, kind in (("Text", "text/plain"), ("Html", "text/html")):
        if key in simple.get("Body", {}):
            result[kind] = text(simple["Body"][key]["Data"])
    result["headers"] = header_fields(simple.get("Headers", []))
    result["attachments"] = sorted(
        ([item.get("FileName", ""), item.get("ContentType", "").split(";")[0], item.get("ContentId", ""),
          item.get("ContentDisposition") == "INLINE",
          content(item.get("ContentType", ""), base64.b64decode(item["RawContent"]))]
         for item in simple.get("Attachments", [])), key=repr)
    return result


def ses(body):
    where = body.get("Content", {})
    if "Raw" in where:
        data = where["Raw"]["Data"]
        known = raw_message(data if data.startswith(("Content", "MIME", "From", "Date", "Subject", "To"))
                            or ":" in data.split("\n")[0] else base64.b64decode(data))
    elif "Simple" in where:
        known = simple_message(where["Simple"])
    else:
        known = members(where)
    destination = {key: [email.utils.parseaddr(item)[1] for item in value]
                   for key, value in body.get("Destination", {}).items()}
    known["recipients"] = sorted(sum(destination.values(), []))
    for key, name in (("FromEmailAddress", "from"), ("ReplyToAddresses", "reply_to")):
        if key in body:
            known[name] = mailboxes(body[key])
    if "Simple" in where or "Template" in where:
        for key, name in (("ToAddresses", "to"), ("CcAddresses", "cc")):
            if body.get("Destination", {}).get(key):
                known[name] = mailboxes(body["Destination"][key])
    known.get("headers", {}).pop("message-id", None)
    rest = {key: value for key, value in body.items()
            if key not in ("Content", "Destination", "FromEmailAddress", "ReplyToAddresses")}
    if "EmailTags" in rest:
        rest["EmailTags"] = {item["Name"]: item["Value"] for item in rest["EmailTags"]}
    known.update(members(rest))
    return {key: value for key, value in known.items() if not is_empty(value)}


def mailgun(pairs, files):
    """`pairs`: [(name, value)], `files`: [(field, name, type, bytes)]."""
    result = {}
    for name, value in pairs:
        low = name.lower()
        if low in MAILBOXES:
            result[low] = sorted(result.get(low, []) + mailboxes(value))
        elif low in TIMES:
            result[low] = seconds(value)
        elif low in JSON_TEXTS or low.startswith("v:"):
            try:
                result[low] = scalars(json.loads(value))
            except ValueError:
                result[low] = value
        elif low == "message":
            result["message"] = raw_message(value)
        elif low.startswith("h:"):
            result[low] = header_value(low[2:], value)
        else:
            result.setdefault(low, []).append(text(str(value)))
    result["files"] = sorted(
        ([field, name or "", kind.split(";")[0].lower(), content(kind, data)]
         for field, name, kind, data in files), key=repr)
    return {key: value for key, value in result.items() if not is_empty(value)}


JSON_SERVICES = {"sendgrid": sendgrid, "sparkpost": sparkpost, "mailjet": mailjet, "mandrill": mandrill,
                 "mailersend": mailersend, "brevo": brevo, "postmark": postmark, "resend": resend,
                 "ses": ses}


def form(pairs):
    """The multipart/form-data or form of a request: pairs and files."""
    fields, files = [], []
    content_type, body = pairs
    if content_type.startswith("multipart/form-data"):
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        message = BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            data = part.get_payload(decode=True)
            if part.get_param("filename", header="content-disposition") is None:
                fields.append((name, data.decode("utf-8")))
            else:
                files.append((name, part.get_filename(), part.get_content_type(), data))
    else:
        fields = parse_qsl(body.decode(), keep_blank_values=True)
    return fields, files


def listed_form(data):
    return [(name, item) for name, value in data.items()
            for item in (value if isinstance(value, list) else [value])]


def auth_of(fields):
    """What names the account, whatever the field is called."""
    for name in ("authorization", "x-postmark-server-token", "api-key"):
        if name in fields:
            return fields[name]
    return None


def of_anymail(scheme, request):
    if scheme == "ses":
        return {"body": ses(request["params"])}
    fields = {name.lower(): value for name, value in (request["headers"] or {}).items()}
    if request["auth"]:
        word = base64.b64encode(":".join(request["auth"]).encode()).decode()
        fields["authorization"] = f"Basic {word}"
    target = {"method": request["method"], "url": request["url"].rstrip("/"), "auth": auth_of(fields)}
    if scheme == "mailgun":
        files = [(field, name, kind, data if isinstance(data, bytes) else data.encode())
                 for field, (name, data, kind) in request["files"] or []]
        return {**target, "body": mailgun(listed_form(request["data"]), files)}
    return {**target, "body": JSON_SERVICES[scheme](request["data"]["$json"])}


def of_tidymail(scheme, request, body):
    if scheme == "ses":
        return {"body": ses(json.loads(body))}
    fields = {name.lower(): value for name, value in request["fields"]}
    target = {"method": request["method"], "url": (request["origin"] + request["path"]).rstrip("/"),
              "auth": auth_of(fields)}
    if scheme == "mailgun":
        return {**target, "body": mailgun(*form((fields["content-type"], body)))}
    return {**target, "body": JSON_SERVICES[scheme](json.loads(body))}


def remove(meaning, value):
    """Takes members of this value out."""
    for key, item in list(meaning.items()):
        if item in (value, [value]):
            del meaning[key]
        elif isinstance(item, dict):
            remove(item, value)


def differences(theirs, ours, path=""):
    """[(path, theirs, ours)], None for what is not there."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found = []
        for key in sorted(theirs.keys() | ours.keys(), key=str):
            found += differences(theirs.get(key), ours.get(key), f"{path}/{key}" if path else str(key))
        return found
    if theirs == ours:
        return []
    if isinstance(theirs, dict) and ours is None:
        return [item for key in theirs for item in differences(theirs[key], None, f"{path}/{key}")]
    if isinstance(ours, dict) and theirs is None:
        return [item for key in ours for item in differences(None, ours[key], f"{path}/{key}")]
    return [(path, theirs, ours)]


def api_of(url):
    """Host and version of an API: "api.example.com/v1", "api.example.com/api/v1"."""
    host, *path = url.split("/")[2:]
    return "/".join([host, *path[:2 if path[:1] == ["api"] else 1]])


def unnamed(files, others):
    """The files without the names of those that have none in `others`."""
    known = {repr(item[1:]) for item in others if not item[0]}
    return sorted(([""] + item[1:] if repr(item[1:]) in known else item for item in files), key=repr)


def rule_of(scheme, row, path, theirs, ours):
    """The rule of differences.txt for a difference; None: there is none."""
    member = path.split("/")[-1].lower()
    if scheme == "postmark" and path == "body/Headers/x-pm-keepid" and ours == "true":
        return "keeps-message-id"
    if scheme == "ses" and path == "body/ConfigurationSetName" and ours is None:
        return "settings-of-anymail"
    if scheme == "ses" and path.startswith(("body/EmailTags/", "body/headers/x-tag",
                                            "body/headers/x-metadata")):
        return "message-tags"
    if path == "url" and scheme == "mailgun" and "/messages/" in theirs:
        return "endpoint-of-its-own"  # one with a domain and a path too much
    if path == "url" and api_of(theirs) != api_of(row["usual_url"]):
        return "endpoint-of-its-own"
    if path == "body/files" and theirs and ours:  # anymail's own name for a file without one
        theirs = [item[1:] for item in theirs if item[1] != "attachment"], [
            [item[0], *item[2:]] for item in theirs if item[1] == "attachment"]
        ours = [item[1:] for item in ours if item[1] != "attachment.txt"], [
            [item[0], *item[2:]] for item in ours if item[1] == "attachment.txt"]
        return "file-names" if theirs == ours else None
    if member.startswith("attachment") and theirs and ours and unnamed(ours, theirs) == theirs:
        return "file-names"
    return None


def answer_rule(row, what, theirs, report):
    """The same for what was read of an answer."""
    if what == "recipients":
        return "answer-to-others"
    return None
