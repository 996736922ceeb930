/*
 * message_data.h: what a message is made of, and what the client room asks of one. A message is
 * prepared (checked whole, identified, its header rendered) before it is sent; each change undoes
 * that, but Date, Message-ID and boundary stay the same until a reset.
 */
#ifndef TDM_MESSAGE_DATA_H
#define TDM_MESSAGE_DATA_H

#include <tidymail/part.h>

#include "message/address.h"
#include "message/blob.h"
#include "message/body.h"
#include "report/report_data.h"
#include "util/date.h"

/* What the writer needs from the world. */
struct tdm_writer_env {
    int64_t wall_s;            /* seconds since 1970 */
    unsigned char random[32];  /* new for each call */
    const char *fallback_host; /* right side of the Message-ID where From has no domain; NULL:
                                   "localhost" */
};

/* How a field of the caller's is written. */
enum tdm_field_form {
    TDM_FIELD_TEXT,    /* unstructured: folded, encoded where it is not ASCII */
    TDM_FIELD_WORDS,   /* structured: folded between words, which are never changed */
    TDM_FIELD_FINISHED /* `value` is the field as it stands in the message, with its name and CRLF */
};

struct tdm_field {
    char *name;
    char *value;
    enum tdm_field_form form;
};

/* Header fields of a ready-made message that the envelope is made of; several fields of one name
 * are joined by commas. */
enum tdm_raw_field {
    TDM_RAW_FROM,
    TDM_RAW_SENDER,
    TDM_RAW_TO,
    TDM_RAW_CC,
    TDM_RAW_BCC,
    TDM_RAW_MESSAGE_ID,
    TDM_RAW_FIELDS
};

/* What the envelope asks the server for, checked; texts are NULL and numbers 0 while not set. */
struct tdm_wishes {
    char *dsn_notify; /* upper case */
    char *dsn_ret;
    char *dsn_envid;
    int require_tls;
    int64_t deliver_by_s;
    int deliver_by_mode; /* 'R' or 'N' */
    int64_t hold_for_s;
    char *hold_until;
    int has_priority;
    int priority;
};

/* A name and its value; `service` is whose option it is, NULL: of no one service. */
struct tdm_service_pair {
    char *service;
    char *name;
    char *value;
};

struct tdm_service_pairs {
    struct tdm_service_pair *items;
    size_t count;
    size_t capacity;
};

/* What is asked of a mail service (tidymail/service.h), checked; texts are NULL and numbers 0 while
 * not set. */
struct tdm_service_wishes {
    char **tags;
    size_t tag_count;
    size_t tag_capacity;
    struct tdm_service_pairs metadata;
    struct tdm_service_pairs options;
    int track_opens; /* enum tidymail_tracking */
    int track_clicks;
    int64_t send_at; /* seconds since 1970 */
    char *template_id;
    char *template_values; /* JSON */
    char *idempotency_key;
    int sandbox;
};

/* Parts in the order in which they stand. */
struct tdm_part_list {
    tidymail_part *first;
    tidymail_part *last;
};

/* What the way to the reader lets pass (RFC 2045 2.7 to 2.9); also what a form of the message needs. */
enum tdm_carry { TDM_CARRY_7BIT, TDM_CARRY_8BIT, TDM_CARRY_BINARY };

#define TDM_BOUNDARY_MAX 48

struct tidymail_message {
    tidymail_allocator allocator;
    size_t references;
    struct tidymail_error error; /* sticky */
    int address_flags;           /* of tdm_mailbox_parse, for what is set from now on */

    struct tdm_mailbox from; /* spec is NULL while it is not set */
    struct tdm_mailbox sender;
    struct tdm_mailbox_list to;
    struct tdm_mailbox_list cc;
    struct tdm_mailbox_list bcc;
    struct tdm_mailbox_list reply_to;
    struct tdm_mailbox resent_from; /* spec is NULL where the message is not sent once more */
    struct tdm_mailbox_list resent_to;
    char *subject;
    char *given_date; /* Date and Message-ID of the caller's */
    char *given_message_id;
    struct tdm_field *fields; /* other fields of the caller's, in order */
    size_t field_count;
    size_t field_capacity;
    int fields_utf8; /* an address in one of them needs SMTPUTF8 */
    struct tdm_body text;
    struct tdm_body html;
    int flowed;    /* the text goes as format=flowed */
    int only_7bit; /* whatever the server can carry: what is signed is not changed (RFC 6376 5.3) */
    void *signers; /* NULL: it is not signed; of the client room, which signs */
    void (*release_signers)(const tidymail_allocator *allocator, void *signers);
    struct tdm_part_list attachments;
    struct tdm_part_list inlines; /* beside the HTML */
    tidymail_part *calendar;
    tidymail_part *invite;        /* the calendar once more, as an attachment */
    tidymail_part *body;          /* the caller's own tree */
    struct tdm_part_list refused; /* parts that are ours to free and nothing else */

    struct tdm_body raw; /* a ready-made message, Bcc fields removed */
    char *raw_fields[TDM_RAW_FIELDS];
    int raw_header_utf8; /* its header has bytes over 127 and all of it is UTF-8 */

    struct tdm_mailbox envelope_from; /* spec "" is the null reverse-path */
    struct tdm_mailbox_list envelope_to;
    struct tdm_wishes wishes;
    struct tdm_service_wishes service;

    int identified; /* these are chosen */
    char date[TDM_DATE_MAX];
    char unique[33]; /* left side of the Message-ID */
    char boundary[TDM_BOUNDARY_MAX];

