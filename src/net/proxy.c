/* proxy.c: see proxy.h. What a proxy says is somebody else's bytes: capped, and escaped in errors. */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/note.h"
#include "util/base64.h"
#include "util/str.h"

#define REQUEST_MAX ((size_t)8 * 1024)
#define ANSWER_MAX ((size_t)16 * 1024) /* a proxy that talks on is no proxy */
#define SHOWN_MAX 80

#define SOCKS_VERSION 5
#define SOCKS_NO_LOGIN 0
#define SOCKS_PASSWORD 2
#define SOCKS_NONE 0xFF

static void proxy_fail(struct tdm_proxy *proxy, int kind, int retryable, const char *words,
                       const char *hint)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &proxy->error.allocator, ANSWER_MAX);
    int literal = strchr(proxy->config.host, ':') != NULL;
    tdm_buf_addf(&line, literal ? "the proxy [%s]:%d %s" : "the proxy %s:%d %s", proxy->config.host,
                 proxy->config.port, words);
    tdm_error_set(&proxy->error, kind, TIDYMAIL_PHASE_CONNECT,
                  line.failed ? "the proxy failed" : tdm_buf_text(&line), hint);
    proxy->error.retryable = retryable;
    proxy->status = TDM_PROXY_FAILED;
    tdm_buf_clear(&line);
}

static void proxy_refuse(struct tdm_proxy *proxy, int retryable, const char *words,
                         const char *hint)
{
    proxy_fail(proxy, TIDYMAIL_KIND_CONNECTION, retryable, words, hint);
}

/* "will not connect to mail.example:587: <why>" */
static void proxy_refuse_target(struct tdm_proxy *proxy, int retryable, const char *why,
                                const char *hint)
{
    struct tdm_buf words;
    tdm_buf_init(&words, &proxy->error.allocator, ANSWER_MAX);
    tdm_buf_addf(&words, "did not connect to %s:%d: %s", proxy->host, proxy->port, why);
    proxy_refuse(proxy, retryable, words.failed ? "did not connect" : tdm_buf_text(&words), hint);
    tdm_buf_clear(&words);
}

static void proxy_refuse_login(struct tdm_proxy *proxy)
{
    if (proxy->config.user == NULL) {
        proxy_refuse(proxy, 0, "wants a login",
                     "give user and password in the option: proxy=socks5://user:password@host:port "
                     "(or http://)");
    } else {
        proxy_refuse(proxy, 0, "refused its user and password",
                     "check user and password in the option proxy");
    }
}

/* What goes out now asks for an answer of `need` bytes. */
static void proxy_wait_for(struct tdm_proxy *proxy, enum tdm_proxy_state state, size_t need)
{
    proxy->state = state;
    proxy->need = need;
    tdm_buf_reset(&proxy->in);
    if (proxy->out.failed) {
        proxy_fail(proxy, TIDYMAIL_KIND_LOCAL, 0, "could not be asked: out of memory", NULL);
    }
}

/* SOCKS 5 */

static void socks_greet(struct tdm_proxy *proxy)
{
    tdm_buf_add_char(&proxy->out, SOCKS_VERSION);
    tdm_buf_add_char(&proxy->out, proxy->config.user != NULL ? 2 : 1);
    tdm_buf_add_char(&proxy->out, SOCKS_NO_LOGIN);
    if (proxy->config.user != NULL) {
        tdm_buf_add_char(&proxy->out, SOCKS_PASSWORD);
    }
    proxy_wait_for(proxy, TDM_PROXY_METHOD, 2);
}

static void socks_add_text(struct tdm_buf *out, const char *text)
{
    size_t length = strlen(text);
    tdm_buf_add_char(out, (char)(unsigned char)length);
    tdm_buf_add(out, text, length);
}

/* RFC 1929 2 */
static void socks_log_in(struct tdm_proxy *proxy)
{
    const char *password = proxy->config.password != NULL ? proxy->config.password : "";
    tdm_buf_add_char(&proxy->out, 1);
    socks_add_text(&proxy->out, proxy->config.user);
    socks_add_text(&proxy->out, password);
    proxy_wait_for(proxy, TDM_PROXY_LOGIN, 2);
}

