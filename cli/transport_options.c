/* transport_options.c: the names of docs/urls.md; what a value must look like the library knows. */
#include "transport_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_code.h"

const struct cli_option transport_option_names[] = {
    {"tls", "VALUE", "", 0},
    {"auth", "VALUE", "", 0},
    {"cleartext-auth", "VALUE", "", 0},
    {"initial-response", "VALUE", "", 0},
    {"pipelining", "VALUE", "", 0},
    {"partial", "VALUE", "", 0},
    {"ca", "VALUE", "", 0},
    {"verify", "VALUE", "", 0},
    {"helo", "VALUE", "", 0},
    {"timeout", "VALUE", "", 0},
    {"connect-timeout", "VALUE", "", 0},
    {"reply-timeout", "VALUE", "", 0},
    {"final-timeout", "VALUE", "", 0},
    {"password-from", "VALUE", "", 0},
    {"transcript", "VALUE", "", 0},
    {NULL, NULL, NULL, 0},
};

static int transport_option_is(const struct cli_option *option)
{
    const struct cli_option *known = transport_option_names;
    while (known->name != NULL && known != option) {
        known++;
    }
    return known->name != NULL;
}

int transport_options_collect(const struct cli_args *args, tidymail_transport_options *options,
                              struct cli_failure *failure)
{
    char **texts = calloc(args->count + 1, sizeof(*texts));
    size_t count = 0;
    int failed = texts == NULL;
    for (size_t i = 0; i < args->count && !failed; i++) {
        const struct cli_given *given = &args->given[i];
        if (transport_option_is(given->option)) {
            failed = asprintf(&texts[count], "%s=%s", given->option->name, given->value) < 0;
            count += !failed;
        }
    }
    options->options = (const char *const *)texts;
    options->option_count = count;
    return failed ? failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory") : 0;
}

void transport_options_free(tidymail_transport_options *options)
{
    char **texts;
    memcpy(&texts, &options->options, sizeof(texts));
    for (size_t i = 0; texts != NULL && i < options->option_count; i++) {
        free(texts[i]);
    }
    free(texts);
    options->options = NULL;
    options->option_count = 0;
}
