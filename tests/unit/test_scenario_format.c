/* test_scenario_format.c: the parser of scenario files: every line and directive, every error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/smtp.h>

#include "devserver/scenario.h"

static void parse(struct tdm_scenario *scenario, const char *text)
{
    struct tdm_buf error;
    tdm_buf_init(&error, NULL, 1 << 16);
    if (tdm_scenario_parse(scenario, text, strlen(text), &error) != 0) {
        fail_msg("%s", tdm_buf_text(&error));
    }
    tdm_buf_clear(&error);
}

static void test_everything_that_is_in_a_file(void **state)
{
    struct tdm_scenario s;
    (void)state;
    parse(&s, "# a comment\r\n"
              "title: Two words \r\n"
              "source:\tsomewhere\r\n"
              "class: reply-framing\r\n"
              "\r\n"
              "client: auth=plain user=bench password=\"two \\\"words\\\\\" to=a@x,b@x\r\n"
              "client: to=c@x from= reply-timeout=1.5 x-other=1\r\n"
              "S: 220  hi \r\n"
              "C: EHLO *\r\n"
              "S:\r\n"
              "   # indented comment\r\n"
              "@raw AAEC\r\n"
              "@bytewise\r\n@repeat 3\r\n"
              "S: slow\r\n"
              "S: still slow\r\n"
              "@wait 1.5s\r\n"
              "S: fast\r\n"
              "@bytewise 20ms\r\n"
              "@raw QQ==\r\n"
              "@tls Expired\r\n"
              "@optional\r\n"
              "C: <message>\r\n"
              "@reset\r\n"
              "expect: failed tls tls - final enhanced=\"\" note=\"a b\"\r\n"
              "expect-recipient: b@x failed 550 retryable reply=\"one\\ntwo\"\r\n"
              "expect-recipient: sent");
    assert_string_equal(s.title, "Two words");
    assert_string_equal(s.source, "somewhere");
    assert_string_equal(s.class_name, "reply-framing");
    assert_string_equal(tdm_scenario_client(&s, "password"), "two \"words\\");
    assert_string_equal(tdm_scenario_client(&s, "x-other"), "1");
    assert_null(tdm_scenario_client(&s, "to"));
    assert_string_equal(tdm_scenario_from(&s), "");
    assert_int_equal(s.recipient_count, 3);
    assert_string_equal(s.recipients[2], "c@x");
    assert_int_equal(s.step_count, 12);
    assert_string_equal(s.steps[0].text, "220  hi \r\n");
    assert_int_equal(s.steps[0].line, 8);
    assert_int_equal(s.steps[0].repeat, 1);
    assert_int_equal(s.steps[1].type, TDM_SCENE_EXPECT);
    assert_string_equal(s.steps[1].text, "EHLO *");
    assert_string_equal(s.steps[2].text, "\r\n");
    assert_int_equal(s.steps[3].length, 3);
    assert_memory_equal(s.steps[3].text, "\0\1\2", 3);
    assert_int_equal(s.steps[3].bytewise, 0);
    assert_int_equal(s.steps[4].repeat, 3);
    assert_int_equal(s.steps[4].bytewise, 1);
    assert_int_equal(s.steps[5].repeat, 1);
    assert_int_equal(s.steps[5].bytewise, 1);
    assert_int_equal(s.steps[5].duration_ms, 0);
    assert_int_equal(s.steps[6].type, TDM_SCENE_WAIT);
    assert_int_equal(s.steps[6].duration_ms, 1500);
    assert_int_equal(s.steps[7].bytewise, 0);
    assert_int_equal(s.steps[8].duration_ms, 20);
    assert_int_equal(s.steps[9].type, TDM_SCENE_TLS);
    assert_int_equal(s.steps[9].certificate, TDM_CERTIFICATE_EXPIRED);
    assert_int_equal(s.steps[10].type, TDM_SCENE_MESSAGE);
    assert_int_equal(s.steps[10].optional, 1);
    assert_int_equal(s.steps[11].type, TDM_SCENE_RESET);
    assert_int_equal(s.expect.outcome, TIDYMAIL_FAILED);
    assert_int_equal(s.expect.kind, TIDYMAIL_KIND_TLS);
    assert_int_equal(s.expect.phase, TIDYMAIL_PHASE_TLS);
    assert_int_equal(s.expect.code, 0);
    assert_int_equal(s.expect.retryable, 0);
    assert_int_equal(s.expect.maybe_delivered, -1);
    assert_int_equal(s.expect.check_count, 2);
    assert_string_equal(s.expect.checks[1].value, "a b");
    assert_int_equal(s.expect_recipient_count, 2);
    assert_string_equal(s.expect_recipients[0].address, "b@x");
    assert_int_equal(s.expect_recipients[0].code, 550);
    assert_int_equal(s.expect_recipients[0].retryable, 1);
    assert_string_equal(s.expect_recipients[0].checks[0].value, "one\ntwo");
    assert_null(s.expect_recipients[1].address);
    assert_int_equal(s.expect_recipients[1].outcome, TIDYMAIL_SENT);
    assert_int_equal(s.expect_recipients[1].code, -1);
    tdm_scenario_clear(&s);
}

static void test_defaults(void **state)
{
    struct tdm_scenario s;
    (void)state;
    parse(&s, "@tls\n@close\n");
    assert_string_equal(tdm_scenario_from(&s), "sender@example.com");
    assert_int_equal(s.recipient_count, 1);
    assert_string_equal(s.recipients[0], "ann@example.org");
    assert_int_equal(s.steps[0].certificate, TDM_CERTIFICATE_VALID);
    assert_int_equal(tdm_scenario_tls(&s), TIDYMAIL_SMTP_TLS_IMPLICIT);
    assert_int_equal(s.expect.line, 0);
    tdm_scenario_clear(&s);
    parse(&s, "S: 220 x\nclient: tls=none");
    assert_int_equal(tdm_scenario_tls(&s), TIDYMAIL_SMTP_TLS_NONE);
    assert_false(tdm_scenario_has_tls(&s));
    tdm_scenario_clear(&s);
    parse(&s, "S: 220 x\n@tls\n");
    assert_int_equal(tdm_scenario_tls(&s), TIDYMAIL_SMTP_TLS_STARTTLS);
    assert_true(tdm_scenario_has_tls(&s));
    tdm_scenario_clear(&s);
}

static void test_certificates_by_name(void **state)
{
    static const char *const kinds[TDM_CERTIFICATE_COUNT] = {
        "valid", "self-signed", "expired", "wrong-host", "untrusted-ca", "ca-as-leaf", "small-dh"};
    (void)state;
    for (size_t i = 0; i < TDM_CERTIFICATE_COUNT; i++) {
        struct tdm_scenario s;
        struct tdm_buf text;
        tdm_buf_init(&text, NULL, 100);
        tdm_buf_addf(&text, "@tls %s\n", kinds[i]);
        parse(&s, text.data);
        assert_int_equal(s.steps[0].certificate, i);
        assert_string_equal(tdm_certificate_name(s.steps[0].certificate), kinds[i]);
        assert_int_equal(s.steps[0].max_version, 0);
        tdm_scenario_clear(&s);
        tdm_buf_clear(&text);
    }
}

static void test_the_version_of_tls(void **state)
{
    struct tdm_scenario s;
    (void)state;
    parse(&s, "@tls max-version=1.1\n");
    assert_int_equal(s.steps[0].max_version, 11);
    assert_int_equal(s.steps[0].certificate, TDM_CERTIFICATE_VALID);
    tdm_scenario_clear(&s);
    parse(&s, "@tls  Max-Version=1.2  expired\n");
    assert_int_equal(s.steps[0].max_version, 12);
    assert_int_equal(s.steps[0].certificate, TDM_CERTIFICATE_EXPIRED);
    tdm_scenario_clear(&s);
}

/* A certificate alone can be the credentials. */
static void test_external_needs_no_user(void **state)
{
    struct tdm_scenario s;
    (void)state;
    parse(&s, "client: auth=EXTERNAL tls=none\nS: 220 x\n");
    assert_null(tdm_scenario_client(&s, "user"));
    tdm_scenario_clear(&s);
}

