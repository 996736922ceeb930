/* writer.c: see writer.h. */
#include "message/writer.h"

#include <string.h>

#include "message/encoder.h"

struct writer_segment {
    struct tdm_blob *blob; /* NULL: from `stream` */
    size_t offset;
    size_t length;
    struct tdm_stream *stream;
    int is_plain; /* bytes as they are, from `blob` */
    struct tdm_segment_format format;
};

/* Room to encode, made with the first segment that needs it. */
struct writer_room {
    struct tdm_encoder encoder;
    char ready[TDM_ENCODER_OUT + 2];
    char in[TDM_ENCODER_IN]; /* of a stream */
};

struct tdm_writer {
    tidymail_allocator allocator;
    struct writer_segment *segments;
    size_t segment_count;
    size_t segment_capacity;

    size_t current;    /* the segment that is being written */
    size_t position;   /* bytes taken from it */
    int is_encoding;   /* the encoder is set up for it */
    char tail[2];      /* the last bytes it wrote */
    int64_t written;   /* how many */
    const char *error; /* of a read that failed */

    struct writer_room *room;
    size_t ready_at; /* bytes of `ready` not handed out yet */
    size_t ready_end;
};

struct tdm_writer *tdm_writer_new(const tidymail_allocator *allocator)
{
    struct tdm_writer *writer = tdm_alloc_array(allocator, 1, sizeof(*writer));
    if (writer != NULL) {
        writer->allocator = *allocator;
    }
    return writer;
}

void tdm_writer_free(struct tdm_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    tidymail_allocator allocator = writer->allocator;
    for (size_t i = 0; i < writer->segment_count; i++) {
        struct writer_segment *segment = &writer->segments[i];
        tdm_blob_release(segment->blob);
        tdm_stream_release(segment->stream);
    }
    tdm_free(&allocator, writer->room);
    tdm_free(&allocator, writer->segments);
    tdm_free(&allocator, writer);
}

static struct writer_segment *writer_add(struct tdm_writer *writer)
{
    if (writer->segment_count == writer->segment_capacity) {
        size_t capacity = writer->segment_capacity > 0 ? writer->segment_capacity * 2 : 8;
        struct writer_segment *segments =
            tdm_resize_array(&writer->allocator, writer->segments, capacity, sizeof(*segments));
        if (segments == NULL) {
            return NULL;
        }
        writer->segments = segments;
        writer->segment_capacity = capacity;
    }
    struct writer_segment *segment = &writer->segments[writer->segment_count++];
    memset(segment, 0, sizeof(*segment));
    return segment;
}

/* A segment that is encoded needs the room for it. */
static struct writer_segment *writer_add_encoded(struct tdm_writer *writer)
{
    if (writer->room == NULL) {
        writer->room = tdm_alloc(&writer->allocator, sizeof(*writer->room));
    }
    return writer->room != NULL ? writer_add(writer) : NULL;
}

int tdm_writer_add_bytes(struct tdm_writer *writer, struct tdm_blob *blob, size_t offset,
                         size_t length)
{
    struct writer_segment *segment = writer_add(writer);
    if (segment == NULL) {
        return -1;
    }
    segment->blob = tdm_blob_ref(blob);
    segment->offset = offset;
    segment->length = length;
    segment->is_plain = 1;
    segment->format.size = (int64_t)length;
    return 0;
}

int tdm_writer_add_blob(struct tdm_writer *writer, struct tdm_blob *blob,
                        const struct tdm_segment_format *format)
{
    if (blob == NULL) {
        return 0;
    }
    if (format->encoding == TDM_ENCODING_IDENTITY && !format->is_text && !format->ends_in_crlf) {
        return tdm_writer_add_bytes(writer, blob, 0, blob->length);
    }
    struct writer_segment *segment = writer_add_encoded(writer);
    if (segment == NULL) {
        return -1;
    }
    segment->blob = tdm_blob_ref(blob);
    segment->length = blob->length;
    segment->format = *format;
    return 0;
}

int tdm_writer_add_stream(struct tdm_writer *writer, struct tdm_stream *stream,
                          const struct tdm_segment_format *format)
{
    struct writer_segment *segment = writer_add_encoded(writer);
    if (segment == NULL) {
        return -1;
    }
    segment->stream = tdm_stream_ref(stream);
    segment->format = *format;
    return 0;
}

int tdm_writer_add_source(struct tdm_writer *writer, const tidymail_source *source,
                          const struct tdm_segment_format *format)
{
    struct writer_segment *segment = writer_add_encoded(writer);
    if (segment == NULL) {
        return -1;
    }
    segment->stream = tdm_stream_new(&writer->allocator, source, NULL);
    segment->format = *format;
    if (segment->stream == NULL) {
        writer->segment_count--;
        return -1;
    }
    return 0;
}

/* Takes as much of a segment as one step encodes; `*last` is set with its last piece. */
static ptrdiff_t writer_take(struct tdm_writer *writer, struct writer_segment *segment,
                             const char **bytes, int *last)
{
    size_t capacity = tdm_encoder_capacity(&writer->room->encoder);
    if (segment->blob != NULL) {
        size_t left = segment->length - writer->position;
        size_t length = left < capacity ? left : capacity;
        *bytes = segment->blob->bytes + segment->offset + writer->position;
        *last = length == left;
        writer->position += length;
        return (ptrdiff_t)length;
    }
    ptrdiff_t length = tdm_stream_read(segment->stream, writer, writer->room->in, capacity);
    if (length < 0) {
        writer->error = tdm_stream_error(segment->stream);
        return -1;
    }
    *bytes = writer->room->in;
    *last = tdm_stream_at_end(segment->stream);
    return length;
}

