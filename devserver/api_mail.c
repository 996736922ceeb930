/*
 * api_mail.c: the message that a request means (api.h): made with the public API of messages, or kept
 * as it came where it came ready-made. Both get the X-Double- fields in front.
 */
#include <string.h>

#include <tidymail/address.h>
#include <tidymail/part.h>

#include "api.h"
#include "util/base64.h"
#include "util/str.h"

#define MESSAGE_LIMIT ((size_t)192 << 20)
#define TEXT_LIMIT ((size_t)1 << 20)
#define MARK "X-Double-"

static const tidymail_allocator *const memory = &tdm_allocator_default;

static int mail_no_memory(struct tdm_api_mail *mail)
{
    return tdm_api_refuse(mail->call, TDM_API_FAILED, "", "out of memory");
}

/* What a setter returned; its words go into the refusal. */
static int mail_check(struct tdm_api_mail *mail, int result, enum tdm_api_refusal why,
                      const char *field)
{
    if (result == TIDYMAIL_OK) {
        return 0;
    }
    if (result == TIDYMAIL_KIND_LOCAL) {
        return mail_no_memory(mail);
    }
    const tidymail_error *error = tidymail_message_error(mail->message);
    return tdm_api_refuse(mail->call, why, field, "%s", tidymail_error_message(error));
}

int tdm_api_mail_begin(struct tdm_api_mail *mail, struct tdm_api_call *call)
{
    memset(mail, 0, sizeof(*mail));
    mail->call = call;
    mail->message = tidymail_message_new();
    mail->marks = tidymail_message_new();
    if (mail->message == NULL || mail->marks == NULL) {
        return mail_no_memory(mail);
    }
    tidymail_message_set_from(mail->marks, "double@example.org");
    tidymail_message_add_to(mail->marks, "double@example.org");
    tidymail_message_set_text(mail->marks, "");
    return tdm_api_mail_mark(mail, "Service", "%s", call->service->scheme);
}

void tdm_api_mail_end(struct tdm_api_mail *mail)
{
    tidymail_message_free(mail->message);
    tidymail_message_free(mail->marks);
    tidymail_part_free(mail->tree);
    for (size_t i = 0; i < mail->recipient_count; i++) {
        tdm_free(memory, mail->recipients[i]);
    }
    tdm_free(memory, mail->recipients);
    tdm_free(memory, mail->from);
    tdm_free(memory, mail->refused);
    memset(mail, 0, sizeof(*mail));
}

static int mail_add_recipient(struct tdm_api_mail *mail, const char *address)
{
    for (size_t i = 0; mail->unique && i < mail->recipient_count; i++) {
        if (tdm_equal_nocase(mail->recipients[i], address)) {
            return 0;
        }
    }
    char **grown =
        tdm_resize_array(memory, mail->recipients, mail->recipient_count + 1, sizeof(*grown));
    if (grown == NULL) {
        return mail_no_memory(mail);
    }
    mail->recipients = grown;
    grown[mail->recipient_count] = tdm_strdup(memory, address);
    if (grown[mail->recipient_count] == NULL) {
        return mail_no_memory(mail);
    }
    mail->recipient_count++;
    return 0;
}

/* Into the envelope. */
static int mail_note_address(struct tdm_api_mail *mail, enum tdm_api_where where,
                             const char *address)
{
    mail->counts[where]++;
    if (where == TDM_API_FROM && mail->from == NULL) {
        mail->from = tdm_strdup(memory, address);
        return mail->from != NULL ? 0 : mail_no_memory(mail);
    }
    if (where == TDM_API_TO || where == TDM_API_CC || where == TDM_API_BCC) {
        return mail_add_recipient(mail, address);
    }
    return 0;
}

/* Into the header. */
static int mail_set_address(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                            const char *mailbox)
{
    int result = TIDYMAIL_OK;
    switch (where) {
    case TDM_API_FROM:
        result = tidymail_message_set_from(mail->message, mailbox);
        break;
    case TDM_API_TO:
        result = tidymail_message_add_to(mail->message, mailbox);
        break;
    case TDM_API_CC:
        result = tidymail_message_add_cc(mail->message, mailbox);
        break;
    case TDM_API_BCC:
        result = tidymail_message_add_bcc(mail->message, mailbox);
        break;
    case TDM_API_REPLY_TO:
        result = tidymail_message_add_reply_to(mail->message, mailbox);
        break;
    }
    return mail_check(mail, result, TDM_API_ADDRESS, field);
}

