/*
 * mailersend.c: MailerSend, POST /v1/email.
 *
 * What is special: some header fields are members of their own; the type of an attachment follows
 * from its name; the answer is 202 with an empty body, and a body that is there names recipients who
 * were left out.
 */
#include <string.h>

#include <tidymail/service.h>

#include "provider/answer.h"
#include "provider/build_parts.h"
#include "util/str.h"

#define MAILERSEND_TO_MAX 50 /* these, and the 72 hours, are not confirmed */
#define MAILERSEND_CC_MAX 10
#define MAILERSEND_BCC_MAX 10
#define MAILERSEND_FILES_MAX (INT64_C(25) * 1024 * 1024)
#define MAILERSEND_AHEAD_S (72 * 3600)

static const struct tdm_service_option mailersend_options[] = {
    {"list-unsubscribe", TDM_OPTION_TEXT, "list_unsubscribe",
     "the List-Unsubscribe field (RFC 2369), instead of the header field"},
    {"personalization", TDM_OPTION_JSON, "personalization",
     "values for each recipient: [{\"email\", \"data\"}]"},
    {"precedence-bulk", TDM_OPTION_BOOLEAN, "precedence_bulk", "yes: the message says it is bulk"},
    {"track-content", TDM_OPTION_BOOLEAN, "settings/track_content", "no: the content is not kept"},
    {"variables", TDM_OPTION_JSON, "variables",
     "values for the old template language: [{\"email\", \"substitutions\"}]"},
    {0},
};

/* Its rule for names. */
static void mailersend_check_name(const char *field, const struct tdm_mailbox *mailbox,
                                  struct tidymail_error *error)
{
    if (mailbox->name != NULL && strpbrk(mailbox->name, ";,") != NULL) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: the name of <%s> has a comma or semicolon, which MailerSend refuses",
                       field, mailbox->spec);
    }
}

static void mailersend_put_list(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *root, const char *name, const struct tdm_mailbox_list *list,
                                size_t max, struct tidymail_error *error)
{
    tdm_build_check_count(job, name, list->count, max, error);
    for (size_t i = 0; i < list->count; i++) {
        mailersend_check_name(name, &list->items[i], error);
    }
    tdm_build_put_filled(json, root, name, tdm_json_mailboxes(json, list, "email", "name"));
}

static void mailersend_put_people(struct tdm_json *json, const struct tdm_provider_job *job,
                                  json_t *root, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    mailersend_check_name("from", mail->from, error);
    tdm_json_put(json, root, "from", tdm_json_mailbox(json, mail->from, "email", "name"));
    mailersend_put_list(json, job, root, "to", mail->to, MAILERSEND_TO_MAX, error);
    mailersend_put_list(json, job, root, "cc", mail->cc, MAILERSEND_CC_MAX, error);
    mailersend_put_list(json, job, root, "bcc", mail->bcc, MAILERSEND_BCC_MAX, error);
    if (mail->reply_to->count > 0) {
        mailersend_check_name("reply_to", &mail->reply_to->items[0], error);
        tdm_json_put(json, root, "reply_to",
                     tdm_json_mailbox(json, &mail->reply_to->items[0], "email", "name"));
    }
}

/* A message id, or several, parted by white space (RFC 5322 3.6.4), without the brackets, which
 * MailerSend adds. */
static json_t *mailersend_ids(struct tdm_json *json, const struct tdm_provider_job *job,
                              const char *value)
{
    json_t *array = tdm_json_array(json);
    while (*value != '\0') {
        size_t length = strcspn(value, " \t");
        int is_bracketed = length > 2 && value[0] == '<' && value[length - 1] == '>';
        if (length > 0) {
            char *id = tdm_strndup(&job->mail->allocator, value + is_bracketed,
                                   length - 2 * (size_t)is_bracketed);
            tdm_json_append(json, array, id != NULL ? json_string(id) : NULL);
            tdm_free(&job->mail->allocator, id);
        }
        value += length + strspn(value + length, " \t");
    }
    return array;
}

/* There is room for one id. */
static int mailersend_put_reply(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *root, const struct tdm_mail_field *field)
{
    if (!tdm_equal_nocase(field->name, "In-Reply-To")) {
        return 0;
    }
    json_t *ids = mailersend_ids(json, job, field->value);
    int is_one = json_array_size(ids) == 1;
    if (is_one) {
        tdm_json_put_text(json, root, "in_reply_to", tdm_json_text_at(ids, "0"));
    }
    json_decref(ids);
    return is_one;
}

