/* config_account.c: from an account to a transport: msmtp's keywords become a URL and options. */
#include <string.h>

#include "client/config_data.h"
#include "client/edge.h"
#include "transport/options.h"
#include "transport/transport_impl.h"
#include "util/str.h"

#define ACCOUNT_TEXT_MAX ((size_t)1024 * 1024)

/* An account whose settings become options. */
struct account_open {
    tidymail_account *account;
    const tidymail_allocator *allocator;
    int no_memory;
};

/* NULL where it is not set, or set to nothing: so a default is taken back. */
static const char *account_get(const struct account_open *own, const char *keyword)
{
    const struct tdm_setting *setting = tdm_account_find(own->account, keyword);
    return setting != NULL && setting->value[0] != '\0' ? setting->value : NULL;
}

static int account_is(const struct account_open *own, const char *keyword, const char *value)
{
    const char *given = account_get(own, keyword);
    return given != NULL && strcmp(given, value) == 0;
}

static int account_refuse(struct account_open *own, const char *keyword, const char *words)
{
    const struct tdm_setting *setting = tdm_account_find(own->account, keyword);
    return tdm_error_setf(&own->account->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                          "%s, line %d: %s %s", tidymail_config_path(own->account->config),
                          setting != NULL ? setting->line : 0, keyword, words);
}

/* "name=value" */
static void account_option(struct account_open *own, const char *name, const char *before,
                           const char *value)
{
    struct tdm_buf text;
    if (value == NULL) {
        return;
    }
    tdm_buf_init(&text, own->allocator, ACCOUNT_TEXT_MAX);
    tdm_buf_addf(&text, "%s=%s%s", name, before, value);
    char *copy = text.failed ? NULL : tdm_strdup(own->allocator, tdm_buf_text(&text));
    tdm_buf_wipe(&text);
    char **grown = copy == NULL ? NULL
                                : tdm_resize_array(own->allocator, own->account->options,
                                                   own->account->option_count + 1, sizeof(*grown));
    if (grown == NULL) {
        own->no_memory = 1;
        tdm_free(own->allocator, copy);
        return;
    }
    own->account->options = grown;
    grown[own->account->option_count++] = copy;
}

/* Hex digits with or without colons; only SHA-256 is one. */
static void account_fingerprint(struct account_open *own)
{
    const char *given = account_get(own, "tls_fingerprint");
    char digits[65];
    size_t count = 0;
    if (given == NULL) {
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
    static const char *const missing[] = {"gssapi", "ntlm", "digest-md5"};
    const char *auth = account_get(own, "auth");
    if (auth != NULL && strcmp(auth, "on") != 0 && strcmp(auth, "off") != 0) {
        account_option(own, "auth", "", auth);
    }
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        if (account_is(own, "auth", missing[i])) {
            account_refuse(own, "auth", "names a mechanism that tidymail does not have");
        }
    }
    account_option(own, "password-from", "command:", account_get(own, "passwordeval"));
    account_option(own, "password-from", "", account_get(own, "password-from"));
}

/* tls as msmtp's switch; a keyword without a value is on. NULL: it says nothing. */
static const char *account_tls_given(const struct account_open *own)
{
    const struct tdm_setting *tls = tdm_account_find(own->account, "tls");
    return tls == NULL ? NULL : tls->value[0] == '\0' ? "on" : tls->value;
}

static int account_tls_at_once(const struct account_open *own)
{
    const char *tls = account_tls_given(own);
    return tls != NULL && strcmp(tls, "on") == 0 && account_is(own, "tls_starttls", "off");
}

/* tls as an option of tidymail's, or msmtp's switch. Where an msmtprc says nothing msmtp sends in clear;
 * here TLS is used where it is offered, and required for a login. */
