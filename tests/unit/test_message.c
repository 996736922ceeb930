/* test_message.c: the message object: setters, errors that stick, envelope, the finished bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/message_data.h"
#include "read_source.h"

static struct tdm_writer_env env(void)
{
    struct tdm_writer_env env = {1795530320, {0}, NULL};
    for (size_t i = 0; i < sizeof(env.random); i++) {
        env.random[i] = (unsigned char)(17 * i + 3);
    }
    return env;
}

/* Prepares and reads; the caller frees. Sizes and every rendering must agree. */
static char *render(tidymail_message *message)
{
    struct tdm_writer_env world = env();
    tidymail_source source;
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
    assert_int_equal(tdm_message_open_source(message, &source), TIDYMAIL_OK);
    size_t length;
    char *bytes = read_source(&source, 50, &length);
    assert_non_null(bytes);
    assert_int_equal(source.size(source.context), length);
    source.release(source.context);
    return bytes;
}

static tidymail_message *small(void)
{
    tidymail_message *message = tidymail_message_new();
    assert_non_null(message);
    assert_int_equal(tidymail_message_set_from(message, "Ann <ann@example.com>"), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_add_to(message, "bob@example.org"), TIDYMAIL_OK);
    return message;
}

static void expect_error(tidymail_message *message, int kind, const char *words)
{
    const tidymail_error *error = tidymail_message_error(message);
    assert_non_null(error);
    assert_int_equal(tidymail_error_kind(error), kind);
    assert_int_equal(tidymail_error_phase(error), TIDYMAIL_PHASE_PREPARE);
    assert_string_equal(tidymail_error_message(error), words);
}

static void a_small_message(void **state)
{
    (void)state;
    tidymail_message *message = small();
    tidymail_message_set_subject(message, "A small message");
    tidymail_message_set_text(message, "Hi there!\n. and From here");
    char *bytes = render(message);
    assert_string_equal(bytes, "Date: Tue, 24 Nov 2026 14:25:20 +0000\r\n"
                               "From: Ann <ann@example.com>\r\n"
                               "To: bob@example.org\r\n"
                               "Subject: A small message\r\n"
                               "Message-ID: <031425364758697a8b9cadbecfe0f102@example.com>\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Type: text/plain; charset=us-ascii\r\n"
                               "Content-Transfer-Encoding: 7bit\r\n"
                               "\r\n"
                               "Hi there!\r\n. and From here\r\n");
    assert_string_equal(tdm_message_id(message), "<031425364758697a8b9cadbecfe0f102@example.com>");
    assert_int_equal(tdm_message_is_8bit(message), 0);
    assert_int_equal(tdm_message_needs_utf8(message), 0);
    free(bytes);
    tidymail_message_free(message);
}

static void text_and_html(void **state)
{
    (void)state;
    tidymail_message *message = small();
    tidymail_message_set_html(message, "<p>H\xc3\xa4llo, here is some more text</p>\n");
    tidymail_message_set_text(message, "");
    char *bytes = render(message);
    const char *body = strstr(bytes, "Content-Type");
    assert_non_null(body);
    assert_string_equal(body, "Content-Type: multipart/alternative;\r\n"
                              " boundary=\"=_0000_132435465768798a9bacbdcedff0\"\r\n"
                              "\r\n"
                              "--=_0000_132435465768798a9bacbdcedff0\r\n"
                              "Content-Type: text/plain; charset=us-ascii\r\n"
                              "Content-Transfer-Encoding: 7bit\r\n"
                              "\r\n"
                              "\r\n--=_0000_132435465768798a9bacbdcedff0\r\n"
                              "Content-Type: text/html; charset=utf-8\r\n"
                              "Content-Transfer-Encoding: quoted-printable\r\n"
                              "\r\n"
                              "<p>H=C3=A4llo, here is some more text</p>\r\n"
                              "\r\n--=_0000_132435465768798a9bacbdcedff0--\r\n");
    free(bytes);
    tidymail_message_free(message);
}

static void the_boundary_is_in_no_part(void **state)
{
    (void)state;
    tidymail_message *message = small();
    tidymail_message_set_text(message, "--=_0000_132435465768798a9bacbdcedff0");
    tidymail_message_set_html(message, "=_0000_132435465768798a9bacbdcedff000000000");
    char *bytes = render(message);
    assert_non_null(strstr(bytes, " boundary=\"=_0000_132435465768798a9bacbdcedff000000001\"\r\n"));
    char *again = render(message);
    assert_string_equal(bytes, again);
    free(again);
    free(bytes);
    tidymail_message_free(message);
}

