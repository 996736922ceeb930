/* test_session_hand.c: a session by hand (tidymail/session.h) against the test server and scenarios. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <tidymail/devserver.h>
#include <tidymail/session.h>
#include <tidymail/source.h>

#include "fail_alloc.h"
#include "util/base64.h"
#include "util/buf.h"

#define USER "ann"
#define PASSWORD "s3cret-word"

struct talk {
    tidymail_devserver *server;
    tidymail_session *session;
    struct tdm_buf seen; /* the lines of the callback: mark, blank, text */
};

static void keep_line(void *context, const tidymail_smtp_trace *line)
{
    struct talk *talk = context;
    static const char *const marks[] = {"->", "<-", "***", "state"};
    static const char *const tls_marks[] = {"~>", "<~", "***", "state"};
    tdm_buf_addf(&talk->seen, "%s ", (line->encrypted ? tls_marks : marks)[line->mark]);
    tdm_buf_add(&talk->seen, line->text, line->length);
    tdm_buf_add_char(&talk->seen, '\n');
}

static tidymail_devserver *start(const tidymail_devserver_options *options)
{
    char error[256] = "";
    tidymail_devserver *server = tidymail_devserver_start(options, error, sizeof(error));
    if (server == NULL) {
        fail_msg("%s", error);
    }
    return server;
}

static void talk_open_url(struct talk *talk, const char *url, const char *option)
{
    tidymail_session_options options = TIDYMAIL_SESSION_OPTIONS_INIT;
    tidymail_transport_options transport = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    tdm_buf_init(&talk->seen, NULL, 1 << 20);
    transport.options = &option;
    transport.option_count = option != NULL;
    options.transport = &transport;
    options.line = keep_line;
    options.line_context = talk;
    talk->session = tidymail_session_open(url, &options);
    assert_non_null(talk->session);
}

static void talk_open(struct talk *talk, const char *option)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    options.user = USER;
    options.password = PASSWORD;
    talk->server = start(&options);
    talk_open_url(talk, tidymail_devserver_url(talk->server), option);
}

#define HEAD "title: t\nsource: t\n"

static void talk_play(struct talk *talk, const char *lines, const char *option)
{
    char scenario[4096];
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    snprintf(scenario, sizeof(scenario), HEAD "%s", lines);
    options.scenario = scenario;
    talk->server = start(&options);
    talk_open_url(talk, tidymail_devserver_url(talk->server), option);
}

static void talk_close(struct talk *talk)
{
    if (strstr(tdm_buf_text(&talk->seen), PASSWORD) != NULL) {
        fail_msg("the password is in: %s", tdm_buf_text(&talk->seen));
    }
    tidymail_session_free(talk->session);
    tidymail_devserver_stop(talk->server);
    tdm_buf_clear(&talk->seen);
}

static const char *words(const struct talk *talk)
{
    return tidymail_error_message(tidymail_session_error(talk->session));
}

static void is_ok(const struct talk *talk, int kind)
{
    if (kind != TIDYMAIL_OK) {
        fail_msg("%s: %s", tidymail_kind_name(kind), words(talk));
    }
    if (tidymail_session_error(talk->session) != NULL) {
        fail_msg("an error where none should be: %s", words(talk));
    }
}

static void answers(const struct talk *talk, int code)
{
    is_ok(talk, tidymail_session_read(talk->session, -1));
    assert_int_equal(tidymail_session_code(talk->session), code);
}

static void says(const struct talk *talk, const char *line, int code)
{
    is_ok(talk, tidymail_session_send_line(talk->session, line));
    answers(talk, code);
}

static void connects(const struct talk *talk)
{
    is_ok(talk, tidymail_session_connect(talk->session));
    answers(talk, 220);
}

static void upgrades(const struct talk *talk)
{
    connects(talk);
    is_ok(talk, tidymail_session_ehlo(talk->session, NULL));
    assert_true(tidymail_session_has_ehlo(talk->session));
    is_ok(talk, tidymail_session_start_tls(talk->session));
    assert_true(tidymail_session_encrypted(talk->session));
    assert_false(tidymail_session_has_ehlo(talk->session)); /* RFC 3207 4.2 */
    is_ok(talk, tidymail_session_ehlo(talk->session, "me.example"));
}

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no \"%s\" in: %s", part, text);
    }
}

