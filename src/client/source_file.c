/*
 * source_file.c: a file as a source. Its size is promised when it is opened (a transport announces
 * it, RFC 1870), so whatever does not keep it fails the read: more bytes, or fewer, would be another
 * message than the one that was agreed on. The descriptor is open between the first read and the end
 * only: a thousand attachments need one.
 */
#include "client/source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/report_data.h"

#define FILE_WORDS_MAX 8192

struct source_file {
    tidymail_allocator allocator;
    char *path;
    int64_t size;
    int64_t position;
    int descriptor; /* -1: not open */
    int ended;      /* all was read, and the size was right */
    int failed;
    struct tdm_buf words;
};

/* Why an errno: "cannot read PATH: no such file". Always -1. */
static int file_explain(struct tdm_buf *words, const char *path, int code)
{
    char text[128];
    if (words != NULL) {
        tdm_buf_reset(words);
        tdm_buf_add_str(words, "cannot read ");
        tdm_escape(words, path, strlen(path), 0);
        tdm_buf_addf(words, ": %s", strerror_r(code, text, sizeof(text)));
    }
    errno = code;
    return -1;
}

/* The same for what is no errno. */
static int file_complain(struct tdm_buf *words, const char *path, const char *complaint, int code)
{
    if (words != NULL) {
        tdm_buf_reset(words);
        tdm_escape(words, path, strlen(path), 0);
        tdm_buf_add_str(words, complaint);
    }
    errno = code;
    return -1;
}

/* Opens a regular file; a FIFO or a device must neither block nor do anything. The descriptor, or -1
 * with errno and words. */
static int file_open(const char *path, int64_t *size, struct tdm_buf *words)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        return file_explain(words, path, errno);
    }
    int descriptor = -1;
    if (S_ISREG(facts.st_mode)) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (descriptor < 0 || fstat(descriptor, &facts) != 0) {
            int code = errno;
            if (descriptor >= 0) {
                close(descriptor);
            }
            return file_explain(words, path, code);
        }
    }
    if (!S_ISREG(facts.st_mode)) {
        if (descriptor >= 0) {
            close(descriptor); /* replaced in between */
        }
        return S_ISDIR(facts.st_mode)
                   ? file_complain(words, path, " is a folder, not a file", EISDIR)
                   : file_complain(words, path, " is not a regular file", EINVAL);
    }
    *size = (int64_t)facts.st_size;
    return descriptor;
}

static void file_close(struct source_file *file)
{
    if (file->descriptor >= 0) {
        close(file->descriptor);
        file->descriptor = -1;
    }
}

static ptrdiff_t file_fail(struct source_file *file)
{
    file->failed = 1;
    file_close(file);
    return -1;
}

static ptrdiff_t file_changed(struct source_file *file)
{
    file_complain(&file->words, file->path, " changed while it was being read", EINVAL);
    return file_fail(file);
}

static ptrdiff_t file_read(void *context, void *buffer, size_t capacity)
{
    struct source_file *file = context;
    if (file->failed) {
        return -1;
    }
    if (file->ended) {
        return 0;
    }
    if (file->descriptor < 0) {
        int64_t size = 0;
        file->descriptor = file_open(file->path, &size, &file->words);
        if (file->descriptor < 0) {
            return file_fail(file);
        }
        if (size != file->size) {
            return file_changed(file);
        }
    }
    ssize_t length;
    do {
        length = read(file->descriptor, buffer, capacity);
    } while (length < 0 && errno == EINTR);
    if (length < 0) {
        file_explain(&file->words, file->path, errno);
        return file_fail(file);
    }
    file->position += length;
    if (file->position > file->size || (length == 0 && file->position < file->size)) {
        return file_changed(file);
    }
    if (length == 0) {
        file->ended = 1;
        file_close(file);
    }
    return length;
}

static int file_rewind(void *context)
{
    struct source_file *file = context;
    file_close(file);
    file->position = 0;
    file->ended = 0;
    file->failed = 0;
    return 0;
}

static int64_t file_size(void *context)
{
    const struct source_file *file = context;
    return file->size;
}

static const char *file_error(void *context)
{
    const struct source_file *file = context;
    return file->words.failed || file->words.length == 0 ? "a file cannot be read"
                                                         : tdm_buf_text(&file->words);
}

static void file_release(void *context)
{
    struct source_file *file = context;
    if (file != NULL) {
        tidymail_allocator allocator = file->allocator;
        file_close(file);
        tdm_buf_clear(&file->words);
        tdm_free(&allocator, file->path);
        tdm_free(&allocator, file);
    }
}

int tdm_source_open_file(const tidymail_allocator *allocator, tidymail_source *source,
                         const char *path, struct tdm_buf *reason)
{
    int64_t size = 0;
    memset(source, 0, sizeof(*source));
    int descriptor = file_open(path, &size, reason);
    if (descriptor < 0) {
        return TIDYMAIL_KIND_LOCAL;
    }
    close(descriptor);
    struct source_file *file = tdm_alloc_array(allocator, 1, sizeof(*file));
    char *copy = tdm_strdup(allocator, path);
    if (file == NULL || copy == NULL) {
        tdm_free(allocator, file);
        tdm_free(allocator, copy);
        if (reason != NULL) {
            tdm_buf_add_str(reason, "out of memory");
        }
        errno = ENOMEM;
        return TIDYMAIL_KIND_LOCAL;
    }
    file->allocator = *allocator;
    file->path = copy;
    file->size = size;
    file->descriptor = -1;
    tdm_buf_init(&file->words, allocator, FILE_WORDS_MAX);
    *source = (tidymail_source){file_read, file_rewind, file_size, file_error, file_release, file};
    return TIDYMAIL_OK;
}

int tidymail_source_open_file(tidymail_source *source, const char *path)
{
    if (source == NULL || path == NULL) {
        errno = EINVAL;
        return TIDYMAIL_KIND_LOCAL;
    }
    return tdm_source_open_file(&tdm_allocator_default, source, path, NULL);
}
