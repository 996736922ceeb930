/* message_options.h: the options that say what a message is; send and render share them. */
#ifndef TIDYMAIL_CLI_MESSAGE_OPTIONS_H
#define TIDYMAIL_CLI_MESSAGE_OPTIONS_H

#include <tidymail/message.h>

#include "args.h"

extern const struct cli_option message_options[];
/* Those that --help shows by name only. */
extern const struct cli_option message_more_options[];

enum message_part { MESSAGE_SENDER = 1, MESSAGE_RECIPIENT = 2 };

/* Refuses what cannot go together, before any file is read; 0 or -1. `envelope` says which of sender
 * and recipient must be given (or --eml, which has them). */
int message_options_check(const struct cli_args *args, int envelope, struct cli_failure *failure);
/* Sets everything on the message; what is wrong with a value sticks there. Returns 0, or -1 where a
 * file could not be read. */
int message_options_apply(const struct cli_args *args, tidymail_message *message,
                          struct cli_failure *failure);

#endif
