/* api_form.c: forms as browsers send them (api.h): each item with its name, files with theirs. */
#include <string.h>

#include "api.h"
#include "util/str.h"

#define ITEMS_MAX 4000
#define NAME_LIMIT 4096

static const tidymail_allocator *const memory = &tdm_allocator_default;

void tdm_api_form_clear(struct tdm_api_form *form)
{
    for (size_t i = 0; i < form->count; i++) {
        tdm_free(memory, form->items[i].name);
        tdm_free(memory, form->items[i].filename);
        tdm_free(memory, form->items[i].type);
        tdm_free(memory, form->items[i].bytes);
    }
    tdm_free(memory, form->items);
    form->items = NULL;
    form->count = 0;
}

const struct tdm_api_form_item *tdm_api_form_find(const struct tdm_api_form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++) {
        if (strcmp(form->items[i].name, name) == 0) {
            return &form->items[i];
        }
    }
    return NULL;
}

/* A new item, zeroed; NULL when out of memory or too many. */
static struct tdm_api_form_item *form_grow(struct tdm_api_form *form)
{
    struct tdm_api_form_item *grown = NULL;
    if (form->count < ITEMS_MAX) {
        grown = tdm_resize_array(memory, form->items, form->count + 1, sizeof(*grown));
    }
    if (grown == NULL) {
        return NULL;
    }
    form->items = grown;
    memset(&grown[form->count], 0, sizeof(*grown));
    return &grown[form->count++];
}

/* The parameter of a field: "; name=value" or "; name=\"value\"", appended to `out`. In quotes \" and
 * \\ stand for themselves, and %22, %0D, %0A as browsers write them. -1: there is none. */
static int form_parameter(const char *value, const char *name, struct tdm_buf *out)
{
    size_t length = strlen(name);
    const char *at = value + strcspn(value, ";");
    while (*at == ';') {
        at += 1 + strspn(at + 1, " \t");
        int here = tdm_starts_nocase(at, strlen(at), name) && at[length] == '=';
        at += strcspn(at, "=;\"");
        at += *at == '=';
        int quoted = *at == '"';
        at += quoted;
        while (*at != '\0' && (quoted ? *at != '"' : *at != ';' && !tdm_is_space(*at))) {
            char c = *at;
            if (quoted && c == '\\' && (at[1] == '"' || at[1] == '\\')) {
                c = *++at;
            } else if (quoted && c == '%' && at[1] == '2' && at[2] == '2') {
                c = '"';
                at += 2;
            } else if (quoted && c == '%' && at[1] == '0' && (at[2] == 'D' || at[2] == 'A')) {
                c = at[2] == 'D' ? '\r' : '\n';
                at += 2;
            }
            if (here) {
                tdm_buf_add_char(out, c);
            }
            at++;
        }
        if (here) {
            return 0;
        }
        at += strcspn(at, ";");
    }
    return -1;
}

/* One line of a part's header. */
static int form_part_field(struct tdm_api_form_item *item, const char *line, size_t length)
{
    struct tdm_buf value;
    struct tdm_buf found;
    int result = 0;
    tdm_buf_init(&value, NULL, NAME_LIMIT);
    tdm_buf_init(&found, NULL, NAME_LIMIT);
    tdm_buf_add(&value, line, length);
    const char *text = tdm_buf_text(&value);
    if (tdm_starts_nocase(text, length, "Content-Disposition:")) {
        text += 20 + strspn(text + 20, " \t");
        if (!tdm_starts_nocase(text, strlen(text), "form-data") ||
            form_parameter(text, "name", &found) != 0 || item->name != NULL) {
            result = -1;
        } else {
            item->name = tdm_strdup(memory, tdm_buf_text(&found));
            tdm_buf_reset(&found);
            if (form_parameter(text, "filename", &found) == 0) {
                item->filename = tdm_strdup(memory, tdm_buf_text(&found));
                result = item->filename != NULL ? 0 : -1;
            }
        }
    } else if (tdm_starts_nocase(text, length, "Content-Type:") && item->type == NULL) {
        item->type = tdm_strdup(memory, text + 13 + strspn(text + 13, " \t"));
        result = item->type != NULL ? 0 : -1;
    }
    result = value.failed || found.failed || memchr(line, '\0', length) != NULL ? -1 : result;
    tdm_buf_clear(&value);
    tdm_buf_clear(&found);
    return result;
}

