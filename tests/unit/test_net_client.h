/*
 * test_net_client.h: the client's side for tests of the SMTP transport against a peer
 * (test_net_peer.h): a clock, a message, a transcript, and the pieces that conversations are made of.
 */
#ifndef TESTS_NET_CLIENT_H
#define TESTS_NET_CLIENT_H

#include "test_net_peer.h"

#include <stdatomic.h>
#include <time.h>

#include <tidymail/smtp.h>

#include "transport/transport_impl.h"

#define MESSAGE "Subject: one\r\n\r\nHello\r\n"

static struct peer_identity ca;
static struct peer_identity good;
static char ca_path[] = "/tmp/tidymail-test-ca-XXXXXX";
static atomic_int sigpipes;

static inline void on_sigpipe(int number)
{
    (void)number;
    sigpipes++;
}

static inline int make_identities(void **state)
{
    (void)state;
    ca = peer_make_identity("Test Authority", NULL, NULL, PEER_NOW);
    good = peer_make_identity("old", "DNS:mail.example,IP:127.0.0.1", &ca, PEER_NOW);
    peer_write_certificate(&ca, ca_path);
    return signal(SIGPIPE, on_sigpipe) == SIG_ERR ? -1
                                                  : 0; /* never ours: a library installs none */
}

static inline int free_identities(void **state)
{
    (void)state;
    unlink(ca_path);
    peer_free_identity(&ca);
    peer_free_identity(&good);
    return 0;
}

static inline int expect_no_sigpipe(void **state)
{
    (void)state;
    return sigpipes == 0 ? 0 : -1;
}

/* Clock, transcript, message */

static inline int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t wall_s(void)
{
    return 1700000000;
}

static inline int no_random(void *bytes, size_t size)
{
    memset(bytes, 7, size);
    return 0;
}

static const struct tdm_clock test_clock = {now_ms, wall_s, no_random};

static char transcript[65536];

static inline void keep_line(void *context, int mark, int phase, int encrypted, const char *text,
                             size_t length)
{
    static const char *const marks[2][3] = {{"->", "<-", "***"}, {"~>", "<~", "***"}};
    size_t used = strlen(transcript);
    (void)context;
    if (mark <= TIDYMAIL_SMTP_MARK_NOTE) {
        snprintf(transcript + used, sizeof(transcript) - used, "%s %s %.*s\n",
                 tidymail_phase_name(phase), marks[encrypted][mark], (int)length, text);
    }
}

/* A message of `size` bytes in lines, or MESSAGE. */
struct body {
    size_t size;
    size_t at;
};

static inline ptrdiff_t body_read(void *context, void *buffer, size_t capacity)
{
    static const char line[] =
        "the same line again and again and again and again and on and on.\r\n";
    struct body *body = context;
    char *out = buffer;
    size_t count = 0;
    while (count < capacity && body->at < body->size) {
        out[count++] = body->size == sizeof(MESSAGE) - 1 ? MESSAGE[body->at]
                                                         : line[body->at % (sizeof(line) - 1)];
        body->at++;
    }
    return (ptrdiff_t)count;
}

static inline int body_rewind(void *context)
{
    struct body *body = context;
    body->at = 0;
    return 0;
}

static const char *const recipients[] = {"ann@example.org"};

/* NULL when out of memory. */
static inline tidymail_report *send_size(tidymail_transport *transport, size_t size)
{
    struct body body = {size, 0};
    struct tdm_job job;
    memset(&job, 0, sizeof(job));
    job.report = tdm_report_new(&transport->allocator, recipients, 1);
    if (job.report == NULL) {
        return NULL;
    }
    job.envelope = (tidymail_smtp_envelope)TIDYMAIL_SMTP_ENVELOPE_INIT;
    job.envelope.from = "bob@example.com";
    job.envelope.recipients = recipients;
    job.envelope.recipient_count = 1;
    job.envelope.size = (int64_t)size;
    job.source.read = body_read;
    job.source.rewind = body_rewind;
    job.source.context = &body;
    if (transport->ops == NULL) {
        tdm_error_copy(&job.report->error, &transport->error);
        tdm_report_decide(job.report);
    } else {
        transport->ops->send(transport, &job);
        assert_int_equal(job.done, 1);
    }
    return job.report;
}

