/*
 * smtp_transaction.c: one message after the other (RFC 5321 3.3): MAIL, RCPT, DATA, the message, the
 * answer. Where the server offers PIPELINING (RFC 2920) MAIL, all RCPT and DATA go out together;
 * every reply is read before the next message begins. One refused recipient does not stop the
 * others.
 */
#include <string.h>

#include "smtp/smtp_internal.h"
#include "util/str.h"

/* Replies outstanding at once: what a server sends back must fit into buffers nobody reads yet. */
#define PIPELINE_MAX 256

static int transaction_pipelines(const tidymail_smtp *smtp)
{
    return smtp->extended && smtp->caps.pipelining && !smtp->options.no_pipelining;
}

void tdm_smtp_enter_rset(tidymail_smtp *smtp)
{
    smtp->needs_rset = 0;
    tdm_smtp_command(smtp, TDM_SMTP_RSET, 0, "RSET");
}

/* A refused RSET only means that nothing was open. */
void tdm_smtp_reply_rset(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)smtp;
    (void)reply;
    (void)pending;
}

void tdm_smtp_enter_mail(tidymail_smtp *smtp)
{
    const struct tdm_transaction *t = smtp->head;
    struct tdm_buf parameters; /* none without the extension (RFC 5321 4.1.1) */
    tdm_buf_init(&parameters, &smtp->allocator, 256);
    if (smtp->extended && smtp->caps.size && t->size >= 0) {
        tdm_buf_addf(&parameters, " SIZE=%l", t->size);
    }
    if (smtp->extended && smtp->caps.eight_bit && (t->body_8bit || t->utf8)) {
        tdm_buf_add_str(&parameters, " BODY=8BITMIME");
    }
    if (smtp->extended && smtp->caps.smtputf8 && t->utf8) {
        tdm_buf_add_str(&parameters, " SMTPUTF8");
    }
    if (parameters.failed) {
        tdm_smtp_fail_no_memory(smtp);
    } else {
        tdm_smtp_command(smtp, TDM_SMTP_MAIL, 0, "MAIL FROM:<%s>%s", t->from,
                         tdm_buf_text(&parameters));
    }
    tdm_buf_clear(&parameters);
}

void tdm_smtp_enter_rcpt(tidymail_smtp *smtp)
{
    struct tdm_transaction *t = smtp->head;
    size_t index = t->rcpt_sent++;
    tdm_smtp_command(smtp, TDM_SMTP_RCPT, index, "RCPT TO:<%s>",
                     t->report->recipients[index].address);
}

void tdm_smtp_enter_data(tidymail_smtp *smtp)
{
    tdm_smtp_command(smtp, TDM_SMTP_DATA, 0, "DATA");
}

/* The end of the message stands in the output: its answer is awaited from here. */
void tdm_smtp_enter_final(tidymail_smtp *smtp)
{
    struct tdm_transaction *t = smtp->head;
    t->step = TDM_STEP_SENT;
    if (tdm_smtp_expect(smtp, TDM_SMTP_FINAL, 0) == 0) {
        t->end_offset = smtp->pending[smtp->pending_at + smtp->pending_count - 1].end;
    }
}

/* What the server cannot carry is refused before MAIL; 1 where it was. */
static int transaction_refused_here(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    struct tidymail_error *error = &t->report->error;
    if (smtp->caps.size && smtp->caps.max_size > 0 && t->size > smtp->caps.max_size) {
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_MAIL,
                       "the message has %l bytes, the server takes %l at most (SIZE)", t->size,
                       smtp->caps.max_size);
    } else if (t->utf8 && !(smtp->extended && smtp->caps.smtputf8)) {
        const char *address = t->from;
        for (size_t i = 0; i < t->report->recipient_count; i++) {
            const char *recipient = t->report->recipients[i].address;
            if (!tdm_has_8bit(address, strlen(address)) &&
                tdm_has_8bit(recipient, strlen(recipient))) {
                address = recipient;
            }
        }
        tdm_error_setf(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_MAIL,
                       "the server does not offer SMTPUTF8, which the address <%s> needs", address);
    } else if (t->body_8bit && !(smtp->extended && smtp->caps.eight_bit)) {
        tdm_error_set(error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_MAIL,
                      "the message has bytes over 127, which the server does not take (it does not "
                      "offer 8BITMIME)",
                      NULL);
    } else {
        return 0;
    }
    t->step = TDM_STEP_DRAIN;
    return 1;
}

