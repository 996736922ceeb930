/* credentials.h: the secret of a transport, where password-from says where it is. */
#ifndef TDM_CLIENT_CREDENTIALS_H
#define TDM_CLIENT_CREDENTIALS_H

#include "transport/transport_impl.h"

/* Fills transport->password from password-from where it is not there yet: at the first send, so
 * that opening a transport touches nothing. Returns TIDYMAIL_OK or the kind, with the error in
 * transport->error. No error shows the secret or a command line. */
int tdm_credentials_load(tidymail_transport *transport);

#endif