/* Keeps the last two bytes of a segment in mind, for the CRLF at its end. */
static void writer_note(struct tdm_writer *writer, const char *bytes, size_t length)
{
    if (length >= 2) {
        memcpy(writer->tail, bytes + length - 2, 2);
    } else if (length == 1) {
        writer->tail[0] = writer->tail[1];
        writer->tail[1] = bytes[0];
    }
    writer->written += (int64_t)length;
}

static void writer_next_segment(struct tdm_writer *writer)
{
    writer->current++;
    writer->position = 0;
    writer->is_encoding = 0;
}

/* Makes ready to encode the current segment; -1 on failure. */
static int writer_begin_segment(struct tdm_writer *writer, struct writer_segment *segment)
{
    if (writer->is_encoding) {
        return 0;
    }
    if (segment->stream != NULL && tdm_stream_begin(segment->stream, writer) != 0) {
        writer->error = tdm_stream_error(segment->stream);
        return -1;
    }
    tdm_encoder_init(&writer->room->encoder, segment->format.encoding, segment->format.is_text);
    writer->is_encoding = 1;
    writer->written = 0;
    memset(writer->tail, 0, sizeof(writer->tail));
    return 0;
}

/* One step of the current segment into `out`, which has room for any step and two bytes more.
 * Returns how many bytes came, which may be none; -1 on failure. */
static ptrdiff_t writer_step(struct tdm_writer *writer, char *out)
{
    struct writer_segment *segment = &writer->segments[writer->current];
    if (writer_begin_segment(writer, segment) != 0) {
        return -1;
    }
    const char *bytes;
    int last;
    ptrdiff_t length = writer_take(writer, segment, &bytes, &last);
    if (length < 0) {
        return -1;
    }
    size_t made = tdm_encoder_step(&writer->room->encoder, bytes, (size_t)length, last, out);
    writer_note(writer, out, made);
    if (last) {
        if (segment->format.ends_in_crlf && writer->written > 0 &&
            memcmp(writer->tail, "\r\n", 2) != 0) {
            memcpy(out + made, "\r\n", 2);
            made += 2;
        }
        writer_next_segment(writer);
    }
    return (ptrdiff_t)made;
}

/* Some bytes of a segment that is not encoded, straight from where they are. */
static size_t writer_copy(struct tdm_writer *writer, const struct writer_segment *segment,
                          char *buffer, size_t capacity)
{
    size_t left = segment->length - writer->position;
    size_t length = left < capacity ? left : capacity;
    memcpy(buffer, segment->blob->bytes + segment->offset + writer->position, length);
    writer->position += length;
    if (length == left) {
        writer_next_segment(writer);
    }
    return length;
}

static ptrdiff_t writer_read(void *context, void *buffer, size_t capacity)
{
    struct tdm_writer *writer = context;
    char *out = buffer;
    size_t filled = 0;
    while (filled < capacity) {
        size_t room = capacity - filled;
        if (writer->ready_at < writer->ready_end) {
            size_t left = writer->ready_end - writer->ready_at;
            size_t length = left < room ? left : room;
            memcpy(out + filled, writer->room->ready + writer->ready_at, length);
            writer->ready_at += length;
            filled += length;
            continue;
        }
        if (writer->error != NULL) {
            return filled > 0 ? (ptrdiff_t)filled : -1;
        }
        if (writer->current == writer->segment_count) {
            break;
        }
        const struct writer_segment *segment = &writer->segments[writer->current];
        if (segment->is_plain) {
            filled += writer_copy(writer, segment, out + filled, room);
            continue;
        }
        /* Large reads are encoded in place, and left short rather than filled up by copies. */
        int in_place = room >= sizeof(writer->room->ready);
        if (!in_place && filled >= TDM_ENCODER_OUT / 4) {
            break;
        }
        ptrdiff_t made = writer_step(writer, in_place ? out + filled : writer->room->ready);
        if (made < 0) {
            continue; /* the error is seen above */
        }
        if (in_place) {
            filled += (size_t)made;
        } else {
            writer->ready_at = 0;
            writer->ready_end = (size_t)made;
        }
    }
    return (ptrdiff_t)filled;
}

static int writer_rewind(void *context)
{
    struct tdm_writer *writer = context;
    for (size_t i = 0; i < writer->segment_count; i++) {
        struct tdm_stream *stream = writer->segments[i].stream;
        if (stream == NULL) {
            continue;
        }
        if (!tdm_stream_can_rewind(stream) || tdm_stream_begin(stream, writer) != 0) {
            return -1;
        }
    }
    writer->current = 0;
    writer->position = 0;
    writer->is_encoding = 0;
    writer->ready_at = writer->ready_end = 0;
    writer->error = NULL;
    return 0;
}

static int64_t writer_size(void *context)
{
    const struct tdm_writer *writer = context;
    int64_t size = 0;
    for (size_t i = 0; i < writer->segment_count; i++) {
        int64_t part = writer->segments[i].format.size;
        if (part < 0) {
            return -1;
        }
        size += part;
    }
    return size;
}

static const char *writer_error(void *context)
{
    const struct tdm_writer *writer = context;
    return writer->error;
}

static void writer_release(void *context)
{
    tdm_writer_free(context);
}

void tdm_writer_open(struct tdm_writer *writer, tidymail_source *source)
{
    source->read = writer_read;
    source->rewind = writer_rewind;
    source->size = writer_size;
    source->error = writer_error;
    source->release = writer_release;
    source->context = writer;
}
