/*
 * message_options.c: each option is one call of message.h. What a value must look like is the
 * library's business: its error sticks to the message and comes out in the report.
 */
#include "message_options.h"

#include <stdlib.h>
#include <string.h>

#include <tidymail/part.h>

#include "attach_options.h"
#include "dkim_options.h"
#include "exit_code.h"
#include "input.h"
#include "message_json.h"
#include "service_options.h"

const struct cli_option message_options[] = {
    {"from", "A", "sender, 'Ann <ann@example.org>' or ann@example.org", 0},
    {"to", "A", "recipient, one address each time", CLI_MANY},
    {"cc", "A", "recipient of a copy", CLI_MANY},
    {"bcc", "A", "recipient of a copy that nobody else sees", CLI_MANY},
    {"subject", "S", "the subject", 0},
    {"text", "T", "the text", 0},
    {"attach", "F[;...]", "attach a file ;name=N ;type=T, - for standard input", CLI_MANY},
    {"eml", "F", "a ready-made message, - for standard input", 0},
    {NULL, NULL, NULL, 0},
};

const struct cli_option message_more_options[] = {
    {"html", "T", "the text as HTML", 0},
    {"text-file", "F", "the text from a file, - for standard input", 0},
    {"html-file", "F", "the HTML from a file, - for standard input", 0},
    {"flowed", NULL, "long lines of the text flow (format=flowed)", 0},
    {"inline", "F;cid=C[;...]", "show a file in the HTML, as cid:C", CLI_MANY},
    {"attach-message", "F.eml", "attach a message as it is", CLI_MANY},
    {"calendar", "F.ics", "an invitation beside the text", 0},
    {"json-message", "F", "the message as JSON (docs/messages.md), - for standard input", 0},
    {"reply-to", "A", "where answers go", CLI_MANY},
    {"header", "'N: V'", "one more header field", CLI_MANY},
    {"reply-to-id", "ID", "the Message-ID that this answers, <...>", 0},
    {"references", "IDS", "the References of the answered message", 0},
    {"list-unsubscribe", "URL", "https: or mailto: URL, one of each", CLI_MANY},
    {"one-click", NULL, "a POST to the https: URL unsubscribes (RFC 8058)", 0},
    {"auto-submitted", "WORD", "auto-generated, auto-replied, auto-notified or no", 0},
    {"importance", "WORD", "high, normal or low", 0},
    {"read-receipt", "A", "ask the reader to tell this address", 0},
    {"dkim", "PARTS", "sign: domain=D;selector=S;key=FILE (docs/dkim.md)", CLI_MANY},
    {"lenient-addresses", NULL, "take a..b@example.org, and send it quoted", 0},
    {NULL, NULL, NULL, 0},
};

/* How a value gets into the message. */
struct message_setter {
    const char *name;
    int (*set)(tidymail_message *message, const char *value);
    int from_file; /* the value names a file that has the text */
};

static const struct message_setter message_setters[] = {
    {"from", tidymail_message_set_from, 0},
    {"to", tidymail_message_add_to, 0},
    {"cc", tidymail_message_add_cc, 0},
    {"bcc", tidymail_message_add_bcc, 0},
    {"reply-to", tidymail_message_add_reply_to, 0},
    {"subject", tidymail_message_set_subject, 0},
    {"text", tidymail_message_set_text, 0},
    {"text-file", tidymail_message_set_text, 1},
    {"html", tidymail_message_set_html, 0},
    {"html-file", tidymail_message_set_html, 1},
    {"calendar", tidymail_message_set_calendar, 1},
    {"auto-submitted", tidymail_message_set_auto_submitted, 0},
    {"importance", tidymail_message_set_importance, 0},
    {"read-receipt", tidymail_message_request_read_receipt, 0},
};

/* With --eml, sender and recipients are the envelope; "" and <> are the null reverse-path. */
static int message_set_envelope_from(tidymail_message *message, const char *value)
{
    return tidymail_message_set_envelope_from(message, strcmp(value, "<>") == 0 ? "" : value);
}

static const struct message_setter message_envelope_setters[] = {
    {"from", message_set_envelope_from, 0},
    {"to", tidymail_message_add_envelope_to, 0},
};

static int message_check_pair(const struct cli_args *args, const char *a, const char *b,
                              struct cli_failure *failure)
{
    return args_has(args, a) && args_has(args, b)
               ? failure_usage(failure, "--%s and --%s cannot go together", a, b)
               : 0;
}

