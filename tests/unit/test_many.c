/*
 * test_many.c: many messages over several connections to a server that refuses, delays, answers 421,
 * closes and resets as a seeded generator says. Each message has a text of its own, and is accounted for
 * exactly once on both sides: sent means that the server took it once, failed that it did not, and unknown
 * comes only where its connection broke under messages whose end was handed over. scripts/long-tests
 * runs it at full size: TIDYMAIL_MANY messages over 50 connections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <tidymail/tidymail.h>

#include "crowd_server.h"

#define WINDOW 16
#define MANY_MAX 1000000
#define FULL_CONNECTIONS 50

/* What the server does with so many of 100,000 messages. */
struct chances {
    unsigned greeting_421;
    unsigned mail_451;
    unsigned mail_421;
    unsigned rcpt_550;
    unsigned rcpt_450;
    unsigned data_451;
    unsigned final_554;
    unsigned final_421;
    unsigned taken_then_closed;
    unsigned closed;
    unsigned reset;
    unsigned delay;
};

static const struct chances rough = {3000, 300, 300, 3000, 1000, 1000,
                                     3000, 300, 300, 300,  300,  1000};
/* At full size each "later" costs a pause, and there would be too many of them. */
static const struct chances rough_full = {1000, 20, 20,  3000, 1000, 1000,
                                          3000, 20, 100, 100,  100,  1000};
static const struct chances smooth = {0};

static int chance(struct crowd_session *session, unsigned of_100000)
{
    return crowd_random(session, 100000) < of_100000;
}

static int say_and_close(struct crowd_session *session, const char *line)
{
    crowd_say(session, line);
    crowd_break(session, 1);
    return 1;
}

static int say(struct crowd_session *session, const char *line)
{
    crowd_say(session, line);
    return 1;
}

static int rough_final(struct crowd_session *session, const struct chances *chances)
{
    if (chance(session, chances->final_554)) {
        return say(session, "554 5.7.1 refused by chance\r\n");
    }
    if (chance(session, chances->final_421)) {
        return say_and_close(session, "421 4.3.2 later, by chance\r\n");
    }
    if (chance(session, chances->taken_then_closed)) {
        crowd_take(session);
        crowd_break(session, 1);
        return 1;
    }
    if (chance(session, chances->closed)) {
        crowd_break(session, 1);
        return 1;
    }
    if (chance(session, chances->reset)) {
        crowd_break(session, 0);
        return 1;
    }
    return 0;
}

static int rough_at(struct crowd_session *session, enum crowd_step step)
{
    const struct chances *chances = session->server->context;
    switch (step) {
    case CROWD_GREETING:
        return chance(session, chances->greeting_421) &&
               say_and_close(session, "421 4.3.2 too many sessions, by chance\r\n");
    case CROWD_MAIL:
        if (chance(session, chances->delay)) {
            usleep(2000);
        }
        if (chance(session, chances->mail_421)) {
            return say_and_close(session, "421 4.7.0 too much, by chance\r\n");
        }
        return chance(session, chances->mail_451) &&
               say(session, "451 4.3.0 not now, by chance\r\n");
    case CROWD_RCPT:
        if (chance(session, chances->rcpt_450)) {
            return say(session, "450 4.2.1 later, by chance\r\n");
        }
        return chance(session, chances->rcpt_550) &&
               say(session, "550 5.1.1 nobody, by chance\r\n");
    case CROWD_DATA:
        return chance(session, chances->data_451) &&
               say(session, "451 4.3.0 not now, by chance\r\n");
    case CROWD_FINAL:
        return rough_final(session, chances);
    }
    return 0;
}

/* One thread's messages: those from `first` on. */
struct client {
    struct crowd_server *server;
    const char *options;
    long first;
    long count;
    long begun;
    unsigned char *callbacks; /* by message */
    signed char *outcomes;    /* by message */
    int wrong;
};

struct ticket {
    struct client *client;
    long number;
};

