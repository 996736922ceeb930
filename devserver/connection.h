/*
 * connection.h: one connection of the listener: bytes between the socket, TLS where it is on, and
 * the peer (a server session, a scenario, or the doubles of services behind an HTTP session). Everything here runs on the listener's thread.
 */
#ifndef TDM_DEVSERVER_CONNECTION_H
#define TDM_DEVSERVER_CONNECTION_H

#include <uv.h>

#include "http_session.h"
#include "listener.h"
#include "scenario_server.h"
#include "tls_channel.h"

enum tdm_connection_tls {
    TDM_CONNECTION_PLAIN,
    TDM_CONNECTION_HANDSHAKE,
    TDM_CONNECTION_ENCRYPTED
};

struct tdm_connection {
    struct tdm_connection *next;
    struct tdm_connection *previous;
    const struct tdm_listener_options *options;
    struct tdm_connection **list; /* the listener's */
    size_t number;
    int fd;
    uv_poll_t poll;
    uv_timer_t timer;
    int open_handles;
    int closing;  /* the handles are being closed: nothing may be done any more */
    int scripted; /* which of the three: scene, */
    int web;      /* http, else session */
    struct tdm_server_session session;
    struct tdm_scenario_server scene;
    struct tdm_http_session http;
    enum tdm_connection_tls tls;
    struct tdm_tls_channel channel;
    int64_t tls_deadline;
    struct tdm_buf out; /* as it goes to the network */
    int end_of_file;    /* the client closed, or the connection broke */
    int broken;         /* writing failed: what is still said is lost */
    int goodbye;        /* all is said and our side is shut: wait for the client's end */
    int64_t goodbye_deadline;
};

/* Takes over the socket (non-blocking); it is closed where that fails. */
void tdm_connection_open(uv_loop_t *loop, int fd, size_t number,
                         const struct tdm_listener_options *options, struct tdm_connection **list);
/* Closes at once. */
void tdm_connection_close(struct tdm_connection *connection);

#endif
