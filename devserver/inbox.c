/* inbox.c: see inbox.h. */
#include "inbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVIATION_MAX ((size_t)1 << 20)
#define DEVIATIONS_MAX 100 /* more of them say nothing new */
#define PATH_LIMIT 4096

struct tdm_inbox {
    pthread_mutex_t mutex;
    char *store;
    size_t stored; /* the number of the last file */
    struct tdm_inbox_message **messages;
    size_t count;
    size_t connections;
    char **deviations; /* the text as it was each time it grew; the last one is the present one */
    size_t deviation_count;
};

static const tidymail_allocator *const memory = &tdm_allocator_default;

struct tdm_inbox *tdm_inbox_new(const char *store)
{
    struct tdm_inbox *inbox = tdm_alloc_array(memory, 1, sizeof(*inbox));
    if (inbox == NULL) {
        return NULL;
    }
    inbox->store = tdm_strdup(memory, store);
    if ((store != NULL && inbox->store == NULL) || pthread_mutex_init(&inbox->mutex, NULL) != 0) {
        tdm_free(memory, inbox->store);
        tdm_free(memory, inbox);
        return NULL;
    }
    return inbox;
}

static void inbox_free_message(struct tdm_inbox_message *message)
{
    if (message == NULL) {
        return;
    }
    for (size_t i = 0; i < message->recipient_count; i++) {
        tdm_free(memory, message->recipients[i]);
        tdm_free(memory, message->recipient_parameters[i]);
    }
    tdm_free(memory, message->recipient_parameters);
    tdm_free(memory, message->parameters);
    tdm_free(memory, message->recipients);
    tdm_free(memory, message->bytes);
    tdm_free(memory, message->from);
    tdm_free(memory, message->user);
    tdm_free(memory, message);
}

void tdm_inbox_free(struct tdm_inbox *inbox)
{
    if (inbox == NULL) {
        return;
    }
    for (size_t i = 0; i < inbox->count; i++) {
        inbox_free_message(inbox->messages[i]);
    }
    for (size_t i = 0; i < inbox->deviation_count; i++) {
        tdm_free(memory, inbox->deviations[i]);
    }
    tdm_free(memory, inbox->messages);
    tdm_free(memory, inbox->deviations);
    tdm_free(memory, inbox->store);
    pthread_mutex_destroy(&inbox->mutex);
    tdm_free(memory, inbox);
}

static struct tdm_inbox_message *inbox_copy(const struct tdm_inbox_message *from)
{
    struct tdm_inbox_message *copy = tdm_alloc_array(memory, 1, sizeof(*copy));
    if (copy == NULL) {
        return NULL;
    }
    copy->encrypted = from->encrypted;
    copy->length = from->length;
    copy->bytes = tdm_strndup(memory, from->bytes, from->length);
    copy->from = tdm_strdup(memory, from->from);
    copy->user = tdm_strdup(memory, from->user);
    copy->parameters = tdm_strdup(memory, from->parameters);
    copy->recipients = tdm_alloc_array(memory, from->recipient_count, sizeof(char *));
    copy->recipient_parameters = tdm_alloc_array(memory, from->recipient_count, sizeof(char *));
    int failed = copy->bytes == NULL || copy->from == NULL || copy->user == NULL ||
                 copy->parameters == NULL || copy->recipients == NULL ||
                 copy->recipient_parameters == NULL;
    for (size_t i = 0; i < from->recipient_count && !failed; i++) {
        copy->recipients[i] = tdm_strdup(memory, from->recipients[i]);
        copy->recipient_parameters[i] = tdm_strdup(memory, from->recipient_parameters[i]);
        copy->recipient_count++;
        failed = copy->recipients[i] == NULL || copy->recipient_parameters[i] == NULL;
    }
    if (failed) {
        inbox_free_message(copy);
        return NULL;
    }
    return copy;
}

static int inbox_write(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return -1;
        }
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* "DIRECTORY/message-NUMBER.eml", the number in six digits at least so that names sort. */
static void inbox_name(struct tdm_buf *path, const char *store, size_t number)
{
    tdm_buf_reset(path);
    tdm_buf_addf(path, "%s/message-", store);
    for (size_t limit = 100000; limit > number && limit > 1; limit /= 10) {
        tdm_buf_add_char(path, '0');
    }
    tdm_buf_addf(path, "%z.eml", number);
}

static int inbox_store_error(struct tdm_buf *error, const char *path)
{
    tdm_buf_addf(error, "cannot write %s: %s", path, strerror(errno));
    return -1;
}

