/* api_gmail.c: the double of Gmail's API (users.messages.send, and its upload path):
 * https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages/send
 *
 * A message comes finished; who gets it is said by its To, Cc and Bcc alone. */
#include <string.h>

#include "api.h"
#include "util/base64.h"
#include "util/str.h"

#define MESSAGE_MAX ((size_t)36700160) /* of the discovery document */
#define BOUNDARY_MAX 70                /* RFC 2046 5.1.1 */

/* clang-format off */
#define END {NULL, TDM_API_ANY, 0, NULL, 0}
/* clang-format on */

static const struct tdm_api_member gmail_message[] = {
    {"raw", TDM_API_TEXT, 1, NULL, 0},
    {"threadId", TDM_API_TEXT, 0, NULL, 0},
    END,
};
/* In an upload the message stands beside it. */
static const struct tdm_api_member gmail_metadata[] = {
    {"threadId", TDM_API_TEXT, 0, NULL, 0},
    END,
};

#define GMAIL_ERROR(status, reason, message, more)                                                 \
    "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"" reason                          \
    "\",\"message\":\"" message "\"" more "}],\"code\":" #status ",\"message\":\"" message "\"}}"
#define GMAIL_LOGIN                                                                                \
    GMAIL_ERROR(401, "authError", "Invalid Credentials",                                           \
                ",\"locationType\":\"header\",\"location\":\"Authorization\"")

/* A From that is not the account's is replaced, not refused. */
static const struct tdm_api_canned gmail_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "", GMAIL_LOGIN},
    {TDM_API_FAULT_BAD_DATA, 400, "",
     GMAIL_ERROR(400, "invalidArgument", "Recipient address required", "")},
    {TDM_API_FAULT_RATE_LIMIT, 429, "",
     GMAIL_ERROR(429, "rateLimitExceeded",
                 "User-rate limit exceeded.  Retry after {reset-date} (Mail sending)", "")},
    {TDM_API_FAULT_QUOTA, 403, "",
     GMAIL_ERROR(403, "dailyLimitExceeded", "Daily Limit Exceeded", "")},
    {TDM_API_FAULT_SERVER_ERROR, 500, "", GMAIL_ERROR(500, "backendError", "Backend Error", "")},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int gmail_claims(const struct tdm_served_request *request)
{
    return strncmp(request->path, "/gmail/v1/", 10) == 0 ||
           strncmp(request->path, "/upload/gmail/v1/", 17) == 0;
}

static int gmail_error(struct tdm_api_call *call, int status, const char *reason,
                       const char *message)
{
    struct tdm_buf body;
    tdm_buf_init(&body, NULL, 65536);
    tdm_buf_addf(
        &body,
        "{\"error\":{\"errors\":[{\"domain\":\"global\",\"reason\":\"%s\",\"message\":", reason);
    tdm_api_quote(&body, message);
    tdm_buf_addf(&body, "}],\"code\":%d,\"message\":", status);
    tdm_api_quote(&body, message);
    tdm_buf_add_str(&body, "}}");
    tdm_api_answer(call, status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
    return -1;
}

static void gmail_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                         const char *words)
{
    static const struct {
        int status;
        const char *reason;
    } errors[] = {
        [TDM_API_PATH] = {404, "notFound"},
        [TDM_API_METHOD] = {405, "httpMethodNotAllowed"},
        [TDM_API_MEDIA] = {400, "badContent"},
        [TDM_API_SYNTAX] = {400, "parseError"},
        [TDM_API_UNKNOWN] = {400, "badRequest"},
        [TDM_API_MISSING] = {400, "invalidArgument"},
        [TDM_API_TYPE] = {400, "badRequest"},
        [TDM_API_VALUE] = {400, "invalidArgument"},
        [TDM_API_ADDRESS] = {400, "invalidArgument"},
        [TDM_API_DUPLICATE] = {400, "invalidArgument"},
        [TDM_API_LIMIT] = {400, "invalidArgument"},
        [TDM_API_SIZE] = {413, "uploadTooLarge"},
        [TDM_API_FAILED] = {500, "backendError"},
    };
    const char *message = words;
    if (why == TDM_API_UNKNOWN) {
        message = tdm_api_textf(call,
                                "Invalid JSON payload received. Unknown name \"%s\": Cannot find "
                                "field.",
                                field);
    } else if (why == TDM_API_MISSING) {
        message = "'raw' RFC822 payload message string or uploading message via /upload/* URL "
                  "required";
    }
    gmail_error(call, errors[why].status, errors[why].reason, message);
}

