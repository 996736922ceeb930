/*
 * switch_provider.c: one message, and the mail service is changed by one variable:
 *
 *     TIDYMAIL_URL=smtp://ann:PASSWORD@mail.example.org  switch_provider ann@example.org bob@example.org
 *     TIDYMAIL_URL=mailgun://KEY@mg.example.org          switch_provider ...
 *     TIDYMAIL_URL=postmark://TOKEN@                     switch_provider ...
 *     TIDYMAIL_URL=ses+smtp://ID:SECRET@eu-west-1        switch_provider ...
 *
 * It prints the same report for all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tidymail/tidymail.h>

static const char picture[] = "\x89PNG\r\n\x1A\n and so on";

/* Nothing here knows where the message will go. */
static tidymail_message *message_compose(const char *from, const char *to)
{
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, from);
    tidymail_message_add_to(message, to);
    tidymail_message_add_reply_to(message, "Support <support@example.org>");
    tidymail_message_set_subject(message, "Grüße, wherever this goes");
    tidymail_message_set_text(message, "The same message, whatever carries it.\n");
    tidymail_message_set_html(message, "<p>The same message, <b>whatever</b> carries it.</p>\n");
    tidymail_message_add_tag(message, "switch");
    tidymail_message_attach_bytes(message, "picture.png", "image/png", picture,
                                  sizeof(picture) - 1);
    return message;
}

static const char *outcome_word(int outcome)
{
    switch (outcome) {
    case TIDYMAIL_SENT:
        return "sent";
    case TIDYMAIL_PARTIAL:
        return "sent to some";
    case TIDYMAIL_FAILED:
        return "not sent";
    default:
        return "nobody knows";
    }
}

static void report_print(const tidymail_report *report)
{
    printf("through: %s\n", tidymail_report_transport(report));
    printf("outcome: %s\n", outcome_word(tidymail_report_outcome(report)));
    printf("summary: %s\n", tidymail_report_summary(report));
    if (tidymail_report_service_id(report)[0] != '\0') {
        printf("service's id: %s\n", tidymail_report_service_id(report));
    }
    for (size_t i = 0; i < tidymail_report_note_count(report); i++) {
        printf("note: %s\n", tidymail_report_note(report, i));
    }
    const tidymail_error *error = tidymail_report_error(report);
    if (error != NULL) {
        printf("again later: %s\n", tidymail_error_retryable(error) ? "yes" : "no");
        printf("what to do: %s\n", tidymail_error_hint(error));
    }
}

int main(int argc, char **argv)
{
    /* what a service cannot do is left out with a note, where the message is the same without it: a
     * plain SMTP server knows no tags */
    const char *list[] = {"unsupported=drop"};
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.options = list;
    options.option_count = 1;
    if (argc != 3) {
        fprintf(stderr, "usage: switch_provider SENDER RECIPIENT\n");
        return 2;
    }
    tidymail_transport *transport = tidymail_transport_open(getenv("TIDYMAIL_URL"), &options);
    tidymail_message *message = message_compose(argv[1], argv[2]);

    tidymail_report *report = tidymail_send(transport, message);
    report_print(report);
    int sent = tidymail_report_outcome(report) == TIDYMAIL_SENT;

    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return sent ? 0 : 1;
}
