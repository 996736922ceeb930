/* report.h: what became of one message. A report owns all it holds and outlives everything. */
#ifndef TIDYMAIL_REPORT_H
#define TIDYMAIL_REPORT_H

#include <tidymail/error.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_report tidymail_report;
typedef struct tidymail_recipient tidymail_recipient;

/* Accessors accept NULL, which reads as a failed send. Text accessors never return NULL: what is
 * not known is "". All texts are freed with the report. */

/* Frees the report; NULL and the static out-of-memory report are accepted. */
TIDYMAIL_API void tidymail_report_free(tidymail_report *report);

/* One of enum tidymail_outcome: sent if all recipients were; unknown if any is unknown; failed if
 * none was accepted; else partial. */
TIDYMAIL_API int tidymail_report_outcome(const tidymail_report *report);
/* One line for people, such as "sent to 2 recipients through smtp.example.com:587" or
 * "authentication failed: the server refused the password (535)". */
TIDYMAIL_API const char *tidymail_report_summary(const tidymail_report *report);
/* The error; NULL when all was sent. For PARTIAL it is that of the refused recipients which a
 * retry could mend, else the first. */
TIDYMAIL_API const tidymail_error *tidymail_report_error(const tidymail_report *report);

/* Recipients, in the order To, Cc, Bcc (or of the envelope given). NULL past the end. */
TIDYMAIL_API size_t tidymail_report_recipient_count(const tidymail_report *report);
TIDYMAIL_API const tidymail_recipient *tidymail_report_recipient(const tidymail_report *report,
                                                                 size_t index);
TIDYMAIL_API const char *tidymail_recipient_address(const tidymail_recipient *recipient);
/* SENT, FAILED or UNKNOWN. */
TIDYMAIL_API int tidymail_recipient_outcome(const tidymail_recipient *recipient);
/* The reply to this recipient (its RCPT where that was refused, else the final one); 0: none. */
TIDYMAIL_API int tidymail_recipient_code(const tidymail_recipient *recipient);
TIDYMAIL_API const char *tidymail_recipient_enhanced(const tidymail_recipient *recipient);
TIDYMAIL_API const char *tidymail_recipient_reply(const tidymail_recipient *recipient);
TIDYMAIL_API int tidymail_recipient_retryable(const tidymail_recipient *recipient);
TIDYMAIL_API const char *tidymail_recipient_service_id(const tidymail_recipient *recipient);

/* Message-ID with its angle brackets (RFC 5322 3.6.4). */
TIDYMAIL_API const char *tidymail_report_message_id(const tidymail_report *report);
/* The service's own id of the message, where it gave one. */
TIDYMAIL_API const char *tidymail_report_service_id(const tidymail_report *report);
/* The URL's scheme: "smtp", "memory", ...; of failover() and roundrobin() that of the member that was
 * tried last. */
TIDYMAIL_API const char *tidymail_report_transport(const tidymail_report *report);
/* "host:port" as configured, and the numeric address that was used. */
TIDYMAIL_API const char *tidymail_report_server(const tidymail_report *report);
TIDYMAIL_API const char *tidymail_report_address(const tidymail_report *report);
/* "TLSv1.3" and the cipher's name; "" where the session was not encrypted. */
TIDYMAIL_API const char *tidymail_report_tls_version(const tidymail_report *report);
TIDYMAIL_API const char *tidymail_report_tls_cipher(const tidymail_report *report);
/* SASL mechanisms, separated by blanks: what the server offered, which of those tidymail can use
 * here, which it tried. */
TIDYMAIL_API const char *tidymail_report_auth_offered(const tidymail_report *report);
TIDYMAIL_API const char *tidymail_report_auth_supported(const tidymail_report *report);
TIDYMAIL_API const char *tidymail_report_auth_tried(const tidymail_report *report);

/* Milliseconds spent in a phase (enum tidymail_phase); -1 where it was not reached. */
TIDYMAIL_API int64_t tidymail_report_phase_ms(const tidymail_report *report, int phase);

/* Remarks that did not decide the result: a second reply, a lost QUIT, ... NULL past the end. */
TIDYMAIL_API size_t tidymail_report_note_count(const tidymail_report *report);
TIDYMAIL_API const char *tidymail_report_note(const tidymail_report *report, size_t index);

/* The attempts of failover() and roundrobin(), the last one included: one line each, with member,
 * scheme, server, outcome and what went wrong. NULL past the end. */
TIDYMAIL_API size_t tidymail_report_attempt_count(const tidymail_report *report);
TIDYMAIL_API const char *tidymail_report_attempt(const tidymail_report *report, size_t index);

/* The session as text, one line an event; kept when the message was not sent, or when the option
 * `transcript=yes` asked for it. Secrets and bodies are never in it. */
TIDYMAIL_API const char *tidymail_report_transcript(const tidymail_report *report);

TIDYMAIL_END_DECLS

#endif
