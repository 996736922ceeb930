/*
 * api.h: the test doubles of the HTTP APIs of mail services (tidymail serve --api), and what they
 * share. All run on the listener's thread, without I/O: a complete request comes in, an answer goes
 * out, and the message goes into the inbox.
 *
 * HOW TO WRITE A DOUBLE (api_resend.c is the example): a file api_NAME.c with one constant
 * `const struct tdm_double tdm_double_NAME`, and its line in `doubles` in api.c.
 *
 *  - `claims` says by path (and Host, Authorization where needed) whether a request is the service's.
 *    Method and all else are checked in `serve`, so that mistakes get the service's own answer. The
 *    table is asked in its order.
 *  - `serve` checks in the order of the service (method, credentials, Content-Type, body, meaning),
 *    then makes the message with tdm_api_mail_..., keeps it, and answers with tdm_api_answer. Every
 *    tdm_api_ function that returns int returns 0; or -1, then the refusal has been answered already
 *    (through the double's `refuse`), and `serve` only tidies up and returns:
 *
 *        json_t *root = NULL;
 *        struct tdm_api_mail mail;
 *        if (tdm_api_json(call, members, &root) != 0) { return; }      // schema below
 *        if (tdm_api_mail_begin(&mail, call) == 0 &&
 *            tdm_api_mail_address(&mail, TDM_API_FROM, "from", text) == 0 && ...
 *            tdm_api_mail_keep(&mail) == 0) {
 *            tdm_api_answer(call, 200, "", tdm_api_textf(call, "{\"id\":\"%s\"}", id));
 *        }
 *        tdm_api_mail_end(&mail);
 *        json_decref(root);
 *
 *  - `refuse` puts a refusal into the service's shape: status and body by `why`, `field` (a path such
 *    as "attachments.0.content", "" for none) and `words` (what is wrong, whole sentence).
 *    (The compiler wants switches over enums whole: a table indexed by `why` is the short way.)
 *  - `canned` are the answers that fault rules ask for, verbatim as the service gives them; a kind that
 *    is not in the table does not exist at the service, and a rule that asks it for that kind is refused
 *    when it is read. The kinds that are the same everywhere (gateway, hang, cut, ...) are made in
 *    api.c. `partial` 1: `serve` looks at call->partial and then hides a refusal of the first recipient
 *    (tdm_api_mail_refuse_first, before _keep) in its answer.
 *  - `url` is the ready URL; {user}, {key} stand for the credentials, {end} for the options that lead
 *    here ("?endpoint=..."). Where any key is accepted they are the double's `default_user`, "key".
 *
 * What is no MIME goes in front of the message as "X-Double-NAME: value": tdm_api_mail_mark with Tag,
 * Metadata ("name=value"), Tracking ("opens=off clicks=on", only what was said), Send-At (as it came),
 * Template (its name, "; values=JSON" behind it), Sandbox ("yes"), Idempotency-Key, and for what only
 * this service has Option ("name=value"). X-Double-Service is put there by _keep.
 */
#ifndef TDM_DEVSERVER_API_H
#define TDM_DEVSERVER_API_H

#include <jansson.h>

#include <tidymail/message.h>
#include <tidymail/part.h>

#include "api_fault.h"
#include "http_session.h"
#include "inbox.h"

struct tdm_api;
struct tdm_double;

/* One request and the answer that becomes of it. */
struct tdm_api_call {
    struct tdm_api *api;
    const struct tdm_double *service;
    const struct tdm_served_request *request;
    int64_t now_s;         /* seconds since 1970 */
    int encrypted;         /* came over TLS */
    int partial;           /* a fault rule asks for a success that hides a refusal */
    int unverified;        /* one asks for a sender who is not verified (see tdm_double) */
    const char *user;      /* the credentials that are accepted; key NULL: any (user too) */
    const char *key;       /* */
    char *who;             /* set by tdm_api_login: the user that the message is kept with */
    char *idempotency_key; /* set by tdm_api_idempotency */
    int status;            /* the answer; 0: not answered yet */
    struct tdm_buf fields;
    struct tdm_buf body;
    struct tdm_buf scratch; /* tdm_api_textf */
};

