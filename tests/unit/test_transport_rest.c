/*
 * test_transport_rest.c: the transport of the mail services against a service of the test's own that
 * answers, refuses, lies, hangs and hangs up: what the report says, what may have been delivered, and
 * that nothing is sent twice and no key is shown.
 */
#include "rest_fixture.h"

static const struct peer_step ok_script[] = {
    {PEER_EXPECT, "POST /v1/send?a=b HTTP/1.1"},
    {PEER_EXPECT, "Host: 127.0.0.1:"},
    {PEER_EXPECT, "User-Agent: tidymail/"},
    {PEER_EXPECT, "Accept: */*"},
    {PEER_EXPECT, "Accept-Encoding: "},
    {PEER_EXPECT, "Authorization: Bearer " KEY},
    {PEER_EXPECT, "Content-Type: application/json; charset=utf-8"},
    {PEER_EXPECT, "X-Colour:"},
    {PEER_EXPECT, "Content-Length: 25"},
    {PEER_EXPECT, ""},
    {PEER_EXPECT, "{\"subject\": \"Hello\"}"},
    {PEER_MESSAGE, NULL},
    {PEER_SEND, OK_ANSWER},
    {PEER_END, NULL}};

static void test_success(void **state)
{
    (void)state;
    tidymail_report *report = play_http(ok_script, "");
    expect_sent(report);
    assert_string_equal(report->service_id, "42");
    assert_int_equal(tidymail_recipient_code(tidymail_report_recipient(report, 0)), 200);
    assert_string_equal(tidymail_report_address(report), "127.0.0.1");
    assert_int_equal(strncmp(tidymail_report_server(report), "127.0.0.1:", 10), 0);
    assert_true(report->phase_ms[TIDYMAIL_PHASE_CONNECT] >= 0);
    assert_true(report->phase_ms[TIDYMAIL_PHASE_REQUEST] >= 0);
    assert_true(report->phase_ms[TIDYMAIL_PHASE_RESPONSE] >= 0);
    assert_int_equal(report->phase_ms[TIDYMAIL_PHASE_TLS], -1);
    assert_int_equal(report->notes.count, 0);
    tidymail_report_free(report);
}

static char huge[TDM_HTTP_ANSWER_MAX + 4096];
static char huge_head[512 * 1024];

