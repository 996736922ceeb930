/* test_transport_smtp.c: smtp:// and smtps:// against a scripted peer over loopback. */
#include "test_net_client.h"

#include "fail_alloc.h"
#include "net/resolve.h"
#include "transport/transport_smtp.h"

static void test_plain(void **state)
{
    char server[64];
    const struct peer_step *const scripts[] = {plain, NULL};
    struct peer peer = {0};
    (void)state;
    peer_start(&peer, scripts, &good);
    tidymail_report *report = send_to("smtp://127.0.0.1:%d?tls=none", peer.port);
    peer_stop(&peer);
    expect_sent(report);
    snprintf(server, sizeof(server), "127.0.0.1:%d", peer.port);
    assert_string_equal(tidymail_report_server(report), server);
    assert_string_equal(tidymail_report_address(report), "127.0.0.1");
    assert_string_equal(tidymail_report_tls_version(report), "");
    assert_int_equal(tidymail_report_phase_ms(report, TIDYMAIL_PHASE_RESOLVE), -1);
    assert_true(tidymail_report_phase_ms(report, TIDYMAIL_PHASE_CONNECT) >= 0);
    assert_non_null(strstr(transcript, "connect *** connecting to 127.0.0.1:"));
    assert_non_null(strstr(transcript, "quit -> QUIT\n"));
    tidymail_report_free(report);
}

static const struct peer_step starttls[] = {GREETING,
                                            STARTTLS,
                                            {PEER_SEND, "220 go\r\n"},
                                            {PEER_TLS, NULL},
                                            {PEER_EXPECT, "EHLO "},
                                            {PEER_SEND, "250 mail.example\r\n"},
                                            TRANSACTION,
                                            GOODBYE};

static void test_starttls(void **state)
{
    (void)state;
    tidymail_report *report = play(starttls, "smtp://127.0.0.1:%d?ca=%s");
    expect_sent(report);
    assert_string_equal(tidymail_report_tls_version(report), "TLSv1.3");
    assert_true(strlen(tidymail_report_tls_cipher(report)) > 0);
    assert_non_null(strstr(transcript, "tls *** TLS: TLSv1.3, "));
    assert_non_null(strstr(transcript, "mail ~> MAIL FROM:<bob@example.com>"));
    tidymail_report_free(report);
}

static void test_implicit_tls(void **state)
{
    static const struct peer_step script[] = {
        {PEER_TLS, NULL}, GREETING, {PEER_SEND, "250 mail.example\r\n"}, TRANSACTION, GOODBYE};
    (void)state;
    tidymail_report *report = play(script, "smtps://127.0.0.1:%d?ca=%s");
    expect_sent(report);
    tidymail_report_free(report);
}

static void test_wrong_certificate(void **state)
{
    static const struct peer_step script[] = {
        GREETING, STARTTLS, {PEER_SEND, "220 go\r\n"}, {PEER_TLS, NULL}, {PEER_SILENT, NULL}};
    (void)state;
    tidymail_report *report = play(script, "smtp://localhost:%d?ca=%s");
    expect_failed(report, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS,
                  "the certificate is for mail.example, 127.0.0.1; wanted localhost");
    tidymail_report_free(report);
}

static void test_tls_to_a_plain_port(void **state)
{
    static const struct peer_step script[] = {{PEER_SEND, "220 mail.example ESMTP\r\n"},
                                              {PEER_SILENT, NULL}};
    (void)state;
    tidymail_report *report = play(script, "smtps://127.0.0.1:%d?ca=%s");
    expect_failed(report, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS, "in clear: \"220 mail.example");
    assert_non_null(strstr(tidymail_error_hint(tidymail_report_error(report)), "smtp://"));
    tidymail_report_free(report);
}

static void test_bytes_behind_starttls(void **state)
{
    static const struct peer_step script[] = {
        GREETING, STARTTLS, {PEER_SEND, "220 go\r\n250 injected\r\n"}, {PEER_SILENT, NULL}};
    (void)state;
    tidymail_report *report = play(script, "smtp://127.0.0.1:%d?ca=%s");
    expect_failed(report, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_STARTTLS, "bytes in clear behind");
    tidymail_report_free(report);
}

