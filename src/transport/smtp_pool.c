/*
 * smtp_pool.c: many messages over a few connections of one transport. Messages wait in own->queue; a
 * line (a connection) is given as many as its engine can make use of. What a failed connection did not
 * hand over goes back to the queue. A server that answers 421, or 4xx before a message is under way, is
 * given fewer connections, and a pause that doubles. Nothing here goes to a second server.
 */
#include <string.h>

#include "transport/smtp_own.h"

#define TRIES_MAX 5 /* put back so often where no message got through at all */
#define PAUSE_FIRST_MS 200
#define PAUSE_MAX_MS 30000
#define GOOD_FOR_MORE 50 /* messages accepted before one more connection is tried */
#define FRESH_MS 20 /* so soon after the last answer nobody asks whether the line still stands */
#define RATE_BURST_US 100000 /* what a tenth of a second allows may go out at once */

static int64_t pool_now(const struct tdm_smtp_own *own)
{
    return own->transport->clock.now_ms();
}

static void pool_end(struct tdm_smtp_own *own, struct tdm_job *job)
{
    job->done = 1;
    if (!job->waits) {
        own->transport->under_way--;
        tdm_job_append(&own->transport->ended, job);
    }
}

static void pool_fail(struct tdm_smtp_own *own, struct tdm_job *job,
                      const struct tidymail_error *error)
{
    tdm_error_copy(&job->report->error, error);
    tdm_report_decide(job->report);
    pool_end(own, job);
}

/*
 * A connection that was kept open may have ended in the meantime, which shows only when the next
 * message begins: no answer to its MAIL (or the RSET before it), or 421. Nothing of the message was
 * taken then, so it goes over a new connection as if nothing had been. Silence is no such sign.
 */
static int pool_is_stale(const struct tdm_smtp_line *line, const tidymail_report *report)
{
    const struct tidymail_error *error = &report->error;
    return line->answered > 0 && error->phase == TIDYMAIL_PHASE_MAIL && !error->maybe_delivered &&
           (error->kind == TIDYMAIL_KIND_CONNECTION || error->code == 421);
}

/* The server is asked for more than it gives at the moment. */
static int pool_is_throttled(const tidymail_report *report)
{
    const struct tidymail_error *error = &report->error;
    return report->outcome == TIDYMAIL_FAILED && !error->maybe_delivered &&
           (error->code == 421 || (error->code / 100 == 4 && error->phase <= TIDYMAIL_PHASE_MAIL));
}

/* 1 where the job can begin anew. */
static int pool_put_back(struct tdm_smtp_own *own, struct tdm_smtp_line *line, struct tdm_job *job)
{
    if (own->transport->closing || (line->answered == 0 && ++job->tries > TRIES_MAX)) {
        return 0;
    }
    if (job->report->body_begun &&
        (job->source.rewind == NULL || job->source.rewind(job->source.context) != 0)) {
        return 0;
    }
    tdm_report_reopen(job->report);
    tdm_job_append(&own->returned, job);
    return 1;
}

static size_t pool_lines_in_use(const struct tdm_smtp_own *own)
{
    size_t count = 0;
    for (size_t i = 0; i < own->line_count; i++) {
        const struct tdm_smtp_line *line = own->lines[i];
        count += !line->quitting && !tdm_link_is_closed(line->link) &&
                 tidymail_smtp_usable(line->engine);
    }
    return count;
}

static void pool_slow_down(struct tdm_smtp_own *own)
{
    size_t in_use = pool_lines_in_use(own);
    own->limit = in_use > 1 ? in_use : 1;
    own->accepted = 0;
    own->pause_ms = own->pause_ms == 0 ? PAUSE_FIRST_MS : own->pause_ms * 2;
    own->pause_ms = own->pause_ms < PAUSE_MAX_MS ? own->pause_ms : PAUSE_MAX_MS;
    own->resume_ms = pool_now(own) + own->pause_ms;
}

