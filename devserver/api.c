/* api.c: what all doubles share (api.h): which service a request is for, credentials, ids, answers,
 * fault rules, and what was answered to an idempotency key. */
#include "api.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "util/base64.h"
#include "util/date.h"
#include "util/str.h"

#define ANSWER_LIMIT ((size_t)4 << 20)
#define KEPT_LIMIT 1000 /* answers to idempotency keys */
#define DIGEST_SIZE 32
#define RESET_S 60

struct api_kept {
    const struct tdm_double *service;
    char *key;
    unsigned char digest[DIGEST_SIZE]; /* of the request's body */
    int status;
    char *fields;
    char *body;
};

struct tdm_api {
    char *user;
    char *key;
    struct tdm_inbox *inbox;
    struct tdm_api_faults faults;
    struct api_kept *kept;
    size_t kept_count;
    int64_t serial;
};

static const tidymail_allocator *const memory = &tdm_allocator_default;

static const struct tdm_double *const doubles[] = {
    &tdm_double_mailgun,  &tdm_double_sendgrid,   &tdm_double_ses,   &tdm_double_postmark,
    &tdm_double_resend,   &tdm_double_sparkpost,  &tdm_double_brevo, &tdm_double_mailjet,
    &tdm_double_mandrill, &tdm_double_mailersend, &tdm_double_gmail, &tdm_double_graph,
};

const struct tdm_double *tdm_double_at(size_t index)
{
    return index < sizeof(doubles) / sizeof(doubles[0]) ? doubles[index] : NULL;
}

const struct tdm_double *tdm_double_find(const char *scheme, size_t length)
{
    for (size_t i = 0; tdm_double_at(i) != NULL; i++) {
        if (tdm_equal_nocase_n(scheme, length, doubles[i]->scheme)) {
            return doubles[i];
        }
    }
    return NULL;
}

static void api_free_secret(char *text)
{
    if (text != NULL) {
        tdm_wipe(text, strlen(text));
    }
    tdm_free(memory, text);
}

struct tdm_api *tdm_api_new(const struct tdm_api_options *options, struct tdm_buf *error)
{
    struct tdm_api *api = tdm_alloc_array(memory, 1, sizeof(*api));
    if (api == NULL) {
        tdm_buf_add_str(error, "out of memory");
        return NULL;
    }
    api->inbox = options->inbox;
    api->user = tdm_strdup(memory, options->user);
    api->key = tdm_strdup(memory, options->key);
    int failed =
        (options->user != NULL && api->user == NULL) || (options->key != NULL && api->key == NULL);
    if (failed) {
        tdm_buf_add_str(error, "out of memory");
    } else if (options->faults != NULL) {
        failed = tdm_api_faults_parse(&api->faults, options->faults, error) != 0;
    }
    if (failed) {
        tdm_api_free(api);
        return NULL;
    }
    return api;
}

void tdm_api_free(struct tdm_api *api)
{
    if (api == NULL) {
        return;
    }
    for (size_t i = 0; i < api->kept_count; i++) {
        tdm_free(memory, api->kept[i].key);
        tdm_free(memory, api->kept[i].fields);
        tdm_free(memory, api->kept[i].body);
    }
    tdm_free(memory, api->kept);
    tdm_api_faults_clear(&api->faults);
    api_free_secret(api->user);
    api_free_secret(api->key);
    tdm_free(memory, api);
}

int tdm_api_inbox_add(struct tdm_api *api, const struct tdm_inbox_message *message,
                      struct tdm_buf *path, struct tdm_buf *error)
{
    return api->inbox != NULL ? tdm_inbox_add(api->inbox, message, path, error) : 0;
}

/* Percent-encoding (RFC 3986 2.1) of all but unreserved characters and those of `also`. */
static void api_escape(struct tdm_buf *out, const char *text, const char *also)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (tdm_is_alnum(*text) || strchr("-._~", *text) != NULL || strchr(also, *text) != NULL) {
            tdm_buf_add_char(out, *text);
        } else {
            tdm_buf_addf(out, "%%%c%c", digits[byte >> 4], digits[byte & 15]);
        }
    }
}

