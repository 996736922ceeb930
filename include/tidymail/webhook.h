/* webhook.h: what mail services tell about a message after it was sent. Two pure functions for the
 * program that receives their requests: is this request genuine, and what does it say. No network,
 * no clock: keys, certificate and time are arguments. docs/webhooks.md shows how they are used. */
#ifndef TIDYMAIL_WEBHOOK_H
#define TIDYMAIL_WEBHOOK_H

#include <tidymail/error.h>

TIDYMAIL_BEGIN_DECLS

/* What tidymail_webhook_verify found. 0 is the only good one; values are never renumbered. */
enum tidymail_webhook_verdict {
    TIDYMAIL_WEBHOOK_GENUINE = 0,
    TIDYMAIL_WEBHOOK_UNSIGNED = 1,      /* signature, timestamp or id is missing */
    TIDYMAIL_WEBHOOK_MALFORMED = 2,     /* one of them, or the body, is not of the service's form */
    TIDYMAIL_WEBHOOK_BAD_SIGNATURE = 3, /* changed on its way, or signed with another key */
    TIDYMAIL_WEBHOOK_STALE = 4,         /* signed, and older than the tolerance */
    TIDYMAIL_WEBHOOK_EARLY = 5,         /* signed, and from further ahead than the tolerance */
    TIDYMAIL_WEBHOOK_BAD_KEY = 6,       /* the key given is none that this service has */
    TIDYMAIL_WEBHOOK_BAD_CERTIFICATE = 7, /* not valid at that time, or not from Amazon's host */
    TIDYMAIL_WEBHOOK_WRONG_TOPIC = 8,     /* signed, and of another TopicArn */
    TIDYMAIL_WEBHOOK_BAD_CALL = 9,        /* no such service, or an argument is missing */
    TIDYMAIL_WEBHOOK_NO_MEMORY = 10
};
/* "bad-signature" for programs, and a line for people; "?" for a value out of range. */
TIDYMAIL_API const char *tidymail_webhook_verdict_name(int verdict);
TIDYMAIL_API const char *tidymail_webhook_verdict_words(int verdict);

/*
 * A request as it came. The body is the raw bytes: one that was decoded and written again, or lost
 * its last line end, does not verify. What each service needs (fields of the request in quotes):
 *
 *   mailgun     key: the webhook signing key. Signature, token and timestamp are in the body; they
 *               do not cover the event: keep the token (tidymail_events_token) and refuse it twice
 *   sendgrid    key: the public key, base64; signature: "X-Twilio-Email-Event-Webhook-Signature";
 *               timestamp: "X-Twilio-Email-Event-Webhook-Timestamp"
 *   ses         (through SNS) key: the certificate, PEM, from the URL that
 *               tidymail_events_certificate_url gives and tidymail_webhook_sns_certificate_url_ok
 *               accepts; topic: the ARN of your topic
 *   resend      key: the secret, "whsec_..."; signature, timestamp, id: "svix-signature",
 *               "svix-timestamp", "svix-id"
 *   mandrill    key: the webhook key; signature: "X-Mandrill-Signature"; url: as set at Mandrill
 *   mailersend  key: the signing secret; signature: "Signature"
 *   postmark, sparkpost, brevo, mailjet
 *               sign nothing. key: "USER:PASSWORD" as in the webhook's URL; signature:
 *               "Authorization"
 */
typedef struct tidymail_webhook_request {
    size_t struct_size; /* sizeof(tidymail_webhook_request) */
    const char *body;
    size_t body_length;
    const char *key;
    const char *signature;
    const char *timestamp;
    const char *id;
    const char *url;
    const char *topic;
    int64_t now_s; /* seconds since 1970 */
    int64_t
        tolerance_s; /* how far timestamp and now may lie apart; 0: 300. -1: any age. SNS repeats
                            a message for an hour with its first timestamp */
    const tidymail_allocator *allocator; /* NULL: malloc */
} tidymail_webhook_request;

#define TIDYMAIL_WEBHOOK_REQUEST_INIT                                                              \
    {                                                                                              \
        sizeof(tidymail_webhook_request), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                          \
    }

