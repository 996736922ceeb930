/* server_session.c: commands and their order. See server_session.h; MAIL and RCPT are in
 * server_mail.c, BDAT in server_chunk.c, AUTH in server_auth.c. */
#include "server_session.h"

#include <string.h>

#include "server_internal.h"
#include "util/str.h"

#define LINE_LIMIT ((size_t)12288) /* the longest line AUTH may need (RFC 4954 4) */
#define INPUT_LIMIT ((size_t)1 << 20)
#define ERROR_LIMIT 20

void tdm_server_note(struct tdm_server_session *session, const char *line)
{
    const struct tdm_server_trace *trace = &session->options.trace;
    if (trace->line != NULL) {
        trace->line(trace->context, TDM_SERVER_NOTE, line);
    }
}

void tdm_server_emit(struct tdm_server_session *session, int code, char mark, const char *enhanced,
                     const char *text)
{
    size_t start = session->out.length;
    if (!tdm_server_offers(session, TDM_SERVER_ENHANCEDSTATUSCODES)) {
        enhanced = "";
    }
    tdm_buf_addf(&session->out, "%d%c%s%s%s\r\n", code, mark, enhanced,
                 enhanced[0] != '\0' ? " " : "", text);
    if (session->out.failed) {
        tdm_server_close(session);
        return;
    }
    if (!session->fault.open) { /* else what leaves is not sure yet */
        tdm_shown_trace_sent(&session->options.trace, &session->shown, session->out.data + start,
                             session->out.length - start);
    }
}

void tdm_server_reply(struct tdm_server_session *session, int code, const char *enhanced,
                      const char *text)
{
    session->errors += code >= 500;
    if (session->errors > ERROR_LIMIT) {
        tdm_server_emit(session, 421, ' ', "4.7.0", "too many errors, closing the connection");
        tdm_server_close(session);
        return;
    }
    tdm_server_emit(session, code, ' ', enhanced, text);
}

void tdm_server_close(struct tdm_server_session *session)
{
    session->mode = TDM_SERVER_CLOSED;
    session->event = TDM_SERVER_CLOSE;
}

void tdm_server_forget_transaction(struct tdm_server_session *session)
{
    tdm_free(&session->allocator, session->from);
    session->from = NULL;
    tdm_free(&session->allocator, session->mail_parameters);
    session->mail_parameters = NULL;
    for (size_t i = 0; i < session->recipients.count; i++) {
        tdm_free(&session->allocator, session->recipients.items[i]);
        tdm_free(&session->allocator, session->recipients.parameters[i]);
    }
    tdm_free(&session->allocator, session->recipients.items);
    tdm_free(&session->allocator, session->recipients.parameters);
    memset(&session->recipients, 0, sizeof(session->recipients));
    session->utf8 = session->binary = session->chunks = 0;
    tdm_buf_clear(&session->message);
}

static void session_greet(struct tdm_server_session *session)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &session->allocator, 1024);
    tdm_buf_addf(&text, "%s %s tidymail test server", session->options.name,
                 session->options.lmtp ? "LMTP" : "ESMTP");
    tdm_server_fault_start(session);
    int refused = tdm_server_fault_begin(session, TDM_FAULT_CONNECT, NULL, 0);
    if (!refused && session->fault.action == NULL) {
        refused = tdm_server_fault_begin(session, TDM_FAULT_GREETING, NULL, 0);
    }
    if (!refused) {
        tdm_server_reply(session, 220, "", tdm_buf_text(&text));
    }
    tdm_server_fault_end(session);
    session->fault.turned_away = refused;
    tdm_buf_clear(&text);
}

void tdm_server_input_init(struct tdm_server_session *session)
{
    tdm_buf_init(&session->input, NULL, INPUT_LIMIT);
}

