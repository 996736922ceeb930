/* fronted.c: a finished message with more header fields in front: signatures, a service's wishes. */
#include "transport/fronted.h"

#include <string.h>

static ptrdiff_t fronted_read(void *context, void *buffer, size_t capacity)
{
    struct tdm_fronted *fronted = context;
    size_t left = fronted->fields.length - fronted->at;
    if (left == 0) {
        return fronted->inner.read(fronted->inner.context, buffer, capacity);
    }
    size_t length = left < capacity ? left : capacity;
    memcpy(buffer, fronted->fields.data + fronted->at, length);
    fronted->at += length;
    return (ptrdiff_t)length;
}

static int fronted_rewind(void *context)
{
    struct tdm_fronted *fronted = context;
    fronted->at = 0;
    return fronted->inner.rewind(fronted->inner.context);
}

static int64_t fronted_size(void *context)
{
    struct tdm_fronted *fronted = context;
    int64_t size = fronted->inner.size(fronted->inner.context);
    return size < 0 ? size : size + (int64_t)fronted->fields.length;
}

static const char *fronted_error(void *context)
{
    struct tdm_fronted *fronted = context;
    return fronted->inner.error(fronted->inner.context);
}

void tdm_fronted_put(struct tdm_fronted *fronted, tidymail_source *source)
{
    fronted->inner = *source;
    fronted->at = 0;
    source->read = fronted_read;
    source->rewind = source->rewind != NULL ? fronted_rewind : NULL;
    source->size = source->size != NULL ? fronted_size : NULL;
    source->error = source->error != NULL ? fronted_error : NULL;
    source->context = fronted;
}
