/* message_prepare.c: from what was set to what is sent: completeness, envelope, Date and Message-ID,
 * the header, and the stream that is pulled (message_prepare_parts.c has what it is made of). */
#include <string.h>

#include "message/header.h"
#include "message/message_data.h"
#include "message/writer.h"
#include "util/str.h"

#define PREPARE_TEXT_MAX (SIZE_MAX / 4)

static void prepare_hex(char *out, const unsigned char *bytes, size_t count)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = hex[bytes[i] >> 4];
        out[2 * i + 1] = hex[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

/* Date, Message-ID and what all boundaries end in, once for each message. */
static void prepare_identity(tidymail_message *message, const struct tdm_writer_env *env)
{
    if (message->identified) {
        return;
    }
    tdm_date_format(env->wall_s, message->date);
    prepare_hex(message->unique, env->random, 16);
    prepare_hex(message->boundary, env->random + 16, 14);
    message->identified = 1;
}

static int prepare_message_id(tidymail_message *message, const struct tdm_writer_env *env)
{
    struct tdm_buf id;
    tdm_buf_init(&id, &message->allocator, PREPARE_TEXT_MAX);
    if (message->raw.blob != NULL) {
        const char *given = message->raw_fields[TDM_RAW_MESSAGE_ID];
        given += strspn(given, " \t");
        size_t length = strcspn(given, " \t,");
        /* Only for the report: what is no message id there is left out. */
        if (tdm_find_control(given, length) == length && !tdm_has_8bit(given, length)) {
            tdm_buf_add(&id, given, length);
        }
    } else if (message->given_message_id != NULL) {
        tdm_buf_add_str(&id, message->given_message_id);
    } else {
        const char *host = tdm_mailbox_domain(message->from.spec);
        if (host[0] == '\0') {
            host = env->fallback_host != NULL ? env->fallback_host : "localhost";
        }
        tdm_buf_addf(&id, "<%s@%s>", message->unique, host);
    }
    char *copy = id.failed ? NULL : tdm_strndup(&message->allocator, tdm_buf_text(&id), id.length);
    tdm_buf_clear(&id);
    if (copy == NULL) {
        return tdm_message_fail_memory(message);
    }
    tdm_free(&message->allocator, message->message_id);
    message->message_id = copy;
    return TIDYMAIL_OK;
}

static int prepare_conflicts(tidymail_message *message)
{
    const struct {
        int is_set;
        const char *what;
    } content[] = {
        {message->from.spec != NULL, "From"},
        {message->to.count > 0, "To"},
        {message->cc.count > 0, "Cc"},
        {message->bcc.count > 0, "Bcc"},
        {message->reply_to.count > 0, "Reply-To"},
        {message->subject != NULL, "Subject"},
        {message->text.blob != NULL, "text"},
        {message->html.blob != NULL, "html"},
        {message->calendar != NULL, "calendar"},
        {message->attachments.first != NULL || message->inlines.first != NULL, "attachment"},
        {message->body != NULL, "body"},
        {message->field_count > 0 || message->sender.spec != NULL || message->given_date != NULL ||
             message->given_message_id != NULL,
         "header"},
    };
    for (size_t i = 0; i < sizeof(content) / sizeof(content[0]); i++) {
        if (content[i].is_set) {
            tdm_message_fail(message, content[i].what, "cannot be set beside a ready-made message");
            tdm_text_set(&message->allocator, &message->error.hint,
                         "for the envelope there are tidymail_message_set_envelope_from and "
                         "tidymail_message_add_envelope_to");
            return message->error.kind;
        }
    }
    return TIDYMAIL_OK;
}

/* Envelope recipients without exact duplicates: a table of their places, found by a hash. */
struct prepare_set {
    size_t *slots; /* place + 1, 0: free */
    size_t mask;
};

static size_t prepare_hash(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return (size_t)(hash ^ hash >> 32);
}

static void prepare_add_recipient(tidymail_message *message, struct prepare_set *set,
                                  const struct tdm_mailbox *mailbox)
{
    size_t slot = prepare_hash(mailbox->spec) & set->mask;
    while (set->slots[slot] != 0) {
        if (strcmp(message->recipients[set->slots[slot] - 1], mailbox->spec) == 0) {
            return;
        }
        slot = (slot + 1) & set->mask;
    }
    message->recipients[message->recipient_count++] = mailbox->spec;
    set->slots[slot] = message->recipient_count;
    message->needs_utf8 |= mailbox->utf8;
}

static int prepare_recipients(tidymail_message *message)
{
    const struct tdm_mailbox_list header[] = {message->to, message->cc, message->bcc};
    const struct tdm_mailbox_list *lists = header;
    size_t list_count = 3;
    if (message->envelope_to.count > 0) {
        lists = &message->envelope_to;
        list_count = 1;
    } else if (message->resent_from.spec != NULL) {
        lists = &message->resent_to; /* RFC 5322 3.6.6 */
        list_count = 1;
    } else if (message->raw.blob != NULL) {
        lists = &message->raw_recipients;
        list_count = 1;
    }
    size_t count = 0;
    for (size_t i = 0; i < list_count; i++) {
        count += lists[i].count;
    }
    if (count == 0) {
        return tdm_error_set(&message->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                             "To: no recipient is set",
                             "add one with tidymail_message_add_to, _add_cc or _add_bcc");
    }
    size_t slots = 2;
    while (slots < 2 * count) {
        slots *= 2;
    }
    tdm_free(&message->allocator, message->recipients);
    message->recipients = tdm_alloc_array(&message->allocator, count, sizeof(const char *));
    message->recipient_count = 0;
    struct prepare_set set = {tdm_alloc_array(&message->allocator, slots, sizeof(size_t)),
                              slots - 1};
    if (message->recipients == NULL || set.slots == NULL) {
        tdm_free(&message->allocator, set.slots);
        return tdm_message_fail_memory(message);
    }
    for (size_t i = 0; i < list_count; i++) {
        for (size_t k = 0; k < lists[i].count; k++) {
            prepare_add_recipient(message, &set, &lists[i].items[k]);
        }
    }
    tdm_free(&message->allocator, set.slots);
    return TIDYMAIL_OK;
}

static int prepare_reverse_path(tidymail_message *message)
{
    const struct tdm_mailbox *sender = &message->from;
    if (message->raw.blob == NULL && message->from.spec == NULL) {
        return tdm_error_set(&message->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                             "From: no sender is set", "set one with tidymail_message_set_from");
    }
    if (message->envelope_from.spec != NULL) {
        sender = &message->envelope_from;
    } else if (message->resent_from.spec != NULL) {
        sender = &message->resent_from;
    } else if (message->raw.blob != NULL) {
        sender = &message->raw_from;
    }
    message->reverse_path = sender->spec;
    message->needs_utf8 |= sender->utf8;
    return TIDYMAIL_OK;
}

static int prepare_all(tidymail_message *message, const struct tdm_writer_env *env)
{
    int is_raw = message->raw.blob != NULL;
    int kind = TIDYMAIL_OK;
    message->needs_utf8 = message->raw_header_utf8 | message->fields_utf8;
    if (is_raw) {
        kind = prepare_conflicts(message);
        kind = kind == TIDYMAIL_OK ? tdm_message_read_raw_envelope(message) : kind;
    }
    kind = kind == TIDYMAIL_OK ? prepare_reverse_path(message) : kind;
    kind = kind == TIDYMAIL_OK ? prepare_recipients(message) : kind;
    if (kind == TIDYMAIL_OK) {
        prepare_identity(message, env);
        kind = prepare_message_id(message, env);
    }
    if (kind == TIDYMAIL_OK && !is_raw) {
        kind = tdm_message_prepare_parts(message);
    }
    if (kind == TIDYMAIL_OK && (!is_raw || message->resent_from.spec != NULL)) {
        kind = tdm_message_render_header(message);
    }
    return kind;
}

int tdm_message_prepare(tidymail_message *message, const struct tdm_writer_env *env)
{
    if (message == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    /* a tree of the caller's may have changed without our knowing */
    if (message->error.kind != TIDYMAIL_OK || (message->prepared && message->body == NULL)) {
        return message->error.kind;
    }
    int kind = prepare_all(message, env);
    message->prepared = kind == TIDYMAIL_OK;
    return kind;
}

const char *tdm_message_envelope_from(const tidymail_message *message)
{
    return message != NULL && message->prepared ? message->reverse_path : "";
}

size_t tdm_message_recipient_count(const tidymail_message *message)
{
    return message != NULL && message->prepared ? message->recipient_count : 0;
}

const char *const *tdm_message_recipients(const tidymail_message *message)
{
    return message != NULL && message->prepared ? message->recipients : NULL;
}

const char *tdm_message_id(const tidymail_message *message)
{
    return message != NULL && message->prepared ? message->message_id : "";
}

int tdm_message_is_8bit(tidymail_message *message)
{
    return message != NULL && message->prepared &&
           tdm_message_needs(message, TDM_CARRY_7BIT) != TDM_CARRY_7BIT;
}

int tdm_message_needs_utf8(const tidymail_message *message)
{
    return message != NULL && message->prepared && message->needs_utf8;
}

int tdm_message_open_source(tidymail_message *message, tidymail_source *source)
{
    return tdm_message_open_form(message, TDM_CARRY_7BIT, source);
}

int tdm_message_open_form(tidymail_message *message, int carry, tidymail_source *source)
{
    if (message == NULL || source == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    if (message->error.kind != TIDYMAIL_OK) {
        return message->error.kind;
    }
    if (!message->prepared) {
        return tdm_message_fail(message, "message", "it is opened before it is prepared");
    }
    struct tdm_writer *writer = tdm_writer_new(&message->allocator);
    int result = -1;
    if (writer != NULL && message->raw.blob != NULL) {
        struct tdm_segment_format format = {
            TDM_ENCODING_IDENTITY, 1, 1, message->raw.size + (message->raw.ends_in_break ? 0 : 2)};
        result = message->resent_from.spec == NULL
                     ? 0
                     : tdm_writer_add_bytes(writer, message->header, 0, message->header->length);
        if (result == 0 && message->raw.is_canonical && message->raw.ends_in_break) {
            result = tdm_writer_add_bytes(writer, message->raw.blob, 0, message->raw.blob->length);
        } else if (result == 0) {
            result = tdm_writer_add_blob(writer, message->raw.blob, &format);
        }
    } else if (writer != NULL) {
        result = tdm_message_chain(message, carry, writer);
    }
    if (result != 0) {
        tdm_writer_free(writer);
        return tdm_message_fail_memory(message);
    }
    tdm_writer_open(writer, source);
    return TIDYMAIL_OK;
}
