/*
 * test_send_sockets.c: tidymail_send over real sockets against servers that go silent, drip, talk
 * without end, hang up or refuse: the answer is right, and it comes in time.
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

#include "fail_alloc.h"
#include "small_server.h"

#define SOON_MS 6000 /* far above every deadline set here, far below every default */

#define GREETING "S: 220 mx.example.test ESMTP\n"
#define EHLO "C: EHLO *\nS: 250-mx.example.test\nS: 250 8BITMIME\n"
#define TO_TLS                                                                                     \
    GREETING "C: EHLO *\nS: 250-mx.example.test\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 Go ahead\n"
#define MAIL "C: MAIL FROM:*\nS: 250 2.1.0 Ok\n"
#define RCPT "C: RCPT TO:*\nS: 250 2.1.5 Ok\n"
#define DATA "C: DATA\nS: 354 Go ahead\n"
#define CLEAR "client: tls=none\n"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static tidymail_devserver *play(const char *script)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char error[512] = "";
    options.scenario = script;
    options.no_tls = strstr(script, "tls=none") != NULL;
    tidymail_devserver *server = tidymail_devserver_start(&options, error, sizeof(error));
    if (server == NULL) {
        fail_msg("the server does not start: %s", error);
    }
    return server;
}

static tidymail_message *message_to(const char *const *recipients)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "sender@example.com");
    for (; *recipients != NULL; recipients++) {
        tidymail_message_add_to(message, *recipients);
    }
    tidymail_message_set_subject(message, "A small message");
    tidymail_message_set_text(message, "Hi there!\n.\n");
    return message;
}

static tidymail_report *send_with(const char *url, const char *const *options, size_t count,
                                  tidymail_message *message, const tidymail_allocator *allocator)
{
    tidymail_transport_options more = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    more.options = options;
    more.option_count = count;
    tidymail_transport *transport = tidymail_transport_open_with(url, &more, allocator);
    tidymail_report *report = tidymail_send(transport, message);
    assert_non_null(report);
    tidymail_transport_close(transport);
    return report;
}

static tidymail_report *send_to_ann(const char *url, const char *const *options, size_t count)
{
    static const char *const ann[] = {"ann@example.org", NULL};
    tidymail_message *message = message_to(ann);
    tidymail_report *report = send_with(url, options, count, message, NULL);
    tidymail_message_free(message);
    return report;
}

/* What a report must say; a mismatch shows what it does say. */
static void assert_report(const tidymail_report *report, int outcome, int kind, int phase)
{
    const tidymail_error *error = tidymail_report_error(report);
    int is[] = {tidymail_report_outcome(report), tidymail_error_kind(error),
                tidymail_error_phase(error)};
    if (is[0] != outcome || is[1] != kind || is[2] != phase) {
        fail_msg("expected %s %s %s, got %s %s %s: %s", tidymail_outcome_name(outcome),
                 tidymail_kind_name(kind), tidymail_phase_name(phase), tidymail_outcome_name(is[0]),
                 tidymail_kind_name(is[1]), tidymail_phase_name(is[2]),
                 tidymail_report_summary(report));
    }
}

struct silent_stage {
    const char *script;
    int phase;
    int outcome;
};

static void test_silent_stage(void **state)
{
    static const char *const options[] = {"reply-timeout=0.3", "final-timeout=0.3"};
    const struct silent_stage *stage = *state;
    tidymail_devserver *server = play(stage->script);
    int64_t start = now_ms();
    tidymail_report *report = send_to_ann(tidymail_devserver_url(server), options, 2);
    int64_t took = now_ms() - start;
    assert_report(report, stage->outcome, TIDYMAIL_KIND_TIMEOUT, stage->phase);
    assert_true(tidymail_error_retryable(tidymail_report_error(report)));
    assert_int_equal(tidymail_error_maybe_delivered(tidymail_report_error(report)),
                     stage->outcome == TIDYMAIL_UNKNOWN);
    assert_true(took >= 200);
    assert_true(took < SOON_MS);
    assert_string_equal(tidymail_devserver_deviation(server), "");
    tidymail_report_free(report);
    tidymail_devserver_stop(server);
}

