#!/usr/bin/python3
"""check_providers.py DIR: requests and answers of mail services, as django-anymail makes and reads them:
the same message, the same meaning. provider_meaning.py says what is the same."""

import collections
import copy
import datetime
import email.utils
import json
import sys
import urllib.parse

import provider_meaning
from conformance import Count, Probe, Raw, Refused, has_defects, rows

count = Count()
probe = Probe()
# scheme: file, key, secret, host, the field of the answer that has the id
SERVICES = {
    "mailgun": ("mailgun", "test_api_key", "", "example.com", ""),
    "sendgrid": ("sendgrid", "test_api_key", "", "", "x-message-id"),
    "ses": ("amazon-ses", "test-access-key-id", "test-secret-access-key", "us-east-1", ""),
    "postmark": ("postmark", "test_server_token", "", "", ""),
    "resend": ("resend", "test_api_key", "", "", ""),
    "sparkpost": ("sparkpost", "test_api_key", "", "", ""),
    "brevo": ("brevo", "test_api_key", "", "", ""),
    "mailjet": ("mailjet", "API KEY HERE", "SECRET KEY HERE", "", ""),
    "mandrill": ("mandrill", "test_api_key", "", "", ""),
    "mailersend": ("mailersend", "test_api_token", "", "", "x-message-id"),
}
# Where tidymail says the same in another way, or more, this makes it say what anymail does.
AS_ANYMAIL = {"brevo": {"html-from-text": "no"}, "resend": {"tags-in-header": "yes"},
              "sparkpost": {"perform-substitutions": "yes", "inline-names": "no"},
              "mailgun": {"inline-names": "no"}, "mandrill": {"inline-names": "no"}}
OTHERS = ("mailtrap", "postal", "scaleway", "unisender-go")
# Members of esp_extra that are anymail's own, or a request of another kind.
NOT_EXTRA = {"api_token", "batch_send_mode", "use_dynamic_template", "merge_field_format",
             "personalizations"}
# The option that has what anymail keeps elsewhere: values that are filled into the caller's own text.
VALUES = {"brevo": "params", "mailjet": "variables", "sparkpost": "substitution-data"}
STATUSES = {"sent": ("sent",), "queued": ("sent",), "unknown": ("sent", "unknown", "failed"),
            "rejected": ("failed",), "invalid": ("failed",), "failed": ("failed", "unknown")}


HTML = '<img src="cid:x">'


class OutOfScope(Exception):
    """The row cannot be said with calls of the API; the rule that says why."""


def moment(value):
    """Seconds since 1970; the suite runs where naive times are UTC+6."""
    if isinstance(value, dict):
        value = value["$datetime"]
    if isinstance(value, int):
        return value
    try:
        parsed = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return int(email.utils.parsedate_to_datetime(value).timestamp())
    if parsed.tzinfo is None:
        if " " in value:  # anymail hands texts on as they are, Mandrill reads them as UTC
            parsed = parsed.replace(tzinfo=datetime.timezone.utc)
        else:
            parsed = parsed.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=6)))
    return int(parsed.timestamp())


def bodies(scheme, message):
    """(text, HTML) of a message; OutOfScope where it has others beside."""
    html = message["body"] if message["content_subtype"] == "html" else None
    text = message["body"] if html is None else None
    for alternative in message.get("alternatives") or []:
        if alternative["mimetype"] == "text/x-amp-html" and scheme in ("mailgun", "sparkpost"):
            continue  # an option
        if alternative["mimetype"] != "text/html" or html is not None:
            raise OutOfScope("other-alternatives")
        html = alternative["content"]
    return text, html


def attachments(message):
    for given in message.get("attachments") or []:
        content = given["content"]
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        kind = given["mimetype"] or "application/octet-stream"
        name = given["filename"] or ""
        if given.get("disposition") == "inline":
            yield from ("inline", given["content_id"].strip("<>"), name, kind, Raw(data))
        elif kind == "message/rfc822":
            raise OutOfScope("attached-messages")
        else:
            yield from ("attach", name, kind, Raw(data))


