/* test_provider_graph.c: requests to Microsoft Graph, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider_case.h"
#include "util/base64.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct provider_build_case builds[] = {
    {"+", "{\"message\":{\"subject\":\"Hi\",\"body\":{\"contentType\":\"Text\",\"content\":\"t\"},"
          "\"from\":{\"emailAddress\":{\"address\":\"s@d.org\"}},\"toRecipients\":[{"
          "\"emailAddress\":{\"address\":\"a@x.org\"}}]}}"},
    {"from S\303\251 <s@d.org>\nto A <a@x.org>\nto a2@x.org\ncc C <c@x.org>\nbcc b@x.org\nreply-to "
     "R <r@d.org>\nreply-to q@d.org\nsubject Gr\303\274\303\237e\nhtml <p>t</p>\nheader x-kind: "
     "t\303\244st\nheader X-Other: 2\nattach r\303\244.txt text/plain hi\ninline a.png image/png "
     "a1 hi",
     "{\"message\":{\"subject\":\"Gr\303\274\303\237e\",\"body\":{\"contentType\":\"HTML\","
     "\"content\":\"<p>t</"
     "p>\"},\"from\":{\"emailAddress\":{\"address\":\"s@d.org\",\"name\":\"S\303\251\"}},"
     "\"toRecipients\":[{\"emailAddress\":{\"address\":\"a@x.org\",\"name\":\"A\"}},{"
     "\"emailAddress\":{\"address\":\"a2@x.org\"}}],\"ccRecipients\":[{\"emailAddress\":{"
     "\"address\":\"c@x.org\",\"name\":\"C\"}}],\"bccRecipients\":[{\"emailAddress\":{\"address\":"
     "\"b@x.org\"}}],\"replyTo\":[{\"emailAddress\":{\"address\":\"r@d.org\",\"name\":\"R\"}},{"
     "\"emailAddress\":{\"address\":\"q@d.org\"}}],\"internetMessageHeaders\":[{\"name\":\"x-"
     "kind\",\"value\":\"t\303\244st\"},{\"name\":\"X-Other\",\"value\":\"2\"}],\"attachments\":[{"
     "\"@odata.type\":\"#microsoft.graph.fileAttachment\",\"name\":\"r\303\244.txt\","
     "\"contentType\":\"text/"
     "plain\",\"contentBytes\":\"aGk=\"},{\"@odata.type\":\"#microsoft.graph.fileAttachment\","
     "\"name\":\"a.png\",\"contentType\":\"image/"
     "png\",\"contentBytes\":\"aGk=\",\"contentId\":\"a1\",\"isInline\":true}]}}"},
    {"+option save-to-sent=no\noption importance=high\noption read-receipt=yes\noption "
     "delivery-receipt=no\noption extra={\"message\": {\"categories\": [\"x\"]}}",
     "{\"message\":{\"subject\":\"Hi\",\"body\":{\"contentType\":\"Text\",\"content\":\"t\"},"
     "\"from\":{\"emailAddress\":{\"address\":\"s@d.org\"}},\"toRecipients\":[{\"emailAddress\":{"
     "\"address\":\"a@x.org\"}}],\"importance\":\"high\",\"isReadReceiptRequested\":true,"
     "\"isDeliveryReceiptRequested\":false,\"categories\":[\"x\"]},\"saveToSentItems\":false}"},
    {"+html x\noption importance=low",
     "!option importance: Graph does not take this with a message that goes as MIME"},
    {"+html x\noption save-to-sent=no", "!option save-to-sent=no: Graph does not take this"},
    {"+header In-Reply-To: <1@d.org>\noption extra={}", "!option extra: Graph does not take this"},
    {"+option save-to-sent=true", "!option save-to-sent of Graph: not yes or no"},
    {"+tag k", "!tags: Graph does not take this"},
    {"+template t", "!templates: Graph does not take this"},
};

static const struct provider_answer_case answers[] = {
    {202, "request-id: 1\n", "", "sss", TIDYMAIL_OK, 0, -1, "", NULL, NULL, NULL},
    {200, NULL, "", "uuu", TIDYMAIL_KIND_PROTOCOL, 0, -1, "", "log", NULL, NULL},
    {401, NULL,
     "{\"error\":{\"code\":\"InvalidAuthenticationToken\",\"message\":\"Access token has expired "
     "or is not yet "
     "valid.\",\"innerError\":{\"date\":\"2021-01-01T00:00:00\",\"request-id\":\"x\",\"client-"
     "request-id\":\"x\"}}}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "InvalidAuthenticationToken", "new access token",
     NULL, "Access token has expired"},
    {400, NULL,
     "{\"error\":{\"code\":\"ErrorInvalidRecipients\",\"message\":\"At least one recipient isn't "
     "valid., A message can't be sent because it contains no recipients.\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "ErrorInvalidRecipients", "recipient's address", NULL,
     "isn't valid"},
    {400, NULL,
     "{\"error\":{\"code\":\"ErrorMimeContentInvalidBase64String\",\"message\":\"Invalid base64 "
     "string for MIME content.\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "ErrorMimeContentInvalidBase64String", "mend", NULL,
     NULL},
    {400, NULL,
     "{\"error\":{\"code\":\"ErrorInvalidParameter\",\"message\":\"The value of the parameter "
     "'Message' is empty.\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "ErrorInvalidParameter", NULL, NULL, NULL},
    {403, NULL,
     "{\"error\":{\"code\":\"ErrorSendAsDenied\",\"message\":\"The user account which was used to "
     "submit this request does not have the right to send mail on behalf of the specified sending "
     "account.\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "ErrorSendAsDenied", "Send As", NULL, NULL},
    {403, NULL,
     "{\"error\":{\"code\":\"ErrorAccessDenied\",\"message\":\"Access is denied. Check credentials "
     "and try again.\"}}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "ErrorAccessDenied", "Mail.Send", NULL, NULL},
    {404, NULL,
     "{\"error\":{\"code\":\"ErrorInvalidUser\",\"message\":\"The requested user 'x' is "
     "invalid.\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "ErrorInvalidUser", "option user", NULL, NULL},
    {413, NULL, "The maximum request length supported is 4MB.", "fff", TIDYMAIL_KIND_PERMANENT, 0,
     -1, "", "without attachments", NULL, "4MB"},
    {429, "Retry-After: 2.128\n",
     "{\"error\":{\"code\":\"TooManyRequests\",\"innerError\":{\"code\":\"429\"},\"message\":"
     "\"Please retry again later.\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, 3, "TooManyRequests", "slower", NULL,
     "Please retry again later."},
    {507, NULL,
     "{\"error\":{\"code\":\"ErrorQuotaExceeded\",\"message\":\"Mailbox has exceeded maximum "
     "mailbox "
     "size.\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "ErrorQuotaExceeded", "save-to-sent=no", NULL, NULL},
    {507, NULL, "", "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "", "make room", NULL, NULL},
    {509, "Retry-After: 30\n", "", "fff", TIDYMAIL_KIND_TEMPORARY, 1, 30, "", "slower", NULL, NULL},
    {429, "Retry-After: 10\n",
     "{\"error\":{\"code\":\"ApplicationThrottled\",\"message\":\"Application is over its "
     "MailboxConcurrency limit.\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, 10, "ApplicationThrottled", "four requests", NULL, NULL},
    {503, "Retry-After: 5\n", "{\"error\":{\"code\":\"serviceNotAvailable\",\"message\":\"x\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, 5, "serviceNotAvailable", NULL, NULL, NULL},
    {504, NULL, "{\"error\":{\"code\":\"timeout\",\"message\":\"x\"}}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "timeout", NULL, NULL, NULL},
    {509, NULL, "{\"error\":{\"code\":\"bandwidth\",\"message\":\"x\"}}", "fff",
     TIDYMAIL_KIND_TEMPORARY, 1, -1, "bandwidth", NULL, NULL, NULL},
};

static void the_message_becomes_json(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_graph, builds, COUNT(builds));
}

static void the_request_goes_to_the_service(void **state)
{
    (void)state;
    struct provider_case c;
    provider_case_open(&c, &tdm_provider_graph, "", "+", NULL);
    assert_string_equal(c.request.method, "POST");
    assert_string_equal(c.request.origin, "https://graph.microsoft.com");
    assert_string_equal(c.request.path, "/v1.0/me/sendMail");
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    assert_string_equal(provider_case_field(&c, "Authorization"), "Bearer " PROVIDER_CASE_KEY);
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_graph, "china", "+option user=ann@d.org", NULL);
    assert_string_equal(c.request.origin, "https://microsoftgraph.chinacloudapi.cn");
    assert_string_equal(c.request.path, "/v1.0/users/ann%40d.org/sendMail");
    provider_case_close(&c);
    provider_case_open(&c, &tdm_provider_graph, "eu", "+", NULL);
    assert_int_equal(c.kind, TIDYMAIL_KIND_CONFIGURATION);
    provider_case_close(&c);
}

/* What JSON cannot hold goes as MIME, with its Bcc. */
static void other_messages_go_as_mime(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        const char *words;
    } cases[] = {
        {"+html <p>t</p>\nbcc b@x.org\noption save-to-sent=yes", "Bcc: b@x.org\r\n"},
        {"+header In-Reply-To: <1@d.org>", "\r\nIn-Reply-To: <1@d.org>\r\n"},
        {"+header X-1: 1\nheader X-2: 2\nheader X-3: 3\nheader X-4: 4\nheader X-5: 5\n"
         "header X-6: 6",
         "\r\nX-6: 6\r\n"},
        {"+sender o@d.org", "\r\nSender: o@d.org\r\n"},
        {"+calendar BEGIN:VCALENDAR\\nMETHOD:REQUEST\\nEND:VCALENDAR\\n", "text/calendar"},
        {"raw From: s@d.org\\nTo: a@x.org\\nBcc: b@x.org\\n\\nHi\\n",
         "Bcc: b@x.org\r\nFrom: s@d.org\r\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct provider_case c;
        struct tdm_buf mime;
        provider_case_open(&c, &tdm_provider_graph, "", cases[i].message, NULL);
        if (c.kind != TIDYMAIL_OK) {
            fail_msg("%s: %s", cases[i].message, tidymail_error_message(&c.error));
        }
        assert_string_equal(provider_case_field(&c, "Content-Type"), "text/plain");
        tdm_buf_init(&mime, NULL, 1 << 24);
        assert_int_equal(tdm_base64_decode(&mime, c.request.body.data, c.request.body.length), 0);
        if (strstr(mime.data, cases[i].words) == NULL) {
            fail_msg("%s\n%s", cases[i].message, mime.data);
        }
        tdm_buf_clear(&mime);
        provider_case_close(&c);
    }
}

