"""The options that make a message: attachments, invitations, JSON, and what is refused with which
words and which exit status."""

import base64
import email
import email.policy
import json

import pytest

from command import tidymail

BASE = ("render", "--from", "ann@example.org", "--to", "bob@example.org")
WHO = {"from": "ann@example.org", "to": "bob@example.org"}


def rendered(*words, **more):
    done = tidymail(*BASE, *words, **more)
    assert done.status == 0, done.err
    return email.message_from_bytes(done.raw, policy=email.policy.default)


def from_json(value, *words):
    given = value if isinstance(value, bytes) else json.dumps(value).encode()
    return tidymail("render", "--json-message", "-", *words, stdin=given)


def files_of(message):
    return [(part.get_filename(), part.get_content_type(), part["content-id"],
             part.get_payload(decode=True)) for part in message.walk()
            if part["content-disposition"] is not None]


def test_attach_takes_name_and_type(tmp_path):
    (tmp_path / "a;b c.txt").write_bytes(b"one")
    (tmp_path / "x;name=y.bin").write_bytes(b"two")
    message = rendered("--text", "hi", "--attach", f"{tmp_path}/a;b c.txt", "--attach",
                       f"{tmp_path}/a;b c.txt;name=q;uo\\;type=te.bin;type=image/png; x=1", "--attach",
                       f"{tmp_path}/x\\;name=y.bin;type=text/csv;name=Übersicht.csv")
    assert files_of(message) == [("a;b c.txt", "text/plain", None, b"one"),
                                 ("q;uo;type=te.bin", "image/png", None, b"one"),
                                 ("Übersicht.csv", "text/csv", None, b"two")]
    parts = [part["content-type"].params for part in message.iter_parts()][1:]
    assert parts[0]["charset"] == "us-ascii" and parts[1]["x"] == "1"


def test_standard_input_is_attached_as_a_stream():
    data = bytes(range(256)) * 500
    message = rendered("--attach", "-;name=all.bin", stdin=data)
    assert files_of(message) == [("all.bin", "application/octet-stream", None, data)]
    assert files_of(rendered("--attach", "-", stdin=b""))[0][3] == b""


def test_inline_images_stand_beside_the_html(tmp_path):
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    message = rendered("--html", '<img src="cid:logo">', "--inline", f"{tmp_path}/logo.png;cid=logo")
    assert message.get_content_type() == "multipart/related"
    assert files_of(message) == [("logo.png", "image/png", "<logo>", b"\x89PNG")]


def test_invitations_flowed_text_and_attached_messages(tmp_path):
    (tmp_path / "i.ics").write_text("BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nEND:VCALENDAR\n")
    (tmp_path / "m.eml").write_text("From: x@example.org\nSubject: inner\n\nbody\n")
    message = rendered("--text", "long " * 50, "--flowed", "--calendar", f"{tmp_path}/i.ics",
                       "--attach-message", f"{tmp_path}/m.eml")
    types = {part.get_content_type(): part for part in reversed(list(message.walk()))}
    assert types["text/calendar"]["content-type"].params["method"] == "REQUEST"
    assert types["text/plain"]["content-type"].params["format"] == "flowed"
    assert types["message/rfc822"].get_payload(0)["subject"] == "inner"


