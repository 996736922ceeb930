/* shell_run.c: one line of input: to the server as it is, or to a helper. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "exit_code.h"
#include "shell.h"

#define RUN_LOOK_MAX 100

/* Equal to an upper-case word but for case. */
static int run_is_word(const char *text, size_t length, const char *word)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
        if (c != word[i]) {
            return 0;
        }
    }
    return word[length] == '\0';
}

/* At a terminal a person decides how long to wait. */
static int run_read_patiently(struct shell *shell)
{
    for (;;) {
        int kind = tidymail_session_read(shell->session, 0);
        if (kind != TIDYMAIL_KIND_TIMEOUT) {
            return kind;
        }
        struct pollfd one = {tidymail_session_fd(shell->session), POLLIN, 0};
        poll(&one, 1, -1);
        if (shell_interrupted()) {
            shell_say(shell, "not waiting any longer; the reply is shown when it comes");
            return TIDYMAIL_KIND_TIMEOUT;
        }
    }
}

void shell_await(struct shell *shell)
{
    int kind =
        shell->interactive ? run_read_patiently(shell) : tidymail_session_read(shell->session, -1);
    shell_result(shell, kind);
}

int shell_look(struct shell *shell)
{
    int shown = 0;
    /* not all of a flood at once: somebody may want to type */
    while (tidymail_session_fd(shell->session) >= 0 && shown < RUN_LOOK_MAX) {
        int kind = tidymail_session_read(shell->session, 0);
        if (kind == TIDYMAIL_KIND_TIMEOUT) {
            break;
        }
        shell_result(shell, kind);
        shown++;
    }
    return shown;
}

void shell_connect(struct shell *shell)
{
    shell_record_clear(shell);
    int kind = tidymail_session_connect(shell->session);
    if (kind == TIDYMAIL_OK) {
        shell_await(shell);
    } else {
        shell_result(shell, kind);
    }
}

/* A command whose bytes follow, and its reply behind them (RFC 3030 2). */
static int run_has_more(const char *line, size_t word)
{
    const char *size = line + word + strspn(line + word, " ");
    return run_is_word(line, word, "BDAT") && strspn(size, "0") != strcspn(size, " ");
}

static void run_command(struct shell *shell, const char *line)
{
    size_t word = strcspn(line, " ");
    if (run_is_word(line, word, "STARTTLS") && line[word] == '\0' &&
        !tidymail_session_encrypted(shell->session)) {
        shell_result(shell, tidymail_session_start_tls(shell->session));
        return;
    }
    int kind = tidymail_session_send_line(shell->session, line);
    if (kind != TIDYMAIL_OK) {
        shell_result(shell, kind);
    } else if (!run_has_more(line, word)) {
        shell_await(shell);
    }
}

static void run_message_line(struct shell *shell, const char *line)
{
    int kind = tidymail_session_send_line(shell->session, line);
    if (kind != TIDYMAIL_OK) {
        shell_result(shell, kind);
    } else if (strcmp(line, ".") == 0) {
        shell_await(shell);
    }
}

void shell_handle(struct shell *shell, const char *line)
{
    int mode = tidymail_session_mode(shell->session);
    shell->hides_sent = shell->interactive;
    shell->last_ms = shell_now_ms();
    if (mode == TIDYMAIL_SESSION_DATA) {
        run_message_line(shell, line);
    } else if (line[0] == '.') {
        shell->hides_sent = 0;
        shell_help_line(shell, line);
    } else if (line[0] == '\0' && mode != TIDYMAIL_SESSION_AUTH) {
        /* an empty line is nobody's wish (.raw \r\n sends one) */
    } else if (mode == TIDYMAIL_SESSION_CLOSED) {
        shell_say(shell, "not connected; .connect connects anew");
        shell->status = CLI_EXIT_RETRY;
    } else {
        run_command(shell, line);
    }
    shell->hides_sent = 0;
}
