/*
 * smtp_open.c: smtp://, smtps://, lmtp:// and lmtp+unix://: from URL and options to what a connection
 * needs, checked before anything is connected.
 */
#include <string.h>
#include <unistd.h>

#include "transport/open_parts.h"
#include "transport/presets.h"
#include "transport/smtp_own.h"
#include "util/str.h"

#define PORT_RELAY 25
#define PORT_LMTP 24
#define PORT_SUBMISSION 587
#define PORT_SUBMISSIONS 465

/* This machine's address as the literal of RFC 5321 4.1.3: the first that others may reach. */
static void open_add_address_literal(struct tdm_buf *out)
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

static int open_is_full_name(const char *name)
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
    if (open_is_full_name(hostname)) {
        return tdm_strdup(allocator, hostname);
    }
    struct tdm_buf literal;
    tdm_buf_init(&literal, allocator, 128);
    open_add_address_literal(&literal);
    char *helo = literal.failed ? NULL : tdm_strdup(allocator, tdm_buf_text(&literal));
    tdm_buf_clear(&literal);
    return helo;
}

static int open_out_of_memory(struct tidymail_error *error)
{
    return tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory", NULL);
}

static int open_refuse(tidymail_transport *transport, const char *words, const char *hint)
{
    return tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                         words, hint);
}

/* STARTTLS is required but where the bytes stay on this machine: LMTP servers sit there, and mostly
 * without TLS. */
static int open_choose_tls(tidymail_transport *transport, struct tdm_smtp_own *own, int implicit)
{
    int wanted = transport->options.tls;
    if (own->unix_path != NULL) {
        own->tls = TIDYMAIL_SMTP_TLS_NONE;
        return wanted < 0 || wanted == TIDYMAIL_SMTP_TLS_NONE
                   ? TIDYMAIL_OK
                   : open_refuse(transport,
                                 "a Unix socket does not leave this machine; tls= has no use there",
                                 "leave tls= out");
    }
    if (!implicit) {
        int usual = own->lmtp && tdm_open_is_loopback(own->given_host) ? TIDYMAIL_SMTP_TLS_NONE
                                                                       : TIDYMAIL_SMTP_TLS_STARTTLS;
        own->tls = wanted >= 0 ? wanted : usual;
        return TIDYMAIL_OK;
    }
    own->tls = TIDYMAIL_SMTP_TLS_IMPLICIT;
    if (wanted < 0 || wanted == TIDYMAIL_SMTP_TLS_IMPLICIT) {
        return TIDYMAIL_OK;
    }
    return open_refuse(transport,
                       "smtps:// is encrypted from the first byte; tls= cannot change that",
                       "leave tls= out, or use smtp:// with it");
}

static int open_set_host(tidymail_transport *transport, struct tdm_smtp_own *own)
{
    return tdm_open_host(transport, own->given_host, &own->host);
}

static int open_set_port(tidymail_transport *transport, struct tdm_smtp_own *own)
{
    own->port = own->given_port;
    if (own->lmtp && own->port == PORT_RELAY) { /* RFC 2033 5 */
        return open_refuse(transport, "LMTP is not spoken on port 25: a server there speaks SMTP",
                           "use smtp://, or the port of the LMTP server (usually 24)");
    }
    /* EXTERNAL has no user where the certificate alone says who it is: a login all the same */
    const char *auth = transport->options.auth;
    int logs_in = transport->user != NULL || (auth != NULL && tdm_equal_nocase(auth, "external"));
    if (own->port == 0) {
        own->port = own->lmtp                                ? PORT_LMTP
                    : own->tls == TIDYMAIL_SMTP_TLS_IMPLICIT ? PORT_SUBMISSIONS
                    : logs_in                                ? PORT_SUBMISSION
                                                             : PORT_RELAY;
    }
    return TIDYMAIL_OK;
}

static int open_set_names(tidymail_transport *transport, struct tdm_smtp_own *own)
{
    char hostname[256] = "";
    struct tdm_buf server;
    tdm_buf_init(&server, &transport->allocator, 8192);
    int literal = strchr(own->given_host, ':') != NULL;
    if (own->unix_path != NULL) {
        tdm_escape(&server, own->unix_path, strlen(own->unix_path), 0);
    } else {
        tdm_buf_addf(&server, literal ? "[%s]:%d" : "%s:%d", own->given_host, own->port);
    }
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
                                                    : open_out_of_memory(&transport->error);
}

