/*
 * bulk_rows.c: RFC 4180 2: fields may stand in quotation marks, with line ends and doubled marks in
 * them; lines end with CRLF or LF. What is wrong with a row is that row's problem, and reading goes on
 * with the next line.
 */
#include "bulk_rows.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/types.h>

#include "exit_code.h"

struct bulk_rows {
    FILE *stream;
    const char *stream_name;
    enum bulk_format format;
    char delimiter;
    int started;
    uint64_t hash;           /* of all bytes */
    uint64_t line;           /* of the next byte */
    uint64_t count;          /* rows so far */
    uint64_t key;            /* of this row; only what is no line end goes in */
    struct bulk_text header; /* names of columns, each with its NUL */
    size_t columns;
    struct bulk_text text;    /* of this row: values, each with its NUL; or the line of JSON */
    struct bulk_text numbers; /* values of JSON that are no strings */
    struct bulk_text problem;
    struct bulk_field *fields;
    size_t field_count;
    size_t field_capacity;
    json_t *object;
};

struct bulk_rows *bulk_rows_new(FILE *stream, const char *name, enum bulk_format format,
                                char delimiter)
{
    struct bulk_rows *rows = calloc(1, sizeof(*rows));
    if (rows != NULL) {
        rows->stream = stream;
        rows->stream_name = name;
        rows->format = format;
        rows->delimiter = delimiter;
        rows->hash = BULK_HASH_INIT;
        rows->line = 1;
    }
    return rows;
}

void bulk_rows_free(struct bulk_rows *rows)
{
    if (rows != NULL) {
        bulk_text_clear(&rows->header);
        bulk_text_clear(&rows->text);
        bulk_text_clear(&rows->numbers);
        bulk_text_clear(&rows->problem);
        json_decref(rows->object);
        free(rows->fields);
        free(rows);
    }
}

uint64_t bulk_rows_hash(const struct bulk_rows *rows)
{
    return rows->hash;
}

static int rows_get(struct bulk_rows *rows)
{
    int byte = getc_unlocked(rows->stream);
    if (byte != EOF) {
        unsigned char one = (unsigned char)byte;
        rows->hash = bulk_hash(rows->hash, &one, 1);
        rows->line += byte == '\n';
    }
    return byte;
}

static int rows_peek(struct bulk_rows *rows)
{
    int byte = getc_unlocked(rows->stream);
    if (byte != EOF) {
        ungetc(byte, rows->stream);
    }
    return byte;
}

static void rows_problem(struct bulk_rows *rows, const char *words)
{
    if (rows->problem.length == 0) {
        bulk_text_put(&rows->problem, words);
    }
}

/* One byte of the row's content. */
static void rows_keep(struct bulk_rows *rows, int byte)
{
    char one = (char)byte;
    rows->key = bulk_hash(rows->key, &one, 1);
    if (byte == '\0') {
        rows_problem(rows, "has a NUL byte");
    } else if (rows->text.length >= BULK_ROW_MAX) {
        rows_problem(rows, "is longer than 1 MiB (a quotation mark that is not closed?)");
    } else {
        bulk_text_byte(&rows->text, one);
    }
}

static int rows_is_line_end(struct bulk_rows *rows, int byte)
{
    if (byte == '\r' && rows_peek(rows) == '\n') {
        byte = rows_get(rows);
    }
    return byte == '\n' || byte == EOF;
}

/* A field in quotation marks, behind the first of them; returns the byte behind the last. */
static int rows_csv_quoted(struct bulk_rows *rows)
{
    for (;;) {
        int byte = rows_get(rows);
        if (byte == EOF) {
            rows_problem(rows, "has a quotation mark that is not closed");
            return EOF;
        }
        if (byte == '"') {
            byte = rows_get(rows);
            if (byte != '"') {
                return byte;
            }
        }
        rows_keep(rows, byte);
        if (rows->text.length >= BULK_ROW_MAX && byte == '\n') {
            rows_keep(rows, byte); /* says what is wrong; the next line may be a row again */
            return byte;
        }
    }
}

/* One field into the text; returns the delimiter, or '\n' at the end of the row. */
static int rows_csv_field(struct bulk_rows *rows)
{
    int byte = rows_get(rows);
    if (byte == '"') {
        rows->key = bulk_hash(rows->key, "\"", 1);
        byte = rows_csv_quoted(rows);
        if (byte != (unsigned char)rows->delimiter && !rows_is_line_end(rows, byte)) {
            rows_problem(rows, "has text behind a closing quotation mark");
        } else {
            return byte == (unsigned char)rows->delimiter ? byte : '\n';
        }
    }
    while (byte != (unsigned char)rows->delimiter && !rows_is_line_end(rows, byte)) {
        if (byte == '"') {
            rows_problem(rows, "has a quotation mark inside a field that does not begin with one");
        }
        rows_keep(rows, byte);
        byte = rows_get(rows);
    }
    return byte == (unsigned char)rows->delimiter ? byte : '\n';
}

