/* types.h: the vocabulary that every other header uses: allocator, outcome, kind, phase, log. */
#ifndef TIDYMAIL_TYPES_H
#define TIDYMAIL_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include <tidymail/export.h>

TIDYMAIL_BEGIN_DECLS

/*
 * Memory for one top-level object and all it owns. The functions get `user_data` as their last
 * argument and follow the C library's rules: `resize` with a NULL block allocates, `release`
 * accepts NULL, a failure returns NULL and changes nothing. The struct is copied at the call.
 * It covers tidymail's own allocations; what OpenSSL, libuv and c-ares allocate is outside it.
 */
typedef struct tidymail_allocator {
    void *(*allocate)(size_t size, void *user_data);
    void *(*resize)(void *block, size_t size, void *user_data);
    void (*release)(void *block, void *user_data);
    void *user_data;
} tidymail_allocator;

/* What became of a message, or of one recipient (a recipient is never PARTIAL). */
enum tidymail_outcome {
    TIDYMAIL_FAILED = 0,  /* nobody took responsibility for it */
    TIDYMAIL_SENT = 1,    /* the server (or service) answered for all recipients */
    TIDYMAIL_PARTIAL = 2, /* accepted for some recipients, refused for others */
    TIDYMAIL_UNKNOWN = 3  /* handed over, no answer: it may have been delivered */
};

/*
 * What sort of thing went wrong. Setters return one of these too: TIDYMAIL_OK when all is well.
 * Values are never reused or renumbered.
 */
enum tidymail_kind {
    TIDYMAIL_OK = 0,
    TIDYMAIL_KIND_MESSAGE =
        1, /* refused before sending: bad input, or more than the server can carry */
    TIDYMAIL_KIND_CONFIGURATION = 2,  /* URL, option or source of credentials */
    TIDYMAIL_KIND_LOCAL = 3,          /* file, memory, process */
    TIDYMAIL_KIND_RESOLVE = 4,        /* the name has no address, or the resolver failed */
    TIDYMAIL_KIND_CONNECTION = 5,     /* refused, unreachable, lost */
    TIDYMAIL_KIND_TLS = 6,            /* STARTTLS missing or refused, handshake, certificate */
    TIDYMAIL_KIND_TIMEOUT = 7,        /* a deadline passed */
    TIDYMAIL_KIND_PROTOCOL = 8,       /* what came is not SMTP */
    TIDYMAIL_KIND_AUTHENTICATION = 9, /* refused for good, or no usable mechanism */
    TIDYMAIL_KIND_TEMPORARY = 10,     /* the server said 4xx */
    TIDYMAIL_KIND_PERMANENT = 11      /* the server said 5xx */
};

/* Where in a send it happened, in the order of a session. */
enum tidymail_phase {
    TIDYMAIL_PHASE_PREPARE = 0, /* options, message, files: before anything leaves */
    TIDYMAIL_PHASE_RESOLVE = 1,
    TIDYMAIL_PHASE_CONNECT = 2,
    TIDYMAIL_PHASE_TLS = 3, /* the handshake */
    TIDYMAIL_PHASE_GREETING = 4,
    TIDYMAIL_PHASE_EHLO = 5,
    TIDYMAIL_PHASE_STARTTLS = 6, /* the command, before the handshake */
    TIDYMAIL_PHASE_AUTH = 7,
    TIDYMAIL_PHASE_MAIL = 8,
    TIDYMAIL_PHASE_RCPT = 9,
    TIDYMAIL_PHASE_DATA = 10,
    TIDYMAIL_PHASE_BODY = 11,  /* while the message goes out */
    TIDYMAIL_PHASE_FINAL = 12, /* from the end of the message to the answer for it */
    TIDYMAIL_PHASE_QUIT = 13,
    TIDYMAIL_PHASE_REQUEST = 14, /* REST: what failed before the service answered */
    TIDYMAIL_PHASE_RESPONSE = 15 /* REST: what the service answered */
};
#define TIDYMAIL_PHASE_COUNT 16

/* The words of the vocabulary ("sent", "authentication", "auth"); "?" for a value out of range. */
TIDYMAIL_API const char *tidymail_outcome_name(int outcome);
TIDYMAIL_API const char *tidymail_kind_name(int kind);
TIDYMAIL_API const char *tidymail_phase_name(int phase);

/* Severity of a line given to a log callback. */
enum tidymail_log_level {
    TIDYMAIL_LOG_ERROR = 0,   /* a message was not sent */
    TIDYMAIL_LOG_WARNING = 1, /* sent, but something is odd (a note of the report) */
    TIDYMAIL_LOG_INFO = 2,    /* connections, TLS facts, results */
    TIDYMAIL_LOG_DEBUG = 3    /* every line of the session */
};

/*
 * Receives the lines of the transcript as they happen: no line end, everything unprintable
 * escaped, secrets and message bodies elided. `line` is valid during the call only. Called on
 * the thread that runs the transport; it may not call into that transport.
 */
typedef void (*tidymail_log_callback)(void *context, int level, const char *line);

TIDYMAIL_END_DECLS

#endif
