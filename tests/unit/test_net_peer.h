/*
 * test_net_peer.h: the other side for tests of net and the SMTP transport: a thread that plays a
 * script to each connection in turn, on a loopback port of its own or on a socket that it is given,
 * and certificates made on the spot.
 */
#ifndef TESTS_NET_PEER_H
#define TESTS_NET_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PEER_PATIENCE_MS 10000 /* no test waits longer than this for the other side */

enum peer_op {
    PEER_END = 0,    /* closes: under TLS with close_notify */
    PEER_SEND,       /* text, as it is */
    PEER_EXPECT,     /* a line that begins with text */
    PEER_SEND_HEX,   /* the bytes that text spells */
    PEER_EXPECT_HEX, /* just these bytes */
    PEER_PAUSE,      /* so many milliseconds */
    PEER_MESSAGE,    /* everything to the lone dot */
    PEER_TLS,        /* handshake */
    PEER_DROP,       /* closes without close_notify */
    PEER_RESET,      /* closes with RST */
    PEER_SILENT      /* says nothing until the client closes */
};

struct peer_step {
    enum peer_op op;
    const char *text;
};

struct peer_identity {
    EVP_PKEY *key;
    X509 *certificate;
};

struct peer {
    pthread_t thread;
    int listener;
    int port;
    const struct peer_step *const *scripts; /* one for each connection, then NULL */
    const struct peer_identity *identity;
    int max_version;                       /* of TLS; 0: the newest */
    const struct peer_identity *client_ca; /* who has to issue the client's certificate */
    int no_extended_master_secret;
    int small_dh;               /* a short Diffie-Hellman key, and no other exchange */
    const char *unix_path;      /* listens there; NULL: on a port */
    SSL_CTX *context;           /* one for all connections: sessions can be resumed */
    int resumed;                /* how many of them were */
    char sni[64];               /* of the last one */
    unsigned char exported[32]; /* its tls-exporter (RFC 9266) */
    char wrong[512];            /* the first deviation; "" while there is none */
    int connections;
    size_t message_bytes;
    /* the connection under way */
    int fd;
    SSL *ssl;
    char line[4096];
    size_t line_length;
};

/* Certificates */

enum peer_when { PEER_NOW, PEER_LONG_AGO, PEER_IN_FUTURE };

/* `names`: subjectAltName as in a configuration file ("DNS:a.example,IP:127.0.0.1"), NULL: none. */
static inline struct peer_identity peer_certify(EVP_PKEY *key, const char *common_name,
                                                const char *names,
                                                const struct peer_identity *issuer,
                                                enum peer_when when)
{
    struct peer_identity own = {key, X509_new()};
    X509 *certificate = own.certificate;
    X509_NAME *subject = X509_get_subject_name(certificate);
    long start = when == PEER_NOW ? -3600L : when == PEER_LONG_AGO ? -7200L : 7200L;
    long end = when == PEER_LONG_AGO ? -3600L : 86400L;
    static long serial = 1;
    assert_non_null(own.key);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), start);
    X509_gmtime_adj(X509_getm_notAfter(certificate), end);
    X509_set_pubkey(certificate, own.key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1,
                               -1, 0);
    X509_set_issuer_name(certificate,
                         issuer != NULL ? X509_get_subject_name(issuer->certificate) : subject);
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer != NULL ? issuer->certificate : certificate, certificate, NULL,
                   NULL, 0);
    if (names != NULL) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names);
        assert_non_null(extension);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    } else {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "critical,CA:TRUE");
        assert_non_null(extension);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(certificate, issuer != NULL ? issuer->key : own.key, EVP_sha256()) > 0);
    return own;
}

static inline struct peer_identity peer_make_identity(const char *common_name, const char *names,
                                                      const struct peer_identity *issuer,
                                                      enum peer_when when)
{
    return peer_certify(EVP_EC_gen("P-256"), common_name, names, issuer, when);
}

static inline struct peer_identity peer_make_rsa_identity(const char *names,
                                                          const struct peer_identity *issuer)
{
    return peer_certify(EVP_RSA_gen(2048), "rsa", names, issuer, PEER_NOW);
}

static inline void peer_free_identity(struct peer_identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

/* Writes a certificate as PEM; `path` is a template for mkstemp. */
static inline void peer_write_certificate(const struct peer_identity *identity, char *path)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
    fclose(file);
}

/* The script player */

static inline void peer_wrong(struct peer *peer, const char *what, const char *text)
{
    if (peer->wrong[0] == '\0') {
        snprintf(peer->wrong, sizeof(peer->wrong), "connection %d: %.100s: %.200s",
                 peer->connections, what, text != NULL ? text : "");
    }
}

