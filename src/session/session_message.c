/* session_message.c: the message behind DATA (RFC 5321 4.5.2), see session_data.h. */
#include "session/session_data.h"

#define MESSAGE_PIECE 16384

/* From what a source gives to what goes on the wire. */
struct message_out {
    struct tdm_buf bytes;
    int in_line; /* the line under way has begun */
    int cr;      /* a CR that is the end of a line, with its LF or without */
    int64_t size;
};

static void message_end_line(struct message_out *out)
{
    tdm_buf_add(&out->bytes, "\r\n", 2);
    out->in_line = 0;
    out->cr = 0;
}

/* A bare CR or LF becomes CRLF: a server that takes one for a line end must not find another message
 * in this one. */
static void message_add(struct message_out *out, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (out->cr && bytes[i] != '\n') {
            message_end_line(out);
        }
        if (bytes[i] == '\n') {
            message_end_line(out);
        } else if (bytes[i] == '\r') {
            out->cr = 1;
        } else {
            if (!out->in_line && bytes[i] == '.') {
                tdm_buf_add_char(&out->bytes, '.');
            }
            tdm_buf_add_char(&out->bytes, bytes[i]);
            out->in_line = 1;
        }
    }
}

static void message_finish(struct message_out *out)
{
    if (out->cr || out->in_line) {
        message_end_line(out);
    }
    tdm_buf_add(&out->bytes, ".\r\n", 3);
}

/* Half a message is under way: only the end of the connection says so (RFC 5321 4.1.1.4). */
static int message_read_failed(tidymail_session *session, const tidymail_source *source)
{
    const char *words = source->error != NULL ? source->error(source->context) : NULL;
    tdm_session_note(session, "the message could not be read; the connection is cut, so that no "
                              "half of it is taken for the whole");
    tdm_session_cut(session);
    return tdm_session_fail(session, TIDYMAIL_KIND_LOCAL,
                            words != NULL ? words : "the message could not be read", NULL);
}

static int message_write(tidymail_session *session, struct message_out *out)
{
    if (out->bytes.failed) {
        tdm_session_cut(session);
        return tdm_session_no_memory(session);
    }
    out->size += (int64_t)out->bytes.length;
    int kind = tdm_session_write(session, tdm_buf_text(&out->bytes), out->bytes.length);
    tdm_buf_reset(&out->bytes);
    return kind;
}

static int message_pump(tidymail_session *session, const tidymail_source *source,
                        struct message_out *out)
{
    char piece[MESSAGE_PIECE];
    session->phase = TIDYMAIL_PHASE_BODY;
    for (;;) {
        ptrdiff_t got = source->read(source->context, piece, sizeof(piece));
        if (got < 0) {
            return message_read_failed(session, source);
        }
        if (got == 0) {
            break;
        }
        message_add(out, piece, (size_t)got);
        int kind = message_write(session, out);
        if (kind != TIDYMAIL_OK || session->broken) {
            return kind;
        }
    }
    message_finish(out);
    session->phase = TIDYMAIL_PHASE_FINAL;
    if (!out->bytes.failed) {
        session->final_sent = 1;
    }
    int kind = message_write(session, out);
    if (kind == TIDYMAIL_OK) {
        tdm_session_note(session, "a message of %l bytes", out->size - 3);
        tdm_session_trace(session, TIDYMAIL_SMTP_MARK_SENT, ".", 1);
    }
    return kind;
}

int tidymail_session_send_message(tidymail_session *session, const tidymail_source *source)
{
    struct message_out out = {.size = 0};
    if (session == NULL || source == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    tdm_session_begin(session);
    if (session->mode != TIDYMAIL_SESSION_DATA) {
        int asked = tdm_session_ask(session, "DATA");
        asked = asked == TIDYMAIL_OK ? tdm_session_verdict(session) : asked;
        if (asked != TIDYMAIL_OK) {
            return asked;
        }
        if (session->code != 354) {
            return tdm_session_fail(session, TIDYMAIL_KIND_PROTOCOL,
                                    "the server's answer to DATA makes no sense", NULL);
        }
    }
    tdm_buf_init(&out.bytes, &session->allocator, (size_t)MESSAGE_PIECE * 2 + 64);
    int kind = message_pump(session, source, &out);
    tdm_buf_clear(&out.bytes);
    if (kind == TIDYMAIL_OK) {
        tdm_session_begin(session);
        kind = tdm_session_read(session, -1);
    }
    return kind == TIDYMAIL_OK ? tdm_session_verdict(session) : kind;
}
