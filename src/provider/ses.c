/*
 * ses.c: Amazon SES, POST /v2/email/outbound-emails (API version 2, SendEmail):
 * https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
 *
 * What is special: the request is signed (sigv4.c), the signature covers the host, so an endpoint= is
 * read here; no key is sent. What the simple form cannot say goes as a ready-made message (Content.Raw);
 * option raw=yes sends all so. Tags and metadata are both EmailTags. SES has no SMTPUTF8, and gives the
 * message a Message-ID of its own.
 */
#include <string.h>

#include "provider/answer.h"
#include "provider/build_text.h"
#include "provider/sigv4.h"
#include "util/base64.h"
#include "util/str.h"

#define SES_PATH "/v2/email/outbound-emails"
#define SES_HEADERS_MAX 15
#define SES_HEADER_NAME_MAX 126
#define SES_HEADER_VALUE_MAX 995
#define SES_TYPE_MAX 78
#define SES_FILE_NAME_MAX 255
#define SES_TAGS_MAX 50
#define SES_TEMPLATE_DATA_MAX 262144

static const struct tdm_service_option ses_options[] = {
    {"configuration-set", TDM_OPTION_TEXT, "ConfigurationSetName",
     "the configuration set, which decides on tracking and events"},
    {"contact-list", TDM_OPTION_TEXT, "ListManagementOptions/ContactListName",
     "the list whose subscriptions hold"},
    {"feedback-address", TDM_OPTION_TEXT, "FeedbackForwardingEmailAddress",
     "the address that gets bounces and complaints"},
    {"feedback-identity-arn", TDM_OPTION_TEXT, "FeedbackForwardingEmailAddressIdentityArn",
     "the identity of that address, where another account has it"},
    {"from-identity-arn", TDM_OPTION_TEXT, "FromEmailAddressIdentityArn",
     "the identity of the From address, where another account has it"},
    {"raw", TDM_OPTION_BOOLEAN, NULL, "yes: the finished message, in place of its parts"},
    {"session-token", TDM_OPTION_TEXT, NULL, "the token that belongs to temporary keys"},
    {"tenant", TDM_OPTION_TEXT, "TenantName", "the tenant that sends"},
    {"topic", TDM_OPTION_TEXT, "ListManagementOptions/TopicName", "the topic of contact-list"},
    {0},
};

static int ses_is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            return 0;
        }
    }
    return 1;
}

/* A header field that the simple form can hold. */
static int ses_fits_field(const struct tdm_mail_field *field)
{
    return strlen(field->name) <= SES_HEADER_NAME_MAX &&
           strlen(field->value) <= SES_HEADER_VALUE_MAX && field->value[0] != '\0' &&
           ses_is_printable(field->value) && !tdm_equal_nocase(field->name, "Date") &&
           !tdm_equal_nocase(field->name, "Message-ID");
}

static int ses_fits_file(const struct tdm_mail_file *file)
{
    return strlen(file->type) <= SES_TYPE_MAX &&
           strlen(tdm_build_file_name(file)) <= SES_FILE_NAME_MAX &&
           (file->content_id == NULL || strlen(file->content_id) <= SES_TYPE_MAX);
}

/* The simple form and the template hold the same fields and files. */
static int ses_fits_parts(const struct tdm_mail *mail)
{
    for (size_t i = 0; i < mail->field_count; i++) {
        if (!ses_fits_field(&mail->fields[i])) {
            return 0;
        }
    }
    for (size_t i = 0; i < mail->file_count; i++) {
        if (!ses_fits_file(&mail->files[i])) {
            return 0;
        }
    }
    return mail->field_count <= SES_HEADERS_MAX && mail->sender == NULL && mail->calendar == NULL &&
           !mail->needs_raw && mail->message->envelope_to.count == 0;
}

/* A body of the simple form has text, HTML or both. */
static int ses_is_raw(const struct tdm_provider_job *job)
{
    const struct tdm_mail *mail = job->mail;
    const char *option = tdm_provider_option(job, "raw");
    return (option != NULL && strcmp(option, "yes") == 0) || !ses_fits_parts(mail) ||
           (mail->text == NULL && mail->html == NULL);
}

static void ses_put_data(struct tdm_json *json, json_t *object, const char *name, const char *text)
{
    json_t *data = tdm_json_object(json);
    tdm_json_put_text(json, data, "Data", text);
    tdm_json_put_text(json, data, "Charset", "UTF-8");
    tdm_json_put(json, object, name, data);
}

