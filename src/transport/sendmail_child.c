/* sendmail_child.c: see sendmail_child.h. */
#include "transport/sendmail_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_PAUSE_MS 20   /* between looks at whether it has ended */
#define CHILD_GRACE_MS 2000 /* from SIGTERM to SIGKILL, and from that to giving it up */

/* stdin, stdout and stderr, signals as a new program expects them, and nothing else: descriptors
 * that other threads or libraries left open are closed too. */
static int child_spawn(char *const *arguments, int input, int output, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGCHLD);
    int code = posix_spawn_file_actions_init(&files);
    if (code != 0) {
        return code;
    }
    code = posix_spawnattr_init(&attributes);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&files);
        return code;
    }
    code = posix_spawn_file_actions_adddup2(&files, input, 0);
    code = code == 0 ? posix_spawn_file_actions_adddup2(&files, output, 1) : code;
    code = code == 0 ? posix_spawn_file_actions_adddup2(&files, output, 2) : code;
    code = code == 0 ? posix_spawn_file_actions_addclosefrom_np(&files, 3) : code;
    if (code == 0) {
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &usual);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        code = posix_spawn(pid, arguments[0], &files, &attributes, arguments, environ);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return code;
}

/* 1 where it has ended. Where the application lets the system collect its children (SIGCHLD is
 * ignored), what it ended with is not known. */
static int child_has_ended(struct tdm_child *child, pid_t pid)
{
    pid_t ended = waitpid(pid, &child->status, WNOHANG);
    child->known = ended == pid;
    return ended == pid || (ended < 0 && errno != EINTR);
}

/* Waits until it has ended, at most so long: 1 where it has. */
static int child_await(struct tdm_child *child, pid_t pid, int64_t ms)
{
    int64_t until = child->now_ms() + ms;
    for (int pause = 1; !child_has_ended(child, pid);) {
        if (child->now_ms() >= until) {
            return 0;
        }
        poll(NULL, 0, pause);
        pause = pause < CHILD_PAUSE_MS ? pause * 2 : CHILD_PAUSE_MS;
    }
    return 1;
}

static void child_kill(struct tdm_child *child, pid_t pid)
{
    child->killed = 1;
    kill(pid, SIGTERM);
    if (child_await(child, pid, CHILD_GRACE_MS)) {
        return;
    }
    kill(pid, SIGKILL);
    child_await(child, pid, CHILD_GRACE_MS);
}

/* Takes what is there without waiting; 0 at the end of it. */
static int child_hear(struct tdm_child *child, int output)
{
    char piece[4096];
    for (;;) {
        ssize_t got = read(output, piece, sizeof(piece));
        if (got > 0) {
            struct tdm_buf *words = child->words;
            size_t room = words->max - words->length;
            size_t length = (size_t)got < room ? (size_t)got : room;
            tdm_buf_add(words, piece, length);
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
            return 0;
        } else if (errno == EAGAIN) {
            return 1;
        }
    }
}

static void child_listen(struct tdm_child *child, pid_t pid, int output)
{
    int open = 1;
    int pause = 1;
    while (!child_has_ended(child, pid)) {
        int64_t left = child->deadline_ms - child->now_ms();
        if (left <= 0) {
            child_kill(child, pid);
            break;
        }
        struct pollfd wait = {output, POLLIN, 0};
        int ready = poll(&wait, (nfds_t)open, left < pause ? (int)left : pause);
        if (ready > 0) {
            open = child_hear(child, output);
        }
        pause = ready > 0 ? 1 : pause < CHILD_PAUSE_MS ? pause * 2 : CHILD_PAUSE_MS;
    }
    if (open) {
        child_hear(child, output); /* its last words; a process it left behind is not waited for */
    }
}

/* A descriptor that the three of the program do not collide with. */
static int child_lift(int fd)
{
    if (fd > 2) {
        return fd;
    }
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return lifted;
}

void tdm_child_run(struct tdm_child *child, char *const *arguments, int input)
{
    int ends[2];
    pid_t pid = -1;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        child->start_error = errno;
        return;
    }
    ends[0] = child_lift(ends[0]);
    ends[1] = child_lift(ends[1]);
    if (ends[0] < 0 || ends[1] < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        child->start_error = errno;
    } else {
        child->start_error = child_spawn(arguments, input, ends[1], &pid);
    }
    if (ends[1] >= 0) {
        close(ends[1]);
    }
    if (child->start_error == 0) {
        child_listen(child, pid, ends[0]);
    }
    if (ends[0] >= 0) {
        close(ends[0]);
    }
}
