/* part_stream.c: see part_stream.h. */
#include "message/part_stream.h"

#include "util/buf.h"

#define STREAM_WORDS_MAX 4096

struct tdm_stream {
    tidymail_allocator allocator;
    size_t references;
    tidymail_source source;
    char *label;
    const void *reader; /* who reads */
    int used;           /* it is not at its first byte */
    int ended;
    int failed;    /* what was read before has been given, `words` come next */
    int64_t given; /* bytes since the first */
    int64_t size;  /* as announced when the reading began */
    char *words;   /* of the last failure; NULL: none, or no memory for them */
};

struct tdm_stream *tdm_stream_new(const tidymail_allocator *allocator,
                                  const tidymail_source *source, const char *label)
{
    struct tdm_stream *stream = tdm_alloc_array(allocator, 1, sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    stream->allocator = *allocator;
    stream->label = tdm_strdup(allocator, label);
    if (label != NULL && stream->label == NULL) {
        tdm_free(allocator, stream);
        return NULL;
    }
    stream->references = 1;
    stream->source = *source;
    return stream;
}

void tdm_stream_own(struct tdm_stream *stream, const tidymail_source *source)
{
    stream->source = *source;
}

struct tdm_stream *tdm_stream_ref(struct tdm_stream *stream)
{
    if (stream != NULL) {
        stream->references++;
    }
    return stream;
}

void tdm_stream_release(struct tdm_stream *stream)
{
    if (stream == NULL || --stream->references > 0) {
        return;
    }
    tidymail_allocator allocator = stream->allocator;
    if (stream->source.release != NULL) {
        stream->source.release(stream->source.context);
    }
    tdm_free(&allocator, stream->label);
    tdm_free(&allocator, stream->words);
    tdm_free(&allocator, stream);
}

const char *tdm_stream_label(const struct tdm_stream *stream)
{
    return stream->label != NULL ? stream->label : "";
}

int tdm_stream_can_rewind(const struct tdm_stream *stream)
{
    return stream->source.rewind != NULL;
}

int tdm_stream_is_spent(const struct tdm_stream *stream)
{
    return stream->used && stream->source.rewind == NULL;
}

int64_t tdm_stream_size(const struct tdm_stream *stream)
{
    int64_t size = stream->source.size != NULL ? stream->source.size(stream->source.context) : -1;
    return size < 0 ? -1 : size;
}

/* Keeps the words of a failure; always -1. */
static int stream_fail(struct tdm_stream *stream, const char *reason)
{
    struct tdm_buf words;
    tdm_buf_init(&words, &stream->allocator, STREAM_WORDS_MAX);
    tdm_buf_addf(&words, "%s%s%s", tdm_stream_label(stream), stream->label != NULL ? ": " : "",
                 reason);
    tdm_free(&stream->allocator, stream->words);
    stream->words = words.failed ? NULL : words.data;
    if (words.failed) {
        tdm_buf_clear(&words);
    }
    return -1;
}

static int stream_fail_by_source(struct tdm_stream *stream, const char *otherwise)
{
    const tidymail_source *source = &stream->source;
    const char *words = source->error != NULL ? source->error(source->context) : NULL;
    return stream_fail(stream, words != NULL ? words : otherwise);
}

int tdm_stream_begin(struct tdm_stream *stream, const void *reader)
{
    stream->reader = reader;
    if (stream->used) {
        if (stream->source.rewind == NULL) {
            return stream_fail(stream, "its source can be read once only");
        }
        if (stream->source.rewind(stream->source.context) != 0) {
            return stream_fail_by_source(stream, "it cannot be read again from its beginning");
        }
    }
    stream->used = stream->ended = stream->failed = 0;
    stream->given = 0;
    stream->size = tdm_stream_size(stream);
    return 0;
}

ptrdiff_t tdm_stream_read(struct tdm_stream *stream, const void *reader, void *buffer,
                          size_t capacity)
{
    const tidymail_source *source = &stream->source;
    char *out = buffer;
    size_t filled = 0;
    if (stream->reader != reader) {
        return stream_fail(stream, "it was read by somebody else in between");
    }
    if (stream->failed) {
        return -1;
    }
    while (filled < capacity && !stream->ended) {
        stream->used = 1;
        ptrdiff_t got = source->read(source->context, out + filled, capacity - filled);
        if (got < 0 || (size_t)got > capacity - filled) {
            stream->failed = 1;
            stream_fail_by_source(stream, "a part of the message cannot be read");
            return filled > 0 ? (ptrdiff_t)filled : -1;
        }
        filled += (size_t)got;
        stream->given += got;
        stream->ended = got == 0;
        /* SIZE= has told the server how long the message is */
        if (stream->size >= 0 && stream->given > stream->size) {
            return stream_fail(stream, "its source gives more bytes than it announced");
        }
        if (stream->size >= 0 && stream->ended && stream->given < stream->size) {
            return stream_fail(stream, "its source gives fewer bytes than it announced");
        }
    }
    return (ptrdiff_t)filled;
}

int tdm_stream_at_end(const struct tdm_stream *stream)
{
    return stream->ended;
}

const char *tdm_stream_error(const struct tdm_stream *stream)
{
    return stream->words != NULL ? stream->words : "a part of the message cannot be read";
}
