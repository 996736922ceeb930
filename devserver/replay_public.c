/* replay_public.c: tidymail_scenario_replay (tidymail/devserver.h). */
#include <tidymail/devserver.h>

#include <string.h>

#include "replay.h"

#define PROBLEMS_MAX ((size_t)64 << 10)

tidymail_report *
tidymail_scenario_replay(const char *scenario, char *problems, size_t problems_size,
                         void (*trace)(void *context, const tidymail_smtp_trace *line),
                         void *trace_context)
{
    struct tdm_scenario parsed;
    struct tdm_replay_result result;
    struct tdm_replay_options options = TDM_REPLAY_OPTIONS_INIT;
    struct tdm_buf words;
    tidymail_report *report = NULL;
    options.trace = trace;
    options.trace_context = trace_context;
    tdm_buf_init(&words, NULL, PROBLEMS_MAX);
    if (tdm_scenario_parse(&parsed, scenario, strlen(scenario), &words) == 0) {
        tdm_replay(&parsed, &options, &result);
        tdm_buf_add(&words, tdm_buf_text(&result.problems), result.problems.length);
        report = result.report;
        result.report = NULL;
        tdm_replay_result_clear(&result);
    }
    tdm_scenario_clear(&parsed);
    if (problems != NULL && problems_size > 0) {
        size_t length = words.length < problems_size - 1 ? words.length : problems_size - 1;
        memcpy(problems, tdm_buf_text(&words), length);
        while (length > 0 && problems[length - 1] == '\n') {
            length--;
        }
        problems[length] = '\0';
    }
    tdm_buf_clear(&words);
    return report;
}
