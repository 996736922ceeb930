/*
 * message_json.h: a message as one JSON object (docs/messages.md). Strict: what is not understood is
 * refused, with the path to it ("attachments[2].base64") or, where it is no JSON, line and column.
 */
#ifndef TIDYMAIL_CLI_MESSAGE_JSON_H
#define TIDYMAIL_CLI_MESSAGE_JSON_H

#include <tidymail/part.h>

#include "failure.h"

/* Which keys were there. */
enum message_json_key {
    MESSAGE_JSON_FROM = 1,
    MESSAGE_JSON_SUBJECT = 2,
    MESSAGE_JSON_TEXT = 4,
    MESSAGE_JSON_HTML = 8,
    MESSAGE_JSON_CALENDAR = 16,
    MESSAGE_JSON_TRACK = 32, /* track_opens or track_clicks */
    MESSAGE_JSON_SEND_AT = 64,
    MESSAGE_JSON_TEMPLATE = 128,
    MESSAGE_JSON_KEY = 256 /* idempotency_key */
};

/* How an attachment gets into the message; tidymail_message_add_attachment, or what a test or a fuzz
 * target has in its place, so that no file is read. */
typedef int (*message_json_attach)(tidymail_message *message,
                                   const tidymail_attachment *attachment);

/* Sets all that the object says on `message`; `keys` (may be NULL) gets the keys that were there. 0, or
 * -1 with the failure (status 65; 66 for a file that cannot be read). */
int message_json_apply(tidymail_message *message, const char *bytes, size_t length,
                       message_json_attach attach, unsigned *keys, struct cli_failure *failure);

#endif
