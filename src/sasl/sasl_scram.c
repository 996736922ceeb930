/*
 * sasl_scram.c: SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, 7677), with and without -PLUS. The server
 * must prove that it knows the password too: without its signature there is no login, whatever reply
 * code comes.
 */
#include "sasl/sasl.h"

#include <idn-free.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <stringprep.h>

#include "util/base64.h"
#include "util/str.h"

#define TEXT_MAX 8192
#define ITERATIONS_MIN 1
#define ITERATIONS_MAX 10000000 /* some seconds of work: more is an attack on the client */

struct scram_keys {
    unsigned char salted[EVP_MAX_MD_SIZE];
    unsigned char client[EVP_MAX_MD_SIZE];
    unsigned char stored[EVP_MAX_MD_SIZE];
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned char server[EVP_MAX_MD_SIZE];
};

/* What a server-first-message says (RFC 5802 5.1). */
struct scram_challenge {
    const char *nonce;
    size_t nonce_length;
    struct tdm_buf salt;
    int64_t iterations;
};

static const EVP_MD *scram_hash(const struct tdm_sasl *sasl)
{
    return strncmp(sasl->mechanism->name, "SCRAM-SHA-256", 13) == 0 ? EVP_sha256() : EVP_sha1();
}

static void scram_gs2_header(const struct tdm_sasl *sasl, struct tdm_buf *out)
{
    const struct tdm_sasl_binding *binding = &sasl->credentials.binding;
    if (sasl->mechanism->binds) {
        tdm_buf_addf(out, "p=%s,,", binding->type);
    } else {
        /* RFC 5802 6: "y" when we could bind but the server does not offer it: it would notice if
         * somebody had removed the offer */
        int could = binding->type != NULL && !sasl->credentials.plus_offered;
        tdm_buf_add_str(out, could ? "y,," : "n,,");
    }
}

/* SASLprep (RFC 4013); text that it refuses is used as it is, as servers that skip it do. */
static void scram_add_prepared(struct tdm_buf *out, const char *text, int escape)
{
    char *prepared = NULL;
    int ok = stringprep_profile(text, &prepared, "SASLprep", 0) == STRINGPREP_OK;
    const char *use = ok && prepared != NULL ? prepared : text;
    for (const char *p = use; *p != '\0'; p++) {
        if (escape && *p == ',') {
            tdm_buf_add_str(out, "=2C");
        } else if (escape && *p == '=') {
            tdm_buf_add_str(out, "=3D");
        } else {
            tdm_buf_add_char(out, *p);
        }
    }
    if (prepared != NULL) {
        OPENSSL_cleanse(prepared, strlen(prepared));
        idn_free(prepared);
    }
}

static enum tdm_sasl_result scram_first(struct tdm_sasl *sasl, struct tdm_buf *response)
{
    tdm_buf_reset(&sasl->first_bare);
    tdm_buf_add_str(&sasl->first_bare, "n=");
    scram_add_prepared(&sasl->first_bare, sasl->credentials.user, 1);
    tdm_buf_addf(&sasl->first_bare, ",r=%s", sasl->credentials.nonce);
    scram_gs2_header(sasl, response);
    tdm_buf_add(response, tdm_buf_text(&sasl->first_bare), sasl->first_bare.length);
    return response->failed || sasl->first_bare.failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
}

/* The attribute at *at: its letter, and its value; 0 at the end, -1 where it is malformed. */
static int scram_attribute(const char *text, size_t length, size_t *at, const char **value,
                           size_t *value_length)
{
    if (*at >= length) {
        return 0;
    }
    const char *start = text + *at;
    const char *comma = memchr(start, ',', length - *at);
    size_t size = comma != NULL ? (size_t)(comma - start) : length - *at;
    *at += size + (comma != NULL);
    if (size < 2 || start[1] != '=') {
        return -1;
    }
    *value = start + 2;
    *value_length = size - 2;
    return (unsigned char)start[0];
}

static enum tdm_sasl_result scram_refuse(struct tdm_sasl *sasl, const char *problem)
{
    sasl->problem = problem;
    return TDM_SASL_REFUSED;
}

