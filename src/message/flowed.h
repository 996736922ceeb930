/* flowed.h: text as format=flowed (RFC 3676). */
#ifndef TDM_MESSAGE_FLOWED_H
#define TDM_MESSAGE_FLOWED_H

#include "util/buf.h"

/* Appends the text with lines of 78 characters at most where blanks allow it, ended by CRLF. A line of
 * the text is a paragraph; ">" at its beginning are quote marks; blanks at its end are dropped, since
 * they would join it with the next one, but for the "-- " above a signature (4.3). */
void tdm_flowed_write(struct tdm_buf *out, const char *text, size_t length);

#endif