/* What the server has, now that the callback says so; what it has in the end is run_check's. */
static void client_check(struct client *client, long number, const tidymail_report *report)
{
    int outcome = tidymail_report_outcome(report);
    int taken = atomic_load(&client->server->taken[number]);
    const tidymail_error *error = tidymail_report_error(report);
    int fits = outcome == TIDYMAIL_SENT ? taken == 1 && error == NULL
               : outcome == TIDYMAIL_UNKNOWN
                   ? taken <= 1 && tidymail_error_maybe_delivered(error)
                   : outcome == TIDYMAIL_FAILED && taken == 0 && error != NULL &&
                         !tidymail_error_maybe_delivered(error);
    int session = atomic_load(&client->server->seen[number]);
    if (outcome == TIDYMAIL_UNKNOWN && session > 0 &&
        !atomic_load(&client->server->broken[session])) {
        fits = 0; /* its connection stands */
    }
    if (!fits && client->wrong++ < 5) {
        print_error("message %ld: %s, and the server took it %d times: %s\n%s\n", number,
                    tidymail_outcome_name(outcome), taken, tidymail_report_summary(report),
                    tidymail_report_transcript(report));
    }
    client->outcomes[number - client->first] = (signed char)outcome;
}

static void client_submit(struct client *client, tidymail_transport *transport);

static void client_done(tidymail_transport *transport, tidymail_message *message,
                        tidymail_report *report, void *context)
{
    struct ticket *ticket = context;
    struct client *client = ticket->client;
    (void)message;
    client->callbacks[ticket->number - client->first]++;
    client_check(client, ticket->number, report);
    tidymail_report_free(report);
    free(ticket);
    if (client->begun < client->count) {
        client_submit(client, transport);
    }
}

static void client_submit(struct client *client, tidymail_transport *transport)
{
    char from[64];
    char text[CROWD_TEXT_MAX];
    struct ticket *ticket = malloc(sizeof(*ticket));
    tidymail_message *message = tidymail_message_new();
    ticket->client = client;
    ticket->number = client->first + client->begun++;
    snprintf(from, sizeof(from), "m%ld@example.com", ticket->number);
    crowd_text(ticket->number, text);
    tidymail_message_set_from(message, from);
    tidymail_message_add_to(message, "ann@example.org");
    tidymail_message_set_subject(message, "One of many");
    tidymail_message_set_text(message, text);
    if (tidymail_submit(transport, message, client_done, ticket) != TIDYMAIL_OK) {
        client->wrong++;
        free(ticket);
    }
    tidymail_message_free(message);
}

static void *client_run(void *context)
{
    struct client *client = context;
    char url[256];
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d?tls=none&reply-timeout=20&%s",
             client->server->port, client->options);
    tidymail_transport *transport = tidymail_transport_open(url, NULL);
    while (client->begun < client->count && client->begun < 2000) {
        client_submit(client, transport);
    }
    while (tidymail_run(transport, -1) > 0) {
    }
    tidymail_transport_close(transport);
    return NULL;
}

static long full_size(void)
{
    const char *wanted = getenv("TIDYMAIL_MANY");
    long number = wanted != NULL ? strtol(wanted, NULL, 10) : 0;
    return number > 0 && number <= MANY_MAX ? number : 0;
}

/* When all is over: each callback once, and both sides of one mind. The messages that are wrong. */
static int run_check(const struct crowd_server *server, const unsigned char *callbacks,
                     const signed char *outcomes, long count, long tally[TIDYMAIL_UNKNOWN + 1])
{
    int wrong = 0;
    for (long i = 0; i < count; i++) {
        int taken = atomic_load(&server->taken[i]);
        int session = atomic_load(&server->seen[i]);
        int outcome = outcomes[i];
        int fits = callbacks[i] == 1 && (outcome == TIDYMAIL_SENT     ? taken == 1
                                         : outcome == TIDYMAIL_FAILED ? taken == 0
                                                                      : taken <= 1);
        if (outcome == TIDYMAIL_UNKNOWN && session > 0 && !atomic_load(&server->broken[session])) {
            fits = 0; /* its connection stands */
        }
        if (!fits && wrong++ < 10) {
            print_error("message %ld: %d callbacks, %s, taken %d times, seen on connection %d\n", i,
                        callbacks[i], tidymail_outcome_name(outcome), taken, session);
        }
        tally[outcome]++;
    }
    return wrong;
}