static enum tdm_sasl_result scram_read_challenge(struct tdm_sasl *sasl, const char *text,
                                                 size_t length, struct scram_challenge *challenge)
{
    const char *own = sasl->credentials.nonce;
    const char *value;
    size_t value_length;
    size_t at = 0;
    int letter;
    while ((letter = scram_attribute(text, length, &at, &value, &value_length)) != 0) {
        if (letter < 0 || letter == 'm') { /* RFC 5802 5.1: a mandatory extension ends it */
            return scram_refuse(sasl, "the server's SCRAM challenge is malformed");
        }
        if (letter == 'r') {
            challenge->nonce = value;
            challenge->nonce_length = value_length;
        } else if (letter == 's' && tdm_base64_decode(&challenge->salt, value, value_length) != 0) {
            return scram_refuse(sasl, "the server's SCRAM salt is not base64");
        } else if (letter == 'i') {
            challenge->iterations = 0;
            for (size_t i = 0; i < value_length; i++) {
                if (!tdm_is_digit(value[i]) || challenge->iterations > ITERATIONS_MAX) {
                    return scram_refuse(sasl, "the server's SCRAM iteration count makes no sense");
                }
                challenge->iterations = challenge->iterations * 10 + (value[i] - '0');
            }
        }
    }
    if (challenge->nonce == NULL || challenge->nonce_length <= strlen(own) ||
        strncmp(challenge->nonce, own, strlen(own)) != 0) {
        return scram_refuse(sasl, "the server's SCRAM nonce does not continue ours");
    }
    if (challenge->salt.length == 0) {
        return scram_refuse(sasl, "the server's SCRAM salt is empty");
    }
    if (challenge->iterations < ITERATIONS_MIN || challenge->iterations > ITERATIONS_MAX) {
        return scram_refuse(sasl, "the server's SCRAM iteration count makes no sense");
    }
    return TDM_SASL_OK;
}

static int scram_hmac(const EVP_MD *hash, const unsigned char *key, const void *data, size_t length,
                      unsigned char *out)
{
    unsigned int size = 0;
    return HMAC(hash, key, EVP_MD_get_size(hash), data, length, out, &size) != NULL ? 0 : -1;
}

/* RFC 5802 3: everything that follows from password, salt and AuthMessage. */
static int scram_compute(const struct tdm_sasl *sasl, const struct scram_challenge *challenge,
                         const struct tdm_buf *auth_message, struct scram_keys *keys,
                         struct tdm_buf *password)
{
    const EVP_MD *hash = scram_hash(sasl);
    int size = EVP_MD_get_size(hash);
    const char *message = tdm_buf_text(auth_message);
    if (PKCS5_PBKDF2_HMAC(tdm_buf_text(password), (int)password->length,
                          (const unsigned char *)challenge->salt.data, (int)challenge->salt.length,
                          (int)challenge->iterations, hash, size, keys->salted) != 1 ||
        scram_hmac(hash, keys->salted, "Client Key", 10, keys->client) != 0 ||
        EVP_Digest(keys->client, (size_t)size, keys->stored, NULL, hash, NULL) != 1 ||
        scram_hmac(hash, keys->stored, message, auth_message->length, keys->signature) != 0 ||
        scram_hmac(hash, keys->salted, "Server Key", 10, keys->server) != 0) {
        return -1;
    }
    return 0;
}

static enum tdm_sasl_result scram_answer(struct tdm_sasl *sasl,
                                         const struct scram_challenge *challenge, const char *text,
                                         size_t length, struct tdm_buf *response)
{
    struct tdm_buf bare; /* client-final-message-without-proof */
    struct tdm_buf binding;
    struct tdm_buf message;
    struct tdm_buf password;
    tdm_buf_init(&bare, &response->allocator, TEXT_MAX);
    tdm_buf_init(&binding, &response->allocator, TEXT_MAX);
    tdm_buf_init(&message, &response->allocator, 3 * TEXT_MAX);
    tdm_buf_init(&password, &response->allocator, TEXT_MAX);
    struct scram_keys keys;
    memset(&keys, 0, sizeof(keys));

    scram_gs2_header(sasl, &binding);
    if (sasl->mechanism->binds) {
        tdm_buf_add(&binding, sasl->credentials.binding.data, sasl->credentials.binding.length);
    }
    tdm_buf_add_str(&bare, "c=");
    tdm_base64_encode(&bare, tdm_buf_text(&binding), binding.length);
    tdm_buf_addf(&bare, ",r=%.*s", (int)challenge->nonce_length, challenge->nonce);
    tdm_buf_addf(&message, "%s,%.*s,%s", tdm_buf_text(&sasl->first_bare), (int)length, text,
                 tdm_buf_text(&bare));
    scram_add_prepared(&password, sasl->credentials.password, 0);
    int failed = bare.failed || binding.failed || message.failed || password.failed;
    if (!failed && scram_compute(sasl, challenge, &message, &keys, &password) == 0) {
        size_t size = (size_t)EVP_MD_get_size(scram_hash(sasl));
        for (size_t i = 0; i < size; i++) {
            keys.client[i] ^= keys.signature[i]; /* ClientProof */
        }
        tdm_buf_addf(response, "%s,p=", tdm_buf_text(&bare));
        tdm_base64_encode(response, keys.client, size);
        unsigned char expected[EVP_MAX_MD_SIZE];
        failed = scram_hmac(scram_hash(sasl), keys.server, tdm_buf_text(&message), message.length,
                            expected) != 0;
        memcpy(sasl->server_signature, expected, size);
        sasl->signature_length = size;
    } else {
        failed = 1;
    }
    tdm_wipe(&keys, sizeof(keys));
    tdm_buf_clear(&bare);
    tdm_buf_clear(&binding);
    tdm_buf_clear(&message);
    tdm_buf_wipe(&password);
    return failed || response->failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
}

