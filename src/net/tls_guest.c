/*
 * tls_guest.c: the sessions of libcurl, by our rules: it asks for a certificate's fate and gets the same
 * answer as a session of ours, and the same words where a handshake fails. What tells why is heard in
 * the callbacks of OpenSSL while the handshake goes on: libcurl takes the error queue for itself.
 */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "net/tls_internal.h"

struct tdm_tls *tdm_tls_guest_new(struct tdm_tls_context *context, const char *host)
{
    struct tdm_tls *tls = tdm_alloc_array(&context->allocator, 1, sizeof(*tls));
    if (tls == NULL) {
        return NULL;
    }
    tls->context = context;
    tls->is_guest = 1;
    tls->socket.fd = -1;
    tls->guest_version = "";
    tls->guest_cipher = "";
    tdm_buf_init(&tls->begun, &context->allocator, TDM_TLS_RECORD);
    if (tdm_tls_set_host(tls, host) != 0) {
        tdm_tls_free(tls);
        return NULL;
    }
    return tls;
}

static struct tdm_tls *guest_of(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static int guest_verify(X509_STORE_CTX *store, void *context)
{
    struct tdm_tls *tls = context;
    if (tdm_tls_want_host(tls, X509_STORE_CTX_get0_param(store)) != 0) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    return tdm_tls_decide(tls, store);
}

static void guest_log_key(const SSL *ssl, const char *line)
{
    tdm_tls_log_key(guest_of(ssl)->context, line);
}

/* Alerts of the server, the end of the handshake, and what stopped it. */
static void guest_info(const SSL *ssl, int where, int value)
{
    struct tdm_tls *tls = guest_of(ssl);
    int number = errno;
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value & 0xFF) == SSL_AD_CLOSE_NOTIFY) {
        tls->guest_closed = 1;
    } else if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL) {
        tls->code = ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + (value & 0xFF));
    } else if ((where & SSL_CB_HANDSHAKE_DONE) != 0 && !tls->guest_done) {
        tls->guest_done = 1;
        tls->guest_version = SSL_get_version(ssl);
        tls->guest_cipher = SSL_get_cipher_name(ssl);
    } else if ((where & SSL_CB_EXIT) != 0 && value <= 0 && !tls->guest_done) {
        tls->guest_errno = number;
        if (tls->code == 0) {
            tls->code = ERR_peek_error();
        }
    }
}

/* The header of the first record (what a server that speaks no TLS says first is read as one), and whether
 * the client's certificate was asked for. */
static void guest_message(int sent, int version, int type, const void *bytes, size_t length,
                          SSL *ssl, void *unused)
{
    struct tdm_tls *tls = guest_of(ssl);
    struct tdm_tls_socket *socket = &tls->socket;
    (void)version;
    (void)unused;
    if (!sent && type == SSL3_RT_HEADER && socket->first_length == 0 &&
        length <= sizeof(socket->first)) {
        memcpy(socket->first, bytes, length);
        socket->first_length = length;
    } else if (!sent && type == SSL3_RT_HANDSHAKE && length > 0 &&
               *(const unsigned char *)bytes == SSL3_MT_CERTIFICATE_REQUEST) {
        tls->guest_asked = 1;
    }
}

/* The client's certificate, its chain and key; 0, or -1. */
static int guest_copy_identity(SSL_CTX *from, SSL_CTX *to)
{
    X509 *certificate = SSL_CTX_get0_certificate(from);
    STACK_OF(X509) *chain = NULL;
    if (certificate == NULL) {
        return 0;
    }
    SSL_CTX_get0_chain_certs(from, &chain);
    return SSL_CTX_use_certificate(to, certificate) == 1 &&
                   SSL_CTX_use_PrivateKey(to, SSL_CTX_get0_privatekey(from)) == 1 &&
                   (chain == NULL || SSL_CTX_set1_chain(to, chain) == 1)
               ? 0
               : -1;
}

int tdm_tls_guest_adopt(struct tdm_tls *tls, void *ssl_ctx)
{
    SSL_CTX *theirs = ssl_ctx;
    const struct tdm_tls_context *context = tls->context;
    int failed = SSL_CTX_set_min_proto_version(theirs, TLS1_2_VERSION) != 1 ||
                 SSL_CTX_set_app_data(theirs, tls) != 1 ||
                 guest_copy_identity(context->ssl, theirs) != 0;
    SSL_CTX_set_options(theirs, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set1_cert_store(theirs, SSL_CTX_get_cert_store(context->ssl));
    SSL_CTX_set_verify(theirs, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(theirs, guest_verify, tls);
    SSL_CTX_set_info_callback(theirs, guest_info);
    SSL_CTX_set_msg_callback(theirs, guest_message);
    SSL_CTX_set_keylog_callback(theirs, context->keylog >= 0 ? guest_log_key : NULL);
    ERR_clear_error();
    return failed ? -1 : 0;
}

int tdm_tls_guest_is_done(const struct tdm_tls *tls)
{
    return tls->guest_done;
}

int tdm_tls_guest_is_closed(const struct tdm_tls *tls)
{
    return tls->guest_closed;
}

int tdm_tls_guest_asked(const struct tdm_tls *tls, struct tidymail_error *error)
{
    int has_one = SSL_CTX_get0_certificate(tls->context->ssl) != NULL;
    if (!tls->guest_asked || tls->heard) {
        return 0;
    }
    tdm_error_setf(error, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS,
                   "%s asked for a client certificate, and closed the connection%s", tls->host,
                   has_one ? " when it had one" : "");
    tdm_text_set(&error->allocator, &error->hint,
                 has_one ? "the server did not like the client certificate (cert=)"
                         : "the server wants a client certificate: name its file with cert=");
    return 1;
}

void tdm_tls_guest_heard(struct tdm_tls *tls)
{
    tls->heard = 1;
}

void tdm_tls_guest_closing(struct tdm_tls *tls, int fd)
{
    if (!tls->guest_done && tls->socket.first_length > 0) {
        tls->socket.fd = fd;
        tdm_tls_read_first(&tls->socket);
        tls->socket.fd = -1;
    }
}

void tdm_tls_guest_explain(struct tdm_tls *tls, struct tidymail_error *error)
{
    int number = tls->guest_errno;
    int is_end = ERR_GET_LIB(tls->code) == ERR_LIB_SSL &&
                 ERR_GET_REASON(tls->code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (number == ECONNRESET || number == EPIPE || number == ETIMEDOUT || number == EHOSTUNREACH ||
        number == ENETUNREACH) {
        tls->socket.read_errno = tls->code == 0 ? number : 0;
    }
    tls->socket.eof = is_end || (tls->code == 0 && tls->socket.read_errno == 0);
    tls->code = is_end ? 0 : tls->code;
    tdm_tls_explain(tls, error);
}