static int message_check_stdin(const struct cli_args *args, struct cli_failure *failure)
{
    static const char *const readers[] = {"text-file", "html-file", "eml", "json-message",
                                          "calendar"};
    int used = 0;
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        const char *value = args_get(args, readers[i]);
        used += value != NULL && strcmp(value, "-") == 0;
    }
    for (size_t i = 0; i < args->count; i++) {
        const char *name = args->given[i].option->name;
        used += attach_option_is(name) && attach_option_reads_stdin(name, args->given[i].value);
    }
    used += service_options_read_stdin(args);
    return used > 1 ? failure_usage(failure, "standard input (-) can be read once only") : 0;
}

static int message_is_mailto(const char *url)
{
    return strncmp(url, "mailto:", 7) == 0;
}

/* The options of header fields that need each other. */
static int message_check_fields(const struct cli_args *args, struct cli_failure *failure)
{
    int urls[2] = {0, 0};
    for (size_t i = 0; i < args->count; i++) {
        if (strcmp(args->given[i].option->name, "list-unsubscribe") == 0) {
            urls[message_is_mailto(args->given[i].value)]++;
        }
    }
    if (args_has(args, "references") && !args_has(args, "reply-to-id")) {
        return failure_usage(failure, "--references needs --reply-to-id");
    }
    if (args_has(args, "one-click") && urls[0] == 0) {
        return failure_usage(failure, "--one-click needs --list-unsubscribe with an https: URL");
    }
    return urls[0] > 1 || urls[1] > 1
               ? failure_usage(failure, "--list-unsubscribe takes one https: and one mailto: URL")
               : 0;
}

/* Those of them that several options make. */
static void message_set_fields(const struct cli_args *args, tidymail_message *message)
{
    const char *urls[2] = {NULL, NULL};
    for (size_t i = 0; i < args->count; i++) {
        if (strcmp(args->given[i].option->name, "list-unsubscribe") == 0) {
            urls[message_is_mailto(args->given[i].value)] = args->given[i].value;
        }
    }
    if (urls[0] != NULL || urls[1] != NULL) {
        tidymail_message_set_list_unsubscribe(message, urls[0], urls[1],
                                              args_has(args, "one-click"));
    }
    if (args_has(args, "reply-to-id")) {
        tidymail_message_set_reply(message, args_get(args, "reply-to-id"),
                                   args_get(args, "references"));
    }
}

int message_options_check(const struct cli_args *args, int envelope, struct cli_failure *failure)
{
    static const char *const not_with_eml[] = {"cc",
                                               "bcc",
                                               "reply-to",
                                               "subject",
                                               "text",
                                               "text-file",
                                               "html",
                                               "html-file",
                                               "header",
                                               "attach",
                                               "inline",
                                               "attach-message",
                                               "calendar",
                                               "flowed",
                                               "json-message",
                                               "reply-to-id",
                                               "references",
                                               "list-unsubscribe",
                                               "one-click",
                                               "auto-submitted",
                                               "importance",
                                               "read-receipt",
                                               "lenient-addresses"};
    size_t count = sizeof(not_with_eml) / sizeof(not_with_eml[0]);
    int result = message_check_pair(args, "text", "text-file", failure);
    result |= message_check_pair(args, "html", "html-file", failure);
    result |= message_check_stdin(args, failure);
    result |= service_options_check(args, failure);
    for (size_t i = 0; i < count; i++) {
        result |= message_check_pair(args, "eml", not_with_eml[i], failure);
    }
    for (size_t i = 0; i < args->count; i++) {
        if (strcmp(args->given[i].option->name, "dkim") == 0) {
            result |= dkim_option_apply(args->given[i].value, NULL, failure);
        }
    }
    if (args_has(args, "eml")) {
        return result;
    }
    for (size_t i = 0; i < args->count; i++) {
        const struct cli_given *given = &args->given[i];
        if (strcmp(given->option->name, "header") == 0 && strchr(given->value, ':') == NULL) {
            result |= failure_usage(failure, "--header has no colon: --header 'Name: value'");
        } else if (attach_option_is(given->option->name)) {
            result |= attach_option_check(given->option->name, given->value, failure);
        }
    }
    result |= message_check_fields(args, failure);
    envelope = args_has(args, "json-message") ? 0 : envelope; /* it may have them */
    if ((envelope & MESSAGE_SENDER) != 0 && !args_has(args, "from")) {
        result |= failure_usage(failure, "--from is missing");
    }
    if ((envelope & MESSAGE_RECIPIENT) != 0 && !args_has(args, "to") && !args_has(args, "cc") &&
        !args_has(args, "bcc")) {
        result |= failure_usage(failure, "a recipient is missing: --to, --cc or --bcc");
    }
    return result;
}

