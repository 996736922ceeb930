/* rest_secrets.c: see rest_secrets.h. */
#include "transport/rest_secrets.h"

#include <string.h>

#include "util/base64.h"
#include "util/str.h"

#define SECRET_SHORTEST 4 /* less is no secret, and would star out half of every text */
#define SECRET_LONG 16    /* keys are longer; what is shorter may be a word of an answer */
#define SECRET_TEXT_MAX ((size_t)256 * 1024)

void tdm_secrets_init(struct tdm_secrets *secrets, const tidymail_allocator *allocator)
{
    memset(secrets, 0, sizeof(*secrets));
    secrets->allocator = *allocator;
}

void tdm_secrets_clear(struct tdm_secrets *secrets)
{
    for (size_t i = 0; i < secrets->count; i++) {
        tdm_wipe(secrets->items[i], strlen(secrets->items[i]));
        tdm_free(&secrets->allocator, secrets->items[i]);
    }
    secrets->count = 0;
}

/* One form, in its place by length. */
static void secrets_add_form(struct tdm_secrets *secrets, const char *text, size_t length)
{
    if (length < SECRET_SHORTEST) {
        return;
    }
    for (size_t i = 0; i < secrets->count; i++) {
        if (strlen(secrets->items[i]) == length && memcmp(secrets->items[i], text, length) == 0) {
            return;
        }
    }
    char *copy =
        secrets->count < TDM_SECRETS_MAX ? tdm_strndup(&secrets->allocator, text, length) : NULL;
    if (copy == NULL) {
        secrets->failed = 1;
        return;
    }
    size_t at = secrets->count++;
    while (at > 0 && strlen(secrets->items[at - 1]) < length) {
        secrets->items[at] = secrets->items[at - 1];
        at--;
    }
    secrets->items[at] = copy;
}

/* Escaped for a URL, with large and with small letters; with JSON's escaped slash. */
static void secrets_add_escaped(struct tdm_secrets *secrets, const char *text, struct tdm_buf *form)
{
    tdm_http_escape(form, text);
    secrets_add_form(secrets, tdm_buf_text(form), form->length);
    for (size_t i = 0; i + 2 < form->length; i++) {
        if (form->data[i] == '%') {
            form->data[i + 1] = tdm_lower(form->data[i + 1]);
            form->data[i + 2] = tdm_lower(form->data[i + 2]);
        }
    }
    secrets_add_form(secrets, tdm_buf_text(form), form->length);
    secrets->failed |= form->failed;
    tdm_buf_reset(form);
    for (const char *at = text; *at != '\0'; at++) {
        tdm_buf_add_str(form, *at == '/' ? "\\" : "");
        tdm_buf_add_char(form, *at);
    }
    secrets_add_form(secrets, tdm_buf_text(form), form->length);
    secrets->failed |= form->failed;
    tdm_buf_reset(form);
}

/* In base64 behind 0, 1 and 2 other bytes: the part that depends on nothing else. */
static void secrets_add_base64(struct tdm_secrets *secrets, const char *text, struct tdm_buf *form)
{
    size_t length = strlen(text);
    struct tdm_buf shifted;
    tdm_buf_init(&shifted, &secrets->allocator, SECRET_TEXT_MAX);
    for (size_t before = 0; before < 3; before++) {
        tdm_buf_reset(&shifted);
        tdm_buf_add(&shifted, "\0\0", before);
        tdm_buf_add_str(&shifted, text);
        if (!shifted.failed) {
            tdm_base64_encode(form, shifted.data, shifted.length);
        }
        size_t start = (before * 8 + 5) / 6;
        size_t end = (before + length) * 8 / 6;
        if (!form->failed && end > start && end <= form->length) {
            secrets_add_form(secrets, form->data + start, end - start);
        }
        secrets->failed |= shifted.failed || form->failed;
        tdm_buf_reset(form);
    }
    tdm_buf_wipe(&shifted);
}

void tdm_secrets_add(struct tdm_secrets *secrets, const char *text)
{
    struct tdm_buf form;
    size_t length = text != NULL ? strlen(text) : 0;
    if (length < SECRET_SHORTEST) {
        return;
    }
    tdm_buf_init(&form, &secrets->allocator, SECRET_TEXT_MAX);
    secrets_add_form(secrets, text, length);
    secrets_add_escaped(secrets, text, &form);
    secrets_add_base64(secrets, text, &form);
    tdm_buf_wipe(&form);
}

