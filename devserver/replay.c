/* replay.c: see replay.h. `replay_run` is the loop; each replay_ function under it says whether it
 * moved anything, and time jumps only when nothing did. */
#include "replay.h"

#include <string.h>

#include "replay_internal.h"
#include "scenario_server.h"

#define PROBLEMS_MAX ((size_t)256 << 10)
#define BURST_MAX ((size_t)64 << 10) /* fed at once; a longer burst goes on 100 ms later */
#define BURST_MS 100
#define SEGMENT_MAX (BURST_MAX + ((size_t)2 << 20)) /* and one line of any scenario */
#define START_MS 1000000 /* time begins somewhere: nothing may depend on zero */
#define ROUNDS_MAX 100000000
#define DAYS_30_MS ((int64_t)30 * 24 * 3600 * 1000)

struct replay {
    const struct tdm_scenario *scenario;
    const struct tdm_replay_options *options;
    struct tdm_replay_result *result;
    struct tdm_replay_client client;
    tidymail_smtp *smtp;
    struct tdm_scenario_server server;
    int64_t now;
    int64_t last_server_ms; /* -1: it said nothing yet */
    int start_tls;          /* the engine waits for the handshake */
    int client_closed;      /* the engine gave CLOSE */
    int server_gone;        /* the server's end of the connection is closed, or was cut */
    int stalled;            /* nothing of the server's arrives any more */
};

static void replay_problem(struct replay *replay, const char *words)
{
    tdm_buf_addf(&replay->result->problems, "%s\n", words);
}

/* A run with a fault of its own: the scenario's expectations do not hold for it. */
static int replay_is_faulty(const struct tdm_replay_options *options)
{
    return options->cut_server >= 0 || options->cut_client >= 0 || options->stall_server >= 0 ||
           options->stall_client >= 0 || options->allocator != NULL;
}

static void replay_lose_connection(struct replay *replay, const char *words)
{
    if (replay->server_gone) {
        return;
    }
    replay->server_gone = 1;
    tdm_scenario_server_end_of_file(&replay->server, replay->now);
    if (!replay->client_closed) {
        tidymail_smtp_end_of_file(replay->smtp, words, replay->now);
    }
}

static int replay_take_report(struct replay *replay, const tidymail_smtp_event *event)
{
    struct tdm_replay_result *result = replay->result;
    tidymail_report *report = event->report;
    if (event->context != replay) {
        replay_problem(replay, "the report came with another context than was given");
    }
    if (result->report != NULL) {
        replay_problem(replay, "a second report came");
        tidymail_report_free(report);
        return 1;
    }
    result->report = report;
    result->end_ms = replay->now - START_MS;
    result->after_server_ms =
        replay->last_server_ms >= 0 ? replay->now - replay->last_server_ms : -1;
    tidymail_smtp_quit(replay->smtp, replay->now);
    return 1;
}

static int replay_events(struct replay *replay)
{
    const tidymail_smtp_event *event;
    int moved = 0;
    while (!replay->client_closed && (event = tidymail_smtp_next(replay->smtp)) != NULL) {
        moved = 1;
        if (event->type == TIDYMAIL_SMTP_REPORT) {
            replay_take_report(replay, event);
        } else if (event->type == TIDYMAIL_SMTP_START_TLS) {
            replay->start_tls = 1;
        } else if (event->type == TIDYMAIL_SMTP_CLOSE) {
            replay->client_closed = 1;
            tdm_scenario_server_end_of_file(&replay->server, replay->now);
        }
    }
    return moved;
}

/* One segment of the server's reaches the engine. */
static void replay_segment(struct replay *replay, const char *bytes, size_t length)
{
    if (length == 0) {
        return;
    }
    replay->result->server_bytes += (int64_t)length;
    replay->last_server_ms = replay->now;
    if (replay->client_closed) {
        return;
    }
    if (replay->start_tls) {
        replay->start_tls = 0;
        tidymail_smtp_fail(replay->smtp, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS, 0,
                           "the TLS handshake failed: what the server sent is not TLS", NULL,
                           replay->now);
        return;
    }
    tidymail_smtp_feed(replay->smtp, bytes, length, replay->now);
}

