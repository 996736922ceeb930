/* webhook_public_key.c: requests that are signed with a key of the service's: SendGrid's ECDSA, and
 * the RSA of Amazon SNS, whose certificate comes from a host that is checked. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "util/str.h"
#include "webhook/webhook.h"

#define PUBLIC_TEXT_MAX 8192
#define PUBLIC_RSA_BITS 2048
#define PUBLIC_URL_MAX 2048

/* `signature` (base64) over the bytes. */
static int public_verify(EVP_PKEY *key, const EVP_MD *digest, const char *signature,
                         const struct tdm_buf *text)
{
    struct tdm_buf decoded;
    if (strlen(signature) > PUBLIC_TEXT_MAX) {
        return TIDYMAIL_WEBHOOK_MALFORMED;
    }
    tdm_buf_init(&decoded, &text->allocator, PUBLIC_TEXT_MAX);
    int verdict = tdm_hook_decode(&decoded, signature, strlen(signature));
    if (verdict == TIDYMAIL_WEBHOOK_GENUINE) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        if (context == NULL || EVP_DigestVerifyInit(context, NULL, digest, NULL, key) != 1) {
            verdict = TIDYMAIL_WEBHOOK_NO_MEMORY;
        } else if (EVP_DigestVerify(context, (const unsigned char *)decoded.data, decoded.length,
                                    (const unsigned char *)text->data, text->length) != 1) {
            verdict = TIDYMAIL_WEBHOOK_BAD_SIGNATURE;
        }
        EVP_MD_CTX_free(context);
    }
    tdm_buf_clear(&decoded);
    ERR_clear_error();
    return verdict;
}

/* SendGrid's key: SubjectPublicKeyInfo in base64, of the curve P-256, and nothing behind it. */
static int sendgrid_key(const tidymail_webhook_request *request, EVP_PKEY **key)
{
    struct tdm_buf der;
    tdm_buf_init(&der, request->allocator, PUBLIC_TEXT_MAX);
    size_t length = strlen(request->key);
    int verdict = length <= PUBLIC_TEXT_MAX ? tdm_hook_decode(&der, request->key, length)
                                            : TIDYMAIL_WEBHOOK_MALFORMED;
    if (verdict == TIDYMAIL_WEBHOOK_GENUINE) {
        const unsigned char *at = (const unsigned char *)der.data;
        char group[32] = "";
        *key = d2i_PUBKEY(NULL, &at, (long)der.length);
        if (*key == NULL || at != (const unsigned char *)der.data + der.length ||
            EVP_PKEY_get_group_name(*key, group, sizeof(group), NULL) != 1 ||
            strcmp(group, "prime256v1") != 0) {
            verdict = TIDYMAIL_WEBHOOK_MALFORMED;
        }
        ERR_clear_error();
    }
    tdm_buf_clear(&der);
    return verdict == TIDYMAIL_WEBHOOK_MALFORMED ? TIDYMAIL_WEBHOOK_BAD_KEY : verdict;
}

/* ECDSA with SHA-256 over timestamp and body. */
int tdm_hook_verify_sendgrid(const tidymail_webhook_request *request)
{
    struct tdm_buf text;
    EVP_PKEY *key = NULL;
    int64_t signed_at_s;
    if (request->signature[0] == '\0' || request->timestamp[0] == '\0') {
        return TIDYMAIL_WEBHOOK_UNSIGNED;
    }
    if (tdm_hook_number(request->timestamp, &signed_at_s) != 0) {
        return TIDYMAIL_WEBHOOK_MALFORMED;
    }
    int verdict = sendgrid_key(request, &key);
    tdm_buf_init(&text, request->allocator, TDM_HOOK_BODY_MAX + PUBLIC_TEXT_MAX);
    if (verdict == TIDYMAIL_WEBHOOK_GENUINE) {
        tdm_buf_add_str(&text, request->timestamp);
        tdm_buf_add(&text, request->body, request->body_length);
        verdict = text.failed ? TIDYMAIL_WEBHOOK_NO_MEMORY
                              : public_verify(key, EVP_sha256(), request->signature, &text);
    }
    tdm_buf_clear(&text);
    EVP_PKEY_free(key);
    return verdict == TIDYMAIL_WEBHOOK_GENUINE ? tdm_hook_age(request, signed_at_s) : verdict;
}

