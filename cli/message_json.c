/*
 * message_json.c: see message_json.h. jansson reads the JSON, this file says what may stand in it.
 * Nothing of a value is repeated in a failure: only where it stands.
 */
#include "message_json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tidymail/error.h>
#include <tidymail/service.h>

#include "attach_options.h"
#include "exit_code.h"
#include "service_values.h"

#define JSON_PATH_SIZE 64

struct json_reader {
    tidymail_message *message;
    message_json_attach attach;
    const char *html; /* of the object; NULL: none */
    unsigned keys;
    int track_opens; /* enum tidymail_tracking */
    int track_clicks;
    struct cli_failure *failure;
};

typedef int (*json_setter)(tidymail_message *message, const char *value);

static int json_fail(struct json_reader *reader, const char *path, const char *words)
{
    return failure_set(reader->failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                       "JSON message: %s: %s", path, words);
}

/* What a call of the library said, with the path to the value. */
static int json_result(struct json_reader *reader, const char *path, int kind)
{
    if (kind == TIDYMAIL_OK) {
        return 0;
    }
    const tidymail_error *error = tidymail_message_error(reader->message);
    const char *words = error != NULL ? tidymail_error_message(error) : "out of memory";
    failure_set(reader->failure, exit_code_of(TIDYMAIL_FAILED, kind, TIDYMAIL_PHASE_PREPARE, 0),
                kind, "JSON message: %s: %s", path, words);
    if (tidymail_error_hint(error)[0] != '\0') {
        failure_hint(reader->failure, tidymail_error_hint(error));
    }
    return -1;
}

/* A string without NUL; NULL with the failure. */
static const char *json_text(struct json_reader *reader, const char *path, const json_t *value)
{
    if (!json_is_string(value)) {
        json_fail(reader, path, "not a string");
        return NULL;
    }
    const char *text = json_string_value(value);
    size_t nul = strlen(text);
    if (nul < json_string_length(value)) {
        char words[64];
        snprintf(words, sizeof(words), "NUL (\\u0000) at offset %zu", nul);
        json_fail(reader, path, words);
        return NULL;
    }
    return text;
}

static int json_set(struct json_reader *reader, const char *path, const json_t *value,
                    json_setter set)
{
    const char *text = json_text(reader, path, value);
    return text == NULL ? -1 : json_result(reader, path, set(reader->message, text));
}

/* An array of strings, or one string in place of an array of one. */
static int json_set_list(struct json_reader *reader, const char *key, const json_t *list,
                         json_setter add)
{
    if (json_is_string(list)) {
        return json_set(reader, key, list, add);
    }
    if (!json_is_array(list)) {
        return json_fail(reader, key, "neither an array of strings nor a string");
    }
    int result = 0;
    for (size_t i = 0; i < json_array_size(list) && result == 0; i++) {
        char path[JSON_PATH_SIZE];
        snprintf(path, sizeof(path), "%s[%zu]", key, i);
        result = json_set(reader, path, json_array_get(list, i), add);
    }
    return result;
}

static int json_set_headers(struct json_reader *reader, const char *key, json_t *list)
{
    if (!json_is_array(list)) {
        return json_fail(reader, key, "not an array of [name, value]");
    }
    int result = 0;
    for (size_t i = 0; i < json_array_size(list) && result == 0; i++) {
        char path[3][JSON_PATH_SIZE];
        const json_t *pair = json_array_get(list, i);
        snprintf(path[0], sizeof(path[0]), "headers[%zu][0]", i);
        snprintf(path[1], sizeof(path[1]), "headers[%zu][1]", i);
        snprintf(path[2], sizeof(path[2]), "headers[%zu]", i);
        if (!json_is_array(pair) || json_array_size(pair) != 2) {
            return json_fail(reader, path[2], "not [name, value]");
        }
        const char *name = json_text(reader, path[0], json_array_get(pair, 0));
        const char *value =
            name != NULL ? json_text(reader, path[1], json_array_get(pair, 1)) : NULL;
        result = value == NULL
                     ? -1
                     : json_result(reader, path[2],
                                   tidymail_message_add_header(reader->message, name, value));
    }
    return result;
}

static int json_base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* RFC 4648 4: padded, without line breaks, unused bits zero. Bytes to free; or NULL, `bad` is the
 * offset of what is wrong and `words` say what (NULL: out of memory). */
