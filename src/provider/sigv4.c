/* sigv4.c: see sigv4.h. Fields and query parameters are sorted by looking for the next one each time:
 * there are a handful, and nothing needs memory for it. */
#include "provider/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "util/base64.h"
#include "util/date.h"
#include "util/str.h"

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_END "aws4_request"
#define SIGV4_TEXT_MAX ((size_t)1024 * 1024)
#define SIGV4_DAY 8 /* "20150830" of the date */

static const char sigv4_digits[] = "0123456789abcdef";

static int sigv4_hmac(const void *key, size_t length, const char *text,
                      unsigned char out[TDM_SIGV4_KEY_SIZE])
{
    unsigned int size = 0;
    return HMAC(EVP_sha256(), key, (int)length, (const unsigned char *)text, strlen(text), out,
                &size) != NULL
               ? 0
               : -1;
}

static void sigv4_add_hex(struct tdm_buf *out, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        tdm_buf_add_char(out, sigv4_digits[bytes[i] >> 4]);
        tdm_buf_add_char(out, sigv4_digits[bytes[i] & 15]);
    }
}

static int sigv4_add_hash(struct tdm_buf *out, const void *bytes, size_t length)
{
    unsigned char digest[TDM_SIGV4_KEY_SIZE];
    if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1) {
        return -1;
    }
    sigv4_add_hex(out, digest, sizeof(digest));
    return 0;
}

static int sigv4_is_hex(char c)
{
    char lower = tdm_lower(c);
    return tdm_is_digit(c) || (lower >= 'a' && lower <= 'f');
}

/* Escapes all but unreserved characters (RFC 3986 2.3) and `keep`. */
static void sigv4_add_escaped(struct tdm_buf *out, const char *text, size_t length,
                              const char *keep)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (tdm_is_alnum(text[i]) || (c != '\0' && strchr("-._~", c) != NULL) ||
            (c != '\0' && strchr(keep, c) != NULL)) {
            tdm_buf_add_char(out, text[i]);
        } else {
            tdm_buf_add_char(out, '%');
            tdm_buf_add_char(out, hex[c >> 4]);
            tdm_buf_add_char(out, hex[c & 15]);
        }
    }
}

/* Takes the last segment away, with its slash. */
static void sigv4_drop_segment(struct tdm_buf *out)
{
    while (out->length > 0 && out->data[--out->length] != '/') {
    }
}

/* Without ".", ".." and empty segments (RFC 3986 5.2.4; the empty ones are AWS's own rule). */
static void sigv4_add_path(struct tdm_buf *out, const char *path, int keep)
{
    size_t start = out->length;
    if (keep) {
        sigv4_add_escaped(out, path, strlen(path), "/");
        return;
    }
    for (const char *at = path; *at != '\0';) {
        size_t length = strcspn(at, "/");
        if (length == 2 && strncmp(at, "..", 2) == 0) {
            if (out->length > start) {
                sigv4_drop_segment(out);
            }
        } else if (length > 0 && !(length == 1 && *at == '.')) {
            tdm_buf_add_char(out, '/');
            sigv4_add_escaped(out, at, length, "");
        }
        at += length + (at[length] == '/');
    }
    size_t length = strlen(path);
    if (out->length == start || (length > 0 && path[length - 1] == '/')) {
        tdm_buf_add_char(out, '/');
    }
}

