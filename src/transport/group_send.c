/*
 * group_send.c: one message through a group: member after member, until nothing is left that another
 * one could mend. Nobody who may have got the message gets it again: not a recipient that was
 * accepted, and nobody at all where an attempt ended without an answer.
 */
#include <string.h>

#include "net/note.h"
#include "transport/subjob.h"
#include "transport/transport_group.h"

#define GROUP_LINE_MAX ((size_t)16 * 1024)

/* The message's source, watched. */
struct group_source {
    tidymail_source inner;
    int began;  /* bytes were read: it has to be rewound before they are read again */
    int failed; /* it could not be read, which no other transport can mend */
};

struct group_run {
    struct tdm_group *group;
    struct tdm_job *job;
    struct group_source source;
    unsigned char *way;   /* of each recipient: is it still to be sent to? */
    int64_t deadline_ms;  /* of all attempts; -1: each has its own only */
    size_t attempt_count; /* made so far */
};

static ptrdiff_t group_source_read(void *context, void *buffer, size_t capacity)
{
    struct group_source *source = context;
    source->began = 1;
    ptrdiff_t got = source->inner.read(source->inner.context, buffer, capacity);
    source->failed |= got < 0;
    return got;
}

static int group_source_rewind(void *context)
{
    struct group_source *source = context;
    if (source->inner.rewind == NULL || source->inner.rewind(source->inner.context) != 0) {
        return -1;
    }
    source->began = 0;
    return 0;
}

static int64_t group_source_size(void *context)
{
    const struct group_source *source = context;
    return source->inner.size != NULL ? source->inner.size(source->inner.context) : -1;
}

static const char *group_source_words(void *context)
{
    const struct group_source *source = context;
    return source->inner.error != NULL ? source->inner.error(source->inner.context) : NULL;
}

int tdm_group_moves_on(int kind, int phase, int code)
{
    switch (kind) {
    case TIDYMAIL_KIND_RESOLVE:
    case TIDYMAIL_KIND_CONNECTION:
    case TIDYMAIL_KIND_TLS:
    case TIDYMAIL_KIND_TIMEOUT:
    case TIDYMAIL_KIND_PROTOCOL:
    case TIDYMAIL_KIND_AUTHENTICATION:
    case TIDYMAIL_KIND_CONFIGURATION: /* of that member: its password-from, its CA file */
    case TIDYMAIL_KIND_LOCAL:         /* a full disk, a program that crashed */
        return 1;
    case TIDYMAIL_KIND_TEMPORARY:
        /* 421 is the server's farewell wherever it comes (RFC 5321 3.8); a 4yz to RCPT is about that
         * recipient (a full mailbox, greylisting), and the same server has to be asked again */
        return code == 421 || phase != TIDYMAIL_PHASE_RCPT;
    case TIDYMAIL_KIND_PERMANENT:
        /* before MAIL the client is refused, from there on the message */
        return phase < TIDYMAIL_PHASE_MAIL;
    default:
        return 0; /* message: it is refused for what it is */
    }
}

/* A 4yz to MAIL, DATA or the message may be about the message, so that the member is not shunned. */
static int group_rests(const struct tidymail_error *error)
{
    int in_transaction =
        error->phase >= TIDYMAIL_PHASE_MAIL && error->phase <= TIDYMAIL_PHASE_FINAL;
    return tdm_group_moves_on(error->kind, error->phase, error->code) &&
           !(error->kind == TIDYMAIL_KIND_TEMPORARY && in_transaction && error->code != 421);
}

/* Which member said it stands in front of its lines. */
static void group_trace(void *context, int mark, int phase, int encrypted, const char *text,
                        size_t length)
{
    const struct tdm_group_member *member = context;
    const struct tdm_trace *trace = &member->group->transport->trace;
    struct tdm_buf line;
    if (trace->line == NULL) {
        return;
    }
    tdm_buf_init(&line, &member->transport->allocator, (size_t)128 * 1024);
    tdm_buf_addf(&line, "[%z %s] ", member->number, member->transport->url.scheme);
    tdm_buf_add(&line, text, length);
    if (!line.failed) {
        trace->line(trace->context, mark, phase, encrypted, tdm_buf_text(&line), line.length);
    }
    tdm_buf_clear(&line);
}

