/* send_options.h: options of send that say where to and what to show; render takes them too. */
#ifndef TIDYMAIL_CLI_SEND_OPTIONS_H
#define TIDYMAIL_CLI_SEND_OPTIONS_H

#include "args.h"

extern const struct cli_option send_where[];
extern const struct cli_option send_account[];

#endif
