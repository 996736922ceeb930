/* cmd_send.c: tidymail send. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tidymail/tidymail.h>

#include "commands.h"
#include "envelope_options.h"
#include "exit_code.h"
#include "message_options.h"
#include "output.h"
#include "send_options.h"
#include "service_options.h"
#include "transport_options.h"

const struct cli_option send_where[] = {
    {"url", "URL", "where to; else the environment's TIDYMAIL_URL", 0},
    {"user", "U", "instead of the URL's user and password", 0},
    {"password", "P", "its password (others on this machine can see it)", 0},
    {"json", NULL, "the result as one JSON object", 0},
    {"trace", "FILE", "the session, live, on standard error or into FILE", CLI_OPTIONAL},
    {NULL, NULL, NULL, 0},
};

static const struct cli_option_group send_groups[] = {
    {"Where, and what to show", send_where, 0},
    {"Message", message_options, 0},
    {"More of it (--help=all says more, docs/messages.md too)", message_more_options, 1},
    {"What to ask a mail server for", envelope_options, 1},
    {"What to ask a mail service for (tidymail providers)", service_options, 1},
    {"Options of the URL, as --NAME VALUE; they beat the URL's", transport_option_names, 1},
    {NULL, NULL, 0},
};

static void send_trace_line(void *context, int level, const char *line)
{
    (void)level;
    FILE *stream = context;
    fprintf(stream, "%s\n", line);
    fflush(stream);
}

/* NULL without --trace, and with the failure where the file cannot be made. */
static FILE *send_open_trace(const struct cli_args *args, struct cli_failure *failure)
{
    if (!args_has(args, "trace")) {
        return NULL;
    }
    const char *path = args_get(args, "trace");
    if (path == NULL) {
        return stderr;
    }
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    FILE *stream = file >= 0 ? fdopen(file, "w") : NULL;
    if (stream == NULL) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "cannot write %s: %s", path,
                    strerror(errno));
        if (file >= 0) {
            close(file);
        }
    }
    return stream;
}

const char *send_url(const struct cli_args *args, struct cli_failure *failure)
{
    const char *url = args_get(args, "url");
    if (url == NULL) {
        url = getenv("TIDYMAIL_URL");
    }
    if (url == NULL || url[0] == '\0') {
        failure_usage(failure, "no URL: neither --url nor TIDYMAIL_URL is given");
        failure_hint(failure, "such as --url smtp://user:password@mail.example.org");
        return NULL;
    }
    return url;
}

static int send_message(const struct cli_args *args, const char *url,
                        const tidymail_transport_options *options, tidymail_message *message)
{
    tidymail_transport *transport = tidymail_transport_open(url, options);
    tidymail_report *report = tidymail_send(transport, message);
    const tidymail_error *error = tidymail_report_error(report);
    int status = exit_code_of(tidymail_report_outcome(report), tidymail_error_kind(error),
                              tidymail_error_phase(error), tidymail_error_retryable(error));
    if (!args_has(args, "json")) {
        output_report(report);
    } else if (output_json_report(report) != 0) {
        fprintf(stderr, "tidymail send: the result could not be written\n");
    }
    tidymail_report_free(report);
    tidymail_transport_close(transport); /* its QUIT may be traced */
    return status;
}

/* Everything but the trace file, which is open. */
static int send_with_trace(const struct cli_args *args, const char *url, FILE *trace,
                           struct cli_failure *failure)
{
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.user = args_get(args, "user");
    options.password = args_get(args, "password");
    if (trace != NULL) {
        options.log = send_trace_line;
        options.log_context = trace;
    }
    int status = 0;
    tidymail_message *message = tidymail_message_new();
    if (transport_options_collect(args, &options, failure) == 0 &&
        message_options_apply(args, message, failure) == 0 &&
        envelope_options_apply(args, message, failure) == 0) {
        status = send_message(args, url, &options, message);
    }
    tidymail_message_free(message);
    transport_options_free(&options);
    return failure->status != 0 ? failure->status : status;
}

static int send_run(const struct cli_args *args, struct cli_failure *failure)
{
    const char *url = send_url(args, failure);
    if (url == NULL || message_options_check(args, 1, failure) != 0) {
        return failure->status;
    }
    FILE *trace = send_open_trace(args, failure);
    if (failure->status != 0) {
        return failure->status;
    }
    int status = send_with_trace(args, url, trace, failure);
    if (trace != NULL && trace != stderr) {
        fclose(trace);
    }
    return status;
}

const struct cli_command command_send = {
    "send",
    "[OPTION]...",
    "Sends one message and says what became of it.",
    send_groups,
    "Exit status: 0 sent, 65 refused, 75 try again later, 74 unknown, 77 login or TLS.\n"
    "Example: tidymail send --from ann@example.org --to bob@example.org --text Hello",
    send_run};
