/* rest_secrets.h: the secrets of one service, to be starred out wherever a text of the service, or of what
 * stands in front of it, may give them back: as they are, escaped, in base64. */
#ifndef TDM_TRANSPORT_REST_SECRETS_H
#define TDM_TRANSPORT_REST_SECRETS_H

#include "provider/http_message.h"
#include "report/report_data.h"

#define TDM_SECRETS_MAX 48

struct tdm_secrets {
    tidymail_allocator allocator;
    char *items[TDM_SECRETS_MAX]; /* longest first */
    size_t count;
    int failed; /* memory ran out, or there are too many: then nothing of an answer is shown */
};

void tdm_secrets_init(struct tdm_secrets *secrets, const tidymail_allocator *allocator);
/* Wipes them. */
void tdm_secrets_clear(struct tdm_secrets *secrets);
/* NULL and texts of less than four bytes are passed over. */
void tdm_secrets_add(struct tdm_secrets *secrets, const char *text);
/* What the secret fields of a request hold: the whole value, and what stands behind its first word. */
void tdm_secrets_add_fields(struct tdm_secrets *secrets, const struct tdm_http_request *request);
/* Appends `text` with *** for each secret of at least `shortest` bytes. */
void tdm_secrets_hide(const struct tdm_secrets *secrets, const char *text, size_t length,
                      size_t shortest, struct tdm_buf *out);
/* The same for an answer: only secrets that are long enough not to be a part of it by chance. */
void tdm_secrets_hide_response(const struct tdm_secrets *secrets,
                               struct tdm_http_response *response);
/* All texts of a report that came from the service. */
void tdm_secrets_hide_report(const struct tdm_secrets *secrets, tidymail_report *report);

#endif
