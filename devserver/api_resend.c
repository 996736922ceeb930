/* api_resend.c: the double of Resend's API (POST /emails): https://resend.com/docs/api-reference */
#include <string.h>

#include "api.h"
#include "util/str.h"

#define RECIPIENTS_MAX 50 /* in `to` */
#define ATTACHMENTS_MAX ((size_t)40 << 20)
#define KEY_MAX 256

static const struct tdm_api_member resend_attachment[] = {
    {"filename", TDM_API_TEXT, 1, NULL, 0},     {"content", TDM_API_BASE64, 0, NULL, 0},
    {"path", TDM_API_TEXT, 0, NULL, 0},         {"content_type", TDM_API_TEXT, 0, NULL, 0},
    {"content_id", TDM_API_TEXT, 0, NULL, 127}, {NULL, TDM_API_ANY, 0, NULL, 0},
};

static const struct tdm_api_member resend_tag[] = {
    {"name", TDM_API_TEXT, 1, NULL, 256},
    {"value", TDM_API_TEXT, 1, NULL, 256},
    {NULL, TDM_API_ANY, 0, NULL, 0},
};

static const struct tdm_api_member resend_template[] = {
    {"id", TDM_API_TEXT, 1, NULL, 0},
    {"variables", TDM_API_MAP, 0, NULL, 0},
    {NULL, TDM_API_ANY, 0, NULL, 0},
};

static const struct tdm_api_member resend_email[] = {
    {"from", TDM_API_TEXT, 1, NULL, 0},
    {"to", TDM_API_TEXT_OR_TEXTS, 1, NULL, 0},
    {"cc", TDM_API_TEXT_OR_TEXTS, 0, NULL, 0},
    {"bcc", TDM_API_TEXT_OR_TEXTS, 0, NULL, 0},
    {"reply_to", TDM_API_TEXT_OR_TEXTS, 0, NULL, 0},
    {"subject", TDM_API_TEXT, 0, NULL, 0},
    {"text", TDM_API_TEXT, 0, NULL, 0},
    {"html", TDM_API_TEXT, 0, NULL, 0},
    {"attachments", TDM_API_OBJECTS, 0, resend_attachment, 0},
    {"headers", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"tags", TDM_API_OBJECTS, 0, resend_tag, 0},
    {"template", TDM_API_OBJECT, 0, resend_template, 0},
    {"scheduled_at", TDM_API_TEXT, 0, NULL, 0},
    {"topic_id", TDM_API_TEXT, 0, NULL, 0},
    {NULL, TDM_API_ANY, 0, NULL, 0},
};

#define RESEND_ERROR(status, name, message)                                                        \
    "{\"statusCode\":" #status ",\"name\":\"" name "\",\"message\":\"" message "\"}"

static const struct tdm_api_canned resend_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 403, "",
     RESEND_ERROR(403, "invalid_api_key", "API key is invalid.")},
    {TDM_API_FAULT_BAD_DATA, 422, "",
     RESEND_ERROR(422, "missing_required_field",
                  "The request body is missing one or more required fields.")},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 403, "",
     RESEND_ERROR(403, "validation_error",
                  "The example.com domain is not verified. Please, add and verify your domain on "
                  "https://resend.com/domains")},
    {TDM_API_FAULT_RATE_LIMIT, 429,
     "ratelimit-limit: 5\r\nratelimit-remaining: 0\r\nratelimit-reset: 1\r\nretry-after: 1\r\n",
     RESEND_ERROR(429, "rate_limit_exceeded",
                  "Too many requests. You can only make 5 requests per second. See rate limit "
                  "response headers for more information. Or contact support to increase rate "
                  "limit.")},
    {TDM_API_FAULT_QUOTA, 429, "",
     RESEND_ERROR(429, "daily_quota_exceeded", "You have reached your daily email sending quota.")},
    {TDM_API_FAULT_SERVER_ERROR, 500, "",
     RESEND_ERROR(500, "application_error",
                  "An unexpected error occurred. Please try again later.")},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int resend_claims(const struct tdm_served_request *request)
{
    return strcmp(request->path, "/emails") == 0 || strncmp(request->path, "/emails/", 8) == 0;
}

