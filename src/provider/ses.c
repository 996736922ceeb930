/*
 * ses.c: Amazon SES v2, POST /v2/email/outbound-emails, signed with AWS Signature Version 4.
 *
 * What is special: the message goes as Content.Simple where that says all of it, and as Content.Raw
 * (MIME) where it does not: Simple takes no Date, no Message-ID and nothing but ASCII in header fields.
 * What an error is stands in a field of the answer, with a namespace in front or a colon behind.
 */
#include <string.h>

#include "provider/answer.h"
#include "provider/build_text.h"
#include "provider/sigv4.h"
#include "util/base64.h"
#include "util/str.h"

#define SES_PATH "/v2/email/outbound-emails"
#define SES_MIME_MAX ((size_t)40 * 1024 * 1024)
#define SES_HEADERS_MAX 15
#define SES_HEADER_NAME_MAX 126
#define SES_HEADER_VALUE_MAX 995
#define SES_FILE_NAME_MAX 255
#define SES_FILE_TYPE_MAX 78
#define SES_DESCRIPTION_MAX 1000
#define SES_TAGS_MAX 50
#define SES_TEXT_MAX 4096
#define SES_TEMPLATE_DATA_MAX 262144
#define SES_CLOCK_MAX_S 240 /* five minutes are taken */

static const struct tdm_service_option ses_options[] = {
    {"configuration-set", TDM_OPTION_TEXT, "ConfigurationSetName",
     "the configuration set: events, tracking, pool of addresses"},
    {"contact-list", TDM_OPTION_TEXT, "ListManagementOptions/ContactListName",
     "the contact list, for links to unsubscribe"},
    {"dual-stack", TDM_OPTION_BOOLEAN, NULL, "yes: the host that has IPv6 too"},
    {"feedback-address", TDM_OPTION_TEXT, "FeedbackForwardingEmailAddress",
     "where bounces and complaints are sent, instead of the envelope's reverse-path"},
    {"feedback-identity-arn", TDM_OPTION_TEXT, "FeedbackForwardingEmailAddressIdentityArn",
     "the ARN whose policy allows that address"},
    {"fips", TDM_OPTION_BOOLEAN, NULL, "yes: the host with FIPS 140 cryptography"},
    {"from-identity-arn", TDM_OPTION_TEXT, "FromEmailAddressIdentityArn",
     "the ARN whose policy allows the From address"},
    {"raw", TDM_OPTION_BOOLEAN, NULL, "yes: the message goes as MIME in every case"},
    {"session-token", TDM_OPTION_TEXT, NULL, "the token of temporary keys (AWS_SESSION_TOKEN)"},
    {"tenant", TDM_OPTION_TEXT, "TenantName", "the tenant that sends"},
    {"topic", TDM_OPTION_TEXT, "ListManagementOptions/TopicName", "the topic of the contact list"},
    {0},
};

static int ses_is_yes(const struct tdm_provider_job *job, const char *name)
{
    const char *value = tdm_provider_option(job, name);
    return value != NULL && strcmp(value, "yes") == 0;
}

static int ses_is_ascii(const char *text)
{
    return !tdm_has_8bit(text, strlen(text));
}

/* Content.Simple has a place for all header fields. */
static int ses_fields_fit(const struct tdm_mail *mail)
{
    static const char *const refused[] = {"Date",         "Message-ID", "Return-Path",
                                          "MIME-Version", "Content-*",  NULL};
    for (size_t i = 0; i < mail->field_count; i++) {
        const struct tdm_mail_field *field = &mail->fields[i];
        if (tdm_build_is_listed(refused, field->name) || !ses_is_ascii(field->value) ||
            strlen(field->name) > SES_HEADER_NAME_MAX || field->value[0] == '\0' ||
            strlen(field->value) > SES_HEADER_VALUE_MAX) {
            return 0;
        }
    }
    return mail->field_count <= SES_HEADERS_MAX;
}

/* And for all files. */
static int ses_files_fit(const struct tdm_mail *mail)
{
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        const char *id = file->content_id != NULL ? file->content_id : "";
        const char *name = tdm_build_file_name(file);
        const char *words = file->description != NULL ? file->description : "";
        if (strlen(words) > SES_DESCRIPTION_MAX || !ses_is_ascii(words) ||
            strlen(name) > SES_FILE_NAME_MAX || !ses_is_ascii(name) ||
            strlen(file->type) > SES_FILE_TYPE_MAX || strlen(id) > SES_FILE_TYPE_MAX) {
            return 0;
        }
    }
    return 1;
}

