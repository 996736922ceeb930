/* cmd_bulk.c: tidymail bulk: options, the list, and what is said at the end. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <tidymail/tidymail.h>

#include "account.h"
#include "bulk_run.h"
#include "commands.h"
#include "envelope_options.h"
#include "exit_code.h"
#include "message_options.h"
#include "output.h"
#include "service_options.h"
#include "transport_options.h"

#define BULK_CONNECTIONS_MAX 1000
#define BULK_DRY_RUN 3 /* messages that are shown */
#define BULK_PIECE 65536

static const struct cli_option bulk_options[] = {
    {"LIST", "LIST", "CSV with a header line, or JSON Lines; - for standard input", CLI_OPERAND},
    {"url", "URL", "where to; else --account, TIDYMAIL_URL, the default account", 0},
    {"json", NULL, "the result as one JSON object", 0},
    {"journal", "FILE", "what became of each row; the same run again goes on there", 0},
    {"retry-unknown", NULL, "send those again of which the journal has no answer", 0},
    {"retry-failed", NULL, "send those again that were refused for good", 0},
    {"journal-sync", "WHEN", "batch (usual): on the disk before it is sent; no: left to the system",
     0},
    {"rate", "N[/s|/m|/h]", "at most so many messages in a second, minute, hour", 0},
    {"connections", "N", "how many at once, 1 to 1000", 0},
    {"limit", "N", "at most so many messages in this run", 0},
    {"dry-run", "N", "writes the first messages (3) to standard output, sends nothing",
     CLI_OPTIONAL},
    {"format", "WORD", "csv or jsonl; else the first byte decides", 0},
    {"delimiter", "C", "between the fields of CSV, such as ';' or tab; else a comma", 0},
    {NULL, NULL, NULL, 0},
};

/* As of send, without what shows or records single messages. */
static const struct cli_option bulk_account[] = {
    {"account", "NAME", "an account of the configuration file (docs/config.md)", 0},
    {"config", "FILE", "that file, in place of ~/.config/tidymail/config", 0},
    {"user", "U", "instead of the URL's user and password", 0},
    {"password", "P", "its password (others on this machine can see it)", 0},
    {NULL, NULL, NULL, 0},
};

static const struct cli_option_group bulk_groups[] = {
    {"The list, where to, and how", bulk_options, 0},
    {"Message: {{field}} is that of the row (docs/bulk.md)", message_options, 0},
    {"More of it (--help=all, docs/messages.md)", message_more_options, 1},
    {"Account (docs/config.md), and login", bulk_account, 1},
    {"What to ask a mail server for", envelope_options, 1},
    {"What to ask a mail service for (tidymail providers)", service_options, 1},
    {"Options of the URL, as --NAME VALUE; they beat the URL's", transport_option_names, 1},
    {NULL, NULL, 0},
};

/* The list as it is read. */
struct bulk_list {
    FILE *stream;
    const char *name;
    enum bulk_format format;
    char delimiter;
    long start;     /* where it begins in the stream */
    int can_rewind; /* it was read once already: */
    uint64_t rows;
    uint64_t hash;
};

/* A whole number from 1 on; 0, or -1 with the failure. */
static int bulk_number(const struct cli_args *args, const char *name, uint64_t most,
                       uint64_t *number, struct cli_failure *failure)
{
    const char *text = args_get(args, name);
    if (text == NULL) {
        return 0;
    }
    uint64_t value = 0;
    const char *p = text;
    while (p[0] >= '0' && p[0] <= '9' && value <= most) {
        value = value * 10 + (uint64_t)(p++[0] - '0');
    }
    if (p == text || p[0] != '\0' || value < 1 || value > most) {
        return failure_usage(failure, "--%s: not a whole number from 1 to %" PRIu64, name, most);
    }
    *number = value;
    return 0;
}

static int bulk_rate(const struct cli_args *args, double *rate, struct cli_failure *failure)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"/s", 1}, {"/m", 60}, {"/h", 3600}};
    const char *text = args_get(args, "rate");
    char *end = NULL;
    if (text == NULL) {
        return 0;
    }
    double number = text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : 0;
    for (size_t i = 0; end != NULL && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0 && number > 0 && number <= 1e9) {
            *rate = number / units[i].seconds;
            return 0;
        }
    }
    return failure_usage(failure, "--rate: not of the form N, N/s, N/m or N/h");
}

