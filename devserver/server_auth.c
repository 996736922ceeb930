/* server_auth.c: AUTH PLAIN (RFC 4616) and LOGIN on the server's side. See server_internal.h. */
#include <string.h>

#include "server_internal.h"
#include "util/base64.h"
#include "util/str.h"

#define RESPONSE_MAX 12288

/* 1 where equal; the time it takes does not say where they differ. */
static int auth_same(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    unsigned char differs = a_length != b_length;
    for (size_t i = 0; i < a_length; i++) {
        differs |= (unsigned char)((unsigned char)a[i] ^ (unsigned char)b[i < b_length ? i : 0]);
    }
    return differs == 0;
}

static void auth_verdict(struct tdm_server_session *session, const char *user, const char *password)
{
    const struct tdm_server_options *options = &session->options;
    session->mode = TDM_SERVER_COMMAND;
    if (options->user != NULL &&
        (!auth_same(user, options->user) ||
         !auth_same(password, options->password != NULL ? options->password : ""))) {
        tdm_server_reply(session, 535, "5.7.8", "authentication credentials invalid");
        return;
    }
    tdm_free(&session->allocator, session->user);
    session->user = tdm_strdup(&session->allocator, user);
    if (session->user == NULL) {
        tdm_server_reply(session, 454, "4.7.0", "out of memory");
    } else {
        tdm_server_reply(session, 235, "2.7.0", "authentication succeeded");
    }
}

static void auth_bad_response(struct tdm_server_session *session, const char *words)
{
    session->mode = TDM_SERVER_COMMAND;
    tdm_server_reply(session, 501, "5.5.2", words);
}

/* authzid NUL authcid NUL password (RFC 4616 2). */
static void auth_plain(struct tdm_server_session *session, const char *bytes, size_t length)
{
    const char *user = length > 0 ? memchr(bytes, '\0', length) : NULL;
    size_t left = user != NULL ? length - (size_t)(user + 1 - bytes) : 0;
    const char *password = left > 0 ? memchr(user + 1, '\0', left) : NULL;
    if (password == NULL || password == user + 1 ||
        strlen(password + 1) != length - (size_t)(password + 1 - bytes)) {
        auth_bad_response(session, "PLAIN wants [authzid] NUL authcid NUL password (RFC 4616 2)");
        return;
    }
    auth_verdict(session, user + 1, password + 1);
}

static void auth_login(struct tdm_server_session *session, const char *bytes, size_t length)
{
    if (strlen(bytes) != length) {
        auth_bad_response(session, "a NUL byte in the response");
        return;
    }
    if (session->mode == TDM_SERVER_AUTH_LOGIN_PASSWORD) {
        auth_verdict(session, session->login, bytes);
        return;
    }
    tdm_free(&session->allocator, session->login);
    session->login = tdm_strndup(&session->allocator, bytes, length);
    if (session->login == NULL) {
        session->mode = TDM_SERVER_COMMAND;
        tdm_server_reply(session, 454, "4.7.0", "out of memory");
        return;
    }
    session->mode = TDM_SERVER_AUTH_LOGIN_PASSWORD;
    tdm_server_reply(session, 334, "", "UGFzc3dvcmQ6"); /* Password: */
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
        auth_bad_response(session, "the response is not base64");
    } else if (session->mode == TDM_SERVER_AUTH_PLAIN) {
        auth_plain(session, tdm_buf_text(&decoded), decoded.length);
    } else {
        auth_login(session, tdm_buf_text(&decoded), decoded.length);
    }
    tdm_buf_wipe(&decoded);
}

void tdm_server_command_auth(struct tdm_server_session *session, const char *args, size_t length)
{
    const char *blank = length > 0 ? memchr(args, ' ', length) : NULL;
    size_t mechanism = blank != NULL ? (size_t)(blank - args) : length;
    size_t start = blank != NULL ? mechanism + 1 : length;
    int plain = tdm_equal_nocase_n(args, mechanism, "PLAIN");
    if (session->user != NULL) {
        tdm_server_reply(session, 503, "5.5.1", "logged in already");
    } else if (session->from != NULL) {
        tdm_server_reply(session, 503, "5.5.1", "AUTH within a transaction");
    } else if (session->greeted < 2) {
        tdm_server_reply(session, 503, "5.5.1", "AUTH needs EHLO");
    } else if (length == 0) {
        tdm_server_reply(session, 501, "5.5.4", "syntax: AUTH mechanism [response]");
    } else if (!tdm_server_auth_offered(session)) {
        tdm_server_reply(session, 538, "5.7.11", "encryption is required for authentication");
    } else if (!plain && !tdm_equal_nocase_n(args, mechanism, "LOGIN")) {
        tdm_server_reply(session, 504, "5.5.4", "mechanisms are PLAIN and LOGIN");
    } else {
        session->mode = plain ? TDM_SERVER_AUTH_PLAIN : TDM_SERVER_AUTH_LOGIN_USER;
        if (start == length && plain) {
            tdm_server_reply(session, 334, "", "");
        } else if (start == length) {
            tdm_server_reply(session, 334, "", "VXNlcm5hbWU6"); /* Username: */
        } else if (length - start == 1 && args[start] == '=') {
            tdm_server_auth_response(session, "", 0); /* RFC 4954 4: an empty initial response */
        } else {
            tdm_server_auth_response(session, args + start, length - start);
        }
    }
}
