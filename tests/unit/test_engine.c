/* test_engine.c: the SMTP engine against dialogues in memory. */
#include "engine_fixture.h"

static void reach_rcpt(struct fixture *f)
{
    submit(f, ann, 1, "Subject: x\r\n\r\nhi\r\n");
    tidymail_smtp_connected(f->smtp, f->now);
    exchange(f, "", "220 mx\r\n");
    exchange(f, "EHLO me.example\r\n", "250 mx\r\n");
    exchange(f, "MAIL FROM:<me@example.com>\r\n", "250 ok\r\n");
}

static void sends_a_message_and_is_idle_again(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    reach_rcpt(&f);
    exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
    exchange(&f, "DATA\r\n", "354 go\r\n");
    exchange(&f, "Subject: x\r\n\r\nhi\r\n.\r\n", "250 2.0.0 queued\r\n");
    assert_non_null(f.report);
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_SENT);
    assert_null(tidymail_report_error(f.report));
    const tidymail_recipient *recipient = tidymail_report_recipient(f.report, 0);
    assert_int_equal(tidymail_recipient_code(recipient), 250);
    assert_string_equal(tidymail_recipient_enhanced(recipient), "2.0.0");
    assert_string_equal(tidymail_recipient_reply(recipient), "queued");
    assert_string_equal(tidymail_report_summary(f.report),
                        "sent to 1 recipient through mx.example:25");
    assert_true(f.idle);
    assert_true(tidymail_smtp_usable(f.smtp));
    assert_int_equal(f.text.released, 1);
    submit(&f, ann, 1, "two\r\n");
    exchange(&f, "MAIL FROM:<me@example.com>\r\n", "550 no\r\n");
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_FAILED);
    tidymail_smtp_quit(f.smtp, f.now);
    exchange(&f, "QUIT\r\n", "221 bye\r\n");
    assert_true(f.closed);
    fixture_close(&f);
}

static void pipelines_mail_rcpt_data_in_one_write(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    submit(&f, abc, 3, "x\r\n");
    tidymail_smtp_connected(f.smtp, f.now);
    exchange(&f, "", "220 mx\r\n");
    exchange(&f, "EHLO me.example\r\n", "250-mx\r\n250 PIPELINING\r\n");
    exchange(&f,
             "MAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
             "RCPT TO:<c@example.org>\r\nDATA\r\n",
             "250 ok\r\n250 ok\r\n550 5.1.1 no b\r\n250 ok\r\n354 go\r\n");
    exchange(&f, "x\r\n.\r\n", "250 ok\r\n");
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_PARTIAL);
    const tidymail_error *error = tidymail_report_error(f.report);
    assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_PERMANENT);
    assert_int_equal(tidymail_error_phase(error), TIDYMAIL_PHASE_RCPT);
    assert_string_equal(tidymail_error_enhanced(error), "5.1.1");
    assert_string_equal(tidymail_error_reply(error), "no b");
    static const int outcomes[] = {TIDYMAIL_SENT, TIDYMAIL_FAILED, TIDYMAIL_SENT};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(f.report, i)),
                         outcomes[i]);
    }
    fixture_close(&f);
}

static void sends_an_empty_message_when_all_were_refused_and_354_came(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    submit(&f, ann, 1, "secret text\r\n");
    tidymail_smtp_connected(f.smtp, f.now);
    exchange(&f, "", "220 mx\r\n");
    exchange(&f, "EHLO me.example\r\n", "250-mx\r\n250 PIPELINING\r\n");
    exchange(&f, "MAIL FROM:<me@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n",
             "250 ok\r\n450 later\r\n354 go\r\n");
    exchange(&f, ".\r\n", "250 thanks for nothing\r\n");
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_FAILED);
    assert_int_equal(tidymail_error_kind(tidymail_report_error(f.report)), TIDYMAIL_KIND_TEMPORARY);
    assert_true(tidymail_error_retryable(tidymail_report_error(f.report)));
    fixture_close(&f);
}

