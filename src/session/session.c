/* session.c: see session_data.h. The socket is driven by poll: a session by hand waits for one thing
 * at a time, and its owner polls it beside others. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "net/connect.h"
#include "session/session_data.h"
#include "transport/open_parts.h"
#include "util/str.h"

#define TLS_TIMEOUT_MS ((int64_t)30 * 1000)
#define QUIT_TIMEOUT_MS 2000

const struct tdm_smtp_own *tdm_session_smtp(const tidymail_session *session)
{
    return session->transport->impl;
}

int64_t tdm_session_now(const tidymail_session *session)
{
    return session->transport->clock.now_ms();
}

void tdm_session_begin(tidymail_session *session)
{
    tdm_error_clear(&session->error);
    tdm_error_init(&session->error, &session->allocator);
    session->code = 0;
    session->enhanced[0] = '\0';
    tdm_buf_reset(&session->text);
    tdm_buf_reset(&session->challenge);
}

int tdm_session_fail(tidymail_session *session, int kind, const char *words, const char *hint)
{
    return tdm_error_set(&session->error, kind, session->phase, words, hint);
}

int tdm_session_no_memory(tidymail_session *session)
{
    return tdm_session_fail(session, TIDYMAIL_KIND_LOCAL, "out of memory", NULL);
}

static int session_is_smtp(const tidymail_transport *transport)
{
    return transport->preset != NULL || strncmp(transport->url.scheme, "smtp", 4) == 0 ||
           strncmp(transport->url.scheme, "lmtp", 4) == 0;
}

static void session_init(tidymail_session *session)
{
    const tidymail_allocator *allocator = &session->allocator;
    session->fd = -1;
    tdm_error_init(&session->error, allocator);
    tdm_buf_init(&session->input, allocator, TDM_SESSION_REPLY_MAX);
    tdm_buf_init(&session->seen, allocator, TDM_SESSION_LINE_MAX);
    tdm_buf_init(&session->text, allocator, TDM_SESSION_REPLY_MAX * 8);
    tdm_buf_init(&session->challenge, allocator, TDM_SESSION_REPLY_MAX * 4);
    tdm_buf_init(&session->capabilities, allocator, TDM_SESSION_REPLY_MAX);
    tdm_buf_init(&session->secret, allocator, TDM_SESSION_LINE_MAX);
    tdm_smtp_caps_init(&session->caps, allocator);
    tdm_reply_parser_init(&session->parser, allocator, TDM_SESSION_LINE_MAX, TDM_SESSION_REPLY_MAX);
}

tidymail_session *tidymail_session_open(const char *url, const tidymail_session_options *options)
{
    return tidymail_session_open_with(url, options, NULL);
}

tidymail_session *tidymail_session_open_with(const char *url,
                                             const tidymail_session_options *options,
                                             const tidymail_allocator *allocator)
{
    tidymail_session_options own = TIDYMAIL_SESSION_OPTIONS_INIT;
    tidymail_allocator chosen = tdm_allocator_or_default(allocator);
    if (options != NULL) {
        size_t size = options->struct_size < sizeof(own) ? options->struct_size : sizeof(own);
        memcpy(&own, options, size);
    }
    tidymail_session *session = tdm_alloc_array(&chosen, 1, sizeof(*session));
    if (session == NULL) {
        return NULL;
    }
    session->allocator = chosen;
    session_init(session);
    session->line = own.line;
    session->line_context = own.line_context;
    session->transport = tidymail_transport_open_with(url, own.transport, &chosen);
    if (session->transport == NULL) {
        tidymail_session_free(session);
        return NULL;
    }
    struct tidymail_error *error = &session->transport->error;
    if (error->kind == TIDYMAIL_OK && !session_is_smtp(session->transport)) {
        tdm_error_set(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                      "this transport has no session to talk in",
                      "sessions by hand are for smtp://, smtps:// and lmtp://");
    }
    return session;
}

void tdm_session_cut(tidymail_session *session)
{
    if (session->tls != NULL) {
        tdm_tls_shutdown(session->tls);
        tdm_tls_free(session->tls);
        session->tls = NULL;
    }
    if (session->fd >= 0) {
        close(session->fd);
        session->fd = -1;
    }
    session->mode = TIDYMAIL_SESSION_CLOSED;
    session->broken = 0;
    session->tls_awaited = 0;
    session->final_sent = 0;
    session->has_ehlo = 0;
    session->hides_challenges = 0;
    tdm_smtp_caps_reset(&session->caps);
    tdm_buf_reset(&session->capabilities);
    tdm_buf_reset(&session->input);
    tdm_buf_reset(&session->seen);
}

void tidymail_session_free(tidymail_session *session)
{
    if (session == NULL) {
        return;
    }
    tidymail_allocator allocator = session->allocator;
    tdm_session_cut(session);
    tdm_tls_context_free(session->tls_context);
    tdm_loop_clear(&session->loop);
    tidymail_transport_close(session->transport);
    tdm_certificate_clear(&allocator, &session->certificate.facts);
    tdm_reply_parser_clear(&session->parser);
    tdm_smtp_caps_clear(&session->caps);
    tdm_buf_clear(&session->input);
    tdm_buf_clear(&session->seen);
    tdm_buf_clear(&session->text);
    tdm_buf_clear(&session->challenge);
    tdm_buf_clear(&session->capabilities);
    tdm_buf_wipe(&session->secret);
    tdm_error_clear(&session->error);
    tdm_wipe(&session->login, sizeof(session->login));
    tdm_free(&allocator, session);
}

struct session_connecting {
    tidymail_session *session;
    int done;
};

static void session_phase(void *context, int phase)
{
    ((struct session_connecting *)context)->session->phase = phase;
}

static void session_connected(void *context, int fd, const struct tdm_address *address,
                              const struct tidymail_error *error)
{
    struct session_connecting *own = context;
    tidymail_session *session = own->session;
    own->done = 1;
    session->fd = fd;
    if (fd < 0 && error->kind == TIDYMAIL_OK) {
        tdm_session_no_memory(session);
    } else if (fd < 0) {
        tdm_error_copy(&session->error, error);
    } else if (address != NULL) {
        struct tdm_buf text;
        tdm_buf_init(&text, &session->allocator, 512);
        tdm_address_format(address, 1, &text);
        tdm_session_note(session, "connected to %s", tdm_buf_text(&text));
        tdm_buf_clear(&text);
    }
}

/* The lines of the connector are notes. */
static void session_net_line(void *context, int mark, int phase, int encrypted, const char *text,
                             size_t length)
{
    (void)phase;
    (void)encrypted;
    tdm_session_trace(context, mark, text, length);
}