enum tdm_api_refusal {
    TDM_API_PATH,    /* no such path: 404 in most */
    TDM_API_METHOD,  /* 405 */
    TDM_API_MEDIA,   /* Content-Type */
    TDM_API_SYNTAX,  /* the body is no JSON (no form) */
    TDM_API_UNKNOWN, /* a member that the service does not know */
    TDM_API_MISSING, /* a required member */
    TDM_API_TYPE,    /* a member of another type */
    TDM_API_VALUE,   /* a value that the service refuses */
    TDM_API_ADDRESS, /* no address */
    TDM_API_DUPLICATE,
    TDM_API_LIMIT, /* too many, too long */
    TDM_API_SIZE,  /* the request is too large: 413 */
    TDM_API_FAILED /* the message could not be kept: 500 */
};

/* The answer to a fault rule. In `fields` and `body` {reset} becomes the time 60 s from now (seconds
 * since 1970), {reset-date} the same as a date. A Content-Type that is not in `fields` is made from the
 * body. */
struct tdm_api_canned {
    enum tdm_api_fault_kind kind;
    int status; /* 0 ends the table */
    const char *fields;
    const char *body;
};

struct tdm_double {
    const char *scheme; /* "resend" */
    const char *url;    /* "resend://{key}@{end}" */
    const char *default_user;
    size_t max_request; /* bytes of the body; 0: no limit of its own */
    int partial;
    int unverified; /* it says so in a success: `serve` looks at call->unverified */
    const struct tdm_api_canned *canned;
    int (*claims)(const struct tdm_served_request *request);
    void (*serve)(struct tdm_api_call *call);
    void (*refuse)(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                   const char *words);
};

/* Past the end NULL. */
const struct tdm_double *tdm_double_at(size_t index);
const struct tdm_double *tdm_double_find(const char *scheme, size_t length);

/* Into the inbox of the server. */
int tdm_api_inbox_add(struct tdm_api *api, const struct tdm_inbox_message *message,
                      struct tdm_buf *path, struct tdm_buf *error);

/* The answer. `fields`: lines with CRLF, "" for none. `body` with a Content-Type that is not in `fields`
 * is application/json where it begins with { or [, else text/plain; "" is no body. */
void tdm_api_answer(struct tdm_api_call *call, int status, const char *fields, const char *body);
/* Text that lives until the next call of it. Formats of tdm_buf_addf. */
const char *tdm_api_textf(struct tdm_api_call *call, const char *format, ...);
/* The same as a JSON string in quotes, appended to `out`. */
void tdm_api_quote(struct tdm_buf *out, const char *text);
/* Refuses through the service's own function; -1. */
int tdm_api_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                   const char *format, ...);
/* 0 where the method is POST. */
int tdm_api_is_post(struct tdm_api_call *call);

/* Credentials. `token` NULL: there is none. */
enum tdm_api_login { TDM_API_ACCEPTED, TDM_API_NO_KEY, TDM_API_WRONG_KEY };
/* Behind "Bearer " of Authorization (RFC 6750 2.1). NULL: none. */
const char *tdm_api_bearer(const struct tdm_api_call *call);
/* Is this the key? Empty is no key. The time it takes does not say where it differs. */
enum tdm_api_login tdm_api_check_key(struct tdm_api_call *call, const char *key);
/* Basic (RFC 7617): key and, with `user` NULL, whoever is accepted; else this user alone. */
enum tdm_api_login tdm_api_check_basic(struct tdm_api_call *call, const char *user);

