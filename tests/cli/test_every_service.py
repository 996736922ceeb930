"""The same message through all twelve mail services and through SMTP: what is read back is what was
put in, and what a service cannot do is refused before anything is sent. Then each service's
failures, as `serve --api` plays them."""

import email
import email.policy
import json

import pytest

from command import tidymail

SERVICES = ("mailgun", "sendgrid", "ses", "postmark", "resend", "sparkpost", "brevo", "mailjet",
            "mandrill", "mailersend", "gmail", "graph")
TEXT = "Grüße,\n.dot at the start\n\n世界 & <more>\n"
HTML = '<p>Grüße <img src="cid:logo@example.com"> &amp; 世界</p>\n'
REPORT = bytes(range(256)) * 40
NOTES = "Größe\nzweite Zeile\n".encode()
LOGO = b"\x89PNG\r\n\x1a\n" + bytes(200)
KEY = "k3y-never-shown"
# What each part of the message needs, by the words of `tidymail providers --json`.
NEEDS = {
    "cc": ["--cc", "Dörte <doerte@example.org>"],
    "bcc": ["--bcc", "eve@example.org"],
    "reply_to": ["--reply-to", "Auskunft <desk@example.com>"],
    "headers": ["--header", "X-Kind: test one"],
    "tags": ["--tag", "welcome"],
}


