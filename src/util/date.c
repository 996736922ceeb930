/* date.c: see date.h. Days are counted with the civil calendar shifted to begin in March, so that
 * the leap day is the last day of a year. */
#include "util/date.h"

#include <string.h>

#include "util/str.h"

#define SECONDS_A_DAY 86400
#define FIRST_SECOND (-INT64_C(2208988800)) /* 1900-01-01 00:00:00 */
#define LAST_SECOND INT64_C(253402300799)   /* 9999-12-31 23:59:59 */

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* Days since 1970-01-01 of a day of the Gregorian calendar; month 1 to 12, year over 0. */
static int64_t date_days(int64_t year, int64_t month, int64_t day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }
    int64_t day_of_year = (153 * (month - 3) + 2) / 5 + day - 1;
    return 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

/* The inverse of date_days, for days from 1900 on. */
static void date_civil(int64_t days, int *year, int *month, int *day)
{
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097; /* 400 years */
    int64_t day_of_era = shifted % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

/* 1970-01-01 was a Thursday. */
static int date_weekday(int64_t days)
{
    return (int)(((days + 4) % 7 + 7) % 7);
}

static char *date_put(char *at, const char *text)
{
    size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

static char *date_put_number(char *at, int number, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + digits;
}

/* A moment in UTC, taken apart. */
struct date_parts {
    int64_t days;
    int64_t rest; /* seconds of the day */
    int year;
    int month;
    int day;
};

static struct date_parts date_split(int64_t seconds)
{
    struct date_parts parts;
    seconds = seconds < FIRST_SECOND ? FIRST_SECOND : seconds;
    seconds = seconds > LAST_SECOND ? LAST_SECOND : seconds;
    parts.rest = seconds % SECONDS_A_DAY;
    parts.rest = parts.rest < 0 ? parts.rest + SECONDS_A_DAY : parts.rest;
    parts.days = (seconds - parts.rest) / SECONDS_A_DAY;
    date_civil(parts.days, &parts.year, &parts.month, &parts.day);
    return parts;
}

/* 12:36:00 */
static char *date_put_time(char *at, int64_t rest)
{
    at = date_put_number(at, (int)(rest / 3600), 2);
    at = date_put(at, ":");
    at = date_put_number(at, (int)(rest / 60 % 60), 2);
    at = date_put(at, ":");
    return date_put_number(at, (int)(rest % 60), 2);
}

void tdm_date_format(int64_t seconds, char out[TDM_DATE_MAX])
{
    struct date_parts parts = date_split(seconds);
    char *at = date_put(out, day_names[date_weekday(parts.days)]);
    at = date_put(at, ", ");
    at = date_put_number(at, parts.day, parts.day < 10 ? 1 : 2);
    at = date_put(at, " ");
    at = date_put(at, month_names[parts.month - 1]);
    at = date_put(at, " ");
    at = date_put_number(at, parts.year, 4);
    at = date_put(at, " ");
    at = date_put_time(at, parts.rest);
    at = date_put(at, " +0000");
    *at = '\0';
}

void tdm_date_format_iso(int64_t seconds, char out[TDM_DATE_MAX])
{
    struct date_parts parts = date_split(seconds);
    char *at = date_put_number(out, parts.year, 4);
    at = date_put(at, "-");
    at = date_put_number(at, parts.month, 2);
    at = date_put(at, "-");
    at = date_put_number(at, parts.day, 2);
    at = date_put(at, "T");
    at = date_put_time(at, parts.rest);
    at = date_put(at, "Z");
    *at = '\0';
}

struct date_cursor {
    const char *text;
    size_t length;
    size_t at;
};

static int date_expect(struct date_cursor *cursor, char c)
{
    if (cursor->at >= cursor->length || cursor->text[cursor->at] != c) {
        return 0;
    }
    cursor->at++;
    return 1;
}

/* One of the names at the cursor: its index, or -1. */
static int date_name(struct date_cursor *cursor, const char (*names)[4], int count)
{
    for (int i = 0; i < count; i++) {
        if (tdm_starts_nocase(cursor->text + cursor->at, cursor->length - cursor->at, names[i])) {
            cursor->at += 3;
            return i;
        }
    }
    return -1;
}

/* A number of `least` to `most` digits that is at most `max`; -1 where it is not there. */
static int date_number(struct date_cursor *cursor, size_t least, size_t most, int max)
{
    size_t start = cursor->at;
    int number = 0;
    while (cursor->at < cursor->length && cursor->at - start < most &&
           tdm_is_digit(cursor->text[cursor->at])) {
        number = number * 10 + (cursor->text[cursor->at++] - '0');
    }
    if (cursor->at - start < least || number > max) {
        cursor->at = start;
        return -1;
    }
    return number;
}

static int date_check_time(struct date_cursor *cursor)
{
    if (date_number(cursor, 2, 2, 23) < 0 || !date_expect(cursor, ':') ||
        date_number(cursor, 2, 2, 59) < 0) {
        return 0;
    }
    if (date_expect(cursor, ':') && date_number(cursor, 2, 2, 60) < 0) {
        return 0; /* 60 is a leap second */
    }
    if (!date_expect(cursor, ' ') || (!date_expect(cursor, '+') && !date_expect(cursor, '-'))) {
        return 0;
    }
    return date_number(cursor, 2, 2, 99) >= 0 && date_number(cursor, 2, 2, 59) >= 0;
}

static int date_check_cursor(struct date_cursor *cursor)
{
    int weekday = date_name(cursor, day_names, 7);
    if (weekday >= 0 && (!date_expect(cursor, ',') || !date_expect(cursor, ' '))) {
        return 0;
    }
    size_t day_at = cursor->at;
    int day = date_number(cursor, 1, 2, 31);
    if (day == 0) {
        cursor->at = day_at;
    }
    if (day < 1 || !date_expect(cursor, ' ')) {
        return 0;
    }
    int month = date_name(cursor, month_names, 12);
    if (month < 0 || !date_expect(cursor, ' ')) {
        return 0;
    }
    size_t year_at = cursor->at;
    int year = date_number(cursor, 4, 4, 9999);
    if (year < 1900) {
        cursor->at = year_at;
        return 0;
    }
    if (!date_expect(cursor, ' ') || !date_check_time(cursor)) {
        return 0;
    }
    int64_t days = date_days(year, month + 1, day);
    int next_year = month == 11 ? year + 1 : year;
    int next_month = month == 11 ? 1 : month + 2;
    if (days >= date_days(next_year, next_month, 1)) {
        cursor->at = day_at; /* the month is shorter */
        return 0;
    }
    if (weekday >= 0 && weekday != date_weekday(days)) {
        cursor->at = 0;
        return 0;
    }
    return cursor->at == cursor->length;
}

int tdm_date_check(const char *text, size_t length, size_t *offset)
{
    struct date_cursor cursor = {text, length, 0};
    int good = date_check_cursor(&cursor);
    *offset = cursor.at;
    return good;
}
