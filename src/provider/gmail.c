/*
 * gmail.c: Gmail API, users.messages.send. The finished message goes as it is: in JSON as base64url
 * where it is small, else through the upload path, without base64.
 *
 * What is special: the recipients are those of To, Cc and Bcc, so Bcc stays in the message; the key is
 * an OAuth 2 access token, which lives for an hour.
 */
#include <string.h>

#include "provider/answer.h"
#include "provider/build_parts.h"
#include "util/base64.h"
#include "util/str.h"

#define GMAIL_JSON_MAX ((size_t)1024 * 1024) /* larger messages are uploaded */
#define GMAIL_MAX 36700160                   /* of an upload, in bytes of the message */
#define GMAIL_BOUNDARY_BYTES 16

#define GMAIL_TOKEN_HINT                                                                           \
    "get a new access token: one lives for about an hour, and its scope must allow sending "       \
    "(https://www.googleapis.com/auth/gmail.send)"

static const struct tdm_service_option gmail_options[] = {
    {"thread-id", TDM_OPTION_TEXT, "threadId",
     "the thread to add the message to (with In-Reply-To and the same subject)"},
    {"user", TDM_OPTION_TEXT, NULL, "the mailbox that sends, instead of the token's own (me)"},
    {0},
};

static char *gmail_path(const struct tdm_provider_job *job, const char *before, const char *after)
{
    const char *user = tdm_provider_option(job, "user");
    struct tdm_buf path;
    tdm_buf_init(&path, job->allocator, 4096);
    tdm_buf_addf(&path, "%s/gmail/v1/users/", before);
    tdm_http_escape(&path, user != NULL && user[0] != '\0' ? user : "me");
    tdm_buf_addf(&path, "/messages/send%s", after);
    char *copy = path.failed ? NULL : tdm_strdup(&job->mail->allocator, tdm_buf_text(&path));
    tdm_buf_clear(&path);
    return copy;
}

static void gmail_set_target(const struct tdm_provider_job *job, struct tdm_http_request *request,
                             const char *origin, const char *before, const char *after)
{
    char *path = gmail_path(job, before, after);
    if (path == NULL) {
        request->failed = 1;
    } else {
        tdm_http_request_set_target(request, origin, path);
    }
    tdm_free(&job->mail->allocator, path);
}

/* base64url with padding (RFC 4648 5). */
static void gmail_put_raw(struct tdm_json *json, const struct tdm_provider_job *job, json_t *root,
                          const struct tdm_buf *mime)
{
    struct tdm_buf raw;
    tdm_buf_init(&raw, job->allocator, TDM_HTTP_BODY_MAX);
    tdm_base64_encode(&raw, tdm_buf_text(mime), mime->length);
    for (size_t i = 0; i < raw.length; i++) {
        raw.data[i] = (char)(raw.data[i] == '+' ? '-' : raw.data[i] == '/' ? '_' : raw.data[i]);
    }
    tdm_json_put_buf(json, root, "raw", &raw);
}

static int gmail_take(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

/* multipart/related of what is said about the message and the message. */
static void gmail_upload_with(const struct tdm_provider_job *job, struct tdm_http_request *request,
                              const json_t *root, const struct tdm_buf *mime)
{
    static const char hex[] = "0123456789abcdef";
    char boundary[2 * GMAIL_BOUNDARY_BYTES + 1];
    struct tdm_buf type;
    for (size_t i = 0; i < GMAIL_BOUNDARY_BYTES; i++) {
        boundary[2 * i] = hex[job->random[i] >> 4];
        boundary[2 * i + 1] = hex[job->random[i] & 15];
    }
    boundary[2 * GMAIL_BOUNDARY_BYTES] = '\0';
    tdm_buf_addf(&request->body, "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n",
                 boundary);
    if (json_dump_callback(root, gmail_take, &request->body, JSON_COMPACT) != 0) {
        request->failed = 1;
    }
    tdm_buf_addf(&request->body, "\r\n--%s\r\nContent-Type: message/rfc822\r\n\r\n", boundary);
    tdm_buf_add(&request->body, mime->data, mime->length);
    tdm_buf_addf(&request->body, "\r\n--%s--\r\n", boundary);
    tdm_buf_init(&type, job->allocator, 128);
    tdm_buf_addf(&type, "multipart/related; boundary=%s", boundary);
    request->failed |= type.failed;
    tdm_http_request_add(request, "Content-Type", tdm_buf_text(&type));
    tdm_buf_clear(&type);
}

static void gmail_upload(const struct tdm_provider_job *job, struct tdm_http_request *request,
                         const char *origin, const json_t *root, struct tdm_buf *mime)
{
    int is_alone = json_object_size(root) == 0;
    gmail_set_target(job, request, origin, "/upload",
                     is_alone ? "?uploadType=media" : "?uploadType=multipart");
    if (!is_alone) {
        gmail_upload_with(job, request, root, mime);
        return;
    }
    tdm_http_request_add(request, "Content-Type", "message/rfc822");
    tdm_buf_add(&request->body, mime->data, mime->length);
}

static int gmail_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                       struct tidymail_error *error)
{
    static const struct tdm_build_origin origins[] = {{"", "https://gmail.googleapis.com"}, {0}};
    const char *origin = tdm_build_origin(job, origins, error);
    if (origin == NULL) {
        return error->kind;
    }
    struct tdm_json json = {0};
    struct tdm_buf mime;
    json_t *root = tdm_json_object(&json);
    tdm_buf_init(&mime, job->allocator, TDM_HTTP_BODY_MAX);
    tdm_mail_read_raw(job->mail, 1, &mime, error);
    tdm_json_put_options(&json, job, root, error);
    tdm_http_request_add_secret(request, "Authorization", "Bearer ", job->account->key);
    tdm_http_request_add(request, "Accept", "application/json");
    if (mime.length <= GMAIL_JSON_MAX || error->kind != TIDYMAIL_OK) {
        gmail_set_target(job, request, origin, "", "");
        gmail_put_raw(&json, job, root, &mime);
        tdm_buf_clear(&mime);
        return tdm_json_finish(&json, root, request, error);
    }
    gmail_upload(job, request, origin, root, &mime);
    json_decref(root);
    tdm_buf_clear(&mime);
    return json.failed || request->failed || request->body.failed ? tdm_provider_no_memory(error)
                                                                  : TIDYMAIL_OK;
}

