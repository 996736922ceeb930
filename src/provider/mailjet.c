/*
 * mailjet.c: Mailjet, Send API v3.1, POST /v3.1/send with one message.
 *
 * What is special: key and secret; per-recipient ids, numbers of up to 63 bits; a message that is
 * partly taken answers 400, so the body is read before the status decides. What is asked for with
 * "extra" is merged into the message; SandboxMode, AdvanceErrorHandling and Globals stand beside it.
 */
#include <string.h>

#include <tidymail/service.h>

#include "provider/answer.h"
#include "provider/build_parts.h"

#define MAILJET_LIST_MAX 50
#define MAILJET_SUBJECT_MAX 255
#define MAILJET_URL_TAGS_MAX 256
#define MAILJET_FILES_MAX (INT64_C(15) * 1024 * 1024) /* in base64 */

static const struct tdm_service_option mailjet_options[] = {
    {"advance-error-handling", TDM_OPTION_BOOLEAN, "AdvanceErrorHandling",
     "yes: blocked and unsubscribed addresses are refused in the answer"},
    {"custom-campaign", TDM_OPTION_TEXT, "CustomCampaign", "the campaign, instead of the tag"},
    {"custom-id", TDM_OPTION_TEXT, "CustomID", "a value that comes back with each event"},
    {"deduplicate-campaign", TDM_OPTION_BOOLEAN, "DeduplicateCampaign",
     "yes: an address gets one message of the campaign only"},
    {"event-payload", TDM_OPTION_TEXT, "EventPayload",
     "a text that comes back with each event, instead of the metadata"},
    {"monitoring-category", TDM_OPTION_TEXT, "MonitoringCategory",
     "the category of real-time monitoring"},
    {"priority", TDM_OPTION_INTEGER, "Priority", "the place in the queue: 0, 1, 2 or 3"},
    {"template-error-deliver", TDM_OPTION_BOOLEAN, "TemplateErrorDeliver",
     "yes: a message is sent although its template has errors"},
    {"template-error-reporting", TDM_OPTION_TEXT, "TemplateErrorReporting/Email",
     "the address that is told of errors in the template"},
    {"template-language", TDM_OPTION_BOOLEAN, "TemplateLanguage",
     "yes: the body is in Mailjet's template language (always where a template is named)"},
    {"url-tags", TDM_OPTION_TEXT, "URLTags", "a query that is added to every link"},
    {"variables", TDM_OPTION_JSON, "Variables", "values for {{var:NAME}} in the body"},
    {0},
};

/* dev.mailjet.com: header fields that Mailjet sets itself. */
static const char *const mailjet_refused[] = {
    "Return-Path",
    "Delivered-To",
    "DKIM-Signature",
    "DomainKey-Status",
    "Received-SPF",
    "Authentication-Results",
    "Received",
    "X-Mailer",
    "X-MJ-*",
    "X-Mailjet-*",
    "X-Feedback-Id",
    "X-CSA-Complaints",
    "List-Id",
    "Date",
    "Message-Id",
    "User-Agent",
    NULL,
};

static void mailjet_put_people(struct tdm_json *json, const struct tdm_provider_job *job,
                               json_t *message, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    const struct {
        const char *name;
        const char *what;
        const struct tdm_mailbox_list *list;
    } lists[] = {{"To", "to", mail->to}, {"Cc", "cc", mail->cc}, {"Bcc", "bcc", mail->bcc}};
    tdm_json_put(json, message, "From", tdm_json_mailbox(json, mail->from, "Email", "Name"));
    if (mail->sender != NULL) {
        tdm_json_put(json, message, "Sender",
                     tdm_json_mailbox(json, mail->sender, "Email", "Name"));
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        tdm_build_check_count(job, lists[i].what, lists[i].list->count, MAILJET_LIST_MAX, error);
        tdm_build_put_filled(json, message, lists[i].name,
                             tdm_json_mailboxes(json, lists[i].list, "Email", "Name"));
    }
    if (mail->reply_to->count > 0) {
        tdm_json_put(json, message, "ReplyTo",
                     tdm_json_mailbox(json, &mail->reply_to->items[0], "Email", "Name"));
    }
}

static void mailjet_put_files(struct tdm_json *json, const struct tdm_mail *mail, json_t *message,
                              struct tidymail_error *error)
{
    json_t *lists[] = {tdm_json_array(json), tdm_json_array(json)};
    if (tdm_build_files_size(mail, 1) > MAILJET_FILES_MAX) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "attachments: more than the 15 MB that Mailjet takes",
                      "send it without attachments, or with links to them");
    }
    for (size_t i = 0; i < mail->file_count && error->kind == TIDYMAIL_OK; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        const char *name = file->name;
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "ContentType", file->media_type);
        tdm_json_put_text(json, object, "Filename",
                          name != NULL && name[0] != '\0' ? name : "attachment");
        if (file->content_id != NULL && file->is_inline) {
            tdm_json_put_text(json, object, "ContentID", file->content_id);
        }
        tdm_json_put_base64(json, object, "Base64Content", file->bytes.data, file->bytes.length);
        tdm_json_append(json, lists[file->is_inline != 0], object);
    }
    tdm_build_put_filled(json, message, "Attachments", lists[0]);
    tdm_build_put_filled(json, message, "InlinedAttachments", lists[1]);
}

