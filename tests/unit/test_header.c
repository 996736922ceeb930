/* test_header.c: folding (RFC 5322 2.2.3) and encoded-words (RFC 2047). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "message/header.h"

static void expect_text(const char *text, int keep_words, const char *expected)
{
    struct tdm_buf out;
    tdm_buf_init(&out, NULL, 100000);
    tdm_header_add_text(&out, "Subject", text, keep_words);
    assert_string_equal(tdm_buf_text(&out), expected);
    tdm_buf_clear(&out);
}

static void short_text_stands_as_it_is(void **state)
{
    (void)state;
    expect_text("", 0, "Subject:\r\n");
    expect_text("A small message", 0, "Subject: A small message\r\n");
    expect_text("two  blanks", 0, "Subject: two  blanks\r\n");
    expect_text("100 % = ? ?= \"quoted\"", 0, "Subject: 100 % = ? ?= \"quoted\"\r\n");
}

static void text_that_is_not_ascii_is_encoded(void **state)
{
    (void)state;
    expect_text("Gr\xc3\xbc\xc3\x9f\x65 aus Berlin", 0,
                "Subject: =?utf-8?B?R3LDvMOfZQ==?= aus Berlin\r\n");
    expect_text("a caf\xc3\xa9", 0, "Subject: a =?utf-8?B?Y2Fmw6k=?=\r\n");
    /* neighbours become one text, since a reader drops the blank between two words */
    expect_text("caf\xc3\xa9 cr\xc3\xa8me x", 0, "Subject: =?utf-8?B?Y2Fmw6kgY3LDqG1l?= x\r\n");
    expect_text("\xe2\x82\xac\xe2\x82\xac", 0, "Subject: =?utf-8?B?4oKs4oKs?=\r\n");
}

static void text_that_looks_encoded_is_encoded(void **state)
{
    (void)state;
    expect_text("see =?utf-8?Q?x?= here", 0,
                "Subject: see =?utf-8?B?PT91dGYtOD9RP3g/PQ==?= here\r\n");
    expect_text("a=?b", 0, "Subject: =?utf-8?Q?a=3D=3Fb?=\r\n");
}

static void blanks_at_the_ends_are_kept(void **state)
{
    (void)state;
    expect_text(" a", 0, "Subject: =?utf-8?Q?_a?=\r\n");
    expect_text("b a ", 0, "Subject: b =?utf-8?Q?a_?=\r\n");
    expect_text("   ", 0, "Subject: =?utf-8?Q?___?=\r\n");
    expect_text("\xc3\xa4 a ", 0, "Subject: =?utf-8?B?w6QgYSA=?=\r\n");
}

static void lines_are_folded_at_blanks(void **state)
{
    (void)state;
    expect_text("0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789", 0,
                "Subject: 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n"
                " 0123456789\r\n");
}

/* Reads a field back: unfolds, and checks the rules on the way. */
static void check_lines(const char *field, size_t limit)
{
    size_t line = 0;
    size_t visible = 0;
    for (size_t i = 0; field[i] != '\0'; i++) {
        if (field[i] == '\r') {
            assert_int_equal(field[i + 1], '\n');
            assert_true(line <= limit);
            assert_true(visible > 0); /* never a line of blanks alone */
            assert_true(field[i + 2] == '\0' || field[i + 2] == ' ');
            line = visible = 0;
            i++;
            continue;
        }
        assert_true(field[i] >= ' ' && field[i] < 0x7f);
        line++;
        visible += field[i] != ' ';
    }
}

static void long_text_obeys_the_limits(void **state)
{
    (void)state;
    static const char *const units[] = {
        "x",     "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", " ",
        "word ", "=?",       "\xc3\xa4 ",    "x  y\xc3\xa4"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        for (size_t k = 0; k < sizeof(units) / sizeof(units[0]); k++) {
            char text[4000] = "";
            for (int count = 0; count < 90; count++) {
                strcat(text, units[i]);
                strcat(text, count % 9 == 0 ? units[k] : "");
                struct tdm_buf out;
                tdm_buf_init(&out, NULL, 100000);
                tdm_header_add_text(&out, "Subject", text, 0);
                check_lines(tdm_buf_text(&out), 76);
                tdm_buf_clear(&out);
            }
        }
    }
}

