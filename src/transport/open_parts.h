/* open_parts.h: what the transports over a network read of URL and options in the same way; errors stick
 * to the transport. */
#ifndef TDM_TRANSPORT_OPEN_PARTS_H
#define TDM_TRANSPORT_OPEN_PARTS_H

#include "net/proxy.h"
#include "net/resolve.h"
#include "net/tls.h"
#include "transport/transport_impl.h"

/* 1 for localhost and the addresses of this machine itself. */
int tdm_open_is_loopback(const char *host);
/* The host as DNS and certificates have it; TIDYMAIL_OK or the kind. */
int tdm_open_host(tidymail_transport *transport, const char *host, char **out);
/* The option proxy, which is given; the texts of `proxy` are those of `url`. */
int tdm_open_proxy(tidymail_transport *transport, struct tdm_url *url,
                   struct tdm_proxy_config *proxy);
/* The option source, which is given. */
int tdm_open_source(tidymail_transport *transport, struct tdm_address *source);
/* A TLS context by the options ca, verify, cert and key; NULL with `error` set. */
struct tdm_tls_context *tdm_open_tls(const tidymail_transport *transport,
                                     struct tidymail_error *error);

#endif
