/* dkim.h: signing of messages (RFC 6376, RFC 8301, RFC 8463). */
#ifndef TIDYMAIL_DKIM_H
#define TIDYMAIL_DKIM_H

#include <tidymail/message.h>

TIDYMAIL_BEGIN_DECLS

/* One signature. Texts are copied at the call, the key is read at the call and wiped with the
 * message. */
typedef struct tidymail_dkim_options {
    size_t struct_size;           /* sizeof(tidymail_dkim_options) */
    const char *domain;           /* d=: the signing domain; UTF-8 becomes A-labels */
    const char *selector;         /* s=: the key is published at SELECTOR._domainkey.DOMAIN */
    const char *key_file;         /* a private key in PEM: RSA of 1024 bits or more (rsa-sha256), or
                                     Ed25519 (ed25519-sha256) */
    const char *key_pem;          /* the same as text; exactly one of the two */
    const char *canonicalization; /* c=: header/body, "relaxed/relaxed" (NULL), "relaxed/simple",
                                     "simple/relaxed", "simple/simple" */
    const char *identity;         /* i=: an address in the domain or below it; NULL: none */
    const char *headers;     /* h=: names separated by colons; a name once more than the message
                                     has it forbids another one (5.4, oversigning). NULL: all that
                                     RFC 6376 5.4.1 names and the message has, and those that matter
                                     (From, To, Cc, Subject, Date, Reply-To, Message-ID,
                                     Content-Type, ...) once more. From must be among them */
    int64_t expires_after_s; /* x=: so long after the signing time; 0: none */
} tidymail_dkim_options;

#define TIDYMAIL_DKIM_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(tidymail_dkim_options), 0, 0, 0, 0, 0, 0, 0, 0                                      \
    }

/*
 * The message will be signed, each time that it is opened or sent; several calls make several
 * signatures, the first call's on top. The message is read twice then, and it is sent in its 7-bit
 * form (RFC 6376 5.3). Returns TIDYMAIL_OK; TIDYMAIL_KIND_MESSAGE for a bad domain, selector, tag or
 * list of headers; TIDYMAIL_KIND_LOCAL for a key that cannot be read. The error sticks. A message
 * with an attachment that cannot be read twice (a source without rewind) is refused when it is
 * opened, by the name of the attachment. A ready-made message (set_raw) can be signed too.
 */
TIDYMAIL_API int tidymail_message_add_dkim(tidymail_message *message,
                                           const tidymail_dkim_options *options);

TIDYMAIL_END_DECLS

#endif
