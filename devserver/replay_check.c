/* replay_check.c: reports as text, and reports against expect: lines. See replay.h. */
#include <string.h>

#include "replay_internal.h"
#include "shown.h"

static void describe_text(struct tdm_buf *out, const char *name, const char *text)
{
    tdm_buf_addf(out, "%s: ", name);
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            tdm_buf_add_str(out, "\\n"); /* one fact, one line */
        } else {
            tdm_buf_add_char(out, *text);
        }
    }
    tdm_buf_add_char(out, '\n');
}

static void describe_error(const tidymail_error *error, struct tdm_buf *out)
{
    tdm_buf_addf(out, "error: %s %s code %d retryable %d maybe-delivered %d retry-after %d\n",
                 tidymail_kind_name(tidymail_error_kind(error)),
                 tidymail_phase_name(tidymail_error_phase(error)), tidymail_error_code(error),
                 tidymail_error_retryable(error), tidymail_error_maybe_delivered(error),
                 tidymail_error_retry_after(error));
    describe_text(out, "enhanced", tidymail_error_enhanced(error));
    describe_text(out, "reply", tidymail_error_reply(error));
    describe_text(out, "message", tidymail_error_message(error));
    describe_text(out, "hint", tidymail_error_hint(error));
}

void tdm_replay_describe(const tidymail_report *report, struct tdm_buf *out)
{
    tdm_buf_addf(out, "outcome: %s\n", tidymail_outcome_name(tidymail_report_outcome(report)));
    describe_text(out, "summary", tidymail_report_summary(report));
    if (tidymail_report_error(report) != NULL) {
        describe_error(tidymail_report_error(report), out);
    }
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        tdm_buf_addf(out, "recipient %s: %s code %d enhanced %s retryable %d\n",
                     tidymail_recipient_address(recipient),
                     tidymail_outcome_name(tidymail_recipient_outcome(recipient)),
                     tidymail_recipient_code(recipient), tidymail_recipient_enhanced(recipient),
                     tidymail_recipient_retryable(recipient));
        describe_text(out, "recipient reply", tidymail_recipient_reply(recipient));
    }
    for (size_t i = 0; i < tidymail_report_note_count(report); i++) {
        describe_text(out, "note", tidymail_report_note(report, i));
    }
    for (size_t i = 0; i < tidymail_report_attempt_count(report); i++) {
        describe_text(out, "attempt", tidymail_report_attempt(report, i));
    }
    describe_text(out, "message-id", tidymail_report_message_id(report));
    describe_text(out, "server", tidymail_report_server(report));
    tdm_buf_addf(out, "tls: %s %s\n", tidymail_report_tls_version(report),
                 tidymail_report_tls_cipher(report));
    describe_text(out, "auth offered", tidymail_report_auth_offered(report));
    describe_text(out, "auth supported", tidymail_report_auth_supported(report));
    describe_text(out, "auth tried", tidymail_report_auth_tried(report));
}

/* One thing that can differ: "line 17: expected kind authentication, got connection". */
static void check_words(struct tdm_buf *problems, size_t line, const char *what,
                        const char *expected, const char *got)
{
    if (strcmp(expected, got) == 0) {
        return;
    }
    tdm_buf_addf(problems, "line %z: expected %s ", line, what);
    tdm_shown_add(problems, expected, strlen(expected));
    tdm_buf_add_str(problems, ", got ");
    tdm_shown_add(problems, got[0] != '\0' ? got : "nothing",
                  got[0] != '\0' ? strlen(got) : strlen("nothing"));
    tdm_buf_add_char(problems, '\n');
}

static void check_code(struct tdm_buf *problems, size_t line, int expected, int got)
{
    if (expected >= 0 && expected != got) {
        tdm_buf_addf(problems, "line %z: expected code %d, got %d\n", line, expected, got);
    }
}

static void check_contains(struct tdm_buf *problems, size_t line, const char *what,
                           const char *expected, const char *got)
{
    if (strstr(got, expected) == NULL) {
        tdm_buf_addf(problems, "line %z: expected a %s with '%s', got '%s'\n", line, what, expected,
                     got);
    }
}

static void check_note(struct tdm_buf *problems, const struct tdm_scenario_word *check,
                       const tidymail_report *report)
{
    for (size_t i = 0; i < tidymail_report_note_count(report); i++) {
        if (strstr(tidymail_report_note(report, i), check->value) != NULL) {
            return;
        }
    }
    tdm_buf_addf(problems, "line %z: expected a note with '%s', there is none among %z\n",
                 check->line, check->value, tidymail_report_note_count(report));
}