/* Bytes of the server's on their way: cut into segments, up to where the connection ends. */
static void replay_deliver(struct replay *replay, const char *bytes, size_t length, int bytewise)
{
    const struct tdm_replay_options *options = replay->options;
    int64_t limit = options->cut_server >= 0 ? options->cut_server : options->stall_server;
    int64_t before = replay->result->server_bytes;
    int ends = limit >= 0 && before + (int64_t)length >= limit;
    if (ends) {
        length = limit > before ? (size_t)(limit - before) : 0;
    }
    if (bytewise || options->split == TDM_REPLAY_BYTEWISE) {
        for (size_t i = 0; i < length; i++) {
            replay_segment(replay, bytes + i, 1);
        }
    } else {
        int64_t split = options->split == TDM_REPLAY_AT ? options->split_at - before : 0;
        size_t first = split > 0 && split < (int64_t)length ? (size_t)split : 0;
        replay_segment(replay, bytes, first);
        replay_segment(replay, bytes + first, length - first);
    }
    if (ends && options->cut_server >= 0) {
        replay_lose_connection(replay, NULL);
    } else if (ends) {
        replay->stalled = 1;
    }
}

/* Gathers what goes out in one segment: lines up to a limit, or one byte under @bytewise. */
static int replay_gather(struct replay *replay, struct tdm_buf *segment)
{
    struct tdm_scenario_server *server = &replay->server;
    const char *bytes;
    size_t length;
    int bytewise = 0;
    while (!bytewise && segment->length < BURST_MAX &&
           tdm_scenario_server_output(server, &bytes, &length)) {
        bytewise = tdm_scenario_server_bytewise(server);
        if (bytewise && segment->length > 0) {
            return 0; /* the lines before it go first */
        }
        tdm_buf_add(segment, bytes, length);
        tdm_scenario_server_consume(server, length, replay->now);
    }
    return bytewise;
}

/* Feeds what the server says without waiting for the client. */
static int replay_burst(struct replay *replay)
{
    struct tdm_replay_result *result = replay->result;
    struct tdm_buf segment;
    int64_t before = result->server_bytes;
    int moved = 0;
    tdm_buf_init(&segment, NULL, SEGMENT_MAX);
    while (!replay->server_gone && !replay->stalled &&
           result->server_bytes - before < (int64_t)BURST_MAX) {
        tdm_buf_reset(&segment);
        int bytewise = replay_gather(replay, &segment);
        if (segment.length == 0) {
            break;
        }
        replay_deliver(replay, segment.data, segment.length, bytewise);
        moved = 1;
    }
    tdm_buf_clear(&segment);
    if (moved && result->message_end >= 0 && result->answer_end < 0) {
        result->answer_end = result->server_bytes;
    }
    if (result->server_bytes - before >= (int64_t)BURST_MAX) {
        /* no network carries endless bytes in no time, and no client is asked to wait for their end */
        replay->now += BURST_MS;
        tidymail_smtp_tick(replay->smtp, replay->now);
        tdm_scenario_server_tick(&replay->server, replay->now);
    }
    return moved;
}

/* The handshake: complete where the certificate is one that the client accepts. */
static int replay_handshake(struct replay *replay)
{
    enum tdm_certificate kind = tdm_scenario_server_certificate(&replay->server);
    if (!replay->start_tls || replay->stalled) {
        return 0;
    }
    replay->start_tls = 0;
    replay->last_server_ms = replay->now;
    int version = tdm_scenario_server_max_version(&replay->server);
    int too_old = version == 10 || version == 11;
    int weak = kind == TDM_CERTIFICATE_SMALL_DH;
    if (!too_old && !weak &&
        (kind == TDM_CERTIFICATE_VALID || replay->client.accepts_any_certificate)) {
        tdm_scenario_server_tls_done(&replay->server, NULL, replay->now);
        if (replay->client.binding != NULL) {
            tidymail_smtp_tls_binding(replay->smtp, replay->client.binding, TDM_REPLAY_BINDING,
                                      strlen(TDM_REPLAY_BINDING));
        }
        tidymail_smtp_tls_done(replay->smtp, "TLSv1.3", "TLS_AES_128_GCM_SHA256", replay->now);
        return 1;
    }
    struct tdm_buf words;
    tdm_buf_init(&words, NULL, 256);
    if (too_old) {
        tdm_buf_addf(&words, "the TLS handshake failed: the server speaks TLS 1.%d at most",
                     version - 10);
    } else if (weak) {
        tdm_buf_add_str(&words, "the TLS handshake failed: dh key too small");
    } else {
        tdm_buf_addf(&words, "the server's certificate is not accepted: it is of the kind %s",
                     tdm_certificate_name(kind));
    }
    tidymail_smtp_fail(replay->smtp, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS, 0, tdm_buf_text(&words),
                       NULL, replay->now);
    tdm_scenario_server_tls_done(&replay->server, "an alert", replay->now);
    tdm_buf_clear(&words);
    return 1;
}

