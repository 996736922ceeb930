/* test_provider_mailgun.c: requests to Mailgun, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define BOUNDARY "tidymail-0102030405060708090a0b0c0d0e0fff"
#define SMALL "from=s@d.org|to=a@x.org|subject=Hi|text=t|"

/* `expected`: the fields, each with "|" behind it: name=value, files as name(file name, type)=bytes;
 * words of the refusal where it begins with "!". */
static const struct provider_build_case builds[] = {
    {"+", SMALL},
    {"from \"Odes\xc3\xadlatel, z\" <s@d.org>\nto A \xc3\x84 <a@x.org>\nto \"Lee, Ann\" "
     "<a2@x.org>\n"
     "cc C <c@x.org>\nbcc b@x.org\nreply-to R <r@d.org>\nreply-to q@d.org\n"
     "subject Gr\xc3\xbc\xc3\x9f"
     "e\ntext t\nhtml <p>t</p>\nheader X-Kind: t\xc3\xa4st\nheader Message-ID: <1@d.org>\n"
     "tag k\ntag l m\nmeta order=7\nopens on\nclicks off\nsandbox 1\nsend-at 1764003661\n"
     "attach r\xc3\xa4\"1.txt text/plain hi\nattach - application/pdf %PDF\n"
     "inline a.png image/png logo x\noption inline-names=no",
     "from==?utf-8?Q?Odes=C3=ADlatel=2C_z?= <s@d.org>|to=A \xc3\x84 <a@x.org>|"
     "to=\"Lee, Ann\" <a2@x.org>|cc=C <c@x.org>|bcc=b@x.org|"
     "h:Reply-To=R <r@d.org>, q@d.org|subject=Gr\xc3\xbc\xc3\x9f"
     "e|text=t|html=<p>t</p>|h:Message-Id=<1@d.org>|h:X-Kind=t\xc3\xa4st|"
     "attachment(r\xc3\xa4%221.txt, text/plain; charset=us-ascii)=hi|"
     "attachment(attachment.pdf, application/pdf)=%PDF|inline(logo, image/png)=x|"
     "o:tag=k|o:tag=l m|v:order=7|o:tracking-opens=yes|o:tracking-clicks=no|"
     "o:deliverytime=Mon, 24 Nov 2025 17:01:01 +0000|o:testmode=yes|"},
    {"from s@d.org\nto a@x.org\ntemplate welcome {\"n\": [1]}\noption template-version=v2\n"
     "option template-text=yes",
     "from=s@d.org|to=a@x.org|template=welcome|t:variables={\"n\": [1]}|t:text=yes|"
     "t:version=v2|"},
    {"+clicks on\noption tracking-clicks=htmlonly\noption require-tls=yes\noption dkim=no\n"
     "option deliver-within=1h30m\noption sending-ip=192.0.2.1\n"
     "option recipient-variables={\"a@x.org\":{}}\n"
     "option extra={\"o:new\": \"yes\", \"o:list\": [\"a\", 1], \"v:j\": {\"a\": 1}}",
     SMALL "o:deliver-within=1h30m|o:dkim=no|recipient-variables={\"a@x.org\":{}}|"
           "o:require-tls=yes|o:sending-ip=192.0.2.1|o:tracking-clicks=htmlonly|o:new=yes|"
           "o:list=a|o:list=1|v:j={\"a\":1}|"},
    {"raw From: s@d.org\\nTo: a@x.org\\nCc: b@x.org\\nSubject: Hi\\n\\nx\\n\ntag k",
     "to=a@x.org|to=b@x.org|message(message.mime, message/rfc822)=From: s@d.org\r\nTo: a@x.org\r\n"
     "Cc: b@x.org\r\nSubject: Hi\r\n\r\nx\r\n|o:tag=k|"},
    {"raw From: s@d.org\\nTo: a@x.org\\nSubject: Hi\\n\\nx\\n\nenvelope-to z@x.org",
     "to=z@x.org|message(message.mime, message/rfc822)=From: s@d.org\r\nTo: a@x.org\r\n"
     "Subject: Hi\r\n\r\nx\r\n|"},
    {"from s@d.org\ncc a@x.org\nsubject Hi\ntext t", "!to: Mailgun does not send a message that"},
    {"from s@d.org\nto a@x.org\nsubject Hi\noption amp-html=<html/>",
     "from=s@d.org|to=a@x.org|subject=Hi|amp-html=<html/>|"},
    {"from \xc3\xa4@d.org\nto a@x.org\nsubject Hi", "!from: Mailgun takes no From address"},
    {"from s@d.org\nto a@x.org\ntemplate x [1]", "!template values: not a JSON object"},
    {"from \xc3\xa4@d.org\nto a@x.org\nsubject Hi\ntext t", "!from: Mailgun takes no From address"},
    {"+send-at 1764604801", "!scheduled sending: Mailgun keeps a message 7 days"},
    {"+tag \xc3\xa4", "!tags: Mailgun takes 128 characters of ASCII"},
    {"+tag 1\ntag 2\ntag 3\ntag 4\ntag 5\ntag 6\ntag 7\ntag 8\ntag 9\ntag 10\ntag 11",
     "!tags: 11 are more than Mailgun takes in one message (10)"},
    {"+header X-A: 1\nheader x-a: 2", "!header field x-a: Mailgun takes it only once"},
    {"+envelope-from b@d.org", "!envelope: Mailgun makes the reverse-path itself"},
    {"+envelope-to b@d.org\noption amp-html=x",
     "!option amp-html: Mailgun does not take this with"},
    {"+option extra=[1]", "!option extra: not a JSON object"},
    {"+key 7d0", "!idempotency keys: Mailgun does not take this"},
    {"+option dkin=yes", "!Mailgun has no option \"dkin\", did you mean dkim?"},
    {"+option dkim=perhaps", "!option dkim of Mailgun: not yes or no"},
    /* a name that is the Content-ID, and none, are no reason for MIME */
    {"+html h\ninline logo image/png logo x\ninline - image/png l2 y",
     SMALL "html=h|inline(logo, image/png)=x|inline(l2, image/png)=y|"},
    {"+html h\ninline a.png image/png logo x\noption amp-html=<p>x</p>",
     "!file names of inline images beside their Content-IDs: Mailgun does not take this with the "
     "option amp-html"},
    {"+html h\ninline a.png image/png logo x\noption recipient-variables={}",
     "!Mailgun does not take this with the option recipient-variables"},
    {"from s@d.org\nto a@x.org\nhtml h\ninline a.png image/png logo x\ntemplate t",
     "!Mailgun does not take this with a template"},
    {"+described a.txt text/plain - Words\ntemplate t",
     "!descriptions of files, and Content-IDs of those that are not inline: Mailgun does not take "
     "this with a template"},
};

