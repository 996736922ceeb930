/* mail.c: see mail.h. */
#include "provider/mail.h"

#include <string.h>

#include "message/header.h"
#include "message/part_data.h"
#include "provider/mail_route.h"
#include "util/str.h"

/* The most that the files of one message may hold: more than any service takes. */
#define MAIL_FILE_MAX ((size_t)64 * 1024 * 1024)
#define MAIL_TEXT_MAX ((size_t)256 * 1024)

static int mail_no_memory(struct tidymail_error *error)
{
    return tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory", NULL);
}

/* A field as it stands in a message, unfolded (RFC 5322 2.2.3), without its name. */
static char *mail_unfold(const tidymail_allocator *allocator, const char *field)
{
    struct tdm_buf out;
    tdm_buf_init(&out, allocator, MAIL_TEXT_MAX);
    const char *value = field + strcspn(field, ":");
    value += *value == ':';
    value += strspn(value, " ");
    for (; *value != '\0'; value++) {
        if (*value != '\r' && *value != '\n') {
            tdm_buf_add_char(&out, *value);
        }
    }
    char *copy = out.failed ? NULL : tdm_strdup(allocator, tdm_buf_text(&out));
    tdm_buf_clear(&out);
    return copy;
}

static int mail_add_field(struct tdm_mail *mail, const char *name, char *value)
{
    char *copy = tdm_strdup(&mail->allocator, name);
    if (copy == NULL || value == NULL) {
        tdm_free(&mail->allocator, copy);
        tdm_free(&mail->allocator, value);
        return -1;
    }
    mail->fields[mail->field_count].name = copy;
    mail->fields[mail->field_count].value = value;
    mail->field_count++;
    return 0;
}

static int mail_read_fields(struct tdm_mail *mail)
{
    const tidymail_message *message = mail->message;
    const tidymail_allocator *allocator = &mail->allocator;
    int failed = 0;
    mail->fields = tdm_alloc_array(allocator, message->field_count + 2, sizeof(*mail->fields));
    if (mail->fields == NULL) {
        return -1;
    }
    if (message->given_date != NULL) {
        failed |= mail_add_field(mail, "Date", tdm_strdup(allocator, message->given_date));
    }
    if (message->given_message_id != NULL) {
        failed |=
            mail_add_field(mail, "Message-ID", tdm_strdup(allocator, message->given_message_id));
    }
    for (size_t i = 0; i < message->field_count && !failed; i++) {
        const struct tdm_field *field = &message->fields[i];
        failed |=
            mail_add_field(mail, field->name,
                           field->form == TDM_FIELD_FINISHED ? mail_unfold(allocator, field->value)
                                                             : tdm_strdup(allocator, field->value));
    }
    return failed ? -1 : 0;
}

/* A parameter's value, quoted where it is no token (RFC 2045 5.1). */
static void mail_add_parameter(struct tdm_buf *out, const char *name, const char *value)
{
    int is_token = value[0] != '\0';
    for (const char *at = value; *at != '\0'; at++) {
        is_token &= *at > ' ' && *at < 0x7f && strchr("()<>@,;:\\\"/[]?=", *at) == NULL;
    }
    tdm_buf_addf(out, "; %s=%s", name, is_token ? "" : "\"");
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            tdm_buf_add_char(out, '\\');
        }
        tdm_buf_add_char(out, *at);
    }
    tdm_buf_add_str(out, is_token ? "" : "\"");
}

static char *mail_type_of(const tidymail_allocator *allocator, const tidymail_part *part)
{
    struct tdm_buf out;
    tdm_buf_init(&out, allocator, MAIL_TEXT_MAX);
    tdm_buf_add_str(&out, part->type.type);
    for (size_t i = 0; i < part->type.count; i++) {
        mail_add_parameter(&out, part->type.names[i], part->type.values[i]);
    }
    if (part->charset != NULL) {
        mail_add_parameter(&out, "charset", part->charset);
    }
    char *copy = out.failed ? NULL : tdm_strdup(allocator, tdm_buf_text(&out));
    tdm_buf_clear(&out);
    return copy;
}

