/*
 * api_sigv4.c: AWS Signature Version 4 as the service checks it, written apart from the library's own
 * signer, so that a mistake in one shows in the other.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "api.h"
#include "util/str.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SKEW_S 900 /* 15 minutes */
#define SIGNED_LIMIT ((size_t)256 << 10)
#define SCOPE_MAX 200

struct sigv4_key {
    unsigned char bytes[32];
};

static void sigv4_hex(const unsigned char *bytes, char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 32; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[64] = '\0';
}

static int sigv4_digest(const void *bytes, size_t length, char hex[65])
{
    unsigned char digest[32];
    if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1) {
        return -1;
    }
    sigv4_hex(digest, hex);
    return 0;
}

static int sigv4_hmac(struct sigv4_key *out, const void *key, size_t key_length, const char *text,
                      size_t length)
{
    return HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text, length, out->bytes,
                NULL) != NULL
               ? 0
               : -1;
}

/* The path is encoded once more, as of all services but S3. */
static void sigv4_add_path(struct tdm_buf *out, const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;
        if (tdm_is_alnum(*path) || strchr("-._~/", *path) != NULL) {
            tdm_buf_add_char(out, *path);
        } else {
            tdm_buf_addf(out, "%%%c%c", digits[byte >> 4], digits[byte & 15]);
        }
    }
}

/* Blanks in a row become one; those at the ends are gone already. */
static void sigv4_add_value(struct tdm_buf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (!tdm_is_space(*value) || !tdm_is_space(value[1])) {
            tdm_buf_add_char(out, tdm_is_space(*value) ? ' ' : *value);
        }
    }
}

/* "name:value,value\n" */
static int sigv4_add_field(struct tdm_buf *out, const struct tdm_served_request *request,
                           const char *name, size_t length)
{
    int found = 0;
    tdm_buf_add(out, name, length);
    tdm_buf_add_char(out, ':');
    for (size_t i = 0; i < request->field_count; i++) {
        if (tdm_equal_nocase_n(name, length, request->fields[i].name)) {
            tdm_buf_add_str(out, found ? "," : "");
            sigv4_add_value(out, request->fields[i].value);
            found = 1;
        }
    }
    tdm_buf_add_char(out, '\n');
    return found ? 0 : -1;
}

static int sigv4_canonical(struct tdm_buf *out, const struct tdm_served_request *request,
                           const char *signed_fields)
{
    char hex[65];
    tdm_buf_addf(out, "%s\n", request->method);
    sigv4_add_path(out, request->path);
    tdm_buf_addf(out, "\n%s\n", request->query);
    for (const char *at = signed_fields; *at != '\0';) {
        size_t length = strcspn(at, ";");
        if (sigv4_add_field(out, request, at, length) != 0) {
            return -1;
        }
        at += length + (at[length] == ';');
    }
    if (sigv4_digest(tdm_buf_text(&request->body), request->body.length, hex) != 0) {
        return -1;
    }
    tdm_buf_addf(out, "\n%s\n%s", signed_fields, hex);
    return out->failed ? -1 : 0;
}

/* The four steps of the key: date, region, service, "aws4_request" are the words of the scope. */
static int sigv4_key(struct sigv4_key *key, const char *secret, const char *scope)
{
    struct tdm_buf first;
    tdm_buf_init(&first, NULL, 4096);
    tdm_buf_addf(&first, "AWS4%s", secret);
    size_t length = strcspn(scope, "/");
    int result = first.failed ? -1 : sigv4_hmac(key, first.data, first.length, scope, length);
    tdm_buf_wipe(&first);
    while (result == 0 && scope[length] == '/') {
        struct sigv4_key before = *key;
        scope += length + 1;
        length = strcspn(scope, "/");
        result = sigv4_hmac(key, before.bytes, sizeof(before.bytes), scope, length);
    }
    return result;
}

