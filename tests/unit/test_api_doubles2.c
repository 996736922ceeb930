/* test_api_doubles2.c: the doubles of Brevo, Mailjet, Mandrill, MailerSend, Gmail and Graph: requests in
 * the form of the services' documentation are taken, and what came is read back from the message that
 * was kept; each mistake gets the service's own answer and keeps nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devserver/api.h"
#include "util/base64.h"
#include "util/buf.h"

#define NOW 1795530320 /* 2026-11-24T14:25:20Z */

/* One request to a server of its own. */
struct asked {
    struct tdm_inbox *inbox;
    struct tdm_api *api;
    struct tdm_buf answer;
    int status;
};

static void asked_clear(struct asked *asked)
{
    tdm_api_free(asked->api);
    tdm_inbox_free(asked->inbox);
    tdm_buf_clear(&asked->answer);
}

static void asked_open(struct asked *asked, const char *faults)
{
    struct tdm_api_options options = {"user", "KEY", faults, NULL};
    struct tdm_buf error;
    memset(asked, 0, sizeof(*asked));
    tdm_buf_init(&error, NULL, 4096);
    tdm_buf_init(&asked->answer, NULL, 1 << 20);
    asked->inbox = tdm_inbox_new(NULL);
    options.inbox = asked->inbox;
    asked->api = tdm_api_new(&options, &error);
    if (asked->api == NULL) {
        fail_msg("%s", tdm_buf_text(&error));
    }
    tdm_buf_clear(&error);
}

static void asked_send(struct asked *asked, const char *target, const char *fields,
                       const void *body, size_t length)
{
    struct tdm_http_session_options options = {
        .max_body = (size_t)64 << 20, .idle_ms = 1000, .request_ms = 1000, .hang_ms = 1000};
    struct tdm_http_session session;
    struct tdm_buf request;
    const char *bytes;
    size_t count;
    tdm_buf_init(&request, NULL, (size_t)64 << 20);
    tdm_buf_addf(&request, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %z\r\n%s\r\n", target,
                 length, fields);
    tdm_buf_add(&request, body, length);
    tdm_http_session_init(&session, &options, 0);
    for (size_t at = 0; at < request.length; at += count) {
        count = request.length - at < 65536 ? request.length - at : 65536;
        tdm_http_session_feed(&session, request.data + at, count, 0);
        while (tdm_api_act(asked->api, &session, 0, NOW, 0) == TDM_API_MOVED) {
        }
    }
    tdm_buf_reset(&asked->answer);
    while (tdm_http_session_output(&session, &bytes, &count)) {
        tdm_buf_add(&asked->answer, bytes, count);
        tdm_http_session_consume(&session, count);
    }
    const char *text = tdm_buf_text(&asked->answer);
    assert_memory_equal(text, "HTTP/1.1 ", 9);
    asked->status = (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
    tdm_http_session_clear(&session);
    tdm_buf_clear(&request);
}

#define JSON "Content-Type: application/json\r\n"
#define BEARER "Authorization: Bearer KEY\r\n"
#define BREVO "POST /v3/smtp/email", JSON "api-key: KEY\r\n"
/* user:KEY */
#define MAILJET "POST /v3.1/send", JSON "Authorization: Basic dXNlcjpLRVk=\r\n"
#define MANDRILL "POST /api/1.0/messages/send.json", JSON
#define MANDRILL_TEMPLATE "POST /api/1.0/messages/send-template.json", JSON
#define MANDRILL_RAW "POST /api/1.0/messages/send-raw.json", JSON
#define MAILERSEND "POST /v1/email", JSON BEARER
#define GMAIL "POST /gmail/v1/users/me/messages/send", JSON BEARER
#define GMAIL_UPLOAD                                                                               \
    "POST /upload/gmail/v1/users/me/messages/send?uploadType=media",                               \
        BEARER "Content-Type: message/rfc822\r\n"
#define GMAIL_RELATED                                                                              \
    "POST /upload/gmail/v1/users/ann%40example.org/messages/send?uploadType=multipart",            \
        BEARER "Content-Type: multipart/related; boundary=b1\r\n"
#define GRAPH "POST /v1.0/me/sendMail", JSON BEARER
#define GRAPH_MIME "POST /v1.0/users/ann/sendMail", BEARER "Content-Type: text/plain\r\n"

/* Texts that must be there, each ended by '|'; those that begin with '!' must not. */
struct double_case {
    const char *target;
    const char *fields;
    const char *body;
    int status;
    const char *answer; /* of the answer */
    const char *kept;   /* of the message; NULL: nothing is kept */
};

#define MIME64 "RnJvbTogc0BkLm9yZw0KVG86IGFAeC5vcmcNCkJjYzogY0B4Lm9yZw0KU3ViamVjdDogSGkNCg0KdA0K"

static const struct double_case cases[] = {
#include "api_doubles2_cases.inc"
};

/* The first text of the list that is not in `text`; NULL: all are. */
static const char *missing(const char *text, const char *list, struct tdm_buf *word)
{
    while (*list != '\0') {
        size_t length = strcspn(list, "|");
        tdm_buf_reset(word);
        tdm_buf_add(word, list, length);
        const char *wanted = tdm_buf_text(word);
        if (*wanted == '!' ? strstr(text, wanted + 1) != NULL : strstr(text, wanted) == NULL) {
            return wanted;
        }
        list += length + (list[length] == '|');
    }
    return NULL;
}

/* Header and parts of the message, its envelope in front. */
static void describe(struct asked *asked, struct tdm_buf *out)
{
    const struct tdm_inbox_message *message = tdm_inbox_message(asked->inbox, 0);
    tdm_buf_addf(out, "MAIL<%s>", message->from);
    for (size_t i = 0; i < message->recipient_count; i++) {
        tdm_buf_addf(out, "RCPT<%s>", message->recipients[i]);
    }
    tdm_buf_add_str(out, "\n");
    tdm_buf_add(out, message->bytes, message->length);
}

static void requests(void **state)
{
    (void)state;
    struct tdm_buf word;
    tdm_buf_init(&word, NULL, 65536);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct double_case *one = &cases[i];
        struct asked asked;
        struct tdm_buf kept;
        asked_open(&asked, NULL);
        asked_send(&asked, one->target, one->fields, one->body, strlen(one->body));
        tdm_buf_init(&kept, NULL, 1 << 20);
        if (asked.status != one->status) {
            fail_msg("%s %s\nstatus %d, not %d: %s", one->target, one->body, asked.status,
                     one->status, tdm_buf_text(&asked.answer));
        }
        const char *lacks = missing(tdm_buf_text(&asked.answer), one->answer, &word);
        if (lacks != NULL) {
            fail_msg("%s %s\nthe answer lacks %s: %s", one->target, one->body, lacks,
                     tdm_buf_text(&asked.answer));
        }
        size_t count = tdm_inbox_count(asked.inbox);
        if (count != (one->kept != NULL)) {
            fail_msg("%s %s\n%zu messages are kept: %s", one->target, one->body, count,
                     tdm_buf_text(&asked.answer));
        }
        if (one->kept != NULL) {
            describe(&asked, &kept);
            lacks = missing(tdm_buf_text(&kept), one->kept, &word);
            if (lacks != NULL) {
                fail_msg("%s %s\nthe message lacks %s:\n%s", one->target, one->body, lacks,
                         tdm_buf_text(&kept));
            }
        }
        tdm_buf_clear(&kept);
        asked_clear(&asked);
    }
    tdm_buf_clear(&word);
}