static void test_refused_connection(void **state)
{
    (void)state;
    int port = peer_unused_port();
    tidymail_report *report = send_to("smtp://127.0.0.1:%d?tls=none", port);
    expect_failed(report, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_CONNECT,
                  "connection refused by 127.0.0.1:");
    assert_int_equal(tidymail_error_retryable(tidymail_report_error(report)), 1);
    tidymail_report_free(report);
}

/* Processor time of this thread: what waits must not spin. */
static int64_t busy_ms(void)
{
    struct timespec busy;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &busy);
    return (int64_t)busy.tv_sec * 1000 + busy.tv_nsec / 1000000;
}

/* Silence at a place: the timeout, in its phase, at its time. */
static void expect_timeout(const struct peer_step *script, const char *pattern, int phase)
{
    int64_t start = now_ms();
    int64_t busy = busy_ms();
    tidymail_report *report = play(script, pattern);
    int64_t took = now_ms() - start;
    assert_true(busy_ms() - busy < 150);
    expect_failed(report, TIDYMAIL_KIND_TIMEOUT, phase, "");
    assert_int_equal(tidymail_error_retryable(tidymail_report_error(report)), 1);
    assert_true(took >= 250 && took < 3000);
    tidymail_report_free(report);
}

static void test_silent_servers(void **state)
{
    static const struct peer_step at_greeting[] = {{PEER_SILENT, NULL}};
    static const struct peer_step at_ehlo[] = {GREETING, {PEER_SILENT, NULL}};
    static const struct peer_step in_handshake[] = {
        GREETING, STARTTLS, {PEER_SEND, "220 go\r\n"}, {PEER_SILENT, NULL}};
    (void)state;
    expect_timeout(at_greeting, "smtp://127.0.0.1:%d?tls=none&reply-timeout=0.3",
                   TIDYMAIL_PHASE_GREETING);
    expect_timeout(at_greeting, "smtp://127.0.0.1:%d?tls=none&timeout=0.3",
                   TIDYMAIL_PHASE_GREETING);
    expect_timeout(at_greeting, "smtps://127.0.0.1:%d?ca=%s&reply-timeout=0.3", TIDYMAIL_PHASE_TLS);
    expect_timeout(at_ehlo, "smtp://127.0.0.1:%d?tls=none&reply-timeout=0.3", TIDYMAIL_PHASE_EHLO);
    expect_timeout(in_handshake, "smtp://127.0.0.1:%d?ca=%s&reply-timeout=0.3", TIDYMAIL_PHASE_TLS);
}

/* The story: refused and hung up, in clear, under TLS, politely and with a reset. */
static void expect_535(const struct peer_step *script, const char *pattern)
{
    int64_t start = now_ms();
    tidymail_report *report = play(script, pattern);
    expect_failed(report, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, "");
    assert_int_equal(tidymail_error_code(tidymail_report_error(report)), 535);
    assert_string_equal(tidymail_error_reply(tidymail_report_error(report)),
                        "Authentication failed");
    assert_null(strstr(transcript, "hunter2"));
    assert_true(now_ms() - start < 2000);
    tidymail_report_free(report);
}

#define LOGIN_REFUSED                                                                              \
    {PEER_SEND, "250-mail.example\r\n250 AUTH PLAIN\r\n"}, {PEER_EXPECT, "AUTH PLAIN "},           \
    {                                                                                              \
        PEER_SEND, "535 Authentication failed\r\n"                                                 \
    }

