/* test_api_doubles.c: what the doubles share, in memory: signatures, forms, words, rules, answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <tidymail/devserver.h>

#include "devserver/api.h"

#define NOW_S ((int64_t)1764000000) /* 2025-11-24T16:00:00Z */
#define NOW ((int64_t)1000000)

/* A server of doubles without sockets. */
struct play {
    struct tdm_inbox *inbox;
    struct tdm_api *api;
    struct tdm_http_session session;
    enum tdm_api_act last;
    struct tdm_buf said;
};

static void play_open(struct play *play, const char *key, const char *faults)
{
    struct tdm_http_session_options http = {1 << 20, 1000, 1000, 1000, {NULL, NULL}};
    struct tdm_buf error;
    tdm_buf_init(&error, NULL, 4096);
    play->inbox = tdm_inbox_new(NULL);
    struct tdm_api_options options = {NULL, key, faults, play->inbox};
    play->api = tdm_api_new(&options, &error);
    if (play->api == NULL) {
        fail_msg("%s", tdm_buf_text(&error));
    }
    tdm_buf_clear(&error);
    tdm_buf_init(&play->said, NULL, 1 << 20);
    tdm_http_session_init(&play->session, &http, NOW);
}

static void play_close(struct play *play)
{
    tdm_http_session_clear(&play->session);
    tdm_api_free(play->api);
    tdm_inbox_free(play->inbox);
    tdm_buf_clear(&play->said);
}

/* Sends a request; returns what is answered. */
static const char *play_ask(struct play *play, const char *head, const char *body)
{
    struct tdm_buf request;
    const char *bytes;
    size_t length;
    tdm_buf_init(&request, NULL, 1 << 20);
    tdm_buf_addf(&request, "%sContent-Length: %z\r\n\r\n%s", head, strlen(body), body);
    tdm_http_session_feed(&play->session, request.data, request.length, NOW);
    tdm_buf_clear(&request);
    tdm_buf_reset(&play->said);
    do {
        play->last = tdm_api_act(play->api, &play->session, 0, NOW_S, NOW);
    } while (play->last == TDM_API_MOVED);
    while (tdm_http_session_output(&play->session, &bytes, &length)) {
        tdm_buf_add(&play->said, bytes, length);
        tdm_http_session_consume(&play->session, length);
    }
    return tdm_buf_text(&play->said);
}

#define RESEND                                                                                     \
    "POST /emails HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\nAuthorization: Bearer k\r\n"             \
    "Content-Type: application/json\r\n"
#define LETTER                                                                                     \
    "{\"from\":\"a@example.org\",\"to\":\"b@example.org\",\"subject\":\"s\",\"text\":\"t\"}"

static void assert_has(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, text);
    }
}

static void test_a_message_goes_into_the_inbox(void **state)
{
    struct play play;
    (void)state;
    play_open(&play, "k", NULL);
    const char *answer = play_ask(&play, RESEND, LETTER);
    assert_has(answer, "HTTP/1.1 200 OK\r\n");
    assert_has(answer, "Date: Mon, 24 Nov 2025 16:00:00 GMT\r\n");
    assert_has(answer, "{\"id\":\"");
    assert_int_equal(tdm_inbox_count(play.inbox), 1);
    const struct tdm_inbox_message *message = tdm_inbox_message(play.inbox, 0);
    assert_string_equal(message->from, "a@example.org");
    assert_int_equal(message->recipient_count, 1);
    assert_string_equal(message->recipients[0], "b@example.org");
    assert_ptr_equal(strstr(message->bytes, "X-Double-Service: resend\r\n"), message->bytes);
    play_close(&play);
}

