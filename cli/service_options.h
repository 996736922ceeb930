/* service_options.h: the options that say what is asked of a mail service (tidymail/service.h). */
#ifndef TIDYMAIL_CLI_SERVICE_OPTIONS_H
#define TIDYMAIL_CLI_SERVICE_OPTIONS_H

#include <tidymail/message.h>

#include "args.h"

extern const struct cli_option service_options[];

/* 0, or -1 where values are not written as they must be, or do not go together. Nothing is read. */
int service_options_check(const struct cli_args *args, struct cli_failure *failure);
/* Sets them on the message; what is wrong with a value sticks there. 0, or -1 where a file cannot be
 * read or what it has is no JSON object. */
int service_options_apply(const struct cli_args *args, tidymail_message *message,
                          struct cli_failure *failure);
/* 1 where the value of --template-values is standard input. */
int service_options_read_stdin(const struct cli_args *args);

#endif