static unsigned char *json_base64(const char *text, size_t length, size_t *decoded, size_t *bad,
                                  const char **words)
{
    size_t padding = length >= 2 && text[length - 1] == '=' ? 1 + (text[length - 2] == '=') : 0;
    size_t digits = length - padding;
    unsigned char *bytes = malloc(length / 4 * 3 + 1);
    unsigned bits = 0;
    *decoded = 0;
    *words = NULL;
    for (size_t i = 0; i < digits && bytes != NULL; i++) {
        int digit = json_base64_digit(text[i]);
        if (digit < 0) {
            *bad = i;
            *words = "not base64";
            free(bytes);
            return NULL;
        }
        bits = bits << 6 | (unsigned)digit;
        if (i % 4 != 0 && *decoded < length / 4 * 3) {
            bytes[(*decoded)++] = (unsigned char)(bits >> (6 - i % 4 * 2) & 0xFF);
        }
    }
    unsigned unused = padding == 1 ? 0x3 : padding == 2 ? 0xF : 0;
    if (bytes != NULL && (length % 4 != 0 || (bits & unused) != 0)) {
        *bad = length % 4 != 0 ? length : digits - 1;
        *words = length % 4 != 0 ? "base64 of a wrong length, ending" : "unused bits of base64 set";
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* Fills bytes and length in; the caller frees the bytes. */
static int json_attachment_bytes(struct json_reader *reader, const char *path, const json_t *value,
                                 tidymail_attachment *attachment)
{
    const char *text = json_text(reader, path, value);
    if (text == NULL) {
        return -1;
    }
    size_t bad = 0;
    const char *words = NULL;
    attachment->bytes = json_base64(text, strlen(text), &attachment->length, &bad, &words);
    if (attachment->bytes == NULL && words != NULL) {
        char said[96];
        snprintf(said, sizeof(said), "%s at offset %zu", words, bad);
        return json_fail(reader, path, said);
    }
    return attachment->bytes != NULL
               ? 0
               : failure_set(reader->failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
}

static int json_hex(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)((found - digits) % 16) : -1;
}

/* 1 where `url`, behind "cid:", is `cid` percent-encoded (RFC 2392) and ends with it. */
static int json_is_cid(const char *url, const char *cid)
{
    for (; *cid != '\0'; cid++) {
        int high = url[0] == '%' ? json_hex(url[1]) : -1;
        int low = high >= 0 ? json_hex(url[2]) : -1;
        if (low >= 0 && high * 16 + low == (unsigned char)*cid) {
            url += 3;
        } else if (*url == *cid) {
            url++;
        } else {
            return 0;
        }
    }
    return *url == '\0' || strchr("\"'<>)&#? \t\r\n", *url) != NULL;
}

/* Whether the HTML shows the part: it is inline then, else an attachment that has an id. */
static int json_is_shown(const char *html, const char *cid)
{
    for (const char *p = html; p != NULL && *p != '\0'; p++) {
        if ((p[0] == 'c' || p[0] == 'C') && (p[1] == 'i' || p[1] == 'I') &&
            (p[2] == 'd' || p[2] == 'D') && p[3] == ':' && json_is_cid(p + 4, cid)) {
            return 1;
        }
    }
    return 0;
}

static int json_attachment_member(struct json_reader *reader, const char *where, const char *key,
                                  const json_t *value, tidymail_attachment *attachment)
{
    const struct {
        const char *key;
        const char **member;
    } texts[] = {{"path", &attachment->path},
                 {"name", &attachment->name},
                 {"type", &attachment->type},
                 {"cid", &attachment->content_id}};
    char path[JSON_PATH_SIZE + 16];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(key, texts[i].key) == 0) {
            snprintf(path, sizeof(path), "%s.%s", where, key);
            *texts[i].member = json_text(reader, path, value);
            return *texts[i].member != NULL ? 0 : -1;
        }
    }
    if (strcmp(key, "base64") == 0) {
        snprintf(path, sizeof(path), "%s.base64", where);
        return json_attachment_bytes(reader, path, value, attachment);
    }
    return json_fail(reader, where, "has a key that is none of path, base64, name, type, cid");
}

