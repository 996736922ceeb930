/* test_devserver.c: the test server over sockets: sessions, TLS, stores, scripts, its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <tidymail/devserver.h>

#include "devserver/scenario.h"
#include "devserver/tester_ca.h"

#define PATIENCE_MS 10000

static tidymail_devserver *start(const tidymail_devserver_options *options)
{
    char error[500] = "?";
    tidymail_devserver *server = tidymail_devserver_start(options, error, sizeof(error));
    if (server == NULL) {
        fail_msg("%s", error);
    }
    return server;
}

static int dial(const tidymail_devserver *server)
{
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)tidymail_devserver_port(server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until the last line begins with `last` and is complete, or to the end of the connection for
 * NULL. Returns the bytes as text. -1 in `result` where the connection was reset. */
static const char *hear(int fd, const char *last, int *result)
{
    static char text[65536];
    size_t length = 0;
    for (;;) {
        struct pollfd ready = {fd, POLLIN, 0};
        if (poll(&ready, 1, PATIENCE_MS) <= 0) {
            fail_msg("nothing came behind '%.*s'", (int)length, text);
        }
        ssize_t got = recv(fd, text + length, sizeof(text) - 1 - length, 0);
        *result = (int)got;
        if (got <= 0) {
            text[length] = '\0';
            assert_true(last == NULL || got == 0);
            return text;
        }
        length += (size_t)got;
        text[length] = '\0';
        if (last != NULL && length > 1 && text[length - 1] == '\n') {
            size_t line = length - 1;
            while (line > 0 && text[line - 1] != '\n') {
                line--;
            }
            if (strncmp(text + line, last, strlen(last)) == 0) {
                return text;
            }
        }
    }
}

static void wait_for(int fd, const char *last)
{
    int result;
    hear(fd, last, &result);
    assert_true(result > 0);
}

static void test_a_message_in_clear(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    size_t length = 0;
    (void)state;
    tidymail_devserver *server = start(&options);
    assert_int_equal(tidymail_devserver_message_count(server), 0);
    assert_null(tidymail_devserver_message(server, 0, &length));
    int fd = dial(server);
    wait_for(fd, "220 ");
    say(fd, "EHLO me\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n"
            "RCPT TO:<c@example.com>\r\nDATA\r\n");
    wait_for(fd, "354 ");
    say(fd, "Subject: x\r\n\r\n..dot\r\n.\r\n");
    wait_for(fd, "250 ");
    say(fd, "QUIT\r\n");
    wait_for(fd, "221 ");
    int result;
    assert_string_equal(hear(fd, NULL, &result), "");
    assert_int_equal(result, 0);
    close(fd);
    assert_int_equal(tidymail_devserver_message_count(server), 1);
    assert_string_equal(tidymail_devserver_message(server, 0, &length),
                        "Subject: x\r\n\r\n.dot\r\n");
    assert_int_equal(length, 20);
    assert_string_equal(tidymail_devserver_message_from(server, 0), "a@example.com");
    assert_int_equal(tidymail_devserver_message_recipient_count(server, 0), 2);
    assert_string_equal(tidymail_devserver_message_recipient(server, 0, 1), "c@example.com");
    assert_null(tidymail_devserver_message_recipient(server, 0, 2));
    assert_string_equal(tidymail_devserver_message_user(server, 0), "");
    assert_int_equal(tidymail_devserver_message_encrypted(server, 0), 0);
    assert_int_equal(tidymail_devserver_connection_count(server), 1);
    assert_string_equal(tidymail_devserver_deviation(server), "");
    tidymail_devserver_stop(server);
}

