/*
 * transport.c: makes a transport from a URL and options. The order decides what beats what: the
 * URL's query, the options struct, then user and password. What goes wrong sticks to the transport,
 * which then exists without functions (ops NULL).
 */
#include <string.h>

#include "transport/presets.h"
#include "transport/redirect.h"
#include "transport/rest_open.h"
#include "transport/transport_group.h"
#include "transport/transport_impl.h"
#include "util/near.h"
#include "util/str.h"

static const struct tdm_transport_ops *const transport_kinds[] = {
    &tdm_transport_smtp,   &tdm_transport_smtps, &tdm_transport_lmtp,    &tdm_transport_lmtp_unix,
    &tdm_transport_memory, &tdm_transport_file,  &tdm_transport_sendmail};

#define TRANSPORT_KIND_COUNT (sizeof(transport_kinds) / sizeof(transport_kinds[0]))
#define TRANSPORT_SERVICES_MAX 32

static int transport_refuse(tidymail_transport *transport, const char *words, const char *hint)
{
    return tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                         words, hint);
}

static int transport_is_unix(const tidymail_transport *transport)
{
    return transport->kind->is_unix;
}

/* SMTP or LMTP: there is a login. */
static int transport_is_smtp(const tidymail_transport *transport)
{
    return transport->kind->login == TDM_TRANSPORT_LOGIN_SMTP;
}

static int transport_is_service(const tidymail_transport *transport)
{
    return transport->kind->login == TDM_TRANSPORT_LOGIN_SERVICE;
}

/* An unknown scheme is shown only where it stands before "//": else it may be a user's name. */
static const struct tdm_transport_ops *transport_find(tidymail_transport *transport,
                                                      const char *text)
{
    const char *names[TRANSPORT_KIND_COUNT + TRANSPORT_SERVICES_MAX + 1] = {NULL};
    const char *scheme = transport->url.scheme;
    int implicit = 0;
    const struct tdm_preset *preset = tdm_preset_find(scheme, &implicit);
    if (preset != NULL) {
        const struct tdm_transport_ops *ops = implicit ? &tdm_transport_smtps : &tdm_transport_smtp;
        return tdm_preset_begin(transport, preset, implicit) == TIDYMAIL_OK ? ops : NULL;
    }
    if (tdm_provider_find(scheme) != NULL) {
        return &tdm_transport_rest;
    }
    for (size_t i = 0; i < TRANSPORT_KIND_COUNT; i++) {
        names[i] = transport_kinds[i]->scheme;
        if (strcmp(names[i], scheme) == 0) {
            return transport_kinds[i];
        }
    }
    struct tdm_buf words;
    struct tdm_buf hint;
    tdm_buf_init(&words, &transport->allocator, 4096);
    tdm_buf_init(&hint, &transport->allocator, 4096);
    tdm_buf_add_str(&hint,
                    "known schemes: smtp://host, smtps://host, lmtp://host, "
                    "lmtp+unix:///path, memory:, file:///dir, sendmail:, failover(URL URL ...), "
                    "roundrobin(URL URL ...), sendgrid+smtp://KEY@ and other SMTP servers by name "
                    "(docs/smtp-presets.md)");
    size_t count = 0;
    for (; count < TRANSPORT_SERVICES_MAX && tdm_provider_at(count) != NULL; count++) {
        const struct tdm_provider *provider = tdm_provider_at(count);
        names[TRANSPORT_KIND_COUNT + count] = provider->scheme;
        tdm_buf_addf(&hint, ", %s", provider->url);
    }
    for (size_t i = 0; count < TRANSPORT_SERVICES_MAX && tdm_preset_at(i) != NULL; i++, count++) {
        names[TRANSPORT_KIND_COUNT + count] = tdm_preset_at(i)->scheme;
    }
    tdm_buf_add_str(&words, "URL: unknown scheme");
    if (strncmp(text + strlen(scheme), "://", 3) == 0) {
        tdm_buf_addf(&words, " \"%.*s\"", (int)strnlen(scheme, 32), scheme);
    }
    tdm_near_add(&words, scheme, strlen(scheme), names);
    transport_refuse(transport, words.failed ? NULL : tdm_buf_text(&words),
                     hint.failed ? NULL : tdm_buf_text(&hint));
    tdm_buf_clear(&words);
    tdm_buf_clear(&hint);
    return NULL;
}

