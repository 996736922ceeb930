/*
 * smtp_transaction.c: one message after the other (RFC 5321 3.3): MAIL, RCPT, DATA, the message, the
 * answer. Where the server offers PIPELINING (RFC 2920) MAIL, all RCPT and DATA go out together;
 * the next message's go out with the end of this one, and with CHUNKING (RFC 3030) whole
 * messages follow each other without waiting. Replies are for the oldest (smtp->head), commands are of
 * the one that is being sent (smtp->sending). One refused recipient does not stop the
 * others.
 */
#include <string.h>

#include "smtp/smtp_internal.h"
#include "util/str.h"

/* Replies outstanding at once: what a server sends back must fit into buffers nobody reads yet. */
#define PIPELINE_MAX 256
#define STREAM_MAX ((int64_t)32 * 1024)
#define SILENCE_MS 2000 /* after it the connection may be dead: a whole message would be in doubt */

static int transaction_pipelines(const tidymail_smtp *smtp)
{
    return smtp->extended && smtp->caps.pipelining && !smtp->options.no_pipelining;
}

void tdm_smtp_enter_rset(tidymail_smtp *smtp)
{
    smtp->needs_rset = 0;
    tdm_smtp_command(smtp, TDM_SMTP_RSET, 0, "RSET");
}

/* A refused RSET only means that nothing was open. Behind a chunk that was refused it may mean that the
 * chunk's bytes are being read as commands: then no reply is what it seems. */
void tdm_smtp_reply_rset(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    int in_doubt = smtp->out_of_step;
    smtp->out_of_step = 0;
    if (in_doubt && reply->code / 100 != 2) {
        tdm_smtp_fail_odd_reply(smtp, reply, "the server's answer to RSET makes no sense");
    }
}

void tdm_smtp_enter_mail(tidymail_smtp *smtp)
{
    const struct tdm_transaction *t = smtp->sending;
    size_t begin = tdm_smtp_command_begin(smtp);
    smtp->mails++;
    tdm_buf_add_str(&smtp->out, "MAIL FROM:<");
    tdm_buf_add_str(&smtp->out, t->from);
    tdm_buf_add_char(&smtp->out, '>');
    tdm_smtp_mail_parameters(smtp, t, &smtp->out);
    tdm_smtp_command_end(smtp, TDM_SMTP_MAIL, 0, begin);
}

void tdm_smtp_enter_rcpt(tidymail_smtp *smtp)
{
    struct tdm_transaction *t = smtp->sending;
    size_t index = t->rcpt_sent++;
    const char *address = t->report->recipients[index].address;
    size_t begin = tdm_smtp_command_begin(smtp);
    tdm_buf_add_str(&smtp->out, "RCPT TO:<");
    tdm_buf_add_str(&smtp->out, address);
    tdm_buf_add_char(&smtp->out, '>');
    tdm_smtp_rcpt_parameters(smtp, t, address, &smtp->out);
    tdm_smtp_command_end(smtp, TDM_SMTP_RCPT, index, begin);
}

void tdm_smtp_enter_data(tidymail_smtp *smtp)
{
    tdm_smtp_command(smtp, TDM_SMTP_DATA, 0, "DATA");
}

/* The end of the message stands in the output: its answer is awaited from here. */
void tdm_smtp_enter_final(tidymail_smtp *smtp)
{
    struct tdm_transaction *t = smtp->sending;
    t->step = TDM_STEP_SENT;
    smtp->unanswered++;
    t->end_offset = smtp->out_base + (smtp->out.length - smtp->out_at);
    if (!smtp->options.lmtp || t->empty_end) {
        t->finals = 1;
        tdm_smtp_expect(smtp, TDM_SMTP_FINAL, 0);
        return;
    }
    /* RFC 2033 4.2: one answer for each recipient that was accepted, in their order */
    t->finals = t->accepted;
    for (size_t i = 0; i < t->rcpt_end && !smtp->closing; i++) {
        if (!t->report->recipients[i].decided) {
            tdm_smtp_expect(smtp, TDM_SMTP_FINAL, i);
        }
    }
}

