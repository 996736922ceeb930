/*
 * test_pool.c: which message goes over which connection, and when (smtp_pool.c), as the server counts it:
 * rate=, per-connection=, window=, idle-timeout=, connection-age=, MAILMAX, servers that say "later",
 * loops of the caller's, transports that are closed early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <unistd.h>

#include <tidymail/tidymail.h>

#include "crowd_server.h"
#include "fail_alloc.h"
#include "transport/smtp_own.h"
#include "transport_fixture.h"

#define PIPELINING "250-PIPELINING\r\n"
#define CHUNKING "250-PIPELINING\r\n250-CHUNKING\r\n"
#define POOL_MAX 1000

/* What became of the messages of one transport. */
struct pool {
    tidymail_transport *transport;
    int callbacks[POOL_MAX];
    int outcomes[POOL_MAX];
    int ended;
};

struct ticket {
    struct pool *pool;
    int number;
};

static atomic_int met; /* how often the server's hook did something */

static void pool_done(tidymail_transport *transport, tidymail_message *message,
                      tidymail_report *report, void *context)
{
    struct ticket *ticket = context;
    (void)transport;
    (void)message;
    ticket->pool->callbacks[ticket->number]++;
    ticket->pool->outcomes[ticket->number] = tidymail_report_outcome(report);
    ticket->pool->ended++;
    tidymail_report_free(report);
    free(ticket);
}

static void pool_open(struct pool *pool, int port, const char *options)
{
    char url[256];
    memset(pool, 0, sizeof(*pool));
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d?tls=none&reply-timeout=20%s", port, options);
    pool->transport = tidymail_transport_open(url, NULL);
    assert_null(tidymail_transport_error(pool->transport));
}

static void pool_submit(struct pool *pool, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char from[64];
        char text[CROWD_TEXT_MAX];
        struct ticket *ticket = malloc(sizeof(*ticket));
        tidymail_message *message = tidymail_message_new();
        ticket->pool = pool;
        ticket->number = i;
        snprintf(from, sizeof(from), "m%d@example.com", i);
        crowd_text(i, text);
        tidymail_message_set_from(message, from);
        tidymail_message_add_to(message, "ann@example.org");
        tidymail_message_set_text(message, text);
        assert_int_equal(tidymail_submit(pool->transport, message, pool_done, ticket), TIDYMAIL_OK);
        tidymail_message_free(message);
    }
}

static void pool_run(struct pool *pool)
{
    while (tidymail_run(pool->transport, -1) > 0) {
    }
}

static int pool_count(const struct pool *pool, int outcome, int count)
{
    int found = 0;
    for (int i = 0; i < count; i++) {
        assert_int_equal(pool->callbacks[i], 1);
        found += pool->outcomes[i] == outcome;
    }
    return found;
}

/* Sends `count`, closes; how many were sent. */
static int pool_send(struct crowd_server *server, const char *options, int count, struct pool *pool)
{
    server->checks_text = 1;
    atomic_store(&met, 0);
    crowd_start(server, POOL_MAX);
    pool_open(pool, server->port, options);
    pool_submit(pool, 0, count);
    pool_run(pool);
    tidymail_transport_close(pool->transport);
    crowd_stop(server);
    crowd_clear(server);
    assert_int_equal(atomic_load(&server->wrong), 0);
    assert_int_equal(atomic_load(&server->out_of_turn), 0);
    return pool_count(pool, TIDYMAIL_SENT, count);
}