/* 4 MB are of the request: in MIME form base64 counts twice. */
static void large_requests_are_refused(void **state)
{
    (void)state;
    static char message[3400 * 1024];
    static const size_t sizes[] = {2900 * 1024, 3300 * 1024};
    for (int as_mime = 0; as_mime < 2; as_mime++) {
        for (int large = 0; large < 2; large++) {
            struct provider_case c;
            const char *begin = as_mime ? "+html x\nattach a.bin application/octet-stream "
                                        : "+attach a.bin application/octet-stream ";
            size_t size = sizes[large] * (as_mime ? 3 : 4) / 4;
            memset(message, 'x', sizeof(message));
            memcpy(message, begin, strlen(begin));
            message[size] = '\0';
            provider_case_open(&c, &tdm_provider_graph, "", message, NULL);
            int kind = large ? TIDYMAIL_KIND_MESSAGE : TIDYMAIL_OK;
            assert_int_equal(c.kind, kind);
            if (kind != TIDYMAIL_OK) {
                assert_non_null(strstr(c.error.message, "larger than the 4 MB"));
            }
            provider_case_close(&c);
        }
    }
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_graph, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_graph);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_graph, builds[1].message, &answers[0]);
    provider_case_allocations(&tdm_provider_graph, "+html x", &answers[2]);
    provider_case_allocations(&tdm_provider_graph, "+option user=x\nheader From-Me: 1",
                              &answers[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_becomes_json),
        cmocka_unit_test(the_request_goes_to_the_service),
        cmocka_unit_test(other_messages_go_as_mime),
        cmocka_unit_test(large_requests_are_refused),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
