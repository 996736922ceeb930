/* words.c: see words.h. */
#include "words.h"

#include <stdlib.h>
#include <string.h>

static char words_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int words_same_n(const char *a, const char *b, size_t length)
{
    size_t i = 0;
    while (i < length && words_lower(a[i]) == words_lower(b[i])) {
        i++;
    }
    return i == length;
}

int words_same(const char *word, size_t length, const char *other)
{
    return strlen(other) == length && words_same_n(word, other, length);
}

int words_add(struct words *words, const char *text, size_t length)
{
    char **grown = realloc(words->items, (words->count + 1) * sizeof(*grown));
    char *copy = strndup(text, length);
    if (grown != NULL) {
        words->items = grown;
    }
    if (grown == NULL || copy == NULL) {
        free(copy);
        return -1;
    }
    words->items[words->count++] = copy;
    return 0;
}

void words_clear(struct words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        free(words->items[i]);
    }
    free(words->items);
    memset(words, 0, sizeof(*words));
}
