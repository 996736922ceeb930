/* bulk_text.c: see bulk_text.h. */
#include "bulk_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bulk_text_add(struct bulk_text *text, const char *bytes, size_t length)
{
    if (text->failed) {
        return;
    }
    if (text->capacity - text->length < length + 1) {
        size_t capacity = text->capacity * 2 > text->length + length + 1
                              ? text->capacity * 2
                              : text->length + length + 64;
        char *more = realloc(text->bytes, capacity);
        if (more == NULL) {
            text->failed = 1;
            return;
        }
        text->bytes = more;
        text->capacity = capacity;
    }
    if (length > 0) {
        memcpy(text->bytes + text->length, bytes, length);
    }
    text->length += length;
    text->bytes[text->length] = '\0';
}

void bulk_text_put(struct bulk_text *text, const char *string)
{
    bulk_text_add(text, string, strlen(string));
}

void bulk_text_byte(struct bulk_text *text, char byte)
{
    if (!text->failed && text->capacity - text->length >= 2) {
        text->bytes[text->length++] = byte;
        text->bytes[text->length] = '\0';
    } else {
        bulk_text_add(text, &byte, 1);
    }
}

void bulk_text_format(struct bulk_text *text, const char *format, ...)
{
    char *made = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&made, format, args) < 0) {
        text->failed = 1;
    } else {
        bulk_text_put(text, made);
        free(made);
    }
    va_end(args);
}

void bulk_text_reset(struct bulk_text *text)
{
    text->length = 0;
    if (text->bytes != NULL) {
        text->bytes[0] = '\0';
    }
}

void bulk_text_clear(struct bulk_text *text)
{
    free(text->bytes);
    memset(text, 0, sizeof(*text));
}

uint64_t bulk_hash(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}