/* RFC 4648 5, with or without its padding. */
static int gmail_decode(struct tdm_api_call *call, const char *text, struct tdm_buf *out)
{
    struct tdm_buf plain;
    size_t length = strlen(text);
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    length -= padding;
    tdm_buf_init(&plain, NULL, length + 4);
    int good = padding == 0 || (length + padding) % 4 == 0;
    for (size_t i = 0; i < length && good; i++) {
        good = tdm_is_alnum(text[i]) || text[i] == '-' || text[i] == '_';
        tdm_buf_add_char(&plain, (char)(text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]));
    }
    while (plain.length % 4 > 1) {
        tdm_buf_add_char(&plain, '=');
    }
    good = good && tdm_base64_decode(out, tdm_buf_text(&plain), plain.length) == 0;
    tdm_buf_clear(&plain);
    return good ? 0
                : gmail_error(call, 400, "badRequest",
                              "Invalid value at 'message.raw' (TYPE_BYTES), Base64 decoding "
                              "failed");
}

/* The part between "/users/" and "/messages/send"; 0 where the path is another one. */
static size_t gmail_user(const char *path, const char **user)
{
    static const char end[] = "/messages/send";
    const char *at = strstr(path, "/gmail/v1/users/");
    if (at == NULL) {
        return 0;
    }
    at += strlen("/gmail/v1/users/");
    size_t length = strcspn(at, "/");
    *user = at;
    return strcmp(at + length, end) == 0 ? length : 0;
}

static int gmail_mail(struct tdm_api_mail *mail, json_t *root, const char *bytes, size_t length)
{
    const char *thread = tdm_api_text(root, "threadId");
    const char *user = NULL;
    size_t user_length = gmail_user(mail->call->request->path, &user);
    if (length > MESSAGE_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_SIZE, "raw",
                              "the message is larger than 36700160 bytes");
    }
    if (length == 0) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "raw", "no message");
    }
    if (tdm_api_mail_raw(mail, "raw", bytes, length, 1) != 0) {
        return -1;
    }
    if (mail->recipient_count == 0) {
        return gmail_error(mail->call, 400, "invalidArgument", "Recipient address required");
    }
    if ((thread != NULL && tdm_api_mail_mark(mail, "Option", "threadId=%s", thread) != 0) ||
        (strncmp(user, "me/", 3) != 0 &&
         tdm_api_mail_mark(mail, "Option", "userId=%.*s", (int)user_length, user) != 0)) {
        return -1;
    }
    return tdm_api_mail_keep(mail);
}

static void gmail_send(struct tdm_api_call *call, json_t *root, const char *bytes, size_t length)
{
    struct tdm_api_mail mail;
    char id[17];
    if (tdm_api_mail_begin(&mail, call) == 0 && gmail_mail(&mail, root, bytes, length) == 0) {
        const char *thread = tdm_api_text(root, "threadId");
        struct tdm_buf body;
        tdm_buf_init(&body, NULL, 65536);
        tdm_api_hex(id, 8);
        tdm_buf_addf(&body, "{\"id\":\"%s\",\"threadId\":", id);
        tdm_api_quote(&body, thread != NULL ? thread : id);
        tdm_buf_add_str(&body, ",\"labelIds\":[\"SENT\"]}");
        tdm_api_answer(call, 200, "", tdm_buf_text(&body));
        tdm_buf_clear(&body);
    }
    tdm_api_mail_end(&mail);
}

/* {"raw": "..."} */
static void gmail_serve_json(struct tdm_api_call *call)
{
    json_t *root = NULL;
    struct tdm_buf bytes;
    if (tdm_api_json(call, gmail_message, &root) != 0) {
        return;
    }
    tdm_buf_init(&bytes, NULL, (size_t)64 << 20);
    if (gmail_decode(call, tdm_api_text(root, "raw"), &bytes) == 0) {
        gmail_send(call, root, tdm_buf_text(&bytes), bytes.length);
    }
    tdm_buf_clear(&bytes);
    json_decref(root);
}

/* 1 where the value of a Content-Type is this type. */
static int gmail_is_type(const char *value, const char *type)
{
    size_t length = value != NULL ? strcspn(value, ";") : 0;
    while (length > 0 && tdm_is_space(value[length - 1])) {
        length--;
    }
    return value != NULL && tdm_equal_nocase_n(value, length, type);
}

/* "--" and the boundary into `line`; -1 where the Content-Type has none. */
static int gmail_boundary(const char *type, char line[BOUNDARY_MAX + 3])
{
    const char *at = strstr(type, "boundary=");
    if (at == NULL) {
        return -1;
    }
    at += strlen("boundary=");
    int quoted = *at == '"';
    at += quoted;
    size_t length = strcspn(at, quoted ? "\"" : "; \t");
    if (length == 0 || length > BOUNDARY_MAX) {
        return -1;
    }
    memcpy(line, "--", 2);
    memcpy(line + 2, at, length);
    line[length + 2] = '\0';
    return 0;
}

