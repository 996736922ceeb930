/*
 * smtp_session.c: from the greeting to the login, and QUIT. Nothing is sent unauthenticated when
 * credentials were given, nothing in clear when TLS was asked for: each way on leads through
 * session_continue, which checks both.
 */
#include <string.h>

#include "smtp/smtp_internal.h"
#include "util/base64.h"
#include "util/str.h"

#define COMMAND_LINE_MAX 510 /* RFC 4954 4: with the CRLF no more than 512 */

void tdm_smtp_enter_nothing(tidymail_smtp *smtp)
{
    (void)smtp;
}

void tdm_smtp_reply_unexpected(tidymail_smtp *smtp, const struct tdm_reply *reply,
                               const struct tdm_pending *pending)
{
    (void)pending;
    tdm_smtp_note_reply(smtp, reply);
}

void tdm_smtp_enter_tls(tidymail_smtp *smtp)
{
    tdm_smtp_set_state(smtp, TDM_SMTP_TLS);
    tdm_smtp_caps_reset(&smtp->caps); /* RFC 3207 4.2: what was learned in clear is forgotten */
    smtp->extended = 0;
    smtp->event_start_tls = 1;
}

void tdm_smtp_enter_greeting(tidymail_smtp *smtp)
{
    if (tdm_smtp_expect(smtp, TDM_SMTP_GREETING, 0) == 0) {
        tdm_smtp_set_state(smtp, TDM_SMTP_GREETING);
    }
}

void tdm_smtp_reply_greeting(tidymail_smtp *smtp, const struct tdm_reply *reply,
                             const struct tdm_pending *pending)
{
    (void)pending;
    if (reply->code == 220) {
        tdm_smtp_enter(smtp, TDM_SMTP_EHLO);
    } else if (reply->code >= 400) {
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_GREETING, reply,
                               "the server refused the session");
    } else {
        tdm_smtp_fail_protocol(smtp, "the server's greeting is not 220",
                               tdm_buf_text(&smtp->parser.line), smtp->parser.line.length, NULL);
    }
}

static void session_hello(tidymail_smtp *smtp, enum tdm_smtp_state state)
{
    const char *name = smtp->options.helo != NULL ? smtp->options.helo : "localhost";
    tdm_smtp_set_state(smtp, state);
    if (strchr(name, ' ') != NULL || name[0] == '\0' ||
        tdm_find_control(name, strlen(name)) != strlen(name) || tdm_has_8bit(name, strlen(name))) {
        tdm_error_set(&smtp->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_EHLO,
                      "the EHLO name (helo=) is not a host name or an address literal", NULL);
        tdm_smtp_fail_session(smtp, 1);
        return;
    }
    tdm_smtp_command(smtp, state, 0, "%s %s", tdm_smtp_rows[state].name, name);
}

void tdm_smtp_enter_ehlo(tidymail_smtp *smtp)
{
    session_hello(smtp, TDM_SMTP_EHLO);
}

void tdm_smtp_enter_helo(tidymail_smtp *smtp)
{
    session_hello(smtp, TDM_SMTP_HELO);
}

static int session_has_credentials(const tidymail_smtp *smtp)
{
    return smtp->options.user != NULL && smtp->options.password != NULL;
}

static void session_no_starttls(tidymail_smtp *smtp)
{
    tdm_error_set(
        &smtp->error, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_STARTTLS,
        smtp->caps.masked ? "the server does not offer STARTTLS, and something on the way masks a "
                            "keyword of its EHLO reply"
                          : "the server does not offer STARTTLS, and TLS is required",
        smtp->caps.masked
            ? "a firewall or virus scanner may be stripping STARTTLS: try smtps:// on port "
              "465"
            : "try smtps:// on port 465; if the server is trusted and near, tls=none sends "
              "in clear");
    tdm_smtp_fail_session(smtp, 1);
}

/* 1 where the mechanism may be used in this session as it is. */
static int session_can_use(const tidymail_smtp *smtp, const struct tdm_sasl_mechanism *mechanism)
{
    return tdm_smtp_caps_offers(&smtp->caps, mechanism->name) &&
           (!mechanism->needs_tls || smtp->encrypted || smtp->options.cleartext_auth);
}

static int session_list_add(tidymail_smtp *smtp, char **list, const char *name)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &smtp->allocator, 4096);
    tdm_buf_addf(&text, "%s%s%s", *list != NULL ? *list : "", *list != NULL ? " " : "", name);
    char *before = *list;
    if (!text.failed) {
        tdm_text_set(&smtp->allocator, list, tdm_buf_text(&text));
    }
    tdm_buf_clear(&text);
    return *list == before ? -1 : 0;
}

