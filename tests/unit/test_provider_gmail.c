/* test_provider_gmail.c: requests to Gmail, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider/json.h"
#include "provider_case.h"
#include "util/base64.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct provider_build_case builds[] = {
    {"+tag k", "!tags: Gmail does not take this"},
    {"+envelope-to z@x.org", "!an envelope of one's own"},
    {"+send-at 1764003600", "!scheduled sending: Gmail does not take this"},
    {"+option extra=[1]", "!option extra: not a JSON object"},
};

static const struct provider_answer_case answers[] = {
    {200, NULL, "{\"id\":\"18c0ffee\",\"threadId\":\"18c0ffee\",\"labelIds\":[\"SENT\"]}", "sss",
     TIDYMAIL_OK, 0, -1, "", NULL, "18c0ffee", NULL},
    {401, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"authError\",\"message\":"
     "\"Invalid "
     "Credentials\",\"locationType\":\"header\",\"location\":\"Authorization\"}],\"code\":401,"
     "\"message\":\"Invalid Credentials\"}}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "authError", "new access token", NULL,
     "Invalid Credentials"},
    {400, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"invalidArgument\",\"message\":"
     "\"Invalid To header\"}],\"code\":400,\"message\":\"Invalid To header\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "invalidArgument", "recipient's address", NULL, NULL},
    {403, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"usageLimits\",\"reason\":\"quotaExceeded\",\"message\":"
     "\"x\"}],\"code\":403,\"message\":\"x\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "quotaExceeded", "next period", NULL, NULL},
    {401, NULL,
     "{\"error\":{\"code\":401,\"message\":\"Request had invalid authentication "
     "credentials.\",\"status\":\"UNAUTHENTICATED\"}}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "UNAUTHENTICATED", "new access token", NULL, NULL},
    {400, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"invalidArgument\",\"message\":"
     "\"Recipient address required\"}],\"code\":400,\"message\":\"Recipient address required\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "invalidArgument", "recipient's address", NULL,
     "Recipient address required"},
    {400, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"invalidArgument\",\"message\":"
     "\"Invalid id value\"}],\"code\":400,\"message\":\"Invalid id value\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "invalidArgument", "mend", NULL, NULL},
    {400, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"badRequest\",\"message\":"
     "\"Missing draft message\"}],\"code\":400,\"message\":\"Missing draft message\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "badRequest", "mend", NULL, NULL},
    {400, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"failedPrecondition\",\"message\":"
     "\"Mail service not enabled\"}],\"code\":400,\"message\":\"Mail service not enabled\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "failedPrecondition", "mailbox", NULL, NULL},
    {403, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"insufficientPermissions\","
     "\"message\":\"Insufficient Permission\"}],\"code\":403,\"message\":\"Insufficient "
     "Permission\"}}",
     "fff", TIDYMAIL_KIND_AUTHENTICATION, 0, -1, "insufficientPermissions", "gmail.send", NULL,
     NULL},
    {403, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"usageLimits\",\"reason\":\"rateLimitExceeded\","
     "\"message\":\"Rate Limit Exceeded\"}],\"code\":403,\"message\":\"Rate Limit Exceeded\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "rateLimitExceeded", "slower", NULL, NULL},
    {403, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"usageLimits\",\"reason\":\"userRateLimitExceeded\","
     "\"message\":\"User Rate Limit Exceeded\"}],\"code\":403,\"message\":\"User Rate Limit "
     "Exceeded\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "userRateLimitExceeded", "slower", NULL, NULL},
    {429, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"usageLimits\",\"reason\":\"rateLimitExceeded\","
     "\"message\":\"User-rate limit exceeded.  Retry after 2025-11-24T16:01:40.250Z (Mail "
     "sending)\"}],\"code\":429,\"message\":\"User-rate limit exceeded.  Retry after "
     "2025-11-24T16:01:40.250Z (Mail sending)\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, 101, "rateLimitExceeded", "slower", NULL, NULL},
    {429, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"usageLimits\",\"reason\":\"rateLimitExceeded\","
     "\"message\":\"User-rate limit exceeded.  Retry after "
     "2025-11-24T15:00:00Z\"}],\"code\":429,\"message\":\"User-rate limit exceeded.  Retry after "
     "2025-11-24T15:00:00Z\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, 0, "rateLimitExceeded", "slower", NULL, NULL},
    {429, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"usageLimits\",\"reason\":\"rateLimitExceeded\","
     "\"message\":\"User-rate limit exceeded.  Retry after "
     "soon\"}],\"code\":429,\"message\":\"User-rate limit exceeded.  Retry after soon\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "rateLimitExceeded", "slower", NULL, NULL},
    {403, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"usageLimits\",\"reason\":\"dailyLimitExceeded\","
     "\"message\":\"Daily Limit Exceeded\"}],\"code\":403,\"message\":\"Daily Limit Exceeded\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "dailyLimitExceeded", "quota", NULL, NULL},
    {403, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"domainPolicy\",\"message\":\"The "
     "domain administrators have disabled Gmail apps.\"}],\"code\":403,\"message\":\"The domain "
     "administrators have disabled Gmail apps.\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "domainPolicy", "administrators", NULL, NULL},
    {404, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"notFound\",\"message\":\"Not "
     "Found\"}],\"code\":404,\"message\":\"Not Found\"}}",
     "fff", TIDYMAIL_KIND_PERMANENT, 0, -1, "notFound", "thread-id", NULL, NULL},
    {413, NULL, "{\"error\":{\"code\":413,\"message\":\"Request entity too large\"}}", "fff",
     TIDYMAIL_KIND_PERMANENT, 0, -1, "", "without attachments", NULL, NULL},
    {500, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"backendError\",\"message\":"
     "\"Backend Error\"}],\"code\":500,\"message\":\"Backend Error\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "backendError", NULL, NULL, NULL},
    {503, NULL,
     "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"backendError\",\"message\":"
     "\"Backend Error\"}],\"code\":503,\"message\":\"Backend Error\"}}",
     "fff", TIDYMAIL_KIND_TEMPORARY, 1, -1, "backendError", NULL, NULL, NULL},
};

static void what_it_cannot_do_is_refused(void **state)
{
    (void)state;
    provider_case_builds(&tdm_provider_gmail, builds, COUNT(builds));
}

/* What the JSON holds as `raw`, decoded. */
static void read_raw(const struct provider_case *c, struct tdm_buf *mime)
{
    json_t *root = json_loadb(c->request.body.data, c->request.body.length, 0, NULL);
    const char *raw = json_string_value(json_object_get(root, "raw"));
    struct tdm_buf text;
    assert_non_null(raw);
    assert_null(strpbrk(raw, "+/")); /* base64url, RFC 4648 5 */
    tdm_buf_init(&text, NULL, 1 << 24);
    for (; *raw != '\0'; raw++) {
        tdm_buf_add_char(&text, (char)(*raw == '-' ? '+' : *raw == '_' ? '/' : *raw));
    }
    tdm_buf_init(mime, NULL, 1 << 24);
    assert_int_equal(tdm_base64_decode(mime, text.data, text.length), 0);
    tdm_buf_clear(&text);
    json_decref(root);
}

