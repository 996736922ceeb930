/* presets.c: see presets.h. A scheme is the service's name and "+smtp" or "+smtps". */
#include "transport/presets.h"

#include <string.h>

#include "util/str.h"

#define PRESET_PORT_SUBMISSION 587
#define PRESET_PORT_SUBMISSIONS 465
#define PRESET_REGION_MAX 32
#define PRESET_HOST_MAX 256
#define PRESET_SMTP_PASSWORD 44 /* the length of base64 of 33 bytes; secret keys have 40 */

/* Over SMTP the message goes as it is: all that is no wish can be carried. */
#define PRESET_CAN                                                                                 \
    (TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_REPLY_TO | TDM_CAN_SENDER | TDM_CAN_HEADERS |              \
     TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS | TDM_CAN_INLINE | TDM_CAN_INLINE_NAMES |         \
     TDM_CAN_PART_FIELDS | TDM_CAN_GROUPS | TDM_CAN_CALENDAR | TDM_CAN_RAW | TDM_CAN_ENVELOPE |    \
     TDM_CAN_SMTPUTF8 | TDM_CAN_DSN)

static const struct tdm_preset presets[] = {
#define P(word, its_name, host, other, other_host, ports, tls_ports, login, user, form, auth,      \
          fields, its_can, its_max_tags)                                                           \
    {word "+smtp",                                                                                 \
     host,                                                                                         \
     other,                                                                                        \
     other_host,                                                                                   \
     ports,                                                                                        \
     tls_ports,                                                                                    \
     TDM_PRESET_##login,                                                                           \
     user,                                                                                         \
     form,                                                                                         \
     auth,                                                                                         \
     tdm_fields_##fields,                                                                          \
     {.scheme = word,                                                                              \
      .capabilities = {.name = its_name, .can = PRESET_CAN | (its_can), .max_tags = its_max_tags}, \
      .options = tdm_options_##fields}},
#include "transport/presets.def"
#undef P
};

#define PRESET_COUNT (sizeof(presets) / sizeof(presets[0]))

const struct tdm_preset *tdm_preset_at(size_t index)
{
    return index < PRESET_COUNT ? &presets[index] : NULL;
}

const struct tdm_preset *tdm_preset_find(const char *scheme, int *implicit)
{
    size_t length = strcspn(scheme, "+");
    *implicit = strcmp(scheme + length, "+smtps") == 0;
    if (!*implicit && strcmp(scheme + length, "+smtp") != 0) {
        return NULL;
    }
    for (size_t i = 0; i < PRESET_COUNT; i++) {
        const char *word = presets[i].service.scheme;
        if (strlen(word) == length && strncmp(scheme, word, length) == 0) {
            return &presets[i];
        }
    }
    return NULL;
}

static int preset_no_memory(tidymail_transport *transport)
{
    return tdm_error_set(&transport->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory while reading the URL", NULL);
}

/* The hint is how the URL is written, and `more` where that is not NULL. */
static int preset_refuse(tidymail_transport *transport, const struct tdm_preset *preset,
                         const char *words, const char *more)
{
    struct tdm_buf hint;
    tdm_buf_init(&hint, &transport->allocator, 1024);
    tdm_buf_addf(&hint, "write it as %s+smtp://%s%s%s", preset->service.scheme, preset->form,
                 more != NULL ? ": " : "", more != NULL ? more : "");
    int kind = tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             words, hint.failed ? NULL : tdm_buf_text(&hint));
    tdm_buf_clear(&hint);
    return kind;
}

/* The same, with the service's name in front. */
static int preset_refuse_named(tidymail_transport *transport, const struct tdm_preset *preset,
                               const char *where, const char *words, const char *more)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &transport->allocator, 1024);
    tdm_buf_addf(&line, "%s: %s%s", where, preset->service.capabilities.name, words);
    int kind =
        preset_refuse(transport, preset, line.failed ? "out of memory" : tdm_buf_text(&line), more);
    tdm_buf_clear(&line);
    return kind;
}

int tdm_preset_begin(tidymail_transport *transport, const struct tdm_preset *preset, int implicit)
{
    if (implicit && preset->tls_ports[0] == '\0') {
        return preset_refuse_named(transport, preset, "URL",
                                   " has no port with TLS from the first byte",
                                   "STARTTLS is required there");
    }
    struct tdm_preset_use *use = tdm_alloc_array(&transport->allocator, 1, sizeof(*use));
    if (use == NULL) {
        return preset_no_memory(transport);
    }
    use->preset = preset;
    use->implicit = implicit;
    transport->preset = use;
    return TIDYMAIL_OK;
}

