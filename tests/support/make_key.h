/* make_key.h: a private key for tests that sign. */
#ifndef TESTS_MAKE_KEY_H
#define TESTS_MAKE_KEY_H

/* An Ed25519 key in PEM, made at the first call and the same afterwards; "" where OpenSSL fails. */
const char *make_key(void);

#endif