/* RFC 1928 4: an address as its bytes, a name as it is. */
static void socks_request(struct tdm_proxy *proxy)
{
    unsigned char address[16];
    struct tdm_buf *out = &proxy->out;
    tdm_buf_add_char(out, SOCKS_VERSION);
    tdm_buf_add_char(out, 1); /* CONNECT */
    tdm_buf_add_char(out, 0);
    if (inet_pton(AF_INET, proxy->host, address) == 1) {
        tdm_buf_add_char(out, 1);
        tdm_buf_add(out, address, 4);
    } else if (inet_pton(AF_INET6, proxy->host, address) == 1) {
        tdm_buf_add_char(out, 4);
        tdm_buf_add(out, address, 16);
    } else {
        tdm_buf_add_char(out, 3);
        socks_add_text(out, proxy->host);
    }
    tdm_buf_add_char(out, (char)(unsigned char)(proxy->port >> 8));
    tdm_buf_add_char(out, (char)(unsigned char)(proxy->port & 255));
    /* up to the first byte of its address, which is the length where that is a name */
    proxy_wait_for(proxy, TDM_PROXY_REPLY, 5);
}

static void socks_take_method(struct tdm_proxy *proxy, const unsigned char *bytes)
{
    if (bytes[1] == SOCKS_NO_LOGIN) {
        socks_request(proxy);
    } else if (bytes[1] == SOCKS_PASSWORD && proxy->config.user != NULL) {
        socks_log_in(proxy);
    } else if (bytes[1] == SOCKS_NONE) {
        if (proxy->config.user == NULL) {
            proxy_refuse_login(proxy);
        } else {
            proxy_refuse(proxy, 0, "takes no login by user and password",
                         "leave them out of the option proxy, or ask its operator");
        }
    } else {
        proxy_refuse(proxy, 0, "chose a kind of login that was not offered", NULL);
    }
}

/* RFC 1928 6 */
static void socks_take_refusal(struct tdm_proxy *proxy, unsigned char code)
{
    static const struct {
        const char *words;
        int retryable;
    } refusals[] = {{"unknown reason", 1},
                    {"general failure", 1},
                    {"its rules do not allow it", 0},
                    {"network unreachable", 1},
                    {"host unreachable, or its name cannot be looked up there", 1},
                    {"connection refused", 1},
                    {"no answer in time", 1},
                    {"it knows no CONNECT", 0},
                    {"it cannot take this kind of address", 0}};
    size_t index = code < sizeof(refusals) / sizeof(refusals[0]) ? code : 0;
    struct tdm_buf why;
    tdm_buf_init(&why, &proxy->error.allocator, 256);
    tdm_buf_addf(&why, "%s (SOCKS reply %d)", refusals[index].words, (int)code);
    proxy_refuse_target(proxy, refusals[index].retryable, tdm_buf_text(&why),
                        code == 2 ? "many proxies allow only some ports: ask its operator"
                                  : "check host and port of the server");
    tdm_buf_clear(&why);
}

static void socks_take_reply(struct tdm_proxy *proxy, const unsigned char *bytes)
{
    size_t rest; /* of the address, then the port */
    switch (bytes[3]) {
    case 1:
        rest = 3;
        break;
    case 3:
        rest = bytes[4];
        break;
    case 4:
        rest = 15;
        break;
    default:
        proxy_refuse(proxy, 0, "answered with an address of no known kind", NULL);
        return;
    }
    proxy_wait_for(proxy, TDM_PROXY_ADDRESS, rest + 2);
}

/* What answers is no SOCKS 5 proxy: says what it looks like. */
static void proxy_take_stranger(struct tdm_proxy *proxy, const char *wanted)
{
    const char *text = tdm_buf_text(&proxy->in);
    size_t length = proxy->in.length;
    struct tdm_buf words;
    tdm_buf_init(&words, &proxy->error.allocator, 1024);
    tdm_buf_addf(&words, "is no %s proxy: it answered \"", wanted);
    size_t shown = tdm_find_control(text, length);
    shown = shown == 0 ? length : shown;
    tdm_escape(&words, text, shown < SHOWN_MAX ? shown : SHOWN_MAX, 0);
    tdm_buf_add_char(&words, '"');
    proxy_refuse(proxy, 0, words.failed ? "is no such proxy" : tdm_buf_text(&words),
                 length > 0 && text[0] == 'H'             ? "it speaks HTTP: write proxy=http://"
                 : length > 0 && text[0] == SOCKS_VERSION ? "it speaks SOCKS: write proxy=socks5://"
                                                          : "check host and port of the proxy");
    tdm_buf_clear(&words);
}

static void socks_take(struct tdm_proxy *proxy)
{
    unsigned char bytes[8];
    memcpy(bytes, proxy->in.data, proxy->need < sizeof(bytes) ? proxy->need : sizeof(bytes));
    if ((proxy->state == TDM_PROXY_METHOD || proxy->state == TDM_PROXY_REPLY) &&
        bytes[0] != SOCKS_VERSION) {
        proxy_take_stranger(proxy, "SOCKS 5");
        return;
    }
    switch (proxy->state) {
    case TDM_PROXY_METHOD:
        socks_take_method(proxy, bytes);
        break;
    case TDM_PROXY_LOGIN:
        if (bytes[1] != 0) {
            proxy_refuse_login(proxy);
        } else {
            socks_request(proxy);
        }
        break;
    case TDM_PROXY_REPLY:
        socks_take_reply(proxy, bytes);
        break;
    case TDM_PROXY_ADDRESS:
        proxy->status = TDM_PROXY_DONE;
        break;
    case TDM_PROXY_HEADER:
        break;
    }
}

