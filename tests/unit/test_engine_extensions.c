/* test_engine_extensions.c: CHUNKING, LMTP, DSN and the other extensions, against dialogues in memory. */
#include "engine_fixture.h"

/* A session up to where MAIL comes, with these lines of EHLO ("250-X\r\n..."). */
static void reach_mail(struct fixture *f, const char *ehlo)
{
    tidymail_smtp_connected(f->smtp, f->now);
    exchange(f, "", "220 mx\r\n");
    exchange(f, "EHLO me.example\r\n", ehlo);
}

static const tidymail_error *error_of(const struct fixture *f)
{
    return tidymail_report_error(f->report);
}

static void chunks_say_how_long_they_are(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    options.chunking = 1;
    fixture_open(&f, &options);
    submit(&f, ann, 1, "a\n.b\n.");
    reach_mail(&f, "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
    exchange(&f, "MAIL FROM:<me@example.com>\r\nRCPT TO:<ann@example.org>\r\n",
             "250 ok\r\n250 ok\r\n");
    exchange(&f, "BDAT 10 LAST\r\na\r\n.b\r\n.\r\n", "250 2.0.0 queued\r\n");
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_SENT);
    assert_true(f.idle);
    fixture_close(&f);
}

static void a_long_message_goes_in_several_chunks(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    options.chunking = 1;
    fixture_open(&f, &options);
    struct tdm_buf text;
    tdm_buf_init(&text, NULL, 1 << 20);
    while (text.length < 200000) {
        tdm_buf_add_str(&text, "0123456789012345678901234567890123456789\r\n");
    }
    submit(&f, ann, 1, tdm_buf_text(&text));
    reach_mail(&f, "250-mx\r\n250 CHUNKING\r\n");
    exchange(&f, "MAIL FROM:<me@example.com>\r\n", "250 ok\r\n");
    exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
    drain(&f);
    size_t total = 0;
    size_t at = 0;
    int chunks = 0;
    int last = 0;
    while (at < f.sent.length) {
        const char *line = f.sent.data + at;
        assert_memory_equal(line, "BDAT ", 5);
        size_t size = (size_t)strtoul(line + 5, NULL, 10);
        const char *end = strstr(line, "\r\n");
        last = strncmp(end - 5, " LAST", 5) == 0;
        assert_memory_equal(end + 2, text.data + total, size);
        total += size;
        at = (size_t)(end + 2 - f.sent.data) + size;
        chunks++;
        if (!last) {
            tidymail_smtp_feed(f.smtp, "250 ok\r\n", 8, f.now);
        }
    }
    assert_true(last && chunks > 1);
    assert_int_equal(total, text.length);
    tidymail_smtp_feed(f.smtp, "250 ok\r\n", 8, f.now);
    events(&f);
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_SENT);
    tdm_buf_clear(&text);
    fixture_close(&f);
}

static void a_refused_chunk_ends_the_connection(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    options.chunking = 1;
    fixture_open(&f, &options);
    submit(&f, ann, 1, "x\r\n");
    reach_mail(&f, "250-mx\r\n250 CHUNKING\r\n");
    exchange(&f, "MAIL FROM:<me@example.com>\r\n", "250 ok\r\n");
    exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
    exchange(&f, "BDAT 3 LAST\r\nx\r\n", "502 5.5.1 not implemented\r\n");
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_FAILED);
    assert_int_equal(tidymail_error_code(error_of(&f)), 502);
    assert_false(tidymail_smtp_usable(f.smtp)); /* the chunk may have been read as commands */
    fixture_close(&f);
}