static int replay_server_acts(struct replay *replay)
{
    if (replay->server_gone || replay->stalled) {
        return 0;
    }
    switch (tdm_scenario_server_action(&replay->server)) {
    case TDM_SCENARIO_NONE:
        return 0;
    case TDM_SCENARIO_TLS:
        return replay_handshake(replay);
    case TDM_SCENARIO_CLOSE:
        replay->last_server_ms = replay->now;
        replay_lose_connection(replay, NULL);
        return 1;
    case TDM_SCENARIO_RESET:
        replay->last_server_ms = replay->now;
        replay_lose_connection(replay, "Connection reset by peer");
        return 1;
    }
    return 0;
}

/* The server takes bytes of the client one by one: so the end of the message is known exactly.
 * Returns how many; fewer than `length` where it does not read. */
static size_t replay_server_takes(struct replay *replay, const char *bytes, size_t length)
{
    struct tdm_replay_result *result = replay->result;
    size_t taken = 0;
    while (taken < length && (replay->server_gone || tdm_scenario_server_reads(&replay->server))) {
        result->client_bytes++;
        if (!replay->server_gone) {
            tdm_scenario_server_feed(&replay->server, bytes + taken, 1, replay->now);
        }
        taken++;
        if (result->message_end < 0 && replay->server.message_count > 0) {
            result->message_end = result->client_bytes;
        }
    }
    return taken;
}

static int replay_client_says(struct replay *replay)
{
    const struct tdm_replay_options *options = replay->options;
    struct tdm_replay_result *result = replay->result;
    int64_t limit = options->cut_client >= 0 ? options->cut_client : options->stall_client;
    const void *bytes;
    size_t length;
    int moved = 0;
    while (!replay->client_closed && (limit < 0 || result->client_bytes < limit) &&
           tidymail_smtp_output(replay->smtp, &bytes, &length)) {
        if (limit >= 0 && (int64_t)length > limit - result->client_bytes) {
            length = (size_t)(limit - result->client_bytes);
        }
        size_t taken = replay_server_takes(replay, bytes, length);
        tidymail_smtp_consume(replay->smtp, taken, replay->now);
        if (taken == 0) {
            break;
        }
        moved = 1;
    }
    if (options->cut_client >= 0 && result->client_bytes >= limit && !replay->server_gone) {
        replay_lose_connection(replay, "Connection reset by peer");
        moved = 1;
    }
    return moved;
}

/* Both sides wait: on to the nearest deadline. 0 where there is none, or all is over. */
static int replay_pass_time(struct replay *replay)
{
    int64_t engine = replay->client_closed ? -1 : tidymail_smtp_deadline(replay->smtp);
    int64_t server = replay->server_gone ? -1 : tdm_scenario_server_deadline(&replay->server);
    int64_t next = engine >= 0 && (server < 0 || engine < server) ? engine : server;
    if (replay->client_closed) {
        return 0; /* what the server would still do concerns nobody */
    }
    if (next < 0) {
        replay_problem(replay, "the engine waits without a deadline");
        return 0;
    }
    if (next - START_MS > DAYS_30_MS) {
        replay_problem(replay, "the conversation goes on for more than 30 days");
        return 0;
    }
    replay->now = next > replay->now ? next : replay->now;
    tidymail_smtp_tick(replay->smtp, replay->now);
    if (!replay->server_gone) {
        tdm_scenario_server_tick(&replay->server, replay->now);
    }
    return 1;
}

static void replay_run(struct replay *replay)
{
    tidymail_smtp_connected(replay->smtp, replay->now);
    if (replay->options->cut_server == 0 || replay->options->cut_client == 0) {
        replay_lose_connection(replay, NULL);
    }
    replay->stalled = replay->options->stall_server == 0;
    for (int64_t rounds = 0;; rounds++) {
        int moved = replay_events(replay);
        moved |= replay_burst(replay);
        moved |= replay_server_acts(replay);
        moved |= replay_events(replay);
        moved |= replay_client_says(replay);
        if (rounds > ROUNDS_MAX) {
            replay_problem(replay, "the conversation does not end");
            return;
        }
        if (!moved && !replay_pass_time(replay)) {
            return;
        }
    }
}

