/* bulk_message.h: the message options of `send`, with fields in their values: a message for each row. */
#ifndef TIDYMAIL_CLI_BULK_MESSAGE_H
#define TIDYMAIL_CLI_BULK_MESSAGE_H

#include <tidymail/message.h>

#include "args.h"
#include "bulk_rows.h"

struct bulk_message;

/* Reads options, and the files of --text-file and --html-file; NULL with the failure. Without --to,
 * --cc and --bcc a message goes to {{email}}, without --from it is from `usual_from` (NULL: there is
 * none). Both arguments must outlive it. */
struct bulk_message *bulk_message_new(const struct cli_args *args, const char *usual_from,
                                      int list_is_stdin, struct cli_failure *failure);
void bulk_message_free(struct bulk_message *message);
/* Hash of all that was given: options, and the texts that were read. */
uint64_t bulk_message_hash(const struct bulk_message *message);
/* The message for a row; NULL and why in `problem`. */
tidymail_message *bulk_message_make(struct bulk_message *message, const struct bulk_row *row,
                                    struct bulk_text *problem);

#endif