static void the_message_goes_whole(void **state)
{
    (void)state;
    struct provider_case c;
    struct tdm_buf mime;
    provider_case_open(
        &c, &tdm_provider_gmail, "",
        "+cc c@x.org\nbcc B <b@x.org>\nsender o@d.org\nhtml <p>?~?~?~?~?~?~?~?~</p>\n"
        "header X-Kind: test\nattach a.txt text/plain hi\noption thread-id=t1",
        NULL);
    assert_int_equal(c.kind, TIDYMAIL_OK);
    assert_string_equal(c.request.origin, "https://gmail.googleapis.com");
    assert_string_equal(c.request.path, "/gmail/v1/users/me/messages/send");
    assert_string_equal(provider_case_field(&c, "Authorization"), "Bearer " PROVIDER_CASE_KEY);
    assert_string_equal(provider_case_field(&c, "Content-Type"), "application/json");
    assert_non_null(strstr(c.request.body.data, "\"threadId\":\"t1\""));
    assert_non_null(strpbrk(strstr(c.request.body.data, "\"raw\":"), "-_"));
    read_raw(&c, &mime);
    assert_int_equal(strncmp(mime.data, "Bcc: B <b@x.org>\r\n", 18), 0);
    assert_non_null(strstr(mime.data, "\r\nCc: c@x.org\r\n"));
    assert_non_null(strstr(mime.data, "\r\nSender: o@d.org\r\n"));
    assert_non_null(strstr(mime.data, "\r\nX-Kind: test\r\n"));
    assert_non_null(strstr(mime.data, "multipart/alternative"));
    tdm_buf_clear(&mime);
    provider_case_close(&c);
}

