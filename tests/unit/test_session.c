/* test_session.c: the server session: SMTP itself, TLS and the logins by password. */
#include "session_fixture.h"

#define EHLO_PLAIN                                                                                 \
    "> EHLO me", "= 250-test.example", "= 250-PIPELINING", "= 250-SIZE 1000", "= 250-8BITMIME",    \
        "= 250-SMTPUTF8", "= 250-STARTTLS", "= 250 ENHANCEDSTATUSCODES"
#define EHLO_AUTH                                                                                  \
    "> EHLO me", "= 250-test.example", "= 250-PIPELINING", "= 250-SIZE 1000", "= 250-8BITMIME",    \
        "= 250-SMTPUTF8", "= 250-AUTH PLAIN LOGIN", "= 250 ENHANCEDSTATUSCODES"
#define START_TLS EHLO_PLAIN, "> STARTTLS", "< 220 2.0.0", "@tls", EHLO_AUTH

static void test_a_message_with_dots(void **state)
{
    static const char *const lines[] = {EHLO_PLAIN,
                                        "> MAIL FROM:<a@example.com> SIZE=100 BODY=8BITMIME",
                                        "< 250 2.1.0",
                                        "> RCPT TO:<b@example.com>",
                                        "< 250 2.1.5",
                                        "> RCPT TO:<Postmaster>",
                                        "< 250 2.1.5",
                                        "> DATA",
                                        "< 354",
                                        "+ Subject: x\r\n\r\n..dot\r\n...\r\nend\r\n.\r\n",
                                        "@message Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n",
                                        "< 250 2.0.0",
                                        "> MAIL FROM:<>",
                                        "< 250 2.1.0",
                                        "> QUIT",
                                        "< 221 2.0.0",
                                        "@close",
                                        NULL};
    (void)state;
    play(lines, usual_options());
}

static void test_only_crlf_ends_a_message(void **state)
{
    static const char *const lines[] = {
        EHLO_PLAIN,
        "> MAIL FROM:<a@example.com>",
        "< 250",
        "> RCPT TO:<b@example.com>",
        "< 250",
        "> DATA",
        "< 354",
        "+ one\n.\nMAIL FROM:<x@y>\r\n.\nRCPT\r\n.\rtwo\r\n\r.\r\n",
        "@quiet",
        "+ .\r\n",
        "@message one\n.\nMAIL FROM:<x@y>\r\n\nRCPT\r\n\rtwo\r\n\r.\r\n",
        "< 250",
        NULL};
    (void)state;
    play(lines, usual_options());
}

static void test_a_pipelined_transaction_goes_on_behind_the_message(void **state)
{
    static const char *const lines[] = {
        EHLO_PLAIN,
        "+ MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nRCPT TO:<bad>\r\nDATA\r\n",
        "< 250 2.1.0",
        "< 250 2.1.5",
        "< 501 5.1.3",
        "< 354",
        "+ x\r\n.\r\nMAIL FROM:<g@h.i>\r\nRSET\r\nQUIT\r\n",
        "@message x\r\n",
        "< 250 2.0.0",
        "< 250 2.1.0",
        "< 250 2.0.0",
        "< 221",
        "@close",
        NULL};
    (void)state;
    play(lines, usual_options());
}

