/* test_provider_ses.c: requests to Amazon SES, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define DATA(text) "{\"Data\":\"" text "\",\"Charset\":\"UTF-8\"}"
#define FROM "\"FromEmailAddress\":\"s@d.org\""
#define TO "\"Destination\":{\"ToAddresses\":[\"a@x.org\"]}"
#define SIMPLE "\"Subject\":" DATA("Hi") ",\"Body\":{\"Text\":" DATA("t") "}"
#define SMALL FROM "," TO ",\"Content\":{\"Simple\":{" SIMPLE "}}"

static const struct provider_build_case builds[] = {
    {"+", "{" SMALL "}"},
    {"from \"Odes\xc3\xadlatel, z\" <s@d.org>\nto A <a@x.org>\nto a2@x.org\ncc C <c@x.org>\n"
     "bcc b@x.org\nreply-to R <r@d.org>\nreply-to q@d.org\nsubject Gr\xc3\xbc\xc3\x9f"
     "e\ntext t\nhtml <p>t</p>\nheader X-Kind: test\nheader X-Kind: 2\ntag k\nmeta order=7\n"
     "attach a.txt text/plain hi\nattach - application/pdf %PDF\ninline a.png image/png logo x",
     "{\"FromEmailAddress\":\"=?utf-8?Q?Odes=C3=ADlatel=2C_z?= <s@d.org>\","
     "\"Destination\":{\"ToAddresses\":[\"A <a@x.org>\",\"a2@x.org\"],"
     "\"CcAddresses\":[\"C <c@x.org>\"],\"BccAddresses\":[\"b@x.org\"]},"
     "\"ReplyToAddresses\":[\"R <r@d.org>\",\"q@d.org\"],"
     "\"Content\":{\"Simple\":{\"Subject\":" DATA(
         "Gr\xc3\xbc\xc3\x9f"
         "e") ","
              "\"Body\":{\"Text\":" DATA("t") ",\"Html\":" DATA(
                  "<p>t</p>") "},"
                              "\"Headers\":[{\"Name\":\"X-Kind\",\"Value\":\"test\"},{\"Name\":\"X-"
                              "Kind\",\"Value\":\"2\"}],"
                              "\"Attachments\":[{\"RawContent\":\"aGk=\",\"FileName\":\"a.txt\","
                              "\"ContentType\":\"text/plain; "
                              "charset=us-ascii\",\"ContentDisposition\":\"ATTACHMENT\","
                              "\"ContentTransferEncoding\":\"BASE64\"},{\"RawContent\":\"JVBERg=="
                              "\","
                              "\"FileName\":\"attachment.pdf\",\"ContentType\":\"application/pdf\","
                              "\"ContentDisposition\":\"ATTACHMENT\",\"ContentTransferEncoding\":"
                              "\"BASE64\"},"
                              "{\"RawContent\":\"eA==\",\"FileName\":\"a.png\",\"ContentType\":"
                              "\"image/png\","
                              "\"ContentDisposition\":\"INLINE\",\"ContentId\":\"logo\","
                              "\"ContentTransferEncoding\":\"BASE64\"}]}},"
                              "\"EmailTags\":[{\"Name\":\"tag\",\"Value\":\"k\"},{\"Name\":"
                              "\"order\",\"Value\":\"7\"}]}"},
    /* base64 of "From: s@d.org\r\nTo: a@x.org\r\nSubject: Hi\r\n\r\nx\r\n" */
    {"raw From: s@d.org\\nTo: a@x.org\\nSubject: Hi\\n\\nx\\n\ntag k",
     "{" TO ",\"Content\":{\"Raw\":{\"Data\":"
     "\"RnJvbTogc0BkLm9yZw0KVG86IGFAeC5vcmcNClN1YmplY3Q6IEhpDQoNCngNCg==\"}},"
     "\"EmailTags\":[{\"Name\":\"tag\",\"Value\":\"k\"}]}"},
    {"raw From: s@d.org\\nTo: a@x.org\\nSubject: Hi\\n\\nx\\n\nenvelope-to z@x.org\n"
     "envelope-from b@d.org",
     "{\"Destination\":{\"ToAddresses\":[\"z@x.org\"]},\"Content\":{\"Raw\":{\"Data\":"
     "\"RnJvbTogc0BkLm9yZw0KVG86IGFAeC5vcmcNClN1YmplY3Q6IEhpDQoNCngNCg==\"}},"
     "\"FeedbackForwardingEmailAddress\":\"b@d.org\"}"},
    {"from s@d.org\nto a@x.org\ntemplate welcome {\"n\": [1]}\nheader X-A: 1",
     "{" FROM "," TO ",\"Content\":{\"Template\":{\"TemplateName\":\"welcome\","
     "\"TemplateData\":\"{\\\"n\\\":[1]}\",\"Headers\":[{\"Name\":\"X-A\",\"Value\":\"1\"}]}}}"},
    {"from s@d.org\nto a@x.org\ntemplate arn:aws:ses:eu-west-1:1:template/w",
     "{" FROM "," TO
     ",\"Content\":{\"Template\":{\"TemplateArn\":\"arn:aws:ses:eu-west-1:1:template/w\","
     "\"TemplateData\":\"{}\"}}}"},
    {"+envelope-from b@d.org\noption configuration-set=cs\noption tenant=t\n"
     "option from-identity-arn=arn:f\noption feedback-identity-arn=arn:b\n"
     "option contact-list=l\noption topic=p\noption session-token=abc\n"
     "option extra={\"EndpointId\": \"e\"}",
     "{" SMALL ",\"FeedbackForwardingEmailAddress\":\"b@d.org\",\"ConfigurationSetName\":\"cs\","
     "\"TenantName\":\"t\",\"FromEmailAddressIdentityArn\":\"arn:f\","
     "\"FeedbackForwardingEmailAddressIdentityArn\":\"arn:b\","
     "\"ListManagementOptions\":{\"ContactListName\":\"l\",\"TopicName\":\"p\"},"
     "\"EndpointId\":\"e\"}"},
    {"+envelope-from b@d.org\noption feedback-address=f@d.org",
     "{" SMALL ",\"FeedbackForwardingEmailAddress\":\"f@d.org\"}"},
    {"+template welcome", "!template: Amazon SES takes no subject, text or HTML beside it"},
    {"from s@d.org\nto a@x.org\ntemplate w\nheader X-A: \xc3\xa4",
     "!template: Amazon SES takes none"},
    {"from s@d.org\nto a@x.org\ntemplate w [1]", "!template values: not a JSON object"},
    {"+tag two words", "!tags: Amazon SES takes letters, digits, - and _"},
    {"+envelope-from ", "!envelope: Amazon SES does not send with an empty reverse-path"},
    {"+send-at 1764003661", "!scheduled sending: Amazon SES does not take this"},
    {"+clicks off", "!a switch for tracking in each message: Amazon SES does not take this"},
    {"+key 7d0", "!idempotency keys: Amazon SES does not take this"},
    {"+sandbox 1", "!a sandbox mode for one message: Amazon SES does not take this"},
    {"+to \xc3\xa4@x.org", "!addresses in UTF-8: Amazon SES does not take this"},
    {"+option tenent=x", "!Amazon SES has no option \"tenent\", did you mean tenant?"},
    {"+described a.txt text/plain c1 Two words",
     "{\"FromEmailAddress\":\"s@d.org\"," TO
     ",\"Content\":{\"Simple\":{\"Subject\":" DATA("Hi") ",\"Body\":{\"Text\":" DATA(
         "t") "},\"Attachments\":[{\"RawContent\":\"aGk=\",\"FileName\":\"a.txt\","
              "\"ContentType\":\"text/plain; charset=us-ascii\",\"ContentDisposition\":"
              "\"ATTACHMENT\",\"ContentId\":\"c1\",\"ContentDescription\":\"Two words\","
              "\"ContentTransferEncoding\":\"BASE64\"}]}}}"},
};

