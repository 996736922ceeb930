/* bulk_text.h: a growing text; a failure (out of memory) sticks and is asked for once. */
#ifndef TIDYMAIL_CLI_BULK_TEXT_H
#define TIDYMAIL_CLI_BULK_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct bulk_text {
    char *bytes; /* NUL-terminated once something was added */
    size_t length;
    size_t capacity;
    int failed;
};

/* A text of zeros is empty. */
void bulk_text_add(struct bulk_text *text, const char *bytes, size_t length);
void bulk_text_put(struct bulk_text *text, const char *string);
void bulk_text_byte(struct bulk_text *text, char byte);
void bulk_text_format(struct bulk_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Empty again; the memory stays for the next use. */
void bulk_text_reset(struct bulk_text *text);
void bulk_text_clear(struct bulk_text *text);

/* FNV-1a, 64 bits: tells lists and messages apart that were mistaken for each other. */
#define BULK_HASH_INIT UINT64_C(0xcbf29ce484222325)
uint64_t bulk_hash(uint64_t hash, const void *bytes, size_t length);

#endif
