/* rest_show.c: see rest_show.h. */
#include "transport/rest_show.h"

#include <string.h>

#include "net/note.h"
#include "util/str.h"

#define SHOW_BODY_MAX 4096

/* One line, with its secrets hidden. */
static void show_line(const struct tdm_trace *trace, const struct tdm_exchange *exchange, int mark,
                      int encrypted, const char *text, size_t length)
{
    struct tdm_buf line;
    int phase =
        mark == TIDYMAIL_SMTP_MARK_RECEIVED ? TIDYMAIL_PHASE_RESPONSE : TIDYMAIL_PHASE_REQUEST;
    tdm_buf_init(&line, &exchange->response->allocator, (size_t)512 * 1024);
    tdm_secrets_hide(exchange->secrets, text, length, 0, &line);
    if (!line.failed) {
        trace->line(trace->context, mark, phase, encrypted, tdm_buf_text(&line), line.length);
    }
    tdm_buf_clear(&line);
}

/* 1 where the request says so of a field of this name. */
static int show_is_secret(const struct tdm_exchange *exchange, const char *name, size_t length)
{
    const struct tdm_http_fields *fields = &exchange->request->fields;
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].secret && tdm_equal_nocase_n(name, length, fields->items[i].name)) {
            return 1;
        }
    }
    return tdm_equal_nocase_n(name, length, "Authorization");
}

/* "Name: ***", or the line as it is. */
static void show_field(const struct tdm_trace *trace, const struct tdm_exchange *exchange, int mark,
                       int encrypted, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    size_t name = colon != NULL ? (size_t)(colon - line) : 0;
    int hidden = mark == TIDYMAIL_SMTP_MARK_SENT ? show_is_secret(exchange, line, name)
                                                 : tdm_equal_nocase_n(line, name, "Set-Cookie");
    if (!hidden) {
        show_line(trace, exchange, mark, encrypted, line, length);
        return;
    }
    struct tdm_buf text;
    tdm_buf_init(&text, &exchange->response->allocator, 1024);
    tdm_buf_addf(&text, "%.*s: ***", (int)name, line);
    show_line(trace, exchange, mark, encrypted, tdm_buf_text(&text), text.length);
    tdm_buf_clear(&text);
}

static const char *show_type(const struct tdm_http_request *request)
{
    for (size_t i = 0; i < request->fields.count; i++) {
        if (tdm_equal_nocase(request->fields.items[i].name, "Content-Type")) {
            return request->fields.items[i].value;
        }
    }
    return "no type";
}

void tdm_show_request(const struct tdm_trace *trace, const struct tdm_exchange *exchange,
                      int encrypted, const char *head, size_t length)
{
    const struct tdm_http_request *request = exchange->request;
    if (trace->line == NULL) {
        return;
    }
    while (length > 0) {
        const char *end = memchr(head, '\n', length);
        size_t whole = end != NULL ? (size_t)(end - head) + 1 : length;
        size_t line = whole;
        while (line > 0 && (head[line - 1] == '\n' || head[line - 1] == '\r')) {
            line--;
        }
        if (line > 0) {
            show_field(trace, exchange, TIDYMAIL_SMTP_MARK_SENT, encrypted, head, line);
        }
        head += whole;
        length -= whole;
    }
    const char *type = show_type(request);
    struct tdm_net_trace net = {trace->line, trace->context};
    tdm_net_note(&net, &exchange->response->allocator, TIDYMAIL_PHASE_REQUEST, encrypted,
                 "body of %z bytes (%.*s)", request->body.length, (int)strcspn(type, ";"), type);
}

void tdm_show_header(const struct tdm_trace *trace, const struct tdm_exchange *exchange,
                     int encrypted, const char *line, size_t length)
{
    if (trace->line != NULL && length > 0) {
        show_field(trace, exchange, TIDYMAIL_SMTP_MARK_RECEIVED, encrypted, line, length);
    }
}

void tdm_show_body(const struct tdm_trace *trace, const struct tdm_exchange *exchange,
                   int encrypted)
{
    const char *text = tdm_buf_text(&exchange->response->body);
    size_t length = exchange->response->body.length;
    struct tdm_buf safe;
    if (trace->line == NULL || length == 0) {
        return;
    }
    /* hidden as a whole: a secret may stand where the line or the part that is shown ends */
    tdm_buf_init(&safe, &exchange->response->allocator, TDM_HTTP_ANSWER_MAX * 4);
    tdm_secrets_hide(exchange->secrets, text, length, 0, &safe);
    size_t at = 0;
    size_t shown = safe.length < SHOW_BODY_MAX ? safe.length : SHOW_BODY_MAX;
    while (!safe.failed && at < shown) {
        const char *end = memchr(safe.data + at, '\n', shown - at);
        size_t line = end != NULL ? (size_t)(end - safe.data) - at : shown - at;
        size_t next = at + line + (end != NULL);
        line -= line > 0 && safe.data[at + line - 1] == '\r';
        trace->line(trace->context, TIDYMAIL_SMTP_MARK_RECEIVED, TIDYMAIL_PHASE_RESPONSE, encrypted,
                    safe.data + at, line);
        at = next;
    }
    if (!safe.failed && shown < safe.length) {
        struct tdm_net_trace net = {trace->line, trace->context};
        tdm_net_note(&net, &exchange->response->allocator, TIDYMAIL_PHASE_RESPONSE, encrypted,
                     "%z more bytes", safe.length - shown);
    }
    tdm_buf_clear(&safe);
}