/* "name" <address>, the name as a quoted string (RFC 5322 3.2.4). */
static void mail_write_mailbox(struct tdm_buf *out, const char *address, const char *name)
{
    if (name == NULL || name[0] == '\0') {
        tdm_buf_add_str(out, address);
        return;
    }
    struct tdm_buf words;
    tdm_buf_init(&words, NULL, TEXT_LIMIT);
    tdm_api_decode_words(&words, name);
    tdm_buf_add_char(out, '"');
    for (const char *at = tdm_buf_text(&words); *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            tdm_buf_add_char(out, '\\');
        }
        tdm_buf_add_char(out, *at);
    }
    tdm_buf_addf(out, "\" <%s>", address);
    tdm_buf_clear(&words);
}

static int mail_write_address(struct tdm_api_mail *mail, enum tdm_api_where where,
                              const char *field, const char *address, const char *name)
{
    struct tdm_buf mailbox;
    tdm_buf_init(&mailbox, NULL, TEXT_LIMIT);
    mail_write_mailbox(&mailbox, address, name);
    int result = mailbox.failed ? mail_no_memory(mail)
                                : mail_set_address(mail, where, field, tdm_buf_text(&mailbox));
    tdm_buf_clear(&mailbox);
    return result;
}

static int mail_add_mailbox(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                            const char *address, const char *name)
{
    return mail_write_address(mail, where, field, address, name) != 0
               ? -1
               : mail_note_address(mail, where, address);
}

/* Reads addresses; NULL where the text is none, which has been refused then. */
static tidymail_address_list *mail_parse(struct tdm_api_mail *mail, const char *field,
                                         const char *text, int flags)
{
    tidymail_address_list *list = tidymail_address_list_parse(text, flags);
    if (list == NULL) {
        mail_no_memory(mail);
        return NULL;
    }
    const tidymail_error *error = tidymail_address_list_error(list);
    if (error != NULL || tidymail_address_list_count(list) == 0) {
        tdm_api_refuse(mail->call, TDM_API_ADDRESS, field, "%s",
                       error != NULL ? tidymail_error_message(error) : "there is no address");
        tidymail_address_list_free(list);
        return NULL;
    }
    return list;
}

int tdm_api_mail_list(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                      const char *text)
{
    tidymail_address_list *list = mail_parse(mail, field, text, 0);
    int result = list != NULL ? 0 : -1;
    size_t count = tidymail_address_list_count(list);
    for (size_t i = 0; i < count && result == 0; i++) {
        result = mail_add_mailbox(mail, where, field, tidymail_address_list_spec(list, i),
                                  tidymail_address_list_name(list, i));
    }
    tidymail_address_list_free(list);
    return result;
}

int tdm_api_mail_show(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                      const char *text)
{
    tidymail_address_list *list = mail_parse(mail, field, text, 0);
    int result = list != NULL ? 0 : -1;
    size_t count = tidymail_address_list_count(list);
    for (size_t i = 0; i < count && result == 0; i++) {
        result = mail_write_address(mail, where, field, tidymail_address_list_spec(list, i),
                                    tidymail_address_list_name(list, i));
    }
    tidymail_address_list_free(list);
    return result;
}

int tdm_api_mail_address(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                         const char *mailbox)
{
    tidymail_address_list *list = mail_parse(mail, field, mailbox, TIDYMAIL_ADDRESS_ONE);
    int result = list == NULL
                     ? -1
                     : mail_add_mailbox(mail, where, field, tidymail_address_list_spec(list, 0),
                                        tidymail_address_list_name(list, 0));
    tidymail_address_list_free(list);
    return result;
}

int tdm_api_mail_pair(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                      const char *address, const char *name)
{
    tidymail_address_list *list =
        mail_parse(mail, field, address != NULL ? address : "", TIDYMAIL_ADDRESS_ONE);
    int result = -1;
    if (list != NULL &&
        (tidymail_address_list_name(list, 0)[0] != '\0' || strpbrk(address, "<> \t") != NULL)) {
        tdm_api_refuse(mail->call, TDM_API_ADDRESS, field, "an address alone is expected, not '%s'",
                       address);
    } else if (list != NULL) {
        result = mail_add_mailbox(mail, where, field, tidymail_address_list_spec(list, 0), name);
    }
    tidymail_address_list_free(list);
    return result;
}