/* Nobody is asked for a password. */
static int sns_no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

/* The key of a certificate that is valid at that time. */
static int sns_certificate(const tidymail_webhook_request *request, X509 **certificate)
{
    BIO *bytes = BIO_new_mem_buf(request->key, (int)strlen(request->key));
    if (bytes == NULL) {
        return TIDYMAIL_WEBHOOK_NO_MEMORY;
    }
    *certificate = PEM_read_bio_X509(bytes, NULL, sns_no_password, NULL);
    BIO_free(bytes);
    ERR_clear_error();
    EVP_PKEY *key = *certificate != NULL ? X509_get0_pubkey(*certificate) : NULL;
    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
        EVP_PKEY_get_bits(key) < PUBLIC_RSA_BITS) {
        return TIDYMAIL_WEBHOOK_BAD_KEY;
    }
    time_t now = (time_t)request->now_s;
    return X509_cmp_time(X509_get0_notBefore(*certificate), &now) < 0 &&
                   X509_cmp_time(X509_get0_notAfter(*certificate), &now) > 0
               ? TIDYMAIL_WEBHOOK_GENUINE
               : TIDYMAIL_WEBHOOK_BAD_CERTIFICATE;
}

/* "Key\nValue\n" of the members that the type has (docs.aws.amazon.com/sns, "Verifying the signatures
 * of Amazon SNS messages"); Subject only where there is one. The lines of one member must not be able to
 * stand for another: only a Message has line ends. */
static int sns_text(json_t *root, struct tdm_buf *text)
{
    static const char *const notification[] = {"Message",  "MessageId", "Subject", "Timestamp",
                                               "TopicArn", "Type",      NULL};
    static const char *const confirmation[] = {"Message", "MessageId", "SubscribeURL", "Timestamp",
                                               "Token",   "TopicArn",  "Type",         NULL};
    const char *type = tdm_hook_text_at(root, "Type");
    if (type == NULL) {
        return TIDYMAIL_WEBHOOK_MALFORMED;
    }
    int is_notification = strcmp(type, "Notification") == 0;
    if (!is_notification && strcmp(type, "SubscriptionConfirmation") != 0 &&
        strcmp(type, "UnsubscribeConfirmation") != 0) {
        return TIDYMAIL_WEBHOOK_MALFORMED;
    }
    const char *const *name = is_notification ? notification : confirmation;
    for (; *name != NULL; name++) {
        const char *value = tdm_hook_text_at(root, *name);
        int is_optional = strcmp(*name, "Subject") == 0;
        if (value != NULL
                ? name != notification && name != confirmation && strchr(value, '\n') != NULL
                : !is_optional) {
            return TIDYMAIL_WEBHOOK_MALFORMED;
        }
        if (value != NULL) {
            tdm_buf_addf(text, "%s\n%s\n", *name, value);
        }
    }
    return text->failed ? TIDYMAIL_WEBHOOK_NO_MEMORY : TIDYMAIL_WEBHOOK_GENUINE;
}

