/*
 * server_scram.c: SCRAM-SHA-1 and SCRAM-SHA-256 on the server's side, with and without -PLUS (RFC 5802,
 * RFC 7677). Names and passwords are compared as they are: SASLprep is left to the client, so a
 * password should be ASCII here. Every refusal is a 535; the words say what was wrong.
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "server_internal.h"
#include "util/base64.h"
#include "util/str.h"

#define ITERATIONS 4096 /* the least that RFC 7677 4 allows: tests must not wait */
#define TEXT_MAX 16384

struct scram_proof {
    unsigned char client_key[EVP_MAX_MD_SIZE];
    unsigned char stored_key[EVP_MAX_MD_SIZE];
    unsigned char server_key[EVP_MAX_MD_SIZE];
    unsigned char client_signature[EVP_MAX_MD_SIZE];
    unsigned char server_signature[EVP_MAX_MD_SIZE];
};

static const EVP_MD *scram_digest(const struct tdm_server_session *session)
{
    return strstr(session->login.mechanism->name, "SHA-256") != NULL ? EVP_sha256() : EVP_sha1();
}

/* The value of the attribute at the front ("r=..."), which is cut off; NULL where it is not that. */
static const char *scram_take(const char **at, const char *end, char name, size_t *length)
{
    const char *start = *at;
    if (end - start < 2 || start[0] != name || start[1] != '=') {
        return NULL;
    }
    const char *comma = memchr(start, ',', (size_t)(end - start));
    const char *stop = comma != NULL ? comma : end;
    *at = comma != NULL ? comma + 1 : end;
    *length = (size_t)(stop - start) - 2;
    return start + 2;
}

/* The bytes that a binding type stands for; 0 where TLS has none. */
static size_t scram_binding(const struct tdm_server_session *session, const char *type,
                            size_t length, const unsigned char **bytes)
{
    if (length == strlen("tls-exporter") && memcmp(type, "tls-exporter", length) == 0) {
        *bytes = session->tls.exporter;
        return session->tls.exporter_length;
    }
    if (length == strlen("tls-server-end-point") &&
        memcmp(type, "tls-server-end-point", length) == 0) {
        *bytes = session->tls.end_point;
        return session->tls.end_point_length;
    }
    return 0;
}

/* The GS2 header (RFC 5802 7) as login->header, with the binding behind it; *at moves behind it. NULL,
 * or what is wrong. */
static const char *scram_header(struct tdm_server_session *session, const char **at,
                                const char *end)
{
    struct tdm_buf *header = &session->login.header;
    const char *start = *at;
    const unsigned char *binding = NULL;
    size_t binding_length = 0;
    int binds = session->login.mechanism->binds;
    size_t type_length = 0;
    const char *type = scram_take(at, end, 'p', &type_length);
    if (type != NULL) {
        binding_length = scram_binding(session, type, type_length, &binding);
        if (!binds) {
            return "a channel binding without a -PLUS mechanism";
        }
        if (binding_length == 0) {
            return "this channel binding cannot be had here";
        }
    } else if (end - start >= 2 && (start[0] == 'n' || start[0] == 'y') && start[1] == ',') {
        if (binds) {
            return "a -PLUS mechanism without a channel binding";
        }
        if (start[0] == 'y' && tdm_server_auth_offers_plus(session)) {
            return "the client saw no -PLUS although it is offered: somebody removed it";
        }
        *at = start + 2;
    } else {
        return "the GS2 header is malformed";
    }
    size_t ignored;
    if (*at < end && **at == ',') {
        *at += 1; /* no authzid */
    } else if (scram_take(at, end, 'a', &ignored) == NULL) {
        return "the GS2 header is malformed";
    }
    tdm_buf_add(header, start, (size_t)(*at - start));
    tdm_buf_add(header, binding, binding_length);
    return NULL;
}

/* saslname: =2C and =3D (RFC 5802 5.1). 0, or -1. */
static int scram_name(struct tdm_buf *out, const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (name[i] != '=') {
            tdm_buf_add_char(out, name[i]);
        } else if (length - i >= 3 && memcmp(name + i, "=2C", 3) == 0) {
            tdm_buf_add_char(out, ',');
            i += 2;
        } else if (length - i >= 3 && memcmp(name + i, "=3D", 3) == 0) {
            tdm_buf_add_char(out, '=');
            i += 2;
        } else {
            return -1;
        }
    }
    return length > 0 ? 0 : -1;
}

