/*
 * http_curl.c: requests by libcurl's multi-socket interface. Everything in libcurl that follows the
 * environment, files or a server's answer on its own is switched off: proxies, .netrc, cookies,
 * redirects, and a second connection for a request that the first one lost (open_socket has none, so
 * nothing is ever sent twice behind the caller's back).
 */
#include "http/http.h"

#include <curl/curl.h>
#include <string.h>
#include <tidymail/version.h>

#include "util/str.h"

/* Never connected to: the socket comes from the caller, and libcurl is not to look names up. An
 * address of RFC 5737, in case. (libcurl before 8.0 calls connect with it although it was told that the
 * socket stands: Linux then says once that it does, and looks at no address, where the connection was
 * made without blocking.) */
#define HTTP_NO_ADDRESS "::192.0.2.1:"
#define HTTP_FOREVER_MS 2000000000L /* deadlines are the caller's */
#define HTTP_OLDEST_CURL 0x075500   /* 7.85: CURLOPT_PROTOCOLS_STR */

struct tdm_http_session {
    struct tdm_http_options options;
    tidymail_allocator allocator;
    char *user_agent;
    CURLM *multi;
    struct curl_slist *connect_to;
    /* the request under way */
    CURL *easy;
    struct curl_slist *fields;
    const struct tdm_http_request *request;
    size_t taken;
    int no_socket;
    int stopped;
    char words[CURL_ERROR_SIZE];
};

/* What libcurl asks for */

static curl_socket_t http_open_socket(void *context, curlsocktype purpose,
                                      struct curl_sockaddr *address)
{
    struct tdm_http_session *session = context;
    (void)purpose;
    (void)address;
    int fd = session->options.open_socket(session->options.context);
    if (fd < 0) {
        session->no_socket = 1;
        return CURL_SOCKET_BAD;
    }
    return fd;
}

static int http_is_connected(void *context, curl_socket_t fd, curlsocktype purpose)
{
    (void)context;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int http_close_socket(void *context, curl_socket_t fd)
{
    struct tdm_http_session *session = context;
    session->options.close_socket(session->options.context, fd);
    return 0;
}

static int http_watch(CURL *easy, curl_socket_t fd, int what, void *context, void *socket)
{
    struct tdm_http_session *session = context;
    int events = 0;
    (void)easy;
    (void)socket;
    events |= what == CURL_POLL_IN || what == CURL_POLL_INOUT ? TDM_READABLE : 0;
    events |= what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? TDM_WRITABLE : 0;
    return session->options.watch(session->options.context, fd, events);
}

static int http_timer(CURLM *multi, long delay_ms, void *context)
{
    struct tdm_http_session *session = context;
    (void)multi;
    session->options.timer(session->options.context, delay_ms);
    return 0;
}

static CURLcode http_tls(CURL *easy, void *ssl_ctx, void *context)
{
    struct tdm_http_session *session = context;
    (void)easy;
    return session->options.tls(session->options.context, ssl_ctx) == 0 ? CURLE_OK
                                                                        : CURLE_SSL_CERTPROBLEM;
}

static size_t http_read(char *out, size_t size, size_t count, void *context)
{
    struct tdm_http_session *session = context;
    const struct tdm_buf *body = &session->request->body;
    size_t left = body->length - session->taken;
    size_t length = left < size * count ? left : size * count;
    if (length > 0) {
        memcpy(out, body->data + session->taken, length);
        session->taken += length;
    }
    return length;
}

static size_t http_header(char *line, size_t size, size_t count, void *context)
{
    struct tdm_http_session *session = context;
    size_t whole = size * count;
    size_t length = whole;
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
        length--;
    }
    if (session->options.header(session->options.context, line, length) != 0) {
        session->stopped = 1;
        return whole + 1; /* any other number ends it */
    }
    return whole;
}

static size_t http_body(char *bytes, size_t size, size_t count, void *context)
{
    struct tdm_http_session *session = context;
    if (session->options.body(session->options.context, bytes, size * count) != 0) {
        session->stopped = 1;
        return size * count + 1;
    }
    return size * count;
}

