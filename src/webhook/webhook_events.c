/* webhook_events.c: events as an object: made by the readers of the services, then read. */
#include <stdarg.h>
#include <string.h>

#include "util/str.h"
#include "webhook/webhook.h"

#define EVENTS_WORDS_MAX 1024

/* For NULL: what there is to say where there was no memory to say it in. */
static char events_no_memory_words[] = "out of memory";
static const struct tidymail_error events_no_memory = {
    .kind = TIDYMAIL_KIND_LOCAL,
    .phase = TIDYMAIL_PHASE_RESPONSE,
    .retry_after = -1,
    .message = events_no_memory_words,
};

static const struct {
    const char *service;
    void (*read)(struct tidymail_events *events, json_t *root);
} events_readers[] = {
    {"mailgun", tdm_hook_read_mailgun},
    {"sendgrid", tdm_hook_read_sendgrid},
    {"ses", tdm_hook_read_ses},
    {"postmark", tdm_hook_read_postmark},
};

/* Room for one more; 0, or -1 with the old list as it was. */
static int events_grow(struct tidymail_events *events, void **list, size_t count, size_t *capacity,
                       size_t size)
{
    if (count < *capacity) {
        return 0;
    }
    size_t wanted = *capacity > 0 ? *capacity * 2 : 8;
    void *grown = tdm_resize_array(&events->allocator, *list, wanted, size);
    if (grown == NULL) {
        events->failed = 1;
        return -1;
    }
    *list = grown;
    *capacity = wanted;
    return 0;
}

void *tdm_events_block(struct tidymail_events *events, size_t count, size_t size)
{
    void *list = events->blocks;
    int grown = events_grow(events, &list, events->block_count, &events->block_capacity,
                            sizeof(*events->blocks));
    events->blocks = list;
    void *block = grown == 0 ? tdm_alloc_array(&events->allocator, count, size) : NULL;
    if (block == NULL) {
        events->failed = 1;
        return NULL;
    }
    events->blocks[events->block_count++] = block;
    return block;
}

void tdm_events_add(struct tidymail_events *events, const struct tidymail_event *event)
{
    void *list = events->items;
    int grown =
        events_grow(events, &list, events->count, &events->capacity, sizeof(*events->items));
    events->items = list;
    if (grown == 0) {
        events->items[events->count++] = *event;
    }
}

struct tidymail_event tdm_event_blank(void)
{
    struct tidymail_event event;
    memset(&event, 0, sizeof(event));
    event.name = event.id = event.recipient = event.message_id = event.service_id = "";
    event.enhanced = event.diagnostic = event.reason = event.url = "";
    event.user_agent = event.ip = "";
    return event;
}

static const char *events_copy_n(struct tidymail_events *events, const char *text, size_t length)
{
    char *copy = length > 0 ? tdm_events_block(events, length + 1, 1) : NULL;
    if (copy == NULL) {
        return "";
    }
    memcpy(copy, text, length);
    return copy;
}

const char *tdm_events_copy(struct tidymail_events *events, const char *text)
{
    return text != NULL ? events_copy_n(events, text, strlen(text)) : "";
}

