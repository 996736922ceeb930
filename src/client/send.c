/*
 * send.c: the public calls of transport.h that open, close and send. A send makes the report first,
 * so that whatever happens later there is one; errors that stuck to transport and message come out
 * here, the transport's first.
 */
#include <string.h>

#include "client/credentials.h"
#include "client/dkim.h"
#include "client/edge.h"
#include "client/forms.h"
#include "client/hint.h"
#include "client/prepare.h"
#include "client/send.h"
#include "client/trace.h"
#include "transport/transport_impl.h"

/* A member of a group, with its own secret. */
static void send_deliver(tidymail_transport *transport, struct tdm_job *job)
{
    if (tdm_credentials_load(transport, &job->report->error) == TIDYMAIL_OK) {
        tdm_transport_send(transport, job);
        tdm_credentials_after(transport, &job->report->error);
    }
}

tidymail_transport *tidymail_transport_open(const char *url,
                                            const tidymail_transport_options *options)
{
    return tidymail_transport_open_with(url, options, NULL);
}

tidymail_transport *tidymail_transport_open_with(const char *url,
                                                 const tidymail_transport_options *options,
                                                 const tidymail_allocator *allocator)
{
    tidymail_transport_options own = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    if (options != NULL) {
        size_t size = options->struct_size < sizeof(own) ? options->struct_size : sizeof(own);
        memcpy(&own, options, size);
        own.struct_size = sizeof(own);
    }
    tidymail_transport *transport = tdm_transport_new(url, &own, allocator, &tdm_clock_system);
    if (transport == NULL) {
        return NULL;
    }
    struct tdm_transcript *transcript = tdm_alloc(&transport->allocator, sizeof(*transcript));
    if (transcript == NULL) {
        tdm_transport_free(transport);
        return NULL;
    }
    tdm_transcript_init(transcript, &transport->allocator, &transport->clock, &own);
    transport->client = transcript;
    transport->tracing_ms = -1;
    transcript->connection = &transport->tracing;
    transcript->line_ms = &transport->tracing_ms;
    transport->trace.line = tdm_transcript_line;
    transport->trace.context = transcript;
    transport->deliver = send_deliver;
    tdm_text_set(&transport->allocator, &transport->keylog, tdm_edge_keylog());
    return transport;
}

void tidymail_transport_close(tidymail_transport *transport)
{
    if (transport == NULL) {
        return;
    }
    tidymail_allocator allocator = transport->allocator;
    struct tdm_transcript *transcript = transport->client;
    tdm_submit_abort(transport);
    tdm_transport_free(transport); /* may still trace its QUIT */
    tdm_transcript_clear(transcript);
    tdm_free(&allocator, transcript);
}

static tidymail_report *send_refused(const tidymail_allocator *allocator, int kind,
                                     const char *words)
{
    tidymail_report *report = tdm_report_new(allocator, NULL, 0);
    if (report == NULL) {
        return &tdm_report_out_of_memory;
    }
    tdm_error_set(&report->error, kind, TIDYMAIL_PHASE_PREPARE, words, NULL);
    tdm_report_decide(report);
    return report;
}

static void send_log_result(tidymail_transport *transport, const tidymail_report *report)
{
    struct tdm_transcript *transcript = transport->client;
    int sent = report->outcome == TIDYMAIL_SENT;
    if (sent && transcript->log == NULL && !transport->options.transcript) {
        return; /* nobody will see it */
    }
    for (size_t i = 0; i < report->notes.count; i++) {
        tdm_transcript_log(transcript, TIDYMAIL_LOG_WARNING, TIDYMAIL_PHASE_FINAL,
                           report->notes.items[i]);
    }
    tdm_transcript_log(transcript, sent ? TIDYMAIL_LOG_INFO : TIDYMAIL_LOG_ERROR,
                       sent ? TIDYMAIL_PHASE_FINAL : report->error.phase,
                       tidymail_report_summary(report));
}

static void send_fill_wishes(const struct tdm_wishes *wishes, tidymail_smtp_envelope *envelope)
{
    envelope->dsn_notify = wishes->dsn_notify;
    envelope->dsn_ret = wishes->dsn_ret;
    envelope->dsn_envid = wishes->dsn_envid;
    envelope->require_tls = wishes->require_tls;
    envelope->deliver_by_s = wishes->deliver_by_s;
    envelope->deliver_by_mode = wishes->deliver_by_mode;
    envelope->hold_for_s = wishes->hold_for_s;
    envelope->hold_until = wishes->hold_until;
    envelope->has_priority = wishes->has_priority;
    envelope->priority = wishes->priority;
}

