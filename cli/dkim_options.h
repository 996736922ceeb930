/* dkim_options.h: --dkim 'domain=D;selector=S;key=FILE[;...]'. */
#ifndef TIDYMAIL_CLI_DKIM_OPTIONS_H
#define TIDYMAIL_CLI_DKIM_OPTIONS_H

#include <tidymail/message.h>

#include "failure.h"

/* Reads one value and asks the message for that signature; what is wrong with a part of it sticks to
 * the message. 0, or -1 where the value itself is not of that form. With a NULL message it is only
 * read. */
int dkim_option_apply(const char *value, tidymail_message *message, struct cli_failure *failure);

#endif
