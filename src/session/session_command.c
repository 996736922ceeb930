/* session_command.c: what is sent, and what may be shown of it, see session_data.h. */
#include <string.h>

#include "session/session_data.h"
#include "util/str.h"

struct command_row {
    const char *word;
    enum tdm_session_verb verb;
    int phase;
};

static const struct command_row command_rows[] = {
    {"EHLO", TDM_VERB_EHLO, TIDYMAIL_PHASE_EHLO},
    {"LHLO", TDM_VERB_EHLO, TIDYMAIL_PHASE_EHLO},
    {"HELO", TDM_VERB_HELO, TIDYMAIL_PHASE_EHLO},
    {"STARTTLS", TDM_VERB_STARTTLS, TIDYMAIL_PHASE_STARTTLS},
    {"AUTH", TDM_VERB_AUTH, TIDYMAIL_PHASE_AUTH},
    {"MAIL", TDM_VERB_MAIL, TIDYMAIL_PHASE_MAIL},
    {"RCPT", TDM_VERB_RCPT, TIDYMAIL_PHASE_RCPT},
    {"DATA", TDM_VERB_DATA, TIDYMAIL_PHASE_DATA},
    {"QUIT", TDM_VERB_QUIT, TIDYMAIL_PHASE_QUIT},
};

/* What the next reply will be about. */
static void command_note_verb(tidymail_session *session, const char *line, size_t length)
{
    const char *word;
    size_t at = 0;
    size_t word_length = tdm_next_word(line, length, &at, &word);
    while (word_length > 0 && (word[word_length - 1] == '\r' || word[word_length - 1] == '\n')) {
        word_length--;
    }
    session->verb = TDM_VERB_OTHER;
    session->tls_awaited = 0;
    for (size_t i = 0; i < sizeof(command_rows) / sizeof(command_rows[0]); i++) {
        if (tdm_equal_nocase_n(word, word_length, command_rows[i].word)) {
            session->verb = command_rows[i].verb;
            session->phase = command_rows[i].phase;
        }
    }
}

/* A word that may be the name of a mechanism (RFC 4422 3.1), not a password in its place. */
static int command_is_mechanism(const char *word, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int upper = word[i] >= 'A' && word[i] <= 'Z';
        if (!upper && !tdm_is_digit(word[i]) && word[i] != '-' && word[i] != '_') {
            return tdm_sasl_find(word, length) != NULL;
        }
    }
    return length <= 20;
}

/* Where a line holds credentials, they begin here; its length: nowhere. */
static size_t command_secret_at(const char *line, size_t length, int is_response)
{
    const char *word;
    size_t at = 0;
    if (is_response) {
        return length == 1 && line[0] == '*' ? length : 0; /* RFC 4954 4: cancels */
    }
    size_t word_length = tdm_next_word(line, length, &at, &word);
    if (!tdm_equal_nocase_n(word, word_length, "AUTH")) {
        return length;
    }
    word_length = tdm_next_word(line, length, &at, &word);
    if (!command_is_mechanism(word, word_length)) {
        return (size_t)(word - line);
    }
    return tdm_next_word(line, length, &at, &word) > 0 ? (size_t)(word - line) : length;
}

/* The bytes as a transcript may have them; what is hidden must not come back in a reply either. Bytes
 * sent raw may be several lines, and those behind AUTH its responses. */
static int command_trace(tidymail_session *session, const char *bytes, size_t length)
{
    struct tdm_buf shown;
    int is_response = session->mode == TIDYMAIL_SESSION_AUTH;
    tdm_buf_init(&shown, &session->allocator, length * 12 + 64);
    for (size_t at = 0; at < length || at == 0;) {
        const char *line = bytes + at;
        const char *end = at < length ? memchr(line, '\n', length - at) : NULL;
        size_t whole = end != NULL ? (size_t)(end - line) + 1 : length - at;
        size_t text = whole;
        while (text > 0 && (line[text - 1] == '\n' || line[text - 1] == '\r')) {
            text--;
        }
        size_t secret = command_secret_at(line, text, is_response);
        tdm_buf_add(&shown, line, secret);
        if (secret < text) {
            tdm_buf_wipe(&session->secret);
            tdm_buf_add(&session->secret, line + secret, text - secret);
            tdm_buf_add_str(&shown, "[credentials hidden]");
        }
        tdm_buf_add(&shown, line + text, whole - text);
        is_response |= tdm_starts_nocase(line, text, "AUTH ");
        at += whole > 0 ? whole : 1;
    }
    int failed = shown.failed || session->secret.failed;
    if (!failed) {
        tdm_session_trace(session, TIDYMAIL_SMTP_MARK_SENT, tdm_buf_text(&shown), shown.length);
    }
    tdm_buf_clear(&shown);
    return failed ? tdm_session_no_memory(session) : TIDYMAIL_OK;
}