static int sends(const struct talk *talk, const char *text)
{
    tidymail_source source;
    assert_int_equal(tidymail_source_open_memory(&source, text, strlen(text)), TIDYMAIL_OK);
    int kind = tidymail_session_send_message(talk->session, &source);
    source.release(source.context);
    return kind;
}

static void a_whole_session(void **state)
{
    struct talk talk;
    (void)state;
    talk_open(&talk, NULL);
    upgrades(&talk);
    const tidymail_certificate *seen = tidymail_session_certificate(talk.session);
    assert_true(tidymail_certificate_verified(seen));
    has(tidymail_certificate_names(seen), "localhost");
    int found = 0;
    for (size_t i = 0; i < tidymail_session_capability_count(talk.session); i++) {
        found |= strcmp(tidymail_session_capability(talk.session, i), "PIPELINING") == 0;
    }
    assert_true(found);
    is_ok(&talk, tidymail_session_auth(talk.session, NULL));
    says(&talk, "MAIL FROM:<a@example.com>", 250);
    says(&talk, "RCPT TO:<b@example.org>", 250);
    is_ok(&talk, sends(&talk, "Subject: x\n\n.a\r\n..b\rc\n.\nend"));
    assert_string_equal(tidymail_devserver_message(talk.server, 0, NULL) +
                            strcspn(tidymail_devserver_message(talk.server, 0, NULL), "S"),
                        "Subject: x\r\n\r\n.a\r\n..b\r\nc\r\n.\r\nend\r\n");
    assert_string_equal(tidymail_devserver_message_user(talk.server, 0), USER);
    tidymail_session_quit(talk.session);
    assert_int_equal(tidymail_session_fd(talk.session), -1);
    assert_null(tidymail_session_error(talk.session));
    has(tdm_buf_text(&talk.seen), "~> QUIT\n<~ 221");
    talk_close(&talk);
}

static void a_message_line_by_line(void **state)
{
    struct talk talk;
    (void)state;
    talk_open(&talk, NULL);
    connects(&talk);
    says(&talk, "ehlo me", 250);
    says(&talk, "mail from:<a@example.com>", 250);
    says(&talk, "rcpt to:<b@example.org>", 250);
    says(&talk, "data", 354);
    assert_int_equal(tidymail_session_mode(talk.session), TIDYMAIL_SESSION_DATA);
    is_ok(&talk, tidymail_session_send_line(talk.session, "QUIT"));
    is_ok(&talk, tidymail_session_send_line(talk.session, "..x"));
    says(&talk, ".", 250);
    assert_int_equal(tidymail_session_mode(talk.session), TIDYMAIL_SESSION_COMMAND);
    has(tidymail_devserver_message(talk.server, 0, NULL), "QUIT\r\n.x\r\n");
    assert_null(strstr(tdm_buf_text(&talk.seen), "QUIT")); /* a message is nobody's to see */
    talk_close(&talk);
}

static void every_mechanism(void **state)
{
    static const char *const names[] = {"PLAIN",
                                        "login",
                                        "CRAM-MD5",
                                        "SCRAM-SHA-1",
                                        "SCRAM-SHA-256",
                                        "SCRAM-SHA-1-PLUS",
                                        "SCRAM-SHA-256-PLUS"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct talk talk;
        talk_open(&talk, i % 2 == 0 ? "initial-response=no" : NULL);
        upgrades(&talk);
        is_ok(&talk, tidymail_session_auth(talk.session, names[i]));
        assert_int_equal(tidymail_session_code(talk.session), 235);
        talk_close(&talk);
    }
}

static void a_login_by_hand(void **state)
{
    struct talk talk;
    struct tdm_buf encoded;
    (void)state;
    talk_open(&talk, NULL);
    upgrades(&talk);
    says(&talk, "AUTH LOGIN", 334);
    assert_int_equal(tidymail_session_mode(talk.session), TIDYMAIL_SESSION_AUTH);
    has(tidymail_session_challenge(talk.session), "ser");
    says(&talk, "YW5u", 334);
    has(tidymail_session_challenge(talk.session), "ass");
    tdm_buf_init(&encoded, NULL, 100);
    tdm_base64_encode(&encoded, PASSWORD, strlen(PASSWORD));
    says(&talk, tdm_buf_text(&encoded), 235);
    assert_null(strstr(tdm_buf_text(&talk.seen), tdm_buf_text(&encoded)));
    has(tdm_buf_text(&talk.seen), "~> [credentials hidden]\n<~ 235");
    tdm_buf_clear(&encoded);
    talk_close(&talk);
}

