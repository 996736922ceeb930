/* api_sparkpost.c: the double of SparkPost (transmissions):
 * https://developers.sparkpost.com/api/transmissions/ */
#include <string.h>

#include <tidymail/address.h>

#include "api.h"
#include "util/str.h"

#define CONTENT_MAX ((size_t)20 << 20)

#define END                                                                                        \
    {                                                                                              \
        NULL, TDM_API_ANY, 0, NULL, 0                                                              \
    }

static const struct tdm_api_member sparkpost_options[] = {
    {"open_tracking", TDM_API_FLAG, 0, NULL, 0},
    {"initial_open", TDM_API_FLAG, 0, NULL, 0},
    {"click_tracking", TDM_API_FLAG, 0, NULL, 0},
    {"tracking_domain", TDM_API_TEXT, 0, NULL, 0},
    {"start_time", TDM_API_TEXT, 0, NULL, 0},
    {"transactional", TDM_API_FLAG, 0, NULL, 0},
    {"sandbox", TDM_API_FLAG, 0, NULL, 0},
    {"skip_suppression", TDM_API_FLAG, 0, NULL, 0},
    {"ip_pool", TDM_API_TEXT, 0, NULL, 0},
    {"inline_css", TDM_API_FLAG, 0, NULL, 0},
    {"perform_substitutions", TDM_API_FLAG, 0, NULL, 0},
    {"dkim_key", TDM_API_ANY, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sparkpost_address[] = {
    {"email", TDM_API_TEXT, 1, NULL, 0},
    {"name", TDM_API_TEXT, 0, NULL, 0},
    {"header_to", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sparkpost_from[] = {
    {"email", TDM_API_TEXT, 1, NULL, 0},
    {"name", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sparkpost_recipient[] = {
    {"address", TDM_API_TEXT_OR_OBJECT, 1, sparkpost_address, 0},
    {"tags", TDM_API_TEXTS, 0, NULL, 0},
    {"metadata", TDM_API_MAP, 0, NULL, 0},
    {"substitution_data", TDM_API_MAP, 0, NULL, 0},
    {"return_path", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sparkpost_file[] = {
    {"name", TDM_API_TEXT, 1, NULL, 255},
    {"type", TDM_API_TEXT, 1, NULL, 0},
    {"data", TDM_API_BASE64, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sparkpost_content[] = {
    {"from", TDM_API_TEXT_OR_OBJECT, 0, sparkpost_from, 0},
    {"subject", TDM_API_TEXT, 0, NULL, 0},
    {"text", TDM_API_TEXT, 0, NULL, 0},
    {"html", TDM_API_TEXT, 0, NULL, 0},
    {"amp_html", TDM_API_TEXT, 0, NULL, 0},
    {"reply_to", TDM_API_TEXT, 0, NULL, 0},
    {"headers", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"attachments", TDM_API_OBJECTS, 0, sparkpost_file, 0},
    {"inline_images", TDM_API_OBJECTS, 0, sparkpost_file, 0},
    {"template_id", TDM_API_TEXT, 0, NULL, 0},
    {"use_draft_template", TDM_API_FLAG, 0, NULL, 0},
    {"ab_test_id", TDM_API_TEXT, 0, NULL, 0},
    {"email_rfc822", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member sparkpost_transmission[] = {
    {"options", TDM_API_OBJECT, 0, sparkpost_options, 0},
    {"recipients", TDM_API_OBJECTS, 1, sparkpost_recipient, 0},
    {"campaign_id", TDM_API_TEXT, 0, NULL, 64},
    {"description", TDM_API_TEXT, 0, NULL, 1024},
    {"metadata", TDM_API_MAP, 0, NULL, 0},
    {"substitution_data", TDM_API_MAP, 0, NULL, 0},
    {"return_path", TDM_API_TEXT, 0, NULL, 0},
    {"content", TDM_API_OBJECT, 1, sparkpost_content, 0},
    END,
};

#define SPARKPOST_UNAUTHORIZED "{\"errors\":[{\"message\":\"Unauthorized.\"}]}"

static const struct tdm_api_canned sparkpost_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "", SPARKPOST_UNAUTHORIZED},
    {TDM_API_FAULT_BAD_DATA, 422, "",
     "{\"errors\":[{\"message\":\"required field is missing\",\"description\":\"content object or "
     "template_id required\",\"code\":\"1400\"}]}"},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 400, "",
     "{\"errors\":[{\"description\":\"Unconfigured or unverified sending "
     "domain.\",\"code\":\"7001\",\"message\":\"Invalid domain\"}]}"},
    {TDM_API_FAULT_RATE_LIMIT, 429, "", "{\"errors\":[{\"message\":\"Too many requests\"}]}"},
    {TDM_API_FAULT_QUOTA, 420, "",
     "{\"errors\":[{\"message\":\"Exceed Sending Limit (hourly)\",\"code\":\"2101\"}]}"},
    {TDM_API_FAULT_SERVER_ERROR, 503, "",
     "{\"errors\":[{\"message\":\"Service unavailable\",\"code\":\"1900\"}]}"},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int sparkpost_claims(const struct tdm_served_request *request)
{
    return strncmp(request->path, "/api/v1/", 8) == 0;
}

static void sparkpost_error(struct tdm_api_call *call, int status, const char *message,
                            const char *code, const char *description)
{
    struct tdm_buf body;
    tdm_buf_init(&body, NULL, 8192);
    tdm_buf_addf(&body, "{\"errors\":[{\"message\":\"%s\",\"description\":", message);
    tdm_api_quote(&body, description);
    tdm_buf_addf(&body, ",\"code\":\"%s\"}]}", code);
    tdm_api_answer(call, status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
}

static void sparkpost_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                             const char *words)
{
    static const struct {
        int status;
        const char *message;
        const char *code;
    } errors[] = {
        [TDM_API_PATH] = {404, "resource not found", "1600"},
        [TDM_API_METHOD] = {405, "method not allowed", "1100"},
        [TDM_API_MEDIA] = {415, "unsupported content type", "1100"},
        [TDM_API_SYNTAX] = {400, "invalid request", "1200"},
        [TDM_API_UNKNOWN] = {422, "invalid data format/type", "1300"},
        [TDM_API_MISSING] = {422, "required field is missing", "1400"},
        [TDM_API_TYPE] = {422, "invalid data format/type", "1300"},
        [TDM_API_VALUE] = {422, "invalid data format/type", "1300"},
        [TDM_API_ADDRESS] = {422, "invalid data format/type", "1300"},
        [TDM_API_DUPLICATE] = {422, "invalid data format/type", "1300"},
        [TDM_API_LIMIT] = {422, "invalid data format/type", "1300"},
        [TDM_API_SIZE] = {413, "request entity too large", "1300"},
        [TDM_API_FAILED] = {500, "internal error", "1900"},
    };
    struct tdm_buf text;
    tdm_buf_init(&text, NULL, 4096);
    tdm_buf_addf(&text, "%s%s%s", field, field[0] != '\0' ? ": " : "", words);
    sparkpost_error(call, errors[why].status, errors[why].message, errors[why].code,
                    tdm_buf_text(&text));
    tdm_buf_clear(&text);
}

/* "Ann <ann@example.org>" or {email, name}. */
static int sparkpost_from_address(struct tdm_api_mail *mail, json_t *from)
{
    if (from == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "content.from",
                              "content.from is required");
    }
    if (json_is_string(from)) {
        return tdm_api_mail_address(mail, TDM_API_FROM, "content.from", json_string_value(from));
    }
    return tdm_api_mail_pair(mail, TDM_API_FROM, "content.from.email", tdm_api_text(from, "email"),
                             tdm_api_text(from, "name"));
}

static const char *sparkpost_header_to(json_t *recipient)
{
    const char *text = tdm_api_text(tdm_api_get(recipient, "address"), "header_to");
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* 1 where the list of addresses has this one. */
static int sparkpost_lists(const char *list, const char *address)
{
    tidymail_address_list *parsed = tidymail_address_list_parse(list, 0);
    int found = 0;
    for (size_t i = 0; i < tidymail_address_list_count(parsed) && !found; i++) {
        found = tdm_equal_nocase(tidymail_address_list_spec(parsed, i), address);
    }
    tidymail_address_list_free(parsed);
    return found;
}

/* Every recipient is of the envelope. To of the header is what the first header_to says, and the
 * addresses of those that have none. */
static int sparkpost_recipients(struct tdm_api_mail *mail, json_t *list, int raw)
{
    const char *shown = NULL;
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        shown = shown != NULL ? shown : sparkpost_header_to(item);
    }
    if (shown != NULL && !raw &&
        tdm_api_mail_show(mail, TDM_API_TO, "recipients.address.header_to", shown) != 0) {
        return -1;
    }
    json_array_foreach(list, index, item)
    {
        json_t *address = tdm_api_get(item, "address");
        int whole = json_is_string(address);
        const char *email = whole ? json_string_value(address) : tdm_api_text(address, "email");
        int hidden = raw || sparkpost_header_to(item) != NULL ||
                     (shown != NULL && sparkpost_lists(shown, email));
        int result;
        if (hidden) {
            result = tdm_api_mail_recipient(mail, "recipients.address", email);
        } else if (whole) {
            result = tdm_api_mail_address(mail, TDM_API_TO, "recipients.address", email);
        } else {
            result = tdm_api_mail_pair(mail, TDM_API_TO, "recipients.address.email", email,
                                       tdm_api_text(address, "name"));
        }
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

static int sparkpost_headers(struct tdm_api_mail *mail, json_t *headers)
{
    static const char *const refused[] = {"Subject", "From", "To", "Reply-To"};
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value)
    {
        const char *text = json_string_value(value);
        int bad = tdm_starts_nocase(name, strlen(name), "Content-");
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
            bad |= tdm_equal_nocase(name, refused[i]);
        }
        if (bad) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "content.headers",
                                  "'%s' may not be in content.headers", name);
        }
        int result = tdm_equal_nocase(name, "CC")
                         ? tdm_api_mail_show(mail, TDM_API_CC, "content.headers.CC", text)
                         : tdm_api_mail_header(mail, "content.headers", name, text);
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

static int sparkpost_files(struct tdm_api_mail *mail, json_t *list, int is_inline)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *data = tdm_api_text(item, "data");
        struct tdm_api_file file = {0};
        file.name = tdm_api_text(item, "name");
        file.type = tdm_api_text(item, "type");
        file.content_id = is_inline ? file.name : NULL; /* the service's rule */
        file.is_inline = is_inline;
        if (data == NULL) {
            return tdm_api_refuse(mail->call, TDM_API_MISSING, "content.attachments",
                                  "data is required");
        }
        if (tdm_api_mail_file64(mail, is_inline ? "content.inline_images" : "content.attachments",
                                file, data) != 0) {
            return -1;
        }
    }
    return 0;
}

/* YYYY-MM-DDTHH:MM:SS+-HH:MM */
static int sparkpost_is_time(const char *text)
{
    static const char form[] = "0000-00-00T00:00:00+00:00";
    if (strlen(text) != sizeof(form) - 1) {
        return 0;
    }
    for (size_t i = 0; form[i] != '\0'; i++) {
        int fits = form[i] == '0'   ? tdm_is_digit(text[i])
                   : form[i] == '+' ? text[i] == '+' || text[i] == '-'
                                    : text[i] == form[i];
        if (!fits) {
            return 0;
        }
    }
    return 1;
}

/* 1 where the address is of the sink that delivers nothing (support docs, "sink server"). */
static int sparkpost_is_sink(json_t *recipient)
{
    static const char sink[] = ".sink.sparkpostmail.com";
    json_t *address = tdm_api_get(recipient, "address");
    const char *email =
        json_is_string(address) ? json_string_value(address) : tdm_api_text(address, "email");
    size_t length = email != NULL ? strlen(email) : 0;
    return length > sizeof(sink) && tdm_equal_nocase(email + length - (sizeof(sink) - 1), sink);
}

static int sparkpost_marks(struct tdm_api_mail *mail, json_t *root)
{
    static const char *const own[] = {"tracking_domain", "transactional", "skip_suppression",
                                      "ip_pool",         "inline_css",    "perform_substitutions",
                                      "initial_open",    "dkim_key"};
    json_t *options = tdm_api_get(root, "options");
    json_t *first = json_array_get(json_object_get(root, "recipients"), 0);
    const char *at = tdm_api_text(options, "start_time");
    const char *campaign = tdm_api_text(root, "campaign_id");
    if (json_array_size(tdm_api_get(first, "tags")) > 10) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "recipients.tags", "more than 10 tags");
    }
    if (at != NULL && !sparkpost_is_time(at)) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "options.start_time",
                              "start_time must be YYYY-MM-DDTHH:MM:SS+-HH:MM");
    }
    if (tdm_api_mail_mark_tags(mail, tdm_api_get(first, "tags")) != 0 ||
        (campaign != NULL && tdm_api_mail_mark(mail, "Tag", "%s", campaign) != 0) ||
        tdm_api_mail_mark_metadata(mail, tdm_api_get(root, "metadata")) != 0 ||
        tdm_api_mail_mark_metadata(mail, tdm_api_get(first, "metadata")) != 0 ||
        tdm_api_mail_mark_tracking(mail, tdm_api_flag(options, "open_tracking"),
                                   tdm_api_flag(options, "click_tracking")) != 0 ||
        (at != NULL && tdm_api_mail_mark(mail, "Send-At", "%s", at) != 0) ||
        ((tdm_api_flag(options, "sandbox") == 1 || sparkpost_is_sink(first)) &&
         tdm_api_mail_mark(mail, "Sandbox", "yes") != 0) ||
        tdm_api_mail_mark_option(mail, "description", tdm_api_get(root, "description")) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (tdm_api_mail_mark_option(mail, own[i], tdm_api_get(options, own[i])) != 0) {
            return -1;
        }
    }
    return 0;
}

static int sparkpost_written(struct tdm_api_mail *mail, json_t *root, json_t *content)
{
    const char *subject = tdm_api_text(content, "subject");
    const char *text = tdm_api_text(content, "text");
    const char *html = tdm_api_text(content, "html");
    const char *reply_to = tdm_api_text(content, "reply_to");
    const char *chosen = tdm_api_text(content, "template_id");
    int own = subject != NULL || text != NULL || html != NULL;
    if (chosen != NULL && own) {
        sparkpost_error(mail->call, 422, "mutually exclusive fields", "1301",
                        "Both content object and template_id are specified");
        return -1;
    }
    if (chosen == NULL && (subject == NULL || (text == NULL && html == NULL))) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "content",
                              "At least one of text or html needs to exist in content, and a "
                              "subject");
    }
    if (chosen != NULL
            ? tdm_api_mail_template(mail, chosen, tdm_api_get(root, "substitution_data")) != 0
            : tdm_api_mail_subject(mail, "content.subject", subject) != 0) {
        return -1;
    }
    if ((text != NULL && tdm_api_mail_text(mail, "content.text", text) != 0) ||
        (html != NULL && tdm_api_mail_html(mail, "content.html", html) != 0) ||
        (reply_to != NULL &&
         tdm_api_mail_show(mail, TDM_API_REPLY_TO, "content.reply_to", reply_to) != 0)) {
        return -1;
    }
    return sparkpost_headers(mail, tdm_api_get(content, "headers")) != 0 ||
                   sparkpost_files(mail, tdm_api_get(content, "attachments"), 0) != 0 ||
                   sparkpost_files(mail, tdm_api_get(content, "inline_images"), 1) != 0
               ? -1
               : 0;
}

static int sparkpost_make(struct tdm_api_mail *mail, json_t *root)
{
    json_t *content = tdm_api_get(root, "content");
    const char *raw = tdm_api_text(content, "email_rfc822");
    const char *path = tdm_api_text(root, "return_path");
    if (path != NULL && tdm_api_mail_envelope_from(mail, "return_path", path) != 0) {
        return -1;
    }
    if (sparkpost_marks(mail, root) != 0 ||
        sparkpost_recipients(mail, json_object_get(root, "recipients"), raw != NULL) != 0) {
        return -1;
    }
    if (raw != NULL) {
        return json_object_size(content) > 1
                   ? tdm_api_refuse(mail->call, TDM_API_VALUE, "content.email_rfc822",
                                    "email_rfc822 excludes all else in content")
                   : tdm_api_mail_raw(mail, "content.email_rfc822", raw, strlen(raw), 0);
    }
    if (tdm_api_text(content, "template_id") != NULL && tdm_api_get(content, "from") == NULL) {
        if (tdm_api_mail_address(mail, TDM_API_FROM, "content.from", "template@example.com") != 0) {
            return -1;
        }
    } else if (sparkpost_from_address(mail, tdm_api_get(content, "from")) != 0) {
        return -1;
    }
    return sparkpost_written(mail, root, content);
}

static void sparkpost_send(struct tdm_api_call *call, json_t *root)
{
    struct tdm_api_mail mail;
    struct tdm_buf body;
    char refused[512] = "";
    tdm_buf_init(&body, NULL, 8192);
    if (tdm_api_mail_begin(&mail, call) == 0 && sparkpost_make(&mail, root) == 0) {
        const char *first = call->partial ? tdm_api_mail_refuse_first(&mail) : NULL;
        if (first != NULL && strlen(first) < sizeof(refused)) {
            memcpy(refused, first, strlen(first) + 1);
        }
        if (tdm_api_mail_keep(&mail) == 0) {
            tdm_buf_add_char(&body, '{');
            if (first != NULL) {
                tdm_buf_add_str(&body, "\"errors\":[{\"message\":\"transmission created, but with "
                                       "validation errors\",\"code\":\"2000\"}],");
            }
            tdm_buf_addf(&body,
                         "\"results\":{\"total_rejected_recipients\":%d,"
                         "\"total_accepted_recipients\":%z,",
                         first != NULL, mail.recipient_count);
            if (first != NULL) {
                tdm_buf_add_str(&body, "\"rcpt_to_errors\":[{\"message\":\"recipient address "
                                       "suppressed due to customer policy\",\"description\":");
                tdm_api_quote(&body, refused);
                tdm_buf_add_str(&body, ",\"code\":\"1902\"}],");
            }
            tdm_buf_addf(&body, "\"id\":\"%l\"}}", call->now_s * 10000000 + tdm_api_serial(call));
            tdm_api_answer(call, 200, "", tdm_buf_text(&body));
        }
    }
    tdm_api_mail_end(&mail);
    tdm_buf_clear(&body);
}

/* The key alone, or as the user of Basic. */
static int sparkpost_login(struct tdm_api_call *call)
{
    const char *value = tdm_served_field(call->request, "Authorization");
    if (value != NULL && strchr(value, ' ') == NULL &&
        tdm_api_check_key(call, value) == TDM_API_ACCEPTED) {
        return 0;
    }
    tdm_api_answer(call, 401, "", SPARKPOST_UNAUTHORIZED);
    return -1;
}

static void sparkpost_serve(struct tdm_api_call *call)
{
    json_t *root = NULL;
    if (strcmp(call->request->path, "/api/v1/transmissions") != 0 &&
        strcmp(call->request->path, "/api/v1/transmissions/") != 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "no such resource");
        return;
    }
    if (tdm_api_is_post(call) != 0 || sparkpost_login(call) != 0 ||
        tdm_api_json(call, sparkpost_transmission, &root) != 0) {
        return;
    }
    sparkpost_send(call, root);
    json_decref(root);
}

const struct tdm_double tdm_double_sparkpost = {
    .scheme = "sparkpost",
    .url = "sparkpost://{key}@default{end}",
    .default_user = "",
    .max_request = CONTENT_MAX + ((size_t)8 << 20),
    .partial = 1,
    .canned = sparkpost_canned,
    .claims = sparkpost_claims,
    .serve = sparkpost_serve,
    .refuse = sparkpost_refuse,
};
