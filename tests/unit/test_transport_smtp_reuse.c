/* test_transport_smtp_reuse.c: what a transport keeps from one message to the next (its connection,
 * its TLS sessions), LMTP, and client certificates, over sockets. */
#include "test_net_client.h"

#define EHLO_DONE                                                                                  \
    {                                                                                              \
        PEER_SEND, "250 mail.example\r\n"                                                          \
    }
#define PIPELINES                                                                                  \
    {                                                                                              \
        PEER_SEND, "250-mail.example\r\n250 PIPELINING\r\n"                                        \
    }

/* A SOCKS proxy that connects to mail.example:24. */
#define SOCKS_DONE                                                                                 \
    {PEER_EXPECT_HEX, "05 01 00"}, {PEER_SEND_HEX, "05 00"},                                       \
        {PEER_EXPECT_HEX, "05 01 00 03 0c 6d 61 69 6c 2e 65 78 61 6d 70 6c 65 00 18"},             \
    {                                                                                              \
        PEER_SEND_HEX, "05 00 00 01 7f 00 00 01 00 18"                                             \
    }

/* Two messages: the first over `first`, which is then at its end; `second` is another connection, or
 * NULL where none may come. The report of the second message. */
static tidymail_report *send_two(const struct peer_step *first, const struct peer_step *second,
                                 const char *pattern)
{
    const struct peer_step *const scripts[] = {first, second, NULL};
    struct peer peer = {0};
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport = open_with(pattern, peer.port, NULL);
    tidymail_report *report = send_one(transport);
    expect_sent(report);
    tidymail_report_free(report);
    report = send_one(transport);
    tdm_transport_free(transport);
    peer_stop(&peer);
    assert_int_equal(peer.connections, second != NULL ? 2 : 1);
    return report;
}

/* The server ends an idle connection, which shows only when the next message has begun: it goes over
 * a new one, once, and the report knows nothing of it. */
static void test_stale_connections_are_replaced(void **state)
{
    static const struct peer_step closes[] = {
        GREETING, EHLO_DONE, TRANSACTION, {PEER_EXPECT, "MAIL"}, {PEER_END, NULL}};
    static const struct peer_step resets[] = {
        GREETING, EHLO_DONE, TRANSACTION, {PEER_EXPECT, "MAIL"}, {PEER_RESET, NULL}};
    static const struct peer_step says[] = {GREETING,
                                            EHLO_DONE,
                                            TRANSACTION,
                                            {PEER_EXPECT, "MAIL"},
                                            {PEER_SEND, "421 4.4.2 idle for too long\r\n"},
                                            {PEER_END, NULL}};
    static const struct peer_step stays[] = {GREETING,
                                             EHLO_DONE,
                                             TRANSACTION,
                                             {PEER_EXPECT, "MAIL"},
                                             {PEER_SEND, "421 4.4.2 idle for too long\r\n"},
                                             {PEER_SILENT, NULL}};
    static const struct peer_step in_part[] = {GREETING,          EHLO_DONE,
                                               TRANSACTION,       {PEER_EXPECT, "MAIL"},
                                               {PEER_SEND, "25"}, {PEER_END, NULL}};
    static const struct peer_step pipelined[] = {GREETING,
                                                 PIPELINES,
                                                 TRANSACTION,
                                                 {PEER_EXPECT, "MAIL"},
                                                 {PEER_EXPECT, "RCPT"},
                                                 {PEER_EXPECT, "DATA"},
                                                 {PEER_END, NULL}};
    static const struct peer_step *const firsts[] = {closes, resets,  says,
                                                     stays,  in_part, pipelined};
    (void)state;
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        tidymail_report *report = send_two(firsts[i], plain, "smtp://127.0.0.1:%d?tls=none");
        expect_sent(report);
        assert_null(tidymail_report_error(report));
        assert_int_equal(tidymail_report_note_count(report), 0);
        assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(report, 0)),
                         TIDYMAIL_SENT);
        assert_true(tidymail_report_phase_ms(report, TIDYMAIL_PHASE_GREETING) >= 0);
        assert_non_null(strstr(transcript, "nothing was sent, and a new one is opened"));
        tidymail_report_free(report);
    }
}