static void binary_goes_by_chunks_or_not_at_all(void **state)
{
    (void)state;
    static const char text[] = "a\nb\r.c";
    for (int offered = 0; offered < 2; offered++) {
        struct fixture f;
        tidymail_smtp_options options = plain_options();
        fixture_open(&f, &options);
        tidymail_smtp_envelope envelope = envelope_to(ann, 1);
        envelope.body_binary = 1;
        assert_int_equal(submit_envelope(&f, &envelope, text), TIDYMAIL_OK);
        reach_mail(&f, offered ? "250-mx\r\n250-CHUNKING\r\n250 BINARYMIME\r\n"
                               : "250-mx\r\n250 CHUNKING\r\n");
        if (offered) {
            exchange(&f, "MAIL FROM:<me@example.com> BODY=BINARYMIME\r\n", "250 ok\r\n");
            exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
            exchange(&f, "BDAT 6 LAST\r\na\nb\r.c", "250 ok\r\n");
            assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_SENT);
        } else {
            exchange(&f, "", "");
            assert_int_equal(tidymail_error_kind(error_of(&f)), TIDYMAIL_KIND_MESSAGE);
        }
        fixture_close(&f);
    }
}

/* A message of several forms: what was offered to it last, and what it then gives. */
struct forms {
    struct text_source text;
    int carry;
    int calls;
    int most; /* it has no form that needs more */
};

static int forms_choose(void *context, int carry)
{
    static const char *const texts[] = {"seven", "\303\244cht", "\001\n\002"};
    struct forms *forms = context;
    forms->carry = carry;
    forms->calls++;
    carry = carry < forms->most ? carry : forms->most;
    forms->text.text = texts[carry];
    return carry;
}

static int64_t forms_size(void *context)
{
    return (int64_t)strlen(((struct forms *)context)->text.text);
}

static void the_message_takes_the_form_that_fits(void **state)
{
    (void)state;
    static const struct {
        const char *ehlo;
        int chunking;
        int most;
        int offered;
        const char *mail;
        const char *body;
    } cases[] = {
        {"250 mx\r\n", 1, 2, 0, "", "seven\r\n.\r\n"},
        {"250-mx\r\n250-SIZE\r\n250 8BITMIME\r\n", 1, 2, 1, " SIZE=5 BODY=8BITMIME",
         "\303\244cht\r\n.\r\n"},
        {"250-mx\r\n250-SIZE\r\n250 8BITMIME\r\n", 1, 0, 1, " SIZE=5", "seven\r\n.\r\n"},
        {"250-mx\r\n250-SIZE\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 BINARYMIME\r\n", 0, 2, 1,
         " SIZE=5 BODY=8BITMIME", "\303\244cht\r\n.\r\n"},
        {"250-mx\r\n250-SIZE\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 BINARYMIME\r\n", 1, 2, 2,
         " SIZE=3 BODY=BINARYMIME", "BDAT 3 LAST\r\n\001\n\002"},
        {"250-mx\r\n250-CHUNKING\r\n250 BINARYMIME\r\n", 1, 2, 0, "", "BDAT 7 LAST\r\nseven\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct forms forms = {{"unset", 0, 0, 0, 0}, -1, 0, cases[i].most};
        tidymail_smtp_options options = plain_options();
        options.chunking = cases[i].chunking;
        fixture_open(&f, &options);
        tidymail_smtp_envelope envelope = envelope_to(ann, 1);
        tidymail_source source = {text_read,  text_rewind,  forms_size,
                                  text_error, text_release, &forms};
        char mail[100] = "MAIL FROM:<me@example.com>";
        strcat(strcat(mail, cases[i].mail), "\r\n");
        envelope.form = forms_choose;
        envelope.form_context = &forms;
        envelope.body_8bit = 1; /* what the form says counts */
        assert_int_equal(tidymail_smtp_submit(f.smtp, &envelope, &source, NULL, f.now),
                         TIDYMAIL_OK);
        reach_mail(&f, cases[i].ehlo);
        exchange(&f, mail, "250 ok\r\n");
        exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
        if (strncmp(cases[i].body, "BDAT", 4) != 0) {
            exchange(&f, "DATA\r\n", "354 go\r\n");
        }
        exchange(&f, cases[i].body, "250 ok\r\n");
        assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_SENT);
        assert_int_equal(forms.carry, cases[i].offered);
        assert_int_equal(forms.calls, 1);
        fixture_close(&f);
    }
}