static void resend_error(struct tdm_api_call *call, int status, const char *name,
                         const char *message)
{
    struct tdm_buf body;
    tdm_buf_init(&body, NULL, 8192);
    tdm_buf_addf(&body, "{\"statusCode\":%d,\"name\":\"%s\",\"message\":", status, name);
    tdm_api_quote(&body, message);
    tdm_buf_add_char(&body, '}');
    tdm_api_answer(call, status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
}

static void resend_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                          const char *words)
{
    static const struct {
        int status;
        const char *name;
        const char *message; /* NULL: what is wrong */
    } errors[] = {
        [TDM_API_PATH] = {404, "not_found", "The requested endpoint does not exist."},
        [TDM_API_METHOD] = {405, "method_not_allowed",
                            "This endpoint does not support the specified HTTP method."},
        [TDM_API_MEDIA] = {400, "validation_error", NULL},
        [TDM_API_SYNTAX] = {400, "validation_error", NULL},
        [TDM_API_UNKNOWN] = {422, "validation_error", NULL},
        [TDM_API_MISSING] = {422, "missing_required_field", NULL},
        [TDM_API_TYPE] = {422, "validation_error", NULL},
        [TDM_API_VALUE] = {422, "validation_error", NULL},
        [TDM_API_ADDRESS] = {422, "validation_error", NULL},
        [TDM_API_DUPLICATE] = {422, "validation_error", NULL},
        [TDM_API_LIMIT] = {422, "validation_error", NULL},
        [TDM_API_SIZE] = {413, "validation_error", NULL},
        [TDM_API_FAILED] = {500, "application_error", NULL},
    };
    (void)field;
    resend_error(call, errors[why].status, errors[why].name,
                 errors[why].message != NULL ? errors[why].message : words);
}

/* A string, or each of a list. */
static int resend_addresses(struct tdm_api_mail *mail, enum tdm_api_where where, const char *name,
                            json_t *root)
{
    json_t *value = tdm_api_get(root, name);
    size_t index;
    json_t *item;
    if (json_is_string(value)) {
        return tdm_api_mail_address(mail, where, name, json_string_value(value));
    }
    json_array_foreach(value, index, item)
    {
        if (tdm_api_mail_address(mail, where, name, json_string_value(item)) != 0) {
            return -1;
        }
    }
    return 0;
}

static int resend_headers(struct tdm_api_mail *mail, json_t *headers)
{
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value)
    {
        if (tdm_api_mail_header(mail, "headers", name, json_string_value(value)) != 0) {
            return -1;
        }
    }
    return 0;
}

static int resend_word(const char *text)
{
    for (; *text != '\0'; text++) {
        if (!tdm_is_alnum(*text) && *text != '_' && *text != '-') {
            return 0;
        }
    }
    return 1;
}

static int resend_tags(struct tdm_api_mail *mail, json_t *tags)
{
    size_t index;
    json_t *item;
    json_array_foreach(tags, index, item)
    {
        const char *name = tdm_api_text(item, "name");
        const char *value = tdm_api_text(item, "value");
        if (!resend_word(name) || !resend_word(value)) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "tags",
                                  "Tags should only contain ASCII letters, numbers, underscores, "
                                  "or dashes.");
        }
        if (tdm_api_mail_mark_pair(mail, name, value) != 0) {
            return -1;
        }
    }
    return 0;
}

static int resend_attachments(struct tdm_api_mail *mail, json_t *list)
{
    size_t index;
    json_t *item;
    size_t size = 0;
    json_array_foreach(list, index, item)
    {
        const char *content = tdm_api_text(item, "content");
        struct tdm_api_file file = {0};
        file.name = tdm_api_text(item, "filename");
        file.type = tdm_api_text(item, "content_type");
        file.content_id = tdm_api_text(item, "content_id");
        file.is_inline = file.content_id != NULL;
        if (content == NULL) { /* `path`, a URL that the service fetches: nothing here goes out */
            return tdm_api_refuse(mail->call, TDM_API_MISSING, "attachments",
                                  "'attachments.%z.content' is missing", index);
        }
        size += strlen(content);
        if (size > ATTACHMENTS_MAX) {
            return tdm_api_refuse(mail->call, TDM_API_SIZE, "attachments",
                                  "attachments are larger than 40 MB");
        }
        if (tdm_api_mail_file64(mail, "attachments", file, content) != 0) {
            return -1;
        }
    }
    return 0;
}

static int resend_body(struct tdm_api_mail *mail, json_t *root)
{
    const char *subject = tdm_api_text(root, "subject");
    const char *text = tdm_api_text(root, "text");
    const char *html = tdm_api_text(root, "html");
    const char *at = tdm_api_text(root, "scheduled_at");
    json_t *chosen = tdm_api_get(root, "template");
    if (chosen != NULL && (text != NULL || html != NULL)) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "template",
                              "'template' excludes 'html' and 'text'");
    }
    if (chosen == NULL && (subject == NULL || (text == NULL && html == NULL))) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "subject", "%s",
                              subject == NULL ? "Missing `subject` field."
                                              : "Missing `html` or `text` field.");
    }
    if (chosen != NULL && tdm_api_mail_template(mail, tdm_api_text(chosen, "id"),
                                                tdm_api_get(chosen, "variables")) != 0) {
        return -1;
    }
    if (at != NULL && tdm_api_mail_mark(mail, "Send-At", "%s", at) != 0) {
        return -1;
    }
    if ((subject != NULL && tdm_api_mail_subject(mail, "subject", subject) != 0) ||
        (text != NULL && tdm_api_mail_text(mail, "text", text) != 0)) {
        return -1;
    }
    return html != NULL ? tdm_api_mail_html(mail, "html", html) : 0;
}