/* Ids. */
#define TDM_API_UUID_SIZE 37
/* A random one (RFC 9562 5.4). */
void tdm_api_uuid(char uuid[TDM_API_UUID_SIZE]);
/* Random bytes in hexadecimal; `out` has room for 2 * count + 1. */
void tdm_api_hex(char *out, size_t count);
/* "2026-11-24T14:25:20Z" (RFC 3339) */
#define TDM_API_TIME_SIZE 24
void tdm_api_time(int64_t seconds, char time[TDM_API_TIME_SIZE]);
/* 1, 2, 3, ... of this server. */
int64_t tdm_api_serial(struct tdm_api_call *call);

/* Idempotency: 1 where the key came before with the same body; the first answer is in place then. 0: it
 * is new; what is answered with 2xx is kept. -1: it came with another body, nothing is answered. */
int tdm_api_idempotency(struct tdm_api_call *call, const char *key);

/*
 * api_json.c: JSON held against a table of what may be in it.
 */
enum tdm_api_type {
    TDM_API_TEXT,          /* a string */
    TDM_API_NUMBER,        /* an integer */
    TDM_API_FLAG,          /* true or false */
    TDM_API_OBJECT,        /* of `members` */
    TDM_API_OBJECTS,       /* a list of them */
    TDM_API_TEXTS,         /* a list of strings */
    TDM_API_TEXT_OR_TEXTS, /* either */
    TDM_API_TEXT_OR_OBJECT,
    TDM_API_TEXT_OR_NUMBER,
    TDM_API_TEXT_MAP, /* an object of strings, names of any kind */
    TDM_API_MAP,      /* an object, anything in it */
    TDM_API_BASE64,   /* a string of valid base64 */
    TDM_API_ANY
};

struct tdm_api_member {
    const char *name; /* NULL ends the table */
    enum tdm_api_type type;
    int required; /* there, and neither null nor empty */
    const struct tdm_api_member *members;
    size_t
        max; /* bytes of a string (each string of a list), items of a list of objects; 0: no limit */
};

/* The body as JSON: Content-Type, syntax, duplicate and unknown members, types. An object is expected.
 * The caller ends *root with json_decref. */
int tdm_api_json(struct tdm_api_call *call, const struct tdm_api_member *members, json_t **root);
/* Only the check, of a value at `path`. */
int tdm_api_json_check(struct tdm_api_call *call, json_t *object,
                       const struct tdm_api_member *members, const char *path);
/* Readers that never fail: NULL, 0 where there is none of that type. A null is none. */
const char *tdm_api_text(json_t *object, const char *name);
json_t *tdm_api_get(json_t *object, const char *name);
/* 1 true, 0 false, -1 not said. */
int tdm_api_flag(json_t *object, const char *name);

/* api_words.c: the text with its encoded words (RFC 2047) read; as it is where one makes no sense. */
void tdm_api_decode_words(struct tdm_buf *out, const char *text);

/*
 * api_form.c: multipart/form-data (RFC 7578) and application/x-www-form-urlencoded.
 */
struct tdm_api_form_item {
    char *name;
    char *filename; /* NULL: not a file */
    char *type;     /* NULL: not said */
    char *bytes;    /* a NUL follows */
    size_t length;
};

struct tdm_api_form {
    struct tdm_api_form_item *items;
    size_t count;
};

/* The caller ends it with _clear, in every case. */
int tdm_api_form_read(struct tdm_api_call *call, struct tdm_api_form *form);
void tdm_api_form_clear(struct tdm_api_form *form);
/* The first of that name, NULL: there is none. */
const struct tdm_api_form_item *tdm_api_form_find(const struct tdm_api_form *form,
                                                  const char *name);

/*
 * api_sigv4.c: AWS Signature Version 4, checked.
 */