static int scram_salt(struct tdm_server_session *session)
{
    struct tdm_buf *salt = &session->login.salt;
    unsigned char bytes[16];
    const char *fixed = session->options.salt;
    if (fixed != NULL) {
        return tdm_base64_decode(salt, fixed, strlen(fixed));
    }
    return RAND_bytes(bytes, sizeof(bytes)) == 1 ? tdm_buf_add(salt, bytes, sizeof(bytes)) : -1;
}

/* client-first-message; the answer is the server-first-message. NULL, or what is wrong. */
static const char *scram_first(struct tdm_server_session *session, const char *bytes, size_t length)
{
    struct tdm_server_login *login = &session->login;
    const char *at = bytes;
    const char *end = bytes + length;
    const char *wrong = scram_header(session, &at, end);
    if (wrong != NULL) {
        return wrong;
    }
    const char *bare = at;
    size_t name_length = 0;
    size_t nonce_length = 0;
    const char *name = scram_take(&at, end, 'n', &name_length);
    const char *nonce = name != NULL ? scram_take(&at, end, 'r', &nonce_length) : NULL;
    if (nonce == NULL || nonce_length == 0 || scram_name(&login->user, name, name_length) != 0) {
        return "the first SCRAM message is malformed";
    }
    tdm_buf_add(&login->nonce, nonce, nonce_length);
    tdm_server_auth_nonce(session, &login->nonce);
    tdm_buf_addf(&login->kept, "%.*s,", (int)(end - bare), bare);
    size_t reply = login->kept.length;
    tdm_buf_addf(&login->kept, "r=%s,s=", tdm_buf_text(&login->nonce));
    if (scram_salt(session) != 0 || login->nonce.failed) {
        return "no random numbers";
    }
    tdm_base64_encode(&login->kept, login->salt.data, login->salt.length);
    tdm_buf_addf(&login->kept, ",i=%d", ITERATIONS);
    if (login->kept.failed) {
        return "the first SCRAM message is too long";
    }
    tdm_server_auth_challenge(session, login->kept.data + reply, login->kept.length - reply);
    return NULL;
}

static int scram_hmac(const EVP_MD *digest, const unsigned char *key, const char *text,
                      size_t length, unsigned char *out)
{
    unsigned int size = 0;
    return HMAC(digest, key, EVP_MD_get_size(digest), (const unsigned char *)text, length, out,
                &size) != NULL
               ? 0
               : -1;
}

/* RFC 5802 3, from the password that the server knows. */
static int scram_prove(const struct tdm_server_session *session, const struct tdm_buf *auth_message,
                       struct scram_proof *proof)
{
    const EVP_MD *digest = scram_digest(session);
    const struct tdm_buf *salt = &session->login.salt;
    const char *password = session->options.password;
    const char *message = tdm_buf_text(auth_message);
    unsigned char salted[EVP_MAX_MD_SIZE];
    int size = EVP_MD_get_size(digest);
    int failed =
        PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)salt->data,
                          (int)salt->length, ITERATIONS, digest, size, salted) != 1;
    failed |= scram_hmac(digest, salted, "Client Key", 10, proof->client_key) != 0;
    failed |= scram_hmac(digest, salted, "Server Key", 10, proof->server_key) != 0;
    failed |=
        EVP_Digest(proof->client_key, (size_t)size, proof->stored_key, NULL, digest, NULL) != 1;
    failed |= scram_hmac(digest, proof->stored_key, message, auth_message->length,
                         proof->client_signature) != 0;
    failed |= scram_hmac(digest, proof->server_key, message, auth_message->length,
                         proof->server_signature) != 0;
    tdm_wipe(salted, sizeof(salted));
    return failed ? -1 : 0;
}