/* A part between two boundaries: header lines, an empty one, bytes. */
static int form_part(struct tdm_api_form *form, const char *bytes, size_t length)
{
    struct tdm_api_form_item *item = form_grow(form);
    if (item == NULL) {
        return -1;
    }
    for (;;) {
        const char *end = memmem(bytes, length, "\r\n", 2);
        if (end == NULL) {
            return -1;
        }
        size_t line = (size_t)(end - bytes);
        if (line > 0 && form_part_field(item, bytes, line) != 0) {
            return -1;
        }
        bytes += line + 2;
        length -= line + 2;
        if (line == 0) {
            break;
        }
    }
    item->bytes = tdm_strndup(memory, bytes, length);
    item->length = length;
    return item->name != NULL && item->bytes != NULL ? 0 : -1;
}

/* RFC 2046 5.1.1: each delimiter stands at the start of a line, the last has "--" behind it. */
static int form_multipart(struct tdm_api_form *form, const char *boundary,
                          const struct tdm_buf *body)
{
    struct tdm_buf mark;
    tdm_buf_init(&mark, NULL, 256);
    tdm_buf_addf(&mark, "\r\n--%s", boundary);
    const char *at = tdm_buf_text(body);
    const char *end = at + body->length;
    int result =
        mark.failed || body->length < mark.length || memcmp(at, mark.data + 2, mark.length - 2) != 0
            ? -1
            : 0;
    at += result == 0 ? mark.length - 2 : 0;
    while (result == 0 && end - at >= 2 && memcmp(at, "--", 2) != 0) {
        const char *next = NULL;
        if (memcmp(at, "\r\n", 2) == 0) {
            next = memmem(at + 2, (size_t)(end - at) - 2, mark.data, mark.length);
        }
        if (next == NULL) {
            result = -1;
            break;
        }
        result = form_part(form, at + 2, (size_t)(next - at) - 2);
        at = next + mark.length;
    }
    result = end - at < 2 ? -1 : result;
    tdm_buf_clear(&mark);
    return result;
}

static int form_digit(char c)
{
    c = tdm_lower(c);
    return tdm_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *form_decode(const char *text, size_t length, size_t *decoded)
{
    char *out = tdm_strndup(memory, text, length);
    size_t to = 0;
    for (size_t i = 0; out != NULL && i < length; i++, to++) {
        out[to] = out[i] == '+' ? ' ' : out[i];
        if (out[i] == '%' && i + 2 < length + 0 && form_digit(out[i + 1]) >= 0 &&
            form_digit(out[i + 2]) >= 0) {
            out[to] = (char)(form_digit(out[i + 1]) * 16 + form_digit(out[i + 2]));
            i += 2;
        }
    }
    if (out != NULL) {
        out[to] = '\0';
    }
    *decoded = to;
    return out;
}

static int form_urlencoded(struct tdm_api_form *form, const struct tdm_buf *body)
{
    const char *at = tdm_buf_text(body);
    const char *end = at + body->length;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        struct tdm_api_form_item *item = form_grow(form);
        size_t length = 0;
        if (item == NULL || equals == NULL) {
            return -1;
        }
        item->name = form_decode(at, (size_t)(equals - at), &length);
        item->bytes = form_decode(equals + 1, (size_t)(stop - equals) - 1, &item->length);
        if (item->name == NULL || item->bytes == NULL) {
            return -1;
        }
        at = stop + (stop < end);
    }
    return 0;
}

int tdm_api_form_read(struct tdm_api_call *call, struct tdm_api_form *form)
{
    const struct tdm_buf *body = &call->request->body;
    const char *type = tdm_served_field(call->request, "Content-Type");
    struct tdm_buf boundary;
    int result = -1;
    form->items = NULL;
    form->count = 0;
    type = type != NULL ? type : "";
    tdm_buf_init(&boundary, NULL, 71); /* RFC 2046 5.1.1: 70 at most */
    if (tdm_starts_nocase(type, strlen(type), "multipart/form-data")) {
        if (form_parameter(type, "boundary", &boundary) == 0 && boundary.length > 0 &&
            !boundary.failed) {
            result = form_multipart(form, tdm_buf_text(&boundary), body);
        }
        if (result != 0) {
            tdm_api_refuse(call, TDM_API_SYNTAX, "", "malformed multipart/form-data request");
        }
    } else if (tdm_equal_nocase(type, "application/x-www-form-urlencoded")) {
        result = form_urlencoded(form, body);
        if (result != 0) {
            tdm_api_refuse(call, TDM_API_SYNTAX, "", "malformed form request");
        }
    } else {
        tdm_api_refuse(call, TDM_API_MEDIA, "",
                       "Content-Type must be multipart/form-data or "
                       "application/x-www-form-urlencoded");
    }
    tdm_buf_clear(&boundary);
    return result;
}
