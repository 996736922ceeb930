/*
 * tls_channel.h: the server's side of TLS over memory: encrypted bytes go in and out, so that the
 * sockets stay with the listener and nothing here can block or raise SIGPIPE.
 */
#ifndef TDM_DEVSERVER_TLS_CHANNEL_H
#define TDM_DEVSERVER_TLS_CHANNEL_H

#include <openssl/ssl.h>

#include "server_session.h"

struct tdm_tls_channel {
    SSL *ssl; /* NULL: there is no TLS */
    BIO *in;  /* both owned by ssl */
    BIO *out;
};

/* 0, or -1 when out of memory. */
int tdm_tls_channel_open(struct tdm_tls_channel *channel, SSL_CTX *context);
void tdm_tls_channel_close(struct tdm_tls_channel *channel);
/* Before the handshake: no further than TLS 1.0 (10), 1.1 (11) or 1.2 (12); 0: no limit. */
void tdm_tls_channel_limit(const struct tdm_tls_channel *channel, int max_version);
/* Encrypted bytes from the client. */
int tdm_tls_channel_feed(struct tdm_tls_channel *channel, const char *bytes, size_t length);
/* 1 once complete, 0 while more is needed, -1 with one line in `error`. */
int tdm_tls_channel_handshake(struct tdm_tls_channel *channel, struct tdm_buf *error);
/* After the handshake: what a login may bind to, and who the client is. */
void tdm_tls_channel_facts(const struct tdm_tls_channel *channel, struct tdm_server_tls *facts);
/* Decrypted bytes: how many, 0 when there are none now, -1 where the client ended TLS or broke it. */
int tdm_tls_channel_read(struct tdm_tls_channel *channel, char *bytes, size_t capacity);
/* Encrypts all of it: one record for each call (of up to 16 KiB). */
int tdm_tls_channel_write(struct tdm_tls_channel *channel, const char *bytes, size_t length);
/* Says goodbye (close_notify). */
void tdm_tls_channel_shutdown(struct tdm_tls_channel *channel);
/* Moves what is to be sent to the client to `out`. */
void tdm_tls_channel_drain(struct tdm_tls_channel *channel, struct tdm_buf *out);

#endif
