"""Signatures for AWS are those that botocore, Amazon's own library, computes for the same request.

Requests are generated from a seed (TIDYMAIL_SEED replays one; a failure prints it). Debian's
python3-botocore is asked in memory: nothing is sent.
"""

import datetime
import json
import os
import random
import sys
from pathlib import Path

import pytest

botocore = pytest.importorskip("botocore", reason="botocore (python3-botocore) is not installed")
import botocore.auth  # noqa: E402
import botocore.awsrequest  # noqa: E402
import botocore.credentials  # noqa: E402
import botocore.session  # noqa: E402

HERE = Path(__file__).parent
BUILD = Path(os.environ.setdefault("TIDYMAIL_BUILD", str(HERE.parent.parent / "build/asan")))
PROBE = BUILD / "tests/conformance_probe"
SEED = int(os.environ.get("TIDYMAIL_SEED", "20261124"))
COUNT = 1 if "TIDYMAIL_SEED" in os.environ else 2000
REGIONS = ["us-east-1", "us-west-2", "eu-central-1", "eu-west-3", "ap-southeast-2", "sa-east-1",
           "us-gov-west-1", "me-south-1"]
TEXTS = ["Hello", "Grüße aus Köln", "日本語の件名", "emoji 😀👩‍👩‍👧", "\u202eright to left", "a\tb\nc",
         "quote \" backslash \\ %41 + & = ;", "", "x" * 5000]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

pytestmark = pytest.mark.skipif(not PROBE.exists(), reason=f"{PROBE} is not built")


@pytest.fixture(scope="module")
def probe():
    sys.path.insert(0, str(HERE.parent / "conformance"))
    import conformance
    asked = conformance.Probe()
    yield asked
    asked.process.stdin.close()
    asked.process.wait(timeout=30)


def ours(probe, request, body, keys, region, moment, query=""):
    """(canonical request, string to sign, X-Amz-Date, Authorization) by tidymail; `request` is
    [method, path, fields]."""
    from conformance import Raw
    method, path, fields = request
    seconds = int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())
    return [value.decode() for value in
            probe.ask("sigv4", method, path, query, Raw(body), keys.access_key, keys.secret_key,
                      keys.token or "", region, "ses", seconds, 0,
                      *[part for field in fields for part in field])]


def random_request(rng):
    keys = botocore.credentials.Credentials(
        "AKIA" + "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16)),
        "".join(rng.choices(LETTERS, k=40)),
        "".join(rng.choices(LETTERS, k=rng.choice([16, 200, 900]))) + "==" if rng.random() < 0.5 else None)
    moment = datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=rng.randrange(2 * 10 ** 9))
    body = rng.choice([
        b"",
        rng.randbytes(rng.choice([1, 63, 64, 65, 3000])),
        json.dumps({"Content": {"Raw": {"Data": rng.choice(TEXTS)}}}).encode(),
        json.dumps({"Subject": rng.choice(TEXTS), "To": rng.choice(TEXTS)}, ensure_ascii=False).encode(),
    ])
    fields = [("Content-Type", rng.choice(["application/json", "application/json; charset=utf-8"]))]
    if rng.random() < 0.5:
        fields.append(("X-Amz-Meta", rng.choice(["plain", "  two   blanks  ", "a,b", "Grüße"])))
    path = rng.choice(["/v2/email/outbound-emails", "/v2/email/outbound-emails/", "/", "/v2//email/./x/../y",
                       "/v2/email/identities/a%40example.org", "/v2/email/a b/ü~-._", "/v2/email/+&=;,@:!*'()"])
    return keys, moment, body, fields, path


class Clock(datetime.datetime):
    moment = None

    @classmethod
    def utcnow(cls):
        return cls.moment


def check_request(probe, seed):
    rng = random.Random(seed)
    keys, moment, body, fields, path = random_request(rng)
    region = rng.choice(REGIONS)
    host = f"email.{region}.amazonaws.com"
    request = botocore.awsrequest.AWSRequest(method="POST", url=f"https://{host}{path}", data=body,
                                             headers=dict(fields))
    signer = botocore.auth.SigV4Auth(keys, "ses", region)
    Clock.moment = moment
    signer.add_auth(request)
    wanted = request.headers["Authorization"]
    del request.headers["Authorization"]
    canonical, to_sign, date, authorization = ours(
        probe, ["POST", path, [("Host", host), *fields]], body, keys, region, moment)
    assert date == request.headers["X-Amz-Date"], f"TIDYMAIL_SEED={seed}"
    assert canonical == signer.canonical_request(request), f"TIDYMAIL_SEED={seed}"
    assert to_sign == signer.string_to_sign(request, canonical), f"TIDYMAIL_SEED={seed}"
    assert authorization == wanted, f"TIDYMAIL_SEED={seed}"


def test_random_requests(probe, monkeypatch):
    monkeypatch.setattr(botocore.auth.datetime, "datetime", Clock)
    for seed in range(SEED, SEED + COUNT):
        check_request(probe, seed)


class Stop(Exception):
    """The request is made and signed; nothing is to be sent."""


@pytest.mark.parametrize("token", [None, "FwoGZXIvYXdzEXAMPLE//////////token=="])
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_message_of_the_ses_client(probe, token, region):
    """What botocore's client of SES v2 would send for a message is signed as we would sign it."""
    keys = botocore.credentials.Credentials("AKIAEXAMPLE234567890", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                            token)
    session = botocore.session.Session()
    client = session.create_client("sesv2", region_name=region, aws_access_key_id=keys.access_key,
                                   aws_secret_access_key=keys.secret_key, aws_session_token=token)
    caught = []

    def catch(request, **_):
        caught.append(request)
        raise Stop

    client.meta.events.register("before-send.sesv2.SendEmail", catch)
    with pytest.raises(Stop):
        client.send_email(FromEmailAddress="Jörg <sender@example.com>",
                          Destination={"ToAddresses": ["to@example.com"]},
                          Content={"Simple": {"Subject": {"Data": "Grüße", "Charset": "UTF-8"},
                                              "Body": {"Text": {"Data": "😀", "Charset": "UTF-8"}}}})
    request = caught[0]

    def text(name):
        value = request.headers[name]
        return value.decode() if isinstance(value, bytes) else value

    moment = datetime.datetime.strptime(text("X-Amz-Date"), "%Y%m%dT%H%M%SZ")
    host = f"email.{region}.amazonaws.com"
    assert request.url == f"https://{host}/v2/email/outbound-emails"
    fields = [("Host", host)]
    if "Content-Type" in request.headers:
        fields.append(("Content-Type", text("Content-Type")))
    *_, authorization = ours(probe, ["POST", "/v2/email/outbound-emails", fields], request.body, keys, region,
                             moment)
    assert authorization == text("Authorization")
    assert ("x-amz-security-token" in authorization) == (token is not None)