/* HTTP */

static void http_request(struct tdm_proxy *proxy)
{
    struct tdm_buf *out = &proxy->out;
    const char *format = strchr(proxy->host, ':') != NULL ? "[%s]:%d" : "%s:%d";
    tdm_buf_add_str(out, "CONNECT ");
    tdm_buf_addf(out, format, proxy->host, proxy->port);
    tdm_buf_add_str(out, " HTTP/1.1\r\nHost: ");
    tdm_buf_addf(out, format, proxy->host, proxy->port);
    tdm_buf_add_str(out, "\r\n");
    if (proxy->config.user != NULL) { /* RFC 7617 2 */
        struct tdm_buf login;
        tdm_buf_init(&login, &proxy->error.allocator, REQUEST_MAX);
        tdm_buf_addf(&login, "%s:%s", proxy->config.user,
                     proxy->config.password != NULL ? proxy->config.password : "");
        tdm_buf_add_str(out, "Proxy-Authorization: Basic ");
        tdm_base64_encode(out, tdm_buf_text(&login), login.length);
        tdm_buf_add_str(out, "\r\n");
        out->failed |= login.failed; /* never half a login */
        tdm_buf_wipe(&login);
    }
    tdm_buf_add_str(out, "\r\n");
    proxy_wait_for(proxy, TDM_PROXY_HEADER, 0);
}

/* The code of "HTTP/1.1 200 Connection established"; -1 where the line is none. */
static int http_code(const struct tdm_proxy *proxy)
{
    const char *text = tdm_buf_text(&proxy->in);
    size_t length = proxy->in.length;
    const char *blank = memchr(text, ' ', length);
    if (!tdm_starts_nocase(text, length, "HTTP/") || blank == NULL) {
        return -1;
    }
    int code = 0;
    for (size_t i = 1; i <= 3; i++) { /* a NUL stands behind the bytes of a buffer */
        if (!tdm_is_digit(blank[i])) {
            return -1;
        }
        code = code * 10 + (blank[i] - '0');
    }
    return tdm_is_digit(blank[4]) ? -1 : code;
}

/* "502 Bad Gateway" of the first line. */
static void http_refuse(struct tdm_proxy *proxy, int code)
{
    const char *blank = memchr(proxy->in.data, ' ', proxy->in.length); /* http_code saw it */
    const char *text = blank + 1;
    size_t length = strcspn(text, "\r\n");
    struct tdm_buf why;
    tdm_buf_init(&why, &proxy->error.allocator, 1024);
    tdm_buf_add_str(&why, "it answered \"");
    tdm_escape(&why, text, length < SHOWN_MAX ? length : SHOWN_MAX, 0);
    tdm_buf_add_char(&why, '"');
    proxy_refuse_target(proxy, code >= 500 || code == 408 || code == 429,
                        why.failed ? "it refused" : tdm_buf_text(&why),
                        code == 403 || code == 405
                            ? "many proxies allow CONNECT only to port 443: ask its operator"
                            : "check host and port of the server");
    tdm_buf_clear(&why);
}

/* The answer is there up to its blank line (RFC 9112 2.1). No body follows a 2xx (RFC 9110 9.3.6). */
static void http_take(struct tdm_proxy *proxy)
{
    int code = http_code(proxy);
    if (code >= 100 && code < 200) {
        tdm_buf_reset(&proxy->in); /* interim: another one follows */
        return;
    }
    if (code >= 200 && code < 300) {
        proxy->status = TDM_PROXY_DONE;
    } else if (code == 407) {
        proxy_refuse_login(proxy);
    } else if (code >= 0) {
        http_refuse(proxy, code);
    } else {
        proxy_take_stranger(proxy, "HTTP");
    }
}

static void http_feed(struct tdm_proxy *proxy, char c)
{
    static const char start[] = "HTTP/";
    size_t length = proxy->in.length;
    if (length <= sizeof(start) - 1 &&
        !tdm_starts_nocase(start, length, tdm_buf_text(&proxy->in))) {
        proxy_take_stranger(proxy, "HTTP");
        return;
    }
    proxy->line_length += c != '\r' && c != '\n';
    if (c != '\n') {
        return;
    }
    if (proxy->line_length == 0) {
        http_take(proxy);
    }
    proxy->line_length = 0;
}

/* What the driver sees */

