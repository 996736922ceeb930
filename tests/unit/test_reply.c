/* test_reply.c: the reply parser and the EHLO reader: one answer for every cut of the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "smtp/smtp_caps.h"
#include "smtp/smtp_reply.h"

struct reply_case {
    const char *bytes;
    enum tdm_reply_status status;
    int code;
    const char *enhanced;
    const char *words;
};

static const struct reply_case cases[] = {
    {"250 ok\r\n", TDM_REPLY_DONE, 250, "", "ok"},
    {"250\r\n", TDM_REPLY_DONE, 250, "", ""},
    {"250 \r\n", TDM_REPLY_DONE, 250, "", ""},
    {"250 ok\n", TDM_REPLY_DONE, 250, "", "ok"},
    {"\r\n\r\n250 ok\r\n", TDM_REPLY_DONE, 250, "", "ok"},
    {"250-a\r\n250-b\r\n250 c\r\n", TDM_REPLY_DONE, 250, "", "a\nb\nc"},
    {"250-a\r\n250\r\n", TDM_REPLY_DONE, 250, "", "a\n"},
    {"250-a\r\n550 5.7.1 no\r\n", TDM_REPLY_DONE, 550, "5.7.1", "a\nno"},
    {"535 5.7.8 no\r\n", TDM_REPLY_DONE, 535, "5.7.8", "no"},
    {"535-5.7.8 one\r\n535 5.7.8 two\r\n", TDM_REPLY_DONE, 535, "5.7.8", "one\ntwo"},
    {"535 5.7.8\r\n", TDM_REPLY_DONE, 535, "5.7.8", ""},
    {"451 5.7.1 held\r\n", TDM_REPLY_DONE, 451, "", "5.7.1 held"},
    {"500 #5.5.1 what\r\n", TDM_REPLY_DONE, 500, "", "#5.5.1 what"},
    {"502 5.5.1, what\r\n", TDM_REPLY_DONE, 502, "", "5.5.1, what"},
    {"550 5.01.1 x\r\n", TDM_REPLY_DONE, 550, "", "5.01.1 x"},
    {"550 5.1234.1 x\r\n", TDM_REPLY_DONE, 550, "", "5.1234.1 x"},
    {"852 odd\r\n", TDM_REPLY_DONE, 852, "", "odd"},
    {"250 a\x1b[2Jb\xff\r\n", TDM_REPLY_DONE, 250, "", "a\\x1B[2Jb\\xFF"},
    {"250 caf\xc3\xa9\r\n", TDM_REPLY_DONE, 250, "", "caf\xc3\xa9"},
    {"250 a\rb\r\n", TDM_REPLY_DONE, 250, "", "a\\x0Db"},
    {"2506-me\r\n", TDM_REPLY_GARBAGE, 0, NULL, NULL},
    {"25 ok\r\n", TDM_REPLY_GARBAGE, 0, NULL, NULL},
    {"hello\r\n", TDM_REPLY_GARBAGE, 0, NULL, NULL},
    {"250-a\r\n\r\n250 b\r\n", TDM_REPLY_DONE, 250, "", "a\nb"},
    {"250_ok\r\n", TDM_REPLY_GARBAGE, 0, NULL, NULL},
    {"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", TDM_REPLY_GARBAGE, 0, NULL, NULL},
    {"\x15\x03\x01", TDM_REPLY_GARBAGE, 0, NULL, NULL},
    {"220 mx\r", TDM_REPLY_MORE, 0, NULL, NULL},
    {"220 mx", TDM_REPLY_MORE, 0, NULL, NULL},
};

static void check(const struct reply_case *c, struct tdm_reply_parser *parser,
                  enum tdm_reply_status status)
{
    assert_int_equal(status, c->status);
    if (status != TDM_REPLY_DONE) {
        return;
    }
    char enhanced[TDM_ENHANCED_MAX];
    struct tdm_buf words;
    tdm_buf_init(&words, NULL, 4096);
    tdm_reply_enhanced(&parser->reply, enhanced);
    tdm_reply_words(&parser->reply, &words);
    assert_int_equal(parser->reply.code, c->code);
    assert_string_equal(enhanced, c->enhanced);
    assert_string_equal(tdm_buf_text(&words), c->words);
    tdm_buf_clear(&words);
}

static void reads_every_case_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].bytes);
        for (size_t cut = 0; cut <= length; cut++) {
            struct tdm_reply_parser parser;
            tdm_reply_parser_init(&parser, NULL, 512, 1024);
            size_t used = 0;
            enum tdm_reply_status status =
                tdm_reply_parser_feed(&parser, cases[i].bytes, cut, &used);
            if (status == TDM_REPLY_MORE) {
                status = tdm_reply_parser_feed(&parser, cases[i].bytes + cut, length - cut, &used);
            }
            check(&cases[i], &parser, status);
            tdm_reply_parser_clear(&parser);
        }
    }
}

static void takes_replies_one_by_one(void **state)
{
    (void)state;
    static const char bytes[] = "250 a\r\n354 b\r\n";
    struct tdm_reply_parser parser;
    tdm_reply_parser_init(&parser, NULL, 512, 1024);
    size_t used;
    assert_int_equal(tdm_reply_parser_feed(&parser, bytes, sizeof(bytes) - 1, &used),
                     TDM_REPLY_DONE);
    assert_int_equal(used, 7);
    tdm_reply_parser_next(&parser);
    assert_int_equal(tdm_reply_parser_feed(&parser, bytes + used, sizeof(bytes) - 1 - used, &used),
                     TDM_REPLY_DONE);
    assert_int_equal(parser.reply.code, 354);
    tdm_reply_parser_clear(&parser);
}

static void an_endless_line_or_reply_is_cut_off(void **state)
{
    (void)state;
    static const char *const pieces[] = {"aaaaaaaaaaaaaaaa", "250-aaaaaaaaaa\r\n"};
    for (size_t i = 0; i < 2; i++) {
        struct tdm_reply_parser parser;
        tdm_reply_parser_init(&parser, NULL, 512, 2048);
        enum tdm_reply_status status = TDM_REPLY_MORE;
        size_t fed = 0;
        while (status == TDM_REPLY_MORE && fed < 10000) {
            size_t used;
            status = tdm_reply_parser_feed(&parser, pieces[i], 16, &used);
            fed += used;
        }
        assert_int_equal(status, TDM_REPLY_TOO_LONG);
        assert_true(fed <= 2064);
        tdm_reply_parser_clear(&parser);
    }
}

static void names_other_protocols(void **state)
{
    (void)state;
    assert_string_equal(tdm_reply_recognise("HTTP/1.1 400", 12), "an HTTP server");
    assert_string_equal(tdm_reply_recognise("+OK ready", 9), "a POP3 server");
    assert_string_equal(tdm_reply_recognise("* OK ready", 10), "an IMAP server");
    assert_string_equal(tdm_reply_recognise("SSH-2.0-x", 9), "an SSH server");
    assert_string_equal(tdm_reply_recognise("\x15\x03\x01", 3), "TLS");
    assert_null(tdm_reply_recognise("220 mx", 6));
}

static void read_caps(struct tdm_smtp_caps *caps, const char *text)
{
    struct tdm_reply_parser parser;
    tdm_reply_parser_init(&parser, NULL, 512, 4096);
    size_t used;
    assert_int_equal(tdm_reply_parser_feed(&parser, text, strlen(text), &used), TDM_REPLY_DONE);
    tdm_smtp_caps_init(caps, NULL);
    assert_int_equal(tdm_smtp_caps_read(caps, &parser.reply), 0);
    tdm_reply_parser_clear(&parser);
}

static void reads_what_ehlo_offers(void **state)
{
    (void)state;
    struct tdm_smtp_caps caps;
    read_caps(&caps, "250-starttls.example greets you\r\n250-size 1000\r\n250-auth plain Login\r\n"
                     "250-AUTH=LOGIN CRAM-MD5\r\n250-PIPELINING\r\n250 smtputf8\r\n");
    assert_false(caps.starttls); /* the first line is the server's name */
    assert_true(caps.pipelining && caps.smtputf8 && caps.eight_bit && caps.size);
    assert_int_equal(caps.max_size, 1000);
    assert_string_equal(tdm_buf_text(&caps.mechanisms), "PLAIN LOGIN CRAM-MD5");
    assert_true(tdm_smtp_caps_offers(&caps, "login"));
    assert_false(tdm_smtp_caps_offers(&caps, "LOG"));
    tdm_smtp_caps_clear(&caps);

    read_caps(&caps, "250-mx\r\n250-SIZE 99999999999999999999999\r\n250-XXXXXXXA\r\n250 Ok\r\n");
    assert_true(caps.masked && caps.size);
    assert_int_equal(caps.max_size, 0);
    assert_false(caps.auth);
    tdm_smtp_caps_clear(&caps);

    read_caps(&caps, "250-mx\r\n250-SIZE abc\r\n250-XTND\r\n250 AUTH\r\n");
    assert_int_equal(caps.max_size, 0);
    assert_true(caps.auth);
    assert_false(caps.masked);
    tdm_smtp_caps_clear(&caps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_case_at_every_cut),
        cmocka_unit_test(takes_replies_one_by_one),
        cmocka_unit_test(an_endless_line_or_reply_is_cut_off),
        cmocka_unit_test(names_other_protocols),
        cmocka_unit_test(reads_what_ehlo_offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
