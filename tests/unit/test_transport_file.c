/* test_transport_file.c: `file:///dir` writes whole messages under names that sort by time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "transport_fixture.h"

static const char *const recipients[] = {"bob@example.org"};

struct folder {
    char path[64];
    char url[96];
};

static int folder_make(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));
    snprintf(folder->path, sizeof(folder->path), "/tmp/tidymail test-XXXXXX");
    if (mkdtemp(folder->path) == NULL) {
        return -1;
    }
    const char *name = strrchr(folder->path, ' ') + 1;
    snprintf(folder->url, sizeof(folder->url), "file:///tmp/tidymail%%20%s", name);
    *state = folder;
    return 0;
}

/* Calls `each` for every entry but . and .. and returns how many there were. */
static size_t folder_walk(const struct folder *folder,
                          void (*each)(const char *path, const char *name, void *context),
                          void *context)
{
    size_t count = 0;
    DIR *listing = opendir(folder->path);
    assert_non_null(listing);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        char path[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", folder->path, entry->d_name);
        each(path, entry->d_name, context);
        count++;
    }
    closedir(listing);
    return count;
}

static void remove_entry(const char *path, const char *name, void *context)
{
    (void)name;
    (void)context;
    unlink(path);
}

static int folder_remove(void **state)
{
    struct folder *folder = *state;
    chmod(folder->path, 0700);
    folder_walk(folder, remove_entry, NULL);
    rmdir(folder->path);
    free(folder);
    return 0;
}

/* The report is the caller's to free. */
static tidymail_report *send_text(tidymail_transport *transport, const char *text, int fails)
{
    struct fixture_source source = {text, 0, fails};
    struct tdm_job job;
    fixture_job(&job, &source, recipients, 1, NULL);
    transport->ops->send(transport, &job);
    assert_int_equal(job.done, 1);
    return job.report;
}

struct found {
    char name[128];
    char text[256];
};

static void read_entry(const char *path, const char *name, void *context)
{
    struct found *found = context;
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    snprintf(found->name, sizeof(found->name), "%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    found->text[fread(found->text, 1, sizeof(found->text) - 1, file)] = '\0';
    fclose(file);
}

static void a_message_becomes_one_file(void **state)
{
    const struct folder *folder = *state;
    tidymail_transport *transport = tdm_transport_new(folder->url, NULL, NULL, &fixture_clock);
    assert_null(tidymail_transport_error(transport));
    time_t before = time(NULL);
    tidymail_report *report = send_text(transport, "Subject: x\r\n\r\n.body\r\n", 0);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_SENT);
    struct found found;
    assert_int_equal(folder_walk(folder, read_entry, &found), 1);
    assert_string_equal(found.text, "Subject: x\r\n\r\n.body\r\n");

    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder->path, found.name);
    assert_string_equal(tidymail_report_server(report), path);

    /* 20261124T141500.123456Z-0123456789ABCDEF.eml, and the time is now */
    struct tm when;
    memset(&when, 0, sizeof(when));
    const char *rest = strptime(found.name, "%Y%m%dT%H%M%S", &when);
    assert_non_null(rest);
    time_t named = timegm(&when);
    assert_in_range(named, before - 2, time(NULL) + 2);
    assert_int_equal(strspn(rest + 1, "0123456789"), 6);
    assert_int_equal(rest[0], '.');
    assert_memory_equal(rest + 7, "Z-", 2);
    assert_int_equal(strspn(rest + 9, "0123456789ABCDEF"), 16);
    assert_string_equal(rest + 25, ".eml");
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

static void half_a_message_leaves_nothing(void **state)
{
    const struct folder *folder = *state;
    tidymail_transport *transport = tdm_transport_new(folder->url, NULL, NULL, &fixture_clock);
    tidymail_report *report = send_text(transport, "half of it", 1);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
    assert_string_equal(tidymail_report_summary(report),
                        "the message could not be read: the disk is on fire");
    assert_int_equal(folder_walk(folder, remove_entry, NULL), 0);
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

static void a_missing_folder_is_named(void **state)
{
    (void)state;
    tidymail_transport *transport =
        tdm_transport_new("file:///nonexistent/dir", NULL, NULL, &fixture_clock);
    tidymail_report *report = send_text(transport, "x", 0);
    const tidymail_error *error = tidymail_report_error(report);
    assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_LOCAL);
    assert_int_equal(tidymail_error_retryable(error), 0);
    assert_string_equal(tidymail_error_message(error),
                        "cannot open the folder /nonexistent/dir: No such file or directory");
    assert_string_equal(tidymail_error_hint(error), "make the folder first");
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

static void a_folder_that_takes_no_file_is_named(void **state)
{
    (void)state;
    tidymail_transport *transport = tdm_transport_new("file:///proc", NULL, NULL, &fixture_clock);
    tidymail_report *report = send_text(transport, "x", 0);
    const tidymail_error *error = tidymail_report_error(report);
    assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_LOCAL);
    assert_non_null(strstr(tidymail_error_message(error), "cannot create a file in /proc: "));
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

static void a_file_is_no_folder(void **state)
{
    const struct folder *folder = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/file", folder->path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    char url[160];
    snprintf(url, sizeof(url), "%s/file", folder->url);
    tidymail_transport *transport = tdm_transport_new(url, NULL, NULL, &fixture_clock);
    tidymail_report *report = send_text(transport, "x", 0);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
    assert_non_null(strstr(tidymail_report_summary(report), "Not a directory"));
    tidymail_report_free(report);
    tdm_transport_free(transport);
}

static void hosts_and_relative_paths_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"file://dir", "file://dir/sub", "file:dir",
                                       "file:", "file://"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        tidymail_transport *transport = tdm_transport_new(urls[i], NULL, NULL, &fixture_clock);
        const tidymail_error *error = tidymail_transport_error(transport);
        assert_null(transport->ops);
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_CONFIGURATION);
        assert_non_null(strstr(tidymail_error_hint(error), "file:///"));
        tdm_transport_free(transport);
    }
}

static int send_once(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                     void *context)
{
    const struct folder *folder = context;
    tidymail_transport *transport = tdm_transport_new(folder->url, NULL, allocator, &fixture_clock);
    if (transport == NULL) {
        return memory->failures > 0 ? 0 : -1;
    }
    int right = 1;
    size_t sent = 0;
    if (transport->ops != NULL) {
        struct fixture_source source = {"Subject: x\r\n\r\nbody\r\n", 0, 0};
        struct tdm_job job;
        fixture_job(&job, &source, recipients, 1, allocator);
        if (job.report != NULL) {
            transport->ops->send(transport, &job);
            sent = tidymail_report_outcome(job.report) == TIDYMAIL_SENT;
            right = memory->failures > 0 || sent;
            tidymail_report_free(job.report);
        }
    }
    tdm_transport_free(transport);
    return right && folder_walk(folder, remove_entry, NULL) == sent ? 0 : -1;
}

static void memory_may_run_out(void **state)
{
    const char *problem = fail_alloc_run_all(send_once, *state, 8);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_becomes_one_file, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(half_a_message_leaves_nothing, folder_make, folder_remove),
        cmocka_unit_test(a_missing_folder_is_named),
        cmocka_unit_test(a_folder_that_takes_no_file_is_named),
        cmocka_unit_test_setup_teardown(a_file_is_no_folder, folder_make, folder_remove),
        cmocka_unit_test(hosts_and_relative_paths_are_refused),
        cmocka_unit_test_setup_teardown(memory_may_run_out, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
