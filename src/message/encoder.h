/*
 * encoder.h: transfer encodings as one kind of stage: bytes go in piece by piece, encoded lines
 * come out. All state is in the struct, so a rewind is another init.
 */
#ifndef TDM_MESSAGE_ENCODER_H
#define TDM_MESSAGE_ENCODER_H

#include "message/body.h"
#include "message/crlf.h"
#include "util/quoted_printable.h"

/* Most bytes that one step takes in: fewer where line ends can double and bytes triple. */
#define TDM_ENCODER_IN 8208
#define TDM_ENCODER_IN_TEXT 2048
#define TDM_ENCODER_KEPT 64
/* What they can become, with what was kept from the step before. */
#define TDM_ENCODER_OUT 11392

struct tdm_encoder {
    enum tdm_encoding encoding;
    int is_text; /* line ends are made CRLF */
    struct tdm_crlf crlf;
    struct tdm_qp qp;
    int line_begun;                                        /* base64: a line stands before this */
    size_t kept;                                           /* bytes at the front of `held` */
    char held[TDM_ENCODER_KEPT + 2 * TDM_ENCODER_IN_TEXT]; /* canonical, not encoded yet */
};

void tdm_encoder_init(struct tdm_encoder *encoder, enum tdm_encoding encoding, int is_text);
/* Most bytes that one step of this encoder takes. */
size_t tdm_encoder_capacity(const struct tdm_encoder *encoder);
/* Encodes up to that many bytes into `out` (of TDM_ENCODER_OUT bytes); returns how many bytes were
 * written. With `last` nothing is kept back. */
size_t tdm_encoder_step(struct tdm_encoder *encoder, const char *in, size_t length, int last,
                        char *out);

#endif
