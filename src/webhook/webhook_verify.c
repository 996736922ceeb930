/* webhook_verify.c: is a request of a service genuine: those that share a secret with the receiver.
 * What was signed is compared in constant time; the age is looked at only when the signature fits. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "util/base64.h"
#include "util/str.h"
#include "webhook/webhook.h"

#define VERIFY_TOLERANCE_S 300
#define VERIFY_SECRET_MAX 4096
#define VERIFY_TEXT_MAX 512

int tdm_hook_age(const tidymail_webhook_request *request, int64_t signed_at_s)
{
    int64_t tolerance_s = request->tolerance_s == 0 ? VERIFY_TOLERANCE_S : request->tolerance_s;
    if (tolerance_s < 0) {
        return TIDYMAIL_WEBHOOK_GENUINE;
    }
    /* A time below 0 is none, and differences cannot overflow then. */
    int64_t now_s = request->now_s > 0 ? request->now_s : 0;
    if (now_s - signed_at_s > tolerance_s) {
        return TIDYMAIL_WEBHOOK_STALE;
    }
    return signed_at_s - now_s > tolerance_s ? TIDYMAIL_WEBHOOK_EARLY : TIDYMAIL_WEBHOOK_GENUINE;
}

int tdm_hook_decode(struct tdm_buf *out, const char *text, size_t length)
{
    size_t before = out->length;
    if (tdm_buf_reserve(out, length) != 0) {
        return TIDYMAIL_WEBHOOK_NO_MEMORY;
    }
    if (tdm_base64_decode(out, text, length) != 0 || out->length == before) {
        return TIDYMAIL_WEBHOOK_MALFORMED;
    }
    return TIDYMAIL_WEBHOOK_GENUINE;
}

/* What is hashed, as text; and what must come out. */
struct verify_mac {
    const EVP_MD *digest;
    const void *key;
    size_t key_length;
    const void *bytes;
    size_t length;
};

static int verify_mac(const struct verify_mac *mac, const unsigned char *wanted, size_t length)
{
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned int made_length = 0;
    if (HMAC(mac->digest, mac->key, (int)mac->key_length, mac->bytes, mac->length, made,
             &made_length) == NULL) {
        return TIDYMAIL_WEBHOOK_NO_MEMORY;
    }
    int same = length == made_length && CRYPTO_memcmp(made, wanted, length) == 0;
    tdm_wipe(made, sizeof(made));
    return same ? TIDYMAIL_WEBHOOK_GENUINE : TIDYMAIL_WEBHOOK_BAD_SIGNATURE;
}

static int verify_hex_digit(char c)
{
    c = tdm_lower(c);
    return tdm_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int verify_mac_hex(const struct verify_mac *mac, const char *text)
{
    unsigned char wanted[32];
    size_t length = strlen(text);
    if (length != 2 * sizeof(wanted)) {
        return length == 0 ? TIDYMAIL_WEBHOOK_UNSIGNED : TIDYMAIL_WEBHOOK_MALFORMED;
    }
    for (size_t i = 0; i < sizeof(wanted); i++) {
        int high = verify_hex_digit(text[2 * i]);
        int low = verify_hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return TIDYMAIL_WEBHOOK_MALFORMED;
        }
        wanted[i] = (unsigned char)(high * 16 + low);
    }
    return verify_mac(mac, wanted, sizeof(wanted));
}

static int verify_mac_base64(const struct verify_mac *mac, const char *text, size_t length,
                             const tidymail_allocator *allocator)
{
    struct tdm_buf wanted;
    if (length == 0 || length > VERIFY_TEXT_MAX) {
        return length == 0 ? TIDYMAIL_WEBHOOK_UNSIGNED : TIDYMAIL_WEBHOOK_MALFORMED;
    }
    tdm_buf_init(&wanted, allocator, VERIFY_TEXT_MAX);
    int verdict = tdm_hook_decode(&wanted, text, length);
    if (verdict == TIDYMAIL_WEBHOOK_GENUINE) {
        verdict = verify_mac(mac, (const unsigned char *)wanted.data, wanted.length);
    }
    tdm_buf_clear(&wanted);
    return verdict;
}

