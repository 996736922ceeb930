/* rest_carrier.c: see rest_carrier.h. rest_verdict.c says what it means where no answer came. */
#include "transport/rest_carrier.h"

#include <errno.h>
#include <string.h>
#include <tidymail/version.h>
#include <unistd.h>

#include "net/note.h"
#include "transport/open_parts.h"
#include "transport/rest_module.h"
#include "transport/rest_own.h"
#include "transport/rest_show.h"
#include "util/str.h"

#define DEFAULT_TLS_TIMEOUT_MS ((int64_t)30 * 1000)
#define IDLE_MAX_MS ((int64_t)50 * 1000) /* servers close after a minute, mostly */
#define HEAD_MAX ((size_t)256 * 1024)    /* of an answer, interim ones included */

static int64_t carrier_now(const struct tdm_carrier *own)
{
    return own->transport->clock.now_ms();
}

static void carrier_note(const struct tdm_carrier *own, int phase, const char *text)
{
    struct tdm_net_trace trace = {own->transport->trace.line, own->transport->trace.context};
    tdm_net_note(&trace, &own->allocator, phase, 0, "%s", text);
}

/* The time since the last call belongs to the phase before. */
static void carrier_enter(struct tdm_carrier *own, int phase)
{
    int64_t now = carrier_now(own);
    int64_t *times = own->exchange->report->phase_ms;
    if (own->phase >= 0) {
        times[own->phase] += now - own->phase_ms;
    }
    own->phase = phase;
    own->phase_ms = now;
    if (phase >= 0 && times[phase] < 0) {
        times[phase] = 0;
    }
}

/* The connection */

static void carrier_drop(struct tdm_carrier *own)
{
    if (own->session != NULL) {
        own->module->close(own->session); /* gives its socket back */
        own->session = NULL;
    }
    if (own->fd >= 0) {
        close(own->fd);
        own->fd = -1;
    }
    tdm_tls_free(own->tls);
    own->tls = NULL;
    tdm_free(&own->allocator, own->address);
    own->address = NULL;
}

static int carrier_open_socket(void *context)
{
    struct tdm_carrier *own = context;
    if (!own->offered) {
        return -1;
    }
    own->offered = 0;
    return own->fd;
}

static void carrier_close_socket(void *context, int fd)
{
    struct tdm_carrier *own = context;
    if (own->tls != NULL) {
        tdm_tls_guest_closing(own->tls, fd);
    }
    tdm_watch_close(own->watch);
    own->watch = NULL;
    close(fd);
    if (fd == own->fd) {
        own->fd = -1;
    }
}

static int carrier_adopt(void *context, void *ssl_ctx)
{
    struct tdm_carrier *own = context;
    return own->tls != NULL ? tdm_tls_guest_adopt(own->tls, ssl_ctx) : -1;
}

/* Events */

/* How long from now until the request has taken too long; sets what took it. */
static int64_t carrier_limit_ms(struct tdm_carrier *own)
{
    const struct tdm_options *options = &own->transport->options;
    int64_t end = own->exchange->deadline_ms;
    own->limit_of = TDM_LIMIT_WHOLE;
    int64_t sooner;
    enum tdm_limit limit;
    if (own->is_tls && !tdm_tls_guest_is_done(own->tls)) {
        limit = TDM_LIMIT_TLS;
        own->limit_ms =
            options->reply_timeout_set ? options->reply_timeout_ms : DEFAULT_TLS_TIMEOUT_MS;
        sooner = own->began_ms + own->limit_ms;
    } else if (!own->is_written) {
        limit = TDM_LIMIT_PROGRESS;
        own->limit_ms = options->reply_timeout_ms;
        sooner = own->progress_ms + own->limit_ms;
    } else {
        limit = TDM_LIMIT_ANSWER;
        own->limit_ms = options->final_timeout_ms;
        sooner = own->progress_ms + own->limit_ms;
    }
    if (sooner < end) {
        own->limit_of = limit;
        end = sooner;
    }
    int64_t left = end - carrier_now(own);
    return left > 0 ? left : 0;
}

