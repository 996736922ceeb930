/* main.c: the table of commands; finds the one that is meant, runs it, says what failed. */
#include <stdio.h>
#include <string.h>

#include <tidymail/tidymail.h>

#include "commands.h"
#include "exit_code.h"
#include "near.h"
#include "output.h"

static const struct cli_command *const main_commands[] = {
    &command_send,  &command_bulk,   &command_render,    &command_check,    &command_shell,
    &command_serve, &command_replay, &command_providers, &command_sendmail,
};

#define MAIN_COMMAND_COUNT (sizeof(main_commands) / sizeof(main_commands[0]))

static void main_help(void)
{
    printf("usage: tidymail COMMAND [OPTION]...\n\n"
           "Sends email, and says exactly what happened.\n\n");
    for (size_t i = 0; i < MAIN_COMMAND_COUNT; i++) {
        printf("  %-10s%s\n", main_commands[i]->name, main_commands[i]->purpose);
    }
    printf("\ntidymail COMMAND --help   the options of a command\n"
           "tidymail --version        the version\n\n"
           "Exit status: 0 sent; 64 usage; 65 message refused; 66 input file; 68 no such host;\n"
           "69 service refused; 71 this machine; 74 unknown, it may have been delivered;\n"
           "75 try again later; 76 not SMTP; 77 login or TLS; 78 configuration.\n");
}

/* 1 where the words ask for JSON, as far as can be said without knowing the command. */
static int main_wants_json(int count, char **words)
{
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--json") == 0) {
            return 1;
        }
    }
    return 0;
}

static int main_fail(const char *command, struct cli_failure *failure, int json)
{
    int status = failure->status;
    if (!json) {
        output_failure(command, failure);
    } else if (output_json_failure(failure) != 0) {
        output_failure(command, failure);
    }
    failure_clear(failure);
    return status;
}

static const struct cli_command *main_find(const char *word, struct cli_failure *failure)
{
    const char *near = NULL;
    for (size_t i = 0; i < MAIN_COMMAND_COUNT; i++) {
        if (strcmp(main_commands[i]->name, word) == 0) {
            return main_commands[i];
        }
        if (near_slips(word, strlen(word), main_commands[i]->name) > 0) {
            near = main_commands[i]->name;
        }
    }
    failure_usage(failure, "unknown command%s%s%s", near != NULL ? ", did you mean " : "",
                  near != NULL ? near : "", near != NULL ? "?" : "");
    failure_hint(failure, "tidymail --help lists the commands");
    return NULL;
}

static int main_run(const struct cli_command *command, int count, char **words)
{
    struct cli_failure failure = {0, 0, NULL, NULL};
    struct cli_args args;
    int status = 0;
    int parsed = args_parse(&args, command, count, words, &failure);
    const char *topic = args_get(&args, "help");
    if (topic != NULL && strcmp(topic, "all") != 0) {
        parsed = failure_usage(&failure, "--help takes nothing, or all: --help=all");
    } else if (args_has(&args, "help")) {
        args_help(command, topic != NULL);
        failure_clear(&failure);
        args_clear(&args);
        return fflush(stdout) == 0 ? 0 : CLI_EXIT_LOCAL;
    }
    if (parsed == 0) {
        status = command->run(&args, &failure);
    }
    if (failure.status == CLI_EXIT_USAGE) {
        char hint[64];
        snprintf(hint, sizeof(hint), "tidymail %s --help lists the options", command->name);
        failure_hint(&failure, hint);
    }
    if (failure.status != 0) {
        status = main_fail(command->name, &failure, args_has(&args, "json"));
    }
    args_clear(&args);
    return status;
}

/* Started under the name of a part of sendmail (a link): its exit status, else -1. */
static int main_as_sendmail(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
    char queue[] = "-bp", aliases[] = "-bi";
    char *mode = queue;
    if (strcmp(name, "sendmail") == 0) {
        return sendmail_main(argc - 1, argv + 1);
    }
    if (strcmp(name, "newaliases") == 0) {
        mode = aliases;
    } else if (strcmp(name, "mailq") != 0) {
        return -1;
    }
    return sendmail_main(1, &mode);
}

int main(int argc, char **argv)
{
    struct cli_failure failure = {0, 0, NULL, NULL};
    int status = main_as_sendmail(argc, argv);
    if (status >= 0) {
        return status;
    }
    if (argc < 2) {
        failure_usage(&failure, "which command?");
        failure_hint(&failure, "tidymail --help lists the commands");
        return main_fail(NULL, &failure, 0);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        main_help();
        return fflush(stdout) == 0 ? 0 : CLI_EXIT_LOCAL;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("tidymail %s\n", tidymail_version());
        return fflush(stdout) == 0 ? 0 : CLI_EXIT_LOCAL;
    }
    const struct cli_command *command = main_find(argv[1], &failure);
    if (command == NULL) {
        return main_fail(NULL, &failure, main_wants_json(argc - 1, argv + 1));
    }
    return command == &command_sendmail ? sendmail_main(argc - 2, argv + 2)
                                        : main_run(command, argc - 2, argv + 2);
}
