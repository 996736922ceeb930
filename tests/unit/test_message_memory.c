/* test_message_memory.c: every allocation failing in turn, once and from then on: the error is
 * KIND_LOCAL and sticks, what comes out is whole or nothing, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "message/message_data.h"
#include "read_source.h"

static const struct tdm_writer_env world = {1795530320, {1, 2, 3}, NULL};

static void fill_built(tidymail_message *message)
{
    tidymail_message_set_from(message, "J\xc3\xb6rg M\xc3\xbcller <j@m\xc3\xbcnchen.example>");
    tidymail_message_add_to(message, "\"Smith, Ann\" <\"a b\"@example.org>");
    tidymail_message_add_to(message, "a@example.org");
    tidymail_message_add_to(message, "b@example.org");
    tidymail_message_add_to(message, "c@example.org");
    tidymail_message_add_to(message, "d@example.org");
    tidymail_message_add_cc(message, "e@example.org");
    tidymail_message_add_bcc(message, "f@example.org");
    tidymail_message_add_reply_to(message, "g@example.org");
    tidymail_message_set_subject(message, "Gr\xc3\xbc\xc3\x9f\x65 aus Berlin");
    tidymail_message_set_subject(message, "Gr\xc3\xbc\xc3\x9f\x65 aus Hamburg");
    for (int i = 0; i < 5; i++) {
        tidymail_message_add_header(message, "X-Number", "zw\xc3\xb6lf");
    }
    tidymail_message_add_header(message, "Sender", "Bot <bot@example.com>");
    tidymail_message_add_header(message, "Message-ID", "<x@y>");
    tidymail_message_add_header(message, "Date", "Thu, 1 Jan 1970 00:00:00 +0000");
    tidymail_message_add_header(message, "References", "<a@b> <c@d>");
    tidymail_message_set_text(message, "text \xc3\xa4\n");
    tidymail_message_set_html(message, "<p>html</p>\n");
    tidymail_message_set_envelope_from(message, "");
    tidymail_message_add_envelope_to(message, "x@example.org");
}

static void fill_raw(tidymail_message *message)
{
    static const char bytes[] = "From: =?utf-8?Q?J?= <j@m\xc3\xbcnchen.example>, k@l.m\n"
                                "Sender: s@t.u\nTo: g: a@b.c, d@e.f;\nCc: h@i.j\nBcc: k@l.m\n"
                                "Message-ID: <x@y>\n\nbody\n";
    tidymail_message_set_raw(message, bytes, sizeof(bytes) - 1);
    tidymail_message_set_raw(message, bytes, sizeof(bytes) - 1);
}

/* The whole life of a message. Returns 0 where it went as it must. */
static int live_with(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void (*fill)(tidymail_message *message))
{
    tidymail_message *message = tidymail_message_new_with(allocator);
    if (message == NULL) {
        return memory->failures > 0 ? 0 : -1;
    }
    fill(message);
    size_t failed_before = memory->failures;
    int stuck = tidymail_message_error(message) != NULL;
    int result = stuck == (failed_before > 0) ? 0 : -1;
    int kind = tdm_message_prepare(message, &world);
    tidymail_source source;
    kind = kind == TIDYMAIL_OK ? tdm_message_open_source(message, &source) : kind;
    if (kind == TIDYMAIL_OK) {
        size_t length;
        char *bytes = read_source(&source, 100, &length);
        if (bytes == NULL || memory->failures > 0 ||
            source.size(source.context) != (int64_t)length) {
            result = -1; /* a failure that was passed over */
        }
        free(bytes);
        source.release(source.context);
    } else if (memory->failures == 0 || kind != TIDYMAIL_KIND_LOCAL ||
               tidymail_error_message(tidymail_message_error(message))[0] == '\0') {
        result = -1;
    }
    /* The error stays, and a reset makes the message usable again. */
    if (kind != TIDYMAIL_OK && tidymail_message_set_subject(message, "x") != kind) {
        result = -1;
    }
    tidymail_message_reset(message);
    if (tidymail_message_error(message) != NULL) {
        result = -1;
    }
    tidymail_message_free(message);
    return result;
}

static int live_built(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                      void *context)
{
    (void)context;
    return live_with(allocator, memory, fill_built);
}

static int live_raw(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                    void *context)
{
    (void)context;
    return live_with(allocator, memory, fill_raw);
}

static void a_built_message(void **state)
{
    (void)state;
    const char *wrong = fail_alloc_run_all(live_built, NULL, 100);
    assert_string_equal(wrong != NULL ? wrong : "", "");
}

static void a_ready_made_message(void **state)
{
    (void)state;
    const char *wrong = fail_alloc_run_all(live_raw, NULL, 40);
    assert_string_equal(wrong != NULL ? wrong : "", "");
}

/* The public door, with the system's clock and random numbers. */
static void opened_twice_it_is_the_same(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "ann@example.com");
    tidymail_message_add_to(message, "bob@example.org");
    tidymail_message_set_text(message, "text");
    tidymail_message_set_html(message, "html");
    char *bytes[2];
    for (int i = 0; i < 2; i++) {
        tidymail_source source;
        size_t length;
        assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_OK);
        bytes[i] = read_source(&source, 33, &length);
        assert_non_null(bytes[i]);
        source.release(source.context);
    }
    assert_string_equal(bytes[0], bytes[1]);
    char *first = bytes[0];
    tidymail_message_reset(message);
    tidymail_message_set_from(message, "ann@example.com");
    tidymail_message_add_to(message, "bob@example.org");
    tidymail_message_set_text(message, "text");
    tidymail_message_set_html(message, "html");
    tidymail_source source;
    size_t length;
    assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_OK);
    char *other = read_source(&source, 33, &length);
    assert_string_not_equal(other, first); /* another Message-ID and boundary */
    source.release(source.context);
    free(bytes[0]);
    free(bytes[1]);
    free(other);
    assert_int_equal(tidymail_message_open(NULL, &source), TIDYMAIL_KIND_LOCAL);
    tidymail_message_reset(message);
    assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_KIND_MESSAGE);
    tidymail_message_free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_built_message),
        cmocka_unit_test(a_ready_made_message),
        cmocka_unit_test(opened_twice_it_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