/* 1 where the field is a member of its own. */
static int mailersend_put_own(struct tdm_json *json, const struct tdm_provider_job *job,
                              json_t *root, const struct tdm_mail_field *field)
{
    if (tdm_equal_nocase(field->name, "References")) {
        tdm_build_put_filled(json, root, "references", mailersend_ids(json, job, field->value));
    } else if (tdm_equal_nocase(field->name, "List-Unsubscribe")) {
        tdm_json_put_text(json, root, "list_unsubscribe", field->value);
    } else if (tdm_equal_nocase(field->name, "Precedence") &&
               (tdm_equal_nocase(field->value, "bulk") || tdm_equal_nocase(field->value, "junk") ||
                tdm_equal_nocase(field->value, "list"))) {
        tdm_json_put_flag(json, root, "precedence_bulk", 1);
    } else {
        return 0;
    }
    return 1;
}

static void mailersend_put_headers(struct tdm_json *json, const struct tdm_provider_job *job,
                                   json_t *root)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < job->mail->field_count; i++) {
        const struct tdm_mail_field *field = &job->mail->fields[i];
        if (!mailersend_put_reply(json, job, root, field) &&
            !mailersend_put_own(json, job, root, field)) {
            json_t *object = tdm_json_object(json);
            tdm_json_put_text(json, object, "name", field->name);
            tdm_json_put_text(json, object, "value", field->value);
            tdm_json_append(json, array, object);
        }
    }
    tdm_build_put_filled(json, root, "headers", array);
}

static void mailersend_put_files(struct tdm_json *json, const struct tdm_mail *mail, json_t *root,
                                 struct tidymail_error *error)
{
    json_t *array = tdm_json_array(json);
    if (tdm_build_files_size(mail, 0) > MAILERSEND_FILES_MAX) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                      "attachments: more than the 25 MB that MailerSend takes",
                      "send it without attachments, or with links to them");
    }
    for (size_t i = 0; i < mail->file_count && error->kind == TIDYMAIL_OK; i++) {
        const struct tdm_mail_file *file = &mail->files[i];
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "filename", tdm_build_file_name(file));
        tdm_json_put_base64(json, object, "content", file->bytes.data, file->bytes.length);
        tdm_json_put_text(json, object, "disposition", file->is_inline ? "inline" : "attachment");
        if (file->is_inline && file->content_id != NULL) {
            tdm_json_put_text(json, object, "id", file->content_id);
        }
        tdm_json_append(json, array, object);
    }
    tdm_build_put_filled(json, root, "attachments", array);
}

/* Values are given for each recipient: every one in To gets the same. */
static void mailersend_put_template(struct tdm_json *json, const struct tdm_mail *mail,
                                    json_t *root, struct tidymail_error *error)
{
    json_t *values = tdm_json_template_values(json, mail, error);
    json_t *array = tdm_json_array(json);
    tdm_json_put_text(json, root, "template_id", mail->service->template_id);
    for (size_t i = 0; i < mail->to->count && json_object_size(values) > 0; i++) {
        json_t *object = tdm_json_object(json);
        tdm_json_put_text(json, object, "email", mail->to->items[i].spec);
        tdm_json_put(json, object, "data", json_incref(values));
        tdm_json_append(json, array, object);
    }
    tdm_build_put_filled(json, root, "personalization", array);
    json_decref(values);
}

static void mailersend_put_service(struct tdm_json *json, const struct tdm_provider_job *job,
                                   json_t *root, struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    json_t *settings = tdm_json_object(json);
    if (tdm_provider_wants(job, TDM_FEATURE_TAGS)) {
        tdm_json_put(json, root, "tags", tdm_json_tags(json, job->mail));
    }
    if (service->track_clicks != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_flag(json, settings, "track_clicks",
                          service->track_clicks == TIDYMAIL_TRACKING_ON);
    }
    if (service->track_opens != TIDYMAIL_TRACKING_DEFAULT) {
        tdm_json_put_flag(json, settings, "track_opens",
                          service->track_opens == TIDYMAIL_TRACKING_ON);
    }
    tdm_build_put_filled(json, root, "settings", settings);
    if (service->template_id != NULL) {
        mailersend_put_template(json, job->mail, root, error);
    }
    if (tdm_provider_wants(job, TDM_FEATURE_SCHEDULE)) {
        tdm_build_check_send_at(job, MAILERSEND_AHEAD_S, "72 hours", error);
        tdm_json_put_number(json, root, "send_at", service->send_at);
    }
}

