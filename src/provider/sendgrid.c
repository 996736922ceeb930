/*
 * sendgrid.c: SendGrid, POST /v3/mail/send.
 *
 * What is special: 202 with an empty body is success, the id is in a field; the sandbox answers 200; the
 * status of a bad key is also that of a used-up quota. An address may stand in To, Cc and Bcc only once:
 * a second mention is left out, the recipient gets the message all the same. Names of recipients may
 * hold no comma and no semicolon.
 */
#include <string.h>

#include <tidymail/service.h>

#include "provider/answer.h"
#include "provider/build_text.h"
#include "util/str.h"

#define SENDGRID_TAG_MAX 255
#define SENDGRID_METADATA_MAX 10000
#define SENDGRID_AHEAD_S (72 * 3600)
#define SENDGRID_WORDS_MAX 65536

static const struct tdm_service_option sendgrid_options[] = {
    {"asm-group-id", TDM_OPTION_INTEGER, "asm/group_id",
     "the unsubscribe group that the message belongs to"},
    {"asm-groups-to-display", TDM_OPTION_JSON, "asm/groups_to_display",
     "unsubscribe groups that recipients are shown: [1, 2]"},
    {"batch-id", TDM_OPTION_TEXT, "batch_id",
     "what scheduled messages share, to cancel them (of POST /v3/mail/batch)"},
    {"bypass-bounce-management", TDM_OPTION_BOOLEAN,
     "mail_settings/bypass_bounce_management/enable", "yes: also to addresses that bounced"},
    {"bypass-list-management", TDM_OPTION_BOOLEAN, "mail_settings/bypass_list_management/enable",
     "yes: also to addresses on any suppression list"},
    {"bypass-spam-management", TDM_OPTION_BOOLEAN, "mail_settings/bypass_spam_management/enable",
     "yes: also to addresses that complained"},
    {"bypass-unsubscribe-management", TDM_OPTION_BOOLEAN,
     "mail_settings/bypass_unsubscribe_management/enable",
     "yes: also to addresses that unsubscribed"},
    {"click-tracking-text", TDM_OPTION_BOOLEAN, "tracking_settings/click_tracking/enable_text",
     "yes: links in the text are tracked too"},
    {"dynamic-template", TDM_OPTION_BOOLEAN, NULL,
     "yes or no, where the template's name does not say it: dynamic ones begin with d-"},
    {"footer", TDM_OPTION_BOOLEAN, "mail_settings/footer/enable", "yes: a footer is added"},
    {"footer-html", TDM_OPTION_TEXT, "mail_settings/footer/html", "the footer's HTML"},
    {"footer-text", TDM_OPTION_TEXT, "mail_settings/footer/text", "the footer's text"},
    {"ganalytics", TDM_OPTION_JSON, "tracking_settings/ganalytics",
     "Google Analytics: {\"enable\": true, \"utm_source\": ...}"},
    {"ip-pool-name", TDM_OPTION_TEXT, "ip_pool_name", "the pool of addresses to send from"},
    {"on-behalf-of", TDM_OPTION_TEXT, NULL, "the subuser that sends"},
    {"open-tracking-tag", TDM_OPTION_TEXT, "tracking_settings/open_tracking/substitution_tag",
     "the text that the tracking pixel takes the place of"},
    {"subscription-tracking", TDM_OPTION_BOOLEAN, "tracking_settings/subscription_tracking/enable",
     "yes: a link to unsubscribe is added"},
    {"subscription-tracking-html", TDM_OPTION_TEXT, "tracking_settings/subscription_tracking/html",
     "the HTML with that link"},
    {"subscription-tracking-tag", TDM_OPTION_TEXT,
     "tracking_settings/subscription_tracking/substitution_tag",
     "the text that the link takes the place of"},
    {"subscription-tracking-text", TDM_OPTION_TEXT, "tracking_settings/subscription_tracking/text",
     "the text with that link"},
    {0},
};

/* 1 where the address is in the list, case-blind, before `end`. */
static int sendgrid_has(const struct tdm_mailbox_list *list, size_t end, const char *spec)
{
    for (size_t i = 0; i < end; i++) {
        if (tdm_equal_nocase(list->items[i].spec, spec)) {
            return 1;
        }
    }
    return 0;
}