def parsed(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


@pytest.fixture
def files(tmp_path):
    for name, data in (("bericht-größe.pdf", REPORT), ("notes.txt", NOTES), ("logo.png", LOGO)):
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.fixture
def api(serve):
    """api(*words): the doubles of all services, with the URL of each."""
    def start(*words):
        server = serve("--api", "--password", KEY, *words, store=True)
        server.urls = {}
        for _ in SERVICES:
            url = server.process.stdout.readline().decode().strip()
            server.urls[url.partition(":")[0]] = url
        server.service_url = server.urls.__getitem__
        return server

    return start


def words_for(files, without=()):
    words = ["--from", "Jörg Müller <joerg@example.com>", "--to", "Ann Lee <ann@example.org>",
             "--to", "bob@example.net", "--subject", "Grüße aus Köln – ¡hola!"]
    if "text" not in without:
        words += ["--text", TEXT]
    words += ["--html", HTML]
    for need, part in NEEDS.items():
        if need not in without:
            words += part
    if "attachments" not in without:
        words += ["--attach", f"{files}/bericht-größe.pdf;type=application/pdf",
                  "--attach", f"{files}/notes.txt"]
    if "inline" not in without:
        words += ["--inline", f"{files}/logo.png;cid=logo@example.com"]
    return words


def capabilities():
    done = tidymail("providers", "--json")
    assert done.status == 0
    return {row["scheme"]: row for row in json.loads(done.out)["providers"]}


def send(url, words, *more):
    return tidymail("send", "--url", url, "--json", *words, *more)


# Their fields have one place for the name and the Content-ID of an image.
NAMED_BY_ID = ("mailgun", "sparkpost", "mandrill")


def is_read_back(raw, without=(), image_name="logo.png"):
    message = parsed(raw)
    assert message["Subject"] == "Grüße aus Köln – ¡hola!"
    sender = message["From"].addresses[0]
    assert (sender.display_name, sender.addr_spec) == ("Jörg Müller", "joerg@example.com")
    assert [(a.display_name, a.addr_spec) for a in message["To"].addresses] == [
        ("Ann Lee", "ann@example.org"), ("", "bob@example.net")]
    if "cc" not in without:
        assert [(a.display_name, a.addr_spec) for a in message["Cc"].addresses] == [
            ("Dörte", "doerte@example.org")]
    if "reply_to" not in without:
        (reply,) = message["Reply-To"].addresses
        assert (reply.display_name, reply.addr_spec) == ("Auskunft", "desk@example.com")
    if "headers" not in without:
        assert message["X-Kind"] == "test one"
    leaves = [part for part in message.walk() if not part.is_multipart()]
    by_name = {part.get_filename(): part for part in leaves if part.get_filename()}
    bodies = {part.get_content_type(): part.get_content().replace("\r\n", "\n")
              for part in leaves if not part.get_filename() and part.get_content_maintype() == "text"}
    assert bodies["text/html"].rstrip("\n") == HTML.rstrip("\n")
    if "text" not in without:
        assert bodies["text/plain"].rstrip("\n") == TEXT.rstrip("\n")
    if "attachments" not in without:
        assert by_name["bericht-größe.pdf"].get_payload(decode=True) == REPORT
        assert by_name["bericht-größe.pdf"].get_content_type() == "application/pdf"
        notes = by_name["notes.txt"].get_payload(decode=True)
        assert notes.replace(b"\r\n", b"\n") == NOTES
    if "inline" not in without:
        (logo,) = [part for part in leaves if part["Content-ID"] == "<logo@example.com>"]
        assert logo.get_payload(decode=True) == LOGO
        assert logo.get_content_disposition() == "inline"
        assert logo.get_filename() == image_name
    return message


@pytest.mark.parametrize("service", SERVICES)
def test_the_same_message_through_every_service(service, api, files):
    row = capabilities()[service]
    server = api()
    url = server.service_url(service)
    without = [need for need in (*NEEDS, "attachments", "inline") if not row["features"][need]]
    if not row["features"]["text_and_html"]:
        without.append("text")
    if without:
        done = send(url, words_for(files))
        assert done.status == 65, done.out
        error = done.json["error"]
        assert error["kind"] == "message" and error["phase"] == "prepare"
        assert row["name"] in error["message"]
        assert server.messages() == []
    done = send(url, words_for(files, without))
    assert done.status == 0, done.out + done.err
    result = done.json
    assert result["outcome"] == "sent" and result["transport"] == service
    assert {r["outcome"] for r in result["recipients"]} == {"sent"}
    assert result["service_id"] or service == "graph"
    (raw,) = server.messages()
    message = is_read_back(raw, without)
    if "tags" not in without:
        assert message["X-Double-Tag"] == "welcome"
    envelope = {r["address"] for r in result["recipients"]}
    assert envelope == {"ann@example.org", "bob@example.net"} | (
        {"doerte@example.org"} if "cc" not in without else set()) | (
        {"eve@example.org"} if "bcc" not in without else set())
    assert KEY not in done.out + done.err


@pytest.mark.parametrize("service", NAMED_BY_ID)
def test_an_image_keeps_its_name_and_all_else_that_was_asked_for(service, api, files):
    server = api()
    asked = ["--metadata", "order=7", "--metadata", "größe=ü", "--tag", "second",
             "--track-opens", "yes", "--track-clicks", "no"]
    done = send(server.service_url(service), words_for(files), *asked)
    assert done.status == 0, done.out + done.err
    (raw,) = server.messages()
    message = is_read_back(raw)
    assert b"X-MC-" not in raw
    marks = {}
    for name, value in message.items():
        marks.setdefault(name.lower(), []).append(str(value))
    text = json.dumps(marks, ensure_ascii=False)
    assert {"welcome", "second"} <= set(marks["x-double-tag"]), text
    assert "order" in text and "größe" in text, text
    # without the name it goes in the service's own fields, and says the same but for the name
    plain = send(server.service_url(service), words_for(files), *asked,
                 "--service-option", f"{service}:inline-names=no")
    assert plain.status == 0, plain.out
    other = is_read_back(server.messages()[1], image_name="logo@example.com")
    assert {n: v for n, v in marks.items() if n.startswith("x-double-") and "id" not in n} == {
        n.lower(): [str(v) for v in other.get_all(n)] for n in other
        if n.lower().startswith("x-double-") and "id" not in n.lower()}


@pytest.mark.parametrize("service", NAMED_BY_ID)
def test_an_image_that_cannot_keep_its_name_is_refused(service, api, files):
    server = api()
    option = {"mailgun": "amp-html=<p>x</p>", "sparkpost": "amp-html=<p>x</p>",
              "mandrill": "merge-language=handlebars"}[service]
    words = ["--service-option", f"{service}:{option}"]
    done = send(server.service_url(service), words_for(files), *words)
    assert done.status == 65 and server.messages() == []
    error = done.json["error"]
    assert "file names of inline images" in error["message"] and "inline-names=no" in error["hint"]
    done = send(server.service_url(service), words_for(files), *words,
                "--service-option", f"{service}:inline-names=no")
    assert done.status == 0, done.out


def test_the_same_message_through_smtp(serve, files):
    server = serve(store=True)
    refused = send(server.url, words_for(files))
    assert refused.status == 65 and "tags" in refused.json["error"]["message"]
    assert server.messages() == []
    done = send(server.url, words_for(files, ["tags"]))
    assert done.status == 0
    (raw,) = server.messages()
    is_read_back(raw)
    dropped = send(server.url + "&unsupported=drop", words_for(files))
    assert dropped.status == 0 and any("tags" in note for note in dropped.json["notes"])


# Fault, kind, retryable, exit status.
FAILURES = [
    ("bad-credentials", "authentication", False, 77),
    ("bad-data", "permanent", False, 65),
    ("unverified-sender", "permanent", False, 65),
    ("rate-limit", "temporary", True, 75),
    ("server-error", "temporary", True, 75),
    ("gateway", "temporary", True, 75),
]
# Services that name a wait when they limit the rate.
WAITS = {"mailgun", "sendgrid", "resend", "brevo", "mailersend", "gmail", "graph"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault,kind,retryable,status", FAILURES)
def test_a_failure_is_named(service, fault, kind, retryable, status, api):
    if (service, fault) == ("gmail", "unverified-sender"):
        pytest.skip("Gmail replaces the From address, it never refuses it")
    server = api("--fault", f"{service}: {fault}")
    done = send(server.service_url(service),
                ["--from", "a@example.com", "--to", "b@example.org", "--subject", "x", "--html",
                 "<p>x</p>"], "--trace")
    error = done.json["error"]
    assert (error["kind"], error["phase"], error["retryable"]) == (kind, "response", retryable), error
    assert error["hint"] and error["message"] and error["code"]
    assert error["maybe_delivered"] is False
    assert done.json["outcome"] == "failed"
    assert done.status == status
    if fault == "rate-limit" and service in WAITS:
        assert error["retry_after"] is not None and 0 < error["retry_after"] <= 3600, error
    assert KEY not in done.out + done.err
    assert server.messages() == []


SMALL = ["--from", "a@example.com", "--to", "b@example.org", "--subject", "x", "--html", "x"]
# What is used up: the plan's (waiting does not help), or that of a day or month.
QUOTAS = {"mailgun": True, "sendgrid": False, "ses": True, "postmark": False, "resend": True,
          "sparkpost": True, "brevo": False, "mailjet": True, "mandrill": False, "mailersend": True,
          "gmail": False, "graph": False}


@pytest.mark.parametrize("service", SERVICES)
def test_a_used_up_quota_is_not_bad_credentials(service, api):
    server = api("--fault", f"{service}: quota")
    done = send(server.service_url(service), SMALL)
    error = done.json["error"]
    retryable = QUOTAS[service]
    assert (error["kind"], error["phase"], error["retryable"]) == (
        "temporary" if retryable else "permanent", "response", retryable), error
    assert any(word in error["hint"] for word in ("plan", "quota", "wait", "full", "credit",
                                                  "balance")), error
    assert done.status == (75 if retryable else 65) and server.messages() == []


# An answer without the service's body: the status alone says what it is.
BARE = [("empty 401", "authentication", False, "failed"), ("empty 403", "authentication", False, "failed"),
        ("empty 400", "permanent", False, "failed"), ("empty 429", "temporary", True, "failed"),
        ("empty 500", "temporary", True, "failed"), ("empty 503", "temporary", True, "failed"),
        ("gateway 500", "temporary", True, "failed"), ("gateway 503", "temporary", True, "failed"),
        ("gateway 504", "temporary", True, "failed"), ("gateway 429", "temporary", True, "failed"),
        ("gateway 403", "protocol", False, "failed"), ("gateway 404", "protocol", False, "failed"),
        ("gateway 413", "permanent", False, "failed"), ("gateway 200", "protocol", False, "unknown")]


@pytest.mark.parametrize("service", SERVICES)
def test_an_answer_without_the_services_body_is_named(service, api):
    for fault, kind, retryable, outcome in BARE:
        server = api("--fault", f"{service}: {fault}")
        done = send(server.service_url(service), SMALL)
        error = done.json["error"]
        assert (error["kind"], error["retryable"], done.json["outcome"]) == (
            kind, retryable, outcome), (fault, error)
        assert error["hint"] and error["code"] == int(fault[-3:]), (fault, error)
        assert server.messages() == []
        assert "<html" not in error["message"].lower(), error


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault,kind,outcome", [
    ("cut", "connection", "unknown"), ("cut-early", "connection", "failed"),
    ("hang", "timeout", "unknown"), ("garbage", "protocol", "unknown"),
    ("redirect", "protocol", "failed")])