static void kept_words_are_not_encoded_for_their_length(void **state)
{
    (void)state;
    char text[1200] = "<https://example.org/";
    char expected[1300] = "List-Unsubscribe: ";
    memset(text + strlen(text), 'x', 200);
    strcat(text, ">");
    strcat(strcat(expected, text), ",\r\n ");
    strcat(expected, text);
    strcat(expected, "\r\n");
    char both[1200] = "";
    strcat(strcat(strcat(both, text), ", "), text);
    struct tdm_buf out;
    tdm_buf_init(&out, NULL, 100000);
    tdm_header_add_text(&out, "List-Unsubscribe", both, 1);
    assert_string_equal(tdm_buf_text(&out), expected);
    tdm_buf_reset(&out);
    tdm_header_add_words(&out, "References", "<a@b>  <c@d> ");
    assert_string_equal(tdm_buf_text(&out), "References: <a@b> <c@d>\r\n");
    tdm_buf_clear(&out);
    assert_int_equal(tdm_header_longest_word("a bcd  ef "), 3);
    assert_int_equal(tdm_header_longest_word(""), 0);
}

static void expect_mailbox(const char *name, const char *expected)
{
    char shown[300];
    char spec[] = "a@b.c";
    struct tdm_buf out;
    strcpy(shown, name);
    struct tdm_mailbox mailbox = {shown, spec, 0, NULL, 0};
    tdm_buf_init(&out, NULL, 100000);
    tdm_header_add_mailbox(&out, "From", &mailbox);
    assert_string_equal(tdm_buf_text(&out), expected);
    tdm_buf_clear(&out);
}

static void display_names(void **state)
{
    (void)state;
    expect_mailbox("Ann Smith", "From: Ann Smith <a@b.c>\r\n");
    expect_mailbox("Smith, Ann", "From: \"Smith, Ann\" <a@b.c>\r\n");
    expect_mailbox("Dr. Ann", "From: \"Dr. Ann\" <a@b.c>\r\n");
    expect_mailbox("a \"b\" \\", "From: \"a \\\"b\\\" \\\\\" <a@b.c>\r\n");
    expect_mailbox("two  blanks", "From: \"two  blanks\" <a@b.c>\r\n");
    expect_mailbox(" blank", "From: \" blank\" <a@b.c>\r\n");
    expect_mailbox("the open caf\xc3\xa9, in",
                   "From: =?utf-8?Q?the_open_caf=C3=A9=2C_in?= <a@b.c>\r\n");
    expect_mailbox("=?utf-8?Q?x?=", "From: =?utf-8?B?PT91dGYtOD9RP3g/PQ==?= <a@b.c>\r\n");
}

static void address_lists_are_folded_between_addresses(void **state)
{
    (void)state;
    char name[] = "Ann";
    char spec[] = "ann.with.a.long.name@example.org";
    struct tdm_mailbox items[3] = {
        {name, spec, 0, NULL, 0}, {NULL, spec, 0, NULL, 0}, {name, spec, 0, NULL, 0}};
    struct tdm_mailbox_list list = {items, 3, 3};
    struct tdm_mailbox_list none = {NULL, 0, 0};
    struct tdm_buf out;
    tdm_buf_init(&out, NULL, 100000);
    tdm_header_add_mailboxes(&out, "Cc", &none);
    tdm_header_add_mailboxes(&out, "To", &list);
    assert_string_equal(
        tdm_buf_text(&out),
        "To: Ann <ann.with.a.long.name@example.org>,\r\n"
        " ann.with.a.long.name@example.org, Ann <ann.with.a.long.name@example.org>\r\n");
    tdm_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_text_stands_as_it_is),
        cmocka_unit_test(text_that_is_not_ascii_is_encoded),
        cmocka_unit_test(text_that_looks_encoded_is_encoded),
        cmocka_unit_test(blanks_at_the_ends_are_kept),
        cmocka_unit_test(lines_are_folded_at_blanks),
        cmocka_unit_test(long_text_obeys_the_limits),
        cmocka_unit_test(kept_words_are_not_encoded_for_their_length),
        cmocka_unit_test(display_names),
        cmocka_unit_test(address_lists_are_folded_between_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