static void partial_no_streams_nothing_behind_rcpt(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    options.no_partial = 1;
    fixture_open(&f, &options);
    submit(&f, abc, 3, "x\r\n");
    tidymail_smtp_connected(f.smtp, f.now);
    exchange(&f, "", "220 mx\r\n");
    exchange(&f, "EHLO me.example\r\n", "250-mx\r\n250 PIPELINING\r\n");
    exchange(&f,
             "MAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
             "RCPT TO:<c@example.org>\r\n",
             "250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n");
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_FAILED);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(f.report, i)),
                         TIDYMAIL_FAILED);
    }
    submit(&f, ann, 1, "y\r\n");
    exchange(&f, "RSET\r\nMAIL FROM:<me@example.com>\r\nRCPT TO:<ann@example.org>\r\n",
             "250 ok\r\n250 ok\r\n250 ok\r\n");
    exchange(&f, "DATA\r\n", "354 go\r\n");
    fixture_close(&f);
}

static void canonicalises_and_stuffs_whatever_the_pieces(void **state)
{
    (void)state;
    static const char text[] = ".\n..a\r\n\r.b\r\rc\n.\r\n.\rd";
    static const char wire[] = "..\r\n...a\r\n\r\n..b\r\n\r\nc\r\n..\r\n..\r\nd\r\n.\r\n";
    for (size_t step = 1; step < sizeof(text); step++) {
        struct fixture f;
        tidymail_smtp_options options = plain_options();
        fixture_open(&f, &options);
        f.text.step = step;
        reach_rcpt(&f);
        f.text.text = text;
        exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
        exchange(&f, "DATA\r\n", "354 go\r\n");
        exchange(&f, wire, "250 ok\r\n");
        assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_SENT);
        fixture_close(&f);
    }
}

static void adds_nothing_to_a_message_that_ends_in_a_line_end(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", ".\r\n"},
                                           {"a", "a\r\n.\r\n"},
                                           {"a\r\n", "a\r\n.\r\n"},
                                           {"a\r\n\r\n", "a\r\n\r\n.\r\n"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        tidymail_smtp_options options = plain_options();
        fixture_open(&f, &options);
        reach_rcpt(&f);
        f.text.text = cases[i][0];
        exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
        exchange(&f, "DATA\r\n", "354 go\r\n");
        exchange(&f, cases[i][1], "250 ok\r\n");
        fixture_close(&f);
    }
}

/* The connection breaks after so many bytes of the message and its end were taken. */
static void unknown_exactly_when_the_end_was_handed_over(void **state)
{
    (void)state;
    const size_t whole = strlen("Subject: x\r\n\r\nhi\r\n.\r\n");
    for (size_t taken = 0; taken <= whole; taken++) {
        struct fixture f;
        tidymail_smtp_options options = plain_options();
        fixture_open(&f, &options);
        reach_rcpt(&f);
        exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
        exchange(&f, "DATA\r\n", "354 go\r\n");
        const void *bytes;
        size_t length;
        assert_true(tidymail_smtp_output(f.smtp, &bytes, &length));
        assert_int_equal(length, whole);
        tidymail_smtp_consume(f.smtp, taken, f.now);
        tidymail_smtp_end_of_file(f.smtp, "Connection reset by peer", f.now);
        events(&f);
        assert_true(f.closed);
        int outcome = tidymail_report_outcome(f.report);
        assert_int_equal(outcome, taken == whole ? TIDYMAIL_UNKNOWN : TIDYMAIL_FAILED);
        const tidymail_error *error = tidymail_report_error(f.report);
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_CONNECTION);
        assert_int_equal(tidymail_error_phase(error),
                         taken == whole ? TIDYMAIL_PHASE_FINAL : TIDYMAIL_PHASE_BODY);
        assert_int_equal(tidymail_error_maybe_delivered(error), taken == whole);
        assert_true(tidymail_error_retryable(error));
        fixture_close(&f);
    }
}

