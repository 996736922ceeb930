/*
 * transport_smtp.c: sends over SMTP and LMTP. Holds what outlives a message: the event loop, the trust
 * store, and the connections, which stay open for the next message while nothing went wrong on them
 * (which message goes where: smtp_pool.c).
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
#define LOOKED_UP_MS 1000 /* how long an answer serves the connections that follow each other */
#define NONCE_BYTES 18    /* 24 characters as base64, which has no comma (RFC 5802 5.1) */

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
    const struct tdm_smtp_line *line = owner;
    struct tdm_smtp_own *own = line->own;
    if (own->tls_context == NULL) {
        own->tls_context = tdm_open_tls(own->transport, error);
    }
    return own->tls_context;
}

static void smtp_resolved(void *owner, const struct tdm_address *addresses, size_t count)
{
    const struct tdm_smtp_line *line = owner;
    struct tdm_smtp_own *own = line->own;
    own->address_count = count < TDM_SMTP_ADDRESSES_MAX ? count : TDM_SMTP_ADDRESSES_MAX;
    memcpy(own->addresses, addresses, own->address_count * sizeof(*addresses));
    own->looked_up_ms = own->transport->clock.now_ms();
}

static void smtp_certificate(void *owner, const struct tdm_certificate *facts)
{
    const struct tdm_smtp_line *line = owner;
    const tidymail_transport *transport = line->own->transport;
    transport->certificate(transport->certificate_context, facts);
}

static void smtp_trace_line(void *context, int mark, int phase, int encrypted, const char *text,
                            size_t length)
{
    const struct tdm_smtp_line *line = context;
    tidymail_transport *transport = line->own->transport;
    if (transport->trace.line != NULL) {
        transport->tracing = line->number;
        transport->trace.line(transport->trace.context, mark, phase, encrypted, text, length);
        transport->tracing = 0;
    }
}