static void lmtp_answers_for_each_recipient(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    options.lmtp = 1;
    fixture_open(&f, &options);
    submit(&f, abc, 3, "x\r\n");
    tidymail_smtp_connected(f.smtp, f.now);
    exchange(&f, "", "220 mx\r\n");
    exchange(&f, "LHLO me.example\r\n", "250-mx\r\n250 PIPELINING\r\n");
    exchange(&f,
             "MAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
             "RCPT TO:<c@example.org>\r\nDATA\r\n",
             "250 ok\r\n250 ok\r\n550 no b\r\n250 ok\r\n354 go\r\n");
    exchange(&f, "x\r\n.\r\n", "250 2.0.0 for a\r\n");
    assert_null(f.report);
    exchange(&f, "", "452 4.2.2 c is full\r\n");
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_PARTIAL);
    static const int codes[] = {250, 550, 452};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tidymail_recipient_code(tidymail_report_recipient(f.report, i)), codes[i]);
    }
    assert_int_equal(tidymail_error_phase(error_of(&f)), TIDYMAIL_PHASE_FINAL);
    assert_true(tidymail_error_retryable(error_of(&f)));
    fixture_close(&f);
}

static void lmtp_lost_between_answers_is_unknown_for_the_rest(void **state)
{
    (void)state;
    for (int by_421 = 0; by_421 < 2; by_421++) {
        struct fixture f;
        tidymail_smtp_options options = plain_options();
        options.lmtp = 1;
        fixture_open(&f, &options);
        submit(&f, abc, 3, "x\r\n");
        tidymail_smtp_connected(f.smtp, f.now);
        exchange(&f, "", "220 mx\r\n");
        exchange(&f, "LHLO me.example\r\n", "250-mx\r\n250 PIPELINING\r\n");
        drain(&f);
        tdm_buf_reset(&f.sent);
        static const char replies[] = "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n";
        tidymail_smtp_feed(f.smtp, replies, sizeof(replies) - 1, f.now);
        exchange(&f, "x\r\n.\r\n", by_421 ? "250 a\r\n421 b, closing\r\n" : "250 a\r\n");
        tidymail_smtp_end_of_file(f.smtp, NULL, f.now);
        events(&f);
        assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_UNKNOWN);
        const int outcomes[] = {TIDYMAIL_SENT, by_421 ? TIDYMAIL_FAILED : TIDYMAIL_UNKNOWN,
                                TIDYMAIL_UNKNOWN};
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(f.report, i)),
                             outcomes[i]);
        }
        fixture_close(&f);
    }
}

static void asks_for_notifications_where_they_are_offered(void **state)
{
    (void)state;
    for (int offered = 0; offered < 2; offered++) {
        struct fixture f;
        tidymail_smtp_options options = plain_options();
        fixture_open(&f, &options);
        tidymail_smtp_envelope envelope = envelope_to(ann, 1);
        envelope.dsn_notify = "SUCCESS,DELAY";
        envelope.dsn_ret = "HDRS";
        envelope.dsn_envid = "a b+c=d";
        envelope.has_priority = 1;
        envelope.priority = -3;
        envelope.deliver_by_s = 120;
        envelope.deliver_by_mode = 'N';
        assert_int_equal(submit_envelope(&f, &envelope, "x\r\n"), TIDYMAIL_OK);
        reach_mail(&f, offered ? "250-mx\r\n250-DSN\r\n250-MT-PRIORITY\r\n250 DELIVERBY\r\n"
                               : "250 mx\r\n");
        if (offered) {
            exchange(&f,
                     "MAIL FROM:<me@example.com> RET=HDRS ENVID=a+20b+2Bc+3Dd BY=120;N "
                     "MT-PRIORITY=-3\r\n",
                     "250 ok\r\n");
            exchange(&f,
                     "RCPT TO:<ann@example.org> NOTIFY=SUCCESS,DELAY "
                     "ORCPT=rfc822;ann@example.org\r\n",
                     "250 ok\r\n");
        } else {
            exchange(&f, "MAIL FROM:<me@example.com>\r\n", "250 ok\r\n");
            exchange(&f, "RCPT TO:<ann@example.org>\r\n", "550 no\r\n");
            assert_int_equal(tidymail_report_note_count(f.report), 3);
        }
        fixture_close(&f);
    }
}

