/* message.c: the message object and its setters. Each setter checks first and changes nothing where
 * it fails; the first failure sticks. */
#include <string.h>

#include "message/header.h"
#include "message/message_data.h"
#include "message/part_data.h"
#include "util/str.h"
#include "util/utf8.h"

int tdm_message_fail_memory(tidymail_message *message)
{
    return tdm_error_set(&message->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory", NULL);
}

int tdm_message_fail(tidymail_message *message, const char *field, const char *reason)
{
    return tdm_error_setf(&message->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "%s: %s",
                          field, reason);
}

int tdm_message_fail_at(tidymail_message *message, const char *field, const char *reason,
                        size_t offset)
{
    return tdm_error_setf(&message->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                          "%s: %s at offset %z", field, reason, offset);
}

/* "Subject: control character 0x0A at offset 17". */
static int message_fail_byte(struct tidymail_error *error, const char *field, unsigned char byte,
                             size_t offset)
{
    static const char hex[] = "0123456789ABCDEF";
    return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                          "%s: control character 0x%c%c at offset %z", field, hex[byte >> 4],
                          hex[byte & 15], offset);
}

int tdm_message_begin(tidymail_message *message)
{
    if (message == NULL) {
        return TIDYMAIL_KIND_LOCAL; /* what tidymail_message_new could not make */
    }
    if (message->error.kind == TIDYMAIL_OK) {
        message->prepared = 0;
    }
    return message->error.kind;
}

int tdm_check_text(struct tidymail_error *error, const char *field, const char *text)
{
    if (text == NULL) {
        return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                              "%s: NULL was given", field);
    }
    size_t length = strlen(text);
    size_t control = tdm_find_control(text, length);
    size_t invalid = tdm_utf8_find_invalid(text, length);
    if (control < length && control < invalid) {
        return message_fail_byte(error, field, (unsigned char)text[control], control);
    }
    if (invalid < length) {
        return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                              "%s: invalid UTF-8 at offset %z", field, invalid);
    }
    if (length > TDM_HEADER_TEXT_MAX) {
        return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                              "%s: longer than 65536 bytes", field);
    }
    return TIDYMAIL_OK;
}

int tdm_message_check_text(tidymail_message *message, const char *field, const char *text)
{
    return tdm_check_text(&message->error, field, text);
}

int tdm_message_parse_mailbox(tidymail_message *message, const char *field, const char *text,
                              struct tdm_mailbox *mailbox)
{
    struct tdm_address_error why = {0, NULL};
    int kind = tdm_message_check_text(message, field, text);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (tdm_mailbox_parse(&message->allocator, text, message->address_flags, mailbox, &why) == 0) {
        return TIDYMAIL_OK;
    }
    return why.reason != NULL ? tdm_message_fail_at(message, field, why.reason, why.offset)
                              : tdm_message_fail_memory(message);
}

tidymail_message *tidymail_message_new(void)
{
    return tidymail_message_new_with(NULL);
}

tidymail_message *tidymail_message_new_with(const tidymail_allocator *allocator)
{
    tidymail_allocator memory = tdm_allocator_or_default(allocator);
    tidymail_message *message = tdm_alloc_array(&memory, 1, sizeof(*message));
    if (message != NULL) {
        message->allocator = memory;
        message->references = 1;
        tdm_error_init(&message->error, &memory);
    }
    return message;
}

tidymail_message *tidymail_message_ref(tidymail_message *message)
{
    if (message != NULL) {
        message->references++;
    }
    return message;
}

