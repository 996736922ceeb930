/* api_mandrill.c: the double of Mandrill (Mailchimp Transactional), POST /api/1.0/messages/send.json,
 * send-template.json and send-raw.json: https://mailchimp.com/developer/transactional/api/messages/
 *
 * The key is a member of the body; the answer has a status for each recipient. */
#include <string.h>

#include "api.h"
#include "util/str.h"

#define TAG_MAX 50
#define REQUEST_MAX ((size_t)35 << 20) /* 25 MB of message, in base64 */

/* clang-format off */
#define END {NULL, TDM_API_ANY, 0, NULL, 0}
/* clang-format on */

static const struct tdm_api_member mandrill_to[] = {
    {"email", TDM_API_TEXT, 1, NULL, 0},
    {"name", TDM_API_TEXT, 0, NULL, 0},
    {"type", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mandrill_file[] = {
    {"type", TDM_API_TEXT, 1, NULL, 0},
    {"name", TDM_API_TEXT, 0, NULL, 0},
    {"content", TDM_API_BASE64, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mandrill_value[] = {
    {"name", TDM_API_TEXT, 1, NULL, 0},
    {"content", TDM_API_ANY, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mandrill_merge_vars[] = {
    {"rcpt", TDM_API_TEXT, 1, NULL, 0},
    {"vars", TDM_API_OBJECTS, 0, mandrill_value, 0},
    END,
};
static const struct tdm_api_member mandrill_recipient_metadata[] = {
    {"rcpt", TDM_API_TEXT, 1, NULL, 0},
    {"values", TDM_API_MAP, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mandrill_message[] = {
    {"html", TDM_API_TEXT, 0, NULL, 0},
    {"text", TDM_API_TEXT, 0, NULL, 0},
    {"subject", TDM_API_TEXT, 0, NULL, 0},
    {"from_email", TDM_API_TEXT, 1, NULL, 0},
    {"from_name", TDM_API_TEXT, 0, NULL, 0},
    {"to", TDM_API_OBJECTS, 1, mandrill_to, 0},
    {"headers", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"important", TDM_API_FLAG, 0, NULL, 0},
    {"track_opens", TDM_API_FLAG, 0, NULL, 0},
    {"track_clicks", TDM_API_FLAG, 0, NULL, 0},
    {"auto_text", TDM_API_FLAG, 0, NULL, 0},
    {"auto_html", TDM_API_FLAG, 0, NULL, 0},
    {"inline_css", TDM_API_FLAG, 0, NULL, 0},
    {"url_strip_qs", TDM_API_FLAG, 0, NULL, 0},
    {"preserve_recipients", TDM_API_FLAG, 0, NULL, 0},
    {"view_content_link", TDM_API_FLAG, 0, NULL, 0},
    {"bcc_address", TDM_API_TEXT, 0, NULL, 0},
    {"tracking_domain", TDM_API_TEXT, 0, NULL, 0},
    {"signing_domain", TDM_API_TEXT, 0, NULL, 0},
    {"return_path_domain", TDM_API_TEXT, 0, NULL, 0},
    {"merge", TDM_API_FLAG, 0, NULL, 0},
    {"merge_language", TDM_API_TEXT, 0, NULL, 0},
    {"global_merge_vars", TDM_API_OBJECTS, 0, mandrill_value, 0},
    {"merge_vars", TDM_API_OBJECTS, 0, mandrill_merge_vars, 0},
    {"tags", TDM_API_TEXTS, 0, NULL, 0},
    {"subaccount", TDM_API_TEXT, 0, NULL, 0},
    {"google_analytics_domains", TDM_API_TEXTS, 0, NULL, 0},
    {"google_analytics_campaign", TDM_API_TEXT_OR_TEXTS, 0, NULL, 0},
    {"metadata", TDM_API_MAP, 0, NULL, 0},
    {"recipient_metadata", TDM_API_OBJECTS, 0, mandrill_recipient_metadata, 0},
    {"attachments", TDM_API_OBJECTS, 0, mandrill_file, 0},
    {"images", TDM_API_OBJECTS, 0, mandrill_file, 0},
    END,
};

#define MANDRILL_TOP                                                                               \
    {"key", TDM_API_TEXT, 0, NULL, 0}, {"async", TDM_API_FLAG, 0, NULL, 0},                        \
        {"ip_pool", TDM_API_TEXT, 0, NULL, 0},                                                     \
    {                                                                                              \
        "send_at", TDM_API_TEXT, 0, NULL, 0                                                        \
    }

static const struct tdm_api_member mandrill_send[] = {
    MANDRILL_TOP,
    {"message", TDM_API_OBJECT, 1, mandrill_message, 0},
    END,
};
static const struct tdm_api_member mandrill_send_template[] = {
    MANDRILL_TOP,
    {"message", TDM_API_OBJECT, 1, mandrill_message, 0},
    {"template_name", TDM_API_TEXT, 1, NULL, 0},
    {"template_content", TDM_API_OBJECTS, 0, mandrill_value, 0},
    END,
};
static const struct tdm_api_member mandrill_send_raw[] = {
    MANDRILL_TOP,
    {"raw_message", TDM_API_TEXT, 1, NULL, 0},
    {"from_email", TDM_API_TEXT, 0, NULL, 0},
    {"from_name", TDM_API_TEXT, 0, NULL, 0},
    {"to", TDM_API_TEXTS, 0, NULL, 0},
    {"return_path_domain", TDM_API_TEXT, 0, NULL, 0},
    END,
};

#define MANDRILL_ERROR(code, name, message)                                                        \
    "{\"status\":\"error\",\"code\":" #code ",\"name\":\"" name "\",\"message\":\"" message "\"}"
#define MANDRILL_LOGIN MANDRILL_ERROR(401, "Invalid_Key", "Invalid API key")

/* An unverified domain is no error there: see mandrill_status. */
static const struct tdm_api_canned mandrill_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "", MANDRILL_LOGIN},
    {TDM_API_FAULT_BAD_DATA, 422, "",
     MANDRILL_ERROR(-2, "ValidationError",
                    "Validation error: {\\\"email\\\":\\\"Not a valid email address\\\"}")},
    {TDM_API_FAULT_RATE_LIMIT, 429, "",
     MANDRILL_ERROR(429, "RequestLimitExceeded", "Too Many Requests attempted recently")},
    {TDM_API_FAULT_QUOTA, 402, "",
     MANDRILL_ERROR(10, "PaymentRequired",
                    "Email scheduling is only available for accounts with a positive balance.")},
    {TDM_API_FAULT_SERVER_ERROR, 500, "",
     MANDRILL_ERROR(-100, "GeneralError",
                    "An unknown error occurred processing your request. Please try again later.")},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int mandrill_claims(const struct tdm_served_request *request)
{
    return strncmp(request->path, "/api/1.0/", 9) == 0;
}

static void mandrill_error(struct tdm_api_call *call, int status, int code, const char *name,
                           const char *message)
{
    struct tdm_buf body;
    tdm_buf_init(&body, NULL, 65536);
    tdm_buf_addf(&body, "{\"status\":\"error\",\"code\":%d,\"name\":\"%s\",\"message\":", code,
                 name);
    tdm_api_quote(&body, message);
    tdm_buf_add_char(&body, '}');
    tdm_api_answer(call, status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
}

/* `Validation error: {"message":{"to":"..."}}` for a field of "message.to" */
static void mandrill_invalid(struct tdm_api_call *call, const char *field, const char *words)
{
    struct tdm_buf message;
    size_t depth = 1;
    tdm_buf_init(&message, NULL, 65536);
    tdm_buf_add_str(&message, "Validation error: {\"");
    for (; *field != '\0'; field++) {
        if (*field == '.') {
            tdm_buf_add_str(&message, "\":{\"");
            depth++;
        } else {
            tdm_buf_add_char(&message, *field);
        }
    }
    tdm_buf_add_str(&message, "\":");
    tdm_api_quote(&message, words);
    while (depth-- > 0) {
        tdm_buf_add_char(&message, '}');
    }
    mandrill_error(call, 422, -2, "ValidationError", tdm_buf_text(&message));
    tdm_buf_clear(&message);
}

static void mandrill_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                            const char *words)
{
    if (why == TDM_API_PATH) {
        mandrill_error(call, 404, -1, "Unknown_Method", "Unknown method");
    } else if (why == TDM_API_METHOD) {
        mandrill_error(call, 405, -1, "GeneralError", words);
    } else if (why == TDM_API_SIZE) {
        mandrill_error(call, 413, -2, "ValidationError", words);
    } else if (why == TDM_API_FAILED) {
        mandrill_error(call, 500, -100, "GeneralError", words);
    } else if (why == TDM_API_ADDRESS) {
        mandrill_invalid(call, field, "Not a valid email address");
    } else if (field[0] == '\0') {
        mandrill_error(call, 422, -2, "ValidationError", words);
    } else {
        mandrill_invalid(call, field, words);
    }
}

static int mandrill_people(struct tdm_api_mail *mail, json_t *message)
{
    size_t index;
    json_t *item;
    if (tdm_api_mail_pair(mail, TDM_API_FROM, "message.from_email",
                          tdm_api_text(message, "from_email"),
                          tdm_api_text(message, "from_name")) != 0) {
        return -1;
    }
    json_array_foreach(tdm_api_get(message, "to"), index, item)
    {
        const char *type = tdm_api_text(item, "type");
        enum tdm_api_where where = TDM_API_TO;
        if (type != NULL && strcmp(type, "cc") == 0) {
            where = TDM_API_CC;
        } else if (type != NULL && strcmp(type, "bcc") == 0) {
            where = TDM_API_BCC;
        } else if (type != NULL && strcmp(type, "to") != 0) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "message.to",
                                  "the type must be to, cc or bcc");
        }
        if (tdm_api_mail_pair(mail, where, "email", tdm_api_text(item, "email"),
                              tdm_api_text(item, "name")) != 0) {
            return -1;
        }
    }
    return 0;
}

static int mandrill_headers(struct tdm_api_mail *mail, json_t *headers)
{
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value)
    {
        const char *text = json_string_value(value);
        int result = tdm_equal_nocase(name, "Reply-To")
                         ? tdm_api_mail_list(mail, TDM_API_REPLY_TO, "message.headers", text)
                         : tdm_api_mail_header(mail, "message.headers", name, text);
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

/* An image's name is its Content-ID. */
static int mandrill_files(struct tdm_api_mail *mail, json_t *message, const char *list)
{
    size_t index;
    json_t *item;
    int images = strcmp(list, "images") == 0;
    json_array_foreach(tdm_api_get(message, list), index, item)
    {
        const char *content = tdm_api_text(item, "content");
        struct tdm_api_file file = {0};
        file.name = tdm_api_text(item, "name");
        file.type = tdm_api_text(item, "type");
        file.is_inline = images;
        file.content_id = images ? file.name : NULL;
        if (file.name != NULL && file.name[0] == '\0') {
            file.name = NULL;
        }
        if (images &&
            (file.name == NULL || !tdm_starts_nocase(file.type, strlen(file.type), "image/"))) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "message.images",
                                  "an image has a name and a type of image/*");
        }
        if (tdm_api_mail_file64(mail, images ? "message.images" : "message.attachments", file,
                                content != NULL ? content : "") != 0) {
            return -1;
        }
    }
    return 0;
}

static int mandrill_tags(struct tdm_api_mail *mail, json_t *tags)
{
    size_t index;
    json_t *item;
    json_array_foreach(tags, index, item)
    {
        const char *tag = json_string_value(item);
        size_t characters = 0;
        for (const char *at = tag; *at != '\0'; at++) {
            characters += ((unsigned char)*at & 0xC0) != 0x80;
        }
        if (tag[0] == '_' || characters > TAG_MAX) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "message.tags",
                                  "a tag has at most 50 characters, and no _ in front");
        }
    }
    return tdm_api_mail_mark_tags(mail, tags);
}

/* [{"name": n, "content": c}] as {n: c} */
static json_t *mandrill_values(json_t *list)
{
    json_t *values = list != NULL ? json_object() : NULL;
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        json_object_set(values, tdm_api_text(item, "name"), json_object_get(item, "content"));
    }
    return values;
}

static int mandrill_template(struct tdm_api_mail *mail, json_t *root, json_t *message)
{
    const char *name = tdm_api_text(root, "template_name");
    json_t *list = tdm_api_get(message, "global_merge_vars");
    json_t *values = mandrill_values(list);
    int result = name != NULL ? tdm_api_mail_template(mail, name, values)
                              : tdm_api_mail_mark_option(mail, "global_merge_vars", list);
    if (result == 0 && json_array_size(tdm_api_get(root, "template_content")) > 0) {
        result = tdm_api_mail_mark_option(mail, "template_content",
                                          tdm_api_get(root, "template_content"));
    }
    json_decref(values);
    return result;
}

/* What only Mandrill has, of the message or of the request. */
static int mandrill_options(struct tdm_api_mail *mail, json_t *object)
{
    static const char *const names[] = {"important",
                                        "auto_text",
                                        "auto_html",
                                        "inline_css",
                                        "url_strip_qs",
                                        "preserve_recipients",
                                        "view_content_link",
                                        "bcc_address",
                                        "tracking_domain",
                                        "signing_domain",
                                        "return_path_domain",
                                        "merge",
                                        "merge_language",
                                        "merge_vars",
                                        "subaccount",
                                        "google_analytics_domains",
                                        "google_analytics_campaign",
                                        "recipient_metadata",
                                        "async",
                                        "ip_pool"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (tdm_api_mail_mark_option(mail, names[i], tdm_api_get(object, names[i])) != 0) {
            return -1;
        }
    }
    return 0;
}

static int mandrill_mail(struct tdm_api_mail *mail, json_t *root)
{
    json_t *message = tdm_api_get(root, "message");
    const char *subject = tdm_api_text(message, "subject");
    const char *text = tdm_api_text(message, "text");
    const char *html = tdm_api_text(message, "html");
    if (mandrill_people(mail, message) != 0 ||
        mandrill_headers(mail, tdm_api_get(message, "headers")) != 0 ||
        mandrill_template(mail, root, message) != 0 ||
        (subject != NULL && tdm_api_mail_subject(mail, "message.subject", subject) != 0) ||
        (text != NULL && tdm_api_mail_text(mail, "message.text", text) != 0) ||
        (html != NULL && tdm_api_mail_html(mail, "message.html", html) != 0)) {
        return -1;
    }
    /* a message without a body is sent as it is */
    if (text == NULL && html == NULL && tdm_api_mail_text(mail, "message.text", "") != 0) {
        return -1;
    }
    if (mandrill_files(mail, message, "attachments") != 0 ||
        mandrill_files(mail, message, "images") != 0 ||
        mandrill_tags(mail, tdm_api_get(message, "tags")) != 0 ||
        tdm_api_mail_mark_metadata(mail, tdm_api_get(message, "metadata")) != 0 ||
        tdm_api_mail_mark_tracking(mail, tdm_api_flag(message, "track_opens"),
                                   tdm_api_flag(message, "track_clicks")) != 0) {
        return -1;
    }
    return mandrill_options(mail, message);
}

/* "a, b" as an array of texts. */
static json_t *mandrill_tag_list(const char *text)
{
    json_t *list = json_array();
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        size_t used = length;
        const char *start = text;
        while (used > 0 && tdm_is_space(*start)) {
            start++;
            used--;
        }
        while (used > 0 && tdm_is_space(start[used - 1])) {
            used--;
        }
        if (used > 0) {
            json_array_append_new(list, json_stringn(start, used));
        }
        text += length + (text[length] == ',');
    }
    return list;
}

