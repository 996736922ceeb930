/* server_internal.h: what server_session.c and server_auth.c share. */
#ifndef TDM_DEVSERVER_SERVER_INTERNAL_H
#define TDM_DEVSERVER_SERVER_INTERNAL_H

#include "server_session.h"

/* One reply line; `enhanced` "" where the reply carries none. 5xx are counted: too many of them end
 * the session with 421. */
void tdm_server_reply(struct tdm_server_session *session, int code, const char *enhanced,
                      const char *text);
void tdm_server_note(struct tdm_server_session *session, const char *line);
void tdm_server_close(struct tdm_server_session *session);
/* 1 where AUTH may be used now. */
int tdm_server_auth_offered(const struct tdm_server_session *session);

/* server_auth.c (RFC 4954) */
void tdm_server_command_auth(struct tdm_server_session *session, const char *args, size_t length);
/* A line while the session is in one of the AUTH modes. */
void tdm_server_auth_response(struct tdm_server_session *session, const char *line, size_t length);

#endif
