/* test_proxy.c: proxy=socks5:// and proxy=http://: what is said to the proxy, byte by byte, and
 * whole sends through one. The peer plays the proxy and, behind it, the server. */
#include "test_net_client.h"

#include "fail_alloc.h"
#include "net/proxy.h"

static const struct tdm_proxy_config socks = {TDM_PROXY_SOCKS5, "proxy.example", 1080, NULL, NULL};
static const struct tdm_proxy_config socks_login = {TDM_PROXY_SOCKS5, "proxy.example", 1080, "ann",
                                                    "s3cret"};
static const struct tdm_proxy_config http = {TDM_PROXY_HTTP, "proxy.example", 8080, NULL, NULL};
static const struct tdm_proxy_config http_login = {TDM_PROXY_HTTP, "proxy.example", 8080, "ann",
                                                   "s3cret"};

/* Feeds `answer` in pieces of `piece` bytes at most, as the machine wants them; returns how many it
 * took. `said` collects what it says. */
static size_t talk(struct tdm_proxy *proxy, const unsigned char *answer, size_t length,
                   size_t piece, struct tdm_buf *said)
{
    size_t at = 0;
    for (;;) {
        size_t out = 0;
        const char *bytes = tdm_proxy_output(proxy, &out);
        if (out > 0) {
            out = out < piece ? out : piece;
            tdm_buf_add(said, bytes, out);
            tdm_proxy_consume(proxy, out);
            continue;
        }
        size_t wanted = tdm_proxy_wants(proxy);
        wanted = wanted < piece ? wanted : piece;
        wanted = wanted < length - at ? wanted : length - at;
        if (wanted == 0) {
            return at;
        }
        tdm_proxy_feed(proxy, (const char *)answer + at, wanted);
        at += wanted;
    }
}

struct proxy_case {
    const struct tdm_proxy_config *config;
    const char *host;
    const char *said;   /* hex */
    const char *answer; /* hex */
    int status;
    int retryable;
    const char *message; /* a part of it */
};

static const struct proxy_case socks_cases[] = {
    {&socks, "mail.example", "05 01 00 05 01 00 03 0c 6d 61 69 6c 2e 65 78 61 6d 70 6c 65 02 4b",
     "05 00 05 00 00 01 7f 00 00 01 30 39", TDM_PROXY_DONE, 0, NULL},
    {&socks, "192.0.2.7", "05 01 00 05 01 00 01 c0 00 02 07 02 4b",
     "05 00 05 00 00 03 04 61 62 63 64 30 39", TDM_PROXY_DONE, 0, NULL},
    {&socks, "2001:db8::1",
     "05 01 00 05 01 00 04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 02 4b",
     "05 00 05 00 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 30 39", TDM_PROXY_DONE, 0,
     NULL},
    {&socks_login, "192.0.2.7",
     "05 02 00 02 01 03 61 6e 6e 06 73 33 63 72 65 74 05 01 00 01 c0 00 02 07 02 4b",
     "05 02 01 00 05 00 00 01 00 00 00 00 00 00", TDM_PROXY_DONE, 0, NULL},
    {&socks_login, "192.0.2.7", "05 02 00 02 05 01 00 01 c0 00 02 07 02 4b",
     "05 00 05 00 00 03 00 00 00", TDM_PROXY_DONE, 0, NULL},
    {&socks_login, "192.0.2.7", "05 02 00 02 01 03 61 6e 6e 06 73 33 63 72 65 74", "05 02 01 01",
     TDM_PROXY_FAILED, 0, "the proxy proxy.example:1080 refused its user and password"},
    {&socks, "192.0.2.7", "05 01 00", "05 ff", TDM_PROXY_FAILED, 0, "wants a login"},
    {&socks, "192.0.2.7", "05 01 00", "05 02", TDM_PROXY_FAILED, 0, "was not offered"},
    {&socks_login, "192.0.2.7", "05 02 00 02", "05 ff", TDM_PROXY_FAILED, 0, "takes no login"},
    {&socks, "192.0.2.7", "05 01 00 05 01 00 01 c0 00 02 07 02 4b", "05 00 05 02", TDM_PROXY_FAILED,
     0, "did not connect to 192.0.2.7:587: its rules do not allow it (SOCKS reply 2)"},
    {&socks, "192.0.2.7", "05 01 00 05 01 00 01 c0 00 02 07 02 4b", "05 00 05 05", TDM_PROXY_FAILED,
     1, "connection refused (SOCKS reply 5)"},
    {&socks, "192.0.2.7", "05 01 00 05 01 00 01 c0 00 02 07 02 4b", "05 00 05 63", TDM_PROXY_FAILED,
     1, "unknown reason (SOCKS reply 99)"},
    {&socks, "192.0.2.7", "05 01 00 05 01 00 01 c0 00 02 07 02 4b", "05 00 05 00 00 09 01",
     TDM_PROXY_FAILED, 0, "address of no known kind"},
    {&socks, "192.0.2.7", "05 01 00", "48 54", TDM_PROXY_FAILED, 0, "is no SOCKS 5 proxy"},
    {&socks, "192.0.2.7", "05 01 00", "04 5b", TDM_PROXY_FAILED, 0, "is no SOCKS 5 proxy"},
};

