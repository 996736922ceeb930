/* input.c: see input.h. */
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/types.h>

#include "exit_code.h"

#define INPUT_MAX ((size_t)1024 * 1024 * 1024)

static char *input_fail(const char *path, const char *words, struct cli_failure *failure)
{
    failure_set(failure, CLI_EXIT_INPUT, TIDYMAIL_KIND_LOCAL, "cannot read %s: %s",
                strcmp(path, "-") == 0 ? "standard input" : path, words);
    return NULL;
}

static char *input_read_stream(FILE *stream, const char *path, size_t *length,
                               struct cli_failure *failure)
{
    char *bytes = NULL;
    size_t capacity = 0;
    *length = 0;
    for (;;) {
        if (*length + 1 >= capacity) {
            capacity = capacity == 0 ? 65536 : capacity * 2;
            char *more = capacity <= INPUT_MAX * 2 ? realloc(bytes, capacity) : NULL;
            if (more == NULL) {
                free(bytes);
                return input_fail(path, "too large", failure);
            }
            bytes = more;
        }
        size_t got = fread(bytes + *length, 1, capacity - *length - 1, stream);
        if (got == 0) {
            break;
        }
        *length += got;
    }
    bytes[*length] = '\0';
    if (ferror(stream)) {
        int code = errno;
        free(bytes);
        return input_fail(path, strerror(code), failure);
    }
    return bytes;
}

char *input_read(const char *path, size_t *length, struct cli_failure *failure)
{
    if (strcmp(path, "-") == 0) {
        return input_read_stream(stdin, path, length, failure);
    }
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL) {
        return input_fail(path, strerror(errno), failure);
    }
    char *bytes = input_read_stream(stream, path, length, failure);
    fclose(stream);
    return bytes;
}
