/*
 * build_text.h: what services share that take addresses as text ("Ann Lee <ann@example.org>") and
 * marks (tags and metadata) as pairs of name and value.
 */
#ifndef TDM_PROVIDER_BUILD_TEXT_H
#define TDM_PROVIDER_BUILD_TEXT_H

#include "provider/build_parts.h"

/* One mailbox as JSON text; `encoded` as for tdm_mail_add_mailbox. */
json_t *tdm_build_mailbox_text(struct tdm_json *json, const struct tdm_provider_job *job,
                               const struct tdm_mailbox *mailbox, int encoded);
/* Puts a list as an array of these, or nothing where it is empty. */
void tdm_build_put_mailbox_texts(struct tdm_json *json, const struct tdm_provider_job *job,
                                 json_t *object, const char *name,
                                 const struct tdm_mailbox_list *list, int encoded);
/* Puts a list as one text with commas, or nothing where it is empty. */
void tdm_build_put_mailbox_list(struct tdm_json *json, const struct tdm_provider_job *job,
                                json_t *object, const char *name,
                                const struct tdm_mailbox_list *list, int encoded);
/* Refuses a message without To, where the service wants one. */
int tdm_build_require_to(const struct tdm_provider_job *job, struct tidymail_error *error);

/* Tags and metadata as [{name_name: name, value_name: value}]. A tag has "tag" as its name, the next one
 * "tag2", .... Letters, digits, "_" and "-" are taken, 256 of them; all else is refused with `hint`. */
json_t *tdm_build_pairs(struct tdm_json *json, const struct tdm_provider_job *job,
                        const char *name_name, const char *value_name, const char *hint,
                        struct tidymail_error *error);

#endif
