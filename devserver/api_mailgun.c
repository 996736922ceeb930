/* api_mailgun.c: the double of Mailgun (messages and messages.mime):
 * https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages */
#include <string.h>

#include "api.h"
#include "util/str.h"

#define RECIPIENTS_MAX 1000
#define OPTIONS_MAX ((size_t)16 << 10) /* o:, h:, v: and t: together */
#define TAGS_MAX 10
#define TAG_MAX 128
#define MESSAGE_MAX ((size_t)25 << 20)
#define REQUEST_MAX ((size_t)54945382) /* 52.4 MiB */

#define MAILGUN_MESSAGE(text) "{\"message\":\"" text "\"}"

static const struct tdm_api_canned mailgun_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "Content-Type: text/plain\r\n", "Forbidden"},
    {TDM_API_FAULT_BAD_DATA, 400, "",
     MAILGUN_MESSAGE("to parameter is not a valid address. please check documentation")},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 404, "", MAILGUN_MESSAGE("Domain not found: example.com")},
    {TDM_API_FAULT_RATE_LIMIT, 429, "",
     MAILGUN_MESSAGE("Domain example.com is not allowed to send: account-requests-per-sec limit "
                     "exceeded, try again after 120 seconds")},
    {TDM_API_FAULT_QUOTA, 429, "",
     MAILGUN_MESSAGE("Domain example.com is not allowed to send: recipient limit exceeded, try "
                     "again after Mon, 20 Dec 2021 20:33:21 UTC")},
    {TDM_API_FAULT_SERVER_ERROR, 500, "", MAILGUN_MESSAGE("Internal Server Error")},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

/* The domain of "/v3/DOMAIN/messages" (TAIL "/messages"), as a length; 0: not such a path. */
static size_t mailgun_domain(const char *path, const char *tail)
{
    if (strncmp(path, "/v3/", 4) != 0) {
        return 0;
    }
    size_t length = strcspn(path + 4, "/");
    return strcmp(path + 4 + length, tail) == 0 ? length : 0;
}

static int mailgun_claims(const struct tdm_served_request *request)
{
    const char *path = request->path;
    const char *authorization = tdm_served_field(request, "Authorization");
    if (mailgun_domain(path, "/messages") > 0 || mailgun_domain(path, "/messages.mime") > 0) {
        return 1;
    }
    /* base64 of "api:" and what may follow it: a wrong path of a client of this service */
    return (authorization != NULL && strncmp(authorization, "Basic YXBpO", 11) == 0) ||
           (strncmp(path, "/v3/", 4) == 0 && strncmp(path, "/v3/mail/", 9) != 0 &&
            strncmp(path, "/v3/smtp/", 9) != 0);
}

static void mailgun_error(struct tdm_api_call *call, int status, const char *message)
{
    struct tdm_buf body;
    tdm_buf_init(&body, NULL, 8192);
    tdm_buf_add_str(&body, "{\"message\":");
    tdm_api_quote(&body, message);
    tdm_buf_add_char(&body, '}');
    tdm_api_answer(call, status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
}

static void mailgun_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                           const char *words)
{
    struct tdm_buf text;
    tdm_buf_init(&text, NULL, 4096);
    if (why == TDM_API_PATH) {
        tdm_api_answer(call, 200, "Content-Type: text/plain\r\n", "Mailgun Magnificent API");
    } else if (why == TDM_API_ADDRESS) {
        tdm_buf_addf(&text, "%s parameter is not a valid address. please check documentation",
                     field);
        mailgun_error(call, 400, tdm_buf_text(&text));
    } else if (why == TDM_API_SIZE) {
        mailgun_error(call, 413, "request size exceeds 52.4MiB limit");
    } else if (why == TDM_API_METHOD) {
        mailgun_error(call, 405, "Method Not Allowed");
    } else {
        mailgun_error(call, why == TDM_API_FAILED ? 500 : 400, words);
    }
    tdm_buf_clear(&text);
}

static int mailgun_is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return 1;
        }
    }
    return 0;
}