static int ses_needs_raw(const struct tdm_provider_job *job)
{
    const struct tdm_mail *mail = job->mail;
    int is_empty = mail->text == NULL && mail->html == NULL;
    return mail->needs_raw || mail->sender != NULL || mail->calendar != NULL ||
           mail->message->envelope_to.count > 0 || ses_is_yes(job, "raw") ||
           tdm_mail_uses(mail, TDM_FEATURE_GROUPS) || !ses_fields_fit(mail) ||
           !ses_files_fit(mail) || (is_empty && mail->service->template_id == NULL);
}

static void ses_put_addresses(struct tdm_json *json, const struct tdm_provider_job *job,
                              json_t *destination, int is_raw)
{
    static const char *const names[] = {"ToAddresses", "CcAddresses", "BccAddresses"};
    const struct tdm_mail *mail = job->mail;
    const struct tdm_mailbox_list *lists[] = {mail->to, mail->cc, mail->bcc};
    if (mail->needs_raw || mail->message->envelope_to.count > 0) {
        json_t *array = tdm_json_array(json);
        for (size_t i = 0; i < mail->recipient_count; i++) {
            tdm_json_append_text(json, array, mail->recipients[i]);
        }
        tdm_json_put(json, destination, names[0], array);
        return;
    }
    for (int k = 0; k < 3; k++) {
        json_t *array = tdm_json_array(json);
        for (size_t i = 0; i < lists[k]->count; i++) {
            const struct tdm_mailbox *mailbox = &lists[k]->items[i];
            tdm_json_append(json, array,
                            is_raw ? json_string(mailbox->spec)
                                   : tdm_build_mailbox_text(json, job, mailbox, 1));
        }
        tdm_build_put_filled(json, destination, names[k], array);
    }
}

static json_t *ses_data(struct tdm_json *json, const char *text)
{
    json_t *object = tdm_json_object(json);
    tdm_json_put_text(json, object, "Data", text);
    tdm_json_put_text(json, object, "Charset", "UTF-8");
    return object;
}

/* Of Simple and Template. */
static void ses_put_fields(struct tdm_json *json, const struct tdm_mail *mail, json_t *object)
{
    json_t *headers = tdm_json_array(json);
    json_t *files = tdm_json_array(json);
    for (size_t i = 0; i < mail->field_count; i++) {
        json_t *field = tdm_json_object(json);
        tdm_json_put_text(json, field, "Name", mail->fields[i].name);
        tdm_json_put_text(json, field, "Value", mail->fields[i].value);
        tdm_json_append(json, headers, field);
    }
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        json_t *one = tdm_json_object(json);
        tdm_json_put_base64(json, one, "RawContent", file->bytes.data, file->bytes.length);
        tdm_json_put_text(json, one, "FileName", tdm_build_file_name(file));
        tdm_json_put_text(json, one, "ContentType", file->type);
        tdm_json_put_text(json, one, "ContentDisposition",
                          file->is_inline ? "INLINE" : "ATTACHMENT");
        tdm_build_put_some(json, one, "ContentId", file->content_id);
        tdm_build_put_some(json, one, "ContentDescription", file->description);
        tdm_json_put_text(json, one, "ContentTransferEncoding", "BASE64");
        tdm_json_append(json, files, one);
    }
    tdm_build_put_filled(json, object, "Headers", headers);
    tdm_build_put_filled(json, object, "Attachments", files);
}

static void ses_put_simple(struct tdm_json *json, const struct tdm_mail *mail, json_t *content)
{
    json_t *simple = tdm_json_object(json);
    json_t *body = tdm_json_object(json);
    tdm_json_put(json, simple, "Subject", ses_data(json, mail->subject));
    if (mail->text != NULL && (mail->text[0] != '\0' || mail->html == NULL)) {
        tdm_json_put(json, body, "Text", ses_data(json, mail->text));
    }
    if (mail->html != NULL) {
        tdm_json_put(json, body, "Html", ses_data(json, mail->html));
    }
    tdm_json_put(json, simple, "Body", body);
    ses_put_fields(json, mail, simple);
    tdm_json_put(json, content, "Simple", simple);
}