static void test_what_is_out_of_order_or_wrong_is_refused(void **state)
{
    static const char *const lines[] = {"> MAIL FROM:<a@b.c>",
                                        "< 503 5.5.1",
                                        "> EHLO",
                                        "< 501 5.5.4",
                                        "> EHLO two words",
                                        "< 501",
                                        EHLO_PLAIN,
                                        "> RCPT TO:<a@b.c>",
                                        "< 503 5.5.1",
                                        "> DATA",
                                        "< 503 5.5.1",
                                        "> MAIL FROM: <a@b.c>",
                                        "< 501",
                                        "> MAIL FROM:a@b.c",
                                        "< 501",
                                        "> MAIL FROM:<a@b.c",
                                        "< 501",
                                        "> MAIL FROM:<a b@c.d>",
                                        "< 501",
                                        "> MAIL FROM:<a@b.c> FOO=1",
                                        "< 555 5.5.4",
                                        "> MAIL FROM:<a@b.c> SIZE=x",
                                        "< 501",
                                        "> MAIL FROM:<a@b.c> SIZE=1001",
                                        "< 552 5.3.4",
                                        "> MAIL FROM:<\"a >b\"@c.d> SIZE=1000",
                                        "< 250",
                                        "> MAIL FROM:<a@b.c>",
                                        "< 503",
                                        "> RCPT TO:<>",
                                        "< 501",
                                        "> RCPT TO:<a@b.c> NOTIFY=NEVER",
                                        "< 555",
                                        "> DATA",
                                        "< 554 5.5.1",
                                        "> NONSENSE",
                                        "< 500 5.5.1",
                                        NULL};
    (void)state;
    play(lines, usual_options());
}

static void test_small_commands(void **state)
{
    static const char *const lines[] = {"> NOOP",
                                        "< 250",
                                        "> noop twice",
                                        "< 250",
                                        "> RSET",
                                        "< 250",
                                        "> RSET now",
                                        "< 501",
                                        "> VRFY ann",
                                        "< 252",
                                        "> VRFY",
                                        "< 501",
                                        "> EXPN list",
                                        "< 502",
                                        "> HELP",
                                        "< 214",
                                        "> HELO me",
                                        "= 250 test.example",
                                        "> MAIL FROM:<a@b.c> SIZE=1",
                                        "< 555",
                                        "> AUTH PLAIN",
                                        "< 503",
                                        "> QUIT now",
                                        "< 501",
                                        "> quit",
                                        "< 221",
                                        "@close",
                                        NULL};
    (void)state;
    play(lines, usual_options());
}

static void test_addresses_beyond_ascii_need_smtputf8(void **state)
{
    static const char *const lines[] = {
        EHLO_PLAIN,    "> MAIL FROM:<gr\xc3\xbc\xc3\x9f\x65@b.c>",
        "< 553 5.6.7", "> MAIL FROM:<gr\xc3\xbc\xc3\x9f\x65@b.c> SMTPUTF8",
        "< 250",       "> RCPT TO:<\xc3\xa4@b.c>",
        "< 250",       "> RSET",
        "< 250",       "> MAIL FROM:<a@b.c>",
        "< 250",       "> RCPT TO:<\xc3\xa4@b.c>",
        "< 553",       NULL};
    (void)state;
    play(lines, usual_options());
}

static void test_a_message_over_the_limit(void **state)
{
    struct tdm_server_options options = usual_options();
    options.max_size = 10;
    struct fixture f;
    (void)state;
    fixture_open(&f, options);
    take_output(&f);
    tdm_buf_reset(&f.said);
    send_text(&f, "HELO me\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n");
    expect_line(&f, "250 ", 0);
    expect_line(&f, "250 ", 0);
    expect_line(&f, "250 ", 0);
    expect_line(&f, "354 ", 0);
    send_text(&f, "12345678901\r\n.\r\nNOOP\r\n");
    expect_line(&f, "552 5.3.4", 0);
    expect_line(&f, "250 2.0.0", 0);
    assert_int_equal(tdm_server_session_next(&f.session), TDM_SERVER_NOTHING);
    fixture_close(&f);
}

static void test_starttls_forgets_and_drops_what_was_injected(void **state)
{
    static const char *const lines[] = {"> STARTTLS",
                                        "< 503",
                                        EHLO_PLAIN,
                                        "> STARTTLS now",
                                        "< 501",
                                        "> MAIL FROM:<a@b.c>",
                                        "< 250",
                                        "+ STARTTLS\r\nRSET\r\nNOOP\r\n",
                                        "< 220 2.0.0",
                                        "@tls",
                                        "@quiet",
                                        "> RCPT TO:<d@e.f>",
                                        "< 503 5.5.1 say EHLO",
                                        EHLO_AUTH,
                                        "> RCPT TO:<d@e.f>",
                                        "< 503 5.5.1 RCPT needs",
                                        "> STARTTLS",
                                        "< 503 5.5.1",
                                        NULL};
    (void)state;
    play(lines, usual_options());
}

