/* dkim.h: the finished message with its signatures in front. */
#ifndef TDM_CLIENT_DKIM_H
#define TDM_CLIENT_DKIM_H

#include "message/message_data.h"

/* Opens the 7-bit form of a prepared message, signed where tidymail_message_add_dkim asked for it.
 * TIDYMAIL_OK, or the kind of the error that stuck to the message. */
int tdm_open_signed(tidymail_message *message, tidymail_source *source);

#endif