def headers(message):
    for name, value in message["headers"].items():
        if name.lower() == "reply-to":
            yield from ("reply_to", value)
        elif name.lower() == "to":
            raise OutOfScope("to-header")
        elif name.lower() == "message-id":
            yield from ("header", name, value if value.startswith("<") else f"<{value}>")
        elif name.lower() == "in-reply-to":
            yield from ("header", name, value if value.startswith("<") else f"<{value}>")
        else:
            yield from ("header", name, str(value))


def extra_options(scheme, extra):
    """What anymail takes as esp_extra and tidymail has an option for; it is taken out of `extra`."""
    parts = extra.pop("template_content", None)
    if isinstance(parts, dict):
        parts = [{"name": name, "content": value} for name, value in parts.items()]
    if parts is not None:
        yield from ("option", scheme, "template-content", json.dumps(parts))
    message = extra.get("message", {})
    values = message.pop("recipient_metadata", None) if isinstance(message, dict) else None
    if isinstance(values, dict):
        values = [{"rcpt": rcpt, "values": value} for rcpt, value in values.items()]
    if values is not None:
        yield from ("option", scheme, "recipient-metadata", json.dumps(values))
    if not message:
        extra.pop("message", None)


def value_options(scheme, message, values):
    """Values for all recipients, without a template."""
    if scheme in VALUES:
        yield from ("option", scheme, VALUES[scheme], json.dumps(values))
    elif scheme == "mailgun":  # each recipient has the same
        yield from ("option", scheme, "recipient-variables", json.dumps(
            {email.utils.parseaddr(address)[1]: values for address in message["to"]}))
    elif scheme == "mandrill":
        yield from ("option", scheme, "global-merge-vars", json.dumps(
            [{"name": name, "content": value} for name, value in values.items()]))
    else:
        raise OutOfScope("values-without-template")


def recipient_options(scheme, message):
    """Values for each recipient, where the service makes many messages of one request."""
    data = message["merge_data"]
    shared = message.get("merge_global_data") or {}
    specs = [email.utils.parseaddr(address)[1] for address in message["to"]]
    if scheme == "mailgun":
        if message.get("template_id") is not None or message.get("cc") or message.get("bcc"):
            raise OutOfScope("one-message-for-all")
        yield from ("option", scheme, "recipient-variables", json.dumps(
            {spec: {**shared, **data.get(spec, {})} for spec in specs} if data or shared else {}))
        return
    yield from ("option", scheme, "merge-vars", json.dumps(
        [{"rcpt": spec, "vars": [{"name": name, "content": value} for name, value in sorted(data[spec].items())]}
         for spec in specs if spec in data]))
    yield from ("option", scheme, "preserve-recipients", "no")
    if shared and message.get("template_id") is None:
        yield from value_options(scheme, message, shared)


def service_calls(scheme, message):
    if "merge_data" in message:
        yield from recipient_options(scheme, message)
    for alternative in message.get("alternatives") or []:
        if alternative["mimetype"] == "text/x-amp-html":
            yield from ("option", scheme, "amp-html", alternative["content"])
    for tag in message.get("tags") or []:
        yield from ("tag", tag)
    for name, value in (message.get("metadata") or {}).items():
        yield from ("metadata", name, str(value))
    track = [{None: 0, False: 1, True: 2}[message.get(key)] for key in ("track_opens", "track_clicks")]
    if any(track):
        yield from ("track", *track)
    if message.get("send_at") is not None:
        yield from ("send_at", moment(message["send_at"]))
    values = message.get("merge_global_data")
    if message.get("template_id") is not None:
        yield from ("template", message["template_id"], json.dumps(values) if values else "")
    elif values and "merge_data" not in message:
        yield from value_options(scheme, message, values)
    if message.get("envelope_sender"):
        yield from ("envelope_from", message["envelope_sender"])
    extra = copy.deepcopy({k: v for k, v in (message.get("esp_extra") or {}).items()
                           if k not in ("sender_domain", "server_token")})
    yield from extra_options(scheme, extra)
    if NOT_EXTRA & (set(extra) | set(extra.get("message", {}))):
        raise OutOfScope("extra-of-anymail")
    if scheme in AS_ANYMAIL and message.get("template_id") is None:
        for name, value in AS_ANYMAIL[scheme].items():
            yield from ("option", scheme, name, value)
    if extra:
        yield from ("option", scheme, "extra", json.dumps(extra))