static void messages_for_each_connection(void **state)
{
    static const struct {
        const char *extensions;
        const char *options;
        int most;
        int opened;
    } cases[] = {
        {NULL, "&per-connection=5", 5, 8},
        {PIPELINING, "&per-connection=5", 5, 8},
        {CHUNKING, "&per-connection=5&chunking=yes", 5, 8},
        {CHUNKING, "&per-connection=1&chunking=yes", 1, 40},
        {PIPELINING "250-LIMITS MAILMAX=4\r\n", "", 4, 10}, /* RFC 9422 4.1 */
        {CHUNKING "250-LIMITS MAILMAX=4\r\n", "&chunking=yes", 4, 10},
        {CHUNKING "250-LIMITS MAILMAX=4\r\n", "&chunking=yes&per-connection=3", 3, 14},
        {PIPELINING, "", 40, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct crowd_server server = {.extensions = cases[i].extensions};
        struct pool pool;
        assert_int_equal(pool_send(&server, cases[i].options, 40, &pool), 40);
        if (server.most_mails != cases[i].most || server.opened != cases[i].opened) {
            fail_msg("case %zu: %d messages over one of %d connections", i, server.most_mails,
                     server.opened);
        }
    }
}

/* At the second message of the first connection it breaks. */
static int breaks_once(struct crowd_session *session, enum crowd_step step)
{
    if (step == CROWD_FINAL && session->number == 1 && session->mails == 2) {
        atomic_fetch_add(&met, 1);
        crowd_break(session, 1);
        return 1;
    }
    return 0;
}

static void a_window_is_what_may_be_unknown(void **state)
{
    static const char *const options[] = {"&chunking=yes&window=1", "&chunking=yes&window=4",
                                          "&chunking=yes&window=4&partial=no", ""};
    static const int most[] = {1, 4, 1, 1};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct crowd_server server = {.extensions = CHUNKING, .at = breaks_once};
        struct pool pool;
        int sent = pool_send(&server, options[i], 100, &pool);
        int unknown = pool_count(&pool, TIDYMAIL_UNKNOWN, 100);
        assert_int_equal(atomic_load(&met), 1);
        assert_int_equal(sent + unknown, 100);
        assert_in_range(unknown, 1, most[i]);
        assert_int_equal(server.opened, 2);
    }
}

static int64_t frozen_ms;

static int64_t frozen_now(void)
{
    return frozen_ms;
}

/* On a clock that stands, so many as a tenth of a second allows go out, and each costs its share once. */
static void rate_is_spent_by_messages_only(void **state)
{
    struct crowd_server server = {0};
    struct pool pool;
    (void)state;
    crowd_start(&server, POOL_MAX);
    pool_open(&pool, server.port, "&rate=1000/s");
    frozen_ms = fixture_now_ms();
    pool.transport->clock.now_ms = frozen_now;
    pool_submit(&pool, 0, 20);
    pool_run(&pool);
    const struct tdm_smtp_own *own = pool.transport->impl;
    assert_int_equal(own->rate_us - frozen_ms * 1000, 20 * 1000);
    pool_submit(&pool, 20, 200);
    for (int i = 0; i < 2000 && pool.ended < 101; i++) {
        tidymail_run(pool.transport, 0);
        usleep(500);
    }
    tidymail_run(pool.transport, 0);
    assert_int_equal(pool.ended, 101); /* the burst, and the one that is due now */
    frozen_ms += 50;
    for (int i = 0; i < 2000 && pool.ended < 151; i++) {
        tidymail_run(pool.transport, 0);
        usleep(500);
    }
    assert_int_equal(pool.ended, 151);
    tidymail_transport_close(pool.transport);
    crowd_stop(&server);
    crowd_clear(&server);
    assert_int_equal(pool_count(&pool, TIDYMAIL_SENT, 220), 151);
}

/* A blocking send does not wait for a turn that comes behind its time. */
static void a_turn_too_late_is_a_timeout(void **state)
{
    struct crowd_server server = {0};
    struct pool pool;
    (void)state;
    crowd_start(&server, POOL_MAX);
    pool_open(&pool, server.port, "&rate=1/h&timeout=0.3");
    for (int i = 0; i < 2; i++) {
        tidymail_message *message = tidymail_message_new();
        tidymail_message_set_from(message, "m1@example.com");
        tidymail_message_add_to(message, "ann@example.org");
        tidymail_message_set_text(message, "One.");
        tidymail_report *report = tidymail_send(pool.transport, message);
        assert_int_equal(tidymail_report_outcome(report), i == 0 ? TIDYMAIL_SENT : TIDYMAIL_FAILED);
        assert_int_equal(tidymail_error_kind(tidymail_report_error(report)),
                         i == 0 ? TIDYMAIL_OK : TIDYMAIL_KIND_TIMEOUT);
        tidymail_report_free(report);
        tidymail_message_free(message);
    }
    tidymail_transport_close(pool.transport);
    crowd_stop(&server);
    crowd_clear(&server);
}

static int later_three_times(struct crowd_session *session, enum crowd_step step)
{
    if (step == CROWD_MAIL && atomic_load(&met) < 3) {
        atomic_fetch_add(&met, 1);
        crowd_say(session, "451 4.3.2 not now\r\n");
        return 1;
    }
    return 0;
}

