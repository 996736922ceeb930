/*
 * shell_edit.c: lines from a terminal, by libedit. Its reading of keys is ours: the server is watched
 * beside the keyboard, so that what it says unasked is shown while a line is typed.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "exit_code.h"
#include "shell.h"
#include "shell_libedit.h"

#define EDIT_HISTORY 1000
#define EDIT_REDRAW 0x1c /* keys that nobody types: ^\ and ^^ */
#define EDIT_CANCEL 0x1e
#define EDIT_SHOWN_MAX 64

struct shell_edit {
    EditLine *line;
    History *history;
    HistEvent event;
    char *path; /* of the history; NULL: it is not kept */
    mbstate_t state;
    char prompt[64];
};

static volatile sig_atomic_t edit_interrupts;
static struct shell_libedit edit_library; /* its callbacks bring nothing else along */

static void edit_on_interrupt(int number)
{
    if (edit_interrupts++ > 0) { /* somebody means it */
        signal(number, SIG_DFL);
        raise(number);
    }
}

int shell_interrupted(void)
{
    int was = edit_interrupts > 0;
    edit_interrupts = 0;
    return was;
}

static struct shell *edit_shell(EditLine *line)
{
    void *shell = NULL;
    edit_library.get(line, EL_CLIENTDATA, &shell);
    return shell;
}

static char *edit_prompt(EditLine *line)
{
    struct shell *shell = edit_shell(line);
    const char *words = "smtp> ";
    switch (tidymail_session_mode(shell->session)) {
    case TIDYMAIL_SESSION_CLOSED:
        words = "closed> ";
        break;
    case TIDYMAIL_SESSION_DATA:
        words = "data> ";
        break;
    case TIDYMAIL_SESSION_AUTH:
        words = "auth> ";
        break;
    default:
        words = tidymail_session_encrypted(shell->session) ? "smtp (TLS)> " : words;
        break;
    }
    snprintf(shell->edit->prompt, sizeof(shell->edit->prompt), "%s", words);
    return shell->edit->prompt;
}

/* One key, out of one byte or more of them: 1, 0 at the end, -1 where reading failed. */
static int edit_read_key(struct shell_edit *edit, wchar_t *key)
{
    for (;;) {
        char byte;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got <= 0) {
            return got < 0 && errno == EINTR ? 2 : (int)got;
        }
        size_t size = mbrtowc(key, &byte, 1, &edit->state);
        if (size == (size_t)-1) {
            memset(&edit->state, 0, sizeof(edit->state));
            continue;
        }
        if (size != (size_t)-2) {
            return 1;
        }
    }
}

static int edit_getc(EditLine *line, wchar_t *key)
{
    struct shell *shell = edit_shell(line);
    for (;;) {
        fflush(stdout);
        shell->at_prompt = 1;
        if (shell_interrupted()) {
            *key = EDIT_CANCEL;
            return 1;
        }
        struct pollfd two[2] = {{STDIN_FILENO, POLLIN, 0}, {-1, POLLIN, 0}};
        int ready = poll(two, 1, 0); /* keys first: a server may talk without end */
        if (ready == 0 && shell_look(shell) > 0) {
            *key = EDIT_REDRAW;
            return 1;
        }
        two[1].fd = tidymail_session_fd(shell->session);
        ready = ready == 0 ? poll(two, 2, -1) : ready;
        if (ready > 0 && two[0].revents != 0) {
            int got = edit_read_key(shell->edit, key);
            if (got != 2) {
                return got;
            }
        } else if (ready < 0 && errno != EINTR) {
            return -1;
        }
    }
}

static unsigned char edit_redraw(EditLine *line, int key)
{
    (void)line;
    (void)key;
    return CC_REDISPLAY;
}

static unsigned char edit_cancel(EditLine *line, int key)
{
    const LineInfo *info = edit_library.line(line);
    (void)key;
    edit_library.cursor(line, (int)(info->lastchar - info->cursor));
    edit_library.deletestr(line, (int)(info->lastchar - info->buffer));
    fputs("^C\n", stdout);
    return CC_REDISPLAY;
}

/* How many bytes the candidates begin with in common. */
static size_t edit_common(const struct shell *shell, const char *text, char *first, size_t size,
                          size_t *count, size_t *length)
{
    const char *word;
    size_t common = 0;
    for (*count = 0; (word = shell_complete(shell, text, *count, length)) != NULL; (*count)++) {
        if (*count == 0) {
            snprintf(first, size, "%s", word);
            common = strlen(first);
        }
        size_t same = 0;
        while (same < common && word[same] == first[same]) {
            same++;
        }
        common = same;
    }
    return common;
}

static unsigned char edit_complete(EditLine *line, int key)
{
    struct shell *shell = edit_shell(line);
    const LineInfo *info = edit_library.line(line);
    char text[1024];
    char first[128];
    size_t count;
    size_t length;
    size_t size = (size_t)(info->cursor - info->buffer);
    (void)key;
    if (size >= sizeof(text)) {
        return CC_NORM;
    }
    memcpy(text, info->buffer, size);
    text[size] = '\0';
    size_t common = edit_common(shell, text, first, sizeof(first), &count, &length);
    if (count == 0) {
        return CC_REFRESH_BEEP;
    }
    first[common] = '\0';
    if (common > length || count == 1) {
        edit_library.deletestr(line, (int)length);
        return edit_library.insertstr(line, first) == 0 ? CC_REFRESH : CC_ERROR;
    }
    fputc('\n', stdout);
    for (size_t i = 0; i < count && i < EDIT_SHOWN_MAX; i++) {
        printf("%s  ", shell_complete(shell, text, i, &length));
    }
    fputc('\n', stdout);
    return CC_REDISPLAY;
}

