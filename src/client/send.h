/* send.h: a message on its way out, for send.c (one, waited for) and submit.c (many). */
#ifndef TDM_CLIENT_SEND_H
#define TDM_CLIENT_SEND_H

#include "client/forms.h"
#include "transport/wishes.h"

/* Does not move while it is under way. */
struct tdm_outgoing {
    struct tdm_job job;
    struct tdm_forms forms;
    struct tdm_fronted fronted;
};

/* Makes report and job: TIDYMAIL_OK, or the kind of the error in the report. The report is NULL where
 * memory ran out: then there is nothing to end. */
int tdm_send_begin(tidymail_transport *transport, tidymail_message *message,
                   struct tdm_outgoing *out);
/* The report is complete after this; it is not freed. */
void tdm_send_end(tidymail_transport *transport, struct tdm_outgoing *out);

/* submit.c: everything submitted gets its callback now. */
void tdm_submit_abort(tidymail_transport *transport);

#endif
