/* error.h: one error as data. Errors belong to the object they were read from. */
#ifndef TIDYMAIL_ERROR_H
#define TIDYMAIL_ERROR_H

#include <tidymail/types.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_error tidymail_error;

/* All accessors accept NULL ("no error": kind TIDYMAIL_OK); none of the text accessors returns
 * NULL, what is not known is "". Texts live as long as the object that owns the error. */

/* One of enum tidymail_kind. */
TIDYMAIL_API int tidymail_error_kind(const tidymail_error *error);
/* One of enum tidymail_phase. */
TIDYMAIL_API int tidymail_error_phase(const tidymail_error *error);
/* 1 where the same message may be accepted later, unchanged (RFC 5321 4.2.1: 4yz). */
TIDYMAIL_API int tidymail_error_retryable(const tidymail_error *error);
/* 1 where the end of the message was handed over and no answer came: a retry can deliver twice. */
TIDYMAIL_API int tidymail_error_maybe_delivered(const tidymail_error *error);
/* The reply code (RFC 5321 4.2), the HTTP status for REST, 0 where no answer came. */
TIDYMAIL_API int tidymail_error_code(const tidymail_error *error);
/* The enhanced status code as text, "5.7.8" (RFC 3463); only when its class agrees with the reply. */
TIDYMAIL_API const char *tidymail_error_enhanced(const tidymail_error *error);
/* A REST service's own code. */
TIDYMAIL_API const char *tidymail_error_service_code(const tidymail_error *error);
/* The server's words, whole, without codes; lines joined by '\n', unprintable bytes escaped. */
TIDYMAIL_API const char *tidymail_error_reply(const tidymail_error *error);
/* One line for people: what failed and why. */
TIDYMAIL_API const char *tidymail_error_message(const tidymail_error *error);
/* What to do next, in plain words. */
TIDYMAIL_API const char *tidymail_error_hint(const tidymail_error *error);
/* Seconds to wait before a retry, rounded up; -1 where the server named none. */
TIDYMAIL_API int tidymail_error_retry_after(const tidymail_error *error);

TIDYMAIL_END_DECLS

#endif
