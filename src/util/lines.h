/* lines.h: how far bytes are what most text is, many at a time; and are lines ready for the wire
 * (RFC 5321 2.3.8, 4.5.2)? */
#ifndef TDM_UTIL_LINES_H
#define TDM_UTIL_LINES_H

#include <stddef.h>

/* How many bytes from the start need no change: every CR is followed by LF (but for one at the very
 * end) and every LF follows a CR, and, with `dots`, no line begins with a dot. `line_start` says
 * whether the first byte begins a line. */
size_t tdm_lines_clean(const char *bytes, size_t length, int line_start, int dots);

/* How many bytes from the start are printable ASCII (0x20 to 0x7e), and how many are below 0x80. */
size_t tdm_lines_plain(const char *bytes, size_t length);
size_t tdm_lines_ascii(const char *bytes, size_t length);

#endif
