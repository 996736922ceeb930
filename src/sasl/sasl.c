/* sasl.c: the list of mechanisms, and an exchange's beginning and end. */
#include "sasl/sasl.h"

#include <string.h>

#include "util/str.h"

#define TEXT_MAX 8192

/* The default order: proofs before passwords. CRAM-MD5 comes last since its digest can be attacked
 * off line, which a password under TLS cannot. */
const struct tdm_sasl_mechanism *const tdm_sasl_mechanisms[] = {
    &tdm_sasl_scram_sha_256_plus,
    &tdm_sasl_scram_sha_256,
    &tdm_sasl_scram_sha_1_plus,
    &tdm_sasl_scram_sha_1,
    &tdm_sasl_plain,
    &tdm_sasl_login,
    &tdm_sasl_cram_md5,
    &tdm_sasl_oauthbearer,
    &tdm_sasl_xoauth2,
    &tdm_sasl_external,
    NULL,
};

const struct tdm_sasl_mechanism *tdm_sasl_find(const char *name, size_t length)
{
    for (size_t i = 0; tdm_sasl_mechanisms[i] != NULL; i++) {
        if (tdm_equal_nocase_n(name, length, tdm_sasl_mechanisms[i]->name)) {
            return tdm_sasl_mechanisms[i];
        }
    }
    return NULL;
}

void tdm_sasl_start(struct tdm_sasl *sasl, const struct tdm_sasl_mechanism *mechanism,
                    const struct tdm_sasl_credentials *credentials,
                    const tidymail_allocator *allocator)
{
    memset(sasl, 0, sizeof(*sasl));
    sasl->mechanism = mechanism;
    sasl->credentials = *credentials;
    tdm_buf_init(&sasl->first_bare, allocator, TEXT_MAX);
    tdm_buf_init(&sasl->detail, allocator, TEXT_MAX);
}

void tdm_sasl_clear(struct tdm_sasl *sasl)
{
    if (sasl->mechanism != NULL) {
        tdm_buf_clear(&sasl->first_bare);
        tdm_buf_clear(&sasl->detail);
        memset(sasl, 0, sizeof(*sasl));
    }
}
