/*
 * envelope_options.c: the wishes of message.h. Numbers are read here, whole or not at all; which of
 * them are allowed is the library's business.
 */
#include "envelope_options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

const struct cli_option envelope_options[] = {
    {"dsn-notify", "WHEN", "never, or success, failure, delay with commas between", 0},
    {"dsn-ret", "WHAT", "what a notification brings back: full or hdrs", 0},
    {"dsn-envid", "ID", "what notifications call the message", 0},
    {"require-tls", NULL, "verified TLS at every server on the way, or not at all", 0},
    {"deliver-by", "S[;N|;R]", "within S seconds; if later: N tell me (usual), R return it", 0},
    {"hold-for", "S", "keep it at the server for S seconds", 0},
    {"hold-until", "TIME", "keep it there until 2026-12-24T18:00:00Z", 0},
    {"mt-priority", "N", "from -9 (last) to 9 (first)", 0},
    {NULL, NULL, NULL, 0},
};

/* A whole number, ended by `length`; 0, or -1 with the failure. */
static int envelope_number(const char *name, const char *text, size_t length, int64_t *number,
                           struct cli_failure *failure)
{
    char *end;
    size_t sign = text[0] == '-' || text[0] == '+';
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (text[sign] < '0' || text[sign] > '9' || end != text + length) {
        return failure_usage(failure, "--%s: the value is not a whole number", name);
    }
    if (errno == ERANGE) {
        return failure_usage(failure, "--%s: the number is too large", name);
    }
    *number = value;
    return 0;
}

static int envelope_deliver_by(tidymail_message *message, const char *text,
                               struct cli_failure *failure)
{
    int64_t seconds = 0;
    size_t length = strcspn(text, ";");
    const char *mode = text[length] == ';' ? text + length + 1 : "N";
    if (envelope_number("deliver-by", text, length, &seconds, failure) != 0) {
        return -1;
    }
    if (strcmp(mode, "N") != 0 && strcmp(mode, "R") != 0) {
        return failure_usage(failure, "--deliver-by: behind the semicolon stands N or R");
    }
    tidymail_message_set_deliver_by(message, seconds, mode[0]);
    return 0;
}

static int envelope_hold_for(tidymail_message *message, const char *text,
                             struct cli_failure *failure)
{
    int64_t seconds = 0;
    if (envelope_number("hold-for", text, strlen(text), &seconds, failure) != 0) {
        return -1;
    }
    tidymail_message_set_hold_for(message, seconds);
    return 0;
}

static int envelope_priority(tidymail_message *message, const char *text,
                             struct cli_failure *failure)
{
    int64_t priority = 0;
    if (envelope_number("mt-priority", text, strlen(text), &priority, failure) != 0) {
        return -1;
    }
    int fits = priority >= INT_MIN && priority <= INT_MAX;
    tidymail_message_set_priority(message, fits ? (int)priority : INT_MAX);
    return 0;
}

int envelope_options_apply(const struct cli_args *args, tidymail_message *message,
                           struct cli_failure *failure)
{
    static const struct {
        const char *name;
        int (*apply)(tidymail_message *message, const char *text, struct cli_failure *failure);
    } numbers[] = {{"deliver-by", envelope_deliver_by},
                   {"hold-for", envelope_hold_for},
                   {"mt-priority", envelope_priority}};
    const char *notify = args_get(args, "dsn-notify");
    const char *ret = args_get(args, "dsn-ret");
    const char *envid = args_get(args, "dsn-envid");
    const char *until = args_get(args, "hold-until");
    if (notify != NULL || ret != NULL || envid != NULL) {
        tidymail_message_set_dsn(message, notify, ret, envid);
    }
    if (args_has(args, "require-tls")) {
        tidymail_message_set_require_tls(message, 1);
    }
    if (until != NULL) {
        tidymail_message_set_hold_until(message, until);
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *text = args_get(args, numbers[i].name);
        if (text != NULL && numbers[i].apply(message, text, failure) != 0) {
            return -1;
        }
    }
    return 0;
}
