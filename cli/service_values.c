/* service_values.c: see service_values.h. */
#include "service_values.h"

#include <string.h>

#include <tidymail/provider.h>

#include "near.h"

#define SERVICE_DIGITS_MAX 12
#define SERVICE_EARLIEST 1000000000 /* 2001: fewer seconds are meant from now on */

/* Exactly `digits` digits; moves on behind them. -1 where they are not there. */
static int service_number(const char **at, int digits)
{
    int number = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return -1;
        }
        number = number * 10 + (**at - '0');
    }
    return number;
}

static int service_expect(const char **at, const char *one_of)
{
    int there = **at != '\0' && strchr(one_of, **at) != NULL;
    *at += there;
    return there;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar. */
static int64_t service_days(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t full = year - 1;
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return full * 365 + full / 4 - full / 100 + full / 400 + before[month - 1] +
           (month > 2 && leap) + day - 1 - 719162;
}

static int service_days_of(int year, int month)
{
    int64_t next = month < 12 ? service_days(year, month + 1, 1) : service_days(year + 1, 1, 1);
    return (int)(next - service_days(year, month, 1));
}

/* The time-offset of RFC 3339 5.6, in minutes; 0, or -1. */
static int service_offset(const char **at, int *minutes)
{
    *minutes = 0;
    if (service_expect(at, "Zz")) {
        return 0;
    }
    int sign = **at == '-' ? -1 : 1;
    if (!service_expect(at, "+-")) {
        return -1;
    }
    int hours = service_number(at, 2);
    int rest = hours >= 0 && service_expect(at, ":") ? service_number(at, 2) : -1;
    *minutes = sign * (hours * 60 + rest);
    return hours <= 23 && rest >= 0 && rest <= 59 ? 0 : -1;
}

/* RFC 3339 5.6 date-time; 0, or -1. */
static int service_date_time(const char *text, int64_t *unix_s)
{
    const char *at = text;
    int offset = 0;
    int year = service_number(&at, 4);
    int month = year > 0 && service_expect(&at, "-") ? service_number(&at, 2) : -1;
    int day = month >= 1 && month <= 12 && service_expect(&at, "-") ? service_number(&at, 2) : -1;
    if (day < 1 || day > service_days_of(year, month) || !service_expect(&at, "Tt")) {
        return -1;
    }
    int hour = service_number(&at, 2);
    int minute = hour >= 0 && hour <= 23 && service_expect(&at, ":") ? service_number(&at, 2) : -1;
    int second =
        minute >= 0 && minute <= 59 && service_expect(&at, ":") ? service_number(&at, 2) : -1;
    if (second < 0 || second > 60) { /* 60 is a leap second */
        return -1;
    }
    if (*at == '.') {
        size_t digits = strspn(at + 1, "0123456789");
        at += digits + (digits > 0);
    }
    if (service_offset(&at, &offset) != 0 || *at != '\0') {
        return -1;
    }
    *unix_s =
        service_days(year, month, day) * 86400 + hour * 3600 + (minute - offset) * 60 + second;
    return 0;
}

const char *service_moment(const char *text, int64_t now_s, int64_t *unix_s)
{
    int from_now = text[0] == '+';
    const char *digits = text + from_now;
    size_t length = strspn(digits, "0123456789");
    if (length > 0 && digits[length] == '\0') {
        if (length > SERVICE_DIGITS_MAX) {
            return "the number is too large";
        }
        *unix_s = 0;
        for (size_t i = 0; i < length; i++) {
            *unix_s = *unix_s * 10 + (digits[i] - '0');
        }
        *unix_s += from_now ? now_s : 0;
        return *unix_s >= SERVICE_EARLIEST
                   ? NULL
                   : "a moment long gone; seconds from now on have a + in front";
    }
    return service_date_time(text, unix_s) == 0
               ? NULL
               : "neither a moment such as 2026-12-24T18:00:00Z, nor +SECONDS from now on, nor "
                 "seconds since 1970";
}

size_t service_find(const char *scheme, size_t length)
{
    size_t count = tidymail_provider_count();
    size_t i = 0;
    while (i < count && (strlen(tidymail_provider_scheme(i)) != length ||
                         memcmp(tidymail_provider_scheme(i), scheme, length) != 0)) {
        i++;
    }
    return i;
}

int service_is_known(const char *scheme, size_t length, const char **near)
{
    size_t count = tidymail_provider_count();
    *near = NULL;
    if (service_find(scheme, length) < count) {
        return 1;
    }
    for (int slips = 1; slips < 5 && *near == NULL; slips++) {
        for (size_t i = 0; i < count && *near == NULL; i++) {
            if (near_slips(scheme, length, tidymail_provider_scheme(i)) == slips) {
                *near = tidymail_provider_scheme(i);
            }
        }
    }
    return 0;
}
