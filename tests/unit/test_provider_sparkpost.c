/* test_provider_sparkpost.c: requests to SparkPost, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define ONE(email, to) "{\"address\":{\"email\":\"" email "\",\"header_to\":\"" to "\"}}"
#define BARE(email) "{\"address\":{\"email\":\"" email "\"}}"
#define RECIPIENTS "\"recipients\":[" ONE("a@x.org", "a@x.org") "]"
#define BODY "\"from\":\"s@d.org\",\"subject\":\"Hi\",\"text\":\"t\""
#define SMALL RECIPIENTS ",\"content\":{" BODY "}"
#define ALL "A <a@x.org>, a2@x.org"

static const struct provider_build_case builds[] = {
    {"+", "{" SMALL "}"},
    {"from \"Odes\xc3\xadlatel, z\" <s@d.org>\nto A <a@x.org>\nto a2@x.org\ncc C <c@x.org>\n"
     "cc A2@x.org\nbcc b@x.org\nreply-to R <r@d.org>\nreply-to q@d.org\n"
     "subject Gr\xc3\xbc\xc3\x9f"
     "e\ntext t\nhtml <p>t</p>\nheader X-Kind: t\xc3\xa4st\nheader In-Reply-To: <1@d.org>\n"
     "tag k\nmeta order=7\nopens on\nclicks off\nsend-at 1764003661\n"
     "attach r\xc3\xa4.txt text/plain hi\nattach - application/pdf %PDF\n"
     "inline a.png image/png logo x\noption inline-names=no",
     "{\"recipients\":[" ONE("a@x.org", ALL) "," ONE("a2@x.org", ALL) "," ONE(
         "c@x.org",
         ALL) "," ONE("b@x.org",
                      ALL) "],"
                           "\"content\":{\"from\":\"\\\"Odes\xc3\xadlatel, z\\\" <s@d.org>\","
                           "\"subject\":\"Gr\xc3\xbc\xc3\x9f"
                           "e\",\"text\":\"t\",\"html\":\"<p>t</p>\",\"reply_to\":\"R <r@d.org>, "
                           "q@d.org\","
                           "\"headers\":{\"X-Kind\":\"t\xc3\xa4st\",\"In-Reply-To\":\"<1@d.org>\","
                           "\"Cc\":\"C <c@x.org>, A2@x.org\"},"
                           "\"attachments\":[{\"name\":\"r\xc3\xa4.txt\",\"type\":\"text/plain; "
                           "charset=us-ascii\","
                           "\"data\":\"aGk=\"},{\"name\":\"attachment.pdf\",\"type\":\"application/"
                           "pdf\","
                           "\"data\":\"JVBERg==\"}],"
                           "\"inline_images\":[{\"name\":\"logo\",\"type\":\"image/"
                           "png\",\"data\":\"eA==\"}]},"
                           "\"campaign_id\":\"k\",\"metadata\":{\"order\":\"7\"},"
                           "\"options\":{\"open_tracking\":true,\"click_tracking\":false,"
                           "\"start_time\":\"2025-11-24T17:01:01+00:00\"}}"},
    {"+html h\ninline a.png image/png logo x\noption amp-html=<p>x</p>",
     "!file names of inline images beside their Content-IDs: SparkPost does not take this with the "
     "option amp-html"},
    {"+sender b@d.org\noption amp-html=<p>x</p>",
     "!option amp-html: SparkPost does not take this with a message that goes as MIME"},
    {"+tag k\ntag l",
     "{\"recipients\":[{\"address\":{\"email\":\"a@x.org\",\"header_to\":\"a@x.org\"},"
     "\"tags\":[\"k\",\"l\"]}],\"content\":{" BODY "}}"},
    {"+tag k\noption campaign-id=c",
     "{\"recipients\":[{\"address\":{\"email\":\"a@x.org\",\"header_to\":\"a@x.org\"},"
     "\"tags\":[\"k\"]}],\"content\":{" BODY "},\"campaign_id\":\"c\"}"},
    {"from s@d.org\ncc c@x.org\nsubject Hi\ntext t",
     "{\"recipients\":[" ONE("c@x.org", "") "],\"content\":{" BODY
                                            ",\"headers\":{\"Cc\":\"c@x.org\"}}}"},
    /* braces are no substitution that was asked for */
    {"from s@d.org\nto a@x.org\nsubject Hi\ntext {{t}}",
     "{" RECIPIENTS ",\"content\":{\"from\":\"s@d.org\",\"subject\":\"Hi\",\"text\":\"{{t}}\"},"
     "\"options\":{\"perform_substitutions\":false}}"},
    {"from s@d.org\nto a@x.org\nsubject Hi\ntext {{t}}\noption substitution-data={\"t\":1}",
     "{" RECIPIENTS ",\"content\":{\"from\":\"s@d.org\",\"subject\":\"Hi\",\"text\":\"{{t}}\"},"
     "\"substitution_data\":{\"t\":1}}"},
    {"from s@d.org\nto a@x.org\nsubject Hi\ntext {{t}}\noption perform-substitutions=yes",
     "{" RECIPIENTS ",\"content\":{\"from\":\"s@d.org\",\"subject\":\"Hi\",\"text\":\"{{t}}\"},"
     "\"options\":{\"perform_substitutions\":true}}"},
    {"+sandbox 1", "{\"recipients\":[" ONE("a@x.org.sink.sparkpostmail.com",
                                           "a@x.org") "],\"content\":{" BODY "}}"},
    {"+envelope-from b@d.org", "{" SMALL ",\"return_path\":\"b@d.org\"}"},
    {"raw From: s@d.org\\nTo: a@x.org\\nSubject: {{Hi}}\\n\\n\xc3\xa4\\n\nenvelope-to z@x.org\n"
     "envelope-to y@x.org\ntag k",
     "{\"recipients\":[" BARE("z@x.org") "," BARE(
         "y@x.org") "],\"content\":{\"email_rfc822\":"
                    "\"From: s@d.org\\r\\nTo: a@x.org\\r\\nSubject: "
                    "{{Hi}}\\r\\n\\r\\n\xc3\xa4\\r\\n\"},"
                    "\"campaign_id\":\"k\",\"options\":{\"perform_substitutions\":false}}"},
    {"from s@d.org\nto a@x.org\nbcc b@x.org\ntemplate welcome {\"n\": [1]}\n"
     "option draft-template=yes",
     "{\"recipients\":[" ONE("a@x.org", "a@x.org") "," ONE(
         "b@x.org",
         "a@x.org") "],"
                    "\"content\":{\"template_id\":\"welcome\",\"use_draft_template\":true},"
                    "\"substitution_data\":{\"n\":[1]}}"},
    {"+header List-Unsubscribe: <https://d.org/u>\noption transactional=yes\noption ip-pool=p\n"
     "option skip-suppression=no\noption description=d\noption tracking-domain=t.d.org\n"
     "option extra={\"content\": {\"new\": 1}}",
     "{" RECIPIENTS ",\"content\":{" BODY
     ",\"headers\":{\"List-Unsubscribe\":\"<https://d.org/u>\"},\"new\":1},"
     "\"description\":\"d\",\"options\":{\"transactional\":true,\"ip_pool\":\"p\","
     "\"skip_suppression\":false,\"tracking_domain\":\"t.d.org\"}}"},
    {"+to \xc3\xa4@x.org",
     "{\"recipients\":[" ONE("a@x.org", "a@x.org, \xc3\xa4@x.org") "," ONE(
         "\xc3\xa4@x.org", "a@x.org, \xc3\xa4@x.org") "],\"content\":{" BODY "}}"},
    {"+header List-Unsubscribe: <https://d.org/u>", "!header field List-Unsubscribe: SparkPost"},
    {"raw From: s@d.org\\nTo: a@x.org\\n\\n\xff", "!message: SparkPost takes a ready-made message"},
    {"+sender b@d.org\nheader List-Unsubscribe: <https://d.org/u>",
     "!header field List-Unsubscribe: SparkPost"},
    {"+template w", "!template: SparkPost takes no text or HTML beside it"},
    {"from s@d.org\nto a@x.org\ntemplate w\nreply-to r@d.org",
     "!template: SparkPost takes no Reply"},
    {"from s@d.org\nto a@x.org\ntemplate w\ncc r@d.org", "!template: SparkPost takes no Cc"},
    {"from s@d.org\nto a@x.org\ntemplate w\nheader X-A: 1", "!template: SparkPost takes no header"},
    {"from s@d.org\nto a@x.org\ntemplate w\nattach a t/t x",
     "!template: SparkPost takes no attach"},
    {"from s@d.org\nto a@x.org\ntemplate w [1]", "!template values: not a JSON object"},
    {"+send-at 1764259201", "!scheduled sending: SparkPost keeps a message 3 days at most"},
    {"+envelope-from ", "!envelope: SparkPost does not send with an empty reverse-path"},
    {"+header X-A: 1\nheader x-a: 2", "!header field x-a: SparkPost takes it only once"},
    {"+option campaign-id=01234567890123456789012345678901234567890123456789012345678901234",
     "!option campaign-id: SparkPost takes 64 bytes"},
    {"+key 7d0", "!idempotency keys: SparkPost does not take this"},
    {"+option campain-id=x", "!SparkPost has no option \"campain-id\", did you mean campaign-id?"},
    {"+attach "
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk t/t x",
     "!file name: 257 bytes are more than SparkPost takes (255)"},
    {"+cc Team: b@x.org;\noption amp-html=x",
     "!groups of addresses: SparkPost does not take this with the option amp-html"},
};

