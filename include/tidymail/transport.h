/* transport.h: a way to send mail, named by a URL, and the send itself. */
#ifndef TIDYMAIL_TRANSPORT_H
#define TIDYMAIL_TRANSPORT_H

#include <tidymail/message.h>
#include <tidymail/report.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_transport tidymail_transport;

/* One event of a session, as it happens. `text` is bytes as sent or received, without the line end and
 * not escaped; secrets and message bodies are left out of it ("AUTH PLAIN [credentials hidden]",
 * "[message, 123 bytes]"). Valid during the call. */
typedef struct tidymail_trace_event {
    int64_t ms;    /* since the send began */
    int mark;      /* enum tidymail_smtp_mark: SENT, RECEIVED or NOTE */
    int phase;     /* enum tidymail_phase */
    int encrypted; /* 1 under TLS */
    const char *text;
    size_t length;
} tidymail_trace_event;

/*
 * What can be set beside the URL. Copied at the call; NULL and 0 mean "not set". `options` is an
 * array of `option_count` strings "name=value" with the names of the URL's query, not escaped;
 * they beat the URL's. docs/urls.md lists them all.
 */
typedef struct tidymail_transport_options {
    size_t struct_size;         /* TIDYMAIL_TRANSPORT_OPTIONS_INIT fills it */
    const char *user;           /* instead of the URL's userinfo */
    const char *password;       /* kept in memory that is wiped */
    const char *const *options; /* "timeout=20", "tls=none", ... */
    size_t option_count;
    tidymail_log_callback log; /* gets the lines of the transcript; nothing is printed without it */
    void *log_context;
    int log_level; /* the most talkative level wanted (enum tidymail_log_level) */
    /* Gets every event of a session, for programs: what `log` says, in its parts. Called as `log` is;
     * may be NULL. */
    void (*trace)(void *context, const tidymail_trace_event *event);
    void *trace_context;
} tidymail_transport_options;

#define TIDYMAIL_TRANSPORT_OPTIONS_INIT                                                            \
    {                                                                                              \
        sizeof(tidymail_transport_options), 0, 0, 0, 0, 0, 0, TIDYMAIL_LOG_DEBUG, 0, 0             \
    }

/* Opens a transport: smtp://, smtps://, lmtp://, lmtp+unix:///path, memory:, file:///dir, sendmail:, a
 * mail service (mailgun://KEY@DOMAIN) or its SMTP server (sendgrid+smtp://KEY@), failover(URL URL ...),
 * roundrobin(URL URL ...); docs/urls.md has all. Nothing is connected yet. Where the environment has
 * SSLKEYLOGFILE the keys of TLS sessions are appended to that file. Never prints, never fails visibly:
 * a bad URL or option sticks, and every send reports it. NULL only when out of memory. `url` may be
 * NULL ("no URL given" sticks). */
TIDYMAIL_API tidymail_transport *tidymail_transport_open(const char *url,
                                                         const tidymail_transport_options *options);
/* The same with an allocator of the caller's (copied; NULL: the C library's). */
TIDYMAIL_API tidymail_transport *
tidymail_transport_open_with(const char *url, const tidymail_transport_options *options,
                             const tidymail_allocator *allocator);
/* Ends the transport: QUIT where a connection is open, waited for 2 seconds at most. Messages that were
 * submitted and have no answer yet get their callbacks: failed, or unknown where the end was handed over. */
TIDYMAIL_API void tidymail_transport_close(tidymail_transport *transport);
/* The error of URL or options that stuck; NULL while there is none. A failed send is not one. */
TIDYMAIL_API const tidymail_error *tidymail_transport_error(const tidymail_transport *transport);
/* The URL as it may be shown: without its secret. */
TIDYMAIL_API const char *tidymail_transport_url(const tidymail_transport *transport);

/* Sends, and returns when the result is known. Never NULL; NULL arguments give a failed report.
 * The message is unchanged and may be sent again. */
TIDYMAIL_API TIDYMAIL_MUST_USE tidymail_report *tidymail_send(tidymail_transport *transport,
                                                              tidymail_message *message);

/* `memory:` keeps what was sent, for tests to look at: how many messages, and of one the envelope
 * and the bytes (`length` may be NULL; a NUL follows them). NULL past the end, and for other
 * transports. Valid until the transport is closed or cleared. */
TIDYMAIL_API size_t tidymail_memory_count(const tidymail_transport *transport);
TIDYMAIL_API const char *tidymail_memory_message(const tidymail_transport *transport, size_t index,
                                                 size_t *length);
TIDYMAIL_API const char *tidymail_memory_from(const tidymail_transport *transport, size_t index);
TIDYMAIL_API size_t tidymail_memory_recipient_count(const tidymail_transport *transport,
                                                    size_t index);
TIDYMAIL_API const char *tidymail_memory_recipient(const tidymail_transport *transport,
                                                   size_t index, size_t recipient);
TIDYMAIL_API void tidymail_memory_clear(tidymail_transport *transport);

/*
 * Many messages at once, over the connections= of the transport (docs/urls.md). A message that is handed
 * over gets its callback exactly once, from within tidymail_run or tidymail_transport_close: the report is
 * the callback's to free, the message is valid during the call. A callback may submit and send; it may not
 * close the transport. The order of the callbacks is that of the answers.
 *
 *     while (more || tidymail_run(transport, -1) > 0) {
 *         if (more) { ... tidymail_submit(transport, message, done, context); ... }
 *     }
 *
 * One transport belongs to one thread; several threads have one each.
 *
 * Over SMTP and LMTP, 421 and a 4xx reply before a message is under way slow the transport down (fewer
 * connections, pauses of 0.2 to 30 seconds, then one message at a time until some got through): the message
 * goes back into the queue, five times at most where the reply was to its MAIL. After eight pauses in a row
 * without an accepted message all that waits has failed. 4xx to one recipient after the other makes pauses
 * too, but is each message's answer. Where
 * a connection is lost, messages of which nothing was handed over go over another one; the report of those
 * whose end was handed over says `unknown`. A connection that cannot be made fails all that waits.
 * Other transports send one message in each tidymail_run.
 */
typedef void (*tidymail_submit_callback)(tidymail_transport *transport, tidymail_message *message,
                                         tidymail_report *report, void *context);

/* TIDYMAIL_OK: the callback will be called. Else it will not: TIDYMAIL_KIND_LOCAL when out of memory,
 * TIDYMAIL_KIND_MESSAGE or _CONFIGURATION where an argument is NULL or the transport is being closed. The
 * message gets one more owner; it may not be changed before its callback. Nothing is sent before
 * tidymail_run. */
TIDYMAIL_API int tidymail_submit(tidymail_transport *transport, tidymail_message *message,
                                 tidymail_submit_callback callback, void *context);
/* Works until at least one callback was called, nothing is under way any more, or `timeout_ms` have passed
 * (-1: no limit, 0: only what needs no waiting). Returns how many messages are still under way. */
TIDYMAIL_API long tidymail_run(tidymail_transport *transport, int timeout_ms);
/* For an event loop of the caller's: call tidymail_run(transport, 0) after tidymail_submit, whenever this
 * descriptor is readable (it is an epoll descriptor or the like; -1: the transport has none), and at the
 * latest after so many milliseconds (-1: no limit), asked for anew after each tidymail_run. */
TIDYMAIL_API int tidymail_fd(tidymail_transport *transport);
TIDYMAIL_API int tidymail_next_timeout_ms(tidymail_transport *transport);

TIDYMAIL_END_DECLS

#endif
