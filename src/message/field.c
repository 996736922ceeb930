/* field.c: header fields of the caller's own: which names may be set, and what some values must
 * look like. */
#include <string.h>

#include "message/header.h"
#include "message/message_data.h"
#include "util/str.h"

#define FIELD_NAME_MAX 76

/* Names that stand in the message by other means. A name that ends in "-" is a beginning. */
static const struct {
    const char *name;
    const char *reason;
} field_reserved[] = {
    {"From", "use tidymail_message_set_from"},
    {"To", "use tidymail_message_add_to"},
    {"Cc", "use tidymail_message_add_cc"},
    {"Bcc", "use tidymail_message_add_bcc"},
    {"Reply-To", "use tidymail_message_add_reply_to"},
    {"Subject", "use tidymail_message_set_subject"},
    {"MIME-Version", "it is written where it is needed, use tidymail_message_set_text"},
    {"Content-", "it follows from the body, use tidymail_message_set_text or _set_html"},
    {"Return-Path", "it is written at delivery, use tidymail_message_set_envelope_from"},
    {"Received", "it is written by servers, use tidymail_message_set_raw"},
    {"Resent-Bcc", "it would show the blind recipients, use tidymail_message_add_envelope_to"},
};

static int field_check_name(tidymail_message *message, const char *name)
{
    if (name == NULL) {
        return tdm_message_fail(message, "header name", "NULL was given");
    }
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == ':') {
            /* RFC 5322 2.2: printable ASCII without the colon */
            return tdm_message_fail_at(message, "header name",
                                       "a character that a name cannot hold", i);
        }
    }
    if (length == 0) {
        return tdm_message_fail(message, "header name", "it is empty");
    }
    if (length > FIELD_NAME_MAX) {
        return tdm_message_fail(message, "header name", "longer than 76 bytes");
    }
    for (size_t i = 0; i < sizeof(field_reserved) / sizeof(field_reserved[0]); i++) {
        const char *reserved = field_reserved[i].name;
        int is_prefix = reserved[strlen(reserved) - 1] == '-';
        if (is_prefix ? tdm_starts_nocase(name, length, reserved)
                      : tdm_equal_nocase(name, reserved)) {
            return tdm_error_setf(&message->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                                  "header %s: not set this way, %s", name,
                                  field_reserved[i].reason);
        }
    }
    return TIDYMAIL_OK;
}

size_t tdm_message_id_length(const char *text, size_t *bad)
{
    size_t at_sign = 0;
    size_t i = 0;
    *bad = 0;
    if (text[0] != '<') {
        return 0;
    }
    for (i = 1; text[i] != '>'; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '<' || (text[i] == '@' && at_sign > 0)) {
            *bad = i;
            return 0;
        }
        at_sign = text[i] == '@' ? i : at_sign;
    }
    if (at_sign <= 1 || at_sign + 1 == i || i > TDM_LINE_MAX - 2) {
        *bad = i;
        return 0;
    }
    return i + 1;
}

/* One message id, or several separated by blanks. */
static int field_check_ids(tidymail_message *message, const char *name, const char *value,
                           int several)
{
    size_t at = 0;
    do {
        size_t bad;
        size_t length = tdm_message_id_length(value + at, &bad);
        if (length == 0) {
            return tdm_message_fail_at(message, name, "not a message id <left@right>", at + bad);
        }
        at += length;
        size_t blanks = strspn(value + at, " ");
        if (value[at] != '\0' && (!several || blanks == 0)) {
            return tdm_message_fail_at(message, name,
                                       several ? "a blank is expected here"
                                               : "nothing may stand behind the message id",
                                       at);
        }
        at += blanks;
    } while (value[at] != '\0');
    return TIDYMAIL_OK;
}

int tdm_field_is_set(const tidymail_message *message, const char *name)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (tdm_equal_nocase(message->fields[i].name, name)) {
            return 1;
        }
    }
    return 0;
}

/* Keeps a copy of a value that stands once. */
static int field_set_once(tidymail_message *message, char **member, const char *name, char *value)
{
    if (*member != NULL) {
        tdm_free(&message->allocator, value);
        return tdm_message_fail(message, name, "it is set already");
    }
    *member = value;
    return TIDYMAIL_OK;
}