static void times_out_in_each_phase_at_its_deadline(void **state)
{
    (void)state;
    static const char *const replies[] = {"220 mx\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n",
                                          "354 go\r\n"};
    static const int phases[] = {TIDYMAIL_PHASE_GREETING, TIDYMAIL_PHASE_EHLO,
                                 TIDYMAIL_PHASE_MAIL,     TIDYMAIL_PHASE_RCPT,
                                 TIDYMAIL_PHASE_DATA,     TIDYMAIL_PHASE_FINAL};
    for (size_t silent = 0; silent < 6; silent++) {
        struct fixture f;
        tidymail_smtp_options options = plain_options();
        fixture_open(&f, &options);
        submit(&f, ann, 1, "x\r\n");
        tidymail_smtp_connected(f.smtp, f.now);
        for (size_t i = 0; i < silent; i++) {
            drain(&f);
            f.now += 100;
            tidymail_smtp_feed(f.smtp, replies[i], strlen(replies[i]), f.now);
        }
        drain(&f);
        int64_t limit = silent == 5 ? options.final_timeout_ms : options.reply_timeout_ms;
        assert_int_equal(tidymail_smtp_deadline(f.smtp), f.now + limit);
        tidymail_smtp_feed(f.smtp, "2", 1, f.now + limit - 1); /* half a reply buys no time */
        tidymail_smtp_tick(f.smtp, f.now + limit - 1);
        events(&f);
        assert_null(f.report);
        tidymail_smtp_tick(f.smtp, f.now + limit);
        events(&f);
        assert_true(f.closed);
        const tidymail_error *error = tidymail_report_error(f.report);
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_TIMEOUT);
        assert_int_equal(tidymail_error_phase(error), phases[silent]);
        fixture_close(&f);
    }
}

static void the_whole_send_has_a_deadline_too(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    tidymail_smtp_envelope envelope = TIDYMAIL_SMTP_ENVELOPE_INIT;
    f.text.text = "x\r\n";
    tidymail_source source = {text_read, NULL, NULL, NULL, text_release, &f.text};
    envelope.recipients = ann;
    envelope.recipient_count = 1;
    envelope.deadline_ms = f.now + 700;
    assert_int_equal(tidymail_smtp_submit(f.smtp, &envelope, &source, NULL, f.now), TIDYMAIL_OK);
    tidymail_smtp_connected(f.smtp, f.now);
    assert_int_equal(tidymail_smtp_deadline(f.smtp), f.now + 700);
    exchange(&f, "", "220 mx\r\n");
    exchange(&f, "EHLO me.example\r\n", "250 mx\r\n");
    exchange(&f, "MAIL FROM:<>\r\n", "250 ok\r\n");
    tidymail_smtp_tick(f.smtp, f.now + 700);
    events(&f);
    assert_int_equal(tidymail_error_kind(tidymail_report_error(f.report)), TIDYMAIL_KIND_TIMEOUT);
    assert_int_equal(tidymail_error_phase(tidymail_report_error(f.report)), TIDYMAIL_PHASE_RCPT);
    fixture_close(&f);
}

static tidymail_smtp_options login_options(void)
{
    tidymail_smtp_options options = plain_options();
    options.user = "bench";
    options.password = "wrong-password";
    options.cleartext_auth = 1;
    return options;
}

static void reach_auth(struct fixture *f)
{
    submit(f, ann, 1, "x\r\n");
    tidymail_smtp_connected(f->smtp, f->now);
    exchange(f, "", "220 mx\r\n");
    exchange(f, "EHLO me.example\r\n", "250-mx\r\n250 AUTH PLAIN LOGIN\r\n");
}

static const char plain_line[] = "AUTH PLAIN AGJlbmNoAHdyb25nLXBhc3N3b3Jk\r\n";

static void a_refused_password_is_told_at_once(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = login_options();
    fixture_open(&f, &options);
    reach_auth(&f);
    exchange(&f, plain_line,
             "535 5.7.8 Authentication failed for AGJlbmNoAHdyb25nLXBhc3N3b3Jk\r\n");
    assert_null(f.report); /* a second reply may follow: it belongs into the report */
    tidymail_smtp_end_of_file(f.smtp, NULL, f.now);
    events(&f);
    assert_true(f.closed);
    const tidymail_error *error = tidymail_report_error(f.report);
    assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_AUTHENTICATION);
    assert_int_equal(tidymail_error_phase(error), TIDYMAIL_PHASE_AUTH);
    assert_int_equal(tidymail_error_code(error), 535);
    assert_string_equal(tidymail_error_enhanced(error), "5.7.8");
    assert_string_equal(tidymail_error_reply(error), "Authentication failed for [hidden]");
    assert_false(tidymail_error_retryable(error));
    assert_string_equal(tidymail_report_auth_offered(f.report), "PLAIN LOGIN");
    assert_string_equal(tidymail_report_auth_tried(f.report), "PLAIN");
    assert_null(strstr(tdm_buf_text(&f.trace), "AGJlbmNo"));
    assert_non_null(strstr(tdm_buf_text(&f.trace), "AUTH PLAIN [credentials hidden]"));
    fixture_close(&f);
}

