/*
 * test_alloc_loop.c: a full send in memory with every allocation failing in turn, once and from then
 * on: no crash, no leak, exactly one report, and no answer that is not true. "sent" is said only
 * where the other side has the whole message, "failed" never where it took it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/tidymail.h>

#include "devserver/replay.h"
#include "fail_alloc.h"
#include "scenario_files.h"

/* What every accessor of a report must stand: also one that was made while memory was short. */
static int report_readable(const tidymail_report *report)
{
    const tidymail_error *error = tidymail_report_error(report);
    int fine = tidymail_report_summary(report)[0] != '\0';
    fine &= tidymail_error_message(error) != NULL && tidymail_error_hint(error) != NULL;
    fine &= tidymail_error_reply(error) != NULL && tidymail_error_enhanced(error) != NULL;
    fine &= tidymail_report_message_id(report) != NULL && tidymail_report_server(report) != NULL;
    fine &= tidymail_report_transcript(report) != NULL;
    fine &= (error == NULL) == (tidymail_report_outcome(report) == TIDYMAIL_SENT);
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        fine &= recipient != NULL && tidymail_recipient_reply(recipient) != NULL;
        fine &= tidymail_recipient_address(recipient)[0] != '\0';
    }
    return fine;
}

struct replayed {
    const struct tdm_scenario *scenario;
    int sees_message; /* the script has a C: <message>: then it is known where the message ended */
};

/* 1 where the answer is true, measured by what the server of the scenario saw and said. */
static int answer_is_true(const struct replayed *replayed, const struct tdm_replay_result *result)
{
    const struct tdm_scenario *scenario = replayed->scenario;
    int outcome = tidymail_report_outcome(result->report);
    int accepts =
        scenario->expect.outcome == TIDYMAIL_SENT || scenario->expect.outcome == TIDYMAIL_PARTIAL;
    int has_message = result->message_end >= 0 || !replayed->sees_message;
    if (outcome == TIDYMAIL_SENT || outcome == TIDYMAIL_PARTIAL) {
        return has_message && accepts;
    }
    if (outcome == TIDYMAIL_FAILED) {
        return result->message_end < 0 || scenario->expect.outcome == TIDYMAIL_FAILED;
    }
    return has_message;
}

static int replay_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                       void *context)
{
    const struct replayed *replayed = context;
    const struct tdm_scenario *scenario = replayed->scenario;
    struct tdm_replay_options options = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_replay_result result;
    options.allocator = allocator;
    int wrong = tdm_replay(scenario, &options, &result) != 0;
    const char *why = wrong ? "it cannot be played" : NULL;
    if (result.no_engine || result.refused != TIDYMAIL_OK) {
        wrong |= result.report != NULL || memory->failures == 0;
    } else if (result.report == NULL) {
        why = "no report came";
    } else if (!report_readable(result.report)) {
        why = "the report cannot be read";
    } else if (!answer_is_true(replayed, &result)) {
        why = "the answer is not true";
    } else if (memory->failures == 0 && result.problems.length > 0) {
        why = tdm_buf_text(&result.problems);
    }
    if (why != NULL) {
        print_error("%s: %s; outcome %s, error %s\n", scenario->title, why,
                    tidymail_outcome_name(tidymail_report_outcome(result.report)),
                    tidymail_error_message(tidymail_report_error(result.report)));
        wrong = 1;
    }
    tdm_replay_result_clear(&result);
    return wrong;
}

static int sees_message(const struct tdm_scenario *scenario)
{
    for (size_t i = 0; i < scenario->step_count; i++) {
        if (scenario->steps[i].type == TDM_SCENE_MESSAGE) {
            return 1;
        }
    }
    return 0;
}

static void test_replay(void **state)
{
    const struct scenario_file *file = *state;
    struct tdm_scenario scenario;
    struct tdm_buf problems;
    tdm_buf_init(&problems, NULL, 1 << 16);
    if (scenario_file_parse(file, &scenario, &problems) != 0) {
        fail_msg("%s: %s", file->path, tdm_buf_text(&problems));
    }
    struct replayed replayed = {&scenario, sees_message(&scenario)};
    const char *words = fail_alloc_run_all(replay_once, &replayed, 5);
    tdm_scenario_clear(&scenario);
    tdm_buf_clear(&problems);
    if (words != NULL) {
        fail_msg("%s: %s", file->path, words);
    }
}

