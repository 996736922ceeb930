/*
 * postmark.c: Postmark, POST /email and /email/withTemplate.
 *
 * What is special: 200 can hide recipients who get nothing, named in its words; the sandbox is a token
 * of its own, sent in place of the account's; a Message-ID of the caller's stays only with the field
 * X-PM-KeepID; nearly every refusal has status 422, its number tells what it is.
 */
#include <string.h>

#include <tidymail/service.h>

#include "provider/answer.h"
#include "provider/build_text.h"
#include "util/str.h"

#define POSTMARK_BODY_MAX ((size_t)5 * 1024 * 1024)
#define POSTMARK_TAG_MAX 1000
#define POSTMARK_METADATA_MAX 10
#define POSTMARK_METADATA_NAME_MAX 20
#define POSTMARK_METADATA_VALUE_MAX 80 /* not confirmed */
#define POSTMARK_CODE_MAX 24
#define POSTMARK_TEST_TOKEN "POSTMARK_API_TEST"

static const struct tdm_service_option postmark_options[] = {
    {"inline-css", TDM_OPTION_BOOLEAN, "InlineCss",
     "no: the style sheets of a template stay as they are"},
    {"stream", TDM_OPTION_TEXT, "MessageStream",
     "the message stream: outbound, broadcast or one of the account's"},
    {"track-links", TDM_OPTION_TEXT, "TrackLinks",
     "which links are tracked: None, HtmlAndText, HtmlOnly or TextOnly"},
    {0},
};

static void postmark_put_people(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *root)
{
    const struct tdm_mail *mail = job->mail;
    tdm_json_put(json, root, "From", tdm_build_mailbox_text(json, job, mail->from, 0));
    tdm_build_put_mailbox_list(json, job, root, "To", mail->to, 0);
    tdm_build_put_mailbox_list(json, job, root, "Cc", mail->cc, 0);
    tdm_build_put_mailbox_list(json, job, root, "Bcc", mail->bcc, 0);
    tdm_build_put_mailbox_list(json, job, root, "ReplyTo", mail->reply_to, 0);
}

static void postmark_put_body(struct tdm_json *json, json_t *root, const char *name,
                              const char *text, struct tidymail_error *error)
{
    if (text != NULL && strlen(text) > POSTMARK_BODY_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: larger than the 5 MB that Postmark takes", name);
    }
    tdm_build_put_some(json, root, name, text);
}

static void postmark_put_bodies(struct tdm_json *json, const struct tdm_mail *mail, json_t *root,
                                struct tidymail_error *error)
{
    tdm_json_put_text(json, root, "Subject", mail->subject);
    postmark_put_body(json, root, "TextBody", mail->text, error);
    postmark_put_body(json, root, "HtmlBody", mail->html, error);
    if ((mail->text == NULL || mail->text[0] == '\0') &&
        (mail->html == NULL || mail->html[0] == '\0')) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "text: Postmark does not send a message whose text is empty",
                      "give the message a text of one character at least");
    }
}

/* A number, or an alias. Subject and texts are the template's. */
static void postmark_put_template(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *root, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    const char *id = mail->service->template_id;
    if (id[0] != '\0' && id[strspn(id, "0123456789")] == '\0') {
        int64_t number;
        tdm_build_template_number(job, &number, error);
        tdm_json_put_number(json, root, "TemplateId", number);
    } else {
        tdm_json_put_text(json, root, "TemplateAlias", id);
    }
    tdm_json_put(json, root, "TemplateModel", tdm_json_template_values(json, mail, error));
    if (mail->text != NULL || mail->html != NULL || mail->subject[0] != '\0') {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "template: Postmark takes no subject, text or HTML beside it",
                      "leave them out, or the template");
    }
}

static void postmark_append_header(struct tdm_json *json, json_t *array, const char *name,
                                   const char *value)
{
    json_t *object = tdm_json_object(json);
    tdm_json_put_text(json, object, "Name", name);
    tdm_json_put_text(json, object, "Value", value);
    tdm_json_append(json, array, object);
}

/* A list: a name may stand there twice. */
static void postmark_put_headers(struct tdm_json *json, const struct tdm_mail *mail, json_t *root)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < mail->field_count; i++) {
        postmark_append_header(json, array, mail->fields[i].name, mail->fields[i].value);
    }
    /* postmarkapp.com/support: "How can I set my own Message-ID header" */
    if (tdm_mail_field(mail, "Message-ID") != NULL && tdm_mail_field(mail, "X-PM-KeepID") == NULL) {
        postmark_append_header(json, array, "X-PM-KeepID", "true");
    }
    tdm_build_put_filled(json, root, "Headers", array);
}

