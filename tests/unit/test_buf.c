/* test_buf.c: the buffer with a hard maximum, its formats and its sticking failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "util/buf.h"

static void an_empty_buffer_is_text(void **state)
{
    (void)state;
    struct tdm_buf buf;
    tdm_buf_init(&buf, NULL, 10);
    assert_string_equal(tdm_buf_text(&buf), "");
    assert_int_equal(tdm_buf_add(&buf, NULL, 0), 0);
    assert_string_equal(tdm_buf_text(&buf), "");
    tdm_buf_clear(&buf);
}

static void the_maximum_is_hard_and_sticks(void **state)
{
    (void)state;
    struct tdm_buf buf;
    tdm_buf_init(&buf, NULL, 5);
    assert_int_equal(tdm_buf_add_str(&buf, "12345"), 0);
    assert_int_equal(tdm_buf_add_char(&buf, '6'), -1);
    assert_true(buf.failed);
    assert_string_equal(tdm_buf_text(&buf), "12345");
    assert_int_equal(tdm_buf_add(&buf, "", 0), -1);
    assert_int_equal(tdm_buf_reserve(&buf, SIZE_MAX), -1);
    tdm_buf_reset(&buf);
    assert_false(buf.failed);
    assert_int_equal(tdm_buf_add_str(&buf, "again"), 0);
    tdm_buf_clear(&buf);
    assert_int_equal(tdm_buf_reserve(&buf, SIZE_MAX), -1);
    tdm_buf_clear(&buf);
}

static void formats(void **state)
{
    (void)state;
    struct tdm_buf buf;
    tdm_buf_init(&buf, NULL, 1000);
    tdm_buf_addf(&buf, "%s|%.*s|%d|%l|%z|%c|%%", "text", 3, "abcdef", -7, INT64_MIN, SIZE_MAX / 2,
                 'x');
    assert_string_equal(tdm_buf_text(&buf),
                        "text|abc|-7|-9223372036854775808|9223372036854775807|x|%");
    tdm_buf_reset(&buf);
    tdm_buf_addf(&buf, "%d%l", 0, INT64_MAX);
    assert_string_equal(tdm_buf_text(&buf), "09223372036854775807");
    tdm_buf_clear(&buf);
}

static void dropping_from_the_front(void **state)
{
    (void)state;
    struct tdm_buf buf;
    tdm_buf_init(&buf, NULL, 1000);
    tdm_buf_drop(&buf, 3);
    tdm_buf_add_str(&buf, "abcdef");
    tdm_buf_drop(&buf, 2);
    assert_string_equal(tdm_buf_text(&buf), "cdef");
    tdm_buf_drop(&buf, 99);
    assert_string_equal(tdm_buf_text(&buf), "");
    assert_int_equal(buf.length, 0);
    tdm_buf_clear(&buf);
}

static void grows_by_doubling(void **state)
{
    (void)state;
    struct fail_alloc memory;
    tidymail_allocator allocator = fail_alloc_init(&memory, 0, FAIL_ALLOC_NEVER);
    struct tdm_buf buf;
    tdm_buf_init(&buf, &allocator, 1 << 20);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(tdm_buf_add_char(&buf, (char)('a' + i % 26)), 0);
    }
    assert_int_equal(buf.length, 100000);
    assert_int_equal(buf.data[99999], 'a' + 99999 % 26);
    assert_true(memory.calls < 15);
    tdm_buf_wipe(&buf);
    assert_int_equal(memory.live, 0);
}

static int fill(const tidymail_allocator *allocator, const struct fail_alloc *memory, void *context)
{
    (void)context;
    struct tdm_buf buf;
    tdm_buf_init(&buf, allocator, 10000);
    for (int i = 0; i < 1000; i++) {
        tdm_buf_addf(&buf, "%d ", i);
    }
    int good = memory->failures > 0 ? buf.failed : !buf.failed && buf.length == 3890;
    tdm_buf_clear(&buf);
    return good ? 0 : -1;
}

static void out_of_memory_sticks(void **state)
{
    (void)state;
    const char *wrong = fail_alloc_run_all(fill, NULL, 5);
    assert_string_equal(wrong != NULL ? wrong : "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_is_text),
        cmocka_unit_test(the_maximum_is_hard_and_sticks),
        cmocka_unit_test(formats),
        cmocka_unit_test(dropping_from_the_front),
        cmocka_unit_test(grows_by_doubling),
        cmocka_unit_test(out_of_memory_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
