/*
 * mandrill.c: Mandrill (Mailchimp Transactional), POST /api/1.0/messages/send.json, send-template.json
 * and, for what only MIME can say, send-raw.json.
 *
 * What is special: the key is a member of the body; a status for each recipient, so that 200 can hide
 * refusals; an image has one place for its name and its Content-ID, so that one with a name goes as MIME,
 * where tags and the like are header fields, as over SMTP (send-raw takes a message "exactly as if it were
 * sent through" its SMTP servers); errors are told apart by their name, for their numbers mean two things each. Addresses in
 * UTF-8 are refused here: Mandrill sends to them with a To field that is not right (seen by the
 * django-anymail project).
 */
#include <string.h>

#include <tidymail/service.h>

#include "provider/answer.h"
#include "provider/build_parts.h"
#include "util/str.h"
#include "util/utf8.h"

#define MANDRILL_TAG_MAX 50
#define MANDRILL_LINE_MAX 960
#define MANDRILL_AHEAD_S (INT64_C(365) * 86400)

static const struct tdm_service_option mandrill_options[] = {
    {"async", TDM_OPTION_BOOLEAN, "async", "yes: accepted at once, checked later"},
    {"auto-html", TDM_OPTION_BOOLEAN, "message/auto_html", "yes: HTML is made of the text"},
    {"auto-text", TDM_OPTION_BOOLEAN, "message/auto_text", "yes: text is made of the HTML"},
    {"bcc-address", TDM_OPTION_TEXT, "message/bcc_address", "an address that gets a copy of all"},
    {"global-merge-vars", TDM_OPTION_JSON, "message/global_merge_vars",
     "values for the body: [{\"name\", \"content\"}]"},
    {"google-analytics-campaign", TDM_OPTION_TEXT, "message/google_analytics_campaign",
     "utm_campaign of the links"},
    {"google-analytics-domains", TDM_OPTION_JSON, "message/google_analytics_domains",
     "domains whose links get Google Analytics parameters: [\"example.com\"]"},
    {"important", TDM_OPTION_BOOLEAN, "message/important", "yes: ahead of other messages"},
    {"inline-css", TDM_OPTION_BOOLEAN, "message/inline_css",
     "yes: style sheets become style attributes"},
    TDM_BUILD_INLINE_NAMES,
    {"ip-pool", TDM_OPTION_TEXT, "ip_pool", "the pool of dedicated addresses to send from"},
    {"merge", TDM_OPTION_BOOLEAN, "message/merge", "no: nothing is filled in"},
    {"merge-language", TDM_OPTION_TEXT, "message/merge_language", "mailchimp or handlebars"},
    {"merge-vars", TDM_OPTION_JSON, "message/merge_vars",
     "values for each recipient: [{\"rcpt\", \"vars\"}]"},
    {"preserve-recipients", TDM_OPTION_BOOLEAN, "message/preserve_recipients",
     "no: each recipient sees the own address only"},
    {"recipient-metadata", TDM_OPTION_JSON, "message/recipient_metadata",
     "metadata for each recipient: [{\"rcpt\", \"values\"}]"},
    {"return-path-domain", TDM_OPTION_TEXT, NULL, "the domain of the reverse-path"},
    {"signing-domain", TDM_OPTION_TEXT, "message/signing_domain", "the domain that signs (DKIM)"},
    {"subaccount", TDM_OPTION_TEXT, "message/subaccount", "the subaccount that sends"},
    {"template-content", TDM_OPTION_JSON, "template_content",
     "editable parts of the template: [{\"name\", \"content\"}]"},
    {"tracking-domain", TDM_OPTION_TEXT, "message/tracking_domain",
     "the domain of links that are tracked"},
    {"url-strip-qs", TDM_OPTION_BOOLEAN, "message/url_strip_qs",
     "yes: statistics count links without their query"},
    {"view-content-link", TDM_OPTION_BOOLEAN, "message/view_content_link",
     "no: the content is not logged"},
    {0},
};

/* Options that are header fields of a message that goes as MIME:
 * mailchimp.com/developer/transactional/docs/smtp-integration. */