/* hex(HMAC-SHA256(key, timestamp + token)), all in the body; the event is not covered. */
static int verify_mailgun(const tidymail_webhook_request *request)
{
    json_t *root = json_loadb(request->body, request->body_length, 0, NULL);
    const char *signature = tdm_hook_text_at(root, "signature/signature");
    const char *token = tdm_hook_text_at(root, "signature/token");
    const char *timestamp = tdm_hook_text_at(root, "signature/timestamp");
    int64_t signed_at_s = 0;
    int verdict = TIDYMAIL_WEBHOOK_GENUINE;
    struct tdm_buf text;
    tdm_buf_init(&text, request->allocator, VERIFY_TEXT_MAX);
    if (root == NULL) {
        verdict = TIDYMAIL_WEBHOOK_MALFORMED;
    } else if (signature == NULL || token == NULL || timestamp == NULL || token[0] == '\0') {
        verdict = TIDYMAIL_WEBHOOK_UNSIGNED;
    } else if (tdm_hook_number(timestamp, &signed_at_s) != 0 ||
               strlen(token) > VERIFY_TEXT_MAX / 2) {
        verdict = TIDYMAIL_WEBHOOK_MALFORMED;
    } else if (tdm_buf_addf(&text, "%s%s", timestamp, token) != 0) {
        verdict = TIDYMAIL_WEBHOOK_NO_MEMORY;
    } else {
        struct verify_mac mac = {EVP_sha256(), request->key, strlen(request->key), text.data,
                                 text.length};
        verdict = verify_mac_hex(&mac, signature);
    }
    tdm_buf_clear(&text);
    json_decref(root);
    return verdict == TIDYMAIL_WEBHOOK_GENUINE ? tdm_hook_age(request, signed_at_s) : verdict;
}

/* hex(HMAC-SHA256(secret, body)) */
static int verify_mailersend(const tidymail_webhook_request *request)
{
    struct verify_mac mac = {EVP_sha256(), request->key, strlen(request->key), request->body,
                             request->body_length};
    return verify_mac_hex(&mac, request->signature);
}

/* The list of signatures "v1,BASE64 v1,BASE64": one that fits is enough, as while keys change there
 * are two. */
static int svix_list(const struct verify_mac *mac, const tidymail_webhook_request *request)
{
    const char *text = request->signature;
    int verdict = TIDYMAIL_WEBHOOK_MALFORMED;
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        if (length > 3 && strncmp(text, "v1,", 3) == 0) {
            int one = verify_mac_base64(mac, text + 3, length - 3, request->allocator);
            if (one == TIDYMAIL_WEBHOOK_GENUINE || one == TIDYMAIL_WEBHOOK_NO_MEMORY) {
                return one;
            }
            verdict = one == TIDYMAIL_WEBHOOK_BAD_SIGNATURE ? one : verdict;
        }
        text += length + (text[length] == ' ');
    }
    return verdict;
}

/* "v1," base64(HMAC-SHA256(secret, id.timestamp.body)); the secret is base64 behind "whsec_". */
static int verify_svix(const tidymail_webhook_request *request)
{
    struct tdm_buf key;
    struct tdm_buf text;
    int64_t signed_at_s;
    if (request->signature[0] == '\0' || request->timestamp[0] == '\0' || request->id[0] == '\0') {
        return TIDYMAIL_WEBHOOK_UNSIGNED;
    }
    if (tdm_hook_number(request->timestamp, &signed_at_s) != 0) {
        return TIDYMAIL_WEBHOOK_MALFORMED;
    }
    const char *secret = request->key + (strncmp(request->key, "whsec_", 6) == 0 ? 6 : 0);
    tdm_buf_init(&key, request->allocator, VERIFY_SECRET_MAX);
    tdm_buf_init(&text, request->allocator, TDM_HOOK_BODY_MAX + 2 * VERIFY_TEXT_MAX);
    int verdict = tdm_hook_decode(&key, secret, strlen(secret));
    if (verdict == TIDYMAIL_WEBHOOK_MALFORMED) {
        verdict = TIDYMAIL_WEBHOOK_BAD_KEY;
    } else if (strlen(request->id) > VERIFY_TEXT_MAX) {
        verdict = TIDYMAIL_WEBHOOK_MALFORMED;
    } else if (verdict == TIDYMAIL_WEBHOOK_GENUINE) {
        tdm_buf_addf(&text, "%s.%s.", request->id, request->timestamp);
        tdm_buf_add(&text, request->body, request->body_length);
        struct verify_mac mac = {EVP_sha256(), key.data, key.length, text.data, text.length};
        verdict = text.failed ? TIDYMAIL_WEBHOOK_NO_MEMORY : svix_list(&mac, request);
    }
    tdm_buf_wipe(&key);
    tdm_buf_clear(&text);
    return verdict == TIDYMAIL_WEBHOOK_GENUINE ? tdm_hook_age(request, signed_at_s) : verdict;
}

/* base64(HMAC-SHA1(key, url and the fields of the form)). */
static int verify_mandrill(const tidymail_webhook_request *request)
{
    struct tdm_buf text;
    if (request->url[0] == '\0') {
        return TIDYMAIL_WEBHOOK_BAD_CALL;
    }
    tdm_buf_init(&text, request->allocator, TDM_HOOK_BODY_MAX + VERIFY_SECRET_MAX);
    int verdict = tdm_buf_add_str(&text, request->url) != 0 ? TIDYMAIL_WEBHOOK_NO_MEMORY
                                                            : tdm_hook_add_form(&text, request);
    if (verdict == TIDYMAIL_WEBHOOK_GENUINE) {
        struct verify_mac mac = {EVP_sha1(), request->key, strlen(request->key), text.data,
                                 text.length};
        verdict = verify_mac_base64(&mac, request->signature, strlen(request->signature),
                                    request->allocator);
    }
    tdm_buf_clear(&text);
    return verdict;
}

