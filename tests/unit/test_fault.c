/* test_fault.c: fault rules: their grammar, when they act, and what a session does then. */
#include "session_fixture.h"

#include "devserver/fault.h"
#include "fail_alloc.h"

static void refused(const char *rule, const char *why)
{
    struct tdm_faults faults = {NULL, 0, 0, NULL};
    struct tdm_buf error;
    tdm_buf_init(&error, NULL, 4096);
    if (tdm_faults_parse(&faults, rule, &error) != -1 ||
        strstr(tdm_buf_text(&error), why) == NULL) {
        fail_msg("'%s' should be refused with '%s', got '%s'", rule, why, tdm_buf_text(&error));
    }
    assert_null(strchr(tdm_buf_text(&error), '\n'));
    tdm_faults_clear(&faults);
    tdm_buf_clear(&error);
}

static void test_what_is_wrong_is_named_with_its_place(void **state)
{
    static const struct {
        const char *rule;
        const char *why;
    } cases[] = {
        {"rcpt", "'rcpt' at offset 0: a rule is STAGE: ACTION"},
        {"recipt: close", "'recipt' at offset 0: no stage of a session (allowed: connect, "},
        {"rcpt: boom", "'boom' at offset 6: allowed: a reply"},
        {"rcpt:", "at offset 5: allowed: a reply"},
        {"rcpt: close,", "allowed: a reply"},
        {"rcpt: 451, 452", "'452' at offset 11: a second reply"},
        {"rcpt: 451 one, two", "'two' at offset 15: allowed:"},
        {"rcpt: 45 x", "CODE from 200 to 599"},
        {"rcpt: 4511 x", "CODE from 200 to 599"},
        {"rcpt: 199 x", "CODE from 200 to 599"},
        {"rcpt: 600 x", "CODE from 200 to 599"},
        {"rcpt: 451 a\tb", "a control byte"},
        {"rcpt: first 2", "a condition without an action"},
        {"rcpt: close, reset", "'reset' at offset 13: only one of"},
        {"rcpt: close now", "'now' at offset 12: nothing may follow"},
        {"rcpt: stall", "a time is such as 5s"},
        {"rcpt: stall 5", "a time is such as 5s"},
        {"rcpt: slow fast", "a time is such as 5s"},
        {"rcpt: close, first 0", "'0' at offset 19: first N, N above 0"},
        {"rcpt: close, first", "first N"},
        {"rcpt: close, after -1", "after N"},
        {"rcpt: close, probability 2", "from 0 to 1"},
        {"rcpt: close, probability 1.1", "from 0 to 1"},
        {"rcpt: close, probability .", "from 0 to 1"},
        {"rcpt: close, probability x", "from 0 to 1"},
        {"rcpt: close, to", "an address without <>"},
        {"rcpt: close, to <a@b.c>", "an address without <>"},
        {"ehlo: close, to a@b.c", "'to' goes with rcpt, data and final"},
        {"mail: close, to a@b.c", "'to' goes with rcpt, data and final"},
        {"auth: close, from a@b.c", "'from' goes with mail"},
        {"starttls: bad-certificate", "allowed: self-signed, expired"},
        {"starttls: bad-certificate valid", "no kind of bad certificate"},
        {"starttls: bad-certificate expired, 454", "the only action"},
        {"auth: bad-certificate expired", "the only action of a rule of starttls"},
        {"ehlo: no-tls", "the only action of a rule of starttls"},
        {"quit: close\nrcpt: boom", "'boom' at offset 6"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refused(cases[i].rule, cases[i].why);
    }
}

/* Rules that are read, and one that is not: each allocation fails in turn. */
static int read_with(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    const char *rules = context;
    struct tdm_faults faults = {NULL, 0, 0, allocator};
    struct tdm_buf error;
    tdm_buf_init(&error, allocator, 4096);
    int wrong = strstr(rules, "recipt") != NULL;
    int result = tdm_faults_parse(&faults, rules, &error);
    int good = result == 0 ? !wrong && faults.count == 3 && error.length == 0
                           : (wrong || memory->failures > 0) && faults.count < 3;
    good &= error.length == 0 || memchr(error.data, '\n', error.length) == NULL;
    if (result != 0 && memory->failures == 0) {
        good &= strstr(tdm_buf_text(&error), "no stage of a session (allowed: connect, ") != NULL;
    }
    tdm_faults_clear(&faults);
    tdm_buf_clear(&error);
    return good ? 0 : -1;
}

static void test_every_allocation_of_the_parser_may_fail(void **state)
{
    char good[] = "rcpt: 451 later, to bob@*, from me@*\nfinal: close, to ann@*\nquit: reset";
    char bad[] = "mail: 451 later, from me@*\nrecipt: close";
    (void)state;
    const char *words = fail_alloc_run_all(read_with, good, 5);
    assert_string_equal(words != NULL ? words : "", "");
    words = fail_alloc_run_all(read_with, bad, 3);
    assert_string_equal(words != NULL ? words : "", "");
}

/* What somebody mistyped is repeated, but not as it would act on a terminal, and not at length. */
static void test_an_error_repeats_little_and_nothing_that_acts(void **state)
{
    char rule[700];
    (void)state;
    refused("rcpt: \033[31mboom", "'?[31mboom' at offset 6: allowed");
    memset(rule, 'x', sizeof(rule));
    memcpy(rule, "rcpt: ", 6);
    rule[sizeof(rule) - 1] = '\0';
    refused(rule, "xxx...' at offset 6: allowed");
}

static const struct tdm_fault_action *parsed(struct tdm_faults *faults, const char *rules)
{
    struct tdm_buf error;
    memset(faults, 0, sizeof(*faults));
    tdm_buf_init(&error, NULL, 4096);
    int result = tdm_faults_parse(faults, rules, &error);
    assert_string_equal(tdm_buf_text(&error), "");
    assert_int_equal(result, 0);
    tdm_buf_clear(&error);
    return &faults->items[0].action;
}

static void test_a_reply_in_its_parts(void **state)
{
    static const struct {
        const char *words;
        int code;
        const char *enhanced;
        const char *text;
    } cases[] = {
        {"451 4.7.1 greylisted", 451, "4.7.1", "greylisted"},
        {"451 greylisted", 451, "", "greylisted"},
        {"451", 451, "", "a fault rule says so"},
        {"451 4.7.1", 451, "4.7.1", "a fault rule says so"},
        {"451 4.7 text", 451, "", "4.7 text"},
        {"451 9.7.1 text", 451, "", "9.7.1 text"},
        {"451 4.7.1111 text", 451, "", "4.7.1111 text"},
        {"451 \"one, two\"", 451, "", "one, two"},
        {"550 5.1.1 \"one\\n5.1.1 two\"", 550, "5.1.1", "one\n5.1.1 two"},
    };
    struct tdm_fault_action action;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(tdm_fault_parse_action(&action, cases[i].words, strlen(cases[i].words)),
                         0);
        assert_int_equal(action.code, cases[i].code);
        assert_string_equal(action.enhanced, cases[i].enhanced);
        assert_string_equal(action.text, cases[i].text);
    }
}

