/*
 * trace.c: one line for each event: seconds since the start, phase, direction, text.
 *
 *      0.012 auth     ~> AUTH PLAIN [credentials hidden]
 *      0.034 auth     <~ 535 5.7.8 Authentication failed
 */
#include "client/trace.h"

#include <tidymail/smtp.h>

#include <string.h>

#define TRANSCRIPT_MAX ((size_t)64 * 1024)
#define LINE_MAX_BYTES ((size_t)8 * 1024)

enum { TRACE_OUT, TRACE_OUT_TLS, TRACE_IN, TRACE_IN_TLS, TRACE_NOTE };

static const char *const trace_marks[] = {"->", "~>", "<-", "<~", "***"};

/* In front of the bytes of each line. */
struct trace_record {
    int64_t ms; /* since the start */
    uint32_t length;
    int connection;
    short phase;
    short mark;
};

void tdm_transcript_init(struct tdm_transcript *transcript, const tidymail_allocator *allocator,
                         const struct tdm_clock *clock, const tidymail_transport_options *options)
{
    memset(transcript, 0, sizeof(*transcript));
    tdm_buf_init(&transcript->records, allocator, TRANSCRIPT_MAX);
    transcript->clock = clock;
    transcript->start_ms = clock->now_ms();
    if (options != NULL) {
        transcript->log = options->log;
        transcript->log_context = options->log_context;
        transcript->log_level = options->log_level;
        transcript->trace = options->trace;
        transcript->trace_context = options->trace_context;
    }
}

void tdm_transcript_clear(struct tdm_transcript *transcript)
{
    tdm_buf_clear(&transcript->records);
}

void tdm_transcript_start(struct tdm_transcript *transcript)
{
    tdm_buf_reset(&transcript->records);
    transcript->dropped = 0;
    transcript->start_ms = transcript->clock->now_ms();
}

/* The record at `at`, and where its bytes begin; 0 at the end. */
static size_t trace_read(const struct tdm_buf *records, size_t at, struct trace_record *record)
{
    if (at + sizeof(*record) > records->length) {
        return 0;
    }
    memcpy(record, records->data + at, sizeof(*record));
    return at + sizeof(*record);
}

/* Drops half at a time, so that it does not cost a move for each line. */
static void trace_make_room(struct tdm_transcript *transcript, size_t length)
{
    struct tdm_buf *records = &transcript->records;
    while (records->length > 0 && records->length + length > TRANSCRIPT_MAX) {
        struct trace_record record;
        size_t at = 0;
        size_t bytes = 0;
        while (at <= records->length / 2 && (bytes = trace_read(records, at, &record)) > 0) {
            at = bytes + record.length;
        }
        tdm_buf_drop(records, at);
        transcript->dropped = 1;
    }
}

static void trace_add_time(struct tdm_buf *line, int64_t ms)
{
    int64_t seconds = ms / 1000;
    for (int64_t width = 1000; width > 1 && seconds < width; width /= 10) {
        tdm_buf_add_char(line, ' ');
    }
    int rest = (int)(ms % 1000);
    tdm_buf_addf(line, "%l.%d%d%d ", seconds, rest / 100, rest / 10 % 10, rest % 10);
}

static void trace_add_line(struct tdm_buf *line, const struct trace_record *record,
                           const char *text)
{
    const char *name = tidymail_phase_name(record->phase);
    trace_add_time(line, record->ms);
    tdm_buf_add_str(line, name);
    for (size_t width = strlen(name); width < 9; width++) {
        tdm_buf_add_char(line, ' ');
    }
    tdm_buf_addf(line, "%s ", trace_marks[record->mark]);
    tdm_escape(line, text, record->length, 0);
}

void tdm_transcript_text(const struct tdm_transcript *transcript, int connection,
                         struct tdm_buf *out)
{
    struct trace_record record;
    size_t at = 0;
    size_t bytes = 0;
    while ((bytes = trace_read(&transcript->records, at, &record)) > 0) {
        if (connection < 0 || record.connection == 0 || record.connection == connection) {
            trace_add_line(out, &record, transcript->records.data + bytes);
            tdm_buf_add_char(out, '\n');
        }
        at = bytes + record.length;
    }
}

static void trace_tell(struct tdm_transcript *transcript, int level,
                       const struct trace_record *record, const char *text)
{
    struct tdm_buf line;
    if (transcript->log == NULL || level > transcript->log_level) {
        return;
    }
    tdm_buf_init(&line, &transcript->records.allocator, LINE_MAX_BYTES * 4 + 64);
    trace_add_line(&line, record, text);
    if (!line.failed) {
        transcript->log(transcript->log_context, level, tdm_buf_text(&line));
    }
    tdm_buf_clear(&line);
}

static int64_t trace_now(const struct tdm_transcript *transcript)
{
    int known = transcript->line_ms != NULL && *transcript->line_ms >= 0;
    return (known ? *transcript->line_ms : transcript->clock->now_ms()) - transcript->start_ms;
}

static void transcript_tell(struct tdm_transcript *transcript, int mark, int phase, int encrypted,
                            const char *text, size_t length)
{
    if (transcript->trace == NULL) {
        return;
    }
    tidymail_trace_event event = {trace_now(transcript), mark, phase, encrypted, text, length};
    transcript->trace(transcript->trace_context, &event);
}

/* While all goes well nobody reads it: a line is kept as it came, and made words when it is asked for. */
static void trace_keep(struct tdm_transcript *transcript, int level, int phase, int mark,
                       const char *text, size_t length)
{
    struct tdm_buf *records = &transcript->records;
    struct trace_record record = {
        .ms = trace_now(transcript),
        .length = (uint32_t)(length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES),
        .connection = transcript->connection != NULL ? *transcript->connection : 0,
        .phase = (short)phase,
        .mark = (short)mark};
    trace_make_room(transcript, sizeof(record) + record.length);
    if (tdm_buf_reserve(records, sizeof(record) + record.length) != 0) {
        tdm_buf_reset(records); /* out of memory: half a line says less than none */
    } else {
        memcpy(records->data + records->length, &record, sizeof(record));
        memcpy(records->data + records->length + sizeof(record), text, record.length);
        records->length += sizeof(record) + record.length;
    }
    trace_tell(transcript, level, &record, text);
}

void tdm_transcript_line(void *context, int mark, int phase, int encrypted, const char *text,
                         size_t length)
{
    struct tdm_transcript *transcript = context;
    if (mark == TIDYMAIL_SMTP_MARK_STATE) {
        return; /* states of the engine are not part of a transcript */
    }
    transcript_tell(transcript, mark, phase, encrypted, text, length);
    switch (mark) {
    case TIDYMAIL_SMTP_MARK_SENT:
        trace_keep(transcript, TIDYMAIL_LOG_DEBUG, phase, encrypted ? TRACE_OUT_TLS : TRACE_OUT,
                   text, length);
        break;
    case TIDYMAIL_SMTP_MARK_RECEIVED:
        trace_keep(transcript, TIDYMAIL_LOG_DEBUG, phase, encrypted ? TRACE_IN_TLS : TRACE_IN, text,
                   length);
        break;
    case TIDYMAIL_SMTP_MARK_NOTE:
        trace_keep(transcript, TIDYMAIL_LOG_INFO, phase, TRACE_NOTE, text, length);
        break;
    default:
        break;
    }
}

void tdm_transcript_log(struct tdm_transcript *transcript, int level, int phase, const char *text)
{
    transcript_tell(transcript, TIDYMAIL_SMTP_MARK_NOTE, phase, 0, text, strlen(text));
    trace_keep(transcript, level, phase, TRACE_NOTE, text, strlen(text));
}
