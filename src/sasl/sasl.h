/*
 * sasl.h: SASL mechanisms (RFC 4422) as pure steps: challenge in, response out. The engine owns
 * base64, the reply codes and the choice of the mechanism.
 */
#ifndef TDM_SASL_H
#define TDM_SASL_H

#include "util/buf.h"

struct tdm_sasl_credentials {
    const char *user;
    const char *password;
};

enum tdm_sasl_result {
    TDM_SASL_OK = 0,
    TDM_SASL_UNEXPECTED, /* more challenges than the mechanism has steps */
    TDM_SASL_REFUSED,    /* the challenge is wrong: cancel */
    TDM_SASL_NO_MEMORY
};

/* One exchange under way. */
struct tdm_sasl {
    const struct tdm_sasl_mechanism *mechanism;
    struct tdm_sasl_credentials credentials;
    int step;
    int initial_sent;
};

struct tdm_sasl_mechanism {
    const char *name;
    int needs_tls;    /* shows the password to whoever listens: never in clear unless allowed */
    int client_first; /* may go with the AUTH command (RFC 4954 4) */
    /* Appends the next response, not encoded. `challenge` is the text behind 334 as it came, not
     * decoded: PLAIN and LOGIN answer by position, since servers put anything there. */
    enum tdm_sasl_result (*step)(struct tdm_sasl *sasl, const char *challenge, size_t length,
                                 struct tdm_buf *response);
};

/* All mechanisms, in the order of preference; ends with NULL. */
extern const struct tdm_sasl_mechanism *const tdm_sasl_mechanisms[];

extern const struct tdm_sasl_mechanism tdm_sasl_plain;
extern const struct tdm_sasl_mechanism tdm_sasl_login;

/* By name, case-blind; NULL where it is not one of ours. */
const struct tdm_sasl_mechanism *tdm_sasl_find(const char *name, size_t length);
/* Begins (or begins again) an exchange. */
void tdm_sasl_start(struct tdm_sasl *sasl, const struct tdm_sasl_mechanism *mechanism,
                    const struct tdm_sasl_credentials *credentials);

#endif
