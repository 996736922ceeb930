/* alloc.c: the C library's allocator, and helpers that check for overflow. */
#include "util/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *libc_allocate(size_t size, void *user_data)
{
    (void)user_data;
    return malloc(size);
}

static void *libc_resize(void *block, size_t size, void *user_data)
{
    (void)user_data;
    return realloc(block, size);
}

static void libc_release(void *block, void *user_data)
{
    (void)user_data;
    free(block);
}

const tidymail_allocator tdm_allocator_default = {libc_allocate, libc_resize, libc_release, NULL};

tidymail_allocator tdm_allocator_or_default(const tidymail_allocator *allocator)
{
    return allocator != NULL ? *allocator : tdm_allocator_default;
}

void *tdm_alloc(const tidymail_allocator *allocator, size_t size)
{
    return allocator->allocate(size > 0 ? size : 1, allocator->user_data);
}

void *tdm_alloc_array(const tidymail_allocator *allocator, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    void *block = tdm_alloc(allocator, count * size);
    if (block != NULL) {
        memset(block, 0, count * size);
    }
    return block;
}

void *tdm_resize_array(const tidymail_allocator *allocator, void *block, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    size_t total = count * size;
    return allocator->resize(block, total > 0 ? total : 1, allocator->user_data);
}

void tdm_free(const tidymail_allocator *allocator, void *block)
{
    if (block != NULL) {
        allocator->release(block, allocator->user_data);
    }
}

char *tdm_strndup(const tidymail_allocator *allocator, const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? tdm_alloc(allocator, length + 1) : NULL;
    if (copy != NULL) {
        if (length > 0) {
            memcpy(copy, text, length);
        }
        copy[length] = '\0';
    }
    return copy;
}

char *tdm_strdup(const tidymail_allocator *allocator, const char *text)
{
    return text != NULL ? tdm_strndup(allocator, text, strlen(text)) : NULL;
}

void tdm_wipe(void *block, size_t size)
{
    memset(block, 0, size);
    __asm__ volatile("" : : "r"(block) : "memory"); /* somebody may read it: it is not left out */
}