/* accessNotConfigured, insufficientPermissions and "mail service not enabled" are not confirmed. */
static const struct tdm_answer_row gmail_rows[] = {
    {0, "authError", NULL, TDM_MEANS_CREDENTIALS, GMAIL_TOKEN_HINT},
    {401, NULL, NULL, TDM_MEANS_CREDENTIALS, GMAIL_TOKEN_HINT},
    {0, "insufficientPermissions", NULL, TDM_MEANS_PERMISSION,
     "the token's scope must allow sending: https://www.googleapis.com/auth/gmail.send"},
    {0, "accessNotConfigured", NULL, TDM_MEANS_PERMISSION,
     "enable the Gmail API for the project in the Google Cloud console"},
    {0, "rateLimitExceeded", NULL, TDM_MEANS_RATE, NULL},
    {0, "userRateLimitExceeded", NULL, TDM_MEANS_RATE, NULL},
    {0, "dailyLimitExceeded", NULL, TDM_MEANS_QUOTA,
     "the project's daily quota is used up: wait for the next day, or raise it in the Google Cloud "
     "console"},
    {0, "domainPolicy", NULL, TDM_MEANS_ACCOUNT,
     "the domain's administrators do not allow this application to use Gmail: ask them"},
    {0, "quotaExceeded", NULL, TDM_MEANS_QUOTA_PERIOD, NULL},
    {400, NULL, "Invalid To header|Invalid Cc header|Invalid Bcc header", TDM_MEANS_RECIPIENT,
     NULL},
    {0, "invalidArgument", "recipient", TDM_MEANS_RECIPIENT, NULL},
    {400, NULL, "mail service not enabled", TDM_MEANS_ACCOUNT,
     "the account has no Gmail mailbox: send as one that has (option user)"},
    {0, "backendError", NULL, TDM_MEANS_TEMPORARY, NULL},
    {0, "notFound", NULL, TDM_MEANS_NOT_FOUND, "check the options user and thread-id"},
};

#define GMAIL_ROWS (sizeof(gmail_rows) / sizeof(gmail_rows[0]))

/* "User-rate limit exceeded.  Retry after 2026-11-24T14:25:20.123Z": nothing but the text says when. */
static int gmail_retry_after(const char *words, int64_t now_s)
{
    const char *at = words != NULL ? strstr(words, "etry after ") : NULL;
    int64_t then;
    if (at == NULL || tdm_build_date_read(at + strlen("etry after "), &then) != 0 ||
        then - now_s > 366 * 86400) {
        return -1;
    }
    return then > now_s ? (int)(then - now_s) + 1 : 0; /* fractions are rounded up */
}

static void gmail_parse(const struct tdm_provider_job *job,
                        const struct tdm_http_response *response, tidymail_report *report)
{
    json_t *body = tdm_json_read(response);
    const char *id = tdm_json_text_at(body, "id");
    const json_t *error = json_object_get(body, "error");
    if (response->status / 100 == 2) {
        if (id != NULL) {
            tdm_answer_sent(report, response->status, id);
        } else {
            tdm_answer_unclear(job, response, "no id is in the answer", report);
        }
    } else if (!json_is_object(error) || response->status / 100 == 3) {
        tdm_answer_refuse_plain(job, gmail_rows, GMAIL_ROWS, response, report);
    } else {
        const char *reason = tdm_json_text_at(error, "errors/0/reason");
        struct tdm_answer answer = {
            response->status, reason != NULL ? reason : tdm_json_text_at(error, "status"),
            tdm_json_text_at(error, "message"), tdm_answer_retry_after(response, job->now_s)};
        if (answer.retry_after < 0) {
            answer.retry_after = gmail_retry_after(answer.words, job->now_s);
        }
        tdm_answer_refuse(job, gmail_rows, GMAIL_ROWS, &answer, report);
    }
    json_decref(body);
}

const struct tdm_provider tdm_provider_gmail = {
    .scheme = "gmail",
    .url = "gmail://TOKEN@",
    .page =
        "https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages/send",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "Gmail",
                     .can = TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_SENDER |
                            TDM_CAN_HEADERS | TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS |
                            TDM_CAN_INLINE | TDM_CAN_INLINE_NAMES | TDM_CAN_PART_FIELDS |
                            TDM_CAN_GROUPS | TDM_CAN_CALENDAR | TDM_CAN_RAW,
                     .max_size = GMAIL_MAX},
    .options = gmail_options,
    .build = gmail_build,
    .parse = gmail_parse,
};
