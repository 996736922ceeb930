/* drain.c: see drain.h. */
#include "transport/drain.h"

#define DRAIN_PIECE 16384

int tdm_job_drain(struct tdm_job *job, int (*take)(void *context, const char *bytes, size_t length),
                  void *context)
{
    const tidymail_source *source = &job->source;
    char piece[DRAIN_PIECE];
    for (;;) {
        ptrdiff_t length = source->read(source->context, piece, sizeof(piece));
        if (length == 0) {
            return TIDYMAIL_OK;
        }
        if (length < 0) {
            const char *words = source->error != NULL ? source->error(source->context) : NULL;
            return tdm_error_setf(&job->report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_BODY,
                                  "the message could not be read%s%s", words != NULL ? ": " : "",
                                  words != NULL ? words : "");
        }
        if (take(context, piece, (size_t)length) != 0) {
            return TIDYMAIL_KIND_LOCAL;
        }
    }
}

void tdm_job_sent(struct tdm_job *job, const char *where)
{
    tidymail_report *report = job->report;
    tdm_text_set(&report->allocator, &report->peer.server, where);
    for (size_t i = 0; i < job->envelope.recipient_count; i++) {
        tdm_report_set_recipient(report, i, TIDYMAIL_SENT, 0, NULL, NULL, 0);
    }
    tdm_report_decide(report);
    job->done = 1;
}

void tdm_job_failed(struct tdm_job *job, const char *words, const char *hint)
{
    tdm_error_set(&job->report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_BODY, words, hint);
    tdm_report_decide(job->report);
    job->done = 1;
}
