/* dkim_canonical.h: what is hashed of a message: canonical forms of body and header fields (RFC 6376
 * 3.4). Lines end in CRLF already. */
#ifndef TDM_DKIM_CANONICAL_H
#define TDM_DKIM_CANONICAL_H

#include "util/buf.h"

enum tdm_dkim_form { TDM_DKIM_SIMPLE, TDM_DKIM_RELAXED };

/* A body on its way to a hash: bytes in, canonical bytes to `put`. */
struct tdm_dkim_body {
    enum tdm_dkim_form form;
    void (*put)(void *context, const char *bytes, size_t length);
    void *context;
    int64_t line_ends; /* held back: at the end of the body they do not count */
    int blank;         /* relaxed: blanks held back */
    int after_cr;
    int has_content;
};

void tdm_dkim_body_init(struct tdm_dkim_body *body, enum tdm_dkim_form form,
                        void (*put)(void *context, const char *bytes, size_t length),
                        void *context);
void tdm_dkim_body_feed(struct tdm_dkim_body *body, const char *bytes, size_t length);
void tdm_dkim_body_end(struct tdm_dkim_body *body);

/* Appends a field, given with its name and all its lines. Its last CRLF is kept, or not. */
void tdm_dkim_field(struct tdm_buf *out, enum tdm_dkim_form form, const char *field, size_t length,
                    int with_line_end);

#endif
