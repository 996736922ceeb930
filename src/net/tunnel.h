/*
 * tunnel.h: asks a proxy, over a socket connected to it, for a connection to the server (proxy.h is
 * what is said). The answer never comes inside tdm_tunnel_start, and the tunnel may be freed in its
 * callback.
 */
#ifndef TDM_NET_TUNNEL_H
#define TDM_NET_TUNNEL_H

#include "net/loop.h"
#include "net/proxy.h"

struct tdm_tunnel;

struct tdm_tunnel_options {
    int fd; /* stays the caller's */
    const struct tdm_proxy_config *proxy;
    const char *host; /* what is asked for; kept by the caller */
    int port;
    int64_t timeout_ms;
    /* NULL: what is written to the socket from now on goes to the server. */
    void (*done)(void *context, const struct tidymail_error *error);
    void *context;
};

/* NULL when out of memory. */
struct tdm_tunnel *tdm_tunnel_start(struct tdm_loop *loop,
                                    const struct tdm_tunnel_options *options);
/* Gives up where it is not done. NULL is accepted. */
void tdm_tunnel_free(struct tdm_tunnel *tunnel);

#endif
