/* base64_avx2.h: the encoder for processors that have AVX2; base64.c asks for it first. */
#ifndef TDM_UTIL_BASE64_AVX2_H
#define TDM_UTIL_BASE64_AVX2_H

#include <stddef.h>

/* Shorter input is not worth it. */
#define TDM_BASE64_AVX2_LEAST 36

/* Encodes the longest front of `in` that is a multiple of 3 bytes, at least TDM_BASE64_AVX2_LEAST;
 * returns its length, 0: this processor (or compiler) cannot. */
size_t tdm_base64_avx2(char *out, const unsigned char *in, size_t length);

#endif