static void test_refused_password(void **state)
{
    static const struct peer_step closes[] = {GREETING, LOGIN_REFUSED, {PEER_END, NULL}};
    static const struct peer_step resets[] = {GREETING, LOGIN_REFUSED, {PEER_RESET, NULL}};
    static const struct peer_step stays[] = {GREETING, LOGIN_REFUSED, {PEER_SILENT, NULL}};
    static const struct peer_step drops[] = {GREETING,
                                             STARTTLS,
                                             {PEER_SEND, "220 go\r\n"},
                                             {PEER_TLS, NULL},
                                             {PEER_EXPECT, "EHLO "},
                                             LOGIN_REFUSED,
                                             {PEER_DROP, NULL}};
    (void)state;
    expect_535(closes, "smtp://bench:hunter2@127.0.0.1:%d?tls=none&cleartext-auth=allow");
    expect_535(stays, "smtp://bench:hunter2@127.0.0.1:%d?tls=none&cleartext-auth=allow");
    expect_535(drops, "smtp://bench:hunter2@127.0.0.1:%d?ca=%s");
    expect_535(resets, "smtp://bench:hunter2@127.0.0.1:%d?tls=none&cleartext-auth=allow");
}

/* A message that is refused in its middle and cut off: the refusal counts, not the broken pipe. */
static void test_refused_in_mid_message(void **state)
{
    static const struct peer_step in_clear[] = {GREETING,
                                                {PEER_SEND, "250 mail.example\r\n"},
                                                {PEER_EXPECT, "MAIL"},
                                                {PEER_SEND, "250 OK\r\n"},
                                                {PEER_EXPECT, "RCPT"},
                                                {PEER_SEND, "250 OK\r\n"},
                                                {PEER_EXPECT, "DATA"},
                                                {PEER_SEND, "354 go\r\n"},
                                                {PEER_EXPECT, "the same line"},
                                                {PEER_SEND, "552 5.3.4 too big\r\n"},
                                                {PEER_DROP, NULL}};
    static const struct peer_step in_tls[] = {{PEER_TLS, NULL},
                                              GREETING,
                                              {PEER_SEND, "250 mail.example\r\n"},
                                              {PEER_EXPECT, "MAIL"},
                                              {PEER_SEND, "250 OK\r\n"},
                                              {PEER_EXPECT, "RCPT"},
                                              {PEER_SEND, "250 OK\r\n"},
                                              {PEER_EXPECT, "DATA"},
                                              {PEER_SEND, "354 go\r\n"},
                                              {PEER_EXPECT, "the same line"},
                                              {PEER_SEND, "552 5.3.4 too big\r\n"},
                                              {PEER_DROP, NULL}};
    static const struct {
        const struct peer_step *script;
        const char *pattern;
    } cases[] = {{in_clear, "smtp://127.0.0.1:%d?tls=none"},
                 {in_tls, "smtps://127.0.0.1:%d?ca=%s"}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct peer_step *const scripts[] = {cases[i].script, NULL};
        struct peer peer = {0};
        peer_start(&peer, scripts, &good);
        tidymail_transport *transport = open_with(cases[i].pattern, peer.port, NULL);
        tidymail_report *report = send_size(transport, (size_t)20 * 1000 * 1000);
        tdm_transport_free(transport);
        peer_stop(&peer);
        assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
        assert_int_equal(tidymail_error_code(tidymail_report_error(report)), 552);
        assert_string_equal(tidymail_error_reply(tidymail_report_error(report)), "too big");
        assert_string_equal(tidymail_error_enhanced(tidymail_report_error(report)), "5.3.4");
        tidymail_report_free(report);
    }
}

static void test_large_message(void **state)
{
    const struct peer_step *const scripts[] = {starttls, NULL};
    const size_t size = (size_t)3 * 1000 * 1000;
    struct peer peer = {0};
    (void)state;
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport = open_with("smtp://127.0.0.1:%d?ca=%s", peer.port, NULL);
    tidymail_report *report = send_size(transport, size);
    tdm_transport_free(transport);
    peer_stop(&peer);
    expect_sent(report);
    assert_true(peer.message_bytes >= size);
    tidymail_report_free(report);
}

/* Nobody reads the message: the write deadline ends it. */
static void expect_write_timeout(const struct peer_step *script, const char *pattern)
{
    const struct peer_step *const scripts[] = {script, NULL};
    struct peer peer = {0};
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport = open_with(pattern, peer.port, NULL);
    tidymail_report *report = send_size(transport, (size_t)64 * 1000 * 1000);
    tdm_transport_free(transport);
    peer_stop(&peer);
    expect_failed(report, TIDYMAIL_KIND_TIMEOUT, TIDYMAIL_PHASE_BODY, "");
    tidymail_report_free(report);
}

