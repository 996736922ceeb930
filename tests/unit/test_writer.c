/* test_writer.c: the chain of segments: every piece size gives the same bytes, sizes are exact,
 * sources of any length pass in constant memory, and what they say of a failure is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "message/encoder.h"
#include "message/writer.h"
#include "read_source.h"

/* A source that makes its bytes: the alphabet over and over, `length` of them. */
struct letters {
    size_t length;
    size_t at;
    size_t fail_at; /* 0: never */
    size_t most;    /* bytes a read gives at most */
    int released;
};

static ptrdiff_t letters_read(void *context, void *buffer, size_t capacity)
{
    struct letters *letters = context;
    char *out = buffer;
    size_t count = 0;
    if (letters->fail_at > 0 && letters->at >= letters->fail_at) {
        return -1;
    }
    while (count < capacity && count < letters->most && letters->at < letters->length) {
        out[count++] = (char)('a' + letters->at++ % 26);
    }
    return (ptrdiff_t)count;
}

static int letters_rewind(void *context)
{
    struct letters *letters = context;
    letters->at = 0;
    return 0;
}

static const char *letters_error(void *context)
{
    (void)context;
    return "the letters ran out";
}

static void letters_release(void *context)
{
    struct letters *letters = context;
    letters->released++;
}

static tidymail_source letters_source(struct letters *letters)
{
    tidymail_source source = {letters_read,  letters_rewind,  NULL,
                              letters_error, letters_release, letters};
    return source;
}

static struct tdm_blob *blob_of(const char *text)
{
    struct tdm_blob *blob = tdm_blob_new(&tdm_allocator_default, text, strlen(text));
    assert_non_null(blob);
    return blob;
}

static const char sample[] = "one\ntwo\rthree\r\n\r\r\n\n. dot\nFrom me\ntrailing \n"
                             "\xc3\xa4\xc3\xb6\xc3\xbc = and so on, a line that is longer than "
                             "seventy-six characters, to be sure\n\nno end";

/* The sample in all encodings behind one another, with plain bytes between. */
static struct tdm_writer *sample_writer(int64_t sizes[3])
{
    struct tdm_writer *writer = tdm_writer_new(&tdm_allocator_default);
    struct tdm_blob *plain = blob_of("<header><between><end>");
    struct tdm_blob *text = blob_of(sample);
    assert_non_null(writer);
    assert_int_equal(tdm_writer_add_bytes(writer, plain, 0, 8), 0);
    for (int i = 0; i < 3; i++) {
        struct tdm_segment_format format = {(enum tdm_encoding)i, 1, 1, sizes[i]};
        assert_int_equal(tdm_writer_add_blob(writer, text, &format), 0);
        assert_int_equal(tdm_writer_add_bytes(writer, plain, 8, 9), 0);
    }
    assert_int_equal(tdm_writer_add_bytes(writer, plain, 17, 5), 0);
    tdm_blob_release(plain);
    tdm_blob_release(text);
    return writer;
}

static void every_piece_size_gives_the_same(void **state)
{
    (void)state;
    int64_t sizes[3] = {-1, -1, -1};
    tidymail_source source;
    tdm_writer_open(sample_writer(sizes), &source);
    assert_int_equal(source.size(source.context), -1);
    size_t whole_length;
    char *whole = read_source(&source, 100000, &whole_length);
    assert_non_null(whole);
    static const char start[] = "<header>one\r\ntwo\r\nthree\r\n\r\n\r\n\r\n. dot\r\n";
    assert_memory_equal(whole, start, strlen(start));
    assert_string_equal(whole + whole_length - 16, "\r\n<between><end>");
    for (size_t piece = 1; piece < 300; piece++) {
        size_t length;
        assert_int_equal(source.rewind(source.context), 0);
        char *bytes = read_source(&source, piece, &length);
        assert_non_null(bytes);
        assert_int_equal(length, whole_length);
        assert_memory_equal(bytes, whole, whole_length);
        free(bytes);
    }
    free(whole);
    source.release(source.context);
}

static void rewinds_from_anywhere(void **state)
{
    (void)state;
    int64_t sizes[3] = {-1, -1, -1};
    tidymail_source source;
    tdm_writer_open(sample_writer(sizes), &source);
    size_t whole_length;
    char *whole = read_source(&source, 4096, &whole_length);
    for (size_t stop = 0; stop < whole_length; stop += 7) {
        char bytes[2000];
        assert_int_equal(source.rewind(source.context), 0);
        for (size_t at = 0; at < stop; at++) {
            assert_int_equal(source.read(source.context, bytes, 1), 1);
        }
        assert_int_equal(source.rewind(source.context), 0);
        size_t length;
        char *again = read_source(&source, 64, &length);
        assert_int_equal(length, whole_length);
        assert_memory_equal(again, whole, length);
        free(again);
    }
    free(whole);
    source.release(source.context);
}

static void sizes_add_up(void **state)
{
    (void)state;
    int64_t sizes[3] = {100, 20, 3};
    tidymail_source source;
    tdm_writer_open(sample_writer(sizes), &source);
    assert_int_equal(source.size(source.context), 123 + 8 + 27 + 5);
    source.release(source.context);
}