/* What a server may do with a request, and what is to be said about it. */
static const struct answer_case {
    const char *name;
    struct peer_step steps[8];
    const char *more; /* options */
    size_t padding;
    int outcome;
    int kind;
    int phase;
    int code;
    int retryable;
    const char *words; /* in the message */
} cases[] = {
    {"401",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\n"
                  "Forbidden"}},
     "",
     0,
     TIDYMAIL_FAILED,
     TIDYMAIL_KIND_AUTHENTICATION,
     TIDYMAIL_PHASE_RESPONSE,
     401,
     0,
     "Fake refused the key (401): Forbidden"},
    {"502 in HTML",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 502 Bad Gateway\r\nContent-Type: "
                  "text/html\r\nConnection: close\r\n\r\n<html><body>nginx</body></html>"}},
     "",
     0,
     TIDYMAIL_FAILED,
     TIDYMAIL_KIND_TEMPORARY,
     TIDYMAIL_PHASE_RESPONSE,
     502,
     1,
     "HTML"},
    {"429",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: "
                  "0\r\n\r\n"}},
     "",
     0,
     TIDYMAIL_FAILED,
     TIDYMAIL_KIND_TEMPORARY,
     TIDYMAIL_PHASE_RESPONSE,
     429,
     1,
     "fewer requests"},
    {"an empty 200",
     {{PEER_MESSAGE, NULL}, {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
     "",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_PROTOCOL,
     TIDYMAIL_PHASE_RESPONSE,
     200,
     0,
     "no id"},
    {"100 and 103 first",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 "
                  "Early Hints\r\nRetry-After: 9\r\n\r\n" OK_ANSWER}},
     "",
     0,
     TIDYMAIL_SENT,
     0,
     0,
     0,
     0,
     ""},
    {"chunked",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n3\r\nid=\r\n2\r\n42\r\n0\r\nX-Trailer: 1\r\n\r\n"}},
     "",
     0,
     TIDYMAIL_SENT,
     0,
     0,
     0,
     0,
     ""},
    {"to the end of the connection",
     {{PEER_MESSAGE, NULL}, {PEER_SEND, "HTTP/1.0 200 OK\r\n\r\nid=42"}},
     "",
     0,
     TIDYMAIL_SENT,
     0,
     0,
     0,
     0,
     ""},
    /* "id=42" as gzip -9n writes it */
    {"gzip",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Encoding: "
                  "gzip\r\nContent-Length: 25\r\n\r\n"},
      {PEER_SEND_HEX, "1f 8b 08 00 00 00 00 00 02 03 cb 4c b1 35 31 "
                      "02 00 c1 56 0a b9 05 00 00 00"}},
     "",
     0,
     TIDYMAIL_SENT,
     0,
     0,
     0,
     0,
     ""},
    {"broken gzip",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Encoding: "
                  "gzip\r\nContent-Length: 5\r\n\r\nid=42"}},
     "",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_PROTOCOL,
     TIDYMAIL_PHASE_REQUEST,
     200,
     0,
     "no answer in HTTP"},
    {"no HTTP",
     {{PEER_MESSAGE, NULL}, {PEER_SEND, "220 mail.example ESMTP\r\n"}},
     "",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_PROTOCOL,
     TIDYMAIL_PHASE_REQUEST,
     0,
     0,
     "no answer in HTTP"},
    {"cut after the request",
     {{PEER_MESSAGE, NULL}},
     "",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_CONNECTION,
     TIDYMAIL_PHASE_REQUEST,
     0,
     0,
     "ended before Fake answered; the message "
     "may have been taken"},
    {"reset after the request",
     {{PEER_MESSAGE, NULL}, {PEER_RESET, NULL}},
     "",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_CONNECTION,
     TIDYMAIL_PHASE_REQUEST,
     0,
     0,
     "may have been taken"},
    {"cut in the head",
     {{PEER_MESSAGE, NULL}, {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-"}},
     "",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_CONNECTION,
     TIDYMAIL_PHASE_REQUEST,
     0,
     0,
     "may have been taken"},
    {"cut in a 200",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Length: "
                  "50\r\n\r\nid=4"}},
     "",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_CONNECTION,
     TIDYMAIL_PHASE_REQUEST,
     200,
     0,
     "in the middle of the answer"},
    {"cut in a 401",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 401 No\r\nContent-Length: "
                  "50\r\n\r\nForb"}},
     "",
     0,
     TIDYMAIL_FAILED,
     TIDYMAIL_KIND_AUTHENTICATION,
     TIDYMAIL_PHASE_RESPONSE,
     401,
     0,
     "refused the key"},
    {"cut in a large request",
     {{PEER_EXPECT, "POST"}, {PEER_RESET, NULL}},
     "",
     16 * 1024 * 1024,
     TIDYMAIL_FAILED,
     TIDYMAIL_KIND_CONNECTION,
     TIDYMAIL_PHASE_REQUEST,
     0,
     1,
     "ended before Fake"},
    {"an answer to half a request",
     {{PEER_EXPECT, "POST"},
      {PEER_SEND, "HTTP/1.1 413 Too "
                  "Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
      {PEER_SILENT, NULL}},
     "",
     16 * 1024 * 1024,
     TIDYMAIL_FAILED,
     TIDYMAIL_KIND_PERMANENT,
     TIDYMAIL_PHASE_RESPONSE,
     413,
     0,
     "too large"},
    {"silence",
     {{PEER_MESSAGE, NULL}, {PEER_SILENT, NULL}},
     "&final-timeout=0.3",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_TIMEOUT,
     TIDYMAIL_PHASE_REQUEST,
     0,
     0,
     "within 0.3 s (final-timeout)"},
    {"silence, whole",
     {{PEER_MESSAGE, NULL}, {PEER_SILENT, NULL}},
     "&timeout=0.3",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_TIMEOUT,
     TIDYMAIL_PHASE_REQUEST,
     0,
     0,
     "the whole send"},
    {"a drip",
     {{PEER_MESSAGE, NULL},
      {PEER_SEND, "HTTP/1.1 200 OK\r\n"},
      {PEER_PAUSE, "150"},
      {PEER_SEND, "A: b\r\n"},
      {PEER_PAUSE, "150"},
      {PEER_SEND, "A: b\r\n"},
      {PEER_SILENT, NULL}},
     "&final-timeout=0.4&reply-timeout=0.3",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_TIMEOUT,
     TIDYMAIL_PHASE_REQUEST,
     0,
     0,
     "no whole answer"},
    {"nothing is read",
     {{PEER_PAUSE, "900"}},
     "&reply-timeout=0.3",
     16 * 1024 * 1024,
     TIDYMAIL_FAILED,
     TIDYMAIL_KIND_TIMEOUT,
     TIDYMAIL_PHASE_REQUEST,
     0,
     1,
     "took nothing more"},
    {"a huge answer",
     {{PEER_MESSAGE, NULL}, {PEER_SEND, huge}},
     "",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_PROTOCOL,
     TIDYMAIL_PHASE_REQUEST,
     200,
     0,
     "larger than 1048576 bytes"},
    {"a huge head",
     {{PEER_MESSAGE, NULL}, {PEER_SEND, huge_head}},
     "",
     0,
     TIDYMAIL_UNKNOWN,
     TIDYMAIL_KIND_PROTOCOL,
     TIDYMAIL_PHASE_REQUEST,
     0,
     0,
     ""},
};

