/* test_provider_table.c: the public table of mail services (tidymail/provider.h): what is past its end,
 * that texts and limits make sense, and that a service's own options are found under their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/provider.h>

#include "provider/provider.h"

static void past_the_end_is_nothing(void **state)
{
    (void)state;
    const size_t ends[] = {tidymail_provider_count(), tidymail_provider_count() + 7, SIZE_MAX};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = ends[i];
        assert_string_equal(tidymail_provider_scheme(end), "");
        assert_string_equal(tidymail_provider_name(end), "");
        assert_string_equal(tidymail_provider_url(end), "");
        assert_string_equal(tidymail_provider_page(end), "");
        assert_int_equal(tidymail_provider_max_recipients(end), 0);
        assert_int_equal(tidymail_provider_max_size(end), 0);
        assert_int_equal(tidymail_provider_max_reply_to(end), 0);
        assert_int_equal(tidymail_provider_max_tags(end), 0);
        assert_int_equal(tidymail_provider_can(end, 0), 0);
        assert_int_equal(tidymail_provider_option_count(end), 0);
        assert_string_equal(tidymail_provider_option_name(end, 0), "");
        assert_string_equal(tidymail_provider_option_type(end, 0), "");
        assert_string_equal(tidymail_provider_option_words(end, 0), "");
    }
    assert_string_equal(tidymail_feature_name(tidymail_feature_count()), "");
    assert_string_equal(tidymail_feature_words(tidymail_feature_count()), "");
    assert_string_equal(tidymail_feature_name(SIZE_MAX), "");
    assert_int_equal(tidymail_provider_can(0, tidymail_feature_count()), 0);
    assert_int_equal(tidymail_provider_can(0, SIZE_MAX), 0);
}

static void the_table_agrees_with_the_services(void **state)
{
    (void)state;
    for (size_t i = 0; i < tidymail_provider_count(); i++) {
        const struct tdm_provider *provider = tdm_provider_find(tidymail_provider_scheme(i));
        assert_ptr_equal(provider, tdm_provider_at(i));
        for (size_t other = 0; other < i; other++) {
            assert_string_not_equal(tidymail_provider_scheme(i), tidymail_provider_scheme(other));
        }
        assert_string_equal(tidymail_provider_name(i), provider->capabilities.name);
        for (size_t k = 0; k < tidymail_feature_count(); k++) {
            assert_int_equal(tidymail_provider_can(i, k),
                             (provider->capabilities.can >> k & 1U) != 0);
        }
    }
}

/* Each option is one that a value can be checked for, and no name is there twice. */
static void options_are_known_by_their_names(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *good;
        const char *bad; /* NULL: everything is good */
    } types[] = {{"text", "anything", NULL},
                 {"number", "17", "x"},
                 {"yes or no", "yes", "perhaps"},
                 {"JSON", "{}", "{"}};
    for (size_t i = 0; i < tidymail_provider_count(); i++) {
        const struct tdm_provider *provider = tdm_provider_at(i);
        size_t count = tidymail_provider_option_count(i);
        assert_true(count > 0);
        assert_string_equal(tidymail_provider_option_name(i, count - 1), "extra");
        assert_string_equal(tidymail_provider_option_name(i, count), "");
        for (size_t k = 0; k < count; k++) {
            const char *name = tidymail_provider_option_name(i, k);
            size_t type = 0;
            for (size_t other = 0; other < k; other++) {
                assert_string_not_equal(name, tidymail_provider_option_name(i, other));
            }
            while (strcmp(types[type].type, tidymail_provider_option_type(i, k)) != 0) {
                assert_true(++type < sizeof(types) / sizeof(types[0]));
            }
            struct tidymail_error error;
            tdm_error_init(&error, NULL);
            assert_int_equal(tdm_service_option_check(provider, name, strlen(name),
                                                      types[type].good, TIDYMAIL_KIND_MESSAGE,
                                                      &error),
                             TIDYMAIL_OK);
            if (types[type].bad != NULL) {
                assert_int_equal(tdm_service_option_check(provider, name, strlen(name),
                                                          types[type].bad, TIDYMAIL_KIND_MESSAGE,
                                                          &error),
                                 TIDYMAIL_KIND_MESSAGE);
            }
            assert_true(strlen(tidymail_provider_option_words(i, k)) > 0);
            tdm_error_clear(&error);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(past_the_end_is_nothing),
        cmocka_unit_test(the_table_agrees_with_the_services),
        cmocka_unit_test(options_are_known_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