static void what_may_not_be_dropped_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fixture f;
        tidymail_smtp_options options = plain_options();
        fixture_open(&f, &options);
        tidymail_smtp_envelope envelope = envelope_to(ann, 1);
        envelope.require_tls = i == 0;
        envelope.hold_for_s = i == 1 ? 60 : i == 3 ? 3601 : 0;
        envelope.deliver_by_s = i == 2 ? 60 : 0;
        envelope.deliver_by_mode = 'R';
        assert_int_equal(submit_envelope(&f, &envelope, "x\r\n"), TIDYMAIL_OK);
        reach_mail(&f, i == 3 ? "250-mx\r\n250 FUTURERELEASE 3600 2030-01-01T00:00:00Z\r\n"
                              : "250 mx\r\n");
        exchange(&f, "", "");
        assert_int_equal(tidymail_error_kind(error_of(&f)), TIDYMAIL_KIND_MESSAGE);
        fixture_close(&f);
    }
}

static void holds_a_message_where_that_is_offered(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    tidymail_smtp_envelope envelope = envelope_to(ann, 1);
    envelope.hold_until = "2030-01-01T00:00:00Z";
    assert_int_equal(submit_envelope(&f, &envelope, "x\r\n"), TIDYMAIL_OK);
    reach_mail(&f, "250-mx\r\n250 FUTURERELEASE 3600\r\n");
    exchange(&f, "MAIL FROM:<me@example.com> HOLDUNTIL=2030-01-01T00:00:00Z\r\n", "250 ok\r\n");
    fixture_close(&f);
}

static void wishes_that_are_no_words_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    for (int i = 0; i < 10; i++) {
        tidymail_smtp_envelope envelope = envelope_to(ann, 1);
        envelope.dsn_notify = i == 0 ? "NEVER,SUCCESS" : i == 1 ? "" : i == 2 ? "ALWAYS" : NULL;
        envelope.dsn_ret = i == 3 ? "SOME" : NULL;
        envelope.dsn_envid = i == 4 ? "a\r\nRSET" : i == 5 ? "" : NULL;
        envelope.hold_until = i == 6 ? "tomorrow" : NULL;
        envelope.deliver_by_s = i == 7 ? 1000000000 : 0;
        envelope.deliver_by_mode = 'N';
        envelope.has_priority = i == 8;
        envelope.priority = 10;
        envelope.hold_for_s = i == 9 ? -1 : 0;
        assert_int_equal(submit_envelope(&f, &envelope, "x\r\n"), TIDYMAIL_KIND_MESSAGE);
    }
    fixture_close(&f);
}

static void mailmax_ends_the_session_in_time(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    submit(&f, ann, 1, "x\r\n");
    reach_mail(&f, "250-mx\r\n250 LIMITS RCPTMAX=10 MAILMAX=1\r\n");
    exchange(&f, "MAIL FROM:<me@example.com>\r\n", "250 ok\r\n");
    exchange(&f, "RCPT TO:<ann@example.org>\r\n", "250 ok\r\n");
    exchange(&f, "DATA\r\n", "354 go\r\n");
    exchange(&f, "x\r\n.\r\n", "250 ok\r\n");
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_SENT);
    assert_false(tidymail_smtp_usable(f.smtp));
    exchange(&f, "QUIT\r\n", "221 bye\r\n");
    assert_true(f.closed);
    fixture_close(&f);
}

static void rcptmax_sends_in_rounds(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    submit(&f, abc, 3, "x\r\n");
    reach_mail(&f, "250-mx\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2\r\n");
    exchange(&f,
             "MAIL FROM:<me@example.com>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
             "DATA\r\n",
             "250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n");
    exchange(&f, "x\r\n.\r\n", "250 first\r\n");
    assert_null(f.report);
    exchange(&f, "MAIL FROM:<me@example.com>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n",
             "250 ok\r\n250 ok\r\n354 go\r\n");
    drain(&f);
    assert_string_equal(tdm_buf_text(&f.sent), "x\r\n.\r\n");
    tidymail_smtp_end_of_file(f.smtp, NULL, f.now);
    events(&f);
    assert_int_equal(tidymail_report_outcome(f.report), TIDYMAIL_UNKNOWN);
    static const int outcomes[] = {TIDYMAIL_FAILED, TIDYMAIL_SENT, TIDYMAIL_UNKNOWN};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(f.report, i)),
                         outcomes[i]);
    }
    fixture_close(&f);
}

