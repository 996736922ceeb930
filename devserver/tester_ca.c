/* tester_ca.c: see tester_ca.h. Keys are EC P-256: made in no time; one kind of server needs RSA. */
#include "tester_ca.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define DAY_S (24L * 60 * 60)
#define PATH_LIMIT 4096

static const char ca_file[] = "ca.pem";
static const char ca_key_file[] = "ca-key.pem";
static const char server_file[] = "server.pem"; /* certificate and key in one: never half written */
static const char client_file[] = "client.pem"; /* the same, for who logs in by certificate */
static const char lock_file[] = "lock";

static const char good_names[] = "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";
static const char wrong_names[] = "DNS:wrong-host.test";

struct certificate_order {
    const char *common_name;
    const char *names; /* subjectAltName, NULL: none */
    int is_ca;
    int is_client;
    int is_rsa;
    long from_day;
    long to_day;
    X509 *issuer; /* NULL: itself */
    EVP_PKEY *issuer_key;
};

static int ca_error(struct tdm_buf *error, const char *what, const char *path, const char *why)
{
    if (error->length == 0) {
        tdm_buf_addf(error, "%s%s%s: %s", what, path[0] != '\0' ? " " : "", path, why);
    }
    return -1;
}

static int certificate_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    int added = extension != NULL && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static int certificate_fill(X509 *certificate, EVP_PKEY *key, const struct certificate_order *order)
{
    unsigned char serial[16];
    if (RAND_bytes(serial, sizeof(serial)) != 1) {
        return 0;
    }
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* positive, without leading zero */
    BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509 *issuer = order->issuer != NULL ? order->issuer : certificate;
    int ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) &&
             X509_set_version(certificate, 2) &&
             X509_gmtime_adj(X509_getm_notBefore(certificate), order->from_day * DAY_S) &&
             X509_gmtime_adj(X509_getm_notAfter(certificate), order->to_day * DAY_S) &&
             X509_set_pubkey(certificate, key) &&
             X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
                                        (const unsigned char *)"tidymail test server", -1, -1, 0) &&
             X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                        (const unsigned char *)order->common_name, -1, -1, 0) &&
             X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    BN_free(number);
    ok = ok && certificate_add_extension(certificate, issuer, NID_basic_constraints,
                                         order->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    ok = ok && certificate_add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    ok =
        ok && certificate_add_extension(certificate, issuer, NID_authority_key_identifier, "keyid");
    ok = ok && certificate_add_extension(certificate, issuer, NID_key_usage,
                                         order->is_ca ? "critical,keyCertSign,cRLSign"
                                                      : "critical,digitalSignature");
    if (ok && !order->is_ca) {
        ok = certificate_add_extension(certificate, issuer, NID_ext_key_usage,
                                       order->is_client ? "clientAuth" : "serverAuth");
    }
    if (ok && order->names != NULL) {
        ok = certificate_add_extension(certificate, issuer, NID_subject_alt_name, order->names);
    }
    return ok;
}

/* A new key and its certificate; 0 or -1, then neither is there. */
static int certificate_make(const struct certificate_order *order, X509 **certificate,
                            EVP_PKEY **key, struct tdm_buf *error)
{
    *key = order->is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    *certificate = X509_new();
    if (*key != NULL && *certificate != NULL && certificate_fill(*certificate, *key, order) &&
        X509_sign(*certificate, order->issuer_key != NULL ? order->issuer_key : *key,
                  EVP_sha256()) > 0) {
        return 0;
    }
    X509_free(*certificate);
    EVP_PKEY_free(*key);
    *certificate = NULL;
    *key = NULL;
    return ca_error(error, "cannot make a certificate for", order->common_name, "OpenSSL failed");
}

static int ca_join(char *out, const char *directory, const char *name, struct tdm_buf *error)
{
    size_t directory_length = strlen(directory);
    size_t name_length = strlen(name);
    if (directory_length + name_length + 2 > PATH_LIMIT) {
        return ca_error(error, "the path is too long:", directory, name);
    }
    memcpy(out, directory, directory_length);
    out[directory_length] = '/';
    memcpy(out + directory_length + 1, name, name_length + 1);
    return 0;
}

