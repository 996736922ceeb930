/* rest_open.c: see rest_open.h. */
#include "transport/rest_open.h"

#include <string.h>

#include "transport/open_parts.h"
#include "util/near.h"
#include "util/str.h"

#define REST_NAMES_MAX 128
#define REST_SHOWN_MAX 64

/* Options of a conversation in SMTP. */
static const char *const rest_useless[] = {
    "tls", "auth", "initial-response", "pipelining", "chunking", "partial", "helo", "rest", "args",
    "eol", NULL};

static const struct tdm_provider *rest_provider(const tidymail_transport *transport)
{
    return tdm_provider_find(transport->url.scheme);
}

static const char *rest_name(const tidymail_transport *transport)
{
    return rest_provider(transport)->capabilities.name;
}

static int rest_no_memory(tidymail_transport *transport)
{
    return tdm_error_set(&transport->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory while reading the options", NULL);
}

/* Says how the service's URL is written. */
static int rest_refuse_url(tidymail_transport *transport, const char *words)
{
    struct tdm_buf line;
    struct tdm_buf hint;
    tdm_buf_init(&line, &transport->allocator, 1024);
    tdm_buf_init(&hint, &transport->allocator, 1024);
    tdm_buf_addf(&line, "URL of %s: %s", rest_name(transport), words);
    tdm_buf_addf(&hint, "write it as %s", rest_provider(transport)->url);
    int kind = tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             line.failed ? NULL : tdm_buf_text(&line),
                             hint.failed ? NULL : tdm_buf_text(&hint));
    tdm_buf_clear(&line);
    tdm_buf_clear(&hint);
    return kind;
}

int tdm_rest_check_parts(tidymail_transport *transport)
{
    const struct tdm_url *url = &transport->url;
    const struct tdm_provider *provider = rest_provider(transport);
    const char *at = strrchr(provider->url, '@');
    int has_host = url->host[0] != '\0' && strcmp(url->host, "default") != 0;
    if (url->port != 0) {
        return rest_refuse_url(transport, "it has no port (endpoint= is for another server)");
    }
    if (url->path[0] != '\0' && strcmp(url->path, "/") != 0) {
        return rest_refuse_url(transport, "it has no path");
    }
    if (!has_host && provider->needs_host) {
        return rest_refuse_url(transport, "what stands behind the @ is missing");
    }
    if (has_host && !provider->needs_host && (at == NULL || at[1] == '\0')) {
        return rest_refuse_url(transport,
                               "nothing stands behind the @, or \"default\" (endpoint= is "
                               "for another server)");
    }
    return strchr(url->host, ':') == NULL
               ? TIDYMAIL_OK
               : rest_refuse_url(transport, "an IPv6 address has no place in it");
}

/* Options */

/* 1 where the service has an option of this name. */
static int rest_has_option(const struct tdm_provider *provider, const char *name, size_t length)
{
    const struct tdm_service_option *option = provider->options;
    for (; option != NULL && option->name != NULL; option++) {
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0) {
            return 1;
        }
    }
    return length == 5 && memcmp(name, "extra", 5) == 0;
}

static int rest_is_useless(const char *name, size_t length)
{
    size_t i = 0;
    while (rest_useless[i] != NULL && !tdm_equal_nocase_n(name, length, rest_useless[i])) {
        i++;
    }
    return rest_useless[i] != NULL;
}

/* Neither a general option nor one of the service's. */
static int rest_refuse_option(tidymail_transport *transport, const char *name, size_t length)
{
    const struct tdm_provider *provider = rest_provider(transport);
    const char *names[REST_NAMES_MAX] = {"extra"};
    struct tdm_buf words;
    struct tdm_buf hint;
    size_t count = 1;
    tdm_buf_init(&words, &transport->allocator, 4096);
    tdm_buf_init(&hint, &transport->allocator, 4096);
    tdm_buf_add_str(&hint, "the options are");
    for (size_t i = 0; tdm_options_name(i) != NULL && count + 1 < REST_NAMES_MAX; i++) {
        const char *general = tdm_options_name(i);
        if (!rest_is_useless(general, strlen(general))) {
            tdm_buf_addf(&hint, "%s %s", count > 1 ? "," : "", general);
            names[count++] = general;
        }
    }
    tdm_buf_addf(&hint, ", and those of %s: extra", provider->capabilities.name);
    for (const struct tdm_service_option *own = provider->options;
         own != NULL && own->name != NULL && count + 1 < REST_NAMES_MAX; own++) {
        tdm_buf_addf(&hint, ", %s", own->name);
        names[count++] = own->name;
    }
    size_t part = length < REST_SHOWN_MAX ? length : REST_SHOWN_MAX;
    tdm_buf_add_str(&words, "unknown option \"");
    tdm_escape(&words, name, part, 0);
    tdm_buf_add_str(&words, part < length ? "...\"" : "\"");
    tdm_near_add(&words, name, length, names);
    int kind = tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             words.failed ? NULL : tdm_buf_text(&words),
                             hint.failed ? NULL : tdm_buf_text(&hint));
    tdm_buf_clear(&words);
    tdm_buf_clear(&hint);
    return kind;
}