/* What Content.Simple has no place for. */
static void the_rest_goes_as_mime(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "+bcc b@x.org\nsender b@d.org",
        "+bcc b@x.org\ncalendar BEGIN:VCALENDAR\\nMETHOD:REQUEST\\nEND:VCALENDAR\\n",
        "+bcc b@x.org\noption raw=yes",
        "+bcc b@x.org\nheader Message-ID: <1@d.org>",
        "+bcc b@x.org\nheader X-A: \xc3\xa4",
        "+bcc b@x.org\nattach \xc3\xa4.txt text/plain hi",
        "from s@d.org\nto a@x.org\nbcc b@x.org\nsubject Hi\nattach a.txt text/plain hi",
    };
    static const char start[] = "{\"Destination\":{\"ToAddresses\":[\"a@x.org\"],"
                                "\"BccAddresses\":[\"b@x.org\"]},\"Content\":{\"Raw\":{\"Data\":\"";
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct provider_case c;
        provider_case_open(&c, &tdm_provider_ses, "", messages[i], NULL);
        assert_int_equal(c.kind, TIDYMAIL_OK);
        if (strncmp(tdm_buf_text(&c.request.body), start, strlen(start)) != 0) {
            fail_msg("%s: %s", messages[i], tdm_buf_text(&c.request.body));
        }
        provider_case_close(&c);
    }
}

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_ses, builds, COUNT(builds));
}

