/* webhook_form.c: what Mandrill signs of a form (application/x-www-form-urlencoded). */
#include <string.h>

#include "util/str.h"
#include "webhook/webhook.h"

#define FORM_FIELDS_MAX 32

/* Offsets into the decoded bytes, as those move while they grow. */
struct form_field {
    size_t name;
    size_t name_length;
    size_t value;
    size_t value_length;
};

static int form_hex(char c)
{
    c = tdm_lower(c);
    return tdm_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes up to one of the ends; how far it read, or -1. */
static ptrdiff_t form_decode(struct tdm_buf *out, const char *bytes, size_t length,
                             const char *ends)
{
    size_t i = 0;
    while (i < length && (bytes[i] == '\0' || strchr(ends, bytes[i]) == NULL)) {
        int high = i + 2 < length ? form_hex(bytes[i + 1]) : -1;
        int low = high >= 0 ? form_hex(bytes[i + 2]) : -1;
        char c = bytes[i] == '+' ? ' ' : bytes[i];
        if (c == '%') {
            if (low < 0) {
                return -1;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        tdm_buf_add_char(out, c);
        i++;
    }
    return (ptrdiff_t)i;
}

static int form_before(const struct tdm_buf *bytes, const struct form_field *a,
                       const struct form_field *b)
{
    size_t length = a->name_length < b->name_length ? a->name_length : b->name_length;
    int order = length > 0 ? memcmp(bytes->data + a->name, bytes->data + b->name, length) : 0;
    return order != 0 ? order < 0 : a->name_length < b->name_length;
}

/* Reads the form into `fields`, sorted by name; how many, or -1. */
static int form_read(struct tdm_buf *bytes, struct form_field *fields, const char *body,
                     size_t length)
{
    int count = 0;
    size_t at = 0;
    while (at < length) {
        struct form_field field;
        field.name = bytes->length;
        ptrdiff_t read = form_decode(bytes, body + at, length - at, "=&");
        if (read < 0 || count == FORM_FIELDS_MAX) {
            return -1;
        }
        at += (size_t)read;
        field.name_length = bytes->length - field.name;
        field.value = bytes->length;
        if (at < length && body[at] == '=') {
            at++;
            read = form_decode(bytes, body + at, length - at, "&");
            if (read < 0) {
                return -1;
            }
            at += (size_t)read;
        }
        field.value_length = bytes->length - field.value;
        at += at < length; /* the & */
        if (bytes->failed) {
            return 0;
        }
        int place = count++;
        for (; place > 0 && form_before(bytes, &field, &fields[place - 1]); place--) {
            fields[place] = fields[place - 1];
        }
        fields[place] = field;
    }
    return count;
}

int tdm_hook_add_form(struct tdm_buf *out, const tidymail_webhook_request *request)
{
    struct form_field fields[FORM_FIELDS_MAX];
    struct tdm_buf bytes;
    tdm_buf_init(&bytes, request->allocator, TDM_HOOK_BODY_MAX);
    int count = form_read(&bytes, fields, request->body, request->body_length);
    for (int i = 0; i < count; i++) {
        tdm_buf_add(out, tdm_buf_text(&bytes) + fields[i].name, fields[i].name_length);
        tdm_buf_add(out, tdm_buf_text(&bytes) + fields[i].value, fields[i].value_length);
    }
    int verdict = count < 0                     ? TIDYMAIL_WEBHOOK_MALFORMED
                  : bytes.failed || out->failed ? TIDYMAIL_WEBHOOK_NO_MEMORY
                                                : TIDYMAIL_WEBHOOK_GENUINE;
    tdm_buf_clear(&bytes);
    return verdict;
}