static void check_case(const struct proxy_case *one, const unsigned char *said, size_t said_length,
                       const unsigned char *answer, size_t length)
{
    for (size_t piece = 1; piece <= length; piece++) {
        struct tdm_proxy proxy;
        struct tdm_buf out;
        tdm_buf_init(&out, NULL, 4096);
        tdm_proxy_init(&proxy, &tdm_allocator_default, one->config, one->host, 587);
        size_t took = talk(&proxy, answer, length, piece, &out);
        if (tdm_proxy_status(&proxy) != (enum tdm_proxy_status)one->status) {
            fail_msg("piece %zu: status %d: %s", piece, (int)proxy.status,
                     tidymail_error_message(&proxy.error));
        }
        assert_int_equal(out.length, said_length);
        assert_memory_equal(out.data, said, said_length);
        if (one->status == TDM_PROXY_DONE) {
            assert_int_equal(took, length); /* and no byte of the server's */
            assert_int_equal(tdm_proxy_wants(&proxy), 0);
        } else {
            assert_int_equal(proxy.error.kind, TIDYMAIL_KIND_CONNECTION);
            assert_int_equal(proxy.error.phase, TIDYMAIL_PHASE_CONNECT);
            assert_int_equal(proxy.error.retryable, one->retryable);
            assert_non_null(strstr(tidymail_error_message(&proxy.error), one->message));
            assert_null(strstr(tidymail_error_message(&proxy.error), "s3cret"));
        }
        tdm_buf_clear(&out);
        tdm_proxy_clear(&proxy);
    }
}

static void test_socks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(socks_cases) / sizeof(socks_cases[0]); i++) {
        unsigned char said[256];
        unsigned char answer[256];
        size_t said_length = peer_unhex(socks_cases[i].said, said, sizeof(said));
        size_t length = peer_unhex(socks_cases[i].answer, answer, sizeof(answer));
        check_case(&socks_cases[i], said, said_length, answer, length);
    }
}

#define ASK "CONNECT mail.example:587 HTTP/1.1\r\nHost: mail.example:587\r\n"
#define LOGIN "Proxy-Authorization: Basic YW5uOnMzY3JldA==\r\n"

static const struct proxy_case http_cases[] = {
    {&http, "mail.example", ASK "\r\n", "HTTP/1.1 200 OK\r\n\r\n", TDM_PROXY_DONE, 0, NULL},
    {&http, "2001:db8::1", "CONNECT [2001:db8::1]:587 HTTP/1.1\r\nHost: [2001:db8::1]:587\r\n\r\n",
     "HTTP/1.0 200 Connection established\nVia: x\n\n", TDM_PROXY_DONE, 0, NULL},
    {&http_login, "mail.example", ASK LOGIN "\r\n",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204\r\nContent-Length: 99\r\n\r\n", TDM_PROXY_DONE, 0,
     NULL},
    {&http, "mail.example", ASK "\r\n",
     "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
     TDM_PROXY_FAILED, 0, "the proxy proxy.example:8080 wants a login"},
    {&http_login, "mail.example", ASK LOGIN "\r\n", "HTTP/1.1 407 No\r\n\r\n", TDM_PROXY_FAILED, 0,
     "refused its user and password"},
    {&http, "mail.example", ASK "\r\n",
     "HTTP/1.1 403 For\x1b"
     "bidden\r\n\r\n",
     TDM_PROXY_FAILED, 0,
     "did not connect to mail.example:587: it answered \"403 For\\x1Bbidden\""},
    {&http, "mail.example", ASK "\r\n", "HTTP/1.1 502 Bad Gateway\r\n\r\n", TDM_PROXY_FAILED, 1,
     "it answered \"502 Bad Gateway\""},
    {&http, "mail.example", ASK "\r\n", "220 m", TDM_PROXY_FAILED, 0,
     "is no HTTP proxy: it "
     "answered \"2\""},
    {&http, "mail.example", ASK "\r\n", "\x05\xff", TDM_PROXY_FAILED, 0, "is no HTTP proxy"},
    {&http, "mail.example", ASK "\r\n", "HTTP/1.1 20x\r\n\r\n", TDM_PROXY_FAILED, 0,
     "is no HTTP proxy"},
    {&http, "mail.example", ASK "\r\n", "HTTP/1.1\r\n\r\n", TDM_PROXY_FAILED, 0,
     "is no HTTP proxy"},
};