int tdm_server_session_init(struct tdm_server_session *session,
                            const struct tdm_server_options *options, int64_t now_ms)
{
    memset(session, 0, sizeof(*session));
    session->options = *options;
    session->allocator = tdm_allocator_default;
    session->encrypted = options->encrypted;
    session->deadline = now_ms + options->idle_ms;
    session->fault.now_ms = now_ms;
    if (options->like != NULL) {
        session->options.auth = options->like->auth;
        session->options.require_auth |= options->like->login;
    }
    tdm_server_input_init(session);
    tdm_buf_init(&session->line, NULL, LINE_LIMIT);
    tdm_buf_init(&session->out, NULL, INPUT_LIMIT);
    tdm_buf_init(&session->login.user, NULL, LINE_LIMIT);
    tdm_buf_init(&session->login.kept, NULL, 2 * LINE_LIMIT);
    tdm_buf_init(&session->login.header, NULL, LINE_LIMIT);
    tdm_buf_init(&session->login.nonce, NULL, LINE_LIMIT);
    tdm_buf_init(&session->login.salt, NULL, LINE_LIMIT);
    size_t max = (uint64_t)options->max_size < SIZE_MAX ? (size_t)options->max_size : SIZE_MAX - 1;
    tdm_buf_init(&session->message, NULL, max);
    session_greet(session);
    return session->out.failed ? -1 : 0;
}

void tdm_server_session_clear(struct tdm_server_session *session)
{
    tdm_server_forget_transaction(session);
    tdm_free(&session->allocator, session->user);
    tdm_buf_wipe(&session->login.user);
    tdm_buf_wipe(&session->login.kept);
    tdm_buf_clear(&session->login.header);
    tdm_buf_clear(&session->login.nonce);
    tdm_buf_clear(&session->login.salt);
    tdm_buf_wipe(&session->input);
    tdm_buf_wipe(&session->line);
    tdm_buf_clear(&session->out);
}

/* EHLO, HELO and LHLO: an argument, and the one that this protocol has (RFC 2033 4.1). */
static int session_hello(struct tdm_server_session *session, const char *verb, const char *args,
                         size_t length)
{
    struct tdm_buf words;
    int lhlo = strcmp(verb, "LHLO") == 0;
    if (lhlo != session->options.lmtp) {
        tdm_server_reply(session, 500, "5.5.1",
                         lhlo ? "this is SMTP: say EHLO" : "this is LMTP: say LHLO");
        return -1;
    }
    if (length == 0 || memchr(args, ' ', length) != NULL) {
        tdm_buf_init(&words, &session->allocator, 64);
        tdm_buf_addf(&words, "syntax: %s domain", verb);
        tdm_server_reply(session, 501, "5.5.4", tdm_buf_text(&words));
        tdm_buf_clear(&words);
        return -1;
    }
    tdm_server_forget_transaction(session); /* as RSET (RFC 5321 4.1.4) */
    return 0;
}

static void session_command_ehlo(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    if (session_hello(session, "EHLO", args, length) == 0) {
        session->greeted = 2;
        tdm_server_reply_ehlo(session);
    }
}

static void session_command_lhlo(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    if (session_hello(session, "LHLO", args, length) == 0) {
        session->greeted = 2;
        tdm_server_reply_ehlo(session);
    }
}

static void session_command_helo(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    if (session_hello(session, "HELO", args, length) == 0) {
        session->greeted = 1;
        tdm_server_reply(session, 250, "", session->options.name);
    }
}

static void session_command_starttls(struct tdm_server_session *session, const char *args,
                                     size_t length)
{
    (void)args;
    if (session->encrypted) {
        tdm_server_reply(session, 503, "5.5.1", "TLS is there already");
    } else if (!session->options.offer_tls || !tdm_server_offers(session, TDM_SERVER_STARTTLS)) {
        tdm_server_reply(session, 502, "5.5.1", "STARTTLS is not offered");
    } else if (length > 0) {
        tdm_server_reply(session, 501, "5.5.4", "STARTTLS takes no parameter");
    } else {
        tdm_server_reply(session, 220, "2.0.0", "go ahead with TLS");
        session->mode = TDM_SERVER_PAUSED;
        session->event = TDM_SERVER_START_TLS;
        tdm_server_fault_certificate(session);
    }
}

static void session_command_data(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    (void)args;
    if (session->from == NULL) {
        tdm_server_reply(session, 503, "5.5.1", "DATA needs MAIL and RCPT first");
    } else if (session->chunks > 0) {
        tdm_server_reply(session, 503, "5.5.1", "DATA behind BDAT (RFC 3030 2)");
    } else if (session->binary) {
        tdm_server_reply(session, 503, "5.5.1", "BODY=BINARYMIME needs BDAT (RFC 3030 3)");
    } else if (session->recipients.count == 0) {
        /* RFC 2033 4.2 wants 503 */
        tdm_server_reply(session, session->options.lmtp ? 503 : 554, "5.5.1",
                         "no valid recipients");
    } else if (length > 0) {
        tdm_server_reply(session, 501, "5.5.4", "DATA takes no parameter");
    } else {
        memset(&session->dots, 0, sizeof(session->dots));
        tdm_buf_reset(&session->message);
        session->mode = TDM_SERVER_DATA;
        tdm_server_reply(session, 354, "", "end the message with a dot on a line of its own");
    }
}

