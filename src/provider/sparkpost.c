/*
 * sparkpost.c: SparkPost, POST /api/v1/transmissions.
 *
 * What is special: To, Cc and Bcc are one list, and what stands in To is said with each of them; 200 can
 * hide recipients who were refused; "{{" is the begin of a substitution unless that is switched off,
 * which it is where the message has it and asks for none; with a stored template all else that is given
 * is passed over, From too, so that it is refused here where it can be left out. The sandbox is the
 * domain that swallows mail: SparkPost's own option of that name does deliver.
 */
#include <string.h>

#include <tidymail/service.h>

#include "provider/answer.h"
#include "provider/build_text.h"
#include "util/str.h"
#include "util/utf8.h"

#define SPARKPOST_CAMPAIGN_MAX 64
#define SPARKPOST_FILE_NAME_MAX 255
#define SPARKPOST_DESCRIPTION_MAX 1024
#define SPARKPOST_METADATA_MAX (10 * 1024)
#define SPARKPOST_AHEAD_S (3 * 86400)
#define SPARKPOST_LIST_MAX ((size_t)1024 * 1024)
#define SPARKPOST_WORDS_MAX 8192
#define SPARKPOST_SINK ".sink.sparkpostmail.com"

static const struct tdm_service_option sparkpost_options[] = {
    {"ab-test-id", TDM_OPTION_TEXT, "content/ab_test_id", "the A/B test that the message is of"},
    {"amp-html", TDM_OPTION_TEXT, "content/amp_html", "the message as AMP for Email"},
    {"campaign-id", TDM_OPTION_TEXT, "campaign_id", "the campaign, instead of the tag"},
    {"description", TDM_OPTION_TEXT, "description", "a line about the transmission"},
    {"draft-template", TDM_OPTION_BOOLEAN, "content/use_draft_template",
     "yes: the template's draft is sent"},
    {"initial-open", TDM_OPTION_BOOLEAN, "options/initial_open",
     "no: without the tracking pixel at the top"},
    TDM_BUILD_INLINE_NAMES,
    {"inline-css", TDM_OPTION_BOOLEAN, "options/inline_css",
     "yes: style sheets become style attributes"},
    {"ip-pool", TDM_OPTION_TEXT, "options/ip_pool", "the pool of addresses to send from"},
    {"perform-substitutions", TDM_OPTION_BOOLEAN, "options/perform_substitutions",
     "yes or no: {{name}} in the message is filled in"},
    {"sandbox", TDM_OPTION_BOOLEAN, "options/sandbox",
     "yes: sent for real from sparkpostbox.com, five times in all"},
    {"skip-suppression", TDM_OPTION_BOOLEAN, "options/skip_suppression",
     "yes: also to addresses on the suppression list"},
    {"subaccount", TDM_OPTION_INTEGER, NULL, "the number of the subaccount that sends"},
    {"substitution-data", TDM_OPTION_JSON, "substitution_data",
     "values for {{name}} in the message: {\"name\": \"Ann\"}"},
    {"tracking-domain", TDM_OPTION_TEXT, "options/tracking_domain",
     "the domain of links that are tracked"},
    {"transactional", TDM_OPTION_BOOLEAN, "options/transactional",
     "yes: a transactional message, also to who unsubscribed"},
    {0},
};

/* What the parts cannot say; to them a message without text and HTML is none. */
static int sparkpost_needs_mime(const struct tdm_provider_job *job)
{
    const struct tdm_mail *mail = job->mail;
    int is_empty = (mail->text == NULL || mail->text[0] == '\0') &&
                   (mail->html == NULL || mail->html[0] == '\0') &&
                   mail->service->template_id == NULL;
    return mail->needs_raw || mail->sender != NULL || mail->calendar != NULL ||
           mail->message->envelope_to.count > 0 || is_empty ||
           (tdm_build_lost_in_fields(job) != TDM_FEATURE_COUNT &&
            mail->service->template_id == NULL && tdm_provider_option(job, "amp-html") == NULL);
}

/* One recipient; `header_to` NULL where the message says itself what stands in To. An address that is
 * there twice would get the message twice. */
