/* test_tls.c: TLS sessions against a peer in this process: who is trusted, who is not, and what the
 * failure says. */
#include "test_net_peer.h"

#include "net/tls.h"

static struct peer_identity ca;
static struct peer_identity good;    /* by ca, for mail.example and 127.0.0.1 */
static struct peer_identity expired; /* by ca */
static struct peer_identity early;   /* by ca */
static struct peer_identity alone;   /* self-signed */
static char ca_path[] = "/tmp/tidymail-test-ca-XXXXXX";

static int make_identities(void **state)
{
    (void)state;
    ca = peer_make_identity("Test Authority", NULL, NULL, PEER_NOW);
    good = peer_make_identity("old", "DNS:mail.example,DNS:*.wild.example,IP:127.0.0.1", &ca,
                              PEER_NOW);
    expired = peer_make_identity("old", "DNS:mail.example", &ca, PEER_LONG_AGO);
    early = peer_make_identity("old", "DNS:mail.example", &ca, PEER_IN_FUTURE);
    alone = peer_make_identity("mail.example", "DNS:mail.example", NULL, PEER_NOW);
    peer_write_certificate(&ca, ca_path);
    return 0;
}

static int free_identities(void **state)
{
    (void)state;
    unlink(ca_path);
    peer_free_identity(&ca);
    peer_free_identity(&good);
    peer_free_identity(&expired);
    peer_free_identity(&early);
    peer_free_identity(&alone);
    return 0;
}

/* What the client met. */
struct meeting {
    enum tdm_tls_result result;
    struct tidymail_error error;
    char version[16];
    char text[64]; /* what the server said */
    enum tdm_tls_result end;
    char words[128];
    char facts[512];
};

static const struct peer_step hello[] = {{PEER_TLS, NULL}, {PEER_SEND, "hello"}, {PEER_END, NULL}};

static enum tdm_tls_result meet_wait(int fd, enum tdm_tls_result result)
{
    struct pollfd item = {fd, result == TDM_TLS_WANT_READ ? POLLIN : POLLOUT, 0};
    assert_int_equal(poll(&item, 1, PEER_PATIENCE_MS), 1);
    return result;
}

static void meet_talk(struct tdm_tls *tls, int fd, struct meeting *meeting)
{
    size_t length = 0;
    size_t got = 0;
    while (length < sizeof(meeting->text) - 1) {
        meeting->end =
            tdm_tls_read(tls, meeting->text + length, sizeof(meeting->text) - 1 - length, &got);
        if (meeting->end == TDM_TLS_WANT_READ) {
            meet_wait(fd, meeting->end);
            continue;
        }
        if (meeting->end != TDM_TLS_DONE) {
            break;
        }
        length += got;
    }
    const char *words = tdm_tls_words(tls);
    snprintf(meeting->words, sizeof(meeting->words), "%s", words != NULL ? words : "");
}

static int meet_connect(const struct peer *peer)
{
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)peer->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(fd, (const struct sockaddr *)&address, sizeof(address));
    meet_wait(fd, TDM_TLS_WANT_WRITE);
    return fd;
}

static void meet(const struct tdm_tls_config *config, const char *host, struct peer *peer,
                 struct meeting *meeting)
{
    memset(meeting, 0, sizeof(*meeting));
    tdm_error_init(&meeting->error, NULL);
    struct tdm_tls_context *context =
        tdm_tls_context_new(&tdm_allocator_default, config, &meeting->error);
    assert_non_null(context);
    int fd = meet_connect(peer);
    struct tdm_tls *tls = tdm_tls_new(context, fd, host);
    assert_non_null(tls);
    while ((meeting->result = tdm_tls_handshake(tls, &meeting->error)) == TDM_TLS_WANT_READ ||
           meeting->result == TDM_TLS_WANT_WRITE) {
        meet_wait(fd, meeting->result);
    }
    if (meeting->result == TDM_TLS_DONE) {
        struct tdm_buf facts;
        tdm_buf_init(&facts, NULL, sizeof(meeting->facts) - 1);
        tdm_tls_describe(tls, &facts);
        memcpy(meeting->facts, tdm_buf_text(&facts), facts.length + 1);
        tdm_buf_clear(&facts);
        snprintf(meeting->version, sizeof(meeting->version), "%s", tdm_tls_version(tls));
        meet_talk(tls, fd, meeting);
        tdm_tls_shutdown(tls);
    }
    tdm_tls_free(tls);
    close(fd);
    tdm_tls_context_free(context);
}