static void test_parameters_are_told(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    (void)state;
    options.no_tls = 1;
    options.hide = "PIPELINING";
    tidymail_devserver *server = start(&options);
    int fd = dial(server);
    wait_for(fd, "220 ");
    say(fd, "EHLO me\r\nMAIL FROM:<a@example.com> RET=HDRS ENVID=x\r\n"
            "RCPT TO:<b@example.com> NOTIFY=NEVER\r\nRCPT TO:<c@example.com>\r\n"
            "BDAT 4\r\n.\r\nxBDAT 2 LAST\r\n\r\nNOOP\r\nQUIT\r\n");
    int result;
    const char *said = hear(fd, NULL, &result);
    assert_null(strstr(said, "PIPELINING"));
    assert_non_null(strstr(said, "250 2.0.0 message kept\r\n250 2.0.0 ok\r\n221"));
    close(fd);
    assert_string_equal(tidymail_devserver_message(server, 0, NULL), ".\r\nx\r\n");
    assert_string_equal(tidymail_devserver_message_parameters(server, 0), "RET=HDRS ENVID=x");
    assert_string_equal(tidymail_devserver_message_recipient_parameters(server, 0, 0),
                        "NOTIFY=NEVER");
    assert_string_equal(tidymail_devserver_message_recipient_parameters(server, 0, 1), "");
    assert_null(tidymail_devserver_message_recipient_parameters(server, 0, 2));
    assert_null(tidymail_devserver_message_parameters(server, 1));
    assert_string_equal(tidymail_devserver_client_certificate(server), "");
    tidymail_devserver_stop(server);
}

static SSL *shake_hands(const tidymail_devserver *server, int fd, const char *name)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_file(context, tidymail_devserver_ca(server)), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL *ssl = SSL_new(context);
    SSL_CTX_free(context);
    assert_int_equal(SSL_set1_host(ssl, name), 1);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

/* Says something under TLS and reads until the answer's last line begins with `last`. */
static void exchange(SSL *ssl, const char *text, const char *last)
{
    char answer[8192];
    size_t length = 0;
    size_t got = 0;
    assert_int_equal(SSL_write_ex(ssl, text, strlen(text), &got), 1);
    for (;;) {
        assert_int_equal(SSL_read_ex(ssl, answer + length, sizeof(answer) - 1 - length, &got), 1);
        length += got;
        answer[length] = '\0';
        const char *line = length > 2 ? strstr(answer, last) : NULL;
        if (line != NULL && (line == answer || line[-1] == '\n') && answer[length - 1] == '\n') {
            return;
        }
    }
}

static void send_under_tls(SSL *ssl)
{
    exchange(ssl, "EHLO me\r\n", "250 ENHANCED");
    exchange(ssl, "MAIL FROM:<a@b.c>\r\n", "530 5.7.0");
    exchange(ssl, "AUTH PLAIN AGFubgB3cm9uZw==\r\n", "535 5.7.8");
    exchange(ssl, "AUTH PLAIN AGFubgBzZXNhbWU=\r\n", "235 2.7.0");
    exchange(ssl, "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n", "354");
    exchange(ssl, "x\r\n.\r\n", "250");
    exchange(ssl, "QUIT\r\n", "221");
}

static void test_starttls_and_a_login(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    (void)state;
    options.user = "ann";
    options.password = "sesame";
    options.require_auth = 1;
    tidymail_devserver *server = start(&options);
    for (size_t i = 0; i < 3; i++) {
        int fd = dial(server);
        wait_for(fd, "220 ");
        say(fd, "EHLO me\r\n");
        wait_for(fd, "250 ");
        say(fd, "STARTTLS\r\n");
        wait_for(fd, "220 ");
        SSL *ssl = shake_hands(server, fd, names[i]);
        assert_non_null(ssl);
        send_under_tls(ssl);
        SSL_free(ssl);
        close(fd);
    }
    assert_int_equal(tidymail_devserver_message_count(server), 3);
    assert_string_equal(tidymail_devserver_message_user(server, 2), "ann");
    assert_int_equal(tidymail_devserver_message_encrypted(server, 2), 1);
    tidymail_devserver_stop(server);
}

