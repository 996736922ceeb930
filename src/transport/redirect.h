/*
 * redirect.h: the options redirect and allow, for staging: whatever the program sends, nobody but
 * those named here gets mail. They hold for every transport, since tdm_transport_send, the one way to
 * a transport's own send, applies them.
 */
#ifndef TDM_TRANSPORT_REDIRECT_H
#define TDM_TRANSPORT_REDIRECT_H

#include "transport/transport_impl.h"

/* Checks both options, and writes them as addresses stand in an envelope. TIDYMAIL_OK, or the kind of
 * the error that stuck. */
int tdm_redirect_check(tidymail_transport *transport);

#endif
