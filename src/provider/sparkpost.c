/*
 * sparkpost.c: SparkPost, POST /api/v1/transmissions (https://developers.sparkpost.com/api/transmissions/).
 *
 * What is special: every recipient stands in one list, with the To field that all are to see; Cc is a
 * header field, Bcc none. "{{ }}" in subject and bodies is filled in unless that is switched off, which
 * it is here. A stored template brings all of the content: what is given beside it would be passed over
 * in silence, so it is refused. One tag is the campaign, several are tags of each recipient. A message
 * without text and HTML is none by its parts ("content object or template_id required"), and goes as a
 * finished one.
 */
#include <string.h>

#include <tidymail/service.h>

#include "provider/answer.h"
#include "provider/build_parts.h"
#include "util/str.h"
#include "util/utf8.h"

#define SPARKPOST_AHEAD_S (INT64_C(3) * 86400)
#define SPARKPOST_CAMPAIGN_MAX 64
#define SPARKPOST_DESCRIPTION_MAX 1024
#define SPARKPOST_METADATA_MAX 10000 /* of "10 KB": the smaller reading */

static const struct tdm_service_option sparkpost_options[] = {
    {"campaign-id", TDM_OPTION_TEXT, "campaign_id", "the campaign (64 bytes at most)"},
    {"description", TDM_OPTION_TEXT, "description", "a description of the transmission"},
    {"dkim-key", TDM_OPTION_TEXT, "options/dkim_key", "the key to sign with"},
    {"inline-css", TDM_OPTION_BOOLEAN, "options/inline_css",
     "yes: style sheets become style attributes"},
    {"ip-pool", TDM_OPTION_TEXT, "options/ip_pool", "the pool of dedicated addresses to send from"},
    {"perform-substitutions", TDM_OPTION_BOOLEAN, "options/perform_substitutions",
     "yes: {{ }} in subject and bodies is filled in"},
    {"skip-suppression", TDM_OPTION_BOOLEAN, "options/skip_suppression",
     "yes: also to suppressed addresses"},
    {"subaccount", TDM_OPTION_INTEGER, NULL, "the number of the subaccount that sends"},
    {"substitution-data", TDM_OPTION_JSON, "substitution_data", "values for {{ }}"},
    {"tracking-domain", TDM_OPTION_TEXT, "options/tracking_domain",
     "the domain of links that are tracked"},
    {"transactional", TDM_OPTION_BOOLEAN, "options/transactional",
     "yes: no List-Unsubscribe of SparkPost's, yours is kept"},
    {"use-draft-template", TDM_OPTION_BOOLEAN, "content/use_draft_template",
     "yes: the draft of the template"},
    {0},
};

static void sparkpost_put_list(struct tdm_json *json, const struct tdm_provider_job *job,
                               json_t *object, const char *name,
                               const struct tdm_mailbox_list *list)
{
    struct tdm_buf text;
    if (list->count == 0) {
        return;
    }
    tdm_buf_init(&text, &job->mail->allocator, TDM_HTTP_BODY_MAX);
    tdm_mail_add_mailboxes(&text, list, 0);
    tdm_json_put_buf(json, object, name, &text);
}

/* Everybody who gets a copy; header_to is the To field they see. */
static void sparkpost_put_recipients(struct tdm_json *json, const struct tdm_provider_job *job,
                                     json_t *root)
{
    const struct tdm_mail *mail = job->mail;
    json_t *array = tdm_json_array(json);
    int has_tags = tdm_provider_wants(job, TDM_FEATURE_TAGS) && mail->service->tag_count > 1;
    for (size_t i = 0; i < mail->recipient_count; i++) {
        json_t *recipient = tdm_json_object(json);
        json_t *address = tdm_json_object(json);
        tdm_json_put_text(json, address, "email", mail->recipients[i]);
        sparkpost_put_list(json, job, address, "header_to", mail->to);
        tdm_json_put(json, recipient, "address", address);
        if (has_tags) {
            tdm_json_put(json, recipient, "tags", tdm_json_tags(json, mail));
        }
        tdm_json_append(json, array, recipient);
    }
    tdm_json_put(json, root, "recipients", array);
}

