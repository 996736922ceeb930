/* test_message_service.c: what is asked of a mail service: which values are kept, which are refused
 * and with which words, that an error sticks, a reset clears, and memory may run out anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/service.h>

#include "fail_alloc.h"
#include "message/message_data.h"

static void is_empty(const tidymail_message *message)
{
    struct tdm_service_wishes none;
    memset(&none, 0, sizeof(none));
    assert_memory_equal(&message->service, &none, sizeof(none));
}

/* Refused with `words`, sticking; nothing of it was kept. */
static void is_refused(tidymail_message *message, int kind, const char *words)
{
    assert_int_equal(kind, TIDYMAIL_KIND_MESSAGE);
    const char *said = tidymail_error_message(tidymail_message_error(message));
    if (strcmp(said, words) != 0) {
        fail_msg("\"%s\", wanted \"%s\"", said, words);
    }
    assert_int_equal(tidymail_message_add_tag(message, "late"), TIDYMAIL_KIND_MESSAGE);
    assert_int_equal(tidymail_message_set_sandbox(message, 1), TIDYMAIL_KIND_MESSAGE);
    is_empty(message);
    tidymail_message_reset(message);
    assert_null(tidymail_message_error(message));
}

static void tags_count_once(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    const struct tdm_service_wishes *wishes = &message->service;
    static const char *const tags[] = {"welcome",           "autumn", "welcome", "Welcome",
                                       "\303\251t\303\251", "five",   "six",     "autumn"};
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        assert_int_equal(tidymail_message_add_tag(message, tags[i]), TIDYMAIL_OK);
    }
    assert_int_equal(wishes->tag_count, 6);
    assert_string_equal(wishes->tags[0], "welcome");
    assert_string_equal(wishes->tags[1], "autumn");
    assert_string_equal(wishes->tags[2], "Welcome");
    assert_string_equal(wishes->tags[3], "\303\251t\303\251");
    assert_string_equal(wishes->tags[5], "six");
    tidymail_message_reset(message);
    is_empty(message);
    tidymail_message_free(message);
}

static void metadata_keeps_the_last_value(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    const struct tdm_service_pairs *pairs = &message->service.metadata;
    for (int i = 0; i < 9; i++) {
        char name[8];
        snprintf(name, sizeof(name), "n%d", i % 7);
        assert_int_equal(tidymail_message_add_metadata(message, name, i < 7 ? "old" : "new"),
                         TIDYMAIL_OK);
    }
    assert_int_equal(tidymail_message_add_metadata(message, "n6", ""), TIDYMAIL_OK);
    assert_int_equal(pairs->count, 7);
    assert_string_equal(pairs->items[0].name, "n0");
    assert_string_equal(pairs->items[0].value, "new");
    assert_string_equal(pairs->items[1].value, "new");
    assert_string_equal(pairs->items[2].value, "old");
    assert_string_equal(pairs->items[6].value, "");
    assert_null(pairs->items[0].service);
    tidymail_message_free(message);
}

static void options_are_told_apart_by_service(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    const struct tdm_service_pairs *pairs = &message->service.options;
    assert_int_equal(tidymail_message_set_service_option(message, "mailgun", "dkim", "yes"), 0);
    assert_int_equal(tidymail_message_set_service_option(message, "postmark", "dkim", "no"), 0);
    assert_int_equal(tidymail_message_set_service_option(message, "mailgun", "extra",
                                                         "\r\n\t{\"o:tag\":\n\t\"x\"}\n"),
                     0);
    assert_int_equal(tidymail_message_set_service_option(message, "mailgun", "dkim", ""), 0);
    assert_int_equal(pairs->count, 3);
    assert_string_equal(pairs->items[0].service, "mailgun");
    assert_string_equal(pairs->items[0].name, "dkim");
    assert_string_equal(pairs->items[0].value, "");
    assert_string_equal(pairs->items[1].service, "postmark");
    assert_string_equal(pairs->items[1].value, "no");
    assert_string_equal(pairs->items[2].value, "   {\"o:tag\":  \"x\"} ");
    tidymail_message_free(message);
}

