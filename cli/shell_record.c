/*
 * shell_record.c: what was said, as a scenario (docs/scenarios.md): credentials are *, the message is
 * <message>, and names and parameters that another client would choose otherwise are * too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell.h"

#define RECORD_WAIT_MS 100 /* a shorter pause of the server is none */
#define RECORD_MAX 100000
#define RECORD_CHALLENGE "334 PDAucmVjb3JkZWRAZXhhbXBsZT4=" /* <0.recorded@example> */

static void record_lost(struct shell *shell)
{
    shell->events_lost = 1;
}

void shell_record(struct shell *shell, enum shell_event_type type, const tidymail_smtp_trace *line)
{
    if (shell->event_count == shell->event_capacity) {
        size_t capacity = shell->event_capacity > 0 ? shell->event_capacity * 2 : 64;
        struct shell_event *events =
            capacity <= RECORD_MAX * 2 ? realloc(shell->events, capacity * sizeof(*events)) : NULL;
        if (events == NULL) {
            record_lost(shell);
            return;
        }
        shell->events = events;
        shell->event_capacity = capacity;
    }
    size_t length = line != NULL ? line->length : 0;
    char *text = malloc(length + 1);
    if (text == NULL) {
        record_lost(shell);
        return;
    }
    memcpy(text, line != NULL ? line->text : "", length);
    text[length] = '\0';
    struct shell_event event = {type,
                                line != NULL ? line->phase : 0,
                                line != NULL && line->encrypted,
                                shell_now_ms(),
                                text,
                                length};
    shell->events[shell->event_count++] = event;
}

void shell_record_clear(struct shell *shell)
{
    for (size_t i = 0; i < shell->event_count; i++) {
        free(shell->events[i].text);
    }
    free(shell->events);
    shell->events = NULL;
    shell->event_count = 0;
    shell->event_capacity = 0;
    shell->events_lost = 0;
}

static int record_starts(const char *text, const char *upper)
{
    for (; *upper != '\0'; text++, upper++) {
        char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        if (c != *upper) {
            return 0;
        }
    }
    return 1;
}

static int record_is_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f) {
            return 0;
        }
    }
    return 1;
}

/* A line of the server, with its CRLF. */
static void record_write_base64(FILE *file, const char *text, size_t length)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    fputs("@raw ", file);
    for (size_t i = 0; i < length + 2; i += 3) {
        unsigned int three = 0;
        size_t count = length + 2 - i < 3 ? length + 2 - i : 3;
        for (size_t k = 0; k < 3; k++) {
            size_t at = i + k;
            unsigned int byte = at < length        ? (unsigned char)text[at]
                                : at == length     ? '\r'
                                : at == length + 1 ? '\n'
                                                   : 0;
            three = three << 8 | byte;
        }
        for (size_t k = 0; k < 4; k++) {
            fputc(k <= count ? letters[three >> (18 - 6 * k) & 63] : '=', file);
        }
    }
    fputc('\n', file);
}

/* One line of the client's, as a pattern. */
static void record_write_client_line(FILE *file, const char *line, size_t length)
{
    static const char hidden[] = "[credentials hidden]";
    const char *secret = memmem(line, length, hidden, strlen(hidden));
    const char *bracket = memchr(line, '>', length);
    if (record_starts(line, "EHLO") || record_starts(line, "LHLO") || record_starts(line, "HELO")) {
        fprintf(file, "C: %.4s *\n", line);
    } else if ((record_starts(line, "MAIL") || record_starts(line, "RCPT")) && bracket != NULL &&
               record_is_text(line, length)) {
        fprintf(file, "C: %.*s*\n", (int)(bracket - line + 1), line);
    } else if (secret != NULL) {
        fprintf(file, "C: %.*s*\n", (int)(secret - line), line);
    } else if (record_is_text(line, length)) {
        fprintf(file, "C: %.*s\n", (int)length, line);
    } else {
        fputs("C: *\n", file);
    }
}

static void record_write_client(FILE *file, const struct shell_event *event)
{
    const char *at = event->text;
    size_t left = event->length;
    if (event->phase == TIDYMAIL_PHASE_FINAL && strcmp(at, ".") == 0) {
        fputs("C: <message>\n", file);
        return;
    }
    do { /* bytes sent raw may be several lines */
        const char *end = left > 0 ? memchr(at, '\n', left) : NULL;
        size_t length = end != NULL ? (size_t)(end - at) : left;
        size_t taken = length + (end != NULL);
        length -= length > 0 && at[length - 1] == '\r';
        record_write_client_line(file, at, length);
        at += taken;
        left -= taken;
    } while (left > 0);
}

