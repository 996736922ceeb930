/*
 * smtp_flow.c: the state setter, the queue of commands under way, what is sent next, and how
 * messages and sessions end. The first decisive reply wins: once smtp->error is set nothing
 * replaces it, and what comes later is at most a note.
 */
#include <string.h>

#include "smtp/smtp_internal.h"

#define LINGER_MS 1000 /* after a failed session, for QUIT and second replies */

const struct tdm_smtp_row tdm_smtp_rows[TDM_SMTP_STATE_COUNT] = {
#define S(name, phase, timer, phrase, scope, enter, reply)                                         \
    {#name,           TIDYMAIL_PHASE_##phase, TDM_TIMER_##timer,                                   \
     phrase,          TDM_SCOPE_##scope,      tdm_smtp_##enter,                                    \
     tdm_smtp_##reply},
#include "smtp/smtp_states.def"
#undef S
};

static int64_t flow_timeout(const tidymail_smtp *smtp)
{
    switch (tdm_smtp_rows[smtp->state].timer) {
    case TDM_TIMER_REPLY:
        return smtp->options.reply_timeout_ms;
    case TDM_TIMER_FINAL:
        return smtp->options.final_timeout_ms;
    case TDM_TIMER_TLS:
        return smtp->options.tls_timeout_ms;
    case TDM_TIMER_QUIT: {
        int64_t limit = smtp->options.quit_timeout_ms;
        return smtp->error.kind != TIDYMAIL_OK && limit > LINGER_MS ? LINGER_MS : limit;
    }
    case TDM_TIMER_NONE:
        break;
    }
    return -1;
}

void tdm_smtp_arm_deadline(tidymail_smtp *smtp)
{
    int64_t timeout = flow_timeout(smtp);
    smtp->wait_deadline = timeout >= 0 ? smtp->now + timeout : -1;
}

void tdm_smtp_set_state(tidymail_smtp *smtp, enum tdm_smtp_state state)
{
    const struct tdm_smtp_row *row = &tdm_smtp_rows[state];
    if (state != smtp->state) {
        tdm_smtp_trace(smtp, TIDYMAIL_SMTP_MARK_STATE, row->name, strlen(row->name));
    }
    smtp->state = state;
    smtp->phase = row->phase;
    if (state != TDM_SMTP_IDLE && state != TDM_SMTP_CLOSED && smtp->phase_ms[row->phase] < 0) {
        smtp->phase_ms[row->phase] = 0;
    }
    tdm_smtp_arm_deadline(smtp);
}

int tdm_smtp_streams(const tidymail_smtp *smtp)
{
    /* LMTP has as many answers to the end as recipients were accepted: those must be known */
    return smtp->extended && smtp->caps.pipelining && !smtp->options.no_pipelining &&
           smtp->caps.chunking && smtp->options.chunking && !smtp->options.lmtp;
}

void tdm_smtp_enter(tidymail_smtp *smtp, enum tdm_smtp_state state)
{
    tdm_smtp_rows[state].enter(smtp);
}

int tdm_smtp_expect(tidymail_smtp *smtp, enum tdm_smtp_state state, size_t index)
{
    if (smtp->pending_at > 0 && smtp->pending_count == 0) {
        smtp->pending_at = 0;
    }
    size_t used = smtp->pending_at + smtp->pending_count;
    if (used == smtp->pending_capacity && smtp->pending_at > used / 2) {
        memmove(smtp->pending, smtp->pending + smtp->pending_at,
                smtp->pending_count * sizeof(*smtp->pending)); /* a stream never runs dry */
        smtp->pending_at = 0;
        used = smtp->pending_count;
    }
    if (used == smtp->pending_capacity) {
        size_t capacity = used > 0 ? used * 2 : 16;
        struct tdm_pending *grown =
            tdm_resize_array(&smtp->allocator, smtp->pending, capacity, sizeof(*grown));
        if (grown == NULL) {
            tdm_smtp_fail_no_memory(smtp);
            return -1;
        }
        smtp->pending = grown;
        smtp->pending_capacity = capacity;
    }
    struct tdm_pending *pending = &smtp->pending[used];
    pending->state = state;
    pending->index = index;
    pending->end = smtp->out_base + (smtp->out.length - smtp->out_at);
    smtp->pending_count++;
    if (smtp->sending != NULL && state >= TDM_SMTP_RSET && state <= TDM_SMTP_FINAL) {
        smtp->sending->outstanding++;
    }
    return 0;
}

/* The state is that of the oldest command without a reply; without one, what the head is doing. */
static void flow_settle(tidymail_smtp *smtp)
{
    enum tdm_smtp_state state = TDM_SMTP_IDLE;
    if (smtp->pending_count > 0) {
        state = smtp->pending[smtp->pending_at].state;
        if (state == TDM_SMTP_FINAL && smtp->head != NULL &&
            smtp->out_base < smtp->pending[smtp->pending_at].end) {
            state = TDM_SMTP_BODY;
        }
    } else if (smtp->head != NULL && smtp->head->step == TDM_STEP_BODY) {
        state = TDM_SMTP_BODY;
    }
    tdm_smtp_set_state(smtp, state);
}

void tdm_smtp_advance(tidymail_smtp *smtp)
{
    if (!smtp->ready || smtp->closing) {
        return;
    }
    while (!smtp->closing && smtp->head != NULL) {
        struct tdm_transaction *head = smtp->head;
        int done = head->step == TDM_STEP_DRAIN && head->outstanding == 0;
        struct tdm_transaction *next = done ? head : smtp->sending;
        if (next == NULL || !tdm_smtp_transaction_step(smtp, next)) {
            break;
        }
    }
    if (smtp->closing) {
        return;
    }
    flow_settle(smtp);
    if (smtp->head == NULL && smtp->pending_count == 0) {
        int used_up = smtp->caps.mail_max > 0 && smtp->mails >= smtp->caps.mail_max;
        if (smtp->quit_wanted || used_up) { /* RFC 9422: MAILMAX */
            smtp->closing = 1;
            tdm_smtp_enter(smtp, TDM_SMTP_QUIT);
        } else {
            smtp->event_idle = 1;
        }
    }
}

void tdm_smtp_free_transaction(tidymail_smtp *smtp, struct tdm_transaction *transaction)
{
    if (transaction->source.release != NULL) {
        transaction->source.release(transaction->source.context);
    }
    if (transaction->own_report) {
        tidymail_report_free(transaction->report);
    }
    tdm_free(&smtp->allocator, transaction->from);
    tdm_smtp_free_wishes(smtp, &transaction->wishes);
    tdm_free(&smtp->allocator, transaction);
}

static void flow_decide(tidymail_smtp *smtp, struct tdm_transaction *transaction)
{
    tidymail_report *report = transaction->report;
    tdm_peer_copy(&report->allocator, &report->peer, &smtp->peer);
    memcpy(report->phase_ms, smtp->phase_ms, sizeof(report->phase_ms));
    tdm_report_decide(report);
    if (transaction->source.release != NULL) {
        transaction->source.release(transaction->source.context);
        transaction->source.release = NULL;
    }
    for (size_t i = 0; i < TIDYMAIL_PHASE_COUNT; i++) {
        smtp->phase_ms[i] = -1; /* of the next message only what it takes itself */
    }
    transaction->next = NULL;
    if (smtp->done == NULL) {
        smtp->done = transaction;
    } else {
        smtp->done_tail->next = transaction;
    }
    smtp->done_tail = transaction;
}

void tdm_smtp_finish(tidymail_smtp *smtp, struct tdm_transaction *transaction)
{
    smtp->head = transaction->next; /* messages end in the order in which they began */
    smtp->count--;
    if (smtp->head == NULL) {
        smtp->tail = NULL;
    }
    if (smtp->sending == transaction) {
        smtp->sending = transaction->next;
    }
    flow_decide(smtp, transaction);
}

static int flow_handed_over(const tidymail_smtp *smtp, const struct tdm_transaction *transaction)
{
    return transaction->end_offset > 0 && smtp->out_base >= transaction->end_offset &&
           !transaction->empty_end;
}

/* Its end was handed over, and nothing that was said since answers that. A reply that ended the
 * session was for the oldest message: of those streamed behind it says nothing. */
static int flow_may_be_delivered(const tidymail_smtp *smtp,
                                 const struct tdm_transaction *transaction)
{
    if (!flow_handed_over(smtp, transaction)) {
        return 0;
    }
    return transaction != smtp->head || !smtp->error_by_reply ||
           (transaction->streamed && transaction->step == TDM_STEP_SENT &&
            transaction->accepted > 0);
}

/* The session's error is also this message's, unless its own answers decided it before. */
static void flow_fail_transaction(tidymail_smtp *smtp, struct tdm_transaction *transaction)
{
    tidymail_report *report = transaction->report;
    int all_refused =
        report->recipient_count > 0 && transaction->refused == report->recipient_count;
    for (size_t i = transaction->rcpt_end; i < report->recipient_count; i++) {
        /* of a later round: nothing was sent for them, whatever becomes of this one */
        tdm_report_set_recipient(report, i, TIDYMAIL_FAILED, 0, NULL, NULL, smtp->error.retryable);
    }
    if (report->error.kind != TIDYMAIL_OK || all_refused) {
        return;
    }
    tdm_error_copy(&report->error, &smtp->error);
    if (transaction != smtp->head) {
        report->untouched = !flow_handed_over(smtp, transaction);
    }
    if (flow_may_be_delivered(smtp, transaction)) {
        report->error.maybe_delivered = 1;
        struct tdm_buf line;
        tdm_buf_init(&line, &smtp->allocator, 8192);
        tdm_buf_addf(&line, "%s; the message may have been delivered",
                     tidymail_error_message(&smtp->error));
        if (!line.failed) {
            tdm_text_set(&report->allocator, &report->error.message, tdm_buf_text(&line));
        }
        tdm_buf_clear(&line);
        tdm_text_set(&report->allocator, &report->error.hint,
                     "look for the Message-ID at the other end before sending again: a retry can "
                     "deliver the message twice");
    }
}

void tdm_smtp_fail_session(tidymail_smtp *smtp, int politely)
{
    if (smtp->closing || smtp->closed) {
        tdm_smtp_close(smtp);
        return;
    }
    for (struct tdm_transaction *t = smtp->head; t != NULL; t = t->next) {
        flow_fail_transaction(smtp, t);
    }
    smtp->closing = 1;
    smtp->ready = 0;
    smtp->event_start_tls = 0;
    smtp->pending_count = 0;
    smtp->out_at = 0; /* what is not written yet is never written */
    tdm_buf_reset(&smtp->out);
    if (politely) {
        tdm_smtp_enter(smtp, TDM_SMTP_QUIT);
    } else {
        tdm_smtp_close(smtp);
    }
}

void tdm_smtp_fail_no_memory(tidymail_smtp *smtp)
{
    tdm_error_set(&smtp->error, TIDYMAIL_KIND_LOCAL, smtp->phase, "out of memory", NULL);
    tdm_smtp_fail_session(smtp, 0);
}

void tdm_smtp_close(tidymail_smtp *smtp)
{
    if (smtp->closed) {
        return;
    }
    smtp->closing = 1;
    smtp->closed = 1;
    smtp->ready = 0;
    smtp->pending_count = 0;
    smtp->event_idle = 0;
    smtp->event_start_tls = 0;
    tdm_buf_reset(&smtp->out);
    smtp->out_at = 0;
    tdm_smtp_set_state(smtp, TDM_SMTP_CLOSED);
    while (smtp->head != NULL) {
        tdm_smtp_finish(smtp, smtp->head);
    }
    smtp->event_close = 1;
}
