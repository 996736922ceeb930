/* fuzz_input.c: see fuzz_input.h. */
#include "fuzz_input.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void fuzz_broken(const char *file, int line, const char *promise, const char *more)
{
    fprintf(stderr, "%s:%d: broken promise: %s\n%s\n", file, line, promise, more);
    abort();
}

struct fuzz_input fuzz_input_of(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    return input;
}

uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

size_t fuzz_bytes(struct fuzz_input *input, size_t length, const char **bytes)
{
    length = length < input->left ? length : input->left;
    *bytes = (const char *)input->at;
    input->at += length;
    input->left -= length;
    return length;
}

size_t fuzz_line(struct fuzz_input *input, const char **bytes)
{
    const uint8_t *end = input->left > 0 ? memchr(input->at, '\n', input->left) : NULL;
    return fuzz_bytes(input, end != NULL ? (size_t)(end - input->at) + 1 : input->left, bytes);
}

char *fuzz_copy(const char *bytes, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    FUZZ_CHECK(copy != NULL, "memory for the input");
    memcpy(copy, bytes, length);
    return copy;
}

char *fuzz_text(const char *bytes, size_t length)
{
    const char *nul = length > 0 ? memchr(bytes, '\0', length) : NULL;
    length = nul != NULL ? (size_t)(nul - bytes) : length;
    char *copy = malloc(length + 1);
    FUZZ_CHECK(copy != NULL, "memory for the input");
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

void fuzz_free(char *copy)
{
    free(copy);
}

static int memory_fails(struct fuzz_memory *memory)
{
    memory->calls++;
    return memory->fail_at != 0 && (memory->calls == memory->fail_at ||
                                    (memory->onwards && memory->calls > memory->fail_at));
}

static void *memory_allocate(size_t size, void *context)
{
    struct fuzz_memory *memory = context;
    void *block = memory_fails(memory) ? NULL : malloc(size);
    memory->live += block != NULL;
    return block;
}

static void *memory_resize(void *block, size_t size, void *context)
{
    struct fuzz_memory *memory = context;
    void *grown = memory_fails(memory) ? NULL : realloc(block, size);
    memory->live += grown != NULL && block == NULL;
    return grown;
}

static void memory_release(void *block, void *context)
{
    struct fuzz_memory *memory = context;
    memory->live -= block != NULL;
    free(block);
}

tidymail_allocator fuzz_allocator(struct fuzz_memory *memory)
{
    tidymail_allocator allocator = {memory_allocate, memory_resize, memory_release, memory};
    return allocator;
}

int fuzz_holds(const char *text, size_t length, const char *word)
{
    size_t size = strlen(word);
    for (size_t at = 0; at + size <= length; at++) {
        if (text[at] == word[0] && memcmp(text + at, word, size) == 0) {
            return 1;
        }
    }
    return 0;
}