/* Fills what the transport needs to know; TIDYMAIL_OK or the kind of the error in the report. */
static int send_fill_job(tidymail_transport *transport, tidymail_message *message,
                         struct tdm_outgoing *out)
{
    struct tdm_job *job = &out->job;
    tidymail_report *report = job->report;
    struct tidymail_error *error = &report->error;
    if (transport->error.kind != TIDYMAIL_OK) {
        tdm_error_copy(error, &transport->error);
        return error->kind;
    }
    if (tidymail_message_error(message) != NULL) {
        tdm_error_copy(error, tidymail_message_error(message));
        return error->kind;
    }
    if (tdm_credentials_load(transport, error) != TIDYMAIL_OK) {
        return error->kind;
    }
    /* forms would read a source that can be read once, and a service reads it too */
    if (!transport->ops->takes_message &&
        tdm_forms_open(&out->forms, message, transport->options.chunking, &job->source) !=
            TIDYMAIL_OK) {
        tdm_error_copy(error, tidymail_message_error(message));
        return error->kind;
    }
    job->message = message;
    job->open_raw = tdm_open_signed;
    job->envelope.from = tdm_message_envelope_from(message);
    job->envelope.recipients = tdm_message_recipients(message);
    job->envelope.recipient_count = tdm_message_recipient_count(message);
    job->envelope.message_id = tdm_message_id(message);
    job->envelope.body_8bit = tdm_message_is_8bit(message);
    job->envelope.utf8 = tdm_message_needs_utf8(message);
    job->envelope.size = job->source.size != NULL ? job->source.size(job->source.context) : -1;
    job->envelope.form = tdm_forms_choose;
    job->envelope.form_context = &out->forms;
    send_fill_wishes(tdm_message_wishes(message), &job->envelope);
    tdm_text_set(&report->allocator, &report->message_id, job->envelope.message_id);
    return TIDYMAIL_OK;
}

int tdm_send_begin(tidymail_transport *transport, tidymail_message *message,
                   struct tdm_outgoing *out)
{
    memset(out, 0, sizeof(*out));
    out->job.envelope = (tidymail_smtp_envelope)TIDYMAIL_SMTP_ENVELOPE_INIT;
    tdm_message_prepare_now(message); /* an error sticks to the message */
    tidymail_report *report = tdm_report_new(&transport->allocator, tdm_message_recipients(message),
                                             tdm_message_recipient_count(message));
    out->job.report = report;
    if (report == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    tdm_text_set(&report->allocator, &report->transport, transport->url.scheme);
    return send_fill_job(transport, message, out);
}

void tdm_send_end(tidymail_transport *transport, struct tdm_outgoing *out)
{
    tidymail_report *report = out->job.report;
    tdm_report_decide(report); /* nothing to do where the transport did */
    if (out->job.source.release != NULL) {
        out->job.source.release(out->job.source.context);
    }
    send_log_result(transport, report);
    if (report->outcome != TIDYMAIL_SENT || transport->options.transcript) {
        struct tdm_buf text;
        tdm_buf_init(&text, &report->allocator, TDM_TRANSCRIPT_TEXT_MAX);
        tdm_transcript_text(transport->client, out->job.waits ? -1 : out->job.connection, &text);
        tdm_text_set(&report->allocator, &report->transcript, tdm_buf_text(&text));
        tdm_buf_clear(&text);
    }
}

tidymail_report *tidymail_send(tidymail_transport *transport, tidymail_message *message)
{
    if (transport == NULL) {
        return send_refused(NULL, TIDYMAIL_KIND_CONFIGURATION, "no transport (NULL) was given");
    }
    if (message == NULL) {
        return send_refused(&transport->allocator, TIDYMAIL_KIND_MESSAGE,
                            "no message (NULL) was given");
    }
    if (transport->under_way == 0) {
        tdm_transcript_start(transport->client);
    }
    struct tdm_outgoing out;
    int kind = tdm_send_begin(transport, message, &out);
    if (out.job.report == NULL) {
        return &tdm_report_out_of_memory;
    }
    if (kind == TIDYMAIL_OK) {
        tdm_transport_send(transport, &out.job);
        tdm_hint_add(&out.job.report->error);
        tdm_credentials_after(transport, &out.job.report->error);
    }
    tdm_send_end(transport, &out);
    return out.job.report;
}