/* One record; the number of its fields, 0 at the end of the file. Empty lines are no records. */
static size_t rows_csv_record(struct bulk_rows *rows, uint64_t *line)
{
    int byte;
    while ((byte = rows_peek(rows)) == '\n' || byte == '\r') {
        rows_get(rows);
    }
    if (byte == EOF) {
        return 0;
    }
    *line = rows->line;
    size_t count = 0;
    do {
        byte = rows_csv_field(rows);
        rows->key = bulk_hash(rows->key, "", 1);
        bulk_text_add(&rows->text, "", 1);
        count++;
    } while (byte != '\n');
    return count;
}

static int rows_add_field(struct bulk_rows *rows, const char *name, const char *value)
{
    if (rows->field_count == rows->field_capacity) {
        size_t capacity = rows->field_capacity * 2 + 16;
        struct bulk_field *more = realloc(rows->fields, capacity * sizeof(*more));
        if (more == NULL) {
            return -1;
        }
        rows->fields = more;
        rows->field_capacity = capacity;
    }
    rows->fields[rows->field_count].name = name;
    rows->fields[rows->field_count].value = value;
    rows->field_count++;
    return 0;
}

static int rows_no_memory(struct cli_failure *failure)
{
    return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
}

static int rows_csv_header(struct bulk_rows *rows, struct cli_failure *failure)
{
    uint64_t line = 0;
    size_t count = rows_csv_record(rows, &line);
    if (count == 0) {
        return ferror(rows->stream)
                   ? 0
                   : failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                                 "%s is empty: not even a header line", rows->stream_name);
    }
    if (rows->problem.length > 0 || count > BULK_FIELDS_MAX) {
        return failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE, "%s, header line: %s",
                           rows->stream_name,
                           rows->problem.length > 0 ? rows->problem.bytes : "too many columns");
    }
    const struct bulk_text swap = rows->header;
    rows->header = rows->text;
    rows->text = swap;
    rows->columns = count;
    const char *name = rows->header.bytes;
    for (size_t i = 0; i < count && name != NULL; i++, name += strlen(name) + 1) {
        const char *before = rows->header.bytes;
        while (before != name && strcmp(before, name) != 0) {
            before += strlen(before) + 1;
        }
        if (name[0] == '\0' || before != name) {
            return failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                               "%s, header line: column %zu %s", rows->stream_name, i + 1,
                               name[0] == '\0' ? "has no name" : "has the name of one before");
        }
    }
    return rows->header.failed ? rows_no_memory(failure) : 0;
}

static int rows_csv_next(struct bulk_rows *rows, uint64_t *line, struct cli_failure *failure)
{
    size_t count = rows_csv_record(rows, line);
    if (count == 0) {
        return 0;
    }
    if (count != rows->columns) {
        if (rows->problem.length == 0) {
            bulk_text_format(&rows->problem, "has %zu field%s, the header line has %zu", count,
                             count == 1 ? "" : "s", rows->columns);
        }
        return 1;
    }
    if (rows->text.failed) {
        return rows_no_memory(failure);
    }
    const char *name = rows->header.bytes;
    const char *value = rows->text.bytes;
    for (size_t i = 0; i < count; i++) {
        if (rows_add_field(rows, name, value) != 0) {
            return rows_no_memory(failure);
        }
        name += strlen(name) + 1;
        value += strlen(value) + 1;
    }
    return 1;
}

/* A number as it is written most shortly: 1.1, not 1.1000000000000001. */
static void rows_json_real(struct bulk_text *text, double number)
{
    char digits[64];
    snprintf(digits, sizeof(digits), "%.15g", number);
    if (strtod(digits, NULL) < number || strtod(digits, NULL) > number) {
        snprintf(digits, sizeof(digits), "%.17g", number);
    }
    bulk_text_put(text, digits);
}

