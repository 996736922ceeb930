/*
 * smtp_auth.c: the login (RFC 4954). Mechanisms are tried in the order asked for, or strongest first;
 * only a mechanism that the server refuses as such makes way for the next: a refused password is not
 * tried a second time. Nothing but 235 is success, and where the mechanism lets the server prove
 * itself, not even that.
 */
#include <string.h>

#include "smtp/smtp_internal.h"
#include "util/base64.h"
#include "util/str.h"

#define COMMAND_LINE_MAX 510 /* RFC 4954 4: with the CRLF no more than 512 */

int tdm_smtp_wants_login(const tidymail_smtp *smtp)
{
    const tidymail_smtp_options *options = &smtp->options;
    int external = options->auth != NULL && tdm_equal_nocase(options->auth, "EXTERNAL");
    return external || (options->user != NULL && options->password != NULL);
}

/* 1 where the mechanism may be used in this session as it is. */
static int auth_can_use(const tidymail_smtp *smtp, const struct tdm_sasl_mechanism *mechanism)
{
    if (!tdm_smtp_caps_offers(&smtp->caps, mechanism->name)) {
        return 0;
    }
    if (mechanism->needs_nonce && smtp->options.nonce == NULL) {
        return 0;
    }
    if (mechanism->binds && smtp->binding_type == NULL) {
        return 0; /* only what the TLS layer can bind: a -PLUS that fails is no login */
    }
    return smtp->encrypted || smtp->options.cleartext_auth;
}

static int auth_list_add(tidymail_smtp *smtp, char **list, const char *name)
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

static int auth_was_tried(const tidymail_smtp *smtp, const struct tdm_sasl_mechanism *mechanism)
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
static const struct tdm_sasl_mechanism *auth_choose(const tidymail_smtp *smtp)
{
    const char *order = smtp->options.auth;
    if (order == NULL) {
        for (size_t i = 0; tdm_sasl_mechanisms[i] != NULL; i++) {
            const struct tdm_sasl_mechanism *mechanism = tdm_sasl_mechanisms[i];
            if (mechanism->by_default && auth_can_use(smtp, mechanism) &&
                !auth_was_tried(smtp, mechanism)) {
                return mechanism;
            }
        }
        return NULL;
    }
    while (*order != '\0') {
        size_t length = strcspn(order, ",");
        const struct tdm_sasl_mechanism *mechanism = tdm_sasl_find(order, length);
        if (mechanism != NULL && auth_can_use(smtp, mechanism) &&
            !auth_was_tried(smtp, mechanism)) {
            return mechanism;
        }
        order += length + (order[length] == ',');
    }
    return NULL;
}

static void auth_no_mechanism(tidymail_smtp *smtp)
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
                       "the login would go out without TLS (the server offers %s)", offered);
        tdm_text_set(&error->allocator, &error->hint,
                     "use TLS, or cleartext-auth=allow where the way to the server is safe");
    } else {
        tdm_error_setf(error, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH,
                       "no usable login mechanism: the server offers %s, %s %s", offered,
                       smtp->options.auth != NULL ? "asked for was" : "tidymail can use",
                       smtp->options.auth != NULL          ? smtp->options.auth
                       : smtp->peer.auth_supported != NULL ? smtp->peer.auth_supported
                                                           : "none of them");
        tdm_text_set(
            &error->allocator, &error->hint,
            "choose another with auth=; XOAUTH2 and OAUTHBEARER want a token in place of the "
            "password and are used only when named");
    }
    tdm_smtp_fail_session(smtp, 1);
}

int tdm_smtp_note_mechanisms(tidymail_smtp *smtp)
{
    tdm_text_set(&smtp->allocator, &smtp->peer.auth_offered, tdm_buf_text(&smtp->caps.mechanisms));
    tdm_text_set(&smtp->allocator, &smtp->peer.auth_supported, NULL);
    for (size_t i = 0; tdm_sasl_mechanisms[i] != NULL; i++) {
        if (auth_can_use(smtp, tdm_sasl_mechanisms[i]) &&
            auth_list_add(smtp, &smtp->peer.auth_supported, tdm_sasl_mechanisms[i]->name) != 0) {
            return -1;
        }
    }
    return 0;
}