static void test_conditions_count(void **state)
{
    static const struct tdm_fault_about about = {NULL, NULL, 0};
    struct tdm_faults faults;
    char acted[11] = "";
    (void)state;
    parsed(&faults, "# a comment\n\n  quit : 500 no , after 2 , first 3\r\nquit: 501, after 8");
    assert_int_equal(faults.count, 2);
    for (int i = 0; i < 10; i++) {
        const struct tdm_fault_action *action = tdm_faults_take(&faults, TDM_FAULT_QUIT, &about);
        acted[i] = action == NULL ? '-' : action->code == 500 ? 'a' : 'b';
        assert_null(tdm_faults_take(&faults, TDM_FAULT_RSET, &about));
    }
    assert_string_equal(acted, "--aaa---bb");
    tdm_faults_clear(&faults);
}

static void test_addresses_are_matched(void **state)
{
    char ann[] = "Ann@Example.org";
    char bob[] = "bob@example.org";
    char *both[] = {ann, bob};
    struct tdm_fault_about about = {"me@example.com", both, 2};
    struct tdm_fault_about only = {"you@example.com", &both[1], 1};
    struct tdm_faults faults;
    (void)state;
    parsed(&faults, "final: close, to ann@*");
    assert_non_null(tdm_faults_take(&faults, TDM_FAULT_FINAL, &about));
    assert_null(tdm_faults_take(&faults, TDM_FAULT_FINAL, &only));
    tdm_faults_clear(&faults);
    parsed(&faults, "final: close, from me@example.com, to bob@example.org");
    assert_non_null(tdm_faults_take(&faults, TDM_FAULT_FINAL, &about));
    assert_null(tdm_faults_take(&faults, TDM_FAULT_FINAL, &only));
    tdm_faults_clear(&faults);
}

