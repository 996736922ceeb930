/* names.c: the words of the vocabulary (outcome, kind, phase). */
#include <tidymail/types.h>

static const char *name_of(const char *const *names, int count, int value)
{
    return value >= 0 && value < count ? names[value] : "?";
}

const char *tidymail_outcome_name(int outcome)
{
    static const char *const names[] = {"failed", "sent", "partial", "unknown"};
    return name_of(names, (int)(sizeof(names) / sizeof(names[0])), outcome);
}

const char *tidymail_kind_name(int kind)
{
    static const char *const names[] = {"ok",       "message",        "configuration", "local",
                                        "resolve",  "connection",     "tls",           "timeout",
                                        "protocol", "authentication", "temporary",     "permanent"};
    return name_of(names, (int)(sizeof(names) / sizeof(names[0])), kind);
}

const char *tidymail_phase_name(int phase)
{
    static const char *const names[TIDYMAIL_PHASE_COUNT] = {
        "prepare", "resolve", "connect", "tls",  "greeting", "ehlo", "starttls", "auth",
        "mail",    "rcpt",    "data",    "body", "final",    "quit", "request",  "response"};
    return name_of(names, TIDYMAIL_PHASE_COUNT, phase);
}
