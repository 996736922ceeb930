/* input.h: whole files and standard input. */
#ifndef TIDYMAIL_CLI_INPUT_H
#define TIDYMAIL_CLI_INPUT_H

#include <stddef.h>

#include "failure.h"

/* Reads a file ("-": standard input) to its end. Returns bytes to free, followed by a NUL that is
 * not counted, or NULL with the failure (status 66). */
char *input_read(const char *path, size_t *length, struct cli_failure *failure);

#endif