static void ses_put_raw(struct tdm_json *json, const struct tdm_provider_job *job, json_t *content,
                        struct tidymail_error *error)
{
    struct tdm_buf mime;
    tdm_buf_init(&mime, job->allocator, TDM_HTTP_BODY_MAX);
    if (error->kind == TIDYMAIL_OK &&
        tdm_mail_read_raw(job->mail, 0, &mime, error) == TIDYMAIL_OK) {
        json_t *raw = tdm_json_object(json);
        tdm_json_put_base64(json, raw, "Data", tdm_buf_text(&mime), mime.length);
        tdm_json_put(json, content, "Raw", raw);
    }
    if (mime.length > SES_MIME_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "message: its %z bytes are more than the 40 MB that Amazon SES takes",
                       mime.length);
    }
    tdm_buf_clear(&mime);
}

static void ses_put_template(struct tdm_json *json, const struct tdm_provider_job *job,
                             json_t *content, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    const char *id = mail->service->template_id;
    json_t *object = tdm_json_object(json);
    if (mail->text != NULL || mail->html != NULL || mail->subject[0] != '\0') {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "template: Amazon SES takes no subject, text or HTML beside it",
                      "leave them out, or the template");
    }
    if (ses_needs_raw(job)) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "template: Amazon SES takes none with a message that goes as MIME",
                      "it goes so where it has a Date, Message-ID or Sender, header fields or file "
                      "names that are not ASCII, or an envelope of its own");
    }
    tdm_json_put_text(json, object, strncmp(id, "arn:", 4) == 0 ? "TemplateArn" : "TemplateName",
                      id);
    tdm_build_put_as_text(json, object, "TemplateData",
                          tdm_json_template_values(json, mail, error));
    const char *data = tdm_json_text_at(object, "TemplateData");
    if (data != NULL && strlen(data) > SES_TEMPLATE_DATA_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "template values: Amazon SES takes %d bytes at most", SES_TEMPLATE_DATA_MAX);
    }
    ses_put_fields(json, mail, object);
    tdm_json_put(json, content, "Template", object);
}

static void ses_put_marks(struct tdm_json *json, const struct tdm_provider_job *job, json_t *root,
                          struct tidymail_error *error)
{
    const char *reverse = job->mail->message->envelope_from.spec;
    json_t *pairs = tdm_build_pairs(json, job, "Name", "Value",
                                    "write it so, or put it into a header field", error);
    tdm_build_check_count(job, "tags and metadata", json_array_size(pairs), SES_TAGS_MAX, error);
    tdm_build_put_filled(json, root, "EmailTags", pairs);
    if (reverse != NULL && reverse[0] == '\0') {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "envelope: Amazon SES does not send with an empty reverse-path", NULL);
    } else if (reverse != NULL) {
        tdm_json_put_text(json, root, "FeedbackForwardingEmailAddress", reverse);
    }
}

/* Partitions of AWS, as botocore's endpoints name them; the last fits all. */
static const struct ses_suffix {
    const char *prefix;
    const char *usual;
    const char *dual;
} ses_suffixes[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"", "amazonaws.com", "api.aws"},
};

/* The host of the region. Its letters are checked, for they go into the signature. */
static int ses_add_host(const struct tdm_provider_job *job, struct tdm_buf *host,
                        struct tidymail_error *error)
{
    const char *region = job->account->host;
    size_t length = strlen(region);
    for (size_t i = 0; i < length; i++) {
        if (!tdm_is_alnum(region[i]) && region[i] != '-') {
            length = 0;
        }
    }
    if (length == 0 || job->account->region[0] != '\0') {
        return tdm_error_set(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             "the region of Amazon SES stands behind the @ of the URL",
                             "write it as in ses://ID:SECRET@eu-west-1");
    }
    int is_dual = ses_is_yes(job, "dual-stack");
    const struct ses_suffix *suffix = ses_suffixes;
    while (strncmp(region, suffix->prefix, strlen(suffix->prefix)) != 0) {
        suffix++;
    }
    tdm_buf_addf(host, "email%s.%s.%s", ses_is_yes(job, "fips") ? "-fips" : "", region,
                 is_dual ? suffix->dual : suffix->usual);
    return TIDYMAIL_OK;
}

