/* server_internal.h: what the files of the server session share. */
#ifndef TDM_DEVSERVER_SERVER_INTERNAL_H
#define TDM_DEVSERVER_SERVER_INTERNAL_H

#include "server_session.h"

/* One reply line; `enhanced` "" where the reply carries none. 5xx are counted: too many of them end
 * the session with 421. */
void tdm_server_reply(struct tdm_server_session *session, int code, const char *enhanced,
                      const char *text);
/* A line of a reply that goes on (`mark` '-') or ends (' '), not counted. */
void tdm_server_emit(struct tdm_server_session *session, int code, char mark, const char *enhanced,
                     const char *text);
void tdm_server_note(struct tdm_server_session *session, const char *line);
void tdm_server_close(struct tdm_server_session *session);
/* Sender, recipients and message are forgotten. */
void tdm_server_forget_transaction(struct tdm_server_session *session);
/* The message is whole, by dot or LAST: the event, or the refusal. */
void tdm_server_end_message(struct tdm_server_session *session);
/* One reply for a message, with LMTP one for each recipient (RFC 2033 4.2). */
void tdm_server_reply_message(struct tdm_server_session *session, int code, const char *enhanced,
                              const char *text);

/* Empty, for what comes while an event waits. */
void tdm_server_input_init(struct tdm_server_session *session);

/* server_fault.c. Between _begin and _end a command says what it usually would; 1: it must not run,
 * the reply was given. _command finds the address of MAIL and RCPT itself. */
int tdm_server_fault_begin(struct tdm_server_session *session, enum tdm_fault_stage stage,
                           const char *address, size_t length);
int tdm_server_fault_command(struct tdm_server_session *session, enum tdm_fault_stage stage,
                             const char *args, size_t length);
void tdm_server_fault_end(struct tdm_server_session *session);
/* The session begins; TLS begins. */
void tdm_server_fault_start(struct tdm_server_session *session);
void tdm_server_fault_certificate(struct tdm_server_session *session);
/* How much of out may leave now; what did; -1 or when there is more. */
size_t tdm_server_fault_ready(const struct tdm_server_session *session);
void tdm_server_fault_consumed(struct tdm_server_session *session, size_t length);
void tdm_server_fault_tick(struct tdm_server_session *session, int64_t now_ms);
int64_t tdm_server_fault_deadline(const struct tdm_server_session *session);

/* server_extensions.c */
int tdm_server_offers(const struct tdm_server_session *session,
                      enum tdm_server_extension extension);
void tdm_server_reply_ehlo(struct tdm_server_session *session);

/* server_mail.c: MAIL and RCPT with their parameters */
void tdm_server_command_mail(struct tdm_server_session *session, const char *args, size_t length);
void tdm_server_command_rcpt(struct tdm_server_session *session, const char *args, size_t length);

/* server_chunk.c: BDAT (RFC 3030) */
void tdm_server_command_bdat(struct tdm_server_session *session, const char *args, size_t length);
/* Takes bytes of a chunk; returns how many. */
size_t tdm_server_take_chunk(struct tdm_server_session *session, const char *bytes, size_t length);

/* server_auth.c (RFC 4954) */
struct tdm_server_mechanism {
    const char *name;
    int binds;          /* -PLUS */
    int needs_password; /* cannot say yes to any: it proves the password without showing it */
    int needs_identity; /* a client certificate */
    int client_first;
    /* The first challenge where the client does not begin. */
    void (*start)(struct tdm_server_session *session);
    /* A response, decoded; a NUL follows. */
    void (*respond)(struct tdm_server_session *session, const char *bytes, size_t length);
};

void tdm_server_command_auth(struct tdm_server_session *session, const char *args, size_t length);
/* A line that answers a challenge. */
void tdm_server_auth_response(struct tdm_server_session *session, const char *line, size_t length);
/* "AUTH PLAIN LOGIN" for EHLO; 0 where there is nothing to offer now. */
int tdm_server_auth_line(const struct tdm_server_session *session, struct tdm_buf *out);
int tdm_server_auth_offers(const struct tdm_server_session *session,
                           const struct tdm_server_mechanism *mechanism);
/* 1 where -PLUS in any form is offered now. */
int tdm_server_auth_offers_plus(const struct tdm_server_session *session);
/* What a mechanism comes to. */
void tdm_server_auth_challenge(struct tdm_server_session *session, const char *bytes,
                               size_t length);
void tdm_server_auth_accept(struct tdm_server_session *session, const char *user);
void tdm_server_auth_refuse(struct tdm_server_session *session, const char *words);
void tdm_server_auth_malformed(struct tdm_server_session *session, const char *words);
/* 1 where equal; the time it takes does not say where they differ. */
int tdm_server_auth_same(const char *a, const char *b);
/* Printable random characters, or what the options say for tests. */
void tdm_server_auth_nonce(struct tdm_server_session *session, struct tdm_buf *out);

/* server_scram.c (RFC 5802, RFC 7677) */
void tdm_server_scram_respond(struct tdm_server_session *session, const char *bytes, size_t length);

#endif
