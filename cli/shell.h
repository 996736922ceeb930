/*
 * shell.h: what the files of `tidymail shell` share:
 *
 *   cmd_shell.c       options, start and end
 *   shell_run.c       one line of input: to the server, or to a helper
 *   shell_helpers.c   the helpers: .starttls, .auth, .send, ...
 *   shell_show.c      what people see
 *   shell_record.c    what was said, as a scenario
 *   shell_input.c     lines from a pipe
 *   shell_edit.c      lines from a terminal (libedit), with their history
 *   shell_complete.c  what the tab key offers
 */
#ifndef TIDYMAIL_CLI_SHELL_H
#define TIDYMAIL_CLI_SHELL_H

#include <stddef.h>
#include <stdint.h>

#include <tidymail/session.h>

enum shell_event_type { SHELL_SENT, SHELL_RECEIVED, SHELL_CLOSED };

/* One line of the conversation. */
struct shell_event {
    enum shell_event_type type;
    int phase;
    int encrypted;
    int64_t at_ms;
    char *text;
    size_t length;
};

struct shell_edit; /* shell_edit.c */

struct shell {
    tidymail_session *session;
    int interactive; /* a terminal on both sides: prompt, editor, history */
    int colour;
    int times;      /* .time on */
    int hides_sent; /* the line is on the screen already: who typed it sees it */
    int at_prompt;  /* the cursor stands behind a prompt */
    int ended;      /* .quit */
    int status;     /* exit status: of the last refusal */
    int64_t last_ms;
    struct shell_event *events;
    size_t event_count;
    size_t event_capacity;
    int events_lost; /* memory ran out: there is nothing to save */
    struct shell_edit *edit;
};

struct shell_helper {
    const char *name; /* with its dot; NULL ends the table */
    const char *argument;
    const char *help;
    void (*run)(struct shell *shell, const char *argument);
};

/* shell_show.c */
int64_t shell_now_ms(void);
/* The line callback of a session. */
void shell_line(void *context, const tidymail_smtp_trace *line);
/* A remark of the shell's own. */
void shell_say(struct shell *shell, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text of others with what could harm a terminal escaped. */
void shell_print_clean(const char *text, size_t length);
/* What a call of the session came to, beside the lines that were shown: codes in words, what is wrong,
 * what to do; and what it means for the exit status. */
void shell_result(struct shell *shell, int kind);

/* shell_run.c */
/* Waits for the answer to what was sent. */
void shell_await(struct shell *shell);
/* Shows what the server has said unasked; how many lines and ends of connections that was. */
int shell_look(struct shell *shell);
void shell_connect(struct shell *shell);
/* Does what a line says. */
void shell_handle(struct shell *shell, const char *line);

/* shell_helpers.c */
extern const struct shell_helper shell_helpers[];
void shell_help_line(struct shell *shell, const char *line);

/* shell_record.c */
void shell_record(struct shell *shell, enum shell_event_type type, const tidymail_smtp_trace *line);
void shell_record_clear(struct shell *shell);
/* 0, or -1 with errno. */
int shell_record_save(const struct shell *shell, const char *path);

/* shell_input.c: reads lines to the end of standard input. */
void shell_run_pipe(struct shell *shell);

/* shell_edit.c: reads lines from the terminal until the end. -1 where there can be no editor. */
int shell_run_terminal(struct shell *shell);
/* 1 where ^C was typed since; forgets it. */
int shell_interrupted(void);

/* shell_complete.c: the words that may stand where `line` (up to the cursor) ends, one at each call with
 * the next index; NULL past the end. *length gets how many bytes of the line they would replace. */
const char *shell_complete(const struct shell *shell, const char *line, size_t index,
                           size_t *length);

#endif
