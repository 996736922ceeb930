/*
 * send_mailgun.c: sends a tagged message with Mailgun.
 *
 *     MAILGUN_API_KEY=... MAILGUN_DOMAIN=mg.example.org [MAILGUN_REGION=eu] \
 *         send_mailgun [--test] ann@mg.example.org bob@example.org
 *
 * --test: Mailgun takes the message and delivers nothing. TIDYMAIL_URL, where it is set, is used in place
 * of the other variables: mailgun+smtp://USER:PASSWORD@ sends the same over SMTP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidymail/tidymail.h>

/* The key goes beside the URL, so nothing in it needs an escape. */
static tidymail_transport *transport_open(void)
{
    const char *url = getenv("TIDYMAIL_URL");
    const char *domain = getenv("MAILGUN_DOMAIN");
    const char *region = getenv("MAILGUN_REGION");
    char text[512];
    if (url != NULL) {
        return tidymail_transport_open(url, NULL);
    }
    if (domain == NULL || getenv("MAILGUN_API_KEY") == NULL) {
        fprintf(stderr, "set MAILGUN_API_KEY and MAILGUN_DOMAIN\n");
        exit(2);
    }
    snprintf(text, sizeof(text), "mailgun://%s%s%s", domain, region != NULL ? "?region=" : "",
             region != NULL ? region : "");
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.password = getenv("MAILGUN_API_KEY");
    return tidymail_transport_open(text, &options);
}

static tidymail_message *message_compose(const char *from, const char *to, int test)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, from);
    tidymail_message_add_to(message, to);
    tidymail_message_set_subject(message, "Grüße by Mailgun");
    tidymail_message_set_text(message, "This message is counted under two tags.\n");
    tidymail_message_add_tag(message, "welcome");
    tidymail_message_add_tag(message, "first-week");
    tidymail_message_add_metadata(message, "customer", "4711"); /* comes back with each event */
    tidymail_message_set_tracking(message, TIDYMAIL_TRACKING_OFF, TIDYMAIL_TRACKING_OFF);
    tidymail_message_set_sandbox(message, test);
    return message;
}

/* Prints what became of the message; returns the exit status. */
static int report_print(const tidymail_report *report)
{
    if (tidymail_report_outcome(report) == TIDYMAIL_SENT) {
        printf("Send succeeded. Its id at Mailgun: %s\n", tidymail_report_service_id(report));
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
    int test = argc > 1 && strcmp(argv[1], "--test") == 0;
    if (argc != 3 + test) {
        fprintf(stderr, "usage: send_mailgun [--test] SENDER RECIPIENT\n");
        return 2;
    }
    tidymail_transport *transport = transport_open();
    tidymail_message *message = message_compose(argv[1 + test], argv[2 + test], test);

    tidymail_report *report = tidymail_send(transport, message);
    int status = report_print(report);

    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return status;
}