/* server-final-message: v=signature, or e=error. */
static enum tdm_sasl_result scram_verify(struct tdm_sasl *sasl, const char *text, size_t length)
{
    const char *value = NULL;
    size_t value_length = 0;
    size_t at = 0;
    int letter = scram_attribute(text, length, &at, &value, &value_length);
    if (letter == 'e') {
        tdm_buf_add(&sasl->detail, value, value_length);
        return scram_refuse(sasl, "the server refused the SCRAM proof");
    }
    struct tdm_buf signature;
    tdm_buf_init(&signature, &sasl->first_bare.allocator, TEXT_MAX);
    int good = letter == 'v' && sasl->signature_length > 0 &&
               tdm_base64_decode(&signature, value, value_length) == 0 &&
               signature.length == sasl->signature_length &&
               CRYPTO_memcmp(signature.data, sasl->server_signature, signature.length) == 0;
    tdm_buf_clear(&signature);
    if (!good) {
        return scram_refuse(sasl, "the server could not prove that it knows the password");
    }
    sasl->server_proved = 1;
    return TDM_SASL_OK;
}

static enum tdm_sasl_result scram_step(struct tdm_sasl *sasl, const char *text, size_t length,
                                       struct tdm_buf *response)
{
    sasl->step++;
    if (sasl->step == 1) {
        return scram_first(sasl, response);
    }
    if (sasl->step == 2) {
        struct scram_challenge challenge;
        memset(&challenge, 0, sizeof(challenge));
        tdm_buf_init(&challenge.salt, &response->allocator, TEXT_MAX);
        enum tdm_sasl_result result = scram_read_challenge(sasl, text, length, &challenge);
        if (result == TDM_SASL_OK) {
            result = scram_answer(sasl, &challenge, text, length, response);
        }
        tdm_buf_clear(&challenge.salt);
        return result;
    }
    if (sasl->step == 3) {
        return scram_verify(sasl, text, length); /* answered by an empty line, then 235 */
    }
    return TDM_SASL_UNEXPECTED;
}

static enum tdm_sasl_result scram_finish(struct tdm_sasl *sasl, const char *text, size_t length)
{
    if (sasl->server_proved) {
        return TDM_SASL_OK;
    }
    if (length > 0) {
        return scram_verify(sasl, text, length); /* RFC 4954 4: data with the 235 */
    }
    return scram_refuse(sasl, "the server said yes without proving that it knows the password");
}

#define SCRAM(symbol, words, bound)                                                                \
    const struct tdm_sasl_mechanism symbol = {.name = words,                                       \
                                              .client_first = 1,                                   \
                                              .decodes = 1,                                        \
                                              .binds = bound,                                      \
                                              .needs_nonce = 1,                                    \
                                              .hides_challenges = 1,                               \
                                              .by_default = 1,                                     \
                                              .step = scram_step,                                  \
                                              .finish = scram_finish}

SCRAM(tdm_sasl_scram_sha_256_plus, "SCRAM-SHA-256-PLUS", 1);
SCRAM(tdm_sasl_scram_sha_256, "SCRAM-SHA-256", 0);
SCRAM(tdm_sasl_scram_sha_1_plus, "SCRAM-SHA-1-PLUS", 1);
SCRAM(tdm_sasl_scram_sha_1, "SCRAM-SHA-1", 0);
