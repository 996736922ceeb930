/*
 * service.c: what is asked of a mail service (tidymail/service.h). What a service can do and what its
 * options mean is not known here; each value is checked so far that it can go into any request.
 */
#include <string.h>

#include <tidymail/service.h>

#include "message/message_data.h"
#include "util/str.h"

#define SERVICE_KEY_MAX 256              /* of an idempotency key */
#define SERVICE_LAST_SECOND 253402300799 /* 9999-12-31T23:59:59Z: RFC 3339 has four digits */
#define SERVICE_SCHEME_MAX 32
#define SERVICE_BLANKS " \t\r\n" /* what may stand between the tokens of JSON (RFC 8259 2) */

static void service_pair_clear(const tidymail_allocator *allocator, struct tdm_service_pair *pair)
{
    tdm_free(allocator, pair->service);
    tdm_free(allocator, pair->name);
    tdm_free(allocator, pair->value);
}

static void service_pairs_clear(const tidymail_allocator *allocator,
                                struct tdm_service_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        service_pair_clear(allocator, &pairs->items[i]);
    }
    tdm_free(allocator, pairs->items);
}

void tdm_service_wishes_clear(const tidymail_allocator *allocator,
                              struct tdm_service_wishes *wishes)
{
    for (size_t i = 0; i < wishes->tag_count; i++) {
        tdm_free(allocator, wishes->tags[i]);
    }
    tdm_free(allocator, wishes->tags);
    service_pairs_clear(allocator, &wishes->metadata);
    service_pairs_clear(allocator, &wishes->options);
    tdm_free(allocator, wishes->template_id);
    tdm_free(allocator, wishes->template_values);
    tdm_free(allocator, wishes->idempotency_key);
    memset(wishes, 0, sizeof(*wishes));
}

/* Text of which something must be there. */
static int service_check_name(tidymail_message *message, const char *field, const char *text)
{
    int kind = tdm_message_check_text(message, field, text);
    return kind == TIDYMAIL_OK && text[0] == '\0' ? tdm_message_fail(message, field, "empty")
                                                  : kind;
}

/* The room for one more item; 0, or -1 when out of memory. */
static int service_grow(const tidymail_message *message, void **items, size_t count,
                        size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return 0;
    }
    size_t more = *capacity > 0 ? *capacity * 2 : 4;
    void *grown = tdm_resize_array(&message->allocator, *items, more, size);
    if (grown == NULL) {
        return -1;
    }
    *items = grown;
    *capacity = more;
    return 0;
}

static int service_keep_tag(tidymail_message *message, const char *tag)
{
    struct tdm_service_wishes *wishes = &message->service;
    for (size_t i = 0; i < wishes->tag_count; i++) {
        if (strcmp(wishes->tags[i], tag) == 0) {
            return TIDYMAIL_OK;
        }
    }
    void *tags = wishes->tags;
    if (service_grow(message, &tags, wishes->tag_count, &wishes->tag_capacity, sizeof(char *)) !=
        0) {
        return tdm_message_fail_memory(message);
    }
    wishes->tags = tags;
    char *copy = tdm_strdup(&message->allocator, tag);
    if (copy == NULL) {
        return tdm_message_fail_memory(message);
    }
    wishes->tags[wishes->tag_count++] = copy;
    return TIDYMAIL_OK;
}

int tidymail_message_add_tag(tidymail_message *message, const char *tag)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = service_check_name(message, "tag", tag);
    }
    return kind == TIDYMAIL_OK ? service_keep_tag(message, tag) : kind;
}

/* The pair of this name; NULL: there is none. `service` is NULL in all pairs of a list, or in none. */
static struct tdm_service_pair *service_find(const struct tdm_service_pairs *pairs,
                                             const char *service, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++) {
        struct tdm_service_pair *pair = &pairs->items[i];
        if (strcmp(pair->name, name) == 0 &&
            (service == NULL || strcmp(pair->service, service) == 0)) {
            return pair;
        }
    }
    return NULL;
}