static int json_add_attachment(struct json_reader *reader, const char *where, json_t *object)
{
    tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
    if (!json_is_object(object)) {
        return json_fail(reader, where, "not an object");
    }
    int result = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        result =
            result == 0 ? json_attachment_member(reader, where, key, value, &attachment) : result;
    }
    if (result == 0 && (attachment.path != NULL) == (attachment.bytes != NULL)) {
        result = json_fail(reader, where, "needs one of path and base64");
    }
    if (result == 0) {
        attachment.is_inline =
            attachment.content_id != NULL && json_is_shown(reader->html, attachment.content_id);
        int kind = reader->attach(reader->message, &attachment);
        char said[JSON_PATH_SIZE + 16];
        snprintf(said, sizeof(said), "JSON message: %s", where);
        result = attachment.path != NULL
                     ? attach_file_result(kind, reader->message, said, reader->failure)
                     : 0;
        result = result == 0 ? json_result(reader, where, kind) : result;
    }
    unsigned char *bytes;
    memcpy(&bytes, &attachment.bytes, sizeof(bytes));
    free(bytes);
    return result;
}

static int json_add_attachments(struct json_reader *reader, const json_t *list)
{
    if (!json_is_array(list)) {
        return json_fail(reader, "attachments", "not an array");
    }
    int result = 0;
    for (size_t i = 0; i < json_array_size(list) && result == 0; i++) {
        char where[JSON_PATH_SIZE];
        snprintf(where, sizeof(where), "attachments[%zu]", i);
        result = json_add_attachment(reader, where, json_array_get(list, i));
    }
    return result;
}

/* A key as it may be shown: what a slip of the pen can be, nothing else. */
static int json_is_plain_key(const char *key)
{
    size_t length = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return length > 0 && length <= 40 && key[length] == '\0';
}

/* "metadata.NAME", or the key alone where the name is not to be shown. */
static void json_path(char *path, size_t size, const char *key, const char *name)
{
    int shown = json_is_plain_key(name);
    snprintf(path, size, "%s.%s", key, shown ? name : "(key)");
}

static int json_flag(struct json_reader *reader, const char *key, const json_t *value, int *flag)
{
    *flag = json_is_true(value);
    return json_is_boolean(value) ? 0 : json_fail(reader, key, "neither true nor false");
}

static int json_set_flowed(struct json_reader *reader, const char *key, json_t *value)
{
    int flag;
    return json_flag(reader, key, value, &flag) == 0
               ? json_result(reader, key, tidymail_message_set_flowed(reader->message, flag))
               : -1;
}

static int json_set_sandbox(struct json_reader *reader, const char *key, json_t *value)
{
    int flag;
    return json_flag(reader, key, value, &flag) == 0
               ? json_result(reader, key, tidymail_message_set_sandbox(reader->message, flag))
               : -1;
}

static int json_set_tracking(struct json_reader *reader, const char *key, json_t *value)
{
    int flag;
    if (json_flag(reader, key, value, &flag) != 0) {
        return -1;
    }
    int *member = strcmp(key, "track_opens") == 0 ? &reader->track_opens : &reader->track_clicks;
    *member = flag ? TIDYMAIL_TRACKING_ON : TIDYMAIL_TRACKING_OFF;
    return json_result(
        reader, key,
        tidymail_message_set_tracking(reader->message, reader->track_opens, reader->track_clicks));
}

static int json_set_metadata(struct json_reader *reader, const char *key, json_t *value)
{
    if (!json_is_object(value)) {
        return json_fail(reader, key, "not an object of name and value");
    }
    int result = 0;
    const char *name;
    json_t *member;
    json_object_foreach(value, name, member)
    {
        char path[JSON_PATH_SIZE];
        json_path(path, sizeof(path), key, name);
        const char *text = result == 0 ? json_text(reader, path, member) : NULL;
        result = text == NULL
                     ? -1
                     : json_result(reader, path,
                                   tidymail_message_add_metadata(reader->message, name, text));
    }
    return result;
}

static int json_set_send_at(struct json_reader *reader, const char *key, json_t *value)
{
    int64_t moment = 0;
    char digits[32];
    const char *text = digits;
    if (json_is_integer(value)) {
        snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value));
    } else if (!json_is_string(value)) {
        return json_fail(reader, key, "neither a string nor a whole number");
    } else {
        text = json_text(reader, key, value);
    }
    const char *problem = text != NULL ? service_moment(text, time(NULL), &moment) : "";
    if (problem != NULL) {
        return text != NULL ? json_fail(reader, key, problem) : -1;
    }
    return json_result(reader, key, tidymail_message_set_send_at(reader->message, moment));
}

