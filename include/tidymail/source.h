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

/*
 * Sources of tidymail's own. Each fills `source` in; the caller (or whom it is given to) ends it with
 * its release. They return TIDYMAIL_OK, or TIDYMAIL_KIND_LOCAL: out of memory, or a file that cannot
 * be read (errno says why).
 */

/* A regular file. Its size is taken now; it is opened at the first read and closed at the end, and a
 * file whose size has changed by then fails the read. Can rewind. */
TIDYMAIL_API int tidymail_source_open_file(tidymail_source *source, const char *path);
/* A copy of the bytes. Can rewind. */
TIDYMAIL_API int tidymail_source_open_memory(tidymail_source *source, const void *bytes,
                                             size_t length);

TIDYMAIL_END_DECLS

#endif
