/*
 * config_from.c: is an address the `from` of an account? A pattern as msmtp takes it, of a shell: * for
 * anything, ? for one byte, [a-z] and [!a-z] for one of a set; and user@ stands for user+detail@ too.
 */
#include <string.h>

#include "client/config_data.h"
#include "util/str.h"

/* The set that begins behind "[", against one byte; NULL: it has no end, else what is behind it. */
static const char *from_set(const char *set, char c, int *matches)
{
    int wanted = *set != '!' && *set != '^';
    int found = 0;
    set += !wanted;
    const char *first = set;
    while (*set != '\0' && (*set != ']' || set == first)) {
        int is_range = set[1] == '-' && set[2] != '\0' && set[2] != ']';
        unsigned char low = (unsigned char)tdm_lower(set[0]);
        unsigned char high = (unsigned char)tdm_lower(set[is_range ? 2 : 0]);
        found |= (unsigned char)c >= low && (unsigned char)c <= high;
        set += is_range ? 3 : 1;
    }
    *matches = found == wanted;
    return *set == ']' ? set + 1 : NULL;
}

/* One byte against what the pattern begins with; NULL: it does not match, else the rest of the pattern. */
static const char *from_step(const char *pattern, char c)
{
    int matches = 0;
    const char *rest = *pattern == '[' ? from_set(pattern + 1, tdm_lower(c), &matches) : NULL;
    if (rest != NULL) {
        return matches ? rest : NULL;
    }
    return *pattern != '\0' && (*pattern == '?' || tdm_lower(*pattern) == tdm_lower(c))
               ? pattern + 1
               : NULL;
}

static int from_matches(const char *pattern, const char *address, size_t length)
{
    const char *end = address + length;
    const char *star = NULL; /* behind the last one met, and where it was tried */
    const char *tried = NULL;
    while (address < end) {
        const char *rest = *pattern != '*' ? from_step(pattern, *address) : NULL;
        if (*pattern == '*') {
            star = ++pattern;
            tried = address;
        } else if (rest != NULL) {
            pattern = rest;
            address++;
        } else if (star != NULL) {
            pattern = star;
            address = ++tried;
        } else {
            return 0;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static int from_same(const char *left, const char *right, size_t length)
{
    size_t i = 0;
    while (i < length && tdm_lower(left[i]) == tdm_lower(right[i])) {
        i++;
    }
    return i == length;
}

int tdm_config_from_matches(const char *pattern, const char *address)
{
    size_t length = strlen(address);
    const char *at = strrchr(address, '@');
    const char *plus = strchr(address, '+');
    const char *pattern_at = strrchr(pattern, '@');
    if (from_matches(pattern, address, length)) {
        return 1;
    }
    if (at == NULL || plus == NULL || plus > at || plus == address || pattern_at == NULL ||
        strpbrk(pattern, "*?[+") != NULL) {
        return 0;
    }
    return (size_t)(pattern_at - pattern) == (size_t)(plus - address) &&
           from_same(pattern, address, (size_t)(plus - address)) &&
           from_matches(pattern_at, at, strlen(at));
}