/* What was chosen for a body is exactly what is written, for bodies of all kinds. */
static void measured_sizes_are_exact(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "x",
        "\n",
        "\r",
        "\r\n",
        "x\r",
        "x\n\r",
        "plain\ntext\n",
        "\xc3\xa4",
        "\xc3\xa4\n",
        "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
        "\x01",
        " ",
        ".",
        sample,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t times = 1; times < 400; times = times * 3 + 1) {
            struct tdm_buf text;
            tdm_buf_init(&text, NULL, 1 << 20);
            for (size_t k = 0; k < times; k++) {
                tdm_buf_add_str(&text, texts[i]);
            }
            struct tdm_body body = {0};
            body.blob = tdm_blob_take(&text);
            tdm_body_choose(&body);
            struct tdm_writer *writer = tdm_writer_new(&tdm_allocator_default);
            struct tdm_segment_format format = {body.encoding, 1, 0, body.size};
            assert_int_equal(tdm_writer_add_blob(writer, body.blob, &format), 0);
            tidymail_source source;
            tdm_writer_open(writer, &source);
            size_t length;
            char *bytes = read_source(&source, 777, &length);
            assert_int_equal(source.size(source.context), length);
            int ends = length == 0 || (length >= 2 && strcmp(bytes + length - 2, "\r\n") == 0);
            assert_int_equal(body.ends_in_break, ends);
            free(bytes);
            source.release(source.context);
            tdm_body_clear(&body);
        }
    }
}

static void the_shortest_safe_encoding_is_chosen(void **state)
{
    (void)state;
    char long_line[1001];
    memset(long_line, 'x', sizeof(long_line));
    long_line[998] = '\0';
    struct {
        const char *text;
        enum tdm_encoding encoding;
    } cases[] = {
        {"plain\ttext", TDM_ENCODING_IDENTITY},
        {"", TDM_ENCODING_IDENTITY},
        {long_line, TDM_ENCODING_IDENTITY},
        {"mostly text, with one \xc3\xa4 in it", TDM_ENCODING_QUOTED_PRINTABLE},
        {"escape \x1b[1m", TDM_ENCODING_QUOTED_PRINTABLE},
        {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", TDM_ENCODING_BASE64},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_body body = {0};
        body.blob = blob_of(cases[i].text);
        tdm_body_choose(&body);
        assert_int_equal(body.encoding, cases[i].encoding);
        tdm_body_clear(&body);
    }
    long_line[998] = 'x';
    long_line[999] = '\0';
    struct tdm_body body = {0};
    body.blob = blob_of(long_line);
    tdm_body_choose(&body);
    assert_int_equal(body.encoding, TDM_ENCODING_QUOTED_PRINTABLE);
    tdm_body_clear(&body);
}

/* 50 MB of a source that gives few bytes at a time: memory does not grow. */
static void a_long_source_takes_constant_memory(void **state)
{
    (void)state;
    struct fail_alloc memory;
    tidymail_allocator allocator = fail_alloc_init(&memory, 0, FAIL_ALLOC_NEVER);
    struct letters letters = {50 * 1000 * 1000, 0, 0, 1500, 0};
    struct tdm_writer *writer = tdm_writer_new(&allocator);
    tidymail_source source = letters_source(&letters);
    struct tdm_segment_format format = {TDM_ENCODING_BASE64, 0, 1, -1};
    assert_int_equal(tdm_writer_add_source(writer, &source, &format), 0);
    tdm_writer_open(writer, &source);
    static char buffer[65536];
    size_t total = 0;
    ptrdiff_t got;
    while ((got = source.read(source.context, buffer, sizeof(buffer))) > 0) {
        total += (size_t)got;
    }
    assert_int_equal(got, 0);
    size_t characters = (letters.length + 2) / 3 * 4;
    assert_int_equal(total, characters + (characters + 75) / 76 * 2);
    assert_true(memory.peak_bytes < 64 * 1024);
    assert_int_equal(letters.released, 0);
    source.release(source.context);
    assert_int_equal(letters.released, 1);
    assert_int_equal(memory.live, 0);
}

static void a_failed_read_says_why(void **state)
{
    (void)state;
    struct letters letters = {5000, 0, 3000, 999, 0};
    struct tdm_writer *writer = tdm_writer_new(&tdm_allocator_default);
    tidymail_source source = letters_source(&letters);
    struct tdm_segment_format format = {TDM_ENCODING_IDENTITY, 0, 1, -1};
    assert_int_equal(tdm_writer_add_source(writer, &source, &format), 0);
    tdm_writer_open(writer, &source);
    assert_null(source.error(source.context));
    char buffer[8000];
    size_t total = 0;
    ptrdiff_t got;
    while ((got = source.read(source.context, buffer, sizeof(buffer))) > 0) {
        total += (size_t)got;
    }
    assert_int_equal(got, -1);
    assert_true(total >= 2997 && total < 5000);
    assert_string_equal(source.error(source.context), "the letters ran out");
    assert_int_equal(source.read(source.context, buffer, 1), -1);
    letters.fail_at = 0;
    assert_int_equal(source.rewind(source.context), 0);
    size_t length;
    char *bytes = read_source(&source, 100, &length);
    assert_int_equal(length, 5002);
    free(bytes);
    source.release(source.context);
}

static void what_cannot_rewind_says_so(void **state)
{
    (void)state;
    struct letters letters = {50, 0, 0, 999, 0};
    struct tdm_writer *writer = tdm_writer_new(&tdm_allocator_default);
    tidymail_source source = letters_source(&letters);
    source.rewind = NULL;
    struct tdm_segment_format format = {TDM_ENCODING_IDENTITY, 0, 0, 50};
    assert_int_equal(tdm_writer_add_source(writer, &source, &format), 0);
    tdm_writer_open(writer, &source);
    assert_int_equal(source.rewind(source.context), -1);
    source.release(source.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_size_gives_the_same),
        cmocka_unit_test(rewinds_from_anywhere),
        cmocka_unit_test(sizes_add_up),
        cmocka_unit_test(measured_sizes_are_exact),
        cmocka_unit_test(the_shortest_safe_encoding_is_chosen),
        cmocka_unit_test(a_long_source_takes_constant_memory),
        cmocka_unit_test(a_failed_read_says_why),
        cmocka_unit_test(what_cannot_rewind_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
