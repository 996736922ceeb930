/* build_parts.c: see build_parts.h. */
#include "provider/build_parts.h"

#include <string.h>

#include "provider/answer.h"
#include "util/date.h"
#include "util/str.h"

void tdm_build_date(int64_t unix_s, char separator, char out[TDM_BUILD_DATE_MAX])
{
    char date[TDM_DATE_MAX];
    tdm_date_format_iso(unix_s, date);
    memcpy(out, date, TDM_BUILD_DATE_MAX - 1);
    out[10] = separator;
    out[TDM_BUILD_DATE_MAX - 1] = '\0';
}

int tdm_build_date_read(const char *text, int64_t *unix_s)
{
    static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char pattern[] = "0000-00-00T00:00:00";
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        if (pattern[i] == '0' ? !tdm_is_digit(text[i]) : text[i] != pattern[i]) {
            return -1;
        }
    }
    int month = (text[5] - '0') * 10 + (text[6] - '0');
    if (month < 1 || month > 12) {
        return -1;
    }
    char date[] = "DD Mon YYYY HH:MM:SS";
    memcpy(date, text + 8, 2);
    memcpy(date + 3, month_names + 3 * (size_t)(month - 1), 3);
    memcpy(date + 7, text, 4);
    memcpy(date + 12, text + 11, 8);
    return tdm_http_date(date, unix_s);
}

int tdm_build_check_send_at(const struct tdm_provider_job *job, int64_t max_s, const char *limit,
                            struct tidymail_error *error)
{
    if (!tdm_provider_wants(job, TDM_FEATURE_SCHEDULE) ||
        job->mail->service->send_at <= job->now_s + max_s) {
        return TIDYMAIL_OK;
    }
    return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                          "scheduled sending: %s keeps a message %s at most",
                          job->provider->capabilities.name, limit);
}

int tdm_build_check_count(const struct tdm_provider_job *job, const char *what, size_t count,
                          size_t max, struct tidymail_error *error)
{
    if (count <= max) {
        return TIDYMAIL_OK;
    }
    return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                          "%s: %z are more than %s takes in one message (%z)", what, count,
                          job->provider->capabilities.name, max);
}

int tdm_build_check_length(const struct tdm_provider_job *job, const char *what, const char *text,
                           size_t max, struct tidymail_error *error)
{
    if (strlen(text) <= max) {
        return TIDYMAIL_OK;
    }
    return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                          "%s: %z bytes are more than %s takes (%z)", what, strlen(text),
                          job->provider->capabilities.name, max);
}

int tdm_build_template_number(const struct tdm_provider_job *job, int64_t *number,
                              struct tidymail_error *error)
{
    const char *id = job->mail->service->template_id;
    size_t digits = strspn(id, "0123456789");
    *number = 0;
    if (digits == 0 || digits > 18 || id[digits] != '\0') {
        return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                              "template: %s knows templates by their number only",
                              job->provider->capabilities.name);
    }
    for (; *id != '\0'; id++) {
        *number = *number * 10 + (*id - '0');
    }
    return TIDYMAIL_OK;
}

const char *tdm_build_file_name(const struct tdm_mail_file *file)
{
    static const char *const endings[][2] = {
        {"text/plain", "attachment.txt"},      {"text/html", "attachment.html"},
        {"text/csv", "attachment.csv"},        {"text/calendar", "attachment.ics"},
        {"text/xml", "attachment.xml"},        {"application/xml", "attachment.xml"},
        {"application/pdf", "attachment.pdf"}, {"application/json", "attachment.json"},
        {"application/zip", "attachment.zip"}, {"application/gzip", "attachment.gz"},
        {"image/png", "attachment.png"},       {"image/jpeg", "attachment.jpg"},
        {"image/gif", "attachment.gif"},       {"image/svg+xml", "attachment.svg"},
        {"image/webp", "attachment.webp"},     {"audio/mpeg", "attachment.mp3"},
        {"video/mp4", "attachment.mp4"},       {"message/rfc822", "attachment.eml"},
    };
    if (file->name != NULL && file->name[0] != '\0') {
        return file->name;
    }
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (tdm_equal_nocase(file->media_type, endings[i][0])) {
            return endings[i][1];
        }
    }
    return "attachment.bin";
}

