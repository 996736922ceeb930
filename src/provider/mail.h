/*
 * mail.h: a prepared message as a mail service sees it: addresses, texts, fields and files, without
 * MIME. What cannot be said so (a ready-made message, a part tree of the caller's, a signature) has
 * `needs_raw`, and goes as finished bytes where the service takes them.
 */
#ifndef TDM_PROVIDER_MAIL_H
#define TDM_PROVIDER_MAIL_H

#include "message/message_data.h"

struct tdm_mail_field {
    char *name;
    char *value; /* UTF-8, unfolded, not encoded */
};

struct tdm_mail_file {
    char *name;        /* NULL: it has none */
    char *type;        /* "text/plain; charset=utf-8", whole */
    char *media_type;  /* "text/plain" */
    char *content_id;  /* without brackets; NULL: it has none */
    char *description; /* unfolded; NULL: it has none */
    int is_inline;
    struct tdm_buf bytes;
};

struct tdm_route;

/* Texts belong to the message but for what is said to be its own. */
struct tdm_mail {
    tidymail_allocator allocator;
    tidymail_message *message;
    const struct tdm_mailbox *from;   /* the caller's "From"; NULL: a ready-made message */
    const struct tdm_mailbox *sender; /* NULL: none */
    const struct tdm_mailbox_list *to;
    const struct tdm_mailbox_list *cc;
    const struct tdm_mailbox_list *bcc;
    const struct tdm_mailbox_list *reply_to;
    const char *subject;           /* "" where there is none */
    const char *text;              /* NULL: none. Lines as the caller gave them */
    const char *html;              /* NULL: none */
    const char *calendar;          /* NULL: none */
    const char *calendar_method;   /* "REQUEST" */
    struct tdm_mail_field *fields; /* its own; all but From, Sender, To, Cc, Bcc, Reply-To, Subject,
                                      Date, Message-ID (unless the caller set it) and MIME's */
    size_t field_count;
    struct tdm_mail_file *files; /* its own; attachments, then inline images */
    size_t file_count;
    const char *message_id;        /* with brackets, what the message would have over SMTP */
    const char *envelope_from;     /* "" is <> */
    const char *const *recipients; /* of the envelope, as in the report */
    size_t recipient_count;
    int has_envelope; /* the caller set reverse-path or recipients */
    int needs_raw;
    /* Opens the finished message; the client has one that signs. */
    int (*open_raw)(tidymail_message *message, tidymail_source *source);
    const struct tdm_service_wishes *service;
    const struct tdm_route *route; /* NULL: it goes to all whom it names (mail_route.h) */
    struct tdm_mailbox_list
        routed[3]; /* its own: what To, Cc and Bcc became; their texts are not */
};

/* Fills the view in. TIDYMAIL_OK, or the kind of the error set. `mail` can be cleared in every case. */
int tdm_mail_open(struct tdm_mail *mail, tidymail_message *message,
                  const tidymail_allocator *allocator, struct tidymail_error *error);
void tdm_mail_clear(struct tdm_mail *mail);
/* Appends the finished message (CRLF, no Bcc). `keep_bcc`: its Bcc field stands in front, for services
 * that take the recipients from the header. */
int tdm_mail_read_raw(const struct tdm_mail *mail, int keep_bcc, struct tdm_buf *out,
                      struct tidymail_error *error);
/* "Ann Lee <ann@example.org>" with the name quoted where it needs it. `encoded`: a name that is not
 * ASCII becomes RFC 2047 words; else it stays UTF-8. */
void tdm_mail_add_mailbox(struct tdm_buf *out, const struct tdm_mailbox *mailbox, int encoded);
/* The same for a list, with ", " between. */
void tdm_mail_add_mailboxes(struct tdm_buf *out, const struct tdm_mailbox_list *list, int encoded);
/* The value of a field, case-blind; NULL: there is none. */
const char *tdm_mail_field(const struct tdm_mail *mail, const char *name);

#endif
