/* wishes.c: see wishes.h. The message is not touched: it may go through another transport next. */
#include "transport/wishes.h"

#include <string.h>

#include "transport/presets.h"

#define WISHES_FIELDS_MAX ((size_t)1024 * 1024)

static void wishes_note(void *context, const char *line)
{
    tdm_report_add_note(context, line);
}

void tdm_wishes_note(struct tdm_job *job)
{
    struct tdm_buf line;
    size_t count = 0;
    tdm_buf_init(&line, &job->report->allocator, 1024);
    tdm_buf_add_str(&line, "asked of a mail service, and no part of the stored message:");
    for (int i = 0; i < TDM_FEATURE_COUNT && job->message != NULL; i++) {
        if (tdm_wishes_use(&job->message->service, (enum tdm_feature)i)) {
            tdm_buf_addf(&line, "%s %s", count++ > 0 ? "," : "",
                         tdm_feature_words((enum tdm_feature)i));
        }
    }
    if (count > 0 && !line.failed) {
        tdm_report_add_note(job->report, tdm_buf_text(&line));
    }
    tdm_buf_clear(&line);
}

static void wishes_put(struct tdm_fronted *fronted, struct tdm_job *job)
{
    fronted->size = job->envelope.size;
    tdm_fronted_put(fronted, &job->source);
    if (job->envelope.size >= 0) {
        job->envelope.size += (int64_t)fronted->fields.length;
    }
}

int tdm_wishes_begin(tidymail_transport *transport, const struct tdm_capabilities *plain,
                     struct tdm_job *job, struct tdm_fronted *fronted)
{
    memset(fronted, 0, sizeof(*fronted));
    tdm_buf_init(&fronted->fields, &transport->allocator, WISHES_FIELDS_MAX);
    if (job->message == NULL) {
        return TIDYMAIL_OK; /* a job without a client */
    }
    const struct tdm_preset_use *use = transport->preset;
    const struct tdm_service_wishes *wishes = &job->message->service;
    int kind = tdm_capabilities_check_wishes(
        use != NULL ? &use->preset->service.capabilities : plain, wishes,
        transport->options.drop_unsupported, wishes_note, job->report, &job->report->error);
    if (kind == TIDYMAIL_OK && use != NULL) {
        kind = tdm_preset_write_fields(use, wishes, &fronted->fields, &job->report->error);
    }
    if (kind == TIDYMAIL_OK && fronted->fields.length > 0) {
        wishes_put(fronted, job);
    }
    return kind;
}

void tdm_wishes_end(struct tdm_job *job, struct tdm_fronted *fronted)
{
    if (fronted->inner.read != NULL) {
        job->source = fronted->inner;
        job->envelope.size = fronted->size;
    }
    tdm_buf_clear(&fronted->fields);
}