static void a_round_that_breaks_leaves_the_later_ones_unsent(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    fixture_open(&f, &options);
    submit(&f, abc, 3, "x\r\n");
    reach_mail(&f, "250-mx\r\n250 LIMITS RCPTMAX=1\r\n");
    exchange(&f, "MAIL FROM:<me@example.com>\r\n", "250 ok\r\n");
    exchange(&f, "RCPT TO:<a@example.org>\r\n", "250 ok\r\n");
    exchange(&f, "DATA\r\n", "354 go\r\n");
    exchange(&f, "x\r\n.\r\n", "");
    tidymail_smtp_end_of_file(f.smtp, NULL, f.now);
    events(&f);
    static const int outcomes[] = {TIDYMAIL_UNKNOWN, TIDYMAIL_FAILED, TIDYMAIL_FAILED};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tidymail_recipient_outcome(tidymail_report_recipient(f.report, i)),
                         outcomes[i]);
    }
    fixture_close(&f);
}

static tidymail_smtp_options scram_options(void)
{
    tidymail_smtp_options options = plain_options();
    options.user = "user";
    options.password = "pencil";
    options.nonce = "fyko+d2lbbFgONRv9qkxdawL";
    options.cleartext_auth = 1;
    return options;
}

/* RFC 5802 5 over SMTP; `final` is what the server says last. */
static void scram_login(struct fixture *f, const char *final)
{
    submit(f, ann, 1, "x\r\n");
    reach_mail(f, "250-mx\r\n250 AUTH PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS\r\n");
    exchange(
        f, "AUTH SCRAM-SHA-1 biwsbj11c2VyLHI9ZnlrbytkMmxiYkZnT05Sdjlxa3hkYXdM\r\n",
        "334 cj1meWtvK2QybGJiRmdPTlJ2OXFreGRhd0wzcmZjTkhZSlkxWlZ2V1ZzN2oscz1RU1hDUitRNnNlazhiZj"
        "kyLGk9NDA5Ng==\r\n");
    exchange(
        f,
        "Yz1iaXdzLHI9ZnlrbytkMmxiYkZnT05Sdjlxa3hkYXdMM3JmY05IWUpZMVpWdldWczdqLHA9djBYOHYzQnoyVD"
        "BDSkdiSlF5RjBYK0hJNFRzPQ==\r\n",
        final);
}

static void scram_logs_in_and_the_server_proves_itself(void **state)
{
    (void)state;
    static const char *const finals[] = {
        "334 dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9\r\n", /* then an empty line, then 235 */
        "235 dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9\r\n",
        "235 2.7.0 welcome\r\n",                            /* without any proof */
        "334 dj1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE9\r\n", /* with a wrong one */
    };
    for (int i = 0; i < 4; i++) {
        struct fixture f;
        tidymail_smtp_options options = scram_options();
        fixture_open(&f, &options);
        scram_login(&f, finals[i]);
        if (i == 0) {
            exchange(&f, "\r\n", "235 ok\r\n");
        }
        assert_null(strstr(tdm_buf_text(&f.trace), "cj1meWtv")); /* r=, s=, i= */
        assert_null(strstr(tdm_buf_text(&f.trace), "dj1y"));     /* v= */
        if (i < 2) {
            exchange(&f, "MAIL FROM:<me@example.com>\r\n", "250 ok\r\n");
        } else {
            exchange(&f, i == 2 ? "QUIT\r\n" : "*\r\n",
                     i == 2 ? "221 bye\r\n" : "501 cancelled\r\n");
            if (i == 3) {
                exchange(&f, "QUIT\r\n", "221 bye\r\n");
            }
            assert_int_equal(tidymail_error_kind(error_of(&f)), TIDYMAIL_KIND_AUTHENTICATION);
            assert_string_equal(tidymail_report_auth_tried(f.report), "SCRAM-SHA-1");
        }
        fixture_close(&f);
    }
}

