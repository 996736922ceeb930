/* json.c: see json.h. */
#include "provider/json.h"

#include <string.h>

#include "util/base64.h"
#include "util/str.h"

#define JSON_PATH_MAX 128

/* A new value, or memory ran out. */
static json_t *json_made(struct tdm_json *json, json_t *value)
{
    json->failed |= value == NULL;
    return value;
}

json_t *tdm_json_object(struct tdm_json *json)
{
    return json_made(json, json_object());
}

json_t *tdm_json_array(struct tdm_json *json)
{
    return json_made(json, json_array());
}

void tdm_json_put(struct tdm_json *json, json_t *object, const char *name, json_t *value)
{
    json->failed |= json_object_set_new(object, name, value) != 0;
}

void tdm_json_put_text(struct tdm_json *json, json_t *object, const char *name, const char *text)
{
    tdm_json_put(json, object, name, json_string(text));
}

void tdm_json_put_number(struct tdm_json *json, json_t *object, const char *name, int64_t number)
{
    tdm_json_put(json, object, name, json_integer(number));
}

void tdm_json_put_flag(struct tdm_json *json, json_t *object, const char *name, int flag)
{
    tdm_json_put(json, object, name, json_boolean(flag));
}

void tdm_json_put_base64(struct tdm_json *json, json_t *object, const char *name, const void *bytes,
                         size_t length)
{
    struct tdm_buf text;
    tdm_buf_init(&text, NULL, TDM_HTTP_BODY_MAX);
    tdm_base64_encode(&text, bytes, length);
    tdm_json_put_buf(json, object, name, &text);
}

void tdm_json_put_buf(struct tdm_json *json, json_t *object, const char *name, struct tdm_buf *buf)
{
    tdm_json_put(json, object, name,
                 buf->failed ? NULL : json_stringn(tdm_buf_text(buf), buf->length));
    tdm_buf_clear(buf);
}

void tdm_json_append(struct tdm_json *json, json_t *array, json_t *value)
{
    json->failed |= json_array_append_new(array, value) != 0;
}

void tdm_json_append_text(struct tdm_json *json, json_t *array, const char *text)
{
    tdm_json_append(json, array, json_string(text));
}

json_t *tdm_json_mailbox(struct tdm_json *json, const struct tdm_mailbox *mailbox,
                         const char *email_name, const char *name_name)
{
    json_t *object = tdm_json_object(json);
    tdm_json_put_text(json, object, email_name, mailbox->spec);
    if (mailbox->name != NULL && mailbox->name[0] != '\0') {
        tdm_json_put_text(json, object, name_name, mailbox->name);
    }
    return object;
}

json_t *tdm_json_mailboxes(struct tdm_json *json, const struct tdm_mailbox_list *list,
                           const char *email_name, const char *name_name)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < list->count; i++) {
        tdm_json_append(json, array,
                        tdm_json_mailbox(json, &list->items[i], email_name, name_name));
    }
    return array;
}

json_t *tdm_json_metadata(struct tdm_json *json, const struct tdm_mail *mail)
{
    json_t *object = tdm_json_object(json);
    const struct tdm_service_pairs *metadata = &mail->service->metadata;
    for (size_t i = 0; i < metadata->count; i++) {
        tdm_json_put_text(json, object, metadata->items[i].name, metadata->items[i].value);
    }
    return object;
}

json_t *tdm_json_tags(struct tdm_json *json, const struct tdm_mail *mail)
{
    json_t *array = tdm_json_array(json);
    for (size_t i = 0; i < mail->service->tag_count; i++) {
        tdm_json_append_text(json, array, mail->service->tags[i]);
    }
    return array;
}

/* A text that must be a JSON object. */
static json_t *json_read_object(const char *text, const char *what, struct tidymail_error *error)
{
    json_error_t why;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (value != NULL && json_is_object(value)) {
        return value;
    }
    if (value == NULL) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: not JSON, at offset %d: %s", what, why.position, why.text);
    } else {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                       "%s: not a JSON object", what);
    }
    json_decref(value);
    return NULL;
}

json_t *tdm_json_template_values(struct tdm_json *json, const struct tdm_mail *mail,
                                 struct tidymail_error *error)
{
    return mail->service->template_values == NULL
               ? tdm_json_object(json)
               : json_read_object(mail->service->template_values, "template values", error);
}