static void session_command_rset(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    (void)args;
    if (length > 0) {
        tdm_server_reply(session, 501, "5.5.4", "RSET takes no parameter");
        return;
    }
    tdm_server_forget_transaction(session);
    tdm_server_reply(session, 250, "2.0.0", "ok");
}

static void session_command_noop(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    (void)args;
    (void)length;
    tdm_server_reply(session, 250, "2.0.0", "ok");
}

static void session_command_vrfy(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    (void)args;
    if (length == 0) {
        tdm_server_reply(session, 501, "5.5.4", "syntax: VRFY address");
    } else {
        tdm_server_reply(session, 252, "2.5.2", "cannot verify, send some mail");
    }
}

static void session_command_expn(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    (void)args;
    (void)length;
    tdm_server_reply(session, 502, "5.5.1", "there are no lists here");
}

static void session_command_help(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    (void)args;
    (void)length;
    tdm_server_reply(session, 214, "2.0.0",
                     "EHLO HELO LHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
}

static void session_command_quit(struct tdm_server_session *session, const char *args,
                                 size_t length)
{
    (void)args;
    if (length > 0) {
        tdm_server_reply(session, 501, "5.5.4", "QUIT takes no parameter");
        return;
    }
    tdm_server_reply(session, 221, "2.0.0", "bye");
    tdm_server_close(session);
}

struct session_command {
    const char *verb;
    void (*run)(struct tdm_server_session *session, const char *args, size_t length);
    int needs_greeting; /* EHLO or HELO must have come (RFC 5321 4.1.4) */
    enum tdm_fault_stage stage;
    int own_stage; /* the command itself says where its stage begins and ends */
};

static const struct session_command commands[] = {
    {"EHLO", session_command_ehlo, 0, TDM_FAULT_EHLO, 0},
    {"HELO", session_command_helo, 0, TDM_FAULT_HELO, 0},
    {"LHLO", session_command_lhlo, 0, TDM_FAULT_EHLO, 0},
    {"BDAT", tdm_server_command_bdat, 1, TDM_FAULT_DATA, 1},
    {"STARTTLS", session_command_starttls, 1, TDM_FAULT_STARTTLS, 0},
    {"AUTH", tdm_server_command_auth, 1, TDM_FAULT_AUTH, 1},
    {"MAIL", tdm_server_command_mail, 1, TDM_FAULT_MAIL, 0},
    {"RCPT", tdm_server_command_rcpt, 1, TDM_FAULT_RCPT, 0},
    {"DATA", session_command_data, 1, TDM_FAULT_DATA, 0},
    {"RSET", session_command_rset, 0, TDM_FAULT_RSET, 0},
    {"NOOP", session_command_noop, 0, TDM_FAULT_OTHER, 0},
    {"VRFY", session_command_vrfy, 0, TDM_FAULT_OTHER, 0},
    {"EXPN", session_command_expn, 0, TDM_FAULT_OTHER, 0},
    {"HELP", session_command_help, 0, TDM_FAULT_OTHER, 0},
    {"QUIT", session_command_quit, 0, TDM_FAULT_QUIT, 0},
};

static void session_run(struct tdm_server_session *session, const struct session_command *command,
                        const char *args, size_t length)
{
    if (command->own_stage) {
        command->run(session, args, length);
        return;
    }
    if (!tdm_server_fault_command(session, command->stage, args, length)) {
        command->run(session, args, length);
    }
    tdm_server_fault_end(session);
}

static void session_command(struct tdm_server_session *session, const char *line, size_t length)
{
    size_t verb = 0;
    while (verb < length && line[verb] != ' ') {
        verb++;
    }
    size_t start = verb < length ? verb + 1 : length;
    while (length > start && line[length - 1] == ' ') {
        length--; /* blanks at the end are tolerated (RFC 5321 4.1.1) */
    }
    if (tdm_find_control(line, length) != length) {
        tdm_server_reply(session, 500, "5.5.2", "a control byte is in the command");
        return;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!tdm_equal_nocase_n(line, verb, commands[i].verb)) {
            continue;
        }
        if (commands[i].run == tdm_server_command_bdat &&
            !tdm_server_offers(session, TDM_SERVER_CHUNKING)) {
            break;
        }
        if (session->fault.turned_away && commands[i].stage != TDM_FAULT_QUIT) {
            tdm_server_reply(session, 503, "5.5.1",
                             "refused by the greeting: QUIT is all there is");
        } else if (commands[i].needs_greeting && session->greeted == 0) {
            tdm_server_reply(session, 503, "5.5.1", "say EHLO first");
        } else {
            session_run(session, &commands[i], line + start, length - start);
        }
        return;
    }
    tdm_server_fault_begin(session, TDM_FAULT_OTHER, NULL, 0);
    tdm_server_reply(session, 500, "5.5.1", "unknown command");
    tdm_server_fault_end(session);
}

