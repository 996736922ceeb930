/*
 * server_session.h: one SMTP session on the server's side (RFC 5321), without I/O. Bytes and time go
 * in, bytes and events come out:
 *
 *     tdm_server_session_feed(s, input, n, now) | _end_of_file(s) | _tick(s, now)
 *     while (tdm_server_session_output(s, &bytes, &length))    // write, then consume
 *         tdm_server_session_consume(s, written);
 *     switch (tdm_server_session_next(s)) ...                  // once all is written
 *
 * It is strict where a client's mistakes should show (syntax, order, parameters) and says in the
 * reply what was wrong. Everything it says goes through tdm_server_reply, every command through the
 * table in server_session.c, every message through session_end_message: the places for rules that
 * change its behaviour.
 */
#ifndef TDM_DEVSERVER_SERVER_SESSION_H
#define TDM_DEVSERVER_SERVER_SESSION_H

#include "dot_reader.h"
#include "like.h"
#include "shown.h"

/* What can be hidden: it is not offered and not understood then. */
enum tdm_server_extension {
    TDM_SERVER_PIPELINING,
    TDM_SERVER_SIZE,
    TDM_SERVER_8BITMIME,
    TDM_SERVER_SMTPUTF8,
    TDM_SERVER_STARTTLS,
    TDM_SERVER_AUTH,
    TDM_SERVER_CHUNKING,
    TDM_SERVER_BINARYMIME, /* needs CHUNKING */
    TDM_SERVER_DSN,
    TDM_SERVER_REQUIRETLS,
    TDM_SERVER_DELIVERBY,
    TDM_SERVER_FUTURERELEASE,
    TDM_SERVER_MT_PRIORITY,
    TDM_SERVER_LIMITS,
    TDM_SERVER_ENHANCEDSTATUSCODES,
    TDM_SERVER_EXTENSION_COUNT
};

struct tdm_server_options {
    const char *name; /* of the server, in greeting and EHLO */
    const char *user; /* with password: the only credentials accepted; NULL: any */
    const char *password;
    int offer_tls;     /* STARTTLS */
    int encrypted;     /* from the start: implicit TLS */
    int require_auth;  /* MAIL only after AUTH */
    int clear_auth;    /* AUTH is offered without TLS too */
    int64_t max_size;  /* bytes of one message */
    int64_t idle_ms;   /* without a command for so long: 421 (RFC 5321 4.5.3.2.7) */
    int lmtp;          /* LMTP (RFC 2033) in place of SMTP */
    unsigned hidden;   /* 1 << enum tdm_server_extension each */
    const char *auth;  /* mechanisms in this order, commas between; NULL: all that can be checked */
    const char *nonce; /* for tests: the server's part of SCRAM's, and CRAM-MD5's; NULL: random */
    const char *salt;  /* for tests: SCRAM's, in base64; NULL: random */
    struct tdm_faults *faults;   /* rules, counted over all sessions; NULL: none */
    const struct tdm_like *like; /* speak as this server does; NULL: as ourselves */
    struct tdm_server_trace trace;
};

enum tdm_server_event {
    TDM_SERVER_NOTHING = 0,
    TDM_SERVER_START_TLS, /* the 220 is written: shake hands, then _tls_done */
    TDM_SERVER_MESSAGE,   /* a message is complete: take it, then _answer */
    TDM_SERVER_CLOSE,     /* close the connection */
    TDM_SERVER_RESET      /* ... with RST */
};

struct tdm_server_recipients {
    char **items;
    char **parameters; /* of RCPT, as they came; "" for none */
    size_t count;
};

enum tdm_server_mode {
    TDM_SERVER_COMMAND,
    TDM_SERVER_RESPONSE, /* a response of AUTH is waited for */
    TDM_SERVER_DATA,
    TDM_SERVER_CHUNK,  /* a chunk of BDAT is to come */
    TDM_SERVER_PAUSED, /* an event waits for its answer */
    TDM_SERVER_CLOSED
};

/* What TLS knows of the connection. */
struct tdm_server_tls {
    unsigned char exporter[32];  /* tls-exporter (RFC 9266) */
    size_t exporter_length;      /* 0: there is none */
    unsigned char end_point[64]; /* tls-server-end-point (RFC 5929 4) */
    size_t end_point_length;
    char identity[256]; /* of the client's certificate, "" where it showed none that is good */
};

/* One AUTH under way. The texts are what the mechanism keeps from one step to the next. */
struct tdm_server_login {
    const struct tdm_server_mechanism *mechanism;
    int step;
    struct tdm_buf user;
    struct tdm_buf
        kept; /* CRAM-MD5: the challenge; SCRAM: client-first-message-bare and server-first */
    struct tdm_buf header; /* SCRAM: the GS2 header */
    struct tdm_buf nonce;  /* SCRAM: both parts */
    struct tdm_buf salt;   /* SCRAM: raw */
};