/* RFC 9422 4: no more than RCPTMAX recipients in one transaction; the others get the next one. */
static size_t transaction_round_end(const tidymail_smtp *smtp, const struct tdm_transaction *t)
{
    size_t left = t->report->recipient_count - t->rcpt_sent;
    size_t most = smtp->caps.rcpt_max > 0 ? (size_t)smtp->caps.rcpt_max : left;
    return t->rcpt_sent + (left < most ? left : most);
}

/* Begins the round for the recipients that RCPTMAX kept out of this one; 0 where there is none. */
static int transaction_next_round(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    if (t->rcpt_end == 0 || t->rcpt_end == t->report->recipient_count ||
        t->report->error.kind != TIDYMAIL_OK) {
        return 0;
    }
    int used_up = smtp->caps.mail_max > 0 && smtp->mails >= smtp->caps.mail_max;
    if (used_up || t->source.rewind == NULL || t->source.rewind(t->source.context) != 0) {
        tdm_error_setf(&t->report->error, TIDYMAIL_KIND_TEMPORARY, TIDYMAIL_PHASE_RCPT,
                       "the server takes %l recipients at once (LIMITS), and %s",
                       smtp->caps.rcpt_max,
                       used_up ? "no further message in this session"
                               : "the message cannot be read again for the others");
        t->report->error.retryable = 1;
        return 0;
    }
    t->step = TDM_STEP_START;
    t->rcpt_answered = t->rcpt_sent;
    t->accepted = 0;
    t->mail_accepted = t->empty_end = t->reading_done = t->streamed = 0;
    t->end_offset = 0;
    t->body_bytes = 0;
    t->line_start = 1;
    t->held = 0;
    return 1;
}

/* Has the message take the form that fits this server best. */
static void transaction_choose_form(const tidymail_smtp *smtp, struct tdm_transaction *t)
{
    const struct tdm_smtp_caps *caps = &smtp->caps;
    int carry = TIDYMAIL_SMTP_CARRY_7BIT;
    if (t->form == NULL) {
        return;
    }
    if (smtp->extended && caps->eight_bit) {
        int binary = caps->chunking && caps->binarymime && smtp->options.chunking;
        carry = binary ? TIDYMAIL_SMTP_CARRY_BINARY : TIDYMAIL_SMTP_CARRY_8BIT;
    }
    int needs = t->form(t->form_context, carry);
    t->body_8bit = needs == TIDYMAIL_SMTP_CARRY_8BIT;
    t->wishes.body_binary = needs == TIDYMAIL_SMTP_CARRY_BINARY;
    t->size = t->source.size != NULL ? t->source.size(t->source.context) : -1;
}

/* May its MAIL go out? The oldest waits for all replies; one behind it follows where the server
 * pipelines and not too much is unanswered. */
static int transaction_may_start(const tidymail_smtp *smtp, const struct tdm_transaction *t)
{
    if (t == smtp->head) {
        return smtp->pending_count == 0;
    }
    /* without BDAT the message itself waits for 354, which comes behind the answer to the one before */
    size_t window = tdm_smtp_streams(smtp) ? (size_t)smtp->options.window : 2;
    int used_up = smtp->caps.mail_max > 0 && smtp->mails >= smtp->caps.mail_max;
    return transaction_pipelines(smtp) && smtp->unanswered < window && !used_up &&
           smtp->pending_count < PIPELINE_MAX;
}

static int step_start(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    if (!transaction_may_start(smtp, t)) {
        return 0;
    }
    if (!t->checked) {
        transaction_choose_form(smtp, t);
    }
    if (!t->checked && tdm_smtp_cannot_carry(smtp, t)) {
        t->step = TDM_STEP_DRAIN;
        return 1;
    }
    t->checked = 1;
    if (t->report->recipient_count == 0) {
        t->step = TDM_STEP_DRAIN; /* a probe that ends before MAIL */
        return 1;
    }
    t->rcpt_end = transaction_round_end(smtp, t);
    /* RFC 3030 2: the state behind a refused BDAT is open until RSET; of one that was streamed it is
       not known yet whether it will be refused */
    if (smtp->needs_rset || (t != smtp->head && smtp->streamed_last)) {
        tdm_smtp_enter(smtp, TDM_SMTP_RSET);
        if (smtp->closing || !transaction_pipelines(smtp)) {
            return 0;
        }
    }
    tdm_smtp_enter(smtp, TDM_SMTP_MAIL);
    t->step = TDM_STEP_RCPT;
    return 1;
}

