/*
 * fuzz_webhook.c: requests of mail services: a line with the service, then the body. Events or an
 * error with words, never both; no text is NULL; nothing genuine but what was signed; no leak when
 * memory fails.
 */
#include <tidymail/tidymail.h>

#include "fuzz_input.h"

/* Reads every text of an event to its end. */
static void webhook_read(const tidymail_event *event)
{
    const char *texts[] = {
        tidymail_event_name(event),       tidymail_event_id(event),
        tidymail_event_recipient(event),  tidymail_event_message_id(event),
        tidymail_event_service_id(event), tidymail_event_enhanced(event),
        tidymail_event_diagnostic(event), tidymail_event_reason(event),
        tidymail_event_url(event),        tidymail_event_user_agent(event),
        tidymail_event_ip(event),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        FUZZ_CHECK(texts[i] != NULL && strlen(texts[i]) < SIZE_MAX, "a text is never NULL");
    }
    FUZZ_CHECK(strcmp(tidymail_event_type_name(tidymail_event_type(event)), "?") != 0,
               "the type is one of the list");
    FUZZ_CHECK(strcmp(tidymail_bounce_name(tidymail_event_bounce(event)), "?") != 0,
               "the bounce is one of the list");
    FUZZ_CHECK(tidymail_event_code(event) == 0 ||
                   (tidymail_event_code(event) >= 200 && tidymail_event_code(event) < 600),
               "a code is a reply code");
    FUZZ_CHECK(tidymail_event_timestamp_ms(event) >= -86400000, "a time is after 1970");
    for (size_t i = 0; i < tidymail_event_tag_count(event); i++) {
        FUZZ_CHECK(tidymail_event_tag(event, i)[0] != '\0', "a tag is not empty");
    }
    for (size_t i = 0; i < tidymail_event_metadata_count(event); i++) {
        FUZZ_CHECK(strlen(tidymail_event_metadata_value(event, i)) < SIZE_MAX, "a value is a text");
        FUZZ_CHECK(tidymail_event_metadata(event, tidymail_event_metadata_name(event, i)) != NULL,
                   "a name is found again");
    }
}

static void webhook_parse(const char *service, const char *body, size_t length, size_t fail_at)
{
    struct fuzz_memory memory = {0, 0, fail_at, (fail_at & 1) != 0};
    tidymail_allocator allocator = fuzz_allocator(&memory);
    tidymail_events *events = tidymail_webhook_parse_with(service, body, length, &allocator);
    const tidymail_error *error = tidymail_events_error(events);
    FUZZ_CHECK(error == NULL || tidymail_events_count(events) == 0, "events or an error");
    FUZZ_CHECK(error == NULL || tidymail_error_message(error)[0] != '\0', "an error has words");
    for (size_t i = 0; i < tidymail_events_count(events); i++) {
        webhook_read(tidymail_events_at(events, i));
    }
    const char *url = tidymail_events_certificate_url(events);
    FUZZ_CHECK(!tidymail_webhook_sns_certificate_url_ok(url) ||
                   strncmp(url, "https://sns.", 12) == 0,
               "a certificate comes from Amazon");
    tidymail_events_free(events);
    FUZZ_CHECK(memory.live == 0, "no leak");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const services[] = {"mailgun", "sendgrid", "ses",        "postmark",
                                           "resend",  "mandrill", "mailersend", "mailjet"};
    struct fuzz_input input = fuzz_input_of(data, size);
    const char *line;
    size_t line_length = fuzz_line(&input, &line);
    char *service = fuzz_text(line, line_length > 0 ? line_length - 1 : 0);
    const char *rest;
    size_t length = fuzz_bytes(&input, input.left, &rest);
    char *body = fuzz_copy(rest, length);
    for (size_t fail_at = 0; fail_at < 12; fail_at++) {
        webhook_parse(service, body, length, fail_at);
    }
    char *text = fuzz_text(rest, length);
    tidymail_webhook_request request = TIDYMAIL_WEBHOOK_REQUEST_INIT;
    request.body = body;
    request.body_length = length;
    request.key = "not:the key";
    request.signature = request.timestamp = request.id = request.url = request.topic = text;
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        int verdict = tidymail_webhook_verify(services[i], &request);
        FUZZ_CHECK(verdict > 0 && verdict <= TIDYMAIL_WEBHOOK_BAD_CALL, "nobody has signed it");
    }
    tidymail_webhook_sns_certificate_url_ok(text);
    tidymail_webhook_sns_subscribe_url_ok(text);
    fuzz_free(text);
    fuzz_free(body);
    fuzz_free(service);
    return 0;
}
