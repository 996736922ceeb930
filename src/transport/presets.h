/*
 * presets.h: the SMTP servers of mail services by name ("sendgrid+smtp://KEY@"): host, port, how the
 * login is made of what the service's users have, and the header fields that carry what a message asks
 * of the service. presets.def has the services; preset_fields.c the fields.
 */
#ifndef TDM_TRANSPORT_PRESETS_H
#define TDM_TRANSPORT_PRESETS_H

#include "provider/provider.h"
#include "provider/sigv4.h"
#include "transport/transport_impl.h"

enum tdm_preset_login_rule {
    TDM_PRESET_GIVEN,
    TDM_PRESET_LITERAL,
    TDM_PRESET_ANY,
    TDM_PRESET_SAME,
    TDM_PRESET_SES
};

struct tdm_preset_writer;

struct tdm_preset {
    const char *scheme; /* "ses+smtp" */
    const char *host;
    const char *other;
    const char *other_host;
    const char *ports;
    const char *tls_ports;
    enum tdm_preset_login_rule login;
    const char *user;
    const char *form;
    const char *auth;
    void (*write)(struct tdm_preset_writer *writer);
    /* Scheme (without +smtp), what it can do, and its options, whose paths are header fields or
     * members of the one JSON object. It has neither build nor parse. */
    struct tdm_provider service;
};

/* What a transport keeps of its preset. */
struct tdm_preset_use {
    const struct tdm_preset *preset;
    int implicit;                   /* NAME+smtps: TLS from the first byte */
    struct tdm_mail_field *options; /* the service's own, of the URL */
    size_t option_count;
};

/* In the order of presets.def; NULL past the end. */
const struct tdm_preset *tdm_preset_at(size_t index);
/* By a whole scheme ("ses+smtp"), and whether that asks for TLS at once; NULL: it is none. */
const struct tdm_preset *tdm_preset_find(const char *scheme, int *implicit);

/* Below: for transport.c and the SMTP transport. Errors stick to the transport and are about the URL as
 * it was written; those that return int return TIDYMAIL_OK or the kind. */

/* Sets transport->preset. */
int tdm_preset_begin(tidymail_transport *transport, const struct tdm_preset *preset, int implicit);
void tdm_preset_end(tidymail_transport *transport);
/* Host and path of the URL. */
int tdm_preset_check_parts(tidymail_transport *transport);
/* 1 where this is an option of the preset's service; `kind` is then what became of it. */
int tdm_preset_set_option(tidymail_transport *transport, const char *name, size_t length,
                          const char *value, int *kind);
/* Who logs in. Afterwards `password` is what is secret, and `user` may be shown. */
int tdm_preset_read_login(tidymail_transport *transport);

/* Where to connect. */
struct tdm_preset_target {
    char *host; /* the caller's to free */
    int port;
    int implicit;
};
int tdm_preset_target(tidymail_transport *transport, struct tdm_preset_target *target);

/* What is said at the login; also of a transport without a preset. Texts are the transport's but for
 * what was derived. */
struct tdm_smtp_login {
    const char *user;
    const char *password;
    const char *auth;
    char derived[TDM_SES_PASSWORD_MAX]; /* to be wiped */
};
/* 0, or -1: it could not be derived. */
int tdm_preset_login(const tidymail_transport *transport, struct tdm_smtp_login *login);

/* Writes the header fields that say to the service what the message asks of it, where it can do that
 * (what it cannot was refused, or is to be left out). TIDYMAIL_OK, or the kind of the error. */
int tdm_preset_write_fields(const struct tdm_preset_use *use,
                            const struct tdm_service_wishes *wishes, struct tdm_buf *out,
                            struct tidymail_error *error);

/* Between the two files. */

void tdm_fields_none(struct tdm_preset_writer *writer);
void tdm_fields_mailgun(struct tdm_preset_writer *writer);
void tdm_fields_sendgrid(struct tdm_preset_writer *writer);
void tdm_fields_ses(struct tdm_preset_writer *writer);
void tdm_fields_postmark(struct tdm_preset_writer *writer);
void tdm_fields_resend(struct tdm_preset_writer *writer);
void tdm_fields_sparkpost(struct tdm_preset_writer *writer);
void tdm_fields_mailjet(struct tdm_preset_writer *writer);
void tdm_fields_mandrill(struct tdm_preset_writer *writer);
void tdm_fields_mailersend(struct tdm_preset_writer *writer);

extern const struct tdm_service_option tdm_options_none[];
extern const struct tdm_service_option tdm_options_mailgun[];
extern const struct tdm_service_option tdm_options_sendgrid[];
extern const struct tdm_service_option tdm_options_ses[];
extern const struct tdm_service_option tdm_options_postmark[];
extern const struct tdm_service_option tdm_options_resend[];
extern const struct tdm_service_option tdm_options_sparkpost[];
extern const struct tdm_service_option tdm_options_mailjet[];
extern const struct tdm_service_option tdm_options_mandrill[];
extern const struct tdm_service_option tdm_options_mailersend[];

#endif
