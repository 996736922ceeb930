/*
 * bulk_run.c: rows are taken while slots are free; their `begin` lines go into the journal together,
 * and then the messages leave. Memory is that of the slots, however long the list is.
 */
#include "bulk_run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exit_code.h"
#include "output.h"

/* So many failures of the way one after the other end the run: the next would fail too. */
#define RUN_FAILURES_MAX 10
#define RUN_TICK_MS 200
#define RUN_CATCH_UP_MS 100 /* what was missed of a rate within this time is made up for */

static volatile sig_atomic_t run_signal;

void bulk_run_interrupt(int number)
{
    run_signal = number;
}

int bulk_run_init(struct bulk_run *run, size_t window)
{
    run->slots = calloc(window, sizeof(*run->slots));
    run->begun_last = &run->begun_first;
    for (size_t i = 0; run->slots != NULL && i < window; i++) {
        run->slots[i].next = run->free;
        run->free = &run->slots[i];
        run->slot_count++;
    }
    return run->slots != NULL ? 0 : -1;
}

void bulk_run_clear(struct bulk_run *run)
{
    free(run->slots);
    failure_clear(&run->failure);
}

static void run_say(struct bulk_run *run, uint64_t row, const char *word, const char *address,
                    const char *text)
{
    bulk_progress_hide(&run->progress);
    fprintf(stderr, "row %" PRIu64 ": %s: ", row, word);
    output_clean(stderr, address);
    fputs(address[0] != '\0' ? ": " : "", stderr);
    output_clean(stderr, text);
    fputc('\n', stderr);
    run->progress.failed++;
}

/* Did it fail before anything was said about this message? The next would fail as well. */
static int run_is_way(const tidymail_error *error)
{
    int kind = tidymail_error_kind(error);
    int phase = tidymail_error_phase(error);
    if (kind == TIDYMAIL_KIND_TEMPORARY || kind == TIDYMAIL_KIND_PERMANENT) {
        return phase == TIDYMAIL_PHASE_GREETING || phase == TIDYMAIL_PHASE_EHLO ||
               phase == TIDYMAIL_PHASE_STARTTLS || phase == TIDYMAIL_PHASE_AUTH;
    }
    return kind == TIDYMAIL_KIND_CONFIGURATION || kind == TIDYMAIL_KIND_RESOLVE ||
           kind == TIDYMAIL_KIND_CONNECTION || kind == TIDYMAIL_KIND_TLS ||
           kind == TIDYMAIL_KIND_TIMEOUT || kind == TIDYMAIL_KIND_PROTOCOL ||
           kind == TIDYMAIL_KIND_AUTHENTICATION;
}

/* The way failed: at once for good where a login or a setting is wrong. */
static void run_way_failed(struct bulk_run *run, const tidymail_error *error)
{
    int kind = tidymail_error_kind(error);
    int at_once = !tidymail_error_retryable(error) &&
                  (kind == TIDYMAIL_KIND_CONFIGURATION || kind == TIDYMAIL_KIND_AUTHENTICATION);
    run->row_failures++;
    if (at_once || run->row_failures >= RUN_FAILURES_MAX) {
        failure_set(&run->failure,
                    exit_code_of(TIDYMAIL_FAILED, kind, tidymail_error_phase(error),
                                 tidymail_error_retryable(error)),
                    kind, "stopped, because the next would fail too: %s",
                    tidymail_error_message(error));
        if (tidymail_error_hint(error)[0] != '\0') {
            failure_hint(&run->failure, tidymail_error_hint(error));
        }
    }
}

static const char *run_judge(struct bulk_run *run, uint64_t row, const tidymail_report *report)
{
    const tidymail_error *error = tidymail_report_error(report);
    const char *address = tidymail_recipient_address(tidymail_report_recipient(report, 0));
    const char *text = tidymail_report_summary(report);
    int outcome = tidymail_report_outcome(report);
    int way = outcome == TIDYMAIL_FAILED && run_is_way(error);
    if (way) {
        run_way_failed(run, error);
    } else {
        run->row_failures = 0;
    }
    if (outcome == TIDYMAIL_SENT) {
        run->counts.sent++;
        return "sent";
    }
    if (outcome == TIDYMAIL_UNKNOWN) {
        run->counts.unknown++;
        run_say(run, row, "unknown", address, text);
        return "unknown";
    }
    if (way || (outcome == TIDYMAIL_FAILED && tidymail_error_retryable(error))) {
        run->counts.later++;
        run_say(run, row, "not sent, may be tried again", address, text);
        return "failed later";
    }
    run->counts.failed++;
    run_say(run, row, outcome == TIDYMAIL_PARTIAL ? "sent to some" : "not sent", address, text);
    return "failed final";
}

static void run_release(struct bulk_run *run, struct bulk_slot *slot)
{
    tidymail_message_free(slot->message);
    slot->message = NULL;
    slot->next = run->free;
    run->free = slot;
    run->used--;
}

void bulk_run_done(void *context, void *row, const tidymail_report *report)
{
    struct bulk_run *run = context;
    struct bulk_slot *slot = row;
    const char *state = run_judge(run, slot->row, report);
    bulk_journal_result(
        run->journal, slot->row, slot->key, state,
        strcmp(state, "sent") == 0 ? "" : tidymail_error_message(tidymail_report_error(report)),
        &run->failure);
    run_release(run, slot);
    run->progress.done++;
}