static void pool_note_success(struct tdm_smtp_own *own)
{
    own->pause_ms = 0;
    if (own->limit < (size_t)own->transport->options.connections &&
        ++own->accepted >= GOOD_FOR_MORE) {
        own->limit++;
        own->accepted = 0;
    }
}

/* A connection that came to nothing before any message, and not by a "later": where others stand, they
 * are enough for now; where none does, all that waits would meet the same. */
static int pool_line_is_hopeless(const struct tdm_smtp_line *line, const tidymail_report *report)
{
    return line->answered == 0 && report->outcome == TIDYMAIL_FAILED &&
           report->error.kind != TIDYMAIL_OK && report->error.phase < TIDYMAIL_PHASE_MAIL;
}

static void pool_fail_queue(struct tdm_smtp_own *own, const struct tidymail_error *error)
{
    struct tdm_job_list rest = own->queue;
    memset(&own->queue, 0, sizeof(own->queue));
    for (struct tdm_job *job = tdm_job_take(&rest); job != NULL; job = tdm_job_take(&rest)) {
        if (job->waits) {
            tdm_job_append(&own->queue, job); /* it makes its own attempt */
        } else {
            pool_fail(own, job, error);
        }
    }
}

void tdm_smtp_pool_reported(void *owner, void *context, tidymail_report *report)
{
    struct tdm_smtp_line *line = owner;
    struct tdm_smtp_own *own = line->own;
    struct tdm_job *job = context;
    line->under_way--;
    line->idle_ms = pool_now(own);
    if (report->outcome == TIDYMAIL_SENT || report->outcome == TIDYMAIL_PARTIAL) {
        line->answered++;
        pool_note_success(own);
        pool_end(own, job);
        return;
    }
    int stale = pool_is_stale(line, report);
    if (stale && job->waits) {
        tdm_smtp_note(own, "the connection of the last message ended when this one began; nothing "
                           "was sent, and a new one is opened");
    }
    if ((report->untouched || stale) && pool_put_back(own, line, job)) {
        return;
    }
    if (pool_is_throttled(report)) {
        pool_slow_down(own);
        if (!job->waits && pool_put_back(own, line, job)) {
            return;
        }
    } else if (pool_line_is_hopeless(line, report)) {
        size_t others = pool_lines_in_use(own);
        if (others > 0) {
            own->limit = others;
            own->accepted = 0;
            if (!job->waits && pool_put_back(own, line, job)) {
                return;
            }
        } else {
            pool_fail_queue(own, &report->error);
        }
    }
    line->answered +=
        tidymail_smtp_usable(line->engine) != 0; /* refused, and the session goes on */
    pool_end(own, job);
}

/* Takes one out of the bucket; 0 where it is empty until the time that is given. */
static int pool_rate_allows(struct tdm_smtp_own *own, int64_t *until_ms)
{
    int64_t rate = own->transport->options.rate;
    if (rate == 0) {
        return 1;
    }
    int64_t now_us = pool_now(own) * 1000;
    int64_t each_us = INT64_C(3600000000) / rate;
    int64_t burst = each_us < RATE_BURST_US ? RATE_BURST_US : 0;
    if (own->rate_us - now_us > burst) {
        *until_ms = (own->rate_us - burst + 999) / 1000;
        return 0;
    }
    own->rate_us = (own->rate_us > now_us ? own->rate_us : now_us) + each_us;
    return 1;
}

/* May a message go out now? If not, `until_ms` is when to ask again. */
static int pool_may_send(struct tdm_smtp_own *own, int64_t *until_ms)
{
    if (own->queue.first == NULL) {
        return 0;
    }
    if (own->resume_ms > 0 && !own->queue.first->waits) {
        if (pool_now(own) < own->resume_ms) {
            *until_ms = own->resume_ms;
            return 0;
        }
        own->resume_ms = 0;
    }
    return pool_rate_allows(own, until_ms);
}