enum tdm_api_sigv4 {
    TDM_API_SIGNED,
    TDM_API_UNSIGNED,   /* no Authorization */
    TDM_API_INCOMPLETE, /* not of the form, or a field that must be signed is not; `why` says it */
    TDM_API_SKEWED,     /* the clocks differ by more than 15 minutes */
    TDM_API_UNKNOWN_ID,
    TDM_API_OTHER_SIGNATURE
};
struct tdm_api_signature {
    const char *id;     /* that is accepted; NULL: any */
    const char *secret; /* NULL: the signature cannot be checked, its form is */
    const char *service;
    const char *why; /* set by the check */
    char region[32]; /* likewise */
    char given[129]; /* the id of the request */
};
enum tdm_api_sigv4 tdm_api_sigv4_check(const struct tdm_served_request *request, int64_t now_s,
                                       struct tdm_api_signature *signature);
/* The signature over the signed fields ("host;x-amz-date") as hexadecimal; 0, or -1 where a field is
 * not there or memory ran out. `scope` is "20150830/us-east-1/ses/aws4_request". */
int tdm_api_sigv4_sign(const struct tdm_served_request *request, const char *signed_fields,
                       const char *date, const char *scope, const char *secret, char hex[65]);

/*
 * api_mail.c: the message that a request means. `field` is what a refusal names.
 */
enum tdm_api_where { TDM_API_FROM, TDM_API_TO, TDM_API_CC, TDM_API_BCC, TDM_API_REPLY_TO };

struct tdm_api_mail {
    struct tdm_api_call *call;
    tidymail_message *message;
    tidymail_message *marks;     /* a message whose fields are the X-Double- ones */
    tidymail_part *tree;         /* of _alternative and the files behind it; NULL: there is none */
    tidymail_part *alternatives; /* in it */
    const char *raw;             /* ready-made; the caller's */
    size_t raw_length;
    char *from; /* envelope */
    char **recipients;
    size_t recipient_count;
    char *refused;    /* by _refuse_first */
    size_t counts[5]; /* addresses for each enum tdm_api_where */
    int has_text;
    int has_html;
    int has_template;
    int unique; /* an address that comes twice is a recipient once */
    int quiet;  /* checked and answered, but not kept */
};

int tdm_api_mail_begin(struct tdm_api_mail *mail, struct tdm_api_call *call);
void tdm_api_mail_end(struct tdm_api_mail *mail);
/* One mailbox, "Ann <ann@example.org>" or an address alone. */
int tdm_api_mail_address(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                         const char *mailbox);
/* The same with name (NULL or "": none) and address apart. Encoded words in names and in values of header
 * fields are read, so that the message says what was meant. */
int tdm_api_mail_pair(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                      const char *address, const char *name);
/* Several in one text, commas between. */
int tdm_api_mail_list(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                      const char *list);
/* Addresses in the header that say nothing about the envelope. */
int tdm_api_mail_show(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                      const char *list);
/* A recipient of the envelope that the header does not show. */
int tdm_api_mail_recipient(struct tdm_api_mail *mail, const char *field, const char *address);
/* Refuses (TDM_API_DUPLICATE) an address that is there twice, case-blind; `field` names it. */
int tdm_api_mail_no_duplicates(struct tdm_api_mail *mail, const char *field);
/* The reverse-path where it is not From. */
int tdm_api_mail_envelope_from(struct tdm_api_mail *mail, const char *field, const char *address);
int tdm_api_mail_subject(struct tdm_api_mail *mail, const char *field, const char *subject);
int tdm_api_mail_text(struct tdm_api_mail *mail, const char *field, const char *text);
int tdm_api_mail_html(struct tdm_api_mail *mail, const char *field, const char *html);
/* The text in any number of forms, in their order, in place of _text and _html; before files. */
int tdm_api_mail_alternative(struct tdm_api_mail *mail, const char *field, const char *type,
                             const char *text);
/* Names of header fields that the service refuses are the double's to check. */
int tdm_api_mail_header(struct tdm_api_mail *mail, const char *field, const char *name,
                        const char *value);
struct tdm_api_file {
    const char *name;       /* NULL: none */
    const char *type;       /* NULL: from the name */
    const char *content_id; /* NULL: none */
    int is_inline;
    const void *bytes;
    size_t length;
};
/* Behind text and HTML. */
int tdm_api_mail_file(struct tdm_api_mail *mail, const char *field,
                      const struct tdm_api_file *file);
