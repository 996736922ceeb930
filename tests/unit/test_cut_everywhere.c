/*
 * test_cut_everywhere.c: complete sessions (STARTTLS, a login, three recipients of whom one is
 * refused) by DATA and BDAT, pipelined and not, SMTP and LMTP, in memory with virtual time. The
 * connection is lost, and separately stalls, behind every byte of either side. Each run ends by its
 * deadline, and each recipient's outcome is exact: unknown from the moment when the end of the
 * message was handed over until the reply for that recipient was complete; failed before, sent after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devserver/replay.h"

#define REPLY_MS 30000
#define FINAL_MS 60000
#define FIRST "250-2.0.0 one moment\nS: 250 2.0.0 queued"
#define LMTP_FIRST "250 2.0.0 kept for a"
#define LMTP_LAST "250 2.0.0 kept for c"
#define FIRST_SENT "250-2.0.0 one moment\r\n250 2.0.0 queued\r\n"
#define THIRD_SENT "250 2.1.5 ok\r\n"
#define LAST_SENT "221 2.0.0 bye\r\n"

struct session {
    int lmtp;
    int chunking;
    int pipelining;
    const char *login; /* the steps behind EHLO */
    const char *client;
    int chunk_replies; /* of chunks before the last one */
    int64_t step;      /* which offsets of the message itself are tried */
};

static const char login_plain[] = "C: AUTH PLAIN *\nS: 235 2.7.0 welcome\n";
static const char login_login[] = "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *\n"
                                  "S: 334 UGFzc3dvcmQ6\nC: *\nS: 235 2.7.0 welcome\n";
static const char login_cram[] = "C: AUTH CRAM-MD5\n"
                                 "S: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2U+\nC: *\n"
                                 "S: 235 2.7.0 welcome\n";

static const struct session smtp_data = {0, 0, 0, login_plain, "auth=plain", 0, 1};
static const struct session smtp_data_pipelined = {0, 0, 1, login_login, "auth=login", 0, 1};
static const struct session smtp_bdat = {0, 1, 0, login_cram, "auth=cram-md5", 0, 1};
static const struct session smtp_bdat_pipelined = {0, 1, 1, login_plain, "auth=plain", 0, 1};
static const struct session lmtp_data = {1, 0, 0, login_plain, "auth=plain", 0, 1};
static const struct session lmtp_data_pipelined = {1, 0, 1, login_plain, "auth=plain", 0, 1};
static const struct session lmtp_bdat_pipelined = {1, 1, 1, login_plain, "auth=plain", 0, 1};
static const struct session smtp_two_chunks = {0, 1,   1, login_plain, "auth=plain size=66000",
                                               1, 9999};

/* Where the whole, undisturbed run has its turning points. */
struct places {
    int64_t server_bytes;
    int64_t client_bytes;
    int64_t message_start; /* no byte of the message is before it, give or take a command */
    int64_t message_end;
    int64_t answer_end[3]; /* by recipient; of [1], which is refused, its answer to RCPT, where the
                              message is streamed behind that: before, it counts as all others */
};

static void session_script(const struct session *session, struct tdm_buf *text)
{
    const char *hello = session->lmtp ? "LHLO" : "EHLO";
    tdm_buf_addf(text,
                 "client: user=bench password=sesame %s lmtp=%s chunking=%s "
                 "reply-timeout=30 final-timeout=60 to=a@example.org,b@example.org,c@example.org\n"
                 "S: 220 mx.example ready\n"
                 "C: %s *\nS: 250-mx.example\nS: 250 STARTTLS\n"
                 "C: STARTTLS\nS: 220 2.0.0 go ahead\n@tls\n"
                 "C: %s *\nS: 250-mx.example\n%s%sS: 250 AUTH PLAIN LOGIN CRAM-MD5\n%s",
                 session->client, session->lmtp ? "yes" : "no", session->chunking ? "yes" : "no",
                 hello, hello, session->pipelining ? "S: 250-PIPELINING\n" : "",
                 session->chunking ? "S: 250-CHUNKING\n" : "", session->login);
    tdm_buf_add_str(text, "C: MAIL FROM:<sender@example.com>*\nS: 250 2.1.0 ok\n"
                          "C: RCPT TO:<a@example.org>\nS: 250 2.1.5 ok\n"
                          "C: RCPT TO:<b@example.org>\nS: 550 5.1.1 nobody of that name\n"
                          "C: RCPT TO:<c@example.org>\nS: 250 2.1.5 ok\n");
    if (!session->chunking) {
        tdm_buf_add_str(text, "C: DATA\nS: 354 go on\n");
    }
    tdm_buf_add_str(text, "C: <message>\n");
    for (int i = 0; i < session->chunk_replies; i++) {
        tdm_buf_add_str(text, "S: 250 2.0.0 a chunk\n");
    }
    tdm_buf_add_str(text,
                    session->lmtp ? "S: " LMTP_FIRST "\nS: " LMTP_LAST "\n" : "S: " FIRST "\n");
    tdm_buf_add_str(text, "C: QUIT\nS: 221 2.0.0 bye\n@close\n"
                          "expect: partial permanent rcpt 550 final\n"
                          "expect-recipient: sent 250\nexpect-recipient: failed 550\n"
                          "expect-recipient: sent 250\n");
}

