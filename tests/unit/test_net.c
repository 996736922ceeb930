/* test_net.c: the loop, names to addresses, and connections. */
#include "test_net_peer.h"

#include <errno.h>
#include <time.h>

#include "net/connect.h"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct tdm_address loopback(int port)
{
    struct tdm_address address;
    assert_int_equal(tdm_address_parse("127.0.0.1", port, &address), 0);
    return address;
}

/* What a connector said. */
struct outcome {
    int done;
    int fd;
    char address[64];
    int kind;
    int phase;
    int retryable;
    char message[1024];
    int phases[4];
    size_t phase_count;
    char notes[2048];
    struct tdm_connect *connect;
};

static void outcome_phase(void *context, int phase)
{
    struct outcome *outcome = context;
    assert_true(outcome->phase_count < 4);
    outcome->phases[outcome->phase_count++] = phase;
}

static void outcome_note(void *context, int mark, int phase, int encrypted, const char *text,
                         size_t length)
{
    struct outcome *outcome = context;
    size_t used = strlen(outcome->notes);
    (void)mark;
    (void)phase;
    (void)encrypted;
    snprintf(outcome->notes + used, sizeof(outcome->notes) - used, "%.*s\n", (int)length, text);
}

/* Frees the connector in its callback, as the link does. */
static void outcome_done(void *context, int fd, const struct tdm_address *address,
                         const struct tidymail_error *error)
{
    struct outcome *outcome = context;
    outcome->done++;
    outcome->fd = fd;
    if (fd >= 0) {
        struct tdm_buf text;
        assert_null(error);
        tdm_buf_init(&text, NULL, 64);
        tdm_address_format(address, 0, &text);
        snprintf(outcome->address, sizeof(outcome->address), "%s", tdm_buf_text(&text));
        tdm_buf_clear(&text);
    } else {
        outcome->kind = error->kind;
        outcome->phase = error->phase;
        outcome->retryable = error->retryable;
        snprintf(outcome->message, sizeof(outcome->message), "%s", tidymail_error_message(error));
    }
    tdm_connect_free(outcome->connect);
    outcome->connect = NULL;
}

static void connect_to(const char *host, int port, const struct tdm_address *addresses,
                       size_t count, int64_t timeout_ms, struct outcome *outcome)
{
    struct tdm_loop loop;
    struct tdm_connect_options options;
    memset(outcome, 0, sizeof(*outcome));
    memset(&options, 0, sizeof(options));
    assert_int_equal(tdm_loop_init(&loop, NULL), 0);
    options.host = host;
    options.port = port;
    options.addresses = addresses;
    options.address_count = count;
    options.timeout_ms = timeout_ms;
    options.now_ms = now_ms;
    options.trace.line = outcome_note;
    options.trace.context = outcome;
    options.phase = outcome_phase;
    options.done = outcome_done;
    options.context = outcome;
    outcome->connect = tdm_connect_start(&loop, &options);
    assert_non_null(outcome->connect);
    assert_int_equal(outcome->done, 0); /* never inside the call */
    while (!outcome->done) {
        tdm_loop_step(&loop);
    }
    tdm_loop_clear(&loop);
    assert_int_equal(outcome->done, 1);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *text;
        const char *shown;
    } cases[] = {{"192.0.2.1", "192.0.2.1:25"},
                 {"2001:db8::1", "[2001:db8::1]:25"},
                 {"::ffff:192.0.2.1", "[::ffff:192.0.2.1]:25"}};
    static const char *const bad[] = {"mail.example", "1.2.3", "1.2.3.4.5", "300.1.1.1", "", ":"};
    struct tdm_address address;
    struct tdm_buf text;
    (void)state;
    tdm_buf_init(&text, NULL, 128);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tdm_buf_reset(&text);
        assert_int_equal(tdm_address_parse(cases[i].text, 25, &address), 0);
        tdm_address_format(&address, 1, &text);
        assert_string_equal(tdm_buf_text(&text), cases[i].shown);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(tdm_address_parse(bad[i], 25, &address), -1);
    }
    tdm_buf_clear(&text);
}