static int mailgun_is_flag(const char *text)
{
    static const char *const words[] = {"yes", "no", "true", "false", "True", "False", NULL};
    return mailgun_is_one_of(text, words);
}

static int mailgun_is_on(const char *text)
{
    return text[0] == 'y' || tdm_lower(text[0]) == 't' || text[0] == 'h';
}

/* Which fields there are. `mime`: only what goes beside a ready-made message. */
static int mailgun_known(const char *name, int mime)
{
    static const char *const fields[] = {"from",    "to",         "cc",       "bcc",
                                         "subject", "text",       "html",     "amp-html",
                                         "inline",  "attachment", "template", "recipient-variables",
                                         NULL};
    static const char *const both[] = {"to",
                                       "t:version",
                                       "t:text",
                                       "t:variables",
                                       "template",
                                       "o:tag",
                                       "o:tracking",
                                       "o:tracking-clicks",
                                       "o:tracking-opens",
                                       "o:tracking-pixel-location-top",
                                       "o:deliverytime",
                                       "o:deliver-within",
                                       "o:deliverytime-optimize-period",
                                       "o:time-zone-localize",
                                       "o:require-tls",
                                       "o:skip-verification",
                                       "o:dkim",
                                       "o:secondary-dkim",
                                       "o:secondary-dkim-public",
                                       "o:sending-ip",
                                       "o:sending-ip-pool",
                                       "o:archive-to",
                                       "o:suppress-headers",
                                       "o:testmode",
                                       NULL};
    int prefixed = (name[0] == 'h' || name[0] == 'v') && name[1] == ':' && name[2] != '\0';
    return prefixed || mailgun_is_one_of(name, both) ||
           (mime ? strcmp(name, "message") == 0 : mailgun_is_one_of(name, fields));
}

static int mailgun_option(struct tdm_api_mail *mail, const struct tdm_api_form_item *item)
{
    static const char *const flags[] = {"o:tracking-opens", "o:tracking-pixel-location-top",
                                        "o:require-tls",    "o:skip-verification",
                                        "o:dkim",           "o:testmode",
                                        "t:text",           NULL};
    const char *name = item->name;
    int clicks = strcmp(name, "o:tracking-clicks") == 0 || strcmp(name, "o:tracking") == 0;
    if ((mailgun_is_one_of(name, flags) && !mailgun_is_flag(item->bytes)) ||
        (clicks && !mailgun_is_flag(item->bytes) && strcmp(item->bytes, "htmlonly") != 0)) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, name,
                              "'%s' parameter is not one of: yes, no, true, false", name);
    }
    if (strcmp(name, "o:tag") == 0) {
        return item->length > TAG_MAX || tdm_has_8bit(item->bytes, item->length)
                   ? tdm_api_refuse(mail->call, TDM_API_LIMIT, name,
                                    "o:tag: a tag is up to 128 characters of ASCII")
                   : tdm_api_mail_mark(mail, "Tag", "%s", item->bytes);
    }
    if (strcmp(name, "o:deliverytime") == 0) {
        return tdm_api_mail_mark(mail, "Send-At", "%s", item->bytes);
    }
    if (strcmp(name, "o:testmode") == 0) {
        return mailgun_is_on(item->bytes) ? tdm_api_mail_mark(mail, "Sandbox", "yes") : 0;
    }
    if (strncmp(name, "o:tracking", 10) == 0 &&
        strcmp(name, "o:tracking-pixel-location-top") != 0) {
        return 0; /* all of them are one mark */
    }
    return tdm_api_mail_mark(mail, "Option", "%s=%s", name, item->bytes);
}

/* o:tracking is for what has no switch of its own. */
static int mailgun_tracking(struct tdm_api_mail *mail, const struct tdm_api_form *form)
{
    const struct tdm_api_form_item *all = tdm_api_form_find(form, "o:tracking");
    const struct tdm_api_form_item *opens = tdm_api_form_find(form, "o:tracking-opens");
    const struct tdm_api_form_item *clicks = tdm_api_form_find(form, "o:tracking-clicks");
    int usual = all != NULL ? mailgun_is_on(all->bytes) : -1;
    return tdm_api_mail_mark_tracking(mail, opens != NULL ? mailgun_is_on(opens->bytes) : usual,
                                      clicks != NULL ? mailgun_is_on(clicks->bytes) : usual);
}

