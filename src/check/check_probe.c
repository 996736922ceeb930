/* check_probe.c: see check_data.h. The session is run by the transport and its engine, as a send is:
 * what the check says is what a send would meet. */
#include <string.h>

#include "check/check_data.h"
#include "client/credentials.h"
#include "client/hint.h"
#include "util/str.h"

#define SESSION_LINES_MAX 4096

void tdm_check_session_init(struct tdm_check_session *session, const tidymail_allocator *allocator,
                            int64_t (*now_ms)(void))
{
    memset(session, 0, sizeof(*session));
    session->allocator = *allocator;
    session->now_ms = now_ms;
}

void tdm_check_session_clear(struct tdm_check_session *session)
{
    for (size_t i = 0; i < session->count; i++) {
        tdm_free(&session->allocator, session->lines[i].text);
    }
    tdm_free(&session->allocator, session->lines);
    tdm_certificate_clear(&session->allocator, &session->certificate);
    tidymail_report_free(session->report);
    memset(session, 0, sizeof(*session));
}

static void probe_line(void *context, int mark, int phase, int encrypted, const char *text,
                       size_t length)
{
    struct tdm_check_session *session = context;
    if (mark == TIDYMAIL_SMTP_MARK_STATE && session->check != NULL) {
        char state[16] = "";
        memcpy(state, text, length < sizeof(state) - 1 ? length : sizeof(state) - 1);
        int stage = tdm_check_stage_of_state(state, session->had_starttls);
        session->had_starttls |= stage == TDM_CHECK_STARTTLS;
        tdm_check_progress(session->check, stage);
    }
    if (session->count == session->capacity) {
        size_t capacity = session->capacity > 0 ? session->capacity * 2 : 32;
        struct tdm_check_line *lines =
            capacity > SESSION_LINES_MAX
                ? NULL
                : tdm_resize_array(&session->allocator, session->lines, capacity, sizeof(*lines));
        if (lines == NULL) {
            session->failed = 1;
            return;
        }
        session->lines = lines;
        session->capacity = capacity;
    }
    char *copy = tdm_strndup(&session->allocator, text, length);
    if (copy == NULL) {
        session->failed = 1;
        return;
    }
    session->lines[session->count++] =
        (struct tdm_check_line){mark, phase, encrypted, session->now_ms(), copy};
}

/* The transcript of the client, too, so that the report has it. */
struct probe_trace {
    struct tdm_check_session *session;
    struct tdm_trace client;
};

static void probe_trace(void *context, int mark, int phase, int encrypted, const char *text,
                        size_t length)
{
    struct probe_trace *trace = context;
    probe_line(trace->session, mark, phase, encrypted, text, length);
    if (trace->client.line != NULL) {
        trace->client.line(trace->client.context, mark, phase, encrypted, text, length);
    }
}

static void probe_copy(const tidymail_allocator *allocator, char **to, const char *from)
{
    tdm_text_set(allocator, to, from);
}

static void probe_certificate(void *context, const struct tdm_certificate *facts)
{
    struct tdm_check_session *session = context;
    const tidymail_allocator *allocator = &session->allocator;
    struct tdm_certificate *own = &session->certificate;
    session->has_certificate = 1;
    probe_copy(allocator, &own->names, facts->names);
    probe_copy(allocator, &own->issuer, facts->issuer);
    probe_copy(allocator, &own->not_before, facts->not_before);
    probe_copy(allocator, &own->not_after, facts->not_after);
    probe_copy(allocator, &own->sha256, facts->sha256);
    probe_copy(allocator, &own->chain, facts->chain);
    probe_copy(allocator, &own->problem, facts->problem);
    own->verified = facts->verified;
    own->seconds_left = facts->seconds_left;
}

int tdm_check_probe(struct tdm_check_session *session, tidymail_transport *transport,
                    const tidymail_check_options *options, tidymail_message *message)
{
    struct tdm_job job;
    struct probe_trace trace = {session, transport->trace};
    session->report = tdm_report_new(&session->allocator, options->to, options->to_count);
    if (session->report == NULL) {
        return -1;
    }
    struct tidymail_error *error = &session->report->error;
    tdm_text_set(&session->allocator, &session->report->transport, transport->url.scheme);
    if (transport->error.kind != TIDYMAIL_OK) {
        tdm_error_copy(error, &transport->error);
    } else if (tdm_credentials_load(transport, error) == TIDYMAIL_OK) {
        memset(&job, 0, sizeof(job));
        job.report = session->report;
        job.message = message;
        job.envelope = (tidymail_smtp_envelope)TIDYMAIL_SMTP_ENVELOPE_INIT;
        job.envelope.from = options->from;
        job.envelope.recipients = options->to;
        job.envelope.recipient_count = options->to_count;
        job.envelope.size = options->size > 0 ? options->size : -1;
        job.envelope.probe = 1;
        transport->trace.line = probe_trace;
        transport->trace.context = &trace;
        transport->certificate = probe_certificate;
        transport->certificate_context = session;
        transport->ops->send(transport, &job);
        tdm_hint_add(error);
        transport->ops->close(transport); /* its QUIT belongs to the walk */
        transport->ops = NULL;
        transport->trace = trace.client;
    }
    tdm_report_decide(session->report);
    return 0;
}

const char *tdm_check_reply(const char *line, int *code)
{
    *code = 0;
    for (int i = 0; i < 3; i++) {
        if (!tdm_is_digit(line[i])) {
            *code = 0;
            return line;
        }
        *code = *code * 10 + (line[i] - '0');
    }
    line += 3;
    return *line == '-' || *line == ' ' ? line + 1 : line;
}
