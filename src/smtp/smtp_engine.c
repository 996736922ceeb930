/*
 * smtp_engine.c: the public calls of smtp.h. Each brings time forward, then hands on: bytes to the
 * reply parser, replies to the reply_ function of the command they belong to.
 *
 * A reply belongs to the oldest command that has none, and only if that command was handed to the
 * network whole: what comes earlier cannot answer it (a second reply to the command before, or an
 * attack), however the bytes are cut into segments.
 */
#include <string.h>

#include "smtp/smtp_internal.h"

#define DEFAULT_REPLY_MS 300000
#define DEFAULT_FINAL_MS 600000
#define DEFAULT_TLS_MS 30000
#define DEFAULT_QUIT_MS 2000
#define DEFAULT_MAX_LINE ((size_t)16 * 1024)
#define DEFAULT_MAX_REPLY ((size_t)64 * 1024)
#define DEFAULT_WINDOW 16
#define OUT_MAX ((size_t)16 * 1024 * 1024)
#define LINE_SHOWN_MAX OUT_MAX

static void engine_at(tidymail_smtp *smtp, int64_t now_ms)
{
    if (now_ms <= smtp->now) {
        return;
    }
    if (smtp->state != TDM_SMTP_IDLE && smtp->phase_ms[smtp->phase] >= 0) {
        smtp->phase_ms[smtp->phase] += now_ms - smtp->now;
    }
    smtp->now = now_ms;
}

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

/* Takes over the caller's options: a shorter struct of an older header leaves the rest at default. */
static int engine_copy_options(tidymail_smtp *smtp, const tidymail_smtp_options *given)
{
    tidymail_smtp_options *own = &smtp->options;
    if (given != NULL) {
        size_t size = given->struct_size < sizeof(*own) ? given->struct_size : sizeof(*own);
        memcpy(own, given, size);
    }
    own->reply_timeout_ms = or_default(own->reply_timeout_ms, DEFAULT_REPLY_MS);
    own->final_timeout_ms = or_default(own->final_timeout_ms, DEFAULT_FINAL_MS);
    own->tls_timeout_ms = or_default(own->tls_timeout_ms, DEFAULT_TLS_MS);
    own->quit_timeout_ms = or_default(own->quit_timeout_ms, DEFAULT_QUIT_MS);
    own->window = own->window > 0 ? own->window : DEFAULT_WINDOW;
    own->max_line = own->max_line > 0 ? own->max_line : DEFAULT_MAX_LINE;
    own->max_reply = own->max_reply > 0 ? own->max_reply : DEFAULT_MAX_REPLY;
    const char **texts[] = {&own->helo,     &own->server, &own->user,
                            &own->password, &own->auth,   &own->nonce};
    int failed = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = *texts[i];
        *texts[i] = tdm_strdup(&smtp->allocator, text);
        failed |= text != NULL && *texts[i] == NULL;
    }
    if (own->server != NULL) {
        smtp->peer.server = tdm_strdup(&smtp->allocator, own->server);
        failed |= smtp->peer.server == NULL;
    }
    return failed ? -1 : 0;
}

static void engine_free_text(tidymail_smtp *smtp, const char *text, int secret)
{
    char *own = NULL;
    memcpy(&own, &text, sizeof(own)); /* the options hold them as const, they are ours */
    if (own != NULL && secret) {
        tdm_wipe(own, strlen(own));
    }
    tdm_free(&smtp->allocator, own);
}

tidymail_smtp *tidymail_smtp_new(const tidymail_smtp_options *options, int64_t now_ms)
{
    return tidymail_smtp_new_with(options, now_ms, NULL);
}

