/* read_source.c: see read_source.h. */
#include "read_source.h"

#include <stdlib.h>

char *read_source(const tidymail_source *source, size_t piece, size_t *length)
{
    size_t capacity = 4096 + piece;
    char *bytes = malloc(capacity);
    *length = 0;
    while (bytes != NULL) {
        if (capacity - *length < piece + 1) {
            capacity *= 2;
            char *more = realloc(bytes, capacity);
            if (more == NULL) {
                break;
            }
            bytes = more;
        }
        ptrdiff_t got = source->read(source->context, bytes + *length, piece);
        if (got < 0 || (size_t)got > piece) {
            break;
        }
        *length += (size_t)got;
        bytes[*length] = '\0';
        if (got == 0) {
            return bytes;
        }
    }
    free(bytes);
    return NULL;
}