static int session_was_tried(const tidymail_smtp *smtp, const struct tdm_sasl_mechanism *mechanism)
{
    const char *tried = smtp->peer.auth_tried;
    const char *word;
    size_t at = 0;
    size_t length;
    while (tried != NULL && (length = tdm_next_word(tried, strlen(tried), &at, &word)) > 0) {
        if (tdm_equal_nocase_n(word, length, mechanism->name)) {
            return 1;
        }
    }
    return 0;
}

/* The next mechanism of the order asked for (auth=), else of ours; NULL where none is left. */
static const struct tdm_sasl_mechanism *session_choose(const tidymail_smtp *smtp)
{
    const char *order = smtp->options.auth;
    if (order == NULL) {
        for (size_t i = 0; tdm_sasl_mechanisms[i] != NULL; i++) {
            const struct tdm_sasl_mechanism *mechanism = tdm_sasl_mechanisms[i];
            if (session_can_use(smtp, mechanism) && !session_was_tried(smtp, mechanism)) {
                return mechanism;
            }
        }
        return NULL;
    }
    while (*order != '\0') {
        size_t length = strcspn(order, ",");
        const struct tdm_sasl_mechanism *mechanism = tdm_sasl_find(order, length);
        if (mechanism != NULL && session_can_use(smtp, mechanism) &&
            !session_was_tried(smtp, mechanism)) {
            return mechanism;
        }
        order += length + (order[length] == ',');
    }
    return NULL;
}

static void session_no_mechanism(tidymail_smtp *smtp)
{
    struct tidymail_error *error = &smtp->error;
    const char *offered = smtp->peer.auth_offered;
    if (offered == NULL || offered[0] == '\0') {
        tdm_error_set(
            error, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH,
            "credentials were given, but the server offers no authentication",
            smtp->encrypted
                ? "this port may be for servers only: submission is usually on port 587 or "
                  "465"
                : "the server may offer it only under TLS");
    } else if (!smtp->encrypted && !smtp->options.cleartext_auth) {
        tdm_error_setf(error, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH,
                       "the password would go out in clear (the server offers %s, without TLS)",
                       offered);
        tdm_text_set(&error->allocator, &error->hint,
                     "use TLS, or cleartext-auth=allow where the way to the server is safe");
    } else {
        tdm_error_setf(error, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH,
                       "no usable login mechanism: the server offers %s, asked for was %s", offered,
                       smtp->options.auth != NULL ? smtp->options.auth : "PLAIN, LOGIN");
    }
    tdm_smtp_fail_session(smtp, 1);
}

/* The lists of the report: what was offered, and what of it can be used here. */
static int session_note_mechanisms(tidymail_smtp *smtp)
{
    tdm_text_set(&smtp->allocator, &smtp->peer.auth_offered, tdm_buf_text(&smtp->caps.mechanisms));
    tdm_text_set(&smtp->allocator, &smtp->peer.auth_supported, NULL);
    for (size_t i = 0; tdm_sasl_mechanisms[i] != NULL; i++) {
        if (session_can_use(smtp, tdm_sasl_mechanisms[i]) &&
            session_list_add(smtp, &smtp->peer.auth_supported, tdm_sasl_mechanisms[i]->name) != 0) {
            return -1;
        }
    }
    return 0;
}

/* After each EHLO or HELO that was accepted: what is still missing before messages may go. */
static void session_continue(tidymail_smtp *smtp)
{
    int tls = smtp->options.tls;
    if (!smtp->encrypted && tls == TIDYMAIL_SMTP_TLS_STARTTLS && !smtp->caps.starttls) {
        session_no_starttls(smtp);
        return;
    }
    if (!smtp->encrypted && tls != TIDYMAIL_SMTP_TLS_NONE && smtp->caps.starttls) {
        tdm_smtp_enter(smtp, TDM_SMTP_STARTTLS);
        return;
    }
    if (!smtp->encrypted && tls == TIDYMAIL_SMTP_TLS_OPPORTUNISTIC) {
        tdm_smtp_trace_note(smtp, "STARTTLS is not offered: this session is not encrypted");
    }
    if (session_note_mechanisms(smtp) != 0) {
        tdm_smtp_fail_no_memory(smtp);
    } else if (session_has_credentials(smtp)) {
        tdm_smtp_enter(smtp, TDM_SMTP_AUTH);
    } else {
        smtp->ready = 1; /* tdm_smtp_advance follows every reply */
    }
}

