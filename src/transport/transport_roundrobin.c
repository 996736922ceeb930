/* transport_roundrobin.c: `roundrobin(URL URL ...)`: each message begins at the next member, and goes
 * on to others as failover() does. */
#include "transport/transport_group.h"

static void roundrobin_send(tidymail_transport *transport, struct tdm_job *job)
{
    struct tdm_group *group = transport->impl;
    size_t order[TDM_GROUP_MEMBERS_MAX];
    tdm_group_order(group, group->next, transport->clock.now_ms(), order);
    group->next = (order[0] + 1) % group->count;
    tdm_group_send(transport, job, order);
}

const struct tdm_transport_ops tdm_transport_roundrobin = {
    .scheme = "roundrobin",
    .send = roundrobin_send,
    .close = tdm_group_close,
};