static int http_debug(CURL *easy, curl_infotype type, char *text, size_t length, void *context)
{
    struct tdm_http_session *session = context;
    (void)easy;
    if (type == CURLINFO_HEADER_OUT) {
        session->options.sent(session->options.context, text, length);
    }
    return 0;
}

/* A connection */

/* What is wrong with this libcurl; NULL: nothing. */
static const char *http_check_library(int is_tls)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    if (info->version_num < HTTP_OLDEST_CURL) {
        return "libcurl is older than 7.85";
    }
    if (is_tls && (info->ssl_version == NULL ||
                   !tdm_starts_nocase(info->ssl_version, strlen(info->ssl_version), "OpenSSL/"))) {
        return "libcurl is not built with OpenSSL";
    }
    return NULL;
}

static int http_set_up_multi(struct tdm_http_session *session)
{
    CURLM *multi = session->multi;
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_watch) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, session) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, http_timer) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_TIMERDATA, session) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1L) == CURLM_OK
               ? 0
               : -1;
}

static void http_end_request(struct tdm_http_session *session)
{
    if (session->easy != NULL) {
        curl_multi_remove_handle(session->multi, session->easy);
        curl_easy_cleanup(session->easy);
        session->easy = NULL;
    }
    for (struct curl_slist *at = session->fields; at != NULL; at = at->next) {
        tdm_wipe(at->data, strlen(at->data));
    }
    curl_slist_free_all(session->fields);
    session->fields = NULL;
    session->request = NULL;
}

static void http_close(struct tdm_http_session *session)
{
    if (session == NULL) {
        return;
    }
    tidymail_allocator allocator = session->allocator;
    http_end_request(session);
    if (session->multi != NULL) {
        curl_multi_cleanup(session->multi);
    }
    curl_slist_free_all(session->connect_to);
    tdm_free(&allocator, session->user_agent);
    tdm_free(&allocator, session);
    curl_global_cleanup();
}

static struct tdm_http_session *http_open(const struct tdm_http_options *options,
                                          const char **words)
{
    *words = "out of memory";
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        *words = "libcurl could not be set up";
        return NULL;
    }
    struct tdm_http_session *session = tdm_alloc_array(options->allocator, 1, sizeof(*session));
    if (session == NULL) {
        curl_global_cleanup();
        return NULL;
    }
    session->options = *options;
    session->allocator = *options->allocator;
    session->user_agent = tdm_strdup(options->allocator, options->user_agent);
    session->connect_to = curl_slist_append(NULL, HTTP_NO_ADDRESS);
    session->multi = curl_multi_init();
    const char *wrong = http_check_library(options->is_tls);
    if (wrong != NULL || session->user_agent == NULL || session->connect_to == NULL ||
        session->multi == NULL || http_set_up_multi(session) != 0) {
        *words = wrong != NULL ? wrong : *words;
        http_close(session);
        return NULL;
    }
    return session;
}

/* A request */

/* A field without a value is written "Name;" for libcurl; "Name:" takes one of its own away. */
static int http_add_field(struct tdm_http_session *session, const char *name, const char *between,
                          const char *value)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &session->allocator, (size_t)256 * 1024);
    tdm_buf_addf(&line, "%s%s%s", name, between, value);
    struct curl_slist *longer =
        line.failed ? NULL : curl_slist_append(session->fields, tdm_buf_text(&line));
    tdm_buf_wipe(&line);
    if (longer == NULL) {
        return -1;
    }
    session->fields = longer;
    return 0;
}

static int http_add_fields(struct tdm_http_session *session)
{
    const struct tdm_http_fields *given = &session->request->fields;
    int has_type = 0;
    int failed = 0;
    for (size_t i = 0; i < given->count; i++) {
        const struct tdm_http_field *field = &given->items[i];
        has_type |= tdm_equal_nocase(field->name, "Content-Type");
        failed |= http_add_field(session, field->name, field->value[0] != '\0' ? ": " : ";",
                                 field->value);
    }
    if (!has_type) {
        failed |=
            http_add_field(session, "Content-Type", ":", ""); /* libcurl's is that of a form */
    }
    failed |=
        http_add_field(session, "Expect", ":", ""); /* no waiting for a 100 that may not come */
    return failed ? -1 : 0;
}

