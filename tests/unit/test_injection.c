/*
 * test_injection.c: nothing that a caller gives smuggles a line, a field or a command in. Every text
 * that can be given, with every C0 character and DEL at its start, in its middle and at its end, and
 * over-long: refused with field and offset, or encoded; never raw in what is sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/tidymail.h>

#include <tidymail/part.h>

#include "make_key.h"
#include "read_source.h"

#define MARK "Injected"
#define LINE_MAX_BYTES 998

/* Where the offset of an error points to. */
enum injection_offset {
    AT_BYTE, /* the byte itself, counted in the text given */
    SOMEWHERE /* an offset, of the item it stands in or of what it breaks */,
    NOWHERE /* the text is one of a few words, or stands for itself */
};

struct injection_row {
    const char *name; /* of the field, as the error says it */
    void (*give)(tidymail_message *message, const char *text);
    const char *before; /* a good text in two halves; the byte comes between, before and behind */
    const char *after;
    enum injection_offset offset;
    int unseen; /* it is not part of the rendered message: a bad text must be refused */
};

static void give_from(tidymail_message *message, const char *text)
{
    tidymail_message_set_from(message, text);
}

static void give_to(tidymail_message *message, const char *text)
{
    tidymail_message_add_to(message, text);
}

static void give_cc(tidymail_message *message, const char *text)
{
    tidymail_message_add_cc(message, text);
}

static void give_bcc(tidymail_message *message, const char *text)
{
    tidymail_message_add_bcc(message, text);
}

static void give_reply_to(tidymail_message *message, const char *text)
{
    tidymail_message_add_reply_to(message, text);
}

static void give_subject(tidymail_message *message, const char *text)
{
    tidymail_message_set_subject(message, text);
}

static void give_header_name(tidymail_message *message, const char *text)
{
    tidymail_message_add_header(message, text, "value");
}

static void give_header_value(tidymail_message *message, const char *text)
{
    tidymail_message_add_header(message, "X-Note", text);
}

static void give_message_id(tidymail_message *message, const char *text)
{
    tidymail_message_add_header(message, "Message-ID", text);
}

static void give_date(tidymail_message *message, const char *text)
{
    tidymail_message_add_header(message, "Date", text);
}

static void give_references(tidymail_message *message, const char *text)
{
    tidymail_message_add_header(message, "References", text);
}

static void give_reply_id(tidymail_message *message, const char *text)
{
    tidymail_message_set_reply(message, text, NULL);
}

static void give_list_https(tidymail_message *message, const char *text)
{
    tidymail_message_set_list_unsubscribe(message, text, NULL, 1);
}

static void give_list_mailto(tidymail_message *message, const char *text)
{
    tidymail_message_set_list_unsubscribe(message, NULL, text, 0);
}

static void give_auto_submitted(tidymail_message *message, const char *text)
{
    tidymail_message_set_auto_submitted(message, text);
}

static void give_importance(tidymail_message *message, const char *text)
{
    tidymail_message_set_importance(message, text);
}

static void give_read_receipt(tidymail_message *message, const char *text)
{
    tidymail_message_request_read_receipt(message, text);
}

static void give_envelope_from(tidymail_message *message, const char *text)
{
    tidymail_message_set_envelope_from(message, text);
}

static void give_envelope_to(tidymail_message *message, const char *text)
{
    tidymail_message_add_envelope_to(message, text);
}

static void give_dsn_notify(tidymail_message *message, const char *text)
{
    tidymail_message_set_dsn(message, text, NULL, NULL);
}

static void give_dsn_ret(tidymail_message *message, const char *text)
{
    tidymail_message_set_dsn(message, NULL, text, NULL);
}

static void give_dsn_envid(tidymail_message *message, const char *text)
{
    tidymail_message_set_dsn(message, NULL, NULL, text);
}

static void give_hold_until(tidymail_message *message, const char *text)
{
    tidymail_message_set_hold_until(message, text);
}