/* A line of the message: not shown, but for its end. */
static void command_note_message_line(tidymail_session *session, const char *line)
{
    session->phase = TIDYMAIL_PHASE_BODY;
    if (strcmp(line, ".") == 0) {
        session->phase = TIDYMAIL_PHASE_FINAL;
        session->final_sent = 1;
        tdm_session_trace(session, TIDYMAIL_SMTP_MARK_SENT, ".", 1);
    }
}

int tdm_session_send(tidymail_session *session, const char *line)
{
    struct tdm_buf out;
    size_t length = strlen(line);
    int kind = TIDYMAIL_OK;
    if (session->fd < 0) {
        return tdm_session_fail(session, TIDYMAIL_KIND_CONNECTION, "not connected", NULL);
    }
    if (memchr(line, '\r', length) != NULL || memchr(line, '\n', length) != NULL) {
        return tdm_session_fail(session, TIDYMAIL_KIND_MESSAGE,
                                "a line has no CR or LF within (sent raw it may)", NULL);
    }
    tdm_buf_init(&out, &session->allocator, length + 3);
    tdm_buf_add(&out, line, length);
    if (tdm_buf_add(&out, "\r\n", 2) != 0) {
        return tdm_session_no_memory(session);
    }
    if (session->mode == TIDYMAIL_SESSION_DATA) {
        command_note_message_line(session, line);
    } else {
        if (session->mode == TIDYMAIL_SESSION_COMMAND) {
            command_note_verb(session, line, length);
        }
        kind = command_trace(session, line, length);
    }
    if (kind == TIDYMAIL_OK) {
        kind = tdm_session_write(session, out.data, out.length);
    }
    tdm_buf_wipe(&out);
    return kind;
}

int tdm_session_ask(tidymail_session *session, const char *line)
{
    int kind = tdm_session_send(session, line);
    return kind == TIDYMAIL_OK ? tdm_session_read(session, -1) : kind;
}

int tdm_session_verdict(const tidymail_session *session)
{
    return session->error.kind;
}

int tidymail_session_send_line(tidymail_session *session, const char *line)
{
    if (session == NULL || line == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    tdm_session_begin(session);
    return tdm_session_send(session, line);
}

int tidymail_session_send_raw(tidymail_session *session, const void *bytes, size_t length)
{
    if (session == NULL || bytes == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    tdm_session_begin(session);
    if (session->fd < 0) {
        return tdm_session_fail(session, TIDYMAIL_KIND_CONNECTION, "not connected", NULL);
    }
    const char *text = bytes;
    int kind = TIDYMAIL_OK;
    if (session->mode == TIDYMAIL_SESSION_DATA) {
        session->phase = TIDYMAIL_PHASE_BODY; /* whether its end is in it is the server's to say */
        session->final_sent = 1;
    } else {
        if (session->mode == TIDYMAIL_SESSION_COMMAND) {
            command_note_verb(session, text, length);
        }
        kind = command_trace(session, text, length);
    }
    return kind == TIDYMAIL_OK ? tdm_session_write(session, bytes, length) : kind;
}

int tidymail_session_ehlo(tidymail_session *session, const char *name)
{
    struct tdm_buf line;
    if (session == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    tdm_session_begin(session);
    if (session->fd < 0) {
        return tdm_session_fail(session, TIDYMAIL_KIND_CONNECTION, "not connected", NULL);
    }
    const struct tdm_smtp_own *smtp = tdm_session_smtp(session);
    tdm_buf_init(&line, &session->allocator, TDM_SESSION_LINE_MAX);
    tdm_buf_addf(&line, "%s %s", smtp->lmtp ? "LHLO" : "EHLO", name != NULL ? name : smtp->helo);
    int kind = line.failed ? tdm_session_no_memory(session)
                           : tdm_session_ask(session, tdm_buf_text(&line));
    tdm_buf_clear(&line);
    return kind == TIDYMAIL_OK ? tdm_session_verdict(session) : kind;
}
