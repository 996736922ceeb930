/* test_provider_ses.c: what Amazon SES is asked, how it is signed, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define DATA(text) "{\"Data\":\"" text "\",\"Charset\":\"UTF-8\"}"
#define TO_A "\"Destination\":{\"ToAddresses\":[\"a@x.org\"]}"
#define SIMPLE                                                                                     \
    "\"Content\":{\"Simple\":{\"Subject\":" DATA("Hi") ",\"Body\":{\"Text\":" DATA("t") "}}}"

static const struct provider_build_case builds[] = {
    {"+", "{\"FromEmailAddress\":\"s@d.org\"," TO_A "," SIMPLE "}"},
    {"from J\xc3\xb6rg <s@d.org>\nto \"Lee, A\" <a@x.org>\ncc c@x.org\nbcc e@x.org\nreply-to R "
     "<r@d.org>\nreply-to q@d.org\nsubject Gr\xc3\xbc\xc3\x9f"
     "e\ntext t\nhtml <p>t</p>\n"
     "header X-Kind: test\nattach a.txt text/plain hi\ninline l.png image/png logo hi\ntag k\n"
     "meta order=7",
     "{\"FromEmailAddress\":\"=?utf-8?B?SsO2cmc=?= <s@d.org>\","
     "\"ReplyToAddresses\":[\"R <r@d.org>\",\"q@d.org\"],"
     "\"Destination\":{\"ToAddresses\":[\"\\\"Lee, A\\\" "
     "<a@x.org>\"],\"CcAddresses\":[\"c@x.org\"],"
     "\"BccAddresses\":[\"e@x.org\"]},"
     "\"Content\":{\"Simple\":{\"Subject\":" DATA(
         "Gr\xc3\xbc\xc3\x9f"
         "e") ",\"Body\":{\"Text\":" DATA("t") ",\"Html\":" DATA("<p>t</p>") "},"
                                                                             "\"Headers\":[{"
                                                                             "\"Name\":\"X-Kind\","
                                                                             "\"Value\":\"test\"}],"
                                                                             "\"Attachments\":[{"
                                                                             "\"FileName\":\"a."
                                                                             "txt\","
                                                                             "\"ContentType\":"
                                                                             "\"text/plain; "
                                                                             "charset=us-ascii\","
                                                                             "\"ContentDisposition"
                                                                             "\":\"ATTACHMENT\","
                                                                             "\"ContentTransferEnco"
                                                                             "ding\":\"BASE64\","
                                                                             "\"RawContent\":\"aGk="
                                                                             "\"},"
                                                                             "{\"FileName\":\"l."
                                                                             "png\","
                                                                             "\"ContentType\":"
                                                                             "\"image/"
                                                                             "png\","
                                                                             "\"ContentDisposition"
                                                                             "\":\"INLINE\","
                                                                             "\"ContentId\":"
                                                                             "\"logo\","
                                                                             "\"ContentTransferEnco"
                                                                             "ding\":\"BASE64\","
                                                                             "\"RawContent\":\"aGk="
                                                                             "\"}]}},"
                                                                             "\"EmailTags\":[{"
                                                                             "\"Name\":\"tag\","
                                                                             "\"Value\":\"k\"},{"
                                                                             "\"Name\":\"order\","
                                                                             "\"Value\":\"7\"}]}"},
    {"raw From: s@d.org\\nTo: a@x.org\\n\\nHi",
     "{" TO_A ",\"Content\":{\"Raw\":{\"Data\":"
     "\"RnJvbTogc0BkLm9yZw0KVG86IGFAeC5vcmcNCg0KSGkNCg==\"}}}"},
    {"from s@d.org\nto a@x.org\ntemplate t1 {\"n\": 1}\nheader X-A: b",
     "{\"FromEmailAddress\":\"s@d.org\"," TO_A
     ",\"Content\":{\"Template\":{\"TemplateName\":\"t1\","
     "\"TemplateData\":\"{\\\"n\\\":1}\",\"Headers\":[{\"Name\":\"X-A\",\"Value\":\"b\"}]}}}"},
    {"+envelope-from b@d.org\noption configuration-set=cs\noption contact-list=l\noption topic=t\n"
     "option extra={\"EndpointId\": \"e\"}",
     "{\"FromEmailAddress\":\"s@d.org\"," TO_A "," SIMPLE ",\"FeedbackForwardingEmailAddress\":"
     "\"b@d.org\",\"ConfigurationSetName\":\"cs\",\"ListManagementOptions\":{\"ContactListName\":"
     "\"l\","
     "\"TopicName\":\"t\"},\"EndpointId\":\"e\"}"},
    {"+template t1", "!subject: Amazon SES takes this from the template alone"},
    {"+tag a b", "!tags: Amazon SES takes letters, digits"},
    {"+send-at 1764000060", "!scheduled sending: Amazon SES does not take this"},
    {"+opens off", "!a switch for tracking in each message: Amazon SES does not take this"},
    {"+to \xc3\xa4@x.org", "!addresses in UTF-8: Amazon SES does not take this"},
    {"+sandbox 1", "!a sandbox mode for one message: Amazon SES does not take this"},
    {"+envelope-from", "!envelope: Amazon SES does not send with an empty reverse-path"},
};

static const struct provider_answer_case answers[] = {
    {200, NULL, "{\"MessageId\":\"0100018\"}", "sss", TIDYMAIL_OK, 0, -1, "", NULL, "0100018",
     NULL},
    {403, "x-amzn-ErrorType: UnrecognizedClientException\n",
     "{\"message\":\"The security token included in the request is invalid.\"}", "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "UnrecognizedClientException", "session-token", NULL,
     "security token"},
    {403,
     "x-amzn-ErrorType: InvalidSignatureException:http://internal.amazon.com/coral/\n"
     "Date: Mon, 24 Nov 2025 16:00:10 GMT\n",
     "{\"message\":\"The request signature we calculated does not match the signature you "
     "provided.\"}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "InvalidSignatureException", "secret", NULL, NULL},
    {403, "x-amzn-ErrorType: SignatureDoesNotMatch\nDate: Mon, 24 Nov 2025 17:00:00 GMT\n",
     "{\"message\":\"Signature expired\"}", "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1,
     "SignatureDoesNotMatch", "3600 seconds behind", NULL, NULL},
    {403, "x-amzn-ErrorType: ExpiredTokenException\n", "{\"message\":\"x\"}", "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "ExpiredTokenException", "new ones", NULL, NULL},
    {403, "x-amzn-ErrorType: AccessDeniedException\n", "{\"Message\":\"User is not authorized\"}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "AccessDeniedException", "ses:SendEmail", NULL,
     "not authorized"},
    {400, "x-amzn-ErrorType: MessageRejected\n",
     "{\"message\":\"Email address is not verified. The following identities failed the check in "
     "region US-EAST-1: to@example.com\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MessageRejected", "verify the identity", NULL, NULL},
    {400, NULL, "{\"__type\":\"com.amazonaws.ses#MessageRejected\",\"message\":\"virus\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "MessageRejected", "mend", NULL, "virus"},
    {400, "x-amzn-ErrorType: BadRequestException\n", "{\"message\":\"Missing final '@domain'\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "BadRequestException", NULL, NULL, NULL},
    {400, "x-amzn-ErrorType: BadRequestException\n",
     "{\"message\":\"Message length is more than 41943040 bytes long: '50000000'.\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "BadRequestException", "attachments", NULL, NULL},
    {429, "x-amzn-ErrorType: TooManyRequestsException\n",
     "{\"message\":\"Maximum sending rate exceeded.\"}", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1,
     "TooManyRequestsException", "slower", NULL, NULL},
    {400, "x-amzn-ErrorType: ThrottlingException\n",
     "{\"message\":\"Daily message quota exceeded.\"}", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1,
     "ThrottlingException", "24 hours", NULL, NULL},
    {400, "x-amzn-ErrorType: LimitExceededException\n", "{\"message\":\"x\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "LimitExceededException", NULL, NULL, NULL},
    {400, "x-amzn-ErrorType: SendingPausedException\n", "{\"message\":\"x\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "SendingPausedException", "paused", NULL, NULL},
    {500, "x-amzn-ErrorType: InternalFailure\n", "{\"message\":\"x\"}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "InternalFailure", NULL, NULL, NULL},
    {503, "x-amzn-ErrorType: ServiceUnavailable\n", "", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1,
     "ServiceUnavailable", NULL, NULL, NULL},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_ses, builds, COUNT(builds));
}

/* The simple form where it can say the message, else the finished one. */
static void what_json_cannot_say_goes_raw(void **state)
{
    (void)state;
    static const char *const raws[] = {
        "+option raw=yes",
        "from s@d.org\nto a@x.org\nsubject no body",
        "+sender o@d.org",
        "+header X-A: \xc3\xa4",
        "+header Date: Mon, 24 Nov 2025 16:00:00 +0000",
        "+envelope-to z@x.org",
        "+attach a.bin application/"
        "x-0123456789012345678901234567890123456789012345678901234567890123"
        "456789 hi",
    };
    for (size_t i = 0; i < COUNT(raws); i++) {
        struct provider_case c;
        provider_case_open(&c, &tdm_provider_ses, "", raws[i], NULL);
        assert_int_equal(c.kind, TIDYMAIL_OK);
        if (strstr(tdm_buf_text(&c.request.body), "\"Raw\"") == NULL ||
            strstr(tdm_buf_text(&c.request.body), "FromEmailAddress\"") != NULL) {
            fail_msg("%s: %s", raws[i], tdm_buf_text(&c.request.body));
        }
        provider_case_close(&c);
    }
}

