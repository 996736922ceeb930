/* message_raw.c: a ready-made message: its Bcc fields are taken out, and what the envelope needs is
 * read from its header. Nothing else of it is touched. */
#include <string.h>

#include "message/message_data.h"
#include "util/str.h"
#include "util/utf8.h"

static const char *const raw_names[TDM_RAW_FIELDS] = {"From", "Sender", "To",
                                                      "Cc",   "Bcc",    "Message-ID"};

struct raw_reader {
    const char *text;
    size_t length;
    size_t at; /* where the next line begins */
    const char *line;
    size_t line_length; /* without its end */
};

/* The next line, ended by CRLF, LF, CR or the end of the text. 0 at the end. */
static int raw_next_line(struct raw_reader *reader)
{
    if (reader->at == reader->length) {
        return 0;
    }
    size_t end = reader->at;
    while (end < reader->length && reader->text[end] != '\r' && reader->text[end] != '\n') {
        end++;
    }
    reader->line = reader->text + reader->at;
    reader->line_length = end - reader->at;
    if (end < reader->length) {
        int pair =
            reader->text[end] == '\r' && end + 1 < reader->length && reader->text[end + 1] == '\n';
        end += pair ? 2 : 1;
    }
    reader->at = end;
    return 1;
}

/* Length of the name that a header line begins with, 0 where it begins with none. Blanks in front
 * of the colon are an old form (RFC 5322 4.5) and would hide a Bcc. */
static size_t raw_field_name(const char *line, size_t length, size_t *value)
{
    size_t name = 0;
    while (name < length && line[name] > ' ' && line[name] <= '~' && line[name] != ':') {
        name++;
    }
    size_t colon = name;
    while (colon < length && tdm_is_space(line[colon])) {
        colon++;
    }
    if (colon == length || line[colon] != ':') {
        return 0;
    }
    *value = colon + 1;
    return name;
}

static int raw_field_index(const char *name, size_t length)
{
    for (int i = 0; i < TDM_RAW_FIELDS; i++) {
        if (tdm_equal_nocase_n(name, length, raw_names[i])) {
            return i;
        }
    }
    return -1;
}

struct raw_split {
    struct tdm_buf kept;
    struct tdm_buf fields[TDM_RAW_FIELDS];
};

/* Splits the header; the body is added as it is. Returns how long the header that is kept is. */
static size_t raw_split_header(struct raw_split *split, struct raw_reader *reader)
{
    int field = -1; /* the one that continuation lines belong to */
    int dropping = 0;
    size_t start = reader->at;
    while (raw_next_line(reader) && reader->line_length > 0) {
        size_t value = 0;
        const char *line = reader->line;
        size_t name = raw_field_name(line, reader->line_length, &value);
        if (name > 0) {
            field = raw_field_index(line, name);
            dropping = field == TDM_RAW_BCC || tdm_equal_nocase_n(line, name, "Resent-Bcc");
            if (field >= 0 && split->fields[field].length > 0) {
                tdm_buf_add_char(&split->fields[field], ',');
            }
        } else if (!tdm_is_space(line[0])) {
            field = -1; /* not a header line at all: kept, as everything */
            dropping = 0;
        }
        if (field >= 0) {
            tdm_buf_add(&split->fields[field], line + value, reader->line_length - value);
        }
        if (!dropping) {
            tdm_buf_add(&split->kept, reader->text + start, reader->at - start);
        }
        start = reader->at;
    }
    size_t header = split->kept.length;
    tdm_buf_add(&split->kept, reader->text + start, reader->length - start);
    return header;
}

/* Takes over what was split; 0, or -1 when out of memory. */
static int raw_keep(tidymail_message *message, struct raw_split *split)
{
    char *fields[TDM_RAW_FIELDS] = {NULL};
    int failed = 0;
    for (size_t i = 0; i < TDM_RAW_FIELDS; i++) {
        struct tdm_buf *field = &split->fields[i];
        fields[i] = tdm_strndup(&message->allocator, tdm_buf_text(field), field->length);
        failed |= fields[i] == NULL || field->failed;
    }
    struct tdm_blob *blob = failed ? NULL : tdm_blob_take(&split->kept);
    for (size_t i = 0; i < TDM_RAW_FIELDS; i++) {
        char **old = &message->raw_fields[i];
        if (blob != NULL) {
            tdm_free(&message->allocator, *old);
            *old = fields[i];
        } else {
            tdm_free(&message->allocator, fields[i]);
        }
    }
    if (blob == NULL) {
        return -1;
    }
    tdm_body_clear(&message->raw);
    message->raw.blob = blob;
    tdm_body_measure(&message->raw);
    return 0;
}

