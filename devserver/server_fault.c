/*
 * server_fault.c: what fault rules and presets do to a session. What a command says stands between
 * _begin and _end: begin may give the reply itself, end changes it, and how it leaves.
 */
#include <string.h>

#include "server_internal.h"
#include "util/str.h"

static const size_t pieces[] = {1, 3, 2, 7, 1, 5, 11, 2};

/* A reply of an action as it is, with the lines of its text. */
static void fault_say(struct tdm_server_session *session, const struct tdm_fault_action *action)
{
    size_t count = session->options.lmtp && session->fault.stage == TDM_FAULT_FINAL
                       ? session->recipients.count
                       : 1;
    for (size_t i = 0; i < count; i++) {
        const char *line = action->text;
        const char *enhanced = action->enhanced;
        for (const char *end = line; line != NULL; line = end != NULL ? end + 1 : NULL) {
            end = strchr(line, '\n');
            tdm_buf_addf(&session->out, "%d%c%s%s%.*s\r\n", action->code, end != NULL ? '-' : ' ',
                         enhanced, enhanced[0] != '\0' ? " " : "",
                         (int)(end != NULL ? (size_t)(end - line) : strlen(line)), line);
            enhanced = ""; /* the text has those of the other lines */
        }
    }
    if (session->out.failed) {
        tdm_server_close(session);
    }
}

/* May a rule act here? What is out of order gets its usual answer. */
static int fault_is_due(const struct tdm_server_session *session, enum tdm_fault_stage stage,
                        const char *address)
{
    int logged_in = !session->options.require_auth || session->user != NULL;
    if (stage == TDM_FAULT_MAIL) {
        return address != NULL && session->from == NULL && logged_in;
    }
    if (stage == TDM_FAULT_RCPT) {
        return address != NULL && session->from != NULL && session->chunks == 0;
    }
    if (stage == TDM_FAULT_DATA) {
        return session->recipients.count > 0 && session->chunks == 0;
    }
    return stage != TDM_FAULT_STARTTLS || tdm_server_offers(session, TDM_SERVER_STARTTLS);
}

/* A reply that lets the command be carried out. */
static int fault_lets_pass(enum tdm_fault_stage stage, int code)
{
    return code / 100 == (stage == TDM_FAULT_DATA ? 3 : 2);
}

static const struct tdm_fault_action *fault_choose(struct tdm_server_session *session,
                                                   enum tdm_fault_stage stage, char *address)
{
    struct tdm_server_fault *fault = &session->fault;
    struct tdm_fault_about about = {session->from, session->recipients.items,
                                    session->recipients.count};
    if (stage == TDM_FAULT_MAIL) {
        about.from = address;
    }
    if (stage == TDM_FAULT_RCPT) {
        about.to = &address;
        about.to_count = 1;
        if (tdm_fault_of_address(&fault->own, address)) {
            return &fault->own;
        }
    }
    return session->options.faults != NULL ? tdm_faults_take(session->options.faults, stage, &about)
                                           : NULL;
}

/* A rule with a code alone: the preset's words for that code, where it has some. */
static const struct tdm_fault_action *fault_dress(struct tdm_server_session *session,
                                                  const struct tdm_fault_action *rule)
{
    struct tdm_fault_action *own = &session->fault.own;
    if (rule == NULL || !rule->bare || session->options.like == NULL) {
        return rule;
    }
    struct tdm_fault_action kept = *rule;
    const char *words = tdm_like_words(session->options.like, session->fault.stage, kept.code);
    if (words == NULL || tdm_fault_parse_action(own, words, strlen(words)) != 0) {
        return rule;
    }
    own->end = kept.end != TDM_FAULT_GOES_ON ? kept.end : own->end;
    own->pace = kept.pace;
    own->pause_ms = kept.pause_ms;
    own->stall_ms = kept.stall_ms;
    return own;
}

