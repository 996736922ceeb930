/*
 * session_auth.c: the login (RFC 4954), one mechanism at a time: which one is the caller's choice.
 * Responses are encoded here, challenges decoded, and neither is shown where it helps to find the
 * password.
 */
#include <string.h>

#include "client/credentials.h"
#include "session/session_data.h"
#include "util/base64.h"
#include "util/str.h"

#define AUTH_STEPS_MAX 16
#define AUTH_NONCE_BYTES 18       /* 24 characters as base64, which has no comma (RFC 5802 5.1) */
#define AUTH_COMMAND_LINE_MAX 510 /* RFC 4954 4: with the CRLF no more than 512 */

struct auth_exchange {
    struct tdm_sasl sasl;
    char nonce[AUTH_NONCE_BYTES / 3 * 4 + 1];
    unsigned char binding[TDM_TLS_BINDING_MAX];
    struct tdm_sasl_credentials credentials;
};

static int auth_fail(tidymail_session *session, const char *words, const char *hint)
{
    return tdm_error_set(&session->error, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH, words,
                         hint);
}

/* Whose login it is; TIDYMAIL_OK or the kind. */
static int auth_load(tidymail_session *session)
{
    tidymail_transport *transport = session->transport;
    int kind = tdm_credentials_load(transport, &session->error);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    tdm_wipe(&session->login, sizeof(session->login));
    session->has_login = tdm_preset_login(transport, &session->login) == 0;
    return session->has_login ? TIDYMAIL_OK : tdm_session_no_memory(session);
}

static int auth_can_use(const tidymail_session *session, const struct auth_exchange *own,
                        const struct tdm_sasl_mechanism *mechanism)
{
    return tdm_smtp_caps_offers(&session->caps, mechanism->name) &&
           (!mechanism->needs_nonce || own->credentials.nonce != NULL) &&
           (!mechanism->binds || own->credentials.binding.type != NULL);
}

/* The first of the wanted order that can be used; NULL where there is none. */
static const struct tdm_sasl_mechanism *auth_choose(const tidymail_session *session,
                                                    const struct auth_exchange *own)
{
    const char *order = session->login.auth;
    for (size_t i = 0; order == NULL && tdm_sasl_mechanisms[i] != NULL; i++) {
        if (tdm_sasl_mechanisms[i]->by_default &&
            auth_can_use(session, own, tdm_sasl_mechanisms[i])) {
            return tdm_sasl_mechanisms[i];
        }
    }
    while (order != NULL && *order != '\0') {
        size_t length = strcspn(order, ",");
        const struct tdm_sasl_mechanism *mechanism = tdm_sasl_find(order, length);
        if (mechanism != NULL && auth_can_use(session, own, mechanism)) {
            return mechanism;
        }
        order += length + (order[length] == ',');
    }
    return NULL;
}

/* By its name, also where the server does not offer it; NULL with the error set. */
static const struct tdm_sasl_mechanism *auth_find(tidymail_session *session,
                                                  const struct auth_exchange *own, const char *name)
{
    const struct tdm_sasl_mechanism *mechanism =
        name != NULL ? tdm_sasl_find(name, strlen(name)) : auth_choose(session, own);
    if (mechanism == NULL && name != NULL) {
        auth_fail(session, "tidymail knows no login mechanism of this name",
                  "SCRAM-SHA-256, SCRAM-SHA-1 (both also with -PLUS), PLAIN, LOGIN, CRAM-MD5, "
                  "XOAUTH2, OAUTHBEARER, EXTERNAL; AUTH by hand takes any");
    } else if (mechanism == NULL && !session->has_ehlo) {
        auth_fail(session, "what the server offers is not known: it was not asked", "send EHLO");
    } else if (mechanism == NULL) {
        auth_fail(session, "the server offers no login mechanism that can be used here",
                  "it may offer one under TLS only, or none on this port; a mechanism can be "
                  "named all the same");
    } else if (mechanism->binds && own->credentials.binding.type == NULL) {
        auth_fail(session, "this mechanism binds to TLS, and there is nothing to bind to", NULL);
        mechanism = NULL;
    }
    return mechanism;
}

static int auth_check(tidymail_session *session)
{
    if (session->mode != TIDYMAIL_SESSION_COMMAND) {
        return tdm_session_fail(
            session, TIDYMAIL_KIND_CONNECTION,
            session->fd < 0 ? "not connected" : "the server waits for something else now", NULL);
    }
    if (session->tls == NULL && !session->transport->options.cleartext_auth) {
        return auth_fail(session, "the login would go out without TLS",
                         "use STARTTLS first, or cleartext-auth=allow where the way to the server "
                         "is safe");
    }
    return auth_load(session);
}