#define SET(option, value) failed |= curl_easy_setopt(easy, CURLOPT_##option, value) != CURLE_OK

/* Where to, and nothing that libcurl would do on its own. */
static int http_set_target(struct tdm_http_session *session, CURL *easy)
{
    const struct tdm_http_request *request = session->request;
    struct tdm_buf url;
    int failed = 0;
    tdm_buf_init(&url, &session->allocator, (size_t)64 * 1024);
    tdm_buf_addf(&url, "%s%s", request->origin, request->path);
    failed |= url.failed;
    SET(URL, tdm_buf_text(&url));
    tdm_buf_clear(&url);
    SET(PROTOCOLS_STR, session->options.is_tls ? "https" : "http");
    SET(PATH_AS_IS, 1L);
    SET(DISALLOW_USERNAME_IN_URL, 1L);
    SET(FOLLOWLOCATION, 0L);
    SET(PROXY, "");
    SET(NOPROXY, "*");
    SET(NETRC, (long)CURL_NETRC_IGNORED);
    SET(NOSIGNAL, 1L);
    SET(CONNECT_TO, session->connect_to);
    SET(OPENSOCKETFUNCTION, http_open_socket);
    SET(OPENSOCKETDATA, session);
    SET(SOCKOPTFUNCTION, http_is_connected);
    SET(CLOSESOCKETFUNCTION, http_close_socket);
    SET(CLOSESOCKETDATA, session);
    SET(CONNECTTIMEOUT_MS, HTTP_FOREVER_MS);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(HTTP09_ALLOWED, 0L);
    return failed;
}

/* libcurl trusts nobody: the caller's function puts the trust store in, and decides. */
static int http_set_tls(const struct tdm_http_session *session, CURL *easy)
{
    int failed = 0;
    if (!session->options.is_tls) {
        return 0;
    }
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, session->options.verify_name ? 2L : 0L);
    SET(CAINFO, NULL);
    SET(CAPATH, NULL);
    SET(SSL_SESSIONID_CACHE, 0L);
    SET(SSL_CTX_FUNCTION, http_tls);
    SET(SSL_CTX_DATA, session);
    return failed;
}

static int http_set_content(struct tdm_http_session *session, CURL *easy)
{
    const struct tdm_http_request *request = session->request;
    int failed = 0;
    SET(POST, 1L);
    SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
    SET(READFUNCTION, http_read);
    SET(READDATA, session);
    if (strcmp(request->method, "POST") != 0) {
        SET(CUSTOMREQUEST, request->method);
    }
    SET(HTTPHEADER, session->fields);
    SET(USERAGENT, session->user_agent);
    SET(ACCEPT_ENCODING, "");
    SET(HEADERFUNCTION, http_header);
    SET(HEADERDATA, session);
    SET(WRITEFUNCTION, http_body);
    SET(WRITEDATA, session);
    SET(ERRORBUFFER, session->words);
    if (session->options.want_trace) {
        SET(VERBOSE, 1L);
        SET(DEBUGFUNCTION, http_debug);
        SET(DEBUGDATA, session);
    }
    return failed;
}

static int http_send(struct tdm_http_session *session, const struct tdm_http_request *request)
{
    session->request = request;
    session->taken = 0;
    session->no_socket = 0;
    session->stopped = 0;
    session->words[0] = '\0';
    session->easy = curl_easy_init();
    if (session->easy == NULL || http_add_fields(session) != 0 ||
        http_set_target(session, session->easy) != 0 || http_set_tls(session, session->easy) != 0 ||
        http_set_content(session, session->easy) != 0 ||
        curl_multi_add_handle(session->multi, session->easy) != CURLM_OK) {
        http_end_request(session);
        return -1;
    }
    return 0;
}

static size_t http_taken(const struct tdm_http_session *session)
{
    return session->taken;
}

