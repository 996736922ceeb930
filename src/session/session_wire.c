/* session_wire.c: bytes to and from the server, see session_data.h. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "session/session_data.h"

#define WIRE_PIECE 16384
#define WIRE_NOTE_MAX ((size_t)8 * 1024)
#define WIRE_POLL_MAX 3600000 /* what poll takes as int, and no more than a look each hour */

enum wire_io { WIRE_DATA, WIRE_WAIT, WIRE_ENDED };

void tdm_session_trace(const tidymail_session *session, int mark, const char *text, size_t length)
{
    struct tdm_buf shown;
    if (session->line == NULL) {
        return;
    }
    tdm_buf_init(&shown, &session->allocator, TDM_SESSION_LINE_MAX * 2);
    tdm_buf_add(&shown, text, length);
    tdm_session_hide(session, &shown);
    if (!shown.failed) {
        tidymail_smtp_trace line = {mark, session->phase, session->tls != NULL,
                                    tdm_buf_text(&shown), shown.length};
        session->line(session->line_context, &line);
    }
    tdm_buf_clear(&shown);
}

void tdm_session_note(const tidymail_session *session, const char *format, ...)
{
    struct tdm_buf text;
    va_list args;
    tdm_buf_init(&text, &session->allocator, WIRE_NOTE_MAX);
    va_start(args, format);
    int failed = tdm_buf_vaddf(&text, format, args);
    va_end(args);
    if (failed == 0) {
        tdm_session_trace(session, TIDYMAIL_SMTP_MARK_NOTE, tdm_buf_text(&text), text.length);
    }
    tdm_buf_clear(&text);
}

int tdm_session_wait(const tidymail_session *session, int events, int64_t deadline_ms)
{
    for (;;) {
        int64_t left = deadline_ms - tdm_session_now(session);
        struct pollfd one = {session->fd, (short)events, 0};
        left = left < 0 ? 0 : left < WIRE_POLL_MAX ? left : WIRE_POLL_MAX;
        int ready = poll(&one, 1, (int)left);
        if (ready > 0 || (ready < 0 && errno != EINTR && errno != EAGAIN)) {
            return 1; /* reading or writing says what is wrong */
        }
        if (tdm_session_now(session) >= deadline_ms) {
            return 0;
        }
    }
}

/* The connection is at its end; `words` say how, NULL: properly. Always the kind of the error. */
static int wire_end(tidymail_session *session, const char *words)
{
    int delivered = session->final_sent;
    int quit = session->verb == TDM_VERB_QUIT;
    if (session->seen.length > 0) { /* half a line is worth seeing too */
        tdm_session_trace(session, TIDYMAIL_SMTP_MARK_RECEIVED, session->seen.data,
                          session->seen.length);
    }
    if (session->tls != NULL) {
        if (tdm_tls_refused_late(session->tls, &session->error) == 0) {
            tdm_tls_damaged(session->tls, session->phase, &session->error);
        }
    }
    tdm_error_setf(&session->error, TIDYMAIL_KIND_CONNECTION, session->phase, "%s%s%s",
                   quit ? "the server closed the connection without answering QUIT"
                        : "the server closed the connection",
                   words != NULL ? ": " : "", words != NULL ? words : "");
    session->error.retryable = session->error.kind == TIDYMAIL_KIND_CONNECTION;
    session->error.maybe_delivered = delivered;
    if (delivered) {
        tdm_text_set(&session->allocator, &session->error.hint,
                     "it may have been delivered: look before sending it again");
    }
    tdm_session_cut(session);
    return session->error.kind;
}

static int wire_end_errno(tidymail_session *session, int number)
{
    struct tdm_buf words;
    tdm_buf_init(&words, &session->allocator, 256);
    tdm_net_add_errno(&words, number);
    int kind = wire_end(session, tdm_buf_text(&words));
    tdm_buf_clear(&words);
    return kind;
}

