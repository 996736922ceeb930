/* test_wishes.c: what the envelope may ask the server for: which values are taken, which are refused
 * and with which words, that an error sticks and a reset clears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "message/message_data.h"

/* Refused with `words`, sticking, and nothing of it kept. */
static void is_refused(tidymail_message *message, int kind, const char *words)
{
    assert_int_equal(kind, TIDYMAIL_KIND_MESSAGE);
    const char *said = tidymail_error_message(tidymail_message_error(message));
    if (strstr(said, words) == NULL) {
        fail_msg("\"%s\", wanted \"%s\"", said, words);
    }
    assert_int_equal(tidymail_message_set_require_tls(message, 1), TIDYMAIL_KIND_MESSAGE);
    struct tdm_wishes none;
    memset(&none, 0, sizeof(none));
    assert_memory_equal(tdm_message_wishes(message), &none, sizeof(none));
    tidymail_message_reset(message);
    assert_null(tidymail_message_error(message));
}

static void good_values_are_kept_until_reset(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    const struct tdm_wishes *wishes = tdm_message_wishes(message);
    assert_int_equal(tidymail_message_set_dsn(message, "success,Failure", "hdrs", "a+b =c"),
                     TIDYMAIL_OK);
    assert_string_equal(wishes->dsn_notify, "SUCCESS,FAILURE");
    assert_string_equal(wishes->dsn_ret, "HDRS");
    assert_string_equal(wishes->dsn_envid, "a+b =c");
    assert_int_equal(tidymail_message_set_dsn(message, "never", NULL, NULL), TIDYMAIL_OK);
    assert_string_equal(wishes->dsn_notify, "NEVER");
    assert_null(wishes->dsn_ret);
    assert_null(wishes->dsn_envid);
    assert_int_equal(tidymail_message_set_require_tls(message, 7), TIDYMAIL_OK);
    assert_int_equal(wishes->require_tls, 1);
    assert_int_equal(tidymail_message_set_deliver_by(message, 3600, 'R'), TIDYMAIL_OK);
    assert_int_equal(wishes->deliver_by_s, 3600);
    assert_int_equal(wishes->deliver_by_mode, 'R');
    assert_int_equal(tidymail_message_set_deliver_by(message, -999999999, 'N'), TIDYMAIL_OK);
    assert_int_equal(wishes->deliver_by_s, -999999999);
    assert_int_equal(tidymail_message_set_deliver_by(message, 0, 0), TIDYMAIL_OK);
    assert_int_equal(wishes->deliver_by_s, 0);
    assert_int_equal(tidymail_message_set_hold_for(message, 999999999), TIDYMAIL_OK);
    assert_int_equal(wishes->hold_for_s, 999999999);
    assert_int_equal(tidymail_message_set_hold_for(message, 0), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_set_hold_until(message, "2026-12-24T18:00:00z"), TIDYMAIL_OK);
    assert_string_equal(wishes->hold_until, "2026-12-24T18:00:00Z");
    assert_int_equal(tidymail_message_set_hold_until(message, NULL), TIDYMAIL_OK);
    assert_null(wishes->hold_until);
    assert_int_equal(tidymail_message_set_priority(message, -9), TIDYMAIL_OK);
    assert_int_equal(wishes->has_priority, 1);
    assert_int_equal(wishes->priority, -9);
    tidymail_message_reset(message);
    assert_int_equal(wishes->has_priority, 0);
    assert_int_equal(wishes->require_tls, 0);
    assert_null(wishes->dsn_notify);
    tidymail_message_free(message);
}

static void bad_notifications_are_refused(void **state)
{
    (void)state;
    char longest[102];
    static const struct {
        const char *notify;
        const char *ret;
        const char *envid;
        const char *words;
    } cases[] = {
        {"", NULL, NULL, "DSN notify: neither NEVER alone"},
        {"NEVER,SUCCESS", NULL, NULL, "at offset 0"},
        {"SUCCESS,NEVER", NULL, NULL, "at offset 8"},
        {"SUCCESS,,DELAY", NULL, NULL, "at offset 8"},
        {"SUCCESS,", NULL, NULL, "at offset 8"},
        {"SUCCESS, DELAY", NULL, NULL, "at offset 8"},
        {"DELAY,SUCCESS,delay", NULL, NULL, "at offset 14"},
        {"SUCCESS\r\nDATA", NULL, NULL, "at offset 0"},
        {NULL, "", NULL, "DSN ret: neither FULL nor HDRS"},
        {NULL, "FULL\r\n", NULL, "DSN ret: neither FULL nor HDRS"},
        {NULL, "BODY", NULL, "DSN ret: neither FULL nor HDRS"},
        {NULL, NULL, "", "DSN envid: empty"},
        {NULL, NULL, "a\r\nRCPT TO:<x>", "DSN envid: control character 0x0D at offset 1"},
        {NULL, NULL, "ab\303\244", "DSN envid: not printable ASCII at offset 2"},
        {NULL, NULL, "\177", "DSN envid: control character 0x7F at offset 0"},
    };
    tidymail_message *message = tidymail_message_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_refused(message,
                   tidymail_message_set_dsn(message, cases[i].notify, cases[i].ret, cases[i].envid),
                   cases[i].words);
    }
    memset(longest, 'x', sizeof(longest));
    longest[101] = '\0';
    is_refused(message, tidymail_message_set_dsn(message, NULL, NULL, longest), "longer than 100");
    longest[98] = '\0';
    assert_int_equal(tidymail_message_set_dsn(message, NULL, NULL, longest), TIDYMAIL_OK);
    tidymail_message_reset(message);
    longest[5] = ' '; /* 97 and the three of +20: 100 */
    assert_int_equal(tidymail_message_set_dsn(message, NULL, NULL, longest), TIDYMAIL_OK);
    tidymail_message_reset(message);
    longest[6] = '=';
    is_refused(message, tidymail_message_set_dsn(message, NULL, NULL, longest), "longer than 100");
    tidymail_message_free(message);
}