static int never_for_number_five(struct crowd_session *session, enum crowd_step step)
{
    if (step == CROWD_MAIL && session->message == 5) {
        atomic_fetch_add(&met, 1);
        crowd_say(session, "451 4.7.1 this sender later\r\n");
        return 1;
    }
    return 0;
}

static int two_at_once(struct crowd_session *session, enum crowd_step step)
{
    if (step == CROWD_GREETING && atomic_load(&session->server->sessions) > 2) {
        atomic_fetch_add(&met, 1);
        crowd_say(session, "421 4.7.0 two connections are enough\r\n");
        crowd_break(session, 1);
        return 1;
    }
    return 0;
}

/* "Later" slows the transport down, and fails nobody but the message that it is about. */
static void later_is_not_never(void **state)
{
    static const struct {
        int (*at)(struct crowd_session *session, enum crowd_step step);
        const char *options;
        int sent;
    } cases[] = {
        {later_three_times, "&connections=2", 60},
        {later_three_times, "&chunking=yes", 60},
        {never_for_number_five, "", 59},
        {never_for_number_five, "&connections=3&chunking=yes", 59},
        {two_at_once, "&connections=8", 60},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct crowd_server server = {.extensions = CHUNKING, .at = cases[i].at};
        struct pool pool;
        int sent = pool_send(&server, cases[i].options, 60, &pool);
        if (sent != cases[i].sent || atomic_load(&met) == 0 || atomic_load(&met) > 20) {
            fail_msg("case %zu: %d sent, %d times later", i, sent, atomic_load(&met));
        }
    }
}

static void idle_and_old_connections_end(void **state)
{
    static const char *const options[] = {"&idle-timeout=0.05", "&connection-age=0.05"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct crowd_server server = {0};
        struct pool pool;
        crowd_start(&server, POOL_MAX);
        pool_open(&pool, server.port, options[i]);
        pool_submit(&pool, 0, 3);
        pool_run(&pool);
        assert_int_equal(atomic_load(&server.opened), 1);
        if (i == 0) {
            assert_in_range(tidymail_next_timeout_ms(pool.transport), 0, 50);
        }
        usleep(100000);
        for (int k = 0; k < 2000 && atomic_load(&server.quits) == 0; k++) {
            tidymail_run(pool.transport, 0);
            usleep(1000);
        }
        assert_int_equal(atomic_load(&server.quits), 1);
        pool_submit(&pool, 3, 1);
        pool_run(&pool);
        assert_int_equal(atomic_load(&server.opened), 2);
        tidymail_transport_close(pool.transport);
        crowd_stop(&server);
        crowd_clear(&server);
        assert_int_equal(pool_count(&pool, TIDYMAIL_SENT, 4), 4);
    }
}

/* Two transports in a loop of the caller's: each readable descriptor and each time that is named leads on,
 * no wait ends by the test's own limit, and none has to wait for the other's end. */
static void a_foreign_loop_drives_two(void **state)
{
    struct crowd_server servers[2] = {{.extensions = PIPELINING}, {.extensions = CHUNKING}};
    struct pool pools[2];
    int other = -1;
    (void)state;
    for (int i = 0; i < 2; i++) {
        crowd_start(&servers[i], POOL_MAX);
        pool_open(&pools[i], servers[i].port,
                  i == 0 ? "&connections=4" : "&connections=4&chunking=yes");
        pool_submit(&pools[i], 0, 500);
        tidymail_run(pools[i].transport, 0);
    }
    while (pools[0].ended < 500 || pools[1].ended < 500) {
        struct pollfd fds[2];
        int wait = 10000;
        for (int i = 0; i < 2; i++) {
            int timeout = tidymail_next_timeout_ms(pools[i].transport);
            fds[i] = (struct pollfd){.fd = tidymail_fd(pools[i].transport), .events = POLLIN};
            assert_true(fds[i].fd >= 0);
            wait = timeout >= 0 && timeout < wait ? timeout : wait;
        }
        int ready = poll(fds, 2, wait);
        assert_true(ready > 0 || wait < 5000);
        for (int i = 0; i < 2; i++) {
            tidymail_run(pools[i].transport, 0);
        }
        if (other < 0 && (pools[0].ended == 500 || pools[1].ended == 500)) {
            other = pools[pools[0].ended == 500].ended;
        }
    }
    assert_true(other >= 20);
    for (int i = 0; i < 2; i++) {
        tidymail_transport_close(pools[i].transport);
        crowd_stop(&servers[i]);
        crowd_clear(&servers[i]);
        assert_int_equal(pool_count(&pools[i], TIDYMAIL_SENT, 500), 500);
    }
}