static const char subject[] = "Gr\303\274\303\237e aus K\303\266ln";

static tidymail_message *message_make(const tidymail_allocator *allocator)
{
    tidymail_message *message = tidymail_message_new_with(allocator);
    tidymail_message_set_from(message, "Zo\303\253 Sender <sender@example.com>");
    tidymail_message_add_to(message, "Ann <ann@example.org>");
    tidymail_message_add_cc(message, "bob@example.org");
    tidymail_message_add_bcc(message, "carol@example.org");
    tidymail_message_add_reply_to(message, "answers@example.com");
    tidymail_message_set_subject(message, subject);
    tidymail_message_add_header(message, "X-Campaign", "autumn");
    tidymail_message_set_text(message, "Hi there!\n.\nT\303\244xt\n");
    tidymail_message_set_html(message, "<p>Hi there! T\303\244xt</p>\n");
    return message;
}

/* 1 where memory: has what was to be sent, whole. */
static int memory_has_message(const tidymail_transport *transport)
{
    size_t length = 0;
    const char *bytes = tidymail_memory_message(transport, 0, &length);
    return tidymail_memory_count(transport) == 1 && bytes != NULL && length > 200 &&
           strcmp(tidymail_memory_from(transport, 0), "sender@example.com") == 0 &&
           tidymail_memory_recipient_count(transport, 0) == 3 &&
           strcmp(tidymail_memory_recipient(transport, 0, 2), "carol@example.org") == 0 &&
           strstr(bytes, "Subject: =?") != NULL && strstr(bytes, "X-Campaign: autumn") != NULL &&
           strstr(bytes, "multipart/alternative") != NULL && strstr(bytes, "carol") == NULL &&
           strcmp(bytes + length - 4, "--\r\n") == 0;
}

static int memory_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                       void *context)
{
    int wrong = 0;
    (void)context;
    tidymail_transport *transport = tidymail_transport_open_with("memory:", NULL, allocator);
    tidymail_message *message = message_make(allocator);
    tidymail_report *report = tidymail_send(transport, message);
    int sent = tidymail_report_outcome(report) == TIDYMAIL_SENT;
    if (report == NULL || !report_readable(report)) {
        print_error("memory: no report, or one that cannot be read\n");
        wrong = 1;
    } else if (sent && !memory_has_message(transport)) {
        print_error("memory: sent, but the message is not there\n");
        wrong = 1;
    } else if (!sent && tidymail_memory_count(transport) != 0) {
        print_error("memory: not sent, but a message is there: %s\n",
                    tidymail_report_summary(report));
        wrong = 1;
    } else if (!sent && memory->failures == 0) {
        print_error("memory: %s\n", tidymail_report_summary(report));
        wrong = 1;
    } else if (!sent && transport != NULL && message != NULL &&
               tidymail_error_kind(tidymail_report_error(report)) != TIDYMAIL_KIND_LOCAL) {
        print_error("memory: not told as out of memory: %s\n", tidymail_report_summary(report));
        wrong = 1;
    }
    tidymail_report_free(report);
    tidymail_message_free(message);
    tidymail_transport_close(transport);
    return wrong;
}

static void test_memory_transport(void **state)
{
    (void)state;
    const char *words = fail_alloc_run_all(memory_once, NULL, 20);
    if (words != NULL) {
        fail_msg("%s", words);
    }
}

int main(void)
{
    struct scenario_files files;
    if (scenario_files_find(&files, TIDYMAIL_SCENARIOS) != 0 || files.count == 0) {
        print_error("no scenario in %s\n", TIDYMAIL_SCENARIOS);
        return 1;
    }
    struct CMUnitTest *tests = calloc(files.count + 1, sizeof(*tests));
    if (tests == NULL) {
        return 1;
    }
    for (size_t i = 0; i < files.count; i++) {
        tests[i].name = files.files[i].name;
        tests[i].test_func = test_replay;
        tests[i].initial_state = &files.files[i];
    }
    tests[files.count].name = "a message to memory:";
    tests[files.count].test_func = test_memory_transport;
    int failed = _cmocka_run_group_tests("every allocation failing in turn", tests, files.count + 1,
                                         NULL, NULL);
    free(tests);
    scenario_files_clear(&files);
    return failed;
}
