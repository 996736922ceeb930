/* api_sendgrid.c: the double of SendGrid (v3 mail/send):
 * https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send */
#include <string.h>

#include "api.h"
#include "util/str.h"

#define REQUEST_MAX ((size_t)30 << 20)
#define RECIPIENTS_MAX 1000
#define CATEGORIES_MAX 10
#define ARGS_MAX 10000
#define SEND_AT_AHEAD_S (72 * 3600)

#define END                                                                                        \
    {                                                                                              \
        NULL, TDM_API_ANY, 0, NULL, 0                                                              \
    }

static const struct tdm_api_member sendgrid_address[] = {
    {"email", TDM_API_TEXT, 1, NULL, 0},
    {"name", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_personalization[] = {
    {"to", TDM_API_OBJECTS, 0, sendgrid_address, 0},
    {"from", TDM_API_OBJECT, 0, sendgrid_address, 0},
    {"cc", TDM_API_OBJECTS, 0, sendgrid_address, 0},
    {"bcc", TDM_API_OBJECTS, 0, sendgrid_address, 0},
    {"subject", TDM_API_TEXT, 0, NULL, 0},
    {"headers", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"substitutions", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"dynamic_template_data", TDM_API_MAP, 0, NULL, 0},
    {"custom_args", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"send_at", TDM_API_NUMBER, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_content[] = {
    {"type", TDM_API_TEXT, 1, NULL, 0},
    {"value", TDM_API_TEXT, 1, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_attachment[] = {
    {"content", TDM_API_BASE64, 1, NULL, 0},  {"filename", TDM_API_TEXT, 1, NULL, 0},
    {"type", TDM_API_TEXT, 0, NULL, 0},       {"disposition", TDM_API_TEXT, 0, NULL, 0},
    {"content_id", TDM_API_TEXT, 0, NULL, 0}, END,
};
static const struct tdm_api_member sendgrid_asm[] = {
    {"group_id", TDM_API_NUMBER, 1, NULL, 0},
    {"groups_to_display", TDM_API_ANY, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_switch[] = {
    {"enable", TDM_API_FLAG, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_footer[] = {
    {"enable", TDM_API_FLAG, 0, NULL, 0},
    {"text", TDM_API_TEXT, 0, NULL, 0},
    {"html", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_mail_settings[] = {
    {"bypass_list_management", TDM_API_OBJECT, 0, sendgrid_switch, 0},
    {"bypass_spam_management", TDM_API_OBJECT, 0, sendgrid_switch, 0},
    {"bypass_bounce_management", TDM_API_OBJECT, 0, sendgrid_switch, 0},
    {"bypass_unsubscribe_management", TDM_API_OBJECT, 0, sendgrid_switch, 0},
    {"footer", TDM_API_OBJECT, 0, sendgrid_footer, 0},
    {"sandbox_mode", TDM_API_OBJECT, 0, sendgrid_switch, 0},
    END,
};
static const struct tdm_api_member sendgrid_clicks[] = {
    {"enable", TDM_API_FLAG, 0, NULL, 0},
    {"enable_text", TDM_API_FLAG, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_opens[] = {
    {"enable", TDM_API_FLAG, 0, NULL, 0},
    {"substitution_tag", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_subscriptions[] = {
    {"enable", TDM_API_FLAG, 0, NULL, 0},
    {"text", TDM_API_TEXT, 0, NULL, 0},
    {"html", TDM_API_TEXT, 0, NULL, 0},
    {"substitution_tag", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_analytics[] = {
    {"enable", TDM_API_FLAG, 0, NULL, 0},
    {"utm_source", TDM_API_TEXT, 0, NULL, 0},
    {"utm_medium", TDM_API_TEXT, 0, NULL, 0},
    {"utm_term", TDM_API_TEXT, 0, NULL, 0},
    {"utm_content", TDM_API_TEXT, 0, NULL, 0},
    {"utm_campaign", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sendgrid_tracking[] = {
    {"click_tracking", TDM_API_OBJECT, 0, sendgrid_clicks, 0},
    {"open_tracking", TDM_API_OBJECT, 0, sendgrid_opens, 0},
    {"subscription_tracking", TDM_API_OBJECT, 0, sendgrid_subscriptions, 0},
    {"ganalytics", TDM_API_OBJECT, 0, sendgrid_analytics, 0},
    END,
};
static const struct tdm_api_member sendgrid_mail[] = {
    {"personalizations", TDM_API_OBJECTS, 1, sendgrid_personalization, 1000},
    {"from", TDM_API_OBJECT, 1, sendgrid_address, 0},
    {"reply_to", TDM_API_OBJECT, 0, sendgrid_address, 0},
    {"reply_to_list", TDM_API_OBJECTS, 0, sendgrid_address, 1000},
    {"subject", TDM_API_TEXT, 0, NULL, 0},
    {"content", TDM_API_OBJECTS, 0, sendgrid_content, 0},
    {"attachments", TDM_API_OBJECTS, 0, sendgrid_attachment, 0},
    {"template_id", TDM_API_TEXT, 0, NULL, 0},
    {"headers", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"categories", TDM_API_TEXTS, 0, NULL, 255},
    {"custom_args", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"send_at", TDM_API_NUMBER, 0, NULL, 0},
    {"batch_id", TDM_API_TEXT, 0, NULL, 0},
    {"asm", TDM_API_OBJECT, 0, sendgrid_asm, 0},
    {"ip_pool_name", TDM_API_TEXT, 0, NULL, 64},
    {"mail_settings", TDM_API_OBJECT, 0, sendgrid_mail_settings, 0},
    {"tracking_settings", TDM_API_OBJECT, 0, sendgrid_tracking, 0},
    END,
};

#define SENDGRID_ERROR(message, field)                                                             \
    "{\"errors\":[{\"message\":\"" message "\",\"field\":" field ",\"help\":null}]}"
#define SENDGRID_LOGIN                                                                             \
    SENDGRID_ERROR("The provided authorization grant is invalid, expired, or revoked", "null")

static const struct tdm_api_canned sendgrid_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "", SENDGRID_LOGIN},
    {TDM_API_FAULT_BAD_DATA, 400, "",
     "{\"errors\":[{\"message\":\"The to array is required for all personalization objects, and "
     "must have at least one email object with a valid email address.\",\"field\":"
     "\"personalizations.1.to\",\"help\":\"http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/"
     "errors.html#message.personalizations.to\"}]}"},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 403, "",
     SENDGRID_ERROR("The from address does not match a verified Sender Identity. Mail cannot be "
                    "sent until this error is resolved. Visit "
                    "https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to "
                    "see the Sender Identity requirements",
                    "\"from\"")},
    {TDM_API_FAULT_RATE_LIMIT, 429,
     "X-RateLimit-Limit: 600\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: {reset}\r\n",
     "{\"errors\":[{\"field\":null,\"message\":\"too many requests\"}]}"},
    {TDM_API_FAULT_QUOTA, 401, "", SENDGRID_ERROR("Maximum credits exceeded", "null")},
    {TDM_API_FAULT_SERVER_ERROR, 500, "", SENDGRID_ERROR("Internal Server Error", "null")},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int sendgrid_claims(const struct tdm_served_request *request)
{
    return strncmp(request->path, "/v3/mail/", 9) == 0;
}

static void sendgrid_error(struct tdm_api_call *call, int status, const char *field,
                           const char *message)
{
    struct tdm_buf body;
    tdm_buf_init(&body, NULL, 8192);
    tdm_buf_add_str(&body, "{\"errors\":[{\"message\":");
    tdm_api_quote(&body, message);
    tdm_buf_add_str(&body, ",\"field\":");
    if (field[0] != '\0') {
        tdm_api_quote(&body, field);
    } else {
        tdm_buf_add_str(&body, "null");
    }
    tdm_buf_add_str(&body, ",\"help\":null}]}");
    tdm_api_answer(call, status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
}

static void sendgrid_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                            const char *words)
{
    static const int statuses[] = {
        [TDM_API_PATH] = 404,   [TDM_API_METHOD] = 405,    [TDM_API_MEDIA] = 415,
        [TDM_API_SYNTAX] = 400, [TDM_API_UNKNOWN] = 400,   [TDM_API_MISSING] = 400,
        [TDM_API_TYPE] = 400,   [TDM_API_VALUE] = 400,     [TDM_API_ADDRESS] = 400,
        [TDM_API_LIMIT] = 400,  [TDM_API_DUPLICATE] = 400, [TDM_API_SIZE] = 413,
        [TDM_API_FAILED] = 500,
    };
    const char *last = strrchr(field, '.');
    if (why == TDM_API_ADDRESS) {
        sendgrid_error(call, 400, field, "Does not contain a valid address.");
    } else if (why == TDM_API_DUPLICATE) {
        sendgrid_error(call, 400, field,
                       tdm_api_textf(call,
                                     "Each email address in the personalization block should be "
                                     "unique between to, cc, and bcc. We found the first duplicate "
                                     "instance of [%s] in the %s field.",
                                     words, field));
    } else if (why == TDM_API_SYNTAX ||
               (why == TDM_API_TYPE &&
                (strstr(field, "custom_args.") != NULL || strstr(field, "headers.") != NULL ||
                 strstr(field, "substitutions.") != NULL))) {
        sendgrid_error(call, 400, "", "Bad Request");
    } else if (why == TDM_API_MISSING && strncmp(field, "content.", 8) == 0 && last != NULL &&
               strcmp(last, ".value") == 0) {
        sendgrid_error(call, 400, field,
                       "The content value must be a string at least one character in length.");
    } else {
        sendgrid_error(call, statuses[why], field, words);
    }
}

/* {email, name}; `field` names it. */
static int sendgrid_mailbox(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                            json_t *address)
{
    const char *email = tdm_api_text(address, "email");
    const char *name = tdm_api_text(address, "name");
    int recipient = where != TDM_API_FROM && where != TDM_API_REPLY_TO;
    if (recipient && name != NULL && strpbrk(name, ";,") != NULL) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, field,
                              "The name field cannot contain the ; or , characters.");
    }
    if (where == TDM_API_FROM && tdm_has_8bit(email, strlen(email))) {
        return tdm_api_refuse(mail->call, TDM_API_ADDRESS, field, "no Unicode here");
    }
    return tdm_api_mail_pair(mail, where, field, email, name);
}

static int sendgrid_recipients(struct tdm_api_mail *mail, json_t *block, size_t index,
                               enum tdm_api_where where, const char *name)
{
    char field[64];
    struct tdm_buf path;
    size_t i;
    json_t *item;
    int result = 0;
    tdm_buf_init(&path, NULL, sizeof(field) - 1);
    tdm_buf_addf(&path, "personalizations.%z.%s", index, name);
    memcpy(field, tdm_buf_text(&path), path.length + 1);
    json_array_foreach(tdm_api_get(block, name), i, item)
    {
        tdm_buf_reset(&path);
        tdm_buf_addf(&path, "%s.%z.email", field, i);
        if (sendgrid_mailbox(mail, where, tdm_buf_text(&path), item) != 0) {
            result = -1;
            break;
        }
    }
    tdm_buf_clear(&path);
    return result == 0 ? tdm_api_mail_no_duplicates(mail, field) : result;
}

static int sendgrid_headers(struct tdm_api_mail *mail, json_t *headers)
{
    static const char *const reserved[] = {"x-sg-id",      "x-sg-eid",
                                           "received",     "dkim-signature",
                                           "Content-Type", "Content-Transfer-Encoding",
                                           "To",           "From",
                                           "Subject",      "Reply-To",
                                           "CC",           "BCC"};
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value)
    {
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
            if (tdm_equal_nocase(name, reserved[i])) {
                return tdm_api_refuse(mail->call, TDM_API_VALUE, "headers",
                                      "The header %s is reserved and cannot be used.", name);
            }
        }
        if (tdm_api_mail_header(mail, "headers", name, json_string_value(value)) != 0) {
            return -1;
        }
    }
    return 0;
}

static int sendgrid_args(struct tdm_api_mail *mail, json_t *args)
{
    const char *name;
    json_t *value;
    size_t size = 0;
    json_object_foreach(args, name, value)
    {
        size += strlen(name) + json_string_length(value);
    }
    if (size > ARGS_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "custom_args",
                              "The combined size of custom_args is more than 10,000 bytes.");
    }
    return tdm_api_mail_mark_metadata(mail, args);
}

static int sendgrid_rank(const char *type)
{
    return tdm_equal_nocase(type, "text/plain") ? 1 : tdm_equal_nocase(type, "text/html") ? 2 : 3;
}

/* text/plain, text/html, then the others, such as an invitation. */
static int sendgrid_texts(struct tdm_api_mail *mail, json_t *content)
{
    size_t index;
    json_t *item;
    int rank = 0;
    int others = 0;
    json_array_foreach(content, index, item)
    {
        others |= sendgrid_rank(tdm_api_text(item, "type")) > 2;
    }
    json_array_foreach(content, index, item)
    {
        const char *type = tdm_api_text(item, "type");
        const char *value = tdm_api_text(item, "value");
        int mine = sendgrid_rank(type);
        int result = 0;
        if (mine < rank || (mine == rank && mine < 3)) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "content",
                                  "Following RFC 1341, section 7.2, if either text/html or "
                                  "text/plain are to be sent in your email: text/plain needs to be "
                                  "first, followed by text/html, followed by any other content.");
        }
        rank = mine;
        if (others) {
            result = tdm_api_mail_alternative(mail, "content", type, value);
        } else if (mine == 1) {
            result = tdm_api_mail_text(mail, "content", value);
        } else {
            result = tdm_api_mail_html(mail, "content", value);
        }
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

static int sendgrid_attachments(struct tdm_api_mail *mail, json_t *list)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *disposition = tdm_api_text(item, "disposition");
        struct tdm_api_file file = {0};
        file.name = tdm_api_text(item, "filename");
        file.type = tdm_api_text(item, "type");
        file.content_id = tdm_api_text(item, "content_id");
        file.is_inline = disposition != NULL && strcmp(disposition, "inline") == 0;
        if (disposition != NULL && !file.is_inline && strcmp(disposition, "attachment") != 0) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "attachments",
                                  "The attachment disposition must be inline or attachment.");
        }
        if (tdm_api_mail_file64(mail, "attachments", file, tdm_api_text(item, "content")) != 0) {
            return -1;
        }
    }
    return 0;
}

static int sendgrid_send_at(struct tdm_api_mail *mail, json_t *block, json_t *root)
{
    json_t *at = tdm_api_get(block, "send_at");
    at = at != NULL ? at : tdm_api_get(root, "send_at");
    if (at == NULL) {
        return 0;
    }
    if (json_integer_value(at) > mail->call->now_s + SEND_AT_AHEAD_S) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "send_at",
                              "The send_at value is more than 72 hours in the future.");
    }
    return tdm_api_mail_mark(mail, "Send-At", "%l", (int64_t)json_integer_value(at));
}

static int sendgrid_enabled(json_t *settings, const char *name)
{
    json_t *found = tdm_api_get(settings, name);
    return found != NULL ? tdm_api_flag(found, "enable") : -1;
}

static int sendgrid_marks(struct tdm_api_mail *mail, json_t *root)
{
    static const char *const options[] = {"batch_id", "asm", "ip_pool_name"};
    json_t *categories = tdm_api_get(root, "categories");
    json_t *tracking = tdm_api_get(root, "tracking_settings");
    json_t *settings = tdm_api_get(root, "mail_settings");
    const char *name;
    json_t *value;
    if (json_array_size(categories) > CATEGORIES_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "categories",
                              "The categories array has more than 10 items.");
    }
    if (tdm_api_mail_mark_tags(mail, categories) != 0 ||
        sendgrid_args(mail, tdm_api_get(root, "custom_args")) != 0 ||
        tdm_api_mail_mark_tracking(mail, sendgrid_enabled(tracking, "open_tracking"),
                                   sendgrid_enabled(tracking, "click_tracking")) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (tdm_api_mail_mark_option(mail, options[i], tdm_api_get(root, options[i])) != 0) {
            return -1;
        }
    }
    json_object_foreach(settings, name, value)
    {
        if (strcmp(name, "sandbox_mode") != 0 && tdm_api_mail_mark_option(mail, name, value) != 0) {
            return -1;
        }
    }
    return sendgrid_enabled(settings, "sandbox_mode") == 1
               ? tdm_api_mail_mark(mail, "Sandbox", "yes")
               : 0;
}

static int sendgrid_reply_to(struct tdm_api_mail *mail, json_t *root)
{
    json_t *one = tdm_api_get(root, "reply_to");
    json_t *many = tdm_api_get(root, "reply_to_list");
    size_t index;
    json_t *item;
    if (one != NULL && many != NULL) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "reply_to",
                              "reply_to and reply_to_list cannot both be there.");
    }
    if (one != NULL) {
        return sendgrid_mailbox(mail, TDM_API_REPLY_TO, "reply_to.email", one);
    }
    json_array_foreach(many, index, item)
    {
        if (sendgrid_mailbox(mail, TDM_API_REPLY_TO, "reply_to_list", item) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Subject and texts, or a template. */
static int sendgrid_body(struct tdm_api_mail *mail, json_t *block, json_t *root)
{
    const char *subject = tdm_api_text(block, "subject");
    const char *chosen = tdm_api_text(root, "template_id");
    json_t *content = tdm_api_get(root, "content");
    subject = subject != NULL ? subject : tdm_api_text(root, "subject");
    if (chosen == NULL && (subject == NULL || subject[0] == '\0')) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "subject",
                              "The subject is required. You can get around this requirement if "
                              "you use a template with a subject defined or if every "
                              "personalization has a subject defined.");
    }
    if (chosen == NULL && json_array_size(content) == 0) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "content",
                              "Unless a valid template_id is provided, the content parameter is "
                              "required. There must be at least one defined content block.");
    }
    if (chosen != NULL &&
        tdm_api_mail_template(mail, chosen, tdm_api_get(block, "dynamic_template_data")) != 0) {
        return -1;
    }
    if (subject != NULL && tdm_api_mail_subject(mail, "subject", subject) != 0) {
        return -1;
    }
    return sendgrid_texts(mail, content) != 0
               ? -1
               : sendgrid_attachments(mail, tdm_api_get(root, "attachments"));
}

/* One personalization is one message. */
static int sendgrid_make(struct tdm_api_mail *mail, json_t *root, size_t index)
{
    json_t *block = json_array_get(json_object_get(root, "personalizations"), index);
    json_t *from = tdm_api_get(block, "from");
    from = from != NULL ? from : json_object_get(root, "from");
    if (json_array_size(tdm_api_get(block, "to")) == 0) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING,
                              tdm_api_textf(mail->call, "personalizations.%z.to", index),
                              "The to array is required for all personalization objects, and must "
                              "have at least one email object with a valid email address.");
    }
    if (sendgrid_mailbox(mail, TDM_API_FROM, "from.email", from) != 0 ||
        sendgrid_recipients(mail, block, index, TDM_API_TO, "to") != 0 ||
        sendgrid_recipients(mail, block, index, TDM_API_CC, "cc") != 0 ||
        sendgrid_recipients(mail, block, index, TDM_API_BCC, "bcc") != 0 ||
        sendgrid_reply_to(mail, root) != 0 || sendgrid_marks(mail, root) != 0 ||
        sendgrid_args(mail, tdm_api_get(block, "custom_args")) != 0 ||
        sendgrid_send_at(mail, block, root) != 0 || sendgrid_body(mail, block, root) != 0 ||
        sendgrid_headers(mail, tdm_api_get(root, "headers")) != 0 ||
        sendgrid_headers(mail, tdm_api_get(block, "headers")) != 0) {
        return -1;
    }
    return 0;
}

/* All are checked before the first is kept: it is one request. */
static int sendgrid_all(struct tdm_api_call *call, json_t *root)
{
    size_t count = json_array_size(json_object_get(root, "personalizations"));
    size_t recipients = 0;
    int result = 0;
    for (size_t i = 0; i < 2 * count && result == 0; i++) {
        struct tdm_api_mail mail;
        result = tdm_api_mail_begin(&mail, call);
        mail.quiet = i < count;
        if (result == 0) {
            result = sendgrid_make(&mail, root, i % count);
        }
        recipients += mail.quiet ? mail.recipient_count : 0;
        if (result == 0 && recipients > RECIPIENTS_MAX) {
            result = tdm_api_refuse(call, TDM_API_LIMIT, "personalizations",
                                    "There are more than 1000 recipients.");
        }
        if (result == 0) {
            result = tdm_api_mail_keep(&mail);
        }
        tdm_api_mail_end(&mail);
    }
    return result;
}

static void sendgrid_send(struct tdm_api_call *call, json_t *root)
{
    char id[23];
    if (sendgrid_all(call, root) != 0) {
        return;
    }
    if (sendgrid_enabled(tdm_api_get(root, "mail_settings"), "sandbox_mode") == 1) {
        tdm_api_answer(call, 200, "", "");
        return;
    }
    tdm_api_hex(id, 11);
    tdm_api_answer(call, 202, tdm_api_textf(call, "X-Message-Id: %s\r\n", id), "");
}

static void sendgrid_serve(struct tdm_api_call *call)
{
    json_t *root = NULL;
    if (strcmp(call->request->path, "/v3/mail/send") != 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "not found");
        return;
    }
    if (tdm_api_is_post(call) != 0) {
        return;
    }
    if (tdm_api_check_key(call, tdm_api_bearer(call)) != TDM_API_ACCEPTED) {
        tdm_api_answer(call, 401, "", SENDGRID_LOGIN);
        return;
    }
    if (tdm_served_field(call->request, "Accept") == NULL) {
        sendgrid_error(call, 406, "", "Missing Accept header.");
        return;
    }
    if (tdm_api_json(call, sendgrid_mail, &root) == 0) {
        sendgrid_send(call, root);
    }
    json_decref(root);
}

const struct tdm_double tdm_double_sendgrid = {
    .scheme = "sendgrid",
    .url = "sendgrid://{key}@default{end}",
    .default_user = "",
    .max_request = REQUEST_MAX,
    .partial = 0,
    .canned = sendgrid_canned,
    .claims = sendgrid_claims,
    .serve = sendgrid_serve,
    .refuse = sendgrid_refuse,
};
