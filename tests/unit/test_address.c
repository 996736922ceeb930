/* test_address.c: mailboxes that are right, and those that are not: why, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "message/address.h"
#include "message/ip_literal.h"

static const tidymail_allocator *const memory = &tdm_allocator_default;

static void good_mailboxes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name;
        const char *spec;
        int utf8;
    } cases[] = {
        {"ann@example.org", NULL, "ann@example.org", 0},
        {"  ann@example.org  ", NULL, "ann@example.org", 0},
        {"<ann@example.org>", NULL, "ann@example.org", 0},
        {"Ann <ann@example.org>", "Ann", "ann@example.org", 0},
        {"Ann<ann@example.org>", "Ann", "ann@example.org", 0},
        {"Ann Lee  Smith <ann@example.org>", "Ann Lee Smith", "ann@example.org", 0},
        {"\"Smith, Ann\" <ann@example.org>", "Smith, Ann", "ann@example.org", 0},
        {"\"a \\\"b\\\" \\\\\" <ann@example.org>", "a \"b\" \\", "ann@example.org", 0},
        {"Dr. Ann <ann@example.org>", "Dr. Ann", "ann@example.org", 0},
        {"J\xc3\xb6rg M\xc3\xbcller <j@example.org>", "J\xc3\xb6rg M\xc3\xbcller", "j@example.org",
         0},
        {"Ann (at work (really)) <ann@example.org> (yes)", "Ann", "ann@example.org", 0},
        {"(a \\) b) ann (c) @ (d) example.org", NULL, "ann@example.org", 0},
        {"ann@example.org (Ann)", "Ann", "ann@example.org", 0},
        {"ann@example.org ( Ann \\) (Lee) )", "Ann ) (Lee)", "ann@example.org", 0},
        {"ann@example.org ()", NULL, "ann@example.org", 0},
        {"<ann@example.org> (Ann)", NULL, "ann@example.org", 0},
        {"< ann@example.org >", NULL, "ann@example.org", 0},
        {"\"\" <ann@example.org>", NULL, "ann@example.org", 0},
        {"=?utf-8?Q?a?= <ann@example.org>", "=?utf-8?Q?a?=", "ann@example.org", 0},
        {"o'neill+tag@example.org", NULL, "o'neill+tag@example.org", 0},
        {"!#$%&'*+-/=?^_`{|}~@example.org", NULL, "!#$%&'*+-/=?^_`{|}~@example.org", 0},
        {"\"ann lee\"@example.org", NULL, "\"ann lee\"@example.org", 0},
        {"\"ann.lee\"@example.org", NULL, "ann.lee@example.org", 0},
        {"\"ann..lee\"@example.org", NULL, "\"ann..lee\"@example.org", 0},
        {"\"a@b\"@example.org", NULL, "\"a@b\"@example.org", 0},
        {"\"a\\\\\\\"b\"@example.org", NULL, "\"a\\\\\\\"b\"@example.org", 0},
        {"\"\"@example.org", NULL, "\"\"@example.org", 0},
        {"root@localhost", NULL, "root@localhost", 0},
        {"a@[192.0.2.1]", NULL, "a@[192.0.2.1]", 0},
        {"a@[IPv6:2001:db8::1]", NULL, "a@[IPv6:2001:db8::1]", 0},
        {"a@my_host.example.org", NULL, "a@my_host.example.org", 0},
        {"a@m\xc3\xbcnchen.example", NULL, "a@xn--mnchen-3ya.example", 0},
        {"a@fa\xc3\x9f.example", NULL, "a@xn--fa-hia.example", 0},
        {"a@M\xc3\x9cNCHEN.Example", NULL, "a@xn--mnchen-3ya.example", 0},
        {"a@\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", NULL,
         "a@xn--r8jz45g.xn--zckzah", 0},
        {"j\xc3\xb6rg@example.org", NULL, "j\xc3\xb6rg@example.org", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_mailbox mailbox;
        struct tdm_address_error error = {0, "none"};
        if (tdm_mailbox_parse(memory, cases[i].text, 0, &mailbox, &error) != 0) {
            fail_msg("%s: %s at %zu", cases[i].text, error.reason, error.offset);
        }
        assert_string_equal(mailbox.spec, cases[i].spec);
        assert_string_equal(mailbox.name != NULL ? mailbox.name : "(none)",
                            cases[i].name != NULL ? cases[i].name : "(none)");
        assert_int_equal(mailbox.utf8, cases[i].utf8);
        tdm_mailbox_clear(memory, &mailbox);
    }
}

static void bad_mailboxes_say_why_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *reason;
        size_t offset;
    } cases[] = {
        {"", "the address is empty", 0},
        {"   ", "the address is empty", 3},
        {"<>", "the address is empty", 1},
        {"Ann <>", "the address is empty", 5},
        {"ann", "@ and a domain are missing", 3},
        {"Ann Lee", "@ and a domain are missing", 7},
        {"Ann <ann>", "@ and a domain are missing", 8},
        {"@example.org", "nothing stands in front of @", 0},
        {"Ann <@example.org>", "nothing stands in front of @", 5},
        {"ann@", "the domain behind @ is missing", 4},
        {"ann@@example.org", "the domain behind @ is missing", 4},
        {"<ann@>", "the domain behind @ is missing", 5},
        {"ann@example.org, bob@example.org", "this is a list, call once for each address", 15},
        {"Ann <a@example.org>; bob@example.org", "this is a list, call once for each address", 19},
        {"Smith, Ann <a@example.org>", "this is a list, or a name that must be quoted", 5},
        {"friends: a@example.org;", "a group is not an address", 7},
        {"Ann ann@example.org", "a name in front needs < > around the address", 4},
        {".ann@example.org", "the part in front of @ begins with a dot", 0},
        {"ann.@example.org", "the part in front of @ ends with a dot", 3},
        {"a..b@example.org", "two dots in a row", 2},
        {"ann@.example.org", "the domain begins with a dot", 4},
        {"ann@example.org.", "the domain ends with a dot", 16},
        {"ann@example..org", "two dots in a row", 12},
        {"ann@-example.org", "a hyphen at the edge of a part of the domain", 4},
        {"ann@example-.org", "a hyphen at the edge of a part of the domain", 11},
        {"ann@exa!mple.org", "a character that a domain cannot hold", 7},
        {"ann@m\xc3\xbc!.org", "a character that a domain cannot hold", 7},
        {"ann@\xcc\x81.org", "the domain is not a valid internationalized name", 4},
        {"ann@exa mple.org", "nothing may stand behind the address", 8},
        {"ann@example.org>", "nothing may stand behind the address", 15},
        {"<ann@example.org> x", "nothing may stand behind the address", 18},
        {"<ann@example.org", "< is not closed by >", 0},
        {"<ann@example.org x>", "> is expected here", 17},
        {"\"Ann <ann@example.org>", "a quotation mark is not closed", 0},
        {"Ann (work <ann@example.org>", "a comment is not closed", 4},
        {"Ann [x] <ann@example.org>", "a character that must stand in quotation marks", 4},
        {"ann@[192.0.2.1", "a bracket is not closed", 4},
        {"ann@[]", "what stands in brackets is no IP address", 5},
        {"ann@[192.0.2.256]", "what stands in brackets is no IP address", 5},
        {"ann@[2001:db8::1]", "what stands in brackets is no IP address", 5},
        {"<ann lee@example.org>", "a character that must be quoted in front of @", 5},
        {"<,@example.org>", "a character that an address cannot hold here", 1},
        {"0123456789012345678901234567890123456789012345678901234567890123x@example.org",
         "the part in front of @ is longer than 64 bytes", 0},
        {"a@0123456789012345678901234567890123456789012345678901234567890123.org",
         "a part of the domain is longer than 63 bytes", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_mailbox mailbox = {NULL, NULL, 7, NULL, 0};
        struct tdm_address_error error = {99, "none"};
        if (tdm_mailbox_parse(memory, cases[i].text, 0, &mailbox, &error) == 0) {
            fail_msg("%s: is not refused", cases[i].text);
        }
        assert_string_equal(error.reason, cases[i].reason);
        if (error.offset != cases[i].offset) {
            fail_msg("%s: offset %zu, not %zu", cases[i].text, error.offset, cases[i].offset);
        }
        assert_int_equal(mailbox.utf8, 7); /* untouched */
    }
}

