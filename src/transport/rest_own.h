/*
 * rest_own.h: what the files of the carrier share:
 *
 *   rest_carrier.c the connection, and a request over it
 *   rest_verdict.c what became of it, where it is not a whole answer
 *   rest_show.c    the transcript
 */
#ifndef TDM_TRANSPORT_REST_OWN_H
#define TDM_TRANSPORT_REST_OWN_H

#include "http/http.h"
#include "net/connect.h"
#include "net/tls.h"
#include "transport/rest_carrier.h"

/* What bounds the wait at a time. */
enum tdm_limit { TDM_LIMIT_WHOLE, TDM_LIMIT_TLS, TDM_LIMIT_PROGRESS, TDM_LIMIT_ANSWER };

struct tdm_carrier {
    tidymail_transport *transport;
    tidymail_allocator allocator;
    const struct tdm_proxy_config *proxy;
    const struct tdm_address *source;
    struct tdm_loop loop;
    struct tdm_tls_context *tls_context;
    const struct tdm_http_module *module; /* NULL before the first request */
    void *library;
    char *host; /* where the connection goes */
    int port;
    int is_tls;
    /* the connection */
    struct tdm_http_session *session; /* NULL: there is none */
    struct tdm_tls *tls;
    struct tdm_watch *watch;
    struct tdm_timer *pulse; /* the module's */
    struct tdm_timer *limit;
    int fd;
    int offered; /* it waits for the module to take it */
    int tls_noted;
    char *address;
    int64_t idle_since_ms;
    /* the request under way */
    struct tdm_exchange *exchange;
    int done;
    enum tdm_http_end end;
    int phase; /* whose time runs since phase_ms; -1: none */
    int64_t phase_ms;
    int64_t began_ms;
    int64_t progress_ms; /* when something went on last */
    enum tdm_limit limit_of;
    int64_t limit_ms;
    int timed_out;
    int too_large;
    int no_memory;
    int head_sent;
    int is_written; /* the whole request */
    size_t taken;   /* of its body */
    int status;
    size_t head_bytes;
    int head_is_whole; /* of the final answer */
    int body_begun;
};

/* The server's certificate for who asked for it; `error`: why it was refused, NULL: it was not. */
void tdm_carrier_show_certificate(const struct tdm_carrier *own,
                                  const struct tidymail_error *error);
/* 1 where what came is to be read as the answer; else the report's error is set. */
int tdm_carrier_judge(struct tdm_carrier *own);

#endif
