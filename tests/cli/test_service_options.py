"""What is asked of a mail service, by options and by the keys of --json-message: what is taken, and
what is refused with which words and which exit status. What a service makes of it is tested with the
services."""

import json

import pytest

from command import send, tidymail

BASE = ("render", "--from", "ann@example.org", "--to", "bob@example.org", "--text", "Hello")


def services():
    return [entry["scheme"] for entry in json.loads(tidymail("providers", "--json").out)["providers"]]


def from_json(value, *words):
    object_ = {"from": "ann@example.org", "to": "bob@example.org", "text": "Hello", **value}
    return tidymail("render", "--json-message", "-", *words, stdin=json.dumps(object_).encode())


@pytest.mark.parametrize("words", [
    ("--tag", "welcome", "--tag=Grüße", "--tag", "welcome"),
    ("--metadata", "a=1", "--metadata", "b=", "--metadata", "a=x=y"),
    ("--track-opens", "yes", "--track-clicks=no"),
    ("--send-at", "2026-12-24T18:00:00Z"),
    ("--send-at", "2024-02-29t23:59:60.25-08:00"),
    ("--send-at=+3600",),
    ("--send-at=1798135200",),
    ("--template", "17"),
    ("--template", "welcome", "--template-values", '{"name": "Bob", "n": [1, {}]}'),
    ("--idempotency-key", "order-17/mail_1"),
    ("--sandbox",),
])
def test_options_are_taken_and_change_nothing_in_the_message(words):
    plain, more = tidymail(*BASE), tidymail(*BASE, *words)
    assert more.status == 0, more.err
    drop = (b"Date:", b"Message-ID:")
    assert ([line for line in plain.raw.splitlines() if not line.startswith(drop)]
            == [line for line in more.raw.splitlines() if not line.startswith(drop)])


@pytest.mark.parametrize("words, status, message", [
    (("--tag", ""), 65, "tag: empty"),
    (("--tag", "a\r\nb"), 65, "tag: control character 0x0D at offset 1"),
    (("--metadata", "a"), 64, "--metadata: not of the form NAME=VALUE"),
    (("--metadata", "=v"), 65, "metadata name: empty"),
    (("--track-opens", "on"), 64, "--track-opens is neither yes nor no"),
    (("--track-clicks", ""), 64, "--track-clicks is neither yes nor no"),
    (("--send-at", "tomorrow"), 64, "--send-at: neither a moment such as"),
    (("--send-at", ""), 64, "--send-at: neither a moment such as"),
    (("--send-at", "2026-12-24"), 64, "--send-at: neither a moment such as"),
    (("--send-at", "2026-02-29T00:00:00Z"), 64, "--send-at: neither a moment such as"),
    (("--send-at", "2026-12-24T18:00:00"), 64, "--send-at: neither a moment such as"),
    (("--send-at", "2026-12-24T18:00:00+24:00"), 64, "--send-at: neither a moment such as"),
    (("--send-at", "2026-12-24T18:00:00Z "), 64, "--send-at: neither a moment such as"),
    (("--send-at", "3600"), 64, "--send-at: a moment long gone; seconds from now on have a +"),
    (("--send-at", "+99999999999999"), 64, "--send-at: the number is too large"),
    (("--send-at", "+999999999999"), 65, "send-at: not a moment of the years 1970 to 9999"),
    (("--template", ""), 65, "template: empty"),
    (("--template-values", "{}"), 64, "--template-values needs --template"),
    (("--template=t", "--template-values", "[1]"), 65, "--template-values: not a JSON object"),
    (("--template=t", "--template-values", '{"a":}'), 65,
     "--template-values: not JSON at line 1, column 6"),
    (("--template=t", "--template-values", "@/nonexistent/file"), 66,
     "cannot read /nonexistent/file: "),
    (("--idempotency-key", "a b"), 65,
     "idempotency key: neither letter, digit nor sign of ASCII at offset 1"),
    (("--idempotency-key", "k" * 257), 65, "idempotency key: longer than 256 characters"),
    (("--sandbox=yes",), 64, "--sandbox takes no value"),
    (("--service-option", "mailgun"), 64, "--service-option: not of the form SERVICE:NAME=VALUE"),
    (("--service-option", "mailgun:dkim"), 64, "not of the form SERVICE:NAME=VALUE"),
    (("--service-option", "nobody=a:b"), 64, "not of the form SERVICE:NAME=VALUE"),
    (("--service-option", "nobody:a=b"), 64,
     "--service-option: the word in front of the colon is no service"),
])
def test_wrong_options_are_named(words, status, message):
    done = tidymail(*BASE, *words)
    assert (done.status, done.out) == (status, "")
    assert message in done.err
    assert send("memory:", *words, "--json").json["error"]["message"].startswith(
        done.err.partition(": ")[2].partition("\n")[0])


def test_values_come_from_a_file_and_from_standard_input(tmp_path):
    values = tmp_path / "values.json"
    values.write_text('{\n\t"name": "Bob"\r\n}\n')
    words = ("--template=t", "--template-values")
    assert tidymail(*BASE, *words, f"@{values}").status == 0
    assert tidymail(*BASE, *words, "@-", stdin=b'{"name":\n"Bob"}').status == 0
    values.write_text("{}\n{}")
    wrong = tidymail(*BASE, *words, f"@{values}")
    assert wrong.status == 65 and "not JSON at line 2, column 1" in wrong.err
    nul = tidymail(*BASE, *words, "@-", stdin=b'{"a": "\x00"}')
    assert nul.status == 65 and "--template-values: not JSON at line 1" in nul.err
    twice = tidymail(*BASE, *words, "@-", "--attach", "-", stdin=b"{}")
    assert twice.status == 64 and "standard input (-) can be read once only" in twice.err