int tdm_api_sigv4_sign(const struct tdm_served_request *request, const char *signed_fields,
                       const char *date, const char *scope, const char *secret, char hex[65])
{
    struct tdm_buf text;
    struct sigv4_key key;
    struct sigv4_key signature;
    char digest[65];
    tdm_buf_init(&text, NULL, SIGNED_LIMIT);
    int result = sigv4_canonical(&text, request, signed_fields);
    if (result == 0) {
        result = sigv4_digest(text.data, text.length, digest);
    }
    tdm_buf_reset(&text);
    tdm_buf_addf(&text, ALGORITHM "\n%s\n%s\n%s", date, scope, digest);
    if (result == 0 &&
        (text.failed || sigv4_key(&key, secret, scope) != 0 ||
         sigv4_hmac(&signature, key.bytes, sizeof(key.bytes), text.data, text.length) != 0)) {
        result = -1;
    }
    if (result == 0) {
        sigv4_hex(signature.bytes, hex);
    }
    tdm_buf_clear(&text);
    OPENSSL_cleanse(&key, sizeof(key));
    return result;
}

/* Seconds since 1970 of "20150830T123600Z"; -1: it is no such date. */
static int64_t sigv4_time(const char *date)
{
    int values[6] = {0};
    static const int digits[6] = {4, 2, 2, 2, 2, 2};
    const char *at = date;
    for (size_t i = 0; i < 6; i++) {
        for (int digit = 0; digit < digits[i]; digit++, at++) {
            if (!tdm_is_digit(*at)) {
                return -1;
            }
            values[i] = values[i] * 10 + (*at - '0');
        }
        if (i == 2 && *at++ != 'T') {
            return -1;
        }
    }
    if (strcmp(at, "Z") != 0 || values[1] < 1 || values[1] > 12) {
        return -1;
    }
    /* days since 1970: years begin in March here, so that the leap day is the last */
    int64_t year = values[1] > 2 ? values[0] : values[0] - 1;
    int64_t month = values[1] > 2 ? values[1] - 3 : values[1] + 9;
    int64_t days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
                   values[2] - 1 - 719468;
    return days * 86400 + values[3] * 3600 + values[4] * 60 + values[5];
}

/* The value of "Name=value" in what stands behind the algorithm, commas between; "" where none. */
static void sigv4_part(const char *text, const char *name, char *out, size_t size)
{
    size_t name_length = strlen(name);
    out[0] = '\0';
    while (*text != '\0') {
        text += strspn(text, " ,");
        size_t length = strcspn(text, ", ");
        if (length > name_length + 1 && strncmp(text, name, name_length) == 0 &&
            text[name_length] == '=' && length - name_length - 1 < size) {
            memcpy(out, text + name_length + 1, length - name_length - 1);
            out[length - name_length - 1] = '\0';
        }
        text += length;
    }
}

static int sigv4_signs(const char *signed_fields, const char *name)
{
    for (const char *at = signed_fields; *at != '\0';) {
        size_t length = strcspn(at, ";");
        if (tdm_equal_nocase_n(at, length, name)) {
            return 1;
        }
        at += length + (at[length] == ';');
    }
    return 0;
}

/* Host and all of x-amz- must be signed; the names are sorted, in lower case. NULL: all is well. */
static const char *sigv4_fields_wrong(const struct tdm_served_request *request,
                                      const char *signed_fields)
{
    const char *before = "";
    for (const char *at = signed_fields; *at != '\0';) {
        size_t length = strcspn(at, ";");
        size_t shorter = strcspn(before, ";") < length ? strcspn(before, ";") : length;
        int order = strncmp(before, at, shorter);
        if (order > 0 || (order == 0 && strcspn(before, ";") >= length)) {
            return "the names in SignedHeaders are not sorted";
        }
        for (size_t i = 0; i < length; i++) {
            if (at[i] >= 'A' && at[i] <= 'Z') {
                return "the names in SignedHeaders are not in lower case";
            }
        }
        before = at;
        at += length + (at[length] == ';');
    }
    if (!sigv4_signs(signed_fields, "host")) {
        return "'Host' must be a 'SignedHeader' in the AWS Authorization";
    }
    for (size_t i = 0; i < request->field_count; i++) {
        const char *name = request->fields[i].name;
        if (tdm_starts_nocase(name, strlen(name), "x-amz-") && !sigv4_signs(signed_fields, name)) {
            return "an X-Amz- header is not signed";
        }
    }
    return NULL;
}