/* What holds for every run, whatever was done to it. */
static void replay_check_promises(struct replay *replay)
{
    struct tdm_replay_result *result = replay->result;
    if (replay->client.released != (result->refused == TIDYMAIL_OK)) {
        tdm_buf_addf(&result->problems, "the message's source was released %d times\n",
                     replay->client.released);
    }
    if (result->report == NULL) {
        if (result->refused == TIDYMAIL_OK) {
            replay_problem(replay, "no report came");
        }
        return;
    }
    int outcome = tidymail_report_outcome(result->report);
    const struct tdm_buf *got = &replay->server.message;
    const struct tdm_buf *sent = &replay->client.message;
    if (replay->client.envelope.probe ||
        (outcome != TIDYMAIL_SENT && outcome != TIDYMAIL_PARTIAL)) {
        return;
    }
    if (replay->server.message_count == 0) {
        replay_problem(replay, "reported as sent, but the server never had the whole message");
    } else if (got->length != sent->length ||
               memcmp(tdm_buf_text(got), tdm_buf_text(sent), sent->length) != 0) {
        tdm_buf_addf(&result->problems,
                     "reported as sent, but the message of %z bytes arrived as other %z bytes\n",
                     sent->length, got->length);
    }
}

static void replay_check_scenario(struct replay *replay)
{
    struct tdm_replay_result *result = replay->result;
    if (replay->server.deviation.length > 0) {
        replay_problem(replay, tdm_buf_text(&replay->server.deviation));
    }
    if (result->report != NULL) {
        tdm_replay_check(replay->scenario, result->report, result->after_server_ms,
                         &result->problems);
    } else if (result->refused != TIDYMAIL_OK) {
        tdm_buf_addf(&result->problems, "the engine refused the message: %s\n",
                     tidymail_kind_name(result->refused));
    }
}

static void replay_with_engine(struct replay *replay)
{
    struct tdm_replay_result *result = replay->result;
    tidymail_source source = tdm_replay_client_source(&replay->client);
    tidymail_smtp_envelope envelope = replay->client.envelope;
    if (envelope.deadline_ms > 0) {
        envelope.deadline_ms += replay->now;
    }
    result->refused = tidymail_smtp_submit(replay->smtp, &envelope, &source, replay, replay->now);
    if (result->refused == TIDYMAIL_OK) {
        tdm_scenario_server_init(&replay->server, replay->scenario, replay->now);
        replay_run(replay);
    }
    tidymail_smtp_free(replay->smtp);
    replay_check_promises(replay);
    if (!replay_is_faulty(replay->options)) {
        replay_check_scenario(replay);
    }
    tdm_scenario_server_clear(&replay->server);
}

int tdm_replay(const struct tdm_scenario *scenario, const struct tdm_replay_options *options,
               struct tdm_replay_result *result)
{
    struct replay replay;
    memset(&replay, 0, sizeof(replay));
    memset(result, 0, sizeof(*result));
    tdm_buf_init(&result->problems, NULL, PROBLEMS_MAX);
    result->after_server_ms = result->message_end = result->answer_end = -1;
    replay.scenario = scenario;
    replay.options = options;
    replay.result = result;
    replay.now = START_MS;
    replay.last_server_ms = -1;
    if (tdm_replay_client_init(&replay.client, scenario, &result->problems) != 0) {
        tdm_replay_client_clear(&replay.client);
        return -1;
    }
    replay.client.options.trace = options->trace;
    replay.client.options.trace_context = options->trace_context;
    replay.smtp = tidymail_smtp_new_with(&replay.client.options, replay.now, options->allocator);
    if (replay.smtp == NULL) {
        result->no_engine = 1;
        if (options->allocator == NULL) {
            replay_problem(&replay, "the engine could not be made: out of memory");
        }
    } else {
        replay_with_engine(&replay);
    }
    tdm_replay_client_clear(&replay.client);
    return 0;
}

void tdm_replay_result_clear(struct tdm_replay_result *result)
{
    tidymail_report_free(result->report);
    result->report = NULL;
    tdm_buf_clear(&result->problems);
}
