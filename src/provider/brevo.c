/*
 * brevo.c: Brevo (formerly Sendinblue), POST /v3/smtp/email.
 *
 * What is special: HTML is mandatory without a template, so a message of text alone gets HTML made of
 * it (option html-from-text=no sends it as it is); idempotency key (a UUID, kept for 15 or 30 minutes:
 * its pages differ), metadata and sandbox are members of `headers`; the type of an attachment follows
 * from its name; there are no inline images. Addresses in UTF-8 are refused here: Brevo sends to them,
 * but loses names and whole Cc fields (seen by the django-anymail project).
 */
#include <string.h>

#include "message/header.h"
#include "provider/answer.h"
#include "provider/build_parts.h"
#include "util/str.h"

#define BREVO_NAME_MAX 70
#define BREVO_AHEAD_S (72 * 3600)

static const struct tdm_service_option brevo_options[] = {
    {"batch-id", TDM_OPTION_TEXT, "batchId",
     "a UUID that scheduled messages share, to cancel them"},
    {"html-from-text", TDM_OPTION_BOOLEAN, NULL,
     "no: a message of text alone goes without the HTML that Brevo asks for"},
    {"params", TDM_OPTION_JSON, "params", "values for {{params.NAME}} in subject and body"},
    {"sender-ip", TDM_OPTION_TEXT, "headers/sender.ip", "the dedicated IP address to send from"},
    {0},
};

/* A name with a comma that is not ASCII gets lost on the way: it goes as RFC 2047 words then. */
static json_t *brevo_mailbox(struct tdm_json *json, const struct tdm_provider_job *job,
                             const struct tdm_mailbox *mailbox)
{
    if (mailbox->name == NULL || strchr(mailbox->name, ',') == NULL ||
        !tdm_has_8bit(mailbox->name, strlen(mailbox->name))) {
        return tdm_json_mailbox(json, mailbox, "email", "name");
    }
    json_t *object = tdm_json_object(json);
    struct tdm_buf words;
    tdm_json_put_text(json, object, "email", mailbox->spec);
    tdm_buf_init(&words, job->allocator, TDM_HEADER_TEXT_MAX * 4);
    tdm_mail_add_mailbox(&words, mailbox, 1);
    size_t behind = strlen(mailbox->spec) + strlen(" <>");
    if (words.failed || words.length < behind) {
        words.failed = 1;
    } else {
        words.length -= behind;
    }
    tdm_json_put_buf(json, object, "name", &words);
    return object;
}

static void brevo_put_mailboxes(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *root, const char *name, const struct tdm_mailbox_list *list)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < list->count; i++) {
        tdm_json_append(json, array, brevo_mailbox(json, job, &list->items[i]));
    }
    tdm_build_put_filled(json, root, name, array);
}

/* "You can have max 70 character in to name" */
static void brevo_check_names(const struct tdm_mailbox_list *list, struct tidymail_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->items[i].name;
        if (name != NULL && tdm_build_characters(name) > BREVO_NAME_MAX) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "to: the name of <%s> has more than the %d characters that Brevo takes",
                           list->items[i].spec, BREVO_NAME_MAX);
        }
    }
}

/* The text as HTML that looks like it: lines stay lines. */
static void brevo_put_html(struct tdm_json *json, const struct tdm_provider_job *job, json_t *root)
{
    struct tdm_buf html;
    tdm_buf_init(&html, job->allocator, TDM_HTTP_BODY_MAX);
    for (const char *at = job->mail->text; *at != '\0'; at++) {
        if (*at == '&') {
            tdm_buf_add_str(&html, "&amp;");
        } else if (*at == '<') {
            tdm_buf_add_str(&html, "&lt;");
        } else if (*at == '>') {
            tdm_buf_add_str(&html, "&gt;");
        } else if (*at == '\n') {
            tdm_buf_add_str(&html, "<br>\n");
        } else if (*at != '\r') {
            tdm_buf_add_char(&html, *at);
        }
    }
    tdm_json_put_buf(json, root, "htmlContent", &html);
}

static void brevo_put_bodies(struct tdm_json *json, const struct tdm_provider_job *job,
                             json_t *root)
{
    const struct tdm_mail *mail = job->mail;
    const char *option = tdm_provider_option(job, "html-from-text");
    tdm_build_put_some(json, root, "subject", mail->subject);
    tdm_build_put_some(json, root, "textContent", mail->text);
    if (mail->html != NULL) {
        tdm_build_put_some(json, root, "htmlContent", mail->html);
    } else if (mail->text != NULL && mail->text[0] != '\0' && mail->service->template_id == NULL &&
               (option == NULL || strcmp(option, "no") != 0)) {
        brevo_put_html(json, job, root);
    }
}