static int events_dump(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

/* A value as text: what is none is written as JSON. */
static const char *events_value(struct tidymail_events *events, json_t *value)
{
    if (json_is_string(value)) {
        return tdm_events_copy(events, json_string_value(value));
    }
    struct tdm_buf text;
    tdm_buf_init(&text, &events->allocator, TDM_HOOK_BODY_MAX);
    if (json_dump_callback(value, events_dump, &text, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
        events->failed = 1;
    }
    const char *copy = events_copy_n(events, tdm_buf_text(&text), text.length);
    tdm_buf_clear(&text);
    return copy;
}

const char *tdm_events_text(struct tidymail_events *events, json_t *root, const char *path)
{
    json_t *value = tdm_hook_at(root, path);
    return json_is_string(value) || json_is_integer(value) ? events_value(events, value) : "";
}

const char *tdm_events_message_id(struct tidymail_events *events, json_t *root, const char *path)
{
    const char *text = tdm_hook_text_at(root, path);
    if (text == NULL || text[0] == '\0' || text[0] == '<') {
        return tdm_events_copy(events, text);
    }
    size_t length = strlen(text);
    char *copy = tdm_events_block(events, length + 3, 1);
    if (copy == NULL) {
        return "";
    }
    copy[0] = '<';
    memcpy(copy + 1, text, length);
    copy[length + 1] = '>';
    return copy;
}

void tdm_events_tags(struct tidymail_events *events, json_t *value, struct tidymail_event *event)
{
    size_t count = json_is_array(value) ? json_array_size(value) : json_is_string(value);
    const char **tags = count > 0 ? tdm_events_block(events, count, sizeof(*tags)) : NULL;
    if (tags == NULL) {
        return;
    }
    event->tags = tags;
    for (size_t i = 0; i < count; i++) {
        const char *text =
            json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
        if (text != NULL && text[0] != '\0') {
            tags[event->tag_count++] = tdm_events_copy(events, text);
        }
    }
}

static int events_is_among(const char *name, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++) {
        if (strcmp(name, *names) == 0) {
            return 1;
        }
    }
    return 0;
}

static size_t events_pair_count(json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : 1;
}

void tdm_events_metadata(struct tidymail_events *events, json_t *object, const char *const *without,
                         struct tidymail_event *event)
{
    size_t count = 0;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        count += events_is_among(name, without) ? 0 : events_pair_count(value);
    }
    struct tdm_event_pair *pairs =
        count > 0 ? tdm_events_block(events, count, sizeof(*pairs)) : NULL;
    if (pairs == NULL) {
        return;
    }
    event->metadata = pairs;
    json_object_foreach(object, name, value)
    {
        size_t values = events_is_among(name, without) ? 0 : events_pair_count(value);
        const char *copy = values > 0 ? tdm_events_copy(events, name) : "";
        for (size_t i = 0; i < values; i++) {
            json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
            pairs[event->metadata_count].name = copy;
            pairs[event->metadata_count++].value = events_value(events, one);
        }
    }
}

/* The length of "5.1.1" at the start of `text`; 0: it is none (RFC 3463 2). */
static size_t events_enhanced(const char *text)
{
    size_t length = 0;
    int dots = 0;
    int digits = 0;
    if (strchr("245", text[0]) == NULL || text[0] == '\0' || text[1] != '.') {
        return 0;
    }
    for (; tdm_is_digit(text[length]) || text[length] == '.'; length++) {
        digits = text[length] == '.' ? 0 : digits + 1;
        dots += text[length] == '.';
        if (digits > 3 || (text[length] == '.' && text[length + 1] == '.')) {
            return 0;
        }
    }
    return dots == 2 && digits > 0 ? length : 0;
}

void tdm_event_read_reply(struct tidymail_events *events, struct tidymail_event *event)
{
    const char *text = event->diagnostic;
    if (tdm_starts_nocase(text, strlen(text), "smtp;")) {
        text += 5;
    }
    text += strspn(text, " ");
    if (text[0] >= '2' && text[0] <= '5' && tdm_is_digit(text[1]) && tdm_is_digit(text[2]) &&
        (text[3] == ' ' || text[3] == '-' || text[3] == '\0')) {
        int code = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
        event->code = event->code != 0 ? event->code : code;
        text += 3 + (text[3] != '\0');
    }
    size_t length = events_enhanced(text);
    if (event->enhanced[0] == '\0' && length > 0) {
        event->enhanced = events_copy_n(events, text, length);
    }
}

