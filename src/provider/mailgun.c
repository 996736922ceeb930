/*
 * mailgun.c: Mailgun, POST /v3/DOMAIN/messages (a form) and, for what only MIME can say,
 * /v3/DOMAIN/messages.mime.
 *
 * What is special: 401 is plain text; a wrong path answers 200 with the words "Mailgun Magnificent
 * API"; how long to wait stands in words; an inline image is found by its file name, so that one with
 * another name goes as MIME; a file without a name gets lost, so that each gets one; a name that is not
 * ASCII and holds punctuation gets mangled unless it is encoded (the last two seen by the
 * django-anymail project).
 */
#include <string.h>

#include <tidymail/service.h>

#include "provider/answer.h"
#include "provider/build_text.h"
#include "provider/form.h"
#include "util/date.h"
#include "util/str.h"

#define MAILGUN_TAG_MAX 128
#define MAILGUN_OPTIONS_MAX ((size_t)16 * 1024)
#define MAILGUN_AHEAD_S (INT64_C(7) * 86400)
#define MAILGUN_LIST_MAX ((size_t)1024 * 1024)

/* The path is the field's name. */
static const struct tdm_service_option mailgun_options[] = {
    {"amp-html", TDM_OPTION_TEXT, "amp-html", "the message as AMP for Email"},
    {"archive-to", TDM_OPTION_TEXT, "o:archive-to", "a URL that gets a copy of the message"},
    {"deliver-within", TDM_OPTION_TEXT, "o:deliver-within",
     "how long delivery is tried, such as 1h30m (5 minutes to 24 hours)"},
    {"deliverytime-optimize-period", TDM_OPTION_TEXT, "o:deliverytime-optimize-period",
     "the hours in which Mailgun chooses the best time, such as 24h"},
    {"dkim", TDM_OPTION_BOOLEAN, "o:dkim", "no: the message is not signed"},
    TDM_BUILD_INLINE_NAMES,
    {"recipient-variables", TDM_OPTION_JSON, "recipient-variables",
     "values for each recipient, who then gets a message of the own: {\"a@x.org\": {...}}"},
    {"require-tls", TDM_OPTION_BOOLEAN, "o:require-tls", "yes: delivered over TLS only"},
    {"secondary-dkim", TDM_OPTION_TEXT, "o:secondary-dkim",
     "a second domain and selector that sign: example.com/s1"},
    {"secondary-dkim-public", TDM_OPTION_TEXT, "o:secondary-dkim-public",
     "the name under which the second key is published"},
    {"sending-ip", TDM_OPTION_TEXT, "o:sending-ip", "the address to send from"},
    {"sending-ip-pool", TDM_OPTION_TEXT, "o:sending-ip-pool", "the pool of addresses to send from"},
    {"skip-verification", TDM_OPTION_BOOLEAN, "o:skip-verification",
     "yes: certificates of receiving servers are not checked"},
    {"suppress-headers", TDM_OPTION_TEXT, "o:suppress-headers",
     "header fields that Mailgun is not to add, or all"},
    {"template-text", TDM_OPTION_BOOLEAN, "t:text", "yes: text is made of the template too"},
    {"template-version", TDM_OPTION_TEXT, "t:version", "the template's version"},
    {"time-zone-localize", TDM_OPTION_TEXT, "o:time-zone-localize",
     "the time of day at the recipient, such as 09:00"},
    {"tracking", TDM_OPTION_TEXT, "o:tracking", "yes, no or htmlonly, for what has no own switch"},
    {"tracking-clicks", TDM_OPTION_TEXT, "o:tracking-clicks", "yes, no or htmlonly"},
    {"tracking-pixel-location-top", TDM_OPTION_BOOLEAN, "o:tracking-pixel-location-top",
     "yes: the tracking pixel stands at the top of the HTML"},
    {0},
};

/* "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified" */
static int mailgun_is_empty(const struct tdm_provider_job *job)
{
    const struct tdm_mail *mail = job->mail;
    return (mail->text == NULL || mail->text[0] == '\0') &&
           (mail->html == NULL || mail->html[0] == '\0') && mail->service->template_id == NULL &&
           tdm_provider_option(job, "amp-html") == NULL;
}

