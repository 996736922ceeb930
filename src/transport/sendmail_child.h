/*
 * sendmail_child.h: one run of a program: started without a shell and without descriptors of ours,
 * heard to the end, ended at a deadline. No signal handler, no other child is touched.
 */
#ifndef TDM_TRANSPORT_SENDMAIL_CHILD_H
#define TDM_TRANSPORT_SENDMAIL_CHILD_H

#include "util/buf.h"

struct tdm_child {
    int64_t (*now_ms)(void);
    int64_t deadline_ms;
    struct tdm_buf *words; /* gets what it says on stdout and stderr, as much as fits */
    /* how it ended */
    int start_error; /* errno where it could not be started; 0: it was */
    int killed;      /* by us, at the deadline */
    int known;       /* 1: `status` is what waitpid says */
    int status;
};

/* Runs `arguments[0]`, a path, with `input` as its stdin; returns when it has ended. A process that
 * it leaves behind with its output open is not waited for. */
void tdm_child_run(struct tdm_child *child, char *const *arguments, int input);

#endif