static void account_tls(struct account_open *own, int is_url)
{
    const char *tls = account_tls_given(own);
    int is_switch = tls != NULL && (strcmp(tls, "on") == 0 || strcmp(tls, "off") == 0);
    int is_lmtp = account_is(own, "protocol", "lmtp"); /* required, but on this machine itself */
    if (is_url || account_get(own, "socket") != NULL || (tls == NULL && is_lmtp)) {
        account_option(own, "tls", "", is_switch ? NULL : tls);
    } else if (tls == NULL) {
        account_option(own, "tls", "", account_logs_in(own) ? "starttls" : "opportunistic");
    } else if (!account_tls_at_once(own)) {
        account_option(own, "tls", "",
                       strcmp(tls, "on") == 0    ? "starttls"
                       : strcmp(tls, "off") == 0 ? "none"
                                                 : tls);
    }
    if (!account_is(own, "tls_trust_file", "system")) {
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
    if (host == NULL) {
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
            strcmp(name, "password-from") != 0 && setting->value[0] != '\0') {
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
        account_option(own, "reply-timeout", "", account_get(own, "timeout"));
    }
    account_same_names(own);
}

/* The port that msmtp has where none is named. */
static const char *account_usual_port(const struct account_open *own, int is_lmtp, int at_once)
{
    return account_get(own, "port") != NULL ? account_get(own, "port")
           : is_lmtp                        ? "24"
           : at_once                        ? "465"
                                            : "25";
}

static void account_add_url(const struct account_open *own, struct tdm_buf *url)
{
    const char *given = account_get(own, "url");
    const char *host = account_get(own, "host");
    const char *socket = account_get(own, "socket");
    int is_lmtp = account_is(own, "protocol", "lmtp");
    if (given != NULL) {
        tdm_buf_add_str(url, given);
    } else if (socket != NULL) {
        tdm_buf_addf(url, "lmtp+unix://%s", socket);
    } else if (host != NULL) {
        int at_once = account_tls_at_once(own);
        tdm_buf_addf(url, "%s://", is_lmtp ? "lmtp" : at_once ? "smtps" : "smtp");
        tdm_buf_addf(url, strchr(host, ':') != NULL ? "[%s]" : "%s", host);
        tdm_buf_addf(url, ":%s", account_usual_port(own, is_lmtp, at_once));
    }
}

static void account_check(struct account_open *own)
{
    const char *protocol = account_get(own, "protocol");
    if (protocol != NULL && strcmp(protocol, "smtp") != 0 && strcmp(protocol, "lmtp") != 0) {
        account_refuse(own, "protocol", "is smtp or lmtp");
    }
    if (account_get(own, "url") == NULL && account_get(own, "host") == NULL &&
        account_get(own, "socket") == NULL) {
        tdm_error_setf(&own->account->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                       "%s: account %s has neither url nor host",
                       tidymail_config_path(own->account->config), own->account->name);
    }
    if (account_tls_at_once(own) && account_is(own, "protocol", "lmtp")) {
        account_refuse(own, "tls_starttls", "cannot be off with LMTP");
    }
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

int tdm_account_resolve(tidymail_account *account)
{
    struct account_open own = {account, &account->config->allocator, 0};
    const tidymail_transport_options fresh = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    struct tdm_buf url;
    tdm_buf_init(&url, own.allocator, ACCOUNT_TEXT_MAX);
    account_check(&own);
    account_collect(&own, account_get(&own, "url") != NULL);
    account_add_url(&own, &url);
    account->url = tdm_strdup(own.allocator, tdm_buf_text(&url));
    own.no_memory |= url.failed || account->url == NULL;
    tdm_buf_wipe(&url);
    account->open = fresh;
    if (account_logs_in(&own)) {
        account->open.user = account_get(&own, "user");
        account->open.password = account_get(&own, "password");
    }
    account->open.options = (const char *const *)account->options;
    account->open.option_count = account->option_count;
    return own.no_memory ? TIDYMAIL_KIND_LOCAL : TIDYMAIL_OK;
}

void tdm_account_unresolve(tidymail_account *account)
{
    const tidymail_allocator *allocator = &account->config->allocator;
    for (size_t i = 0; i < account->option_count; i++) {
        tdm_wipe(account->options[i], strlen(account->options[i]));
        tdm_free(allocator, account->options[i]);
    }
    tdm_free(allocator, account->options);
    if (account->url != NULL) {
        tdm_wipe(account->url, strlen(account->url));
    }
    tdm_free(allocator, account->url);
    tdm_error_clear(&account->error);
}

const tidymail_error *tidymail_account_error(const tidymail_account *account)
{
    return account != NULL && account->error.kind != TIDYMAIL_OK ? &account->error : NULL;
}

const char *tidymail_account_url(const tidymail_account *account)
{
    return account != NULL && account->url != NULL ? account->url : "";
}

const tidymail_transport_options *tidymail_account_options(const tidymail_account *account)
{
    return account != NULL ? &account->open : NULL;
}

tidymail_transport *tidymail_account_open(const tidymail_account *account,
                                          const tidymail_transport_options *options)
{
    tidymail_transport_options given = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    if (account == NULL) {
        return tidymail_transport_open(NULL, options);
    }
    const tidymail_allocator *allocator = &account->config->allocator;
    if (options != NULL) {
        size_t size = options->struct_size < sizeof(given) ? options->struct_size : sizeof(given);
        memcpy(&given, options, size);
    }
    size_t count = account->option_count + given.option_count;
    const char **both = tdm_alloc_array(allocator, count + 1, sizeof(*both));
    if (both == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        both[i] = i < account->option_count ? account->options[i]
                                            : given.options[i - account->option_count];
    }
    if (given.user == NULL && account->open.user != NULL) {
        given.user = account->open.user;
        given.password = given.password != NULL ? given.password : account->open.password;
    }
    given.struct_size = sizeof(given);
    given.options = both;
    given.option_count = count;
    tidymail_transport *transport = tidymail_transport_open_with(account->url, &given, allocator);
    account_keep_error(transport, &account->error);
    tdm_free(allocator, both);
    return transport;
}