static const char *const mandrill_mime_options[][2] = {
    {"auto-html", "X-MC-AutoHtml"},
    {"auto-text", "X-MC-Autotext"},
    {"bcc-address", "X-MC-BccAddress"},
    {"google-analytics-campaign", "X-MC-GoogleAnalyticsCampaign"},
    {"important", "X-MC-Important"},
    {"inline-css", "X-MC-InlineCSS"},
    {"preserve-recipients", "X-MC-PreserveRecipients"},
    {"signing-domain", "X-MC-SigningDomain"},
    {"subaccount", "X-MC-Subaccount"},
    {"tracking-domain", "X-MC-TrackingDomain"},
    {"url-strip-qs", "X-MC-URLStripQS"},
    {"view-content-link", "X-MC-ViewContentLink"},
};

#define MANDRILL_MIME_OPTIONS (sizeof(mandrill_mime_options) / sizeof(mandrill_mime_options[0]))

/* The option has no place in MIME. */
static int mandrill_is_fields_only(const struct tdm_service_option *option)
{
    for (size_t i = 0; i < MANDRILL_MIME_OPTIONS; i++) {
        if (strcmp(option->name, mandrill_mime_options[i][0]) == 0) {
            return 0;
        }
    }
    return option->path != NULL && (strncmp(option->path, "message/", 8) == 0 ||
                                    strcmp(option->path, "template_content") == 0);
}

/* X-MC-Track says both, and what it does not name is off. */
static int mandrill_tracks_one(const struct tdm_service_wishes *service)
{
    return (service->track_opens == TIDYMAIL_TRACKING_DEFAULT) !=
           (service->track_clicks == TIDYMAIL_TRACKING_DEFAULT);
}

/* What MIME has no place for, in the way of an image's name; NULL: nothing. */
static const char *mandrill_keeps_fields(const struct tdm_provider_job *job)
{
    for (const struct tdm_service_option *at = mandrill_options; at->name != NULL; at++) {
        if (mandrill_is_fields_only(at) && tdm_provider_option(job, at->name) != NULL) {
            return at->name;
        }
    }
    return job->mail->service->template_id != NULL     ? "a template"
           : mandrill_tracks_one(job->mail->service)   ? "a switch for opens or clicks alone"
           : tdm_provider_option(job, "extra") != NULL ? "extra"
                                                       : NULL;
}

/* Inline files that are no images, recipients of the envelope, a Sender and invitations have no
 * place in the JSON. */
static int mandrill_needs_mime(const struct tdm_provider_job *job)
{
    const struct tdm_mail *mail = job->mail;
    if (mail->needs_raw || mail->sender != NULL || mail->calendar != NULL ||
        mail->message->envelope_to.count > 0 ||
        (tdm_build_lost_in_fields(job) != TDM_FEATURE_COUNT &&
         mandrill_keeps_fields(job) == NULL)) {
        return 1;
    }
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        if (file->is_inline &&
            !tdm_starts_nocase(file->media_type, strlen(file->media_type), "image/")) {
            return 1;
        }
    }
    return 0;
}

/* Mandrill makes the local part of the reverse-path itself; the domain is ours to choose. */
static void mandrill_put_return_path(struct tdm_json *json, const struct tdm_provider_job *job,
                                     json_t *object, struct tidymail_error *error)
{
    const char *option = tdm_provider_option(job, "return-path-domain");
    const char *given = job->mail->message->envelope_from.spec;
    if (given != NULL && given[0] == '\0') {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "envelope: Mandrill does not send with an empty reverse-path", NULL);
    } else if (option != NULL || given != NULL) {
        tdm_json_put_text(json, object, "return_path_domain",
                          option != NULL ? option : tdm_mailbox_domain(given));
    }
}

static void mandrill_put_send_at(struct tdm_json *json, const struct tdm_provider_job *job,
                                 json_t *root, struct tidymail_error *error)
{
    char date[TDM_BUILD_DATE_MAX];
    if (tdm_provider_wants(job, TDM_FEATURE_SCHEDULE)) {
        tdm_build_check_send_at(job, MANDRILL_AHEAD_S, "one year", error);
        tdm_build_date(job->mail->service->send_at, ' ', date);
        tdm_json_put_text(json, root, "send_at", date);
    }
}

static void mandrill_append_to(struct tdm_json *json, json_t *array,
                               const struct tdm_mailbox_list *list, const char *type)
{
    for (size_t i = 0; i < list->count; i++) {
        json_t *object = tdm_json_mailbox(json, &list->items[i], "email", "name");
        tdm_json_put_text(json, object, "type", type);
        tdm_json_append(json, array, object);
    }
}