static void preset_free_option(const tidymail_allocator *allocator, struct tdm_mail_field *option)
{
    tdm_free(allocator, option->name);
    tdm_free(allocator, option->value);
}

void tdm_preset_end(tidymail_transport *transport)
{
    struct tdm_preset_use *use = transport->preset;
    for (size_t i = 0; use != NULL && i < use->option_count; i++) {
        preset_free_option(&transport->allocator, &use->options[i]);
    }
    if (use != NULL) {
        tdm_free(&transport->allocator, use->options);
    }
    tdm_free(&transport->allocator, use);
    transport->preset = NULL;
}

static int preset_is_default(const char *host)
{
    return host[0] == '\0' || strcmp(host, "default") == 0;
}

int tdm_preset_check_parts(tidymail_transport *transport)
{
    const struct tdm_preset *preset = transport->preset->preset;
    const struct tdm_url *url = &transport->url;
    if (url->path[0] != '\0' && strcmp(url->path, "/") != 0) {
        return preset_refuse(transport, preset, "URL: an SMTP server has no path",
                             "options stand behind a question mark");
    }
    if (preset->login == TDM_PRESET_SES || preset_is_default(url->host)) {
        return TIDYMAIL_OK;
    }
    return preset_refuse_named(transport, preset, "URL",
                               " has a host of its own, and the URL names one",
                               "nothing, or \"default\", stands behind the @");
}

static struct tdm_mail_field *preset_option(const struct tdm_preset_use *use, const char *name)
{
    for (size_t i = 0; i < use->option_count; i++) {
        if (strcmp(use->options[i].name, name) == 0) {
            return &use->options[i];
        }
    }
    return NULL;
}

static int preset_keep_option(tidymail_transport *transport, const char *name, size_t length,
                              const char *value)
{
    const tidymail_allocator *allocator = &transport->allocator;
    struct tdm_preset_use *use = transport->preset;
    struct tdm_mail_field option = {tdm_strndup(allocator, name, length),
                                    tdm_strdup(allocator, value)};
    struct tdm_mail_field *old = option.name != NULL ? preset_option(use, option.name) : NULL;
    struct tdm_mail_field *longer = NULL;
    if (old == NULL && option.name != NULL && option.value != NULL) {
        longer = tdm_resize_array(allocator, use->options, use->option_count + 1, sizeof(*longer));
    }
    if (option.value == NULL || (old == NULL && longer == NULL)) {
        preset_free_option(allocator, &option);
        return preset_no_memory(transport);
    }
    if (old != NULL) {
        preset_free_option(allocator, old);
        *old = option;
    } else {
        use->options = longer;
        use->options[use->option_count++] = option;
    }
    return TIDYMAIL_OK;
}

int tdm_preset_set_option(tidymail_transport *transport, const char *name, size_t length,
                          const char *value, int *kind)
{
    const struct tdm_provider *service = &transport->preset->preset->service;
    const struct tdm_service_option *option = service->options;
    while (option->name != NULL &&
           (strlen(option->name) != length || strncmp(option->name, name, length) != 0)) {
        option++;
    }
    if (option->name == NULL) {
        return 0;
    }
    size_t control = tdm_find_control(value, strlen(value));
    if (value[control] != '\0') {
        *kind = tdm_error_setf(
            &transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
            "option %s: a control byte at offset %z is not allowed", option->name, control);
        return 1;
    }
    *kind = tdm_service_option_check(service, name, length, value, TIDYMAIL_KIND_CONFIGURATION,
                                     &transport->error);
    if (*kind == TIDYMAIL_OK) {
        *kind = preset_keep_option(transport, name, length, value);
    }
    return 1;
}

/* 1 where `user` is the one that the preset has, or begins with it and a colon, as SparkPost's
 * subaccounts do: SMTP_Injection:X-MSYS-SUBACCOUNT=123. */
static int preset_is_user(const struct tdm_preset *preset, const char *user)
{
    size_t length = strlen(preset->user);
    return strncmp(user, preset->user, length) == 0 &&
           (user[length] == '\0' || user[length] == ':');
}

