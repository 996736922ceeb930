/* build_text.c: see build_text.h. */
#include "provider/build_text.h"

#include <string.h>

#include "util/str.h"

#define BUILD_LIST_MAX ((size_t)1024 * 1024)
#define BUILD_PAIR_MAX 256
#define BUILD_TAG_NAME_MAX 32

json_t *tdm_build_mailbox_text(struct tdm_json *json, const struct tdm_provider_job *job,
                               const struct tdm_mailbox *mailbox, int encoded)
{
    struct tdm_buf text;
    tdm_buf_init(&text, job->allocator, BUILD_LIST_MAX);
    tdm_mail_add_mailbox(&text, mailbox, encoded);
    json_t *value = text.failed ? NULL : json_stringn(tdm_buf_text(&text), text.length);
    json->failed |= value == NULL;
    tdm_buf_clear(&text);
    return value;
}

void tdm_build_put_mailbox_texts(struct tdm_json *json, const struct tdm_provider_job *job,
                                 json_t *object, const char *name,
                                 const struct tdm_mailbox_list *list, int encoded)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < list->count; i++) {
        tdm_json_append(json, array, tdm_build_mailbox_text(json, job, &list->items[i], encoded));
    }
    tdm_build_put_filled(json, object, name, array);
}

void tdm_build_put_mailbox_list(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *object, const char *name,
                                const struct tdm_mailbox_list *list, int encoded)
{
    if (list->count > 0) {
        struct tdm_buf text;
        tdm_buf_init(&text, job->allocator, BUILD_LIST_MAX);
        tdm_mail_add_mailboxes(&text, list, encoded);
        tdm_json_put_buf(json, object, name, &text);
    }
}

int tdm_build_require_to(const struct tdm_provider_job *job, struct tidymail_error *error)
{
    if (job->mail->to->count > 0 || error->kind != TIDYMAIL_OK) {
        return error->kind;
    }
    tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                   "to: %s does not send a message that has none",
                   job->provider->capabilities.name);
    tdm_text_set(&error->allocator, &error->hint, "address it to somebody, such as the sender");
    return error->kind;
}

static int build_fits_pair(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (!tdm_is_alnum(text[i]) && text[i] != '_' && text[i] != '-') {
            return 0;
        }
    }
    return length > 0 && length <= BUILD_PAIR_MAX;
}

/* What the pairs are made with. */
struct build_pairs {
    struct tdm_json *json;
    const struct tdm_provider_job *job;
    json_t *array;
    const char *name_name;
    const char *value_name;
    const char *hint;
};

static int build_pair_is_there(const struct build_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < json_array_size(pairs->array); i++) {
        const json_t *pair = json_array_get(pairs->array, i);
        if (strcmp(tdm_json_text_at(pair, pairs->name_name), name) == 0) {
            return 1;
        }
    }
    return 0;
}

static void build_add_pair(const struct build_pairs *pairs, const char *what, const char *name,
                           const char *value, struct tidymail_error *error)
{
    if (pairs->json->failed || error->kind != TIDYMAIL_OK) {
        return;
    }
    if (pairs->json->failed) {
        return;
    }
    if (!build_fits_pair(name) || !build_fits_pair(value)) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: %s takes letters, digits, - and _ of ASCII there, %d of them at most",
                       what, pairs->job->provider->capabilities.name, BUILD_PAIR_MAX);
        tdm_text_set(&error->allocator, &error->hint, pairs->hint);
        return;
    }
    if (build_pair_is_there(pairs, name)) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: the name %s is taken by a tag of the message", what, name);
        return;
    }
    json_t *pair = tdm_json_object(pairs->json);
    tdm_json_put_text(pairs->json, pair, pairs->name_name, name);
    tdm_json_put_text(pairs->json, pair, pairs->value_name, value);
    tdm_json_append(pairs->json, pairs->array, pair);
}

json_t *tdm_build_pairs(struct tdm_json *json, const struct tdm_provider_job *job,
                        const char *name_name, const char *value_name, const char *hint,
                        struct tidymail_error *error)
{
    const struct tdm_service_wishes *service = job->mail->service;
    struct build_pairs pairs = {json, job, tdm_json_array(json), name_name, value_name, hint};
    if (tdm_provider_wants(job, TDM_FEATURE_TAGS)) {
        for (size_t i = 0; i < service->tag_count; i++) {
            struct tdm_buf name;
            tdm_buf_init(&name, job->allocator, BUILD_TAG_NAME_MAX);
            tdm_buf_add_str(&name, "tag");
            if (i > 0) {
                tdm_buf_addf(&name, "%z", i + 1);
            }
            json->failed |= name.failed;
            build_add_pair(&pairs, "tags", tdm_buf_text(&name), service->tags[i], error);
            tdm_buf_clear(&name);
        }
    }
    if (tdm_provider_wants(job, TDM_FEATURE_METADATA)) {
        for (size_t i = 0; i < service->metadata.count; i++) {
            build_add_pair(&pairs, "metadata", service->metadata.items[i].name,
                           service->metadata.items[i].value, error);
        }
    }
    return pairs.array;
}
