/* test_field_meaning.c: groups and lenient addresses of a message, and the fields programs act on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/tidymail.h>

#include "fail_alloc.h"
#include "message/message_data.h"
#include "read_source.h"

static const struct tdm_writer_env env = {1000000000, {1, 2, 3}, NULL};

static tidymail_message *begun(const tidymail_allocator *allocator)
{
    tidymail_message *message = tidymail_message_new_with(allocator);
    tidymail_message_set_from(message, "ann@example.com");
    tidymail_message_add_to(message, "bob@example.org");
    return message;
}

/* The header as it is sent has `wanted` in it. */
static void check_has(tidymail_message *message, const char *wanted)
{
    assert_int_equal(tdm_message_prepare(message, &env), TIDYMAIL_OK);
    if (strstr(message->header->bytes, wanted) == NULL) {
        fail_msg("not in it: %s\n%s", wanted, message->header->bytes);
    }
}

static void check_refused(tidymail_message *message, const char *words)
{
    assert_string_equal(tidymail_error_message(tidymail_message_error(message)), words);
    assert_int_equal(tidymail_error_kind(tidymail_message_error(message)), TIDYMAIL_KIND_MESSAGE);
    tidymail_message_free(message);
}

static void groups(void **state)
{
    (void)state;
    tidymail_message *message = begun(NULL);
    assert_int_equal(tidymail_message_add_cc(message, "The Team: Cy <c@d.e>, f@g.h;"), 0);
    assert_int_equal(tidymail_message_add_cc(message, "i@j.k"), 0);
    check_has(message, "\r\nCc: The Team: Cy <c@d.e>, f@g.h;, i@j.k\r\n");
    assert_int_equal(tdm_message_recipient_count(message), 4);
    tidymail_message_free(message);
    message = begun(NULL);
    tidymail_message_add_to(message, "undisclosed-recipients:;");
    check_refused(message, "To: a group without members has nobody to send to at offset 24");
    message = begun(NULL);
    tidymail_message_set_from(message, "Team: a@b.c;");
    check_refused(message, "From: a group is not an address at offset 4");
    message = begun(NULL);
    tidymail_message_add_envelope_to(message, "Team: a@b.c;");
    check_refused(message, "envelope recipient: a group is not an address at offset 4");
    message = begun(NULL);
    tidymail_message_add_to(message, "Team: a@b.c\r\n;");
    check_refused(message, "To: control character 0x0D at offset 11");
    assert_int_equal(tidymail_message_set_lenient_addresses(NULL, 1), TIDYMAIL_KIND_LOCAL);
    message = begun(NULL);
    tidymail_message_set_lenient_addresses(message, 1);
    tidymail_message_add_to(message, "a..b@c.d");
    check_has(message, "\r\nTo: bob@example.org, \"a..b\"@c.d\r\n");
    tidymail_message_free(message);
}

static void replies(void **state)
{
    (void)state;
    tidymail_message *message = begun(NULL);
    tidymail_message_set_reply(message, "<c@x>", "<a@x>\r\n\t<b@x>, junk <c@x>");
    check_has(message, "\r\nReferences: <a@x> <b@x> <c@x>\r\nIn-Reply-To: <c@x>\r\n");
    tidymail_message_set_reply(message, "<z@x>", NULL);
    check_has(message, "\r\nReferences: <z@x>\r\nIn-Reply-To: <z@x>\r\n");
    char long_thread[2000] = "";
    char wanted[2000] = "<0@x>";
    for (int i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof(id), "<%d@x>", i);
        strcat(strcat(long_thread, id), " ");
        if (i >= 81) {
            strcat(strcat(wanted, " "), id);
        }
    }
    strcat(wanted, " <y@x>");
    tidymail_message_set_reply(message, "<y@x>", long_thread);
    assert_string_equal(message->fields[0].value, wanted);
    tidymail_message_free(message);
    message = begun(NULL);
    tidymail_message_set_reply(message, "c@x", NULL);
    check_refused(message, "In-Reply-To: not a message id <left@right> at offset 0");
    message = begun(NULL);
    tidymail_message_set_reply(message, "<c@x> <d@x>", NULL);
    check_refused(message, "In-Reply-To: nothing may stand behind the message id at offset 5");
    message = begun(NULL);
    tidymail_message_set_reply(message, NULL, NULL);
    check_refused(message, "In-Reply-To: NULL was given");
}

