/*
 * send_ses.c: sends a message with Amazon SES, with a configuration set (which says what SES publishes of
 * its events) and names with values that come back in them.
 *
 *     AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... [AWS_SESSION_TOKEN=...] AWS_REGION=eu-west-1 \
 *         [SES_CONFIGURATION_SET=...] send_ses ann@example.org bob@example.org
 *
 * TIDYMAIL_URL, where it is set, is used in place of the keys: ses+smtp://ID:SECRET@REGION sends the same
 * over SMTP, with the password that SES wants there made of the secret.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tidymail/tidymail.h>

/* The keys go beside the URL, so nothing in them needs an escape. */
static tidymail_transport *transport_open(void)
{
    const char *url = getenv("TIDYMAIL_URL");
    const char *region = getenv("AWS_REGION");
    const char *token = getenv("AWS_SESSION_TOKEN"); /* of temporary keys */
    char text[128];
    char option[4096];
    const char *list[] = {option};
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    if (url != NULL) {
        return tidymail_transport_open(url, NULL);
    }
    options.user = getenv("AWS_ACCESS_KEY_ID");
    options.password = getenv("AWS_SECRET_ACCESS_KEY");
    if (options.user == NULL || options.password == NULL || region == NULL) {
        fprintf(stderr, "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION\n");
        exit(2);
    }
    snprintf(text, sizeof(text), "ses://%s", region);
    if (token != NULL) {
        snprintf(option, sizeof(option), "session-token=%s", token);
        options.options = list;
        options.option_count = 1;
    }
    return tidymail_transport_open(text, &options);
}

static tidymail_message *message_compose(const char *from, const char *to)
{
    tidymail_message *message = tidymail_message_new();
    const char *set = getenv("SES_CONFIGURATION_SET");
    tidymail_message_set_from(message, from);
    tidymail_message_add_to(message, to);
    tidymail_message_set_subject(message, "Grüße by Amazon SES");
    tidymail_message_set_text(message, "This message belongs to a configuration set.\n");
    tidymail_message_add_metadata(message, "campaign", "spring");
    if (set != NULL) {
        tidymail_message_set_service_option(message, "ses", "configuration-set", set);
    }
    return message;
}

/* Prints what became of the message; returns the exit status. */
static int report_print(const tidymail_report *report)
{
    if (tidymail_report_outcome(report) == TIDYMAIL_SENT) {
        printf("Send succeeded. Its id at Amazon SES: %s\n", tidymail_report_service_id(report));
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
    if (argc != 3) {
        fprintf(stderr, "usage: send_ses SENDER RECIPIENT\n");
        return 2;
    }
    tidymail_transport *transport = transport_open();
    tidymail_message *message = message_compose(argv[1], argv[2]);

    tidymail_report *report = tidymail_send(transport, message);
    int status = report_print(report);

    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return status;
}
