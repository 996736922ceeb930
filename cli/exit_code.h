/* exit_code.h: exit statuses (sysexits), one for each answer. */
#ifndef TIDYMAIL_CLI_EXIT_CODE_H
#define TIDYMAIL_CLI_EXIT_CODE_H

enum cli_exit {
    CLI_EXIT_SENT = 0,
    CLI_EXIT_USAGE = 64,
    CLI_EXIT_DATA = 65,
    CLI_EXIT_INPUT = 66,
    CLI_EXIT_HOST = 68,
    CLI_EXIT_UNAVAILABLE = 69,
    CLI_EXIT_INTERNAL = 70,
    CLI_EXIT_LOCAL = 71,
    CLI_EXIT_UNKNOWN = 74, /* the outcome is unknown, and nothing else */
    CLI_EXIT_RETRY = 75,
    CLI_EXIT_PROTOCOL = 76,
    CLI_EXIT_REFUSED = 77,
    CLI_EXIT_CONFIGURATION = 78
};

/* The exit status for an outcome and its error (kind TIDYMAIL_OK: none). */
int exit_code_of(int outcome, int kind, int phase, int retryable);

#endif
