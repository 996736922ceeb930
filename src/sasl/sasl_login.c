/*
 * sasl_login.c: LOGIN, which no RFC describes. The user name answers the first challenge and the
 * password the second, whatever the prompts say: they are empty, lower case, not base64 or in
 * another language. Never an initial response: several servers take it for nothing.
 */
#include "sasl/sasl.h"

static enum tdm_sasl_result login_step(struct tdm_sasl *sasl, const char *challenge, size_t length,
                                       struct tdm_buf *response)
{
    (void)challenge;
    (void)length;
    int step = sasl->step++;
    if (step > 1) {
        return TDM_SASL_UNEXPECTED;
    }
    tdm_buf_add_str(response, step == 0 ? sasl->credentials.user : sasl->credentials.password);
    return response->failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
}

const struct tdm_sasl_mechanism tdm_sasl_login = {
    .name = "LOGIN", .needs_tls = 1, .by_default = 1, .step = login_step};