static int sns_verify_root(const tidymail_webhook_request *request, json_t *root, X509 *certificate)
{
    struct tdm_buf text;
    int64_t signed_at_ms = 0;
    const char *version = tdm_hook_text_at(root, "SignatureVersion");
    const char *signature = tdm_hook_text_at(root, "Signature");
    const char *url = tdm_hook_text_at(root, "SigningCertURL");
    const char *timestamp = tdm_hook_text_at(root, "Timestamp");
    if (signature == NULL || signature[0] == '\0' || version == NULL) {
        return root != NULL ? TIDYMAIL_WEBHOOK_UNSIGNED : TIDYMAIL_WEBHOOK_MALFORMED;
    }
    if ((strcmp(version, "1") != 0 && strcmp(version, "2") != 0) || timestamp == NULL ||
        tdm_hook_date_ms(timestamp, &signed_at_ms) != 0) {
        return TIDYMAIL_WEBHOOK_MALFORMED;
    }
    if (!tidymail_webhook_sns_certificate_url_ok(url)) {
        return TIDYMAIL_WEBHOOK_BAD_CERTIFICATE;
    }
    tdm_buf_init(&text, request->allocator, TDM_HOOK_BODY_MAX + PUBLIC_TEXT_MAX);
    int verdict = sns_text(root, &text);
    if (verdict == TIDYMAIL_WEBHOOK_GENUINE) {
        const EVP_MD *digest = version[0] == '1' ? EVP_sha1() : EVP_sha256();
        verdict = public_verify(X509_get0_pubkey(certificate), digest, signature, &text);
    }
    tdm_buf_clear(&text);
    if (verdict == TIDYMAIL_WEBHOOK_GENUINE &&
        strcmp(tdm_hook_text_at(root, "TopicArn"), request->topic) != 0) {
        return TIDYMAIL_WEBHOOK_WRONG_TOPIC;
    }
    return verdict == TIDYMAIL_WEBHOOK_GENUINE ? tdm_hook_age(request, signed_at_ms / 1000)
                                               : verdict;
}

/* Anybody may have a topic, and Amazon signs what they say: without a topic to compare with there is
 * nothing to verify. */
int tdm_hook_verify_sns(const tidymail_webhook_request *request)
{
    X509 *certificate = NULL;
    if (request->topic[0] == '\0') {
        return TIDYMAIL_WEBHOOK_BAD_CALL;
    }
    int verdict = sns_certificate(request, &certificate);
    if (verdict == TIDYMAIL_WEBHOOK_GENUINE) {
        json_t *root = json_loadb(request->body, request->body_length, 0, NULL);
        verdict = sns_verify_root(request, root, certificate);
        json_decref(root);
    }
    X509_free(certificate);
    return verdict;
}

/* Behind "https://sns.REGION.amazonaws.com" or ".cn"; NULL: the URL does not begin so. What is let
 * through of the region leaves no room for a user, a port or another host. */
static const char *sns_path(const char *url)
{
    static const char start[] = "https://sns.";
    static const char domain[] = ".amazonaws.com";
    if (url == NULL || strlen(url) > PUBLIC_URL_MAX || strncmp(url, start, strlen(start)) != 0) {
        return NULL;
    }
    const char *at = url + strlen(start);
    size_t region = 0;
    while (tdm_is_digit(at[region]) || (at[region] >= 'a' && at[region] <= 'z') ||
           (at[region] == '-' && region > 0)) {
        region++;
    }
    at += region;
    if (region == 0 || strncmp(at, domain, strlen(domain)) != 0) {
        return NULL;
    }
    at += strlen(domain);
    at += strncmp(at, ".cn/", 4) == 0 ? 3 : 0;
    return *at == '/' ? at : NULL;
}

/* Printable ASCII but for what servers and libraries read differently. */
static int sns_is_plain(const char *text, const char *without)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~' || strchr(without, *text) != NULL) {
            return 0;
        }
    }
    return 1;
}

int tidymail_webhook_sns_certificate_url_ok(const char *url)
{
    const char *path = sns_path(url);
    size_t length = path != NULL ? strlen(path) : 0;
    return length > 5 && sns_is_plain(path, "?#%\\@:;\"<>") && strstr(path, "..") == NULL &&
           strcmp(path + length - 4, ".pem") == 0;
}

int tidymail_webhook_sns_subscribe_url_ok(const char *url)
{
    const char *path = sns_path(url);
    return path != NULL && sns_is_plain(path, "#\\@\"<>");
}
