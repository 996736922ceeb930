/*
 * test_replay.c: the player: it must find what is not as a scenario says, play every cut, and end
 * each conversation that is lost or stalls behind any byte with an answer that is true.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devserver/replay.h"

/* STARTTLS, a login, three recipients of whom one is refused. */
static const char full_session[] = "client: user=bench password=sesame auth=plain reply-timeout=30 "
                                   "final-timeout=60 to=a@example.org,b@example.org,c@example.org\n"
                                   "S: 220 mx.example ready\n"
                                   "C: EHLO *\n"
                                   "S: 250-mx.example\n"
                                   "S: 250 STARTTLS\n"
                                   "C: STARTTLS\n"
                                   "S: 220 go ahead\n"
                                   "@tls\n"
                                   "C: EHLO *\n"
                                   "S: 250-mx.example\n"
                                   "S: 250-PIPELINING\n"
                                   "S: 250 AUTH PLAIN LOGIN\n"
                                   "C: AUTH PLAIN *\n"
                                   "S: 235 2.7.0 welcome\n"
                                   "C: MAIL FROM:<sender@example.com>*\n"
                                   "S: 250 2.1.0 ok\n"
                                   "C: RCPT TO:<a@example.org>\n"
                                   "S: 250 2.1.5 ok\n"
                                   "C: RCPT TO:<b@example.org>\n"
                                   "S: 550 5.1.1 nobody of that name\n"
                                   "C: RCPT TO:<c@example.org>\n"
                                   "S: 250 2.1.5 ok\n"
                                   "C: DATA\n"
                                   "S: 354 go on\n"
                                   "C: <message>\n"
                                   "S: 250 2.0.0 queued\n"
                                   "C: QUIT\n"
                                   "S: 221 bye\n"
                                   "@close\n";

static void parse(struct tdm_scenario *scenario, const char *text)
{
    struct tdm_buf error;
    tdm_buf_init(&error, NULL, 1 << 16);
    if (tdm_scenario_parse(scenario, text, strlen(text), &error) != 0) {
        fail_msg("%s", tdm_buf_text(&error));
    }
    tdm_buf_clear(&error);
}

/* Plays `script` followed by `more`; the problems must begin with `problems` ("": none at all). */
static void play(const char *script, const char *more, const char *problems)
{
    struct tdm_scenario scenario;
    struct tdm_replay_options options = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_replay_result result;
    struct tdm_buf text;
    tdm_buf_init(&text, NULL, 1 << 16);
    tdm_buf_addf(&text, "%s%s", script, more);
    parse(&scenario, text.data);
    int playable = tdm_replay(&scenario, &options, &result) == 0;
    const char *got = tdm_buf_text(&result.problems);
    if (problems[0] == '\0' ? got[0] != '\0' : strncmp(got, problems, strlen(problems)) != 0) {
        fail_msg("for '%s': expected '%s', got '%s'", more, problems, got);
    }
    assert_int_equal(playable, strstr(problems, "client:") == NULL);
    tdm_replay_result_clear(&result);
    tdm_scenario_clear(&scenario);
    tdm_buf_clear(&text);
}

static const char partial_words[] =
    "expect: partial permanent rcpt 550 final enhanced=5.1.1 reply=\"nobody of that name\" "
    "within=2s tried=PLAIN message=refused\n"
    "expect-recipient: sent 250 enhanced=2.0.0 reply=queued\n"
    "expect-recipient: failed 550 final\n"
    "expect-recipient: c@example.org sent 250\n";

static void test_a_report_as_expected(void **state)
{
    (void)state;
    play(full_session, partial_words, "");
    play(full_session, "", "");
}

