/* api_graph.c: the double of Microsoft Graph's sendMail, with JSON and with MIME:
 * https://learn.microsoft.com/graph/api/user-sendmail */
#include <string.h>

#include "api.h"
#include "util/base64.h"
#include "util/str.h"

#define REQUEST_MAX ((size_t)4 << 20)
#define RECIPIENTS_MAX 500
#define HEADERS_MAX 5

/* clang-format off */
#define END {NULL, TDM_API_ANY, 0, NULL, 0}
/* clang-format on */

static const struct tdm_api_member graph_email_address[] = {
    {"address", TDM_API_TEXT, 1, NULL, 0},
    {"name", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member graph_recipient[] = {
    {"emailAddress", TDM_API_OBJECT, 1, graph_email_address, 0},
    END,
};
static const struct tdm_api_member graph_body[] = {
    {"contentType", TDM_API_TEXT, 0, NULL, 0},
    {"content", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member graph_header[] = {
    {"name", TDM_API_TEXT, 1, NULL, 0},
    {"value", TDM_API_TEXT, 0, NULL, 0},
    END,
};
static const struct tdm_api_member graph_attachment[] = {
    {"@odata.type", TDM_API_TEXT, 1, NULL, 0},
    {"name", TDM_API_TEXT, 1, NULL, 0},
    {"contentType", TDM_API_TEXT, 0, NULL, 0},
    {"contentBytes", TDM_API_BASE64, 0, NULL, 0},
    {"contentId", TDM_API_TEXT, 0, NULL, 0},
    {"isInline", TDM_API_FLAG, 0, NULL, 0},
    END,
};
static const struct tdm_api_member graph_message[] = {
    {"subject", TDM_API_TEXT, 0, NULL, 0},
    {"body", TDM_API_OBJECT, 0, graph_body, 0},
    {"from", TDM_API_OBJECT, 0, graph_recipient, 0},
    {"sender", TDM_API_OBJECT, 0, graph_recipient, 0},
    {"toRecipients", TDM_API_OBJECTS, 0, graph_recipient, 0},
    {"ccRecipients", TDM_API_OBJECTS, 0, graph_recipient, 0},
    {"bccRecipients", TDM_API_OBJECTS, 0, graph_recipient, 0},
    {"replyTo", TDM_API_OBJECTS, 0, graph_recipient, 0},
    {"internetMessageHeaders", TDM_API_OBJECTS, 0, graph_header, 0},
    {"attachments", TDM_API_OBJECTS, 0, graph_attachment, 0},
    {"importance", TDM_API_TEXT, 0, NULL, 0},
    {"isReadReceiptRequested", TDM_API_FLAG, 0, NULL, 0},
    {"isDeliveryReceiptRequested", TDM_API_FLAG, 0, NULL, 0},
    END,
};
static const struct tdm_api_member graph_request[] = {
    {"message", TDM_API_OBJECT, 0, graph_message, 0},
    {"saveToSentItems", TDM_API_FLAG, 0, NULL, 0},
    END,
};

#define GRAPH_INNER                                                                                \
    "\"innerError\":{\"date\":\"2026-11-24T14:25:20\",\"request-id\":"                             \
    "\"6f8cb9f4-13a3-44b6-9e0f-8a4c6a6b1a54\",\"client-request-id\":"                              \
    "\"6f8cb9f4-13a3-44b6-9e0f-8a4c6a6b1a54\"}"
#define GRAPH_ERROR(code, message)                                                                 \
    "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"," GRAPH_INNER "}}"
#define GRAPH_EXPIRED                                                                              \
    GRAPH_ERROR("InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
#define GRAPH_NO_RECIPIENTS                                                                        \
    "At least one recipient isn't valid., A message can't be sent because it contains no "         \
    "recipients."

/* The words of ErrorSendAsDenied and of 503 are not documented. */
static const struct tdm_api_canned graph_canned[] = {
    {TDM_API_FAULT_BAD_CREDENTIALS, 401, "", GRAPH_EXPIRED},
    {TDM_API_FAULT_BAD_DATA, 400, "",
     "{\"error\":{\"code\":\"ErrorInvalidRecipients\",\"message\":\"" GRAPH_NO_RECIPIENTS "\"}}"},
    {TDM_API_FAULT_UNVERIFIED_SENDER, 403, "",
     GRAPH_ERROR("ErrorSendAsDenied",
                 "The user account which was used to submit this request does not have the right "
                 "to send mail on behalf of the specified sending account., Cannot submit "
                 "message.")},
    {TDM_API_FAULT_RATE_LIMIT, 429, "Retry-After: 2.128\r\n",
     "{\"error\":{\"code\":\"TooManyRequests\"," GRAPH_INNER
     ",\"message\":\"Please retry again later.\"}}"},
    {TDM_API_FAULT_QUOTA, 507, "",
     GRAPH_ERROR("ErrorQuotaExceeded", "Mailbox has exceeded maximum mailbox size.")},
    {TDM_API_FAULT_SERVER_ERROR, 503, "",
     GRAPH_ERROR("serviceNotAvailable", "The service is temporarily unavailable.")},
    {TDM_API_FAULT_NONE, 0, NULL, NULL},
};

static int graph_claims(const struct tdm_served_request *request)
{
    return strncmp(request->path, "/v1.0/", 6) == 0;
}

static int graph_error(struct tdm_api_call *call, int status, const char *code, const char *message)
{
    struct tdm_buf body;
    char id[TDM_API_UUID_SIZE];
    char date[TDM_API_TIME_SIZE];
    tdm_api_uuid(id);
    tdm_api_time(call->now_s, date);
    tdm_buf_init(&body, NULL, 65536);
    tdm_buf_addf(&body, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    tdm_api_quote(&body, message);
    tdm_buf_addf(&body,
                 ",\"innerError\":{\"date\":\"%.*s\",\"request-id\":\"%s\","
                 "\"client-request-id\":\"%s\"}}}",
                 19, date, id, id);
    tdm_api_answer(call, status, "", tdm_buf_text(&body));
    tdm_buf_clear(&body);
    return -1;
}

static void graph_refuse(struct tdm_api_call *call, enum tdm_api_refusal why, const char *field,
                         const char *words)
{
    static const struct {
        int status;
        const char *code;
    } errors[] = {
        [TDM_API_PATH] = {404, "ResourceNotFound"},
        [TDM_API_METHOD] = {405, "Request_BadRequest"},
        [TDM_API_MEDIA] = {400, "RequestBodyRead"},
        [TDM_API_SYNTAX] = {400, "BadRequest"},
        [TDM_API_UNKNOWN] = {400, "RequestBodyRead"},
        [TDM_API_MISSING] = {400, "ErrorInvalidParameter"},
        [TDM_API_TYPE] = {400, "RequestBodyRead"},
        [TDM_API_VALUE] = {400, "ErrorInvalidParameter"},
        [TDM_API_ADDRESS] = {400, "ErrorInvalidRecipients"},
        [TDM_API_DUPLICATE] = {400, "ErrorInvalidRecipients"},
        [TDM_API_LIMIT] = {400, "ErrorInvalidRecipients"},
        [TDM_API_SIZE] = {413, "BadRequest"},
        [TDM_API_FAILED] = {500, "ErrorInternalServerError"},
    };
    const char *message = words;
    if (why == TDM_API_UNKNOWN) {
        message = tdm_api_textf(call,
                                "The property '%s' does not exist on type "
                                "'microsoft.graph.message'. Make sure to only use property names "
                                "that are defined by the type or mark the type as open type.",
                                field);
    } else if (why == TDM_API_SIZE) {
        message = "The maximum request length supported is 4MB.";
    }
    graph_error(call, errors[why].status, errors[why].code, message);
}

static int graph_mailbox(struct tdm_api_mail *mail, enum tdm_api_where where, const char *field,
                         json_t *recipient)
{
    json_t *address = tdm_api_get(recipient, "emailAddress");
    return tdm_api_mail_pair(mail, where, field, tdm_api_text(address, "address"),
                             tdm_api_text(address, "name"));
}

static int graph_list(struct tdm_api_mail *mail, enum tdm_api_where where, const char *name,
                      json_t *message)
{
    size_t index;
    json_t *item;
    json_array_foreach(tdm_api_get(message, name), index, item)
    {
        if (graph_mailbox(mail, where, name, item) != 0) {
            return -1;
        }
    }
    return 0;
}

static int graph_count(struct tdm_api_mail *mail)
{
    if (mail->recipient_count == 0) {
        return graph_error(mail->call, 400, "ErrorInvalidRecipients", GRAPH_NO_RECIPIENTS);
    }
    return mail->recipient_count > RECIPIENTS_MAX
               ? tdm_api_refuse(mail->call, TDM_API_LIMIT, "toRecipients",
                                "The message has more than 500 recipients.")
               : 0;
}

/* Without `from` the mailbox that sends has its own. */
static int graph_people(struct tdm_api_mail *mail, json_t *message)
{
    json_t *from = tdm_api_get(message, "from");
    json_t *sender = tdm_api_get(message, "sender");
    int result = from != NULL
                     ? graph_mailbox(mail, TDM_API_FROM, "from", from)
                     : tdm_api_mail_address(mail, TDM_API_FROM, "from", "mailbox@example.com");
    if (result == 0 && sender != NULL) {
        result = tdm_api_mail_header(mail, "sender", "Sender",
                                     tdm_api_text(tdm_api_get(sender, "emailAddress"), "address"));
    }
    if (result != 0 || graph_list(mail, TDM_API_TO, "toRecipients", message) != 0 ||
        graph_list(mail, TDM_API_CC, "ccRecipients", message) != 0 ||
        graph_list(mail, TDM_API_BCC, "bccRecipients", message) != 0 ||
        graph_list(mail, TDM_API_REPLY_TO, "replyTo", message) != 0) {
        return -1;
    }
    return graph_count(mail);
}

/* Text or HTML, one of them. */
static int graph_content(struct tdm_api_mail *mail, json_t *message)
{
    json_t *body = tdm_api_get(message, "body");
    const char *subject = tdm_api_text(message, "subject");
    const char *type = tdm_api_text(body, "contentType");
    const char *content = tdm_api_text(body, "content");
    int html = type != NULL && tdm_equal_nocase(type, "html");
    if (type != NULL && !html && !tdm_equal_nocase(type, "text")) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "message.body.contentType",
                              "Requested value '%s' was not found.", type);
    }
    if (subject != NULL && tdm_api_mail_subject(mail, "message.subject", subject) != 0) {
        return -1;
    }
    content = content != NULL ? content : "";
    return html ? tdm_api_mail_html(mail, "message.body", content)
                : tdm_api_mail_text(mail, "message.body", content);
}

static int graph_headers(struct tdm_api_mail *mail, json_t *list)
{
    size_t index;
    json_t *item;
    if (list != NULL && json_array_size(list) == 0) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "message.internetMessageHeaders",
                              "The collection internetMessageHeaders must not be empty.");
    }
    if (json_array_size(list) > HEADERS_MAX) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "message.internetMessageHeaders",
                              "The number of custom internet message headers is more than 5.");
    }
    json_array_foreach(list, index, item)
    {
        const char *name = tdm_api_text(item, "name");
        const char *value = tdm_api_text(item, "value");
        if (!tdm_starts_nocase(name, strlen(name), "x-")) {
            return graph_error(mail->call, 400, "InvalidInternetMessageHeader",
                               tdm_api_textf(mail->call,
                                             "The internet message header name '%s' should start "
                                             "with 'x-' or 'X-'.",
                                             name));
        }
        if (tdm_api_mail_header(mail, "message.internetMessageHeaders", name,
                                value != NULL ? value : "") != 0) {
            return -1;
        }
    }
    return 0;
}

