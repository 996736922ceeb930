/*
 * transport_smtp.c: smtp:// and smtps://. Holds what outlives a message: the event loop, the trust
 * store, and the connection, which stays open for the next message while nothing went wrong on it.
 */
#include "transport/transport_smtp.h"

#include <idn2.h>
#include <string.h>
#include <unistd.h>

#include "net/link.h"
#include "util/str.h"

#define DEFAULT_TIMEOUT_MS ((int64_t)1800 * 1000)
#define DEFAULT_TLS_TIMEOUT_MS ((int64_t)30 * 1000)
#define BYTES_PER_SECOND ((int64_t)64 * 1024)
#define PORT_RELAY 25
#define PORT_SUBMISSION 587
#define PORT_SUBMISSIONS 465

struct transport_smtp {
    tidymail_transport *transport;
    struct tdm_loop loop;
    char *host; /* as it is looked up and verified: ASCII */
    int port;
    char *server; /* "host:port", for people */
    char *helo;
    int tls; /* enum tidymail_smtp_tls */
    struct tdm_tls_context *tls_context;
    struct tdm_link *link;
    tidymail_smtp *engine; /* the link's */
};

int64_t tdm_smtp_send_deadline(int64_t now_ms, int64_t timeout_ms, int64_t size)
{
    if (timeout_ms < 0) {
        timeout_ms = DEFAULT_TIMEOUT_MS;
        timeout_ms += size > 0 ? size / BYTES_PER_SECOND * 1000 : 0;
    }
    return now_ms + timeout_ms;
}

/* This machine's address as the literal of RFC 5321 4.1.3: the first that others may reach. */
static void smtp_add_address_literal(struct tdm_buf *out)
{
    uv_interface_address_t *interfaces = NULL;
    const uv_interface_address_t *chosen = NULL;
    int count = 0;
    if (uv_interface_addresses(&interfaces, &count) != 0) {
        count = 0;
    }
    for (int i = 0; i < count && chosen == NULL; i++) {
        if (!interfaces[i].is_internal && interfaces[i].address.address4.sin_family == AF_INET) {
            chosen = &interfaces[i];
        }
    }
    char text[64] = "127.0.0.1";
    if (chosen != NULL) {
        uv_ip4_name(&chosen->address.address4, text, sizeof(text));
    }
    tdm_buf_addf(out, "[%s]", text);
    uv_free_interface_addresses(interfaces, count);
}

static int smtp_is_full_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if (!tdm_is_alnum(name[i]) && name[i] != '-' && name[i] != '.') {
            return 0;
        }
    }
    const char *dot = strchr(name, '.');
    return dot != NULL && dot != name && dot[1] != '\0' && length < 256 &&
           strcmp(name, "localhost.localdomain") != 0;
}

char *tdm_smtp_default_helo(const tidymail_allocator *allocator, const char *hostname)
{
    if (smtp_is_full_name(hostname)) {
        return tdm_strdup(allocator, hostname);
    }
    struct tdm_buf literal;
    tdm_buf_init(&literal, allocator, 128);
    smtp_add_address_literal(&literal);
    char *helo = literal.failed ? NULL : tdm_strdup(allocator, tdm_buf_text(&literal));
    tdm_buf_clear(&literal);
    return helo;
}

static int smtp_out_of_memory(struct tidymail_error *error)
{
    return tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory", NULL);
}

static void smtp_free(struct transport_smtp *own)
{
    tidymail_allocator allocator = own->transport->allocator;
    tdm_link_free(own->link);
    tdm_tls_context_free(own->tls_context);
    tdm_loop_clear(&own->loop);
    tdm_free(&allocator, own->host);
    tdm_free(&allocator, own->server);
    tdm_free(&allocator, own->helo);
    tdm_free(&allocator, own);
}

static int smtp_choose_tls(tidymail_transport *transport, struct transport_smtp *own, int implicit)
{
    int wanted = transport->options.tls;
    if (!implicit) {
        own->tls = wanted >= 0 ? wanted : TIDYMAIL_SMTP_TLS_STARTTLS;
        return TIDYMAIL_OK;
    }
    own->tls = TIDYMAIL_SMTP_TLS_IMPLICIT;
    if (wanted < 0 || wanted == TIDYMAIL_SMTP_TLS_IMPLICIT) {
        return TIDYMAIL_OK;
    }
    return tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                         "smtps:// is encrypted from the first byte; tls= cannot change that",
                         "leave tls= out, or use smtp:// with it");
}

