/* test_dkim.c: canonical forms by the examples of RFC 6376, options refused with place and reason, the
 * stream that a signed message is, and every allocation failing. Whether signatures are right is asked
 * of verifiers that are not ours (tests/cli/test_dkim.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/tidymail.h>

#include "dkim/dkim_canonical.h"
#include "fail_alloc.h"
#include "make_key.h"
#include "read_source.h"

static void put(void *context, const char *bytes, size_t length)
{
    tdm_buf_add(context, bytes, length);
}

/* The canonical body, whole and in pieces of every size. */
static void body_is(enum tdm_dkim_form form, const char *text, const char *wanted)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        struct tdm_buf out;
        struct tdm_dkim_body body;
        tdm_buf_init(&out, NULL, 4096);
        tdm_dkim_body_init(&body, form, put, &out);
        for (size_t at = 0; at < strlen(text); at += piece) {
            size_t left = strlen(text) - at;
            tdm_dkim_body_feed(&body, text + at, left < piece ? left : piece);
        }
        tdm_dkim_body_end(&body);
        assert_string_equal(tdm_buf_text(&out), wanted);
        tdm_buf_clear(&out);
    }
}

static void bodies(void **state)
{
    (void)state;
    /* RFC 6376 3.4.5 */
    body_is(TDM_DKIM_RELAXED, " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
    body_is(TDM_DKIM_SIMPLE, " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n");
    /* 3.4.3, 3.4.4 */
    body_is(TDM_DKIM_SIMPLE, "", "\r\n");
    body_is(TDM_DKIM_RELAXED, "", "");
    body_is(TDM_DKIM_SIMPLE, "\r\n\r\n", "\r\n");
    body_is(TDM_DKIM_RELAXED, " \t\r\n \r\n", "");
    body_is(TDM_DKIM_RELAXED, "a\r\n \r\n\r\nb", "a\r\n\r\n\r\nb\r\n");
    body_is(TDM_DKIM_SIMPLE, "a\rb\r", "a\rb\r\r\n");
}

static void field_is(enum tdm_dkim_form form, const char *field, const char *wanted)
{
    struct tdm_buf out;
    tdm_buf_init(&out, NULL, 4096);
    tdm_dkim_field(&out, form, field, strlen(field), 1);
    assert_string_equal(tdm_buf_text(&out), wanted);
    tdm_buf_clear(&out);
}

static void fields(void **state)
{
    (void)state;
    field_is(TDM_DKIM_RELAXED, "A: X\r\n", "a:X\r\n");
    field_is(TDM_DKIM_RELAXED, "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n");
    field_is(TDM_DKIM_SIMPLE, "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n");
    field_is(TDM_DKIM_RELAXED, "Empty:\r\n", "empty:\r\n");
}

static tidymail_message *message_new(const tidymail_allocator *allocator)
{
    tidymail_message *message = tidymail_message_new_with(allocator);
    tidymail_message_set_from(message, "a@example.com");
    tidymail_message_add_to(message, "b@example.org");
    tidymail_message_set_text(message, "gr\303\274n\n");
    return message;
}

static void refusals(void **state)
{
    (void)state;
    const char *key_pem = make_key();
    char pem_with_nothing[] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const struct {
        tidymail_dkim_options options;
        const char *words;
    } cases[] = {
        {{.domain = "example.com", .selector = "s"}, "DKIM key: either key_file or key_pem must"},
        {{.selector = "s", .key_pem = key_pem}, "DKIM domain: NULL was given"},
        {{.domain = "", .selector = "s", .key_pem = key_pem}, "DKIM domain: the domain behind @"},
        {{.domain = "a;b", .selector = "s", .key_pem = key_pem},
         "DKIM domain: a character that a domain cannot hold at offset 1"},
        {{.domain = "example..com", .selector = "s", .key_pem = key_pem},
         "DKIM domain: two dots in a row at offset 8"},
        {{.domain = "example.com", .key_pem = key_pem}, "DKIM selector: it is missing"},
        {{.domain = "example.com", .selector = "a\r\nb", .key_pem = key_pem},
         "DKIM selector: a character that a selector cannot hold at offset 1"},
        {{.domain = "example.com", .selector = "a..b", .key_pem = key_pem},
         "DKIM selector: an empty label at offset 2"},
        {{.domain = "example.com", .selector = "s", .key_pem = pem_with_nothing},
         "DKIM key: the private key cannot be read"},
        {{.domain = "example.com",
          .selector = "s",
          .key_pem = key_pem,
          .identity = "a;@example.com"},
         "DKIM identity: a character that i= cannot hold at offset 1"},
        {{.domain = "example.com", .selector = "s", .key_pem = key_pem, .headers = "from:a b"},
         "DKIM headers: a character that a name cannot hold at offset 6"},
        {{.domain = "example.com", .selector = "s", .key_pem = key_pem, .expires_after_s = -1},
         "DKIM expiry: it is before the signature"},
        {{.domain = "example.com", .selector = "s", .key_file = "/nowhere/at/all"},
         "DKIM key: cannot read /nowhere/at/all"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_message *message = message_new(NULL);
        tidymail_dkim_options options = cases[i].options;
        options.struct_size = sizeof(options);
        assert_int_not_equal(tidymail_message_add_dkim(message, &options), TIDYMAIL_OK);
        const char *said = tidymail_error_message(tidymail_message_error(message));
        if (strncmp(said, cases[i].words, strlen(cases[i].words)) != 0) {
            fail_msg("%s\nnot: %s", said, cases[i].words);
        }
        tidymail_message_free(message);
    }
    tidymail_message *message = message_new(NULL);
    assert_int_equal(tidymail_message_add_dkim(NULL, NULL), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_message_add_dkim(message, NULL), TIDYMAIL_KIND_MESSAGE);
    tidymail_message_free(message);
}

static int sign(tidymail_message *message, const char *form)
{
    tidymail_dkim_options options = TIDYMAIL_DKIM_OPTIONS_INIT;
    options.domain = "gr\303\274n.example";
    options.selector = "s1";
    options.key_pem = make_key();
    options.canonicalization = form;
    return tidymail_message_add_dkim(message, &options);
}

static void the_stream_is_the_signatures_and_the_message(void **state)
{
    (void)state;
    tidymail_message *message = message_new(NULL);
    tidymail_source source;
    assert_int_equal(sign(message, NULL), TIDYMAIL_OK);
    assert_int_equal(sign(message, "simple/simple"), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_open(message, &source), TIDYMAIL_OK);
    size_t length;
    char *whole = read_source(&source, 1000, &length);
    assert_non_null(whole);
    assert_int_equal(source.size(source.context), length);
    assert_memory_equal(whole, "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;", 57);
    assert_non_null(strstr(whole, " d=xn--grn-ioa.example;"));
    assert_non_null(strstr(whole, "\r\nDKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple;"));
    assert_non_null(strstr(whole, "\r\n\r\ngr=C3=BCn\r\n"));
    for (size_t piece = 1; piece < 100; piece += 7) {
        assert_int_equal(source.rewind(source.context), 0);
        char *again = read_source(&source, piece, &length);
        assert_string_equal(again, whole);
        free(again);
    }
    free(whole);
    source.release(source.context);
    tidymail_message_free(message);
}

static int signed_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                       void *context)
{
    (void)context;
    tidymail_message *message = message_new(allocator);
    tidymail_source source;
    size_t length = 0;
    sign(message, NULL);
    sign(message, "simple/relaxed");
    int kind = tidymail_message_open(message, &source);
    int fine = 1;
    if (kind == TIDYMAIL_OK) {
        char *text = read_source(&source, 4096, &length);
        /* two whole signatures or none: never a message that lost one */
        const char *second = text != NULL ? strstr(text + 1, "DKIM-Signature: v=1;") : NULL;
        fine = second != NULL && strncmp(text, "DKIM-Signature: v=1;", 20) == 0;
        free(text);
        source.release(source.context);
    } else {
        fine = memory->failures > 0 && kind == TIDYMAIL_KIND_LOCAL;
    }
    tidymail_message_free(message);
    return fine ? 0 : -1;
}

static void memory_may_fail_anywhere(void **state)
{
    (void)state;
    const char *problem = fail_alloc_run_all(signed_once, NULL, 30);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),
        cmocka_unit_test(fields),
        cmocka_unit_test(refusals),
        cmocka_unit_test(the_stream_is_the_signatures_and_the_message),
        cmocka_unit_test(memory_may_fail_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