static int graph_attachments(struct tdm_api_mail *mail, json_t *list)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *content = tdm_api_text(item, "contentBytes");
        struct tdm_api_file file = {0};
        file.name = tdm_api_text(item, "name");
        file.type = tdm_api_text(item, "contentType");
        file.content_id = tdm_api_text(item, "contentId");
        file.is_inline = tdm_api_flag(item, "isInline") == 1;
        if (strcmp(tdm_api_text(item, "@odata.type"), "#microsoft.graph.fileAttachment") != 0) {
            return tdm_api_refuse(mail->call, TDM_API_VALUE, "message.attachments",
                                  "only #microsoft.graph.fileAttachment is played here");
        }
        if (tdm_api_mail_file64(mail, "message.attachments", file,
                                content != NULL ? content : "") != 0) {
            return -1;
        }
    }
    return 0;
}

static int graph_options(struct tdm_api_mail *mail, json_t *root, json_t *message)
{
    static const char *const levels[] = {"low", "normal", "high"};
    const char *importance = tdm_api_text(message, "importance");
    int known = importance == NULL;
    for (size_t i = 0; i < 3 && !known; i++) {
        known = tdm_equal_nocase(importance, levels[i]);
    }
    if (!known) {
        return tdm_api_refuse(mail->call, TDM_API_VALUE, "message.importance",
                              "Requested value '%s' was not found.", importance);
    }
    return tdm_api_mail_mark_option(mail, "importance", tdm_api_get(message, "importance")) != 0 ||
                   tdm_api_mail_mark_option(mail, "isReadReceiptRequested",
                                            tdm_api_get(message, "isReadReceiptRequested")) != 0 ||
                   tdm_api_mail_mark_option(mail, "isDeliveryReceiptRequested",
                                            tdm_api_get(message, "isDeliveryReceiptRequested")) !=
                       0 ||
                   tdm_api_mail_mark_option(mail, "saveToSentItems",
                                            tdm_api_get(root, "saveToSentItems")) != 0
               ? -1
               : 0;
}