/* An attachment with one member from outside. */
static void give_attachment(tidymail_message *message, const char *name, const char *type,
                            const char *id, const char *description)
{
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    attachment.bytes = "bytes";
    attachment.length = 5;
    attachment.name = name;
    attachment.type = type;
    attachment.content_id = id;
    attachment.description = description;
    tidymail_message_add_attachment(message, &attachment);
}

static void give_file_name(tidymail_message *message, const char *text)
{
    give_attachment(message, text, "image/png", NULL, NULL);
}

static void give_type(tidymail_message *message, const char *text)
{
    give_attachment(message, "a.png", text, NULL, NULL);
}

static void give_content_id(tidymail_message *message, const char *text)
{
    give_attachment(message, "a.png", "image/png", text, NULL);
}

static void give_description(tidymail_message *message, const char *text)
{
    give_attachment(message, "a.png", "image/png", NULL, text);
}

static void give_part_type(tidymail_message *message, const char *text)
{
    tidymail_message_set_body(message, tidymail_part_new(text, "bytes", 5));
}

static void give_subtype(tidymail_message *message, const char *text)
{
    tidymail_part *parent = tidymail_part_new_multipart(text);
    tidymail_part_add(parent, tidymail_part_new(NULL, "bytes", 5));
    tidymail_message_set_body(message, parent);
}

static void give_part_disposition(tidymail_message *message, const char *text)
{
    tidymail_part *part = tidymail_part_new(NULL, "bytes", 5);
    tidymail_part_set_disposition(part, text, NULL);
    tidymail_message_set_body(message, part);
}

static void give_part_name(tidymail_message *message, const char *text)
{
    tidymail_part *part = tidymail_part_new(NULL, "bytes", 5);
    tidymail_part_set_disposition(part, "attachment", text);
    tidymail_message_set_body(message, part);
}

static void give_part_header_name(tidymail_message *message, const char *text)
{
    tidymail_part *part = tidymail_part_new(NULL, "bytes", 5);
    tidymail_part_add_header(part, text, "value");
    tidymail_message_set_body(message, part);
}

static void give_part_header_value(tidymail_message *message, const char *text)
{
    tidymail_part *part = tidymail_part_new(NULL, "bytes", 5);
    tidymail_part_add_header(part, "Content-Language", text);
    tidymail_message_set_body(message, part);
}

/* A signature. */
static void give_dkim(tidymail_message *message, tidymail_dkim_options options)
{
    options.struct_size = sizeof(options);
    options.domain = options.domain != NULL ? options.domain : "example.com";
    options.selector = options.selector != NULL ? options.selector : "s1";
    options.key_pem = make_key();
    tidymail_message_add_dkim(message, &options);
}

static void give_dkim_domain(tidymail_message *message, const char *text)
{
    give_dkim(message, (tidymail_dkim_options){.domain = text});
}

static void give_dkim_selector(tidymail_message *message, const char *text)
{
    give_dkim(message, (tidymail_dkim_options){.selector = text});
}

static void give_dkim_identity(tidymail_message *message, const char *text)
{
    give_dkim(message, (tidymail_dkim_options){.identity = text});
}

static void give_dkim_headers(tidymail_message *message, const char *text)
{
    give_dkim(message, (tidymail_dkim_options){.headers = text});
}