def test_no_answer_is_never_called_sent(service, fault, kind, outcome, api, tmp_path):
    server = api("--fault", f"{service}: {fault}")
    url = server.service_url(service) + "&reply-timeout=1&final-timeout=1&timeout=3"
    words = ["--from", "a@example.com", "--to", "b@example.org", "--subject", "x", "--html", "x"]
    if fault == "cut-early":  # more than the buffers of a socket take
        (tmp_path / "big.bin").write_bytes(bytes(3_000_000))
        words += ["--attach", f"{tmp_path}/big.bin"]
    done = send(url, words)
    error = done.json["error"]
    assert (error["kind"], done.json["outcome"]) == (kind, outcome), error
    assert error["maybe_delivered"] is (outcome == "unknown")
    assert done.status == (74 if outcome == "unknown" else 75 if kind == "connection" else 76)
    assert error["hint"] and KEY not in done.out + done.err


@pytest.mark.parametrize("service", SERVICES)
def test_an_empty_answer_is_no_success_where_a_body_belongs(service, api):
    server = api("--fault", f"{service}: empty")
    done = send(server.service_url(service),
                ["--from", "a@example.com", "--to", "b@example.org", "--subject", "x", "--html", "x"])
    if service in ("sendgrid", "graph"):  # their success has no body
        assert done.json["outcome"] == "sent"
    else:
        assert done.json["outcome"] == "unknown" and done.json["error"]["kind"] == "protocol"


