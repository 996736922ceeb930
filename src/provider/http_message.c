/* http_message.c: see http_message.h. */
#include "provider/http_message.h"

#include <string.h>

#include "util/base64.h"
#include "util/str.h"

#define HTTP_FIELD_MAX ((size_t)64 * 1024)

static void http_free_secret(const tidymail_allocator *allocator, char *text)
{
    if (text != NULL) {
        tdm_wipe(text, strlen(text));
    }
    tdm_free(allocator, text);
}

static void http_fields_clear(const tidymail_allocator *allocator, struct tdm_http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        tdm_free(allocator, fields->items[i].name);
        http_free_secret(allocator, fields->items[i].value);
    }
    tdm_free(allocator, fields->items);
    memset(fields, 0, sizeof(*fields));
}

/* Takes name and value over; 0, or -1: out of memory. */
static int http_fields_add(const tidymail_allocator *allocator, struct tdm_http_fields *fields,
                           char *name, char *value, int secret)
{
    if (name != NULL && value != NULL && fields->count == fields->capacity) {
        size_t capacity = fields->capacity > 0 ? fields->capacity * 2 : 8;
        struct tdm_http_field *items =
            tdm_resize_array(allocator, fields->items, capacity, sizeof(*items));
        if (items != NULL) {
            fields->items = items;
            fields->capacity = capacity;
        }
    }
    if (name == NULL || value == NULL || fields->count == fields->capacity) {
        tdm_free(allocator, name);
        http_free_secret(allocator, value);
        return -1;
    }
    struct tdm_http_field *field = &fields->items[fields->count++];
    field->name = name;
    field->value = value;
    field->secret = secret;
    return 0;
}

void tdm_http_request_init(struct tdm_http_request *request, const tidymail_allocator *allocator)
{
    memset(request, 0, sizeof(*request));
    request->allocator = tdm_allocator_or_default(allocator);
    request->method = "POST";
    tdm_buf_init(&request->body, &request->allocator, TDM_HTTP_BODY_MAX);
}

void tdm_http_request_clear(struct tdm_http_request *request)
{
    tidymail_allocator allocator = request->allocator;
    tdm_free(&allocator, request->origin);
    tdm_free(&allocator, request->path);
    http_fields_clear(&allocator, &request->fields);
    tdm_buf_wipe(&request->body);
    memset(request, 0, sizeof(*request));
}

void tdm_http_request_set_target(struct tdm_http_request *request, const char *origin,
                                 const char *path)
{
    tdm_free(&request->allocator, request->origin);
    tdm_free(&request->allocator, request->path);
    request->origin = tdm_strdup(&request->allocator, origin);
    request->path = tdm_strdup(&request->allocator, path);
    request->failed |= request->origin == NULL || request->path == NULL;
}

void tdm_http_request_add(struct tdm_http_request *request, const char *name, const char *value)
{
    const tidymail_allocator *allocator = &request->allocator;
    request->failed |= http_fields_add(allocator, &request->fields, tdm_strdup(allocator, name),
                                       tdm_strdup(allocator, value), 0) != 0;
}

/* A buffer's text becomes the value of a secret field. */
static void http_add_secret_buf(struct tdm_http_request *request, const char *name,
                                struct tdm_buf *value)
{
    const tidymail_allocator *allocator = &request->allocator;
    char *copy = value->failed ? NULL : tdm_strdup(allocator, tdm_buf_text(value));
    tdm_buf_wipe(value);
    request->failed |=
        http_fields_add(allocator, &request->fields, tdm_strdup(allocator, name), copy, 1) != 0;
}

void tdm_http_request_add_secret(struct tdm_http_request *request, const char *name,
                                 const char *before, const char *secret)
{
    struct tdm_buf value;
    tdm_buf_init(&value, &request->allocator, HTTP_FIELD_MAX);
    tdm_buf_add_str(&value, before);
    tdm_buf_add_str(&value, secret);
    http_add_secret_buf(request, name, &value);
}

void tdm_http_request_add_basic(struct tdm_http_request *request, const char *user,
                                const char *password)
{
    struct tdm_buf login;
    struct tdm_buf value;
    tdm_buf_init(&login, &request->allocator, HTTP_FIELD_MAX);
    tdm_buf_init(&value, &request->allocator, HTTP_FIELD_MAX * 2);
    tdm_buf_addf(&login, "%s:%s", user, password);
    tdm_buf_add_str(&value, "Basic ");
    if (login.failed) {
        value.failed = 1;
    } else {
        tdm_base64_encode(&value, login.data, login.length);
    }
    tdm_buf_wipe(&login);
    http_add_secret_buf(request, "Authorization", &value);
}

void tdm_http_response_init(struct tdm_http_response *response, const tidymail_allocator *allocator)
{
    memset(response, 0, sizeof(*response));
    response->allocator = tdm_allocator_or_default(allocator);
    tdm_buf_init(&response->body, &response->allocator, TDM_HTTP_ANSWER_MAX);
}

void tdm_http_response_clear(struct tdm_http_response *response)
{
    tidymail_allocator allocator = response->allocator;
    http_fields_clear(&allocator, &response->fields);
    tdm_buf_clear(&response->body);
    memset(response, 0, sizeof(*response));
}

int tdm_http_response_add(struct tdm_http_response *response, const char *name, size_t name_length,
                          const char *value, size_t value_length)
{
    const tidymail_allocator *allocator = &response->allocator;
    return http_fields_add(allocator, &response->fields, tdm_strndup(allocator, name, name_length),
                           tdm_strndup(allocator, value, value_length), 0);
}

const char *tdm_http_response_field(const struct tdm_http_response *response, const char *name)
{
    for (size_t i = 0; i < response->fields.count; i++) {
        if (tdm_equal_nocase(response->fields.items[i].name, name)) {
            return response->fields.items[i].value;
        }
    }
    return NULL;
}

void tdm_http_escape(struct tdm_buf *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (tdm_is_alnum((char)c) || strchr("-._~", c) != NULL) { /* RFC 3986 2.3 */
            tdm_buf_add_char(out, (char)c);
        } else {
            tdm_buf_add_char(out, '%');
            tdm_buf_add_char(out, hex[c >> 4]);
            tdm_buf_add_char(out, hex[c & 15]);
        }
    }
}