static void lenient_local_parts(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a..b@example.org", "\"a..b\"@example.org"},
        {"a.@example.org", "\"a.\"@example.org"},
        {".a@example.org", "\".a\"@example.org"},
        {"A <a..b@example.org>", "\"a..b\"@example.org"},
        {"a.b@example.org", "a.b@example.org"},
    };
    struct tdm_address_error error;
    struct tdm_mailbox mailbox;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            tdm_mailbox_parse(memory, cases[i][0], TDM_ADDRESS_LENIENT, &mailbox, &error), 0);
        assert_string_equal(mailbox.spec, cases[i][1]);
        tdm_mailbox_clear(memory, &mailbox);
    }
    assert_int_equal(tdm_mailbox_parse(memory, "@b.c", TDM_ADDRESS_LENIENT, &mailbox, &error), -1);
    assert_int_equal(tdm_mailbox_parse(memory, "a b@b.c", TDM_ADDRESS_LENIENT, &mailbox, &error),
                     -1);
}

static void groups(void **state)
{
    (void)state;
    struct tdm_address_error error = {99, "none"};
    struct tdm_mailbox_list list = {NULL, 0, 0};
    assert_int_equal(
        tdm_mailbox_group_parse(memory, " My Team : Ann <a@b.c>,, d@e.f; (x)", 0, &list, &error),
        0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].group, "My Team");
    assert_string_equal(list.items[0].name, "Ann");
    assert_int_equal(list.items[0].ends_group, 0);
    assert_null(list.items[1].group);
    assert_int_equal(list.items[1].ends_group, 1);
    assert_int_equal(tdm_mailbox_group_parse(memory, "a@b.c", 0, &list, &error), 1);
    assert_int_equal(tdm_mailbox_group_parse(memory, "", 0, &list, &error), 1);
    assert_int_equal(list.count, 2);
    static const struct {
        const char *text;
        size_t offset;
        const char *reason;
    } bad[] = {
        {"Team: ;", 7, "a group without members has nobody to send to"},
        {"Team: a@b.c", 11, "a group is not closed by ;"},
        {"Team: a@b.c; d@e.f", 13, "nothing may stand behind the group"},
        {"Team: Sub: a@b.c;;", 6, "a group inside a group"},
        {"Team: a@b.c, a..b@c;", 15, "two dots in a row"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(tdm_mailbox_group_parse(memory, bad[i].text, 0, &list, &error), -1);
        assert_string_equal(error.reason, bad[i].reason);
        assert_int_equal(error.offset, bad[i].offset);
        assert_int_equal(list.count, 2);
    }
    tdm_mailbox_list_clear(memory, &list);
}

