/* test_exit_code.c: the exit status of every kind, in every phase, retryable or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tidymail/types.h>

#include "cli/exit_code.c"

static void the_outcome_comes_first(void **state)
{
    (void)state;
    for (int kind = TIDYMAIL_OK; kind <= TIDYMAIL_KIND_PERMANENT; kind++) {
        for (int retryable = 0; retryable < 2; retryable++) {
            assert_int_equal(exit_code_of(TIDYMAIL_SENT, kind, TIDYMAIL_PHASE_FINAL, retryable), 0);
            assert_int_equal(exit_code_of(TIDYMAIL_UNKNOWN, kind, TIDYMAIL_PHASE_FINAL, retryable),
                             74);
        }
        assert_int_equal(exit_code_of(TIDYMAIL_FAILED, kind, TIDYMAIL_PHASE_AUTH, 1), 75);
        assert_int_equal(exit_code_of(TIDYMAIL_PARTIAL, kind, TIDYMAIL_PHASE_RCPT, 1), 75);
    }
}

static void then_the_kind(void **state)
{
    (void)state;
    static const int statuses[] = {70, 65, 78, 71, 68, 75, 77, 75, 76, 77, 75};
    for (int kind = TIDYMAIL_OK; kind < TIDYMAIL_KIND_PERMANENT; kind++) {
        for (int phase = 0; phase < TIDYMAIL_PHASE_COUNT; phase++) {
            assert_int_equal(exit_code_of(TIDYMAIL_FAILED, kind, phase, 0), statuses[kind]);
            assert_int_equal(exit_code_of(TIDYMAIL_PARTIAL, kind, phase, 0), statuses[kind]);
        }
    }
    assert_int_equal(exit_code_of(TIDYMAIL_FAILED, 99, TIDYMAIL_PHASE_PREPARE, 0), 70);
}

static void permanent_depends_on_the_phase(void **state)
{
    (void)state;
    static const int statuses[TIDYMAIL_PHASE_COUNT] = {69, 69, 69, 69, 69, 69, 69, 69,
                                                       65, 65, 65, 65, 65, 69, 69, 65};
    for (int phase = 0; phase < TIDYMAIL_PHASE_COUNT; phase++) {
        assert_int_equal(exit_code_of(TIDYMAIL_FAILED, TIDYMAIL_KIND_PERMANENT, phase, 0),
                         statuses[phase]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_outcome_comes_first),
        cmocka_unit_test(then_the_kind),
        cmocka_unit_test(permanent_depends_on_the_phase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
