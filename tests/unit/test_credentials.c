/* test_credentials.c: where password-from finds a secret, and what it says where it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tidymail/tidymail.h>

#include "client/credentials.h"
#include "transport_fixture.h"

/* A clock that jumps, for the command that does not end. */
static int64_t jumping_ms;

static int64_t jumping_now_ms(void)
{
    jumping_ms += 59990;
    return jumping_ms;
}

static const struct tdm_clock jumping_clock = {jumping_now_ms, fixture_wall_s, fixture_random};

static tidymail_transport *open_from(const char *source, const struct tdm_clock *clock)
{
    char option[512];
    const char *options_text = option;
    snprintf(option, sizeof(option), "password-from=%s", source);
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.user = "ann";
    options.options = &options_text;
    options.option_count = 1;
    tidymail_transport *transport = tdm_transport_new("smtp://h", &options, NULL, clock);
    assert_null(tidymail_transport_error(transport));
    assert_null(transport->password);
    return transport;
}

static void gives(const char *source, const char *password)
{
    tidymail_transport *transport = open_from(source, &fixture_clock);
    struct tidymail_error error;
    tdm_error_init(&error, NULL);
    if (tdm_credentials_load(transport, &error) != TIDYMAIL_OK) {
        fail_msg("%s: %s", source, tidymail_error_message(&error));
    }
    assert_string_equal(transport->password, password);
    assert_int_equal(tdm_credentials_load(transport, &error), TIDYMAIL_OK); /* not asked again */
    tdm_transport_free(transport);
}

static void fails(const char *source, const struct tdm_clock *clock, const char *words)
{
    tidymail_transport *transport = open_from(source, clock);
    struct tidymail_error error;
    tdm_error_init(&error, NULL);
    assert_int_equal(tdm_credentials_load(transport, &error), TIDYMAIL_KIND_CONFIGURATION);
    assert_int_equal(tidymail_error_phase(&error), TIDYMAIL_PHASE_PREPARE);
    assert_string_equal(tidymail_error_message(&error), words);
    assert_null(transport->password);
    assert_null(tidymail_transport_error(transport)); /* it concerns this send alone */
    tdm_error_clear(&error);
    tdm_transport_free(transport);
}

static void the_environment(void **state)
{
    (void)state;
    setenv("TIDYMAIL_TEST_SECRET", "a secret: with = and %41", 1);
    gives("env:TIDYMAIL_TEST_SECRET", "a secret: with = and %41");
    setenv("TIDYMAIL_TEST_SECRET", "first\nsecond", 1);
    gives("env:TIDYMAIL_TEST_SECRET", "first");
    setenv("TIDYMAIL_TEST_SECRET", "", 1);
    fails("env:TIDYMAIL_TEST_SECRET", &fixture_clock,
          "password-from: the environment variable TIDYMAIL_TEST_SECRET gives an empty first line");
    setenv("TIDYMAIL_TEST_SECRET", "a\tS3CRET", 1);
    fails("env:TIDYMAIL_TEST_SECRET", &fixture_clock,
          "password-from: the environment variable TIDYMAIL_TEST_SECRET has a control byte in its "
          "first line");
    unsetenv("TIDYMAIL_TEST_SECRET");
    fails("env:TIDYMAIL_TEST_SECRET", &fixture_clock,
          "password-from: the environment variable TIDYMAIL_TEST_SECRET is not set");
}

static void a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/tidymail-secret-XXXXXX";
    char source[64];
    int file = mkstemp(path);
    assert_true(file >= 0);
    snprintf(source, sizeof(source), "file:%s", path);
    assert_int_equal(write(file, "from a file\r\nnot this\n", 22), 22);
    gives(source, "from a file");
    assert_int_equal(ftruncate(file, 11), 0);
    gives(source, "from a file"); /* no line end */
    close(file);
    unlink(path);
    fails("file:/nonexistent/secret", &fixture_clock,
          "password-from: the file /nonexistent/secret cannot be read: No such file or directory");
    fails("file:/tmp", &fixture_clock,
          "password-from: the file /tmp cannot be read: Is a directory");
}