/* What MIME has no place for, in the way of an image's name; NULL: nothing. */
static const char *mailgun_keeps_fields(const struct tdm_provider_job *job)
{
    return job->mail->service->template_id != NULL        ? "a template"
           : tdm_provider_option(job, "amp-html") != NULL ? "the option amp-html"
           : tdm_provider_option(job, "recipient-variables") != NULL
               ? "the option recipient-variables"
               : NULL;
}

/* What the fields cannot say. */
static int mailgun_needs_mime(const struct tdm_provider_job *job)
{
    const struct tdm_mail *mail = job->mail;
    return mail->needs_raw || mail->sender != NULL || mail->calendar != NULL ||
           mail->message->envelope_to.count > 0 || mailgun_is_empty(job) ||
           (tdm_build_lost_in_fields(job) != TDM_FEATURE_COUNT &&
            mailgun_keeps_fields(job) == NULL);
}

static int mailgun_is_plain(const char *name)
{
    for (; *name != '\0'; name++) {
        if (!tdm_is_atext(*name) && *name != ' ' && (unsigned char)*name < 0x80) {
            return 0;
        }
    }
    return 1;
}

static void mailgun_add_mailbox(struct tdm_buf *out, const struct tdm_mailbox *mailbox)
{
    tdm_mail_add_mailbox(out, mailbox, mailbox->name != NULL && !mailgun_is_plain(mailbox->name));
}

static void mailgun_add_list(struct tdm_form *form, const char *name,
                             const struct tdm_mailbox_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct tdm_buf text;
        tdm_buf_init(&text, &form->request->allocator, MAILGUN_LIST_MAX);
        mailgun_add_mailbox(&text, &list->items[i]);
        tdm_form_add_buf(form, name, &text);
    }
}

static void mailgun_add_some(struct tdm_form *form, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        tdm_form_add(form, name, value);
    }
}

/* Adds prefix:name=value and counts it. */
static void mailgun_add_prefixed(struct tdm_form *form, const char *prefix, const char *name,
                                 const char *value)
{
    struct tdm_buf whole;
    tdm_buf_init(&whole, &form->request->allocator, TDM_HEADER_TEXT_MAX);
    tdm_buf_addf(&whole, "%s%s", prefix, name);
    form->request->failed |= whole.failed;
    if (!whole.failed) {
        tdm_form_add(form, tdm_buf_text(&whole), value);
    }
    tdm_buf_clear(&whole);
}

static void mailgun_add_people(struct tdm_form *form, const struct tdm_provider_job *job,
                               struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    struct tdm_buf text;
    tdm_build_require_to(job, error);
    tdm_buf_init(&text, job->allocator, MAILGUN_LIST_MAX);
    mailgun_add_mailbox(&text, mail->from);
    tdm_form_add_buf(form, "from", &text);
    mailgun_add_list(form, "to", mail->to);
    mailgun_add_list(form, "cc", mail->cc);
    mailgun_add_list(form, "bcc", mail->bcc);
    if (mail->reply_to->count > 0) {
        tdm_buf_init(&text, job->allocator, MAILGUN_LIST_MAX);
        for (size_t i = 0; i < mail->reply_to->count; i++) {
            tdm_buf_add_str(&text, i > 0 ? ", " : "");
            mailgun_add_mailbox(&text, &mail->reply_to->items[i]);
        }
        tdm_form_add_buf(form, "h:Reply-To", &text);
    }
}

static void mailgun_add_headers(struct tdm_form *form, const struct tdm_mail *mail,
                                struct tidymail_error *error)
{
    for (size_t i = 0; i < mail->field_count; i++) {
        const struct tdm_mail_field *field = &mail->fields[i];
        if (tdm_mail_field(mail, field->name) != field->value) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "header field %s: Mailgun takes it only once", field->name);
        }
        mailgun_add_prefixed(
            form, "h:", tdm_equal_nocase(field->name, "Message-ID") ? "Message-Id" : field->name,
            field->value);
    }
}

static void mailgun_add_files(struct tdm_form *form, const struct tdm_mail *mail)
{
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        const char *name = file->is_inline && file->content_id != NULL ? file->content_id
                                                                       : tdm_build_file_name(file);
        tdm_form_add_file(form, file->is_inline ? "inline" : "attachment", name, file->type,
                          tdm_buf_text(&file->bytes), file->bytes.length);
    }
}

