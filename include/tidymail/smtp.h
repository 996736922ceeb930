/*
 * smtp.h: the SMTP client engine (RFC 5321), without I/O. Bytes and time go in, bytes and events
 * come out; it runs in any event loop. tidymail_send is this engine over a socket.
 *
 * The loop of a driver:
 *
 *     tidymail_smtp_submit(smtp, &envelope, &source, now);
 *     tidymail_smtp_connected(smtp, now);            // once the connection stands
 *     for (;;) {
 *         while ((event = tidymail_smtp_next(smtp)) != NULL)     // act on it, see below
 *         while (tidymail_smtp_output(smtp, &bytes, &length))    // write; then
 *             tidymail_smtp_consume(smtp, written, now);
 *         wait for input, or until tidymail_smtp_deadline(smtp)
 *         tidymail_smtp_feed(smtp, input, n, now) | tidymail_smtp_end_of_file(...) | tidymail_smtp_tick(smtp, now)
 *     }
 *
 * Times are milliseconds on any clock that never goes back. One object, one thread at a time.
 */
#ifndef TIDYMAIL_SMTP_H
#define TIDYMAIL_SMTP_H

#include <tidymail/report.h>
#include <tidymail/source.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_smtp tidymail_smtp;

enum tidymail_smtp_tls {
    TIDYMAIL_SMTP_TLS_STARTTLS = 0,      /* required, by STARTTLS (RFC 3207) */
    TIDYMAIL_SMTP_TLS_IMPLICIT = 1,      /* at once (RFC 8314 3.3) */
    TIDYMAIL_SMTP_TLS_OPPORTUNISTIC = 2, /* STARTTLS where offered; if offered it must work */
    TIDYMAIL_SMTP_TLS_NONE = 3           /* plain text */
};

enum tidymail_smtp_mark {
    TIDYMAIL_SMTP_MARK_SENT = 0,     /* "->", under TLS "~>" */
    TIDYMAIL_SMTP_MARK_RECEIVED = 1, /* "<-", under TLS "<~" */
    TIDYMAIL_SMTP_MARK_NOTE = 2,     /* "***" */
    TIDYMAIL_SMTP_MARK_STATE = 3 /* the engine's next state, by name; not part of a transcript */
};

/* One event of the session for a transcript: no line end; `text` is bytes as sent or received, not
 * escaped, secrets and message body already elided. Valid during the call. */
typedef struct tidymail_smtp_trace {
    int mark;      /* enum tidymail_smtp_mark */
    int phase;     /* enum tidymail_phase */
    int encrypted; /* 1 under TLS */
    const char *text;
    size_t length;
} tidymail_smtp_trace;

/* Copied at the call; 0 and NULL mean the default. */
typedef struct tidymail_smtp_options {
    size_t struct_size; /* TIDYMAIL_SMTP_OPTIONS_INIT fills it */
    const char *helo;   /* EHLO argument: a name or an address literal; default "localhost" */
    const char *server; /* "host:port", for reports and errors */
    const char *user;   /* with a password: log in, or fail */
    const char *password;
    const char *auth;   /* mechanisms in the order wanted, commas between; NULL: the usual order */
    int tls;            /* enum tidymail_smtp_tls */
    int cleartext_auth; /* 1: AUTH without TLS is allowed */
    int no_pipelining;  /* 1: one command at a time (RFC 2920 is used where offered) */
    int no_initial_response;  /* 1: AUTH without initial response (RFC 4954 4) */
    int no_partial;           /* 1: one refused recipient ends the message */
    int64_t reply_timeout_ms; /* each reply, each stretch of a write; default 300,000 */
    int64_t final_timeout_ms; /* after the end of the message; default 600,000 */
    int64_t tls_timeout_ms;   /* the handshake; default 30,000 */
    int64_t quit_timeout_ms;  /* after QUIT; default 2,000 */
    size_t max_line;          /* bytes of one reply line; default 16 KiB */
    size_t max_reply;         /* bytes of one whole reply; default 64 KiB */
    void (*trace)(void *context, const tidymail_smtp_trace *line);
    void *trace_context;
    int lmtp;     /* 1: LMTP (RFC 2033): LHLO, and an answer for each recipient */
    int chunking; /* 1: BDAT where offered (RFC 3030) */
    const char
        *nonce; /* for SCRAM: 18 or more random printable characters, no comma; NULL: no SCRAM */
    int window; /* messages streamed without an answer to their end, with chunking; default 12 */
} tidymail_smtp_options;