static int mailersend_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                            struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {{"", "https://api.mailersend.com"}, {0}};
    const struct tdm_mail *mail = job->mail;
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    struct tdm_json json = {0};
    json_t *root = tdm_json_object(&json);
    mailersend_put_people(&json, job, root, error);
    tdm_build_put_some(&json, root, "subject", mail->subject);
    tdm_build_put_some(&json, root, "text", mail->text);
    tdm_build_put_some(&json, root, "html", mail->html);
    mailersend_put_headers(&json, job, root);
    mailersend_put_files(&json, mail, root, error);
    mailersend_put_service(&json, job, root, error);
    tdm_json_put_options(&json, job, root, error);
    tdm_http_request_set_target(request, origin, "/v1/email");
    tdm_http_request_add_secret(request, "Authorization", "Bearer ", job->account->key);
    tdm_http_request_add(request, "Accept", "application/json");
    return tdm_json_finish(&json, root, request, error);
}

static const struct tdm_answer_row mailersend_rows[] = {
    {401, NULL, NULL, TDM_MEANS_CREDENTIALS, NULL},
    {0, "MS40301", NULL, TDM_MEANS_PERMISSION, NULL},
    {0, "MS40302", NULL, TDM_MEANS_PERMISSION, "switch the API on for this account"},
    {0, "MS40304", NULL, TDM_MEANS_ACCOUNT, NULL},
    {0, "MS42201", NULL, TDM_MEANS_DATA, "name each recipient once"},
    {0, "MS42204", NULL, TDM_MEANS_QUOTA, NULL},
    {0, "MS42205", NULL, TDM_MEANS_QUOTA,
     "the account's number of recipients is used up: raise the plan"},
    {0, "MS42206", NULL, TDM_MEANS_SIZE, NULL},
    {0, "MS42207", NULL, TDM_MEANS_SENDER, NULL},
    {0, "MS42208", NULL, TDM_MEANS_RECIPIENT, NULL},
    {0, "MS42210", NULL, TDM_MEANS_DATA,
     "MailerSend takes attachments with certain file name endings only"},
    {0, "MS42218", NULL, TDM_MEANS_DATA, "send_at lies between now and 72 hours ahead"},
    {0, "MS42219", NULL, TDM_MEANS_DATA, "send_at lies between now and 72 hours ahead"},
    {0, "MS42222", NULL, TDM_MEANS_QUOTA, "a trial account reaches few recipients: upgrade it"},
    {0, "MS42225", NULL, TDM_MEANS_QUOTA, "a trial account reaches few recipients: upgrade it"},
    {0, "MS42901", NULL, TDM_MEANS_QUOTA_PERIOD, "wait for the next day, or raise the plan"},
    {0, "MS42903", NULL, TDM_MEANS_RATE, NULL},
    {422, NULL, "domain must be verified", TDM_MEANS_SENDER, NULL},
};
static const struct tdm_answer_row mailersend_suppressed_rows[] = {
    {0, NULL, NULL, TDM_MEANS_SUPPRESSED, NULL},
};

#define MAILERSEND_ROWS (sizeof(mailersend_rows) / sizeof(mailersend_rows[0]))
#define MAILERSEND_CODE_MAX 12

/* "MS42207" of a text that ends in "#MS42207"; "": there is none. */
static void mailersend_read_code(const char *text, char code[MAILERSEND_CODE_MAX])
{
    const char *at = strstr(text, "#MS");
    size_t length = 0;
    if (at != NULL) {
        length = 2 + strspn(at + 3, "0123456789");
        length = length < MAILERSEND_CODE_MAX ? length : 0;
        memcpy(code, at + 1, length);
    }
    code[length] = '\0';
}

/* All that it says: the message, and the texts of each field. */
static void mailersend_add_words(struct tdm_buf *words, const json_t *body)
{
    const char *message = tdm_json_text_at(body, "message");
    const char *field;
    json_t *texts;
    tdm_buf_add_str(words, message != NULL ? message : "");
    json_object_foreach(json_object_get(body, "errors"), field, texts)
    {
        for (size_t i = 0; i < json_array_size(texts); i++) {
            const char *text = json_string_value(json_array_get(texts, i));
            if (text != NULL) {
                tdm_buf_addf(words, "%s%s", words->length > 0 ? " " : "", text);
            }
        }
    }
}

