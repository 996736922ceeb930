"""failover(), roundrobin(), sendmail: and the staging options, as the command's user meets them."""

import email
import email.policy
import json
import socket
import stat

import pytest

from command import Server, send, tidymail

SECRET = "gehe1m"


def program(tmp_path, body, name="program"):
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\ncd {tmp_path}\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def dead(more=""):
    return f"smtp://127.0.0.1:{closed_port()}?tls=none{more}"


def test_the_next_one_is_tried_and_told(serve):
    server = serve(store=True)
    done = send(f"failover({dead()} {server.url})", "--json")
    result = done.json
    assert done.status == 0 and result["outcome"] == "sent" and result["error"] is None
    assert result["transport"] == "smtp" and result["server"] in server.url
    assert len(result["attempts"]) == 2 and len(server.messages()) == 1
    assert "member 1, smtp" in result["attempts"][0] and "refused" in result["attempts"][0]
    assert result["attempts"][1].endswith(": sent")


def test_all_fail_and_the_last_one_is_the_error(serve):
    server = serve("--user", "ann", "--password", "right")
    url = server.url.replace("right", SECRET)
    done = send(f"failover({dead()} {url})", "--json")
    result = done.json
    assert done.status == 77 and result["error"]["kind"] == "authentication"
    assert [line.split(",")[0] for line in result["attempts"]] == ["member 1", "member 2"]
    assert "535" in result["attempts"][1] and SECRET not in done.out + done.err
    talk = send(f"failover({dead()} {url})", "--trace")
    assert "[1 smtp] " in talk.err and "[2 smtp] AUTH" in talk.err
    assert SECRET not in talk.out + talk.err


def test_each_member_has_its_own_secret(serve, tmp_path):
    server = serve("--user", "ann", "--password", SECRET, "--require-auth", store=True)
    bare = server.url.replace(f"ann:{SECRET}@", "ann@")
    (tmp_path / "wrong").write_text("not it\n")
    (tmp_path / "right").write_text(SECRET + "\n")
    members = [f"{bare}&password-from=file:{tmp_path}/{name}" for name in ("none", "wrong", "right")]
    done = send(f"failover({' '.join(members)})", "--json")
    assert done.status == 0 and len(server.messages()) == 1, done.out
    attempts = done.json["attempts"]
    assert "configuration" in attempts[0] and "535" in attempts[1] and len(attempts) == 3
    assert SECRET not in done.out + done.err


def test_wishes_are_held_against_each_member(serve):
    server = serve(store=True)
    done = send(f"failover({dead()} {server.url})", "--tag", "welcome", "--json")
    assert done.status == 65 and done.json["error"]["kind"] == "message", done.out
    assert server.messages() == []


def test_what_is_refused_for_good_stays(scenario, serve):
    refusing = scenario("S: 220 x", "C: EHLO *", "S: 250 x", "C: MAIL *", "S: 250 ok", "C: RCPT *",
                        "S: 550 5.1.1 no such user", "@optional", "C: *")
    other = serve(store=True)
    done = send(f"failover({refusing.url} {other.url})", "--json")
    assert done.status == 65 and len(done.json["attempts"]) == 1 and other.messages() == []


def test_after_unknown_nobody_gets_it_twice(scenario, serve):
    silent = scenario("S: 220 x", "C: EHLO *", "S: 250 x", "C: MAIL *", "S: 250 ok", "C: RCPT *",
                      "S: 250 ok", "C: DATA", "S: 354 go", "C: <message>", "@close")
    other = serve(store=True)
    done = send(f"failover({silent.url} {other.url})", "--json")
    assert done.status == 74 and done.json["outcome"] == "unknown"
    assert len(done.json["attempts"]) == 1 and other.messages() == []


def test_a_farewell_goes_on(scenario, serve):
    busy = scenario("S: 421 4.3.2 too busy", "@close")
    other = serve(store=True)
    done = send(f"failover({busy.url} {other.url})", "--json")
    assert done.status == 0 and "421" in done.json["attempts"][0] and len(other.messages()) == 1