static void mandrill_put_people(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *message, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    json_t *to = tdm_json_array(json);
    json_t *headers = tdm_json_object(json);
    tdm_json_put_text(json, message, "from_email", mail->from->spec);
    tdm_build_put_some(json, message, "from_name", mail->from->name);
    mandrill_append_to(json, to, mail->to, "to");
    mandrill_append_to(json, to, mail->cc, "cc");
    mandrill_append_to(json, to, mail->bcc, "bcc");
    tdm_json_put(json, message, "to", to);
    if (mail->reply_to->count > 0) {
        struct tdm_buf list;
        tdm_buf_init(&list, job->allocator, TDM_HTTP_BODY_MAX);
        tdm_mail_add_mailboxes(&list, mail->reply_to, 0);
        tdm_json_put_buf(json, headers, "Reply-To", &list);
    }
    tdm_build_put_headers(json, job, headers, NULL, error);
    tdm_build_put_filled(json, message, "headers", headers);
}

static void mandrill_put_files(struct tdm_json *json, const struct tdm_mail *mail, json_t *message)
{
    json_t *lists[] = {tdm_json_array(json), tdm_json_array(json)};
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        const char *name =
            file->is_inline && file->content_id != NULL ? file->content_id : file->name;
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "type", file->is_inline ? file->media_type : file->type);
        tdm_json_put_text(json, object, "name", name != NULL ? name : "");
        tdm_json_put_base64(json, object, "content", file->bytes.data, file->bytes.length);
        tdm_json_append(json, lists[file->is_inline != 0], object);
    }
    tdm_build_put_filled(json, message, "attachments", lists[0]);
    tdm_build_put_filled(json, message, "images", lists[1]);
}

static void mandrill_check_tags(const struct tdm_mail *mail, struct tidymail_error *error)
{
    for (size_t i = 0; i < mail->service->tag_count; i++) {
        const char *tag = mail->service->tags[i];
        if (tag[0] == '_' || tdm_build_characters(tag) > MANDRILL_TAG_MAX) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "tags: Mandrill takes %d characters, and none with _ in front",
                           MANDRILL_TAG_MAX);
        }
    }
}

/* {name: value} as [{"name": name, "content": value}]. */
static void mandrill_put_values(struct tdm_json *json, const struct tdm_mail *mail, json_t *message,
                                struct tidymail_error *error)
{
    json_t *values = tdm_json_template_values(json, mail, error);
    json_t *array = tdm_json_array(json);
    const char *name;
    json_t *value;
    json_object_foreach(values, name, value)
    {
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "name", name);
        tdm_json_put(json, object, "content", json_incref(value));
        tdm_json_append(json, array, object);
    }
    tdm_build_put_filled(json, message, "global_merge_vars", array);
    json_decref(values);
}

static void mandrill_put_service(struct tdm_json *json, const struct tdm_provider_job *job,
                                 json_t *root, json_t *message, struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    if (tdm_provider_wants(job, TDM_FEATURE_TAGS)) {
        mandrill_check_tags(job->mail, error);
        tdm_json_put(json, message, "tags", tdm_json_tags(json, job->mail));
    }
    if (tdm_provider_wants(job, TDM_FEATURE_METADATA)) {
        tdm_json_put(json, message, "metadata", tdm_json_metadata(json, job->mail));
    }
    if (service->track_opens != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_flag(json, message, "track_opens",
                          service->track_opens == TIDYMAIL_TRACKING_ON);
    }
    if (service->track_clicks != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_flag(json, message, "track_clicks",
                          service->track_clicks == TIDYMAIL_TRACKING_ON);
    }
    if (service->template_id != NULL) {
        tdm_json_put_text(json, root, "template_name", service->template_id);
        tdm_json_put(json, root, "template_content", tdm_json_array(json));
        mandrill_put_values(json, job->mail, message, error);
    }
}

/* What a message that goes as MIME has no place for. */
static void mandrill_check_mime(const struct tdm_provider_job *job, struct tidymail_error *error)
{
    static const char words[] = "Mandrill does not take this with a message that goes as MIME";
    if (job->mail->service->template_id != NULL) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "%s: %s",
                       tdm_feature_words(TDM_FEATURE_TEMPLATE), words);
    }
    if (mandrill_tracks_one(job->mail->service)) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: of opens or clicks alone: %s", tdm_feature_words(TDM_FEATURE_TRACKING),
                       words);
    }
    for (const struct tdm_service_option *at = mandrill_options; at->name != NULL; at++) {
        const char *value = tdm_provider_option(job, at->name);
        if (value != NULL && mandrill_is_fields_only(at)) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "option %s: %s",
                           at->name, words);
        }
    }
}

