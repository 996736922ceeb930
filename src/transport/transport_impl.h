/*
 * transport_impl.h: what a transport is inside. transport.c makes one from a URL and options; each
 * kind (smtp, memory, file) supplies the functions of tdm_transport_ops. A job is one message under
 * way; the client makes it, the transport fills its report and ends it exactly once.
 */
#ifndef TDM_TRANSPORT_IMPL_H
#define TDM_TRANSPORT_IMPL_H

#include <tidymail/smtp.h>
#include <tidymail/source.h>
#include <tidymail/transport.h>

#include "provider/mail_route.h"
#include "report/report_data.h"
#include "transport/options.h"
#include "transport/url.h"

/* What the transports need from the world; filled by the client (the edge). */
struct tdm_clock {
    int64_t (*now_ms)(void);                 /* monotonic */
    int64_t (*wall_s)(void);                 /* seconds since 1970 */
    int (*random)(void *bytes, size_t size); /* 0, or -1 */
};

/* A line for the transcript: mark as in tidymail_smtp_trace. */
struct tdm_trace {
    void (*line)(void *context, int mark, int phase, int encrypted, const char *text,
                 size_t length);
    void *context;
};

struct tdm_job {
    tidymail_report *report;         /* allocated before anything leaves */
    tidymail_smtp_envelope envelope; /* all but its deadline */
    tidymail_source source;          /* the finished message; the client releases it */
    tidymail_message *message;       /* prepared; NULL in a job without a client */
    const struct tdm_route *route;   /* NULL: all recipients of the message are in the envelope */
    int done;
};

struct tdm_transport_ops {
    const char *scheme;
    /* Checks what this kind needs of the URL and options (errors go to transport->error), allocates
     * transport->impl. Returns TIDYMAIL_OK or the kind. */
    int (*open)(tidymail_transport *transport);
    /* Sends one job and returns when job->report is decided. */
    void (*send)(tidymail_transport *transport, struct tdm_job *job);
    void (*close)(tidymail_transport *transport);
};

struct tidymail_transport {
    tidymail_allocator allocator;
    const struct tdm_transport_ops *ops; /* NULL while the URL is bad */
    void *impl;
    struct tdm_url url;
    struct tdm_options options;
    char *user;
    char *password; /* wiped at close */
    char *shown_url;
    char *keylog; /* file for the keys of TLS sessions, NULL: none; set by the client */
    struct tidymail_error error; /* sticky */
    struct tdm_clock clock;
    struct tdm_trace trace;
    /* Of the client (client/credentials.h): what password-from says before a send, and what came of
     * it after. NULL in a transport without one. */
    int (*load_secret)(tidymail_transport *transport, struct tidymail_error *error);
    void (*secret_used)(tidymail_transport *transport, const struct tidymail_error *error);
    void *client; /* the client's own state: log callback, transcript ring */
};

extern const struct tdm_transport_ops tdm_transport_smtp;  /* smtp:// */
extern const struct tdm_transport_ops tdm_transport_smtps; /* smtps:// */
extern const struct tdm_transport_ops tdm_transport_lmtp;  /* lmtp:// */
extern const struct tdm_transport_ops tdm_transport_lmtp_unix;
extern const struct tdm_transport_ops tdm_transport_memory;
extern const struct tdm_transport_ops tdm_transport_file;
extern const struct tdm_transport_ops tdm_transport_sendmail;
extern const struct tdm_transport_ops tdm_transport_failover;   /* failover(URL URL ...) */
extern const struct tdm_transport_ops tdm_transport_roundrobin; /* roundrobin(URL URL ...) */

/* Makes a transport from a URL and options; NULL only when out of memory. */
tidymail_transport *tdm_transport_new(const char *url, const tidymail_transport_options *options,
                                      const tidymail_allocator *allocator,
                                      const struct tdm_clock *clock);
void tdm_transport_free(tidymail_transport *transport);
/* Sends one job to those who may get it (options redirect and allow, redirect.c), and returns when
 * its report is decided. The one way to ops->send. */
void tdm_transport_send(tidymail_transport *transport, struct tdm_job *job);

#endif
