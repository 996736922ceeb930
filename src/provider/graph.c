/*
 * graph.c: Microsoft Graph, sendMail: JSON where the message has text or HTML and nothing that JSON
 * cannot hold, else the finished message in base64, with its Bcc: Graph takes the recipients from the
 * header.
 *
 * What is special: 202 alone is success, and there is no id. A request with MIME of more than about
 * 2240 kB has been answered 200 without being sent (microsoftgraph/microsoft-graph-docs-contrib, issue
 * 3079); that is told as unknown.
 */
#include <string.h>

#include "provider/answer.h"
#include "provider/build_parts.h"
#include "util/base64.h"
#include "util/str.h"

#define GRAPH_REQUEST_MAX ((size_t)4 * 1024 * 1024)
#define GRAPH_HEADERS_MAX 5
#define GRAPH_RECIPIENTS_MAX 500

#define GRAPH_TOKEN_HINT                                                                           \
    "get a new access token: one lives for about an hour, and it must be for this cloud and "      \
    "allow "                                                                                       \
    "Mail.Send"

#define GRAPH_FULL_HINT                                                                            \
    "the mailbox is full: make room in it, or do not keep copies of what is sent (option "         \
    "save-to-sent=no)"

static const struct tdm_service_option graph_options[] = {
    {"delivery-receipt", TDM_OPTION_BOOLEAN, "message/isDeliveryReceiptRequested",
     "yes: ask for a delivery receipt"},
    {"importance", TDM_OPTION_TEXT, "message/importance", "low, normal or high"},
    {"read-receipt", TDM_OPTION_BOOLEAN, "message/isReadReceiptRequested",
     "yes: ask for a read receipt"},
    {"save-to-sent", TDM_OPTION_BOOLEAN, "saveToSentItems",
     "no: no copy is kept in the folder of sent messages"},
    {"user", TDM_OPTION_TEXT, NULL,
     "the mailbox that sends (id or principal name), instead of the token's own (me)"},
    {0},
};

/* JSON has one body, and few header fields. */
static int graph_fits_json(const struct tdm_mail *mail)
{
    if (mail->needs_raw || mail->sender != NULL || mail->calendar != NULL ||
        (mail->text != NULL && mail->html != NULL) || tdm_mail_uses(mail, TDM_FEATURE_GROUPS) ||
        mail->field_count > GRAPH_HEADERS_MAX) {
        return 0;
    }
    for (size_t i = 0; i < mail->field_count; i++) {
        const char *name = mail->fields[i].name;
        if (!tdm_starts_nocase(name, strlen(name), "x-")) {
            return 0;
        }
    }
    for (size_t i = 0; i < mail->file_count; i++) {
        if (mail->files[i].description != NULL) {
            return 0;
        }
    }
    return 1;
}

static json_t *graph_mailbox(struct tdm_json *json, const struct tdm_mailbox *mailbox)
{
    json_t *object = tdm_json_object(json);
    tdm_json_put(json, object, "emailAddress", tdm_json_mailbox(json, mailbox, "address", "name"));
    return object;
}

static void graph_put_mailboxes(struct tdm_json *json, json_t *message, const char *name,
                                const struct tdm_mailbox_list *list)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < list->count; i++) {
        tdm_json_append(json, array, graph_mailbox(json, &list->items[i]));
    }
    tdm_build_put_filled(json, message, name, array);
}

static void graph_put_files(struct tdm_json *json, const struct tdm_mail *mail, json_t *message)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "@odata.type", "#microsoft.graph.fileAttachment");
        tdm_json_put_text(json, object, "name", tdm_build_file_name(file));
        tdm_json_put_text(json, object, "contentType", file->media_type);
        tdm_json_put_base64(json, object, "contentBytes", file->bytes.data, file->bytes.length);
        if (file->content_id != NULL) {
            tdm_json_put_text(json, object, "contentId", file->content_id);
        }
        if (file->is_inline) {
            tdm_json_put_flag(json, object, "isInline", 1);
        }
        tdm_json_append(json, array, object);
    }
    tdm_build_put_filled(json, message, "attachments", array);
}

