/* cmd_send.c: tidymail send. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/tidymail.h>

#include "account.h"
#include "commands.h"
#include "envelope_options.h"
#include "exit_code.h"
#include "log_line.h"
#include "message_options.h"
#include "output.h"
#include "send_options.h"
#include "service_options.h"
#include "transport_options.h"
#include "watch.h"

const struct cli_option send_where[] = {
    {"url", "URL", "where to; else --account, TIDYMAIL_URL, the default account", 0},
    {"json", NULL, "the result as one JSON object", 0},
    WATCH_TRACE,
    {NULL, NULL, NULL, 0},
};

const struct cli_option send_account[] = {
    {"account", "NAME", "an account of the configuration file (docs/config.md)", 0},
    {"config", "FILE", "that file, in place of ~/.config/tidymail/config", 0},
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
    {"More of it (--help=all says more, docs/messages.md too)", message_more_options, 1},
    {"Account (docs/config.md), login, recordings", send_account, 1},
    {"What to ask a mail server for", envelope_options, 1},
    {"What to ask a mail service for (tidymail providers)", service_options, 1},
    {"Options of the URL, as --NAME VALUE; they beat the URL's", transport_option_names, 1},
    {NULL, NULL, 0},
};

static void send_log(const struct cli_args *args, const struct cli_account *where,
                     struct log_line *line, tidymail_message *message)
{
    if (!log_line_wanted(where)) {
        return;
    }
    const char *from = args_get(args, "from");
    tidymail_address_list *list = tidymail_address_list_parse(
        from != NULL ? from : tidymail_account_setting(where->account, "from"),
        TIDYMAIL_ADDRESS_LENIENT);
    int is_known = tidymail_address_list_count(list) > 0 &&
                   (from != NULL || (!args_has(args, "eml") && !args_has(args, "json-message")));
    line->from = is_known ? tidymail_address_list_spec(list, 0) : NULL;
    line->size = log_line_size(message);
    log_line_write(where, line);
    tidymail_address_list_free(list);
}

static int send_message(const struct cli_args *args, const struct cli_account *where,
                        const tidymail_transport_options *options, tidymail_message *message,
                        struct cli_watch *watch)
{
    tidymail_transport *transport = account_open(where, options);
    tidymail_report *report = tidymail_send(transport, message);
    const tidymail_error *error = tidymail_report_error(report);
    int status = exit_code_of(tidymail_report_outcome(report), tidymail_error_kind(error),
                              tidymail_error_phase(error), tidymail_error_retryable(error));
    if (!args_has(args, "json")) {
        output_report(report);
    } else if (output_json_report(report) != 0) {
        fprintf(stderr, "tidymail send: the result could not be written\n");
    }
    struct log_line line = {transport, report, NULL, -1, status};
    send_log(args, where, &line, message);
    watch_report(watch, report, 0);
    if (args_has(args, "record-body")) {
        watch_message(watch, message);
    }
    tidymail_report_free(report);
    tidymail_transport_close(transport); /* its QUIT may be traced */
    return status;
}

/* The sender that no option names: the account's. NULL: there is none, or the message has its own. */
static const char *send_usual_from(const struct cli_args *args, const struct cli_account *where)
{
    int has_own = args_has(args, "from") || args_has(args, "eml") || args_has(args, "json-message");
    return has_own ? NULL : account_from(where);
}

static int send_watched(const struct cli_args *args, const struct cli_account *where,
                        struct cli_watch *watch, struct cli_failure *failure)
{
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.user = args_get(args, "user");
    options.password = args_get(args, "password");
    watch_apply(watch, &options);
    int status = 0;
    tidymail_message *message = tidymail_message_new();
    if (send_usual_from(args, where) != NULL) {
        tidymail_message_set_from(message, send_usual_from(args, where));
    }
    if (transport_options_collect(args, &options, failure) == 0 &&
        message_options_apply(args, message, failure) == 0 &&
        envelope_options_apply(args, message, failure) == 0) {
        status = send_message(args, where, &options, message, watch);
    }
    tidymail_message_free(message);
    transport_options_free(&options);
    return failure->status != 0 ? failure->status : status;
}

static int send_chosen(const struct cli_args *args, const struct cli_account *where,
                       struct cli_failure *failure)
{
    int envelope = send_usual_from(args, where) != NULL ? MESSAGE_RECIPIENT
                                                        : MESSAGE_RECIPIENT | MESSAGE_SENDER;
    if (message_options_check(args, envelope, failure) != 0) {
        return failure->status;
    }
    struct cli_watch watch;
    if (watch_open(&watch, args, failure) != 0) {
        return failure->status;
    }
    int status = send_watched(args, where, &watch, failure);
    watch_close(&watch);
    return status;
}

static int send_run(const struct cli_args *args, struct cli_failure *failure)
{
    struct cli_account where;
    int status = 0;
    if (account_choose(&where, args, NULL, args_get(args, "from"), failure) == 0) {
        status = send_chosen(args, &where, failure);
    }
    account_release(&where);
    return failure->status != 0 ? failure->status : status;
}

const struct cli_command command_send = {
    "send",
    "[OPTION]...",
    "Sends one message and says what became of it.",
    send_groups,
    "Exit status: 0 sent, 65 refused, 75 try again later, 74 unknown, 77 login or TLS.\n"
    "Example: tidymail send --from ann@example.org --to bob@example.org --text Hello",
    send_run};