int tdm_api_mail_recipient(struct tdm_api_mail *mail, const char *field, const char *address)
{
    tidymail_address_list *list =
        mail_parse(mail, field, address != NULL ? address : "", TIDYMAIL_ADDRESS_ONE);
    int result = list != NULL ? mail_add_recipient(mail, tidymail_address_list_spec(list, 0)) : -1;
    tidymail_address_list_free(list);
    return result;
}

int tdm_api_mail_envelope_from(struct tdm_api_mail *mail, const char *field, const char *address)
{
    tidymail_address_list *list = mail_parse(mail, field, address, TIDYMAIL_ADDRESS_ONE);
    if (list == NULL) {
        return -1;
    }
    tdm_free(memory, mail->from);
    mail->from = tdm_strdup(memory, tidymail_address_list_spec(list, 0));
    tidymail_address_list_free(list);
    return mail->from != NULL ? 0 : mail_no_memory(mail);
}

int tdm_api_mail_no_duplicates(struct tdm_api_mail *mail, const char *field)
{
    for (size_t i = 1; i < mail->recipient_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (tdm_equal_nocase(mail->recipients[i], mail->recipients[j])) {
                return tdm_api_refuse(mail->call, TDM_API_DUPLICATE, field, "%s",
                                      mail->recipients[i]);
            }
        }
    }
    return 0;
}

int tdm_api_mail_subject(struct tdm_api_mail *mail, const char *field, const char *subject)
{
    int result = tidymail_message_set_subject(mail->message, subject);
    return mail_check(mail, result, TDM_API_VALUE, field);
}

int tdm_api_mail_text(struct tdm_api_mail *mail, const char *field, const char *text)
{
    mail->has_text = 1;
    int result = tidymail_message_set_text(mail->message, text);
    return mail_check(mail, result, TDM_API_VALUE, field);
}

int tdm_api_mail_html(struct tdm_api_mail *mail, const char *field, const char *html)
{
    mail->has_html = 1;
    int result = tidymail_message_set_html(mail->message, html);
    return mail_check(mail, result, TDM_API_VALUE, field);
}

int tdm_api_mail_alternative(struct tdm_api_mail *mail, const char *field, const char *type,
                             const char *text)
{
    tidymail_part *part = tidymail_part_new(type, text, strlen(text));
    if (mail->alternatives == NULL) {
        mail->alternatives = tidymail_part_new_multipart("alternative");
        mail->tree = tidymail_part_new_multipart("mixed");
        tidymail_part_add(mail->tree, mail->alternatives);
    }
    if (part == NULL || mail->tree == NULL || mail->alternatives == NULL) {
        tidymail_part_free(part);
        return mail_no_memory(mail);
    }
    mail->has_text = 1;
    int result = tidymail_part_add(mail->alternatives, part);
    return mail_check(mail, result, TDM_API_VALUE, field);
}

/* A file beside alternatives. It comes from a source, as text in memory would get other line ends. */
static int mail_tree_file(struct tdm_api_mail *mail, const struct tdm_api_file *file)
{
    tidymail_source source;
    const char *type = file->type != NULL ? file->type : "application/octet-stream";
    if (tidymail_source_open_memory(&source, file->bytes, file->length) != TIDYMAIL_OK) {
        return mail_no_memory(mail);
    }
    tidymail_part *part = tidymail_part_new_source(type, &source);
    if (part == NULL) {
        source.release(source.context);
        return mail_no_memory(mail);
    }
    tidymail_part_set_disposition(part, file->is_inline ? "inline" : "attachment", file->name);
    if (file->content_id != NULL) {
        tidymail_part_add_header(part, "Content-ID", file->content_id);
    }
    return tidymail_part_add(mail->tree, part) == TIDYMAIL_OK ? 0 : mail_no_memory(mail);
}

int tdm_api_mail_header(struct tdm_api_mail *mail, const char *field, const char *name,
                        const char *value)
{
    struct tdm_buf words;
    tdm_buf_init(&words, NULL, TEXT_LIMIT);
    tdm_api_decode_words(&words, value);
    int result = words.failed
                     ? TIDYMAIL_KIND_LOCAL
                     : tidymail_message_add_header(mail->message, name, tdm_buf_text(&words));
    tdm_buf_clear(&words);
    return mail_check(mail, result, TDM_API_VALUE, field);
}

