/*
 * send_many.c: sends many small messages through one transport and prints what became of each, for
 * the tests that count them at the other end.
 *
 *     TIDYMAIL_URL=... send_many COUNT FROM TO...
 *
 * One line for each message: outcome, Message-ID, "connected" where the send made a connection and
 * "kept" where it did not, and the one-line summary.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tidymail/tidymail.h>

static const char *outcome_word(int outcome)
{
    switch (outcome) {
    case TIDYMAIL_SENT:
        return "sent";
    case TIDYMAIL_PARTIAL:
        return "partial";
    case TIDYMAIL_FAILED:
        return "failed";
    default:
        return "unknown";
    }
}

static void message_compose(tidymail_message *message, long number, char **addresses)
{
    char subject[40];

    snprintf(subject, sizeof(subject), "message %ld", number);
    tidymail_message_reset(message);
    tidymail_message_set_from(message, addresses[0]);
    for (char **to = addresses + 1; *to != NULL; to++) {
        tidymail_message_add_to(message, *to);
    }
    tidymail_message_set_subject(message, subject);
    tidymail_message_set_text(message, "one of many\n.\nand a line behind the dot\n");
}

static void send_one(tidymail_transport *transport, tidymail_message *message)
{
    tidymail_report *report = tidymail_send(transport, message);
    int connected = tidymail_report_phase_ms(report, TIDYMAIL_PHASE_CONNECT) >= 0;

    printf("%s %s %s %s\n", outcome_word(tidymail_report_outcome(report)),
           tidymail_report_message_id(report), connected ? "connected" : "kept",
           tidymail_report_summary(report));
    tidymail_report_free(report);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    long count = argc > 3 ? strtol(argv[1], &end, 10) : 0;

    if (count <= 0 || *end != '\0') {
        fprintf(stderr, "usage: send_many COUNT FROM TO...\n");
        return 64;
    }
    tidymail_transport *transport = tidymail_transport_open(getenv("TIDYMAIL_URL"), NULL);
    tidymail_message *message = tidymail_message_new();
    for (long number = 1; number <= count; number++) {
        message_compose(message, number, argv + 2);
        send_one(transport, message);
    }
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return fflush(stdout) == 0 ? 0 : 74;
}