static int step_rcpt(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    if (t->report->error.kind != TIDYMAIL_OK) {
        t->step = TDM_STEP_DRAIN; /* MAIL was refused */
        return 1;
    }
    if (t->rcpt_sent == t->rcpt_end) {
        t->step = TDM_STEP_DATA;
        return 1;
    }
    size_t allowed = transaction_pipelines(smtp) ? PIPELINE_MAX : 1;
    if (smtp->pending_count >= allowed) {
        return 0;
    }
    tdm_smtp_enter(smtp, TDM_SMTP_RCPT);
    return 1;
}

/* partial=no and somebody was refused: nobody gets the message. */
static void transaction_give_up(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    smtp->needs_rset = 1;
    t->step = TDM_STEP_DRAIN;
}

/* A large message is not sent behind recipients that may all be refused. */
static int transaction_is_small(const struct tdm_transaction *t)
{
    return t->size >= 0 && t->size <= STREAM_MAX;
}

static int step_data(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    int all_answered = t->rcpt_answered == t->rcpt_end && t->mail_accepted;
    int chunks =
        smtp->extended && smtp->caps.chunking && (smtp->options.chunking || t->wishes.body_binary);
    if (t->report->error.kind != TIDYMAIL_OK) {
        t->step = TDM_STEP_DRAIN;
        return 1;
    }
    int streams = transaction_pipelines(smtp) && !smtp->options.no_partial && !t->probe &&
                  (!chunks || (tdm_smtp_streams(smtp) && transaction_is_small(t) &&
                               smtp->now - smtp->heard_ms < SILENCE_MS));
    if (!all_answered && !streams) {
        return 0;
    }
    if (t->probe) {
        tdm_smtp_enter(smtp, TDM_SMTP_RSET);
        t->step = TDM_STEP_DRAIN;
        return 0;
    }
    int refused = t->refused > 0;
    if (all_answered && (t->accepted == 0 || (smtp->options.no_partial && refused))) {
        transaction_give_up(smtp, t);
        return 1;
    }
    if (chunks) {
        t->chunked = 1;
        t->streamed = !all_answered;
        smtp->streamed_last = t->streamed;
        t->step = TDM_STEP_BODY; /* no 354 is waited for: the chunks say how long they are */
        return 0;
    }
    smtp->streamed_last = 0;
    tdm_smtp_enter(smtp, TDM_SMTP_DATA);
    t->step = TDM_STEP_ANSWER;
    return 0;
}

static int step_drain(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    if (t->outstanding > 0) {
        return 0;
    }
    if (t != smtp->head) { /* refused before MAIL, while others wait for their answers */
        smtp->sending = t->next;
        return smtp->sending != NULL;
    }
    if (!transaction_next_round(smtp, t)) {
        tdm_smtp_finish(smtp, t);
    } else {
        smtp->sending = t;
    }
    return 1;
}

/* The next message's turn, unless this one has recipients left for another round. */
static int step_sent(tidymail_smtp *smtp, const struct tdm_transaction *t)
{
    if (smtp->sending != t || t->next == NULL || t->rcpt_end < t->report->recipient_count) {
        return 0;
    }
    smtp->sending = t->next;
    return 1;
}

int tdm_smtp_transaction_step(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    switch (t->step) {
    case TDM_STEP_START:
        return step_start(smtp, t);
    case TDM_STEP_RCPT:
        return step_rcpt(smtp, t);
    case TDM_STEP_DATA:
        return step_data(smtp, t);
    case TDM_STEP_DRAIN:
        return step_drain(smtp, t);
    case TDM_STEP_SENT:
        return step_sent(smtp, t);
    case TDM_STEP_ANSWER:
    case TDM_STEP_BODY:
        break;
    }
    return 0;
}

