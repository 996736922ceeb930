/*
 * replay.h: plays a scenario in memory against the engine (tidymail/smtp.h), with virtual time. The
 * server's output may be fed whole, byte by byte or cut in two at any place, and the connection may
 * be lost or stall after any byte of either side.
 *
 * What makes these runs comparable: bytes that the server sends without waiting for the client (a
 * burst: S: and @raw lines one after the other, and the @close behind them) reach the engine before
 * anything of its output is taken (of an endless burst the first 64 KiB). Time stands still while either side has something to do, then
 * jumps to the nearest deadline.
 */
#ifndef TDM_DEVSERVER_REPLAY_H
#define TDM_DEVSERVER_REPLAY_H

#include <tidymail/smtp.h>

#include "scenario.h"

enum tdm_replay_split {
    TDM_REPLAY_WHOLE = 0, /* each burst at once */
    TDM_REPLAY_BYTEWISE = 1,
    TDM_REPLAY_AT = 2 /* whole, but cut behind byte split_at of all the server says */
};

/* Offsets count the bytes of a whole conversation, 0 is before the first; -1: does not happen. */
struct tdm_replay_options {
    int split; /* enum tdm_replay_split */
    int64_t split_at;
    int64_t cut_server;   /* the connection is lost once so many bytes of the server's arrived */
    int64_t cut_client;   /* ... once so many of the client's were taken */
    int64_t stall_server; /* nothing arrives behind so many bytes of the server's */
    int64_t stall_client; /* nothing is taken behind so many bytes of the client's */
    const tidymail_allocator *allocator; /* the engine's; NULL: the C library's */
    void (*trace)(void *context,
                  const tidymail_smtp_trace *line); /* the engine's lines; may be NULL */
    void *trace_context;
};

#define TDM_REPLAY_OPTIONS_INIT                                                                    \
    {                                                                                              \
        TDM_REPLAY_WHOLE, -1, -1, -1, -1, -1, NULL, NULL, NULL                                     \
    }

struct tdm_replay_result {
    tidymail_report *report; /* NULL where none came; freed by tdm_replay_result_clear */
    struct tdm_buf problems; /* one line each: where report or conversation are not as the scenario
                                says, and what no run may do; "" when all is well */
    int refused;             /* what submit returned; TIDYMAIL_OK where it took the message */
    int no_engine;           /* 1: tidymail_smtp_new_with returned NULL */
    int64_t end_ms;          /* virtual time when the report came, counted from the connection */
    int64_t after_server_ms; /* ... and from the server's last byte or close before it; -1 none */
    int64_t server_bytes;    /* that reached the engine */
    int64_t client_bytes;    /* that were taken from it */
    int64_t message_end; /* client_bytes when the end of the message was complete; -1: was not */
    int64_t answer_end;  /* server_bytes behind the first burst after that; -1 */
};

/* Plays it once. 0; or -1 where client: has a word that cannot be played, which `problems` names.
 * A run that is cut or stalls, or whose allocator fails, is not held against expect: nor against the
 * C: lines: there the caller judges. */
int tdm_replay(const struct tdm_scenario *scenario, const struct tdm_replay_options *options,
               struct tdm_replay_result *result);
void tdm_replay_result_clear(struct tdm_replay_result *result);

/* Plays it whole, byte by byte and cut at every place, and compares the reports. Appends a line for
 * each problem of the whole run, and one for the first run that differs from it. Returns how many
 * runs there were; 0 where it cannot be played. */
size_t tdm_replay_all(const struct tdm_scenario *scenario, struct tdm_buf *problems);

/* Appends all that a report says but its times, one fact a line. */
void tdm_replay_describe(const tidymail_report *report, struct tdm_buf *out);

#endif