static void a_command(void **state)
{
    (void)state;
    gives("command:echo said", "said");
    gives("command:printf 'a b\\nmore\\n'", "a b");
    gives("command:cat; echo no input", "no input");
    /* much output behind the first line does not break the command */
    gives("command:echo said; head -c 300000 /dev/zero | tr '\\0' x", "said");
    fails("command:echo S3CRET; exit 3", &fixture_clock, "password-from: the command failed");
    fails("command:kill -9 $$", &fixture_clock, "password-from: the command failed");
    fails("command:true", &fixture_clock, "password-from: the command gives an empty first line");
}

static void a_command_has_a_deadline(void **state)
{
    (void)state;
    time_t start = time(NULL);
    fails("command:exec sleep 30", &jumping_clock,
          "password-from: the command did not end within 60 seconds");
    fails("command:exec >&-; exec sleep 30", &jumping_clock,
          "password-from: the command did not end within 60 seconds");
    assert_in_range(time(NULL) - start, 0, 10);
}

/* A failed source does not stick, and a refused secret is asked for again. */
static void the_source_is_asked_again(void **state)
{
    (void)state;
    struct tidymail_error error;
    tidymail_transport *transport = open_from("env:TIDYMAIL_TEST_SECRET", &fixture_clock);
    tdm_error_init(&error, NULL);
    unsetenv("TIDYMAIL_TEST_SECRET");
    assert_int_equal(tdm_credentials_load(transport, &error), TIDYMAIL_KIND_CONFIGURATION);
    tdm_error_clear(&error);
    setenv("TIDYMAIL_TEST_SECRET", "old", 1);
    assert_int_equal(tdm_credentials_load(transport, &error), TIDYMAIL_OK);
    setenv("TIDYMAIL_TEST_SECRET", "new", 1);
    error.kind = TIDYMAIL_KIND_TEMPORARY;
    tdm_credentials_after(transport, &error);
    assert_string_equal(transport->password, "old");
    error.kind = TIDYMAIL_KIND_AUTHENTICATION;
    tdm_credentials_after(transport, &error);
    assert_null(transport->password);
    tdm_error_clear(&error);
    assert_int_equal(tdm_credentials_load(transport, &error), TIDYMAIL_OK);
    assert_string_equal(transport->password, "new");
    tdm_transport_free(transport);
    unsetenv("TIDYMAIL_TEST_SECRET");
}

/* The transport stays usable: the next send looks again. */
static void a_failed_source_does_not_stick_to_the_transport(void **state)
{
    (void)state;
    unsetenv("TIDYMAIL_TEST_SECRET");
    tidymail_transport *transport = tidymail_transport_open(
        "smtp://ann@127.0.0.1:1?password-from=env:TIDYMAIL_TEST_SECRET", NULL);
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "ann@example.org");
    tidymail_message_add_to(message, "bob@example.org");
    tidymail_report *report = tidymail_send(transport, message);
    const tidymail_error *error = tidymail_report_error(report);
    assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_CONFIGURATION);
    assert_non_null(strstr(tidymail_error_message(error), "TIDYMAIL_TEST_SECRET is not set"));
    tidymail_report_free(report);
    assert_null(tidymail_transport_error(transport));
    setenv("TIDYMAIL_TEST_SECRET", "here now", 1);
    report = tidymail_send(transport, message);
    error = tidymail_report_error(report);
    assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_CONNECTION);
    assert_int_equal(tidymail_error_phase(error), TIDYMAIL_PHASE_CONNECT);
    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    unsetenv("TIDYMAIL_TEST_SECRET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment),
        cmocka_unit_test(a_file),
        cmocka_unit_test(a_command),
        cmocka_unit_test(a_command_has_a_deadline),
        cmocka_unit_test(the_source_is_asked_again),
        cmocka_unit_test(a_failed_source_does_not_stick_to_the_transport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