tidymail_smtp *tidymail_smtp_new_with(const tidymail_smtp_options *options, int64_t now_ms,
                                      const tidymail_allocator *allocator)
{
    tidymail_allocator own = tdm_allocator_or_default(allocator);
    tidymail_smtp *smtp = tdm_alloc_array(&own, 1, sizeof(*smtp));
    if (smtp == NULL) {
        return NULL;
    }
    smtp->allocator = own;
    smtp->now = now_ms;
    smtp->state = TDM_SMTP_CONNECT;
    smtp->phase = TIDYMAIL_PHASE_CONNECT;
    smtp->wait_deadline = -1;
    tdm_error_init(&smtp->error, &own);
    tdm_error_init(&smtp->ehlo_error, &own);
    for (size_t i = 0; i < TIDYMAIL_PHASE_COUNT; i++) {
        smtp->phase_ms[i] = -1;
    }
    int failed = engine_copy_options(smtp, options);
    tdm_buf_init(&smtp->out, &own, OUT_MAX);
    tdm_buf_init(&smtp->secret, &own, OUT_MAX);
    tdm_buf_init(&smtp->binding, &own, 4096);
    tdm_buf_init(&smtp->line, &own, LINE_SHOWN_MAX);
    tdm_buf_init(&smtp->words, &own, LINE_SHOWN_MAX);
    tdm_buf_init(&smtp->hidden[0], &own, LINE_SHOWN_MAX);
    tdm_buf_init(&smtp->hidden[1], &own, LINE_SHOWN_MAX);
    tdm_smtp_caps_init(&smtp->caps, &own);
    tdm_reply_parser_init(&smtp->parser, &own, smtp->options.max_line, smtp->options.max_reply);
    if (failed) {
        tidymail_smtp_free(smtp);
        return NULL;
    }
    return smtp;
}

static void engine_free_list(tidymail_smtp *smtp, struct tdm_transaction *transaction)
{
    while (transaction != NULL) {
        struct tdm_transaction *next = transaction->next;
        tdm_smtp_free_transaction(smtp, transaction);
        transaction = next;
    }
}

void tidymail_smtp_free(tidymail_smtp *smtp)
{
    if (smtp == NULL) {
        return;
    }
    engine_free_list(smtp, smtp->head);
    engine_free_list(smtp, smtp->done);
    engine_free_text(smtp, smtp->options.helo, 0);
    engine_free_text(smtp, smtp->options.server, 0);
    engine_free_text(smtp, smtp->options.user, 0);
    engine_free_text(smtp, smtp->options.password, 1);
    engine_free_text(smtp, smtp->options.auth, 0);
    engine_free_text(smtp, smtp->options.nonce, 0);
    tdm_sasl_clear(&smtp->sasl);
    tdm_free(&smtp->allocator, smtp->binding_type);
    tdm_buf_wipe(&smtp->binding);
    tdm_peer_clear(&smtp->allocator, &smtp->peer);
    tdm_error_clear(&smtp->error);
    tdm_error_clear(&smtp->ehlo_error);
    tdm_buf_wipe(&smtp->out);
    tdm_buf_wipe(&smtp->secret);
    tdm_buf_wipe(&smtp->line);
    tdm_buf_wipe(&smtp->words);
    tdm_buf_wipe(&smtp->hidden[0]);
    tdm_buf_wipe(&smtp->hidden[1]);
    tdm_smtp_caps_clear(&smtp->caps);
    tdm_reply_parser_clear(&smtp->parser);
    tdm_free(&smtp->allocator, smtp->scratch);
    tdm_free(&smtp->allocator, smtp->pending);
    tidymail_allocator allocator = smtp->allocator;
    tdm_free(&allocator, smtp);
}

static int envelope_fits(const tidymail_smtp_envelope *envelope)
{
    if ((envelope->recipient_count == 0 && !envelope->probe) || !tdm_smtp_wishes_fit(envelope) ||
        (envelope->from != NULL && !tdm_smtp_address_fits(envelope->from))) {
        return 0;
    }
    for (size_t i = 0; i < envelope->recipient_count; i++) {
        if (envelope->recipients[i] == NULL || envelope->recipients[i][0] == '\0' ||
            !tdm_smtp_address_fits(envelope->recipients[i])) {
            return 0;
        }
    }
    return 1;
}

static void engine_append(tidymail_smtp *smtp, struct tdm_transaction *transaction)
{
    if (smtp->head == NULL) {
        smtp->head = transaction;
    } else {
        smtp->tail->next = transaction;
    }
    smtp->tail = transaction;
    smtp->count++;
    if (smtp->sending == NULL) {
        smtp->sending = transaction;
    }
    smtp->event_idle = 0;
}