/* How it goes on */

static enum tdm_http_end http_end_of(const struct tdm_http_session *session, CURLcode code)
{
    static const struct {
        CURLcode code;
        enum tdm_http_end end;
    } ends[] = {
        {CURLE_OK, TDM_HTTP_DONE},
        {CURLE_OUT_OF_MEMORY, TDM_HTTP_MEMORY},
        {CURLE_SEND_ERROR, TDM_HTTP_CUT},
        {CURLE_RECV_ERROR, TDM_HTTP_CUT},
        {CURLE_GOT_NOTHING, TDM_HTTP_CUT},
        {CURLE_PARTIAL_FILE, TDM_HTTP_CUT},
        {CURLE_SEND_FAIL_REWIND, TDM_HTTP_CUT}, /* it wanted to send it again */
        {CURLE_HTTP2_STREAM, TDM_HTTP_CUT},
        {CURLE_HTTP2, TDM_HTTP_PROTOCOL},
        {CURLE_WEIRD_SERVER_REPLY, TDM_HTTP_PROTOCOL},
        {CURLE_UNSUPPORTED_PROTOCOL, TDM_HTTP_PROTOCOL}, /* an answer without a head */
        {CURLE_BAD_CONTENT_ENCODING, TDM_HTTP_PROTOCOL},
        {CURLE_HTTP_RETURNED_ERROR, TDM_HTTP_PROTOCOL},
        {CURLE_SSL_CONNECT_ERROR, TDM_HTTP_TLS},
        {CURLE_PEER_FAILED_VERIFICATION, TDM_HTTP_TLS},
        {CURLE_SSL_CERTPROBLEM, TDM_HTTP_TLS},
        {CURLE_SSL_CIPHER, TDM_HTTP_TLS},
    };
    if (session->no_socket) {
        return TDM_HTTP_NO_SOCKET;
    }
    if (session->stopped) {
        return TDM_HTTP_STOPPED;
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (ends[i].code == code) {
            return ends[i].end;
        }
    }
    return TDM_HTTP_OTHER;
}

static void http_finish(struct tdm_http_session *session, CURLcode code)
{
    struct tdm_http_result result = {http_end_of(session, code), 0, 0, session->words};
    long status = 0;
    long version = 0;
    curl_easy_getinfo(session->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(session->easy, CURLINFO_HTTP_VERSION, &version);
    result.status = (int)status;
    result.version = version == CURL_HTTP_VERSION_2_0   ? 20
                     : version == CURL_HTTP_VERSION_1_1 ? 11
                     : version == CURL_HTTP_VERSION_1_0 ? 10
                                                        : 0;
    if (session->words[0] == '\0' && code != CURLE_OK) {
        result.words = curl_easy_strerror(code);
    }
    http_end_request(session);
    session->options.done(session->options.context, &result);
}

static void http_go_on(struct tdm_http_session *session, curl_socket_t fd, int mask)
{
    int running = 0;
    int left = 0;
    CURLMcode status = curl_multi_socket_action(session->multi, fd, mask, &running);
    if (session->easy == NULL) {
        return;
    }
    if (status != CURLM_OK) {
        http_finish(session,
                    status == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT);
        return;
    }
    const CURLMsg *message = curl_multi_info_read(session->multi, &left);
    if (message != NULL && message->msg == CURLMSG_DONE) {
        http_finish(session, message->data.result);
    }
}

static void http_ready(struct tdm_http_session *session, int fd, int events)
{
    int mask = 0;
    mask |= (events & TDM_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    mask |= (events & TDM_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    http_go_on(session, fd, mask);
}

static void http_expired(struct tdm_http_session *session)
{
    http_go_on(session, CURL_SOCKET_TIMEOUT, 0);
}

TIDYMAIL_API extern const struct tdm_http_module tdm_http_module;
const struct tdm_http_module tdm_http_module = {TDM_HTTP_MODULE_ABI, TIDYMAIL_VERSION, http_open,
                                                http_send,           http_taken,       http_ready,
                                                http_expired,        http_close};
