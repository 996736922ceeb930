/* api_postmark.c: the double of Postmark (/email and /email/withTemplate):
 * https://postmarkapp.com/developer/api/email-api */
#include <string.h>

#include "api.h"
#include "util/str.h"

#define RECIPIENTS_MAX 50
#define BODY_MAX ((size_t)5 << 20)
#define MESSAGE_MAX ((size_t)10 << 20)
#define METADATA_NAME_MAX 20
#define METADATA_VALUE_MAX 80
#define METADATA_MAX 10
#define TEST_TOKEN "POSTMARK_API_TEST"

#define END                                                                                        \
    {                                                                                              \
        NULL, TDM_API_ANY, 0, NULL, 0                                                              \
    }

static const struct tdm_api_member postmark_header[] = {
    {"Name", TDM_API_TEXT, 1, NULL, 0},
    {"Value", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member postmark_attachment[] = {
    {"Name", TDM_API_TEXT, 1, NULL, 0},
    {"Content", TDM_API_BASE64, 0, NULL, 0},
    {"ContentType", TDM_API_TEXT, 1, NULL, 0},
    {"ContentID", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member postmark_email[] = {
    {"From", TDM_API_TEXT, 1, NULL, 0},
    {"To", TDM_API_TEXT, 0, NULL, 0},
    {"Cc", TDM_API_TEXT, 0, NULL, 0},
    {"Bcc", TDM_API_TEXT, 0, NULL, 0},
    {"ReplyTo", TDM_API_TEXT, 0, NULL, 0},
    {"Subject", TDM_API_TEXT, 0, NULL, 0},
    {"TextBody", TDM_API_TEXT, 0, NULL, BODY_MAX},
    {"HtmlBody", TDM_API_TEXT, 0, NULL, BODY_MAX},
    {"Attachments", TDM_API_OBJECTS, 0, postmark_attachment, 0},
    {"Headers", TDM_API_OBJECTS, 0, postmark_header, 0},
    {"Tag", TDM_API_TEXT, 0, NULL, 1000},
    {"Metadata", TDM_API_TEXT_MAP, 0, NULL, METADATA_VALUE_MAX},
    {"TrackOpens", TDM_API_FLAG, 0, NULL, 0},
    {"TrackLinks", TDM_API_TEXT, 0, NULL, 0},
    {"MessageStream", TDM_API_TEXT, 0, NULL, 0},
    {"TemplateId", TDM_API_NUMBER, 0, NULL, 0},
    {"TemplateAlias", TDM_API_TEXT, 0, NULL, 0},
    {"TemplateModel", TDM_API_MAP, 0, NULL, 0},
    {"InlineCss", TDM_API_FLAG, 0, NULL, 0},
    END,
};

#define POSTMARK_ERROR(code, message) "{\"ErrorCode\":" #code ",\"Message\":\"" message "\"}"
#define POSTMARK_TOKEN "Request does not contain a valid Server token."
#define POSTMARK_NO_TOKEN                                                                          \
    "No Account or Server API tokens were supplied in the HTTP headers. Please add a header for "  \
    "either X-Postmark-Server-Token or X-Postmark-Account-Token."

static const struct tdm_api_canned postmark_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "", POSTMARK_ERROR(10, POSTMARK_TOKEN)},
    {TDM_API_FAULT_BAD_DATA, 422, "",
     POSTMARK_ERROR(300, "Invalid 'To' address: 'invalid@localhost'.")},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 422, "",
     POSTMARK_ERROR(300, "Invalid 'From' address: 'sender@example.com' is not a verified sender "
                         "signature.")},
    {TDM_API_FAULT_RATE_LIMIT, 429, "", POSTMARK_ERROR(429, "Rate limit exceeded.")},
    {TDM_API_FAULT_QUOTA, 422, "",
     POSTMARK_ERROR(405, "You ran out of credits and can't send more email.")},
    {TDM_API_FAULT_SERVER_ERROR, 500, "", POSTMARK_ERROR(0, "Internal Server Error")},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int postmark_claims(const struct tdm_served_request *request)
{
    return strcmp(request->path, "/email") == 0 || strncmp(request->path, "/email/", 7) == 0;
}

static void postmark_error(struct tdm_api_call *call, int status, int code, const char *message)
{
    struct tdm_buf body;
    tdm_buf_init(&body, NULL, 8192);
    tdm_buf_addf(&body, "{\"ErrorCode\":%d,\"Message\":", code);
    tdm_api_quote(&body, message);
    tdm_buf_add_char(&body, '}');
    tdm_api_answer(call, status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
}

static void postmark_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                            const char *words)
{
    static const struct {
        int status;
        int code;
    } errors[] = {
        [TDM_API_PATH] = {404, 300},    [TDM_API_METHOD] = {405, 300},
        [TDM_API_MEDIA] = {415, 409},   [TDM_API_SYNTAX] = {422, 402},
        [TDM_API_UNKNOWN] = {422, 403}, [TDM_API_MISSING] = {422, 300},
        [TDM_API_TYPE] = {422, 403},    [TDM_API_VALUE] = {422, 300},
        [TDM_API_ADDRESS] = {422, 300}, [TDM_API_DUPLICATE] = {422, 300},
        [TDM_API_LIMIT] = {422, 300},   [TDM_API_SIZE] = {413, 300},
        [TDM_API_FAILED] = {500, 0},
    };
    const char *message = words;
    if (why == TDM_API_ADDRESS) {
        message = tdm_api_textf(call, "Error parsing '%s': %s.", field, words);
    } else if (why == TDM_API_UNKNOWN || why == TDM_API_TYPE) {
        message = tdm_api_textf(call, "Invalid request field(s): %s", words);
    }
    postmark_error(call, errors[why].status, errors[why].code, message);
}

static int postmark_addresses(struct tdm_api_mail *mail, json_t *root, enum tdm_api_where where,
                              const char *name)
{
    const char *list = tdm_api_text(root, name);
    return list != NULL && list[0] != '\0' ? tdm_api_mail_list(mail, where, name, list) : 0;
}

static int postmark_envelope(struct tdm_api_mail *mail, json_t *root)
{
    if (tdm_api_mail_address(mail, TDM_API_FROM, "From", tdm_api_text(root, "From")) != 0 ||
        postmark_addresses(mail, root, TDM_API_TO, "To") != 0 ||
        postmark_addresses(mail, root, TDM_API_CC, "Cc") != 0 ||
        postmark_addresses(mail, root, TDM_API_BCC, "Bcc") != 0 ||
        postmark_addresses(mail, root, TDM_API_REPLY_TO, "ReplyTo") != 0) {
        return -1;
    }
    if (mail->recipient_count == 0) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "To",
                              "Zero recipients specified. Please provide a value for 'To', 'Cc' or "
                              "'Bcc'.");
    }
    if (mail->recipient_count > RECIPIENTS_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "To",
                              "There are more than 50 recipients.");
    }
    return 0;
}