static int resend_mail(struct tdm_api_mail *mail, json_t *root)
{
    const char *key = mail->call->idempotency_key;
    if (tdm_api_mail_address(mail, TDM_API_FROM, "from", tdm_api_text(root, "from")) != 0 ||
        resend_addresses(mail, TDM_API_TO, "to", root) != 0 ||
        resend_addresses(mail, TDM_API_CC, "cc", root) != 0 ||
        resend_addresses(mail, TDM_API_BCC, "bcc", root) != 0 ||
        resend_addresses(mail, TDM_API_REPLY_TO, "reply_to", root) != 0) {
        return -1;
    }
    if (mail->counts[TDM_API_TO] > RECIPIENTS_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "to",
                              "The `to` field has more than 50 addresses.");
    }
    if (resend_body(mail, root) != 0 || resend_headers(mail, tdm_api_get(root, "headers")) != 0 ||
        resend_tags(mail, tdm_api_get(root, "tags")) != 0 ||
        resend_attachments(mail, tdm_api_get(root, "attachments")) != 0) {
        return -1;
    }
    if (tdm_api_mail_mark_option(mail, "topic_id", tdm_api_get(root, "topic_id")) != 0 ||
        (key != NULL && tdm_api_mail_mark(mail, "Idempotency-Key", "%s", key) != 0)) {
        return -1;
    }
    return tdm_api_mail_keep(mail);
}

static void resend_send(struct tdm_api_call *call, json_t *root)
{
    struct tdm_api_mail mail;
    char id[TDM_API_UUID_SIZE];
    if (tdm_api_mail_begin(&mail, call) == 0 && resend_mail(&mail, root) == 0) {
        tdm_api_uuid(id);
        tdm_api_answer(call, 200, "", tdm_api_textf(call, "{\"id\":\"%s\"}", id));
    }
    tdm_api_mail_end(&mail);
}

/* 1: go on. 0: it has been answered. */
static int resend_idempotency(struct tdm_api_call *call)
{
    const char *key = tdm_served_field(call->request, "Idempotency-Key");
    if (key == NULL) {
        return 1;
    }
    if (key[0] == '\0' || strlen(key) > KEY_MAX) {
        resend_error(call, 400, "invalid_idempotency_key", "The key must be between 1-256 chars.");
        return 0;
    }
    int seen = tdm_api_idempotency(call, key);
    if (seen < 0) {
        resend_error(call, 409, "invalid_idempotent_request",
                     "Same idempotency key used with a different request payload.");
    }
    return seen == 0;
}

static int resend_login(struct tdm_api_call *call)
{
    const char *agent = tdm_served_field(call->request, "User-Agent");
    if (agent == NULL || agent[0] == '\0') { /* said by the network in front of the service */
        tdm_api_answer(call, 403, "Content-Type: text/plain; charset=UTF-8\r\n",
                       "error code: 1010");
        return -1;
    }
    switch (tdm_api_check_key(call, tdm_api_bearer(call))) {
    case TDM_API_ACCEPTED:
        return 0;
    case TDM_API_NO_KEY:
        resend_error(call, 401, "missing_api_key", "Missing API key in the authorization header.");
        return -1;
    case TDM_API_WRONG_KEY:
        resend_error(call, 403, "invalid_api_key", "API key is invalid.");
        return -1;
    }
    return -1;
}

static void resend_serve(struct tdm_api_call *call)
{
    json_t *root = NULL;
    if (strcmp(call->request->path, "/emails") != 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "no such path");
        return;
    }
    if (tdm_api_is_post(call) != 0 || resend_login(call) != 0 || !resend_idempotency(call) ||
        tdm_api_json(call, resend_email, &root) != 0) {
        return;
    }
    resend_send(call, root);
    json_decref(root);
}

const struct tdm_double tdm_double_resend = {
    .scheme = "resend",
    .url = "resend://{key}@default{end}",
    .default_user = "",
    .max_request = 0,
    .partial = 0,
    .canned = resend_canned,
    .claims = resend_claims,
    .serve = resend_serve,
    .refuse = resend_refuse,
};