static void test_every_difference_is_found(void **state)
{
    static const struct {
        const char *more;
        const char *problem;
    } cases[] = {
        {"expect: sent\n",
         "line 30: expected outcome sent, got partial\nline 30: expected no error"},
        {"expect: failed permanent rcpt\n", "line 30: expected outcome failed, got partial\n"},
        {"expect: partial temporary rcpt\n", "line 30: expected kind temporary, got permanent\n"},
        {"expect: partial permanent data\n", "line 30: expected phase data, got rcpt\n"},
        {"expect: partial permanent rcpt 551\n", "line 30: expected code 551, got 550\n"},
        {"expect: partial permanent rcpt -\n", "line 30: expected code 0, got 550\n"},
        {"expect: partial permanent rcpt retryable\n",
         "line 30: expected it to be retryable, got final\n"},
        {"expect: partial permanent rcpt maybe-delivered\n",
         "line 30: expected maybe-delivered, it is not\n"},
        {"expect: partial permanent rcpt enhanced=5.1.2\n",
         "line 30: expected enhanced code 5.1.2, got 5.1.1\n"},
        {"expect: partial permanent rcpt enhanced=\"\"\n",
         "line 30: expected enhanced code , got 5.1.1\n"},
        {"expect: partial permanent rcpt reply=nobody\n",
         "line 30: expected reply nobody, got nobody of that name\n"},
        {"expect: partial permanent rcpt note=x\n",
         "line 30: expected a note with 'x', there is none among 0\n"},
        {"expect: partial permanent rcpt tried=LOGIN\n",
         "line 30: expected mechanisms tried LOGIN, got PLAIN\n"},
        {"expect: partial permanent rcpt message=xyzzy\n",
         "line 30: expected a message with 'xyzzy'"},
        {"expect: partial permanent rcpt hint=xyzzy\n", "line 30: expected a hint with 'xyzzy'"},
        {"expect-recipient: failed\n", "line 30: expected outcome failed, got sent\n"},
        {"expect-recipient: c@example.org sent 251\n", "line 30: expected code 251, got 250\n"},
        {"expect-recipient: b@example.org failed 550 retryable\n",
         "line 30: expected it to be retryable, got final\n"},
        {"expect-recipient: sent enhanced=2.0.1\n",
         "line 30: expected enhanced code 2.0.1, got 2.0.0\n"},
        {"expect-recipient: sent reply=kept\n", "line 30: expected reply kept, got queued\n"},
        {"client: rate=1\n", "line 30: client: rate= is not an option that replay knows\n"},
        {"client: by=120\n", "line 30: client: by= is not of the form 120;R\n"},
        {"client: hold-for=x\n", "line 30: client: hold-for= is not a number of seconds\n"},
        {"client: priority=1000000000\n", "line 30: client: priority= is not a number\n"},
        {"client: lmtp=maybe\n", "line 30: client: lmtp= has a value that is not known\n"},
        {"client: pipelining=perhaps\n",
         "line 30: client: pipelining= has a value that is not known\n"},
        {"client: timeout=soon\n", "line 30: client: timeout= is not a number of seconds\n"},
        {"client: size=1k\n", "line 30: client: size= is not a number of bytes\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        play(full_session, cases[i].more, cases[i].problem);
    }
}

static void test_a_client_that_deviates_is_found(void **state)
{
    (void)state;
    play("client: tls=none\nS: 220 hi\nC: HELO *\nS: 250 ok\n", "",
         "line 3: expected C: HELO *, got EHLO client.example\n");
    play("client: tls=none\nS: 220 hi\nC: EHLO *\nS: 250 ok\nC: NEVER\n", "expect: sent\n",
         "line 5: expected C: NEVER, got MAIL FROM:<sender@example.com>\n");
}

static void test_too_late_is_found(void **state)
{
    const char *silent = "client: tls=none reply-timeout=5\nS: 220 hi\nC: EHLO *\n@silence\n";
    (void)state;
    play(silent, "expect: failed timeout ehlo - retryable within=5s\n", "");
    play(
        silent, "expect: failed timeout ehlo within=4s\n",
        "line 5: expected the report within 4s of the server's last byte, it came after 5000 ms\n");
}

static void test_all_cuts_are_played(void **state)
{
    struct tdm_scenario scenario;
    struct tdm_buf problems;
    struct tdm_replay_options options = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_replay_result result;
    (void)state;
    tdm_buf_init(&problems, NULL, 1 << 16);
    parse(&scenario, full_session);
    assert_int_equal(tdm_replay(&scenario, &options, &result), 0);
    /* whole, byte by byte, and behind each byte but the last */
    size_t runs = tdm_replay_all(&scenario, &problems);
    assert_int_equal(runs, (size_t)result.server_bytes + 1);
    assert_string_equal(tdm_buf_text(&problems), "");
    tdm_replay_result_clear(&result);
    tdm_scenario_clear(&scenario);
    tdm_buf_clear(&problems);
}

static void test_times_are_virtual(void **state)
{
    struct tdm_scenario scenario;
    struct tdm_replay_options options = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_replay_result result;
    (void)state;
    parse(&scenario,
          "client: tls=none\nS: 220 hi\nC: EHLO *\n@wait 200s\nS: 421 not today\n@close\n"
          "expect: failed temporary ehlo 421 retryable within=0s\n");
    assert_int_equal(tdm_replay(&scenario, &options, &result), 0);
    assert_string_equal(tdm_buf_text(&result.problems), "");
    assert_int_equal(result.end_ms, 200000);
    assert_int_equal(result.after_server_ms, 0);
    tdm_replay_result_clear(&result);
    tdm_scenario_clear(&scenario);
}

static void test_a_certificate_is_turned_down(void **state)
{
    const char *script = "@tls expired\nS: 220 hi\nC: EHLO *\nS: 421 x\n@close\n";
    (void)state;
    play(script, "expect: failed tls tls - final\n", "");
    play(script, "client: verify=none\nexpect: failed temporary ehlo 421\n", "");
}

static void test_plain_bytes_in_a_handshake_fail_it(void **state)
{
    (void)state;
    play("client: tls=implicit\nS: 220 this is no TLS\n", "expect: failed tls tls - final\n", "");
}

static void test_a_big_message_under_a_waiting_server(void **state)
{
    (void)state; /* more than the network holds: the client stands still, and hears the refusal */
    play("client: tls=none size=500000\nS: 220 hi\nC: EHLO *\nS: 250 mx\nC: MAIL *\nS: 250 ok\n"
         "C: RCPT *\nS: 250 ok\nC: DATA\nS: 354 go\n@wait 1s\nS: 552 too big\n@close\n",
         "expect: failed permanent body 552 final\n", "");
}

/* The three ways a conversation may be disturbed, at every place of it. */
struct disturbed {
    int64_t message_end; /* offsets of the whole run */
    int64_t answer_end;
};

/* What is true of a run in which the client's message was taken up to the end, and its answer came. */
static void expect_true_answer(const struct tdm_replay_result *result, int handed_over,
                               int answered, const char *what, int64_t at)
{
    if (result->problems.length > 0 || result->report == NULL) {
        fail_msg("%s %lld: %s", what, (long long)at, tdm_buf_text(&result->problems));
        return;
    }
    int outcome = tidymail_report_outcome(result->report);
    int wanted = answered ? TIDYMAIL_PARTIAL : handed_over ? TIDYMAIL_UNKNOWN : TIDYMAIL_FAILED;
    if (outcome != wanted) {
        fail_msg("%s %lld: expected %s, got %s (%s)", what, (long long)at,
                 tidymail_outcome_name(wanted), tidymail_outcome_name(outcome),
                 tidymail_report_summary(result->report));
    }
}

static void play_disturbed(const struct tdm_scenario *scenario,
                           const struct tdm_replay_options *options, const char *what, int64_t at,
                           const struct disturbed *whole)
{
    struct tdm_replay_result result;
    assert_int_equal(tdm_replay(scenario, options, &result), 0);
    int handed_over = result.client_bytes >= whole->message_end;
    int answered = result.server_bytes >= whole->answer_end;
    expect_true_answer(&result, handed_over, answered, what, at);
    assert_true(result.end_ms <= 200000); /* no wait is longer than its deadline */
    tdm_replay_result_clear(&result);
}

static void test_lost_or_stalled_behind_every_byte(void **state)
{
    struct tdm_scenario scenario;
    struct tdm_replay_options options = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_replay_result result;
    struct disturbed whole;
    (void)state;
    parse(&scenario, full_session);
    assert_int_equal(tdm_replay(&scenario, &options, &result), 0);
    whole.message_end = result.message_end;
    whole.answer_end = result.answer_end;
    int64_t server_bytes = result.server_bytes;
    int64_t client_bytes = result.client_bytes;
    assert_true(whole.message_end > 0 && whole.message_end < client_bytes);
    assert_true(whole.answer_end > 0 && whole.answer_end < server_bytes);
    tdm_replay_result_clear(&result);
    for (int64_t at = 0; at < server_bytes; at++) {
        struct tdm_replay_options cut = TDM_REPLAY_OPTIONS_INIT;
        struct tdm_replay_options stall = TDM_REPLAY_OPTIONS_INIT;
        cut.cut_server = stall.stall_server = at;
        play_disturbed(&scenario, &cut, "lost behind the server's byte", at, &whole);
        play_disturbed(&scenario, &stall, "stalled behind the server's byte", at, &whole);
    }
    for (int64_t at = 0; at < client_bytes; at++) {
        struct tdm_replay_options cut = TDM_REPLAY_OPTIONS_INIT;
        struct tdm_replay_options stall = TDM_REPLAY_OPTIONS_INIT;
        cut.cut_client = stall.stall_client = at;
        play_disturbed(&scenario, &cut, "lost behind the client's byte", at, &whole);
        play_disturbed(&scenario, &stall, "stalled behind the client's byte", at, &whole);
    }
    tdm_scenario_clear(&scenario);
}

static void test_a_report_in_words(void **state)
{
    struct tdm_scenario scenario;
    struct tdm_replay_options options = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_replay_result result;
    struct tdm_buf words;
    (void)state;
    tdm_buf_init(&words, NULL, 1 << 16);
    parse(&scenario, full_session);
    assert_int_equal(tdm_replay(&scenario, &options, &result), 0);
    tdm_replay_describe(result.report, &words);
    assert_non_null(strstr(tdm_buf_text(&words), "outcome: partial\n"));
    assert_non_null(strstr(tdm_buf_text(&words), "error: permanent rcpt code 550 retryable 0 "));
    assert_non_null(strstr(tdm_buf_text(&words), "reply: nobody of that name\n"));
    assert_non_null(strstr(tdm_buf_text(&words),
                           "recipient c@example.org: sent code 250 enhanced 2.0.0 retryable 0\n"));
    assert_non_null(strstr(tdm_buf_text(&words), "tls: TLSv1.3 TLS_AES_128_GCM_SHA256\n"));
    assert_null(strstr(tdm_buf_text(&words), "sesame"));
    tdm_replay_result_clear(&result);
    tdm_scenario_clear(&scenario);
    tdm_buf_clear(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_report_as_expected),
        cmocka_unit_test(test_every_difference_is_found),
        cmocka_unit_test(test_a_client_that_deviates_is_found),
        cmocka_unit_test(test_too_late_is_found),
        cmocka_unit_test(test_all_cuts_are_played),
        cmocka_unit_test(test_times_are_virtual),
        cmocka_unit_test(test_a_certificate_is_turned_down),
        cmocka_unit_test(test_plain_bytes_in_a_handshake_fail_it),
        cmocka_unit_test(test_a_big_message_under_a_waiting_server),
        cmocka_unit_test(test_lost_or_stalled_behind_every_byte),
        cmocka_unit_test(test_a_report_in_words),
    };
    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
