/*
 * build_parts.h: what several services share when they make a request. Errors are of kind message and
 * phase prepare where nothing else is said; a function that sets one returns its kind.
 */
#ifndef TDM_PROVIDER_BUILD_PARTS_H
#define TDM_PROVIDER_BUILD_PARTS_H

#include "provider/json.h"

#define TDM_BUILD_DATE_MAX 20

/* "2026-11-24T14:25:20" in UTC, with `separator` for the T. */
void tdm_build_date(int64_t unix_s, char separator, char out[TDM_BUILD_DATE_MAX]);
/* Reads such a date (RFC 3339 5.6, in UTC) at `text`; 0, or -1: there is none. */
int tdm_build_date_read(const char *text, int64_t *unix_s);
/* Refuses a time to send at that is more than `max_s` ahead; `limit` is that in words. */
int tdm_build_check_send_at(const struct tdm_provider_job *job, int64_t max_s, const char *limit,
                            struct tidymail_error *error);
/* Refuses more of `what` ("cc") than the service takes. */
int tdm_build_check_count(const struct tdm_provider_job *job, const char *what, size_t count,
                          size_t max, struct tidymail_error *error);
/* Refuses a text of more bytes than the service takes. */
int tdm_build_check_length(const struct tdm_provider_job *job, const char *what, const char *text,
                           size_t max, struct tidymail_error *error);
/* The template where it is to be a number. */
int tdm_build_template_number(const struct tdm_provider_job *job, int64_t *number,
                              struct tidymail_error *error);
/* The name of a file; of one that has none "attachment" with the ending of its type. */
const char *tdm_build_file_name(const struct tdm_mail_file *file);
/* What the fields of a service have no place for, while MIME has: names of inline images beside their
 * Content-IDs (unless the option inline-names gives them up), groups of addresses, descriptions of
 * files. TDM_FEATURE_COUNT: nothing. */
enum tdm_feature tdm_build_lost_in_fields(const struct tdm_provider_job *job);
/* Refuses that beside `what`, which MIME has no place for. */
int tdm_build_refuse_beside(const struct tdm_provider_job *job, const char *what,
                            struct tidymail_error *error);
#define TDM_BUILD_INLINE_NAMES                                                                     \
    {                                                                                              \
        "inline-names", TDM_OPTION_BOOLEAN, NULL,                                                  \
            "no: names of inline images beside their Content-IDs are left out, for which the "     \
            "message "                                                                             \
            "would go as MIME"                                                                     \
    }
/* Bytes of all files, and of their base64. */
int64_t tdm_build_files_size(const struct tdm_mail *mail, int in_base64);
/* Characters, not bytes. */
size_t tdm_build_characters(const char *text);

/* Puts the header fields as {name: value}. Refused by name: those listed in `refused` (a name, or
 * its begin and a "*"; ends in NULL; may be NULL), and one that stands twice. */
int tdm_build_put_headers(struct tdm_json *json, const struct tdm_provider_job *job, json_t *object,
                          const char *const *refused, struct tidymail_error *error);
/* 1 where `name` is in such a list. */
int tdm_build_is_listed(const char *const *list, const char *name);
/* Puts an object or array, or drops an empty one. */
void tdm_build_put_filled(struct tdm_json *json, json_t *object, const char *name, json_t *value);
/* Puts a text that is not empty. */
void tdm_build_put_some(struct tdm_json *json, json_t *object, const char *name, const char *text);
/* Puts a value as JSON text, in ASCII. */
void tdm_build_put_as_text(struct tdm_json *json, json_t *object, const char *name, json_t *value);

struct tdm_build_origin {
    const char *region; /* "": the usual one */
    const char *origin;
};
/* The origin for the account's region, of a list that ends in NULL; NULL and an error of kind
 * configuration where the service does not have the region. */
const char *tdm_build_origin(const struct tdm_provider_job *job,
                             const struct tdm_build_origin *origins, struct tidymail_error *error);

#endif