/* Where the line begins at or behind `at`; NULL: nowhere. */
static const char *gmail_find(const char *at, const char *end, const char *start, const char *line)
{
    size_t length = strlen(line);
    for (; at != NULL && (size_t)(end - at) >= length;
         at = memchr(at + 1, '-', (size_t)(end - at - 1))) {
        if (memcmp(at, line, length) == 0 && (at == start || at[-1] == '\n')) {
            return at;
        }
        if (at + 1 >= end) {
            break;
        }
    }
    return NULL;
}

struct gmail_part {
    const char *bytes;
    size_t length;
};

/* The two parts of multipart/related (RFC 2046 5.1): JSON, then the message. 0, or -1. */
static int gmail_parts(const struct tdm_buf *body, const char *line, struct gmail_part parts[2])
{
    static const char *const types[] = {"application/json", "message/rfc822"};
    const char *start = tdm_buf_text(body);
    const char *end = start + body->length;
    const char *at = gmail_find(start, end, start, line);
    for (size_t i = 0; i < 2; i++) {
        const char *head = at != NULL ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        const char *blank = head != NULL ? strstr(head, "\r\n\r\n") : NULL;
        const char *next = blank != NULL ? gmail_find(blank + 4, end, start, line) : NULL;
        const char *type = head != NULL ? strstr(head, "Content-Type:") : NULL;
        if (next == NULL || type == NULL || type > blank || next - blank < 6) {
            return -1;
        }
        type += strlen("Content-Type:");
        type += strspn(type, " ");
        if (!tdm_starts_nocase(type, (size_t)(blank - type), types[i])) {
            return -1;
        }
        parts[i].bytes = blank + 4;
        parts[i].length = (size_t)(next - 2 - parts[i].bytes);
        at = next;
    }
    return strncmp(at + strlen(line), "--", 2) == 0 ? 0 : -1;
}

static void gmail_serve_related(struct tdm_api_call *call, const char *type)
{
    char line[BOUNDARY_MAX + 3];
    struct gmail_part parts[2];
    if (gmail_boundary(type, line) != 0 || gmail_parts(&call->request->body, line, parts) != 0) {
        tdm_api_refuse(call, TDM_API_SYNTAX, "",
                       "Malformed multipart body: it is JSON and message/rfc822");
        return;
    }
    json_t *root = json_loadb(parts[0].bytes, parts[0].length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        tdm_api_refuse(call, TDM_API_SYNTAX, "", "Parse Error");
    } else if (tdm_api_json_check(call, root, gmail_metadata, "") == 0) {
        gmail_send(call, root, parts[1].bytes, parts[1].length);
    }
    json_decref(root);
}

static void gmail_serve_upload(struct tdm_api_call *call)
{
    const char *query = call->request->query;
    const char *type = tdm_served_field(call->request, "Content-Type");
    if (strcmp(query, "uploadType=media") == 0) {
        if (!gmail_is_type(type, "message/rfc822")) {
            tdm_api_refuse(call, TDM_API_MEDIA, "",
                           "Media type '%s' is not supported. Valid media types: [message/*]",
                           type != NULL ? type : "");
        } else {
            gmail_send(call, NULL, tdm_buf_text(&call->request->body), call->request->body.length);
        }
    } else if (strcmp(query, "uploadType=multipart") == 0 &&
               gmail_is_type(type, "multipart/related")) {
        gmail_serve_related(call, type);
    } else {
        tdm_api_refuse(
            call, TDM_API_VALUE, "uploadType",
            "uploadType is media, or multipart with multipart/related (resumable uploads "
            "are not played here)");
    }
}

static int gmail_login(struct tdm_api_call *call)
{
    switch (tdm_api_check_key(call, tdm_api_bearer(call))) {
    case TDM_API_ACCEPTED:
        return 0;
    case TDM_API_NO_KEY:
        tdm_api_answer(call, 401,
                       "WWW-Authenticate: Bearer realm=\"https://accounts.google.com/\"\r\n",
                       GMAIL_ERROR(401, "required", "Login Required",
                                   ",\"locationType\":\"header\",\"location\":\"Authorization\""));
        return -1;
    case TDM_API_WRONG_KEY:
        tdm_api_answer(call, 401, "", GMAIL_LOGIN);
        return -1;
    }
    return -1;
}

static void gmail_serve(struct tdm_api_call *call)
{
    const char *user;
    if (gmail_user(call->request->path, &user) == 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "Not Found");
        return;
    }
    if (tdm_api_is_post(call) != 0 || gmail_login(call) != 0) {
        return;
    }
    if (strncmp(call->request->path, "/upload/", 8) == 0) {
        gmail_serve_upload(call);
    } else {
        gmail_serve_json(call);
    }
}

const struct tdm_double tdm_double_gmail = {
    .scheme = "gmail",
    .url = "gmail://{key}@default{end}",
    .default_user = "",
    .max_request = 0,
    .partial = 0,
    .canned = gmail_canned,
    .claims = gmail_claims,
    .serve = gmail_serve,
    .refuse = gmail_refuse,
};
