/* near.h: the names that somebody who mistyped one may have meant. */
#ifndef TDM_UTIL_NEAR_H
#define TDM_UTIL_NEAR_H

#include "util/buf.h"

/* Appends ", did you mean a or b?" with the names (at most three) that are a slip away from `text`;
 * nothing where none is. `names` ends with NULL. */
void tdm_near_add(struct tdm_buf *out, const char *text, size_t length, const char *const *names);

#endif
