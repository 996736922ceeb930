/* watch.c: see watch.h. */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit_code.h"

static FILE *watch_create(const char *path, struct cli_failure *failure)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    FILE *stream = file >= 0 ? fdopen(file, "w") : NULL;
    if (stream == NULL) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "cannot write %s: %s", path,
                    strerror(errno));
        if (file >= 0) {
            close(file);
        }
    }
    return stream;
}

/* NULL where the option is not given. */
static FILE *watch_stream(const struct cli_args *args, const char *option,
                          struct cli_failure *failure)
{
    if (!args_has(args, option)) {
        return NULL;
    }
    const char *path = args_get(args, option);
    return path == NULL ? stderr : watch_create(path, failure);
}

int watch_open(struct cli_watch *watch, const struct cli_args *args, struct cli_failure *failure)
{
    memset(watch, 0, sizeof(*watch));
    watch->trace = watch_stream(args, "trace", failure);
    watch->json = failure->status == 0 ? watch_stream(args, "trace-json", failure) : NULL;
    watch->path = args_get(args, "record");
    if (failure->status == 0 && watch->path != NULL) {
        watch->recording = watch_create(watch->path, failure);
        watch->record = record_new();
        if (watch->record == NULL) {
            failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
        }
    }
    if (failure->status != 0) {
        watch_close(watch);
        return -1;
    }
    return 0;
}

static void watch_line(void *context, int level, const char *line)
{
    FILE *stream = context;
    (void)level;
    fprintf(stream, "%s\n", line);
    fflush(stream);
}

/* Bytes that are not UTF-8, and NUL, as \xNN. */
static json_t *watch_text(const char *text, size_t length)
{
    static const char hex[] = "0123456789ABCDEF";
    json_t *value = memchr(text, '\0', length) == NULL ? json_stringn(text, length) : NULL;
    char *escaped = value == NULL ? malloc(length * 4 + 1) : NULL;
    size_t at = 0;
    if (escaped == NULL) {
        return value;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c != 0 && c < 128) {
            escaped[at++] = text[i];
        } else {
            escaped[at++] = '\\';
            escaped[at++] = 'x';
            escaped[at++] = hex[c >> 4];
            escaped[at++] = hex[c & 15];
        }
    }
    value = json_stringn(escaped, at);
    free(escaped);
    return value;
}

static void watch_json(FILE *stream, const tidymail_trace_event *event)
{
    static const char *const directions[] = {"sent", "received", "note"};
    json_t *object =
        json_pack("{s:f, s:s, s:s, s:b, s:o}", "t", (double)event->ms / 1000, "phase",
                  tidymail_phase_name(event->phase), "direction", directions[event->mark], "tls",
                  event->encrypted, "text", watch_text(event->text, event->length));
    char *line = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    if (line != NULL) {
        fprintf(stream, "%s\n", line);
        fflush(stream);
    }
    free(line);
    json_decref(object);
}

static void watch_event(void *context, const tidymail_trace_event *event)
{
    struct cli_watch *watch = context;
    if (watch->json != NULL) {
        watch_json(watch->json, event);
    }
    if (watch->record != NULL) {
        record_event(watch->record, event);
    }
}

void watch_apply(struct cli_watch *watch, tidymail_transport_options *options)
{
    if (watch->trace != NULL) {
        options->log = watch_line;
        options->log_context = watch->trace;
    }
    if (watch->json != NULL || watch->record != NULL) {
        options->trace = watch_event;
        options->trace_context = watch;
    }
}

void watch_report(struct cli_watch *watch, const tidymail_report *report, int probe)
{
    if (watch->record != NULL) {
        record_report(watch->record, report, probe);
    }
}

void watch_message(struct cli_watch *watch, tidymail_message *message)
{
    if (watch->record != NULL) {
        record_message(watch->record, message);
    }
}

static void watch_end(FILE *stream)
{
    if (stream != NULL && stream != stderr) {
        fclose(stream);
    }
}

void watch_close(struct cli_watch *watch)
{
    if (watch->recording != NULL && watch->record != NULL &&
        record_write(watch->record, watch->recording) != 0) {
        fprintf(stderr, "nothing was recorded into %s: there was no SMTP session\n", watch->path);
    }
    record_free(watch->record);
    watch_end(watch->trace);
    watch_end(watch->json);
    watch_end(watch->recording);
    memset(watch, 0, sizeof(*watch));
}