static void parse_session(struct tdm_scenario *scenario, const struct session *session)
{
    struct tdm_buf text;
    struct tdm_buf error;
    tdm_buf_init(&text, NULL, 1 << 16);
    tdm_buf_init(&error, NULL, 1 << 16);
    session_script(session, &text);
    if (tdm_scenario_parse(scenario, tdm_buf_text(&text), text.length, &error) != 0) {
        fail_msg("%s in:\n%s", tdm_buf_text(&error), tdm_buf_text(&text));
    }
    tdm_buf_clear(&text);
    tdm_buf_clear(&error);
}

/* The undisturbed run must be as written: its turning points are those of all others. */
static void find_places(const struct tdm_scenario *scenario, const struct session *session,
                        struct places *places)
{
    struct tdm_replay_options options = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_replay_result result;
    assert_int_equal(tdm_replay(scenario, &options, &result), 0);
    assert_string_equal(tdm_buf_text(&result.problems), "");
    places->server_bytes = result.server_bytes;
    places->client_bytes = result.client_bytes;
    places->message_end = result.message_end;
    places->message_start = result.message_end - (session->step > 1 ? 66000 : 0);
    places->answer_end[0] = places->answer_end[2] = result.answer_end;
    places->answer_end[1] = 0;
    if (session->chunking && session->pipelining && !session->lmtp && session->step == 1) {
        /* the whole message goes out behind MAIL and RCPT: all is answered in one burst */
        places->answer_end[0] = places->answer_end[2] =
            result.server_bytes - (int64_t)(sizeof(LAST_SENT) - 1);
        places->message_end = result.client_bytes - (int64_t)(sizeof("QUIT\r\n") - 1);
        places->answer_end[1] = places->answer_end[0] - (int64_t)(sizeof(FIRST_SENT) - 1) -
                                (int64_t)(sizeof(THIRD_SENT) - 1);
    }
    if (session->lmtp) {
        places->answer_end[0] -= (int64_t)sizeof(LMTP_LAST "\r\n") - 1;
    }
    assert_true(places->message_end > 0 && places->message_end < places->client_bytes);
    assert_true(places->answer_end[0] > 0 && places->answer_end[2] < places->server_bytes);
    tdm_replay_result_clear(&result);
}

struct run {
    const char *what;
    int64_t at;
    int stalls;
};

static void check_recipients(const struct run *run, const struct tdm_replay_result *result,
                             const struct places *places)
{
    const tidymail_report *report = result->report;
    int handed_over = result->client_bytes >= places->message_end;
    int worst = TIDYMAIL_PARTIAL; /* the second one is refused in any case */
    for (size_t i = 0; i < 3; i += 2) {
        int answered = result->server_bytes >= places->answer_end[i];
        int wanted = answered ? TIDYMAIL_SENT : handed_over ? TIDYMAIL_UNKNOWN : TIDYMAIL_FAILED;
        int got = tidymail_recipient_outcome(tidymail_report_recipient(report, i));
        worst = !answered && worst != TIDYMAIL_UNKNOWN ? wanted : worst;
        if (got != wanted) {
            fail_msg("%s %lld: recipient %zu: expected %s, got %s (%s)", run->what,
                     (long long)run->at, i, tidymail_outcome_name(wanted),
                     tidymail_outcome_name(got), tidymail_report_summary(report));
        }
    }
    int second = tidymail_recipient_outcome(tidymail_report_recipient(report, 1));
    int open = handed_over && result->server_bytes < places->answer_end[1];
    if (second != (open ? TIDYMAIL_UNKNOWN : TIDYMAIL_FAILED) ||
        tidymail_report_outcome(report) != worst) {
        fail_msg("%s %lld: expected %s, got %s", run->what, (long long)run->at,
                 tidymail_outcome_name(worst),
                 tidymail_outcome_name(tidymail_report_outcome(report)));
    }
}