static json_t *graph_message(struct tdm_json *json, const struct tdm_mail *mail)
{
    json_t *message = tdm_json_object(json);
    json_t *body = tdm_json_object(json);
    json_t *headers = tdm_json_array(json);
    const char *text = mail->html != NULL ? mail->html : mail->text;
    tdm_json_put_text(json, message, "subject", mail->subject);
    tdm_json_put_text(json, body, "contentType", mail->html != NULL ? "HTML" : "Text");
    tdm_json_put_text(json, body, "content", text != NULL ? text : "");
    tdm_json_put(json, message, "body", body);
    tdm_json_put(json, message, "from", graph_mailbox(json, mail->from));
    graph_put_mailboxes(json, message, "toRecipients", mail->to);
    graph_put_mailboxes(json, message, "ccRecipients", mail->cc);
    graph_put_mailboxes(json, message, "bccRecipients", mail->bcc);
    graph_put_mailboxes(json, message, "replyTo", mail->reply_to);
    for (size_t i = 0; i < mail->field_count; i++) {
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "name", mail->fields[i].name);
        tdm_json_put_text(json, object, "value", mail->fields[i].value);
        tdm_json_append(json, headers, object);
    }
    tdm_build_put_filled(json, message, "internetMessageHeaders", headers);
    graph_put_files(json, mail, message);
    return message;
}

/* MIME has no place for what the options say. */
static void graph_check_mime(const struct tdm_provider_job *job, struct tidymail_error *error)
{
    static const char *const names[] = {"delivery-receipt", "importance", "read-receipt", "extra"};
    const char *save = tdm_provider_option(job, "save-to-sent");
    const char *name = save != NULL && strcmp(save, "no") == 0 ? "save-to-sent=no" : NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        name = tdm_provider_option(job, names[i]) != NULL ? names[i] : name;
    }
    if (name != NULL) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "option %s: Graph does not take this with a message that goes as MIME",
                       name);
        tdm_text_set(&error->allocator, &error->hint,
                     "it goes as JSON where it has text or HTML, not both, and at most five header "
                     "fields, which begin with X-");
    }
}

static void graph_put_mime(const struct tdm_provider_job *job, struct tdm_http_request *request,
                           struct tidymail_error *error)
{
    struct tdm_buf mime;
    tdm_buf_init(&mime, job->allocator, TDM_HTTP_BODY_MAX);
    graph_check_mime(job, error);
    if (error->kind == TIDYMAIL_OK &&
        tdm_mail_read_raw(job->mail, 1, &mime, error) == TIDYMAIL_OK) {
        tdm_base64_encode(&request->body, tdm_buf_text(&mime), mime.length);
        tdm_http_request_add(request, "Content-Type", "text/plain");
    }
    if (error->kind == TIDYMAIL_OK && (request->failed || request->body.failed)) {
        tdm_provider_no_memory(error);
    }
    tdm_buf_clear(&mime);
}

static void graph_set_target(const struct tdm_provider_job *job, struct tdm_http_request *request,
                             const char *origin)
{
    const char *user = tdm_provider_option(job, "user");
    struct tdm_buf path;
    tdm_buf_init(&path, job->allocator, 4096);
    if (user != NULL && user[0] != '\0') {
        tdm_buf_add_str(&path, "/v1.0/users/");
        tdm_http_escape(&path, user);
    } else {
        tdm_buf_add_str(&path, "/v1.0/me");
    }
    tdm_buf_add_str(&path, "/sendMail");
    request->failed |= path.failed;
    tdm_http_request_set_target(request, origin, tdm_buf_text(&path));
    tdm_buf_clear(&path);
}

static int graph_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                       struct tidymail_error *error)
{
    /* the national clouds; the last is not confirmed */
    static const struct tdm_build_origin origins[] = {
        {"", "https://graph.microsoft.com"},
        {"us", "https://graph.microsoft.us"},
        {"dod", "https://dod-graph.microsoft.us"},
        {"china", "https://microsoftgraph.chinacloudapi.cn"},
        {0},
    };
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    graph_set_target(job, request, origin);
    tdm_http_request_add_secret(request, "Authorization", "Bearer ", job->account->key);
    if (graph_fits_json(job->mail)) {
        struct tdm_json json = {0};
        json_t *root = tdm_json_object(&json);
        tdm_json_put(&json, root, "message", graph_message(&json, job->mail));
        tdm_json_put_options(&json, job, root, error);
        tdm_json_finish(&json, root, request, error);
    } else {
        graph_put_mime(job, request, error);
    }
    if (request->body.length > GRAPH_REQUEST_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "message: a request of %z bytes is larger than the 4 MB that Graph takes",
                       request->body.length);
        tdm_text_set(&error->allocator, &error->hint,
                     "send it without attachments, or with links to them");
    }
    return error->kind;
}