static int session_open_socket(tidymail_session *session)
{
    const struct tdm_smtp_own *smtp = tdm_session_smtp(session);
    struct session_connecting own = {session, 0};
    struct tdm_connect_options options;
    if (!session->loop.open && tdm_loop_init(&session->loop, &session->allocator) != 0) {
        return tdm_session_fail(session, TIDYMAIL_KIND_LOCAL,
                                "the event loop could not be set up (libuv)", NULL);
    }
    session->loop.resolver = session->transport->options.resolver;
    memset(&options, 0, sizeof(options));
    options.host = smtp->host;
    options.port = smtp->port;
    options.unix_path = smtp->unix_path;
    options.source = smtp->has_source ? &smtp->source : NULL;
    options.proxy = smtp->has_proxy ? &smtp->proxy : NULL;
    options.timeout_ms = session->transport->options.connect_timeout_ms;
    options.now_ms = session->transport->clock.now_ms;
    options.trace.line = session_net_line;
    options.trace.context = session;
    options.phase = session_phase;
    options.done = session_connected;
    options.context = &own;
    struct tdm_connect *connect = tdm_connect_start(&session->loop, &options);
    if (connect == NULL) {
        return tdm_session_no_memory(session);
    }
    while (!own.done) {
        tdm_loop_step(&session->loop);
    }
    tdm_connect_free(connect);
    return session->error.kind;
}

/* What the server showed, also where it was refused. */
static void session_keep_certificate(tidymail_session *session, const struct tidymail_error *error)
{
    tdm_certificate_clear(&session->allocator, &session->certificate.facts);
    session->has_certificate =
        tdm_tls_facts(session->tls, error, &session->allocator, &session->certificate.facts) == 0;
}

static void session_note_tls(const tidymail_session *session)
{
    struct tdm_buf facts;
    tdm_buf_init(&facts, &session->allocator, 4096);
    tdm_tls_describe(session->tls, &facts);
    tdm_session_note(session, "TLS: %s, %s, %s", tdm_tls_version(session->tls),
                     tdm_tls_cipher(session->tls), tdm_buf_text(&facts));
    tdm_buf_clear(&facts);
}

/* Runs the handshake to its end; TIDYMAIL_OK or the kind. */
static int session_shake_hands(tidymail_session *session)
{
    const struct tdm_options *given = &session->transport->options;
    int64_t timeout = given->reply_timeout_set ? given->reply_timeout_ms : TLS_TIMEOUT_MS;
    int64_t deadline = tdm_session_now(session) + timeout;
    for (;;) {
        enum tdm_tls_result result = tdm_tls_handshake(session->tls, &session->error);
        if (result == TDM_TLS_DONE) {
            session_keep_certificate(session, NULL);
            session_note_tls(session);
            return TIDYMAIL_OK;
        }
        if (result != TDM_TLS_WANT_READ && result != TDM_TLS_WANT_WRITE) {
            session_keep_certificate(session, &session->error);
            return session->error.kind != TIDYMAIL_OK ? session->error.kind
                                                      : tdm_session_no_memory(session);
        }
        if (!tdm_session_wait(session, result == TDM_TLS_WANT_READ ? POLLIN : POLLOUT, deadline)) {
            tdm_session_fail(session, TIDYMAIL_KIND_TIMEOUT,
                             "the server did not finish the TLS handshake in time", NULL);
            session->error.retryable = 1;
            return TIDYMAIL_KIND_TIMEOUT;
        }
    }
}