static void sparkpost_append(struct tdm_json *json, const struct tdm_provider_job *job,
                             json_t *array, const char *spec, const char *header_to, json_t *tags)
{
    struct tdm_buf email;
    tdm_buf_init(&email, job->allocator, TDM_HEADER_TEXT_MAX);
    tdm_buf_addf(&email, "%s%s", spec, job->mail->service->sandbox ? SPARKPOST_SINK : "");
    json->failed |= email.failed;
    int seen = 0;
    for (size_t i = 0; i < json_array_size(array) && !json->failed; i++) {
        seen |= tdm_equal_nocase(tdm_json_text_at(json_array_get(array, i), "address/email"),
                                 tdm_buf_text(&email));
    }
    if (!seen && !json->failed) {
        json_t *recipient = tdm_json_object(json);
        json_t *address = tdm_json_object(json);
        tdm_json_put_buf(json, address, "email", &email);
        if (header_to != NULL) {
            tdm_json_put_text(json, address, "header_to", header_to);
        }
        tdm_json_put(json, recipient, "address", address);
        if (json_array_size(tags) > 0) {
            tdm_json_put(json, recipient, "tags", json_incref(tags));
        }
        tdm_json_append(json, array, recipient);
    }
    tdm_buf_clear(&email);
}

static void sparkpost_put_recipients(struct tdm_json *json, const struct tdm_provider_job *job,
                                     json_t *root, json_t *tags)
{
    const struct tdm_mail *mail = job->mail;
    const struct tdm_mailbox_list *lists[] = {mail->to, mail->cc, mail->bcc};
    json_t *array = tdm_json_array(json);
    struct tdm_buf shown;
    tdm_buf_init(&shown, job->allocator, SPARKPOST_LIST_MAX);
    tdm_mail_add_mailboxes(&shown, mail->to, 0);
    json->failed |= shown.failed;
    for (size_t i = 0; sparkpost_needs_mime(job) && i < mail->recipient_count; i++) {
        sparkpost_append(json, job, array, mail->recipients[i], NULL, tags);
    }
    for (int k = 0; !sparkpost_needs_mime(job) && k < 3; k++) {
        for (size_t i = 0; i < lists[k]->count; i++) {
            sparkpost_append(json, job, array, lists[k]->items[i].spec, tdm_buf_text(&shown), tags);
        }
    }
    tdm_buf_clear(&shown);
    tdm_json_put(json, root, "recipients", array);
}

/* Names that SparkPost does not take there, or has in a place of their own. */
static void sparkpost_put_headers(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *content, struct tidymail_error *error)
{
    static const char *const refused[] = {"Subject", "From", "To",        "Reply-To",
                                          "Cc",      "Bcc",  "Content-*", NULL};
    json_t *headers = tdm_json_object(json);
    tdm_build_put_headers(json, job, headers, refused, error);
    tdm_build_put_mailbox_list(json, job, headers, "Cc", job->mail->cc, 0);
    tdm_build_put_filled(json, content, "headers", headers);
}

static void sparkpost_put_files(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *content, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    json_t *lists[] = {tdm_json_array(json), tdm_json_array(json)};
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        const char *name = file->is_inline && file->content_id != NULL ? file->content_id
                                                                       : tdm_build_file_name(file);
        json_t *object = tdm_json_object(json);
        tdm_build_check_length(job, "file name", name, SPARKPOST_FILE_NAME_MAX, error);
        tdm_json_put_text(json, object, "name", name);
        tdm_json_put_text(json, object, "type", file->type);
        tdm_json_put_base64(json, object, "data", file->bytes.data, file->bytes.length);
        tdm_json_append(json, lists[file->is_inline != 0], object);
    }
    tdm_build_put_filled(json, content, "attachments", lists[0]);
    tdm_build_put_filled(json, content, "inline_images", lists[1]);
}

static int sparkpost_has_braces(const char *text)
{
    return text != NULL && strstr(text, "{{") != NULL;
}

