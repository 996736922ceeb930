/*
 * base64_avx2.c: see base64_avx2.h. 24 bytes become 32 characters at once, by the method that W. Mula
 * and D. Lemire describe in "Faster Base64 Encoding and Decoding using AVX2 Instructions" (2018): bytes
 * are spread by a shuffle, cut into 6 bits by two multiplications, and made letters by adding an offset
 * that depends on their range.
 */
#include "util/base64_avx2.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* 6 bits in each byte, from three bytes in each four (in the order that the shuffle gave them). */
AVX2 static inline __m256i avx2_cut(__m256i spread)
{
    __m256i high = _mm256_and_si256(spread, _mm256_set1_epi32(0x0fc0fc00));
    __m256i low = _mm256_and_si256(spread, _mm256_set1_epi32(0x003f03f0));
    high = _mm256_mulhi_epu16(high, _mm256_set1_epi32(0x04000040));
    low = _mm256_mullo_epi16(low, _mm256_set1_epi32(0x01000010));
    return _mm256_or_si256(high, low);
}

/* The letter for each 6 bits: 0 to 25 are 13 in the table, 26 to 51 are 0, the rest count from 1. */
AVX2 static inline __m256i avx2_letters(__m256i six)
{
    const __m256i offsets =
        _mm256_setr_epi8(71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0, 71, -4, -4,
                         -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0);
    __m256i range = _mm256_subs_epu8(six, _mm256_set1_epi8(51));
    __m256i upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), six);
    range = _mm256_or_si256(range, _mm256_and_si256(upper, _mm256_set1_epi8(13)));
    return _mm256_add_epi8(six, _mm256_shuffle_epi8(offsets, range));
}

/* How 12 of 16 bytes are spread, which begin that many bytes behind what is loaded. */
AVX2 static inline __m256i avx2_spread_at(char skip)
{
    const __m256i spread = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, 1, 0,
                                            2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    return _mm256_add_epi8(spread, _mm256_set1_epi8(skip));
}

/* 24 bytes in two halves of 12, each loaded as 16. */
AVX2 static inline void avx2_step(char *out, const unsigned char *from, __m256i spread)
{
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(from + 12));
    __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
    __m256i letters = avx2_letters(avx2_cut(_mm256_shuffle_epi8(both, spread)));
    _mm256_storeu_si256((__m256i *)(void *)out, letters);
}

/* The first step reads 4 bytes beyond its own, all others 4 bytes in front of theirs, so nothing
 * outside of `in` is touched. */
AVX2 static size_t avx2_encode(char *out, const unsigned char *in, size_t length)
{
    const __m256i spread = avx2_spread_at(4);
    size_t whole = length / 3 * 3;
    size_t done = 24;
    avx2_step(out, in, avx2_spread_at(0));
    for (; whole - done >= 24; done += 24) {
        avx2_step(out + done / 3 * 4, in + done - 4, spread);
    }
    if (done < whole) {
        /* the last 24 bytes; those that were done already become the same letters */
        size_t last = whole - 24;
        avx2_step(out + last / 3 * 4, in + last - 4, spread);
    }
    return whole;
}

size_t tdm_base64_avx2(char *out, const unsigned char *in, size_t length)
{
    return __builtin_cpu_supports("avx2") ? avx2_encode(out, in, length) : 0;
}

#else

size_t tdm_base64_avx2(char *out, const unsigned char *in, size_t length)
{
    (void)out;
    (void)in;
    (void)length;
    return 0;
}

#endif
