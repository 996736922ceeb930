/*
 * smtp_reply.h: the one parser of replies (RFC 5321 4.2). Bytes in pieces of any size; a reply comes
 * out when its last line is complete, the same for every cut. A line ends at LF, one CR before it
 * is dropped; a code without text, with or without the blank, is a reply; the last line's code
 * decides; a few empty lines before a reply, or within it, are skipped.
 */
#ifndef TDM_SMTP_REPLY_H
#define TDM_SMTP_REPLY_H

#include "report/report_data.h"

enum tdm_reply_status {
    TDM_REPLY_MORE = 0, /* all bytes taken, the reply is not complete */
    TDM_REPLY_DONE,     /* `reply` holds one */
    TDM_REPLY_GARBAGE,  /* the line is not a reply; `line` holds it */
    TDM_REPLY_TOO_LONG, /* a line or the whole reply passed its maximum */
    TDM_REPLY_NO_MEMORY
};

struct tdm_reply {
    int code;
    struct tdm_buf text; /* the lines without their codes, joined by LF; bytes as they came */
};

struct tdm_reply_parser {
    struct tdm_reply reply;
    struct tdm_buf line;
    size_t max_reply;
    size_t reply_size; /* bytes of the reply so far */
    int blank_lines;   /* skipped before and within it */
    int has_lines;     /* the reply has begun */
};

void tdm_reply_parser_init(struct tdm_reply_parser *parser, const tidymail_allocator *allocator,
                           size_t max_line, size_t max_reply);
void tdm_reply_parser_clear(struct tdm_reply_parser *parser);
/* Takes bytes until a reply is complete; `used` says how many. After DONE call _next first. */
enum tdm_reply_status tdm_reply_parser_feed(struct tdm_reply_parser *parser, const char *bytes,
                                            size_t length, size_t *used);
/* Ready for the next reply. */
void tdm_reply_parser_next(struct tdm_reply_parser *parser);
/* 1 where bytes of an incomplete reply are kept. */
int tdm_reply_parser_partial(const struct tdm_reply_parser *parser);

/* The enhanced status code (RFC 3463) at the start of the text, into `out` (TDM_ENHANCED_MAX bytes):
 * only where its class agrees with the reply code; else "". */
void tdm_reply_enhanced(const struct tdm_reply *reply, char *out);
/* Appends the text for people: the enhanced code stripped from each line that carries it, escaped,
 * lines joined by LF. */
void tdm_reply_words(const struct tdm_reply *reply, struct tdm_buf *out);
/* What the first bytes of a stream that is not SMTP look like: "an HTTP server", ...; NULL. */
const char *tdm_reply_recognise(const char *bytes, size_t length);

#endif