/* A message that no pair of socket buffers holds, to a server that takes nothing of it. */
static void test_server_stops_reading(void **state)
{
    static const char line[] = "It fills the buffers, it fills the buffers, it fills them.\r\n";
    static const char header[] = "From: sender@example.com\r\nTo: ann@example.org\r\n"
                                 "Subject: much\r\n\r\n";
    static const char *const options[] = {"reply-timeout=0.5", "tls=none"};
    const size_t lines = 400000;
    (void)state;
    struct small_server server;
    assert_int_equal(small_server_start(&server, 1), 0);
    size_t length = sizeof(header) - 1;
    char *raw = malloc(length + lines * (sizeof(line) - 1));
    assert_non_null(raw);
    memcpy(raw, header, length);
    for (size_t i = 0; i < lines; i++, length += sizeof(line) - 1) {
        memcpy(raw + length, line, sizeof(line) - 1);
    }
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_raw(message, raw, length);
    char url[64];
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", server.port);
    int64_t start = now_ms();
    tidymail_report *report = send_with(url, options, 2, message, NULL);
    int64_t took = now_ms() - start;
    small_server_stop(&server);
    assert_report(report, TIDYMAIL_FAILED, TIDYMAIL_KIND_TIMEOUT, TIDYMAIL_PHASE_BODY);
    assert_true(took >= 400);
    assert_true(took < SOON_MS);
    tidymail_report_free(report);
    tidymail_message_free(message);
    small_server_clear(&server);
    free(raw);
}

struct slow_server {
    const char *script;
    const char *option;
    int phase;
    int outcome;
};

/* One byte a second: the deadline is for the reply, or the send, not for the next byte. */
static void test_one_byte_a_second(void **state)
{
    const struct slow_server *slow = *state;
    tidymail_devserver *server = play(slow->script);
    int64_t start = now_ms();
    tidymail_report *report = send_to_ann(tidymail_devserver_url(server), &slow->option, 1);
    int64_t took = now_ms() - start;
    assert_report(report, slow->outcome, TIDYMAIL_KIND_TIMEOUT, slow->phase);
    assert_true(took >= 1000);
    assert_true(took < SOON_MS);
    tidymail_report_free(report);
    tidymail_devserver_stop(server);
}

/* A reply without end is cut off, and until then hardly anything of it is kept. */
static void test_endless_reply(void **state)
{
    static const char *const ann[] = {"ann@example.org", NULL};
    const char *script = *state;
    tidymail_devserver *server = play(script);
    tidymail_message *message = message_to(ann);
    struct fail_alloc memory;
    tidymail_allocator allocator = fail_alloc_init(&memory, 0, FAIL_ALLOC_NEVER);
    int64_t start = now_ms();
    tidymail_report *report =
        send_with(tidymail_devserver_url(server), NULL, 0, message, &allocator);
    assert_true(now_ms() - start < SOON_MS);
    assert_report(report, TIDYMAIL_FAILED, TIDYMAIL_KIND_PROTOCOL, TIDYMAIL_PHASE_EHLO);
    assert_true(memory.peak_bytes < (size_t)1 << 20);
    tidymail_report_free(report);
    assert_int_equal(memory.live, 0);
    tidymail_message_free(message);
    tidymail_devserver_stop(server);
}

static void test_lost_after_the_final_dot(void **state)
{
    const char *script = *state;
    tidymail_devserver *server = play(script);
    tidymail_report *report = send_to_ann(tidymail_devserver_url(server), NULL, 0);
    assert_report(report, TIDYMAIL_UNKNOWN, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_FINAL);
    assert_true(tidymail_error_maybe_delivered(tidymail_report_error(report)));
    assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(report, 0)),
                     TIDYMAIL_UNKNOWN);
    assert_string_equal(tidymail_devserver_deviation(server), "");
    tidymail_report_free(report);
    tidymail_devserver_stop(server);
}

static void test_one_of_three_is_refused(void **state)
{
    static const char *const three[] = {"ann@example.org", "bob@example.org", "carol@example.org",
                                        NULL};
    static const char *const options[] = {"tls=none"};
    static const int outcomes[] = {TIDYMAIL_SENT, TIDYMAIL_FAILED, TIDYMAIL_SENT};
    static const int codes[] = {250, 550, 250};
    (void)state;
    struct small_server server;
    assert_int_equal(small_server_start(&server, 0), 0);
    tidymail_message *message = message_to(three);
    char url[64];
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", server.port);
    tidymail_report *report = send_with(url, options, 1, message, NULL);
    small_server_stop(&server);
    assert_report(report, TIDYMAIL_PARTIAL, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_RCPT);
    assert_int_equal(tidymail_report_recipient_count(report), 3);
    for (size_t i = 0; i < 3; i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        assert_string_equal(tidymail_recipient_address(recipient), three[i]);
        assert_int_equal(tidymail_recipient_outcome(recipient), outcomes[i]);
        assert_int_equal(tidymail_recipient_code(recipient), codes[i]);
    }
    assert_string_equal(server.recipients, "<ann@example.org> <carol@example.org> ");
    server.message[server.length] = '\0';
    assert_non_null(strstr(server.message, "Subject: A small message\r\n"));
    assert_non_null(strstr(server.message, "\r\n\r\nHi there!\r\n..\r\n.\r\n"));
    tidymail_report_free(report);
    tidymail_message_free(message);
    small_server_clear(&server);
}

