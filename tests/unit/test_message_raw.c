/* test_message_raw.c: ready-made messages: what is taken out, what the envelope becomes, and that
 * nothing else changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message/crlf.h"
#include "message/message_data.h"
#include "read_source.h"

static const struct tdm_writer_env world = {1795530320, {1, 2, 3}, NULL};

static tidymail_message *raw(const char *bytes)
{
    tidymail_message *message = tidymail_message_new();
    assert_non_null(message);
    assert_int_equal(tidymail_message_set_raw(message, bytes, strlen(bytes)), TIDYMAIL_OK);
    return message;
}

static void expect_bytes(const char *bytes, const char *expected)
{
    tidymail_message *message = raw(bytes);
    tidymail_message_set_envelope_from(message, "a@b.c");
    tidymail_message_add_envelope_to(message, "d@e.f");
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
    for (size_t piece = 1; piece < 9000; piece = piece * 3 + 1) {
        tidymail_source source;
        assert_int_equal(tdm_message_open_source(message, &source), TIDYMAIL_OK);
        size_t length;
        char *got = read_source(&source, piece, &length);
        assert_non_null(got);
        assert_string_equal(got, expected);
        assert_int_equal(source.size(source.context), length);
        free(got);
        source.release(source.context);
    }
    tidymail_message_free(message);
}

static void line_ends_become_crlf(void **state)
{
    (void)state;
    expect_bytes("A: b\n\nx\ry\r\nz\n\r\r\n", "A: b\r\n\r\nx\r\ny\r\nz\r\n\r\n\r\n");
    expect_bytes("A: b\r\rbody", "A: b\r\n\r\nbody\r\n");
    expect_bytes("A: b\r\n\r\nbody\r\n", "A: b\r\n\r\nbody\r\n");
    expect_bytes("A: b", "A: b\r\n");
    expect_bytes("\nbody", "\r\nbody\r\n");
}

static void all_else_is_kept(void **state)
{
    (void)state;
    expect_bytes(
        "From x@y Mon\nX:  odd \t\n\tfolded\nno field\n : x\n\n.\n..\nBcc: text\n\xff\xfe\n",
        "From x@y Mon\r\nX:  odd \t\r\n\tfolded\r\nno field\r\n : x\r\n\r\n.\r\n..\r\n"
        "Bcc: text\r\n\xff\xfe\r\n");
}

static void blind_fields_are_taken_out(void **state)
{
    (void)state;
    expect_bytes("Bcc: x@y.z\nTo: a@b.c\n\nhi\n", "To: a@b.c\r\n\r\nhi\r\n");
    expect_bytes("To: a@b.c\r\nbCC : x@y.z,\r\n\tz@y.z\r\n  (more)\r\nSubject: s\r\n\r\nhi",
                 "To: a@b.c\r\nSubject: s\r\n\r\nhi\r\n");
    expect_bytes("A: b\rResent-Bcc: x@y.z\r x\rBcc:\rC: d\r\rhi", "A: b\r\nC: d\r\n\r\nhi\r\n");
    expect_bytes("A: b\nBcc: x@y.z", "A: b\r\n");
    expect_bytes("Bcc: x@y.z\n\nhi", "\r\nhi\r\n");
    expect_bytes("X-Bcc: kept\nBcc-X: kept\n\n", "X-Bcc: kept\r\nBcc-X: kept\r\n\r\n");
}

static void expect_envelope(const char *bytes, const char *from, const char *recipients)
{
    char joined[500] = "";
    tidymail_message *message = raw(bytes);
    if (tdm_message_prepare(message, &world) != TIDYMAIL_OK) {
        fail_msg("%s", tidymail_error_message(tidymail_message_error(message)));
    }
    assert_string_equal(tdm_message_envelope_from(message), from);
    for (size_t i = 0; i < tdm_message_recipient_count(message); i++) {
        strcat(strcat(joined, i > 0 ? " " : ""), tdm_message_recipients(message)[i]);
    }
    assert_string_equal(joined, recipients);
    tidymail_message_free(message);
}

static void the_envelope_is_read_from_the_header(void **state)
{
    (void)state;
    expect_envelope("From: a@b.c\nTo: d@e.f\n\n", "a@b.c", "d@e.f");
    expect_envelope("from: =?utf-8?Q?J=C3=B6rg,_x?= (work) <a@b.c>\r\nTO: g: d@e.f,\r\n \"G, h\" "
                    "<g@h.i>;, j@k.l\r\ncc: m@n.o\r\nbcc: p@q.r, d@e.f\r\n\r\nTo: not@this.one",
                    "a@b.c", "d@e.f g@h.i j@k.l m@n.o p@q.r");
    expect_envelope("From: a@b.c, x@y.z\nSender: s@t.u\nTo: d@e.f\nTo: g@h.i\n\n", "s@t.u",
                    "d@e.f g@h.i");
    expect_envelope("From: a@b.c, x@y.z\nTo: d@e.f\n\n", "a@b.c", "d@e.f");
    expect_envelope("From: a@b.c\nSender: s@t.u\nBcc: d@e.f\n\n", "a@b.c", "d@e.f");
    expect_envelope("From: a@b.c\nTo: undisclosed-recipients:;\nCc: x@m\xc3\xbcnchen.example\n\n",
                    "a@b.c", "x@xn--mnchen-3ya.example");
    expect_envelope("From: a@b.c\rTo:\r d@e.f\r\r", "a@b.c", "d@e.f");
}

static void expect_refused(const char *bytes, const char *words)
{
    tidymail_message *message = raw(bytes);
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_KIND_MESSAGE);
    assert_string_equal(tidymail_error_message(tidymail_message_error(message)), words);
    tidymail_message_free(message);
}

static void an_envelope_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    expect_refused("To: d@e.f\n\n", "From: the ready-made message names no sender");
    expect_refused("From: a@b.c\n\n", "To: no recipient is set");
    expect_refused("From: a@b.c\nTo: \n\n", "To: no recipient is set");
    expect_refused("From: nobody\nTo: d@e.f\n\n", "From: @ and a domain are missing at offset 7");
    expect_refused("From: a@b.c\nCc: d@e..f\n\n", "Cc: two dots in a row at offset 5");
}

static void a_given_envelope_needs_no_header(void **state)
{
    (void)state;
    tidymail_message *message = raw("Subject: s\nTo: not an address\n\n");
    tidymail_message_set_envelope_from(message, "<>");
    tidymail_message_add_envelope_to(message, "Dan <d@e.f>");
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
    assert_string_equal(tdm_message_envelope_from(message), "");
    assert_string_equal(tdm_message_recipients(message)[0], "d@e.f");
    assert_string_equal(tdm_message_id(message), "");
    tidymail_message_free(message);
}

static void what_cannot_stand_beside_it(void **state)
{
    (void)state;
    tidymail_message *message = raw("From: a@b.c\nTo: d@e.f\n\n");
    tidymail_message_add_cc(message, "x@y.z");
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_KIND_MESSAGE);
    assert_string_equal(tidymail_error_message(tidymail_message_error(message)),
                        "Cc: cannot be set beside a ready-made message");
    tidymail_message_free(message);
}

static void bytes_over_127_are_announced(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int is_8bit;
        int needs_utf8;
    } cases[] = {
        {"From: a@b.c\nTo: d@e.f\n\nplain", 0, 0},
        {"From: a@b.c\nTo: d@e.f\n\n\xc3\xa4", 1, 0},
        {"From: a@b.c\nTo: d@e.f\nSubject: \xc3\xa4\n\n", 1, 1},
        {"From: a@b.c\nTo: d@e.f\nSubject: \xe4\n\n", 1, 0}, /* not UTF-8 */
        {"From: a@b.c\nTo: d@e.f\nBcc: \xc3\xa4@b.c\n\n", 0, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tidymail_message *message = raw(cases[i].bytes);
        assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
        assert_int_equal(tdm_message_is_8bit(message), cases[i].is_8bit);
        assert_int_equal(tdm_message_needs_utf8(message), cases[i].needs_utf8);
        tidymail_message_free(message);
    }
}