/* To, Cc and Bcc into the one personalization. */
static void sendgrid_put_recipients(struct tdm_json *json, const struct tdm_mail *mail,
                                    json_t *block, struct tidymail_error *error)
{
    static const char *const names[] = {"to", "cc", "bcc"};
    const struct tdm_mailbox_list *lists[] = {mail->to, mail->cc, mail->bcc};
    for (int k = 0; k < 3; k++) {
        json_t *array = tdm_json_array(json);
        for (size_t i = 0; i < lists[k]->count; i++) {
            const struct tdm_mailbox *mailbox = &lists[k]->items[i];
            int seen = sendgrid_has(lists[k], i, mailbox->spec);
            for (int before = 0; before < k; before++) {
                seen |= sendgrid_has(lists[before], lists[before]->count, mailbox->spec);
            }
            if (seen) {
                continue;
            }
            if (mailbox->name != NULL && strpbrk(mailbox->name, ";,") != NULL) {
                tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                               "%s: the name of <%s> has a comma or semicolon, which SendGrid "
                               "refuses",
                               names[k], mailbox->spec);
            }
            tdm_json_append(json, array, tdm_json_mailbox(json, mailbox, "email", "name"));
        }
        tdm_build_put_filled(json, block, names[k], array);
    }
}

static void sendgrid_append_content(struct tdm_json *json, json_t *array, const char *type,
                                    const char *value)
{
    if (value != NULL && value[0] != '\0') {
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "type", type);
        tdm_json_put_text(json, object, "value", value);
        tdm_json_append(json, array, object);
    }
}

/* Text, HTML and others, in this order; none of them empty. */
static void sendgrid_put_content(struct tdm_json *json, const struct tdm_provider_job *job,
                                 json_t *root)
{
    const struct tdm_mail *mail = job->mail;
    json_t *array = tdm_json_array(json);
    sendgrid_append_content(json, array, "text/plain", mail->text);
    sendgrid_append_content(json, array, "text/html", mail->html);
    if (mail->calendar != NULL) {
        struct tdm_buf type;
        tdm_buf_init(&type, job->allocator, TDM_HEADER_TEXT_MAX);
        tdm_buf_add_str(&type, "text/calendar");
        if (mail->calendar_method != NULL) {
            tdm_buf_addf(&type, "; method=%s", mail->calendar_method);
        }
        json->failed |= type.failed;
        sendgrid_append_content(json, array, tdm_buf_text(&type), mail->calendar);
        tdm_buf_clear(&type);
    }
    tdm_build_put_filled(json, root, "content", array);
}

static int sendgrid_is_dynamic(const struct tdm_provider_job *job)
{
    const char *option = tdm_provider_option(job, "dynamic-template");
    return option != NULL ? strcmp(option, "yes") == 0
                          : strncmp(job->mail->service->template_id, "d-", 2) == 0;
}

static int sendgrid_take(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

/* A number as its digits, and so on. */
static void sendgrid_put_dumped(struct tdm_json *json, json_t *object, const char *name,
                                const json_t *value)
{
    struct tdm_buf text;
    tdm_buf_init(&text, NULL, TDM_HTTP_BODY_MAX);
    if (json_dump_callback(value, sendgrid_take, &text, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
        text.failed = 1;
    }
    tdm_json_put_buf(json, object, name, &text);
}

/* Values of a legacy template are texts. */
static void sendgrid_put_substitutions(struct tdm_json *json, json_t *block, json_t *values)
{
    json_t *object = tdm_json_object(json);
    const char *name;
    json_t *value;
    json_object_foreach(values, name, value)
    {
        if (json_is_string(value)) {
            tdm_json_put(json, object, name, json_incref(value));
        } else {
            sendgrid_put_dumped(json, object, name, value);
        }
    }
    tdm_build_put_filled(json, block, "substitutions", object);
}

static void sendgrid_put_template(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *root, json_t *block, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    json_t *values = tdm_json_template_values(json, mail, error);
    tdm_json_put_text(json, root, "template_id", mail->service->template_id);
    if (!sendgrid_is_dynamic(job)) {
        sendgrid_put_substitutions(json, block, values);
        json_decref(values);
        return;
    }
    tdm_build_put_filled(json, block, "dynamic_template_data", values);
    if (mail->text != NULL || mail->html != NULL) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "template: SendGrid passes over text and HTML beside a dynamic one",
                      "leave text and HTML out, or the template");
    }
}

static void sendgrid_put_bodies(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *root, json_t *block, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    const char *text = mail->text != NULL ? mail->text : "";
    const char *html = mail->html != NULL ? mail->html : "";
    tdm_build_put_some(json, root, "subject", mail->subject);
    sendgrid_put_content(json, job, root);
    if (mail->service->template_id != NULL) {
        sendgrid_put_template(json, job, root, block, error);
    } else if (mail->subject[0] == '\0') {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "subject: SendGrid does not send a message that has none",
                      "give the message a subject");
    } else if (text[0] == '\0' && html[0] == '\0' && mail->calendar == NULL) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "text: SendGrid does not send a message whose text is empty",
                      "give the message a text of one character at least");
    }
}

