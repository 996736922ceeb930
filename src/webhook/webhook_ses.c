/* webhook_ses.c: notifications and events of Amazon SES (docs.aws.amazon.com/ses, "notification
 * contents" and "event data"), as SNS delivers them: JSON in a text of JSON; or bare, where the topic
 * has raw delivery. */
#include <string.h>

#include "webhook/webhook.h"

/* Where each kind has its own data, and the recipients in it. */
struct ses_kind {
    struct tdm_event_name name;
    const char *data;
    const char *recipients; /* NULL: those of the mail, "mail/destination" */
    const char *reason;
    const char *diagnostic;
};

static const struct ses_kind ses_kinds[] = {
    {{"Send", TIDYMAIL_EVENT_SENT, TIDYMAIL_BOUNCE_NONE}, "send", NULL, "", ""},
    {{"Delivery", TIDYMAIL_EVENT_DELIVERED, TIDYMAIL_BOUNCE_NONE},
     "delivery",
     "delivery/recipients",
     "",
     "smtpResponse"},
    {{"Bounce", TIDYMAIL_EVENT_BOUNCED, TIDYMAIL_BOUNCE_UNDETERMINED},
     "bounce",
     "bounce/bouncedRecipients",
     "bounceSubType",
     ""},
    {{"Complaint", TIDYMAIL_EVENT_COMPLAINED, TIDYMAIL_BOUNCE_NONE},
     "complaint",
     "complaint/complainedRecipients",
     "complaintFeedbackType",
     ""},
    {{"DeliveryDelay", TIDYMAIL_EVENT_DEFERRED, TIDYMAIL_BOUNCE_TRANSIENT},
     "deliveryDelay",
     "deliveryDelay/delayedRecipients",
     "delayType",
     ""},
    {{"Reject", TIDYMAIL_EVENT_REJECTED, TIDYMAIL_BOUNCE_NONE}, "reject", NULL, "reason", ""},
    {{"Open", TIDYMAIL_EVENT_OPENED, TIDYMAIL_BOUNCE_NONE}, "open", NULL, "", ""},
    {{"Click", TIDYMAIL_EVENT_CLICKED, TIDYMAIL_BOUNCE_NONE}, "click", NULL, "", ""},
    {{"Rendering Failure", TIDYMAIL_EVENT_FAILED, TIDYMAIL_BOUNCE_NONE},
     "failure",
     NULL,
     "templateName",
     "errorMessage"},
    {{"RenderingFailure", TIDYMAIL_EVENT_FAILED, TIDYMAIL_BOUNCE_NONE},
     "failure",
     NULL,
     "templateName",
     "errorMessage"},
    {{"Subscription", TIDYMAIL_EVENT_OTHER, TIDYMAIL_BOUNCE_NONE},
     "subscription",
     NULL,
     "source",
     ""},
};
static const struct ses_kind ses_unknown = {
    {"", TIDYMAIL_EVENT_OTHER, TIDYMAIL_BOUNCE_NONE}, "none", NULL, "", "message"};

static const struct ses_kind *ses_find(const char *name)
{
    for (size_t i = 0; i < sizeof(ses_kinds) / sizeof(ses_kinds[0]); i++) {
        if (strcmp(ses_kinds[i].name.name, name) == 0) {
            return &ses_kinds[i];
        }
    }
    return &ses_unknown;
}

/* Message-ID: of the common headers, else of all of them. */
static const char *ses_message_id(struct tidymail_events *events, json_t *message)
{
    const char *id = tdm_events_message_id(events, message, "mail/commonHeaders/messageId");
    json_t *headers = tdm_hook_at(message, "mail/headers");
    for (size_t i = 0; id[0] == '\0' && i < json_array_size(headers); i++) {
        json_t *header = json_array_get(headers, i);
        const char *name = tdm_hook_text_at(header, "name");
        if (name != NULL && (strcmp(name, "Message-ID") == 0 || strcmp(name, "Message-Id") == 0)) {
            id = tdm_events_message_id(events, header, "value");
        }
    }
    return id;
}

/* What the kind of an event does not say alone. */
static void ses_refine(struct tidymail_event *event, json_t *data)
{
    const char *kind = tdm_hook_text_at(data, "bounceType");
    if (event->type == TIDYMAIL_EVENT_BOUNCED && kind != NULL) {
        event->bounce = strcmp(kind, "Permanent") == 0   ? TIDYMAIL_BOUNCE_PERMANENT
                        : strcmp(kind, "Transient") == 0 ? TIDYMAIL_BOUNCE_TRANSIENT
                                                         : TIDYMAIL_BOUNCE_UNDETERMINED;
    }
    /* RFC 6430: the recipient took it out of the spam folder. */
    if (event->type == TIDYMAIL_EVENT_COMPLAINED && strcmp(event->reason, "not-spam") == 0) {
        event->type = TIDYMAIL_EVENT_OTHER;
    }
    json_t *all = tdm_hook_at(data, "newTopicPreferences/unsubscribeAll");
    if (all != NULL && event->type == TIDYMAIL_EVENT_OTHER) {
        event->type = json_is_true(all) ? TIDYMAIL_EVENT_UNSUBSCRIBED : TIDYMAIL_EVENT_RESUBSCRIBED;
    }
}