/* The value of name="..." in a part's head; it ends there. */
static void add_parameter(struct tdm_buf *out, const char *head, const char *name)
{
    const char *at = strstr(head, name);
    if (at != NULL) {
        at += strlen(name);
        tdm_buf_add(out, at, strcspn(at, "\"\r"));
    }
}

/* The request's body as the table writes it. */
static void read_form(const struct tdm_http_request *request, struct tdm_buf *out)
{
    static const char mark[] = "--" BOUNDARY "\r\n";
    const char *at = tdm_buf_text(&request->body);
    while (strncmp(at, mark, strlen(mark)) == 0) {
        const char *head = at + strlen(mark);
        const char *value = strstr(head, "\r\n\r\n");
        const char *end = strstr(head, "\r\n--" BOUNDARY);
        assert_true(value != NULL && end != NULL && value < end);
        struct tdm_buf fields;
        tdm_buf_init(&fields, NULL, 1 << 20);
        tdm_buf_add(&fields, head, (size_t)(value - head));
        const char *text = tdm_buf_text(&fields);
        assert_int_equal(strncmp(text, "Content-Disposition: form-data; name=\"", 38), 0);
        add_parameter(out, text, "; name=\"");
        if (strstr(text, "; filename=\"") != NULL) {
            tdm_buf_add_char(out, '(');
            add_parameter(out, text, "; filename=\"");
            tdm_buf_add_str(out, ", ");
            add_parameter(out, text, "\r\nContent-Type: ");
            tdm_buf_add_char(out, ')');
        }
        tdm_buf_add_char(out, '=');
        tdm_buf_add(out, value + 4, (size_t)(end - value - 4));
        tdm_buf_add_char(out, '|');
        tdm_buf_clear(&fields);
        at = end + 2;
    }
    assert_string_equal(at, "--" BOUNDARY "--\r\n");
}

