/* check_suggest.c: where the URL does not work: another port, another way of TLS. The login is left
 * out: a password goes nowhere it was not meant for. */
#include <string.h>

#include "check/check_data.h"
#include "client/edge.h"
#include "util/str.h"

#define SUGGEST_TIMEOUT "5"

struct suggestion {
    const char *scheme;
    int port;
};

/* The query of the URL, without what does not fit another way. */
static void suggest_add_query(struct tdm_buf *out, const char *query, const char *mark)
{
    static const char *const left_out[] = {"tls=", "auth=", "password-from=", "timeout="};
    while (query != NULL && *query != '\0') {
        size_t length = strcspn(query, "&");
        int keep = 1;
        for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
            keep &= !tdm_starts_nocase(query, length, left_out[i]);
        }
        if (keep) {
            tdm_buf_addf(out, "%s%.*s", mark, (int)length, query);
            mark = "&";
        }
        query += length + (query[length] == '&');
    }
}

static void suggest_add_host(struct tdm_buf *out, const struct tdm_url *url, int port)
{
    tdm_buf_addf(out, strchr(url->host, ':') != NULL ? "[%s]" : "%s", url->host);
    if (port != 0) {
        tdm_buf_addf(out, ":%d", port);
    }
}

/* 1 where a session gets as far as the login. */
static int suggest_try(tidymail_check *check, const tidymail_transport *transport,
                       const struct suggestion *other)
{
    const tidymail_transport_options *given = check->options.transport;
    const char *texts[64];
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    const tidymail_check_options nobody = TIDYMAIL_CHECK_OPTIONS_INIT;
    struct tdm_check_session session;
    struct tdm_buf url;
    options.options = texts;
    for (size_t i = 0; given != NULL && i < given->option_count && options.option_count < 60; i++) {
        const char *text = given->options[i];
        if (strncmp(text, "tls=", 4) != 0 && strncmp(text, "auth=", 5) != 0 &&
            strncmp(text, "password-from=", 14) != 0) {
            texts[options.option_count++] = text;
        }
    }
    texts[options.option_count++] = "connect-timeout=" SUGGEST_TIMEOUT;
    texts[options.option_count++] = "reply-timeout=" SUGGEST_TIMEOUT;
    tdm_buf_init(&url, &check->allocator, (size_t)64 * 1024);
    tdm_buf_addf(&url, "%s://", other->scheme);
    suggest_add_host(&url, &transport->url, other->port);
    suggest_add_query(&url, transport->url.query, "?");
    tidymail_transport *way = url.failed ? NULL
                                         : tdm_transport_new(tdm_buf_text(&url), &options,
                                                             &check->allocator, &tdm_clock_system);
    tdm_buf_clear(&url);
    if (way == NULL) {
        return 0;
    }
    tdm_check_session_init(&session, &check->allocator, tdm_clock_system.now_ms);
    int works = tdm_check_probe(&session, way, &nobody, NULL) == 0 &&
                session.report->error.kind == TIDYMAIL_OK;
    tdm_check_session_clear(&session);
    tdm_transport_free(way);
    return works;
}

static void suggest_set(tidymail_check *check, const tidymail_transport *transport,
                        const struct suggestion *other)
{
    struct tdm_buf url;
    tdm_buf_init(&url, &check->allocator, (size_t)64 * 1024);
    tdm_buf_addf(&url, "%s://", other->scheme);
    if (transport->user != NULL) {
        for (const char *at = transport->user; *at != '\0'; at++) {
            static const char hex[] = "0123456789ABCDEF";
            unsigned char c = (unsigned char)*at;
            if (tdm_is_alnum(*at) || strchr("-._~+", *at) != NULL) {
                tdm_buf_add_char(&url, *at);
            } else {
                tdm_buf_addf(&url, "%%%c%c", hex[c >> 4], hex[c & 15]);
            }
        }
        tdm_buf_addf(&url, "%s@", transport->password != NULL ? ":***" : "");
    }
    suggest_add_host(&url, &transport->url, other->port);
    suggest_add_query(&url, transport->url.query, "?");
    tdm_text_set(&check->allocator, &check->suggested_url, url.failed ? NULL : tdm_buf_text(&url));
    tdm_buf_clear(&url);
}

/* Another port or way of TLS may help where no session came about, or TLS did not. */
static int suggest_is_useful(const struct tidymail_error *error)
{
    switch (error->phase) {
    case TIDYMAIL_PHASE_CONNECT:
        return error->kind == TIDYMAIL_KIND_CONNECTION || error->kind == TIDYMAIL_KIND_TIMEOUT;
    case TIDYMAIL_PHASE_TLS:
        /* a certificate is the same on another port */
        return strstr(tidymail_error_message(error), "certificate") == NULL;
    case TIDYMAIL_PHASE_GREETING:
        return error->code == 0;
    case TIDYMAIL_PHASE_EHLO:
    case TIDYMAIL_PHASE_STARTTLS:
        return error->kind != TIDYMAIL_KIND_TEMPORARY;
    case TIDYMAIL_PHASE_AUTH: /* it offers none here */
        return error->code == 0 && error->kind == TIDYMAIL_KIND_AUTHENTICATION;
    default:
        return 0;
    }
}

void tdm_check_suggest(tidymail_check *check, const tidymail_transport *transport)
{
    const struct tdm_url *url = &transport->url;
    int implicit = strcmp(url->scheme, "smtps") == 0;
    if (!suggest_is_useful(&check->report->error) || url->host[0] == '\0' ||
        strncmp(url->scheme, "smtp", 4) != 0) {
        return;
    }
    const struct suggestion others[] = {
        {implicit ? "smtp" : "smtps", url->port}, /* the same port, where one was given */
        {"smtp", 587},
        {"smtps", 465},
        {transport->user == NULL ? "smtp" : NULL, 25},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const struct suggestion *other = &others[i];
        int same =
            other->scheme != NULL && strcmp(other->scheme, url->scheme) == 0 &&
            (other->port == url->port || (url->port == 0 && other->port == (implicit ? 465 : 587)));
        if (other->scheme == NULL || same || (i == 0 && url->port == 0)) {
            continue;
        }
        if (suggest_try(check, transport, other)) {
            suggest_set(check, transport, other);
            return;
        }
    }
}
