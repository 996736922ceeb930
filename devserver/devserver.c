/* devserver.c: the public face of the test server (tidymail/devserver.h): options, URL, state. */
#include <tidymail/devserver.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/smtp.h>

#include "api.h"
#include "inbox.h"
#include "listener.h"
#include "tester_ca.h"
#include "util/str.h"

#define ERROR_MAX 4096
#define URL_MAX 65536
#define DEFAULT_MAX_SIZE ((int64_t)50 << 20)
#define IDLE_MS 300000 /* RFC 5321 4.5.3.2.7 */

struct tidymail_devserver {
    struct tdm_listener *listener;
    struct tdm_inbox *inbox;
    struct tdm_tester_ca ca;
    struct tdm_scenario scenario;
    struct tdm_api *api;
    struct tdm_faults faults;
    char **service_urls; /* one for each double */
    size_t service_count;
    char *host; /* numeric */
    char *user;
    char *password;
    char *auth;
    char *state;
    int state_is_private; /* made for this run, removed at its end */
    char *url;
};

static const tidymail_allocator *const memory = &tdm_allocator_default;

static int devserver_error(struct tdm_buf *error, const char *words)
{
    if (error->length == 0) {
        tdm_buf_add_str(error, words);
    }
    return -1;
}

/* The numeric form of a loopback address; anything else is refused: this server takes mail from
 * whoever asks, so the world must not reach it. */