static inline int peer_wait(const struct peer *peer)
{
    struct pollfd item = {peer->fd, POLLIN, 0};
    if (peer->ssl != NULL && SSL_pending(peer->ssl) > 0) {
        return 1;
    }
    return poll(&item, 1, PEER_PATIENCE_MS) == 1;
}

static inline ptrdiff_t peer_read(struct peer *peer, char *bytes, size_t capacity)
{
    if (!peer_wait(peer)) {
        return -1;
    }
    if (peer->ssl != NULL) {
        return SSL_read(peer->ssl, bytes, (int)capacity);
    }
    return recv(peer->fd, bytes, capacity, 0);
}

/* The next line without its line end; 0 where the client has gone. */
static inline int peer_read_line(struct peer *peer)
{
    peer->line_length = 0;
    for (;;) {
        char byte;
        if (peer_read(peer, &byte, 1) != 1) {
            return 0;
        }
        if (byte == '\n') {
            break;
        }
        if (peer->line_length < sizeof(peer->line) - 1) {
            peer->line[peer->line_length++] = byte;
        }
    }
    while (peer->line_length > 0 && peer->line[peer->line_length - 1] == '\r') {
        peer->line_length--;
    }
    peer->line[peer->line_length] = '\0';
    return 1;
}

static inline int peer_send(struct peer *peer, const char *text)
{
    size_t length = strlen(text);
    if (peer->ssl != NULL) {
        return SSL_write(peer->ssl, text, (int)length) == (int)length;
    }
    return send(peer->fd, text, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* Diffie-Hellman parameters of 1024 bits (RFC 2409 6.2), which are too few. */
static inline EVP_PKEY *peer_make_small_dh(void)
{
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *prime = BN_get_rfc2409_prime_1024(NULL);
    BIGNUM *generator = BN_new();
    EVP_PKEY *parameters = NULL;
    BN_set_word(generator, 2);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_P, prime);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_G, generator);
    OSSL_PARAM *given = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_fromdata_init(maker);
    EVP_PKEY_fromdata(maker, &parameters, EVP_PKEY_KEY_PARAMETERS, given);
    OSSL_PARAM_free(given);
    OSSL_PARAM_BLD_free(builder);
    BN_free(prime);
    BN_free(generator);
    EVP_PKEY_CTX_free(maker);
    return parameters;
}

static inline SSL_CTX *peer_make_context(const struct peer *peer)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, peer->identity->certificate);
    SSL_CTX_use_PrivateKey(context, peer->identity->key);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"peer", 4);
    if (peer->client_ca != NULL) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), peer->client_ca->certificate);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (peer->max_version != 0) {
        SSL_CTX_set_security_level(context, 0);
        SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(context, peer->max_version);
    }
    if (peer->no_extended_master_secret) {
        SSL_CTX_set_options(context, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    }
    if (peer->small_dh) {
        SSL_CTX_set_cipher_list(context, "DHE:@SECLEVEL=0");
        SSL_CTX_set0_tmp_dh_pkey(context, peer_make_small_dh());
    }
    return context;
}

