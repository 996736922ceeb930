/* api_brevo.c: the double of Brevo's API (POST /v3/smtp/email):
 * https://developers.brevo.com/reference/sendtransacemail */
#include <string.h>

#include "api.h"
#include "util/str.h"

#define REQUEST_MAX ((size_t)20 << 20)
#define NAME_MAX_CHARACTERS 70
#define RECIPIENTS_MAX 99

/* clang-format off */
#define END {NULL, TDM_API_ANY, 0, NULL, 0}
/* clang-format on */

static const struct tdm_api_member brevo_sender[] = {
    {"email", TDM_API_TEXT, 0, NULL, 0},
    {"name", TDM_API_TEXT, 0, NULL, 0},
    {"id", TDM_API_NUMBER, 0, NULL, 0},
    END,
};
static const struct tdm_api_member brevo_address[] = {
    {"email", TDM_API_TEXT, 1, NULL, 0},
    {"name", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member brevo_attachment[] = {
    {"name", TDM_API_TEXT, 1, NULL, 0},
    {"content", TDM_API_BASE64, 0, NULL, 0},
    {"url", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member brevo_email[] = {
    {"sender", TDM_API_OBJECT, 0, brevo_sender, 0},
    {"to", TDM_API_OBJECTS, 0, brevo_address, 0},
    {"cc", TDM_API_OBJECTS, 0, brevo_address, 0},
    {"bcc", TDM_API_OBJECTS, 0, brevo_address, 0},
    {"replyTo", TDM_API_OBJECT, 0, brevo_address, 0},
    {"subject", TDM_API_TEXT, 0, NULL, 0},
    {"htmlContent", TDM_API_TEXT, 0, NULL, 0},
    {"textContent", TDM_API_TEXT, 0, NULL, 0},
    {"attachment", TDM_API_OBJECTS, 0, brevo_attachment, 0},
    {"headers", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"tags", TDM_API_TEXTS, 0, NULL, 0},
    {"templateId", TDM_API_NUMBER, 0, NULL, 0},
    {"params", TDM_API_MAP, 0, NULL, 0},
    {"scheduledAt", TDM_API_TEXT, 0, NULL, 0},
    {"batchId", TDM_API_TEXT, 0, NULL, 36},
    END,
};

#define BREVO_ERROR(code, message) "{\"code\":\"" code "\",\"message\":\"" message "\"}"
#define BREVO_LOGIN(message) "{\"message\":\"" message "\",\"code\":\"unauthorized\"}"

static const struct tdm_api_canned brevo_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "", BREVO_LOGIN("Key not found")},
    {TDM_API_FAULT_BAD_DATA, 400, "", BREVO_ERROR("missing_parameter", "subject is required")},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 400, "",
     BREVO_ERROR("invalid_parameter", "valid sender email required")},
    {TDM_API_FAULT_RATE_LIMIT, 429,
     "x-sib-ratelimit-limit: 1000\r\nx-sib-ratelimit-remaining: 0\r\nx-sib-ratelimit-reset: 60\r\n",
     BREVO_ERROR("too_many_requests", "The expected rate limit is exceeded.")},
    /* the code is Brevo's, the words are not documented */
    {TDM_API_FAULT_QUOTA, 402, "",
     BREVO_ERROR("not_enough_credits", "You do not have enough credits to send this email.")},
    {TDM_API_FAULT_SERVER_ERROR, 500, "",
     BREVO_ERROR("internal_server_error", "Internal server error")},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int brevo_claims(const struct tdm_served_request *request)
{
    return strncmp(request->path, "/v3/smtp/", 9) == 0;
}

static void brevo_error(struct tdm_api_call *call, int status, const char *code,
                        const char *message)
{
    struct tdm_buf body;
    tdm_buf_init(&body, NULL, 8192);
    tdm_buf_addf(&body, "{\"code\":\"%s\",\"message\":", code);
    tdm_api_quote(&body, message);
    tdm_buf_add_char(&body, '}');
    tdm_api_answer(call, status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
}

static void brevo_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                         const char *words)
{
    static const struct {
        int status;
        const char *code;
    } errors[] = {
        [TDM_API_PATH] = {404, "document_not_found"},
        [TDM_API_METHOD] = {405, "method_not_allowed"},
        [TDM_API_MEDIA] = {400, "bad_request"},
        [TDM_API_SYNTAX] = {400, "bad_request"},
        [TDM_API_UNKNOWN] = {400, "invalid_parameter"},
        [TDM_API_MISSING] = {400, "missing_parameter"},
        [TDM_API_TYPE] = {400, "invalid_parameter"},
        [TDM_API_VALUE] = {400, "invalid_parameter"},
        [TDM_API_ADDRESS] = {400, "invalid_parameter"},
        [TDM_API_DUPLICATE] = {400, "duplicate_parameter"},
        [TDM_API_LIMIT] = {400, "out_of_range"},
        [TDM_API_SIZE] = {413, "bad_request"},
        [TDM_API_FAILED] = {500, "internal_server_error"},
    };
    const char *message = words;
    if (why == TDM_API_MISSING) {
        message = tdm_api_textf(call, "%s is required", field);
    } else if (why == TDM_API_ADDRESS && strcmp(field, "sender.email") == 0) {
        message = "valid sender email required";
    } else if (why == TDM_API_ADDRESS) {
        message = tdm_api_textf(call, "email is not valid in %s", field);
    }
    brevo_error(call, errors[why].status, errors[why].code, message);
}

static size_t brevo_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return count;
}

static int brevo_list(struct tdm_api_mail *mail, enum tdm_api_where where, const char *name,
                      json_t *root)
{
    size_t index;
    json_t *item;
    json_array_foreach(tdm_api_get(root, name), index, item)
    {
        const char *person = tdm_api_text(item, "name");
        if (where == TDM_API_TO && person != NULL &&
            brevo_characters(person) > NAME_MAX_CHARACTERS) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, name,
                                  "You can have max 70 character in to name");
        }
        if (tdm_api_mail_pair(mail, where, name, tdm_api_text(item, "email"), person) != 0) {
            return -1;
        }
    }
    return 0;
}