/* Makes a directory and those above it. */
static int ca_make_directory(const char *directory, struct tdm_buf *error)
{
    char path[PATH_LIMIT];
    size_t length = strlen(directory);
    if (length == 0 || length >= sizeof(path)) {
        return ca_error(error, "cannot make the directory", directory, "no usable name");
    }
    memcpy(path, directory, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        char kept = path[i];
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return ca_error(error, "cannot make the directory", path, strerror(errno));
        }
        path[i] = kept;
    }
    return 0;
}

static int ca_write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return -1;
        }
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* Writes certificate, key or both as PEM: a new file that takes the place of the old one whole. */
static int ca_save(const char *directory, const char *name, X509 *certificate, EVP_PKEY *key,
                   struct tdm_buf *error)
{
    char path[PATH_LIMIT];
    char temporary[PATH_LIMIT];
    if (ca_join(path, directory, name, error) != 0 ||
        ca_join(temporary, directory, "new.pem", error) != 0) {
        return -1;
    }
    BIO *pem = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    int ok = pem != NULL && (certificate == NULL || PEM_write_bio_X509(pem, certificate)) &&
             (key == NULL || PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL));
    long length = ok ? BIO_get_mem_data(pem, &bytes) : 0;
    unlink(temporary); /* of a run that was killed; the lock is ours */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ok = ok && fd >= 0 && ca_write_all(fd, bytes, (size_t)length) == 0;
    if (fd >= 0) {
        ok = close(fd) == 0 && ok;
    }
    ok = ok && rename(temporary, path) == 0;
    BIO_free(pem);
    return ok ? 0 : ca_error(error, "cannot write", path, strerror(errno));
}

static void ca_load_file(const char *directory, const char *name, X509 **certificate,
                         EVP_PKEY **key)
{
    char path[PATH_LIMIT];
    struct tdm_buf ignored;
    tdm_buf_init(&ignored, NULL, PATH_LIMIT);
    BIO *file = ca_join(path, directory, name, &ignored) == 0 ? BIO_new_file(path, "r") : NULL;
    if (file != NULL && certificate != NULL) {
        *certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    }
    if (file != NULL && key != NULL) {
        *key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
    }
    BIO_free(file);
    tdm_buf_clear(&ignored);
}

static void ca_forget(struct tdm_tester_ca *ca)
{
    X509_free(ca->ca);
    X509_free(ca->server);
    EVP_PKEY_free(ca->ca_key);
    EVP_PKEY_free(ca->server_key);
    ca->ca = ca->server = NULL;
    ca->ca_key = ca->server_key = NULL;
}

/* 1 where all is there, belongs together and is not expired. */
static int ca_load(struct tdm_tester_ca *ca, const char *directory)
{
    ca_load_file(directory, ca_file, &ca->ca, NULL);
    ca_load_file(directory, ca_key_file, NULL, &ca->ca_key);
    ca_load_file(directory, server_file, &ca->server, &ca->server_key);
    X509 *client = NULL;
    ca_load_file(directory, client_file, &client, NULL);
    int client_is_good = client != NULL && ca->ca_key != NULL &&
                         X509_verify(client, ca->ca_key) == 1 &&
                         X509_cmp_current_time(X509_get0_notAfter(client)) > 0;
    X509_free(client);
    ERR_clear_error(); /* what was not there is no error */
    return client_is_good && ca->ca != NULL && ca->server != NULL && ca->server_key != NULL &&
           X509_check_private_key(ca->ca, ca->ca_key) == 1 &&
           X509_check_private_key(ca->server, ca->server_key) == 1 &&
           X509_verify(ca->server, ca->ca_key) == 1 &&
           X509_cmp_current_time(X509_get0_notAfter(ca->ca)) > 0 &&
           X509_cmp_current_time(X509_get0_notAfter(ca->server)) > 0;
}

