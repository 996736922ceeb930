/*
 * send_postmark.c: sends a message with Postmark: one of the sender's own words, or a template that is
 * kept there and filled in.
 *
 *     POSTMARK_SERVER_TOKEN=... send_postmark ann@example.org bob@example.org [TEMPLATE]
 *
 * TEMPLATE is its number or alias. TIDYMAIL_URL, where it is set, is used in place of the token:
 * postmark+smtp://TOKEN@ sends over SMTP, where Postmark has no templates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tidymail/tidymail.h>

/* The token goes beside the URL, so nothing in it needs an escape. */
static tidymail_transport *transport_open(void)
{
    const char *url = getenv("TIDYMAIL_URL");
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    if (url != NULL) {
        return tidymail_transport_open(url, NULL);
    }
    options.password = getenv("POSTMARK_SERVER_TOKEN");
    if (options.password == NULL) {
        fprintf(stderr, "set POSTMARK_SERVER_TOKEN\n");
        exit(2);
    }
    return tidymail_transport_open("postmark://", &options);
}

static tidymail_message *message_compose(const char *from, const char *to, const char *template)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, from);
    tidymail_message_add_to(message, to);
    tidymail_message_add_tag(message, "welcome");
    tidymail_message_add_metadata(message, "customer", "4711");
    if (template != NULL) {
        tidymail_message_set_template(message, template, "{\"name\": \"Bob\", \"days\": 14}");
    } else {
        tidymail_message_set_subject(message, "Grüße by Postmark");
        tidymail_message_set_text(message, "Hello Bob, your trial ends in 14 days.\n");
    }
    return message;
}

/* Prints what became of the message; returns the exit status. */
static int report_print(const tidymail_report *report)
{
    if (tidymail_report_outcome(report) == TIDYMAIL_SENT) {
        printf("Send succeeded. Its id at Postmark: %s\n", tidymail_report_service_id(report));
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
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: send_postmark SENDER RECIPIENT [TEMPLATE]\n");
        return 2;
    }
    tidymail_transport *transport = transport_open();
    tidymail_message *message = message_compose(argv[1], argv[2], argc == 4 ? argv[3] : NULL);

    tidymail_report *report = tidymail_send(transport, message);
    int status = report_print(report);

    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return status;
}
