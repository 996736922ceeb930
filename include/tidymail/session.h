/*
 * session.h: an SMTP session by hand: the caller says each line and reads each reply; TLS, logins and
 * the dots of a message are taken care of. `tidymail shell` is this and a line editor.
 *
 *     tidymail_session *session = tidymail_session_open("smtp://mail.example.com:587", NULL);
 *     tidymail_session_connect(session);
 *     tidymail_session_read(session, -1);                        // the greeting
 *     tidymail_session_ehlo(session, NULL);
 *     tidymail_session_start_tls(session);
 *     tidymail_session_send_line(session, "NOOP");
 *     tidymail_session_read(session, -1);
 *     printf("%d %s\n", tidymail_session_code(session), tidymail_session_text(session));
 *     tidymail_session_free(session);
 *
 * Calls block, each within its deadline (the options connect-timeout=, reply-timeout= and
 * final-timeout=). Those that return int return TIDYMAIL_OK or a kind (enum tidymail_kind), and
 * tidymail_session_error then says what was wrong. All accept NULL.
 */
#ifndef TIDYMAIL_SESSION_H
#define TIDYMAIL_SESSION_H

#include <tidymail/check.h>
#include <tidymail/smtp.h>
#include <tidymail/transport.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_session tidymail_session;

/* What the server takes from the next line that is sent. */
enum tidymail_session_mode {
    TIDYMAIL_SESSION_CLOSED = 0,  /* no connection stands */
    TIDYMAIL_SESSION_COMMAND = 1, /* a command */
    TIDYMAIL_SESSION_AUTH = 2,    /* a response to the challenge of its 334 */
    TIDYMAIL_SESSION_DATA = 3     /* a line of the message, behind its 354; "." ends it */
};

/* Copied at the call; 0 and NULL mean "not set". */
typedef struct tidymail_session_options {
    size_t struct_size;                          /* TIDYMAIL_SESSION_OPTIONS_INIT fills it */
    const tidymail_transport_options *transport; /* as for tidymail_transport_open; NULL: none */
    /* Gets each line as it is sent or received, and notes, as in a transcript: secrets hidden,
     * lines of a message left out, nothing escaped. May be NULL. It may not use the session. */
    void (*line)(void *context, const tidymail_smtp_trace *line);
    void *line_context;
} tidymail_session_options;

#define TIDYMAIL_SESSION_OPTIONS_INIT                                                              \
    {                                                                                              \
        sizeof(tidymail_session_options), 0, 0, 0                                                  \
    }

/* A session that is not connected yet, for smtp://, smtps://, lmtp:// and lmtp+unix://. NULL only
 * when out of memory: a bad URL or option sticks, and connecting reports it. */
TIDYMAIL_API tidymail_session *tidymail_session_open(const char *url,
                                                     const tidymail_session_options *options);
TIDYMAIL_API tidymail_session *tidymail_session_open_with(const char *url,
                                                          const tidymail_session_options *options,
                                                          const tidymail_allocator *allocator);
/* Cuts the connection where one stands (tidymail_session_quit ends it as one should). */
TIDYMAIL_API void tidymail_session_free(tidymail_session *session);

/* Connects, also anew after the end of a connection; smtps:// shakes hands. What the server says then
 * (the greeting) is the caller's to read. */
TIDYMAIL_API int tidymail_session_connect(tidymail_session *session);
/* QUIT, whose answer is waited for 2 seconds at most, and the end of the connection. */
TIDYMAIL_API void tidymail_session_quit(tidymail_session *session);

/* One line, as it is, and CRLF. A CR or LF in it is refused (kind message). Behind a 354 it is a line
 * of the message: a dot at its start is the caller's to double. */
TIDYMAIL_API int tidymail_session_send_line(tidymail_session *session, const char *line);
/* Bytes as they are, for what no client should send. */
TIDYMAIL_API int tidymail_session_send_raw(tidymail_session *session, const void *bytes,
                                           size_t length);