    int prepared; /* these are right */
    char *message_id;
    const char *reverse_path;
    const char **recipients;
    size_t recipient_count;
    struct tdm_mailbox_list
        raw_recipients; /* owns what the two above point to, for a raw message */
    struct tdm_mailbox raw_from;
    int needs_utf8;
    struct tdm_blob *header;     /* all but what the body decides */
    struct tdm_body flowed_text; /* the text as format=flowed */
};

/* Checks that the message is complete and makes all that follows here ready. TIDYMAIL_OK, or the
 * kind of the error that stuck. Costs nothing where the message did not change since. */
int tdm_message_prepare(tidymail_message *message, const struct tdm_writer_env *env);

/* The rest is for prepared messages; texts are valid until the message changes. */

/* The reverse-path; "" is <>. */
const char *tdm_message_envelope_from(const tidymail_message *message);
/* Recipients for the envelope: To, Cc, Bcc (or the envelope's own), exact duplicates removed. */
size_t tdm_message_recipient_count(const tidymail_message *message);
const char *const *tdm_message_recipients(const tidymail_message *message);
/* With angle brackets; "" for a ready-made message that has none. */
const char *tdm_message_id(const tidymail_message *message);
/* What the form of the message made for `carry` (enum tdm_carry) needs to be carried: it may be less,
 * and it is more where a part cannot be encoded or the header holds UTF-8. */
int tdm_message_needs(tidymail_message *message, int carry);
/* 1 where bytes over 127 are in the 7-bit form nevertheless (RFC 6152): a ready-made or an attached
 * message, or an address in UTF-8. */
int tdm_message_is_8bit(tidymail_message *message);
/* The first part that cannot be read twice (its source has no rewind), in words such as "attachment
 * a.bin" that are valid until the message changes; NULL: all can. */
const char *tdm_message_find_single_use(tidymail_message *message);
/* 1 where an address or the header needs SMTPUTF8 (RFC 6531). */
int tdm_message_needs_utf8(const tidymail_message *message);
/* Also where the message is not prepared. */
const struct tdm_wishes *tdm_message_wishes(const tidymail_message *message);
/* The finished message as a stream of its own: it may outlive the message. */
int tdm_message_open_source(tidymail_message *message, tidymail_source *source);
/* The same in the form for `carry`; tdm_message_open_source opens the 7-bit form. */
int tdm_message_open_form(tidymail_message *message, int carry, tidymail_source *source);
/* Adds an attachment of which bytes or source and name and type are known: path is NULL, the struct
 * is whole. The source is taken over on success only. */
int tdm_message_add_attachment(tidymail_message *message, const tidymail_attachment *resolved);

/* Between the files of this room. */

void tdm_wishes_clear(const tidymail_allocator *allocator, struct tdm_wishes *wishes);
void tdm_service_wishes_clear(const tidymail_allocator *allocator,
                              struct tdm_service_wishes *wishes);

/* Sticks an error of kind message that concerns one field; all return the kind that stuck. */
int tdm_message_fail(tidymail_message *message, const char *field, const char *reason);
int tdm_message_fail_at(tidymail_message *message, const char *field, const char *reason,
                        size_t offset);
int tdm_message_fail_memory(tidymail_message *message);
/* What every setter begins with: TIDYMAIL_OK where the change may go on. */
int tdm_message_begin(tidymail_message *message);
/* Refuses NULL, over-long text, control characters and invalid UTF-8 in text for the header. */
int tdm_message_check_text(tidymail_message *message, const char *field, const char *text);
/* The same into any error. */
int tdm_check_text(struct tidymail_error *error, const char *field, const char *text);
/* Parses one mailbox for a field. */
int tdm_message_parse_mailbox(tidymail_message *message, const char *field, const char *text,
                              struct tdm_mailbox *mailbox);
/* Appends the members of a group to `list`; TDM_NO_GROUP where the text is none. */
#define TDM_NO_GROUP (-1)
int tdm_message_add_group(tidymail_message *message, struct tdm_mailbox_list *list,
                          const char *field, const char *text);
/* A field of a name that stands once takes the place of the one before; `value` is taken over. */
int tdm_field_replace(tidymail_message *message, const char *name, char *value,
                      enum tdm_field_form form);
int tdm_field_is_set(const tidymail_message *message, const char *name);
/* The length of the message id "<left@right>" (RFC 5322 3.6.4) at `text`, 0: there is none, and
 * `bad` says where it goes wrong. */
size_t tdm_message_id_length(const char *text, size_t *bad);
/* The caller's fields, in order. */
void tdm_field_render_all(struct tdm_buf *out, const tidymail_message *message);
/* The Resent- block (RFC 5322 3.6.6); nothing where the message is not sent once more. */
void tdm_resent_render(struct tdm_buf *out, const tidymail_message *message);
/* Fills `header` in from all that is set; of a ready-made message only what comes in front of it. */
int tdm_message_render_header(tidymail_message *message);
/* Frees all that is a part. */
void tdm_message_clear_parts(tidymail_message *message);
/* Is what the parts make a body? Makes flowed_text, and the boundary one that is in no part. */
int tdm_message_prepare_parts(tidymail_message *message);
/* Chains the segments of header and parts, in the form for `carry`; 0, or -1: out of memory. */
struct tdm_writer;
int tdm_message_chain(tidymail_message *message, int carry, struct tdm_writer *writer);
/* Fills raw_from and raw_recipients in, as far as the envelope is not given. */
int tdm_message_read_raw_envelope(tidymail_message *message);

/* The longest text that goes into one header field. */
#define TDM_HEADER_TEXT_MAX 65536

#endif
