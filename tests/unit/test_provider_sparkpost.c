/* test_provider_sparkpost.c: what SparkPost is asked, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TO_A "{\"address\":{\"email\":\"a@x.org\",\"header_to\":\"a@x.org\"}}"
#define SMALL "\"recipients\":[" TO_A "]"
#define CONTENT "\"content\":{\"from\":\"s@d.org\",\"subject\":\"Hi\",\"text\":\"t\"}"

static const struct provider_build_case builds[] = {
    {"+", "{" SMALL "," CONTENT ",\"options\":{\"perform_substitutions\":false}}"},
    {"from \"S, X\" <s@d.org>\nto \"Lee, A\" <a@x.org>\nto b@x.org\ncc C <c@x.org>\nbcc e@x.org\n"
     "reply-to R <r@d.org>\nsubject Gr\xc3\xbc\xc3\x9f"
     "e\ntext t\nhtml <p>t</p>\nheader X-Kind: test\n"
     "attach a.txt text/plain hi\nattach - image/png hi\ninline l.png image/png logo hi\ntag k\n"
     "meta order=7\nopens off\nclicks on\nsandbox 1\nsend-at 1764003600",
     "{\"recipients\":["
     "{\"address\":{\"email\":\"a@x.org\",\"header_to\":\"\\\"Lee, A\\\" <a@x.org>, b@x.org\"}},"
     "{\"address\":{\"email\":\"b@x.org\",\"header_to\":\"\\\"Lee, A\\\" <a@x.org>, b@x.org\"}},"
     "{\"address\":{\"email\":\"c@x.org\",\"header_to\":\"\\\"Lee, A\\\" <a@x.org>, b@x.org\"}},"
     "{\"address\":{\"email\":\"e@x.org\",\"header_to\":\"\\\"Lee, A\\\" <a@x.org>, b@x.org\"}}],"
     "\"content\":{\"from\":\"\\\"S, X\\\" <s@d.org>\",\"reply_to\":\"R <r@d.org>\","
     "\"headers\":{\"X-Kind\":\"test\",\"CC\":\"C <c@x.org>\"},\"subject\":\"Gr\xc3\xbc\xc3\x9f"
     "e\","
     "\"text\":\"t\",\"html\":\"<p>t</p>\","
     "\"attachments\":[{\"name\":\"a.txt\",\"type\":\"text/plain; "
     "charset=us-ascii\",\"data\":\"aGk=\"},"
     "{\"name\":\"attachment.png\",\"type\":\"image/png\",\"data\":\"aGk=\"}],"
     "\"inline_images\":[{\"name\":\"logo\",\"type\":\"image/png\",\"data\":\"aGk=\"}]},"
     "\"options\":{\"perform_substitutions\":false,\"open_tracking\":false,\"click_tracking\":true,"
     "\"sandbox\":true,\"start_time\":\"2025-11-24T17:00:00+00:00\"},\"campaign_id\":\"k\","
     "\"metadata\":{\"order\":\"7\"}}"},
    {"+tag a\ntag b",
     "{\"recipients\":[{\"address\":{\"email\":\"a@x.org\",\"header_to\":\"a@x.org\"},"
     "\"tags\":[\"a\",\"b\"]}]," CONTENT ",\"options\":{\"perform_substitutions\":false}}"},
    {"from s@d.org\nto a@x.org\ntemplate t1 {\"n\": 1}",
     "{" SMALL ",\"content\":{\"template_id\":\"t1\"},\"substitution_data\":{\"n\":1}}"},
    {"+envelope-from b@d.org\noption campaign-id=c\noption transactional=yes\n"
     "option extra={\"options\": {\"initial_open\": false}}",
     "{" SMALL "," CONTENT ",\"options\":{\"perform_substitutions\":false,\"transactional\":true,"
     "\"initial_open\":false},\"return_path\":\"b@d.org\",\"campaign_id\":\"c\"}"},
    {"raw From: s@d.org\\nTo: a@x.org\\n\\nHi",
     "{\"recipients\":[{\"address\":{\"email\":\"a@x.org\"}}],\"content\":{\"email_rfc822\":"
     "\"From: s@d.org\\r\\nTo: a@x.org\\r\\n\\r\\nHi\\r\\n\"},"
     "\"options\":{\"perform_substitutions\":false}}"},
    {"+template t1", "!subject: SparkPost takes this from the template"},
    {"from s@d.org\nto a@x.org\nsender b@d.org\ntemplate t1", "!Sender: SparkPost takes this"},
    {"from s@d.org\nto a@x.org\ncalendar BEGIN:VCALENDAR\\nMETHOD:REQUEST\\nEND:VCALENDAR\\n\n"
     "template t1",
     "!the invitation: SparkPost takes this from the template"},
    {"raw From: s@d.org\\nTo: a@x.org\\n\\nHi\ntemplate t1", "!message: SparkPost takes this"},
    {"+header List-Unsubscribe: <https://d.org/u>",
     "!header field List-Unsubscribe: SparkPost passes over it"},
    {"+header List-Unsubscribe: <https://d.org/u>\noption transactional=yes",
     "{" SMALL ",\"content\":{\"from\":\"s@d.org\",\"subject\":\"Hi\",\"text\":\"t\","
     "\"headers\":{\"List-Unsubscribe\":\"<https://d.org/u>\"}},"
     "\"options\":{\"perform_substitutions\":false,\"transactional\":true}}"},
    {"+option campaign-id=01234567890123456789012345678901234567890123456789012345678901234",
     "!option campaign-id: SparkPost takes 64 bytes at most"},
    {"+send-at 1764259201", "!scheduled sending: SparkPost keeps a message 3 days at most"},
    {"+tag 01234567890123456789012345678901234567890123456789012345678901234",
     "!tags: SparkPost takes 64 bytes at most"},
    {"+key k1", "!idempotency keys: SparkPost does not take this"},
    {"+option ippool=x", "!SparkPost has no option \"ippool\", did you mean ip-pool?"},
    {"raw From: s@d.org\\nTo: a@x.org\\n\\n\xff",
     "!message: SparkPost takes a ready-made message as text"},
};

static const struct provider_answer_case answers[] = {
    {200, NULL,
     "{\"results\":{\"total_rejected_recipients\":0,\"total_accepted_recipients\":3,"
     "\"id\":\"11668787484950529\"}}",
     "sss", TIDYMAIL_OK, 0, -1, "", NULL, "11668787484950529", NULL},
    {200, NULL,
     "{\"errors\":[{\"message\":\"transmission created, but with validation errors\","
     "\"code\":\"2000\"}],\"results\":{\"rcpt_to_errors\":[{\"message\":\"required field is "
     "missing\",\"description\":\"b@x.org: address.email is bad\",\"code\":\"1400\"}],"
     "\"total_rejected_recipients\":1,\"total_accepted_recipients\":2,\"id\":\"1\"}}",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "1400", NULL, "1", "b@x.org"},
    /* a part of an address is not the address */
    {200, NULL,
     "{\"results\":{\"rcpt_to_errors\":[{\"message\":\"bad: bb@x.org, b@x.org.uk, (B@x.org).\"}],"
     "\"total_rejected_recipients\":1,\"total_accepted_recipients\":2,\"id\":\"1\"}}",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "", NULL, "1", NULL},
    {200, NULL,
     "{\"results\":{\"rcpt_to_errors\":[{\"message\":\"bb@x.org, x.b@x.org, b@x.organic\"}],"
     "\"total_rejected_recipients\":1,\"total_accepted_recipients\":2,\"id\":\"1\"}}",
     "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", NULL, NULL, NULL},
    {200, NULL,
     "{\"errors\":[{\"message\":\"x\",\"code\":\"2000\"}],\"results\":{"
     "\"total_rejected_recipients\":3,\"total_accepted_recipients\":0,\"id\":\"1\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "2000", "recipient", NULL, NULL},
    {200, NULL,
     "{\"results\":{\"total_rejected_recipients\":1,\"total_accepted_recipients\":2,\"id\":\"1\"}}",
     "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", NULL, NULL, NULL},
    {401, NULL, "{\"errors\":[{\"message\":\"Unauthorized.\"}]}", "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "", "region=eu", NULL, "Unauthorized."},
    {403, NULL, "{\"errors\":[{\"message\":\"Forbidden.\"}]}", "fff", TIDYMAIL_KIND_AUTHENTICATION,
     0, -1, "", "right to send", NULL, NULL},
    {400, NULL,
     "{\"errors\":[{\"description\":\"Unconfigured or unverified sending domain.\",\"code\":"
     "\"7001\",\"message\":\"Invalid domain\"}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "7001", "verify", NULL,
     "Invalid domain: Unconfigured or unverified sending domain."},
    {422, NULL,
     "{\"errors\":[{\"message\":\"required field is missing\",\"description\":\"content object or "
     "template_id required\",\"code\":\"1400\"}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "1400", "mend", NULL, "content object"},
    {420, NULL, "{\"errors\":[{\"message\":\"Exceed Sending Limit (hourly)\",\"code\":\"2101\"}]}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "2101", "hour", NULL, NULL},
    {420, NULL, "{\"errors\":[{\"message\":\"Exceed Sending Limit (sandbox)\",\"code\":\"2103\"}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "2103", "sandbox", NULL, NULL},
    {400, NULL,
     "{\"errors\":[{\"message\":\"Subresource not found\",\"description\":\"template 't1' does not "
     "exist\",\"code\":\"1603\"}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "1603", "template's id", NULL, "does not exist"},
    {429, NULL, "{\"errors\":[{\"message\":\"Too many requests\"}]}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "", "slower", NULL, NULL},
    {400, NULL, "{\"errors\":[{\"message\":\"Server resources unavailable\",\"code\":\"1502\"}]}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "1502", NULL, NULL, NULL},
    {503, NULL, "{\"errors\":[{\"message\":\"x\",\"code\":\"1900\"}]}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "1900", NULL, NULL, NULL},
    {413, NULL, "{\"errors\":[{\"message\":\"too big\"}]}", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "", "links", NULL, NULL},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_sparkpost, builds, COUNT(builds));
}

static void the_request_goes_to_the_region(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_sparkpost, "eu", "+option subaccount=12", NULL);
    assert_string_equal(c.request.origin, "https://api.eu.sparkpost.com");
    assert_string_equal(c.request.path, "/api/v1/transmissions");
    assert_string_equal(provider_case_field(&c, "Authorization"), PROVIDER_CASE_KEY);
    assert_string_equal(provider_case_field(&c, "X-MSYS-SUBACCOUNT"), "12");
    assert_int_equal(c.request.fields.items[0].secret, 1);
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_sparkpost, "mars", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
}

/* A body by parts needs text or HTML. */
static void an_empty_message_goes_whole(void **state)
{
    (void)state;
    static const char *const messages[] = {"from s@d.org\nto a@x.org\nsubject none",
                                           "from s@d.org\nto a@x.org\nsubject none\ntext ",
                                           "+sender b@d.org"};
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct provider_case c;
        provider_case_open(&c, &tdm_provider_sparkpost, "", messages[i], NULL);
        assert_int_equal(c.kind, TIDYMAIL_OK);
        assert_non_null(strstr(tdm_buf_text(&c.request.body), "\"email_rfc822\":\""));
        provider_case_close(&c);
    }
}

static void metadata_has_a_limit(void **state)
{
    (void)state;
    for (int over = 0; over <= 1; over++) {
        struct tdm_buf text;
        struct provider_case c;
        tdm_buf_init(&text, NULL, 1 << 20);
        tdm_buf_add_str(&text, "+meta n=");
        for (int i = 0; i < 9999 + over; i++) {
            tdm_buf_add_char(&text, 'x');
        }
        provider_case_open(&c, &tdm_provider_sparkpost, "", tdm_buf_text(&text), NULL);
        assert_int_equal(c.kind, over ? TIDYMAIL_KIND_MESSAGE : TIDYMAIL_OK);
        provider_case_close(&c);
        tdm_buf_clear(&text);
    }
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_sparkpost, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_sparkpost);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_sparkpost, builds[1].message, &answers[0]);
    provider_case_allocations(&tdm_provider_sparkpost, builds[5].message, &answers[6]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(the_request_goes_to_the_region),
        cmocka_unit_test(an_empty_message_goes_whole),
        cmocka_unit_test(metadata_has_a_limit),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