static int postmark_headers(struct tdm_api_mail *mail, json_t *headers)
{
    size_t index;
    json_t *item;
    json_array_foreach(headers, index, item)
    {
        const char *value = tdm_api_text(item, "Value");
        if (tdm_api_mail_header(mail, "Headers", tdm_api_text(item, "Name"),
                                value != NULL ? value : "") != 0) {
            return -1;
        }
    }
    return 0;
}

/* Types of programs that the service does not carry. */
static int postmark_is_forbidden(const char *name)
{
    static const char *const ends[] = {"vbs", "exe", "bin", "bat", "chm", "com", "cpl", "crt",
                                       "hlp", "hta", "inf", "ins", "isp", "jse", "lnk", "mdb",
                                       "pcd", "pif", "reg", "scr", "sct", "shs", "vbe", "vba",
                                       "wsf", "wsh", "wsl", "msc", "msi", "msp", "mst"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (tdm_equal_nocase(dot + 1, ends[i])) {
            return 1;
        }
    }
    return 0;
}

static int postmark_attachments(struct tdm_api_mail *mail, json_t *list)
{
    size_t index;
    json_t *item;
    size_t size = 0;
    json_array_foreach(list, index, item)
    {
        const char *content = tdm_api_text(item, "Content");
        struct tdm_api_file file = {0};
        file.name = tdm_api_text(item, "Name");
        file.type = tdm_api_text(item, "ContentType");
        file.content_id = tdm_api_text(item, "ContentID");
        if (postmark_is_forbidden(file.name)) {
            postmark_error(mail->call, 422, 411,
                           tdm_api_textf(mail->call,
                                         "Attachment '%s' is of a type that is not allowed.",
                                         file.name));
            return -1;
        }
        if (content == NULL) {
            return tdm_api_refuse(mail->call, TDM_API_MISSING, "Attachments",
                                  "'Attachments.%z.Content' is missing", index);
        }
        if (file.content_id != NULL) {
            if (strncmp(file.content_id, "cid:", 4) != 0) {
                return tdm_api_refuse(mail->call, TDM_API_VALUE, "Attachments",
                                      "'Attachments.%z.ContentID' must begin with 'cid:'", index);
            }
            file.content_id += 4;
            file.is_inline = 1;
        }
        size += strlen(content);
        if (size > MESSAGE_MAX) {
            return tdm_api_refuse(mail->call, TDM_API_LIMIT, "Attachments",
                                  "The message is larger than 10 MB.");
        }
        if (tdm_api_mail_file64(mail, "Attachments", file, content) != 0) {
            return -1;
        }
    }
    return 0;
}