/* A key that is none, one that is another, and a user that is another. */
static void credentials(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *fields;
        const char *body;
        const char *answer;
    } logins[] = {
        {"POST /v3/smtp/email", JSON, "{}", "\"authentication not found in headers\""},
        {"POST /v3/smtp/email", JSON "api-key: other\r\n", "{}", "\"Key not found\""},
        {"POST /v3.1/send", JSON, "{}", "mj-0015"},
        {"POST /v3.1/send", JSON "Authorization: Basic b3RoZXI6S0VZ\r\n", "{}", "mj-0015"},
        {"POST /v3.1/send", JSON "Authorization: Basic dXNlcjpvdGhlcg==\r\n", "{}", "mj-0015"},
        {MANDRILL_RAW, "{\"raw_message\":\"x\"}", "Invalid_Key"},
        {MANDRILL_RAW, "{\"key\":\"other\",\"raw_message\":\"x\"}", "\"code\":401"},
        {"POST /v1/email", JSON, "{}", "{\"message\":\"Unauthenticated.\"}"},
        {"POST /v1/email", JSON "Authorization: Bearer other\r\n", "{}", "Unauthenticated."},
        {"POST /gmail/v1/users/me/messages/send", JSON, "{}", "Login Required"},
        {"POST /gmail/v1/users/me/messages/send", JSON "Authorization: Bearer other\r\n", "{}",
         "\"reason\":\"authError\",\"message\":\"Invalid Credentials\""},
        {"POST /v1.0/me/sendMail", JSON, "{}", "InvalidAuthenticationToken"},
        {"POST /v1.0/me/sendMail", JSON "Authorization: Bearer other\r\n", "{}",
         "Access token has expired or is not yet valid."},
    };
    for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
        struct asked asked;
        asked_open(&asked, NULL);
        asked_send(&asked, logins[i].target, logins[i].fields, logins[i].body,
                   strlen(logins[i].body));
        if (asked.status != 401 || strstr(tdm_buf_text(&asked.answer), logins[i].answer) == NULL) {
            fail_msg("%s %s: %s", logins[i].target, logins[i].fields, tdm_buf_text(&asked.answer));
        }
        assert_int_equal(tdm_inbox_count(asked.inbox), 0);
        asked_clear(&asked);
    }
}