static void logins_that_fail(void **state)
{
    struct talk talk;
    (void)state;
    talk_open(&talk, NULL);
    connects(&talk);
    is_ok(&talk, tidymail_session_ehlo(talk.session, NULL));
    assert_int_equal(tidymail_session_auth(talk.session, "PLAIN"), TIDYMAIL_KIND_AUTHENTICATION);
    has(words(&talk), "without TLS");
    is_ok(&talk, tidymail_session_start_tls(talk.session));
    assert_int_equal(tidymail_session_auth(talk.session, NULL), TIDYMAIL_KIND_AUTHENTICATION);
    has(words(&talk), "not asked");
    assert_int_equal(tidymail_session_auth(talk.session, "BEANS"), TIDYMAIL_KIND_AUTHENTICATION);
    has(words(&talk), "no login mechanism of this name");
    says(&talk, "EHLO me", 250);
    assert_int_equal(tidymail_session_send_line(talk.session, "AUTH PLAIN AGFubgB3cm9uZ3dyb25n"),
                     0);
    assert_int_equal(tidymail_session_read(talk.session, -1), TIDYMAIL_OK);
    const tidymail_error *error = tidymail_session_error(talk.session);
    assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_AUTHENTICATION);
    assert_int_equal(tidymail_error_phase(error), TIDYMAIL_PHASE_AUTH);
    assert_int_equal(tidymail_error_code(error), 535);
    assert_string_equal(tidymail_error_enhanced(error), "5.7.8");
    assert_string_not_equal(tidymail_error_hint(error), "");
    assert_null(strstr(tdm_buf_text(&talk.seen), "AGFubgB3"));
    talk_close(&talk);
    talk_open_url(&talk, "smtp://h", NULL);
    talk.server = NULL;
    assert_int_equal(tidymail_session_auth(talk.session, NULL), TIDYMAIL_KIND_CONNECTION);
    talk_close(&talk);
}

/* A server that proves nothing, and one that is no partner of SCRAM, get "*" and no more. */
static void a_bad_challenge_is_cancelled(void **state)
{
    struct talk talk;
    (void)state;
    talk_play(&talk,
              "client: tls=none user=ann password=" PASSWORD " cleartext-auth=allow\n"
              "S: 220 hi\nC: EHLO *\nS: 250-h\nS: 250 AUTH SCRAM-SHA-256\nC: AUTH SCRAM-SHA-256 *\n"
              "S: 334 cj1ldmls\nC: *\nS: 501 cancelled\n",
              NULL);
    connects(&talk);
    is_ok(&talk, tidymail_session_ehlo(talk.session, NULL));
    assert_int_equal(tidymail_session_auth(talk.session, NULL), TIDYMAIL_KIND_AUTHENTICATION);
    has(words(&talk), "authentication failed");
    has(tdm_buf_text(&talk.seen), "-> *\n");
    has(tdm_buf_text(&talk.seen), "<- 334 [challenge hidden]\n");
    talk_close(&talk);
}

static void echoed_secrets_are_hidden(void **state)
{
    struct talk talk;
    (void)state;
    talk_play(&talk,
              "client: tls=none user=ann password=" PASSWORD " cleartext-auth=allow\n"
              "S: 220 hi\nC: AUTH PLAIN *\nS: 535 not AGFubgBzM2NyZXQtd29yZA== or " PASSWORD "\n"
              "C: AUTH X *\nS: 535 not dHlwZWQ=typed\n",
              NULL);
    connects(&talk);
    assert_int_equal(tidymail_session_auth(talk.session, "PLAIN"), TIDYMAIL_KIND_AUTHENTICATION);
    assert_null(strstr(tidymail_session_text(talk.session), "AGFub"));
    assert_null(strstr(words(&talk), PASSWORD));
    assert_null(strstr(tidymail_error_reply(tidymail_session_error(talk.session)), PASSWORD));
    tidymail_session_send_line(talk.session, "AUTH X dHlwZWQ=typed");
    tidymail_session_read(talk.session, -1);
    assert_string_equal(tidymail_session_text(talk.session), "not [hidden]");
    assert_null(strstr(tdm_buf_text(&talk.seen), "dHlw"));
    talk_close(&talk);
}