static int devserver_host(tidymail_devserver *server, const char *host, struct tdm_buf *error)
{
    const char *numeric = host != NULL ? host : "127.0.0.1";
    struct in_addr v4;
    struct in6_addr v6;
    if (tdm_equal_nocase(numeric, "localhost")) {
        numeric = "127.0.0.1";
    } else if (strcmp(numeric, "[::1]") == 0) {
        numeric = "::1";
    }
    int loopback = (inet_pton(AF_INET, numeric, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127) ||
                   (inet_pton(AF_INET6, numeric, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
    if (!loopback) {
        tdm_buf_addf(error,
                     "cannot listen on %s: the test server takes loopback addresses only "
                     "(127.0.0.1, ::1, localhost)",
                     numeric);
        return -1;
    }
    server->host = tdm_strdup(memory, numeric);
    return server->host != NULL ? 0 : devserver_error(error, "out of memory");
}

static int devserver_private_state(tidymail_devserver *server, struct tdm_buf *error)
{
    const char *top = getenv("TMPDIR");
    struct tdm_buf path;
    tdm_buf_init(&path, NULL, ERROR_MAX);
    tdm_buf_addf(&path, "%s/tidymail-XXXXXX", top != NULL && top[0] != '\0' ? top : "/tmp");
    if (path.failed || mkdtemp(path.data) == NULL) {
        tdm_buf_addf(error, "cannot make a directory for the test CA: %s",
                     path.failed ? "the name is too long" : strerror(errno));
    } else {
        server->state_is_private = 1;
        server->state = tdm_strndup(memory, path.data, path.length);
    }
    tdm_buf_clear(&path);
    return server->state != NULL ? 0 : devserver_error(error, "out of memory");
}

static int devserver_open_ca(tidymail_devserver *server, const char *state, struct tdm_buf *error)
{
    if (state == NULL && devserver_private_state(server, error) != 0) {
        return -1;
    }
    if (state != NULL) {
        server->state = tdm_strdup(memory, state);
        if (server->state == NULL) {
            return devserver_error(error, "out of memory");
        }
    }
    return tdm_tester_ca_open(&server->ca, server->state, error) != 0 ||
                   tdm_tester_ca_context(&server->ca, TDM_CERTIFICATE_VALID, error) == NULL
               ? -1
               : 0;
}

/* Percent-encoding (RFC 3986 2.1) of all but the unreserved characters and those of `also`. */
static void url_add(struct tdm_buf *url, const char *text, const char *also)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (tdm_is_alnum(*text) || strchr("-._~", *text) != NULL || strchr(also, *text) != NULL) {
            tdm_buf_add_char(url, *text);
        } else {
            tdm_buf_add_char(url, '%');
            tdm_buf_add_char(url, digits[byte >> 4]);
            tdm_buf_add_char(url, digits[byte & 15]);
        }
    }
}

static void url_add_option(struct tdm_buf *url, char *mark, const char *name, const char *value)
{
    tdm_buf_addf(url, "%c%s=", *mark, name);
    url_add(url, value, "/");
    *mark = '&';
}

/* What client: says in the words of a URL. */
static void url_add_scenario(struct tdm_buf *url, char *mark, const struct tdm_scenario *scenario)
{
    static const char *const names[] = {
        "auth",    "cleartext-auth", "initial-response", "pipelining",    "chunking",
        "partial", "helo",           "timeout",          "reply-timeout", "final-timeout"};
    int tls = tdm_scenario_tls(scenario);
    if (tls == TIDYMAIL_SMTP_TLS_NONE || tls == TIDYMAIL_SMTP_TLS_OPPORTUNISTIC) {
        url_add_option(url, mark, "tls", tls == TIDYMAIL_SMTP_TLS_NONE ? "none" : "opportunistic");
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = tdm_scenario_client(scenario, names[i]);
        if (value != NULL) {
            url_add_option(url, mark, names[i], value);
        }
    }
}

static int devserver_make_url(tidymail_devserver *server, const tidymail_devserver_options *options)
{
    const struct tdm_scenario *scenario = options->scenario != NULL ? &server->scenario : NULL;
    const char *user = server->user;
    const char *password = server->password;
    int implicit = options->implicit_tls;
    int lmtp = options->lmtp;
    if (scenario != NULL) {
        const char *word = tdm_scenario_client(scenario, "lmtp");
        implicit = tdm_scenario_tls(scenario) == TIDYMAIL_SMTP_TLS_IMPLICIT;
        lmtp = word != NULL && strcmp(word, "yes") == 0;
        if (user == NULL) {
            user = tdm_scenario_client(scenario, "user");
            password = tdm_scenario_client(scenario, "password");
        }
    } else if (user == NULL) {
        user = "user"; /* any are accepted */
        password = "password";
    }
    struct tdm_buf url;
    char mark = '?';
    tdm_buf_init(&url, NULL, URL_MAX);
    tdm_buf_add_str(&url, lmtp ? "lmtp://" : implicit ? "smtps://" : "smtp://");
    if (user != NULL) {
        url_add(&url, user, "");
        tdm_buf_add_char(&url, ':');
        url_add(&url, password, "");
        tdm_buf_add_char(&url, '@');
    }
    int v6 = strchr(server->host, ':') != NULL;
    tdm_buf_addf(&url, "%s%s%s:%d", v6 ? "[" : "", server->host, v6 ? "]" : "",
                 tdm_listener_port(server->listener));
    if (server->ca.path != NULL) {
        url_add_option(&url, &mark, "ca", server->ca.path);
    }
    int starttls = scenario != NULL ? tdm_scenario_tls(scenario) == TIDYMAIL_SMTP_TLS_STARTTLS
                                    : !options->no_tls;
    if (lmtp && starttls) {
        url_add_option(&url, &mark, "tls", "starttls"); /* with lmtp:// it must be asked for */
    }
    if (scenario != NULL) {
        url_add_scenario(&url, &mark, scenario);
    } else if (options->no_tls) {
        url_add_option(&url, &mark, "tls", "none");
        url_add_option(&url, &mark, "cleartext-auth", "allow");
    }
    server->url = url.failed ? NULL : tdm_strndup(memory, url.data, url.length);
    tdm_buf_wipe(&url);
    return server->url != NULL ? 0 : -1;
}

/* The server's own, and one for each service. */
static int devserver_make_api_urls(tidymail_devserver *server)
{
    struct tdm_buf origin;
    struct tdm_buf url;
    int v6 = strchr(server->host, ':') != NULL;
    int failed = 0;
    tdm_buf_init(&origin, NULL, URL_MAX);
    tdm_buf_init(&url, NULL, URL_MAX);
    tdm_buf_addf(&origin, "%s://%s%s%s:%d", server->ca.path != NULL ? "https" : "http",
                 v6 ? "[" : "", server->host, v6 ? "]" : "", tdm_listener_port(server->listener));
    while (tdm_double_at(server->service_count) != NULL) {
        server->service_count++;
    }
    server->service_urls = tdm_alloc_array(memory, server->service_count, sizeof(char *));
    failed = server->service_urls == NULL || origin.failed;
    for (size_t i = 0; i < server->service_count && !failed; i++) {
        tdm_buf_reset(&url);
        tdm_api_add_url(server->api, tdm_double_at(i), tdm_buf_text(&origin), server->ca.path,
                        &url);
        server->service_urls[i] = url.failed ? NULL : tdm_strndup(memory, url.data, url.length);
        failed = server->service_urls[i] == NULL;
    }
    tdm_buf_wipe(&url);
    if (server->ca.path != NULL) {
        char mark = '?';
        url_add_option(&origin, &mark, "ca", server->ca.path);
    }
    server->url = origin.failed ? NULL : tdm_strndup(memory, origin.data, origin.length);
    tdm_buf_clear(&origin);
    return failed || server->url == NULL ? -1 : 0;
}

static int devserver_open_api(tidymail_devserver *server, const tidymail_devserver_options *options,
                              struct tdm_buf *error)
{
    struct tdm_api_options api = {server->user, server->password, options->faults, server->inbox};
    server->api = tdm_api_new(&api, error);
    return server->api != NULL ? 0 : -1;
}

static int devserver_copy_credentials(tidymail_devserver *server,
                                      const tidymail_devserver_options *options,
                                      struct tdm_buf *error)
{
    int half = options->api ? options->password == NULL && options->user != NULL
                            : (options->user != NULL) != (options->password != NULL);
    if (half) {
        return devserver_error(error, "a user needs a password, and a password a user");
    }
    server->user = tdm_strdup(memory, options->user);
    server->password = tdm_strdup(memory, options->password);
    if ((options->user != NULL && server->user == NULL) ||
        (options->password != NULL && server->password == NULL)) {
        return devserver_error(error, "out of memory");
    }
    return 0;
}

static int devserver_parse_scenario(tidymail_devserver *server, const char *text,
                                    struct tdm_buf *error)
{
    struct tdm_buf words;
    tdm_buf_init(&words, NULL, ERROR_MAX);
    int result = tdm_scenario_parse(&server->scenario, text, strlen(text), &words);
    if (result != 0) {
        tdm_buf_addf(error, "the scenario cannot be played: %s", tdm_buf_text(&words));
    }
    tdm_buf_clear(&words);
    return result;
}

static int devserver_check(const tidymail_devserver_options *options, struct tdm_buf *error)
{
    if (options->port < 0 || options->port > 65535) {
        tdm_buf_addf(error, "%d is not a port", options->port);
        return -1;
    }
    if (options->implicit_tls && options->no_tls) {
        return devserver_error(error, "implicit TLS and no TLS exclude each other");
    }
    if (options->implicit_tls && options->scenario != NULL) {
        return devserver_error(error, "a scenario says itself where TLS begins: put @tls first");
    }
    if (options->implicit_tls && options->lmtp) {
        return devserver_error(error, "LMTP has no URL for TLS at once");
    }
    if (options->lmtp && options->scenario != NULL) {
        return devserver_error(error, "a scenario says itself that it is LMTP: client: lmtp=yes");
    }
    if (options->faults != NULL && options->scenario != NULL) {
        return devserver_error(error, "a scenario says itself what goes wrong");
    }
    if (options->like != NULL && (options->scenario != NULL || options->auth != NULL ||
                                  options->hide != NULL || options->lmtp)) {
        return devserver_error(error, "like says what is offered: not with a scenario, auth, hide "
                                      "or lmtp");
    }
    if (options->api && (options->lmtp || options->scenario != NULL || options->hide != NULL ||
                         options->auth != NULL || options->require_auth || options->no_tls ||
                         options->like != NULL)) {
        return devserver_error(error, "the HTTP APIs have no use for options of SMTP");
    }
    if (options->max_size < 0) {
        return devserver_error(error, "the maximum size is negative");
    }
    return 0;
}

/* The keywords to hide and the mechanisms to offer. */
static int devserver_check_lists(const tidymail_devserver_options *options, unsigned *hidden,
                                 struct tdm_buf *error)
{
    const char *unknown = NULL;
    int needs_password = 0;
    *hidden = 0;
    if (options->hide != NULL && tdm_server_parse_hidden(options->hide, hidden, &unknown) != 0) {
        tdm_buf_addf(error, "'%.*s' is not an extension of this server",
                     (int)strcspn(unknown, ", "), unknown);
        return -1;
    }
    if (options->auth == NULL) {
        return 0;
    }
    if (tdm_server_check_mechanisms(options->auth, &needs_password, &unknown) != 0) {
        tdm_buf_addf(error, "'%.*s' is not a mechanism of this server", (int)strcspn(unknown, ", "),
                     unknown);
        return -1;
    }
    if (needs_password && options->password == NULL) {
        return devserver_error(error,
                               "SCRAM and CRAM-MD5 check a password that they must know: give "
                               "user and password");
    }
    return 0;
}

static const struct tdm_like *devserver_like(const char *name, struct tdm_buf *error)
{
    const struct tdm_like *like = tdm_like_find(name);
    if (like == NULL) {
        tdm_buf_addf(error, "there is no preset '%s' (allowed:", name);
        for (size_t i = 0; tdm_like_name(i) != NULL; i++) {
            tdm_buf_addf(error, "%s %s", i > 0 ? "," : "", tdm_like_name(i));
        }
        tdm_buf_add_char(error, ')');
    }
    return like;
}

static int devserver_listen(tidymail_devserver *server, const tidymail_devserver_options *options,
                            struct tdm_buf *error)
{
    struct tdm_listener_options listener;
    memset(&listener, 0, sizeof(listener));
    if (devserver_check_lists(options, &listener.session.hidden, error) != 0) {
        return -1;
    }
    if (options->auth != NULL) {
        server->auth = tdm_strdup(memory, options->auth);
        if (server->auth == NULL) {
            return devserver_error(error, "out of memory");
        }
    }
    if (options->like != NULL) {
        listener.session.like = devserver_like(options->like, error);
        if (listener.session.like == NULL) {
            return -1;
        }
    }
    server->faults.random = options->seed;
    if (!options->api && options->faults != NULL &&
        tdm_faults_parse(&server->faults, options->faults, error) != 0) {
        return -1;
    }
    listener.session.faults = &server->faults;
    listener.session.auth = server->auth;
    listener.session.lmtp = options->lmtp;
    listener.api = server->api;
    listener.host = server->host;
    listener.port = options->port;
    listener.inbox = server->inbox;
    listener.ca = server->ca.path != NULL ? &server->ca : NULL;
    listener.scenario = options->scenario != NULL ? &server->scenario : NULL;
    listener.implicit_tls = options->implicit_tls;
    listener.log = options->log;
    listener.log_context = options->log_context;
    listener.session.name = "localhost";
    listener.session.user = server->user;
    listener.session.password = server->password;
    listener.session.offer_tls = !options->no_tls;
    listener.session.require_auth = options->require_auth;
    /* a password of somebody's must not cross the wire in clear; one that is as good as any may */
    listener.session.clear_auth = options->no_tls || server->user == NULL;
    listener.session.max_size = options->max_size > 0 ? options->max_size : DEFAULT_MAX_SIZE;
    listener.session.idle_ms = IDLE_MS;
    server->listener = tdm_listener_start(&listener, error);
    return server->listener != NULL ? 0 : -1;
}

static int devserver_set_up(tidymail_devserver *server, const tidymail_devserver_options *options,
                            struct tdm_buf *error)
{
    if (devserver_check(options, error) != 0 || devserver_host(server, options->host, error) != 0 ||
        devserver_copy_credentials(server, options, error) != 0) {
        return -1;
    }
    if (options->scenario != NULL &&
        devserver_parse_scenario(server, options->scenario, error) != 0) {
        return -1;
    }
    server->inbox = tdm_inbox_new(options->store);
    if (server->inbox == NULL) {
        return devserver_error(error, "out of memory");
    }
    if (options->api && devserver_open_api(server, options, error) != 0) {
        return -1;
    }
    int tls = options->api ? options->implicit_tls : !options->no_tls;
    if (tls && devserver_open_ca(server, options->state, error) != 0) {
        return -1;
    }
    if (devserver_listen(server, options, error) != 0) {
        return -1;
    }
    return (options->api ? devserver_make_api_urls(server) : devserver_make_url(server, options)) ==
                   0
               ? 0
               : devserver_error(error, "out of memory, or a URL that is too long");
}

static void devserver_say(char *error, size_t error_size, const struct tdm_buf *words)
{
    if (error != NULL && error_size > 0) {
        size_t length = words->length < error_size - 1 ? words->length : error_size - 1;
        memcpy(error, tdm_buf_text(words), length);
        error[length] = '\0';
    }
}

tidymail_devserver *tidymail_devserver_start(const tidymail_devserver_options *given, char *error,
                                             size_t error_size)
{
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    struct tdm_buf words;
    tdm_buf_init(&words, NULL, ERROR_MAX);
    if (given != NULL) {
        size_t size = given->struct_size < sizeof(options) ? given->struct_size : sizeof(options);
        memcpy(&options, given, size);
    }
    tidymail_devserver *server = tdm_alloc_array(memory, 1, sizeof(*server));
    if (server == NULL) {
        tdm_buf_add_str(&words, "out of memory");
    } else if (devserver_set_up(server, &options, &words) != 0) {
        tidymail_devserver_stop(server);
        server = NULL;
    }
    devserver_say(error, error_size, &words);
    tdm_buf_clear(&words);
    return server;
}

static void devserver_free_secret(char *text)
{
    if (text != NULL) {
        tdm_wipe(text, strlen(text));
    }
    tdm_free(memory, text);
}

void tidymail_devserver_stop(tidymail_devserver *server)
{
    if (server == NULL) {
        return;
    }
    tdm_listener_stop(server->listener);
    tdm_inbox_free(server->inbox);
    tdm_tester_ca_close(&server->ca);
    if (server->state_is_private && server->state != NULL) {
        tdm_tester_ca_remove(server->state);
    }
    tdm_scenario_clear(&server->scenario);
    tdm_api_free(server->api);
    tdm_faults_clear(&server->faults);
    for (size_t i = 0; server->service_urls != NULL && i < server->service_count; i++) {
        devserver_free_secret(server->service_urls[i]);
    }
    tdm_free(memory, server->service_urls);
    tdm_free(memory, server->host);
    tdm_free(memory, server->state);
    tdm_free(memory, server->auth);
    devserver_free_secret(server->user);
    devserver_free_secret(server->password);
    devserver_free_secret(server->url);
    tdm_free(memory, server);
}

int tidymail_devserver_port(const tidymail_devserver *server)
{
    return server != NULL ? tdm_listener_port(server->listener) : 0;
}

const char *tidymail_devserver_url(const tidymail_devserver *server)
{
    return server != NULL ? server->url : "";
}

const char *tidymail_devserver_service_url(const tidymail_devserver *server, const char *scheme)
{
    for (size_t i = 0; server != NULL && scheme != NULL && i < server->service_count; i++) {
        if (strcmp(tdm_double_at(i)->scheme, scheme) == 0) {
            return server->service_urls[i];
        }
    }
    return NULL;
}

const char *tidymail_devserver_service(const tidymail_devserver *server, size_t index)
{
    return server != NULL && index < server->service_count ? tdm_double_at(index)->scheme : NULL;
}

const char *tidymail_devserver_ca(const tidymail_devserver *server)
{
    return server != NULL && server->ca.path != NULL ? server->ca.path : "";
}

const char *tidymail_devserver_client_certificate(const tidymail_devserver *server)
{
    return server != NULL && server->ca.client_path != NULL ? server->ca.client_path : "";
}

size_t tidymail_devserver_message_count(const tidymail_devserver *server)
{
    return server != NULL ? tdm_inbox_count(server->inbox) : 0;
}

static const struct tdm_inbox_message *devserver_find(const tidymail_devserver *server,
                                                      size_t index)
{
    return server != NULL ? tdm_inbox_message(server->inbox, index) : NULL;
}

const char *tidymail_devserver_message(const tidymail_devserver *server, size_t index,
                                       size_t *length)
{
    const struct tdm_inbox_message *message = devserver_find(server, index);
    if (length != NULL) {
        *length = message != NULL ? message->length : 0;
    }
    return message != NULL ? message->bytes : NULL;
}

const char *tidymail_devserver_message_from(const tidymail_devserver *server, size_t index)
{
    const struct tdm_inbox_message *message = devserver_find(server, index);
    return message != NULL ? message->from : NULL;
}

size_t tidymail_devserver_message_recipient_count(const tidymail_devserver *server, size_t index)
{
    const struct tdm_inbox_message *message = devserver_find(server, index);
    return message != NULL ? message->recipient_count : 0;
}

const char *tidymail_devserver_message_recipient(const tidymail_devserver *server, size_t index,
                                                 size_t recipient)
{
    const struct tdm_inbox_message *message = devserver_find(server, index);
    return message != NULL && recipient < message->recipient_count ? message->recipients[recipient]
                                                                   : NULL;
}

const char *tidymail_devserver_message_parameters(const tidymail_devserver *server, size_t index)
{
    const struct tdm_inbox_message *message = devserver_find(server, index);
    return message != NULL ? message->parameters : NULL;
}

const char *tidymail_devserver_message_recipient_parameters(const tidymail_devserver *server,
                                                            size_t index, size_t recipient)
{
    const struct tdm_inbox_message *message = devserver_find(server, index);
    return message != NULL && recipient < message->recipient_count
               ? message->recipient_parameters[recipient]
               : NULL;
}

const char *tidymail_devserver_message_user(const tidymail_devserver *server, size_t index)
{
    const struct tdm_inbox_message *message = devserver_find(server, index);
    return message != NULL ? message->user : NULL;
}

int tidymail_devserver_message_encrypted(const tidymail_devserver *server, size_t index)
{
    const struct tdm_inbox_message *message = devserver_find(server, index);
    return message != NULL && message->encrypted;
}

size_t tidymail_devserver_connection_count(const tidymail_devserver *server)
{
    return server != NULL ? tdm_inbox_connections(server->inbox) : 0;
}

const char *tidymail_devserver_deviation(const tidymail_devserver *server)
{
    return server != NULL ? tdm_inbox_deviation(server->inbox) : "";
}
