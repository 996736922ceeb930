/* cmd_replay.c: tidymail replay: the engine of this tidymail against a scenario file, offline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/devserver.h>
#include <tidymail/tidymail.h>

#include "commands.h"
#include "exit_code.h"
#include "input.h"
#include "output.h"

#define REPLAY_PROBLEMS 8192

static const struct cli_option replay_options[] = {
    {"scenario", "FILE.scn", "what to play; -: standard input", CLI_OPERAND},
    {"json", NULL, "the report as one JSON object", 0},
    {"trace", NULL, "the session, on standard error", 0},
    {NULL, NULL, NULL, 0},
};

static const struct cli_option_group replay_groups[] = {
    {"Options", replay_options, 0},
    {NULL, NULL, 0},
};

static void replay_line(void *context, const tidymail_smtp_trace *line)
{
    static const char *const marks[] = {"->", "<-", "***"};
    static const char *const under_tls[] = {"~>", "<~", "***"};
    FILE *stream = context;
    if (line->mark > TIDYMAIL_SMTP_MARK_NOTE) {
        return;
    }
    char *text = strndup(line->text, line->length);
    fprintf(stream, "%-8s %s ", tidymail_phase_name(line->phase),
            line->encrypted ? under_tls[line->mark] : marks[line->mark]);
    output_clean(stream, text != NULL ? text : "");
    fputc('\n', stream);
    free(text);
}

static void replay_print(const tidymail_report *report)
{
    if (tidymail_report_error(report) == NULL && tidymail_report_recipient_count(report) == 0) {
        printf("the login went well, and nothing was to be sent\n"); /* probe=login */
    } else {
        output_report(report);
    }
}

static int replay_run(const struct cli_args *args, struct cli_failure *failure)
{
    const char *path = args_get(args, "scenario");
    size_t length;
    if (path == NULL) {
        return failure_usage(failure, "which scenario? tidymail replay FILE.scn");
    }
    char *text = input_read(path, &length, failure);
    char *problems = calloc(1, REPLAY_PROBLEMS);
    if (text == NULL || problems == NULL) {
        free(text);
        free(problems);
        return failure->status != 0
                   ? failure->status
                   : failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    tidymail_report *report = tidymail_scenario_replay(
        text, problems, REPLAY_PROBLEMS, args_has(args, "trace") ? replay_line : NULL, stderr);
    int status = problems[0] != '\0';
    if (report == NULL) {
        failure_set(failure, CLI_EXIT_INPUT, TIDYMAIL_KIND_CONFIGURATION, "%s: %s", path, problems);
        status = failure->status;
    } else {
        if (!args_has(args, "json")) {
            replay_print(report);
            printf("%s\n", status == 0 ? "as expected" : "not as expected");
        } else if (output_json_report(report) != 0) {
            fprintf(stderr, "tidymail replay: the result could not be written\n");
        }
        if (status != 0) {
            fprintf(stderr, "%s\n", problems);
        }
    }
    tidymail_report_free(report);
    free(problems);
    free(text);
    return status;
}

const struct cli_command command_replay = {
    "replay",
    "[OPTION]... FILE.scn",
    "Plays a scenario against the engine, offline, and says what comes of it.",
    replay_groups,
    "Exit status: 0 as the scenario expects, 1 not so, 66 a scenario that cannot be played.\n"
    "Scenarios: docs/scenarios.md; tidymail send --record FILE.scn writes one.",
    replay_run};