#define TIDYMAIL_SMTP_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(tidymail_smtp_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0                                                                                   \
    }

/* What a server can carry, and what a form of a message needs (RFC 2045 2.7 to 2.9). */
enum tidymail_smtp_carry {
    TIDYMAIL_SMTP_CARRY_7BIT = 0,
    TIDYMAIL_SMTP_CARRY_8BIT = 1,  /* 8BITMIME (RFC 6152) */
    TIDYMAIL_SMTP_CARRY_BINARY = 2 /* BINARYMIME (RFC 3030), where `chunking` asks for BDAT */
};

/* One message's envelope (RFC 5321 2.3.1). Copied at the call. */
typedef struct tidymail_smtp_envelope {
    size_t struct_size;            /* TIDYMAIL_SMTP_ENVELOPE_INIT fills it */
    const char *from;              /* reverse-path without brackets; NULL or "" is <> */
    const char *const *recipients; /* forward-paths without brackets */
    size_t recipient_count;
    const char *message_id; /* for the report; may be NULL */
    int body_8bit;          /* 1: the body has bytes over 127: BODY=8BITMIME (RFC 6152) */
    int utf8;               /* 1: header or an address needs SMTPUTF8 (RFC 6531) */
    int64_t size;           /* bytes of the message, -1 unknown: SIZE= (RFC 1870) */
    int64_t deadline_ms;    /* the whole send ends by this time; 0: none */
    int body_binary;        /* 1: not lines: BODY=BINARYMIME by BDAT (RFC 3030), or refused */
    const char *dsn_notify; /* "NEVER", or of SUCCESS,FAILURE,DELAY (RFC 3461 4.1) */
    const char *dsn_ret;    /* "FULL" or "HDRS" (RFC 3461 4.3) */
    const char *dsn_envid;  /* printable ASCII, 100 characters as xtext at most (RFC 3461 4.4) */
    int require_tls;        /* 1: REQUIRETLS (RFC 8689), or refused */
    int64_t deliver_by_s;   /* BY= (RFC 2852); 0: none */
    int deliver_by_mode;    /* 'R' return when late, 'N' notify */
    int64_t hold_for_s;     /* HOLDFOR= (RFC 4865), or refused; 0: none */
    const char *hold_until; /* HOLDUNTIL=, RFC 3339 date-time */
    int has_priority;
    int priority; /* MT-PRIORITY= (RFC 6710), -9 to 9 */
    /* Not NULL: the message has several forms. It is called once the server's capabilities are known,
       before MAIL, with the most that can be carried (enum tidymail_smtp_carry); from then on `source`
       gives the form that was chosen. It returns what that form needs, which takes the place of
       body_8bit and body_binary, and the size is asked of the source again. */
    int (*form)(void *context, int carry);
    void *form_context;
    int probe; /* 1: no message is sent. With recipients MAIL, each RCPT and then RSET in place of DATA
                  (a recipient that was accepted counts as sent); without any, only all that comes
                  before MAIL. `source` is not read */
} tidymail_smtp_envelope;

#define TIDYMAIL_SMTP_ENVELOPE_INIT                                                                \
    {                                                                                              \
        sizeof(tidymail_smtp_envelope), 0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  \
            0, 0, 0                                                                                \
    }

enum tidymail_smtp_event_type {
    TIDYMAIL_SMTP_START_TLS = 1, /* begin the handshake now; then tls_done or fail */
    TIDYMAIL_SMTP_REPORT = 2,    /* a message is done: `report` is the caller's to free */
    TIDYMAIL_SMTP_IDLE = 3,      /* ready for another message; nothing is outstanding */
    TIDYMAIL_SMTP_CLOSE = 4      /* close the connection; nothing follows */
};

typedef struct tidymail_smtp_event {
    int type;
    tidymail_report *report; /* REPORT */
    void *context;           /* REPORT: what submit was given */
} tidymail_smtp_event;

/* A session that is not connected yet; NULL when out of memory. `options` may be NULL. */
TIDYMAIL_API tidymail_smtp *tidymail_smtp_new(const tidymail_smtp_options *options, int64_t now_ms);
TIDYMAIL_API tidymail_smtp *tidymail_smtp_new_with(const tidymail_smtp_options *options,
                                                   int64_t now_ms,
                                                   const tidymail_allocator *allocator);