/* A field of ASCII on lines of 998 characters at most (RFC 5322 2.1.1). */
static void mandrill_add_field(struct tdm_buf *out, const char *name, const char *value,
                               const char *what, struct tidymail_error *error)
{
    size_t length = strlen(value);
    if (tdm_has_8bit(value, length) || tdm_find_control(value, length) < length ||
        length > MANDRILL_LINE_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: Mandrill takes one line of ASCII with a message that goes as MIME",
                       what);
    }
    tdm_buf_addf(out, "%s%s\r\n", name, value);
}

static void mandrill_add_tags(struct tdm_buf *out, const struct tdm_provider_job *job,
                              struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    mandrill_check_tags(job->mail, error);
    for (size_t i = 0; i < service->tag_count; i++) {
        if (strchr(service->tags[i], ',') != NULL) {
            tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                          "tags: Mandrill parts them by commas with a message that goes as MIME, "
                          "so none may be in a tag",
                          NULL);
        }
        mandrill_add_field(out, i == 0 ? "X-MC-Tags: " : " ,", service->tags[i], "tags", error);
    }
}

static int mandrill_take(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

/* A line for each member: blanks between them are no part of JSON. */
static void mandrill_add_metadata(struct tdm_buf *out, const struct tdm_provider_job *job,
                                  struct tidymail_error *error)
{
    const struct tdm_service_pairs *metadata = &job->mail->service->metadata;
    for (size_t i = 0; i < metadata->count; i++) {
        struct tdm_buf line;
        tdm_buf_init(&line, job->allocator, TDM_HEADER_TEXT_MAX);
        json_t *pair = json_object();
        line.failed |=
            json_object_set_new(pair, metadata->items[i].name,
                                json_string(metadata->items[i].value)) != 0 ||
            json_dump_callback(pair, mandrill_take, &line, JSON_COMPACT | JSON_ENSURE_ASCII) != 0;
        json_decref(pair);
        out->failed |= line.failed;
        if (!line.failed && line.length > 2) {
            line.data[line.length - 1] = i + 1 < metadata->count ? ',' : '}';
            mandrill_add_field(out, i == 0 ? "X-MC-Metadata: " : " ", tdm_buf_text(&line) + (i > 0),
                               "metadata", error);
        }
        tdm_buf_clear(&line);
    }
}

/* What stands in front of the message; Mandrill takes it out. */
static void mandrill_add_fields(struct tdm_buf *out, const struct tdm_provider_job *job,
                                struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    mandrill_add_tags(out, job, error);
    mandrill_add_metadata(out, job, error);
    if (tdm_provider_wants(job, TDM_FEATURE_TRACKING)) {
        int opens = service->track_opens == TIDYMAIL_TRACKING_ON;
        int clicks = service->track_clicks == TIDYMAIL_TRACKING_ON;
        tdm_buf_addf(out, "X-MC-Track: %s\r\n",
                     opens && clicks ? "opens,clicks"
                     : opens         ? "opens"
                     : clicks        ? "clicks"
                                     : "none");
    }
    for (size_t i = 0; i < MANDRILL_MIME_OPTIONS; i++) {
        const char *value = tdm_provider_option(job, mandrill_mime_options[i][0]);
        if (value != NULL) {
            tdm_buf_addf(out, "%s", mandrill_mime_options[i][1]);
            mandrill_add_field(out, ": ",
                               strcmp(value, "yes") == 0  ? "true"
                               : strcmp(value, "no") == 0 ? "false"
                                                          : value,
                               mandrill_mime_options[i][0], error);
        }
    }
}

static void mandrill_put_mime(struct tdm_json *json, const struct tdm_provider_job *job,
                              json_t *root, struct tidymail_error *error)
{
    struct tdm_buf mime;
    json_t *to = tdm_json_array(json);
    mandrill_check_mime(job, error);
    tdm_buf_init(&mime, job->allocator, TDM_HTTP_BODY_MAX);
    mandrill_add_fields(&mime, job, error);
    if (error->kind == TIDYMAIL_OK) {
        tdm_mail_read_raw(job->mail, 0, &mime, error);
    }
    if (tdm_utf8_find_invalid(tdm_buf_text(&mime), mime.length) < mime.length) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "message: Mandrill takes a ready-made message as text, and this one holds "
                      "bytes that are not UTF-8",
                      "encode its parts as base64 or quoted-printable");
    }
    for (size_t i = 0; i < job->mail->recipient_count; i++) {
        tdm_json_append_text(json, to, job->mail->recipients[i]);
    }
    if (error->kind == TIDYMAIL_OK) {
        tdm_json_put_buf(json, root, "raw_message", &mime);
    }
    tdm_buf_clear(&mime);
    tdm_json_put(json, root, "to", to);
    mandrill_put_return_path(json, job, root, error);
}

