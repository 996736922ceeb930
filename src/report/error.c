/* error.c: the one error object: set once, copied, read. Texts that cannot be allocated are missing;
 * the plain members are always right. */
#include <stdarg.h>
#include <string.h>

#include "report/report_data.h"

#define ERROR_MESSAGE_MAX 4096

void tdm_error_init(struct tidymail_error *error, const tidymail_allocator *allocator)
{
    memset(error, 0, sizeof(*error));
    error->allocator = tdm_allocator_or_default(allocator);
    error->retry_after = -1;
}

void tdm_error_clear(struct tidymail_error *error)
{
    tidymail_allocator allocator = error->allocator;
    tdm_free(&allocator, error->service_code);
    tdm_free(&allocator, error->reply);
    tdm_free(&allocator, error->message);
    tdm_free(&allocator, error->hint);
    tdm_error_init(error, &allocator);
}

void tdm_text_set(const tidymail_allocator *allocator, char **member, const char *text)
{
    char *copy = tdm_strdup(allocator, text);
    if (copy != NULL || text == NULL) {
        tdm_free(allocator, *member);
        *member = copy;
    }
}

int tdm_error_set(struct tidymail_error *error, int kind, int phase, const char *message,
                  const char *hint)
{
    if (error->kind != TIDYMAIL_OK) {
        return error->kind;
    }
    error->kind = kind;
    error->phase = phase;
    tdm_text_set(&error->allocator, &error->message, message);
    tdm_text_set(&error->allocator, &error->hint, hint);
    return kind;
}

int tdm_error_setf(struct tidymail_error *error, int kind, int phase, const char *format, ...)
{
    if (error->kind != TIDYMAIL_OK) {
        return error->kind;
    }
    struct tdm_buf text;
    tdm_buf_init(&text, &error->allocator, ERROR_MESSAGE_MAX);
    va_list args;
    va_start(args, format);
    int failed = tdm_buf_vaddf(&text, format, args);
    va_end(args);
    tdm_error_set(error, kind, phase, failed ? NULL : tdm_buf_text(&text), NULL);
    tdm_buf_clear(&text);
    return kind;
}

void tdm_error_copy(struct tidymail_error *to, const struct tidymail_error *from)
{
    const tidymail_allocator *allocator = &to->allocator;
    tdm_text_set(allocator, &to->service_code, from->service_code);
    tdm_text_set(allocator, &to->reply, from->reply);
    tdm_text_set(allocator, &to->message, from->message);
    tdm_text_set(allocator, &to->hint, from->hint);
    to->kind = from->kind;
    to->phase = from->phase;
    to->code = from->code;
    to->retryable = from->retryable;
    to->maybe_delivered = from->maybe_delivered;
    to->retry_after = from->retry_after;
    memcpy(to->enhanced, from->enhanced, sizeof(to->enhanced));
}

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

int tidymail_error_kind(const tidymail_error *error)
{
    return error != NULL ? error->kind : TIDYMAIL_OK;
}

int tidymail_error_phase(const tidymail_error *error)
{
    return error != NULL ? error->phase : TIDYMAIL_PHASE_PREPARE;
}

int tidymail_error_retryable(const tidymail_error *error)
{
    return error != NULL && error->retryable;
}

int tidymail_error_maybe_delivered(const tidymail_error *error)
{
    return error != NULL && error->maybe_delivered;
}

int tidymail_error_code(const tidymail_error *error)
{
    return error != NULL ? error->code : 0;
}

const char *tidymail_error_enhanced(const tidymail_error *error)
{
    return error != NULL ? error->enhanced : "";
}

const char *tidymail_error_service_code(const tidymail_error *error)
{
    return error != NULL ? text_or_empty(error->service_code) : "";
}

const char *tidymail_error_reply(const tidymail_error *error)
{
    return error != NULL ? text_or_empty(error->reply) : "";
}

/* Words are never missing where there is an error, not even when memory ran out. */
const char *tidymail_error_message(const tidymail_error *error)
{
    if (error == NULL || error->kind == TIDYMAIL_OK) {
        return "";
    }
    return error->message != NULL ? error->message : tidymail_kind_name(error->kind);
}

const char *tidymail_error_hint(const tidymail_error *error)
{
    return error != NULL ? text_or_empty(error->hint) : "";
}

int tidymail_error_retry_after(const tidymail_error *error)
{
    return error != NULL ? error->retry_after : -1;
}
