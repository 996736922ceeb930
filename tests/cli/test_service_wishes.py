"""What is asked of a mail service, by options and as JSON, arrives in the request as its double reads it;
what a service cannot do is refused with its name."""

import datetime
import email
import email.policy
import email.utils
import json
import time

import pytest

from command import tidymail

SERVICES = ("mailgun", "sendgrid", "ses", "postmark", "resend", "sparkpost", "brevo", "mailjet",
            "mandrill", "mailersend", "gmail", "graph")
WISHES = {  # by feature: options, JSON
    "tags": (["--tag", "welcome"], {"tags": ["welcome"]}),
    "metadata": (["--metadata", "order=a=7", "--metadata", "kind=x", "--metadata", "order=17"],
                 {"metadata": {"order": "17", "kind": "x"}}),
    "tracking": (["--track-opens", "no", "--track-clicks", "yes"],
                 {"track_opens": False, "track_clicks": True}),
    "schedule": (["--send-at", "+3600"], {"send_at": "+3600"}),
    "idempotency_key": (["--idempotency-key", "order-17"], {"idempotency_key": "order-17"}),
    "sandbox": (["--sandbox"], {"sandbox": True}),
    "template": (["--template", "17", "--template-values", '{"name": "Bob"}'],
                 {"template": {"id": 17, "values": {"name": "Bob"}}}),
}
BASE = {"from": "ann@example.com", "to": "bob@example.org"}
TEXT = {"subject": "A test", "text": "Hello"}


@pytest.fixture
def api(serve):
    server = serve("--api", store=True)
    server.urls = {}
    for _ in SERVICES:
        url = server.process.stdout.readline().decode().strip()
        server.urls[url.partition(":")[0]] = url
    return server


def features_of(service):
    return json.loads(tidymail("providers", service, "--json").out)["features"]


def send(api, service, names, as_json, template=False):
    """Both ways to ask for the same. SendGrid tells its templates with values by their names."""
    said = BASE if template else {**BASE, **TEXT}
    if as_json:
        for name in names:
            said = {**said, **WISHES[name][1]}
        if template and service == "sendgrid":
            said["template"] = {**said["template"], "id": "d-17"}
        return tidymail("send", "--url", api.urls[service], "--json", "--json-message", "-",
                        stdin=json.dumps(said).encode())
    words = [word for key, value in said.items() for word in (f"--{key}", value)]
    words += [word for name in names for word in WISHES[name][0]]
    if template and service == "sendgrid":
        words[words.index("17")] = "d-17"
    return tidymail("send", "--url", api.urls[service], "--json", *words)


def stored(api):
    (raw,) = api.messages()
    return email.message_from_bytes(raw, policy=email.policy.compat32)


def moment(text):
    """In the form of any service."""
    if text.isdigit():
        return int(text)
    try:
        parsed = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return email.utils.parsedate_to_datetime(text).timestamp()
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=datetime.timezone.utc)
    return parsed.timestamp()


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("service", SERVICES)
def test_what_is_asked_for_arrives(api, service, as_json):
    can = features_of(service)
    names = [name for name in WISHES if can[name] and name != "template"]
    before = time.time()
    done = send(api, service, names, as_json)
    assert done.status == 0, done.out
    message = stored(api)
    assert message["X-Double-Service"] == service
    assert message.get_all("X-Double-Tag", []) == (["welcome"] if can["tags"] else [])
    assert sorted(message.get_all("X-Double-Metadata", [])) == \
        (["kind=x", "order=17"] if can["metadata"] else [])
    tracking = message["X-Double-Tracking"]
    assert tracking == ("opens=off clicks=on" if can["tracking"] else None)
    if can["schedule"]:
        assert before + 3599 <= moment(message["X-Double-Send-At"]) <= time.time() + 3601
    else:
        assert message["X-Double-Send-At"] is None
    assert message["X-Double-Idempotency-Key"] == ("order-17" if can["idempotency_key"] else None)
    assert message["X-Double-Sandbox"] == ("yes" if can["sandbox"] else None)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("service", SERVICES)
def test_templates_arrive(api, service, as_json):
    done = send(api, service, ["template"], as_json, template=True)
    if not features_of(service)["template"]:
        assert done.status == 65 and "templates: " in done.json["error"]["message"]
        assert api.messages() == []
        return
    assert done.status == 0, done.out
    name, _, values = stored(api)["X-Double-Template"].partition("; values=")
    assert name == ("d-17" if service == "sendgrid" else "17") and json.loads(values) == {"name": "Bob"}


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_cannot_do_is_refused(api, service):
    can = features_of(service)
    known = json.loads(tidymail("providers", "--json").out)
    words = {feature["name"]: feature["words"] for feature in known["features"]}
    title = {entry["scheme"]: entry["name"] for entry in known["providers"]}[service]
    for name in WISHES:
        if can[name] or name == "template":
            continue
        done = send(api, service, [name], False)
        assert done.status == 65 and done.json["error"]["kind"] == "message"
        assert done.json["error"]["message"] == f"{words[name]}: {title} does not take this"
    assert api.messages() == []


@pytest.mark.parametrize("as_json", [False, True])
def test_options_of_one_service_reach_it_alone(api, as_json):
    """The extra of another service is passed over."""
    given = {"sendgrid": {"extra": {"asm": {"group_id": 7}}}, "mailjet": {"extra": {"Strange": 1}}}
    if as_json:
        done = tidymail("send", "--url", api.urls["sendgrid"], "--json-message", "-",
                        stdin=json.dumps({**BASE, **TEXT, "service_options": given}).encode())
    else:
        words = [word for key, value in {**BASE, **TEXT}.items() for word in (f"--{key}", value)]
        for service, options in given.items():
            words += ["--service-option", f"{service}:extra={json.dumps(options['extra'])}"]
        done = tidymail("send", "--url", api.urls["sendgrid"], *words)
    assert done.status == 0, done.err
    message = stored(api)
    assert message.get_all("X-Double-Option") == ['asm={"group_id":7}']