/* Makes the folders of a path; those that are there are fine. */
static void edit_make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

/* $XDG_STATE_HOME/tidymail/history (XDG Base Directory Specification), readable by its owner only. */
static void edit_load_history(struct shell_edit *edit)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length = -1;
    if (state != NULL && state[0] == '/') {
        length = asprintf(&edit->path, "%s/tidymail/history", state);
    } else if (home != NULL && home[0] == '/') {
        length = asprintf(&edit->path, "%s/.local/state/tidymail/history", home);
    }
    if (length < 0) {
        edit->path = NULL;
        return;
    }
    edit_make_folders(edit->path);
    int file = open(edit->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        free(edit->path);
        edit->path = NULL;
        return;
    }
    close(file);
    edit_library.history(edit->history, &edit->event, H_LOAD, edit->path);
}

static int edit_holds_auth(const char *line)
{
    line += strspn(line, " ");
    if (strncmp(line, ".raw", 4) == 0) {
        return 1; /* whatever is in it */
    }
    return (line[0] == 'A' || line[0] == 'a') && (line[1] == 'U' || line[1] == 'u') &&
           (line[2] == 'T' || line[2] == 't') && (line[3] == 'H' || line[3] == 'h');
}

/* Neither credentials nor messages are kept. */
static void edit_remember(struct shell *shell, const char *line)
{
    struct shell_edit *edit = shell->edit;
    if (tidymail_session_mode(shell->session) != TIDYMAIL_SESSION_COMMAND && line[0] != '.') {
        return;
    }
    if (tidymail_session_mode(shell->session) == TIDYMAIL_SESSION_DATA || line[0] == '\0' ||
        edit_holds_auth(line)) {
        return;
    }
    edit_library.history(edit->history, &edit->event, H_ENTER, line);
}

static void edit_end(struct shell_edit *edit)
{
    if (edit->path != NULL) {
        edit_library.history(edit->history, &edit->event, H_SAVE, edit->path);
    }
    edit_library.history_end(edit->history);
    edit_library.end(edit->line);
    free(edit->path);
    signal(SIGINT, SIG_DFL);
}

static int edit_begin(struct shell *shell, struct shell_edit *edit)
{
    if (shell_libedit_open(&edit_library) != 0) {
        return -1;
    }
    setlocale(LC_CTYPE, ""); /* libedit needs to know how characters are written */
    edit->line = edit_library.init("tidymail", stdin, stdout, stderr);
    edit->history = edit_library.history_init();
    if (edit->line == NULL || edit->history == NULL) {
        return -1;
    }
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = edit_on_interrupt;
    sigaction(SIGINT, &action, NULL);
    edit_library.history(edit->history, &edit->event, H_SETSIZE, EDIT_HISTORY);
    edit_library.history(edit->history, &edit->event, H_SETUNIQUE, 1);
    edit_load_history(edit);
    edit_library.set(edit->line, EL_CLIENTDATA, shell);
    edit_library.set(edit->line, EL_PROMPT, edit_prompt);
    edit_library.set(edit->line, EL_EDITOR, "emacs");
    edit_library.set(edit->line, EL_HIST, edit_library.history, edit->history);
    /* wide, since libedit never frees its copies of narrow names */
    edit_library.wset(edit->line, EL_ADDFN, L"shell-complete", L"complete the word", edit_complete);
    edit_library.wset(edit->line, EL_ADDFN, L"shell-redraw", L"draw the line again", edit_redraw);
    edit_library.wset(edit->line, EL_ADDFN, L"shell-cancel", L"forget the line", edit_cancel);
    edit_library.source(edit->line, NULL);
    edit_library.set(edit->line, EL_BIND, "^I", "shell-complete", NULL);
    edit_library.set(edit->line, EL_BIND, "^\\", "shell-redraw", NULL);
    edit_library.set(edit->line, EL_BIND, "^^", "shell-cancel", NULL);
    edit_library.set(edit->line, EL_GETCFN, edit_getc);
    return 0;
}

int shell_run_terminal(struct shell *shell)
{
    struct shell_edit edit;
    memset(&edit, 0, sizeof(edit));
    shell->edit = &edit;
    if (edit_begin(shell, &edit) != 0) {
        return -1;
    }
    while (!shell->ended) {
        int count = 0;
        const char *typed = edit_library.gets(edit.line, &count);
        shell->at_prompt = 0;
        if (typed == NULL || count <= 0) {
            fputc('\n', stdout);
            break;
        }
        char *line = strndup(typed, strcspn(typed, "\r\n"));
        if (line != NULL) {
            edit_remember(shell, line);
            shell_handle(shell, line);
            memset(line, 0, strlen(line));
        }
        free(line);
    }
    edit_end(&edit);
    shell->edit = NULL;
    return 0;
}