static void fill_huge(void)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    memset(huge, 'x', sizeof(huge) - 1);
    memcpy(huge, head, sizeof(head) - 1);
    size_t at = (size_t)snprintf(huge_head, sizeof(huge_head), "HTTP/1.1 200 OK\r\n");
    while (at + 32 < sizeof(huge_head)) {
        at += (size_t)snprintf(huge_head + at, sizeof(huge_head) - at, "X-More: of the same\r\n");
    }
}

static void test_answers(void **state)
{
    (void)state;
    fill_huge();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct answer_case *one = &cases[i];
        body_padding = one->padding;
        tidymail_report *report = play_http(one->steps, one->more);
        body_padding = 0;
        const tidymail_error *error = tidymail_report_error(report);
        int wrong = tidymail_report_outcome(report) != one->outcome ||
                    tidymail_error_kind(error) != one->kind ||
                    tidymail_error_phase(error) != one->phase ||
                    tidymail_error_code(error) != one->code ||
                    tidymail_error_retryable(error) != one->retryable ||
                    strstr(tidymail_error_message(error), one->words) == NULL ||
                    (error != NULL && tidymail_error_hint(error)[0] == '\0');
        if (wrong) {
            fail_msg("%s: %s, %s at %s (%d), retryable %d: %s (hint: %s)\n%s", one->name,
                     tidymail_outcome_name(tidymail_report_outcome(report)),
                     tidymail_kind_name(tidymail_error_kind(error)),
                     tidymail_phase_name(tidymail_error_phase(error)), tidymail_error_code(error),
                     tidymail_error_retryable(error), tidymail_error_message(error),
                     tidymail_error_hint(error), transcript);
        }
        tidymail_report_free(report);
    }
}

static void test_idempotency_key_makes_retryable(void **state)
{
    (void)state;
    static const struct peer_step script[] = {{PEER_MESSAGE, NULL}, {PEER_END, NULL}};
    const struct peer_step *const scripts[] = {script, NULL};
    struct peer peer = {0};
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport = open_fake("http", "127.0.0.1", peer.port, "");
    tidymail_message *message = make_message(NULL);
    struct tdm_writer_env env = {1700000000, {1}, NULL};
    tidymail_message_set_idempotency_key(message, "once");
    assert_int_equal(tdm_message_prepare(message, &env), TIDYMAIL_OK);
    tidymail_report *report = send_message(transport, message);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_UNKNOWN);
    assert_int_equal(tidymail_error_retryable(tidymail_report_error(report)), 1);
    assert_non_null(strstr(tidymail_error_hint(tidymail_report_error(report)), "same idempotency"));
    tidymail_report_free(report);
    tidymail_message_free(message);
    tdm_transport_free(transport);
    peer_stop(&peer);
}

