/*
 * transport_memory.c: `memory:` keeps every message with its envelope, for tests to look at. A
 * message is linked in when it is whole, so that a failure leaves no half of one.
 */
#include <string.h>

#include "transport/drain.h"
#include "transport/wishes.h"

#define MEMORY_MESSAGE_MAX ((size_t)1024 * 1024 * 1024)

struct memory_message {
    char *from;
    char **recipients;
    size_t recipient_count;
    struct tdm_buf bytes;
};

struct memory_store {
    struct memory_message *messages;
    size_t count;
};

static int memory_open(tidymail_transport *transport)
{
    if (transport->url.host[0] != '\0' || transport->url.path[0] != '\0') {
        return tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             "URL: memory: has neither host nor path", "write it as memory:");
    }
    transport->impl = tdm_alloc_array(&transport->allocator, 1, sizeof(struct memory_store));
    if (transport->impl == NULL) {
        return tdm_error_set(&transport->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             "out of memory while opening the transport", NULL);
    }
    return TIDYMAIL_OK;
}

static void memory_message_clear(const tidymail_allocator *allocator,
                                 struct memory_message *message)
{
    for (size_t i = 0; i < message->recipient_count; i++) {
        tdm_free(allocator, message->recipients[i]);
    }
    tdm_free(allocator, message->recipients);
    tdm_free(allocator, message->from);
    tdm_buf_clear(&message->bytes);
}

/* 0, or -1 when out of memory; the message can be cleared in both cases. */
static int memory_message_init(const tidymail_allocator *allocator, const struct tdm_job *job,
                               struct memory_message *message)
{
    memset(message, 0, sizeof(*message));
    tdm_buf_init(&message->bytes, allocator, MEMORY_MESSAGE_MAX);
    message->from = tdm_strdup(allocator, job->envelope.from != NULL ? job->envelope.from : "");
    message->recipients =
        tdm_alloc_array(allocator, job->envelope.recipient_count, sizeof(*message->recipients));
    if (message->from == NULL || message->recipients == NULL) {
        return -1;
    }
    for (size_t i = 0; i < job->envelope.recipient_count; i++) {
        message->recipients[i] = tdm_strdup(allocator, job->envelope.recipients[i]);
        if (message->recipients[i] == NULL) {
            return -1;
        }
        message->recipient_count++;
    }
    return 0;
}

static int memory_take(void *context, const char *bytes, size_t length)
{
    return tdm_buf_add(context, bytes, length);
}

static int memory_append(const tidymail_allocator *allocator, struct memory_store *store,
                         const struct memory_message *message)
{
    struct memory_message *messages =
        tdm_resize_array(allocator, store->messages, store->count + 1, sizeof(*messages));
    if (messages == NULL) {
        return -1;
    }
    messages[store->count++] = *message;
    store->messages = messages;
    return 0;
}

static void memory_send(tidymail_transport *transport, struct tdm_job *job)
{
    const tidymail_allocator *allocator = &transport->allocator;
    struct memory_message message;
    if (memory_message_init(allocator, job, &message) != 0 ||
        tdm_job_drain(job, memory_take, &message.bytes) != TIDYMAIL_OK ||
        memory_append(allocator, transport->impl, &message) != 0) {
        memory_message_clear(allocator, &message);
        tdm_job_failed(job, "out of memory while keeping the message", NULL);
        return;
    }
    tdm_wishes_note(job);
    tdm_job_sent(job, "memory");
}

static void memory_empty(tidymail_transport *transport)
{
    struct memory_store *store = transport->impl;
    for (size_t i = 0; i < store->count; i++) {
        memory_message_clear(&transport->allocator, &store->messages[i]);
    }
    tdm_free(&transport->allocator, store->messages);
    store->messages = NULL;
    store->count = 0;
}

static void memory_close(tidymail_transport *transport)
{
    memory_empty(transport);
    tdm_free(&transport->allocator, transport->impl);
}

const struct tdm_transport_ops tdm_transport_memory = {
    .scheme = "memory",
    .open = memory_open,
    .send = memory_send,
    .close = memory_close,
};

static const struct memory_message *memory_get(const tidymail_transport *transport, size_t index)
{
    if (transport == NULL || transport->ops != &tdm_transport_memory) {
        return NULL;
    }
    const struct memory_store *store = transport->impl;
    return index < store->count ? &store->messages[index] : NULL;
}

size_t tidymail_memory_count(const tidymail_transport *transport)
{
    if (transport == NULL || transport->ops != &tdm_transport_memory) {
        return 0;
    }
    const struct memory_store *store = transport->impl;
    return store->count;
}

const char *tidymail_memory_message(const tidymail_transport *transport, size_t index,
                                    size_t *length)
{
    const struct memory_message *message = memory_get(transport, index);
    if (length != NULL) {
        *length = message != NULL ? message->bytes.length : 0;
    }
    return message != NULL ? tdm_buf_text(&message->bytes) : NULL;
}

const char *tidymail_memory_from(const tidymail_transport *transport, size_t index)
{
    const struct memory_message *message = memory_get(transport, index);
    return message != NULL ? message->from : NULL;
}

size_t tidymail_memory_recipient_count(const tidymail_transport *transport, size_t index)
{
    const struct memory_message *message = memory_get(transport, index);
    return message != NULL ? message->recipient_count : 0;
}

const char *tidymail_memory_recipient(const tidymail_transport *transport, size_t index,
                                      size_t recipient)
{
    const struct memory_message *message = memory_get(transport, index);
    return message != NULL && recipient < message->recipient_count ? message->recipients[recipient]
                                                                   : NULL;
}

void tidymail_memory_clear(tidymail_transport *transport)
{
    if (transport != NULL && transport->ops == &tdm_transport_memory) {
        memory_empty(transport);
    }
}
