/* tls_context.c: trust store and settings of a transport's TLS sessions, and the one function that
 * decides about a peer's certificate. */
#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/note.h"
#include "net/tls_internal.h"

#define PATH_MAX_BYTES 4096

static int context_fail_ca(struct tidymail_error *error, const char *path, const char *why)
{
    tdm_error_setf(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                   "the CA certificates (ca=%s) cannot be used: %s", path, why);
    tdm_text_set(&error->allocator, &error->hint,
                 "ca= takes a PEM file, or a directory of such files");
    return -1;
}

static int context_fail_ca_errno(struct tidymail_error *error, const char *path, int number)
{
    struct tdm_buf why;
    tdm_buf_init(&why, &error->allocator, 256);
    tdm_net_add_errno(&why, number);
    context_fail_ca(error, path, tdm_buf_text(&why));
    tdm_buf_clear(&why);
    return -1;
}

/* Every certificate of every file in it; whether the names are hashes (c_rehash) does not matter. */
static int context_load_directory(struct tdm_tls_context *context, const char *path,
                                  struct tidymail_error *error)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return context_fail_ca_errno(error, path, errno);
    }
    struct tdm_buf file;
    tdm_buf_init(&file, &context->allocator, PATH_MAX_BYTES);
    int loaded = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        tdm_buf_reset(&file);
        if (tdm_buf_addf(&file, "%s/%s", path, entry->d_name) == 0) {
            loaded |= SSL_CTX_load_verify_file(context->ssl, tdm_buf_text(&file)) == 1;
        }
    }
    tdm_buf_clear(&file);
    closedir(directory);
    ERR_clear_error();
    return loaded ? 0 : context_fail_ca(error, path, "no certificate (PEM) is in that directory");
}

static int context_load_ca(struct tdm_tls_context *context, const char *path,
                           struct tidymail_error *error)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return context_fail_ca_errno(error, path, errno);
    }
    if (S_ISDIR(status.st_mode)) {
        return context_load_directory(context, path, error);
    }
    if (access(path, R_OK) != 0) {
        return context_fail_ca_errno(error, path, errno);
    }
    if (SSL_CTX_load_verify_file(context->ssl, path) != 1) {
        ERR_clear_error();
        return context_fail_ca(error, path, "no certificate (PEM) is in that file");
    }
    return 0;
}

/* Decides about the peer's certificate in place of OpenSSL's own function, whatever is asked for;
 * keeps what is needed to explain a refusal. 1: accepted. */
int tdm_tls_decide(struct tdm_tls *tls, X509_STORE_CTX *store)
{
    const struct tdm_tls_config *config = &tls->context->config;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    unsigned char digest[32];
    X509_free(tls->leaf);
    tls->leaf = leaf != NULL && X509_up_ref(leaf) == 1 ? leaf : NULL;
    switch (config->verify) {
    case TDM_TLS_VERIFY_NONE:
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    case TDM_TLS_VERIFY_SHA256:
        if (leaf != NULL && tdm_tls_fingerprint(leaf, digest) == 0 &&
            memcmp(digest, config->sha256, sizeof(digest)) == 0) {
            X509_STORE_CTX_set_error(store, X509_V_OK);
            return 1;
        }
        tls->verify_error = X509_V_ERR_APPLICATION_VERIFICATION;
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    case TDM_TLS_VERIFY_FULL:
        break;
    }
    if (X509_verify_cert(store) == 1) {
        return 1;
    }
    X509 *refused = X509_STORE_CTX_get_current_cert(store);
    tls->verify_error = X509_STORE_CTX_get_error(store);
    tls->verify_depth = X509_STORE_CTX_get_error_depth(store);
    X509_free(tls->refused);
    tls->refused = refused != NULL && X509_up_ref(refused) == 1 ? refused : NULL;
    return 0;
}

static int context_verify(X509_STORE_CTX *store, void *unused)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    (void)unused;
    return tdm_tls_decide(SSL_get_app_data(ssl), store);
}

/* Settings: 0, or -1 where OpenSSL does not take them. */
static int context_set_up(struct tdm_tls_context *context)
{
    SSL_CTX *ssl = context->ssl;
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1) {
        return -1;
    }
    /* an end without close_notify is told apart by our BIO; as a fatal error it would spoil the
     * session for the next connection */
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(ssl, 1); /* a record with one call, not head and body with two */
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ssl, context_verify, NULL);
    tdm_tls_keep_sessions(context);
    return 0;
}

struct tdm_tls_context *tdm_tls_context_new(const tidymail_allocator *allocator,
                                            const struct tdm_tls_config *config,
                                            struct tidymail_error *error)
{
    struct tdm_tls_context *context = tdm_alloc_array(allocator, 1, sizeof(*context));
    if (context == NULL) {
        tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory", NULL);
        return NULL;
    }
    context->allocator = *allocator;
    context->config = *config;
    context->keylog = -1;
    context->ca = tdm_strdup(allocator, config->ca);
    context->config.ca = context->ca;
    context->ssl = SSL_CTX_new(TLS_client_method());
    context->bio = tdm_tls_bio_method();
    int failed = context->ssl == NULL || context->bio == NULL ||
                 (config->ca != NULL && context->ca == NULL) || context_set_up(context) != 0;
    if (failed) {
        tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                      "TLS could not be set up (OpenSSL)", NULL);
    } else if (config->verify == TDM_TLS_VERIFY_FULL) {
        if (config->ca != NULL) {
            failed = context_load_ca(context, config->ca, error) != 0;
        } else if (SSL_CTX_set_default_verify_paths(context->ssl) != 1) {
            tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                          "the system's CA certificates could not be loaded", NULL);
            failed = 1;
        }
    }
    failed = failed || tdm_tls_load_identity(context, error) != 0;
    ERR_clear_error();
    if (failed) {
        tdm_tls_context_free(context);
        return NULL;
    }
    tdm_tls_open_keylog(context, config->keylog);
    /* they were read: the context outlives whoever gave them */
    context->config.cert = context->config.key = context->config.keylog = NULL;
    return context;
}

void tdm_tls_context_free(struct tdm_tls_context *context)
{
    if (context == NULL) {
        return;
    }
    tidymail_allocator allocator = context->allocator;
    tdm_tls_forget_sessions(context);
    SSL_CTX_free(context->ssl);
    if (context->keylog >= 0) {
        close(context->keylog);
    }
    BIO_meth_free(context->bio);
    tdm_free(&allocator, context->ca);
    tdm_free(&allocator, context);
}