/*
 * Waits for one reply, so many milliseconds at most; -1: as long as the options say; 0: only what has
 * come. TIDYMAIL_OK: there is one, which tidymail_session_code and the others describe; a line that is
 * no reply has the code 0. TIDYMAIL_KIND_TIMEOUT: nothing yet, and the connection stands.
 * Anything else: the connection has ended, TIDYMAIL_KIND_CONNECTION where the server closed it or
 * hung up. A reply to QUIT ends the connection without an error.
 */
TIDYMAIL_API int tidymail_session_read(tidymail_session *session, int64_t timeout_ms);
/* To be polled for reading: what the server says unasked. -1 while closed. Before polling read with
 * a timeout of 0 until that says TIDYMAIL_KIND_TIMEOUT, since bytes may have been read already. */
TIDYMAIL_API int tidymail_session_fd(const tidymail_session *session);

/* EHLO (LMTP: LHLO) and its reply. `name` may be NULL: that of the option helo=, or this machine's. */
TIDYMAIL_API int tidymail_session_ehlo(tidymail_session *session, const char *name);
/* STARTTLS and the handshake; where STARTTLS was sent and its 220 read, the handshake alone. Bytes in
 * clear behind the 220 end the session (RFC 3207 6). What was offered before is forgotten. */
TIDYMAIL_API int tidymail_session_start_tls(tidymail_session *session);
/* Logs in with user and password of the URL or of its password-from=. `mechanism` may be NULL: the
 * first of auth= (or of the usual order) that is offered. Without TLS it is refused unless
 * cleartext-auth=allow. */
TIDYMAIL_API int tidymail_session_auth(tidymail_session *session, const char *mechanism);
/* DATA (where its 354 is not there yet), the message, and its answer. Line ends become CRLF, dots are
 * doubled. The source is read once and not released. Where it fails the connection is cut, so that
 * no half message is taken for a whole one. */
TIDYMAIL_API int tidymail_session_send_message(tidymail_session *session,
                                               const tidymail_source *source);

/* enum tidymail_session_mode. */
TIDYMAIL_API int tidymail_session_mode(const tidymail_session *session);
/* 1 under TLS. */
TIDYMAIL_API int tidymail_session_encrypted(const tidymail_session *session);
/* "host:port", for people. */
TIDYMAIL_API const char *tidymail_session_server(const tidymail_session *session);
/* The URL as it may be shown. */
TIDYMAIL_API const char *tidymail_session_url(const tidymail_session *session);
/* What was wrong in the last call: also a reply of 4xx or 5xx, with code, enhanced code, words and
 * hint; NULL where nothing was. */
TIDYMAIL_API const tidymail_error *tidymail_session_error(const tidymail_session *session);

/* The last reply: its code; 0: there was none, or a line that is no reply. */
TIDYMAIL_API int tidymail_session_code(const tidymail_session *session);
/* Its enhanced code, "" without one. */
TIDYMAIL_API const char *tidymail_session_enhanced(const tidymail_session *session);
/* Its words without codes, lines joined by '\n', unprintable bytes escaped, secrets hidden. */
TIDYMAIL_API const char *tidymail_session_text(const tidymail_session *session);
/* The challenge of a 334, decoded and escaped; "" where it is none. */
TIDYMAIL_API const char *tidymail_session_challenge(const tidymail_session *session);

/* 1 once EHLO was answered on this connection, or under its TLS. */
TIDYMAIL_API int tidymail_session_has_ehlo(const tidymail_session *session);
/* The lines of that answer, as sent ("SIZE 1000"), without the server's name. NULL past the end. */
TIDYMAIL_API size_t tidymail_session_capability_count(const tidymail_session *session);
TIDYMAIL_API const char *tidymail_session_capability(const tidymail_session *session, size_t index);
/* The server's certificate, also where it was refused; NULL where none was seen. */
TIDYMAIL_API const tidymail_certificate *
tidymail_session_certificate(const tidymail_session *session);

/* What an enhanced status code means (RFC 3463 and IANA's registry): "5.1.1" is "the mailbox does not
 * exist". "" where it is not known. */
TIDYMAIL_API const char *tidymail_enhanced_words(const char *enhanced);

TIDYMAIL_END_DECLS

#endif
