/*
 * send_sendgrid.c: sends a message with SendGrid, now or in an hour, with metadata that comes back in
 * its events.
 *
 *     SENDGRID_API_KEY=... send_sendgrid [--in-an-hour] ann@example.org bob@example.org
 *
 * TIDYMAIL_URL, where it is set, is used in place of the key: sendgrid+smtp://KEY@ sends the same over
 * SMTP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidymail/tidymail.h>
#include <time.h>

/* The key goes beside the URL, so nothing in it needs an escape. */
static tidymail_transport *transport_open(void)
{
    const char *url = getenv("TIDYMAIL_URL");
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    if (url != NULL) {
        return tidymail_transport_open(url, NULL);
    }
    options.password = getenv("SENDGRID_API_KEY");
    if (options.password == NULL) {
        fprintf(stderr, "set SENDGRID_API_KEY\n");
        exit(2);
    }
    return tidymail_transport_open("sendgrid://", &options);
}

static tidymail_message *message_compose(const char *from, const char *to, int later)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, from);
    tidymail_message_add_to(message, to);
    tidymail_message_set_subject(message, "Grüße by SendGrid");
    tidymail_message_set_text(message, "Your order 7 is on its way.\n");
    tidymail_message_set_html(message, "<p>Your order <b>7</b> is on its way.</p>\n");
    tidymail_message_add_tag(message, "orders");          /* a category */
    tidymail_message_add_metadata(message, "order", "7"); /* custom_args */
    tidymail_message_set_tracking(message, TIDYMAIL_TRACKING_OFF, TIDYMAIL_TRACKING_OFF);
    if (later) {
        tidymail_message_set_send_at(message, (int64_t)time(NULL) + 3600);
    }
    return message;
}

/* Prints what became of the message; returns the exit status. */
static int report_print(const tidymail_report *report)
{
    if (tidymail_report_outcome(report) == TIDYMAIL_SENT) {
        printf("Send succeeded. Its id at SendGrid: %s\n", tidymail_report_service_id(report));
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
    int later = argc > 1 && strcmp(argv[1], "--in-an-hour") == 0;
    if (argc != 3 + later) {
        fprintf(stderr, "usage: send_sendgrid [--in-an-hour] SENDER RECIPIENT\n");
        return 2;
    }
    tidymail_transport *transport = transport_open();
    tidymail_message *message = message_compose(argv[1 + later], argv[2 + later], later);

    tidymail_report *report = tidymail_send(transport, message);
    int status = report_print(report);

    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return status;
}
