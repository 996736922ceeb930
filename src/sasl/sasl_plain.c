/* sasl_plain.c: PLAIN (RFC 4616). One response, whatever the server's prompt says. */
#include "sasl/sasl.h"

#include <string.h>

/* A server that got the initial response and still answers 334 (Mailgun: "334 Go ahead") is sent it
 * a second time, as MailKit and others do; a third time never. */
static enum tdm_sasl_result plain_step(struct tdm_sasl *sasl, const char *challenge, size_t length,
                                       struct tdm_buf *response)
{
    (void)challenge;
    (void)length;
    int allowed = sasl->initial_sent ? 2 : 1;
    if (sasl->step++ >= allowed) {
        return TDM_SASL_UNEXPECTED;
    }
    tdm_buf_add_char(response, '\0');
    tdm_buf_add_str(response, sasl->credentials.user);
    tdm_buf_add_char(response, '\0');
    tdm_buf_add_str(response, sasl->credentials.password);
    return response->failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
}

const struct tdm_sasl_mechanism tdm_sasl_plain = {
    .name = "PLAIN", .needs_tls = 1, .client_first = 1, .by_default = 1, .step = plain_step};