static json_t *json_step(const json_t *value, const char *step)
{
    if (!json_is_array(value)) {
        return json_object_get(value, step);
    }
    size_t index = 0;
    for (; tdm_is_digit(*step) && index < 1000000; step++) {
        index = index * 10 + (size_t)(*step - '0');
    }
    return *step == '\0' ? json_array_get(value, index) : NULL;
}

/* Puts a value at a path, whose objects are made where they are missing. */
static void json_put_at(struct tdm_json *json, json_t *root, const char *path, json_t *value)
{
    char step[JSON_PATH_MAX];
    size_t length = strcspn(path, "/");
    while (path[length] != '\0' && length < sizeof(step)) {
        memcpy(step, path, length);
        step[length] = '\0';
        json_t *next = json_step(root, step);
        if (next == NULL) {
            next = tdm_json_object(json);
            tdm_json_put(json, root, step, next);
        }
        root = next;
        path += length + 1;
        length = strcspn(path, "/");
    }
    tdm_json_put(json, root, path, value);
}

static json_t *json_option_value(const struct tdm_service_option *option, const char *text)
{
    if (option->type == TDM_OPTION_BOOLEAN) {
        return json_boolean(strcmp(text, "yes") == 0);
    }
    if (option->type == TDM_OPTION_INTEGER || option->type == TDM_OPTION_JSON) {
        return json_loads(text, JSON_DECODE_ANY, NULL); /* was checked */
    }
    return json_string(text);
}

/* Members of `from` over those of `to`; objects in both are merged. */
static void json_merge(struct tdm_json *json, json_t *to, json_t *from)
{
    const char *name;
    json_t *value;
    json_object_foreach(from, name, value)
    {
        json_t *old = json_object_get(to, name);
        if (json_is_object(old) && json_is_object(value)) {
            json_merge(json, old, value);
        } else {
            json->failed |= json_object_set(to, name, value) != 0;
        }
    }
}

int tdm_json_put_options(struct tdm_json *json, const struct tdm_provider_job *job, json_t *root,
                         struct tidymail_error *error)
{
    const struct tdm_service_option *option = job->provider->options;
    for (; option != NULL && option->name != NULL; option++) {
        const char *text = tdm_provider_option(job, option->name);
        if (text != NULL && option->path != NULL) {
            json_put_at(json, root, option->path, json_option_value(option, text));
        }
    }
    const char *extra = tdm_provider_option(job, "extra");
    if (extra != NULL) {
        json_t *object = json_read_object(extra, "option extra", error);
        if (object == NULL) {
            return error->kind;
        }
        json_merge(json, root, object);
        json_decref(object);
    }
    return TIDYMAIL_OK;
}

static int json_take(const char *bytes, size_t length, void *context)
{
    return tdm_buf_add(context, bytes, length);
}

/* Nothing but the key, where it is of the body. */
static void json_empty(struct tdm_json *json, json_t *root)
{
    json_t *key = json_incref(json_object_get(root, "key"));
    json->failed |= json_object_clear(root) != 0;
    if (key != NULL) {
        tdm_json_put(json, root, "key", key);
    }
}

int tdm_json_finish(struct tdm_json *json, json_t *root, struct tdm_http_request *request,
                    struct tidymail_error *error)
{
    if (request->is_probe && !json->failed) {
        json_empty(json, root);
    }
    if (error->kind == TIDYMAIL_OK && !json->failed) {
        json->failed |= json_dump_callback(root, json_take, &request->body, JSON_COMPACT) != 0;
        tdm_http_request_add(request, "Content-Type", "application/json");
    }
    json_decref(root);
    if (error->kind == TIDYMAIL_OK && (json->failed || request->failed || request->body.failed)) {
        tdm_provider_no_memory(error);
    }
    return error->kind;
}

json_t *tdm_json_read(const struct tdm_http_response *response)
{
    return json_loadb(tdm_buf_text(&response->body), response->body.length, 0, NULL);
}

const json_t *tdm_json_at(const json_t *root, const char *path)
{
    char step[JSON_PATH_MAX];
    while (root != NULL && *path != '\0') {
        size_t length = strcspn(path, "/");
        if (length >= sizeof(step)) {
            return NULL;
        }
        memcpy(step, path, length);
        step[length] = '\0';
        root = json_step(root, step);
        path += length + (path[length] == '/');
    }
    return root;
}

const char *tdm_json_text_at(const json_t *root, const char *path)
{
    return json_string_value(tdm_json_at(root, path));
}