/* One of enum tidymail_webhook_verdict. `service` is the scheme of its URLs, as above. Secrets and
 * signatures are compared in constant time. */
TIDYMAIL_API int tidymail_webhook_verify(const char *service,
                                         const tidymail_webhook_request *request);
/* 1 where the value of an Authorization field is "Basic" with this user and password (RFC 7617),
 * compared in constant time; 0 also where an argument is NULL. */
TIDYMAIL_API int tidymail_webhook_basic_ok(const char *authorization, const char *user,
                                           const char *password);
/* 1 where the URL is https, its host exactly sns.REGION.amazonaws.com or .amazonaws.com.cn, without
 * user or port, and its path ends in ".pem": only from there may the certificate be fetched. */
TIDYMAIL_API int tidymail_webhook_sns_certificate_url_ok(const char *url);
/* The same for the URL that confirms a subscription; it has a query and no ".pem". */
TIDYMAIL_API int tidymail_webhook_sns_subscribe_url_ok(const char *url);

/* What happened. Not every service tells all of it. */
enum tidymail_event_type {
    TIDYMAIL_EVENT_OTHER = 0,      /* see tidymail_event_name */
    TIDYMAIL_EVENT_ACCEPTED = 1,   /* the service has queued it */
    TIDYMAIL_EVENT_SENT = 2,       /* the service hands it over now */
    TIDYMAIL_EVENT_DELIVERED = 3,  /* the recipient's server took it */
    TIDYMAIL_EVENT_DEFERRED = 4,   /* not yet; the service tries again */
    TIDYMAIL_EVENT_BOUNCED = 5,    /* not delivered, see tidymail_event_bounce */
    TIDYMAIL_EVENT_REJECTED = 6,   /* the service did not even try: a suppressed address, a virus */
    TIDYMAIL_EVENT_COMPLAINED = 7, /* the recipient called it spam */
    TIDYMAIL_EVENT_OPENED = 8,
    TIDYMAIL_EVENT_CLICKED = 9, /* tidymail_event_url */
    TIDYMAIL_EVENT_UNSUBSCRIBED = 10,
    TIDYMAIL_EVENT_RESUBSCRIBED = 11,
    TIDYMAIL_EVENT_FAILED = 12, /* the service could not make the message: its template */
    TIDYMAIL_EVENT_SUBSCRIPTION_CONFIRMATION = 13, /* SNS: GET of tidymail_event_url confirms */
    TIDYMAIL_EVENT_UNSUBSCRIBE_CONFIRMATION = 14   /* SNS: GET of tidymail_event_url undoes it */
};
/* Will the address ever work? */
enum tidymail_bounce {
    TIDYMAIL_BOUNCE_NONE = 0, /* this is no bounce and no delay */
    TIDYMAIL_BOUNCE_UNDETERMINED = 1,
    TIDYMAIL_BOUNCE_TRANSIENT = 2, /* perhaps later: mailbox full, server down, blocked for now */
    TIDYMAIL_BOUNCE_PERMANENT = 3  /* no: send nothing to it any more */
};
/* "delivered", "permanent"; "?" for a value out of range. */
TIDYMAIL_API const char *tidymail_event_type_name(int type);
TIDYMAIL_API const char *tidymail_bounce_name(int bounce);

typedef struct tidymail_events tidymail_events;
typedef struct tidymail_event tidymail_event;

/* What a request says: "mailgun", "sendgrid", "ses" (as SNS sends it, or the bare notification) or
 * "postmark". One notification about several recipients becomes several events. It says nothing
 * about who sent the request: verify it. NULL where memory ran out. */
TIDYMAIL_API tidymail_events *tidymail_webhook_parse(const char *service, const char *body,
                                                     size_t length);
TIDYMAIL_API tidymail_events *tidymail_webhook_parse_with(const char *service, const char *body,
                                                          size_t length,
                                                          const tidymail_allocator *allocator);
TIDYMAIL_API void tidymail_events_free(tidymail_events *events);

