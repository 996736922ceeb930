/* test_provider_postmark.c: requests to Postmark, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

#define PEOPLE "\"From\":\"s@d.org\",\"To\":\"a@x.org\""
#define SMALL PEOPLE ",\"Subject\":\"Hi\",\"TextBody\":\"t\""

static const struct provider_build_case builds[] = {
    {"+", "{" SMALL "}"},
    {"from s@d.org\ncc a@x.org\nsubject Hi\nhtml x",
     "{\"From\":\"s@d.org\",\"Cc\":\"a@x.org\",\"Subject\":\"Hi\",\"HtmlBody\":\"x\"}"},
    {"from \"Odes\xc3\xadlatel, z\" <s@d.org>\nto A <a@x.org>\nto a2@x.org\ncc C <c@x.org>\n"
     "cc c2@x.org\nbcc b@x.org\nreply-to R <r@d.org>\nreply-to q@d.org\n"
     "subject Gr\xc3\xbc\xc3\x9f"
     "e\ntext t\nhtml <p>t</p>\nheader X-Kind: t\xc3\xa4st\nheader X-Kind: 2\ntag k l\n"
     "meta order=7\nopens off\nclicks off\nattach r\xc3\xa4.txt text/plain hi\n"
     "attach - application/octet-stream %PDF\ninline a.png image/png logo x",
     "{\"From\":\"\\\"Odes\xc3\xadlatel, z\\\" <s@d.org>\",\"To\":\"A <a@x.org>, a2@x.org\","
     "\"Cc\":\"C <c@x.org>, c2@x.org\",\"Bcc\":\"b@x.org\",\"ReplyTo\":\"R <r@d.org>, q@d.org\","
     "\"Subject\":\"Gr\xc3\xbc\xc3\x9f"
     "e\",\"TextBody\":\"t\",\"HtmlBody\":\"<p>t</p>\","
     "\"Headers\":[{\"Name\":\"X-Kind\",\"Value\":\"t\xc3\xa4st\"},"
     "{\"Name\":\"X-Kind\",\"Value\":\"2\"}],\"Tag\":\"k l\",\"Metadata\":{\"order\":\"7\"},"
     "\"TrackOpens\":false,\"TrackLinks\":\"None\","
     "\"Attachments\":[{\"Name\":\"r\xc3\xa4.txt\",\"Content\":\"aGk=\","
     "\"ContentType\":\"text/plain; charset=us-ascii\"},{\"Name\":\"attachment\","
     "\"Content\":\"JVBERg==\",\"ContentType\":\"application/octet-stream\"},"
     "{\"Name\":\"a.png\",\"Content\":\"eA==\",\"ContentType\":\"image/png\","
     "\"ContentID\":\"cid:logo\"}]}"},
    {"+header Message-ID: <1@d.org>",
     "{" SMALL ",\"Headers\":[{\"Name\":\"Message-ID\",\"Value\":\"<1@d.org>\"},"
     "{\"Name\":\"X-PM-KeepID\",\"Value\":\"true\"}]}"},
    {"from s@d.org\nto a@x.org\ntemplate 1234567 {\"n\": [1]}\noption inline-css=no",
     "{" PEOPLE ",\"TemplateId\":1234567,\"TemplateModel\":{\"n\":[1]},\"InlineCss\":false}"},
    {"from s@d.org\nto a@x.org\ntemplate welcome",
     "{" PEOPLE ",\"TemplateAlias\":\"welcome\",\"TemplateModel\":{}}"},
    {"+opens on\nclicks on\noption stream=broadcast\noption extra={\"FutureOption\": 1}",
     "{" SMALL ",\"TrackOpens\":true,\"TrackLinks\":\"HtmlAndText\","
     "\"MessageStream\":\"broadcast\",\"FutureOption\":1}"},
    {"+clicks on\noption track-links=HtmlOnly", "{" SMALL ",\"TrackLinks\":\"HtmlOnly\"}"},
    {"from s@d.org\nto a@x.org\nsubject Hi\ntext ", "!text: Postmark does not send"},
    {"from s@d.org\nto a@x.org\nsubject Hi\ntemplate x", "!template: Postmark takes no subject"},
    {"from s@d.org\nto a@x.org\ntemplate x [1]", "!template values: not a JSON object"},
    {"+meta this-key-name-is-too-long=x", "!metadata: Postmark takes names of 20 characters"},
    {"+meta a=012345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "!metadata: Postmark takes values of 80 characters"},
    {"+meta a=0\nmeta b=0\nmeta c=0\nmeta d=0\nmeta e=0\nmeta f=0\nmeta g=0\nmeta h=0\nmeta i=0\n"
     "meta j=0\nmeta k=0",
     "!metadata: 11 are more than Postmark takes"},
    {"+tag a\ntag b", "!tags: 2 are more than Postmark takes in one message (1)"},
    {"+send-at 1764003661", "!scheduled sending: Postmark does not take this"},
    {"+key 7d0", "!idempotency keys: Postmark does not take this"},
    {"raw From: s@d.org\\nTo: a@x.org\\n\\nx", "!ready-made or signed messages"},
    {"+sender b@d.org", "!a Sender beside From: Postmark does not take this"},
    {"+calendar BEGIN:VCALENDAR\\nMETHOD:REQUEST\\nEND:VCALENDAR\\n", "!calendar invitations"},
    {"+to \xc3\xa4@x.org", "!addresses in UTF-8: Postmark does not take this"},
    {"+envelope-from b@d.org", "!an envelope of one's own"},
    {"+option steam=x", "!Postmark has no option \"steam\", did you mean stream?"},
    {"+described a.txt text/plain - Words", "!descriptions of files, and Content-IDs"},
    {"+described a.txt text/plain c1 -", "!descriptions of files, and Content-IDs"},
    {"+cc Team: b@x.org;", "!groups of addresses: Postmark does not take this"},
};

#define ERROR(code, message) "{\"ErrorCode\":" #code ",\"Message\":\"" message "\"}"
#define SENT(to, message)                                                                          \
    "{\"To\":\"" to "\",\"SubmittedAt\":\"2010-11-26T12:01:05.1794748-05:00\","                    \
    "\"MessageID\":\"b7bc2f4a-e38e-4336-af7d-e6c392c2f817\",\"ErrorCode\":0,\"Message\":"          \
    "\"" message "\"}"
#define ID "b7bc2f4a-e38e-4336-af7d-e6c392c2f817"
#define INACTIVE                                                                                   \
    "Inactive recipients are ones that have generated a hard bounce or a spam complaint."

static const struct provider_answer_case answers[] = {
    {200, NULL, SENT("a@x.org", "OK"), "sss", TIDYMAIL_OK, 0, -1, "", NULL, ID, NULL},
    {200, NULL, SENT("a@x.org", "Test job accepted"), "sss", TIDYMAIL_OK, 0, -1, "", NULL, ID,
     NULL},
    {200, NULL,
     SENT("a@x.org", "Message OK, but will not deliver to these inactive addresses: b@x.org, "
                     "C@x.org. " INACTIVE),
     "sff", TIDYMAIL_KIND_PERMANENT, 0, -1, "406", "suppression list", ID, "will not deliver"},
    {200, NULL,
     SENT("a@x.org",
          "Message OK, but will not deliver to these inactive addresses: a@x.org.\\n" INACTIVE),
     "fss", TIDYMAIL_KIND_PERMANENT, 0, -1, "406", "suppression list", ID, "will not deliver"},
    /* a part of the address is not the address */
    {200, NULL,
     SENT("a@x.org", "Message OK, but will not deliver to these inactive addresses: aa@x.org, "
                     "a@x.or"),
     "sss", TIDYMAIL_OK, 0, -1, "", NULL, ID, NULL},
    {200, NULL,
     "{\"Message\":\"Message accepted, but delivery may be delayed.\",\"MessageID\":\"" ID
     "\",\"SubmittedAt\":\"2010-11-26T12:01:05.1794748-05:00\",\"To\":\"a@x.org\"}",
     "sss", TIDYMAIL_OK, 0, -1, "", NULL, ID, NULL},
    {200, NULL, ERROR(451, "Helpful explanation from Postmark."), "fff", TIDYMAIL_KIND_PERMANENT, 0,
     -1, "451", "mend that", NULL, "Helpful explanation"},
    {401, NULL, ERROR(10, "Request does not contain a valid Server token."), "fff",
     TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "10", "token of a server", NULL, "valid Server token"},
    {401, NULL,
     ERROR(10, "No Account or Server API tokens were supplied in the HTTP headers. Please add a "
               "header for either X-Postmark-Server-Token or X-Postmark-Account-Token."),
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "10", NULL, NULL, "No Account or Server"},
    {422, NULL, ERROR(300, "Invalid 'To' address: 'invalid@localhost'."), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "300", "recipient", NULL, "invalid@localhost"},
    {422, NULL,
     ERROR(300, "Invalid 'From' address: 'sender@example.com' is not a verified sender "
                "signature."),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "300", "verify the From", NULL, "not a verified"},
    {422, NULL, ERROR(300, "Error parsing 'Cc': Illegal email domain '+' in address 'user@+'."),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "300", "recipient", NULL, "user@+"},
    {422, NULL,
     ERROR(300, "Error parsing 'Reply-To': Illegal email domain '+' in address 'invalid@+'."),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "300", "mend that", NULL, "Reply-To"},
    {422, NULL, ERROR(300, "Invalid metadata content. Field names are limited to 20 characters"),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "300", "mend that", NULL, "metadata"},
    {422, NULL,
     ERROR(406, "You tried to send to a recipient that has been marked as inactive.\\nFound "
                "inactive addresses: hardbounce@example.com, spam@example.com.\\n" INACTIVE),
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "406", "suppression list", NULL, "marked as inactive"},
    {422, NULL, ERROR(400, "x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "400", "verify", NULL,
     NULL},
    {422, NULL, ERROR(401, "x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "401", "confirmation", NULL,
     NULL},
    {422, NULL, ERROR(402, "Invalid JSON"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "402",
     "mend that", NULL, NULL},
    {422, NULL, ERROR(405, "You ran out of credits and can't send more email."), "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "405", "plan", NULL, "credits"},
    {422, NULL, ERROR(411, "x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "411", "type", NULL, NULL},
    {422, NULL, ERROR(412, "x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "412", "approved", NULL,
     NULL},
    {422, NULL, ERROR(413, "x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "413", "support", NULL,
     NULL},
    {422, NULL, ERROR(1101, "x"), "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "1101", "template", NULL,
     NULL},
    {429, NULL, ERROR(429, "Rate limit exceeded."), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "429",
     "slower", NULL, NULL},
    {429, NULL, ERROR(0, "Rate limit exceeded."), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "",
     "slower", NULL, NULL},
    {422, NULL, ERROR(100, "Maintenance"), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "100",
     "try again", NULL, NULL},
    {500, NULL, SENT("a@x.org", "OK"), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL, NULL},
    {503, NULL, ERROR(0, "Service Unavailable"), "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL,
     NULL, NULL},
    {200, NULL, "yikes, this isn't a real response", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "",
     "log", NULL, "yikes"},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_postmark, builds, COUNT(builds));
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_postmark, "", "+", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://api.postmarkapp.com");
    assert_string_equal(c.request.path, "/email");
    assert_string_equal(provider_case_field(&c, "X-Postmark-Server-Token"), PROVIDER_CASE_KEY);
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    assert_string_equal(provider_case_field(&c, "Accept"), "application/json");
    assert_int_equal(c.request.fields.items[0].secret, 1);
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_postmark, "", "from s@d.org\nto a@x.org\ntemplate 1",
                       NULL);
    assert_string_equal(c.request.path, "/email/withTemplate");
    provider_case_close(&c);
    /* the sandbox is the test token, and the account's stays here */
    provider_case_open(&c, &tdm_provider_postmark, "", "+sandbox 1", NULL);
    assert_string_equal(provider_case_field(&c, "X-Postmark-Server-Token"), "POSTMARK_API_TEST");
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_postmark, "eu", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_postmark, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_postmark);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_postmark, builds[2].message, &answers[0]);
    provider_case_allocations(&tdm_provider_postmark, builds[4].message, &answers[9]);
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
