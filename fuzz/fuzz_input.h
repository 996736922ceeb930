/*
 * fuzz_input.h: what the fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput; a
 * violated promise ends the process (FUZZ_CHECK), so libFuzzer and the standalone driver see the
 * same. Inputs are mostly text: seeds can be written and read by people.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tidymail/types.h>

#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with a line that says which promise was broken, and where. */
_Noreturn void fuzz_broken(const char *file, int line, const char *promise, const char *more);

#define FUZZ_CHECK(holds, promise) FUZZ_CHECK_SHOW(holds, promise, "")
#define FUZZ_CHECK_SHOW(holds, promise, more)                                                      \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fuzz_broken(__FILE__, __LINE__, promise, more);                                        \
        }                                                                                          \
    } while (0)

/* What is left of an input; reading past its end gives zeros and nothing. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

struct fuzz_input fuzz_input_of(const uint8_t *data, size_t size);
uint8_t fuzz_byte(struct fuzz_input *input);
/* Up to `length` bytes; returns how many there are. */
size_t fuzz_bytes(struct fuzz_input *input, size_t length, const char **bytes);
/* To behind the next LF, or to the end. */
size_t fuzz_line(struct fuzz_input *input, const char **bytes);

/* A copy of its own size on the heap, so that a read behind its end is seen. */
char *fuzz_copy(const char *bytes, size_t length);
/* The same with a NUL behind it, cut at the first NUL in it. */
char *fuzz_text(const char *bytes, size_t length);
void fuzz_free(char *copy);

/* An allocator that counts, and fails from or at its Nth call. */
struct fuzz_memory {
    size_t calls;
    size_t live;
    size_t fail_at; /* 0: never */
    int onwards;
};
tidymail_allocator fuzz_allocator(struct fuzz_memory *memory);

/* 1 where `text` holds `word`. */
int fuzz_holds(const char *text, size_t length, const char *word);

#endif