/* Key id, region and time of `c` become those of the known answers. */
static void build_again(struct provider_case *c, const char *region,
                        const struct tdm_mail_field *options, size_t count)
{
    c->account.host = region;
    c->account.options = options;
    c->account.option_count = count;
    tdm_http_request_clear(&c->request);
    tdm_http_request_init(&c->request, NULL);
    c->kind = tdm_provider_ses.build(&c->job, &c->request, &c->error);
}

static int ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* The signatures are those of botocore for the same body, keys and time. */
static void the_request_is_signed(void **state)
{
    (void)state;
    struct provider_case c;
    static char name[] = "session-token";
    static char value[] = "SESSIONTOKENEXAMPLE";
    const struct tdm_mail_field token = {name, value};
    provider_case_open(&c, &tdm_provider_ses, "",
                       "from sender@example.com\nto to@example.com\nsubject Hello\ntext Hi", NULL);
    c.account.key = "AKIDEXAMPLE";
    c.account.secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    c.job.now_s = 1440938160; /* 2015-08-30 12:36:00 */
    build_again(&c, "us-east-1", NULL, 0);
    assert_string_equal(
        tdm_buf_text(&c.request.body),
        "{\"FromEmailAddress\":\"sender@example.com\",\"Destination\":{\"ToAddresses\":[\"to@"
        "example.com\"]},\"Content\":{\"Simple\":{\"Subject\":{\"Data\":\"Hello\",\"Charset\":"
        "\"UTF-8\"},\"Body\":{\"Text\":{\"Data\":\"Hi\",\"Charset\":\"UTF-8\"}}}}}");
    assert_string_equal(
        provider_case_field(&c, "Authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/ses/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=21285a5510b3eff5fe220b341bb16fd27269a19da19a9639e98ef8616313b497");
    assert_string_equal(provider_case_field(&c, "X-Amz-Date"), "20150830T123600Z");
    assert_null(provider_case_field(&c, "X-Amz-Security-Token"));
    build_again(&c, "us-east-1", &token, 1);
    assert_string_equal(provider_case_field(&c, "X-Amz-Security-Token"), value);
    assert_true(ends_with(provider_case_field(&c, "Authorization"),
                          "3dc53e14791990fd1c7cec55272028e4ab2a7fba9dc1ca0f3b03abf9388ec78d"));
    for (size_t i = 0; i < c.request.fields.count; i++) {
        const struct tdm_http_field *field = &c.request.fields.items[i];
        assert_int_equal(field->secret, strcmp(field->name, "Authorization") == 0 ||
                                            strcmp(field->name, "X-Amz-Security-Token") == 0);
    }
    provider_case_close(&c);
}

static void the_request_goes_to_the_region(void **state)
{
    (void)state;
    static char fips[] = "fips";
    static char dual[] = "dual-stack";
    static char yes[] = "yes";
    static char endpoint[] = "endpoint";
    static char here[] = "http://127.0.0.1:8025/ses/";
    static char there[] = "https://ses.example:443";
    static const struct {
        const char *region;
        struct tdm_mail_field option;
        const char *origin;
        const char *path;
    } rows[] = {
        {"eu-west-1", {NULL, NULL}, "https://email.eu-west-1.amazonaws.com", NULL},
        {"cn-north-1", {NULL, NULL}, "https://email.cn-north-1.amazonaws.com.cn", NULL},
        {"eusc-de-east-1", {NULL, NULL}, "https://email.eusc-de-east-1.amazonaws.eu", NULL},
        {"us-east-1", {fips, yes}, "https://email-fips.us-east-1.amazonaws.com", NULL},
        {"us-east-1", {dual, yes}, "https://email.us-east-1.api.aws", NULL},
        {"cn-north-1", {dual, yes}, "https://email.cn-north-1.api.amazonwebservices.com.cn", NULL},
        {"eusc-de-east-1",
         {dual, yes},
         "https://email.eusc-de-east-1.api.amazonwebservices.eu",
         NULL},
        {"us-east-1", {endpoint, here}, "http://127.0.0.1:8025", "/ses/v2/email/outbound-emails"},
        {"us-east-1", {endpoint, there}, "https://ses.example:443", NULL},
        {"us_east", {NULL, NULL}, NULL, NULL},
        {"a.example/x", {NULL, NULL}, NULL, NULL},
        {"", {NULL, NULL}, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct provider_case c;
        provider_case_open(&c, &tdm_provider_ses, "", "+", NULL);
        build_again(&c, rows[i].region, &rows[i].option, rows[i].option.name != NULL);
        if (rows[i].origin == NULL) {
            assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
        } else {
            assert_int_equal(c.kind, TIDYMAIL_OK);
            assert_string_equal(c.request.method, "POST");
            assert_string_equal(c.request.origin, rows[i].origin);
            assert_string_equal(c.request.path,
                                rows[i].path != NULL ? rows[i].path : "/v2/email/outbound-emails");
        }
        provider_case_close(&c);
    }
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_ses, "eu", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
}

#define TYPE(name) "x-amzn-ErrorType: " name "\n"
#define MESSAGE(text) "{\"message\":\"" text "\"}"

static const struct provider_answer_case answers[] = {
    {200, NULL, "{\"MessageId\":\"0100017a-1\"}", "sss", TIDYMAIL_OK, 0, -1, "", NULL, "0100017a-1",
     NULL},
    {403, TYPE("UnrecognizedClientException"),
     MESSAGE("The security token included in the request is invalid."), "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "UnrecognizedClientException", "access key id", NULL,
     "security token"},
    {403,
     TYPE("InvalidSignatureException:http://internal.amazon.com/coral/com.amazon.coral.service#x"),
     MESSAGE("The request signature we calculated does not match the signature you provided. Check "
             "your AWS Secret Access Key and signing method. Consult the service documentation for "
             "details."),
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "InvalidSignatureException", "secret key", NULL,
     "does not match"},
    {403, TYPE("InvalidSignatureException") "Date: Mon, 24 Nov 2025 15:50:00 GMT\n",
     MESSAGE("Signature not yet current"), "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1,
     "InvalidSignatureException", "it is 600 seconds ahead of", NULL, NULL},
    {403, TYPE("SignatureDoesNotMatch") "Date: Mon, 24 Nov 2025 16:10:00 GMT\n",
     MESSAGE("Signature expired"), "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1,
     "SignatureDoesNotMatch", "it is 600 seconds behind", NULL, NULL},
    {403, TYPE("SignatureDoesNotMatch") "Date: Mon, 24 Nov 2025 16:01:00 GMT\n", MESSAGE("x"),
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "SignatureDoesNotMatch", "secret key", NULL, NULL},
    {403, TYPE("ExpiredTokenException"), MESSAGE("The security token included is expired"), "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "ExpiredTokenException", "session-token", NULL, NULL},
    {403, TYPE("AccessDeniedException"), "{\"Message\":\"User is not authorized\"}", "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "AccessDeniedException", "ses:SendEmail", NULL,
     "not authorized"},
    {400, TYPE("MessageRejected"),
     MESSAGE("Email address is not verified. The following identities failed the check in region "
             "US-EAST-1: to@example.com"),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MessageRejected", "sandbox", NULL, "not verified"},
    {403, TYPE("MessageRejected"),
     MESSAGE("Email address is not verified. The following identities failed the check in region "
             "US-EAST-1: to@example.com"),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MessageRejected", "sandbox", NULL, NULL},
    {400, NULL, "{\"__type\":\"com.amazonaws.ses#MailFromDomainNotVerifiedException\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "MailFromDomainNotVerifiedException", "MAIL FROM", NULL, NULL},
    {400, NULL, "{\"code\":\"BadRequestException\",\"message\":\"Missing final '@domain'\"}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "BadRequestException", "recipient", NULL, NULL},
    {400, TYPE("BadRequestException"),
     MESSAGE("Message length is more than 41943040 bytes long: '50000000'."), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "BadRequestException", "attachments", NULL, NULL},
    {400, TYPE("BadRequestException"), MESSAGE("Missing required header 'From'."), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "BadRequestException", "mend that", NULL, "From"},
    {400, TYPE("AccountSuspendedException"), MESSAGE("x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "AccountSuspendedException", "support", NULL, NULL},
    {400, TYPE("SendingPausedException"), MESSAGE("x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "SendingPausedException", "paused", NULL, NULL},
    {400, TYPE("LimitExceededException"), MESSAGE("Daily message quota exceeded."), "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "LimitExceededException", "24 hours", NULL, "Daily"},
    {400, TYPE("LimitExceededException"), MESSAGE("x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "LimitExceededException", "plan", NULL, NULL},
    {429, TYPE("TooManyRequestsException"), MESSAGE("Maximum sending rate exceeded."), "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "TooManyRequestsException", "slower", NULL, NULL},
    {400, TYPE("ThrottlingException"), MESSAGE("Rate exceeded"), "fff", TIDYMAIL_KIND_TEMPORARY, 1,
     -1, "ThrottlingException", "slower", NULL, NULL},
    {404, TYPE("NotFoundException"), MESSAGE("Template welcome does not exist"), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "NotFoundException", "configuration-set", NULL, NULL},
    {408, TYPE("RequestTimeoutException"), "{}", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1,
     "RequestTimeoutException", NULL, NULL, NULL},
    {413, TYPE("RequestEntityTooLarge"), "", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "RequestEntityTooLarge", "attachments", NULL, NULL},
    {500, TYPE("InternalFailure"), MESSAGE("x"), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1,
     "InternalFailure", NULL, NULL, NULL},
    {503, TYPE("ServiceUnavailable"), "", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1,
     "ServiceUnavailable", NULL, NULL, NULL},
    {200, NULL, "{\"wrong\":\"format\"}", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL,
     "wrong"},
};

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
    provider_case_allocations(&tdm_provider_ses, builds[3].message, &answers[3]);
    provider_case_allocations(&tdm_provider_ses, builds[4].message, &answers[1]);
    provider_case_allocations(&tdm_provider_ses, builds[6].message, &answers[17]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(the_rest_goes_as_mime),
        cmocka_unit_test(the_request_is_signed),
        cmocka_unit_test(the_request_goes_to_the_region),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
