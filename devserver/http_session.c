/* http_session.c: see http_session.h. Lines come together in `line`, bodies in the request. */
#include "http_session.h"

#include <string.h>

#include "util/str.h"

#define LINE_LIMIT 16384
#define HEAD_LIMIT ((size_t)64 << 10)
#define INPUT_LIMIT ((size_t)1 << 20) /* sent ahead, behind the request under way */
#define OUT_LIMIT ((size_t)64 << 20)

static void http_session_begin(struct tdm_http_session *session, int64_t now_ms)
{
    tdm_http_head_clear(&session->request);
    tdm_buf_init(&session->request.body, NULL, session->options.max_body);
    tdm_buf_reset(&session->line);
    session->mode = TDM_HTTP_MODE_START;
    session->event = TDM_HTTP_NOTHING;
    session->head_size = 0;
    session->note = NULL;
    session->deadline = now_ms + session->options.idle_ms;
}

void tdm_http_session_init(struct tdm_http_session *session,
                           const struct tdm_http_session_options *options, int64_t now_ms)
{
    memset(session, 0, sizeof(*session));
    session->options = *options;
    tdm_buf_init(&session->input, NULL, INPUT_LIMIT);
    tdm_buf_init(&session->line, NULL, LINE_LIMIT);
    tdm_buf_init(&session->out, NULL, OUT_LIMIT);
    http_session_begin(session, now_ms);
}

void tdm_http_session_clear(struct tdm_http_session *session)
{
    tdm_http_head_clear(&session->request);
    tdm_buf_wipe(&session->input);
    tdm_buf_wipe(&session->line);
    tdm_buf_clear(&session->out);
}

void tdm_http_session_close(struct tdm_http_session *session)
{
    session->mode = TDM_HTTP_MODE_CLOSED;
    session->event = TDM_HTTP_CLOSE;
    session->deadline = -1;
    tdm_buf_reset(&session->input);
}

static void http_session_trace(const struct tdm_http_session *session, enum tdm_server_mark mark,
                               const char *words, const char *more)
{
    struct tdm_buf line;
    if (session->options.trace.line == NULL) {
        return;
    }
    tdm_buf_init(&line, NULL, 4096);
    tdm_shown_add(&line, words, strlen(words));
    tdm_buf_add_char(&line, ' ');
    tdm_shown_add(&line, more, strlen(more));
    session->options.trace.line(session->options.trace.context, mark, tdm_buf_text(&line));
    tdm_buf_clear(&line);
}

/* Status line, fields, body. */
static void http_session_say(struct tdm_http_session *session, int status, const char *fields,
                             const void *body, size_t length)
{
    struct tdm_buf *out = &session->out;
    const char *method = session->request.method;
    char number[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                      (char)('0' + status % 10), '\0'};
    tdm_buf_addf(out, "HTTP/1.1 %d %s\r\n%s", status, tdm_http_reason(status), fields);
    if (status != 204) {
        tdm_buf_addf(out, "Content-Length: %z\r\n", length);
    }
    tdm_buf_addf(out, "Connection: %s\r\n\r\n", session->closes ? "close" : "keep-alive");
    if (status != 204 && (method == NULL || strcmp(method, "HEAD") != 0)) {
        tdm_buf_add(out, body, length);
    }
    http_session_trace(session, TDM_SERVER_SENT, number, tdm_http_reason(status));
    if (out->failed) {
        tdm_http_session_close(session);
    }
}

/* A request that cannot be understood: the connection ends behind the answer. */
static void http_session_refuse(struct tdm_http_session *session, int status, const char *why)
{
    session->closes = 1;
    http_session_trace(session, TDM_SERVER_NOTE, "not understood:", why);
    http_session_say(session, status, "Content-Type: text/plain\r\n", why, strlen(why));
    tdm_http_session_close(session);
}

static void http_session_event(struct tdm_http_session *session, enum tdm_http_event event)
{
    session->mode = TDM_HTTP_MODE_PAUSED;
    session->event = event;
}

static void http_session_complete(struct tdm_http_session *session)
{
    session->requests++;
    session->deadline = -1;
    http_session_event(session, TDM_HTTP_REQUEST);
}

