/* blob.c: see blob.h. */
#include "message/blob.h"

static struct tdm_blob *blob_wrap(const tidymail_allocator *allocator, char *bytes, size_t length)
{
    struct tdm_blob *blob = tdm_alloc_array(allocator, 1, sizeof(*blob));
    if (blob != NULL) {
        blob->allocator = *allocator;
        blob->references = 1;
        blob->length = length;
        blob->bytes = bytes;
    }
    return blob;
}

struct tdm_blob *tdm_blob_new(const tidymail_allocator *allocator, const char *bytes, size_t length)
{
    char *copy = tdm_strndup(allocator, bytes, length);
    if (copy == NULL) {
        return NULL;
    }
    struct tdm_blob *blob = blob_wrap(allocator, copy, length);
    if (blob == NULL) {
        tdm_free(allocator, copy);
    }
    return blob;
}

struct tdm_blob *tdm_blob_take(struct tdm_buf *buf)
{
    if (tdm_buf_reserve(buf, 0) != 0) {
        return NULL;
    }
    struct tdm_blob *blob = blob_wrap(&buf->allocator, buf->data, buf->length);
    if (blob != NULL) {
        buf->data = NULL;
        buf->length = buf->capacity = 0;
    }
    return blob;
}

struct tdm_blob *tdm_blob_ref(struct tdm_blob *blob)
{
    if (blob != NULL) {
        blob->references++;
    }
    return blob;
}

void tdm_blob_release(struct tdm_blob *blob)
{
    if (blob != NULL && --blob->references == 0) {
        tidymail_allocator allocator = blob->allocator;
        tdm_free(&allocator, blob->bytes);
        tdm_free(&allocator, blob);
    }
}
