/*
 * connect.h: from host and port to a connected socket: looks the name up and tries each address in
 * turn, all within one timeout. The answer never comes inside tdm_connect_start, and the connector
 * may be freed in its callback.
 */
#ifndef TDM_NET_CONNECT_H
#define TDM_NET_CONNECT_H

#include "net/note.h"
#include "net/resolve.h"

struct tdm_connect;

struct tdm_connect_options {
    const char *host; /* a name, or a numeric address */
    int port;
    int64_t timeout_ms;                  /* looking up and all connections together */
    const struct tdm_address *addresses; /* tried in place of the name's; NULL: look it up */
    size_t address_count;
    int64_t (*now_ms)(void);
    struct tdm_net_trace trace;
    /* The phase that begins: TIDYMAIL_PHASE_RESOLVE, then _CONNECT; may be NULL. */
    void (*phase)(void *context, int phase);
    /* A non-blocking socket, the callee's from now on, and the address it is connected to; or -1,
     * NULL, and why: RESOLVE, CONNECTION, TIMEOUT or LOCAL with phase, words, hint, retryable. */
    void (*done)(void *context, int fd, const struct tdm_address *address,
                 const struct tidymail_error *error);
    void *context;
};

/* NULL when out of memory. Texts and addresses are copied. */
struct tdm_connect *tdm_connect_start(struct tdm_loop *loop,
                                      const struct tdm_connect_options *options);
/* Gives up where it is not done. NULL is accepted. */
void tdm_connect_free(struct tdm_connect *own);

#endif