static void test_http(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(http_cases) / sizeof(http_cases[0]); i++) {
        check_case(&http_cases[i], (const unsigned char *)http_cases[i].said,
                   strlen(http_cases[i].said), (const unsigned char *)http_cases[i].answer,
                   strlen(http_cases[i].answer));
    }
}

static void test_endless_header(void **state)
{
    struct tdm_proxy proxy;
    struct tdm_buf out;
    (void)state;
    tdm_buf_init(&out, NULL, 4096);
    tdm_proxy_init(&proxy, &tdm_allocator_default, &http, "mail.example", 587);
    static const char start[] = "HTTP/1.1 200 OK\r\nX: ";
    size_t took = talk(&proxy, (const unsigned char *)start, sizeof(start) - 1, 1, &out);
    while (tdm_proxy_wants(&proxy) == 1) {
        tdm_proxy_feed(&proxy, "y", 1);
        took++;
        assert_true(took < 100000);
    }
    assert_int_equal(proxy.status, TDM_PROXY_FAILED);
    assert_non_null(strstr(tidymail_error_message(&proxy.error), "does not end"));
    tdm_proxy_clear(&proxy);
    tdm_buf_clear(&out);
}

/* Over sockets */

#define SOCKS_HELLO                                                                                \
    {PEER_EXPECT_HEX, "05 01 00"},                                                                 \
    {                                                                                              \
        PEER_SEND_HEX, "05 00"                                                                     \
    }
#define SOCKS_ASK                                                                                  \
    {                                                                                              \
        PEER_EXPECT_HEX, "05 01 00 03 0c 6d 61 69 6c 2e 65 78 61 6d 70 6c 65 02 4b"                \
    }
#define SERVER GREETING, {PEER_SEND, "250 mail.example\r\n"}, TRANSACTION, GOODBYE

/* The greeting comes in one segment with the proxy's answer: it is the server's, whole. */
static void test_send_through_socks(void **state)
{
    static const struct peer_step script[] = {
        SOCKS_HELLO,
        SOCKS_ASK,
        {PEER_SEND_HEX, "05 00 00 01 7f 00 00 01 00 19 32 32 30 20 6d 61 69 6c 0d 0a"},
        {PEER_EXPECT, "EHLO "},
        {PEER_SEND, "250 mail.example\r\n"},
        TRANSACTION,
        GOODBYE};
    (void)state;
    tidymail_report *report =
        play(script, "smtp://mail.example:587?tls=none&proxy=socks5://127.0.0.1:%d");
    expect_sent(report);
    assert_string_equal(tidymail_report_address(report), "");
    assert_string_equal(tidymail_report_server(report), "mail.example:587");
    assert_non_null(strstr(transcript, "connecting to the proxy 127.0.0.1:"));
    assert_non_null(strstr(transcript, "the proxy has connected to mail.example:587"));
    assert_int_equal(tidymail_report_phase_ms(report, TIDYMAIL_PHASE_RESOLVE), -1);
    tidymail_report_free(report);
}