void tdm_api_add_url(const struct tdm_api *api, const struct tdm_double *service,
                     const char *origin, const char *ca, struct tdm_buf *url)
{
    const char *at = service->url;
    while (*at != '\0') {
        if (strncmp(at, "{user}", 6) == 0) {
            api_escape(url, api->user != NULL ? api->user : service->default_user, "");
            at += 6;
        } else if (strncmp(at, "{key}", 5) == 0) {
            api_escape(url, api->key != NULL ? api->key : "key", "");
            at += 5;
        } else if (strncmp(at, "{end}", 5) == 0) {
            tdm_buf_add_str(url, "?endpoint=");
            api_escape(url, origin, ":/[]");
            if (ca != NULL) {
                tdm_buf_add_str(url, "&ca=");
                api_escape(url, ca, "/");
            }
            at += 5;
        } else {
            tdm_buf_add_char(url, *at++);
        }
    }
}

/* The answer. */

static void api_add_type(struct tdm_api_call *call, const char *body)
{
    const char *fields = tdm_buf_text(&call->fields);
    while (*fields != '\0') {
        size_t line = strcspn(fields, "\n");
        if (tdm_starts_nocase(fields, line, "Content-Type:")) {
            return;
        }
        fields += line + (fields[line] != '\0');
    }
    int json = body[0] == '{' || body[0] == '[';
    tdm_buf_addf(&call->fields, "Content-Type: %s\r\n",
                 json ? "application/json" : "text/plain; charset=utf-8");
}

void tdm_api_answer(struct tdm_api_call *call, int status, const char *fields, const char *body)
{
    call->status = status;
    tdm_buf_reset(&call->fields);
    tdm_buf_reset(&call->body);
    tdm_buf_add_str(&call->fields, fields);
    tdm_buf_add_str(&call->body, body);
    if (body[0] != '\0') {
        api_add_type(call, body);
    }
}

const char *tdm_api_textf(struct tdm_api_call *call, const char *format, ...)
{
    va_list args;
    tdm_buf_reset(&call->scratch);
    va_start(args, format);
    tdm_buf_vaddf(&call->scratch, format, args);
    va_end(args);
    return tdm_buf_text(&call->scratch);
}

void tdm_api_quote(struct tdm_buf *out, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    tdm_buf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20) {
            tdm_buf_addf(out, "\\u00%c%c", digits[byte >> 4], digits[byte & 15]);
        } else if (*text == '"' || *text == '\\') {
            tdm_buf_addf(out, "\\%c", *text);
        } else {
            tdm_buf_add_char(out, *text);
        }
    }
    tdm_buf_add_char(out, '"');
}

int tdm_api_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                   const char *format, ...)
{
    struct tdm_buf words;
    va_list args;
    tdm_buf_init(&words, NULL, 4096);
    va_start(args, format);
    tdm_buf_vaddf(&words, format, args);
    va_end(args);
    call->service->refuse(call, why, field, tdm_buf_text(&words));
    tdm_buf_clear(&words);
    return -1;
}

int tdm_api_is_post(struct tdm_api_call *call)
{
    return strcmp(call->request->method, "POST") == 0
               ? 0
               : tdm_api_refuse(call, TDM_API_METHOD, "", "the method must be POST");
}

/* Credentials. */

static int api_same(const char *a, const char *b)
{
    size_t length = strlen(a);
    return length == strlen(b) && CRYPTO_memcmp(a, b, length) == 0;
}

const char *tdm_api_bearer(const struct tdm_api_call *call)
{
    const char *value = tdm_served_field(call->request, "Authorization");
    if (value == NULL || !tdm_starts_nocase(value, strlen(value), "Bearer ")) {
        return NULL;
    }
    value += 7;
    value += strspn(value, " ");
    return *value != '\0' ? value : NULL;
}

enum tdm_api_login tdm_api_check_key(struct tdm_api_call *call, const char *key)
{
    if (key == NULL || key[0] == '\0') {
        return TDM_API_NO_KEY;
    }
    return call->key == NULL || api_same(call->key, key) ? TDM_API_ACCEPTED : TDM_API_WRONG_KEY;
}

static enum tdm_api_login api_check_pair(struct tdm_api_call *call, const char *user, char *pair)
{
    char *colon = strchr(pair, ':');
    if (colon == NULL) {
        return TDM_API_NO_KEY;
    }
    *colon = '\0';
    const char *wanted = user != NULL ? user : call->user;
    enum tdm_api_login login = tdm_api_check_key(call, colon + 1);
    if (login == TDM_API_ACCEPTED && wanted != NULL && !api_same(wanted, pair)) {
        login = TDM_API_WRONG_KEY;
    }
    if (login == TDM_API_ACCEPTED) {
        tdm_free(memory, call->who);
        call->who = tdm_strdup(memory, pair);
    }
    return login;
}

