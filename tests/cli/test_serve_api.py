"""`tidymail serve --api`: each double with requests written by hand, and what it keeps of them."""

import copy
import email
import email.policy
import http.client
import json
import re
import socket
import ssl
import time
from urllib.parse import unquote, urlsplit

import pytest

import api_requests as api
from command import TIMEOUT, Server, tidymail

SERVICES = list(api.GOOD)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.fields = response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        assert self.fields["Content-Type"] == "application/json"
        return json.loads(self.text)


class Double:
    """A server with --api, and requests to it."""

    def __init__(self, server):
        self.server = server
        url = urlsplit(server.url)
        self.host, self.port = url.hostname, url.port

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)

    def ask(self, method, path, fields, body):
        connection = self.connect()
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), **fields}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def send(self, service, content=None, *, key=api.KEY, path=None, method="POST", **more):
        """The request with other fields: name=value, name=None leaves one out."""
        content = api.GOOD[service]() if content is None else content
        usual, fields, body = api.request(service, f"{self.host}:{self.port}", content, key)
        for name, value in more.items():
            fields.pop(name.replace("_", "-"), None)
            if value is not None:
                fields[name.replace("_", "-")] = value
        return self.ask(method, path or usual, fields, body)

    def messages(self):
        return [email.message_from_bytes(raw, policy=email.policy.default)
                for raw in self.server.messages()]


