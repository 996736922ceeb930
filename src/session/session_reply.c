/* session_reply.c: what a reply means for the session, see session_data.h. */
#include <string.h>

#include "report/hints.h"
#include "session/session_data.h"
#include "util/base64.h"
#include "util/str.h"

/* A 334 carries base64 (RFC 4954 4); what is none is no challenge to show. */
static void reply_decode(tidymail_session *session, const struct tdm_reply *reply)
{
    struct tdm_buf decoded;
    if (reply->code != 334 || reply->text.length == 0 || session->hides_challenges) {
        return;
    }
    tdm_buf_init(&decoded, &session->allocator, TDM_SESSION_REPLY_MAX);
    if (tdm_base64_decode(&decoded, tdm_buf_text(&reply->text), reply->text.length) == 0) {
        tdm_session_hide(session, &decoded);
        tdm_escape(&session->challenge, tdm_buf_text(&decoded), decoded.length, 0);
        tdm_session_note(session, "the challenge says: %s", tdm_buf_text(&session->challenge));
    }
    tdm_buf_clear(&decoded);
}

static int reply_keep_capabilities(tidymail_session *session, const struct tdm_reply *reply)
{
    const char *at = strchr(tdm_buf_text(&reply->text), '\n'); /* the first line is its name */
    tdm_buf_reset(&session->capabilities);
    while (at != NULL) {
        const char *line = at + 1;
        at = strchr(line, '\n');
        size_t length = at != NULL ? (size_t)(at - line) : strlen(line);
        tdm_escape(&session->capabilities, line, length, 0);
        tdm_buf_add_char(&session->capabilities, '\0');
    }
    session->has_ehlo = 1;
    return session->capabilities.failed || tdm_smtp_caps_read(&session->caps, reply) != 0 ? -1 : 0;
}

static void reply_change_mode(tidymail_session *session, int code)
{
    int in_message = session->mode == TIDYMAIL_SESSION_DATA && !session->final_sent;
    if (code == 354 && session->verb == TDM_VERB_DATA) {
        session->mode = TIDYMAIL_SESSION_DATA;
    } else if (code == 334 && session->verb == TDM_VERB_AUTH) {
        session->mode = TIDYMAIL_SESSION_AUTH;
    } else if (!in_message) { /* what a server says amid a message does not end the message */
        session->mode = TIDYMAIL_SESSION_COMMAND;
        session->final_sent = 0;
    }
}

static const char *reply_what(const tidymail_session *session)
{
    static const char *const words[] = {
        [TDM_VERB_GREETING] = "the server does not want to talk",
        [TDM_VERB_EHLO] = "the server refused EHLO",
        [TDM_VERB_HELO] = "the server refused HELO",
        [TDM_VERB_STARTTLS] = "the server refused STARTTLS",
        [TDM_VERB_AUTH] = "the server refused the login",
        [TDM_VERB_MAIL] = "the server refused the sender",
        [TDM_VERB_RCPT] = "the server refused the recipient",
        [TDM_VERB_DATA] = "the server refused the message",
        [TDM_VERB_QUIT] = "the server refused QUIT",
        [TDM_VERB_OTHER] = "the server refused the command",
    };
    return words[session->verb];
}

static int reply_kind(const tidymail_session *session)
{
    int temporary = session->code < 500;
    if (session->verb == TDM_VERB_STARTTLS) {
        return TIDYMAIL_KIND_TLS;
    }
    if (temporary) {
        return TIDYMAIL_KIND_TEMPORARY;
    }
    return session->verb == TDM_VERB_AUTH ? TIDYMAIL_KIND_AUTHENTICATION : TIDYMAIL_KIND_PERMANENT;
}

static void reply_refuse(tidymail_session *session)
{
    struct tidymail_error *error = &session->error;
    const char *text = tdm_buf_text(&session->text);
    int kind = reply_kind(session);
    struct tdm_hint_query query = {kind,          session->phase,
                                   session->code, session->enhanced,
                                   text,          tdm_session_smtp(session)->server};
    const struct tdm_hint *hint = tdm_hint_find(&query);
    int first = (int)strcspn(text, "\n");
    tdm_error_setf(error, kind, session->phase, "%s (%d%s%s)%s%.*s", reply_what(session),
                   session->code, session->enhanced[0] != '\0' ? " " : "", session->enhanced,
                   first > 0 ? ": " : "", first, text);
    error->code = session->code;
    error->retryable = session->code < 500;
    memcpy(error->enhanced, session->enhanced, sizeof(error->enhanced));
    tdm_text_set(&session->allocator, &error->reply, text);
    tdm_text_set(&session->allocator, &error->hint, hint != NULL ? hint->text : NULL);
}

int tdm_session_take_reply(tidymail_session *session)
{
    const struct tdm_reply *reply = &session->parser.reply;
    session->code = reply->code;
    tdm_reply_enhanced(reply, session->enhanced);
    tdm_reply_words(reply, &session->text);
    tdm_session_hide(session, &session->text);
    reply_decode(session, reply);
    reply_change_mode(session, reply->code);
    session->tls_awaited = session->verb == TDM_VERB_STARTTLS && reply->code == 220;
    int failed = session->text.failed || session->challenge.failed;
    if (session->verb == TDM_VERB_EHLO && reply->code == 250) {
        failed |= reply_keep_capabilities(session, reply) != 0;
    }
    if (failed) {
        tdm_session_cut(session);
        return tdm_session_no_memory(session);
    }
    if (reply->code >= 400) {
        reply_refuse(session);
    }
    if (session->verb == TDM_VERB_QUIT && reply->code == 221) {
        tdm_session_cut(session); /* RFC 5321 4.1.1.10: nothing follows */
    }
    return TIDYMAIL_OK;
}

int tdm_session_take_line(tidymail_session *session)
{
    const struct tdm_buf *line = &session->parser.line;
    tdm_escape(&session->text, tdm_buf_text(line), line->length, 0);
    tdm_session_hide(session, &session->text);
    const char *what = tdm_reply_recognise(tdm_buf_text(line), line->length);
    tdm_error_setf(&session->error, TIDYMAIL_KIND_PROTOCOL, session->phase,
                   what != NULL ? "this line is no SMTP reply; it looks like %s"
                                : "this line is no SMTP reply%s",
                   what != NULL ? what : "");
    return TIDYMAIL_OK;
}
