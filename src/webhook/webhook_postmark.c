/* webhook_postmark.c: Postmark's webhooks (postmarkapp.com/developer/webhooks): one event each. */
#include <string.h>

#include "webhook/webhook.h"

/* RecordType, and where it has its time. */
struct postmark_record {
    struct tdm_event_name name;
    const char *time;
};

static const struct postmark_record postmark_records[] = {
    {{"Delivery", TIDYMAIL_EVENT_DELIVERED, TIDYMAIL_BOUNCE_NONE}, "DeliveredAt"},
    {{"Bounce", TIDYMAIL_EVENT_BOUNCED, TIDYMAIL_BOUNCE_UNDETERMINED}, "BouncedAt"},
    {{"SpamComplaint", TIDYMAIL_EVENT_COMPLAINED, TIDYMAIL_BOUNCE_NONE}, "BouncedAt"},
    {{"Open", TIDYMAIL_EVENT_OPENED, TIDYMAIL_BOUNCE_NONE}, "ReceivedAt"},
    {{"Click", TIDYMAIL_EVENT_CLICKED, TIDYMAIL_BOUNCE_NONE}, "ReceivedAt"},
    {{"SubscriptionChange", TIDYMAIL_EVENT_RESUBSCRIBED, TIDYMAIL_BOUNCE_NONE}, "ChangedAt"},
    {{"Inbound", TIDYMAIL_EVENT_OTHER, TIDYMAIL_BOUNCE_NONE}, "Date"},
};

/* Type of a bounce: by its word, as lists of TypeCode disagree. Postmark calls more a bounce than
 * what is one. */
static const struct tdm_event_name postmark_types[] = {
    {"HardBounce", TIDYMAIL_EVENT_BOUNCED, TIDYMAIL_BOUNCE_PERMANENT},
    {"BadEmailAddress", TIDYMAIL_EVENT_BOUNCED, TIDYMAIL_BOUNCE_PERMANENT},
    {"SoftBounce", TIDYMAIL_EVENT_BOUNCED, TIDYMAIL_BOUNCE_TRANSIENT},
    {"DnsError", TIDYMAIL_EVENT_BOUNCED, TIDYMAIL_BOUNCE_TRANSIENT},
    {"Transient", TIDYMAIL_EVENT_DEFERRED, TIDYMAIL_BOUNCE_TRANSIENT},
    {"SpamComplaint", TIDYMAIL_EVENT_COMPLAINED, TIDYMAIL_BOUNCE_NONE},
    {"Unsubscribe", TIDYMAIL_EVENT_UNSUBSCRIBED, TIDYMAIL_BOUNCE_NONE},
    {"Subscribe", TIDYMAIL_EVENT_RESUBSCRIBED, TIDYMAIL_BOUNCE_NONE},
    {"ManuallyDeactivated", TIDYMAIL_EVENT_REJECTED, TIDYMAIL_BOUNCE_NONE},
    {"Unconfirmed", TIDYMAIL_EVENT_REJECTED, TIDYMAIL_BOUNCE_NONE},
    {"TemplateRenderingFailed", TIDYMAIL_EVENT_FAILED, TIDYMAIL_BOUNCE_NONE},
    {"SMTPApiError", TIDYMAIL_EVENT_FAILED, TIDYMAIL_BOUNCE_NONE},
    {"AutoResponder", TIDYMAIL_EVENT_OTHER, TIDYMAIL_BOUNCE_NONE},
    {"AddressChange", TIDYMAIL_EVENT_OTHER, TIDYMAIL_BOUNCE_NONE},
    {"OpenRelayTest", TIDYMAIL_EVENT_OTHER, TIDYMAIL_BOUNCE_NONE},
    {"ChallengeVerification", TIDYMAIL_EVENT_OTHER, TIDYMAIL_BOUNCE_NONE},
    {"InboundError", TIDYMAIL_EVENT_OTHER, TIDYMAIL_BOUNCE_NONE},
};

/* SuppressionReason, where SuppressSending is true. */
static const struct tdm_event_name postmark_suppressions[] = {
    {"HardBounce", TIDYMAIL_EVENT_BOUNCED, TIDYMAIL_BOUNCE_PERMANENT},
    {"SpamComplaint", TIDYMAIL_EVENT_COMPLAINED, TIDYMAIL_BOUNCE_NONE},
    {"ManualSuppression", TIDYMAIL_EVENT_UNSUBSCRIBED, TIDYMAIL_BOUNCE_NONE},
};

#define POSTMARK_ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

static const struct postmark_record *postmark_find(const char *name)
{
    for (size_t i = 0; i < sizeof(postmark_records) / sizeof(postmark_records[0]); i++) {
        if (strcmp(postmark_records[i].name.name, name) == 0) {
            return &postmark_records[i];
        }
    }
    return NULL;
}

static void postmark_take(struct tidymail_event *event, const struct tdm_event_name *row)
{
    if (row != NULL) {
        event->type = row->type;
        event->bounce = row->bounce;
    }
}

/* Bounces and changes of the subscription: what they are stands one level below. */
static void postmark_refine(struct tidymail_events *events, json_t *root,
                            struct tidymail_event *event)
{
    if (strcmp(event->name, "Bounce") == 0) {
        event->reason = tdm_events_text(events, root, "Type");
        postmark_take(event, tdm_event_find(POSTMARK_ROWS(postmark_types), event->reason));
    } else if (strcmp(event->name, "SpamComplaint") == 0) {
        event->reason = tdm_events_text(events, root, "Type");
    } else if (strcmp(event->name, "SubscriptionChange") == 0) {
        event->reason = tdm_events_text(events, root, "SuppressionReason");
        if (json_is_true(tdm_hook_at(root, "SuppressSending"))) {
            event->type = TIDYMAIL_EVENT_UNSUBSCRIBED;
            postmark_take(event,
                          tdm_event_find(POSTMARK_ROWS(postmark_suppressions), event->reason));
        }
    }
}

static const char *postmark_first(struct tidymail_events *events, json_t *root, const char *path,
                                  const char *other)
{
    const char *text = tdm_events_text(events, root, path);
    return text[0] != '\0' ? text : tdm_events_text(events, root, other);
}

void tdm_hook_read_postmark(struct tidymail_events *events, json_t *root)
{
    const char *name = tdm_hook_text_at(root, "RecordType");
    if (name == NULL) {
        tdm_events_refuse(events, "no text at RecordType: not a webhook of Postmark");
        return;
    }
    const struct postmark_record *record = postmark_find(name);
    struct tidymail_event event = tdm_event_blank();
    event.name = tdm_events_copy(events, name);
    if (record != NULL) {
        postmark_take(&event, &record->name);
        event.timestamp_ms = tdm_hook_time_ms(tdm_hook_at(root, record->time));
    }
    event.id = tdm_events_text(events, root, "ID"); /* bounces and complaints have one */
    event.recipient = postmark_first(events, root, "Recipient", "Email");
    event.service_id = tdm_events_text(events, root, "MessageID");
    event.diagnostic = postmark_first(events, root, "Details", "Description");
    event.url = tdm_events_text(events, root, "OriginalLink");
    event.user_agent = tdm_events_text(events, root, "UserAgent");
    event.ip = tdm_events_text(events, root, "Geo/IP");
    postmark_refine(events, root, &event);
    tdm_event_read_reply(events, &event);
    tdm_events_tags(events, tdm_hook_at(root, "Tag"), &event);
    tdm_events_metadata(events, tdm_hook_at(root, "Metadata"), NULL, &event);
    tdm_events_add(events, &event);
}
