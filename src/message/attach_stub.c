/* attach_stub.c: stands in until the message room keeps attachments. */
#include <tidymail/part.h>

int tdm_message_add_attachment(tidymail_message *message, const tidymail_attachment *resolved);
int tdm_message_add_attachment(tidymail_message *message, const tidymail_attachment *resolved)
{
    (void)message;
    if (resolved->source != NULL && resolved->source->release != NULL) {
        resolved->source->release(resolved->source->context);
    }
    return TIDYMAIL_OK;
}
int tidymail_message_attach_message(tidymail_message *message, const void *bytes, size_t length)
{
    (void)message;
    (void)bytes;
    (void)length;
    return TIDYMAIL_OK;
}
int tidymail_message_set_calendar(tidymail_message *message, const char *icalendar)
{
    (void)message;
    (void)icalendar;
    return TIDYMAIL_OK;
}
int tidymail_message_set_flowed(tidymail_message *message, int flowed)
{
    (void)message;
    (void)flowed;
    return TIDYMAIL_OK;
}