static void test_numeric_host_connects(void **state)
{
    struct outcome outcome;
    int port;
    int listener = peer_listen(&port, 4);
    (void)state;
    connect_to("127.0.0.1", port, NULL, 0, 5000, &outcome);
    assert_true(outcome.fd >= 0);
    assert_string_equal(outcome.address, "127.0.0.1");
    assert_int_equal(outcome.phase_count, 1); /* nothing was looked up */
    assert_int_equal(outcome.phases[0], TIDYMAIL_PHASE_CONNECT);
    close(outcome.fd);
    close(listener);
}

/* From /etc/hosts; a second address of it (::1) may come first and refuse. */
static void test_localhost_connects(void **state)
{
    struct outcome outcome;
    int port;
    int listener = peer_listen(&port, 4);
    (void)state;
    connect_to("localhost", port, NULL, 0, 5000, &outcome);
    assert_true(outcome.fd >= 0);
    assert_string_equal(outcome.address, "127.0.0.1");
    assert_int_equal(outcome.phase_count, 2);
    assert_int_equal(outcome.phases[0], TIDYMAIL_PHASE_RESOLVE);
    assert_int_equal(outcome.phases[1], TIDYMAIL_PHASE_CONNECT);
    assert_non_null(strstr(outcome.notes, "looking up localhost\n"));
    close(outcome.fd);
    close(listener);
}

static void test_refused(void **state)
{
    struct outcome outcome;
    char wanted[128];
    int port = peer_unused_port();
    (void)state;
    connect_to("127.0.0.1", port, NULL, 0, 5000, &outcome);
    assert_int_equal(outcome.fd, -1);
    assert_int_equal(outcome.kind, TIDYMAIL_KIND_CONNECTION);
    assert_int_equal(outcome.phase, TIDYMAIL_PHASE_CONNECT);
    assert_int_equal(outcome.retryable, 1);
    snprintf(wanted, sizeof(wanted), "connection refused by 127.0.0.1:%d", port);
    assert_string_equal(outcome.message, wanted);
}

static void test_all_refused_names_each(void **state)
{
    struct tdm_address addresses[2];
    struct outcome outcome;
    char wanted[128];
    int ports[2] = {peer_unused_port(), peer_unused_port()};
    (void)state;
    addresses[0] = loopback(ports[0]);
    addresses[1] = loopback(ports[1]);
    connect_to("mail.example", 25, addresses, 2, 5000, &outcome);
    assert_int_equal(outcome.kind, TIDYMAIL_KIND_CONNECTION);
    snprintf(wanted, sizeof(wanted),
             "connection refused by 127.0.0.1:%d, connection refused by 127.0.0.1:%d", ports[0],
             ports[1]);
    assert_string_equal(outcome.message, wanted);
}

static void test_second_address_works(void **state)
{
    struct tdm_address addresses[2];
    struct outcome outcome;
    int port;
    int listener = peer_listen(&port, 4);
    (void)state;
    addresses[0] = loopback(peer_unused_port());
    addresses[1] = loopback(port);
    connect_to("mail.example", 25, addresses, 2, 5000, &outcome);
    assert_true(outcome.fd >= 0);
    assert_non_null(strstr(outcome.notes, "connection refused by 127.0.0.1:"));
    close(outcome.fd);
    close(listener);
}

/* A listener whose queue is full swallows connection requests. */
struct full {
    int listener;
    int port;
    int fillers[8];
};

static void full_make(struct full *full)
{
    struct tdm_address address;
    full->listener = peer_listen(&full->port, 0);
    address = loopback(full->port);
    for (size_t i = 0; i < 8; i++) {
        full->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int status =
            connect(full->fillers[i], (const struct sockaddr *)&address.storage, address.length);
        assert_true(status == 0 || errno == EINPROGRESS);
    }
}

static void full_close(struct full *full)
{
    for (size_t i = 0; i < 8; i++) {
        close(full->fillers[i]);
    }
    close(full->listener);
}