/* One answer for the recipients from `first` to `last` - 1 that have none. */
static void transaction_answer(tidymail_smtp *smtp, struct tdm_transaction *t, size_t first,
                               size_t last, int outcome, int phase, const struct tdm_reply *reply)
{
    char enhanced[TDM_ENHANCED_MAX];
    tdm_reply_enhanced(reply, enhanced);
    const char *text = tdm_smtp_reply_text(smtp, reply);
    int temporary = reply->code / 100 == 4;
    for (size_t i = first; i < last; i++) {
        struct tidymail_recipient *recipient = &t->report->recipients[i];
        if (recipient->decided) {
            continue;
        }
        if (outcome == TIDYMAIL_FAILED) {
            recipient->kind = temporary ? TIDYMAIL_KIND_TEMPORARY : TIDYMAIL_KIND_PERMANENT;
            recipient->phase = phase;
        }
        tdm_report_set_recipient(t->report, i, outcome, reply->code, enhanced, text,
                                 outcome == TIDYMAIL_FAILED && temporary);
    }
}

void tdm_smtp_reply_mail(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    struct tdm_transaction *t = smtp->head;
    if (reply->code / 100 == 2) {
        t->mail_accepted = 1;
    } else if (reply->code / 100 == 3) {
        tdm_smtp_fail_odd_reply(smtp, reply, "the server's answer to MAIL makes no sense");
    } else {
        tdm_smtp_error_from_reply(smtp, &t->report->error, TIDYMAIL_KIND_PERMANENT,
                                  TIDYMAIL_PHASE_MAIL, reply, "the server refused the sender");
        if (t->rcpt_answered >
            0) { /* a later round: the recipients before have answers of their own */
            transaction_answer(smtp, t, t->rcpt_answered, t->report->recipient_count,
                               TIDYMAIL_FAILED, TIDYMAIL_PHASE_MAIL, reply);
        }
    }
}

void tdm_smtp_reply_rcpt(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    struct tdm_transaction *t = smtp->head;
    t->rcpt_answered++;
    if (!t->mail_accepted) {
        return; /* answers to what was streamed behind a refused MAIL say nothing new */
    }
    if (reply->code / 100 == 2) {
        t->accepted++;
        if (t->probe) {
            transaction_answer(smtp, t, pending->index, pending->index + 1, TIDYMAIL_SENT,
                               TIDYMAIL_PHASE_RCPT, reply);
        }
        return;
    }
    if (reply->code / 100 == 3) {
        tdm_smtp_fail_odd_reply(smtp, reply, "the server's answer to RCPT makes no sense");
        return;
    }
    t->refused++;
    /* RFC 5321 4.5.3.1.10: 552 after an accepted one means "too many recipients" (452) */
    int retryable = reply->code / 100 == 4 || (reply->code == 552 && t->accepted > 0);
    char enhanced[TDM_ENHANCED_MAX];
    tdm_reply_enhanced(reply, enhanced);
    const char *text = tdm_smtp_reply_text(smtp, reply);
    struct tidymail_recipient *recipient = &t->report->recipients[pending->index];
    recipient->kind = retryable ? TIDYMAIL_KIND_TEMPORARY : TIDYMAIL_KIND_PERMANENT;
    recipient->phase = TIDYMAIL_PHASE_RCPT;
    tdm_report_set_recipient(t->report, pending->index, TIDYMAIL_FAILED, reply->code, enhanced,
                             text, retryable);
}

/* 354 although nobody was accepted (RFC 2920 3.1): an empty message, whose answer means nothing. */
static void transaction_send_empty(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    t->empty_end = 1;
    if (tdm_buf_add(&smtp->out, ".\r\n", 3) != 0) {
        tdm_smtp_fail_no_memory(smtp);
        return;
    }
    tdm_smtp_enter(smtp, TDM_SMTP_FINAL);
}

