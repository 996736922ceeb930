/* sasl_cram_md5.c: CRAM-MD5 (RFC 2195): user name, blank, HMAC-MD5 of the challenge in hex. */
#include "sasl/sasl.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static enum tdm_sasl_result cram_md5_step(struct tdm_sasl *sasl, const char *challenge,
                                          size_t length, struct tdm_buf *response)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_length = 0;
    const char *password = sasl->credentials.password;
    if (sasl->step++ > 0) {
        return TDM_SASL_UNEXPECTED;
    }
    if (length == 0) {
        sasl->problem = "the server's CRAM-MD5 challenge is empty";
        return TDM_SASL_REFUSED;
    }
    if (HMAC(EVP_md5(), password, (int)strlen(password), (const unsigned char *)challenge, length,
             digest, &digest_length) == NULL) {
        sasl->problem = "MD5 is not available in this OpenSSL";
        return TDM_SASL_REFUSED;
    }
    tdm_buf_addf(response, "%s ", sasl->credentials.user);
    for (unsigned int i = 0; i < digest_length; i++) {
        tdm_buf_add_char(response, hex[digest[i] >> 4]);
        tdm_buf_add_char(response, hex[digest[i] & 15]);
    }
    return response->failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
}

const struct tdm_sasl_mechanism tdm_sasl_cram_md5 = {.name = "CRAM-MD5",
                                                     .decodes = 1,
                                                     .hides_challenges = 1,
                                                     .by_default = 1,
                                                     .step = cram_md5_step};