static int postmark_metadata(struct tdm_api_mail *mail, json_t *metadata)
{
    const char *name;
    json_t *value;
    if (json_object_size(metadata) > METADATA_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_LIMIT, "Metadata",
                              "'Metadata' has more than 10 fields");
    }
    json_object_foreach(metadata, name, value)
    {
        if (strlen(name) > METADATA_NAME_MAX) {
            return tdm_api_refuse(mail->call, TDM_API_LIMIT, "Metadata",
                                  "'Metadata.%s' has a name of more than 20 characters", name);
        }
    }
    return tdm_api_mail_mark_metadata(mail, metadata);
}

static int postmark_tracking(struct tdm_api_mail *mail, json_t *root)
{
    static const char *const words[] = {"None", "HtmlAndText", "HtmlOnly", "TextOnly"};
    const char *links = tdm_api_text(root, "TrackLinks");
    int clicks = -1;
    for (size_t i = 0; links != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(links, words[i]) == 0) {
            clicks = i > 0;
        }
    }
    if (links != NULL && clicks < 0) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "TrackLinks",
                              "'TrackLinks' is one of None, HtmlAndText, HtmlOnly, TextOnly");
    }
    return tdm_api_mail_mark_tracking(mail, tdm_api_flag(root, "TrackOpens"), clicks);
}

static int postmark_marks(struct tdm_api_mail *mail, json_t *root)
{
    const char *tag = tdm_api_text(root, "Tag");
    const char *token = tdm_served_field(mail->call->request, "X-Postmark-Server-Token");
    if ((tag != NULL && tdm_api_mail_mark(mail, "Tag", "%s", tag) != 0) ||
        postmark_metadata(mail, tdm_api_get(root, "Metadata")) != 0 ||
        postmark_tracking(mail, root) != 0 ||
        tdm_api_mail_mark_option(mail, "MessageStream", tdm_api_get(root, "MessageStream")) != 0 ||
        tdm_api_mail_mark_option(mail, "InlineCss", tdm_api_get(root, "InlineCss")) != 0) {
        return -1;
    }
    return strcmp(token, TEST_TOKEN) == 0 ? tdm_api_mail_mark(mail, "Sandbox", "yes") : 0;
}

/* Which of both paths it is decides whether there must be a template. */
static int postmark_template(struct tdm_api_mail *mail, json_t *root)
{
    int wanted = strcmp(mail->call->request->path, "/email/withTemplate") == 0;
    json_t *number = tdm_api_get(root, "TemplateId");
    const char *alias = tdm_api_text(root, "TemplateAlias");
    json_t *model = tdm_api_get(root, "TemplateModel");
    if (!wanted) {
        return number == NULL && alias == NULL && model == NULL
                   ? 0
                   : tdm_api_refuse(mail->call, TDM_API_VALUE, "TemplateId",
                                    "templates are sent through /email/withTemplate");
    }
    if ((number != NULL) == (alias != NULL) || model == NULL) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "TemplateId",
                              "One of 'TemplateId' and 'TemplateAlias' is needed, and "
                              "'TemplateModel'.");
    }
    if (alias != NULL) {
        return tdm_api_mail_template(mail, alias, model);
    }
    struct tdm_buf id;
    tdm_buf_init(&id, NULL, 32);
    tdm_buf_add_number(&id, (int64_t)json_integer_value(number));
    int result = tdm_api_mail_template(mail, tdm_buf_text(&id), model);
    tdm_buf_clear(&id);
    return result;
}

static int postmark_make(struct tdm_api_mail *mail, json_t *root)
{
    const char *subject = tdm_api_text(root, "Subject");
    const char *text = tdm_api_text(root, "TextBody");
    const char *html = tdm_api_text(root, "HtmlBody");
    if (postmark_envelope(mail, root) != 0 || postmark_template(mail, root) != 0 ||
        postmark_marks(mail, root) != 0) {
        return -1;
    }
    if (mail->has_template && (subject != NULL || text != NULL || html != NULL)) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "Subject",
                              "Subject, TextBody and HtmlBody come from the template.");
    }
    if (text == NULL && html == NULL && !mail->has_template) {
        return tdm_api_refuse(mail->call, TDM_API_MISSING, "TextBody",
                              "Provide either email TextBody or HtmlBody or both.");
    }
    if ((subject != NULL && tdm_api_mail_subject(mail, "Subject", subject) != 0) ||
        (text != NULL && tdm_api_mail_text(mail, "TextBody", text) != 0) ||
        (html != NULL && tdm_api_mail_html(mail, "HtmlBody", html) != 0)) {
        return -1;
    }
    return postmark_headers(mail, tdm_api_get(root, "Headers")) != 0
               ? -1
               : postmark_attachments(mail, tdm_api_get(root, "Attachments"));
}

