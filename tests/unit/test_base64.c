/* test_base64.c: RFC 4648 section 4, its vectors, and what a strict decoder refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/base64.h"

static void vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        const char *plain;
        const char *encoded;
    } cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_buf out;
        tdm_buf_init(&out, NULL, 1000);
        assert_int_equal(tdm_base64_encode(&out, cases[i].plain, strlen(cases[i].plain)), 0);
        assert_string_equal(tdm_buf_text(&out), cases[i].encoded);
        tdm_buf_reset(&out);
        assert_int_equal(tdm_base64_decode(&out, cases[i].encoded, strlen(cases[i].encoded)), 0);
        assert_int_equal(out.length, strlen(cases[i].plain));
        assert_string_equal(tdm_buf_text(&out), cases[i].plain);
        tdm_buf_clear(&out);
    }
}

static void all_bytes_come_back(void **state)
{
    (void)state;
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)i;
    }
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        struct tdm_buf text;
        struct tdm_buf back;
        tdm_buf_init(&text, NULL, 1000);
        tdm_buf_init(&back, NULL, 1000);
        assert_int_equal(tdm_base64_encode(&text, bytes, length), 0);
        assert_int_equal(text.length, (length + 2) / 3 * 4);
        assert_int_equal(tdm_base64_decode(&back, tdm_buf_text(&text), text.length), 0);
        assert_int_equal(back.length, length);
        assert_memory_equal(tdm_buf_text(&back), bytes, length);
        tdm_buf_clear(&text);
        tdm_buf_clear(&back);
    }
}

static void appends_behind_what_is_there(void **state)
{
    (void)state;
    struct tdm_buf out;
    tdm_buf_init(&out, NULL, 1000);
    tdm_buf_add_str(&out, "AUTH PLAIN ");
    assert_int_equal(tdm_base64_encode(&out,
                                       "\0test\0"
                                       "1234",
                                       10),
                     0);
    assert_string_equal(tdm_buf_text(&out), "AUTH PLAIN AHRlc3QAMTIzNA==");
    tdm_buf_clear(&out);
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "Z",    "Zg",   "Zg=",  "Zm9vZ", "Zg==Zg==", "Zm9\n", "Zm 9",      "=Zg=",
        "====", "Z===", "Zh==", "Zm9=",  "Zg=a",     "-_-_",  "\xc3\xa4zz"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_buf out;
        tdm_buf_init(&out, NULL, 1000);
        assert_int_equal(tdm_base64_decode(&out, cases[i], strlen(cases[i])), -1);
        tdm_buf_clear(&out);
    }
}

static void a_full_buffer_fails(void **state)
{
    (void)state;
    struct tdm_buf out;
    tdm_buf_init(&out, NULL, 7);
    assert_int_equal(tdm_base64_encode(&out, "foobar", 6), -1);
    assert_true(out.failed);
    tdm_buf_clear(&out);
    tdm_buf_init(&out, NULL, 5);
    assert_int_equal(tdm_base64_decode(&out, "Zm9vYmFy", 8), -1);
    tdm_buf_clear(&out);
}

/* Long input takes another way where the processor has one: all lengths, from every alignment, against
 * three bytes at a time, and nothing is read or written beside. */
static void long_input_is_the_same(void **state)
{
    (void)state;
    unsigned char bytes[400];
    char whole[600];
    char pieces[600];
    unsigned seed = 12345;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        seed = seed * 1103515245U + 12345U;
        bytes[i] = (unsigned char)(seed >> 16);
    }
    for (size_t start = 0; start < 33; start++) {
        for (size_t length = 0; start + length <= sizeof(bytes); length++) {
            unsigned char *exact = malloc(length + 1); /* a sanitizer sees its ends */
            size_t made = 0;
            memcpy(exact, bytes + start, length);
            memset(whole, '!', sizeof(whole));
            size_t written = tdm_base64_write(whole, exact, length);
            for (size_t i = 0; i < length; i += 3) {
                size_t piece = length - i < 3 ? length - i : 3;
                made += tdm_base64_write(pieces + made, bytes + start + i, piece);
            }
            assert_int_equal(written, made);
            assert_memory_equal(whole, pieces, made);
            assert_int_equal(whole[made], '!');
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_4648),          cmocka_unit_test(all_bytes_come_back),
        cmocka_unit_test(appends_behind_what_is_there), cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(a_full_buffer_fails),          cmocka_unit_test(long_input_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