int tidymail_message_set_raw(tidymail_message *message, const void *bytes, size_t length)
{
    int kind = tdm_message_begin(message);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (bytes == NULL || length == 0) {
        return tdm_message_fail(message, "ready-made message",
                                bytes == NULL ? "NULL was given" : "it is empty");
    }
    const char *nul = memchr(bytes, '\0', length);
    if (nul != NULL) {
        return tdm_message_fail_at(message, "ready-made message", "control character 0x00",
                                   (size_t)(nul - (const char *)bytes));
    }
    struct raw_split split;
    struct raw_reader reader = {bytes, length, 0, NULL, 0};
    tdm_buf_init(&split.kept, &message->allocator, length);
    tdm_buf_reserve(&split.kept, length);
    for (size_t i = 0; i < TDM_RAW_FIELDS; i++) {
        tdm_buf_init(&split.fields[i], &message->allocator, length);
    }
    size_t header = raw_split_header(&split, &reader);
    if (split.kept.failed || raw_keep(message, &split) != 0) {
        kind = tdm_message_fail_memory(message);
    } else {
        /* Header bytes that are not UTF-8 cannot be announced by SMTPUTF8: they go as they are. */
        const char *kept = message->raw.blob->bytes;
        message->raw_header_utf8 =
            tdm_has_8bit(kept, header) && tdm_utf8_find_invalid(kept, header) == header;
    }
    tdm_buf_clear(&split.kept);
    for (size_t i = 0; i < TDM_RAW_FIELDS; i++) {
        tdm_buf_clear(&split.fields[i]);
    }
    return kind;
}

/* Appends the addresses of one field. */
static int raw_read_list(tidymail_message *message, int field, struct tdm_mailbox_list *list)
{
    struct tdm_address_error why = {0, NULL};
    if (tdm_mailbox_list_parse(&message->allocator, message->raw_fields[field], 0, list, &why) ==
        0) {
        return TIDYMAIL_OK;
    }
    return why.reason != NULL
               ? tdm_message_fail_at(message, raw_names[field], why.reason, why.offset)
               : tdm_message_fail_memory(message);
}

/* The sender for the envelope: From where it is one mailbox, else Sender (RFC 5322 3.6.2), else the
 * first of From. */
static int raw_read_sender(tidymail_message *message)
{
    struct tdm_mailbox_list from = {NULL, 0, 0};
    struct tdm_mailbox_list sender = {NULL, 0, 0};
    int kind = raw_read_list(message, TDM_RAW_FROM, &from);
    if (kind == TIDYMAIL_OK && from.count != 1) {
        kind = raw_read_list(message, TDM_RAW_SENDER, &sender);
    }
    struct tdm_mailbox_list *chosen = sender.count > 0 ? &sender : &from;
    if (kind == TIDYMAIL_OK && chosen->count == 0) {
        kind = tdm_error_set(&message->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                             "From: the ready-made message names no sender",
                             "add a From field, or name the sender of the envelope");
    }
    if (kind == TIDYMAIL_OK) {
        message->raw_from = chosen->items[0];
        memset(&chosen->items[0], 0, sizeof(chosen->items[0]));
    }
    tdm_mailbox_list_clear(&message->allocator, &from);
    tdm_mailbox_list_clear(&message->allocator, &sender);
    return kind;
}

int tdm_message_read_raw_envelope(tidymail_message *message)
{
    int kind = TIDYMAIL_OK;
    tdm_mailbox_clear(&message->allocator, &message->raw_from);
    tdm_mailbox_list_clear(&message->allocator, &message->raw_recipients);
    if (message->resent_from.spec != NULL) {
        return kind; /* sender and recipients of this time are named by the Resent- fields */
    }
    if (message->envelope_from.spec == NULL) {
        kind = raw_read_sender(message);
    }
    for (int i = TDM_RAW_TO; message->envelope_to.count == 0 && i <= TDM_RAW_BCC; i++) {
        if (kind == TIDYMAIL_OK) {
            kind = raw_read_list(message, i, &message->raw_recipients);
        }
    }
    return kind;
}