static void mailjet_put_tracking(struct tdm_json *json, json_t *message, const char *name,
                                 int tracking)
{
    if (tracking != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_text(json, message, name,
                          tracking == TIDYMAIL_TRACKING_ON ? "enabled" : "disabled");
    }
}

static void mailjet_put_service(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *message, struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    if (tdm_provider_wants(job, TDM_FEATURE_TAGS)) {
        tdm_json_put_text(json, message, "CustomCampaign", service->tags[0]);
    }
    if (tdm_provider_wants(job, TDM_FEATURE_METADATA)) {
        tdm_build_put_as_text(json, message, "EventPayload", tdm_json_metadata(json, job->mail));
    }
    mailjet_put_tracking(json, message, "TrackOpens", service->track_opens);
    mailjet_put_tracking(json, message, "TrackClicks", service->track_clicks);
    if (service->template_id != NULL) {
        int64_t number;
        tdm_build_template_number(job, &number, error);
        tdm_json_put_number(json, message, "TemplateID", number);
        tdm_json_put_flag(json, message, "TemplateLanguage", 1);
        tdm_build_put_filled(json, message, "Variables",
                             tdm_json_template_values(json, job->mail, error));
    }
}

/* What belongs beside the messages goes there. */
static void mailjet_lift(struct tdm_json *json, json_t *message, json_t *root)
{
    static const char *const names[] = {"SandboxMode", "AdvanceErrorHandling", "Globals"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_t *value = json_object_get(message, names[i]);
        if (value != NULL) {
            tdm_json_put(json, root, names[i], json_incref(value));
            json_object_del(message, names[i]);
        }
    }
}

static int mailjet_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                         struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {
        {"", "https://api.mailjet.com"},
        {"us", "https://api.us.mailjet.com"} /* not confirmed */,
        {0}};
    const struct tdm_mail *mail = job->mail;
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    const char *url_tags = tdm_provider_option(job, "url-tags");
    if (url_tags != NULL) {
        tdm_build_check_length(job, "option url-tags", url_tags, MAILJET_URL_TAGS_MAX, error);
    }
    if (tdm_build_characters(mail->subject) > MAILJET_SUBJECT_MAX) {
        return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                              "subject: longer than the %d characters that Mailjet takes",
                              MAILJET_SUBJECT_MAX);
    }
    struct tdm_json json = {0};
    json_t *root = tdm_json_object(&json);
    json_t *message = tdm_json_object(&json);
    json_t *messages = tdm_json_array(&json);
    json_t *headers = tdm_json_object(&json);
    mailjet_put_people(&json, job, message, error);
    tdm_build_put_some(&json, message, "Subject", mail->subject);
    tdm_build_put_some(&json, message, "TextPart", mail->text);
    tdm_build_put_some(&json, message, "HTMLPart", mail->html);
    tdm_build_put_headers(&json, job, headers, mailjet_refused, error);
    tdm_build_put_filled(&json, message, "Headers", headers);
    mailjet_put_files(&json, mail, message, error);
    mailjet_put_service(&json, job, message, error);
    tdm_json_put_options(&json, job, message, error);
    mailjet_lift(&json, message, root);
    if (mail->service->sandbox) {
        tdm_json_put_flag(&json, root, "SandboxMode", 1);
    }
    tdm_json_append(&json, messages, message);
    tdm_json_put(&json, root, "Messages", messages);
    tdm_http_request_set_target(request, origin, "/v3.1/send");
    tdm_http_request_add_basic(request, job->account->key, job->account->secret);
    tdm_http_request_add(request, "Accept", "application/json");
    return tdm_json_finish(&json, root, request, error);
}

static const struct tdm_answer_row mailjet_rows[] = {
    {0, "mj-0015", NULL, TDM_MEANS_CREDENTIALS,
     "check both keys in the URL (mailjet://KEY:SECRET@): the API key and the secret key"},
    {0, "mj-0001", NULL, TDM_MEANS_ACCOUNT, NULL},
    {401, NULL, "suspended|blocked", TDM_MEANS_ACCOUNT, NULL},
    {401, NULL, NULL, TDM_MEANS_CREDENTIALS,
     "check both keys in the URL (mailjet://KEY:SECRET@): the API key and the secret key"},
    /* no words for it are documented */
    {429, NULL, "sending limit|quota|daily limit|monthly limit|sending credits",
     TDM_MEANS_QUOTA_PERIOD, NULL},
    {402, NULL, NULL, TDM_MEANS_QUOTA, NULL},
    {0, "send-0008", NULL, TDM_MEANS_SENDER, NULL},
    {0, "send-0011", NULL, TDM_MEANS_DATA, "leave out the header field that it names"},
    {0, "send-0015", NULL, TDM_MEANS_DATA, "send to fewer recipients at once: 50 in each list"},
    {0, "mj-0011", NULL, TDM_MEANS_SIZE, NULL},
};
/* The address that the answer complains of is a recipient's. */
static const struct tdm_answer_row mailjet_recipient_rows[] = {
    {0, "mj-0013", NULL, TDM_MEANS_RECIPIENT, NULL},
};