static void group_note(const struct group_run *run, const char *text)
{
    const tidymail_transport *transport = run->group->transport;
    struct tdm_net_trace trace = {transport->trace.line, transport->trace.context};
    tdm_net_note(&trace, &transport->allocator, TIDYMAIL_PHASE_PREPARE, 0, "%s", text);
}

/* "member 2, smtp b.example:587: failed, connection (connect): connection refused" */
static void group_add_attempt(const struct group_run *run, const struct tdm_group_member *member,
                              const tidymail_report *report)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &report->allocator, GROUP_LINE_MAX);
    const struct tidymail_error *error = &report->error;
    for (size_t i = 0; i < report->attempts.count; i++) { /* a group in the group */
        tdm_buf_reset(&line);
        tdm_buf_addf(&line, "member %z, %s", member->number, report->attempts.items[i]);
        tdm_report_add_attempt(run->job->report, tdm_buf_text(&line));
    }
    if (report->attempts.count == 0) {
        const char *server = report->peer.server;
        tdm_buf_addf(&line, "member %z, %s%s%s: %s", member->number, member->transport->url.scheme,
                     server != NULL ? " " : "", server != NULL ? server : "",
                     tidymail_outcome_name(report->outcome));
        if (error->kind != TIDYMAIL_OK) {
            tdm_buf_addf(&line, ", %s (%s", tidymail_kind_name(error->kind),
                         tidymail_phase_name(error->phase));
            if (error->code != 0) {
                tdm_buf_addf(&line, ", %d", error->code);
            }
            tdm_buf_addf(&line, "): %s", tidymail_error_message(error));
        }
        if (!line.failed) {
            tdm_report_add_attempt(run->job->report, tdm_buf_text(&line));
        }
    }
    tdm_buf_clear(&line);
}

/* A recipient without an answer of its own failed with the whole. */
static int group_can_mend(const struct tidymail_error *error,
                          const struct tidymail_recipient *recipient)
{
    if (recipient->code == 0 && recipient->reply == NULL && error->kind != TIDYMAIL_OK) {
        return tdm_group_moves_on(error->kind, error->phase, error->code);
    }
    return tdm_group_moves_on(recipient->kind, recipient->phase, recipient->code);
}

/* Chooses those who are still to be sent to; returns how many. */
static size_t group_choose_open(struct group_run *run, const struct tdm_subjob *sub)
{
    const tidymail_report *report = sub->job.report;
    size_t open = 0;
    for (size_t i = 0; i < run->job->envelope.recipient_count; i++) {
        if (run->way[i] == TDM_WAY_NONE) {
            continue;
        }
        const struct tidymail_recipient *recipient = &report->recipients[sub->place[i]];
        if (recipient->outcome == TIDYMAIL_UNKNOWN) {
            return 0;
        }
        if (recipient->outcome == TIDYMAIL_FAILED && group_can_mend(&report->error, recipient)) {
            open++;
        } else {
            run->way[i] = TDM_WAY_NONE;
        }
    }
    return open;
}

/* 1 where the message can be read from its start again. */
static int group_is_readable(struct group_run *run)
{
    struct group_source *source = &run->source;
    if (source->failed) {
        return 0;
    }
    if (source->began && group_source_rewind(source) != 0) {
        group_note(run, "the message cannot be read twice: no other member is tried");
        return 0;
    }
    /* which form of it the next member can carry is asked anew */
    const tidymail_smtp_envelope *envelope = &run->job->envelope;
    if (envelope->form != NULL) {
        envelope->form(envelope->form_context, TIDYMAIL_SMTP_CARRY_7BIT);
    }
    return 1;
}

