/*
 * transport_smtp.c: sends over SMTP and LMTP. Holds what outlives a message: the event loop, the trust
 * store, and the connection, which stays open for the next message while nothing went wrong on it.
 */
#include "transport/transport_smtp.h"

#include <string.h>

#include "transport/open_parts.h"
#include "transport/presets.h"
#include "transport/smtp_own.h"
#include "transport/wishes.h"
#include "util/base64.h"

#define DEFAULT_TIMEOUT_MS ((int64_t)1800 * 1000)
#define DEFAULT_TLS_TIMEOUT_MS ((int64_t)30 * 1000)
#define BYTES_PER_SECOND ((int64_t)64 * 1024)
#define NONCE_BYTES 18 /* 24 characters as base64, which has no comma (RFC 5802 5.1) */

int64_t tdm_smtp_send_deadline(int64_t now_ms, int64_t timeout_ms, int64_t size)
{
    if (timeout_ms < 0) {
        timeout_ms = DEFAULT_TIMEOUT_MS;
        timeout_ms += size > 0 ? size / BYTES_PER_SECOND * 1000 : 0;
    }
    return now_ms + timeout_ms;
}

/* The trust store is loaded once, at its first use. */
static struct tdm_tls_context *smtp_tls(void *owner, struct tidymail_error *error)
{
    struct tdm_smtp_own *own = owner;
    if (own->tls_context == NULL) {
        own->tls_context = tdm_open_tls(own->transport, error);
    }
    return own->tls_context;
}

/*
 * A connection that was kept open may have ended in the meantime, which shows only when the next
 * message begins: no answer to its MAIL (or the RSET before it), or 421. Nothing of the message was
 * sent then, so it goes over a new connection as if nothing had been. Silence is no such sign.
 */
static int smtp_is_stale(const struct tdm_smtp_own *own, const tidymail_report *report)
{
    const struct tidymail_error *error = &report->error;
    return own->reused && error->phase == TIDYMAIL_PHASE_MAIL && !error->maybe_delivered &&
           (error->kind == TIDYMAIL_KIND_CONNECTION || error->code == 421);
}

static void smtp_reported(void *owner, void *job, tidymail_report *report)
{
    struct tdm_smtp_own *own = owner;
    struct tdm_job *done = job;
    own->stale = smtp_is_stale(own, report); /* the report is the job's own */
    done->done = 1;
}

static void smtp_certificate(void *owner, const struct tdm_certificate *facts)
{
    const struct tdm_smtp_own *own = owner;
    own->transport->certificate(own->transport->certificate_context, facts);
}

static void smtp_trace(void *context, const tidymail_smtp_trace *line)
{
    const struct tdm_smtp_own *own = context;
    const struct tdm_trace *trace = &own->transport->trace;
    if (trace->line != NULL) {
        trace->line(trace->context, line->mark, line->phase, line->encrypted, line->text,
                    line->length);
    }
}

/* 0, or -1 where there are no random numbers: then there is no SCRAM. */
static int smtp_make_nonce(const struct tdm_smtp_own *own, char nonce[NONCE_BYTES / 3 * 4 + 1])
{
    unsigned char bytes[NONCE_BYTES];
    if (own->transport->clock.random == NULL ||
        own->transport->clock.random(bytes, sizeof(bytes)) != 0) {
        return -1;
    }
    nonce[tdm_base64_write(nonce, bytes, sizeof(bytes))] = '\0';
    return 0;
}

static tidymail_smtp *smtp_new_engine(struct tdm_smtp_own *own)
{
    char nonce[NONCE_BYTES / 3 * 4 + 1];
    const tidymail_transport *transport = own->transport;
    const struct tdm_options *given = &transport->options;
    struct tdm_smtp_login login;
    tidymail_smtp_options options = TIDYMAIL_SMTP_OPTIONS_INIT;
    if (tdm_preset_login(transport, &login) != 0) {
        return NULL;
    }
    options.helo = own->helo;
    options.server = own->server;
    options.user = login.user;
    options.password = login.password;
    options.auth = login.auth;
    options.tls = own->tls;
    options.cleartext_auth = given->cleartext_auth;
    options.no_pipelining = !given->pipelining;
    options.no_initial_response = !given->initial_response;
    options.no_partial = !given->partial;
    options.chunking = given->chunking;
    options.lmtp = own->lmtp;
    options.nonce = smtp_make_nonce(own, nonce) == 0 ? nonce : NULL;
    options.reply_timeout_ms = given->reply_timeout_ms;
    options.final_timeout_ms = given->final_timeout_ms;
    options.tls_timeout_ms =
        given->reply_timeout_set ? given->reply_timeout_ms : DEFAULT_TLS_TIMEOUT_MS;
    options.trace = smtp_trace;
    options.trace_context = own;
    tidymail_smtp *engine =
        tidymail_smtp_new_with(&options, transport->clock.now_ms(), &transport->allocator);
    tdm_wipe(login.derived, sizeof(login.derived));
    return engine;
}