int tdm_api_mail_file(struct tdm_api_mail *mail, const char *field, const struct tdm_api_file *file)
{
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    if (mail->tree != NULL) {
        return mail_tree_file(mail, file);
    }
    attachment.name = file->name;
    attachment.type = file->type;
    attachment.content_id = file->content_id;
    attachment.bytes = file->bytes;
    attachment.length = file->length;
    /* without HTML there is nothing that it could stand in */
    attachment.is_inline = file->is_inline && file->content_id != NULL && mail->has_html;
    int result = tidymail_message_add_attachment(mail->message, &attachment);
    return mail_check(mail, result, TDM_API_VALUE, field);
}

int tdm_api_mail_file64(struct tdm_api_mail *mail, const char *field, struct tdm_api_file file,
                        const char *base64)
{
    struct tdm_buf bytes;
    int result = -1;
    tdm_buf_init(&bytes, NULL, strlen(base64) + 1);
    if (tdm_base64_decode(&bytes, base64, strlen(base64)) != 0) {
        tdm_api_refuse(mail->call, TDM_API_VALUE, field, "'%s' is not valid base64", field);
    } else {
        file.bytes = bytes.data;
        file.length = bytes.length;
        result = tdm_api_mail_file(mail, field, &file);
    }
    tdm_buf_clear(&bytes);
    return result;
}

/* The value of a header field of a ready-made message, unfolded (RFC 5322 2.2.3), appended to `out`; -1:
 * there is none. */
static int mail_raw_field(const struct tdm_api_mail *mail, const char *name, struct tdm_buf *out)
{
    const char *at = mail->raw;
    const char *end = at + mail->raw_length;
    size_t name_length = strlen(name);
    int here = 0;
    int found = -1;
    while (at < end && *at != '\r' && *at != '\n') {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((stop != NULL ? stop : end) - at);
        size_t length = line > 0 && at[line - 1] == '\r' ? line - 1 : line;
        int folded = tdm_is_space(*at);
        if (!folded) {
            here = length > name_length && at[name_length] == ':' &&
                   tdm_equal_nocase_n(at, name_length, name);
        }
        if (here) {
            size_t skip = folded ? 0 : name_length + 1;
            tdm_buf_add_str(out, found == 0 && !folded ? ", " : "");
            tdm_buf_add(out, at + skip, length - skip);
            found = 0;
        }
        at += line + (stop != NULL);
    }
    return found;
}

static int mail_raw_recipients(struct tdm_api_mail *mail, const char *field, const char *name)
{
    struct tdm_buf value;
    int result = 0;
    tdm_buf_init(&value, NULL, TEXT_LIMIT);
    if (mail_raw_field(mail, name, &value) == 0) {
        tidymail_address_list *list =
            mail_parse(mail, field, tdm_buf_text(&value), TIDYMAIL_ADDRESS_LENIENT);
        result = list != NULL ? 0 : -1;
        for (size_t i = 0; i < tidymail_address_list_count(list) && result == 0; i++) {
            result = mail_add_recipient(mail, tidymail_address_list_spec(list, i));
        }
        tidymail_address_list_free(list);
    }
    tdm_buf_clear(&value);
    return result;
}

static int mail_raw_from(struct tdm_api_mail *mail, const char *field)
{
    struct tdm_buf value;
    int result = -1;
    tdm_buf_init(&value, NULL, TEXT_LIMIT);
    if (mail_raw_field(mail, "From", &value) != 0) {
        tdm_api_refuse(mail->call, TDM_API_VALUE, field, "the message has no From");
    } else if (mail->from != NULL) {
        result = 0;
    } else {
        result = tdm_api_mail_envelope_from(mail, field, tdm_buf_text(&value));
    }
    tdm_buf_clear(&value);
    return result;
}

int tdm_api_mail_raw(struct tdm_api_mail *mail, const char *field, const char *bytes, size_t length,
                     int header_recipients)
{
    mail->raw = bytes;
    mail->raw_length = length;
    if (memchr(bytes, '\0', length) != NULL) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, field, "the message holds a NUL");
    }
    if (mail_raw_from(mail, field) != 0) {
        return -1;
    }
    if (!header_recipients) {
        return 0;
    }
    return mail_raw_recipients(mail, field, "To") != 0 ||
                   mail_raw_recipients(mail, field, "Cc") != 0 ||
                   mail_raw_recipients(mail, field, "Bcc") != 0
               ? -1
               : 0;
}