static const struct injection_row injection_rows[] = {
    {"DKIM domain", give_dkim_domain, "exam", "ple.com", AT_BYTE, 0},
    {"DKIM selector", give_dkim_selector, "s", "1", AT_BYTE, 0},
    {"DKIM identity", give_dkim_identity, "jo", "e@example.com", AT_BYTE, 0},
    {"DKIM headers", give_dkim_headers, "from:t", "o", AT_BYTE, 0},
    {"From", give_from, "ann@exam", "ple.org", AT_BYTE, 0},
    {"From", give_from, "Ann ", "Smith <ann@example.org>", AT_BYTE, 0},
    {"From", give_from, "\"Ann ", "Smith\" <ann@example.org>", AT_BYTE, 0},
    {"To", give_to, "\"a", "b\"@example.org", AT_BYTE, 0},
    {"To", give_to, "b@[192.0", ".2.1]", AT_BYTE, 0},
    {"To", give_to, "b@example.org (com", "ment)", AT_BYTE, 0},
    {"Cc", give_cc, "c@example", ".org", AT_BYTE, 0},
    {"Bcc", give_bcc, "d@example", ".org", AT_BYTE, 1},
    {"Reply-To", give_reply_to, "e@example", ".org", AT_BYTE, 0},
    {"Subject", give_subject, "The sub", "ject", AT_BYTE, 0},
    {"Subject", give_subject, "Gr\303\274", "\303\237e", AT_BYTE, 0},
    {"header name", give_header_name, "X-N", "ote", AT_BYTE, 0},
    {"X-Note", give_header_value, "the val", "ue", AT_BYTE, 0},
    {"Message-ID", give_message_id, "<le", "ft@right>", AT_BYTE, 0},
    {"Date", give_date, "Tue, 24 Nov 2026", " 14:00:00 +0000", AT_BYTE, 0},
    {"References", give_references, "<a@b>", " <c@d>", AT_BYTE, 0},
    {"In-Reply-To", give_reply_id, "<a", "@b>", AT_BYTE, 0},
    {"List-Unsubscribe", give_list_https, "https://example.org/", "u?x=1", AT_BYTE, 0},
    {"List-Unsubscribe", give_list_mailto, "mailto:u@", "example.org", AT_BYTE, 0},
    {"Auto-Submitted", give_auto_submitted, "auto-", "generated", NOWHERE, 0},
    {"", give_importance, "hi", "gh", NOWHERE, 0},
    {"Disposition-Notification-To", give_read_receipt, "f@example", ".org", AT_BYTE, 0},
    {"envelope sender", give_envelope_from, "g@example", ".org", AT_BYTE, 1},
    {"envelope recipient", give_envelope_to, "h@example", ".org", AT_BYTE, 1},
    {"DSN notify", give_dsn_notify, "SUCCESS", ",DELAY", SOMEWHERE, 1},
    {"DSN ret", give_dsn_ret, "FU", "LL", NOWHERE, 1},
    {"DSN envid", give_dsn_envid, "some", "id", AT_BYTE, 1},
    {"hold-until", give_hold_until, "2026-12-24T18:00:00", "Z", AT_BYTE, 1},
    {"name", give_file_name, "re", "port.png", AT_BYTE, 0},
    {"name", give_file_name, "Gr\303\274", "\303\237e.png", AT_BYTE, 0},
    {"type", give_type, "image/", "png", AT_BYTE, 0},
    {"type", give_type, "image/png; a=\"b", "c\"", AT_BYTE, 0},
    {"", give_content_id, "lo", "go@example.org", AT_BYTE, 0},
    {"", give_description, "what it", " is", AT_BYTE, 0},
    {"type", give_part_type, "text/x-", "own; a=b", AT_BYTE, 0},
    {"type", give_subtype, "mi", "xed; a=b", SOMEWHERE, 0},
    {"isposition", give_part_disposition, "attach", "ment", NOWHERE, 0},
    {"name", give_part_name, "a", ".txt", AT_BYTE, 0},
    {"header name", give_part_header_name, "X-P", "art", AT_BYTE, 0},
    {"Content-Language", give_part_header_value, "d", "e", AT_BYTE, 0},
};
#define INJECTION_ROWS (sizeof(injection_rows) / sizeof(injection_rows[0]))

/* A message that lacks nothing, but for what the row gives. */
static tidymail_message *new_message(const struct injection_row *row)
{
    tidymail_message *message = tidymail_message_new();
    if (row->give != give_from) {
        tidymail_message_set_from(message, "ann@example.org");
    }
    tidymail_message_add_to(message, "bob@example.org");
    return message;
}

