/* make_key.c: see make_key.h. */
#include "make_key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

const char *make_key(void)
{
    static char pem[512];
    if (pem[0] == '\0') {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        BIO *bio = BIO_new(BIO_s_mem());
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
        int length = BIO_read(bio, pem, sizeof(pem) - 1);
        pem[length > 0 ? length : 0] = '\0';
        BIO_free(bio);
        EVP_PKEY_free(key);
    }
    return pem;
}