static void session_line(struct tdm_server_session *session)
{
    const char *line = tdm_buf_text(&session->line);
    size_t length = session->line.length;
    if (length > 0 && line[length - 1] == '\r') {
        length--;
    }
    tdm_shown_trace_client(&session->options.trace, &session->shown, line, length);
    if (session->line_too_long || session->line.failed) {
        session->line_too_long = 0;
        session->mode = TDM_SERVER_COMMAND;
        tdm_server_reply(session, 500, "5.5.6", "the line is too long");
    } else if (session->mode == TDM_SERVER_COMMAND) {
        session_command(session, line, length);
    } else {
        tdm_server_auth_response(session, line, length);
    }
    if (session->line.data != NULL) {
        tdm_wipe(session->line.data, session->line.capacity);
    }
    tdm_buf_reset(&session->line);
}

void tdm_server_reply_message(struct tdm_server_session *session, int code, const char *enhanced,
                              const char *text)
{
    size_t count = session->options.lmtp ? session->recipients.count : 1;
    struct tdm_buf words;
    for (size_t i = 0; i < count && session->mode != TDM_SERVER_CLOSED; i++) {
        if (session->options.lmtp) {
            tdm_buf_init(&words, &session->allocator, 2048);
            tdm_buf_addf(&words, "<%s> %s", session->recipients.items[i], text);
            tdm_server_reply(session, code, enhanced, words.failed ? text : tdm_buf_text(&words));
            tdm_buf_clear(&words);
        } else {
            tdm_server_reply(session, code, enhanced, text);
        }
    }
}

void tdm_server_end_message(struct tdm_server_session *session)
{
    session->mode = TDM_SERVER_COMMAND;
    struct tdm_buf note;
    tdm_buf_init(&note, &session->allocator, 256);
    if (tdm_server_fault_begin(session, TDM_FAULT_FINAL, NULL, 0)) {
        tdm_server_fault_end(session);
        tdm_server_forget_transaction(session);
    } else if (session->message.failed) {
        tdm_server_reply_message(session, 552, "5.3.4",
                                 "the message is larger than this server takes");
        tdm_server_fault_end(session);
        tdm_server_forget_transaction(session);
    } else {
        tdm_buf_addf(&note, "message of %z bytes", session->message.length);
        if (session->chunks > 0) {
            tdm_buf_addf(&note, " in %d chunks", session->chunks);
        } else if (session->dots.bare_lf > 0) {
            tdm_buf_addf(&note, ", %z of its lines end in LF alone (RFC 5321 2.3.8)",
                         session->dots.bare_lf);
        }
        tdm_server_note(session, tdm_buf_text(&note));
        session->mode = TDM_SERVER_PAUSED;
        session->event = TDM_SERVER_MESSAGE;
    }
    tdm_buf_clear(&note);
}

/* Takes bytes until an event stops it; returns how many. */
static size_t session_take(struct tdm_server_session *session, const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length && session->mode < TDM_SERVER_PAUSED && !session->fault.paced) {
        if (session->mode == TDM_SERVER_DATA) {
            at += tdm_dot_reader_feed(&session->dots, bytes + at, length - at, &session->message);
            if (session->dots.state == TDM_DOT_END) {
                tdm_server_end_message(session);
            }
            continue;
        }
        if (session->mode == TDM_SERVER_CHUNK) {
            at += tdm_server_take_chunk(session, bytes + at, length - at);
            continue;
        }
        const char *end = memchr(bytes + at, '\n', length - at);
        size_t piece = end != NULL ? (size_t)(end - (bytes + at)) : length - at;
        if (tdm_buf_add(&session->line, bytes + at, piece) != 0) {
            session->line_too_long = 1;
        }
        at += piece + (end != NULL);
        if (end != NULL) {
            session_line(session);
        }
    }
    return at;
}