int tdm_server_fault_begin(struct tdm_server_session *session, enum tdm_fault_stage stage,
                           const char *address, size_t length)
{
    struct tdm_server_fault *fault = &session->fault;
    char *copy = address != NULL ? tdm_strndup(&session->allocator, address, length) : NULL;
    fault->open = 1;
    fault->stage = stage;
    fault->start = session->out.length;
    fault->action = fault_is_due(session, stage, copy) ? fault_choose(session, stage, copy) : NULL;
    tdm_free(&session->allocator, copy);
    fault->action = fault_dress(session, fault->action);
    if (fault->action == NULL || fault->action->code == 0 ||
        fault_lets_pass(stage, fault->action->code)) {
        return 0;
    }
    fault_say(session, fault->action);
    return 1;
}

int tdm_server_fault_command(struct tdm_server_session *session, enum tdm_fault_stage stage,
                             const char *args, size_t length)
{
    size_t prefix = stage == TDM_FAULT_MAIL ? strlen("FROM:") : strlen("TO:");
    const char *address = NULL;
    const char *rest = NULL;
    size_t size = 0;
    if (stage == TDM_FAULT_MAIL || stage == TDM_FAULT_RCPT) {
        if (length < prefix ||
            tdm_server_path_parse(args + prefix, length - prefix, stage == TDM_FAULT_MAIL, &address,
                                  &size, &rest) != TDM_SERVER_PATH_OK) {
            address = NULL;
        }
    }
    return tdm_server_fault_begin(session, stage, address, size);
}

/* The lines behind `start`, as they will leave. */
static void fault_trace(struct tdm_server_session *session, size_t start)
{
    const struct tdm_buf *out = &session->out;
    while (start < out->length) {
        const char *line = out->data + start;
        const char *end = memchr(line, '\n', out->length - start);
        size_t length = end != NULL ? (size_t)(end - line) + 1 : out->length - start;
        tdm_shown_trace_sent(&session->options.trace, &session->shown, line, length);
        start += length;
    }
}

static void fault_cut(struct tdm_server_session *session, size_t length)
{
    if (session->out.data != NULL && length < session->out.length) {
        session->out.length = length;
        session->out.data[length] = '\0';
    }
}