static void a_message_without_a_body(void **state)
{
    (void)state;
    tidymail_message *message = small();
    char *bytes = render(message);
    assert_string_equal(bytes + strlen(bytes) - 35, "Content-Transfer-Encoding: 7bit\r\n\r\n");
    free(bytes);
    tidymail_message_free(message);
}

static void own_fields_come_in_order(void **state)
{
    (void)state;
    tidymail_message *message = small();
    assert_int_equal(tidymail_message_add_header(message, "X-B", "  one  "), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_add_header(message, "X-A", "zw\xc3\xb6lf"), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_add_header(message, "References", "<a@b> <c@d>"),
                     TIDYMAIL_OK);
    assert_int_equal(tidymail_message_add_header(message, "in-reply-to", "<c@d>"), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_add_header(message, "Sender", "Bot <bot@example.com>"),
                     TIDYMAIL_OK);
    assert_int_equal(tidymail_message_add_header(message, "Date", "Thu, 1 Jan 1970 00:00:00 +0000"),
                     TIDYMAIL_OK);
    assert_int_equal(tidymail_message_add_header(message, "Message-Id", "<x@y>"), TIDYMAIL_OK);
    assert_int_equal(tidymail_message_add_header(message, "X-B", ""), TIDYMAIL_OK);
    char *bytes = render(message);
    const char *end = strstr(bytes, "MIME-Version");
    assert_non_null(end);
    bytes[end - bytes] = '\0';
    assert_string_equal(bytes, "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"
                               "From: Ann <ann@example.com>\r\n"
                               "Sender: Bot <bot@example.com>\r\n"
                               "To: bob@example.org\r\n"
                               "Message-ID: <x@y>\r\n"
                               "X-B: one\r\n"
                               "X-A: =?utf-8?B?enfDtmxm?=\r\n"
                               "References: <a@b> <c@d>\r\n"
                               "in-reply-to: <c@d>\r\n"
                               "X-B:\r\n");
    assert_string_equal(tdm_message_id(message), "<x@y>");
    assert_string_equal(tdm_message_envelope_from(message), "ann@example.com");
    free(bytes);
    tidymail_message_free(message);
}

static void bad_input_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *name; /* of a header, or what else is called */
        const char *value;
        const char *words;
    } cases[] = {
        {"X-A", "a\r\nBcc: x", "X-A: control character 0x0D at offset 1"},
        {"X-A", "a\nb", "X-A: control character 0x0A at offset 1"},
        {"X-A", "tab\t", "X-A: control character 0x09 at offset 3"},
        {"X-A", "\x7f", "X-A: control character 0x7F at offset 0"},
        {"X-A", "ok\xff", "X-A: invalid UTF-8 at offset 2"},
        {"X-A", NULL, "X-A: NULL was given"},
        {NULL, "x", "header name: NULL was given"},
        {"", "x", "header name: it is empty"},
        {"X A", "x", "header name: a character that a name cannot hold at offset 1"},
        {"X:", "x", "header name: a character that a name cannot hold at offset 1"},
        {"X\n", "x", "header name: a character that a name cannot hold at offset 1"},
        {"X\xc3\xa4", "x", "header name: a character that a name cannot hold at offset 1"},
        {"from", "x", "header from: not set this way, use tidymail_message_set_from"},
        {"BCC", "x", "header BCC: not set this way, use tidymail_message_add_bcc"},
        {"Content-Language", "x",
         "header Content-Language: not set this way, it follows from the body, use "
         "tidymail_message_set_text or _set_html"},
        {"Message-ID", "x@y", "Message-ID: not a message id <left@right> at offset 0"},
        {"Message-ID", "<x y@z>", "Message-ID: not a message id <left@right> at offset 2"},
        {"Message-ID", "<x@y", "Message-ID: not a message id <left@right> at offset 4"},
        {"Message-ID", "<@y>", "Message-ID: not a message id <left@right> at offset 3"},
        {"Message-ID", "<a@b> <c@d>",
         "Message-ID: nothing may stand behind the message id at offset 5"},
        {"References", "<a@b>,<c@d>", "References: a blank is expected here at offset 5"},
        {"References", "<a@b> x", "References: not a message id <left@right> at offset 6"},
        {"References", "", "References: not a message id <left@right> at offset 0"},
        {"Date", "today", "Date: not a date as in RFC 5322 at offset 0"},
        {"Sender", "a@b.c, d@e.f",
         "Sender: this is a list, call once for each address at offset 5"},
        {"To ", "Ann <x>\n", "header name: a character that a name cannot hold at offset 2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_message *message = tidymail_message_new();
        int kind = tidymail_message_add_header(message, cases[i].name, cases[i].value);
        assert_int_equal(kind, TIDYMAIL_KIND_MESSAGE);
        expect_error(message, TIDYMAIL_KIND_MESSAGE, cases[i].words);
        tidymail_message_free(message);
    }
}