static int transport_set_option(tidymail_transport *transport, const char *name, size_t length,
                                const char *value)
{
    int kind = TIDYMAIL_OK;
    if (transport->preset != NULL && tdm_preset_set_option(transport, name, length, value, &kind)) {
        return kind;
    }
    return transport_is_service(transport)
               ? tdm_rest_set_option(transport, name, length, value)
               : tdm_options_set(&transport->allocator, &transport->options, name, length, value,
                                 strlen(value), &transport->error);
}

/* name=value&name=value; the query is the last part of `text`. */
static int transport_read_query(tidymail_transport *transport, const char *text)
{
    if (transport->url.query == NULL) {
        return TIDYMAIL_OK;
    }
    struct tidymail_error *error = &transport->error;
    size_t length = strlen(text);
    size_t start = length - strlen(transport->url.query);
    int kind = TIDYMAIL_OK;
    while (kind == TIDYMAIL_OK && start <= length) {
        size_t end = start + strcspn(text + start, "&");
        size_t name = strcspn(text + start, "=&");
        if (text[start + name] != '=' || name == 0) {
            return tdm_error_setf(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                                  "URL, offset %z: an option is written name=value", start);
        }
        char *value;
        kind = tdm_url_decode_option(&transport->allocator, text, start + name + 1, end, &value,
                                     error);
        if (kind == TIDYMAIL_OK) {
            kind = transport_set_option(transport, text + start, name, value);
        }
        tdm_free(&transport->allocator, value);
        start = end + 1;
    }
    return kind;
}

static int transport_read_options(tidymail_transport *transport,
                                  const tidymail_transport_options *given)
{
    for (size_t i = 0; given->options != NULL && i < given->option_count; i++) {
        const char *text = given->options[i];
        const char *equals = text != NULL ? strchr(text, '=') : NULL;
        if (equals == NULL || equals == text) {
            return tdm_error_setf(&transport->error, TIDYMAIL_KIND_CONFIGURATION,
                                  TIDYMAIL_PHASE_PREPARE,
                                  "options[%z]: an option is written name=value", i);
        }
        int kind = transport_set_option(transport, text, (size_t)(equals - text), equals + 1);
        if (kind != TIDYMAIL_OK) {
            return kind;
        }
    }
    return TIDYMAIL_OK;
}

static int transport_copy_secret(tidymail_transport *transport, char **member, const char *text,
                                 const char *what)
{
    size_t control = tdm_find_control(text, strlen(text));
    if (text[control] != '\0') {
        return tdm_error_setf(&transport->error, TIDYMAIL_KIND_CONFIGURATION,
                              TIDYMAIL_PHASE_PREPARE,
                              "%s: a control byte at offset %z is not allowed", what, control);
    }
    *member = tdm_strdup(&transport->allocator, text);
    if (*member == NULL) {
        return tdm_error_set(&transport->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             "out of memory while reading the options", NULL);
    }
    return TIDYMAIL_OK;
}

static int transport_gives_source(const tidymail_transport_options *given)
{
    static const char name[] = "password-from=";
    for (size_t i = 0; given->options != NULL && i < given->option_count; i++) {
        if (strncmp(given->options[i], name, sizeof(name) - 1) == 0) {
            return 1;
        }
    }
    return 0;
}

/*
 * Who logs in. A user in the struct stands for the URL's whole userinfo: its password belongs to
 * somebody else. A password given outright beats password-from of the URL, and password-from of the
 * struct beats the URL's password.
 */
