/* test_engine_streams.c: several messages in one session: what goes out behind the end of one, how far a
 * stream runs ahead of its answers, and what becomes of its messages when something goes wrong in it. */
#include <stdio.h>

#include "engine_fixture.h"

#define MESSAGES 5
#define READY "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n"
#define TAKEN "250 ok\r\n250 ok\r\n250 taken\r\n"

struct stream {
    struct fixture f;
    struct text_source sources[MESSAGES];
    tidymail_report *reports[MESSAGES];
    int count;
};

static void stream_events(struct stream *s)
{
    const tidymail_smtp_event *event;
    while ((event = tidymail_smtp_next(s->f.smtp)) != NULL) {
        if (event->type == TIDYMAIL_SMTP_REPORT) {
            size_t index = (size_t)((struct text_source *)event->context - s->sources);
            assert_null(s->reports[index]); /* exactly one */
            s->reports[index] = event->report;
        }
        s->f.closed |= event->type == TIDYMAIL_SMTP_CLOSE;
    }
}

static void stream_drain(struct stream *s)
{
    const void *bytes;
    size_t length;
    stream_events(s);
    while (tidymail_smtp_output(s->f.smtp, &bytes, &length)) {
        tdm_buf_add(&s->f.sent, bytes, length);
        tidymail_smtp_consume(s->f.smtp, length, s->f.now);
    }
    stream_events(s);
}

static void stream_feed(struct stream *s, const char *text, size_t piece)
{
    size_t length = strlen(text);
    for (size_t at = 0; at < length; at += piece) {
        size_t take = length - at < piece ? length - at : piece;
        tidymail_smtp_feed(s->f.smtp, text + at, take, s->f.now);
        stream_drain(s);
    }
}

static void stream_open(struct stream *s, int chunking, int window, int no_partial, int count,
                        const char *ready)
{
    static const char *const to[] = {"ann@example.org"};
    tidymail_smtp_options options = TIDYMAIL_SMTP_OPTIONS_INIT;
    memset(s, 0, sizeof(*s));
    options.tls = TIDYMAIL_SMTP_TLS_NONE;
    options.chunking = chunking;
    options.window = window;
    options.no_partial = no_partial;
    fixture_open(&s->f, &options);
    s->count = count;
    for (int i = 0; i < count; i++) {
        tidymail_smtp_envelope envelope = envelope_to(to, 1);
        s->sources[i].text = "A line.\r\n";
        tidymail_source source = {text_read,  text_rewind,  NULL,
                                  text_error, text_release, &s->sources[i]};
        envelope.size = 9;
        assert_int_equal(
            tidymail_smtp_submit(s->f.smtp, &envelope, &source, &s->sources[i], s->f.now), 0);
    }
    tidymail_smtp_connected(s->f.smtp, s->f.now);
    /* the greeting answers the connection, the rest EHLO */
    const char *rest = strstr(ready, "\r\n") + 2;
    char greeting[64];
    memcpy(greeting, ready, (size_t)(rest - ready));
    greeting[rest - ready] = '\0';
    stream_feed(s, greeting, sizeof(greeting));
    tdm_buf_reset(&s->f.sent);
    stream_feed(s, rest, strlen(rest));
}

static void stream_close(struct stream *s)
{
    for (int i = 0; i < s->count; i++) {
        assert_int_equal(s->sources[i].released, 1);
        tidymail_report_free(s->reports[i]);
    }
    fixture_close(&s->f);
}

static void expect_sent_bytes(struct stream *s, const char *wanted)
{
    assert_string_equal(tdm_buf_text(&s->f.sent), wanted);
    tdm_buf_reset(&s->f.sent);
}

