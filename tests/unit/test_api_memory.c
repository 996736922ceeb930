/*
 * test_api_memory.c: the doubles while memory runs out. The linker gives malloc and realloc of all that
 * is linked in to the wrappers below (tests/CMakeLists.txt): requests are answered with every one of
 * their allocations failing, alone and with all later ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "devserver/api.h"

#define NOW ((int64_t)1000000)
#define NOW_S ((int64_t)1440938160) /* 20150830T123600Z */

static struct {
    int armed;
    int onwards;
    size_t calls;
    size_t fail_at;
} broken;

void *__real_malloc(size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *block, size_t size);

static int fails(void)
{
    if (!broken.armed) {
        return 0;
    }
    broken.calls++;
    return broken.onwards ? broken.calls >= broken.fail_at : broken.calls == broken.fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return fails() ? NULL : __real_realloc(block, size);
}

struct letter {
    const char *name;
    const char *head; /* up to Content-Length */
    const char *body;
    const char *answer; /* of success */
};

#define JSON "Content-Type: application/json\r\n"
#define FILE64 "aGVsbG8="

static const struct letter letters[] = {
    {"resend",
     "POST /emails HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\nAuthorization: Bearer k\r\n"
     "Idempotency-Key: k1\r\n" JSON,
     "{\"from\":\"\\\"J\\u00fc\\\" "
     "<a@example.org>\",\"to\":[\"b@example.org\"],\"bcc\":\"c@example.org\","
     "\"reply_to\":\"r@example.org\",\"subject\":\"s\",\"text\":\"t\",\"html\":\"<p>h</p>\","
     "\"headers\":{\"X-A\":\"=?utf-8?Q?=C3=BC?=\"},\"tags\":[{\"name\":\"tag\",\"value\":\"w\"}],"
     "\"attachments\":[{\"filename\":\"a.txt\",\"content\":\"" FILE64 "\"}]}",
     "HTTP/1.1 200 OK\r\n"},
    {"sendgrid",
     "POST /v3/mail/send HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nAuthorization: Bearer k\r\n" JSON,
     "{\"personalizations\":[{\"to\":[{\"email\":\"b@example.org\",\"name\":\"B\"}],"
     "\"cc\":[{\"email\":\"c@example.org\"}]}],\"from\":{\"email\":\"a@example.org\"},"
     "\"subject\":\"s\",\"content\":[{\"type\":\"text/plain\",\"value\":\"t\"},{\"type\":\"text/"
     "x\",\"value\":\"y\"}],"
     "\"categories\":[\"w\"],\"custom_args\":{\"o\":\"7\"},\"asm\":{\"group_id\":1},"
     "\"attachments\":[{\"filename\":\"a.txt\",\"content\":\"" FILE64 "\"}]}",
     "HTTP/1.1 202 Accepted\r\n"},
    {"ses",
     "POST /v2/email/outbound-emails HTTP/1.1\r\nHost: x\r\nX-Amz-Date: 20150830T123600Z\r\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=A/20150830/r/ses/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=21285a5510b3eff5fe220b341bb16fd27269a19da19a9639e98ef8616313b497\r\n" JSON,
     "{\"Content\":{\"Raw\":{\"Data\":\"RnJvbTogYUBiLmMKVG86IGRAZS5mCgp4\"}},"
     "\"EmailTags\":[{\"Name\":\"a\",\"Value\":\"b\"}]}",
     "HTTP/1.1 200 OK\r\n"},
    {"postmark",
     "POST /email HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
     "X-Postmark-Server-Token: k\r\n" JSON,
     "{\"From\":\"a@example.org\",\"To\":\"B <b@example.org>, c@example.org\",\"Subject\":\"s\","
     "\"TextBody\":\"t\",\"Tag\":\"w\",\"Metadata\":{\"o\":\"7\"},\"TrackOpens\":true}",
     "HTTP/1.1 200 OK\r\n"},
    {"sparkpost", "POST /api/v1/transmissions HTTP/1.1\r\nHost: x\r\nAuthorization: k\r\n" JSON,
     "{\"recipients\":[{\"address\":{\"email\":\"b@example.org\",\"header_to\":\"b@example.org\"}},"
     "{\"address\":\"c@example.org\"}],\"content\":{\"from\":\"a@example.org\",\"subject\":\"s\","
     "\"html\":\"h\",\"headers\":{\"CC\":\"c@example.org\"},"
     "\"inline_images\":[{\"name\":\"i\",\"type\":\"image/png\",\"data\":\"" FILE64 "\"}]}}",
     "HTTP/1.1 200 OK\r\n"},
    {"mailgun",
     "POST /v3/example.com/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YXBpOms=\r\n"
     "Content-Type: multipart/form-data; boundary=b\r\n",
     "--b\r\nContent-Disposition: form-data; name=\"from\"\r\n\r\na@example.org\r\n"
     "--b\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nb@example.org\r\n"
     "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nt\r\n"
     "--b\r\nContent-Disposition: form-data; name=\"v:a\"\r\n\r\nb\r\n"
     "--b\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"a.txt\"\r\n"
     "Content-Type: text/plain\r\n\r\nx\r\n--b--\r\n",
     "HTTP/1.1 200 OK\r\n"},
    {"an urlencoded form",
     "POST /v3/example.com/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YXBpOms=\r\n"
     "Content-Type: application/x-www-form-urlencoded\r\n",
     "from=a%40example.org&to=b@example.org&text=t&template=x&t:variables=%7b%7d",
     "HTTP/1.1 200 OK\r\n"},
    {"brevo", "POST /v3/smtp/email HTTP/1.1\r\nHost: x\r\napi-key: k\r\n" JSON,
     "{\"sender\":{\"email\":\"a@example.org\"},\"to\":[{\"email\":\"b@example.org\"}],"
     "\"subject\":\"s\",\"htmlContent\":\"t\",\"tags\":[\"w\"]}",
     "HTTP/1.1 201 "},
    {"mailjet", "POST /v3.1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpr\r\n" JSON,
     "{\"Messages\":[{\"From\":{\"Email\":\"a@example.org\"},\"To\":[{\"Email\":\"b@example.org\"}]"
     ","
     "\"Subject\":\"s\",\"TextPart\":\"t\"}]}",
     "HTTP/1.1 200 OK\r\n"},
    {"mandrill", "POST /api/1.0/messages/send.json HTTP/1.1\r\nHost: x\r\n" JSON,
     "{\"key\":\"k\",\"message\":{\"from_email\":\"a@example.org\",\"subject\":\"s\",\"text\":"
     "\"t\","
     "\"to\":[{\"email\":\"b@example.org\"},{\"email\":\"c@example.org\",\"type\":\"cc\"}]}}",
     "HTTP/1.1 200 OK\r\n"},
    {"mailersend", "POST /v1/email HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n" JSON,
     "{\"from\":{\"email\":\"a@example.org\"},\"to\":[{\"email\":\"b@example.org\"}],"
     "\"subject\":\"s\",\"text\":\"t\"}",
     "HTTP/1.1 202 Accepted\r\n"},
    {"gmail",
     "POST /gmail/v1/users/me/messages/send HTTP/1.1\r\nHost: x\r\n"
     "Authorization: Bearer k\r\n" JSON,
     "{\"raw\":\"RnJvbTogYUBiLmMKVG86IGRAZS5mCgp4\"}", "HTTP/1.1 200 OK\r\n"},
    {"graph", "POST /v1.0/me/sendMail HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n" JSON,
     "{\"message\":{\"subject\":\"s\",\"body\":{\"contentType\":\"Text\",\"content\":\"t\"},"
     "\"from\":{\"emailAddress\":{\"address\":\"a@example.org\"}},"
     "\"toRecipients\":[{\"emailAddress\":{\"address\":\"b@example.org\"}}]}}",
     "HTTP/1.1 202 Accepted\r\n"},
    {"a refusal",
     "POST /emails HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\nAuthorization: Bearer k\r\n" JSON,
     "{\"from\":\"a@\",\"to\":\"b\"}", "HTTP/1.1 422 "},
    {"a fault", "POST /v3/mail/send HTTP/1.1\r\nHost: x\r\n", "", "HTTP/1.1 401 "},
};