static void sparkpost_put_files(struct tdm_json *json, const struct tdm_mail *mail, json_t *content)
{
    json_t *lists[] = {tdm_json_array(json), tdm_json_array(json)};
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "name",
                          file->is_inline && file->content_id != NULL ? file->content_id
                                                                      : tdm_build_file_name(file));
        tdm_json_put_text(json, object, "type", file->type);
        tdm_json_put_base64(json, object, "data", file->bytes.data, file->bytes.length);
        tdm_json_append(json, lists[file->is_inline != 0], object);
    }
    tdm_build_put_filled(json, content, "attachments", lists[0]);
    tdm_build_put_filled(json, content, "inline_images", lists[1]);
}

static void sparkpost_put_fields(struct tdm_json *json, const struct tdm_provider_job *job,
                                 json_t *content, struct tidymail_error *error)
{
    static const char *const refused[] = {"Cc", NULL};
    const struct tdm_mail *mail = job->mail;
    json_t *headers = tdm_json_object(json);
    struct tdm_buf from;
    tdm_buf_init(&from, &mail->allocator, TDM_HTTP_BODY_MAX);
    tdm_mail_add_mailbox(&from, mail->from, 0);
    tdm_json_put_buf(json, content, "from", &from);
    sparkpost_put_list(json, job, content, "reply_to", mail->reply_to);
    tdm_build_put_headers(json, job, headers, refused, error);
    sparkpost_put_list(json, job, headers, "CC", mail->cc);
    tdm_build_put_filled(json, content, "headers", headers);
}

/* What a stored template does not leave to the message. */
static void sparkpost_check_template(const struct tdm_mail *mail, struct tidymail_error *error)
{
    const struct {
        int is_given;
        const char *what;
    } given[] = {
        {mail->subject[0] != '\0', "subject"}, {mail->text != NULL, "text"},
        {mail->html != NULL, "html"},          {mail->calendar != NULL, "the invitation"},
        {mail->file_count > 0, "attachments"}, {mail->reply_to->count > 0, "Reply-To"},
        {mail->cc->count > 0, "Cc"},           {mail->field_count > 0, "header fields"},
        {mail->sender != NULL, "Sender"},      {mail->needs_raw, "message"},
    };
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        if (given[i].is_given) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "%s: SparkPost takes this from the template and passes over the "
                           "message's",
                           given[i].what);
        }
    }
}

static void sparkpost_put_raw(struct tdm_json *json, const struct tdm_provider_job *job,
                              json_t *content, struct tidymail_error *error)
{
    struct tdm_buf mime;
    tdm_buf_init(&mime, &job->mail->allocator, TDM_HTTP_BODY_MAX);
    tdm_mail_read_raw(job->mail, 0, &mime, error);
    if (error->kind == TIDYMAIL_OK &&
        tdm_utf8_find_invalid(tdm_buf_text(&mime), mime.length) < mime.length) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "message: SparkPost takes a ready-made message as text, and this one holds "
                      "bytes that are not UTF-8",
                      "encode its parts as base64 or quoted-printable");
    }
    if (error->kind == TIDYMAIL_OK) {
        tdm_json_put_buf(json, content, "email_rfc822", &mime);
    }
    tdm_buf_clear(&mime);
}

/* What its parts cannot say, or not at all. */
static int sparkpost_needs_mime(const struct tdm_mail *mail)
{
    int is_empty = (mail->text == NULL || mail->text[0] == '\0') &&
                   (mail->html == NULL || mail->html[0] == '\0');
    return mail->needs_raw || mail->sender != NULL || mail->calendar != NULL || is_empty;
}

/* SparkPost writes its own unless the message is transactional. */
static void sparkpost_check_unsubscribe(const struct tdm_provider_job *job,
                                        struct tidymail_error *error)
{
    const char *transactional = tdm_provider_option(job, "transactional");
    if (tdm_mail_field(job->mail, "List-Unsubscribe") != NULL && transactional == NULL) {
        tdm_error_set(
            error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
            "header field List-Unsubscribe: SparkPost passes over it in a message that is "
            "not transactional",
            "say transactional=yes to keep yours, or transactional=no to take SparkPost's");
    }
}

