/* service.h: what a mail service does with a message beside delivering it, and what only a service
 * can do. All functions return TIDYMAIL_OK or the kind of the error that stuck to the message, accept
 * a NULL message (TIDYMAIL_KIND_LOCAL) and copy their arguments. What the service (or the SMTP
 * server) named by the transport's URL cannot do is refused when the message is sent, before anything
 * leaves, with feature and service named; the transport's option unsupported=drop leaves it out
 * instead. `tidymail providers` prints who can do what. */
#ifndef TIDYMAIL_SERVICE_H
#define TIDYMAIL_SERVICE_H

#include <tidymail/message.h>

TIDYMAIL_BEGIN_DECLS

/* A word by which the service groups messages in its statistics (Mailgun o:tag, SendGrid categories,
 * Postmark Tag, ...). One call for each tag; the same one twice counts once. Not empty, no control
 * characters. */
TIDYMAIL_API int tidymail_message_add_tag(tidymail_message *message, const char *tag);
/* A value that comes back with each event of the message (Mailgun v:, SendGrid custom_args, Postmark
 * Metadata, ...). A name given before gets the new value. */
TIDYMAIL_API int tidymail_message_add_metadata(tidymail_message *message, const char *name,
                                               const char *value);

enum tidymail_tracking {
    TIDYMAIL_TRACKING_DEFAULT = 0, /* what is set at the service */
    TIDYMAIL_TRACKING_OFF,
    TIDYMAIL_TRACKING_ON
};
/* Does the service count that the message was opened, and that its links were clicked? */
TIDYMAIL_API int tidymail_message_set_tracking(tidymail_message *message, int opens, int clicks);
/* The service keeps the message until then: seconds since 1970. 0: at once. How far ahead is the
 * service's to say. */
TIDYMAIL_API int tidymail_message_set_send_at(tidymail_message *message, int64_t unix_s);
/* The service makes subject and body from a template it has, by its name or number there; `values`
 * is a JSON object with what is filled in (on one line or several), NULL: none. The message then
 * needs no text of its own. NULL as `id`: no template. A `values` that is no JSON object is refused
 * when it is sent. */
TIDYMAIL_API int tidymail_message_set_template(tidymail_message *message, const char *id,
                                               const char *values);
/* The service takes a message with a key it has seen only once (1 to 256 printable ASCII characters
 * without blanks), so that a send whose result is unknown may be repeated. NULL: none. */
TIDYMAIL_API int tidymail_message_set_idempotency_key(tidymail_message *message, const char *key);
/* 1: the service checks the message and delivers nothing. */
TIDYMAIL_API int tidymail_message_set_sandbox(tidymail_message *message, int sandbox);
/* Something that one service has and nobody else: `service` is its scheme ("mailgun"), name and
 * value as docs/services.md lists them; "extra" is for what is not in the list: a JSON object merged
 * into the request (Mailgun: fields). Other services pass over it. An option given twice gets the
 * new value. */
TIDYMAIL_API int tidymail_message_set_service_option(tidymail_message *message, const char *service,
                                                     const char *name, const char *value);

TIDYMAIL_END_DECLS

#endif