/* The message says what it says: nothing is filled in that was not asked for. */
static void sparkpost_keep_braces(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *options, const char *mime)
{
    const struct tdm_mail *mail = job->mail;
    int has_braces = sparkpost_has_braces(mime) || sparkpost_has_braces(mail->subject) ||
                     sparkpost_has_braces(mail->text) || sparkpost_has_braces(mail->html);
    for (size_t i = 0; i < mail->field_count; i++) {
        has_braces |= sparkpost_has_braces(mail->fields[i].value);
    }
    if (has_braces && tdm_provider_option(job, "substitution-data") == NULL) {
        tdm_json_put_flag(json, options, "perform_substitutions", 0);
    }
}

static void sparkpost_put_content(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *content, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    if (tdm_build_lost_in_fields(job) != TDM_FEATURE_COUNT) {
        tdm_build_refuse_beside(job, "the option amp-html", error);
    }
    tdm_json_put(json, content, "from", tdm_build_mailbox_text(json, job, mail->from, 0));
    tdm_json_put_text(json, content, "subject", mail->subject);
    tdm_build_put_some(json, content, "text", mail->text);
    tdm_build_put_some(json, content, "html", mail->html);
    tdm_build_put_mailbox_list(json, job, content, "reply_to", mail->reply_to, 0);
    sparkpost_put_headers(json, job, content, error);
    sparkpost_put_files(json, job, content, error);
}

static void sparkpost_put_mime(struct tdm_json *json, const struct tdm_provider_job *job,
                               json_t *content, json_t *options, struct tidymail_error *error)
{
    struct tdm_buf mime;
    tdm_buf_init(&mime, job->allocator, TDM_HTTP_BODY_MAX);
    if (tdm_provider_option(job, "amp-html") != NULL) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "option amp-html: SparkPost does not take this with a message that goes as "
                      "MIME",
                      NULL);
    }
    if (error->kind == TIDYMAIL_OK) {
        tdm_mail_read_raw(job->mail, 0, &mime, error);
    }
    if (tdm_utf8_find_invalid(tdm_buf_text(&mime), mime.length) < mime.length) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "message: SparkPost takes a ready-made message as text, and this one holds "
                      "bytes that are not UTF-8",
                      "encode its parts as base64 or quoted-printable");
    }
    sparkpost_keep_braces(json, job, options, tdm_buf_text(&mime));
    if (error->kind == TIDYMAIL_OK) {
        tdm_json_put_buf(json, content, "email_rfc822", &mime);
    }
    tdm_buf_clear(&mime);
}

/* A stored template has all but the recipients. */
static void sparkpost_put_template(struct tdm_json *json, const struct tdm_provider_job *job,
                                   json_t *root, json_t *content, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    const char *what = mail->text != NULL || mail->html != NULL ? "text or HTML"
                       : mail->subject[0] != '\0'               ? "subject"
                       : mail->file_count > 0                   ? "attachments"
                       : mail->field_count > 0                  ? "header fields"
                       : mail->reply_to->count > 0              ? "Reply-To"
                       : mail->cc->count > 0                    ? "Cc"
                       : sparkpost_needs_mime(job)              ? "MIME"
                                                                : NULL;
    if (what != NULL) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "template: SparkPost takes no %s beside it", what);
        tdm_text_set(&error->allocator, &error->hint,
                     "leave that out, it is the template's; or leave the template out");
    }
    tdm_json_put_text(json, content, "template_id", mail->service->template_id);
    tdm_build_put_filled(json, root, "substitution_data",
                         tdm_json_template_values(json, mail, error));
}