static void test_tls_at_once(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    (void)state;
    options.implicit_tls = 1;
    options.user = "ann";
    options.password = "sesame";
    options.require_auth = 1;
    tidymail_devserver *server = start(&options);
    assert_memory_equal(tidymail_devserver_url(server), "smtps://ann:sesame@127.0.0.1:", 29);
    int fd = dial(server);
    SSL *ssl = shake_hands(server, fd, "localhost");
    assert_non_null(ssl);
    send_under_tls(ssl);
    SSL_free(ssl);
    close(fd);
    fd = dial(server);
    assert_null(shake_hands(server, fd, "other.example"));
    close(fd);
    tidymail_devserver_stop(server);
}

static void test_urls(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char expected[600];
    (void)state;
    options.user = "a@b c";
    options.password = "p:%/\xc3\xa4?#&";
    tidymail_devserver *server = start(&options);
    snprintf(expected, sizeof(expected),
             "smtp://a%%40b%%20c:p%%3A%%25%%2F%%C3%%A4%%3F%%23%%26@127.0.0.1:%d?ca=%s",
             tidymail_devserver_port(server), tidymail_devserver_ca(server));
    assert_string_equal(tidymail_devserver_url(server), expected);
    tidymail_devserver_stop(server);
    options.user = options.password = NULL;
    options.no_tls = 1;
    server = start(&options);
    snprintf(expected, sizeof(expected),
             "smtp://user:password@127.0.0.1:%d?tls=none&cleartext-auth=allow",
             tidymail_devserver_port(server));
    assert_string_equal(tidymail_devserver_url(server), expected);
    assert_string_equal(tidymail_devserver_ca(server), "");
    tidymail_devserver_stop(server);
    options.no_tls = 0;
    options.scenario = "client: tls=none user=a password=b cleartext-auth=allow reply-timeout=5\n"
                       "S: 220 x\n";
    server = start(&options);
    snprintf(expected, sizeof(expected),
             "smtp://a:b@127.0.0.1:%d?ca=%s&tls=none&cleartext-auth=allow&reply-timeout=5",
             tidymail_devserver_port(server), tidymail_devserver_ca(server));
    assert_string_equal(tidymail_devserver_url(server), expected);
    tidymail_devserver_stop(server);
}

static void refused(const tidymail_devserver_options *options, const char *words)
{
    char error[500] = "";
    assert_null(tidymail_devserver_start(options, error, sizeof(error)));
    if (strstr(error, words) == NULL) {
        fail_msg("expected '%s', got '%s'", words, error);
    }
    assert_null(strchr(error, '\n'));
}

static void test_what_cannot_be_started(void **state)
{
    static const char *const hosts[] = {
        "0.0.0.0", "192.0.2.1", "::", "example.org", "", "128.0.0.1"};
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        options.host = hosts[i];
        refused(&options, "loopback addresses only");
    }
    options.host = NULL;
    options.port = 65536;
    refused(&options, "65536 is not a port");
    options.port = 0;
    options.user = "ann";
    refused(&options, "a user needs a password");
    options.user = NULL;
    options.scenario = "S: 220 x\n@clsoe\n";
    refused(&options, "the scenario cannot be played: line 2: unknown directive '@clsoe'");
    options.scenario = "S: 220 x\n";
    options.implicit_tls = 1;
    refused(&options, "put @tls first");
    options.scenario = NULL;
    options.no_tls = 1;
    refused(&options, "exclude each other");
    options.implicit_tls = options.no_tls = 0;
    options.state = "/proc/none/of/this";
    refused(&options, "cannot make the directory /proc/none");
    options.state = NULL;
    tidymail_devserver *server = start(&options);
    options.port = tidymail_devserver_port(server);
    refused(&options, "cannot listen on 127.0.0.1:");
    tidymail_devserver_stop(server);
}

