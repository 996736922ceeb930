/* server_auth.c: AUTH on the server's side (RFC 4954): the mechanisms but SCRAM, which is in
 * server_scram.c. Written apart from the client's, so that the two hold each other to the RFCs. See
 * server_internal.h. */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "server_internal.h"
#include "util/base64.h"
#include "util/str.h"

#define RESPONSE_MAX 12288

int tdm_server_auth_same(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    unsigned char differs = a_length != b_length;
    for (size_t i = 0; i < a_length; i++) {
        differs |= (unsigned char)((unsigned char)a[i] ^ (unsigned char)b[i < b_length ? i : 0]);
    }
    return differs == 0;
}

void tdm_server_auth_nonce(struct tdm_server_session *session, struct tdm_buf *out)
{
    unsigned char bytes[18]; /* 24 characters of base64, none of them a comma */
    if (session->options.nonce != NULL) {
        tdm_buf_add_str(out, session->options.nonce);
    } else if (RAND_bytes(bytes, sizeof(bytes)) == 1) {
        tdm_base64_encode(out, bytes, sizeof(bytes));
    } else {
        out->failed = 1;
    }
}

void tdm_server_auth_challenge(struct tdm_server_session *session, const char *bytes, size_t length)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &session->allocator, RESPONSE_MAX);
    tdm_base64_encode(&text, bytes, length);
    session->mode = TDM_SERVER_RESPONSE;
    tdm_server_reply(session, 334, "", tdm_buf_text(&text));
    tdm_buf_clear(&text);
}

void tdm_server_auth_accept(struct tdm_server_session *session, const char *user)
{
    session->mode = TDM_SERVER_COMMAND;
    tdm_free(&session->allocator, session->user);
    session->user = tdm_strdup(&session->allocator, user);
    if (tdm_server_fault_begin(session, TDM_FAULT_AUTH, NULL, 0)) {
        tdm_free(&session->allocator, session->user);
        session->user = NULL;
    } else if (session->user == NULL) {
        tdm_server_reply(session, 454, "4.7.0", "out of memory");
    } else {
        tdm_server_reply(session, 235, "2.7.0", "authentication succeeded");
    }
    tdm_server_fault_end(session);
}

void tdm_server_auth_refuse(struct tdm_server_session *session, const char *words)
{
    session->mode = TDM_SERVER_COMMAND;
    if (!tdm_server_fault_begin(session, TDM_FAULT_AUTH, NULL, 0)) {
        tdm_server_reply(session, 535, "5.7.8", words);
    }
    tdm_server_fault_end(session);
}

void tdm_server_auth_malformed(struct tdm_server_session *session, const char *words)
{
    session->mode = TDM_SERVER_COMMAND;
    tdm_server_reply(session, 501, "5.5.2", words);
}

static int auth_fits(const struct tdm_server_session *session, const char *user,
                     const char *password)
{
    const struct tdm_server_options *options = &session->options;
    return options->user == NULL ||
           (tdm_server_auth_same(user, options->user) &&
            tdm_server_auth_same(password, options->password != NULL ? options->password : ""));
}

static void auth_verdict(struct tdm_server_session *session, const char *user, const char *password)
{
    if (auth_fits(session, user, password)) {
        tdm_server_auth_accept(session, user);
    } else {
        tdm_server_auth_refuse(session, "authentication credentials invalid");
    }
}

/* authzid NUL authcid NUL password (RFC 4616 2). */
static void auth_plain(struct tdm_server_session *session, const char *bytes, size_t length)
{
    const char *user = length > 0 ? memchr(bytes, '\0', length) : NULL;
    size_t left = user != NULL ? length - (size_t)(user + 1 - bytes) : 0;
    const char *password = left > 0 ? memchr(user + 1, '\0', left) : NULL;
    if (password == NULL || password == user + 1 ||
        strlen(password + 1) != length - (size_t)(password + 1 - bytes)) {
        tdm_server_auth_malformed(session,
                                  "PLAIN wants [authzid] NUL authcid NUL password (RFC 4616 2)");
        return;
    }
    auth_verdict(session, user + 1, password + 1);
}

static void auth_login_start(struct tdm_server_session *session)
{
    tdm_server_auth_challenge(session, "Username:", strlen("Username:"));
}

static void auth_login(struct tdm_server_session *session, const char *bytes, size_t length)
{
    struct tdm_server_login *login = &session->login;
    if (strlen(bytes) != length) {
        tdm_server_auth_malformed(session, "a NUL byte in the response");
    } else if (login->step++ > 0) {
        auth_verdict(session, tdm_buf_text(&login->user), bytes);
    } else {
        tdm_buf_add(&login->user, bytes, length);
        tdm_server_auth_challenge(session, "Password:", strlen("Password:"));
    }
}