static size_t injection_problems;

/* The bytes that are sent, or NULL and what was said. */
static char *rendered(tidymail_message *message, size_t *length, char said[1024])
{
    tidymail_source source;
    char *bytes = NULL;
    if (tidymail_message_open(message, &source) == TIDYMAIL_OK) {
        bytes = read_source(&source, 4096, length);
        source.release(source.context);
        assert_non_null(bytes);
    } else {
        snprintf(said, 1024, "%s", tidymail_error_message(tidymail_message_error(message)));
    }
    return bytes;
}

/* No control character but CRLF, no line that the text made, none over the limit. */
static void is_clean(const struct injection_row *row, const char *bytes, size_t length)
{
    size_t line = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\r' && i + 1 < length && bytes[i + 1] == '\n') {
            i++;
            line = i + 1;
            if (strncmp(bytes + line, MARK, strlen(MARK)) == 0) {
                fail_msg("%s: a line was made in\n%s", row->name, bytes);
            }
        } else if (c < 0x20 || c == 0x7F) {
            fail_msg("%s: byte 0x%02X stands raw in\n%s", row->name, c, bytes);
        } else if (i - line >= LINE_MAX_BYTES) {
            fail_msg("%s: a line over %d", row->name, LINE_MAX_BYTES);
        }
    }
}

static void check_row(const struct injection_row *row, const char *text, size_t at, int overlong)
{
    char said[1024] = "";
    char wanted[64];
    size_t length = 0;
    tidymail_message *message = new_message(row);
    row->give(message, text);
    char *bytes = rendered(message, &length, said);
    tidymail_message_free(message);
    if (bytes != NULL) {
        if (row->unseen) {
            fail_msg("%s: \"%.60s\" is taken", row->name, text);
        }
        is_clean(row, bytes, length);
        free(bytes);
        return;
    }
    for (const char *p = said; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F) {
            fail_msg("%s: a control character in the error", row->name);
        }
    }
    snprintf(wanted, sizeof(wanted), " at offset %zu", at);
    size_t end = strlen(wanted);
    const char *found = strstr(said, wanted);
    if (strstr(said, row->name) == NULL ||
        (!overlong && row->offset == AT_BYTE &&
         (found == NULL || (found[end] >= '0' && found[end] <= '9'))) ||
        (!overlong && row->offset == SOMEWHERE && strstr(said, "at offset ") == NULL)) {
        injection_problems++;
        print_error("%s, byte 0x%02X at %zu: \"%s\"\n", row->name, (unsigned char)text[at], at,
                    said);
    }
}

static void good_texts_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < INJECTION_ROWS; i++) {
        const struct injection_row *row = &injection_rows[i];
        char text[256];
        char said[1024] = "";
        size_t length = 0;
        tidymail_message *message = new_message(row);
        snprintf(text, sizeof(text), "%s%s", row->before, row->after);
        row->give(message, text);
        char *bytes = rendered(message, &length, said);
        if (bytes == NULL) {
            fail_msg("%s: %s", row->name, said);
        }
        is_clean(row, bytes, length);
        free(bytes);
        tidymail_message_free(message);
    }
}

static void control_characters_never_get_through(void **state)
{
    (void)state;
    static const char *const tails[] = {"", MARK ": yes", "\n" MARK ": yes", "\r\n" MARK ": yes"};
    for (size_t i = 0; i < INJECTION_ROWS; i++) {
        const struct injection_row *row = &injection_rows[i];
        for (int c = 1; c <= 0x7F; c = c == 0x1F ? 0x7F : c + 1) {
            for (size_t tail = 0; tail < sizeof(tails) / sizeof(tails[0]); tail++) {
                char text[256];
                snprintf(text, sizeof(text), "%s%c%s%s", row->before, c, tails[tail], row->after);
                check_row(row, text, strlen(row->before), 0);
            }
            char text[256];
            snprintf(text, sizeof(text), "%c%s%s", c, row->before, row->after);
            check_row(row, text, 0, 0);
            snprintf(text, sizeof(text), "%s%s%c", row->before, row->after, c);
            check_row(row, text, strlen(row->before) + strlen(row->after), 0);
        }
    }
    assert_int_equal(injection_problems, 0);
}

