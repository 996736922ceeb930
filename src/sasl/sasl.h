/*
 * sasl.h: SASL mechanisms (RFC 4422) as pure steps: challenge in, response out. The engine owns
 * base64, the reply codes and the choice of the mechanism; time and randomness are arguments (the
 * nonce), and so is what the TLS layer can bind to.
 */
#ifndef TDM_SASL_H
#define TDM_SASL_H

#include "util/buf.h"

/* Channel bindings of the connection, raw; NULL where the TLS layer cannot give one. */
struct tdm_sasl_binding {
    const char *type; /* "tls-exporter" (RFC 9266) or "tls-server-end-point" (RFC 5929 4) */
    const unsigned char *data;
    size_t length;
};

struct tdm_sasl_credentials {
    const char *user;
    const char *password; /* or the token of XOAUTH2 and OAUTHBEARER */
    const char *nonce;    /* printable, no comma, new for each login; NULL: no SCRAM */
    const char *server;   /* "host:port", for OAUTHBEARER; may be NULL */
    struct tdm_sasl_binding binding;
    int plus_offered; /* the server offered the -PLUS form too */
};

enum tdm_sasl_result {
    TDM_SASL_OK = 0,
    TDM_SASL_UNEXPECTED, /* more challenges than the mechanism has steps */
    TDM_SASL_REFUSED,    /* the challenge is wrong: cancel; `problem` says what */
    TDM_SASL_NO_MEMORY
};

/* One exchange under way. */
struct tdm_sasl {
    const struct tdm_sasl_mechanism *mechanism;
    struct tdm_sasl_credentials credentials;
    int step;
    int initial_sent;
    const char *problem;       /* for people; static */
    struct tdm_buf first_bare; /* SCRAM: client-first-message-bare */
    struct tdm_buf detail;     /* OAuth: the server's error, decoded */
    char server_signature[64]; /* SCRAM: what the server must prove */
    size_t signature_length;
    int server_proved;
};

struct tdm_sasl_mechanism {
    const char *name;
    int needs_tls;        /* shows the secret to whoever listens: never in clear unless allowed */
    int client_first;     /* may go with the AUTH command (RFC 4954 4) */
    int decodes;          /* its challenges mean something: they must be base64 */
    int binds;            /* needs a channel binding (-PLUS) */
    int by_token;         /* the secret is a token, not a password */
    int hides_challenges; /* with them the password could be guessed off line */
    int needs_nonce;
    int by_default; /* part of the order where none is asked for */
    /* Appends the next response, not encoded. */
    enum tdm_sasl_result (*step)(struct tdm_sasl *sasl, const char *challenge, size_t length,
                                 struct tdm_buf *response);
    /* 235 came, with `text` (decoded) where it carried some: is the server who it says it is? NULL:
     * nothing to check. */
    enum tdm_sasl_result (*finish)(struct tdm_sasl *sasl, const char *text, size_t length);
};

/* All mechanisms, in the order of preference; ends with NULL. */
extern const struct tdm_sasl_mechanism *const tdm_sasl_mechanisms[];

extern const struct tdm_sasl_mechanism tdm_sasl_scram_sha_256_plus;
extern const struct tdm_sasl_mechanism tdm_sasl_scram_sha_256;
extern const struct tdm_sasl_mechanism tdm_sasl_scram_sha_1_plus;
extern const struct tdm_sasl_mechanism tdm_sasl_scram_sha_1;
extern const struct tdm_sasl_mechanism tdm_sasl_plain;
extern const struct tdm_sasl_mechanism tdm_sasl_login;
extern const struct tdm_sasl_mechanism tdm_sasl_cram_md5;
extern const struct tdm_sasl_mechanism tdm_sasl_oauthbearer;
extern const struct tdm_sasl_mechanism tdm_sasl_xoauth2;
extern const struct tdm_sasl_mechanism tdm_sasl_external;

/* By name, case-blind; NULL where it is not one of ours. */
const struct tdm_sasl_mechanism *tdm_sasl_find(const char *name, size_t length);
/* Begins (or begins again) an exchange; tdm_sasl_clear ends it. */
void tdm_sasl_start(struct tdm_sasl *sasl, const struct tdm_sasl_mechanism *mechanism,
                    const struct tdm_sasl_credentials *credentials,
                    const tidymail_allocator *allocator);
void tdm_sasl_clear(struct tdm_sasl *sasl);

#endif
