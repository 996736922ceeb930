/*
 * tls_internal.h: what the files of TLS share:
 *
 *   tls_context.c  trust store and settings, once for each transport
 *   tls_identity.c the client's certificate
 *   tls_session.c  sessions to resume, what SCRAM binds to, the key log
 *   tls_bio.c      OpenSSL's way to our sockets
 *   tls.c          one session: handshake, read, write
 *   tls_facts.c    a certificate as data
 *   tls_guest.c    a session that somebody else runs
 *   tls_explain.c  from OpenSSL's errors and a certificate to one line for people
 */
#ifndef TDM_NET_TLS_INTERNAL_H
#define TDM_NET_TLS_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "net/tls.h"

#define TDM_TLS_FIRST_BYTES 64
#define TDM_TLS_SESSIONS_MAX 16 /* a ticket serves one connection; more than two come with each */
#define TDM_TLS_RECORD 16384    /* plain text of one record (RFC 8446 5.1) */

struct tdm_tls_context {
    tidymail_allocator allocator;
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    struct tdm_tls_config config;
    char *ca;
    /* sessions that a server let us resume, the newest last, and the name they were verified for */
    SSL_SESSION *sessions[TDM_TLS_SESSIONS_MAX];
    size_t session_count;
    char *session_host;
    int keylog; /* descriptor; -1: none */
};

/* One session's socket, as the BIO sees it. */
struct tdm_tls_socket {
    int fd;
    const SSL *ssl;
    int wait;         /* the next read waits for bytes, as long as SO_RCVTIMEO says */
    int more;         /* another record follows at once: both may go out together */
    int speaks_first; /* what we say follows the handshake at once, and may go out with its end */
    int eof;
    int read_errno;
    int write_errno;
    char first[TDM_TLS_FIRST_BYTES]; /* what the peer said first, to recognise plain text */
    size_t first_length;
};

struct tdm_tls {
    struct tdm_tls_context *context;
    SSL *ssl;
    struct tdm_tls_socket socket;
    char *host;
    int host_is_address;
    int verify_error; /* X509_V_ERR_..., X509_V_OK while nothing was refused */
    int verify_depth;
    X509 *leaf;         /* the peer's certificate, also where it was refused */
    X509 *refused;      /* the certificate of the chain that was refused */
    unsigned long code; /* OpenSSL's error of the last failure */
    char words[160];    /* tdm_tls_words */
    int has_words;
    struct tdm_buf
        begun;  /* what the record that is half written holds: OpenSSL takes no other bytes
                             before it is out */
    int heard;  /* application data came */
    int broken; /* OpenSSL allows no more calls but free (and read after a failed write) */
    /* of a guest, which has no SSL of its own */
    int is_guest;
    int guest_done;
    int guest_asked;  /* for the client's certificate */
    int guest_closed; /* close_notify came */
    int guest_errno;  /* when its handshake stopped last */
    const char *guest_version;
    const char *guest_cipher;
};

/* tls_bio.c: methods that run recv and send(MSG_NOSIGNAL) on struct tdm_tls_socket; NULL when out of
 * memory. BIO_set_data gives a BIO its socket. */
BIO_METHOD *tdm_tls_bio_method(void);

/* After a failed handshake: reads what is there to fill `first`, of which OpenSSL took five bytes. */
void tdm_tls_read_first(struct tdm_tls_socket *own);

/* tls.c: the name or address that the certificate must have becomes tls->host: 0, or -1 when out of
 * memory. */
int tdm_tls_set_host(struct tdm_tls *tls, const char *host);
/* What is checked of it; 0, or -1 where OpenSSL does not take it. */
int tdm_tls_want_host(const struct tdm_tls *tls, X509_VERIFY_PARAM *param);

/* tls_context.c: decides about the peer's certificate; 1: accepted. */
int tdm_tls_decide(struct tdm_tls *tls, X509_STORE_CTX *store);

/* tls_identity.c: loads config->cert and ->key; 0, or -1 with `error` set. */
int tdm_tls_load_identity(struct tdm_tls_context *context, struct tidymail_error *error);

/* tls_session.c */
void tdm_tls_keep_sessions(struct tdm_tls_context *context);
void tdm_tls_open_keylog(struct tdm_tls_context *context, const char *path);
void tdm_tls_forget_sessions(struct tdm_tls_context *context);
/* Appends one secret to the key log. */
void tdm_tls_log_key(const struct tdm_tls_context *context, const char *line);
/* Before the handshake: offers the newest session kept for that name. */
void tdm_tls_offer_session(struct tdm_tls *tls);
/* After it: keeps what can be used again, and knows the certificate of a resumed session. */
void tdm_tls_settle_session(struct tdm_tls *tls);

/* tls_explain.c */
/* Sets `error` from what is known of a failed handshake. */
void tdm_tls_explain(const struct tdm_tls *tls, struct tidymail_error *error);
/* Words for OpenSSL's error code; never NULL. */
const char *tdm_tls_reason(unsigned long code);
/* "a.example, b.example", of subjectAltName; at most a handful. */
void tdm_tls_add_names(struct tdm_buf *out, const X509 *certificate);
/* Whose it is. */
void tdm_tls_add_subject(struct tdm_buf *out, const X509 *certificate);
/* The name of who issued it. */
void tdm_tls_add_issuer(struct tdm_buf *out, const X509 *certificate);
/* "2027-01-31 12:00 UTC" */
void tdm_tls_add_time(struct tdm_buf *out, const ASN1_TIME *when);
/* "sha256:..." of the certificate's DER: 0, or -1 where it cannot be made. */
int tdm_tls_fingerprint(const X509 *certificate, unsigned char digest[32]);
void tdm_tls_add_fingerprint(struct tdm_buf *out, const X509 *certificate);

#endif