static void smtp_trace(void *context, const tidymail_smtp_trace *line)
{
    const struct tdm_smtp_line *own = context;
    tidymail_transport *transport = own->own->transport;
    transport->tracing_ms = own->engine != NULL ? tdm_smtp_now(own->engine) : -1;
    smtp_trace_line(context, line->mark, line->phase, line->encrypted, line->text, line->length);
    transport->tracing_ms = -1;
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

static tidymail_smtp *smtp_new_engine(struct tdm_smtp_line *line)
{
    const struct tdm_smtp_own *own = line->own;
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
    options.nonce = login.user != NULL && smtp_make_nonce(own, nonce) == 0 ? nonce : NULL;
    options.reply_timeout_ms = given->reply_timeout_ms;
    options.final_timeout_ms = given->final_timeout_ms;
    options.tls_timeout_ms =
        given->reply_timeout_set ? given->reply_timeout_ms : DEFAULT_TLS_TIMEOUT_MS;
    options.trace = smtp_trace;
    options.trace_context = line;
    options.window = given->window;
    tidymail_smtp *engine =
        tidymail_smtp_new_with(&options, transport->clock.now_ms(), &transport->allocator);
    tdm_wipe(login.derived, sizeof(login.derived));
    return engine;
}

static int smtp_fail_job(struct tdm_job *job, int kind, const char *words)
{
    return tdm_error_set(&job->report->error, kind, TIDYMAIL_PHASE_PREPARE, words, NULL);
}

static void smtp_timer(void *context)
{
    (void)context; /* it only ends a wait */
}

static int smtp_open_loop(struct tdm_smtp_own *own)
{
    if (!own->loop.open && tdm_loop_init(&own->loop, &own->transport->allocator) != 0) {
        return -1;
    }
    own->loop.resolver = own->transport->options.resolver;
    if (own->timer == NULL) {
        own->timer = tdm_timer_new(&own->loop, smtp_timer, own);
    }
    return own->timer != NULL ? 0 : -1;
}

/* 0, or -1 with an error in the job's report. */
static int smtp_fill_line(struct tdm_smtp_line *line, struct tdm_job *job)
{
    struct tdm_smtp_own *own = line->own;
    tidymail_transport *transport = own->transport;
    struct tdm_link_options options;
    /* a wrong ca= or cert= is found before anything is connected; the system's roots can wait */
    const struct tdm_options *given = &transport->options;
    if (own->tls != TIDYMAIL_SMTP_TLS_NONE &&
        (given->ca != NULL || given->cert != NULL || given->key != NULL) &&
        smtp_tls(line, &job->report->error) == NULL) {
        return -1;
    }
    memset(&options, 0, sizeof(options));
    options.host = own->host;
    options.port = own->port;
    options.unix_path = own->unix_path;
    options.source = own->has_source ? &own->source : NULL;
    options.proxy = own->has_proxy ? &own->proxy : NULL;
    options.connect_timeout_ms = transport->options.connect_timeout_ms;
    options.now_ms = transport->clock.now_ms;
    options.resolved = smtp_resolved;
    if (own->address_count > 0 && transport->clock.now_ms() - own->looked_up_ms < LOOKED_UP_MS) {
        options.addresses = own->addresses;
        options.address_count = own->address_count;
    }
    if (transport->trace.line != NULL) {
        options.trace.line = smtp_trace_line;
        options.trace.context = line;
    }
    options.tls = smtp_tls;
    options.certificate = transport->certificate != NULL ? smtp_certificate : NULL;
    options.reported = tdm_smtp_pool_reported;
    options.more = tdm_smtp_pool_more;
    options.owner = line;
    line->engine = smtp_new_engine(line);
    line->link = line->engine != NULL ? tdm_link_new(&own->loop, &options, line->engine) : NULL;
    if (line->link == NULL) {
        smtp_fail_job(job, TIDYMAIL_KIND_LOCAL, "out of memory while preparing a connection");
        return -1;
    }
    return 0;
}

struct tdm_smtp_line *tdm_smtp_line_new(struct tdm_smtp_own *own, struct tdm_job *job)
{
    struct tdm_smtp_line *line = tdm_alloc_array(&own->transport->allocator, 1, sizeof(*line));
    if (line == NULL) {
        smtp_fail_job(job, TIDYMAIL_KIND_LOCAL, "out of memory while preparing a connection");
        return NULL;
    }
    line->own = own;
    line->number = ++own->last_number;
    line->opened_ms = line->idle_ms = own->transport->clock.now_ms();
    if (smtp_fill_line(line, job) != 0) {
        tdm_smtp_line_free(line);
        return NULL;
    }
    return line;
}

void tdm_smtp_line_free(struct tdm_smtp_line *line)
{
    tdm_link_free(line->link);
    tdm_free(&line->own->transport->allocator, line);
}

int tdm_smtp_line_submit(struct tdm_smtp_line *line, struct tdm_job *job)
{
    tidymail_transport *transport = line->own->transport;
    tidymail_smtp_envelope envelope = job->envelope;
    tidymail_source source = job->source;
    int64_t now_ms = transport->clock.now_ms();
    source.release = NULL; /* the client does that */
    if (job->deadline_ms == 0 || !job->waits) {
        job->deadline_ms =
            tdm_smtp_send_deadline(now_ms, transport->options.timeout_ms, job->envelope.size);
    }
    envelope.deadline_ms = job->deadline_ms;
    int kind = tdm_smtp_submit_report(line->engine, &envelope, &source, job->report, job, now_ms);
    if (kind == TIDYMAIL_KIND_MESSAGE) {
        smtp_fail_job(job, kind,
                      "the envelope has no recipient, or an address that SMTP cannot carry");
    } else if (kind != TIDYMAIL_OK) {
        smtp_fail_job(job, kind, "out of memory while preparing the message");
    }
    return kind;
}

void tdm_smtp_note(struct tdm_smtp_own *own, const char *text)
{
    tidymail_transport *transport = own->transport;
    struct tdm_net_trace trace = {transport->trace.line, transport->trace.context};
    tdm_net_note(&trace, &transport->allocator, TIDYMAIL_PHASE_CONNECT, 0, "%s", text);
}

static void smtp_fail_loop(struct tdm_job *job)
{
    smtp_fail_job(job, TIDYMAIL_KIND_LOCAL, "the event loop could not be set up (libuv)");
    tdm_report_decide(job->report);
    job->done = 1;
}

static void smtp_begin_job(struct tdm_smtp_own *own, struct tdm_job *job)
{
    tdm_text_set(&job->report->allocator, &job->report->peer.server, own->server);
    if (own->limit == 0) {
        own->limit = (size_t)own->transport->options.connections;
    }
}

static const struct tdm_capabilities smtp_capabilities = {.name = "an SMTP server",
                                                          .can = TDM_CAN_PLAIN};

static void smtp_send_job(tidymail_transport *transport, struct tdm_job *job)
{
    struct tdm_smtp_own *own = transport->impl;
    smtp_begin_job(own, job);
    if (smtp_open_loop(own) != 0) {
        smtp_fail_loop(job);
        return;
    }
    job->waits = 1;
    job->deadline_ms = tdm_smtp_send_deadline(transport->clock.now_ms(),
                                              transport->options.timeout_ms, job->envelope.size);
    tdm_job_prepend(&own->queue, job);
    tdm_smtp_pool_pump(own);
    while (!job->done) {
        tdm_smtp_pool_wait(own, job, -1);
    }
    tdm_smtp_pool_pump(own); /* a line that ended with it is not kept */
}

static void smtp_submit(tidymail_transport *transport, struct tdm_job *job)
{
    struct tdm_smtp_own *own = transport->impl;
    smtp_begin_job(own, job);
    int kind = tdm_wishes_begin(transport, &smtp_capabilities, job, job->fronted);
    if (kind != TIDYMAIL_OK || smtp_open_loop(own) != 0) {
        if (kind == TIDYMAIL_OK) {
            smtp_fail_loop(job);
        }
        tdm_report_decide(job->report);
        tdm_job_append(&transport->ended, job);
        return;
    }
    transport->under_way++;
    tdm_job_append(&own->queue, job);
}

static void smtp_run(tidymail_transport *transport, int64_t timeout_ms)
{
    struct tdm_smtp_own *own = transport->impl;
    int64_t until_ms = timeout_ms < 0 ? -1 : transport->clock.now_ms() + timeout_ms;
    if (smtp_open_loop(own) != 0) {
        return;
    }
    if (timeout_ms == 0) {
        tdm_smtp_pool_pump(own);
        tdm_loop_poll(&own->loop);
        tdm_smtp_pool_pump(own);
        return;
    }
    do {
        tdm_smtp_pool_wait(own, NULL, until_ms);
    } while (transport->ended.first == NULL && transport->under_way > 0 &&
             (until_ms < 0 || transport->clock.now_ms() < until_ms));
}

static int smtp_fd(tidymail_transport *transport)
{
    struct tdm_smtp_own *own = transport->impl;
    return smtp_open_loop(own) == 0 ? tdm_loop_fd(&own->loop) : -1;
}

static int smtp_next_timeout(tidymail_transport *transport)
{
    struct tdm_smtp_own *own = transport->impl;
    return own->loop.open ? tdm_loop_timeout(&own->loop) : -1;
}

static void smtp_abort(tidymail_transport *transport)
{
    static const char words[] = "the transport was closed before the message was sent";
    struct tdm_smtp_own *own = transport->impl;
    struct tdm_job *job;
    while ((job = tdm_job_take(&own->queue)) != NULL) {
        smtp_fail_job(job, TIDYMAIL_KIND_LOCAL, words);
        tdm_report_decide(job->report);
        job->done = 1;
        transport->under_way--;
        tdm_job_append(&transport->ended, job);
    }
    for (size_t i = 0; i < own->line_count; i++) {
        if (own->lines[i]->under_way > 0) {
            tdm_link_abort(own->lines[i]->link, words);
        }
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
    size_t open = 0;
    if (own == NULL) {
        return;
    }
    for (size_t i = 0; i < own->line_count; i++) {
        if (!own->lines[i]->quitting && tdm_link_is_fresh(own->lines[i]->link)) {
            tdm_link_quit(own->lines[i]->link);
        }
    }
    do {
        open = 0;
        for (size_t i = 0; i < own->line_count; i++) {
            const struct tdm_smtp_line *line = own->lines[i];
            open += tidymail_smtp_phase(line->engine) == TIDYMAIL_PHASE_QUIT &&
                    !tdm_link_is_closed(line->link);
        }
        if (open > 0) {
            tdm_loop_step(&own->loop); /* the engines' deadline of QUIT ends it */
        }
    } while (open > 0);
    for (size_t i = 0; i < own->line_count; i++) {
        tdm_smtp_line_free(own->lines[i]);
    }
    tdm_free(&transport->allocator, own->lines);
    if (own->timer != NULL) {
        tdm_timer_close(own->timer);
    }
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
    .submit = smtp_submit,
    .run = smtp_run,
    .abort = smtp_abort,
    .fd = smtp_fd,
    .next_timeout_ms = smtp_next_timeout,
    .close = smtp_close,
    .login = TDM_TRANSPORT_LOGIN_SMTP,
};
const struct tdm_transport_ops tdm_transport_smtps = {
    .scheme = "smtps",
    .open = smtps_open,
    .send = smtp_send,
    .submit = smtp_submit,
    .run = smtp_run,
    .abort = smtp_abort,
    .fd = smtp_fd,
    .next_timeout_ms = smtp_next_timeout,
    .close = smtp_close,
    .login = TDM_TRANSPORT_LOGIN_SMTP,
};
const struct tdm_transport_ops tdm_transport_lmtp = {
    .scheme = "lmtp",
    .open = lmtp_open,
    .send = smtp_send,
    .submit = smtp_submit,
    .run = smtp_run,
    .abort = smtp_abort,
    .fd = smtp_fd,
    .next_timeout_ms = smtp_next_timeout,
    .close = smtp_close,
    .login = TDM_TRANSPORT_LOGIN_SMTP,
};
const struct tdm_transport_ops tdm_transport_lmtp_unix = {
    .scheme = "lmtp+unix",
    .open = lmtp_open,
    .send = smtp_send,
    .submit = smtp_submit,
    .run = smtp_run,
    .abort = smtp_abort,
    .fd = smtp_fd,
    .next_timeout_ms = smtp_next_timeout,
    .close = smtp_close,
    .login = TDM_TRANSPORT_LOGIN_SMTP,
    .is_unix = 1,
};
