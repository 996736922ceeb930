/* bulk_progress.h: how far it is: a bar on a terminal, now and then a line elsewhere. */
#ifndef TIDYMAIL_CLI_BULK_PROGRESS_H
#define TIDYMAIL_CLI_BULK_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

struct bulk_progress {
    FILE *stream;
    int terminal;
    int shown; /* a bar stands on the line */
    int64_t start_ms;
    int64_t next_ms;  /* when it is shown again */
    uint64_t total;   /* rows; 0: not known */
    uint64_t done;    /* rows behind us, those of earlier runs too */
    uint64_t earlier; /* of them without work in this run */
    uint64_t failed;
};

/* Milliseconds of a clock that nobody sets. */
int64_t bulk_progress_now(void);
void bulk_progress_start(struct bulk_progress *progress, FILE *stream, uint64_t total);
/* Shows it where it is time for that. */
void bulk_progress_tick(struct bulk_progress *progress, int64_t now_ms);
/* Takes the bar away, so that a line can be written. */
void bulk_progress_hide(struct bulk_progress *progress);

/* The text alone, at most `width` columns of ASCII with a bar where one fits (width 0: none). */
void bulk_progress_text(const struct bulk_progress *progress, int64_t now_ms, int width, char *text,
                        size_t capacity);

#endif
