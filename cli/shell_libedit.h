/*
 * shell_libedit.h: libedit, opened by the shell at a terminal only: no other command needs it, nor the
 * three libraries behind it, and a program that sends one message starts sooner without them.
 */
#ifndef SHELL_LIBEDIT_H
#define SHELL_LIBEDIT_H

#include <histedit.h>

/* Its functions under their own names, without el_. */
struct shell_libedit {
    EditLine *(*init)(const char *program, FILE *in, FILE *out, FILE *err);
    void (*end)(EditLine *line);
    const char *(*gets)(EditLine *line, int *count);
    int (*set)(EditLine *line, int what, ...);
    int (*wset)(EditLine *line, int what, ...);
    int (*get)(EditLine *line, int what, ...);
    int (*source)(EditLine *line, const char *path);
    const LineInfo *(*line)(EditLine *line);
    int (*cursor)(EditLine *line, int by);
    void (*deletestr)(EditLine *line, int count);
    int (*insertstr)(EditLine *line, const char *text);
    History *(*history_init)(void);
    void (*history_end)(History *history);
    int (*history)(History *history, HistEvent *event, int what, ...);
};

/* 0, or -1 where it is not installed, after saying so. It stays in memory. */
int shell_libedit_open(struct shell_libedit *library);

#endif
