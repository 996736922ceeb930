/* test_scenario_server.c: the server's side of a scenario, step by step and with a clock of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devserver/scenario_server.h"

struct fixture {
    struct tdm_scenario scenario;
    struct tdm_scenario_server server;
    int64_t now;
    struct tdm_buf said;
};

static void fixture_open(struct fixture *f, const char *text)
{
    struct tdm_buf error;
    tdm_buf_init(&error, NULL, 10000);
    f->now = 1000;
    tdm_buf_init(&f->said, NULL, 1 << 20);
    if (tdm_scenario_parse(&f->scenario, text, strlen(text), &error) != 0) {
        fail_msg("%s", tdm_buf_text(&error));
    }
    tdm_buf_clear(&error);
    tdm_scenario_server_init(&f->server, &f->scenario, f->now);
}

static void fixture_close(struct fixture *f)
{
    tdm_scenario_server_clear(&f->server);
    tdm_scenario_clear(&f->scenario);
    tdm_buf_clear(&f->said);
}

/* Takes all the server says now; it must be `text`. */
static void says(struct fixture *f, const char *text)
{
    const char *bytes;
    size_t length;
    tdm_buf_reset(&f->said);
    while (tdm_scenario_server_output(&f->server, &bytes, &length)) {
        tdm_buf_add(&f->said, bytes, length);
        tdm_scenario_server_consume(&f->server, length, f->now);
    }
    assert_string_equal(tdm_buf_text(&f->said), text);
}

static void hears(struct fixture *f, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        tdm_scenario_server_feed(&f->server, text + i, 1, f->now);
    }
}

static void at(struct fixture *f, int64_t now)
{
    f->now = now;
    tdm_scenario_server_tick(&f->server, now);
}

static void deviates(struct fixture *f, const char *text)
{
    assert_string_equal(tdm_buf_text(&f->server.deviation), text);
    if (text[0] != '\0') {
        assert_int_equal(tdm_scenario_server_action(&f->server), TDM_SCENARIO_CLOSE);
    }
}

static void test_a_conversation_as_written(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "S: 220 hi\nC: EHLO *\nS: 250-a\nS: 250 b\nC: DATA\nS: 354 go\nC: <message>\n"
                     "S: 250 ok\nC: QUIT\nS: 221 bye\n@close\n");
    says(&f, "220 hi\r\n");
    hears(&f, "EHLO me\r\n");
    says(&f, "250-a\r\n250 b\r\n");
    hears(&f, "data\r\n");
    says(&f, "354 go\r\n");
    hears(&f, "Subject: x\r\n\r\n..\r\n\n.\n\r\n");
    says(&f, "");
    hears(&f, ".\r\n");
    says(&f, "250 ok\r\n");
    assert_string_equal(tdm_buf_text(&f.server.message), "Subject: x\r\n\r\n.\r\n\n.\n\r\n");
    assert_int_equal(f.server.message_count, 1);
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_NONE);
    hears(&f, "QUIT\r\n");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_NONE); /* 221 first */
    says(&f, "221 bye\r\n");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_CLOSE);
    deviates(&f, "");
    fixture_close(&f);
}

static void test_pipelined_lines_wait_for_their_turn(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "S: 220 hi\nC: MAIL *\nS: 250 m\nC: RCPT *\nS: 250 r\nC: DATA\nS: 354 go\n");
    hears(&f, "MAIL a\r\nRCPT b\r\nDATA\r\n");
    says(&f, "220 hi\r\n250 m\r\n250 r\r\n354 go\r\n");
    deviates(&f, "");
    fixture_close(&f);
}

