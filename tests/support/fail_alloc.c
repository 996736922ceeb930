/* fail_alloc.c: see fail_alloc.h. Each block carries its size in front. */
#include "fail_alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

union fail_alloc_header {
    size_t size;
    max_align_t align;
};

/* More runs than any scenario needs: a loop that never ends is a failure too. */
#define FAIL_ALLOC_RUNS_MAX 100000

static int fail_alloc_fails(struct fail_alloc *memory)
{
    memory->calls++;
    int fails = (memory->mode == FAIL_ALLOC_ONCE && memory->calls == memory->fail_at) ||
                (memory->mode == FAIL_ALLOC_ONWARDS && memory->calls >= memory->fail_at);
    memory->failures += fails ? 1 : 0;
    return fails;
}

static void fail_alloc_account(struct fail_alloc *memory, size_t size)
{
    memory->live++;
    memory->live_bytes += size;
    if (memory->live_bytes > memory->peak_bytes) {
        memory->peak_bytes = memory->live_bytes;
    }
}

static void *fail_alloc_allocate(size_t size, void *user_data)
{
    struct fail_alloc *memory = user_data;
    if (fail_alloc_fails(memory)) {
        return NULL;
    }
    union fail_alloc_header *header = malloc(sizeof(*header) + size);
    if (header == NULL) {
        return NULL;
    }
    header->size = size;
    memset(header + 1, 0xa5, size); /* nobody may count on zeros */
    fail_alloc_account(memory, size);
    return header + 1;
}

static void fail_alloc_release(void *block, void *user_data)
{
    struct fail_alloc *memory = user_data;
    if (block == NULL) {
        return;
    }
    union fail_alloc_header *header = (union fail_alloc_header *)block - 1;
    memory->live--;
    memory->live_bytes -= header->size;
    free(header);
}

/* Always moves, so that a pointer kept to the old place is found. */
static void *fail_alloc_resize(void *block, size_t size, void *user_data)
{
    void *moved = fail_alloc_allocate(size, user_data);
    if (moved != NULL && block != NULL) {
        union fail_alloc_header *header = (union fail_alloc_header *)block - 1;
        memcpy(moved, block, header->size < size ? header->size : size);
        fail_alloc_release(block, user_data);
    }
    return moved;
}

tidymail_allocator fail_alloc_init(struct fail_alloc *memory, size_t fail_at,
                                   enum fail_alloc_mode mode)
{
    memset(memory, 0, sizeof(*memory));
    memory->fail_at = fail_at;
    memory->mode = mode;
    tidymail_allocator allocator = {fail_alloc_allocate, fail_alloc_resize, fail_alloc_release,
                                    memory};
    return allocator;
}

static char fail_alloc_words[160];

static const char *fail_alloc_say(const char *what, enum fail_alloc_mode mode, size_t n)
{
    snprintf(fail_alloc_words, sizeof(fail_alloc_words), "%s (allocation %zu failed %s)", what, n,
             mode == FAIL_ALLOC_ONCE ? "once" : "and all later ones");
    return fail_alloc_words;
}

static const char *fail_alloc_run_mode(int (*scenario)(const tidymail_allocator *allocator,
                                                       const struct fail_alloc *memory,
                                                       void *context),
                                       void *context, size_t fewest, enum fail_alloc_mode mode)
{
    for (size_t n = 1; n < FAIL_ALLOC_RUNS_MAX; n++) {
        struct fail_alloc memory;
        tidymail_allocator allocator = fail_alloc_init(&memory, n, mode);
        if (scenario(&allocator, &memory, context) != 0) {
            return fail_alloc_say("the scenario went wrong", mode, n);
        }
        if (memory.live != 0) {
            return fail_alloc_say("blocks leaked", mode, n);
        }
        if (memory.failures == 0) {
            return n > fewest ? NULL : fail_alloc_say("too few allocations were met", mode, n);
        }
    }
    return fail_alloc_say("the loop does not end", mode, FAIL_ALLOC_RUNS_MAX);
}

const char *fail_alloc_run_all(int (*scenario)(const tidymail_allocator *allocator,
                                               const struct fail_alloc *memory, void *context),
                               void *context, size_t fewest)
{
    const char *words = fail_alloc_run_mode(scenario, context, fewest, FAIL_ALLOC_ONCE);
    return words != NULL ? words
                         : fail_alloc_run_mode(scenario, context, fewest, FAIL_ALLOC_ONWARDS);
}
