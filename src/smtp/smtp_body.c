/*
 * smtp_body.c: the message as it goes over the wire after 354. Every line ends in CRLF: a bare CR or
 * LF in the source becomes one (RFC 5321 2.3.8), so no sequence that some server takes for the end
 * of data can pass. A dot that begins a line is doubled (4.5.2). The last line end is held back
 * until more comes, so the end CRLF.CRLF always goes out in one piece. With CHUNKING the same lines
 * go out in chunks that say how long they are, and no dot is doubled.
 */
#include <string.h>

#include "smtp/smtp_internal.h"

#define READ_SIZE ((size_t)32 * 1024)
#define PIECE_SIZE ((size_t)64 * 1024) /* what is offered to the network at once */

#define CHUNK_ROOM 40 /* for "BDAT 18446744073709551615 LAST" and CRLF */

enum { HELD_NOTHING = 0, HELD_CR = 1, HELD_CRLF = 2 };

static void body_release_held(struct tdm_transaction *t, struct tdm_buf *out)
{
    if (t->held != HELD_NOTHING) {
        tdm_buf_add(out, "\r\n", 2);
        t->held = HELD_NOTHING;
        t->line_start = 1;
    }
}

static void body_add(struct tdm_transaction *t, struct tdm_buf *out, const char *bytes,
                     size_t length)
{
    const char *end = bytes + length;
    while (bytes < end) {
        if (t->held == HELD_CR && *bytes == '\n') {
            t->held = HELD_CRLF;
            bytes++;
            continue;
        }
        body_release_held(t, out);
        const char *lf = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *stop = lf != NULL ? lf : end;
        const char *cr = memchr(bytes, '\r', (size_t)(stop - bytes));
        stop = cr != NULL ? cr : stop;
        if (stop > bytes) {
            if (t->line_start && !t->chunked && *bytes == '.') {
                tdm_buf_add_char(out, '.');
            }
            tdm_buf_add(out, bytes, (size_t)(stop - bytes));
            t->line_start = 0;
            bytes = stop;
        }
        if (bytes < end) {
            t->held = *bytes == '\r' ? HELD_CR : HELD_CRLF;
            bytes++;
        }
    }
}

static void body_trace(tidymail_smtp *smtp, const struct tdm_transaction *t)
{
    struct tdm_buf note;
    tdm_buf_init(&note, &smtp->allocator, 256);
    tdm_buf_addf(&note, "[message, %l bytes]", t->body_bytes);
    tdm_smtp_trace(smtp, TIDYMAIL_SMTP_MARK_SENT, tdm_buf_text(&note), note.length);
    tdm_buf_clear(&note);
}

/* The line end of the last line; RFC 5321 4.1.1.4: it has one too. */
static void body_end_line(struct tdm_transaction *t, struct tdm_buf *out)
{
    if (t->held == HELD_NOTHING && !t->line_start) {
        t->held = HELD_CRLF;
    }
    body_release_held(t, out);
}

static void body_finish(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    t->body_bytes += (int64_t)smtp->out.length;
    tdm_buf_add(&smtp->out, ".\r\n", 3);
    if (!smtp->out.failed) {
        body_trace(smtp, t);
        tdm_smtp_trace(smtp, TIDYMAIL_SMTP_MARK_SENT, ".", 1);
        tdm_smtp_enter(smtp, TDM_SMTP_FINAL);
    }
}

/* Puts "BDAT size [LAST]" into the room left before the chunk (RFC 3030 2). */
static void body_finish_chunk(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    struct tdm_buf line;
    size_t size = smtp->out.length - CHUNK_ROOM;
    tdm_buf_init(&line, &smtp->allocator, CHUNK_ROOM);
    tdm_buf_addf(&line, "BDAT %z%s", size, t->reading_done ? " LAST" : "");
    tdm_smtp_trace(smtp, TIDYMAIL_SMTP_MARK_SENT, tdm_buf_text(&line), line.length);
    tdm_buf_add_str(&line, "\r\n");
    if (line.failed) {
        smtp->out.failed = 1;
        return;
    }
    smtp->out_at = CHUNK_ROOM - line.length;
    memcpy(smtp->out.data + smtp->out_at, line.data, line.length);
    tdm_buf_clear(&line);
    t->body_bytes += (int64_t)size;
    if (t->reading_done) {
        body_trace(smtp, t);
        tdm_smtp_enter(smtp, TDM_SMTP_FINAL);
    } else {
        tdm_smtp_expect(smtp, TDM_SMTP_BDAT, 0);
    }
}

/* The source failed: the connection is closed without the end of the message, so nothing of it is
 * delivered. */
static void body_source_failed(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    const char *words = t->source.error != NULL ? t->source.error(t->source.context) : NULL;
    tdm_error_setf(&t->report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_BODY,
                   "the message could not be read: %s",
                   words != NULL ? words : "its source failed");
    tdm_error_set(&smtp->error, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_BODY,
                  "the session ended with a message that could not be read", NULL);
    smtp->error.retryable = 1;
    tdm_smtp_fail_session(smtp, 0);
}

/* Pulls from the source until a piece is full; -1 where the session failed. */
static int body_pull(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    while (smtp->out.length < PIECE_SIZE && !t->reading_done && !smtp->out.failed) {
        ptrdiff_t got = t->source.read(t->source.context, smtp->scratch, READ_SIZE);
        if (got < 0 || (size_t)got > READ_SIZE) {
            body_source_failed(smtp, t);
            return -1;
        }
        t->reading_done = got == 0;
        if (t->wishes.body_binary) {
            tdm_buf_add(&smtp->out, smtp->scratch, (size_t)got); /* RFC 3030 3: bytes as they are */
        } else {
            body_add(t, &smtp->out, smtp->scratch, (size_t)got);
        }
    }
    if (t->reading_done && !t->wishes.body_binary) {
        body_end_line(t, &smtp->out);
    }
    return 0;
}

int tdm_smtp_fill_body(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    static const char room[CHUNK_ROOM];
    if (smtp->scratch == NULL) {
        smtp->scratch = tdm_alloc(&smtp->allocator, READ_SIZE);
        if (smtp->scratch == NULL) {
            tdm_smtp_fail_no_memory(smtp);
            return -1;
        }
    }
    tdm_buf_reset(&smtp->out);
    smtp->out_at = 0;
    if (t->chunked) {
        tdm_buf_add(&smtp->out, room, CHUNK_ROOM);
    }
    if (body_pull(smtp, t) != 0) {
        return -1;
    }
    if (t->chunked && !smtp->out.failed) {
        body_finish_chunk(smtp, t);
    } else if (t->reading_done) {
        body_finish(smtp, t);
    } else {
        t->body_bytes += (int64_t)smtp->out.length;
    }
    if (smtp->out.failed && !smtp->closing) {
        tdm_smtp_fail_no_memory(smtp);
    }
    return smtp->closing ? -1 : 0;
}