enum tdm_feature tdm_build_lost_in_fields(const struct tdm_provider_job *job)
{
    const char *names = tdm_provider_option(job, "inline-names");
    if (tdm_mail_uses(job->mail, TDM_FEATURE_INLINE_NAMES) &&
        (names == NULL || strcmp(names, "yes") == 0)) {
        return TDM_FEATURE_INLINE_NAMES;
    }
    return tdm_mail_uses(job->mail, TDM_FEATURE_PART_FIELDS) ? TDM_FEATURE_PART_FIELDS
           : tdm_mail_uses(job->mail, TDM_FEATURE_GROUPS)    ? TDM_FEATURE_GROUPS
                                                             : TDM_FEATURE_COUNT;
}

int tdm_build_refuse_beside(const struct tdm_provider_job *job, const char *what,
                            struct tidymail_error *error)
{
    enum tdm_feature lost = tdm_build_lost_in_fields(job);
    tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                   "%s: %s does not take this with %s", tdm_feature_words(lost),
                   job->provider->capabilities.name, what);
    tdm_text_set(&error->allocator, &error->hint,
                 lost == TDM_FEATURE_INLINE_NAMES
                     ? "give the image its Content-ID as its name, or leave the name out with the "
                       "option inline-names=no"
                     : "leave one of the two out");
    return error->kind;
}

int64_t tdm_build_files_size(const struct tdm_mail *mail, int in_base64)
{
    int64_t size = 0;
    for (size_t i = 0; i < mail->file_count; i++) {
        int64_t length = (int64_t)mail->files[i].bytes.length;
        size += in_base64 ? (length + 2) / 3 * 4 : length;
    }
    return size;
}

size_t tdm_build_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return count;
}

int tdm_build_is_listed(const char *const *list, const char *name)
{
    for (; list != NULL && *list != NULL; list++) {
        size_t length = strlen(*list);
        if ((*list)[length - 1] == '*'
                ? tdm_same_nocase(*list, length - 1, name,
                                  strlen(name) < length - 1 ? strlen(name) : length - 1)
                : tdm_equal_nocase(*list, name)) {
            return 1;
        }
    }
    return 0;
}

int tdm_build_put_headers(struct tdm_json *json, const struct tdm_provider_job *job, json_t *object,
                          const char *const *refused, struct tidymail_error *error)
{
    const struct tdm_mail *mail = job->mail;
    for (size_t i = 0; i < mail->field_count; i++) {
        const char *name = mail->fields[i].name;
        if (tdm_build_is_listed(refused, name)) {
            return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                                  "header field %s: %s does not take it", name,
                                  job->provider->capabilities.name);
        }
        if (tdm_mail_field(mail, name) != mail->fields[i].value) {
            return tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                                  "header field %s: %s takes it only once", name,
                                  job->provider->capabilities.name);
        }
        tdm_json_put_text(json, object, name, mail->fields[i].value);
    }
    return TIDYMAIL_OK;
}

void tdm_build_put_filled(struct tdm_json *json, json_t *object, const char *name, json_t *value)
{
    if (value != NULL && json_object_size(value) + json_array_size(value) == 0) {
        json_decref(value);
        return;
    }
    tdm_json_put(json, object, name, value);
}

void tdm_build_put_some(struct tdm_json *json, json_t *object, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        tdm_json_put_text(json, object, name, text);
    }
}

static int build_take(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

void tdm_build_put_as_text(struct tdm_json *json, json_t *object, const char *name, json_t *value)
{
    struct tdm_buf text;
    tdm_buf_init(&text, NULL, TDM_HTTP_BODY_MAX);
    if (value == NULL ||
        json_dump_callback(value, build_take, &text, JSON_COMPACT | JSON_ENSURE_ASCII) != 0) {
        text.failed = 1;
    }
    tdm_json_put_buf(json, object, name, &text);
    json_decref(value);
}

const char *tdm_build_origin(const struct tdm_provider_job *job,
                             const struct tdm_build_origin *origins, struct tidymail_error *error)
{
    for (const struct tdm_build_origin *at = origins; at->region != NULL; at++) {
        if (strcmp(at->region, job->account->region) == 0) {
            return at->origin;
        }
    }
    tdm_error_setf(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                   "option region: %s has no such region", job->provider->capabilities.name);
    return NULL;
}