/* One letter a message: s sent, f failed, u unknown, . no report yet. */
static void expect_outcomes(const struct stream *s, const char *wanted)
{
    char got[MESSAGES + 1] = "";
    for (int i = 0; i < s->count; i++) {
        int outcome = s->reports[i] != NULL ? tidymail_report_outcome(s->reports[i]) : -1;
        got[i] = outcome < 0                   ? '.'
                 : outcome == TIDYMAIL_SENT    ? 's'
                 : outcome == TIDYMAIL_UNKNOWN ? 'u'
                 : s->reports[i]->untouched    ? '-'
                                               : 'f';
    }
    assert_string_equal(got, wanted);
}

#define ENVELOPE "MAIL FROM:<me@example.com>\r\nRCPT TO:<ann@example.org>\r\n"
#define CHUNK ENVELOPE "BDAT 9 LAST\r\nA line.\r\n"

static void test_commands_follow_the_end(void **state)
{
    struct stream s;
    (void)state;
    stream_open(&s, 0, 0, 0, 3, READY);
    expect_sent_bytes(&s, ENVELOPE "DATA\r\n");
    stream_feed(&s, "250 ok\r\n250 ok\r\n354 go\r\n", 1000);
    expect_sent_bytes(&s, "A line.\r\n.\r\n" ENVELOPE "DATA\r\n"); /* of the third nothing yet */
    stream_feed(&s, "250 taken\r\n250 ok\r\n", 1000);
    expect_outcomes(&s, "s..");
    stream_feed(&s, "250 ok\r\n354 go\r\n", 1000);
    expect_sent_bytes(&s, "A line.\r\n.\r\n" ENVELOPE "DATA\r\n");
    stream_feed(&s, "554 no\r\n250 ok\r\n250 ok\r\n354 go\r\n", 1000);
    stream_feed(&s, "250 taken\r\n", 1000);
    expect_outcomes(&s, "sfs");
    stream_close(&s);
}

static void test_all_or_nobody_waits_for_recipients(void **state)
{
    struct stream s;
    (void)state;
    stream_open(&s, 1, 4, 1, 2, READY);
    expect_sent_bytes(&s, ENVELOPE);
    stream_feed(&s, "250 ok\r\n250 ok\r\n", 1000);
    expect_sent_bytes(&s, "BDAT 9 LAST\r\nA line.\r\n" ENVELOPE);
    stream_feed(&s, "250 taken\r\n250 ok\r\n550 nobody\r\n", 1000);
    expect_outcomes(&s, "sf");
    stream_close(&s);
}

static void test_window_bounds_the_stream(void **state)
{
    struct stream s;
    (void)state;
    stream_open(&s, 1, 2, 0, 4, READY);
    expect_sent_bytes(&s, CHUNK "RSET\r\n" CHUNK);
    stream_feed(&s, TAKEN, 1000);
    expect_outcomes(&s, "s...");
    expect_sent_bytes(&s, "RSET\r\n" CHUNK);
    stream_feed(&s, "250 ok\r\n" TAKEN "250 ok\r\n" TAKEN, 1000);
    expect_outcomes(&s, "sss.");
    stream_feed(&s, "250 ok\r\n" TAKEN, 1000);
    expect_outcomes(&s, "ssss");
    stream_close(&s);
}

static void test_replies_may_be_cut_anywhere(void **state)
{
    static const char replies[] = TAKEN "250 ok\r\n250 ok\r\n550-no\r\n550 body\r\n503 none\r\n"
                                        "250 ok\r\n" TAKEN;
    (void)state;
    for (size_t piece = 1; piece < sizeof(replies); piece++) {
        struct stream s;
        stream_open(&s, 1, 4, 0, 3, READY);
        stream_feed(&s, replies, piece);
        expect_outcomes(&s, "sfs");
        stream_close(&s);
    }
}

struct trouble {
    const char *replies;
    int lost; /* then the connection ends */
    const char *outcomes;
};