/* bytes and length are base64 and become what it says. */
int tdm_api_mail_file64(struct tdm_api_mail *mail, const char *field, struct tdm_api_file file,
                        const char *base64);
/* A ready-made message, kept as it is; From of its header is the envelope's where none was given. With
 * `header_recipients` To, Cc and Bcc of its header are recipients. It must stay until _keep. */
int tdm_api_mail_raw(struct tdm_api_mail *mail, const char *field, const char *bytes, size_t length,
                     int header_recipients);
/* One more X-Double-NAME. */
int tdm_api_mail_mark(struct tdm_api_mail *mail, const char *name, const char *format, ...);
/* A tag that is a pair: Metadata "name=value"; where the name is "tag" (or "tag" and digits) Tag
 * "value". */
int tdm_api_mail_mark_pair(struct tdm_api_mail *mail, const char *name, const char *value);
/* Option "name=value", strings as they are, all else as JSON; nothing for NULL. */
int tdm_api_mail_mark_option(struct tdm_api_mail *mail, const char *name, json_t *value);
/* Metadata of an object, values likewise. */
int tdm_api_mail_mark_metadata(struct tdm_api_mail *mail, json_t *object);
/* A Tag for each string of a list. */
int tdm_api_mail_mark_tags(struct tdm_api_mail *mail, json_t *list);
/* "opens=off clicks=on"; -1 is not said. Nothing where both are. */
int tdm_api_mail_mark_tracking(struct tdm_api_mail *mail, int opens, int clicks);
/* The text is made at the service: the message needs none. */
int tdm_api_mail_template(struct tdm_api_mail *mail, const char *id, json_t *values);
/* Takes the first recipient out of the envelope and returns it; NULL: there is none. */
const char *tdm_api_mail_refuse_first(struct tdm_api_mail *mail);
/* Into the inbox (nothing, where no recipient is left). */
int tdm_api_mail_keep(struct tdm_api_mail *mail);

/*
 * api.c: the whole, as the listener sees it.
 */
struct tdm_api_options {
    const char *user; /* with key: only these; NULL: any */
    const char *key;
    const char *faults; /* rules, one a line; NULL: none */
    struct tdm_inbox *inbox;
};

/* NULL with one line in `error`. Texts of the options are copied but for inbox. */
struct tdm_api *tdm_api_new(const struct tdm_api_options *options, struct tdm_buf *error);
void tdm_api_free(struct tdm_api *api);
/* Appends the ready URL of a service whose origin is "http://127.0.0.1:8080"; `ca` NULL: no TLS. */
void tdm_api_add_url(const struct tdm_api *api, const struct tdm_double *service,
                     const char *origin, const char *ca, struct tdm_buf *url);

enum tdm_api_act { TDM_API_IDLE, TDM_API_MOVED, TDM_API_GOODBYE, TDM_API_DROP };
/* Does what the session's event asks for. GOODBYE: close once all is written; DROP: close now. */
enum tdm_api_act tdm_api_act(struct tdm_api *api, struct tdm_http_session *session, int encrypted,
                             int64_t now_s, int64_t now_ms);

extern const struct tdm_double tdm_double_mailgun;
extern const struct tdm_double tdm_double_sendgrid;
extern const struct tdm_double tdm_double_ses;
extern const struct tdm_double tdm_double_postmark;
extern const struct tdm_double tdm_double_resend;
extern const struct tdm_double tdm_double_sparkpost;
extern const struct tdm_double tdm_double_brevo;
extern const struct tdm_double tdm_double_mailjet;
extern const struct tdm_double tdm_double_mandrill;
extern const struct tdm_double tdm_double_mailersend;
extern const struct tdm_double tdm_double_gmail;
extern const struct tdm_double tdm_double_graph;

#endif