#define TWO_BREVO                                                                                  \
    "{\"sender\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"},{\"email\":\"b@x.org\"}]" \
    ","                                                                                            \
    "\"subject\":\"Hi\",\"htmlContent\":\"h\"}"
#define TWO_MAILJET                                                                                \
    "{\"Messages\":[{\"From\":{\"Email\":\"s@d.org\"},\"To\":[{\"Email\":\"a@x.org\"},"            \
    "{\"Email\":\"b@x.org\"}],\"TextPart\":\"t\"}]}"
#define TWO_MANDRILL                                                                               \
    "{\"key\":\"KEY\",\"message\":{\"from_email\":\"s@d.org\",\"to\":[{\"email\":\"a@x.org\"},"    \
    "{\"email\":\"b@x.org\",\"type\":\"cc\"}],\"text\":\"t\"}}"
#define TWO_MAILERSEND                                                                             \
    "{\"from\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"},{\"email\":\"b@x.org\"}],"  \
    "\"subject\":\"Hi\",\"text\":\"t\"}"
#define ONE_MAILERSEND                                                                             \
    "{\"from\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","       \
    "\"text\":\"t\"}"
#define ONE_GMAIL "{\"raw\":\"" MIME64 "\"}"
#define ONE_GRAPH "{\"message\":{\"toRecipients\":[{\"emailAddress\":{\"address\":\"a@x.org\"}}]}}"

/* Rules and the answers to them. */
static const struct {
    const char *rule;
    struct double_case wanted;
} fault_cases[] = {
    {"brevo: bad-credentials", {BREVO, TWO_BREVO, 401, "unauthorized|", NULL}},
    {"brevo: bad-data", {BREVO, TWO_BREVO, 400, "\"missing_parameter\"|", NULL}},
    {"brevo: unverified-sender", {BREVO, TWO_BREVO, 400, "valid sender email required|", NULL}},
    {"brevo: rate-limit",
     {BREVO, TWO_BREVO, 429, "x-sib-ratelimit-reset: 60|too_many_requests|", NULL}},
    {"brevo: quota", {BREVO, TWO_BREVO, 402, "not_enough_credits|", NULL}},
    {"brevo: server-error", {BREVO, TWO_BREVO, 500, "", NULL}},
    {"mailjet: bad-credentials", {MAILJET, TWO_MAILJET, 401, "mj-0015|", NULL}},
    {"mailjet: bad-data", {MAILJET, TWO_MAILJET, 400, "send-0003|\"TextPart\"|", NULL}},
    {"mailjet: unverified-sender", {MAILJET, TWO_MAILJET, 403, "send-0008|", NULL}},
    {"mailjet: rate-limit", {MAILJET, TWO_MAILJET, 429, "\"StatusCode\":429|", NULL}},
    {"mailjet: server-error", {MAILJET, TWO_MAILJET, 500, "", NULL}},
    {"mailjet: partial",
     {MAILJET, TWO_MAILJET, 400,
      "{\"Messages\":[{\"Status\":\"success\"|\"To\":[{\"Email\":\"b@x.org\"|"
      "{\"Status\":\"error\"|\\\"a@x.org\\\" is an invalid email address.|\"To[0].Email\"|",
      "MAIL<s@d.org>RCPT<b@x.org>\n|"}},
    {"mandrill: bad-credentials", {MANDRILL, TWO_MANDRILL, 401, "Invalid API key|", NULL}},
    {"mandrill: bad-data", {MANDRILL, TWO_MANDRILL, 422, "ValidationError|", NULL}},
    {"mandrill: unverified-sender",
     {MANDRILL, TWO_MANDRILL, 200,
      "{\"email\":\"a@x.org\",\"status\":\"rejected\"|{\"email\":\"b@x.org\",\"status\":"
      "\"rejected\"|\"reject_reason\":\"unsigned\"|",
      NULL}},
    {"mandrill: rate-limit", {MANDRILL, TWO_MANDRILL, 429, "RequestLimitExceeded|", NULL}},
    {"mandrill: quota", {MANDRILL, TWO_MANDRILL, 402, "PaymentRequired|", NULL}},
    {"mandrill: server-error", {MANDRILL, TWO_MANDRILL, 500, "GeneralError|", NULL}},
    {"mandrill: partial",
     {MANDRILL, TWO_MANDRILL, 200,
      "[{\"email\":\"a@x.org\",\"status\":\"rejected\"|\"reject_reason\":\"hard-bounce\"}|"
      "{\"email\":\"b@x.org\",\"status\":\"sent\"|\"reject_reason\":null}]|",
      "MAIL<s@d.org>RCPT<b@x.org>\n|"}},
    {"mailersend: bad-credentials", {MAILERSEND, TWO_MAILERSEND, 401, "Unauthenticated|", NULL}},
    {"mailersend: bad-data", {MAILERSEND, TWO_MAILERSEND, 422, "#MS42208|", NULL}},
    {"mailersend: unverified-sender", {MAILERSEND, TWO_MAILERSEND, 422, "#MS42207|", NULL}},
    {"mailersend: rate-limit",
     {MAILERSEND, TWO_MAILERSEND, 429,
      "retry-after: 60\r\n|x-ratelimit-reset: 1795530380\r\n|#MS42903|", NULL}},
    {"mailersend: quota", {MAILERSEND, TWO_MAILERSEND, 429, "#MS42901|", NULL}},
    {"mailersend: server-error", {MAILERSEND, TWO_MAILERSEND, 500, "Server Error|", NULL}},
    {"mailersend: partial",
     {MAILERSEND, TWO_MAILERSEND, 202,
      "SOME_SUPPRESSED|\"email\":\"a@x.org\",\"reasons\":[\"hard_bounced\"]|x-message-id: |",
      "MAIL<s@d.org>RCPT<b@x.org>\n|"}},
    {"mailersend: partial",
     {MAILERSEND, ONE_MAILERSEND, 202, "ALL_SUPPRESSED|!x-message-id|", NULL}},
    {"gmail: bad-credentials", {GMAIL, ONE_GMAIL, 401, "authError|", NULL}},
    {"gmail: bad-data", {GMAIL, ONE_GMAIL, 400, "Recipient address required|", NULL}},
    {"gmail: rate-limit",
     {GMAIL, ONE_GMAIL, 429, "rateLimitExceeded|Retry after 2026-11-24T14:26:20Z|", NULL}},
    {"graph: quota", {GRAPH, ONE_GRAPH, 507, "ErrorQuotaExceeded|", NULL}},
    {"mailjet: quota", {MAILJET, TWO_MAILJET, 429, "sending limit|", NULL}},
    {"gmail: quota", {GMAIL, ONE_GMAIL, 403, "dailyLimitExceeded|", NULL}},
    {"gmail: server-error", {GMAIL, ONE_GMAIL, 500, "backendError|", NULL}},
    {"graph: bad-credentials", {GRAPH, ONE_GRAPH, 401, "InvalidAuthenticationToken|", NULL}},
    {"graph: bad-data", {GRAPH, ONE_GRAPH, 400, "ErrorInvalidRecipients|", NULL}},
    {"graph: unverified-sender", {GRAPH, ONE_GRAPH, 403, "ErrorSendAsDenied|", NULL}},
    {"graph: rate-limit", {GRAPH, ONE_GRAPH, 429, "Retry-After: 2.128\r\n|TooManyRequests|", NULL}},
    {"graph: server-error", {GRAPH, ONE_GRAPH, 503, "", NULL}},
};

static void faults(void **state)
{
    (void)state;
    struct tdm_buf word;
    tdm_buf_init(&word, NULL, 65536);
    for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
        const struct double_case *one = &fault_cases[i].wanted;
        struct asked asked;
        struct tdm_buf kept;
        asked_open(&asked, fault_cases[i].rule);
        asked_send(&asked, one->target, one->fields, one->body, strlen(one->body));
        tdm_buf_init(&kept, NULL, 65536);
        if (one->kept != NULL && tdm_inbox_count(asked.inbox) > 0) {
            describe(&asked, &kept);
        }
        if (asked.status != one->status ||
            missing(tdm_buf_text(&asked.answer), one->answer, &word) != NULL ||
            tdm_inbox_count(asked.inbox) != (one->kept != NULL) ||
            missing(tdm_buf_text(&kept), one->kept != NULL ? one->kept : "", &word) != NULL) {
            fail_msg("%s: lacks '%s': %s\nkept: %s", fault_cases[i].rule, tdm_buf_text(&word),
                     tdm_buf_text(&asked.answer), tdm_buf_text(&kept));
        }
        tdm_buf_clear(&kept);
        asked_clear(&asked);
    }
    tdm_buf_clear(&word);
}

