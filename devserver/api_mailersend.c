/* api_mailersend.c: the double of MailerSend's API (POST /v1/email):
 * https://developers.mailersend.com/api/v1/email.html */
#include <string.h>

#include "api.h"
#include "util/str.h"

#define TO_MAX 50
#define COPIES_MAX 10
#define TAGS_MAX 5
#define ATTACHMENTS_MAX ((size_t)25 << 20)
#define SEND_AT_AHEAD_S (72 * 3600)

/* clang-format off */
#define END {NULL, TDM_API_ANY, 0, NULL, 0}
/* clang-format on */

static const struct tdm_api_member mailersend_address[] = {
    {"email", TDM_API_TEXT, 1, NULL, 0},
    {"name", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailersend_attachment[] = {
    {"content", TDM_API_BASE64, 0, NULL, 0},
    {"filename", TDM_API_TEXT, 1, NULL, 0},
    {"disposition", TDM_API_TEXT, 0, NULL, 0},
    {"id", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailersend_header[] = {
    {"name", TDM_API_TEXT, 1, NULL, 0},
    {"value", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailersend_settings[] = {
    {"track_clicks", TDM_API_FLAG, 0, NULL, 0},
    {"track_opens", TDM_API_FLAG, 0, NULL, 0},
    {"track_content", TDM_API_FLAG, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailersend_personalization[] = {
    {"email", TDM_API_TEXT, 1, NULL, 0},
    {"data", TDM_API_MAP, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailersend_substitution[] = {
    {"var", TDM_API_TEXT, 1, NULL, 0},
    {"value", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailersend_variables[] = {
    {"email", TDM_API_TEXT, 1, NULL, 0},
    {"substitutions", TDM_API_OBJECTS, 0, mailersend_substitution, 0},
    END,
};
static const struct tdm_api_member mailersend_email[] = {
    {"from", TDM_API_OBJECT, 1, mailersend_address, 0},
    {"to", TDM_API_OBJECTS, 1, mailersend_address, TO_MAX},
    {"cc", TDM_API_OBJECTS, 0, mailersend_address, COPIES_MAX},
    {"bcc", TDM_API_OBJECTS, 0, mailersend_address, COPIES_MAX},
    {"reply_to", TDM_API_OBJECT, 0, mailersend_address, 0},
    {"subject", TDM_API_TEXT, 0, NULL, 0},
    {"text", TDM_API_TEXT, 0, NULL, 0},
    {"html", TDM_API_TEXT, 0, NULL, 0},
    {"attachments", TDM_API_OBJECTS, 0, mailersend_attachment, 0},
    {"headers", TDM_API_OBJECTS, 0, mailersend_header, 0},
    {"in_reply_to", TDM_API_TEXT, 0, NULL, 0},
    {"references", TDM_API_TEXTS, 0, NULL, 0},
    {"precedence_bulk", TDM_API_FLAG, 0, NULL, 0},
    {"list_unsubscribe", TDM_API_TEXT, 0, NULL, 0},
    {"tags", TDM_API_TEXTS, 0, NULL, 0},
    {"settings", TDM_API_OBJECT, 0, mailersend_settings, 0},
    {"template_id", TDM_API_TEXT, 0, NULL, 0},
    {"personalization", TDM_API_OBJECTS, 0, mailersend_personalization, 0},
    {"variables", TDM_API_OBJECTS, 0, mailersend_variables, 0},
    {"send_at", TDM_API_NUMBER, 0, NULL, 0},
    END,
};

#define MAILERSEND_INVALID(field, words)                                                           \
    "{\"message\":\"The given data was invalid.\",\"errors\":{\"" field "\":[\"" words "\"]}}"
#define MAILERSEND_LOGIN "{\"message\":\"Unauthenticated.\"}"

/* The words of the daily quota (its number is documented) and of 500 are ours. */
static const struct tdm_api_canned mailersend_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "", MAILERSEND_LOGIN},
    {TDM_API_FAULT_BAD_DATA, 422, "",
     MAILERSEND_INVALID("to.0.email", "The to.0.email must be a valid email address. #MS42208")},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 422, "",
     MAILERSEND_INVALID("from.email", "The from.email domain must be verified in your account to "
                                      "send emails. #MS42207")},
    {TDM_API_FAULT_RATE_LIMIT, 429,
     "x-ratelimit-limit: 120\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: {reset}\r\n"
     "retry-after: 60\r\n",
     "{\"message\":\"Your account reached its rate limit of 120 requests/min. Please wait before "
     "trying again. #MS42903\"}"},
    {TDM_API_FAULT_QUOTA, 429, "x-apiquota-remaining: 0\r\n",
     "{\"message\":\"Your account reached its daily quota of API requests. #MS42901\"}"},
    {TDM_API_FAULT_SERVER_ERROR, 500, "", "{\"message\":\"Server Error\"}"},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int mailersend_claims(const struct tdm_served_request *request)
{
    return strncmp(request->path, "/v1/", 4) == 0;
}

static void mailersend_invalid(struct tdm_api_call *call, const char *field, const char *words,
                               const char *code)
{
    struct tdm_buf body;
    struct tdm_buf text;
    tdm_buf_init(&body, NULL, 65536);
    tdm_buf_init(&text, NULL, 65536);
    tdm_buf_addf(&text, "%s%s%s", words, code[0] != '\0' ? " #" : "", code);
    tdm_buf_add_str(&body, "{\"message\":\"The given data was invalid.\",\"errors\":{");
    tdm_api_quote(&body, field[0] != '\0' ? field : "body");
    tdm_buf_add_str(&body, ":[");
    tdm_api_quote(&body, tdm_buf_text(&text));
    tdm_buf_add_str(&body, "]}}");
    tdm_api_answer(call, 422, "", tdm_buf_text(&body));
    tdm_buf_clear(&text);
    tdm_buf_clear(&body);
}

static void mailersend_refuse(struct tdm_api_call *call, enum tdm_api_refusal why,
                              const char *field, const char *words)
{
    static const char *const codes[] = {
        [TDM_API_PATH] = "",           [TDM_API_METHOD] = "",
        [TDM_API_MEDIA] = "",          [TDM_API_SYNTAX] = "",
        [TDM_API_UNKNOWN] = "",        [TDM_API_MISSING] = "MS42209",
        [TDM_API_TYPE] = "",           [TDM_API_VALUE] = "",
        [TDM_API_ADDRESS] = "MS42208", [TDM_API_DUPLICATE] = "MS42201",
        [TDM_API_LIMIT] = "MS42205",   [TDM_API_SIZE] = "MS42206",
        [TDM_API_FAILED] = "",
    };
    if (why == TDM_API_PATH) {
        tdm_api_answer(call, 404, "", "{\"message\":\"Resource not found.\"}");
    } else if (why == TDM_API_METHOD) {
        tdm_api_answer(call, 405, "", "{\"message\":\"The method is not allowed here.\"}");
    } else if (why == TDM_API_FAILED) {
        tdm_api_answer(call, 500, "", "{\"message\":\"Server Error\"}");
    } else if (why == TDM_API_MISSING) {
        mailersend_invalid(call, field, tdm_api_textf(call, "The %s field is required.", field),
                           "MS42209");
    } else if (why == TDM_API_ADDRESS) {
        mailersend_invalid(call, field,
                           tdm_api_textf(call, "The %s must be a valid email address.", field),
                           "MS42208");
    } else if (why == TDM_API_VALUE && strstr(words, "base64") != NULL) {
        mailersend_invalid(call, field, words, "MS42215");
    } else {
        mailersend_invalid(call, field, words, codes[why]);
    }
}

static int mailersend_mailbox(struct tdm_api_mail *mail, enum tdm_api_where where,
                              const char *field, json_t *address)
{
    const char *name = tdm_api_text(address, "name");
    if (name != NULL && strpbrk(name, ";,") != NULL) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, field,
                              "The name must not have a comma or a semicolon.");
    }
    return tdm_api_mail_pair(mail, where, field, tdm_api_text(address, "email"), name);
}

static int mailersend_list(struct tdm_api_mail *mail, enum tdm_api_where where, const char *name,
                           json_t *root)
{
    size_t index;
    json_t *item;
    json_array_foreach(tdm_api_get(root, name), index, item)
    {
        struct tdm_buf field;
        tdm_buf_init(&field, NULL, 64);
        tdm_buf_addf(&field, "%s.%z.email", name, index);
        int result = mailersend_mailbox(mail, where, tdm_buf_text(&field), item);
        tdm_buf_clear(&field);
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

static int mailersend_people(struct tdm_api_mail *mail, json_t *root)
{
    json_t *reply_to = tdm_api_get(root, "reply_to");
    if (mailersend_mailbox(mail, TDM_API_FROM, "from.email", tdm_api_get(root, "from")) != 0 ||
        mailersend_list(mail, TDM_API_TO, "to", root) != 0 ||
        mailersend_list(mail, TDM_API_CC, "cc", root) != 0 ||
        mailersend_list(mail, TDM_API_BCC, "bcc", root) != 0 ||
        tdm_api_mail_no_duplicates(mail, "to") != 0) {
        return -1;
    }
    return reply_to == NULL
               ? 0
               : mailersend_mailbox(mail, TDM_API_REPLY_TO, "reply_to.email", reply_to);
}

/* Values of the first recipient, whom all others equal where one message was meant. */
static int mailersend_template(struct tdm_api_mail *mail, json_t *root, const char *id)
{
    json_t *list = tdm_api_get(root, "personalization");
    if (id == NULL) {
        return tdm_api_mail_mark_option(mail, "personalization", list);
    }
    return tdm_api_mail_template(mail, id, tdm_api_get(json_array_get(list, 0), "data"));
}

static int mailersend_body(struct tdm_api_mail *mail, json_t *root)
{
    const char *subject = tdm_api_text(root, "subject");
    const char *text = tdm_api_text(root, "text");
    const char *html = tdm_api_text(root, "html");
    const char *id = tdm_api_text(root, "template_id");
    if (id == NULL && (subject == NULL || subject[0] == '\0')) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "subject", "no subject");
    }
    if (id == NULL && (text == NULL || text[0] == '\0') && (html == NULL || html[0] == '\0')) {
        mailersend_invalid(mail->call, "text",
                           "The text field is required when none of html / template_id are "
                           "present.",
                           "MS42211");
        return -1;
    }
    return mailersend_template(mail, root, id) != 0 ||
                   (subject != NULL && tdm_api_mail_subject(mail, "subject", subject) != 0) ||
                   (text != NULL && tdm_api_mail_text(mail, "text", text) != 0) ||
                   (html != NULL && tdm_api_mail_html(mail, "html", html) != 0)
               ? -1
               : 0;
}

/* What MailerSend has members for beside `headers`. */
static int mailersend_own_headers(struct tdm_api_mail *mail, json_t *root)
{
    const char *in_reply_to = tdm_api_text(root, "in_reply_to");
    const char *unsubscribe = tdm_api_text(root, "list_unsubscribe");
    json_t *references = tdm_api_get(root, "references");
    struct tdm_buf list;
    size_t index;
    json_t *item;
    int result = 0;
    if (in_reply_to != NULL) {
        result = tdm_api_mail_header(mail, "in_reply_to", "In-Reply-To", in_reply_to);
    }
    tdm_buf_init(&list, NULL, 65536);
    json_array_foreach(references, index, item)
    {
        tdm_buf_addf(&list, "%s%s", index > 0 ? " " : "", json_string_value(item));
    }
    if (result == 0 && list.length > 0) {
        result = tdm_api_mail_header(mail, "references", "References", tdm_buf_text(&list));
    }
    tdm_buf_clear(&list);
    if (result == 0 && unsubscribe != NULL) {
        result = tdm_api_mail_header(mail, "list_unsubscribe", "List-Unsubscribe", unsubscribe);
    }
    if (result == 0 && tdm_api_flag(root, "precedence_bulk") == 1) {
        result = tdm_api_mail_header(mail, "precedence_bulk", "Precedence", "bulk");
    }
    return result;
}

static int mailersend_headers(struct tdm_api_mail *mail, json_t *root)
{
    size_t index;
    json_t *item;
    json_array_foreach(tdm_api_get(root, "headers"), index, item)
    {
        const char *value = tdm_api_text(item, "value");
        if (tdm_api_mail_header(mail, "headers", tdm_api_text(item, "name"),
                                value != NULL ? value : "") != 0) {
            return -1;
        }
    }
    return mailersend_own_headers(mail, root);
}

/* The type follows from the name. */
static int mailersend_attachments(struct tdm_api_mail *mail, json_t *list)
{
    size_t index;
    json_t *item;
    size_t size = 0;
    json_array_foreach(list, index, item)
    {
        const char *content = tdm_api_text(item, "content");
        const char *disposition = tdm_api_text(item, "disposition");
        struct tdm_api_file file = {0};
        file.name = tdm_api_text(item, "filename");
        file.content_id = tdm_api_text(item, "id");
        file.is_inline = disposition != NULL && strcmp(disposition, "inline") == 0;
        if (content == NULL) {
            return tdm_api_refuse(mail->call, TDM_API_MISSING, "attachments.content", "no content");
        }
        if (disposition != NULL && !file.is_inline && strcmp(disposition, "attachment") != 0) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "attachments.disposition",
                                  "The selected disposition is invalid.");
        }
        if (file.is_inline && file.content_id == NULL) {
            return tdm_api_refuse(mail->call, TDM_API_MISSING, "attachments.id", "no id");
        }
        size += strlen(content) / 4 * 3;
        if (size > ATTACHMENTS_MAX) {
            return tdm_api_refuse(mail->call, TDM_API_SIZE, "attachments",
                                  "The attachments must not be larger than 25 MB.");
        }
        if (tdm_api_mail_file64(mail, "attachments", file, content) != 0) {
            return -1;
        }
    }
    return 0;
}

static int mailersend_send_at(struct tdm_api_mail *mail, json_t *at)
{
    int64_t then = json_integer_value(at);
    if (at == NULL) {
        return 0;
    }
    if (then < mail->call->now_s - 60 || then > mail->call->now_s + SEND_AT_AHEAD_S) {
        mailersend_invalid(mail->call, "send_at",
                           "The send_at must be between now and 72 hours ahead.",
                           then < mail->call->now_s ? "MS42218" : "MS42219");
        return -1;
    }
    return tdm_api_mail_mark(mail, "Send-At", "%l", then);
}

static int mailersend_marks(struct tdm_api_mail *mail, json_t *root)
{
    json_t *settings = tdm_api_get(root, "settings");
    json_t *tags = tdm_api_get(root, "tags");
    if (json_array_size(tags) > TAGS_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "tags",
                              "The tags must not have more than 5 items.");
    }
    if (tdm_api_mail_mark_tags(mail, tags) != 0 ||
        tdm_api_mail_mark_tracking(mail, tdm_api_flag(settings, "track_opens"),
                                   tdm_api_flag(settings, "track_clicks")) != 0 ||
        tdm_api_mail_mark_option(mail, "track_content", tdm_api_get(settings, "track_content")) !=
            0 ||
        tdm_api_mail_mark_option(mail, "variables", tdm_api_get(root, "variables")) != 0) {
        return -1;
    }
    return mailersend_send_at(mail, tdm_api_get(root, "send_at"));
}

/* 202; with `partial` one recipient is on the list of those who get nothing. */
static void mailersend_answer(struct tdm_api_mail *mail)
{
    struct tdm_api_call *call = mail->call;
    struct tdm_buf fields;
    struct tdm_buf body;
    char id[25];
    int none_left = 0;
    tdm_buf_init(&fields, NULL, 512);
    tdm_buf_init(&body, NULL, 65536);
    tdm_api_hex(id, 12);
    if (call->partial) {
        const char *first = tdm_api_mail_refuse_first(mail);
        none_left = mail->recipient_count == 0;
        tdm_buf_addf(&body,
                     "{\"message\":\"There are some warnings for your request.\",\"warnings\":"
                     "[{\"type\":\"%s_SUPPRESSED\",\"recipients\":[{\"email\":",
                     none_left ? "ALL" : "SOME");
        tdm_api_quote(&body, first != NULL ? first : "");
        tdm_buf_add_str(&body, ",\"reasons\":[\"hard_bounced\"]}]}]}");
    } else {
        tdm_buf_add_str(&fields, "Content-Type: text/html; charset=UTF-8\r\n");
    }
    if (!none_left) {
        tdm_buf_addf(&fields, "x-message-id: %s\r\n", id);
    }
    if (tdm_api_mail_keep(mail) == 0) {
        tdm_api_answer(call, 202, tdm_buf_text(&fields), tdm_buf_text(&body));
    }
    tdm_buf_clear(&fields);
    tdm_buf_clear(&body);
}

static void mailersend_serve(struct tdm_api_call *call)
{
    json_t *root = NULL;
    struct tdm_api_mail mail;
    if (strcmp(call->request->path, "/v1/email") != 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "no such path");
        return;
    }
    if (tdm_api_is_post(call) != 0) {
        return;
    }
    if (tdm_api_check_key(call, tdm_api_bearer(call)) != TDM_API_ACCEPTED) {
        tdm_api_answer(call, 401, "", MAILERSEND_LOGIN);
        return;
    }
    if (tdm_api_json(call, mailersend_email, &root) != 0) {
        return;
    }
    if (tdm_api_mail_begin(&mail, call) == 0 && mailersend_people(&mail, root) == 0 &&
        mailersend_body(&mail, root) == 0 && mailersend_headers(&mail, root) == 0 &&
        mailersend_attachments(&mail, tdm_api_get(root, "attachments")) == 0 &&
        mailersend_marks(&mail, root) == 0) {
        mailersend_answer(&mail);
    }
    tdm_api_mail_end(&mail);
    json_decref(root);
}

const struct tdm_double tdm_double_mailersend = {
    .scheme = "mailersend",
    .url = "mailersend://{key}@default{end}",
    .default_user = "",
    .max_request = 0,
    .partial = 1,
    .canned = mailersend_canned,
    .claims = mailersend_claims,
    .serve = mailersend_serve,
    .refuse = mailersend_refuse,
};