/* TLS to the server, verified for the server's name. */
static void test_send_through_http(void **state)
{
    static const struct peer_step script[] = {
        {PEER_EXPECT, "CONNECT mail.example:465 HTTP/1.1"},
        {PEER_EXPECT, "Host: mail.example:465"},
        {PEER_EXPECT, "Proxy-Authorization: Basic YW5uOnMzQGNyZXQ="},
        {PEER_EXPECT, ""},
        {PEER_SEND, "HTTP/1.1 200 OK\r\n\r\n"},
        {PEER_TLS, NULL},
        SERVER};
    (void)state;
    tidymail_report *report =
        play(script, "smtps://mail.example?proxy=http://ann:s3%2540cret@127.0.0.1:%d&ca=%s");
    expect_sent(report);
    assert_string_equal(tidymail_report_tls_version(report), "TLSv1.3");
    assert_null(strstr(transcript, "s3@cret"));
    assert_null(strstr(transcript, "YW5uOnMzQGNyZXQ="));
    tidymail_report_free(report);
}

/* A proxy that ends, or falls silent, at each of its steps. */
static void test_cut_at_each_step(void **state)
{
    static const struct peer_step whole[] = {
        SOCKS_HELLO, SOCKS_ASK, {PEER_SEND_HEX, "05 00 00 01 7f 00 00 01"}};
    static const struct peer_step whole_http[] = {
        {PEER_EXPECT, "CONNECT"}, {PEER_EXPECT, "Host"}, {PEER_SEND, "HTTP/1.1 200 OK\r\n"}};
    static const enum peer_op ends[] = {PEER_DROP, PEER_RESET, PEER_SILENT};
    (void)state;
    for (size_t kind = 0; kind < 2; kind++) {
        const struct peer_step *steps = kind == 0 ? whole : whole_http;
        size_t count = kind == 0 ? sizeof(whole) / sizeof(whole[0])
                                 : sizeof(whole_http) / sizeof(whole_http[0]);
        for (size_t cut = 0; cut <= count; cut++) {
            for (size_t end = 0; end < 3; end++) {
                struct peer_step script[8] = {{PEER_END, NULL}};
                memcpy(script, steps, cut * sizeof(steps[0]));
                script[cut].op = ends[end];
                int64_t start = now_ms();
                tidymail_report *report =
                    play(script, kind == 0 ? "smtp://mail.example:587?tls=none&connect-timeout=0.2"
                                             "&proxy=socks5://127.0.0.1:%d"
                                           : "smtp://mail.example:587?tls=none&connect-timeout=0.2"
                                             "&proxy=http://127.0.0.1:%d");
                expect_failed(report,
                              ends[end] == PEER_SILENT ? TIDYMAIL_KIND_TIMEOUT
                                                       : TIDYMAIL_KIND_CONNECTION,
                              TIDYMAIL_PHASE_CONNECT, "the proxy 127.0.0.1:");
                assert_int_equal(tidymail_error_retryable(tidymail_report_error(report)), 1);
                assert_true(now_ms() - start < 2000);
                tidymail_report_free(report);
            }
        }
    }
}

static void test_no_proxy_there(void **state)
{
    (void)state;
    tidymail_report *report =
        send_to("smtp://mail.example?proxy=socks5://127.0.0.1:%d", peer_unused_port());
    expect_failed(report, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_CONNECT,
                  "the proxy cannot be reached: connection refused by 127.0.0.1:");
    tidymail_report_free(report);
    report = send_to("smtp://mail.example?proxy=socks5://no.onion:%d", 1);
    expect_failed(report, TIDYMAIL_KIND_RESOLVE, TIDYMAIL_PHASE_RESOLVE,
                  "the proxy cannot be reached: there is no host named no.onion");
    tidymail_report_free(report);
}