/* The options that became header fields are not members too; "message" is none of send-raw. */
static void mandrill_drop_members(const struct tdm_provider_job *job, json_t *root,
                                  struct tidymail_error *error)
{
    json_t *message = json_object_get(root, "message");
    for (const struct tdm_service_option *at = mandrill_options; at->name != NULL; at++) {
        if (at->path != NULL && strncmp(at->path, "message/", 8) == 0 &&
            tdm_provider_option(job, at->name) != NULL) {
            json_object_del(message, at->path + 8);
        }
    }
    if (json_object_size(message) > 0) {
        tdm_error_set(
            error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
            "option extra: Mandrill takes no \"message\" with a message that goes as MIME", NULL);
    }
    json_object_del(root, "message");
}

static int mandrill_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                          struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {{"", "https://mandrillapp.com"}, {0}};
    const struct tdm_mail *mail = job->mail;
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    const char *path = "/api/1.0/messages/send-raw.json";
    struct tdm_json json = {0};
    json_t *root = tdm_json_object(&json);
    tdm_json_put_text(&json, root, "key", job->account->key);
    if (mandrill_needs_mime(job)) {
        mandrill_put_mime(&json, job, root, error);
    } else {
        json_t *message = tdm_json_object(&json);
        tdm_json_put(&json, root, "message", message);
        path = mail->service->template_id != NULL ? "/api/1.0/messages/send-template.json"
                                                  : "/api/1.0/messages/send.json";
        mandrill_put_people(&json, job, message, error);
        tdm_build_put_some(&json, message, "subject", mail->subject);
        tdm_build_put_some(&json, message, "text", mail->text);
        tdm_build_put_some(&json, message, "html", mail->html);
        if (tdm_build_lost_in_fields(job) != TDM_FEATURE_COUNT) {
            tdm_build_refuse_beside(job, mandrill_keeps_fields(job), error);
        }
        mandrill_put_files(&json, mail, message);
        mandrill_put_return_path(&json, job, message, error);
        mandrill_put_service(&json, job, root, message, error);
    }
    mandrill_put_send_at(&json, job, root, error);
    tdm_json_put_options(&json, job, root, error);
    if (mandrill_needs_mime(job)) {
        mandrill_drop_members(job, root, error);
    }
    tdm_http_request_set_target(request, origin, path);
    tdm_http_request_add(request, "Accept", "application/json");
    return tdm_json_finish(&json, root, request, error);
}

static const struct tdm_answer_row mandrill_rows[] = {
    {0, "Invalid_Key", NULL, TDM_MEANS_CREDENTIALS, NULL},
    {0, "PaymentRequired", "scheduling", TDM_MEANS_QUOTA,
     "Mandrill schedules messages for accounts with a positive balance only"},
    {0, "PaymentRequired", NULL, TDM_MEANS_QUOTA, NULL},
    {0, "Unknown_Subaccount", NULL, TDM_MEANS_NOT_FOUND, "check the option subaccount"},
    {0, "Unknown_Template", NULL, TDM_MEANS_NOT_FOUND,
     "check the template's name: it is the slug, and the template must be published"},
    {0, "RequestLimitExceeded", NULL, TDM_MEANS_RATE, NULL},
    {0, "ServiceUnavailable", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "GeneralError", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "ValidationError", NULL, TDM_MEANS_DATA, NULL},
    {5, NULL, "Invalid API key", TDM_MEANS_CREDENTIALS, NULL},
};