/* Connections that follow each other look the name up once. */
static void test_one_lookup(void **state)
{
    static const struct peer_step *const scripts[] = {plain, plain, NULL};
    struct peer peer = {0};
    (void)state;
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport =
        open_with("smtp://localhost:%d?tls=none&per-connection=1", peer.port, NULL);
    for (int i = 0; i < 2; i++) {
        tidymail_report *report = send_one(transport);
        expect_sent(report);
        assert_int_equal(tidymail_report_phase_ms(report, TIDYMAIL_PHASE_RESOLVE) >= 0, i == 0);
        assert_true(tidymail_report_phase_ms(report, TIDYMAIL_PHASE_CONNECT) >= 0);
        tidymail_report_free(report);
    }
    tdm_transport_free(transport);
    peer_stop(&peer);
    assert_int_equal(peer.connections, 2);
}

/* Under TLS, with and without close_notify, and with a reset; the new connection resumes the session. */
static void test_stale_under_tls(void **state)
{
    static const struct peer_step closes[] = {
        {PEER_TLS, NULL},      GREETING,        EHLO_DONE, TRANSACTION,
        {PEER_EXPECT, "MAIL"}, {PEER_END, NULL}};
    static const struct peer_step drops[] = {
        {PEER_TLS, NULL},      GREETING,         EHLO_DONE, TRANSACTION,
        {PEER_EXPECT, "MAIL"}, {PEER_DROP, NULL}};
    static const struct peer_step resets[] = {
        {PEER_TLS, NULL},      GREETING,          EHLO_DONE, TRANSACTION,
        {PEER_EXPECT, "MAIL"}, {PEER_RESET, NULL}};
    static const struct peer_step again[] = {
        {PEER_TLS, NULL}, GREETING, EHLO_DONE, TRANSACTION, GOODBYE};
    static const struct peer_step *const firsts[] = {closes, drops, resets};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        tidymail_report *report = send_two(firsts[i], again, "smtps://127.0.0.1:%d?ca=%s");
        expect_sent(report);
        if (strstr(transcript, ", resumed session, certificate for mail.example") == NULL) {
            fail_msg("script %zu: not resumed:\n%s", i, transcript);
        }
        assert_non_null(strstr(transcript, "verified for 127.0.0.1 against"));
        tidymail_report_free(report);
    }
}

/* Once only: a new connection that ends the same way is what it is. */
static void test_replaced_only_once(void **state)
{
    static const struct peer_step closes[] = {
        GREETING, EHLO_DONE, TRANSACTION, {PEER_EXPECT, "MAIL"}, {PEER_END, NULL}};
    static const struct peer_step again[] = {
        GREETING, EHLO_DONE, {PEER_EXPECT, "MAIL"}, {PEER_END, NULL}};
    (void)state;
    tidymail_report *report = send_two(closes, again, "smtp://127.0.0.1:%d?tls=none");
    expect_failed(report, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_MAIL, "lost");
    assert_int_equal(tidymail_error_retryable(tidymail_report_error(report)), 1);
    tidymail_report_free(report);
}

