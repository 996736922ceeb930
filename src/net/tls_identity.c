/* tls_identity.c: the certificate with which this side shows who it is (auth=external, or a server
 * that wants one). */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "net/note.h"
#include "net/tls_internal.h"

static int identity_fail(struct tidymail_error *error, const char *option, const char *path,
                         const char *why, const char *hint)
{
    ERR_clear_error();
    tdm_error_setf(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                   "the client %s (%s=%s) cannot be used: %s",
                   option[0] == 'c' ? "certificate" : "key", option, path, why);
    tdm_text_set(&error->allocator, &error->hint, hint);
    return -1;
}

static int identity_can_read(struct tidymail_error *error, const char *option, const char *path)
{
    if (access(path, R_OK) == 0) {
        return 1;
    }
    struct tdm_buf why;
    tdm_buf_init(&why, &error->allocator, 256);
    tdm_net_add_errno(&why, errno);
    identity_fail(error, option, path, tdm_buf_text(&why), "check the path and who may read it");
    tdm_buf_clear(&why);
    return 0;
}

/* OpenSSL's own would ask at the terminal. */
static int identity_no_password(char *buffer, int size, int writing, void *asked)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(int *)asked = 1;
    return -1;
}

int tdm_tls_load_identity(struct tdm_tls_context *context, struct tidymail_error *error)
{
    const char *cert = context->config.cert;
    const char *key = context->config.key != NULL ? context->config.key : cert;
    const char *key_option = context->config.key != NULL ? "key" : "cert";
    int encrypted = 0;
    if (cert == NULL) {
        return key == NULL ? 0
                           : identity_fail(error, "key", key, "there is no certificate with it",
                                           "name the certificate's file with cert=");
    }
    if (!identity_can_read(error, "cert", cert) || !identity_can_read(error, key_option, key)) {
        return -1;
    }
    if (SSL_CTX_use_certificate_chain_file(context->ssl, cert) != 1) {
        return identity_fail(error, "cert", cert, "no certificate (PEM) is in that file",
                             "cert= takes a PEM file: the certificate first, then its chain");
    }
    SSL_CTX_set_default_passwd_cb(context->ssl, identity_no_password);
    SSL_CTX_set_default_passwd_cb_userdata(context->ssl, &encrypted);
    int loaded = SSL_CTX_use_PrivateKey_file(context->ssl, key, SSL_FILETYPE_PEM);
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    SSL_CTX_set_default_passwd_cb_userdata(context->ssl, NULL);
    SSL_CTX_set_default_passwd_cb(context->ssl, NULL);
    if (encrypted) {
        return identity_fail(error, key_option, key, "the key is encrypted",
                             "write it without a passphrase, readable by this user alone");
    }
    if (loaded != 1 && reason == X509_R_KEY_VALUES_MISMATCH) {
        return identity_fail(error, key_option, key, "the key belongs to another certificate",
                             "cert= and key= have to be a pair");
    }
    if (loaded != 1) {
        return identity_fail(error, key_option, key, "no key (PEM) is in that file",
                             "name the key's file with key=");
    }
    if (SSL_CTX_check_private_key(context->ssl) != 1) {
        return identity_fail(error, key_option, key, "the key belongs to another certificate",
                             "cert= and key= have to be a pair");
    }
    return 0;
}