static void hang_ups_are_told(void **state)
{
    struct talk talk;
    (void)state;
    talk_play(&talk, "client: tls=none\nS: 220 hi\nC: NOOP\nS: 421 4.3.2 going down\n@close\n",
              NULL);
    for (int i = 0; i < 2; i++) { /* and a new connection is as good as the first */
        connects(&talk);
        assert_int_equal(tidymail_session_send_line(talk.session, "NOOP"), TIDYMAIL_OK);
        assert_int_equal(tidymail_session_read(talk.session, -1), TIDYMAIL_OK);
        assert_int_equal(tidymail_session_code(talk.session), 421);
        assert_true(tidymail_error_retryable(tidymail_session_error(talk.session)));
        assert_int_equal(tidymail_session_read(talk.session, -1), TIDYMAIL_KIND_CONNECTION);
        has(words(&talk), "the server closed the connection");
        assert_int_equal(tidymail_session_mode(talk.session), TIDYMAIL_SESSION_CLOSED);
        assert_int_equal(tidymail_session_send_line(talk.session, "NOOP"),
                         TIDYMAIL_KIND_CONNECTION);
        assert_string_equal(words(&talk), "not connected");
    }
    talk_close(&talk);
}

static void what_comes_unasked_can_be_polled(void **state)
{
    struct talk talk;
    (void)state;
    talk_play(&talk,
              "client: tls=none\nS: 220 hi\nC: NOOP\nS: 250 ok\n@wait 200ms\nS: 421 idle\n@close\n",
              NULL);
    connects(&talk);
    says(&talk, "NOOP", 250);
    assert_int_equal(tidymail_session_read(talk.session, 0), TIDYMAIL_KIND_TIMEOUT);
    assert_null(tidymail_session_error(talk.session)); /* a look is no failure */
    assert_int_equal(tidymail_session_read(talk.session, 20), TIDYMAIL_KIND_TIMEOUT);
    has(words(&talk), "did not answer in time");
    struct pollfd one = {tidymail_session_fd(talk.session), POLLIN, 0};
    assert_int_equal(poll(&one, 1, 10000), 1);
    assert_int_equal(tidymail_session_read(talk.session, 1000), TIDYMAIL_OK);
    assert_int_equal(tidymail_session_code(talk.session), 421);
    talk_close(&talk);
}

static void replies_in_one_piece(void **state)
{
    struct talk talk;
    (void)state;
    talk_play(&talk,
              "client: tls=none\nS: 220 hi\nC: NOOP\nC: NOOP\nS: 250-a\nS: 250 b\nS: hello\n"
              "S: 550 5.1.1 no\n@silence\n",
              NULL);
    connects(&talk);
    is_ok(&talk, tidymail_session_send_raw(talk.session, "NOOP\r\nNOOP\r\n", 12));
    answers(&talk, 250);
    assert_string_equal(tidymail_session_text(talk.session), "a\nb");
    assert_int_equal(tidymail_session_read(talk.session, 1000), TIDYMAIL_OK);
    assert_int_equal(tidymail_session_code(talk.session), 0); /* a line that is no reply */
    assert_string_equal(tidymail_session_text(talk.session), "hello");
    assert_int_equal(tidymail_error_kind(tidymail_session_error(talk.session)),
                     TIDYMAIL_KIND_PROTOCOL);
    assert_int_equal(tidymail_session_read(talk.session, 1000), TIDYMAIL_OK);
    assert_string_equal(tidymail_session_enhanced(talk.session), "5.1.1");
    assert_int_equal(tidymail_session_read(talk.session, 50), TIDYMAIL_KIND_TIMEOUT);
    talk_close(&talk);
}

static void bytes_behind_starttls_end_the_session(void **state)
{
    struct talk talk;
    (void)state;
    talk_play(&talk, "S: 220 hi\nC: STARTTLS\nS: 220 go\nS: 250 injected\n@silence\n", NULL);
    connects(&talk);
    assert_int_equal(tidymail_session_start_tls(talk.session), TIDYMAIL_KIND_TLS);
    has(words(&talk), "in clear behind its answer to STARTTLS");
    assert_int_equal(tidymail_session_fd(talk.session), -1);
    talk_close(&talk);
}