/* The ending .bin is one of those that Postmark refuses. */
static const char *postmark_file_name(const struct tdm_mail_file *file)
{
    const char *name = tdm_build_file_name(file);
    return name != file->name && strcmp(name, "attachment.bin") == 0 ? "attachment" : name;
}

static void postmark_put_files(struct tdm_json *json, const struct tdm_provider_job *job,
                               json_t *root)
{
    const struct tdm_mail *mail = job->mail;
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "Name", postmark_file_name(file));
        tdm_json_put_base64(json, object, "Content", file->bytes.data, file->bytes.length);
        tdm_json_put_text(json, object, "ContentType", file->type);
        if (file->is_inline && file->content_id != NULL) {
            struct tdm_buf id;
            tdm_buf_init(&id, job->allocator, TDM_HEADER_TEXT_MAX);
            tdm_buf_addf(&id, "cid:%s", file->content_id);
            tdm_json_put_buf(json, object, "ContentID", &id);
        }
        tdm_json_append(json, array, object);
    }
    tdm_build_put_filled(json, root, "Attachments", array);
}

static void postmark_check_metadata(const struct tdm_provider_job *job,
                                    struct tidymail_error *error)
{
    const struct tdm_service_pairs *metadata = &job->mail->service->metadata;
    tdm_build_check_count(job, "metadata", metadata->count, POSTMARK_METADATA_MAX, error);
    for (size_t i = 0; i < metadata->count; i++) {
        const struct tdm_service_pair *pair = &metadata->items[i];
        if (tdm_build_characters(pair->name) > POSTMARK_METADATA_NAME_MAX) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "metadata: Postmark takes names of %d characters at most",
                           POSTMARK_METADATA_NAME_MAX);
        }
        if (tdm_build_characters(pair->value) > POSTMARK_METADATA_VALUE_MAX) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "metadata: Postmark takes values of %d characters at most",
                           POSTMARK_METADATA_VALUE_MAX);
        }
    }
}

static void postmark_put_service(struct tdm_json *json, const struct tdm_provider_job *job,
                                 json_t *root, struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    if (tdm_provider_wants(job, TDM_FEATURE_TAGS)) {
        if (tdm_build_characters(service->tags[0]) > POSTMARK_TAG_MAX) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "tags: Postmark takes %d characters at most", POSTMARK_TAG_MAX);
        }
        tdm_json_put_text(json, root, "Tag", service->tags[0]);
    }
    if (tdm_provider_wants(job, TDM_FEATURE_METADATA)) {
        postmark_check_metadata(job, error);
        tdm_json_put(json, root, "Metadata", tdm_json_metadata(json, job->mail));
    }
    if (service->track_opens != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_flag(json, root, "TrackOpens", service->track_opens == TIDYMAIL_TRACKING_ON);
    }
    if (service->track_clicks != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_text(json, root, "TrackLinks",
                          service->track_clicks == TIDYMAIL_TRACKING_ON ? "HtmlAndText" : "None");
    }
}

static int postmark_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                          struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {{"", "https://api.postmarkapp.com"}, {0}};
    const struct tdm_service_wishes *service = job->mail->service;
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    struct tdm_json json = {0};
    json_t *root = tdm_json_object(&json);
    postmark_put_people(&json, job, root);
    if (service->template_id != NULL) {
        postmark_put_template(&json, job, root, error);
    } else {
        postmark_put_bodies(&json, job->mail, root, error);
    }
    postmark_put_headers(&json, job->mail, root);
    postmark_put_files(&json, job, root);
    postmark_put_service(&json, job, root, error);
    tdm_json_put_options(&json, job, root, error);
    tdm_http_request_set_target(request, origin,
                                service->template_id != NULL ? "/email/withTemplate" : "/email");
    tdm_http_request_add_secret(request, "X-Postmark-Server-Token", "",
                                service->sandbox ? POSTMARK_TEST_TOKEN : job->account->key);
    tdm_http_request_add(request, "Accept", "application/json");
    return tdm_json_finish(&json, root, request, error);
}

