/* config_account.c: from an account to a transport: msmtp's keywords become a URL and options. */
#include <stdlib.h>
#include <string.h>

#include "client/config_data.h"
#include "client/edge.h"
#include "transport/options.h"
#include "transport/transport_impl.h"
#include "util/str.h"

#define ACCOUNT_OPTIONS_MAX 128
#define ACCOUNT_TEXT_MAX 8192

/* Options under way; texts are ours. */
struct account_open {
    const tidymail_account *account;
    const tidymail_allocator *allocator;
    struct tidymail_error error;
    const char *options[ACCOUNT_OPTIONS_MAX];
    char *owned[ACCOUNT_OPTIONS_MAX];
    size_t count;
};

static const char *account_get(const struct account_open *own, const char *keyword)
{
    const struct tdm_setting *setting = tdm_account_find(own->account, keyword);
    return setting != NULL ? setting->value : NULL;
}

static int account_is(const struct account_open *own, const char *keyword, const char *value)
{
    const char *given = account_get(own, keyword);
    return given != NULL && strcmp(given, value) == 0;
}

static int account_refuse(struct account_open *own, const char *keyword, const char *words)
{
    const struct tdm_setting *setting = tdm_account_find(own->account, keyword);
    return tdm_error_setf(&own->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                          "%s, line %d: %s %s", tidymail_config_path(own->account->config),
                          setting != NULL ? setting->line : 0, keyword, words);
}

/* "name=value" */
static void account_option(struct account_open *own, const char *name, const char *before,
                           const char *value)
{
    struct tdm_buf text;
    if (value == NULL || own->count == ACCOUNT_OPTIONS_MAX) {
        return;
    }
    tdm_buf_init(&text, own->allocator, ACCOUNT_TEXT_MAX);
    tdm_buf_addf(&text, "%s=%s%s", name, before, value);
    char *copy = text.failed ? NULL : tdm_strdup(own->allocator, tdm_buf_text(&text));
    tdm_buf_clear(&text);
    if (copy == NULL) {
        tdm_error_set(&own->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory",
                      NULL);
        return;
    }
    own->owned[own->count] = copy;
    own->options[own->count++] = copy;
}

/* Hex digits with or without colons; only SHA-256 is one. */
static void account_fingerprint(struct account_open *own)
{
    const char *given = account_get(own, "tls_fingerprint");
    char digits[65];
    size_t count = 0;
    if (given == NULL || given[0] == '\0') {
        return;
    }
    for (; *given != '\0'; given++) {
        if (*given != ':' && count < 64) {
            digits[count] = *given;
        }
        count += *given != ':';
    }
    if (count != 64) {
        account_refuse(own, "tls_fingerprint",
                       "is no SHA-256 fingerprint (64 hex digits): MD5 and SHA-1 can be forged");
        return;
    }
    digits[64] = '\0';
    account_option(own, "verify", "sha256:", digits);
}

/* Does the account log in? */
static int account_logs_in(const struct account_open *own)
{
    const char *auth = account_get(own, "auth");
    return auth != NULL ? strcmp(auth, "off") != 0 : account_get(own, "user") != NULL;
}

static void account_auth(struct account_open *own)
{
    static const char *const switches[] = {"on", "off", "", NULL};
    const char *auth = account_get(own, "auth");
    int is_switch = auth == NULL;
    for (size_t i = 0; auth != NULL && switches[i] != NULL; i++) {
        is_switch |= strcmp(auth, switches[i]) == 0;
    }
    if (!is_switch && (strcmp(auth, "gssapi") == 0 || strcmp(auth, "ntlm") == 0)) {
        account_refuse(own, "auth", "names a mechanism that tidymail does not have");
    } else if (!is_switch) {
        account_option(own, "auth", "", auth);
    }
    account_option(own, "password-from", "command:", account_get(own, "passwordeval"));
    account_option(own, "password-from", "", account_get(own, "password-from"));
}

/* tls as an option of tidymail's, or msmtp's switch. Where an msmtprc says nothing msmtp sends in clear;
 * here TLS is used where it is offered, and required for a login. */
static void account_tls(struct account_open *own, int is_url)
{
    const char *tls = account_get(own, "tls");
    if (is_url || account_get(own, "socket") != NULL || account_is(own, "tls_starttls", "off")) {
        if (tls != NULL && strcmp(tls, "on") != 0 && strcmp(tls, "off") != 0) {
            account_option(own, "tls", "", tls);
        }
    } else if (tls == NULL) {
        account_option(own, "tls", "", account_logs_in(own) ? "starttls" : "opportunistic");
    } else {
        account_option(own, "tls", "",
                       strcmp(tls, "on") == 0    ? "starttls"
                       : strcmp(tls, "off") == 0 ? "none"
                                                 : tls);
    }
    if (!account_is(own, "tls_trust_file", "system") && !account_is(own, "tls_trust_file", "")) {
        account_option(own, "ca", "", account_get(own, "tls_trust_file"));
    }
    account_option(own, "cert", "", account_get(own, "tls_cert_file"));
    account_option(own, "key", "", account_get(own, "tls_key_file"));
    account_fingerprint(own);
    if (account_is(own, "tls_certcheck", "off")) {
        account_option(own, "verify", "", "none");
    }
    if (account_get(own, "tls_host_override") != NULL) {
        account_refuse(own, "tls_host_override",
                       "is not had here: use the name of the certificate as host");
    }
}