/* Where the request goes: the service's own host, or that of endpoint=, which is signed then. `host`
 * gets the Host field (RFC 9110 7.2: without the port that the scheme has anyway). */
static int ses_set_target(const struct tdm_provider_job *job, struct tdm_http_request *request,
                          struct tdm_buf *host, struct tidymail_error *error)
{
    const char *endpoint = tdm_provider_option(job, "endpoint");
    struct tdm_buf origin;
    struct tdm_buf path;
    tdm_buf_init(&origin, job->allocator, SES_TEXT_MAX);
    tdm_buf_init(&path, job->allocator, SES_TEXT_MAX);
    if (ses_add_host(job, host, error) != TIDYMAIL_OK) {
        return error->kind;
    }
    if (endpoint == NULL || strstr(endpoint, "://") == NULL) {
        tdm_buf_addf(&origin, "https://%s", tdm_buf_text(host));
        tdm_buf_add_str(&path, SES_PATH);
    } else {
        const char *start = strstr(endpoint, "://") + 3;
        size_t length = strcspn(start, "/");
        size_t prefix = strlen(start + length);
        int is_tls = strncmp(endpoint, "https:", 6) == 0;
        const char *port = is_tls ? ":443" : ":80";
        tdm_buf_addf(&origin, "%.*s", (int)(start + length - endpoint), endpoint);
        while (prefix > 0 && start[length + prefix - 1] == '/') {
            prefix--;
        }
        tdm_buf_addf(&path, "%.*s%s", (int)prefix, start + length, SES_PATH);
        tdm_buf_reset(host);
        tdm_buf_addf(host, "%.*s", (int)length, start);
        if (host->length > strlen(port) &&
            strcmp(tdm_buf_text(host) + host->length - strlen(port), port) == 0) {
            tdm_buf_reset(host);
            tdm_buf_addf(host, "%.*s", (int)(length - strlen(port)), start);
        }
    }
    request->failed |= origin.failed | path.failed | host->failed;
    tdm_http_request_set_target(request, tdm_buf_text(&origin), tdm_buf_text(&path));
    tdm_buf_clear(&origin);
    tdm_buf_clear(&path);
    return TIDYMAIL_OK;
}

static int ses_sign(const struct tdm_provider_job *job, struct tdm_http_request *request,
                    const char *host, struct tidymail_error *error)
{
    const char *token = tdm_provider_option(job, "session-token");
    const struct tdm_sigv4_field fields[] = {{"Content-Type", "application/json"}, {"Host", host}};
    struct tdm_sigv4 signature;
    token = token != NULL && token[0] != '\0' ? token : NULL;
    if (request->failed || request->path == NULL) {
        return tdm_provider_no_memory(error);
    }
    const struct tdm_sigv4_request what = {.method = "POST",
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
                                           .now_s = job->now_s};
    if (tdm_sigv4_sign(&what, job->allocator, &signature) != 0) {
        tdm_provider_no_memory(error);
    } else {
        tdm_http_request_add(request, "X-Amz-Date", signature.date);
        if (token != NULL) {
            tdm_http_request_add_secret(request, "X-Amz-Security-Token", "", token);
        }
        tdm_http_request_add_secret(request, "Authorization", "",
                                    tdm_buf_text(&signature.authorization));
        tdm_http_request_add(request, "Accept", "application/json");
        if (request->failed) {
            tdm_provider_no_memory(error);
        }
    }
    tdm_sigv4_clear(&signature);
    return error->kind;
}

