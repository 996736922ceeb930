/* test_utf8.c: every boundary of RFC 3629. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/utf8.h"

static void good_sequences_have_their_length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"A", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},         /* U+0080 */
        {"\xdf\xbf", 2},         /* U+07FF */
        {"\xe0\xa0\x80", 3},     /* U+0800 */
        {"\xed\x9f\xbf", 3},     /* U+D7FF */
        {"\xee\x80\x80", 3},     /* U+E000 */
        {"\xef\xbf\xbf", 3},     /* U+FFFF */
        {"\xf0\x90\x80\x80", 4}, /* U+10000 */
        {"\xf4\x8f\xbf\xbf", 4}, /* U+10FFFF */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = cases[i].length;
        assert_int_equal(tdm_utf8_sequence(cases[i].text, length), length);
        assert_int_equal(tdm_utf8_sequence(cases[i].text, length + 1), length);
        for (size_t left = 0; left < length; left++) {
            assert_int_equal(tdm_utf8_sequence(cases[i].text, left), 0);
        }
    }
}

static void bad_sequences_are_found(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\x80",             /* continues nothing */
        "\xbf",             /* */
        "\xc0\x80",         /* overlong */
        "\xc1\xbf",         /* */
        "\xe0\x9f\xbf",     /* */
        "\xf0\x8f\xbf\xbf", /* */
        "\xed\xa0\x80",     /* surrogates */
        "\xed\xbf\xbf",     /* */
        "\xf4\x90\x80\x80", /* over U+10FFFF */
        "\xf5\x80\x80\x80", /* */
        "\xff",             /* never */
        "\xc2 ",            /* cut short by text */
        "\xe2\x82 ",        /* */
        "\xe2 \x82",        /* */
        "\xf0\x9f\x98 ",    /* */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[16] = "ok";
        memcpy(text + 2, cases[i], strlen(cases[i]) + 1);
        assert_int_equal(tdm_utf8_sequence(cases[i], strlen(cases[i])), 0);
        assert_int_equal(tdm_utf8_find_invalid(text, strlen(text)), 2);
    }
}

static void valid_text_is_valid_to_its_end(void **state)
{
    (void)state;
    const char *text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
    assert_int_equal(tdm_utf8_find_invalid(text, strlen(text)), strlen(text));
    assert_int_equal(tdm_utf8_find_invalid("", 0), 0);
    assert_int_equal(tdm_utf8_find_invalid(text, strlen(text) - 1), strlen(text) - 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_sequences_have_their_length),
        cmocka_unit_test(bad_sequences_are_found),
        cmocka_unit_test(valid_text_is_valid_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
