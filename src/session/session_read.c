/* session_read.c: what can be asked of a session. */
#include <string.h>

#include "session/session_data.h"

int tidymail_session_fd(const tidymail_session *session)
{
    return session != NULL ? session->fd : -1;
}

int tidymail_session_mode(const tidymail_session *session)
{
    return session != NULL ? session->mode : TIDYMAIL_SESSION_CLOSED;
}

int tidymail_session_encrypted(const tidymail_session *session)
{
    return session != NULL && session->tls != NULL;
}

const char *tidymail_session_server(const tidymail_session *session)
{
    const struct tdm_smtp_own *smtp = session != NULL ? tdm_session_smtp(session) : NULL;
    return smtp != NULL && session->transport->error.kind == TIDYMAIL_OK ? smtp->server : "";
}

const char *tidymail_session_url(const tidymail_session *session)
{
    return session != NULL ? tidymail_transport_url(session->transport) : "";
}

const tidymail_error *tidymail_session_error(const tidymail_session *session)
{
    return session != NULL && session->error.kind != TIDYMAIL_OK ? &session->error : NULL;
}

int tidymail_session_code(const tidymail_session *session)
{
    return session != NULL ? session->code : 0;
}

const char *tidymail_session_enhanced(const tidymail_session *session)
{
    return session != NULL ? session->enhanced : "";
}

const char *tidymail_session_text(const tidymail_session *session)
{
    return session != NULL ? tdm_buf_text(&session->text) : "";
}

const char *tidymail_session_challenge(const tidymail_session *session)
{
    return session != NULL ? tdm_buf_text(&session->challenge) : "";
}

int tidymail_session_has_ehlo(const tidymail_session *session)
{
    return session != NULL && session->has_ehlo;
}

size_t tidymail_session_capability_count(const tidymail_session *session)
{
    size_t count = 0;
    for (size_t i = 0; session != NULL && i < session->capabilities.length; i++) {
        count += session->capabilities.data[i] == '\0';
    }
    return count;
}

const char *tidymail_session_capability(const tidymail_session *session, size_t index)
{
    if (index >= tidymail_session_capability_count(session)) {
        return NULL;
    }
    const char *text = session->capabilities.data;
    for (; index > 0; index--) {
        text += strlen(text) + 1;
    }
    return text;
}

const tidymail_certificate *tidymail_session_certificate(const tidymail_session *session)
{
    return session != NULL && session->has_certificate ? &session->certificate : NULL;
}