enum tdm_api_login tdm_api_check_basic(struct tdm_api_call *call, const char *user)
{
    const char *value = tdm_served_field(call->request, "Authorization");
    struct tdm_buf pair;
    enum tdm_api_login login = TDM_API_NO_KEY;
    if (value == NULL || !tdm_starts_nocase(value, strlen(value), "Basic ")) {
        return login;
    }
    value += 6;
    value += strspn(value, " ");
    tdm_buf_init(&pair, NULL, 65536);
    if (tdm_base64_decode(&pair, value, strlen(value)) == 0 && pair.length > 0 &&
        memchr(pair.data, '\0', pair.length) == NULL) {
        login = api_check_pair(call, user, pair.data);
    }
    tdm_buf_wipe(&pair);
    return login;
}

/* Ids. */

void tdm_api_hex(char *out, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char byte = 0;
    for (size_t i = 0; i < count; i++) {
        if (RAND_bytes(&byte, 1) != 1) {
            byte++;
        }
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[2 * count] = '\0';
}

void tdm_api_uuid(char uuid[TDM_API_UUID_SIZE])
{
    static const int groups[] = {8, 4, 4, 4, 12};
    char hex[33];
    const char *from = hex;
    tdm_api_hex(hex, 16);
    hex[12] = '4';                 /* version */
    hex[16] = "89ab"[hex[16] & 3]; /* variant */
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        memcpy(uuid, from, (size_t)groups[i]);
        uuid += groups[i];
        from += groups[i];
        *uuid++ = '-';
    }
    uuid[-1] = '\0';
}

/* The civil calendar from the count of days, in years that begin in March, as then the leap day is the
 * last of its year; 400 years are 146,097 days. */
void tdm_api_time(int64_t seconds, char time[TDM_API_TIME_SIZE])
{
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    int64_t shifted = days + 719468; /* since the first of March of the year 0 */
    int64_t era = shifted / 146097;
    int64_t day = shifted % 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t of_year = day - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    const int64_t values[] = {era * 400 + year + (month >= 10),
                              month < 10 ? month + 3 : month - 9,
                              of_year - (153 * month + 2) / 5 + 1,
                              rest / 3600,
                              rest / 60 % 60,
                              rest % 60};
    char *at = time;
    for (size_t i = 0; i < 6; i++) {
        if (i == 0) {
            *at++ = (char)('0' + values[0] / 1000 % 10);
            *at++ = (char)('0' + values[0] / 100 % 10);
        }
        *at++ = (char)('0' + values[i] / 10 % 10);
        *at++ = (char)('0' + values[i] % 10);
        *at++ = "--T::Z"[i];
    }
    *at = '\0';
}

int64_t tdm_api_serial(struct tdm_api_call *call)
{
    return ++call->api->serial;
}

/* Idempotency. */

static void api_digest(const struct tdm_api_call *call, unsigned char digest[DIGEST_SIZE])
{
    const struct tdm_buf *body = &call->request->body;
    memset(digest, 0, DIGEST_SIZE);
    EVP_Digest(tdm_buf_text(body), body->length, digest, NULL, EVP_sha256(), NULL);
}

int tdm_api_idempotency(struct tdm_api_call *call, const char *key)
{
    const struct tdm_api *api = call->api;
    unsigned char digest[DIGEST_SIZE];
    api_digest(call, digest);
    for (size_t i = 0; i < api->kept_count; i++) {
        const struct api_kept *kept = &api->kept[i];
        if (kept->service != call->service || strcmp(kept->key, key) != 0) {
            continue;
        }
        if (memcmp(kept->digest, digest, DIGEST_SIZE) != 0) {
            return -1;
        }
        tdm_api_answer(call, kept->status, kept->fields, kept->body);
        return 1;
    }
    tdm_free(memory, call->idempotency_key);
    call->idempotency_key = tdm_strdup(memory, key);
    return 0;
}