/* MailboxNotEnabled..., MessageSizeExceeded, ExceededMessageLimit and Authorization_RequestDenied are
 * not on the page of sendMail. */
static const struct tdm_answer_row graph_rows[] = {
    {0, "InvalidAuthenticationToken", NULL, TDM_MEANS_CREDENTIALS, GRAPH_TOKEN_HINT},
    {401, NULL, NULL, TDM_MEANS_CREDENTIALS, GRAPH_TOKEN_HINT},
    {0, "ErrorSendAsDenied", NULL, TDM_MEANS_SENDER,
     "the mailbox may not send as this From: use its own address, or give it Send As permission in "
     "Exchange"},
    {0, "ErrorAccessDenied", NULL, TDM_MEANS_PERMISSION,
     "give the application the permission Mail.Send and have an administrator consent to it"},
    {0, "Authorization_RequestDenied", NULL, TDM_MEANS_PERMISSION,
     "give the application the permission Mail.Send and have an administrator consent to it"},
    {0, "ErrorInvalidRecipients", NULL, TDM_MEANS_RECIPIENT, NULL},
    {0, "ErrorInvalidUser", NULL, TDM_MEANS_NOT_FOUND, "check the option user"},
    {0, "MailboxNotEnabledForRESTAPI", NULL, TDM_MEANS_ACCOUNT,
     "the account has no mailbox in Exchange Online"},
    {0, "ErrorMessageSizeExceeded", NULL, TDM_MEANS_SIZE, NULL},
    /* learn.microsoft.com/graph/errors: 507, 509; the code of 507 in microsoftgraph/microsoft-graph-docs,
     * issue 3935 */
    {0, "ErrorQuotaExceeded", NULL, TDM_MEANS_QUOTA, GRAPH_FULL_HINT},
    {507, NULL, NULL, TDM_MEANS_QUOTA, GRAPH_FULL_HINT},
    {0, "ErrorMessageSubmissionBlocked", NULL, TDM_MEANS_QUOTA_PERIOD, NULL},
    {509, NULL, NULL, TDM_MEANS_RATE, NULL},
    {0, "TooManyRequests", NULL, TDM_MEANS_RATE, NULL},
    {0, "ApplicationThrottled", NULL, TDM_MEANS_RATE,
     "four requests at once are taken for one mailbox: send over fewer connections"},
    {0, "ErrorExceededMessageLimit", NULL, TDM_MEANS_QUOTA_PERIOD, NULL},
};

#define GRAPH_ROWS (sizeof(graph_rows) / sizeof(graph_rows[0]))

static void graph_parse(const struct tdm_provider_job *job,
                        const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const json_t *error = json_object_get(body, "error");
    if (response->status == 202) {
        tdm_answer_sent(report, response->status, NULL);
    } else if (response->status / 100 == 2) {
        tdm_answer_unclear(job, response, "202 alone says that it took the message", report);
    } else if (!json_is_object(error) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, graph_rows, GRAPH_ROWS, response, report);
    } else {
        struct tdm_answer answer = {response->status, tdm_json_text_at(error, "code"),
                                    tdm_json_text_at(error, "message"),
                                    tdm_answer_retry_after(response, job->now_s)};
        tdm_answer_refuse(job, graph_rows, GRAPH_ROWS, &answer, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_graph = {
    .scheme = "graph",
    .url = "graph://TOKEN@",
    .page = "https://learn.microsoft.com/graph/api/user-sendmail",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "Graph",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_SENDER |
                            TDM_CAN_HEADERS | TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS |
                            TDM_CAN_INLINE | TDM_CAN_INLINE_NAMES | TDM_CAN_PART_FIELDS |
                            TDM_CAN_GROUPS | TDM_CAN_CALENDAR | TDM_CAN_RAW,
                     .max_recipients = GRAPH_RECIPIENTS_MAX,
                     .max_size = 4 * 1024 * 1024},
    .options = graph_options,
    .build = graph_build,
    .parse = graph_parse,
};
