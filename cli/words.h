/* words.h: ASCII words without their case, and lists of them. */
#ifndef TIDYMAIL_CLI_WORDS_H
#define TIDYMAIL_CLI_WORDS_H

#include <stddef.h>

/* 1 where `word` (of that length) is `other` but for case. */
int words_same(const char *word, size_t length, const char *other);
int words_same_n(const char *a, const char *b, size_t length);

struct words {
    char **items;
    size_t count;
};

/* Appends a copy; 0, or -1 when out of memory. */
int words_add(struct words *words, const char *text, size_t length);
void words_clear(struct words *words);

#endif
