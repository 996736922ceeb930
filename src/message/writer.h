/*
 * writer.h: the finished message as a stream that is pulled (tidymail_source). It is a chain of
 * segments, each with where its bytes come from and how they are encoded; only one step of one
 * segment is in memory at a time, so a segment may have any length.
 */
#ifndef TDM_MESSAGE_WRITER_H
#define TDM_MESSAGE_WRITER_H

#include <tidymail/source.h>

#include "message/blob.h"
#include "message/body.h"
#include "message/part_stream.h"

struct tdm_writer;

/* How a segment is written. */
struct tdm_segment_format {
    enum tdm_encoding encoding;
    int is_text;      /* line ends are made CRLF */
    int ends_in_crlf; /* a CRLF is added where the encoded bytes do not end in one */
    int64_t size;     /* exact length of what is written, -1 unknown */
};

/* A writer without segments; NULL when out of memory. */
struct tdm_writer *tdm_writer_new(const tidymail_allocator *allocator);
void tdm_writer_free(struct tdm_writer *writer);
/* Bytes that are written as they are, a part of `blob` (which gets one more owner). 0, or -1 when
 * out of memory; so do the next two. */
int tdm_writer_add_bytes(struct tdm_writer *writer, struct tdm_blob *blob, size_t offset,
                         size_t length);
/* All of `blob`, encoded; NULL is an empty one. */
int tdm_writer_add_blob(struct tdm_writer *writer, struct tdm_blob *blob,
                        const struct tdm_segment_format *format);
/* A stream, encoded; it is released with the writer, on success only. */
int tdm_writer_add_source(struct tdm_writer *writer, const tidymail_source *source,
                          const struct tdm_segment_format *format);
/* A stream that others may own too. */
int tdm_writer_add_stream(struct tdm_writer *writer, struct tdm_stream *stream,
                          const struct tdm_segment_format *format);
/* Fills `source` in; its release frees the writer. */
void tdm_writer_open(struct tdm_writer *writer, tidymail_source *source);

#endif
