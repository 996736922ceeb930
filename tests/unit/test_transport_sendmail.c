/* test_transport_sendmail.c: `sendmail:` with real children: small shell scripts in a folder of the
 * test's own. What they get, what their ends mean, and that none of them can hang or harm a send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "transport_fixture.h"

static char folder[] = "/tmp/tidymail-test-XXXXXX";
static char program[128];
static const char *const recipients[] = {"bob@example.org", "carl@example.org"};

static void script(const char *body)
{
    FILE *file = fopen(program, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\ncd %s\n%s\n", folder, body);
    fclose(file);
    assert_int_equal(chmod(program, 0700), 0);
}

static const char *content(const char *name)
{
    static char bytes[8192];
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    size_t length = file != NULL ? fread(bytes, 1, sizeof(bytes) - 1, file) : 0;
    bytes[length] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}

static tidymail_transport *open_with(const char *query)
{
    char url[256];
    snprintf(url, sizeof(url), "sendmail://%s%s", program, query);
    tidymail_transport *transport = tdm_transport_new(url, NULL, NULL, &fixture_clock);
    if (transport->ops == NULL) {
        fail_msg("%s: %s", url, tidymail_error_message(tidymail_transport_error(transport)));
    }
    return transport;
}

static const char message[] = "Subject: one\r\n\r\n.dot\r\nlone\rcr\r\n\r\r\n";

static tidymail_report *send_to(tidymail_transport *transport, const char *from,
                                const char *const *to, size_t count, int fails)
{
    struct fixture_source source = {message, 0, fails};
    struct tdm_job job;
    fixture_job(&job, &source, to, count, NULL);
    job.envelope.from = from;
    tdm_transport_send(transport, &job);
    assert_int_equal(job.done, 1);
    return job.report;
}

static tidymail_report *run(const char *body, const char *query)
{
    script(body);
    tidymail_transport *transport = open_with(query);
    tidymail_report *report = send_to(transport, "ann@example.org", recipients, 2, 0);
    tdm_transport_free(transport);
    return report;
}

static void arguments_and_bytes(void **state)
{
    (void)state;
    tidymail_report *report =
        run("printf '%s|' \"$@\" >args; cat >message; ls /proc/self/fd >fds", "");
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
    assert_string_equal(content("args"), "-i|-f|ann@example.org|--|bob@example.org|"
                                         "carl@example.org|");
    assert_string_equal(content("message"), "Subject: one\n\n.dot\nlone\rcr\n\r\n");
    tidymail_report_free(report);
    report = run("printf '%s|' \"$@\" >args; cat >message", "?eol=crlf&args=-oX%20%20-v");
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
    assert_string_equal(content("args"), "-oX|-v|-i|-f|ann@example.org|--|bob@example.org|"
                                         "carl@example.org|");
    assert_string_equal(content("message"), message);
    tidymail_report_free(report);
}

static void the_null_sender_and_hostile_addresses(void **state)
{
    (void)state;
    script("printf '%s|' \"$@\" >args; cat >/dev/null");
    tidymail_transport *transport = open_with("");
    static const char *const shell[] = {"$(touch x)`touch y`;touch z@example.org"};
    tidymail_report *report = send_to(transport, "", shell, 1, 0);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
    assert_string_equal(content("args"), "-i|-f|<>|--|$(touch x)`touch y`;touch z@example.org|");
    tidymail_report_free(report);
    static const char *const bad[] = {"-bob@example.org", "", "b\nob@example.org"};
    for (size_t i = 0; i < 3; i++) {
        unlink(program);
        script("touch ran; cat >/dev/null");
        report = send_to(transport, "ann@example.org", &bad[i], 1, 0);
        assert_int_equal(tidymail_error_kind(tidymail_report_error(report)), TIDYMAIL_KIND_MESSAGE);
        tidymail_report_free(report);
        if (i != 1) { /* "" is the null reverse-path */
            report = send_to(transport, bad[i], recipients, 2, 0);
            assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
            tidymail_report_free(report);
        }
        char path[160];
        snprintf(path, sizeof(path), "%s/ran", folder);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    tdm_transport_free(transport);
}

