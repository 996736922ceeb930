/* fronted.h: header fields in front of a finished message. */
#ifndef TDM_TRANSPORT_FRONTED_H
#define TDM_TRANSPORT_FRONTED_H

#include <stdint.h>

#include "transport/transport_impl.h"

struct tdm_fronted {
    struct tdm_buf fields;
    size_t at;
    tidymail_source inner; /* what is behind them */
    int64_t size;          /* wishes.c: that of the job's envelope before */
};

/* Puts the fields in front of what `source` says, which is at its start. Its release stays as it is; the
 * context is `fronted`. */
void tdm_fronted_put(struct tdm_fronted *fronted, tidymail_source *source);

#endif
