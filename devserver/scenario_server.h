/*
 * scenario_server.h: the server's side of a scenario, without I/O. The client's bytes and the time
 * go in, the server's bytes and actions come out; where the client leaves its lines it is recorded
 * and the conversation ends. Replay in memory and the listener both drive it:
 *
 *     while (tdm_scenario_server_output(s, &bytes, &length))   // write, then consume
 *         tdm_scenario_server_consume(s, written, now);
 *     switch (tdm_scenario_server_action(s)) ...               // only once nothing is to be written
 *     tdm_scenario_server_feed(s, input, n, now) | _end_of_file(s, now) | _tick(s, now)
 */
#ifndef TDM_DEVSERVER_SCENARIO_SERVER_H
#define TDM_DEVSERVER_SCENARIO_SERVER_H

#include "dot_reader.h"
#include "scenario.h"
#include "shown.h"

enum tdm_scenario_action {
    TDM_SCENARIO_NONE = 0,
    TDM_SCENARIO_TLS,   /* shake hands with `certificate` of the step, then call _tls_done */
    TDM_SCENARIO_CLOSE, /* close the connection; nothing follows */
    TDM_SCENARIO_RESET  /* the same with a reset */
};

struct tdm_scenario_server {
    const struct tdm_scenario *scenario;
    size_t step;
    size_t offset;    /* of a SEND: bytes of this repetition that are written */
    size_t repeated;  /* of a SEND: repetitions that are written */
    int64_t deadline; /* -1: none */
    int waiting;      /* in @wait, or in the pause before a byte */
    struct tdm_buf input;
    struct tdm_dot_reader dots;
    int data_mode;       /* the last line was DATA: <message> ends with the lone dot */
    int in_chunk;        /* a BDAT chunk is to come (RFC 3030) ... */
    uint64_t chunk_left; /* ... of so many bytes more ... */
    int chunk_last;      /* ... and it is the last one */
    int message_open;    /* chunks came, the last one did not */
    struct tdm_shown_client shown;
    struct tdm_server_trace trace; /* set by the driver behind init */
    int end_of_file;               /* the client closed */
    int over;                      /* the script is at its end: what comes is dropped */
    int finished;                  /* close now */
    int encrypted;
    size_t message_count;
    size_t step_messages;     /* message_count when the step began */
    struct tdm_buf message;   /* the last <message>, dots unstuffed */
    struct tdm_buf deviation; /* "" while all went as written */
};

void tdm_scenario_server_init(struct tdm_scenario_server *server,
                              const struct tdm_scenario *scenario, int64_t now_ms);
void tdm_scenario_server_clear(struct tdm_scenario_server *server);

/* What is to be written now: 1 and a slice of a line, or 0. One byte at a time under @bytewise. */
int tdm_scenario_server_output(const struct tdm_scenario_server *server, const char **bytes,
                               size_t *length);
void tdm_scenario_server_consume(struct tdm_scenario_server *server, size_t length, int64_t now_ms);
/* Bytes of the client, decrypted. */
void tdm_scenario_server_feed(struct tdm_scenario_server *server, const char *bytes, size_t length,
                              int64_t now_ms);
/* The client closed its side, or the connection broke. */
void tdm_scenario_server_end_of_file(struct tdm_scenario_server *server, int64_t now_ms);
enum tdm_scenario_action tdm_scenario_server_action(const struct tdm_scenario_server *server);
/* The certificate of the @tls that the script is at. */
enum tdm_certificate tdm_scenario_server_certificate(const struct tdm_scenario_server *server);
/* 10 or 11 where its @tls goes no further than TLS 1.0 or 1.1, 12 or 0 else. */
int tdm_scenario_server_max_version(const struct tdm_scenario_server *server);
/* The handshake ended. `failure` NULL: well; else how it failed, which is a deviation where the
 * certificate was a valid one. */
void tdm_scenario_server_tls_done(struct tdm_scenario_server *server, const char *failure,
                                  int64_t now_ms);
/* When tick must be called at the latest; -1: no deadline runs. */
int64_t tdm_scenario_server_deadline(const struct tdm_scenario_server *server);
void tdm_scenario_server_tick(struct tdm_scenario_server *server, int64_t now_ms);
/* 0 while the server waits and has as much of the client's as its network would hold: read no more
 * then, so that a client which sends a long message in vain stands still, as it would. */
int tdm_scenario_server_reads(const struct tdm_scenario_server *server);
/* 1 where the bytes of the present line go out one by one, each in its own segment. */
int tdm_scenario_server_bytewise(const struct tdm_scenario_server *server);

#endif
