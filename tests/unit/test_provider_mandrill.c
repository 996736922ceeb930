/* test_provider_mandrill.c: requests to Mandrill, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider/build_parts.h"
#include "provider_case.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct provider_build_case builds[] = {
    {"+", "{\"key\":\"KEY-0123456789\",\"message\":{\"from_email\":\"s@d.org\",\"to\":[{\"email\":"
          "\"a@x.org\",\"type\":\"to\"}],\"subject\":\"Hi\",\"text\":\"t\"}}"},
    {"from \"Odes\303\255latel, z\" <s@d.org>\nto A <a@x.org>\ncc c@x.org\nbcc B "
     "<b@x.org>\nreply-to r@d.org\nreply-to \"\303\226, x\" <o@d.org>\nsubject "
     "Gr\303\274\303\237e\ntext t\nhtml <p>t</p>\nheader X-Kind: t\303\244st\nheader Message-ID: "
     "<1@d.org>\ntag k\ntag repeat-user\nmeta order=7\nopens off\nclicks on\nsend-at "
     "1764003661\nattach r\303\244.txt text/plain hi\nattach - application/pdf %PDF\ninline a.png "
     "image/png a1 hi\noption inline-names=no",
     "{\"key\":\"KEY-0123456789\",\"message\":{\"from_email\":\"s@d.org\",\"from_name\":"
     "\"Odes\303\255latel, "
     "z\",\"to\":[{\"email\":\"a@x.org\",\"name\":\"A\",\"type\":\"to\"},{\"email\":\"c@x.org\","
     "\"type\":\"cc\"},{\"email\":\"b@x.org\",\"name\":\"B\",\"type\":\"bcc\"}],\"subject\":"
     "\"Gr\303\274\303\237e\",\"text\":\"t\",\"html\":\"<p>t</"
     "p>\",\"headers\":{\"Reply-To\":\"r@d.org, \\\"\303\226, x\\\" "
     "<o@d.org>\",\"X-Kind\":\"t\303\244st\",\"Message-ID\":\"<1@d.org>\"},\"tags\":[\"k\","
     "\"repeat-user\"],\"metadata\":{\"order\":\"7\"},\"track_opens\":false,\"track_clicks\":true,"
     "\"attachments\":[{\"type\":\"text/plain; "
     "charset=us-ascii\",\"name\":\"r\303\244.txt\",\"content\":\"aGk=\"},{\"type\":\"application/"
     "pdf\",\"name\":\"\",\"content\":\"JVBERg==\"}],\"images\":[{\"type\":\"image/"
     "png\",\"name\":\"a1\",\"content\":\"aGk=\"}]},\"send_at\":\"2025-11-24 17:01:01\"}"},
    {"from s@d.org\nto a@x.org\ntemplate welcome {\"name\": \"Ann\", \"list\": [1]}",
     "{\"key\":\"KEY-0123456789\",\"template_name\":\"welcome\",\"template_content\":[],"
     "\"message\":{\"from_email\":\"s@d.org\",\"to\":[{\"email\":\"a@x.org\",\"type\":\"to\"}],"
     "\"global_merge_vars\":[{\"name\":\"name\",\"content\":\"Ann\"},{\"name\":\"list\","
     "\"content\":[1]}]}}"},
    {"+template t\noption template-content=[{\"name\":\"H\",\"content\":\"x\"}]",
     "{\"key\":\"KEY-0123456789\",\"message\":{\"from_email\":\"s@d.org\",\"to\":[{\"email\":\"a@x."
     "org\",\"type\":\"to\"}],\"subject\":\"Hi\",\"text\":\"t\"},\"template_name\":\"t\","
     "\"template_content\":[{\"name\":\"H\",\"content\":\"x\"}]}"},
    {"+envelope-from anything@bounces.example.com",
     "{\"key\":\"KEY-0123456789\",\"message\":{\"from_email\":\"s@d.org\",\"to\":[{\"email\":\"a@x."
     "org\",\"type\":\"to\"}],\"subject\":\"Hi\",\"text\":\"t\",\"return_path_domain\":\"bounces."
     "example.com\"}}"},
    {"+option return-path-domain=r.example.com",
     "{\"key\":\"KEY-0123456789\",\"message\":{\"from_email\":\"s@d.org\",\"to\":[{\"email\":\"a@x."
     "org\",\"type\":\"to\"}],\"subject\":\"Hi\",\"text\":\"t\",\"return_path_domain\":\"r.example."
     "com\"}}"},
    {"+option subaccount=m\noption ip-pool=Bulk Pool\noption async=no\noption "
     "preserve-recipients=no\noption inline-css=yes\noption important=yes\noption "
     "signing-domain=d.org\noption google-analytics-domains=[\"d.org\"]\noption "
     "extra={\"message\": {\"view_content_link\": false}}",
     "{\"key\":\"KEY-0123456789\",\"message\":{\"from_email\":\"s@d.org\",\"to\":[{\"email\":\"a@x."
     "org\",\"type\":\"to\"}],\"subject\":\"Hi\",\"text\":\"t\",\"subaccount\":\"m\",\"preserve_"
     "recipients\":false,\"inline_css\":true,\"important\":true,\"signing_domain\":\"d.org\","
     "\"google_analytics_domains\":[\"d.org\"],\"view_content_link\":false},\"ip_pool\":\"Bulk "
     "Pool\",\"async\":false}"},
    {"raw From: S <s@d.org>\\nTo: a@x.org\\nBcc: b@x.org\\nSubject: Hi\\n\\nt\\n\noption "
     "ip-pool=p\nsend-at 1764003661",
     "{\"key\":\"KEY-0123456789\",\"raw_message\":\"From: S <s@d.org>\\r\\nTo: "
     "a@x.org\\r\\nSubject: "
     "Hi\\r\\n\\r\\nt\\r\\n\",\"to\":[\"a@x.org\",\"b@x.org\"],\"ip_pool\":\"p\",\"send_at\":"
     "\"2025-11-24 17:01:01\"}"},
    {"raw From: S <s@d.org>\\nTo: a@x.org\\n\\nt\\n\nenvelope-from r@e.org\nenvelope-to z@x.org",
     "{\"key\":\"KEY-0123456789\",\"raw_message\":\"From: S <s@d.org>\\r\\nTo: "
     "a@x.org\\r\\n\\r\\nt\\r\\n\",\"to\":[\"z@x.org\"],\"return_path_domain\":\"e.org\"}"},
    {"+envelope-from ", "!reverse-path"},
    {"raw From: S <s@d.org>\\nTo: a@x.org\\n\\nt\\n\ntag k\ntag l m\nmeta order=7\nmeta "
     "\303\244=\"\n"
     "opens on\nclicks off\noption auto-text=yes\noption important=no\noption subaccount=m",
     "{\"key\":\"KEY-0123456789\",\"raw_message\":\"X-MC-Tags: k\\r\\n ,l m\\r\\n"
     "X-MC-Metadata: {\\\"order\\\":\\\"7\\\",\\r\\n "
     "\\\"\\\\u00E4\\\":\\\"\\\\\\\"\\\"}\\r\\nX-MC-Track: opens\\r\\n"
     "X-MC-Autotext: true\\r\\nX-MC-Important: false\\r\\nX-MC-Subaccount: m\\r\\n"
     "From: S <s@d.org>\\r\\nTo: a@x.org\\r\\n\\r\\nt\\r\\n\",\"to\":[\"a@x.org\"]}"},
    {"+html h\ninline a.png image/png logo x\ntemplate t",
     "!file names of inline images beside their Content-IDs: Mandrill does not take this with a "
     "template"},
    {"+html h\ninline a.png image/png logo x\nopens on",
     "!with a switch for opens or clicks alone"},
    {"+html h\ninline a.png image/png logo x\noption merge=no", "!does not take this with merge"},
    {"+html h\ninline a.png image/png logo x\ntag a,b", "!so none may be in a tag"},
    {"+html h\ninline a.png image/png logo x\ntag \303\244",
     "!tags: Mandrill takes one line of ASCII"},
    {"+envelope-to z@x.org\nclicks on", "!of opens or clicks alone: Mandrill does not take this"},
    {"+sender o@d.org\ntemplate t",
     "!templates: Mandrill does not take this with a message that goes as MIME"},
    {"+inline a.pdf application/pdf a1 x\nhtml x\noption merge=yes",
     "!option merge: Mandrill does not take this with a message that goes as MIME"},
    {"raw From: s@d.org\\nTo: a@x.org\\n\\n\377\\n", "!bytes that are not UTF-8"},
    {"+tag _k", "!tags: Mandrill takes 50 characters, and none with _ in front"},
    {"+tag "
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303"
     "\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
     "\303\244\303\244\303\244\303\244\303\244",
     "!tags: Mandrill takes 50 characters"},
    {"+send-at 1796000000", "!scheduled sending: Mandrill keeps a message one year at most"},
    {"+sandbox 1", "!a sandbox mode for one message: Mandrill does not take this"},
    {"+template t [1]", "!template values: not a JSON object"},
    {"+described a.txt text/plain c1 -\noption merge=no", "!does not take this with merge"},
};

static const struct provider_answer_case answers[] = {
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"abc123\",\"reject_reason\":null},{"
     "\"email\":\"B@x.org\",\"status\":\"queued\",\"_id\":\"i2\",\"reject_reason\":null},{"
     "\"email\":\"c@x.org\",\"status\":\"scheduled\",\"_id\":\"i3\",\"reject_reason\":null}]",
     "sss", TIDYMAIL_OK, 0, -1, "", NULL, "abc123", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"rejected\",\"_id\":\"i1\",\"reject_reason\":"
     "\"unsigned\"},{\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_"
     "reason\":\"unsigned\"},{\"email\":\"c@x.org\",\"status\":\"rejected\",\"_id\":\"i3\","
     "\"reject_reason\":\"unsigned\"}]",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "unsigned", "DKIM", NULL, NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_reason\":\"hard-"
     "bounce\"},{\"email\":\"c@x.org\",\"status\":\"queued\",\"_id\":\"i3\",\"reject_reason\":null}"
     "]",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "hard-bounce", "suppression list", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_reason\":\"soft-"
     "bounce\"},{\"email\":\"c@x.org\",\"status\":\"queued\",\"_id\":\"i3\",\"reject_reason\":null}"
     "]",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "soft-bounce", "suppression list", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_reason\":\"spam\"},{"
     "\"email\":\"c@x.org\",\"status\":\"queued\",\"_id\":\"i3\",\"reject_reason\":null}]",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "spam", "suppression list", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_reason\":\"unsub\"},{"
     "\"email\":\"c@x.org\",\"status\":\"queued\",\"_id\":\"i3\",\"reject_reason\":null}]",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "unsub", "unsubscribed", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_reason\":\"custom\"},{"
     "\"email\":\"c@x.org\",\"status\":\"queued\",\"_id\":\"i3\",\"reject_reason\":null}]",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "custom", "by hand", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_reason\":\"invalid-"
     "sender\"},{\"email\":\"c@x.org\",\"status\":\"queued\",\"_id\":\"i3\",\"reject_reason\":null}"
     "]",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "invalid-sender", "verify", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_reason\":\"invalid\"},{"
     "\"email\":\"c@x.org\",\"status\":\"queued\",\"_id\":\"i3\",\"reject_reason\":null}]",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "invalid", "recipient's address", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_reason\":\"test-mode-"
     "limit\"},{\"email\":\"c@x.org\",\"status\":\"queued\",\"_id\":\"i3\",\"reject_reason\":null}"
     "]",
     "sfs", TIDYMAIL_KIND_TEMPORARY, 1, -1, "test-mode-limit", "10000", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"rejected\",\"_id\":\"i2\",\"reject_reason\":\"rule\"},{"
     "\"email\":\"c@x.org\",\"status\":\"queued\",\"_id\":\"i3\",\"reject_reason\":null}]",
     "sfs", TIDYMAIL_KIND_PERMANENT, 0, -1, "rule", "Rules", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"invalid\"},{\"email\":\"b@x.org\",\"status\":"
     "\"rejected\"},{\"email\":\"c@x.org\",\"status\":\"sent\"}]",
     "ffs", TIDYMAIL_KIND_PERMANENT, 0, -1, "invalid", "recipient's address", NULL, NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"c@x.org\",\"status\":\"sent\",\"_id\":\"i3\",\"reject_reason\":null}]",
     "sus", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", "i1", NULL},
    {200, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"i1\",\"reject_reason\":null},{"
     "\"email\":\"b@x.org\",\"status\":\"strange\",\"_id\":\"i2\",\"reject_reason\":null},{"
     "\"email\":\"c@x.org\",\"status\":\"sent\",\"_id\":\"i3\",\"reject_reason\":null}]",
     "sus", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", "i1", NULL},
    {401, NULL,
     "{\"status\":\"error\",\"code\":401,\"name\":\"Invalid_Key\",\"message\":\"Invalid API key\"}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "Invalid_Key", "key in the URL", NULL,
     "Invalid API key"},
    {500, NULL,
     "{\"status\":\"error\",\"code\":-1,\"name\":\"Invalid_Key\",\"message\":\"Invalid API key\"}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "Invalid_Key", "key in the URL", NULL, NULL},
    {500, NULL, "Invalid API key", "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "", "key in the URL",
     NULL, NULL},
    {422, NULL,
     "{\"status\":\"error\",\"code\":-2,\"name\":\"ValidationError\",\"message\":\"Validation "
     "error: {\\\"email\\\":\\\"Not a valid email address\\\"}\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "ValidationError", "mend", NULL,
     "Not a valid email address"},
    {500, NULL,
     "{\"status\":\"error\",\"code\":-2,\"name\":\"ValidationError\",\"message\":\"Validation "
     "error: {\\\"email\\\":\\\"Not a valid email address\\\"}\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "ValidationError", "mend", NULL, NULL},
    {402, NULL,
     "{\"status\":\"error\",\"code\":10,\"name\":\"PaymentRequired\",\"message\":\"Email "
     "scheduling is only available for accounts with a positive balance.\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "PaymentRequired", "positive balance", NULL, NULL},
    {402, NULL,
     "{\"status\":\"error\",\"code\":10,\"name\":\"PaymentRequired\",\"message\":\"The requested "
     "feature requires payment.\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "PaymentRequired", "plan", NULL, NULL},
    {404, NULL,
     "{\"status\":\"error\",\"code\":12,\"name\":\"Unknown_Subaccount\",\"message\":\"No "
     "subaccount exists with the id customer-123\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "Unknown_Subaccount", "subaccount", NULL, NULL},
    {500, NULL,
     "{\"status\":\"error\",\"code\":5,\"name\":\"Unknown_Template\",\"message\":\"No such "
     "template \\\"MyTemplate\\\"\"}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "Unknown_Template", "slug", NULL, NULL},
    {500, NULL,
     "{\"status\":\"error\",\"code\":-1,\"name\":\"GeneralError\",\"message\":\"An unknown error "
     "occurred processing your request. Please try again later.\"}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "GeneralError", NULL, NULL, NULL},
    {503, NULL,
     "{\"status\":\"error\",\"code\":-2,\"name\":\"ServiceUnavailable\",\"message\":\"Service "
     "Temporarily Unavailable\"}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "ServiceUnavailable", NULL, NULL, NULL},
    {429, NULL,
     "{\"status\":\"error\",\"code\":429,\"name\":\"RequestLimitExceeded\",\"message\":\"Too Many "
     "Requests attempted recently\"}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "RequestLimitExceeded", "slower", NULL, NULL},
    {500, NULL,
     "[{\"email\":\"a@x.org\",\"status\":\"sent\",\"_id\":\"abc123\",\"reject_reason\":null}]",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "", NULL, NULL, NULL},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_mandrill, builds, COUNT(builds));
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_mandrill, "", "+", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://mandrillapp.com");
    assert_string_equal(c.request.path, "/api/1.0/messages/send.json");
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    assert_null(provider_case_field(&c, "Authorization"));
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_mandrill, "", "+template t", NULL);
    assert_string_equal(c.request.path, "/api/1.0/messages/send-template.json");
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_mandrill, "", "+sender o@d.org", NULL);
    assert_string_equal(c.request.path, "/api/1.0/messages/send-raw.json");
    assert_non_null(strstr(c.request.body.data, "Sender: o@d.org\\r\\n"));
    provider_case_close(&c);
}

/* Each part of a date at its place, and read back. */
static void dates_are_written_and_read(void **state)
{
    (void)state;
    static const struct {
        int64_t unix_s;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00"},          {1457096767, "2016-03-04T13:06:07"},
        {1651820889, "2022-05-06T07:08:09"}, {1709164800, "2024-02-29T00:00:00"},
        {1735689599, "2024-12-31T23:59:59"}, {253402300799, "9999-12-31T23:59:59"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char date[TDM_BUILD_DATE_MAX];
        int64_t unix_s = -1;
        tdm_build_date(cases[i].unix_s, 'T', date);
        assert_string_equal(date, cases[i].text);
        assert_int_equal(tdm_build_date_read(date, &unix_s), 0);
        assert_int_equal(unix_s, cases[i].unix_s);
    }
    static const char *const bad[] = {"",
                                      "2024-13-01T00:00:00",
                                      "2024-00-01T00:00:00",
                                      "2024-01-01 00:00:00",
                                      "2024-01-01T24:00:00",
                                      "2024-01-0"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t unix_s;
        assert_int_equal(tdm_build_date_read(bad[i], &unix_s), -1);
    }
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_mandrill, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_mandrill);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_mandrill, builds[1].message, &answers[14]);
    provider_case_allocations(&tdm_provider_mandrill, builds[7].message, &answers[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(the_request_goes_to_the_service),
        cmocka_unit_test(dates_are_written_and_read),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
