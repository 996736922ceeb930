/* frame.c: the header of a message, but for the fields that its body decides. It is rendered whole,
 * since it is small; the body is not. */
#include "message/header.h"
#include "message/message_data.h"

static void frame_add_line(struct tdm_buf *out, const char *name, const char *value)
{
    tdm_buf_addf(out, "%s: %s\r\n", name, value);
}

static void frame_add_addresses(struct tdm_buf *out, const tidymail_message *message)
{
    tdm_header_add_mailbox(out, "From", &message->from);
    if (message->sender.spec != NULL) {
        tdm_header_add_mailbox(out, "Sender", &message->sender);
    }
    tdm_header_add_mailboxes(out, "Reply-To", &message->reply_to);
    tdm_header_add_mailboxes(out, "To", &message->to);
    tdm_header_add_mailboxes(out, "Cc", &message->cc);
    if (message->to.count == 0 && message->cc.count == 0) {
        frame_add_line(out, "To", "undisclosed-recipients:;"); /* RFC 5322 3.4: an empty group */
    }
}

static void frame_add_header(struct tdm_buf *out, const tidymail_message *message)
{
    tdm_resent_render(out, message);
    if (message->raw.blob != NULL) {
        return;
    }
    frame_add_line(out, "Date", message->given_date != NULL ? message->given_date : message->date);
    frame_add_addresses(out, message);
    if (message->subject != NULL) {
        tdm_header_add_text(out, "Subject", message->subject, 0);
    }
    tdm_header_add_words(out, "Message-ID", message->message_id);
    tdm_field_render_all(out, message);
    frame_add_line(out, "MIME-Version", "1.0");
}

int tdm_message_render_header(tidymail_message *message)
{
    struct tdm_buf out;
    tdm_buf_init(&out, &message->allocator, SIZE_MAX / 4);
    frame_add_header(&out, message);
    struct tdm_blob *header = tdm_blob_take(&out);
    tdm_buf_clear(&out);
    if (header == NULL) {
        return tdm_message_fail_memory(message);
    }
    tdm_blob_release(message->header);
    message->header = header;
    return TIDYMAIL_OK;
}
