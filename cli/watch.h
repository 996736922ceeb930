/* watch.h: --trace, --trace-json and --record of a session, for send and check. */
#ifndef TIDYMAIL_CLI_WATCH_H
#define TIDYMAIL_CLI_WATCH_H

#include <stdio.h>

#include "args.h"
#include "record.h"

#define WATCH_TRACE                                                                                \
    {                                                                                              \
        "trace", "FILE", "the session, live, on standard error or into FILE", CLI_OPTIONAL         \
    }
#define WATCH_TRACE_JSON                                                                           \
    {                                                                                              \
        "trace-json", "FILE", "the same, one JSON object a line", CLI_OPTIONAL                     \
    }
#define WATCH_RECORD                                                                               \
    {                                                                                              \
        "record", "FILE.scn", "the session as a scenario, for tidymail replay", 0                  \
    }

struct cli_watch {
    FILE *trace; /* NULL: not wanted */
    FILE *json;
    FILE *recording;
    const char *path; /* of the recording */
    struct record *record;
};

/* Opens what the command line asks for; 0 or -1. */
int watch_open(struct cli_watch *watch, const struct cli_args *args, struct cli_failure *failure);
/* Sets the callbacks; `watch` must outlive the transport. */
void watch_apply(struct cli_watch *watch, tidymail_transport_options *options);
/* What came of it, before the transport is closed. */
void watch_report(struct cli_watch *watch, const tidymail_report *report, int probe);
/* Adds the message to the recording, as comments. */
void watch_message(struct cli_watch *watch, tidymail_message *message);
/* Writes the recording, closes. Says on standard error where there was nothing to record. */
void watch_close(struct cli_watch *watch);

#endif