/* Five messages, a window of three: of the last nothing is sent when the trouble comes. */
static void test_trouble_in_the_window(void **state)
{
    static const struct trouble cases[] = {
        {"", 1, "uuu--"},                                  /* the first is the one that failed */
        {"250 ok\r\n250 ok\r\n", 1, "uuu--"},              /* */
        {TAKEN, 1, "suuu-"},                               /* one more went out */
        {"421 later\r\n", 0, "fuu--"},                     /* no server goes on behind 421 */
        {"250 ok\r\n421 later\r\n", 0, "fuu--"},           /* */
        {"250 ok\r\n250 ok\r\n421 later\r\n", 0, "fuu--"}, /* it answers the first */
        {"550 no\r\n503 x\r\n503 x\r\n250 ok\r\n" TAKEN, 1, "fsuuu"},
        {"250 ok\r\n550 no\r\n503 x\r\n250 ok\r\n" TAKEN, 1, "fsuuu"},
        {"250 ok\r\n550 no\r\n500 x\r\n", 0, "fuu--"},          /* it does not know BDAT at all */
        {"250 ok\r\n550 no\r\n503 x\r\n500 x\r\n", 0, "fuu--"}, /* it read the chunk as commands */
        {"250 ok\r\n250 ok\r\n554 no\r\n", 1, "fuuu-"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stream s;
        stream_open(&s, 1, 3, 0, 5, READY);
        stream_feed(&s, cases[i].replies, 1000);
        if (cases[i].lost) {
            tidymail_smtp_end_of_file(s.f.smtp, NULL, s.f.now);
            stream_events(&s);
        }
        expect_outcomes(&s, cases[i].outcomes);
        assert_true(s.f.closed);
        stream_close(&s);
    }
}

static void test_nothing_is_streamed_into_a_long_silence(void **state)
{
    static const char *const to[] = {"ann@example.org"};
    struct stream s;
    (void)state;
    stream_open(&s, 1, 4, 0, 1, READY);
    stream_feed(&s, TAKEN, 1000);
    expect_outcomes(&s, "s");
    tdm_buf_reset(&s.f.sent);
    s.f.now += 60000; /* the connection may be dead: a whole message would be in doubt */
    tidymail_smtp_envelope envelope = envelope_to(to, 1);
    s.sources[1].text = "A line.\r\n";
    tidymail_source source = {text_read,  text_rewind,  NULL,
                              text_error, text_release, &s.sources[1]};
    envelope.size = 9;
    assert_int_equal(tidymail_smtp_submit(s.f.smtp, &envelope, &source, &s.sources[1], s.f.now), 0);
    s.count = 2;
    stream_drain(&s);
    expect_sent_bytes(&s, ENVELOPE);
    stream_feed(&s, "250 ok\r\n250 ok\r\n", 1000);
    expect_sent_bytes(&s, "BDAT 9 LAST\r\nA line.\r\n");
    stream_feed(&s, "250 taken\r\n", 1000);
    expect_outcomes(&s, "ss");
    stream_close(&s);
}

static void test_limits_mailmax_is_kept(void **state)
{
    struct stream s;
    (void)state;
    stream_open(&s, 1, 4, 0, 1,
                "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250-LIMITS MAILMAX=2\r\n250 CHUNKING\r\n");
    assert_int_equal(tdm_smtp_room(s.f.smtp), 0); /* not before the first was answered */
    stream_feed(&s, TAKEN, 1000);
    assert_int_equal(tdm_smtp_room(s.f.smtp), 1);
    stream_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_follow_the_end),
        cmocka_unit_test(test_all_or_nobody_waits_for_recipients),
        cmocka_unit_test(test_window_bounds_the_stream),
        cmocka_unit_test(test_replies_may_be_cut_anywhere),
        cmocka_unit_test(test_trouble_in_the_window),
        cmocka_unit_test(test_nothing_is_streamed_into_a_long_silence),
        cmocka_unit_test(test_limits_mailmax_is_kept),
    };
    return cmocka_run_group_tests_name("streams of messages", tests, NULL, NULL);
}
