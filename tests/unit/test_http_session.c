/* test_http_session.c: HTTP/1.1 on the server's side: framing, limits, time, at every split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "devserver/http_session.h"

#define NOW ((int64_t)1000000)
#define IDLE 1000
#define WHOLE 5000
#define HANG 9000

static struct tdm_http_session_options options_of(size_t max_body)
{
    struct tdm_http_session_options options = {max_body, IDLE, WHOLE, HANG, {NULL, NULL}};
    return options;
}

static void begin(struct tdm_http_session *session)
{
    struct tdm_http_session_options options = options_of(100);
    tdm_http_session_init(session, &options, NOW);
}

static void feed(struct tdm_http_session *session, const char *text)
{
    tdm_http_session_feed(session, text, strlen(text), NOW);
}

/* All it says so far, taken away. */
static const char *said(struct tdm_http_session *session)
{
    static char text[8192];
    const char *bytes;
    size_t length;
    size_t total = 0;
    while (tdm_http_session_output(session, &bytes, &length)) {
        assert_true(total + length < sizeof(text));
        memcpy(text + total, bytes, length);
        total += length;
        tdm_http_session_consume(session, length);
    }
    text[total] = '\0';
    return text;
}

static void assert_says(struct tdm_http_session *session, const char *words)
{
    const char *text = said(session);
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, text);
    }
}

/* Goes on at a head, answers a request with what it was: "METHOD PATH?QUERY body". */
static void serve(struct tdm_http_session *session)
{
    struct tdm_buf echo;
    for (;;) {
        enum tdm_http_event event = tdm_http_session_next(session);
        if (event == TDM_HTTP_HEAD) {
            tdm_http_session_go_on(session, NOW);
        } else if (event == TDM_HTTP_REQUEST) {
            const struct tdm_served_request *request = &session->request;
            tdm_buf_init(&echo, NULL, 1000);
            tdm_buf_addf(&echo, "%s %s?%s %s", request->method, request->path, request->query,
                         tdm_buf_text(&request->body));
            tdm_http_session_answer(session, 200, "X-A: b\r\n", tdm_buf_text(&echo), echo.length,
                                    NOW);
            tdm_buf_clear(&echo);
        } else {
            return;
        }
    }
}

#define OK(length, connection, body)                                                               \
    "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: " length "\r\nConnection: " connection           \
    "\r\n\r\n" body

static const struct {
    const char *sent;
    const char *answered;
} talks[] = {
    {"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", OK("11", "keep-alive", "GET /a?b=c ")},
    {"\r\nPOST / HTTP/1.1\r\nhost:x\r\nContent-Length: 3\r\n\r\nabc", /* RFC 9112 2.2 */
     OK("11", "keep-alive", "POST /? abc")},
    {"POST http://h:1/p HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
     OK("9", "keep-alive", "POST /p? ")},
    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;e=\"f\"\r\nc\r\n"
     "0\r\nTrailer: x\r\n\r\n",
     OK("11", "keep-alive", "POST /? abc")},
    {"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n"
     "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n",
     OK("8", "keep-alive", "GET /1? ") OK("8", "close", "GET /2? ")},
    {"GET / HTTP/1.0\r\n\r\n", OK("7", "close", "GET /? ")},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", OK("7", "keep-alive", "GET /? ")},
    {"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", OK("8", "keep-alive", "")},
};

static void test_talks_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
        size_t length = strlen(talks[i].sent);
        for (size_t split = 0; split <= length; split++) {
            struct tdm_http_session session;
            begin(&session);
            tdm_http_session_feed(&session, talks[i].sent, split, NOW);
            serve(&session);
            tdm_http_session_feed(&session, talks[i].sent + split, length - split, NOW);
            serve(&session);
            assert_string_equal(said(&session), talks[i].answered);
            tdm_http_session_clear(&session);
        }
    }
}

static void test_talks_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
        struct tdm_http_session session;
        begin(&session);
        for (const char *at = talks[i].sent; *at != '\0'; at++) {
            tdm_http_session_feed(&session, at, 1, NOW);
            serve(&session);
        }
        assert_string_equal(said(&session), talks[i].answered);
        tdm_http_session_clear(&session);
    }
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *sent;
        const char *status;
    } rows[] = {
        {"GET / HTTP/1.1\n", "400 Bad Request"},
        {"GET  HTTP/1.1\r\n", "400 Bad Request"},
        {"GET /\r\n", "400 Bad Request"},
        {"G@T / HTTP/1.1\r\n", "400 Bad Request"},
        {"GET a HTTP/1.1\r\n", "400 Bad Request"},
        {"GET /a b HTTP/1.1\r\n", "400 Bad Request"},
        {"GET /a#b HTTP/1.1\r\n", "400 Bad Request"},
        {"GET / HTTP/2.0\r\n", "505 HTTP Version Not Supported"},
        {"GET / HTTX/1.1\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nHost: x\rX: y\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nHost: x\x01\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\n: x\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nHost : x\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nHost: x\r\n y\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400 Bad Request"},
        {"P / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", "400 Bad Request"},
        {"P / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", "400 Bad Request"},
        {"P / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
         "400 Bad Request"},
        {"P / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", "413 Content Too Large"},
        {"P / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
         "413 Content Too Large"},
        {"P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
         "400 Bad Request"},
        {"P / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 Bad Request"},
        {"P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
         "501 Not Implemented"},
        {"P / HTTP/1.1\r\nHost: x\r\nExpect: x\r\nContent-Length: 1\r\n\r\n",
         "417 Expectation Failed"},
#define CHUNKED "P / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        {CHUNKED "x\r\n", "400 Bad Request"},
        {CHUNKED "1x\r\n", "400 Bad Request"},
        {CHUNKED "\r\n", "400 Bad Request"},
        {CHUNKED "1\r\nab\r\n", "400 Bad Request"},
        {CHUNKED "65\r\n", "413 Content Too Large"},
        {CHUNKED "1\r\na\r\n64\r\n", "413 Content Too Large"},
        {CHUNKED "fffffffffffffffff\r\n", "413 Content Too Large"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tdm_http_session session;
        begin(&session);
        feed(&session, rows[i].sent);
        serve(&session);
        feed(&session, "more that nobody reads\r\n");
        assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_CLOSE);
        const char *text = said(&session);
        if (strncmp(text, "HTTP/1.1 ", 9) != 0 ||
            strncmp(text + 9, rows[i].status, strlen(rows[i].status)) != 0) {
            fail_msg("row %zu: %s", i, text);
        }
        assert_non_null(strstr(text, "Connection: close\r\n"));
        tdm_http_session_clear(&session);
    }
}