/* A meeting with a server that has `identity` and says hello. */
static void meet_identity(const struct tdm_tls_config *config, const char *host,
                          const struct peer_identity *identity, struct meeting *meeting)
{
    static const struct peer_step *const scripts[] = {hello, NULL};
    struct peer peer = {0};
    peer_start(&peer, scripts, identity);
    meet(config, host, &peer, meeting);
    peer_stop(&peer);
}

static void meet_script(const struct peer_step *script, struct meeting *meeting)
{
    const struct peer_step *const scripts[] = {script, NULL};
    struct tdm_tls_config config = {.ca = ca_path, .verify = TDM_TLS_VERIFY_FULL};
    struct peer peer = {0};
    peer_start(&peer, scripts, &good);
    meet(&config, "mail.example", &peer, meeting);
    peer_stop(&peer);
}

static void expect_failed(const struct meeting *meeting, int retryable, const char *part)
{
    assert_int_equal(meeting->result, TDM_TLS_FAILED);
    assert_int_equal(meeting->error.kind, TIDYMAIL_KIND_TLS);
    assert_int_equal(meeting->error.phase, TIDYMAIL_PHASE_TLS);
    assert_int_equal(meeting->error.retryable, retryable);
    assert_non_null(meeting->error.hint);
    if (strstr(tidymail_error_message(&meeting->error), part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, tidymail_error_message(&meeting->error));
    }
}

static void expect_refused(const struct meeting *meeting, const char *part)
{
    expect_failed(meeting, 0, part);
}

static void test_trusted_names(void **state)
{
    static const char *const hosts[] = {"mail.example", "mail.example.", "MAIL.example",
                                        "a.wild.example", "127.0.0.1"};
    struct tdm_tls_config config = {.ca = ca_path, .verify = TDM_TLS_VERIFY_FULL};
    struct meeting meeting;
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        meet_identity(&config, hosts[i], &good, &meeting);
        assert_int_equal(meeting.result, TDM_TLS_DONE);
        assert_string_equal(meeting.version, "TLSv1.3");
        assert_string_equal(meeting.text, "hello");
        assert_int_equal(meeting.end, TDM_TLS_EOF);
        assert_string_equal(meeting.words, "");
        tdm_error_clear(&meeting.error);
    }
    assert_non_null(strstr(meeting.facts, "certificate for mail.example, *.wild.example, 127.0.0.1 "
                                          "by Test Authority until "));
    assert_non_null(strstr(meeting.facts, "verified for 127.0.0.1 against /tmp/"));
}

static void test_wrong_names(void **state)
{
    /* "old" is the common name, which counts for nothing */
    static const char *const hosts[] = {"other.example", "old", "a.b.wild.example", "127.0.0.2",
                                        "::1"};
    struct tdm_tls_config config = {.ca = ca_path, .verify = TDM_TLS_VERIFY_FULL};
    struct meeting meeting;
    char wanted[256];
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        meet_identity(&config, hosts[i], &good, &meeting);
        snprintf(wanted, sizeof(wanted),
                 "the certificate is for mail.example, *.wild.example, 127.0.0.1; wanted %s",
                 hosts[i]);
        expect_refused(&meeting, wanted);
        tdm_error_clear(&meeting.error);
    }
}

static void test_untrusted(void **state)
{
    struct tdm_tls_config config = {.ca = ca_path, .verify = TDM_TLS_VERIFY_FULL};
    struct tdm_tls_config system = {.ca = NULL, .verify = TDM_TLS_VERIFY_FULL};
    struct meeting meeting;
    (void)state;
    meet_identity(&config, "mail.example", &alone, &meeting);
    expect_refused(&meeting, "is self-signed");
    assert_non_null(strstr(meeting.error.hint, "verify=sha256:"));
    tdm_error_clear(&meeting.error);
    meet_identity(&system, "mail.example", &good, &meeting);
    expect_refused(&meeting, "\"Test Authority\" is not among the system's CAs");
    tdm_error_clear(&meeting.error);
}