static inline tidymail_report *send_one(tidymail_transport *transport)
{
    tidymail_report *report = send_size(transport, sizeof(MESSAGE) - 1);
    assert_non_null(report);
    return report;
}

static inline tidymail_transport *open_url(const char *url, const tidymail_allocator *allocator)
{
    tidymail_transport *transport = tdm_transport_new(url, NULL, allocator, &test_clock);
    if (transport != NULL) {
        transport->trace.line = keep_line;
    }
    transcript[0] = '\0';
    return transport;
}

/* %d in the pattern is the port, a following %s the CA's path. */
static inline tidymail_transport *open_with(const char *pattern, int port,
                                            const tidymail_allocator *allocator)
{
    char url[1024];
    const char *rest = strstr(pattern, "%d");
    size_t used = rest != NULL ? (size_t)(rest - pattern) : strlen(pattern);
    snprintf(url, sizeof(url), "%.*s", (int)used, pattern);
    if (rest != NULL) {
        const char *path = strstr(rest, "%s");
        size_t middle = path != NULL ? (size_t)(path - rest) : strlen(rest);
        snprintf(url + used, sizeof(url) - used, "%d%.*s%s%s", port, (int)middle - 2, rest + 2,
                 path != NULL ? ca_path : "", path != NULL ? path + 2 : "");
    }
    return open_url(url, allocator);
}

static inline tidymail_report *send_to(const char *pattern, int port)
{
    tidymail_transport *transport = open_with(pattern, port, NULL);
    assert_non_null(transport);
    tidymail_report *report = send_one(transport);
    tdm_transport_free(transport);
    return report;
}

static inline void expect_sent(const tidymail_report *report)
{
    if (tidymail_report_outcome(report) != TIDYMAIL_SENT) {
        fail_msg("not sent: %s\n%s", tidymail_report_summary(report), transcript);
    }
}

static inline void expect_failed(const tidymail_report *report, int kind, int phase,
                                 const char *part)
{
    const tidymail_error *error = tidymail_report_error(report);
    assert_int_equal(tidymail_report_outcome(report), TIDYMAIL_FAILED);
    assert_non_null(error);
    if (tidymail_error_kind(error) != kind || tidymail_error_phase(error) != phase ||
        strstr(tidymail_error_message(error), part) == NULL) {
        fail_msg("%s at %s: \"%s\"\n%s", tidymail_kind_name(tidymail_error_kind(error)),
                 tidymail_phase_name(tidymail_error_phase(error)), tidymail_error_message(error),
                 transcript);
    }
}

/* Pieces of conversations */

#define GREETING                                                                                   \
    {PEER_SEND, "220 mail.example ESMTP\r\n"},                                                     \
    {                                                                                              \
        PEER_EXPECT, "EHLO "                                                                       \
    }
#define TRANSACTION                                                                                \
    {PEER_EXPECT, "MAIL FROM:<bob@example.com>"}, {PEER_SEND, "250 OK\r\n"},                       \
        {PEER_EXPECT, "RCPT TO:<ann@example.org>"}, {PEER_SEND, "250 OK\r\n"},                     \
        {PEER_EXPECT, "DATA"}, {PEER_SEND, "354 go\r\n"}, {PEER_MESSAGE, NULL},                    \
    {                                                                                              \
        PEER_SEND, "250 queued\r\n"                                                                \
    }
#define GOODBYE                                                                                    \
    {PEER_EXPECT, "QUIT"}, {PEER_SEND, "221 bye\r\n"},                                             \
    {                                                                                              \
        PEER_END, NULL                                                                             \
    }
#define STARTTLS                                                                                   \
    {PEER_SEND, "250-mail.example\r\n250 STARTTLS\r\n"},                                           \
    {                                                                                              \
        PEER_EXPECT, "STARTTLS"                                                                    \
    }

static const struct peer_step plain[] = {
    GREETING, {PEER_SEND, "250 mail.example\r\n"}, TRANSACTION, GOODBYE};

/* One connection, one script, one send. */
static inline tidymail_report *play(const struct peer_step *script, const char *pattern)
{
    const struct peer_step *const scripts[] = {script, NULL};
    struct peer peer = {0};
    peer_start(&peer, scripts, &good);
    tidymail_report *report = send_to(pattern, peer.port);
    peer_stop(&peer);
    return report;
}

#endif