static int graph_json_mail(struct tdm_api_mail *mail, json_t *root)
{
    json_t *message = tdm_api_get(root, "message");
    if (message == NULL || json_object_size(message) == 0) {
        return graph_error(mail->call, 400, "ErrorInvalidParameter",
                           "The value of the parameter 'Message' is empty.");
    }
    return graph_people(mail, message) != 0 || graph_content(mail, message) != 0 ||
                   graph_headers(mail, tdm_api_get(message, "internetMessageHeaders")) != 0 ||
                   graph_attachments(mail, tdm_api_get(message, "attachments")) != 0 ||
                   graph_options(mail, root, message) != 0
               ? -1
               : 0;
}

/* Base64 of a finished message, its recipients in its header. */
static int graph_mime_mail(struct tdm_api_mail *mail, struct tdm_buf *bytes)
{
    const struct tdm_buf *body = &mail->call->request->body;
    if (tdm_base64_decode(bytes, tdm_buf_text(body), body->length) != 0 || bytes->length == 0) {
        return graph_error(mail->call, 400, "ErrorMimeContentInvalidBase64String",
                           "Invalid base64 string for MIME content.");
    }
    return tdm_api_mail_raw(mail, "MIME", bytes->data, bytes->length, 1) != 0 ? -1
                                                                              : graph_count(mail);
}