/* The codes are those of postmarkapp.com/developer/api/overview#error-codes. */
static const struct tdm_answer_row postmark_rows[] = {
    {0, "10", NULL, TDM_MEANS_CREDENTIALS,
     "check the token in the URL: it is the API token of a server, not that of the account"},
    {0, "100", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "300", "'From'|sender signature", TDM_MEANS_SENDER,
     "verify the From address as a sender signature at Postmark, or its domain"},
    {0, "300", "'To'|'Cc'|'Bcc'", TDM_MEANS_RECIPIENT, NULL},
    {0, "400", NULL, TDM_MEANS_SENDER, NULL},
    {0, "401", NULL, TDM_MEANS_SENDER,
     "the sender signature waits for its confirmation: follow the link in Postmark's mail"},
    {0, "405", NULL, TDM_MEANS_QUOTA, NULL},
    {0, "406", NULL, TDM_MEANS_SUPPRESSED, NULL},
    {0, "411", NULL, TDM_MEANS_DATA, "Postmark does not carry files of this type: send a link"},
    {0, "412", NULL, TDM_MEANS_ACCOUNT,
     "Postmark has not yet approved the account: until then it sends to the own domain only"},
    {0, "413", NULL, TDM_MEANS_ACCOUNT, NULL},
    {0, "429", NULL, TDM_MEANS_RATE, NULL},
    {0, "1101", NULL, TDM_MEANS_NOT_FOUND,
     "check the template: it is one of the server that the token belongs to"},
    {4, NULL, "message stream", TDM_MEANS_NOT_FOUND, "check the option stream"},
};

#define POSTMARK_ROWS (sizeof(postmark_rows) / sizeof(postmark_rows[0]))

/* "Message OK, but will not deliver to these inactive addresses: a@x, b@x. Inactive recipients ..." */
static void postmark_refuse_inactive(const struct tdm_provider_job *job, int status,
                                     const char *message, tidymail_report *report)
{
    static const char mark[] = "will not deliver to these inactive addresses:";
    const char *at = message != NULL ? strstr(message, mark) : NULL;
    const struct tdm_answer answer = {status, "406", message, -1};
    if (at == NULL) {
        return;
    }
    at += strlen(mark);
    at += strspn(at, " ,\r\n\t");
    size_t length = strcspn(at, " ,\r\n\t");
    while (length > 0 && memchr(at, '@', length) != NULL) {
        size_t end = at[length - 1] == '.' ? length - 1 : length;
        for (size_t i = 0; i < report->recipient_count; i++) {
            const char *address = report->recipients[i].address;
            if (tdm_same_nocase(address, strlen(address), at, end)) {
                tdm_answer_refuse_one(job, postmark_rows, POSTMARK_ROWS, &answer, i, report);
            }
        }
        at += length;
        at += strspn(at, " ,\r\n\t");
        length = strcspn(at, " ,\r\n\t");
    }
}

static void postmark_refuse(const struct tdm_provider_job *job,
                            const struct tdm_http_response *response, const json_t *body,
                            tidymail_report *report)
{
    json_int_t number = json_integer_value(json_object_get(body, "ErrorCode"));
    struct tdm_buf code;
    tdm_buf_init(&code, job->allocator, POSTMARK_CODE_MAX);
    if (number != 0) {
        tdm_buf_addf(&code, "%l", (int64_t)number);
    }
    struct tdm_answer answer = {
        response->status, code.length > 0 && !code.failed ? tdm_buf_text(&code) : NULL,
        tdm_json_text_at(body, "Message"), tdm_answer_retry_after(response, job->now_s)};
    tdm_answer_refuse(job, postmark_rows, POSTMARK_ROWS, &answer, report);
    tdm_buf_clear(&code);
}

static void postmark_parse(const struct tdm_provider_job *job,
                           const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const char *id = tdm_json_text_at(body, "MessageID");
    json_int_t code = json_integer_value(json_object_get(body, "ErrorCode"));
    if (response->status / 100 == 2 && code == 0) {
        if (id != NULL && id[0] != '\0') {
            postmark_refuse_inactive(job, response->status, tdm_json_text_at(body, "Message"),
                                     report);
            tdm_answer_sent(report, response->status, id);
        } else {
            tdm_answer_unclear(job, response, "no MessageID is in the answer", report);
        }
    } else if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, postmark_rows, POSTMARK_ROWS, response, report);
    } else {
        postmark_refuse(job, response, body, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_postmark = {
    .scheme = "postmark",
    .url = "postmark://TOKEN@",
    .page = "https://postmarkapp.com/developer/api/email-api",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "Postmark",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_HEADERS |
                            TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS | TDM_CAN_INLINE |
                            TDM_CAN_INLINE_NAMES | TDM_CAN_TAGS | TDM_CAN_METADATA |
                            TDM_CAN_TRACKING | TDM_CAN_TEMPLATE | TDM_CAN_SANDBOX,
                     .max_recipients = 50,
                     .max_size = 10 * 1024 * 1024,
                     .max_tags = 1},
    .options = postmark_options,
    .build = postmark_build,
    .parse = postmark_parse,
};
