/*
 * command.c: what a command of the configuration says: a password, or a line of the file. It has 60 seconds,
 * no input, and must end with status 0.
 */
#include "client/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_MS 60000
#define COMMAND_PAUSE_MS 10

int tdm_command_read(int file, struct tdm_buf *out)
{
    char piece[4096];
    ssize_t length = read(file, piece, sizeof(piece));
    int code = errno;
    if (length > 0) {
        size_t room = out->max - out->length;
        tdm_buf_add(out, piece, (size_t)length < room ? (size_t)length : room);
        tdm_wipe(piece, sizeof(piece));
    }
    errno = code;
    if (length < 0) {
        return code == EINTR ? 1 : -1;
    }
    return length > 0;
}

/* Starts `/bin/sh -c line`, its output in `output`; 0 or an error number. */
static int command_spawn(const char *line, int output, pid_t *child)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t broken_pipe;
    sigemptyset(&none);
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    int code = posix_spawn_file_actions_init(&files);
    if (code != 0) {
        return code;
    }
    code = posix_spawnattr_init(&attributes);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&files);
        return code;
    }
    char shell[] = "sh";
    char option[] = "-c";
    char *arguments[4] = {shell, option, NULL, NULL};
    memcpy(&arguments[2], &line, sizeof(line)); /* posix_spawn does not write to it */
    code = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (code == 0) {
        code = posix_spawn_file_actions_adddup2(&files, output, 1);
    }
    if (code == 0) {
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        code = posix_spawn(child, "/bin/sh", &files, &attributes, arguments, environ);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return code;
}

/* Reads to the end of the output; 0, -1 where the deadline passed or reading failed. */
static int command_listen(const struct tdm_clock *clock, int file, int64_t deadline_ms,
                          struct tdm_buf *out)
{
    for (;;) {
        int64_t left = deadline_ms - clock->now_ms();
        struct pollfd wait = {file, POLLIN, 0};
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready == 0 || (ready < 0 && errno != EINTR)) {
            return -1;
        }
        int more = ready > 0 ? tdm_command_read(file, out) : 1;
        if (more <= 0) {
            return more;
        }
    }
}

/* Waits for the child's end; after the deadline it is killed. 0: it ended with status 0. Where the
 * application lets the system collect its children, the status is not known and nothing is held
 * against the command. */
static int command_wait(const struct tdm_clock *clock, pid_t child, int64_t deadline_ms)
{
    int status = 0;
    for (;;) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child) {
            return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
        }
        if (ended < 0 && errno != EINTR) {
            return errno == ECHILD ? 0 : -1;
        }
        if (clock->now_ms() >= deadline_ms) {
            kill(child, SIGKILL);
            while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
            }
            return -1;
        }
        poll(NULL, 0, COMMAND_PAUSE_MS);
    }
}

int tdm_command_run(const char *line, const struct tdm_clock *clock, struct tdm_buf *out)
{
    int ends[2];
    pid_t child;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    int code = command_spawn(line, ends[1], &child);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        return code;
    }
    int64_t deadline = clock->now_ms() + COMMAND_MS;
    int heard = command_listen(clock, ends[0], deadline, out);
    int ended = command_wait(clock, child, heard == 0 ? deadline : 0);
    close(ends[0]);
    if (clock->now_ms() >= deadline) {
        return TDM_COMMAND_LATE;
    }
    return heard != 0 || ended != 0 ? TDM_COMMAND_FAILED : 0;
}

const char *tdm_command_words(int result)
{
    return result == TDM_COMMAND_LATE ? "did not end within 60 seconds" : "failed";
}
