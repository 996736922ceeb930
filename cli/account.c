/* account.c: see account.h. */
#include "account.h"

#include <stdlib.h>
#include <string.h>

#include <tidymail/address.h>

#include "exit_code.h"

const struct cli_option account_options[] = {
    {"account", "NAME", "an account of the configuration file (docs/config.md)", 0},
    {"config", "FILE", "that file, in place of ~/.config/tidymail/config", 0},
    {NULL, NULL, NULL, 0},
};

int account_load(struct cli_account *own, const char *path, struct cli_failure *failure)
{
    own->config = tidymail_config_load(path);
    const tidymail_error *error = tidymail_config_error(own->config);
    if (own->config != NULL && error == NULL) {
        return 0;
    }
    int kind = error != NULL ? tidymail_error_kind(error) : TIDYMAIL_KIND_LOCAL;
    failure_set(failure, exit_code_of(TIDYMAIL_FAILED, kind, TIDYMAIL_PHASE_PREPARE, 0), kind, "%s",
                error != NULL ? tidymail_error_message(error) : "out of memory");
    if (error != NULL && tidymail_error_hint(error)[0] != '\0') {
        failure_hint(failure, tidymail_error_hint(error));
    }
    return -1;
}

int account_by_name(struct cli_account *own, const char *name, struct cli_failure *failure)
{
    own->account = tidymail_config_account(own->config, name);
    if (own->account != NULL) {
        return 0;
    }
    const char *path = tidymail_config_path(own->config);
    if (path[0] == '\0') {
        return failure_set(failure, CLI_EXIT_CONFIGURATION, TIDYMAIL_KIND_CONFIGURATION,
                           "there is no configuration file for the account %.40s", name);
    }
    return failure_set(failure, CLI_EXIT_CONFIGURATION, TIDYMAIL_KIND_CONFIGURATION,
                       "%s has no account named %.40s", path, name);
}

/* The one whose `from` it is. */
static const tidymail_account *account_of_sender(const tidymail_config *config, const char *from)
{
    const tidymail_account *found = NULL;
    tidymail_address_list *list =
        from != NULL ? tidymail_address_list_parse(from, TIDYMAIL_ADDRESS_LENIENT) : NULL;
    if (tidymail_address_list_count(list) > 0) {
        found = tidymail_config_account_from(config, tidymail_address_list_spec(list, 0));
    }
    tidymail_address_list_free(list);
    return found;
}

static int account_none(const struct cli_account *own, struct cli_failure *failure)
{
    if (tidymail_config_account_count(own->config) > 0) {
        failure_usage(failure, "which account? %s has %zu, and none is named default",
                      tidymail_config_path(own->config),
                      tidymail_config_account_count(own->config));
        failure_hint(failure, "choose with --account, or add the line: account default : NAME");
        return -1;
    }
    failure_usage(failure, "no URL: neither --url, --account nor TIDYMAIL_URL is given");
    failure_hint(failure, "such as --url smtp://user:password@mail.example.org");
    return -1;
}

int account_choose(struct cli_account *own, const struct cli_args *args, const char *url,
                   const char *from, struct cli_failure *failure)
{
    const char *name = args_get(args, "account");
    const char *path = args_get(args, "config");
    memset(own, 0, sizeof(*own));
    own->url = url != NULL ? url : args_get(args, "url");
    if (own->url != NULL && name != NULL) {
        return failure_usage(failure, "a URL and --account cannot go together");
    }
    if (own->url == NULL && name == NULL && path == NULL) {
        own->url = getenv("TIDYMAIL_URL");
    }
    if (own->url != NULL && own->url[0] != '\0') {
        return 0;
    }
    own->url = NULL;
    if (account_load(own, path, failure) != 0) {
        return -1;
    }
    if (name != NULL) {
        return account_by_name(own, name, failure);
    }
    own->account = account_of_sender(own->config, from);
    if (own->account == NULL) {
        own->account = tidymail_config_account(own->config, NULL);
    }
    return own->account != NULL ? 0 : account_none(own, failure);
}

void account_release(struct cli_account *own)
{
    tidymail_config_free(own->config);
    memset(own, 0, sizeof(*own));
}

const char *account_setting(const struct cli_account *own, const char *keyword)
{
    const char *value = tidymail_account_setting(own->account, keyword);
    return value[0] != '\0' ? value : NULL;
}

int account_setting_is(const struct cli_account *own, const char *keyword, const char *value)
{
    return strcmp(tidymail_account_setting(own->account, keyword), value) == 0;
}

const char *account_from(const struct cli_account *own)
{
    const char *from = account_setting(own, "from");
    return from != NULL && strpbrk(from, "*?[") == NULL && strchr(from, '@') != NULL ? from : NULL;
}

tidymail_transport *account_open(const struct cli_account *own,
                                 const tidymail_transport_options *options)
{
    return own->account != NULL ? tidymail_account_open(own->account, options)
                                : tidymail_transport_open(own->url, options);
}

const char *account_merge(const struct cli_account *where, tidymail_transport_options *transport,
                          const char ***both, struct cli_failure *failure)
{
    const tidymail_error *error = tidymail_account_error(where->account);
    const tidymail_transport_options *own = tidymail_account_options(where->account);
    size_t front = own != NULL ? own->option_count : 0;
    if (error != NULL) {
        int kind = tidymail_error_kind(error);
        failure_set(failure, exit_code_of(TIDYMAIL_FAILED, kind, TIDYMAIL_PHASE_PREPARE, 0), kind,
                    "%s", tidymail_error_message(error));
        return NULL;
    }
    *both = calloc(front + transport->option_count + 1, sizeof(**both));
    if (*both == NULL) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < front; i++) {
        (*both)[i] = own->options[i];
    }
    for (size_t i = 0; i < transport->option_count; i++) {
        (*both)[front + i] = transport->options[i];
    }
    if (own != NULL && transport->user == NULL && own->user != NULL) {
        transport->user = own->user;
        transport->password = transport->password != NULL ? transport->password : own->password;
    }
    transport->options = *both;
    transport->option_count += front;
    return where->account != NULL ? tidymail_account_url(where->account) : where->url;
}