static void the_message_id_is_its_own(void **state)
{
    (void)state;
    tidymail_message *message = raw("From: a@b.c\nMessage-Id:\n <x@y> \nTo: d@e.f\n\n");
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
    assert_string_equal(tdm_message_id(message), "<x@y>");
    tidymail_message_free(message);
}

static void bad_bytes_are_refused(void **state)
{
    (void)state;
    tidymail_message *message = tidymail_message_new();
    assert_int_equal(tidymail_message_set_raw(message, "A: b\n\nx\0y", 9), TIDYMAIL_KIND_MESSAGE);
    assert_string_equal(tidymail_error_message(tidymail_message_error(message)),
                        "ready-made message: control character 0x00 at offset 7");
    tidymail_message_reset(message);
    assert_int_equal(tidymail_message_set_raw(message, NULL, 3), TIDYMAIL_KIND_MESSAGE);
    tidymail_message_reset(message);
    assert_int_equal(tidymail_message_set_raw(message, "", 0), TIDYMAIL_KIND_MESSAGE);
    assert_string_equal(tidymail_error_message(tidymail_message_error(message)),
                        "ready-made message: it is empty");
    tidymail_message_free(message);
    assert_int_equal(tidymail_message_set_raw(NULL, "x", 1), TIDYMAIL_KIND_LOCAL);
}