static void test_types_of_json(void **state)
{
    static const struct {
        const char *body;
        const char *words;
    } rows[] = {
        {"", "the body is no JSON, at offset 0"},
        {"[]", "the body is no JSON object"},
        {"{\"from\":\"a@b.c\",\"from\":\"a@b.c\"}", "the body is no JSON"},
        {"{\"from\":\"a\\u0000b\"}", "the body is no JSON"},
        {"{\"from\":7}", "'from' must be a string"},
        {"{\"to\":{}}", "'to' must be a string or a list of strings"},
        {"{\"to\":[\"a@b.c\",7]}", "'to.1' must be a string or a list of strings"},
        {"{\"attachments\":{}}", "'attachments' must be a list of objects"},
        {"{\"attachments\":[7]}", "'attachments.0' must be a list of objects"},
        {"{\"attachments\":[{\"filename\":\"a\",\"content\":\"a\"}]}",
         "'attachments.0.content' is not valid base64"},
        {"{\"attachments\":[{\"content\":\"\"}]}", "'attachments.0.filename' is missing"},
        {"{\"attachments\":[{\"filename\":\"a\",\"name\":\"\"}]}",
         "'attachments.0.name' is not a known field"},
        {"{\"headers\":{\"X-A\":[]}}", "'headers.X-A' must be a string"},
        {"{\"headers\":7}", "'headers' must be an object of strings"},
        {"{\"template\":{\"id\":\"x\",\"variables\":7}}", "'template.variables' must be an object"},
        {"{\"from\":null,\"to\":\"a@b.c\"}", "'from' is missing"},
        {"{\"from\":\"a@b.c\",\"to\":[]}", "'to' is missing"},
    };
    struct play play;
    (void)state;
    play_open(&play, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_has(play_ask(&play, RESEND, rows[i].body), rows[i].words);
    }
    assert_int_equal(tdm_inbox_count(play.inbox), 0);
    play_close(&play);
}

static void test_acts_of_faults(void **state)
{
    struct play play;
    (void)state;
    play_open(&play, NULL,
              "# a comment\n\nresend: CUT-early, first 1\n*: cut , first 1\r\n"
              "resend:hang");
    assert_string_equal(play_ask(&play, RESEND, LETTER), "");
    assert_int_equal(play.last, TDM_API_DROP);
    assert_int_equal(tdm_inbox_count(play.inbox), 0);
    tdm_http_session_clear(&play.session);
    struct tdm_http_session_options http = {1 << 20, 1000, 1000, 1000, {NULL, NULL}};
    tdm_http_session_init(&play.session, &http, NOW);
    assert_string_equal(play_ask(&play, RESEND, LETTER), "");
    assert_int_equal(play.last, TDM_API_DROP);
    assert_int_equal(tdm_inbox_count(play.inbox), 1);
    tdm_http_session_clear(&play.session);
    tdm_http_session_init(&play.session, &http, NOW);
    assert_string_equal(play_ask(&play, RESEND, LETTER), "");
    assert_int_equal(play.last, TDM_API_IDLE);
    tdm_http_session_tick(&play.session, NOW + 1000);
    assert_int_equal(tdm_api_act(play.api, &play.session, 0, NOW_S, NOW), TDM_API_GOODBYE);
    play_close(&play);
}

/* Every canned answer of every double is JSON or says its type, and can be asked for. */
static void test_canned_answers(void **state)
{
    (void)state;
    for (size_t i = 0; tdm_double_at(i) != NULL; i++) {
        const struct tdm_double *service = tdm_double_at(i);
        int kinds = 0;
        for (const struct tdm_api_canned *row = service->canned; row->status != 0; row++) {
            kinds |= 1 << row->kind;
            assert_true(row->status >= 200 && row->status < 600);
            if (strstr(row->fields, "Content-Type:") == NULL) {
                json_t *value = json_loads(row->body, JSON_REJECT_DUPLICATES, NULL);
                if (value == NULL) {
                    fail_msg("%s: %s", service->scheme, row->body);
                }
                json_decref(value);
            }
            size_t length = strlen(row->fields);
            assert_true(length == 0 || strcmp(row->fields + length - 2, "\r\n") == 0);
        }
        for (int kind = TDM_API_FAULT_BAD_CREDENTIALS; kind <= TDM_API_FAULT_SERVER_ERROR; kind++) {
            if ((kinds & (1 << kind)) == 0 && kind != TDM_API_FAULT_UNVERIFIED_SENDER &&
                kind != TDM_API_FAULT_QUOTA) {
                fail_msg("%s has no answer of kind %d", service->scheme, kind);
            }
        }
        assert_ptr_equal(tdm_double_find(service->scheme, strlen(service->scheme)), service);
    }
}