/* One event for each recipient. Who of several opened or clicked SES does not know: then it is one
 * event without a recipient. */
static void ses_spread(struct tidymail_events *events, json_t *recipients,
                       struct tidymail_event *event)
{
    size_t count = json_array_size(recipients);
    int nobody_knows =
        event->type == TIDYMAIL_EVENT_OPENED || event->type == TIDYMAIL_EVENT_CLICKED;
    if (count == 0 || (nobody_knows && count > 1)) {
        tdm_events_add(events, event);
        return;
    }
    for (size_t i = 0; i < count && !events->failed; i++) {
        json_t *one = json_array_get(recipients, i);
        struct tidymail_event own = *event;
        if (json_is_object(one)) {
            own.recipient = tdm_events_text(events, one, "emailAddress");
            own.enhanced = tdm_events_text(events, one, "status");
            own.diagnostic = tdm_events_text(events, one, "diagnosticCode");
        } else {
            own.recipient = tdm_events_text(events, one, "");
        }
        tdm_event_read_reply(events, &own);
        tdm_events_add(events, &own);
    }
}

/* The notification of SES itself. `id` is that of SNS. */
static void ses_read(struct tidymail_events *events, json_t *message, const char *name,
                     const char *id)
{
    const struct ses_kind *kind = ses_find(name);
    json_t *data = tdm_hook_at(message, kind->data);
    data = data != NULL ? data : message;
    struct tidymail_event event = tdm_event_blank();
    event.type = kind->name.type;
    event.bounce = kind->name.bounce;
    event.name = tdm_events_copy(events, name);
    event.id = id;
    json_t *time = tdm_hook_at(data, "timestamp");
    event.timestamp_ms =
        tdm_hook_time_ms(time != NULL ? time : tdm_hook_at(message, "mail/timestamp"));
    event.service_id = tdm_events_text(events, message, "mail/messageId");
    event.message_id = ses_message_id(events, message);
    event.reason = kind->reason[0] != '\0' ? tdm_events_text(events, data, kind->reason) : "";
    event.diagnostic =
        kind->diagnostic[0] != '\0' ? tdm_events_text(events, data, kind->diagnostic) : "";
    event.url = tdm_events_text(events, data, "link");
    event.ip = tdm_events_text(events, data, "ipAddress");
    event.user_agent = tdm_events_text(events, data, "userAgent");
    if (event.user_agent[0] != '\0' && event.type == TIDYMAIL_EVENT_COMPLAINED) {
        event.user_agent = ""; /* of the program that made the report */
    }
    ses_refine(&event, data);
    tdm_events_metadata(events, tdm_hook_at(message, "mail/tags"), NULL, &event);
    ses_spread(
        events,
        tdm_hook_at(message, kind->recipients != NULL ? kind->recipients : "mail/destination"),
        &event);
}

static const char *ses_name(json_t *message)
{
    const char *name = tdm_hook_text_at(message, "eventType");
    return name != NULL ? name : tdm_hook_text_at(message, "notificationType");
}

/* What SNS says of itself: to confirm a subscription, or that it ended. */
static void ses_read_sns(struct tidymail_events *events, json_t *root, const char *name, int type)
{
    struct tidymail_event event = tdm_event_blank();
    event.type = type;
    event.name = tdm_events_copy(events, name);
    event.id = tdm_events_text(events, root, "MessageId");
    event.timestamp_ms = tdm_hook_time_ms(tdm_hook_at(root, "Timestamp"));
    event.diagnostic = tdm_events_text(events, root, "Message");
    event.url = type != TIDYMAIL_EVENT_OTHER ? tdm_events_text(events, root, "SubscribeURL") : "";
    tdm_events_add(events, &event);
}

void tdm_hook_read_ses(struct tidymail_events *events, json_t *root)
{
    const char *type = tdm_hook_text_at(root, "Type");
    if (type == NULL && ses_name(root) != NULL) {
        ses_read(events, root, ses_name(root), "");
        return;
    }
    events->certificate_url = tdm_events_text(events, root, "SigningCertURL");
    events->topic = tdm_events_text(events, root, "TopicArn");
    if (type != NULL && strcmp(type, "SubscriptionConfirmation") == 0) {
        ses_read_sns(events, root, type, TIDYMAIL_EVENT_SUBSCRIPTION_CONFIRMATION);
        return;
    }
    if (type != NULL && strcmp(type, "UnsubscribeConfirmation") == 0) {
        ses_read_sns(events, root, type, TIDYMAIL_EVENT_UNSUBSCRIBE_CONFIRMATION);
        return;
    }
    const char *text = tdm_hook_text_at(root, "Message");
    if (type == NULL || strcmp(type, "Notification") != 0 || text == NULL) {
        tdm_events_refuse(events, "no text at Type or Message: not a notification of SNS");
        return;
    }
    /* A new destination begins with words that are no JSON. */
    json_t *message = json_loadb(text, strlen(text), 0, NULL);
    if (ses_name(message) != NULL) {
        ses_read(events, message, ses_name(message), tdm_events_text(events, root, "MessageId"));
    } else {
        ses_read_sns(events, root, type, TIDYMAIL_EVENT_OTHER);
    }
    json_decref(message);
}
