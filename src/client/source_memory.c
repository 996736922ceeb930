/* source_memory.c: a copy of bytes as a source (tidymail_source_open_memory). */
#include <errno.h>
#include <string.h>

#include <tidymail/source.h>

#include "util/alloc.h"

struct source_memory {
    size_t length;
    size_t position;
    char bytes[];
};

static ptrdiff_t memory_read(void *context, void *buffer, size_t capacity)
{
    struct source_memory *memory = context;
    size_t left = memory->length - memory->position;
    size_t length = left < capacity ? left : capacity;
    memcpy(buffer, memory->bytes + memory->position, length);
    memory->position += length;
    return (ptrdiff_t)length;
}

static int memory_rewind(void *context)
{
    struct source_memory *memory = context;
    memory->position = 0;
    return 0;
}

static int64_t memory_size(void *context)
{
    const struct source_memory *memory = context;
    return (int64_t)memory->length;
}

static void memory_release(void *context)
{
    tdm_free(&tdm_allocator_default, context);
}

int tidymail_source_open_memory(tidymail_source *source, const void *bytes, size_t length)
{
    if (source == NULL) {
        errno = EINVAL;
        return TIDYMAIL_KIND_LOCAL;
    }
    memset(source, 0, sizeof(*source));
    if (bytes == NULL && length > 0) {
        errno = EINVAL;
        return TIDYMAIL_KIND_LOCAL;
    }
    struct source_memory *memory = NULL;
    if (length <= PTRDIFF_MAX - sizeof(*memory)) {
        memory = tdm_alloc(&tdm_allocator_default, sizeof(*memory) + length);
    }
    if (memory == NULL) {
        errno = ENOMEM;
        return TIDYMAIL_KIND_LOCAL;
    }
    memory->length = length;
    memory->position = 0;
    if (length > 0) {
        memcpy(memory->bytes, bytes, length);
    }
    *source =
        (tidymail_source){memory_read, memory_rewind, memory_size, NULL, memory_release, memory};
    return TIDYMAIL_OK;
}
