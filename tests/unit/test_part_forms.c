/* test_part_forms.c: one source of several forms: each as it is by itself, the 7-bit one at first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/forms.h"
#include "fail_alloc.h"
#include "read_source.h"

static tidymail_message *message_new(const tidymail_allocator *allocator, const char *text,
                                     int attachment)
{
    struct tdm_writer_env env = {1700000000, {1, 2, 3}, NULL};
    tidymail_message *message = tidymail_message_new_with(allocator);
    tidymail_message_set_from(message, "ann@example.com");
    tidymail_message_add_to(message, "bob@example.org");
    tidymail_message_set_text(message, text);
    if (attachment && message != NULL) {
        tidymail_attachment bytes = TIDYMAIL_ATTACHMENT_INIT;
        bytes.bytes = "\001\002\n\r\003";
        bytes.length = 5;
        tdm_message_add_attachment(message, &bytes);
    }
    tdm_message_prepare(message, &env);
    return message;
}

static void each_form_by_its_need(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int attachment;
        int with_binary;
        int needs[3]; /* of the form that is chosen for 7bit, 8bit, binary */
    } cases[] = {
        {"plain", 0, 1, {0, 0, 0}},       {"gr\303\274n", 0, 1, {0, 1, 1}},
        {"plain", 1, 1, {0, 0, 2}},       {"gr\303\274n", 1, 1, {0, 1, 2}},
        {"gr\303\274n", 1, 0, {0, 1, 1}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_message *message = message_new(NULL, cases[i].text, cases[i].attachment);
        struct tdm_forms forms;
        tidymail_source source;
        assert_int_equal(tdm_forms_open(&forms, message, cases[i].with_binary, &source),
                         TIDYMAIL_OK);
        for (int carry = 2; carry >= 0; carry--) {
            int needs = tdm_forms_choose(&forms, carry);
            assert_int_equal(needs, cases[i].needs[carry]);
            tidymail_source alone;
            size_t length;
            size_t alone_length;
            assert_int_equal(tdm_message_open_form(message, needs, &alone), TIDYMAIL_OK);
            char *expected = read_source(&alone, 500, &alone_length);
            char *bytes = read_source(&source, 500, &length);
            assert_int_equal(length, alone_length);
            assert_memory_equal(bytes, expected, length);
            assert_int_equal(source.size(source.context), length);
            assert_int_equal(source.rewind(source.context), 0);
            alone.release(alone.context);
            free(bytes);
            free(expected);
        }
        source.release(source.context);
        tidymail_message_free(message);
    }
}

static void what_will_be_signed_has_one_form(void **state)
{
    (void)state;
    tidymail_message *message = message_new(NULL, "gr\303\274n", 1);
    struct tdm_forms forms;
    tidymail_source source;
    message->only_7bit = 1;
    assert_int_equal(tdm_forms_open(&forms, message, 1, &source), TIDYMAIL_OK);
    assert_int_equal(tdm_forms_choose(&forms, TDM_CARRY_BINARY), TDM_CARRY_7BIT);
    source.release(source.context);
    tidymail_message_free(message);
}

static int forms_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                      void *context)
{
    (void)context;
    tidymail_message *message = message_new(allocator, "gr\303\274n", 1);
    struct tdm_forms forms;
    tidymail_source source;
    int kind = message != NULL ? tdm_forms_open(&forms, message, 1, &source) : TIDYMAIL_KIND_LOCAL;
    int wrong = kind != TIDYMAIL_OK && (memory->failures == 0 || kind != TIDYMAIL_KIND_LOCAL);
    if (kind == TIDYMAIL_OK) {
        source.release(source.context);
    }
    tidymail_message_free(message);
    return wrong;
}

static void memory_may_fail_anywhere(void **state)
{
    (void)state;
    const char *words = fail_alloc_run_all(forms_once, NULL, 30);
    assert_string_equal(words != NULL ? words : "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_by_its_need),
        cmocka_unit_test(what_will_be_signed_has_one_form),
        cmocka_unit_test(memory_may_fail_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