static int add_some_header(tidymail_message *message, const char *value)
{
    return tidymail_message_add_header(message, "X-A", value);
}

/* Every setter refuses every control character, at its place, and NULL, by its own name. */
static void every_setter_refuses_control_characters(void **state)
{
    (void)state;
    static const struct {
        int (*set)(tidymail_message *message, const char *text);
        const char *field;
    } setters[] = {
        {tidymail_message_set_from, "From"},
        {tidymail_message_add_to, "To"},
        {tidymail_message_add_cc, "Cc"},
        {tidymail_message_add_bcc, "Bcc"},
        {tidymail_message_add_reply_to, "Reply-To"},
        {tidymail_message_set_subject, "Subject"},
        {tidymail_message_set_envelope_from, "envelope sender"},
        {tidymail_message_add_envelope_to, "envelope recipient"},
        {add_some_header, "X-A"},
    };
    for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++) {
        for (int c = 1; c <= 0x7f; c = c == 0x1f ? 0x7f : c + 1) {
            for (size_t at = 0; at <= 21; at += 7) {
                char text[] = "\"abcdefgh\" <a@b.cdefg>";
                char words[100] = "";
                char end[] = ": control character 0x00 at offset ";
                text[at] = (char)c;
                end[22] = "0123456789ABCDEF"[c >> 4];
                end[23] = "0123456789ABCDEF"[c & 15];
                strcat(strcat(words, setters[i].field), end);
                strcat(words, at == 0 ? "0" : at == 7 ? "7" : at == 14 ? "14" : "21");
                tidymail_message *message = tidymail_message_new();
                assert_int_equal(setters[i].set(message, text), TIDYMAIL_KIND_MESSAGE);
                expect_error(message, TIDYMAIL_KIND_MESSAGE, words);
                tidymail_message_free(message);
            }
        }
        tidymail_message *message = tidymail_message_new();
        char words[100] = "";
        assert_int_equal(setters[i].set(message, NULL), TIDYMAIL_KIND_MESSAGE);
        expect_error(message, TIDYMAIL_KIND_MESSAGE,
                     strcat(strcat(words, setters[i].field), ": NULL was given"));
        tidymail_message_free(message);
        assert_int_equal(setters[i].set(NULL, "a@b.c"), TIDYMAIL_KIND_LOCAL);
    }
}

static void bodies_are_checked(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    assert_int_equal(tidymail_message_set_text(message, "ab\xc3"), TIDYMAIL_KIND_MESSAGE);
    expect_error(message, TIDYMAIL_KIND_MESSAGE, "text: invalid UTF-8 at offset 2");
    tidymail_message_reset(message);
    assert_int_equal(tidymail_message_set_html(message, NULL), TIDYMAIL_KIND_MESSAGE);
    expect_error(message, TIDYMAIL_KIND_MESSAGE, "html: NULL was given");
    tidymail_message_free(message);
}

static void over_long_text_is_refused(void **state)
{
    (void)state;
    char *text = malloc(70000);
    assert_non_null(text);
    memset(text, 'x', 69999);
    text[69999] = '\0';
    tidymail_message *message = tidymail_message_new();
    assert_int_equal(tidymail_message_set_subject(message, text), TIDYMAIL_KIND_MESSAGE);
    expect_error(message, TIDYMAIL_KIND_MESSAGE, "Subject: longer than 65536 bytes");
    tidymail_message_reset(message);
    text[998] = '\0';
    assert_int_equal(tidymail_message_add_header(message, "X-A", text), TIDYMAIL_KIND_MESSAGE);
    expect_error(message, TIDYMAIL_KIND_MESSAGE,
                 "X-A: a word longer than 997 bytes cannot be folded");
    tidymail_message_reset(message);
    text[77] = '\0';
    assert_int_equal(tidymail_message_add_header(message, text, "x"), TIDYMAIL_KIND_MESSAGE);
    expect_error(message, TIDYMAIL_KIND_MESSAGE, "header name: longer than 76 bytes");
    tidymail_message_free(message);
    free(text);
}

