/* cmd_check.c: tidymail check: why does mail not go out? */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tidymail/tidymail.h>

#include "account.h"
#include "commands.h"
#include "exit_code.h"
#include "output.h"
#include "output_json.h"
#include "transport_options.h"
#include "watch.h"

#define CHECK_TEXT_COLUMN 29

static const struct cli_option check_options[] = {
    {"target", "URL", "what to check", CLI_OPERAND},
    {"url", "URL", "the same by name; else --account, TIDYMAIL_URL, the default account", 0},
    {"user", "U", "instead of the URL's user and password", 0},
    {"password", "P", "its password (others on this machine can see it)", 0},
    {"from", "ADDRESS", "with --to: try MAIL and RCPT too, without a message", 0},
    {"to", "ADDRESS", "a recipient to try", CLI_MANY},
    {"domain", "DOMAIN", "look at this domain's DNS records too (alone: only at them)", 0},
    {"selector", "NAME", "with --domain: a DKIM selector whose key is looked at", CLI_MANY},
    {"size", "BYTES", "how large the message will be: refused now where it is too large", 0},
    {"json", NULL, "the result as one JSON object", 0},
    WATCH_TRACE,
    WATCH_TRACE_JSON,
    WATCH_RECORD,
    {NULL, NULL, NULL, 0},
};

static const struct cli_option_group check_groups[] = {
    {"Options", check_options, 0},
    {"Accounts", account_options, 0},
    {"Options of the URL, as --NAME VALUE; they beat the URL's (--help=all)",
     transport_option_names, 1},
    {NULL, NULL, 0},
};

static const char *const check_status_words[] = {"ok", "warning", "failed", "skipped"};

/* Colours where the terminal wants them (https://no-color.org). */
static const char *check_colour(int status)
{
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m", "\033[2m"};
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    int wanted = isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
                 term != NULL && strcmp(term, "dumb") != 0;
    return wanted ? colours[status] : NULL;
}

static void check_progress(void *context, const char *stage)
{
    (void)context;
    fprintf(stderr, "\r\033[Kchecking: %s ...", stage);
    fflush(stderr);
}

/* Lines of a text, each in its column. */
static void check_print_lines(const char *text, const char *mark, int is_first)
{
    while (*text != '\0') {
        int length = (int)strcspn(text, "\n");
        if (!is_first) {
            printf("%*s", CHECK_TEXT_COLUMN, "");
        }
        printf("%s%.*s\n", mark, length, text);
        is_first = 0;
        text += length + (text[length] == '\n');
    }
    if (is_first) {
        printf("\n");
    }
}

static void check_print_stage(const tidymail_check *check, size_t stage)
{
    int status = tidymail_check_stage_status(check, stage);
    int64_t ms = tidymail_check_stage_ms(check, stage);
    const char *colour = check_colour(status);
    printf("  %s%-8s%s %-9s", colour != NULL ? colour : "", check_status_words[status],
           colour != NULL ? "\033[0m" : "", tidymail_check_stage_name(check, stage));
    if (ms >= 0 && status != TIDYMAIL_CHECK_SKIPPED) {
        printf("%5lld ms ", (long long)ms);
    } else {
        printf("%9s", "");
    }
    check_print_lines(tidymail_check_stage_detail(check, stage), "", 1);
    check_print_lines(tidymail_check_stage_advice(check, stage), "=> ", 0);
}

static void check_print(const tidymail_check *check)
{
    output_clean(stdout, tidymail_check_summary(check));
    printf("\n");
    const char *hint = tidymail_error_hint(tidymail_report_error(tidymail_check_report(check)));
    if (tidymail_check_verdict(check) == TIDYMAIL_CHECK_FAILED && hint[0] != '\0') {
        printf("=> ");
        output_clean(stdout, hint);
        printf("\n");
    }
    for (size_t i = 0; i < tidymail_check_stage_count(check); i++) {
        check_print_stage(check, i);
    }
    const char *other = tidymail_check_suggested_url(check);
    if (other[0] != '\0') {
        printf("what works: %s\n", other);
    }
}

static json_t *check_text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

/* A text with parts between `separator` as an array. */
static json_t *check_array(const char *text, const char *separator)
{
    json_t *array = json_array();
    size_t width = strlen(separator);
    while (*text != '\0') {
        const char *end = strstr(text, separator);
        size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
        json_array_append_new(array, json_stringn(text, length));
        text += length + (end != NULL ? width : 0);
    }
    return array;
}

static json_t *check_json_certificate(const tidymail_certificate *certificate)
{
    if (certificate == NULL) {
        return json_null();
    }
    return json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:b, s:o}", "names",
                     check_array(tidymail_certificate_names(certificate), ", "), "issuer",
                     tidymail_certificate_issuer(certificate), "not_before",
                     tidymail_certificate_not_before(certificate), "not_after",
                     tidymail_certificate_not_after(certificate), "sha256",
                     tidymail_certificate_sha256(certificate), "chain",
                     check_array(tidymail_certificate_chain(certificate), "\n"), "verified",
                     tidymail_certificate_verified(certificate), "problem",
                     check_text_or_null(tidymail_certificate_problem(certificate)));
}