def test_errors_name_the_member_and_no_secret():
    done = send(f"failover(memory: smtp://u:{SECRET}/x@host)", "--json")
    message = done.json["error"]["message"]
    assert done.status == 78 and "member 2 (smtp), offset 17: URL, offset 15" in message
    assert SECRET not in done.out + done.err
    done = send("failover(memory:", "--json")
    assert done.status == 78 and "offset 16" in done.json["error"]["message"]
    assert send("failover(memory:)", "--tls", "none").status == 78


def test_roundrobin_is_one_transport():
    done = send("roundrobin(memory: memory:)?rest=2", "--json")
    assert done.status == 0 and done.json["transport"] == "memory"


def test_a_program_gets_envelope_and_message(tmp_path):
    path = program(tmp_path, "printf '%s\\n' \"$@\" >args; cat >message")
    done = send(f"sendmail://{path}", "--bcc", "eve@example.org", "--json")
    assert done.status == 0 and done.json["server"] == str(path)
    assert (tmp_path / "args").read_text().split() == [
        "-i", "-f", "ann@example.org", "--", "bob@example.org", "eve@example.org"]
    message = (tmp_path / "message").read_bytes()
    assert b"\r" not in message and b"eve@" not in message and message.endswith(b"\nHello\n")


@pytest.mark.parametrize("status, expected", [(75, 75), (67, 65), (65, 65), (69, 69), (77, 77),
                                              (78, 78), (1, 71)])
def test_its_exit_status_is_the_result(tmp_path, status, expected):
    path = program(tmp_path, f"cat >/dev/null; echo 'words of it' >&2; exit {status}")
    done = send(f"sendmail://{path}", "--json")
    assert done.status == expected and done.json["error"]["reply"] == "words of it\n"
    assert f"exit status {status}" in done.json["error"]["message"]


def test_no_program():
    done = send("sendmail:///nowhere/sendmail", "--json")
    assert done.status == 78 and "/nowhere/sendmail" in done.json["error"]["message"]


def test_a_program_that_hangs(tmp_path):
    done = send(f"sendmail://{program(tmp_path, 'cat >/dev/null; exec sleep 60')}", "--timeout",
                "0.5", "--json")
    assert done.status == 74 and done.json["outcome"] == "unknown"


@pytest.mark.parametrize("lmtp", [False, True])
def test_redirect_over_the_wire(serve, lmtp):
    server = serve(*(["--lmtp", "--no-tls"] if lmtp else []), "--trace")
    mark = "&" if "?" in server.url else "?"
    for url in (f"{server.url}{mark}redirect=stage@test.example",
                f"failover({dead()} {server.url})?redirect=stage@test.example",
                f"failover({dead()} {server.url}{mark}redirect=stage@test.example)"):
        done = send(url, "--cc", "carl@example.net", "--bcc", "eve@secret.example", "--json")
        assert done.status == 0 and done.json["outcome"] == "sent", done.out
        assert len(done.json["recipients"]) == 3
        assert any("redirected to stage@test.example" in note for note in done.json["notes"])
    _, _, err = server.end()
    commands = [line for line in err.splitlines() if "RCPT TO" in line]
    assert len(commands) == 3 and all("<stage@test.example>" in line for line in commands), err
    assert all(name not in "".join(commands) for name in ("bob@", "carl@", "eve@"))


def test_the_allow_list_over_the_wire(serve):
    server = serve("--trace")
    mark = "&" if "?" in server.url else "?"
    done = send(f"{server.url}{mark}allow=example.org", "--cc", "carl@example.net", "--json")
    result = done.json
    assert done.status == 65 and result["outcome"] == "partial"
    assert [r["outcome"] for r in result["recipients"]] == ["sent", "failed"]
    assert result["recipients"][1]["reply"] == "not on the allow list"
    assert result["error"]["kind"] == "message"
    nobody = send(f"{server.url}{mark}allow=example.com", "--json")
    assert nobody.status == 65 and nobody.json["outcome"] == "failed"
    _, _, err = server.end()
    commands = [line for line in err.splitlines() if "RCPT TO" in line]
    assert len(commands) == 1 and "<bob@example.org>" in commands[0]


