/* blob.h: bytes with several owners, so that a message that is being read can be changed or freed. */
#ifndef TDM_MESSAGE_BLOB_H
#define TDM_MESSAGE_BLOB_H

#include "util/buf.h"

struct tdm_blob {
    tidymail_allocator allocator;
    size_t references;
    size_t length;
    char *bytes; /* followed by a NUL that is not counted */
};

/* A copy of the bytes; NULL when out of memory. */
struct tdm_blob *tdm_blob_new(const tidymail_allocator *allocator, const char *bytes,
                              size_t length);
/* Takes the bytes over from a buffer, which is empty afterwards; NULL when out of memory or where
 * the buffer has failed. */
struct tdm_blob *tdm_blob_take(struct tdm_buf *buf);
/* One more owner. NULL is accepted, also by the release. */
struct tdm_blob *tdm_blob_ref(struct tdm_blob *blob);
void tdm_blob_release(struct tdm_blob *blob);

#endif