/* What is no string goes into `numbers` first: it moves while it grows. */
static void rows_json_numbers(struct bulk_rows *rows)
{
    const char *name;
    json_t *value;
    json_object_foreach(rows->object, name, value)
    {
        if (json_is_integer(value)) {
            bulk_text_format(&rows->numbers, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        } else if (json_is_real(value)) {
            rows_json_real(&rows->numbers, json_real_value(value));
        } else if (json_is_boolean(value)) {
            bulk_text_put(&rows->numbers, json_is_true(value) ? "true" : "false");
        } else if (!json_is_null(value)) {
            continue;
        }
        bulk_text_add(&rows->numbers, "", 1);
    }
}

static int rows_json_fields(struct bulk_rows *rows, struct cli_failure *failure)
{
    rows_json_numbers(rows);
    if (rows->numbers.failed) {
        return rows_no_memory(failure);
    }
    const char *number = rows->numbers.bytes;
    const char *name;
    json_t *value;
    json_object_foreach(rows->object, name, value)
    {
        const char *text = json_string_value(value);
        if (text == NULL && !json_is_object(value) && !json_is_array(value)) {
            text = number;
            number += strlen(number) + 1;
        }
        if (rows_add_field(rows, name, text) != 0) {
            return rows_no_memory(failure);
        }
    }
    return 1;
}

static int rows_json_next(struct bulk_rows *rows, uint64_t *line, struct cli_failure *failure)
{
    int byte;
    while ((byte = rows_peek(rows)) == '\n' || byte == '\r' || byte == ' ' || byte == '\t') {
        rows_get(rows);
    }
    if (byte == EOF) {
        return 0;
    }
    *line = rows->line;
    while (!rows_is_line_end(rows, byte = rows_get(rows))) {
        rows_keep(rows, byte);
    }
    if (rows->text.failed) {
        return rows_no_memory(failure);
    }
    if (rows->problem.length > 0) {
        return 1;
    }
    json_error_t error;
    rows->object = json_loadb(rows->text.bytes, rows->text.length,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (rows->object == NULL) {
        bulk_text_format(&rows->problem, "is not JSON at column %d", error.column);
        return 1;
    }
    if (!json_is_object(rows->object)) {
        bulk_text_put(&rows->problem, "is not a JSON object");
        return 1;
    }
    return rows_json_fields(rows, failure);
}

/* A byte order mark, and which of the two formats it is: an object begins with a brace. */
static int rows_start(struct bulk_rows *rows, struct cli_failure *failure)
{
    rows->started = 1;
    if (rows_peek(rows) == 0xEF) {
        static const int mark[] = {0xEF, 0xBB, 0xBF};
        for (size_t i = 0; i < 3; i++) {
            if (rows_get(rows) != mark[i]) {
                return failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                                   "%s begins with bytes that are not UTF-8", rows->stream_name);
            }
        }
    }
    if (rows->format == BULK_FORMAT_GUESS) {
        rows->format = rows_peek(rows) == '{' ? BULK_FORMAT_JSONL : BULK_FORMAT_CSV;
    }
    return rows->format == BULK_FORMAT_CSV ? rows_csv_header(rows, failure) : 0;
}

static void rows_forget(struct bulk_rows *rows)
{
    bulk_text_reset(&rows->text);
    bulk_text_reset(&rows->numbers);
    bulk_text_reset(&rows->problem);
    json_decref(rows->object);
    rows->object = NULL;
    rows->field_count = 0;
    rows->key = BULK_HASH_INIT;
}

int bulk_rows_next(struct bulk_rows *rows, struct bulk_row *row, struct cli_failure *failure)
{
    rows_forget(rows);
    int result = 1;
    if (!rows->started) {
        result = rows_start(rows, failure) == 0 ? 1 : -1;
        bulk_text_reset(&rows->text);
        rows->key = BULK_HASH_INIT;
    }
    uint64_t line = 0;
    if (result == 1) {
        result = rows->format == BULK_FORMAT_CSV ? rows_csv_next(rows, &line, failure)
                                                 : rows_json_next(rows, &line, failure);
    }
    if (ferror(rows->stream)) {
        return failure_set(failure, CLI_EXIT_INPUT, TIDYMAIL_KIND_LOCAL, "cannot read %s: %s",
                           rows->stream_name, strerror(errno));
    }
    if (result != 1) {
        return result;
    }
    rows->count++;
    row->number = rows->count;
    row->line = line;
    row->key = rows->key;
    row->fields = rows->fields;
    row->count = rows->field_count;
    row->problem = rows->problem.length > 0 ? rows->problem.bytes : NULL;
    return rows->problem.failed ? rows_no_memory(failure) : 1;
}

const struct bulk_field *bulk_row_find(const struct bulk_row *row, const char *name)
{
    for (size_t i = 0; i < row->count; i++) {
        if (strcmp(row->fields[i].name, name) == 0) {
            return &row->fields[i];
        }
    }
    return NULL;
}