/* Writes once; how much in *taken. On WIRE_WAIT *events is what is waited for. */
static enum wire_io wire_write_once(tidymail_session *session, const char *bytes, size_t length,
                                    size_t *taken, int *events)
{
    *taken = 0;
    *events = POLLOUT;
    if (session->tls == NULL) {
        ssize_t sent = send(session->fd, bytes, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            *taken = (size_t)sent;
            return WIRE_DATA;
        }
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? WIRE_WAIT : WIRE_ENDED;
    }
    switch (tdm_tls_write(session->tls, bytes, length, taken)) {
    case TDM_TLS_DONE:
        return WIRE_DATA;
    case TDM_TLS_WANT_READ:
        *events = POLLIN;
        return WIRE_WAIT;
    case TDM_TLS_WANT_WRITE:
        return WIRE_WAIT;
    case TDM_TLS_EOF:
    case TDM_TLS_FAILED:
        break;
    }
    return WIRE_ENDED;
}

int tdm_session_write(tidymail_session *session, const void *bytes, size_t length)
{
    const char *at = bytes;
    int64_t stretch = session->transport->options.reply_timeout_ms;
    int64_t deadline = tdm_session_now(session) + stretch;
    while (length > 0) {
        size_t taken;
        int events;
        enum wire_io io = wire_write_once(session, at, length, &taken, &events);
        if (io == WIRE_ENDED) {
            session->broken = 1; /* what the server said before is still to be read */
            return TIDYMAIL_OK;
        }
        if (io == WIRE_DATA) {
            at += taken;
            length -= taken;
            deadline = tdm_session_now(session) + stretch;
        } else if (!tdm_session_wait(session, events, deadline)) {
            tdm_session_fail(session, TIDYMAIL_KIND_TIMEOUT, "the server takes no more bytes",
                             NULL);
            session->error.retryable = 1;
            tdm_session_cut(session);
            return TIDYMAIL_KIND_TIMEOUT;
        }
    }
    return TIDYMAIL_OK;
}

/* Reads what is there into the input; *events: what is waited for. An end is told by wire_end, its
 * kind in *kind. */
static enum wire_io wire_read_once(tidymail_session *session, int *events, int *kind)
{
    char bytes[WIRE_PIECE];
    size_t length = 0;
    *events = POLLIN;
    if (session->tls == NULL) {
        ssize_t got = recv(session->fd, bytes, sizeof(bytes), 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            return WIRE_WAIT;
        }
        if (got <= 0) {
            *kind = got < 0 ? wire_end_errno(session, errno) : wire_end(session, NULL);
            return WIRE_ENDED;
        }
        length = (size_t)got;
    } else {
        enum tdm_tls_result result = tdm_tls_read(session->tls, bytes, sizeof(bytes), &length);
        if (result == TDM_TLS_WANT_READ || result == TDM_TLS_WANT_WRITE) {
            *events = result == TDM_TLS_WANT_READ ? POLLIN : POLLOUT;
            return WIRE_WAIT;
        }
        if (result != TDM_TLS_DONE) {
            char words[160];
            const char *said = tdm_tls_words(session->tls);
            size_t size = said != NULL ? strlen(said) : 0;
            size = size < sizeof(words) ? size : sizeof(words) - 1;
            memcpy(words, said != NULL ? said : "", size);
            words[size] = '\0';
            *kind = wire_end(session, said != NULL ? words : NULL);
            return WIRE_ENDED;
        }
    }
    if (tdm_buf_add(&session->input, bytes, length) != 0) {
        *kind = tdm_session_no_memory(session);
        tdm_session_cut(session);
        return WIRE_ENDED;
    }
    return WIRE_DATA;
}