/* Between "/users/" and "/sendMail"; "me" is "". -1: another path. */
static int graph_user(const char *path, const char **user, size_t *length)
{
    *user = "";
    *length = 0;
    if (strcmp(path, "/v1.0/me/sendMail") == 0) {
        return 0;
    }
    if (strncmp(path, "/v1.0/users/", 12) != 0) {
        return -1;
    }
    *user = path + 12;
    *length = strcspn(*user, "/");
    return *length > 0 && strcmp(*user + *length, "/sendMail") == 0 ? 0 : -1;
}

static void graph_send(struct tdm_api_call *call, json_t *root)
{
    struct tdm_api_mail mail;
    struct tdm_buf bytes;
    const char *user;
    size_t length;
    char id[TDM_API_UUID_SIZE];
    tdm_buf_init(&bytes, NULL, REQUEST_MAX);
    int result = graph_user(call->request->path, &user, &length);
    if (tdm_api_mail_begin(&mail, call) != 0) {
        result = -1;
    } else if (result == 0) {
        result = root != NULL ? graph_json_mail(&mail, root) : graph_mime_mail(&mail, &bytes);
    }
    if (result == 0 && length > 0) {
        result = tdm_api_mail_mark(&mail, "Option", "user=%.*s", (int)length, user);
    }
    if (result == 0 && tdm_api_mail_keep(&mail) == 0) {
        tdm_api_uuid(id);
        tdm_api_answer(call, 202,
                       tdm_api_textf(call, "request-id: %s\r\nclient-request-id: %s\r\n", id, id),
                       "");
    }
    tdm_api_mail_end(&mail);
    tdm_buf_clear(&bytes);
}

static int graph_login(struct tdm_api_call *call)
{
    switch (tdm_api_check_key(call, tdm_api_bearer(call))) {
    case TDM_API_ACCEPTED:
        return 0;
    case TDM_API_NO_KEY:
        return graph_error(call, 401, "InvalidAuthenticationToken", "Access token is empty.");
    case TDM_API_WRONG_KEY:
        return graph_error(call, 401, "InvalidAuthenticationToken",
                           "Access token has expired or is not yet valid.");
    }
    return -1;
}

static void graph_serve(struct tdm_api_call *call)
{
    json_t *root = NULL;
    const char *user;
    size_t length;
    const char *type = tdm_served_field(call->request, "Content-Type");
    if (graph_user(call->request->path, &user, &length) != 0) {
        tdm_api_refuse(call, TDM_API_PATH, "", "Resource not found for the segment.");
        return;
    }
    if (tdm_api_is_post(call) != 0 || graph_login(call) != 0) {
        return;
    }
    size_t end = type != NULL ? strcspn(type, "; ") : 0;
    if (type != NULL && tdm_equal_nocase_n(type, end, "text/plain")) {
        graph_send(call, NULL);
    } else if (type == NULL || !tdm_equal_nocase_n(type, end, "application/json")) {
        tdm_api_refuse(call, TDM_API_MEDIA, "",
                       "Entity only allows writes with a JSON Content-Type header.");
    } else if (tdm_api_json(call, graph_request, &root) == 0) {
        graph_send(call, root);
    }
    json_decref(root);
}

const struct tdm_double tdm_double_graph = {
    .scheme = "graph",
    .url = "graph://{key}@default{end}",
    .default_user = "",
    .max_request = REQUEST_MAX,
    .partial = 0,
    .canned = graph_canned,
    .claims = graph_claims,
    .serve = graph_serve,
    .refuse = graph_refuse,
};