static void mailersend_refuse(const struct tdm_provider_job *job, const json_t *body,
                              const struct tdm_http_response *response, tidymail_report *report)
{
    char code[MAILERSEND_CODE_MAX];
    struct tdm_buf words;
    tdm_buf_init(&words, &report->allocator, TDM_HTTP_ANSWER_MAX);
    mailersend_add_words(&words, body);
    mailersend_read_code(tdm_buf_text(&words), code);
    struct tdm_answer answer = {response->status, code[0] != '\0' ? code : NULL,
                                words.length > 0 ? tdm_buf_text(&words) : NULL,
                                tdm_answer_retry_after(response, job->now_s)};
    if (strcmp(code, "MS42901") ==
        0) { /* the day's quota: what the minute's rate says is no wait */
        const char *reset = tdm_http_response_field(response, "x-apiquota-reset");
        int64_t then;
        if (answer.retry_after < 0 && reset != NULL && tdm_build_date_read(reset, &then) == 0 &&
            then - job->now_s < 366 * 86400) {
            answer.retry_after = then > job->now_s ? (int)(then - job->now_s) : 0;
        }
    } else if (answer.retry_after < 0 && response->status == 429) {
        answer.retry_after = tdm_answer_reset(response, "x-ratelimit-reset", 1, job->now_s);
    }
    tdm_answer_refuse(job, mailersend_rows, MAILERSEND_ROWS, &answer, report);
    tdm_buf_clear(&words);
}

/* Recipients that a warning names, with the reason; 1 where it says that none is left. */
static int mailersend_take_warning(const struct tdm_provider_job *job, const json_t *warning,
                                   const struct tdm_http_response *response,
                                   tidymail_report *report)
{
    const char *type = tdm_json_text_at(warning, "type");
    const json_t *list = json_object_get(warning, "recipients");
    int is_all = type != NULL && strcmp(type, "ALL_SUPPRESSED") == 0;
    if (type == NULL || (!is_all && strcmp(type, "SOME_SUPPRESSED") != 0)) {
        struct tdm_buf note;
        tdm_buf_init(&note, &report->allocator, 256);
        tdm_buf_add_str(&note, "MailerSend took the message with a warning: ");
        tdm_escape(&note, type != NULL ? type : "?", type != NULL ? strcspn(type, "\n") : 1, 0);
        tdm_report_add_note(report, note.failed ? "MailerSend took the message with a warning"
                                                : tdm_buf_text(&note));
        tdm_buf_clear(&note);
        return 0;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *reason = tdm_json_text_at(entry, "reasons/0");
        struct tdm_answer answer = {response->status, type, reason, -1};
        size_t index = tdm_answer_recipient(report, tdm_json_text_at(entry, "email"));
        tdm_answer_refuse_one(job, mailersend_suppressed_rows, 1, &answer, index, report);
    }
    if (is_all) {
        struct tdm_answer answer = {response->status, type, NULL, -1};
        tdm_answer_refuse(job, mailersend_suppressed_rows, 1, &answer, report);
    }
    return is_all;
}

static void mailersend_parse(const struct tdm_provider_job *job,
                             const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const char *id = tdm_http_response_field(response, "x-message-id");
    if (response->status / 100 == 2) {
        const json_t *warnings = json_object_get(body, "warnings");
        int none_left = 0;
        for (size_t i = 0; i < json_array_size(warnings); i++) {
            none_left |=
                mailersend_take_warning(job, json_array_get(warnings, i), response, report);
        }
        if (id != NULL && !none_left) {
            tdm_answer_sent(report, response->status, id);
        } else if (!none_left) {
            tdm_answer_unclear(job, response, "no x-message-id is in the answer", report);
        }
    } else if (!json_is_object(body) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, mailersend_rows, MAILERSEND_ROWS, response, report);
    } else {
        mailersend_refuse(job, body, response, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_mailersend = {
    .scheme = "mailersend",
    .url = "mailersend://KEY@",
    .page = "https://developers.mailersend.com/api/v1/email.html",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "MailerSend",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_HEADERS |
                            TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS | TDM_CAN_INLINE |
                            TDM_CAN_INLINE_NAMES | TDM_CAN_TAGS | TDM_CAN_TRACKING |
                            TDM_CAN_SCHEDULE | TDM_CAN_TEMPLATE,
                     .max_recipients = MAILERSEND_TO_MAX + MAILERSEND_CC_MAX + MAILERSEND_BCC_MAX,
                     .max_reply_to = 1,
                     .max_tags = 5},
    .options = mailersend_options,
    .build = mailersend_build,
    .parse = mailersend_parse,
};