def test_header_fields_that_mean_something():
    message = rendered("--reply-to-id", "<a@b>", "--references", "<x@b>", "--list-unsubscribe",
                       "https://example.org/u", "--list-unsubscribe", "mailto:u@example.org",
                       "--one-click", "--auto-submitted", "auto-generated", "--importance", "high",
                       "--read-receipt", "ann@example.org")
    assert message["in-reply-to"] == "<a@b>"
    assert message["references"] == "<x@b> <a@b>"
    assert "https://example.org/u" in message["list-unsubscribe"]
    assert "mailto:u@example.org" in message["list-unsubscribe"]
    assert message["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert message["auto-submitted"] == "auto-generated"
    assert message["importance"].lower() == "high"
    assert message["disposition-notification-to"] == "ann@example.org"
    done = tidymail("render", "--from", "a@example.org", "--to", "a..b@example.org",
                    "--lenient-addresses")
    assert 'To: "a..b"@example.org' in done.out


@pytest.mark.parametrize("words, status, said", [
    (("--attach", "/nonexistent/a.pdf"), 66, "--attach: cannot read /nonexistent/a.pdf: "),
    (("--attach", "/"), 66, "--attach: / is a folder, not a file"),
    (("--attach", "/dev/zero"), 66, "is not a regular file"),
    (("--attach", ""), 64, "--attach: the file has no name"),
    (("--attach", ";name=x"), 64, "--attach: the file has no name"),
    (("--attach", "/etc/passwd;name="), 64, "--attach: name= is empty"),
    (("--attach", "/etc/passwd;type=a/b;type=a/b"), 64, "--attach: type= is given twice"),
    (("--attach", "/etc/passwd;cid=x"), 64, "--attach takes no cid="),
    (("--attach", "/etc/passwd;type=nonsense"), 65, "type/subtype"),
    (("--inline", "/etc/passwd"), 64, "--inline has no cid"),
    (("--inline", "/etc/passwd;cid=x", "--text", "no HTML"), 65, "HTML"),
    (("--attach", "-", "--text-file", "-"), 64, "read once only"),
    (("--attach", "-", "--attach", "-;name=x"), 64, "read once only"),
    (("--attach-message", "/nonexistent"), 66, "cannot read /nonexistent"),
    (("--calendar", "/etc/passwd"), 65, "alendar"),
    (("--eml", "/etc/passwd", "--attach", "/etc/passwd"), 64, "cannot go together"),
    (("--eml", "/etc/passwd", "--json-message", "x"), 64, "cannot go together"),
    (("--json-message", "/nonexistent"), 66, "cannot read /nonexistent"),
    (("--references", "<a@b>"), 64, "--references needs --reply-to-id"),
    (("--one-click", "--list-unsubscribe", "mailto:a@b"), 64, "--one-click needs"),
    (("--list-unsubscribe", "https://a", "--list-unsubscribe", "https://b"), 64, "takes one https:"),
])
def test_what_cannot_be_is_refused(words, status, said):
    done = tidymail(*BASE, *words)
    assert (done.status, done.out) == (status, "")
    assert said in done.err and done.err.count("tidymail render:") == 1


def test_json_has_all_keys(tmp_path):
    (tmp_path / "p.csv").write_bytes(b"a;b\r\n")
    value = {"from": "Ann <ann@example.org>", "to": ["b@example.org", "c@example.org"],
             "cc": "d@example.org", "bcc": ["hidden@example.net"], "reply_to": ["f@example.org"],
             "subject": "Grüße", "text": "text\n", "html": '<img src="CID:a%40b">', "flowed": False,
             "headers": [["X-One", "1"], ["X-Two", "zwei ü"]],
             "attachments": [{"path": str(tmp_path / "p.csv")},
                             {"base64": "AAEC", "name": "n.bin", "type": "image/png", "cid": "a@b"},
                             {"base64": "", "cid": "unseen"}]}
    done = from_json(value)
    assert (done.status, done.err) == (0, "")
    message = email.message_from_bytes(done.raw, policy=email.policy.default)
    assert message["to"] == "b@example.org, c@example.org" and message["cc"] == "d@example.org"
    assert message["reply-to"] == "f@example.org" and message["subject"] == "Grüße"
    assert message["x-one"] == "1" and message["x-two"] == "zwei ü"
    assert b"hidden@example.net" not in done.raw
    assert files_of(message) == [("n.bin", "image/png", "<a@b>", b"\0\1\2"),
                                 ("p.csv", "text/csv", None, b"a;b\r\n"),
                                 (None, "application/octet-stream", "<unseen>", b"")]
    dispositions = [part.get_content_disposition() for part in message.walk()]
    assert dispositions.count("inline") == 1


def test_options_add_to_the_json_or_are_refused_by_name():
    done = from_json(WHO, "--to", "c@example.org", "--subject", "S", "--header", "X-A: b")
    message = email.message_from_bytes(done.raw, policy=email.policy.default)
    assert message["to"] == "bob@example.org, c@example.org"
    assert message["subject"] == "S" and message["x-a"] == "b"
    for option, value in (("--from", "a@example.org"), ("--subject", "s"), ("--text", "t"),
                          ("--html", "h")):
        key = option[2:]
        done = from_json({**WHO, key: WHO.get(key, "x")}, option, value)
        assert done.status == 64
        assert f'{option} and "{key}" of the JSON cannot go together' in done.err


@pytest.mark.parametrize("given, said", [
    (b"", "ends too early at line 1, column 0"),
    (b'{"from":', "ends too early at line 1"),
    (b'{"from": x}', "not JSON at line 1, column 10"),
    (b'{\n"from": "a",\n"from": "b"}', "a key is given twice at line 3"),
    (b'{} {}', "something stands behind the object at line 1"),
    (b"[]", "JSON message: not an object"),
    (b'"x"', "JSON message: not an object"),
    (b'{"subject": "\xff"}', "invalid UTF-8 at line 1"),
    (b'{"subject": "\xed\xa0\x80"}', "invalid UTF-8 at line 1"),
    (b'{"subject": "a\\u0000b"}', "subject: NUL (\\u0000) at offset 1"),
    (b'{"sub\\u0000ject": "a"}', "NUL (\\u0000) in a key at line 1"),
    (b'{"x":' * 3000, "nested too deeply at line 1"),
    ({"fron": "a"}, "fron: unknown key"),
    ({"a\nb": 1}, "(key): unknown key"),
    ({"from": 1}, "from: not a string"),
    ({"from": None}, "from: not a string"),
    ({"from": ["a@example.org"]}, "from: not a string"),
    ({"to": {"a": 1}}, "to: neither an array of strings nor a string"),
    ({"to": ["a@example.org", 5]}, "to[1]: not a string"),
    ({"to": ["a@example.org", "b"]}, "to[1]: To: "),
    ({"subject": "two\nlines"}, "subject: Subject: control character 0x0A at offset 3"),
    ({"flowed": 1}, "flowed: neither true nor false"),
    ({"calendar": "no"}, "calendar: "),
    ({"headers": {}}, "headers: not an array of [name, value]"),
    ({"headers": [["A", "b"], ["A"]]}, "headers[1]: not [name, value]"),
    ({"headers": [["A", 1]]}, "headers[0][1]: not a string"),
    ({"headers": [["A b", "c"]]}, "headers[0]: "),
    ({"attachments": {}}, "attachments: not an array"),
    ({"attachments": ["x"]}, "attachments[0]: not an object"),
    ({"attachments": [{}]}, "attachments[0]: needs one of path and base64"),
    ({"attachments": [{"path": "/x", "base64": ""}]}, "attachments[0]: needs one of path and base64"),
    ({"attachments": [{"base64": "", "size": 1}]}, "attachments[0]: has a key that is none of"),
    ({"attachments": [{"base64": ""}, {"base64": "A*=="}]},
     "attachments[1].base64: not base64 at offset 1"),
    ({"attachments": [{"base64": "QQ==QQ=="}]}, "attachments[0].base64: not base64 at offset 2"),
    ({"attachments": [{"base64": "QUJD\nQUJD"}]}, "attachments[0].base64: not base64 at offset 4"),
    ({"attachments": [{"base64": "QUI"}]}, "attachments[0].base64: base64 of a wrong length"),
    ({"attachments": [{"base64": "QR=="}]}, "attachments[0].base64: unused bits of base64 set"),
    ({"attachments": [{"base64": "", "name": 3}]}, "attachments[0].name: not a string"),
    ({"attachments": [{"base64": "", "type": "x"}]}, "attachments[0]: "),
])
def test_bad_json_is_refused_with_the_place(given, said):
    done = from_json(given)
    assert (done.status, done.out) == (65, "")
    first = done.err.splitlines()[0]
    assert first.startswith("tidymail render: JSON message: ") and said in first


def test_a_file_that_json_names_must_be_there():
    done = from_json({**WHO, "attachments": [{"path": "/nonexistent"}]})
    assert done.status == 66
    assert "attachments[0]: cannot read /nonexistent: " in done.err


def test_every_base64_is_read_right():
    for size in range(60):
        data = bytes((7 * size + n * 31) % 256 for n in range(size))
        value = {**WHO, "attachments": [{"base64": base64.b64encode(data).decode(), "name": "a.bin"}]}
        message = email.message_from_bytes(from_json(value).raw, policy=email.policy.default)
        assert files_of(message)[0][3] == data


def test_json_messages_are_sent(serve):
    server = serve(store=True)
    value = {**WHO, "subject": "J", "text": "t", "attachments": [{"base64": "QUJD", "name": "a.txt"}]}
    done = tidymail("send", "--url", server.url, "--json-message", "-", "--json",
                    stdin=json.dumps(value).encode())
    assert done.status == 0 and done.json["outcome"] == "sent"
    message = email.message_from_bytes(server.messages()[0], policy=email.policy.default)
    assert files_of(message) == [("a.txt", "text/plain", None, b"ABC")]
    done = tidymail("send", "--url", server.url, "--json-message", "-", "--json", stdin=b'{"to": 1}')
    assert done.status == 65 and done.json["error"]["kind"] == "message"
    done = tidymail("send", "--url", server.url, "--json-message", "-", stdin=b'{"text": "t"}')
    assert done.status == 65


def test_standard_input_is_sent_as_a_stream(serve):
    server = serve(store=True)
    data = bytes(range(256)) * 3000
    done = tidymail("send", "--url", server.url, "--from", "a@example.org", "--to", "b@example.org",
                    "--attach", "-;name=s.bin", stdin=data)
    assert done.status == 0, done.err
    message = email.message_from_bytes(server.messages()[0], policy=email.policy.default)
    assert files_of(message)[0][3] == data