static void limits_of_length(void **state)
{
    (void)state;
    struct tdm_mailbox mailbox;
    struct tdm_address_error error;
    char text[400] = "0123456789012345678901234567890123456789012345678901234567890123@";
    for (int i = 0; i < 94; i++) {
        strcat(text, "a.");
    }
    strcat(text, "a"); /* 64 in front, 254 in all */
    assert_int_equal(strlen(text), 254);
    assert_int_equal(tdm_mailbox_parse(memory, text, 0, &mailbox, &error), 0);
    tdm_mailbox_clear(memory, &mailbox);
    strcat(text, "b");
    assert_int_equal(tdm_mailbox_parse(memory, text, 0, &mailbox, &error), -1);
    assert_string_equal(error.reason, "the address is longer than 254 bytes");
    assert_int_equal(error.offset, 0);
}

static void ip_literals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int good;
    } cases[] = {
        {"192.0.2.1", 1},
        {"255.255.255.255", 1},
        {"0.0.0.0", 1},
        {"1.2.3", 0},
        {"1.2.3.", 0},
        {"1.2.3.4.5", 0},
        {"1.2.3.256", 0},
        {"1.2.3.0004", 0},
        {"1..2.3", 0},
        {"a.b.c.d", 0},
        {"", 0},
        {"IPv6:", 0},
        {"IPv6:::", 1},
        {"ipv6:::1", 1},
        {"IPv6:1::", 1},
        {"IPv6:1:2:3:4:5:6:7:8", 1},
        {"IPv6:1:2:3:4:5:6:7", 0},
        {"IPv6:1:2:3:4:5:6:7:8:9", 0},
        {"IPv6:1::3:4:5:6:7:8", 1},
        {"IPv6:1::2:3:4:5:6:7:8", 0},
        {"IPv6:1::2::3", 0},
        {"IPv6:1:::2", 0},
        {"IPv6:1:2:", 0},
        {"IPv6::1:2", 0},
        {"IPv6:12345::", 0},
        {"IPv6:g::", 0},
        {"IPv6:::192.0.2.1", 1},
        {"IPv6:1:2:3:4:5:6:192.0.2.1", 1},
        {"IPv6:1:2:3:4:5:192.0.2.1", 0},
        {"IPv6:1:2:3:4:5:6:7:192.0.2.1", 0},
        {"IPv6:::192.0.2.1:1", 0},
        {"2001:db8::1", 0},
        {"IPv7:1", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (tdm_is_ip_literal(cases[i].text, strlen(cases[i].text)) != cases[i].good) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void expect_list(const char *text, const char *expected)
{
    struct tdm_mailbox_list list = {NULL, 0, 0};
    struct tdm_address_error error = {0, NULL};
    char joined[500] = "";
    if (tdm_mailbox_list_parse(memory, text, 0, &list, &error) != 0) {
        fail_msg("%s: %s at %zu", text, error.reason, error.offset);
    }
    for (size_t i = 0; i < list.count; i++) {
        strcat(joined, i > 0 ? " " : "");
        strcat(joined, list.items[i].spec);
    }
    assert_string_equal(joined, expected);
    tdm_mailbox_list_clear(memory, &list);
}

static void lists_and_groups(void **state)
{
    (void)state;
    expect_list("", "");
    expect_list(" , ,", "");
    expect_list("a@b.c", "a@b.c");
    expect_list("a@b.c,d@e.f , Gh <g@h.i>", "a@b.c d@e.f g@h.i");
    expect_list("undisclosed-recipients:;", "");
    expect_list("friends: a@b.c, \"B, b\" <d@e.f>; , g@h.i", "a@b.c d@e.f g@h.i");
    expect_list("a@b.c (comment, with comma), d@e.f\t", "a@b.c d@e.f");
    expect_list("=?utf-8?Q?M=C3=BCller,_A.?= <a@b.c>, =?utf-8?B?w6Q=?= <d@e.f>", "a@b.c d@e.f");
}

static void bad_lists(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {
        {"a@b.c d@e.f", 6},    {"x: a@b.c", 8},     {"x: y: a@b.c;", 3},
        {"a@b.c, nobody", 13}, {"a@b.c, (open", 7}, {"ab, c@d.e", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_mailbox_list list = {NULL, 0, 0};
        struct tdm_address_error error = {99, NULL};
        assert_int_equal(tdm_mailbox_list_parse(memory, cases[i].text, 0, &list, &error), -1);
        assert_non_null(error.reason);
        assert_int_equal(error.offset, cases[i].offset);
        tdm_mailbox_list_clear(memory, &list);
    }
}

static int parse_with(const tidymail_allocator *allocator, const struct fail_alloc *counts,
                      void *context)
{
    (void)context;
    struct tdm_mailbox mailbox;
    struct tdm_mailbox_list list = {NULL, 0, 0};
    struct tdm_address_error error = {0, "none"};
    int result = tdm_mailbox_parse(allocator, "\"J\xc3\xb6rg\" <\"a b\"@m\xc3\xbcnchen.example>", 0,
                                   &mailbox, &error);
    if (result == 0) {
        tdm_mailbox_clear(allocator, &mailbox);
        result = tdm_mailbox_list_parse(allocator, "g: a@b.c, d@e.f; h@i.j, k@l.m, Name <n@o.p>",
                                        TDM_ADDRESS_NAMES, &list, &error);
        tdm_mailbox_list_clear(allocator, &list);
    }
    if (counts->failures > 0) {
        return result == -1 && error.reason == NULL ? 0 : -1;
    }
    return result;
}

static void out_of_memory_has_no_reason(void **state)
{
    (void)state;
    const char *wrong = fail_alloc_run_all(parse_with, NULL, 15);
    assert_string_equal(wrong != NULL ? wrong : "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_mailboxes),
        cmocka_unit_test(bad_mailboxes_say_why_and_where),
        cmocka_unit_test(limits_of_length),
        cmocka_unit_test(lenient_local_parts),
        cmocka_unit_test(groups),
        cmocka_unit_test(ip_literals),
        cmocka_unit_test(lists_and_groups),
        cmocka_unit_test(bad_lists),
        cmocka_unit_test(out_of_memory_has_no_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