/* Appends the pair; the value is taken over on success only. */
static int service_append(tidymail_message *message, struct tdm_service_pairs *pairs,
                          const char *service, const char *name, char *value)
{
    void *items = pairs->items;
    if (service_grow(message, &items, pairs->count, &pairs->capacity, sizeof(*pairs->items)) != 0) {
        return tdm_message_fail_memory(message);
    }
    pairs->items = items;
    struct tdm_service_pair pair = {tdm_strdup(&message->allocator, service),
                                    tdm_strdup(&message->allocator, name), NULL};
    if (pair.name == NULL || (service != NULL && pair.service == NULL)) {
        service_pair_clear(&message->allocator, &pair);
        return tdm_message_fail_memory(message);
    }
    pair.value = value;
    pairs->items[pairs->count++] = pair;
    return TIDYMAIL_OK;
}

/* Takes `value` over in every case; NULL: out of memory. */
static int service_keep_pair(tidymail_message *message, struct tdm_service_pairs *pairs,
                             const char *service, const char *name, char *value)
{
    if (value == NULL) {
        return tdm_message_fail_memory(message);
    }
    struct tdm_service_pair *known = service_find(pairs, service, name);
    if (known != NULL) {
        tdm_free(&message->allocator, known->value);
        known->value = value;
        return TIDYMAIL_OK;
    }
    int kind = service_append(message, pairs, service, name, value);
    if (kind != TIDYMAIL_OK) {
        tdm_free(&message->allocator, value);
    }
    return kind;
}

int tidymail_message_add_metadata(tidymail_message *message, const char *name, const char *value)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = service_check_name(message, "metadata name", name);
    }
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_check_text(message, "metadata value", value);
    }
    return kind == TIDYMAIL_OK ? service_keep_pair(message, &message->service.metadata, NULL, name,
                                                   tdm_strdup(&message->allocator, value))
                               : kind;
}

static int service_is_tracking(int value)
{
    return value >= TIDYMAIL_TRACKING_DEFAULT && value <= TIDYMAIL_TRACKING_ON;
}

int tidymail_message_set_tracking(tidymail_message *message, int opens, int clicks)
{
    static const char words[] = "no value of enum tidymail_tracking";
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK && !service_is_tracking(opens)) {
        kind = tdm_message_fail(message, "tracking of opens", words);
    }
    if (kind == TIDYMAIL_OK && !service_is_tracking(clicks)) {
        kind = tdm_message_fail(message, "tracking of clicks", words);
    }
    if (kind == TIDYMAIL_OK) {
        message->service.track_opens = opens;
        message->service.track_clicks = clicks;
    }
    return kind;
}

int tidymail_message_set_send_at(tidymail_message *message, int64_t unix_s)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK && (unix_s < 0 || unix_s > SERVICE_LAST_SECOND)) {
        kind = tdm_message_fail(message, "send-at", "not a moment of the years 1970 to 9999");
    }
    if (kind == TIDYMAIL_OK) {
        message->service.send_at = unix_s;
    }
    return kind;
}

/* A copy of JSON that may stand on several lines: they become one, so that no control character goes
 * on. Within its strings there are none (RFC 8259 7). NULL: the error stuck. */
static char *service_copy_json(tidymail_message *message, const char *field, const char *text)
{
    if (text == NULL) {
        tdm_message_check_text(message, field, text);
        return NULL;
    }
    char *copy = tdm_strdup(&message->allocator, text);
    if (copy == NULL) {
        tdm_message_fail_memory(message);
        return NULL;
    }
    for (char *at = strpbrk(copy, "\t\r\n"); at != NULL; at = strpbrk(at, "\t\r\n")) {
        *at = ' ';
    }
    if (tdm_message_check_text(message, field, copy) != TIDYMAIL_OK) {
        tdm_free(&message->allocator, copy);
        return NULL;
    }
    return copy;
}

