/* bulk_run.h: the run itself: rows in, messages out, answers into the journal. */
#ifndef TIDYMAIL_CLI_BULK_RUN_H
#define TIDYMAIL_CLI_BULK_RUN_H

#include "bulk_journal.h"
#include "bulk_message.h"
#include "bulk_progress.h"
#include "bulk_rows.h"
#include "bulk_sender.h"

#define BULK_WINDOW_EACH 16 /* messages under way for each connection */

struct bulk_slot {
    uint64_t row;
    uint64_t key;
    tidymail_message *message; /* NULL: the slot is free */
    struct bulk_slot *next;    /* of the free ones, or of those begun and not handed over */
};

struct bulk_counts {
    uint64_t rows;    /* read */
    uint64_t sent;    /* in this run */
    uint64_t earlier; /* sent by runs before, says the journal */
    uint64_t failed;  /* refused by servers, now or before */
    uint64_t later;   /* failed, and may be tried again */
    uint64_t refused; /* rows of which no message could be made */
    uint64_t unknown; /* now or before */
};

struct bulk_run {
    struct bulk_rows *rows;
    struct bulk_message *message;
    struct bulk_journal *journal; /* NULL: none */
    struct bulk_sender *sender;
    struct bulk_progress progress;
    struct bulk_counts counts;
    struct bulk_slot *slots;
    size_t slot_count;
    struct bulk_slot *free;        /* slots without a message */
    struct bulk_slot *begun_first; /* to be handed over, in the order of the list */
    struct bulk_slot **begun_last;
    size_t used;
    uint64_t limit; /* messages; 0: all */
    uint64_t begun; /* messages so far */
    double rate;    /* messages a second; 0: as fast as they go */
    double due_ms;  /* when the next may begin */
    int retry_unknown;
    int retry_failed;
    int row_failures; /* the way failed so often without a success between */
    int interrupted;
    int at_end;                 /* of the list */
    struct cli_failure failure; /* what ended the run early */
};

/* 0, or -1 when out of memory. */
int bulk_run_init(struct bulk_run *run, size_t window);
void bulk_run_clear(struct bulk_run *run);
/* Until the list is at its end or something stops it: then `failure` has it. */
void bulk_run_all(struct bulk_run *run);
/* The callback of the sender; `context` is the run, `row` its slot. */
void bulk_run_done(void *context, void *row, const tidymail_report *report);
/* A signal came: nothing new begins. */
void bulk_run_interrupt(int number);

#endif