/* The bytes of a part from a source, read to its end. */
static int mail_read_stream(struct tdm_mail_file *file, struct tdm_stream *stream,
                            struct tidymail_error *error)
{
    ptrdiff_t got = tdm_stream_begin(stream, file) == 0 ? 1 : -1;
    while (got > 0 && !tdm_stream_at_end(stream)) {
        if (tdm_buf_reserve(&file->bytes, 65536) != 0) {
            return mail_no_memory(error);
        }
        got = tdm_stream_read(stream, file, file->bytes.data + file->bytes.length, 65536);
        file->bytes.length += got > 0 ? (size_t)got : 0;
    }
    if (got >= 0) {
        return TIDYMAIL_OK;
    }
    const char *label = tdm_stream_label(stream);
    return tdm_error_setf(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "%s%s%s", label,
                          label[0] != '\0' ? ": " : "", tdm_stream_error(stream));
}

/* A field of the part; NULL: it has none. */
static const struct tdm_field *mail_part_field(const tidymail_part *part, const char *name)
{
    for (size_t i = 0; i < part->field_count; i++) {
        if (tdm_equal_nocase(part->fields[i].name, name)) {
            return &part->fields[i];
        }
    }
    return NULL;
}

/* Content-ID and Content-Description. 0, or -1 when out of memory. */
static int mail_read_part_fields(const tidymail_allocator *allocator, const tidymail_part *part,
                                 struct tdm_mail_file *file)
{
    const struct tdm_field *id = mail_part_field(part, "Content-ID");
    const struct tdm_field *description = mail_part_field(part, "Content-Description");
    if (id != NULL) { /* <...> */
        file->content_id = tdm_strndup(allocator, id->value + 1, strlen(id->value) - 2);
    }
    if (description != NULL) {
        file->description = description->form == TDM_FIELD_FINISHED
                                ? mail_unfold(allocator, description->value)
                                : tdm_strdup(allocator, description->value);
    }
    return (id != NULL && file->content_id == NULL) ||
                   (description != NULL && file->description == NULL)
               ? -1
               : 0;
}

static int mail_add_file(struct tdm_mail *mail, const tidymail_part *part, int is_inline,
                         struct tidymail_error *error)
{
    const tidymail_allocator *allocator = &mail->allocator;
    struct tdm_mail_file *file = &mail->files[mail->file_count++];
    tdm_buf_init(&file->bytes, allocator, MAIL_FILE_MAX);
    file->is_inline = is_inline;
    file->name = tdm_strdup(allocator, part->name);
    file->type = mail_type_of(allocator, part);
    file->media_type = tdm_strdup(allocator, part->type.type);
    if (mail_read_part_fields(allocator, part, file) != 0 || file->type == NULL ||
        file->media_type == NULL || (part->name != NULL && file->name == NULL)) {
        return mail_no_memory(error);
    }
    if (part->stream != NULL) {
        if (tdm_stream_size(part->stream) > (int64_t)MAIL_FILE_MAX) {
            return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                                  "%s: larger than any mail service takes (%l bytes)",
                                  tdm_stream_label(part->stream), tdm_stream_size(part->stream));
        }
        return mail_read_stream(file, part->stream, error);
    }
    const struct tdm_blob *blob = part->body.blob;
    return tdm_buf_add(&file->bytes, blob->bytes, blob->length) == 0 ? TIDYMAIL_OK
                                                                     : mail_no_memory(error);
}

static int mail_read_files(struct tdm_mail *mail, struct tidymail_error *error)
{
    const tidymail_message *message = mail->message;
    const struct tdm_part_list *lists[] = {&message->attachments, &message->inlines};
    size_t count = message->invite != NULL;
    for (int i = 0; i < 2; i++) {
        for (const tidymail_part *part = lists[i]->first; part != NULL; part = part->next) {
            count++;
        }
    }
    mail->files = tdm_alloc_array(&mail->allocator, count + 1, sizeof(*mail->files));
    if (mail->files == NULL) {
        return mail_no_memory(error);
    }
    int kind = TIDYMAIL_OK;
    for (int i = 0; i < 2; i++) {
        const tidymail_part *part = lists[i]->first;
        for (; part != NULL && kind == TIDYMAIL_OK; part = part->next) {
            kind = mail_add_file(mail, part, i, error);
        }
        if (i == 0 && kind == TIDYMAIL_OK && message->invite != NULL) {
            kind = mail_add_file(mail, message->invite, 0, error);
        }
    }
    return kind;
}

