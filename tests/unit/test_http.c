/*
 * test_http.c: the way of a request to its service: the module and when it is opened, TLS by the rules of
 * SMTP, proxies, and HTTP/2 against nghttpd.
 */
#include "rest_fixture.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct peer_identity client;
static char client_path[] = "/tmp/tidymail-test-client-XXXXXX";
static char key_path[] = "/tmp/tidymail-test-key-XXXXXX";

static void write_key(const struct peer_identity *identity, char *path)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

static int make_all(void **state)
{
    int status = make_identities(state);
    client = peer_make_identity("client", "DNS:client.example", &ca, PEER_NOW);
    peer_write_certificate(&client, client_path);
    write_key(&client, key_path);
    return status;
}

static int free_all(void **state)
{
    unlink(client_path);
    unlink(key_path);
    peer_free_identity(&client);
    return free_identities(state) | expect_no_sigpipe(state);
}

/* 1 where a file of this name is mapped into the process. */
static int is_mapped(const char *name)
{
    static char maps[1 << 20];
    int fd = open("/proc/self/maps", O_RDONLY);
    size_t length = 0;
    ssize_t got;
    while (length + 1 < sizeof(maps) &&
           (got = read(fd, maps + length, sizeof(maps) - 1 - length)) > 0) {
        length += (size_t)got;
    }
    maps[length] = '\0';
    close(fd);
    return strstr(maps, name) != NULL;
}