static void sparkpost_check(const struct tdm_provider_job *job, struct tidymail_error *error)
{
    const struct tdm_service_pairs *metadata = &job->mail->service->metadata;
    const char *campaign = tdm_provider_option(job, "campaign-id");
    const char *description = tdm_provider_option(job, "description");
    const char *transactional = tdm_provider_option(job, "transactional");
    size_t size = 0;
    if (tdm_mail_field(job->mail, "List-Unsubscribe") != NULL &&
        (transactional == NULL || strcmp(transactional, "yes") != 0)) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "header field List-Unsubscribe: SparkPost puts its own in its place",
                      "leave it out, or keep it with the option transactional=yes");
    }
    for (size_t i = 0; i < metadata->count; i++) {
        size += strlen(metadata->items[i].name) + strlen(metadata->items[i].value) + 6;
    }
    if (size > SPARKPOST_METADATA_MAX) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "metadata: SparkPost takes 10 KB at most", NULL);
    }
    if (campaign != NULL && strlen(campaign) > SPARKPOST_CAMPAIGN_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "option campaign-id: SparkPost takes %d bytes at most",
                       SPARKPOST_CAMPAIGN_MAX);
    }
    if (description != NULL && strlen(description) > SPARKPOST_DESCRIPTION_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "option description: SparkPost takes %d bytes at most",
                       SPARKPOST_DESCRIPTION_MAX);
    }
}

static void sparkpost_put_service(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *root, json_t *options, struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    sparkpost_check(job, error);
    if (tdm_provider_wants(job, TDM_FEATURE_METADATA)) {
        tdm_json_put(json, root, "metadata", tdm_json_metadata(json, job->mail));
    }
    if (service->track_opens != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_flag(json, options, "open_tracking",
                          service->track_opens == TIDYMAIL_TRACKING_ON);
    }
    if (service->track_clicks != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_flag(json, options, "click_tracking",
                          service->track_clicks == TIDYMAIL_TRACKING_ON);
    }
    if (tdm_provider_wants(job, TDM_FEATURE_SCHEDULE)) {
        char date[TDM_BUILD_DATE_MAX];
        struct tdm_buf text;
        tdm_build_check_send_at(job, SPARKPOST_AHEAD_S, "3 days", error);
        tdm_build_date(service->send_at, 'T', date);
        tdm_buf_init(&text, job->allocator, 64);
        tdm_buf_addf(&text, "%s+00:00", date);
        tdm_json_put_buf(json, options, "start_time", &text);
    }
}

/* One tag is the campaign; several, and one that is too long for that, are tags of each recipient. */
static json_t *sparkpost_tags(struct tdm_json *json, const struct tdm_provider_job *job,
                              json_t *root)
{
    const struct tdm_service_wishes *service = job->mail->service;
    if (!tdm_provider_wants(job, TDM_FEATURE_TAGS)) {
        return NULL;
    }
    if (service->tag_count == 1 && strlen(service->tags[0]) <= SPARKPOST_CAMPAIGN_MAX &&
        tdm_provider_option(job, "campaign-id") == NULL) {
        tdm_json_put_text(json, root, "campaign_id", service->tags[0]);
        return NULL;
    }
    return tdm_json_tags(json, job->mail);
}

static void sparkpost_put_return_path(struct tdm_json *json, const struct tdm_mail *mail,
                                      json_t *root, struct tidymail_error *error)
{
    const char *reverse = mail->message->envelope_from.spec;
    if (reverse != NULL && reverse[0] == '\0') {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "envelope: SparkPost does not send with an empty reverse-path", NULL);
    } else if (reverse != NULL) {
        tdm_json_put_text(json, root, "return_path", reverse);
    }
}