#define SILENT(stage, text, phase, outcome)                                                        \
    static const struct silent_stage silent_##stage = {text, TIDYMAIL_PHASE_##phase,               \
                                                       TIDYMAIL_##outcome}
SILENT(greeting, CLEAR "@silence\n", GREETING, FAILED);
SILENT(ehlo, CLEAR GREETING "C: EHLO *\n@silence\n", EHLO, FAILED);
SILENT(starttls,
       GREETING "C: EHLO *\nS: 250-mx.example.test\nS: 250 STARTTLS\nC: STARTTLS\n@silence\n",
       STARTTLS, FAILED);
SILENT(handshake, TO_TLS "@silence\n", TLS, FAILED);
SILENT(implicit, "client: tls=implicit\n@silence\n", TLS, FAILED);
SILENT(auth,
       "client: user=bench password=secret\n" TO_TLS
       "@tls\nC: EHLO *\nS: 250-mx.example.test\nS: 250 AUTH PLAIN\nC: AUTH PLAIN *\n@silence\n",
       AUTH, FAILED);
SILENT(mail, CLEAR GREETING EHLO "C: MAIL FROM:*\n@silence\n", MAIL, FAILED);
SILENT(rcpt, CLEAR GREETING EHLO MAIL "C: RCPT TO:*\n@silence\n", RCPT, FAILED);
SILENT(data, CLEAR GREETING EHLO MAIL RCPT "C: DATA\n@silence\n", DATA, FAILED);
SILENT(final, CLEAR GREETING EHLO MAIL RCPT DATA "C: <message>\n@silence\n", FINAL, UNKNOWN);

static const struct slow_server slow_greeting = {CLEAR "@bytewise 1s\n@repeat 1000\nS: 220-a\n",
                                                 "reply-timeout=1.4", TIDYMAIL_PHASE_GREETING,
                                                 TIDYMAIL_FAILED};
static const struct slow_server slow_send = {CLEAR "@bytewise 1s\n@repeat 1000\nS: 220-a\n",
                                             "timeout=1.4", TIDYMAIL_PHASE_GREETING,
                                             TIDYMAIL_FAILED};
static const struct slow_server slow_final = {
    CLEAR GREETING EHLO MAIL RCPT DATA "C: <message>\n@bytewise 1s\n@repeat 1000\nS: 250-a\n",
    "final-timeout=1.4", TIDYMAIL_PHASE_FINAL, TIDYMAIL_UNKNOWN};

static char endless_lines[] = CLEAR GREETING "C: EHLO *\n@repeat 100000000\nS: 250-X-ONE-MORE\n";
static char endless_line[] =
    CLEAR GREETING "C: EHLO *\n@raw MjUwLQ==\n@repeat 100000000\n@raw eHh4eHh4eHh4eHh4\n";
static char lost_closed[] = CLEAR GREETING EHLO MAIL RCPT DATA "C: <message>\n@close\n";
static char lost_reset[] = CLEAR GREETING EHLO MAIL RCPT DATA "C: <message>\n@reset\n";

#define CASE(name, function, data)                                                                 \
    {                                                                                              \
        name, function, NULL, NULL, (void *)(uintptr_t)data                                        \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE("silent: no greeting", test_silent_stage, &silent_greeting),
        CASE("silent: after EHLO", test_silent_stage, &silent_ehlo),
        CASE("silent: after STARTTLS", test_silent_stage, &silent_starttls),
        CASE("silent: in the handshake", test_silent_stage, &silent_handshake),
        CASE("silent: in the handshake of smtps", test_silent_stage, &silent_implicit),
        CASE("silent: after AUTH", test_silent_stage, &silent_auth),
        CASE("silent: after MAIL", test_silent_stage, &silent_mail),
        CASE("silent: after RCPT", test_silent_stage, &silent_rcpt),
        CASE("silent: after DATA", test_silent_stage, &silent_data),
        CASE("silent: after the final dot", test_silent_stage, &silent_final),
        cmocka_unit_test(test_server_stops_reading),
        CASE("one byte a second: the greeting", test_one_byte_a_second, &slow_greeting),
        CASE("one byte a second: the whole send", test_one_byte_a_second, &slow_send),
        CASE("one byte a second: the final answer", test_one_byte_a_second, &slow_final),
        CASE("endless: lines", test_endless_reply, endless_lines),
        CASE("endless: one line", test_endless_reply, endless_line),
        CASE("lost after the final dot: closed", test_lost_after_the_final_dot, lost_closed),
        CASE("lost after the final dot: reset", test_lost_after_the_final_dot, lost_reset),
        cmocka_unit_test(test_one_of_three_is_refused),
    };
    return cmocka_run_group_tests_name("sending over sockets", tests, NULL, NULL);
}
