/*
 * args.h: a command and its options as data, and a command line read against them. Usage and --help
 * are made from the same tables.
 */
#ifndef TIDYMAIL_CLI_ARGS_H
#define TIDYMAIL_CLI_ARGS_H

#include <stddef.h>

#include "failure.h"

enum cli_option_flag {
    CLI_MANY = 1,     /* may be given several times */
    CLI_OPTIONAL = 2, /* the value may be left out, and comes only with '=' */
    CLI_LAST = 4,     /* may be given again, so that a default can be overruled: the last counts */
    CLI_OPERAND = 8,  /* its value stands alone, without the name */
    CLI_RARE = 16     /* named by --help=all only */
};

struct cli_option {
    const char *name;  /* without the dashes; NULL ends a table */
    const char *value; /* what the value is called in --help; NULL: takes none */
    const char *help;
    int flags;
};

struct cli_option_group {
    const char *title;
    const struct cli_option *options; /* NULL ends a list of groups */
    int names_only;                   /* --help lists the names; --help=all has a line for each */
};

struct cli_args;

struct cli_command {
    const char *name;
    const char *synopsis; /* behind the name */
    const char *purpose;  /* one line */
    const struct cli_option_group *groups;
    const char *footer; /* last lines of --help; NULL: none */
    /* NULL: it reads its arguments by itself (main.c) */
    int (*run)(const struct cli_args *args, struct cli_failure *failure);
};

struct cli_given {
    const struct cli_option *option;
    const char *value; /* NULL where there is none */
};

struct cli_args {
    const struct cli_command *command;
    struct cli_given *given; /* in the order of the command line */
    size_t count;
};

/* Reads the arguments behind the command's name; 0, or -1 with the first failure. All that can be
 * understood is in `args` in both cases. */
int args_parse(struct cli_args *args, const struct cli_command *command, int count, char **words,
               struct cli_failure *failure);
void args_clear(struct cli_args *args);
/* 1 where the option was given. */
int args_has(const struct cli_args *args, const char *name);
/* Its (last) value, NULL where not given or without value. */
const char *args_get(const struct cli_args *args, const char *name);

/* Prints the command's help; with `all` each option has its line. */
void args_help(const struct cli_command *command, int all);

#endif