static void test_rules_that_are_none(void **state)
{
    static const struct {
        const char *rules;
        const char *words;
    } rows[] = {
        {"resend", "fault rule: 'resend' is not of the form SERVICE: KIND[, first N]"},
        {"x: hang", "fault rule: 'x' is no service (allowed: *, "},
        {"resend: partial",
         "fault rule: resend has no fault 'partial' (allowed: bad-credentials, "},
        {"*: x", "fault rule: the api has no fault 'x' (allowed: bad-credentials, "},
        {"*:", "fault rule: the api has no fault ''"},
        {"*: hang 500", "fault rule: '500' behind hang (only empty and gateway take a status"},
        {"*: empty 99", "fault rule: '99' behind empty"},
        {"*: empty x", "fault rule: 'x' behind empty"},
        {"*: hang, last 1", "fault rule: 'last 1' (only 'first N' may follow the comma"},
        {"*: hang, first 0", "fault rule: 'first 0'"},
        {"*: hang, first 1x", "fault rule: 'first 1x'"},
        {"*: hang, first 9999999", "fault rule: 'first 9999999'"},
        {"*: hang\n*: x", "fault rule: the api has no fault 'x'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tdm_api_options options = {NULL, NULL, rows[i].rules, NULL};
        struct tdm_buf error;
        tdm_buf_init(&error, NULL, 4096);
        assert_null(tdm_api_new(&options, &error));
        assert_has(tdm_buf_text(&error), rows[i].words);
        tdm_buf_clear(&error);
    }
}

/* Requests of the AWS signature test suite, and one of SES. */

static void request_add(struct tdm_served_request *request, const char *name, const char *value)
{
    const tidymail_allocator *memory = &tdm_allocator_default;
    request->fields = tdm_resize_array(memory, request->fields, request->field_count + 1,
                                       sizeof(*request->fields));
    assert_non_null(request->fields);
    request->fields[request->field_count].name = tdm_strdup(memory, name);
    request->fields[request->field_count++].value = tdm_strdup(memory, value);
}

static void request_open(struct tdm_served_request *request, const char *method, const char *path,
                         const char *date, const char *host)
{
    memset(request, 0, sizeof(*request));
    tdm_buf_init(&request->body, NULL, 65536);
    request->method = tdm_strdup(&tdm_allocator_default, method);
    request->path = tdm_strdup(&tdm_allocator_default, path);
    request->query = tdm_strdup(&tdm_allocator_default, "");
    request_add(request, "Host", host);
    request_add(request, "X-Amz-Date", date);
}

#define DATE "20150830T123600Z"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SUITE_SCOPE "20150830/us-east-1/service/aws4_request"

static void test_signatures_of_the_suite(void **state)
{
    static const struct {
        const char *method;
        const char *fields[7]; /* names and values by turns */
        const char *body;
        const char *names;
        const char *signature;
    } rows[] = {
        {"GET",
         {NULL},
         "",
         "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"POST",
         {NULL},
         "",
         "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"POST",
         {"Content-Type", "application/x-www-form-urlencoded", NULL},
         "Param1=value1",
         "content-type;host;x-amz-date",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
        {"GET",
         {"My-Header1", "value1", "My-Header2", "\"a   b   c\"", NULL},
         "",
         "host;my-header1;my-header2;x-amz-date",
         "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        {"GET",
         {"My-Header1", "value2", "My-Header1", "value2", "My-Header1", "value1", NULL},
         "",
         "host;my-header1;x-amz-date",
         "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tdm_served_request request;
        char hex[65];
        request_open(&request, rows[i].method, "/", DATE, "example.amazonaws.com");
        for (size_t j = 0; rows[i].fields[j] != NULL; j += 2) {
            request_add(&request, rows[i].fields[j], rows[i].fields[j + 1]);
        }
        tdm_buf_add_str(&request.body, rows[i].body);
        assert_int_equal(
            tdm_api_sigv4_sign(&request, rows[i].names, DATE, SUITE_SCOPE, SECRET, hex), 0);
        assert_string_equal(hex, rows[i].signature);
        assert_int_equal(
            tdm_api_sigv4_sign(&request, "host;x-not-there", DATE, SUITE_SCOPE, SECRET, hex), -1);
        tdm_http_head_clear(&request);
    }
}

static void test_signatures_of_ses(void **state)
{
    static const char *const signatures[] = {
        "21285a5510b3eff5fe220b341bb16fd27269a19da19a9639e98ef8616313b497",
        "3dc53e14791990fd1c7cec55272028e4ab2a7fba9dc1ca0f3b03abf9388ec78d"};
    static const char *const names[] = {"content-type;host;x-amz-date",
                                        "content-type;host;x-amz-date;x-amz-security-token"};
    const int64_t then = 1440938160; /* of DATE */
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tdm_served_request request;
        struct tdm_api_signature signature = {"AKIDEXAMPLE", SECRET, "ses", NULL, "", ""};
        struct tdm_buf value;
        tdm_buf_init(&value, NULL, 1000);
        request_open(&request, "POST", "/v2/email/outbound-emails", DATE,
                     "email.us-east-1.amazonaws.com");
        request_add(&request, "Content-Type", "application/json");
        if (i == 1) {
            request_add(&request, "X-Amz-Security-Token", "SESSIONTOKENEXAMPLE");
        }
        tdm_buf_add_str(&request.body,
                        "{\"FromEmailAddress\":\"sender@example.com\",\"Destination\":"
                        "{\"ToAddresses\":[\"to@example.com\"]},\"Content\":{\"Simple\":"
                        "{\"Subject\":{\"Data\":\"Hello\",\"Charset\":\"UTF-8\"},\"Body\":"
                        "{\"Text\":{\"Data\":\"Hi\",\"Charset\":\"UTF-8\"}}}}}");
        tdm_buf_addf(&value,
                     "AWS4-HMAC-SHA256 "
                     "Credential=AKIDEXAMPLE/20150830/us-east-1/ses/aws4_request, "
                     "SignedHeaders=%s, Signature=%s",
                     names[i], signatures[i]);
        request_add(&request, "Authorization", tdm_buf_text(&value));
        assert_int_equal(tdm_api_sigv4_check(&request, then, &signature), TDM_API_SIGNED);
        assert_string_equal(signature.region, "us-east-1");
        assert_int_equal(tdm_api_sigv4_check(&request, then + 900, &signature), TDM_API_SIGNED);
        assert_int_equal(tdm_api_sigv4_check(&request, then + 901, &signature), TDM_API_SKEWED);
        assert_int_equal(tdm_api_sigv4_check(&request, then - 901, &signature), TDM_API_SKEWED);
        signature.secret = "other";
        assert_int_equal(tdm_api_sigv4_check(&request, then, &signature), TDM_API_OTHER_SIGNATURE);
        signature.id = "other";
        assert_int_equal(tdm_api_sigv4_check(&request, then, &signature), TDM_API_UNKNOWN_ID);
        tdm_http_head_clear(&request);
        tdm_buf_clear(&value);
    }
}

static void test_authorization_that_is_none(void **state)
{
#define SIGNED(credential, names)                                                                  \
    "AWS4-HMAC-SHA256 Credential=" credential ", SignedHeaders=" names                             \
    ", Signature=21285a5510b3eff5fe220b341bb16fd27269a19da19a9639e98ef8616313b497"
    static const struct {
        const char *value;
        enum tdm_api_sigv4 result;
    } rows[] = {
        {"Bearer x", TDM_API_UNSIGNED},
        {"AWS4-HMAC-SHA256 x", TDM_API_INCOMPLETE},
        {SIGNED("A/20150830/r/ses/aws4_request", "x-amz-date"), TDM_API_INCOMPLETE},
        {SIGNED("A/20150830/r/ses/aws4_request", "host"), TDM_API_INCOMPLETE},
        {SIGNED("A/20150830/r/ses/aws4_request", "x-amz-date;host"), TDM_API_INCOMPLETE},
        {SIGNED("A/20150830/r/ses/aws4_request", "Host;x-amz-date"), TDM_API_INCOMPLETE},
        {SIGNED("A/20150831/r/ses/aws4_request", "host;x-amz-date"), TDM_API_INCOMPLETE},
        {SIGNED("A/20150830//ses/aws4_request", "host;x-amz-date"), TDM_API_INCOMPLETE},
        {SIGNED("A/20150830/r/sesx/aws4_request", "host;x-amz-date"), TDM_API_INCOMPLETE},
        {SIGNED("A/20150830/r/ses/aws4", "host;x-amz-date"), TDM_API_INCOMPLETE},
        {SIGNED("A", "host;x-amz-date"), TDM_API_INCOMPLETE},
        {SIGNED("A/20150830/r/ses/aws4_request", "host;x-amz-date"), TDM_API_SIGNED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tdm_served_request request;
        struct tdm_api_signature signature = {NULL, NULL, "ses", NULL, "", ""};
        request_open(&request, "POST", "/", DATE, "x");
        request_add(&request, "Authorization", rows[i].value);
        if (tdm_api_sigv4_check(&request, 1440938160, &signature) != rows[i].result) {
            fail_msg("row %zu: %s", i, signature.why);
        }
        tdm_http_head_clear(&request);
    }
}

static void test_encoded_words(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"Ann", "Ann"},
        {"", ""},
        {"=?utf-8?B?SsO8cmdlbg==?=", "Jürgen"},
        {"=?UTF-8?q?J=C3=BCrgen_M=C3=BC?= =?utf-8?Q?ller?=", "Jürgen Müller"},
        {"Dr. =?utf-8?Q?J=C3=BCrgen?= M.", "Dr. Jürgen M."},
        {"=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü"}, /* a character cut in two */
        {"=?utf-8?Q?=FF?=", "=?utf-8?Q?=FF?="},
        {"=?koi8-r?Q?x?=", "=?koi8-r?Q?x?="},
        {"=?utf-8?X?x?=", "=?utf-8?X?x?="},
        {"=?utf-8?Q?x", "=?utf-8?Q?x"},
        {"=?", "=?"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tdm_buf out;
        tdm_buf_init(&out, NULL, 1000);
        tdm_api_decode_words(&out, rows[i].text);
        assert_string_equal(tdm_buf_text(&out), rows[i].words);
        tdm_buf_clear(&out);
    }
}

static void test_times(void **state)
{
    static const struct {
        int64_t seconds;
        const char *time;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},          {951782399, "2000-02-28T23:59:59Z"},
        {951782400, "2000-02-29T00:00:00Z"},  {1440938160, "2015-08-30T12:36:00Z"},
        {4107542399, "2100-02-28T23:59:59Z"}, {4107542400, "2100-03-01T00:00:00Z"},
    };
    char time[TDM_API_TIME_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tdm_api_time(rows[i].seconds, time);
        assert_string_equal(time, rows[i].time);
    }
}

#define MAILGUN                                                                                    \
    "POST /v3/example.com/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YXBpOms=\r\n"       \
    "Content-Type: multipart/form-data; boundary=\"b c\"\r\n"
#define ITEM(name, value)                                                                          \
    "--b c\r\nContent-Disposition: form-data; name=" name "\r\n\r\n" value "\r\n"

static void test_forms(void **state)
{
    static const struct {
        const char *body;
        const char *words;
    } rows[] = {
        {ITEM("\"from\"", "a@b.c") ITEM("to", "d@e.f") ITEM("\"text\"", "t\r\n--b") "--b c--\r\n",
         "Queued. Thank you."},
        {ITEM("\"from\"", "a@b.c") ITEM("to", "d@e.f") ITEM("text", "t")
             ITEM("\"attachment\"; filename=\"a%22\\\".txt\"", "x") "--b c--",
         "Queued. Thank you."},
        {ITEM("\"a%22b\"", "x") "--b c--", "'a\\\"b' is not a known parameter"},
        {"", "malformed"},
        {"--b c--", "from parameter is missing"},
        {"--b c\r\n", "malformed"},
        {"--b c\r\nContent-Disposition: form-data; name=a\r\n\r\nx", "malformed"},
        {"--b c\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b c--", "malformed"},
        {"--b c\r\nContent-Type: text/plain\r\n\r\nx\r\n--b c--", "malformed"},
        {"--b cx\r\n\r\n\r\n--b c--", "malformed"},
    };
    struct play play;
    (void)state;
    play_open(&play, "k", NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_has(play_ask(&play, MAILGUN, rows[i].body), rows[i].words);
    }
    assert_int_equal(tdm_inbox_count(play.inbox), 2);
    assert_has(tdm_inbox_message(play.inbox, 0)->bytes, "t\r\n--b\r\n");
    assert_has(tdm_inbox_message(play.inbox, 1)->bytes, "filename=\"a\\\"\\\".txt\"");
    play_close(&play);
}

static void test_paths_of_nobody(void **state)
{
    struct play play;
    (void)state;
    play_open(&play, NULL, "*: hang");
    const char *answer = play_ask(&play, "POST /nobody HTTP/1.1\r\nHost: x\r\n", "");
    assert_has(answer, "HTTP/1.1 404 Not Found\r\n");
    assert_has(answer, "there are doubles of mailgun sendgrid ses postmark resend sparkpost");
    play_close(&play);
}

static void test_the_public_functions(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char error[500] = "";
    (void)state;
    options.api = 1;
    options.password = "k@y";
    options.faults = "*: nonsense";
    assert_null(tidymail_devserver_start(&options, error, sizeof(error)));
    assert_has(error, "has no fault 'nonsense'");
    options.faults = NULL;
    options.user = "u";
    options.password = NULL;
    assert_null(tidymail_devserver_start(&options, error, sizeof(error)));
    options.password = "k@y";
    options.user = NULL;
    tidymail_devserver *server = tidymail_devserver_start(&options, error, sizeof(error));
    assert_non_null(server);
    assert_ptr_equal(strstr(tidymail_devserver_url(server), "http://127.0.0.1:"),
                     tidymail_devserver_url(server));
    assert_string_equal(tidymail_devserver_service(server, 0), "mailgun");
    assert_has(tidymail_devserver_service_url(server, "mailgun"),
               "mailgun://k%40y@example.com?endpoint=http://127.0.0.1:");
    assert_null(tidymail_devserver_service_url(server, "nobody"));
    assert_null(tidymail_devserver_service(server, 1000));
    tidymail_devserver_stop(server);
    options.api = 0;
    options.password = NULL;
    server = tidymail_devserver_start(&options, error, sizeof(error));
    assert_null(tidymail_devserver_service_url(server, "mailgun"));
    assert_null(tidymail_devserver_service(server, 0));
    tidymail_devserver_stop(server);
    options.faults = "mailgun: hang";
    assert_null(tidymail_devserver_start(&options, error, sizeof(error)));
    assert_has(error, "no stage of a session");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_goes_into_the_inbox),
        cmocka_unit_test(test_types_of_json),
        cmocka_unit_test(test_acts_of_faults),
        cmocka_unit_test(test_canned_answers),
        cmocka_unit_test(test_rules_that_are_none),
        cmocka_unit_test(test_signatures_of_the_suite),
        cmocka_unit_test(test_signatures_of_ses),
        cmocka_unit_test(test_authorization_that_is_none),
        cmocka_unit_test(test_encoded_words),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_paths_of_nobody),
        cmocka_unit_test(test_the_public_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
