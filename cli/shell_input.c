/* shell_input.c: lines from a pipe. What the server says meanwhile is shown as it comes. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit_code.h"
#include "shell.h"

#define INPUT_PIECE 65536

struct input {
    char *bytes;
    size_t length;
    size_t capacity;
    int ended;
};

/* Waits for input, and shows what comes from the server. */
static void input_wait(struct shell *shell)
{
    for (;;) {
        shell_look(shell);
        struct pollfd two[2] = {{STDIN_FILENO, POLLIN, 0},
                                {tidymail_session_fd(shell->session), POLLIN, 0}};
        int ready = poll(two, 2, -1);
        if (two[0].revents != 0 || (ready < 0 && errno != EINTR)) {
            return;
        }
    }
}

/* Reads more; -1 at the end. */
static int input_more(struct shell *shell, struct input *input)
{
    if (input->capacity - input->length < INPUT_PIECE) {
        char *more = realloc(input->bytes, input->capacity + INPUT_PIECE * 2);
        if (more == NULL) {
            shell_say(shell, "out of memory");
            shell->status = CLI_EXIT_LOCAL;
            return -1;
        }
        input->bytes = more;
        input->capacity += INPUT_PIECE * 2;
    }
    input_wait(shell);
    ssize_t got = read(STDIN_FILENO, input->bytes + input->length, INPUT_PIECE - 1);
    if (got > 0) {
        input->length += (size_t)got;
    }
    return got > 0 || (got < 0 && errno == EINTR) ? 0 : -1;
}

/* Does the first line of the input; its length with the line end. */
static size_t input_take(struct shell *shell, char *bytes, size_t length)
{
    size_t line = length;
    bytes[length] = '\0';
    while (line > 0 && bytes[line - 1] == '\r') {
        bytes[--line] = '\0';
    }
    if (strlen(bytes) != line) {
        shell_say(shell, "a line with a NUL byte was left out (.raw sends \\x00)");
        shell->status = CLI_EXIT_USAGE;
    } else {
        shell_look(shell);
        shell_handle(shell, bytes);
    }
    return length + 1;
}

void shell_run_pipe(struct shell *shell)
{
    struct input input = {NULL, 0, 0, 0};
    while (!shell->ended) {
        char *end = input.length > 0 ? memchr(input.bytes, '\n', input.length) : NULL;
        if (end == NULL && !input.ended) {
            input.ended = input_more(shell, &input) != 0;
            continue;
        }
        if (end == NULL && input.length == 0) {
            break;
        }
        size_t taken = input_take(shell, input.bytes,
                                  end != NULL ? (size_t)(end - input.bytes) : input.length);
        taken = taken < input.length ? taken : input.length;
        memmove(input.bytes, input.bytes + taken, input.length - taken);
        input.length -= taken;
    }
    free(input.bytes);
}
