/* base64.h: RFC 4648 section 4, strict. */
#ifndef TDM_UTIL_BASE64_H
#define TDM_UTIL_BASE64_H

#include "util/buf.h"

/* Writes the encoding, without line breaks, to `out` of (length + 2) / 3 * 4 bytes; returns that
 * length. */
size_t tdm_base64_write(char *out, const void *bytes, size_t length);
/* Appends the encoding, without line breaks; 0, or -1 when the buffer has failed. */
int tdm_base64_encode(struct tdm_buf *out, const void *bytes, size_t length);
/* Appends the decoded bytes. -1 on characters outside the alphabet, wrong padding or wrong length
 * (RFC 4954 4 asks for strictness), and when the buffer has failed. */
int tdm_base64_decode(struct tdm_buf *out, const char *text, size_t length);

#endif
