/* cmd_providers.c: tidymail providers: the table of tidymail/provider.h, for people and for programs. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/provider.h>
#include <tidymail/types.h>

#include "commands.h"
#include "exit_code.h"
#include "output_json.h"
#include "service_values.h"

#define PROVIDERS_LABEL 17 /* columns of the row's name */
#define PROVIDERS_WIDTH 6  /* and of each service */
#define PROVIDERS_LINE 90
#define PROVIDERS_MEGABYTE (1024 * 1024)

static const struct cli_option providers_options[] = {
    {"name", "NAME", "everything about one service, by its scheme", CLI_OPERAND},
    {"json", NULL, "as one JSON object", 0},
    {NULL, NULL, NULL, 0},
};

static const struct cli_option_group providers_groups[] = {
    {"Options", providers_options, 0},
    {NULL, NULL, 0},
};

/* The limits as rows; a number that is not known is 0. */
static const struct {
    const char *name;  /* for programs */
    const char *label; /* of the table */
    const char *words; /* of one service */
} providers_limits[] = {
    {"recipients", "max recipients", "Recipients"},
    {"size", "max MiB", "Size in MiB"},
    {"reply_to", "max reply_to", "Reply-To"},
    {"tags", "max tags", "Tags"},
};

#define PROVIDERS_LIMITS (sizeof(providers_limits) / sizeof(providers_limits[0]))
#define PROVIDERS_SIZE 1 /* the row that is in bytes */

static int64_t providers_limit(size_t index, size_t limit)
{
    switch (limit) {
    case 0:
        return tidymail_provider_max_recipients(index);
    case PROVIDERS_SIZE:
        return tidymail_provider_max_size(index);
    case 2:
        return tidymail_provider_max_reply_to(index);
    default:
        return tidymail_provider_max_tags(index);
    }
}

/* "25" or "7.5": MiB where the limit is in bytes; "-": none is known. */
static void providers_limit_text(char *text, size_t size, size_t index, size_t limit)
{
    int64_t number = providers_limit(index, limit);
    if (number == 0) {
        snprintf(text, size, "-");
    } else if (limit != PROVIDERS_SIZE) {
        snprintf(text, size, "%" PRId64, number);
    } else if (number % PROVIDERS_MEGABYTE == 0) {
        snprintf(text, size, "%" PRId64, number / PROVIDERS_MEGABYTE);
    } else {
        snprintf(text, size, "%.1f", (double)number / PROVIDERS_MEGABYTE);
    }
}

/* Cells of one row; blanks at its end are left out. */
static void providers_row(const char *label, char (*cells)[16], size_t count)
{
    printf("%-*s", PROVIDERS_LABEL, label);
    for (size_t i = 0; i < count; i++) {
        printf("%-*s", i + 1 < count ? PROVIDERS_WIDTH : 0, cells[i]);
    }
    printf("\n");
}

/* Names are longer than their columns: they stand on two lines in turn, each above its column. */
static void providers_head(size_t count)
{
    for (size_t line = 0; line < 2; line++) {
        printf("%-*s", (int)(PROVIDERS_LABEL + line * PROVIDERS_WIDTH), "");
        for (size_t i = line; i < count; i += 2) {
            printf("%-*s", i + 2 < count ? 2 * PROVIDERS_WIDTH : 0, tidymail_provider_scheme(i));
        }
        printf("\n");
    }
}

static void providers_table(size_t count, char (*cells)[16])
{
    providers_head(count);
    for (size_t feature = 0; feature < tidymail_feature_count(); feature++) {
        for (size_t i = 0; i < count; i++) {
            snprintf(cells[i], sizeof(cells[i]), "%s",
                     tidymail_provider_can(i, feature) ? "x" : "-");
        }
        providers_row(tidymail_feature_name(feature), cells, count);
    }
    for (size_t limit = 0; limit < PROVIDERS_LIMITS; limit++) {
        for (size_t i = 0; i < count; i++) {
            providers_limit_text(cells[i], sizeof(cells[i]), i, limit);
        }
        providers_row(providers_limits[limit].label, cells, count);
    }
    printf("\nx  the service takes it     -  it does not; of a limit: none is known\n"
           "What a service does not take is refused before anything is sent. With the option\n"
           "unsupported=drop of the URL, tags, metadata, tracking, schedule, idempotency_key and\n"
           "smtp_wishes are left out instead.\n\n"
           "tidymail providers NAME   its URL, limits, options, and what the words above mean\n");
}

/* Words with commas between, wrapped behind `label`. */
static void providers_list(const char *label, size_t index, int can)
{
    int column = printf("  %-12s", label);
    int margin = column;
    size_t shown = 0;
    for (size_t feature = 0; feature < tidymail_feature_count(); feature++) {
        if (tidymail_provider_can(index, feature) != can) {
            continue;
        }
        const char *words = tidymail_feature_words(feature);
        if (shown > 0) {
            column += printf(";");
        }
        if (column + (int)strlen(words) + 2 > PROVIDERS_LINE) {
            printf("\n%*s", margin, "");
            column = margin;
        } else if (shown > 0) {
            column += printf(" ");
        }
        column += printf("%s", words);
        shown++;
    }
    printf("%s\n", shown == 0 ? "nothing" : "");
}

