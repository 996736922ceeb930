/*
 * smtp_body.c: the message as it goes over the wire after 354. Every line ends in CRLF: a bare CR or
 * LF in the source becomes one (RFC 5321 2.3.8), so no sequence that some server takes for the end
 * of data can pass. A dot that begins a line is doubled (4.5.2). The last line end is held back
 * until more comes, so the end CRLF.CRLF always goes out in one piece. With CHUNKING the same lines
 * go out in chunks that say how long they are, and no dot is doubled.
 */
#include <string.h>

#include "smtp/smtp_internal.h"
#include "util/lines.h"

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
    struct tdm_buf *note = &smtp->line;
    if (smtp->options.trace == NULL) {
        return;
    }
    tdm_buf_reset(note);
    tdm_buf_add_str(note, "[message, ");
    tdm_buf_add_number(note, t->body_bytes);
    tdm_buf_add_str(note, " bytes]");
    tdm_smtp_trace_sent(smtp, TIDYMAIL_PHASE_BODY, tdm_buf_text(note), note->length);
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
    tdm_buf_add(&smtp->out, ".\r\n", 3);
    if (!smtp->out.failed) {
        body_trace(smtp, t);
        tdm_smtp_trace_sent(smtp, TIDYMAIL_PHASE_BODY, ".", 1);
        tdm_smtp_enter(smtp, TDM_SMTP_FINAL);
    }
}

/* Puts "BDAT size [LAST]" into the room left before the chunk (RFC 3030 2), `begin` in the output. */
static void body_finish_chunk(tidymail_smtp *smtp, struct tdm_transaction *t, size_t begin)
{
    struct tdm_buf *out = &smtp->out;
    struct tdm_buf *line = &smtp->line;
    size_t size = out->length - begin - CHUNK_ROOM;
    tdm_buf_reset(line);
    tdm_buf_add_str(line, "BDAT ");
    tdm_buf_add_number(line, (int64_t)size);
    tdm_buf_add_str(line, t->reading_done ? " LAST" : "");
    tdm_smtp_trace_sent(smtp, TIDYMAIL_PHASE_BODY, tdm_buf_text(line), line->length);
    tdm_buf_add_str(line, "\r\n");
    if (line->failed) {
        out->failed = 1;
        return;
    }
    size_t spare = CHUNK_ROOM - line->length;
    if (begin == 0) {
        smtp->out_at = spare; /* nothing has to move */
    } else {
        memmove(out->data + begin + line->length, out->data + begin + CHUNK_ROOM, size);
        out->length -= spare;
        spare = 0;
    }
    memcpy(out->data + begin + spare, line->data, line->length);
    t->body_bytes += (int64_t)size;
    if (t->reading_done) {
        body_trace(smtp, t);
        tdm_smtp_enter(smtp, TDM_SMTP_FINAL);
    } else {
        tdm_smtp_expect(smtp, TDM_SMTP_BDAT, 0);
    }
}

/* The source failed: the connection is closed without the end of the message, so nothing of it is
 * delivered. While others wait for their answers, and nothing of this one's chunk is written, it is taken
 * back instead. */
static void body_source_failed(tidymail_smtp *smtp, struct tdm_transaction *t, size_t begin)
{
    const char *words = t->source.error != NULL ? t->source.error(t->source.context) : NULL;
    tdm_error_setf(&t->report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_BODY,
                   "the message could not be read: %s",
                   words != NULL ? words : "its source failed");
    if (t != smtp->head) {
        smtp->out.length = begin;
        smtp->needs_rset = 1;
        t->step = TDM_STEP_DRAIN;
        return;
    }
    tdm_error_set(&smtp->error, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_BODY,
                  "the session ended with a message that could not be read", NULL);
    smtp->error.retryable = 1;
    tdm_smtp_fail_session(smtp, 0);
}

/* A line end at the end of what was just added is held back; `begin` is where that begins. */
static void body_hold_end(struct tdm_transaction *t, struct tdm_buf *out, size_t begin)
{
    if (out->length == begin) {
        return;
    }
    t->line_start = 0;
    if (out->data[out->length - 1] == '\r') {
        out->length--;
        t->held = HELD_CR;
    } else if (out->length - begin >= 2 && out->data[out->length - 1] == '\n') {
        out->length -= 2;
        t->held = HELD_CRLF;
    }
}