void tdm_server_session_feed(struct tdm_server_session *session, const char *bytes, size_t length,
                             int64_t now_ms)
{
    session->deadline = now_ms + session->options.idle_ms;
    session->fault.now_ms = now_ms;
    size_t taken = session_take(session, bytes, length);
    if (session->event == TDM_SERVER_MESSAGE ||
        (session->fault.paced && session->event == TDM_SERVER_NOTHING)) {
        tdm_buf_add(&session->input, bytes + taken, length - taken);
        if (session->input.failed) {
            tdm_server_close(session);
        }
    }
    if (taken < length && session->event == TDM_SERVER_START_TLS) {
        tdm_server_note(session, "bytes behind STARTTLS were dropped (RFC 3207 4.2)");
    }
}

int tdm_server_session_output(const struct tdm_server_session *session, const char **bytes,
                              size_t *length)
{
    *bytes = session->out.data;
    *length = tdm_server_fault_ready(session);
    return *length > 0;
}

void tdm_server_session_consume(struct tdm_server_session *session, size_t length)
{
    tdm_buf_drop(&session->out, length);
    tdm_server_fault_consumed(session, length);
}

int tdm_server_session_reads(const struct tdm_server_session *session)
{
    return !session->fault.paced || session->input.length < INPUT_LIMIT / 2;
}

enum tdm_server_event tdm_server_session_next(const struct tdm_server_session *session)
{
    int waits = session->out.length > 0 || session->fault.paced;
    int first_the_output = session->event != TDM_SERVER_MESSAGE;
    return first_the_output && waits ? TDM_SERVER_NOTHING : session->event;
}

void tdm_server_session_tls_facts(struct tdm_server_session *session,
                                  const struct tdm_server_tls *facts)
{
    session->tls = *facts;
}

void tdm_server_session_tls_done(struct tdm_server_session *session, int64_t now_ms)
{
    if (session->event != TDM_SERVER_START_TLS) {
        return;
    }
    session->event = TDM_SERVER_NOTHING;
    session->mode = TDM_SERVER_COMMAND;
    session->encrypted = 1;
    session->greeted = 0; /* all knowledge of the client is dropped (RFC 3207 4.2) */
    tdm_server_forget_transaction(session);
    tdm_free(&session->allocator, session->user);
    session->user = NULL;
    session->deadline = now_ms + session->options.idle_ms;
}

void tdm_server_session_answer(struct tdm_server_session *session, const char *refusal,
                               int64_t now_ms)
{
    if (session->event != TDM_SERVER_MESSAGE) {
        return;
    }
    session->event = TDM_SERVER_NOTHING;
    session->mode = TDM_SERVER_COMMAND;
    if (refusal != NULL) {
        tdm_server_reply_message(session, 451, "4.3.0", refusal);
    } else {
        tdm_server_reply_message(session, 250, "2.0.0", "message kept");
    }
    tdm_server_fault_end(session); /* begun where the message was complete */
    tdm_server_forget_transaction(session);
    struct tdm_buf input = session->input;
    tdm_server_input_init(session);
    tdm_server_session_feed(session, tdm_buf_text(&input), input.length, now_ms);
    tdm_buf_wipe(&input);
}

int64_t tdm_server_session_deadline(const struct tdm_server_session *session)
{
    int64_t sooner = tdm_server_fault_deadline(session);
    if (sooner >= 0) {
        return sooner;
    }
    return session->mode == TDM_SERVER_CLOSED ? -1 : session->deadline;
}

void tdm_server_session_tick(struct tdm_server_session *session, int64_t now_ms)
{
    tdm_server_fault_tick(session, now_ms);
    if (session->mode != TDM_SERVER_CLOSED && !session->fault.paced &&
        now_ms >= session->deadline) {
        tdm_server_emit(session, 421, ' ', "4.4.2",
                        "nothing came for too long, closing the connection");
        tdm_server_close(session);
    }
}
