/* provider.h: which mail services there are, and what each can do with a message. One table, made
 * for programs and for `tidymail providers`. */
#ifndef TIDYMAIL_PROVIDER_H
#define TIDYMAIL_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#include <tidymail/export.h>

TIDYMAIL_BEGIN_DECLS

/* How many services there are; index runs below that. Texts are constant; what is past the end is
 * "" or 0. */
TIDYMAIL_API size_t tidymail_provider_count(void);
/* The scheme of its URLs: "mailgun". */
TIDYMAIL_API const char *tidymail_provider_scheme(size_t index);
/* Its name for people: "Mailgun". */
TIDYMAIL_API const char *tidymail_provider_name(size_t index);
/* How its URL is written: "mailgun://KEY@DOMAIN". */
TIDYMAIL_API const char *tidymail_provider_url(size_t index);
/* Where its API is documented. */
TIDYMAIL_API const char *tidymail_provider_page(size_t index);
/* Limits that are checked before sending; 0: none is known. Bytes are those of the request or of the
 * finished message, as the service counts them. */
TIDYMAIL_API int tidymail_provider_max_recipients(size_t index);
TIDYMAIL_API int64_t tidymail_provider_max_size(size_t index);
TIDYMAIL_API int tidymail_provider_max_reply_to(size_t index);
TIDYMAIL_API int tidymail_provider_max_tags(size_t index);

/* The options that a service has of its own, for its URL and for tidymail_message_set_service_option;
 * the last is "extra". */
TIDYMAIL_API size_t tidymail_provider_option_count(size_t index);
TIDYMAIL_API const char *tidymail_provider_option_name(size_t index, size_t option);
/* What its value is: "text", "number", "yes or no" or "JSON". */
TIDYMAIL_API const char *tidymail_provider_option_type(size_t index, size_t option);
/* A line that says what it does. */
TIDYMAIL_API const char *tidymail_provider_option_words(size_t index, size_t option);

/* What a message can need, in the order of the table; `feature` runs below the count. */
TIDYMAIL_API size_t tidymail_feature_count(void);
/* "tags", for programs, and "tags", "scheduled sending", ..., for people. */
TIDYMAIL_API const char *tidymail_feature_name(size_t feature);
TIDYMAIL_API const char *tidymail_feature_words(size_t feature);
/* 1 where the service can do it. */
TIDYMAIL_API int tidymail_provider_can(size_t index, size_t feature);

TIDYMAIL_END_DECLS

#endif