#define MAILJET_ROWS (sizeof(mailjet_rows) / sizeof(mailjet_rows[0]))

static void mailjet_take_sent(const json_t *list, int status, tidymail_report *report)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *id = json_object_get(item, "MessageID");
        size_t index = tdm_answer_recipient(report, tdm_json_text_at(item, "Email"));
        struct tdm_buf number;
        tdm_buf_init(&number, &report->allocator, 32);
        if (json_integer_value(id) != 0) { /* 0 in sandbox mode */
            tdm_buf_add_number(&number, json_integer_value(id));
        }
        const char *text = json_is_string(id) ? json_string_value(id) : tdm_buf_text(&number);
        tdm_answer_sent_one(report, index, status, text[0] != '\0' ? text : NULL);
        tdm_buf_clear(&number);
    }
}

static int mailjet_names_recipient(const char *field)
{
    return field != NULL && (strncmp(field, "To", 2) == 0 || strncmp(field, "Cc", 2) == 0 ||
                             strncmp(field, "Bcc", 3) == 0);
}

/* One error of a message; `json` is the entry of Errors, or the answer as a whole. */
static void mailjet_refuse(const struct tdm_provider_job *job, const json_t *json,
                           const struct tdm_http_response *response, tidymail_report *report)
{
    struct tdm_answer answer = {response->status, tdm_json_text_at(json, "ErrorCode"),
                                tdm_json_text_at(json, "ErrorMessage"),
                                tdm_answer_retry_after(response, job->now_s)};
    if (answer.code != NULL && strcmp(answer.code, "mj-0013") == 0 &&
        mailjet_names_recipient(tdm_json_text_at(json, "ErrorRelatedTo/0"))) {
        tdm_answer_refuse(job, mailjet_recipient_rows, 1, &answer, report);
    } else {
        tdm_answer_refuse(job, mailjet_rows, MAILJET_ROWS, &answer, report);
    }
}

/* Entries of "Messages": those that were taken first, so that an error is that of the others. */
static void mailjet_take_messages(const struct tdm_provider_job *job, const json_t *messages,
                                  const struct tdm_http_response *response, tidymail_report *report)
{
    static const char *const lists[] = {"To", "Cc", "Bcc"};
    const json_t *refused = NULL;
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        const char *status = tdm_json_text_at(message, "Status");
        if (status == NULL || strcmp(status, "success") != 0) {
            refused = refused != NULL ? refused : message;
            continue;
        }
        for (size_t k = 0; k < 3; k++) {
            mailjet_take_sent(json_object_get(message, lists[k]), response->status, report);
        }
    }
    if (refused != NULL) {
        const json_t *first = tdm_json_at(refused, "Errors/0");
        mailjet_refuse(job, first != NULL ? first : refused, response, report);
    } else {
        tdm_answer_sent(report, response->status, NULL);
    }
}

static void mailjet_parse(const struct tdm_provider_job *job,
                          const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const json_t *messages = json_object_get(body, "Messages");
    int is_success = response->status / 100 == 2;
    if ((is_success || response->status == 400) && json_array_size(messages) > 0) {
        mailjet_take_messages(job, messages, response, report);
    } else if (is_success) {
        tdm_answer_unclear(job, response, "no Messages are in the answer", report);
    } else if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, mailjet_rows, MAILJET_ROWS, response, report);
    } else {
        const json_t *first = tdm_json_at(messages, "0/Errors/0");
        mailjet_refuse(job, first != NULL ? first : body, response, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_mailjet = {
    .scheme = "mailjet",
    .url = "mailjet://KEY:SECRET@",
    .page = "https://dev.mailjet.com/email/reference/send-emails/",
    .login = TDM_LOGIN_KEY_AND_SECRET,
    .capabilities = {.name = "Mailjet",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_SENDER |
                            TDM_CAN_HEADERS | TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS |
                            TDM_CAN_INLINE | TDM_CAN_INLINE_NAMES | TDM_CAN_SMTPUTF8 |
                            TDM_CAN_TAGS | TDM_CAN_METADATA | TDM_CAN_TRACKING | TDM_CAN_TEMPLATE |
                            TDM_CAN_SANDBOX,
                     .max_recipients = 3 * MAILJET_LIST_MAX,
                     .max_reply_to = 1,
                     .max_tags = 1},
    .options = mailjet_options,
    .build = mailjet_build,
    .parse = mailjet_parse,
};