/* 1 where somebody connects to a listener within a moment. */
static int is_called(int listener)
{
    struct pollfd item = {listener, POLLIN, 0};
    return poll(&item, 1, 200) == 1;
}

static void test_redirect_is_not_followed(void **state)
{
    (void)state;
    int port;
    int listener = peer_listen(&port, 1);
    char answer[256];
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%d/steal\r\n"
             "Content-Length: 0\r\n\r\n",
             port);
    const struct peer_step script[] = {{PEER_MESSAGE, NULL}, {PEER_SEND, answer}, {PEER_END, NULL}};
    tidymail_report *report = play_http(script, "");
    expect_failed(report, TIDYMAIL_KIND_PROTOCOL, TIDYMAIL_PHASE_RESPONSE, "redirect");
    assert_false(is_called(listener));
    close(listener);
    tidymail_report_free(report);
}

static void test_environment_is_not_followed(void **state)
{
    (void)state;
    int port;
    int listener = peer_listen(&port, 1);
    char proxy[64];
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", port);
    setenv("http_proxy", proxy, 1);
    setenv("ALL_PROXY", proxy, 1);
    tidymail_report *report = play_http(ok_script, "");
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    expect_sent(report);
    assert_false(is_called(listener));
    close(listener);
    tidymail_report_free(report);
}

/* Two messages over one connection; over two where the first one has ended; and never a message twice. */
static void test_connection_is_kept(void **state)
{
    (void)state;
    static const struct peer_step two[] = {{PEER_MESSAGE, NULL},
                                           {PEER_SEND, OK_ANSWER},
                                           {PEER_MESSAGE, NULL},
                                           {PEER_SEND, OK_ANSWER},
                                           {PEER_END, NULL}};
    static const struct peer_step one[] = {
        {PEER_MESSAGE, NULL}, {PEER_SEND, OK_ANSWER}, {PEER_END, NULL}};
    static const struct peer_step lost[] = {
        {PEER_MESSAGE, NULL}, {PEER_SEND, OK_ANSWER}, {PEER_MESSAGE, NULL}, {PEER_RESET, NULL}};
    static const struct {
        const struct peer_step *scripts[3];
        int pause_ms;
        int connections;
        int second; /* its outcome */
    } rounds[] = {{{two, NULL, NULL}, 0, 1, TIDYMAIL_SENT},
                  {{one, one, NULL}, 100, 2, TIDYMAIL_SENT},
                  {{lost, NULL, NULL}, 0, 1, TIDYMAIL_UNKNOWN}};
    for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
        struct peer peer = {0};
        peer_start(&peer, rounds[i].scripts, &good);
        tidymail_transport *transport =
            open_fake("http", "127.0.0.1", peer.port, "&final-timeout=5&reply-timeout=5");
        tidymail_report *first = send_hello(transport);
        expect_sent(first);
        usleep((unsigned)rounds[i].pause_ms * 1000);
        tidymail_report *second = send_hello(transport);
        if (tidymail_report_outcome(second) != rounds[i].second) {
            fail_msg("round %zu: %s\n%s", i, tidymail_report_summary(second), transcript);
        }
        if (rounds[i].second == TIDYMAIL_UNKNOWN) {
            assert_int_equal(tidymail_error_kind(tidymail_report_error(second)),
                             TIDYMAIL_KIND_CONNECTION);
        }
        assert_false(is_called(peer.listener));
        assert_int_equal(second->phase_ms[TIDYMAIL_PHASE_CONNECT] < 0, rounds[i].connections == 1);
        assert_string_equal(tidymail_report_address(second), "127.0.0.1");
        tidymail_report_free(first);
        tidymail_report_free(second);
        tdm_transport_free(transport);
        peer_stop(&peer);
        assert_int_equal(peer.connections, rounds[i].connections);
    }
}

/* Secrets */

#define BASE64_KEY "azN5LW9mK3RoZS9zZXJ2aWNlLTAxMjM0NTY3ODk="

