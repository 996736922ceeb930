/*
 * smtp_own.h: what an SMTP or LMTP transport holds, for its two files:
 *
 *   smtp_open.c       from URL and options to what a connection needs
 *   smtp_pool.c       which message goes over which connection, and when
 *   transport_smtp.c  the connections, and what a transport is asked for
 */
#ifndef TDM_TRANSPORT_SMTP_OWN_H
#define TDM_TRANSPORT_SMTP_OWN_H

#include <tidymail/smtp.h>

#include "net/link.h"
#include "transport/transport_smtp.h"

#define TDM_SMTP_ADDRESSES_MAX 8

struct tdm_smtp_own {
    tidymail_transport *transport;
    struct tdm_loop loop;
    char *given_host; /* as people write it: the URL's, the preset's or the endpoint's */
    int given_port;   /* 0: none */
    char *host;       /* as it is looked up and verified: ASCII */
    int port;
    const char *unix_path; /* the URL's; NULL: host and port */
    char *server;          /* "host:port" or the path, for people */
    char *helo;
    int tls; /* enum tidymail_smtp_tls */
    int lmtp;
    struct tdm_url proxy_url;
    struct tdm_proxy_config proxy; /* its texts are proxy_url's */
    int has_proxy;
    struct tdm_address source;
    int has_source;
    struct tdm_tls_context *tls_context;
    /* the server's addresses (the proxy's, where there is one) as they were looked up last */
    struct tdm_address addresses[TDM_SMTP_ADDRESSES_MAX];
    size_t address_count;
    int64_t looked_up_ms;
    struct tdm_smtp_line **lines;
    size_t line_count;
    size_t line_capacity;
    int last_number; /* of a connection */

    struct tdm_job_list queue;    /* not given to a connection yet */
    struct tdm_job_list returned; /* to be given once more, before those */
    struct tdm_timer *timer;      /* when the queue may go on, or tdm_smtp_pool_run is over */
    size_t limit;                 /* connections at once, at most */
    size_t accepted;              /* messages since it was lowered */
    int64_t pause_ms;             /* how long the last pause was; 0: none since all went well */
    int64_t resume_ms;            /* no new message before; 0: no pause */
    int64_t rate_us;              /* when the next would be due at the rate (a token bucket) */
};

/* One connection of the pool. */
struct tdm_smtp_line {
    struct tdm_smtp_own *own;
    struct tdm_link *link;
    tidymail_smtp *engine; /* the link's */
    int number;
    size_t under_way; /* messages it has now */
    size_t given;     /* in all */
    size_t answered;  /* of those, the ones that had an answer of their own */
    int64_t opened_ms;
    int64_t idle_ms; /* since when it has nothing to do */
    int begun;       /* it was told to connect */
    int to_drive;    /* it was given something since it was driven */
    int quitting;
};

/* transport_smtp.c */
/* A line that is not connected; NULL with an error in the job's report. */
struct tdm_smtp_line *tdm_smtp_line_new(struct tdm_smtp_own *own, struct tdm_job *job);
void tdm_smtp_line_free(struct tdm_smtp_line *line);
/* TIDYMAIL_OK, or the kind of the error in the job's report: then it did not get the job. */
int tdm_smtp_line_submit(struct tdm_smtp_line *line, struct tdm_job *job);
void tdm_smtp_note(struct tdm_smtp_own *own, const char *text);

/* smtp_pool.c */
/* The link's: a message is done, and more may be given. `line` is a struct tdm_smtp_line. */
void tdm_smtp_pool_reported(void *line, void *job, tidymail_report *report);
void tdm_smtp_pool_more(void *line);
/* Gives what waits to connections, as far as limits and rate allow; frees those that have ended. Not
 * from within a callback of a link. */
void tdm_smtp_pool_pump(struct tdm_smtp_own *own);
/* Pumps and lets the loop wait once: until `until_ms` at most, -1: until something happens. At once
 * where the job is done; NULL: any that was submitted. */
void tdm_smtp_pool_wait(struct tdm_smtp_own *own, const struct tdm_job *job, int64_t until_ms);

/* Allocates transport->impl: TIDYMAIL_OK, or the kind of what is wrong (in transport->error). */
int tdm_smtp_open(tidymail_transport *transport, int lmtp, int implicit);
/* Frees what tdm_smtp_open made; link, loop and TLS context are the other file's. */
void tdm_smtp_free_settings(struct tdm_smtp_own *own);

#endif