static void sequence(uint64_t seed, char out[101])
{
    static const struct tdm_fault_about about = {NULL, NULL, 0};
    struct tdm_faults faults;
    parsed(&faults, "rset: close, probability 0.25");
    faults.random = seed;
    for (int i = 0; i < 100; i++) {
        out[i] = tdm_faults_take(&faults, TDM_FAULT_RSET, &about) != NULL ? 'x' : '.';
    }
    out[100] = '\0';
    tdm_faults_clear(&faults);
}

static void test_a_seed_gives_the_same_sequence(void **state)
{
    char one[101];
    char again[101];
    char other[101];
    size_t hits = 0;
    (void)state;
    sequence(7, one);
    sequence(7, again);
    sequence(8, other);
    assert_string_equal(one, again);
    assert_string_not_equal(one, other);
    for (const char *at = one; *at != '\0'; at++) {
        hits += *at == 'x';
    }
    assert_in_range(hits, 10, 40);
}

static void test_addresses_that_say_what_to_do(void **state)
{
    struct tdm_fault_action action;
    (void)state;
    assert_int_equal(tdm_fault_of_address(&action, "451-4.7.1@fault.test"), 1);
    assert_int_equal(action.code, 451);
    assert_string_equal(action.enhanced, "4.7.1");
    assert_int_equal(tdm_fault_of_address(&action, "550-5.1.1-no-such-user@FAULT.test"), 1);
    assert_string_equal(action.text, "no such user");
    assert_int_equal(tdm_fault_of_address(&action, "421+stall-2s@fault.test"), 1);
    assert_int_equal(action.stall_ms, 2000);
    assert_int_equal(tdm_fault_of_address(&action, "close@fault.test"), 1);
    assert_int_equal(action.end, TDM_FAULT_CLOSE);
    assert_int_equal(tdm_fault_of_address(&action, "ann@fault.test"), 0);
    assert_int_equal(tdm_fault_of_address(&action, "no-tls@fault.test"), 0);
    assert_int_equal(tdm_fault_of_address(&action, "451-4.7.1@example.org"), 0);
    assert_int_equal(tdm_fault_of_address(&action, "@fault.test"), 0);
}

static struct tdm_server_options faulty(struct tdm_faults *faults, const char *rules)
{
    struct tdm_server_options options = usual_options();
    parsed(faults, rules);
    options.faults = faults;
    options.clear_auth = 1;
    return options;
}

#define EHLO                                                                                       \
    "> EHLO me", "< 250-", "< 250-", "< 250-", "< 250-", "< 250-", "< 250-", "< 250-", "< 250 "

static void test_a_refused_command_is_not_carried_out(void **state)
{
    static const char *const lines[] = {EHLO,
                                        "> MAIL FROM:<x@b.c>",
                                        "= 451 4.3.0 later",
                                        "> RCPT TO:<d@e.f>",
                                        "< 503",
                                        "> MAIL FROM:<a@b.c>",
                                        "= 250 2.1.0 in other words",
                                        "> RCPT TO:<550-5.1.1-gone@fault.test>",
                                        "= 550 5.1.1 gone",
                                        "> DATA",
                                        "< 554",
                                        "> RCPT TO:<d@e.f>",
                                        "= 250-2.1.5 one",
                                        "= 250 2.1.5 two",
                                        "> DATA",
                                        "< 354",
                                        "> x",
                                        "> .",
                                        "= 452 4.3.1 full",
                                        "> DATA",
                                        "< 503",
                                        "> QUIT",
                                        "< 221",
                                        "@close",
                                        NULL};
    struct tdm_faults faults;
    (void)state;
    play(lines,
         faulty(&faults, "mail: 451 4.3.0 later, from x@b.c\nmail: 250 2.1.0 in other words\n"
                         "rcpt: 250 2.1.5 one\\n2.1.5 two\nfinal: 452 4.3.1 full"));
    tdm_faults_clear(&faults);
}