static void the_last_one_counts(void **state)
{
    (void)state;
    tidymail_message *message = raw("From: a@b.c\nTo: d@e.f\nCc: x@y.z\n\n");
    const char *second = "From: k@l.m\nTo: n@o.p\n\n";
    assert_int_equal(tidymail_message_set_raw(message, second, strlen(second)), TIDYMAIL_OK);
    assert_int_equal(tdm_message_prepare(message, &world), TIDYMAIL_OK);
    assert_string_equal(tdm_message_envelope_from(message), "k@l.m");
    assert_int_equal(tdm_message_recipient_count(message), 1);
    tidymail_message_free(message);
}

/* Line ends at every split of the input. */
static void crlf_at_every_split(void **state)
{
    (void)state;
    static const char in[] = "a\rb\nc\r\nd\r\r\n\n\re\n\r";
    static const char expected[] = "a\r\nb\r\nc\r\nd\r\n\r\n\r\n\r\ne\r\n\r\n";
    size_t length = sizeof(in) - 1;
    for (size_t first = 0; first <= length; first++) {
        for (size_t second = first; second <= length; second++) {
            struct tdm_crlf crlf = {0};
            char out[100];
            size_t written = tdm_crlf_convert(&crlf, in, first, out);
            written += tdm_crlf_convert(&crlf, in + first, second - first, out + written);
            written += tdm_crlf_convert(&crlf, in + second, length - second, out + written);
            assert_int_equal(written, sizeof(expected) - 1);
            assert_memory_equal(out, expected, written);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_ends_become_crlf),
        cmocka_unit_test(all_else_is_kept),
        cmocka_unit_test(blind_fields_are_taken_out),
        cmocka_unit_test(the_envelope_is_read_from_the_header),
        cmocka_unit_test(an_envelope_that_cannot_be_read_is_named),
        cmocka_unit_test(a_given_envelope_needs_no_header),
        cmocka_unit_test(what_cannot_stand_beside_it),
        cmocka_unit_test(bytes_over_127_are_announced),
        cmocka_unit_test(the_message_id_is_its_own),
        cmocka_unit_test(bad_bytes_are_refused),
        cmocka_unit_test(the_last_one_counts),
        cmocka_unit_test(crlf_at_every_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