/* Shows the lines that came with these bytes. */
static void wire_show(tidymail_session *session, const char *bytes, size_t length)
{
    struct tdm_buf *seen = &session->seen;
    while (length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t piece = end != NULL ? (size_t)(end - bytes) : length;
        if (tdm_buf_add(seen, bytes, piece) != 0) {
            tdm_buf_reset(seen);
        }
        if (end != NULL) {
            size_t shown = seen->length;
            shown -= shown > 0 && seen->data[shown - 1] == '\r';
            if (session->hides_challenges && shown > 4 && memcmp(seen->data, "334", 3) == 0) {
                tdm_session_trace(session, TIDYMAIL_SMTP_MARK_RECEIVED, "334 [challenge hidden]",
                                  strlen("334 [challenge hidden]"));
            } else {
                tdm_session_trace(session, TIDYMAIL_SMTP_MARK_RECEIVED, tdm_buf_text(seen), shown);
            }
            tdm_buf_reset(seen);
            piece++;
        }
        bytes += piece;
        length -= piece;
    }
}

/* One reply out of the input. */
static enum tdm_reply_status wire_cut_reply(tidymail_session *session)
{
    size_t used = 0;
    if (session->replied) {
        tdm_reply_parser_next(&session->parser);
        session->replied = 0;
    }
    if (session->input.length == 0) {
        return TDM_REPLY_MORE;
    }
    enum tdm_reply_status status =
        tdm_reply_parser_feed(&session->parser, session->input.data, session->input.length, &used);
    wire_show(session, session->input.data, used);
    tdm_buf_drop(&session->input, used);
    session->replied = status != TDM_REPLY_MORE;
    return status;
}

static int wire_silent(tidymail_session *session, int64_t timeout_ms)
{
    if (timeout_ms == 0) {
        return TIDYMAIL_KIND_TIMEOUT; /* a look is no failure */
    }
    tdm_session_fail(session, TIDYMAIL_KIND_TIMEOUT, "the server did not answer in time", NULL);
    session->error.retryable = 1;
    session->error.maybe_delivered = session->final_sent;
    return TIDYMAIL_KIND_TIMEOUT;
}

int tdm_session_read(tidymail_session *session, int64_t timeout_ms)
{
    const struct tdm_options *given = &session->transport->options;
    int64_t usual = session->final_sent ? given->final_timeout_ms : given->reply_timeout_ms;
    int64_t deadline = tdm_session_now(session) + (timeout_ms < 0 ? usual : timeout_ms);
    for (;;) {
        int events = POLLIN;
        int kind = TIDYMAIL_OK;
        switch (wire_cut_reply(session)) {
        case TDM_REPLY_DONE:
            return tdm_session_take_reply(session);
        case TDM_REPLY_GARBAGE:
            return tdm_session_take_line(session);
        case TDM_REPLY_TOO_LONG:
            tdm_session_cut(session);
            return tdm_session_fail(session, TIDYMAIL_KIND_PROTOCOL,
                                    "a reply of more than 1 MiB, or a line of more than 64 KiB",
                                    NULL);
        case TDM_REPLY_NO_MEMORY:
            tdm_session_cut(session);
            return tdm_session_no_memory(session);
        case TDM_REPLY_MORE:
            break;
        }
        enum wire_io io = wire_read_once(session, &events, &kind);
        if (io == WIRE_ENDED) {
            return kind;
        }
        if (io == WIRE_WAIT && session->broken) {
            return wire_end(session, "writing to it failed");
        }
        if (io == WIRE_WAIT && !tdm_session_wait(session, events, deadline)) {
            return wire_silent(session, timeout_ms);
        }
        if (io == WIRE_DATA && timeout_ms != 0 && tdm_session_now(session) > deadline) {
            return wire_silent(session, timeout_ms); /* a server that drips is silent too */
        }
    }
}

int tidymail_session_read(tidymail_session *session, int64_t timeout_ms)
{
    if (session == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    tdm_session_begin(session);
    if (session->fd < 0) {
        return tdm_session_fail(session, TIDYMAIL_KIND_CONNECTION, "not connected", NULL);
    }
    return tdm_session_read(session, timeout_ms);
}