/* A value as text, to free; NULL with the failure. Texts and whole numbers are what they are, true and
 * false are yes and no, objects and arrays are JSON. */
static char *json_value_text(struct json_reader *reader, const char *path, const json_t *value,
                             int any)
{
    char digits[32];
    char *copy = NULL;
    if (json_is_integer(value)) {
        snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value));
        copy = strdup(digits);
    } else if (any && json_is_boolean(value)) {
        copy = strdup(json_is_true(value) ? "yes" : "no");
    } else if (any && (json_is_object(value) || json_is_array(value))) {
        copy = json_dumps(value, JSON_COMPACT);
    } else if (!json_is_string(value)) {
        json_fail(reader, path,
                  any ? "null and fractions are no values of an option"
                      : "neither a string nor a whole number");
        return NULL;
    } else {
        const char *text = json_text(reader, path, value);
        copy = text != NULL ? strdup(text) : NULL;
        if (text == NULL) {
            return NULL;
        }
    }
    if (copy == NULL) {
        failure_set(reader->failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    return copy;
}

static int json_set_template(struct json_reader *reader, const char *key, json_t *value)
{
    const json_t *id = json_object_get(value, "id");
    const json_t *values = json_object_get(value, "values");
    if (!json_is_object(value) || id == NULL ||
        json_object_size(value) != 1 + (size_t)(values != NULL)) {
        return json_fail(reader, key, "not an object of id and values");
    }
    if (values != NULL && !json_is_object(values)) {
        return json_fail(reader, "template.values", "not an object");
    }
    char *text = json_value_text(reader, "template.id", id, 0);
    char *filled = text != NULL && values != NULL
                       ? json_value_text(reader, "template.values", values, 1)
                       : NULL;
    int result = -1;
    if (text != NULL && (filled != NULL || values == NULL)) {
        result =
            json_result(reader, key, tidymail_message_set_template(reader->message, text, filled));
    }
    free(text);
    free(filled);
    return result;
}

static int json_set_options_of(struct json_reader *reader, const char *where, const char *service,
                               json_t *object)
{
    if (!json_is_object(object)) {
        return json_fail(reader, where, "not an object of name and value");
    }
    int result = 0;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        char path[JSON_PATH_SIZE * 2];
        json_path(path, sizeof(path), where, name);
        char *text = result == 0 ? json_value_text(reader, path, value, 1) : NULL;
        result = text == NULL ? -1
                              : json_result(reader, path,
                                            tidymail_message_set_service_option(
                                                reader->message, service, name, text));
        free(text);
    }
    return result;
}

static int json_set_services(struct json_reader *reader, const char *key, json_t *value)
{
    if (!json_is_object(value)) {
        return json_fail(reader, key, "not an object of services");
    }
    int result = 0;
    const char *service;
    json_t *options;
    json_object_foreach(value, service, options)
    {
        char path[JSON_PATH_SIZE];
        const char *near = NULL;
        json_path(path, sizeof(path), key, service);
        if (result == 0 && !service_is_known(service, strlen(service), &near)) {
            failure_hint(reader->failure, "tidymail providers lists the services");
            result = json_fail(reader, path, "there is no such service");
        }
        result = result == 0 ? json_set_options_of(reader, path, service, options) : result;
    }
    return result;
}

