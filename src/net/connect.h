/*
 * connect.h: from host and port (or the path of a Unix socket) to a connected socket: looks the name
 * up and tries its addresses, each with a short head start before the next (RFC 8305), all within one
 * timeout; through a proxy where one is given. The answer never comes inside tdm_connect_start, and
 * the connector may be freed in its callback.
 */
#ifndef TDM_NET_CONNECT_H
#define TDM_NET_CONNECT_H

#include "net/note.h"
#include "net/proxy.h"
#include "net/resolve.h"

struct tdm_connect;

struct tdm_connect_options {
    const char *host; /* a name, or a numeric address */
    int port;
    const char *unix_path;               /* in place of host and port; NULL: none */
    int64_t timeout_ms;                  /* looking up, all connections and the proxy together */
    const struct tdm_address *addresses; /* tried in place of the name's; NULL: look it up */
    size_t address_count;
    const struct tdm_address *source;     /* bound to first, its port is 0; NULL: any */
    const struct tdm_proxy_config *proxy; /* NULL: none; kept by the caller while this lives */
    int64_t (*now_ms)(void);
    struct tdm_net_trace trace;
    /* The phase that begins: TIDYMAIL_PHASE_RESOLVE, then _CONNECT; may be NULL. */
    void (*phase)(void *context, int phase);
    /* Before `done`, where a name was looked up and one of its addresses stands: all of them, that one
     * first, for the connections that follow soon; may be NULL. */
    void (*resolved)(void *context, const struct tdm_address *addresses, size_t count);
    /* A non-blocking socket, the callee's from now on, and the address it is connected to (NULL
     * through a proxy: nobody knows it); or -1, NULL, and why: RESOLVE, CONNECTION, TIMEOUT,
     * CONFIGURATION (source) or LOCAL with phase, words, hint, retryable. */
    void (*done)(void *context, int fd, const struct tdm_address *address,
                 const struct tidymail_error *error);
    void *context;
};

/* NULL when out of memory. Texts and addresses are copied. */
struct tdm_connect *tdm_connect_start(struct tdm_loop *loop,
                                      const struct tdm_connect_options *options);
/* Gives up where it is not done. NULL is accepted. */
void tdm_connect_free(struct tdm_connect *own);

/* Puts the addresses of both families in turns, beginning with the first one's, and leaves the order
 * within a family as it is (RFC 8305 4). */
void tdm_connect_interleave(struct tdm_address *addresses, size_t count);

#endif