static int ses_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                     struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    struct tdm_buf host;
    struct tdm_json json = {0};
    tdm_buf_init(&host, job->allocator, SES_TEXT_MAX);
    if (ses_set_target(job, request, &host, error) != TIDYMAIL_OK) {
        tdm_buf_clear(&host);
        return error->kind;
    }
    int has_template = mail->service->template_id != NULL;
    int is_raw = !has_template && ses_needs_raw(job);
    json_t *root = tdm_json_object(&json);
    json_t *destination = tdm_json_object(&json);
    json_t *content = tdm_json_object(&json);
    if (!is_raw && mail->from != NULL) { /* MIME has From and Reply-To itself */
        tdm_json_put(&json, root, "FromEmailAddress",
                     tdm_build_mailbox_text(&json, job, mail->from, 1));
        tdm_build_put_mailbox_texts(&json, job, root, "ReplyToAddresses", mail->reply_to, 1);
    }
    ses_put_addresses(&json, job, destination, is_raw);
    tdm_json_put(&json, root, "Destination", destination);
    if (has_template) {
        ses_put_template(&json, job, content, error);
    } else if (is_raw) {
        ses_put_raw(&json, job, content, error);
    } else {
        ses_put_simple(&json, mail, content);
    }
    tdm_json_put(&json, root, "Content", content);
    ses_put_marks(&json, job, root, error);
    tdm_json_put_options(&json, job, root, error);
    if (tdm_json_finish(&json, root, request, error) == TIDYMAIL_OK) {
        ses_sign(job, request, tdm_buf_text(&host), error);
    }
    tdm_buf_clear(&host);
    return error->kind;
}

#define SES_KEY_HINT "check the access key id in the URL: that it exists and is active"
#define SES_SECRET_HINT                                                                            \
    "check the secret key and the region in the URL (a / in the key is written as %2F)"
#define SES_TOKEN_HINT "the temporary keys have expired: get new ones, with their session-token"

static const struct tdm_answer_row ses_rows[] = {
    {0, NULL, "Daily message quota exceeded", TDM_MEANS_QUOTA_PERIOD,
     "the account's quota of 24 hours is used up: wait, or ask AWS for a higher one"},
    {0, NULL, "Maximum sending rate exceeded", TDM_MEANS_RATE, NULL},
    {0, "UnrecognizedClientException", NULL, TDM_MEANS_CREDENTIALS, SES_KEY_HINT},
    {0, "InvalidClientTokenId", NULL, TDM_MEANS_CREDENTIALS, SES_KEY_HINT},
    {0, "ExpiredTokenException", NULL, TDM_MEANS_CREDENTIALS, SES_TOKEN_HINT},
    {0, "ExpiredToken", NULL, TDM_MEANS_CREDENTIALS, SES_TOKEN_HINT},
    {0, "InvalidSignatureException", NULL, TDM_MEANS_CREDENTIALS, SES_SECRET_HINT},
    {0, "SignatureDoesNotMatch", NULL, TDM_MEANS_CREDENTIALS, SES_SECRET_HINT},
    {0, "IncompleteSignature", NULL, TDM_MEANS_CREDENTIALS, SES_SECRET_HINT},
    {0, "IncompleteSignatureException", NULL, TDM_MEANS_CREDENTIALS, SES_SECRET_HINT},
    {0, "MissingAuthenticationTokenException", NULL, TDM_MEANS_CREDENTIALS, SES_SECRET_HINT},
    {0, "RequestTimeTooSkewed", NULL, TDM_MEANS_CREDENTIALS, "set this machine's clock"},
    {0, "RequestExpired", NULL, TDM_MEANS_CREDENTIALS, "set this machine's clock"},
    {0, "AccessDeniedException", NULL, TDM_MEANS_PERMISSION,
     "allow ses:SendEmail and ses:SendRawEmail for the key in its IAM policy"},
    {0, "OptInRequired", NULL, TDM_MEANS_PERMISSION,
     "the AWS account has no Amazon SES in this region: sign up for it"},
    {0, "MessageRejected", "not verified", TDM_MEANS_SENDER,
     "verify the address or its domain in this region; while the account is in the sandbox, "
     "recipients too"},
    {0, "MailFromDomainNotVerifiedException", NULL, TDM_MEANS_SENDER,
     "the custom MAIL FROM domain has no MX record that is right: mend it in the DNS"},
    {0, "AccountSuspendedException", NULL, TDM_MEANS_ACCOUNT, NULL},
    {0, "SendingPausedException", NULL, TDM_MEANS_ACCOUNT,
     "sending is paused for the account or the configuration set: see the SES console"},
    {0, "LimitExceededException", NULL, TDM_MEANS_QUOTA, NULL},
    {0, "TooManyRequestsException", NULL, TDM_MEANS_RATE, NULL},
    {0, "ThrottlingException", NULL, TDM_MEANS_RATE, NULL},
    {0, "Throttling", NULL, TDM_MEANS_RATE, NULL},
    {0, "NotFoundException", NULL, TDM_MEANS_NOT_FOUND,
     "check template, configuration-set, tenant and contact-list, and the region"},
    {0, "RequestTimeoutException", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "InternalFailure", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "ServiceUnavailable", NULL, TDM_MEANS_TEMPORARY, NULL},
    {400, NULL, "message length is more than", TDM_MEANS_SIZE, NULL},
    {400, NULL, "missing final '@domain'|illegal address|invalid email address",
     TDM_MEANS_RECIPIENT, NULL},
};