int tidymail_message_set_template(tidymail_message *message, const char *id, const char *values)
{
    char *copies[2] = {NULL, NULL};
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK && id != NULL) {
        kind = service_check_name(message, "template", id);
        if (kind == TIDYMAIL_OK && values != NULL) {
            copies[1] = service_copy_json(message, "template values", values);
            kind = message->error.kind;
        }
        if (kind == TIDYMAIL_OK) {
            copies[0] = tdm_strdup(&message->allocator, id);
            kind = copies[0] != NULL ? TIDYMAIL_OK : tdm_message_fail_memory(message);
        }
    }
    if (kind != TIDYMAIL_OK) {
        if (copies[1] != NULL) {
            tdm_free(&message->allocator, copies[1]);
        }
        return kind;
    }
    tdm_free(&message->allocator, message->service.template_id);
    tdm_free(&message->allocator, message->service.template_values);
    message->service.template_id = copies[0];
    message->service.template_values = copies[1];
    return TIDYMAIL_OK;
}

/* It goes into a header field of HTTP: visible ASCII (RFC 9110 5.5 without blanks and obs-text). */
static int service_check_key(tidymail_message *message, const char *key)
{
    static const char field[] = "idempotency key";
    int kind = service_check_name(message, field, key);
    for (size_t i = 0; kind == TIDYMAIL_OK && key[i] != '\0'; i++) {
        if (key[i] == ' ' || tdm_has_8bit(key + i, 1)) {
            kind =
                tdm_message_fail_at(message, field, "neither letter, digit nor sign of ASCII", i);
        }
    }
    return kind == TIDYMAIL_OK && strlen(key) > SERVICE_KEY_MAX
               ? tdm_message_fail(message, field, "longer than 256 characters")
               : kind;
}

int tidymail_message_set_idempotency_key(tidymail_message *message, const char *key)
{
    char *copy = NULL;
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK && key != NULL) {
        kind = service_check_key(message, key);
        if (kind == TIDYMAIL_OK) {
            copy = tdm_strdup(&message->allocator, key);
            kind = copy != NULL ? TIDYMAIL_OK : tdm_message_fail_memory(message);
        }
    }
    if (kind == TIDYMAIL_OK) {
        tdm_free(&message->allocator, message->service.idempotency_key);
        message->service.idempotency_key = copy;
    }
    return kind;
}

int tidymail_message_set_sandbox(tidymail_message *message, int sandbox)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        message->service.sandbox = sandbox != 0;
    }
    return kind;
}

/* A scheme as in RFC 3986 3.1, in lower case. */
static int service_check_scheme(tidymail_message *message, const char *scheme)
{
    static const char field[] = "service of an option";
    int kind = service_check_name(message, field, scheme);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    size_t good = strspn(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    if (scheme[good] != '\0') {
        return tdm_message_fail_at(message, field, "not a scheme such as mailgun, it goes wrong",
                                   good);
    }
    return good <= SERVICE_SCHEME_MAX
               ? TIDYMAIL_OK
               : tdm_message_fail(message, field, "longer than 32 characters");
}

int tidymail_message_set_service_option(tidymail_message *message, const char *service,
                                        const char *name, const char *value)
{
    static const char field[] = "value of a service option";
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = service_check_scheme(message, service);
    }
    if (kind == TIDYMAIL_OK) {
        kind = service_check_name(message, "name of a service option", name);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    char first = value != NULL ? value[strspn(value, SERVICE_BLANKS)] : '\0';
    if (first == '{' || first == '[') {
        char *json = service_copy_json(message, field, value);
        return json != NULL
                   ? service_keep_pair(message, &message->service.options, service, name, json)
                   : message->error.kind;
    }
    kind = tdm_message_check_text(message, field, value);
    return kind == TIDYMAIL_OK ? service_keep_pair(message, &message->service.options, service,
                                                   name, tdm_strdup(&message->allocator, value))
                               : kind;
}