/* Reasons why one recipient was rejected, and the status "invalid". */
static const struct tdm_answer_row mandrill_reject_rows[] = {
    {0, "hard-bounce", NULL, TDM_MEANS_SUPPRESSED, NULL},
    {0, "soft-bounce", NULL, TDM_MEANS_SUPPRESSED, NULL},
    {0, "spam", NULL, TDM_MEANS_SUPPRESSED, NULL},
    {0, "unsub", NULL, TDM_MEANS_SUPPRESSED,
     "the recipient has unsubscribed: send nothing more, or take the address off the rejection "
     "list"},
    {0, "custom", NULL, TDM_MEANS_SUPPRESSED, "the address was put on the rejection list by hand"},
    {0, "invalid-sender", NULL, TDM_MEANS_SENDER, NULL},
    {0, "unsigned", NULL, TDM_MEANS_SENDER,
     "verify the domain of From at Mandrill, with its SPF and DKIM records"},
    {0, "test-mode-limit", NULL, TDM_MEANS_QUOTA_PERIOD, "test keys send 10000 messages a day"},
    {0, "rule", NULL, TDM_MEANS_DATA, "a rule of the account rejects it (Settings, Rules)"},
    {0, NULL, NULL, TDM_MEANS_RECIPIENT, NULL},
};

#define MANDRILL_ROWS (sizeof(mandrill_rows) / sizeof(mandrill_rows[0]))
#define MANDRILL_REJECT_ROWS (sizeof(mandrill_reject_rows) / sizeof(mandrill_reject_rows[0]))

static int mandrill_is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return 1;
        }
    }
    return 0;
}

/* One entry for each recipient. What is not said stays open. */
static void mandrill_take_entries(const struct tdm_provider_job *job, const json_t *entries,
                                  const struct tdm_http_response *response, tidymail_report *report)
{
    static const char *const good[] = {"sent", "queued", "scheduled", NULL};
    static const char *const bad[] = {"rejected", "invalid", NULL};
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *status = tdm_json_text_at(entry, "status");
        const char *reason = tdm_json_text_at(entry, "reject_reason");
        size_t index = tdm_answer_recipient(report, tdm_json_text_at(entry, "email"));
        if (status == NULL || index == report->recipient_count ||
            report->recipients[index].decided) {
            continue;
        }
        if (mandrill_is_one_of(status, good)) {
            tdm_answer_sent_one(report, index, response->status, tdm_json_text_at(entry, "_id"));
        } else if (mandrill_is_one_of(status, bad)) {
            struct tdm_answer answer = {response->status, reason != NULL ? reason : status, NULL,
                                        -1};
            tdm_answer_refuse_one(job, mandrill_reject_rows, MANDRILL_REJECT_ROWS, &answer, index,
                                  report);
        }
    }
}

static int mandrill_all_decided(const tidymail_report *report)
{
    size_t i = 0;
    while (i < report->recipient_count && report->recipients[i].decided) {
        i++;
    }
    return i == report->recipient_count;
}

static void mandrill_parse(const struct tdm_provider_job *job,
                           const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const char *name = tdm_json_text_at(body, "name");
    if (response->status / 100 == 2 && name == NULL) {
        mandrill_take_entries(job, body, response, report);
        if (!mandrill_all_decided(report)) {
            tdm_answer_unclear(job, response, "not every recipient is in the answer", report);
        }
    } else if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, mandrill_rows, MANDRILL_ROWS, response, report);
    } else {
        struct tdm_answer answer = {response->status, name, tdm_json_text_at(body, "message"),
                                    tdm_answer_retry_after(response, job->now_s)};
        tdm_answer_refuse(job, mandrill_rows, MANDRILL_ROWS, &answer, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_mandrill = {
    .scheme = "mandrill",
    .url = "mandrill://KEY@",
    .page = "https://mailchimp.com/developer/transactional/api/messages/",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "Mandrill",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_SENDER |
                            TDM_CAN_HEADERS | TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS |
                            TDM_CAN_INLINE | TDM_CAN_INLINE_NAMES | TDM_CAN_PART_FIELDS |
                            TDM_CAN_GROUPS | TDM_CAN_CALENDAR | TDM_CAN_RAW | TDM_CAN_ENVELOPE |
                            TDM_CAN_TAGS | TDM_CAN_METADATA | TDM_CAN_TRACKING | TDM_CAN_SCHEDULE |
                            TDM_CAN_TEMPLATE,
                     .max_size = 25 * 1024 * 1024}, /* not in its documentation */
    .options = mandrill_options,
    .build = mandrill_build,
    .parse = mandrill_parse,
};
