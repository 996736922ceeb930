/*
 * trace.h: the transcript: a bounded ring of what was said, and the log callback that gets the same lines.
 * What reaches it was redacted where it arose (smtp_secret.c, smtp_command.c).
 */
#ifndef TDM_CLIENT_TRACE_H
#define TDM_CLIENT_TRACE_H

#include "transport/transport_impl.h"

struct tdm_transcript {
    tidymail_log_callback log;
    void *log_context;
    int log_level;
    void (*trace)(void *context, const tidymail_trace_event *event);
    void *trace_context;
    const struct tdm_clock *clock;
    int64_t start_ms;
    const int *connection;  /* the number of the one whose line comes; NULL: 0 */
    const int64_t *line_ms; /* when it came; NULL, or -1: now */
    struct tdm_buf records; /* as they came, not made words yet; the oldest fall off */
    int dropped;            /* some fell off */
};

#define TDM_TRANSCRIPT_TEXT_MAX ((size_t)1024 * 1024)

void tdm_transcript_init(struct tdm_transcript *transcript, const tidymail_allocator *allocator,
                         const struct tdm_clock *clock, const tidymail_transport_options *options);
void tdm_transcript_clear(struct tdm_transcript *transcript);
/* Begins a new message: forgets the lines, times count from here. */
void tdm_transcript_start(struct tdm_transcript *transcript);
/* The lines for people of one connection (and of none), each with LF; -1: of all. */
void tdm_transcript_text(const struct tdm_transcript *transcript, int connection,
                         struct tdm_buf *out);
/* The function for struct tdm_trace; context is the transcript. */
void tdm_transcript_line(void *context, int mark, int phase, int encrypted, const char *text,
                         size_t length);
/* A line of the client's own: a result, a note. */
void tdm_transcript_log(struct tdm_transcript *transcript, int level, int phase, const char *text);

#endif
