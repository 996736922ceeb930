/* sendmail_message.h: what a program hands to sendmail: bytes with a header at their beginning. */
#ifndef TIDYMAIL_CLI_SENDMAIL_MESSAGE_H
#define TIDYMAIL_CLI_SENDMAIL_MESSAGE_H

#include <stddef.h>

#include "failure.h"

struct sendmail_message {
    char *bytes;
    size_t start;  /* behind a "From " line of a mailbox, if it begins with one */
    size_t length; /* of all */
    size_t body;   /* where the header ends: its empty line, or what is no field any more */
    size_t cut;    /* how many bytes came behind a lone dot, blanks and line ends aside */
};

/* Reads standard input to its end, or to a line with nothing but a dot (`with_dot`); 0 or -1. */
int sendmail_message_read(struct sendmail_message *message, int with_dot,
                          struct cli_failure *failure);
void sendmail_message_clear(struct sendmail_message *message);
/* The values of all fields of a name, unfolded, with commas between; to be freed. NULL: there is no
 * such field (or out of memory). */
char *sendmail_message_field(const struct sendmail_message *message, const char *name);
/* The message with `fields` (whole lines with CRLF) in front and without the fields in `without` (names
 * with blanks between). To be freed; NULL when out of memory. */
char *sendmail_message_rewrite(const struct sendmail_message *message, const char *fields,
                               const char *without, size_t *length);

#endif
