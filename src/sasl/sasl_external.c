/* sasl_external.c: EXTERNAL (RFC 4422 appendix A): the client certificate says who we are. The user
 * name, where one was given, is the identity to act as. */
#include "sasl/sasl.h"

static enum tdm_sasl_result external_step(struct tdm_sasl *sasl, const char *challenge,
                                          size_t length, struct tdm_buf *response)
{
    (void)challenge;
    (void)length;
    int allowed = sasl->initial_sent ? 2 : 1;
    if (sasl->step++ >= allowed) {
        return TDM_SASL_UNEXPECTED;
    }
    if (sasl->credentials.user != NULL) {
        tdm_buf_add_str(response, sasl->credentials.user);
    }
    return response->failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
}

const struct tdm_sasl_mechanism tdm_sasl_external = {
    .name = "EXTERNAL", .client_first = 1, .step = external_step};