static void a_second_reply_is_noted_however_it_is_cut(void **state)
{
    (void)state;
    static const char replies[] = "501 Syntax error\r\n535 Authentication failed\r\n";
    for (size_t cut = 1; cut < sizeof(replies) - 1; cut++) {
        for (int drained = 0; drained < 2; drained++) {
            struct fixture f;
            tidymail_smtp_options options = login_options();
            fixture_open(&f, &options);
            reach_auth(&f);
            drain(&f);
            tidymail_smtp_feed(f.smtp, replies, cut, f.now);
            if (drained) {
                drain(&f);
            }
            tidymail_smtp_feed(f.smtp, replies + cut, sizeof(replies) - 1 - cut, f.now);
            drain(&f);
            tidymail_smtp_end_of_file(f.smtp, NULL, f.now);
            events(&f);
            assert_int_equal(tidymail_error_code(tidymail_report_error(f.report)), 501);
            assert_int_equal(tidymail_error_kind(tidymail_report_error(f.report)),
                             TIDYMAIL_KIND_AUTHENTICATION);
            assert_int_equal(tidymail_report_note_count(f.report), 1);
            assert_string_equal(tidymail_report_note(f.report, 0),
                                "the server also said: 535 Authentication failed");
            fixture_close(&f);
        }
    }
}

static void a_silent_server_after_535_costs_a_second(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = login_options();
    fixture_open(&f, &options);
    reach_auth(&f);
    exchange(&f, plain_line, "535 no\r\n");
    exchange(&f, "QUIT\r\n", "");
    int64_t deadline = tidymail_smtp_deadline(f.smtp);
    assert_true(deadline > f.now && deadline <= f.now + 1000);
    tidymail_smtp_tick(f.smtp, deadline);
    events(&f);
    assert_true(f.closed);
    assert_int_equal(tidymail_error_code(tidymail_report_error(f.report)), 535);
    fixture_close(&f);
}

static void a_refused_mechanism_makes_way_for_the_next(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = login_options();
    fixture_open(&f, &options);
    reach_auth(&f);
    exchange(&f, plain_line, "504 not implemented\r\n");
    exchange(&f, "AUTH LOGIN\r\n", "334 nonsense\r\n");
    exchange(&f, "YmVuY2g=\r\n", "334\r\n");
    exchange(&f, "d3JvbmctcGFzc3dvcmQ=\r\n", "235 ok\r\n");
    exchange(&f, "MAIL FROM:<me@example.com>\r\n", "250 ok\r\n");
    fixture_close(&f);
}

static void never_mails_without_the_login_that_was_asked_for(void **state)
{
    (void)state;
    static const char *const offers[] = {"250 mx\r\n", "250-mx\r\n250 AUTH GSSAPI\r\n",
                                         "250-mx\r\n250 AUTH\r\n"};
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        struct fixture f;
        tidymail_smtp_options options = login_options();
        fixture_open(&f, &options);
        submit(&f, ann, 1, "x\r\n");
        tidymail_smtp_connected(f.smtp, f.now);
        exchange(&f, "", "220 mx\r\n");
        exchange(&f, "EHLO me.example\r\n", offers[i]);
        exchange(&f, "QUIT\r\n", "221 bye\r\n");
        assert_int_equal(tidymail_error_kind(tidymail_report_error(f.report)),
                         TIDYMAIL_KIND_AUTHENTICATION);
        fixture_close(&f);
    }
}

