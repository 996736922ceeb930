/*
 * part_stream.h: a source of the caller's with several owners: the part it was given to and every
 * writer that was opened since. One of them reads at a time; who begins takes it from who read before,
 * who is told so by a failed read.
 */
#ifndef TDM_MESSAGE_PART_STREAM_H
#define TDM_MESSAGE_PART_STREAM_H

#include <tidymail/source.h>

#include "util/alloc.h"

struct tdm_stream;

/* Takes `source` over; NULL when out of memory (it is untouched then). `label` names it in errors
 * ("attachment a.bin"), NULL: they stand alone. */
struct tdm_stream *tdm_stream_new(const tidymail_allocator *allocator,
                                  const tidymail_source *source, const char *label);
/* From now on `source` is ours to release: the stream was made from a copy without release. */
void tdm_stream_own(struct tdm_stream *stream, const tidymail_source *source);
/* One more owner. NULL is accepted, also by the release. */
struct tdm_stream *tdm_stream_ref(struct tdm_stream *stream);
void tdm_stream_release(struct tdm_stream *stream);
/* "" where it has none. */
const char *tdm_stream_label(const struct tdm_stream *stream);
int tdm_stream_can_rewind(const struct tdm_stream *stream);
/* 1 where it was read and cannot be read again. */
int tdm_stream_is_spent(const struct tdm_stream *stream);
/* -1: unknown. */
int64_t tdm_stream_size(const struct tdm_stream *stream);
/* `reader` (any address that is its own) reads from the first byte. 0, or -1. */
int tdm_stream_begin(struct tdm_stream *stream, const void *reader);
/* Fills the buffer unless the end comes first, or a failure: what was read before it is given, then it
 * is -1. So it is where the size that was announced is not kept. */
ptrdiff_t tdm_stream_read(struct tdm_stream *stream, const void *reader, void *buffer,
                          size_t capacity);
/* 1 where no byte is left. */
int tdm_stream_at_end(const struct tdm_stream *stream);
/* What failed. */
const char *tdm_stream_error(const struct tdm_stream *stream);

#endif
