/*
 * sendmail_message.c: see sendmail_message.h. Lines end with LF, CRLF or CR; nothing of the message is
 * changed but the fields that are named.
 */
#include "sendmail_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "words.h"

/* Where the line at `at` ends, and in `next` where the one behind it begins. */
static size_t message_line_end(const char *bytes, size_t length, size_t at, size_t *next)
{
    while (at < length && bytes[at] != '\n' && bytes[at] != '\r') {
        at++;
    }
    size_t end = at;
    if (at < length) {
        at += bytes[at] == '\r' && at + 1 < length && bytes[at + 1] == '\n' ? 2 : 1;
    }
    *next = at;
    return end;
}

/* Length of a field's name at the beginning of a line (RFC 5322 2.2), 0 where there is none. Blanks in
 * front of the colon are an old form (4.5.3) and would hide a Bcc. */
static size_t message_name_length(const char *line, size_t length)
{
    size_t name = 0;
    while (name < length && line[name] > ' ' && line[name] <= '~' && line[name] != ':') {
        name++;
    }
    size_t colon = name;
    while (colon < length && (line[colon] == ' ' || line[colon] == '\t')) {
        colon++;
    }
    return colon < length && line[colon] == ':' ? name : 0;
}

struct message_field {
    const char *name;
    size_t name_length;
    size_t start, end; /* of the whole field, with its line ends */
};

/* The field at `at`, with its folded lines; 0 where the header ends. */
static int message_next_field(const struct sendmail_message *message, size_t at,
                              struct message_field *field)
{
    size_t next;
    size_t end = message_line_end(message->bytes, message->length, at, &next);
    size_t name = message_name_length(message->bytes + at, end - at);
    if (name == 0) {
        return 0;
    }
    while (next < message->length &&
           (message->bytes[next] == ' ' || message->bytes[next] == '\t')) {
        message_line_end(message->bytes, message->length, next, &next);
    }
    *field = (struct message_field){message->bytes + at, name, at, next};
    return 1;
}

/* Cuts it off at a line with a lone dot. */
static void message_cut_at_dot(struct sendmail_message *message)
{
    size_t next = 0;
    for (size_t at = 0; at < message->length; at = next) {
        size_t end = message_line_end(message->bytes, message->length, at, &next);
        if (end - at == 1 && message->bytes[at] == '.') {
            for (size_t i = next; i < message->length; i++) {
                message->cut +=
                    strchr(" \t\r\n", message->bytes[i]) == NULL || message->bytes[i] == '\0';
            }
            message->length = at;
            return;
        }
    }
}

int sendmail_message_read(struct sendmail_message *message, int with_dot,
                          struct cli_failure *failure)
{
    struct message_field field;
    memset(message, 0, sizeof(*message));
    message->bytes = input_read("-", &message->length, failure);
    if (message->bytes == NULL) {
        return -1;
    }
    if (with_dot) {
        message_cut_at_dot(message);
    }
    if (message->length > 5 && strncmp(message->bytes, "From ", 5) == 0) {
        message_line_end(message->bytes, message->length, 0, &message->start);
    }
    message->body = message->start;
    while (message_next_field(message, message->body, &field)) {
        message->body = field.end;
    }
    return 0;
}

void sendmail_message_clear(struct sendmail_message *message)
{
    free(message->bytes);
    memset(message, 0, sizeof(*message));
}

char *sendmail_message_field(const struct sendmail_message *message, const char *name)
{
    struct message_field field;
    char *text = NULL;
    size_t length = 0;
    size_t count = 0;
    FILE *out = open_memstream(&text, &length);
    for (size_t at = message->start; out != NULL && message_next_field(message, at, &field);
         at = field.end) {
        if (!words_same(field.name, field.name_length, name)) {
            continue;
        }
        size_t colon = (size_t)(strchr(field.name + field.name_length, ':') - message->bytes);
        fputs(count++ > 0 ? "," : "", out);
        for (size_t i = colon + 1; i < field.end; i++) {
            char c = message->bytes[i];
            fputc(c == '\r' || c == '\n' ? ' ' : c, out);
        }
    }
    if (out == NULL || fclose(out) != 0 || count == 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Is the name one of `names`? */
static int message_is_named(const struct message_field *field, const char *names)
{
    while (*names != '\0') {
        size_t length = strcspn(names, " ");
        if (length == field->name_length && words_same_n(field->name, names, length)) {
            return 1;
        }
        names += length + strspn(names + length, " ");
    }
    return 0;
}

char *sendmail_message_rewrite(const struct sendmail_message *message, const char *fields,
                               const char *without, size_t *length)
{
    struct message_field field;
    char *text = NULL;
    FILE *out = open_memstream(&text, length);
    if (out == NULL) {
        return NULL;
    }
    fputs(fields, out);
    for (size_t at = message->start; message_next_field(message, at, &field); at = field.end) {
        if (!message_is_named(&field, without)) {
            fwrite(field.name, 1, field.end - field.start, out);
        }
    }
    int ended = message->body < message->length &&
                (message->bytes[message->body] == '\n' || message->bytes[message->body] == '\r');
    fputs(ended ? "" : "\r\n", out);
    fwrite(message->bytes + message->body, 1, message->length - message->body, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
