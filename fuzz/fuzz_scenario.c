/* fuzz_scenario.c: the parser of scenario files. The input is a file. */
#include "devserver/scenario.h"
#include "fuzz_input.h"

static void scenario_check(const struct tdm_scenario *scenario)
{
    FUZZ_CHECK(scenario->recipient_count > 0, "there is always a recipient");
    FUZZ_CHECK(tdm_scenario_from(scenario) != NULL, "there is always a sender");
    int tls = tdm_scenario_tls(scenario);
    FUZZ_CHECK(tls >= 0 && tls <= 3, "a known way of encryption");
    int has_tls = tdm_scenario_has_tls(scenario);
    int tls_steps = 0;
    for (size_t i = 0; i < scenario->step_count; i++) {
        const struct tdm_scene_step *step = &scenario->steps[i];
        int says = step->type == TDM_SCENE_SEND || step->type == TDM_SCENE_EXPECT;
        tls_steps += step->type == TDM_SCENE_TLS;
        FUZZ_CHECK(step->line > 0, "each step has its line");
        FUZZ_CHECK(!says || (step->text != NULL && step->text[step->length] == '\0'),
                   "a NUL follows a text");
        FUZZ_CHECK(step->type != TDM_SCENE_SEND || step->repeat > 0, "what is sent, is sent once");
        FUZZ_CHECK(step->duration_ms >= 0, "no time is negative");
        if (step->type == TDM_SCENE_EXPECT) {
            (void)tdm_scenario_matches(step->text, step->text, step->length);
        }
    }
    FUZZ_CHECK(has_tls || tls_steps == 0, "a @tls needs TLS");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tdm_scenario scenario;
    struct tdm_buf error;
    char *copy = fuzz_copy((const char *)data, size);
    tdm_buf_init(&error, NULL, (size_t)1 << 20);
    int failed = tdm_scenario_parse(&scenario, copy, size, &error);
    if (failed) {
        FUZZ_CHECK_SHOW(strncmp(tdm_buf_text(&error), "line ", 5) == 0, "an error names its line",
                        tdm_buf_text(&error));
        FUZZ_CHECK(memchr(error.data, '\n', error.length) == NULL, "an error is one line");
    } else {
        FUZZ_CHECK(error.length == 0, "no error where it did not fail");
        scenario_check(&scenario);
    }
    tdm_scenario_clear(&scenario);
    tdm_buf_clear(&error);
    fuzz_free(copy);
    return 0;
}