static void test_dates(void **state)
{
    struct tdm_tls_config config = {.ca = ca_path, .verify = TDM_TLS_VERIFY_FULL};
    struct meeting meeting;
    (void)state;
    meet_identity(&config, "mail.example", &expired, &meeting);
    expect_refused(&meeting, "the certificate of mail.example has expired: it was valid from 20");
    tdm_error_clear(&meeting.error);
    meet_identity(&config, "mail.example", &early, &meeting);
    expect_refused(&meeting, "the certificate of mail.example is not valid yet");
    tdm_error_clear(&meeting.error);
}

static void test_not_verified(void **state)
{
    struct tdm_tls_config config = {.ca = NULL, .verify = TDM_TLS_VERIFY_NONE};
    struct meeting meeting;
    (void)state;
    meet_identity(&config, "other.example", &expired, &meeting);
    assert_int_equal(meeting.result, TDM_TLS_DONE);
    assert_non_null(strstr(meeting.facts, "not verified"));
}

static void test_fingerprint(void **state)
{
    struct tdm_tls_config config = {.ca = NULL, .verify = TDM_TLS_VERIFY_SHA256};
    struct meeting meeting;
    unsigned int size = sizeof(config.sha256);
    (void)state;
    assert_int_equal(X509_digest(alone.certificate, EVP_sha256(), config.sha256, &size), 1);
    meet_identity(&config, "other.example", &alone, &meeting);
    assert_int_equal(meeting.result, TDM_TLS_DONE);
    meet_identity(&config, "mail.example", &good, &meeting);
    expect_refused(&meeting, "has the fingerprint sha256:");
    tdm_error_clear(&meeting.error);
    config.sha256[31] ^= 1;
    meet_identity(&config, "mail.example", &alone, &meeting);
    expect_refused(&meeting, "; wanted sha256:");
    tdm_error_clear(&meeting.error);
}

static void test_plain_text_peer(void **state)
{
    static const struct peer_step speaks[] = {{PEER_SEND, "220 mail.example ESMTP\r\n"},
                                              {PEER_SILENT, NULL}};
    struct meeting meeting;
    (void)state;
    meet_script(speaks, &meeting);
    expect_refused(&meeting, "answered the TLS handshake in clear: \"220 mail.example ESMTP\"");
    assert_non_null(strstr(meeting.error.hint, "smtp://"));
    tdm_error_clear(&meeting.error);
}

static void test_peer_closes(void **state)
{
    static const struct peer_step closes[] = {{PEER_DROP, NULL}};
    static const struct peer_step resets[] = {{PEER_RESET, NULL}};
    struct meeting meeting;
    (void)state;
    meet_script(closes, &meeting);
    expect_failed(&meeting, 1, "during the TLS handshake");
    tdm_error_clear(&meeting.error);
    meet_script(resets, &meeting);
    expect_failed(&meeting, 1, "during the TLS handshake");
    tdm_error_clear(&meeting.error);
}

static void test_old_version(void **state)
{
    static const struct peer_step *const scripts[] = {hello, NULL};
    struct tdm_tls_config config = {.ca = ca_path, .verify = TDM_TLS_VERIFY_FULL};
    struct meeting meeting;
    struct peer peer = {.max_version = TLS1_1_VERSION};
    (void)state;
    peer_start(&peer, scripts, &good);
    meet(&config, "mail.example", &peer, &meeting);
    peer_stop(&peer);
    expect_refused(&meeting, "refused the TLS handshake");
    tdm_error_clear(&meeting.error);
}

static void test_end_without_close_notify(void **state)
{
    static const struct peer_step drops[] = {
        {PEER_TLS, NULL}, {PEER_SEND, "hello"}, {PEER_DROP, NULL}};
    struct meeting meeting;
    (void)state;
    meet_script(drops, &meeting);
    assert_int_equal(meeting.result, TDM_TLS_DONE);
    assert_string_equal(meeting.text, "hello");
    assert_int_equal(meeting.end, TDM_TLS_EOF);
    assert_string_equal(meeting.words, "the connection ended without TLS close");
}

