/*
 * wishes.c: what the envelope asks the server for (DSN, REQUIRETLS, DELIVERBY, FUTURERELEASE,
 * MT-PRIORITY). All of it becomes parameters of MAIL and RCPT, so each value is held against its
 * grammar here, where the caller can be told; what a server offers is the engine's business.
 */
#include <string.h>

#include "message/message_data.h"
#include "util/str.h"

#define WISHES_SECONDS_MAX 999999999 /* RFC 2852 4 and RFC 4865 4: nine digits */
#define WISHES_ENVID_MAX 100         /* RFC 3461 4.4 */
#define WISHES_DATE_TIME_MAX 40      /* RFC 3339 allows any number of digits of a second */

void tdm_wishes_clear(const tidymail_allocator *allocator, struct tdm_wishes *wishes)
{
    tdm_free(allocator, wishes->dsn_notify);
    tdm_free(allocator, wishes->dsn_ret);
    tdm_free(allocator, wishes->dsn_envid);
    tdm_free(allocator, wishes->hold_until);
    memset(wishes, 0, sizeof(*wishes));
}

const struct tdm_wishes *tdm_message_wishes(const tidymail_message *message)
{
    return &message->wishes;
}

/* Keywords of a parameter, in a row without doubles; -1, or the offset of what is none. */
static ptrdiff_t wishes_find_bad_word(const char *text, const char *const *words)
{
    unsigned seen = 0;
    size_t at = 0;
    for (;;) {
        size_t length = strcspn(text + at, ",");
        unsigned i = 0;
        while (words[i] != NULL && !tdm_equal_nocase_n(text + at, length, words[i])) {
            i++;
        }
        if (words[i] == NULL || (seen & (1U << i)) != 0) {
            return (ptrdiff_t)at;
        }
        seen |= 1U << i;
        if (text[at + length] == '\0') {
            return -1;
        }
        at += length + 1;
    }
}

static int wishes_check_notify(tidymail_message *message, const char *notify)
{
    static const char *const words[] = {"SUCCESS", "FAILURE", "DELAY", NULL};
    if (notify == NULL || tdm_equal_nocase(notify, "NEVER")) {
        return TIDYMAIL_OK;
    }
    ptrdiff_t bad = wishes_find_bad_word(notify, words);
    return bad < 0 ? TIDYMAIL_OK
                   : tdm_message_fail_at(message, "DSN notify",
                                         "neither NEVER alone nor each of SUCCESS, FAILURE, DELAY "
                                         "at most once",
                                         (size_t)bad);
}

/* RFC 3461 4: the length of the text once "+", "=", blanks and the like are written +HH. */
static size_t wishes_xtext_length(const char *text)
{
    size_t length = 0;
    for (; *text != '\0'; text++) {
        length += *text == '+' || *text == '=' || *text <= ' ' ? 3 : 1;
    }
    return length;
}

static int wishes_check_envid(tidymail_message *message, const char *envid)
{
    static const char field[] = "DSN envid";
    if (envid == NULL) {
        return TIDYMAIL_OK;
    }
    int kind = tdm_message_check_text(message, field, envid);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    for (size_t i = 0; envid[i] != '\0'; i++) {
        if (tdm_has_8bit(envid + i, 1)) {
            return tdm_message_fail_at(message, field, "not printable ASCII", i);
        }
    }
    if (envid[0] == '\0') {
        return tdm_message_fail(message, field, "empty");
    }
    return wishes_xtext_length(envid) <= WISHES_ENVID_MAX
               ? TIDYMAIL_OK
               : tdm_message_fail(message, field,
                                  "longer than 100 characters once encoded (+, = and blanks count "
                                  "three)");
}

/* A copy in upper case; NULL of NULL. 0, or -1 when out of memory. */
static int wishes_copy(const tidymail_message *message, char **copy, const char *text, int upper)
{
    *copy = tdm_strdup(&message->allocator, text);
    for (char *at = *copy; upper && at != NULL && *at != '\0'; at++) {
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - ('a' - 'A')) : *at;
    }
    return text != NULL && *copy == NULL ? -1 : 0;
}

static void wishes_replace(const tidymail_message *message, char **member, char *text)
{
    tdm_free(&message->allocator, *member);
    *member = text;
}

int tidymail_message_set_dsn(tidymail_message *message, const char *notify, const char *ret,
                             const char *envid)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = wishes_check_notify(message, notify);
    }
    if (kind == TIDYMAIL_OK && ret != NULL && !tdm_equal_nocase(ret, "FULL") &&
        !tdm_equal_nocase(ret, "HDRS")) {
        kind = tdm_message_fail(message, "DSN ret", "neither FULL nor HDRS");
    }
    if (kind == TIDYMAIL_OK) {
        kind = wishes_check_envid(message, envid);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    char *copies[3] = {NULL, NULL, NULL};
    if (wishes_copy(message, &copies[0], notify, 1) != 0 ||
        wishes_copy(message, &copies[1], ret, 1) != 0 ||
        wishes_copy(message, &copies[2], envid, 0) != 0) {
        for (size_t i = 0; i < 3; i++) {
            tdm_free(&message->allocator, copies[i]);
        }
        return tdm_message_fail_memory(message);
    }
    wishes_replace(message, &message->wishes.dsn_notify, copies[0]);
    wishes_replace(message, &message->wishes.dsn_ret, copies[1]);
    wishes_replace(message, &message->wishes.dsn_envid, copies[2]);
    return TIDYMAIL_OK;
}