static void test_a_greeting_that_refuses_leaves_quit(void **state)
{
    static const char *const lines[] = {"> EHLO me", "< 503", "> QUIT", "< 221", "@close", NULL};
    struct tdm_faults faults;
    struct fixture f;
    (void)state;
    fixture_open(&f, faulty(&faults, "greeting: 554 5.3.2 no service"));
    take_output(&f);
    assert_string_equal(tdm_buf_text(&f.said), "554 5.3.2 no service\r\n");
    for (size_t i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] == '>') {
            send_line(&f, lines[i] + 2, 0);
        }
    }
    assert_int_equal(tdm_server_session_next(&f.session), TDM_SERVER_CLOSE);
    fixture_close(&f);
    tdm_faults_clear(&faults);
}

/* What came meanwhile is answered behind the stalled reply, in order. */
static void test_a_stall_holds_what_follows(void **state)
{
    struct tdm_faults faults;
    struct fixture f;
    (void)state;
    fixture_open(&f, faulty(&faults, "mail: stall 5s"));
    send_text(&f, "EHLO me\r\n");
    tdm_buf_reset(&f.said);
    send_text(&f, "RSET\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nQUIT\r\n");
    assert_string_equal(tdm_buf_text(&f.said), "250 2.0.0 ok\r\n");
    assert_int_equal(tdm_server_session_deadline(&f.session), 6000);
    assert_int_equal(tdm_server_session_next(&f.session), TDM_SERVER_NOTHING);
    tdm_server_session_tick(&f.session, 5999);
    take_output(&f);
    assert_string_equal(tdm_buf_text(&f.said), "250 2.0.0 ok\r\n");
    tdm_server_session_tick(&f.session, 6000);
    take_output(&f);
    assert_string_equal(tdm_buf_text(&f.said), "250 2.0.0 ok\r\n250 2.1.0 sender ok\r\n250 2.1.5 "
                                               "recipient ok\r\n221 2.0.0 bye\r\n");
    assert_int_equal(tdm_server_session_next(&f.session), TDM_SERVER_CLOSE);
    fixture_close(&f);
    tdm_faults_clear(&faults);
}

static size_t pieces_of(const char *rule, const char *whole)
{
    struct tdm_faults faults;
    struct fixture f;
    const char *bytes;
    size_t length;
    size_t count = 0;
    int64_t now = 1000;
    fixture_open(&f, faulty(&faults, rule));
    send_text(&f, "EHLO me\r\n");
    tdm_buf_reset(&f.said);
    tdm_server_session_feed(&f.session, "RSET\r\n", 6, now);
    for (int i = 0; i < 1000; i++) {
        if (tdm_server_session_output(&f.session, &bytes, &length)) {
            tdm_buf_add(&f.said, bytes, length);
            tdm_server_session_consume(&f.session, length);
            count++;
        } else if (tdm_server_session_deadline(&f.session) <= now + 100) {
            now = tdm_server_session_deadline(&f.session);
            tdm_server_session_tick(&f.session, now);
        } else {
            break;
        }
    }
    assert_string_equal(tdm_buf_text(&f.said), whole);
    fixture_close(&f);
    tdm_faults_clear(&faults);
    return count;
}

static void test_slow_and_split_replies_are_whole(void **state)
{
    (void)state;
    assert_int_equal(pieces_of("rset: slow", "250 2.0.0 ok\r\n"), 14);
    assert_in_range(pieces_of("rset: split", "250 2.0.0 ok\r\n"), 4, 8);
    assert_int_equal(pieces_of("rset: stall 50ms", "250 2.0.0 ok\r\n"), 1);
    assert_int_equal(pieces_of("rset: 250 fine, slow 1ms", "250 fine\r\n"), 10);
}

static void ends(const char *rule, const char *said, enum tdm_server_event event)
{
    struct tdm_faults faults;
    struct fixture f;
    fixture_open(&f, faulty(&faults, rule));
    send_text(&f, "EHLO me\r\n");
    tdm_buf_reset(&f.said);
    send_text(&f, "RSET\r\nNOOP\r\n");
    assert_string_equal(tdm_buf_text(&f.said), said);
    assert_int_equal(tdm_server_session_next(&f.session), event);
    assert_non_null(strstr(tdm_buf_text(&f.trace), "a fault rule of rset acts"));
    fixture_close(&f);
    tdm_faults_clear(&faults);
}

