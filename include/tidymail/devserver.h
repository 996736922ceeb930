/*
 * devserver.h: a server for tests (libtidymail-devserver). It speaks SMTP, accepts and keeps every
 * message, or plays a scenario file; or it plays the HTTP APIs of mail services. It runs on a thread of its own, so that the test's thread can
 * send to it, and listens on loopback only.
 */
#ifndef TIDYMAIL_DEVSERVER_H
#define TIDYMAIL_DEVSERVER_H

#include <stddef.h>
#include <stdint.h>

#include <tidymail/export.h>
#include <tidymail/report.h>
#include <tidymail/smtp.h>

TIDYMAIL_BEGIN_DECLS

typedef struct tidymail_devserver tidymail_devserver;

/* Copied at the call; 0 and NULL mean the default. */
typedef struct tidymail_devserver_options {
    size_t struct_size;   /* TIDYMAIL_DEVSERVER_OPTIONS_INIT fills it */
    const char *host;     /* loopback address to listen on; default "127.0.0.1" */
    int port;             /* 0: any free port */
    const char *user;     /* with password: the only credentials accepted; NULL: any */
    const char *password; /* */
    const char *store;    /* directory that gets one .eml for each message; NULL: memory only */
    const char
        *scenario; /* text of a scenario (.scn) to play to each connection in place of the server */
    const char *state; /* directory for the test CA and certificate, made on first use; NULL: a
                                 private temporary one that is removed at the end */
    int implicit_tls;  /* 1: TLS at once (smtps) */
    int no_tls;        /* 1: STARTTLS is not offered */
    int require_auth;  /* 1: MAIL is refused (530) before AUTH */
    int64_t max_size;  /* SIZE announced; default 50 MiB */
    void (*log)(void *context, const char *line); /* one line an event; on the server's thread */
    void *log_context;
    const char *auth; /* SASL mechanisms to offer, in this order, commas between; NULL: all that can
                         check a login (SCRAM and CRAM-MD5 need user and password) */
    const char *hide; /* EHLO keywords that are not offered and not understood, commas between */
    int lmtp;         /* 1: LMTP (RFC 2033) in place of SMTP */
    int api; /* 1: the HTTP APIs of mail services in place of SMTP (docs/testing-services.md); password
                (without user too) is the only key accepted, implicit_tls makes it https */
    const char *faults; /* how to answer in place of the usual way: rules, one a line, such as
                           "mailgun: rate-limit, first 2" with api (docs/testing-services.md), else
                           "rcpt: 451 4.7.1 greylisted, first 2" (docs/faults.md); NULL: none */
    const char *like;   /* offer and refuse as this server does: "gmail", ... (docs/faults.md) */
    uint64_t seed;      /* of rules with a probability: the same seed gives the same sequence */
} tidymail_devserver_options;

#define TIDYMAIL_DEVSERVER_OPTIONS_INIT                                                            \
    {                                                                                              \
        sizeof(tidymail_devserver_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  \
            0, 0                                                                                   \
    }

/* Starts; returns when it listens. NULL on failure, then `error` (of `error_size` bytes, may be
 * NULL) gets one line that says why. */
TIDYMAIL_API tidymail_devserver *tidymail_devserver_start(const tidymail_devserver_options *options,
                                                          char *error, size_t error_size);
/* Ends every connection, waits for the thread, frees. NULL is accepted. */
TIDYMAIL_API void tidymail_devserver_stop(tidymail_devserver *server);

TIDYMAIL_API int tidymail_devserver_port(const tidymail_devserver *server);
/* "smtp://USER:PASSWORD@127.0.0.1:PORT?ca=PATH", ready for tidymail_transport_open; user and password
 * percent-encoded. Where any are accepted it has some. With a scenario it has what its client: line
 * says; smtps:// with implicit TLS, tls=none in place of ca= without TLS. With api
 * "http://127.0.0.1:PORT", or "https://127.0.0.1:PORT?ca=PATH". */
TIDYMAIL_API const char *tidymail_devserver_url(const tidymail_devserver *server);
/* With api: the URL that sends through the double of a service, by its scheme: "mailgun" gives
 * "mailgun://KEY@example.com?endpoint=http://127.0.0.1:PORT". NULL: there is none of that name. */
TIDYMAIL_API const char *tidymail_devserver_service_url(const tidymail_devserver *server,
                                                        const char *scheme);
/* The schemes it knows, in the order of the documentation; NULL past the end. */
TIDYMAIL_API const char *tidymail_devserver_service(const tidymail_devserver *server, size_t index);
/* Path of the CA certificate (PEM) that signed the server's; "" where there is no TLS. */
TIDYMAIL_API const char *tidymail_devserver_ca(const tidymail_devserver *server);

/* Path of a client certificate with its key (PEM) for AUTH EXTERNAL: it logs in as "client". "" where
 * there is no TLS. */
TIDYMAIL_API const char *tidymail_devserver_client_certificate(const tidymail_devserver *server);

/* What was received so far. Texts stay valid until stop. NULL past the end. */
TIDYMAIL_API size_t tidymail_devserver_message_count(const tidymail_devserver *server);
/* The message as it came, dots unstuffed; `length` may be NULL, a NUL follows. */
TIDYMAIL_API const char *tidymail_devserver_message(const tidymail_devserver *server, size_t index,
                                                    size_t *length);
TIDYMAIL_API const char *tidymail_devserver_message_from(const tidymail_devserver *server,
                                                         size_t index);
TIDYMAIL_API size_t tidymail_devserver_message_recipient_count(const tidymail_devserver *server,
                                                               size_t index);
TIDYMAIL_API const char *tidymail_devserver_message_recipient(const tidymail_devserver *server,
                                                              size_t index, size_t recipient);
/* The parameters of MAIL and of RCPT as they came ("RET=HDRS ENVID=x"), "" where there were none. */
TIDYMAIL_API const char *tidymail_devserver_message_parameters(const tidymail_devserver *server,
                                                               size_t index);
TIDYMAIL_API const char *
tidymail_devserver_message_recipient_parameters(const tidymail_devserver *server, size_t index,
                                                size_t recipient);
/* The user that had logged in, "" where nobody had; 1 where the session was encrypted. */
TIDYMAIL_API const char *tidymail_devserver_message_user(const tidymail_devserver *server,
                                                         size_t index);
TIDYMAIL_API int tidymail_devserver_message_encrypted(const tidymail_devserver *server,
                                                      size_t index);
/* How many connections were accepted. */
TIDYMAIL_API size_t tidymail_devserver_connection_count(const tidymail_devserver *server);
/* Where a scenario was played and the client left its lines: what was expected and what came, one
 * line each deviation; "" while all went as written. */
TIDYMAIL_API const char *tidymail_devserver_deviation(const tidymail_devserver *server);

/* Plays a scenario in memory: the engine of libtidymail against the script, offline, with a clock of
 * its own. Returns the engine's report (tidymail_report_free); NULL where the scenario cannot be played.
 * `problems` (of `problems_size` bytes, may be NULL) gets one line for each thing that is not as the
 * scenario says, "" when all is. `trace` (may be NULL) gets the engine's lines. */
TIDYMAIL_API tidymail_report *
tidymail_scenario_replay(const char *scenario, char *problems, size_t problems_size,
                         void (*trace)(void *context, const tidymail_smtp_trace *line),
                         void *trace_context);

TIDYMAIL_END_DECLS

#endif
