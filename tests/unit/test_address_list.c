/* test_address_list.c: tidymail/address.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/tidymail.h>

#include "fail_alloc.h"

static void lists(void **state)
{
    (void)state;
    tidymail_address_list *list =
        tidymail_address_list_parse("\"Lee, Ann\" <ann@xn--mnchen-3ya.example>, Team: "
                                    "b@[192.0.2.1], c@M\xc3\x9cNCHEN.example (C);,"
                                    " \xc3\xa4@example.org",
                                    0);
    assert_null(tidymail_address_list_error(list));
    assert_int_equal(tidymail_address_list_count(list), 4);
    assert_string_equal(tidymail_address_list_name(list, 0), "Lee, Ann");
    assert_string_equal(tidymail_address_list_spec(list, 0), "ann@xn--mnchen-3ya.example");
    assert_string_equal(tidymail_address_list_domain(list, 0), "m\xc3\xbcnchen.example");
    assert_string_equal(tidymail_address_list_group(list, 0), "");
    assert_string_equal(tidymail_address_list_group(list, 1), "Team");
    assert_string_equal(tidymail_address_list_domain(list, 1), "[192.0.2.1]");
    assert_string_equal(tidymail_address_list_name(list, 2), "C");
    assert_string_equal(tidymail_address_list_spec(list, 2), "c@xn--mnchen-3ya.example");
    assert_string_equal(tidymail_address_list_group(list, 2), "");
    assert_int_equal(tidymail_address_list_needs_utf8(list, 2), 0);
    assert_int_equal(tidymail_address_list_needs_utf8(list, 3), 1);
    assert_string_equal(tidymail_address_list_field(list, "Cc"),
                        "Cc: \"Lee, Ann\" <ann@xn--mnchen-3ya.example>, Team: b@[192.0.2.1],\r\n"
                        " C <c@xn--mnchen-3ya.example>;, \xc3\xa4@example.org\r\n");
    assert_string_equal(tidymail_address_list_spec(list, 4), "");
    tidymail_address_list_free(list);
}

static void errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int flags;
        size_t offset;
        const char *message;
    } cases[] = {
        {"a..b@c", 0, 2, "address: two dots in a row at offset 2"},
        {"a@b, c@d", TIDYMAIL_ADDRESS_ONE, 3,
         "address: this is a list, call once for each address at offset 3"},
        {"a\n@b", 0, 1, "address: control character at offset 1"},
        {"a\xff@b", 0, 1, "address: invalid UTF-8 at offset 1"},
        {"a@b, g: c@d", 0, 11, "address: a group is not closed by ; at offset 11"},
        {NULL, 0, 0, "address: NULL was given at offset 0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_address_list *list = tidymail_address_list_parse(cases[i].text, cases[i].flags);
        const tidymail_error *error = tidymail_address_list_error(list);
        assert_string_equal(tidymail_error_message(error), cases[i].message);
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_MESSAGE);
        assert_int_equal(tidymail_address_list_error_offset(list), cases[i].offset);
        assert_int_equal(tidymail_address_list_count(list), 0);
        assert_string_equal(tidymail_address_list_field(list, "To"), "");
        tidymail_address_list_free(list);
    }
    tidymail_address_list_free(NULL);
    assert_int_equal(tidymail_address_list_count(NULL), 0);
    assert_string_equal(tidymail_address_list_field(NULL, "To"), "");
    assert_null(tidymail_address_list_error(NULL));
    tidymail_address_list *list =
        tidymail_address_list_parse("a..b@c.d", TIDYMAIL_ADDRESS_ONE | TIDYMAIL_ADDRESS_LENIENT);
    assert_string_equal(tidymail_address_list_spec(list, 0), "\"a..b\"@c.d");
    tidymail_address_list_free(list);
}

static int once(const tidymail_allocator *allocator, const struct fail_alloc *fails, void *context)
{
    (void)context;
    tidymail_address_list *list =
        tidymail_address_list_parse_with("Ann <a@b.c>, G: d@e.f (x);", 0, allocator);
    const tidymail_error *error = tidymail_address_list_error(list);
    int wrong = 0;
    if (list != NULL && fails->failures > 0) {
        wrong |= tidymail_error_kind(error) != TIDYMAIL_KIND_LOCAL;
    } else if (list != NULL) {
        const char *field = tidymail_address_list_field(list, "To");
        wrong |= fails->failures == 0 && strcmp(field, "To: Ann <a@b.c>, G: x <d@e.f>;\r\n") != 0;
        wrong |= fails->failures > 0 && field[0] != '\0';
    }
    tidymail_address_list_free(list);
    return wrong;
}

static void short_of_memory(void **state)
{
    (void)state;
    const char *words = fail_alloc_run_all(once, NULL, 10);
    if (words != NULL) {
        fail_msg("%s", words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(errors),
        cmocka_unit_test(short_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