static double run_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_many(struct crowd_server *server, const char *more, long usual_count,
                     int usual_connections, int threads, int window)
{
    int is_full = full_size() > 0;
    long count = (is_full ? full_size() : usual_count) / threads * threads;
    int connections = is_full ? FULL_CONNECTIONS : usual_connections;
    struct client *clients = calloc((size_t)threads, sizeof(*clients));
    pthread_t *ids = calloc((size_t)threads, sizeof(*ids));
    unsigned char *callbacks = calloc((size_t)count, 1);
    signed char *outcomes = calloc((size_t)count, 1);
    long tally[TIDYMAIL_UNKNOWN + 1] = {0};
    char options[128];
    double start = run_seconds();
    int is_smooth = server->context == &smooth;
    int wrong = 0;
    if (is_full && server->context == &rough) {
        server->context = &rough_full;
    }
    server->at = rough_at;
    server->checks_text = 1;
    server->seed = 20261124;
    snprintf(options, sizeof(options), "connections=%d%s", (connections + threads - 1) / threads,
             more);
    crowd_start(server, (size_t)count);
    for (int i = 0; i < threads; i++) {
        clients[i].server = server;
        clients[i].options = options;
        clients[i].first = count / threads * i;
        clients[i].count = count / threads;
        clients[i].callbacks = callbacks + clients[i].first;
        clients[i].outcomes = outcomes + clients[i].first;
        assert_int_equal(pthread_create(&ids[i], NULL, client_run, &clients[i]), 0);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        wrong += clients[i].wrong;
    }
    crowd_stop(server);
    wrong += run_check(server, callbacks, outcomes, count, tally);
    int breaks = atomic_load(&server->breaks);
    printf("%d x %s: %ld sent, %ld failed, %ld unknown; %d connections, %d at once, %d breaks, "
           "%.1f s\n",
           threads, options, tally[TIDYMAIL_SENT], tally[TIDYMAIL_FAILED], tally[TIDYMAIL_UNKNOWN],
           atomic_load(&server->opened), atomic_load(&server->most), breaks, run_seconds() - start);
    fflush(stdout);
    assert_int_equal(wrong, 0);
    assert_int_equal(atomic_load(&server->wrong), 0);
    assert_int_equal(atomic_load(&server->out_of_turn), 0);
    assert_true(tally[TIDYMAIL_SENT] > count / 2);
    assert_true(is_smooth ? tally[TIDYMAIL_SENT] == count : tally[TIDYMAIL_FAILED] > 0);
    assert_true(tally[TIDYMAIL_UNKNOWN] <= (long)breaks * window);
    crowd_clear(server);
    free(outcomes);
    free(callbacks);
    free(clients);
    free(ids);
}

#define PIPELINING "250-PIPELINING\r\n"
#define CHUNKING "250-PIPELINING\r\n250-CHUNKING\r\n"

#define MANY_TEST(name, chance_of, offers, options, count, connections, threads, window)           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        struct crowd_server server = {.extensions = (offers), .context = (chance_of)};             \
        (void)state;                                                                               \
        run_many(&server, options, count, connections, threads, window);                           \
    }

MANY_TEST(all_are_taken, &smooth, PIPELINING, "", 1000, 4, 1, 1)
MANY_TEST(all_are_taken_in_a_stream, &smooth, CHUNKING, "&chunking=yes", 1000, 2, 1, WINDOW)
MANY_TEST(one_after_the_other, &rough, NULL, "", 1000, 8, 1, 1)
MANY_TEST(pipelined, &rough, PIPELINING, "", 2000, 8, 1, 1)
MANY_TEST(streamed, &rough, CHUNKING, "&chunking=yes", 2000, 8, 1, WINDOW)
MANY_TEST(all_or_nobody, &rough, CHUNKING, "&chunking=yes&partial=no", 1000, 8, 1, 1)
MANY_TEST(few_for_each_connection, &rough, CHUNKING, "&chunking=yes&per-connection=20", 1000, 4, 1,
          WINDOW)
MANY_TEST(a_transport_for_each_thread, &rough, CHUNKING, "&chunking=yes", 2000, 16, 4, WINDOW)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_taken),
        cmocka_unit_test(all_are_taken_in_a_stream),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(streamed),
        cmocka_unit_test(all_or_nobody),
        cmocka_unit_test(few_for_each_connection),
        cmocka_unit_test(a_transport_for_each_thread),
    };
    cmocka_set_test_filter(getenv("TIDYMAIL_MANY_ONLY")); /* NULL: all */
    return cmocka_run_group_tests_name("many messages", tests, NULL, NULL);
}