static void test_key_is_never_shown(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 401 No " KEY "\r\nX-Key: " KEY "\r\nSet-Cookie: a=secret-cookie\r\n"
        "Connection: close\r\n\r\nno such key: " KEY " or " BASE64_KEY "\nk3y-of%2Bthe%2Fservice-"
        "0123456789 k3y-of%2bthe%2fservice-0123456789 k3y-of+the\\/service-0123456789",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nid=" KEY,
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>Bearer " KEY "</html>"};
    static const char *const forbidden[] = {KEY,          "0123456789", BASE64_KEY,
                                            "azN5LW9mK3", "cookie",     "t0ken-of-a-session"};
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct peer_step script[] = {
            {PEER_MESSAGE, NULL}, {PEER_SEND, answers[i]}, {PEER_END, NULL}};
        tidymail_report *report = play_http(script, "&session-token=t0ken-of-a-session");
        const tidymail_error *error = tidymail_report_error(report);
        const char *const texts[] = {
            transcript,
            tidymail_error_message(error),
            tidymail_error_hint(error),
            tidymail_error_reply(error),
            tidymail_report_summary(report),
            report->service_id != NULL ? report->service_id : "",
            tidymail_recipient_reply(tidymail_report_recipient(report, 0)),
            report->recipients[0].service_id != NULL ? report->recipients[0].service_id : ""};
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
            for (size_t n = 0; n < sizeof(forbidden) / sizeof(forbidden[0]); n++) {
                const char *found = strstr(texts[k], forbidden[n]);
                if (found != NULL && !(n == 4 && strncmp(found - 5, "-Cookie: ***", 12) == 0)) {
                    fail_msg("answer %zu, text %zu has %s: %s", i, k, forbidden[n], texts[k]);
                }
            }
        }
        assert_non_null(strstr(transcript, "request -> POST /v1/send?a=b HTTP/1.1"));
        assert_non_null(strstr(transcript, "request -> Authorization: ***"));
        assert_non_null(strstr(transcript, "request *** body of 25 bytes (application/json)"));
        assert_non_null(strstr(transcript, "response <- HTTP/1.1 "));
        tidymail_report_free(report);
    }
}

