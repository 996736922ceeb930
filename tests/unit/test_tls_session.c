/* test_tls_session.c: what outlives a handshake: sessions that are resumed, what SCRAM binds to, the
 * client's certificate, the key log; and the peers that do not speak TLS. */
#include "test_net_peer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "net/tls.h"

static struct peer_identity ca;
static struct peer_identity good; /* by ca, for mail.example and other.example */
static struct peer_identity ann;  /* by ca, a client */
static char ca_path[] = "/tmp/tidymail-test-ca-XXXXXX";
static char ann_path[] = "/tmp/tidymail-test-ann-XXXXXX";
static char key_path[] = "/tmp/tidymail-test-key-XXXXXX";
static char locked_path[] = "/tmp/tidymail-test-locked-XXXXXX";

static void write_key(const struct peer_identity *identity, char *path, const EVP_CIPHER *cipher)
{
    static unsigned char phrase[] = "open sesame";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, identity->key, cipher,
                                          cipher != NULL ? phrase : NULL,
                                          cipher != NULL ? (int)sizeof(phrase) - 1 : 0, NULL, NULL),
                     1);
    fclose(file);
}

static int make_identities(void **state)
{
    (void)state;
    ca = peer_make_identity("Test Authority", NULL, NULL, PEER_NOW);
    good = peer_make_identity("old", "DNS:mail.example,DNS:other.example", &ca, PEER_NOW);
    ann = peer_make_identity("ann", "email:ann@example.org", &ca, PEER_NOW);
    peer_write_certificate(&ca, ca_path);
    peer_write_certificate(&ann, ann_path);
    write_key(&ann, key_path, NULL);
    write_key(&ann, locked_path, EVP_aes_128_cbc());
    return 0;
}

static int free_identities(void **state)
{
    (void)state;
    unlink(ca_path);
    unlink(ann_path);
    unlink(key_path);
    unlink(locked_path);
    peer_free_identity(&ca);
    peer_free_identity(&good);
    peer_free_identity(&ann);
    return 0;
}

/* What one connection showed. */
struct meeting {
    enum tdm_tls_result result;
    struct tidymail_error error;
    int resumed;
    char facts[512];
    const char *binding;
    unsigned char bytes[TDM_TLS_BINDING_MAX];
    size_t length;
};

static void wait_for(int fd, enum tdm_tls_result result)
{
    struct pollfd item = {fd, result == TDM_TLS_WANT_READ ? POLLIN : POLLOUT, 0};
    assert_int_equal(poll(&item, 1, PEER_PATIENCE_MS), 1);
}

static int connect_to(const struct peer *peer)
{
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)peer->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(fd, (const struct sockaddr *)&address, sizeof(address));
    wait_for(fd, TDM_TLS_WANT_WRITE);
    return fd;
}

static void meet_done(const struct tdm_tls *tls, struct meeting *meeting)
{
    struct tdm_buf facts;
    tdm_buf_init(&facts, NULL, sizeof(meeting->facts) - 1);
    tdm_tls_describe(tls, &facts);
    memcpy(meeting->facts, tdm_buf_text(&facts), facts.length + 1);
    tdm_buf_clear(&facts);
    meeting->resumed = tdm_tls_resumed(tls);
    meeting->binding = tdm_tls_binding(tls, meeting->bytes, &meeting->length);
}

/* A handshake, then all that the peer says (its tickets among it) to the end. */
static void meet(struct tdm_tls_context *context, const struct peer *peer, const char *host,
                 struct meeting *meeting)
{
    char bytes[64];
    size_t length;
    enum tdm_tls_result result;
    memset(meeting, 0, sizeof(*meeting));
    tdm_error_init(&meeting->error, NULL);
    int fd = connect_to(peer);
    struct tdm_tls *tls = tdm_tls_new(context, fd, host);
    assert_non_null(tls);
    while ((meeting->result = tdm_tls_handshake(tls, &meeting->error)) == TDM_TLS_WANT_READ ||
           meeting->result == TDM_TLS_WANT_WRITE) {
        wait_for(fd, meeting->result);
    }
    if (meeting->result == TDM_TLS_DONE) {
        meet_done(tls, meeting);
        while ((result = tdm_tls_read(tls, bytes, sizeof(bytes), &length)) == TDM_TLS_DONE ||
               result == TDM_TLS_WANT_READ) {
            if (result == TDM_TLS_WANT_READ) {
                wait_for(fd, result);
            }
        }
        if (result == TDM_TLS_FAILED && tdm_tls_refused_late(tls, &meeting->error)) {
            meeting->result = TDM_TLS_FAILED;
        }
        tdm_tls_shutdown(tls);
    }
    tdm_tls_free(tls);
    close(fd);
}