static int bulk_check(const struct cli_args *args, struct bulk_list *list,
                      struct cli_failure *failure)
{
    const char *format = args_get(args, "format");
    const char *delimiter = args_get(args, "delimiter");
    const char *sync = args_get(args, "journal-sync");
    list->name = args_get(args, "LIST");
    list->delimiter = ',';
    if (list->name == NULL) {
        failure_hint(failure, "such as tidymail bulk people.csv --from ann@example.org ...");
        return failure_usage(failure, "the list is missing");
    }
    if (format != NULL && strcmp(format, "csv") != 0 && strcmp(format, "jsonl") != 0) {
        return failure_usage(failure, "--format is neither csv nor jsonl");
    }
    list->format = format == NULL     ? BULK_FORMAT_GUESS
                   : format[0] == 'c' ? BULK_FORMAT_CSV
                                      : BULK_FORMAT_JSONL;
    if (delimiter != NULL) {
        list->delimiter = strcmp(delimiter, "tab") == 0 ? '\t' : delimiter[0];
        if ((list->delimiter != '\t' && strlen(delimiter) != 1) || list->delimiter == '"' ||
            list->delimiter == '\n' || list->delimiter == '\r') {
            return failure_usage(failure, "--delimiter is one character, or tab");
        }
    }
    if (sync != NULL && strcmp(sync, "batch") != 0 && strcmp(sync, "no") != 0) {
        return failure_usage(failure, "--journal-sync is neither batch nor no");
    }
    static const char *const of_journal[] = {"retry-unknown", "retry-failed", "journal-sync"};
    for (size_t i = 0; i < 3; i++) {
        if (args_has(args, of_journal[i]) && !args_has(args, "journal")) {
            return failure_usage(failure, "--%s needs --journal", of_journal[i]);
        }
    }
    return 0;
}

static int bulk_list_fail(const struct bulk_list *list, struct cli_failure *failure)
{
    return failure_set(failure, CLI_EXIT_INPUT, TIDYMAIL_KIND_LOCAL, "cannot read %s: %s",
                       list->name, strerror(errno));
}

/* What cannot be read twice, into a file without a name. */
static int bulk_list_spool(struct bulk_list *list, struct cli_failure *failure)
{
    char piece[BULK_PIECE];
    FILE *copy = tmpfile();
    size_t length = 1;
    int failed = copy == NULL;
    while (!failed && (length = fread(piece, 1, sizeof(piece), list->stream)) > 0) {
        failed = fwrite(piece, 1, length, copy) != length;
    }
    failed = failed || fflush(copy) != 0;
    if (failed || ferror(list->stream)) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "cannot keep %s: %s", list->name,
                    strerror(errno));
        if (copy != NULL) {
            fclose(copy);
        }
        return -1;
    }
    if (list->stream != stdin) {
        fclose(list->stream);
    }
    rewind(copy);
    list->stream = copy;
    list->can_rewind = 1;
    return 0;
}

/* How many rows, and their hash: the journal is that of this list only. */
static int bulk_list_survey(struct bulk_list *list, struct cli_failure *failure)
{
    struct bulk_row row;
    struct bulk_rows *rows = bulk_rows_new(list->stream, list->name, list->format, list->delimiter);
    int result = rows != NULL
                     ? 1
                     : failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    while (result == 1) {
        result = bulk_rows_next(rows, &row, failure);
        list->rows += result == 1;
    }
    if (result == 0) {
        list->hash = bulk_rows_hash(rows);
        if (fseek(list->stream, list->start, SEEK_SET) != 0) {
            result = bulk_list_fail(list, failure);
        }
    }
    bulk_rows_free(rows);
    return result;
}

static int bulk_list_open(struct bulk_list *list, int journal, int dry_run,
                          struct cli_failure *failure)
{
    struct stat facts;
    if (strcmp(list->name, "-") == 0) {
        list->name = "standard input";
        list->stream = stdin;
    } else {
        list->stream = fopen(list->name, "rbe");
    }
    if (list->stream == NULL || fstat(fileno(list->stream), &facts) != 0) {
        return bulk_list_fail(list, failure);
    }
    if (S_ISREG(facts.st_mode)) {
        list->start = ftell(list->stream);
        list->can_rewind = list->start >= 0;
    }
    if (journal && !list->can_rewind && bulk_list_spool(list, failure) != 0) {
        return -1;
    }
    return list->can_rewind && !dry_run ? bulk_list_survey(list, failure) : 0;
}

/* ---- the end ---- */

/* 75 where another run can do more, 74 where it is not known, 65 where it was refused for good. */
static int bulk_status(const struct bulk_run *run)
{
    const struct bulk_counts *counts = &run->counts;
    return run->failure.status != 0               ? run->failure.status
           : counts->later > 0                    ? CLI_EXIT_RETRY
           : counts->unknown > 0                  ? CLI_EXIT_UNKNOWN
           : counts->failed + counts->refused > 0 ? CLI_EXIT_DATA
                                                  : CLI_EXIT_SENT;
}