static void the_first_error_sticks_until_reset(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    assert_null(tidymail_message_error(message));
    tidymail_message_set_subject(message, "a\nb");
    assert_int_equal(tidymail_message_set_from(message, "nonsense"), TIDYMAIL_KIND_MESSAGE);
    assert_int_equal(tidymail_message_add_to(message, "bob@example.org"), TIDYMAIL_KIND_MESSAGE);
    expect_error(message, TIDYMAIL_KIND_MESSAGE, "Subject: control character 0x0A at offset 1");
    struct tdm_writer_env world = env();
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_KIND_MESSAGE);
    tidymail_source source;
    assert_int_equal(tdm_message_open_source(message, &source), TIDYMAIL_KIND_MESSAGE);
    tidymail_message_reset(message);
    assert_null(tidymail_message_error(message));
    assert_int_equal(tidymail_message_set_from(message, "ann@example.com"), TIDYMAIL_OK);
    tidymail_message_free(message);
}

static void sender_and_recipient_are_needed(void **state)
{
    (void)state;
    struct tdm_writer_env world = env();
    tidymail_message *message = tidymail_message_new();
    tidymail_message_add_to(message, "bob@example.org");
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_KIND_MESSAGE);
    expect_error(message, TIDYMAIL_KIND_MESSAGE, "From: no sender is set");
    assert_string_not_equal(tidymail_error_hint(tidymail_message_error(message)), "");
    tidymail_message_reset(message);
    tidymail_message_set_from(message, "ann@example.com");
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_KIND_MESSAGE);
    expect_error(message, TIDYMAIL_KIND_MESSAGE, "To: no recipient is set");
    assert_int_equal(tdm_message_recipient_count(message), 0);
    tidymail_message_free(message);
}

static void recipients_in_order_without_duplicates(void **state)
{
    (void)state;
    tidymail_message *message = small();
    tidymail_message_add_bcc(message, "dan@m\xc3\xbcnchen.example");
    tidymail_message_add_cc(message, "Carl <carl@example.org>");
    tidymail_message_add_cc(message, "Bob Again <bob@example.org>");
    tidymail_message_add_to(message, "Bob@example.org"); /* local parts differ by case */
    char *bytes = render(message);
    static const char *const expected[] = {"bob@example.org", "Bob@example.org", "carl@example.org",
                                           "dan@xn--mnchen-3ya.example"};
    assert_int_equal(tdm_message_recipient_count(message), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(tdm_message_recipients(message)[i], expected[i]);
    }
    assert_null(strstr(bytes, "Bcc"));
    assert_null(strstr(bytes, "dan@"));
    free(bytes);
    tidymail_message_add_envelope_to(message, "only@example.net");
    tidymail_message_set_envelope_from(message, "");
    bytes = render(message);
    assert_int_equal(tdm_message_recipient_count(message), 1);
    assert_string_equal(tdm_message_recipients(message)[0], "only@example.net");
    assert_string_equal(tdm_message_envelope_from(message), "");
    assert_null(strstr(bytes, "only@"));
    free(bytes);
    tidymail_message_free(message);
}

static void many_recipients(void **state)
{
    (void)state;
    tidymail_message *message = small();
    for (int i = 0; i < 4000; i++) {
        char address[] = "r0000@example.org";
        address[1] = (char)('0' + i / 1000);
        address[2] = (char)('0' + i / 100 % 10);
        address[3] = (char)('0' + i / 10 % 10);
        address[4] = (char)('0' + i % 10 / 2 * 2); /* each twice */
        assert_int_equal(tidymail_message_add_bcc(message, address), TIDYMAIL_OK);
    }
    free(render(message));
    assert_int_equal(tdm_message_recipient_count(message), 2001);
    tidymail_message_free(message);
}

