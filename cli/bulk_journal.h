/*
 * bulk_journal.h: what became of each row, one line each, in a file that only grows (docs/bulk.md). The
 * line `begin` is in the file before the message leaves, the result when it is known.
 */
#ifndef TIDYMAIL_CLI_BULK_JOURNAL_H
#define TIDYMAIL_CLI_BULK_JOURNAL_H

#include <stdint.h>

#include "bulk_text.h"
#include "failure.h"

/* Of a row, from the lines about it: the last one counts. */
enum bulk_state {
    BULK_STATE_OPEN,    /* nothing yet, or a failure that another try may mend */
    BULK_STATE_UNKNOWN, /* begun without a result */
    BULK_STATE_SENT,
    BULK_STATE_FAILED /* for good */
};

/* Two bits for each row. */
struct bulk_states {
    unsigned char *bits;
    uint64_t rows; /* how many there are */
};

/* 0, or -1 when out of memory. */
int bulk_states_init(struct bulk_states *states, uint64_t rows);
void bulk_states_clear(struct bulk_states *states);
enum bulk_state bulk_states_get(const struct bulk_states *states, uint64_t row);
void bulk_states_set(struct bulk_states *states, uint64_t row, enum bulk_state state);

/* Reads one line (without its end) into the states; 0, or -1: it is none of a journal. */
int bulk_journal_read_line(struct bulk_states *states, const char *line, size_t length);

struct bulk_journal;

/* Opens or makes it, locks it and reads what it has. NULL with the failure: another run has it, it is
 * of another list or message, damaged, ... `sync`: what must not be lost is on the disk before a
 * message leaves. */
struct bulk_journal *bulk_journal_open(const char *path, uint64_t list, uint64_t message,
                                       uint64_t rows, int sync, struct cli_failure *failure);
void bulk_journal_close(struct bulk_journal *journal);
/* NULL is a run without journal: everything is open, nothing is kept. */
enum bulk_state bulk_journal_state(const struct bulk_journal *journal, uint64_t row);
/* `begin` lines are kept back until bulk_journal_flush, which writes them all at once. */
void bulk_journal_begin(struct bulk_journal *journal, uint64_t row, uint64_t key);
int bulk_journal_flush(struct bulk_journal *journal, struct cli_failure *failure);
/* A result, written at once: "sent", "failed final", "failed later", "unknown", and words for people. */
int bulk_journal_result(struct bulk_journal *journal, uint64_t row, uint64_t key, const char *state,
                        const char *words, struct cli_failure *failure);

#endif
