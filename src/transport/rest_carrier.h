/*
 * rest_carrier.h: carries one request at a time to a service and brings its answer: looks up, connects (as
 * SMTP does: net/connect.h), decides about the certificate, keeps the deadlines, and keeps the
 * connection for the next request. HTTP itself is the module's (http/http.h).
 */
#ifndef TDM_TRANSPORT_REST_CARRIER_H
#define TDM_TRANSPORT_REST_CARRIER_H

#include "net/proxy.h"
#include "net/resolve.h"
#include "transport/rest_secrets.h"
#include "transport/transport_impl.h"

struct tdm_carrier;

/* One request and what came of it. */
struct tdm_exchange {
    const char *service; /* its name, for people */
    const struct tdm_http_request *request;
    struct tdm_http_response *response; /* initialised */
    const struct tdm_secrets *secrets;
    int64_t deadline_ms;
    int idempotent; /* the service takes this request once, however often it comes */
    /* The error (phase request) where no answer came, server, address, TLS and times. */
    tidymail_report *report;
};

/* NULL when out of memory. `proxy` and `source` may be NULL, and are kept by the caller. */
struct tdm_carrier *tdm_carrier_new(tidymail_transport *transport,
                                    const struct tdm_proxy_config *proxy,
                                    const struct tdm_address *source);
void tdm_carrier_free(struct tdm_carrier *carrier);
/* Returns 1 where there is an answer to be read, else 0 with the report's error set. */
int tdm_carrier_run(struct tdm_carrier *carrier, struct tdm_exchange *exchange);

#endif
