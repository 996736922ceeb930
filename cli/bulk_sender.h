/* bulk_sender.h: how messages of `bulk` go out: several under way, each answered once. */
#ifndef TIDYMAIL_CLI_BULK_SENDER_H
#define TIDYMAIL_CLI_BULK_SENDER_H

#include <stddef.h>

#include <tidymail/transport.h>

#include "account.h"

struct bulk_sender;

/* The report is valid during the call. */
typedef void (*bulk_sender_done)(void *context, void *row, const tidymail_report *report);

/* NULL when out of memory. Errors of the URL stick to the transport. */
struct bulk_sender *bulk_sender_open(const struct cli_account *where,
                                     const tidymail_transport_options *options, long connections,
                                     bulk_sender_done done, void *context);
/* Who is under way gets its answer. */
void bulk_sender_close(struct bulk_sender *sender);
const tidymail_transport *bulk_sender_transport(const struct bulk_sender *sender);
/* Hands a message over, which the caller still has to free; `row` comes back with its answer. 0, or -1
 * when out of memory. */
int bulk_sender_submit(struct bulk_sender *sender, tidymail_message *message, void *row);
/* Works until an answer came, nothing is under way or the time is over (-1: no limit). */
void bulk_sender_run(struct bulk_sender *sender, int timeout_ms);

#endif