struct bad_file {
    const char *text;
    const char *error;
};

static const struct bad_file bad_files[] = {
    {"", "line 0: the scenario has no step (S:, C: or a directive)"},
    {"title: only\n", "line 1: the scenario has no step (S:, C: or a directive)"},
    {"S: 220 x\nHELLO\n", "line 2: unknown line 'HELLO'; known: S: C: title: "},
    {"@clsoe\n", "line 1: unknown directive '@clsoe'; known: S: C: "},
    {"s: 220 x\n", "line 1: unknown line 's:'"},
    {" S: 220 x\n", "line 1: a line begins in its first column"},
    {"title: a\ntitle: b\n", "line 2: title: is there twice"},
    {"source: a\n\nsource: b\n", "line 3: source: is there twice"},
    {"class: a\nclass: b\n", "line 2: class: is there twice"},
    {"class: two words\n", "line 1: class: wants one word of letters, digits and -"},
    {"client: user\n", "line 1: client: wants words of the form name=value"},
    {"client: User=x\xc3\xa4 \x01=y\n", "line 1: client: wants words of the form name=value"},
    {"client: helo=a helo=b\n", "line 1: helo= is there twice"},
    {"client: tls=maybe\n",
     "line 1: tls= is starttls, implicit, opportunistic or none, not 'maybe'"},
    {"client: to=a@x,,b@x\n", "line 1: to= has an empty address"},
    {"client: to=\n", "line 1: to= has an empty address"},
    {"client: helo=\"a\n", "line 1: a double quote is not closed"},
    {"client: helo=\"a\"b\n", "line 1: a blank must follow the closing double quote"},
    {"client: helo=\"a\\t\"\n", "line 1: in double quotes only \\\" \\\\ and \\n are escapes"},
    {"client: user=a\nS: x\n", "line 2: client: has only one of user= and password="},
    {"client: auth=plain\nS: x\n", "line 2: client: has auth= without user= and password="},
    {"@tls expired valid\n", "line 1: unknown certificate 'valid'; known: "},
    {"@tls max-version=1.3\n", "line 1: unknown certificate 'max-version=1.3'; known: "},
    {"@tls nice\n", "line 1: unknown certificate 'nice'; known: valid, self-signed, expired, "},
    {"@tls\n@tls\n", "line 2: @tls is there already, in line 1"},
    {"@close now\n", "line 1: nothing may stand behind this directive"},
    {"@close\nS: x\n", "line 2: nothing can follow the end of the conversation in line 1"},
    {"@reset\n@close\n", "line 2: nothing can follow the end of the conversation in line 1"},
    {"@silence\nC: x\n", "line 2: nothing can follow the end of the conversation in line 1"},
    {"@silence 3s\n", "line 1: nothing may stand behind this directive"},
    {"@wait\n", "line 1: '' is not a duration such as 31s, 500ms or 2m"},
    {"@wait 31\n", "line 1: '31' is not a duration such as 31s, 500ms or 2m"},
    {"@wait soon\n", "line 1: 'soon' is not a duration"},
    {"@bytewise x\n", "line 1: 'x' is not a duration"},
    {"@bytewise\nC: x\n", "line 2: @bytewise in line 1 wants an S: or @raw line here"},
    {"@bytewise\n@bytewise\n", "line 2: @bytewise in line 1 wants an S: or @raw line here"},
    {"S: x\n@bytewise\n", "line 2: @bytewise in line 2 wants an S: or @raw line after it"},
    {"@repeat\nS: x\n", "line 1: '' is not a number from 1 to 100000000"},
    {"@repeat 0\nS: x\n", "line 1: '0' is not a number from 1 to 100000000"},
    {"@repeat 100000001\nS: x\n", "line 1: '100000001' is not a number"},
    {"@repeat 2\n@repeat 2\n", "line 2: @repeat in line 1 wants an S: or @raw line here"},
    {"@repeat 2\nC: x\n", "line 2: @repeat in line 1 wants an S: or @raw line here"},
    {"S: x\n@repeat 2\n", "line 2: @repeat in line 2 wants an S: or @raw line after it"},
    {"@raw\n", "line 1: @raw wants bytes in base64"},
    {"@raw A\n", "line 1: @raw wants bytes in base64"},
    {"@optional\nS: x\n", "line 2: @optional in line 1 wants a C: line here"},
    {"@optional\n@optional\n", "line 2: @optional in line 1 wants a C: line here"},
    {"@optional x\n", "line 1: nothing may stand behind this directive"},
    {"S: x\n@optional\n", "line 2: @optional in line 2 wants a C: line after it"},
    {"S: x\nexpect:\n", "line 2: outcome, kind and phase are wanted (sent: the outcome alone)"},
    {"S: x\nexpect: failed\n", "line 2: outcome, kind and phase are wanted"},
    {"S: x\nexpect: failed tls\n", "line 2: outcome, kind and phase are wanted"},
    {"expect: lost\n",
     "line 1: 'lost' is not an outcome; outcomes are sent, partial, failed, unknown"},
    {"expect: failed bad auth\n", "line 1: 'bad' is not a kind"},
    {"expect: failed tls bad\n", "line 1: 'bad' is not a phase"},
    {"expect: failed tls tls 53\n", "line 1: '53' is not a word for this place"},
    {"expect: failed tls tls 535 535\n", "line 1: '535' is not a word for this place"},
    {"expect: failed tls tls final retryable\n", "line 1: final or retryable is there twice"},
    {"expect: reply=x sent\n", "line 1: 'reply=' stands before the outcome"},
    {"expect: sent colour=red\n",
     "line 1: unknown check 'colour='; known: enhanced= reply= within="},
    {"expect: sent within=soon\n", "line 1: 'soon' is not a duration such as 2s or 500ms"},
    {"expect: sent\nexpect: sent\n", "line 2: expect: is there already, in line 1"},
    {"S: x\nexpect-recipient:\n", "line 2: an outcome is missing"},
    {"expect-recipient: a@x\n", "line 1: an outcome is missing"},
    {"expect-recipient: partial\n",
     "line 1: 'partial' is not an outcome; outcomes are sent, failed, "},
    {"expect-recipient: sent within=2s\n",
     "line 1: unknown check 'within='; known: enhanced= reply="},
    {"expect-recipient: a@x sent\nS: x\n",
     "line 1: expect-recipient: has no such recipient in to="},
    {"expect-recipient: sent\nexpect-recipient: sent\nS: x\n",
     "line 2: expect-recipient: has no such recipient in to="},
};