static void test_null_is_accepted(void **state)
{
    size_t length = 1;
    (void)state;
    tidymail_devserver_stop(NULL);
    assert_int_equal(tidymail_devserver_port(NULL), 0);
    assert_string_equal(tidymail_devserver_url(NULL), "");
    assert_string_equal(tidymail_devserver_ca(NULL), "");
    assert_string_equal(tidymail_devserver_deviation(NULL), "");
    assert_int_equal(tidymail_devserver_message_count(NULL), 0);
    assert_null(tidymail_devserver_message(NULL, 0, &length));
    assert_int_equal(length, 0);
    tidymail_devserver *server = tidymail_devserver_start(NULL, NULL, 0);
    assert_non_null(server);
    tidymail_devserver_stop(server);
}

static void test_ipv6(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char error[500];
    (void)state;
    options.host = "::1";
    options.no_tls = 1;
    tidymail_devserver *server = tidymail_devserver_start(&options, error, sizeof(error));
    if (server == NULL) {
        print_message("no IPv6 loopback here: %s\n", error);
        skip();
    }
    assert_memory_equal(tidymail_devserver_url(server), "smtp://user:password@[::1]:", 27);
    tidymail_devserver_stop(server);
}

static void read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
}

static void deliver(const tidymail_devserver *server, const char *text)
{
    int fd = dial(server);
    wait_for(fd, "220 ");
    say(fd, "HELO me\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n");
    wait_for(fd, "354 ");
    say(fd, text);
    wait_for(fd, "250 ");
    close(fd);
}

