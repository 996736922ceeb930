/*
 * buf.h: a growing byte buffer with a hard maximum. A failure (out of memory, maximum reached)
 * sticks: later calls do nothing, `failed` says so, and the caller checks once at the end.
 * The bytes are always followed by a NUL that is not counted, so data can be used as a string.
 */
#ifndef TDM_UTIL_BUF_H
#define TDM_UTIL_BUF_H

#include <stdarg.h>

#include "util/alloc.h"

struct tdm_buf {
    tidymail_allocator allocator;
    char *data; /* NULL while nothing was added */
    size_t length;
    size_t capacity;
    size_t max;
    int failed;
};

void tdm_buf_init(struct tdm_buf *buf, const tidymail_allocator *allocator, size_t max);
/* Frees; the buffer can be used again. With `wipe` the bytes are overwritten first. */
void tdm_buf_clear(struct tdm_buf *buf);
void tdm_buf_wipe(struct tdm_buf *buf);
/* Forgets the bytes (and a failure), keeps the memory. */
void tdm_buf_reset(struct tdm_buf *buf);

/* All return 0, or -1 when the buffer has failed. */
int tdm_buf_add(struct tdm_buf *buf, const void *bytes, size_t length);
int tdm_buf_add_str(struct tdm_buf *buf, const char *text);
int tdm_buf_add_char(struct tdm_buf *buf, char c);
int tdm_buf_add_number(struct tdm_buf *buf, int64_t number);
/* %s string, %.*s (int, pointer), %d int, %l int64_t, %z size_t, %c char, %%: no locale, no widths. */
int tdm_buf_addf(struct tdm_buf *buf, const char *format, ...);
int tdm_buf_vaddf(struct tdm_buf *buf, const char *format, va_list args);
/* Room for `length` more bytes at data + length; the caller then adds to `length` itself. */
int tdm_buf_reserve(struct tdm_buf *buf, size_t length);
/* Removes bytes from the front. */
void tdm_buf_drop(struct tdm_buf *buf, size_t length);
/* The bytes as a string: "" while empty. */
const char *tdm_buf_text(const struct tdm_buf *buf);

#endif