/* Frees the session. Messages without a report yet are dropped without one. NULL is accepted. */
TIDYMAIL_API void tidymail_smtp_free(tidymail_smtp *smtp);

/*
 * Hands over one message; may be called before the connection stands, and while others are under
 * way: with PIPELINING (RFC 2920) the next one's commands then go out with the end of the one before,
 * with `chunking` and CHUNKING (RFC 3030) whole messages go out without waiting, `window` at most. `source` (copied) gives the message with CRLF line ends; dots are stuffed here, and its
 * release is called when it is done with, also on failure. Returns TIDYMAIL_OK (then a REPORT
 * event comes, exactly one), TIDYMAIL_KIND_LOCAL when out of memory, or TIDYMAIL_KIND_MESSAGE for
 * an envelope without recipients or with an address that may not stand in a command (control
 * bytes, blanks or angle brackets outside a quoted local part); after a failure no event comes and
 * `source` is not released.
 */
TIDYMAIL_API int tidymail_smtp_submit(tidymail_smtp *smtp, const tidymail_smtp_envelope *envelope,
                                      const tidymail_source *source, void *context, int64_t now_ms);

/* The connection stands: from here the greeting (or the handshake) is waited for. */
TIDYMAIL_API void tidymail_smtp_connected(tidymail_smtp *smtp, int64_t now_ms);
/* Before tls_done: what SCRAM's -PLUS may bind to ("tls-exporter", RFC 9266, or
 * "tls-server-end-point", RFC 5929 4). Copied; without it no -PLUS mechanism is chosen. */
TIDYMAIL_API void tidymail_smtp_tls_binding(tidymail_smtp *smtp, const char *type,
                                            const void *bytes, size_t length);
/* The handshake asked for by START_TLS is complete and the peer is verified as wanted. */
TIDYMAIL_API void tidymail_smtp_tls_done(tidymail_smtp *smtp, const char *version,
                                         const char *cipher, int64_t now_ms);
/* Bytes from the server, in pieces of any size. All are taken; a copy is made of what is kept. */
TIDYMAIL_API void tidymail_smtp_feed(tidymail_smtp *smtp, const void *bytes, size_t length,
                                     int64_t now_ms);
/* The server closed the connection; `words` says how ("Connection reset by peer"), NULL for a
 * plain end of file. */
TIDYMAIL_API void tidymail_smtp_end_of_file(tidymail_smtp *smtp, const char *words, int64_t now_ms);
/* The driver failed: TIDYMAIL_KIND_RESOLVE, _CONNECTION, _TLS, _TIMEOUT, _LOCAL ... in a phase.
 * `message` is the line for people, `hint` may be NULL. */
TIDYMAIL_API void tidymail_smtp_fail(tidymail_smtp *smtp, int kind, int phase, int retryable,
                                     const char *message, const char *hint, int64_t now_ms);

/* What is to be written now: 1 and a slice that stays valid until the next call, or 0. */
TIDYMAIL_API int tidymail_smtp_output(tidymail_smtp *smtp, const void **bytes, size_t *length);
/* So many bytes of that slice were accepted by the network (0 is allowed). */
TIDYMAIL_API void tidymail_smtp_consume(tidymail_smtp *smtp, size_t length, int64_t now_ms);
/* The next event, or NULL. Valid until the next call. */
TIDYMAIL_API const tidymail_smtp_event *tidymail_smtp_next(tidymail_smtp *smtp);
/* When tick must be called at the latest; -1: no deadline runs. */
TIDYMAIL_API int64_t tidymail_smtp_deadline(const tidymail_smtp *smtp);
/* Time has come to `now_ms`: deadlines that passed take effect. */
TIDYMAIL_API void tidymail_smtp_tick(tidymail_smtp *smtp, int64_t now_ms);

/* No more messages: QUIT once nothing is outstanding, then CLOSE (RFC 5321 4.1.1.10). */
TIDYMAIL_API void tidymail_smtp_quit(tidymail_smtp *smtp, int64_t now_ms);
/* 1 while the connection may carry another message. */
TIDYMAIL_API int tidymail_smtp_usable(const tidymail_smtp *smtp);
/* The phase the session is in (enum tidymail_phase). */
TIDYMAIL_API int tidymail_smtp_phase(const tidymail_smtp *smtp);

TIDYMAIL_END_DECLS

#endif