/* 554 and 521 (RFC 7504) refuse the whole session: another greeting would not help. */
static int session_is_refusal(int code)
{
    return code == 554 || code == 521;
}

void tdm_smtp_reply_ehlo(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    int needs_ehlo = session_has_credentials(smtp) ||
                     smtp->options.tls == TIDYMAIL_SMTP_TLS_STARTTLS || smtp->peer_knows_ehlo;
    if (reply->code / 100 == 2) {
        smtp->extended = 1;
        smtp->peer_knows_ehlo = 1;
        if (tdm_smtp_caps_read(&smtp->caps, reply) != 0) {
            tdm_smtp_fail_no_memory(smtp);
            return;
        }
        session_continue(smtp);
    } else if (reply->code >= 500 && !session_is_refusal(reply->code) && !needs_ehlo) {
        /* RFC 5321 3.2: "command not recognized", which servers say in many ways */
        tdm_smtp_error_from_reply(smtp, &smtp->ehlo_error, TIDYMAIL_KIND_PERMANENT,
                                  TIDYMAIL_PHASE_EHLO, reply, "the server refused EHLO");
        tdm_smtp_enter(smtp, TDM_SMTP_HELO);
    } else if (reply->code >= 400) {
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_EHLO, reply,
                               needs_ehlo && reply->code >= 500 && !session_is_refusal(reply->code)
                                   ? "the server refused EHLO, which TLS and login need"
                                   : "the server refused EHLO");
    } else {
        tdm_smtp_fail_protocol(smtp, "the server's answer makes no sense here",
                               tdm_buf_text(&smtp->parser.line), smtp->parser.line.length, NULL);
    }
}

void tdm_smtp_reply_helo(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    if (reply->code / 100 == 2) {
        session_continue(smtp);
    } else if (reply->code >= 400) {
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_PERMANENT, TIDYMAIL_PHASE_EHLO, reply,
                               "the server refused EHLO and HELO");
    } else {
        tdm_smtp_fail_protocol(smtp, "the server's answer makes no sense here",
                               tdm_buf_text(&smtp->parser.line), smtp->parser.line.length, NULL);
    }
}

void tdm_smtp_enter_starttls(tidymail_smtp *smtp)
{
    tdm_smtp_set_state(smtp, TDM_SMTP_STARTTLS);
    tdm_smtp_command(smtp, TDM_SMTP_STARTTLS, 0, "STARTTLS");
}

void tdm_smtp_reply_starttls(tidymail_smtp *smtp, const struct tdm_reply *reply,
                             const struct tdm_pending *pending)
{
    (void)pending;
    if (reply->code == 220) {
        tdm_smtp_enter(smtp, TDM_SMTP_TLS);
    } else if (reply->code >= 400) {
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_STARTTLS, reply,
                               "the server offered STARTTLS and refused it");
    } else {
        tdm_smtp_fail_protocol(smtp, "the server's answer to STARTTLS makes no sense",
                               tdm_buf_text(&smtp->parser.line), smtp->parser.line.length, NULL);
    }
}

/* The next response of the mechanism, base64, into smtp->secret. 0, or the result of the step. */
static enum tdm_sasl_result auth_respond(tidymail_smtp *smtp, const char *challenge, size_t length)
{
    struct tdm_buf response;
    tdm_buf_init(&response, &smtp->allocator, smtp->options.max_line);
    enum tdm_sasl_result result =
        smtp->sasl.mechanism->step(&smtp->sasl, challenge, length, &response);
    if (result == TDM_SASL_OK) {
        tdm_buf_wipe(&smtp->secret);
        tdm_base64_encode(&smtp->secret, tdm_buf_text(&response), response.length);
        result = smtp->secret.failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
    }
    tdm_buf_wipe(&response);
    return result;
}