static void test_no_answer_is_a_timeout(void **state)
{
    struct outcome outcome;
    struct full full;
    (void)state;
    full_make(&full);
    int64_t start = now_ms();
    connect_to("127.0.0.1", full.port, NULL, 0, 300, &outcome);
    int64_t took = now_ms() - start;
    full_close(&full);
    assert_int_equal(outcome.kind, TIDYMAIL_KIND_TIMEOUT);
    assert_int_equal(outcome.phase, TIDYMAIL_PHASE_CONNECT);
    assert_int_equal(outcome.retryable, 1);
    assert_non_null(strstr(outcome.message, "no answer from 127.0.0.1:"));
    assert_non_null(strstr(outcome.message, " within 0.3 s"));
    assert_true(took >= 295 && took < 3000);
}

/* A silent address holds the next one up for 250 ms (RFC 8305 8), and no longer. */
static void test_head_start(void **state)
{
    struct tdm_address addresses[2];
    struct outcome outcome;
    struct full full;
    int port;
    int listener = peer_listen(&port, 4);
    (void)state;
    full_make(&full);
    addresses[0] = loopback(full.port);
    addresses[1] = loopback(port);
    int64_t start = now_ms();
    connect_to("mail.example", 25, addresses, 2, 10000, &outcome);
    int64_t took = now_ms() - start;
    full_close(&full);
    assert_true(outcome.fd >= 0);
    assert_true(took >= 245 && took < 2000);
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    assert_int_equal(getpeername(outcome.fd, (struct sockaddr *)&peer, &size), 0);
    assert_int_equal(ntohs(peer.sin_port), port);
    close(outcome.fd);
    close(listener);
}

/* Takes whoever comes, from 400 ms on, until the listener is shut down. */
static void *accept_late(void *context)
{
    const struct full *late = context;
    int taken[32];
    size_t count = 0;
    usleep(400000);
    while (count < 32 && (taken[count] = accept(late->listener, NULL, NULL)) >= 0) {
        count++;
    }
    while (count > 0) {
        close(taken[--count]);
    }
    return NULL;
}

/* Whoever stands first wins: the first address, though the second was tried meanwhile. */
static void test_first_one_may_still_win(void **state)
{
    struct tdm_address addresses[2];
    struct outcome outcome;
    struct full late;
    struct full never;
    pthread_t thread;
    (void)state;
    full_make(&late);
    full_make(&never);
    addresses[0] = loopback(late.port);
    addresses[1] = loopback(never.port);
    assert_int_equal(pthread_create(&thread, NULL, accept_late, &late), 0);
    connect_to("mail.example", 25, addresses, 2, 10000, &outcome);
    assert_true(outcome.fd >= 0);
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    assert_int_equal(getpeername(outcome.fd, (struct sockaddr *)&peer, &size), 0);
    assert_int_equal(ntohs(peer.sin_port), late.port);
    assert_non_null(strstr(outcome.notes, "connecting to 127.0.0.1:"));
    shutdown(late.listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(outcome.fd);
    full_close(&late);
    full_close(&never);
}

/* A failure starts the next one at once. */
static void test_no_wait_after_a_failure(void **state)
{
    struct tdm_address addresses[4];
    struct outcome outcome;
    int port;
    int listener = peer_listen(&port, 4);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        addresses[i] = loopback(peer_unused_port());
    }
    addresses[3] = loopback(port);
    int64_t start = now_ms();
    connect_to("mail.example", 25, addresses, 4, 10000, &outcome);
    assert_true(outcome.fd >= 0);
    assert_true(now_ms() - start < 240);
    close(outcome.fd);
    close(listener);
}

/* However short the time, every address is tried and named. */
static void test_all_silent_names_each(void **state)
{
    struct tdm_address addresses[3];
    struct outcome outcome;
    struct full full[3];
    char wanted[64];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        full_make(&full[i]);
        addresses[i] = loopback(full[i].port);
    }
    int64_t start = now_ms();
    connect_to("mail.example", 25, addresses, 3, 300, &outcome);
    int64_t took = now_ms() - start;
    assert_int_equal(outcome.kind, TIDYMAIL_KIND_TIMEOUT);
    assert_true(took >= 295 && took < 2000);
    for (size_t i = 0; i < 3; i++) {
        snprintf(wanted, sizeof(wanted), "no answer from 127.0.0.1:%d within 0.", full[i].port);
        assert_non_null(strstr(outcome.message, i > 0 ? wanted : "no answer from"));
        full_close(&full[i]);
    }
}

