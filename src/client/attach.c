/*
 * attach.c: the calls of part.h that need the system: attachments with a path, and those whose type
 * has to be found out. What comes out (bytes or a source, a name, a type) is what the message room
 * keeps.
 */
#include "client/attach.h"

#include <string.h>

#include "client/content_type.h"
#include "client/source_file.h"
#include "message/message_data.h"
#include "util/str.h"
#include "util/utf8.h"

#define ATTACH_WORDS_MAX 8192
#define ATTACH_TYPE_MAX 4096

/* One attachment on its way. */
struct attach_job {
    tidymail_message *message;
    tidymail_attachment resolved;
    tidymail_source file; /* of a path; without release: none */
    char guess[TDM_GUESS_MAX];
    struct tdm_buf type;
};

void tdm_charset_init(struct tdm_charset *charset)
{
    memset(charset, 0, sizeof(*charset));
    charset->is_utf8 = 1;
    charset->is_ascii = 1;
}

void tdm_charset_see(struct tdm_charset *charset, const char *bytes, size_t length)
{
    if (charset->is_utf8 && memchr(bytes, '\0', length) != NULL) {
        charset->is_utf8 = 0;
    }
    charset->is_ascii &= !tdm_has_8bit(bytes, length);
    while (charset->is_utf8 && charset->kept_length > 0 && length > 0) {
        charset->kept[charset->kept_length++] = *bytes++;
        length--;
        if (tdm_utf8_sequence(charset->kept, charset->kept_length) > 0) {
            charset->kept_length = 0;
        } else if (charset->kept_length == sizeof(charset->kept)) {
            charset->is_utf8 = 0;
        }
    }
    if (!charset->is_utf8 || length == 0) {
        return;
    }
    size_t invalid = tdm_utf8_find_invalid(bytes, length);
    size_t left = length - invalid;
    if (left >= sizeof(charset->kept)) {
        charset->is_utf8 = 0;
    } else if (left > 0) { /* perhaps the rest of it comes with the next piece */
        memcpy(charset->kept, bytes + invalid, left);
        charset->kept_length = left;
    }
}

const char *tdm_charset_name(const struct tdm_charset *charset)
{
    if (!charset->is_utf8 || charset->kept_length > 0) {
        return NULL;
    }
    return charset->is_ascii ? "us-ascii" : "utf-8";
}

static int attach_fail_local(tidymail_message *message, const char *words)
{
    return tdm_error_setf(&message->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                          "attachment: %s", words);
}

/* Goes back to the first byte. */
static int attach_rewind(const struct attach_job *job, const tidymail_source *source)
{
    return source->rewind(source->context) == 0
               ? TIDYMAIL_OK
               : attach_fail_local(job->message, "the source cannot be read again");
}

static int attach_fail_read(const struct attach_job *job, const tidymail_source *source)
{
    const char *words = source->error != NULL ? source->error(source->context) : NULL;
    return attach_fail_local(job->message, words != NULL ? words : "the source cannot be read");
}

static int attach_open_file(struct attach_job *job)
{
    const char *path = job->resolved.path;
    struct tdm_buf words;
    tdm_buf_init(&words, &job->message->allocator, ATTACH_WORDS_MAX);
    int kind = tdm_source_open_file(&job->message->allocator, &job->file, path, &words);
    if (kind != TIDYMAIL_OK) {
        kind = words.failed || strcmp(tdm_buf_text(&words), "out of memory") == 0
                   ? tdm_message_fail_memory(job->message)
                   : attach_fail_local(job->message, tdm_buf_text(&words));
    } else {
        job->resolved.source = &job->file;
        job->resolved.path = NULL;
        if (job->resolved.name == NULL) {
            job->resolved.name = path;
        }
    }
    tdm_buf_clear(&words);
    return kind;
}

/* Folders in front of a name are nobody's business (RFC 2183 2.3). */
static int attach_find_name(struct attach_job *job)
{
    const char *name = job->resolved.name;
    const char *slash = name != NULL ? strrchr(name, '/') : NULL;
    if (slash != NULL) {
        job->resolved.name = slash + 1;
    }
    if (name != NULL && job->resolved.name[0] == '\0') {
        return tdm_message_fail(job->message, "attachment name", "empty");
    }
    return TIDYMAIL_OK;
}

/* The type by the first bytes, as far as they can be read twice. */
static int attach_guess_by_bytes(struct attach_job *job)
{
    const tidymail_source *source = job->resolved.source;
    if (source == NULL) {
        tdm_guess_by_bytes(job->resolved.bytes, job->resolved.length, job->guess);
        return TIDYMAIL_OK;
    }
    if (source->rewind == NULL) {
        tdm_guess_by_bytes(NULL, 0, job->guess);
        return TIDYMAIL_OK;
    }
    char *head = tdm_alloc(&job->message->allocator, TDM_GUESS_BYTES);
    if (head == NULL) {
        return tdm_message_fail_memory(job->message);
    }
    size_t used = 0;
    ptrdiff_t length = 1;
    while (used < TDM_GUESS_BYTES && length > 0) {
        length = source->read(source->context, head + used, TDM_GUESS_BYTES - used);
        used += length > 0 ? (size_t)length : 0;
    }
    int kind = length < 0 ? attach_fail_read(job, source) : attach_rewind(job, source);
    if (kind == TIDYMAIL_OK) {
        tdm_guess_by_bytes(head, used, job->guess);
    }
    tdm_free(&job->message->allocator, head);
    return kind;
}