static void mailgun_add_content(struct tdm_form *form, const struct tdm_provider_job *job,
                                struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    mailgun_add_people(form, job, error);
    mailgun_add_some(form, "subject", mail->subject);
    mailgun_add_some(form, "text", mail->text);
    mailgun_add_some(form, "html", mail->html);
    mailgun_add_headers(form, mail, error);
    mailgun_add_files(form, mail);
}

static void mailgun_add_mime(struct tdm_form *form, const struct tdm_provider_job *job,
                             struct tidymail_error *error)
{
    static const char *const lacking[] = {"amp-html", "recipient-variables"};
    const struct tdm_mail *mail = job->mail;
    struct tdm_buf mime;
    for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++) {
        if (tdm_provider_option(job, lacking[i]) != NULL) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "option %s: Mailgun does not take this with a message that goes as MIME",
                           lacking[i]);
        }
    }
    for (size_t i = 0; i < mail->recipient_count; i++) {
        tdm_form_add(form, "to", mail->recipients[i]);
    }
    tdm_buf_init(&mime, job->allocator, TDM_HTTP_BODY_MAX);
    if (error->kind == TIDYMAIL_OK && tdm_mail_read_raw(mail, 0, &mime, error) == TIDYMAIL_OK) {
        tdm_form_add_file(form, "message", "message.mime", "message/rfc822", tdm_buf_text(&mime),
                          mime.length);
    }
    tdm_buf_clear(&mime);
}

static void mailgun_add_tags(struct tdm_form *form, const struct tdm_provider_job *job,
                             struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    for (size_t i = 0; i < service->tag_count; i++) {
        const char *tag = service->tags[i];
        if (strlen(tag) > MAILGUN_TAG_MAX || tdm_has_8bit(tag, strlen(tag))) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "tags: Mailgun takes %d characters of ASCII at most", MAILGUN_TAG_MAX);
        }
        tdm_form_add(form, "o:tag", tag);
    }
}

static void mailgun_add_service(struct tdm_form *form, const struct tdm_provider_job *job,
                                struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    mailgun_add_tags(form, job, error);
    for (size_t i = 0; i < service->metadata.count; i++) {
        mailgun_add_prefixed(form, "v:", service->metadata.items[i].name,
                             service->metadata.items[i].value);
    }
    if (service->track_opens != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_form_add(form, "o:tracking-opens",
                     service->track_opens == TIDYMAIL_TRACKING_ON ? "yes" : "no");
    }
    if (service->track_clicks != TIDYMAIL_TRACKING_DEFAULT &&
        tdm_provider_option(job, "tracking-clicks") == NULL) {
        tdm_form_add(form, "o:tracking-clicks",
                     service->track_clicks == TIDYMAIL_TRACKING_ON ? "yes" : "no");
    }
    if (tdm_provider_wants(job, TDM_FEATURE_SCHEDULE)) {
        char date[TDM_DATE_MAX];
        tdm_build_check_send_at(job, MAILGUN_AHEAD_S, "7 days (with some plans 3)", error);
        tdm_date_format(service->send_at, date);
        tdm_form_add(form, "o:deliverytime", date);
    }
    if (service->template_id != NULL) {
        tdm_form_add(form, "template", service->template_id);
    }
    if (service->template_id != NULL && service->template_values != NULL) {
        struct tdm_json json = {0};
        json_decref(tdm_json_template_values(&json, job->mail, error)); /* an object? */
        tdm_form_add(form, "t:variables", service->template_values);
    }
    if (service->sandbox) {
        tdm_form_add(form, "o:testmode", "yes");
    }
}

static int mailgun_take(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

/* A text as it is, a list as several fields, all else as JSON. */
static void mailgun_add_extra(struct tdm_form *form, const char *name, const json_t *value)
{
    struct tdm_buf text;
    if (json_is_string(value)) {
        tdm_form_add(form, name, json_string_value(value));
        return;
    }
    tdm_buf_init(&text, &form->request->allocator, TDM_HTTP_BODY_MAX);
    text.failed =
        json_dump_callback(value, mailgun_take, &text, JSON_COMPACT | JSON_ENCODE_ANY) != 0;
    tdm_form_add_buf(form, name, &text);
}

static void mailgun_add_options(struct tdm_form *form, const struct tdm_provider_job *job,
                                struct tidymail_error *error)
{
    for (const struct tdm_service_option *at = mailgun_options; at->name != NULL; at++) {
        const char *value = at->path != NULL ? tdm_provider_option(job, at->name) : NULL;
        if (value != NULL) {
            tdm_form_add(form, at->path, value);
        }
    }
    const char *extra = tdm_provider_option(job, "extra");
    if (extra == NULL) {
        return;
    }
    json_t *object = json_loads(extra, JSON_REJECT_DUPLICATES, NULL);
    const char *name;
    json_t *value;
    if (!json_is_object(object)) { /* that it is JSON was checked */
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "option extra: not a JSON object", NULL);
    }
    json_object_foreach(object, name, value)
    {
        for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
            mailgun_add_extra(form, name, json_array_get(value, i));
        }
        if (!json_is_array(value)) {
            mailgun_add_extra(form, name, value);
        }
    }
    json_decref(object);
}

