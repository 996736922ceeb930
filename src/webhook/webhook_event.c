/* webhook_event.c: the accessors of one event, and the words of the vocabulary. */
#include <string.h>

#include "webhook/webhook.h"

#define EVENT_WORD(words, value)                                                                   \
    ((value) >= 0 && (size_t)(value) < sizeof(words) / sizeof((words)[0]) ? (words)[value] : "?")

const char *tidymail_event_type_name(int type)
{
    static const char *const words[] = {
        "other",
        "accepted",
        "sent",
        "delivered",
        "deferred",
        "bounced",
        "rejected",
        "complained",
        "opened",
        "clicked",
        "unsubscribed",
        "resubscribed",
        "failed",
        "subscription-confirmation",
        "unsubscribe-confirmation",
    };
    return EVENT_WORD(words, type);
}

const char *tidymail_bounce_name(int bounce)
{
    static const char *const words[] = {"none", "undetermined", "transient", "permanent"};
    return EVENT_WORD(words, bounce);
}

const char *tidymail_webhook_verdict_name(int verdict)
{
    static const char *const words[] = {
        "genuine", "unsigned",        "malformed",   "bad-signature", "stale",     "early",
        "bad-key", "bad-certificate", "wrong-topic", "bad-call",      "no-memory",
    };
    return EVENT_WORD(words, verdict);
}

const char *tidymail_webhook_verdict_words(int verdict)
{
    static const char *const words[] = {
        "the request is genuine",
        "the request is not signed: signature, timestamp or id is missing",
        "signature, timestamp or body is not of the service's form",
        "the signature does not fit: the body was changed, or it was signed with another key",
        "the signature fits, and is older than the tolerance: an old request, repeated",
        "the signature fits, and is from the future: one of the two clocks is wrong",
        "the key given is none that this service has",
        "the certificate is not valid now, or is not from Amazon's host",
        "the signature fits, and is of another topic",
        "there is no such service, or an argument is missing",
        "out of memory",
    };
    return EVENT_WORD(words, verdict);
}

int tidymail_event_type(const tidymail_event *event)
{
    return event != NULL ? event->type : TIDYMAIL_EVENT_OTHER;
}

const char *tidymail_event_name(const tidymail_event *event)
{
    return event != NULL ? event->name : "";
}

const char *tidymail_event_id(const tidymail_event *event)
{
    return event != NULL ? event->id : "";
}

int64_t tidymail_event_timestamp_ms(const tidymail_event *event)
{
    return event != NULL ? event->timestamp_ms : 0;
}

const char *tidymail_event_recipient(const tidymail_event *event)
{
    return event != NULL ? event->recipient : "";
}

const char *tidymail_event_message_id(const tidymail_event *event)
{
    return event != NULL ? event->message_id : "";
}

const char *tidymail_event_service_id(const tidymail_event *event)
{
    return event != NULL ? event->service_id : "";
}

int tidymail_event_bounce(const tidymail_event *event)
{
    return event != NULL ? event->bounce : TIDYMAIL_BOUNCE_NONE;
}

int tidymail_event_code(const tidymail_event *event)
{
    return event != NULL ? event->code : 0;
}

const char *tidymail_event_enhanced(const tidymail_event *event)
{
    return event != NULL ? event->enhanced : "";
}

const char *tidymail_event_diagnostic(const tidymail_event *event)
{
    return event != NULL ? event->diagnostic : "";
}

const char *tidymail_event_reason(const tidymail_event *event)
{
    return event != NULL ? event->reason : "";
}

const char *tidymail_event_url(const tidymail_event *event)
{
    return event != NULL ? event->url : "";
}

const char *tidymail_event_user_agent(const tidymail_event *event)
{
    return event != NULL ? event->user_agent : "";
}

const char *tidymail_event_ip(const tidymail_event *event)
{
    return event != NULL ? event->ip : "";
}

int tidymail_event_is_test(const tidymail_event *event)
{
    return event != NULL && event->is_test;
}

size_t tidymail_event_tag_count(const tidymail_event *event)
{
    return event != NULL ? event->tag_count : 0;
}

const char *tidymail_event_tag(const tidymail_event *event, size_t index)
{
    return index < tidymail_event_tag_count(event) ? event->tags[index] : "";
}

size_t tidymail_event_metadata_count(const tidymail_event *event)
{
    return event != NULL ? event->metadata_count : 0;
}

const char *tidymail_event_metadata_name(const tidymail_event *event, size_t index)
{
    return index < tidymail_event_metadata_count(event) ? event->metadata[index].name : "";
}

const char *tidymail_event_metadata_value(const tidymail_event *event, size_t index)
{
    return index < tidymail_event_metadata_count(event) ? event->metadata[index].value : "";
}

const char *tidymail_event_metadata(const tidymail_event *event, const char *name)
{
    for (size_t i = 0; name != NULL && i < tidymail_event_metadata_count(event); i++) {
        if (strcmp(event->metadata[i].name, name) == 0) {
            return event->metadata[i].value;
        }
    }
    return "";
}