/* Is there work for the row? Where not, it is counted. */
static int run_is_open(struct bulk_run *run, const struct bulk_row *row)
{
    enum bulk_state state = bulk_journal_state(run->journal, row->number);
    if (state == BULK_STATE_OPEN || (state == BULK_STATE_UNKNOWN && run->retry_unknown) ||
        (state == BULK_STATE_FAILED && run->retry_failed)) {
        return 1;
    }
    run->progress.done++;
    run->progress.earlier++;
    if (state == BULK_STATE_SENT) {
        run->counts.earlier++;
    } else if (state == BULK_STATE_FAILED) {
        run->counts.failed++;
        run->progress.failed++;
    } else {
        const char *words = "an earlier run ended before the answer came";
        run->counts.unknown++;
        run_say(run, row->number, "unknown", "", words);
        bulk_journal_result(run->journal, row->number, row->key, "unknown", words, &run->failure);
    }
    return 0;
}

/* The next row that becomes a message: 1, or 0 at the end or where the run has to stop. */
static int run_take_row(struct bulk_run *run, struct bulk_slot *slot)
{
    struct bulk_row row;
    while (run->failure.status == 0 && run_signal == 0) {
        int result = bulk_rows_next(run->rows, &row, &run->failure);
        if (result <= 0) {
            run->at_end = 1;
            return 0;
        }
        run->counts.rows++;
        if (!run_is_open(run, &row)) {
            continue;
        }
        struct bulk_text problem = {NULL, 0, 0, 0};
        tidymail_message *message = NULL;
        if (row.problem != NULL) {
            bulk_text_format(&problem, "line %" PRIu64 " %s", row.line, row.problem);
        } else {
            message = bulk_message_make(run->message, &row, &problem);
        }
        if (message == NULL) {
            run->counts.refused++;
            run->progress.done++;
            run_say(run, row.number, "refused", "",
                    problem.bytes != NULL ? problem.bytes : "out of memory");
        }
        bulk_text_clear(&problem);
        if (message != NULL) {
            slot->row = row.number;
            slot->key = row.key;
            slot->message = message;
            return 1;
        }
        bulk_progress_tick(&run->progress, bulk_progress_now());
    }
    return 0;
}

/* May a message begin now? With a rate, only when its time has come. */
static int run_is_due(struct bulk_run *run)
{
    if (run->rate <= 0) {
        return 1;
    }
    double now = (double)bulk_progress_now();
    if (run->due_ms < now - RUN_CATCH_UP_MS) {
        run->due_ms = now - RUN_CATCH_UP_MS;
    }
    if (run->begun == 0) {
        run->due_ms = now;
    }
    return run->due_ms <= now;
}

static int run_may_begin(const struct bulk_run *run)
{
    return !run->at_end && run->failure.status == 0 && run_signal == 0 &&
           (run->limit == 0 || run->begun < run->limit);
}

/* Hands over what was begun; where that fails the rows stay open: nothing has left. */
static void run_submit(struct bulk_run *run)
{
    int written = bulk_journal_flush(run->journal, &run->failure);
    while (run->begun_first != NULL) {
        struct bulk_slot *slot = run->begun_first;
        run->begun_first = slot->next;
        if (written != 0 || bulk_sender_submit(run->sender, slot->message, slot) != 0) {
            failure_set(&run->failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
            run->counts.later++;
            bulk_journal_result(run->journal, slot->row, slot->key, "failed later", "not begun",
                                &run->failure);
            run_release(run, slot);
        }
    }
    run->begun_last = &run->begun_first;
}

/* A part of the window at once: one write and one sync of the journal for all of them. */
static void run_fill(struct bulk_run *run)
{
    size_t batch = run->slot_count / 2;
    if (run->rate > 0 && run->rate / 10 < (double)batch) {
        batch = (size_t)(run->rate / 10);
    }
    size_t taken = 0;
    if (run->slot_count - run->used < batch) {
        return;
    }
    while (taken <= batch && run->used < run->slot_count && run_may_begin(run) && run_is_due(run)) {
        struct bulk_slot *slot = run->free;
        if (!run_take_row(run, slot)) {
            break;
        }
        run->free = slot->next;
        slot->next = NULL;
        *run->begun_last = slot;
        run->begun_last = &slot->next;
        bulk_journal_begin(run->journal, slot->row, slot->key);
        run->due_ms += run->rate > 0 ? 1000 / run->rate : 0;
        run->begun++;
        run->used++;
        taken++;
    }
    if (taken > 0) {
        run_submit(run);
    }
}

/* Until the next message may begin, or there is something to show. */
static int run_wait_ms(const struct bulk_run *run)
{
    double left = run->due_ms - (double)bulk_progress_now();
    return run->rate > 0 && left < RUN_TICK_MS ? (left > 1 ? (int)left : 1) : RUN_TICK_MS;
}

void bulk_run_all(struct bulk_run *run)
{
    while (run->used > 0 || run_may_begin(run)) {
        run_fill(run);
        int wait_ms = run_may_begin(run) ? run_wait_ms(run) : RUN_TICK_MS;
        if (run->used > 0) {
            bulk_sender_run(run->sender, wait_ms);
        } else if (run_may_begin(run)) {
            const struct timespec pause = {0, (long)wait_ms * 1000000};
            nanosleep(&pause, NULL);
        }
        bulk_progress_tick(&run->progress, bulk_progress_now());
    }
    bulk_progress_hide(&run->progress);
    run->interrupted = run_signal != 0;
    if (run->interrupted) {
        failure_set(&run->failure, CLI_EXIT_RETRY, TIDYMAIL_KIND_LOCAL,
                    "interrupted; what was under way has its answer");
    }
}
