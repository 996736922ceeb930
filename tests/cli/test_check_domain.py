"""`tidymail check --domain`: what DNS says of the From domain, against a name server of our own."""

import json
import subprocess

import pytest

import check_setups
from command import tidymail
from dns_server import NameServer

STAGES = ["mx", "spf", "dkim", "dmarc", "mta-sts", "tls-rpt"]
GOOD = {
    ("example.com", "MX"): ["20 mx2.example.com", "10 mx1.example.com"],
    ("example.com", "TXT"): ["v=spf1 ip4:192.0.2.0/24 include:_spf.example.net ~all", "other=1"],
    ("_spf.example.net", "TXT"): ["v=spf1 ip4:198.51.100.0/24 ~all"],
    ("_dmarc.example.com", "TXT"): ["v=DMARC1; p=reject; rua=mailto:d@example.com"],
    ("_mta-sts.example.com", "TXT"): ["v=STSv1; id=20260101"],
    ("_smtp._tls.example.com", "TXT"): ["v=TLSRPTv1; rua=mailto:t@example.com"],
}


def rsa_key(bits):
    made = subprocess.run(["openssl", "genrsa", str(bits)], capture_output=True, check=True)
    public = subprocess.run(["openssl", "rsa", "-pubout"], input=made.stdout, capture_output=True,
                            check=True)
    return "".join(public.stdout.decode().splitlines()[1:-1])


@pytest.fixture
def names():
    servers = []

    def start(records):
        servers.append(NameServer(records))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


def look(server, *words, domain="example.com"):
    done = tidymail("check", "--domain", domain, "--resolver", server.address, "--json", *words)
    found = json.loads(done.out)
    return found, {stage["stage"]: stage for stage in found["stages"]}, done.status


def test_a_domain_that_is_in_order(names):
    records = dict(GOOD)
    records[("s1._domainkey.example.com", "TXT")] = [f"v=DKIM1; k=rsa; p={rsa_key(2048)}"]
    server = names(records)
    found, stages, status = look(server, "--selector", "s1")
    assert [stage["stage"] for stage in found["stages"]] == STAGES
    assert (found["verdict"], status) == ("ok", 0), found
    assert found["summary"] == "example.com is set up to send mail"
    assert stages["mx"]["detail"] == "10 mx1.example.com\n20 mx2.example.com"
    assert "1 of 10 lookups" in stages["spf"]["detail"]
    assert "an RSA key of 2048 bits" in stages["dkim"]["detail"]
    assert "p=reject" in stages["dmarc"]["detail"] and "id=20260101" in stages["mta-sts"]["detail"]
    assert ("_spf.example.net", "TXT") in server.asked


def many_includes(count):
    records = {(f"i{n}.example.net", "TXT"): ["v=spf1 -all"] for n in range(count)}
    records[("example.com", "TXT")] = [
        "v=spf1 " + " ".join(f"include:i{n}.example.net" for n in range(count)) + " -all"]
    return records