def calls(scheme, message):
    """A message of the suite as calls of setters."""
    if "$error" in message:
        raise OutOfScope("not-recorded")
    own = {key for key in ("merge_data", "merge_metadata", "merge_headers") if key in message}
    if own and (own != {"merge_data"} or scheme not in ("mailgun", "mandrill")):
        raise OutOfScope("one-message-for-all")
    if len(email.utils.getaddresses([message["from"] or ""])) > 1:
        raise OutOfScope("one-author")
    if message["from"] is None:
        raise OutOfScope("from-is-needed")
    text, html = bodies(scheme, message)
    setters = ["from", message["from"]]
    for key in ("to", "cc", "bcc", "reply_to"):
        for address in message[key]:
            setters += [key, address]
    if message["subject"]:
        setters += ["subject", message["subject"]]
    setters += ["text", text] if text else []
    setters += ["html", html] if html else []
    if html is None and any(a.get("disposition") == "inline" for a in message.get("attachments") or []):
        setters += ["html", HTML]  # which the library asks for; it is left out of what is compared
    return [*setters, *headers(message), *attachments(message), *service_calls(scheme, message)]


def settings_calls(scheme, row):
    """Settings of anymail that are options of the URL here."""
    params = (row.get("request") or {}).get("params") or {}
    if scheme == "ses" and "ConfigurationSetName" in params and "configuration_set_name" not in (
            row["message"].get("esp_extra") or {}) and "ConfigurationSetName" not in (
            row["message"].get("esp_extra") or {}):
        yield from ("option", scheme, "configuration-set", params["ConfigurationSetName"])


def answer_of(scheme, row):
    """(status, field, id, body) of the recorded answer."""
    response, field = row.get("response"), SERVICES[scheme][4]
    if response is None:
        return (0, "", "", b"")
    if scheme == "ses":
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 200)
        return (status, "", "", json.dumps({k: v for k, v in response.items()
                                            if k != "ResponseMetadata"}).encode())
    body = response.get("body")
    body = body if isinstance(body, bytes) else (body or "").encode()
    # header fields of answers are not recorded: the ids of SendGrid and MailerSend stand in one
    known = (row.get("result") or {}).get("message_id") if field else None
    return (response["status"], field if known else "", known or "", body)


def key_of(scheme, row):
    """Some tests of the suite have a key of their own."""
    fields = {name.lower(): value for name, value in (row["request"].get("headers") or {}).items()}
    if scheme == "postmark" and "x-postmark-server-token" in fields:
        return fields["x-postmark-server-token"]
    if fields.get("authorization", "").startswith("Bearer "):
        return fields["authorization"].removeprefix("Bearer ")
    return SERVICES[scheme][1]


def host_of(scheme, row):
    """Mailgun's URL names the domain to send from."""
    if scheme != "mailgun":
        return SERVICES[scheme][3]
    return urllib.parse.unquote(row["request"]["url"].split("/v3/")[1].split("/")[0])


def refusal_rule(scheme, message, words):
    """The rule by which a refusal is right; None: there is none."""
    if "does not take this" in words or "makes the reverse-path itself" in words:
        return "unsupported-is-refused"
    if ("more than" in words and "takes in one message" in words) or " at most" in words:
        return "limits-are-checked"
    if "name of <" in words and "comma or semicolon" in words:
        return "words-the-service-refuses"
    if scheme == "ses" and words.startswith("tags: ") and "of ASCII" in words:
        return "message-tags"
    if words.startswith("template: ") and "passes over text" in words:
        return "text-beside-template"
    if words.startswith("to: ") and not message["to"]:
        return "to-is-needed"
    if has_defects(", ".join(message["reply_to"])) and words.startswith("Reply-To"):
        return "no-guessing"
    if "control character" in words:
        return "control-characters"
    if "that a domain cannot hold" in words or (scheme == "mailgun" and "domain" in words):
        return "domains"
    return None