static void bulk_say_summary(const struct bulk_run *run)
{
    const struct bulk_counts *counts = &run->counts;
    const struct {
        uint64_t count;
        const char *words;
    } more[] = {
        {counts->earlier, "sent before"},  {counts->failed, "refused by the server"},
        {counts->refused, "rows refused"}, {counts->later, "to be tried again"},
        {counts->unknown, "unknown"},
    };
    printf("sent %" PRIu64 " of %" PRIu64, counts->sent, counts->rows);
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        if (more[i].count > 0) {
            printf(", %" PRIu64 " %s", more[i].count, more[i].words);
        }
    }
    printf("\n");
    fflush(stdout);
    if (run->failure.status != 0) {
        output_failure("bulk", &run->failure);
    } else if (counts->unknown > 0 && run->journal != NULL) {
        fprintf(stderr, "hint: --retry-unknown sends those again that are unknown: some of them "
                        "may get it twice\n");
    }
}

static int bulk_json_summary(const struct bulk_run *run)
{
    const struct bulk_counts *counts = &run->counts;
    double seconds = (double)(bulk_progress_now() - run->progress.start_ms) / 1000;
    json_t *error = json_null();
    if (run->failure.status != 0) {
        const char *words = run->failure.message != NULL ? run->failure.message : "out of memory";
        error = json_pack("{s:s, s:s, s:s?}", "kind", tidymail_kind_name(run->failure.kind),
                          "message", words, "hint", run->failure.hint);
    }
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:f, s:i, s:o}", "rows",
                  (json_int_t)counts->rows, "sent", (json_int_t)counts->sent, "sent_before",
                  (json_int_t)counts->earlier, "failed", (json_int_t)counts->failed, "refused",
                  (json_int_t)counts->refused, "retryable", (json_int_t)counts->later, "unknown",
                  (json_int_t)counts->unknown, "complete", run->at_end && run->failure.status == 0,
                  "seconds", seconds, "status", bulk_status(run), "error", error);
    int result =
        object != NULL ? json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) : -1;
    json_decref(object);
    return result == 0 && fputc('\n', stdout) != EOF && fflush(stdout) == 0 ? 0 : -1;
}

/* ---- dry run ---- */

static int bulk_show(tidymail_message *message, uint64_t row)
{
    char piece[BULK_PIECE];
    tidymail_source source;
    ptrdiff_t length;
    if (tidymail_message_open(message, &source) != TIDYMAIL_OK) {
        fprintf(stderr, "row %" PRIu64 ": refused: ", row);
        output_clean(stderr, tidymail_error_message(tidymail_message_error(message)));
        fputc('\n', stderr);
        return -1;
    }
    printf("--- row %" PRIu64 "\r\n", row);
    while ((length = source.read(source.context, piece, sizeof(piece))) > 0) {
        fwrite(piece, 1, (size_t)length, stdout);
    }
    source.release(source.context);
    return length == 0 ? 0 : -1;
}

static int bulk_dry_run(struct bulk_rows *rows, struct bulk_message *message, uint64_t count,
                        struct cli_failure *failure)
{
    struct bulk_row row;
    int status = 0;
    int result = 1;
    for (uint64_t i = 0; i < count && (result = bulk_rows_next(rows, &row, failure)) == 1; i++) {
        struct bulk_text problem = {NULL, 0, 0, 0};
        tidymail_message *made =
            row.problem == NULL ? bulk_message_make(message, &row, &problem) : NULL;
        if (row.problem != NULL) {
            bulk_text_format(&problem, "line %" PRIu64 " %s", row.line, row.problem);
        }
        if (made == NULL) {
            fprintf(stderr, "row %" PRIu64 ": refused: ", row.number);
            output_clean(stderr, problem.bytes != NULL ? problem.bytes : "out of memory");
            fputc('\n', stderr);
        }
        if (made == NULL || bulk_show(made, row.number) != 0) {
            status = CLI_EXIT_DATA;
        }
        tidymail_message_free(made);
        bulk_text_clear(&problem);
    }
    if (fflush(stdout) != 0) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL,
                    "standard output cannot be written: %s", strerror(errno));
    }
    return failure->status != 0 ? failure->status : status;
}

/* ---- the run ---- */

/* A list that changed while it was read has other rows than those the journal speaks of. */
static void bulk_check_end(struct bulk_run *run, const struct bulk_list *list)
{
    if (list->can_rewind && run->at_end && run->failure.status == 0 &&
        bulk_rows_hash(run->rows) != list->hash) {
        failure_set(&run->failure, CLI_EXIT_INPUT, TIDYMAIL_KIND_LOCAL,
                    "%s changed while it was being read", list->name);
    }
}

