/* str.h: ASCII text without the locale. */
#ifndef TDM_UTIL_STR_H
#define TDM_UTIL_STR_H

#include <stddef.h>

int tdm_is_digit(char c);
int tdm_is_alnum(char c);
/* SP or HTAB (RFC 5234 WSP). */
int tdm_is_space(char c);
char tdm_lower(char c);
/* 1 where equal but for ASCII case. */
int tdm_equal_nocase(const char *a, const char *b);
int tdm_same_nocase(const char *a, size_t a_length, const char *b, size_t b_length);
int tdm_equal_nocase_n(const char *a, size_t a_length, const char *b);
/* 1 where `text` (of that length) begins with `prefix`, case-blind. */
int tdm_starts_nocase(const char *text, size_t length, const char *prefix);
/* Offset of the first byte below 0x20 or 0x7F (all of C0 and DEL), or `length` where none. */
size_t tdm_find_control(const char *text, size_t length);
/* 1 where a byte over 127 is in it. */
int tdm_has_8bit(const char *text, size_t length);

#endif