static void test_ends_of_a_session(void **state)
{
    (void)state;
    ends("rset: close", "", TDM_SERVER_CLOSE);
    ends("rset: reset", "", TDM_SERVER_RESET);
    ends("rset: half", "250 2.", TDM_SERVER_CLOSE);
    ends("rset: 421 going", "421 going\r\n", TDM_SERVER_CLOSE);
    ends("rset: 550 no, close", "550 no\r\n", TDM_SERVER_CLOSE);
    ends("rset: 550 no, reset", "550 no\r\n", TDM_SERVER_RESET);
}

/* A row of like.def that cannot be read would pass unseen. */
static void test_the_words_of_every_preset_can_be_read(void **state)
{
    size_t rows = 0;
    struct tdm_fault_action action;
    (void)state;
    for (size_t i = 0; tdm_like_name(i) != NULL; i++) {
        const struct tdm_like *like = tdm_like_find(tdm_like_name(i));
        assert_non_null(like);
        assert_int_equal(tdm_like_offers(like, "AUTH", 1), 1);
        assert_int_equal(tdm_like_offers(like, "STARTTLS", 0), 1);
        assert_int_equal(tdm_like_offers(like, "STARTTLS", 1), 0);
        assert_int_equal(tdm_like_offers(like, "FUTURERELEASE", 1), 0);
        for (int stage = 0; stage <= TDM_FAULT_OTHER; stage++) {
            for (int code = 200; code < 600; code++) {
                const char *words = tdm_like_words(like, (enum tdm_fault_stage)stage, code);
                if (words != NULL) {
                    assert_int_equal(tdm_fault_parse_action(&action, words, strlen(words)), 0);
                    assert_int_not_equal(action.code, 0);
                    rows++;
                }
            }
        }
    }
    assert_in_range(rows, 50, 500);
    assert_null(tdm_like_find("hotmail"));
}

static void test_mailgun_hangs_up_after_a_refused_password(void **state)
{
    struct tdm_server_options options = usual_options();
    struct fixture f;
    (void)state;
    options.user = "ann";
    options.password = "right";
    options.hidden = 0;
    options.offer_tls = 0;
    options.like = tdm_like_find("mailgun");
    fixture_open(&f, options);
    send_text(&f, "EHLO me\r\n");
    assert_string_equal(
        tdm_buf_text(&f.said),
        "220 Mailgun Influx ready\r\n250-smtp-out.example\r\n250-AUTH PLAIN LOGIN\r\n"
        "250-SIZE 52428800\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING\r\n");
    tdm_buf_reset(&f.said);
    send_text(&f, "MAIL FROM:<a@b.c>\r\n");
    assert_string_equal(tdm_buf_text(&f.said), "530 authentication required\r\n");
    tdm_buf_reset(&f.said);
    send_text(&f, "AUTH PLAIN\r\n");
    assert_string_equal(tdm_buf_text(&f.said), "334 Go ahead\r\n");
    tdm_buf_reset(&f.said);
    send_text(&f, "AGFubgB3cm9uZw==\r\nQUIT\r\n");
    assert_string_equal(tdm_buf_text(&f.said), "535 Authentication failed\r\n");
    assert_int_equal(tdm_server_session_next(&f.session), TDM_SERVER_CLOSE);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(test_every_allocation_of_the_parser_may_fail),
        cmocka_unit_test(test_an_error_repeats_little_and_nothing_that_acts),
        cmocka_unit_test(test_a_reply_in_its_parts),
        cmocka_unit_test(test_conditions_count),
        cmocka_unit_test(test_addresses_are_matched),
        cmocka_unit_test(test_a_seed_gives_the_same_sequence),
        cmocka_unit_test(test_addresses_that_say_what_to_do),
        cmocka_unit_test(test_a_refused_command_is_not_carried_out),
        cmocka_unit_test(test_a_greeting_that_refuses_leaves_quit),
        cmocka_unit_test(test_a_stall_holds_what_follows),
        cmocka_unit_test(test_slow_and_split_replies_are_whole),
        cmocka_unit_test(test_ends_of_a_session),
        cmocka_unit_test(test_the_words_of_every_preset_can_be_read),
        cmocka_unit_test(test_mailgun_hangs_up_after_a_refused_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
