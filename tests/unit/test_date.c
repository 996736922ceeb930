/* test_date.c: dates of RFC 5322 section 3.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "util/date.h"

static void known_moments(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "Thu, 1 Jan 1970 00:00:00 +0000"},
        {-1, "Wed, 31 Dec 1969 23:59:59 +0000"},
        {951782399, "Mon, 28 Feb 2000 23:59:59 +0000"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 +0000"},
        {4107542400, "Mon, 1 Mar 2100 00:00:00 +0000"}, /* no leap year */
        {1795530320, "Tue, 24 Nov 2026 14:25:20 +0000"},
        {INT64_MIN, "Mon, 1 Jan 1900 00:00:00 +0000"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TDM_DATE_MAX];
        tdm_date_format(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* Every 37th day from 1900 to 2400, held against the C library's calendar, and read back. */
static void agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = -25567; day < 157000; day += 37) {
        int64_t seconds = day * 86400 + (day * 7919 % 86400 + 86400) % 86400;
        time_t moment = (time_t)seconds;
        struct tm parts;
        char expected[64];
        char text[TDM_DATE_MAX];
        assert_non_null(gmtime_r(&moment, &parts));
        strftime(expected, sizeof(expected), "%a, %e %b %Y %H:%M:%S +0000", &parts);
        if (expected[5] == ' ') {
            memmove(expected + 5, expected + 6, strlen(expected + 6) + 1);
        }
        tdm_date_format(seconds, text);
        assert_string_equal(text, expected);
        size_t offset;
        assert_true(tdm_date_check(text, strlen(text), &offset));
    }
}

static void good_dates_are_accepted(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "Tue, 24 Nov 2026 14:25:20 +0000", "24 Nov 2026 14:25:20 -0330",
        "Tue, 24 Nov 2026 14:25 +0000",    "29 Feb 2024 00:00:60 +0000",
        "tue, 24 nov 2026 14:25:20 +1400", "31 Dec 9999 23:59:59 +0000",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t offset;
        assert_true(tdm_date_check(cases[i], strlen(cases[i]), &offset));
    }
}

static void bad_dates_are_refused_at_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {
        {"", 0},
        {"yesterday", 0},
        {"Mon, 24 Nov 2026 14:25:20 +0000", 0}, /* it was a Tuesday */
        {"Tue 24 Nov 2026 14:25:20 +0000", 3},
        {"30 Feb 2024 00:00:00 +0000", 0},
        {"29 Feb 2100 00:00:00 +0000", 0},
        {"31 Nov 2026 00:00:00 +0000", 0},
        {"0 Nov 2026 00:00:00 +0000", 0},
        {"24 Nvo 2026 14:25:20 +0000", 3},
        {"24 Nov 26 14:25:20 +0000", 7},
        {"24 Nov 1899 14:25:20 +0000", 7},
        {"24 Nov 2026 24:00:00 +0000", 12},
        {"24 Nov 2026 23:60:00 +0000", 15},
        {"24 Nov 2026 23:59:61 +0000", 18},
        {"24 Nov 2026 14:25:20 GMT", 21},
        {"24 Nov 2026 14:25:20", 20},
        {"24 Nov 2026 14:25:20 +000", 24},
        {"24 Nov 2026 14:25:20 +0060", 24},
        {"24 Nov 2026 14:25:20 +0000 x", 26},
        {"24  Nov 2026 14:25:20 +0000", 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t offset = 999;
        assert_false(tdm_date_check(cases[i].text, strlen(cases[i].text), &offset));
        assert_int_equal(offset, cases[i].offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments),
        cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(good_dates_are_accepted),
        cmocka_unit_test(bad_dates_are_refused_at_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
