/*
 * rest_verdict.c: what became of a request that has no whole answer. Two questions decide: can the server
 * have the whole request (then nobody knows whether it acted on it), and did it say no before the
 * connection was lost (a status of 300 or more: that stands, whatever came later).
 */
#include "net/note.h"
#include "transport/rest_own.h"

/* The whole request may be with the server. */
static int verdict_is_written(const struct tdm_carrier *own)
{
    if (own->tls != NULL && !tdm_tls_guest_is_done(own->tls)) {
        return 0;
    }
    return own->head_sent && own->taken >= own->exchange->request->body.length;
}

static void verdict_add_server(const struct tdm_carrier *own, struct tdm_buf *line)
{
    const char *server = own->exchange->report->peer.server;
    tdm_buf_add_str(line, server != NULL ? server : own->exchange->service);
}

static int verdict_timeout(const struct tdm_carrier *own, struct tdm_buf *line)
{
    const char *service = own->exchange->service;
    switch (own->limit_of) {
    case TDM_LIMIT_TLS:
        tdm_buf_add_str(line, "the TLS handshake with ");
        verdict_add_server(own, line);
        tdm_buf_add_str(line, " took longer than ");
        tdm_net_add_seconds(line, own->limit_ms);
        break;
    case TDM_LIMIT_PROGRESS:
        tdm_buf_addf(line, "%s took nothing more of the request for ", service);
        tdm_net_add_seconds(line, own->limit_ms);
        tdm_buf_add_str(line, " (reply-timeout)");
        break;
    case TDM_LIMIT_ANSWER:
        tdm_buf_addf(line, "%s gave no whole answer within ", service);
        tdm_net_add_seconds(line, own->limit_ms);
        tdm_buf_add_str(line, " (final-timeout)");
        break;
    case TDM_LIMIT_WHOLE:
        tdm_buf_addf(line, "%s gave no whole answer before the time for the whole send was over",
                     service);
        break;
    }
    return TIDYMAIL_KIND_TIMEOUT;
}

static int verdict_stopped(const struct tdm_carrier *own, struct tdm_buf *line)
{
    if (own->too_large) {
        tdm_buf_addf(line, "the answer of %s is larger than %z bytes", own->exchange->service,
                     own->exchange->response->body.max);
        return TIDYMAIL_KIND_PROTOCOL;
    }
    tdm_buf_add_str(line, "out of memory while reading the answer");
    return TIDYMAIL_KIND_LOCAL;
}

/* The kind, and the words for it. */
static int verdict_kind(const struct tdm_carrier *own, struct tdm_buf *line)
{
    const char *service = own->exchange->service;
    if (own->timed_out) {
        return verdict_timeout(own, line);
    }
    if (own->no_memory || own->end == TDM_HTTP_STOPPED) {
        return verdict_stopped(own, line);
    }
    switch (own->end) {
    case TDM_HTTP_MEMORY:
        tdm_buf_add_str(line, "out of memory while sending the request");
        return TIDYMAIL_KIND_LOCAL;
    case TDM_HTTP_PROTOCOL:
        tdm_buf_addf(line, "what came from %s is no answer in HTTP", service);
        return TIDYMAIL_KIND_PROTOCOL;
    case TDM_HTTP_DONE:
    case TDM_HTTP_NO_SOCKET:
    case TDM_HTTP_STOPPED:
    case TDM_HTTP_TLS:
    case TDM_HTTP_CUT:
    case TDM_HTTP_OTHER:
        break;
    }
    tdm_buf_add_str(line, "the connection to ");
    verdict_add_server(own, line);
    tdm_buf_addf(line,
                 own->head_is_whole ? " ended in the middle of the answer of %s"
                                    : " ended before %s answered",
                 service);
    return TIDYMAIL_KIND_CONNECTION;
}

static const char *verdict_hint(const struct tdm_carrier *own, int kind, int written)
{
    if (written) {
        return own->exchange->idempotent
                   ? "try again with the same idempotency key: the service takes it once"
                   : "a retry may deliver it twice: look at the service's log before sending it "
                     "again";
    }
    switch (kind) {
    case TIDYMAIL_KIND_PROTOCOL:
        return "check the endpoint and what stands between (a proxy?)";
    case TIDYMAIL_KIND_CONNECTION:
    case TIDYMAIL_KIND_TIMEOUT:
        return "the message was not delivered: it can be sent again";
    default:
        return NULL;
    }
}

/* The handshake failed, or the server refused our certificate behind its end (RFC 8446 4.4.2.4). */
static int verdict_is_tls(const struct tdm_carrier *own, int written, struct tidymail_error *error)
{
    if (own->tls == NULL || own->timed_out || own->no_memory) {
        return 0;
    }
    if (tdm_tls_guest_is_done(own->tls)) {
        return tdm_tls_refused_late(own->tls, error) ||
               (!written && tdm_tls_guest_asked(own->tls, error));
    }
    tdm_tls_guest_explain(own->tls, error);
    tdm_carrier_show_certificate(own, error);
    return 1;
}

static void verdict_fail(struct tdm_carrier *own)
{
    struct tidymail_error *error = &own->exchange->report->error;
    int written = verdict_is_written(own);
    struct tdm_buf line;
    if (verdict_is_tls(own, written, error)) {
        error->phase = TIDYMAIL_PHASE_REQUEST;
        return;
    }
    tdm_buf_init(&line, &error->allocator, 2048);
    int kind = verdict_kind(own, &line);
    if (written) {
        tdm_buf_add_str(&line, "; the message may have been taken");
    }
    tdm_error_set(error, kind, TIDYMAIL_PHASE_REQUEST, line.failed ? NULL : tdm_buf_text(&line),
                  verdict_hint(own, kind, written));
    tdm_buf_clear(&line);
    error->code = own->head_is_whole ? own->status : 0;
    error->maybe_delivered = written;
    error->retryable = written ? own->exchange->idempotent
                               : kind == TIDYMAIL_KIND_CONNECTION || kind == TIDYMAIL_KIND_TIMEOUT;
}

int tdm_carrier_judge(struct tdm_carrier *own)
{
    if (own->end == TDM_HTTP_DONE && !own->timed_out) {
        return 1;
    }
    if (own->head_is_whole && own->status >= 300 && !own->no_memory) {
        tdm_report_add_note(own->exchange->report, "the answer was cut short");
        return 1;
    }
    verdict_fail(own);
    return 0;
}
