/*
 * test_scenarios.c: every file under tests/scenarios, each a test of its own: played in memory whole,
 * byte by byte and cut at every place of what the server says, with the same report every time. At
 * the end it says how many there are of each area and class; a class without a scenario is a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devserver/replay.h"
#include "scenario_files.h"

static struct scenario_tally classes;

static void check_class(const struct tdm_scenario *scenario, struct tdm_buf *problems)
{
    if (scenario->class_name != NULL && scenario_tally_count(&classes, scenario->class_name) != 0) {
        tdm_buf_addf(problems, "class: %s is not in classes.txt\n", scenario->class_name);
    }
}

static void test_scenario(void **state)
{
    const struct scenario_file *file = *state;
    struct tdm_scenario scenario;
    struct tdm_buf problems;
    tdm_buf_init(&problems, NULL, 1 << 20);
    if (scenario_file_parse(file, &scenario, &problems) == 0) {
        if (scenario.expect.line == 0) {
            tdm_buf_add_str(&problems, "expect: is missing\n");
        }
        check_class(&scenario, &problems);
        size_t runs = tdm_replay_all(&scenario, &problems);
        if (runs < 2) {
            tdm_buf_add_str(&problems, "it was not played at every split\n");
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

/* Runs last: the others have counted. */
static void test_every_class_has_a_scenario(void **state)
{
    const struct scenario_files *files = *state;
    struct scenario_tally areas;
    size_t missing = 0;
    size_t total = 0;
    assert_int_equal(scenario_tally_areas(&areas, files), 0);
    printf("%zu scenarios:", files->count);
    for (size_t i = 0; i < areas.count; i++) {
        printf(" %s %zu", areas.entries[i].name, areas.entries[i].number);
    }
    printf("\nby class:");
    for (size_t i = 0; i < classes.count; i++) {
        printf(" %s %zu", classes.entries[i].name, classes.entries[i].number);
        total += classes.entries[i].number;
        missing += classes.entries[i].number == 0;
    }
    printf(" (of no class: %zu)\nclasses not covered:", files->count - total);
    for (size_t i = 0; i < classes.count; i++) {
        if (classes.entries[i].number == 0) {
            printf(" %s", classes.entries[i].name);
        }
    }
    printf("%s\n", missing == 0 ? " none" : "");
    scenario_tally_clear(&areas);
    assert_true(classes.count > 0);
    assert_int_equal(missing, 0);
}

int main(void)
{
    struct scenario_files files;
    if (scenario_files_find(&files, TIDYMAIL_SCENARIOS) != 0 || files.count == 0 ||
        scenario_tally_read(&classes, TIDYMAIL_SCENARIOS "/classes.txt") != 0) {
        print_error("no scenario in %s, or no classes.txt\n", TIDYMAIL_SCENARIOS);
        return 1;
    }
    struct CMUnitTest *tests = calloc(files.count + 1, sizeof(*tests));
    if (tests == NULL) {
        return 1;
    }
    for (size_t i = 0; i < files.count; i++) {
        tests[i].name = files.files[i].name;
        tests[i].test_func = test_scenario;
        tests[i].initial_state = &files.files[i];
    }
    tests[files.count].name = "every class has a scenario";
    tests[files.count].test_func = test_every_class_has_a_scenario;
    tests[files.count].initial_state = &files;
    int failed = _cmocka_run_group_tests("scenarios", tests, files.count + 1, NULL, NULL);
    free(tests);
    scenario_tally_clear(&classes);
    scenario_files_clear(&files);
    return failed;
}
