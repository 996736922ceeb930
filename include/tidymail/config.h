/*
 * config.h: accounts from a file in msmtprc's format (lines of a keyword and its value), with the
 * keywords of msmtp and those of tidymail: url, from, password-from and every option of a URL.
 * docs/config.md lists them. A file of msmtp's can be used as it is.
 */
#ifndef TIDYMAIL_CONFIG_H
#define TIDYMAIL_CONFIG_H

#include <tidymail/transport.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_config tidymail_config;
typedef struct tidymail_account tidymail_account;

/* Reads a file. NULL as `path`: the user's ($XDG_CONFIG_HOME/tidymail/config, else
 * ~/.config/tidymail/config), else the system's (/etc/tidymail/config); where there is none the
 * configuration is empty, which is no error. A file of the user's own with a password in it that others
 * may read is refused (one of another owner or below /etc is not: who put it there decides). What is wrong (with the line) sticks. NULL only when out of memory. */
TIDYMAIL_API tidymail_config *tidymail_config_load(const char *path);
/* The same with an allocator of the caller's (copied; NULL: the C library's). */
TIDYMAIL_API tidymail_config *tidymail_config_load_with(const char *path,
                                                        const tidymail_allocator *allocator);
TIDYMAIL_API void tidymail_config_free(tidymail_config *config);
/* Kind configuration or local; NULL where all is well. */
TIDYMAIL_API const tidymail_error *tidymail_config_error(const tidymail_config *config);
/* The file that was read; "" where there is none. */
TIDYMAIL_API const char *tidymail_config_path(const tidymail_config *config);

/* By name, NULL: the one named "default", else the only one there is. By the address of a From: the
 * first whose `from` is that (a * in it stands for anything). NULL where there is none. Owned by the
 * configuration. */
TIDYMAIL_API const tidymail_account *tidymail_config_account(const tidymail_config *config,
                                                             const char *name);
TIDYMAIL_API const tidymail_account *tidymail_config_account_from(const tidymail_config *config,
                                                                  const char *address);
TIDYMAIL_API size_t tidymail_config_account_count(const tidymail_config *config);
TIDYMAIL_API const tidymail_account *tidymail_config_account_at(const tidymail_config *config,
                                                                size_t index);

TIDYMAIL_API const char *tidymail_account_name(const tidymail_account *account);
/* The value of a keyword ("from", "logfile"), "" where it is not set; in from, domain and maildomain
 * %U, %H and %M have become user, host and mail name; a switch without a value is "on". Do not
 * show the value of "password" or "url". */
TIDYMAIL_API const char *tidymail_account_setting(const tidymail_account *account,
                                                  const char *keyword);
/* What the account asks for and tidymail has not; NULL where all is well. */
TIDYMAIL_API const tidymail_error *tidymail_account_error(const tidymail_account *account);
/* The account as arguments of tidymail_transport_open; they belong to the configuration. Login and
 * password are among them: do not show them. */
TIDYMAIL_API const char *tidymail_account_url(const tidymail_account *account);
TIDYMAIL_API const tidymail_transport_options *
tidymail_account_options(const tidymail_account *account);
/* Opens a transport with all that the account says; what `options` says beats it (its user and password
 * too). The error of the account sticks to the transport. NULL only when out of memory. */
TIDYMAIL_API tidymail_transport *tidymail_account_open(const tidymail_account *account,
                                                       const tidymail_transport_options *options);

TIDYMAIL_END_DECLS

#endif