/* RFC 2195 2: a challenge that never came before. */
static void auth_cram_md5_start(struct tdm_server_session *session)
{
    struct tdm_buf *challenge = &session->login.kept;
    tdm_buf_add_char(challenge, '<');
    tdm_server_auth_nonce(session, challenge);
    tdm_buf_addf(challenge, "@%s>", session->options.name);
    tdm_server_auth_challenge(session, tdm_buf_text(challenge), challenge->length);
}

static void auth_cram_md5(struct tdm_server_session *session, const char *bytes, size_t length)
{
    static const char hex[] = "0123456789abcdef";
    const char *password = session->options.password;
    const char *blank = strrchr(bytes, ' ');
    const struct tdm_buf *challenge = &session->login.kept;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    char wanted[2 * EVP_MAX_MD_SIZE + 1];
    if (blank == NULL || strlen(bytes) != length) {
        tdm_server_auth_malformed(session,
                                  "CRAM-MD5 wants a name, a blank and a digest (RFC 2195)");
        return;
    }
    if (HMAC(EVP_md5(), password, (int)strlen(password), (const unsigned char *)challenge->data,
             challenge->length, digest, &size) == NULL) {
        tdm_server_auth_refuse(session, "MD5 is not to be had");
        return;
    }
    for (unsigned int i = 0; i < size; i++) {
        wanted[2 * i] = hex[digest[i] >> 4];
        wanted[2 * i + 1] = hex[digest[i] & 15];
    }
    wanted[2 * (size_t)size] = '\0';
    struct tdm_buf *user = &session->login.user;
    tdm_buf_add(user, bytes, (size_t)(blank - bytes));
    if (tdm_server_auth_same(blank + 1, wanted) &&
        tdm_server_auth_same(tdm_buf_text(user), session->options.user)) {
        tdm_server_auth_accept(session, tdm_buf_text(user));
    } else {
        tdm_server_auth_refuse(session, "authentication credentials invalid");
    }
}

/* A refused token: why, as JSON in a 334; whatever answers it, 535 follows. */
static void auth_refuse_token(struct tdm_server_session *session, const char *json)
{
    session->login.step = 1;
    tdm_server_auth_challenge(session, json, strlen(json));
}

/* The value of a key^A pair from `at` on; NULL where the text has none. */
static const char *auth_oauth_token(struct tdm_server_session *session, const char *at,
                                    const char *end)
{
    static const char prefix[] = "auth=Bearer ";
    struct tdm_buf *token = &session->login.kept;
    while (at < end) {
        const char *stop = memchr(at, '\001', (size_t)(end - at));
        size_t length = stop != NULL ? (size_t)(stop - at) : (size_t)(end - at);
        if (stop != NULL && tdm_starts_nocase(at, length, prefix)) {
            tdm_buf_reset(token);
            tdm_buf_add(token, at + strlen(prefix), length - strlen(prefix));
            return tdm_buf_text(token);
        }
        at += length + (stop != NULL);
    }
    return NULL;
}

static void auth_xoauth2(struct tdm_server_session *session, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    const char *stop = length > 0 ? memchr(bytes, '\001', length) : NULL;
    struct tdm_buf *user = &session->login.user;
    if (session->login.step > 0) {
        tdm_server_auth_refuse(session, "the token was refused");
        return;
    }
    const char *token = stop != NULL ? auth_oauth_token(session, stop + 1, end) : NULL;
    if (token == NULL || !tdm_starts_nocase(bytes, length, "user=") || length < 2 ||
        memcmp(end - 2, "\001\001", 2) != 0) {
        tdm_server_auth_malformed(session, "XOAUTH2 wants user=NAME^Aauth=Bearer TOKEN^A^A");
        return;
    }
    tdm_buf_add(user, bytes + 5, (size_t)(stop - bytes) - 5);
    if (auth_fits(session, tdm_buf_text(user), token)) {
        tdm_server_auth_accept(session, tdm_buf_text(user));
    } else {
        auth_refuse_token(session,
                          "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"mail\"}");
    }
}

