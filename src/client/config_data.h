/* config_data.h: what a configuration is made of, between config.c (the file) and config_account.c (from
 * an account to a transport). */
#ifndef TDM_CLIENT_CONFIG_DATA_H
#define TDM_CLIENT_CONFIG_DATA_H

#include <tidymail/config.h>

#include "report/report_data.h"

struct tdm_setting {
    char *keyword;
    char *value;
    int line;
};

struct tidymail_account {
    const tidymail_config *config;
    char *name;
    struct tdm_setting *settings; /* the last of a keyword counts */
    size_t count;
    size_t capacity;
    /* What config_account.c makes of them. */
    struct tidymail_error error;
    char *url;
    char **options;
    size_t option_count;
    tidymail_transport_options open;
};

struct tidymail_config {
    tidymail_allocator allocator;
    struct tidymail_error error; /* sticky */
    char *path;
    int is_system; /* its owner decides who may read it */
    int has_password;
    struct tidymail_account **accounts;
    size_t count;
    struct tidymail_account defaults;
};

/* NULL where it is not set. */
const struct tdm_setting *tdm_account_find(const tidymail_account *account, const char *keyword);
/* Is the address one of those that `from` stands for? */
int tdm_config_from_matches(const char *pattern, const char *address);
/* Makes URL and options of the settings; what cannot be had sticks to the account. TIDYMAIL_OK, or
 * TIDYMAIL_KIND_LOCAL when out of memory. */
int tdm_account_resolve(tidymail_account *account);
void tdm_account_unresolve(tidymail_account *account);

#endif
