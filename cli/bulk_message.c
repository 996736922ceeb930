/*
 * bulk_message.c: the command line once more for each row, its fields filled in; what the options then
 * do is message_options.c's business. A text from a file is an option with that text.
 */
#include "bulk_message.h"

#include <stdlib.h>
#include <string.h>

#include "bulk_template.h"
#include "envelope_options.h"
#include "exit_code.h"
#include "input.h"
#include "message_options.h"

struct bulk_message {
    struct cli_args args;             /* as given, --text-file and --html-file read */
    struct cli_args row_args;         /* the same with the values of a row */
    struct bulk_template **templates; /* one an option; NULL: the value has no field */
    struct bulk_text *values;
    char **read; /* texts of files, one an option; NULL: none */
    uint64_t hash;
};

/* Options that may have fields; all others are taken as they are. */
static const struct {
    const char *name;
    enum bulk_place place;
} message_places[] = {
    {"from", BULK_PLACE_MAILBOX},
    {"to", BULK_PLACE_MAILBOX},
    {"cc", BULK_PLACE_MAILBOX},
    {"bcc", BULK_PLACE_MAILBOX},
    {"reply-to", BULK_PLACE_MAILBOX},
    {"read-receipt", BULK_PLACE_MAILBOX},
    {"subject", BULK_PLACE_TEXT},
    {"text", BULK_PLACE_TEXT},
    {"html", BULK_PLACE_HTML},
    {"header", BULK_PLACE_TEXT},
    {"attach", BULK_PLACE_FILE},
    {"inline", BULK_PLACE_FILE},
    {"attach-message", BULK_PLACE_FILE},
    {"calendar", BULK_PLACE_FILE},
    {"reply-to-id", BULK_PLACE_TEXT},
    {"references", BULK_PLACE_TEXT},
    {"list-unsubscribe", BULK_PLACE_URL},
    {"tag", BULK_PLACE_TEXT},
    {"metadata", BULK_PLACE_TEXT},
    {"service-option", BULK_PLACE_TEXT},
    {"template", BULK_PLACE_TEXT},
    {"template-values", BULK_PLACE_JSON},
    {"idempotency-key", BULK_PLACE_TEXT},
    {"dsn-envid", BULK_PLACE_TEXT},
};

static const struct cli_option *message_find(const char *name)
{
    const struct cli_option *const tables[] = {message_options, message_more_options};
    for (size_t i = 0; i < 2; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            if (strcmp(option->name, name) == 0) {
                return option;
            }
        }
    }
    return NULL;
}

static int message_is_recipient(const char *name)
{
    return strcmp(name, "to") == 0 || strcmp(name, "cc") == 0 || strcmp(name, "bcc") == 0;
}

/* What would have to be read anew for each row. */
static int message_check_stdin(const struct cli_args *args, int list_is_stdin,
                               struct cli_failure *failure)
{
    static const char *const never[] = {"attach", "inline",       "attach-message", "calendar",
                                        "eml",    "json-message", "template-values"};
    for (size_t i = 0; i < args->count; i++) {
        const char *name = args->given[i].option->name;
        const char *value = args->given[i].value;
        if (value == NULL) {
            continue;
        }
        int is_text = strcmp(name, "text-file") == 0 || strcmp(name, "html-file") == 0;
        if (is_text && list_is_stdin && strcmp(value, "-") == 0) {
            return failure_usage(failure, "standard input is the list: --%s - cannot read it too",
                                 name);
        }
        for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++) {
            if (strcmp(name, never[k]) == 0 &&
                (strcmp(value, "-") == 0 || strncmp(value, "-;", 2) == 0 ||
                 strcmp(value, "@-") == 0)) {
                return failure_usage(
                    failure, "--%s cannot read standard input: it is read for each row", name);
            }
        }
    }
    return 0;
}

/* The text of --text-file or --html-file; the option becomes --text or --html. */
static int message_read_text(struct bulk_message *message, size_t index,
                             struct cli_failure *failure)
{
    struct cli_given *given = &message->args.given[index];
    int is_html = strcmp(given->option->name, "html-file") == 0;
    if (!is_html && strcmp(given->option->name, "text-file") != 0) {
        return 0;
    }
    size_t length;
    char *text = input_read(given->value, &length, failure);
    if (text == NULL) {
        return -1;
    }
    message->read[index] = text;
    if (strlen(text) < length) {
        return failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                           "--%s: a NUL byte at offset %zu is not text", given->option->name,
                           strlen(text));
    }
    given->option = message_find(is_html ? "html" : "text");
    given->value = text;
    return 0;
}

static int message_read_template(struct bulk_message *message, size_t index,
                                 struct cli_failure *failure)
{
    const struct cli_given *given = &message->args.given[index];
    if (given->value == NULL || !bulk_template_has_fields(given->value)) {
        return 0;
    }
    for (size_t k = 0; k < sizeof(message_places) / sizeof(message_places[0]); k++) {
        if (strcmp(message_places[k].name, given->option->name) == 0) {
            char where[40] = "--";
            memcpy(where + 2, given->option->name, strnlen(given->option->name, 30));
            message->templates[index] =
                bulk_template_new(given->value, message_places[k].place, where, failure);
            return message->templates[index] != NULL ? 0 : -1;
        }
    }
    return 0;
}