static int json_member(struct json_reader *reader, const char *key, json_t *value)
{
    static const struct {
        const char *key;
        json_setter set;
        unsigned bit; /* 0: a list */
    } members[] = {
        {"from", tidymail_message_set_from, MESSAGE_JSON_FROM},
        {"to", tidymail_message_add_to, 0},
        {"cc", tidymail_message_add_cc, 0},
        {"bcc", tidymail_message_add_bcc, 0},
        {"reply_to", tidymail_message_add_reply_to, 0},
        {"subject", tidymail_message_set_subject, MESSAGE_JSON_SUBJECT},
        {"text", tidymail_message_set_text, MESSAGE_JSON_TEXT},
        {"html", tidymail_message_set_html, MESSAGE_JSON_HTML},
        {"calendar", tidymail_message_set_calendar, MESSAGE_JSON_CALENDAR},
        {"tags", tidymail_message_add_tag, 0},
        {"idempotency_key", tidymail_message_set_idempotency_key, MESSAGE_JSON_KEY},
    };
    static const struct {
        const char *key;
        int (*set)(struct json_reader *reader, const char *key, json_t *value);
        unsigned bit;
    } others[] = {
        {"headers", json_set_headers, 0},
        {"flowed", json_set_flowed, 0},
        {"metadata", json_set_metadata, 0},
        {"track_opens", json_set_tracking, MESSAGE_JSON_TRACK},
        {"track_clicks", json_set_tracking, MESSAGE_JSON_TRACK},
        {"send_at", json_set_send_at, MESSAGE_JSON_SEND_AT},
        {"template", json_set_template, MESSAGE_JSON_TEMPLATE},
        {"sandbox", json_set_sandbox, 0},
        {"service_options", json_set_services, 0},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (strcmp(key, members[i].key) != 0) {
            continue;
        }
        if (members[i].bit == 0) {
            return json_set_list(reader, key, value, members[i].set);
        }
        reader->keys |= members[i].bit;
        if (members[i].bit == MESSAGE_JSON_HTML && json_is_string(value)) {
            reader->html = json_string_value(value);
        }
        return json_set(reader, key, value, members[i].set);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(key, others[i].key) == 0) {
            reader->keys |= others[i].bit;
            return others[i].set(reader, key, value);
        }
    }
    return 0; /* attachments: they come when html is known */
}

static int json_refuse_unknown(struct json_reader *reader, const char *key)
{
    static const char *const known[] = {"from",
                                        "to",
                                        "cc",
                                        "bcc",
                                        "reply_to",
                                        "subject",
                                        "text",
                                        "html",
                                        "calendar",
                                        "flowed",
                                        "headers",
                                        "attachments",
                                        "tags",
                                        "metadata",
                                        "track_opens",
                                        "track_clicks",
                                        "send_at",
                                        "template",
                                        "idempotency_key",
                                        "sandbox",
                                        "service_options"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(key, known[i]) == 0) {
            return 0;
        }
    }
    failure_hint(
        reader->failure,
        "keys: from to cc bcc reply_to subject text html calendar flowed headers attachments "
        "tags metadata track_opens track_clicks send_at template idempotency_key sandbox "
        "service_options");
    return json_fail(reader, json_is_plain_key(key) ? key : "(key)", "unknown key");
}

static int json_apply(struct json_reader *reader, json_t *object)
{
    if (!json_is_object(object)) {
        return failure_set(reader->failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                           "JSON message: not an object");
    }
    int result = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        result = result == 0 ? json_refuse_unknown(reader, key) : result;
    }
    json_object_foreach(object, key, value)
    {
        result = result == 0 ? json_member(reader, key, value) : result;
    }
    const json_t *attachments = json_object_get(object, "attachments");
    return result == 0 && attachments != NULL ? json_add_attachments(reader, attachments) : result;
}

/* jansson's own words repeat the text around the place. */
static const char *json_syntax_words(const json_error_t *error)
{
    static const struct {
        enum json_error_code code;
        const char *words;
    } known[] = {
        {json_error_out_of_memory, "out of memory"},
        {json_error_stack_overflow, "nested too deeply"},
        {json_error_invalid_utf8, "invalid UTF-8"},
        {json_error_premature_end_of_input, "ends too early"},
        {json_error_end_of_input_expected, "something stands behind the object"},
        {json_error_null_character, "NUL (\\u0000)"},
        {json_error_null_byte_in_key, "NUL (\\u0000) in a key"},
        {json_error_duplicate_key, "a key is given twice"},
        {json_error_numeric_overflow, "a number is too large"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (json_error_code(error) == known[i].code) {
            return known[i].words;
        }
    }
    return "not JSON";
}

int message_json_apply(tidymail_message *message, const char *bytes, size_t length,
                       message_json_attach attach, unsigned *keys, struct cli_failure *failure)
{
    struct json_reader reader = {message, attach, NULL, 0, 0, 0, failure};
    json_error_t error;
    /* Any value at the top, so that "not an object" can be said; NUL, so that its path can be. */
    json_t *object = json_loadb(bytes, length,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    int result = -1;
    if (object == NULL) {
        failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                    "JSON message: %s at line %d, column %d", json_syntax_words(&error), error.line,
                    error.column);
    } else {
        result = json_apply(&reader, object);
    }
    json_decref(object);
    if (keys != NULL) {
        *keys = reader.keys;
    }
    return result;
}
