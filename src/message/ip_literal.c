/* ip_literal.c: see ip_literal.h. */
#include "message/ip_literal.h"

#include "util/str.h"

static int ip_is_v4(const char *text, size_t length)
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        size_t digits = 0;
        int number = 0;
        while (at < length && tdm_is_digit(text[at]) && digits < 3) {
            number = number * 10 + (text[at++] - '0');
            digits++;
        }
        if (digits == 0 || number > 255) {
            return 0;
        }
        if (part < 3 && (at >= length || text[at++] != '.')) {
            return 0;
        }
    }
    return at == length;
}

static int ip_is_hex(char c)
{
    return tdm_is_digit(c) || (tdm_lower(c) >= 'a' && tdm_lower(c) <= 'f');
}

/* Groups of up to four digits between colons; one "::" stands for one or more groups of zeros, and
 * the last two groups may be written as an IPv4 address (RFC 4291 2.2). */
static int ip_is_v6(const char *text, size_t length)
{
    int groups = 0;
    int gap = 0;
    size_t at = 0;
    if (length >= 2 && text[0] == ':' && text[1] == ':') {
        gap = 1;
        at = 2;
    }
    while (at < length) {
        size_t digits = 0;
        while (at + digits < length && ip_is_hex(text[at + digits])) {
            digits++;
        }
        if (at + digits < length && text[at + digits] == '.') {
            groups += 2;
            return ip_is_v4(text + at, length - at) && (gap ? groups < 8 : groups == 8);
        }
        if (digits < 1 || digits > 4) {
            return 0;
        }
        groups++;
        at += digits;
        if (at == length) {
            break;
        }
        if (text[at++] != ':' || at == length) {
            return 0; /* another character, or a colon at the end */
        }
        if (text[at] == ':') {
            if (gap) {
                return 0;
            }
            gap = 1;
            at++;
        }
    }
    return gap ? groups < 8 : groups == 8;
}

int tdm_is_ip_literal(const char *text, size_t length)
{
    if (tdm_starts_nocase(text, length, "IPv6:")) {
        return ip_is_v6(text + 5, length - 5);
    }
    return ip_is_v4(text, length);
}