static void test_deviations_say_what_was_expected(void **state)
{
    static const struct {
        const char *script;
        const char *heard;
        const char *deviation;
    } cases[] = {
        {"C: EHLO *\n", "HELO me\r\n", "line 1: expected C: EHLO *, got HELO me"},
        {"\nC: EHLO *\n", "EHLO me\n",
         "line 2: expected C: EHLO *, got a line that ends in LF alone: EHLO me"},
        {"C: AUTH PLAIN *\n", "AUTH LOGIN c2VzYW1l\r\n",
         "line 1: expected C: AUTH PLAIN <hidden>, got AUTH LOGIN <hidden>"},
        {"C: AUTH PLAIN *\nC: QUIT\n", "AUTH PLAIN x\r\nc2VzYW1l\r\n",
         "line 2: expected C: QUIT, got <hidden>"},
        {"C: <message>\n", "MAIL FROM:<\x01>\r\n",
         "line 1: expected C: <message>, got MAIL FROM:<\\x01>"},
        {"@tls\nC: x\n", "x", "line 1: expected a TLS handshake, got plain bytes: x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        fixture_open(&f, cases[i].script);
        hears(&f, cases[i].heard);
        deviates(&f, cases[i].deviation);
        hears(&f, "what comes later is no second deviation\r\n");
        deviates(&f, cases[i].deviation);
        fixture_close(&f);
    }
}

static void test_a_line_without_an_end(void **state)
{
    struct fixture f;
    char bytes[1000];
    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    fixture_open(&f, "C: EHLO *\n");
    for (int i = 0; i < 65; i++) {
        tdm_scenario_server_feed(&f.server, bytes, sizeof(bytes), f.now);
        assert_string_equal(tdm_buf_text(&f.server.deviation), "");
    }
    tdm_scenario_server_feed(&f.server, bytes, sizeof(bytes), f.now);
    assert_non_null(strstr(tdm_buf_text(&f.server.deviation), "got a line without an end: xxx"));
    assert_true(f.server.deviation.length < 500);
    fixture_close(&f);
}

static void test_the_client_closes_early(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "S: 220 hi\n@wait 1s\nC: EHLO *\n");
    says(&f, "220 hi\r\n");
    tdm_scenario_server_end_of_file(&f.server, f.now);
    deviates(&f, "line 3: expected C: EHLO *, got the end of the connection");
    fixture_close(&f);
    fixture_open(&f, "S: 220 hi\n");
    tdm_scenario_server_end_of_file(&f.server, f.now);
    deviates(&f, "");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_CLOSE);
    fixture_close(&f);
}

static void test_optional_lines(void **state)
{
    struct fixture f;
    const char *script = "@optional\nC: QUIT\nS: 221 bye\n@close\n";
    (void)state;
    fixture_open(&f, script);
    hears(&f, "QUIT\r\n");
    says(&f, "221 bye\r\n");
    deviates(&f, "");
    fixture_close(&f);
    fixture_open(&f, script);
    hears(&f, "RSET\r\n");
    says(&f, "");
    deviates(&f, "");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_CLOSE);
    fixture_close(&f);
    fixture_open(&f, script);
    tdm_scenario_server_end_of_file(&f.server, f.now);
    says(&f, "");
    deviates(&f, "");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_CLOSE);
    fixture_close(&f);
    fixture_open(&f, "@optional\nC: <message>\nS: 250 ok\n");
    hears(&f, "QUIT\r\n");
    says(&f, "");
    deviates(&f, "");
    fixture_close(&f);
}

static void test_waiting_takes_its_time(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "S: a\n@wait 31s\nS: b\n");
    says(&f, "a\r\n");
    assert_int_equal(tdm_scenario_server_deadline(&f.server), 32000);
    hears(&f, "QUIT\r\n");
    at(&f, 31999);
    says(&f, "");
    at(&f, 32000);
    says(&f, "b\r\n");
    fixture_close(&f);
}

static void test_a_waiting_server_reads_only_so_much(void **state)
{
    struct fixture f;
    char bytes[4096];
    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    fixture_open(&f, "@wait 1s\nC: *\n");
    for (int i = 0; i < 16; i++) {
        assert_true(tdm_scenario_server_reads(&f.server));
        tdm_scenario_server_feed(&f.server, bytes, sizeof(bytes), f.now);
    }
    assert_false(tdm_scenario_server_reads(&f.server));
    at(&f, 2000);
    assert_true(tdm_scenario_server_reads(&f.server));
    fixture_close(&f);
}

static void test_bytewise_with_pauses(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "@bytewise 1s\nS: ab\n@raw Yw==\nC: x\n");
    assert_true(tdm_scenario_server_bytewise(&f.server));
    says(&f, "a");
    at(&f, 1999);
    says(&f, "");
    at(&f, 2000);
    says(&f, "b");
    at(&f, 3000);
    says(&f, "\r");
    at(&f, 4000);
    says(&f, "\n");
    at(&f, 5000);
    says(&f, "c");
    assert_int_equal(tdm_scenario_server_deadline(&f.server), -1);
    assert_false(tdm_scenario_server_bytewise(&f.server));
    fixture_close(&f);
}

static void test_bytewise_gives_single_bytes(void **state)
{
    struct fixture f;
    const char *bytes;
    size_t length;
    (void)state;
    fixture_open(&f, "@bytewise\nS: ab\n");
    assert_true(tdm_scenario_server_output(&f.server, &bytes, &length));
    assert_int_equal(length, 1);
    says(&f, "ab\r\n");
    fixture_close(&f);
}