static void unsubscribing(void **state)
{
    (void)state;
    tidymail_message *message = begun(NULL);
    tidymail_message_set_list_unsubscribe(message, "https://x.example/u?a=b,c",
                                          "mailto:u@x.example", 1);
    check_has(message, "\r\nList-Unsubscribe: <https://x.example/u?a=b,c>, <mailto:u@x.example>\r\n"
                       "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
    tidymail_message_free(message);
    static const struct {
        const char *https_url;
        const char *mailto_url;
        const char *words;
    } cases[] = {
        {NULL, NULL, "List-Unsubscribe: NULL was given"},
        {NULL, "mailto:a@b", "List-Unsubscribe: one click needs an https URL"},
        {"http://x", NULL, "List-Unsubscribe: a URL that begins with https:// is expected"},
        {"https://", NULL, "List-Unsubscribe: a URL that begins with https:// is expected"},
        {"https://x", "a@b", "List-Unsubscribe: a URL that begins with mailto: is expected"},
        {"https://x>", NULL,
         "List-Unsubscribe: a character that must be percent-encoded in a URL at offset 9"},
        {"https://x/\xc3\xa4", NULL,
         "List-Unsubscribe: a character that must be percent-encoded in a URL at offset 10"},
        {"https://x\r\nBcc: a@b", NULL, "List-Unsubscribe: control character 0x0D at offset 9"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        message = begun(NULL);
        tidymail_message_set_list_unsubscribe(message, cases[i].https_url, cases[i].mailto_url, 1);
        check_refused(message, cases[i].words);
    }
}

static void single_words(void **state)
{
    (void)state;
    tidymail_message *message = begun(NULL);
    tidymail_message_set_auto_submitted(message, "Auto-Generated");
    tidymail_message_set_importance(message, "low");
    tidymail_message_set_importance(message, "High");
    tidymail_message_request_read_receipt(message, "J\xc3\xb6 <j@m\xc3\xbcnchen.example>");
    check_has(message, "\r\nAuto-Submitted: auto-generated\r\nImportance: high\r\n"
                       "X-Priority: 1 (Highest)\r\nDisposition-Notification-To: "
                       "=?utf-8?B?SsO2?= <j@xn--mnchen-3ya.example>\r\n");
    assert_int_equal(tdm_message_needs_utf8(message), 0);
    tidymail_message_request_read_receipt(message, "\xc3\xa4@b.c");
    check_has(message, "Disposition-Notification-To: \xc3\xa4@b.c\r\n");
    assert_int_equal(tdm_message_needs_utf8(message), 1);
    tidymail_message_free(message);
    message = begun(NULL);
    tidymail_message_set_auto_submitted(message, "yes");
    check_refused(message,
                  "Auto-Submitted: none of auto-generated, auto-replied, auto-notified, no");
    message = begun(NULL);
    tidymail_message_set_importance(message, "urgent\r\n");
    check_refused(message, "Importance: control character 0x0D at offset 6");
    message = begun(NULL);
    tidymail_message_set_importance(message, "urgent");
    check_refused(message, "Importance: none of high, normal, low");
    message = begun(NULL);
    tidymail_message_request_read_receipt(message, "j");
    check_refused(message, "Disposition-Notification-To: @ and a domain are missing at offset 1");
}

static void fields_by_name(void **state)
{
    (void)state;
    tidymail_message *message = begun(NULL);
    tidymail_message_add_header(message, "errors-to",
                                "J\xc3\xb6 <j@m\xc3\xbcnchen.example>, a@b.c");
    tidymail_message_add_header(message, "List-Id", "J\xc3\xb6 <list.example.org>");
    tidymail_message_add_header(message, "DKIM-Signature", "v=1; b==?utf-8?Q?a?=");
    check_has(message, "\r\nerrors-to: =?utf-8?B?SsO2?= <j@xn--mnchen-3ya.example>, a@b.c\r\n"
                       "List-Id: =?utf-8?B?SsO2?= <list.example.org>\r\n"
                       "DKIM-Signature: v=1; b==?utf-8?Q?a?=\r\n");
    tidymail_message_free(message);
    message = begun(NULL);
    tidymail_message_add_header(message, "List-Help", "<https://x/\xc3\xa4>");
    check_refused(message, "List-Help: only ASCII may stand here at offset 11");
    message = begun(NULL);
    tidymail_message_add_header(message, "Resent-To", "a@b.c, d");
    check_refused(message, "Resent-To: @ and a domain are missing at offset 8");
    message = begun(NULL);
    tidymail_message_add_header(message, "Resent-To", ",");
    check_refused(message, "Resent-To: no address is given");
}

static void check_whole(tidymail_message *message, const char *wanted)
{
    tidymail_source source;
    size_t length = 0;
    assert_int_equal(tdm_message_prepare(message, &env), TIDYMAIL_OK);
    assert_int_equal(tdm_message_open_source(message, &source), TIDYMAIL_OK);
    char *bytes = read_source(&source, 7, &length);
    source.release(source.context);
    assert_non_null(bytes);
    if (strncmp(bytes, wanted, strlen(wanted)) != 0) {
        fail_msg("%s\n%s", wanted, bytes);
    }
    free(bytes);
}

static void sent_once_more(void **state)
{
    (void)state;
    static const char raw[] = "From: x@y.z\nTo: broken\n\nhello";
    static const char block[] =
        "Resent-Date: Sun, 9 Sep 2001 01:46:40 +0000\r\nResent-From: C <c@d.e>\r\n"
        "Resent-To: f@g.h, I <i@j.k>\r\n"
        "Resent-Message-ID: <r.01020300000000000000000000000000@d.e>\r\n";
    char wanted[500];
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_raw(message, raw, strlen(raw));
    tidymail_message_set_resent(message, "C <c@d.e>", "f@g.h, I <i@j.k>");
    snprintf(wanted, sizeof(wanted), "%s%s", block, "From: x@y.z\r\nTo: broken\r\n\r\nhello\r\n");
    check_whole(message, wanted);
    assert_string_equal(tdm_message_envelope_from(message), "c@d.e");
    assert_int_equal(tdm_message_recipient_count(message), 2);
    assert_string_equal(tdm_message_recipients(message)[1], "i@j.k");
    assert_int_equal(tdm_message_is_8bit(message), 0);
    tidymail_message_set_resent(message, "c@d.e", "\xc3\xa4@g.h");
    assert_int_equal(tdm_message_prepare(message, &env), TIDYMAIL_OK);
    assert_int_equal(tdm_message_is_8bit(message), 1);
    assert_int_equal(tdm_message_needs_utf8(message), 1);
    tidymail_message_add_envelope_to(message, "l@m.n");
    assert_int_equal(tdm_message_prepare(message, &env), TIDYMAIL_OK);
    assert_string_equal(tdm_message_recipients(message)[0], "l@m.n");
    tidymail_message_free(message);
    message = begun(NULL);
    tidymail_message_set_resent(message, "C <c@d.e>", "f@g.h, I <i@j.k>");
    snprintf(wanted, sizeof(wanted), "%sDate: ", block);
    check_whole(message, wanted);
    tidymail_message_free(message);
    message = begun(NULL);
    tidymail_message_set_resent(message, "c@d.e", "");
    check_refused(message, "Resent-To: no address is given");
    message = begun(NULL);
    tidymail_message_set_resent(message, "c@d.e, f@g.h", "a@b.c");
    check_refused(message, "Resent-From: this is a list, call once for each address at offset 5");
}

static int set_header_value(tidymail_message *message, const char *text)
{
    return tidymail_message_add_header(message, "X-Test", text);
}

static int set_header_name(tidymail_message *message, const char *text)
{
    return tidymail_message_add_header(message, text, "value");
}

static int set_reply(tidymail_message *message, const char *text)
{
    return tidymail_message_set_reply(message, text, NULL);
}

static int set_unsubscribe_https(tidymail_message *message, const char *text)
{
    return tidymail_message_set_list_unsubscribe(message, text, NULL, 1);
}

static int set_unsubscribe_mailto(tidymail_message *message, const char *text)
{
    return tidymail_message_set_list_unsubscribe(message, NULL, text, 0);
}

static int set_resent_from(tidymail_message *message, const char *text)
{
    return tidymail_message_set_resent(message, text, "a@b.c");
}

static int set_resent_to(tidymail_message *message, const char *text)
{
    return tidymail_message_set_resent(message, "a@b.c", text);
}

/* Every text that goes into a header, with every control character at every place of a good value:
 * refused, with the field and the offset of that character. */
static void injection(void **state)
{
    (void)state;
    static const struct {
        int (*set)(tidymail_message *message, const char *text);
        const char *field;
        const char *good;
    } cases[] = {
        {tidymail_message_set_from, "From", "Ann <a@b.c>"},
        {tidymail_message_add_to, "To", "\"A b\" <a@b.c> (x)"},
        {tidymail_message_add_cc, "Cc", "Team: a@b.c, d@e.f;"},
        {tidymail_message_add_bcc, "Bcc", "a@b.c"},
        {tidymail_message_add_reply_to, "Reply-To", "a@[192.0.2.1]"},
        {tidymail_message_set_subject, "Subject", "a subject"},
        {tidymail_message_set_envelope_from, "envelope sender", "a@b.c"},
        {tidymail_message_add_envelope_to, "envelope recipient", "a@b.c"},
        {set_header_name, "header name", "X-Test"},
        {set_header_value, "X-Test", "a value"},
        {set_reply, "In-Reply-To", "<a@b.c>"},
        {set_unsubscribe_https, "List-Unsubscribe", "https://example.org/u"},
        {set_unsubscribe_mailto, "List-Unsubscribe", "mailto:a@b.c"},
        {tidymail_message_set_auto_submitted, "Auto-Submitted", "auto-replied"},
        {tidymail_message_set_importance, "Importance", "high"},
        {tidymail_message_request_read_receipt, "Disposition-Notification-To", "A <a@b.c>"},
        {set_resent_from, "Resent-From", "A <a@b.c>"},
        {set_resent_to, "Resent-To", "a@b.c, D <e@f.g>"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].good);
        tidymail_message *message = tidymail_message_new();
        assert_int_equal(cases[i].set(message, cases[i].good), TIDYMAIL_OK);
        for (size_t at = 0; at <= length; at++) {
            for (int c = 1; c < 0x80; c = c == 0x1f ? 0x7f : c + 1) {
                char text[64];
                char begin[64];
                char end[32];
                snprintf(text, sizeof(text), "%.*s%c%s", (int)at, cases[i].good, c,
                         cases[i].good + at);
                snprintf(begin, sizeof(begin), "%s: ", cases[i].field);
                snprintf(end, sizeof(end), " at offset %zu", at);
                tidymail_message_reset(message);
                int kind = cases[i].set(message, text);
                const char *words = tidymail_error_message(tidymail_message_error(message));
                size_t words_length = strlen(words);
                if (kind != TIDYMAIL_KIND_MESSAGE || strncmp(words, begin, strlen(begin)) != 0 ||
                    words_length < strlen(end) ||
                    strcmp(words + words_length - strlen(end), end) != 0) {
                    fail_msg("%s: byte %d at %zu of %s: %s", cases[i].field, c, at, cases[i].good,
                             words);
                }
            }
        }
        tidymail_message_free(message);
    }
}

static int once(const tidymail_allocator *allocator, const struct fail_alloc *fails, void *context)
{
    (void)context;
    tidymail_message *message = begun(allocator);
    tidymail_message_add_cc(message, "G: Ann <a@b.c>, d@e.f;");
    tidymail_message_set_reply(message, "<a@x>", "<b@x>");
    tidymail_message_set_list_unsubscribe(message, "https://x", "mailto:a@b.c", 1);
    tidymail_message_set_importance(message, "low");
    tidymail_message_request_read_receipt(message, "a@b.c");
    tidymail_message_add_header(message, "Errors-To", "a@b.c");
    tidymail_message_set_resent(message, "a@b.c", "d@e.f, G <h@i.j>");
    int kind = tdm_message_prepare(message, &env);
    int wrong = fails->failures > 0 ? kind != TIDYMAIL_KIND_LOCAL : kind != TIDYMAIL_OK;
    tidymail_message_free(message);
    return wrong;
}

static void short_of_memory(void **state)
{
    (void)state;
    const char *words = fail_alloc_run_all(once, NULL, 20);
    if (words != NULL) {
        fail_msg("%s", words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups),         cmocka_unit_test(replies),
        cmocka_unit_test(unsubscribing),  cmocka_unit_test(single_words),
        cmocka_unit_test(fields_by_name), cmocka_unit_test(short_of_memory),
        cmocka_unit_test(sent_once_more), cmocka_unit_test(injection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