void tdm_smtp_enter_auth(tidymail_smtp *smtp)
{
    const struct tdm_sasl_mechanism *mechanism = session_choose(smtp);
    tdm_smtp_set_state(smtp, TDM_SMTP_AUTH);
    if (mechanism == NULL) {
        session_no_mechanism(smtp);
        return;
    }
    struct tdm_sasl_credentials credentials = {smtp->options.user, smtp->options.password};
    tdm_sasl_start(&smtp->sasl, mechanism, &credentials);
    if (session_list_add(smtp, &smtp->peer.auth_tried, mechanism->name) != 0) {
        tdm_smtp_fail_no_memory(smtp);
        return;
    }
    struct tdm_buf line;
    tdm_buf_init(&line, &smtp->allocator, smtp->options.max_line);
    struct tdm_buf shown;
    tdm_buf_init(&shown, &smtp->allocator, 128);
    tdm_buf_addf(&line, "AUTH %s", mechanism->name);
    tdm_buf_addf(&shown, "AUTH %s", mechanism->name);
    int initial = mechanism->client_first && !smtp->options.no_initial_response;
    if (initial && auth_respond(smtp, NULL, 0) != TDM_SASL_OK) {
        line.failed = 1;
    } else if (initial && line.length + 1 + smtp->secret.length <= COMMAND_LINE_MAX) {
        smtp->sasl.initial_sent = 1;
        tdm_buf_addf(&line, " %s", smtp->secret.length > 0 ? tdm_buf_text(&smtp->secret) : "=");
        tdm_buf_add_str(&shown, " [credentials hidden]");
    } else {
        smtp->sasl.step = 0; /* RFC 4954 4: too long for the line, it goes behind the 334 */
    }
    if (line.failed || shown.failed) {
        tdm_smtp_fail_no_memory(smtp);
    } else {
        tdm_smtp_secret_command(smtp, TDM_SMTP_AUTH, tdm_buf_text(&line), tdm_buf_text(&shown));
    }
    tdm_buf_wipe(&line);
    tdm_buf_clear(&shown);
}

static void auth_continue(tidymail_smtp *smtp, const struct tdm_reply *reply)
{
    enum tdm_sasl_result result =
        smtp->auth_cancelled ? TDM_SASL_UNEXPECTED
                             : auth_respond(smtp, tdm_buf_text(&reply->text), reply->text.length);
    if (result == TDM_SASL_OK) {
        tdm_smtp_secret_command(smtp, TDM_SMTP_AUTH, tdm_buf_text(&smtp->secret),
                                "[credentials hidden]");
    } else if (result == TDM_SASL_NO_MEMORY) {
        tdm_smtp_fail_no_memory(smtp);
    } else if (!smtp->auth_cancelled) {
        smtp->auth_cancelled = 1;
        tdm_smtp_command(smtp, TDM_SMTP_AUTH, 0, "*"); /* RFC 4954 4: cancels */
    } else {
        tdm_smtp_fail_protocol(smtp, "the server goes on asking for credentials", NULL, 0, NULL);
    }
}

static const char *auth_refusal_words(int code)
{
    switch (code) {
    case 535:
        return "authentication failed: the server refused the password";
    case 534:
        return "authentication failed: the server wants another kind of password or mechanism";
    case 530:
    case 538:
        return "authentication failed: the server wants an encrypted connection first";
    default:
        return "authentication failed: the server refused the login";
    }
}

void tdm_smtp_reply_auth(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    if (smtp->auth_cancelled && reply->code != 334) {
        tdm_smtp_fail_protocol(
            smtp, "the server asked for more than the login mechanism has to say", NULL, 0, NULL);
    } else if (reply->code == 235) {
        smtp->ready =
            1; /* RFC 4954 6: the only success. No EHLO again: some servers forget the login */
    } else if (reply->code == 334) {
        auth_continue(smtp, reply);
    } else if (reply->code == 504 && session_choose(smtp) != NULL) {
        tdm_smtp_enter(smtp, TDM_SMTP_AUTH); /* this mechanism, not the password, was refused */
    } else if (reply->code / 100 == 4) {
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, reply,
                               "the server could not check the login");
    } else if (reply->code >= 500) {
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, reply,
                               auth_refusal_words(reply->code));
    } else {
        tdm_smtp_fail_protocol(smtp, "the server's answer to the login makes no sense",
                               tdm_buf_text(&smtp->parser.line), smtp->parser.line.length, NULL);
    }
}

void tdm_smtp_enter_quit(tidymail_smtp *smtp)
{
    tdm_smtp_set_state(smtp, TDM_SMTP_QUIT);
    tdm_smtp_command(smtp, TDM_SMTP_QUIT, 0, "QUIT");
}

/* The result was fixed before QUIT. A refusal here is the second reply to what failed before. */
void tdm_smtp_reply_quit(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    if (reply->code != 221 && smtp->error.kind != TIDYMAIL_OK) {
        tdm_smtp_note_reply(smtp, reply);
    }
    tdm_smtp_close(smtp);
}
