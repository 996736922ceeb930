/* frame.c: everything of a message but its bodies: the header, the headers of the parts and the
 * boundaries. It is rendered whole, since it is small; the bodies are not. */
#include "message/header.h"
#include "message/message_data.h"

static void frame_add_line(struct tdm_buf *out, const char *name, const char *value)
{
    tdm_buf_addf(out, "%s: %s\r\n", name, value);
}

/* Content-Type and Content-Transfer-Encoding of a text part (RFC 2045 5 and 6). */
static void frame_add_text_type(struct tdm_buf *out, const char *subtype,
                                const struct tdm_body *body)
{
    /* RFC 2046 4.1.2: the smallest charset that suffices */
    tdm_buf_addf(out, "Content-Type: text/%s; charset=%s\r\n", subtype,
                 body->blob == NULL || body->ascii ? "us-ascii" : "utf-8");
    frame_add_line(out, "Content-Transfer-Encoding",
                   tdm_encoding_name(body->blob != NULL ? body->encoding : TDM_ENCODING_IDENTITY));
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
    frame_add_line(out, "Date", message->given_date != NULL ? message->given_date : message->date);
    frame_add_addresses(out, message);
    if (message->subject != NULL) {
        tdm_header_add_text(out, "Subject", message->subject, 0);
    }
    tdm_header_add_words(out, "Message-ID", message->message_id);
    tdm_field_render_all(out, message);
    frame_add_line(out, "MIME-Version", "1.0");
}

static void frame_add_alternative(struct tdm_buf *out, tidymail_message *message)
{
    const char *boundary = message->boundary;
    tdm_buf_addf(out, "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n", boundary);
    tdm_buf_addf(out, "--%s\r\n", boundary);
    frame_add_text_type(out, "plain", &message->text); /* RFC 2046 5.1.4: the plainest first */
    tdm_buf_add_str(out, "\r\n");
    message->frame_cuts[0] = out->length;
    tdm_buf_addf(out, "\r\n--%s\r\n", boundary);
    frame_add_text_type(out, "html", &message->html);
    tdm_buf_add_str(out, "\r\n");
    message->frame_cuts[1] = out->length;
    tdm_buf_addf(out, "\r\n--%s--\r\n", boundary);
}

int tdm_message_render_frame(tidymail_message *message)
{
    struct tdm_buf out;
    tdm_buf_init(&out, &message->allocator, SIZE_MAX / 4);
    frame_add_header(&out, message);
    if (message->text.blob != NULL && message->html.blob != NULL) {
        frame_add_alternative(&out, message);
    } else {
        int is_html = message->html.blob != NULL;
        frame_add_text_type(&out, is_html ? "html" : "plain",
                            is_html ? &message->html : &message->text);
        tdm_buf_add_str(&out, "\r\n");
        message->frame_cuts[0] = out.length;
    }
    struct tdm_blob *frame = tdm_blob_take(&out);
    tdm_buf_clear(&out);
    if (frame == NULL) {
        return tdm_message_fail_memory(message);
    }
    tdm_blob_release(message->frame);
    message->frame = frame;
    return TIDYMAIL_OK;
}