static int transport_read_login(tidymail_transport *transport,
                                const tidymail_transport_options *given)
{
    int from_struct = transport_gives_source(given);
    const struct tdm_url *url = &transport->url;
    const char *user = given->user != NULL ? given->user : url->user;
    const char *password = given->password;
    if (password == NULL && given->user == NULL && !from_struct) {
        password = url->password;
    }
    int kind = TIDYMAIL_OK;
    if (password != NULL && transport->options.password_from != NULL) {
        if (given->password == NULL || from_struct) {
            return transport_refuse(transport, "both a password and password-from are given",
                                    "leave out one of them");
        }
        tdm_text_set(&transport->allocator, &transport->options.password_from, NULL);
    }
    if (user != NULL) {
        kind = transport_copy_secret(transport, &transport->user, user, "user");
    }
    if (kind == TIDYMAIL_OK && password != NULL) {
        kind = transport_copy_secret(transport, &transport->password, password, "password");
    }
    return kind;
}

/* 1 where auth= names mechanisms, and all of them are like `names`. */
static int transport_only_auth(const tidymail_transport *transport, const char *const *names)
{
    const char *at = transport->options.auth;
    while (at != NULL && *at != '\0') {
        size_t length = strcspn(at, ",");
        size_t i = 0;
        while (names[i] != NULL && !tdm_equal_nocase_n(at, length, names[i])) {
            i++;
        }
        if (names[i] == NULL) {
            return 0;
        }
        at += length + (at[length] == ',');
    }
    return transport->options.auth != NULL;
}

/* Credentials are whole or absent: a user alone must not lead to a send without login. With EXTERNAL
 * the client certificate is the credential. */
static int transport_check_login(tidymail_transport *transport)
{
    static const char *const external[] = {"EXTERNAL", NULL};
    static const char *const by_token[] = {"XOAUTH2", "OAUTHBEARER", NULL};
    int has_user = transport->user != NULL && transport->user[0] != '\0';
    int has_secret = transport->password != NULL || transport->options.password_from != NULL;
    if (transport->preset != NULL) {
        return tdm_preset_read_login(transport);
    }
    if (transport_is_service(transport)) {
        return tdm_rest_read_login(transport);
    }
    if (!transport_is_smtp(transport)) {
        return transport->user == NULL && !has_secret
                   ? TIDYMAIL_OK
                   : transport_refuse(transport,
                                      "user or password given, but this transport has no login",
                                      "leave them out");
    }
    if (transport->options.key != NULL && transport->options.cert == NULL) {
        return transport_refuse(transport, "option key: a key is given, but no certificate",
                                "give the file of the certificate with cert=");
    }
    int token = transport_only_auth(transport, by_token);
    if (has_user && !has_secret && !transport_only_auth(transport, external)) {
        return transport_refuse(
            transport, token ? "a user is given, but no token" : "a user is given, but no password",
            token ? "give the token as the password: in the URL, as an option, or by password-from"
                  : "give one in the URL (smtp://user:password@host), as an option, or by "
                    "password-from");
    }
    if (!has_user && (has_secret || transport->user != NULL)) {
        return transport_refuse(
            transport, token ? "a token is given, but no user" : "a password is given, but no user",
            token ? "give the account's address as the user: smtp://ann%40example.org:TOKEN@host"
                  : "give one in the URL: smtp://user:password@host");
    }
    return TIDYMAIL_OK;
}

static int transport_check_parts(tidymail_transport *transport)
{
    const struct tdm_url *url = &transport->url;
    if (transport->preset != NULL) {
        return tdm_preset_check_parts(transport);
    }
    if (transport_is_service(transport)) {
        return tdm_rest_check_parts(transport);
    }
    if (!transport_is_smtp(transport)) {
        return TIDYMAIL_OK; /* their open functions know */
    }
    if (transport_is_unix(transport)) {
        if (url->host[0] != '\0' || url->port != 0) {
            return transport_refuse(transport, "URL: a Unix socket has no host and no port",
                                    "write it as lmtp+unix:///path: three slashes");
        }
        return url->path[0] != '\0' ? TIDYMAIL_OK
                                    : transport_refuse(transport, "URL: no path of a Unix socket",
                                                       "write it as lmtp+unix:///path");
    }
    if (url->host[0] == '\0') {
        return transport_refuse(transport, "URL: no host", "write it as smtp://host");
    }
    if (url->path[0] != '\0' && strcmp(url->path, "/") != 0) {
        return transport_refuse(transport, "URL: an SMTP server has no path",
                                "options stand behind a question mark: smtp://host?timeout=60");
    }
    return TIDYMAIL_OK;
}

