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

#include <tidymail/error.h>

#include "attach_options.h"
#include "exit_code.h"

#define JSON_PATH_SIZE 64

struct json_reader {
    tidymail_message *message;
    message_json_attach attach;
    const char *html; /* of the object; NULL: none */
    unsigned keys;
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

static int json_set_headers(struct json_reader *reader, const json_t *list)
{
    if (!json_is_array(list)) {
        return json_fail(reader, "headers", "not an array of [name, value]");
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

static int json_member(struct json_reader *reader, const char *key, const json_t *value)
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
    if (strcmp(key, "flowed") == 0) {
        return json_is_boolean(value)
                   ? json_result(reader, key,
                                 tidymail_message_set_flowed(reader->message, json_is_true(value)))
                   : json_fail(reader, key, "neither true nor false");
    }
    if (strcmp(key, "headers") == 0) {
        return json_set_headers(reader, value);
    }
    return 0; /* attachments: they come when html is known */
}

/* A key as it may be shown: what a slip of the pen can be, nothing else. */
static int json_is_plain_key(const char *key)
{
    size_t length = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return length > 0 && length <= 40 && key[length] == '\0';
}

static int json_refuse_unknown(struct json_reader *reader, const char *key)
{
    static const char *const known[] = {"from",     "to",      "cc",      "bcc",
                                        "reply_to", "subject", "text",    "html",
                                        "calendar", "flowed",  "headers", "attachments"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(key, known[i]) == 0) {
            return 0;
        }
    }
    failure_hint(reader->failure, "keys: from to cc bcc reply_to subject text html calendar flowed "
                                  "headers attachments");
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
    struct json_reader reader = {message, attach, NULL, 0, failure};
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
