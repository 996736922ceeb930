/* test_options.c: values of options, what is refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/smtp.h>

#include "fail_alloc.h"
#include "transport/options.h"

static const tidymail_allocator *const memory_default = &tdm_allocator_default;

static int set(struct tdm_options *options, const char *name, const char *value,
               struct tidymail_error *error)
{
    return tdm_options_set(memory_default, options, name, strlen(name), value, strlen(value),
                           error);
}

static void set_well(struct tdm_options *options, const char *name, const char *value)
{
    struct tidymail_error error;
    tdm_error_init(&error, NULL);
    int kind = set(options, name, value, &error);
    if (kind != TIDYMAIL_OK) {
        fail_msg("%s=%s: %s", name, value, tidymail_error_message(&error));
    }
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    struct tdm_options options;
    tdm_options_init(&options);
    assert_int_equal(options.tls, -1);
    assert_null(options.auth);
    assert_int_equal(options.cleartext_auth, 0);
    assert_int_equal(options.initial_response, 1);
    assert_int_equal(options.pipelining, 1);
    assert_int_equal(options.partial, 1);
    assert_int_equal(options.chunking, 0);
    assert_null(options.cert);
    assert_null(options.key);
    assert_null(options.proxy);
    assert_null(options.source);
    assert_null(options.ca);
    assert_int_equal(options.verify, TDM_VERIFY_FULL);
    assert_null(options.helo);
    assert_int_equal(options.timeout_ms, -1);
    assert_int_equal(options.connect_timeout_ms, 30000);
    assert_int_equal(options.reply_timeout_ms, 300000);
    assert_int_equal(options.final_timeout_ms, 600000);
    assert_int_equal(options.reply_timeout_set, 0);
    assert_null(options.password_from);
    assert_int_equal(options.transcript, 0);
}

static void good_values_are_taken(void **state)
{
    (void)state;
    struct tdm_options options;
    tdm_options_init(&options);
    set_well(&options, "tls", "none");
    assert_int_equal(options.tls, TIDYMAIL_SMTP_TLS_NONE);
    set_well(&options, "tls", "opportunistic");
    assert_int_equal(options.tls, TIDYMAIL_SMTP_TLS_OPPORTUNISTIC);
    set_well(&options, "tls", "starttls");
    assert_int_equal(options.tls, TIDYMAIL_SMTP_TLS_STARTTLS);
    set_well(&options, "auth", "login,plain");
    assert_string_equal(options.auth, "login,plain");
    set_well(&options, "auth", "PLAIN");
    assert_string_equal(options.auth, "PLAIN");
    set_well(&options, "auth", "scram-sha-256-plus,SCRAM-SHA-1,cram-md5,xoauth2,external");
    set_well(&options, "chunking", "yes");
    assert_int_equal(options.chunking, 1);
    set_well(&options, "cert", "/etc/client.pem");
    assert_string_equal(options.cert, "/etc/client.pem");
    set_well(&options, "key", "/etc/client.key");
    assert_string_equal(options.key, "/etc/client.key");
    set_well(&options, "proxy", "socks5://ann:a@proxy:1080");
    assert_string_equal(options.proxy, "socks5://ann:a@proxy:1080");
    set_well(&options, "source", "192.0.2.1");
    assert_string_equal(options.source, "192.0.2.1");
    set_well(&options, "cleartext-auth", "allow");
    assert_int_equal(options.cleartext_auth, 1);
    set_well(&options, "pipelining", "no");
    assert_int_equal(options.pipelining, 0);
    set_well(&options, "partial", "no");
    assert_int_equal(options.partial, 0);
    set_well(&options, "initial-response", "no");
    assert_int_equal(options.initial_response, 0);
    set_well(&options, "transcript", "yes");
    assert_int_equal(options.transcript, 1);
    set_well(&options, "helo", "[192.0.2.1]");
    assert_string_equal(options.helo, "[192.0.2.1]");
    set_well(&options, "ca", "/etc/a b.pem");
    assert_string_equal(options.ca, "/etc/a b.pem");
    set_well(&options, "password-from", "command:echo a=b");
    assert_string_equal(options.password_from, "command:echo a=b");
    set_well(&options, "verify", "none");
    assert_int_equal(options.verify, TDM_VERIFY_NONE);
    set_well(&options, "verify",
             "sha256:00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100");
    assert_int_equal(options.verify, TDM_VERIFY_SHA256);
    assert_int_equal(options.verify_sha256[1], 0x11);
    assert_int_equal(options.verify_sha256[16], 0xff);
    assert_int_equal(options.verify_sha256[31], 0);
    tdm_options_clear(memory_default, &options);
    assert_null(options.helo);
    assert_null(options.proxy);
}

static void seconds_may_have_fractions(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t ms;
    } cases[] = {{"1", 1000},
                 {"2.5", 2500},
                 {"0.001", 1},
                 {"0.0001", 1},
                 {".5", 500},
                 {"3.", 3000},
                 {"1.2345", 1235},
                 {"0.05", 50},
                 {"1800", 1800000},
                 {"007", 7000},
                 {"10000000", 10000000000}};
    struct tdm_options options;
    tdm_options_init(&options);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_well(&options, "timeout", cases[i].value);
        assert_int_equal(options.timeout_ms, cases[i].ms);
    }
    assert_int_equal(options.reply_timeout_set, 0);
    set_well(&options, "reply-timeout", "4");
    assert_int_equal(options.reply_timeout_ms, 4000);
    assert_int_equal(options.reply_timeout_set, 1);
    tdm_options_clear(memory_default, &options);
}

static void bad_values_say_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *words;
    } cases[] = {
        {"tls", "on", "option tls: bad value \"on\"; allowed: none, opportunistic, starttls"},
        {"tls", "", "bad value \"\""},
        {"auth", "", "allowed: SCRAM-SHA-256-PLUS, SCRAM-SHA-256, "},
        {"auth", "", ", OAUTHBEARER, XOAUTH2, EXTERNAL (several with commas)"},
        {"auth", "plain,", "option auth: bad value"},
        {"auth", "plain,,login", "option auth: bad value"},
        {"auth", "cram-md6", "option auth: bad value \"cram-md6\""},
        {"auth", "scram-sha-256 ", "option auth: bad value"},
        {"chunking", "1", "option chunking: bad value \"1\"; allowed: yes, no"},
        {"cert", "", "option cert: bad value \"\"; allowed: a text that is not empty"},
        {"key", "a\tb", "option key: a control byte at offset 1"},
        {"proxy", "socks5://ann:S3CRET\n@h", "option proxy: a control byte at offset 19"},
        {"source", "", "option source: bad value"},
        {"pipelining", "true", "option pipelining: bad value \"true\"; allowed: yes, no"},
        {"cleartext-auth", "yes", "allowed: allow, no"},
        {"verify", "sha256:00", "allowed: full, none, sha256: and 64 hex digits"},
        {"verify", "sha256:0011223344556677889900112233445566778899001122334455667788990g12",
         "option verify: bad value"},
        {"timeout", "0", "seconds above 0"},
        {"timeout", "0.0", "seconds above 0"},
        {"timeout", "-1", "option timeout: bad value \"-1\""},
        {"timeout", "5s", "option timeout: bad value \"5s\""},
        {"timeout", ".", "seconds above 0"},
        {"timeout", "1e3", "seconds above 0"},
        {"timeout", "99999999999999999999999", "at most 10000000 seconds"},
        {"helo", "a b", "option helo: bad value \"a b\""},
        {"helo", "a>b", "option helo: bad value"},
        {"helo", "", "not empty"},
        {"ca", "a\nb", "option ca: a control byte at offset 1"},
        {"password-from", "S3CRET", "allowed: env:NAME, file:PATH, command:LINE"},
        {"password-from", "env:", "allowed: env:NAME"},
        {"tiemout", "5", "unknown option \"tiemout\", did you mean timeout?"},
        {"time-out", "5", "did you mean timeout?"},
        {"tsl", "none", "did you mean tls"},
        {"final", "3", "did you mean final-timeout?"},
        {"Timeout", "3", "unknown option \"Timeout\", did you mean timeout?"},
        {"", "5", "unknown option \"\""},
        {"x\x1b[2J", "5", "unknown option \"x\\x1B[2J\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tdm_options options;
        struct tidymail_error error;
        tdm_options_init(&options);
        tdm_error_init(&error, NULL);
        assert_int_equal(set(&options, cases[i].name, cases[i].value, &error),
                         TIDYMAIL_KIND_CONFIGURATION);
        if (strstr(tidymail_error_message(&error), cases[i].words) == NULL) {
            fail_msg("%s=%s: \"%s\"", cases[i].name, cases[i].value,
                     tidymail_error_message(&error));
        }
        assert_null(strstr(tidymail_error_message(&error), "S3CRET"));
        tdm_error_clear(&error);
        tdm_options_clear(memory_default, &options);
    }
}

static void far_names_are_not_near(void **state)
{
    (void)state;
    struct tdm_options options;
    struct tidymail_error error;
    tdm_options_init(&options);
    tdm_error_init(&error, NULL);
    set(&options, "colour", "red", &error);
    assert_null(strstr(tidymail_error_message(&error), "did you mean"));
    assert_non_null(strstr(tidymail_error_hint(&error), "password-from"));
    tdm_error_clear(&error);
}

static void values_end_where_the_length_says(void **state)
{
    (void)state;
    struct tdm_options options;
    struct tidymail_error error;
    tdm_options_init(&options);
    tdm_error_init(&error, NULL);
    static const char text[] = "timeout=15&helo=ab";
    assert_int_equal(tdm_options_set(memory_default, &options, text, 7, text + 8, 2, &error),
                     TIDYMAIL_OK);
    assert_int_equal(options.timeout_ms, 15000);
    assert_int_equal(tdm_options_set(memory_default, &options, text + 11, 4, text + 16, 1, &error),
                     TIDYMAIL_OK);
    assert_string_equal(options.helo, "a");
    tdm_options_clear(memory_default, &options);
}

static int set_texts(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    (void)context;
    struct tdm_options options;
    struct tidymail_error error;
    tdm_options_init(&options);
    tdm_error_init(&error, allocator);
    tdm_options_set(allocator, &options, "helo", 4, "first", 5, &error);
    tdm_options_set(allocator, &options, "helo", 4, "second", 6, &error);
    tdm_options_set(allocator, &options, "ca", 2, "/ca", 3, &error);
    int kind = tidymail_error_kind(&error);
    int right = kind == (memory->failures > 0 ? TIDYMAIL_KIND_LOCAL : TIDYMAIL_OK);
    tdm_error_clear(&error);
    tdm_options_set(allocator, &options, "tls", 3, "on", 2, &error);
    right = right && tidymail_error_kind(&error) == TIDYMAIL_KIND_CONFIGURATION;
    tdm_error_clear(&error);
    tdm_options_set(allocator, &options, "tsl", 3, "on", 2, &error);
    right = right && tidymail_error_kind(&error) == TIDYMAIL_KIND_CONFIGURATION;
    tdm_error_clear(&error);
    tdm_options_clear(allocator, &options);
    return right || memory->failures > 0 ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const char *problem = fail_alloc_run_all(set_texts, NULL, 5);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(good_values_are_taken),
        cmocka_unit_test(seconds_may_have_fractions),
        cmocka_unit_test(bad_values_say_what_is_allowed),
        cmocka_unit_test(far_names_are_not_near),
        cmocka_unit_test(values_end_where_the_length_says),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
