/* source.h: a stream of bytes that is pulled. Messages are read through it, piece by piece. */
#ifndef TIDYMAIL_SOURCE_H
#define TIDYMAIL_SOURCE_H

#include <tidymail/types.h>

TIDYMAIL_BEGIN_DECLS

/*
 * read    puts up to `capacity` bytes into `buffer`; returns how many, 0 at the end, -1 on failure.
 *         capacity is at least 1. It may return fewer bytes than asked for before the end.
 * rewind  back to the first byte; returns 0, or -1 where that cannot be. NULL: cannot.
 * size    bytes from start to end, -1 where unknown. NULL: unknown.
 * error   after a failed read: one line that says what failed. NULL: no words.
 * release frees what `context` holds. NULL: nothing to free.
 */
typedef struct tidymail_source {
    ptrdiff_t (*read)(void *context, void *buffer, size_t capacity);
    int (*rewind)(void *context);
    int64_t (*size)(void *context);
    const char *(*error)(void *context);
    void (*release)(void *context);
    void *context;
} tidymail_source;

TIDYMAIL_END_DECLS

#endif
