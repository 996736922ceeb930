/* account.h: where a message goes: a URL, or an account of the configuration file. */
#ifndef TIDYMAIL_CLI_ACCOUNT_H
#define TIDYMAIL_CLI_ACCOUNT_H

#include <tidymail/config.h>

#include "args.h"

struct cli_account {
    const char *url; /* NULL where it is an account */
    const tidymail_account *account;
    tidymail_config *config; /* NULL where none was read */
};

/* --account and --config. */
extern const struct cli_option account_options[];

/* Chooses by --url (or `url`, where that is given in another way), --account, TIDYMAIL_URL (unless
 * --config names a file), and of the configuration the account whose `from` is the address in `from`
 * (NULL: not known), else the default one. 0 or -1; the caller ends it with account_release. */
int account_choose(struct cli_account *own, const struct cli_args *args, const char *url,
                   const char *from, struct cli_failure *failure);
/* Reads a configuration (NULL: the usual files); 0 or -1. */
int account_load(struct cli_account *own, const char *path, struct cli_failure *failure);
/* The account of a name; 0 or -1. */
int account_by_name(struct cli_account *own, const char *name, struct cli_failure *failure);
void account_release(struct cli_account *own);
/* Its `from` where that is one address, else NULL. */
const char *account_from(const struct cli_account *own);
/* A setting of the account, NULL where there is none. */
const char *account_setting(const struct cli_account *own, const char *keyword);
int account_setting_is(const struct cli_account *own, const char *keyword, const char *value);
/* For what takes a URL and options: the URL, and in `transport` the account's own options in front of those
 * of the command line, which beat them. `*both` holds them, to be freed in every case. NULL with the
 * failure, or where there is neither URL nor account. */
const char *account_merge(const struct cli_account *own, tidymail_transport_options *transport,
                          const char ***both, struct cli_failure *failure);
tidymail_transport *account_open(const struct cli_account *own,
                                 const tidymail_transport_options *options);

#endif