/* One parameter of an escaped query. */
struct sigv4_parameter {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

static struct sigv4_parameter sigv4_read_parameter(const char *at)
{
    struct sigv4_parameter parameter;
    size_t length = strcspn(at, "&");
    const char *equals = memchr(at, '=', length);
    parameter.name = at;
    parameter.name_length = equals != NULL ? (size_t)(equals - at) : length;
    parameter.value = equals != NULL ? equals + 1 : at + length;
    parameter.value_length = length - (size_t)(parameter.value - at);
    return parameter;
}

static int sigv4_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* By name, then by value, then by place. */
static int sigv4_is_before(const struct sigv4_parameter *a, const struct sigv4_parameter *b)
{
    int order = sigv4_compare(a->name, a->name_length, b->name, b->name_length);
    if (order == 0) {
        order = sigv4_compare(a->value, a->value_length, b->value, b->value_length);
    }
    return order != 0 ? order < 0 : a->name < b->name;
}

/* The query with everything escaped that has to be; what is escaped already stays. */
static void sigv4_escape_query(struct tdm_buf *out, const char *query)
{
    for (const char *at = query; *at != '\0'; at++) {
        int escaped = at[0] == '%' && sigv4_is_hex(at[1]) && sigv4_is_hex(at[2]);
        sigv4_add_escaped(out, at, 1, escaped ? "%" : "&=");
    }
}

static int sigv4_add_query(struct tdm_buf *out, const char *query)
{
    struct tdm_buf escaped;
    struct sigv4_parameter last = {NULL, 0, NULL, 0};
    tdm_buf_init(&escaped, &out->allocator, SIGV4_TEXT_MAX);
    sigv4_escape_query(&escaped, query);
    const char *text = tdm_buf_text(&escaped);
    for (const char *mark = "";; mark = "&") {
        struct sigv4_parameter next = {NULL, 0, NULL, 0};
        for (const char *at = text; *at != '\0'; at += strcspn(at, "&"), at += *at == '&') {
            struct sigv4_parameter one = sigv4_read_parameter(at);
            if (*at != '&' && (last.name == NULL || sigv4_is_before(&last, &one)) &&
                (next.name == NULL || sigv4_is_before(&one, &next))) {
                next = one;
            }
        }
        if (next.name == NULL) {
            break;
        }
        tdm_buf_addf(out, "%s%.*s=", mark, (int)next.name_length, next.name);
        sigv4_add_escaped(out, next.value, next.value_length, "%"); /* a second = is part of it */
        last = next;
    }
    int failed = escaped.failed;
    tdm_buf_clear(&escaped);
    return failed ? -1 : 0;
}

/* What is signed: the caller's fields, then the two that are made here. */
struct sigv4_signed {
    const struct tdm_sigv4_request *request;
    struct tdm_sigv4_field own[2];
    size_t own_count;
};

static const struct tdm_sigv4_field *sigv4_field_at(const struct sigv4_signed *set, size_t index)
{
    const struct tdm_sigv4_request *request = set->request;
    return index < request->field_count ? &request->fields[index]
                                        : &set->own[index - request->field_count];
}

/* As strcmp, of lower-case names. */
static int sigv4_compare_names(const char *a, const char *b)
{
    while (*a != '\0' && tdm_lower(*a) == tdm_lower(*b)) {
        a++;
        b++;
    }
    return (unsigned char)tdm_lower(*a) - (unsigned char)tdm_lower(*b);
}

/* The first field of the name that comes behind `last` (NULL: of the first name); NULL: it was the
 * last one. */
static const char *sigv4_next_name(const struct sigv4_signed *set, const char *last)
{
    const char *next = NULL;
    for (size_t i = 0; i < set->request->field_count + set->own_count; i++) {
        const char *name = sigv4_field_at(set, i)->name;
        if ((last == NULL || sigv4_compare_names(last, name) < 0) &&
            (next == NULL || sigv4_compare_names(name, next) < 0)) {
            next = name;
        }
    }
    return next;
}

static void sigv4_add_lower(struct tdm_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        tdm_buf_add_char(out, tdm_lower(*text));
    }
}

/* A value without blanks at its ends, each run of blanks inside as one. */
static void sigv4_add_value(struct tdm_buf *out, const char *value)
{
    const char *gap = "";
    while (*value != '\0') {
        value += strspn(value, " \t\r\n");
        size_t length = strcspn(value, " \t\r\n");
        if (length > 0) {
            tdm_buf_add_str(out, gap);
            tdm_buf_add(out, value, length);
            gap = " ";
        }
        value += length;
    }
}

static void sigv4_add_fields(struct tdm_buf *out, const struct sigv4_signed *set)
{
    for (const char *name = sigv4_next_name(set, NULL); name != NULL;
         name = sigv4_next_name(set, name)) {
        const char *mark = ":";
        sigv4_add_lower(out, name);
        for (size_t i = 0; i < set->request->field_count + set->own_count; i++) {
            const struct tdm_sigv4_field *field = sigv4_field_at(set, i);
            if (sigv4_compare_names(field->name, name) == 0) {
                tdm_buf_add_str(out, mark);
                sigv4_add_value(out, field->value);
                mark = ",";
            }
        }
        tdm_buf_add_char(out, '\n');
    }
}

static void sigv4_add_names(struct tdm_buf *out, const struct sigv4_signed *set)
{
    const char *mark = "";
    for (const char *name = sigv4_next_name(set, NULL); name != NULL;
         name = sigv4_next_name(set, name)) {
        tdm_buf_add_str(out, mark);
        sigv4_add_lower(out, name);
        mark = ";";
    }
}

static int sigv4_add_canonical(struct tdm_buf *out, const struct sigv4_signed *set)
{
    const struct tdm_sigv4_request *request = set->request;
    tdm_buf_addf(out, "%s\n", request->method);
    sigv4_add_path(out, request->path, request->keep_path);
    tdm_buf_add_char(out, '\n');
    if (request->query != NULL && sigv4_add_query(out, request->query) != 0) {
        return -1;
    }
    tdm_buf_add_char(out, '\n');
    sigv4_add_fields(out, set);
    tdm_buf_add_char(out, '\n');
    sigv4_add_names(out, set);
    tdm_buf_add_char(out, '\n');
    return sigv4_add_hash(out, request->payload != NULL ? request->payload : "",
                          request->payload_length);
}

/* 20150830/us-east-1/ses/aws4_request */
static void sigv4_add_scope(struct tdm_buf *out, const struct tdm_sigv4_request *request,
                            const char *date)
{
    tdm_buf_addf(out, "%.*s/%s/%s/" SIGV4_END, SIGV4_DAY, date, request->region, request->service);
}