/* What was read into the room behind the output stays where it is as far as nothing in it has to
 * change, mostly all of it. 0, or -1 when out of memory. */
static int body_take_in_place(tidymail_smtp *smtp, struct tdm_transaction *t, size_t length)
{
    struct tdm_buf *out = &smtp->out;
    char *bytes = out->data + out->length;
    size_t begin = out->length;
    size_t clean = tdm_lines_clean(bytes, length, t->line_start, !t->chunked);
    if (clean < length) {
        if (smtp->scratch == NULL) {
            smtp->scratch = tdm_alloc(&smtp->allocator, READ_SIZE);
        }
        if (smtp->scratch == NULL) {
            return -1;
        }
        memcpy(smtp->scratch, bytes + clean, length - clean);
    }
    out->length += clean;
    body_hold_end(t, out, begin);
    if (clean < length) {
        body_add(t, out, smtp->scratch, length - clean);
    }
    return 0;
}

/* Reads once; how much came, -1 where the source failed, -2 when out of memory. */
static ptrdiff_t body_read(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    struct tdm_buf *out = &smtp->out;
    int pending_cr = t->held == HELD_CR; /* whether it is half of a CRLF shows with the next byte */
    if (!t->wishes.body_binary && !pending_cr) {
        body_release_held(t, out);
    }
    if (tdm_buf_reserve(out, READ_SIZE + 2) != 0) {
        return -2;
    }
    t->report->body_begun = 1;
    ptrdiff_t got = t->source.read(t->source.context, out->data + out->length, READ_SIZE);
    if (got < 0 || (size_t)got > READ_SIZE) {
        return -1;
    }
    t->reading_done = got == 0;
    if (t->wishes.body_binary) {
        out->length += (size_t)got; /* RFC 3030 3: bytes as they are */
        return got;
    }
    if (pending_cr && got > 0) {
        char *bytes = out->data + out->length;
        size_t half = bytes[0] == '\n';
        memmove(bytes + 2, bytes + half, (size_t)got - half);
        memcpy(bytes, "\r\n", 2); /* tdm_buf_add would write its NUL behind it */
        out->length += 2;
        t->held = HELD_NOTHING;
        t->line_start = 1;
        got -= (ptrdiff_t)half;
    }
    return body_take_in_place(smtp, t, (size_t)got) == 0 ? got : -2;
}

/* Pulls from the source until a piece is full; -1 where the session failed. */
static int body_pull(tidymail_smtp *smtp, struct tdm_transaction *t, size_t begin)
{
    while (smtp->out.length - begin < PIECE_SIZE && !t->reading_done && !smtp->out.failed) {
        ptrdiff_t got = body_read(smtp, t);
        if (got == -1) {
            body_source_failed(smtp, t, begin);
            return -1;
        }
        if (got < 0) {
            smtp->out.failed = 1;
        }
    }
    if (t->reading_done && !t->wishes.body_binary) {
        body_end_line(t, &smtp->out);
    }
    return 0;
}

int tdm_smtp_can_fill(const tidymail_smtp *smtp)
{
    const struct tdm_transaction *t = smtp->sending;
    size_t waiting = smtp->out.length - smtp->out_at;
    return waiting == 0 ||
           (t->streamed && t->body_bytes == 0 && smtp->out_at == 0 && waiting < PIECE_SIZE);
}

int tdm_smtp_fill_body(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    static const char room[CHUNK_ROOM];
    if (smtp->out_at == smtp->out.length) {
        tdm_buf_reset(&smtp->out);
        smtp->out_at = 0;
    }
    size_t begin = smtp->out.length;
    if (t->chunked) {
        tdm_buf_add(&smtp->out, room, CHUNK_ROOM);
    }
    if (body_pull(smtp, t, begin) != 0) {
        return smtp->closing ? -1 : 0;
    }
    if (t->chunked && !smtp->out.failed) {
        body_finish_chunk(smtp, t, begin);
    } else {
        t->body_bytes += (int64_t)(smtp->out.length - begin);
        if (t->reading_done) {
            body_finish(smtp, t);
        }
    }
    if (smtp->out.failed && !smtp->closing) {
        tdm_smtp_fail_no_memory(smtp);
    }
    return smtp->closing ? -1 : 0;
}
