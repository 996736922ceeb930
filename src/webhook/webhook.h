/*
 * webhook.h: what the readers of the services share: events with texts that all belong to one object,
 * so that what a notification says about every recipient is kept once, and reading of JSON that never
 * fails.
 */
#ifndef TDM_WEBHOOK_WEBHOOK_H
#define TDM_WEBHOOK_WEBHOOK_H

#include <jansson.h>

#include <tidymail/webhook.h>

#include "report/report_data.h"

/* More than any service sends in one request. */
#define TDM_HOOK_BODY_MAX ((size_t)16 << 20)

struct tdm_event_pair {
    const char *name;
    const char *value;
};

/* Texts are never NULL and belong to the events. */
struct tidymail_event {
    int type;
    int bounce;
    int code;
    int is_test;
    int64_t timestamp_ms;
    const char *name;
    const char *id;
    const char *recipient;
    const char *message_id;
    const char *service_id;
    const char *enhanced;
    const char *diagnostic;
    const char *reason;
    const char *url;
    const char *user_agent;
    const char *ip;
    const char **tags;
    size_t tag_count;
    struct tdm_event_pair *metadata;
    size_t metadata_count;
};

struct tidymail_events {
    tidymail_allocator allocator;
    struct tidymail_error error;
    int failed; /* memory ran out */
    struct tidymail_event *items;
    size_t count;
    size_t capacity;
    void **blocks; /* texts and lists */
    size_t block_count;
    size_t block_capacity;
    const char *certificate_url;
    const char *topic;
    const char *token;
};

/* One row of a service's table of names. */
struct tdm_event_name {
    const char *name;
    int type;
    int bounce;
};
/* The row of this name, exactly; NULL: there is none. */
const struct tdm_event_name *tdm_event_find(const struct tdm_event_name *rows, size_t count,
                                            const char *name);

/* An event that says nothing. */
struct tidymail_event tdm_event_blank(void);
/* Adds a copy of `event`. */
void tdm_events_add(struct tidymail_events *events, const struct tidymail_event *event);
/* Zeroed memory that belongs to the events; NULL where it ran out, which is remembered. */
void *tdm_events_block(struct tidymail_events *events, size_t count, size_t size);
/* A copy of a text; "" for NULL, and where memory ran out. */
const char *tdm_events_copy(struct tidymail_events *events, const char *text);
/* The text (or the number) at a path, copied; "" where there is none. */
const char *tdm_events_text(struct tidymail_events *events, json_t *root, const char *path);
/* The same as a Message-ID: in brackets. */
const char *tdm_events_message_id(struct tidymail_events *events, json_t *root, const char *path);
/* Tags from a text or an array of them. */
void tdm_events_tags(struct tidymail_events *events, json_t *value, struct tidymail_event *event);
/* Metadata from an object, but for the names in `without` (ends in NULL; NULL: all). What is no text
 * is written as JSON; a value that is an array of texts gives one pair each. */
void tdm_events_metadata(struct tidymail_events *events, json_t *object, const char *const *without,
                         struct tidymail_event *event);
/* From "smtp; 550 5.1.1 no such user": reply code, and the enhanced code where there is none yet. */
void tdm_event_read_reply(struct tidymail_events *events, struct tidymail_event *event);
/* What came is not the service's. */
void tdm_events_refuse(struct tidymail_events *events, const char *format, ...);

/* The value at a path of members and indices parted by "/"; NULL: there is none. */
json_t *tdm_hook_at(json_t *root, const char *path);
/* The text there; NULL: none. */
const char *tdm_hook_text_at(json_t *root, const char *path);
/* Milliseconds since 1970 of seconds (also with a fraction, also as text) or of a date as in RFC 3339;
 * 0: it is neither. */
int64_t tdm_hook_time_ms(json_t *value);
/* "2026-11-24T20:00:00.123Z", also with an offset; 0, or -1. */
int tdm_hook_date_ms(const char *text, int64_t *ms);
/* Decimal digits, all of the text; 0, or -1. */
int tdm_hook_number(const char *text, int64_t *number);

/* One for each service. */
void tdm_hook_read_mailgun(struct tidymail_events *events, json_t *root);
void tdm_hook_read_sendgrid(struct tidymail_events *events, json_t *root);
void tdm_hook_read_ses(struct tidymail_events *events, json_t *root);
void tdm_hook_read_postmark(struct tidymail_events *events, json_t *root);

/* Verdicts. The request's texts are not NULL here. */
int tdm_hook_verify_sendgrid(const tidymail_webhook_request *request);
int tdm_hook_verify_sns(const tidymail_webhook_request *request);
/* Appends the fields of a form, decoded and sorted by name: GENUINE, MALFORMED or NO_MEMORY. */
int tdm_hook_add_form(struct tdm_buf *out, const tidymail_webhook_request *request);
/* GENUINE where the age is within the tolerance. */
int tdm_hook_age(const tidymail_webhook_request *request, int64_t signed_at_s);
/* Decodes base64 into `out`: GENUINE, MALFORMED or NO_MEMORY. */
int tdm_hook_decode(struct tdm_buf *out, const char *text, size_t length);

#endif
