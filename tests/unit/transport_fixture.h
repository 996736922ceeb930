/* transport_fixture.h: a transport with a clock of the test's own, and jobs without a client. */
#ifndef TESTS_TRANSPORT_FIXTURE_H
#define TESTS_TRANSPORT_FIXTURE_H

#include <string.h>
#include <time.h>

#include "transport/transport_impl.h"

static inline int64_t fixture_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t fixture_wall_s(void)
{
    return 1795000000;
}

static inline int fixture_random(void *bytes, size_t size)
{
    static unsigned char next;
    memset(bytes, ++next, size);
    return 0;
}

static const struct tdm_clock fixture_clock = {fixture_now_ms, fixture_wall_s, fixture_random};

/* A message in memory; `fails` makes the read after its end a failure. */
struct fixture_source {
    const char *text;
    size_t at;
    int fails;
};

static inline ptrdiff_t fixture_read(void *context, void *buffer, size_t capacity)
{
    struct fixture_source *source = context;
    size_t left = strlen(source->text) - source->at;
    size_t length = left < 7 ? left : 7;
    length = length < capacity ? length : capacity;
    if (length == 0 && source->fails) {
        return -1;
    }
    memcpy(buffer, source->text + source->at, length);
    source->at += length;
    return (ptrdiff_t)length;
}

static inline const char *fixture_words(void *context)
{
    (void)context;
    return "the disk is on fire";
}

/* Fills a job in for `count` recipients; the report is the caller's to free. */
static inline void fixture_job(struct tdm_job *job, struct fixture_source *source,
                               const char *const *to, size_t count,
                               const tidymail_allocator *allocator)
{
    memset(job, 0, sizeof(*job));
    job->report = tdm_report_new(allocator, to, count);
    job->envelope = (tidymail_smtp_envelope)TIDYMAIL_SMTP_ENVELOPE_INIT;
    job->envelope.from = "ann@example.org";
    job->envelope.recipients = to;
    job->envelope.recipient_count = count;
    job->envelope.size = -1;
    job->source.read = fixture_read;
    job->source.error = fixture_words;
    job->source.context = source;
}

#endif