@pytest.mark.parametrize("changed,stage,status,words", [
    ({("example.com", "MX"): []}, "mx", "warning", "no MX record"),
    ({("example.com", "MX"): ["0 "]}, "mx", "warning", "RFC 7505"),
    ({("example.com", "TXT"): []}, "spf", "warning", "no SPF record"),
    ({("example.com", "TXT"): ["v=spf1 -all", "v=spf1 ~all"]}, "spf", "failed", "2 SPF records"),
    ({("example.com", "TXT"): ["v=spf1 +all"]}, "spf", "failed", "+all"),
    ({("example.com", "TXT"): ["v=spf1 all"]}, "spf", "failed", "+all"),
    ({("example.com", "TXT"): ["v=spf1 ?all"]}, "spf", "warning", "?all"),
    ({("example.com", "TXT"): ["v=spf1 ip4:192.0.2.1"]}, "spf", "warning", "RFC 7208 5.1"),
    ({("example.com", "TXT"): ["v=spf1 ptr -all"]}, "spf", "warning", "RFC 7208 5.5"),
    ({("example.com", "TXT"): ["v=spf1 include:none.example.net -all"]}, "spf", "failed",
     "RFC 7208 5.2"),
    ({("example.com", "TXT"): ["v=spf1 include:example.com -all"]}, "spf", "failed",
     "RFC 7208 4.6.4"),
    (many_includes(11), "spf", "failed", "RFC 7208 4.6.4"),
    ({("_dmarc.example.com", "TXT"): []}, "dmarc", "warning", "no record"),
    ({("_dmarc.example.com", "TXT"): ["v=DMARC1; p=none; rua=mailto:a@b.example"]}, "dmarc",
     "warning", "p=none"),
    ({("_dmarc.example.com", "TXT"): ["v=DMARC1; p=reject"]}, "dmarc", "warning", "no rua="),
    ({("_dmarc.example.com", "TXT"): ["v=DMARC1; p=rejct; rua=mailto:a@b.example"]}, "dmarc",
     "failed", "RFC 7489 6.3"),
    ({("_dmarc.example.com", "TXT"): ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "dmarc", "failed",
     "RFC 7489 6.6.3"),
    ({("_mta-sts.example.com", "TXT"): ["v=STSv1;"]}, "mta-sts", "failed", "RFC 8461 3.1"),
    ({("_smtp._tls.example.com", "TXT"): ["v=TLSRPTv1;"]}, "tls-rpt", "failed", "RFC 8460 3"),
])
def test_what_is_wrong_is_named(names, changed, stage, status, words):
    found, stages, code = look(names({**GOOD, **changed}))
    assert stages[stage]["status"] == status and words in stages[stage]["detail"], stages[stage]
    assert stages[stage]["advice"]
    assert found["verdict"] == status
    assert code == (78 if status == "failed" else 0)
    assert words in found["summary"] or status == "warning"


@pytest.mark.parametrize("record,status,words", [
    (None, "failed", "no such record"),
    ("v=DKIM1; k=rsa; p=", "failed", "revoked"),
    ("v=DKIM1; k=rsa", "failed", "no p="),
    ("v=DKIM1; p=AAAA", "failed", "no key that can be read"),
    ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "ok", "Ed25519"),
    ("v=DKIM1; t=y; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "warning", "t=y"),
])
def test_keys_are_read(names, record, status, words):
    records = {**GOOD, ("s1._domainkey.example.com", "TXT"): [record] if record else []}
    _, stages, _ = look(names(records), "--selector", "s1")
    assert stages["dkim"]["status"] == status and words in stages["dkim"]["detail"], stages["dkim"]


def test_a_small_key_is_none(names):
    records = {**GOOD, ("s1._domainkey.example.com", "TXT"): [f"v=DKIM1; p={rsa_key(512)}"]}
    _, stages, _ = look(names(records), "--selector", "s1")
    assert stages["dkim"]["status"] == "failed" and "RFC 8301" in stages["dkim"]["detail"]


def test_dmarc_of_the_organization(names):
    records = {**GOOD, ("news.example.com", "TXT"): ["v=spf1 -all"]}
    _, stages, _ = look(names(records), domain="news.example.com")
    assert "found at example.com" in stages["dmarc"]["detail"]


def test_the_include_of_a_service_is_missed(names, tmp_path):
    server = names({**GOOD, ("smtp.mailgun.org", "A"): ["127.0.0.1"]})
    stand = check_setups.Stand(tmp_path)
    try:
        url = stand.play("mailgun", *check_setups.OPEN, *check_setups.END)
        url = url.replace("127.0.0.1", "smtp.mailgun.org")
        done = tidymail("check", url, "--domain", "example.com", "--resolver", server.address,
                        "--json")
    finally:
        stand.end()
    found = json.loads(done.out)
    spf = next(stage for stage in found["stages"] if stage["stage"] == "spf")
    assert spf["status"] == "warning" and "include:mailgun.org is missing" in spf["detail"]
    assert (found["verdict"], done.status) == ("warning", 0), found
    assert len(found["stages"]) == 18


def test_no_name_server(names):
    server = names(GOOD)
    server.end()
    found, _, status = look(server, "--selector", "s1")
    assert found["verdict"] == "failed" and status == 78