static void test_any_credentials(void **state)
{
    static const char *const lines[] = {START_TLS,     "> AUTH PLAIN",
                                        "= 334 ",      "> *",
                                        "< 501 5.7.0", "> AUTH PLAIN =",
                                        "< 501 5.5.2", "> AUTH PLAIN !!!!",
                                        "< 501 5.5.2", "> AUTH CRAM-MD5",
                                        "< 504 5.5.4", "> AUTH",
                                        "< 501",       "> MAIL FROM:<a@b.c>",
                                        "< 250",       "> AUTH PLAIN",
                                        "< 503",       "> RSET",
                                        "< 250",       "> AUTH PLAIN AGFubgBzZXNhbWU=",
                                        "< 235 2.7.0", "> AUTH PLAIN AGFubgBzZXNhbWU=",
                                        "< 503 5.5.1", NULL};
    (void)state;
    play(lines, usual_options());
}

static struct tdm_server_options guarded_options(void)
{
    struct tdm_server_options options = usual_options();
    options.user = "ann";
    options.password = "sesame";
    options.require_auth = 1;
    return options;
}

static void test_the_right_credentials_only(void **state)
{
    static const char *const lines[] = {EHLO_PLAIN,
                                        "> MAIL FROM:<a@b.c>",
                                        "< 530 5.7.0",
                                        "> AUTH PLAIN AGFubgBzZXNhbWU=",
                                        "< 538 5.7.11",
                                        "> STARTTLS",
                                        "< 220",
                                        "@tls",
                                        EHLO_AUTH,
                                        "> AUTH PLAIN AGFubgB3cm9uZw==", /* ann, wrong */
                                        "< 535 5.7.8",
                                        "> AUTH PLAIN AGJvYgBzZXNhbWU=", /* bob, sesame */
                                        "< 535 5.7.8",
                                        "> AUTH LOGIN",
                                        "= 334 VXNlcm5hbWU6",
                                        "> YW5u",
                                        "= 334 UGFzc3dvcmQ6",
                                        "> c2VzYW1lcw==", /* sesames */
                                        "< 535 5.7.8",
                                        "> MAIL FROM:<a@b.c>",
                                        "< 530",
                                        "> AUTH LOGIN YW5u",
                                        "= 334 UGFzc3dvcmQ6",
                                        "> c2VzYW1l",
                                        "< 235 2.7.0",
                                        "> MAIL FROM:<a@b.c>",
                                        "< 250",
                                        NULL};
    (void)state;
    play(lines, guarded_options());
}

static void test_no_secret_is_traced(void **state)
{
    static const char *const sent[] = {"EHLO me",
                                       "AUTH PLAIN AGFubgBzZXNhbWU=",
                                       "AUTH LOGIN",
                                       "YW5u",
                                       "c2VzYW1l",
                                       "AUTH PLAIN",
                                       "AGFubgBzZXNhbWU=",
                                       "QUIT",
                                       NULL};
    struct tdm_server_options options = usual_options();
    struct fixture f;
    (void)state;
    options.encrypted = 1;
    fixture_open(&f, options);
    for (size_t i = 0; sent[i] != NULL; i++) {
        send_line(&f, sent[i], 0);
    }
    assert_non_null(strstr(tdm_buf_text(&f.trace), "AUTH PLAIN <hidden>\n"));
    assert_non_null(strstr(tdm_buf_text(&f.trace), "221 2.0.0 bye\n"));
    assert_null(strstr(tdm_buf_text(&f.trace), "c2VzYW1l"));
    assert_null(strstr(tdm_buf_text(&f.trace), "AGFubgBz"));
    assert_null(strstr(tdm_buf_text(&f.trace), "YW5u"));
    fixture_close(&f);
}