#define UP_TO_MESSAGE                                                                              \
    {PEER_SEND, "250 mail.example\r\n"}, {PEER_EXPECT, "MAIL"}, {PEER_SEND, "250 OK\r\n"},         \
        {PEER_EXPECT, "RCPT"}, {PEER_SEND, "250 OK\r\n"}, {PEER_EXPECT, "DATA"},                   \
    {                                                                                              \
        PEER_SEND, "354 go\r\n"                                                                    \
    }

static void test_server_stops_reading(void **state)
{
    static const struct peer_step in_clear[] = {
        GREETING, UP_TO_MESSAGE, {PEER_PAUSE, "900"}, {PEER_SILENT, NULL}};
    static const struct peer_step in_tls[] = {
        {PEER_TLS, NULL}, GREETING, UP_TO_MESSAGE, {PEER_PAUSE, "900"}, {PEER_SILENT, NULL}};
    (void)state;
    expect_write_timeout(in_clear, "smtp://127.0.0.1:%d?tls=none&reply-timeout=0.3");
    expect_write_timeout(in_tls, "smtps://127.0.0.1:%d?ca=%s&reply-timeout=0.3");
}

/* A server that answers with a refusal and stops reading while a TLS record is half written: the
 * refusal counts, and what follows (QUIT) waits behind the rest of the record. */
static void test_refused_while_a_record_is_stuck(void **state)
{
    static const struct peer_step script[] = {{PEER_TLS, NULL},
                                              GREETING,
                                              UP_TO_MESSAGE,
                                              {PEER_PAUSE, "300"},
                                              {PEER_SEND, "451 4.3.0 not now\r\n"},
                                              {PEER_PAUSE, "200"},
                                              {PEER_SILENT, NULL}};
    const struct peer_step *const scripts[] = {script, NULL};
    struct peer peer = {0};
    (void)state;
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport = open_with("smtps://127.0.0.1:%d?ca=%s", peer.port, NULL);
    tidymail_report *report = send_size(transport, (size_t)64 * 1000 * 1000);
    tdm_transport_free(transport);
    peer_stop(&peer);
    expect_failed(report, TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_BODY, "");
    assert_int_equal(tidymail_error_code(tidymail_report_error(report)), 451);
    tidymail_report_free(report);
}

/* The injected bytes come in a segment of their own, before the handshake begins. */
static void test_bytes_in_the_next_segment(void **state)
{
    static const struct peer_step script[] = {GREETING,
                                              STARTTLS,
                                              {PEER_SEND, "220 go\r\n"},
                                              {PEER_SEND, "250 injected\r\n"},
                                              {PEER_SILENT, NULL}};
    (void)state;
    tidymail_report *report = play(script, "smtp://127.0.0.1:%d?ca=%s");
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
    assert_int_equal(tidymail_error_kind(tidymail_report_error(report)), TIDYMAIL_KIND_TLS);
    assert_non_null(strstr(tidymail_error_message(tidymail_report_error(report)), "in clear"));
    tidymail_report_free(report);
}

static void test_connection_is_used_again(void **state)
{
    static const struct peer_step twice[] = {GREETING,
                                             STARTTLS,
                                             {PEER_SEND, "220 go\r\n"},
                                             {PEER_TLS, NULL},
                                             {PEER_EXPECT, "EHLO "},
                                             {PEER_SEND, "250 mail.example\r\n"},
                                             TRANSACTION,
                                             TRANSACTION,
                                             GOODBYE};
    const struct peer_step *const scripts[] = {twice, NULL};
    struct peer peer = {0};
    (void)state;
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport = open_with("smtp://127.0.0.1:%d?ca=%s", peer.port, NULL);
    for (int i = 0; i < 2; i++) {
        tidymail_report *report = send_one(transport);
        expect_sent(report);
        tidymail_report_free(report);
    }
    tdm_transport_free(transport);
    peer_stop(&peer);
    assert_int_equal(peer.connections, 1);
}

