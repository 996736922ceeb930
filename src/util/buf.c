/* buf.c: see buf.h. Growth doubles, so that n bytes cost O(n) copies. */
#include "util/buf.h"

#include <string.h>

void tdm_buf_init(struct tdm_buf *buf, const tidymail_allocator *allocator, size_t max)
{
    memset(buf, 0, sizeof(*buf));
    buf->allocator = tdm_allocator_or_default(allocator);
    buf->max = max;
}

void tdm_buf_clear(struct tdm_buf *buf)
{
    tdm_free(&buf->allocator, buf->data);
    buf->data = NULL;
    buf->length = buf->capacity = 0;
    buf->failed = 0;
}

void tdm_buf_wipe(struct tdm_buf *buf)
{
    if (buf->data != NULL) {
        tdm_wipe(buf->data, buf->capacity);
    }
    tdm_buf_clear(buf);
}

void tdm_buf_reset(struct tdm_buf *buf)
{
    buf->length = 0;
    buf->failed = 0;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

int tdm_buf_reserve(struct tdm_buf *buf, size_t length)
{
    if (buf->failed) {
        return -1;
    }
    if (length > buf->max || buf->length > buf->max - length) {
        buf->failed = 1;
        return -1;
    }
    size_t needed = buf->length + length + 1;
    if (needed <= buf->capacity) {
        return 0;
    }
    size_t capacity = buf->capacity > 0 ? buf->capacity : 64;
    while (capacity < needed) {
        capacity = capacity <= SIZE_MAX / 2 ? capacity * 2 : needed;
    }
    char *data = tdm_resize_array(&buf->allocator, buf->data, capacity, 1);
    if (data == NULL) {
        buf->failed = 1;
        return -1;
    }
    buf->data = data;
    buf->capacity = capacity;
    buf->data[buf->length] = '\0';
    return 0;
}

/* 1 where there is room without a look at anything else. */
static int buf_has_room(const struct tdm_buf *buf, size_t length)
{
    return !buf->failed && length < buf->capacity - buf->length && length <= buf->max - buf->length;
}

int tdm_buf_add(struct tdm_buf *buf, const void *bytes, size_t length)
{
    if (!buf_has_room(buf, length) && tdm_buf_reserve(buf, length) != 0) {
        return -1;
    }
    if (length > 0) {
        memcpy(buf->data + buf->length, bytes, length);
    }
    buf->length += length;
    buf->data[buf->length] = '\0';
    return 0;
}

int tdm_buf_add_str(struct tdm_buf *buf, const char *text)
{
    return tdm_buf_add(buf, text, strlen(text));
}

int tdm_buf_add_char(struct tdm_buf *buf, char c)
{
    if (!buf_has_room(buf, 1) && tdm_buf_reserve(buf, 1) != 0) {
        return -1;
    }
    buf->data[buf->length++] = c;
    buf->data[buf->length] = '\0';
    return 0;
}

int tdm_buf_add_number(struct tdm_buf *buf, int64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t rest = number < 0 ? ~(uint64_t)number + 1 : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        digits[--at] = '-';
    }
    return tdm_buf_add(buf, digits + at, sizeof(digits) - at);
}

int tdm_buf_vaddf(struct tdm_buf *buf, const char *format, va_list args)
{
    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%') {
            size_t run = strcspn(p, "%");
            tdm_buf_add(buf, p, run);
            p += run - 1;
            continue;
        }
        p++;
        if (*p == 's') {
            tdm_buf_add_str(buf, va_arg(args, const char *));
        } else if (strncmp(p, ".*s", 3) == 0) {
            int length = va_arg(args, int);
            tdm_buf_add(buf, va_arg(args, const char *), (size_t)length);
            p += 2;
        } else if (*p == 'd') {
            tdm_buf_add_number(buf, va_arg(args, int));
        } else if (*p == 'l') {
            tdm_buf_add_number(buf, va_arg(args, int64_t));
        } else if (*p == 'z') {
            tdm_buf_add_number(buf, (int64_t)va_arg(args, size_t));
        } else if (*p == 'c') {
            tdm_buf_add_char(buf, (char)va_arg(args, int));
        } else {
            tdm_buf_add_char(buf, *p);
        }
    }
    return buf->failed ? -1 : 0;
}

int tdm_buf_addf(struct tdm_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = tdm_buf_vaddf(buf, format, args);
    va_end(args);
    return result;
}

void tdm_buf_drop(struct tdm_buf *buf, size_t length)
{
    if (length >= buf->length) {
        buf->length = 0;
    } else {
        memmove(buf->data, buf->data + length, buf->length - length);
        buf->length -= length;
    }
    if (buf->data != NULL) {
        buf->data[buf->length] = '\0';
    }
}

const char *tdm_buf_text(const struct tdm_buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}