static const struct {
    const char *body;
    int outcome;
    int kind;
    int phase;
    int retryable;
    const char *words; /* in the error's line */
} ends[] = {
    {"cat >/dev/null; exit 0", TIDYMAIL_SENT, 0, 0, 0, ""},
    {"cat >/dev/null; echo the queue is full >&2; exit 75", TIDYMAIL_FAILED,
     TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_FINAL, 1, "(exit status 75): the queue is full"},
    {"exit 75", TIDYMAIL_FAILED, TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_FINAL, 1, "75"},
    {"cat >/dev/null; exit 67", TIDYMAIL_FAILED, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_RCPT, 0,
     "no such recipient"},
    {"exit 68", TIDYMAIL_FAILED, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_RCPT, 0, "68"},
    {"exit 69", TIDYMAIL_FAILED, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_GREETING, 0, "69"},
    {"exit 65", TIDYMAIL_FAILED, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_FINAL, 0, "65"},
    {"exit 64", TIDYMAIL_FAILED, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE, 0, "64"},
    {"exit 77", TIDYMAIL_FAILED, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, 0, "77"},
    {"exit 78", TIDYMAIL_FAILED, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_FINAL, 0, "78"},
    {"exit 1", TIDYMAIL_FAILED, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL, 0,
     "it failed (exit status 1)"},
    {"kill -9 $$", TIDYMAIL_FAILED, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL, 0, "signal 9"},
    {"cat >/dev/null; kill -9 $$", TIDYMAIL_UNKNOWN, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_FINAL, 0,
     "signal 9"},
    {"exec <&-; exit 0", TIDYMAIL_FAILED, TIDYMAIL_KIND_PROTOCOL, TIDYMAIL_PHASE_FINAL, 0,
     "did not read the message"},
    {"dd bs=1 count=9 2>/dev/null >&2; exit 0", TIDYMAIL_UNKNOWN, TIDYMAIL_KIND_PROTOCOL,
     TIDYMAIL_PHASE_FINAL, 0, "a part of the message only"},
    {"cat >/dev/null; yes 'words without an end' | head -c 1000000; exit 75", TIDYMAIL_FAILED,
     TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_FINAL, 1, "words without an end"},
    {"cat >/dev/null; printf 'esc \\033[31m\\000 end'; exit 75", TIDYMAIL_FAILED,
     TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_FINAL, 1, "esc \\x1B[31m\\x00 end"},
};

static void what_its_end_means(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        tidymail_report *report = run(ends[i].body, "?timeout=20");
        const tidymail_error *error = tidymail_report_error(report);
        if (tidymail_report_outcome(report) != ends[i].outcome ||
            tidymail_error_kind(error) != ends[i].kind ||
            (error != NULL && tidymail_error_phase(error) != ends[i].phase) ||
            tidymail_error_retryable(error) != ends[i].retryable ||
            strstr(tidymail_error_message(error), ends[i].words) == NULL ||
            strchr(tidymail_error_message(error), '\033') != NULL ||
            strlen(tidymail_error_reply(error)) > 70000) {
            fail_msg("%s: %s, %s", ends[i].body,
                     tidymail_outcome_name(tidymail_report_outcome(report)),
                     tidymail_error_message(error));
        }
        tidymail_report_free(report);
    }
}

static void the_deadline_ends_it(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int outcome;
    } rows[] = {{"exec sleep 30", TIDYMAIL_FAILED},
                {"cat >/dev/null; exec sleep 30", TIDYMAIL_UNKNOWN},
                {"trap '' TERM; cat >/dev/null; while :; do :; done", TIDYMAIL_UNKNOWN}};
    for (size_t i = 0; i < 3; i++) {
        int64_t began = fixture_now_ms();
        tidymail_report *report = run(rows[i].body, "?timeout=0.5");
        assert_true(fixture_now_ms() - began < 8000);
        assert_int_equal(tidymail_report_outcome(report), rows[i].outcome);
        assert_int_equal(tidymail_error_kind(tidymail_report_error(report)), TIDYMAIL_KIND_TIMEOUT);
        assert_true(tidymail_error_retryable(tidymail_report_error(report)));
        tidymail_report_free(report);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left to be waited for */
    }
}

static void a_process_left_behind_is_not_waited_for(void **state)
{
    (void)state;
    int64_t began = fixture_now_ms();
    tidymail_report *report = run("cat >/dev/null; sleep 5 & echo queued", "?timeout=20");
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
    assert_true(fixture_now_ms() - began < 4000);
    tidymail_report_free(report);
}

