/* form.h: a request's body as multipart/form-data (RFC 7578). Failures are kept in the request. */
#ifndef TDM_PROVIDER_FORM_H
#define TDM_PROVIDER_FORM_H

#include "provider/provider.h"

#define TDM_FORM_BOUNDARY_MAX 48

struct tdm_form {
    struct tdm_http_request *request;
    char boundary[TDM_FORM_BOUNDARY_MAX];
};

/* The boundary is made of the job's random bytes: it stands in no part. */
void tdm_form_begin(struct tdm_form *form, const struct tdm_provider_job *job,
                    struct tdm_http_request *request);
void tdm_form_add(struct tdm_form *form, const char *name, const char *value);
void tdm_form_add_file(struct tdm_form *form, const char *name, const char *file_name,
                       const char *type, const void *bytes, size_t length);
/* The buffer as a value; it is cleared. */
void tdm_form_add_buf(struct tdm_form *form, const char *name, struct tdm_buf *value);
/* The end of the body, and Content-Type. */
void tdm_form_end(struct tdm_form *form);

#endif