static void tls_that_fails(void **state)
{
    struct talk talk;
    (void)state;
    talk_play(&talk, "S: 220 hi\nC: STARTTLS\nS: 220 go\n@tls expired\nC: EHLO *\n", NULL);
    connects(&talk);
    assert_int_equal(tidymail_session_start_tls(talk.session), TIDYMAIL_KIND_TLS);
    has(words(&talk), "expired");
    has(tidymail_certificate_problem(tidymail_session_certificate(talk.session)), "expired");
    talk_close(&talk);
    talk_play(&talk, "S: 220 hi\nC: STARTTLS\nS: 454 4.7.0 not now\n@silence\n", NULL);
    connects(&talk);
    assert_int_equal(tidymail_session_start_tls(talk.session), TIDYMAIL_KIND_TLS);
    assert_true(tidymail_error_retryable(tidymail_session_error(talk.session)));
    assert_true(tidymail_session_fd(talk.session) >= 0);
    assert_false(tidymail_session_encrypted(talk.session));
    talk_close(&talk);
}

static void starttls_sent_raw_waits_for_the_handshake(void **state)
{
    struct talk talk;
    (void)state;
    talk_open(&talk, NULL);
    connects(&talk);
    is_ok(&talk, tidymail_session_ehlo(talk.session, NULL));
    is_ok(&talk, tidymail_session_send_raw(talk.session, "STARTTLS\r\n", 10));
    answers(&talk, 220);
    assert_int_equal(tidymail_session_read(talk.session, 0), TIDYMAIL_KIND_TIMEOUT);
    is_ok(&talk, tidymail_session_start_tls(talk.session));
    says(&talk, "EHLO me", 250);
    assert_true(tidymail_session_encrypted(talk.session));
    assert_int_equal(tidymail_session_start_tls(talk.session), TIDYMAIL_KIND_TLS);
    has(words(&talk), "encrypted already");
    says(&talk, "NOOP", 250);
    talk_close(&talk);
}

static void tls_at_once(void **state)
{
    struct talk talk;
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    (void)state;
    options.implicit_tls = 1;
    talk.server = start(&options);
    talk_open_url(&talk, tidymail_devserver_url(talk.server), NULL);
    connects(&talk);
    assert_true(tidymail_session_encrypted(talk.session));
    talk_close(&talk);
}

static void lmtp_answers_for_each_recipient(void **state)
{
    struct talk talk;
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    (void)state;
    options.lmtp = 1;
    options.no_tls = 1;
    talk.server = start(&options);
    talk_open_url(&talk, tidymail_devserver_url(talk.server), NULL);
    connects(&talk);
    is_ok(&talk, tidymail_session_ehlo(talk.session, NULL));
    has(tdm_buf_text(&talk.seen), "-> LHLO ");
    says(&talk, "MAIL FROM:<a@example.com>", 250);
    says(&talk, "RCPT TO:<b@example.org>", 250);
    says(&talk, "RCPT TO:<c@example.org>", 250);
    is_ok(&talk, sends(&talk, "Subject: x\n\nx\n"));
    answers(&talk, 250); /* the second recipient's (RFC 2033 4.2) */
    assert_int_equal(tidymail_session_read(talk.session, 20), TIDYMAIL_KIND_TIMEOUT);
    talk_close(&talk);
}

static void a_lost_answer_may_mean_delivered(void **state)
{
    static const char lines[] =
        "client: tls=none\nS: 220 hi\nC: DATA\nS: 354 go\nC: <message>\n@close\n";
    struct talk talk;
    (void)state;
    talk_play(&talk, lines, NULL);
    connects(&talk);
    assert_int_equal(sends(&talk, "Subject: x\n\nx\n"), TIDYMAIL_KIND_CONNECTION);
    assert_true(tidymail_error_maybe_delivered(tidymail_session_error(talk.session)));
    talk_close(&talk);
    talk_play(&talk, lines, NULL);
    connects(&talk);
    says(&talk, "DATA", 354);
    is_ok(&talk, tidymail_session_send_line(talk.session, "x"));
    is_ok(&talk, tidymail_session_send_line(talk.session, "."));
    assert_int_equal(tidymail_session_read(talk.session, -1), TIDYMAIL_KIND_CONNECTION);
    assert_true(tidymail_error_maybe_delivered(tidymail_session_error(talk.session)));
    talk_close(&talk);
}