/* Appends `text` with what would end a userinfo escaped, and nothing that harms a terminal. */
static void transport_show_user(struct tdm_buf *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= 0x20 || c >= 0x7f || strchr("%:@/?#", c) != NULL) {
            tdm_buf_add_char(out, '%');
            tdm_buf_add_char(out, hex[c >> 4]);
            tdm_buf_add_char(out, hex[c & 15]);
        } else {
            tdm_buf_add_char(out, (char)c);
        }
    }
}

/* The option proxy with stars for what stands between the scheme and the last @, escaped or not. */
static void transport_show_proxy(struct tdm_buf *out, const char *option, size_t length)
{
    size_t value = strcspn(option, "=") + 1;
    size_t host = 0;
    for (size_t i = value; i < length; i++) {
        if (option[i] == '@') {
            host = i + 1;
        } else if (length - i >= 3 && strncmp(option + i, "%40", 3) == 0) {
            host = i + 3;
        }
    }
    if (host == 0) {
        tdm_buf_add(out, option, length);
        return;
    }
    size_t scheme = value;
    while (scheme < host && tdm_is_alnum(option[scheme])) {
        scheme++;
    }
    int is_scheme = option[scheme] == ':' || option[scheme] == '%';
    tdm_buf_addf(out, "%.*s%s***@%.*s", (int)(is_scheme ? scheme : value), option,
                 is_scheme ? "://" : "", (int)(length - host), option + host);
}

/* The query, without the command line of password-from, which may hold a secret, and without the
 * proxy's login. */
static void transport_show_query(struct tdm_buf *out, const char *query)
{
    static const char hidden[] = "password-from=";
    const char *mark = "?";
    while (*query != '\0') {
        size_t length = strcspn(query, "&");
        tdm_buf_add_str(out, mark);
        if (tdm_starts_nocase(query, length, hidden)) {
            size_t source = strcspn(query, ":&");
            tdm_buf_addf(out, "%.*s:***", (int)(source < length ? source : sizeof(hidden) - 1),
                         query);
        } else if (tdm_rest_is_secret(query, strcspn(query, "=&"))) {
            tdm_buf_addf(out, "%.*s=***", (int)strcspn(query, "=&"), query);
        } else if (tdm_starts_nocase(query, length, "proxy=") ||
                   tdm_starts_nocase(query, length, "endpoint=")) {
            transport_show_proxy(out, query, length);
        } else {
            tdm_buf_add(out, query, length);
        }
        query += length + (query[length] == '&');
        mark = "&";
    }
}

static void transport_make_shown_url(tidymail_transport *transport)
{
    const struct tdm_url *url = &transport->url;
    struct tdm_buf shown;
    tdm_buf_init(&shown, &transport->allocator, (size_t)256 * 1024);
    tdm_buf_addf(&shown, "%s:", url->scheme);
    if (transport_is_smtp(transport) || transport_is_service(transport)) {
        const char *secret = transport->user != NULL ? ":***" : "***";
        tdm_buf_add_str(&shown, "//");
        if (transport->user != NULL) {
            transport_show_user(&shown, transport->user);
        }
        tdm_buf_add_str(&shown, transport->password != NULL ? secret : "");
        if (transport->user != NULL || transport->password != NULL) {
            tdm_buf_add_char(&shown, '@');
        }
        int literal = strchr(url->host, ':') != NULL;
        tdm_buf_addf(&shown, literal ? "[%s]" : "%s", url->host);
        if (url->port != 0) {
            tdm_buf_addf(&shown, ":%d", url->port);
        }
        if (transport_is_unix(transport)) {
            tdm_escape(&shown, url->path, strlen(url->path), 0);
        }
    } else if (url->path[0] != '\0') {
        tdm_buf_add_str(&shown, "//");
        tdm_escape(&shown, url->path, strlen(url->path), 0);
    }
    if (url->query != NULL) {
        transport_show_query(&shown, url->query);
    }
    tdm_text_set(&transport->allocator, &transport->shown_url,
                 shown.failed ? NULL : tdm_buf_text(&shown));
    tdm_buf_clear(&shown);
}

