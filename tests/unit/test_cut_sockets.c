/*
 * test_cut_sockets.c: tidymail_send over sockets and TLS, through a relay that loses the connection
 * or stalls after some byte of either direction. What the report says must agree with what the
 * server has: never sent without the message there, never failed with it there; and along the bytes
 * of the session the answers are first failed, then unknown, then sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <tidymail/devserver.h>
#include <tidymail/tidymail.h>

#include "relay.h"

#define SAMPLES 16   /* offsets of each fault and direction */
#define SOON_MS 8000 /* far above the deadlines set here, far below the default ones */

static tidymail_devserver *test_server;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int start_server(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char error[256];
    (void)state;
    options.user = "bench";
    options.password = "sesame";
    options.require_auth = 1;
    test_server = tidymail_devserver_start(&options, error, sizeof(error));
    return test_server != NULL ? 0 : -1;
}

static int stop_server(void **state)
{
    (void)state;
    tidymail_devserver_stop(test_server);
    return 0;
}

/* Sends one message to three recipients through the relay, which is at its end afterwards. */
static tidymail_report *send_through(struct relay *relay, int64_t *took_ms)
{
    static const char *const options[] = {"reply-timeout=0.6", "final-timeout=0.6"};
    tidymail_transport_options more = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    char url[512];
    relay->server_port = tidymail_devserver_port(test_server);
    assert_int_equal(relay_start(relay), 0);
    snprintf(url, sizeof(url), "smtp://bench:sesame@127.0.0.1:%d?ca=%s", relay->port,
             tidymail_devserver_ca(test_server));
    more.options = options;
    more.option_count = 2;
    tidymail_transport *transport = tidymail_transport_open(url, &more);
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "sender@example.com");
    tidymail_message_add_to(message, "a@example.org");
    tidymail_message_add_to(message, "b@example.org");
    tidymail_message_add_to(message, "c@example.org");
    tidymail_message_set_subject(message, "Cut");
    tidymail_message_set_text(message, "A text of some length, so that cuts in it can be made.\n"
                                       "And a second line of it, and then it ends.\n");
    int64_t start = now_ms();
    tidymail_report *report = tidymail_send(transport, message);
    *took_ms = now_ms() - start;
    tidymail_transport_close(transport);
    tidymail_message_free(message);
    relay_stop(relay);
    return report;
}

struct fault {
    enum relay_fault fault;
    enum relay_direction direction;
};

/* How far along the session an answer belongs. */
static int answer_rank(int outcome)
{
    return outcome == TIDYMAIL_FAILED ? 0 : outcome == TIDYMAIL_UNKNOWN ? 1 : 2;
}

static int check_one(const struct fault *fault, int64_t after)
{
    struct relay relay;
    int64_t took;
    memset(&relay, 0, sizeof(relay));
    relay.fault = fault->fault;
    relay.direction = fault->direction;
    relay.after = after;
    size_t before = tidymail_devserver_message_count(test_server);
    tidymail_report *report = send_through(&relay, &took);
    size_t kept = tidymail_devserver_message_count(test_server) - before;
    int outcome = tidymail_report_outcome(report);
    int true_answer = outcome == TIDYMAIL_UNKNOWN || (outcome == TIDYMAIL_SENT && kept == 1) ||
                      (outcome == TIDYMAIL_FAILED && kept == 0);
    if (!true_answer || took > SOON_MS) {
        fail_msg("after %lld: %s in %lld ms, the server has %zu: %s", (long long)after,
                 tidymail_outcome_name(outcome), (long long)took, kept,
                 tidymail_report_summary(report));
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(report, i)), outcome);
    }
    if (outcome != TIDYMAIL_SENT) {
        const tidymail_error *error = tidymail_report_error(report);
        assert_int_equal(tidymail_error_maybe_delivered(error), outcome == TIDYMAIL_UNKNOWN);
        assert_true(tidymail_error_phase(error) != TIDYMAIL_PHASE_FINAL ||
                    outcome == TIDYMAIL_UNKNOWN);
    }
    tidymail_report_free(report);
    return answer_rank(outcome);
}

static void test_sample(void **state)
{
    const struct fault *fault = *state;
    struct relay whole;
    int64_t took;
    int ranks[SAMPLES];
    memset(&whole, 0, sizeof(whole));
    tidymail_report *report = send_through(&whole, &took);
    if (tidymail_report_outcome(report) != TIDYMAIL_SENT) {
        fail_msg("undisturbed: %s", tidymail_report_summary(report));
    }
    tidymail_report_free(report);
    int64_t total = whole.bytes[fault->direction];
    assert_true(total > 1000);
    for (int i = 0; i < SAMPLES; i++) {
        ranks[i] = check_one(fault, total * i / SAMPLES);
        if (i > 0 && ranks[i] < ranks[i - 1]) {
            fail_msg("sample %d: the answer goes back along the session", i);
        }
    }
    assert_int_equal(ranks[0], 0);
}

#define SAMPLE(name, fault)                                                                        \
    {                                                                                              \
        name, test_sample, NULL, NULL, (void *)(uintptr_t)fault                                    \
    }

int main(void)
{
    static const struct fault close_server = {RELAY_CLOSE, RELAY_FROM_SERVER};
    static const struct fault close_client = {RELAY_CLOSE, RELAY_FROM_CLIENT};
    static const struct fault reset_server = {RELAY_RESET, RELAY_FROM_SERVER};
    static const struct fault reset_client = {RELAY_RESET, RELAY_FROM_CLIENT};
    static const struct fault stall_server = {RELAY_STALL, RELAY_FROM_SERVER};
    static const struct fault stall_client = {RELAY_STALL, RELAY_FROM_CLIENT};
    static const struct CMUnitTest tests[] = {
        SAMPLE("closed within what the server says", &close_server),
        SAMPLE("closed within what the client says", &close_client),
        SAMPLE("reset within what the server says", &reset_server),
        SAMPLE("reset within what the client says", &reset_client),
        SAMPLE("stalled within what the server says", &stall_server),
        SAMPLE("stalled within what the client says", &stall_client),
    };
    return cmocka_run_group_tests_name("cut over sockets", tests, start_server, stop_server);
}