int tdm_api_mail_mark(struct tdm_api_mail *mail, const char *name, const char *format, ...)
{
    struct tdm_buf field;
    struct tdm_buf value;
    va_list args;
    int result = TIDYMAIL_KIND_LOCAL;
    tdm_buf_init(&field, NULL, 256);
    tdm_buf_init(&value, NULL, TEXT_LIMIT);
    tdm_buf_addf(&field, MARK "%s", name);
    va_start(args, format);
    tdm_buf_vaddf(&value, format, args);
    va_end(args);
    if (!field.failed && !value.failed) {
        result =
            tidymail_message_add_header(mail->marks, tdm_buf_text(&field), tdm_buf_text(&value));
    }
    if (result == TIDYMAIL_KIND_MESSAGE) {
        const tidymail_error *error = tidymail_message_error(mail->marks);
        tdm_api_refuse(mail->call, TDM_API_VALUE, name, "%s", tidymail_error_message(error));
    } else if (result != TIDYMAIL_OK) {
        mail_no_memory(mail);
    }
    tdm_buf_clear(&field);
    tdm_buf_clear(&value);
    return result == TIDYMAIL_OK ? 0 : -1;
}

int tdm_api_mail_mark_tracking(struct tdm_api_mail *mail, int opens, int clicks)
{
    if (opens < 0 && clicks < 0) {
        return 0;
    }
    return tdm_api_mail_mark(mail, "Tracking", "%s%s%s%s%s", opens >= 0 ? "opens=" : "",
                             opens < 0 ? ""
                             : opens   ? "on"
                                       : "off",
                             opens >= 0 && clicks >= 0 ? " " : "", clicks >= 0 ? "clicks=" : "",
                             clicks < 0 ? ""
                             : clicks   ? "on"
                                        : "off");
}

static int mail_is_tag_word(const char *name)
{
    if (!tdm_starts_nocase(name, strlen(name), "tag")) {
        return 0;
    }
    name += 3;
    name += *name == '_' || *name == '-';
    while (tdm_is_digit(*name)) {
        name++;
    }
    return *name == '\0';
}

int tdm_api_mail_mark_pair(struct tdm_api_mail *mail, const char *name, const char *value)
{
    if (mail_is_tag_word(name)) {
        return tdm_api_mail_mark(mail, "Tag", "%s", value);
    }
    return tdm_api_mail_mark(mail, "Metadata", "%s=%s", name, value);
}

int tdm_api_mail_mark_tags(struct tdm_api_mail *mail, json_t *list)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        if (tdm_api_mail_mark(mail, "Tag", "%s", json_string_value(item)) != 0) {
            return -1;
        }
    }
    return 0;
}

static int mail_dump(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

/* "name=value" under a mark */
static int mail_mark_value(struct tdm_api_mail *mail, const char *mark, const char *name,
                           json_t *value)
{
    struct tdm_buf text;
    if (json_is_string(value)) {
        return tdm_api_mail_mark(mail, mark, "%s=%s", name, json_string_value(value));
    }
    tdm_buf_init(&text, NULL, TEXT_LIMIT);
    int result = json_dump_callback(value, mail_dump, &text, JSON_COMPACT | JSON_ENCODE_ANY) == 0
                     ? tdm_api_mail_mark(mail, mark, "%s=%s", name, tdm_buf_text(&text))
                     : mail_no_memory(mail);
    tdm_buf_clear(&text);
    return result;
}

int tdm_api_mail_mark_option(struct tdm_api_mail *mail, const char *name, json_t *value)
{
    return value != NULL ? mail_mark_value(mail, "Option", name, value) : 0;
}

int tdm_api_mail_mark_metadata(struct tdm_api_mail *mail, json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (mail_mark_value(mail, "Metadata", name, value) != 0) {
            return -1;
        }
    }
    return 0;
}

int tdm_api_mail_template(struct tdm_api_mail *mail, const char *id, json_t *values)
{
    struct tdm_buf text;
    mail->has_template = 1;
    if (values == NULL) {
        return tdm_api_mail_mark(mail, "Template", "%s", id);
    }
    tdm_buf_init(&text, NULL, TEXT_LIMIT);
    int result = json_dump_callback(values, mail_dump, &text, JSON_COMPACT | JSON_ENCODE_ANY) == 0
                     ? tdm_api_mail_mark(mail, "Template", "%s; values=%s", id, tdm_buf_text(&text))
                     : mail_no_memory(mail);
    tdm_buf_clear(&text);
    return result;
}

