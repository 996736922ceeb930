/* test_parameter.c: fields with parameters, written and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "message/parameter.h"

static const tidymail_allocator *const memory = &tdm_allocator_default;

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define UMLAUTS "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4"

static void check_written(const struct tdm_parameter *parameters, size_t count, const char *wanted)
{
    struct tdm_buf out;
    tdm_buf_init(&out, memory, 100000);
    tdm_header_add_parameters(&out, "Content-Type", "text/plain", parameters, count);
    assert_int_equal(out.failed, 0);
    assert_string_equal(tdm_buf_text(&out), wanted);
    tdm_buf_clear(&out);
}

static void written(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int compatible;
        const char *wanted;
    } cases[] = {
        {NULL, 0, "Content-Type: text/plain\r\n"},
        {"", 0, "Content-Type: text/plain; name=\"\"\r\n"},
        {"a.txt", 1, "Content-Type: text/plain; name=a.txt\r\n"},
        {"a b.txt", 1, "Content-Type: text/plain; name=\"a b.txt\"\r\n"},
        {"a\"b\\c", 1, "Content-Type: text/plain; name=\"a\\\"b\\\\c\"\r\n"},
        {"a;b=c", 0, "Content-Type: text/plain; name=\"a;b=c\"\r\n"},
        {"\xc3\xa4 b", 0, "Content-Type: text/plain; name*=utf-8''%C3%A4%20b\r\n"},
        {"\xc3\xa4 b", 1,
         "Content-Type: text/plain; name*=utf-8''%C3%A4%20b;\r\n "
         "name=\"=?utf-8?Q?=C3=A4_b?=\"\r\n"},
        {"\xc3\xa4 b", 2, "Content-Type: text/plain; name=\"=?utf-8?Q?=C3=A4_b?=\"\r\n"},
        {"=?utf-8?Q?a?=", 0,
         "Content-Type: text/plain; name*=utf-8''%3D%3Futf-8%3FQ%3Fa%3F%3D\r\n"},
        {"a\r\nBcc: x", 0, "Content-Type: text/plain; name*=utf-8''a%0D%0ABcc%3A%20x\r\n"},
        {"'%*", 0, "Content-Type: text/plain; name=\"'%*\"\r\n"},
        {FIFTY, 0, "Content-Type: text/plain;\r\n name=" FIFTY "\r\n"},
        {FIFTY FIFTY, 0,
         "Content-Type: text/plain;\r\n name*0*=utf-8''" FIFTY
         "012345678;\r\n name*1*=9" TEN TEN TEN TEN "\r\n"},
        {UMLAUTS UMLAUTS, 2,
         "Content-Type: text/plain;\r\n "
         "name=\"=?utf-8?B?w6TDtsO8w6TDtsO8w6TDtsO8w6TDpMO2w7zDpMO2w7zDpMO2w7w=?=\r\n "
         "=?utf-8?B?w6Q=?=\"\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_parameter parameter = {"name", cases[i].value, cases[i].compatible};
        check_written(&parameter, 1, cases[i].wanted);
    }
    struct tdm_parameter several[] = {
        {"charset", "utf-8", 0}, {"format", "flowed", 0}, {"x", NULL, 0}, {"name", FIFTY, 0}};
    check_written(several, 4,
                  "Content-Type: text/plain; charset=utf-8; format=flowed;\r\n name=" FIFTY "\r\n");
    struct tdm_parameter boundary = {"boundary", FIFTY TEN TEN, 0};
    check_written(&boundary, 1, "Content-Type: text/plain;\r\n boundary=" FIFTY TEN TEN "\r\n");
}

/* No line over 76, no character in two, and all of it comes back, at every length. */
static void sections(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", " ", "\xc3\xa4", "\xe2\x82\xac",
                                             "\xf0\x9f\x98\x80"};
    for (size_t length = 1; length < 120; length++) {
        for (size_t name_length = 1; name_length <= TDM_PARAMETER_NAME_MAX; name_length += 7) {
            char name[TDM_PARAMETER_NAME_MAX + 1];
            char value[600] = "";
            for (size_t i = 0; i < length; i++) {
                strcat(value, characters[(i * i + length) % 5]);
            }
            memset(name, 'n', name_length);
            name[name_length] = '\0';
            struct tdm_parameter parameter = {name, value, 1};
            struct tdm_buf out;
            tdm_buf_init(&out, memory, 100000);
            tdm_header_add_parameters(&out, "X", "a/b", &parameter, 1);
            const char *line = tdm_buf_text(&out);
            for (const char *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
                size_t most = name_length < 40 ? 76 : 110;
                if ((size_t)(end - line) > most) {
                    fail_msg("a line of %zu: %s", (size_t)(end - line), tdm_buf_text(&out));
                }
            }
            assert_string_equal(line, "");
            tdm_buf_clear(&out);
        }
    }
}

