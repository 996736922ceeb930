/* dkim_signer.c: the options of a signature, checked, and its key. */
#include "dkim/dkim_signer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "util/str.h"

#define SIGNER_TEXT_MAX 4096
#define SIGNER_FIELD_MAX 76
#define SIGNER_IDENTITY_MAX 320
#define SIGNER_LABEL_MAX 63
#define SIGNER_NAME_MAX 253
#define SIGNER_RSA_BITS 1024 /* RFC 8301 3.2 */

static int signer_fail(struct tidymail_error *error, const char *field, const char *reason)
{
    tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "DKIM %s: %s", field,
                   reason);
    return -1;
}

static int signer_fail_at(struct tidymail_error *error, const char *field, const char *reason,
                          size_t offset)
{
    tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "DKIM %s: %s at offset %z",
                   field, reason, offset);
    return -1;
}

/* The selector: labels of letters, digits and hyphens with dots between (RFC 6376 3.1). */
static int signer_check_selector(const char *text, struct tidymail_error *error)
{
    if (text == NULL || text[0] == '\0') {
        return signer_fail(error, "selector", "it is missing");
    }
    size_t label = 0;
    size_t length = strlen(text);
    for (size_t i = 0; i <= length; i++) {
        if (text[i] == '.' || text[i] == '\0') {
            if (i == label || i - label > SIGNER_LABEL_MAX) {
                return signer_fail_at(
                    error, "selector",
                    i == label ? "an empty label" : "a label longer than 63 bytes", label);
            }
            label = i + 1;
        } else if (!tdm_is_alnum(text[i]) && text[i] != '-' && text[i] != '_') {
            return signer_fail_at(error, "selector", "a character that a selector cannot hold", i);
        }
    }
    return length > SIGNER_NAME_MAX ? signer_fail(error, "selector", "longer than 253 bytes") : 0;
}

/* Where `host` is `domain` or below it. */
static int signer_is_within(const char *host, const char *domain)
{
    size_t host_length = strlen(host);
    size_t length = strlen(domain);
    return host_length >= length && tdm_equal_nocase(host + host_length - length, domain) &&
           (host_length == length || host[host_length - length - 1] == '.');
}

/* i= (3.5): printable ASCII that needs no encoding, in the domain or below it. */
static int signer_check_identity(const struct tdm_dkim_wish *wish, struct tidymail_error *error)
{
    const char *text = wish->identity;
    if (text == NULL) {
        return 0;
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == ';' || text[i] == '=') {
            return signer_fail_at(error, "identity", "a character that i= cannot hold", i);
        }
    }
    const char *at = strrchr(text, '@');
    if (at == NULL) {
        return signer_fail(error, "identity", "it has no @");
    }
    if (strlen(text) > SIGNER_IDENTITY_MAX) {
        return signer_fail(error, "identity", "longer than 320 bytes");
    }
    return signer_is_within(at + 1, wish->domain)
               ? 0
               : signer_fail(error, "identity", "it is not in the signing domain");
}

/* h= as the caller wants it: names between colons, From among them (5.4), and never the signature's
 * own name. */
static int signer_check_headers(const char *text, struct tidymail_error *error)
{
    int has_from = 0;
    if (text == NULL) {
        return 0;
    }
    size_t start = 0;
    for (size_t i = 0;; i++) {
        if (text[i] == ':' || text[i] == '\0') {
            if (i == start || i - start > SIGNER_FIELD_MAX) {
                return signer_fail_at(error, "headers",
                                      i == start ? "an empty name" : "a name longer than 76 bytes",
                                      start);
            }
            if (tdm_equal_nocase_n(text + start, i - start, "DKIM-Signature")) {
                return signer_fail_at(error, "headers", "a signature does not sign itself", start);
            }
            has_from |= tdm_equal_nocase_n(text + start, i - start, "From");
            start = i + 1;
            if (text[i] == '\0') {
                break;
            }
        } else if (text[i] <= ' ' || text[i] > '~' || text[i] == ';') {
            return signer_fail_at(error, "headers", "a character that a name cannot hold", i);
        }
    }
    if (strlen(text) > SIGNER_TEXT_MAX) {
        return signer_fail(error, "headers", "longer than 4096 bytes");
    }
    return has_from ? 0 : signer_fail(error, "headers", "From must be among them (RFC 6376 5.4)");
}

static int signer_read_form(const char *text, size_t length, enum tdm_dkim_form *form)
{
    *form = tdm_equal_nocase_n(text, length, "relaxed") ? TDM_DKIM_RELAXED : TDM_DKIM_SIMPLE;
    return *form == TDM_DKIM_RELAXED || tdm_equal_nocase_n(text, length, "simple");
}