/* A success that came with a key is the answer to the next one too. */
static void api_keep_answer(struct tdm_api_call *call)
{
    struct tdm_api *api = call->api;
    if (call->idempotency_key == NULL || call->status / 100 != 2 || api->kept_count >= KEPT_LIMIT) {
        return;
    }
    struct api_kept *grown =
        tdm_resize_array(memory, api->kept, api->kept_count + 1, sizeof(*grown));
    if (grown == NULL) {
        return;
    }
    api->kept = grown;
    struct api_kept *kept = &grown[api->kept_count];
    kept->service = call->service;
    kept->status = call->status;
    api_digest(call, kept->digest);
    kept->fields = tdm_strdup(memory, tdm_buf_text(&call->fields));
    kept->body = tdm_strdup(memory, tdm_buf_text(&call->body));
    kept->key = call->idempotency_key;
    call->idempotency_key = NULL;
    api->kept_count++;
    if (kept->fields == NULL || kept->body == NULL) {
        api->kept_count--;
        tdm_free(memory, kept->fields);
        tdm_free(memory, kept->body);
        tdm_free(memory, kept->key);
    }
}

/* Faults. */

static void api_expand(struct tdm_buf *out, const char *text, int64_t now_s)
{
    while (*text != '\0') {
        if (strncmp(text, "{reset}", 7) == 0) {
            tdm_buf_add_number(out, now_s + RESET_S);
            text += 7;
        } else if (strncmp(text, "{reset-date}", 12) == 0) {
            char date[TDM_API_TIME_SIZE];
            tdm_api_time(now_s + RESET_S, date);
            tdm_buf_add_str(out, date);
            text += 12;
        } else {
            tdm_buf_add_char(out, *text++);
        }
    }
}

static void api_answer_canned(struct tdm_api_call *call, enum tdm_api_fault_kind kind)
{
    const struct tdm_api_canned *row = call->service->canned;
    struct tdm_buf fields;
    struct tdm_buf body;
    while (row->status != 0 && row->kind != kind) {
        row++;
    }
    if (row->status == 0) {
        return;
    }
    tdm_buf_init(&fields, NULL, ANSWER_LIMIT);
    tdm_buf_init(&body, NULL, ANSWER_LIMIT);
    api_expand(&fields, row->fields, call->now_s);
    api_expand(&body, row->body, call->now_s);
    tdm_api_answer(call, row->status, tdm_buf_text(&fields), tdm_buf_text(&body));
    tdm_buf_clear(&fields);
    tdm_buf_clear(&body);
}

static void api_answer_fault(struct tdm_api_call *call, const struct tdm_api_fault *fault)
{
    static const char html[] = "Content-Type: text/html\r\n";
    if (fault->kind == TDM_API_FAULT_GATEWAY) {
        int status = fault->status != 0 ? fault->status : 502;
        const char *words = tdm_http_reason(status);
        tdm_api_answer(call, status, html,
                       tdm_api_textf(call,
                                     "<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n"
                                     "<center><h1>%d %s</h1></center>\r\n</body>\r\n</html>\r\n",
                                     status, words, status, words));
    } else if (fault->kind == TDM_API_FAULT_GARBAGE) {
        tdm_api_answer(call, 200, html, "<!DOCTYPE html><html><body>It works!</body></html>\n");
    } else if (fault->kind == TDM_API_FAULT_REDIRECT) {
        tdm_api_answer(call, 302, "Location: https://elsewhere.example/login\r\n", "");
    } else if (fault->kind == TDM_API_FAULT_EMPTY) {
        tdm_api_answer(call, fault->status, "", "");
    } else {
        api_answer_canned(call, fault->kind);
    }
}

/* Kinds of which the request is taken as any other; what differs comes behind it. */
static int api_is_served(const struct tdm_api_call *call, const struct tdm_api_fault *fault)
{
    if (fault == NULL) {
        return 1;
    }
    return (fault->kind == TDM_API_FAULT_UNVERIFIED_SENDER && call->service->unverified) ||
           fault->kind == TDM_API_FAULT_PARTIAL || fault->kind == TDM_API_FAULT_HANG ||
           fault->kind == TDM_API_FAULT_CUT ||
           (fault->kind == TDM_API_FAULT_EMPTY && fault->status == 0);
}

/* The whole. */

static const struct tdm_double *api_claimed(const struct tdm_served_request *request)
{
    for (size_t i = 0; tdm_double_at(i) != NULL; i++) {
        if (doubles[i]->claims(request)) {
            return doubles[i];
        }
    }
    return NULL;
}

