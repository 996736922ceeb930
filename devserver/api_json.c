/* api_json.c: bodies of JSON, held against a table of their members (api.h). */
#include <string.h>

#include "api.h"
#include "util/base64.h"
#include "util/str.h"

#define PATH_LIMIT 512

/* Where the check is: the path of the member at hand. */
struct schema_check {
    struct tdm_api_call *call;
    struct tdm_buf path;
};

static const char *const schema_type_words[] = {
    [TDM_API_TEXT] = "a string",
    [TDM_API_NUMBER] = "an integer",
    [TDM_API_FLAG] = "true or false",
    [TDM_API_OBJECT] = "an object",
    [TDM_API_OBJECTS] = "a list of objects",
    [TDM_API_TEXTS] = "a list of strings",
    [TDM_API_TEXT_OR_TEXTS] = "a string or a list of strings",
    [TDM_API_TEXT_OR_OBJECT] = "a string or an object",
    [TDM_API_TEXT_OR_NUMBER] = "a string or an integer",
    [TDM_API_TEXT_MAP] = "an object of strings",
    [TDM_API_MAP] = "an object",
    [TDM_API_BASE64] = "a string of base64",
    [TDM_API_ANY] = "anything",
};

static size_t schema_enter(struct schema_check *check, const char *name)
{
    size_t length = check->path.length;
    tdm_buf_addf(&check->path, "%s%s", length > 0 ? "." : "", name);
    return length;
}

static size_t schema_enter_index(struct schema_check *check, size_t index)
{
    size_t length = check->path.length;
    tdm_buf_addf(&check->path, "%s%z", length > 0 ? "." : "", index);
    return length;
}

static void schema_leave(struct schema_check *check, size_t length)
{
    check->path.length = length;
    if (check->path.data != NULL) {
        check->path.data[length] = '\0';
    }
}

static int schema_wrong_type(struct schema_check *check, const struct tdm_api_member *member)
{
    return tdm_api_refuse(check->call, TDM_API_TYPE, tdm_buf_text(&check->path), "'%s' must be %s",
                          tdm_buf_text(&check->path), schema_type_words[member->type]);
}

static int schema_too_long(struct schema_check *check, const struct tdm_api_member *member,
                           const char *of)
{
    return tdm_api_refuse(check->call, TDM_API_LIMIT, tdm_buf_text(&check->path),
                          "'%s' has more than %z %s", tdm_buf_text(&check->path), member->max, of);
}

static int schema_text_fits(struct schema_check *check, const struct tdm_api_member *member,
                            json_t *value)
{
    if (member->max > 0 && json_string_length(value) > member->max) {
        return schema_too_long(check, member, "bytes");
    }
    return 0;
}

static int schema_texts(struct schema_check *check, const struct tdm_api_member *member,
                        json_t *list)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        size_t before = schema_enter_index(check, index);
        if (!json_is_string(item)) {
            return schema_wrong_type(check, member);
        }
        if (schema_text_fits(check, member, item) != 0) {
            return -1;
        }
        schema_leave(check, before);
    }
    return 0;
}

static int schema_text_map(struct schema_check *check, const struct tdm_api_member *member,
                           json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        size_t before = schema_enter(check, name);
        if (!json_is_string(value)) {
            return tdm_api_refuse(check->call, TDM_API_TYPE, tdm_buf_text(&check->path),
                                  "'%s' must be a string", tdm_buf_text(&check->path));
        }
        if (schema_text_fits(check, member, value) != 0) {
            return -1;
        }
        schema_leave(check, before);
    }
    return 0;
}

static int schema_base64(struct schema_check *check, json_t *value)
{
    struct tdm_buf bytes;
    tdm_buf_init(&bytes, NULL, json_string_length(value));
    int result = tdm_base64_decode(&bytes, json_string_value(value), json_string_length(value));
    tdm_buf_clear(&bytes);
    return result == 0 ? 0
                       : tdm_api_refuse(check->call, TDM_API_VALUE, tdm_buf_text(&check->path),
                                        "'%s' is not valid base64", tdm_buf_text(&check->path));
}

static int schema_object(struct schema_check *check, json_t *object,
                         const struct tdm_api_member *members);

static int schema_objects(struct schema_check *check, const struct tdm_api_member *member,
                          json_t *list)
{
    size_t index;
    json_t *item;
    if (member->max > 0 && json_array_size(list) > member->max) {
        return schema_too_long(check, member, "items");
    }
    json_array_foreach(list, index, item)
    {
        size_t before = schema_enter_index(check, index);
        if (!json_is_object(item)) {
            return schema_wrong_type(check, member);
        }
        if (schema_object(check, item, member->members) != 0) {
            return -1;
        }
        schema_leave(check, before);
    }
    return 0;
}