#define POSTMARK_INACTIVE                                                                          \
    "Inactive recipients are ones that have generated a hard bounce or a spam complaint."

static void postmark_answer(struct tdm_api_call *call, json_t *root, const char *inactive)
{
    struct tdm_buf body;
    const char *to = tdm_api_text(root, "To");
    char id[TDM_API_UUID_SIZE];
    char time[TDM_API_TIME_SIZE];
    tdm_api_uuid(id);
    tdm_api_time(call->now_s, time);
    time[19] = '\0'; /* the service's times have digits of a second before the zone */
    tdm_buf_init(&body, NULL, (size_t)1 << 20);
    tdm_buf_add_str(&body, "{\"To\":");
    tdm_api_quote(&body, to != NULL ? to : "");
    tdm_buf_addf(&body, ",\"SubmittedAt\":\"%s.1794748Z\",\"MessageID\":\"%s\",\"ErrorCode\":0,",
                 time, id);
    if (inactive != NULL) {
        tdm_buf_addf(&body,
                     "\"Message\":\"Message OK, but will not deliver to these inactive addresses: "
                     "%s. " POSTMARK_INACTIVE "\"}",
                     inactive);
    } else if (tdm_equal_nocase(tdm_served_field(call->request, "X-Postmark-Server-Token"),
                                TEST_TOKEN)) {
        tdm_buf_add_str(&body, "\"Message\":\"Test job accepted\"}");
    } else {
        tdm_buf_add_str(&body, "\"Message\":\"OK\"}");
    }
    tdm_api_answer(call, 200, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
}

static void postmark_send(struct tdm_api_call *call, json_t *root)
{
    struct tdm_api_mail mail;
    if (tdm_api_mail_begin(&mail, call) == 0 && postmark_make(&mail, root) == 0) {
        const char *inactive = call->partial ? tdm_api_mail_refuse_first(&mail) : NULL;
        if (tdm_api_mail_keep(&mail) != 0) {
            inactive = NULL;
        } else if (mail.recipient_count > 0) {
            postmark_answer(call, root, inactive);
        } else {
            struct tdm_buf words;
            tdm_buf_init(&words, NULL, 2048);
            tdm_buf_addf(&words,
                         "You tried to send to a recipient that has been marked as inactive.\n"
                         "Found inactive addresses: %s.\n" POSTMARK_INACTIVE,
                         inactive);
            postmark_error(call, 422, 406, tdm_buf_text(&words));
            tdm_buf_clear(&words);
        }
    }
    tdm_api_mail_end(&mail);
}

static int postmark_login(struct tdm_api_call *call)
{
    const char *token = tdm_served_field(call->request, "X-Postmark-Server-Token");
    if (token != NULL && strcmp(token, TEST_TOKEN) == 0) {
        return 0;
    }
    switch (tdm_api_check_key(call, token)) {
    case TDM_API_ACCEPTED:
        return 0;
    case TDM_API_NO_KEY:
        postmark_error(call, 401, 10, POSTMARK_NO_TOKEN);
        return -1;
    case TDM_API_WRONG_KEY:
        postmark_error(call, 401, 10, POSTMARK_TOKEN);
        return -1;
    }
    return -1;
}

static void postmark_serve(struct tdm_api_call *call)
{
    json_t *root = NULL;
    const char *path = call->request->path;
    const char *accept = tdm_served_field(call->request, "Accept");
    if (strcmp(path, "/email") != 0 && strcmp(path, "/email/withTemplate") != 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "The requested resource was not found.");
        return;
    }
    if (tdm_api_is_post(call) != 0 || postmark_login(call) != 0) {
        return;
    }
    if (accept == NULL ||
        (strstr(accept, "application/json") == NULL && strstr(accept, "*/*") == NULL)) {
        postmark_error(call, 422, 409,
                       "The 'Accept' and 'Content-Type' headers must be 'application/json'.");
        return;
    }
    if (tdm_api_json(call, postmark_email, &root) == 0) {
        postmark_send(call, root);
    }
    json_decref(root);
}

const struct tdm_double tdm_double_postmark = {
    .scheme = "postmark",
    .url = "postmark://{key}@default{end}",
    .default_user = "",
    .max_request = (size_t)22 << 20, /* two bodies of 5 MB, 10 MB of files, the rest */
    .partial = 1,
    .canned = postmark_canned,
    .claims = postmark_claims,
    .serve = postmark_serve,
    .refuse = postmark_refuse,
};
