/* attach_options.h: the options that add parts to a message: --attach, --inline, --attach-message. */
#ifndef TIDYMAIL_CLI_ATTACH_OPTIONS_H
#define TIDYMAIL_CLI_ATTACH_OPTIONS_H

#include <tidymail/part.h>

#include "args.h"

/* "FILE[;name=N][;type=T][;cid=C]" read; texts to free, NULL where not given. */
struct attach_value {
    char *file;
    char *name;
    char *type;
    char *cid;
};

/* 1 where `name` is one of these options. */
int attach_option_is(const char *name);
/* 1 where the value reads standard input. */
int attach_option_reads_stdin(const char *name, const char *value);
/* Refuses what cannot be read, before any file is; 0 or -1. */
int attach_option_check(const char *name, const char *value, struct cli_failure *failure);
/* 0, or -1 with the failure: a file that cannot be read. Other errors stick to the message. */
int attach_option_apply(const char *name, const char *value, tidymail_message *message,
                        struct cli_failure *failure);

/* The parsing by itself: 0, or -1 with the failure, `option` named in it. The caller ends the value
 * with attach_value_clear in both cases. */
int attach_value_read(struct attach_value *value, const char *option, const char *text,
                      struct cli_failure *failure);
void attach_value_clear(struct attach_value *value);
/* After a call that attached a file: where it could not be read, the failure (status 66) and -1. */
int attach_file_result(int kind, const tidymail_message *message, const char *where,
                       struct cli_failure *failure);

#endif
