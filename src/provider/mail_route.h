/*
 * mail_route.h: a message that goes to others than those it names, or to some of them only: the
 * options redirect and allow, and a later attempt for the recipients that are left. A view of the
 * message is rewritten, so that no service learns of a recipient who is to get nothing.
 */
#ifndef TDM_PROVIDER_MAIL_ROUTE_H
#define TDM_PROVIDER_MAIL_ROUTE_H

#include "provider/mail.h"

#define TDM_NOWHERE SIZE_MAX
#define TDM_REDIRECTED_FOR "X-Redirected-For"

struct tdm_route {
    const char *const
        *recipients; /* who gets the message: those of the job's envelope and report */
    size_t recipient_count;
    const size_t *place; /* for each recipient of the message, which of these gets it; TDM_NOWHERE:
                            nobody */
    const char *redirected_for; /* value of the field X-Redirected-For; NULL: there is none */
};

/* To, Cc, Bcc and the envelope of `mail` become those of the route, which must live as long. With
 * `with_field` X-Redirected-For stands among the fields. TIDYMAIL_OK, or the kind of the error set;
 * the message must not be sent then. tdm_mail_clear frees what was made. */
int tdm_mail_route(struct tdm_mail *mail, const struct tdm_route *route, int with_field,
                   struct tidymail_error *error);
/* For tdm_mail_read_raw: makes of `out`, which holds the finished message from `start` on, the
 * message for the route. With `by_header` the service takes the recipients from its header: To, Cc
 * and Bcc, and those of Resent-, are replaced. */
int tdm_mail_route_raw(const struct tdm_mail *mail, int by_header, size_t start,
                       struct tdm_buf *out, struct tidymail_error *error);
/* The field X-Redirected-For, folded. */
void tdm_mail_add_redirected_for(struct tdm_buf *out, const char *value);

#endif