/* One field of those that Mandrill takes out of a message. */
static int mandrill_take_field(struct tdm_api_mail *mail, const char *name, const char *value)
{
    json_t *json = NULL;
    int result = 0;
    if (strcmp(name, "x-mc-tags") == 0) {
        json = mandrill_tag_list(value);
        result = mandrill_tags(mail, json);
    } else if (strcmp(name, "x-mc-metadata") == 0) {
        json = json_loads(value, 0, NULL);
        result = json_is_object(json) ? tdm_api_mail_mark_metadata(mail, json)
                                      : tdm_api_refuse(mail->call, TDM_API_VALUE, "raw_message",
                                                       "X-MC-Metadata: not a JSON object");
    } else if (strcmp(name, "x-mc-track") == 0) {
        result = tdm_api_mail_mark_tracking(mail, strstr(value, "opens") != NULL,
                                            strstr(value, "clicks") != NULL);
    }
    json_decref(json);
    return result;
}

/* The message without its X-MC- fields, which are taken. */
static int mandrill_take_fields(struct tdm_api_mail *mail, const char *bytes, struct tdm_buf *rest)
{
    while (*bytes != '\0' && *bytes != '\r' && *bytes != '\n') {
        const char *end = bytes;
        do {
            end += strcspn(end, "\n");
            end += *end == '\n';
        } while (*end == ' ' || *end == '\t');
        if (!tdm_starts_nocase(bytes, (size_t)(end - bytes), "x-mc-")) {
            tdm_buf_add(rest, bytes, (size_t)(end - bytes));
        } else {
            struct tdm_buf field;
            tdm_buf_init(&field, NULL, (size_t)1 << 20);
            size_t length = strcspn(bytes, ":\n");
            for (const char *at = bytes; at < end; at++) {
                char c = at < bytes + length ? tdm_lower(*at) : *at;
                if (at == bytes + length) {
                    c = '\0';
                }
                if (c != '\r' && c != '\n') {
                    tdm_buf_add_char(&field, c);
                }
            }
            const char *name = tdm_buf_text(&field);
            const char *value = field.length > length ? name + length + 1 : "";
            int result = mandrill_take_field(mail, name, value + strspn(value, " "));
            tdm_buf_clear(&field);
            if (result != 0) {
                return -1;
            }
        }
        bytes = end;
    }
    tdm_buf_add_str(rest, bytes);
    return 0;
}