static int engine_submit(tidymail_smtp *smtp, const tidymail_smtp_envelope *given,
                         const tidymail_source *source, tidymail_report *report, int own_report,
                         void *context, int64_t now_ms)
{
    tidymail_smtp_envelope envelope = TIDYMAIL_SMTP_ENVELOPE_INIT;
    size_t size = given->struct_size < sizeof(envelope) ? given->struct_size : sizeof(envelope);
    memcpy(&envelope, given, size);
    engine_at(smtp, now_ms);
    if (!envelope_fits(&envelope)) {
        return TIDYMAIL_KIND_MESSAGE;
    }
    struct tdm_transaction *transaction =
        tdm_alloc_array(&smtp->allocator, 1, sizeof(*transaction));
    if (transaction == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    transaction->from = tdm_strdup(&smtp->allocator, envelope.from != NULL ? envelope.from : "");
    if (transaction->from == NULL ||
        tdm_smtp_copy_wishes(smtp, &transaction->wishes, &envelope) != 0) {
        tdm_free(&smtp->allocator, transaction->from);
        tdm_free(&smtp->allocator, transaction);
        return TIDYMAIL_KIND_LOCAL;
    }
    transaction->report = report;
    transaction->own_report = own_report;
    transaction->context = context;
    transaction->source = *source;
    transaction->body_8bit = envelope.body_8bit;
    transaction->utf8 = envelope.utf8;
    transaction->size = envelope.size;
    transaction->deadline_ms = envelope.deadline_ms;
    transaction->form = envelope.form;
    transaction->form_context = envelope.form_context;
    transaction->probe = envelope.probe;
    transaction->line_start = 1;
    engine_append(smtp, transaction);
    if (smtp->closing || smtp->closed) {
        if (smtp->error.kind == TIDYMAIL_OK) {
            tdm_error_set(&report->error, TIDYMAIL_KIND_CONNECTION, smtp->phase,
                          "the session has ended", NULL);
            report->error.retryable = 1;
        } else {
            tdm_error_copy(&report->error, &smtp->error);
        }
        if (smtp->head == transaction) {
            tdm_smtp_finish(smtp, transaction);
        } /* else behind those that wait for the close */
        return TIDYMAIL_OK;
    }
    if (smtp->ready) {
        tdm_smtp_advance(smtp);
    }
    return TIDYMAIL_OK;
}

int tdm_smtp_submit_report(tidymail_smtp *smtp, const tidymail_smtp_envelope *given,
                           const tidymail_source *source, tidymail_report *report, void *context,
                           int64_t now_ms)
{
    return engine_submit(smtp, given, source, report, 0, context, now_ms);
}

int tidymail_smtp_submit(tidymail_smtp *smtp, const tidymail_smtp_envelope *envelope,
                         const tidymail_source *source, void *context, int64_t now_ms)
{
    if (envelope->recipient_count > 0 && envelope->recipients == NULL) {
        return TIDYMAIL_KIND_MESSAGE;
    }
    tidymail_report *report =
        tdm_report_new(&smtp->allocator, envelope->recipients, envelope->recipient_count);
    if (report == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    tdm_text_set(&report->allocator, &report->transport, "smtp");
    tdm_text_set(&report->allocator, &report->message_id, envelope->message_id);
    int kind = engine_submit(smtp, envelope, source, report, 1, context, now_ms);
    if (kind != TIDYMAIL_OK) {
        tidymail_report_free(report);
    }
    return kind;
}

void tdm_smtp_set_phase(tidymail_smtp *smtp, int phase, int64_t now_ms)
{
    engine_at(smtp, now_ms);
    if (smtp->state == TDM_SMTP_CONNECT && phase >= 0 && phase < TIDYMAIL_PHASE_COUNT) {
        smtp->phase = phase;
        if (smtp->phase_ms[phase] < 0) {
            smtp->phase_ms[phase] = 0;
        }
    }
}

void tdm_smtp_set_address(tidymail_smtp *smtp, const char *address)
{
    tdm_text_set(&smtp->allocator, &smtp->peer.address, address);
}

void tdm_smtp_add_note(tidymail_smtp *smtp, const char *text)
{
    for (struct tdm_transaction *t = smtp->head; t != NULL; t = t->next) {
        tdm_report_add_note(t->report, text);
    }
}

size_t tdm_smtp_room(const tidymail_smtp *smtp)
{
    size_t most = 1;
    if (!tidymail_smtp_usable(smtp)) {
        return 0;
    }
    if (smtp->ready && tdm_smtp_streams(smtp)) {
        /* a server that takes one message each session must not get a window full of them */
        most = smtp->answered ? (size_t)smtp->options.window + 1 : 1;
    } else if (smtp->ready && smtp->extended && smtp->caps.pipelining) {
        most = 2;
    }
    if (smtp->caps.mail_max > 0) {
        size_t begun = 0;
        for (const struct tdm_transaction *t = smtp->head; t != NULL; t = t->next) {
            begun += t->step != TDM_STEP_START;
        }
        size_t left =
            (size_t)(smtp->mails < smtp->caps.mail_max ? smtp->caps.mail_max - smtp->mails : 0);
        most = most < left + begun ? most : left + begun;
    }
    return smtp->count < most ? most - smtp->count : 0;
}

int64_t tdm_smtp_now(const tidymail_smtp *smtp)
{
    return smtp->now;
}

int tdm_smtp_wants_binding(const tidymail_smtp *smtp)
{
    return tdm_smtp_wants_login(smtp);
}

int tdm_smtp_encrypted(const tidymail_smtp *smtp)
{
    return smtp->encrypted;
}

void tidymail_smtp_connected(tidymail_smtp *smtp, int64_t now_ms)
{
    engine_at(smtp, now_ms);
    if (smtp->state != TDM_SMTP_CONNECT) {
        return;
    }
    int implicit = smtp->options.tls == TIDYMAIL_SMTP_TLS_IMPLICIT;
    tdm_smtp_enter(smtp, implicit ? TDM_SMTP_TLS : TDM_SMTP_GREETING);
}

void tidymail_smtp_tls_binding(tidymail_smtp *smtp, const char *type, const void *bytes,
                               size_t length)
{
    tdm_text_set(&smtp->allocator, &smtp->binding_type, type);
    tdm_buf_reset(&smtp->binding);
    if (tdm_buf_add(&smtp->binding, bytes, length) != 0) {
        tdm_text_set(&smtp->allocator, &smtp->binding_type, NULL); /* then no -PLUS */
    }
}

void tidymail_smtp_tls_done(tidymail_smtp *smtp, const char *version, const char *cipher,
                            int64_t now_ms)
{
    engine_at(smtp, now_ms);
    if (smtp->state != TDM_SMTP_TLS) {
        return;
    }
    tdm_text_set(&smtp->allocator, &smtp->peer.tls_version, version);
    tdm_text_set(&smtp->allocator, &smtp->peer.tls_cipher, cipher);
    smtp->encrypted = 1;
    smtp->event_start_tls = 0;
    int implicit = smtp->options.tls == TIDYMAIL_SMTP_TLS_IMPLICIT;
    tdm_smtp_enter(smtp, implicit ? TDM_SMTP_GREETING : TDM_SMTP_EHLO);
}

/* More came behind a refused STARTTLS: as behind an accepted one it may be forged, and then the
 * refusal is too. Trying again later would only meet the same. */
static void engine_suspect_starttls(tidymail_smtp *smtp)
{
    smtp->error.retryable = 0;
    for (struct tdm_transaction *t = smtp->head; t != NULL; t = t->next) {
        t->report->error.retryable = 0;
    }
}

/* A reply that no command asked for. Refusals count, since servers say why they hang up; anything
 * else means that replies and commands no longer match: going on would read every answer one off. */
static void engine_unsolicited(tidymail_smtp *smtp, const struct tdm_reply *reply)
{
    if (smtp->state == TDM_SMTP_QUIT || (smtp->head == NULL && smtp->ready)) {
        tdm_smtp_note_reply(smtp, reply);
        if (smtp->error.phase == TIDYMAIL_PHASE_STARTTLS && smtp->error.kind == TIDYMAIL_KIND_TLS) {
            engine_suspect_starttls(smtp);
        }
        if (smtp->state != TDM_SMTP_QUIT) {
            tdm_smtp_close(smtp); /* idle: whatever it says, this connection is not used again */
        }
        return;
    }
    if (smtp->state == TDM_SMTP_BODY) {
        tdm_smtp_reply_in_body(smtp, reply);
        return;
    }
    if (reply->code >= 400) {
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_PERMANENT, smtp->phase, reply,
                               "the server ended the session");
        return;
    }
    tdm_smtp_fail_odd_reply(smtp, reply, "the server sent a reply that no command asked for");
}

static void engine_take_reply(tidymail_smtp *smtp)
{
    struct tdm_reply *reply = &smtp->parser.reply;
    int class = reply->code / 100;
    if (class < 2 || class > 5) {
        tdm_smtp_fail_odd_reply(smtp, reply,
                                "the server sent a reply code that SMTP does not have");
        return;
    }
    struct tdm_pending *front = &smtp->pending[smtp->pending_at];
    if (smtp->pending_count == 0 || smtp->out_base < front->end) {
        engine_unsolicited(smtp, reply);
        return;
    }
    struct tdm_pending pending = *front;
    smtp->pending_at++;
    smtp->pending_count--;
    if (smtp->head != NULL && smtp->head->outstanding > 0) {
        smtp->head->outstanding--; /* those behind it began later */
    }
    if (reply->code == 421 && pending.state != TDM_SMTP_QUIT) {
        /* RFC 5321 3.8: may answer anything; the server closes, no command follows */
        if (pending.state == TDM_SMTP_FINAL || pending.state == TDM_SMTP_RCPT) {
            tdm_smtp_rows[pending.state].reply(smtp, reply, &pending);
        }
        if (pending.state == TDM_SMTP_FINAL && smtp->head != NULL &&
            smtp->head->step == TDM_STEP_SENT) {
            /* LMTP: it answers for one recipient; for the others no answer will come */
            tdm_smtp_fail_lost(smtp, "the server ended the session with 421");
            return;
        }
        int starttls = pending.state == TDM_SMTP_STARTTLS;
        tdm_smtp_fail_by_reply(smtp, starttls ? TIDYMAIL_KIND_TLS : TIDYMAIL_KIND_PERMANENT,
                               tdm_smtp_rows[pending.state].phase, reply,
                               "the server ended the session");
        return;
    }
    tdm_smtp_rows[pending.state].reply(smtp, reply, &pending);
    tdm_smtp_advance(smtp);
}

/* What is in smtp->line, without the secrets that it may repeat. */
static void engine_trace_line(tidymail_smtp *smtp)
{
    tdm_smtp_hide_secrets(smtp, &smtp->line);
    tdm_smtp_trace(smtp, TIDYMAIL_SMTP_MARK_RECEIVED, tdm_buf_text(&smtp->line), smtp->line.length);
}

/* A line of the server's, whatever it is. */
static void engine_trace_received(tidymail_smtp *smtp, const char *text, size_t length)
{
    struct tdm_buf *line = &smtp->line;
    if (smtp->options.trace == NULL) {
        return;
    }
    tdm_buf_reset(line);
    tdm_buf_add(line, text, length);
    engine_trace_line(smtp);
}

/* SCRAM's salt, count and server signature let a password be guessed off line: whoever reads a
 * transcript must not have them. */
static int engine_reply_is_secret(const tidymail_smtp *smtp, const struct tdm_reply *reply)
{
    const struct tdm_sasl_mechanism *mechanism = smtp->sasl.mechanism;
    if (smtp->state != TDM_SMTP_AUTH || mechanism == NULL || !mechanism->hides_challenges) {
        return 0;
    }
    const char *text = tdm_buf_text(&reply->text);
    return reply->code == 334 || (reply->code == 235 && strchr(text, ' ') == NULL);
}

static void engine_trace_reply(tidymail_smtp *smtp)
{
    if (smtp->options.trace == NULL) {
        return;
    }
    const struct tdm_reply *reply = &smtp->parser.reply;
    struct tdm_buf *line = &smtp->line;
    const char *text = tdm_buf_text(&reply->text);
    size_t length = reply->text.length;
    int secret = engine_reply_is_secret(smtp, reply);
    for (size_t at = 0; at <= length;) {
        const char *end = at < length ? memchr(text + at, '\n', length - at) : NULL;
        size_t line_length = end != NULL ? (size_t)(end - text) - at : length - at;
        tdm_buf_reset(line);
        tdm_buf_add_number(line, reply->code);
        tdm_buf_add_char(line, end != NULL ? '-' : ' ');
        if (secret && line_length > 0) {
            tdm_buf_add_str(line, "[challenge hidden]");
        } else {
            tdm_buf_add(line, text + at, line_length);
        }
        engine_trace_line(smtp);
        at += line_length + 1;
    }
}

static void engine_garbage(tidymail_smtp *smtp)
{
    const char *line = tdm_buf_text(&smtp->parser.line);
    size_t length = smtp->parser.line.length;
    engine_trace_received(smtp, line, length);
    const char *what = tdm_reply_recognise(line, length);
    if (what == NULL) {
        tdm_smtp_fail_protocol(smtp, "the server sent a line that is not an SMTP reply", line,
                               length, NULL);
        return;
    }
    struct tdm_buf words;
    tdm_buf_init(&words, &smtp->allocator, 256);
    tdm_buf_addf(&words, "this is not an SMTP server: it looks like %s", what);
    const char *hint = strcmp(what, "TLS") == 0
                           ? "the port speaks TLS at once: use smtps:// instead of smtp://"
                           : "check host and port: SMTP submission is usually on 587 or 465";
    /* of a TLS record the number of bytes that came says nothing: they are not quoted */
    size_t quoted = strcmp(what, "TLS") == 0 ? 0 : length;
    tdm_smtp_fail_protocol(smtp, tdm_buf_text(&words), line, quoted, hint);
    tdm_buf_clear(&words);
}

void tidymail_smtp_feed(tidymail_smtp *smtp, const void *bytes, size_t length, int64_t now_ms)
{
    const char *input = bytes;
    engine_at(smtp, now_ms);
    smtp->heard_ms = now_ms;
    while (length > 0 && !smtp->closed) {
        if (smtp->state == TDM_SMTP_TLS) {
            tdm_error_set(
                &smtp->error, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_STARTTLS,
                "the server sent bytes in clear behind its answer to STARTTLS",
                "somebody on the way may be injecting replies; nothing of it was believed");
            tdm_smtp_fail_session(smtp, 0);
            return;
        }
        size_t used = 0;
        enum tdm_reply_status status = tdm_reply_parser_feed(&smtp->parser, input, length, &used);
        input += used;
        length -= used;
        switch (status) {
        case TDM_REPLY_MORE:
            return;
        case TDM_REPLY_DONE:
            engine_trace_reply(smtp);
            engine_take_reply(smtp);
            tdm_reply_parser_next(&smtp->parser);
            break;
        case TDM_REPLY_GARBAGE:
            engine_garbage(smtp);
            return;
        case TDM_REPLY_TOO_LONG:
            tdm_smtp_fail_protocol(smtp, "the server's reply does not end", NULL, 0, NULL);
            return;
        case TDM_REPLY_NO_MEMORY:
            tdm_smtp_fail_no_memory(smtp);
            return;
        }
    }
}

void tidymail_smtp_end_of_file(tidymail_smtp *smtp, const char *words, int64_t now_ms)
{
    engine_at(smtp, now_ms);
    if (smtp->closed) {
        return;
    }
    if (smtp->closing || (smtp->head == NULL && smtp->ready)) {
        tdm_smtp_close(smtp);
        return;
    }
    tdm_smtp_fail_lost(smtp, words);
}

void tidymail_smtp_fail(tidymail_smtp *smtp, int kind, int phase, int retryable,
                        const char *message, const char *hint, int64_t now_ms)
{
    engine_at(smtp, now_ms);
    if (smtp->closed || smtp->closing) {
        tdm_smtp_close(smtp);
        return;
    }
    tdm_error_set(&smtp->error, kind, phase, message, hint);
    smtp->error.retryable = retryable;
    tdm_smtp_fail_session(smtp, 0);
}

int tidymail_smtp_output(tidymail_smtp *smtp, const void **bytes, size_t *length)
{
    if (smtp->closed || smtp->state == TDM_SMTP_TLS || smtp->state == TDM_SMTP_CONNECT) {
        return 0;
    }
    while (smtp->sending != NULL && !smtp->closing && smtp->sending->step == TDM_STEP_BODY &&
           tdm_smtp_can_fill(smtp)) {
        if (tdm_smtp_fill_body(smtp, smtp->sending) != 0) {
            return 0;
        }
        tdm_smtp_advance(smtp); /* the next message begins in the same write */
    }
    if (smtp->out_at == smtp->out.length) {
        return 0;
    }
    *bytes = smtp->out.data + smtp->out_at;
    *length = smtp->out.length - smtp->out_at;
    return 1;
}

void tidymail_smtp_consume(tidymail_smtp *smtp, size_t length, int64_t now_ms)
{
    engine_at(smtp, now_ms);
    size_t waiting = smtp->out.length - smtp->out_at;
    if (length == 0 || length > waiting) {
        return;
    }
    smtp->out_at += length;
    smtp->out_base += length;
    if (smtp->out_at == smtp->out.length) {
        smtp->out_at = 0;
        tdm_buf_reset(&smtp->out);
    }
    const struct tdm_pending *front = &smtp->pending[smtp->pending_at];
    if (smtp->state == TDM_SMTP_BODY && smtp->pending_count > 0 && smtp->out_base >= front->end) {
        tdm_smtp_set_state(smtp, front->state); /* the end is handed over: FINAL */
    } else {
        tdm_smtp_arm_deadline(smtp); /* each stretch of a write has its own */
    }
}

static const tidymail_smtp_event *engine_event(tidymail_smtp *smtp, int type)
{
    memset(&smtp->event, 0, sizeof(smtp->event));
    smtp->event.type = type;
    return &smtp->event;
}

const tidymail_smtp_event *tidymail_smtp_next(tidymail_smtp *smtp)
{
    if (smtp->event_start_tls) {
        smtp->event_start_tls = 0;
        return engine_event(smtp, TIDYMAIL_SMTP_START_TLS);
    }
    struct tdm_transaction *done = smtp->done;
    if (done != NULL) {
        smtp->done = done->next;
        if (done->next == NULL) {
            smtp->done_tail = NULL;
        }
        engine_event(smtp, TIDYMAIL_SMTP_REPORT);
        smtp->event.report = done->report;
        smtp->event.context = done->context;
        done->own_report = 0; /* the caller's now */
        tdm_smtp_free_transaction(smtp, done);
        return &smtp->event;
    }
    if (smtp->event_idle) {
        smtp->event_idle = 0;
        return engine_event(smtp, TIDYMAIL_SMTP_IDLE);
    }
    if (smtp->event_close) {
        smtp->event_close = 0;
        return engine_event(smtp, TIDYMAIL_SMTP_CLOSE);
    }
    return NULL;
}

static int64_t engine_send_deadline(const tidymail_smtp *smtp)
{
    int64_t earliest = -1;
    if (smtp->closing) {
        return -1; /* the result stands; only the short wait of QUIT runs */
    }
    for (const struct tdm_transaction *t = smtp->head; t != NULL; t = t->next) {
        if (t->deadline_ms > 0 && (earliest < 0 || t->deadline_ms < earliest)) {
            earliest = t->deadline_ms;
        }
    }
    return earliest;
}

int64_t tidymail_smtp_deadline(const tidymail_smtp *smtp)
{
    if (smtp->closed) {
        return -1;
    }
    int64_t send = engine_send_deadline(smtp);
    int64_t wait = smtp->wait_deadline;
    return wait < 0 || (send >= 0 && send < wait) ? send : wait;
}

void tidymail_smtp_tick(tidymail_smtp *smtp, int64_t now_ms)
{
    engine_at(smtp, now_ms);
    if (smtp->closed) {
        return;
    }
    int64_t send = engine_send_deadline(smtp);
    if (send >= 0 && smtp->now >= send) {
        tdm_smtp_fail_timeout(smtp, 1);
    } else if (smtp->wait_deadline >= 0 && smtp->now >= smtp->wait_deadline) {
        if (smtp->closing) {
            tdm_smtp_close(smtp);
        } else {
            tdm_smtp_fail_timeout(smtp, 0);
        }
    }
}

void tidymail_smtp_quit(tidymail_smtp *smtp, int64_t now_ms)
{
    engine_at(smtp, now_ms);
    if (smtp->quit_wanted || smtp->closing) {
        return;
    }
    smtp->quit_wanted = 1;
    if (smtp->head != NULL) {
        return; /* once nothing is outstanding */
    }
    if (smtp->ready) {
        tdm_smtp_advance(smtp);
    } else if (smtp->state == TDM_SMTP_CONNECT || smtp->state == TDM_SMTP_TLS) {
        tdm_smtp_close(smtp);
    }
}

int tidymail_smtp_usable(const tidymail_smtp *smtp)
{
    return smtp != NULL && !smtp->closing && !smtp->closed && !smtp->quit_wanted;
}

int tidymail_smtp_phase(const tidymail_smtp *smtp)
{
    return smtp->phase;
}