static void the_message_becomes_a_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(builds); i++) {
        struct provider_case c;
        const struct provider_build_case *row = &builds[i];
        provider_case_open(&c, &tdm_provider_mailgun, "", row->message, NULL);
        if (row->expected[0] == '!') {
            if (c.kind != TIDYMAIL_KIND_MESSAGE ||
                strstr(tidymail_error_message(&c.error), row->expected + 1) == NULL) {
                fail_msg("%s\nkind %d: %s", row->message, c.kind, tidymail_error_message(&c.error));
            }
        } else {
            struct tdm_buf got;
            if (c.kind != TIDYMAIL_OK) {
                fail_msg("%s: %s", row->message, tidymail_error_message(&c.error));
            }
            tdm_buf_init(&got, NULL, 1 << 20);
            read_form(&c.request, &got);
            assert_string_equal(tdm_buf_text(&got), row->expected);
            tdm_buf_clear(&got);
        }
        provider_case_close(&c);
    }
}

/* What only MIME says, in which Bcc does not stand. */
static void the_rest_goes_as_mime(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "from s@d.org\nto a@x.org\nbcc b@x.org\nsubject Hi\nattach a.txt text/plain hi",
        "from s@d.org\nto a@x.org\nbcc b@x.org\nsubject Hi\ntext ", "+bcc b@x.org\nsender b@d.org",
        "+bcc b@x.org\nenvelope-to a@x.org",
        "+bcc b@x.org\ncalendar BEGIN:VCALENDAR\\nMETHOD:REQUEST\\nEND:VCALENDAR\\n"};
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct provider_case c;
        provider_case_open(&c, &tdm_provider_mailgun, "", messages[i], NULL);
        assert_int_equal(c.kind, TIDYMAIL_OK);
        assert_string_equal(c.request.path, "/v3/d.org/messages.mime");
        assert_non_null(strstr(tdm_buf_text(&c.request.body), "\r\nFrom: s@d.org\r\n"));
        assert_null(strstr(tdm_buf_text(&c.request.body), "Bcc"));
        provider_case_close(&c);
    }
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_mailgun, "", "+", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://api.mailgun.net");
    assert_string_equal(c.request.path, "/v3/d.org/messages");
    /* api:KEY-0123456789 */
    assert_string_equal(provider_case_field(&c, "Authorization"), "Basic YXBpOktFWS0wMTIzNDU2Nzg5");
    assert_string_equal(provider_case_field(&c, "Content-Type"),
                        "multipart/form-data; boundary=" BOUNDARY);
    for (size_t i = 0; i < c.request.fields.count; i++) {
        assert_int_equal(c.request.fields.items[i].secret,
                         strcmp(c.request.fields.items[i].name, "Authorization") == 0);
    }
    /* a domain is one segment of the path */
    c.account.host = "a/b.example";
    tdm_http_request_clear(&c.request);
    tdm_http_request_init(&c.request, NULL);
    assert_int_equal(tdm_provider_mailgun.build(&c.job, &c.request, &c.error), TIDYMAIL_OK);
    assert_string_equal(c.request.path, "/v3/a%2Fb.example/messages");
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_mailgun, "eu", "+", NULL);
    assert_string_equal(c.request.origin, "https://api.eu.mailgun.net");
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_mailgun, "mars", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
}

#define MESSAGE(text) "{\"message\":\"" text "\"}"