static void ses_put_parts(struct tdm_json *json, const struct tdm_mail *mail, json_t *object)
{
    json_t *fields = tdm_json_array(json);
    json_t *files = tdm_json_array(json);
    for (size_t i = 0; i < mail->field_count; i++) {
        json_t *field = tdm_json_object(json);
        tdm_json_put_text(json, field, "Name", mail->fields[i].name);
        tdm_json_put_text(json, field, "Value", mail->fields[i].value);
        tdm_json_append(json, fields, field);
    }
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *given = &mail->files[i];
        json_t *file = tdm_json_object(json);
        tdm_json_put_text(json, file, "FileName", tdm_build_file_name(given));
        tdm_json_put_text(json, file, "ContentType", given->type);
        tdm_json_put_text(json, file, "ContentDisposition",
                          given->is_inline ? "INLINE" : "ATTACHMENT");
        tdm_build_put_some(json, file, "ContentId", given->content_id);
        tdm_json_put_text(json, file, "ContentTransferEncoding", "BASE64");
        tdm_json_put_base64(json, file, "RawContent", given->bytes.data, given->bytes.length);
        tdm_json_append(json, files, file);
    }
    tdm_build_put_filled(json, object, "Headers", fields);
    tdm_build_put_filled(json, object, "Attachments", files);
}

static void ses_put_simple(struct tdm_json *json, const struct tdm_mail *mail, json_t *content)
{
    json_t *simple = tdm_json_object(json);
    json_t *body = tdm_json_object(json);
    ses_put_data(json, simple, "Subject", mail->subject);
    if (mail->text != NULL) {
        ses_put_data(json, body, "Text", mail->text);
    }
    if (mail->html != NULL) {
        ses_put_data(json, body, "Html", mail->html);
    }
    tdm_json_put(json, simple, "Body", body);
    ses_put_parts(json, mail, simple);
    tdm_json_put(json, content, "Simple", simple);
}

static void ses_put_raw(struct tdm_json *json, const struct tdm_provider_job *job, json_t *content,
                        struct tidymail_error *error)
{
    struct tdm_buf mime;
    json_t *raw = tdm_json_object(json);
    tdm_buf_init(&mime, &job->mail->allocator, TDM_HTTP_BODY_MAX);
    tdm_mail_read_raw(job->mail, 0, &mime, error);
    if (error->kind == TIDYMAIL_OK) {
        tdm_json_put_base64(json, raw, "Data", mime.data, mime.length);
    }
    tdm_buf_clear(&mime);
    tdm_json_put(json, content, "Raw", raw);
}

static void ses_put_template(struct tdm_json *json, const struct tdm_provider_job *job,
                             json_t *content, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    json_t *template = tdm_json_object(json);
    const char *own = mail->subject[0] != '\0' ? "subject"
                      : mail->text != NULL     ? "text"
                      : mail->html != NULL     ? "html"
                                               : NULL;
    if (own != NULL || !ses_fits_parts(mail)) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: Amazon SES takes this from the template alone",
                       own != NULL ? own : "header or attachment");
    }
    tdm_json_put_text(json, template, "TemplateName", mail->service->template_id);
    tdm_build_put_as_text(json, template, "TemplateData",
                          tdm_json_template_values(json, mail, error));
    const char *data = tdm_json_text_at(template, "TemplateData");
    if (data != NULL && strlen(data) > SES_TEMPLATE_DATA_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "template values: Amazon SES takes %d bytes at most", SES_TEMPLATE_DATA_MAX);
    }
    ses_put_parts(json, mail, template);
    tdm_json_put(json, content, "Template", template);
}

static void ses_put_destination(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *root)
{
    const struct tdm_mail *mail = job->mail;
    json_t *destination = tdm_json_object(json);
    if (mail->from == NULL || mail->message->envelope_to.count > 0) {
        json_t *all = tdm_json_array(json); /* of the envelope: who sees whom is in the message */
        for (size_t i = 0; i < mail->recipient_count; i++) {
            tdm_json_append_text(json, all, mail->recipients[i]);
        }
        tdm_json_put(json, destination, "ToAddresses", all);
    } else {
        tdm_build_put_mailbox_texts(json, job, destination, "ToAddresses", mail->to, 1);
        tdm_build_put_mailbox_texts(json, job, destination, "CcAddresses", mail->cc, 1);
        tdm_build_put_mailbox_texts(json, job, destination, "BccAddresses", mail->bcc, 1);
    }
    tdm_json_put(json, root, "Destination", destination);
}