/* The code of the last line of what was said; 0: nothing was. */
static int fault_own_code(const struct tdm_server_session *session)
{
    const struct tdm_buf *out = &session->out;
    size_t start = session->fault.start;
    if (out->failed || out->length < start + 3) {
        return 0;
    }
    const char *code = out->data + start;
    return (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
}

/* The preset's words for a reply of ours. */
static const struct tdm_fault_action *fault_like(struct tdm_server_session *session, int code)
{
    const struct tdm_like *like = session->options.like;
    const char *words = like != NULL ? tdm_like_words(like, session->fault.stage, code) : NULL;
    if (words == NULL || tdm_fault_parse_action(&session->fault.own, words, strlen(words)) != 0) {
        return NULL;
    }
    return &session->fault.own;
}

/* How the reply leaves. */
static void fault_set_pace(struct tdm_server_session *session,
                           const struct tdm_fault_action *action)
{
    struct tdm_server_fault *fault = &session->fault;
    int paced = action->stall_ms > 0 || action->pace != TDM_FAULT_WHOLE;
    if (!paced || session->out.failed) {
        return;
    }
    fault->paced = 1;
    fault->free = fault->start;
    fault->pace = action->pace;
    fault->pause_ms = action->pause_ms;
    fault->until_ms = fault->now_ms + action->stall_ms;
    fault->piece = 0;
}

static void fault_finish(struct tdm_server_session *session, const struct tdm_fault_action *action)
{
    int code = fault_own_code(session);
    if (action->end == TDM_FAULT_RESET) {
        session->mode = TDM_SERVER_CLOSED;
        session->event = TDM_SERVER_RESET;
    } else if (action->end != TDM_FAULT_GOES_ON || code == 421) { /* RFC 5321 3.8 */
        tdm_server_close(session);
    }
}

void tdm_server_fault_end(struct tdm_server_session *session)
{
    struct tdm_server_fault *fault = &session->fault;
    const struct tdm_fault_action *action = fault->action;
    if (!fault->open) {
        return;
    }
    fault->open = 0;
    int code = fault_own_code(session);
    int like = action == NULL && code != 0;
    if (like) {
        action = fault_like(session, code);
    }
    if (action == NULL) {
        fault_trace(session, fault->start);
        return;
    }
    if (!like) {
        struct tdm_buf note;
        tdm_buf_init(&note, &session->allocator, 64);
        tdm_buf_addf(&note, "a fault rule of %s acts", tdm_fault_stage_name(fault->stage));
        tdm_server_note(session, tdm_buf_text(&note));
        tdm_buf_clear(&note);
    }
    if (action->code != 0 && (like || action->code / 100 == code / 100)) {
        fault_cut(session, fault->start);
        fault_say(session, action);
    }
    if (action->end == TDM_FAULT_HALF && session->out.length > fault->start) {
        const char *line = session->out.data + fault->start;
        fault_cut(session, fault->start + strcspn(line, "\r") / 2);
    } else if (action->code == 0 && action->end != TDM_FAULT_GOES_ON) {
        fault_cut(session, fault->start);
    }
    fault_trace(session, fault->start);
    fault_set_pace(session, action);
    fault_finish(session, action);
}

size_t tdm_server_fault_ready(const struct tdm_server_session *session)
{
    const struct tdm_server_fault *fault = &session->fault;
    size_t left = session->out.length;
    if (!fault->paced) {
        return left;
    }
    if (fault->free > 0) {
        return fault->free < left ? fault->free : left;
    }
    if (fault->now_ms < fault->until_ms) {
        return 0;
    }
    size_t piece = left;
    if (fault->pace == TDM_FAULT_SLOW) {
        piece = 1;
    } else if (fault->pace == TDM_FAULT_SPLIT) {
        piece = pieces[fault->piece % (sizeof(pieces) / sizeof(pieces[0]))];
    }
    return piece < left ? piece : left;
}

/* All of a slow reply has left: on with what came meanwhile. */
static void fault_go_on(struct tdm_server_session *session)
{
    struct tdm_buf input = session->input;
    session->fault.paced = 0;
    if (session->event != TDM_SERVER_NOTHING || session->mode >= TDM_SERVER_PAUSED) {
        return;
    }
    tdm_server_input_init(session);
    tdm_server_session_feed(session, tdm_buf_text(&input), input.length, session->fault.now_ms);
    tdm_buf_wipe(&input);
}

void tdm_server_fault_consumed(struct tdm_server_session *session, size_t length)
{
    struct tdm_server_fault *fault = &session->fault;
    if (fault->open) { /* a message waits for its verdict */
        fault->start -= length < fault->start ? length : fault->start;
    }
    if (!fault->paced) {
        return;
    }
    if (fault->free > 0) {
        fault->free -= length < fault->free ? length : fault->free;
        return;
    }
    fault->piece++;
    fault->until_ms = fault->now_ms + fault->pause_ms;
    if (session->out.length == 0) {
        fault_go_on(session);
    }
}

void tdm_server_fault_tick(struct tdm_server_session *session, int64_t now_ms)
{
    struct tdm_server_fault *fault = &session->fault;
    fault->now_ms = now_ms;
    if (fault->paced && session->out.length == 0 && now_ms >= fault->until_ms) {
        fault_go_on(session);
    }
}

int64_t tdm_server_fault_deadline(const struct tdm_server_session *session)
{
    const struct tdm_server_fault *fault = &session->fault;
    return fault->paced && fault->until_ms > fault->now_ms ? fault->until_ms : -1;
}

void tdm_server_fault_certificate(struct tdm_server_session *session)
{
    struct tdm_fault_about about = {NULL, NULL, 0};
    const struct tdm_fault_action *action =
        session->options.faults != NULL
            ? tdm_faults_take(session->options.faults, TDM_FAULT_CERTIFICATE, &about)
            : NULL;
    session->fault.certificate = action != NULL ? action->certificate : TDM_CERTIFICATE_VALID;
}

void tdm_server_fault_start(struct tdm_server_session *session)
{
    struct tdm_fault_about about = {NULL, NULL, 0};
    if (session->options.encrypted) {
        tdm_server_fault_certificate(session);
    } else if (session->options.offer_tls && session->options.faults != NULL &&
               tdm_faults_take(session->options.faults, TDM_FAULT_OFFER, &about) != NULL) {
        session->options.offer_tls = 0;
    }
}
