/* message.h: a message (RFC 5322, MIME) and how it is written. */
#ifndef TIDYMAIL_MESSAGE_H
#define TIDYMAIL_MESSAGE_H

#include <tidymail/error.h>
#include <tidymail/source.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_message tidymail_message;

/*
 * Every setter copies its arguments, takes UTF-8, accepts a NULL message, and returns TIDYMAIL_OK
 * or the kind of the error: TIDYMAIL_KIND_MESSAGE for bad input, TIDYMAIL_KIND_LOCAL when out of
 * memory. The first error sticks to the message: later calls change nothing, and the report of a
 * send says it, with the field and the offset in bytes. CR, LF, NUL and other control bytes are
 * refused in everything that goes into a header (RFC 5322 2.2); NULL text is refused by name.
 */

/* A new message; NULL only when out of memory. */
TIDYMAIL_API tidymail_message *tidymail_message_new(void);
/* The same with an allocator of the caller's (copied; NULL: the C library's). */
TIDYMAIL_API tidymail_message *tidymail_message_new_with(const tidymail_allocator *allocator);
/* Messages are reference-counted: one more owner. Returns `message`. */
TIDYMAIL_API tidymail_message *tidymail_message_ref(tidymail_message *message);
/* One owner less; the last one frees. NULL is accepted. */
TIDYMAIL_API void tidymail_message_free(tidymail_message *message);
/* Back to an empty message: everything set, and the error, is forgotten. */
TIDYMAIL_API void tidymail_message_reset(tidymail_message *message);
/* The error that stuck; NULL while there is none. */
TIDYMAIL_API const tidymail_error *tidymail_message_error(const tidymail_message *message);

/* From (RFC 5322 3.6.2): one mailbox, "Ann <ann@example.org>" or "ann@example.org". */
TIDYMAIL_API int tidymail_message_set_from(tidymail_message *message, const char *mailbox);
/* One mailbox each call. A list is refused with the advice to call once for each. */
TIDYMAIL_API int tidymail_message_add_to(tidymail_message *message, const char *mailbox);
TIDYMAIL_API int tidymail_message_add_cc(tidymail_message *message, const char *mailbox);
/* Bcc: gets the message, appears nowhere in it (RFC 5322 3.6.3). */
TIDYMAIL_API int tidymail_message_add_bcc(tidymail_message *message, const char *mailbox);
/* These four take a group too, "Team: ann@example.org, bob@example.org;" (RFC 5322 3.4): its members
 * are recipients, and To and Cc show the group. */
TIDYMAIL_API int tidymail_message_add_reply_to(tidymail_message *message, const char *mailbox);
/* Subject (RFC 5322 3.6.5), in UTF-8: encoded (RFC 2047) where it has to be. */
TIDYMAIL_API int tidymail_message_set_subject(tidymail_message *message, const char *subject);
/* The plain text body. With an HTML body too, the message becomes multipart/alternative. Line ends
 * of any kind become CRLF; NUL and invalid UTF-8 are refused with their offset. */
TIDYMAIL_API int tidymail_message_set_text(tidymail_message *message, const char *text);
TIDYMAIL_API int tidymail_message_set_html(tidymail_message *message, const char *html);
/* 1: addresses that are set from now on may have local parts that exist against the rules, such as
 * "a..b@example.org" and "a.@example.org". They are sent quoted ("a..b"@example.org), which says the
 * same by the rules (RFC 5321 4.1.2). 0, as at first: they are refused. */
TIDYMAIL_API int tidymail_message_set_lenient_addresses(tidymail_message *message, int lenient);
/* One more header field, after those above, in the order of the calls. Names that tidymail writes
 * itself (From, To, Date, MIME-Version, Content-Type, ...) and Bcc are refused, with the function
 * to use instead; Message-ID, Date, Sender and In-Reply-To/References are accepted and checked. Fields of
 * addresses (Resent-To, Disposition-Notification-To, Errors-To, ...) are read as such; in fields that
 * programs read (List-..., DKIM-Signature, Auto-Submitted, ...) words are never broken nor encoded,
 * and only ASCII may stand. */
TIDYMAIL_API int tidymail_message_add_header(tidymail_message *message, const char *name,
                                             const char *value);

/* Header fields that mean something to programs, each written right by one call. A second call of the
 * same takes the place of the first. */

/* This message answers another: its Message-ID ("<left@right>") and its References as they stand in its
 * header, folded or not (NULL or "": it has none; give its In-Reply-To then). Writes In-Reply-To and
 * References (RFC 5322 3.6.4); of a long thread the first id and the last 20 are kept, and what is no
 * id in References is left out. */
TIDYMAIL_API int tidymail_message_set_reply(tidymail_message *message, const char *message_id,
                                            const char *references);
/* List-Unsubscribe (RFC 2369 3.2) with an "https://..." URL, a "mailto:..." URL, or both; NULL: without
 * it. `one_click` 1: List-Unsubscribe-Post beside it (RFC 8058): a POST to the https URL unsubscribes
 * without a question, which large mailbox providers ask of bulk senders, together with DKIM. */