static int mandrill_raw(struct tdm_api_mail *mail, json_t *root, struct tdm_buf *rest)
{
    json_t *raw = tdm_api_get(root, "raw_message");
    json_t *to = tdm_api_get(root, "to");
    const char *from = tdm_api_text(root, "from_email");
    size_t index;
    json_t *item;
    if (from != NULL && tdm_api_mail_envelope_from(mail, "from_email", from) != 0) {
        return -1;
    }
    if (mandrill_take_fields(mail, json_string_value(raw), rest) != 0 ||
        tdm_api_mail_raw(mail, "raw_message", tdm_buf_text(rest), rest->length,
                         json_array_size(to) == 0) != 0) {
        return -1;
    }
    json_array_foreach(to, index, item)
    {
        if (tdm_api_mail_recipient(mail, "to", json_string_value(item)) != 0) {
            return -1;
        }
    }
    return mail->recipient_count > 0
               ? 0
               : tdm_api_refuse(mail->call, TDM_API_MISSING, "to", "You must specify a to value");
}

/* YYYY-MM-DD HH:MM:SS, in UTC */
static int mandrill_send_at(struct tdm_api_mail *mail, const char *at)
{
    static const char form[] = "0000-00-00 00:00:00";
    if (at == NULL) {
        return 0;
    }
    int good = strlen(at) == strlen(form);
    for (size_t i = 0; good && i < strlen(form); i++) {
        good = form[i] == '0' ? tdm_is_digit(at[i]) : at[i] == form[i];
    }
    return good ? tdm_api_mail_mark(mail, "Send-At", "%s", at)
                : tdm_api_refuse(mail->call, TDM_API_VALUE, "send_at",
                                 "not of the form YYYY-MM-DD HH:MM:SS");
}

