/*
 * smtp_own.h: what an SMTP or LMTP transport holds, for its two files:
 *
 *   smtp_open.c       from URL and options to what a connection needs
 *   transport_smtp.c  the connection, and the messages over it
 */
#ifndef TDM_TRANSPORT_SMTP_OWN_H
#define TDM_TRANSPORT_SMTP_OWN_H

#include <tidymail/smtp.h>

#include "net/link.h"
#include "transport/transport_smtp.h"

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
    struct tdm_link *link;
    tidymail_smtp *engine; /* the link's */
    int reused;            /* the link carried a message before this one */
    int stale;             /* it turned out to be dead, and nothing was sent */
};

/* Allocates transport->impl: TIDYMAIL_OK, or the kind of what is wrong (in transport->error). */
int tdm_smtp_open(tidymail_transport *transport, int lmtp, int implicit);
/* Frees what tdm_smtp_open made; link, loop and TLS context are the other file's. */
void tdm_smtp_free_settings(struct tdm_smtp_own *own);

#endif
