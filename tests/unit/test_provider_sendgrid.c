/* test_provider_sendgrid.c: requests to SendGrid, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define FROM "\"from\":{\"email\":\"s@d.org\"}"
#define TO "\"personalizations\":[{\"to\":[{\"email\":\"a@x.org\"}]}]"
#define TEXT "\"subject\":\"Hi\",\"content\":[{\"type\":\"text/plain\",\"value\":\"t\"}]"
#define SMALL FROM "," TO "," TEXT

static const struct provider_build_case builds[] = {
    {"+", "{" SMALL "}"},
    {"from \"Odes\xc3\xadlatel, z\" <s@d.org>\nto A <a@x.org>\nto a2@x.org\ncc C <c@x.org>\n"
     "bcc b@x.org\nreply-to \"R, r\" <r@d.org>\nreply-to q@d.org\nsubject Gr\xc3\xbc\xc3\x9f"
     "e\ntext t\nhtml <p>t</p>\nheader X-Kind: t\xc3\xa4st\nheader Message-ID: <1@d.org>\n"
     "tag k\ntag l m\nmeta order=7\nopens on\nclicks off\nsandbox 1\nsend-at 1764003661\n"
     "attach r\xc3\xa4.txt text/plain hi\nattach - application/pdf %PDF\n"
     "inline a.png image/png logo x",
     "{\"from\":{\"email\":\"s@d.org\",\"name\":\"Odes\xc3\xadlatel, z\"},"
     "\"personalizations\":[{\"to\":[{\"email\":\"a@x.org\",\"name\":\"A\"},"
     "{\"email\":\"a2@x.org\"}],\"cc\":[{\"email\":\"c@x.org\",\"name\":\"C\"}],"
     "\"bcc\":[{\"email\":\"b@x.org\"}]}],"
     "\"reply_to_list\":[{\"email\":\"r@d.org\",\"name\":\"R, r\"},{\"email\":\"q@d.org\"}],"
     "\"subject\":\"Gr\xc3\xbc\xc3\x9f"
     "e\",\"content\":[{\"type\":\"text/plain\",\"value\":\"t\"},"
     "{\"type\":\"text/html\",\"value\":\"<p>t</p>\"}],"
     "\"headers\":{\"X-Kind\":\"t\xc3\xa4st\",\"Message-ID\":\"<1@d.org>\"},"
     "\"categories\":[\"k\",\"l m\"],\"custom_args\":{\"order\":\"7\"},"
     "\"tracking_settings\":{\"click_tracking\":{\"enable\":false},"
     "\"open_tracking\":{\"enable\":true}},\"send_at\":1764003661,"
     "\"mail_settings\":{\"sandbox_mode\":{\"enable\":true}},"
     "\"attachments\":[{\"content\":\"aGk=\",\"type\":\"text/plain; charset=us-ascii\","
     "\"filename\":\"r\xc3\xa4.txt\"},{\"content\":\"JVBERg==\",\"type\":\"application/pdf\","
     "\"filename\":\"attachment.pdf\"},{\"content\":\"eA==\",\"type\":\"image/png\","
     "\"filename\":\"a.png\",\"disposition\":\"inline\",\"content_id\":\"logo\"}]}"},
    /* an address is there once, and the recipient's place is the first one */
    {"+to A@x.org\ncc a@x.org\ncc c@x.org\nbcc C@X.org\nbcc d@x.org",
     "{" FROM "," TEXT ",\"personalizations\":[{\"to\":[{\"email\":\"a@x.org\"}],"
     "\"cc\":[{\"email\":\"c@x.org\"}],\"bcc\":[{\"email\":\"d@x.org\"}]}]}"},
    /* an empty text is refused by the service */
    {"from s@d.org\nto a@x.org\nsubject Hi\ntext \nhtml x",
     "{" FROM "," TO ",\"subject\":\"Hi\",\"content\":[{\"type\":\"text/html\",\"value\":\"x\"}]}"},
    {"from s@d.org\nto a@x.org\ntemplate d-12 {\"n\": [1]}",
     "{" FROM ",\"personalizations\":[{\"to\":[{\"email\":\"a@x.org\"}],"
     "\"dynamic_template_data\":{\"n\":[1]}}],\"template_id\":\"d-12\"}"},
    {"+template 5997fcf6 {\":n\": \"x\", \":i\": 1}",
     "{" FROM "," TEXT ",\"personalizations\":[{\"to\":[{\"email\":\"a@x.org\"}],"
     "\"substitutions\":{\":n\":\"x\",\":i\":\"1\"}}],\"template_id\":\"5997fcf6\"}"},
    {"from s@d.org\nto a@x.org\ntemplate 5997 {\"n\": 1}\noption dynamic-template=yes",
     "{" FROM ",\"personalizations\":[{\"to\":[{\"email\":\"a@x.org\"}],"
     "\"dynamic_template_data\":{\"n\":1}}],\"template_id\":\"5997\"}"},
    {"+opens off\nsandbox 1\noption asm-group-id=1\noption asm-groups-to-display=[1,2]\n"
     "option batch-id=b\noption bypass-list-management=yes\noption footer=yes\n"
     "option footer-text=f\noption ip-pool-name=transactional\noption open-tracking-tag=%o\n"
     "option subscription-tracking=yes\noption extra={\"asm\": {\"later\": 3}}",
     "{" SMALL ",\"asm\":{\"group_id\":1,\"groups_to_display\":[1,2],\"later\":3},"
     "\"batch_id\":\"b\",\"mail_settings\":{\"bypass_list_management\":{\"enable\":true},"
     "\"footer\":{\"enable\":true,\"text\":\"f\"},\"sandbox_mode\":{\"enable\":true}},"
     "\"ip_pool_name\":\"transactional\",\"tracking_settings\":{\"open_tracking\":"
     "{\"enable\":false,\"substitution_tag\":\"%o\"},\"subscription_tracking\":"
     "{\"enable\":true}}}"},
    {"+to \"Lee, Ann\" <n@x.org>", "!to: the name of <n@x.org> has a comma or semicolon, which"},
    {"+cc \"Lee; Ann\" <n@x.org>", "!cc: the name of <n@x.org> has a comma or semicolon"},
    {"from s@d.org\ncc a@x.org\nsubject Hi\ntext t", "!to: SendGrid does not send a message that"},
    {"from s@d.org\nto a@x.org\ntext t", "!subject: SendGrid does not send"},
    {"from s@d.org\nto a@x.org\nsubject Hi\ntext ", "!text: SendGrid does not send"},
    {"+template d-12", "!template: SendGrid passes over text and HTML"},
    {"from s@d.org\nto a@x.org\ntemplate d-12 [1]", "!template values: not a JSON object"},
    {"+send-at 1764259201", "!scheduled sending: SendGrid keeps a message 72 hours at most"},
    {"+header X-SG-EID: 1", "!header field X-SG-EID: SendGrid does not take it"},
    {"+header X-A: 1\nheader x-a: 2", "!header field x-a: SendGrid takes it only once"},
    {"+tag 1\ntag 2\ntag 3\ntag 4\ntag 5\ntag 6\ntag 7\ntag 8\ntag 9\ntag 10\ntag 11",
     "!tags: 11 are more than SendGrid takes in one message (10)"},
    {"+key 7d0", "!idempotency keys: SendGrid does not take this"},
    {"raw From: s@d.org\\nTo: a@x.org\\n\\nx", "!ready-made or signed messages"},
    {"+sender b@d.org", "!a Sender beside From: SendGrid does not take this"},
    {"+to \xc3\xa4@x.org", "!addresses in UTF-8: SendGrid does not take this"},
    {"+envelope-from b@d.org", "!an envelope of one's own"},
    {"+option ip-pool=x", "!SendGrid has no option \"ip-pool\", did you mean ip-pool-name?"},
};