static void test_errors_name_the_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
        struct tdm_scenario s;
        struct tdm_buf error;
        const char *text = bad_files[i].text;
        tdm_buf_init(&error, NULL, 1 << 16);
        if (tdm_scenario_parse(&s, text, strlen(text), &error) == 0) {
            fail_msg("this was accepted: %s", text);
        }
        if (strncmp(tdm_buf_text(&error), bad_files[i].error, strlen(bad_files[i].error)) != 0) {
            fail_msg("for '%s': expected '%s', got '%s'", text, bad_files[i].error,
                     tdm_buf_text(&error));
        }
        assert_null(strchr(tdm_buf_text(&error), '\n'));
        tdm_scenario_clear(&s);
        tdm_buf_clear(&error);
    }
}

static void test_a_nul_byte_is_refused(void **state)
{
    struct tdm_scenario s;
    struct tdm_buf error;
    (void)state;
    tdm_buf_init(&error, NULL, 1000);
    assert_int_equal(tdm_scenario_parse(&s, "S: a\nS: b\0c\n", 12, &error), -1);
    assert_string_equal(tdm_buf_text(&error),
                        "line 2: a NUL byte; bytes that are no text go into @raw");
    tdm_scenario_clear(&s);
    tdm_buf_clear(&error);
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"31s", 31000},
                 {"500ms", 500},
                 {"2m", 120000},
                 {"1h", 3600000},
                 {"1.5s", 1500},
                 {"0.25s", 250},
                 {"0s", 0},
                 {"1.5", -1},
                 {"", -1},
                 {"s", -1},
                 {"1.s", -1},
                 {".5s", -1},
                 {"-1s", -1},
                 {"1 s", -1},
                 {"1S", -1},
                 {"1sx", -1},
                 {"99999999999999999999s", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(tdm_scenario_duration(cases[i].text, strlen(cases[i].text)), cases[i].ms);
    }
}

