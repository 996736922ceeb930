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

void tdm_transcript_init(struct tdm_transcript *transcript, const tidymail_allocator *allocator,
                         const struct tdm_clock *clock, const tidymail_transport_options *options)
{
    memset(transcript, 0, sizeof(*transcript));
    tdm_buf_init(&transcript->lines, allocator, TRANSCRIPT_MAX);
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
    tdm_buf_clear(&transcript->lines);
}

void tdm_transcript_start(struct tdm_transcript *transcript)
{
    tdm_buf_reset(&transcript->lines);
    transcript->dropped = 0;
    transcript->start_ms = transcript->clock->now_ms();
}

static void transcript_keep(struct tdm_transcript *transcript, const struct tdm_buf *line)
{
    struct tdm_buf *lines = &transcript->lines;
    while (lines->length > 0 && lines->length + line->length + 1 > TRANSCRIPT_MAX) {
        /* a quarter at a time, so that dropping does not cost a move for each line */
        size_t cut = lines->length / 4;
        const char *end = memchr(lines->data + cut, '\n', lines->length - cut);
        tdm_buf_drop(lines, end != NULL ? (size_t)(end - lines->data) + 1 : lines->length);
        transcript->dropped = 1;
    }
    tdm_buf_add(lines, tdm_buf_text(line), line->length);
    if (tdm_buf_add_char(lines, '\n') != 0) {
        tdm_buf_reset(lines); /* out of memory: half a line says less than none */
    }
}

static void transcript_add_time(struct tdm_buf *line, int64_t ms)
{
    int64_t seconds = ms / 1000;
    for (int64_t width = 1000; width > 1 && seconds < width; width /= 10) {
        tdm_buf_add_char(line, ' ');
    }
    int rest = (int)(ms % 1000);
    tdm_buf_addf(line, "%l.%d%d%d ", seconds, rest / 100, rest / 10 % 10, rest % 10);
}

static void transcript_write(struct tdm_transcript *transcript, int level, int phase,
                             const char *mark, const char *text, size_t length)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &transcript->lines.allocator, LINE_MAX_BYTES * 4 + 64);
    transcript_add_time(&line, transcript->clock->now_ms() - transcript->start_ms);
    const char *name = tidymail_phase_name(phase);
    tdm_buf_add_str(&line, name);
    for (size_t width = strlen(name); width < 9; width++) {
        tdm_buf_add_char(&line, ' ');
    }
    tdm_buf_addf(&line, "%s ", mark);
    tdm_escape(&line, text, length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES, 0);
    if (!line.failed) {
        transcript_keep(transcript, &line);
        if (transcript->log != NULL && level <= transcript->log_level) {
            transcript->log(transcript->log_context, level, tdm_buf_text(&line));
        }
    }
    tdm_buf_clear(&line);
}

static void transcript_tell(struct tdm_transcript *transcript, int mark, int phase, int encrypted,
                            const char *text, size_t length)
{
    tidymail_trace_event event = {
        transcript->clock->now_ms() - transcript->start_ms, mark, phase, encrypted, text, length};
    if (transcript->trace != NULL && mark != TIDYMAIL_SMTP_MARK_STATE) {
        transcript->trace(transcript->trace_context, &event);
    }
}

void tdm_transcript_line(void *context, int mark, int phase, int encrypted, const char *text,
                         size_t length)
{
    struct tdm_transcript *transcript = context;
    transcript_tell(transcript, mark, phase, encrypted, text, length);
    switch (mark) {
    case TIDYMAIL_SMTP_MARK_SENT:
        transcript_write(transcript, TIDYMAIL_LOG_DEBUG, phase, encrypted ? "~>" : "->", text,
                         length);
        break;
    case TIDYMAIL_SMTP_MARK_RECEIVED:
        transcript_write(transcript, TIDYMAIL_LOG_DEBUG, phase, encrypted ? "<~" : "<-", text,
                         length);
        break;
    case TIDYMAIL_SMTP_MARK_NOTE:
        transcript_write(transcript, TIDYMAIL_LOG_INFO, phase, "***", text, length);
        break;
    default:
        break; /* states of the engine are not part of a transcript */
    }
}

void tdm_transcript_log(struct tdm_transcript *transcript, int level, int phase, const char *text)
{
    transcript_tell(transcript, TIDYMAIL_SMTP_MARK_NOTE, phase, 0, text, strlen(text));
    transcript_write(transcript, level, phase, "***", text, strlen(text));
}