static json_t *check_json_stages(const tidymail_check *check)
{
    json_t *stages = json_array();
    for (size_t i = 0; i < tidymail_check_stage_count(check); i++) {
        int64_t ms = tidymail_check_stage_ms(check, i);
        json_array_append_new(
            stages,
            json_pack("{s:s, s:s, s:o, s:o, s:o}", "stage", tidymail_check_stage_name(check, i),
                      "status", check_status_words[tidymail_check_stage_status(check, i)], "ms",
                      ms >= 0 ? json_integer(ms) : json_null(), "detail",
                      check_text_or_null(tidymail_check_stage_detail(check, i)), "advice",
                      check_text_or_null(tidymail_check_stage_advice(check, i))));
    }
    return stages;
}

static int check_print_json(const tidymail_check *check)
{
    const tidymail_error *error = tidymail_report_error(tidymail_check_report(check));
    json_t *capabilities = json_array();
    for (size_t i = 0; i < tidymail_check_capability_count(check); i++) {
        json_array_append_new(capabilities, json_string(tidymail_check_capability(check, i)));
    }
    int failed = tidymail_check_verdict(check) != TIDYMAIL_CHECK_OK && error != NULL;
    int code = tidymail_error_code(error);
    json_t *object = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "verdict",
        check_status_words[tidymail_check_verdict(check)], "summary", tidymail_check_summary(check),
        "kind", failed ? json_string(tidymail_kind_name(tidymail_error_kind(error))) : json_null(),
        "phase",
        failed ? json_string(tidymail_phase_name(tidymail_error_phase(error))) : json_null(),
        "code", failed && code > 0 ? json_integer(code) : json_null(), "suggested_url",
        check_text_or_null(tidymail_check_suggested_url(check)), "stages", check_json_stages(check),
        "capabilities", capabilities, "certificate",
        check_json_certificate(tidymail_check_certificate(check)));
    return output_json_object(object);
}

static int check_status(const tidymail_check *check)
{
    const tidymail_error *error = tidymail_report_error(tidymail_check_report(check));
    if (tidymail_check_verdict(check) != TIDYMAIL_CHECK_FAILED) {
        return CLI_EXIT_SENT;
    }
    return exit_code_of(TIDYMAIL_FAILED, tidymail_error_kind(error), tidymail_error_phase(error),
                        tidymail_error_retryable(error));
}

static int check_walk(const struct cli_args *args, const char *url,
                      const tidymail_check_options *options, struct cli_watch *watch,
                      struct cli_failure *failure)
{
    tidymail_check *check = tidymail_check_run(url, options);
    if (options->progress != NULL) {
        fprintf(stderr, "\r\033[K");
    }
    if (check == NULL) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    int status = check_status(check);
    if (!args_has(args, "json")) {
        check_print(check);
    } else if (check_print_json(check) != 0) {
        fprintf(stderr, "tidymail check: the result could not be written\n");
    }
    watch_report(watch, tidymail_check_report(check), 1);
    tidymail_check_free(check);
    return status;
}

