/*
 * test_scenarios.c: every file under tests/scenarios, each a test of its own: played in memory whole,
 * byte by byte and cut at every place of what the server says, with the same report every time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devserver/replay.h"
#include "scenario_files.h"

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
    for (size_t i = 0; i < files.count; i++) {
        tests[i].name = files.files[i].name;
        tests[i].test_func = test_scenario;
        tests[i].initial_state = &files.files[i];
    }
    int failed = _cmocka_run_group_tests("scenarios", tests, files.count, NULL, NULL);
    free(tests);
    scenario_files_clear(&files);
    return failed;
}
