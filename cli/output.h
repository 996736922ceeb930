/* output.h: results for people (stdout one line, talk on stderr) and for programs (--json). */
#ifndef TIDYMAIL_CLI_OUTPUT_H
#define TIDYMAIL_CLI_OUTPUT_H

#include <stdio.h>

#include <tidymail/report.h>

#include "failure.h"

/* Writes text of others: control bytes come out as \xNN, so that it is one line and harms no
 * terminal. */
void output_clean(FILE *stream, const char *text);
/* A report for people. */
void output_report(const tidymail_report *report);
/* A failure before there was a report, for people. `command` may be NULL. */
void output_failure(const char *command, const struct cli_failure *failure);

/* The same as exactly one JSON object on stdout, every key there; 0, or -1 when out of memory. */
int output_json_report(const tidymail_report *report);
int output_json_failure(const struct cli_failure *failure);

#endif