static int mailgun_json(struct tdm_api_mail *mail, const struct tdm_api_form *form,
                        const char *name, json_t **value)
{
    const struct tdm_api_form_item *item = tdm_api_form_find(form, name);
    *value = NULL;
    if (item == NULL) {
        return 0;
    }
    *value = json_loadb(item->bytes, item->length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(*value)) {
        json_decref(*value);
        *value = NULL;
        return tdm_api_refuse(mail->call, TDM_API_VALUE, name, "'%s' parameter is not a valid JSON",
                              name);
    }
    return 0;
}

static int mailgun_template(struct tdm_api_mail *mail, const struct tdm_api_form *form)
{
    const struct tdm_api_form_item *chosen = tdm_api_form_find(form, "template");
    json_t *values = NULL;
    json_t *merged = NULL;
    int result = mailgun_json(mail, form, "t:variables", &values);
    if (result == 0 && chosen != NULL) {
        result = tdm_api_mail_template(mail, chosen->bytes, values);
    }
    if (result == 0) {
        result = mailgun_json(mail, form, "recipient-variables", &merged);
    }
    if (result == 0) {
        result = tdm_api_mail_mark_option(mail, "recipient-variables", merged);
    }
    json_decref(values);
    json_decref(merged);
    return result;
}

/* Names and sizes. */
static int mailgun_check(struct tdm_api_mail *mail, const struct tdm_api_form *form, int mime)
{
    size_t options = 0;
    size_t all = 0;
    size_t tags = 0;
    for (size_t i = 0; i < form->count; i++) {
        const struct tdm_api_form_item *item = &form->items[i];
        int option = item->name[0] != '\0' && item->name[1] == ':';
        int file = strcmp(item->name, "attachment") == 0 || strcmp(item->name, "inline") == 0 ||
                   strcmp(item->name, "message") == 0;
        if (!file && (item->filename != NULL || memchr(item->bytes, '\0', item->length) != NULL)) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, item->name,
                                  "'%s' parameter is a file, or holds a NUL", item->name);
        }
        all += item->length;
        options += option ? strlen(item->name) + item->length : 0;
        tags += strcmp(item->name, "o:tag") == 0;
        if (!mailgun_known(item->name, mime)) {
            return tdm_api_refuse(mail->call, TDM_API_UNKNOWN, item->name,
                                  "'%s' is not a known parameter", item->name);
        }
        if (tags > TAGS_MAX) {
            return tdm_api_refuse(mail->call, TDM_API_LIMIT, "o:tag", "too many tags, max is 10");
        }
    }
    if (options > OPTIONS_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "",
                              "Send options (parameters starting with o:, h:, or v:) are limited "
                              "to 16 kB total");
    }
    if (all > MESSAGE_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_SIZE, "", "the message is larger than 25 MB");
    }
    return 0;
}

/* What fields and ready-made messages share: o: v: t:. */
static int mailgun_options(struct tdm_api_mail *mail, const struct tdm_api_form *form)
{
    for (size_t i = 0; i < form->count; i++) {
        const struct tdm_api_form_item *item = &form->items[i];
        int option = item->name[0] != '\0' && item->name[1] == ':';
        int result = 0;
        if (item->name[0] == 'v' && option) {
            result = tdm_api_mail_mark(mail, "Metadata", "%s=%s", item->name + 2, item->bytes);
        } else if (option && item->name[0] != 'h' && strcmp(item->name, "t:variables") != 0) {
            result = mailgun_option(mail, item);
        }
        if (result != 0) {
            return -1;
        }
    }
    return mailgun_tracking(mail, form) != 0 ? -1 : mailgun_template(mail, form);
}