static void bad_numbers_are_refused(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    is_refused(message, tidymail_message_set_deliver_by(message, 1000000000, 'N'), "999999999");
    is_refused(message, tidymail_message_set_deliver_by(message, INT64_MIN, 'N'), "999999999");
    is_refused(message, tidymail_message_set_deliver_by(message, 5, 'r'), "deliver-by: the mode");
    is_refused(message, tidymail_message_set_deliver_by(message, 5, 0), "deliver-by: the mode");
    is_refused(message, tidymail_message_set_deliver_by(message, -1, 'R'), "seconds above 0");
    is_refused(message, tidymail_message_set_hold_for(message, -1), "hold-for: not 1 to 999999999");
    is_refused(message, tidymail_message_set_hold_for(message, 1000000000), "hold-for: not 1");
    is_refused(message, tidymail_message_set_priority(message, 10), "priority: not a number from");
    is_refused(message, tidymail_message_set_priority(message, -10), "priority: not a number from");
    assert_int_equal(tidymail_message_set_priority(NULL, 0), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_message_set_dsn(NULL, NULL, NULL, NULL), TIDYMAIL_KIND_LOCAL);
    tidymail_message_free(message);
}

static void a_hold_is_one_moment(void **state)
{
    (void)state;
    static const char *const good[] = {
        "2026-12-24T18:00:00Z",      "2026-12-24t18:00:00.25+01:00", "2028-02-29T23:59:60Z",
        "2000-02-29T00:00:00-00:00", "2026-12-31T23:59:59+23:59",
    };
    static const struct {
        const char *text;
        const char *words;
    } bad[] = {
        {"", "at offset 0"},
        {"tomorrow", "at offset 0"},
        {"2026-12-24", "at offset 10"},
        {"2026-12-24 18:00:00Z", "at offset 10"},
        {"2026-12-24T18:00Z", "at offset 16"},
        {"2026-12-24T18:00:00", "at offset 19"},
        {"2026-12-24T18:00:00.Z", "at offset 20"},
        {"2026-12-24T18:00:00Z ", "at offset 20"},
        {"2026-12-24T18:00:00Z\r\nDATA", "at offset 20"},
        {"2026-12-24T18:00:00+0100", "at offset 22"},
        {"2026-12-24T24:00:00Z", "hold-until: not a moment"},
        {"2026-12-24T18:60:00Z", "hold-until: not a moment"},
        {"2026-12-24T18:00:61Z", "hold-until: not a moment"},
        {"2026-13-24T18:00:00Z", "hold-until: not a moment"},
        {"2026-00-24T18:00:00Z", "hold-until: not a moment"},
        {"2026-02-29T18:00:00Z", "hold-until: not a moment"},
        {"2100-02-29T18:00:00Z", "hold-until: not a moment"},
        {"2026-12-00T18:00:00Z", "hold-until: not a moment"},
        {"2026-12-24T18:00:00+24:00", "hold-until: not a moment"},
        {"2026-12-24T18:00:00.000000000000000000000000Z", "longer than 40"},
    };
    tidymail_message *message = tidymail_message_new();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (tidymail_message_set_hold_until(message, good[i]) != TIDYMAIL_OK) {
            fail_msg("%s: %s", good[i], tidymail_error_message(tidymail_message_error(message)));
        }
    }
    tidymail_message_reset(message);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_refused(message, tidymail_message_set_hold_until(message, bad[i].text), bad[i].words);
    }
    tidymail_message_set_hold_until(message, good[0]);
    assert_int_equal(tidymail_message_set_hold_for(message, 5), TIDYMAIL_KIND_MESSAGE);
    tidymail_message_reset(message);
    tidymail_message_set_hold_for(message, 5);
    assert_int_equal(tidymail_message_set_hold_until(message, good[0]), TIDYMAIL_KIND_MESSAGE);
    tidymail_message_free(message);
}

static int set_all(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                   void *context)
{
    (void)context;
    tidymail_message *message = tidymail_message_new_with(allocator);
    int kind = TIDYMAIL_KIND_LOCAL;
    if (message != NULL) {
        tidymail_message_set_dsn(message, "DELAY", "FULL", "id");
        kind = tidymail_message_set_hold_until(message, "2026-12-24T18:00:00Z");
    }
    int right = kind == (memory->failures > 0 ? TIDYMAIL_KIND_LOCAL : TIDYMAIL_OK);
    tidymail_message_free(message);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const char *problem = fail_alloc_run_all(set_all, NULL, 4);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values_are_kept_until_reset),
        cmocka_unit_test(bad_notifications_are_refused),
        cmocka_unit_test(bad_numbers_are_refused),
        cmocka_unit_test(a_hold_is_one_moment),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
