"""No output of any command has a secret: not as it is, not in base64 at any alignment."""

import base64

import pytest

from command import HERE, send, tidymail

SECRET = "m4rked-S3cret+word"
USER = "ann"


def in_base64(text):
    """What `text` looks like inside longer base64, whatever stands before and behind it."""
    found = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + text.encode() + b"\0" * 3).decode()
        start = (before * 8 + 5) // 6
        found.add(whole[start:(before + len(text)) * 8 // 6])
    return found


TRACES = {SECRET, SECRET.replace("+", "%2B"), SECRET[:9], SECRET[-9:],
          base64.b64encode(SECRET.encode()).decode(),
          base64.b64encode(f"\0{USER}\0{SECRET}".encode()).decode(), *in_base64(SECRET)}


def assert_clean(*texts):
    for text in texts:
        for trace in TRACES:
            assert trace not in text, (trace, text)


def test_the_search_finds_what_it_looks_for():
    for before in ("", "x", "xy", f"\0{USER}\0"):
        with pytest.raises(AssertionError):
            assert_clean("AUTH PLAIN " + base64.b64encode((before + SECRET).encode()).decode())
    with pytest.raises(AssertionError):
        assert_clean(f"smtp://{USER}:{SECRET}@host")


# How the secret gets in: url is what the server printed, without its login.
WAYS = {
    "url": lambda url, tmp: (url.replace("://", f"://{USER}:{SECRET}@"), (), {}),
    "escaped": lambda url, tmp: (url.replace(
        "://", f"://{USER}:{SECRET.replace('+', '%2B')}@"), (), {}),
    "options": lambda url, tmp: (url, ("--user", USER, "--password", SECRET), {}),
    "env": lambda url, tmp: (url, ("--user", USER, "--password-from", "env:TIDYMAIL_TEST_SECRET"),
                             {"TIDYMAIL_TEST_SECRET": SECRET}),
    "file": lambda url, tmp: (url, ("--user", USER, f"--password-from=file:{secret_file(tmp)}"), {}),
    "command": lambda url, tmp: (url, ("--user", USER, "--password-from",
                                       f"command:echo {SECRET}"), {}),
    "command-in-url": lambda url, tmp: (
        url.replace("://", f"://{USER}@") + f"&password-from=command:echo%20{SECRET}", (), {}),
}


def secret_file(folder):
    path = folder / "secret"
    path.write_text(SECRET + "\n")
    return path


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mechanism", ["plain", "login"])
@pytest.mark.parametrize("right", [True, False])
def test_send_in_all_its_outputs(serve, tmp_path, way, mechanism, right):
    server = serve("--user", USER, "--password", SECRET if right else "another", "--trace")
    scheme, _, rest = server.url.partition("://")
    url, words, env = WAYS[way](f"{scheme}://{rest.partition('@')[2]}", tmp_path)
    trace = tmp_path / "trace"
    for output in ((), ("--json",), ("--trace",), ("--json", f"--trace={trace}")):
        done = send(url, *words, *output, "--auth", mechanism, "--transcript=yes", env=env)
        assert done.status == (0 if right else 77), done.out + done.err
        assert_clean(done.out, done.err)
    assert "AUTH" in trace.read_text()
    assert_clean(trace.read_text())
    _, out, err = server.end()
    assert "AUTH" in err
    assert_clean(out, err)


@pytest.mark.parametrize("script", ["mailgun-334-go-ahead-then-535", "login-plaintext-prompts",
                                    "plain-asks-username", "mailgun-501-and-535-then-close"])
def test_odd_servers_get_nothing_shown(serve, script):
    path = HERE.parent / "scenarios" / "auth" / f"{script}.scn"
    server = serve("--script", str(path))
    scheme, _, rest = server.url.partition("://")
    url = f"{scheme}://{USER}:{SECRET}@{rest.partition('@')[2]}"
    done = send(url, "--json", "--trace", "--reply-timeout=2")
    assert "AUTH" in done.err
    assert_clean(done.out, done.err)


@pytest.mark.parametrize("url, words", [
    (f"smtp://{USER}:{SECRET}/x@host", ()),
    (f"smtp://{USER}:{SECRET}?x@host", ()),
    (f"smtp://{USER}:{SECRET}?ca={SECRET}@host", ()),
    (f"smtp://{USER}:{SECRET}#x@host", ()),
    (f"smtp://{USER}:{SECRET}%zz@host", ()),
    (f"smtp://{USER}:{SECRET}@", ()),
    (f"smtp://{USER}:{SECRET}@ho st", ()),
    (f"smtp://{USER}:{SECRET}@host:99999", ()),
    (f"smtp://{USER}:{SECRET}@host/path", ()),
    (f"smtp://{USER}:{SECRET}@host?tiemout=3", ()),
    (f"smtp://{USER}:{SECRET}@host?password={SECRET}", ()),
    (f"smtp://{USER}@host?password-from={SECRET}", ()),
    (f"smpt://{USER}:{SECRET}@host", ()),
    (f"smtp:{USER}:{SECRET}@host", ()),
    (f"{USER}:{SECRET}@host", ()),
    (f"memory://{USER}:{SECRET}@host", ()),
    (f"file://{USER}:{SECRET}@host/dir", ()),
    (f"smtp://{USER}:{SECRET}@127.0.0.1:1", ("--tls=none",)),
    (f"smtp://{USER}:{SECRET}@127.0.0.1:1", ("--timeout=x",)),
    (f"smtp://{USER}@host", ("--password-from", SECRET)),
    (f"smtp://{USER}@host", ("--password-from", f"command:echo {SECRET}; exit 1")),
    (f"smtp://{USER}@host", ("--password-from", f"command:printf '\\t{SECRET}'")),
    ("smtp://host", ("--password", SECRET)),
    ("smtp://host", ("--pasword", SECRET)),
    ("smtp://host", (f"--pasword={SECRET}",)),
    ("smtp://host", ("-password", SECRET)),
    ("smtp://host", ("--password", SECRET, "--password", SECRET)),
    ("smtp://host", ("--user", USER, "--password", f"{SECRET}\n")),
])
def test_errors_do_not_show_it(url, words):
    for output in ((), ("--json",), ("--trace",), ("--help",)):
        done = send(url, *words, *output)
        assert done.status != 0 or output == ("--help",)
        assert done.out + done.err
        assert_clean(done.out, done.err)


@pytest.mark.parametrize("words", [
    ("render", "--url", f"smtp://{USER}:{SECRET}@host"),
    ("render", f"smtp://{USER}:{SECRET}@host"),
    ("send", f"smtp://{USER}:{SECRET}@host"),
    ("send", f"smtp://{USER}:{SECRET}@host", "--json"),
    ("serve", "--user", USER, "--password", SECRET, "--listen", "nowhere"),
    ("serve", "--password", SECRET),
    ("serve", "--user", USER, "--pasword", SECRET),
    ("serve", "--user", USER, "--password", SECRET, "--script", "/nonexistent"),
    ("serve", "--user", USER, "--password", SECRET, "--help"),
    (f"smtp://{USER}:{SECRET}@host",),
])
def test_other_commands_do_not_show_it(words):
    done = tidymail(*words, env={"TIDYMAIL_URL": f"smtp://{USER}:{SECRET}@host"})
    assert done.out + done.err
    assert_clean(done.out, done.err)


def test_a_url_of_the_environment_is_not_shown():
    for output in ((), ("--json",), ("--trace",)):
        done = tidymail("send", "--from", "a@example.org", "--to", "b@example.org", "--text", "x",
                        "--tls=none", *output,
                        env={"TIDYMAIL_URL": f"smtp://{USER}:{SECRET}@127.0.0.1:1"})
        assert done.status == 75
        assert_clean(done.out, done.err)