/* One entry of the answer. `reason` NULL: it was taken. */
static void mandrill_entry(struct tdm_buf *body, const char *email, const char *status,
                           const char *reason)
{
    char id[33];
    tdm_api_hex(id, 16);
    tdm_buf_addf(body, "%s{\"email\":", body->length > 1 ? "," : "");
    tdm_api_quote(body, email);
    tdm_buf_addf(body, ",\"status\":\"%s\",\"_id\":\"%s\",\"reject_reason\":", status, id);
    if (reason != NULL) {
        tdm_buf_addf(body, "\"%s\"}", reason);
    } else {
        tdm_buf_add_str(body, "null}");
    }
}

static const char *mandrill_status(json_t *root, size_t recipients)
{
    int async = tdm_api_flag(root, "async");
    return tdm_api_get(root, "send_at") != NULL           ? "scheduled"
           : async == 1 || (async < 0 && recipients > 10) ? "queued"
                                                          : "sent";
}

/* A domain that is not verified refuses every recipient, with 200; `partial` the first one. */
static void mandrill_answer(struct tdm_api_mail *mail, json_t *root)
{
    struct tdm_api_call *call = mail->call;
    struct tdm_buf body;
    size_t count = mail->recipient_count;
    const char *status = mandrill_status(root, count);
    tdm_buf_init(&body, NULL, (size_t)4 << 20);
    tdm_buf_add_char(&body, '[');
    if (call->unverified) {
        for (size_t i = 0; i < count; i++) {
            mandrill_entry(&body, mail->recipients[i], "rejected", "unsigned");
        }
        mail->quiet = 1;
    } else if (call->partial) {
        const char *first = tdm_api_mail_refuse_first(mail);
        mandrill_entry(&body, first != NULL ? first : "", "rejected", "hard-bounce");
    }
    for (size_t i = 0; i < mail->recipient_count && !call->unverified; i++) {
        mandrill_entry(&body, mail->recipients[i], status, NULL);
    }
    tdm_buf_add_char(&body, ']');
    if (tdm_api_mail_keep(mail) == 0) {
        tdm_api_answer(call, 200, "", tdm_buf_text(&body));
    }
    tdm_buf_clear(&body);
}