static void bulk_catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = bulk_run_interrupt;
    action.sa_flags = (int)SA_RESETHAND; /* the second one ends it at once */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int bulk_go(const struct cli_args *args, struct bulk_run *run, const struct bulk_list *list,
                   const struct cli_account *where, struct cli_failure *failure)
{
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    uint64_t connections = 1;
    const char *journal = args_get(args, "journal");
    const char *sync = args_get(args, "journal-sync");
    options.user = args_get(args, "user");
    options.password = args_get(args, "password");
    if (bulk_number(args, "connections", BULK_CONNECTIONS_MAX, &connections, failure) != 0 ||
        transport_options_collect(args, &options, failure) != 0) {
        return failure->status;
    }
    run->sender = bulk_sender_open(where, &options, (long)connections, bulk_run_done, run);
    transport_options_free(&options);
    if (run->sender == NULL || bulk_run_init(run, (size_t)connections * BULK_WINDOW_EACH) != 0) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
        return failure->status;
    }
    const tidymail_error *error = tidymail_transport_error(bulk_sender_transport(run->sender));
    if (error != NULL) {
        failure_set(failure, CLI_EXIT_CONFIGURATION, tidymail_error_kind(error), "%s",
                    tidymail_error_message(error));
        if (tidymail_error_hint(error)[0] != '\0') {
            failure_hint(failure, tidymail_error_hint(error));
        }
        return failure->status;
    }
    if (journal != NULL) {
        run->journal =
            bulk_journal_open(journal, list->hash, bulk_message_hash(run->message), list->rows,
                              sync == NULL || strcmp(sync, "no") != 0, failure);
        if (run->journal == NULL) {
            return failure->status;
        }
    }
    bulk_catch_signals();
    bulk_progress_start(&run->progress, stderr, list->rows);
    bulk_run_all(run);
    bulk_check_end(run, list);
    if (!args_has(args, "json")) {
        bulk_say_summary(run);
    } else if (bulk_json_summary(run) != 0) {
        fprintf(stderr, "tidymail bulk: the result could not be written\n");
    }
    return bulk_status(run);
}

/* Everything but the list, which is open. */
static int bulk_with_list(const struct cli_args *args, const struct bulk_list *list,
                          const struct cli_account *where, struct cli_failure *failure)
{
    struct bulk_run run;
    uint64_t shown = BULK_DRY_RUN;
    memset(&run, 0, sizeof(run));
    int status = 0;
    int result = bulk_number(args, "limit", UINT64_C(1000000000000), &run.limit, failure);
    result |= bulk_number(args, "dry-run", UINT64_C(1000000000000), &shown, failure);
    result |= bulk_rate(args, &run.rate, failure);
    run.retry_unknown = args_has(args, "retry-unknown");
    run.retry_failed = args_has(args, "retry-failed");
    if (result == 0) {
        run.message = bulk_message_new(args, account_from(where), list->stream == stdin, failure);
        run.rows = bulk_rows_new(list->stream, list->name, list->format, list->delimiter);
    }
    if (run.message != NULL && run.rows == NULL) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    } else if (run.message != NULL) {
        status = args_has(args, "dry-run") ? bulk_dry_run(run.rows, run.message, shown, failure)
                                           : bulk_go(args, &run, list, where, failure);
    }
    bulk_sender_close(run.sender);
    bulk_journal_close(run.journal);
    bulk_message_free(run.message);
    bulk_rows_free(run.rows);
    bulk_run_clear(&run);
    return failure->status != 0 ? failure->status : status;
}

static int bulk_command_run(const struct cli_args *args, struct cli_failure *failure)
{
    struct bulk_list list;
    memset(&list, 0, sizeof(list));
    struct cli_account where;
    struct cli_failure ignored = {0, 0, NULL, NULL};
    int status = 0;
    int dry = args_has(args, "dry-run"); /* needs to know no server */
    int chosen =
        account_choose(&where, args, NULL, args_get(args, "from"), dry ? &ignored : failure);
    failure_clear(&ignored);
    if ((chosen == 0 || dry) && bulk_check(args, &list, failure) == 0 &&
        bulk_list_open(&list, args_has(args, "journal"), args_has(args, "dry-run"), failure) == 0) {
        status = bulk_with_list(args, &list, &where, failure);
    }
    if (list.stream != NULL && list.stream != stdin) {
        fclose(list.stream);
    }
    account_release(&where);
    return failure->status != 0 ? failure->status : status;
}

const struct cli_command command_bulk = {
    "bulk",
    "[OPTION]... LIST",
    "Sends one message to each row of a list, and goes on where it was interrupted.",
    bulk_groups,
    "Exit status: 0 all sent, 75 some may be tried again (with --journal: run it again),\n"
    "74 of some it is not known, 65 some refused; else what ended the run early.\n"
    "Example: tidymail bulk people.csv --from ann@example.org --subject 'Hello {{name}}' \\\n"
    "             --text-file letter.txt --journal letter.journal",
    bulk_command_run};