int tidymail_message_set_require_tls(tidymail_message *message, int required)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        message->wishes.require_tls = required != 0;
    }
    return kind;
}

int tidymail_message_set_deliver_by(tidymail_message *message, int64_t seconds, int mode)
{
    static const char field[] = "deliver-by";
    int kind = tdm_message_begin(message);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (seconds > WISHES_SECONDS_MAX || seconds < -WISHES_SECONDS_MAX) {
        return tdm_message_fail(message, field, "more than 999999999 seconds");
    }
    if (seconds != 0 && mode != 'R' && mode != 'N') {
        return tdm_message_fail(message, field,
                                "the mode is neither R (return if late) nor N (notify)");
    }
    if (mode == 'R' && seconds < 0) {
        return tdm_message_fail(message, field, "a return needs seconds above 0");
    }
    message->wishes.deliver_by_s = seconds;
    message->wishes.deliver_by_mode = seconds != 0 ? mode : 0;
    return TIDYMAIL_OK;
}

int tidymail_message_set_hold_for(tidymail_message *message, int64_t seconds)
{
    static const char field[] = "hold-for";
    int kind = tdm_message_begin(message);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (seconds < 0 || seconds > WISHES_SECONDS_MAX) {
        return tdm_message_fail(message, field, "not 1 to 999999999 seconds");
    }
    if (seconds > 0 && message->wishes.hold_until != NULL) {
        return tdm_message_fail(message, field, "hold-until is given already");
    }
    message->wishes.hold_for_s = seconds;
    return TIDYMAIL_OK;
}

/* Exactly `digits` digits; moves on behind them. -1 where they are not there. */
static int wishes_number(const char **at, int digits)
{
    int number = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (!tdm_is_digit(**at)) {
            return -1;
        }
        number = number * 10 + (**at - '0');
    }
    return number;
}

/* 1, and moves on, where `c` is next. */
static int wishes_expect(const char **at, char c)
{
    int there = **at == c;
    *at += there;
    return there;
}

static int wishes_in_range(int number, int least, int most)
{
    return number >= least && number <= most;
}

static int wishes_days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* "2026-12-24": 1, and moves on behind it. */
static int wishes_read_day(const char **at)
{
    int year = wishes_number(at, 4);
    if (year < 0 || !wishes_expect(at, '-')) {
        return 0;
    }
    int month = wishes_number(at, 2);
    if (!wishes_in_range(month, 1, 12) || !wishes_expect(at, '-')) {
        return 0;
    }
    return wishes_in_range(wishes_number(at, 2), 1, wishes_days_of(year, month));
}

/* "18:00" of a time or an offset. */
static int wishes_read_minutes(const char **at)
{
    return wishes_in_range(wishes_number(at, 2), 0, 23) && wishes_expect(at, ':') &&
           wishes_in_range(wishes_number(at, 2), 0, 59);
}

/* ".25", or nothing. */
static int wishes_read_fraction(const char **at)
{
    if (!wishes_expect(at, '.')) {
        return 1;
    }
    size_t digits = strspn(*at, "0123456789");
    *at += digits;
    return digits > 0;
}

/* RFC 3339 5.6 time-offset. */
static int wishes_read_offset(const char **at)
{
    if (wishes_expect(at, 'Z') || wishes_expect(at, 'z')) {
        return 1;
    }
    return (wishes_expect(at, '+') || wishes_expect(at, '-')) && wishes_read_minutes(at);
}

/* RFC 3339 5.6 date-time; -1, or the offset where it stops being one. 60 is a leap second. */
static ptrdiff_t wishes_find_bad_time(const char *text)
{
    const char *at = text;
    int good = wishes_read_day(&at) && (wishes_expect(&at, 'T') || wishes_expect(&at, 't')) &&
               wishes_read_minutes(&at) && wishes_expect(&at, ':') &&
               wishes_in_range(wishes_number(&at, 2), 0, 60) && wishes_read_fraction(&at) &&
               wishes_read_offset(&at);
    return good && *at == '\0' ? -1 : at - text;
}

int tidymail_message_set_hold_until(tidymail_message *message, const char *date_time)
{
    static const char field[] = "hold-until";
    char *copy = NULL;
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK && date_time != NULL) {
        ptrdiff_t bad = wishes_find_bad_time(date_time);
        if (bad >= 0) {
            return tdm_message_fail_at(message, field,
                                       "not a moment such as 2026-12-24T18:00:00Z, it goes wrong",
                                       (size_t)bad);
        }
        if (strlen(date_time) > WISHES_DATE_TIME_MAX) {
            return tdm_message_fail(message, field, "longer than 40 characters");
        }
        if (message->wishes.hold_for_s > 0) {
            return tdm_message_fail(message, field, "hold-for is given already");
        }
        kind = wishes_copy(message, &copy, date_time, 1) == 0 ? TIDYMAIL_OK
                                                              : tdm_message_fail_memory(message);
    }
    if (kind == TIDYMAIL_OK) {
        wishes_replace(message, &message->wishes.hold_until, copy);
    }
    return kind;
}

int tidymail_message_set_priority(tidymail_message *message, int priority)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK && !wishes_in_range(priority, -9, 9)) {
        kind = tdm_message_fail(message, "priority", "not a number from -9 to 9");
    }
    if (kind == TIDYMAIL_OK) {
        message->wishes.has_priority = 1;
        message->wishes.priority = priority;
    }
    return kind;
}