/* The server closed, or said it would, between two messages: the second goes over a new one. */
static void test_stale_connection_is_replaced(void **state)
{
    static const struct peer_step closes[] = {
        GREETING, {PEER_SEND, "250 mail.example\r\n"}, TRANSACTION, {PEER_END, NULL}};
    static const struct peer_step says[] = {GREETING,
                                            {PEER_SEND, "250 mail.example\r\n"},
                                            TRANSACTION,
                                            {PEER_SEND, "421 idle too long\r\n"},
                                            {PEER_END, NULL}};
    static const struct peer_step *const firsts[] = {closes, says};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct peer_step *const scripts[] = {firsts[i], plain, NULL};
        struct peer peer = {0};
        peer_start(&peer, scripts, &good);
        tidymail_transport *transport = open_with("smtp://127.0.0.1:%d?tls=none", peer.port, NULL);
        for (int n = 0; n < 2; n++) {
            tidymail_report *report = send_one(transport);
            expect_sent(report);
            assert_int_equal(tidymail_report_note_count(report), 0);
            tidymail_report_free(report);
            usleep(100000); /* until the end of the first connection has come */
        }
        tdm_transport_free(transport);
        peer_stop(&peer);
        assert_int_equal(peer.connections, 2);
    }
}

/* After a failure the connection is not used again, and the transport still works. */
static void test_send_after_a_failure(void **state)
{
    static const struct peer_step refuses[] = {{PEER_SEND, "554 no service\r\n"},
                                               {PEER_SILENT, NULL}};
    const struct peer_step *const scripts[] = {refuses, plain, NULL};
    struct peer peer = {0};
    (void)state;
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport = open_with("smtp://127.0.0.1:%d?tls=none", peer.port, NULL);
    tidymail_report *report = send_one(transport);
    expect_failed(report, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_GREETING, "");
    tidymail_report_free(report);
    report = send_one(transport);
    expect_sent(report);
    tidymail_report_free(report);
    tdm_transport_free(transport);
    peer_stop(&peer);
}

static void test_lost_after_the_dot(void **state)
{
    static const struct peer_step script[] = {GREETING,
                                              {PEER_SEND, "250 mail.example\r\n"},
                                              {PEER_EXPECT, "MAIL"},
                                              {PEER_SEND, "250 OK\r\n"},
                                              {PEER_EXPECT, "RCPT"},
                                              {PEER_SEND, "250 OK\r\n"},
                                              {PEER_EXPECT, "DATA"},
                                              {PEER_SEND, "354 go\r\n"},
                                              {PEER_MESSAGE, NULL},
                                              {PEER_END, NULL}};
    (void)state;
    tidymail_report *report = play(script, "smtp://127.0.0.1:%d?tls=none");
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_UNKNOWN);
    tidymail_report_free(report);
}

static void test_quit_waits_two_seconds(void **state)
{
    static const struct peer_step script[] = {
        GREETING, {PEER_SEND, "250 mail.example\r\n"}, TRANSACTION, {PEER_SILENT, NULL}};
    (void)state;
    int64_t start = now_ms();
    tidymail_report *report = play(script, "smtp://127.0.0.1:%d?tls=none");
    int64_t took = now_ms() - start;
    expect_sent(report);
    assert_true(took >= 1900 && took < 4000);
    tidymail_report_free(report);
}

