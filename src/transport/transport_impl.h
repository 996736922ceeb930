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

#include "net/tls.h"
#include "provider/mail.h"
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

struct tdm_fronted;

struct tdm_job {
    tidymail_report *report;         /* allocated before anything leaves */
    tidymail_smtp_envelope envelope; /* all but its deadline */
    tidymail_source source;    /* the finished message; the client releases it. Not there where the
                               transport takes the message itself */
    tidymail_message *message; /* prepared; NULL in a job without a client */
    /* The finished message, signed where that was asked for; NULL: tdm_message_open_source. */
    int (*open_raw)(tidymail_message *message, tidymail_source *source);
    const struct tdm_route *route; /* NULL: all recipients of the message are in the envelope */
    int done;

    /* Where several are under way at once. */
    struct tdm_job *next;
    int waits; /* somebody waits for this one: it is not put back behind a pause */
    int tries; /* how often it was put back */
    int64_t deadline_ms;
    int connection;              /* the number of the one it went over */
    void *owner;                 /* the client's */
    struct tdm_fronted *fronted; /* room for its wishes; the client ends them (wishes.h) */
};

/* Oldest first. */
struct tdm_job_list {
    struct tdm_job *first;
    struct tdm_job *last;
    size_t count;
};

void tdm_job_append(struct tdm_job_list *list, struct tdm_job *job);
void tdm_job_prepend(struct tdm_job_list *list, struct tdm_job *job);
/* The oldest, taken out; NULL where there is none. */
struct tdm_job *tdm_job_take(struct tdm_job_list *list);

struct tdm_preset_use;

/* Who logs in, and with what. */
enum tdm_transport_login {
    TDM_TRANSPORT_LOGIN_NONE = 0,
    TDM_TRANSPORT_LOGIN_SMTP,   /* user and password, for a server */
    TDM_TRANSPORT_LOGIN_SERVICE /* a key, or a key and its secret (struct tdm_provider) */
};

struct tdm_transport_ops {
    const char *scheme; /* NULL: those of the mail services */
    /* Checks what this kind needs of the URL and options (errors go to transport->error), allocates
     * transport->impl. Returns TIDYMAIL_OK or the kind. */
    int (*open)(tidymail_transport *transport);
    /* Sends one job and returns when job->report is decided. */
    void (*send)(tidymail_transport *transport, struct tdm_job *job);
    void (*close)(tidymail_transport *transport);
    /* Many at once; NULL: one after the other by `send`. A job that has ended is in
     * transport->ended. */
    void (*submit)(tidymail_transport *transport, struct tdm_job *job);
    /* Until a job has ended, nothing is under way, or the time is over (-1: no limit). */
    void (*run)(tidymail_transport *transport, int64_t timeout_ms);
    /* Ends all jobs: what was not handed over has failed. */
    void (*abort)(tidymail_transport *transport);
    int (*fd)(tidymail_transport *transport);
    int (*next_timeout_ms)(tidymail_transport *transport);
    enum tdm_transport_login login;
    int is_unix;       /* the URL has a path and no host */
    int takes_message; /* a job's message, in place of its source; with the job's route */
};

struct tidymail_transport {
    tidymail_allocator allocator;
    const struct tdm_transport_ops *ops;  /* NULL while the URL is bad */
    const struct tdm_transport_ops *kind; /* what the scheme names; NULL: nothing */
    void *impl;
    struct tdm_preset_use *preset; /* NULL: the URL names a host (presets.h) */
    struct tdm_url url;
    struct tdm_options options;
    struct tdm_mail_field *service_options; /* those of one service only, checked */
    size_t service_option_count;
    char *user;
    char *password; /* wiped at close */
    char *shown_url;
    char *keylog; /* file for the keys of TLS sessions, NULL: none; set by the client */
    struct tidymail_error error; /* sticky */
    struct tdm_clock clock;
    struct tdm_trace trace;
    /* Gets the server's certificate at each handshake; NULL: nobody asks. */
    void (*certificate)(void *context, const struct tdm_certificate *facts);
    void *certificate_context;
    /* Of the client: tdm_transport_send with all that the client does before and after, for the
     * members of a group; NULL in a transport without a client. */
    void (*deliver)(tidymail_transport *transport, struct tdm_job *job);
    void *client;                /* the client's own state: log callback, transcript ring */
    struct tdm_job_list waiting; /* where the kind has no submit */
    struct tdm_job_list ended;   /* by submit, their owner not told yet */
    size_t under_way;            /* submitted, and not in `ended` */
    int closing;
    int tracing;        /* the number of the connection whose lines come */
    int64_t tracing_ms; /* when they came, where that is known; else -1 */
};

extern const struct tdm_transport_ops tdm_transport_smtp;  /* smtp:// */
extern const struct tdm_transport_ops tdm_transport_smtps; /* smtps:// */
extern const struct tdm_transport_ops tdm_transport_lmtp;  /* lmtp:// */
extern const struct tdm_transport_ops tdm_transport_lmtp_unix;
extern const struct tdm_transport_ops tdm_transport_memory;
extern const struct tdm_transport_ops tdm_transport_file;
extern const struct tdm_transport_ops tdm_transport_rest; /* all services of provider.h */
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
