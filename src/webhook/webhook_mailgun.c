/* webhook_mailgun.c: Mailgun's events (documentation.mailgun.com, "Events" and "Webhooks"). */
#include <string.h>

#include "webhook/webhook.h"

static const struct tdm_event_name mailgun_names[] = {
    {"accepted", TIDYMAIL_EVENT_ACCEPTED, TIDYMAIL_BOUNCE_NONE},
    {"rejected", TIDYMAIL_EVENT_REJECTED, TIDYMAIL_BOUNCE_NONE},
    {"delivered", TIDYMAIL_EVENT_DELIVERED, TIDYMAIL_BOUNCE_NONE},
    {"failed", TIDYMAIL_EVENT_BOUNCED, TIDYMAIL_BOUNCE_UNDETERMINED},
    {"opened", TIDYMAIL_EVENT_OPENED, TIDYMAIL_BOUNCE_NONE},
    {"clicked", TIDYMAIL_EVENT_CLICKED, TIDYMAIL_BOUNCE_NONE},
    {"unsubscribed", TIDYMAIL_EVENT_UNSUBSCRIBED, TIDYMAIL_BOUNCE_NONE},
    {"complained", TIDYMAIL_EVENT_COMPLAINED, TIDYMAIL_BOUNCE_NONE},
};

/* "failed" is three things: a delay that Mailgun tries again, a bounce, and an address on the list of
 * those that bounced, complained or left before (reason "suppress-..."), to which nothing was sent. */
static void mailgun_failed(struct tidymail_event *event, const char *severity)
{
    if (strncmp(event->reason, "suppress-", 9) == 0) {
        event->type = TIDYMAIL_EVENT_REJECTED;
        event->bounce = TIDYMAIL_BOUNCE_NONE;
    } else if (severity != NULL && strcmp(severity, "temporary") == 0) {
        event->type = TIDYMAIL_EVENT_DEFERRED;
        event->bounce = TIDYMAIL_BOUNCE_TRANSIENT;
    } else if (severity != NULL && strcmp(severity, "permanent") == 0) {
        event->bounce = TIDYMAIL_BOUNCE_PERMANENT;
    }
}

/* The words of the recipient's server; Mailgun's own where it has none. */
static void mailgun_status(struct tidymail_events *events, json_t *data,
                           struct tidymail_event *event)
{
    json_t *status = tdm_hook_at(data, "delivery-status");
    json_int_t code = json_integer_value(tdm_hook_at(status, "code"));
    /* Mailgun's own codes (605, 607: suppressed) are no replies. */
    event->code = code >= 200 && code < 600 ? (int)code : 0;
    event->enhanced = tdm_events_text(events, status, "enhanced-code");
    event->diagnostic = tdm_events_text(events, status, "message");
    if (event->diagnostic[0] == '\0') {
        event->diagnostic = tdm_events_text(events, status, "description");
    }
    event->reason = tdm_events_text(events, data, "reason");
    if (event->reason[0] == '\0') {
        event->reason = tdm_events_text(events, data, "reject/reason");
    }
    if (event->diagnostic[0] == '\0') {
        event->diagnostic = tdm_events_text(events, data, "reject/description");
    }
}

void tdm_hook_read_mailgun(struct tidymail_events *events, json_t *root)
{
    json_t *data = tdm_hook_at(root, "event-data");
    const char *name = tdm_hook_text_at(data, "event");
    events->token = tdm_events_text(events, root, "signature/token");
    if (name == NULL) {
        tdm_events_refuse(events, "no text at event-data.event: not a webhook of Mailgun");
        return;
    }
    struct tidymail_event event = tdm_event_blank();
    const struct tdm_event_name *row =
        tdm_event_find(mailgun_names, sizeof(mailgun_names) / sizeof(mailgun_names[0]), name);
    if (row != NULL) {
        event.type = row->type;
        event.bounce = row->bounce;
    }
    event.name = tdm_events_copy(events, name);
    event.id = tdm_events_text(events, data, "id");
    event.timestamp_ms = tdm_hook_time_ms(tdm_hook_at(data, "timestamp"));
    event.recipient = tdm_events_text(events, data, "recipient");
    /* The id that Mailgun answers a send with is the Message-ID, in brackets there and bare here. */
    event.message_id = tdm_events_message_id(events, data, "message/headers/message-id");
    event.service_id = event.message_id;
    mailgun_status(events, data, &event);
    if (event.type == TIDYMAIL_EVENT_BOUNCED) {
        mailgun_failed(&event, tdm_hook_text_at(data, "severity"));
    }
    tdm_event_read_reply(events, &event);
    event.url = tdm_events_text(events, data, "url");
    event.user_agent = tdm_events_text(events, data, "client-info/user-agent");
    event.ip = tdm_events_text(events, data, "ip");
    event.is_test = json_is_true(tdm_hook_at(data, "flags/is-test-mode"));
    tdm_events_tags(events, tdm_hook_at(data, "tags"), &event);
    tdm_events_metadata(events, tdm_hook_at(data, "user-variables"), NULL, &event);
    tdm_events_add(events, &event);
}
