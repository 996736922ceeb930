/* exit_code.c: sent 0, unknown 74, whatever a retry may mend 75, the rest by kind. */
#include "exit_code.h"

#include <stddef.h>

#include <tidymail/types.h>

static const struct {
    int kind;
    int status;
} exit_by_kind[] = {
    {TIDYMAIL_KIND_MESSAGE, CLI_EXIT_DATA},
    {TIDYMAIL_KIND_CONFIGURATION, CLI_EXIT_CONFIGURATION},
    {TIDYMAIL_KIND_LOCAL, CLI_EXIT_LOCAL},
    {TIDYMAIL_KIND_RESOLVE, CLI_EXIT_HOST},
    {TIDYMAIL_KIND_CONNECTION, CLI_EXIT_RETRY},
    {TIDYMAIL_KIND_TLS, CLI_EXIT_REFUSED},
    {TIDYMAIL_KIND_TIMEOUT, CLI_EXIT_RETRY},
    {TIDYMAIL_KIND_PROTOCOL, CLI_EXIT_PROTOCOL},
    {TIDYMAIL_KIND_AUTHENTICATION, CLI_EXIT_REFUSED},
    {TIDYMAIL_KIND_TEMPORARY, CLI_EXIT_RETRY},
};

/* Where a permanent refusal is about this message; elsewhere the service is not to be had. */
static const int exit_message_phases[] = {TIDYMAIL_PHASE_MAIL,  TIDYMAIL_PHASE_RCPT,
                                          TIDYMAIL_PHASE_DATA,  TIDYMAIL_PHASE_BODY,
                                          TIDYMAIL_PHASE_FINAL, TIDYMAIL_PHASE_RESPONSE};

int exit_code_of(int outcome, int kind, int phase, int retryable)
{
    if (outcome == TIDYMAIL_SENT) {
        return CLI_EXIT_SENT;
    }
    if (outcome == TIDYMAIL_UNKNOWN) {
        return CLI_EXIT_UNKNOWN;
    }
    if (retryable) {
        return CLI_EXIT_RETRY;
    }
    if (kind == TIDYMAIL_KIND_PERMANENT) {
        for (size_t i = 0; i < sizeof(exit_message_phases) / sizeof(exit_message_phases[0]); i++) {
            if (exit_message_phases[i] == phase) {
                return CLI_EXIT_DATA;
            }
        }
        return CLI_EXIT_UNAVAILABLE;
    }
    for (size_t i = 0; i < sizeof(exit_by_kind) / sizeof(exit_by_kind[0]); i++) {
        if (exit_by_kind[i].kind == kind) {
            return exit_by_kind[i].status;
        }
    }
    return CLI_EXIT_INTERNAL;
}
