/* test_calendar.c: the METHOD of a calendar, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "message/calendar.h"

static void methods_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *method; /* NULL: refused */
        const char *reason;
        size_t offset;
    } cases[] = {
        {"BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n", "REQUEST", NULL, 0},
        {"begin:vcalendar\r\nmethod:cancel\r\nend:vcalendar", "cancel", NULL, 0},
        {"BEGIN:VCALENDAR\r\nMET\r\n HOD:RE\r\n\tPLY\r\nEND:VCALENDAR\r\n", "REPLY", NULL, 0},
        {"BEGIN:VCALENDAR\nMETHOD;X-A=b:PUBLISH\nEND:VCALENDAR\n", "PUBLISH", NULL, 0},
        {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nMETHOD:X\nEND:VEVENT\nMETHOD:ADD\nEND:VCALENDAR\n", "ADD",
         NULL, 0},
        {"", NULL, "no METHOD, which an invitation needs (RFC 6047 2.4)", 0},
        {"BEGIN:VCALENDAR\nMETHODS:X\nEND:VCALENDAR\n", NULL,
         "no METHOD, which an invitation needs (RFC 6047 2.4)", 0},
        {"METHOD:REQUEST\n", NULL, "BEGIN:VCALENDAR is expected", 0},
        {"BEGIN:VCALENDAR\r\nMETHOD:\r\n", NULL, "METHOD has no value that can be one", 17},
        {"BEGIN:VCALENDAR\r\nMETHOD:A B\r\n", NULL, "METHOD has no value that can be one", 17},
        {"BEGIN:VCALENDAR\r\nMETHOD:A\r\nMETHOD:B\r\n", NULL, "a second METHOD", 27},
        {"BEGIN:VCALENDAR\r\nX:\377\r\n", NULL, "invalid UTF-8", 19},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_calendar calendar;
        int result = tdm_calendar_read(&tdm_allocator_default, cases[i].text, &calendar);
        assert_int_equal(result, cases[i].method != NULL ? 0 : -1);
        if (cases[i].method != NULL) {
            assert_string_equal(tdm_buf_text(&calendar.method), cases[i].method);
        } else {
            assert_string_equal(calendar.reason, cases[i].reason);
            assert_int_equal(calendar.offset, cases[i].offset);
        }
        tdm_calendar_clear(&calendar);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(methods_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
