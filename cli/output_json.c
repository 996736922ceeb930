/*
 * output_json.c: the object of --json. Every key is always there; what is not known is null. Texts
 * that are not UTF-8 (a path of the command line) have their bytes over 127 escaped.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/tidymail.h>

#include "output.h"
#include "output_json.h"

int output_json_object(json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (text == NULL) {
        return -1;
    }
    printf("%s\n", text);
    free(text);
    return fflush(stdout) == 0 ? 0 : -1;
}

static json_t *json_escaped(const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    char *escaped = malloc(strlen(text) * 4 + 1);
    if (escaped == NULL) {
        return NULL;
    }
    char *out = escaped;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 128) {
            *out++ = *text;
        } else {
            *out++ = '\\';
            *out++ = 'x';
            *out++ = hex[c >> 4];
            *out++ = hex[c & 15];
        }
    }
    *out = '\0';
    json_t *value = json_string(escaped);
    free(escaped);
    return value;
}

/* "" is what the library says for "not known". */
static json_t *json_text(const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return json_null();
    }
    json_t *value = json_string(text);
    return value != NULL ? value : json_escaped(text);
}

static json_t *json_code(int code)
{
    return code != 0 ? json_integer(code) : json_null();
}

/* Words separated by blanks. */
static json_t *json_words(const char *text)
{
    json_t *words = json_array();
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        if (length > 0) {
            json_array_append_new(words, json_stringn(text, length));
        }
        text += length + (text[length] == ' ');
    }
    return words;
}

static json_t *json_error(const tidymail_error *error)
{
    if (error == NULL) {
        return json_null();
    }
    int retry_after = tidymail_error_retry_after(error);
    return json_pack(
        "{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind",
        tidymail_kind_name(tidymail_error_kind(error)), "phase",
        tidymail_phase_name(tidymail_error_phase(error)), "retryable",
        tidymail_error_retryable(error), "maybe_delivered", tidymail_error_maybe_delivered(error),
        "code", json_code(tidymail_error_code(error)), "enhanced",
        json_text(tidymail_error_enhanced(error)), "service_code",
        json_text(tidymail_error_service_code(error)), "reply",
        json_text(tidymail_error_reply(error)), "message", json_text(tidymail_error_message(error)),
        "hint", json_text(tidymail_error_hint(error)), "retry_after",
        retry_after >= 0 ? json_integer(retry_after) : json_null());
}

static json_t *json_failure(const struct cli_failure *failure)
{
    return json_pack("{s:s, s:s, s:b, s:b, s:n, s:n, s:n, s:n, s:o, s:o, s:n}", "kind",
                     tidymail_kind_name(failure->kind), "phase",
                     tidymail_phase_name(TIDYMAIL_PHASE_PREPARE), "retryable", 0, "maybe_delivered",
                     0, "code", "enhanced", "service_code", "reply", "message",
                     json_text(failure->message != NULL ? failure->message : "out of memory"),
                     "hint", json_text(failure->hint), "retry_after");
}

static json_t *json_recipients(const tidymail_report *report)
{
    json_t *recipients = json_array();
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        json_array_append_new(
            recipients, json_pack("{s:o, s:s, s:o, s:o, s:o, s:b, s:o}", "address",
                                  json_text(tidymail_recipient_address(recipient)), "outcome",
                                  tidymail_outcome_name(tidymail_recipient_outcome(recipient)),
                                  "code", json_code(tidymail_recipient_code(recipient)), "enhanced",
                                  json_text(tidymail_recipient_enhanced(recipient)), "reply",
                                  json_text(tidymail_recipient_reply(recipient)), "retryable",
                                  tidymail_recipient_retryable(recipient), "service_id",
                                  json_text(tidymail_recipient_service_id(recipient))));
    }
    return recipients;
}

static json_t *json_lines(const tidymail_report *report, size_t count,
                          const char *(*get)(const tidymail_report *report, size_t index))
{
    json_t *lines = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(lines, json_text(get(report, i)));
    }
    return lines;
}

static json_t *json_timings(const tidymail_report *report)
{
    json_t *timings = json_object();
    for (int phase = 0; phase < TIDYMAIL_PHASE_COUNT; phase++) {
        int64_t ms = tidymail_report_phase_ms(report, phase);
        json_object_set_new(timings, tidymail_phase_name(phase),
                            ms >= 0 ? json_integer(ms) : json_null());
    }
    return timings;
}

/* `report` may be NULL: all is then unknown. */
static int json_print(const tidymail_report *report, json_t *error)
{
    json_t *object = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o}",
        "outcome", tidymail_outcome_name(tidymail_report_outcome(report)), "error", error,
        "message_id", json_text(tidymail_report_message_id(report)), "service_id",
        json_text(tidymail_report_service_id(report)), "transport",
        json_text(tidymail_report_transport(report)), "server",
        json_text(tidymail_report_server(report)), "address",
        json_text(tidymail_report_address(report)), "tls", "version",
        json_text(tidymail_report_tls_version(report)), "cipher",
        json_text(tidymail_report_tls_cipher(report)), "auth", "offered",
        json_words(tidymail_report_auth_offered(report)), "supported",
        json_words(tidymail_report_auth_supported(report)), "tried",
        json_words(tidymail_report_auth_tried(report)), "recipients", json_recipients(report),
        "attempts",
        json_lines(report, tidymail_report_attempt_count(report), tidymail_report_attempt), "notes",
        json_lines(report, tidymail_report_note_count(report), tidymail_report_note), "timings_ms",
        json_timings(report));
    return output_json_object(object);
}

int output_json_report(const tidymail_report *report)
{
    return json_print(report, json_error(tidymail_report_error(report)));
}

int output_json_failure(const struct cli_failure *failure)
{
    return json_print(NULL, json_failure(failure));
}
