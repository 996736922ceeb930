/* test_provider_brevo.c: requests to Brevo, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct provider_build_case builds[] = {
    {"+", "{\"sender\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","
          "\"textContent\":\"t\",\"htmlContent\":\"t\"}"},
    {"+option html-from-text=no",
     "{\"sender\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","
     "\"textContent\":\"t\"}"},
    {"from s@d.org\nto a@x.org\nsubject Hi\ntext 1 < 2 & 3\\n> \"x\"\\n",
     "{\"sender\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","
     "\"textContent\":\"1 < 2 & 3\\n> \\\"x\\\"\\n\","
     "\"htmlContent\":\"1 &lt; 2 &amp; 3<br>\\n&gt; \\\"x\\\"<br>\\n\"}"},
    {"from S <s@d.org>\nto A <a@x.org>\nto a2@x.org\ncc C <c@x.org>\nbcc b@x.org\n"
     "reply-to R <r@d.org>\nsubject Gr\xc3\xbc\xc3\x9f"
     "e\ntext t\nhtml <p>t</p>\n"
     "header X-Kind: t\xc3\xa4st\nheader In-Reply-To: <1@d.org>\ntag k\ntag l\nmeta order=7\n"
     "meta \xc3\xa4=b\nkey 7d0\nsandbox 1\nsend-at 1764003661\nattach r\xc3\xa4.txt text/plain hi\n"
     "attach - application/pdf %PDF",
     "{\"sender\":{\"email\":\"s@d.org\",\"name\":\"S\"},"
     "\"to\":[{\"email\":\"a@x.org\",\"name\":\"A\"},{\"email\":\"a2@x.org\"}],"
     "\"cc\":[{\"email\":\"c@x.org\",\"name\":\"C\"}],\"bcc\":[{\"email\":\"b@x.org\"}],"
     "\"replyTo\":{\"email\":\"r@d.org\",\"name\":\"R\"},\"subject\":\"Gr\xc3\xbc\xc3\x9f"
     "e\","
     "\"textContent\":\"t\",\"htmlContent\":\"<p>t</p>\",\"tags\":[\"k\",\"l\"],"
     "\"headers\":{\"X-Kind\":\"=?utf-8?B?dMOkc3Q=?=\",\"In-Reply-To\":\"<1@d.org>\","
     "\"X-Mailin-custom\":\"{\\\"order\\\":\\\"7\\\",\\\"\\\\u00E4\\\":\\\"b\\\"}\","
     "\"idempotencyKey\":\"7d0\",\"X-Sib-Sandbox\":\"drop\"},"
     "\"scheduledAt\":\"2025-11-24T17:01:01.000+00:00\","
     "\"attachment\":[{\"name\":\"r\xc3\xa4.txt\",\"content\":\"aGk=\"},"
     "{\"name\":\"attachment.pdf\",\"content\":\"JVBERg==\"}]}"},
    {"from \"Odes\xc3\xadlatel, z\" <s@d.org>\nto \"Lee, Ann\" <a@x.org>\nsubject Hi\nhtml x",
     "{\"sender\":{\"email\":\"s@d.org\",\"name\":\"=?utf-8?Q?Odes=C3=ADlatel=2C_z?=\"},"
     "\"to\":[{\"email\":\"a@x.org\",\"name\":\"Lee, Ann\"}],\"subject\":\"Hi\","
     "\"htmlContent\":\"x\"}"},
    {"from s@d.org\nto a@x.org\ntemplate 12 {\"n\": [1]}",
     "{\"sender\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"templateId\":12,"
     "\"params\":{\"n\":[1]}}"},
    {"+option sender-ip=192.0.2.1\noption batch-id=5c6c\noption params={\"a\":1}\n"
     "option extra={\"replyTo\": {\"id\": 3}, \"headers\": {\"X\": \"y\"}}",
     "{\"sender\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","
     "\"textContent\":\"t\",\"htmlContent\":\"t\",\"headers\":{\"sender.ip\":\"192.0.2.1\","
     "\"X\":\"y\"},\"batchId\":\"5c6c\",\"params\":{\"a\":1},\"replyTo\":{\"id\":3}}"},
    {"+to 0123456789012345678901234567890123456789012345678901234567890123456789x <n@x.org>",
     "!to: the name of <n@x.org> has more than the 70 characters that Brevo takes"},
    {"+template abc", "!template: Brevo knows templates by their number only"},
    {"+template 1 [1]", "!template values: not a JSON object"},
    {"+send-at 1764259201", "!scheduled sending: Brevo keeps a message 72 hours at most"},
    {"+header X-A: 1\nheader x-a: 2", "!header field x-a: Brevo takes it only once"},
    {"+meta a=b\nheader X-Mailin-Custom: c", "!header field X-Mailin-Custom: Brevo does not take"},
    {"+inline a.png image/png a x\nhtml x", "!inline images: Brevo does not take this"},
    {"+clicks off", "!a switch for tracking in each message: Brevo does not take this"},
    {"+reply-to r@d.org\nreply-to q@d.org", "!Reply-To addresses: 2 are more than Brevo takes"},
    {"+to \xc3\xa4@x.org", "!addresses in UTF-8: Brevo does not take this"},
    {"+envelope-from b@d.org", "!an envelope of one's own"},
    {"+option senderip=x", "!Brevo has no option \"senderip\", did you mean sender-ip?"},
};

static const struct provider_answer_case answers[] = {
    {201, NULL, "{\"messageId\":\"<201798300811.5787683@smtp-relay.mailin.fr>\"}", "sss",
     TIDYMAIL_OK, 0, -1, "", NULL, "<201798300811.5787683@smtp-relay.mailin.fr>", NULL},
    {201, NULL, "{\"messageIds\":[\"<1@relay>\"]}", "sss", TIDYMAIL_OK, 0, -1, "", NULL,
     "<1@relay>", NULL},
    {202, NULL, "{\"messageId\":\"<2@relay>\",\"batchId\":\"5c6c\"}", "sss", TIDYMAIL_OK, 0, -1, "",
     NULL, "<2@relay>", NULL},
    {401, NULL, "{\"message\":\"authentication not found in headers\",\"code\":\"unauthorized\"}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "unauthorized", "xkeysib-", NULL,
     "authentication not found in headers"},
    {401, NULL, "{\"message\":\"Key not found\",\"code\":\"unauthorized\"}", "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "unauthorized", NULL, NULL, "Key not found"},
    {403, NULL, "{\"message\":\"x\",\"code\":\"permission_denied\"}", "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "permission_denied", "right to send", NULL, NULL},
    {400, NULL, "{\"code\":\"invalid_parameter\",\"message\":\"valid sender email required\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "invalid_parameter", "verify", NULL,
     "valid sender email required"},
    {400, NULL, "{\"code\":\"invalid_parameter\",\"message\":\"email is not valid in to\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "invalid_parameter", "recipient", NULL, NULL},
    {400, NULL, "{\"code\":\"missing_parameter\",\"message\":\"subject is required\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "missing_parameter", "mend", NULL, "subject is required"},
    {400, NULL,
     "{\"code\":\"invalid_parameter\",\"message\":\"You can have max 70 character in to name\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "invalid_parameter", "70 characters", NULL, NULL},
    {402, NULL, "{\"code\":\"not_enough_credits\",\"message\":\"x\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "not_enough_credits", "plan", NULL, NULL},
    {400, NULL, "{\"code\":\"account_under_validation\",\"message\":\"x\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "account_under_validation", "support", NULL, NULL},
    {429, "x-sib-ratelimit-limit: 1000\nx-sib-ratelimit-remaining: 0\nx-sib-ratelimit-reset: 12\n",
     "{\"code\":\"too_many_requests\",\"message\":\"The expected rate limit is exceeded.\"}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, 12, "too_many_requests", "slower", NULL, NULL},
    {404, NULL, "{\"code\":\"document_not_found\",\"message\":\"template\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "document_not_found", "template", NULL, NULL},
    {400, NULL, "{\"code\":\"duplicate_request\",\"message\":\"x\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "duplicate_request", "idempotency key", NULL, NULL},
    {500, "x-sib-ratelimit-reset: 12\n", "{\"messageId\":\"<3@relay>\"}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL, NULL},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_brevo, builds, COUNT(builds));
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_brevo, "", "+", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://api.brevo.com");
    assert_string_equal(c.request.path, "/v3/smtp/email");
    assert_string_equal(provider_case_field(&c, "api-key"), PROVIDER_CASE_KEY);
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    assert_int_equal(c.request.fields.items[0].secret, 1);
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_brevo, "eu", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_brevo, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_brevo);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_brevo, builds[3].message, &answers[0]);
    provider_case_allocations(&tdm_provider_brevo, builds[4].message, &answers[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(the_request_goes_to_the_service),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