static int pool_line_may_have_more(const struct tdm_smtp_line *line)
{
    const struct tdm_options *options = &line->own->transport->options;
    return !line->quitting &&
           (options->per_connection == 0 || line->given < (size_t)options->per_connection) &&
           (options->connection_age_ms == 0 ||
            pool_now(line->own) - line->opened_ms < options->connection_age_ms);
}

/* The next job goes over that line; 0, or -1 where it failed before that. */
static int pool_give(struct tdm_smtp_own *own, struct tdm_smtp_line *line)
{
    struct tdm_job *job = tdm_job_take(&own->queue);
    line->under_way++;
    line->given++;
    line->to_drive = 1;
    job->connection = line->number;
    if (tdm_smtp_line_submit(line, job) == TIDYMAIL_OK) {
        return 0;
    }
    line->under_way--;
    tdm_report_decide(job->report);
    pool_end(own, job);
    return -1;
}

void tdm_smtp_pool_more(void *owner)
{
    struct tdm_smtp_line *line = owner;
    struct tdm_smtp_own *own = line->own;
    int64_t until_ms = -1;
    while (own->queue.first != NULL && pool_line_may_have_more(line) &&
           tdm_smtp_room(line->engine) > 0 && pool_may_send(own, &until_ms)) {
        pool_give(own, line);
    }
}

static void pool_remove(struct tdm_smtp_own *own, size_t index)
{
    tdm_smtp_line_free(own->lines[index]);
    own->lines[index] = own->lines[--own->line_count];
}

/* Frees what is closed, and ends what has been idle, or has carried, for long enough. */
static void pool_reap(struct tdm_smtp_own *own)
{
    int64_t now = pool_now(own);
    for (size_t i = own->line_count; i-- > 0;) {
        struct tdm_smtp_line *line = own->lines[i];
        int idle = line->under_way == 0 && line->begun && !line->quitting;
        if (tdm_link_is_closed(line->link) && line->under_way == 0) {
            pool_remove(own, i);
        } else if (idle && (!pool_line_may_have_more(line) ||
                            now - line->idle_ms >= own->transport->options.idle_timeout_ms)) {
            line->quitting = 1;
            tdm_link_quit(line->link);
        }
    }
}

/* 1 where an idle line still stands; else it is gone. */
static int pool_is_fresh(struct tdm_smtp_own *own, size_t index)
{
    struct tdm_smtp_line *line = own->lines[index];
    int soon = pool_now(own) - line->idle_ms <= FRESH_MS && !own->transport->options.chunking;
    if (soon || tdm_link_is_fresh(line->link)) {
        return 1;
    }
    tdm_smtp_note(own, "the connection of the last message has ended; a new one is opened");
    pool_remove(own, index);
    return 0;
}

static struct tdm_smtp_line *pool_open(struct tdm_smtp_own *own)
{
    if (own->line_count == own->line_capacity) {
        size_t capacity = own->line_capacity > 0 ? own->line_capacity * 2 : 4;
        struct tdm_smtp_line **lines = tdm_resize_array(&own->transport->allocator, own->lines,
                                                        capacity, sizeof(struct tdm_smtp_line *));
        if (lines == NULL) {
            return NULL;
        }
        own->lines = lines;
        own->line_capacity = capacity;
    }
    struct tdm_smtp_line *line = tdm_smtp_line_new(own, own->queue.first);
    if (line != NULL) {
        own->lines[own->line_count++] = line;
    }
    return line;
}

/* An idle line, else a new one where there may be one more, else the one with the least to do. NULL:
 * all are busy, or (`failed`) no new one could be made. */