static void ses_put_service(struct tdm_json *json, const struct tdm_provider_job *job, json_t *root,
                            struct tidymail_error *error)
{
    json_t *tags = tdm_build_pairs(json, job, "Name", "Value",
                                   "that is what EmailTags of Amazon SES may hold", error);
    if (json_array_size(tags) > SES_TAGS_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "tags and metadata: Amazon SES takes %d at most", SES_TAGS_MAX);
    }
    tdm_build_put_filled(json, root, "EmailTags", tags);
    const char *reverse = job->mail->message->envelope_from.spec;
    if (reverse != NULL && reverse[0] == '\0') {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "envelope: Amazon SES does not send with an empty reverse-path", NULL);
    } else if (reverse != NULL) {
        tdm_json_put_text(json, root, "FeedbackForwardingEmailAddress", reverse);
    }
}

/* Where the request goes: the region's host, or the endpoint, split into origin and path. */
static int ses_set_target(const struct tdm_provider_job *job, struct tdm_http_request *request,
                          struct tidymail_error *error)
{
    const char *region = job->account->host;
    const char *endpoint = tdm_provider_option(job, "endpoint");
    struct tdm_buf origin;
    struct tdm_buf path;
    if (region[0] == '\0' ||
        region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0') {
        return tdm_error_set(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             "URL: the host of ses:// is a region of AWS, such as eu-west-1",
                             "write it as ses://ID:SECRET@eu-west-1");
    }
    tdm_buf_init(&origin, &job->mail->allocator, 4096);
    tdm_buf_init(&path, &job->mail->allocator, 4096);
    if (endpoint != NULL) {
        const char *host = strstr(endpoint, "://");
        size_t end = host != NULL ? (size_t)(host - endpoint) + 3 : 0;
        end += strcspn(endpoint + end, "/");
        size_t prefix = strlen(endpoint + end);
        prefix -= prefix > 0 && endpoint[end + prefix - 1] == '/';
        tdm_buf_add(&origin, endpoint, end);
        tdm_buf_add(&path, endpoint + end, prefix);
    } else {
        tdm_buf_addf(&origin, "https://email.%s.%s", region,
                     strncmp(region, "cn-", 3) == 0     ? "amazonaws.com.cn"
                     : strncmp(region, "eusc-", 5) == 0 ? "amazonaws.eu"
                                                        : "amazonaws.com");
    }
    tdm_buf_add_str(&path, SES_PATH);
    if (origin.failed || path.failed) {
        request->failed = 1;
    } else {
        tdm_http_request_set_target(request, tdm_buf_text(&origin), tdm_buf_text(&path));
    }
    tdm_buf_clear(&origin);
    tdm_buf_clear(&path);
    return request->failed ? tdm_provider_no_memory(error) : TIDYMAIL_OK;
}

/* Host as it will be sent: without the port that the scheme has anyway. */
static size_t ses_host_length(const char *origin, const char **host)
{
    const char *start = strstr(origin, "://");
    *host = start != NULL ? start + 3 : origin;
    size_t length = strlen(*host);
    const char *usual = strncmp(origin, "https:", 6) == 0 ? ":443" : ":80";
    size_t port = strlen(usual);
    return length > port && strcmp(*host + length - port, usual) == 0 ? length - port : length;
}

static void ses_sign(const struct tdm_provider_job *job, struct tdm_http_request *request)
{
    const char *start;
    size_t length = ses_host_length(request->origin, &start);
    char *host = tdm_strndup(&job->mail->allocator, start, length);
    const char *token = tdm_provider_option(job, "session-token");
    const struct tdm_sigv4_field fields[] = {{"Content-Type", "application/json"},
                                             {"Host", host != NULL ? host : ""}};
    const struct tdm_sigv4_request what = {
        .method = request->method,
        .path = request->path,
        .fields = fields,
        .field_count = 2,
        .payload = tdm_buf_text(&request->body),
        .payload_length = request->body.length,
        .key_id = job->account->key,
        .secret = job->account->secret,
        .session_token = token,
        .region = job->account->host,
        .service = "ses",
        .now_s = job->now_s,
    };
    struct tdm_sigv4 signature;
    int failed = tdm_sigv4_sign(&what, &job->mail->allocator, &signature) != 0 || host == NULL;
    if (!failed) {
        tdm_http_request_add(request, "X-Amz-Date", signature.date);
        if (token != NULL) {
            tdm_http_request_add_secret(request, "X-Amz-Security-Token", "", token);
        }
        tdm_http_request_add_secret(request, "Authorization", "",
                                    tdm_buf_text(&signature.authorization));
    }
    request->failed |= failed;
    tdm_sigv4_clear(&signature);
    tdm_free(&job->mail->allocator, host);
}