/* URL and options */

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *words; /* of the error; NULL: it is fine, and shown as */
        const char *shown;
    } urls[] = {
        {"fake://sekret@", NULL, "fake://***@"},
        {"fake://sekret@default?colour=red", NULL, "fake://***@default?colour=red"},
        {"fake://@?password-from=env:X", NULL, "fake://?password-from=env:***"},
        {"fake://sekret@?session-token=sekret", NULL, "fake://***@?session-token=***"},
        {"fake://sekret@?endpoint=https://h.example/a%2520b", NULL,
         "fake://***@?endpoint=https://h.example/a%2520b"},
        {"fake://sekret@?endpoint=http://h.example&cleartext-auth=allow", NULL,
         "fake://***@?endpoint=http://h.example&cleartext-auth=allow"},
        {"pair://ID:sekret@eu-west-1", NULL, "pair://ID:***@eu-west-1"},
        {"pair://ID@eu-west-1?password-from=env:X", NULL,
         "pair://ID@eu-west-1?password-from=env:***"},
        {"fake://", "no key is given", ""},
        {"fake://a:sekret@", "one key", ""},
        {"fake://sekret@?password-from=env:X", "one key", ""},
        {"fake://sekret@example.org", "behind the @", ""},
        {"fake://sekret@:25", "no port", ""},
        {"fake://sekret@/path", "no path", ""},
        {"pair://ID:sekret@", "behind the @ is missing", ""},
        {"pair://ID@eu-west-1", "the secret", ""},
        {"pair://ID:@eu-west-1", "empty", ""},
        {"pair://:sekret@eu-west-1", "no key", ""},
        {"fake://sekret@?tls=none", "option tls: it is about SMTP, and Fake", ""},
        {"fake://sekret@?auth=plain", "option auth", ""},
        {"fake://sekret@?chunking=yes", "option chunking", ""},
        {"fake://sekret@?helo=a.example", "option helo", ""},
        {"fake://sekret@?color=red", "unknown option \"color\", did you mean colour?", ""},
        {"fake://sekret@?timeuot=5", "did you mean timeout?", ""},
        {"pair://ID:sekret@eu?colour=red", "unknown option \"colour\"", ""},
        {"fake://sekret@?count=many", "a whole number", ""},
        {"fake://sekret@?extra={", "JSON", ""},
        {"fake://sekret@?region=eu/..", "option region", ""},
        {"fake://sekret@?unsupported=ignore", "refuse, drop", ""},
        {"fake://sekret@?endpoint=ftp://h", "https://", ""},
        {"fake://sekret@?endpoint=http://h.example", "could be read", ""},
        {"fake://sekret@?endpoint=http://127.0.0.1:1&proxy=http://p:1", "proxy could read", ""},
        {"fake://sekret@?endpoint=http://a:sekret%40localhost", "no place", ""},
        {"fake://sekret@?endpoint=https://h?a=b", "no place", ""},
        {"fake://sekret@?endpoint=https://", "no host", ""},
        {"fake://sekret@?proxy=ftp://p", "option proxy", ""},
        {"fake://sekret@?source=here", "option source", ""},
        {"fake://sekret@?key=/k", "no certificate", ""},
        {"smpt://h.example", "did you mean smtp", ""},
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        tidymail_transport *transport = open_url(urls[i].url, NULL);
        const tidymail_error *error = tidymail_transport_error(transport);
        const char *message = tidymail_error_message(error);
        const char *shown = tidymail_transport_url(transport);
        if (urls[i].words != NULL
                ? error == NULL || tidymail_error_kind(error) != TIDYMAIL_KIND_CONFIGURATION ||
                      strstr(message, urls[i].words) == NULL
                : error != NULL || strcmp(shown, urls[i].shown) != 0) {
            fail_msg("%s: %s, shown as %s", urls[i].url, message, shown);
        }
        assert_null(strstr(message, "sekret"));
        assert_null(strstr(tidymail_error_hint(error), "sekret"));
        assert_null(strstr(shown, "sekret"));
        tdm_transport_free(transport);
    }
}

static void test_path_prefix_of_endpoint(void **state)
{
    (void)state;
    static const struct peer_step script[] = {
        {PEER_EXPECT, "POST /base/x%20y/v1/send?a=b HTTP/1.1"},
        {PEER_MESSAGE, NULL},
        {PEER_SEND, OK_ANSWER},
        {PEER_END, NULL}};
    tidymail_report *report = play_http(script, "/base/x%2520y/&colour=red");
    expect_sent(report);
    tidymail_report_free(report);
}

static void test_refused_before_anything_leaves(void **state)
{
    (void)state;
    int port;
    int listener = peer_listen(&port, 1);
    tidymail_transport *transport = open_fake("http", "127.0.0.1", port, "");
    tidymail_message *message = make_message(NULL);
    message->service.sandbox = 1;
    tidymail_report *report = send_message(transport, message);
    expect_failed(report, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "sandbox");
    tidymail_report_free(report);
    message->service.sandbox = 0;
    body_padding = 40 * 1024 * 1024;
    report = send_message(transport, message);
    body_padding = 0;
    expect_failed(report, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                  "takes no more than 33554432");
    tidymail_report_free(report);
    tdm_transport_free(transport);
    tidymail_message_free(message);
    assert_false(is_called(listener));
    close(listener);
}