/* What the transport finds wrong without connecting. */
static void test_bad_configuration(void **state)
{
    static const struct {
        const char *url;
        const char *part;
    } cases[] = {
        {"smtps://127.0.0.1:1?tls=none", "smtps:// is encrypted"},
        {"smtps://127.0.0.1:1?tls=opportunistic", "smtps:// is encrypted"},
        {"smtps://127.0.0.1:1?ca=/tmp/tidymail-test-does-not-exist",
         "tidymail-test-does-not-exist"},
        {"smtp://127.0.0.1:1?ca=/dev/null", "no certificate"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_report *report = send_to(cases[i].url, 0);
        expect_failed(report, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE, cases[i].part);
        tidymail_report_free(report);
    }
}

static void expect_server(const char *url, const char *server)
{
    tidymail_report *report = send_to(url, 0);
    assert_string_equal(tidymail_report_server(report), server);
    tidymail_report_free(report);
}

/* The name cannot be looked up, so nothing is connected. */
static void test_default_ports(void **state)
{
    (void)state;
    expect_server("smtp://x.onion", "x.onion:25");
    expect_server("smtp://user:secret@x.onion", "x.onion:587");
    expect_server("smtps://x.onion", "x.onion:465");
    expect_server("smtps://x.onion:1", "x.onion:1");
}

static void test_default_helo(void **state)
{
    static const char *const short_names[] = {
        "", "host", "bad_name.example", "localhost.localdomain", "host.", ".host"};
    (void)state;
    char *helo = tdm_smtp_default_helo(&tdm_allocator_default, "mail.example.org");
    assert_string_equal(helo, "mail.example.org");
    tdm_free(&tdm_allocator_default, helo);
    for (size_t i = 0; i < sizeof(short_names) / sizeof(short_names[0]); i++) {
        struct tdm_address address;
        helo = tdm_smtp_default_helo(&tdm_allocator_default, short_names[i]);
        size_t length = strlen(helo);
        assert_true(length > 2 && helo[0] == '[' && helo[length - 1] == ']');
        helo[length - 1] = '\0';
        assert_int_equal(tdm_address_parse(helo + 1, 25, &address), 0);
        tdm_free(&tdm_allocator_default, helo);
    }
}

static void test_send_deadline(void **state)
{
    (void)state;
    assert_int_equal(tdm_smtp_send_deadline(1000, -1, -1), 1801000);
    assert_int_equal(tdm_smtp_send_deadline(1000, -1, 65536 * 10), 1811000);
    assert_int_equal(tdm_smtp_send_deadline(1000, 500, 65536 * 10), 1500);
}

/* Every allocation fails in turn: never "sent" where it was not, never a hang, a crash, a leak. */
static int send_with_allocator(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                               void *context)
{
    const struct peer_step *const *scripts = context;
    struct peer peer = {0};
    (void)memory;
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport =
        open_with("smtp://localhost:%d?verify=none&helo=me.example", peer.port, allocator);
    tidymail_report *report = transport != NULL ? send_size(transport, sizeof(MESSAGE) - 1) : NULL;
    int sent = tidymail_report_outcome(report) == TIDYMAIL_SENT;
    int bad = report != NULL && !sent && tidymail_report_error(report) == NULL;
    tidymail_report_free(report);
    tdm_transport_free(transport);
    shutdown(peer.listener, SHUT_RDWR); /* where nobody came */
    pthread_join(peer.thread, NULL);
    SSL_CTX_free(peer.context);
    close(peer.listener);
    return bad || (sent && peer.message_bytes == 0);
}

static void test_allocations_fail(void **state)
{
    static const struct peer_step *const scripts[] = {starttls, NULL};
    const struct peer_step *const *context = scripts;
    void *given;
    (void)state;
    memcpy(&given, &context, sizeof(given));
    const char *wrong = fail_alloc_run_all(send_with_allocator, given, 40);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_plain, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_starttls, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_implicit_tls, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_wrong_certificate, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_tls_to_a_plain_port, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_bytes_behind_starttls, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_refused_connection, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_silent_servers, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_refused_password, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_refused_in_mid_message, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_large_message, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_server_stops_reading, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_refused_while_a_record_is_stuck, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_bytes_in_the_next_segment, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_connection_is_used_again, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_stale_connection_is_replaced, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_send_after_a_failure, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_lost_after_the_dot, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_quit_waits_two_seconds, expect_no_sigpipe),
        cmocka_unit_test(test_bad_configuration),
        cmocka_unit_test(test_default_ports),
        cmocka_unit_test(test_default_helo),
        cmocka_unit_test(test_send_deadline),
        cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests(tests, make_identities, free_identities);
}