/* n,a=user,^A[key=value^A...]auth=Bearer token^A^A (RFC 7628 3.1). */
static void auth_oauthbearer(struct tdm_server_session *session, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    const char *stop = length > 0 ? memchr(bytes, '\001', length) : NULL;
    struct tdm_buf *user = &session->login.user;
    if (session->login.step > 0) {
        if (length == 1 && bytes[0] == '\001') { /* RFC 7628 3.2.3 */
            tdm_server_auth_refuse(session, "the token was refused");
        } else {
            tdm_server_auth_malformed(session,
                                      "a refused token is answered by ^A (RFC 7628 3.2.3)");
        }
        return;
    }
    const char *token = stop != NULL ? auth_oauth_token(session, stop + 1, end) : NULL;
    if (token == NULL || !tdm_starts_nocase(bytes, length, "n,a=") || stop[-1] != ',' ||
        stop - bytes < 5 || memcmp(end - 2, "\001\001", 2) != 0) {
        tdm_server_auth_malformed(session, "OAUTHBEARER wants n,a=NAME,^Aauth=Bearer TOKEN^A^A");
        return;
    }
    for (const char *at = bytes + 4; at < stop - 1; at++) { /* saslname (RFC 5801 4) */
        int escaped = *at == '=' && stop - at > 3;
        tdm_buf_add_char(user, !escaped ? *at : at[2] == 'C' ? ',' : '=');
        at += escaped ? 2 : 0;
    }
    if (auth_fits(session, tdm_buf_text(user), token)) {
        tdm_server_auth_accept(session, tdm_buf_text(user));
    } else {
        auth_refuse_token(session, "{\"status\":\"invalid_token\",\"scope\":\"mail\"}");
    }
}

/* The certificate says who it is; the response whom it wants to act as (RFC 4422 A). */
static void auth_external(struct tdm_server_session *session, const char *bytes, size_t length)
{
    const char *identity = session->tls.identity;
    if (strlen(bytes) != length) {
        tdm_server_auth_malformed(session, "a NUL byte in the response");
    } else if (length == 0 || tdm_server_auth_same(bytes, identity)) {
        tdm_server_auth_accept(session, identity);
    } else {
        tdm_server_auth_refuse(session, "the certificate is not for that name");
    }
}

static const struct tdm_server_mechanism mechanisms[] = {
    {"SCRAM-SHA-256-PLUS", 1, 1, 0, 1, NULL, tdm_server_scram_respond},
    {"SCRAM-SHA-256", 0, 1, 0, 1, NULL, tdm_server_scram_respond},
    {"SCRAM-SHA-1-PLUS", 1, 1, 0, 1, NULL, tdm_server_scram_respond},
    {"SCRAM-SHA-1", 0, 1, 0, 1, NULL, tdm_server_scram_respond},
    {"PLAIN", 0, 0, 0, 1, NULL, auth_plain},
    {"LOGIN", 0, 0, 0, 0, auth_login_start, auth_login},
    {"CRAM-MD5", 0, 1, 0, 0, auth_cram_md5_start, auth_cram_md5},
    {"OAUTHBEARER", 0, 0, 0, 1, NULL, auth_oauthbearer},
    {"XOAUTH2", 0, 0, 0, 1, NULL, auth_xoauth2},
    {"EXTERNAL", 0, 0, 1, 1, NULL, auth_external},
};
#define MECHANISM_COUNT (sizeof(mechanisms) / sizeof(mechanisms[0]))

static const struct tdm_server_mechanism *auth_find(const char *name, size_t length)
{
    for (size_t i = 0; i < MECHANISM_COUNT; i++) {
        if (tdm_equal_nocase_n(name, length, mechanisms[i].name)) {
            return &mechanisms[i];
        }
    }
    return NULL;
}

int tdm_server_check_mechanisms(const char *list, int *needs_password, const char **unknown)
{
    *needs_password = 0;
    for (const char *word = list; *word != '\0';) {
        size_t length = strcspn(word, ", ");
        const struct tdm_server_mechanism *mechanism = auth_find(word, length);
        if (mechanism == NULL && length > 0) {
            *unknown = word;
            return -1;
        }
        *needs_password |= mechanism != NULL && mechanism->needs_password;
        word += length + (word[length] != '\0');
    }
    return 0;
}

/* 1 where the session, as it is now, can do what the mechanism needs. */
static int auth_can(const struct tdm_server_session *session,
                    const struct tdm_server_mechanism *mechanism)
{
    int bound = session->tls.exporter_length > 0 || session->tls.end_point_length > 0;
    return (!mechanism->binds || (session->encrypted && bound)) &&
           (!mechanism->needs_password || session->options.password != NULL) &&
           (!mechanism->needs_identity || session->tls.identity[0] != '\0');
}

/* The mechanisms in the order in which they are told; NULL at the end. */
static const struct tdm_server_mechanism *auth_next(const struct tdm_server_session *session,
                                                    size_t *at)
{
    const char *list = session->options.auth;
    while (list != NULL && list[*at] != '\0') {
        size_t length = strcspn(list + *at, ", ");
        const struct tdm_server_mechanism *mechanism = auth_find(list + *at, length);
        *at += length + (list[*at + length] != '\0');
        if (mechanism != NULL && auth_can(session, mechanism)) {
            return mechanism;
        }
    }
    while (list == NULL && *at < MECHANISM_COUNT) {
        const struct tdm_server_mechanism *mechanism = &mechanisms[(*at)++];
        if (auth_can(session, mechanism)) {
            return mechanism;
        }
    }
    return NULL;
}