static void a_challenge_that_is_not_base64_is_cancelled(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = scram_options();
    options.auth = "CRAM-MD5";
    fixture_open(&f, &options);
    submit(&f, ann, 1, "x\r\n");
    reach_mail(&f, "250-mx\r\n250 AUTH CRAM-MD5\r\n");
    exchange(&f, "AUTH CRAM-MD5\r\n", "334 <not base64>\r\n");
    exchange(&f, "*\r\n", "501 cancelled\r\n");
    exchange(&f, "QUIT\r\n", "221 bye\r\n");
    assert_int_equal(tidymail_error_kind(error_of(&f)), TIDYMAIL_KIND_AUTHENTICATION);
    fixture_close(&f);
}

static void a_refused_token_says_why(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = scram_options();
    options.auth = "xoauth2";
    fixture_open(&f, &options);
    submit(&f, ann, 1, "x\r\n");
    reach_mail(&f, "250-mx\r\n250 AUTH LOGIN XOAUTH2\r\n");
    exchange(&f, "AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHBlbmNpbAEB\r\n",
             "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n");
    exchange(&f, "\r\n", "535 5.7.8 no\r\n");
    exchange(&f, "QUIT\r\n", "221 bye\r\n");
    assert_int_equal(tidymail_error_kind(error_of(&f)), TIDYMAIL_KIND_AUTHENTICATION);
    assert_non_null(strstr(tidymail_error_message(error_of(&f)), "token"));
    assert_int_equal(tidymail_report_note_count(f.report), 1);
    assert_non_null(strstr(tidymail_report_note(f.report, 0), "{\"status\":\"401\"}"));
    fixture_close(&f);
}

static void external_needs_no_password(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = plain_options();
    options.auth = "external";
    options.cleartext_auth = 1;
    fixture_open(&f, &options);
    submit(&f, ann, 1, "x\r\n");
    reach_mail(&f, "250-mx\r\n250 AUTH EXTERNAL\r\n");
    exchange(&f, "AUTH EXTERNAL =\r\n", "235 ok\r\n");
    exchange(&f, "MAIL FROM:<me@example.com>\r\n", "250 ok\r\n");
    fixture_close(&f);
}

static void hints_know_the_large_services(void **state)
{
    (void)state;
    struct fixture f;
    tidymail_smtp_options options = scram_options();
    options.auth = "PLAIN";
    fixture_open(&f, &options);
    submit(&f, ann, 1, "x\r\n");
    reach_mail(&f, "250-mx\r\n250 AUTH PLAIN\r\n");
    exchange(&f, "AUTH PLAIN AHVzZXIAcGVuY2ls\r\n",
             "534-5.7.9 Application-specific password required.\r\n534 5.7.9 see\r\n");
    exchange(&f, "QUIT\r\n", "221 bye\r\n");
    assert_non_null(strstr(tidymail_error_hint(error_of(&f)), "app password"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_say_how_long_they_are),
        cmocka_unit_test(a_long_message_goes_in_several_chunks),
        cmocka_unit_test(a_refused_chunk_ends_the_connection),
        cmocka_unit_test(binary_goes_by_chunks_or_not_at_all),
        cmocka_unit_test(the_message_takes_the_form_that_fits),
        cmocka_unit_test(lmtp_answers_for_each_recipient),
        cmocka_unit_test(lmtp_lost_between_answers_is_unknown_for_the_rest),
        cmocka_unit_test(asks_for_notifications_where_they_are_offered),
        cmocka_unit_test(what_may_not_be_dropped_is_refused),
        cmocka_unit_test(holds_a_message_where_that_is_offered),
        cmocka_unit_test(wishes_that_are_no_words_are_refused),
        cmocka_unit_test(rcptmax_sends_in_rounds),
        cmocka_unit_test(a_round_that_breaks_leaves_the_later_ones_unsent),
        cmocka_unit_test(mailmax_ends_the_session_in_time),
        cmocka_unit_test(scram_logs_in_and_the_server_proves_itself),
        cmocka_unit_test(a_challenge_that_is_not_base64_is_cancelled),
        cmocka_unit_test(a_refused_token_says_why),
        cmocka_unit_test(external_needs_no_password),
        cmocka_unit_test(hints_know_the_large_services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