static void api_answer_nobody(struct tdm_api_call *call)
{
    struct tdm_buf words;
    tdm_buf_init(&words, NULL, 8192);
    tdm_buf_add_str(&words, "no service has this path; there are doubles of");
    for (size_t i = 0; tdm_double_at(i) != NULL; i++) {
        tdm_buf_addf(&words, " %s", doubles[i]->scheme);
    }
    tdm_buf_add_char(&words, '\n');
    tdm_api_answer(call, 404, "", tdm_buf_text(&words));
    tdm_buf_clear(&words);
}

static void api_serve(struct tdm_api_call *call, const struct tdm_api_fault *fault)
{
    if (call->service == NULL) {
        api_answer_nobody(call);
    } else if (!api_is_served(call, fault)) {
        api_answer_fault(call, fault);
    } else if (call->service->max_request > 0 &&
               call->request->body.length > call->service->max_request) {
        tdm_api_refuse(call, TDM_API_SIZE, "", "the request is larger than %z bytes",
                       call->service->max_request);
    } else {
        call->partial = fault != NULL && fault->kind == TDM_API_FAULT_PARTIAL;
        call->unverified = fault != NULL && fault->kind == TDM_API_FAULT_UNVERIFIED_SENDER;
        call->service->serve(call);
        if (call->status == 0 || call->fields.failed || call->body.failed) {
            tdm_api_answer(call, 500, "", "out of memory\n");
        }
        api_keep_answer(call);
    }
    if (fault != NULL && fault->kind == TDM_API_FAULT_EMPTY) {
        tdm_api_answer(call, call->status, "", "");
    }
}

/* "Tue, 24 Nov 2026 14:25:20 GMT" (RFC 9110 5.6.7) */
static void api_add_date(struct tdm_buf *fields, int64_t now_s)
{
    char date[TDM_DATE_MAX];
    tdm_date_format(now_s, date);
    tdm_buf_addf(fields, "Date: %.*sGMT\r\n", (int)(strlen(date) - 5), date);
}

static enum tdm_api_act api_take_request(struct tdm_api *api, struct tdm_http_session *session,
                                         int encrypted, int64_t now_s, int64_t now_ms)
{
    const struct tdm_api_fault *fault = session->note;
    struct tdm_api_call call;
    enum tdm_api_act act = TDM_API_MOVED;
    memset(&call, 0, sizeof(call));
    call.api = api;
    call.request = &session->request;
    call.service = api_claimed(call.request);
    call.now_s = now_s;
    call.encrypted = encrypted;
    call.user = api->user;
    call.key = api->key;
    tdm_buf_init(&call.fields, NULL, ANSWER_LIMIT);
    tdm_buf_init(&call.body, NULL, ANSWER_LIMIT);
    tdm_buf_init(&call.scratch, NULL, ANSWER_LIMIT);
    api_serve(&call, fault);
    if (fault != NULL && fault->kind == TDM_API_FAULT_HANG) {
        tdm_http_session_hang(session, now_ms);
    } else if (fault != NULL && fault->kind == TDM_API_FAULT_CUT) {
        tdm_http_session_close(session);
        act = TDM_API_DROP;
    } else {
        api_add_date(&call.fields, now_s);
        tdm_http_session_answer(session, call.status, tdm_buf_text(&call.fields),
                                tdm_buf_text(&call.body), call.body.length, now_ms);
    }
    tdm_free(memory, call.who);
    tdm_free(memory, call.idempotency_key);
    tdm_buf_clear(&call.fields);
    tdm_buf_clear(&call.body);
    tdm_buf_clear(&call.scratch);
    return act;
}

enum tdm_api_act tdm_api_act(struct tdm_api *api, struct tdm_http_session *session, int encrypted,
                             int64_t now_s, int64_t now_ms)
{
    const struct tdm_double *service;
    const struct tdm_api_fault *fault;
    switch (tdm_http_session_next(session)) {
    case TDM_HTTP_NOTHING:
        return TDM_API_IDLE;
    case TDM_HTTP_HEAD:
        service = api_claimed(&session->request);
        fault = service != NULL ? tdm_api_faults_take(&api->faults, service) : NULL;
        session->note = fault;
        if (fault != NULL && fault->kind == TDM_API_FAULT_CUT_EARLY) {
            tdm_http_session_close(session);
            return TDM_API_DROP;
        }
        tdm_http_session_go_on(session, now_ms);
        return TDM_API_MOVED;
    case TDM_HTTP_REQUEST:
        return api_take_request(api, session, encrypted, now_s, now_ms);
    case TDM_HTTP_CLOSE:
        return TDM_API_GOODBYE;
    }
    return TDM_API_IDLE;
}