/* The key alone: it may stand where the user does. */
static int preset_read_key(tidymail_transport *transport)
{
    const struct tdm_preset *preset = transport->preset->preset;
    int has_source = transport->options.password_from != NULL;
    int has_secret = transport->password != NULL || has_source;
    const char *user = transport->user;
    if (user == NULL && !has_secret) {
        return preset_refuse_named(transport, preset, "URL", ": no key is given", NULL);
    }
    if (user == NULL) {
        return TIDYMAIL_OK;
    }
    if (has_secret && preset->login == TDM_PRESET_LITERAL && !preset_is_user(preset, user)) {
        return preset_refuse_named(
            transport, preset, "URL",
            has_source ? ": both a key and password-from are given" : " takes the key alone", NULL);
    }
    if (!has_secret) {
        transport->password = transport->user;
        transport->user = NULL;
    }
    return TIDYMAIL_OK;
}

static int preset_read_pair(tidymail_transport *transport)
{
    const struct tdm_preset *preset = transport->preset->preset;
    int has_secret = transport->password != NULL || transport->options.password_from != NULL;
    if (transport->user == NULL || !has_secret) {
        const char *words = transport->user != NULL ? ": a user is given, but nothing secret"
                            : has_secret            ? ": a password is given, but no user"
                                                    : ": no login is given";
        return preset_refuse_named(transport, preset, "URL", words, NULL);
    }
    if (preset->login == TDM_PRESET_SES && strncmp(transport->user, "ASIA", 4) == 0) {
        return preset_refuse_named(
            transport, preset, "URL",
            " does not take temporary credentials (the ID begins with ASIA)",
            "with the keys of an IAM user; or send over HTTPS with ses://, which takes the session "
            "token");
    }
    return TIDYMAIL_OK;
}

int tdm_preset_read_login(tidymail_transport *transport)
{
    enum tdm_preset_login_rule rule = transport->preset->preset->login;
    if (transport->options.key != NULL && transport->options.cert == NULL) {
        return tdm_error_set(&transport->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                             "option key: a key is given, but no certificate",
                             "give the file of the certificate with cert=");
    }
    if (transport->user != NULL && transport->user[0] == '\0') {
        tdm_text_set(&transport->allocator, &transport->user, NULL);
    }
    return rule == TDM_PRESET_GIVEN || rule == TDM_PRESET_SES ? preset_read_pair(transport)
                                                              : preset_read_key(transport);
}

static int preset_is_region(const char *region)
{
    size_t length = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && length <= PRESET_REGION_MAX && region[length] == '\0';
}

/* The region of SES: in the place of the host, or by the option. */
static const char *preset_ses_region(const tidymail_transport *transport)
{
    return !preset_is_default(transport->url.host) ? transport->url.host
                                                   : transport->options.region;
}

static int preset_ses_host(tidymail_transport *transport, struct tdm_buf *host)
{
    const struct tdm_preset *preset = transport->preset->preset;
    const char *region = preset_ses_region(transport);
    const char *option = transport->options.region;
    if (region == NULL) {
        return preset_refuse_named(transport, preset, "URL", ": no region is given",
                                   "with a region such as eu-west-1");
    }
    if (option != NULL && strcmp(option, region) != 0) {
        return preset_refuse(transport, preset, "URL: it names a region, and the option another",
                             "leave one of them out");
    }
    if (!preset_is_region(region)) {
        return preset_refuse(transport, preset, "URL: this is no region of AWS",
                             "with a region such as eu-west-1");
    }
    const char *mark = strstr(preset->host, "%R");
    tdm_buf_addf(host, "%.*s%s%s", (int)(mark - preset->host), preset->host, region, mark + 2);
    return TIDYMAIL_OK;
}

/* The host by region= or stream=. */
static int preset_add_host(tidymail_transport *transport, struct tdm_buf *host)
{
    const struct tdm_preset *preset = transport->preset->preset;
    size_t name = strcspn(preset->other, "=");
    int by_region = strncmp(preset->other, "region=", 7) == 0;
    const char *value = transport->options.region;
    if (preset->login == TDM_PRESET_SES) {
        return preset_ses_host(transport, host);
    }
    if (value != NULL && !by_region) {
        return preset_refuse_named(transport, preset, "option region", " has only one",
                                   "without region=");
    }
    if (preset->other[0] != '\0' && !by_region) {
        const struct tdm_mail_field *option = NULL;
        for (size_t i = 0; i < transport->preset->option_count; i++) {
            if (strncmp(transport->preset->options[i].name, preset->other, name) == 0 &&
                transport->preset->options[i].name[name] == '\0') {
                option = &transport->preset->options[i];
            }
        }
        value = option != NULL ? option->value : NULL;
    }
    int is_other = value != NULL && strcmp(value, preset->other + name + 1) == 0;
    if (by_region && value != NULL && !is_other && strcmp(value, "us") != 0) {
        return preset_refuse_named(transport, preset, "option region", " has us and eu",
                                   "with region=eu, or without it");
    }
    tdm_buf_add_str(host, is_other ? preset->other_host : preset->host);
    return TIDYMAIL_OK;
}