static int smtp_fail_job(struct tdm_job *job, int kind, const char *words)
{
    return tdm_error_set(&job->report->error, kind, TIDYMAIL_PHASE_PREPARE, words, NULL);
}

static void smtp_drop_link(struct tdm_smtp_own *own)
{
    tdm_link_free(own->link);
    own->link = NULL;
    own->engine = NULL;
}

/* A new link; TIDYMAIL_OK or the kind of the error in the job's report. */
static int smtp_new_link(struct tdm_smtp_own *own, struct tdm_job *job)
{
    tidymail_transport *transport = own->transport;
    struct tdm_link_options options;
    if (!own->loop.open && tdm_loop_init(&own->loop, &transport->allocator) != 0) {
        return smtp_fail_job(job, TIDYMAIL_KIND_LOCAL,
                             "the event loop could not be set up (libuv)");
    }
    own->loop.resolver = transport->options.resolver;
    /* a wrong ca= or cert= is found before anything is connected; the system's roots can wait */
    const struct tdm_options *given = &transport->options;
    if (own->tls != TIDYMAIL_SMTP_TLS_NONE &&
        (given->ca != NULL || given->cert != NULL || given->key != NULL) &&
        smtp_tls(own, &job->report->error) == NULL) {
        return job->report->error.kind;
    }
    memset(&options, 0, sizeof(options));
    options.host = own->host;
    options.port = own->port;
    options.unix_path = own->unix_path;
    options.source = own->has_source ? &own->source : NULL;
    options.proxy = own->has_proxy ? &own->proxy : NULL;
    options.connect_timeout_ms = transport->options.connect_timeout_ms;
    options.now_ms = transport->clock.now_ms;
    options.trace.line = transport->trace.line;
    options.trace.context = transport->trace.context;
    options.tls = smtp_tls;
    options.certificate = transport->certificate != NULL ? smtp_certificate : NULL;
    options.reported = smtp_reported;
    options.owner = own;
    own->engine = smtp_new_engine(own);
    own->link = own->engine != NULL ? tdm_link_new(&own->loop, &options, own->engine) : NULL;
    if (own->link == NULL) {
        own->engine = NULL;
        return smtp_fail_job(job, TIDYMAIL_KIND_LOCAL,
                             "out of memory while preparing a connection");
    }
    return TIDYMAIL_OK;
}

static int smtp_submit(struct tdm_smtp_own *own, struct tdm_job *job, int64_t deadline_ms)
{
    tidymail_transport *transport = own->transport;
    tidymail_smtp_envelope envelope = job->envelope;
    tidymail_source source = job->source;
    source.release = NULL; /* the client does that */
    envelope.deadline_ms = deadline_ms;
    int kind = tdm_smtp_submit_report(own->engine, &envelope, &source, job->report, job,
                                      transport->clock.now_ms());
    if (kind == TIDYMAIL_KIND_MESSAGE) {
        smtp_fail_job(job, kind,
                      "the envelope has no recipient, or an address that SMTP cannot carry");
    } else if (kind != TIDYMAIL_OK) {
        smtp_fail_job(job, kind, "out of memory while preparing the message");
    }
    return kind;
}

static void smtp_note(struct tdm_smtp_own *own, const char *text)
{
    tidymail_transport *transport = own->transport;
    struct tdm_net_trace trace = {transport->trace.line, transport->trace.context};
    tdm_net_note(&trace, &transport->allocator, TIDYMAIL_PHASE_CONNECT, 0, "%s", text);
}