static void auth_fill(const tidymail_session *session, struct auth_exchange *own)
{
    unsigned char bytes[AUTH_NONCE_BYTES];
    const struct tdm_clock *clock = &session->transport->clock;
    own->credentials.user = session->login.user;
    own->credentials.password = session->login.password;
    own->credentials.server = tdm_session_smtp(session)->server;
    if (clock->random(bytes, sizeof(bytes)) == 0) {
        own->nonce[tdm_base64_write(own->nonce, bytes, sizeof(bytes))] = '\0';
        own->credentials.nonce = own->nonce;
    }
    if (session->tls != NULL) {
        own->credentials.binding.type =
            tdm_tls_binding(session->tls, own->binding, &own->credentials.binding.length);
        own->credentials.binding.data = own->binding;
    }
    own->credentials.plus_offered = tdm_smtp_caps_offers(&session->caps, "SCRAM-SHA-256-PLUS") ||
                                    tdm_smtp_caps_offers(&session->caps, "SCRAM-SHA-1-PLUS");
}

/* The answer to `challenge` (base64) is appended to `line`; TIDYMAIL_OK or the kind. */
static int auth_respond(tidymail_session *session, struct tdm_sasl *sasl, const char *challenge,
                        size_t length, struct tdm_buf *line)
{
    struct tdm_buf decoded;
    struct tdm_buf response;
    enum tdm_sasl_result result = TDM_SASL_OK;
    tdm_buf_init(&decoded, &session->allocator, TDM_SESSION_LINE_MAX);
    tdm_buf_init(&response, &session->allocator, TDM_SESSION_LINE_MAX);
    if (!sasl->mechanism->decodes) {
        result = sasl->mechanism->step(sasl, challenge, length, &response);
    } else if (tdm_base64_decode(&decoded, challenge, length) != 0 &&
               !(sasl->mechanism->client_first && sasl->step == 0)) {
        sasl->problem = "the server's challenge is not base64";
        result = TDM_SASL_REFUSED;
    } else {
        result = sasl->mechanism->step(sasl, tdm_buf_text(&decoded),
                                       decoded.failed ? 0 : decoded.length, &response);
    }
    if (result == TDM_SASL_OK &&
        (response.failed ||
         tdm_base64_encode(line, tdm_buf_text(&response), response.length) != 0)) {
        result = TDM_SASL_NO_MEMORY;
    }
    tdm_buf_wipe(&response);
    tdm_buf_clear(&decoded);
    if (result == TDM_SASL_NO_MEMORY) {
        return tdm_session_no_memory(session);
    }
    if (result == TDM_SASL_OK) {
        return TIDYMAIL_OK;
    }
    tdm_error_setf(&session->error, TIDYMAIL_KIND_AUTHENTICATION, TIDYMAIL_PHASE_AUTH,
                   "authentication failed: %s",
                   sasl->problem != NULL
                       ? sasl->problem
                       : "the server asks for more than the mechanism has to say");
    return TIDYMAIL_KIND_AUTHENTICATION;
}

/* The exchange cannot go on: "*" says so (RFC 4954 4). Its own error stays. */
static void auth_cancel(tidymail_session *session)
{
    struct tidymail_error first;
    if (session->mode != TIDYMAIL_SESSION_AUTH) {
        return;
    }
    tdm_error_init(&first, &session->allocator);
    tdm_error_copy(&first, &session->error);
    tdm_session_ask(session, "*");
    tdm_error_clear(&session->error);
    tdm_error_init(&session->error, &session->allocator);
    tdm_error_copy(&session->error, &first);
    tdm_error_clear(&first);
}

