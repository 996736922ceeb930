/* test_provider_mailjet.c: requests to Mailjet, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct provider_build_case builds[] = {
    {"+", "{\"Messages\":[{\"From\":{\"Email\":\"s@d.org\"},\"To\":[{\"Email\":\"a@x.org\"}],"
          "\"Subject\":\"Hi\",\"TextPart\":\"t\"}]}"},
    {"from \"S\303\251, D\" <s@d.org>\nto A <a@x.org>\nto a2@x.org\ncc C <c@x.org>\nbcc "
     "b@x.org\nreply-to R <r@d.org>\nsender o@d.org\nsubject Gr\303\274\303\237e\ntext t\nhtml "
     "<p>t</p>\nheader X-Kind: t\303\244st\nheader References: <1@d.org>\ntag k\nmeta "
     "order=7\nopens off\nclicks on\nsandbox 1\nattach r\303\244.txt text/plain hi\nattach - "
     "text/plain ho\ninline a.png image/png a1 hi",
     "{\"Messages\":[{\"From\":{\"Email\":\"s@d.org\",\"Name\":\"S\303\251, "
     "D\"},\"Sender\":{\"Email\":\"o@d.org\"},\"To\":[{\"Email\":\"a@x.org\",\"Name\":\"A\"},{"
     "\"Email\":\"a2@x.org\"}],\"Cc\":[{\"Email\":\"c@x.org\",\"Name\":\"C\"}],\"Bcc\":[{\"Email\":"
     "\"b@x.org\"}],\"ReplyTo\":{\"Email\":\"r@d.org\",\"Name\":\"R\"},\"Subject\":"
     "\"Gr\303\274\303\237e\",\"TextPart\":\"t\",\"HTMLPart\":\"<p>t</"
     "p>\",\"Headers\":{\"X-Kind\":\"t\303\244st\",\"References\":\"<1@d.org>\"},"
     "\"CustomCampaign\":\"k\",\"EventPayload\":\"{\\\"order\\\":\\\"7\\\"}\",\"TrackOpens\":"
     "\"disabled\",\"TrackClicks\":\"enabled\",\"Attachments\":[{\"ContentType\":\"text/"
     "plain\",\"Filename\":\"r\303\244.txt\",\"Base64Content\":\"aGk=\"},{\"ContentType\":\"text/"
     "plain\",\"Filename\":\"attachment\",\"Base64Content\":\"aG8=\"}],\"InlinedAttachments\":[{"
     "\"ContentType\":\"image/"
     "png\",\"Filename\":\"a.png\",\"ContentID\":\"a1\",\"Base64Content\":\"aGk=\"}]}],"
     "\"SandboxMode\":true}"},
    {"from s@d.org\nto a@x.org\ntemplate 1234567 {\"name\": \"Alice\"}",
     "{\"Messages\":[{\"From\":{\"Email\":\"s@d.org\"},\"To\":[{\"Email\":\"a@x.org\"}],"
     "\"TemplateID\":1234567,\"TemplateLanguage\":true,\"Variables\":{\"name\":\"Alice\"}}]}"},
    {"+option custom-id=7\noption custom-campaign=c\noption deduplicate-campaign=yes\noption "
     "priority=2\noption monitoring-category=m\noption url-tags=a=b\noption "
     "event-payload=p\noption template-error-deliver=yes\noption "
     "template-error-reporting=e@d.org\noption template-language=no\noption "
     "variables={\"x\":1}\noption advance-error-handling=yes\noption extra={\"Globals\": {\"a\": "
     "1}, \"SandboxMode\": true, \"StartTls\": 1}",
     "{\"Messages\":[{\"From\":{\"Email\":\"s@d.org\"},\"To\":[{\"Email\":\"a@x.org\"}],"
     "\"Subject\":\"Hi\",\"TextPart\":\"t\",\"CustomID\":\"7\",\"CustomCampaign\":\"c\","
     "\"DeduplicateCampaign\":true,\"Priority\":2,\"MonitoringCategory\":\"m\",\"URLTags\":\"a=b\","
     "\"EventPayload\":\"p\",\"TemplateErrorDeliver\":true,\"TemplateErrorReporting\":{\"Email\":"
     "\"e@d.org\"},\"TemplateLanguage\":false,\"Variables\":{\"x\":1},\"StartTls\":1}],"
     "\"AdvanceErrorHandling\":true,\"Globals\":{\"a\":1},\"SandboxMode\":true}"},
    {"from s@d.org\nto \303\244@x.org\ntext t",
     "{\"Messages\":[{\"From\":{\"Email\":\"s@d.org\"},\"To\":[{\"Email\":\"\303\244@x.org\"}],"
     "\"TextPart\":\"t\"}]}"},
    {"+template x1", "!template: Mailjet knows templates by their number only"},
    {"+template 1 {\"a\":", "!template values: not JSON, at offset"},
    {"+header X-MJ-CustomID: 1", "!header field X-MJ-CustomID: Mailjet does not take it"},
    {"+header List-Id: <a.example.com>", "!header field List-Id: Mailjet does not take it"},
    {"+header User-Agent: x", "!header field User-Agent: Mailjet does not take it"},
    {"+header X-A: 1\nheader X-A: 2", "!header field X-A: Mailjet takes it only once"},
    {"+tag a\ntag b", "!tags: 2 are more than Mailjet takes in one message (1)"},
    {"+reply-to a@d.org\nreply-to b@d.org", "!Reply-To addresses: 2 are more than Mailjet takes"},
    {"+send-at 1764000060", "!scheduled sending: Mailjet does not take this"},
    {"+key k", "!idempotency keys: Mailjet does not take this"},
    {"from s@d.org\nsubject Hi\ntext t\ncc c0@x.org\ncc c1@x.org\ncc c2@x.org\ncc c3@x.org\ncc "
     "c4@x.org\ncc c5@x.org\ncc c6@x.org\ncc c7@x.org\ncc c8@x.org\ncc c9@x.org\ncc c10@x.org\ncc "
     "c11@x.org\ncc c12@x.org\ncc c13@x.org\ncc c14@x.org\ncc c15@x.org\ncc c16@x.org\ncc "
     "c17@x.org\ncc c18@x.org\ncc c19@x.org\ncc c20@x.org\ncc c21@x.org\ncc c22@x.org\ncc "
     "c23@x.org\ncc c24@x.org\ncc c25@x.org\ncc c26@x.org\ncc c27@x.org\ncc c28@x.org\ncc "
     "c29@x.org\ncc c30@x.org\ncc c31@x.org\ncc c32@x.org\ncc c33@x.org\ncc c34@x.org\ncc "
     "c35@x.org\ncc c36@x.org\ncc c37@x.org\ncc c38@x.org\ncc c39@x.org\ncc c40@x.org\ncc "
     "c41@x.org\ncc c42@x.org\ncc c43@x.org\ncc c44@x.org\ncc c45@x.org\ncc c46@x.org\ncc "
     "c47@x.org\ncc c48@x.org\ncc c49@x.org\ncc c50@x.org",
     "!cc: 51 are more than Mailjet takes in one message (50)"},
    {"from s@d.org\nto a@x.org\ntext t\nsubject "
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244",
     "!subject: longer than the 255 characters that Mailjet takes"},
    {"+option "
     "url-tags="
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
     "!option url-tags: 257 bytes are more than Mailjet takes (256)"},
};

static const struct provider_answer_case answers[] = {
    {200, NULL,
     "{\"Messages\":[{\"Status\":\"success\",\"CustomID\":\"\",\"To\":[{\"Email\":\"a@x.org\","
     "\"MessageUUID\":\"123\",\"MessageID\":1152921511742440156,\"MessageHref\":\"https://"
     "api.mailjet.com/v3/message/"
     "456\"}],\"Cc\":[{\"Email\":\"B@x.org\",\"MessageUUID\":\"123\",\"MessageID\":"
     "1152921511742440157,\"MessageHref\":\"https://api.mailjet.com/v3/message/"
     "456\"}],\"Bcc\":[{\"Email\":\"c@x.org\",\"MessageUUID\":\"123\",\"MessageID\":"
     "9223372036854775807,\"MessageHref\":\"https://api.mailjet.com/v3/message/456\"}]}]}",
     "sss", TIDYMAIL_OK, 0, -1, "", NULL, "1152921511742440156", NULL},
    {200, NULL,
     "{\"Messages\":[{\"Status\":\"success\",\"To\":[{\"Email\":\"a@x.org\",\"MessageUUID\":"
     "\"123\",\"MessageID\":70650219165027410,\"MessageHref\":\"https://api.mailjet.com/v3/message/"
     "456\"}],\"Cc\":[],\"Bcc\":[]}]}",
     "sss", TIDYMAIL_OK, 0, -1, "", NULL, "70650219165027410", NULL},
    {200, NULL,
     "{\"Messages\":[{\"Status\":\"success\",\"To\":[{\"Email\":\"a@x.org\",\"MessageUUID\":\"\","
     "\"MessageID\":0}],\"Cc\":[],\"Bcc\":[]}]}",
     "sss", TIDYMAIL_OK, 0, -1, "", NULL, NULL, NULL},
    {400, NULL,
     "{\"Messages\":[{\"Status\":\"success\",\"To\":[{\"Email\":\"a@x.org\",\"MessageUUID\":"
     "\"123\",\"MessageID\":456,\"MessageHref\":\"https://api.mailjet.com/v3/message/"
     "456\"}]},{\"Status\":\"error\",\"Errors\":[{\"ErrorIdentifier\":\"f9\",\"ErrorCode\":\"mj-"
     "0013\",\"StatusCode\":400,\"ErrorMessage\":\"\\\"b@x.org\\\" is an invalid email "
     "address.\",\"ErrorRelatedTo\":[\"Cc[0].Email\"]}]}]}",
     "sff", TIDYMAIL_KIND_PERMANENT, 0, -1, "mj-0013", "recipient", "456",
     "\"b@x.org\" is an invalid email address."},
    {400, NULL,
     "{\"Messages\":[{\"Status\":\"error\",\"Errors\":[{\"ErrorIdentifier\":\"f987008f-251a-4dff-"
     "8ffc-40f1583ad7bc\",\"ErrorCode\":\"send-0003\",\"StatusCode\":400,\"ErrorMessage\":\"At "
     "least \\\"HTMLPart\\\", \\\"TextPart\\\" or \\\"TemplateID\\\" must be "
     "provided.\",\"ErrorRelatedTo\":[\"HTMLPart\",\"TextPart\"]}]}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "send-0003", "mend", NULL, "At least \"HTMLPart\""},
    {400, NULL,
     "{\"Messages\":[{\"Status\":\"error\",\"Errors\":[{\"ErrorIdentifier\":\"f987008f-251a-4dff-"
     "8ffc-40f1583ad7bc\",\"ErrorCode\":\"mj-0013\",\"StatusCode\":400,\"ErrorMessage\":"
     "\"\\\"invalid@123.4\\\" is an invalid email "
     "address.\",\"ErrorRelatedTo\":[\"To[0].Email\"]}]}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "mj-0013", "recipient's address", NULL,
     "\"invalid@123.4\" is an invalid"},
    {400, NULL,
     "{\"Messages\":[{\"Status\":\"error\",\"Errors\":[{\"ErrorIdentifier\":\"f987008f-251a-4dff-"
     "8ffc-40f1583ad7bc\",\"ErrorCode\":\"mj-0013\",\"StatusCode\":400,\"ErrorMessage\":"
     "\"\\\"x\\\" is an invalid email address.\",\"ErrorRelatedTo\":[\"ReplyTo.Email\"]}]}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "mj-0013", "mend", NULL, NULL},
    {400, NULL,
     "{\"ErrorIdentifier\":\"06df1144-c6f3-4ca7-8885-7ec5d4344113\",\"ErrorCode\":\"mj-0002\","
     "\"ErrorMessage\":\"Malformed JSON, please review the syntax and properties "
     "types.\",\"StatusCode\":400}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "mj-0002", NULL, NULL, "Malformed JSON"},
    {401, NULL,
     "{\"ErrorIdentifier\":\"x\",\"ErrorCode\":\"mj-0015\",\"StatusCode\":401,\"ErrorMessage\":"
     "\"API key authentication/authorization failure. You may be unauthorized to access the API or "
     "your API key may be expired. Visit API keys management section to check your keys.\"}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "mj-0015", "both keys", NULL,
     "API key authentication"},
    {401, NULL,
     "{\"ErrorIdentifier\":\"x\",\"StatusCode\":401,\"ErrorMessage\":\"API key "
     "authentication/authorization failure. You may be unauthorized to access the API or your API "
     "key may be expired. Visit API keys management section to check your keys.\"}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "", "both keys", NULL, NULL},
    {401, NULL,
     "{\"ErrorIdentifier\":\"x\",\"ErrorCode\":\"mj-0001\",\"StatusCode\":401,\"ErrorMessage\":"
     "\"API key account has been temporarily blocked.\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "mj-0001", "support", NULL, NULL},
    {403, NULL,
     "{\"Messages\":[{\"Status\":\"error\",\"Errors\":[{\"ErrorIdentifier\":\"f987008f-251a-4dff-"
     "8ffc-40f1583ad7bc\",\"ErrorCode\":\"send-0008\",\"StatusCode\":400,\"ErrorMessage\":\"\\\"s@"
     "d.org\\\" is not an authorized sender email address for your "
     "account.\",\"ErrorRelatedTo\":[\"From\"]}]}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "send-0008", "verify", NULL, NULL},
    {400, NULL,
     "{\"Messages\":[{\"Status\":\"error\",\"Errors\":[{\"ErrorIdentifier\":\"f987008f-251a-4dff-"
     "8ffc-40f1583ad7bc\",\"ErrorCode\":\"send-0008\",\"StatusCode\":400,\"ErrorMessage\":\"\\\"s@"
     "d.org\\\" is not an authorized sender.\",\"ErrorRelatedTo\":[\"From\"]}]}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "send-0008", "verify", NULL, NULL},
    {403, NULL, "{\"ErrorMessage\":\"no\"}", "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "",
     "right to send", NULL, NULL},
    {413, NULL,
     "{\"Messages\":[{\"Status\":\"error\",\"Errors\":[{\"ErrorIdentifier\":\"f987008f-251a-4dff-"
     "8ffc-40f1583ad7bc\",\"ErrorCode\":\"mj-0011\",\"StatusCode\":400,\"ErrorMessage\":\"payload "
     "too big\",\"ErrorRelatedTo\":[\"HTMLPart\",\"TextPart\"]}]}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "mj-0011", "without attachments", NULL, NULL},
    {429, NULL, "{\"ErrorMessage\":\"You have reached your daily limit\"}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "", "next period", NULL, NULL},
    {429, NULL, "Rate limit exceeded", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", "slower", NULL,
     "Rate limit exceeded"},
    {429, "Retry-After: 7\n", "{\"ErrorMessage\":\"Too many requests\"}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, 7, "", NULL, NULL, NULL},
    {500, NULL,
     "{\"Messages\":[{\"Status\":\"success\",\"To\":[{\"Email\":\"a@x.org\",\"MessageUUID\":"
     "\"123\",\"MessageID\":1,\"MessageHref\":\"https://api.mailjet.com/v3/message/456\"}]}]}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL, NULL},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_mailjet, builds, COUNT(builds));
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_mailjet, "", "+", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://api.mailjet.com");
    assert_string_equal(c.request.path, "/v3.1/send");
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    /* KEY-0123456789:SECRET-0123456789 */
    assert_string_equal(provider_case_field(&c, "Authorization"),
                        "Basic S0VZLTAxMjM0NTY3ODk6U0VDUkVULTAxMjM0NTY3ODk=");
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_mailjet, "us", "+", NULL);
    assert_string_equal(c.request.origin, "https://api.us.mailjet.com");
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_mailjet, "mars", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
}

