"""The examples of one mail service each: what they send over SMTP and to the doubles of the services has
what is special to the service, and what they need of the environment is said."""

import email
import email.policy
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from command import HERE, Server, tidymail

BUILD = Path(os.environ.get("TIDYMAIL_BUILD", HERE.parent.parent / "build/asan"))
PROGRAMS = BUILD / "tests/examples"

pytestmark = pytest.mark.skipif(not PROGRAMS.exists(), reason=f"{PROGRAMS} is not built")

SECRET = "S3CRET-key"
# (service, arguments, URL of its SMTP server, what the environment has in place of TIDYMAIL_URL)
EXAMPLES = [
    ("mailgun", ["--test"], "mailgun+smtp://u:p@",
     {"MAILGUN_API_KEY": SECRET, "MAILGUN_DOMAIN": "mg.example.org", "MAILGUN_REGION": "mars"}),
    ("sendgrid", ["--in-an-hour"], "sendgrid+smtp://K@", {"SENDGRID_API_KEY": SECRET}),
    ("ses", [], "ses+smtp://ID:SECRET@eu-west-1",
     {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "mars.example",
      "AWS_SESSION_TOKEN": SECRET + "/token=="}),
    ("postmark", [], "postmark+smtp://T@", {"POSTMARK_SERVER_TOKEN": SECRET}),
]
NAMES = [row[0] for row in EXAMPLES]


def run(service, arguments, env, to=("ann@example.org", "bob@example.org")):
    own = {key: value for key, value in os.environ.items()
           if not key.startswith(("TIDYMAIL_", "AWS_", "SES_"))}
    return subprocess.run([PROGRAMS / f"send_{service}", *arguments, *to], env={**own, **env},
                          capture_output=True, timeout=60, check=False, text=True)


def known():
    return json.dumps(json.loads(tidymail("providers", "--json").out))


@pytest.mark.parametrize("service,arguments,url,_", EXAMPLES, ids=NAMES)
def test_over_smtp(serve, service, arguments, url, _):
    server = serve(store=True)
    where = re.search(r"@(127\.0\.0\.1:\d+)\?(ca=.*)", server.url)
    done = run(service, arguments, {"TIDYMAIL_URL": f"{url}?endpoint=smtp://{where[1]}&{where[2]}",
                                    "SES_CONFIGURATION_SET": "shop"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Send succeeded. ")
    raw = server.messages()[0]
    message = email.message_from_bytes(raw, policy=email.policy.default)
    if service == "mailgun":
        assert message.get_all("X-Mailgun-Tag") == ["welcome", "first-week"]
        assert message["X-Mailgun-Drop-Message"] == "yes"
        assert message["X-Mailgun-Track-Clicks"] == "no"
    elif service == "sendgrid":
        value = json.loads(message["X-SMTPAPI"])
        assert value["unique_args"] == {"order": "7"} and value["category"] == ["orders"]
        assert value["send_at"] > 1700000000
    elif service == "ses":
        assert message["X-SES-CONFIGURATION-SET"] == "shop"
        assert message["X-SES-MESSAGE-TAGS"] == "campaign=spring"
    else:
        assert message["X-PM-Tag"] == "welcome" and message["X-PM-Metadata-customer"] == "4711"
    # a server without all this refuses, and says what to do
    done = run(service, arguments, {"TIDYMAIL_URL": server.url})
    assert done.returncode == 1
    assert "an SMTP server does not take this" in done.stdout and "What to do: " in done.stdout
    assert len(server.messages()) == 1


@pytest.mark.parametrize("service,arguments,url,_", EXAMPLES, ids=NAMES)
def test_to_the_double(tmp_path, service, arguments, url, _):
    if f'"{service}"' not in known():
        pytest.skip(f"no service {service}")
    server = Server("--api", store=tmp_path / "mail")
    try:
        url = server.ready
        while not url.startswith(service + "://"):
            url = server.process.stdout.readline().decode().rstrip("\n")
            assert "://" in url
        done = run(service, arguments, {"TIDYMAIL_URL": url})
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.match(r"Send succeeded\. Its id at .+: .+", done.stdout)
    finally:
        server.end()


@pytest.mark.parametrize("service,arguments,url,env", EXAMPLES, ids=NAMES)
def test_environment(service, arguments, url, env):
    """Without the variables it says which; with them it opens the service, here with a region or recipient
    that cannot be, so that nothing is sent."""
    done = run(service, arguments, {})
    assert done.returncode == 2
    assert all(name in done.stderr for name in env if not name.endswith(("SESSION_TOKEN", "MAILGUN_REGION")))
    assert run(service, arguments, env, to=()).returncode == 2
    if f'"{service}"' not in known():
        pytest.skip(f"no service {service}")
    by_region = service in ("mailgun", "ses")
    done = run(service, arguments, env, to=("ann@example.org", "b@example.org" if by_region else "no address"))
    assert done.returncode == 1 and done.stdout.startswith("Send failed. Details: "), done.stdout
    assert SECRET not in done.stdout + done.stderr
    if by_region:
        assert "region" in done.stdout
    else:
        assert "To: @ and a domain are missing" in done.stdout
