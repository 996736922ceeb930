/* test_flowed.c: format=flowed is undone by the rules of RFC 3676 section 4, and gives the text back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "message/flowed.h"

/* Reads as a reader does (RFC 3676 4.1 to 4.5): marks, stuffing, joining. */
static void unflow(const char *text, struct tdm_buf *out)
{
    size_t joined_depth = 0;
    int joins = 0;
    while (*text != '\0') {
        const char *end = strstr(text, "\r\n");
        assert_non_null(end);
        size_t depth = 0;
        while (text[depth] == '>') {
            depth++;
        }
        const char *start = text + depth + (text[depth] == ' ');
        size_t length = (size_t)(end - start);
        if (!joins || joined_depth != depth) {
            if (joins) {
                fail_msg("a line flows into one of another depth");
            }
            tdm_buf_add(out, text, depth);
            if (depth > 0 && length > 0) {
                tdm_buf_add_char(out, ' ');
            }
        }
        tdm_buf_add(out, start, length);
        int signature = length == 3 && memcmp(start, "-- ", 3) == 0;
        joins = length > 0 && start[length - 1] == ' ' && !signature;
        joined_depth = depth;
        if (!joins) {
            tdm_buf_add_char(out, '\n');
        }
        text = end + 2;
    }
    assert_false(joins);
}

static void check(const char *text, const char *expected)
{
    struct tdm_buf flowed;
    struct tdm_buf back;
    tdm_buf_init(&flowed, NULL, 1 << 20);
    tdm_buf_init(&back, NULL, 1 << 20);
    tdm_flowed_write(&flowed, text, strlen(text));
    unflow(tdm_buf_text(&flowed), &back);
    assert_string_equal(tdm_buf_text(&back), expected);
    tdm_buf_clear(&flowed);
    tdm_buf_clear(&back);
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "one\n",
        "\n\n",
        " leads\n  twice\n",
        "From here\n",
        "-- \nsignature\n",
        "> quoted\n>> deeper\n> back\n",
        ">\n",
        "a word and another one, and so on until the line is too long for one, and then some\n",
        "many  blanks   in    between     of      the       words        of         this line\n",
        "> a quoted line that is too long, and so it is broken, and each piece has the mark "
        "again\n",
        "cc From cc From cc From cc From cc From cc From cc From cc From cc From cc From cc From "
        "x\n",
        "cc > cc >cc > cc >cc > cc >cc > cc >cc > cc >cc > cc >cc > cc >cc > cc >cc > cc >cc > cc "
        "x\n",
        "-- is no signature where more stands behind it, and the line is long enough to be cut "
        "up\n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
        "b\n",
        "\303\244\303\266\303\274 \303\244\303\266\303\274 \303\244\303\266\303\274 "
        "\303\244\303\266\303\274 \303\244\303\266\303\274 \303\244\303\266\303\274 "
        "\303\244\303\266\303\274 \303\244\303\266\303\274 \303\244\303\266\303\274 "
        "\303\244\303\266\303\274 \303\244\303\266\303\274 \303\244\303\266\303\274 "
        "\303\244\303\266\303\274 \303\244\303\266\303\274 \303\244\303\266\303\274 "
        "\303\244\303\266\303\274 \303\244\303\266\303\274 \303\244\303\266\303\274 "
        "\303\244\303\266\303\274 \303\244\303\266\303\274 \303\244\303\266\303\274 x\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check(texts[i], texts[i]);
    }
    check("no end", "no end\n");
    check("a\r\nb\rc", "a\nb\nc\n");
    check("trailing  \nblanks ", "trailing\nblanks\n");
    check(">x", "> x\n");
}

static void lines_are_short(void **state)
{
    (void)state;
    struct tdm_buf text;
    struct tdm_buf flowed;
    tdm_buf_init(&text, NULL, 1 << 20);
    tdm_buf_init(&flowed, NULL, 1 << 20);
    for (size_t i = 0; i < 500; i++) {
        tdm_buf_add(&text, "abcdefghij ", 1 + i * 7 % 10);
        tdm_buf_add_char(&text, ' ');
    }
    tdm_flowed_write(&flowed, text.data, text.length);
    const char *line = tdm_buf_text(&flowed);
    size_t lines = 0;
    for (const char *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
        assert_true(end - line <= 78);
        lines++;
    }
    assert_true(lines > 20 && lines < 60);
    tdm_buf_clear(&text);
    tdm_buf_clear(&flowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(lines_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
