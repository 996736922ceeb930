/*
 * listener.h: the sockets of the test server: a thread with an event loop of its own that accepts
 * connections and lets each talk to a server session, or play a scenario.
 */
#ifndef TDM_DEVSERVER_LISTENER_H
#define TDM_DEVSERVER_LISTENER_H

#include "api.h"
#include "inbox.h"
#include "scenario.h"
#include "server_session.h"
#include "tester_ca.h"

struct tdm_listener;

/* All pointers stay the caller's and must outlive the listener. */
struct tdm_listener_options {
    const char *host; /* a numeric loopback address */
    int port;         /* 0: any */
    struct tdm_inbox *inbox;
    struct tdm_tester_ca *ca;            /* NULL: no TLS */
    const struct tdm_scenario *scenario; /* NULL: a real session */
    struct tdm_api *api;                 /* the doubles of HTTP APIs in place of mail; NULL: mail */
    struct tdm_server_options session;   /* its trace is set here */
    int implicit_tls;
    void (*log)(void *context, const char *line);
    void *log_context;
};

/* Listens and starts the thread; NULL with one line in `error`. */
struct tdm_listener *tdm_listener_start(const struct tdm_listener_options *options,
                                        struct tdm_buf *error);
int tdm_listener_port(const struct tdm_listener *listener);
/* Ends all connections and the thread, frees. */
void tdm_listener_stop(struct tdm_listener *listener);

#endif
