/* dkim_canonical.c: see dkim_canonical.h. */
#include "dkim/dkim_canonical.h"

#include <string.h>

#include "util/str.h"

void tdm_dkim_body_init(struct tdm_dkim_body *body, enum tdm_dkim_form form,
                        void (*put)(void *context, const char *bytes, size_t length), void *context)
{
    memset(body, 0, sizeof(*body));
    body->form = form;
    body->put = put;
    body->context = context;
}

/* Content follows, so what was held back counts after all. */
static void canonical_release(struct tdm_dkim_body *body)
{
    for (; body->line_ends > 0; body->line_ends--) {
        body->put(body->context, "\r\n", 2);
    }
    if (body->blank) {
        body->put(body->context, " ", 1);
        body->blank = 0;
    }
    if (body->after_cr) {
        body->put(body->context, "\r", 1); /* one without LF: an ordinary byte */
        body->after_cr = 0;
    }
    body->has_content = 1;
}

void tdm_dkim_body_feed(struct tdm_dkim_body *body, const char *bytes, size_t length)
{
    size_t i = 0;
    while (i < length) {
        char c = bytes[i];
        if (c == '\n' && body->after_cr) {
            body->after_cr = 0;
            body->blank = 0; /* relaxed: blanks at the end of a line do not count */
            body->line_ends++;
            i++;
            continue;
        }
        if (body->after_cr) {
            canonical_release(body);
        }
        if (c == '\r') {
            body->after_cr = 1;
            i++;
            continue;
        }
        if (body->form == TDM_DKIM_RELAXED && tdm_is_space(c)) {
            body->blank = 1;
            i++;
            continue;
        }
        size_t end = i;
        while (end < length && bytes[end] != '\r' &&
               !(body->form == TDM_DKIM_RELAXED && tdm_is_space(bytes[end]))) {
            end++;
        }
        canonical_release(body);
        body->put(body->context, bytes + i, end - i);
        i = end;
    }
}

void tdm_dkim_body_end(struct tdm_dkim_body *body)
{
    if (body->after_cr) {
        canonical_release(body);
    }
    body->line_ends = 0;
    body->blank = 0;
    if (body->has_content || body->form == TDM_DKIM_SIMPLE) { /* 3.4.3: an empty body is CRLF */
        body->put(body->context, "\r\n", 2);
    }
}

void tdm_dkim_field(struct tdm_buf *out, enum tdm_dkim_form form, const char *field, size_t length,
                    int with_line_end)
{
    if (length >= 2 && memcmp(field + length - 2, "\r\n", 2) == 0) {
        length -= 2;
    }
    if (form == TDM_DKIM_SIMPLE) {
        tdm_buf_add(out, field, length);
    } else {
        const char *colon = memchr(field, ':', length);
        size_t name = colon != NULL ? (size_t)(colon - field) : length;
        size_t i = name + (colon != NULL);
        while (name > 0 && tdm_is_space(field[name - 1])) {
            name--;
        }
        for (size_t k = 0; k < name; k++) {
            tdm_buf_add_char(out, tdm_lower(field[k]));
        }
        tdm_buf_add_char(out, ':');
        int blank = 0;
        int has_value = 0;
        for (; i < length; i++) {
            if (tdm_is_space(field[i])) {
                blank = 1;
            } else if (field[i] != '\r' && field[i] != '\n') { /* 3.4.2: unfolded */
                if (blank && has_value) {
                    tdm_buf_add_char(out, ' ');
                }
                tdm_buf_add_char(out, field[i]);
                blank = 0;
                has_value = 1;
            }
        }
    }
    if (with_line_end) {
        tdm_buf_add(out, "\r\n", 2);
    }
}