void tdm_carrier_show_certificate(const struct tdm_carrier *own, const struct tidymail_error *error)
{
    const tidymail_transport *transport = own->transport;
    struct tdm_certificate facts;
    if (transport->certificate == NULL) {
        return;
    }
    if (tdm_tls_facts(own->tls, error, &own->allocator, &facts) == 0) {
        transport->certificate(transport->certificate_context, &facts);
    }
    tdm_certificate_clear(&own->allocator, &facts);
}

/* The handshake is over: what is known of it. */
static void carrier_note_tls(struct tdm_carrier *own)
{
    if (own->tls == NULL || own->tls_noted || !tdm_tls_guest_is_done(own->tls)) {
        return;
    }
    own->tls_noted = 1;
    tdm_carrier_show_certificate(own, NULL);
    struct tdm_buf line;
    tdm_buf_init(&line, &own->allocator, 4096);
    tdm_buf_addf(&line, "TLS: %s, %s, ", tdm_tls_version(own->tls), tdm_tls_cipher(own->tls));
    tdm_tls_describe(own->tls, &line);
    carrier_note(own, TIDYMAIL_PHASE_TLS, tdm_buf_text(&line));
    tdm_buf_clear(&line);
    own->progress_ms = carrier_now(own);
    carrier_enter(own, TIDYMAIL_PHASE_REQUEST);
}

/* After the module did something: how far it is, and until when it has time. */
static void carrier_look(struct tdm_carrier *own)
{
    if (own->done || own->session == NULL) {
        return;
    }
    size_t taken = own->module->taken(own->session);
    carrier_note_tls(own);
    if (taken != own->taken) {
        own->taken = taken;
        own->progress_ms = carrier_now(own);
    }
    if (!own->is_written && own->head_sent && taken >= own->exchange->request->body.length) {
        own->is_written = 1;
        own->progress_ms = carrier_now(own);
        carrier_enter(own, TIDYMAIL_PHASE_RESPONSE);
    }
    tdm_timer_set(own->limit, carrier_limit_ms(own));
}

static void carrier_ready(void *context, int events)
{
    struct tdm_carrier *own = context;
    own->module->ready(own->session, own->fd, events);
    carrier_look(own);
}

static void carrier_pulse(void *context)
{
    struct tdm_carrier *own = context;
    if (own->session != NULL) {
        own->module->expired(own->session);
        carrier_look(own);
    }
}

static void carrier_expired(void *context)
{
    struct tdm_carrier *own = context;
    if (!own->done && carrier_limit_ms(own) == 0) {
        own->timed_out = 1;
        own->done = 1;
    }
}

static int carrier_watch(void *context, int fd, int events)
{
    struct tdm_carrier *own = context;
    if (own->watch == NULL && events != 0) {
        own->watch = tdm_watch_new(&own->loop, fd, carrier_ready, own);
    }
    if (events != 0 && (own->watch == NULL || tdm_watch_set(own->watch, events) != 0)) {
        own->no_memory = 1;
        return -1;
    }
    if (events == 0 && own->watch != NULL) {
        tdm_watch_set(own->watch, 0);
    }
    return 0;
}

static void carrier_timer(void *context, int64_t delay_ms)
{
    struct tdm_carrier *own = context;
    tdm_timer_set(own->pulse, delay_ms);
}

/* What is said */

static void carrier_sent(void *context, const char *text, size_t length)
{
    struct tdm_carrier *own = context;
    carrier_note_tls(own);
    own->head_sent = 1;
    tdm_show_request(&own->transport->trace, own->exchange, own->is_tls, text, length);
}