static const struct peer_step hello[] = {{PEER_TLS, NULL}, {PEER_SEND, "hello"}, {PEER_END, NULL}};

static struct tdm_tls_context *make_context(const struct tdm_tls_config *config)
{
    struct tidymail_error error;
    tdm_error_init(&error, NULL);
    struct tdm_tls_context *context = tdm_tls_context_new(&tdm_allocator_default, config, &error);
    if (context == NULL) {
        fail_msg("%s", tidymail_error_message(&error));
    }
    return context;
}

static void check_resumption(int max_version)
{
    static const struct peer_step *const scripts[] = {hello, hello, hello, hello, hello, NULL};
    struct tdm_tls_config config = {.ca = ca_path};
    struct peer peer = {.max_version = max_version};
    struct meeting meeting;
    struct tdm_tls_context *context = make_context(&config);
    peer_start(&peer, scripts, &good);
    meet(context, &peer, "mail.example", &meeting);
    assert_int_equal(meeting.result, TDM_TLS_DONE);
    assert_int_equal(meeting.resumed, 0);
    assert_null(strstr(meeting.facts, "resumed"));
    meet(context, &peer, "mail.example", &meeting);
    assert_int_equal(meeting.resumed, 1);
    assert_non_null(strstr(meeting.facts, "resumed session, certificate for mail.example, "));
    assert_non_null(strstr(meeting.facts, "verified for mail.example against"));
    meet(context, &peer, "MAIL.example", &meeting);
    assert_int_equal(meeting.resumed, 1);
    meet(context, &peer, "other.example", &meeting); /* never across names */
    assert_int_equal(meeting.result, TDM_TLS_DONE);
    assert_int_equal(meeting.resumed, 0);
    tdm_tls_context_free(context);
    config.verify = TDM_TLS_VERIFY_NONE; /* nor into another way to verify */
    context = make_context(&config);
    meet(context, &peer, "other.example", &meeting);
    assert_int_equal(meeting.resumed, 0);
    tdm_tls_context_free(context);
    peer_stop(&peer);
    assert_int_equal(peer.resumed, 2);
}

static void test_sessions_are_resumed(void **state)
{
    (void)state;
    check_resumption(0);
    check_resumption(TLS1_2_VERSION);
}

/* Connections that begin before others have ended: each has a session of its own. */
static void test_sessions_for_several(void **state)
{
    static const struct peer_step *const scripts[] = {hello, hello, NULL};
    struct tdm_tls_config config = {.ca = ca_path};
    struct peer peer = {0};
    struct meeting meeting;
    struct tdm_tls_context *context = make_context(&config);
    (void)state;
    peer_start(&peer, scripts, &good);
    meet(context, &peer, "mail.example", &meeting); /* two tickets came (OpenSSL's default) */
    assert_int_equal(meeting.resumed, 0);
    struct tdm_tls *begun = tdm_tls_new(context, -1, "mail.example");
    assert_non_null(begun);
    meet(context, &peer, "mail.example", &meeting);
    assert_int_equal(meeting.resumed, 1);
    tdm_tls_free(begun);
    tdm_tls_context_free(context);
    peer_stop(&peer);
}

/* A server that no longer knows the session: a whole handshake, and verified again. */
static void test_forgotten_session(void **state)
{
    static const struct peer_step *const scripts[] = {hello, NULL};
    struct tdm_tls_config config = {.ca = ca_path};
    struct meeting meeting;
    struct tdm_tls_context *context = make_context(&config);
    struct peer_identity wrong = peer_make_identity("x", "DNS:wrong.example", &ca, PEER_NOW);
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct peer peer = {0}; /* with ticket keys of its own */
        peer_start(&peer, scripts, i < 2 ? &good : &wrong);
        meet(context, &peer, "mail.example", &meeting);
        peer_stop(&peer);
        assert_int_equal(meeting.resumed, 0);
        assert_int_equal(meeting.result, i < 2 ? TDM_TLS_DONE : TDM_TLS_FAILED);
    }
    tdm_error_clear(&meeting.error);
    peer_free_identity(&wrong);
    tdm_tls_context_free(context);
}