/* First of all: neither SMTP nor an open transport of a service needs the module, the first request does. */
static void test_module_is_opened_late(void **state)
{
    (void)state;
    tidymail_report *report = play(plain, "smtp://127.0.0.1:%d?tls=none");
    expect_sent(report);
    tidymail_report_free(report);
    tidymail_transport *transport = open_fake("http", "127.0.0.1", peer_unused_port(), "");
    assert_null(tidymail_transport_error(transport));
    assert_false(is_mapped("tidymail-http.so"));
    assert_false(is_mapped("libcurl"));
    report = send_hello(transport);
    assert_int_equal(tidymail_error_kind(tidymail_report_error(report)), TIDYMAIL_KIND_CONNECTION);
    assert_true(is_mapped("tidymail-http.so"));
    assert_true(is_mapped("libcurl"));
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

/* TLS */

#define ANSWER_TLS                                                                                 \
    {PEER_TLS, NULL}, {PEER_EXPECT, "POST /v1/send"}, {PEER_MESSAGE, NULL},                        \
        {PEER_SEND, OK_ANSWER},                                                                    \
    {                                                                                              \
        PEER_END, NULL                                                                             \
    }

static const struct peer_step tls_script[] = {ANSWER_TLS};

enum whose { GOOD, EXPIRED, SELF_SIGNED };

static const struct tls_case {
    const char *name;
    const char *host;
    const char *more; /* %s is the CA's path, or the fingerprint */
    enum whose whose;
    int max_version;
    int wants_client;
    struct peer_step steps[6]; /* none: ANSWER_TLS */
    int kind;                  /* TIDYMAIL_OK: sent */
    int retryable;
    int maybe;
    int may_be_lost; /* the reason may not be heard, where the server closes with a reset */
    const char *words;
    const char *hint;
} tls_cases[] = {
    {.name = "a CA of ours", .host = "127.0.0.1", .more = "&ca=%s"},
    {.name = "TLS 1.2", .host = "127.0.0.1", .more = "&ca=%s", .max_version = TLS1_2_VERSION},
    {.name = "verify=none", .host = "127.0.0.1", .more = "&verify=none"},
    {.name = "verify=none, expired", .host = "127.0.0.1", .more = "&verify=none", .whose = EXPIRED},
    {.name = "fingerprint", .host = "localhost", .more = "&verify=sha256:%s"},
    {.name = "fingerprint of an expired one",
     .host = "localhost",
     .more = "&verify=sha256:%s",
     .whose = EXPIRED},
    {.name = "another fingerprint",
     .host = "127.0.0.1",
     .more = "&verify=sha256:"
             "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
     .kind = TIDYMAIL_KIND_TLS,
     .words = "has the fingerprint sha256:",
     .hint = "renewed"},
    {.name = "a CA that nobody trusts",
     .host = "127.0.0.1",
     .more = "",
     .kind = TIDYMAIL_KIND_TLS,
     .words = "not trusted: \"Test Authority\" is not among the system's CAs",
     .hint = "ca=FILE"},
    {.name = "another name",
     .host = "localhost",
     .more = "&ca=%s",
     .kind = TIDYMAIL_KIND_TLS,
     .words = "the certificate is for mail.example, 127.0.0.1; wanted localhost",
     .hint = "names"},
    {.name = "expired",
     .host = "127.0.0.1",
     .more = "&ca=%s",
     .whose = EXPIRED,
     .kind = TIDYMAIL_KIND_TLS,
     .words = "has expired",
     .hint = "clock"},
    {.name = "self-signed",
     .host = "127.0.0.1",
     .more = "",
     .whose = SELF_SIGNED,
     .kind = TIDYMAIL_KIND_TLS,
     .words = "self-signed",
     .hint = "verify=sha256:"},
    {.name = "TLS 1.1",
     .host = "127.0.0.1",
     .more = "&ca=%s",
     .max_version = TLS1_1_VERSION,
     .kind = TIDYMAIL_KIND_TLS,
     .words = "TLS",
     .hint = "1.2"},
    {.name = "no TLS",
     .host = "127.0.0.1",
     .more = "",
     .steps = {{PEER_SEND, "HTTP/1.1 400 Bad Request\r\n\r\n"}, {PEER_SILENT, NULL}},
     .kind = TIDYMAIL_KIND_TLS,
     .words = "answered the TLS handshake in clear",
     .hint = "endpoint"},
    {.name = "cut in the handshake",
     .host = "127.0.0.1",
     .more = "",
     .steps = {{PEER_DROP, NULL}},
     .kind = TIDYMAIL_KIND_TLS,
     .retryable = 1,
     .words = "during the TLS handshake",
     .hint = "TLS"},
    {.name = "silence in the handshake",
     .host = "127.0.0.1",
     .more = "&reply-timeout=0.3",
     .steps = {{PEER_SILENT, NULL}},
     .kind = TIDYMAIL_KIND_TIMEOUT,
     .retryable = 1,
     .words = "took longer than 0.3 s",
     .hint = "not delivered"},
    {.name = "cut without TLS close in an answer without a length",
     .host = "127.0.0.1",
     .more = "&ca=%s",
     .steps = {{PEER_TLS, NULL},
               {PEER_MESSAGE, NULL},
               {PEER_SEND, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nid=4"},
               {PEER_DROP, NULL}},
     .kind = TIDYMAIL_KIND_CONNECTION,
     .maybe = 1,
     .words = "in the middle of the answer",
     .hint = "twice"},
    {.name = "an answer without a length",
     .host = "127.0.0.1",
     .more = "&ca=%s",
     .steps = {{PEER_TLS, NULL},
               {PEER_MESSAGE, NULL},
               {PEER_SEND, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nid=42"},
               {PEER_END, NULL}}},
    {.name = "a client certificate that is not there",
     .host = "127.0.0.1",
     .more = "&ca=%s",
     .wants_client = 1,
     .kind = TIDYMAIL_KIND_TLS,
     .may_be_lost = 1,
     .words = "certificate",
     .hint = "cert="},
    {.name = "the same below TLS 1.3",
     .host = "127.0.0.1",
     .more = "&ca=%s",
     .max_version = TLS1_2_VERSION,
     .wants_client = 1,
     .kind = TIDYMAIL_KIND_TLS,
     .words = "refused the TLS handshake",
     .hint = "client certificate"},
    {.name = "a client certificate",
     .host = "127.0.0.1",
     .more = "&cert=CLIENT&key=KEYFILE&ca=%s",
     .wants_client = 1},
};

/* Replaces the words CLIENT, KEYFILE and %s. */
static void write_options(char *out, size_t size, const struct tls_case *one,
                          const struct peer_identity *identity)
{
    unsigned char digest[32];
    char hex[65] = "";
    X509_digest(identity->certificate, EVP_sha256(), digest, NULL);
    for (size_t i = 0; i < sizeof(digest); i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    const char *const names[][2] = {{"CLIENT", client_path},
                                    {"KEYFILE", key_path},
                                    {"%s", strstr(one->more, "sha256") != NULL ? hex : ca_path}};
    size_t used = 0;
    out[0] = '\0';
    for (const char *at = one->more; *at != '\0' && used + 1 < size;) {
        size_t i = 0;
        while (i < 3 && strncmp(at, names[i][0], strlen(names[i][0])) != 0) {
            i++;
        }
        used += (size_t)snprintf(out + used, size - used, "%.*s", i < 3 ? 4096 : 1,
                                 i < 3 ? names[i][1] : at);
        at += i < 3 ? strlen(names[i][0]) : 1;
    }
}

static void count_certificate(void *context, const struct tdm_certificate *facts)
{
    assert_string_equal(facts->names, "mail.example, 127.0.0.1");
    assert_int_equal(strlen(facts->sha256), 64);
    ++*(int *)context;
}

static void play_tls(const struct tls_case *one, const struct peer_identity *identity)
{
    const struct peer_step *const scripts[] = {
        one->steps[0].op != PEER_END ? one->steps : tls_script, NULL};
    struct peer peer = {0};
    char more[2048];
    peer.max_version = one->max_version;
    peer.client_ca = one->wants_client ? &ca : NULL;
    peer_start(&peer, scripts, identity);
    write_options(more, sizeof(more), one, identity);
    tidymail_transport *transport = open_fake("https", one->host, peer.port, more);
    int asked = 0;
    transport->certificate = count_certificate;
    transport->certificate_context = &asked;
    tidymail_report *report = send_hello(transport);
    const tidymail_error *error = tidymail_report_error(report);
    int wanted = one->kind == TIDYMAIL_OK ? TIDYMAIL_SENT
                 : one->maybe             ? TIDYMAIL_UNKNOWN
                                          : TIDYMAIL_FAILED;
    if (one->may_be_lost && tidymail_report_outcome(report) == TIDYMAIL_UNKNOWN &&
        tidymail_error_kind(error) == TIDYMAIL_KIND_CONNECTION) {
        print_message("%s: not heard\n", one->name);
    } else if (tidymail_report_outcome(report) != wanted ||
               tidymail_error_kind(error) != one->kind ||
               tidymail_error_retryable(error) != one->retryable ||
               (error != NULL && (tidymail_error_phase(error) != TIDYMAIL_PHASE_REQUEST ||
                                  strstr(tidymail_error_message(error), one->words) == NULL ||
                                  strstr(tidymail_error_hint(error), one->hint) == NULL))) {
        fail_msg("%s: %s, %s, retryable %d: %s (hint: %s)\n%s", one->name,
                 tidymail_outcome_name(tidymail_report_outcome(report)),
                 tidymail_kind_name(tidymail_error_kind(error)), tidymail_error_retryable(error),
                 tidymail_error_message(error), tidymail_error_hint(error), transcript);
    }
    if (one->kind == TIDYMAIL_OK) {
        assert_int_equal(strncmp(report->peer.tls_version, "TLSv1.", 6), 0);
        assert_non_null(report->peer.tls_cipher);
        assert_int_equal(asked, 1);
        assert_true(report->phase_ms[TIDYMAIL_PHASE_TLS] >= 0);
        assert_non_null(strstr(transcript, "request ~> POST /v1/send?a=b HTTP/1.1"));
        assert_non_null(strstr(transcript, "response <~ HTTP/1.1 200 OK"));
        assert_non_null(strstr(transcript, "certificate for mail.example, 127.0.0.1 by"));
    }
    tidymail_report_free(report);
    tdm_transport_free(transport);
    pthread_join(peer.thread, NULL); /* a refused handshake ends its script early */
    close(peer.listener);
    SSL_CTX_free(peer.context);
}

static void test_tls(void **state)
{
    static const char names[] = "DNS:mail.example,IP:127.0.0.1";
    struct peer_identity identities[3] = {good,
                                          peer_make_identity("old", names, &ca, PEER_LONG_AGO),
                                          peer_make_identity("self", names, NULL, PEER_NOW)};
    (void)state;
    for (size_t i = 0; i < sizeof(tls_cases) / sizeof(tls_cases[0]); i++) {
        play_tls(&tls_cases[i], &identities[tls_cases[i].whose]);
    }
    peer_free_identity(&identities[EXPIRED]);
    peer_free_identity(&identities[SELF_SIGNED]);
}

static void test_files_that_cannot_be_used(void **state)
{
    (void)state;
    static const char *const options[] = {"&ca=/nonexistent", "&cert=/nonexistent",
                                          "&ca=/dev/null"};
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        tidymail_transport *transport =
            open_fake("https", "127.0.0.1", peer_unused_port(), options[i]);
        tidymail_report *report = send_hello(transport);
        expect_failed(report, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                      "cannot be used");
        tidymail_report_free(report);
        tdm_transport_free(transport);
    }
}

static void test_tls_connection_is_kept(void **state)
{
    (void)state;
    static const struct peer_step script[] = {
        {PEER_TLS, NULL},       {PEER_MESSAGE, NULL}, {PEER_SEND, OK_ANSWER}, {PEER_MESSAGE, NULL},
        {PEER_SEND, OK_ANSWER}, {PEER_MESSAGE, NULL}, {PEER_SEND, OK_ANSWER}, {PEER_END, NULL}};
    const struct peer_step *const scripts[] = {script, NULL};
    struct peer peer = {0};
    char more[256];
    snprintf(more, sizeof(more), "&ca=%s", ca_path);
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport = open_fake("https", "127.0.0.1", peer.port, more);
    for (int i = 0; i < 3; i++) {
        tidymail_report *report = send_hello(transport);
        expect_sent(report);
        assert_non_null(report->peer.tls_version);
        tidymail_report_free(report);
    }
    tdm_transport_free(transport);
    peer_stop(&peer);
    assert_int_equal(peer.connections, 1);
}

/* Proxies: the login stays with the proxy, the key goes through it under TLS. */

static void test_http_proxy(void **state)
{
    (void)state;
    static const struct peer_step script[] = {{PEER_EXPECT, "CONNECT mail.example:443 HTTP/1.1"},
                                              {PEER_EXPECT, "Host: mail.example:443"},
                                              {PEER_EXPECT, "Proxy-Authorization: Basic dTpwdw=="},
                                              {PEER_EXPECT, ""},
                                              {PEER_SEND, "HTTP/1.1 200 Connected\r\n\r\n"},
                                              {PEER_TLS, NULL},
                                              {PEER_EXPECT, "POST /v1/send?a=b HTTP/1.1"},
                                              {PEER_EXPECT, "Host: mail.example"},
                                              {PEER_EXPECT, "User-Agent: tidymail/"},
                                              {PEER_EXPECT, "Accept: */*"},
                                              {PEER_EXPECT, "Accept-Encoding: "},
                                              {PEER_EXPECT, "Authorization: Bearer " KEY},
                                              {PEER_EXPECT, "Content-Type:"},
                                              {PEER_EXPECT, "X-Colour:"},
                                              {PEER_EXPECT, "Content-Length:"},
                                              {PEER_EXPECT, ""},
                                              {PEER_MESSAGE, NULL},
                                              {PEER_SEND, OK_ANSWER},
                                              {PEER_END, NULL}};
    const struct peer_step *const scripts[] = {script, NULL};
    struct peer peer = {0};
    char more[256];
    peer_start(&peer, scripts, &good);
    snprintf(more, sizeof(more), "&ca=%s&proxy=http://u:pw%%40127.0.0.1:%d", ca_path, peer.port);
    tidymail_transport *transport = open_fake("https", "mail.example", 443, more);
    tidymail_report *report = send_hello(transport);
    expect_sent(report);
    assert_string_equal(tidymail_report_server(report), "mail.example:443");
    assert_null(strstr(transcript, "dTpwdw"));
    tidymail_report_free(report);
    tdm_transport_free(transport);
    peer_stop(&peer);
    assert_string_equal(peer.sni, "mail.example");
}

static void test_proxy_that_refuses(void **state)
{
    (void)state;
    static const struct peer_step script[] = {
        {PEER_EXPECT, "CONNECT mail.example:443 HTTP/1.1"},
        {PEER_SEND, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"},
        {PEER_END, NULL}};
    const struct peer_step *const scripts[] = {script, NULL};
    struct peer peer = {0};
    char more[256];
    peer_start(&peer, scripts, &good);
    snprintf(more, sizeof(more), "&proxy=http://127.0.0.1:%d", peer.port);
    tidymail_transport *transport = open_fake("https", "mail.example", 443, more);
    tidymail_report *report = send_hello(transport);
    expect_failed(report, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_REQUEST, "wants a login");
    tidymail_report_free(report);
    tdm_transport_free(transport);
    peer_stop(&peer);
}

/* HTTP/2 */

#define NGHTTPD "/usr/sbin/nghttpd"

static void make_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void wait_for_port(int port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 100; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int status = connect(fd, (const struct sockaddr *)&address, sizeof(address));
        close(fd);
        if (status == 0) {
            return;
        }
        usleep(50000);
    }
    fail_msg("nghttpd does not listen");
}

static pid_t start_nghttpd(const char *folder, int port, const char *key, const char *certificate)
{
    char number[16];
    char option[300];
    pid_t child;
    snprintf(number, sizeof(number), "%d", port);
    snprintf(option, sizeof(option), "--htdocs=%s", folder);
    const char *const words[] = {NGHTTPD, "--address=127.0.0.1", option, number,
                                 key,     certificate,           NULL};
    char *arguments[8];
    memcpy(arguments, words, sizeof(words));
    assert_int_equal(posix_spawn(&child, NGHTTPD, NULL, NULL, arguments, environ), 0);
    wait_for_port(port);
    return child;
}

static void test_http2(void **state)
{
    (void)state;
    char folder[] = "/tmp/tidymail-test-h2-XXXXXX";
    char server_key[] = "/tmp/tidymail-test-h2key-XXXXXX";
    char server_certificate[] = "/tmp/tidymail-test-h2crt-XXXXXX";
    char path[256];
    char more[256];
    if (access(NGHTTPD, X_OK) != 0) {
        print_message("nghttpd is not installed (nghttp2-server)\n");
        skip();
    }
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/v1", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    make_file(folder, "v1/send", "id=42");
    write_key(&good, server_key);
    peer_write_certificate(&good, server_certificate);
    int port = peer_unused_port();
    pid_t child = start_nghttpd(folder, port, server_key, server_certificate);
    snprintf(more, sizeof(more), "&ca=%s", ca_path);
    tidymail_transport *transport = open_fake("https", "127.0.0.1", port, more);
    for (int i = 0; i < 3; i++) {
        transcript[0] = '\0';
        body_padding = i == 1 ? 3 * 1024 * 1024 : 0; /* more than a window */
        tidymail_report *report = send_hello(transport);
        body_padding = 0;
        expect_sent(report);
        assert_string_equal(report->service_id, "42");
        assert_non_null(strstr(transcript, "POST /v1/send?a=b HTTP/2"));
        assert_non_null(strstr(transcript, "response <~ HTTP/2 200"));
        assert_int_equal(report->phase_ms[TIDYMAIL_PHASE_TLS] >= 0, i == 0); /* one connection */
        tidymail_report_free(report);
    }
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    tidymail_report *report = send_hello(transport);
    expect_failed(report, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_REQUEST, "refused");
    tidymail_report_free(report);
    tdm_transport_free(transport);
    unlink(server_key);
    unlink(server_certificate);
    snprintf(path, sizeof(path), "%s/v1/send", folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/v1", folder);
    rmdir(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_module_is_opened_late),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_files_that_cannot_be_used),
        cmocka_unit_test(test_tls_connection_is_kept),
        cmocka_unit_test(test_http_proxy),
        cmocka_unit_test(test_proxy_that_refuses),
        cmocka_unit_test(test_http2),
    };
    return cmocka_run_group_tests(tests, make_all, free_all);
}