/* "relaxed/simple"; a form alone is the header's, and the body is simple then (3.5, c=). */
static int signer_read_forms(struct tdm_dkim_signer *signer, const char *text,
                             struct tidymail_error *error)
{
    text = text != NULL ? text : "relaxed/relaxed";
    const char *slash = strchr(text, '/');
    const char *body = slash != NULL ? slash + 1 : "simple";
    size_t header = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (signer_read_form(text, header, &signer->header_form) &&
        signer_read_form(body, strlen(body), &signer->body_form)) {
        return 0;
    }
    return signer_fail(error, "canonicalization", "not relaxed or simple, such as relaxed/relaxed");
}

/* Nobody is asked for a password: a key that needs one cannot be used. */
static int signer_no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static const char *signer_why_no_key(const char *pem)
{
    return strstr(pem, "-----BEGIN ") == NULL        ? "it is not PEM (-----BEGIN PRIVATE KEY-----)"
           : strstr(pem, "ENCRYPTED") != NULL        ? "it is encrypted: give it without a password"
           : strstr(pem, "PUBLIC KEY-----") != NULL  ? "it is a public key: the private one signs"
           : strstr(pem, "CERTIFICATE-----") != NULL ? "it is a certificate: the private key signs"
                                                     : "the private key cannot be read";
}

static int signer_read_key(struct tdm_dkim_signer *signer, const char *pem,
                           struct tidymail_error *error)
{
    if (pem == NULL) {
        return signer_fail(error, "key", "it is missing");
    }
    size_t length = strlen(pem);
    BIO *bytes = length < 65536 ? BIO_new_mem_buf(pem, (int)length) : NULL;
    if (bytes != NULL) {
        signer->key = PEM_read_bio_PrivateKey(bytes, NULL, signer_no_password, NULL);
    }
    BIO_free(bytes);
    ERR_clear_error();
    if (signer->key == NULL) {
        return signer_fail(error, "key", signer_why_no_key(pem));
    }
    int type = EVP_PKEY_get_base_id(signer->key);
    signer->is_ed25519 = type == EVP_PKEY_ED25519;
    if (!signer->is_ed25519 && type != EVP_PKEY_RSA) {
        return signer_fail(error, "key", "it is neither RSA nor Ed25519");
    }
    if (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(signer->key) < SIGNER_RSA_BITS) {
        return signer_fail(error, "key", "an RSA key of less than 1024 bits (RFC 8301 3.2)");
    }
    return 0;
}

static int signer_copy(struct tdm_dkim_signer *signer, const struct tdm_dkim_wish *wish)
{
    const tidymail_allocator *allocator = &signer->allocator;
    signer->domain = tdm_strdup(allocator, wish->domain);
    signer->selector = tdm_strdup(allocator, wish->selector);
    signer->identity = tdm_strdup(allocator, wish->identity);
    signer->headers = tdm_strdup(allocator, wish->headers);
    signer->expires_after_s = wish->expires_after_s;
    return signer->domain != NULL && signer->selector != NULL &&
                   (signer->identity != NULL) == (wish->identity != NULL) &&
                   (signer->headers != NULL) == (wish->headers != NULL)
               ? 0
               : -1;
}

struct tdm_dkim_signer *tdm_dkim_signer_new(const tidymail_allocator *allocator,
                                            const struct tdm_dkim_wish *wish,
                                            struct tidymail_error *error)
{
    struct tdm_dkim_signer *signer = tdm_alloc_array(allocator, 1, sizeof(*signer));
    if (signer == NULL) {
        tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory", NULL);
        return NULL;
    }
    signer->allocator = *allocator;
    int result = signer_check_selector(wish->selector, error);
    if (result == 0 && wish->expires_after_s < 0) {
        result = signer_fail(error, "expiry", "it is before the signature");
    }
    if (result != 0 || signer_check_identity(wish, error) != 0 ||
        signer_check_headers(wish->headers, error) != 0 ||
        signer_read_forms(signer, wish->canonicalization, error) != 0 ||
        signer_read_key(signer, wish->key_pem, error) != 0) {
        tdm_dkim_signer_free(signer);
        return NULL;
    }
    if (signer_copy(signer, wish) != 0) {
        tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory", NULL);
        tdm_dkim_signer_free(signer);
        return NULL;
    }
    return signer;
}

void tdm_dkim_signer_free(struct tdm_dkim_signer *signer)
{
    if (signer == NULL) {
        return;
    }
    tidymail_allocator allocator = signer->allocator;
    EVP_PKEY_free(signer->key); /* libcrypto wipes it */
    tdm_free(&allocator, signer->domain);
    tdm_free(&allocator, signer->selector);
    tdm_free(&allocator, signer->identity);
    tdm_free(&allocator, signer->headers);
    tdm_free(&allocator, signer);
}
