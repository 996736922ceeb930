/* command.h: runs `/bin/sh -c LINE` and keeps what it says, for passwords and lines of the configuration. */
#ifndef TDM_CLIENT_COMMAND_H
#define TDM_CLIENT_COMMAND_H

#include "transport/transport_impl.h"

enum { TDM_COMMAND_FAILED = -1, TDM_COMMAND_LATE = -2 };

/* Its output comes into `out` up to its maximum, which the caller has reserved, since there may be secrets
 * in it: so nothing is moved and left behind. 0, TDM_COMMAND_FAILED, TDM_COMMAND_LATE or an errno. */
int tdm_command_run(const char *line, const struct tdm_clock *clock, struct tdm_buf *out);
/* "failed", "did not end within 60 seconds". */
const char *tdm_command_words(int result);
/* Reads what is there now; 1: more may come, 0: the end, -1: failed (errno). What is behind the maximum of
 * `out` is read and dropped, so that a command can end. */
int tdm_command_read(int file, struct tdm_buf *out);

#endif
