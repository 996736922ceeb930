/*
 * service_options.c: each option is one call of tidymail/service.h. Values of the form A=B are parted
 * here; what a service makes of them is the library's business.
 */
#include "service_options.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tidymail/service.h>

#include "exit_code.h"
#include "input.h"
#include "service_values.h"

const struct cli_option service_options[] = {
    {"tag", "WORD", "groups messages in the service's statistics", CLI_MANY},
    {"metadata", "N=V", "comes back with each event of the message", CLI_MANY},
    {"track-opens", "yes|no", "does the service see that it was opened", 0},
    {"track-clicks", "yes|no", "does it see that links were clicked", 0},
    {"send-at", "TIME", "keep it until 2026-12-24T18:00:00Z, or for +SECONDS", 0},
    {"template", "ID", "subject and text from a template of the service", 0},
    {"template-values", "JSON", "an object with what is filled in; @FILE: from a file", 0},
    {"idempotency-key", "KEY", "a message with a key seen before is not sent again", 0},
    {"sandbox", NULL, "check it and deliver nothing", 0},
    {"service-option", "S:N=V", "what only service S has (docs/services.md)", CLI_MANY},
    {NULL, NULL, NULL, 0},
};

static int service_is(const struct cli_given *given, const char *name)
{
    return strcmp(given->option->name, name) == 0;
}

static int service_no_memory(struct cli_failure *failure)
{
    return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
}

/* 1, 0, or -1: neither. */
static int service_yes(const char *value)
{
    return strcmp(value, "yes") == 0 ? 1 : strcmp(value, "no") == 0 ? 0 : -1;
}

static int service_check_option(const char *value, struct cli_failure *failure)
{
    const char *near = NULL;
    size_t length = strcspn(value, ":=");
    if (value[length] != ':' || strchr(value + length, '=') == NULL) {
        return failure_usage(failure, "--service-option: not of the form SERVICE:NAME=VALUE");
    }
    if (service_is_known(value, length, &near)) {
        return 0;
    }
    failure_hint(failure, "tidymail providers lists the services");
    return failure_usage(
        failure, "--service-option: the word in front of the colon is no service%s%s%s",
        near != NULL ? ", did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}

static int service_check_one(const struct cli_given *given, struct cli_failure *failure)
{
    if (service_is(given, "track-opens") || service_is(given, "track-clicks")) {
        return service_yes(given->value) >= 0
                   ? 0
                   : failure_usage(failure, "--%s is neither yes nor no", given->option->name);
    }
    if (service_is(given, "metadata") && strchr(given->value, '=') == NULL) {
        return failure_usage(failure, "--metadata: not of the form NAME=VALUE");
    }
    if (service_is(given, "service-option")) {
        return service_check_option(given->value, failure);
    }
    if (service_is(given, "send-at")) {
        int64_t moment = 0;
        const char *problem = service_moment(given->value, time(NULL), &moment);
        return problem == NULL ? 0 : failure_usage(failure, "--send-at: %s", problem);
    }
    return 0;
}

int service_options_check(const struct cli_args *args, struct cli_failure *failure)
{
    int result = 0;
    for (size_t i = 0; i < args->count; i++) {
        result |= service_check_one(&args->given[i], failure);
    }
    if (args_has(args, "template-values") && !args_has(args, "template")) {
        result |= failure_usage(failure, "--template-values needs --template");
    }
    return result;
}

int service_options_read_stdin(const struct cli_args *args)
{
    const char *values = args_get(args, "template-values");
    return values != NULL && strcmp(values, "@-") == 0;
}

/* The text up to `end`, to free. */
static char *service_front(const char *text, const char *end)
{
    return strndup(text, (size_t)(end - text));
}

static int service_add_metadata(tidymail_message *message, const char *value,
                                struct cli_failure *failure)
{
    const char *equals = strchr(value, '=');
    char *name = service_front(value, equals);
    if (name == NULL) {
        return service_no_memory(failure);
    }
    tidymail_message_add_metadata(message, name, equals + 1);
    free(name);
    return 0;
}

static int service_set_option(tidymail_message *message, const char *value,
                              struct cli_failure *failure)
{
    const char *colon = strchr(value, ':');
    const char *equals = strchr(colon, '=');
    char *service = service_front(value, colon);
    char *name = service_front(colon + 1, equals);
    int result = service != NULL && name != NULL ? 0 : service_no_memory(failure);
    if (result == 0) {
        tidymail_message_set_service_option(message, service, name, equals + 1);
    }
    free(service);
    free(name);
    return result;
}

/* The library looks at the values when the message is sent; here the place can be told. */
static int service_check_values(const char *text, size_t length, struct cli_failure *failure)
{
    json_error_t error;
    json_t *values = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    int is_object = json_is_object(values);
    int is_json = values != NULL;
    json_decref(values);
    if (is_object) {
        return 0;
    }
    return is_json ? failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                                 "--template-values: not a JSON object")
                   : failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                                 "--template-values: not JSON at line %d, column %d", error.line,
                                 error.column);
}

static int service_set_template(const struct cli_args *args, tidymail_message *message,
                                struct cli_failure *failure)
{
    const char *id = args_get(args, "template");
    const char *values = args_get(args, "template-values");
    char *file = NULL;
    size_t length = values != NULL ? strlen(values) : 0;
    if (values != NULL && values[0] == '@') {
        file = input_read(values + 1, &length, failure);
        if (file == NULL) {
            return -1;
        }
        values = file;
    }
    int result = values != NULL ? service_check_values(values, length, failure) : 0;
    if (result == 0) {
        tidymail_message_set_template(message, id, values);
    }
    free(file);
    return result;
}

/* A value that is left out is left as it is set at the service. */
static int service_tracking(const struct cli_args *args, const char *name)
{
    const char *value = args_get(args, name);
    return value == NULL            ? TIDYMAIL_TRACKING_DEFAULT
           : service_yes(value) > 0 ? TIDYMAIL_TRACKING_ON
                                    : TIDYMAIL_TRACKING_OFF;
}

int service_options_apply(const struct cli_args *args, tidymail_message *message,
                          struct cli_failure *failure)
{
    int result = 0;
    for (size_t i = 0; i < args->count && result == 0; i++) {
        const struct cli_given *given = &args->given[i];
        int64_t moment = 0;
        if (service_is(given, "tag")) {
            tidymail_message_add_tag(message, given->value);
        } else if (service_is(given, "metadata")) {
            result = service_add_metadata(message, given->value, failure);
        } else if (service_is(given, "service-option")) {
            result = service_set_option(message, given->value, failure);
        } else if (service_is(given, "template")) {
            result = service_set_template(args, message, failure);
        } else if (service_is(given, "idempotency-key")) {
            tidymail_message_set_idempotency_key(message, given->value);
        } else if (service_is(given, "sandbox")) {
            tidymail_message_set_sandbox(message, 1);
        } else if (service_is(given, "send-at") &&
                   service_moment(given->value, time(NULL), &moment) == NULL) {
            tidymail_message_set_send_at(message, moment);
        }
    }
    if (args_has(args, "track-opens") || args_has(args, "track-clicks")) {
        tidymail_message_set_tracking(message, service_tracking(args, "track-opens"),
                                      service_tracking(args, "track-clicks"));
    }
    return result;
}