static int brevo_people(struct tdm_api_mail *mail, json_t *root)
{
    json_t *sender = tdm_api_get(root, "sender");
    json_t *reply_to = tdm_api_get(root, "replyTo");
    const char *email = tdm_api_text(sender, "email");
    if (email == NULL) { /* an `id` alone names a sender that is set at Brevo: there is none here */
        return tdm_api_refuse(mail->call, TDM_API_ADDRESS, "sender.email", "no sender");
    }
    if (json_array_size(tdm_api_get(root, "to")) == 0) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "to", "'to' is missing");
    }
    if (tdm_api_mail_pair(mail, TDM_API_FROM, "sender.email", email,
                          tdm_api_text(sender, "name")) != 0 ||
        brevo_list(mail, TDM_API_TO, "to", root) != 0 ||
        brevo_list(mail, TDM_API_CC, "cc", root) != 0 ||
        brevo_list(mail, TDM_API_BCC, "bcc", root) != 0) {
        return -1;
    }
    if (mail->recipient_count > RECIPIENTS_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "to", "more than 99 recipients");
    }
    return reply_to == NULL
               ? 0
               : tdm_api_mail_pair(mail, TDM_API_REPLY_TO, "replyTo",
                                   tdm_api_text(reply_to, "email"), tdm_api_text(reply_to, "name"));
}