static int open_set_proxy(tidymail_transport *transport, struct tdm_smtp_own *own)
{
    if (transport->options.proxy == NULL) {
        return TIDYMAIL_OK;
    }
    if (own->unix_path != NULL) {
        return open_refuse(transport, "option proxy: a Unix socket is not reached through a proxy",
                           "leave proxy= out");
    }
    own->has_proxy = 1;
    return tdm_open_proxy(transport, &own->proxy_url, &own->proxy);
}

static int open_set_source(tidymail_transport *transport, struct tdm_smtp_own *own)
{
    if (transport->options.source == NULL) {
        return TIDYMAIL_OK;
    }
    if (own->unix_path != NULL) {
        return open_refuse(transport, "option source: a Unix socket has no such address",
                           "leave source= out");
    }
    own->has_source = 1;
    return tdm_open_source(transport, &own->source);
}

static int open_set_path(tidymail_transport *transport, struct tdm_smtp_own *own)
{
    struct tdm_address address;
    own->unix_path = transport->url.path;
    return tdm_address_unix(own->unix_path, &address) == 0
               ? TIDYMAIL_OK
               : open_refuse(transport, "URL: the path of a Unix socket has at most 107 bytes",
                             "give it a shorter name, or a symbolic link");
}

/* Host and port by URL or preset. `implicit` is then whether TLS comes first. */
static int open_set_target(tidymail_transport *transport, struct tdm_smtp_own *own, int *implicit)
{
    struct tdm_preset_target target;
    const struct tdm_options *options = &transport->options;
    if (transport->preset == NULL && (options->region != NULL || options->endpoint != NULL)) {
        return open_refuse(transport,
                           options->region != NULL ? "option region: only mail services have one"
                                                   : "option endpoint: only mail services have one",
                           "name the server in the URL");
    }
    if (transport->preset == NULL) {
        own->given_port = transport->url.port;
        own->given_host = tdm_strdup(&transport->allocator, transport->url.host);
        return own->given_host != NULL ? TIDYMAIL_OK : open_out_of_memory(&transport->error);
    }
    int kind = tdm_preset_target(transport, &target);
    own->given_host = target.host;
    own->given_port = target.port;
    *implicit = target.implicit;
    return kind;
}

static int open_fill(tidymail_transport *transport, struct tdm_smtp_own *own, int implicit)
{
    int kind = open_set_target(transport, own, &implicit);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    int is_unix = own->given_host[0] == '\0';
    kind = is_unix ? open_set_path(transport, own) : TIDYMAIL_OK;
    if (kind == TIDYMAIL_OK) {
        kind = open_choose_tls(transport, own, implicit);
    }
    if (kind == TIDYMAIL_OK && !is_unix) {
        kind = open_set_host(transport, own);
    }
    if (kind == TIDYMAIL_OK && !is_unix) {
        kind = open_set_port(transport, own);
    }
    if (kind == TIDYMAIL_OK) {
        kind = open_set_names(transport, own);
    }
    if (kind == TIDYMAIL_OK) {
        kind = open_set_proxy(transport, own);
    }
    return kind == TIDYMAIL_OK ? open_set_source(transport, own) : kind;
}

int tdm_smtp_open(tidymail_transport *transport, int lmtp, int implicit)
{
    struct tdm_smtp_own *own = tdm_alloc_array(&transport->allocator, 1, sizeof(*own));
    if (own == NULL) {
        return open_out_of_memory(&transport->error);
    }
    own->transport = transport;
    own->lmtp = lmtp;
    int kind = open_fill(transport, own, implicit);
    if (kind != TIDYMAIL_OK) {
        tdm_smtp_free_settings(own);
        return kind;
    }
    transport->impl = own;
    return TIDYMAIL_OK;
}

void tdm_smtp_free_settings(struct tdm_smtp_own *own)
{
    tidymail_allocator allocator = own->transport->allocator;
    tdm_url_clear(&allocator, &own->proxy_url);
    tdm_free(&allocator, own->given_host);
    tdm_free(&allocator, own->host);
    tdm_free(&allocator, own->server);
    tdm_free(&allocator, own->helo);
    tdm_free(&allocator, own);
}
