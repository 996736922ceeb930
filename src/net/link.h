/*
 * link.h: one connection to a server and the SMTP engine on it: runs the engine (tidymail/smtp.h)
 * over a socket, in clear and under TLS. A link outlives the messages it carries.
 */
#ifndef TDM_NET_LINK_H
#define TDM_NET_LINK_H

#include "net/note.h"
#include "net/proxy.h"
#include "net/resolve.h"
#include "net/tls.h"
#include "smtp/smtp_engine.h"

struct tdm_link;

struct tdm_link_options {
    const char *host; /* kept by the caller while the link lives */
    int port;
    int64_t connect_timeout_ms;
    const struct tdm_address *addresses; /* in place of the host's; NULL: look them up */
    size_t address_count;
    const char *unix_path;                /* in place of host and port; NULL: none */
    const struct tdm_address *source;     /* to connect from; NULL: any */
    const struct tdm_proxy_config *proxy; /* NULL: none. All kept by the caller, as the host */
    int64_t (*now_ms)(void);
    struct tdm_net_trace trace;
    /* The TLS context, made at its first use; NULL with `error` set on failure. */
    struct tdm_tls_context *(*tls)(void *owner, struct tidymail_error *error);
    /* The addresses that were looked up, the one connected to first; NULL: nobody asks. */
    void (*resolved)(void *owner, const struct tdm_address *addresses, size_t count);
    /* The server's certificate, also where it was refused; NULL: nobody asks. `facts` is valid during
     * the call. */
    void (*certificate)(void *owner, const struct tdm_certificate *facts);
    /* A message is done: what the engine's REPORT event says. May not free the link. */
    void (*reported)(void *owner, void *job, tidymail_report *report);
    /* Before something is written: more messages may be submitted now. NULL: nobody has any. */
    void (*more)(void *owner);
    void *owner;
};

/* A link that is not connected yet. `smtp` becomes its own, also where NULL is returned (out of
 * memory). Submit the first message to the engine before tdm_link_connect. */
struct tdm_link *tdm_link_new(struct tdm_loop *loop, const struct tdm_link_options *options,
                              tidymail_smtp *smtp);
/* Cuts the connection where one stands. */
void tdm_link_free(struct tdm_link *link);

void tdm_link_connect(struct tdm_link *link);
/* After a message was submitted: sends what can be sent. Then the loop does the rest. */
void tdm_link_drive(struct tdm_link *link);
/* 1 where the link may carry another message: the session is in order, and the server has neither
 * closed the connection nor said anything since. */
int tdm_link_is_fresh(struct tdm_link *link);
/* Waits for what the server says, and settles, where nothing but that can happen next: a call less than
 * by the loop. 0: it did not, or nothing came in a quarter of a second; use the loop. */
int tdm_link_wait(struct tdm_link *link);
/* Cuts the connection, as if the driver had failed: all messages under way get their reports. */
void tdm_link_abort(struct tdm_link *link, const char *words);
/* QUIT, and no more messages; the link closes soon. */
void tdm_link_quit(struct tdm_link *link);
int tdm_link_is_closed(const struct tdm_link *link);

#endif