static void sparkpost_put_content(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *root, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    json_t *content = tdm_json_object(json);
    tdm_json_put(json, root, "content", content);
    if (mail->service->template_id != NULL) {
        sparkpost_check_template(mail, error);
        tdm_json_put_text(json, content, "template_id", mail->service->template_id);
        tdm_build_put_filled(json, root, "substitution_data",
                             tdm_json_template_values(json, mail, error));
        return;
    }
    sparkpost_check_unsubscribe(job, error);
    if (sparkpost_needs_mime(mail)) {
        sparkpost_put_raw(json, job, content, error);
    } else {
        sparkpost_put_fields(json, job, content, error);
        tdm_json_put_text(json, content, "subject", mail->subject);
        tdm_build_put_some(json, content, "text", mail->text);
        tdm_build_put_some(json, content, "html", mail->html);
        sparkpost_put_files(json, mail, content);
    }
}

/* Of what is given as options, and of metadata. */
static void sparkpost_check_lengths(const struct tdm_provider_job *job,
                                    struct tidymail_error *error)
{
    static const struct {
        const char *option;
        size_t max;
    } limits[] = {{"campaign-id", SPARKPOST_CAMPAIGN_MAX},
                  {"description", SPARKPOST_DESCRIPTION_MAX}};
    const struct tdm_service_pairs *metadata = &job->mail->service->metadata;
    size_t size = 0;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const char *value = tdm_provider_option(job, limits[i].option);
        if (value != NULL && strlen(value) > limits[i].max) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "option %s: SparkPost takes %z bytes at most", limits[i].option,
                           limits[i].max);
        }
    }
    for (size_t i = 0; i < metadata->count; i++) {
        size += strlen(metadata->items[i].name) + strlen(metadata->items[i].value);
    }
    if (size > SPARKPOST_METADATA_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "metadata: SparkPost takes %d bytes at most", SPARKPOST_METADATA_MAX);
    }
}

static void sparkpost_put_options(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *root, struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    json_t *options = tdm_json_object(json);
    if (service->template_id == NULL) {
        tdm_json_put_flag(json, options, "perform_substitutions", 0);
    }
    if (service->track_opens != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_flag(json, options, "open_tracking",
                          service->track_opens == TIDYMAIL_TRACKING_ON);
    }
    if (service->track_clicks != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_flag(json, options, "click_tracking",
                          service->track_clicks == TIDYMAIL_TRACKING_ON);
    }
    if (service->sandbox) {
        tdm_json_put_flag(json, options, "sandbox", 1);
    }
    if (tdm_provider_wants(job, TDM_FEATURE_SCHEDULE)) {
        char date[TDM_BUILD_DATE_MAX];
        struct tdm_buf text;
        tdm_build_check_send_at(job, SPARKPOST_AHEAD_S, "3 days", error);
        tdm_build_date(service->send_at, 'T', date);
        tdm_buf_init(&text, &job->mail->allocator, 64);
        tdm_buf_addf(&text, "%s+00:00", date);
        tdm_json_put_buf(json, options, "start_time", &text);
    }
    tdm_build_put_filled(json, root, "options", options);
    sparkpost_check_lengths(job, error);
    if (tdm_provider_wants(job, TDM_FEATURE_TAGS) && service->tag_count == 1) {
        if (strlen(service->tags[0]) > SPARKPOST_CAMPAIGN_MAX) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "tags: SparkPost takes %d bytes at most", SPARKPOST_CAMPAIGN_MAX);
        }
        tdm_json_put_text(json, root, "campaign_id", service->tags[0]);
    }
    if (tdm_provider_wants(job, TDM_FEATURE_METADATA)) {
        tdm_json_put(json, root, "metadata", tdm_json_metadata(json, job->mail));
    }
    if (job->mail->message->envelope_from.spec != NULL) {
        tdm_json_put_text(json, root, "return_path", job->mail->envelope_from);
    }
}

