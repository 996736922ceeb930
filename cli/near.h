/* near.h: the names that somebody who mistyped one may have meant. */
#ifndef TIDYMAIL_CLI_NEAR_H
#define TIDYMAIL_CLI_NEAR_H

#include <stddef.h>

/* How many slips (insert, delete, replace a letter) `name` is away from the `length` bytes of
 * `text`; -1 where too many for a slip. */
int near_slips(const char *text, size_t length, const char *name);

#endif