static char last_answer[2000]; /* for the words of a failure */

/* One request to one server; 1 where it was answered as it should be. Whatever fails, the server goes on
 * or ends the connection, and a success that is said is a message that is kept. */
static int answered(const struct letter *letter, size_t fail_at, int onwards)
{
    struct tdm_http_session_options http = {1 << 20, 1000, 1000, 1000, {NULL, NULL}};
    struct tdm_http_session session;
    struct tdm_buf request;
    struct tdm_buf said;
    const char *bytes;
    size_t length;
    tdm_buf_init(&request, NULL, 1 << 20);
    tdm_buf_init(&said, NULL, 1 << 20);
    struct tdm_inbox *inbox = tdm_inbox_new(NULL);
    struct tdm_api_options options = {NULL, NULL, NULL, inbox};
    struct tdm_api *api = tdm_api_new(&options, &said);
    assert_non_null(api);
    tdm_buf_addf(&request, "%sContent-Length: %z\r\n\r\n%s", letter->head, strlen(letter->body),
                 letter->body);
    broken.calls = 0;
    broken.fail_at = fail_at;
    broken.onwards = onwards;
    broken.armed = 1;
    tdm_http_session_init(&session, &http, NOW);
    tdm_http_session_feed(&session, request.data, request.length, NOW);
    while (tdm_api_act(api, &session, 0, NOW_S, NOW) == TDM_API_MOVED) {
    }
    broken.armed = 0;
    while (tdm_http_session_output(&session, &bytes, &length)) {
        tdm_buf_add(&said, bytes, length);
        tdm_http_session_consume(&session, length);
    }
    const char *text = tdm_buf_text(&said);
    snprintf(last_answer, sizeof(last_answer), "%s", text);
    int good = strncmp(text, letter->answer, strlen(letter->answer)) == 0;
    int success = strncmp(text, "HTTP/1.1 2", 10) == 0;
    if (success && tdm_inbox_count(inbox) == 0) {
        fail_msg("%s, allocation %zu: a success without a message", letter->name, fail_at);
    }
    if (!good && said.length > 0 && strncmp(text, "HTTP/1.1 5", 10) != 0 &&
        strncmp(text, "HTTP/1.1 4", 10) != 0) {
        fail_msg("%s, allocation %zu: %s", letter->name, fail_at, text);
    }
    tdm_http_session_clear(&session);
    tdm_api_free(api);
    tdm_inbox_free(inbox);
    tdm_buf_clear(&request);
    tdm_buf_clear(&said);
    return good;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        if (!answered(&letters[i], SIZE_MAX, 0)) {
            fail_msg("%s is not answered as it should be: %s", letters[i].name, last_answer);
        }
        size_t total = broken.calls;
        size_t spoiled = 0;
        assert_true(total > 5);
        for (size_t n = 1; n <= total; n++) {
            spoiled += !answered(&letters[i], n, 0);
            spoiled += !answered(&letters[i], n, 1);
        }
        assert_true(spoiled > 5); /* else nothing was proved */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
