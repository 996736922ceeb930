/*
 * sasl_oauth.c: OAUTHBEARER (RFC 7628) and Google's and Microsoft's XOAUTH2. A refused token comes as
 * a 334 with JSON that says why; it is answered by a dummy (RFC 7628 3.2.3: one ^A; XOAUTH2: an empty
 * line), and the 535 follows.
 */
#include "sasl/sasl.h"

#include <string.h>

#define DETAIL_MAX 2048

static enum tdm_sasl_result oauth_keep_detail(struct tdm_sasl *sasl, const char *challenge,
                                              size_t length)
{
    tdm_buf_add(&sasl->detail, challenge, length < DETAIL_MAX ? length : DETAIL_MAX);
    return sasl->detail.failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
}

/* 1 where this step sends the token: the first, or the answer to an empty challenge before it. */
static int oauth_is_token_step(const struct tdm_sasl *sasl, size_t length)
{
    return sasl->step == 1 && (!sasl->initial_sent || length == 0);
}

static enum tdm_sasl_result oauthbearer_step(struct tdm_sasl *sasl, const char *challenge,
                                             size_t length, struct tdm_buf *response)
{
    const struct tdm_sasl_credentials *credentials = &sasl->credentials;
    sasl->step++;
    if (oauth_is_token_step(sasl, length)) {
        tdm_buf_add_str(response, "n,a=");
        for (const char *p = credentials->user; *p != '\0'; p++) { /* RFC 5801 4: saslname */
            if (*p == ',') {
                tdm_buf_add_str(response, "=2C");
            } else if (*p == '=') {
                tdm_buf_add_str(response, "=3D");
            } else {
                tdm_buf_add_char(response, *p);
            }
        }
        tdm_buf_add_str(response, ",\001");
        const char *port = credentials->server != NULL ? strrchr(credentials->server, ':') : NULL;
        if (port != NULL) {
            tdm_buf_addf(response, "host=%.*s\001port=%s\001", (int)(port - credentials->server),
                         credentials->server, port + 1);
        }
        tdm_buf_addf(response, "auth=Bearer %s\001\001", credentials->password);
        return response->failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
    }
    if (sasl->step > 2) {
        return TDM_SASL_UNEXPECTED;
    }
    tdm_buf_add_char(response, '\001');
    return response->failed ? TDM_SASL_NO_MEMORY : oauth_keep_detail(sasl, challenge, length);
}

static enum tdm_sasl_result xoauth2_step(struct tdm_sasl *sasl, const char *challenge,
                                         size_t length, struct tdm_buf *response)
{
    sasl->step++;
    if (oauth_is_token_step(sasl, length)) {
        tdm_buf_addf(response, "user=%s\001auth=Bearer %s\001\001", sasl->credentials.user,
                     sasl->credentials.password);
        return response->failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
    }
    if (sasl->step > 2) {
        return TDM_SASL_UNEXPECTED;
    }
    return oauth_keep_detail(sasl, challenge, length);
}

const struct tdm_sasl_mechanism tdm_sasl_oauthbearer = {.name = "OAUTHBEARER",
                                                        .needs_tls = 1,
                                                        .client_first = 1,
                                                        .decodes = 1,
                                                        .by_token = 1,
                                                        .step = oauthbearer_step};

const struct tdm_sasl_mechanism tdm_sasl_xoauth2 = {.name = "XOAUTH2",
                                                    .needs_tls = 1,
                                                    .client_first = 1,
                                                    .decodes = 1,
                                                    .by_token = 1,
                                                    .step = xoauth2_step};