static void blind_recipients_alone_get_an_empty_group(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "ann@example.com");
    tidymail_message_add_bcc(message, "bob@example.org");
    char *bytes = render(message);
    assert_non_null(strstr(bytes, "\r\nTo: undisclosed-recipients:;\r\n"));
    free(bytes);
    tidymail_message_free(message);
}

static void utf8_local_parts_need_smtputf8(void **state)
{
    (void)state;
    tidymail_message *message = small();
    tidymail_message_add_to(message, "j\xc3\xb6rg@example.org");
    free(render(message));
    assert_int_equal(tdm_message_needs_utf8(message), 1);
    assert_int_equal(tdm_message_is_8bit(message), 1);
    tidymail_message_reset(message);
    tidymail_message_set_from(message, "ann@example.com");
    tidymail_message_add_bcc(message, "j\xc3\xb6rg@example.org");
    free(render(message));
    assert_int_equal(tdm_message_needs_utf8(message), 1);
    assert_int_equal(tdm_message_is_8bit(message), 0); /* it is in the envelope only */
    tidymail_message_free(message);
}

/* Once opened, a stream lives on its own; date, id and boundary stay over changes. */
static void streams_outlive_changes(void **state)
{
    (void)state;
    struct tdm_writer_env world = env();
    tidymail_message *message = small();
    tidymail_message_set_text(message, "first");
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
    tidymail_source source;
    assert_int_equal(tdm_message_open_source(message, &source), TIDYMAIL_OK);
    char id[100];
    strcpy(id, tdm_message_id(message));
    tidymail_message_set_text(message, "second");
    assert_int_equal(tdm_message_open_source(message, &(tidymail_source){0}) == TIDYMAIL_OK, 0);
    tidymail_message_reset(message);
    tidymail_message_free(message);
    size_t length;
    char *bytes = read_source(&source, 10, &length);
    assert_non_null(strstr(bytes, "\r\n\r\nfirst\r\n"));
    assert_non_null(strstr(bytes, id));
    free(bytes);
    source.release(source.context);
}

static void identity_stays_until_reset(void **state)
{
    (void)state;
    tidymail_message *message = small();
    struct tdm_writer_env world = env();
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
    char id[100];
    strcpy(id, tdm_message_id(message));
    world.wall_s += 1000;
    memset(world.random, 7, sizeof(world.random));
    tidymail_message_set_subject(message, "changed");
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
    assert_string_equal(tdm_message_id(message), id);
    char *bytes = render(message);
    assert_non_null(strstr(bytes, "Date: Tue, 24 Nov 2026 14:25:20 +0000\r\n"));
    free(bytes);
    tidymail_message_reset(message);
    tidymail_message_set_from(message, "ann@example.com");
    tidymail_message_add_to(message, "bob@example.org");
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
    assert_string_not_equal(tdm_message_id(message), id);
    tidymail_message_free(message);
}

static void references_are_counted(void **state)
{
    (void)state;
    tidymail_message *message = small();
    assert_ptr_equal(tidymail_message_ref(message), message);
    tidymail_message_free(message);
    assert_int_equal(tidymail_message_set_subject(message, "still there"), TIDYMAIL_OK);
    tidymail_message_free(message);
    assert_null(tidymail_message_ref(NULL));
    tidymail_message_free(NULL);
    tidymail_message_reset(NULL);
    assert_null(tidymail_message_error(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_message),
        cmocka_unit_test(text_and_html),
        cmocka_unit_test(the_boundary_is_in_no_part),
        cmocka_unit_test(a_message_without_a_body),
        cmocka_unit_test(own_fields_come_in_order),
        cmocka_unit_test(bad_input_is_named),
        cmocka_unit_test(every_setter_refuses_control_characters),
        cmocka_unit_test(bodies_are_checked),
        cmocka_unit_test(over_long_text_is_refused),
        cmocka_unit_test(the_first_error_sticks_until_reset),
        cmocka_unit_test(sender_and_recipient_are_needed),
        cmocka_unit_test(recipients_in_order_without_duplicates),
        cmocka_unit_test(many_recipients),
        cmocka_unit_test(blind_recipients_alone_get_an_empty_group),
        cmocka_unit_test(utf8_local_parts_need_smtputf8),
        cmocka_unit_test(streams_outlive_changes),
        cmocka_unit_test(identity_stays_until_reset),
        cmocka_unit_test(references_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
