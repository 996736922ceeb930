/* alloc.h: the only door to memory. Everything of ours is allocated through an allocator that the
 * caller may replace; alloc.c is the one file that names malloc. All functions may fail. */
#ifndef TDM_UTIL_ALLOC_H
#define TDM_UTIL_ALLOC_H

#include <tidymail/types.h>

/* The C library's allocator. */
extern const tidymail_allocator tdm_allocator_default;

/* `allocator`, or the default one for NULL. */
tidymail_allocator tdm_allocator_or_default(const tidymail_allocator *allocator);

void *tdm_alloc(const tidymail_allocator *allocator, size_t size);
/* Zeroed; NULL also where count * size overflows. */
void *tdm_alloc_array(const tidymail_allocator *allocator, size_t count, size_t size);
/* Grows or shrinks to count * size; the new part is not zeroed. */
void *tdm_resize_array(const tidymail_allocator *allocator, void *block, size_t count, size_t size);
void tdm_free(const tidymail_allocator *allocator, void *block);
/* A NUL-terminated copy; tdm_strdup(a, NULL) is NULL. */
char *tdm_strdup(const tidymail_allocator *allocator, const char *text);
char *tdm_strndup(const tidymail_allocator *allocator, const char *text, size_t length);
/* Overwrites in a way the compiler may not leave out. */
void tdm_wipe(void *block, size_t size);

#endif
