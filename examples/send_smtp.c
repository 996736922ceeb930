/*
 * send_smtp.c: sends a short message to one recipient.
 *
 *     TIDYMAIL_URL=smtp://mail.example.org:587 TIDYMAIL_USER=ann TIDYMAIL_PASSWORD=... \
 *         send_smtp [--html] ann@example.org bob@example.org
 *
 * User and password may stand in the URL too; the environment keeps them out of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidymail/tidymail.h>

static tidymail_message *message_compose(const char *from, const char *to, int html)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, from);
    tidymail_message_add_to(message, to);
    tidymail_message_set_subject(message, "Grüße from tidymail");
    tidymail_message_set_text(message, "This is a test message.\nIt has two lines.\n");
    if (html) {
        tidymail_message_set_html(message, "<p>This is a <b>test</b> message.</p>\n");
    }
    return message;
}

/* Prints what became of the message; returns the exit status. */
static int report_print(const tidymail_report *report)
{
    if (tidymail_report_outcome(report) == TIDYMAIL_SENT) {
        puts("Send succeeded.");
        return 0;
    }
    const tidymail_error *error = tidymail_report_error(report);
    printf("Send failed. Details: %s\n", tidymail_report_summary(report));
    if (tidymail_error_hint(error)[0] != '\0') {
        printf("What to do: %s\n", tidymail_error_hint(error));
    }
    return 1;
}

int main(int argc, char **argv)
{
    int html = argc > 1 && strcmp(argv[1], "--html") == 0;
    if (argc != 3 + html) {
        fprintf(stderr, "usage: send_smtp [--html] SENDER RECIPIENT\n");
        return 2;
    }

    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.user = getenv("TIDYMAIL_USER");
    options.password = getenv("TIDYMAIL_PASSWORD");
    tidymail_transport *transport = tidymail_transport_open(getenv("TIDYMAIL_URL"), &options);
    tidymail_message *message = message_compose(argv[1 + html], argv[2 + html], html);

    puts("Starting.");
    tidymail_report *report = tidymail_send(transport, message);
    int status = report_print(report);

    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return status;
}
