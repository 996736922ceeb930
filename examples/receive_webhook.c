/*
 * receive_webhook.c: what a mail service told about sent messages, from the body of its request.
 *
 *     receive_webhook mailgun <body
 *     TIDYMAIL_WEBHOOK_KEY=... TIDYMAIL_WEBHOOK_SIGNATURE=... TIDYMAIL_WEBHOOK_TIMESTAMP=... \
 *         receive_webhook sendgrid <body
 *
 * With a key the request is verified first; signature and timestamp are the values of the header
 * fields that docs/webhooks.md names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidymail/tidymail.h>
#include <time.h>

/* Prints a text of the service's without the control characters that may be in it. */
static void text_print(const char *name, const char *text)
{
    if (text[0] != '\0') {
        printf(" %s=", name);
        for (; *text != '\0'; text++) {
            putchar((unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
        }
    }
}

static void event_print(const tidymail_event *event)
{
    printf("%s", tidymail_event_type_name(tidymail_event_type(event)));
    if (tidymail_event_bounce(event) != TIDYMAIL_BOUNCE_NONE) {
        printf(" (%s)", tidymail_bounce_name(tidymail_event_bounce(event)));
    }
    text_print("recipient", tidymail_event_recipient(event));
    text_print("id", tidymail_event_service_id(event));
    text_print("reason", tidymail_event_reason(event));
    text_print("diagnostic", tidymail_event_diagnostic(event));
    text_print("url", tidymail_event_url(event));
    putchar('\n');
}

/* 1 where the request is genuine, or there is no key to ask. */
static int request_is_genuine(const char *service, const char *body, size_t length)
{
    tidymail_webhook_request request = TIDYMAIL_WEBHOOK_REQUEST_INIT;
    request.body = body;
    request.body_length = length;
    request.key = getenv("TIDYMAIL_WEBHOOK_KEY");
    request.signature = getenv("TIDYMAIL_WEBHOOK_SIGNATURE");
    request.timestamp = getenv("TIDYMAIL_WEBHOOK_TIMESTAMP");
    request.now_s = (int64_t)time(NULL);
    if (request.key == NULL) {
        return 1;
    }
    int verdict = tidymail_webhook_verify(service, &request);
    if (verdict != TIDYMAIL_WEBHOOK_GENUINE) {
        fprintf(stderr, "refused: %s\n", tidymail_webhook_verdict_words(verdict));
    }
    return verdict == TIDYMAIL_WEBHOOK_GENUINE;
}

int main(int argc, char **argv)
{
    static char body[1 << 20];
    if (argc != 2) {
        fprintf(stderr, "usage: receive_webhook mailgun|sendgrid|ses|postmark <BODY\n");
        return 2;
    }
    size_t length = fread(body, 1, sizeof(body), stdin);
    if (!request_is_genuine(argv[1], body, length)) {
        return 1;
    }
    tidymail_events *events = tidymail_webhook_parse(argv[1], body, length);
    const tidymail_error *error = tidymail_events_error(events);
    if (error != NULL) {
        fprintf(stderr, "not understood: %s\n", tidymail_error_message(error));
    }
    for (size_t i = 0; i < tidymail_events_count(events); i++) {
        event_print(tidymail_events_at(events, i));
    }
    tidymail_events_free(events);
    return error != NULL;
}
