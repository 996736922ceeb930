/*
 * credentials.c: the secret is the first line of an environment variable, a file, or what a command
 * says. A command has 60 seconds, no input, and must end with status 0. Buffers are wiped.
 */
#include "client/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/str.h"

#define CREDENTIALS_MAX ((size_t)64 * 1024)
#define CREDENTIALS_COMMAND_MS 60000
#define CREDENTIALS_PAUSE_MS 10

/* Whose secret, and where its error goes. */
struct credentials {
    tidymail_transport *transport;
    struct tidymail_error *error;
};

static int credentials_refuse(const struct credentials *own, const char *source, const char *name,
                              const char *words)
{
    return tdm_error_setf(own->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                          "password-from: the %s%s%s %s", source, name[0] != '\0' ? " " : "", name,
                          words);
}

static int credentials_system_error(const struct credentials *own, const char *source,
                                    const char *name, int code)
{
    char text[128];
    struct tdm_buf words;
    tdm_buf_init(&words, &own->transport->allocator, 512);
    tdm_buf_addf(&words, "cannot be read: %s", strerror_r(code, text, sizeof(text)));
    int kind = credentials_refuse(own, source, name, tdm_buf_text(&words));
    tdm_buf_clear(&words);
    return kind;
}

/* The first line of `text` becomes the password. */
static int credentials_take(const struct credentials *own, const char *source, const char *name,
                            const char *text, size_t length)
{
    const char *end = length > 0 ? memchr(text, '\n', length) : NULL;
    size_t line = end != NULL ? (size_t)(end - text) : length;
    if (line > 0 && text[line - 1] == '\r') {
        line--;
    }
    if (line == 0) {
        return credentials_refuse(own, source, name, "gives an empty first line");
    }
    if (tdm_find_control(text, line) < line) {
        return credentials_refuse(own, source, name, "has a control byte in its first line");
    }
    own->transport->password = tdm_strndup(&own->transport->allocator, text, line);
    return own->transport->password != NULL
               ? TIDYMAIL_OK
               : tdm_error_set(own->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                               "out of memory while reading the password", NULL);
}

static int credentials_from_environment(const struct credentials *own, const char *name)
{
    const char *source = "environment variable";
    const char *value = getenv(name);
    return value != NULL ? credentials_take(own, source, name, value, strlen(value))
                         : credentials_refuse(own, source, name, "is not set");
}

/* Reads what is there now; 1: more may come, 0: the end, -1: failed (errno). What is behind the
 * first CREDENTIALS_MAX bytes is read and dropped, so that a command can end. */
static int credentials_read(int file, struct tdm_buf *out)
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

static int credentials_from_file(const struct credentials *own, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) {
        return credentials_system_error(own, "file", path, errno);
    }
    struct tdm_buf text;
    tdm_buf_init(&text, &own->transport->allocator, CREDENTIALS_MAX);
    if (tdm_buf_reserve(&text, CREDENTIALS_MAX) != 0) { /* never moved: nothing stays behind */
        close(file);
        return tdm_error_set(own->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             "out of memory while reading the password", NULL);
    }
    int more;
    do {
        more = credentials_read(file, &text);
    } while (more > 0 && text.length < text.max && memchr(text.data, '\n', text.length) == NULL);
    int code = errno;
    close(file);
    int kind = more < 0 ? credentials_system_error(own, "file", path, code)
                        : credentials_take(own, "file", path, tdm_buf_text(&text), text.length);
    tdm_buf_wipe(&text);
    return kind;
}

/* Starts `/bin/sh -c line`, its output in `output`; 0 or an error number. */
static int credentials_spawn(const char *line, int output, pid_t *child)
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
static int credentials_listen(const struct credentials *own, int file, int64_t deadline_ms,
                              struct tdm_buf *out)
{
    for (;;) {
        int64_t left = deadline_ms - own->transport->clock.now_ms();
        struct pollfd wait = {file, POLLIN, 0};
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready == 0 || (ready < 0 && errno != EINTR)) {
            return -1;
        }
        int more = ready > 0 ? credentials_read(file, out) : 1;
        if (more <= 0) {
            return more;
        }
    }
}

/* Waits for the child's end; after the deadline it is killed. 0: it ended with status 0. Where the
 * application lets the system collect its children, the status is not known and nothing is held
 * against the command. */
static int credentials_wait(const struct credentials *own, pid_t child, int64_t deadline_ms)
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
        if (own->transport->clock.now_ms() >= deadline_ms) {
            kill(child, SIGKILL);
            while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
            }
            return -1;
        }
        poll(NULL, 0, CREDENTIALS_PAUSE_MS);
    }
}

static int credentials_run(const struct credentials *own, const char *line, int *ends,
                           struct tdm_buf *text)
{
    pid_t child;
    int code = credentials_spawn(line, ends[1], &child);
    close(ends[1]);
    if (code != 0) {
        return credentials_system_error(own, "command", "", code);
    }
    int64_t deadline = own->transport->clock.now_ms() + CREDENTIALS_COMMAND_MS;
    int heard = credentials_listen(own, ends[0], deadline, text);
    int ended = credentials_wait(own, child, heard == 0 ? deadline : 0);
    if (own->transport->clock.now_ms() >= deadline) {
        return credentials_refuse(own, "command", "", "did not end within 60 seconds");
    }
    if (heard != 0 || ended != 0) {
        return credentials_refuse(own, "command", "", "failed");
    }
    return credentials_take(own, "command", "", tdm_buf_text(text), text->length);
}

static int credentials_from_command(const struct credentials *own, const char *line)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &own->transport->allocator, CREDENTIALS_MAX);
    if (tdm_buf_reserve(&text, CREDENTIALS_MAX) != 0) {
        return tdm_error_set(own->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             "out of memory while reading the password", NULL);
    }
    int ends[2];
    int kind;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        kind = credentials_system_error(own, "command", "", errno);
    } else {
        kind = credentials_run(own, line, ends, &text);
        close(ends[0]);
    }
    tdm_buf_wipe(&text);
    return kind;
}

int tdm_credentials_load(tidymail_transport *transport, struct tidymail_error *error)
{
    static const struct {
        const char *prefix;
        int (*load)(const struct credentials *own, const char *rest);
    } sources[] = {{"env:", credentials_from_environment},
                   {"file:", credentials_from_file},
                   {"command:", credentials_from_command}};
    const char *from = transport->options.password_from;
    if (from == NULL || transport->password != NULL) {
        return TIDYMAIL_OK;
    }
    struct credentials own = {transport, error};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (tdm_starts_nocase(from, strlen(from), sources[i].prefix)) {
            return sources[i].load(&own, from + strlen(sources[i].prefix));
        }
    }
    return credentials_refuse(&own, "source", "", "is none of env:, file:, command:");
}

void tdm_credentials_after(tidymail_transport *transport, const struct tidymail_error *error)
{
    if (error->kind == TIDYMAIL_KIND_AUTHENTICATION && transport->options.password_from != NULL &&
        transport->password != NULL) {
        tdm_wipe(transport->password, strlen(transport->password));
        tdm_free(&transport->allocator, transport->password);
        transport->password = NULL;
    }
}
