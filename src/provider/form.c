/* form.c: see form.h. */
#include "provider/form.h"

#include <string.h>

void tdm_form_begin(struct tdm_form *form, const struct tdm_provider_job *job,
                    struct tdm_http_request *request)
{
    static const char digits[] = "0123456789abcdef";
    static const char start[] = "tidymail-";
    char *at = form->boundary + strlen(start);
    form->request = request;
    memcpy(form->boundary, start, sizeof(start));
    for (int i = 0; i < 16; i++) {
        *at++ = digits[job->random[i] >> 4];
        *at++ = digits[job->random[i] & 15];
    }
    *at = '\0';
}

/* Quotes and line breaks as browsers write them (RFC 7578 2; UTF-8 stays, 5.1). */
static void form_add_quoted(struct tdm_buf *body, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            tdm_buf_add_str(body, "%22");
        } else if (*text == '\r') {
            tdm_buf_add_str(body, "%0D");
        } else if (*text == '\n') {
            tdm_buf_add_str(body, "%0A");
        } else {
            tdm_buf_add_char(body, *text);
        }
    }
}

static void form_begin_part(struct tdm_form *form, const char *name)
{
    struct tdm_buf *body = &form->request->body;
    tdm_buf_addf(body, "--%s\r\nContent-Disposition: form-data; name=\"", form->boundary);
    form_add_quoted(body, name);
    tdm_buf_add_char(body, '"');
}

void tdm_form_add(struct tdm_form *form, const char *name, const char *value)
{
    form_begin_part(form, name);
    tdm_buf_addf(&form->request->body, "\r\n\r\n%s\r\n", value);
}

void tdm_form_add_file(struct tdm_form *form, const char *name, const char *file_name,
                       const char *type, const void *bytes, size_t length)
{
    struct tdm_buf *body = &form->request->body;
    form_begin_part(form, name);
    tdm_buf_add_str(body, "; filename=\"");
    form_add_quoted(body, file_name);
    tdm_buf_addf(body, "\"\r\nContent-Type: %s\r\n\r\n", type);
    tdm_buf_add(body, bytes, length);
    tdm_buf_add_str(body, "\r\n");
}

void tdm_form_add_buf(struct tdm_form *form, const char *name, struct tdm_buf *value)
{
    form->request->failed |= value->failed;
    if (!value->failed) {
        tdm_form_add(form, name, tdm_buf_text(value));
    }
    tdm_buf_clear(value);
}

void tdm_form_end(struct tdm_form *form)
{
    if (form->request->is_probe) {
        tdm_buf_reset(&form->request->body);
    }
    struct tdm_buf type;
    tdm_buf_init(&type, &form->request->allocator, 256);
    tdm_buf_addf(&form->request->body, "--%s--\r\n", form->boundary);
    tdm_buf_addf(&type, "multipart/form-data; boundary=%s", form->boundary);
    form->request->failed |= type.failed | form->request->body.failed;
    tdm_http_request_add(form->request, "Content-Type", tdm_buf_text(&type));
    tdm_buf_clear(&type);
}