static void account_proxy(struct account_open *own)
{
    const char *host = account_get(own, "proxy_host");
    const char *port = account_get(own, "proxy_port");
    struct tdm_buf proxy;
    if (host == NULL || host[0] == '\0') {
        return;
    }
    tdm_buf_init(&proxy, own->allocator, ACCOUNT_TEXT_MAX);
    tdm_buf_addf(&proxy, strchr(host, ':') != NULL ? "socks5://[%s]" : "socks5://%s", host);
    if (port != NULL) {
        tdm_buf_addf(&proxy, ":%s", port);
    }
    account_option(own, "proxy", "", tdm_buf_text(&proxy));
    tdm_buf_clear(&proxy);
}

/* Keywords that are options by name; tls, auth and timeout mean something else to msmtp. */
static void account_same_names(struct account_open *own)
{
    for (size_t i = 0; i < own->account->count; i++) {
        const struct tdm_setting *setting = &own->account->settings[i];
        const char *name = setting->keyword;
        if (tdm_options_known(name, strlen(name)) && strcmp(name, "tls") != 0 &&
            strcmp(name, "auth") != 0 && strcmp(name, "timeout") != 0 &&
            strcmp(name, "password-from") != 0) {
            account_option(own, name, "", setting->value);
        }
    }
}

static void account_collect(struct account_open *own, int is_url)
{
    account_tls(own, is_url);
    account_auth(own);
    account_proxy(own);
    account_option(own, "source", "", account_get(own, "source_ip"));
    account_option(own, "helo", "", account_get(own, "domain"));
    if (!account_is(own, "timeout", "off")) {
        account_option(own, "connect-timeout", "", account_get(own, "timeout"));
    }
    account_same_names(own);
}

static void account_add_url(const struct account_open *own, struct tdm_buf *url)
{
    const char *given = account_get(own, "url");
    const char *host = account_get(own, "host");
    const char *port = account_get(own, "port");
    const char *socket = account_get(own, "socket");
    int is_lmtp = account_is(own, "protocol", "lmtp");
    if (given != NULL) {
        tdm_buf_add_str(url, given);
    } else if (socket != NULL) {
        tdm_buf_addf(url, "lmtp+unix://%s", socket);
    } else {
        int at_once = account_is(own, "tls", "on") && account_is(own, "tls_starttls", "off");
        tdm_buf_addf(url, "%s://", is_lmtp ? "lmtp" : at_once ? "smtps" : "smtp");
        tdm_buf_addf(url, host != NULL && strchr(host, ':') != NULL ? "[%s]" : "%s",
                     host != NULL ? host : "");
        if (port != NULL) {
            tdm_buf_addf(url, ":%s", port);
        }
    }
}

static int account_check(struct account_open *own)
{
    const char *protocol = account_get(own, "protocol");
    if (protocol != NULL && strcmp(protocol, "smtp") != 0 && strcmp(protocol, "lmtp") != 0) {
        return account_refuse(own, "protocol", "is smtp or lmtp");
    }
    if (account_get(own, "url") == NULL && account_get(own, "host") == NULL &&
        account_get(own, "socket") == NULL) {
        return tdm_error_setf(&own->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                              "%s: account %s has neither url nor host",
                              tidymail_config_path(own->account->config), own->account->name);
    }
    return TIDYMAIL_OK;
}

/* A transport that has the error: what sticks to it comes out at the send. */
static void account_keep_error(tidymail_transport *transport, const struct tidymail_error *error)
{
    if (transport != NULL && error->kind != TIDYMAIL_OK) {
        tdm_error_clear(&transport->error);
        tdm_error_init(&transport->error, &transport->allocator);
        tdm_error_copy(&transport->error, error);
    }
}

tidymail_transport *tidymail_account_open(const tidymail_account *account,
                                          const tidymail_transport_options *options)
{
    tidymail_transport_options given = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    struct account_open own;
    struct tdm_buf url;
    if (account == NULL) {
        return tidymail_transport_open(NULL, options);
    }
    if (options != NULL) {
        size_t size = options->struct_size < sizeof(given) ? options->struct_size : sizeof(given);
        memcpy(&given, options, size);
    }
    memset(&own, 0, sizeof(own));
    own.account = account;
    own.allocator = &account->config->allocator;
    tdm_error_init(&own.error, own.allocator);
    tdm_buf_init(&url, own.allocator, ACCOUNT_TEXT_MAX);
    account_check(&own);
    account_collect(&own, account_get(&own, "url") != NULL);
    size_t owned = own.count;
    for (size_t i = 0; i < given.option_count && own.count < ACCOUNT_OPTIONS_MAX; i++) {
        own.options[own.count++] = given.options[i];
    }
    if (account_logs_in(&own) && given.user == NULL) {
        given.user = account_get(&own, "user");
        given.password = given.password != NULL ? given.password : account_get(&own, "password");
    }
    given.struct_size = sizeof(given);
    given.options = own.options;
    given.option_count = own.count;
    account_add_url(&own, &url);
    tidymail_transport *transport = tidymail_transport_open(tdm_buf_text(&url), &given);
    account_keep_error(transport, &own.error);
    for (size_t i = 0; i < owned; i++) {
        tdm_wipe(own.owned[i], strlen(own.owned[i]));
        tdm_free(own.allocator, own.owned[i]);
    }
    tdm_buf_wipe(&url);
    tdm_error_clear(&own.error);
    return transport;
}

char *tidymail_account_url(const tidymail_account *account)
{
    tidymail_transport *transport = tidymail_account_open(account, NULL);
    const char *shown = tidymail_transport_url(transport);
    char *copy = transport != NULL ? strdup(shown) : NULL;
    tidymail_transport_close(transport);
    return copy;
}