static int ca_create(struct tdm_tester_ca *ca, const char *directory, struct tdm_buf *error)
{
    struct certificate_order order = {"tidymail test CA", NULL, 1, 0, 0, -1, 3650, NULL, NULL};
    if (certificate_make(&order, &ca->ca, &ca->ca_key, error) != 0) {
        return -1;
    }
    struct certificate_order server = {"localhost", good_names, 0,      0,         0,
                                       -1,          397,        ca->ca, ca->ca_key};
    if (certificate_make(&server, &ca->server, &ca->server_key, error) != 0) {
        return -1;
    }
    struct certificate_order client = {"client", NULL, 0, 1, 0, -1, 397, ca->ca, ca->ca_key};
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    if (certificate_make(&client, &certificate, &key, error) != 0) {
        return -1;
    }
    int saved = ca_save(directory, client_file, certificate, key, error);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return saved != 0 || ca_save(directory, ca_key_file, NULL, ca->ca_key, error) != 0 ||
                   ca_save(directory, ca_file, ca->ca, NULL, error) != 0 ||
                   ca_save(directory, server_file, ca->server, ca->server_key, error) != 0
               ? -1
               : 0;
}

int tdm_tester_ca_open(struct tdm_tester_ca *ca, const char *directory, struct tdm_buf *error)
{
    char lock[PATH_LIMIT];
    char path[PATH_LIMIT];
    char client[PATH_LIMIT];
    memset(ca, 0, sizeof(*ca));
    if (ca_make_directory(directory, error) != 0 ||
        ca_join(lock, directory, lock_file, error) != 0 ||
        ca_join(path, directory, ca_file, error) != 0 ||
        ca_join(client, directory, client_file, error) != 0) {
        return -1;
    }
    ca->path = tdm_strdup(&tdm_allocator_default, path);
    ca->client_path = tdm_strdup(&tdm_allocator_default, client);
    if (ca->path == NULL || ca->client_path == NULL) {
        return ca_error(error, "cannot open the test CA", "", "out of memory");
    }
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) { /* two servers may start at once */
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return ca_error(error, "cannot lock", lock, strerror(why));
    }
    int result = 0;
    if (!ca_load(ca, directory)) {
        ca_forget(ca);
        result = ca_create(ca, directory, error);
    }
    close(fd);
    return result;
}

void tdm_tester_ca_close(struct tdm_tester_ca *ca)
{
    for (size_t i = 0; i < TDM_CERTIFICATE_COUNT; i++) {
        SSL_CTX_free(ca->contexts[i]);
    }
    ca_forget(ca);
    tdm_free(&tdm_allocator_default, ca->path);
    tdm_free(&tdm_allocator_default, ca->client_path);
    memset(ca, 0, sizeof(*ca));
}

/* A certificate that a client must not accept. */
static int ca_make_bad(struct tdm_tester_ca *ca, enum tdm_certificate kind, X509 **certificate,
                       EVP_PKEY **key, struct tdm_buf *error)
{
    struct certificate_order order = {"localhost", good_names, 0,      0,         0,
                                      -1,          397,        ca->ca, ca->ca_key};
    X509 *other = NULL;
    EVP_PKEY *other_key = NULL;
    if (kind == TDM_CERTIFICATE_SELF_SIGNED) {
        order.issuer = NULL;
        order.issuer_key = NULL;
    } else if (kind == TDM_CERTIFICATE_EXPIRED) {
        order.from_day = -60;
        order.to_day = -30;
    } else if (kind == TDM_CERTIFICATE_CA_AS_LEAF) {
        order.is_ca = 1;
    } else if (kind == TDM_CERTIFICATE_SMALL_DH) {
        order.is_rsa = 1;
    } else if (kind == TDM_CERTIFICATE_WRONG_HOST) {
        order.common_name = "wrong-host.test";
        order.names = wrong_names;
    } else {
        struct certificate_order unknown = {
            "a CA nobody trusts", NULL, 1, 0, 0, -1, 397, NULL, NULL};
        if (certificate_make(&unknown, &other, &other_key, error) != 0) {
            return -1;
        }
        order.issuer = other;
        order.issuer_key = other_key;
    }
    int result = certificate_make(&order, certificate, key, error);
    X509_free(other);
    EVP_PKEY_free(other_key);
    return result;
}

