/* lines.c: see lines.h. A byte is in order if it is LF exactly where the one before is CR, and no dot
 * where the one before is LF: so both are compared sixteen at a time. */
#include "util/lines.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first byte at or behind `at` (which is not 0) that is not in order; `length` where all are. */
static size_t lines_scan(const char *bytes, size_t at, size_t length, int dots)
{
    for (; at < length; at++) {
        char before = bytes[at - 1];
        if ((bytes[at] == '\n') != (before == '\r') ||
            (dots && bytes[at] == '.' && before == '\n')) {
            return at;
        }
    }
    return length;
}

#ifdef __SSE2__
/* The same, as far as whole blocks go; what is found is at or behind the result. */
static size_t lines_skip(const char *bytes, size_t at, size_t length, int dots)
{
    const __m128i cr = _mm_set1_epi8('\r');
    const __m128i lf = _mm_set1_epi8('\n');
    const __m128i dot = _mm_set1_epi8(dots ? '.' : '\n'); /* LF behind LF is wrong anyway */
    for (; length - at >= 16; at += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(bytes + at));
        __m128i before = _mm_loadu_si128((const __m128i *)(const void *)(bytes + at - 1));
        __m128i wrong = _mm_xor_si128(_mm_cmpeq_epi8(here, lf), _mm_cmpeq_epi8(before, cr));
        __m128i stuffed = _mm_and_si128(_mm_cmpeq_epi8(here, dot), _mm_cmpeq_epi8(before, lf));
        if (_mm_movemask_epi8(_mm_or_si128(wrong, stuffed)) != 0) {
            break;
        }
    }
    return at;
}
#else
static size_t lines_skip(const char *bytes, size_t at, size_t length, int dots)
{
    (void)bytes;
    (void)length;
    (void)dots;
    return at;
}
#endif

size_t tdm_lines_clean(const char *bytes, size_t length, int line_start, int dots)
{
    if (length == 0 || bytes[0] == '\n' || (dots && line_start && bytes[0] == '.')) {
        return 0;
    }
    size_t bad = lines_scan(bytes, lines_skip(bytes, 1, length, dots), length, dots);
    /* a CR that no LF follows is itself what has to change */
    return bad < length && bytes[bad - 1] == '\r' && bytes[bad] != '\n' ? bad - 1 : bad;
}

size_t tdm_lines_plain(const char *bytes, size_t length)
{
    size_t at = 0;
#ifdef __SSE2__
    const __m128i low = _mm_set1_epi8(0x1f);
    const __m128i high = _mm_set1_epi8(0x7f);
    for (; length - at >= 16; at += 16) {
        /* signed: a byte over 127 is below all */
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(bytes + at));
        __m128i plain = _mm_and_si128(_mm_cmpgt_epi8(here, low), _mm_cmplt_epi8(here, high));
        if (_mm_movemask_epi8(plain) != 0xffff) {
            break;
        }
    }
#endif
    while (at < length && bytes[at] >= 0x20 && bytes[at] < 0x7f) {
        at++;
    }
    return at;
}

size_t tdm_lines_ascii(const char *bytes, size_t length)
{
    size_t at = 0;
#ifdef __SSE2__
    for (; length - at >= 16; at += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(bytes + at));
        if (_mm_movemask_epi8(here) != 0) {
            break;
        }
    }
#endif
    while (at < length && (unsigned char)bytes[at] < 0x80) {
        at++;
    }
    return at;
}