int tdm_server_auth_offers(const struct tdm_server_session *session,
                           const struct tdm_server_mechanism *mechanism)
{
    const struct tdm_server_mechanism *offered;
    size_t at = 0;
    while ((offered = auth_next(session, &at)) != NULL) {
        if (offered == mechanism) {
            return 1;
        }
    }
    return 0;
}

int tdm_server_auth_offers_plus(const struct tdm_server_session *session)
{
    const struct tdm_server_mechanism *offered;
    size_t at = 0;
    while ((offered = auth_next(session, &at)) != NULL) {
        if (offered->binds) {
            return 1;
        }
    }
    return 0;
}

int tdm_server_auth_line(const struct tdm_server_session *session, struct tdm_buf *out)
{
    const struct tdm_server_mechanism *mechanism;
    size_t at = 0;
    size_t count = 0;
    tdm_buf_add_str(out, "AUTH");
    while ((mechanism = auth_next(session, &at)) != NULL) {
        tdm_buf_addf(out, " %s", mechanism->name);
        count++;
    }
    return count > 0;
}

void tdm_server_auth_response(struct tdm_server_session *session, const char *line, size_t length)
{
    struct tdm_buf decoded;
    if (length == 1 && line[0] == '*') {
        session->mode = TDM_SERVER_COMMAND;
        tdm_server_reply(session, 501, "5.7.0", "authentication cancelled"); /* RFC 4954 4 */
        return;
    }
    tdm_buf_init(&decoded, &session->allocator, RESPONSE_MAX);
    if (tdm_base64_decode(&decoded, line, length) != 0) {
        tdm_server_auth_malformed(session, "the response is not base64");
    } else {
        session->login.mechanism->respond(session, tdm_buf_text(&decoded), decoded.length);
    }
    tdm_buf_wipe(&decoded);
}

static void auth_begin(struct tdm_server_session *session,
                       const struct tdm_server_mechanism *mechanism)
{
    struct tdm_server_login *login = &session->login;
    login->mechanism = mechanism;
    login->step = 0;
    tdm_buf_wipe(&login->user);
    tdm_buf_wipe(&login->kept);
    tdm_buf_reset(&login->header);
    tdm_buf_reset(&login->nonce);
    tdm_buf_reset(&login->salt);
    session->mode = TDM_SERVER_RESPONSE;
}

static void auth_run(struct tdm_server_session *session,
                     const struct tdm_server_mechanism *mechanism, const char *initial,
                     size_t length)
{
    auth_begin(session, mechanism);
    if (length > 0 && mechanism->start != NULL && mechanism->start != auth_login_start) {
        tdm_server_auth_malformed(session, "this mechanism takes no initial response");
    } else if (length == 1 && initial[0] == '=') {
        tdm_server_auth_response(session, "", 0); /* RFC 4954 4: an empty initial response */
    } else if (length > 0) {
        tdm_server_auth_response(session, initial, length);
    } else if (mechanism->start != NULL) {
        mechanism->start(session);
    } else {
        tdm_server_reply(session, 334, "",
                         session->options.like != NULL ? session->options.like->prompt : "");
    }
}

void tdm_server_command_auth(struct tdm_server_session *session, const char *args, size_t length)
{
    const char *blank = length > 0 ? memchr(args, ' ', length) : NULL;
    size_t name = blank != NULL ? (size_t)(blank - args) : length;
    size_t start = blank != NULL ? name + 1 : length;
    const struct tdm_server_mechanism *mechanism = auth_find(args, name);
    if (session->user != NULL) {
        tdm_server_reply(session, 503, "5.5.1", "logged in already");
    } else if (session->from != NULL) {
        tdm_server_reply(session, 503, "5.5.1", "AUTH within a transaction");
    } else if (session->greeted < 2) {
        tdm_server_reply(session, 503, "5.5.1",
                         session->options.lmtp ? "AUTH needs LHLO" : "AUTH needs EHLO");
    } else if (length == 0) {
        tdm_server_reply(session, 501, "5.5.4", "syntax: AUTH mechanism [response]");
    } else if ((session->options.hidden & 1U << TDM_SERVER_AUTH) != 0) {
        tdm_server_reply(session, 502, "5.5.1", "AUTH is not offered");
    } else if (!tdm_server_offers(session, TDM_SERVER_AUTH)) {
        tdm_server_reply(session, 538, "5.7.11", "encryption is required for authentication");
    } else if (mechanism == NULL || !tdm_server_auth_offers(session, mechanism)) {
        tdm_server_reply(session, 504, "5.5.4", "this mechanism is not offered");
    } else {
        auth_run(session, mechanism, args + start, length - start);
    }
}
