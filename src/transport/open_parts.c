/* open_parts.c: see open_parts.h. */
#include "transport/open_parts.h"

#include <idn2.h>
#include <string.h>

#include "util/str.h"

#define PORT_SOCKS 1080
#define SOCKS_TEXT_MAX 255 /* RFC 1929 2 */

static int parts_refuse(tidymail_transport *transport, const char *words, const char *hint)
{
    return tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                         words, hint);
}

static int parts_no_memory(tidymail_transport *transport)
{
    return tdm_error_set(&transport->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory", NULL);
}

int tdm_open_is_loopback(const char *host)
{
    struct tdm_address address;
    return tdm_equal_nocase(host, "localhost") || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 && tdm_address_parse(host, 0, &address) == 0);
}

/* An internationalized name becomes its A-label (RFC 5890), as DNS and certificates have it. */
int tdm_open_host(tidymail_transport *transport, const char *host, char **out)
{
    uint8_t *ascii = NULL;
    if (!tdm_has_8bit(host, strlen(host))) {
        *out = tdm_strdup(&transport->allocator, host);
        return *out != NULL ? TIDYMAIL_OK : parts_no_memory(transport);
    }
    int status =
        idn2_lookup_u8((const uint8_t *)host, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (status == IDN2_MALLOC) {
        return parts_no_memory(transport);
    }
    if (status != IDN2_OK) {
        return tdm_error_setf(&transport->error, TIDYMAIL_KIND_CONFIGURATION,
                              TIDYMAIL_PHASE_PREPARE, "the host of the URL is not a valid name: %s",
                              idn2_strerror(status));
    }
    *out = tdm_strdup(&transport->allocator, (const char *)ascii);
    idn2_free(ascii);
    return *out != NULL ? TIDYMAIL_OK : parts_no_memory(transport);
}

/* What is wrong with a proxy that is a URL; NULL where nothing is. Its login is never shown. */
static const char *parts_check_proxy(const struct tdm_url *url)
{
    int socks = strcmp(url->scheme, "socks5") == 0 || strcmp(url->scheme, "socks5h") == 0;
    const char *user = url->user != NULL ? url->user : "";
    const char *password = url->password != NULL ? url->password : "";
    if (!socks && strcmp(url->scheme, "http") != 0) {
        return "it is neither socks5:// nor http://";
    }
    if (url->host[0] == '\0') {
        return "it has no host";
    }
    if (url->port == 0 && !socks) {
        return "it has no port";
    }
    if ((url->path[0] != '\0' && strcmp(url->path, "/") != 0) || url->query != NULL) {
        return "nothing follows the port";
    }
    if (url->user != NULL && user[0] == '\0') {
        return "its user is empty";
    }
    if (socks && (strlen(user) > SOCKS_TEXT_MAX || strlen(password) > SOCKS_TEXT_MAX)) {
        return "SOCKS takes no user or password of more than 255 bytes";
    }
    if (!socks && strchr(user, ':') != NULL) {
        return "the user of an HTTP proxy has no colon (RFC 7617)";
    }
    return NULL;
}

int tdm_open_proxy(tidymail_transport *transport, struct tdm_url *url,
                   struct tdm_proxy_config *proxy)
{
    struct tidymail_error error;
    tdm_error_init(&error, &transport->allocator);
    int kind = tdm_url_parse(&transport->allocator, transport->options.proxy, url, &error);
    const char *wrong =
        kind != TIDYMAIL_OK ? tidymail_error_message(&error) : parts_check_proxy(url);
    if (wrong != NULL) {
        kind = tdm_error_setf(&transport->error,
                              kind != TIDYMAIL_OK ? kind : TIDYMAIL_KIND_CONFIGURATION,
                              TIDYMAIL_PHASE_PREPARE, "option proxy: %s", wrong);
        tdm_text_set(&transport->allocator, &transport->error.hint,
                     "write it as socks5://host:port or http://host:port, with user:password@ "
                     "before the host where the proxy wants a login");
    } else {
        proxy->kind = url->scheme[0] == 's' ? TDM_PROXY_SOCKS5 : TDM_PROXY_HTTP;
        proxy->host = url->host;
        proxy->port = url->port != 0 ? url->port : PORT_SOCKS;
        proxy->user = url->user;
        proxy->password = url->password;
    }
    tdm_error_clear(&error);
    return kind;
}

int tdm_open_source(tidymail_transport *transport, struct tdm_address *source)
{
    return tdm_address_parse(transport->options.source, 0, source) == 0
               ? TIDYMAIL_OK
               : parts_refuse(transport, "option source: this is no IPv4 or IPv6 address",
                              "give an address of this machine, without brackets and port");
}

struct tdm_tls_context *tdm_open_tls(const tidymail_transport *transport,
                                     struct tidymail_error *error)
{
    const struct tdm_options *options = &transport->options;
    struct tdm_tls_config config;
    memset(&config, 0, sizeof(config));
    config.ca = options->ca;
    config.cert = options->cert;
    config.key = options->key;
    config.keylog = transport->keylog;
    config.verify = TDM_TLS_VERIFY_FULL;
    if (options->verify == TDM_VERIFY_NONE) {
        config.verify = TDM_TLS_VERIFY_NONE;
    } else if (options->verify == TDM_VERIFY_SHA256) {
        config.verify = TDM_TLS_VERIFY_SHA256;
        memcpy(config.sha256, options->verify_sha256, sizeof(config.sha256));
    }
    return tdm_tls_context_new(&transport->allocator, &config, error);
}
