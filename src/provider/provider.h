/*
 * provider.h: one mail service with a REST API: what it can do, the request that sends a message
 * (build) and what its answer means (parse). No I/O: time, random bytes and the message are
 * arguments. provider.c has the table of all.
 */
#ifndef TDM_PROVIDER_PROVIDER_H
#define TDM_PROVIDER_PROVIDER_H

#include "provider/http_message.h"
#include "provider/mail.h"

/* Bits of what a service can do: TDM_CAN_CC, ... */
enum tdm_feature {
#define F(name, word, words) TDM_FEATURE_##name,
#include "provider/features.def"
#undef F
    TDM_FEATURE_COUNT
};
#define F(name, word, words) TDM_CAN_##name = 1 << TDM_FEATURE_##name,
enum tdm_can {
#include "provider/features.def"
};
#undef F

/* Limits of 0 are not checked. */
struct tdm_capabilities {
    const char *name; /* for people: "Mailgun" */
    unsigned can;     /* TDM_CAN_... */
    int max_recipients;
    int64_t max_size; /* of the finished message; the REST transport counts the request's body */
    int max_reply_to;
    int max_tags;
};

/* What the value of a service's own option is. */
enum tdm_option_type { TDM_OPTION_TEXT, TDM_OPTION_INTEGER, TDM_OPTION_BOOLEAN, TDM_OPTION_JSON };

/* An option that only this service has: `name` in URLs and in tidymail_message_set_service_option,
 * `path` where it goes: members parted by "/" for JSON ("mail_settings/footer/enable"), the field for
 * forms ("o:dkim"); NULL: build asks for it with tdm_provider_option. */
struct tdm_service_option {
    const char *name;
    enum tdm_option_type type;
    const char *path;
    const char *words; /* a line for docs/services.md and errors */
};

/* Who sends: of the URL and its options. Texts are never NULL. */
struct tdm_account {
    const char *key; /* the KEY, TOKEN or ID of the URL; the secret one where there is one only */
    const char *secret; /* what stands behind the colon */
    const char *host;   /* DOMAIN of Mailgun, REGION of SES; "" or "default": the usual one */
    const char *region; /* of the option region; "" where it is not given */
    const struct tdm_mail_field *options; /* service options of the URL, checked by name */
    size_t option_count;
};

struct tdm_provider_job {
    const struct tdm_provider *provider;
    const struct tdm_account *account;
    const struct tdm_mail *mail;
    int64_t now_s;               /* seconds since 1970 */
    const unsigned char *random; /* 16 bytes, for the boundary of a form */
    const tidymail_allocator *allocator;
    int *meaning; /* gets what a refusal meant (enum tdm_meaning of answer.h); NULL: nobody asks */
};

enum tdm_login { TDM_LOGIN_KEY, TDM_LOGIN_KEY_AND_SECRET };

struct tdm_provider {
    const char *scheme;
    const char *url;  /* as in the documentation: "mailgun://KEY@DOMAIN" */
    const char *page; /* where the API is documented */
    enum tdm_login login;
    int needs_host; /* the URL names a domain or region */
    struct tdm_capabilities capabilities;
    const struct tdm_service_option *options; /* ends in a row without name; NULL: none */
    /* Fills origin, path, fields and body of an initialised request. TIDYMAIL_OK, or the kind of the
     * error set (phase prepare). What the capabilities rule out never comes here. */
    int (*build)(const struct tdm_provider_job *job, struct tdm_http_request *request,
                 struct tidymail_error *error);
    /* Sets every recipient's outcome, service ids, and the error where not all was sent. The report
     * knows the recipients; tdm_report_decide comes later. */
    void (*parse)(const struct tdm_provider_job *job, const struct tdm_http_response *response,
                  tidymail_report *report);
};

/* One in the file of each service; provider.c has the table. */
extern const struct tdm_provider tdm_provider_mailgun;
extern const struct tdm_provider tdm_provider_sendgrid;
extern const struct tdm_provider tdm_provider_ses;
extern const struct tdm_provider tdm_provider_postmark;
extern const struct tdm_provider tdm_provider_resend;
extern const struct tdm_provider tdm_provider_sparkpost;
extern const struct tdm_provider tdm_provider_brevo;
extern const struct tdm_provider tdm_provider_mailjet;
extern const struct tdm_provider tdm_provider_mandrill;
extern const struct tdm_provider tdm_provider_mailersend;
extern const struct tdm_provider tdm_provider_gmail;
extern const struct tdm_provider tdm_provider_graph;

/* By scheme; NULL: there is none. */
const struct tdm_provider *tdm_provider_find(const char *scheme);
/* In the order of the documentation; NULL past the end. */
const struct tdm_provider *tdm_provider_at(size_t index);

/* Refuses a message that needs what cannot be done, and too many recipients, tags or reply-to
 * addresses: an error of kind message, phase prepare, that names feature and service. With `drop` the
 * features that are extras (tags, metadata, tracking, schedule, idempotency key) are left out: `note`
 * gets a line for each, and tdm_mail's wishes are to be read through tdm_provider_wants. */
int tdm_capabilities_check(const struct tdm_capabilities *capabilities, const struct tdm_mail *mail,
                           int drop, void (*note)(void *context, const char *line), void *context,
                           struct tidymail_error *error);
/* The part of it that concerns what is asked of the service, and needs no view of the message. */
int tdm_capabilities_check_wishes(const struct tdm_capabilities *capabilities,
                                  const struct tdm_service_wishes *wishes, int drop,
                                  void (*note)(void *context, const char *line), void *context,
                                  struct tidymail_error *error);
/* 1 where the message asks for the feature and the service of the job has it. */
int tdm_provider_wants(const struct tdm_provider_job *job, enum tdm_feature feature);
/* 1 where the message asks for the feature. */
int tdm_mail_uses(const struct tdm_mail *mail, enum tdm_feature feature);
/* The same for what is asked of a service. */
int tdm_wishes_use(const struct tdm_service_wishes *wishes, enum tdm_feature feature);
const char *tdm_feature_words(enum tdm_feature feature);

/* The value of a service's own option: the message's, else the URL's; NULL: not given. */
const char *tdm_provider_option(const struct tdm_provider_job *job, const char *name);
/* One option of a service, its name not ended by NUL: TIDYMAIL_OK where the service has it and the value
 * is of its type; else an error of `kind`. */
int tdm_service_option_check(const struct tdm_provider *provider, const char *name,
                             size_t name_length, const char *value, int kind,
                             struct tidymail_error *error);
/* Checks the options that the message has for this service: an unknown name is an error that names
 * the near ones, a value of another type one that names the type. */
int tdm_provider_check_options(const struct tdm_provider_job *job, struct tidymail_error *error);
/* 1 where `account->host` names something other than the default. */
int tdm_account_has_host(const struct tdm_account *account);

/* Out of memory, said in the error. */
int tdm_provider_no_memory(struct tidymail_error *error);

#endif