static int ses_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                     struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    struct tdm_json json = {0};
    if (ses_set_target(job, request, error) != TIDYMAIL_OK) {
        return error->kind;
    }
    json_t *root = tdm_json_object(&json);
    json_t *content = tdm_json_object(&json);
    int is_template = mail->service->template_id != NULL;
    if (is_template || !ses_is_raw(job)) {
        tdm_json_put(&json, root, "FromEmailAddress",
                     tdm_build_mailbox_text(&json, job, mail->from, 1));
        tdm_build_put_mailbox_texts(&json, job, root, "ReplyToAddresses", mail->reply_to, 1);
    }
    ses_put_destination(&json, job, root);
    if (is_template) {
        ses_put_template(&json, job, content, error);
    } else if (ses_is_raw(job)) {
        ses_put_raw(&json, job, content, error);
    } else {
        ses_put_simple(&json, mail, content);
    }
    tdm_json_put(&json, root, "Content", content);
    ses_put_service(&json, job, root, error);
    tdm_json_put_options(&json, job, root, error);
    if (tdm_json_finish(&json, root, request, error) == TIDYMAIL_OK) {
        ses_sign(job, request);
        if (request->failed) {
            tdm_provider_no_memory(error);
        }
    }
    return error->kind;
}

#define SES_CHECK_KEYS                                                                             \
    "check key id, secret and region in the URL; temporary keys need option session-token"

static const struct tdm_answer_row ses_rows[] = {
    {0, "UnrecognizedClientException", NULL, TDM_MEANS_CREDENTIALS, SES_CHECK_KEYS},
    {0, "InvalidClientTokenId", NULL, TDM_MEANS_CREDENTIALS, SES_CHECK_KEYS},
    {0, "IncompleteSignature", NULL, TDM_MEANS_CREDENTIALS, SES_CHECK_KEYS},
    {0, "ExpiredTokenException", NULL, TDM_MEANS_CREDENTIALS,
     "the temporary keys have expired: get new ones"},
    {0, "InvalidSignatureException", NULL, TDM_MEANS_CREDENTIALS, "check the secret in the URL"},
    {0, "SignatureDoesNotMatch", NULL, TDM_MEANS_CREDENTIALS, "check the secret in the URL"},
    {0, "AccessDeniedException", NULL, TDM_MEANS_PERMISSION,
     "allow ses:SendEmail (and ses:SendRawEmail) for this key in IAM"},
    {0, "OptInRequired", NULL, TDM_MEANS_PERMISSION, "the AWS account has to sign up for SES"},
    {0, "MailFromDomainNotVerifiedException", NULL, TDM_MEANS_SENDER,
     "the MAIL FROM domain of the identity is not set up in DNS"},
    {0, "MessageRejected", "not verified", TDM_MEANS_SENDER,
     "verify the identity in this region; in the sandbox of SES recipients have to be verified "
     "too"},
    {0, "MessageRejected", NULL, TDM_MEANS_DATA, NULL},
    {0, "AccountSuspendedException", NULL, TDM_MEANS_ACCOUNT, NULL},
    {0, "SendingPausedException", NULL, TDM_MEANS_ACCOUNT,
     "sending is paused for the account or the configuration set: look at SES's reputation page"},
    {0, NULL, "daily message quota", TDM_MEANS_QUOTA_PERIOD,
     "the quota of 24 hours is used up: wait, or ask for a higher one"},
    {0, "LimitExceededException", NULL, TDM_MEANS_QUOTA, NULL},
    {0, "TooManyRequestsException", NULL, TDM_MEANS_RATE, NULL},
    {0, "ThrottlingException", NULL, TDM_MEANS_RATE, NULL},
    {0, "Throttling", NULL, TDM_MEANS_RATE, NULL},
    {0, NULL, "maximum sending rate", TDM_MEANS_RATE, NULL},
    {0, "NotFoundException", NULL, TDM_MEANS_NOT_FOUND,
     "check template, configuration set and region"},
    {0, "RequestTimeoutException", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, NULL, "message length is more than", TDM_MEANS_SIZE, NULL},
    {0, "BadRequestException", NULL, TDM_MEANS_DATA, NULL},
};