static int record_is_scram(const struct shell_event *event)
{
    return event->type == SHELL_SENT && record_starts(event->text, "AUTH SCRAM-");
}

/* A login whose steps both sides make anew each time is written as one by PLAIN, with the same verdict;
 * 1 where the line is done with. `in_scram` is about the lines of one login. */
static int record_write_login(FILE *file, const struct shell_event *event, int has_scram,
                              int *in_scram)
{
    static const char hidden[] = "[challenge hidden]";
    const char *text = event->text;
    int says_hidden = strlen(text) > 4 && strcmp(text + 4, hidden) == 0;
    if (record_is_scram(event)) {
        *in_scram = 1;
        fputs("C: AUTH PLAIN *\n", file);
        return 1;
    }
    if (*in_scram && event->type != SHELL_CLOSED &&
        (event->type == SHELL_SENT || record_starts(text, "334"))) {
        return 1;
    }
    *in_scram = 0;
    if (event->type == SHELL_SENT || event->type == SHELL_CLOSED) {
        return 0;
    }
    if (says_hidden) {
        fprintf(file, "S: %s\n",
                text[0] == '2' ? "235 authentication succeeded" : RECORD_CHALLENGE);
    } else if (has_scram && strlen(text) > 8 &&
               (record_starts(text + 4, "AUTH ") || record_starts(text + 4, "AUTH="))) {
        fprintf(file, "S: %.4sAUTH PLAIN\n", text);
    } else {
        return 0;
    }
    return 1;
}

/* Who logs in, where somebody did: the words of the login are not known here, and not wanted. */
static void record_write_head(const struct shell *shell, FILE *file)
{
    int starttls = 0;
    const char *auth = NULL;
    size_t auth_length = 0;
    for (size_t i = 0; i < shell->event_count; i++) {
        const struct shell_event *event = &shell->events[i];
        starttls |= event->type == SHELL_SENT && record_starts(event->text, "STARTTLS");
        if (event->type == SHELL_SENT && record_starts(event->text, "AUTH ")) {
            auth = record_is_scram(event) ? "PLAIN" : event->text + 5;
            auth_length = strcspn(auth, " ");
        }
    }
    int implicit = shell->event_count > 0 && shell->events[0].encrypted;
    fprintf(file, "title: A session by hand\nsource: tidymail shell\nclient: tls=%s",
            implicit   ? "implicit"
            : starttls ? "starttls"
                       : "none");
    if (auth != NULL && record_is_text(auth, auth_length)) {
        fprintf(file, " user=user password=secret auth=%.*s%s", (int)auth_length, auth,
                implicit || starttls ? "" : " cleartext-auth=allow");
    }
    fputc('\n', file);
}

static void record_write_wait(FILE *file, const struct shell_event *before,
                              const struct shell_event *event)
{
    int64_t ms = event->at_ms - before->at_ms;
    if (before->type == SHELL_SENT && event->type != SHELL_SENT && ms >= RECORD_WAIT_MS) {
        fprintf(file, "@wait %lldms\n", (long long)ms);
    }
}

int shell_record_save(const struct shell *shell, const char *path)
{
    if (shell->events_lost) {
        errno = ENOMEM;
        return -1;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    int encrypted = 0;
    int has_scram = 0;
    int in_scram = 0;
    for (size_t i = 0; i < shell->event_count; i++) {
        has_scram |= record_is_scram(&shell->events[i]);
    }
    record_write_head(shell, file);
    if (has_scram) {
        fputs("# The login was by SCRAM, whose steps are never the same twice: it is written down "
              "as\n"
              "# one by PLAIN, with the same verdict.\n",
              file);
    }
    for (size_t i = 0; i < shell->event_count; i++) {
        const struct shell_event *event = &shell->events[i];
        if (event->encrypted && !encrypted) {
            encrypted = 1;
            fputs("@tls\n", file);
        }
        if (i > 0) {
            record_write_wait(file, &shell->events[i - 1], event);
        }
        if (record_write_login(file, event, has_scram, &in_scram)) {
            continue;
        }
        if (event->type == SHELL_CLOSED) {
            fputs("@close\n", file);
        } else if (event->type == SHELL_SENT) {
            record_write_client(file, event);
        } else if (record_is_text(event->text, event->length)) {
            fprintf(file, "S: %s\n", event->text);
        } else {
            record_write_base64(file, event->text, event->length);
        }
    }
    int failed = ferror(file) != 0;
    return fclose(file) != 0 || failed ? -1 : 0;
}