static void message_clear(tidymail_message *message)
{
    const tidymail_allocator *allocator = &message->allocator;
    tdm_error_clear(&message->error);
    if (message->signers != NULL) {
        message->release_signers(allocator, message->signers);
    }
    tdm_mailbox_clear(allocator, &message->from);
    tdm_mailbox_clear(allocator, &message->sender);
    tdm_mailbox_clear(allocator, &message->envelope_from);
    tdm_mailbox_clear(allocator, &message->raw_from);
    tdm_mailbox_list_clear(allocator, &message->to);
    tdm_mailbox_list_clear(allocator, &message->cc);
    tdm_mailbox_list_clear(allocator, &message->bcc);
    tdm_mailbox_list_clear(allocator, &message->reply_to);
    tdm_mailbox_clear(allocator, &message->resent_from);
    tdm_mailbox_list_clear(allocator, &message->resent_to);
    tdm_mailbox_list_clear(allocator, &message->envelope_to);
    tdm_mailbox_list_clear(allocator, &message->raw_recipients);
    tdm_wishes_clear(allocator, &message->wishes);
    tdm_service_wishes_clear(allocator, &message->service);
    tdm_free(allocator, message->subject);
    tdm_free(allocator, message->given_date);
    tdm_free(allocator, message->given_message_id);
    for (size_t i = 0; i < message->field_count; i++) {
        tdm_free(allocator, message->fields[i].name);
        tdm_free(allocator, message->fields[i].value);
    }
    tdm_free(allocator, message->fields);
    for (size_t i = 0; i < TDM_RAW_FIELDS; i++) {
        tdm_free(allocator, message->raw_fields[i]);
    }
    tdm_body_clear(&message->text);
    tdm_body_clear(&message->html);
    tdm_body_clear(&message->raw);
    tdm_message_clear_parts(message);
    tdm_free(allocator, message->message_id);
    tdm_free(allocator, message->recipients);
    tdm_blob_release(message->header);
}

void tidymail_message_reset(tidymail_message *message)
{
    if (message == NULL) {
        return;
    }
    message_clear(message);
    tidymail_allocator allocator = message->allocator;
    size_t references = message->references;
    memset(message, 0, sizeof(*message));
    message->allocator = allocator;
    message->references = references;
    tdm_error_init(&message->error, &allocator);
}

void tidymail_message_free(tidymail_message *message)
{
    if (message == NULL || --message->references > 0) {
        return;
    }
    message_clear(message);
    tidymail_allocator allocator = message->allocator;
    tdm_free(&allocator, message);
}

const tidymail_error *tidymail_message_error(const tidymail_message *message)
{
    return message != NULL && message->error.kind != TIDYMAIL_OK ? &message->error : NULL;
}

int tidymail_message_set_from(tidymail_message *message, const char *mailbox)
{
    struct tdm_mailbox parsed = {NULL, NULL, 0, NULL, 0};
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_parse_mailbox(message, "From", mailbox, &parsed);
    }
    if (kind == TIDYMAIL_OK) {
        tdm_mailbox_clear(&message->allocator, &message->from);
        message->from = parsed;
    }
    return kind;
}

int tdm_message_add_group(tidymail_message *message, struct tdm_mailbox_list *list,
                          const char *field, const char *text)
{
    struct tdm_address_error why = {0, NULL};
    if (text == NULL || strchr(text, ':') == NULL || list == &message->envelope_to) {
        return TDM_NO_GROUP; /* a group has a colon behind its name (RFC 5322 3.4) */
    }
    int kind = tdm_message_check_text(message, field, text);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    int result =
        tdm_mailbox_group_parse(&message->allocator, text, message->address_flags, list, &why);
    if (result >= 0) {
        return result == 0 ? TIDYMAIL_OK : TDM_NO_GROUP;
    }
    return why.reason != NULL ? tdm_message_fail_at(message, field, why.reason, why.offset)
                              : tdm_message_fail_memory(message);
}

int tidymail_message_set_lenient_addresses(tidymail_message *message, int lenient)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        message->address_flags = lenient != 0 ? TDM_ADDRESS_LENIENT : 0;
    }
    return kind;
}