static const struct provider_answer_case answers[] = {
    {200, NULL,
     "{\"id\":\"<20111114174239.25659.5817@samples.mailgun.org>\",\"message\":\"Queued. Thank "
     "you.\"}",
     "sss", TIDYMAIL_OK, 0, -1, "", NULL, "<20111114174239.25659.5817@samples.mailgun.org>", NULL},
    {200, "Content-Type: text/plain\n", "Mailgun Magnificent API", "fff", TIDYMAIL_KIND_PERMANENT,
     0, -1, "", "domain and the endpoint", NULL, "Mailgun Magnificent API"},
    {401, "Content-Type: text/plain\n", "Forbidden", "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "",
     "region=eu", NULL, "Forbidden"},
    {401, NULL, MESSAGE("Invalid private key"), "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "",
     "region=eu", NULL, "Invalid private key"},
    {400, NULL, MESSAGE("to parameter is not a valid address. please check documentation"), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "", "recipient", NULL, "to parameter"},
    {400, NULL, MESSAGE("'from' parameter is not a valid address. please check documentation"),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "From", NULL, NULL},
    {400, NULL, MESSAGE("from parameter is missing"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "",
     "mend that", NULL, "from parameter is missing"},
    {400, NULL, MESSAGE("Too many recipients, max is 1000"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "", "mend that", NULL, "Too many recipients"},
    {403, NULL,
     MESSAGE("Domain sandboxX.mailgun.org is not allowed to send: Sandbox subdomains are for test "
             "purposes only. Please add your own domain or add the address to authorized "
             "recipients in Account Settings."),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "authorized recipients", NULL, "Sandbox"},
    {400, NULL,
     MESSAGE("Domain sandboxX.mailgun.org is not allowed to send: Sandbox subdomains are for test "
             "purposes only."),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "authorized recipients", NULL, NULL},
    {402, NULL, MESSAGE("Request Failed"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "plan", NULL,
     NULL},
    {403, NULL, MESSAGE("Domain example is not allowed to send large batches yet"), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "", "smaller batches", NULL, NULL},
    {403, NULL, MESSAGE("Domain example.com is not allowed to send: the domain is disabled"), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "", "support", NULL, NULL},
    {403, NULL, MESSAGE("Forbidden"), "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "",
     "right to send", NULL, NULL},
    {404, NULL, MESSAGE("Domain not found: example.com"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "",
     "region=eu", NULL, "example.com"},
    {413, NULL, MESSAGE("request size exceeds 52.4MiB limit"), "fff", TIDYMAIL_KIND_PERMANENT, 0,
     -1, "", "attachments", NULL, NULL},
    {429, NULL,
     MESSAGE("Domain example.com is not allowed to send: account-requests-per-sec limit exceeded, "
             "try again after 120 seconds"),
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, 120, "", "slower", NULL, "120 seconds"},
    {429, NULL,
     MESSAGE("Domain example.com is not allowed to send: recipient limit exceeded, try again after "
             "Mon, 24 Nov 2025 17:00:30 UTC"),
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, 3630, "", "period", NULL, NULL},
    {429, NULL,
     MESSAGE("Domain example.com is not allowed to send: recipient limit exceeded, try again after "
             "Mon, 20 Dec 2021 20:33:21 UTC"),
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, 0, "", "period", NULL, NULL},
    {429, "Retry-After: 7\n", MESSAGE("try again after a while"), "fff", TIDYMAIL_KIND_TEMPORARY, 1,
     7, "", "slower", NULL, NULL},
    {429, NULL, MESSAGE("try again after a while"), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "",
     "slower", NULL, NULL},
    {500, NULL, "{\"id\":\"<1@example.com>\",\"message\":\"Queued. Thank you.\"}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL, NULL},
    {200, NULL, "yikes, this isn't a real response", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "",
     "log", NULL, "yikes"},
};

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_mailgun, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_mailgun);
}

static void options_have_a_limit(void **state)
{
    (void)state;
    for (int over = 0; over <= 1; over++) {
        struct tdm_buf text;
        struct provider_case c;
        tdm_buf_init(&text, NULL, 1 << 20);
        tdm_buf_add_str(&text, "+meta n=");
        for (int i = 0; i < 16 * 1024 - 3 + over; i++) {
            tdm_buf_add_char(&text, 'x');
        }
        provider_case_open(&c, &tdm_provider_mailgun, "", tdm_buf_text(&text), NULL);
        assert_int_equal(c.kind, over ? TIDYMAIL_KIND_MESSAGE : TIDYMAIL_OK);
        provider_case_close(&c);
        tdm_buf_clear(&text);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_mailgun, builds[1].message, &answers[0]);
    provider_case_allocations(&tdm_provider_mailgun, builds[2].message, &answers[1]);
    provider_case_allocations(&tdm_provider_mailgun, builds[3].message, &answers[16]);
    provider_case_allocations(&tdm_provider_mailgun, builds[4].message, &answers[4]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_a_form),
        cmocka_unit_test(the_rest_goes_as_mime),
        cmocka_unit_test(the_request_goes_to_the_service),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(options_have_a_limit),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
