/*
 * http_session.h: one HTTP/1.1 connection on the server's side (RFC 9112), without I/O. Bytes and time
 * go in, bytes and events come out, as in server_session.h:
 *
 *     tdm_http_session_feed(s, input, n, now) | _tick(s, now)
 *     while (tdm_http_session_output(s, &bytes, &length))      // write, then consume
 *         tdm_http_session_consume(s, written);
 *     switch (tdm_http_session_next(s)) ...
 *
 * It is strict: what two readers could understand differently (RFC 9112 11.2) is answered with 400 and
 * the connection ends. One request is under way at a time; what a client sends behind it waits.
 */
#ifndef TDM_DEVSERVER_HTTP_SESSION_H
#define TDM_DEVSERVER_HTTP_SESSION_H

#include <stdint.h>

#include "shown.h"

struct tdm_served_field {
    char *name;
    char *value; /* without blanks around it */
};

/* A request as it came. Texts are never NULL once the head is complete. */
struct tdm_served_request {
    char *method;
    char *path;  /* as it came, percent-encoded; begins with "/" */
    char *query; /* behind the "?", "" where there is none */
    int minor;   /* of HTTP/1.x */
    struct tdm_served_field *fields;
    size_t field_count;
    struct tdm_buf body;
};

/* The value of the first field of that name, case-blind; NULL: there is none. */
const char *tdm_served_field(const struct tdm_served_request *request, const char *name);

struct tdm_http_session_options {
    size_t max_body;
    int64_t idle_ms;    /* without a byte of a request: the connection ends in silence */
    int64_t request_ms; /* from its first byte to its last; then 408 */
    int64_t hang_ms;    /* an answer that never comes ends with the connection then */
    struct tdm_server_trace trace;
};

enum tdm_http_event {
    TDM_HTTP_NOTHING = 0,
    TDM_HTTP_HEAD,    /* the head is complete: _go_on, _answer or _close */
    TDM_HTTP_REQUEST, /* all of it is there: _answer, _hang or _close */
    TDM_HTTP_CLOSE    /* close the connection, once the output is written */
};

enum tdm_http_mode {
    TDM_HTTP_MODE_START, /* of a request, empty lines are skipped (RFC 9112 2.2) */
    TDM_HTTP_MODE_FIELDS,
    TDM_HTTP_MODE_BODY,
    TDM_HTTP_MODE_CHUNK_SIZE,
    TDM_HTTP_MODE_CHUNK,
    TDM_HTTP_MODE_CHUNK_END,
    TDM_HTTP_MODE_TRAILER,
    TDM_HTTP_MODE_PAUSED, /* an event waits */
    TDM_HTTP_MODE_HANGING,
    TDM_HTTP_MODE_CLOSED
};

struct tdm_http_session {
    struct tdm_http_session_options options;
    enum tdm_http_mode mode;
    enum tdm_http_event event;
    struct tdm_buf input; /* what comes while an event waits */
    struct tdm_buf line;
    struct tdm_buf out;
    size_t head_size;
    size_t requests; /* complete ones */
    uint64_t body_left;
    int chunked;
    int continues; /* Expect: 100-continue (RFC 9110 10.1.1) */
    int closes;    /* after the answer */
    int64_t deadline;
    struct tdm_served_request request;
    const void *note; /* of whoever acts on the events, forgotten with the request */
};

void tdm_http_session_init(struct tdm_http_session *session,
                           const struct tdm_http_session_options *options, int64_t now_ms);
void tdm_http_session_clear(struct tdm_http_session *session);
void tdm_http_session_feed(struct tdm_http_session *session, const char *bytes, size_t length,
                           int64_t now_ms);
int tdm_http_session_output(const struct tdm_http_session *session, const char **bytes,
                            size_t *length);
void tdm_http_session_consume(struct tdm_http_session *session, size_t length);
/* The event to act on now; the same one until it is answered. */
enum tdm_http_event tdm_http_session_next(const struct tdm_http_session *session);
/* After the head: the body may come. */
void tdm_http_session_go_on(struct tdm_http_session *session, int64_t now_ms);
/* The answer. `fields`: lines "Name: value" with CRLF each; Content-Length and Connection are added. An
 * answer before the body came ends the connection. */
void tdm_http_session_answer(struct tdm_http_session *session, int status, const char *fields,
                             const void *body, size_t length, int64_t now_ms);
/* No answer: the client waits until it or hang_ms ends it. */
void tdm_http_session_hang(struct tdm_http_session *session, int64_t now_ms);
/* No answer: the connection ends. */
void tdm_http_session_close(struct tdm_http_session *session);
int64_t tdm_http_session_deadline(const struct tdm_http_session *session);
void tdm_http_session_tick(struct tdm_http_session *session, int64_t now_ms);

/* http_head.c: the pieces of a head (RFC 9112 3 to 6). All return 0, or the status to refuse it with,
 * then *why says in what it is wrong. */
int tdm_http_head_line(struct tdm_served_request *request, const char *line, size_t length,
                       const char **why);
int tdm_http_head_field(struct tdm_served_request *request, const char *line, size_t length,
                        const char **why);
/* What the whole head comes to: how the body is framed, what follows it. */
int tdm_http_head_finish(struct tdm_http_session *session, const char **why);
/* The size of a chunk (RFC 9112 7.1), extensions dropped. */
int tdm_http_head_chunk(const char *line, size_t length, uint64_t *size, const char **why);
void tdm_http_head_clear(struct tdm_served_request *request);
/* "OK", "Not Found", ...; "" for a status without a phrase of its own. */
const char *tdm_http_reason(int status);

#endif