static void the_password_stays_home_without_tls(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = login_options();
    options.cleartext_auth = 0;
    fixture_open(&f, &options);
    reach_auth(&f);
    exchange(&f, "QUIT\r\n", "221 bye\r\n");
    assert_int_equal(tidymail_error_kind(tidymail_report_error(f.report)),
                     TIDYMAIL_KIND_AUTHENTICATION);
    assert_string_equal(tidymail_report_auth_tried(f.report), "");
    fixture_close(&f);
}

static void bytes_behind_starttls_end_the_session(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++) {
        struct fixture f;
        tidymail_smtp_options options = plain_options();
        options.tls = TIDYMAIL_SMTP_TLS_STARTTLS;
        fixture_open(&f, &options);
        submit(&f, ann, 1, "x\r\n");
        tidymail_smtp_connected(f.smtp, f.now);
        exchange(&f, "", "220 mx\r\n");
        exchange(&f, "EHLO me.example\r\n", "250-mx\r\n250 STARTTLS\r\n");
        if (later) {
            exchange(&f, "STARTTLS\r\n", "220 go\r\n");
            assert_true(f.start_tls);
            tidymail_smtp_feed(f.smtp, "250 x\r\n", 7, f.now);
            events(&f);
        } else {
            exchange(&f, "STARTTLS\r\n", "220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n");
            assert_false(f.start_tls);
        }
        assert_true(f.closed);
        assert_int_equal(tidymail_error_kind(tidymail_report_error(f.report)), TIDYMAIL_KIND_TLS);
        assert_int_equal(tidymail_error_phase(tidymail_report_error(f.report)),
                         TIDYMAIL_PHASE_STARTTLS);
        fixture_close(&f);
    }
}

static void starttls_forgets_what_was_offered_before(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = login_options();
    options.tls = TIDYMAIL_SMTP_TLS_STARTTLS;
    options.cleartext_auth = 0;
    fixture_open(&f, &options);
    submit(&f, ann, 1, "x\r\n");
    tidymail_smtp_connected(f.smtp, f.now);
    exchange(&f, "", "220 mx\r\n");
    exchange(&f, "EHLO me.example\r\n", "250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n");
    exchange(&f, "STARTTLS\r\n", "220 go\r\n");
    tidymail_smtp_tls_done(f.smtp, "TLSv1.3", "TLS_AES_128_GCM_SHA256", f.now);
    exchange(&f, "EHLO me.example\r\n", "250-mx\r\n250 AUTH LOGIN\r\n");
    exchange(&f, "AUTH LOGIN\r\n", "421 closing\r\n");
    assert_true(f.closed);
    assert_int_equal(tidymail_error_kind(tidymail_report_error(f.report)), TIDYMAIL_KIND_TEMPORARY);
    assert_string_equal(tidymail_report_tls_version(f.report), "TLSv1.3");
    fixture_close(&f);
}

static void a_reply_to_nothing_is_never_paired(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    submit(&f, ann, 1, "x\r\n");
    tidymail_smtp_connected(f.smtp, f.now);
    exchange(&f, "", "220 mx\r\n");
    exchange(&f, "EHLO me.example\r\n", "250 mx\r\n250 surprise\r\n");
    assert_true(f.closed);
    assert_int_equal(tidymail_error_kind(tidymail_report_error(f.report)), TIDYMAIL_KIND_PROTOCOL);
    fixture_close(&f);
}

static void a_verdict_in_mid_body_stops_the_body(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    reach_rcpt(&f);
    exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
    exchange(&f, "DATA\r\n", "354 go\r\n");
    const void *bytes;
    size_t length;
    assert_true(tidymail_smtp_output(f.smtp, &bytes, &length));
    tidymail_smtp_consume(f.smtp, 5, f.now);
    tidymail_smtp_feed(f.smtp, "552 5.3.4 too big\r\n", 19, f.now);
    exchange(&f, "", "");
    assert_true(f.closed);
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_FAILED);
    assert_int_equal(tidymail_error_phase(tidymail_report_error(f.report)), TIDYMAIL_PHASE_BODY);
    assert_int_equal(tidymail_error_code(tidymail_report_error(f.report)), 552);
    fixture_close(&f);
}