static int sparkpost_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                           struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {
        {"", "https://api.sparkpost.com"}, {"eu", "https://api.eu.sparkpost.com"}, {0}};
    const struct tdm_mail *mail = job->mail;
    const char *subaccount = tdm_provider_option(job, "subaccount");
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    struct tdm_json json = {0};
    json_t *root = tdm_json_object(&json);
    json_t *content = tdm_json_object(&json);
    json_t *options = tdm_json_object(&json);
    json_t *tags = sparkpost_tags(&json, job, root);
    sparkpost_put_recipients(&json, job, root, tags);
    json_decref(tags);
    if (mail->service->template_id != NULL) {
        sparkpost_put_template(&json, job, root, content, error);
    } else if (sparkpost_needs_mime(job)) {
        sparkpost_put_mime(&json, job, content, options, error);
    } else {
        sparkpost_put_content(&json, job, content, error);
        sparkpost_keep_braces(&json, job, options, NULL);
    }
    tdm_json_put(&json, root, "content", content);
    sparkpost_put_return_path(&json, mail, root, error);
    sparkpost_put_service(&json, job, root, options, error);
    tdm_build_put_filled(&json, root, "options", options);
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
     "check the key in the URL, and its region: an account of the EU wants region=eu, and no other "
     "does"},
    {403, NULL, "suspend", TDM_MEANS_ACCOUNT, NULL},
    {403, NULL, "Forbidden.", TDM_MEANS_PERMISSION,
     "give the key the right Transmissions: Read/Write, and check the option subaccount"},
    {0, "7001", NULL, TDM_MEANS_SENDER, NULL},
    {4, NULL, "sending domain", TDM_MEANS_SENDER, NULL},
    {0, "5002", NULL, TDM_MEANS_RECIPIENT, NULL},
    {0, "2103", NULL, TDM_MEANS_QUOTA, "the sandbox domain sends five messages in all"},
    {0, "2102", NULL, TDM_MEANS_QUOTA_PERIOD, NULL},
    {0, "2105", NULL, TDM_MEANS_QUOTA_PERIOD, NULL},
    {420, NULL, NULL, TDM_MEANS_QUOTA_PERIOD, NULL},
    {0, "1502", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "1900", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "1603", NULL, TDM_MEANS_NOT_FOUND, "check the template's name, and that it is published"},
    {0, "3000", NULL, TDM_MEANS_DATA, "the template or its values have an error: see its words"},
    {0, "3001", NULL, TDM_MEANS_DATA, "the template or its values have an error: see its words"},
};

/* Why one recipient was refused. */
static const struct tdm_answer_row sparkpost_recipient_rows[] = {
    {0, "1902", NULL, TDM_MEANS_SUPPRESSED, NULL},
    {0, NULL, "suppress", TDM_MEANS_SUPPRESSED, NULL},
    {0, NULL, NULL, TDM_MEANS_RECIPIENT, NULL},
};

#define SPARKPOST_ROWS (sizeof(sparkpost_rows) / sizeof(sparkpost_rows[0]))
#define SPARKPOST_RECIPIENT_ROWS                                                                   \
    (sizeof(sparkpost_recipient_rows) / sizeof(sparkpost_recipient_rows[0]))

/* An error's words and code; the code is a text, or a number. */
static void sparkpost_read(const json_t *error, struct tdm_buf *words, struct tdm_buf *code)
{
    const char *message = tdm_json_text_at(error, "message");
    const char *description = tdm_json_text_at(error, "description");
    const json_t *number = json_object_get(error, "code");
    tdm_buf_addf(words, "%s%s%s", message != NULL ? message : "",
                 message != NULL && description != NULL ? ": " : "",
                 description != NULL ? description : "");
    if (json_is_integer(number)) {
        tdm_buf_addf(code, "%l", (int64_t)json_integer_value(number));
    } else if (json_is_string(number)) {
        tdm_buf_add_str(code, json_string_value(number));
    }
}

static int sparkpost_is_part(char c)
{
    return tdm_is_alnum(c) || (c != '\0' && strchr("-_.+@", c) != NULL);
}

/* The address stands in the words, and is not a part of another. */
static int sparkpost_names(const char *words, const char *address)
{
    size_t length = strlen(address);
    for (const char *at = words; *at != '\0'; at++) {
        const char *end = at + length;
        if (tdm_starts_nocase(at, strlen(at), address) &&
            (at == words || !sparkpost_is_part(at[-1])) &&
            (!sparkpost_is_part(*end) || (*end == '.' && !sparkpost_is_part(end[1])))) {
            return 1;
        }
    }
    return 0;
}

