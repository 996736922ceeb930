/*
 * tester_ca.h: the test server's own certificate authority. CA and server certificate are made on
 * first use and kept in a directory (files of mode 0600), so that a client can be told once which CA
 * to trust; the certificates that must fail are made in memory.
 */
#ifndef TDM_DEVSERVER_TESTER_CA_H
#define TDM_DEVSERVER_TESTER_CA_H

#include <openssl/ssl.h>

#include "scenario.h"

struct tdm_tester_ca {
    char *path;        /* of the CA certificate, PEM */
    char *client_path; /* of a client certificate with its key, for a user named "client" */
    X509 *ca;
    EVP_PKEY *ca_key;
    X509 *server;
    EVP_PKEY *server_key;
    SSL_CTX *contexts[TDM_CERTIFICATE_COUNT]; /* made when they are first asked for */
};

/* Loads what is in `directory`, or makes it (the directory too). 0; or -1 with one line in `error`;
 * it can be closed in both cases. */
int tdm_tester_ca_open(struct tdm_tester_ca *ca, const char *directory, struct tdm_buf *error);
void tdm_tester_ca_close(struct tdm_tester_ca *ca);
/* The server's side of TLS with such a certificate; NULL with one line in `error`. */
SSL_CTX *tdm_tester_ca_context(struct tdm_tester_ca *ca, enum tdm_certificate certificate,
                               struct tdm_buf *error);
/* Removes the files from the directory, and the directory: for one that was made for a single run. */
void tdm_tester_ca_remove(const char *directory);

#endif