void tdm_proxy_init(struct tdm_proxy *proxy, const tidymail_allocator *allocator,
                    const struct tdm_proxy_config *config, const char *host, int port)
{
    memset(proxy, 0, sizeof(*proxy));
    proxy->config = *config;
    proxy->host = host;
    proxy->port = port;
    tdm_error_init(&proxy->error, allocator);
    tdm_buf_init(&proxy->out, allocator, REQUEST_MAX);
    tdm_buf_init(&proxy->in, allocator, ANSWER_MAX);
    if (config->kind == TDM_PROXY_HTTP) {
        http_request(proxy);
    } else if (strlen(host) > 255) {
        proxy_refuse(proxy, 0, "cannot be asked for a name of more than 255 bytes", NULL);
    } else {
        socks_greet(proxy);
    }
}

void tdm_proxy_clear(struct tdm_proxy *proxy)
{
    tdm_buf_wipe(&proxy->out);
    tdm_buf_wipe(&proxy->in);
    tdm_error_clear(&proxy->error);
}

enum tdm_proxy_status tdm_proxy_status(const struct tdm_proxy *proxy)
{
    return proxy->status;
}

const char *tdm_proxy_output(const struct tdm_proxy *proxy, size_t *length)
{
    int done = proxy->status != TDM_PROXY_RUNNING;
    *length = done ? 0 : proxy->out.length - proxy->out_at;
    return tdm_buf_text(&proxy->out) + (done ? 0 : proxy->out_at);
}

void tdm_proxy_consume(struct tdm_proxy *proxy, size_t length)
{
    proxy->out_at += length;
    if (proxy->out_at == proxy->out.length) {
        tdm_buf_wipe(&proxy->out); /* a login may be in it */
        proxy->out_at = 0;
    }
}

size_t tdm_proxy_wants(const struct tdm_proxy *proxy)
{
    if (proxy->status != TDM_PROXY_RUNNING || proxy->out.length > 0) {
        return 0;
    }
    /* the end of an HTTP header shows only in its last byte, and behind it the server speaks */
    return proxy->state == TDM_PROXY_HEADER ? 1 : proxy->need - proxy->in.length;
}

void tdm_proxy_feed(struct tdm_proxy *proxy, const char *bytes, size_t length)
{
    if (proxy->status != TDM_PROXY_RUNNING) {
        return;
    }
    int full = proxy->in.length + length > ANSWER_MAX;
    if (tdm_buf_add(&proxy->in, bytes, length) != 0) {
        proxy_fail(proxy, full ? TIDYMAIL_KIND_CONNECTION : TIDYMAIL_KIND_LOCAL, 0,
                   full ? "sent an answer that does not end"
                        : "could not be listened to: out of memory",
                   NULL);
        return;
    }
    if (proxy->state == TDM_PROXY_HEADER) {
        http_feed(proxy, bytes[length - 1]);
        return;
    }
    const char *in = tdm_buf_text(&proxy->in);
    if (proxy->state == TDM_PROXY_METHOD && in[0] != SOCKS_VERSION) {
        proxy_take_stranger(proxy, "SOCKS 5");
    } else if (proxy->state == TDM_PROXY_REPLY && proxy->in.length >= 2 && in[1] != 0) {
        socks_take_refusal(proxy, (unsigned char)in[1]); /* some send nothing behind it */
    } else if (proxy->in.length == proxy->need) {
        socks_take(proxy);
    }
}

void tdm_proxy_end_of_file(struct tdm_proxy *proxy, const char *words)
{
    struct tdm_buf line;
    if (proxy->status != TDM_PROXY_RUNNING) {
        return;
    }
    tdm_buf_init(&line, &proxy->error.allocator, 512);
    tdm_buf_addf(&line, "closed the connection instead of answering%s%s%s",
                 words != NULL ? " (" : "", words != NULL ? words : "", words != NULL ? ")" : "");
    proxy_refuse(proxy, 1, line.failed ? "closed the connection" : tdm_buf_text(&line),
                 "check that this is a proxy of that kind; its log may say more");
    tdm_buf_clear(&line);
}

void tdm_proxy_timeout(struct tdm_proxy *proxy, int64_t timeout_ms)
{
    struct tdm_buf line;
    if (proxy->status != TDM_PROXY_RUNNING) {
        return;
    }
    tdm_buf_init(&line, &proxy->error.allocator, 256);
    tdm_buf_add_str(&line, "did not answer within ");
    tdm_net_add_seconds(&line, timeout_ms);
    proxy_fail(proxy, TIDYMAIL_KIND_TIMEOUT, 1,
               line.failed ? "did not answer in time" : tdm_buf_text(&line),
               "check that this is a proxy of that kind; the server behind it may not answer");
    tdm_buf_clear(&line);
}