static void check_report_word(struct tdm_buf *problems, const struct tdm_scenario_word *check,
                              const tidymail_report *report, int64_t after_server_ms)
{
    const tidymail_error *error = tidymail_report_error(report);
    const tidymail_recipient *first = tidymail_report_recipient(report, 0);
    if (strcmp(check->name, "enhanced") == 0) {
        check_words(problems, check->line, "enhanced code", check->value,
                    error != NULL ? tidymail_error_enhanced(error)
                                  : tidymail_recipient_enhanced(first));
    } else if (strcmp(check->name, "reply") == 0) {
        check_words(problems, check->line, "reply", check->value,
                    error != NULL ? tidymail_error_reply(error) : tidymail_recipient_reply(first));
    } else if (strcmp(check->name, "note") == 0) {
        check_note(problems, check, report);
    } else if (strcmp(check->name, "hint") == 0) {
        check_contains(problems, check->line, "hint", check->value, tidymail_error_hint(error));
    } else if (strcmp(check->name, "message") == 0) {
        check_contains(problems, check->line, "message", check->value,
                       tidymail_error_message(error));
    } else if (strcmp(check->name, "tried") == 0) {
        check_words(problems, check->line, "mechanisms tried", check->value,
                    tidymail_report_auth_tried(report));
    } else if (strcmp(check->name, "within") == 0 && after_server_ms >= 0) {
        int64_t limit = tdm_scenario_duration(check->value, strlen(check->value));
        if (after_server_ms > limit) {
            tdm_buf_addf(
                problems,
                "line %z: expected the report within %s of the server's last byte, it came "
                "after %l ms\n",
                check->line, check->value, after_server_ms);
        }
    }
}

/* A message that was sent has no error: the answer is then the first recipient's. */
static void check_report(const struct tdm_scenario_expect *expect, const tidymail_report *report,
                         int64_t after_server_ms, struct tdm_buf *problems)
{
    const tidymail_error *error = tidymail_report_error(report);
    const tidymail_recipient *first = tidymail_report_recipient(report, 0);
    check_words(problems, expect->line, "outcome", tidymail_outcome_name(expect->outcome),
                tidymail_outcome_name(tidymail_report_outcome(report)));
    if (expect->outcome == TIDYMAIL_SENT && error != NULL) {
        tdm_buf_addf(problems, "line %z: expected no error, got %s\n", expect->line,
                     tidymail_error_message(error));
    }
    if (expect->kind >= 0) {
        check_words(problems, expect->line, "kind", tidymail_kind_name(expect->kind),
                    tidymail_kind_name(tidymail_error_kind(error)));
    }
    if (expect->phase >= 0) {
        check_words(problems, expect->line, "phase", tidymail_phase_name(expect->phase),
                    tidymail_phase_name(tidymail_error_phase(error)));
    }
    check_code(problems, expect->line, expect->code,
               error != NULL ? tidymail_error_code(error) : tidymail_recipient_code(first));
    if (expect->retryable >= 0) {
        check_words(problems, expect->line, "it to be", expect->retryable ? "retryable" : "final",
                    tidymail_error_retryable(error) ? "retryable" : "final");
    }
    if (expect->maybe_delivered >= 0 && !tidymail_error_maybe_delivered(error)) {
        tdm_buf_addf(problems, "line %z: expected maybe-delivered, it is not\n", expect->line);
    }
    for (size_t i = 0; i < expect->check_count; i++) {
        check_report_word(problems, &expect->checks[i], report, after_server_ms);
    }
}

static const tidymail_recipient *check_find(const tidymail_report *report,
                                            const struct tdm_scenario_expect *expect, size_t place)
{
    if (expect->address == NULL) {
        return tidymail_report_recipient(report, place);
    }
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        if (strcmp(tidymail_recipient_address(recipient), expect->address) == 0) {
            return recipient;
        }
    }
    return NULL;
}

static void check_recipient(const struct tdm_scenario_expect *expect,
                            const tidymail_recipient *recipient, struct tdm_buf *problems)
{
    if (recipient == NULL) {
        tdm_buf_addf(problems, "line %z: the report has no such recipient\n", expect->line);
        return;
    }
    check_words(problems, expect->line, "outcome", tidymail_outcome_name(expect->outcome),
                tidymail_outcome_name(tidymail_recipient_outcome(recipient)));
    check_code(problems, expect->line, expect->code, tidymail_recipient_code(recipient));
    if (expect->retryable >= 0) {
        check_words(problems, expect->line, "it to be", expect->retryable ? "retryable" : "final",
                    tidymail_recipient_retryable(recipient) ? "retryable" : "final");
    }
    for (size_t i = 0; i < expect->check_count; i++) {
        const struct tdm_scenario_word *check = &expect->checks[i];
        int enhanced = strcmp(check->name, "enhanced") == 0;
        check_words(problems, check->line, enhanced ? "enhanced code" : "reply", check->value,
                    enhanced ? tidymail_recipient_enhanced(recipient)
                             : tidymail_recipient_reply(recipient));
    }
}

void tdm_replay_check(const struct tdm_scenario *scenario, const tidymail_report *report,
                      int64_t after_server_ms, struct tdm_buf *problems)
{
    if (scenario->expect.line > 0) {
        check_report(&scenario->expect, report, after_server_ms, problems);
    }
    for (size_t i = 0; i < scenario->expect_recipient_count; i++) {
        const struct tdm_scenario_expect *expect = &scenario->expect_recipients[i];
        check_recipient(expect, check_find(report, expect, i), problems);
    }
}