def test_redirect_into_files_and_programs(tmp_path):
    folder = tmp_path / "mail"
    folder.mkdir()
    assert send(f"file://{folder}?redirect=stage@test.example").status == 0
    (letter,) = folder.glob("*.eml")
    assert letter.read_bytes().startswith(b"X-Redirected-For: bob@example.org\r\n")
    path = program(tmp_path, "printf '%s\\n' \"$@\" >args; cat >/dev/null")
    assert send(f"sendmail://{path}?redirect=stage@test.example").status == 0
    assert (tmp_path / "args").read_text().split()[-1] == "stage@test.example"


def service_urls(server):
    urls = [server.process.stdout.readline().decode().strip() for _ in range(12)]
    return {url.partition(":")[0]: url for url in urls}


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """The doubles of all services: URLs by scheme, and the server that keeps what they take."""
    server = Server("--api", store=tmp_path_factory.mktemp("mail"))
    yield service_urls(server), server
    server.end()


SERVICES = [row["scheme"] for row in json.loads(tidymail("providers", "--json").out)["providers"]]


def addresses(message):
    """All addresses that a stored message names as recipients, whatever the field."""
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    found = set()
    for name in ("To", "Cc", "Bcc", "X-Envelope-To", "Delivered-To"):
        for field in parsed.get_all(name, []):
            found |= {address.addr_spec for address in field.addresses} if hasattr(
                field, "addresses") else {word.strip("<>, ") for word in str(field).split()}
    return found


@pytest.mark.parametrize("scheme", SERVICES)
def test_services_see_nobody_but_the_redirect(services, scheme):
    urls, server = services
    before = set(server.store.glob("*.eml"))
    url = urls[scheme] + "&redirect=stage@test.example"
    done = send(url, "--cc", "carl@example.net", "--bcc", "eve@secret.example", "--trace", "--json")
    assert done.status == 0, done.out + done.err
    assert [r["outcome"] for r in done.json["recipients"]] == ["sent"] * 3
    (new,) = set(server.store.glob("*.eml")) - before
    message = new.read_bytes()
    assert addresses(message) == {"stage@test.example"}, message


@pytest.mark.parametrize("scheme", SERVICES)
def test_services_see_nobody_but_the_allowed(services, scheme):
    urls, server = services
    before = set(server.store.glob("*.eml"))
    done = send(urls[scheme] + "&allow=example.net", "--cc", "carl@example.net", "--bcc",
                "eve@secret.example", "--json")
    assert [r["outcome"] for r in done.json["recipients"]] == ["failed", "sent", "failed"], done.out
    (new,) = set(server.store.glob("*.eml")) - before
    assert addresses(new.read_bytes()) == {"carl@example.net"}


def test_from_smtp_to_a_service_and_back(services, serve):
    urls, _ = services
    other = serve(store=True)
    done = send(f"failover({dead()} {urls['resend']})", "--json")
    assert done.status == 0 and done.json["transport"] == "resend", done.out
    wrong = service_urls(serve("--api", "--password", "right", store=True))["brevo"]
    wrong = wrong.replace("right@", f"{SECRET}@")
    done = send(f"failover({wrong} {other.url})", "--json")
    assert done.status == 0 and len(other.messages()) == 1, done.out
    assert len(done.json["attempts"]) == 2 and SECRET not in done.out
    refused = f"brevo://key@?endpoint=http://127.0.0.1:{closed_port()}"
    done = send(f"failover({refused} {other.url})", "--json")
    assert done.status == 0 and len(other.messages()) == 2


def test_a_service_gets_those_who_are_left(services, scenario):
    """LMTP takes one and ends with the others: the service is asked for these only."""
    urls, server = services
    lmtp = scenario("S: 220 x", "C: LHLO *", "S: 250 x", "C: MAIL *", "S: 250 ok", "C: RCPT *",
                    "S: 250 ok", "C: RCPT *", "S: 250 ok", "C: DATA", "S: 354 go", "C: <message>",
                    "S: 250 ok", "S: 451 4.3.0 no room", "@optional", "C: *")
    url = lmtp.url.replace("smtp://", "lmtp://")
    before = set(server.store.glob("*.eml"))
    done = send(f"failover({url} {urls['brevo']})", "--json",
                to=("bob@example.org", "carl@example.net"))
    assert done.json["outcome"] == "sent" and len(done.json["attempts"]) == 2, done.out
    (new,) = set(server.store.glob("*.eml")) - before
    assert addresses(new.read_bytes()) == {"carl@example.net"}