static int mailgun_addresses(struct tdm_api_mail *mail, const struct tdm_api_form *form,
                             enum tdm_api_where where, const char *name, int shown)
{
    for (size_t i = 0; i < form->count; i++) {
        const struct tdm_api_form_item *item = &form->items[i];
        int result = 0;
        if (strcmp(item->name, name) == 0) {
            result = shown ? tdm_api_mail_list(mail, where, name, item->bytes)
                           : tdm_api_mail_list(mail, TDM_API_BCC, name, item->bytes);
        }
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

static int mailgun_recipients(struct tdm_api_mail *mail, const struct tdm_api_form *form, int mime)
{
    mail->unique = 1;
    if (tdm_api_form_find(form, "to") == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "to", "to parameter is missing");
    }
    if (mailgun_addresses(mail, form, TDM_API_TO, "to", !mime) != 0 ||
        (!mime && (mailgun_addresses(mail, form, TDM_API_CC, "cc", 1) != 0 ||
                   mailgun_addresses(mail, form, TDM_API_BCC, "bcc", 1) != 0))) {
        return -1;
    }
    if (mail->recipient_count > RECIPIENTS_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "to", "Too many recipients, max is 1000");
    }
    return 0;
}

/* h:Name. Reply-To has its own place in the message; `id` gets Message-Id where it is given. */
static int mailgun_header(struct tdm_api_mail *mail, const struct tdm_api_form_item *item,
                          struct tdm_buf *id)
{
    const char *name = item->name + 2;
    if (tdm_has_8bit(name, strlen(name))) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, item->name,
                              "Header name must be pure ASCII: %s", name);
    }
    if (tdm_equal_nocase(name, "Reply-To")) {
        return tdm_api_mail_show(mail, TDM_API_REPLY_TO, item->name, item->bytes);
    }
    if (tdm_equal_nocase(name, "Message-Id")) {
        tdm_buf_reset(id);
        tdm_buf_add_str(id, item->bytes);
        return 0;
    }
    return tdm_api_mail_header(mail, item->name, name, item->bytes);
}

static int mailgun_file(struct tdm_api_mail *mail, const struct tdm_api_form_item *item)
{
    struct tdm_api_file file = {0};
    file.name = item->filename;
    file.type = item->type;
    file.bytes = item->bytes;
    file.length = item->length;
    file.is_inline = strcmp(item->name, "inline") == 0;
    file.content_id = file.is_inline ? item->filename : NULL; /* the service's rule */
    if (item->filename == NULL || item->filename[0] == '\0') {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, item->name, "'%s' parameter is not a file",
                              item->name);
    }
    return tdm_api_mail_file(mail, item->name, &file);
}

static int mailgun_content(struct tdm_api_mail *mail, const struct tdm_api_form *form,
                           struct tdm_buf *id)
{
    const struct tdm_api_form_item *subject = tdm_api_form_find(form, "subject");
    const struct tdm_api_form_item *text = tdm_api_form_find(form, "text");
    const struct tdm_api_form_item *html = tdm_api_form_find(form, "html");
    if (text == NULL && html == NULL && !mail->has_template &&
        tdm_api_form_find(form, "amp-html") == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "text",
                              "Need at least one of 'text', 'html', 'amp-html' or 'template' "
                              "parameters specified");
    }
    if ((subject != NULL && tdm_api_mail_subject(mail, "subject", subject->bytes) != 0) ||
        (text != NULL && tdm_api_mail_text(mail, "text", text->bytes) != 0) ||
        (html != NULL && tdm_api_mail_html(mail, "html", html->bytes) != 0)) {
        return -1;
    }
    for (size_t i = 0; i < form->count; i++) {
        const struct tdm_api_form_item *item = &form->items[i];
        int result = 0;
        if (strncmp(item->name, "h:", 2) == 0) {
            result = mailgun_header(mail, item, id);
        } else if (strcmp(item->name, "attachment") == 0 || strcmp(item->name, "inline") == 0) {
            result = mailgun_file(mail, item);
        }
        if (result != 0) {
            return -1;
        }
    }
    return tdm_api_mail_header(mail, "h:Message-Id", "Message-ID", tdm_buf_text(id));
}

