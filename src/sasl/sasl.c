/* sasl.c: the list of mechanisms. */
#include "sasl/sasl.h"

#include <string.h>

#include "util/str.h"

const struct tdm_sasl_mechanism *const tdm_sasl_mechanisms[] = {&tdm_sasl_plain, &tdm_sasl_login,
                                                                NULL};

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
                    const struct tdm_sasl_credentials *credentials)
{
    memset(sasl, 0, sizeof(*sasl));
    sasl->mechanism = mechanism;
    sasl->credentials = *credentials;
}