static void test_too_many_errors_end_it(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, usual_options());
    take_output(&f);
    tdm_buf_reset(&f.said);
    for (int i = 0; i < 20; i++) {
        send_line(&f, "NONSENSE", 0);
        expect_line(&f, "500 5.5.1", 0);
    }
    send_line(&f, "NONSENSE", 0);
    expect_line(&f, "421 4.7.0", 0);
    assert_int_equal(tdm_server_session_next(&f.session), TDM_SERVER_CLOSE);
    send_line(&f, "NOOP", 0);
    assert_string_equal(tdm_buf_text(&f.said), "");
    fixture_close(&f);
}

static void test_a_line_over_the_limit(void **state)
{
    struct fixture f;
    char line[20000];
    (void)state;
    memset(line, 'x', sizeof(line));
    fixture_open(&f, usual_options());
    take_output(&f);
    tdm_buf_reset(&f.said);
    send_bytes(&f, line, sizeof(line), 0);
    assert_string_equal(tdm_buf_text(&f.said), "");
    assert_true(f.session.line.length <= 12288);
    send_text(&f, "\r\nNOOP\r\n");
    expect_line(&f, "500 5.5.6", 0);
    expect_line(&f, "250 2.0.0", 0);
    fixture_close(&f);
}

static void test_silence_ends_with_421(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, usual_options());
    take_output(&f);
    tdm_buf_reset(&f.said);
    send_line(&f, "NOOP", 0); /* at 1000 ms */
    expect_line(&f, "250", 0);
    assert_int_equal(tdm_server_session_deadline(&f.session), 301000);
    tdm_server_session_tick(&f.session, 300999);
    take_output(&f);
    assert_string_equal(tdm_buf_text(&f.said), "");
    tdm_server_session_tick(&f.session, 301000);
    take_output(&f);
    expect_line(&f, "421 4.4.2", 0);
    assert_int_equal(tdm_server_session_next(&f.session), TDM_SERVER_CLOSE);
    assert_int_equal(tdm_server_session_deadline(&f.session), -1);
    fixture_close(&f);
}

static void test_a_message_that_cannot_be_kept(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, usual_options());
    send_text(&f, "HELO me\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n.\r\nNOOP\r\n");
    assert_int_equal(tdm_server_session_next(&f.session), TDM_SERVER_MESSAGE);
    assert_string_equal(f.session.from, "a@b.c");
    assert_int_equal(f.session.recipients.count, 1);
    assert_string_equal(f.session.recipients.items[0], "d@e.f");
    tdm_buf_reset(&f.said);
    tdm_server_session_answer(&f.session, "the disk is full", 1000);
    take_output(&f);
    expect_line(&f, "451 4.3.0 the disk is full", 1);
    expect_line(&f, "250 2.0.0", 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_with_dots),
        cmocka_unit_test(test_only_crlf_ends_a_message),
        cmocka_unit_test(test_a_pipelined_transaction_goes_on_behind_the_message),
        cmocka_unit_test(test_what_is_out_of_order_or_wrong_is_refused),
        cmocka_unit_test(test_small_commands),
        cmocka_unit_test(test_addresses_beyond_ascii_need_smtputf8),
        cmocka_unit_test(test_a_message_over_the_limit),
        cmocka_unit_test(test_starttls_forgets_and_drops_what_was_injected),
        cmocka_unit_test(test_any_credentials),
        cmocka_unit_test(test_the_right_credentials_only),
        cmocka_unit_test(test_no_secret_is_traced),
        cmocka_unit_test(test_too_many_errors_end_it),
        cmocka_unit_test(test_a_line_over_the_limit),
        cmocka_unit_test(test_silence_ends_with_421),
        cmocka_unit_test(test_a_message_that_cannot_be_kept),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