/* 1 where the value is "Basic" with these credentials. Hashes are compared, so that not even the
 * length of the right ones is told by the time it takes. */
static int basic_verdict(const char *authorization, const char *credentials,
                         const tidymail_allocator *allocator)
{
    struct tdm_buf given;
    unsigned char hashes[2][32];
    size_t length = strlen(authorization);
    if (length == 0) {
        return TIDYMAIL_WEBHOOK_UNSIGNED;
    }
    if (!tdm_starts_nocase(authorization, length, "Basic ") || length > VERIFY_SECRET_MAX) {
        return TIDYMAIL_WEBHOOK_MALFORMED;
    }
    const char *text = authorization + 6 + strspn(authorization + 6, " ");
    tdm_buf_init(&given, allocator, VERIFY_SECRET_MAX);
    int verdict = tdm_hook_decode(&given, text, strlen(text));
    if (verdict == TIDYMAIL_WEBHOOK_GENUINE) {
        int made =
            EVP_Digest(given.data, given.length, hashes[0], NULL, EVP_sha256(), NULL) == 1 &&
            EVP_Digest(credentials, strlen(credentials), hashes[1], NULL, EVP_sha256(), NULL) == 1;
        verdict = !made ? TIDYMAIL_WEBHOOK_NO_MEMORY
                  : CRYPTO_memcmp(hashes[0], hashes[1], sizeof(hashes[0])) == 0
                      ? TIDYMAIL_WEBHOOK_GENUINE
                      : TIDYMAIL_WEBHOOK_BAD_SIGNATURE;
    }
    tdm_buf_wipe(&given);
    tdm_wipe(hashes, sizeof(hashes));
    return verdict;
}

int tidymail_webhook_basic_ok(const char *authorization, const char *user, const char *password)
{
    struct tdm_buf credentials;
    /* RFC 7617 2: a colon in the user's name would move the border between the two. */
    if (authorization == NULL || user == NULL || password == NULL || strchr(user, ':') != NULL) {
        return 0;
    }
    tdm_buf_init(&credentials, NULL, VERIFY_SECRET_MAX);
    int ok = tdm_buf_addf(&credentials, "%s:%s", user, password) == 0 &&
             basic_verdict(authorization, credentials.data, NULL) == TIDYMAIL_WEBHOOK_GENUINE;
    tdm_buf_wipe(&credentials);
    return ok;
}

/* The services that sign nothing. */
static int verify_basic(const tidymail_webhook_request *request)
{
    return strchr(request->key, ':') == NULL
               ? TIDYMAIL_WEBHOOK_BAD_KEY
               : basic_verdict(request->signature, request->key, request->allocator);
}

static const char *verify_text(const char *text)
{
    return text != NULL ? text : "";
}

static const struct {
    const char *service;
    int (*verify)(const tidymail_webhook_request *request);
} verifiers[] = {
    {"mailgun", verify_mailgun},   {"sendgrid", tdm_hook_verify_sendgrid},
    {"ses", tdm_hook_verify_sns},  {"resend", verify_svix},
    {"mandrill", verify_mandrill}, {"mailersend", verify_mailersend},
    {"postmark", verify_basic},    {"sparkpost", verify_basic},
    {"brevo", verify_basic},       {"mailjet", verify_basic},
};

int tidymail_webhook_verify(const char *service, const tidymail_webhook_request *request)
{
    tidymail_webhook_request own;
    if (service == NULL || request == NULL) {
        return TIDYMAIL_WEBHOOK_BAD_CALL;
    }
    memset(&own, 0, sizeof(own));
    memcpy(&own, request, request->struct_size < sizeof(own) ? request->struct_size : sizeof(own));
    if (own.body == NULL || own.key == NULL) {
        return TIDYMAIL_WEBHOOK_BAD_CALL;
    }
    /* An empty key would take the signature of anybody. */
    if (own.key[0] == '\0') {
        return TIDYMAIL_WEBHOOK_BAD_KEY;
    }
    if (own.body_length > TDM_HOOK_BODY_MAX || strlen(own.key) > VERIFY_SECRET_MAX * 4) {
        return own.body_length > TDM_HOOK_BODY_MAX ? TIDYMAIL_WEBHOOK_MALFORMED
                                                   : TIDYMAIL_WEBHOOK_BAD_KEY;
    }
    own.signature = verify_text(own.signature);
    own.timestamp = verify_text(own.timestamp);
    own.id = verify_text(own.id);
    own.url = verify_text(own.url);
    own.topic = verify_text(own.topic);
    for (size_t i = 0; i < sizeof(verifiers) / sizeof(verifiers[0]); i++) {
        if (strcmp(verifiers[i].service, service) == 0) {
            return verifiers[i].verify(&own);
        }
    }
    return TIDYMAIL_WEBHOOK_BAD_CALL;
}
