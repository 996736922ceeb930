/* http_head.c: the head of a request: request line, fields, how its body is framed (RFC 9112). */
#include <string.h>

#include "http_session.h"
#include "util/str.h"

#define FIELDS_MAX 100
#define CHUNK_DIGITS_MAX 15

static const tidymail_allocator *const memory = &tdm_allocator_default;

static int head_refuse(const char **why, int status, const char *words)
{
    *why = words;
    return status;
}

const char *tdm_http_reason(int status)
{
    static const struct {
        int status;
        const char *words;
    } reasons[] = {{100, "Continue"},
                   {200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {302, "Found"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {402, "Payment Required"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {406, "Not Acceptable"},
                   {408, "Request Timeout"},
                   {409, "Conflict"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {415, "Unsupported Media Type"},
                   {417, "Expectation Failed"},
                   {422, "Unprocessable Content"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {501, "Not Implemented"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"},
                   {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].words;
        }
    }
    return "";
}

/* tchar (RFC 9110 5.6.2) */
static int head_is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!tdm_is_alnum(text[i]) &&
            (text[i] == '\0' || strchr("!#$%&'*+-.^_`|~", text[i]) == NULL)) {
            return 0;
        }
    }
    return length > 0;
}

/* Path and query of a target in origin-form or absolute-form (RFC 9112 3.2). */
static int head_target(struct tdm_served_request *request, const char *target, size_t length,
                       const char **why)
{
    for (size_t i = 0; i < length; i++) {
        if (target[i] <= ' ' || target[i] == 0x7F || target[i] == '#') {
            return head_refuse(why, 400, "the request target holds a byte that must be encoded");
        }
    }
    size_t at = 0;
    if (tdm_starts_nocase(target, length, "http://") ||
        tdm_starts_nocase(target, length, "https://")) {
        const char *authority = (const char *)memchr(target, ':', length) + 3;
        const char *slash = memchr(authority, '/', length - (size_t)(authority - target));
        at = slash != NULL ? (size_t)(slash - target) : length;
    }
    if (at >= length || target[at] != '/') {
        return head_refuse(why, 400, "the request target is no path");
    }
    const char *mark = memchr(target + at, '?', length - at);
    size_t end = mark != NULL ? (size_t)(mark - target) : length;
    request->path = tdm_strndup(memory, target + at, end - at);
    request->query =
        mark != NULL ? tdm_strndup(memory, mark + 1, length - end - 1) : tdm_strdup(memory, "");
    return request->path != NULL && request->query != NULL ? 0
                                                           : head_refuse(why, 500, "out of memory");
}

int tdm_http_head_line(struct tdm_served_request *request, const char *line, size_t length,
                       const char **why)
{
    const char *first = memchr(line, ' ', length);
    size_t method = first != NULL ? (size_t)(first - line) : 0;
    size_t last = length;
    while (last > 0 && line[last - 1] != ' ') {
        last--;
    }
    if (first == NULL || last <= method + 1 || !head_is_token(line, method)) {
        return head_refuse(why, 400, "not a request line: METHOD TARGET HTTP/1.1");
    }
    const char *version = line + last;
    size_t left = length - last;
    if (left != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' ||
        !tdm_is_digit(version[5]) || !tdm_is_digit(version[7])) {
        return head_refuse(why, 400, "not a request line: METHOD TARGET HTTP/1.1");
    }
    if (version[5] != '1') {
        return head_refuse(why, 505, "HTTP/1.1 is spoken here");
    }
    request->minor = version[7] - '0';
    request->method = tdm_strndup(memory, line, method);
    if (request->method == NULL) {
        return head_refuse(why, 500, "out of memory");
    }
    return head_target(request, line + method + 1, last - method - 2, why);
}

int tdm_http_head_field(struct tdm_served_request *request, const char *line, size_t length,
                        const char **why)
{
    if (tdm_is_space(line[0])) {
        return head_refuse(why, 400, "a folded header field (RFC 9112 5.2)");
    }
    const char *colon = memchr(line, ':', length);
    size_t name = colon != NULL ? (size_t)(colon - line) : 0;
    if (!head_is_token(line, name)) {
        return head_refuse(why, 400, "a header line that is no field (RFC 9112 5.1)");
    }
    size_t start = name + 1;
    size_t end = length;
    while (start < end && tdm_is_space(line[start])) {
        start++;
    }
    while (end > start && tdm_is_space(line[end - 1])) {
        end--;
    }
    for (size_t i = start; i < end; i++) {
        if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7F) {
            return head_refuse(why, 400, "a control byte in a header field (RFC 9110 5.5)");
        }
    }
    if (request->field_count >= FIELDS_MAX) {
        return head_refuse(why, 431, "more than 100 header fields");
    }
    struct tdm_served_field *grown =
        tdm_resize_array(memory, request->fields, request->field_count + 1, sizeof(*grown));
    if (grown == NULL) {
        return head_refuse(why, 500, "out of memory");
    }
    request->fields = grown;
    struct tdm_served_field *field = &grown[request->field_count++];
    field->name = tdm_strndup(memory, line, name);
    field->value = tdm_strndup(memory, line + start, end - start);
    return field->name != NULL && field->value != NULL ? 0 : head_refuse(why, 500, "out of memory");
}

const char *tdm_served_field(const struct tdm_served_request *request, const char *name)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (tdm_equal_nocase(request->fields[i].name, name)) {
            return request->fields[i].value;
        }
    }
    return NULL;
}

