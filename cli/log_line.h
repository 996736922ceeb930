/* log_line.h: one line for each message, as msmtp's: where its account says `logfile` or `syslog`. */
#ifndef TIDYMAIL_CLI_LOG_LINE_H
#define TIDYMAIL_CLI_LOG_LINE_H

#include <stdint.h>

#include "account.h"

struct log_line {
    const tidymail_transport *transport;
    const tidymail_report *report;
    const char *from; /* of the envelope; NULL: not known */
    int64_t size;     /* of the message; -1: not known */
    int status;       /* the exit status */
};

/* 1 where a line is wanted: else nobody need find out what is in it. */
int log_line_wanted(const struct cli_account *where);
/* How large a message is as it is sent; -1: not known. */
int64_t log_line_size(tidymail_message *message);
/* Writes it. A log that cannot be written is said on standard error, and changes nothing: the message
 * is sent already. */
void log_line_write(const struct cli_account *where, const struct log_line *line);

#endif
