/* test_quoted_printable.c: RFC 2045 section 6.7, and the same bytes at every split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/quoted_printable.h"

#define TEXT_MAX 8192

/* Encodes in pieces of `piece` bytes, keeping back what the encoder leaves. */
static size_t encode(const char *text, size_t length, size_t piece, char *out)
{
    struct tdm_qp qp = {0};
    char held[TEXT_MAX];
    size_t kept = 0;
    size_t written = 0;
    size_t at = 0;
    do {
        size_t step = length - at < piece ? length - at : piece;
        memcpy(held + kept, text + at, step);
        kept += step;
        at += step;
        size_t taken;
        struct tdm_qp count_only = qp;
        size_t counted = tdm_qp_encode(&count_only, held, kept, at == length, NULL, &taken);
        size_t made = tdm_qp_encode(&qp, held, kept, at == length, out + written, &taken);
        assert_int_equal(made, counted);
        assert_true(made <= tdm_qp_max(kept));
        assert_true(kept - taken < TDM_QP_LOOKAHEAD);
        written += made;
        kept -= taken;
        memmove(held, held + taken, kept);
    } while (at < length);
    assert_int_equal(kept, 0);
    out[written] = '\0';
    return written;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A decoder of its own that takes nothing but what RFC 2045 lets an encoder write. */
static size_t decode_strictly(const char *text, size_t length, char *out)
{
    size_t written = 0;
    size_t column = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\r') {
            assert_true(i + 1 < length && text[i + 1] == '\n');
            assert_true(i == 0 || (text[i - 1] != ' ' && text[i - 1] != '\t'));
            out[written++] = '\r';
            out[written++] = '\n';
            i++;
            column = 0;
            continue;
        }
        if (c == '=' && i + 2 < length && text[i + 1] == '\r' && text[i + 2] == '\n') {
            assert_true(column + 1 <= 76);
            i += 2;
            column = 0;
            continue;
        }
        if (c == '=') {
            assert_true(i + 2 < length && hex_value(text[i + 1]) >= 0 &&
                        hex_value(text[i + 2]) >= 0);
            out[written++] = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
            column += 3;
        } else {
            assert_true(c == '\t' || (c >= 32 && c <= 126));
            out[written++] = (char)c;
            column++;
        }
        assert_true(column <= 76);
    }
    return written;
}

static void expect(const char *text, const char *expected)
{
    char out[TEXT_MAX];
    encode(text, strlen(text), strlen(text) + 1, out);
    assert_string_equal(out, expected);
}

static void what_is_encoded(void **state)
{
    (void)state;
    expect("", "");
    expect("plain text", "plain text");
    expect("a=b", "a=3Db");
    expect("\xc3\xa4", "=C3=A4");
    expect("line\r\nnext\r\n", "line\r\nnext\r\n");
    expect("blank \r\ntab\t\r\n", "blank=20\r\ntab=09\r\n");
    expect("blank ", "blank=20");
    expect("  in front", "  in front");
    expect("bare\rand\nbare", "bare=0Dand=0Abare");
    expect("\x7f", "=7F");
}

static void line_starts_that_others_touch(void **state)
{
    (void)state;
    expect(".", "=2E");
    expect("..\r\n.x", "=2E.\r\n=2Ex");
    expect("From me", "=46rom me");
    expect("From", "From");
    expect("Fromage", "Fromage");
    expect("x\r\nFrom ", "x\r\n=46rom=20");
    expect("not From here", "not From here");
}

static void lines_are_76_at_most(void **state)
{
    (void)state;
    char text[200];
    char out[TEXT_MAX];
    memset(text, 'x', sizeof(text));
    encode(text, 76, 999, out);
    assert_int_equal(strlen(out), 76); /* it fits, no soft break */
    encode(text, 77, 999, out);
    assert_int_equal(strlen(out), 77 + 3);
    assert_memory_equal(out + 75, "=\r\nxx", 5);
    text[75] = ' ';
    encode(text, 76, 999, out);
    assert_memory_equal(out + 75, "=\r\n=20", 6);
    text[75] = '.';
    text[76] = '.';
    encode(text, 77, 999, out);
    assert_memory_equal(out + 75, "=\r\n=2E.", 7); /* a dot at the start of the encoded line */
}

/* Seeded bytes of kinds that matter: round trip, and equal at every piece size. */
static void every_split_gives_the_same(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "\r\n", " ",  "\t", ".", "=",   "From ", "\xc3\xa4",
        "x",    "\r", "\n", "F", "Fro", "word ", "xxxxxxxxxxxxxxxxxxxxxxxx"};
    uint32_t random = 20261124;
    for (int round = 0; round < 60; round++) {
        char text[1024];
        size_t length = 0;
        while (length < 900) {
            random = random * 1664525u + 1013904223u;
            const char *piece = pieces[(random >> 16) % (sizeof(pieces) / sizeof(pieces[0]))];
            memcpy(text + length, piece, strlen(piece));
            length += strlen(piece);
            if (round % 7 == 0 && (random >> 8) % 90 == 0) {
                break;
            }
        }
        char whole[TEXT_MAX];
        char split[TEXT_MAX];
        char back[TEXT_MAX];
        size_t written = encode(text, length, length + 1, whole);
        size_t decoded = decode_strictly(whole, written, back);
        assert_int_equal(decoded, length);
        assert_memory_equal(back, text, length);
        for (size_t piece = 1; piece < 9; piece++) {
            assert_int_equal(encode(text, length, piece, split), written);
            assert_memory_equal(split, whole, written);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded),
        cmocka_unit_test(line_starts_that_others_touch),
        cmocka_unit_test(lines_are_76_at_most),
        cmocka_unit_test(every_split_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
