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
};

/* Chooses the shortest encoding that is safe, and fills in what follows from it. */
void tdm_body_choose(struct tdm_body *body);
/* The same for bytes that are sent as they are, but for their line ends. */
void tdm_body_measure(struct tdm_body *body);
/* "7bit", "quoted-printable", "base64". */
const char *tdm_encoding_name(enum tdm_encoding encoding);
void tdm_body_clear(struct tdm_body *body);

#endif