/* One value against its row; the path is its. */
static int schema_value(struct schema_check *check, const struct tdm_api_member *member,
                        json_t *value)
{
    switch (member->type) {
    case TDM_API_TEXT:
    case TDM_API_BASE64:
        if (!json_is_string(value)) {
            break;
        }
        if (schema_text_fits(check, member, value) != 0) {
            return -1;
        }
        return member->type == TDM_API_BASE64 ? schema_base64(check, value) : 0;
    case TDM_API_TEXT_OR_NUMBER:
        if (json_is_integer(value)) {
            return 0;
        }
        return json_is_string(value) ? schema_text_fits(check, member, value)
                                     : schema_wrong_type(check, member);
    case TDM_API_NUMBER:
        return json_is_integer(value) ? 0 : schema_wrong_type(check, member);
    case TDM_API_FLAG:
        return json_is_boolean(value) ? 0 : schema_wrong_type(check, member);
    case TDM_API_TEXT_OR_OBJECT:
        if (json_is_string(value)) {
            return schema_text_fits(check, member, value);
        }
        return json_is_object(value) ? schema_object(check, value, member->members)
                                     : schema_wrong_type(check, member);
    case TDM_API_OBJECT:
        return json_is_object(value) ? schema_object(check, value, member->members)
                                     : schema_wrong_type(check, member);
    case TDM_API_OBJECTS:
        return json_is_array(value) ? schema_objects(check, member, value)
                                    : schema_wrong_type(check, member);
    case TDM_API_TEXT_OR_TEXTS:
        if (json_is_string(value)) {
            return schema_text_fits(check, member, value);
        }
        return json_is_array(value) ? schema_texts(check, member, value)
                                    : schema_wrong_type(check, member);
    case TDM_API_TEXTS:
        return json_is_array(value) ? schema_texts(check, member, value)
                                    : schema_wrong_type(check, member);
    case TDM_API_TEXT_MAP:
        return json_is_object(value) ? schema_text_map(check, member, value)
                                     : schema_wrong_type(check, member);
    case TDM_API_MAP:
        return json_is_object(value) ? 0 : schema_wrong_type(check, member);
    case TDM_API_ANY:
        return 0;
    }
    return schema_wrong_type(check, member);
}

static int schema_is_nothing(json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static int schema_object(struct schema_check *check, json_t *object,
                         const struct tdm_api_member *members)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const struct tdm_api_member *member = members;
        while (member->name != NULL && strcmp(member->name, name) != 0) {
            member++;
        }
        size_t before = schema_enter(check, name);
        if (member->name == NULL) {
            return tdm_api_refuse(check->call, TDM_API_UNKNOWN, tdm_buf_text(&check->path),
                                  "'%s' is not a known field", tdm_buf_text(&check->path));
        }
        if (!json_is_null(value) && schema_value(check, member, value) != 0) {
            return -1;
        }
        schema_leave(check, before);
    }
    for (const struct tdm_api_member *member = members; member->name != NULL; member++) {
        if (member->required && schema_is_nothing(json_object_get(object, member->name))) {
            schema_enter(check, member->name);
            return tdm_api_refuse(check->call, TDM_API_MISSING, tdm_buf_text(&check->path),
                                  "'%s' is missing", tdm_buf_text(&check->path));
        }
    }
    return 0;
}

int tdm_api_json_check(struct tdm_api_call *call, json_t *object,
                       const struct tdm_api_member *members, const char *path)
{
    struct schema_check check;
    check.call = call;
    tdm_buf_init(&check.path, NULL, PATH_LIMIT);
    tdm_buf_add_str(&check.path, path);
    int result = schema_object(&check, object, members);
    tdm_buf_clear(&check.path);
    return result;
}

/* application/json, in UTF-8 where it says a charset. */
static int schema_is_media(const char *type)
{
    if (type == NULL) {
        return 0;
    }
    size_t length = strcspn(type, ";");
    const char *rest = type + length;
    while (length > 0 && tdm_is_space(type[length - 1])) {
        length--;
    }
    while (*rest == ';' || tdm_is_space(*rest)) {
        rest++;
    }
    return tdm_equal_nocase_n(type, length, "application/json") &&
           (*rest == '\0' || tdm_equal_nocase(rest, "charset=utf-8") ||
            tdm_equal_nocase(rest, "charset=\"utf-8\""));
}

int tdm_api_json(struct tdm_api_call *call, const struct tdm_api_member *members, json_t **root)
{
    const struct tdm_buf *body = &call->request->body;
    json_error_t error;
    *root = NULL;
    if (!schema_is_media(tdm_served_field(call->request, "Content-Type"))) {
        return tdm_api_refuse(call, TDM_API_MEDIA, "", "Content-Type must be application/json");
    }
    json_t *value = json_loadb(tdm_buf_text(body), body->length, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        return tdm_api_refuse(call, TDM_API_SYNTAX, "", "the body is no JSON, at offset %d",
                              error.position);
    }
    if (!json_is_object(value)) {
        json_decref(value);
        return tdm_api_refuse(call, TDM_API_SYNTAX, "", "the body is no JSON object");
    }
    if (tdm_api_json_check(call, value, members, "") != 0) {
        json_decref(value);
        return -1;
    }
    *root = value;
    return 0;
}

json_t *tdm_api_get(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return value != NULL && !json_is_null(value) ? value : NULL;
}

const char *tdm_api_text(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

int tdm_api_flag(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_true(value) ? 1 : json_is_false(value) ? 0 : -1;
}