/* The rest of a line and as many more as the words need, all behind `margin`. */
static void providers_wrap(const char *words, int margin)
{
    int column = margin;
    while (*words != '\0') {
        int length = (int)strcspn(words, " ");
        if (column > margin && column + 1 + length > PROVIDERS_LINE) {
            printf("\n%*s", margin, "");
            column = margin;
        }
        column += printf("%s%.*s", column > margin ? " " : "", length, words);
        words += length;
        words += strspn(words, " ");
    }
    printf("\n");
}

static void providers_one(size_t index)
{
    printf("%s\n\n  %-12s%s\n  %-12s%s\n", tidymail_provider_name(index), "URL",
           tidymail_provider_url(index), "API", tidymail_provider_page(index));
    for (size_t limit = 0; limit < PROVIDERS_LIMITS; limit++) {
        char text[16];
        if (providers_limit(index, limit) != 0) {
            providers_limit_text(text, sizeof(text), index, limit);
            printf("  %-12sat most %s\n", providers_limits[limit].words, text);
        }
    }
    providers_list("Takes", index, 1);
    providers_list("Takes not", index, 0);
    printf("\nIts own options, ?NAME=VALUE in the URL or --service-option %s:NAME=VALUE:\n\n",
           tidymail_provider_scheme(index));
    size_t count = tidymail_provider_option_count(index);
    int width = 0;
    for (size_t i = 0; i < count; i++) {
        int length = (int)strlen(tidymail_provider_option_name(index, i));
        width = length > width ? length : width;
    }
    for (size_t i = 0; i < count; i++) {
        int margin = printf("  %-*s  %-10s ", width, tidymail_provider_option_name(index, i),
                            tidymail_provider_option_type(index, i));
        providers_wrap(tidymail_provider_option_words(index, i), margin);
    }
}

static json_t *providers_limits_json(size_t index)
{
    json_t *limits = json_object();
    for (size_t limit = 0; limit < PROVIDERS_LIMITS; limit++) {
        int64_t number = providers_limit(index, limit);
        json_object_set_new(limits, providers_limits[limit].name,
                            number != 0 ? json_integer(number) : json_null());
    }
    return limits;
}

static json_t *providers_one_json(size_t index)
{
    json_t *features = json_object();
    json_t *options = json_array();
    for (size_t feature = 0; feature < tidymail_feature_count(); feature++) {
        json_object_set_new(features, tidymail_feature_name(feature),
                            json_boolean(tidymail_provider_can(index, feature)));
    }
    for (size_t i = 0; i < tidymail_provider_option_count(index); i++) {
        json_array_append_new(options, json_pack("{s:s, s:s, s:s}", "name",
                                                 tidymail_provider_option_name(index, i), "type",
                                                 tidymail_provider_option_type(index, i), "words",
                                                 tidymail_provider_option_words(index, i)));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "scheme",
                     tidymail_provider_scheme(index), "name", tidymail_provider_name(index), "url",
                     tidymail_provider_url(index), "page", tidymail_provider_page(index), "limits",
                     providers_limits_json(index), "features", features, "options", options);
}

static json_t *providers_all_json(void)
{
    json_t *features = json_array();
    json_t *services = json_array();
    for (size_t feature = 0; feature < tidymail_feature_count(); feature++) {
        json_array_append_new(features,
                              json_pack("{s:s, s:s}", "name", tidymail_feature_name(feature),
                                        "words", tidymail_feature_words(feature)));
    }
    for (size_t i = 0; i < tidymail_provider_count(); i++) {
        json_array_append_new(services, providers_one_json(i));
    }
    return json_pack("{s:o, s:o}", "features", features, "providers", services);
}

static int providers_print(json_t *object, struct cli_failure *failure)
{
    return output_json_object(object) == 0
               ? 0
               : failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL,
                             "out of memory, or standard output cannot be written");
}

static int providers_unknown(const char *near, struct cli_failure *failure)
{
    failure_usage(failure, "there is no such service%s%s%s", near != NULL ? ", did you mean " : "",
                  near != NULL ? near : "", near != NULL ? "?" : "");
    failure_hint(failure, "tidymail providers lists them");
    return failure->status;
}

static int providers_run(const struct cli_args *args, struct cli_failure *failure)
{
    const char *name = args_get(args, "name");
    const char *near = NULL;
    size_t count = tidymail_provider_count();
    int json = args_has(args, "json");
    if (name != NULL && !service_is_known(name, strlen(name), &near)) {
        return providers_unknown(near, failure);
    }
    size_t index = name != NULL ? service_find(name, strlen(name)) : 0;
    if (json) {
        providers_print(name != NULL ? providers_one_json(index) : providers_all_json(), failure);
    } else if (name != NULL) {
        providers_one(index);
    } else {
        char(*cells)[16] = calloc(count + 1, sizeof(*cells));
        if (cells == NULL) {
            failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
            return failure->status;
        }
        providers_table(count, cells);
        free(cells);
    }
    if (fflush(stdout) != 0) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL,
                    "standard output cannot be written");
    }
    return failure->status;
}

const struct cli_command command_providers = {
    "providers",
    "[NAME] [--json]",
    "Lists the mail services and what each can do with a message.",
    providers_groups,
    "Example: tidymail providers mailgun",
    providers_run};