static void http_session_chunk_size(struct tdm_http_session *session)
{
    const char *why = "";
    int status = tdm_http_head_chunk(tdm_buf_text(&session->line), session->line.length,
                                     &session->body_left, &why);
    if (status == 0 &&
        session->body_left > session->options.max_body - session->request.body.length) {
        status = 413;
        why = "the request is too large";
    }
    if (status != 0) {
        http_session_refuse(session, status, why);
    } else {
        session->mode = session->body_left > 0 ? TDM_HTTP_MODE_CHUNK : TDM_HTTP_MODE_TRAILER;
    }
}

static void http_session_fields_end(struct tdm_http_session *session)
{
    const char *why = "";
    int status = tdm_http_head_finish(session, &why);
    if (status != 0) {
        http_session_refuse(session, status, why);
        return;
    }
    http_session_trace(session, TDM_SERVER_RECEIVED, session->request.method,
                       session->request.path);
    http_session_event(session, TDM_HTTP_HEAD);
}

/* A line without its CRLF. */
static void http_session_line(struct tdm_http_session *session)
{
    const char *line = tdm_buf_text(&session->line);
    size_t length = session->line.length;
    const char *why = "";
    int status = 0;
    if (memchr(line, '\r', length) != NULL || memchr(line, '\0', length) != NULL) {
        http_session_refuse(session, 400, "a CR or NUL within a line (RFC 9112 2.2)");
        return;
    }
    if (session->mode == TDM_HTTP_MODE_START && length > 0) {
        status = tdm_http_head_line(&session->request, line, length, &why);
        session->mode = TDM_HTTP_MODE_FIELDS;
    } else if (session->mode == TDM_HTTP_MODE_FIELDS && length == 0) {
        http_session_fields_end(session);
    } else if (session->mode == TDM_HTTP_MODE_FIELDS) {
        status = tdm_http_head_field(&session->request, line, length, &why);
    } else if (session->mode == TDM_HTTP_MODE_CHUNK_SIZE) {
        http_session_chunk_size(session);
    } else if (session->mode == TDM_HTTP_MODE_CHUNK_END) {
        session->mode = TDM_HTTP_MODE_CHUNK_SIZE;
        status = length > 0 ? 400 : 0;
        why = "a chunk that is longer than it said (RFC 9112 7.1)";
    } else if (session->mode == TDM_HTTP_MODE_TRAILER && length == 0) {
        http_session_complete(session); /* trailers say nothing here (RFC 9110 6.5.1) */
    }
    if (status != 0) {
        http_session_refuse(session, status, why);
    }
}

/* Takes bytes up to the end of a line; returns how many. */
static size_t http_session_take_line(struct tdm_http_session *session, const char *bytes,
                                     size_t length)
{
    const char *end = memchr(bytes, '\n', length);
    size_t taken = end != NULL ? (size_t)(end - bytes) + 1 : length;
    session->head_size += taken;
    if (tdm_buf_add(&session->line, bytes, taken) != 0 || session->head_size > HEAD_LIMIT) {
        int first = session->mode == TDM_HTTP_MODE_START;
        http_session_refuse(session, first ? 414 : 431, "the head of the request is too long");
        return taken;
    }
    if (end == NULL) {
        return taken;
    }
    struct tdm_buf *line = &session->line;
    if (line->length < 2 || line->data[line->length - 2] != '\r') {
        http_session_refuse(session, 400, "a line that ends in LF alone (RFC 9112 2.2)");
        return taken;
    }
    line->length -= 2;
    line->data[line->length] = '\0';
    http_session_line(session);
    tdm_buf_reset(line);
    return taken;
}

static size_t http_session_take_body(struct tdm_http_session *session, const char *bytes,
                                     size_t length)
{
    size_t taken = session->body_left < length ? (size_t)session->body_left : length;
    if (tdm_buf_add(&session->request.body, bytes, taken) != 0) {
        http_session_refuse(session, 500, "out of memory");
        return taken;
    }
    session->body_left -= taken;
    if (session->body_left == 0) {
        if (session->mode == TDM_HTTP_MODE_CHUNK) {
            session->head_size = 0; /* each chunk's line is short, however many there are */
            session->mode = TDM_HTTP_MODE_CHUNK_END;
        } else {
            http_session_complete(session);
        }
    }
    return taken;
}

