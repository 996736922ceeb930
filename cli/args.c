/*
 * args.c: --name value, --name=value, -- ends the options. Values and stray arguments may be
 * secrets (a URL, a password): failures name options and positions only.
 */
#include "args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/types.h>

#include "exit_code.h"
#include "near.h"

#define ARGS_NEAR_MAX 3
#define ARGS_HELP_COLUMN 26
#define ARGS_HELP_WIDTH 90

/* --help belongs to every command. */
static const struct cli_option args_help_option = {
    "help", "all", "this text; all: with every option", CLI_OPTIONAL};

static const struct cli_option *args_find(const struct cli_command *command, const char *name,
                                          size_t length)
{
    if (strlen(args_help_option.name) == length &&
        memcmp(args_help_option.name, name, length) == 0) {
        return &args_help_option;
    }
    for (const struct cli_option_group *group = command->groups; group->options != NULL; group++) {
        for (const struct cli_option *option = group->options; option->name != NULL; option++) {
            if ((option->flags & CLI_OPERAND) == 0 && strlen(option->name) == length &&
                memcmp(option->name, name, length) == 0) {
                return option;
            }
        }
    }
    return NULL;
}

static void args_refuse_name(const struct cli_command *command, const char *name, size_t length,
                             struct cli_failure *failure)
{
    const char *near[ARGS_NEAR_MAX] = {"", "", ""};
    size_t count = 0;
    for (int slips = 0; slips < 5 && count == 0; slips++) { /* only the nearest */
        for (const struct cli_option_group *group = command->groups; group->options != NULL;
             group++) {
            for (const struct cli_option *option = group->options;
                 option->name != NULL && count < ARGS_NEAR_MAX; option++) {
                if ((option->flags & CLI_OPERAND) == 0 &&
                    near_slips(name, length, option->name) == slips) {
                    near[count++] = option->name;
                }
            }
        }
    }
    static const char *const between[][ARGS_NEAR_MAX + 1] = {
        {"", "", "", ""},
        {", did you mean --", "?", "", ""},
        {", did you mean --", " or --", "?", ""},
        {", did you mean --", ", --", " or --", "?"},
    };
    const char *const *words = between[count];
    int shown = length < 40 ? (int)length : 40;
    failure_usage(failure, "unknown option --%.*s%s%s%s%s%s%s%s", shown, name, words[0], near[0],
                  words[1], near[1], words[2], near[2], words[3]);
}

static int args_add(struct cli_args *args, const struct cli_option *option, const char *value,
                    struct cli_failure *failure)
{
    if ((option->flags & (CLI_MANY | CLI_LAST)) == 0 && args_has(args, option->name)) {
        return failure_usage(failure, "--%s is given twice", option->name);
    }
    struct cli_given *given = realloc(args->given, (args->count + 1) * sizeof(*given));
    if (given == NULL) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    args->given = given;
    given[args->count].option = option;
    given[args->count].value = value;
    args->count++;
    return 0;
}

/* The operand that takes the next word which belongs to no option; NULL: there is none (left). */
static const struct cli_option *args_operand(const struct cli_args *args)
{
    for (const struct cli_option_group *group = args->command->groups; group->options != NULL;
         group++) {
        for (const struct cli_option *option = group->options; option->name != NULL; option++) {
            if ((option->flags & CLI_OPERAND) != 0 && !args_has(args, option->name)) {
                return option;
            }
        }
    }
    return NULL;
}

/* One option at words[0]; returns how many words it took. */
static int args_read_option(struct cli_args *args, int count, char **words,
                            struct cli_failure *failure)
{
    const char *name = words[0] + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct cli_option *option = args_find(args->command, name, length);
    if (option == NULL) {
        args_refuse_name(args->command, name, length, failure);
        return 1;
    }
    if (option->value == NULL && equals != NULL) {
        failure_usage(failure, "--%s takes no value", option->name);
        return 1;
    }
    if (option->value == NULL || equals != NULL || (option->flags & CLI_OPTIONAL) != 0) {
        args_add(args, option, equals != NULL ? equals + 1 : NULL, failure);
        return 1;
    }
    if (count < 2) {
        failure_usage(failure, "--%s needs a value: --%s %s", option->name, option->name,
                      option->value);
        return 1;
    }
    args_add(args, option, words[1], failure);
    return 2;
}

int args_parse(struct cli_args *args, const struct cli_command *command, int count, char **words,
               struct cli_failure *failure)
{
    memset(args, 0, sizeof(*args));
    args->command = command;
    int options_end = 0;
    for (int i = 0; i < count;) {
        if (!options_end && strcmp(words[i], "--") == 0) {
            options_end = 1;
            i++;
        } else if (!options_end && strncmp(words[i], "--", 2) == 0) {
            i += args_read_option(args, count - i, words + i, failure);
        } else if (args_operand(args) != NULL) {
            args_add(args, args_operand(args), words[i], failure);
            i++;
        } else {
            failure_usage(failure, "argument %d of %s belongs to no option", i + 1, command->name);
            i++;
        }
    }
    return failure->status == 0 ? 0 : -1;
}

void args_clear(struct cli_args *args)
{
    free(args->given);
    memset(args, 0, sizeof(*args));
}

int args_has(const struct cli_args *args, const char *name)
{
    for (size_t i = 0; i < args->count; i++) {
        if (strcmp(args->given[i].option->name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

const char *args_get(const struct cli_args *args, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < args->count; i++) {
        if (strcmp(args->given[i].option->name, name) == 0) {
            value = args->given[i].value;
        }
    }
    return value;
}

static void args_help_line(const struct cli_option *option)
{
    const char *before = option->value == NULL                 ? ""
                         : (option->flags & CLI_OPTIONAL) != 0 ? "[="
                                                               : " ";
    const char *after = option->value != NULL && (option->flags & CLI_OPTIONAL) != 0 ? "]" : "";
    int is_operand = (option->flags & CLI_OPERAND) != 0;
    int column =
        printf("  %s%s%s%s%s", is_operand ? "" : "--", is_operand ? "" : option->name,
               is_operand ? "" : before, option->value != NULL ? option->value : "", after);
    printf("%*s%s%s\n", column < ARGS_HELP_COLUMN ? ARGS_HELP_COLUMN - column : 2, "", option->help,
           (option->flags & CLI_MANY) != 0 ? " (repeatable)" : "");
}

static void args_help_names(const struct cli_option *options)
{
    int column = 0;
    for (const struct cli_option *option = options; option->name != NULL; option++) {
        if ((option->flags & CLI_RARE) != 0) {
            continue;
        }
        if (column + (int)strlen(option->name) + 4 > ARGS_HELP_WIDTH) {
            printf("\n");
            column = 0;
        }
        column += printf("%s--%s", column == 0 ? "  " : " ", option->name);
    }
    printf("\n");
}

void args_help(const struct cli_command *command, int all)
{
    printf("usage: tidymail %s %s\n\n%s\n", command->name, command->synopsis, command->purpose);
    int only_names = 0;
    for (const struct cli_option_group *group = command->groups; group->options != NULL; group++) {
        int follows = only_names; /* groups of names stand together, without lines between */
        only_names = group->names_only && !all;
        printf("%s%s:\n", follows && only_names ? "" : "\n", group->title);
        if (only_names) {
            args_help_names(group->options);
            continue;
        }
        for (const struct cli_option *option = group->options; option->name != NULL; option++) {
            args_help_line(option);
        }
    }
    args_help_line(&args_help_option);
    if (command->footer != NULL) {
        printf("\n%s\n", command->footer);
    }
}