static void mandrill_take(struct tdm_api_call *call, json_t *root, int raw)
{
    struct tdm_api_mail mail;
    struct tdm_buf rest; /* lives as long as the message */
    tdm_buf_init(&rest, NULL, (size_t)64 << 20);
    if (tdm_api_mail_begin(&mail, call) == 0 &&
        (raw ? mandrill_raw(&mail, root, &rest) : mandrill_mail(&mail, root)) == 0 &&
        mandrill_options(&mail, root) == 0 &&
        mandrill_send_at(&mail, tdm_api_text(root, "send_at")) == 0) {
        mandrill_answer(&mail, root);
    }
    tdm_api_mail_end(&mail);
    tdm_buf_clear(&rest);
}

/* Whatever else is in the body; one that is no object is refused for that. */
static int mandrill_refuses_key(struct tdm_api_call *call)
{
    const struct tdm_buf *body = &call->request->body;
    json_t *root = json_loadb(tdm_buf_text(body), body->length, 0, NULL);
    int refused = json_is_object(root) &&
                  tdm_api_check_key(call, tdm_api_text(root, "key")) != TDM_API_ACCEPTED;
    json_decref(root);
    return refused;
}

static void mandrill_serve(struct tdm_api_call *call)
{
    static const struct {
        const char *path;
        const struct tdm_api_member *members;
    } methods[] = {
        {"/api/1.0/messages/send.json", mandrill_send},
        {"/api/1.0/messages/send-template.json", mandrill_send_template},
        {"/api/1.0/messages/send-raw.json", mandrill_send_raw},
    };
    json_t *root = NULL;
    size_t i = 0;
    while (i < 3 && strcmp(call->request->path, methods[i].path) != 0) {
        i++;
    }
    if (i == 3) {
        tdm_api_refuse(call, TDM_API_PATH, "", "no such path");
        return;
    }
    if (tdm_api_is_post(call) != 0) {
        return;
    }
    if (mandrill_refuses_key(call)) { /* before it looks at the rest */
        tdm_api_answer(call, 401, "", MANDRILL_LOGIN);
        return;
    }
    if (tdm_api_json(call, methods[i].members, &root) != 0) {
        return;
    }
    if (i == 1 && !json_is_array(tdm_api_get(root, "template_content"))) {
        tdm_api_refuse(call, TDM_API_MISSING, "template_content",
                       "You must specify a template_content value");
    } else {
        mandrill_take(call, root, i == 2);
    }
    json_decref(root);
}

const struct tdm_double tdm_double_mandrill = {
    .scheme = "mandrill",
    .url = "mandrill://{key}@default{end}",
    .default_user = "",
    .max_request = REQUEST_MAX,
    .partial = 1,
    .unverified = 1,
    .canned = mandrill_canned,
    .claims = mandrill_claims,
    .serve = mandrill_serve,
    .refuse = mandrill_refuse,
};