static int slow_at_the_end(struct crowd_session *session, enum crowd_step step)
{
    if (step == CROWD_FINAL) {
        atomic_store(&met, 1);
        usleep(300000);
    }
    (void)session;
    return 0;
}

/* Closing gives each its callback: failed, or unknown where its end was handed over. */
static void closing_ends_all_that_waits(void **state)
{
    (void)state;
    for (int runs = 0; runs < 2; runs++) {
        struct crowd_server server = {.extensions = PIPELINING, .at = slow_at_the_end};
        struct pool pool;
        atomic_store(&met, 0);
        crowd_start(&server, POOL_MAX);
        pool_open(&pool, server.port, "");
        pool_submit(&pool, 0, 10);
        for (int i = 0; runs == 1 && i < 2000 && atomic_load(&met) == 0; i++) {
            tidymail_run(pool.transport, 1);
        }
        tidymail_transport_close(pool.transport);
        crowd_stop(&server);
        assert_int_equal(pool_count(&pool, TIDYMAIL_FAILED, 10), runs == 0 ? 10 : 9);
        assert_int_equal(pool_count(&pool, TIDYMAIL_UNKNOWN, 10), runs == 0 ? 0 : 1);
        for (int i = 0; i < 10; i++) {
            assert_true(pool.outcomes[i] == TIDYMAIL_UNKNOWN || atomic_load(&server.taken[i]) == 0);
        }
        crowd_clear(&server);
    }
}

/* Every allocation of submit and run fails once, and from then on: each message has its callback or was
 * not taken over, and nobody is told "sent" of a message that did not arrive. */
static int submit_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                       void *context)
{
    struct crowd_server *server = context;
    struct pool pool = {0};
    char url[128];
    int taken_over = 0;
    int result = 0;
    (void)memory;
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d?tls=none&connections=2", server->port);
    for (int i = 0; i < 3; i++) {
        atomic_store(&server->taken[i], 0);
    }
    pool.transport = tidymail_transport_open_with(url, NULL, allocator);
    for (int i = 0; i < 3; i++) {
        char from[64];
        struct ticket *ticket = malloc(sizeof(*ticket));
        tidymail_message *message = tidymail_message_new_with(allocator);
        ticket->pool = &pool;
        ticket->number = i;
        snprintf(from, sizeof(from), "m%d@example.com", i);
        tidymail_message_set_from(message, from);
        tidymail_message_add_to(message, "ann@example.org");
        tidymail_message_set_text(message, "One of three.");
        if (tidymail_submit(pool.transport, message, pool_done, ticket) == TIDYMAIL_OK) {
            taken_over++;
        } else {
            free(ticket);
        }
        tidymail_message_free(message);
    }
    pool_run(&pool);
    tidymail_transport_close(pool.transport);
    for (int i = 0; i < 3; i++) {
        int taken = atomic_load(&server->taken[i]);
        result |= pool.callbacks[i] > 1 || taken > 1;
        result |= pool.callbacks[i] == 1 && pool.outcomes[i] == TIDYMAIL_SENT && taken != 1;
        result |= pool.callbacks[i] == 1 && pool.outcomes[i] == TIDYMAIL_FAILED && taken != 0;
    }
    return result | (pool.ended != taken_over);
}

static void allocations_fail(void **state)
{
    struct crowd_server server = {.extensions = PIPELINING};
    (void)state;
    crowd_start(&server, POOL_MAX);
    const char *problem = fail_alloc_run_all(submit_once, &server, 50);
    crowd_stop(&server);
    crowd_clear(&server);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_for_each_connection),
        cmocka_unit_test(a_window_is_what_may_be_unknown),
        cmocka_unit_test(rate_is_spent_by_messages_only),
        cmocka_unit_test(a_turn_too_late_is_a_timeout),
        cmocka_unit_test(later_is_not_never),
        cmocka_unit_test(idle_and_old_connections_end),
        cmocka_unit_test(a_foreign_loop_drives_two),
        cmocka_unit_test(closing_ends_all_that_waits),
        cmocka_unit_test(allocations_fail),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
