/*
 * fail_alloc.h: an allocator for tests that counts, and fails where it is told to. The usual loop:
 *
 *     size_t total = fail_alloc_count(run);          // or: run once, read `calls`
 *     for (size_t n = 1; n <= total; n++) {
 *         struct fail_alloc memory;
 *         tidymail_allocator allocator = fail_alloc_init(&memory, n, FAIL_ALLOC_ONCE);
 *         ... use `allocator` ...
 *         assert_int_equal(memory.live, 0);
 *     }
 */
#ifndef TESTS_FAIL_ALLOC_H
#define TESTS_FAIL_ALLOC_H

#include <tidymail/types.h>

enum fail_alloc_mode {
    FAIL_ALLOC_NEVER = 0,
    FAIL_ALLOC_ONCE = 1,   /* the Nth call, and no other */
    FAIL_ALLOC_ONWARDS = 2 /* the Nth call and all later ones */
};

struct fail_alloc {
    size_t calls;      /* allocate and resize calls so far, failed ones included */
    size_t failures;   /* how many of them failed */
    size_t live;       /* blocks that were handed out and not released */
    size_t live_bytes; /* their size */
    size_t peak_bytes; /* the most that live_bytes ever was */
    size_t fail_at;    /* N, from 1 */
    enum fail_alloc_mode mode;
};

/* Fills `memory` in and returns the allocator, which points to it. */
tidymail_allocator fail_alloc_init(struct fail_alloc *memory, size_t fail_at,
                                   enum fail_alloc_mode mode);
/* Runs `scenario` for every N of both modes, until a run in which nothing failed. `scenario`
 * returns 0 where all was well for that run; leaks are found here. Returns NULL, or what went
 * wrong, with the mode and the N in it (a static text). `fewest` is how many allocations the
 * scenario makes at least: a loop that meets fewer proves nothing. */
const char *fail_alloc_run_all(int (*scenario)(const tidymail_allocator *allocator,
                                               const struct fail_alloc *memory, void *context),
                               void *context, size_t fewest);

#endif