/* "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total" */
static void mailgun_check_options(const struct tdm_mail *mail, int is_mime,
                                  struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = mail->service;
    size_t size = service->template_values != NULL ? strlen(service->template_values) : 0;
    for (size_t i = 0; i < service->metadata.count; i++) {
        size += strlen(service->metadata.items[i].name) + 2;
        size += strlen(service->metadata.items[i].value);
    }
    for (size_t i = 0; i < mail->field_count && !is_mime; i++) {
        size += strlen(mail->fields[i].name) + 2 + strlen(mail->fields[i].value);
    }
    if (size > MAILGUN_OPTIONS_MAX) {
        tdm_error_set(
            error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
            "metadata: Mailgun takes 16 kB of header fields, metadata and template values "
            "together",
            NULL);
    }
}

static void mailgun_set_target(const struct tdm_provider_job *job, struct tdm_http_request *request,
                               const char *origin, int is_mime)
{
    struct tdm_buf path;
    tdm_buf_init(&path, job->allocator, 4096);
    tdm_buf_add_str(&path, "/v3/");
    tdm_http_escape(&path, job->account->host); /* the domain that sends */
    tdm_buf_add_str(&path, is_mime ? "/messages.mime" : "/messages");
    request->failed |= path.failed;
    tdm_http_request_set_target(request, origin, tdm_buf_text(&path));
    tdm_buf_clear(&path);
}

static int mailgun_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                         struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {{"", "https://api.mailgun.net"},
                                                      {"us", "https://api.mailgun.net"},
                                                      {"eu", "https://api.eu.mailgun.net"},
                                                      {0}};
    const struct tdm_mail *mail = job->mail;
    int is_mime = mailgun_needs_mime(job);
    const char *origin = tdm_build_origin(job, origins, error);
    struct tdm_form form;
    if (origin == NULL) {
        return error->kind;
    }
    mailgun_set_target(job, request, origin, is_mime);
    if (mail->message->envelope_from.spec != NULL) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "envelope: Mailgun makes the reverse-path itself",
                      "leave it out, bounces come back as events");
    }
    if (mail->from != NULL && tdm_has_8bit(mail->from->spec, strlen(mail->from->spec))) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "from: Mailgun takes no From address in UTF-8", NULL);
    }
    mailgun_check_options(mail, is_mime, error);
    tdm_form_begin(&form, job, request);
    if (is_mime) {
        mailgun_add_mime(&form, job, error);
    } else {
        if (tdm_build_lost_in_fields(job) != TDM_FEATURE_COUNT) {
            tdm_build_refuse_beside(job, mailgun_keeps_fields(job), error);
        }
        mailgun_add_content(&form, job, error);
    }
    mailgun_add_service(&form, job, error);
    mailgun_add_options(&form, job, error);
    tdm_form_end(&form);
    tdm_http_request_add_basic(request, "api", job->account->key);
    tdm_http_request_add(request, "Accept", "application/json");
    if (error->kind == TIDYMAIL_OK && request->failed) {
        tdm_provider_no_memory(error);
    }
    return error->kind;
}

#define MAILGUN_REGION_HINT                                                                        \
    "check the domain in the URL, and its region: one of the EU wants region=eu, and no other "    \
    "does"