/* What is wrong with an endpoint that is a URL; NULL: nothing. */
static const char *preset_check_endpoint(const struct tdm_url *url)
{
    if (strcmp(url->scheme, "smtp") != 0 && strcmp(url->scheme, "smtps") != 0) {
        return "it is neither smtp:// nor smtps://";
    }
    if (url->host[0] == '\0') {
        return "it has no host";
    }
    if (url->user != NULL || url->query != NULL ||
        (url->path[0] != '\0' && strcmp(url->path, "/") != 0)) {
        return "it has a scheme, a host and a port, and nothing else";
    }
    return NULL;
}

static int preset_read_endpoint(tidymail_transport *transport, struct tdm_preset_target *target)
{
    struct tdm_url url;
    struct tidymail_error error;
    tdm_error_init(&error, &transport->allocator);
    int kind = tdm_url_parse(&transport->allocator, transport->options.endpoint, &url, &error);
    const char *wrong =
        kind != TIDYMAIL_OK ? tidymail_error_message(&error) : preset_check_endpoint(&url);
    if (wrong != NULL) {
        kind = tdm_error_setf(&transport->error,
                              kind != TIDYMAIL_OK ? kind : TIDYMAIL_KIND_CONFIGURATION,
                              TIDYMAIL_PHASE_PREPARE, "option endpoint: %s", wrong);
        tdm_text_set(&transport->allocator, &transport->error.hint,
                     "write it as endpoint=smtp://host:port");
    } else {
        target->implicit = strcmp(url.scheme, "smtps") == 0;
        target->port = url.port;
        target->host = tdm_strdup(&transport->allocator, url.host);
        kind = target->host != NULL ? TIDYMAIL_OK : preset_no_memory(transport);
    }
    tdm_url_clear(&transport->allocator, &url);
    tdm_error_clear(&error);
    return kind;
}

int tdm_preset_target(tidymail_transport *transport, struct tdm_preset_target *target)
{
    struct tdm_buf host;
    memset(target, 0, sizeof(*target));
    target->port = transport->url.port;
    target->implicit = transport->preset->implicit;
    tdm_buf_init(&host, &transport->allocator, PRESET_HOST_MAX);
    int kind = preset_add_host(transport, &host); /* wrong ones are found with an endpoint too */
    if (kind == TIDYMAIL_OK && transport->options.endpoint != NULL) {
        kind = preset_read_endpoint(transport, target);
    } else if (kind == TIDYMAIL_OK) {
        target->host = host.failed ? NULL : tdm_strdup(&transport->allocator, tdm_buf_text(&host));
        kind = target->host != NULL ? TIDYMAIL_OK : preset_no_memory(transport);
    }
    if (target->port == 0) {
        target->port = target->implicit ? PRESET_PORT_SUBMISSIONS : PRESET_PORT_SUBMISSION;
    }
    tdm_buf_clear(&host);
    return kind;
}

/* 1 where the secret of SES is a password for SMTP already, as its console makes them. */
static int preset_is_smtp_password(const char *secret)
{
    return strlen(secret) == PRESET_SMTP_PASSWORD && secret[0] == 'B';
}

int tdm_preset_login(const tidymail_transport *transport, struct tdm_smtp_login *login)
{
    memset(login, 0, sizeof(*login));
    login->user = transport->user;
    login->password = transport->password;
    login->auth = transport->options.auth;
    if (transport->preset == NULL) {
        return 0;
    }
    const struct tdm_preset *preset = transport->preset->preset;
    if (login->auth == NULL && preset->auth[0] != '\0') {
        login->auth = preset->auth;
    }
    if (login->user == NULL) {
        login->user = preset->login == TDM_PRESET_SAME ? login->password : preset->user;
    }
    if (preset->login != TDM_PRESET_SES || login->password == NULL ||
        preset_is_smtp_password(login->password)) {
        return 0;
    }
    login->password = login->derived;
    return tdm_ses_smtp_password(transport->password, preset_ses_region(transport), login->derived);
}