/* Everything that may go wrong; TIDYMAIL_OK or the kind of the error that stuck. */
static int transport_set_up(tidymail_transport *transport, const char *text,
                            const tidymail_transport_options *given)
{
    if (tdm_group_find(text) != NULL) {
        return tdm_group_set_up(transport, text, given);
    }
    int kind = tdm_url_parse(&transport->allocator, text, &transport->url, &transport->error);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    const struct tdm_transport_ops *ops = transport_find(transport, text);
    if (ops == NULL) {
        return TIDYMAIL_KIND_CONFIGURATION;
    }
    transport->kind = ops;
    kind = transport_check_parts(transport);
    if (kind == TIDYMAIL_OK) {
        kind = transport_read_query(transport, text);
    }
    if (kind == TIDYMAIL_OK) {
        kind = transport_read_options(transport, given);
    }
    if (kind == TIDYMAIL_OK) {
        kind = transport_read_login(transport, given);
    }
    if (kind == TIDYMAIL_OK) {
        kind = transport_check_login(transport);
    }
    if (kind == TIDYMAIL_OK) {
        kind = tdm_redirect_check(transport);
    }
    if (kind == TIDYMAIL_OK) {
        transport_make_shown_url(transport);
        kind = ops->open(transport);
    }
    if (kind == TIDYMAIL_OK) {
        transport->ops = ops;
    }
    return kind;
}

tidymail_transport *tdm_transport_new(const char *url, const tidymail_transport_options *options,
                                      const tidymail_allocator *allocator,
                                      const struct tdm_clock *clock)
{
    tidymail_allocator own = tdm_allocator_or_default(allocator);
    tidymail_transport *transport = tdm_alloc_array(&own, 1, sizeof(*transport));
    if (transport == NULL) {
        return NULL;
    }
    transport->allocator = own;
    transport->clock = *clock;
    tdm_error_init(&transport->error, &own);
    tdm_options_init(&transport->options);
    tidymail_transport_options given = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    if (options != NULL) {
        size_t size = options->struct_size < sizeof(given) ? options->struct_size : sizeof(given);
        memcpy(&given, options, size);
    }
    transport_set_up(transport, url, &given);
    return transport;
}

static void transport_free_secret(const tidymail_allocator *allocator, char *secret)
{
    if (secret != NULL) {
        tdm_wipe(secret, strlen(secret));
    }
    tdm_free(allocator, secret);
}

void tdm_transport_free(tidymail_transport *transport)
{
    if (transport == NULL) {
        return;
    }
    if (transport->ops != NULL) {
        transport->ops->close(transport);
    }
    tidymail_allocator allocator = transport->allocator;
    transport_free_secret(&allocator, transport->user);
    transport_free_secret(&allocator, transport->password);
    tdm_preset_end(transport);
    tdm_rest_clear_options(transport);
    tdm_url_clear(&allocator, &transport->url);
    tdm_options_clear(&allocator, &transport->options);
    tdm_free(&allocator, transport->shown_url);
    tdm_free(&allocator, transport->keylog);
    tdm_error_clear(&transport->error);
    tdm_free(&allocator, transport);
}

const tidymail_error *tidymail_transport_error(const tidymail_transport *transport)
{
    return transport != NULL && transport->error.kind != TIDYMAIL_OK ? &transport->error : NULL;
}

const char *tidymail_transport_url(const tidymail_transport *transport)
{
    return transport != NULL && transport->shown_url != NULL ? transport->shown_url : "";
}