static int brevo_body(struct tdm_api_mail *mail, json_t *root)
{
    const char *subject = tdm_api_text(root, "subject");
    const char *text = tdm_api_text(root, "textContent");
    const char *html = tdm_api_text(root, "htmlContent");
    json_t *chosen = tdm_api_get(root, "templateId");
    if (chosen == NULL && (subject == NULL || subject[0] == '\0')) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "subject", "no subject");
    }
    if (chosen == NULL && (html == NULL || html[0] == '\0')) { /* text alone is not enough */
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "htmlContent", "no HTML");
    }
    if (chosen != NULL &&
        tdm_api_mail_template(mail,
                              tdm_api_textf(mail->call, "%l", (int64_t)json_integer_value(chosen)),
                              tdm_api_get(root, "params")) != 0) {
        return -1;
    }
    if ((subject != NULL && tdm_api_mail_subject(mail, "subject", subject) != 0) ||
        (text != NULL && tdm_api_mail_text(mail, "textContent", text) != 0) ||
        (html != NULL && tdm_api_mail_html(mail, "htmlContent", html) != 0)) {
        return -1;
    }
    return chosen != NULL ? 0
                          : tdm_api_mail_mark_option(mail, "params", tdm_api_get(root, "params"));
}

/* The endings that Brevo's reference lists under `attachment`. */
static int brevo_is_allowed(const char *name)
{
    static const char endings[] = " xlsx xls ods docx docm doc csv pdf txt gif jpg jpeg png tif "
                                  "tiff rtf bmp cgm css shtml html"
                                  " htm zip xml ppt pptx tar ez ics mobi msg pub eps odt mp3 m4a "
                                  "m4v wma ogg flac wav aif aifc"
                                  " aiff mp4 mov avi mkv mpeg mpg wmv pkpass xlsm ";
    const char *dot = strrchr(name, '.');
    size_t length = dot != NULL ? strlen(dot + 1) : 0;
    for (const char *at = endings + 1; length > 0 && *at != '\0'; at += strcspn(at, " ") + 1) {
        if (tdm_equal_nocase_n(at, strcspn(at, " "), dot + 1)) {
            return 1;
        }
    }
    return 0;
}

static int brevo_attachments(struct tdm_api_mail *mail, json_t *list)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *content = tdm_api_text(item, "content");
        struct tdm_api_file file = {0};
        file.name = tdm_api_text(item, "name");
        if (content == NULL) { /* `url`, which the service fetches: nothing here goes out */
            return tdm_api_refuse(mail->call, TDM_API_MISSING, "attachment.content", "no content");
        }
        if (!brevo_is_allowed(file.name)) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "attachment",
                                  "Unsupported file format in attachment: %s", file.name);
        }
        if (tdm_api_mail_file64(mail, "attachment", file, content) != 0) {
            return -1;
        }
    }
    return 0;
}

static int brevo_custom(struct tdm_api_mail *mail, const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    int result = json_is_object(object)
                     ? tdm_api_mail_mark_metadata(mail, object)
                     : tdm_api_mail_mark(mail, "Option", "X-Mailin-custom=%s", text);
    json_decref(object);
    return result;
}