static void test_families_take_turns(void **state)
{
    static const char *const given[] = {"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1",
                                        "192.0.2.2"};
    static const char *const wanted[] = {"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2",
                                         "2001:db8::3"};
    struct tdm_address addresses[5];
    struct tdm_buf text;
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(tdm_address_parse(given[i], 25, &addresses[i]), 0);
    }
    tdm_connect_interleave(addresses, 5);
    tdm_buf_init(&text, NULL, 128);
    for (size_t i = 0; i < 5; i++) {
        tdm_buf_reset(&text);
        tdm_address_format(&addresses[i], 0, &text);
        assert_string_equal(tdm_buf_text(&text), wanted[i]);
    }
    tdm_buf_clear(&text);
    tdm_connect_interleave(addresses, 0);
}

static void connect_with(struct tdm_connect_options *options, struct outcome *outcome)
{
    struct tdm_loop loop;
    memset(outcome, 0, sizeof(*outcome));
    assert_int_equal(tdm_loop_init(&loop, NULL), 0);
    options->timeout_ms = 5000;
    options->now_ms = now_ms;
    options->done = outcome_done;
    options->context = outcome;
    outcome->connect = tdm_connect_start(&loop, options);
    assert_non_null(outcome->connect);
    while (!outcome->done) {
        tdm_loop_step(&loop);
    }
    tdm_loop_clear(&loop);
}

static void test_source_address(void **state)
{
    struct tdm_connect_options options = {.host = "127.0.0.1"};
    struct tdm_address source;
    struct outcome outcome;
    int listener = peer_listen(&options.port, 4);
    (void)state;
    assert_int_equal(tdm_address_parse("127.0.0.5", 0, &source), 0);
    options.source = &source;
    connect_with(&options, &outcome);
    assert_true(outcome.fd >= 0);
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    int fd = accept(listener, (struct sockaddr *)&peer, &size);
    assert_int_equal(peer.sin_addr.s_addr, htonl(0x7f000005));
    close(fd);
    close(outcome.fd);
    assert_int_equal(tdm_address_parse("192.0.2.77", 0, &source), 0);
    connect_with(&options, &outcome);
    assert_int_equal(outcome.kind, TIDYMAIL_KIND_CONFIGURATION);
    assert_string_equal(outcome.message, "source=192.0.2.77 is no address of this machine");
    assert_int_equal(tdm_address_parse("::1", 0, &source), 0);
    connect_with(&options, &outcome);
    assert_int_equal(outcome.kind, TIDYMAIL_KIND_CONFIGURATION);
    assert_non_null(strstr(outcome.message, "not to be reached from source=::1"));
    close(listener);
}

static void test_unix_socket(void **state)
{
    char folder[] = "/tmp/tidymail-test-dir-XXXXXX";
    char path[80];
    struct tdm_connect_options options = {.unix_path = path};
    struct tdm_address address;
    struct outcome outcome;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/lmtp", folder);
    connect_with(&options, &outcome);
    assert_int_equal(outcome.kind, TIDYMAIL_KIND_CONNECTION);
    assert_int_equal(outcome.retryable, 1);
    assert_non_null(strstr(outcome.message, "/lmtp: no such file or directory"));
    int listener = peer_listen_unix(path);
    connect_with(&options, &outcome);
    assert_true(outcome.fd >= 0);
    assert_string_equal(outcome.address, path);
    close(outcome.fd);
    close(listener);
    connect_with(&options, &outcome);
    assert_non_null(strstr(outcome.message, "connection refused by /tmp/"));
    unlink(path);
    rmdir(folder);
    char too_long[110];
    memset(too_long, 'a', sizeof(too_long));
    too_long[108] = '\0';
    assert_int_equal(tdm_address_unix(too_long, &address), -1);
    too_long[107] = '\0';
    assert_int_equal(tdm_address_unix(too_long, &address), 0);
    assert_int_equal(tdm_address_unix("", &address), -1);
}

