/*
 * fuzz_replay.c: conversations. The input is a scenario file behind four bytes that say where the
 * server's bytes are cut in two, and whether and where the connection is lost or stalls. What no run
 * may do (tdm_replay names it) must not happen, and the report must be the same for every cut.
 */
#include "devserver/replay.h"
#include "fuzz_input.h"

#define BYTES_MAX ((size_t)4000) /* what the server says */
#define TIME_MAX ((int64_t)7200000)
#define STEPS_MAX 100

/* What tdm_replay says about runs that break a promise, whatever the file expects. (That a message
 * is reported as sent which the server never had is judged in fuzz_engine.c: here the script may say
 * 250 to anything.) */
static const char *const broken[] = {
    "the report came with another context", "a second report came", "no report came",
    "the engine waits without a deadline",  "the conversation",     "the message's source",
};

static int replay_fits(const struct tdm_scenario *scenario)
{
    size_t bytes = 0;
    int64_t time = 0;
    for (size_t i = 0; i < scenario->step_count; i++) {
        const struct tdm_scene_step *step = &scenario->steps[i];
        if (step->repeat > BYTES_MAX || step->duration_ms > TIME_MAX) {
            return 0;
        }
        bytes += step->type == TDM_SCENE_SEND ? step->length * step->repeat : 0;
        time += step->duration_ms * (step->bytewise ? (int64_t)(step->length * step->repeat) : 1);
        if (bytes > BYTES_MAX || time > TIME_MAX) {
            return 0;
        }
    }
    return scenario->step_count <= STEPS_MAX && scenario->recipient_count <= STEPS_MAX;
}

/* 1 where a line of `text` begins so: the file's own words stand behind "line N: ". */
static int replay_has_line(const char *text, const char *begin)
{
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, begin, strlen(begin)) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Plays it; appends the report to `words`. */
static void replay_once(const struct tdm_scenario *scenario,
                        const struct tdm_replay_options *options, struct tdm_buf *words)
{
    struct tdm_replay_result result;
    if (tdm_replay(scenario, options, &result) == 0) {
        const char *problems = tdm_buf_text(&result.problems);
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
            FUZZ_CHECK_SHOW(!replay_has_line(problems, broken[i]), "what no run may do", problems);
        }
        if (result.report != NULL) {
            tdm_replay_describe(result.report, words);
        }
    }
    tdm_replay_result_clear(&result);
}

static void replay_all(const struct tdm_scenario *scenario, const uint8_t *choice)
{
    struct tdm_replay_options whole = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_replay_options other = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_buf words;
    struct tdm_buf others;
    tdm_buf_init(&words, NULL, (size_t)16 << 20);
    tdm_buf_init(&others, NULL, (size_t)16 << 20);
    replay_once(scenario, &whole, &words);
    other.split = choice[0] == 0 ? TDM_REPLAY_BYTEWISE : TDM_REPLAY_AT;
    other.split_at = choice[0] + (choice[1] & 1) * 256;
    replay_once(scenario, &other, &others);
    FUZZ_CHECK_SHOW(words.length == others.length &&
                        memcmp(tdm_buf_text(&words), tdm_buf_text(&others), words.length) == 0,
                    "the same report for every cut", tdm_buf_text(&others));
    struct tdm_replay_options lost = TDM_REPLAY_OPTIONS_INIT;
    int64_t at = choice[2] + (choice[1] & 6) * 128;
    switch (choice[3] & 3) {
    case 0:
        lost.cut_server = at;
        break;
    case 1:
        lost.cut_client = at;
        break;
    case 2:
        lost.stall_server = at;
        break;
    default:
        lost.stall_client = at;
        break;
    }
    tdm_buf_reset(&others);
    replay_once(scenario, &lost, &others);
    tdm_buf_clear(&words);
    tdm_buf_clear(&others);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct tdm_scenario scenario;
    struct tdm_buf error;
    uint8_t choice[4];
    for (size_t i = 0; i < sizeof(choice); i++) {
        choice[i] = fuzz_byte(&input);
    }
    tdm_buf_init(&error, NULL, (size_t)1 << 20);
    if (tdm_scenario_parse(&scenario, (const char *)input.at, input.left, &error) == 0 &&
        replay_fits(&scenario)) {
        replay_all(&scenario, choice);
    }
    tdm_scenario_clear(&scenario);
    tdm_buf_clear(&error);
    return 0;
}