static inline int peer_start_tls(struct peer *peer)
{
    if (peer->context == NULL) {
        peer->context = peer_make_context(peer);
    }
    peer->ssl = SSL_new(peer->context);
    SSL_set_fd(peer->ssl, peer->fd);
    if (SSL_accept(peer->ssl) != 1) {
        return 0;
    }
    const char *sni = SSL_get_servername(peer->ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(peer->sni, sizeof(peer->sni), "%s", sni != NULL ? sni : "");
    peer->resumed += SSL_session_reused(peer->ssl);
    return SSL_export_keying_material(peer->ssl, peer->exported, sizeof(peer->exported),
                                      "EXPORTER-Channel-Binding", 24, NULL, 0, 0) == 1;
}

/* The bytes of "05 01 00"; their number. */
static inline size_t peer_unhex(const char *text, unsigned char *bytes, size_t capacity)
{
    size_t count = 0;
    char *end;
    while (count < capacity) {
        unsigned long byte = strtoul(text, &end, 16);
        if (end == text) {
            break;
        }
        bytes[count++] = (unsigned char)byte;
        text = end;
    }
    return count;
}

static inline int peer_expect_hex(struct peer *peer, const char *text)
{
    unsigned char wanted[1024];
    size_t count = peer_unhex(text, wanted, sizeof(wanted));
    for (size_t i = 0; i < count; i++) {
        char byte;
        if (peer_read(peer, &byte, 1) != 1) {
            peer_wrong(peer, "the client is gone, expected", text);
            return 0;
        }
        if ((unsigned char)byte != wanted[i]) {
            char what[64];
            snprintf(what, sizeof(what), "byte %zu is %02x", i, (unsigned)(unsigned char)byte);
            peer_wrong(peer, what, text);
            return 0;
        }
    }
    return 1;
}

static inline int peer_send_hex(struct peer *peer, const char *text)
{
    unsigned char bytes[1024];
    size_t count = peer_unhex(text, bytes, sizeof(bytes));
    send(peer->fd, bytes, count, MSG_NOSIGNAL);
    return 1;
}

static inline void peer_swallow(struct peer *peer)
{
    char bytes[4096];
    while (peer_read(peer, bytes, sizeof(bytes)) > 0) {
    }
}

static inline int peer_read_message(struct peer *peer)
{
    do {
        if (!peer_read_line(peer)) {
            return 0;
        }
        peer->message_bytes += peer->line_length + 2;
    } while (strcmp(peer->line, ".") != 0);
    return 1;
}

/* One step; 0 where the script is over. */
static inline int peer_play_step(struct peer *peer, const struct peer_step *step)
{
    struct linger hard = {1, 0};
    switch (step->op) {
    case PEER_SEND:
        peer_send(peer, step->text); /* a client that is gone is found by what is expected next */
        return 1;
    case PEER_EXPECT:
        if (!peer_read_line(peer)) {
            peer_wrong(peer, "the client is gone, expected", step->text);
            return 0;
        }
        if (strncmp(peer->line, step->text, strlen(step->text)) != 0) {
            peer_wrong(peer, step->text, peer->line);
            return 0;
        }
        return 1;
    case PEER_SEND_HEX:
        return peer_send_hex(peer, step->text);
    case PEER_EXPECT_HEX:
        return peer_expect_hex(peer, step->text);
    case PEER_MESSAGE:
        if (!peer_read_message(peer)) {
            peer_wrong(peer, "the message does not end", NULL);
            return 0;
        }
        return 1;
    case PEER_PAUSE:
        usleep((unsigned)strtoul(step->text, NULL, 10) * 1000);
        return 1;
    case PEER_TLS:
        return peer_start_tls(peer);
    case PEER_RESET:
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        return 0;
    case PEER_SILENT:
        peer_swallow(peer);
        return 0;
    case PEER_END:
        if (peer->ssl != NULL) {
            SSL_shutdown(peer->ssl);
        }
        return 0;
    case PEER_DROP:
        return 0;
    }
    return 0;
}

static inline void peer_play(struct peer *peer, int fd, const struct peer_step *script)
{
    peer->fd = fd;
    peer->connections++;
    while (peer_play_step(peer, script)) {
        script++;
    }
    SSL_free(peer->ssl);
    peer->ssl = NULL;
    close(fd);
    ERR_clear_error();
}

static inline void *peer_main(void *context)
{
    struct peer *peer = context;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all,
                    NULL); /* a SIGPIPE of OpenSSL's socket BIO is not the client's */
    for (size_t i = 0; peer->scripts[i] != NULL; i++) {
        struct pollfd item = {peer->listener, POLLIN, 0};
        if (poll(&item, 1, PEER_PATIENCE_MS) != 1) {
            peer_wrong(peer, "nobody connected", NULL);
            break;
        }
        int fd = accept(peer->listener, NULL, NULL);
        if (fd < 0) {
            break;
        }
        peer_play(peer, fd, peer->scripts[i]);
    }
    return NULL;
}

/* A listener on a free port of 127.0.0.1; `backlog` as for listen. */
static inline int peer_listen(int *port, int backlog)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* A port on which nobody listens. */
static inline int peer_unused_port(void)
{
    int port;
    close(peer_listen(&port, 1));
    return port;
}

/* A listener on a Unix socket. */
static inline int peer_listen_unix(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(&address, 0, sizeof(address));
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* What stands between max_version and unix_path is the caller's to set before. */
static inline void peer_start(struct peer *peer, const struct peer_step *const *scripts,
                              const struct peer_identity *identity)
{
    struct peer given = *peer;
    memset(peer, 0, sizeof(*peer));
    peer->max_version = given.max_version;
    peer->client_ca = given.client_ca;
    peer->no_extended_master_secret = given.no_extended_master_secret;
    peer->small_dh = given.small_dh;
    peer->unix_path = given.unix_path;
    peer->scripts = scripts;
    peer->identity = identity;
    peer->listener =
        given.unix_path != NULL ? peer_listen_unix(given.unix_path) : peer_listen(&peer->port, 8);
    assert_int_equal(pthread_create(&peer->thread, NULL, peer_main, peer), 0);
}

/* Waits for the scripts to end; fails the test where the client left them. */
static inline void peer_stop(struct peer *peer)
{
    pthread_join(peer->thread, NULL);
    close(peer->listener);
    SSL_CTX_free(peer->context);
    peer->context = NULL;
    assert_string_equal(peer->wrong, "");
}

#endif
