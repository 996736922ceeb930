/* credentials.h: the secret of a transport, where password-from says where it is. */
#ifndef TDM_CLIENT_CREDENTIALS_H
#define TDM_CLIENT_CREDENTIALS_H

#include "transport/transport_impl.h"

/* Fills transport->password from password-from where it is not there yet: at the first send, so
 * that opening a transport touches nothing. Returns TIDYMAIL_OK or the kind, with `error` set: it
 * concerns this send alone, the next one looks again. No error shows the secret or a command
 * line. */
int tdm_credentials_load(tidymail_transport *transport, struct tidymail_error *error);
/* What a send ended with: a secret from password-from that the server refused is forgotten, so that
 * the next send asks for it again (a token that ran out). */
void tdm_credentials_after(tidymail_transport *transport, const struct tidymail_error *error);

#endif
