/* resent.c: a message that is sent once more: the Resent- block of this time (RFC 5322 3.6.6). */
#include "message/header.h"
#include "message/message_data.h"

int tidymail_message_set_resent(tidymail_message *message, const char *from, const char *to)
{
    struct tdm_mailbox sender = {NULL, NULL, 0, NULL, 0};
    struct tdm_mailbox_list list = {NULL, 0, 0};
    struct tdm_address_error why = {0, NULL};
    int kind = tdm_message_begin(message);
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_check_text(message, "Resent-To", to);
    }
    if (kind == TIDYMAIL_OK) {
        kind = tdm_message_parse_mailbox(message, "Resent-From", from, &sender);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    const tidymail_allocator *allocator = &message->allocator;
    if (tdm_mailbox_list_parse(allocator, to, message->address_flags | TDM_ADDRESS_NAMES, &list,
                               &why) != 0) {
        kind = why.reason != NULL
                   ? tdm_message_fail_at(message, "Resent-To", why.reason, why.offset)
                   : tdm_message_fail_memory(message);
    } else if (list.count == 0) {
        kind = tdm_message_fail(message, "Resent-To", "no address is given");
    }
    if (kind != TIDYMAIL_OK) {
        tdm_mailbox_clear(allocator, &sender);
        tdm_mailbox_list_clear(allocator, &list);
        return kind;
    }
    tdm_mailbox_clear(allocator, &message->resent_from);
    tdm_mailbox_list_clear(allocator, &message->resent_to);
    message->resent_from = sender;
    message->resent_to = list;
    return TIDYMAIL_OK;
}

void tdm_resent_render(struct tdm_buf *out, const tidymail_message *message)
{
    if (message->resent_from.spec == NULL) {
        return;
    }
    /* Each block stands in front of those of earlier times. The id is not that of the message. */
    tdm_buf_addf(out, "Resent-Date: %s\r\n", message->date);
    tdm_header_add_mailbox(out, "Resent-From", &message->resent_from);
    tdm_header_add_mailboxes(out, "Resent-To", &message->resent_to);
    tdm_buf_addf(out, "Resent-Message-ID: <r.%s@%s>\r\n", message->unique,
                 tdm_mailbox_domain(message->resent_from.spec));
}
