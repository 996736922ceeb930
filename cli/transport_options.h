/* transport_options.h: the options of a URL, as options of the command line that beat it. */
#ifndef TIDYMAIL_CLI_TRANSPORT_OPTIONS_H
#define TIDYMAIL_CLI_TRANSPORT_OPTIONS_H

#include <tidymail/transport.h>

#include "args.h"

extern const struct cli_option transport_option_names[];

/* "name=value" for each one given; 0 or -1. The caller ends it with transport_options_free. */
int transport_options_collect(const struct cli_args *args, tidymail_transport_options *options,
                              struct cli_failure *failure);
void transport_options_free(tidymail_transport_options *options);

#endif