static void no_program(void **state)
{
    (void)state;
    static const char *const paths[] = {"sendmail:///nowhere/sendmail", "sendmail:///etc/passwd",
                                        "sendmail:///tmp"};
    for (size_t i = 0; i < 3; i++) {
        tidymail_transport *transport = tdm_transport_new(paths[i], NULL, NULL, &fixture_clock);
        tidymail_report *report = send_to(transport, "ann@example.org", recipients, 2, 0);
        const tidymail_error *error = tidymail_report_error(report);
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_CONFIGURATION);
        assert_non_null(strstr(tidymail_error_message(error), paths[i] + strlen("sendmail://")));
        tidymail_report_free(report);
        tdm_transport_free(transport);
    }
    static const char *const bad[] = {"sendmail://host/x", "sendmail:relative",
                                      "sendmail:?args=-t", "sendmail:?args=-v%20-it",
                                      "sendmail:?args=--", "sendmail:?args=--read-recipients",
                                      "sendmail:?eol=cr",  "sendmail://u:p@"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tidymail_transport *transport = tdm_transport_new(bad[i], NULL, NULL, &fixture_clock);
        if (tidymail_error_kind(tidymail_transport_error(transport)) !=
            TIDYMAIL_KIND_CONFIGURATION) {
            fail_msg("%s is taken", bad[i]);
        }
        tdm_transport_free(transport);
    }
    tidymail_transport *usual = tdm_transport_new("sendmail:", NULL, NULL, &fixture_clock);
    assert_null(tidymail_transport_error(usual));
    tdm_transport_free(usual);
}

static void a_message_that_cannot_be_read_is_never_begun(void **state)
{
    (void)state;
    script("touch begun; cat >/dev/null");
    tidymail_transport *transport = open_with("");
    tidymail_report *report = send_to(transport, "ann@example.org", recipients, 2, 1);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
    assert_non_null(strstr(tidymail_report_summary(report), "the disk is on fire"));
    char path[160];
    snprintf(path, sizeof(path), "%s/begun", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *open_ones = opendir("/proc/self/fd");
    while (open_ones != NULL && readdir(open_ones) != NULL) {
        count++;
    }
    closedir(open_ones);
    return count;
}

static void descriptors_stay_where_they_are(void **state)
{
    (void)state;
    int kept[2];
    assert_int_equal(pipe(kept), 0); /* inheritable, as others may leave them */
    int high = fcntl(kept[0], F_DUPFD, 77);
    int before = count_descriptors();
    tidymail_report *report = run("cat >/dev/null; ls /proc/$$/fd | tr '\\n' ' ' >fds", "");
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
    assert_int_equal(count_descriptors(), before);
    assert_null(strstr(content("fds"), "77"));
    assert_non_null(strstr(content("fds"), "0 1 ")); /* and 10, where the shell has its script */
    tidymail_report_free(report);
    close(high);
    close(kept[0]);
    close(kept[1]);
}

static void an_application_that_ignores_sigchld(void **state)
{
    (void)state;
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    tidymail_report *report = run("cat >/dev/null; exit 0", "?timeout=20");
    signal(SIGCHLD, before);
    /* the status is gone: it may have been sent */
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_UNKNOWN);
    tidymail_report_free(report);
}

static int send_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    char url[256];
    (void)context;
    snprintf(url, sizeof(url), "sendmail://%s?args=-v", program);
    tidymail_transport *transport = tdm_transport_new(url, NULL, allocator, &fixture_clock);
    if (transport == NULL) {
        return memory->failures > 0 ? 0 : -1;
    }
    int right = (tidymail_transport_error(transport) == NULL) == (transport->ops != NULL);
    struct fixture_source source = {message, 0, 0};
    struct tdm_job job;
    fixture_job(&job, &source, recipients, 2, allocator);
    if (transport->ops != NULL && job.report != NULL) {
        tdm_transport_send(transport, &job);
        int kind = tidymail_error_kind(tidymail_report_error(job.report));
        right = right && job.done &&
                (kind == TIDYMAIL_KIND_TEMPORARY ||
                 (kind == TIDYMAIL_KIND_LOCAL && memory->failures > 0));
    }
    tidymail_report_free(job.report);
    tdm_transport_free(transport);
    return right ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    script("cat >/dev/null; echo busy; exit 75");
    const char *problem = fail_alloc_run_all(send_once, NULL, 14);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_and_bytes),
        cmocka_unit_test(the_null_sender_and_hostile_addresses),
        cmocka_unit_test(what_its_end_means),
        cmocka_unit_test(the_deadline_ends_it),
        cmocka_unit_test(a_process_left_behind_is_not_waited_for),
        cmocka_unit_test(no_program),
        cmocka_unit_test(a_message_that_cannot_be_read_is_never_begun),
        cmocka_unit_test(descriptors_stay_where_they_are),
        cmocka_unit_test(an_application_that_ignores_sigchld),
        cmocka_unit_test(memory_may_run_out),
    };
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(program, sizeof(program), "%s/program", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const names[] = {"program", "args", "message", "fds", "ran", "begun"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[160];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return failed;
}
