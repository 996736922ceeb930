/* test_provider_mailersend.c: requests to MailerSend, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct provider_build_case builds[] = {
    {"+", "{\"from\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","
          "\"text\":\"t\"}"},
    {"from S\303\251 <s@d.org>\nto A <a@x.org>\nto a2@x.org\ncc C <c@x.org>\nbcc b@x.org\nreply-to "
     "R <r@d.org>\nsubject Gr\303\274\303\237e\ntext t\nhtml <p>t</p>\nheader X-Kind: "
     "t\303\244st\nheader In-Reply-To: <12345@example.com>\nheader References: <1@d.org>  "
     "<2@d.org>\nheader Precedence: Bulk\nheader List-Unsubscribe: <https://d.org/u>\nheader "
     "X-Kind: two\ntag k\ntag repeat-user\nopens off\nclicks on\nsend-at 1764003661\nattach "
     "r\303\244.txt text/plain hi\nattach - text/plain ho\ninline a.png image/png a1 hi",
     "{\"from\":{\"email\":\"s@d.org\",\"name\":\"S\303\251\"},\"to\":[{\"email\":\"a@x.org\","
     "\"name\":\"A\"},{\"email\":\"a2@x.org\"}],\"cc\":[{\"email\":\"c@x.org\",\"name\":\"C\"}],"
     "\"bcc\":[{\"email\":\"b@x.org\"}],\"reply_to\":{\"email\":\"r@d.org\",\"name\":\"R\"},"
     "\"subject\":\"Gr\303\274\303\237e\",\"text\":\"t\",\"html\":\"<p>t</"
     "p>\",\"headers\":[{\"name\":\"X-Kind\",\"value\":\"t\303\244st\"},{\"name\":\"X-Kind\","
     "\"value\":\"two\"}],\"in_reply_to\":\"12345@example.com\",\"references\":[\"1@d.org\",\"2@d."
     "org\"],\"precedence_bulk\":true,\"list_unsubscribe\":\"<https://d.org/"
     "u>\",\"tags\":[\"k\",\"repeat-user\"],\"settings\":{\"track_clicks\":true,\"track_opens\":"
     "false},\"send_at\":1764003661,\"attachments\":[{\"filename\":\"r\303\244.txt\",\"content\":"
     "\"aGk=\",\"disposition\":\"attachment\"},{\"filename\":\"attachment.txt\",\"content\":\"aG8="
     "\",\"disposition\":\"attachment\"},{\"filename\":\"a.png\",\"content\":\"aGk=\","
     "\"disposition\":\"inline\",\"id\":\"a1\"}]}"},
    {"+header In-Reply-To: <1@d.org> <2@d.org>",
     "{\"from\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","
     "\"text\":"
     "\"t\",\"headers\":[{\"name\":\"In-Reply-To\",\"value\":\"<1@d.org> <2@d.org>\"}]}"},
    {"+header Precedence: first-class",
     "{\"from\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","
     "\"text\":\"t\",\"headers\":[{\"name\":\"Precedence\",\"value\":\"first-class\"}]}"},
    {"from s@d.org\nto a@x.org\nto b@x.org\ncc c@x.org\ntemplate zyxwvut98765 {\"n\": \"v\"}",
     "{\"from\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"},{\"email\":\"b@x.org\"}],"
     "\"cc\":[{\"email\":\"c@x.org\"}],\"template_id\":\"zyxwvut98765\",\"personalization\":[{"
     "\"email\":\"a@x.org\",\"data\":{\"n\":\"v\"}},{\"email\":\"b@x.org\",\"data\":{\"n\":\"v\"}}]"
     "}"},
    {"from s@d.org\nto a@x.org\ntemplate zyxwvut98765",
     "{\"from\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"template_id\":"
     "\"zyxwvut98765\"}"},
    {"+clicks on\noption track-content=yes\noption precedence-bulk=no\noption "
     "list-unsubscribe=<https://d.org/>\noption variables=[{\"email\":\"a@x.org\"}]\noption "
     "personalization=[]\noption extra={\"settings\": {\"x\": 1}}",
     "{\"from\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","
     "\"text\":\"t\",\"settings\":{\"track_clicks\":true,\"track_content\":true,\"x\":1},"
     "\"precedence_bulk\":false,\"list_unsubscribe\":\"<https://d.org/"
     ">\",\"variables\":[{\"email\":\"a@x.org\"}],\"personalization\":[]}"},
    {"+to \"Lee, Ann\" <ann@x.org>",
     "!to: the name of <ann@x.org> has a comma or semicolon, which MailerSend refuses"},
    {"from \"S; x\" <s@d.org>\nto a@x.org\nsubject Hi\ntext t", "!from: the name of <s@d.org>"},
    {"+tag 1\ntag 2\ntag 3\ntag 4\ntag 5\ntag 6",
     "!tags: 6 are more than MailerSend takes in one message (5)"},
    {"+bcc b0@x.org\nbcc b1@x.org\nbcc b2@x.org\nbcc b3@x.org\nbcc b4@x.org\nbcc b5@x.org\nbcc "
     "b6@x.org\nbcc b7@x.org\nbcc b8@x.org\nbcc b9@x.org\nbcc b10@x.org",
     "!bcc: 11 are more than MailerSend takes in one message (10)"},
    {"+send-at 1764259201", "!scheduled sending: MailerSend keeps a message 72 hours at most"},
    {"+meta a=b", "!metadata: MailerSend does not take this"},
    {"+template x {", "!template values: not JSON"},
};

static const struct provider_answer_case answers[] = {
    {202, "x-message-id: 5e42957d51f1d94a1070a733\nContent-Type: text/html\n", "", "sss",
     TIDYMAIL_OK, 0, -1, "", NULL, "5e42957d51f1d94a1070a733", NULL},
    {202, "x-message-id: 12345abcde\n",
     "{\"message\":\"There are some warnings for your "
     "request.\",\"warnings\":[{\"type\":\"SOME_SUPPRESSED\",\"recipients\":[{\"email\":\"b@x."
     "org\",\"reasons\":[\"hard_bounced\"]}]}]}",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "SOME_SUPPRESSED", "suppression list", "12345abcde",
     "hard_bounced"},
    {202, NULL,
     "{\"message\":\"x\",\"warnings\":[{\"type\":\"ALL_SUPPRESSED\",\"recipients\":[{\"email\":\"a@"
     "x.org\",\"reasons\":[\"blocklisted\"]},{\"email\":\"b@x.org\",\"reasons\":[\"hard_bounced\"]}"
     ",{\"email\":\"c@x.org\",\"reasons\":[\"hard_bounced\"]}]}]}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "ALL_SUPPRESSED", "suppression list", NULL,
     "blocklisted"},
    {202, NULL, "{\"warnings\":[{\"type\":\"ALL_SUPPRESSED\"}]}", "fff", TIDYMAIL_KIND_PERMANENT, 0,
     -1, "ALL_SUPPRESSED", "suppression list", NULL, NULL},
    {202, "x-message-id: 12345abcde\n", "{\"warnings\":[{\"type\":\"UNKNOWN_WARNING\"}]}", "sss",
     TIDYMAIL_OK, 0, -1, "", NULL, "12345abcde", NULL},
    {401, NULL, "{\"message\":\"Unauthenticated.\"}", "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1,
     "", "key in the URL", NULL, "Unauthenticated."},
    {422, NULL,
     "{\"message\":\"The given data was invalid.\",\"errors\":{\"from.email\":[\"The from.email "
     "domain must be verified in your account to send emails. #MS42207\"]}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MS42207", "verify", NULL, "domain must be verified"},
    {422, NULL,
     "{\"message\":\"Helpful ESP explanation\",\"errors\":{\"some.field\":[\"The some.field must "
     "be valid.\"]}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "mend", NULL,
     "Helpful ESP explanation The some.field must be valid."},
    {422, NULL,
     "{\"message\":\"The given data was invalid.\",\"errors\":{\"to.0.email\":[\"The to.0.email "
     "must be a valid email address. #MS42208\"]}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MS42208", "recipient's address", NULL, NULL},
    {422, NULL, "{\"message\":\"x #MS42206\"}", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MS42206",
     "without attachments", NULL, NULL},
    {422, NULL, "{\"message\":\"x #MS42204\"}", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MS42204",
     "plan", NULL, NULL},
    {422, NULL, "{\"message\":\"x #MS42225\"}", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MS42225",
     "trial", NULL, NULL},
    {422, NULL, "{\"message\":\"x #MS42218\"}", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MS42218",
     "72 hours", NULL, NULL},
    {403, NULL, "{\"message\":\"x #MS40301\"}", "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1,
     "MS40301", "right to send", NULL, NULL},
    {403, NULL, "{\"message\":\"x #MS40304\"}", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "MS40304",
     "support", NULL, NULL},
    {429, "retry-after: 38\nx-ratelimit-reset: 1764000050\n",
     "{\"message\":\"Your account reached its rate limit of 120 requests/min. Please wait before "
     "trying again. #MS42903\"}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, 38, "MS42903", "slower", NULL, NULL},
    {429, "x-ratelimit-reset: 1764000050\n", "{\"message\":\"x #MS42903\"}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, 50, "MS42903", "slower", NULL, NULL},
    {429, NULL, "{\"message\":\"Daily quota. #MS42901\"}", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1,
     "MS42901", "next day", NULL, NULL},
    {429, "x-ratelimit-reset: 1764000050\nx-apiquota-reset: 2025-11-25T00:00:00Z\n",
     "{\"message\":\"Daily quota. #MS42901\"}", "fff", TIDYMAIL_KIND_TEMPORARY, 1, 28800, "MS42901",
     "next day", NULL, NULL},
    {429, "x-ratelimit-reset: 1764000050\n", "{\"message\":\"Daily quota. #MS42901\"}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "MS42901", "next day", NULL, NULL},
    {408, NULL, "{\"message\":\"x\"}", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL, NULL},
    {421, NULL, "{\"message\":\"x\"}", "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL, NULL},
    {422, NULL, "{\"message\":\"x #MS999999999999999999\"}", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1,
     "", NULL, NULL, NULL},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_mailersend, builds, COUNT(builds));
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_mailersend, "", "+", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://api.mailersend.com");
    assert_string_equal(c.request.path, "/v1/email");
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    assert_string_equal(provider_case_field(&c, "Authorization"), "Bearer " PROVIDER_CASE_KEY);
    assert_string_equal(provider_case_field(&c, "Accept"), "application/json");
    assert_int_equal(c.request.fields.items[0].secret, 1);
    provider_case_close(&c);
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_mailersend, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_mailersend);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_mailersend, builds[1].message, &answers[0]);
    provider_case_allocations(&tdm_provider_mailersend, builds[3].message, &answers[2]);
    provider_case_allocations(&tdm_provider_mailersend, "+", &answers[6]);
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