static void test_bad_options(void **state)
{
    static const struct {
        const char *url;
        const char *part;
    } cases[] = {
        {"smtp://h?proxy=ftp://p:1", "option proxy: it is neither socks5:// nor http://"},
        {"smtp://h?proxy=p:1", "option proxy: it is neither"},
        {"smtp://h?proxy=http://p", "option proxy: it has no port"},
        {"smtp://h?proxy=socks5://", "option proxy: it has no host"},
        {"smtp://h?proxy=socks5://p:1/x", "option proxy: nothing follows the port"},
        {"smtp://h?proxy=socks5://:s3cret@p:1", "option proxy: its user is empty"},
        {"smtp://h?proxy=http://a%253Ab:s3cret@p:1", "has no colon"},
        {"smtp://h?proxy=socks5://ann:s3cret@p:x", "option proxy: URL, offset"},
        {"lmtp+unix:///tmp/x?proxy=socks5://p:1", "a Unix socket is not reached through a proxy"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_report *report = send_to(cases[i].url, 0);
        expect_failed(report, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE, cases[i].part);
        assert_null(strstr(tidymail_report_summary(report), "s3cret"));
        tidymail_report_free(report);
    }
}

static void test_shown_without_login(void **state)
{
    static const struct {
        const char *url;
        const char *shown;
    } cases[] = {
        {"smtp://h?proxy=socks5://p:1&tls=none", "smtp://h?proxy=socks5://p:1&tls=none"},
        {"smtp://h?proxy=socks5://ann:s3cret@p:1&tls=none",
         "smtp://h?proxy=socks5://***@p:1&tls=none"},
        {"smtp://h?tls=none&proxy=http%3A%2F%2Fann%3As3cret%40p:1",
         "smtp://h?tls=none&proxy=http://***@p:1"},
        {"smtp://h?proxy=socks5://ann:s3%2540cret@p:1", "smtp://h?proxy=socks5://***@p:1"},
        {"smtp://h?proxy=socks5://ann:s3@cret%40p:1", "smtp://h?proxy=socks5://***@p:1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_transport *transport = open_url(cases[i].url, NULL);
        assert_string_equal(tidymail_transport_url(transport), cases[i].shown);
        tdm_transport_free(transport);
    }
}

/* Every allocation fails in turn: never "sent" where it was not, never a hang, a crash, a leak. */
static int send_with_allocator(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                               void *context)
{
    static const struct peer_step by_socks[] = {
        {PEER_EXPECT_HEX, "05 02 00 02"},
        {PEER_SEND_HEX, "05 02"},
        {PEER_EXPECT_HEX, "01 03 61 6e 6e 06 73 33 63 72 65 74"},
        {PEER_SEND_HEX, "01 00"},
        SOCKS_ASK,
        {PEER_SEND_HEX, "05 00 00 01 7f 00 00 01 00 19"},
        SERVER};
    static const struct peer_step by_http[] = {{PEER_EXPECT, "CONNECT"},
                                               {PEER_EXPECT, "Host"},
                                               {PEER_EXPECT, "Proxy-Authorization: Basic "
                                                             "YW5uOnMzY3JldA=="},
                                               {PEER_EXPECT, ""},
                                               {PEER_SEND, "HTTP/1.1 200 OK\r\n\r\n"},
                                               SERVER};
    int is_http = *(const int *)context;
    const struct peer_step *const scripts[] = {is_http ? by_http : by_socks, NULL};
    struct peer peer = {0};
    (void)memory;
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport =
        open_with(is_http ? "smtp://mail.example:587?tls=none&helo=me.example&proxy=http://"
                            "ann:s3cret@127.0.0.1:%d"
                          : "smtp://mail.example:587?tls=none&helo=me.example&proxy=socks5://"
                            "ann:s3cret@127.0.0.1:%d",
                  peer.port, allocator);
    tidymail_report *report = transport != NULL ? send_size(transport, sizeof(MESSAGE) - 1) : NULL;
    int sent = tidymail_report_outcome(report) == TIDYMAIL_SENT;
    int bad = report != NULL && !sent && tidymail_report_error(report) == NULL;
    tidymail_report_free(report);
    tdm_transport_free(transport);
    shutdown(peer.listener, SHUT_RDWR); /* where nobody came */
    pthread_join(peer.thread, NULL);
    close(peer.listener);
    return bad || (sent && peer.message_bytes == 0);
}

static void test_allocations_fail(void **state)
{
    (void)state;
    for (int is_http = 0; is_http < 2; is_http++) {
        const char *wrong = fail_alloc_run_all(send_with_allocator, &is_http, 40);
        if (wrong != NULL) {
            fail_msg("%s", wrong);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socks),
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_endless_header),
        cmocka_unit_test_teardown(test_send_through_socks, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_send_through_http, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_cut_at_each_step, expect_no_sigpipe),
        cmocka_unit_test(test_no_proxy_there),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_shown_without_login),
        cmocka_unit_test_teardown(test_allocations_fail, expect_no_sigpipe),
    };
    return cmocka_run_group_tests(tests, make_identities, free_identities);
}