static void read_well(void **state)
{
    (void)state;
    struct tdm_parameter_error error;
    struct tdm_content_type type;
    assert_int_equal(tdm_content_type_parse(memory, "Image/PNG", &type, &error), 0);
    assert_string_equal(type.type, "image/png");
    assert_int_equal(type.count, 0);
    tdm_content_type_clear(memory, &type);
    assert_int_equal(tdm_content_type_parse(
                         memory,
                         " text/calendar ; METHOD=Request; name = \"a \\\"b\\\";c\";x=\xc3\xa4;"
                         "e=\"\" ; ",
                         &type, &error),
                     0);
    assert_string_equal(type.type, "text/calendar");
    assert_int_equal(type.count, 4);
    assert_string_equal(type.names[0], "method");
    assert_string_equal(type.values[0], "Request");
    assert_string_equal(type.names[1], "name");
    assert_string_equal(type.values[1], "a \"b\";c");
    assert_string_equal(type.values[2], "\xc3\xa4");
    assert_string_equal(type.values[3], "");
    tdm_content_type_clear(memory, &type);
    assert_null(type.type);
    tdm_content_type_clear(memory, &type); /* harmless */
}

static void read_badly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
        const char *reason;
    } cases[] = {
        {"", 0, "a type is written type/subtype"},
        {"text", 4, "a type is written type/subtype"},
        {"/plain", 0, "a type is written type/subtype"},
        {"text /plain", 4, "a type is written type/subtype"},
        {"text/", 5, "the subtype behind / is missing"},
        {"text/plain charset=utf-8", 11, "; is expected in front of a parameter"},
        {"text/plain/x", 10, "; is expected in front of a parameter"},
        {"text/plain; charset", 19, "= is expected behind the name of a parameter"},
        {"text/plain; =a", 12, "the name of a parameter is expected here"},
        {"text/plain; a=", 14, "the value of a parameter is missing"},
        {"text/plain; a=;b=c", 14, "the value of a parameter is missing"},
        {"text/plain; a=?", 14, "a character that must stand in quotation marks"},
        {"text/plain; a=b c", 16, "; is expected in front of a parameter"},
        {"text/plain; a=\"b", 14, "a quotation mark is not closed"},
        {"text/plain; a=\"b\\", 14, "a quotation mark is not closed"},
        {"text/plain; a=b; A=c", 17, "this parameter was given before"},
        {"text/plain; name*=utf-8''a", 16,
         "a parameter is named without *, its value is encoded if needed"},
        {"text/plain; " FIFTY TEN "x=a", 12, "the name of a parameter is longer than 60 bytes"},
        {FIFTY FIFTY FIFTY "/a", 0, "half of the type is longer than 127 bytes"},
        {"text/plain; a=\"b\r\nBcc: x\"", 16, "control character"},
        {"text/plain; a=\"b\tc\"", 16, "control character"},
        {"text/\x7fplain", 5, "control character"},
        {"text/plain; a=\xff", 14, "invalid UTF-8"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_parameter_error error = {99, "none"};
        struct tdm_content_type type;
        if (tdm_content_type_parse(memory, cases[i].text, &type, &error) == 0) {
            fail_msg("%s: is not refused", cases[i].text);
        }
        assert_string_equal(error.reason, cases[i].reason);
        if (error.offset != cases[i].offset) {
            fail_msg("%s: offset %zu, not %zu", cases[i].text, error.offset, cases[i].offset);
        }
        assert_null(type.type);
    }
}

static int short_of_memory_once(const tidymail_allocator *allocator, const struct fail_alloc *fails,
                                void *context)
{
    struct tdm_content_type type;
    struct tdm_parameter_error error = {0, "none"};
    struct tdm_buf out;
    (void)context;
    tdm_buf_init(&out, allocator, 100000);
    int result = tdm_content_type_parse(allocator, "text/plain; name=\"" UMLAUTS UMLAUTS "\"; a=b",
                                        &type, &error);
    if (result != 0) {
        return error.reason != NULL || fails->failures == 0;
    }
    struct tdm_parameter parameter = {type.names[0], type.values[0], 1};
    tdm_header_add_parameters(&out, "Content-Type", type.type, &parameter, 1);
    int wrong = out.failed != (fails->failures > 0);
    tdm_buf_clear(&out);
    tdm_content_type_clear(allocator, &type);
    return wrong;
}

static void short_of_memory(void **state)
{
    (void)state;
    const char *words = fail_alloc_run_all(short_of_memory_once, NULL, 8);
    if (words != NULL) {
        fail_msg("%s", words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),         cmocka_unit_test(sections),
        cmocka_unit_test(read_well),       cmocka_unit_test(read_badly),
        cmocka_unit_test(short_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