static const char *mail_body(const struct tdm_body *body)
{
    return body->blob != NULL ? body->blob->bytes : NULL;
}

/* The iCalendar text and its METHOD (RFC 6047 2.4). */
static void mail_read_calendar(struct tdm_mail *mail)
{
    const tidymail_part *part = mail->message->calendar;
    if (part == NULL) {
        return;
    }
    mail->calendar = mail_body(&part->body);
    for (size_t i = 0; i < part->type.count; i++) {
        if (strcmp(part->type.names[i], "method") == 0) {
            mail->calendar_method = part->type.values[i];
        }
    }
}

static int mail_needs_raw(const tidymail_message *message)
{
    return message->raw.blob != NULL || message->body != NULL || message->signers != NULL ||
           message->resent_from.spec != NULL;
}

int tdm_mail_open(struct tdm_mail *mail, tidymail_message *message,
                  const tidymail_allocator *allocator, struct tidymail_error *error)
{
    memset(mail, 0, sizeof(*mail));
    mail->allocator = tdm_allocator_or_default(allocator);
    mail->message = message;
    mail->open_raw = tdm_message_open_source;
    mail->from = message->from.spec != NULL ? &message->from : NULL;
    mail->sender = message->sender.spec != NULL ? &message->sender : NULL;
    mail->to = &message->to;
    mail->cc = &message->cc;
    mail->bcc = &message->bcc;
    mail->reply_to = &message->reply_to;
    mail->subject = message->subject != NULL ? message->subject : "";
    mail->text = mail_body(&message->text);
    mail->html = mail_body(&message->html);
    mail->message_id = tdm_message_id(message);
    mail->envelope_from = tdm_message_envelope_from(message);
    mail->recipients = tdm_message_recipients(message);
    mail->recipient_count = tdm_message_recipient_count(message);
    mail->has_envelope = message->envelope_from.spec != NULL || message->envelope_to.count > 0;
    mail->needs_raw = mail_needs_raw(message);
    mail->service = &message->service;
    mail_read_calendar(mail);
    if (mail_read_fields(mail) != 0) {
        return mail_no_memory(error);
    }
    return mail->needs_raw ? TIDYMAIL_OK : mail_read_files(mail, error);
}

void tdm_mail_clear(struct tdm_mail *mail)
{
    const tidymail_allocator allocator = mail->allocator;
    for (size_t i = 0; i < mail->field_count; i++) {
        tdm_free(&allocator, mail->fields[i].name);
        tdm_free(&allocator, mail->fields[i].value);
    }
    tdm_free(&allocator, mail->fields);
    for (size_t i = 0; i < mail->file_count; i++) {
        struct tdm_mail_file *file = &mail->files[i];
        tdm_free(&allocator, file->name);
        tdm_free(&allocator, file->type);
        tdm_free(&allocator, file->media_type);
        tdm_free(&allocator, file->content_id);
        tdm_free(&allocator, file->description);
        tdm_buf_clear(&file->bytes);
    }
    tdm_free(&allocator, mail->files);
    for (size_t i = 0; i < 3; i++) {
        tdm_free(&allocator, mail->routed[i].items);
    }
    memset(mail, 0, sizeof(*mail));
}

/* Reads a source to its end. */
static int mail_drain(tidymail_source *source, struct tdm_buf *out, struct tidymail_error *error)
{
    ptrdiff_t got = 1;
    while (got > 0) {
        if (tdm_buf_reserve(out, 65536) != 0) {
            return mail_no_memory(error);
        }
        got = source->read(source->context, out->data + out->length, 65536);
        out->length += got > 0 ? (size_t)got : 0;
    }
    if (got == 0) {
        return TIDYMAIL_OK;
    }
    const char *words = source->error != NULL ? source->error(source->context) : NULL;
    return tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         words != NULL ? words : "the message could not be read", NULL);
}

