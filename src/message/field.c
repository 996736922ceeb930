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

/* Length of the message id at `text` (RFC 5322 3.6.4), 0: none. `bad` says where it goes wrong. */
static size_t field_message_id(const char *text, size_t *bad)
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
        size_t length = field_message_id(value + at, &bad);
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

static int field_is_set(const tidymail_message *message, const char *name)
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

static int field_append(tidymail_message *message, const char *name, char *value)
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
    message->field_count++;
    return TIDYMAIL_OK;
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
    int is_id = tdm_equal_nocase(name, "Message-ID");
    int is_reply = tdm_equal_nocase(name, "In-Reply-To") || tdm_equal_nocase(name, "References");
    int is_date = tdm_equal_nocase(name, "Date");
    size_t offset = 0;
    if (is_id || is_reply) {
        kind = field_check_ids(message, name, value, is_reply);
    } else if (is_date && !tdm_date_check(value, strlen(value), &offset)) {
        kind = tdm_message_fail_at(message, name, "not a date as in RFC 5322", offset);
    } else if (tdm_header_longest_word(value) >= TDM_LINE_MAX &&
               !tdm_has_8bit(value, strlen(value))) {
        kind = tdm_message_fail(message, name, "a word longer than 997 bytes cannot be folded");
    }
    if (kind == TIDYMAIL_OK && is_reply && field_is_set(message, name)) {
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
    return field_append(message, name, value);
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
