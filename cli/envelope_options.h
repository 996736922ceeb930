/* envelope_options.h: the options that say what the envelope asks the server for. */
#ifndef TIDYMAIL_CLI_ENVELOPE_OPTIONS_H
#define TIDYMAIL_CLI_ENVELOPE_OPTIONS_H

#include <tidymail/message.h>

#include "args.h"

extern const struct cli_option envelope_options[];

/* Sets them on the message; what is wrong with a value sticks there. Returns 0, or -1 where a value
 * is not written as it must be. */
int envelope_options_apply(const struct cli_args *args, tidymail_message *message,
                           struct cli_failure *failure);

#endif