static void test_bindings(void **state)
{
    static const struct peer_step *const scripts[] = {hello, hello, NULL};
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    struct tdm_tls_config config = {.ca = ca_path};
    struct meeting meeting;
    unsigned char before[32];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct peer peer = {.max_version = versions[i]};
        struct tdm_tls_context *context = make_context(&config);
        peer_start(&peer, scripts, &good);
        for (int n = 0; n < 2; n++) { /* the second time resumed: another session, other bytes */
            meet(context, &peer, "mail.example", &meeting);
            assert_string_equal(meeting.binding, "tls-exporter");
            assert_int_equal(meeting.length, 32);
            if (n == 0) {
                memcpy(before, meeting.bytes, sizeof(before));
            }
        }
        peer_stop(&peer);
        assert_memory_equal(meeting.bytes, peer.exported, 32);
        assert_memory_not_equal(meeting.bytes, before, 32);
        tdm_tls_context_free(context);
    }
}

/* Without extended master secret: the certificate's hash (RFC 5929 4.1). */
static void test_end_point_binding(void **state)
{
    static const struct peer_step *const scripts[] = {hello, hello, NULL};
    struct tdm_tls_config config = {.ca = ca_path};
    struct peer peer = {.max_version = TLS1_2_VERSION, .no_extended_master_secret = 1};
    struct meeting meeting;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    struct tdm_tls_context *context = make_context(&config);
    (void)state;
    assert_int_equal(X509_digest(good.certificate, EVP_sha256(), digest, &size), 1);
    peer_start(&peer, scripts, &good);
    for (int resumed = 0; resumed < 2; resumed++) {
        meet(context, &peer, "mail.example", &meeting);
        assert_int_equal(meeting.resumed, resumed);
        assert_string_equal(meeting.binding, "tls-server-end-point");
        assert_int_equal(meeting.length, size);
        assert_memory_equal(meeting.bytes, digest, size);
    }
    peer_stop(&peer);
    tdm_tls_context_free(context);
}

static void test_client_certificate(void **state)
{
    static const struct peer_step *const scripts[] = {hello, NULL};
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    struct tdm_tls_config with = {.ca = ca_path, .cert = ann_path, .key = key_path};
    struct tdm_tls_config without = {.ca = ca_path};
    struct meeting meeting;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct peer peer = {.max_version = versions[i], .client_ca = &ca};
        struct tdm_tls_context *context = make_context(&with);
        peer_start(&peer, scripts, &good);
        meet(context, &peer, "mail.example", &meeting);
        peer_stop(&peer);
        assert_int_equal(meeting.result, TDM_TLS_DONE);
        tdm_tls_context_free(context);

        struct peer strict = {.max_version = versions[i], .client_ca = &ca};
        context = make_context(&without);
        peer_start(&strict, scripts, &good);
        meet(context, &strict, "mail.example", &meeting);
        peer_stop(&strict);
        assert_int_equal(meeting.result, TDM_TLS_FAILED);
        assert_int_equal(meeting.error.kind, TIDYMAIL_KIND_TLS);
        assert_non_null(strstr(tidymail_error_message(&meeting.error),
                               "mail.example refused the TLS handshake: "));
        assert_non_null(strstr(meeting.error.hint, "client certificate"));
        tdm_error_clear(&meeting.error);
        tdm_tls_context_free(context);
    }
}