static int mailgun_fields(struct tdm_api_mail *mail, const struct tdm_api_form *form,
                          struct tdm_buf *id)
{
    const struct tdm_api_form_item *from = tdm_api_form_find(form, "from");
    if (mailgun_check(mail, form, 0) != 0) {
        return -1;
    }
    if (from == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "from", "from parameter is missing");
    }
    if (tdm_api_mail_address(mail, TDM_API_FROM, "from", from->bytes) != 0 ||
        mailgun_recipients(mail, form, 0) != 0 || mailgun_options(mail, form) != 0) {
        return -1;
    }
    return mailgun_content(mail, form, id) != 0 ? -1 : tdm_api_mail_keep(mail);
}

static int mailgun_mime(struct tdm_api_mail *mail, const struct tdm_api_form *form)
{
    const struct tdm_api_form_item *message = tdm_api_form_find(form, "message");
    if (mailgun_check(mail, form, 1) != 0) {
        return -1;
    }
    if (message == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "message",
                              "message parameter is missing");
    }
    if (message->filename == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "message",
                              "'message' parameter is not a file");
    }
    if (mailgun_recipients(mail, form, 1) != 0 || mailgun_options(mail, form) != 0 ||
        tdm_api_mail_raw(mail, "message", message->bytes, message->length, 0) != 0) {
        return -1;
    }
    return tdm_api_mail_keep(mail);
}

static void mailgun_send(struct tdm_api_call *call, size_t domain, int mime)
{
    struct tdm_api_mail mail;
    struct tdm_api_form form;
    struct tdm_buf id;
    struct tdm_buf body;
    char hex[17];
    tdm_buf_init(&id, NULL, 2048);
    tdm_buf_init(&body, NULL, 8192);
    tdm_api_hex(hex, 8);
    tdm_buf_addf(&id, "<%l.%l.%s@%.*s>", call->now_s, tdm_api_serial(call), hex, (int)domain,
                 call->request->path + 4);
    if (tdm_api_form_read(call, &form) == 0) {
        if (tdm_api_mail_begin(&mail, call) == 0 &&
            (mime ? mailgun_mime(&mail, &form) : mailgun_fields(&mail, &form, &id)) == 0) {
            tdm_buf_add_str(&body, "{\"id\":");
            tdm_api_quote(&body, tdm_buf_text(&id));
            tdm_buf_add_str(&body, ",\"message\":\"Queued. Thank you.\"}");
            tdm_api_answer(call, 200, "", tdm_buf_text(&body));
        }
        tdm_api_mail_end(&mail);
    }
    tdm_api_form_clear(&form);
    tdm_buf_clear(&id);
    tdm_buf_clear(&body);
}

static void mailgun_serve(struct tdm_api_call *call)
{
    const char *path = call->request->path;
    size_t domain = mailgun_domain(path, "/messages");
    int mime = domain == 0;
    domain = mime ? mailgun_domain(path, "/messages.mime") : domain;
    if (domain == 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "");
        return;
    }
    if (tdm_api_is_post(call) != 0) {
        return;
    }
    if (tdm_api_check_basic(call, "api") != TDM_API_ACCEPTED) {
        tdm_api_answer(call, 401, "Content-Type: text/plain\r\n", "Forbidden");
        return;
    }
    if (domain > 8 && tdm_equal_nocase_n(path + 4 + domain - 8, 8, ".invalid")) {
        mailgun_error(call, 404,
                      tdm_api_textf(call, "Domain not found: %.*s", (int)domain, path + 4));
        return;
    }
    mailgun_send(call, domain, mime);
}

const struct tdm_double tdm_double_mailgun = {
    .scheme = "mailgun",
    .url = "mailgun://{key}@example.com{end}",
    .default_user = "api",
    .max_request = REQUEST_MAX,
    .partial = 0,
    .canned = mailgun_canned,
    .claims = mailgun_claims,
    .serve = mailgun_serve,
    .refuse = mailgun_refuse,
};
