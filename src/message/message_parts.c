/* message_parts.c: the setters of part.h that concern a whole message. */
#include <string.h>

#include "message/calendar.h"
#include "message/part_data.h"

/* Takes a part into a list of the message, or frees it where something in it is wrong. */
static int parts_take(tidymail_message *message, struct tdm_part_list *list, tidymail_part *part)
{
    if (part == NULL) {
        return tdm_message_fail_memory(message);
    }
    if (part->error.kind != TIDYMAIL_OK) {
        tdm_error_copy(&message->error, &part->error);
        tdm_part_destroy(part);
        return message->error.kind;
    }
    part->is_owned = 1;
    tdm_part_list_add(list, part);
    return TIDYMAIL_OK;
}

static void parts_describe(tidymail_part *part, const tidymail_attachment *given)
{
    const char *disposition = given->is_inline ? "inline" : "attachment";
    tidymail_part_set_disposition(part, disposition, given->name);
    if (part->error.kind == TIDYMAIL_OK && given->content_id != NULL) {
        tdm_part_set_content_id(part, given->content_id);
    }
    if (part->error.kind == TIDYMAIL_OK && given->description != NULL) {
        tidymail_part_add_header(part, "Content-Description", given->description);
    }
}

int tdm_message_add_attachment(tidymail_message *message, const tidymail_attachment *resolved)
{
    const char *type = resolved->type != NULL ? resolved->type : "application/octet-stream";
    int kind = tdm_message_begin(message);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (resolved->is_inline && resolved->content_id == NULL) {
        return tdm_message_fail(message, "attachment", "an inline part needs a content_id");
    }
    if (resolved->bytes == NULL && resolved->length > 0) {
        return tdm_message_fail(message, "attachment", "NULL was given for its bytes");
    }
    if (resolved->name != NULL &&
        tdm_message_check_text(message, "file name", resolved->name) != TIDYMAIL_OK) {
        return message->error.kind;
    }
    struct tdm_part_list *list = resolved->is_inline ? &message->inlines : &message->attachments;
    /* What the caller keeps in case of a failure may not be released with the part. */
    tidymail_source source;
    const tidymail_source *given = resolved->source;
    if (given != NULL) {
        source = *given;
        source.release = NULL;
        given = &source;
    }
    tidymail_part *part = tdm_part_new(&message->allocator, type, resolved->bytes, resolved->length,
                                       given, 1, resolved->name);
    if (part != NULL && part->error.kind == TIDYMAIL_OK) {
        parts_describe(part, resolved);
    }
    kind = parts_take(message, list, part);
    if (kind == TIDYMAIL_OK && given != NULL) {
        tdm_stream_own(part->stream, resolved->source);
    }
    return kind;
}

int tidymail_message_attach_message(tidymail_message *message, const void *bytes, size_t length)
{
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    attachment.bytes = bytes;
    attachment.length = length;
    attachment.type = "message/rfc822";
    if (message != NULL && message->error.kind == TIDYMAIL_OK && (bytes == NULL || length == 0)) {
        return tdm_message_fail(message, "attached message",
                                bytes == NULL ? "NULL was given" : "it is empty");
    }
    return tdm_message_add_attachment(message, &attachment);
}

int tidymail_message_set_flowed(tidymail_message *message, int flowed)
{
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        message->flowed = flowed != 0;
    }
    return kind;
}

/* A part of the calendar's bytes; `type` and `name` as in an attachment. */
static tidymail_part *parts_calendar(tidymail_message *message, const struct tdm_buf *bytes,
                                     const char *type, const char *name)
{
    tidymail_part *part =
        tdm_part_new(&message->allocator, type, bytes->data, bytes->length, NULL, 1, NULL);
    if (part != NULL && name != NULL) {
        tidymail_part_set_disposition(part, "attachment", name);
    }
    if (part != NULL && part->error.kind != TIDYMAIL_OK) {
        tdm_error_copy(&message->error, &part->error);
        tdm_part_destroy(part);
        return NULL;
    }
    if (part != NULL) {
        part->is_owned = 1;
    }
    return part;
}

int tidymail_message_set_calendar(tidymail_message *message, const char *icalendar)
{
    struct tdm_calendar calendar;
    int kind = tdm_message_begin(message);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (icalendar == NULL) {
        return tdm_message_fail(message, "calendar", "NULL was given");
    }
    if (tdm_calendar_read(&message->allocator, icalendar, &calendar) != 0) {
        kind = calendar.reason != NULL
                   ? tdm_message_fail_at(message, "calendar", calendar.reason, calendar.offset)
                   : tdm_message_fail_memory(message);
        tdm_calendar_clear(&calendar);
        return kind;
    }
    struct tdm_buf type;
    tdm_buf_init(&type, &message->allocator, TDM_HEADER_TEXT_MAX);
    /* RFC 6047 2.4: method as inside, charset always */
    tdm_buf_addf(&type, "text/calendar; charset=utf-8; method=%s", tdm_buf_text(&calendar.method));
    tidymail_part *part = NULL;
    tidymail_part *invite = NULL;
    if (!type.failed) {
        part = parts_calendar(message, &calendar.bytes, tdm_buf_text(&type), NULL);
        invite = parts_calendar(message, &calendar.bytes, "application/ics", "invite.ics");
    }
    tdm_buf_clear(&type);
    tdm_calendar_clear(&calendar);
    if (part == NULL || invite == NULL) {
        tdm_part_destroy(part);
        tdm_part_destroy(invite);
        return tdm_message_fail_memory(message);
    }
    tdm_part_destroy(message->calendar);
    tdm_part_destroy(message->invite);
    message->calendar = part;
    message->invite = invite;
    return TIDYMAIL_OK;
}

int tidymail_message_set_body(tidymail_message *message, tidymail_part *part)
{
    int kind = tdm_message_begin(message);
    if (message == NULL) {
        tidymail_part_free(part);
        return kind;
    }
    if (part == NULL) {
        return tdm_message_fail_memory(message); /* what tidymail_part_new could not make */
    }
    if (part->is_owned) {
        return tdm_message_fail(message, "body", "the part has been given away already");
    }
    part->is_owned = 1;
    if (kind != TIDYMAIL_OK) {
        tdm_part_list_add(&message->refused, part);
        return kind;
    }
    tdm_part_destroy(message->body);
    message->body = part;
    if (part->error.kind != TIDYMAIL_OK) {
        tdm_error_copy(&message->error, &part->error);
    }
    return message->error.kind;
}
