/* session_secret.c: a server may repeat what it got: the password, its base64 forms and the last
 * credentials that were sent are taken out of whatever is shown. */
#include <string.h>

#include "session/session_data.h"
#include "util/base64.h"

#define SECRET_MIN 4 /* shorter ones would blank ordinary words, and protect nothing */

static void secret_hide(struct tdm_buf *text, const char *secret, size_t length)
{
    struct tdm_buf out;
    const char *at = tdm_buf_text(text);
    const char *end = at + text->length;
    const char *found =
        length >= SECRET_MIN && text->length > 0 ? memmem(at, text->length, secret, length) : NULL;
    if (found == NULL) {
        return;
    }
    tdm_buf_init(&out, &text->allocator, text->max);
    for (; found != NULL; found = memmem(at, (size_t)(end - at), secret, length)) {
        tdm_buf_add(&out, at, (size_t)(found - at));
        tdm_buf_add_str(&out, "[hidden]");
        at = found + length;
    }
    tdm_buf_add(&out, at, (size_t)(end - at));
    tdm_buf_wipe(text);
    *text = out; /* where memory ran out: nothing is better than a secret */
    if (out.failed) {
        tdm_buf_clear(text);
        text->failed = 1;
    }
}

/* base64 of these bytes, without the "=" that a longer text would not have. */
static void secret_hide_encoded(const tidymail_session *session, struct tdm_buf *text,
                                const struct tdm_buf *bytes)
{
    struct tdm_buf encoded;
    tdm_buf_init(&encoded, &session->allocator, bytes->max * 2);
    if (bytes->failed || tdm_base64_encode(&encoded, tdm_buf_text(bytes), bytes->length) != 0) {
        tdm_buf_reset(text);
        text->failed = 1;
    }
    while (encoded.length > 0 && encoded.data[encoded.length - 1] == '=') {
        encoded.length--;
    }
    secret_hide(text, tdm_buf_text(&encoded), encoded.length);
    tdm_buf_wipe(&encoded);
}

static void secret_hide_password(const tidymail_session *session, struct tdm_buf *text,
                                 const char *user, const char *password)
{
    struct tdm_buf bytes;
    if (password == NULL || strlen(password) < SECRET_MIN) {
        return;
    }
    tdm_buf_init(&bytes, &session->allocator, TDM_SESSION_LINE_MAX);
    secret_hide(text, password, strlen(password));
    tdm_buf_add_str(&bytes, password);
    secret_hide_encoded(session, text, &bytes);
    tdm_buf_wipe(&bytes);
    if (user != NULL) { /* PLAIN's response (RFC 4616 2) */
        tdm_buf_addf(&bytes, "%c%s%c%s", '\0', user, '\0', password);
        secret_hide_encoded(session, text, &bytes);
        tdm_buf_wipe(&bytes);
    }
}

void tdm_session_hide(const tidymail_session *session, struct tdm_buf *text)
{
    const tidymail_transport *transport = session->transport;
    secret_hide_password(session, text, transport->user, transport->password);
    if (session->has_login && session->login.password != transport->password) {
        secret_hide_password(session, text, session->login.user, session->login.password);
    }
    secret_hide(text, tdm_buf_text(&session->secret), session->secret.length);
}