def check_request(suite, scheme, row, made, body):
    theirs = provider_meaning.of_anymail(scheme, row["request"])
    ours = provider_meaning.of_tidymail(scheme, json.loads(made), body)
    provider_meaning.remove(ours, HTML)
    differences = provider_meaning.differences(theirs, ours)
    unlisted = []
    rules = set()
    for path, their, our in differences:
        rule = provider_meaning.rule_of(scheme, row, path, their, our)
        if rule is None:
            unlisted.append(f"{path}: {their!r} here {our!r}"[:300])
        else:
            rules.add(rule)
    if unlisted:
        count.fail(suite, row["test"].split(".")[-1], "; ".join(unlisted)[:900])
    elif rules:
        first, *more = sorted(rules)
        count.listed(suite, first, row)
        for rule in more:
            count.by_rule[(suite, rule)] = count.by_rule.get((suite, rule), 0) + 1
    else:
        count.equal(suite)


def address_key(address):
    return provider_meaning.shown("", address).lower()


def check_answer(suite, scheme, row, report):
    report = json.loads(report)
    mine = {address_key(address): (outcome, id_) for address, outcome, id_ in report["recipients"]}
    result, error = row.get("result"), row.get("error")
    if row.get("response") is None:
        return count.listed(suite, "no-answer", row)
    refused = error is not None and not (result and error["type"] == "AnymailRecipientsRefused")
    if refused:
        outcome = {o for o, _ in mine.values()}
        good = "sent" not in outcome and report["kind"]
        return count.held(suite, row["test"].split(".")[-1], good, f"anymail: {error}, here {report}"[:700])
    for address, (id_, status) in (result or {}).get("recipients", {}).items():
        if address_key(address) not in mine:
            rule = provider_meaning.answer_rule(row, "recipients", address, report)
            return (count.listed(suite, rule, row) if rule else
                    count.fail(suite, row["test"].split(".")[-1], f"recipient {address} in {report}"))
        outcome, mine_id = mine[address_key(address)]
        if outcome not in STATUSES[status]:
            rule = provider_meaning.answer_rule(row, "status", status, report)
            return (count.listed(suite, rule, row) if rule else
                    count.fail(suite, row["test"].split(".")[-1], f"{address} {status}: {report}"[:600]))
        if outcome == "sent" and id_ is not None and mine_id != id_:
            rule = provider_meaning.answer_rule(row, "id", id_, report)
            return (count.listed(suite, rule, row) if rule else
                    count.fail(suite, row["test"].split(".")[-1], f"id {id_}: {report}"[:600]))
    return count.equal(suite)


def check(scheme, row):
    suite = f"anymail {scheme}"
    secret = SERVICES[scheme][2]
    try:
        setters = [*calls(scheme, row["message"]), *settings_calls(scheme, row)]
    except OutOfScope as rule:
        return count.listed(f"{suite} requests", str(rule), row)
    if row.get("request") is None:
        return count.listed(f"{suite} requests", "not-recorded", row)
    try:
        made, body, report = probe.ask("provider", scheme, key_of(scheme, row), secret, host_of(scheme, row),
                                       *map(as_argument, answer_of(scheme, row)), *setters)
    except Refused as why:
        rule = refusal_rule(scheme, row["message"], str(why))
        return (count.listed(f"{suite} requests", rule, row) if rule else
                count.fail(f"{suite} requests", row["test"].split(".")[-1], f"refused: {why}"))
    check_request(f"{suite} requests", scheme, row, made, body)
    return check_answer(f"{suite} answers", scheme, row, report)


def as_argument(value):
    return Raw(value) if isinstance(value, bytes) else value


def known_here(scheme):
    try:
        probe.ask("provider", scheme, "k", "s", "h.example", "0", "", "", "", "from", "a@h.example",
                  "to", "b@h.example", "text", "x")
    except Refused as why:
        return "no such service" not in str(why)
    return True


for scheme, (name, *_) in SERVICES.items():
    if not known_here(scheme):
        print(f"# anymail {scheme}: the build has no such service")
        continue
    suite = list(rows(sys.argv[1], f"providers-anymail/{name}.jsonl"))
    urls = collections.Counter(row["request"].get("url") for row in suite if row.get("request"))
    for row in suite:
        check(scheme, {**row, "usual_url": urls.most_common(1)[0][0]})
for name in OTHERS:
    for row in rows(sys.argv[1], f"providers-anymail/{name}.jsonl"):
        count.listed("anymail other services", "other-services", row)
count.finish()