static void sendgrid_put_files(struct tdm_json *json, const struct tdm_mail *mail, json_t *root)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < mail->file_count; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        json_t *object = tdm_json_object(json);
        tdm_json_put_base64(json, object, "content", file->bytes.data, file->bytes.length);
        tdm_json_put_text(json, object, "type", file->type);
        tdm_json_put_text(json, object, "filename", tdm_build_file_name(file));
        if (file->is_inline) {
            tdm_json_put_text(json, object, "disposition", "inline");
            tdm_build_put_some(json, object, "content_id", file->content_id);
        }
        tdm_json_append(json, array, object);
    }
    tdm_build_put_filled(json, root, "attachments", array);
}

static void sendgrid_put_tracking(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *root)
{
    const struct tdm_service_wishes *service = job->mail->service;
    const int wishes[] = {service->track_clicks, service->track_opens};
    static const char *const names[] = {"click_tracking", "open_tracking"};
    json_t *settings = tdm_json_object(json);
    for (int i = 0; i < 2; i++) {
        if (wishes[i] != TIDYMAIL_TRACKING_DEFAULT) {
            json_t *one = tdm_json_object(json);
            tdm_json_put_flag(json, one, "enable", wishes[i] == TIDYMAIL_TRACKING_ON);
            tdm_json_put(json, settings, names[i], one);
        }
    }
    tdm_build_put_filled(json, root, "tracking_settings", settings);
}

static void sendgrid_check_marks(const struct tdm_mail *mail, struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = mail->service;
    size_t size = 0;
    for (size_t i = 0; i < service->tag_count; i++) {
        if (tdm_build_characters(service->tags[i]) > SENDGRID_TAG_MAX) {
            tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                           "tags: SendGrid takes %d characters at most", SENDGRID_TAG_MAX);
        }
    }
    for (size_t i = 0; i < service->metadata.count; i++) {
        size += strlen(service->metadata.items[i].name) + strlen(service->metadata.items[i].value);
    }
    if (size > SENDGRID_METADATA_MAX) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "metadata: SendGrid takes %d bytes at most", SENDGRID_METADATA_MAX);
    }
}

static void sendgrid_put_service(struct tdm_json *json, const struct tdm_provider_job *job,
                                 json_t *root, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    sendgrid_check_marks(mail, error);
    if (tdm_provider_wants(job, TDM_FEATURE_TAGS)) {
        tdm_json_put(json, root, "categories", tdm_json_tags(json, mail));
    }
    if (tdm_provider_wants(job, TDM_FEATURE_METADATA)) {
        tdm_json_put(json, root, "custom_args", tdm_json_metadata(json, mail));
    }
    sendgrid_put_tracking(json, job, root);
    if (tdm_provider_wants(job, TDM_FEATURE_SCHEDULE)) {
        tdm_build_check_send_at(job, SENDGRID_AHEAD_S, "72 hours", error);
        tdm_json_put_number(json, root, "send_at", mail->service->send_at);
    }
    if (mail->service->sandbox) {
        json_t *settings = tdm_json_object(json);
        json_t *sandbox = tdm_json_object(json);
        tdm_json_put_flag(json, sandbox, "enable", 1);
        tdm_json_put(json, settings, "sandbox_mode", sandbox);
        tdm_json_put(json, root, "mail_settings", settings);
    }
}

static int sendgrid_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                          struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {
        {"", "https://api.sendgrid.com"}, {"eu", "https://api.eu.sendgrid.com"}, {0}};
    static const char *const refused[] = {"x-sg-id",
                                          "x-sg-eid",
                                          "Received",
                                          "DKIM-Signature",
                                          "Content-Type",
                                          "Content-Transfer-Encoding",
                                          "To",
                                          "From",
                                          "Subject",
                                          "Reply-To",
                                          "Cc",
                                          "Bcc",
                                          NULL};
    const struct tdm_mail *mail = job->mail;
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    struct tdm_json json = {0};
    json_t *root = tdm_json_object(&json);
    json_t *blocks = tdm_json_array(&json);
    json_t *block = tdm_json_object(&json);
    json_t *headers = tdm_json_object(&json);
    const char *subuser = tdm_provider_option(job, "on-behalf-of");
    tdm_build_require_to(job, error);
    tdm_json_put(&json, root, "from", tdm_json_mailbox(&json, mail->from, "email", "name"));
    sendgrid_put_recipients(&json, mail, block, error);
    tdm_build_put_filled(&json, root, "reply_to_list",
                         tdm_json_mailboxes(&json, mail->reply_to, "email", "name"));
    sendgrid_put_bodies(&json, job, root, block, error);
    tdm_json_append(&json, blocks, block);
    tdm_json_put(&json, root, "personalizations", blocks);
    sendgrid_put_files(&json, mail, root);
    tdm_build_put_headers(&json, job, headers, refused, error);
    tdm_build_put_filled(&json, root, "headers", headers);
    sendgrid_put_service(&json, job, root, error);
    tdm_json_put_options(&json, job, root, error);
    tdm_http_request_set_target(request, origin, "/v3/mail/send");
    tdm_http_request_add_secret(request, "Authorization", "Bearer ", job->account->key);
    tdm_http_request_add(request, "Accept", "application/json"); /* 406 without it */
    if (subuser != NULL) {
        tdm_http_request_add(request, "On-Behalf-Of", subuser);
    }
    return tdm_json_finish(&json, root, request, error);
}

