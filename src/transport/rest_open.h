/* rest_open.h: what the URL of a mail service may say, for transport.c, which reads URLs, and for
 * transport_rest.c. Errors stick to the transport. */
#ifndef TDM_TRANSPORT_REST_OPEN_H
#define TDM_TRANSPORT_REST_OPEN_H

#include "provider/provider.h"
#include "transport/transport_impl.h"

/* Host, port and path. */
int tdm_rest_check_parts(tidymail_transport *transport);
/* One option: a general one that has a use here, or one of the service's own. */
int tdm_rest_set_option(tidymail_transport *transport, const char *name, size_t length,
                        const char *value);
void tdm_rest_clear_options(tidymail_transport *transport);
/* 1 where the value of an option of this name is not to be shown. */
int tdm_rest_is_secret(const char *name, size_t length);
/* Who sends: afterwards `password` is the secret one and `user` what may be shown. */
int tdm_rest_read_login(tidymail_transport *transport);
/* The option endpoint, which is given: it is a URL of scheme, host, port and a path prefix. The origin
 * ("http://host:port") and the prefix without a slash at its end are the caller's to free. */
int tdm_rest_read_endpoint(tidymail_transport *transport, char **origin, char **prefix);
/* Checks the option region. */
int tdm_rest_check_region(tidymail_transport *transport);

#endif
