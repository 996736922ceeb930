/* tls_channel.c: see tls_channel.h. */
#include "tls_channel.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

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

void tdm_tls_channel_limit(const struct tdm_tls_channel *channel, int max_version)
{
    if (max_version > 0) {
        SSL_set_security_level(channel->ssl, 0); /* TLS 1.1 is below OpenSSL's usual level */
        SSL_set_min_proto_version(channel->ssl, TLS1_VERSION);
        SSL_set_max_proto_version(channel->ssl, max_version == 10   ? TLS1_VERSION
                                                : max_version == 11 ? TLS1_1_VERSION
                                                                    : TLS1_2_VERSION);
    }
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

/* RFC 5929 4.1: the certificate's own digest, SHA-256 where that is MD5 or SHA-1 (or none). */
static const EVP_MD *channel_end_point_digest(const X509 *certificate)
{
    int digest = NID_undef;
    OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &digest, NULL);
    if (digest == NID_undef || digest == NID_md5 || digest == NID_sha1) {
        return EVP_sha256();
    }
    const EVP_MD *found = EVP_get_digestbynid(digest);
    return found != NULL ? found : EVP_sha256();
}

/* The common name of a certificate that the test CA made. */
static void channel_identity(SSL *ssl, char *identity, size_t size)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    if (certificate != NULL && SSL_get_verify_result(ssl) == X509_V_OK &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, identity,
                                  (int)size) < 0) {
        identity[0] = '\0';
    }
}

void tdm_tls_channel_facts(const struct tdm_tls_channel *channel, struct tdm_server_tls *facts)
{
    static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 2 */
    SSL *ssl = channel->ssl;
    X509 *own = SSL_get_certificate(ssl);
    unsigned int length = 0;
    memset(facts, 0, sizeof(*facts));
    /* RFC 9266 4.2: with TLS 1.2 only where the master secret is bound to the handshake */
    int sound = SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_extms_support(ssl) == 1;
    if (sound && SSL_export_keying_material(ssl, facts->exporter, sizeof(facts->exporter), label,
                                            strlen(label), (const unsigned char *)"", 0, 1) == 1) {
        facts->exporter_length = sizeof(facts->exporter);
    }
    if (own != NULL &&
        X509_digest(own, channel_end_point_digest(own), facts->end_point, &length) == 1) {
        facts->end_point_length = length;
    }
    channel_identity(ssl, facts->identity, sizeof(facts->identity));
    ERR_clear_error();
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