int tdm_sigv4_key(const char *secret, const char *day, const char *region, const char *service,
                  unsigned char key[TDM_SIGV4_KEY_SIZE])
{
    static const char prefix[] = "AWS4";
    unsigned char first[512];
    size_t length = strlen(secret);
    if (length > sizeof(first) - 4) {
        return -1; /* AWS has 40 characters */
    }
    memcpy(first, prefix, 4);
    memcpy(first + 4, secret, length);
    int failed = sigv4_hmac(first, length + 4, day, key);
    failed = failed != 0 ? failed : sigv4_hmac(key, TDM_SIGV4_KEY_SIZE, region, key);
    failed = failed != 0 ? failed : sigv4_hmac(key, TDM_SIGV4_KEY_SIZE, service, key);
    failed = failed != 0 ? failed : sigv4_hmac(key, TDM_SIGV4_KEY_SIZE, SIGV4_END, key);
    tdm_wipe(first, sizeof(first));
    return failed;
}

static int sigv4_add_authorization(struct tdm_sigv4 *signature, const struct sigv4_signed *set)
{
    const struct tdm_sigv4_request *request = set->request;
    struct tdm_buf *out = &signature->authorization;
    unsigned char key[TDM_SIGV4_KEY_SIZE];
    unsigned char mac[TDM_SIGV4_KEY_SIZE];
    char day[SIGV4_DAY + 1] = "";
    memcpy(day, signature->date, SIGV4_DAY);
    int failed = tdm_sigv4_key(request->secret, day, request->region, request->service, key);
    failed =
        failed != 0 ? failed : sigv4_hmac(key, sizeof(key), tdm_buf_text(&signature->to_sign), mac);
    tdm_wipe(key, sizeof(key));
    if (failed != 0) {
        return -1;
    }
    tdm_buf_addf(out, SIGV4_ALGORITHM " Credential=%s/", request->key_id);
    sigv4_add_scope(out, request, signature->date);
    tdm_buf_add_str(out, ", SignedHeaders=");
    sigv4_add_names(out, set);
    tdm_buf_add_str(out, ", Signature=");
    sigv4_add_hex(out, mac, sizeof(mac));
    return out->failed ? -1 : 0;
}

/* 2015-08-30T12:36:00Z without its marks. */
static void sigv4_write_date(int64_t now_s, char *out)
{
    char iso[TDM_DATE_MAX];
    tdm_date_format_iso(now_s, iso);
    for (const char *at = iso; *at != '\0'; at++) {
        if (*at != '-' && *at != ':') {
            *out++ = *at;
        }
    }
    *out = '\0';
}

int tdm_sigv4_sign(const struct tdm_sigv4_request *request, const tidymail_allocator *allocator,
                   struct tdm_sigv4 *signature)
{
    struct sigv4_signed set = {
        request, {{"X-Amz-Date", signature->date}, {"X-Amz-Security-Token", NULL}}, 1};
    sigv4_write_date(request->now_s, signature->date);
    tdm_buf_init(&signature->canonical, allocator, SIGV4_TEXT_MAX);
    tdm_buf_init(&signature->to_sign, allocator, SIGV4_TEXT_MAX);
    tdm_buf_init(&signature->authorization, allocator, SIGV4_TEXT_MAX);
    if (request->session_token != NULL) {
        set.own[set.own_count++].value = request->session_token;
    }
    if (sigv4_add_canonical(&signature->canonical, &set) != 0 || signature->canonical.failed) {
        return -1;
    }
    tdm_buf_addf(&signature->to_sign, SIGV4_ALGORITHM "\n%s\n", signature->date);
    sigv4_add_scope(&signature->to_sign, request, signature->date);
    tdm_buf_add_char(&signature->to_sign, '\n');
    if (sigv4_add_hash(&signature->to_sign, tdm_buf_text(&signature->canonical),
                       signature->canonical.length) != 0 ||
        signature->to_sign.failed) {
        return -1;
    }
    return sigv4_add_authorization(signature, &set);
}

void tdm_sigv4_clear(struct tdm_sigv4 *signature)
{
    tdm_buf_wipe(&signature->canonical); /* the token is in it */
    tdm_buf_wipe(&signature->to_sign);
    tdm_buf_wipe(&signature->authorization);
}

int tdm_ses_smtp_password(const char *secret, const char *region,
                          char password[TDM_SES_PASSWORD_MAX])
{
    /* a fixed day, and the version of the scheme in front; those are the words of AWS's page */
    unsigned char bytes[1 + TDM_SIGV4_KEY_SIZE] = {0x04};
    unsigned char key[TDM_SIGV4_KEY_SIZE];
    int failed = tdm_sigv4_key(secret, "11111111", region, "ses", key);
    failed = failed != 0 ? failed : sigv4_hmac(key, sizeof(key), "SendRawEmail", bytes + 1);
    tdm_wipe(key, sizeof(key));
    if (failed == 0) {
        password[tdm_base64_write(password, bytes, sizeof(bytes))] = '\0';
    }
    tdm_wipe(bytes, sizeof(bytes));
    return failed;
}
