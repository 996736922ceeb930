/* failure.h: what ended a command before there was a report. */
#ifndef TIDYMAIL_CLI_FAILURE_H
#define TIDYMAIL_CLI_FAILURE_H

struct cli_failure {
    int status; /* exit status; 0: no failure */
    int kind;   /* enum tidymail_kind */
    char *message;
    char *hint; /* NULL: none */
};

/* Sets status, kind and message where there is no failure yet (the first one wins); always -1. */
int failure_set(struct cli_failure *failure, int status, int kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A usage error: status 64, kind configuration. */
int failure_usage(struct cli_failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What to do next, where there is no hint yet. */
void failure_hint(struct cli_failure *failure, const char *text);
void failure_clear(struct cli_failure *failure);

#endif
