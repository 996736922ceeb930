/*
 * parameter.h: a structured field with parameters, such as Content-Type and Content-Disposition (RFC
 * 2045 5.1). Values that are no token are quoted; what is not ASCII, or too long for a line, becomes
 * RFC 2231 (name*=utf-8''..., name*0*=...). Lines are folded between parameters only.
 */
#ifndef TDM_MESSAGE_PARAMETER_H
#define TDM_MESSAGE_PARAMETER_H

#include "util/buf.h"

struct tdm_parameter {
    const char *name;
    const char *value; /* UTF-8, without control characters; NULL: left out */
    int compatible; /* 1: where the value needs RFC 2231, it stands once more, behind that, in the
                          form that old readers know: name="=?utf-8?...?=" (RFC 2047); 2: in that form
                          only, such as the name of Content-Type beside the filename of
                          Content-Disposition */
};

/* "Name: value; a=b; c="d e"" and CRLF. `name`, `value` and the names of the parameters are tokens. A
 * boundary stays whole whatever its length (RFC 2046 5.1.1: 70 at most). */
void tdm_header_add_parameters(struct tdm_buf *out, const char *name, const char *value,
                               const struct tdm_parameter *parameters, size_t count);

/* The longest name of a parameter that is read. */
#define TDM_PARAMETER_NAME_MAX 60

struct tdm_content_type {
    char *type;    /* lower case "type/subtype" */
    char **names;  /* of the parameters, lower case */
    char **values; /* unquoted */
    size_t count;
};

struct tdm_parameter_error {
    size_t offset;
    const char *reason; /* NULL: out of memory */
};

/* Reads "type/subtype; a=b; c=\"d e\"" as a caller gives it. 0, or -1 and `error` is filled in (`type`
 * is empty then). Values hold no control characters, and what they hold over 127 is UTF-8. */
int tdm_content_type_parse(const tidymail_allocator *allocator, const char *text,
                           struct tdm_content_type *type, struct tdm_parameter_error *error);
void tdm_content_type_clear(const tidymail_allocator *allocator, struct tdm_content_type *type);

#endif
