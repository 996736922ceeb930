/*
 * bulk_rows.h: a list of people, read row by row: CSV with a header line (RFC 4180) or JSON Lines. One
 * row is in memory at a time.
 */
#ifndef TIDYMAIL_CLI_BULK_ROWS_H
#define TIDYMAIL_CLI_BULK_ROWS_H

#include <stdint.h>
#include <stdio.h>

#include "bulk_text.h"
#include "failure.h"

/* A row may have so many bytes, and so many fields. */
#define BULK_ROW_MAX ((size_t)1024 * 1024)
#define BULK_FIELDS_MAX 4096

enum bulk_format { BULK_FORMAT_GUESS, BULK_FORMAT_CSV, BULK_FORMAT_JSONL };

struct bulk_field {
    const char *name;
    const char *value; /* NULL: an object or a list of JSON, which is no text */
};

/* Valid until the next one is read. */
struct bulk_row {
    uint64_t number; /* from 1; the header line does not count */
    uint64_t line;   /* where it begins */
    uint64_t key;    /* hash of its bytes without the line end */
    const struct bulk_field *fields;
    size_t count;
    const char *problem; /* why the row cannot be used; NULL: it can */
};

struct bulk_rows;

/* Reads from where the stream stands; `delimiter` is that of CSV. NULL when out of memory. The stream
 * stays the caller's. */
struct bulk_rows *bulk_rows_new(FILE *stream, const char *name, enum bulk_format format,
                                char delimiter);
void bulk_rows_free(struct bulk_rows *rows);
/* 1: a row; 0: the end; -1: the failure (unreadable, a header that is none, out of memory). */
int bulk_rows_next(struct bulk_rows *rows, struct bulk_row *row, struct cli_failure *failure);
/* Hash of all bytes read so far. */
uint64_t bulk_rows_hash(const struct bulk_rows *rows);
/* The field, NULL where the row has none of that name. */
const struct bulk_field *bulk_row_find(const struct bulk_row *row, const char *name);

#endif