static int message_set_file(tidymail_message *message, const struct message_setter *setter,
                            const char *path, struct cli_failure *failure)
{
    size_t length;
    char *text = input_read(path, &length, failure);
    if (text == NULL) {
        return -1;
    }
    int result = 0;
    size_t nul = strlen(text);
    if (nul < length) {
        result = failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                             "--%s: a NUL byte at offset %zu is not text", setter->name, nul);
    } else {
        setter->set(message, text);
    }
    free(text);
    return result;
}

static int message_set_eml(tidymail_message *message, const char *path, struct cli_failure *failure)
{
    size_t length;
    char *bytes = input_read(path, &length, failure);
    if (bytes == NULL) {
        return -1;
    }
    tidymail_message_set_raw(message, bytes, length);
    free(bytes);
    return 0;
}

/* What a message has once cannot stand on both sides; the rest adds to what the JSON has. */
static int message_check_json_keys(const struct cli_args *args, unsigned keys,
                                   struct cli_failure *failure)
{
    static const struct {
        const char *option;
        unsigned key;
        const char *name;
    } once[] = {
        {"from", MESSAGE_JSON_FROM, "from"},
        {"subject", MESSAGE_JSON_SUBJECT, "subject"},
        {"text", MESSAGE_JSON_TEXT, "text"},
        {"text-file", MESSAGE_JSON_TEXT, "text"},
        {"html", MESSAGE_JSON_HTML, "html"},
        {"html-file", MESSAGE_JSON_HTML, "html"},
        {"calendar", MESSAGE_JSON_CALENDAR, "calendar"},
        {"track-opens", MESSAGE_JSON_TRACK, "track_..."},
        {"track-clicks", MESSAGE_JSON_TRACK, "track_..."},
        {"send-at", MESSAGE_JSON_SEND_AT, "send_at"},
        {"template", MESSAGE_JSON_TEMPLATE, "template"},
        {"idempotency-key", MESSAGE_JSON_KEY, "idempotency_key"},
    };
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        if ((keys & once[i].key) != 0 && args_has(args, once[i].option)) {
            return failure_usage(failure, "--%s and \"%s\" of the JSON cannot go together",
                                 once[i].option, once[i].name);
        }
    }
    return 0;
}

static int message_set_json(const struct cli_args *args, tidymail_message *message,
                            const char *path, struct cli_failure *failure)
{
    size_t length;
    unsigned keys = 0;
    char *bytes = input_read(path, &length, failure);
    if (bytes == NULL) {
        return -1;
    }
    int result =
        message_json_apply(message, bytes, length, tidymail_message_add_attachment, &keys, failure);
    free(bytes);
    return result == 0 ? message_check_json_keys(args, keys, failure) : result;
}

static int message_add_header(tidymail_message *message, const char *line,
                              struct cli_failure *failure)
{
    const char *colon = strchr(line, ':');
    char *name = strndup(line, (size_t)(colon - line));
    if (name == NULL) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    tidymail_message_add_header(message, name, value);
    free(name);
    return 0;
}

int message_options_apply(const struct cli_args *args, tidymail_message *message,
                          struct cli_failure *failure)
{
    const char *eml = args_get(args, "eml");
    const struct message_setter *setters = message_setters;
    size_t count = sizeof(message_setters) / sizeof(message_setters[0]);
    if (eml != NULL) {
        setters = message_envelope_setters;
        count = sizeof(message_envelope_setters) / sizeof(message_envelope_setters[0]);
        if (message_set_eml(message, eml, failure) != 0) {
            return -1;
        }
    }
    const char *json = args_get(args, "json-message");
    if (args_has(args, "lenient-addresses")) {
        tidymail_message_set_lenient_addresses(message, 1);
    }
    int result = json != NULL ? message_set_json(args, message, json, failure) : 0;
    if (result == 0 && args_has(args, "flowed")) {
        tidymail_message_set_flowed(message, 1);
    }
    message_set_fields(args, message);
    for (size_t i = 0; i < args->count && result == 0; i++) {
        const struct cli_given *given = &args->given[i];
        if (strcmp(given->option->name, "header") == 0) {
            result = message_add_header(message, given->value, failure);
            continue;
        }
        if (strcmp(given->option->name, "dkim") == 0) {
            result = dkim_option_apply(given->value, message, failure);
            continue;
        }
        if (attach_option_is(given->option->name)) {
            result = attach_option_apply(given->option->name, given->value, message, failure);
            continue;
        }
        size_t k = 0;
        while (k < count && strcmp(setters[k].name, given->option->name) != 0) {
            k++;
        }
        if (k < count && setters[k].from_file) {
            result = message_set_file(message, &setters[k], given->value, failure);
        } else if (k < count) {
            setters[k].set(message, given->value);
        }
    }
    return result == 0 ? service_options_apply(args, message, failure) : result;
}