/* What is no stale connection is not repeated: an answer came, or silence, or more was sent. */
static void test_doubt_is_not_repeated(void **state)
{
    static const struct peer_step refuses[] = {GREETING,
                                               EHLO_DONE,
                                               TRANSACTION,
                                               {PEER_EXPECT, "MAIL"},
                                               {PEER_SEND, "451 not now\r\n"},
                                               {PEER_END, NULL}};
    static const struct peer_step at_rcpt[] = {GREETING,
                                               EHLO_DONE,
                                               TRANSACTION,
                                               {PEER_EXPECT, "MAIL"},
                                               {PEER_SEND, "250 OK\r\n"},
                                               {PEER_EXPECT, "RCPT"},
                                               {PEER_END, NULL}};
    static const struct peer_step silent[] = {
        GREETING, EHLO_DONE, TRANSACTION, {PEER_EXPECT, "MAIL"}, {PEER_SILENT, NULL}};
    static const struct peer_step after_dot[] = {GREETING,
                                                 EHLO_DONE,
                                                 TRANSACTION,
                                                 {PEER_EXPECT, "MAIL"},
                                                 {PEER_SEND, "250 OK\r\n"},
                                                 {PEER_EXPECT, "RCPT"},
                                                 {PEER_SEND, "250 OK\r\n"},
                                                 {PEER_EXPECT, "DATA"},
                                                 {PEER_SEND, "354 go\r\n"},
                                                 {PEER_MESSAGE, NULL},
                                                 {PEER_END, NULL}};
    static const struct {
        const struct peer_step *script;
        int kind;
        int phase;
        int outcome;
    } cases[] = {
        {refuses, TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_MAIL, TIDYMAIL_FAILED},
        {at_rcpt, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_RCPT, TIDYMAIL_FAILED},
        {silent, TIDYMAIL_KIND_TIMEOUT, TIDYMAIL_PHASE_MAIL, TIDYMAIL_FAILED},
        {after_dot, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_FINAL, TIDYMAIL_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_report *report =
            send_two(cases[i].script, NULL, "smtp://127.0.0.1:%d?tls=none&reply-timeout=0.3");
        const tidymail_error *error = tidymail_report_error(report);
        assert_int_equal(tidymail_report_outcome(report), cases[i].outcome);
        assert_int_equal(tidymail_error_kind(error), cases[i].kind);
        assert_int_equal(tidymail_error_phase(error), cases[i].phase);
        tidymail_report_free(report);
    }
}

/* The first message of a connection is never repeated. */
static void test_fresh_connection_is_not_replaced(void **state)
{
    static const struct peer_step says[] = {GREETING,
                                            EHLO_DONE,
                                            {PEER_EXPECT, "MAIL"},
                                            {PEER_SEND, "421 4.3.2 shutting down\r\n"},
                                            {PEER_END, NULL}};
    (void)state;
    tidymail_report *report = play(says, "smtp://127.0.0.1:%d?tls=none");
    expect_failed(report, TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_MAIL, "421");
    tidymail_report_free(report);
}

/* The server wants a client certificate, and says so only after our end of the handshake. */
static void test_certificate_wanted(void **state)
{
    static const struct peer_step script[] = {
        {PEER_TLS, NULL}, GREETING, EHLO_DONE, TRANSACTION, GOODBYE};
    const struct peer_step *const scripts[] = {script, NULL};
    struct peer peer = {.client_ca = &ca};
    (void)state;
    peer_start(&peer, scripts, &good);
    tidymail_report *report = send_to("smtps://127.0.0.1:%d?ca=%s", peer.port);
    peer_stop(&peer);
    expect_failed(report, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS,
                  "127.0.0.1 refused the TLS handshake: certificate required (alert 116)");
    assert_non_null(strstr(tidymail_error_hint(tidymail_report_error(report)), "cert="));
    tidymail_report_free(report);
}

static void test_bad_certificate_option(void **state)
{
    (void)state;
    tidymail_report *report =
        send_to("smtps://127.0.0.1:%d?cert=/tmp/tidymail-test-does-not-exist", 1);
    expect_failed(report, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                  "(cert=/tmp/tidymail-test-does-not-exist) cannot be used");
    tidymail_report_free(report);
}

/* SCRAM gets its nonce from the transport's random numbers (here all of one kind), and under TLS
 * what it binds to. */
static void test_scram(void **state)
{
    static const struct peer_step bound[] = {
        {PEER_TLS, NULL},
        GREETING,
        {PEER_SEND, "250-mail.example\r\n250 AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n"},
        {PEER_EXPECT, "AUTH SCRAM-SHA-256-PLUS "
                      "cD10bHMtZXhwb3J0ZXIsLG49YmVuY2gscj1Cd2NIQndjSEJ3Y0hCd2NIQndjSEJ3Y0g="},
        {PEER_SEND, "535 no\r\n"},
        {PEER_EXPECT, "QUIT"},
        {PEER_END, NULL}};
    static const struct peer_step in_clear[] = {
        GREETING,
        {PEER_SEND, "250-mail.example\r\n250 AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n"},
        {PEER_EXPECT, "AUTH SCRAM-SHA-256 biwsbj1iZW5jaCxyPUJ3Y0hCd2NIQndjSEJ3Y0hCd2NIQndjSA=="},
        {PEER_SEND, "535 no\r\n"},
        {PEER_EXPECT, "QUIT"},
        {PEER_END, NULL}};
    (void)state;
    tidymail_report *report = play(bound, "smtps://bench:hunter2@127.0.0.1:%d?ca=%s");
    expect_failed(report, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, "");
    tidymail_report_free(report);
    report = play(in_clear, "smtp://bench:hunter2@127.0.0.1:%d?tls=none&cleartext-auth=allow");
    expect_failed(report, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, "");
    tidymail_report_free(report);
}

/* The environment is read where the transport is opened. */
static void test_keylog_of_the_environment(void **state)
{
    static const char path[] = "/tmp/tidymail-test-keys";
    (void)state;
    assert_int_equal(setenv("SSLKEYLOGFILE", path, 1), 0);
    tidymail_transport *transport = tidymail_transport_open("smtp://127.0.0.1", NULL);
    assert_string_equal(transport->keylog, path);
    tidymail_transport_close(transport);
    assert_int_equal(setenv("SSLKEYLOGFILE", "", 1), 0);
    transport = tidymail_transport_open("smtp://127.0.0.1", NULL);
    assert_null(transport->keylog);
    tidymail_transport_close(transport);
    unsetenv("SSLKEYLOGFILE");
}

/* LMTP */

#define LMTP_SESSION                                                                               \
    {PEER_SEND, "220 mail.example LMTP\r\n"}, {PEER_EXPECT, "LHLO "}, EHLO_DONE, TRANSACTION,      \
        GOODBYE
static const struct peer_step lmtp[] = {LMTP_SESSION};

static void test_lmtp_over_tcp(void **state)
{
    (void)state;
    tidymail_report *report = play(lmtp, "lmtp://127.0.0.1:%d");
    expect_sent(report);
    assert_string_equal(tidymail_report_tls_version(report), "");
    tidymail_report_free(report);
    report = play(lmtp, "lmtp://localhost:%d");
    expect_sent(report);
    tidymail_report_free(report);
}

/* Where it is asked for, or where the server is not on this machine, it is encrypted. */
static void test_lmtp_with_tls(void **state)
{
    static const struct peer_step script[] = {{PEER_SEND, "220 mail.example LMTP\r\n"},
                                              {PEER_EXPECT, "LHLO "},
                                              STARTTLS,
                                              {PEER_SEND, "220 go\r\n"},
                                              {PEER_TLS, NULL},
                                              {PEER_EXPECT, "LHLO "},
                                              EHLO_DONE,
                                              TRANSACTION,
                                              GOODBYE};
    static const struct peer_step far_away[] = {SOCKS_DONE,
                                                {PEER_SEND, "220 mail.example LMTP\r\n"},
                                                {PEER_EXPECT, "LHLO "},
                                                EHLO_DONE,
                                                {PEER_EXPECT, "QUIT"},
                                                {PEER_END, NULL}};
    (void)state;
    tidymail_report *report = play(script, "lmtp://127.0.0.1:%d?tls=starttls&ca=%s");
    expect_sent(report);
    assert_string_equal(tidymail_report_tls_version(report), "TLSv1.3");
    tidymail_report_free(report);
    report = play(far_away, "lmtp://mail.example?proxy=socks5://127.0.0.1:%d");
    expect_failed(report, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_STARTTLS, "");
    tidymail_report_free(report);
}

static void test_lmtp_over_a_unix_socket(void **state)
{
    const struct peer_step *const scripts[] = {lmtp, NULL};
    char folder[] = "/tmp/tidymail-test-dir-XXXXXX";
    char path[80];
    char url[128];
    struct peer peer = {.unix_path = path};
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/lmtp", folder);
    snprintf(url, sizeof(url), "lmtp+unix://%s", path);
    peer_start(&peer, scripts, &good);
    tidymail_report *report = send_to(url, 0);
    peer_stop(&peer);
    unlink(path);
    expect_sent(report);
    assert_string_equal(tidymail_report_server(report), path);
    assert_string_equal(tidymail_report_address(report), path);
    tidymail_report_free(report);
    report = send_to(url, 0);
    expect_failed(report, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_CONNECT,
                  "/lmtp: no such file or directory");
    tidymail_report_free(report);
    rmdir(folder);
}

static void test_bad_lmtp_urls(void **state)
{
    static const struct {
        const char *url;
        const char *part;
    } cases[] = {
        {"lmtp://127.0.0.1:25", "LMTP is not spoken on port 25"},
        {"lmtp+unix://host/run/lmtp", "a Unix socket has no host"},
        {"lmtp+unix://", "no path of a Unix socket"},
        {"lmtp+unix:///run/lmtp?tls=starttls", "a Unix socket does not leave this machine"},
        {"lmtp+unix:///run/lmtp?source=127.0.0.1", "option source"},
        {"lmtp+unix:///run/"
         "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
         "8901234567890123456789",
         "at most 107 bytes"},
        {"smtp://127.0.0.1?source=mail.example", "option source: this is no IPv4 or IPv6 address"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_report *report = send_to(cases[i].url, 0);
        expect_failed(report, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE, cases[i].part);
        tidymail_report_free(report);
    }
    tidymail_report *report = send_to("lmtp://x.onion", 0);
    assert_string_equal(tidymail_report_server(report), "x.onion:24");
    tidymail_report_free(report);
    tidymail_transport *transport = open_url("lmtp+unix:///run/a?helo=x.example", NULL);
    assert_string_equal(tidymail_transport_url(transport), "lmtp+unix:///run/a?helo=x.example");
    tdm_transport_free(transport);
}

/* The address of the client as the server sees it. */
static void test_source_option(void **state)
{
    (void)state;
    tidymail_report *report = play(plain, "smtp://127.0.0.1:%d?tls=none&source=127.0.0.9");
    expect_sent(report);
    tidymail_report_free(report);
    report = send_to("smtp://127.0.0.1:%d?tls=none&source=192.0.2.77", 1);
    expect_failed(report, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_CONNECT,
                  "source=192.0.2.77 is no address of this machine");
    tidymail_report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_stale_connections_are_replaced, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_one_lookup, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_stale_under_tls, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_replaced_only_once, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_doubt_is_not_repeated, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_fresh_connection_is_not_replaced, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_certificate_wanted, expect_no_sigpipe),
        cmocka_unit_test(test_bad_certificate_option),
        cmocka_unit_test_teardown(test_scram, expect_no_sigpipe),
        cmocka_unit_test(test_keylog_of_the_environment),
        cmocka_unit_test_teardown(test_lmtp_over_tcp, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_lmtp_with_tls, expect_no_sigpipe),
        cmocka_unit_test_teardown(test_lmtp_over_a_unix_socket, expect_no_sigpipe),
        cmocka_unit_test(test_bad_lmtp_urls),
        cmocka_unit_test(test_source_option),
    };
    return cmocka_run_group_tests(tests, make_identities, free_identities);
}
