"""`tidymail check` on mail services: reachable, certificate, key, and nothing sent."""

import json

import pytest

from command import tidymail
from test_every_service import KEY, SERVICES

STAGES = ["resolve", "connect", "tls", "request", "response"]


@pytest.fixture
def api(serve):
    def start(*words):
        server = serve("--api", "--password", KEY, *words, store=True)
        lines = [server.process.stdout.readline().decode().strip() for _ in SERVICES]
        server.urls = {line.partition(":")[0]: line for line in lines}
        return server

    return start


def check(url, *words):
    done = tidymail("check", url, "--json", *words)
    assert KEY not in done.out + done.err
    found = json.loads(done.out)
    assert [stage["stage"] for stage in found["stages"]] == STAGES
    return found, {stage["stage"]: stage for stage in found["stages"]}, done.status


@pytest.mark.parametrize("service", SERVICES)
def test_a_good_key_is_said_to_be_good(service, api):
    server = api()
    found, stages, status = check(server.urls[service])
    assert (found["verdict"], status) == ("ok", 0), found
    assert "takes the key" in found["summary"] and "key is accepted" in stages["response"]["detail"]
    assert stages["tls"]["status"] == "skipped" and "not encrypted" in stages["tls"]["detail"]
    assert server.messages() == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_key_is_found(service, api):
    server = api()
    found, stages, status = check(server.urls[service].replace(KEY, "wrong-key-0123456789"))
    assert (found["verdict"], found["kind"], status) == ("failed", "authentication", 77), found
    assert found["phase"] == "response" and stages["response"]["status"] == "failed"
    assert stages["response"]["advice"] and found["code"]
    assert server.messages() == []


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault,kind,status", [("rate-limit", "temporary", 75),
                                               ("gateway", "temporary", 75),
                                               ("server-error", "temporary", 75)])
def test_other_refusals_are_not_taken_for_a_good_key(service, fault, kind, status, api):
    server = api("--fault", f"{service}: {fault}")
    found, stages, code = check(server.urls[service])
    assert (found["verdict"], found["kind"], code) == ("failed", kind, status), found
    assert stages["response"]["status"] == "failed"


def test_the_certificate_is_shown_and_judged(api):
    server = api("--implicit-tls")
    found, stages, status = check(server.urls["resend"])
    assert (found["verdict"], status) == ("ok", 0), found
    assert stages["tls"]["status"] == "ok" and "localhost" in found["certificate"]["names"]
    bad = server.urls["resend"].partition("&ca=")[0]
    found, stages, status = check(bad)
    assert (found["kind"], stages["tls"]["status"], status) == ("tls", "failed", 77), found
    assert found["certificate"]["verified"] is False and found["certificate"]["problem"]
    assert stages["request"]["status"] == "skipped"


def test_a_service_that_cannot_be_reached(api):
    server = api()
    url = server.urls["postmark"]
    server.end()
    found, stages, status = check(url)
    assert (found["verdict"], found["kind"], status) == ("failed", "connection", 75), found
    assert stages["connect"]["status"] == "failed" and stages["request"]["status"] == "skipped"