static int field_append(tidymail_message *message, const char *name, char *value,
                        enum tdm_field_form form)
{
    const tidymail_allocator *allocator = &message->allocator;
    char *copy = tdm_strdup(allocator, name);
    if (copy != NULL && message->field_count == message->field_capacity) {
        size_t capacity = message->field_capacity > 0 ? message->field_capacity * 2 : 4;
        struct tdm_field *fields =
            tdm_resize_array(allocator, message->fields, capacity, sizeof(*fields));
        if (fields != NULL) {
            message->fields = fields;
            message->field_capacity = capacity;
        }
    }
    if (copy == NULL || message->field_count == message->field_capacity) {
        tdm_free(allocator, copy);
        tdm_free(allocator, value);
        return tdm_message_fail_memory(message);
    }
    message->fields[message->field_count].name = copy;
    message->fields[message->field_count].value = value;
    message->fields[message->field_count].form = form;
    message->field_count++;
    return TIDYMAIL_OK;
}

int tdm_field_replace(tidymail_message *message, const char *name, char *value,
                      enum tdm_field_form form)
{
    for (size_t i = 0; i < message->field_count; i++) {
        struct tdm_field *field = &message->fields[i];
        if (tdm_equal_nocase(field->name, name)) {
            tdm_free(&message->allocator, field->value);
            field->value = value;
            field->form = form;
            return TIDYMAIL_OK;
        }
    }
    return field_append(message, name, value, form);
}

void tdm_field_render_all(struct tdm_buf *out, const tidymail_message *message)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct tdm_field *field = &message->fields[i];
        if (field->form == TDM_FIELD_FINISHED) {
            tdm_buf_add_str(out, field->value);
        } else if (field->form == TDM_FIELD_WORDS) {
            tdm_header_add_words(out, field->name, field->value);
        } else {
            tdm_header_add_text(out, field->name, field->value, 1);
        }
    }
}

/* Fields of addresses beside those that have setters of their own. */
static const char *const field_addresses[] = {
    "Resent-From",
    "Resent-To",
    "Resent-Cc",
    "Resent-Sender",
    "Resent-Reply-To",
    "Return-Receipt-To",
    "Errors-To",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Apparently-To",
    "Delivered-To",
    "X-Original-To",
    "Disposition-Notification-To",
};

/* Fields in which programs read tokens, URLs or ids (RFC 2369, 3834, 6376, 8058, 8601, ...): an
 * encoded-word in them would mean nothing. A name that ends in "-" is a beginning. */
static const char *const field_structured[] = {
    "List-",
    "Auto-Submitted",
    "Precedence",
    "DKIM-Signature",
    "ARC-",
    "Feedback-ID",
    "Importance",
    "Priority",
    "X-Priority",
    "Sensitivity",
    "TLS-Required",
    "Original-Recipient",
    "Supersedes",
    "Expires",
    "Reply-By",
    "Authentication-Results",
    "Disposition-Notification-Options",
    "Resent-Message-ID",
    "X-Auto-Response-Suppress",
    "Autocrypt",
    "Archived-At",
};

static int field_in(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (names[i][length - 1] == '-' ? tdm_starts_nocase(name, strlen(name), names[i])
                                        : tdm_equal_nocase(name, names[i])) {
            return 1;
        }
    }
    return 0;
}

/* List-Id holds a phrase too (RFC 2919 2). */
static int field_is_structured(const char *name)
{
    return field_in(name, field_structured,
                    sizeof(field_structured) / sizeof(field_structured[0])) &&
           !tdm_equal_nocase(name, "List-Id");
}

