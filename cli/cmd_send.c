/* cmd_send.c: tidymail send. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/tidymail.h>

#include "commands.h"
#include "envelope_options.h"
#include "exit_code.h"
#include "message_options.h"
#include "output.h"
#include "send_options.h"
#include "service_options.h"
#include "transport_options.h"
#include "watch.h"

const struct cli_option send_where[] = {
    {"url", "URL", "where to; else the environment's TIDYMAIL_URL", 0},
    {"json", NULL, "the result as one JSON object", 0},
    WATCH_TRACE,
    {NULL, NULL, NULL, 0},
};

const struct cli_option send_where_more[] = {
    {"user", "U", "instead of the URL's user and password", 0},
    {"password", "P", "its password (others on this machine can see it)", 0},
    WATCH_TRACE_JSON,
    WATCH_RECORD,
    {"record-body", NULL, "with --record: the message too, as comments", 0},
    {NULL, NULL, NULL, 0},
};

static const struct cli_option_group send_groups[] = {
    {"Where, and what to show", send_where, 0},
    {"Message", message_options, 0},
    {"More of where and what to show (--help=all has a line for each)", send_where_more, 1},
    {"More of the message (docs/messages.md)", message_more_options, 1},
    {"What to ask a mail server for", envelope_options, 1},
    {"What to ask a mail service for (tidymail providers)", service_options, 1},
    {"Options of the URL, as --NAME VALUE; they beat the URL's", transport_option_names, 1},
    {NULL, NULL, 0},
};

static const char *send_url(const struct cli_args *args, struct cli_failure *failure)
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
                        const tidymail_transport_options *options, tidymail_message *message,
                        struct cli_watch *watch)
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
    watch_report(watch, report, 0);
    if (args_has(args, "record-body")) {
        watch_message(watch, message);
    }
    tidymail_report_free(report);
    tidymail_transport_close(transport); /* its QUIT may be traced */
    return status;
}

static int send_watched(const struct cli_args *args, const char *url, struct cli_watch *watch,
                        struct cli_failure *failure)
{
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.user = args_get(args, "user");
    options.password = args_get(args, "password");
    watch_apply(watch, &options);
    int status = 0;
    tidymail_message *message = tidymail_message_new();
    if (transport_options_collect(args, &options, failure) == 0 &&
        message_options_apply(args, message, failure) == 0 &&
        envelope_options_apply(args, message, failure) == 0) {
        status = send_message(args, url, &options, message, watch);
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
    struct cli_watch watch;
    if (watch_open(&watch, args, failure) != 0) {
        return failure->status;
    }
    int status = send_watched(args, url, &watch, failure);
    watch_close(&watch);
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
