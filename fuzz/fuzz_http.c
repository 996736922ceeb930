/*
 * fuzz_http.c: the HTTP session of the test server, and the doubles behind it, against a client that
 * says anything. First byte: options (1: nobody acts on events but E; 2: a key is wanted); then L line, P
 * piece, C n bytes are taken, E an event is acted on, T time, D the deadline.
 */
#include "devserver/api.h"
#include "fuzz_input.h"

#define BODY_LIMIT ((size_t)4000)

struct http {
    struct tdm_http_session session;
    struct tdm_api *api;
    struct tdm_buf said;
    int64_t now;
    int lazy;
    int dropped;
};

static void http_take(struct http *http, size_t limit)
{
    const char *bytes;
    size_t length;
    while (limit > 0 && tdm_http_session_output(&http->session, &bytes, &length)) {
        FUZZ_CHECK(length > 0, "output is never empty");
        length = length < limit ? length : limit;
        tdm_buf_add(&http->said, bytes, length);
        tdm_http_session_consume(&http->session, length);
        limit -= length;
    }
}

static void http_act(struct http *http)
{
    enum tdm_api_act act = TDM_API_MOVED;
    for (int i = 0; act == TDM_API_MOVED && !http->dropped; i++) {
        FUZZ_CHECK(i < 100000, "acting comes to an end");
        act = tdm_api_act(http->api, &http->session, 0, 1440938160, http->now);
        http->dropped = act == TDM_API_DROP;
        if (http->said.length + http->session.out.length > ((size_t)4 << 20)) {
            http_take(http, SIZE_MAX);
            tdm_buf_reset(&http->said);
        }
    }
}

static void http_check(const struct http *http)
{
    const struct tdm_http_session *session = &http->session;
    FUZZ_CHECK(session->request.body.length <= BODY_LIMIT, "a body keeps to its limit");
    FUZZ_CHECK(session->request.field_count <= 100, "fields keep to their limit");
    FUZZ_CHECK(session->event != TDM_HTTP_HEAD ||
                   (session->request.method != NULL && session->request.path[0] == '/'),
               "a head has method and path");
    FUZZ_CHECK(session->mode != TDM_HTTP_MODE_CLOSED || session->event == TDM_HTTP_CLOSE,
               "what is closed says so");
    FUZZ_CHECK(session->mode == TDM_HTTP_MODE_CLOSED || session->deadline >= 0 ||
                   session->event == TDM_HTTP_REQUEST,
               "whoever waits for the client has a deadline");
}

static void http_feed(struct http *http, const char *bytes, size_t length)
{
    char *copy = fuzz_copy(bytes, length);
    tdm_http_session_feed(&http->session, copy, length, http->now);
    fuzz_free(copy);
}

static void http_step(struct http *http, struct fuzz_input *input)
{
    const char *bytes;
    size_t length;
    int64_t deadline;
    switch (fuzz_byte(input)) {
    case 'L':
        length = fuzz_line(input, &bytes);
        http_feed(http, bytes, length);
        break;
    case 'P':
        length = fuzz_bytes(input, (size_t)fuzz_byte(input) * 8, &bytes);
        http_feed(http, bytes, length);
        break;
    case 'C':
        http_take(http, fuzz_byte(input));
        break;
    case 'E':
        http_act(http);
        break;
    case 'T':
        http->now += (int64_t)fuzz_byte(input) * 1000;
        tdm_http_session_tick(&http->session, http->now);
        break;
    case 'D':
        deadline = tdm_http_session_deadline(&http->session);
        http->now = deadline > http->now ? deadline : http->now;
        tdm_http_session_tick(&http->session, http->now);
        break;
    default:
        break;
    }
    if (!http->lazy) {
        http_act(http);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct http http;
    struct tdm_buf error;
    uint8_t flags = fuzz_byte(&input);
    struct tdm_http_session_options options = {BODY_LIMIT, 60000, 120000, 60000, {NULL, NULL}};
    struct tdm_api_options api = {NULL, (flags & 2) != 0 ? "Sesame7uLx9" : NULL, NULL, NULL};
    memset(&http, 0, sizeof(http));
    tdm_buf_init(&error, NULL, 1000);
    http.now = 1000000;
    http.lazy = flags & 1;
    http.api = tdm_api_new(&api, &error);
    tdm_buf_init(&http.said, NULL, (size_t)16 << 20);
    tdm_http_session_init(&http.session, &options, http.now);
    while (http.api != NULL && input.left > 0 && !http.dropped) {
        http_step(&http, &input);
        http_check(&http);
    }
    http_take(&http, SIZE_MAX);
    FUZZ_CHECK(http.said.length == 0 || strncmp(http.said.data, "HTTP/1.1 ", 9) == 0 ||
                   http.said.failed || http.lazy || http.said.length < 9,
               "what is said is an answer");
    tdm_http_session_clear(&http.session);
    tdm_api_free(http.api);
    tdm_buf_clear(&http.said);
    tdm_buf_clear(&error);
    return 0;
}