TIDYMAIL_API int tidymail_message_set_list_unsubscribe(tidymail_message *message,
                                                       const char *https_url,
                                                       const char *mailto_url, int one_click);
/* Auto-Submitted (RFC 3834 5): "auto-generated" (a program wrote this on its own), "auto-replied" (in
 * answer to a message), "auto-notified" (RFC 5436 2.7.1) or "no". Keeps vacation programs quiet. */
TIDYMAIL_API int tidymail_message_set_auto_submitted(tidymail_message *message,
                                                     const char *keyword);
/* "high", "normal" or "low": Importance (RFC 4021 2.1.54), and X-Priority for older readers. */
TIDYMAIL_API int tidymail_message_set_importance(tidymail_message *message, const char *importance);
/* Disposition-Notification-To (RFC 8098 2.1): the reader is asked to tell this mailbox that the
 * message was displayed. Most readers ask their user first; many never answer. */
TIDYMAIL_API int tidymail_message_request_read_receipt(tidymail_message *message,
                                                       const char *mailbox);

/* This message, which exists already, is sent once more (RFC 5322 3.6.6), by `from` to the list `to`:
 * Resent-From, Resent-To, Resent-Date and Resent-Message-ID stand in front of all else, and the
 * envelope is theirs. The usual use is beside tidymail_message_set_raw. */
TIDYMAIL_API int tidymail_message_set_resent(tidymail_message *message, const char *from,
                                             const char *to);

/* A ready-made message instead of all the above: header, empty line, body. Bcc fields are removed,
 * line ends made CRLF, nothing else is changed. Without set_envelope_* the envelope is taken from
 * its From (or Sender), To, Cc and Bcc. `bytes` may hold any byte but NUL. */
TIDYMAIL_API int tidymail_message_set_raw(tidymail_message *message, const void *bytes,
                                          size_t length);
/* The envelope (RFC 5321 2.3.1), where it differs from the header: the reverse-path ("" is the
 * null reverse-path <>, RFC 5321 4.5.5) and the recipients, addr-spec only. One recipient added
 * here replaces all those of the header. */
TIDYMAIL_API int tidymail_message_set_envelope_from(tidymail_message *message, const char *address);
TIDYMAIL_API int tidymail_message_add_envelope_to(tidymail_message *message, const char *address);

/*
 * What the envelope can ask the server for. None of it appears in the message, and transports without
 * SMTP have no use for it. A server that does not offer the extension: the message is refused before
 * it is sent where dropping the wish would change what happens to it (require_tls, a hold, a return
 * by a time); of the others the report has a note.
 */

/* Delivery status notifications (RFC 3461). `notify` for every recipient: "NEVER", or of "SUCCESS",
 * "FAILURE", "DELAY" with commas between (4.1); `ret`: what of the message comes back with them,
 * "FULL" or "HDRS" (4.3); `envid`: what they call the message, printable ASCII, at most 100
 * characters once encoded as xtext (4.4). Case does not matter in the first two. NULL: not asked
 * for. Each call replaces the one before. */
TIDYMAIL_API int tidymail_message_set_dsn(tidymail_message *message, const char *notify,
                                          const char *ret, const char *envid);
/* 1: only over verified TLS, at every server on the way (RFC 8689 2), or not at all. Its opposite is a
 * header field: tidymail_message_add_header(message, "TLS-Required", "No") (RFC 8689 3). */
TIDYMAIL_API int tidymail_message_set_require_tls(tidymail_message *message, int required);
/* To be delivered within `seconds` (RFC 2852 4), 999,999,999 at most. `mode` 'R': if later, it comes
 * back undelivered (seconds above 0); 'N': it is delivered all the same, and the sender is told (below
 * 0: the time is over already). 0 seconds: no such wish. */
TIDYMAIL_API int tidymail_message_set_deliver_by(tidymail_message *message, int64_t seconds,
                                                 int mode);
/* Held at the server for `seconds` before it goes on (RFC 4865 4), 1 to 999,999,999; 0: no such
 * wish. Not together with set_hold_until. */
TIDYMAIL_API int tidymail_message_set_hold_for(tidymail_message *message, int64_t seconds);
/* Held until a moment, "2026-12-24T18:00:00Z" or "...T19:00:00+01:00" (RFC 3339 5.6); NULL: no such
 * wish. */
TIDYMAIL_API int tidymail_message_set_hold_until(tidymail_message *message, const char *date_time);
/* Priority on the way, -9 (last) to 9 (first) (RFC 6710 4); 0 is what a message without it has. */
TIDYMAIL_API int tidymail_message_set_priority(tidymail_message *message, int priority);

/*
 * The finished message, as it is sent: CRLF line ends, no Bcc, Date and Message-ID filled in (once
 * for each message: every rendering of it is the same). `source` is filled in; the caller ends it
 * with source->release(source->context). Returns TIDYMAIL_OK or the kind of the error that stuck.
 */
TIDYMAIL_API int tidymail_message_open(tidymail_message *message, tidymail_source *source);

TIDYMAIL_END_DECLS

#endif
