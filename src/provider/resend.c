/*
 * resend.c: Resend, POST /emails.
 *
 * What is special: a request without User-Agent is refused by what stands in front of the service; tags
 * are pairs of name and value in letters and digits, and take the metadata too; of a message with HTML
 * alone Resend makes text; an attachment without a name gets lost (seen by the django-anymail project),
 * so that each gets one; the same status means a wrong key and a sender that is not verified, the name
 * of the error tells them apart.
 */
#include <string.h>

#include "provider/answer.h"
#include "provider/build_text.h"

#define RESEND_TO_MAX 50
#define RESEND_AHEAD_S (INT64_C(30) * 86400)

static const struct tdm_service_option resend_options[] = {
    {"tags-in-header", TDM_OPTION_BOOLEAN, NULL,
     "yes: tags and metadata go as JSON in the header fields X-Tags and X-Metadata, where every "
     "character is taken"},
    {"text-from-html", TDM_OPTION_BOOLEAN, NULL,
     "no: a message of HTML alone stays so, without the text that Resend makes of it"},
    {"topic-id", TDM_OPTION_TEXT, "topic_id", "the topic that the recipients may unsubscribe from"},
    {0},
};

static int resend_says(const struct tdm_provider_job *job, const char *option, const char *value)
{
    const char *given = tdm_provider_option(job, option);
    return given != NULL && strcmp(given, value) == 0;
}

static void resend_put_people(struct tdm_json *json, const struct tdm_provider_job *job,
                              json_t *root, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    tdm_build_require_to(job, error);
    tdm_build_check_count(job, "to", mail->to->count, RESEND_TO_MAX, error);
    tdm_json_put(json, root, "from", tdm_build_mailbox_text(json, job, mail->from, 0));
    tdm_build_put_mailbox_texts(json, job, root, "to", mail->to, 0);
    tdm_build_put_mailbox_texts(json, job, root, "cc", mail->cc, 0);
    tdm_build_put_mailbox_texts(json, job, root, "bcc", mail->bcc, 0);
    tdm_build_put_mailbox_texts(json, job, root, "reply_to", mail->reply_to, 0);
}

static void resend_put_bodies(struct tdm_json *json, const struct tdm_provider_job *job,
                              json_t *root)
{
    const struct tdm_mail *mail = job->mail;
    tdm_json_put_text(json, root, "subject", mail->subject);
    if (mail->html != NULL) {
        tdm_json_put_text(json, root, "html", mail->html);
    }
    if (mail->text != NULL || mail->html == NULL) {
        tdm_json_put_text(json, root, "text", mail->text != NULL ? mail->text : "");
    } else if (resend_says(job, "text-from-html", "no")) {
        tdm_json_put_text(json, root, "text", "");
    }
}

/* Resend takes no text or HTML beside a template; the subject may be the template's. */
static void resend_put_template(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *root, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    json_t *object = tdm_json_object(json);
    if (mail->text != NULL || mail->html != NULL) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "template: Resend takes no text or HTML beside it",
                      "leave text and HTML out, or the template");
    }
    tdm_build_put_some(json, root, "subject", mail->subject);
    tdm_json_put_text(json, object, "id", mail->service->template_id);
    tdm_build_put_filled(json, object, "variables", tdm_json_template_values(json, mail, error));
    tdm_json_put(json, root, "template", object);
}

static void resend_put_files(struct tdm_json *json, const struct tdm_mail *mail, json_t *root)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "filename", tdm_build_file_name(file));
        tdm_json_put_base64(json, object, "content", file->bytes.data, file->bytes.length);
        tdm_json_put_text(json, object, "content_type", file->type);
        if (file->is_inline && file->content_id != NULL) {
            tdm_json_put_text(json, object, "content_id", file->content_id);
        }
        tdm_json_append(json, array, object);
    }
    tdm_build_put_filled(json, root, "attachments", array);
}

/* Header fields, tags and metadata. */
static void resend_put_marks(struct tdm_json *json, const struct tdm_provider_job *job,
                             json_t *root, struct tidymail_error *error)
{
    static const char *const taken[] = {"X-Tags", "X-Metadata", NULL};
    int in_header = resend_says(job, "tags-in-header", "yes");
    json_t *headers = tdm_json_object(json);
    tdm_build_put_headers(json, job, headers, in_header ? taken : NULL, error);
    if (in_header && tdm_provider_wants(job, TDM_FEATURE_TAGS)) {
        tdm_build_put_as_text(json, headers, "X-Tags", tdm_json_tags(json, job->mail));
    }
    if (in_header && tdm_provider_wants(job, TDM_FEATURE_METADATA)) {
        tdm_build_put_as_text(json, headers, "X-Metadata", tdm_json_metadata(json, job->mail));
    }
    tdm_build_put_filled(json, root, "headers", headers);
    if (!in_header) {
        tdm_build_put_filled(json, root, "tags",
                             tdm_build_pairs(json, job, "name", "value",
                                             "write it so, or have tags and metadata in the header "
                                             "with the option tags-in-header=yes",
                                             error));
    }
}

static void resend_put_send_at(struct tdm_json *json, const struct tdm_provider_job *job,
                               json_t *root, struct tidymail_error *error)
{
    if (tdm_provider_wants(job, TDM_FEATURE_SCHEDULE)) {
        char date[TDM_BUILD_DATE_MAX];
        struct tdm_buf text;
        /* resend.com/changelog/extended-email-scheduling */
        tdm_build_check_send_at(job, RESEND_AHEAD_S, "30 days", error);
        tdm_build_date(job->mail->service->send_at, 'T', date);
        tdm_buf_init(&text, job->allocator, 64);
        tdm_buf_addf(&text, "%s+00:00", date);
        tdm_json_put_buf(json, root, "scheduled_at", &text);
    }
}

