/* utf8.h: UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing over U+10FFFF. */
#ifndef TDM_UTIL_UTF8_H
#define TDM_UTIL_UTF8_H

#include <stddef.h>

/* Length (1 to 4) of the valid sequence at `text`, of which `left` bytes are there; 0: not valid. */
size_t tdm_utf8_sequence(const char *text, size_t left);
/* Offset of the first byte that does not begin a valid sequence, or `length` where all is valid. */
size_t tdm_utf8_find_invalid(const char *text, size_t length);

#endif