static int sparkpost_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                           struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {
        {"", "https://api.sparkpost.com"}, {"eu", "https://api.eu.sparkpost.com"}, {0}};
    const char *origin = tdm_build_origin(job, origins, error);
    const char *subaccount = tdm_provider_option(job, "subaccount");
    if (origin == NULL) {
        return error->kind;
    }
    if (job->mail->message->envelope_from.spec != NULL &&
        job->mail->message->envelope_from.spec[0] == '\0') {
        return tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                             "envelope: SparkPost does not send with an empty reverse-path", NULL);
    }
    struct tdm_json json = {0};
    json_t *root = tdm_json_object(&json);
    sparkpost_put_recipients(&json, job, root);
    sparkpost_put_content(&json, job, root, error);
    sparkpost_put_options(&json, job, root, error);
    tdm_json_put_options(&json, job, root, error);
    tdm_http_request_set_target(request, origin, "/api/v1/transmissions");
    tdm_http_request_add_secret(request, "Authorization", "", job->account->key);
    tdm_http_request_add(request, "Accept", "application/json");
    if (subaccount != NULL) {
        tdm_http_request_add(request, "X-MSYS-SUBACCOUNT", subaccount);
    }
    return tdm_json_finish(&json, root, request, error);
}

static const struct tdm_answer_row sparkpost_rows[] = {
    {401, NULL, NULL, TDM_MEANS_CREDENTIALS,
     "check the key in the URL; accounts in the EU have their own host: region=eu"},
    {0, "7001", NULL, TDM_MEANS_SENDER, NULL},
    {0, NULL, "unconfigured or unverified sending domain|unconfigured sending domain",
     TDM_MEANS_SENDER, NULL},
    {0, "2103", NULL, TDM_MEANS_QUOTA,
     "the sandbox sends five messages in all: set up a domain of your own"},
    {0, "2101", NULL, TDM_MEANS_QUOTA_PERIOD, "the limit of an hour is used up: wait for the next"},
    {0, "2102", NULL, TDM_MEANS_QUOTA_PERIOD, "the limit of a day is used up: wait for the next"},
    {0, "2105", NULL, TDM_MEANS_QUOTA_PERIOD, "the limit of a month is used up: raise the plan"},
    {420, NULL, NULL, TDM_MEANS_QUOTA_PERIOD, NULL},
    {0, "1502", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "1900", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "3000", NULL, TDM_MEANS_DATA, "the template cannot be filled in: look at its syntax"},
    {0, "3001", NULL, TDM_MEANS_DATA, "the template cannot be filled in: look at its syntax"},
    {0, "1600", NULL, TDM_MEANS_NOT_FOUND, "check the template's id"},
    {0, "1603", NULL, TDM_MEANS_NOT_FOUND,
     "check the template's id, and the other names that the account has to know (ip-pool, ...)"},
    {0, "2000", NULL, TDM_MEANS_RECIPIENT, NULL},
};

#define SPARKPOST_ROWS (sizeof(sparkpost_rows) / sizeof(sparkpost_rows[0]))

/* The first error: its code, and "message: description" into `words`. */
static void sparkpost_read_error(const json_t *body, struct tdm_answer *answer,
                                 struct tdm_buf *words)
{
    const char *message = tdm_json_text_at(body, "errors/0/message");
    const char *description = tdm_json_text_at(body, "errors/0/description");
    tdm_buf_add_str(words, message != NULL ? message : "");
    if (description != NULL) {
        tdm_buf_addf(words, "%s%s", words->length > 0 ? ": " : "", description);
    }
    answer->code = tdm_json_text_at(body, "errors/0/code");
    answer->words = tdm_buf_text(words);
}

/* The text holds the address, and not as a part of a longer one. */
static int sparkpost_names(const char *text, const char *address)
{
    size_t length = strlen(address);
    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        const char *end = at + length;
        if (tdm_starts_nocase(at, strlen(at), address) &&
            (at == text || (!tdm_is_atext(at[-1]) && strchr(".@\"", at[-1]) == NULL)) &&
            !tdm_is_alnum(end[0]) && end[0] != '-' && (end[0] != '.' || !tdm_is_alnum(end[1]))) {
            return 1;
        }
    }
    return 0;
}

