/*
 * credentials.c: the secret is the first line of an environment variable, a file, or what a command
 * says. Commands: client/command.c. Buffers are wiped.
 */
#include "client/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "util/str.h"

#define CREDENTIALS_MAX ((size_t)64 * 1024)

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
        more = tdm_command_read(file, &text);
    } while (more > 0 && text.length < text.max && memchr(text.data, '\n', text.length) == NULL);
    int code = errno;
    close(file);
    int kind = more < 0 ? credentials_system_error(own, "file", path, code)
                        : credentials_take(own, "file", path, tdm_buf_text(&text), text.length);
    tdm_buf_wipe(&text);
    return kind;
}

/* The error of a command that gave nothing. */
static int credentials_command_failed(const struct credentials *own, int result)
{
    return result > 0 ? credentials_system_error(own, "command", "", result)
                      : credentials_refuse(own, "command", "", tdm_command_words(result));
}

static int credentials_from_command(const struct credentials *own, const char *line)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &own->transport->allocator, CREDENTIALS_MAX);
    if (tdm_buf_reserve(&text, CREDENTIALS_MAX) != 0) {
        return tdm_error_set(own->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             "out of memory while reading the password", NULL);
    }
    int result = tdm_command_run(line, &own->transport->clock, &text);
    int kind = result != 0 ? credentials_command_failed(own, result)
                           : credentials_take(own, "command", "", tdm_buf_text(&text), text.length);
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