GOOD = [
    {"tags": ["welcome", "Grüße"]}, {"tags": "one"}, {"tags": []}, {"metadata": {"a": "1", "b": ""}},
    {"metadata": {}}, {"track_opens": True, "track_clicks": False}, {"send_at": "2026-12-24T18:00:00Z"},
    {"send_at": 1798135200}, {"send_at": "+60"}, {"template": {"id": "t"}},
    {"template": {"id": 17, "values": {"name": "Bob\n", "n": [None, 1.5]}}},
    {"idempotency_key": "k"}, {"sandbox": False}, {"sandbox": True}, {"service_options": {}},
]


@pytest.mark.parametrize("value", GOOD, ids=json.dumps)
def test_json_keys_are_taken(value):
    done = from_json(value)
    assert done.status == 0, done.err


@pytest.mark.parametrize("value, message", [
    ({"tags": ["a", ""]}, "tags[1]: tag: empty"),
    ({"tags": {"a": 1}}, "tags: neither an array of strings nor a string"),
    ({"tags": [1]}, "tags[0]: not a string"),
    ({"metadata": ["a"]}, "metadata: not an object of name and value"),
    ({"metadata": {"a": 1}}, "metadata.a: not a string"),
    ({"metadata": {"a": "x\ny"}}, "metadata.a: metadata value: control character 0x0A at offset 1"),
    ({"metadata": {"secret name": None}}, "metadata.(key): not a string"),
    ({"metadata": {"a": "x\0"}}, "metadata.a: NUL (\\u0000) at offset 1"),
    ({"track_opens": "yes"}, "track_opens: neither true nor false"),
    ({"track_clicks": None}, "track_clicks: neither true nor false"),
    ({"send_at": 1.5}, "send_at: neither a string nor a whole number"),
    ({"send_at": -5}, "send_at: neither a moment such as"),
    ({"send_at": 3600}, "send_at: a moment long gone"),
    ({"send_at": "soon"}, "send_at: neither a moment such as"),
    ({"send_at": 300000000000}, "send_at: send-at: not a moment of the years 1970 to 9999"),
    ({"template": "t"}, "template: not an object of id and values"),
    ({"template": {}}, "template: not an object of id and values"),
    ({"template": {"id": "t", "value": {}}}, "template: not an object of id and values"),
    ({"template": {"id": "t", "values": []}}, "template.values: not an object"),
    ({"template": {"id": ["t"]}}, "template.id: neither a string nor a whole number"),
    ({"template": {"id": ""}}, "template: template: empty"),
    ({"idempotency_key": "ä"}, "idempotency_key: idempotency key: neither letter"),
    ({"sandbox": 1}, "sandbox: neither true nor false"),
    ({"service_options": []}, "service_options: not an object of services"),
    ({"service_options": {"nobody": {}}}, "service_options.nobody: there is no such service"),
    ({"tag": "x"}, "tag: unknown key"),
], ids=lambda value: json.dumps(value) if isinstance(value, dict) else "")
def test_wrong_json_keys_are_named(value, message):
    done = from_json(value)
    assert (done.status, done.out) == (65, "")
    assert f"JSON message: {message}" in done.err


@pytest.mark.parametrize("value, words, key", [
    ({"track_opens": True}, ("--track-clicks=no",), "track_..."),
    ({"send_at": "+5"}, ("--send-at=+5",), "send_at"),
    ({"template": {"id": "t"}}, ("--template=t",), "template"),
    ({"idempotency_key": "k"}, ("--idempotency-key=k",), "idempotency_key"),
])
def test_what_is_there_once_cannot_stand_on_both_sides(value, words, key):
    done = from_json(value, *words)
    option = words[0].partition("=")[0]
    assert done.status == 64 and f'{option} and "{key}" of the JSON cannot go together' in done.err
    assert from_json({"tags": ["a"], "metadata": {"a": "b"}}, "--tag=b", "--metadata=c=d").status == 0


def test_a_ready_made_message_has_them_too(tmp_path):
    (tmp_path / "m.eml").write_bytes(b"From: a@example.org\r\nTo: b@example.org\r\n\r\nHello\r\n")
    done = tidymail("render", "--eml", str(tmp_path / "m.eml"), "--tag", "t", "--sandbox")
    assert done.status == 0, done.err


def test_options_of_one_service():
    known = services()
    if not known:
        pytest.skip("the table has no service")
    scheme = known[0]
    words = ("--service-option", f'{scheme}:extra={{"a":\n"b"}}', "--service-option", f"{scheme}:extra=[]")
    assert tidymail(*BASE, *words).status == 0
    values = {"a": True, "b": 5, "c": "text", "d": {"e": [1, None]}, "f": False}
    assert from_json({"service_options": {scheme: values}}).status == 0
    for value, message in (({"a": None}, "a: null and fractions are no values of an option"),
                           ({"a": 1.5}, "a: null and fractions are no values of an option"),
                           ({"": "v"}, "(key): name of a service option: empty"),
                           ({"a": "x\ty"}, "a: value of a service option: control character 0x09"),
                           ("x", "not an object of name and value")):
        wrong = from_json({"service_options": {scheme: value}})
        assert wrong.status == 65 and message in wrong.err
        assert f"JSON message: service_options.{scheme}" in wrong.err
    near = tidymail(*BASE, "--service-option", f"{scheme}x:a=b")
    assert near.status == 64 and f"is no service, did you mean {scheme}?" in near.err