int tdm_mail_read_raw(const struct tdm_mail *mail, int keep_bcc, struct tdm_buf *out,
                      struct tidymail_error *error)
{
    tidymail_source source;
    size_t start = out->length;
    if (keep_bcc && mail->route == NULL) {
        const char *given = mail->message->raw_fields[TDM_RAW_BCC];
        tdm_header_add_mailboxes(out, "Bcc", mail->bcc);
        if (given != NULL && given[0] != '\0') {
            tdm_header_add_words(out, "Bcc", given + strspn(given, " \t"));
        }
    }
    int kind = mail->open_raw(mail->message, &source);
    if (kind != TIDYMAIL_OK) {
        tdm_error_copy(error, &mail->message->error);
        return kind;
    }
    kind = mail_drain(&source, out, error);
    if (source.release != NULL) {
        source.release(source.context);
    }
    if (kind == TIDYMAIL_OK && mail->route != NULL) {
        kind = tdm_mail_route_raw(mail, keep_bcc, start, out, error);
    }
    if (kind == TIDYMAIL_OK && out->failed) {
        return mail_no_memory(error);
    }
    return kind;
}

static int mail_is_atoms(const char *name)
{
    for (; *name != '\0'; name++) {
        if (!tdm_is_atext(*name) && *name != ' ') {
            return 0;
        }
    }
    return 1;
}

/* The name as RFC 5322 3.2.5 writes it, in UTF-8 (RFC 6532). */
static void mail_add_plain(struct tdm_buf *out, const struct tdm_mailbox *mailbox)
{
    const char *name = mailbox->name;
    if (name == NULL || name[0] == '\0') {
        tdm_buf_add_str(out, mailbox->spec);
        return;
    }
    int is_atoms = mail_is_atoms(name);
    tdm_buf_add_str(out, is_atoms ? "" : "\"");
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\') {
            tdm_buf_add_char(out, '\\');
        }
        tdm_buf_add_char(out, *name);
    }
    tdm_buf_addf(out, "%s <%s>", is_atoms ? "" : "\"", mailbox->spec);
}

/* As it stands in a header field, unfolded. */
static void mail_add_encoded(struct tdm_buf *out, const struct tdm_mailbox *mailbox)
{
    struct tdm_buf field;
    struct tdm_mailbox alone = *mailbox;
    alone.group = NULL;
    alone.ends_group = 0;
    tdm_buf_init(&field, &out->allocator, MAIL_TEXT_MAX);
    tdm_header_add_mailbox(&field, "From", &alone);
    out->failed |= field.failed;
    for (size_t i = strlen("From: "); i < field.length; i++) {
        if (field.data[i] != '\r' && field.data[i] != '\n') {
            tdm_buf_add_char(out, field.data[i]);
        }
    }
    tdm_buf_clear(&field);
}

void tdm_mail_add_mailbox(struct tdm_buf *out, const struct tdm_mailbox *mailbox, int encoded)
{
    if (encoded && mailbox->name != NULL && tdm_has_8bit(mailbox->name, strlen(mailbox->name))) {
        mail_add_encoded(out, mailbox);
    } else {
        mail_add_plain(out, mailbox);
    }
}

void tdm_mail_add_mailboxes(struct tdm_buf *out, const struct tdm_mailbox_list *list, int encoded)
{
    for (size_t i = 0; i < list->count; i++) {
        tdm_buf_add_str(out, i > 0 ? ", " : "");
        tdm_mail_add_mailbox(out, &list->items[i], encoded);
    }
}

const char *tdm_mail_field(const struct tdm_mail *mail, const char *name)
{
    for (size_t i = 0; i < mail->field_count; i++) {
        if (tdm_equal_nocase(mail->fields[i].name, name)) {
            return mail->fields[i].value;
        }
    }
    return NULL;
}