static int message_add(tidymail_message *message, struct tdm_mailbox_list *list, const char *field,
                       const char *text)
{
    struct tdm_mailbox parsed;
    int kind = tdm_message_add_group(message, list, field, text);
    if (kind != TDM_NO_GROUP) {
        return kind;
    }
    kind = tdm_message_parse_mailbox(message, field, text, &parsed);
    if (kind == TIDYMAIL_OK && tdm_mailbox_list_add(&message->allocator, list, &parsed) != 0) {
        tdm_mailbox_clear(&message->allocator, &parsed);
        kind = tdm_message_fail_memory(message);
    }
    return kind;
}

int tidymail_message_add_to(tidymail_message *message, const char *mailbox)
{
    int kind = tdm_message_begin(message);
    return kind == TIDYMAIL_OK ? message_add(message, &message->to, "To", mailbox) : kind;
}

int tidymail_message_add_cc(tidymail_message *message, const char *mailbox)
{
    int kind = tdm_message_begin(message);
    return kind == TIDYMAIL_OK ? message_add(message, &message->cc, "Cc", mailbox) : kind;
}

int tidymail_message_add_bcc(tidymail_message *message, const char *mailbox)
{
    int kind = tdm_message_begin(message);
    return kind == TIDYMAIL_OK ? message_add(message, &message->bcc, "Bcc", mailbox) : kind;
}

int tidymail_message_add_reply_to(tidymail_message *message, const char *mailbox)
{
    int kind = tdm_message_begin(message);
    return kind == TIDYMAIL_OK ? message_add(message, &message->reply_to, "Reply-To", mailbox)
                               : kind;
}

int tidymail_message_add_envelope_to(tidymail_message *message, const char *address)
{
    int kind = tdm_message_begin(message);
    return kind == TIDYMAIL_OK
               ? message_add(message, &message->envelope_to, "envelope recipient", address)
               : kind;
}

int tidymail_message_set_envelope_from(tidymail_message *message, const char *address)
{
    struct tdm_mailbox parsed = {NULL, NULL, 0, NULL, 0};
    int kind = tdm_message_begin(message);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (address != NULL && (address[0] == '\0' || strcmp(address, "<>") == 0)) {
        parsed.spec = tdm_strdup(&message->allocator, ""); /* RFC 5321 4.5.5 */
        kind = parsed.spec != NULL ? TIDYMAIL_OK : tdm_message_fail_memory(message);
    } else {
        kind = tdm_message_parse_mailbox(message, "envelope sender", address, &parsed);
    }
    if (kind == TIDYMAIL_OK) {
        tdm_mailbox_clear(&message->allocator, &message->envelope_from);
        message->envelope_from = parsed;
    }
    return kind;
}

int tidymail_message_set_subject(tidymail_message *message, const char *subject)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_check_text(message, "Subject", subject);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    char *copy = tdm_strdup(&message->allocator, subject);
    if (copy == NULL) {
        return tdm_message_fail_memory(message);
    }
    tdm_free(&message->allocator, message->subject);
    message->subject = copy;
    return TIDYMAIL_OK;
}

static int message_set_body(tidymail_message *message, struct tdm_body *body, const char *field,
                            const char *text)
{
    if (text == NULL) {
        return tdm_message_fail(message, field, "NULL was given");
    }
    size_t length = strlen(text);
    size_t invalid = tdm_utf8_find_invalid(text, length);
    if (invalid < length) {
        return tdm_message_fail_at(message, field, "invalid UTF-8", invalid);
    }
    struct tdm_blob *blob = tdm_blob_new(&message->allocator, text, length);
    if (blob == NULL) {
        return tdm_message_fail_memory(message);
    }
    tdm_body_clear(body);
    body->blob = blob;
    tdm_body_choose(body);
    return TIDYMAIL_OK;
}

int tidymail_message_set_text(tidymail_message *message, const char *text)
{
    int kind = tdm_message_begin(message);
    return kind == TIDYMAIL_OK ? message_set_body(message, &message->text, "text", text) : kind;
}

int tidymail_message_set_html(tidymail_message *message, const char *html)
{
    int kind = tdm_message_begin(message);
    return kind == TIDYMAIL_OK ? message_set_body(message, &message->html, "html", html) : kind;
}
