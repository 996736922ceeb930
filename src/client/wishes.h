/* wishes.h: what a message asks of a mail service, where the transport is none that takes it itself. */
#ifndef TDM_CLIENT_WISHES_H
#define TDM_CLIENT_WISHES_H

#include "message/message_data.h"
#include "transport/transport_impl.h"

/* Header fields in front of the finished message. */
struct tdm_fronted {
    struct tdm_buf fields;
    size_t at;
    tidymail_source inner;
};

/* Checks the wishes against what the transport can do: what it cannot is refused (an error in the report)
 * or, with unsupported=drop, left out with a note; a transport that only keeps messages notes what is not
 * part of them. Fields that carry wishes are made ready in `fronted`, which is to be initialised here and
 * cleared in every case. TIDYMAIL_OK, or the kind of the report's error. */
int tdm_wishes_prepare(tidymail_transport *transport, const tidymail_message *message,
                       tidymail_report *report, struct tdm_fronted *fronted);
/* Puts the fields in front of the source, which `fronted` takes over; nothing where there are none. */
void tdm_wishes_front(struct tdm_fronted *fronted, tidymail_source *source);
void tdm_wishes_clear_front(struct tdm_fronted *fronted);

#endif