static void rest_free_option(const tidymail_allocator *allocator, struct tdm_mail_field *option)
{
    if (option->value != NULL) {
        tdm_wipe(option->value, strlen(option->value));
    }
    tdm_free(allocator, option->name);
    tdm_free(allocator, option->value);
}

/* Keeps an option of the service's; the later one of a name stands. */
static int rest_keep_option(tidymail_transport *transport, const char *name, size_t length,
                            const char *value)
{
    const tidymail_allocator *allocator = &transport->allocator;
    struct tdm_mail_field option = {tdm_strndup(allocator, name, length),
                                    tdm_strdup(allocator, value)};
    if (option.name == NULL || option.value == NULL) {
        rest_free_option(allocator, &option);
        return rest_no_memory(transport);
    }
    for (size_t i = 0; i < transport->service_option_count; i++) {
        if (strcmp(transport->service_options[i].name, option.name) == 0) {
            rest_free_option(allocator, &transport->service_options[i]);
            transport->service_options[i] = option;
            return TIDYMAIL_OK;
        }
    }
    struct tdm_mail_field *longer =
        tdm_resize_array(allocator, transport->service_options, transport->service_option_count + 1,
                         sizeof(*longer));
    if (longer == NULL) {
        rest_free_option(allocator, &option);
        return rest_no_memory(transport);
    }
    longer[transport->service_option_count++] = option;
    transport->service_options = longer;
    return TIDYMAIL_OK;
}

int tdm_rest_set_option(tidymail_transport *transport, const char *name, size_t length,
                        const char *value)
{
    const struct tdm_provider *provider = rest_provider(transport);
    struct tidymail_error *error = &transport->error;
    if (rest_has_option(provider, name, length)) {
        size_t control = tdm_find_control(value, strlen(value));
        if (value[control] != '\0') {
            return tdm_error_setf(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                                  "option %.*s: a control byte at offset %z is not allowed",
                                  (int)length, name, control);
        }
        int kind = tdm_service_option_check(provider, name, length, value,
                                            TIDYMAIL_KIND_CONFIGURATION, error);
        return kind == TIDYMAIL_OK ? rest_keep_option(transport, name, length, value) : kind;
    }
    if (!tdm_options_known(name, length)) {
        return rest_refuse_option(transport, name, length);
    }
    if (rest_is_useless(name, length)) {
        tdm_error_setf(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                       "option %.*s: it is about SMTP, and %s is reached over HTTP", (int)length,
                       name, provider->capabilities.name);
        tdm_text_set(&error->allocator, &error->hint, "leave it out");
        return error->kind;
    }
    return tdm_options_set(&transport->allocator, &transport->options, name, length, value,
                           strlen(value), error);
}

void tdm_rest_clear_options(tidymail_transport *transport)
{
    for (size_t i = 0; i < transport->service_option_count; i++) {
        rest_free_option(&transport->allocator, &transport->service_options[i]);
    }
    tdm_free(&transport->allocator, transport->service_options);
    transport->service_options = NULL;
    transport->service_option_count = 0;
}

int tdm_rest_is_secret(const char *name, size_t length)
{
    static const char *const words[] = {"token", "secret", "password"};
    if (length == 13 && memcmp(name, "password-from", 13) == 0) {
        return 0; /* it says where the secret is */
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t word = strlen(words[i]);
        for (size_t at = 0; at + word <= length; at++) {
            if (tdm_starts_nocase(name + at, word, words[i])) {
                return 1;
            }
        }
    }
    return 0;
}

/* Login */

/* A service with one key: it may stand in the place of the user or of the password. */
static int rest_read_key(tidymail_transport *transport)
{
    int has_user = transport->user != NULL && transport->user[0] != '\0';
    int has_secret = transport->password != NULL || transport->options.password_from != NULL;
    if (has_user && has_secret) {
        return rest_refuse_url(transport, "there is one key, and more than one is given");
    }
    if (has_user) {
        transport->password = transport->user;
        transport->user = NULL;
    } else if (!has_secret) {
        return rest_refuse_url(transport, "no key is given (password-from= may name where it is)");
    } else if (transport->user != NULL) {
        tdm_free(&transport->allocator, transport->user);
        transport->user = NULL;
    }
    return TIDYMAIL_OK;
}