#define ERROR(message, field)                                                                      \
    "{\"errors\":[{\"message\":\"" message "\",\"field\":" field ",\"help\":null}]}"

static const struct provider_answer_case answers[] = {
    {202, "X-Message-Id: Ua9z9lSTSaqYBWJe_Xfc-Q\n", "", "sss", TIDYMAIL_OK, 0, -1, "", NULL,
     "Ua9z9lSTSaqYBWJe_Xfc-Q", NULL},
    {202, NULL, "", "sss", TIDYMAIL_OK, 0, -1, "", NULL, NULL, NULL},
    {202, NULL, "<html></html>", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL, NULL},
    {401, NULL, ERROR("The provided authorization grant is invalid, expired, or revoked", "null"),
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "", "SG.", NULL, "invalid, expired"},
    {401, NULL, ERROR("Maximum credits exceeded", "null"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "", "plan", NULL, "Maximum credits exceeded"},
    {403, NULL,
     ERROR("The from address does not match a verified Sender Identity. Mail cannot be sent until "
           "this error is resolved. Visit "
           "https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the "
           "Sender Identity requirements",
           "\"from\""),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "verify the From", NULL, "from: The from address"},
    {403, NULL, ERROR("access forbidden", "null"), "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "",
     "right to send", NULL, "access forbidden"},
    {400, NULL,
     "{\"errors\":[{\"message\":\"The to array is required for all personalization objects, and "
     "must have at least one email object with a valid email address.\",\"field\":"
     "\"personalizations.1.to\",\"help\":\"http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/"
     "errors.html#message.personalizations.to\"}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "recipient", NULL, "personalizations.1.to: The"},
    {400, NULL,
     ERROR("Each email address in the personalization block should be unique between to, cc, and "
           "bcc. We found the first duplicate instance of [x] in the personalizations.0.cc field.",
           "\"personalizations.0\""),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "mend that", NULL, "unique between"},
    {400, NULL, ERROR("Does not contain a valid address.", "\"from.email\""), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "", "From", NULL, NULL},
    {400, NULL,
     ERROR("The content value must be a string at least one character in length.",
           "\"content.0.value\""),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "mend that", NULL, "content.0.value: The content"},
    {400, NULL,
     "{\"errors\":[{\"message\":\"Helpful explanation\",\"field\":\"subject\",\"help\":null},"
     "{\"message\":\"Another error\",\"field\":null,\"help\":null}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "mend that", NULL,
     "subject: Helpful explanation; Another error"},
    {400, NULL, ERROR("Bad Request", "null"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", NULL, NULL,
     "Bad Request"},
    {413, NULL, ERROR("The payload is too large", "null"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "", "attachments", NULL, NULL},
    {429, "X-RateLimit-Limit: 600\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1764000042\n",
     "{\"errors\":[{\"field\":null,\"message\":\"too many requests\"}]}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, 42, "", "slower", NULL, "too many requests"},
    {403, NULL, ERROR("temporarily blocked due to repeated bad requests", "null"), "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "", "bad requests", NULL, NULL},
    {500, NULL, ERROR("Internal Server Error", "null"), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "",
     NULL, NULL, NULL},
    {500, NULL, "Ack! Bad proxy!", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL,
     "Ack! Bad proxy!"},
    /* the sandbox's answer to what was not for the sandbox */
    {200, NULL, "", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL, NULL},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_sendgrid, builds, COUNT(builds));
}

static void an_invitation_is_a_third_content(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_sendgrid, "",
                       "+calendar BEGIN:VCALENDAR\\nMETHOD:REQUEST\\nEND:VCALENDAR\\n", NULL);
    assert_int_equal(c.kind, TIDYMAIL_OK);
    assert_non_null(strstr(tdm_buf_text(&c.request.body),
                           "{\"type\":\"text/calendar; method=REQUEST\",\"value\":\"BEGIN:"));
    assert_non_null(strstr(tdm_buf_text(&c.request.body), "\"filename\":\"invite.ics\""));
    provider_case_close(&c);
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_sendgrid, "", "+option on-behalf-of=sub", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://api.sendgrid.com");
    assert_string_equal(c.request.path, "/v3/mail/send");
    assert_string_equal(provider_case_field(&c, "Authorization"), "Bearer " PROVIDER_CASE_KEY);
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    assert_string_equal(provider_case_field(&c, "Accept"), "application/json");
    assert_string_equal(provider_case_field(&c, "On-Behalf-Of"), "sub");
    assert_int_equal(c.request.fields.items[0].secret, 1);
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_sendgrid, "eu", "+", NULL);
    assert_string_equal(c.request.origin, "https://api.eu.sendgrid.com");
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_sendgrid, "mars", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_sendgrid, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_sendgrid);
}

static void the_sandbox_answers_200(void **state)
{
    (void)state;
    struct provider_case c;
    struct tdm_http_response response;
    provider_case_open(&c, &tdm_provider_sendgrid, "", "+sandbox 1", NULL);
    tdm_http_response_init(&response, NULL);
    response.status = 200;
    tidymail_report *report = tdm_report_new(NULL, c.mail.recipients, c.mail.recipient_count);
    tdm_provider_sendgrid.parse(&c.job, &response, report);
    assert_int_equal(report->recipients[0].outcome, TIDYMAIL_SENT);
    assert_int_equal(report->error.kind, TIDYMAIL_OK);
    tidymail_report_free(report);
    tdm_http_response_clear(&response);
    provider_case_close(&c);
}

static void marks_have_limits(void **state)
{
    (void)state;
    for (int over = 0; over <= 1; over++) {
        static const char *const before[] = {"+tag ", "+meta n="};
        static const int lengths[] = {255, 9999};
        for (int k = 0; k < 2; k++) {
            struct tdm_buf text;
            struct provider_case c;
            tdm_buf_init(&text, NULL, 1 << 20);
            tdm_buf_add_str(&text, before[k]);
            for (int i = 0; i < lengths[k] + over; i++) {
                tdm_buf_add_char(&text, 'x');
            }
            provider_case_open(&c, &tdm_provider_sendgrid, "", tdm_buf_text(&text), NULL);
            assert_int_equal(c.kind, over ? TIDYMAIL_KIND_MESSAGE : TIDYMAIL_OK);
            provider_case_close(&c);
            tdm_buf_clear(&text);
        }
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_sendgrid, builds[1].message, &answers[0]);
    provider_case_allocations(&tdm_provider_sendgrid, builds[5].message, &answers[11]);
    provider_case_allocations(&tdm_provider_sendgrid, builds[7].message, &answers[14]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(an_invitation_is_a_third_content),
        cmocka_unit_test(the_request_goes_to_the_service),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(the_sandbox_answers_200),
        cmocka_unit_test(marks_have_limits),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
