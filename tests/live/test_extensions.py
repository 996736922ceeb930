"""What real servers make of the envelope: addresses beyond ASCII, delivery status notifications."""

import pytest

from live_server import DOMAIN
from test_every_server import ANN, SENDER, WAYS, parts, result, said

# How each server names QQ+314=159: Exim shows the xtext as it came, OpenSMTPD nothing at all.
ENVID = {"postfix": "QQ+314=159", "postfix-chunking": "QQ+314=159", "exim": "QQ+2B314+3D159",
         "opensmtpd": None}
UTF8 = f"jürgen@{DOMAIN}"


@pytest.mark.parametrize("name", ["postfix", "postfix-chunking", "exim", "exim-chunking"])
def test_an_address_beyond_ascii_gets_its_message(request, tidymail, name):
    way = WAYS[name](request)
    done = tidymail("send", "--json", "--trace", "--from", SENDER, "--to", f"Jürgen <{UTF8}>",
                    "--subject", "für dich", "--text", "schöne Grüße\n", url=way.url)
    report = result(done)
    assert report["outcome"] == "sent", said(done, way)
    assert report["recipients"][0]["address"] == UTF8
    assert " SMTPUTF8" in done.stderr
    [message] = way.boxes.mailbox("jürgen")
    assert message["Subject"] == "für dich"
    assert UTF8 in str(message["To"])
    assert parts(message) == [("text/plain", "schöne Grüße\n")]


@pytest.mark.parametrize("name", ["opensmtpd", "dovecot-submission", "dovecot-lmtp"])
def test_a_server_that_cannot_carry_the_address_is_not_asked_to(request, tidymail, name):
    way = WAYS[name](request)
    done = tidymail("send", "--json", "--trace", "--from", SENDER, "--to", UTF8, "--subject", "s",
                    "--text", "t", url=way.url)
    report = result(done)
    assert report["outcome"] == "failed", said(done, way)
    assert report["error"]["kind"] == "message"
    assert UTF8 in report["error"]["message"]
    assert done.returncode == 65
    assert "DATA" not in done.stderr


def notification(message):
    """The fields of a delivery status notification (RFC 3464 2.1): of the message, of recipients."""
    [status] = [part for part in message.walk()
                if part.get_content_type() == "message/delivery-status"]
    first, *recipients = status.get_payload()
    return first, recipients


@pytest.mark.parametrize("name", ["postfix", "postfix-chunking", "exim", "opensmtpd"])
def test_a_success_notification_names_what_was_given(request, tidymail, name):
    way = WAYS[name](request)
    done = tidymail("send", "--json", "--trace", "--from", SENDER, "--to", ANN, "--subject", "told",
                    "--text", "Hi there!\n", "--dsn-notify", "SUCCESS,FAILURE", "--dsn-ret", "HDRS",
                    "--dsn-envid", "QQ+314=159", url=way.url)
    assert result(done)["outcome"] == "sent", said(done, way)
    assert " RET=HDRS" in done.stderr and " ENVID=QQ+2B314+3D159" in done.stderr
    assert " NOTIFY=SUCCESS,FAILURE" in done.stderr
    [message] = way.boxes.mailbox("ann")
    assert message["Subject"] == "told"
    [answer] = way.boxes.mailbox("sender")
    first, [recipient] = notification(answer)
    assert recipient["Action"] == "delivered"
    assert recipient["Final-Recipient"].replace(" ", "") == f"rfc822;{ANN}"
    assert first["Original-Envelope-Id"] == ENVID[name]
    if name != "opensmtpd":  # which leaves it out
        assert recipient["Original-Recipient"].replace(" ", "") == f"rfc822;{ANN}"
    assert "Hi there!" not in answer.as_string()


@pytest.mark.parametrize("name", ["postfix", "exim"])
def test_no_notification_comes_when_none_is_asked_for(request, tidymail, name):
    way = WAYS[name](request)
    done = tidymail("send", "--json", "--from", SENDER, "--to", ANN, "--subject", "quiet",
                    "--text", "t", "--dsn-notify", "NEVER", url=way.url)
    assert result(done)["outcome"] == "sent", said(done, way)
    assert len(way.boxes.mailbox("ann")) == 1
    assert way.boxes.mailbox("sender", count=0) == []