/* 15 MB are of base64. */
static void large_files_are_refused(void **state)
{
    (void)state;
    static char message[12 * 1024 * 1024];
    static const char begin[] = "+attach a.bin application/octet-stream ";
    struct provider_case c;
    memset(message, 'x', sizeof(message) - 1);
    memcpy(message, begin, sizeof(begin) - 1);
    message[11 * 1024 * 1024] = '\0';
    provider_case_open(&c, &tdm_provider_mailjet, "", message, NULL);
    assert_int_equal(c.kind, TIDYMAIL_OK);
    provider_case_close(&c);
    message[11 * 1024 * 1024] = 'x';
    provider_case_open(&c, &tdm_provider_mailjet, "", message, NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_MESSAGE);
    assert_non_null(strstr(c.error.message, "15 MB"));
    provider_case_close(&c);
}

static void each_recipient_has_an_id(void **state)
{
    (void)state;
    static const char *const to[] = {"a@x.org", "b@x.org", "c@x.org"};
    struct provider_case c;
    struct tdm_http_response response;
    tidymail_report *report = tdm_report_new(NULL, to, 3);
    provider_case_open(&c, &tdm_provider_mailjet, "", "+", NULL);
    tdm_http_response_init(&response, NULL);
    response.status = 200;
    tdm_buf_add_str(&response.body, answers[0].body);
    tdm_provider_mailjet.parse(&c.job, &response, report);
    assert_string_equal(report->recipients[1].service_id, "1152921511742440157");
    assert_string_equal(report->recipients[2].service_id, "9223372036854775807");
    tdm_http_response_clear(&response);
    tidymail_report_free(report);
    provider_case_close(&c);
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_mailjet, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_mailjet);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_mailjet, builds[1].message, &answers[2]);
    provider_case_allocations(&tdm_provider_mailjet, "+", &answers[5]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(the_request_goes_to_the_service),
        cmocka_unit_test(large_files_are_refused),
        cmocka_unit_test(each_recipient_has_an_id),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
