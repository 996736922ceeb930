/*
 * transport_group.h: what failover() and roundrobin() share: several transports as one. The text of
 * the URL is parted into members before any of them is parsed; a send tries one after the other.
 */
#ifndef TDM_TRANSPORT_GROUP_H
#define TDM_TRANSPORT_GROUP_H

#include "transport/transport_impl.h"

#define TDM_GROUP_MEMBERS_MAX 64
#define TDM_GROUP_DEPTH_MAX 8 /* groups in groups */

struct tdm_group;

struct tdm_group_member {
    struct tdm_group *group;
    size_t number; /* from 1, for people */
    tidymail_transport *transport;
    int64_t rests_until_ms; /* it failed, and comes last until then; 0: it does not rest */
};

struct tdm_group {
    tidymail_transport *transport;
    struct tdm_group_member *members;
    size_t count;
    size_t next; /* whose turn it is with roundrobin() */
};

/* What `text` begins with, "failover(" or "roundrobin("; NULL: neither. */
const struct tdm_transport_ops *tdm_group_find(const char *text);
/* All that transport_new does for a group: members, options, shown URL. TIDYMAIL_OK, or the kind of
 * the error that stuck. */
int tdm_group_set_up(tidymail_transport *transport, const char *text,
                     const tidymail_transport_options *given);
/* The members that are tried for one message, in this order: from `start` on those that do not rest,
 * then those that rest, the one first that has least left of it. */
void tdm_group_order(const struct tdm_group *group, size_t start, int64_t now_ms,
                     size_t order[TDM_GROUP_MEMBERS_MAX]);
/* Sends: one member after the other, as long as that can mend what went wrong. */
void tdm_group_send(tidymail_transport *transport, struct tdm_job *job, const size_t *order);
void tdm_group_close(tidymail_transport *transport);

/* 1 where a failure of this kind says something of the way and not of the message: another way may
 * carry it. `code` is the reply's, 0: none. */
int tdm_group_moves_on(int kind, int phase, int code);

#endif
