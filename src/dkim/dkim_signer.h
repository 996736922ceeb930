/* dkim_signer.h: between the files of this room. */
#ifndef TDM_DKIM_SIGNER_H
#define TDM_DKIM_SIGNER_H

#include <openssl/evp.h>

#include "dkim/dkim.h"
#include "dkim/dkim_canonical.h"

struct tdm_dkim_signer {
    tidymail_allocator allocator;
    EVP_PKEY *key;
    int is_ed25519;
    enum tdm_dkim_form header_form;
    enum tdm_dkim_form body_form;
    char *domain;
    char *selector;
    char *identity; /* NULL: none */
    char *headers;  /* NULL: chosen by what the message has */
    int64_t expires_after_s;
};

#endif