const struct tdm_event_name *tdm_event_find(const struct tdm_event_name *rows, size_t count,
                                            const char *name)
{
    for (size_t i = 0; name != NULL && i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

void tdm_events_refuse(struct tidymail_events *events, const char *format, ...)
{
    struct tdm_buf words;
    va_list args;
    tdm_buf_init(&words, &events->allocator, EVENTS_WORDS_MAX);
    va_start(args, format);
    int failed = tdm_buf_vaddf(&words, format, args);
    va_end(args);
    tdm_error_set(&events->error, TIDYMAIL_KIND_PROTOCOL, TIDYMAIL_PHASE_RESPONSE,
                  failed ? NULL : tdm_buf_text(&words), NULL);
    tdm_buf_clear(&words);
}

static void events_read(struct tidymail_events *events, size_t reader, const char *body,
                        size_t length)
{
    json_error_t why;
    if (body == NULL || length == 0) {
        tdm_events_refuse(events, "the body is empty");
        return;
    }
    if (length > TDM_HOOK_BODY_MAX) {
        tdm_events_refuse(events, "the body has %z bytes, more than %z", length, TDM_HOOK_BODY_MAX);
        return;
    }
    json_t *root = json_loadb(body, length, 0, &why);
    if (root == NULL) {
        tdm_events_refuse(events, "the body is no JSON: wrong at offset %d", why.position);
        return;
    }
    events_readers[reader].read(events, root);
    json_decref(root);
}

tidymail_events *tidymail_webhook_parse_with(const char *service, const char *body, size_t length,
                                             const tidymail_allocator *allocator)
{
    tidymail_allocator own = tdm_allocator_or_default(allocator);
    struct tidymail_events *events = tdm_alloc_array(&own, 1, sizeof(*events));
    if (events == NULL) {
        return NULL;
    }
    events->allocator = own;
    events->certificate_url = events->topic = events->token = "";
    tdm_error_init(&events->error, &own);
    size_t count = sizeof(events_readers) / sizeof(events_readers[0]);
    size_t reader = 0;
    while (reader < count &&
           (service == NULL || strcmp(events_readers[reader].service, service) != 0)) {
        reader++;
    }
    if (reader < count) {
        events_read(events, reader, body, length);
    } else {
        tdm_error_set(&events->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_RESPONSE,
                      "events are read of mailgun, sendgrid, ses and postmark only", NULL);
    }
    if (events->failed && events->error.kind == TIDYMAIL_OK) {
        tdm_error_set(&events->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_RESPONSE, "out of memory",
                      NULL);
    }
    if (events->error.kind != TIDYMAIL_OK) {
        events->count = 0;
    }
    return events;
}

tidymail_events *tidymail_webhook_parse(const char *service, const char *body, size_t length)
{
    return tidymail_webhook_parse_with(service, body, length, NULL);
}

void tidymail_events_free(tidymail_events *events)
{
    if (events == NULL) {
        return;
    }
    tidymail_allocator allocator = events->allocator;
    for (size_t i = 0; i < events->block_count; i++) {
        tdm_free(&allocator, events->blocks[i]);
    }
    tdm_free(&allocator, events->blocks);
    tdm_free(&allocator, events->items);
    tdm_error_clear(&events->error);
    tdm_free(&allocator, events);
}

const tidymail_error *tidymail_events_error(const tidymail_events *events)
{
    if (events == NULL) {
        return &events_no_memory;
    }
    return events->error.kind != TIDYMAIL_OK ? &events->error : NULL;
}

size_t tidymail_events_count(const tidymail_events *events)
{
    return events != NULL ? events->count : 0;
}

const tidymail_event *tidymail_events_at(const tidymail_events *events, size_t index)
{
    return index < tidymail_events_count(events) ? &events->items[index] : NULL;
}

const char *tidymail_events_certificate_url(const tidymail_events *events)
{
    return events != NULL ? events->certificate_url : "";
}

const char *tidymail_events_topic(const tidymail_events *events)
{
    return events != NULL ? events->topic : "";
}

const char *tidymail_events_token(const tidymail_events *events)
{
    return events != NULL ? events->token : "";
}
