/* tls.c: one TLS session over a socket, see tls.h. */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "net/note.h"
#include "net/resolve.h"
#include "net/tls_internal.h"

static void tls_set_words(struct tdm_tls *tls, const char *before, const char *text)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &tls->context->allocator, sizeof(tls->words) * 4);
    tdm_buf_addf(&line, "%s%s", before, text);
    size_t length = line.length < sizeof(tls->words) ? line.length : sizeof(tls->words) - 1;
    memcpy(tls->words, tdm_buf_text(&line), length);
    tls->words[length] = '\0';
    tls->has_words = 1;
    tdm_buf_clear(&line);
}

static void tls_set_errno_words(struct tdm_tls *tls, int number)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &tls->context->allocator, sizeof(tls->words));
    tdm_net_add_errno(&text, number);
    tls_set_words(tls, "", tdm_buf_text(&text));
    tdm_buf_clear(&text);
}

int tdm_tls_set_host(struct tdm_tls *tls, const char *host)
{
    struct tdm_address address;
    tls->host_is_address = tdm_address_parse(host, 0, &address) == 0;
    size_t length = tls->host_is_address ? strcspn(host, "%") : strlen(host);
    if (!tls->host_is_address && length > 1 && host[length - 1] == '.') {
        length--;
    }
    tls->host = tdm_strndup(&tls->context->allocator, host, length);
    return tls->host != NULL ? 0 : -1;
}

int tdm_tls_want_host(const struct tdm_tls *tls, X509_VERIFY_PARAM *param)
{
    if (tls->host_is_address) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, tls->host) == 1 ? 0 : -1;
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, tls->host, 0) == 1 ? 0 : -1;
}

/* What the certificate must have, and the name for SNI (RFC 6066 3: a host name without the dot at its
 * end, never an address). 0, or -1 when out of memory. */
static int tls_name_host(struct tdm_tls *tls, const char *host)
{
    if (tdm_tls_set_host(tls, host) != 0 || tdm_tls_want_host(tls, SSL_get0_param(tls->ssl)) != 0) {
        return -1;
    }
    return tls->host_is_address || SSL_set_tlsext_host_name(tls->ssl, tls->host) == 1 ? 0 : -1;
}

struct tdm_tls *tdm_tls_new(struct tdm_tls_context *context, int fd, const char *host)
{
    struct tdm_tls *tls = tdm_alloc_array(&context->allocator, 1, sizeof(*tls));
    if (tls == NULL) {
        return NULL;
    }
    tls->context = context;
    tls->socket.fd = fd;
    tdm_buf_init(&tls->begun, &context->allocator, TDM_TLS_RECORD);
    tls->ssl = SSL_new(context->ssl);
    BIO *bio = BIO_new(context->bio);
    if (tls->ssl == NULL || bio == NULL || tls_name_host(tls, host) != 0) {
        BIO_free(bio);
        ERR_clear_error();
        tdm_tls_free(tls);
        return NULL;
    }
    tls->socket.ssl = tls->ssl;
    BIO_set_data(bio, &tls->socket);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_connect_state(tls->ssl);
    tdm_tls_offer_session(tls);
    return tls;
}

