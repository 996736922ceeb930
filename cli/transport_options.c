/* transport_options.c: the names of docs/urls.md; what a value must look like the library knows. */
#include "transport_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_code.h"

const struct cli_option transport_option_names[] = {
    {"tls", "VALUE", "none, starttls (required) or opportunistic", CLI_LAST},
    {"auth", "LIST", "login mechanisms in the order wanted, commas between", CLI_LAST},
    {"cleartext-auth", "VALUE", "allow: log in without TLS", CLI_LAST},
    {"initial-response", "VALUE", "no: AUTH without initial response", CLI_LAST},
    {"pipelining", "VALUE", "no: one command at a time", CLI_LAST},
    {"chunking", "VALUE", "yes: BDAT in place of DATA where offered", CLI_LAST},
    {"partial", "VALUE", "no: one refused recipient ends the whole message", CLI_LAST},
    {"ca", "PATH", "CA certificates (PEM) in place of the system's", CLI_LAST},
    {"verify", "VALUE", "full, none, or sha256: and a fingerprint", CLI_LAST},
    {"cert", "FILE", "the client certificate and its chain (PEM)", CLI_LAST},
    {"key", "FILE", "its key (PEM), if not in the same file", CLI_LAST},
    {"proxy", "URL", "socks5://HOST:PORT or http://HOST:PORT to go through", CLI_LAST},
    {"source", "ADDRESS", "address of this machine to connect from", CLI_LAST},
    {"resolver", "ADDRESS:PORT", "the name server to ask", CLI_LAST},
    {"helo", "NAME", "the name given with EHLO", CLI_LAST},
    {"timeout", "SECONDS", "the whole send", CLI_LAST},
    {"connect-timeout", "SECONDS", "resolving and connecting", CLI_LAST},
    {"reply-timeout", "SECONDS", "each reply, handshake and stretch of a write", CLI_LAST},
    {"final-timeout", "SECONDS", "the answer after the end of the message", CLI_LAST},
    {"password-from", "SOURCE", "env:NAME, file:PATH or command:LINE", CLI_LAST},
    {"region", "NAME", "the region of a mail service", CLI_LAST},
    {"endpoint", "URL", "another server in place of a mail service's own", CLI_LAST},
    {"unsupported", "VALUE", "drop: leave out what the service cannot do", CLI_LAST},
    {"redirect", "ADDRESS", "all mail goes to this address (staging)", CLI_LAST},
    {"allow", "LIST", "addresses and domains that may get mail; others get none", CLI_LAST},
    {"rest", "SECONDS", "how long a transport of failover() rests when it failed", CLI_LAST},
    {"args", "WORDS", "more arguments for the program of sendmail:", CLI_LAST},
    {"eol", "VALUE", "crlf: line ends for the program of sendmail:", CLI_LAST},
    {"transcript", "VALUE", "yes: keep it for a sent message too", CLI_LAST},
    {"connections", "N", "connections at once, for many messages", CLI_LAST | CLI_RARE},
    {"per-connection", "N", "messages over one connection", CLI_LAST | CLI_RARE},
    {"window", "N", "with chunking: messages sent without an answer", CLI_LAST | CLI_RARE},
    {"rate", "N[/s|/m|/h]", "messages in a second, minute or hour at most", CLI_LAST | CLI_RARE},
    {"idle-timeout", "SECONDS", "a connection without work is closed", CLI_LAST | CLI_RARE},
    {"connection-age", "SECONDS", "an older connection gets no more messages", CLI_LAST | CLI_RARE},
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
        int last = given->value == args_get(args, given->option->name);
        if (last && transport_option_is(given->option)) {
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
