/* prepare.h: a message made ready with the clock and the random numbers of the system. */
#ifndef TDM_CLIENT_PREPARE_H
#define TDM_CLIENT_PREPARE_H

#include "message/message_data.h"

/* TIDYMAIL_OK, or the kind of the error that stuck to the message. */
int tdm_message_prepare_now(tidymail_message *message);

#endif
