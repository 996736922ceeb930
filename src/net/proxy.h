/*
 * proxy.h: how a connection is asked for at a proxy, without I/O: SOCKS 5 (RFC 1928, login by RFC
 * 1929) and HTTP CONNECT (RFC 9110 9.3.6, login by RFC 7617). The name is looked up by the proxy.
 * Never takes a byte of what the server behind the proxy says.
 */
#ifndef TDM_NET_PROXY_H
#define TDM_NET_PROXY_H

#include "report/report_data.h"

enum tdm_proxy_kind { TDM_PROXY_SOCKS5, TDM_PROXY_HTTP };

struct tdm_proxy_config {
    enum tdm_proxy_kind kind;
    const char *host;
    int port;
    const char *user; /* NULL: no login; for SOCKS 5 at most 255 bytes, as the password */
    const char *password;
};

enum tdm_proxy_status { TDM_PROXY_RUNNING, TDM_PROXY_DONE, TDM_PROXY_FAILED };

enum tdm_proxy_state {
    TDM_PROXY_METHOD, /* SOCKS: the answer to the offered logins */
    TDM_PROXY_LOGIN,
    TDM_PROXY_REPLY,   /* its first five bytes */
    TDM_PROXY_ADDRESS, /* the rest of it */
    TDM_PROXY_HEADER   /* HTTP: the whole answer */
};

struct tdm_proxy {
    struct tdm_proxy_config config;
    const char *host; /* what is asked for; the caller's */
    int port;
    enum tdm_proxy_state state;
    enum tdm_proxy_status status;
    struct tdm_buf out;
    size_t out_at;
    struct tdm_buf in;
    size_t need;        /* SOCKS: bytes of the answer that is waited for */
    size_t line_length; /* HTTP: of the line under way */
    struct tidymail_error error;
};

/* Texts of `config` and `host` stay the caller's. */
void tdm_proxy_init(struct tdm_proxy *proxy, const tidymail_allocator *allocator,
                    const struct tdm_proxy_config *config, const char *host, int port);
void tdm_proxy_clear(struct tdm_proxy *proxy);

/* RUNNING while there is something to write or to read; on FAILED proxy->error says why: kind
 * connection, timeout or local, phase connect. */
enum tdm_proxy_status tdm_proxy_status(const struct tdm_proxy *proxy);
/* What is to be written; so many bytes of it were. */
const char *tdm_proxy_output(const struct tdm_proxy *proxy, size_t *length);
void tdm_proxy_consume(struct tdm_proxy *proxy, size_t length);
/* How many bytes may be read for it at most; 0 while it does not wait for any. */
size_t tdm_proxy_wants(const struct tdm_proxy *proxy);
/* No more than that. */
void tdm_proxy_feed(struct tdm_proxy *proxy, const char *bytes, size_t length);
/* It closed the connection; `words` say how, NULL for a plain end. */
void tdm_proxy_end_of_file(struct tdm_proxy *proxy, const char *words);
/* It took too long. */
void tdm_proxy_timeout(struct tdm_proxy *proxy, int64_t timeout_ms);

#endif
