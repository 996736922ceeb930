/* outside.c: a program outside the tree that uses the library and the test server, as installed. */
#include <stdio.h>
#include <string.h>
#include <tidymail/devserver.h>
#include <tidymail/tidymail.h>

int main(void)
{
    char error[200] = "";
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    tidymail_devserver *server = tidymail_devserver_start(&options, error, sizeof(error));
    if (server == NULL) {
        fprintf(stderr, "no server: %s\n", error);
        return 2;
    }
    tidymail_transport *transport = tidymail_transport_open(tidymail_devserver_url(server), NULL);
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "ann@example.org");
    tidymail_message_add_to(message, "bob@example.org");
    tidymail_message_set_subject(message, "From outside");
    tidymail_message_set_text(message, "Sent by a program of its own.");

    tidymail_report *report = tidymail_send(transport, message);
    puts(tidymail_report_summary(report));
    const char *kept = tidymail_devserver_message(server, 0, NULL);
    int right = tidymail_report_outcome(report) == TIDYMAIL_SENT &&
                tidymail_devserver_message_count(server) == 1 &&
                tidymail_devserver_message_encrypted(server, 0) == 1 &&
                strstr(kept, "Subject: From outside\r\n") != NULL &&
                strcmp(tidymail_version(), TIDYMAIL_VERSION) == 0;

    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    tidymail_devserver_stop(server);
    return right ? 0 : 1;
}
