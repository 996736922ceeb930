/* engine_fixture.h: an engine, what it wrote and showed, and the words of a dialogue in memory. Each
 * test program includes it once. */
#ifndef TEST_ENGINE_FIXTURE_H
#define TEST_ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tidymail/smtp.h>

#include "smtp/smtp_engine.h"
#include "util/buf.h"

struct text_source {
    const char *text;
    size_t at;
    size_t step; /* bytes given at most at once */
    int released;
    int fails;
};

static inline ptrdiff_t text_read(void *context, void *buffer, size_t capacity)
{
    struct text_source *source = context;
    size_t left = strlen(source->text) - source->at;
    size_t take = left < capacity ? left : capacity;
    if (source->fails) {
        return -1;
    }
    take = source->step > 0 && take > source->step ? source->step : take;
    memcpy(buffer, source->text + source->at, take);
    source->at += take;
    return (ptrdiff_t)take;
}

static inline int text_rewind(void *context)
{
    ((struct text_source *)context)->at = 0;
    return 0;
}

static inline const char *text_error(void *context)
{
    (void)context;
    return "the disk is gone";
}

static inline void text_release(void *context)
{
    ((struct text_source *)context)->released++;
}

struct fixture {
    tidymail_smtp *smtp;
    struct tdm_buf sent;  /* all the engine wrote */
    struct tdm_buf trace; /* all it showed */
    tidymail_report *report;
    int64_t now;
    int closed;
    int start_tls;
    int idle;
    struct text_source text;
};

static inline void keep_trace(void *context, const tidymail_smtp_trace *line)
{
    struct fixture *f = context;
    if (line->mark != TIDYMAIL_SMTP_MARK_STATE) {
        tdm_buf_add(&f->trace, line->text, line->length);
        tdm_buf_add_char(&f->trace, '\n');
    }
}

static inline void fixture_open(struct fixture *f, tidymail_smtp_options *options)
{
    memset(f, 0, sizeof(*f));
    tdm_buf_init(&f->sent, NULL, 1 << 24);
    tdm_buf_init(&f->trace, NULL, 1 << 24);
    options->trace = keep_trace;
    options->trace_context = f;
    f->now = 1000;
    f->smtp = tidymail_smtp_new(options, f->now);
    assert_non_null(f->smtp);
}

static inline void fixture_close(struct fixture *f)
{
    tidymail_smtp_free(f->smtp);
    tidymail_report_free(f->report);
    tdm_buf_clear(&f->sent);
    tdm_buf_clear(&f->trace);
}

static inline void events(struct fixture *f)
{
    const tidymail_smtp_event *event;
    while ((event = tidymail_smtp_next(f->smtp)) != NULL) {
        if (event->type == TIDYMAIL_SMTP_REPORT) {
            tidymail_report_free(f->report);
            f->report = event->report;
        }
        f->closed |= event->type == TIDYMAIL_SMTP_CLOSE;
        f->start_tls |= event->type == TIDYMAIL_SMTP_START_TLS;
        f->idle |= event->type == TIDYMAIL_SMTP_IDLE;
    }
}

/* Takes everything the engine has to say. */
static inline void drain(struct fixture *f)
{
    const void *bytes;
    size_t length;
    while (tidymail_smtp_output(f->smtp, &bytes, &length)) {
        tdm_buf_add(&f->sent, bytes, length);
        tidymail_smtp_consume(f->smtp, length, f->now);
    }
    events(f);
}

static inline int submit_envelope(struct fixture *f, const tidymail_smtp_envelope *envelope,
                                  const char *text)
{
    f->text.text = text;
    f->text.at = 0;
    tidymail_source source = {text_read, text_rewind, NULL, text_error, text_release, &f->text};
    return tidymail_smtp_submit(f->smtp, envelope, &source, f, f->now);
}

static inline tidymail_smtp_envelope envelope_to(const char *const *recipients, size_t count)
{
    tidymail_smtp_envelope envelope = TIDYMAIL_SMTP_ENVELOPE_INIT;
    envelope.from = "me@example.com";
    envelope.recipients = recipients;
    envelope.recipient_count = count;
    return envelope;
}

static inline void submit(struct fixture *f, const char *const *recipients, size_t count,
                          const char *text)
{
    tidymail_smtp_envelope envelope = envelope_to(recipients, count);
    assert_int_equal(submit_envelope(f, &envelope, text), TIDYMAIL_OK);
}

/* The server says `reply` to what was sent since; what was sent must be `sent`. */
static inline void exchange(struct fixture *f, const char *sent, const char *reply)
{
    drain(f);
    assert_string_equal(tdm_buf_text(&f->sent), sent);
    tdm_buf_reset(&f->sent);
    tidymail_smtp_feed(f->smtp, reply, strlen(reply), f->now);
    events(f);
}

static const char *const ann[] = {"ann@example.org"};
static const char *const abc[] = {"a@example.org", "b@example.org", "c@example.org"};

static inline tidymail_smtp_options plain_options(void)
{
    tidymail_smtp_options options = TIDYMAIL_SMTP_OPTIONS_INIT;
    options.tls = TIDYMAIL_SMTP_TLS_NONE;
    options.helo = "me.example";
    options.server = "mx.example:25";
    options.reply_timeout_ms = 5000;
    options.final_timeout_ms = 9000;
    return options;
}

#endif
