/* replay_internal.h: what replay.c, replay_client.c and replay_check.c share. */
#ifndef TDM_DEVSERVER_REPLAY_INTERNAL_H
#define TDM_DEVSERVER_REPLAY_INTERNAL_H

#include "replay.h"

/* What a login binds to in memory, where there is no TLS: of the right length, always the same. */
#define TDM_REPLAY_BINDING "the channel binding of a replay."

/* The client's side as client: describes it. */
struct tdm_replay_client {
    tidymail_smtp_options options; /* texts are the scenario's */
    tidymail_smtp_envelope envelope;
    int accepts_any_certificate;
    const char *binding;    /* type of the channel binding; NULL: none can be had */
    struct tdm_buf message; /* what is sent */
    size_t read;
    int released;
};

/* 0, or -1 with a line in `problems`. The client can be cleared in both cases. */
int tdm_replay_client_init(struct tdm_replay_client *client, const struct tdm_scenario *scenario,
                           struct tdm_buf *problems);
void tdm_replay_client_clear(struct tdm_replay_client *client);
/* The message as a source for one run. */
tidymail_source tdm_replay_client_source(struct tdm_replay_client *client);

/* Holds the report against expect: and expect-recipient:, appends a line for each difference.
 * `after_server_ms` as in the result. */
void tdm_replay_check(const struct tdm_scenario *scenario, const tidymail_report *report,
                      int64_t after_server_ms, struct tdm_buf *problems);

#endif
