/*
 * smtp_session.c: from the greeting to where messages may go, and QUIT (the login: smtp_auth.c). Nothing is sent unauthenticated when
 * credentials were given, nothing in clear when TLS was asked for: each way on leads through
 * session_continue, which checks both.
 */
#include <string.h>

#include "smtp/smtp_internal.h"
#include "util/str.h"

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
        tdm_smtp_fail_odd_reply(smtp, reply, "the server's greeting is not 220");
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
    const char *verb = smtp->options.lmtp ? "LHLO" : tdm_smtp_rows[state].name;
    tdm_smtp_command(smtp, state, 0, "%s %s", verb, name);
}

void tdm_smtp_enter_ehlo(tidymail_smtp *smtp)
{
    session_hello(smtp, TDM_SMTP_EHLO);
}

void tdm_smtp_enter_helo(tidymail_smtp *smtp)
{
    session_hello(smtp, TDM_SMTP_HELO);
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
    if (tdm_smtp_note_mechanisms(smtp) != 0) {
        tdm_smtp_fail_no_memory(smtp);
    } else if (tdm_smtp_wants_login(smtp)) {
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
    int needs_ehlo = smtp->options.lmtp || tdm_smtp_wants_login(smtp) ||
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
        tdm_smtp_fail_odd_reply(smtp, reply, "the server's answer makes no sense here");
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
        tdm_smtp_fail_odd_reply(smtp, reply, "the server's answer makes no sense here");
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
    } else {
        /* any other answer, 250 too, leaves the session in clear */
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_STARTTLS, reply,
                               "the server offered STARTTLS and refused it");
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