/* Kinds that a service does not have. */
static void faults_that_are_none(void **state)
{
    (void)state;
    static const char *const rules[] = {"brevo: partial", "graph: partial",
                                        "gmail: unverified-sender", "gmail: partial"};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct tdm_api_options options = {NULL, NULL, rules[i], NULL};
        struct tdm_buf error;
        tdm_buf_init(&error, NULL, 4096);
        assert_null(tdm_api_new(&options, &error));
        assert_non_null(strstr(tdm_buf_text(&error), "has no fault"));
        tdm_buf_clear(&error);
    }
}

/* The same key again: the first answer, and one message; with another body a refusal. */
static void brevo_twice(void **state)
{
    (void)state;
    static const char first[] =
        "{\"sender\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"a@x.org\"}],\"subject\":\"Hi\","
        "\"htmlContent\":\"h\",\"headers\":{\"idempotencyKey\":\"k-1\"}}";
    static const char second[] =
        "{\"sender\":{\"email\":\"s@d.org\"},\"to\":[{\"email\":\"b@x.org\"}],\"subject\":\"Hi\","
        "\"htmlContent\":\"h\",\"headers\":{\"idempotencyKey\":\"k-1\"}}";
    struct asked asked;
    struct tdm_buf answer;
    tdm_buf_init(&answer, NULL, 65536);
    asked_open(&asked, NULL);
    asked_send(&asked, BREVO, first, strlen(first));
    assert_int_equal(asked.status, 201);
    tdm_buf_add(&answer, asked.answer.data, asked.answer.length);
    asked_send(&asked, BREVO, first, strlen(first));
    assert_string_equal(tdm_buf_text(&asked.answer), tdm_buf_text(&answer));
    asked_send(&asked, BREVO, second, strlen(second));
    assert_int_equal(asked.status, 400);
    assert_non_null(strstr(tdm_buf_text(&asked.answer), "duplicate_request"));
    assert_int_equal(tdm_inbox_count(asked.inbox), 1);
    tdm_buf_clear(&answer);
    asked_clear(&asked);
}

