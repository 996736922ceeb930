/* sendmail_options.h: the options of sendmail, and those of msmtp that its users have in their files. */
#ifndef TIDYMAIL_CLI_SENDMAIL_OPTIONS_H
#define TIDYMAIL_CLI_SENDMAIL_OPTIONS_H

#include "failure.h"
#include "words.h"

enum sendmail_mode { SENDMAIL_SEND, SENDMAIL_QUEUE, SENDMAIL_ALIASES, SENDMAIL_HELP };

struct sendmail_options {
    enum sendmail_mode mode;
    int from_header; /* -t */
    int no_dot;      /* -i */
    int verbose;     /* -v */
    const char *from;
    const char *full_name;
    const char *notify;
    const char *ret;
    const char *envid;
    const char *log; /* -X: a file for the transcript */
    const char *account;
    const char *config;
    char **recipients; /* of the command line, at its end */
    size_t recipient_count;
};

/* Reads them; 0, or -1 with the failure. Options behind recipients count too, up to a "--": `words` is put
 * in order for that. */
int sendmail_options_parse(struct sendmail_options *options, int count, char **words,
                           struct cli_failure *failure);

#endif