/* "HTTP/1.1 200 OK": the number, or 0. */
static int carrier_read_status(const char *line, size_t length)
{
    const char *blank = memchr(line, ' ', length);
    size_t at = blank != NULL ? (size_t)(blank - line) + 1 : length;
    if (at + 3 > length || !tdm_is_digit(line[at]) || !tdm_is_digit(line[at + 1]) ||
        !tdm_is_digit(line[at + 2])) {
        return 0;
    }
    return (line[at] - '0') * 100 + (line[at + 1] - '0') * 10 + line[at + 2] - '0';
}

static int carrier_keep_field(struct tdm_carrier *own, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    if (colon == NULL) {
        return 0;
    }
    size_t name = (size_t)(colon - line);
    size_t start = name + 1;
    while (start < length && tdm_is_space(line[start])) {
        start++;
    }
    while (length > start && tdm_is_space(line[length - 1])) {
        length--;
    }
    return tdm_http_response_add(own->exchange->response, line, name, line + start, length - start);
}

static int carrier_header(void *context, const char *line, size_t length)
{
    struct tdm_carrier *own = context;
    struct tdm_http_response *response = own->exchange->response;
    own->head_bytes += length + 2;
    if (own->tls != NULL) {
        tdm_tls_guest_heard(own->tls);
    }
    if (own->head_bytes > HEAD_MAX) {
        own->too_large = 1;
        return -1;
    }
    if (own->body_begun) {
        return 0; /* trailers say nothing to us */
    }
    if (length > 5 && memcmp(line, "HTTP/", 5) == 0) {
        tidymail_allocator allocator = response->allocator;
        tdm_http_response_clear(response);
        tdm_http_response_init(response, &allocator);
        own->status = carrier_read_status(line, length);
        own->head_is_whole = 0;
    } else if (length == 0) {
        own->head_is_whole = own->status >= 200;
    } else if (carrier_keep_field(own, line, length) != 0) {
        own->no_memory = 1;
        return -1;
    }
    tdm_show_header(&own->transport->trace, own->exchange, own->is_tls, line, length);
    return 0;
}

static int carrier_body(void *context, const char *bytes, size_t length)
{
    struct tdm_carrier *own = context;
    struct tdm_buf *body = &own->exchange->response->body;
    size_t room = body->max - body->length;
    own->body_begun = 1;
    if (length > room) {
        tdm_buf_add(body, bytes, room);
        own->too_large = 1;
        return -1;
    }
    if (tdm_buf_add(body, bytes, length) != 0) {
        own->no_memory = 1;
        return -1;
    }
    return 0;
}

/* The answer may go on: its head ended with the connection, or it has no length of its own (RFC 9112 6.3)
 * and the connection ended without TLS close (9.8). libcurl takes both for whole. */
static int carrier_is_cut(const struct tdm_carrier *own, int version)
{
    const struct tdm_http_response *response = own->exchange->response;
    return !own->head_is_whole ||
           (own->tls != NULL && version < 20 && own->status != 204 && own->status != 304 &&
            tdm_http_response_field(response, "Content-Length") == NULL &&
            tdm_http_response_field(response, "Transfer-Encoding") == NULL &&
            !tdm_tls_guest_is_closed(own->tls));
}

static void carrier_done(void *context, const struct tdm_http_result *result)
{
    struct tdm_carrier *own = context;
    own->taken = own->module->taken(own->session);
    own->end = result->end;
    if (own->end == TDM_HTTP_DONE && carrier_is_cut(own, result->version)) {
        own->end = TDM_HTTP_CUT;
    }
    own->done = 1;
    if (result->end != TDM_HTTP_DONE && result->words[0] != '\0') {
        carrier_note(own, own->phase, result->words);
    }
}

/* Setting up */

static int carrier_fail(struct tdm_carrier *own, int kind, const char *words, const char *hint)
{
    return tdm_error_set(&own->exchange->report->error, kind, TIDYMAIL_PHASE_REQUEST, words, hint);
}

static int carrier_no_memory(struct tdm_carrier *own)
{
    return carrier_fail(own, TIDYMAIL_KIND_LOCAL, "out of memory while sending the request", NULL);
}