static void single_values_are_kept_until_reset(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    const struct tdm_service_wishes *wishes = &message->service;
    char key[257];
    memset(key, '~', 256);
    key[256] = '\0';
    assert_int_equal(
        tidymail_message_set_tracking(message, TIDYMAIL_TRACKING_ON, TIDYMAIL_TRACKING_OFF),
        TIDYMAIL_OK);
    assert_int_equal(wishes->track_opens, TIDYMAIL_TRACKING_ON);
    assert_int_equal(wishes->track_clicks, TIDYMAIL_TRACKING_OFF);
    assert_int_equal(tidymail_message_set_send_at(message, 253402300799), TIDYMAIL_OK);
    assert_int_equal(wishes->send_at, 253402300799);
    assert_int_equal(tidymail_message_set_send_at(message, 0), TIDYMAIL_OK);
    assert_int_equal(wishes->send_at, 0);
    assert_int_equal(tidymail_message_set_template(message, "welcome", "{\n \"a\": 1\n}"),
                     TIDYMAIL_OK);
    assert_string_equal(wishes->template_id, "welcome");
    assert_string_equal(wishes->template_values, "{  \"a\": 1 }");
    assert_int_equal(tidymail_message_set_template(message, "17", NULL), TIDYMAIL_OK);
    assert_string_equal(wishes->template_id, "17");
    assert_null(wishes->template_values);
    assert_int_equal(tidymail_message_set_template(message, "17", "not JSON is told later"),
                     TIDYMAIL_OK);
    assert_int_equal(tidymail_message_set_template(message, NULL, "{}"), TIDYMAIL_OK);
    assert_null(wishes->template_id);
    assert_null(wishes->template_values);
    assert_int_equal(tidymail_message_set_idempotency_key(message, key), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_set_idempotency_key(message, "!"), TIDYMAIL_OK);
    assert_string_equal(wishes->idempotency_key, "!");
    assert_int_equal(tidymail_message_set_idempotency_key(message, NULL), TIDYMAIL_OK);
    assert_null(wishes->idempotency_key);
    assert_int_equal(tidymail_message_set_sandbox(message, 7), TIDYMAIL_OK);
    assert_int_equal(wishes->sandbox, 1);
    tidymail_message_set_idempotency_key(message, "k");
    tidymail_message_set_template(message, "t", "{}");
    tidymail_message_reset(message);
    is_empty(message);
    tidymail_message_free(message);
}

static void a_change_undoes_nothing_but_prepared(void **state)
{
    (void)state;
    struct tdm_writer_env env;
    memset(&env, 0, sizeof(env));
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "a@example.org");
    tidymail_message_add_to(message, "b@example.org");
    tidymail_message_set_text(message, "Hello");
    assert_int_equal(tdm_message_prepare(message, &env), TIDYMAIL_OK);
    char id[200];
    snprintf(id, sizeof(id), "%s", tdm_message_id(message));
    assert_int_equal(tidymail_message_add_tag(message, "t"), TIDYMAIL_OK);
    assert_int_equal(message->prepared, 0);
    env.random[0] = 1;
    assert_int_equal(tdm_message_prepare(message, &env), TIDYMAIL_OK);
    assert_string_equal(tdm_message_id(message), id);
    tidymail_message_free(message);
}

enum setter { TAG, NAME, VALUE, TEMPLATE, VALUES, KEY, SERVICE, OPTION, OPTION_VALUE };

static int set(tidymail_message *message, enum setter setter, const char *text)
{
    switch (setter) {
    case TAG:
        return tidymail_message_add_tag(message, text);
    case NAME:
        return tidymail_message_add_metadata(message, text, "v");
    case VALUE:
        return tidymail_message_add_metadata(message, "n", text);
    case TEMPLATE:
        return tidymail_message_set_template(message, text, "{}");
    case VALUES:
        return tidymail_message_set_template(message, "t", text);
    case KEY:
        return tidymail_message_set_idempotency_key(message, text);
    case SERVICE:
        return tidymail_message_set_service_option(message, text, "n", "v");
    case OPTION:
        return tidymail_message_set_service_option(message, "mailgun", text, "v");
    case OPTION_VALUE:
        break;
    }
    return tidymail_message_set_service_option(message, "mailgun", "n", text);
}