/* Other bytes than those of the record that is half written: they come behind it. */
static void test_change_of_mind(void **state)
{
    static const struct peer_step script[] = {{PEER_TLS, NULL},
                                              {PEER_PAUSE, "300"},
                                              {PEER_EXPECT, "aaaa"},
                                              {PEER_EXPECT, "QUIT"},
                                              {PEER_END, NULL}};
    static const struct peer_step *const scripts[] = {script, NULL};
    static char many[20000];
    static const char few[] = "\r\nQUIT\r\n";
    struct tdm_tls_config config = {.ca = NULL, .verify = TDM_TLS_VERIFY_NONE};
    struct tidymail_error error;
    struct peer peer = {0};
    enum tdm_tls_result result;
    size_t written = 0;
    (void)state;
    memset(many, 'a', sizeof(many));
    tdm_error_init(&error, NULL);
    peer_start(&peer, scripts, &good);
    struct tdm_tls_context *context = tdm_tls_context_new(&tdm_allocator_default, &config, &error);
    int fd = meet_connect(&peer);
    struct tdm_tls *tls = tdm_tls_new(context, fd, "mail.example");
    while ((result = tdm_tls_handshake(tls, &error)) != TDM_TLS_DONE) {
        meet_wait(fd, result);
    }
    while ((result = tdm_tls_write(tls, many, sizeof(many), &written)) == TDM_TLS_DONE) {
        assert_true(written > 0);
    }
    assert_int_equal(result, TDM_TLS_WANT_WRITE);
    size_t sent = 0;
    while (sent < sizeof(few) - 1) {
        result = tdm_tls_write(tls, few + sent, sizeof(few) - 1 - sent, &written);
        if (result == TDM_TLS_DONE) {
            sent += written;
        } else {
            meet_wait(fd, result);
        }
    }
    peer_stop(&peer);
    tdm_tls_free(tls);
    close(fd);
    tdm_tls_context_free(context);
}

static void expect_bad_ca(const char *path, const char *part)
{
    struct tdm_tls_config config = {.ca = path, .verify = TDM_TLS_VERIFY_FULL};
    struct tidymail_error error;
    tdm_error_init(&error, NULL);
    assert_null(tdm_tls_context_new(&tdm_allocator_default, &config, &error));
    assert_int_equal(error.kind, TIDYMAIL_KIND_CONFIGURATION);
    assert_int_equal(error.phase, TIDYMAIL_PHASE_PREPARE);
    assert_non_null(strstr(tidymail_error_message(&error), path));
    assert_non_null(strstr(tidymail_error_message(&error), part));
    tdm_error_clear(&error);
}

static void test_ca_places(void **state)
{
    char directory[] = "/tmp/tidymail-test-dir-XXXXXX";
    char file[128];
    struct tdm_tls_config config = {.ca = directory, .verify = TDM_TLS_VERIFY_FULL};
    struct meeting meeting;
    (void)state;
    expect_bad_ca("/tmp/tidymail-test-does-not-exist", "no such file");
    assert_non_null(mkdtemp(directory));
    expect_bad_ca(directory, "no certificate");
    snprintf(file, sizeof(file), "%s/ca-XXXXXX", directory);
    int fd = mkstemp(file);
    expect_bad_ca(file, "no certificate");
    unlink(file);
    close(fd);
    snprintf(file, sizeof(file), "%s/ca-XXXXXX", directory);
    peer_write_certificate(&ca, file);
    meet_identity(&config, "mail.example", &good, &meeting);
    assert_int_equal(meeting.result, TDM_TLS_DONE);
    unlink(file);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trusted_names),   cmocka_unit_test(test_wrong_names),
        cmocka_unit_test(test_untrusted),       cmocka_unit_test(test_dates),
        cmocka_unit_test(test_not_verified),    cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_plain_text_peer), cmocka_unit_test(test_peer_closes),
        cmocka_unit_test(test_old_version),     cmocka_unit_test(test_end_without_close_notify),
        cmocka_unit_test(test_change_of_mind),  cmocka_unit_test(test_ca_places),
    };
    return cmocka_run_group_tests(tests, make_identities, free_identities);
}