static int attach_find_type(struct attach_job *job)
{
    if (job->resolved.type != NULL) {
        return TIDYMAIL_OK;
    }
    const char *name = job->resolved.name;
    int kind = TIDYMAIL_OK;
    if (name == NULL || !tdm_guess_by_name(TDM_GUESS_GLOBS, name, job->guess)) {
        kind = attach_guess_by_bytes(job);
    }
    job->resolved.type = job->guess;
    return kind;
}

/* Reads a source to its end, or to where its charset cannot be told. */
static int attach_see_source(struct attach_job *job, struct tdm_charset *charset)
{
    const tidymail_source *source = job->resolved.source;
    char piece[8192];
    ptrdiff_t length = 1;
    while (length > 0 && charset->is_utf8) {
        length = source->read(source->context, piece, sizeof(piece));
        if (length > 0) {
            tdm_charset_see(charset, piece, (size_t)length);
        }
    }
    return length < 0 ? attach_fail_read(job, source) : attach_rewind(job, source);
}

/* A text without charset would be read as ASCII (RFC 2046 4.1.2). */
static int attach_find_charset(struct attach_job *job)
{
    const char *type = job->resolved.type;
    size_t length = strlen(type);
    const tidymail_source *source = job->resolved.source;
    if (!tdm_starts_nocase(type, length, "text/") || (source != NULL && source->rewind == NULL)) {
        return TIDYMAIL_OK;
    }
    for (size_t i = 0; i < length; i++) {
        if (tdm_starts_nocase(type + i, length - i, "charset")) {
            return TIDYMAIL_OK; /* the caller knows */
        }
    }
    struct tdm_charset charset;
    tdm_charset_init(&charset);
    int kind = TIDYMAIL_OK;
    if (source != NULL) {
        kind = attach_see_source(job, &charset);
    } else if (job->resolved.length > 0) {
        tdm_charset_see(&charset, job->resolved.bytes, job->resolved.length);
    }
    const char *name = tdm_charset_name(&charset);
    if (kind != TIDYMAIL_OK || name == NULL || length > ATTACH_TYPE_MAX / 2) {
        return kind;
    }
    tdm_buf_addf(&job->type, "%s; charset=%s", type, name);
    if (job->type.failed) {
        return tdm_message_fail_memory(job->message);
    }
    job->resolved.type = tdm_buf_text(&job->type);
    return TIDYMAIL_OK;
}

/* Exactly one of path, bytes and source. */
static int attach_check(const struct attach_job *job)
{
    const tidymail_attachment *given = &job->resolved;
    int origins = (given->path != NULL) + (given->bytes != NULL) + (given->source != NULL);
    if (origins > 1) {
        return tdm_message_fail(job->message, "attachment",
                                "more than one of path, bytes and source");
    }
    if (given->bytes == NULL && given->length > 0) {
        return tdm_message_fail(job->message, "attachment", "a length without bytes");
    }
    if (given->source != NULL && given->source->read == NULL) {
        return tdm_message_fail(job->message, "attachment", "a source without read");
    }
    return TIDYMAIL_OK;
}

int tidymail_message_add_attachment(tidymail_message *message,
                                    const tidymail_attachment *attachment)
{
    int kind = tdm_message_begin(message);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (attachment == NULL) {
        return tdm_message_fail(message, "attachment", "NULL was given");
    }
    struct attach_job job;
    memset(&job, 0, sizeof(job));
    job.message = message;
    size_t size = attachment->struct_size < sizeof(job.resolved) ? attachment->struct_size
                                                                 : sizeof(job.resolved);
    memcpy(&job.resolved, attachment, size);
    job.resolved.struct_size = sizeof(job.resolved);
    tdm_buf_init(&job.type, &message->allocator, ATTACH_TYPE_MAX);
    kind = attach_check(&job);
    if (kind == TIDYMAIL_OK && job.resolved.path != NULL) {
        kind = attach_open_file(&job);
    }
    kind = kind == TIDYMAIL_OK ? attach_find_name(&job) : kind;
    kind = kind == TIDYMAIL_OK ? attach_find_type(&job) : kind;
    kind = kind == TIDYMAIL_OK ? attach_find_charset(&job) : kind;
    kind = kind == TIDYMAIL_OK ? tdm_message_add_attachment(message, &job.resolved) : kind;
    if (kind != TIDYMAIL_OK && job.file.release != NULL) {
        job.file.release(job.file.context);
    }
    tdm_buf_clear(&job.type);
    return kind;
}

int tidymail_message_attach_file(tidymail_message *message, const char *path)
{
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    if (path == NULL && tdm_message_begin(message) == TIDYMAIL_OK) {
        return tdm_message_fail(message, "attachment path", "NULL was given");
    }
    attachment.path = path;
    return tidymail_message_add_attachment(message, &attachment);
}

int tidymail_message_attach_bytes(tidymail_message *message, const char *name, const char *type,
                                  const void *bytes, size_t length)
{
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    attachment.name = name;
    attachment.type = type;
    attachment.bytes = bytes;
    attachment.length = length;
    return tidymail_message_add_attachment(message, &attachment);
}

int tidymail_message_inline_file(tidymail_message *message, const char *path,
                                 const char *content_id)
{
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    if (path == NULL && tdm_message_begin(message) == TIDYMAIL_OK) {
        return tdm_message_fail(message, "attachment path", "NULL was given");
    }
    attachment.path = path;
    attachment.content_id = content_id;
    attachment.is_inline = 1;
    return tidymail_message_add_attachment(message, &attachment);
}