static void a_source_that_fails_delivers_nothing(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    reach_rcpt(&f);
    f.text.fails = 1;
    exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
    exchange(&f, "DATA\r\n", "354 go\r\n");
    exchange(&f, "", "");
    assert_true(f.closed);
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_FAILED);
    const tidymail_error *error = tidymail_report_error(f.report);
    assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_LOCAL);
    assert_non_null(strstr(tidymail_error_message(error), "the disk is gone"));
    assert_int_equal(f.text.released, 1);
    fixture_close(&f);
}

static void refuses_addresses_that_would_be_commands(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a@b\r\nRCPT TO:<c@d>", "a@b> NOTIFY=NEVER", "a b@c", "a@b\x7f", "\"a@b", ""};
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tidymail_smtp_envelope envelope = TIDYMAIL_SMTP_ENVELOPE_INIT;
        tidymail_source source = {text_read, NULL, NULL, NULL, text_release, &f.text};
        envelope.recipients = &bad[i];
        envelope.recipient_count = 1;
        assert_int_equal(tidymail_smtp_submit(f.smtp, &envelope, &source, NULL, f.now),
                         TIDYMAIL_KIND_MESSAGE);
    }
    assert_int_equal(f.text.released, 0);
    fixture_close(&f);
}

static void size_is_checked_before_mail(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    tidymail_smtp_envelope envelope = TIDYMAIL_SMTP_ENVELOPE_INIT;
    f.text.text = "x\r\n";
    tidymail_source source = {text_read, NULL, NULL, NULL, text_release, &f.text};
    envelope.recipients = ann;
    envelope.recipient_count = 1;
    envelope.size = 101;
    assert_int_equal(tidymail_smtp_submit(f.smtp, &envelope, &source, NULL, f.now), TIDYMAIL_OK);
    tidymail_smtp_connected(f.smtp, f.now);
    exchange(&f, "", "220 mx\r\n");
    exchange(&f, "EHLO me.example\r\n", "250-mx\r\n250 SIZE 100\r\n");
    exchange(&f, "", "");
    assert_int_equal(tidymail_error_kind(tidymail_report_error(f.report)), TIDYMAIL_KIND_MESSAGE);
    assert_true(tidymail_smtp_usable(f.smtp));
    envelope.size = 100;
    assert_int_equal(tidymail_smtp_submit(f.smtp, &envelope, &source, NULL, f.now), TIDYMAIL_OK);
    exchange(&f, "MAIL FROM:<> SIZE=100\r\n", "250 ok\r\n");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_a_message_and_is_idle_again),
        cmocka_unit_test(pipelines_mail_rcpt_data_in_one_write),
        cmocka_unit_test(sends_an_empty_message_when_all_were_refused_and_354_came),
        cmocka_unit_test(partial_no_streams_nothing_behind_rcpt),
        cmocka_unit_test(canonicalises_and_stuffs_whatever_the_pieces),
        cmocka_unit_test(adds_nothing_to_a_message_that_ends_in_a_line_end),
        cmocka_unit_test(unknown_exactly_when_the_end_was_handed_over),
        cmocka_unit_test(times_out_in_each_phase_at_its_deadline),
        cmocka_unit_test(the_whole_send_has_a_deadline_too),
        cmocka_unit_test(a_refused_password_is_told_at_once),
        cmocka_unit_test(a_second_reply_is_noted_however_it_is_cut),
        cmocka_unit_test(a_silent_server_after_535_costs_a_second),
        cmocka_unit_test(a_refused_mechanism_makes_way_for_the_next),
        cmocka_unit_test(never_mails_without_the_login_that_was_asked_for),
        cmocka_unit_test(the_password_stays_home_without_tls),
        cmocka_unit_test(bytes_behind_starttls_end_the_session),
        cmocka_unit_test(starttls_forgets_what_was_offered_before),
        cmocka_unit_test(a_reply_to_nothing_is_never_paired),
        cmocka_unit_test(a_verdict_in_mid_body_stops_the_body),
        cmocka_unit_test(a_source_that_fails_delivers_nothing),
        cmocka_unit_test(refuses_addresses_that_would_be_commands),
        cmocka_unit_test(size_is_checked_before_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