int tdm_rest_read_login(tidymail_transport *transport)
{
    int has_user = transport->user != NULL && transport->user[0] != '\0';
    int has_secret = transport->password != NULL || transport->options.password_from != NULL;
    int kind = TIDYMAIL_OK;
    if (rest_provider(transport)->login == TDM_LOGIN_KEY) {
        kind = rest_read_key(transport);
    } else if (!has_user) {
        kind = rest_refuse_url(transport, "no key is given");
    } else if (!has_secret) {
        kind = rest_refuse_url(transport,
                               "the secret behind the colon is missing (password-from= may name "
                               "where it is)");
    }
    if (kind == TIDYMAIL_OK && transport->password != NULL && transport->password[0] == '\0') {
        kind = rest_refuse_url(transport, "the key is empty");
    }
    if (kind == TIDYMAIL_OK && transport->options.key != NULL && transport->options.cert == NULL) {
        kind = tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             "option key: a key is given, but no certificate",
                             "give the file of the certificate with cert=");
    }
    return kind;
}

/* Endpoint and region */

static int rest_refuse_endpoint(tidymail_transport *transport, const char *words)
{
    return tdm_error_setf(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                          "option endpoint: %s", words);
}

static const char *rest_check_endpoint(const tidymail_transport *transport,
                                       const struct tdm_url *url)
{
    int is_plain = strcmp(url->scheme, "http") == 0;
    if (!is_plain && strcmp(url->scheme, "https") != 0) {
        return "it begins with https:// (or http://)";
    }
    if (url->user != NULL) {
        return "user and password have no place in it";
    }
    if (url->query != NULL) {
        return "options have no place in it";
    }
    if (url->host[0] == '\0') {
        return "it has no host";
    }
    if (url->path[0] != '\0' && url->path[0] != '/') {
        return "its path begins with a slash";
    }
    if (is_plain && !transport->options.cleartext_auth && !tdm_open_is_loopback(url->host)) {
        return "over http:// the key could be read on the way: use https://, or "
               "cleartext-auth=allow";
    }
    if (is_plain && !transport->options.cleartext_auth && transport->options.proxy != NULL) {
        return "over http:// the proxy could read the key: use https://, or cleartext-auth=allow";
    }
    return NULL;
}

/* Appends a path with what may not stand in it escaped (RFC 3986 3.3). */
static void rest_add_path(struct tdm_buf *out, const char *path)
{
    for (; *path != '\0'; path++) {
        char one[2] = {*path, '\0'};
        if (strchr("/:@!$&'()*+,;=", *path) != NULL) {
            tdm_buf_add_str(out, one);
        } else {
            tdm_http_escape(out, one);
        }
    }
}

static int rest_write_endpoint(tidymail_transport *transport, const struct tdm_url *url,
                               char **origin, char **prefix)
{
    struct tdm_buf text;
    char *host = NULL;
    int kind = tdm_open_host(transport, url->host, &host);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    tdm_buf_init(&text, &transport->allocator, (size_t)64 * 1024);
    tdm_buf_addf(&text, strchr(host, ':') != NULL ? "%s://[%s]" : "%s://%s", url->scheme, host);
    if (url->port != 0) {
        tdm_buf_addf(&text, ":%d", url->port);
    }
    *origin = text.failed ? NULL : tdm_strdup(&transport->allocator, tdm_buf_text(&text));
    tdm_buf_reset(&text);
    rest_add_path(&text, url->path);
    while (text.length > 0 && text.data[text.length - 1] == '/') {
        text.data[--text.length] = '\0';
    }
    *prefix = text.failed ? NULL : tdm_strdup(&transport->allocator, tdm_buf_text(&text));
    tdm_buf_clear(&text);
    tdm_free(&transport->allocator, host);
    return *origin != NULL && *prefix != NULL ? TIDYMAIL_OK : rest_no_memory(transport);
}

int tdm_rest_read_endpoint(tidymail_transport *transport, char **origin, char **prefix)
{
    struct tdm_url url;
    struct tidymail_error error;
    *origin = NULL;
    *prefix = NULL;
    tdm_error_init(&error, &transport->allocator);
    int kind = tdm_url_parse(&transport->allocator, transport->options.endpoint, &url, &error);
    if (kind == TIDYMAIL_KIND_CONFIGURATION) {
        rest_refuse_endpoint(transport, tidymail_error_message(&error));
    } else if (kind != TIDYMAIL_OK) {
        rest_no_memory(transport);
    } else {
        const char *wrong = rest_check_endpoint(transport, &url);
        kind = wrong != NULL ? rest_refuse_endpoint(transport, wrong)
                             : rest_write_endpoint(transport, &url, origin, prefix);
    }
    tdm_error_clear(&error);
    tdm_url_clear(&transport->allocator, &url);
    return kind;
}

int tdm_rest_check_region(tidymail_transport *transport)
{
    const char *region = transport->options.region;
    size_t i = 0;
    while (region != NULL && (tdm_is_alnum(region[i]) || region[i] == '-')) {
        i++; /* it may become a part of a host's name */
    }
    return region == NULL || region[i] == '\0'
               ? TIDYMAIL_OK
               : tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION,
                               TIDYMAIL_PHASE_PREPARE,
                               "option region: letters, digits and hyphens are allowed",
                               "regions are written as eu or us-east-1");
}