static void test_a_store_and_a_state_directory(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char directory[] = "/tmp/tidymail-test-XXXXXX";
    char store[100];
    char keys[100];
    char path[200];
    char first_ca[8192];
    char second_ca[8192];
    char text[1000];
    struct stat info;
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(store, sizeof(store), "%s/store", directory);
    snprintf(keys, sizeof(keys), "%s/a/b", directory);
    options.store = store;
    options.state = keys;
    tidymail_devserver *server = start(&options);
    read_file(tidymail_devserver_ca(server), first_ca, sizeof(first_ca));
    deliver(server, "one\r\n.\r\n");
    deliver(server, "two\r\n.\r\n");
    tidymail_devserver_stop(server);
    server = start(&options); /* another run: the same CA, and no file is replaced */
    read_file(tidymail_devserver_ca(server), second_ca, sizeof(second_ca));
    assert_string_equal(first_ca, second_ca);
    deliver(server, "three\r\n.\r\n");
    tidymail_devserver_stop(server);
    static const char *const bodies[] = {"one\r\n", "two\r\n", "three\r\n"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/message-00000%d.eml", store, i + 1);
        read_file(path, text, sizeof(text));
        assert_string_equal(text, bodies[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(store), 0); /* nothing else is in it */
    snprintf(path, sizeof(path), "%s/ca-key.pem", keys);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    tdm_tester_ca_remove(keys);
    snprintf(path, sizeof(path), "%s/a", directory);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

static void test_a_store_that_cannot_be_written(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    (void)state;
    options.store = "/proc/none";
    tidymail_devserver *server = start(&options);
    int fd = dial(server);
    wait_for(fd, "220 ");
    say(fd, "HELO me\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n");
    wait_for(fd, "354 ");
    say(fd, "x\r\n.\r\n");
    wait_for(fd, "451 4.3.0");
    close(fd);
    assert_int_equal(tidymail_devserver_message_count(server), 0);
    tidymail_devserver_stop(server);
}

static void test_a_private_state_directory_is_removed(void **state)
{
    struct stat info;
    char path[1000];
    (void)state;
    tidymail_devserver *server = start(NULL);
    snprintf(path, sizeof(path), "%s", tidymail_devserver_ca(server));
    assert_int_equal(stat(path, &info), 0);
    tidymail_devserver_stop(server);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &info), -1);
    assert_int_equal(errno, ENOENT);
}

static void test_many_connections_and_an_end_amid_them(void **state)
{
    int fds[50];
    (void)state;
    tidymail_devserver *server = start(NULL);
    for (int i = 0; i < 50; i++) {
        fds[i] = dial(server);
    }
    for (int i = 49; i >= 0; i--) {
        wait_for(fds[i], "220 ");
        say(fds[i], "EHLO half a comm");
    }
    assert_int_equal(tidymail_devserver_connection_count(server), 50);
    tidymail_devserver_stop(server);
    for (int i = 0; i < 50; i++) {
        int result;
        hear(fds[i], NULL, &result);
        assert_true(result <= 0);
        close(fds[i]);
    }
}

static void keep_log(void *context, const char *line)
{
    struct tdm_buf *log = context; /* read only once the server has stopped */
    tdm_buf_addf(log, "%s\n", line);
}

static void test_the_log_holds_no_secret(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    struct tdm_buf log;
    (void)state;
    tdm_buf_init(&log, NULL, 1 << 20);
    options.no_tls = 1;
    options.user = "ann";
    options.password = "sesame";
    options.log = keep_log;
    options.log_context = &log;
    tidymail_devserver *server = start(&options);
    int fd = dial(server);
    wait_for(fd, "220 ");
    say(fd, "EHLO me\r\nAUTH PLAIN AGFubgB3cm9uZw==\r\nAUTH LOGIN\r\nYW5u\r\nc2VzYW1l\r\n"
            "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n");
    wait_for(fd, "354 ");
    say(fd, "the body\r\n.\r\n");
    wait_for(fd, "250 ");
    close(fd);
    tidymail_devserver_stop(server);
    assert_non_null(strstr(tdm_buf_text(&log), "connection 1: *** accepted\n"));
    assert_non_null(strstr(tdm_buf_text(&log), "connection 1: -> AUTH PLAIN <hidden>\n"));
    assert_non_null(strstr(tdm_buf_text(&log), "connection 1: <- 535 5.7.8 "));
    assert_non_null(strstr(tdm_buf_text(&log), "*** message from <a@b.c> to <d@e.f>, 10 bytes\n"));
    assert_null(strstr(tdm_buf_text(&log), "sesame"));
    assert_null(strstr(tdm_buf_text(&log), "c2VzYW1l"));
    assert_null(strstr(tdm_buf_text(&log), "AGFubgB3"));
    assert_null(strstr(tdm_buf_text(&log), "the body"));
    tdm_buf_clear(&log);
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_a_script_is_played_to_each_connection(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    int result;
    (void)state;
    options.scenario = "S: 220 hi\nC: EHLO *\n@wait 200ms\nS: 250-a\n@bytewise\nS: 250 b\nC: QUIT\n"
                       "S: 221 bye\n@close\n";
    tidymail_devserver *server = start(&options);
    for (int i = 0; i < 3; i++) {
        int fd = dial(server);
        assert_string_equal(hear(fd, "220 ", &result), "220 hi\r\n");
        int64_t before = monotonic_ms();
        say(fd, "EHLO me\r\n");
        assert_string_equal(hear(fd, "250 ", &result), "250-a\r\n250 b\r\n");
        assert_true(monotonic_ms() - before >= 190);
        say(fd, "QUIT\r\n");
        assert_string_equal(hear(fd, NULL, &result), "221 bye\r\n");
        assert_int_equal(result, 0);
        close(fd);
    }
    assert_int_equal(tidymail_devserver_connection_count(server), 3);
    assert_string_equal(tidymail_devserver_deviation(server), "");
    tidymail_devserver_stop(server);
}

static void test_a_script_and_a_client_that_deviates(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    int result;
    (void)state;
    options.scenario = "S: 220 hi\nC: EHLO *\n";
    tidymail_devserver *server = start(&options);
    int fd = dial(server);
    wait_for(fd, "220 ");
    say(fd, "HELO me\r\n");
    hear(fd, NULL, &result);
    assert_true(result <= 0);
    close(fd);
    fd = dial(server);
    wait_for(fd, "220 ");
    shutdown(fd, SHUT_WR);
    hear(fd, NULL, &result);
    close(fd);
    assert_string_equal(tidymail_devserver_deviation(server),
                        "line 2: expected C: EHLO *, got HELO me\n"
                        "line 2: expected C: EHLO *, got the end of the connection");
    tidymail_devserver_stop(server);
}

static void test_a_script_that_resets(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    int result;
    (void)state;
    options.scenario = "C: EHLO *\n@reset\n";
    tidymail_devserver *server = start(&options);
    int fd = dial(server);
    say(fd, "EHLO me\r\n");
    assert_string_equal(hear(fd, NULL, &result), "");
    assert_int_equal(result, -1);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    tidymail_devserver_stop(server);
}

static void test_a_script_that_is_silent(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    (void)state;
    options.scenario = "S: 220 hi\n@silence\n";
    tidymail_devserver *server = start(&options);
    int fd = dial(server);
    wait_for(fd, "220 ");
    say(fd, "EHLO me\r\n");
    struct pollfd ready = {fd, POLLIN, 0};
    assert_int_equal(poll(&ready, 1, 200), 0);
    close(fd);
    tidymail_devserver_stop(server);
}

/* The verdict of a client that verifies, by the kind of certificate. */
static void test_scripts_with_certificates(void **state)
{
    static const struct {
        const char *script;
        int accepted;
    } cases[] = {{"@tls\nS: 220 hi\n", 1},
                 {"@tls self-signed\nS: 220 hi\n", 0},
                 {"@tls expired\nS: 220 hi\n", 0},
                 {"@tls wrong-host\nS: 220 hi\n", 0},
                 {"@tls untrusted-ca\nS: 220 hi\n", 0}};
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        options.scenario = cases[i].script;
        tidymail_devserver *server = start(&options);
        assert_memory_equal(tidymail_devserver_url(server), "smtps://127.0.0.1:", 18);
        int fd = dial(server);
        SSL *ssl = shake_hands(server, fd, "localhost");
        assert_int_equal(ssl != NULL, cases[i].accepted);
        if (ssl != NULL) {
            char text[100];
            size_t got = 0;
            assert_int_equal(SSL_read_ex(ssl, text, sizeof(text), &got), 1);
            assert_memory_equal(text, "220 hi\r\n", 8);
            SSL_free(ssl);
        }
        close(fd);
        tidymail_devserver_stop(server);
    }
}

static void test_an_endless_script_to_a_client_that_does_not_read(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    (void)state;
    options.scenario = "@repeat 100000000\nS: 220-more and more\nS: 220 end\n";
    tidymail_devserver *server = start(&options);
    char some[100];
    int fd = dial(server);
    assert_true(recv(fd, some, sizeof(some), 0) > 0);
    int other = dial(server); /* it goes on serving others meanwhile, and ends at once */
    assert_true(recv(other, some, sizeof(some), 0) > 0);
    close(other);
    tidymail_devserver_stop(server);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_in_clear),
        cmocka_unit_test(test_parameters_are_told),
        cmocka_unit_test(test_starttls_and_a_login),
        cmocka_unit_test(test_tls_at_once),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_what_cannot_be_started),
        cmocka_unit_test(test_null_is_accepted),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_a_store_and_a_state_directory),
        cmocka_unit_test(test_a_store_that_cannot_be_written),
        cmocka_unit_test(test_a_private_state_directory_is_removed),
        cmocka_unit_test(test_many_connections_and_an_end_amid_them),
        cmocka_unit_test(test_the_log_holds_no_secret),
        cmocka_unit_test(test_a_script_is_played_to_each_connection),
        cmocka_unit_test(test_a_script_and_a_client_that_deviates),
        cmocka_unit_test(test_a_script_that_resets),
        cmocka_unit_test(test_a_script_that_is_silent),
        cmocka_unit_test(test_scripts_with_certificates),
        cmocka_unit_test(test_an_endless_script_to_a_client_that_does_not_read),
    };
    return cmocka_run_group_tests_name("devserver", tests, NULL, NULL);
}
