#include <stdio.h>
#include <stdlib.h>
#include <tidymail/tidymail.h>

int main(void)
{
    tidymail_transport *transport = tidymail_transport_open(getenv("TIDYMAIL_URL"), NULL);
    tidymail_message *message = tidymail_message_new();

    tidymail_message_set_from(message, "No Reply <no-reply@example.com>");
    tidymail_message_add_to(message, "ann@example.org");
    tidymail_message_set_subject(message, "A small message");
    tidymail_message_set_text(message, "Hi there!");

    tidymail_report *report = tidymail_send(transport, message);
    puts(tidymail_report_summary(report));
    int sent = tidymail_report_outcome(report) == TIDYMAIL_SENT;

    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return sent ? 0 : 1;
}
