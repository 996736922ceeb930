/*
 * quoted_printable.h: RFC 2045 section 6.7 as a stream. Text comes in canonical form (lines end in
 * CRLF); a CR or LF outside a CRLF is encoded as any other byte.
 */
#ifndef TDM_UTIL_QUOTED_PRINTABLE_H
#define TDM_UTIL_QUOTED_PRINTABLE_H

#include <stddef.h>

/* What the encoder must see beyond a byte to encode it ("From " at the start of a line). */
#define TDM_QP_LOOKAHEAD 6

struct tdm_qp {
    size_t column; /* of the encoded line */
};

/* The most that `length` bytes can become: three for each byte, and a soft break in each 73. */
size_t tdm_qp_max(size_t length);
/*
 * Encodes from `in` to `out` (of tdm_qp_max(length) bytes, or NULL to count only) and returns how
 * much was written. `taken` says how much of `in` was encoded: while `last` is 0 up to
 * TDM_QP_LOOKAHEAD - 1 bytes are left, which the caller gives again before what follows.
 */
size_t tdm_qp_encode(struct tdm_qp *qp, const char *in, size_t length, int last, char *out,
                     size_t *taken);

#endif