/* Runs the job over the link that stands, or over a new one. */
static void smtp_run_job(struct tdm_smtp_own *own, struct tdm_job *job, int64_t deadline_ms)
{
    own->reused = own->link != NULL;
    own->stale = 0;
    if ((!own->reused && smtp_new_link(own, job) != TIDYMAIL_OK) ||
        smtp_submit(own, job, deadline_ms) != TIDYMAIL_OK) {
        return;
    }
    if (own->reused) {
        tdm_link_drive(own->link);
    } else {
        tdm_link_connect(own->link);
    }
    while (!job->done && !tdm_link_is_closed(own->link)) {
        tdm_loop_step(&own->loop);
    }
}

static const struct tdm_capabilities smtp_capabilities = {.name = "an SMTP server",
                                                          .can = TDM_CAN_PLAIN};

static void smtp_send_job(tidymail_transport *transport, struct tdm_job *job)
{
    struct tdm_smtp_own *own = transport->impl;
    int64_t deadline_ms = tdm_smtp_send_deadline(transport->clock.now_ms(),
                                                 transport->options.timeout_ms, job->envelope.size);
    tdm_text_set(&job->report->allocator, &job->report->peer.server, own->server);
    if (own->link != NULL && !tdm_link_is_fresh(own->link)) {
        smtp_note(own, "the connection of the last message has ended; a new one is opened");
        smtp_drop_link(own);
    }
    smtp_run_job(own, job, deadline_ms);
    if (own->stale) {
        smtp_note(own, "the connection of the last message ended when this one began; nothing was "
                       "sent, and a new one is opened");
        smtp_drop_link(own);
        tdm_report_reopen(job->report);
        job->done = 0;
        smtp_run_job(own, job, deadline_ms); /* not reused now, so never stale again */
    }
    if (!job->done) {
        smtp_fail_job(job, TIDYMAIL_KIND_LOCAL, "the message was given up");
        tdm_report_decide(job->report);
        job->done = 1;
        smtp_drop_link(own);
    } else if (!tidymail_smtp_usable(own->engine)) {
        smtp_drop_link(own);
    }
}

static void smtp_send(tidymail_transport *transport, struct tdm_job *job)
{
    struct tdm_fronted fronted;
    if (tdm_wishes_begin(transport, &smtp_capabilities, job, &fronted) == TIDYMAIL_OK) {
        smtp_send_job(transport, job);
    } else {
        tdm_report_decide(job->report);
        job->done = 1;
    }
    tdm_wishes_end(job, &fronted);
}

static void smtp_close(tidymail_transport *transport)
{
    struct tdm_smtp_own *own = transport->impl;
    if (own == NULL) {
        return;
    }
    if (own->link != NULL && tdm_link_is_fresh(own->link)) {
        tdm_link_quit(own->link);
        while (!tdm_link_is_closed(own->link)) {
            tdm_loop_step(&own->loop); /* the engine's deadline of QUIT ends it */
        }
    }
    tdm_link_free(own->link);
    tdm_tls_context_free(own->tls_context);
    tdm_loop_clear(&own->loop);
    tdm_smtp_free_settings(own);
    transport->impl = NULL;
}

static int smtp_open(tidymail_transport *transport)
{
    return tdm_smtp_open(transport, 0, 0);
}

static int smtps_open(tidymail_transport *transport)
{
    return tdm_smtp_open(transport, 0, 1);
}

static int lmtp_open(tidymail_transport *transport)
{
    return tdm_smtp_open(transport, 1, 0);
}

const struct tdm_transport_ops tdm_transport_smtp = {
    .scheme = "smtp",
    .open = smtp_open,
    .send = smtp_send,
    .close = smtp_close,
    .login = TDM_TRANSPORT_LOGIN_SMTP,
};
const struct tdm_transport_ops tdm_transport_smtps = {
    .scheme = "smtps",
    .open = smtps_open,
    .send = smtp_send,
    .close = smtp_close,
    .login = TDM_TRANSPORT_LOGIN_SMTP,
};
const struct tdm_transport_ops tdm_transport_lmtp = {
    .scheme = "lmtp",
    .open = lmtp_open,
    .send = smtp_send,
    .close = smtp_close,
    .login = TDM_TRANSPORT_LOGIN_SMTP,
};
const struct tdm_transport_ops tdm_transport_lmtp_unix = {
    .scheme = "lmtp+unix",
    .open = lmtp_open,
    .send = smtp_send,
    .close = smtp_close,
    .login = TDM_TRANSPORT_LOGIN_SMTP,
    .is_unix = 1,
};