/* From here on the connection is encrypted, or it is at its end. */
static int session_go_tls(tidymail_session *session)
{
    session->phase = TIDYMAIL_PHASE_TLS;
    session->has_ehlo = 0; /* RFC 3207 4.2: all that was learnt before is forgotten */
    tdm_smtp_caps_reset(&session->caps);
    tdm_buf_reset(&session->capabilities);
    if (session->tls_context == NULL) {
        session->tls_context = tdm_open_tls(session->transport, &session->error);
    }
    if (session->tls_context != NULL) {
        session->tls =
            tdm_tls_new(session->tls_context, session->fd, tdm_session_smtp(session)->host);
        if (session->tls == NULL) {
            tdm_session_no_memory(session);
        }
    } else if (session->error.kind == TIDYMAIL_OK) {
        tdm_session_no_memory(session);
    }
    int kind = session->tls != NULL ? session_shake_hands(session) : session->error.kind;
    if (kind != TIDYMAIL_OK) {
        tdm_session_cut(session);
    }
    return kind;
}

int tidymail_session_connect(tidymail_session *session)
{
    if (session == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    tdm_session_cut(session);
    tdm_session_begin(session);
    tdm_certificate_clear(&session->allocator, &session->certificate.facts);
    session->has_certificate = 0;
    session->phase = TIDYMAIL_PHASE_PREPARE;
    if (session->transport->error.kind != TIDYMAIL_OK) {
        tdm_error_copy(&session->error, &session->transport->error);
        return session->error.kind;
    }
    session->phase = TIDYMAIL_PHASE_CONNECT;
    int kind = session_open_socket(session);
    if (kind != TIDYMAIL_OK) {
        tdm_session_cut(session);
        return kind;
    }
    session->mode = TIDYMAIL_SESSION_COMMAND;
    tdm_reply_parser_next(&session->parser);
    session->replied = 0;
    if (tdm_session_smtp(session)->tls == TIDYMAIL_SMTP_TLS_IMPLICIT) {
        kind = session_go_tls(session);
    }
    session->verb = TDM_VERB_GREETING;
    session->phase = kind == TIDYMAIL_OK ? TIDYMAIL_PHASE_GREETING : session->phase;
    return kind;
}

/* A TLS server never speaks first: what is there behind the 220 was sent in clear, by the server or
 * by somebody on the way (RFC 3207 6). */
static int session_check_injection(tidymail_session *session)
{
    char byte;
    if (session->input.length == 0 && recv(session->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
        return TIDYMAIL_OK;
    }
    tdm_session_cut(session);
    return tdm_session_fail(session, TIDYMAIL_KIND_TLS,
                            "the server sent bytes in clear behind its answer to STARTTLS",
                            "somebody on the way may be injecting replies; nothing of it was "
                            "believed");
}

static int session_can_tls(tidymail_session *session)
{
    if (session->fd < 0) {
        return tdm_session_fail(session, TIDYMAIL_KIND_CONNECTION, "not connected", NULL);
    }
    if (session->tls != NULL) {
        return tdm_session_fail(session, TIDYMAIL_KIND_TLS, "the session is encrypted already",
                                NULL);
    }
    if (tdm_session_smtp(session)->unix_path != NULL) {
        return tdm_session_fail(session, TIDYMAIL_KIND_CONFIGURATION,
                                "a Unix socket does not leave this machine; TLS has no use there",
                                NULL);
    }
    return TIDYMAIL_OK;
}

int tidymail_session_start_tls(tidymail_session *session)
{
    if (session == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    int asked = session->tls_awaited;
    int kind;
    tdm_session_begin(session);
    kind = session_can_tls(session);
    if (kind == TIDYMAIL_OK && !asked) {
        kind = tdm_session_ask(session, "STARTTLS");
        kind = kind == TIDYMAIL_OK ? tdm_session_verdict(session) : kind;
        if (kind == TIDYMAIL_OK && session->code != 220) { /* RFC 3207 4 */
            kind = tdm_session_fail(session, TIDYMAIL_KIND_PROTOCOL,
                                    "the server's answer to STARTTLS makes no sense", NULL);
        }
    }
    if (kind == TIDYMAIL_OK) {
        kind = session_check_injection(session);
    }
    if (kind == TIDYMAIL_OK) {
        kind = session_go_tls(session);
        session->verb = TDM_VERB_OTHER;
        session->tls_awaited = 0;
        session->phase = kind == TIDYMAIL_OK ? TIDYMAIL_PHASE_EHLO : session->phase;
    }
    return kind;
}

void tidymail_session_quit(tidymail_session *session)
{
    if (session == NULL || session->fd < 0) {
        return;
    }
    tdm_session_begin(session);
    if (session->mode == TIDYMAIL_SESSION_COMMAND && tdm_session_send(session, "QUIT") == 0) {
        tdm_session_read(session, QUIT_TIMEOUT_MS);
    }
    tdm_session_cut(session);
    tdm_session_begin(session); /* nothing that QUIT ended with is an error (RFC 5321 4.1.1.10) */
}