/* Refuses those that `error` names, all that are open where `all` is set. How many. */
static size_t sparkpost_refuse_some(const struct tdm_provider_job *job, int status,
                                    const json_t *error, int all, tidymail_report *report)
{
    struct tdm_buf words;
    struct tdm_buf code;
    size_t count = 0;
    tdm_buf_init(&words, job->allocator, SPARKPOST_WORDS_MAX);
    tdm_buf_init(&code, job->allocator, SPARKPOST_WORDS_MAX);
    sparkpost_read(error, &words, &code);
    struct tdm_answer answer = {status, code.length > 0 ? tdm_buf_text(&code) : NULL,
                                words.length > 0 ? tdm_buf_text(&words) : NULL, -1};
    for (size_t i = 0; i < report->recipient_count; i++) {
        if (!report->recipients[i].decided &&
            (all || sparkpost_names(tdm_buf_text(&words), report->recipients[i].address))) {
            tdm_answer_refuse_one(job, sparkpost_recipient_rows, SPARKPOST_RECIPIENT_ROWS, &answer,
                                  i, report);
            count++;
        }
    }
    tdm_buf_clear(&words);
    tdm_buf_clear(&code);
    return count;
}

/* Some were refused: which, it says in words, if at all. */
static void sparkpost_take_results(const struct tdm_provider_job *job,
                                   const struct tdm_http_response *response, const json_t *results,
                                   tidymail_report *report)
{
    const json_t *errors = json_object_get(results, "rcpt_to_errors");
    const json_t *accepted = json_object_get(results, "total_accepted_recipients");
    json_int_t refused = json_integer_value(json_object_get(results, "total_rejected_recipients"));
    const char *id = tdm_json_text_at(results, "id");
    int none = json_is_integer(accepted) && json_integer_value(accepted) == 0;
    json_int_t found = 0;
    if (id == NULL || id[0] == '\0' || (none && refused == 0)) {
        tdm_answer_unclear(job, response, "no id of a transmission is in the answer", report);
        return;
    }
    for (size_t i = 0; refused > 0 && i < json_array_size(errors); i++) {
        found += (json_int_t)sparkpost_refuse_some(job, response->status, json_array_get(errors, i),
                                                   0, report);
    }
    if (none) {
        sparkpost_refuse_some(job, response->status, json_array_get(errors, 0), 1, report);
    } else if (found >= refused) {
        tdm_answer_sent(report, response->status, id);
    } else {
        tdm_answer_unclear(job, response, "it does not say which recipients it refused", report);
        tdm_text_set(&report->allocator, &report->service_id, id);
    }
}

static void sparkpost_parse(const struct tdm_provider_job *job,
                            const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    if (response->status / 100 == 2) {
        sparkpost_take_results(job, response, json_object_get(body, "results"), report);
    } else if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, sparkpost_rows, SPARKPOST_ROWS, response, report);
    } else {
        struct tdm_buf words;
        struct tdm_buf code;
        tdm_buf_init(&words, job->allocator, SPARKPOST_WORDS_MAX);
        tdm_buf_init(&code, job->allocator, SPARKPOST_WORDS_MAX);
        sparkpost_read(tdm_json_at(body, "errors/0"), &words, &code);
        struct tdm_answer answer = {response->status, code.length > 0 ? tdm_buf_text(&code) : NULL,
                                    words.length > 0 ? tdm_buf_text(&words) : NULL,
                                    tdm_answer_retry_after(response, job->now_s)};
        tdm_answer_refuse(job, sparkpost_rows, SPARKPOST_ROWS, &answer, report);
        tdm_buf_clear(&words);
        tdm_buf_clear(&code);
    }
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
                            TDM_CAN_INLINE | TDM_CAN_INLINE_NAMES | TDM_CAN_PART_FIELDS |
                            TDM_CAN_GROUPS | TDM_CAN_CALENDAR | TDM_CAN_RAW | TDM_CAN_ENVELOPE |
                            TDM_CAN_SMTPUTF8 | TDM_CAN_TAGS | TDM_CAN_METADATA | TDM_CAN_TRACKING |
                            TDM_CAN_SCHEDULE | TDM_CAN_TEMPLATE | TDM_CAN_SANDBOX,
                     .max_size = 20 * 1024 * 1024,
                     .max_tags = 10},
    .options = sparkpost_options,
    .build = sparkpost_build,
    .parse = sparkpost_parse,
};
