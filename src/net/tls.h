/*
 * tls.h: TLS over a connected, non-blocking socket (OpenSSL 3, RFC 8314, RFC 8446). Certificates are
 * checked against the system's roots and the host's name unless the configuration says otherwise;
 * the least version is TLS 1.2. A context holds the trust store and lives as long as the transport.
 */
#ifndef TDM_NET_TLS_H
#define TDM_NET_TLS_H

#include <stddef.h>

#include "report/report_data.h"

enum tdm_tls_verify {
    TDM_TLS_VERIFY_FULL = 0, /* chain and name */
    TDM_TLS_VERIFY_NONE,
    TDM_TLS_VERIFY_SHA256 /* the leaf's fingerprint and nothing else */
};

struct tdm_tls_config {
    const char *ca; /* file or directory, in place of the system's roots; NULL: those */
    enum tdm_tls_verify verify;
    unsigned char sha256[32];
    const char *cert; /* the client's certificate and chain (PEM); NULL: none */
    const char *key;  /* its key (PEM); NULL: in the same file */
    const char
        *keylog; /* file to which the session's keys are appended (NSS key log); NULL: none */
};

enum tdm_tls_result {
    TDM_TLS_DONE,
    TDM_TLS_WANT_READ,
    TDM_TLS_WANT_WRITE,
    TDM_TLS_EOF,   /* the peer ended the connection */
    TDM_TLS_FAILED /* tdm_tls_words say why */
};

struct tdm_tls_context;
struct tdm_tls;

/* Loads the trust store, and the client's certificate. NULL on failure, with `error` set: kind
 * configuration where a file cannot be used. Sessions are kept in it for the next connection. */
struct tdm_tls_context *tdm_tls_context_new(const tidymail_allocator *allocator,
                                            const struct tdm_tls_config *config,
                                            struct tidymail_error *error);
void tdm_tls_context_free(struct tdm_tls_context *context);

/* A client session for `host`: a name (sent as SNI) or a numeric address (never sent). NULL when out
 * of memory. The descriptor stays the caller's. */
struct tdm_tls *tdm_tls_new(struct tdm_tls_context *context, int fd, const char *host);
void tdm_tls_free(struct tdm_tls *tls);

/* DONE, WANT_READ, WANT_WRITE, or FAILED with `error` set: kind tls, phase tls, words, hint. */
enum tdm_tls_result tdm_tls_handshake(struct tdm_tls *tls, struct tidymail_error *error);
/* The next tdm_tls_read may wait, where the socket is a blocking one with a limit. */
void tdm_tls_let_wait(struct tdm_tls *tls, int wait);
/* Before the handshake: something is written as soon as it is done, so its end may wait for that. */
void tdm_tls_speaks_first(struct tdm_tls *tls);
/* 1 where OpenSSL holds bytes that were read and not asked for yet. */
int tdm_tls_has_more(const struct tdm_tls *tls);
/* DONE with at least one byte, WANT_*, EOF or FAILED. */
enum tdm_tls_result tdm_tls_read(struct tdm_tls *tls, void *bytes, size_t capacity, size_t *length);
/* DONE with what was taken of it (at least one byte), WANT_*, EOF or FAILED. The rest must follow at
 * once: the kernel may wait for it. */
enum tdm_tls_result tdm_tls_write(struct tdm_tls *tls, const void *bytes, size_t length,
                                  size_t *written);
/* Says goodbye (close_notify) where that can be done at once. */
void tdm_tls_shutdown(struct tdm_tls *tls);

/* After EOF or FAILED of read or write: how it ended ("connection reset by peer", "the connection
 * ended without TLS close"); NULL for a proper end. Valid until the next call. */
const char *tdm_tls_words(const struct tdm_tls *tls);
/* 1 where the socket itself failed under a write, so that bytes of the peer may still be there. */
int tdm_tls_write_broke(const struct tdm_tls *tls);

/* After FAILED of the first read: 1 where the server refused the handshake only then (TLS 1.3 judges
 * a client's certificate after our end of it), with `error` set as by tdm_tls_handshake. */
int tdm_tls_refused_late(const struct tdm_tls *tls, struct tidymail_error *error);
/* After FAILED: 1 where bytes came that are not of this TLS session (RFC 8446 5.2), with `error` set. */
int tdm_tls_damaged(const struct tdm_tls *tls, int phase, struct tidymail_error *error);

#define TDM_TLS_BINDING_MAX 64
/* What SCRAM may bind to: its type, "tls-exporter" (RFC 9266) or "tls-server-end-point" (RFC 5929 4),
 * and its bytes; NULL where there is none. */
const char *tdm_tls_binding(const struct tdm_tls *tls, unsigned char bytes[TDM_TLS_BINDING_MAX],
                            size_t *length);
/*
 * A guest is a session that somebody else runs with an SSL_CTX of their own (libcurl): they shake hands,
 * this decides about the certificate by the same rules and explains a failure in the same words.
 */
/* NULL when out of memory. */
struct tdm_tls *tdm_tls_guest_new(struct tdm_tls_context *context, const char *host);
/* Sets their SSL_CTX up, which serves one connection: trust store, identity, least version, key log.
 * The guest outlives it. 0, or -1 where OpenSSL does not take that. */
int tdm_tls_guest_adopt(struct tdm_tls *tls, void *ssl_ctx);
/* 1 once the handshake is done. */
int tdm_tls_guest_is_done(const struct tdm_tls *tls);
/* 1 where the server has ended its side as TLS wants it (close_notify), so that nothing is missing. */
int tdm_tls_guest_is_closed(const struct tdm_tls *tls);
/* 1 where the server asked for the client's certificate and has said nothing since, with `error` set: it
 * may have refused it behind the handshake (TLS 1.3) without its reason being heard. */
int tdm_tls_guest_asked(const struct tdm_tls *tls, struct tidymail_error *error);
/* The server said something under TLS. */
void tdm_tls_guest_heard(struct tdm_tls *tls);
/* Before they close the descriptor: what there is to read may explain why the handshake failed. */
void tdm_tls_guest_closing(struct tdm_tls *tls, int fd);
/* Sets `error` as tdm_tls_handshake does; the handshake is not done. */
void tdm_tls_guest_explain(struct tdm_tls *tls, struct tidymail_error *error);

/* 1 where an earlier session was resumed. */
int tdm_tls_resumed(const struct tdm_tls *tls);
const char *tdm_tls_version(const struct tdm_tls *tls);
const char *tdm_tls_cipher(const struct tdm_tls *tls);

/* What is to be known of a certificate; texts are NULL where memory ran out. */
struct tdm_certificate {
    char *names;
    char *issuer;
    char *not_before; /* "2027-01-31 12:00 UTC" */
    char *not_after;
    char *sha256;  /* 64 hex digits */
    char *chain;   /* the subjects that the server sent, leaf first, one a line */
    char *problem; /* NULL: none */
    int verified;
    int64_t seconds_left; /* until it ends */
};
/* After the handshake, or its failure with `error` (NULL: it went well). 0, or -1: there was none. */
int tdm_tls_facts(const struct tdm_tls *tls, const struct tidymail_error *error,
                  const tidymail_allocator *allocator, struct tdm_certificate *facts);
void tdm_certificate_clear(const tidymail_allocator *allocator, struct tdm_certificate *facts);

/* Appends "certificate for a.example, b.example by Issuer until 2027-01-31, verified against ...". */
void tdm_tls_describe(const struct tdm_tls *tls, struct tdm_buf *out);

#endif
