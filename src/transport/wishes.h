/*
 * wishes.h: what a message asks of a mail service (tidymail/service.h), for the transports that carry
 * or keep messages. Those that speak a service's API see to it themselves.
 */
#ifndef TDM_TRANSPORT_WISHES_H
#define TDM_TRANSPORT_WISHES_H

#include "provider/provider.h"
#include "transport/fronted.h"
#include "transport/transport_impl.h"

/* What can be asked of a way that knows messages only, and has no words for what services do beside
 * delivering them. */
#define TDM_CAN_PLAIN                                                                              \
    (~(unsigned)(TDM_CAN_TAGS | TDM_CAN_METADATA | TDM_CAN_TRACKING | TDM_CAN_SCHEDULE |           \
                 TDM_CAN_TEMPLATE | TDM_CAN_IDEMPOTENCY | TDM_CAN_SANDBOX))

/* Before a job is sent: checks its message's wishes against what the transport's preset, else `plain`,
 * can do. What that cannot is refused (an error in the report) or, with unsupported=drop, left out with a
 * note. Fields that carry wishes are put in front of the job's source. TIDYMAIL_OK, or the kind of the
 * error. */
int tdm_wishes_begin(tidymail_transport *transport, const struct tdm_capabilities *plain,
                     struct tdm_job *job, struct tdm_fronted *fronted);
/* Afterwards, in every case: the job is as it was. */
void tdm_wishes_end(struct tdm_job *job, struct tdm_fronted *fronted);
/* Of a transport that only keeps messages: notes what is no part of them. */
void tdm_wishes_note(struct tdm_job *job);

#endif