static void test_patterns(void **state)
{
    static const struct {
        const char *pattern;
        const char *line;
        int matches;
    } cases[] = {{"EHLO *", "ehlo me", 1},
                 {"EHLO *", "EHLO ", 1},
                 {"EHLO *", "EHLO", 0},
                 {"EHLO *", "XEHLO me", 0},
                 {"*", "", 1},
                 {"*", "anything", 1},
                 {"", "", 1},
                 {"", "x", 0},
                 {"QUIT", "quit", 1},
                 {"QUIT", "QUIT now", 0},
                 {"QUIT", "QUI", 0},
                 {"MAIL FROM:<*> SIZE=*", "mail from:<a@b> size=12", 1},
                 {"MAIL FROM:<*> SIZE=*", "MAIL FROM:<a@b>", 0},
                 {"a*b*c", "aXbXbXc", 1},
                 {"a*b*c", "aXbXbX", 0},
                 {"**", "x", 1}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            tdm_scenario_matches(cases[i].pattern, cases[i].line, strlen(cases[i].line)),
            cases[i].matches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_that_is_in_a_file),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_certificates_by_name),
        cmocka_unit_test(test_the_version_of_tls),
        cmocka_unit_test(test_external_needs_no_user),
        cmocka_unit_test(test_errors_name_the_line),
        cmocka_unit_test(test_a_nul_byte_is_refused),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests_name("scenario_format", tests, NULL, NULL);
}