/* "ID/20150830/us-east-1/ses/aws4_request": takes it apart. NULL: all is well. */
static const char *sigv4_credential_wrong(const char *credential, const char *date,
                                          struct tdm_api_signature *signature, const char **scope)
{
    const char *slash = strchr(credential, '/');
    size_t id = slash != NULL ? (size_t)(slash - credential) : 0;
    if (id == 0 || id >= sizeof(signature->given)) {
        return "Credential must be ID/DATE/REGION/SERVICE/aws4_request";
    }
    memcpy(signature->given, credential, id);
    signature->given[id] = '\0';
    *scope = slash + 1;
    if (strncmp(*scope, date, 8) != 0 || (*scope)[8] != '/') {
        return "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
               "from HTTP";
    }
    const char *region = *scope + 9;
    size_t length = strcspn(region, "/");
    if (length == 0 || length >= sizeof(signature->region)) {
        return "Credential should be scoped to a valid region.";
    }
    memcpy(signature->region, region, length);
    signature->region[length] = '\0';
    const char *service = region + length;
    size_t service_length = strlen(signature->service);
    if (*service != '/' || strncmp(service + 1, signature->service, service_length) != 0 ||
        strcmp(service + 1 + service_length, "/aws4_request") != 0) {
        return "Credential should be scoped to correct service.";
    }
    return NULL;
}

/* x-amz-content-sha256 is optional; where it is there it must be true. */
static int sigv4_body_differs(const struct tdm_served_request *request)
{
    const char *said = tdm_served_field(request, "X-Amz-Content-Sha256");
    char hex[65];
    return said != NULL &&
           (sigv4_digest(tdm_buf_text(&request->body), request->body.length, hex) != 0 ||
            strcmp(said, hex) != 0);
}

enum tdm_api_sigv4 tdm_api_sigv4_check(const struct tdm_served_request *request, int64_t now_s,
                                       struct tdm_api_signature *signature)
{
    const char *authorization = tdm_served_field(request, "Authorization");
    const char *date = tdm_served_field(request, "X-Amz-Date");
    char credential[SCOPE_MAX + 130];
    char signed_fields[1024];
    char given[129];
    char made[65];
    const char *scope = NULL;
    signature->why = "";
    if (authorization == NULL || strncmp(authorization, ALGORITHM " ", 17) != 0) {
        return TDM_API_UNSIGNED;
    }
    sigv4_part(authorization + 17, "Credential", credential, sizeof(credential));
    sigv4_part(authorization + 17, "SignedHeaders", signed_fields, sizeof(signed_fields));
    sigv4_part(authorization + 17, "Signature", given, sizeof(given));
    if (credential[0] == '\0' || signed_fields[0] == '\0' || strlen(given) != 64) {
        signature->why = "Authorization header requires 'Credential', 'SignedHeaders' and "
                         "'Signature' parameters.";
        return TDM_API_INCOMPLETE;
    }
    int64_t then = date != NULL ? sigv4_time(date) : -1;
    if (then < 0) {
        signature->why = "X-Amz-Date must be in the form YYYYMMDD'T'HHMMSS'Z'";
        return TDM_API_INCOMPLETE;
    }
    signature->why = sigv4_fields_wrong(request, signed_fields);
    if (signature->why == NULL) {
        signature->why = sigv4_credential_wrong(credential, date, signature, &scope);
    }
    if (signature->why != NULL) {
        return TDM_API_INCOMPLETE;
    }
    signature->why = "";
    if (then < now_s - SKEW_S || then > now_s + SKEW_S) {
        return TDM_API_SKEWED;
    }
    if (signature->id != NULL && strcmp(signature->id, signature->given) != 0) {
        return TDM_API_UNKNOWN_ID;
    }
    if (sigv4_body_differs(request)) {
        return TDM_API_OTHER_SIGNATURE;
    }
    if (signature->secret == NULL) {
        return TDM_API_SIGNED;
    }
    return tdm_api_sigv4_sign(request, signed_fields, date, scope, signature->secret, made) == 0 &&
                   CRYPTO_memcmp(made, given, 64) == 0
               ? TDM_API_SIGNED
               : TDM_API_OTHER_SIGNATURE;
}