void tdm_tls_free(struct tdm_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    tidymail_allocator allocator = tls->context->allocator;
    if (tls->ssl != NULL && SSL_is_init_finished(tls->ssl) &&
        (tls->socket.eof || tls->socket.read_errno != 0 || tls->socket.write_errno != 0)) {
        /* a network that broke says nothing against the session: OpenSSL would spoil it */
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(tls->ssl);
    X509_free(tls->leaf);
    X509_free(tls->refused);
    tdm_buf_wipe(&tls->begun);
    tdm_free(&allocator, tls->host);
    tdm_free(&allocator, tls);
}

/* SSL_get_error looks at the thread's queue, where somebody else may have left something. */
static void tls_clear_errors(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

/* What an OpenSSL call that failed means; WANT_* where it only has to be repeated. */
static enum tdm_tls_result tls_result(struct tdm_tls *tls, int status)
{
    int error = SSL_get_error(tls->ssl, status);
    tls->has_words = 0;
    if (error == SSL_ERROR_WANT_READ) {
        return TDM_TLS_WANT_READ;
    }
    if (error == SSL_ERROR_WANT_WRITE) {
        return TDM_TLS_WANT_WRITE;
    }
    if (error == SSL_ERROR_ZERO_RETURN && !tls->socket.eof) {
        return TDM_TLS_EOF;
    }
    tls->code = ERR_peek_error();
    ERR_clear_error();
    tls->broken = 1;
    if (tls->socket.write_errno != 0) {
        tls_set_errno_words(tls, tls->socket.write_errno);
    } else if (tls->socket.read_errno != 0) {
        tls_set_errno_words(tls, tls->socket.read_errno);
    } else if (tls->socket.eof) {
        tls_set_words(tls, "the connection ended without TLS close", "");
        return TDM_TLS_EOF;
    } else {
        tls_set_words(tls, "TLS failed: ", tdm_tls_reason(tls->code));
    }
    return TDM_TLS_FAILED;
}

enum tdm_tls_result tdm_tls_handshake(struct tdm_tls *tls, struct tidymail_error *error)
{
    tls_clear_errors();
    int status = SSL_connect(tls->ssl);
    if (status == 1) {
        tdm_tls_settle_session(tls);
        return TDM_TLS_DONE;
    }
    enum tdm_tls_result result = tls_result(tls, status);
    if (result == TDM_TLS_WANT_READ || result == TDM_TLS_WANT_WRITE) {
        return result;
    }
    tls->broken = 1;
    tdm_tls_forget_sessions(tls->context); /* it may have been refused for the one we offered */
    tdm_tls_read_first(&tls->socket);
    tdm_tls_explain(tls, error);
    return TDM_TLS_FAILED;
}

enum tdm_tls_result tdm_tls_read(struct tdm_tls *tls, void *bytes, size_t capacity, size_t *length)
{
    tls_clear_errors();
    int status = SSL_read_ex(tls->ssl, bytes, capacity, length);
    tls->heard |= status == 1;
    return status == 1 ? TDM_TLS_DONE : tls_result(tls, status);
}

void tdm_tls_let_wait(struct tdm_tls *tls, int wait)
{
    tls->socket.wait = wait;
}

void tdm_tls_speaks_first(struct tdm_tls *tls)
{
    tls->socket.speaks_first = 1;
}

int tdm_tls_has_more(const struct tdm_tls *tls)
{
    return SSL_has_pending(tls->ssl) == 1;
}

static enum tdm_tls_result tls_write_once(struct tdm_tls *tls, const void *bytes, size_t length,
                                          size_t *written)
{
    tls_clear_errors();
    int status = SSL_write_ex(tls->ssl, bytes, length, written);
    return status == 1 ? TDM_TLS_DONE : tls_result(tls, status);
}

/* Finishes the record that was begun with bytes which the caller no longer wants to send. */
static enum tdm_tls_result tls_flush_begun(struct tdm_tls *tls)
{
    size_t written = 0;
    enum tdm_tls_result result = tls_write_once(tls, tls->begun.data, tls->begun.length, &written);
    if (result == TDM_TLS_DONE) {
        tdm_buf_reset(&tls->begun);
    }
    return result;
}

enum tdm_tls_result tdm_tls_write(struct tdm_tls *tls, const void *bytes, size_t length,
                                  size_t *written)
{
    struct tdm_buf *begun = &tls->begun;
    size_t size = length < TDM_TLS_RECORD ? length : TDM_TLS_RECORD;
    if (begun->length > 0) {
        if (length < begun->length || memcmp(bytes, begun->data, begun->length) != 0) {
            enum tdm_tls_result flushed = tls_flush_begun(tls);
            if (flushed != TDM_TLS_DONE) {
                return flushed;
            }
        } else {
            size = begun->length;
        }
    }
    tls->socket.more = size < length;
    enum tdm_tls_result result = tls_write_once(tls, bytes, size, written);
    tls->socket.more = 0;
    if (result == TDM_TLS_DONE) {
        tdm_buf_reset(begun);
    } else if (begun->length == 0 &&
               (result == TDM_TLS_WANT_READ || result == TDM_TLS_WANT_WRITE) &&
               tdm_buf_add(begun, bytes, size) != 0) {
        tls->broken = 1;
        tls_set_words(tls, "out of memory", "");
        return TDM_TLS_FAILED;
    }
    return result;
}

void tdm_tls_shutdown(struct tdm_tls *tls)
{
    if (!tls->broken && SSL_is_init_finished(tls->ssl)) {
        SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
}

const char *tdm_tls_words(const struct tdm_tls *tls)
{
    return tls->has_words ? tls->words : NULL;
}

int tdm_tls_write_broke(const struct tdm_tls *tls)
{
    return tls->socket.write_errno != 0;
}

const char *tdm_tls_version(const struct tdm_tls *tls)
{
    return tls->is_guest ? tls->guest_version : SSL_get_version(tls->ssl);
}

const char *tdm_tls_cipher(const struct tdm_tls *tls)
{
    return tls->is_guest ? tls->guest_cipher : SSL_get_cipher_name(tls->ssl);
}

void tdm_tls_describe(const struct tdm_tls *tls, struct tdm_buf *out)
{
    if (tls->leaf == NULL) {
        tdm_buf_add_str(out, "no certificate");
        return;
    }
    if (tdm_tls_resumed(tls)) {
        tdm_buf_add_str(out, "resumed session, ");
    }
    tdm_buf_add_str(out, "certificate for ");
    tdm_tls_add_names(out, tls->leaf);
    tdm_buf_add_str(out, " by ");
    tdm_tls_add_issuer(out, tls->leaf);
    tdm_buf_add_str(out, " until ");
    tdm_tls_add_time(out, X509_get0_notAfter(tls->leaf));
    switch (tls->context->config.verify) {
    case TDM_TLS_VERIFY_FULL:
        tdm_buf_addf(out, ", verified for %s against %s", tls->host,
                     tls->context->ca != NULL ? tls->context->ca : "the system's CAs");
        break;
    case TDM_TLS_VERIFY_NONE:
        tdm_buf_add_str(out, ", not verified (verify=none)");
        break;
    case TDM_TLS_VERIFY_SHA256:
        tdm_buf_add_str(out, ", its fingerprint is the one wanted");
        break;
    }
}