/* What Brevo has made members of `headers`, and the fields of the message. */
static int brevo_headers(struct tdm_api_mail *mail, json_t *headers)
{
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value)
    {
        const char *text = json_string_value(value);
        int result = 0;
        if (strcmp(name, "sender.ip") == 0) {
            result = tdm_api_mail_mark(mail, "Option", "sender.ip=%s", text);
        } else if (tdm_equal_nocase(name, "X-Mailin-custom")) {
            result = brevo_custom(mail, text);
        } else if (tdm_equal_nocase(name, "X-Sib-Sandbox")) {
            result = strcmp(text, "drop") == 0 ? tdm_api_mail_mark(mail, "Sandbox", "yes") : 0;
        } else if (strcmp(name, "idempotencyKey") == 0 || strcmp(name, "Idempotency-Key") == 0) {
            result = tdm_api_mail_mark(mail, "Idempotency-Key", "%s", text);
        } else {
            result = tdm_api_mail_header(mail, "headers", name, text);
        }
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

/* YYYY-MM-DDTHH:mm:ss.SSSZ, or with an offset. */
static int brevo_is_date(const char *text)
{
    static const char form[] = "0000-00-00T00:00:00.000";
    for (size_t i = 0; i < strlen(form); i++) {
        if (form[i] == '0' ? !tdm_is_digit(text[i]) : text[i] != form[i]) {
            return 0;
        }
    }
    const char *zone = text + strlen(form);
    return strcmp(zone, "Z") == 0 ||
           (strlen(zone) == 6 && (zone[0] == '+' || zone[0] == '-') && tdm_is_digit(zone[1]) &&
            tdm_is_digit(zone[2]) && zone[3] == ':' && tdm_is_digit(zone[4]) &&
            tdm_is_digit(zone[5]));
}

static int brevo_mail(struct tdm_api_mail *mail, json_t *root)
{
    const char *at = tdm_api_text(root, "scheduledAt");
    if (brevo_people(mail, root) != 0 || brevo_body(mail, root) != 0 ||
        brevo_attachments(mail, tdm_api_get(root, "attachment")) != 0 ||
        brevo_headers(mail, tdm_api_get(root, "headers")) != 0 ||
        tdm_api_mail_mark_tags(mail, tdm_api_get(root, "tags")) != 0 ||
        tdm_api_mail_mark_option(mail, "batchId", tdm_api_get(root, "batchId")) != 0) {
        return -1;
    }
    if (at != NULL && !brevo_is_date(at)) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "scheduledAt",
                              "scheduledAt is not of the form YYYY-MM-DDTHH:mm:ss.SSSZ");
    }
    if (at != NULL && tdm_api_mail_mark(mail, "Send-At", "%s", at) != 0) {
        return -1;
    }
    return tdm_api_mail_keep(mail);
}

/* 1: go on. 0: it has been answered. */
static int brevo_idempotency(struct tdm_api_call *call, json_t *root)
{
    json_t *headers = tdm_api_get(root, "headers");
    const char *key = tdm_api_text(headers, "idempotencyKey");
    key = key != NULL ? key : tdm_api_text(headers, "Idempotency-Key");
    if (key == NULL || key[0] == '\0') {
        return 1;
    }
    int seen = tdm_api_idempotency(call, key);
    if (seen < 0) {
        brevo_error(call, 400, "duplicate_request",
                    "The idempotency key was used for another request.");
    }
    return seen == 0;
}

static int brevo_login(struct tdm_api_call *call)
{
    switch (tdm_api_check_key(call, tdm_served_field(call->request, "api-key"))) {
    case TDM_API_ACCEPTED:
        return 0;
    case TDM_API_NO_KEY:
        tdm_api_answer(call, 401, "", BREVO_LOGIN("authentication not found in headers"));
        return -1;
    case TDM_API_WRONG_KEY:
        tdm_api_answer(call, 401, "", BREVO_LOGIN("Key not found"));
        return -1;
    }
    return -1;
}

static void brevo_send(struct tdm_api_call *call, json_t *root)
{
    struct tdm_api_mail mail;
    if (tdm_api_mail_begin(&mail, call) == 0 && brevo_mail(&mail, root) == 0) {
        tdm_api_answer(call, tdm_api_get(root, "scheduledAt") != NULL ? 202 : 201, "",
                       tdm_api_textf(call, "{\"messageId\":\"<%l.%l@smtp-relay.mailin.fr>\"}",
                                     call->now_s, 5787683 + tdm_api_serial(call)));
    }
    tdm_api_mail_end(&mail);
}

static void brevo_serve(struct tdm_api_call *call)
{
    json_t *root = NULL;
    if (strcmp(call->request->path, "/v3/smtp/email") != 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "no such path");
        return;
    }
    if (tdm_api_is_post(call) != 0 || brevo_login(call) != 0 ||
        tdm_api_json(call, brevo_email, &root) != 0) {
        return;
    }
    if (brevo_idempotency(call, root)) {
        brevo_send(call, root);
    }
    json_decref(root);
}

const struct tdm_double tdm_double_brevo = {
    .scheme = "brevo",
    .url = "brevo://{key}@default{end}",
    .default_user = "",
    .max_request = REQUEST_MAX,
    .partial = 0,
    .canned = brevo_canned,
    .claims = brevo_claims,
    .serve = brevo_serve,
    .refuse = brevo_refuse,
};