/* Host and port of the request's origin; a connection to another one is closed. */
static int carrier_set_target(struct tdm_carrier *own)
{
    struct tdm_url url;
    struct tidymail_error error;
    struct tdm_buf server;
    const char *origin = own->exchange->request->origin;
    tdm_error_init(&error, &own->allocator);
    int kind = tdm_url_parse(&own->allocator, origin, &url, &error);
    if (kind == TIDYMAIL_OK) {
        int is_tls = strcmp(url.scheme, "https") == 0;
        int port = url.port != 0 ? url.port : is_tls ? 443 : 80;
        if (own->host == NULL || own->port != port || own->is_tls != is_tls ||
            strcmp(own->host, url.host) != 0) {
            carrier_drop(own);
            tdm_text_set(&own->allocator, &own->host, url.host);
            own->port = port;
            own->is_tls = is_tls;
        }
        kind = own->host != NULL && strcmp(own->host, url.host) == 0 ? TIDYMAIL_OK
                                                                     : carrier_no_memory(own);
    } else {
        carrier_fail(own, kind, tidymail_error_message(&error), NULL);
    }
    tdm_url_clear(&own->allocator, &url);
    tdm_error_clear(&error);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    tdm_buf_init(&server, &own->allocator, 1024);
    tdm_buf_addf(&server, strchr(own->host, ':') != NULL ? "[%s]:%d" : "%s:%d", own->host,
                 own->port);
    tdm_text_set(&own->exchange->report->allocator, &own->exchange->report->peer.server,
                 server.failed ? NULL : tdm_buf_text(&server));
    tdm_buf_clear(&server);
    return TIDYMAIL_OK;
}

/* What is needed once: loop, module, trust store. */
static int carrier_prepare(struct tdm_carrier *own)
{
    struct tidymail_error *error = &own->exchange->report->error;
    if (own->module == NULL) {
        own->module = tdm_rest_open_module(&own->allocator, &own->library, error);
        if (own->module == NULL) {
            return error->kind;
        }
    }
    if (!own->loop.open && tdm_loop_init(&own->loop, &own->allocator) != 0) {
        return carrier_fail(own, TIDYMAIL_KIND_LOCAL, "the event loop could not be set up (libuv)",
                            NULL);
    }
    if (own->pulse == NULL) {
        own->pulse = tdm_timer_new(&own->loop, carrier_pulse, own);
    }
    if (own->limit == NULL) {
        own->limit = tdm_timer_new(&own->loop, carrier_expired, own);
    }
    if (own->pulse == NULL || own->limit == NULL) {
        return carrier_no_memory(own);
    }
    if (own->is_tls && own->tls_context == NULL) {
        own->tls_context = tdm_open_tls(own->transport, error);
        if (own->tls_context == NULL) {
            return error->kind;
        }
    }
    return TIDYMAIL_OK;
}

/* 1 where the connection of the last request can carry another: the server has neither closed it nor
 * said anything since. */