static void the_request_is_signed(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_ses, "", "+option session-token=TOKEN-0123456789", NULL);
    assert_string_equal(c.request.origin, "https://email.us-east-1.amazonaws.com");
    assert_string_equal(c.request.path, "/v2/email/outbound-emails");
    const char *signature = provider_case_field(&c, "Authorization");
    assert_non_null(strstr(signature, "AWS4-HMAC-SHA256 Credential=" PROVIDER_CASE_KEY
                                      "/20251124/us-east-1/ses/aws4_request"));
    assert_non_null(
        strstr(signature, "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"));
    assert_string_equal(provider_case_field(&c, "X-Amz-Date"), "20251124T160000Z");
    assert_string_equal(provider_case_field(&c, "X-Amz-Security-Token"), "TOKEN-0123456789");
    for (size_t i = 0; i < c.request.fields.count; i++) {
        const struct tdm_http_field *field = &c.request.fields.items[i];
        assert_int_equal(field->secret, strcmp(field->name, "Authorization") == 0 ||
                                            strcmp(field->name, "X-Amz-Security-Token") == 0);
    }
    provider_case_close(&c);
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_ses, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_ses);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_ses, builds[1].message, &answers[0]);
    provider_case_allocations(&tdm_provider_ses, builds[2].message, &answers[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(what_json_cannot_say_goes_raw),
        cmocka_unit_test(the_request_is_signed),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
