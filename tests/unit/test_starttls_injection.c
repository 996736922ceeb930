/*
 * test_starttls_injection.c: somebody on the way puts replies in clear behind the server's answer to
 * STARTTLS: into the same segment, the next one, into the handshake, behind it. Each ends as `tls`,
 * nothing of it is believed, and no credentials and no message go out. In memory and over sockets.
 */
#include "engine_fixture.h"

#include <stdio.h>

#include <tidymail/devserver.h>
#include <tidymail/tidymail.h>

#include "relay.h"

/* What is put in: whole replies and parts of one, believable and not. */
static const char *const injections[] = {
    "250-forged.example\r\n250 AUTH PLAIN LOGIN\r\n",
    "250 ok\r\n",
    "250-a half",
    "2",
    "\r\n",
    "454 4.7.0 not now\r\n",
    "535 5.7.8 wrong\r\n",
    "421 4.3.2 closing\r\n",
    "no reply at all\r\n",
    "235 2.7.0 welcome\r\n250 ok\r\n250 ok\r\n354 go\r\n250 sent\r\n",
};
#define INJECTIONS (sizeof(injections) / sizeof(injections[0]))

static void expect_nothing_believed(const tidymail_report *report, const char *what)
{
    const tidymail_error *error = tidymail_report_error(report);
    const tidymail_recipient *recipient = tidymail_report_recipient(report, 0);
    if (tidymail_report_outcome(report) != TIDYMAIL_FAILED ||
        tidymail_error_kind(error) != TIDYMAIL_KIND_TLS || tidymail_error_retryable(error)) {
        fail_msg("%s: %s, %s: %s", what, tidymail_outcome_name(tidymail_report_outcome(report)),
                 tidymail_kind_name(tidymail_error_kind(error)), tidymail_report_summary(report));
    }
    assert_int_equal(tidymail_error_code(error), 0);
    assert_int_equal(tidymail_recipient_outcome(recipient), TIDYMAIL_FAILED);
    assert_int_equal(tidymail_recipient_code(recipient), 0);
    assert_string_equal(tidymail_report_auth_tried(report), "");
}

enum memory_variant { SAME_SEGMENT, NEXT_SEGMENT, BYTE_BY_BYTE, MEMORY_VARIANTS };

/* The session up to the server's answer to STARTTLS, and the bytes behind it. */
static void play_in_memory(enum memory_variant variant, const char *bytes)
{
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    char segment[512];
    options.tls = TIDYMAIL_SMTP_TLS_STARTTLS;
    options.user = "bench";
    options.password = "sesame";
    fixture_open(&f, &options);
    submit(&f, ann, 1, "Subject: x\r\n\r\nx\r\n");
    tidymail_smtp_connected(f.smtp, f.now);
    exchange(&f, "", "220 mx\r\n");
    exchange(&f, "EHLO me.example\r\n", "250-mx\r\n250 STARTTLS\r\n");
    int length = snprintf(segment, sizeof(segment), "220 go ahead\r\n%s",
                          variant == SAME_SEGMENT ? bytes : "");
    assert_true(length > 0 && (size_t)length < sizeof(segment));
    exchange(&f, "STARTTLS\r\n", segment);
    assert_int_equal(f.start_tls, variant != SAME_SEGMENT);
    for (size_t i = 0; variant == BYTE_BY_BYTE && bytes[i] != '\0'; i++) {
        tidymail_smtp_feed(f.smtp, bytes + i, 1, f.now);
    }
    if (variant == NEXT_SEGMENT) {
        tidymail_smtp_feed(f.smtp, bytes, strlen(bytes), f.now);
    }
    tidymail_smtp_tls_done(f.smtp, "TLSv1.3", "TLS_AES_128_GCM_SHA256", f.now); /* too late */
    drain(&f);
    assert_string_equal(tdm_buf_text(&f.sent), "");
    assert_true(f.closed);
    assert_non_null(f.report);
    expect_nothing_believed(f.report, bytes);
    assert_string_equal(tidymail_report_tls_version(f.report), "");
    assert_null(strstr(tdm_buf_text(&f.trace), "forged"));
    fixture_close(&f);
}

static void test_in_memory(void **state)
{
    (void)state;
    for (int variant = 0; variant < MEMORY_VARIANTS; variant++) {
        for (size_t i = 0; i < INJECTIONS; i++) {
            play_in_memory((enum memory_variant)variant, injections[i]);
        }
    }
}

static void send_injected(const tidymail_devserver *server, enum relay_place place,
                          const char *bytes)
{
    struct relay relay;
    char url[512];
    memset(&relay, 0, sizeof(relay));
    relay.fault = RELAY_INJECT;
    relay.place = place;
    relay.injected = bytes;
    relay.server_port = tidymail_devserver_port(server);
    assert_int_equal(relay_start(&relay), 0);
    snprintf(url, sizeof(url), "smtp://bench:sesame@127.0.0.1:%d?reply-timeout=4&ca=%s", relay.port,
             tidymail_devserver_ca(server));
    tidymail_transport *transport = tidymail_transport_open(url, NULL);
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "sender@example.com");
    tidymail_message_add_to(message, "ann@example.org");
    tidymail_message_set_subject(message, "Injected");
    tidymail_message_set_text(message, "Hi there!\n");
    tidymail_report *report = tidymail_send(transport, message);
    tidymail_transport_close(transport);
    tidymail_message_free(message);
    relay_stop(&relay);
    assert_true(relay.faulted);
    expect_nothing_believed(report, bytes);
    tidymail_report_free(report);
    assert_int_equal(tidymail_devserver_message_count(server), 0);
}

static void test_over_sockets(void **state)
{
    const enum relay_place *place = *state;
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char error[256] = "";
    options.user = "bench";
    options.password = "sesame";
    tidymail_devserver *server = tidymail_devserver_start(&options, error, sizeof(error));
    assert_non_null(server);
    /* of a TLS record as short as the shorter ones the end is waited for: the first will do there */
    size_t count = *place < RELAY_IN_HANDSHAKE ? INJECTIONS : 1;
    for (size_t i = 0; i < count; i++) {
        send_injected(server, *place, injections[i]);
    }
    tidymail_devserver_stop(server);
}

#define PLACE(name, place)                                                                         \
    {                                                                                              \
        "over sockets: " name, test_over_sockets, NULL, NULL, (void *)(uintptr_t)&place            \
    }

int main(void)
{
    static const enum relay_place behind_220 = RELAY_BEHIND_220;
    static const enum relay_place before_hello = RELAY_BEFORE_HELLO;
    static const enum relay_place in_handshake = RELAY_IN_HANDSHAKE;
    static const enum relay_place behind_handshake = RELAY_BEHIND_HANDSHAKE;
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_memory),
        PLACE("in the segment of the reply", behind_220),
        PLACE("in the next segment", before_hello),
        PLACE("into the handshake", in_handshake),
        PLACE("behind the handshake", behind_handshake),
    };
    return cmocka_run_group_tests_name("injection behind STARTTLS", tests, NULL, NULL);
}
