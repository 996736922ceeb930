/* transport_failover.c: `failover(URL URL ...)`: each message goes to the first member that works. */
#include "transport/transport_group.h"

static void failover_send(tidymail_transport *transport, struct tdm_job *job)
{
    size_t order[TDM_GROUP_MEMBERS_MAX];
    tdm_group_order(transport->impl, 0, transport->clock.now_ms(), order);
    tdm_group_send(transport, job, order);
}

const struct tdm_transport_ops tdm_transport_failover = {
    .scheme = "failover",
    .send = failover_send,
    .close = tdm_group_close,
};
