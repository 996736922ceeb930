/* check_domain.h: what the files that read DNS share. */
#ifndef TDM_CHECK_CHECK_DOMAIN_H
#define TDM_CHECK_CHECK_DOMAIN_H

#include "check/check_data.h"
#include "net/resolve.h"

struct tdm_check_dns {
    tidymail_check *check;
    struct tdm_loop loop;
    const char *domain;
    const char *server; /* the host that sends, for what its service wants in SPF; "" unknown */
    int spf_lookups;    /* RFC 7208 4.6.4 */
    int spf_found;      /* the service's include is there */
};

/* The records of a name; TIDYMAIL_OK (there may be none), or the kind of the error. Both are to be
 * cleared. */
int tdm_check_records(struct tdm_check_dns *dns, const char *name, enum tdm_record kind,
                      struct tdm_text_list *records, struct tidymail_error *error);
void tdm_check_free_records(struct tdm_check_dns *dns, struct tdm_text_list *records);

/* check_spf.c */
void tdm_check_spf(struct tdm_check_dns *dns);

#endif