static void group_prepare_member(const struct group_run *run, struct tdm_group_member *member)
{
    const tidymail_transport *transport = run->group->transport;
    tidymail_transport *to = member->transport;
    to->trace.line = group_trace;
    to->trace.context = member;
    to->deliver = transport->deliver;
    to->certificate = transport->certificate;
    to->certificate_context = transport->certificate_context;
    if (to->keylog == NULL && transport->keylog != NULL) {
        tdm_text_set(&to->allocator, &to->keylog, transport->keylog);
    }
}

/* The member's own timeout, or what is left of the group's. */
static void group_run_member(const struct group_run *run, struct tdm_group_member *member,
                             struct tdm_job *job)
{
    tidymail_transport *transport = member->transport;
    int64_t own = transport->options.timeout_ms;
    if (run->deadline_ms >= 0) {
        int64_t left = run->deadline_ms - transport->clock.now_ms();
        left = left > 0 ? left : 1;
        transport->options.timeout_ms = own < 0 || own > left ? left : own;
    }
    if (transport->deliver != NULL) {
        transport->deliver(transport, job);
    } else {
        tdm_transport_send(transport, job);
    }
    tdm_report_decide(job->report);
    transport->options.timeout_ms = own;
}

static void group_let_rest(const struct group_run *run, struct tdm_group_member *member,
                           const struct tidymail_error *error)
{
    int64_t rest_ms = run->group->transport->options.rest_ms;
    if (error->kind == TIDYMAIL_OK) {
        member->rests_until_ms = 0;
    } else if (group_rests(error)) {
        int64_t asked_ms = (int64_t)error->retry_after * 1000;
        rest_ms = asked_ms > rest_ms ? asked_ms : rest_ms;
        member->rests_until_ms = run->group->transport->clock.now_ms() + rest_ms;
    }
}

/* One attempt; 1 where the next member is to be tried. */
static int group_attempt(struct group_run *run, struct tdm_group_member *member)
{
    struct tdm_subjob sub;
    tidymail_report *report = run->job->report;
    if (tdm_subjob_init(&sub, run->job, run->way, NULL) != 0) {
        tdm_error_set(&report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                      "out of memory, nothing was sent", NULL);
        tdm_subjob_clear(&sub);
        return 0;
    }
    if (run->source.inner.read != NULL) {
        sub.job.source = (tidymail_source){
            group_source_read, group_source_rewind, group_source_size, group_source_words, NULL,
            &run->source};
    }
    tdm_text_set(&report->allocator, &sub.job.report->transport, member->transport->url.scheme);
    group_prepare_member(run, member);
    group_run_member(run, member, &sub.job);
    run->attempt_count++;
    group_add_attempt(run, member, sub.job.report);
    group_let_rest(run, member, &sub.job.report->error);
    int more = group_choose_open(run, &sub) > 0;
    tdm_subjob_merge(&sub);
    tdm_subjob_clear(&sub);
    return more;
}

void tdm_group_send(tidymail_transport *transport, struct tdm_job *job, const size_t *order)
{
    struct group_run run;
    memset(&run, 0, sizeof(run));
    run.group = transport->impl;
    run.job = job;
    run.source.inner = job->source;
    int64_t timeout_ms = transport->options.timeout_ms;
    run.deadline_ms = timeout_ms >= 0 ? transport->clock.now_ms() + timeout_ms : -1;
    size_t count = job->envelope.recipient_count;
    run.way = tdm_alloc_array(&job->report->allocator, count + 1, 1);
    if (run.way == NULL) {
        tdm_error_set(&job->report->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                      "out of memory, nothing was sent", NULL);
    } else {
        memset(run.way, TDM_WAY_SELF, count);
    }
    int more = run.way != NULL;
    for (size_t i = 0; more && i < run.group->count; i++) {
        if (i > 0 && (!group_is_readable(&run) ||
                      (run.deadline_ms >= 0 && transport->clock.now_ms() >= run.deadline_ms))) {
            break;
        }
        if (i > 0) {
            group_note(&run, "that member failed: the next one is tried");
        }
        more = group_attempt(&run, &run.group->members[order[i]]);
    }
    tdm_report_decide(job->report);
    job->done = 1;
    tdm_free(&job->report->allocator, run.way);
}