/* Some were refused: those whose address the answer names. Returns how many that were. */
static size_t sparkpost_refuse_named(const struct tdm_provider_job *job, const json_t *body,
                                     const struct tdm_answer *answer, tidymail_report *report)
{
    const json_t *errors = tdm_json_at(body, "results/rcpt_to_errors");
    size_t found = 0;
    for (size_t i = 0; i < json_array_size(errors); i++) {
        struct tdm_answer one = *answer;
        const json_t *entry = json_array_get(errors, i);
        const char *words[] = {
            tdm_json_text_at(entry, "message"), tdm_json_text_at(entry, "description"),
            tdm_json_text_at(entry, "email"), tdm_json_text_at(entry, "address/email")};
        one.code = tdm_json_text_at(entry, "code");
        one.words = words[1] != NULL ? words[1] : words[0];
        for (size_t k = 0; k < report->recipient_count; k++) {
            int named = 0;
            for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++) {
                named |= sparkpost_names(words[n], report->recipients[k].address);
            }
            if (named && !report->recipients[k].decided) {
                tdm_answer_refuse_one(job, sparkpost_rows, SPARKPOST_ROWS, &one, k, report);
                found++;
            }
        }
    }
    return found;
}

static void sparkpost_parse_accepted(const struct tdm_provider_job *job,
                                     const struct tdm_http_response *response, const json_t *body,
                                     const struct tdm_answer *answer, tidymail_report *report)
{
    const char *id = tdm_json_text_at(body, "results/id");
    json_int_t accepted =
        json_integer_value(tdm_json_at(body, "results/total_accepted_recipients"));
    json_int_t rejected =
        json_integer_value(tdm_json_at(body, "results/total_rejected_recipients"));
    if (id == NULL) {
        tdm_answer_unclear(job, response, "no results.id is in the answer", report);
    } else if (rejected == 0) {
        tdm_answer_sent(report, response->status, id);
    } else if (accepted == 0) {
        struct tdm_answer refused = *answer;
        refused.code = refused.code != NULL ? refused.code : "2000";
        tdm_answer_refuse(job, sparkpost_rows, SPARKPOST_ROWS, &refused, report);
    } else if (sparkpost_refuse_named(job, body, answer, report) == (size_t)rejected) {
        tdm_answer_sent(report, response->status, id);
    } else {
        tdm_answer_unclear(job, response, "it does not say which recipients were refused", report);
    }
}

static void sparkpost_parse(const struct tdm_provider_job *job,
                            const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    struct tdm_buf words;
    struct tdm_answer answer = {response->status, NULL, NULL,
                                tdm_answer_retry_after(response, job->now_s)};
    tdm_buf_init(&words, &report->allocator, (size_t)64 * 1024);
    sparkpost_read_error(body, &answer, &words);
    if (response->status / 100 == 2) {
        sparkpost_parse_accepted(job, response, body, &answer, report);
    } else if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, sparkpost_rows, SPARKPOST_ROWS, response, report);
    } else {
        tdm_answer_refuse(job, sparkpost_rows, SPARKPOST_ROWS, &answer, report);
    }
    tdm_buf_clear(&words);
    json_decref(body);
}

const struct tdm_provider tdm_provider_sparkpost = {
    .scheme = "sparkpost",
    .url = "sparkpost://KEY@",
    .page = "https://developers.sparkpost.com/api/transmissions/",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "SparkPost",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_SENDER |
                            TDM_CAN_HEADERS | TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS |
                            TDM_CAN_INLINE | TDM_CAN_CALENDAR | TDM_CAN_RAW | TDM_CAN_ENVELOPE |
                            TDM_CAN_SMTPUTF8 | TDM_CAN_TAGS | TDM_CAN_METADATA | TDM_CAN_TRACKING |
                            TDM_CAN_SCHEDULE | TDM_CAN_TEMPLATE | TDM_CAN_SANDBOX,
                     .max_size = 20 * 1024 * 1024,
                     .max_tags = 10},
    .options = sparkpost_options,
    .build = sparkpost_build,
    .parse = sparkpost_parse,
};
