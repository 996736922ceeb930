/*
 * session_data.h: what the files of a session by hand share:
 *
 *   session.c          from URL to a connection, TLS, the end of it
 *   session_wire.c     bytes: written, read, cut into lines and replies
 *   session_reply.c    what a reply means for the session
 *   session_command.c  lines to send, EHLO, what may be shown of them
 *   session_auth.c     the login
 *   session_message.c  the message behind DATA
 *   session_secret.c   what must not be shown
 *   session_read.c     what can be asked of a session
 *   session_words.c    enhanced codes in words
 */
#ifndef TDM_SESSION_SESSION_DATA_H
#define TDM_SESSION_SESSION_DATA_H

#include <tidymail/session.h>

#include "check/check_data.h"
#include "net/loop.h"
#include "sasl/sasl.h"
#include "smtp/smtp_caps.h"
#include "transport/presets.h"
#include "transport/smtp_own.h"

#define TDM_SESSION_LINE_MAX ((size_t)64 * 1024)
#define TDM_SESSION_REPLY_MAX ((size_t)1024 * 1024)

enum tdm_session_verb {
    TDM_VERB_GREETING,
    TDM_VERB_EHLO,
    TDM_VERB_HELO,
    TDM_VERB_STARTTLS,
    TDM_VERB_AUTH,
    TDM_VERB_MAIL,
    TDM_VERB_RCPT,
    TDM_VERB_DATA,
    TDM_VERB_QUIT,
    TDM_VERB_OTHER
};

struct tidymail_session {
    tidymail_allocator allocator;
    tidymail_transport *transport;
    void (*line)(void *context, const tidymail_smtp_trace *line);
    void *line_context;
    struct tdm_loop loop;
    struct tdm_tls_context *tls_context;
    struct tdm_tls *tls;
    int fd;
    int broken;           /* writing failed: what can still be read is read, and that is the end */
    struct tdm_buf input; /* read and not yet looked at */
    struct tdm_buf seen;  /* the line under way, as it came */
    struct tdm_reply_parser parser;
    int replied;                /* the parser holds a reply that was told */
    enum tdm_session_verb verb; /* of the last command */
    int phase;
    int mode;
    int tls_awaited; /* the 220 to STARTTLS came, and nothing was sent since */
    int final_sent;  /* the end of the message was handed over, and nothing came since */
    int code;
    char enhanced[TDM_ENHANCED_MAX];
    struct tdm_buf text;
    struct tdm_buf challenge;
    int has_ehlo;
    struct tdm_smtp_caps caps;
    struct tdm_buf capabilities; /* the lines of the answer, each followed by a NUL */
    struct tidymail_certificate certificate;
    int has_certificate;
    struct tidymail_error error;
    struct tdm_smtp_login login;
    int has_login;
    int hides_challenges;  /* a login is under way whose challenges help to guess the password */
    struct tdm_buf secret; /* the last credentials that were sent, as they were sent */
};

/* session.c */
/* What a connection needs; NULL while the URL is bad. */
const struct tdm_smtp_own *tdm_session_smtp(const tidymail_session *session);
int64_t tdm_session_now(const tidymail_session *session);
/* Forgets the error and the reply of the last call. */
void tdm_session_begin(tidymail_session *session);
int tdm_session_fail(tidymail_session *session, int kind, const char *words, const char *hint);
int tdm_session_no_memory(tidymail_session *session);
/* Closes the socket, if there is one. */
void tdm_session_cut(tidymail_session *session);

/* session_wire.c */
void tdm_session_trace(const tidymail_session *session, int mark, const char *text, size_t length);
void tdm_session_note(const tidymail_session *session, const char *format, ...);
/* TIDYMAIL_OK, or the kind of the error that was set. */
int tdm_session_write(tidymail_session *session, const void *bytes, size_t length);
/* Waits for the socket; 0: the time is over. */
int tdm_session_wait(const tidymail_session *session, int events, int64_t deadline_ms);
/* tidymail_session_read, within a call. */
int tdm_session_read(tidymail_session *session, int64_t timeout_ms);

/* session_reply.c: a reply is complete: TIDYMAIL_OK, or the kind where it ends the session. */
int tdm_session_take_reply(tidymail_session *session);
/* A line came that is no reply. */
int tdm_session_take_line(tidymail_session *session);

/* session_command.c */
/* Sends a command and reads its reply. TIDYMAIL_OK where a reply came, whatever it says. */
int tdm_session_ask(tidymail_session *session, const char *line);
/* One line of the session's mode; 0 or the kind. */
int tdm_session_send(tidymail_session *session, const char *line);
/* The kind of the last reply's refusal, TIDYMAIL_OK where it is none. */
int tdm_session_verdict(const tidymail_session *session);

/* session_secret.c: takes out of a text what must not be shown. */
void tdm_session_hide(const tidymail_session *session, struct tdm_buf *text);

#endif