static void test_nobody_there(void **state)
{
    (void)state;
    tidymail_transport *transport = open_fake("http", "127.0.0.1", peer_unused_port(), "");
    tidymail_report *report = send_hello(transport);
    expect_failed(report, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_REQUEST, "connection refused");
    assert_int_equal(tidymail_error_retryable(tidymail_report_error(report)), 1);
    tidymail_report_free(report);
    tdm_transport_free(transport);
    transport = open_fake("https", "no-such-host.invalid", 1, "");
    report = send_hello(transport);
    expect_failed(report, TIDYMAIL_KIND_RESOLVE, TIDYMAIL_PHASE_REQUEST, "no-such-host.invalid");
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

/* The public send */

struct once {
    size_t left;
    int reads;
    int released;
};

static ptrdiff_t once_read(void *context, void *buffer, size_t capacity)
{
    struct once *once = context;
    size_t length = once->left < capacity ? once->left : capacity;
    memset(buffer, 'x', length);
    once->left -= length;
    once->reads++;
    return (ptrdiff_t)length;
}

static void once_release(void *context)
{
    ((struct once *)context)->released++;
}

static void test_source_that_is_read_once(void **state)
{
    (void)state;
    static const struct peer_step script[] = {
        {PEER_MESSAGE, NULL}, {PEER_SEND, OK_ANSWER}, {PEER_END, NULL}};
    const struct peer_step *const scripts[] = {script, NULL};
    struct once once = {100000, 0, 0};
    struct peer peer = {0};
    char url[256];
    peer_start(&peer, scripts, &good);
    snprintf(url, sizeof(url), "fake://?endpoint=http://127.0.0.1:%d&password-from=env:REST_KEY",
             peer.port);
    setenv("REST_KEY", KEY, 1);
    tidymail_transport *transport = tidymail_transport_open(url, NULL);
    tidymail_message *message = make_message(NULL);
    tidymail_source source = {once_read, NULL, NULL, NULL, once_release, &once};
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    attachment.source = &source;
    attachment.name = "a.bin";
    assert_int_equal(tidymail_message_add_attachment(message, &attachment), TIDYMAIL_OK);
    tidymail_report *report = tidymail_send(transport, message);
    expect_sent(report);
    assert_int_equal(first_file, 100000);
    assert_string_equal(tidymail_report_transport(report), "fake");
    assert_string_equal(tidymail_report_service_id(report), "42");
    tidymail_report_free(report);
    report = tidymail_send(transport, message); /* not a second time, and said before it leaves */
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
    assert_int_equal(tidymail_error_phase(tidymail_report_error(report)), TIDYMAIL_PHASE_PREPARE);
    assert_non_null(strstr(tidymail_report_summary(report), "a.bin"));
    tidymail_report_free(report);
    tidymail_message_free(message);
    assert_int_equal(once.released, 1);
    tidymail_transport_close(transport);
    unsetenv("REST_KEY");
    peer_stop(&peer);
    assert_int_equal(peer.connections, 1);
}

static void test_unsupported(void **state)
{
    (void)state;
    static const struct peer_step script[] = {
        {PEER_MESSAGE, NULL}, {PEER_SEND, OK_ANSWER}, {PEER_END, NULL}};
    const struct peer_step *const scripts[] = {script, NULL};
    struct tdm_writer_env env = {1700000000, {1}, NULL};
    struct peer peer = {0};
    peer_start(&peer, scripts, &good);
    tidymail_message *message = make_message(NULL);
    tidymail_message_add_tag(message, "welcome");
    assert_int_equal(tdm_message_prepare(message, &env), TIDYMAIL_OK);
    tidymail_transport *transport = open_fake("http", "127.0.0.1", peer.port, "");
    tidymail_report *report = send_message(transport, message);
    expect_failed(report, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "tags: Fake");
    tidymail_report_free(report);
    tdm_transport_free(transport);
    transport = open_fake("http", "127.0.0.1", peer.port, "&unsupported=drop");
    report = send_message(transport, message);
    expect_sent(report);
    assert_int_equal(report->notes.count, 1);
    assert_non_null(strstr(report->notes.items[0], "tags"));
    tidymail_report_free(report);
    tdm_transport_free(transport);
    tidymail_message_free(message);
    peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_idempotency_key_makes_retryable),
        cmocka_unit_test(test_redirect_is_not_followed),
        cmocka_unit_test(test_environment_is_not_followed),
        cmocka_unit_test(test_connection_is_kept),
        cmocka_unit_test(test_key_is_never_shown),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_path_prefix_of_endpoint),
        cmocka_unit_test(test_refused_before_anything_leaves),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_source_that_is_read_once),
        cmocka_unit_test(test_unsupported),
    };
    return cmocka_run_group_tests(tests, make_identities, free_identities);
}