/* Two messages, of which one is refused: 400, and the other was taken. */
static void mailjet_mixed(void **state)
{
    (void)state;
    static const char body[] =
        "{\"Messages\":[{\"From\":{\"Email\":\"s@d.org\"},\"To\":[{\"Email\":\"a@x.org\"}],"
        "\"CustomID\":\"one\",\"TextPart\":\"t\"},{\"From\":{\"Email\":\"s@d.org\"},"
        "\"To\":[{\"Email\":\"invalid\"}],\"TextPart\":\"t\"}]}";
    struct asked asked;
    asked_open(&asked, NULL);
    asked_send(&asked, MAILJET, body, strlen(body));
    assert_int_equal(asked.status, 400);
    const char *text = tdm_buf_text(&asked.answer);
    const char *success = strstr(text, "\"Status\":\"success\",\"CustomID\":\"one\"");
    assert_non_null(success);
    assert_non_null(strstr(success, "\"Status\":\"error\""));
    assert_non_null(strstr(success, "\\\"invalid\\\" is an invalid email address."));
    assert_int_equal(tdm_inbox_count(asked.inbox), 1);
    asked_clear(&asked);
}

/* Requests that are larger than the service takes. */
static void sizes(void **state)
{
    (void)state;
    struct tdm_buf body;
    struct asked asked;
    tdm_buf_init(&body, NULL, (size_t)64 << 20);
    tdm_buf_add_str(&body, "{\"message\":{\"subject\":\"");
    while (body.length <= (size_t)4 << 20) {
        tdm_buf_add_str(&body, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    }
    tdm_buf_add_str(&body, "\"}}");
    asked_open(&asked, NULL);
    asked_send(&asked, GRAPH, body.data, body.length);
    assert_int_equal(asked.status, 413);
    assert_non_null(
        strstr(tdm_buf_text(&asked.answer), "The maximum request length supported is 4MB."));
    asked_clear(&asked);
    tdm_buf_clear(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),    cmocka_unit_test(credentials),
        cmocka_unit_test(faults),      cmocka_unit_test(faults_that_are_none),
        cmocka_unit_test(brevo_twice), cmocka_unit_test(mailjet_mixed),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests_name("doubles of mail services", tests, NULL, NULL);
}
