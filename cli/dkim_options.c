/* dkim_options.c: see dkim_options.h. */
#include "dkim_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/dkim.h>

#include "exit_code.h"

/* One part, "name=value", NUL-terminated. */
static int dkim_set(tidymail_dkim_options *options, char *part, struct cli_failure *failure)
{
    const struct {
        const char *name;
        const char **member;
    } texts[] = {
        {"domain", &options->domain},   {"selector", &options->selector},
        {"key", &options->key_file},    {"c", &options->canonicalization},
        {"headers", &options->headers}, {"identity", &options->identity},
    };
    char *value = strchr(part, '=');
    if (value == NULL) {
        return failure_usage(failure, "--dkim: '%s' is not of the form name=value", part);
    }
    *value++ = '\0';
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(part, texts[i].name) == 0) {
            if (*texts[i].member != NULL) {
                return failure_usage(failure, "--dkim: %s stands there twice", part);
            }
            *texts[i].member = value;
            return 0;
        }
    }
    if (strcmp(part, "expires") != 0) {
        return failure_usage(failure,
                             "--dkim: unknown part '%s' (known: domain, selector, key, c, headers, "
                             "identity, expires)",
                             part);
    }
    char *end = NULL;
    errno = 0;
    options->expires_after_s = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || options->expires_after_s <= 0) {
        return failure_usage(failure, "--dkim: expires is a number of seconds above 0");
    }
    return 0;
}

int dkim_option_apply(const char *value, tidymail_message *message, struct cli_failure *failure)
{
    tidymail_dkim_options options = TIDYMAIL_DKIM_OPTIONS_INIT;
    char *copy = strdup(value);
    if (copy == NULL) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    int result = 0;
    char *next = copy;
    while (next != NULL && result == 0) {
        char *part = next;
        next = strchr(part, ';');
        if (next != NULL) {
            *next++ = '\0';
        }
        result = dkim_set(&options, part, failure);
    }
    if (result == 0 &&
        (options.domain == NULL || options.selector == NULL || options.key_file == NULL)) {
        result = failure_usage(failure, "--dkim needs domain=, selector= and key=");
    }
    if (result == 0 && message != NULL) {
        tidymail_message_add_dkim(message, &options);
    }
    free(copy);
    return result;
}