#define SES_ROWS (sizeof(ses_rows) / sizeof(ses_rows[0]))
#define SES_SKEW_S 300 /* then signatures are refused */

/* "com.amazonaws.ses#MessageRejected:http://..." is MessageRejected. */
static void ses_read_type(const struct tdm_http_response *response, const json_t *body,
                          struct tdm_buf *type)
{
    const char *text = tdm_http_response_field(response, "x-amzn-ErrorType");
    text = text != NULL ? text : tdm_json_text_at(body, "__type");
    text = text != NULL ? text : tdm_json_text_at(body, "code");
    if (text != NULL) {
        const char *hash = strchr(text, '#');
        const char *colon = strchr(text, ':');
        text = hash != NULL && (colon == NULL || hash < colon) ? hash + 1 : text;
        tdm_buf_add(type, text, strcspn(text, ":"));
    }
}

/* A signature is refused for a wrong secret, and for a wrong clock. */
static void ses_explain_clock(const struct tdm_provider_job *job,
                              const struct tdm_http_response *response, tidymail_report *report)
{
    const char *date = tdm_http_response_field(response, "Date");
    int64_t theirs;
    if (report->error.kind != TIDYMAIL_KIND_AUTHENTICATION || date == NULL ||
        tdm_http_date(date, &theirs) != 0) {
        return;
    }
    int64_t skew = job->now_s > theirs ? job->now_s - theirs : theirs - job->now_s;
    if (skew > SES_SKEW_S) {
        struct tdm_buf hint;
        tdm_buf_init(&hint, &report->allocator, 256);
        tdm_buf_addf(&hint, "this machine's clock is %l seconds %s that of AWS: set it right", skew,
                     job->now_s > theirs ? "ahead of" : "behind");
        tdm_text_set(&report->allocator, &report->error.hint, tdm_buf_text(&hint));
        tdm_buf_clear(&hint);
    }
}

static void ses_parse(const struct tdm_provider_job *job, const struct tdm_http_response *response,
                      tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const char *id = tdm_json_text_at(body, "MessageId");
    const char *words = tdm_json_text_at(body, "message");
    struct tdm_buf type;
    tdm_buf_init(&type, &report->allocator, 4096);
    ses_read_type(response, body, &type);
    struct tdm_answer answer = {response->status, type.length > 0 ? tdm_buf_text(&type) : NULL,
                                words != NULL ? words : tdm_json_text_at(body, "Message"),
                                tdm_answer_retry_after(response, job->now_s)};
    if (response->status / 100 == 2) {
        if (id != NULL) {
            tdm_answer_sent(report, response->status, id);
        } else {
            tdm_answer_unclear(job, response, "no MessageId is in the answer", report);
        }
    } else if ((!json_is_object(body) && answer.code == NULL) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, ses_rows, SES_ROWS, response, report);
    } else {
        tdm_answer_refuse(job, ses_rows, SES_ROWS, &answer, report);
        ses_explain_clock(job, response, report);
    }
    tdm_buf_clear(&type);
    json_decref(body);
}

const struct tdm_provider tdm_provider_ses = {
    .scheme = "ses",
    .url = "ses://ID:SECRET@REGION",
    .page = "https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html",
    .login = TDM_LOGIN_KEY_AND_SECRET,
    .needs_host = 1,
    .capabilities = {.name = "Amazon SES",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_SENDER |
                            TDM_CAN_HEADERS | TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS |
                            TDM_CAN_INLINE | TDM_CAN_CALENDAR | TDM_CAN_RAW | TDM_CAN_ENVELOPE |
                            TDM_CAN_TAGS | TDM_CAN_METADATA | TDM_CAN_TEMPLATE,
                     .max_recipients = 50,
                     .max_size = 40 * 1024 * 1024},
    .options = ses_options,
    .build = ses_build,
    .parse = ses_parse,
};
