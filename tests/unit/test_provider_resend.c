/* test_provider_resend.c: requests to Resend, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define SMALL "\"from\":\"s@d.org\",\"to\":[\"a@x.org\"],\"subject\":\"Hi\""

static const struct provider_build_case builds[] = {
    {"+", "{" SMALL ",\"text\":\"t\"}"},
    {"from s@d.org\nto a@x.org\nsubject Hi\nhtml <p>t</p>", "{" SMALL ",\"html\":\"<p>t</p>\"}"},
    {"from s@d.org\nto a@x.org\nsubject Hi\nhtml <p>t</p>\noption text-from-html=no",
     "{" SMALL ",\"html\":\"<p>t</p>\",\"text\":\"\"}"},
    {"from \"Odes\xc3\xadlatel, z\" <s@d.org>\nto A <a@x.org>\nto a2@x.org\ncc C <c@x.org>\n"
     "bcc b@x.org\nreply-to R <r@d.org>\nreply-to q@d.org\nsubject Gr\xc3\xbc\xc3\x9f"
     "e\ntext t\nhtml <p>t</p>\nheader X-Kind: t\xc3\xa4st\nheader In-Reply-To: <1@d.org>\n"
     "tag k\ntag l-2\nmeta order=7\nkey 7d0\nsend-at 1764003661\n"
     "attach r\xc3\xa4.txt text/plain hi\nattach - application/pdf %PDF\n"
     "inline a.png image/png logo x",
     "{\"from\":\"\\\"Odes\xc3\xadlatel, z\\\" <s@d.org>\",\"to\":[\"A <a@x.org>\",\"a2@x.org\"],"
     "\"cc\":[\"C <c@x.org>\"],\"bcc\":[\"b@x.org\"],\"reply_to\":[\"R <r@d.org>\",\"q@d.org\"],"
     "\"subject\":\"Gr\xc3\xbc\xc3\x9f"
     "e\",\"text\":\"t\",\"html\":\"<p>t</p>\","
     "\"headers\":{\"X-Kind\":\"t\xc3\xa4st\",\"In-Reply-To\":\"<1@d.org>\"},"
     "\"tags\":[{\"name\":\"tag\",\"value\":\"k\"},{\"name\":\"tag2\",\"value\":\"l-2\"},"
     "{\"name\":\"order\",\"value\":\"7\"}],\"scheduled_at\":\"2025-11-24T17:01:01+00:00\","
     "\"attachments\":[{\"filename\":\"r\xc3\xa4.txt\",\"content\":\"aGk=\","
     "\"content_type\":\"text/plain; "
     "charset=us-ascii\"},{\"filename\":\"attachment.pdf\",\"content\":\"JVBERg==\","
     "\"content_type\":\"application/pdf\"},{\"filename\":\"a.png\",\"content\":\"eA==\","
     "\"content_type\":\"image/png\",\"content_id\":\"logo\"}]}"},
    {"+header X-Custom: v\ntag receipt\ntag reorder test 12\nmeta user_id=12345\n"
     "option tags-in-header=yes",
     "{" SMALL ",\"text\":\"t\",\"headers\":{\"X-Custom\":\"v\","
     "\"X-Tags\":\"[\\\"receipt\\\",\\\"reorder test 12\\\"]\","
     "\"X-Metadata\":\"{\\\"user_id\\\":\\\"12345\\\"}\"}}"},
    {"from s@d.org\nto a@x.org\ntemplate welcome {\"n\": [1]}",
     "{\"from\":\"s@d.org\",\"to\":[\"a@x.org\"],"
     "\"template\":{\"id\":\"welcome\",\"variables\":{\"n\":[1]}}}"},
    {"+option topic-id=5c6c\noption extra={\"new_thing\": {\"a\": 1}}",
     "{" SMALL ",\"text\":\"t\",\"topic_id\":\"5c6c\",\"new_thing\":{\"a\":1}}"},
    {"+template welcome", "!template: Resend takes no text or HTML beside it"},
    {"from s@d.org\nto a@x.org\ntemplate w [1]", "!template values: not a JSON object"},
    {"from s@d.org\ncc a@x.org\nsubject Hi\ntext t",
     "!to: Resend does not send a message that has"},
    {"+tag two words", "!tags: Resend takes letters, digits, - and _"},
    {"+meta a b=c", "!metadata: Resend takes letters, digits, - and _"},
    {"+meta a=\xc3\xa4", "!metadata: Resend takes letters, digits, - and _"},
    {"+tag k\nmeta tag=l", "!metadata: the name tag is taken by a tag of the message"},
    {"+send-at 1766592001", "!scheduled sending: Resend keeps a message 30 days at most"},
    {"+header X-A: 1\nheader x-a: 2", "!header field x-a: Resend takes it only once"},
    {"+header X-Tags: 1\noption tags-in-header=yes", "!header field X-Tags: Resend does not take"},
    {"+sender b@d.org", "!a Sender beside From: Resend does not take this"},
    {"+calendar BEGIN:VCALENDAR\\nMETHOD:REQUEST\\nEND:VCALENDAR\\n",
     "!calendar invitations: Resend"},
    {"raw From: s@d.org\\nTo: a@x.org\\n\\nx", "!ready-made or signed messages"},
    {"+clicks off", "!a switch for tracking in each message: Resend does not take this"},
    {"+sandbox 1", "!a sandbox mode for one message: Resend does not take this"},
    {"+to \xc3\xa4@x.org", "!addresses in UTF-8: Resend does not take this"},
    {"+envelope-from b@d.org", "!an envelope of one's own"},
    {"+option topic=x", "!Resend has no option \"topic\", did you mean topic-id?"},
};

#define ERROR(status, name, message)                                                               \
    "{\"statusCode\":" #status ",\"name\":\"" name "\",\"message\":\"" message "\"}"

static const struct provider_answer_case answers[] = {
    {200, NULL, "{\"id\":\"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794\"}", "sss", TIDYMAIL_OK, 0, -1, "",
     NULL, "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794", NULL},
    {401, NULL, ERROR(401, "missing_api_key", "Missing API key in the authorization header."),
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "missing_api_key", "key in the URL", NULL,
     "Missing API"},
    {401, NULL, ERROR(401, "restricted_api_key", "This API key is restricted to only send emails."),
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "restricted_api_key", "right to send", NULL, NULL},
    {403, NULL, ERROR(403, "invalid_api_key", "API key is invalid."), "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "invalid_api_key", "re_", NULL, "API key is invalid."},
    {400, NULL, ERROR(400, "validation_error", "API key is invalid"), "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "validation_error", "re_", NULL, NULL},
    {403, NULL, ERROR(403, "suspended_api_key", "x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "suspended_api_key", "support", NULL, NULL},
    {403, NULL,
     ERROR(403, "validation_error",
           "The x.com domain is not verified. Please, add and verify your domain on "
           "https://resend.com/domains"),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "validation_error", "resend.com/domains", NULL,
     "not verified"},
    {403, NULL,
     ERROR(403, "validation_error",
           "You can only send testing emails to your own email address (youremail@domain.com). To "
           "send emails to other recipients, please verify a domain at resend.com/domains, and "
           "change the from address to an email using this domain."),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "validation_error", "onboarding@resend.dev", NULL,
     NULL},
    {422, NULL,
     ERROR(422, "missing_required_field",
           "The request body is missing one or more required fields."),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "missing_required_field", "mend that", NULL,
     "missing one or more"},
    {422, NULL,
     ERROR(422, "validation_error",
           "Invalid `to` field. The email address needs to follow the `email@example.com` or `Name "
           "<email@example.com>` format."),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "validation_error", "recipient", NULL, NULL},
    {422, NULL, ERROR(422, "invalid_attachment", "x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "invalid_attachment", "ending fits", NULL, NULL},
    {409, NULL,
     ERROR(409, "invalid_idempotent_request",
           "Same idempotency key used with a different request payload."),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "invalid_idempotent_request", "new key", NULL, NULL},
    {409, NULL,
     ERROR(409, "concurrent_idempotent_requests",
           "Same idempotency key used while original request is still in progress."),
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "concurrent_idempotent_requests", "same key", NULL,
     NULL},
    {429, "ratelimit-limit: 5\nratelimit-remaining: 0\nratelimit-reset: 1\nretry-after: 2\n",
     ERROR(429, "rate_limit_exceeded", "Too many requests."), "fff", TIDYMAIL_KIND_TEMPORARY, 1, 2,
     "rate_limit_exceeded", "slower", NULL, NULL},
    {429, "ratelimit-reset: 1\n", ERROR(429, "rate_limit_exceeded", "Too many requests."), "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, 1, "rate_limit_exceeded", "slower", NULL, NULL},
    {429, "ratelimit-reset: 1\n",
     ERROR(429, "daily_quota_exceeded", "You have reached your daily email sending quota."), "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "daily_quota_exceeded", "plan", NULL, "daily"},
    {429, NULL, ERROR(429, "monthly_quota_exceeded", "x"), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1,
     "monthly_quota_exceeded", "plan", NULL, NULL},
    {404, NULL, ERROR(404, "not_found", "The requested endpoint does not exist."), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "not_found", "endpoint", NULL, NULL},
    {500, NULL, ERROR(500, "application_error", "An unexpected error occurred."), "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "application_error", NULL, NULL, NULL},
    {500, NULL, "{\"id\":\"49a3999c\"}", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL,
     NULL},
    {403, "Content-Type: text/plain\n", "error code: 1010", "fff", TIDYMAIL_KIND_PROTOCOL, 0, -1,
     "", "User-Agent", NULL, "1010"},
    {200, NULL, "yikes, this isn't a real response", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "",
     "log", NULL, "yikes"},
    {200, NULL, "{\"id\":\"\"}", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL, NULL},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_resend, builds, COUNT(builds));
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_resend, "", "+key 7d0", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://api.resend.com");
    assert_string_equal(c.request.path, "/emails");
    assert_string_equal(provider_case_field(&c, "Authorization"), "Bearer " PROVIDER_CASE_KEY);
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    assert_string_equal(provider_case_field(&c, "Idempotency-Key"), "7d0");
    assert_string_equal(provider_case_field(&c, "User-Agent"), "tidymail");
    assert_int_equal(c.request.fields.items[0].secret, 1);
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_resend, "", "+", NULL);
    assert_null(provider_case_field(&c, "Idempotency-Key"));
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_resend, "eu", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_resend, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_resend);
}

static void fifty_recipients_are_the_most(void **state)
{
    (void)state;
    for (int count = 50; count <= 51; count++) {
        struct tdm_buf text;
        struct provider_case c;
        tdm_buf_init(&text, NULL, 1 << 20);
        tdm_buf_add_str(&text, "from s@d.org\nsubject Hi\ntext t\n");
        for (int i = 0; i < count; i++) {
            tdm_buf_addf(&text, "to a%d@x.org\n", i);
        }
        provider_case_open(&c, &tdm_provider_resend, "", tdm_buf_text(&text), NULL);
        assert_int_equal(c.kind, count == 50 ? TIDYMAIL_OK : TIDYMAIL_KIND_MESSAGE);
        provider_case_close(&c);
        tdm_buf_clear(&text);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_resend, builds[3].message, &answers[0]);
    provider_case_allocations(&tdm_provider_resend, builds[4].message, &answers[3]);
    provider_case_allocations(&tdm_provider_resend, builds[5].message, &answers[13]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(the_request_goes_to_the_service),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(fifty_recipients_are_the_most),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