/* The next response of the mechanism, base64, into smtp->secret. `challenge` as it came. */
static enum tdm_sasl_result auth_respond(tidymail_smtp *smtp, const char *challenge, size_t length)
{
    struct tdm_buf response;
    struct tdm_buf decoded;
    tdm_buf_init(&response, &smtp->allocator, smtp->options.max_line);
    tdm_buf_init(&decoded, &smtp->allocator, smtp->options.max_line);
    enum tdm_sasl_result result = TDM_SASL_OK;
    if (smtp->sasl.mechanism->decodes && tdm_base64_decode(&decoded, challenge, length) != 0) {
        /* RFC 4954 4: a challenge that cannot be decoded cancels the exchange. A first prompt of a
         * mechanism that begins itself means nothing and is passed over. */
        int prompt = smtp->sasl.mechanism->client_first && smtp->sasl.step == 0;
        tdm_buf_reset(&decoded);
        if (!prompt) {
            smtp->sasl.problem = "the server's challenge is not base64";
            result = TDM_SASL_REFUSED;
        }
    }
    if (result == TDM_SASL_OK && smtp->sasl.mechanism->decodes) {
        result = smtp->sasl.mechanism->step(&smtp->sasl, tdm_buf_text(&decoded), decoded.length,
                                            &response);
    } else if (result == TDM_SASL_OK) {
        result = smtp->sasl.mechanism->step(&smtp->sasl, challenge, length, &response);
    }
    if (result == TDM_SASL_OK) {
        tdm_buf_wipe(&smtp->secret);
        tdm_base64_encode(&smtp->secret, tdm_buf_text(&response), response.length);
        result = smtp->secret.failed ? TDM_SASL_NO_MEMORY : TDM_SASL_OK;
    }
    tdm_buf_wipe(&response);
    tdm_buf_clear(&decoded);
    return result;
}

static void auth_begin(tidymail_smtp *smtp, const struct tdm_sasl_mechanism *mechanism)
{
    const char *server = smtp->options.server;
    struct tdm_sasl_credentials credentials = {
        .user = smtp->options.user,
        .password = smtp->options.password,
        .nonce = smtp->options.nonce,
        .server = server,
        .plus_offered = tdm_smtp_caps_offers(&smtp->caps, "SCRAM-SHA-256-PLUS") ||
                        tdm_smtp_caps_offers(&smtp->caps, "SCRAM-SHA-1-PLUS"),
        .binding = {smtp->binding_type, (const unsigned char *)smtp->binding.data,
                    smtp->binding.length},
    };
    tdm_sasl_clear(&smtp->sasl);
    tdm_sasl_start(&smtp->sasl, mechanism, &credentials, &smtp->allocator);
}

static void auth_cancelled(tidymail_smtp *smtp)
{
    if (smtp->sasl.problem != NULL) {
        tdm_error_setf(&smtp->error, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH,
                       "authentication failed: %s", smtp->sasl.problem);
        tdm_smtp_fail_session(smtp, 1);
    } else {
        tdm_smtp_fail_protocol(
            smtp, "the server asked for more than the login mechanism has to say", NULL, 0, NULL);
    }
}

void tdm_smtp_enter_auth(tidymail_smtp *smtp)
{
    const struct tdm_sasl_mechanism *mechanism = auth_choose(smtp);
    tdm_smtp_set_state(smtp, TDM_SMTP_AUTH);
    if (mechanism == NULL) {
        auth_no_mechanism(smtp);
        return;
    }
    auth_begin(smtp, mechanism);
    if (auth_list_add(smtp, &smtp->peer.auth_tried, mechanism->name) != 0) {
        tdm_smtp_fail_no_memory(smtp);
        return;
    }
    struct tdm_buf line;
    struct tdm_buf shown;
    tdm_buf_init(&line, &smtp->allocator, smtp->options.max_line);
    tdm_buf_init(&shown, &smtp->allocator, 128);
    tdm_buf_addf(&line, "AUTH %s", mechanism->name);
    tdm_buf_addf(&shown, "AUTH %s", mechanism->name);
    int initial = mechanism->client_first && !smtp->options.no_initial_response;
    enum tdm_sasl_result result = initial ? auth_respond(smtp, "", 0) : TDM_SASL_OK;
    if (result == TDM_SASL_NO_MEMORY) {
        line.failed = 1;
    } else if (initial && result == TDM_SASL_OK &&
               line.length + 1 + smtp->secret.length <= COMMAND_LINE_MAX) {
        smtp->sasl.initial_sent = 1;
        tdm_buf_addf(&line, " %s", smtp->secret.length > 0 ? tdm_buf_text(&smtp->secret) : "=");
        tdm_buf_add_str(&shown, " [credentials hidden]");
    } else {
        smtp->sasl.step = 0; /* RFC 4954 4: too long for the line, it goes behind the 334 */
    }
    if (line.failed || shown.failed) {
        tdm_smtp_fail_no_memory(smtp);
    } else if (result != TDM_SASL_OK) {
        auth_cancelled(smtp); /* nothing was sent: the mechanism has no use for the credentials */
    } else {
        tdm_smtp_secret_command(smtp, TDM_SMTP_AUTH, tdm_buf_text(&line), tdm_buf_text(&shown));
    }
    tdm_buf_wipe(&line);
    tdm_buf_clear(&shown);
}

