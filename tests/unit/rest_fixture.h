/*
 * rest_fixture.h: a mail service of the test's own (scheme "fake", its key in the URL; "pair", with key
 * and secret), messages for it, and requests that test_net_peer.h can read: the body ends with a lone
 * dot, which PEER_MESSAGE waits for.
 */
#ifndef TESTS_REST_FIXTURE_H
#define TESTS_REST_FIXTURE_H

#include "test_net_client.h"

#include <tidymail/service.h>
#include <tidymail/tidymail.h>

#include "provider/answer.h"
#include "provider/provider.h"

#define KEY "k3y-of+the/service-0123456789"
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nid=42"

static size_t first_file;   /* the size of the first attachment that the service saw; -1: none */
static size_t body_padding; /* bytes more in the body of a request */
static const struct tdm_answer_row no_rows[1];

static inline int fake_build(const struct tdm_provider_job *job, struct tdm_http_request *request,
                             struct tidymail_error *error)
{
    first_file = job->mail->file_count > 0 ? job->mail->files[0].bytes.length : (size_t)-1;
    const char *colour = tdm_provider_option(job, "colour");
    tdm_http_request_set_target(request, "https://api.fake.example", "/v1/send?a=b");
    tdm_http_request_add_secret(request, "Authorization", "Bearer ", job->account->key);
    tdm_http_request_add(request, "Content-Type", "application/json; charset=utf-8");
    tdm_http_request_add(request, "X-Colour", colour != NULL ? colour : "");
    tdm_buf_addf(&request->body, "{\"subject\": \"%s\"}", job->mail->subject);
    for (size_t i = 0; i < body_padding / 16 && !request->body.failed; i++) {
        tdm_buf_add_str(&request->body, "0123456789abcde\n");
    }
    tdm_buf_add_str(&request->body, "\r\n.\r\n");
    return request->failed || request->body.failed ? tdm_provider_no_memory(error) : TIDYMAIL_OK;
}

static inline void fake_parse(const struct tdm_provider_job *job,
                              const struct tdm_http_response *response, tidymail_report *report)
{
    const char *body = tdm_buf_text(&response->body);
    if (response->status / 100 != 2) {
        tdm_answer_refuse_plain(job, no_rows, 0, response, report);
    } else if (strncmp(body, "id=", 3) != 0) {
        tdm_answer_unclear(job, response, "there is no id in it", report);
    } else {
        tdm_answer_sent(report, response->status, body + 3);
    }
}

static const struct tdm_service_option fake_options[] = {
    {"colour", TDM_OPTION_TEXT, NULL, "of the envelope"},
    {"count", TDM_OPTION_INTEGER, NULL, "of something"},
    {"session-token", TDM_OPTION_TEXT, NULL, "which is a secret"},
    {NULL, TDM_OPTION_TEXT, NULL, NULL}};

#define FAKE_CAN                                                                                   \
    (TDM_CAN_CC | TDM_CAN_BCC | TDM_CAN_HEADERS | TDM_CAN_TEXT_AND_HTML | TDM_CAN_ATTACHMENTS |    \
     TDM_CAN_IDEMPOTENCY)

static const struct tdm_provider fake_provider = {
    .scheme = "fake",
    .url = "fake://KEY@",
    .page = "https://fake.example/",
    .login = TDM_LOGIN_KEY,
    .capabilities = {.name = "Fake", .can = FAKE_CAN, .max_size = 32 * 1024 * 1024},
    .options = fake_options,
    .build = fake_build,
    .parse = fake_parse};
static const struct tdm_provider pair_provider = {
    .scheme = "pair",
    .url = "pair://ID:SECRET@REGION",
    .page = "https://pair.example/",
    .login = TDM_LOGIN_KEY_AND_SECRET,
    .needs_host = 1,
    .capabilities = {.name = "Pair", .can = FAKE_CAN, .max_size = 100},
    .build = fake_build,
    .parse = fake_parse};

const struct tdm_provider *__real_tdm_provider_find(const char *scheme);
const struct tdm_provider *__wrap_tdm_provider_find(const char *scheme);
const struct tdm_provider *__wrap_tdm_provider_find(const char *scheme)
{
    return strcmp(scheme, "fake") == 0   ? &fake_provider
           : strcmp(scheme, "pair") == 0 ? &pair_provider
                                         : __real_tdm_provider_find(scheme);
}

static inline tidymail_message *make_message(const tidymail_allocator *allocator)
{
    struct tdm_writer_env env = {1700000000, {1}, NULL};
    tidymail_message *message = tidymail_message_new_with(allocator);
    if (message != NULL) {
        tidymail_message_set_from(message, "bob@example.com");
        tidymail_message_add_to(message, "ann@example.org");
        tidymail_message_set_subject(message, "Hello");
        tidymail_message_set_text(message, "Hello, Ann");
        tdm_message_prepare(message, &env);
    }
    return message;
}

/* NULL when out of memory. */
static inline tidymail_report *send_message(tidymail_transport *transport,
                                            tidymail_message *message)
{
    struct tdm_job job;
    memset(&job, 0, sizeof(job));
    job.report = tdm_report_new(&transport->allocator, recipients, 1);
    if (job.report == NULL) {
        return NULL;
    }
    job.message = message;
    if (transport->ops == NULL) {
        tdm_error_copy(&job.report->error, &transport->error);
        tdm_report_decide(job.report);
        return job.report;
    }
    transport->ops->send(transport, &job);
    assert_int_equal(job.done, 1);
    return job.report;
}

static inline tidymail_report *send_hello(tidymail_transport *transport)
{
    tidymail_message *message = make_message(NULL);
    assert_non_null(message);
    tidymail_report *report = send_message(transport, message);
    assert_non_null(report);
    tidymail_message_free(message);
    return report;
}

/* fake://KEY@?endpoint=http://127.0.0.1:PORT, and `more` behind it. */
static inline tidymail_transport *open_fake(const char *scheme, const char *host, int port,
                                            const char *more)
{
    char url[4096];
    snprintf(url, sizeof(url), "fake://%s@?endpoint=%s://%s:%d%s",
             "k3y-of+the%2Fservice-0123456789", scheme, host, port, more);
    return open_url(url, NULL);
}

/* One connection, one script, one send, in plain HTTP. */
static inline tidymail_report *play_http(const struct peer_step *script, const char *more)
{
    const struct peer_step *const scripts[] = {script, NULL};
    struct peer peer = {0};
    peer_start(&peer, scripts, &good);
    tidymail_transport *transport = open_fake("http", "127.0.0.1", peer.port, more);
    tidymail_report *report = send_hello(transport);
    tdm_transport_free(transport);
    peer_stop(&peer);
    return report;
}

#endif
