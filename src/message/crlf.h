/* crlf.h: line ends of any kind (CRLF, LF, CR) made CRLF, as a stream (RFC 2046 section 4.1.1). */
#ifndef TDM_MESSAGE_CRLF_H
#define TDM_MESSAGE_CRLF_H

#include <stddef.h>

struct tdm_crlf {
    int after_cr; /* a CR was last, and its line end is written: a LF that follows belongs to it */
};

/* Writes the converted bytes to `out` (of 2 * length bytes); returns how many. */
size_t tdm_crlf_convert(struct tdm_crlf *crlf, const char *in, size_t length, char *out);

#endif
