/* commands.h: the commands, one file each; main.c has the table. */
#ifndef TIDYMAIL_CLI_COMMANDS_H
#define TIDYMAIL_CLI_COMMANDS_H

#include "args.h"

extern const struct cli_command command_send;
extern const struct cli_command command_render;
extern const struct cli_command command_bulk;
extern const struct cli_command command_serve;
extern const struct cli_command command_providers;
extern const struct cli_command command_check;
/* It reads its arguments by itself. */
extern const struct cli_command command_sendmail;
int sendmail_main(int count, char **words);
extern const struct cli_command command_shell;
extern const struct cli_command command_replay;

#endif
