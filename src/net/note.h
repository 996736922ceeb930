/* note.h: remarks of the net room for the transcript: names looked up, connections, TLS facts. */
#ifndef TDM_NET_NOTE_H
#define TDM_NET_NOTE_H

#include "util/buf.h"

/* Where lines go; `line` may be NULL. mark and the rest are as in tidymail_smtp_trace. */
struct tdm_net_trace {
    void (*line)(void *context, int mark, int phase, int encrypted, const char *text,
                 size_t length);
    void *context;
};

/* One line with the mark NOTE; the formats of tdm_buf_addf. */
void tdm_net_note(const struct tdm_net_trace *trace, const tidymail_allocator *allocator, int phase,
                  int encrypted, const char *format, ...);
/* Appends a time as people write it: "30 s", "0.25 s". */
void tdm_net_add_seconds(struct tdm_buf *out, int64_t ms);
/* Appends the words for an errno value ("connection refused"), which know no locale. */
void tdm_net_add_errno(struct tdm_buf *out, int number);

#endif
