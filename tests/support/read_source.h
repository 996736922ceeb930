/* read_source.h: reads a tidymail_source to its end in pieces of one size, for tests. */
#ifndef TESTS_READ_SOURCE_H
#define TESTS_READ_SOURCE_H

#include <tidymail/source.h>

/* A NUL-terminated copy of all bytes (free it); NULL where a read failed or gave more than asked. */
char *read_source(const tidymail_source *source, size_t piece, size_t *length);

#endif