/* There are no codes: the words decide. */
static const struct tdm_answer_row mailgun_rows[] = {
    {2, NULL, "Magnificent API", TDM_MEANS_NOT_FOUND,
     "check the domain and the endpoint in the URL: Mailgun answers so at a path it does not know"},
    {401, NULL, NULL, TDM_MEANS_CREDENTIALS,
     "check the key in the URL, and its region: one of the EU wants region=eu, and no other does"},
    {404, NULL, "Domain not found", TDM_MEANS_SENDER, MAILGUN_REGION_HINT},
    {4, NULL, "Sandbox subdomains", TDM_MEANS_SENDER,
     "a sandbox domain sends to authorized recipients only: add a domain of your own at Mailgun"},
    {4, NULL, "recipient limit exceeded|bytes limit exceeded|request limit exceeded",
     TDM_MEANS_QUOTA_PERIOD, NULL},
    {429, NULL, NULL, TDM_MEANS_RATE, NULL},
    {403, NULL, "large batches", TDM_MEANS_ACCOUNT,
     "a new domain sends to few recipients at a time: send smaller batches, or ask the service's "
     "support"},
    {403, NULL, "is not allowed to send|disabled|suspended", TDM_MEANS_ACCOUNT, NULL},
    {400, NULL, "from parameter is not a valid|'from' parameter is not a valid", TDM_MEANS_SENDER,
     NULL},
    {400, NULL, "parameter is not a valid address", TDM_MEANS_RECIPIENT, NULL},
};

#define MAILGUN_ROWS (sizeof(mailgun_rows) / sizeof(mailgun_rows[0]))

/* "try again after 120 seconds", "try again after Mon, 20 Dec 2021 20:33:21 UTC"; -1: neither. */
static int mailgun_wait(const char *message, int64_t now_s)
{
    static const char mark[] = "try again after ";
    const char *at = message != NULL ? strstr(message, mark) : NULL;
    int64_t then = 0;
    if (at == NULL) {
        return -1;
    }
    at += strlen(mark);
    size_t digits = strspn(at, "0123456789");
    if (digits > 0 && digits < 9 && strncmp(at + digits, " second", 7) == 0) {
        for (size_t i = 0; i < digits; i++) {
            then = then * 10 + (at[i] - '0');
        }
        return (int)then;
    }
    if (tdm_http_date(at, &then) != 0 || then - now_s > 999999999) {
        return -1;
    }
    return then > now_s ? (int)(then - now_s) : 0;
}

static void mailgun_parse(const struct tdm_provider_job *job,
                          const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const char *id = tdm_json_text_at(body, "id");
    struct tdm_answer answer = {response->status, NULL, tdm_json_text_at(body, "message"),
                                tdm_answer_retry_after(response, job->now_s)};
    if (response->status / 100 == 2) {
        if (id != NULL && id[0] != '\0') {
            tdm_answer_sent(report, response->status, id);
        } else if (strncmp(tdm_buf_text(&response->body), "Mailgun Magnificent API", 23) == 0) {
            answer.words = tdm_buf_text(&response->body);
            tdm_answer_refuse(job, mailgun_rows, MAILGUN_ROWS, &answer, report);
        } else {
            tdm_answer_unclear(job, response, "no id is in the answer", report);
        }
    } else if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, mailgun_rows, MAILGUN_ROWS, response, report);
    } else {
        if (answer.retry_after < 0 && response->status == 429) {
            answer.retry_after = mailgun_wait(answer.words, job->now_s);
        }
        tdm_answer_refuse(job, mailgun_rows, MAILGUN_ROWS, &answer, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_mailgun = {
    .scheme = "mailgun",
    .url = "mailgun://KEY@DOMAIN",
    .page = "https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages",
    .login = TDM_LOGIN_KEY,
    .needs_host = 1,
    .capabilities = {.name = "Mailgun",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_SENDER |
                            TDM_CAN_HEADERS | TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS |
                            TDM_CAN_INLINE | TDM_CAN_INLINE_NAMES | TDM_CAN_PART_FIELDS |
                            TDM_CAN_GROUPS | TDM_CAN_CALENDAR | TDM_CAN_RAW | TDM_CAN_ENVELOPE |
                            TDM_CAN_SMTPUTF8 | TDM_CAN_TAGS | TDM_CAN_METADATA | TDM_CAN_TRACKING |
                            TDM_CAN_SCHEDULE | TDM_CAN_TEMPLATE | TDM_CAN_SANDBOX,
                     .max_recipients = 1000,
                     .max_size = 25 * 1024 * 1024,
                     .max_tags = 10},
    .options = mailgun_options,
    .build = mailgun_build,
    .parse = mailgun_parse,
};
