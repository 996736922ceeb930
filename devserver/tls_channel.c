/* tls_channel.c: see tls_channel.h. */
#include "tls_channel.h"

#include <limits.h>

#include <openssl/err.h>

int tdm_tls_channel_open(struct tdm_tls_channel *channel, SSL_CTX *context)
{
    channel->ssl = SSL_new(context);
    channel->in = BIO_new(BIO_s_mem());
    channel->out = BIO_new(BIO_s_mem());
    if (channel->ssl == NULL || channel->in == NULL || channel->out == NULL) {
        SSL_free(channel->ssl);
        BIO_free(channel->in);
        BIO_free(channel->out);
        channel->ssl = NULL;
        return -1;
    }
    SSL_set_bio(channel->ssl, channel->in, channel->out);
    SSL_set_accept_state(channel->ssl);
    return 0;
}

void tdm_tls_channel_close(struct tdm_tls_channel *channel)
{
    SSL_free(channel->ssl);
    channel->ssl = NULL;
    channel->in = channel->out = NULL;
}

int tdm_tls_channel_feed(struct tdm_tls_channel *channel, const char *bytes, size_t length)
{
    if (length == 0) {
        return 0;
    }
    return length <= INT_MAX && BIO_write(channel->in, bytes, (int)length) == (int)length ? 0 : -1;
}

int tdm_tls_channel_handshake(struct tdm_tls_channel *channel, struct tdm_buf *error)
{
    ERR_clear_error();
    int result = SSL_do_handshake(channel->ssl);
    if (result == 1) {
        return 1;
    }
    int why = SSL_get_error(channel->ssl, result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        return 0;
    }
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    tdm_buf_addf(error, "a TLS handshake that failed: %s",
                 reason != NULL ? reason : "the connection broke");
    ERR_clear_error();
    return -1;
}

int tdm_tls_channel_read(struct tdm_tls_channel *channel, char *bytes, size_t capacity)
{
    ERR_clear_error();
    int got = SSL_read(channel->ssl, bytes, capacity < INT_MAX ? (int)capacity : INT_MAX);
    if (got > 0) {
        return got;
    }
    int why = SSL_get_error(channel->ssl, got);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int tdm_tls_channel_write(struct tdm_tls_channel *channel, const char *bytes, size_t length)
{
    ERR_clear_error();
    size_t written = 0;
    int ok = SSL_write_ex(channel->ssl, bytes, length, &written) == 1 && written == length;
    ERR_clear_error();
    return ok ? 0 : -1;
}

void tdm_tls_channel_shutdown(struct tdm_tls_channel *channel)
{
    SSL_shutdown(channel->ssl);
    ERR_clear_error();
}

void tdm_tls_channel_drain(struct tdm_tls_channel *channel, struct tdm_buf *out)
{
    char *bytes = NULL;
    long length = BIO_get_mem_data(channel->out, &bytes);
    if (length > 0) {
        tdm_buf_add(out, bytes, (size_t)length);
        (void)BIO_reset(channel->out);
    }
}