void tdm_http_session_feed(struct tdm_http_session *session, const char *bytes, size_t length,
                           int64_t now_ms)
{
    while (length > 0) {
        size_t taken = length;
        enum tdm_http_mode mode = session->mode;
        if (mode == TDM_HTTP_MODE_PAUSED) {
            if (tdm_buf_add(&session->input, bytes, length) != 0) {
                tdm_http_session_close(session);
            }
        } else if (mode == TDM_HTTP_MODE_BODY || mode == TDM_HTTP_MODE_CHUNK) {
            taken = http_session_take_body(session, bytes, length);
        } else if (mode != TDM_HTTP_MODE_HANGING && mode != TDM_HTTP_MODE_CLOSED) {
            if (mode == TDM_HTTP_MODE_START && session->head_size == 0) {
                session->deadline = now_ms + session->options.request_ms;
            }
            taken = http_session_take_line(session, bytes, length);
        }
        bytes += taken;
        length -= taken;
    }
}

/* What was sent ahead has its turn. */
static void http_session_resume(struct tdm_http_session *session, int64_t now_ms)
{
    if (session->input.length == 0) {
        return;
    }
    struct tdm_buf waiting = session->input;
    tdm_buf_init(&session->input, NULL, INPUT_LIMIT);
    tdm_http_session_feed(session, waiting.data, waiting.length, now_ms);
    tdm_buf_wipe(&waiting);
}

int tdm_http_session_output(const struct tdm_http_session *session, const char **bytes,
                            size_t *length)
{
    *bytes = session->out.data;
    *length = session->out.length;
    return session->out.length > 0;
}

void tdm_http_session_consume(struct tdm_http_session *session, size_t length)
{
    tdm_buf_drop(&session->out, length);
}

enum tdm_http_event tdm_http_session_next(const struct tdm_http_session *session)
{
    return session->event;
}

void tdm_http_session_go_on(struct tdm_http_session *session, int64_t now_ms)
{
    if (session->event != TDM_HTTP_HEAD) {
        return;
    }
    session->event = TDM_HTTP_NOTHING;
    if (session->continues && session->input.length == 0) {
        tdm_buf_add_str(&session->out, "HTTP/1.1 100 Continue\r\n\r\n");
        http_session_trace(session, TDM_SERVER_SENT, "100", "Continue");
    }
    session->head_size = 0;
    if (session->chunked) {
        session->mode = TDM_HTTP_MODE_CHUNK_SIZE;
    } else if (session->body_left > 0) {
        session->mode = TDM_HTTP_MODE_BODY;
    } else {
        http_session_complete(session);
        return;
    }
    http_session_resume(session, now_ms);
}

void tdm_http_session_answer(struct tdm_http_session *session, int status, const char *fields,
                             const void *body, size_t length, int64_t now_ms)
{
    if (session->event != TDM_HTTP_HEAD && session->event != TDM_HTTP_REQUEST) {
        return;
    }
    int early = session->event == TDM_HTTP_HEAD && (session->chunked || session->body_left > 0);
    session->closes |= early;
    http_session_say(session, status, fields, body, length);
    if (session->mode == TDM_HTTP_MODE_CLOSED) {
        return;
    }
    if (session->closes) {
        tdm_http_session_close(session);
        return;
    }
    http_session_begin(session, now_ms);
    http_session_resume(session, now_ms);
}

void tdm_http_session_hang(struct tdm_http_session *session, int64_t now_ms)
{
    session->mode = TDM_HTTP_MODE_HANGING;
    session->event = TDM_HTTP_NOTHING;
    session->deadline = now_ms + session->options.hang_ms;
    http_session_trace(session, TDM_SERVER_NOTE, "no answer:", "the client waits");
}

int64_t tdm_http_session_deadline(const struct tdm_http_session *session)
{
    return session->deadline;
}

void tdm_http_session_tick(struct tdm_http_session *session, int64_t now_ms)
{
    if (session->deadline < 0 || now_ms < session->deadline) {
        return;
    }
    int between = session->mode == TDM_HTTP_MODE_START && session->head_size == 0;
    if (between || session->mode == TDM_HTTP_MODE_HANGING) {
        tdm_http_session_close(session);
    } else {
        http_session_refuse(session, 408, "the request did not come in time");
    }
}