static void test_bad_client_certificate(void **state)
{
    static const char missing[] = "/tmp/tidymail-test-does-not-exist";
    const struct {
        const char *cert;
        const char *key;
        const char *part;
    } cases[] = {
        {missing, NULL, "(cert=/tmp/tidymail-test-does-not-exist) cannot be used: no such file"},
        {ann_path, missing, "(key=/tmp/tidymail-test-does-not-exist) cannot be used: no such file"},
        {"/dev/null", NULL, "no certificate (PEM) is in that file"},
        {ann_path, NULL, "no key (PEM) is in that file"},
        {ann_path, "/dev/null", "no key (PEM) is in that file"},
        {ann_path, locked_path, "the key is encrypted"},
        {ca_path, key_path, "the key belongs to another certificate"},
        {NULL, key_path, "there is no certificate with it"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_tls_config config = {.ca = ca_path, .cert = cases[i].cert, .key = cases[i].key};
        struct tidymail_error error;
        tdm_error_init(&error, NULL);
        assert_null(tdm_tls_context_new(&tdm_allocator_default, &config, &error));
        assert_int_equal(error.kind, TIDYMAIL_KIND_CONFIGURATION);
        assert_int_equal(error.phase, TIDYMAIL_PHASE_PREPARE);
        assert_non_null(error.hint);
        if (strstr(tidymail_error_message(&error), cases[i].part) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", cases[i].part, tidymail_error_message(&error));
        }
        tdm_error_clear(&error);
    }
}

static void test_keylog(void **state)
{
    static const struct peer_step *const scripts[] = {hello, NULL};
    char path[] = "/tmp/tidymail-test-keys-XXXXXX";
    struct tdm_tls_config config = {.ca = ca_path, .keylog = path};
    struct meeting meeting;
    struct peer peer = {0};
    struct stat status;
    char text[4096];
    (void)state;
    close(mkstemp(path));
    unlink(path);
    struct tdm_tls_context *context = make_context(&config);
    peer_start(&peer, scripts, &good);
    meet(context, &peer, "mail.example", &meeting);
    peer_stop(&peer);
    tdm_tls_context_free(context);
    assert_int_equal(meeting.result, TDM_TLS_DONE);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    unlink(path);
    assert_true(got > 0);
    text[got] = '\0';
    assert_non_null(strstr(text, "CLIENT_TRAFFIC_SECRET_0 "));
    assert_int_equal(text[got - 1], '\n');
    /* a place where nothing can be written is no reason to fail */
    config.keylog = "/tmp/tidymail-test-no-such-folder/keys";
    context = make_context(&config);
    tdm_tls_context_free(context);
}

static void test_strangers(void **state)
{
    static const struct {
        const char *says;
        const char *part;
        const char *hint;
    } cases[] = {
        {"220 mail.example ESMTP\r\n", "in clear: \"220 mail.example", "smtp://"},
        {"554 go away\r\n", "in clear: \"554 go away\"", "refuses this client"},
        {"HTTP/1.1 400 Bad Request\r\n", "in clear, as an HTTP server: \"HTTP/1.1 400",
         "587 or 465"},
        {"* OK [CAPABILITY IMAP4rev1] ready\r\n", "as an IMAP server", "587 or 465"},
        {"+OK POP3 ready\r\n", "as a POP3 server", "587 or 465"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "as an SSH server", "587 or 465"},
    };
    struct tdm_tls_config config = {.ca = ca_path};
    struct meeting meeting;
    struct tdm_tls_context *context = make_context(&config);
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct peer_step script[] = {{PEER_SEND, cases[i].says}, {PEER_SILENT, NULL}};
        const struct peer_step *const scripts[] = {script, NULL};
        struct peer peer = {0};
        peer_start(&peer, scripts, &good);
        meet(context, &peer, "mail.example", &meeting);
        peer_stop(&peer);
        assert_int_equal(meeting.result, TDM_TLS_FAILED);
        if (strstr(tidymail_error_message(&meeting.error), cases[i].part) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", cases[i].part,
                     tidymail_error_message(&meeting.error));
        }
        assert_non_null(strstr(meeting.error.hint, cases[i].hint));
        tdm_error_clear(&meeting.error);
    }
    tdm_tls_context_free(context);
}

static void test_small_dh_key(void **state)
{
    static const struct peer_step *const scripts[] = {hello, NULL};
    struct tdm_tls_config config = {.ca = ca_path};
    struct peer peer = {.max_version = TLS1_2_VERSION, .small_dh = 1};
    struct meeting meeting;
    struct tdm_tls_context *context = make_context(&config);
    (void)state;
    struct peer_identity rsa = peer_make_rsa_identity("DNS:mail.example", &ca);
    peer_start(&peer, scripts, &rsa);
    meet(context, &peer, "mail.example", &meeting);
    peer_stop(&peer);
    assert_int_equal(meeting.result, TDM_TLS_FAILED);
    if (strstr(tidymail_error_message(&meeting.error),
               "the Diffie-Hellman key of mail.example is too small") == NULL) {
        fail_msg("%s", tidymail_error_message(&meeting.error));
    }
    tdm_error_clear(&meeting.error);
    peer_free_identity(&rsa);
    tdm_tls_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_are_resumed),
        cmocka_unit_test(test_sessions_for_several),
        cmocka_unit_test(test_forgotten_session),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_end_point_binding),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_bad_client_certificate),
        cmocka_unit_test(test_keylog),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_small_dh_key),
    };
    return cmocka_run_group_tests(tests, make_identities, free_identities);
}
