/* api_mailjet.c: the double of Mailjet's Send API v3.1 (POST /v3.1/send):
 * https://dev.mailjet.com/email/reference/send-emails/
 *
 * Each of the messages is taken or refused alone; the answer's status is 400 where one was refused. */
#include <string.h>

#include "api.h"
#include "util/str.h"

#define MESSAGES_MAX 50
#define LIST_MAX 50
#define SUBJECT_MAX 255
#define ATTACHMENTS_MAX ((size_t)15 << 20)
#define FIRST_ID INT64_C(1152921500311879681) /* ids are larger than 2^53 */

/* clang-format off */
#define END {NULL, TDM_API_ANY, 0, NULL, 0}
/* clang-format on */

static const struct tdm_api_member mailjet_address[] = {
    {"Email", TDM_API_TEXT, 1, NULL, 0},
    {"Name", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailjet_attachment[] = {
    {"ContentType", TDM_API_TEXT, 1, NULL, 0},
    {"Filename", TDM_API_TEXT, 1, NULL, 0},
    {"Base64Content", TDM_API_BASE64, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailjet_inline[] = {
    {"ContentType", TDM_API_TEXT, 1, NULL, 0},
    {"Filename", TDM_API_TEXT, 1, NULL, 0},
    {"ContentID", TDM_API_TEXT, 0, NULL, 0},
    {"Base64Content", TDM_API_BASE64, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailjet_message[] = {
    {"From", TDM_API_OBJECT, 1, mailjet_address, 0},
    {"Sender", TDM_API_OBJECT, 0, mailjet_address, 0},
    {"To", TDM_API_OBJECTS, 1, mailjet_address, LIST_MAX},
    {"Cc", TDM_API_OBJECTS, 0, mailjet_address, LIST_MAX},
    {"Bcc", TDM_API_OBJECTS, 0, mailjet_address, LIST_MAX},
    {"ReplyTo", TDM_API_OBJECT, 0, mailjet_address, 0},
    {"Subject", TDM_API_TEXT, 0, NULL, 0},
    {"TextPart", TDM_API_TEXT, 0, NULL, 0},
    {"HTMLPart", TDM_API_TEXT, 0, NULL, 0},
    {"Attachments", TDM_API_OBJECTS, 0, mailjet_attachment, 0},
    {"InlinedAttachments", TDM_API_OBJECTS, 0, mailjet_inline, 0},
    {"Headers", TDM_API_TEXT_MAP, 0, NULL, 0},
    {"CustomID", TDM_API_TEXT, 0, NULL, 0},
    {"EventPayload", TDM_API_TEXT, 0, NULL, 0},
    {"CustomCampaign", TDM_API_TEXT, 0, NULL, 0},
    {"DeduplicateCampaign", TDM_API_FLAG, 0, NULL, 0},
    {"URLTags", TDM_API_TEXT, 0, NULL, 256},
    {"TrackOpens", TDM_API_TEXT, 0, NULL, 0},
    {"TrackClicks", TDM_API_TEXT, 0, NULL, 0},
    {"TemplateID", TDM_API_NUMBER, 0, NULL, 0},
    {"TemplateLanguage", TDM_API_FLAG, 0, NULL, 0},
    {"Variables", TDM_API_MAP, 0, NULL, 0},
    {"TemplateErrorReporting", TDM_API_OBJECT, 0, mailjet_address, 0},
    {"TemplateErrorDeliver", TDM_API_FLAG, 0, NULL, 0},
    {"Priority", TDM_API_NUMBER, 0, NULL, 0},
    {"MonitoringCategory", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member mailjet_anything[] = {END};
/* Messages are checked one by one. */
static const struct tdm_api_member mailjet_request[] = {
    {"Messages", TDM_API_ANY, 1, mailjet_anything, 0},
    {"Globals", TDM_API_MAP, 0, NULL, 0},
    {"SandboxMode", TDM_API_FLAG, 0, NULL, 0},
    {"AdvanceErrorHandling", TDM_API_FLAG, 0, NULL, 0},
    END,
};

#define MAILJET_ID "\"ErrorIdentifier\":\"06df1144-c6f3-4ca7-8885-7ec5d4344113\""
#define MAILJET_WHOLE(code, message, status)                                                       \
    "{" MAILJET_ID ",\"ErrorCode\":\"" code "\",\"ErrorMessage\":\"" message                       \
    "\",\"StatusCode\":" #status "}"
#define MAILJET_ONE(code, message, status, related)                                                \
    "{\"Messages\":[{\"Status\":\"error\",\"Errors\":[{" MAILJET_ID ",\"ErrorCode\":\"" code       \
    "\",\"StatusCode\":" #status ",\"ErrorMessage\":\"" message "\",\"ErrorRelatedTo\":[" related  \
    "]}]}]}"
#define MAILJET_LOGIN                                                                              \
    MAILJET_WHOLE("mj-0015",                                                                       \
                  "API key authentication/authorization failure. You may be unauthorized to "      \
                  "access the API or your API key may be expired. Visit API keys management "      \
                  "section to check your keys.",                                                   \
                  401)

/* The words of send-0008, of 429 and of 500 are not documented. */
static const struct tdm_api_canned mailjet_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "", MAILJET_LOGIN},
    {TDM_API_FAULT_BAD_DATA, 400, "",
     MAILJET_ONE("send-0003",
                 "At least \\\"HTMLPart\\\", \\\"TextPart\\\" or \\\"TemplateID\\\" must be "
                 "provided.",
                 400, "\"HTMLPart\",\"TextPart\"")},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 403, "",
     MAILJET_ONE("send-0008",
                 "\\\"sender@example.com\\\" is not an authorized sender email address for your "
                 "account.",
                 403, "\"From\"")},
    {TDM_API_FAULT_RATE_LIMIT, 429, "",
     MAILJET_WHOLE("mj-0018", "Too many requests. Please slow down.", 429)},
    {TDM_API_FAULT_QUOTA, 429, "",
     MAILJET_WHOLE("mj-0018", "You have reached the sending limit of your plan.", 429)},
    {TDM_API_FAULT_SERVER_ERROR, 500, "", MAILJET_WHOLE("mj-0010", "Internal server error.", 500)},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int mailjet_claims(const struct tdm_served_request *request)
{
    return strncmp(request->path, "/v3.1/", 6) == 0;
}

/* "To.0.Email" as Mailjet writes it: To[0].Email */
static void mailjet_quote_path(struct tdm_buf *out, const char *path)
{
    tdm_buf_add_char(out, '"');
    while (*path != '\0') {
        size_t length = strcspn(path, ".");
        if (tdm_is_digit(*path)) {
            tdm_buf_addf(out, "[%.*s]", (int)length, path);
        } else {
            int first = out->length > 0 && out->data[out->length - 1] == '"';
            tdm_buf_addf(out, "%s%.*s", first ? "" : ".", (int)length, path);
        }
        path += length + (path[length] == '.');
    }
    tdm_buf_add_char(out, '"');
}

/* The error of one message, or of the whole request. */
static void mailjet_error(struct tdm_buf *body, int whole, int status, const char *code,
                          const char *message, const char *field)
{
    char id[TDM_API_UUID_SIZE];
    tdm_api_uuid(id);
    tdm_buf_addf(body,
                 "%s{\"ErrorIdentifier\":\"%s\",\"ErrorCode\":\"%s\",\"StatusCode\":%d,"
                 "\"ErrorMessage\":",
                 whole ? "" : "{\"Messages\":[{\"Status\":\"error\",\"Errors\":[", id, code,
                 status);
    tdm_api_quote(body, message);
    if (field[0] != '\0') {
        tdm_buf_add_str(body, ",\"ErrorRelatedTo\":[");
        mailjet_quote_path(body, field);
        tdm_buf_add_char(body, ']');
    }
    tdm_buf_add_str(body, whole ? "}" : "}]}]}");
}

static void mailjet_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                           const char *words)
{
    static const struct {
        int whole;
        int status;
        const char *code;
    } errors[] = {
        [TDM_API_PATH] = {1, 404, "mj-0014"},    [TDM_API_METHOD] = {1, 405, "mj-0014"},
        [TDM_API_MEDIA] = {1, 400, "mj-0002"},   [TDM_API_SYNTAX] = {1, 400, "mj-0002"},
        [TDM_API_UNKNOWN] = {0, 400, "mj-0002"}, [TDM_API_MISSING] = {0, 400, "mj-0003"},
        [TDM_API_TYPE] = {0, 400, "mj-0004"},    [TDM_API_VALUE] = {0, 400, "mj-0005"},
        [TDM_API_ADDRESS] = {0, 400, "mj-0013"}, [TDM_API_DUPLICATE] = {0, 400, "mj-0005"},
        [TDM_API_LIMIT] = {0, 400, "send-0015"}, [TDM_API_SIZE] = {1, 413, "mj-0011"},
        [TDM_API_FAILED] = {1, 500, "mj-0010"},
    };
    const char *message = words;
    struct tdm_buf body;
    if (why == TDM_API_SYNTAX) {
        message = "Malformed JSON, please review the syntax and properties types.";
    }
    tdm_buf_init(&body, NULL, 65536);
    mailjet_error(&body, errors[why].whole, errors[why].status, errors[why].code, message, field);
    tdm_api_answer(call, errors[why].status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
}

/* An error that has a code of its own. */
static int mailjet_fail(struct tdm_api_call *call, const char *code, const char *field,
                        const char *message)
{
    struct tdm_buf body;
    tdm_buf_init(&body, NULL, 65536);
    mailjet_error(&body, 0, 400, code, message, field);
    tdm_api_answer(call, 400, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
    return -1;
}

static int mailjet_mailbox(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                           json_t *address)
{
    const char *email = tdm_api_text(address, "Email");
    if (address == NULL ||
        tdm_api_mail_pair(mail, where, field, email, tdm_api_text(address, "Name")) == 0) {
        return 0;
    }
    return mail->call->status != 400
               ? -1
               : mailjet_fail(
                     mail->call, "mj-0013", field,
                     tdm_api_textf(mail->call, "\"%s\" is an invalid email address.", email));
}

static int mailjet_list(struct tdm_api_mail *mail, enum tdm_api_where where, const char *name,
                        json_t *message)
{
    size_t index;
    json_t *item;
    json_array_foreach(tdm_api_get(message, name), index, item)
    {
        struct tdm_buf field;
        tdm_buf_init(&field, NULL, 64);
        tdm_buf_addf(&field, "%s.%z.Email", name, index);
        int result = mailjet_mailbox(mail, where, tdm_buf_text(&field), item);
        tdm_buf_clear(&field);
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

static int mailjet_people(struct tdm_api_mail *mail, json_t *message)
{
    json_t *sender = tdm_api_get(message, "Sender");
    if (mailjet_mailbox(mail, TDM_API_FROM, "From.Email", tdm_api_get(message, "From")) != 0 ||
        mailjet_list(mail, TDM_API_TO, "To", message) != 0 ||
        mailjet_list(mail, TDM_API_CC, "Cc", message) != 0 ||
        mailjet_list(mail, TDM_API_BCC, "Bcc", message) != 0 ||
        mailjet_mailbox(mail, TDM_API_REPLY_TO, "ReplyTo.Email", tdm_api_get(message, "ReplyTo")) !=
            0) {
        return -1;
    }
    return sender != NULL
               ? tdm_api_mail_header(mail, "Sender", "Sender", tdm_api_text(sender, "Email"))
               : 0;
}

static int mailjet_body(struct tdm_api_mail *mail, json_t *message)
{
    const char *subject = tdm_api_text(message, "Subject");
    const char *text = tdm_api_text(message, "TextPart");
    const char *html = tdm_api_text(message, "HTMLPart");
    json_t *chosen = tdm_api_get(message, "TemplateID");
    size_t characters = 0;
    for (const char *at = subject != NULL ? subject : ""; *at != '\0'; at++) {
        characters += ((unsigned char)*at & 0xC0) != 0x80;
    }
    if (characters > SUBJECT_MAX) {
        return mailjet_fail(mail->call, "mj-0006", "Subject",
                            "\"Subject\" is longer than 255 characters.");
    }
    if (chosen == NULL && (text == NULL || text[0] == '\0') && (html == NULL || html[0] == '\0')) {
        return mailjet_fail(mail->call, "send-0003", "HTMLPart",
                            "At least \"HTMLPart\", \"TextPart\" or \"TemplateID\" must be "
                            "provided.");
    }
    if (chosen != NULL &&
        tdm_api_mail_template(mail,
                              tdm_api_textf(mail->call, "%l", (int64_t)json_integer_value(chosen)),
                              tdm_api_get(message, "Variables")) != 0) {
        return -1;
    }
    return (subject != NULL && tdm_api_mail_subject(mail, "Subject", subject) != 0) ||
                   (text != NULL && tdm_api_mail_text(mail, "TextPart", text) != 0) ||
                   (html != NULL && tdm_api_mail_html(mail, "HTMLPart", html) != 0)
               ? -1
               : 0;
}

static int mailjet_attachments(struct tdm_api_mail *mail, json_t *message, const char *name,
                               size_t *size)
{
    size_t index;
    json_t *item;
    json_array_foreach(tdm_api_get(message, name), index, item)
    {
        const char *content = tdm_api_text(item, "Base64Content");
        struct tdm_api_file file = {0};
        file.name = tdm_api_text(item, "Filename");
        file.type = tdm_api_text(item, "ContentType");
        file.content_id = tdm_api_text(item, "ContentID");
        file.is_inline = strcmp(name, "InlinedAttachments") == 0;
        if (content == NULL) {
            return tdm_api_refuse(mail->call, TDM_API_MISSING, name,
                                  "\"Base64Content\" is a mandatory property but missing from the "
                                  "input JSON");
        }
        *size += strlen(content);
        if (*size > ATTACHMENTS_MAX) {
            return tdm_api_refuse(mail->call, TDM_API_SIZE, name,
                                  "Attachments are larger than 15 MB.");
        }
        if (tdm_api_mail_file64(mail, name, file, content) != 0) {
            return -1;
        }
    }
    return 0;
}

static int mailjet_headers(struct tdm_api_mail *mail, json_t *headers)
{
    static const char *const reserved[] = {"From",
                                           "Sender",
                                           "Subject",
                                           "To",
                                           "Cc",
                                           "Bcc",
                                           "Reply-To",
                                           "Return-Path",
                                           "Delivered-To",
                                           "DKIM-Signature",
                                           "Received",
                                           "Received-SPF",
                                           "X-Mailer",
                                           "List-Id",
                                           "Date",
                                           "Message-Id",
                                           "User-Agent",
                                           "DomainKey-Status",
                                           "X-Feedback-Id",
                                           "X-CSA-Complaints",
                                           "Authentication-Results"};
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value)
    {
        int bad = tdm_starts_nocase(name, strlen(name), "X-MJ-") ||
                  tdm_starts_nocase(name, strlen(name), "X-Mailjet-");
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
            bad |= tdm_equal_nocase(name, reserved[i]);
        }
        if (bad) {
            return mailjet_fail(mail->call, "send-0011", "Headers",
                                tdm_api_textf(mail->call,
                                              "Header \"%s\" cannot be customized using the "
                                              "\"Headers\" collection.",
                                              name));
        }
        if (tdm_api_mail_header(mail, "Headers", name, json_string_value(value)) != 0) {
            return -1;
        }
    }
    return 0;
}

/* account_default, enabled, disabled; -2: none of them. */
static int mailjet_switch(json_t *message, const char *name)
{
    const char *text = tdm_api_text(message, name);
    return text == NULL || strcmp(text, "account_default") == 0 ? -1
           : strcmp(text, "enabled") == 0                       ? 1
           : strcmp(text, "disabled") == 0                      ? 0
                                                                : -2;
}

static int mailjet_marks(struct tdm_api_mail *mail, json_t *message)
{
    static const char *const options[] = {
        "CustomID",         "DeduplicateCampaign",    "URLTags",
        "TemplateLanguage", "TemplateErrorReporting", "TemplateErrorDeliver",
        "Priority",         "MonitoringCategory"};
    const char *payload = tdm_api_text(message, "EventPayload");
    const char *campaign = tdm_api_text(message, "CustomCampaign");
    int opens = mailjet_switch(message, "TrackOpens");
    int clicks = mailjet_switch(message, "TrackClicks");
    if (opens < -1 || clicks < -1) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, opens < -1 ? "TrackOpens" : "TrackClicks",
                              "the value must be account_default, enabled or disabled");
    }
    json_t *metadata = payload != NULL ? json_loads(payload, 0, NULL) : NULL;
    int result = json_is_object(metadata) ? tdm_api_mail_mark_metadata(mail, metadata)
                 : payload != NULL ? tdm_api_mail_mark(mail, "Option", "EventPayload=%s", payload)
                                   : 0;
    json_decref(metadata);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && result == 0; i++) {
        result = tdm_api_mail_mark_option(mail, options[i], tdm_api_get(message, options[i]));
    }
    if (result == 0 && !mail->has_template) {
        result = tdm_api_mail_mark_option(mail, "Variables", tdm_api_get(message, "Variables"));
    }
    if (result == 0 && campaign != NULL) {
        result = tdm_api_mail_mark(mail, "Tag", "%s", campaign);
    }
    return result == 0 ? tdm_api_mail_mark_tracking(mail, opens, clicks) : result;
}

/* The recipients of a list as they were taken, but for one who was not. */
static json_t *mailjet_taken(struct tdm_api_call *call, json_t *list, int sandbox,
                             const char *refused)
{
    json_t *taken = json_array();
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        char uuid[TDM_API_UUID_SIZE] = "";
        const char *email = tdm_api_text(item, "Email");
        int64_t id = sandbox ? 0 : FIRST_ID + tdm_api_serial(call);
        if (tdm_equal_nocase(email, refused)) {
            continue;
        }
        if (!sandbox) {
            tdm_api_uuid(uuid);
        }
        json_t *entry = json_object();
        json_object_set_new(entry, "Email", json_string(email));
        json_object_set_new(entry, "MessageUUID", json_string(uuid));
        json_object_set_new(entry, "MessageID", json_integer(id));
        json_object_set_new(
            entry, "MessageHref",
            json_string(tdm_api_textf(call, "https://api.mailjet.com/v3/message/%l", id)));
        json_array_append_new(taken, entry);
    }
    return taken;
}

/* One message; 0, or -1 and the call's answer says why. The entry of a message that was taken for some
 * only is followed by one for who was refused. */
static int mailjet_one(struct tdm_api_call *call, json_t *message, int sandbox, json_t *entries)
{
    struct tdm_api_mail mail;
    char refused[512] = "";
    size_t size = 0;
    int result = tdm_api_json_check(call, message, mailjet_message, "");
    if (result != 0) {
        return -1;
    }
    if (tdm_api_mail_begin(&mail, call) != 0 || mailjet_people(&mail, message) != 0 ||
        mailjet_body(&mail, message) != 0 ||
        mailjet_attachments(&mail, message, "Attachments", &size) != 0 ||
        mailjet_attachments(&mail, message, "InlinedAttachments", &size) != 0 ||
        mailjet_headers(&mail, tdm_api_get(message, "Headers")) != 0 ||
        mailjet_marks(&mail, message) != 0 ||
        (sandbox && tdm_api_mail_mark(&mail, "Sandbox", "yes") != 0)) {
        result = -1;
    }
    const char *first = result == 0 && call->partial ? tdm_api_mail_refuse_first(&mail) : NULL;
    if (first != NULL && strlen(first) < sizeof(refused)) {
        memcpy(refused, first, strlen(first) + 1);
    }
    result = result == 0 ? tdm_api_mail_keep(&mail) : result;
    tdm_api_mail_end(&mail);
    if (result != 0) {
        return -1;
    }
    const char *custom = tdm_api_text(message, "CustomID");
    json_t *entry = json_object();
    json_object_set_new(entry, "Status", json_string("success"));
    json_object_set_new(entry, "CustomID", json_string(custom != NULL ? custom : ""));
    json_object_set_new(entry, "To",
                        mailjet_taken(call, tdm_api_get(message, "To"), sandbox, refused));
    json_object_set_new(entry, "Cc",
                        mailjet_taken(call, tdm_api_get(message, "Cc"), sandbox, refused));
    json_object_set_new(entry, "Bcc",
                        mailjet_taken(call, tdm_api_get(message, "Bcc"), sandbox, refused));
    json_array_append_new(entries, entry);
    if (refused[0] != '\0') {
        return mailjet_fail(call, "mj-0013", "To.0.Email",
                            tdm_api_textf(call, "\"%s\" is an invalid email address.", refused));
    }
    return 0;
}

/* The entry that a refusal has put into the answer; NULL: it refuses the whole. */
static json_t *mailjet_refused(const struct tdm_api_call *call)
{
    json_t *answer = json_loads(tdm_buf_text(&call->body), 0, NULL);
    json_t *entry = json_array_get(json_object_get(answer, "Messages"), 0);
    json_incref(entry);
    json_decref(answer);
    return entry;
}

static int mailjet_take(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

static void mailjet_answer(struct tdm_api_call *call, json_t *entries, int refused)
{
    struct tdm_buf body;
    json_t *root = json_object();
    tdm_buf_init(&body, NULL, (size_t)4 << 20);
    json_object_set(root, "Messages", entries);
    if (json_dump_callback(root, mailjet_take, &body, JSON_COMPACT) != 0) {
        tdm_api_refuse(call, TDM_API_FAILED, "", "out of memory");
    } else {
        tdm_api_answer(call, refused ? 400 : 200, "", tdm_buf_text(&body));
    }
    json_decref(root);
    tdm_buf_clear(&body);
}

static void mailjet_send(struct tdm_api_call *call, json_t *root)
{
    json_t *messages = tdm_api_get(root, "Messages");
    json_t *entries = json_array();
    json_t *message;
    size_t index;
    int refused = 0;
    int sandbox = tdm_api_flag(root, "SandboxMode") == 1;
    json_array_foreach(messages, index, message)
    {
        json_t *entry = NULL;
        if (mailjet_one(call, message, sandbox, entries) == 0) {
            continue;
        }
        refused = 1;
        entry = mailjet_refused(call);
        if (entry == NULL) {
            json_decref(entries);
            return;
        }
        json_array_append_new(entries, entry);
    }
    mailjet_answer(call, entries, refused);
    json_decref(entries);
}

static void mailjet_serve(struct tdm_api_call *call)
{
    json_t *root = NULL;
    if (strcmp(call->request->path, "/v3.1/send") != 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "no such path");
        return;
    }
    if (tdm_api_is_post(call) != 0) {
        return;
    }
    if (tdm_api_check_basic(call, NULL) != TDM_API_ACCEPTED) {
        tdm_api_answer(call, 401, "", MAILJET_LOGIN);
        return;
    }
    if (tdm_api_json(call, mailjet_request, &root) != 0) {
        return;
    }
    json_t *messages = tdm_api_get(root, "Messages");
    size_t index;
    json_t *item;
    int objects = json_is_array(messages);
    json_array_foreach(messages, index, item)
    {
        objects &= json_is_object(item);
    }
    if (!objects) {
        tdm_api_refuse(call, TDM_API_SYNTAX, "Messages", "Messages is no list of objects");
    } else if (json_array_size(messages) > MESSAGES_MAX) {
        mailjet_fail(call, "mj-0008", "Messages", "\"Messages\" has more than 50 elements.");
    } else {
        mailjet_send(call, root);
    }
    json_decref(root);
}

const struct tdm_double tdm_double_mailjet = {
    .scheme = "mailjet",
    .url = "mailjet://{user}:{key}@default{end}",
    .default_user = "public",
    .max_request = 0,
    .partial = 1,
    .canned = mailjet_canned,
    .claims = mailjet_claims,
    .serve = mailjet_serve,
    .refuse = mailjet_refuse,
};