static void over_long_texts_break_no_line(void **state)
{
    (void)state;
    static const char *const fill[] = {"a", " a", "\303\244", "a,", "\"", "\\", ";", "%", "=?"};
    static const size_t sizes[] = {400, 1200, 70000};
    for (size_t i = 0; i < INJECTION_ROWS; i++) {
        for (size_t k = 0; k < sizeof(fill) / sizeof(fill[0]); k++) {
            for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
                const struct injection_row *row = &injection_rows[i];
                size_t unit = strlen(fill[k]);
                char *text = malloc(strlen(row->before) + unit * sizes[n] + strlen(row->after) + 1);
                assert_non_null(text);
                size_t used = strlen(row->before);
                memcpy(text, row->before, used);
                for (size_t count = 0; count < sizes[n]; count++) {
                    memcpy(text + used, fill[k], unit);
                    used += unit;
                }
                memcpy(text + used, row->after, strlen(row->after) + 1);
                check_row(row, text, 0, 1);
                free(text);
            }
        }
    }
    assert_int_equal(injection_problems, 0);
}

static void a_boundary_is_never_the_callers(void **state)
{
    (void)state;
    static const struct {
        void (*give)(tidymail_message *message, const char *text);
        const char *text;
    } cases[] = {
        {give_type, "multipart/mixed; boundary=x"},
        {give_type, "multipart/mixed"},
        {give_type, "text/plain; boundary=x"},
        {give_part_type, "multipart/mixed; boundary=x"},
        {give_part_type, "text/plain; BOUNDARY=\"x\""},
        {give_subtype, "mixed; boundary=x"},
        {give_subtype, "mixed; a=b; Boundary=x"},
    };
    const struct injection_row base = {"", NULL, "", "", NOWHERE, 0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char said[1024] = "";
        size_t length = 0;
        tidymail_message *message = new_message(&base);
        cases[i].give(message, cases[i].text);
        char *bytes = rendered(message, &length, said);
        if (bytes != NULL) {
            fail_msg("%s is taken:\n%s", cases[i].text, bytes);
        }
        tidymail_message_free(message);
    }
}

/* The name in EHLO, and user and password: options of a transport. */
static void options_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"helo", "source", "auth", "tls"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (int c = 1; c <= 0x7F; c = c == 0x1F ? 0x7F : c + 1) {
            for (int at = 0; at < 3; at++) {
                char option[128];
                char wanted[32];
                const char *option_list[] = {option};
                snprintf(option, sizeof(option),
                         at == 0   ? "%s=%cexample.org"
                         : at == 1 ? "%s=exam%cple.org\r\n" MARK
                                   : "%s=example.org%c",
                         names[i], c);
                tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
                options.options = option_list;
                options.option_count = 1;
                tidymail_transport *transport =
                    tidymail_transport_open("smtp://127.0.0.1:9", &options);
                tidymail_message *message = tidymail_message_new();
                tidymail_report *report = tidymail_send(transport, message);
                const tidymail_error *error = tidymail_report_error(report);
                assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_CONFIGURATION);
                snprintf(wanted, sizeof(wanted), "%s", names[i]);
                assert_non_null(strstr(tidymail_error_message(error), wanted));
                tidymail_report_free(report);
                tidymail_message_free(message);
                tidymail_transport_close(transport);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_are_taken),
        cmocka_unit_test(control_characters_never_get_through),
        cmocka_unit_test(over_long_texts_break_no_line),
        cmocka_unit_test(a_boundary_is_never_the_callers),
        cmocka_unit_test(options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
