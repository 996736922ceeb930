/* str.c: see str.h. */
#include "util/str.h"

#include "util/lines.h"

#include <string.h>

int tdm_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int tdm_is_alnum(char c)
{
    return tdm_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int tdm_is_space(char c)
{
    return c == ' ' || c == '\t';
}

char tdm_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int tdm_starts_nocase(const char *text, size_t length, const char *prefix)
{
    size_t i = 0;
    for (; prefix[i] != '\0'; i++) {
        if (i >= length || tdm_lower(text[i]) != tdm_lower(prefix[i])) {
            return 0;
        }
    }
    return 1;
}

int tdm_same_nocase(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t i = 0;
    while (i < a_length && i < b_length && tdm_lower(a[i]) == tdm_lower(b[i])) {
        i++;
    }
    return i == a_length && i == b_length;
}

int tdm_equal_nocase_n(const char *a, size_t a_length, const char *b)
{
    return tdm_same_nocase(a, a_length, b, strlen(b));
}

int tdm_equal_nocase(const char *a, const char *b)
{
    return tdm_equal_nocase_n(a, strlen(a), b);
}

size_t tdm_find_control(const char *text, size_t length)
{
    size_t i = tdm_lines_plain(text, length);
    while (i < length && (unsigned char)text[i] >= 0x20 && text[i] != 0x7f) {
        i++;
    }
    return i;
}

int tdm_has_8bit(const char *text, size_t length)
{
    return tdm_lines_ascii(text, length) < length;
}