static int ca_accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1; /* SSL_get_verify_result says how good it is; AUTH EXTERNAL asks for that */
}

/* A client certificate is asked for, and never insisted on. */
static void ca_ask_for_certificate(const struct tdm_tester_ca *ca, SSL_CTX *context)
{
    static const unsigned char session_context[] = "tidymail";
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca->ca);
    SSL_CTX_add_client_CA(context, ca->ca);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, ca_accept_any);
    /* without it OpenSSL refuses to resume a session once certificates are asked for */
    SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context) - 1);
}

/* A Diffie-Hellman group of 1024 bits (RFC 2409 6.2), as old servers have it. */
static EVP_PKEY *ca_small_group(void)
{
    BIGNUM *prime = BN_get_rfc2409_prime_1024(NULL);
    BIGNUM *generator = BN_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    EVP_PKEY *group = NULL;
    if (prime != NULL && generator != NULL && builder != NULL && context != NULL &&
        BN_set_word(generator, 2) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_P, prime) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_G, generator) &&
        (parameters = OSSL_PARAM_BLD_to_param(builder)) != NULL &&
        EVP_PKEY_fromdata_init(context) == 1) {
        EVP_PKEY_fromdata(context, &group, EVP_PKEY_KEY_PARAMETERS, parameters);
    }
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(prime);
    BN_free(generator);
    return group;
}

/* Nothing but that group is offered: TLS 1.2 with DHE, and OpenSSL's own checks off. */
static int ca_offer_small_group(SSL_CTX *context)
{
    EVP_PKEY *group = ca_small_group();
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    if (group != NULL && SSL_CTX_set_cipher_list(context, "DHE-RSA-AES128-GCM-SHA256") == 1 &&
        SSL_CTX_set0_tmp_dh_pkey(context, group) == 1) {
        return 1;
    }
    EVP_PKEY_free(group);
    return 0;
}

SSL_CTX *tdm_tester_ca_context(struct tdm_tester_ca *ca, enum tdm_certificate certificate,
                               struct tdm_buf *error)
{
    SSL_CTX **slot = &ca->contexts[certificate];
    if (*slot != NULL) {
        return *slot;
    }
    X509 *leaf = ca->server;
    EVP_PKEY *key = ca->server_key;
    int bad = certificate != TDM_CERTIFICATE_VALID;
    if (bad && ca_make_bad(ca, certificate, &leaf, &key, error) != 0) {
        return NULL;
    }
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context != NULL && SSL_CTX_use_certificate(context, leaf) == 1 &&
        SSL_CTX_use_PrivateKey(context, key) == 1) {
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        ca_ask_for_certificate(ca, context);
        *slot = context;
    }
    if (*slot == NULL ||
        (certificate == TDM_CERTIFICATE_SMALL_DH && !ca_offer_small_group(context))) {
        *slot = NULL;
        SSL_CTX_free(context);
        ca_error(error, "cannot set up TLS with certificate", tdm_certificate_name(certificate),
                 "OpenSSL failed");
    }
    if (bad) {
        X509_free(leaf);
        EVP_PKEY_free(key);
    }
    return *slot;
}

void tdm_tester_ca_remove(const char *directory)
{
    static const char *const names[] = {ca_file,     ca_key_file, server_file,
                                        client_file, lock_file,   "new.pem"};
    char path[PATH_LIMIT];
    struct tdm_buf ignored;
    tdm_buf_init(&ignored, NULL, PATH_LIMIT);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ca_join(path, directory, names[i], &ignored) == 0) {
            unlink(path);
        }
    }
    rmdir(directory);
    tdm_buf_clear(&ignored);
}