@pytest.fixture
def double(serve):
    def start(*words):
        return Double(serve("--api", *words, store=True))
    return start


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for tests that are refused: nothing of them stays."""
    server = Server("--api", "--user", api.USER, "--password", api.KEY,
                    store=tmp_path_factory.mktemp("mail"))
    yield Double(server)
    server.end()


def check_success(service, answer):
    if service == "mailgun":
        assert answer.status == 200
        assert re.fullmatch(r"<[^<>@]+@example\.com>", answer.json["id"])
        assert answer.json["message"] == "Queued. Thank you."
    elif service == "sendgrid":
        assert (answer.status, answer.text) == (202, "")
        assert answer.fields["X-Message-Id"]
    elif service == "ses":
        assert answer.status == 200 and re.fullmatch(r"0100[0-9a-f-]+", answer.json["MessageId"])
        assert answer.fields["x-amzn-RequestId"]
    elif service == "postmark":
        assert answer.status == 200
        assert list(answer.json) == ["To", "SubmittedAt", "MessageID", "ErrorCode", "Message"]
        assert (answer.json["ErrorCode"], answer.json["Message"]) == (0, "OK")
    elif service == "resend":
        assert answer.status == 200 and re.fullmatch(r"[0-9a-f-]{36}", answer.json["id"])
    else:
        assert answer.status == 200
        assert answer.json["results"]["total_accepted_recipients"] == 4
        assert re.fullmatch(r"\d+", answer.json["results"]["id"])


def body_of(message, kind):
    part = message.get_body(preferencelist=(kind,))
    return api.lines(part.get_content())


@pytest.mark.parametrize("service", SERVICES)
def test_a_message_reads_back_as_it_was(double, service):
    server = double("--user", api.USER, "--password", api.KEY)
    check_success(service, server.send(service))
    message, = server.messages()
    assert not message.defects
    assert message["X-Double-Service"] == service
    assert message["X-Double-Tag"] == "welcome"
    assert message["X-Double-Metadata"] == "order=7"
    if service not in ("ses", "resend"):
        assert message["X-Double-Tracking"] == "opens=off clicks=on"
    assert message["Subject"] == api.SUBJECT
    assert [(a.display_name, a.addr_spec) for a in message["From"].addresses] == \
        [(api.NAME, "ann@example.org")]
    assert [(a.display_name, a.addr_spec) for a in message["To"].addresses] == \
        [("Bob", "bob@example.org"), ("", "carl@example.org")]
    assert [(a.display_name, a.addr_spec) for a in message["Cc"].addresses] == \
        [("Dörte", "dora@example.org")]
    assert message["Bcc"] is None
    assert message["Reply-To"] == "reply@example.org"
    assert message["X-Kind"] == "test"
    assert body_of(message, "plain") == api.TEXT
    assert body_of(message, "html") == api.HTML
    files = [(p.get_filename(), p.get_content_type(), p.get_payload(decode=True))
             for p in message.iter_attachments() if p.get_content_disposition() == "attachment"]
    assert files == api.FILES
    image, = [p for p in message.walk() if p["Content-ID"]]
    assert image["Content-ID"] == f"<{api.IMAGE[0]}>"
    assert (image.get_content_type(), image.get_payload(decode=True)) == api.IMAGE[1:]
    _, out, _ = server.server.end()
    assert "from <ann@example.org> to <bob@example.org> <carl@example.org> <dora@example.org> " \
           "<eve@example.org>, " in out


@pytest.mark.parametrize("service", SERVICES)
def test_ids_are_unique(double, service):
    server = double("--user", api.USER, "--password", api.KEY)
    answers = [server.send(service) for _ in range(3)]
    ids = {re.search(r"[0-9a-f.-]{14,}[^\"]*", a.fields.get("X-Message-Id") or a.text).group()
           for a in answers}
    assert len(ids) == 3 and len(server.messages()) == 3


@pytest.mark.parametrize("service", SERVICES)
def test_any_key_is_good_where_none_is_given(double, service):
    server = double()
    check_success(service, server.send(service, key="anything"))


def test_the_url_of_each_service_is_printed(serve):
    server = serve("--api", "--password", "a/b")
    port = urlsplit(server.url).port
    printed = {}
    while len(printed) < len(SERVICES):
        line = server.process.stdout.readline().decode().rstrip("\n")
        printed[line.partition(":")[0]] = line
    end = f"?endpoint=http://127.0.0.1:{port}"
    assert server.url == f"http://127.0.0.1:{port}"
    assert printed["mailgun"] == f"mailgun://a%2Fb@example.com{end}"
    assert printed["ses"] == f"ses://AKIDDOUBLE:a%2Fb@us-east-1{end}"
    assert printed["resend"] == f"resend://a%2Fb@default{end}"


UNAUTHORIZED = {
    "mailgun": (401, "Forbidden"),
    "sendgrid": (401, "The provided authorization grant is invalid, expired, or revoked"),
    "ses": (403, "The request signature we calculated does not match the signature you provided."),
    "postmark": (401, '{"ErrorCode":10,"Message":"Request does not contain a valid Server token."}'),
    "resend": (403, '"name":"invalid_api_key","message":"API key is invalid."'),
    "sparkpost": (401, '{"errors":[{"message":"Unauthorized."}]}'),
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_key(shared, service):
    answer = shared.send(service, key=api.KEY[:-1])
    status, words = UNAUTHORIZED[service]
    assert answer.status == status and words in answer.text
    assert not shared.messages()


NO_KEY = {
    "mailgun": (401, "Forbidden"),
    "sendgrid": (401, "authorization grant is invalid"),
    "ses": (403, "Missing Authentication Token"),
    "postmark": (401, "No Account or Server API tokens were supplied in the HTTP headers."),
    "resend": (401, "missing_api_key"),
    "sparkpost": (401, "Unauthorized."),
}


@pytest.mark.parametrize("service", SERVICES)
def test_no_key(shared, service):
    answer = shared.send(service, Authorization=None, X_Postmark_Server_Token=None)
    status, words = NO_KEY[service]
    assert answer.status == status and words in answer.text


def changed(service, path, value):
    """The good request with the member at `path` ("content.0.type") another; None takes it out."""
    content = copy.deepcopy(api.GOOD[service]())
    at = content
    *way, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    for step in way:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return content


MANY = {"sendgrid": [{"email": f"a{i}@example.org"} for i in range(1001)]}
REFUSED = [
    # service, member, its value, status, what is in the answer
    ("sendgrid", "subjekt", "x", 400, "'subjekt' is not a known field"),
    ("sendgrid", "attachments.0.filname", "x", 400, "'attachments.0.filname' is not a known field"),
    ("sendgrid", "personalizations.0.to", [], 400,
     "The to array is required for all personalization objects"),
    ("sendgrid", "personalizations.0.to.0.email", "bob@", 400, '"field":"personalizations.0.to.0.email"'),
    ("sendgrid", "personalizations.0.cc.0.email", "BOB@example.org", 400,
     "We found the first duplicate instance of [BOB@example.org] in the personalizations.0.cc field."),
    ("sendgrid", "personalizations.0.to.0.name", "Doe, John", 400, "; or ,"),
    ("sendgrid", "personalizations.0.to", MANY["sendgrid"], 400, "more than 1000 recipients"),
    ("sendgrid", "from", None, 400, "'from' is missing"),
    ("sendgrid", "from.email", "bjørn@example.org", 400, "from.email"),
    ("sendgrid", "content.0.value", "", 400,
     "The content value must be a string at least one character in length."),
    ("sendgrid", "content", [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}],
     400, "Following RFC 1341, section 7.2"),
    ("sendgrid", "content", [], 400, "the content parameter is required"),
    ("sendgrid", "headers", {"Subject": "x"}, 400, "reserved"),
    ("sendgrid", "headers", {"X-A": 7}, 400, '"message":"Bad Request","field":null'),
    ("sendgrid", "custom_args", {"a": 7}, 400, '"message":"Bad Request","field":null'),
    ("sendgrid", "custom_args", {"a": "x" * 10001}, 400, "10,000 bytes"),
    ("sendgrid", "categories", [str(i) for i in range(11)], 400, "more than 10"),
    ("sendgrid", "categories", ["x" * 256], 400, "'categories.0' has more than 255 bytes"),
    ("sendgrid", "attachments.0.content", "a", 400, "not valid base64"),
    ("sendgrid", "attachments.0.disposition", "outline", 400, "disposition"),
    ("sendgrid", "send_at", 99999999999, 400, "72 hours"),
    ("sendgrid", "send_at", "soon", 400, "must be an integer"),
    ("sendgrid", "reply_to_list", [{"email": "a@example.org"}], 400, "cannot both"),
    ("ses", "Subjekt", "x", 400, "'Subjekt' is not a known field"),
    ("ses", "FromEmailAddress", f"{api.NAME} <ann@example.org>", 400, "outside ASCII"),
    ("ses", "FromEmailAddress", None, 400, "Missing required header 'From'."),
    ("ses", "Destination", {}, 400, "At least one recipient"),
    ("ses", "Destination.ToAddresses", [f"a{i}@example.org" for i in range(49)], 400, "exceeds 50"),
    ("ses", "Destination.ToAddresses", "bob@example.org", 400, "must be a list of strings"),
    ("ses", "Content.Simple.Subject", {"Data": "Grüße"}, 400, "no Charset"),
    ("ses", "Content.Simple.Body", {}, 400, "no Text and no Html"),
    ("ses", "Content.Raw", {"Data": "eA=="}, 400, "one of Simple, Raw and Template"),
    ("ses", "Content.Simple.Headers.0.Value", "Grüße", 400, "printable ASCII"),
    ("ses", "Content.Simple.Headers.0.Name", "x" * 127, 400, "126"),
    ("ses", "Content.Simple.Attachments.0.FileName", None, 400, "FileName' is missing"),
    ("ses", "Content.Simple.Attachments.0.ContentDisposition", "inline", 400, "ATTACHMENT or INLINE"),
    ("ses", "Content.Simple.Attachments.0.RawContent", "%%%", 400, "not valid base64"),
    ("ses", "EmailTags.0.Value", "two words", 400, "EmailTags.0"),
    ("postmark", "Body", "x", 422, "'Body' is not a known field"),
    ("postmark", "From", None, 422, "'From' is missing"),
    ("postmark", "To", "user@+", 422, "Error parsing 'To': "),
    ("postmark", "To", ", ".join(f"a{i}@example.org" for i in range(51)), 422, "more than 50"),
    ("postmark", "Tag", "x" * 1001, 422, "1000"),
    ("postmark", "Metadata", {"x" * 21: "1"}, 422, "20 characters"),
    ("postmark", "Metadata", {"a": "x" * 81}, 422, "80"),
    ("postmark", "Metadata", {"a": 1}, 422, '"ErrorCode":403'),
    ("postmark", "TrackLinks", "All", 422, "HtmlAndText"),
    ("postmark", "TrackOpens", "no", 422, "true or false"),
    ("postmark", "Attachments.0.Name", "virus.exe", 422, '"ErrorCode":411'),
    ("postmark", "Attachments.2.ContentID", "logo", 422, "cid:"),
    ("postmark", "Attachments.0.Content", "a", 422, "not valid base64"),
    ("postmark", "Headers.0.Name", "To", 422, '"ErrorCode":300'),
    ("postmark", "TemplateId", 7, 422, "/email/withTemplate"),
    ("resend", "bbc", "x", 422, "'bbc' is not a known field"),
    ("resend", "from", None, 422, "missing_required_field"),
    ("resend", "subject", None, 422, "Missing `subject` field."),
    ("resend", "to", [f"a{i}@example.org" for i in range(51)], 422, "more than 50"),
    ("resend", "to", ["bob"], 422, "validation_error"),
    ("resend", "to", 7, 422, "a string or a list of strings"),
    ("resend", "tags.0.value", "two words", 422, "ASCII letters, numbers, underscores, or dashes"),
    ("resend", "headers", {"X-A": 7}, 422, "must be a string"),
    ("resend", "attachments.0.filename", None, 422, "missing_required_field"),
    ("resend", "attachments.0.content", "a", 422, "not valid base64"),
    ("resend", "template", {"id": "x"}, 422, "excludes"),
    ("sparkpost", "recipents", [], 422, "'recipents' is not a known field"),
    ("sparkpost", "recipients", [], 422, '"code":"1400"'),
    ("sparkpost", "content", None, 422, '"code":"1400"'),
    ("sparkpost", "content.from", None, 422, "content.from is required"),
    ("sparkpost", "content.headers.Reply-To", "x@example.org", 422, "may not be in content.headers"),
    ("sparkpost", "content.template_id", "t", 422, '"code":"1301"'),
    ("sparkpost", "content.attachments.0.data", "aGk=\n", 422, "not valid base64"),
    ("sparkpost", "options.start_time", "2026-11-24T14:00:00Z", 422, "start_time must be"),
    ("sparkpost", "options.opentracking", True, 422, "not a known field"),
    ("sparkpost", "campaign_id", "x" * 65, 422, "64"),
    ("sparkpost", "recipients.0.address.email", "bob", 422, "recipients.address"),
]


@pytest.mark.parametrize("service,member,value,status,words", REFUSED)
def test_refused_data(shared, service, member, value, status, words):
    answer = shared.send(service, changed(service, member, value))
    assert answer.status == status, answer.text
    assert words in answer.text
    assert answer.json
    assert not shared.messages()


def mailgun_form(*more, without=()):
    form = api.mailgun()
    for name in without:
        form = form.without(name)
    return api.Form([*form, *more])


MAILGUN_REFUSED = [
    (mailgun_form(without=["from"]), 400, "from parameter is missing"),
    (mailgun_form(without=["to"]), 400, "to parameter is missing"),
    (mailgun_form(("to", "bob@")), 400,
     "to parameter is not a valid address. please check documentation"),
    (mailgun_form(without=["text", "html"]), 400,
     "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"),
    (mailgun_form(("to", ",".join(f"a{i}@example.org" for i in range(1000)))), 400,
     "Too many recipients, max is 1000"),
    (mailgun_form(("recipient-variables", "{")), 400,
     "'recipient-variables' parameter is not a valid JSON"),
    (mailgun_form(("v:x", "y" * 16384)), 400, "are limited to 16 kB total"),
    (mailgun_form(("h:X-Ä", "y")), 400, "Header name must be pure ASCII"),
    (mailgun_form(("o:tags", "y")), 400, "'o:tags' is not a known parameter"),
    (mailgun_form(("subjekt", "y")), 400, "'subjekt' is not a known parameter"),
    (mailgun_form(("o:dkim", "maybe")), 400, "o:dkim"),
    (mailgun_form(("o:tag", "y" * 129)), 400, "128 characters"),
    (mailgun_form(("attachment", b"no name")), 400, "is not a file"),
    (b"--b0undary\r\nnonsense", 400, "malformed multipart/form-data request"),
    (api.mailgun().body()[:-10], 400, "malformed multipart/form-data request"),
]


@pytest.mark.parametrize("content,status,words", MAILGUN_REFUSED)
def test_refused_forms(shared, content, status, words):
    answer = shared.send("mailgun", content)
    assert (answer.status, list(answer.json)) == (status, ["message"])
    assert words in answer.json["message"]
    assert not shared.messages()


@pytest.mark.parametrize("path", ["/v3/a/b/messages", "/v3/example.com/mesages", "/messages"])
def test_mailgun_answers_wrong_paths_with_200(shared, path):
    answer = shared.send("mailgun", path=path)
    assert (answer.status, answer.text) == (200, "Mailgun Magnificent API")


def test_mailgun_does_not_know_every_domain(shared):
    answer = shared.send("mailgun", path="/v3/other.invalid/messages")
    assert (answer.status, answer.json) == (404, {"message": "Domain not found: other.invalid"})


RAW = (b"From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nBcc: eve@example.org\r\n"
       b"Subject: raw\r\nMIME-Version: 1.0\r\n\r\nBody\r\n")


def after_marks(raw):
    """What stands behind the X-Double- fields."""
    return re.sub(rb"\A(X-Double-[^\r]*\r\n([ \t][^\r]*\r\n)*)+", b"", raw)


@pytest.mark.parametrize("service", ["mailgun", "ses", "sparkpost"])
def test_ready_made_messages_are_kept_as_they_came(double, service):
    server = double("--user", api.USER, "--password", api.KEY)
    if service == "mailgun":
        answer = server.send("mailgun", api.Form([("to", "bob@example.org"), ("to", "eve@example.org"),
                                                  ("message", "m.mime", "message/rfc822", RAW),
                                                  ("o:tag", "welcome")]),
                             path="/v3/example.com/messages.mime")
    elif service == "ses":
        answer = server.send("ses", {"Content": {"Raw": {"Data": api.b64(RAW)}},
                                     "EmailTags": [{"Name": "tag", "Value": "welcome"}]})
    else:
        answer = server.send("sparkpost", {
            "campaign_id": "welcome", "content": {"email_rfc822": RAW.decode()},
            "recipients": [{"address": "bob@example.org"}, {"address": "eve@example.org"}]})
    assert answer.status == 200, answer.text
    raw, = server.server.messages()
    assert after_marks(raw) == RAW
    assert email.message_from_bytes(raw)["X-Double-Tag"] == "welcome"
    _, out, _ = server.server.end()
    assert "from <ann@example.org> to <bob@example.org> <eve@example.org>, " in out


def test_mailgun_takes_a_ready_made_message_as_a_file_only(shared):
    path = "/v3/example.com/messages.mime"
    answer = shared.send("mailgun", api.Form([("to", "bob@example.org"), ("message", RAW)]), path=path)
    assert answer.json == {"message": "'message' parameter is not a file"}
    answer = shared.send("mailgun", api.Form([("to", "bob@example.org"), ("subject", "x"),
                                              ("message", "m", "message/rfc822", RAW)]), path=path)
    assert answer.json == {"message": "'subject' is not a known parameter"}


def test_mailgun_takes_urlencoded_forms(double):
    server = double()
    answer = server.send("mailgun", b"from=ann%40example.org&to=bob@example.org&subject=a+b%26c&text=%C3%A4",
                         Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 200, answer.text
    message, = server.messages()
    assert message["Subject"] == "a b&c" and message.get_content().rstrip() == "ä"


@pytest.mark.parametrize("service", [s for s in SERVICES if s != "mailgun"])
def test_content_type_and_syntax(shared, service):
    content = b'{"a": 1, '
    assert shared.send(service, content).status == (422 if service == "postmark" else 400)
    assert shared.send(service, b"[]").status == (422 if service == "postmark" else 400)
    assert shared.send(service, b'{"a": 1, "a": 1}').status == (422 if service == "postmark" else 400)
    if service != "ses":
        answer = shared.send(service, Content_Type="text/plain")
        assert answer.status == (400 if service == "resend" else 415)


@pytest.mark.parametrize("service", SERVICES)
def test_the_method_is_post(shared, service):
    answer = shared.send(service, method="PUT")
    assert answer.status == (404 if service == "ses" else 405)


@pytest.mark.parametrize("service,path", [("sendgrid", "/v3/mail/sent"), ("postmark", "/email/x"),
                                          ("ses", "/v2/email/outbound-email"),
                                          ("resend", "/emails/"), ("sparkpost", "/api/v1/transmission")])
def test_wrong_paths(shared, service, path):
    assert shared.send(service, path=path).status == 404


def test_resend_wants_a_user_agent(shared):
    answer = shared.send("resend", User_Agent=None)
    assert (answer.status, answer.text) == (403, "error code: 1010")


def test_sendgrid_wants_accept(shared):
    assert shared.send("sendgrid", Accept=None).status == 406


# Signatures of SES.

def signed(server, body=None, **more):
    content = json.dumps(body or api.ses()).encode()
    fields = api.sign(f"{server.host}:{server.port}", content, **more)
    return server.ask("POST", api.PATHS["ses"], fields, content)


@pytest.mark.parametrize("more,status,words", [
    ({}, 200, "MessageId"),
    ({"token": "SESSION/TOKEN=="}, 200, "MessageId"),
    ({"skew": 800}, 200, "MessageId"),
    ({"region": "eu-west-1"}, 200, "MessageId"),
    ({"skew": 1000}, 403, "15 minutes"),
    ({"skew": -1000}, 403, "15 minutes"),
    ({"user": "AKIDOTHER"}, 403, "The security token included in the request is invalid."),
    ({"key": "other"}, 403, "does not match the signature you provided"),
    ({"service": "email"}, 403, "Credential should be scoped to correct service."),
    ({"path": "/v2/email/outbound-mails"}, 403, "does not match the signature you provided"),
])
def test_signatures(double, more, status, words):
    server = double("--user", api.USER, "--password", api.KEY)
    answer = signed(server, **more)
    assert answer.status == status and words in answer.text


def test_a_session_token_must_be_signed(shared):
    content = json.dumps(api.ses()).encode()
    fields = api.sign(f"{shared.host}:{shared.port}", content)
    fields["X-Amz-Security-Token"] = "added later"
    answer = shared.ask("POST", api.PATHS["ses"], fields, content)
    assert answer.status == 403 and "not signed" in answer.text


def test_a_body_that_was_changed_behind_its_signature(shared):
    content = json.dumps(api.ses()).encode()
    fields = api.sign(f"{shared.host}:{shared.port}", content)
    answer = shared.ask("POST", api.PATHS["ses"], fields, content.replace(b"Bob", b"Eve"))
    assert answer.status == 403
    assert answer.fields["x-amzn-ErrorType"] == "InvalidSignatureException"


def test_without_a_password_the_secret_of_the_ready_url_is_checked(double):
    server = double()
    assert signed(server, user="AKIDDOUBLE", key="key").status == 200
    assert signed(server, user="AKIDDOUBLE", key="other").status == 403
    assert signed(server, user="ANYBODY", key="whatever").status == 200


def test_botocore_signs_as_it_is_checked(double):
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    server = double("--user", api.USER, "--password", api.KEY)
    body = json.dumps(api.ses()).encode()
    url = f"http://{server.host}:{server.port}{api.PATHS['ses']}"
    for token in (None, "TOKEN+/=="):
        request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
        auth.SigV4Auth(Credentials(api.USER, api.KEY, token), "ses", "eu-central-1").add_auth(request)
        answer = server.ask("POST", api.PATHS["ses"], dict(request.headers), body)
        assert answer.status == 200, answer.text


# What is no MIME.

MARKED = [
    ("mailgun", mailgun_form(("o:deliverytime", "Fri, 25 Dec 2026 10:00:00 +0000")), "Send-At",
     "Fri, 25 Dec 2026 10:00:00 +0000"),
    ("mailgun", mailgun_form(("o:testmode", "yes")), "Sandbox", "yes"),
    ("mailgun", mailgun_form(("template", "hello"), ("t:variables", '{"a": 1}'),
                             without=["text", "html", "inline"]),
     "Template", 'hello; values={"a":1}'),
    ("mailgun", mailgun_form(("o:require-tls", "true")), "Option", "o:require-tls=true"),
    ("sendgrid", changed("sendgrid", "send_at", 1700000000), "Send-At", "1700000000"),
    ("sendgrid", changed("sendgrid", "template_id", "d-1"), "Template", "d-1"),
    ("sendgrid", changed("sendgrid", "asm", {"group_id": 7}), "Option", 'asm={"group_id":7}'),
    ("ses", changed("ses", "ConfigurationSetName", "cs"), "Option", "ConfigurationSetName=cs"),
    ("ses", changed("ses", "Content", {"Template": {"TemplateName": "t", "TemplateData": '{"a":"b"}'}}),
     "Template", 't; values={"a":"b"}'),
    ("postmark", changed("postmark", "MessageStream", "broadcast"), "Option",
     "MessageStream=broadcast"),
    ("resend", changed("resend", "scheduled_at", "2026-12-24T18:00:00Z"), "Send-At",
     "2026-12-24T18:00:00Z"),
    ("sparkpost", changed("sparkpost", "options.start_time", "2026-12-24T18:00:00+00:00"), "Send-At",
     "2026-12-24T18:00:00+00:00"),
    ("sparkpost", changed("sparkpost", "options.sandbox", True), "Sandbox", "yes"),
]


@pytest.mark.parametrize("service,content,name,value", MARKED)
def test_what_is_no_mime_is_in_front(double, service, content, name, value):
    server = double("--user", api.USER, "--password", api.KEY)
    answer = server.send(service, content)
    assert answer.status in (200, 202), answer.text
    message, = server.messages()
    assert value in message.get_all(f"X-Double-{name}")


def test_a_template_needs_no_text(double):
    server = double()
    content = changed("postmark", "TextBody", None)
    for name in ("HtmlBody", "Subject", "Attachments"):
        del content[name]
    content.update(TemplateAlias="hello", TemplateModel={"name": "Bob"})
    answer = server.send("postmark", content, path="/email/withTemplate")
    assert answer.status == 200, answer.text
    message, = server.messages()
    assert message["X-Double-Template"] == 'hello; values={"name":"Bob"}'


def test_sandbox_modes(double):
    server = double("--user", api.USER, "--password", api.KEY)
    answer = server.send("sendgrid", changed("sendgrid", "mail_settings",
                                             {"sandbox_mode": {"enable": True}}))
    assert (answer.status, answer.text) == (200, "")
    assert server.send("postmark", key="POSTMARK_API_TEST").status == 200
    assert [m["X-Double-Sandbox"] for m in server.messages()] == ["yes", "yes"]


def test_each_personalization_is_a_message(double):
    server = double()
    content = api.sendgrid()
    content["personalizations"].append({"to": [{"email": "zoe@example.org"}], "subject": "Other"})
    assert server.send("sendgrid", content).status == 202
    assert [m["Subject"] for m in server.messages()] == [api.SUBJECT, "Other"]
    content["personalizations"][1]["to"][0]["email"] = "zoe@"
    assert server.send("sendgrid", content).status == 400
    assert len(server.messages()) == 2


def test_an_invitation_is_the_third_alternative(double):
    server = double()
    content = api.sendgrid()
    event = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
    content["content"].append({"type": "text/calendar; method=REQUEST", "value": event})
    assert server.send("sendgrid", content).status == 202
    message, = server.messages()
    alternatives, *files = message.iter_parts()
    assert [p.get_content_type() for p in alternatives.iter_parts()] == \
        ["text/plain", "text/html", "text/calendar"]
    assert body_of(message, "plain") == api.TEXT and body_of(message, "html") == api.HTML
    calendar = list(alternatives.iter_parts())[2]
    assert calendar.get_param("method") == "REQUEST"
    assert api.lines(calendar.get_content()) == api.lines(event)
    assert [(p.get_filename(), p.get_content_type(), p.get_payload(decode=True))
            for p in files[:2]] == api.FILES
    assert files[2]["Content-ID"] == f"<{api.IMAGE[0]}>"
    assert not message.defects


def test_idempotency(double):
    server = double()
    first = server.send("resend", Idempotency_Key="k1")
    again = server.send("resend", Idempotency_Key="k1")
    assert first.status == 200 and again.json == first.json
    assert server.messages()[0]["X-Double-Idempotency-Key"] == "k1"
    other = server.send("resend", changed("resend", "subject", "x"), Idempotency_Key="k1")
    assert (other.status, other.json["name"]) == (409, "invalid_idempotent_request")
    assert server.send("resend", Idempotency_Key="x" * 257).json["name"] == "invalid_idempotency_key"
    assert server.send("resend", Idempotency_Key="k2").json != first.json
    assert len(server.messages()) == 2


# Faults.

FAULTS = {
    "mailgun": {"bad-credentials": (401, "Forbidden"),
                "bad-data": (400, "to parameter is not a valid address"),
                "unverified-sender": (404, "Domain not found: example.com"),
                "rate-limit": (429, "try again after 120 seconds"),
                "quota": (429, "try again after Mon, 20 Dec 2021 20:33:21 UTC"),
                "server-error": (500, "message")},
    "sendgrid": {"bad-credentials": (401, "authorization grant is invalid"),
                 "bad-data": (400, "personalizations.1.to"),
                 "unverified-sender": (403, "does not match a verified Sender Identity"),
                 "rate-limit": (429, "too many requests"),
                 "quota": (401, "Maximum credits exceeded"), "server-error": (500, "errors")},
    "ses": {"bad-credentials": (403, "The security token included in the request is invalid."),
            "bad-data": (400, "Missing required header"),
            "unverified-sender": (400, "Email address is not verified."),
            "rate-limit": (429, "Maximum sending rate exceeded"),
            "quota": (400, "Daily message quota exceeded"), "server-error": (500, "message")},
    "postmark": {"bad-credentials": (401, '"ErrorCode":10,'), "bad-data": (422, '"ErrorCode":300,'),
                 "unverified-sender": (422, "is not a verified sender signature."),
                 "rate-limit": (429, '"ErrorCode":429'), "quota": (422, '"ErrorCode":405,'),
                 "server-error": (500, "Message"), "partial": (200, "inactive addresses: bob@")},
    "resend": {"bad-credentials": (403, "invalid_api_key"),
               "bad-data": (422, "missing_required_field"),
               "unverified-sender": (403, "domain is not verified"),
               "rate-limit": (429, "rate_limit_exceeded"), "quota": (429, "daily_quota_exceeded"),
               "server-error": (500, "application_error")},
    "sparkpost": {"bad-credentials": (401, "Unauthorized."), "bad-data": (422, '"code":"1400"'),
                  "unverified-sender": (400, '"code":"7001"'), "rate-limit": (429, "errors"),
                  "quota": (420, '"code":"2101"'), "server-error": (503, '"code":"1900"'),
                  "partial": (200, '"total_rejected_recipients":1')},
}


@pytest.mark.parametrize("service,kind", [(s, k) for s in FAULTS for k in FAULTS[s]])
def test_faults_of_the_services(double, service, kind):
    server = double("--fault", f"{service}: {kind}, first 1")
    status, words = FAULTS[service][kind]
    answer = server.send(service)
    assert answer.status == status and words in answer.text
    if service == "ses":
        assert answer.fields["x-amzn-ErrorType"]
    if (service, kind) == ("sendgrid", "rate-limit"):
        assert 0 < int(answer.fields["X-RateLimit-Reset"]) - time.time() <= 61
    if (service, kind) == ("resend", "rate-limit"):
        assert answer.fields["retry-after"] == "1"
    assert len(server.messages()) == (kind == "partial")
    check_success(service, server.send(service))


@pytest.mark.parametrize("service", SERVICES)
def test_faults_of_everybody(double, service):
    server = double(*(word for kind in ("gateway", "gateway 504", "empty 503", "empty", "redirect",
                                        "garbage") for word in ("--fault", f"*: {kind}, first 1")))
    answer = server.send(service)
    assert answer.status == 502 and "<h1>502 Bad Gateway</h1>" in answer.text
    assert answer.fields["Content-Type"] == "text/html"
    answer = server.send(service)
    assert answer.status == 504 and "504 Gateway Timeout" in answer.text
    answer = server.send(service)
    assert (answer.status, answer.text, answer.fields["X-Message-Id"]) == (503, "", None)
    assert not server.messages()
    answer = server.send(service)
    assert answer.status in (200, 202) and answer.text == ""
    assert len(server.messages()) == 1
    answer = server.send(service)
    assert answer.status == 302 and urlsplit(answer.fields["Location"]).hostname == "elsewhere.example"
    answer = server.send(service)
    assert answer.status == 200 and answer.text.startswith("<!DOCTYPE html>")
    assert len(server.messages()) == 1
    check_success(service, server.send(service))


def test_cut_connections(double):
    server = double("--fault", "resend: cut, first 1", "--fault", "resend: cut-early, first 1")
    with pytest.raises(http.client.RemoteDisconnected):
        server.send("resend")
    assert len(server.messages()) == 1  # it was taken, only nobody says so
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        server.send("resend")
    assert len(server.messages()) == 1
    assert server.send("resend").status == 200


def test_a_cut_answer_comes_again_with_its_key(double):
    server = double("--fault", "resend: cut, first 1")
    with pytest.raises(http.client.RemoteDisconnected):
        server.send("resend", Idempotency_Key="k1")
    assert server.send("resend", Idempotency_Key="k1").status == 200
    assert len(server.messages()) == 1


def test_an_answer_that_never_comes(double):
    server = double("--fault", "resend: hang, first 1")
    path, fields, body = api.request("resend", "127.0.0.1", api.resend())
    connection = server.connect()
    connection.request("POST", path, body, fields)
    connection.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    assert server.send("resend").status == 200  # others are served meanwhile
    status, _, err = server.server.end()        # and the end does not wait for it
    connection.close()
    assert (status, err) == (0, "")


@pytest.mark.parametrize("rule,words", [
    ("mailgum: rate-limit", "'mailgum' is no service (allowed: *, mailgun, "),
    ("mailgun: partial", "mailgun has no fault 'partial' (allowed: bad-credentials, "),
    ("*: rate", "has no fault 'rate' (allowed: bad-credentials, "),
    ("mailgun rate-limit", "not of the form SERVICE: KIND[, first N]"),
    ("mailgun: hang, first", "only 'first N' may follow the comma"),
    ("mailgun: hang, first 0", "N above 0"),
    ("mailgun: rate-limit 500", "only empty and gateway take a status"),
    ("mailgun: empty 99", "200 to 599"),
])
def test_rules_that_are_none(rule, words):
    done = tidymail("serve", "--api", "--listen", "127.0.0.1:0", "--fault", rule)
    assert done.status != 0 and words in done.err


def test_options_of_smtp_do_not_go_with_it():
    assert "options of SMTP" in tidymail("serve", "--api", "--lmtp").err
    assert "'*' at offset 0: no stage of a session" in tidymail("serve", "--fault", "*: hang").err


# HTTP.

def raw_talk(server, data, half=True):
    with socket.create_connection((server.host, server.port), timeout=TIMEOUT) as connection:
        connection.sendall(data)
        if half:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return stream.read().decode()


def raw_request(server, chunked=False, more=""):
    path, fields, body = api.request("resend", "x", api.resend())
    lines = [f"POST {path} HTTP/1.1", "Host: x", *(f"{n}: {v}" for n, v in fields.items())]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[i:i + 700] for i in range(0, len(body), 700)]
        body = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\nX-T: 1\r\n\r\n"
    else:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + f"\r\n{more}\r\n").encode() + body


def test_chunked_pipelined_kept_alive(double):
    server = double()
    said = raw_talk(server, raw_request(server, chunked=True) + raw_request(server) +
                    raw_request(server, more="Connection: close\r\n"), half=False)
    assert said.count("HTTP/1.1 200 OK\r\n") == 3
    assert said.count("Connection: keep-alive\r\n") == 2 and said.count("Connection: close\r\n") == 1
    assert len(server.messages()) == 3


def test_continue_is_said(double):
    server = double()
    whole = raw_request(server, more="Expect: 100-continue\r\nConnection: close\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")
    with socket.create_connection((server.host, server.port), timeout=TIMEOUT) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        with connection.makefile("rb") as stream:
            assert stream.read().startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("head,status", [
    ("GET / HTTP/2.0\r\n\r\n", 505), ("GET /\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400), ("GET / HTTP/1.1\nHost: a\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", 413),
    ("POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\nx", 417),
    ("GET /" + "x" * 20000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 20000 + "\r\n\r\n", 431),
    ("GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 101 + "\r\n", 431),
    ("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404),
])
def test_requests_that_are_none(shared, head, status):
    said = raw_talk(shared, head.encode())
    assert said.startswith(f"HTTP/1.1 {status} ")
    assert len(re.findall(r"HTTP/1\.1 \d", said)) == 1


def test_https(serve):
    server = serve("--api", "--implicit-tls")
    url, _, ca = server.url.partition("?ca=")
    assert url.startswith("https://127.0.0.1:")
    line = server.process.stdout.readline().decode().rstrip("\n")
    assert line.endswith(f"?endpoint={url}&ca={ca}")
    context = ssl.create_default_context(cafile=unquote(ca))
    path, fields, body = api.request("resend", "x", api.resend())
    connection = http.client.HTTPSConnection("127.0.0.1", urlsplit(url).port, timeout=TIMEOUT,
                                             context=context)
    connection.request("POST", path, body, fields)
    assert connection.getresponse().status == 200
    connection.close()
    _, out, _ = server.end()
    assert ", TLS" in out


@pytest.mark.parametrize("service", SERVICES)
def test_keys_are_in_no_output(double, service):
    server = double("--trace", "--user", api.USER, "--password", api.KEY)
    server.send(service)
    server.send(service, key="an0ther-secret")
    server.send(service, b"{ s3cret-in-the-body")
    _, out, err = server.server.end()
    log = "\n".join(line for line in out.splitlines() if "://" not in line) + err
    assert "POST " in err
    for secret in (api.KEY, "an0ther-secret", api.b64(f"api:{api.KEY}".encode()), "s3cret"):
        assert secret not in log