static void test_continue_is_said_while_the_body_is_not_there(void **state)
{
    static const char head[] =
        "P / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    struct tdm_http_session session;
    (void)state;
    begin(&session);
    feed(&session, head);
    serve(&session);
    assert_string_equal(said(&session), "HTTP/1.1 100 Continue\r\n\r\n");
    feed(&session, "a");
    serve(&session);
    assert_says(&session, "P /? a");
    feed(&session, head);
    feed(&session, "b"); /* sent without waiting */
    serve(&session);
    const char *text = said(&session);
    assert_null(strstr(text, "100 Continue"));
    assert_non_null(strstr(text, "P /? b"));
    tdm_http_session_clear(&session);
}

static void test_an_answer_before_the_body_ends_the_connection(void **state)
{
    struct tdm_http_session session;
    (void)state;
    begin(&session);
    feed(&session, "P / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_HEAD);
    tdm_http_session_answer(&session, 413, "", "no", 2, NOW);
    assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_CLOSE);
    assert_says(&session, "Connection: close\r\n\r\nno");
    tdm_http_session_clear(&session);
}

static void test_time(void **state)
{
    struct tdm_http_session session;
    (void)state;
    begin(&session);
    assert_int_equal(tdm_http_session_deadline(&session), NOW + IDLE);
    tdm_http_session_tick(&session, NOW + IDLE - 1);
    assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_NOTHING);
    tdm_http_session_tick(&session, NOW + IDLE);
    assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_CLOSE);
    assert_string_equal(said(&session), ""); /* between requests it ends in silence */
    tdm_http_session_clear(&session);

    begin(&session);
    feed(&session, "P / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
    serve(&session);
    feed(&session, "abc"); /* a byte now and then does not lengthen it */
    assert_int_equal(tdm_http_session_deadline(&session), NOW + WHOLE);
    tdm_http_session_tick(&session, NOW + WHOLE);
    assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_CLOSE);
    assert_says(&session, "HTTP/1.1 408 Request Timeout\r\n");
    tdm_http_session_clear(&session);

    begin(&session);
    feed(&session, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    tdm_http_session_go_on(&session, NOW);
    assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_REQUEST);
    assert_int_equal(tdm_http_session_deadline(&session), -1);
    tdm_http_session_hang(&session, NOW);
    feed(&session, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_NOTHING);
    tdm_http_session_tick(&session, NOW + HANG);
    assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_CLOSE);
    assert_string_equal(said(&session), "");
    tdm_http_session_clear(&session);
}

static void test_what_is_sent_ahead_is_bounded(void **state)
{
    static const char line[] = "GET /0123456789012345678901234567890123456789 HTTP/1.1\r\n"
                               "Host: x\r\n\r\n";
    struct tdm_http_session session;
    (void)state;
    begin(&session);
    for (int i = 0; i < 20000 && tdm_http_session_next(&session) != TDM_HTTP_CLOSE; i++) {
        feed(&session, line); /* nobody answers the first one */
    }
    assert_int_equal(tdm_http_session_next(&session), TDM_HTTP_CLOSE);
    tdm_http_session_clear(&session);
}

static void test_fields_are_found(void **state)
{
    struct tdm_http_session session;
    (void)state;
    begin(&session);
    feed(&session, "GET / HTTP/1.1\r\nHost:\t x \t\r\nX-A: 1\r\nx-a: 2\r\nEmpty:\r\n\r\n");
    assert_string_equal(tdm_served_field(&session.request, "host"), "x");
    assert_string_equal(tdm_served_field(&session.request, "X-A"), "1");
    assert_string_equal(tdm_served_field(&session.request, "empty"), "");
    assert_null(tdm_served_field(&session.request, "X"));
    tdm_http_session_clear(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talks_at_every_split),
        cmocka_unit_test(test_talks_byte_by_byte),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_continue_is_said_while_the_body_is_not_there),
        cmocka_unit_test(test_an_answer_before_the_body_ends_the_connection),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_what_is_sent_ahead_is_bounded),
        cmocka_unit_test(test_fields_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