static int field_append_addresses(tidymail_message *message, const char *name, char *value)
{
    struct tdm_mailbox_list list = {NULL, 0, 0};
    struct tdm_address_error why = {0, NULL};
    struct tdm_buf out;
    char *finished = NULL;
    int kind = TIDYMAIL_OK;
    tdm_buf_init(&out, &message->allocator, SIZE_MAX / 4);
    if (tdm_mailbox_list_parse(&message->allocator, value,
                               message->address_flags | TDM_ADDRESS_NAMES, &list, &why) != 0) {
        kind = why.reason != NULL ? tdm_message_fail_at(message, name, why.reason, why.offset)
                                  : tdm_message_fail_memory(message);
    } else if (list.count == 0) {
        kind = tdm_message_fail(message, name, "no address is given");
    } else {
        tdm_header_add_mailboxes(&out, name, &list);
        finished =
            out.failed ? NULL : tdm_strndup(&message->allocator, tdm_buf_text(&out), out.length);
        kind = finished != NULL ? field_append(message, name, finished, TDM_FIELD_FINISHED)
                                : tdm_message_fail_memory(message);
    }
    for (size_t i = 0; kind == TIDYMAIL_OK && i < list.count; i++) {
        message->fields_utf8 |= list.items[i].utf8;
    }
    tdm_buf_clear(&out);
    tdm_mailbox_list_clear(&message->allocator, &list);
    tdm_free(&message->allocator, value);
    return kind;
}

static int field_set_sender(tidymail_message *message, char *value)
{
    struct tdm_mailbox parsed;
    int kind = tdm_message_parse_mailbox(message, "Sender", value, &parsed);
    tdm_free(&message->allocator, value);
    if (kind == TIDYMAIL_OK && message->sender.spec != NULL) {
        tdm_mailbox_clear(&message->allocator, &parsed);
        kind = tdm_message_fail(message, "Sender", "it is set already");
    }
    if (kind == TIDYMAIL_OK) {
        message->sender = parsed;
    }
    return kind;
}

/* Takes `value` over. */
static int field_set(tidymail_message *message, const char *name, char *value)
{
    int kind = TIDYMAIL_OK;
    if (tdm_equal_nocase(name, "Sender")) {
        return field_set_sender(message, value);
    }
    if (field_in(name, field_addresses, sizeof(field_addresses) / sizeof(field_addresses[0]))) {
        return field_append_addresses(message, name, value);
    }
    int is_words = field_is_structured(name);
    int is_id = tdm_equal_nocase(name, "Message-ID");
    int is_reply = tdm_equal_nocase(name, "In-Reply-To") || tdm_equal_nocase(name, "References");
    int is_date = tdm_equal_nocase(name, "Date");
    int is_resent_date = tdm_equal_nocase(name, "Resent-Date");
    size_t offset = 0;
    if (is_id || is_reply) {
        kind = field_check_ids(message, name, value, is_reply);
    } else if (is_words && tdm_has_8bit(value, strlen(value))) {
        while ((unsigned char)value[offset] < 0x80) {
            offset++;
        }
        kind = tdm_message_fail_at(message, name, "only ASCII may stand here", offset);
    } else if ((is_date || is_resent_date) && !tdm_date_check(value, strlen(value), &offset)) {
        kind = tdm_message_fail_at(message, name, "not a date as in RFC 5322", offset);
    } else if (tdm_header_longest_word(value) >= TDM_LINE_MAX &&
               !tdm_has_8bit(value, strlen(value))) {
        kind = tdm_message_fail(message, name, "a word longer than 997 bytes cannot be folded");
    }
    if (kind == TIDYMAIL_OK && is_reply && tdm_field_is_set(message, name)) {
        kind = tdm_message_fail(message, name, "it is set already");
    }
    if (kind != TIDYMAIL_OK) {
        tdm_free(&message->allocator, value);
        return kind;
    }
    if (is_id) {
        return field_set_once(message, &message->given_message_id, name, value);
    }
    if (is_date) {
        return field_set_once(message, &message->given_date, name, value);
    }
    return field_append(message, name, value,
                        is_words || is_reply ? TDM_FIELD_WORDS : TDM_FIELD_TEXT);
}

int tidymail_message_add_header(tidymail_message *message, const char *name, const char *value)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = field_check_name(message, name);
    }
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_check_text(message, name, value);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    /* Blanks at either end mean nothing to a reader. */
    size_t skip = strspn(value, " ");
    size_t length = strlen(value + skip);
    while (length > 0 && value[skip + length - 1] == ' ') {
        length--;
    }
    char *copy = tdm_strndup(&message->allocator, value + skip, length);
    return copy != NULL ? field_set(message, name, copy) : tdm_message_fail_memory(message);
}
