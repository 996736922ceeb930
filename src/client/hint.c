/* hint.c: see hint.h. Replies of servers have their own table, report/hints.def, and the net room
 * says itself what a failed connection may mean. */
#include "client/hint.h"

void tdm_hint_add(struct tidymail_error *error)
{
    const char *hint = NULL;
    if (error->kind == TIDYMAIL_OK || error->hint != NULL) {
        return;
    }
    if (error->maybe_delivered) {
        hint = "it may have been delivered: look before sending it again";
    } else if (error->kind == TIDYMAIL_KIND_PROTOCOL) {
        hint = "check host and port: this may be no SMTP server; the transcript shows what it said";
    } else if (error->kind == TIDYMAIL_KIND_CONNECTION) {
        hint = "the message was not delivered: it can be sent again";
    } else if (error->kind == TIDYMAIL_KIND_RESOLVE) {
        hint = "check the host name of the URL";
    }
    tdm_text_set(&error->allocator, &error->hint, hint);
}