#define ERROR(message) "{\"errors\":[{\"message\":\"" message "\"}]}"
#define CODE(message, description, code)                                                           \
    "{\"errors\":[{\"message\":\"" message "\",\"description\":\"" description                     \
    "\",\"code\":\"" code "\"}]}"
#define RESULTS(rejected, accepted, more)                                                          \
    "{\"results\":{\"total_rejected_recipients\":" #rejected                                       \
    ",\"total_accepted_recipients\":" #accepted more ",\"id\":\"11668787484950529\"}}"
#define REFUSED(address)                                                                           \
    "{\"message\":\"recipient address suppressed due to customer policy\",\"description\":"        \
    "\"" address "\",\"code\":\"1902\"}"

static const struct provider_answer_case answers[] = {
    {200, NULL, RESULTS(0, 3, ""), "sss", TIDYMAIL_OK, 0, -1, "", NULL, "11668787484950529", NULL},
    {200, NULL, "{\"results\":{\"id\":\"1\"}}", "sss", TIDYMAIL_OK, 0, -1, "", NULL, "1", NULL},
    {200, NULL,
     "{\"errors\":[{\"message\":\"transmission created, but with validation errors\",\"code\":"
     "\"2000\"}],\"results\":{\"total_rejected_recipients\":1,\"total_accepted_recipients\":2,"
     "\"rcpt_to_errors\":[" REFUSED("B@x.org") "],\"id\":\"1\"}}",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "1902", "suppression list", "1", "suppressed"},
    {200, NULL,
     RESULTS(
         2, 1,
         ",\"rcpt_to_errors\":[" REFUSED(
             "a@x.org") ",{\"message\":\"invalid data "
                        "format/type\",\"description\":\"address c@x.org.\",\"code\":\"1300\"}]"),
     "fsf", TIDYMAIL_KIND_PERMANENT, 0, -1, "1902", "suppression list", "11668787484950529", NULL},
    /* a part of an address is not the address */
    {200, NULL, RESULTS(1, 2, ",\"rcpt_to_errors\":[" REFUSED("ba@x.org, a@x.org.uk") "]"), "uuu",
     TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", "11668787484950529", NULL},
    {200, NULL, RESULTS(1, 2, ""), "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log",
     "11668787484950529", NULL},
    {200, NULL, RESULTS(3, 0, ""), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "recipient", NULL,
     NULL},
    {200, NULL, RESULTS(3, 0, ",\"rcpt_to_errors\":[" REFUSED("x") "]"), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "1902", "suppression list", NULL, NULL},
    {200, NULL, RESULTS(0, 0, ""), "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL, NULL},
    {401, NULL, ERROR("Unauthorized."), "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "", "region=eu",
     NULL, "Unauthorized."},
    {403, NULL, ERROR("Forbidden."), "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "",
     "Transmissions: Read/Write", NULL, "Forbidden."},
    {403, NULL, ERROR("Account is suspended"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "support",
     NULL, NULL},
    {400, NULL,
     "{\"errors\":[{\"description\":\"Unconfigured or unverified sending "
     "domain.\",\"code\":\"7001\",\"message\":\"Invalid domain\"}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "7001", "verify", NULL,
     "Invalid domain: Unconfigured or unverified sending domain."},
    {422, NULL, CODE("required field is missing", "content object or template_id required", "1400"),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "1400", "mend that", NULL, "required field"},
    {400, NULL,
     "{\"errors\":[{\"message\":\"At least one valid recipient is required\",\"code\":5002}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "5002", "recipient", NULL, NULL},
    {420, NULL, "{\"errors\":[{\"message\":\"Exceed Sending Limit (hourly)\",\"code\":\"2101\"}]}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "2101", "period", NULL, "hourly"},
    {420, NULL, CODE("Exceed Sending Limit (sandbox)", "x", "2103"), "fff", TIDYMAIL_KIND_PERMANENT,
     0, -1, "2103", "five messages", NULL, NULL},
    {413, NULL, ERROR("Request Entity Too Large"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "",
     "attachments", NULL, NULL},
    {400, NULL, CODE("Server resources unavailable", "x", "1502"), "fff", TIDYMAIL_KIND_TEMPORARY,
     1, -1, "1502", NULL, NULL, NULL},
    {429, NULL, ERROR("Too many requests"), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", "slower",
     NULL, NULL},
    {503, NULL, CODE("Service unavailable", "x", "1900"), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1,
     "1900", NULL, NULL, NULL},
    {404, NULL, CODE("resource not found", "Subresource not found", "1603"), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "1603", "template", NULL, NULL},
    {400, NULL, RESULTS(0, 1, ""), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "mend that", NULL,
     NULL},
    {200, NULL, "{\"wrong\":\"format\"}", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL,
     "wrong"},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_sparkpost, builds, COUNT(builds));
}

/* What only MIME says, in which Bcc does not stand. */
static void the_rest_goes_as_mime(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "+bcc b@x.org\nsender b@d.org",
        "from s@d.org\nto a@x.org\nbcc b@x.org\nsubject Hi\nattach a.txt text/plain hi",
        "from s@d.org\nto a@x.org\nbcc b@x.org\nsubject Hi\ntext ",
        "+bcc b@x.org\ncalendar BEGIN:VCALENDAR\\nMETHOD:REQUEST\\nEND:VCALENDAR\\n"};
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct provider_case c;
        provider_case_open(&c, &tdm_provider_sparkpost, "", messages[i], NULL);
        assert_int_equal(c.kind, TIDYMAIL_OK);
        assert_non_null(strstr(tdm_buf_text(&c.request.body), "{\"email\":\"b@x.org\"}"));
        assert_non_null(strstr(tdm_buf_text(&c.request.body), "\\r\\nFrom: s@d.org\\r\\n"));
        assert_null(strstr(tdm_buf_text(&c.request.body), "Bcc"));
        provider_case_close(&c);
    }
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_sparkpost, "", "+option subaccount=17", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://api.sparkpost.com");
    assert_string_equal(c.request.path, "/api/v1/transmissions");
    assert_string_equal(provider_case_field(&c, "Authorization"), PROVIDER_CASE_KEY);
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    assert_string_equal(provider_case_field(&c, "X-MSYS-SUBACCOUNT"), "17");
    assert_int_equal(c.request.fields.items[0].secret, 1);
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_sparkpost, "eu", "+", NULL);
    assert_string_equal(c.request.origin, "https://api.eu.sparkpost.com");
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_sparkpost, "mars", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
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
    provider_case_allocations(&tdm_provider_sparkpost, builds[10].message, &answers[7]);
    provider_case_allocations(&tdm_provider_sparkpost, builds[11].message, &answers[13]);
    provider_case_allocations(&tdm_provider_sparkpost, builds[12].message, &answers[15]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(the_rest_goes_as_mime),
        cmocka_unit_test(the_request_goes_to_the_service),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