static struct tdm_smtp_line *pool_choose(struct tdm_smtp_own *own, int *failed)
{
    struct tdm_smtp_line *best = NULL;
    size_t in_use = 0;
    for (size_t i = own->line_count; i-- > 0;) {
        struct tdm_smtp_line *line = own->lines[i];
        if (!tidymail_smtp_usable(line->engine) || !pool_line_may_have_more(line)) {
            in_use += line->under_way > 0;
            continue;
        }
        if (line->under_way == 0 && !pool_is_fresh(own, i)) {
            continue;
        }
        in_use++;
        if (tdm_smtp_room(line->engine) > 0 &&
            (best == NULL || line->under_way < best->under_way)) {
            best = line;
        }
    }
    if (in_use < own->limit && (best == NULL || best->under_way > 0)) {
        struct tdm_smtp_line *line = pool_open(own);
        *failed = line == NULL && best == NULL;
        best = line != NULL ? line : best;
    }
    return best;
}

static void pool_drive(struct tdm_smtp_own *own)
{
    for (size_t i = 0; i < own->line_count; i++) {
        struct tdm_smtp_line *line = own->lines[i];
        if (!line->to_drive) {
            continue;
        }
        line->to_drive = 0;
        if (line->begun) {
            tdm_link_drive(line->link);
        } else {
            line->begun = 1;
            tdm_link_connect(line->link);
        }
    }
}

/* Those that came back go first, in their order; one that somebody waits for before all. */
static void pool_take_returned(struct tdm_smtp_own *own)
{
    struct tdm_job_list list = own->returned;
    if (list.first == NULL) {
        return;
    }
    list.last->next = own->queue.first;
    own->queue.first = list.first;
    own->queue.last = own->queue.last != NULL ? own->queue.last : list.last;
    own->queue.count += list.count;
    memset(&own->returned, 0, sizeof(own->returned));
}

/* Gives out what may be given; when to come again, -1: only when something happens. */
static int64_t pool_distribute(struct tdm_smtp_own *own)
{
    int64_t until_ms = -1;
    while (pool_may_send(own, &until_ms)) {
        int failed = 0;
        struct tdm_smtp_line *line = pool_choose(own, &failed);
        if ((line == NULL && !failed) || own->queue.first == NULL) {
            break; /* looking whether a line still stands may have given it what waited */
        }
        if (line != NULL) {
            pool_give(own, line);
            continue;
        }
        struct tdm_job *job = tdm_job_take(&own->queue);
        tdm_error_set(&job->report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                      "out of memory while preparing a connection", NULL);
        tdm_report_decide(job->report);
        pool_end(own, job);
    }
    return until_ms;
}

static int64_t pool_pump(struct tdm_smtp_own *own)
{
    int64_t until_ms = -1;
    do {
        pool_reap(own);
        pool_take_returned(own);
        until_ms = pool_distribute(own);
        pool_drive(own);
    } while (own->returned.first != NULL);
    return until_ms;
}

static void pool_arm(struct tdm_smtp_own *own, int64_t until_ms)
{
    if (own->timer != NULL) {
        int64_t left = until_ms - pool_now(own);
        tdm_timer_set(own->timer, until_ms < 0 ? -1 : (left > 1 ? left : 1));
    }
}

void tdm_smtp_pool_pump(struct tdm_smtp_own *own)
{
    int64_t until_ms = pool_pump(own);
    if (until_ms >= 0) {
        pool_arm(own, until_ms);
    }
}

void tdm_smtp_pool_wait(struct tdm_smtp_own *own, const struct tdm_job *job, int64_t until_ms)
{
    int64_t again_ms = pool_pump(own);
    const tidymail_transport *transport = own->transport;
    if (job != NULL ? job->done : transport->ended.first != NULL || transport->under_way == 0) {
        return;
    }
    int64_t first_ms = again_ms >= 0 && (until_ms < 0 || again_ms < until_ms) ? again_ms : until_ms;
    if (first_ms >= 0) {
        pool_arm(own, first_ms);
    }
    if (own->line_count == 1 && first_ms < 0 && own->lines[0]->under_way > 0 &&
        tdm_link_wait(own->lines[0]->link)) {
        return; /* what is left to do is done before the next wait */
    }
    if (own->line_count > 0 || first_ms >= 0) {
        tdm_loop_step(&own->loop);
    }
    pool_pump(own);
}
