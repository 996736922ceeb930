/* body.h: a body of text, and which transfer encoding it gets (RFC 2045 section 6). */
#ifndef TDM_MESSAGE_BODY_H
#define TDM_MESSAGE_BODY_H

#include "message/blob.h"

enum tdm_encoding {
    TDM_ENCODING_IDENTITY, /* 7bit; 8bit in a ready-made message */
    TDM_ENCODING_QUOTED_PRINTABLE,
    TDM_ENCODING_BASE64
};

struct tdm_body {
    struct tdm_blob *blob; /* as the caller gave it; NULL: not set */
    enum tdm_encoding encoding;
    int ascii;         /* no byte over 127 */
    int64_t size;      /* encoded, lines ended by CRLF */
    int ends_in_break; /* the encoded bytes end in CRLF, or there are none */

    /* as lines, not encoded */
    int fits_lines;     /* none is too long, and no control characters: 8bit will do */
    int fits_message;   /* the same, with control characters but NUL allowed */
    int is_canonical;   /* all line ends are CRLF already */
    int64_t plain_size; /* lines ended by CRLF */
    int plain_ends_in_break;
};

/* What is seen by looking at bytes, piece by piece; begin with all 0. */
struct tdm_body_facts {
    int64_t size; /* with lines ended by CRLF */
    size_t line;  /* length of the last one */
    size_t longest_line;
    int has_8bit;
    int has_controls; /* other than TAB and line ends */
    int has_nul;
    int has_bare; /* a CR or LF that is no part of a CRLF */
    int after_cr;
};
void tdm_body_look(struct tdm_body_facts *facts, const char *bytes, size_t length);
/* Fills a body in that is sent as it is, but for its line ends. */
void tdm_body_take_facts(struct tdm_body *body, const struct tdm_body_facts *facts);

/* Lines of 76 characters with CRLF between them: how long that is for so many bytes. */
int64_t tdm_body_base64_size(int64_t size);
/* Chooses the shortest encoding that is safe, and fills in what follows from it. */
void tdm_body_choose(struct tdm_body *body);
/* The same for bytes that are sent as they are, but for their line ends. */
void tdm_body_measure(struct tdm_body *body);
void tdm_body_clear(struct tdm_body *body);

#endif