/* What a fault rule does (server_fault.c). */
struct tdm_server_fault {
    int64_t now_ms; /* as last told */
    /* between begin and end */
    int open;
    enum tdm_fault_stage stage;
    size_t start;                          /* of the reply, in out */
    const struct tdm_fault_action *action; /* NULL: none */
    struct tdm_fault_action own;           /* of an address, or a preset's words */
    /* a reply that leaves in its own time: nothing is read before it has */
    int paced;
    size_t free; /* bytes before it */
    int64_t until_ms;
    enum tdm_fault_pace pace;
    int64_t pause_ms;
    size_t piece;
    enum tdm_certificate certificate; /* to show */
    int turned_away;                  /* the greeting was a refusal: QUIT only (RFC 5321 3.1) */
};

struct tdm_server_session {
    struct tdm_server_options options; /* texts are the caller's */
    tidymail_allocator allocator;
    enum tdm_server_mode mode;
    enum tdm_server_event event; /* given once the output is empty */
    struct tdm_buf input;        /* what comes while an event waits */
    struct tdm_buf line;
    int line_too_long;
    struct tdm_buf out;
    int64_t deadline;
    struct tdm_shown_client shown;
    struct tdm_server_fault fault;
    int errors; /* replies of 5xx to commands */
    int encrypted;
    int greeted; /* 1: HELO, 2: EHLO */
    struct tdm_server_tls tls;
    char *user; /* logged in; NULL: not */
    struct tdm_server_login login;
    char *from;            /* MAIL was accepted; NULL: not */
    char *mail_parameters; /* as they came; "" for none */
    int utf8;              /* SMTPUTF8 was given */
    int binary;            /* BODY=BINARYMIME was given: BDAT alone may follow */
    int chunks;            /* of BDAT that were taken */
    uint64_t chunk_left;
    int chunk_last;
    int chunk_refused; /* swallow it: the reply was decided by the command */
    struct tdm_server_recipients recipients;
    struct tdm_dot_reader dots;
    struct tdm_buf message;
};

int tdm_server_session_init(struct tdm_server_session *session,
                            const struct tdm_server_options *options, int64_t now_ms);
void tdm_server_session_clear(struct tdm_server_session *session);

void tdm_server_session_feed(struct tdm_server_session *session, const char *bytes, size_t length,
                             int64_t now_ms);
int tdm_server_session_output(const struct tdm_server_session *session, const char **bytes,
                              size_t *length);
void tdm_server_session_consume(struct tdm_server_session *session, size_t length);
/* 0 where what comes should stay in the network for now. */
int tdm_server_session_reads(const struct tdm_server_session *session);
/* The event to act on now; the same one until it is answered. */
enum tdm_server_event tdm_server_session_next(const struct tdm_server_session *session);
/* What TLS knows; before _tls_done, or before the first byte where TLS comes at once. */
void tdm_server_session_tls_facts(struct tdm_server_session *session,
                                  const struct tdm_server_tls *facts);
/* TLS stands. What the client sent in clear behind STARTTLS was dropped (RFC 3207 4.2, and the
 * injection attack), and it must say EHLO again. */
void tdm_server_session_tls_done(struct tdm_server_session *session, int64_t now_ms);
/* The verdict on the message: NULL accepts it, else why it could not be kept (451). */
void tdm_server_session_answer(struct tdm_server_session *session, const char *refusal,
                               int64_t now_ms);
int64_t tdm_server_session_deadline(const struct tdm_server_session *session);
void tdm_server_session_tick(struct tdm_server_session *session, int64_t now_ms);

/* server_extensions.c: a list of EHLO keywords, commas or blanks between. 0; or -1, then `*unknown` is
 * the word that is none. */
int tdm_server_parse_hidden(const char *list, unsigned *hidden, const char **unknown);
/* server_auth.c: the same for a list of mechanisms; `needs_password` becomes 1 where one of them cannot
 * check a login without knowing the password. */
int tdm_server_check_mechanisms(const char *list, int *needs_password, const char **unknown);

/* server_path.c: "<ann@example.org> SIZE=10" behind MAIL FROM: or RCPT TO:. */
enum tdm_server_path_error {
    TDM_SERVER_PATH_OK = 0,
    TDM_SERVER_PATH_SYNTAX /* no <...> where it must be, or no address in it */
};
/* Finds the address (source route dropped, RFC 5321 4.1.1.3) and what stands behind the bracket. */
enum tdm_server_path_error tdm_server_path_parse(const char *text, size_t length, int null_allowed,
                                                 const char **address, size_t *address_length,
                                                 const char **rest);
#endif