#define SES_ROWS (sizeof(ses_rows) / sizeof(ses_rows[0]))

/* "ns#MessageRejected:http://..." is MessageRejected. */
static void ses_read_type(const struct tdm_http_response *response, const json_t *body,
                          struct tdm_buf *type)
{
    const char *text = tdm_http_response_field(response, "x-amzn-ErrorType");
    text = text != NULL ? text : tdm_json_text_at(body, "__type");
    text = text != NULL ? text : tdm_json_text_at(body, "code");
    if (text != NULL) {
        size_t mark = strcspn(text, "#:"); /* a # behind the colon is one of the address */
        text += text[mark] == '#' ? mark + 1 : 0;
        tdm_buf_add(type, text, strcspn(text, ":"));
    }
}

/* A signature is good for five minutes: the answer's Date says where the clock goes wrong. */
static void ses_hint_clock(const struct tdm_provider_job *job,
                           const struct tdm_http_response *response, tidymail_report *report)
{
    const char *date = tdm_http_response_field(response, "Date");
    int64_t then;
    if (report->error.kind != TIDYMAIL_KIND_AUTHENTICATION || date == NULL ||
        tdm_http_date(date, &then) != 0) {
        return;
    }
    int64_t ahead = job->now_s - then;
    if (ahead > SES_CLOCK_MAX_S || ahead < -SES_CLOCK_MAX_S) {
        struct tdm_buf hint;
        tdm_buf_init(&hint, &report->allocator, SES_TEXT_MAX);
        tdm_buf_addf(&hint, "set this machine's clock: it is %l seconds %s that of Amazon SES",
                     ahead > 0 ? ahead : -ahead, ahead > 0 ? "ahead of" : "behind");
        tdm_text_set(&report->allocator, &report->error.hint,
                     hint.failed ? NULL : tdm_buf_text(&hint));
        tdm_buf_clear(&hint);
    }
}

static void ses_parse(const struct tdm_provider_job *job, const struct tdm_http_response *response,
                      tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const char *id = tdm_json_text_at(body, "MessageId");
    struct tdm_buf type;
    tdm_buf_init(&type, job->allocator, SES_TEXT_MAX);
    ses_read_type(response, body, &type);
    if (response->status / 100 == 2) {
        if (id != NULL && id[0] != '\0') {
            tdm_answer_sent(report, response->status, id);
        } else {
            tdm_answer_unclear(job, response, "no MessageId is in the answer", report);
        }
    } else if ((!json_is_object(body) && type.length == 0) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, ses_rows, SES_ROWS, response, report);
    } else {
        const char *words = tdm_json_text_at(body, "message");
        words = words != NULL ? words : tdm_json_text_at(body, "Message");
        struct tdm_answer answer = {response->status,
                                    type.length > 0 && !type.failed ? tdm_buf_text(&type) : NULL,
                                    words, tdm_answer_retry_after(response, job->now_s)};
        tdm_answer_refuse(job, ses_rows, SES_ROWS, &answer, report);
        ses_hint_clock(job, response, report);
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
                            TDM_CAN_INLINE | TDM_CAN_INLINE_NAMES | TDM_CAN_PART_FIELDS |
                            TDM_CAN_GROUPS | TDM_CAN_CALENDAR | TDM_CAN_RAW | TDM_CAN_ENVELOPE |
                            TDM_CAN_TAGS | TDM_CAN_METADATA | TDM_CAN_TEMPLATE,
                     .max_recipients = 50,
                     .max_size = 54 * 1024 * 1024}, /* 40 MB of MIME in base64 */
    .options = ses_options,
    .build = ses_build,
    .parse = ses_parse,
};
