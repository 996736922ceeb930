/* drain.h: what the transports that keep messages (memory, file) share: read the message to its
 * end, say how it ended for every recipient. */
#ifndef TDM_TRANSPORT_DRAIN_H
#define TDM_TRANSPORT_DRAIN_H

#include "transport/transport_impl.h"

/* Hands the message over piece by piece until `take` returns other than 0. Returns TIDYMAIL_OK, or
 * the kind where the message could not be read (the report's error says it) or `take` ended it. */
int tdm_job_drain(struct tdm_job *job, int (*take)(void *context, const char *bytes, size_t length),
                  void *context);
/* Sent, for every recipient; `where` is what the report names as server. */
void tdm_job_sent(struct tdm_job *job, const char *where);
/* Not sent, a local failure. */
void tdm_job_failed(struct tdm_job *job, const char *words, const char *hint);

#endif