static void bad_texts_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct {
        enum setter setter;
        const char *text;
        const char *words;
    } cases[] = {
        {TAG, NULL, "tag: NULL was given"},
        {TAG, "", "tag: empty"},
        {TAG, "a\nb", "tag: control character 0x0A at offset 1"},
        {TAG, "ab\177", "tag: control character 0x7F at offset 2"},
        {TAG, "a\303", "tag: invalid UTF-8 at offset 1"},
        {NAME, NULL, "metadata name: NULL was given"},
        {NAME, "", "metadata name: empty"},
        {NAME, "\r", "metadata name: control character 0x0D at offset 0"},
        {VALUE, NULL, "metadata value: NULL was given"},
        {VALUE, "v\r\nBcc: x", "metadata value: control character 0x0D at offset 1"},
        {VALUE, "\377", "metadata value: invalid UTF-8 at offset 0"},
        {TEMPLATE, "", "template: empty"},
        {TEMPLATE, "t\t", "template: control character 0x09 at offset 1"},
        {VALUES, "{\n\001}", "template values: control character 0x01 at offset 2"},
        {VALUES, "{\"\200\"}", "template values: invalid UTF-8 at offset 2"},
        {KEY, "", "idempotency key: empty"},
        {KEY, "a b", "idempotency key: neither letter, digit nor sign of ASCII at offset 1"},
        {KEY, "ab\303\244", "idempotency key: neither letter, digit nor sign of ASCII at offset 2"},
        {KEY, "a\r\nX: y", "idempotency key: control character 0x0D at offset 1"},
        {SERVICE, NULL, "service of an option: NULL was given"},
        {SERVICE, "", "service of an option: empty"},
        {SERVICE, "Mailgun",
         "service of an option: not a scheme such as mailgun, it goes wrong at offset 0"},
        {SERVICE, "mail:gun",
         "service of an option: not a scheme such as mailgun, it goes wrong at offset 4"},
        {SERVICE, "abcdefghijklmnopqrstuvwxyz0123456",
         "service of an option: longer than 32 characters"},
        {OPTION, NULL, "name of a service option: NULL was given"},
        {OPTION, "", "name of a service option: empty"},
        {OPTION, "a\nb", "name of a service option: control character 0x0A at offset 1"},
        {OPTION_VALUE, NULL, "value of a service option: NULL was given"},
        {OPTION_VALUE, "x\n{", "value of a service option: control character 0x0A at offset 1"},
        {OPTION_VALUE, " [\v]", "value of a service option: control character 0x0B at offset 2"},
    };
    tidymail_message *message = tidymail_message_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_refused(message, set(message, cases[i].setter, cases[i].text), cases[i].words);
    }
    char long_text[65538];
    memset(long_text, 'x', 65537);
    long_text[65537] = '\0';
    is_refused(message, set(message, TAG, long_text), "tag: longer than 65536 bytes");
    long_text[257] = '\0';
    is_refused(message, set(message, KEY, long_text),
               "idempotency key: longer than 256 characters");
    tidymail_message_free(message);
}

static void bad_numbers_are_refused(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    static const char moment[] = "send-at: not a moment of the years 1970 to 9999";
    is_refused(message, tidymail_message_set_send_at(message, -1), moment);
    is_refused(message, tidymail_message_set_send_at(message, 253402300800), moment);
    is_refused(message, tidymail_message_set_tracking(message, 3, 0),
               "tracking of opens: no value of enum tidymail_tracking");
    is_refused(message, tidymail_message_set_tracking(message, 0, -1),
               "tracking of clicks: no value of enum tidymail_tracking");
    tidymail_message_free(message);
}

static void no_message_is_no_crash(void **state)
{
    (void)state;
    for (int setter = TAG; setter <= OPTION_VALUE; setter++) {
        assert_int_equal(set(NULL, (enum setter)setter, "x"), TIDYMAIL_KIND_LOCAL);
        assert_int_equal(set(NULL, (enum setter)setter, NULL), TIDYMAIL_KIND_LOCAL);
    }
    assert_int_equal(tidymail_message_set_tracking(NULL, 1, 1), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_message_set_send_at(NULL, 1), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_message_set_sandbox(NULL, 1), TIDYMAIL_KIND_LOCAL);
}

static int set_all(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                   void *context)
{
    (void)context;
    tidymail_message *message = tidymail_message_new_with(allocator);
    int kind = TIDYMAIL_KIND_LOCAL;
    if (message != NULL) {
        for (int i = 0; i < 6; i++) {
            char name[3] = {'n', (char)('0' + i), '\0'};
            tidymail_message_add_tag(message, name);
            tidymail_message_add_metadata(message, name, "old");
            tidymail_message_set_service_option(message, "mailgun", name, "v");
        }
        tidymail_message_add_metadata(message, "n3", "new");
        tidymail_message_set_service_option(message, "mailgun", "extra", "{\n}");
        tidymail_message_set_template(message, "t", "{}");
        tidymail_message_set_template(message, "u", "{ }");
        tidymail_message_set_idempotency_key(message, "a");
        kind = tidymail_message_set_idempotency_key(message, "b");
    }
    int right = kind == (memory->failures > 0 ? TIDYMAIL_KIND_LOCAL : TIDYMAIL_OK);
    tidymail_message_free(message);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const char *problem = fail_alloc_run_all(set_all, NULL, 40);
    assert_string_equal(problem != NULL ? problem : "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_count_once),
        cmocka_unit_test(metadata_keeps_the_last_value),
        cmocka_unit_test(options_are_told_apart_by_service),
        cmocka_unit_test(single_values_are_kept_until_reset),
        cmocka_unit_test(a_change_undoes_nothing_but_prepared),
        cmocka_unit_test(bad_texts_are_refused_with_their_place),
        cmocka_unit_test(bad_numbers_are_refused),
        cmocka_unit_test(no_message_is_no_crash),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
