/*
 * record.h: --record: a scenario file (docs/scenarios.md) of the session just had. Responses of a login
 * and the message are not in it; a login by SCRAM is written down as one by PLAIN.
 */
#ifndef TIDYMAIL_CLI_RECORD_H
#define TIDYMAIL_CLI_RECORD_H

#include <stdio.h>

#include <tidymail/tidymail.h>

struct record;

/* NULL when out of memory. */
struct record *record_new(void);
void record_free(struct record *record);
/* One event of the session. */
void record_event(struct record *record, const tidymail_trace_event *event);
/* What came of it; before the transport is closed, which says QUIT. `probe`: nothing was sent. */
void record_report(struct record *record, const tidymail_report *report, int probe);
/* The message, to stand in the file as comments. */
void record_message(struct record *record, tidymail_message *message);
/* 0; -1 where there was no session, or no memory. */
int record_write(const struct record *record, FILE *out);

#endif