/* There are no codes: the words decide, with the field in front that they are about. */
static const struct tdm_answer_row sendgrid_rows[] = {
    {401, NULL, "credits exceeded", TDM_MEANS_QUOTA, NULL},
    {401, NULL, NULL, TDM_MEANS_CREDENTIALS,
     "check the key in the URL: a key of SendGrid begins with SG., and that of an EU subuser wants "
     "region=eu"},
    {403, NULL, "verified Sender Identity", TDM_MEANS_SENDER,
     "verify the From address or its domain at SendGrid (Settings, Sender Authentication)"},
    {403, NULL, "temporarily blocked", TDM_MEANS_RATE,
     "SendGrid blocks who sends many bad requests: mend the requests before sending more"},
    {403, NULL, "suspended|under review|deactivated", TDM_MEANS_ACCOUNT, NULL},
    {4, NULL, "from.email: does not contain a valid", TDM_MEANS_SENDER, NULL},
    {4, NULL, "does not contain a valid address|with a valid email address", TDM_MEANS_RECIPIENT,
     NULL},
    {4, NULL, "template_id", TDM_MEANS_NOT_FOUND,
     "check the template's name: it is the one of SendGrid, and it has an active version"},
};

#define SENDGRID_ROWS (sizeof(sendgrid_rows) / sizeof(sendgrid_rows[0]))

/* "field: message; field: message" */
static void sendgrid_read_words(const json_t *errors, struct tdm_buf *words)
{
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *one = json_array_get(errors, i);
        const char *field = tdm_json_text_at(one, "field");
        const char *message = tdm_json_text_at(one, "message");
        if (message != NULL) {
            tdm_buf_addf(words, "%s%s%s%s", words->length > 0 ? "; " : "",
                         field != NULL ? field : "", field != NULL ? ": " : "", message);
        }
    }
}

static void sendgrid_refuse(const struct tdm_provider_job *job,
                            const struct tdm_http_response *response, const json_t *body,
                            tidymail_report *report)
{
    struct tdm_buf words;
    tdm_buf_init(&words, job->allocator, SENDGRID_WORDS_MAX);
    sendgrid_read_words(json_object_get(body, "errors"), &words);
    struct tdm_answer answer = {response->status, NULL, tdm_buf_text(&words),
                                tdm_answer_retry_after(response, job->now_s)};
    if (words.failed) {
        answer.words = tdm_json_text_at(body, "errors/0/message");
    }
    if (answer.retry_after < 0 && response->status == 429) {
        answer.retry_after = tdm_answer_reset(response, "X-RateLimit-Reset", 1, job->now_s);
    }
    tdm_answer_refuse(job, sendgrid_rows, SENDGRID_ROWS, &answer, report);
    tdm_buf_clear(&words);
}

static void sendgrid_parse(const struct tdm_provider_job *job,
                           const struct tdm_http_response *response, tidymail_report *report)
{
    const char *id = tdm_http_response_field(response, "X-Message-Id");
    int is_empty = response->body.length == 0;
    if (response->status / 100 == 2) {
        /* the sandbox gives no id */
        int is_checked = response->status == 200 && is_empty && job->mail->service->sandbox;
        if ((id != NULL && id[0] != '\0') || (response->status == 202 && is_empty) || is_checked) {
            tdm_answer_sent(report, response->status, id);
        } else {
            tdm_answer_unclear(job, response, "no X-Message-Id is with it", report);
        }
        return;
    }
    json_t *body = tdm_json_read(response);
    if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, sendgrid_rows, SENDGRID_ROWS, response, report);
    } else {
        sendgrid_refuse(job, response, body, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_sendgrid = {
    .scheme = "sendgrid",
    .url = "sendgrid://KEY@",
    .page = "https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "SendGrid",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_HEADERS |
                            TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS | TDM_CAN_INLINE |
                            TDM_CAN_INLINE_NAMES | TDM_CAN_CALENDAR | TDM_CAN_TAGS |
                            TDM_CAN_METADATA | TDM_CAN_TRACKING | TDM_CAN_SCHEDULE |
                            TDM_CAN_TEMPLATE | TDM_CAN_SANDBOX,
                     .max_recipients = 1000,
                     .max_size = 30 * 1024 * 1024,
                     .max_reply_to = 1000,
                     .max_tags = 10},
    .options = sendgrid_options,
    .build = sendgrid_build,
    .parse = sendgrid_parse,
};