/* Why it ended, and when: at once where the connection was lost, at its deadline where it stalled. */
static void check_end(const struct run *run, const struct tdm_replay_result *result,
                      const struct places *places)
{
    const tidymail_error *error = tidymail_report_error(result->report);
    int outcome = tidymail_report_outcome(result->report);
    int unknown = outcome == TIDYMAIL_UNKNOWN;
    int final = tidymail_error_phase(error) == TIDYMAIL_PHASE_FINAL;
    int64_t deadline = !run->stalls ? 0 : final ? FINAL_MS : REPLY_MS;
    if (outcome == TIDYMAIL_PARTIAL) {
        assert_int_equal(result->end_ms, 0); /* the answer was there: nothing is waited for */
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_PERMANENT);
        return;
    }
    int kind = run->stalls                                         ? TIDYMAIL_KIND_TIMEOUT
               : tidymail_error_phase(error) == TIDYMAIL_PHASE_TLS ? TIDYMAIL_KIND_TLS
                                                                   : TIDYMAIL_KIND_CONNECTION;
    if (result->end_ms != deadline || tidymail_error_kind(error) != kind ||
        tidymail_error_maybe_delivered(error) != unknown || !tidymail_error_retryable(error)) {
        fail_msg("%s %lld: ended after %lld ms: %s (%s)", run->what, (long long)run->at,
                 (long long)result->end_ms, tidymail_report_summary(result->report),
                 tidymail_kind_name(tidymail_error_kind(error)));
    }
    assert_true(!final || unknown);
    if (unknown) { /* where the answer to an earlier chunk or command is missing too, it is that one's */
        int phase = tidymail_error_phase(error);
        int earlier = places->answer_end[1] > 0 &&
                      (phase == TIDYMAIL_PHASE_MAIL || phase == TIDYMAIL_PHASE_RCPT);
        assert_true(final || phase == TIDYMAIL_PHASE_BODY || earlier);
        assert_non_null(strstr(tidymail_error_message(error), "may have been delivered"));
    }
}

static void play_disturbed(const struct tdm_scenario *scenario, const struct places *places,
                           const struct run *run, const struct tdm_replay_options *options)
{
    struct tdm_replay_result result;
    assert_int_equal(tdm_replay(scenario, options, &result), 0);
    if (result.problems.length > 0 || result.report == NULL) {
        fail_msg("%s %lld: %s", run->what, (long long)run->at, tdm_buf_text(&result.problems));
    }
    check_recipients(run, &result, places);
    check_end(run, &result, places);
    tdm_replay_result_clear(&result);
}

/* Of a session with a long message samples do: what is byte by byte there is as in the short ones. */
static int64_t next_offset(const struct session *session, const struct places *places, int64_t at)
{
    int64_t step = session->step > 1 ? 7 : 1;
    int in_message =
        at > places->message_start + 20 && at + session->step < places->message_end - 20;
    return at + (in_message ? session->step : step);
}

static void test_everywhere(void **state)
{
    const struct session *session = *state;
    struct tdm_scenario scenario;
    struct places places;
    parse_session(&scenario, session);
    find_places(&scenario, session, &places);
    /* what comes before a long message is as before a short one */
    int is_long = session->step > 1;
    for (int64_t at = is_long ? places.server_bytes - 110 : 0; at < places.server_bytes;
         at += is_long ? 7 : 1) {
        struct tdm_replay_options cut = TDM_REPLAY_OPTIONS_INIT;
        struct tdm_replay_options stall = TDM_REPLAY_OPTIONS_INIT;
        const struct run lost = {"lost behind the server's byte", at, 0};
        const struct run stalled = {"stalled behind the server's byte", at, 1};
        cut.cut_server = stall.stall_server = at;
        play_disturbed(&scenario, &places, &lost, &cut);
        play_disturbed(&scenario, &places, &stalled, &stall);
    }
    for (int64_t at = is_long ? places.message_start : 0; at < places.client_bytes;
         at = next_offset(session, &places, at)) {
        struct tdm_replay_options cut = TDM_REPLAY_OPTIONS_INIT;
        struct tdm_replay_options stall = TDM_REPLAY_OPTIONS_INIT;
        const struct run lost = {"lost behind the client's byte", at, 0};
        const struct run stalled = {"stalled behind the client's byte", at, 1};
        cut.cut_client = stall.stall_client = at;
        play_disturbed(&scenario, &places, &lost, &cut);
        play_disturbed(&scenario, &places, &stalled, &stall);
    }
    tdm_scenario_clear(&scenario);
}

#define EVERYWHERE(session)                                                                        \
    {                                                                                              \
        "cut and stalled everywhere: " #session, test_everywhere, NULL, NULL,                      \
            (void *)(uintptr_t)&session                                                            \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        EVERYWHERE(smtp_data),           EVERYWHERE(smtp_data_pipelined),
        EVERYWHERE(smtp_bdat),           EVERYWHERE(smtp_bdat_pipelined),
        EVERYWHERE(lmtp_data),           EVERYWHERE(lmtp_data_pipelined),
        EVERYWHERE(lmtp_bdat_pipelined), EVERYWHERE(smtp_two_chunks),
    };
    return cmocka_run_group_tests_name("cut and stalled everywhere", tests, NULL, NULL);
}