/* Links the finished file to the first number that is free: nothing that is there is replaced. */
static int inbox_publish(struct tdm_inbox *inbox, const char *temporary, struct tdm_buf *path,
                         struct tdm_buf *error)
{
    do {
        inbox_name(path, inbox->store, ++inbox->stored);
        if (path->failed) {
            errno = ENAMETOOLONG;
            return inbox_store_error(error, temporary);
        }
        if (link(temporary, path->data) == 0) {
            return 0;
        }
    } while (errno == EEXIST);
    return inbox_store_error(error, path->data);
}

/* The file appears under its name only once it is whole. */
static int inbox_store(struct tdm_inbox *inbox, const struct tdm_inbox_message *message,
                       struct tdm_buf *path, struct tdm_buf *error)
{
    struct tdm_buf temporary;
    tdm_buf_init(&temporary, NULL, PATH_LIMIT);
    tdm_buf_addf(&temporary, "%s/.tidymail-%l-%z", inbox->store, (int64_t)getpid(), inbox->stored);
    const char *name = tdm_buf_text(&temporary);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOENT && mkdir(inbox->store, 0700) == 0) {
        fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    int result = -1;
    if (fd < 0) {
        inbox_store_error(error, name);
    } else {
        int written = inbox_write(fd, message->bytes, message->length);
        if (close(fd) != 0 || written != 0) {
            inbox_store_error(error, name);
        } else {
            result = inbox_publish(inbox, name, path, error);
        }
        unlink(name);
    }
    tdm_buf_clear(&temporary);
    return result;
}

int tdm_inbox_add(struct tdm_inbox *inbox, const struct tdm_inbox_message *message,
                  struct tdm_buf *path, struct tdm_buf *error)
{
    struct tdm_inbox_message *copy = inbox_copy(message);
    int result = -1;
    pthread_mutex_lock(&inbox->mutex);
    struct tdm_inbox_message **grown =
        copy != NULL ? tdm_resize_array(memory, inbox->messages, inbox->count + 1, sizeof(*grown))
                     : NULL;
    if (grown == NULL) {
        tdm_buf_add_str(error, "out of memory");
    } else {
        inbox->messages = grown;
        result = inbox->store != NULL ? inbox_store(inbox, copy, path, error) : 0;
    }
    if (result == 0) {
        inbox->messages[inbox->count++] = copy;
    }
    pthread_mutex_unlock(&inbox->mutex);
    if (result != 0) {
        inbox_free_message(copy);
    }
    return result;
}

void tdm_inbox_add_connection(struct tdm_inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    inbox->connections++;
    pthread_mutex_unlock(&inbox->mutex);
}

void tdm_inbox_add_deviation(struct tdm_inbox *inbox, const char *lines)
{
    struct tdm_buf text;
    tdm_buf_init(&text, NULL, DEVIATION_MAX);
    pthread_mutex_lock(&inbox->mutex);
    size_t count = inbox->deviation_count;
    if (count > 0) {
        tdm_buf_addf(&text, "%s\n", inbox->deviations[count - 1]);
    }
    tdm_buf_add_str(&text, lines);
    char **grown = NULL;
    if (!text.failed && count < DEVIATIONS_MAX) {
        grown = tdm_resize_array(memory, inbox->deviations, count + 1, sizeof(*grown));
    }
    if (grown != NULL) {
        inbox->deviations = grown;
        grown[count] = tdm_strndup(memory, text.data, text.length);
        inbox->deviation_count += grown[count] != NULL;
    }
    pthread_mutex_unlock(&inbox->mutex);
    tdm_buf_clear(&text);
}

size_t tdm_inbox_count(struct tdm_inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    size_t count = inbox->count;
    pthread_mutex_unlock(&inbox->mutex);
    return count;
}

const struct tdm_inbox_message *tdm_inbox_message(struct tdm_inbox *inbox, size_t index)
{
    pthread_mutex_lock(&inbox->mutex);
    const struct tdm_inbox_message *message = index < inbox->count ? inbox->messages[index] : NULL;
    pthread_mutex_unlock(&inbox->mutex);
    return message;
}

size_t tdm_inbox_connections(struct tdm_inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    size_t count = inbox->connections;
    pthread_mutex_unlock(&inbox->mutex);
    return count;
}

const char *tdm_inbox_deviation(struct tdm_inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    size_t count = inbox->deviation_count;
    const char *text = count > 0 ? inbox->deviations[count - 1] : "";
    pthread_mutex_unlock(&inbox->mutex);
    return text;
}
