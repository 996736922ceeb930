/* webhook_sendgrid.c: SendGrid's Event Webhook (twilio.com/docs/sendgrid, "Event Webhook Reference"):
 * an array of events. */
#include <string.h>

#include "webhook/webhook.h"

static const struct tdm_event_name sendgrid_names[] = {
    {"processed", TIDYMAIL_EVENT_ACCEPTED, TIDYMAIL_BOUNCE_NONE},
    {"deferred", TIDYMAIL_EVENT_DEFERRED, TIDYMAIL_BOUNCE_TRANSIENT},
    {"delivered", TIDYMAIL_EVENT_DELIVERED, TIDYMAIL_BOUNCE_NONE},
    {"bounce", TIDYMAIL_EVENT_BOUNCED, TIDYMAIL_BOUNCE_PERMANENT},
    {"dropped", TIDYMAIL_EVENT_REJECTED, TIDYMAIL_BOUNCE_NONE},
    {"open", TIDYMAIL_EVENT_OPENED, TIDYMAIL_BOUNCE_NONE},
    {"click", TIDYMAIL_EVENT_CLICKED, TIDYMAIL_BOUNCE_NONE},
    {"spamreport", TIDYMAIL_EVENT_COMPLAINED, TIDYMAIL_BOUNCE_NONE},
    {"unsubscribe", TIDYMAIL_EVENT_UNSUBSCRIBED, TIDYMAIL_BOUNCE_NONE},
    {"group_unsubscribe", TIDYMAIL_EVENT_UNSUBSCRIBED, TIDYMAIL_BOUNCE_NONE},
    {"group_resubscribe", TIDYMAIL_EVENT_RESUBSCRIBED, TIDYMAIL_BOUNCE_NONE},
};

/* SendGrid's own members; what else an event has are the message's custom_args. */
static const char *const sendgrid_members[] = {
    "email",
    "timestamp",
    "smtp-id",
    "event",
    "category",
    "sg_event_id",
    "sg_message_id",
    "reason",
    "status",
    "response",
    "attempt",
    "type",
    "url",
    "url_offset",
    "useragent",
    "ip",
    "asm_group_id",
    "tls",
    "cert_err",
    "sg_content_type",
    "sg_machine_open",
    "bounce_classification",
    "marketing_campaign_id",
    "marketing_campaign_name",
    "marketing_campaign_version",
    "marketing_campaign_split_id",
    "newsletter",
    "send_at",
    "pool",
    "sg_template_id",
    "sg_template_name",
    "sg_user_id",
    "template_id",
    "template_hash",
    "template_version_id",
    NULL,
};

/* The X-Message-Id of the send: sg_message_id up to the first ".filter" or ".recvd", the names of
 * SendGrid's machines; where it has neither, up to the first dot. */
static const char *sendgrid_id(struct tidymail_events *events, json_t *item)
{
    const char *text = tdm_hook_text_at(item, "sg_message_id");
    if (text == NULL) {
        return "";
    }
    const char *end = strstr(text, ".filter");
    const char *other = strstr(text, ".recvd");
    end = end == NULL || (other != NULL && other < end) ? other : end;
    size_t length = end != NULL ? (size_t)(end - text) : strcspn(text, ".");
    char *copy = tdm_events_block(events, length + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
    }
    return copy != NULL ? copy : "";
}

/* A bounce of type "blocked" says something of this message or this hour, not of the address:
 * SendGrid does not put it on its list. */
static void sendgrid_reason(struct tidymail_events *events, json_t *item,
                            struct tidymail_event *event)
{
    const char *type = tdm_hook_text_at(item, "type");
    if (event->type == TIDYMAIL_EVENT_BOUNCED) {
        if (type != NULL && strcmp(type, "blocked") == 0) {
            event->bounce = TIDYMAIL_BOUNCE_TRANSIENT;
        }
        event->reason = tdm_events_copy(events, type);
    } else if (event->type == TIDYMAIL_EVENT_REJECTED) {
        event->reason = tdm_events_text(events, item, "reason"); /* "Bounced Address" */
    }
    event->diagnostic = tdm_events_text(events, item, "reason");
    if (event->diagnostic[0] == '\0') {
        event->diagnostic = tdm_events_text(events, item, "response");
    }
}

static void sendgrid_read(struct tidymail_events *events, json_t *item, const char *name)
{
    struct tidymail_event event = tdm_event_blank();
    const struct tdm_event_name *row =
        tdm_event_find(sendgrid_names, sizeof(sendgrid_names) / sizeof(sendgrid_names[0]), name);
    if (row != NULL) {
        event.type = row->type;
        event.bounce = row->bounce;
    }
    event.name = tdm_events_copy(events, name);
    event.id = tdm_events_text(events, item, "sg_event_id");
    event.timestamp_ms = tdm_hook_time_ms(tdm_hook_at(item, "timestamp"));
    event.recipient = tdm_events_text(events, item, "email");
    event.message_id = tdm_events_message_id(events, item, "smtp-id");
    event.service_id = sendgrid_id(events, item);
    event.enhanced = tdm_events_text(events, item, "status");
    sendgrid_reason(events, item, &event);
    tdm_event_read_reply(events, &event);
    event.url = tdm_events_text(events, item, "url");
    event.user_agent = tdm_events_text(events, item, "useragent");
    if (event.type != TIDYMAIL_EVENT_DELIVERED && event.type != TIDYMAIL_EVENT_DEFERRED &&
        event.type != TIDYMAIL_EVENT_BOUNCED) {
        event.ip = tdm_events_text(events, item, "ip"); /* there it is SendGrid's own */
    }
    tdm_events_tags(events, tdm_hook_at(item, "category"), &event);
    tdm_events_metadata(events, item, sendgrid_members, &event);
    tdm_events_add(events, &event);
}

void tdm_hook_read_sendgrid(struct tidymail_events *events, json_t *root)
{
    if (!json_is_array(root)) {
        tdm_events_refuse(events, "the body is no array: not a webhook of SendGrid");
        return;
    }
    for (size_t i = 0; i < json_array_size(root) && !events->failed; i++) {
        json_t *item = json_array_get(root, i);
        const char *name = tdm_hook_text_at(item, "event");
        if (!json_is_object(item) || name == NULL) {
            tdm_events_refuse(events, "no text at [%z].event: not a webhook of SendGrid", i);
            return;
        }
        sendgrid_read(events, item, name);
    }
}