static int check_account(const struct cli_args *args, const struct cli_account *where,
                         tidymail_check_options *options, tidymail_transport_options *transport,
                         struct cli_watch *watch, struct cli_failure *failure)
{
    const char **both = NULL;
    const char *url = account_merge(where, transport, &both, failure);
    int status = 0;
    options->from =
        options->from == NULL && options->to_count > 0 ? account_from(where) : options->from;
    options->transport = transport;
    if (failure->status == 0) {
        status = check_walk(args, url, options, watch, failure);
    }
    free(both);
    return status;
}

/* Collects the values of the options that may be given several times, and walks. */
static int check_with(const struct cli_args *args, const struct cli_account *where,
                      struct cli_watch *watch, struct cli_failure *failure)
{
    const char *size = args_get(args, "size");
    const char **to = calloc(args->count + 1, sizeof(*to));
    const char **selectors = calloc(args->count + 1, sizeof(*selectors));
    tidymail_transport_options transport = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    tidymail_check_options options = TIDYMAIL_CHECK_OPTIONS_INIT;
    int status = 0;
    for (size_t i = 0; i < args->count && to != NULL && selectors != NULL; i++) {
        if (strcmp(args->given[i].option->name, "to") == 0) {
            to[options.to_count++] = args->given[i].value;
        } else if (strcmp(args->given[i].option->name, "selector") == 0) {
            selectors[options.selector_count++] = args->given[i].value;
        }
    }
    options.size = size != NULL ? strtoll(size, NULL, 10) : 0;
    options.from = args_get(args, "from");
    options.to = to;
    options.domain = args_get(args, "domain");
    options.selectors = selectors;
    int on_terminal = isatty(STDERR_FILENO) && watch->trace != stderr && watch->json != stderr;
    options.progress = on_terminal && !args_has(args, "json") ? check_progress : NULL;
    watch_apply(watch, &transport);
    transport.user = args_get(args, "user");
    transport.password = args_get(args, "password");
    if (to == NULL || selectors == NULL) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    } else if (transport_options_collect(args, &transport, failure) == 0) {
        tidymail_transport_options merged = transport;
        status = check_account(args, where, &options, &merged, watch, failure);
    }
    transport_options_free(&transport);
    free(to);
    free(selectors);
    return failure->status != 0 ? failure->status : status;
}

static int check_watched(const struct cli_args *args, const struct cli_account *where,
                         struct cli_failure *failure)
{
    struct cli_watch watch;
    if (watch_open(&watch, args, failure) != 0) {
        return failure->status;
    }
    int status = check_with(args, where, &watch, failure);
    watch_close(&watch);
    return status;
}

static int check_run(const struct cli_args *args, struct cli_failure *failure)
{
    struct cli_account where = {NULL, NULL, NULL};
    const char *size = args_get(args, "size");
    int has_url = args_has(args, "target") || args_has(args, "url") || args_has(args, "account") ||
                  args_has(args, "config");
    if (args_has(args, "selector") && !args_has(args, "domain")) {
        return failure_usage(failure, "--selector needs --domain");
    }
    if (has_url || !args_has(args, "domain")) {
        if (account_choose(&where, args, args_get(args, "target"), args_get(args, "from"),
                           failure) != 0) {
            account_release(&where);
            return failure->status;
        }
        if (args_has(args, "from") && !args_has(args, "to")) {
            failure_usage(failure, "--from needs --to: whom to try");
        } else if (size != NULL && (size[0] == '\0' || strspn(size, "0123456789") != strlen(size) ||
                                    strlen(size) > 15 || !args_has(args, "to"))) {
            failure_usage(failure, "--size is a number of bytes, and needs --to");
        }
    }
    int status = failure->status == 0 ? check_watched(args, &where, failure) : 0;
    account_release(&where);
    return failure->status != 0 ? failure->status : status;
}

const struct cli_command command_check = {
    "check",
    "[OPTION]... [URL]",
    "Walks every stage of a send without sending, and says what is wrong where.",
    check_groups,
    "Exit status: as a send would have; a warning is 0.\n"
    "Example: tidymail check smtp://ann:secret@mail.example.org --to bob@example.org",
    check_run};