/* All accessors accept NULL. No text accessor returns NULL: what is not known is "". Texts are as the
 * service gave them, they may hold line ends and other control characters, and live as long as the
 * events. */

/* NULL where the body could be read; else kind protocol (what came is not the service's),
 * configuration (no such service) or local (out of memory; also for NULL). There are no events then. */
TIDYMAIL_API const tidymail_error *tidymail_events_error(const tidymail_events *events);
TIDYMAIL_API size_t tidymail_events_count(const tidymail_events *events);
/* NULL past the end. */
TIDYMAIL_API const tidymail_event *tidymail_events_at(const tidymail_events *events, size_t index);
/* SNS: SigningCertURL and TopicArn of the request. */
TIDYMAIL_API const char *tidymail_events_certificate_url(const tidymail_events *events);
TIDYMAIL_API const char *tidymail_events_topic(const tidymail_events *events);
/* Mailgun: the token of the signature, different in each request. */
TIDYMAIL_API const char *tidymail_events_token(const tidymail_events *events);

/* One of enum tidymail_event_type. */
TIDYMAIL_API int tidymail_event_type(const tidymail_event *event);
/* The service's own word: "failed", "group_unsubscribe", "Bounce", "SpamComplaint". */
TIDYMAIL_API const char *tidymail_event_name(const tidymail_event *event);
/* The event's own id, the same when the service repeats it; one of SNS is shared by the recipients. */
TIDYMAIL_API const char *tidymail_event_id(const tidymail_event *event);
/* Milliseconds since 1970; 0: unknown. */
TIDYMAIL_API int64_t tidymail_event_timestamp_ms(const tidymail_event *event);
/* "" where the service does not say which of several recipients it was. */
TIDYMAIL_API const char *tidymail_event_recipient(const tidymail_event *event);
/* The Message-ID field with its brackets (tidymail_report_message_id). */
TIDYMAIL_API const char *tidymail_event_message_id(const tidymail_event *event);
/* What tidymail_report_service_id gave when the message was sent. */
TIDYMAIL_API const char *tidymail_event_service_id(const tidymail_event *event);
/* One of enum tidymail_bounce. */
TIDYMAIL_API int tidymail_event_bounce(const tidymail_event *event);
/* The reply code (550; 0: unknown), the enhanced status code ("5.1.1"), the words of the recipient's
 * server or the service's own. */
TIDYMAIL_API int tidymail_event_code(const tidymail_event *event);
TIDYMAIL_API const char *tidymail_event_enhanced(const tidymail_event *event);
TIDYMAIL_API const char *tidymail_event_diagnostic(const tidymail_event *event);
/* The service's word for the reason: "suppress-bounce", "blocked", "MailboxFull", "SoftBounce". */
TIDYMAIL_API const char *tidymail_event_reason(const tidymail_event *event);
/* The link that was clicked; what confirms a subscription (see above). */
TIDYMAIL_API const char *tidymail_event_url(const tidymail_event *event);
/* Of the program that opened or clicked. */
TIDYMAIL_API const char *tidymail_event_user_agent(const tidymail_event *event);
TIDYMAIL_API const char *tidymail_event_ip(const tidymail_event *event);
/* 1 where the message was sent in test mode (Mailgun says so). */
TIDYMAIL_API int tidymail_event_is_test(const tidymail_event *event);
/* Tags and metadata of the message; "" past the end. */
TIDYMAIL_API size_t tidymail_event_tag_count(const tidymail_event *event);
TIDYMAIL_API const char *tidymail_event_tag(const tidymail_event *event, size_t index);
TIDYMAIL_API size_t tidymail_event_metadata_count(const tidymail_event *event);
TIDYMAIL_API const char *tidymail_event_metadata_name(const tidymail_event *event, size_t index);
TIDYMAIL_API const char *tidymail_event_metadata_value(const tidymail_event *event, size_t index);
/* The value of a name; "" where there is none. */
TIDYMAIL_API const char *tidymail_event_metadata(const tidymail_event *event, const char *name);

TIDYMAIL_END_DECLS

#endif