static size_t head_count(const struct tdm_served_request *request, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->field_count; i++) {
        count += (size_t)tdm_equal_nocase(request->fields[i].name, name);
    }
    return count;
}

/* 1 where a list of tokens (RFC 9110 5.6.1) has `word`. */
static int head_lists(const char *list, const char *word)
{
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ",");
        size_t end = length;
        size_t start = 0;
        while (start < end && tdm_is_space(list[start])) {
            start++;
        }
        while (end > start && tdm_is_space(list[end - 1])) {
            end--;
        }
        if (tdm_equal_nocase_n(list + start, end - start, word)) {
            return 1;
        }
        list += length + (list[length] == ',');
    }
    return 0;
}

static int head_length(struct tdm_http_session *session, const char *text, const char **why)
{
    uint64_t length = 0;
    size_t digits = strlen(text);
    for (size_t i = 0; i < digits && i < CHUNK_DIGITS_MAX; i++) {
        if (!tdm_is_digit(text[i])) {
            return head_refuse(why, 400, "Content-Length is no number");
        }
        length = length * 10 + (uint64_t)(text[i] - '0');
    }
    if (digits == 0) {
        return head_refuse(why, 400, "Content-Length is no number");
    }
    if (digits > CHUNK_DIGITS_MAX || length > session->options.max_body) {
        return head_refuse(why, 413, "the request is too large");
    }
    session->body_left = length;
    return 0;
}

int tdm_http_head_finish(struct tdm_http_session *session, const char **why)
{
    const struct tdm_served_request *request = &session->request;
    const char *coding = tdm_served_field(request, "Transfer-Encoding");
    const char *length = tdm_served_field(request, "Content-Length");
    const char *expect = tdm_served_field(request, "Expect");
    const char *connection = tdm_served_field(request, "Connection");
    size_t hosts = head_count(request, "Host");
    if (hosts > 1 || (hosts == 0 && request->minor > 0)) {
        return head_refuse(why, 400, "one Host field is needed (RFC 9112 3.2)");
    }
    if (coding != NULL && (length != NULL || request->minor == 0)) {
        return head_refuse(why, 400, "Transfer-Encoding with Content-Length or in HTTP/1.0");
    }
    if (head_count(request, "Content-Length") > 1 || head_count(request, "Transfer-Encoding") > 1) {
        return head_refuse(why, 400, "the length of the body is said twice");
    }
    if (coding != NULL && !tdm_equal_nocase(coding, "chunked")) {
        return head_refuse(why, 501, "no transfer coding but chunked is known here");
    }
    if (expect != NULL && !tdm_equal_nocase(expect, "100-continue")) {
        return head_refuse(why, 417, "no expectation but 100-continue is known here");
    }
    session->chunked = coding != NULL;
    session->body_left = 0;
    if (length != NULL) {
        int status = head_length(session, length, why);
        if (status != 0) {
            return status;
        }
    }
    int body = session->chunked || session->body_left > 0;
    session->continues = expect != NULL && body && request->minor > 0;
    session->closes = head_lists(connection, "close") ||
                      (request->minor == 0 && !head_lists(connection, "keep-alive"));
    return 0;
}

int tdm_http_head_chunk(const char *line, size_t length, uint64_t *size, const char **why)
{
    size_t at = 0;
    *size = 0;
    while (at < length && at <= CHUNK_DIGITS_MAX) {
        char c = tdm_lower(line[at]);
        if (!tdm_is_digit(c) && (c < 'a' || c > 'f')) {
            break;
        }
        *size = *size * 16 + (uint64_t)(tdm_is_digit(c) ? c - '0' : c - 'a' + 10);
        at++;
    }
    if (at > CHUNK_DIGITS_MAX) {
        return head_refuse(why, 413, "the request is too large");
    }
    if (at == 0 || (at < length && line[at] != ';' && !tdm_is_space(line[at]))) {
        return head_refuse(why, 400, "not the size of a chunk (RFC 9112 7.1)");
    }
    return 0;
}

void tdm_http_head_clear(struct tdm_served_request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (request->fields[i].value != NULL) {
            tdm_wipe(request->fields[i].value, strlen(request->fields[i].value));
        }
        tdm_free(memory, request->fields[i].name);
        tdm_free(memory, request->fields[i].value);
    }
    tdm_free(memory, request->fields);
    tdm_free(memory, request->method);
    tdm_free(memory, request->path);
    tdm_free(memory, request->query);
    tdm_buf_clear(&request->body);
    request->fields = NULL;
    request->field_count = 0;
    request->method = request->path = request->query = NULL;
}