/* What OAuth's 334 carried, as a note: it says why the token was refused. */
static void auth_note_detail(tidymail_smtp *smtp)
{
    struct tdm_buf note;
    if (smtp->sasl.mechanism == NULL || smtp->sasl.detail.length == 0) {
        return;
    }
    tdm_buf_init(&note, &smtp->allocator, 16384);
    tdm_buf_add_str(&note, "the server said about the login: ");
    tdm_escape(&note, smtp->sasl.detail.data, smtp->sasl.detail.length, 0);
    tdm_smtp_hide_secrets(smtp, &note);
    if (!note.failed) {
        tdm_smtp_add_note(smtp, tdm_buf_text(&note));
        tdm_smtp_trace_note(smtp, tdm_buf_text(&note));
    }
    tdm_buf_clear(&note);
}

static void auth_continue(tidymail_smtp *smtp, const struct tdm_reply *reply)
{
    enum tdm_sasl_result result =
        smtp->auth_cancelled ? TDM_SASL_UNEXPECTED
                             : auth_respond(smtp, tdm_buf_text(&reply->text), reply->text.length);
    if (result == TDM_SASL_OK) {
        tdm_smtp_secret_command(smtp, TDM_SMTP_AUTH, tdm_buf_text(&smtp->secret),
                                smtp->secret.length > 0 ? "[credentials hidden]" : "");
    } else if (result == TDM_SASL_NO_MEMORY) {
        tdm_smtp_fail_no_memory(smtp);
    } else if (!smtp->auth_cancelled) {
        smtp->auth_cancelled = 1;
        tdm_smtp_command(smtp, TDM_SMTP_AUTH, 0, "*"); /* RFC 4954 4: cancels */
    } else {
        tdm_smtp_fail_protocol(smtp, "the server goes on asking for credentials", NULL, 0, NULL);
    }
}

static const char *auth_refusal_words(const tidymail_smtp *smtp, int code)
{
    switch (code) {
    case 535:
        return smtp->sasl.mechanism->by_token
                   ? "authentication failed: the server refused the token"
                   : "authentication failed: the server refused the password";
    case 534:
        return "authentication failed: the server wants another kind of password or mechanism";
    case 530:
    case 538:
        return "authentication failed: the server wants an encrypted connection first";
    default:
        return "authentication failed: the server refused the login";
    }
}

/* 235: the only success (RFC 4954 6), and only if the server has proved itself where it can. */
static void auth_accepted(tidymail_smtp *smtp, const struct tdm_reply *reply)
{
    const struct tdm_sasl_mechanism *mechanism = smtp->sasl.mechanism;
    enum tdm_sasl_result result = TDM_SASL_OK;
    if (mechanism->finish != NULL) {
        struct tdm_buf text;
        tdm_buf_init(&text, &smtp->allocator, smtp->options.max_line);
        if (tdm_base64_decode(&text, tdm_buf_text(&reply->text), reply->text.length) != 0) {
            tdm_buf_reset(&text); /* words for people, as nearly always */
        }
        result = mechanism->finish(&smtp->sasl, tdm_buf_text(&text), text.length);
        tdm_buf_clear(&text);
    }
    if (result == TDM_SASL_OK) {
        smtp->ready = 1; /* no EHLO again: some servers forget the login at it */
        return;
    }
    tdm_error_setf(&smtp->error, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH,
                   "authentication failed: %s", smtp->sasl.problem);
    tdm_text_set(&smtp->allocator, &smtp->error.hint,
                 "this may not be the server it says it is; no weaker mechanism was tried");
    tdm_smtp_fail_session(smtp, 1);
}

void tdm_smtp_reply_auth(tidymail_smtp *smtp, const struct tdm_reply *reply,
                         const struct tdm_pending *pending)
{
    (void)pending;
    if (smtp->auth_cancelled && reply->code != 334) {
        auth_cancelled(smtp);
    } else if (reply->code == 235) {
        auth_accepted(smtp, reply);
    } else if (reply->code == 334) {
        auth_continue(smtp, reply);
    } else if (reply->code == 504 && auth_choose(smtp) != NULL) {
        tdm_smtp_enter(smtp, TDM_SMTP_AUTH); /* this mechanism, not the password, was refused */
    } else if (reply->code / 100 == 4) {
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, reply,
                               "the server could not check the login");
    } else if (reply->code >= 500) {
        auth_note_detail(smtp);
        tdm_smtp_fail_by_reply(smtp, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, reply,
                               auth_refusal_words(smtp, reply->code));
    } else {
        tdm_smtp_fail_odd_reply(smtp, reply, "the server's answer to the login makes no sense");
    }
}
