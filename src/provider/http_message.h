/* http_message.h: an HTTP request as data, made here, and the answer to it; carried by the http room
 * (RFC 9110). No I/O. */
#ifndef TDM_PROVIDER_HTTP_MESSAGE_H
#define TDM_PROVIDER_HTTP_MESSAGE_H

#include "util/alloc.h"
#include "util/buf.h"

struct tdm_http_field {
    char *name;
    char *value;
    int secret; /* never shown */
};

struct tdm_http_fields {
    struct tdm_http_field *items;
    size_t count;
    size_t capacity;
};

struct tdm_http_request {
    tidymail_allocator allocator;
    const char *method; /* "POST" */
    char *origin;       /* "https://api.mailgun.net": the service's own, or that of endpoint= */
    char *path;         /* "/v3/example.com/messages", escaped, with its query */
    struct tdm_http_fields fields; /* all but Host and Content-Length */
    struct tdm_buf body;
    int failed; /* memory ran out while it was made */
    int is_probe; /* it is made with an empty body (the key stays): who gets it looks at the key, finds
                     no message and sends nothing */
};

struct tdm_http_response {
    tidymail_allocator allocator;
    int status; /* 0: there was no answer */
    struct tdm_http_fields fields;
    struct tdm_buf body;
};

/* The most that a request's body may hold (the largest that a service takes, and base64 of it). */
#define TDM_HTTP_BODY_MAX ((size_t)128 * 1024 * 1024)
/* The most of an answer that is read. */
#define TDM_HTTP_ANSWER_MAX ((size_t)1024 * 1024)

void tdm_http_request_init(struct tdm_http_request *request, const tidymail_allocator *allocator);
/* Wipes what is secret. */
void tdm_http_request_clear(struct tdm_http_request *request);
/* Copies; failures are kept in request->failed. */
void tdm_http_request_set_target(struct tdm_http_request *request, const char *origin,
                                 const char *path);
void tdm_http_request_add(struct tdm_http_request *request, const char *name, const char *value);
void tdm_http_request_add_secret(struct tdm_http_request *request, const char *name,
                                 const char *before, const char *secret);
/* "Authorization: Basic base64(user:password)" (RFC 7617). */
void tdm_http_request_add_basic(struct tdm_http_request *request, const char *user,
                                const char *password);

void tdm_http_response_init(struct tdm_http_response *response,
                            const tidymail_allocator *allocator);
void tdm_http_response_clear(struct tdm_http_response *response);
/* 0, or -1: out of memory. */
int tdm_http_response_add(struct tdm_http_response *response, const char *name, size_t name_length,
                          const char *value, size_t value_length);
/* The first field of this name, case-blind; NULL: there is none. */
const char *tdm_http_response_field(const struct tdm_http_response *response, const char *name);

/* Appends `text` escaped as one segment of a path: unreserved characters of RFC 3986 stay. */
void tdm_http_escape(struct tdm_buf *out, const char *text);

#endif