static void test_repeat(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "@repeat 3\nS: 250-a\nS: 250 b\n");
    says(&f, "250-a\r\n250-a\r\n250-a\r\n250 b\r\n");
    fixture_close(&f);
}

static void test_silence_and_reset(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "S: a\n@silence\n");
    says(&f, "a\r\n");
    hears(&f, "EHLO me\r\nanything at all");
    says(&f, "");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_NONE);
    assert_int_equal(tdm_scenario_server_deadline(&f.server), -1);
    tdm_scenario_server_end_of_file(&f.server, f.now);
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_CLOSE);
    deviates(&f, "");
    fixture_close(&f);
    fixture_open(&f, "S: a\n@reset\n");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_NONE);
    says(&f, "a\r\n");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_RESET);
    fixture_close(&f);
}

static void test_handshakes(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "S: 220 go\n@tls\nC: EHLO *\n");
    says(&f, "220 go\r\n");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_TLS);
    tdm_scenario_server_tls_done(&f.server, NULL, f.now);
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_NONE);
    hears(&f, "EHLO me\r\n");
    deviates(&f, "");
    fixture_close(&f);
    fixture_open(&f, "@tls\nC: EHLO *\n");
    tdm_scenario_server_tls_done(&f.server, "an alert", f.now);
    deviates(&f, "line 1: expected a TLS handshake, got an alert");
    fixture_close(&f);
    fixture_open(&f, "@tls wrong-host\nC: EHLO *\n"); /* turning it down is right */
    assert_int_equal(tdm_scenario_server_certificate(&f.server), TDM_CERTIFICATE_WRONG_HOST);
    tdm_scenario_server_tls_done(&f.server, "an alert", f.now);
    deviates(&f, "");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_CLOSE);
    fixture_close(&f);
}

static void test_the_end_of_the_script(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "S: a\n");
    says(&f, "a\r\n");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_NONE);
    assert_int_equal(tdm_scenario_server_deadline(&f.server), 3000);
    hears(&f, "QUIT");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_NONE);
    hears(&f, "\r\n");
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_CLOSE);
    deviates(&f, "");
    fixture_close(&f);
    fixture_open(&f, "S: a\n");
    says(&f, "a\r\n");
    at(&f, 3000);
    assert_int_equal(tdm_scenario_server_action(&f.server), TDM_SCENARIO_CLOSE);
    fixture_close(&f);
}

static void test_a_message_in_chunks(void **state)
{
    struct fixture f;
    (void)state;
    fixture_open(&f, "C: <message>\nS: 250 ok\nC: QUIT\n");
    hears(&f, "BDAT 4\r\n.\r\nxBDAT 0\r\nBDAT 3 last\r\nyz\n");
    says(&f, "250 ok\r\n");
    assert_string_equal(tdm_buf_text(&f.server.message), ".\r\nxyz\n");
    assert_int_equal(f.server.message_count, 1);
    hears(&f, "QUIT\r\n");
    deviates(&f, "");
    fixture_close(&f);
    fixture_open(&f, "C: BDAT *\nS: 250 one\nC: BDAT * LAST\nS: 250 two\n");
    hears(&f, "BDAT 2\r\nab");
    says(&f, "250 one\r\n");
    hears(&f, "BDAT 2 LAST\r\nc");
    says(&f, "");
    hears(&f, "d");
    says(&f, "250 two\r\n");
    assert_string_equal(tdm_buf_text(&f.server.message), "abcd");
    assert_int_equal(f.server.message_count, 1);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_conversation_as_written),
        cmocka_unit_test(test_pipelined_lines_wait_for_their_turn),
        cmocka_unit_test(test_deviations_say_what_was_expected),
        cmocka_unit_test(test_a_line_without_an_end),
        cmocka_unit_test(test_the_client_closes_early),
        cmocka_unit_test(test_optional_lines),
        cmocka_unit_test(test_waiting_takes_its_time),
        cmocka_unit_test(test_a_waiting_server_reads_only_so_much),
        cmocka_unit_test(test_bytewise_with_pauses),
        cmocka_unit_test(test_bytewise_gives_single_bytes),
        cmocka_unit_test(test_repeat),
        cmocka_unit_test(test_silence_and_reset),
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_the_end_of_the_script),
        cmocka_unit_test(test_a_message_in_chunks),
    };
    return cmocka_run_group_tests_name("scenario_server", tests, NULL, NULL);
}