static int carrier_is_fresh(const struct tdm_carrier *own)
{
    char byte;
    return own->fd >= 0 && carrier_now(own) - own->idle_since_ms < IDLE_MAX_MS &&
           recv(own->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

static void carrier_phase(void *context, int phase)
{
    carrier_enter(context, phase);
}

static void carrier_connected(void *context, int fd, const struct tdm_address *address,
                              const struct tidymail_error *error)
{
    struct tdm_carrier *own = context;
    struct tidymail_error *report = &own->exchange->report->error;
    own->done = 1;
    if (fd < 0) {
        tdm_error_copy(report, error);
        report->phase = TIDYMAIL_PHASE_REQUEST;
        if (report->kind == TIDYMAIL_KIND_TIMEOUT) {
            tdm_text_set(&report->allocator, &report->hint,
                         "a firewall may be dropping the packets, or the network is down");
        }
        return;
    }
    own->fd = fd;
    own->offered = 1;
    if (address != NULL) {
        struct tdm_buf text;
        tdm_buf_init(&text, &own->allocator, 128);
        tdm_address_format(address, 0, &text);
        tdm_text_set(&own->allocator, &own->address, text.failed ? NULL : tdm_buf_text(&text));
        tdm_buf_clear(&text);
    }
}

static int carrier_connect(struct tdm_carrier *own)
{
    const struct tdm_options *given = &own->transport->options;
    struct tdm_connect_options options;
    int64_t left = own->exchange->deadline_ms - carrier_now(own);
    memset(&options, 0, sizeof(options));
    options.host = own->host;
    options.port = own->port;
    options.timeout_ms = left < given->connect_timeout_ms ? left : given->connect_timeout_ms;
    options.source = own->source;
    options.proxy = own->proxy;
    options.now_ms = own->transport->clock.now_ms;
    options.trace.line = own->transport->trace.line;
    options.trace.context = own->transport->trace.context;
    options.phase = carrier_phase;
    options.done = carrier_connected;
    options.context = own;
    own->done = 0;
    struct tdm_connect *connect = tdm_connect_start(&own->loop, &options);
    if (connect == NULL) {
        return carrier_no_memory(own);
    }
    while (!own->done) {
        tdm_loop_step(&own->loop);
    }
    tdm_connect_free(connect);
    return own->fd >= 0 ? TIDYMAIL_OK : own->exchange->report->error.kind;
}

static int carrier_open_session(struct tdm_carrier *own)
{
    struct tdm_http_options options;
    const char *words = NULL;
    memset(&options, 0, sizeof(options));
    options.allocator = &own->allocator;
    options.user_agent = "tidymail/" TIDYMAIL_VERSION;
    options.is_tls = own->is_tls;
    options.verify_name = own->transport->options.verify == TDM_VERIFY_FULL;
    options.want_trace = 1; /* carrier_sent tells when the head is out */
    options.context = own;
    options.open_socket = carrier_open_socket;
    options.close_socket = carrier_close_socket;
    options.watch = carrier_watch;
    options.timer = carrier_timer;
    options.tls = carrier_adopt;
    options.sent = carrier_sent;
    options.header = carrier_header;
    options.body = carrier_body;
    options.done = carrier_done;
    if (own->is_tls) {
        own->tls = tdm_tls_guest_new(own->tls_context, own->host);
        if (own->tls == NULL) {
            return carrier_no_memory(own);
        }
    }
    own->session = own->module->open(&options, &words);
    if (own->session == NULL) {
        return carrier_fail(own, TIDYMAIL_KIND_LOCAL, words,
                            "mail services need libcurl with OpenSSL, 7.85 or newer");
    }
    return TIDYMAIL_OK;
}

/* A connection, and a session of the module on it. */
static int carrier_open(struct tdm_carrier *own)
{
    own->tls_noted = 0;
    int kind = carrier_connect(own);
    if (kind == TIDYMAIL_OK) {
        carrier_enter(own, own->is_tls ? TIDYMAIL_PHASE_TLS : TIDYMAIL_PHASE_REQUEST);
        kind = carrier_open_session(own);
    }
    if (kind != TIDYMAIL_OK) {
        carrier_drop(own);
    }
    return kind;
}

/* Sends the request over the connection that stands, and waits for what becomes of it. */
static int carrier_exchange(struct tdm_carrier *own)
{
    own->done = 0;
    own->timed_out = 0;
    own->too_large = 0;
    own->no_memory = 0;
    own->head_sent = 0;
    own->is_written = 0;
    own->head_bytes = 0;
    own->head_is_whole = 0;
    own->body_begun = 0;
    own->status = 0;
    own->taken = 0;
    own->end = TDM_HTTP_OTHER;
    own->began_ms = own->progress_ms = carrier_now(own);
    if (own->tls_noted) {
        carrier_enter(own, TIDYMAIL_PHASE_REQUEST);
    }
    if (own->module->send(own->session, own->exchange->request) != 0) {
        return carrier_no_memory(own);
    }
    tdm_timer_set(own->limit, carrier_limit_ms(own));
    while (!own->done) {
        tdm_loop_step(&own->loop);
    }
    tdm_timer_set(own->limit, -1);
    return TIDYMAIL_OK;
}

static void carrier_fill_peer(struct tdm_carrier *own)
{
    tidymail_report *report = own->exchange->report;
    tdm_text_set(&report->allocator, &report->peer.address, own->address);
    if (own->tls != NULL && tdm_tls_guest_is_done(own->tls)) {
        tdm_text_set(&report->allocator, &report->peer.tls_version, tdm_tls_version(own->tls));
        tdm_text_set(&report->allocator, &report->peer.tls_cipher, tdm_tls_cipher(own->tls));
    }
}

/* A connection that was kept turned out to be dead before anything of the body was taken: no server can
 * have the request, so it goes over a new one. */
static int carrier_is_stale(const struct tdm_carrier *own, int reused)
{
    return reused && own->end == TDM_HTTP_NO_SOCKET && own->taken == 0 &&
           own->exchange->request->body.length > 0;
}

static int carrier_go(struct tdm_carrier *own)
{
    int kind = carrier_set_target(own);
    if (kind == TIDYMAIL_OK) {
        kind = carrier_prepare(own);
    }
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    if (own->session != NULL && !carrier_is_fresh(own)) {
        carrier_note(own, TIDYMAIL_PHASE_CONNECT,
                     "the connection of the last message has ended; a new one is opened");
        carrier_drop(own);
    }
    int reused = own->session != NULL;
    if (!reused) {
        kind = carrier_open(own);
    }
    if (kind == TIDYMAIL_OK) {
        kind = carrier_exchange(own);
    }
    if (kind == TIDYMAIL_OK && carrier_is_stale(own, reused)) {
        carrier_note(own, TIDYMAIL_PHASE_CONNECT,
                     "the connection of the last message ended when this one began; nothing was "
                     "sent, and a new one is opened");
        carrier_drop(own);
        kind = carrier_open(own);
        kind = kind == TIDYMAIL_OK ? carrier_exchange(own) : kind;
    }
    return kind;
}

int tdm_carrier_run(struct tdm_carrier *carrier, struct tdm_exchange *exchange)
{
    struct tdm_carrier *own = carrier;
    int answered = 0;
    own->exchange = exchange;
    own->phase = -1;
    int kind = carrier_go(own);
    carrier_enter(own, -1);
    if (kind == TIDYMAIL_OK) {
        carrier_fill_peer(own);
        answered = tdm_carrier_judge(own);
    }
    if (answered) {
        exchange->response->status = own->status;
    }
    if (kind != TIDYMAIL_OK || own->end != TDM_HTTP_DONE || own->timed_out) {
        carrier_drop(own);
    }
    own->idle_since_ms = carrier_now(own);
    own->exchange = NULL;
    return answered;
}

struct tdm_carrier *tdm_carrier_new(tidymail_transport *transport,
                                    const struct tdm_proxy_config *proxy,
                                    const struct tdm_address *source)
{
    struct tdm_carrier *own = tdm_alloc_array(&transport->allocator, 1, sizeof(*own));
    if (own != NULL) {
        own->transport = transport;
        own->allocator = transport->allocator;
        own->proxy = proxy;
        own->source = source;
        own->fd = -1;
    }
    return own;
}

void tdm_carrier_free(struct tdm_carrier *carrier)
{
    if (carrier == NULL) {
        return;
    }
    tidymail_allocator allocator = carrier->allocator;
    carrier_drop(carrier);
    tdm_timer_close(carrier->pulse);
    tdm_timer_close(carrier->limit);
    tdm_loop_clear(&carrier->loop);
    tdm_tls_context_free(carrier->tls_context);
    tdm_rest_close_module(carrier->library);
    tdm_free(&allocator, carrier->host);
    tdm_free(&allocator, carrier);
}