static int resend_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                        struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {{"", "https://api.resend.com"}, {0}};
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    struct tdm_json json = {0};
    json_t *root = tdm_json_object(&json);
    resend_put_people(&json, job, root, error);
    if (job->mail->service->template_id != NULL) {
        resend_put_template(&json, job, root, error);
    } else {
        resend_put_bodies(&json, job, root);
    }
    resend_put_files(&json, job->mail, root);
    resend_put_marks(&json, job, root, error);
    resend_put_send_at(&json, job, root, error);
    tdm_json_put_options(&json, job, root, error);
    tdm_http_request_set_target(request, origin, "/emails");
    tdm_http_request_add_secret(request, "Authorization", "Bearer ", job->account->key);
    tdm_http_request_add(request, "Accept", "application/json");
    tdm_http_request_add(request, "User-Agent", "tidymail");
    if (tdm_provider_wants(job, TDM_FEATURE_IDEMPOTENCY)) {
        tdm_http_request_add(request, "Idempotency-Key", job->mail->service->idempotency_key);
    }
    return tdm_json_finish(&json, root, request, error);
}

/* The words are those of the service's own examples; invalid_from_address is on none of its pages that
 * were read. */
static const struct tdm_answer_row resend_rows[] = {
    {0, "missing_api_key", NULL, TDM_MEANS_CREDENTIALS, NULL},
    {0, "invalid_api_key", NULL, TDM_MEANS_CREDENTIALS,
     "check the key in the URL: a key of Resend begins with re_"},
    {0, "validation_error", "API key is invalid", TDM_MEANS_CREDENTIALS,
     "check the key in the URL: a key of Resend begins with re_"},
    {0, "restricted_api_key", NULL, TDM_MEANS_PERMISSION, NULL},
    {0, "invalid_permission", NULL, TDM_MEANS_PERMISSION, NULL},
    {0, "suspended_api_key", NULL, TDM_MEANS_ACCOUNT, NULL},
    {0, "validation_error", "testing emails", TDM_MEANS_SENDER,
     "the address onboarding@resend.dev sends to the account's owner only: verify a domain at "
     "resend.com/domains and send from it"},
    {0, "validation_error", "domain is not verified", TDM_MEANS_SENDER,
     "verify the domain of From at resend.com/domains, or send from one that is"},
    {0, "invalid_from_address", NULL, TDM_MEANS_SENDER, NULL},
    {4, NULL, "invalid `from`", TDM_MEANS_SENDER, NULL},
    {4, NULL, "invalid `to`|invalid `cc`|invalid `bcc`", TDM_MEANS_RECIPIENT, NULL},
    {0, "rate_limit_exceeded", NULL, TDM_MEANS_RATE, NULL},
    {0, "daily_quota_exceeded", NULL, TDM_MEANS_QUOTA_PERIOD,
     "the account's quota of the day is used up: wait a day, or raise the plan at Resend"},
    {0, "monthly_quota_exceeded", NULL, TDM_MEANS_QUOTA_PERIOD,
     "the account's quota of the month is used up: raise the plan at Resend"},
    {0, "invalid_idempotent_request", NULL, TDM_MEANS_CONFLICT, NULL},
    {0, "concurrent_idempotent_requests", NULL, TDM_MEANS_BUSY, NULL},
    {0, "resource_locked", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "invalid_attachment", NULL, TDM_MEANS_DATA,
     "Resend wants content and a name whose ending fits the type"},
    {0, "not_found", NULL, TDM_MEANS_NOT_FOUND, NULL},
    {0, "method_not_allowed", NULL, TDM_MEANS_NOT_FOUND, NULL},
    {0, "application_error", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "service_unavailable", NULL, TDM_MEANS_TEMPORARY, NULL},
    {403, NULL, "error code: 1010", TDM_MEANS_STRANGE,
     "what stands in front of Resend wants a User-Agent field: does a proxy take it away?"},
};

#define RESEND_ROWS (sizeof(resend_rows) / sizeof(resend_rows[0]))

static void resend_parse(const struct tdm_provider_job *job,
                         const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const char *id = tdm_json_text_at(body, "id");
    struct tdm_answer answer = {response->status, tdm_json_text_at(body, "name"),
                                tdm_json_text_at(body, "message"),
                                tdm_answer_retry_after(response, job->now_s)};
    if (response->status / 100 == 2) {
        if (id != NULL && id[0] != '\0') {
            tdm_answer_sent(report, response->status, id);
        } else {
            tdm_answer_unclear(job, response, "no id is in the answer", report);
        }
    } else if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, resend_rows, RESEND_ROWS, response, report);
    } else {
        /* of the requests in a second, it says nothing of the day's quota */
        if (answer.retry_after < 0 && answer.code != NULL &&
            strcmp(answer.code, "rate_limit_exceeded") == 0) {
            answer.retry_after = tdm_answer_reset(response, "ratelimit-reset", 0, job->now_s);
        }
        tdm_answer_refuse(job, resend_rows, RESEND_ROWS, &answer, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_resend = {
    .scheme = "resend",
    .url = "resend://KEY@",
    .page = "https://resend.com/docs/api-reference/emails/send-email",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "Resend",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_HEADERS |
                            TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS | TDM_CAN_INLINE |
                            TDM_CAN_INLINE_NAMES | TDM_CAN_TAGS | TDM_CAN_METADATA |
                            TDM_CAN_SCHEDULE | TDM_CAN_TEMPLATE | TDM_CAN_IDEMPOTENCY,
                     .max_size = 40 * 1024 * 1024},
    .options = resend_options,
    .build = resend_build,
    .parse = resend_parse,
};