/* AUTH, with the first response where it fits. */
static int auth_begin(tidymail_session *session, struct tdm_sasl *sasl)
{
    struct tdm_buf line;
    struct tdm_buf response;
    int kind = TIDYMAIL_OK;
    tdm_buf_init(&line, &session->allocator, TDM_SESSION_LINE_MAX);
    tdm_buf_init(&response, &session->allocator, TDM_SESSION_LINE_MAX);
    tdm_buf_addf(&line, "AUTH %s", sasl->mechanism->name);
    if (sasl->mechanism->client_first && session->transport->options.initial_response) {
        kind = auth_respond(session, sasl, "", 0, &response);
        if (line.length + 1 + response.length <= AUTH_COMMAND_LINE_MAX) {
            sasl->initial_sent = 1;
            tdm_buf_addf(&line, " %s", response.length > 0 ? tdm_buf_text(&response) : "=");
        } else {
            sasl->step = 0; /* too long for the line, it goes behind the 334 */
        }
    }
    if (kind == TIDYMAIL_OK) {
        session->phase = TIDYMAIL_PHASE_AUTH;
        kind = line.failed ? tdm_session_no_memory(session)
                           : tdm_session_ask(session, tdm_buf_text(&line));
    }
    tdm_buf_wipe(&response);
    tdm_buf_wipe(&line);
    return kind;
}

/* 235: the only success (RFC 4954 6), and only if the server has proved itself where it can. */
static int auth_conclude(tidymail_session *session, struct tdm_sasl *sasl)
{
    if (session->code != 235) {
        return session->error.kind != TIDYMAIL_OK
                   ? session->error.kind
                   : tdm_session_fail(session, TIDYMAIL_KIND_PROTOCOL,
                                      "the server's answer to the login makes no sense", NULL);
    }
    if (sasl->mechanism->finish == NULL) {
        return TIDYMAIL_OK;
    }
    struct tdm_buf text;
    const struct tdm_buf *reply = &session->parser.reply.text;
    tdm_buf_init(&text, &session->allocator, TDM_SESSION_LINE_MAX);
    if (tdm_base64_decode(&text, tdm_buf_text(reply), reply->length) != 0) {
        tdm_buf_reset(&text); /* words for people, as nearly always */
    }
    enum tdm_sasl_result result = sasl->mechanism->finish(sasl, tdm_buf_text(&text), text.length);
    tdm_buf_clear(&text);
    if (result == TDM_SASL_OK) {
        return TIDYMAIL_OK;
    }
    return auth_fail(session,
                     "authentication failed: the server did not prove that it knows the "
                     "password",
                     "this may not be the server it says it is");
}

static int auth_run(tidymail_session *session, struct tdm_sasl *sasl)
{
    int kind = auth_begin(session, sasl);
    for (int step = 0; kind == TIDYMAIL_OK && session->code == 334; step++) {
        struct tdm_buf line;
        const struct tdm_buf *challenge = &session->parser.reply.text;
        tdm_buf_init(&line, &session->allocator, TDM_SESSION_LINE_MAX);
        kind = step < AUTH_STEPS_MAX
                   ? auth_respond(session, sasl, tdm_buf_text(challenge), challenge->length, &line)
                   : auth_fail(session, "the server goes on asking for credentials", NULL);
        if (kind == TIDYMAIL_OK) {
            kind = tdm_session_ask(session, tdm_buf_text(&line));
        } else {
            auth_cancel(session);
        }
        tdm_buf_wipe(&line);
    }
    return kind == TIDYMAIL_OK ? auth_conclude(session, sasl) : kind;
}

int tidymail_session_auth(tidymail_session *session, const char *mechanism)
{
    struct auth_exchange own;
    if (session == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    tdm_session_begin(session);
    int kind = auth_check(session);
    if (kind != TIDYMAIL_OK) {
        return kind;
    }
    memset(&own, 0, sizeof(own));
    auth_fill(session, &own);
    const struct tdm_sasl_mechanism *chosen = auth_find(session, &own, mechanism);
    int external = chosen == &tdm_sasl_external;
    if (chosen == NULL) {
        return session->error.kind;
    }
    if (!external && (own.credentials.user == NULL || own.credentials.password == NULL)) {
        return tdm_error_set(&session->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_AUTH,
                             "the URL has no user and password to log in with",
                             "write them into the URL (smtp://user:password@host), or give user "
                             "and password-from=");
    }
    tdm_sasl_start(&own.sasl, chosen, &own.credentials, &session->allocator);
    session->hides_challenges = chosen->hides_challenges;
    kind = auth_run(session, &own.sasl);
    session->hides_challenges = 0;
    tdm_sasl_clear(&own.sasl);
    tdm_wipe(&own, sizeof(own));
    if (kind == TIDYMAIL_KIND_AUTHENTICATION) {
        tdm_credentials_after(session->transport, &session->error);
        if (session->transport->password == NULL) {
            tdm_wipe(&session->login, sizeof(session->login));
            session->has_login = 0;
        }
    }
    return kind;
}