static void brevo_put_files(struct tdm_json *json, const struct tdm_mail *mail, json_t *root)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < mail->file_count; i++) {
        json_t *file = tdm_json_object(json);
        tdm_json_put_text(json, file, "name", tdm_build_file_name(&mail->files[i]));
        tdm_json_put_base64(json, file, "content", mail->files[i].bytes.data,
                            mail->files[i].bytes.length);
        tdm_json_append(json, array, file);
    }
    tdm_build_put_filled(json, root, "attachment", array);
}

/* Brevo writes a value into the header as it is, also where it is not ASCII: such a one goes as RFC
 * 2047 words. */
static void brevo_encode_headers(struct tdm_json *json, const struct tdm_provider_job *job,
                                 json_t *headers)
{
    for (size_t i = 0; i < job->mail->field_count; i++) {
        const struct tdm_mail_field *field = &job->mail->fields[i];
        if (!tdm_has_8bit(field->value, strlen(field->value))) {
            continue;
        }
        struct tdm_buf folded;
        struct tdm_buf value;
        tdm_buf_init(&folded, job->allocator, TDM_HEADER_TEXT_MAX * 8);
        tdm_buf_init(&value, job->allocator, TDM_HEADER_TEXT_MAX * 8);
        tdm_header_add_text(&folded, "X", field->value, 1);
        value.failed = folded.failed;
        for (size_t k = strlen("X: "); k < folded.length; k++) {
            if (folded.data[k] != '\r' && folded.data[k] != '\n') {
                tdm_buf_add_char(&value, folded.data[k]);
            }
        }
        tdm_json_put_buf(json, headers, field->name, &value);
        tdm_buf_clear(&folded);
    }
}

/* Fields of the message, and what Brevo has made members beside them. */
static void brevo_put_headers(struct tdm_json *json, const struct tdm_provider_job *job,
                              json_t *root, struct tidymail_error *error)
{
    static const char *const taken[] = {"idempotencyKey", "X-Mailin-custom", "X-Sib-Sandbox", NULL};
    const struct tdm_service_wishes *service = job->mail->service;
    int has_metadata = tdm_provider_wants(job, TDM_FEATURE_METADATA);
    json_t *headers = tdm_json_object(json);
    int has_own = has_metadata || service->sandbox || service->idempotency_key != NULL;
    /* a field of the caller's would be a second one of that name */
    tdm_build_put_headers(json, job, headers, has_own ? taken : NULL, error);
    brevo_encode_headers(json, job, headers);
    if (has_metadata) {
        tdm_build_put_as_text(json, headers, "X-Mailin-custom", tdm_json_metadata(json, job->mail));
    }
    if (tdm_provider_wants(job, TDM_FEATURE_IDEMPOTENCY)) {
        tdm_json_put_text(json, headers, "idempotencyKey", service->idempotency_key);
    }
    if (service->sandbox) {
        tdm_json_put_text(json, headers, "X-Sib-Sandbox", "drop");
    }
    tdm_build_put_filled(json, root, "headers", headers);
}

static void brevo_put_service(struct tdm_json *json, const struct tdm_provider_job *job,
                              json_t *root, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    if (tdm_provider_wants(job, TDM_FEATURE_TAGS)) {
        tdm_json_put(json, root, "tags", tdm_json_tags(json, mail));
    }
    if (mail->service->template_id != NULL) {
        int64_t number;
        tdm_build_template_number(job, &number, error);
        tdm_json_put_number(json, root, "templateId", number);
        tdm_build_put_filled(json, root, "params", tdm_json_template_values(json, mail, error));
    }
    if (tdm_provider_wants(job, TDM_FEATURE_SCHEDULE)) {
        char date[TDM_BUILD_DATE_MAX];
        struct tdm_buf text;
        /* developers.brevo.com/docs/schedule-batch-sendings */
        tdm_build_check_send_at(job, BREVO_AHEAD_S, "72 hours", error);
        tdm_build_date(mail->service->send_at, 'T', date);
        tdm_buf_init(&text, job->allocator, 64);
        tdm_buf_addf(&text, "%s.000+00:00", date);
        tdm_json_put_buf(json, root, "scheduledAt", &text);
    }
}

