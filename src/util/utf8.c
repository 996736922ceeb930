/* utf8.c: see utf8.h. */
#include "util/utf8.h"

#include "util/lines.h"

/* The range the second byte must lie in, given the first (RFC 3629 section 4). */
static void utf8_second_range(unsigned char first, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (first == 0xe0) {
        *low = 0xa0; /* shorter forms exist below */
    } else if (first == 0xed) {
        *high = 0x9f; /* surrogates lie above */
    } else if (first == 0xf0) {
        *low = 0x90;
    } else if (first == 0xf4) {
        *high = 0x8f; /* U+10FFFF is the last */
    }
}

size_t tdm_utf8_sequence(const char *text, size_t left)
{
    if (left == 0) {
        return 0;
    }
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (left < length) {
        return 0;
    }
    unsigned char low;
    unsigned char high;
    utf8_second_range(first, &low, &high);
    unsigned char second = (unsigned char)text[1];
    if (second < low || second > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

size_t tdm_utf8_find_invalid(const char *text, size_t length)
{
    size_t i = 0;
    while ((i += tdm_lines_ascii(text + i, length - i)) < length) {
        size_t step = tdm_utf8_sequence(text + i, length - i);
        if (step == 0) {
            return i;
        }
        i += step;
    }
    return length;
}
