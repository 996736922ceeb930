/*
 * dot_reader.h: reads a message as DATA sends it (RFC 5321 4.5.2): dots unstuffed, up to the lone
 * dot. Only CRLF ends a line here: a bare LF before or behind a dot never ends the message, which is
 * what SMTP smuggling lives on.
 */
#ifndef TDM_DEVSERVER_DOT_READER_H
#define TDM_DEVSERVER_DOT_READER_H

#include "util/buf.h"

enum tdm_dot_state {
    TDM_DOT_START = 0, /* at the start of a line */
    TDM_DOT_DOT,       /* behind a dot that began a line */
    TDM_DOT_DOT_CR,    /* behind such a dot and CR */
    TDM_DOT_MIDDLE,    /* within a line */
    TDM_DOT_CR,        /* within a line, behind CR */
    TDM_DOT_END        /* the lone dot came */
};

/* Zeroed before the first byte of a message. */
struct tdm_dot_reader {
    enum tdm_dot_state state;
    size_t bare_lf; /* how many LF without CR were in the message */
};

/* Takes bytes up to the end of the message and appends the message to `out`. Returns how many were
 * taken: fewer than `length` only where the message ended (`state` is TDM_DOT_END). */
size_t tdm_dot_reader_feed(struct tdm_dot_reader *reader, const char *bytes, size_t length,
                           struct tdm_buf *out);

#endif