static void expect_unresolved(const char *host, const char *message)
{
    struct outcome outcome;
    connect_to(host, 25, NULL, 0, 5000, &outcome);
    assert_int_equal(outcome.fd, -1);
    assert_int_equal(outcome.kind, TIDYMAIL_KIND_RESOLVE);
    assert_int_equal(outcome.phase, TIDYMAIL_PHASE_RESOLVE);
    assert_int_equal(outcome.retryable, 0);
    assert_string_equal(outcome.message, message);
    assert_int_equal(outcome.phase_count, 1);
}

static void test_names_that_cannot_be(void **state)
{
    (void)state;
    expect_unresolved("no..dots", "no..dots is not a host name that can be looked up");
    /* names under onion are never asked for (RFC 7686 2) */
    expect_unresolved("mail.onion", "there is no host named mail.onion");
}

static void test_giving_up_early(void **state)
{
    struct tdm_loop loop;
    struct tdm_connect_options options;
    struct outcome outcome;
    static const char *const hosts[] = {"localhost", "127.0.0.1", "mail.example"};
    (void)state;
    memset(&outcome, 0, sizeof(outcome));
    memset(&options, 0, sizeof(options));
    assert_int_equal(tdm_loop_init(&loop, NULL), 0);
    options.port = peer_unused_port();
    options.timeout_ms = 1000;
    options.now_ms = now_ms;
    options.done = outcome_done;
    options.context = &outcome;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        options.host = hosts[i];
        struct tdm_connect *connect = tdm_connect_start(&loop, &options);
        assert_non_null(connect);
        tdm_connect_free(connect);
    }
    tdm_loop_clear(&loop);
    assert_int_equal(outcome.done, 0);
}

static void count_expiry(void *context)
{
    int *count = context;
    (*count)++;
}

static void test_timer_can_be_stopped(void **state)
{
    struct tdm_loop loop;
    int stopped = 0;
    int expired = 0;
    (void)state;
    assert_int_equal(tdm_loop_init(&loop, NULL), 0);
    struct tdm_timer *first = tdm_timer_new(&loop, count_expiry, &stopped);
    struct tdm_timer *second = tdm_timer_new(&loop, count_expiry, &expired);
    tdm_timer_set(first, 1);
    tdm_timer_set(second, 20);
    tdm_timer_set(first, -1);
    while (expired == 0) {
        tdm_loop_step(&loop);
    }
    tdm_timer_close(first);
    tdm_loop_clear(&loop); /* closes the second */
    assert_int_equal(stopped, 0);
    assert_int_equal(expired, 1);
}

static void test_words(void **state)
{
    struct tdm_buf text;
    (void)state;
    tdm_buf_init(&text, NULL, 256);
    tdm_net_add_seconds(&text, 30000);
    tdm_net_add_seconds(&text, 250);
    tdm_net_add_seconds(&text, 1005);
    tdm_net_add_errno(&text, ECONNRESET);
    assert_string_equal(tdm_buf_text(&text), "30 s0.25 s1.005 sconnection reset by peer");
    tdm_buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_numeric_host_connects),
        cmocka_unit_test(test_localhost_connects),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_all_refused_names_each),
        cmocka_unit_test(test_second_address_works),
        cmocka_unit_test(test_no_answer_is_a_timeout),
        cmocka_unit_test(test_head_start),
        cmocka_unit_test(test_first_one_may_still_win),
        cmocka_unit_test(test_no_wait_after_a_failure),
        cmocka_unit_test(test_all_silent_names_each),
        cmocka_unit_test(test_families_take_turns),
        cmocka_unit_test(test_source_address),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_names_that_cannot_be),
        cmocka_unit_test(test_giving_up_early),
        cmocka_unit_test(test_timer_can_be_stopped),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