static ptrdiff_t half_read(void *context, void *buffer, size_t capacity)
{
    int *calls = context;
    memset(buffer, 'x', capacity < 10 ? capacity : 10);
    return (*calls)++ == 0 ? 10 : -1;
}

static void half_a_message_is_none(void **state)
{
    struct talk talk;
    int calls = 0;
    tidymail_source source = {half_read, NULL, NULL, NULL, NULL, &calls};
    (void)state;
    talk_open(&talk, NULL);
    connects(&talk);
    says(&talk, "EHLO me", 250);
    says(&talk, "MAIL FROM:<a@example.com>", 250);
    says(&talk, "RCPT TO:<b@example.org>", 250);
    assert_int_equal(tidymail_session_send_message(talk.session, &source), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_session_fd(talk.session), -1);
    assert_int_equal(tidymail_devserver_message_count(talk.server), 0);
    talk_close(&talk);
}

static void lines_are_one_line(void **state)
{
    static const char *const bad[] = {"NOOP\r", "NOOP\nQUIT", "a\rb"};
    struct talk talk;
    (void)state;
    talk_open(&talk, NULL);
    connects(&talk);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tidymail_session_send_line(talk.session, bad[i]), TIDYMAIL_KIND_MESSAGE);
    }
    says(&talk, "NOOP", 250);
    assert_int_equal(tidymail_session_read(talk.session, 20), TIDYMAIL_KIND_TIMEOUT);
    talk_close(&talk);
}

static void bad_urls_stick(void **state)
{
    static const struct {
        const char *url;
        int kind;
    } cases[] = {
        {NULL, TIDYMAIL_KIND_CONFIGURATION},
        {"memory:", TIDYMAIL_KIND_CONFIGURATION},
        {"smtp://", TIDYMAIL_KIND_CONFIGURATION},
        {"file:///tmp", TIDYMAIL_KIND_CONFIGURATION},
        {"mailgun://K@d", TIDYMAIL_KIND_CONFIGURATION},
        {"failover(smtp://a.invalid smtp://b.invalid)", TIDYMAIL_KIND_CONFIGURATION},
        {"lmtp+unix:///no/such/socket", TIDYMAIL_KIND_CONNECTION},
        {"smtp://127.0.0.1:1?connect-timeout=5", TIDYMAIL_KIND_CONNECTION},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct talk talk = {0};
        talk_open_url(&talk, cases[i].url, NULL);
        assert_int_equal(tidymail_session_connect(talk.session), cases[i].kind);
        assert_int_equal(tidymail_session_fd(talk.session), -1);
        assert_non_null(tidymail_session_server(talk.session));
        talk_close(&talk);
    }
}

static void null_is_harmless(void **state)
{
    (void)state;
    tidymail_session_free(NULL);
    tidymail_session_quit(NULL);
    assert_int_equal(tidymail_session_connect(NULL), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_session_send_line(NULL, "x"), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_session_send_raw(NULL, "x", 1), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_session_read(NULL, 0), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_session_ehlo(NULL, NULL), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_session_start_tls(NULL), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_session_auth(NULL, NULL), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_session_send_message(NULL, NULL), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_session_fd(NULL), -1);
    assert_int_equal(tidymail_session_mode(NULL), TIDYMAIL_SESSION_CLOSED);
    assert_int_equal(tidymail_session_encrypted(NULL), 0);
    assert_int_equal(tidymail_session_code(NULL), 0);
    assert_int_equal(tidymail_session_has_ehlo(NULL), 0);
    assert_null(tidymail_session_error(NULL));
    assert_null(tidymail_session_capability(NULL, 0));
    assert_null(tidymail_session_certificate(NULL));
    assert_string_equal(tidymail_session_text(NULL), "");
    assert_string_equal(tidymail_session_enhanced(NULL), "");
    assert_string_equal(tidymail_session_challenge(NULL), "");
    assert_string_equal(tidymail_session_server(NULL), "");
    assert_string_equal(tidymail_session_url(NULL), "");
}