static int brevo_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                       struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {{"", "https://api.brevo.com"}, {0}};
    const struct tdm_mail *mail = job->mail;
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    struct tdm_json json = {0};
    json_t *root = tdm_json_object(&json);
    tdm_json_put(&json, root, "sender", brevo_mailbox(&json, job, mail->from));
    brevo_check_names(mail->to, error);
    brevo_put_mailboxes(&json, job, root, "to", mail->to);
    brevo_put_mailboxes(&json, job, root, "cc", mail->cc);
    brevo_put_mailboxes(&json, job, root, "bcc", mail->bcc);
    if (mail->reply_to->count > 0) {
        tdm_json_put(&json, root, "replyTo", brevo_mailbox(&json, job, &mail->reply_to->items[0]));
    }
    brevo_put_bodies(&json, job, root);
    brevo_put_files(&json, mail, root);
    brevo_put_headers(&json, job, root, error);
    brevo_put_service(&json, job, root, error);
    tdm_json_put_options(&json, job, root, error);
    tdm_http_request_set_target(request, origin, "/v3/smtp/email");
    tdm_http_request_add_secret(request, "api-key", "", job->account->key);
    tdm_http_request_add(request, "Accept", "application/json");
    return tdm_json_finish(&json, root, request, error);
}

/* What is looked for in the words is not documented: where it is not found, the code decides. */
static const struct tdm_answer_row brevo_rows[] = {
    {0, "unauthorized", NULL, TDM_MEANS_CREDENTIALS,
     "check the key in the URL: an API key of Brevo begins with xkeysib-, the SMTP key "
     "(xsmtpsib-) is another one"},
    {0, "permission_denied", NULL, TDM_MEANS_PERMISSION, NULL},
    {0, "account_under_validation", NULL, TDM_MEANS_ACCOUNT,
     "Brevo has not yet approved the account for sending: ask its support"},
    {0, "not_enough_credits", NULL, TDM_MEANS_QUOTA, NULL},
    {0, "too_many_requests", NULL, TDM_MEANS_RATE, NULL},
    {4, NULL, "max 70 character", TDM_MEANS_DATA, "shorten the recipient's name to 70 characters"},
    {4, "invalid_parameter", "sender", TDM_MEANS_SENDER, NULL},
    {4, "invalid_parameter", "not valid in to|not valid in cc|not valid in bcc",
     TDM_MEANS_RECIPIENT, NULL},
    {4, "missing_parameter", "htmlContent", TDM_MEANS_DATA,
     "Brevo wants HTML in every message: leave html-from-text=no out"},
    {4, NULL, "unsupported file|file format|extension", TDM_MEANS_DATA,
     "Brevo takes attachments with certain file name endings only"},
    {0, "document_not_found", NULL, TDM_MEANS_NOT_FOUND, NULL},
    {0, "duplicate_request", NULL, TDM_MEANS_CONFLICT,
     "the service took a message with this idempotency key some minutes ago: this one was not "
     "sent"},
    {0, "method_not_allowed", NULL, TDM_MEANS_NOT_FOUND, NULL},
};

#define BREVO_ROWS (sizeof(brevo_rows) / sizeof(brevo_rows[0]))

static void brevo_parse(const struct tdm_provider_job *job,
                        const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const char *id = tdm_json_text_at(body, "messageId");
    id = id != NULL ? id : tdm_json_text_at(body, "messageIds/0");
    struct tdm_answer answer = {response->status, tdm_json_text_at(body, "code"),
                                tdm_json_text_at(body, "message"),
                                tdm_answer_retry_after(response, job->now_s)};
    if (response->status / 100 == 2) {
        if (id != NULL) {
            tdm_answer_sent(report, response->status, id);
        } else {
            tdm_answer_unclear(job, response, "no messageId is in the answer", report);
        }
    } else if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, brevo_rows, BREVO_ROWS, response, report);
    } else {
        if (answer.retry_after < 0 && response->status == 429) {
            answer.retry_after = tdm_answer_reset(response, "x-sib-ratelimit-reset", 0, job->now_s);
        }
        tdm_answer_refuse(job, brevo_rows, BREVO_ROWS, &answer, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_brevo = {
    .scheme = "brevo",
    .url = "brevo://KEY@",
    .page = "https://developers.brevo.com/reference/send-transac-email",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "Brevo",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_HEADERS |
                            TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS | TDM_CAN_TAGS |
                            TDM_CAN_METADATA | TDM_CAN_SCHEDULE | TDM_CAN_TEMPLATE |
                            TDM_CAN_IDEMPOTENCY | TDM_CAN_SANDBOX,
                     .max_recipients = 99,
                     .max_size = 20 * 1024 * 1024,
                     .max_reply_to = 1},
    .options = brevo_options,
    .build = brevo_build,
    .parse = brevo_parse,
};
