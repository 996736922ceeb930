/* failure.c: see failure.h. */
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/types.h>

#include "exit_code.h"

static int failure_vset(struct cli_failure *failure, int status, int kind, const char *format,
                        va_list args) __attribute__((format(printf, 4, 0)));

static int failure_vset(struct cli_failure *failure, int status, int kind, const char *format,
                        va_list args)
{
    if (failure->status == 0) {
        failure->status = status;
        failure->kind = kind;
        if (vasprintf(&failure->message, format, args) < 0) {
            failure->message = NULL;
        }
    }
    return -1;
}

int failure_set(struct cli_failure *failure, int status, int kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    failure_vset(failure, status, kind, format, args);
    va_end(args);
    return -1;
}

int failure_usage(struct cli_failure *failure, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    failure_vset(failure, CLI_EXIT_USAGE, TIDYMAIL_KIND_CONFIGURATION, format, args);
    va_end(args);
    return -1;
}

void failure_hint(struct cli_failure *failure, const char *text)
{
    if (failure->hint == NULL) {
        failure->hint = strdup(text);
    }
}

void failure_clear(struct cli_failure *failure)
{
    free(failure->message);
    free(failure->hint);
    memset(failure, 0, sizeof(*failure));
}
