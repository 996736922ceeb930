/* test_report.c: outcomes, the error that stands for many, NULL and out of memory, escaping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/report_data.h"

static const char *const abc[] = {"a@x", "b@x", "c@x"};

struct outcome_case {
    int recipients[3]; /* an outcome, -1: undecided */
    int retryable[3];
    int maybe_delivered; /* with an error of the session */
    int session_error;
    int expected;
    int code; /* of the error */
};

static void outcome_follows_the_recipients(void **state)
{
    (void)state;
    enum { S = TIDYMAIL_SENT, F = TIDYMAIL_FAILED, U = -1 };
    static const struct outcome_case cases[] = {
        {{S, S, S}, {0}, 0, 0, TIDYMAIL_SENT, 0},
        {{S, F, S}, {0}, 0, 0, TIDYMAIL_PARTIAL, 501},
        {{F, F, S}, {0, 1, 0}, 0, 0, TIDYMAIL_PARTIAL, 402},
        {{F, F, F}, {0, 0, 1}, 0, 0, TIDYMAIL_FAILED, 403},
        {{F, F, F}, {0}, 0, 0, TIDYMAIL_FAILED, 501},
        {{U, U, U}, {0}, 0, 1, TIDYMAIL_FAILED, 0},
        {{F, U, U}, {0}, 1, 1, TIDYMAIL_UNKNOWN, 0},
        {{F, U, U}, {0}, 0, 0, TIDYMAIL_FAILED, 501},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct outcome_case *c = &cases[i];
        tidymail_report *report = tdm_report_new(NULL, abc, 3);
        assert_non_null(report);
        for (size_t k = 0; k < 3; k++) {
            if (c->recipients[k] == U) {
                continue;
            }
            int code = c->recipients[k] == S ? 250 : c->retryable[k] ? 401 + (int)k : 501;
            tdm_report_set_recipient(report, k, c->recipients[k], code, "", "words",
                                     c->retryable[k]);
        }
        if (c->session_error) {
            tdm_error_set(&report->error, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_FINAL, "lost",
                          "");
            report->error.maybe_delivered = c->maybe_delivered;
        }
        tdm_report_decide(report);
        assert_int_equal(tidymail_report_outcome(report), c->expected);
        assert_int_equal(tidymail_error_code(tidymail_report_error(report)), c->code);
        assert_int_equal(tidymail_report_error(report) == NULL, c->expected == TIDYMAIL_SENT);
        assert_true(strlen(tidymail_report_summary(report)) > 0);
        tdm_error_set(&report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_QUIT, "later", NULL);
        tdm_report_decide(report); /* once only */
        assert_int_equal(tidymail_report_outcome(report), c->expected);
        tidymail_report_free(report);
    }
}

static void the_first_error_wins(void **state)
{
    (void)state;
    struct tidymail_error error;
    tdm_error_init(&error, NULL);
    assert_int_equal(
        tdm_error_setf(&error, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS, "%s %d", "no", 5),
        TIDYMAIL_KIND_TLS);
    assert_int_equal(tdm_error_set(&error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_QUIT, "later", NULL),
                     TIDYMAIL_KIND_TLS);
    assert_string_equal(tidymail_error_message(&error), "no 5");
    tdm_error_clear(&error);
}

static void null_reads_as_a_failed_send(void **state)
{
    (void)state;
    assert_int_equal(tidymail_report_outcome(NULL), TIDYMAIL_FAILED);
    assert_null(tidymail_report_error(NULL));
    assert_int_equal(tidymail_report_recipient_count(NULL), 0);
    assert_null(tidymail_report_recipient(NULL, 0));
    assert_string_equal(tidymail_recipient_address(NULL), "");
    assert_string_equal(tidymail_recipient_reply(NULL), "");
    assert_int_equal(tidymail_recipient_outcome(NULL), TIDYMAIL_FAILED);
    assert_true(strlen(tidymail_report_summary(NULL)) > 0);
    assert_int_equal(tidymail_report_phase_ms(NULL, 0), -1);
    assert_null(tidymail_report_note(NULL, 0));
    assert_int_equal(tidymail_error_kind(NULL), TIDYMAIL_OK);
    assert_string_equal(tidymail_error_message(NULL), "");
    assert_int_equal(tidymail_error_retry_after(NULL), -1);
    tidymail_report_free(NULL);
}

static void the_static_report_says_out_of_memory(void **state)
{
    (void)state;
    tidymail_report *report = &tdm_report_out_of_memory;
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
    assert_string_equal(tidymail_report_summary(report), "out of memory, nothing was sent");
    assert_int_equal(tidymail_error_kind(tidymail_report_error(report)), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_report_phase_ms(report, TIDYMAIL_PHASE_QUIT), -1);
    tidymail_report_free(report);
    assert_string_equal(tidymail_report_summary(report), "out of memory, nothing was sent");
}

static void words_name_the_vocabulary(void **state)
{
    (void)state;
    assert_string_equal(tidymail_outcome_name(TIDYMAIL_UNKNOWN), "unknown");
    assert_string_equal(tidymail_kind_name(TIDYMAIL_KIND_PERMANENT), "permanent");
    assert_string_equal(tidymail_phase_name(TIDYMAIL_PHASE_RESPONSE), "response");
    assert_string_equal(tidymail_kind_name(99), "?");
    assert_string_equal(tidymail_phase_name(-1), "?");
}

static void escapes_what_a_terminal_would_obey(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t length;
        int keep_lines;
        const char *out;
    } cases[] = {
        {"plain", 5, 0, "plain"},
        {"a\nb", 3, 0, "a\\x0Ab"},
        {"a\nb", 3, 1, "a\nb"},
        {"\x1b[0m", 4, 0, "\\x1B[0m"},
        {"a\0b", 3, 0, "a\\x00b"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, 0, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xc0\x80", 2, 0, "\\xC0\\x80"},          /* overlong */
        {"\xed\xa0\x80", 3, 0, "\\xED\\xA0\\x80"}, /* surrogate */
        {"\xc2\x9b", 2, 0, "\\xC2\\x9B"},          /* C1: CSI */
        {"\xe2\x80\xae", 3, 0, "\\xE2\\x80\\xAE"}, /* right-to-left override */
        {"\xe2\x82", 2, 0, "\\xE2\\x82"},          /* cut */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_buf out;
        tdm_buf_init(&out, NULL, 1024);
        tdm_escape(&out, cases[i].in, cases[i].length, cases[i].keep_lines);
        assert_string_equal(tdm_buf_text(&out), cases[i].out);
        tdm_buf_clear(&out);
    }
}

static void notes_are_bounded(void **state)
{
    (void)state;
    tidymail_report *report = tdm_report_new(NULL, abc, 1);
    for (int i = 0; i < 1000; i++) {
        tdm_report_add_note(report, "again");
    }
    assert_true(tidymail_report_note_count(report) < 100);
    assert_string_equal(tidymail_report_note(report, 0), "again");
    assert_null(tidymail_report_note(report, tidymail_report_note_count(report)));
    tidymail_report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcome_follows_the_recipients),
        cmocka_unit_test(the_first_error_wins),
        cmocka_unit_test(null_reads_as_a_failed_send),
        cmocka_unit_test(the_static_report_says_out_of_memory),
        cmocka_unit_test(words_name_the_vocabulary),
        cmocka_unit_test(escapes_what_a_terminal_would_obey),
        cmocka_unit_test(notes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