TEAM = "Team Köln: ann@example.org, Bob <bob@example.net>;"
GROUPED = ["--from", "a@example.com", "--to", TEAM, "--subject", "x", "--html", "x", "--text", "x"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_group_of_addresses_is_shown_or_refused(service, api):
    row = capabilities()[service]
    server = api()
    url = server.service_url(service)
    done = send(url, GROUPED)
    if row["features"]["groups"]:
        assert done.status == 0, done.out
        (raw,) = server.messages()
        (group,) = parsed(raw)["To"].groups
        assert group.display_name == "Team Köln"
        assert [str(a) for a in group.addresses] == ["ann@example.org", "Bob <bob@example.net>"]
    else:
        error = done.json["error"]
        assert done.status == 65 and server.messages() == []
        assert "groups of addresses" in error["message"] and "unsupported=drop" in error["hint"]
        done = send(url + "&unsupported=drop", GROUPED)
        assert done.status == 0 and any("groups" in note for note in done.json["notes"]), done.out
        (raw,) = server.messages()
        assert [a.addr_spec for a in parsed(raw)["To"].addresses] == [
            "ann@example.org", "bob@example.net"]
    assert {r["address"] for r in done.json["recipients"]} == {"ann@example.org", "bob@example.net"}


@pytest.mark.parametrize("service", NAMED_BY_ID)
def test_a_message_that_became_mime_is_redirected_like_others(service, api, files):
    server = api()
    url = server.service_url(service) + "&redirect=stage@example.org"
    done = send(url, words_for(files))
    assert done.status == 0, done.out
    assert any("redirected to stage@example.org" in note for note in done.json["notes"])
    (raw,) = server.messages()
    message = parsed(raw)
    assert "eve@example.org" in message["X-Redirected-For"]  # nothing tells that it was Bcc
    assert message["X-Double-Tag"] == "welcome" and message["Bcc"] is None
    assert b"X-MC-" not in raw
    (logo,) = [p for p in message.walk() if p["Content-ID"] == "<logo@example.com>"]
    assert logo.get_filename() == "logo.png"
