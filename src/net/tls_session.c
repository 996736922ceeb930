/*
 * tls_session.c: sessions that are resumed (RFC 8446 2.2, RFC 5077), what SCRAM binds to, and the key
 * log. Sessions are kept in a context, which has one trust store and one way to verify; they are
 * offered only where the name is the one for which the first handshake was verified, so a resumed
 * session is as good as that one. There are several, since connections may begin together.
 */
#include <fcntl.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

#include "net/tls_internal.h"
#include "util/str.h"

#define KEYLOG_LINE_MAX 4096
#define EXPORTER_LABEL "EXPORTER-Channel-Binding"
#define EXPORTER_SIZE 32 /* RFC 9266 2 */

static void session_keep(struct tdm_tls_context *context, SSL_SESSION *session, const char *host)
{
    if (context->session_host == NULL || !tdm_equal_nocase(context->session_host, host)) {
        tdm_tls_forget_sessions(context);
        context->session_host = tdm_strdup(&context->allocator, host);
    }
    if (context->session_host == NULL) {
        SSL_SESSION_free(session);
        return;
    }
    if (context->session_count == TDM_TLS_SESSIONS_MAX) {
        SSL_SESSION_free(context->sessions[0]);
        context->session_count--;
        memmove(context->sessions, context->sessions + 1,
                context->session_count * sizeof(context->sessions[0]));
    }
    context->sessions[context->session_count++] = session;
}

/* OpenSSL has one that can be resumed; 1: its reference is ours now. */
static int session_is_new(SSL *ssl, SSL_SESSION *session)
{
    struct tdm_tls *tls = SSL_get_app_data(ssl);
    session_keep(tls->context, session, tls->host);
    return 1;
}

void tdm_tls_keep_sessions(struct tdm_tls_context *context)
{
    SSL_CTX_set_session_cache_mode(context->ssl,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ssl, session_is_new);
}

void tdm_tls_forget_sessions(struct tdm_tls_context *context)
{
    while (context->session_count > 0) {
        SSL_SESSION_free(context->sessions[--context->session_count]);
    }
    tdm_free(&context->allocator, context->session_host);
    context->session_host = NULL;
}

/* A ticket is used once (RFC 8446 C.4), so it is taken away. */
void tdm_tls_offer_session(struct tdm_tls *tls)
{
    struct tdm_tls_context *context = tls->context;
    if (context->session_count == 0 || !tdm_equal_nocase(context->session_host, tls->host)) {
        return;
    }
    SSL_SESSION *session = context->sessions[--context->session_count];
    if (SSL_set_session(tls->ssl, session) != 1) {
        ERR_clear_error();
    }
    SSL_SESSION_free(session);
}

void tdm_tls_settle_session(struct tdm_tls *tls)
{
    if (!tdm_tls_resumed(tls)) {
        return;
    }
    if (tls->leaf == NULL) {
        tls->leaf = SSL_get1_peer_certificate(tls->ssl);
    }
    /* below TLS 1.3 the same session may be resumed again, and no new one need come */
    SSL_SESSION *session =
        SSL_version(tls->ssl) < TLS1_3_VERSION ? SSL_get1_session(tls->ssl) : NULL;
    if (session != NULL && tls->context->session_count == 0) {
        session_keep(tls->context, session, tls->host);
    } else {
        SSL_SESSION_free(session);
    }
}

int tdm_tls_resumed(const struct tdm_tls *tls)
{
    return tls->ssl != NULL && SSL_session_reused(tls->ssl) == 1;
}

/* RFC 5929 4.1: the hash of the certificate's signature, at least SHA-256; none where the signature
 * has no hash of its own. */
static size_t session_end_point(const struct tdm_tls *tls, unsigned char bytes[TDM_TLS_BINDING_MAX])
{
    int hash = NID_undef;
    unsigned int size = 0;
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (tls->leaf == NULL || X509_get_signature_info(tls->leaf, &hash, NULL, NULL, NULL) != 1 ||
        hash == NID_undef) {
        return 0;
    }
    const EVP_MD *method =
        hash == NID_md5 || hash == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(hash);
    if (method == NULL || X509_digest(tls->leaf, method, digest, &size) != 1 ||
        size > TDM_TLS_BINDING_MAX) {
        return 0;
    }
    memcpy(bytes, digest, size);
    return size;
}

const char *tdm_tls_binding(const struct tdm_tls *tls, unsigned char bytes[TDM_TLS_BINDING_MAX],
                            size_t *length)
{
    int version = SSL_version(tls->ssl);
    /* RFC 9266 3: below TLS 1.3 only with the extended master secret. No context: in TLS 1.3 the same
     * as the empty one that is asked for, and below it what the other implementations do. */
    if ((version >= TLS1_3_VERSION ||
         (version == TLS1_2_VERSION && SSL_get_extms_support(tls->ssl) == 1)) &&
        SSL_export_keying_material(tls->ssl, bytes, EXPORTER_SIZE, EXPORTER_LABEL,
                                   sizeof(EXPORTER_LABEL) - 1, NULL, 0, 0) == 1) {
        *length = EXPORTER_SIZE;
        return "tls-exporter";
    }
    *length = session_end_point(tls, bytes);
    ERR_clear_error();
    return *length > 0 ? "tls-server-end-point" : NULL;
}

/* One line for each secret, whole or not at all: others may write to the same file. */
void tdm_tls_log_key(const struct tdm_tls_context *context, const char *line)
{
    char bytes[KEYLOG_LINE_MAX];
    size_t length = strlen(line);
    if (length + 1 > sizeof(bytes)) {
        return;
    }
    memcpy(bytes, line, length);
    bytes[length] = '\n';
    ssize_t written = write(context->keylog, bytes, length + 1);
    (void)written; /* a log that cannot be written is no reason to send no mail */
    tdm_wipe(bytes, length + 1);
}

static void session_log_key(const SSL *ssl, const char *line)
{
    const struct tdm_tls *tls = SSL_get_app_data(ssl);
    tdm_tls_log_key(tls->context, line);
}

void tdm_tls_open_keylog(struct tdm_tls_context *context, const char *path)
{
    context->keylog =
        path != NULL ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (context->keylog >= 0) {
        SSL_CTX_set_keylog_callback(context->ssl, session_log_key);
    }
}
