/*
 * test_scenarios_sockets.c: the scenarios again, over real sockets and with real TLS: tidymail_send on
 * this side, the scripted server on the other. The report is what the file says, as in memory. Left out
 * are those that take their time (silence, slow bytes, waits) and those that ask for a message of their
 * own; test_send_sockets.c has silence and slowness with short deadlines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/devserver.h>
#include <tidymail/tidymail.h>

#include "devserver/replay_internal.h"
#include "scenario_files.h"

#define WAIT_MAX_MS 500

/* Files whose result depends on what the server says or does next being there at once, which memory
 * can promise and a network cannot. */
static const char *const together[] = {
    "body/250-before-the-end.scn",
    "body/451-before-the-end.scn",
    "body/552-before-the-end.scn",
    "body/554-before-the-end-under-tls.scn",
    "body/closed.scn",
    "body/reset.scn",
    "greeting/reset.scn", /* the reset may come while connecting */
    "mail/451-behind-235-then-close.scn",
    "starttls/injected-opportunistic.scn",
    "starttls/injected-refusal.scn",
    "starttls/injected-session.scn",
};

/* A network decides which bytes come together, and a reset may overtake what was sent before it: one
 * of these tries must go as it is written. In memory (test_scenarios.c) each does, at every cut. */
#define TRIES_MAX 3

/* What a message or a real connection does not have: no sender, a recipient twice, a server's name and
 * port known beforehand. */
static const char *const memory_only[] = {
    "auth/oauthbearer-of-the-rfc.scn",
    "rcpt/null-reverse-path.scn",
    "rcpt/same-recipient-twice.scn",
};

/* The words of client: that the printed URL, or the message here, carries. The others ask for a
 * message or a session of their own. */
static const char *const carried[] = {
    "auth",    "chunking",         "cleartext-auth", "final-timeout", "from",
    "helo",    "initial-response", "lmtp",           "partial",       "password",
    "timeout", "pipelining",       "reply-timeout",  "tls",           "user",
};

static int is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static int plays_over_a_socket(const char *name, const struct tdm_scenario *scenario)
{
    if (is_among(name, together, sizeof(together) / sizeof(together[0])) ||
        is_among(name, memory_only, sizeof(memory_only) / sizeof(memory_only[0]))) {
        return 0;
    }
    /* a reply that nobody asked for is known as such only where it comes before the next command */
    if (scenario->class_name != NULL && strcmp(scenario->class_name, "extra-replies") == 0 &&
        scenario->expect.kind == TIDYMAIL_KIND_PROTOCOL) {
        return 0;
    }
    for (size_t i = 0; i < scenario->client_count; i++) {
        if (!is_among(scenario->client[i].name, carried, sizeof(carried) / sizeof(carried[0]))) {
            return 0;
        }
    }
    for (size_t i = 0; i < scenario->step_count; i++) {
        if (scenario->steps[i].duration_ms > WAIT_MAX_MS) {
            return 0;
        }
    }
    return scenario->expect.kind != TIDYMAIL_KIND_TIMEOUT;
}

static tidymail_report *send_scenario(const char *url, const struct tdm_scenario *scenario)
{
    tidymail_transport *transport = tidymail_transport_open(url, NULL);
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, tdm_scenario_from(scenario));
    for (size_t i = 0; i < scenario->recipient_count; i++) {
        tidymail_message_add_to(message, scenario->recipients[i]);
    }
    tidymail_message_set_subject(message, "A scenario");
    tidymail_message_set_text(message, "The first line\n.\nThe last line\n");
    tidymail_report *report = tidymail_send(transport, message);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return report;
}

static void play(const struct scenario_file *file, const struct tdm_scenario *scenario,
                 struct tdm_buf *problems)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    char error[512] = "";
    size_t length = 0;
    char *text = scenario_file_read(file->path, &length);
    options.scenario = text;
    options.state = TIDYMAIL_BINARY_DIR "/tests/authority"; /* made once, kept for the next run */
    tidymail_devserver *server = tidymail_devserver_start(&options, error, sizeof(error));
    if (text == NULL || server == NULL) {
        tdm_buf_addf(problems, "the server does not start: %s\n", error);
    } else {
        tidymail_report *report = send_scenario(tidymail_devserver_url(server), scenario);
        tdm_replay_check(scenario, report, -1, problems);
        if (problems->length > 0) {
            tdm_buf_addf(problems, "the report: %s\n", tidymail_report_summary(report));
        }
        tidymail_report_free(report);
    }
    if (tidymail_devserver_deviation(server)[0] != '\0') {
        tdm_buf_addf(problems, "%s\n", tidymail_devserver_deviation(server));
    }
    tidymail_devserver_stop(server);
    free(text);
}

static void test_scenario(void **state)
{
    const struct scenario_file *file = *state;
    struct tdm_scenario scenario;
    struct tdm_buf problems;
    tdm_buf_init(&problems, NULL, 1 << 20);
    if (scenario_file_parse(file, &scenario, &problems) == 0) {
        for (int tries = 0; tries < TRIES_MAX && (tries == 0 || problems.length > 0); tries++) {
            tdm_buf_reset(&problems);
            play(file, &scenario, &problems);
        }
    }
    tdm_scenario_clear(&scenario);
    int clean = problems.length == 0;
    if (!clean) {
        print_error("%s:\n%s\n", file->path, tdm_buf_text(&problems));
    }
    tdm_buf_clear(&problems);
    assert_true(clean);
}

/* A file that cannot be parsed stays in: its test says why. */
static int is_wanted(const struct scenario_file *file)
{
    struct tdm_scenario scenario;
    struct tdm_buf problems;
    tdm_buf_init(&problems, NULL, 1 << 16);
    int wanted = scenario_file_parse(file, &scenario, &problems) != 0 ||
                 plays_over_a_socket(file->name, &scenario);
    tdm_scenario_clear(&scenario);
    tdm_buf_clear(&problems);
    return wanted;
}

int main(void)
{
    struct scenario_files files;
    if (scenario_files_find(&files, TIDYMAIL_SCENARIOS) != 0 || files.count == 0) {
        print_error("no scenario in %s\n", TIDYMAIL_SCENARIOS);
        return 1;
    }
    struct CMUnitTest *tests = calloc(files.count, sizeof(*tests));
    if (tests == NULL) {
        return 1;
    }
    size_t count = 0;
    for (size_t i = 0; i < files.count; i++) {
        if (is_wanted(&files.files[i])) {
            tests[count].name = files.files[i].name;
            tests[count].test_func = test_scenario;
            tests[count].initial_state = &files.files[i];
            count++;
        }
    }
    int failed = _cmocka_run_group_tests("scenarios over sockets", tests, count, NULL, NULL);
    free(tests);
    scenario_files_clear(&files);
    return failed;
}