void tdm_secrets_add_fields(struct tdm_secrets *secrets, const struct tdm_http_request *request)
{
    for (size_t i = 0; i < request->fields.count; i++) {
        const struct tdm_http_field *field = &request->fields.items[i];
        if (field->secret) {
            const char *blank = strchr(field->value, ' ');
            secrets_add_form(secrets, field->value, strlen(field->value));
            if (blank != NULL) {
                secrets_add_form(secrets, blank + 1, strlen(blank + 1));
            }
        }
    }
}

void tdm_secrets_hide(const struct tdm_secrets *secrets, const char *text, size_t length,
                      size_t shortest, struct tdm_buf *out)
{
    if (secrets->failed) {
        tdm_buf_add_str(out, length > 0 ? "***" : "");
        return;
    }
    size_t at = 0;
    while (at < length) {
        size_t i = 0;
        size_t size = 0;
        for (; i < secrets->count; i++) {
            size = strlen(secrets->items[i]);
            if (size >= shortest && size <= length - at && text[at] == secrets->items[i][0] &&
                memcmp(text + at, secrets->items[i], size) == 0) {
                break;
            }
        }
        if (i < secrets->count) {
            tdm_buf_add_str(out, "***");
            at += size;
        } else {
            tdm_buf_add_char(out, text[at++]);
        }
    }
}

/* The same in place, for a text of its own on the heap. */
static void secrets_hide_text(const struct tdm_secrets *secrets,
                              const tidymail_allocator *allocator, size_t shortest, char **text)
{
    struct tdm_buf safe;
    if (*text == NULL) {
        return;
    }
    tdm_buf_init(&safe, allocator, TDM_HTTP_ANSWER_MAX * 4);
    tdm_secrets_hide(secrets, *text, strlen(*text), shortest, &safe);
    char *copy = safe.failed ? NULL : tdm_strdup(allocator, tdm_buf_text(&safe));
    tdm_buf_clear(&safe);
    tdm_free(allocator, *text);
    *text = copy; /* a text is rather missing than with a secret in it */
}

void tdm_secrets_hide_response(const struct tdm_secrets *secrets,
                               struct tdm_http_response *response)
{
    const tidymail_allocator *allocator = &response->allocator;
    struct tdm_buf safe;
    if (secrets->failed) {
        return; /* what is shown of it is hidden then, and it has to be understood */
    }
    for (size_t i = 0; i < response->fields.count; i++) {
        struct tdm_http_field *field = &response->fields.items[i];
        tdm_buf_init(&safe, allocator, SECRET_TEXT_MAX);
        tdm_secrets_hide(secrets, field->value, strlen(field->value), SECRET_LONG, &safe);
        char *copy = safe.failed ? NULL : tdm_strdup(allocator, tdm_buf_text(&safe));
        tdm_buf_clear(&safe);
        if (copy != NULL) {
            tdm_free(allocator, field->value);
            field->value = copy;
        }
    }
    tdm_buf_init(&safe, allocator, TDM_HTTP_ANSWER_MAX * 4);
    tdm_secrets_hide(secrets, tdm_buf_text(&response->body), response->body.length, SECRET_LONG,
                     &safe);
    if (!safe.failed) {
        tdm_buf_clear(&response->body);
        response->body = safe;
    } else {
        tdm_buf_clear(&safe);
    }
}

void tdm_secrets_hide_report(const struct tdm_secrets *secrets, tidymail_report *report)
{
    const tidymail_allocator *allocator = &report->allocator;
    char **texts[] = {&report->error.reply, &report->error.message, &report->error.service_code,
                      &report->service_id};
    /* the hint is ours, as far as anybody knows */
    secrets_hide_text(secrets, allocator, SECRET_LONG, &report->error.hint);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        secrets_hide_text(secrets, allocator, SECRET_SHORTEST, texts[i]);
    }
    for (size_t i = 0; i < report->recipient_count; i++) {
        secrets_hide_text(secrets, allocator, SECRET_SHORTEST, &report->recipients[i].reply);
        secrets_hide_text(secrets, allocator, SECRET_SHORTEST, &report->recipients[i].service_id);
    }
    for (size_t i = 0; i < report->notes.count; i++) {
        secrets_hide_text(secrets, allocator, SECRET_SHORTEST, &report->notes.items[i]);
        if (report->notes.items[i] == NULL) {
            report->notes.items[i] = tdm_strdup(allocator, "***");
        }
    }
}