const char *tdm_api_mail_refuse_first(struct tdm_api_mail *mail)
{
    if (mail->recipient_count == 0) {
        return NULL;
    }
    tdm_free(memory, mail->refused);
    mail->refused = mail->recipients[0];
    memmove(mail->recipients, mail->recipients + 1,
            (mail->recipient_count - 1) * sizeof(*mail->recipients));
    mail->recipient_count--;
    return mail->refused;
}

static int mail_read(tidymail_message *message, struct tdm_buf *out)
{
    tidymail_source source;
    ptrdiff_t got = 0;
    int result = tidymail_message_open(message, &source);
    if (result != TIDYMAIL_OK) {
        return result;
    }
    while (tdm_buf_reserve(out, 65536) == 0 &&
           (got = source.read(source.context, out->data + out->length, 65536)) > 0) {
        out->length += (size_t)got;
    }
    source.release(source.context);
    return got < 0 || out->failed ? TIDYMAIL_KIND_LOCAL : TIDYMAIL_OK;
}

/* The X-Double- fields as they are written, folded and encoded where needed. */
static int mail_write_marks(struct tdm_api_mail *mail, struct tdm_buf *out)
{
    struct tdm_buf all;
    tdm_buf_init(&all, NULL, TEXT_LIMIT * 4);
    int result = mail_read(mail->marks, &all);
    int here = 0;
    const char *at = tdm_buf_text(&all);
    while (result == TIDYMAIL_OK && *at != '\0' && *at != '\r') {
        size_t line = strcspn(at, "\n") + 1;
        here = tdm_is_space(*at) ? here : tdm_starts_nocase(at, line, MARK);
        tdm_buf_add(out, at, here ? line : 0);
        at += line;
    }
    tdm_buf_clear(&all);
    return result;
}

static int mail_store(struct tdm_api_mail *mail, const struct tdm_buf *bytes)
{
    char none[1] = "";
    struct tdm_inbox_message message;
    struct tdm_buf path;
    struct tdm_buf error;
    memset(&message, 0, sizeof(message));
    message.recipient_parameters = tdm_alloc_array(memory, mail->recipient_count, sizeof(char *));
    if (message.recipient_parameters == NULL) {
        return mail_no_memory(mail);
    }
    for (size_t i = 0; i < mail->recipient_count; i++) {
        message.recipient_parameters[i] = none;
    }
    tdm_buf_init(&path, NULL, 4096);
    tdm_buf_init(&error, NULL, 8192);
    message.bytes = bytes->data;
    message.length = bytes->length;
    message.from = mail->from != NULL ? mail->from : none;
    message.parameters = none;
    message.recipients = mail->recipients;
    message.recipient_count = mail->recipient_count;
    message.user = mail->call->who != NULL ? mail->call->who : none;
    message.encrypted = mail->call->encrypted;
    int result = tdm_api_inbox_add(mail->call->api, &message, &path, &error);
    if (result != 0) {
        tdm_api_refuse(mail->call, TDM_API_FAILED, "", "%s", tdm_buf_text(&error));
    }
    tdm_buf_clear(&path);
    tdm_buf_clear(&error);
    tdm_free(memory, message.recipient_parameters);
    return result;
}

int tdm_api_mail_keep(struct tdm_api_mail *mail)
{
    struct tdm_buf bytes;
    if (mail->raw == NULL && mail->has_template && !mail->has_text && !mail->has_html &&
        tdm_api_mail_text(mail, "", "") != 0) {
        return -1;
    }
    if (mail->tree != NULL) { /* its errors come out when it is read */
        tidymail_message_set_body(mail->message, mail->tree);
        mail->tree = mail->alternatives = NULL;
    }
    tdm_buf_init(&bytes, NULL, MESSAGE_LIMIT);
    int result = mail_write_marks(mail, &bytes);
    if (result != TIDYMAIL_OK) {
        mail_no_memory(mail);
    } else if (mail->raw != NULL) {
        if (tdm_buf_add(&bytes, mail->raw, mail->raw_length) != 0) {
            result = mail_no_memory(mail);
        }
    } else {
        result = mail_check(mail, mail_read(mail->message, &bytes), TDM_API_VALUE, "");
    }
    if (result == TIDYMAIL_OK && mail->recipient_count > 0 && !mail->quiet) {
        result = mail_store(mail, &bytes);
    }
    tdm_buf_clear(&bytes);
    return result == TIDYMAIL_OK ? 0 : -1;
}