/* An internationalized name becomes its A-label (RFC 5890), as DNS and certificates have it. */
static int smtp_set_host(tidymail_transport *transport, struct transport_smtp *own)
{
    const char *host = transport->url.host;
    uint8_t *ascii = NULL;
    if (!tdm_has_8bit(host, strlen(host))) {
        own->host = tdm_strdup(&transport->allocator, host);
        return own->host != NULL ? TIDYMAIL_OK : smtp_out_of_memory(&transport->error);
    }
    int status =
        idn2_lookup_u8((const uint8_t *)host, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (status == IDN2_MALLOC) {
        return smtp_out_of_memory(&transport->error);
    }
    if (status != IDN2_OK) {
        return tdm_error_setf(&transport->error, TIDYMAIL_KIND_CONFIGURATION,
                              TIDYMAIL_PHASE_PREPARE, "the host of the URL is not a valid name: %s",
                              idn2_strerror(status));
    }
    own->host = tdm_strdup(&transport->allocator, (const char *)ascii);
    idn2_free(ascii);
    return own->host != NULL ? TIDYMAIL_OK : smtp_out_of_memory(&transport->error);
}

static int smtp_set_names(tidymail_transport *transport, struct transport_smtp *own)
{
    char hostname[256] = "";
    struct tdm_buf server;
    int has_login = transport->user != NULL;
    own->port = transport->url.port;
    if (own->port == 0) {
        own->port = own->tls == TIDYMAIL_SMTP_TLS_IMPLICIT ? PORT_SUBMISSIONS
                    : has_login                            ? PORT_SUBMISSION
                                                           : PORT_RELAY;
    }
    tdm_buf_init(&server, &transport->allocator, 1024);
    int literal = strchr(transport->url.host, ':') != NULL;
    tdm_buf_addf(&server, literal ? "[%s]:%d" : "%s:%d", transport->url.host, own->port);
    own->server = server.failed ? NULL : tdm_strdup(&transport->allocator, tdm_buf_text(&server));
    tdm_buf_clear(&server);
    if (transport->options.helo != NULL) {
        own->helo = tdm_strdup(&transport->allocator, transport->options.helo);
    } else {
        if (gethostname(hostname, sizeof(hostname) - 1) != 0) {
            hostname[0] = '\0';
        }
        own->helo = tdm_smtp_default_helo(&transport->allocator, hostname);
    }
    return own->server != NULL && own->helo != NULL ? TIDYMAIL_OK
                                                    : smtp_out_of_memory(&transport->error);
}

static int smtp_open_as(tidymail_transport *transport, int implicit)
{
    struct transport_smtp *own = tdm_alloc_array(&transport->allocator, 1, sizeof(*own));
    if (own == NULL) {
        return smtp_out_of_memory(&transport->error);
    }
    own->transport = transport;
    int kind = smtp_choose_tls(transport, own, implicit);
    if (kind == TIDYMAIL_OK) {
        kind = smtp_set_host(transport, own);
    }
    if (kind == TIDYMAIL_OK) {
        kind = smtp_set_names(transport, own);
    }
    if (kind != TIDYMAIL_OK) {
        smtp_free(own);
        return kind;
    }
    transport->impl = own;
    return TIDYMAIL_OK;
}

static int smtp_open(tidymail_transport *transport)
{
    return smtp_open_as(transport, 0);
}

static int smtps_open(tidymail_transport *transport)
{
    return smtp_open_as(transport, 1);
}

/* The trust store is loaded once, at its first use. */
static struct tdm_tls_context *smtp_tls(void *owner, struct tidymail_error *error)
{
    struct transport_smtp *own = owner;
    const struct tdm_options *options = &own->transport->options;
    struct tdm_tls_config config;
    if (own->tls_context != NULL) {
        return own->tls_context;
    }
    memset(&config, 0, sizeof(config));
    config.ca = options->ca;
    config.verify = TDM_TLS_VERIFY_FULL;
    if (options->verify == TDM_VERIFY_NONE) {
        config.verify = TDM_TLS_VERIFY_NONE;
    } else if (options->verify == TDM_VERIFY_SHA256) {
        config.verify = TDM_TLS_VERIFY_SHA256;
        memcpy(config.sha256, options->verify_sha256, sizeof(config.sha256));
    }
    own->tls_context = tdm_tls_context_new(&own->transport->allocator, &config, error);
    return own->tls_context;
}

static void smtp_reported(void *owner, void *job, tidymail_report *report)
{
    struct tdm_job *done = job;
    (void)owner;
    (void)report; /* the job's own */
    done->done = 1;
}

static void smtp_trace(void *context, const tidymail_smtp_trace *line)
{
    const struct transport_smtp *own = context;
    const struct tdm_trace *trace = &own->transport->trace;
    if (trace->line != NULL) {
        trace->line(trace->context, line->mark, line->phase, line->encrypted, line->text,
                    line->length);
    }
}

static tidymail_smtp *smtp_new_engine(struct transport_smtp *own)
{
    const tidymail_transport *transport = own->transport;
    const struct tdm_options *given = &transport->options;
    tidymail_smtp_options options = TIDYMAIL_SMTP_OPTIONS_INIT;
    options.helo = own->helo;
    options.server = own->server;
    options.user = transport->user;
    options.password = transport->password;
    options.auth = given->auth;
    options.tls = own->tls;
    options.cleartext_auth = given->cleartext_auth;
    options.no_pipelining = !given->pipelining;
    options.no_initial_response = !given->initial_response;
    options.no_partial = !given->partial;
    options.reply_timeout_ms = given->reply_timeout_ms;
    options.final_timeout_ms = given->final_timeout_ms;
    options.tls_timeout_ms =
        given->reply_timeout_set ? given->reply_timeout_ms : DEFAULT_TLS_TIMEOUT_MS;
    options.trace = smtp_trace;
    options.trace_context = own;
    return tidymail_smtp_new_with(&options, transport->clock.now_ms(), &transport->allocator);
}

static int smtp_fail_job(struct tdm_job *job, int kind, const char *words)
{
    return tdm_error_set(&job->report->error, kind, TIDYMAIL_PHASE_PREPARE, words, NULL);
}

static void smtp_drop_link(struct transport_smtp *own)
{
    tdm_link_free(own->link);
    own->link = NULL;
    own->engine = NULL;
}

/* A new link; TIDYMAIL_OK or the kind of the error in the job's report. */
static int smtp_new_link(struct transport_smtp *own, struct tdm_job *job)
{
    tidymail_transport *transport = own->transport;
    struct tdm_link_options options;
    if (!own->loop.open && tdm_loop_init(&own->loop, &transport->allocator) != 0) {
        return smtp_fail_job(job, TIDYMAIL_KIND_LOCAL,
                             "the event loop could not be set up (libuv)");
    }
    /* a wrong ca= is found before anything is connected; the system's roots can wait */
    if (own->tls != TIDYMAIL_SMTP_TLS_NONE && transport->options.ca != NULL &&
        smtp_tls(own, &job->report->error) == NULL) {
        return job->report->error.kind;
    }
    memset(&options, 0, sizeof(options));
    options.host = own->host;
    options.port = own->port;
    options.connect_timeout_ms = transport->options.connect_timeout_ms;
    options.now_ms = transport->clock.now_ms;
    options.trace.line = transport->trace.line;
    options.trace.context = transport->trace.context;
    options.tls = smtp_tls;
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

static int smtp_submit(struct transport_smtp *own, struct tdm_job *job)
{
    tidymail_transport *transport = own->transport;
    tidymail_smtp_envelope envelope = job->envelope;
    tidymail_source source = job->source;
    int64_t now = transport->clock.now_ms();
    source.release = NULL; /* the client does that */
    envelope.deadline_ms =
        tdm_smtp_send_deadline(now, transport->options.timeout_ms, envelope.size);
    int kind = tdm_smtp_submit_report(own->engine, &envelope, &source, job->report, job, now);
    if (kind == TIDYMAIL_KIND_MESSAGE) {
        smtp_fail_job(job, kind,
                      "the envelope has no recipient, or an address that SMTP cannot carry");
    } else if (kind != TIDYMAIL_OK) {
        smtp_fail_job(job, kind, "out of memory while preparing the message");
    }
    return kind;
}

/* Runs the job over the link that stands, or over a new one. */
static void smtp_run_job(struct transport_smtp *own, struct tdm_job *job)
{
    tidymail_transport *transport = own->transport;
    if (own->link != NULL && !tdm_link_is_fresh(own->link)) {
        struct tdm_net_trace trace = {transport->trace.line, transport->trace.context};
        tdm_net_note(&trace, &transport->allocator, TIDYMAIL_PHASE_CONNECT, 0,
                     "the connection of the last message has ended; a new one is opened");
        smtp_drop_link(own);
    }
    int reused = own->link != NULL;
    if ((!reused && smtp_new_link(own, job) != TIDYMAIL_OK) ||
        smtp_submit(own, job) != TIDYMAIL_OK) {
        return;
    }
    if (reused) {
        tdm_link_drive(own->link);
    } else {
        tdm_link_connect(own->link);
    }
    while (!job->done && !tdm_link_is_closed(own->link)) {
        tdm_loop_step(&own->loop);
    }
}

static void smtp_send(tidymail_transport *transport, struct tdm_job *job)
{
    struct transport_smtp *own = transport->impl;
    tdm_text_set(&job->report->allocator, &job->report->peer.server, own->server);
    smtp_run_job(own, job);
    if (!job->done) {
        smtp_fail_job(job, TIDYMAIL_KIND_LOCAL, "the message was given up");
        tdm_report_decide(job->report);
        job->done = 1;
        smtp_drop_link(own);
    } else if (!tidymail_smtp_usable(own->engine)) {
        smtp_drop_link(own);
    }
}

static void smtp_close(tidymail_transport *transport)
{
    struct transport_smtp *own = transport->impl;
    if (own == NULL) {
        return;
    }
    if (own->link != NULL && tdm_link_is_fresh(own->link)) {
        tdm_link_quit(own->link);
        while (!tdm_link_is_closed(own->link)) {
            tdm_loop_step(&own->loop); /* the engine's deadline of QUIT ends it */
        }
    }
    smtp_free(own);
    transport->impl = NULL;
}

const struct tdm_transport_ops tdm_transport_smtp = {"smtp", smtp_open, smtp_send, smtp_close};
const struct tdm_transport_ops tdm_transport_smtps = {"smtps", smtps_open, smtp_send, smtp_close};
