/* cmd_shell.c: tidymail shell: talk SMTP by hand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tidymail/tidymail.h>

#include "account.h"
#include "commands.h"
#include "exit_code.h"
#include "shell.h"
#include "transport_options.h"

static const struct cli_option shell_options[] = {
    {"target", "URL", "where to connect", CLI_OPERAND},
    {"url", "URL", "the same by name; else --account, TIDYMAIL_URL, the default account", 0},
    {"user", "U", "for .auth, instead of the URL's user and password", 0},
    {"password", "P", "its password (others on this machine can see it)", 0},
    {"ehlo", NULL, "say EHLO first", 0},
    {"starttls", NULL, "EHLO and STARTTLS first", 0},
    {"login", NULL, "log in first (without smtps:// and --starttls in clear: refused)", 0},
    {"time", NULL, "seconds before each line, as .time on", 0},
    {"record", "FILE.scn", "at the end: the last connection as a scenario, as .save", 0},
    {NULL, NULL, NULL, 0},
};

static const struct cli_option_group shell_groups[] = {
    {"Options", shell_options, 0},
    {"Accounts", account_options, 0},
    {"Options of the URL, as --NAME VALUE; they beat the URL's (--help=all)",
     transport_option_names, 1},
    {NULL, NULL, 0},
};

static int shell_wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

/* What the command line asks for before the first line. */
static void shell_begin(struct shell *shell, const struct cli_args *args)
{
    shell_connect(shell);
    int open = tidymail_session_fd(shell->session) >= 0;
    if (open && args_has(args, "starttls")) {
        shell_help_line(shell, ".starttls");
    }
    if (open && args_has(args, "ehlo")) {
        shell_help_line(shell, ".ehlo");
    }
    if (open && args_has(args, "login")) {
        shell_help_line(shell, ".auth");
    }
}

static int shell_start(const struct cli_args *args, const char *url,
                       const tidymail_transport_options *transport, struct cli_failure *failure)
{
    struct shell shell;
    memset(&shell, 0, sizeof(shell));
    tidymail_session_options options = TIDYMAIL_SESSION_OPTIONS_INIT;
    options.transport = transport;
    options.line = shell_line;
    options.line_context = &shell;
    shell.interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    shell.colour = shell.interactive && shell_wants_colour();
    shell.times = args_has(args, "time");
    shell.last_ms = shell_now_ms();
    shell.session = tidymail_session_open(url, &options);
    if (shell.session == NULL) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    shell_begin(&shell, args);
    int connected = tidymail_session_fd(shell.session) >= 0;
    if (connected && (!shell.interactive || shell_run_terminal(&shell) != 0)) {
        shell.interactive = 0;
        shell_run_pipe(&shell);
    } else if (connected) {
        shell.status = CLI_EXIT_SENT; /* a person has seen what there was to see */
    }
    tidymail_session_quit(shell.session);
    const char *record = args_get(args, "record");
    if (record != NULL && shell_record_save(&shell, record) != 0) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "cannot write %s: %s", record,
                    strerror(errno));
    }
    tidymail_session_free(shell.session);
    shell_record_clear(&shell);
    return shell.status;
}

static int shell_run(const struct cli_args *args, struct cli_failure *failure)
{
    tidymail_transport_options transport = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    struct cli_account where = {NULL, NULL, NULL};
    const char **both = NULL;
    int status = 0;
    if (account_choose(&where, args, args_get(args, "target"), NULL, failure) != 0) {
        account_release(&where);
        return failure->status;
    }
    transport.user = args_get(args, "user");
    transport.password = args_get(args, "password");
    if (transport_options_collect(args, &transport, failure) == 0) {
        tidymail_transport_options merged = transport;
        const char *url = account_merge(&where, &merged, &both, failure);
        status = failure->status == 0 ? shell_start(args, url, &merged, failure) : 0;
    }
    free(both);
    transport_options_free(&transport);
    account_release(&where);
    return failure->status != 0 ? failure->status : status;
}

const struct cli_command command_shell = {
    "shell",
    "[OPTION]... [URL]",
    "Talks SMTP by hand: TLS, logins and dots are taken care of.",
    shell_groups,
    "Lines go to the server as they are; those that begin with a dot are helpers: .help lists "
    "them.\n"
    "Standard input that is no terminal is a script. Exit status: 0 where all replies were 2xx or\n"
    "3xx, else that of a send with the last refusal; 0 from a terminal that was connected.\n"
    "Example: tidymail shell smtp://ann:secret@mail.example.org --starttls",
    shell_run};
