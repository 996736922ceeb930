/* replay_all.c: a scenario in every cut. See replay.h. */
#include <string.h>

#include "replay.h"

#define DESCRIPTION_MAX ((size_t)256 << 10)
#define CUTS_MAX 4096 /* of a server that says more, so many places are tried, evenly spread ... */
#define BYTES_MAX ((int64_t)32 << 20) /* ... and of one that says very much, fewer */

/* The first line that differs, as a problem. */
static void all_difference(struct tdm_buf *problems, const char *whole, const char *other)
{
    while (*whole != '\0' && *whole == *other) {
        whole++;
        other++;
    }
    /* back to the start of the line would need the whole text: the rest of the line is enough */
    tdm_buf_addf(problems, "the report differs: '%.*s' became '%.*s'\n", (int)strcspn(whole, "\n"),
                 whole, (int)strcspn(other, "\n"), other);
}

/* One run against what the whole run came to; 0, or -1 where it differs. */
static int all_compare(const struct tdm_scenario *scenario,
                       const struct tdm_replay_options *options, const struct tdm_buf *whole,
                       struct tdm_buf *problems)
{
    struct tdm_replay_result result;
    struct tdm_buf described;
    int differs = 0;
    tdm_buf_init(&described, NULL, DESCRIPTION_MAX);
    tdm_replay(scenario, options, &result);
    tdm_replay_describe(result.report, &described);
    differs = strcmp(tdm_buf_text(whole), tdm_buf_text(&described)) != 0;
    if (differs || result.problems.length > 0) {
        if (options->split == TDM_REPLAY_BYTEWISE) {
            tdm_buf_add_str(problems, "byte by byte: ");
        } else {
            tdm_buf_addf(problems, "cut behind byte %l: ", options->split_at);
        }
    }
    if (result.problems.length > 0) {
        tdm_buf_addf(problems, "%s", result.problems.data);
    } else if (differs) {
        all_difference(problems, tdm_buf_text(whole), tdm_buf_text(&described));
    }
    differs |= result.problems.length > 0;
    tdm_buf_clear(&described);
    tdm_replay_result_clear(&result);
    return differs ? -1 : 0;
}

size_t tdm_replay_all(const struct tdm_scenario *scenario, struct tdm_buf *problems)
{
    struct tdm_replay_options options = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_replay_result result;
    struct tdm_buf whole;
    size_t runs = 1;
    tdm_buf_init(&whole, NULL, DESCRIPTION_MAX);
    int playable = tdm_replay(scenario, &options, &result) == 0;
    int well = playable && result.problems.length == 0;
    int64_t total = result.server_bytes;
    tdm_buf_add(problems, tdm_buf_text(&result.problems), result.problems.length);
    tdm_replay_describe(result.report, &whole);
    tdm_replay_result_clear(&result);
    if (well) {
        options.split = TDM_REPLAY_BYTEWISE;
        well = all_compare(scenario, &options, &whole, problems) == 0;
        runs++;
    }
    options.split = TDM_REPLAY_AT;
    int64_t step = total / CUTS_MAX + 1;
    if (total > BYTES_MAX / CUTS_MAX && total / step > BYTES_MAX / total) {
        step = total / (BYTES_MAX / total + 1) + 1;
    }
    for (int64_t at = 1; at < total && well; at += step) {
        options.split_at = at;
        well = all_compare(scenario, &options, &whole, problems) == 0;
        runs++;
    }
    tdm_buf_clear(&whole);
    return playable ? runs : 0;
}
