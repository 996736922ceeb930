/*
 * json.h: what the services share of JSON, over jansson: a builder that remembers that memory ran
 * out, and readers that never fail.
 */
#ifndef TDM_PROVIDER_JSON_H
#define TDM_PROVIDER_JSON_H

#include <jansson.h>

#include "provider/provider.h"

/* A new value, or NULL and *failed is 1. All take *failed along: 1 makes them do nothing. Values that
 * are put somewhere belong to it afterwards, in every case. */
struct tdm_json {
    int failed;
};

json_t *tdm_json_object(struct tdm_json *json);
json_t *tdm_json_array(struct tdm_json *json);
/* Puts a value under a name; NULL as `value` (out of memory) is remembered. */
void tdm_json_put(struct tdm_json *json, json_t *object, const char *name, json_t *value);
void tdm_json_put_text(struct tdm_json *json, json_t *object, const char *name, const char *text);
void tdm_json_put_number(struct tdm_json *json, json_t *object, const char *name, int64_t number);
void tdm_json_put_flag(struct tdm_json *json, json_t *object, const char *name, int flag);
/* The bytes in base64 without line breaks. */
void tdm_json_put_base64(struct tdm_json *json, json_t *object, const char *name, const void *bytes,
                         size_t length);
/* What was written into a buffer, as text; the buffer is cleared. */
void tdm_json_put_buf(struct tdm_json *json, json_t *object, const char *name, struct tdm_buf *buf);
void tdm_json_append(struct tdm_json *json, json_t *array, json_t *value);
void tdm_json_append_text(struct tdm_json *json, json_t *array, const char *text);
/* {email_name: spec, name_name: name}, the name left out where there is none. */
json_t *tdm_json_mailbox(struct tdm_json *json, const struct tdm_mailbox *mailbox,
                         const char *email_name, const char *name_name);
/* An array of these. */
json_t *tdm_json_mailboxes(struct tdm_json *json, const struct tdm_mailbox_list *list,
                           const char *email_name, const char *name_name);
/* Metadata of the message as {name: value}. */
json_t *tdm_json_metadata(struct tdm_json *json, const struct tdm_mail *mail);
/* Tags as [text]. */
json_t *tdm_json_tags(struct tdm_json *json, const struct tdm_mail *mail);
/* The values of the template: an object, empty where there are none. NULL and `error` set where the
 * text is no JSON object. */
json_t *tdm_json_template_values(struct tdm_json *json, const struct tdm_mail *mail,
                                 struct tidymail_error *error);
/* The service's own options where their path says, and "extra" merged in. */
int tdm_json_put_options(struct tdm_json *json, const struct tdm_provider_job *job, json_t *root,
                         struct tidymail_error *error);
/* Writes `root` as the request's body (compact, UTF-8), with its Content-Type, and frees it.
 * TIDYMAIL_OK or out of memory. `error` may already be set: then its kind comes back. */
int tdm_json_finish(struct tdm_json *json, json_t *root, struct tdm_http_request *request,
                    struct tidymail_error *error);

/* The answer's body as JSON; NULL: it is none. */
json_t *tdm_json_read(const struct tdm_http_response *response);
/* The text at a path of members and indices parted by "/" ("errors/0/message"); NULL: there is none. A
 * number there is no text. */
const char *tdm_json_text_at(const json_t *root, const char *path);
/* The value at such a path; NULL: there is none. */
const json_t *tdm_json_at(const json_t *root, const char *path);

#endif