static int step_start(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    if (smtp->pending_count > 0) {
        return 0;
    }
    if (transaction_refused_here(smtp, t)) {
        return 1;
    }
    if (smtp->needs_rset) {
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
    if (t->rcpt_sent == t->report->recipient_count) {
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

static int step_data(tidymail_smtp *smtp, struct tdm_transaction *t)
{
    size_t count = t->report->recipient_count;
    int all_answered = t->rcpt_answered == count && t->mail_accepted;
    if (t->report->error.kind != TIDYMAIL_OK) {
        t->step = TDM_STEP_DRAIN;
        return 1;
    }
    if (!all_answered && (!transaction_pipelines(smtp) || smtp->options.no_partial)) {
        return 0;
    }
    int refused = t->accepted < t->rcpt_answered;
    if (all_answered && (t->accepted == 0 || (smtp->options.no_partial && refused))) {
        transaction_give_up(smtp, t);
        return 1;
    }
    tdm_smtp_enter(smtp, TDM_SMTP_DATA);
    t->step = TDM_STEP_ANSWER;
    return 0;
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
        if (smtp->pending_count > 0) {
            return 0;
        }
        tdm_smtp_finish(smtp, t);
        return 1;
    case TDM_STEP_ANSWER:
    case TDM_STEP_BODY:
    case TDM_STEP_SENT:
        break;
    }
    return 0;
}

void tdm_smtp_reply_mail(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    struct tdm_transaction *t = smtp->head;
    if (reply->code / 100 == 2) {
        t->mail_accepted = 1;
    } else if (reply->code / 100 == 3) {
        tdm_smtp_fail_protocol(smtp, "the server's answer to MAIL makes no sense",
                               tdm_buf_text(&smtp->parser.line), smtp->parser.line.length, NULL);
    } else {
        tdm_smtp_error_from_reply(smtp, &t->report->error, TIDYMAIL_KIND_PERMANENT,
                                  TIDYMAIL_PHASE_MAIL, reply, "the server refused the sender");
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
        return;
    }
    if (reply->code / 100 == 3) {
        tdm_smtp_fail_protocol(smtp, "the server's answer to RCPT makes no sense",
                               tdm_buf_text(&smtp->parser.line), smtp->parser.line.length, NULL);
        return;
    }
    /* RFC 5321 4.5.3.1.10: 552 after an accepted one means "too many recipients" (452) */
    int retryable = reply->code / 100 == 4 || (reply->code == 552 && t->accepted > 0);
    char enhanced[TDM_ENHANCED_MAX];
    tdm_reply_enhanced(reply, enhanced);
    char *text = tdm_smtp_reply_text(smtp, reply);
    struct tidymail_recipient *recipient = &t->report->recipients[pending->index];
    recipient->kind = retryable ? TIDYMAIL_KIND_TEMPORARY : TIDYMAIL_KIND_PERMANENT;
    recipient->phase = TIDYMAIL_PHASE_RCPT;
    tdm_report_set_recipient(t->report, pending->index, TIDYMAIL_FAILED, reply->code, enhanced,
                             text, retryable);
    tdm_free(&smtp->allocator, text);
}

/* The answer to DATA, body or the end counts for every recipient that was accepted. */
static void transaction_answer_all(tidymail_smtp *smtp, struct tdm_transaction *t, int outcome,
                                   int phase, const struct tdm_reply *reply)
{
    char enhanced[TDM_ENHANCED_MAX];
    tdm_reply_enhanced(reply, enhanced);
    char *text = tdm_smtp_reply_text(smtp, reply);
    int temporary = reply->code / 100 == 4;
    for (size_t i = 0; i < t->report->recipient_count; i++) {
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
    tdm_free(&smtp->allocator, text);
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
            transaction_answer_all(smtp, t, TIDYMAIL_FAILED, TIDYMAIL_PHASE_DATA, reply);
            tdm_smtp_error_from_reply(smtp, &t->report->error, TIDYMAIL_KIND_PERMANENT,
                                      TIDYMAIL_PHASE_DATA, reply,
                                      "the server refused to take the message");
        }
    } else {
        tdm_smtp_fail_protocol(smtp, "the server's answer to DATA is not 354",
                               tdm_buf_text(&smtp->parser.line), smtp->parser.line.length, NULL);
    }
}

void tdm_smtp_reply_in_body(tidymail_smtp *smtp, const struct tdm_reply *reply)
{
    struct tdm_transaction *t = smtp->head;
    if (reply->code < 400) {
        tdm_smtp_fail_protocol(smtp, "the server answered before the message had ended",
                               tdm_buf_text(&smtp->parser.line), smtp->parser.line.length, NULL);
        return;
    }
    transaction_answer_all(smtp, t, TIDYMAIL_FAILED, TIDYMAIL_PHASE_BODY, reply);
    tdm_smtp_error_from_reply(smtp, &smtp->error, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_BODY,
                              reply, "the server refused the message while it was being sent");
    smtp->error_by_reply = 1;
    tdm_smtp_fail_session(smtp, 0); /* in the middle of a message no command can follow */
}

void tdm_smtp_reply_final(tidymail_smtp *smtp, const struct tdm_reply *reply,
                          const struct tdm_pending *pending)
{
    (void)pending;
    struct tdm_transaction *t = smtp->head;
    if (!t->empty_end) {
        int class = reply->code / 100;
        if (class == 3) {
            smtp->error.code = reply->code;
            tdm_smtp_fail_protocol(smtp, "the server's answer to the message makes no sense",
                                   tdm_buf_text(&smtp->parser.line), smtp->parser.line.length,
                                   NULL);
            return;
        }
        int outcome = class == 2 ? TIDYMAIL_SENT : TIDYMAIL_FAILED;
        transaction_answer_all(smtp, t, outcome, TIDYMAIL_PHASE_FINAL, reply);
        if (outcome == TIDYMAIL_FAILED) {
            tdm_smtp_error_from_reply(smtp, &t->report->error, TIDYMAIL_KIND_PERMANENT,
                                      TIDYMAIL_PHASE_FINAL, reply,
                                      "the server refused the message");
        }
    }
    t->step = TDM_STEP_DRAIN;
    tdm_smtp_finish(smtp, t);
}