void tdm_smtp_reply_data(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    struct tdm_transaction *t = smtp->head;
    int hopeless = t->report->error.kind != TIDYMAIL_OK || t->accepted == 0;
    if (reply->code == 354) {
        if (hopeless) {
            transaction_send_empty(smtp, t);
        } else {
            t->step = TDM_STEP_BODY;
        }
    } else if (reply->code >= 400) {
        smtp->needs_rset = 1;
        t->step = TDM_STEP_DRAIN;
        if (!hopeless) {
            transaction_answer(smtp, t, 0, t->rcpt_end, TIDYMAIL_FAILED, TIDYMAIL_PHASE_DATA,
                               reply);
            tdm_smtp_error_from_reply(smtp, &t->report->error, TIDYMAIL_KIND_PERMANENT,
                                      TIDYMAIL_PHASE_DATA, reply,
                                      "the server refused to take the message");
        }
    } else {
        tdm_smtp_fail_odd_reply(smtp, reply, "the server's answer to DATA is not 354");
    }
}

void tdm_smtp_reply_in_body(tidymail_smtp *smtp, const struct tdm_reply *reply)
{
    struct tdm_transaction *t = smtp->head;
    if (reply->code < 400) {
        tdm_smtp_fail_odd_reply(smtp, reply, "the server answered before the message had ended");
        return;
    }
    transaction_answer(smtp, t, 0, t->rcpt_end, TIDYMAIL_FAILED, TIDYMAIL_PHASE_BODY, reply);
    tdm_smtp_error_from_reply(smtp, &smtp->error, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_BODY,
                              reply, "the server refused the message while it was being sent");
    smtp->error_by_reply = 1;
    tdm_smtp_fail_session(smtp, 0); /* in the middle of a message no command can follow */
}

/* A refused chunk (RFC 3030 2): the server may have read it as commands, so nothing follows. */
void tdm_smtp_reply_bdat(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    if (reply->code / 100 != 2) {
        tdm_smtp_reply_in_body(smtp, reply);
    }
}

/* RFC 3030 2: behind a refused chunk RSET must come. One that was streamed stands there already. */
static void transaction_refused_chunk(tidymail_smtp *smtp, const struct tdm_transaction *t,
                                      const struct tdm_reply *reply)
{
    if (reply->code < 400) {
        return;
    }
    smtp->out_of_step = 1;
    if (t->next == NULL || t->next->step == TDM_STEP_START) {
        smtp->needs_rset = 1;
    }
}

void tdm_smtp_reply_final(tidymail_smtp *smtp, const struct tdm_reply *reply,
                          const struct tdm_pending *pending)
{
    struct tdm_transaction *t = smtp->head;
    int class = reply->code / 100;
    /* streamed behind recipients that were all refused: only they have an answer that counts */
    int for_nobody = !t->empty_end && (t->report->error.kind != TIDYMAIL_OK || t->accepted == 0);
    t->finals--;
    if (!t->empty_end && class == 3) {
        tdm_smtp_fail_odd_reply(smtp, reply, "the server's answer to the message makes no sense");
        return;
    }
    int outcome = class == 2 ? TIDYMAIL_SENT : TIDYMAIL_FAILED;
    smtp->answered = 1;
    if (for_nobody) {
        transaction_refused_chunk(smtp, t, reply);
    } else if (smtp->options.lmtp && !t->empty_end) {
        transaction_answer(smtp, t, pending->index, pending->index + 1, outcome,
                           TIDYMAIL_PHASE_FINAL, reply);
    } else if (!t->empty_end) {
        transaction_answer(smtp, t, 0, t->rcpt_end, outcome, TIDYMAIL_PHASE_FINAL, reply);
        if (outcome == TIDYMAIL_FAILED) {
            tdm_smtp_error_from_reply(smtp, &t->report->error, TIDYMAIL_KIND_PERMANENT,
                                      TIDYMAIL_PHASE_FINAL, reply,
                                      "the server refused the message");
        }
    }
    if (t->finals > 0) {
        return;
    }
    smtp->unanswered--;
    t->step = TDM_STEP_DRAIN; /* tdm_smtp_advance ends it, or begins the next round */
    if (t->chunked && reply->code >= 500 && reply->code <= (for_nobody ? 502 : 504)) {
        /* a server that does not know BDAT has read the chunk as commands: its replies no longer match */
        tdm_error_set(&smtp->error, TIDYMAIL_KIND_CONNECTION, TIDYMAIL_PHASE_FINAL,
                      "the session was ended after a refused BDAT", NULL);
        smtp->error.retryable = 1;
        tdm_smtp_fail_session(smtp, 0);
    }
}