/* Only options of the message: another server is no other message. */
static int message_counts(const struct cli_option *option)
{
    const struct cli_option *known = envelope_options;
    while (known->name != NULL && known != option) {
        known++;
    }
    if (known->name != NULL || message_find(option->name) != NULL) {
        return 1;
    }
    for (size_t k = 0; k < sizeof(message_places) / sizeof(message_places[0]); k++) {
        if (strcmp(message_places[k].name, option->name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int message_copy_args(struct bulk_message *message, const struct cli_args *args,
                             const char *usual_from)
{
    size_t count = args->count;
    int sender = args_has(args, "from") || args_has(args, "eml") || args_has(args, "json-message");
    int recipient = args_has(args, "eml")
                        ? args_has(args, "to")
                        : args_has(args, "to") || args_has(args, "cc") || args_has(args, "bcc");
    message->args.given = calloc(count + 2, sizeof(*message->args.given));
    message->row_args.given = calloc(count + 2, sizeof(*message->row_args.given));
    message->templates = calloc(count + 2, sizeof(struct bulk_template *));
    message->values = calloc(count + 2, sizeof(*message->values));
    message->read = calloc(count + 2, sizeof(char *));
    if (message->args.given == NULL || message->row_args.given == NULL ||
        message->templates == NULL || message->values == NULL || message->read == NULL) {
        return -1;
    }
    message->args.command = args->command;
    message->row_args.command = args->command;
    if (count > 0) {
        memcpy(message->args.given, args->given, count * sizeof(*args->given));
    }
    if (!recipient) {
        message->args.given[count].option = message_find("to");
        message->args.given[count].value = "{{email}}";
        count++;
    }
    if (!sender && usual_from != NULL) {
        message->args.given[count].option = message_find("from");
        message->args.given[count].value = usual_from;
        count++;
    }
    message->args.count = count;
    message->row_args.count = count;
    return 0;
}

struct bulk_message *bulk_message_new(const struct cli_args *args, const char *usual_from,
                                      int list_is_stdin, struct cli_failure *failure)
{
    struct bulk_message *message = calloc(1, sizeof(*message));
    if (message == NULL || message_copy_args(message, args, usual_from) != 0) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
        bulk_message_free(message);
        return NULL;
    }
    int result = message_check_stdin(&message->args, list_is_stdin, failure);
    result = result == 0 ? message_options_check(&message->args, MESSAGE_RECIPIENT | MESSAGE_SENDER,
                                                 failure)
                         : result;
    message->hash = BULK_HASH_INIT;
    for (size_t i = 0; i < message->args.count && result == 0; i++) {
        const struct cli_given *given = &message->args.given[i];
        int counts = message_counts(given->option);
        result = message_read_text(message, i, failure);
        result = result == 0 ? message_read_template(message, i, failure) : result;
        if (result == 0 && counts) {
            const char *value = given->value != NULL ? given->value : "";
            message->hash =
                bulk_hash(message->hash, given->option->name, strlen(given->option->name) + 1);
            message->hash = bulk_hash(message->hash, value, strlen(value) + 1);
        }
    }
    if (result != 0) {
        bulk_message_free(message);
        return NULL;
    }
    return message;
}

void bulk_message_free(struct bulk_message *message)
{
    if (message == NULL) {
        return;
    }
    for (size_t i = 0; i < message->args.count; i++) {
        bulk_template_free(message->templates[i]);
        bulk_text_clear(&message->values[i]);
        free(message->read[i]);
    }
    free(message->args.given);
    free(message->row_args.given);
    free(message->templates);
    free(message->values);
    free(message->read);
    free(message);
}

uint64_t bulk_message_hash(const struct bulk_message *message)
{
    return message->hash;
}

static int message_fill_in(struct bulk_message *message, const struct bulk_row *row,
                           struct bulk_text *problem)
{
    for (size_t i = 0; i < message->args.count; i++) {
        struct cli_given *given = &message->row_args.given[i];
        struct bulk_text why = {NULL, 0, 0, 0};
        *given = message->args.given[i];
        if (message->templates[i] == NULL) {
            continue;
        }
        bulk_text_reset(&message->values[i]);
        int result = bulk_template_render(message->templates[i], row, &message->values[i], &why);
        if (result != 0) {
            bulk_text_format(problem, "--%s: %s", given->option->name,
                             why.bytes != NULL ? why.bytes : "out of memory");
        }
        bulk_text_clear(&why);
        if (result != 0) {
            return -1;
        }
        given->value = message->values[i].bytes != NULL ? message->values[i].bytes : "";
        if (message_is_recipient(given->option->name) &&
            given->value[strspn(given->value, " \t")] == '\0') {
            bulk_text_format(problem, "--%s: the address is empty", given->option->name);
            return -1;
        }
    }
    return 0;
}

tidymail_message *bulk_message_make(struct bulk_message *message, const struct bulk_row *row,
                                    struct bulk_text *problem)
{
    struct cli_failure failure = {0, 0, NULL, NULL};
    if (message_fill_in(message, row, problem) != 0) {
        return NULL;
    }
    tidymail_message *made = tidymail_message_new();
    int result = made != NULL ? 0 : -1;
    result = result == 0 ? message_options_check(&message->row_args,
                                                 MESSAGE_RECIPIENT | MESSAGE_SENDER, &failure)
                         : result;
    result = result == 0 ? message_options_apply(&message->row_args, made, &failure) : result;
    result = result == 0 ? envelope_options_apply(&message->row_args, made, &failure) : result;
    const tidymail_error *error = tidymail_message_error(made);
    if (result != 0) {
        bulk_text_put(problem, failure.message != NULL ? failure.message : "out of memory");
    } else if (error != NULL) {
        bulk_text_put(problem, tidymail_error_message(error));
        result = -1;
    }
    failure_clear(&failure);
    if (result != 0) {
        tidymail_message_free(made);
        return NULL;
    }
    return made;
}
