/* calendar.c: see calendar.h. */
#include "message/calendar.h"

#include <string.h>

#include "message/crlf.h"
#include "util/str.h"
#include "util/utf8.h"

#define CALENDAR_METHOD_MAX 64

/* One content line, unfolded (RFC 5545 3.1), into `line`; returns where the next one begins. */
static size_t calendar_line(const struct tdm_buf *bytes, size_t at, struct tdm_buf *line)
{
    tdm_buf_reset(line);
    while (at < bytes->length) {
        const char *start = bytes->data + at;
        const char *end = memchr(start, '\r', bytes->length - at);
        size_t length = end != NULL ? (size_t)(end - start) : bytes->length - at;
        tdm_buf_add(line, start, length);
        at += length + (end != NULL ? 2 : 0);
        if (at >= bytes->length || !tdm_is_space(bytes->data[at])) {
            break;
        }
        at++; /* the blank that folds */
    }
    return at;
}

/* The value of a line whose name is `name`, NULL where it has another one. */
static const char *calendar_value(const char *line, const char *name)
{
    size_t length = strlen(name);
    if (!tdm_starts_nocase(line, strlen(line), name) ||
        (line[length] != ':' && line[length] != ';')) {
        return NULL;
    }
    const char *colon = strchr(line + length, ':'); /* METHOD has parameters of future kinds only */
    return colon != NULL ? colon + 1 : NULL;
}

static int calendar_fail(struct tdm_calendar *calendar, const char *reason, size_t offset)
{
    calendar->reason = reason;
    calendar->offset = offset;
    return -1;
}

/* The METHOD of the calendar itself, not one of a component (RFC 5545 3.7.2). */
static int calendar_find_method(struct tdm_calendar *calendar, struct tdm_buf *line)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    size_t depth = 0;
    size_t next = 0;
    for (size_t at = 0; at < calendar->bytes.length; at = next) {
        next = calendar_line(&calendar->bytes, at, line);
        const char *text = tdm_buf_text(line);
        const char *value = calendar_value(text, "METHOD");
        if (at == 0 && !tdm_equal_nocase(text, "BEGIN:VCALENDAR")) {
            return calendar_fail(calendar, "BEGIN:VCALENDAR is expected", at);
        }
        if (calendar_value(text, "BEGIN") != NULL) {
            depth++;
        } else if (calendar_value(text, "END") != NULL && depth > 0) {
            depth--;
        } else if (value != NULL && depth == 1) {
            size_t length = strlen(value);
            if (length == 0 || length > CALENDAR_METHOD_MAX || strspn(value, letters) != length) {
                return calendar_fail(calendar, "METHOD has no value that can be one", at);
            }
            if (calendar->method.length > 0) {
                return calendar_fail(calendar, "a second METHOD", at);
            }
            tdm_buf_add(&calendar->method, value, length);
        }
    }
    return calendar->method.length > 0
               ? 0
               : calendar_fail(calendar, "no METHOD, which an invitation needs (RFC 6047 2.4)", 0);
}

int tdm_calendar_read(const tidymail_allocator *allocator, const char *text,
                      struct tdm_calendar *calendar)
{
    size_t length = strlen(text);
    size_t invalid = tdm_utf8_find_invalid(text, length);
    struct tdm_crlf crlf = {0};
    struct tdm_buf line;
    memset(calendar, 0, sizeof(*calendar));
    tdm_buf_init(&calendar->method, allocator, CALENDAR_METHOD_MAX + 1);
    tdm_buf_init(&calendar->bytes, allocator, SIZE_MAX / 4);
    if (invalid < length) {
        return calendar_fail(calendar, "invalid UTF-8", invalid);
    }
    if (length > SIZE_MAX / 8 || tdm_buf_reserve(&calendar->bytes, 2 * length + 1) != 0) {
        return -1;
    }
    calendar->bytes.length = tdm_crlf_convert(&crlf, text, length, calendar->bytes.data);
    calendar->bytes.data[calendar->bytes.length] = '\0';
    tdm_buf_init(&line, allocator, SIZE_MAX / 4);
    int result = calendar_find_method(calendar, &line);
    if (line.failed || calendar->method.failed) {
        calendar->reason = NULL;
        result = -1;
    }
    tdm_buf_clear(&line);
    return result;
}

void tdm_calendar_clear(struct tdm_calendar *calendar)
{
    tdm_buf_clear(&calendar->method);
    tdm_buf_clear(&calendar->bytes);
}