static void a_ready_made_message_keeps_bcc(void **state)
{
    (void)state;
    struct provider_case c;
    struct tdm_buf mime;
    provider_case_open(&c, &tdm_provider_gmail, "",
                       "raw From: s@d.org\\nTo: a@x.org\\nBcc: b@x.org\\n\\nHi\\n\n"
                       "option user=ann lee@d.org",
                       NULL);
    assert_int_equal(c.kind, TIDYMAIL_OK);
    assert_string_equal(c.request.path, "/gmail/v1/users/ann%20lee%40d.org/messages/send");
    read_raw(&c, &mime);
    assert_string_equal(mime.data, "Bcc: b@x.org\r\nFrom: s@d.org\r\nTo: a@x.org\r\n\r\nHi\r\n");
    tdm_buf_clear(&mime);
    provider_case_close(&c);
}

static void large_messages_are_uploaded(void **state)
{
    (void)state;
    static char message[1200 * 1024];
    static const char begin[] = "option thread-id=t1\nfrom s@d.org\nto a@x.org\nbcc b@x.org\n"
                                "attach a.bin application/octet-stream ";
    struct provider_case c;
    memset(message, 'x', sizeof(message) - 1);
    memcpy(message, begin, sizeof(begin) - 1);
    provider_case_open(&c, &tdm_provider_gmail, "", message, NULL);
    assert_int_equal(c.kind, TIDYMAIL_OK);
    assert_string_equal(c.request.path,
                        "/upload/gmail/v1/users/me/messages/send?uploadType=multipart");
    assert_string_equal(provider_case_field(&c, "Content-Type"),
                        "multipart/related; boundary=0102030405060708090a0b0c0d0e0fff");
    static const char head[] = "--0102030405060708090a0b0c0d0e0fff\r\nContent-Type: "
                               "application/json; charset=UTF-8\r\n\r\n{\"threadId\":\"t1\"}\r\n"
                               "--0102030405060708090a0b0c0d0e0fff\r\nContent-Type: "
                               "message/rfc822\r\n\r\nBcc: b@x.org\r\n";
    static const char tail[] = "\r\n--0102030405060708090a0b0c0d0e0fff--\r\n";
    assert_memory_equal(c.request.body.data, head, sizeof(head) - 1);
    assert_string_equal(c.request.body.data + c.request.body.length - (sizeof(tail) - 1), tail);
    provider_case_close(&c);

    provider_case_open(&c, &tdm_provider_gmail, "", strchr(message, '\n') + 1, NULL);
    assert_int_equal(c.kind, TIDYMAIL_OK);
    assert_string_equal(c.request.path, "/upload/gmail/v1/users/me/messages/send?uploadType=media");
    assert_string_equal(provider_case_field(&c, "Content-Type"), "message/rfc822");
    assert_int_equal(strncmp(c.request.body.data, "Bcc: b@x.org\r\n", 14), 0);
    provider_case_close(&c);
}

/* The upload as well, which has two forms. */
static void every_allocation_of_an_upload_may_fail(void **state)
{
    (void)state;
    static char message[1200 * 1024];
    static const char begin[] = "option thread-id=t1\nfrom s@d.org\nto a@x.org\n"
                                "attach a.bin application/octet-stream ";
    memset(message, 'x', sizeof(message) - 1);
    memcpy(message, begin, sizeof(begin) - 1);
    provider_case_allocations(&tdm_provider_gmail, message, &answers[0]);
    provider_case_allocations(&tdm_provider_gmail, strchr(message, '\n') + 1, &answers[0]);
}

static void answers_get_their_meaning(void **state)
{
    (void)state;
    provider_case_answers(&tdm_provider_gmail, answers, COUNT(answers));
    provider_case_strangers(&tdm_provider_gmail);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    provider_case_allocations(&tdm_provider_gmail, "+cc c@x.org\noption thread-id=t1", &answers[0]);
    provider_case_allocations(&tdm_provider_gmail, "+option user=x", &answers[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_cannot_do_is_refused),
        cmocka_unit_test(the_message_goes_whole),
        cmocka_unit_test(a_ready_made_message_keeps_bcc),
        cmocka_unit_test(large_messages_are_uploaded),
        cmocka_unit_test(every_allocation_of_an_upload_may_fail),
        cmocka_unit_test(answers_get_their_meaning),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