/* ClientProof against what it must be, and the name; 1 where both are right. */
static int scram_is_right(const struct tdm_server_session *session, const struct scram_proof *proof,
                          const struct tdm_buf *given)
{
    size_t size = (size_t)EVP_MD_get_size(scram_digest(session));
    unsigned char differs = given->length != size;
    for (size_t i = 0; i < size && i < given->length; i++) {
        unsigned char wanted = (unsigned char)(proof->client_key[i] ^ proof->client_signature[i]);
        differs |= (unsigned char)(wanted ^ (unsigned char)given->data[i]);
    }
    return differs == 0 &&
           tdm_server_auth_same(tdm_buf_text(&session->login.user), session->options.user);
}

/* c= must be the GS2 header and the binding, r= the nonce of both. NULL, or what is wrong; `proof_at`
 * gets the place of ",p=". */
static const char *scram_check_final(struct tdm_server_session *session, const char *bytes,
                                     size_t length, size_t *proof_at, struct tdm_buf *proof)
{
    const struct tdm_server_login *login = &session->login;
    const char *at = bytes;
    const char *end = bytes + length;
    size_t size = 0;
    struct tdm_buf bound;
    tdm_buf_init(&bound, &session->allocator, TEXT_MAX);
    const char *value = scram_take(&at, end, 'c', &size);
    int well = value != NULL && tdm_base64_decode(&bound, value, size) == 0;
    int same = well && bound.length == login->header.length &&
               memcmp(bound.data, login->header.data, bound.length) == 0;
    tdm_buf_clear(&bound);
    if (!well) {
        return "the last SCRAM message is malformed";
    }
    if (!same) {
        return "the channel bindings do not match";
    }
    value = scram_take(&at, end, 'r', &size);
    if (value == NULL || size != login->nonce.length ||
        memcmp(value, login->nonce.data, size) != 0) {
        return "the nonce is another one";
    }
    while (at < end && *at != 'p') { /* extensions, which mean nothing here */
        const char *comma = memchr(at, ',', (size_t)(end - at));
        at = comma != NULL ? comma + 1 : end;
    }
    *proof_at = (size_t)(at - bytes);
    value = scram_take(&at, end, 'p', &size);
    if (value == NULL || at != end || tdm_base64_decode(proof, value, size) != 0) {
        return "the last SCRAM message is malformed";
    }
    return NULL;
}

/* client-final-message; the answer is the server's own proof. NULL, or what is wrong. */
static const char *scram_final(struct tdm_server_session *session, const char *bytes, size_t length)
{
    struct tdm_buf given;
    struct tdm_buf message;
    struct scram_proof proof;
    size_t proof_at = 0;
    tdm_buf_init(&given, &session->allocator, TEXT_MAX);
    tdm_buf_init(&message, &session->allocator, (size_t)4 * TEXT_MAX);
    const char *wrong = scram_check_final(session, bytes, length, &proof_at, &given);
    if (wrong == NULL) {
        tdm_buf_addf(&message, "%s,%.*s", tdm_buf_text(&session->login.kept), (int)proof_at - 1,
                     bytes);
        int right = !message.failed && scram_prove(session, &message, &proof) == 0 &&
                    scram_is_right(session, &proof, &given);
        wrong = right ? NULL : "authentication credentials invalid";
    }
    if (wrong == NULL) {
        tdm_buf_reset(&message);
        tdm_buf_add_str(&message, "v=");
        tdm_base64_encode(&message, proof.server_signature,
                          (size_t)EVP_MD_get_size(scram_digest(session)));
        tdm_server_auth_challenge(session, tdm_buf_text(&message), message.length);
    }
    tdm_wipe(&proof, sizeof(proof));
    tdm_buf_clear(&given);
    tdm_buf_clear(&message);
    return wrong;
}

void tdm_server_scram_respond(struct tdm_server_session *session, const char *bytes, size_t length)
{
    struct tdm_server_login *login = &session->login;
    const char *wrong = NULL;
    switch (login->step++) {
    case 0:
        wrong = scram_first(session, bytes, length);
        break;
    case 1:
        wrong = scram_final(session, bytes, length);
        break;
    default: /* RFC 4954 4: the server's proof is answered by an empty line */
        if (length == 0) {
            tdm_server_auth_accept(session, tdm_buf_text(&login->user));
        } else {
            tdm_server_auth_malformed(session, "an empty response was due");
        }
        break;
    }
    if (wrong != NULL) {
        tdm_server_auth_refuse(session, wrong);
    }
}