static void enhanced_codes_in_words(void **state)
{
    static const struct {
        const char *code;
        const char *words;
    } cases[] = {
        {"5.1.1", "the mailbox does not exist"},
        {"4.2.2", "the mailbox is full"},
        {"5.7.8", "user name or password is wrong"},
        {"5.1.10", "the recipient's domain takes no mail at all (null MX)"},
        {"2.0.0", "all is well"},
        {"3.1.1", ""},
        {"5.1.999", ""},
        {"5", ""},
        {"", ""},
        {NULL, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(tidymail_enhanced_words(cases[i].code), cases[i].words);
    }
}

static int starved_says(tidymail_session *session, const char *line)
{
    int kind = tidymail_session_send_line(session, line);
    return kind == TIDYMAIL_OK ? tidymail_session_read(session, 1000) : kind;
}

/* A session with all there is, while memory runs out: it ends, says so, and leaks nothing. */
static int starved_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                        void *context)
{
    static const char text[] = "Subject: x\n\nx\n";
    tidymail_source source = {NULL, NULL, NULL, NULL, NULL, NULL};
    int kinds[8] = {0};
    int failed = 0;
    tidymail_session *session = tidymail_session_open_with(context, NULL, allocator);
    if (session == NULL) {
        return memory->failures == 0;
    }
    kinds[0] = tidymail_session_connect(session);
    kinds[1] = tidymail_session_read(session, 1000);
    tidymail_session_ehlo(session, "me");
    kinds[2] = tidymail_session_start_tls(session);
    kinds[3] = tidymail_session_ehlo(session, "me");
    kinds[4] = tidymail_session_auth(session, "SCRAM-SHA-256");
    kinds[5] = starved_says(session, "MAIL FROM:<a@example.com>");
    kinds[6] = starved_says(session, "RCPT TO:<b@example.org>");
    if (tidymail_source_open_memory(&source, text, strlen(text)) == TIDYMAIL_OK) {
        kinds[7] = tidymail_session_send_message(session, &source);
        source.release(source.context);
    }
    for (size_t i = 0; i < 8; i++) {
        failed |= kinds[i] != TIDYMAIL_OK;
    }
    if (failed && memory->failures == 0) {
        print_error("it failed with memory enough: %s\n",
                    tidymail_error_message(tidymail_session_error(session)));
    }
    int wrong = failed && memory->failures == 0;
    tidymail_session_quit(session);
    tidymail_session_free(session);
    return wrong;
}

static void every_allocation_fails_in_turn(void **state)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char url[512];
    (void)state;
    options.user = USER;
    options.password = PASSWORD;
    tidymail_devserver *server = start(&options);
    snprintf(url, sizeof(url), "%s&reply-timeout=1", tidymail_devserver_url(server));
    const char *wrong = fail_alloc_run_all(starved_once, url, 60);
    tidymail_devserver_stop(server);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_session),
        cmocka_unit_test(a_message_line_by_line),
        cmocka_unit_test(every_mechanism),
        cmocka_unit_test(a_login_by_hand),
        cmocka_unit_test(logins_that_fail),
        cmocka_unit_test(a_bad_challenge_is_cancelled),
        cmocka_unit_test(echoed_secrets_are_hidden),
        cmocka_unit_test(hang_ups_are_told),
        cmocka_unit_test(what_comes_unasked_can_be_polled),
        cmocka_unit_test(replies_in_one_piece),
        cmocka_unit_test(bytes_behind_starttls_end_the_session),
        cmocka_unit_test(tls_that_fails),
        cmocka_unit_test(starttls_sent_raw_waits_for_the_handshake),
        cmocka_unit_test(tls_at_once),
        cmocka_unit_test(lmtp_answers_for_each_recipient),
        cmocka_unit_test(a_lost_answer_may_mean_delivered),
        cmocka_unit_test(half_a_message_is_none),
        cmocka_unit_test(lines_are_one_line),
        cmocka_unit_test(bad_urls_stick),
        cmocka_unit_test(null_is_harmless),
        cmocka_unit_test(enhanced_codes_in_words),
        cmocka_unit_test(every_allocation_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
