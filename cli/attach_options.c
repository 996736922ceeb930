/*
 * attach_options.c: see attach_options.h. The file name ends at the first ";name=", ";type=" or
 * ";cid=", and so does each value behind it; every other semicolon belongs to the text, and "\;" is a
 * semicolon that ends nothing.
 */
#include "attach_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit_code.h"
#include "input.h"

/* The marker at `text`, as its index, or -1. */
static int attach_marker(const char *text, size_t *length)
{
    static const char *const markers[] = {";name=", ";type=", ";cid="};
    for (int i = 0; i < 3; i++) {
        *length = strlen(markers[i]);
        if (strncmp(text, markers[i], *length) == 0) {
            return i;
        }
    }
    return -1;
}

/* Copies up to the next marker; `*text` moves there. NULL when out of memory. */
static char *attach_read_piece(const char **text)
{
    char *piece = malloc(strlen(*text) + 1);
    size_t used = 0;
    size_t ignored;
    const char *p = *text;
    while (piece != NULL && *p != '\0' && attach_marker(p, &ignored) < 0) {
        p += p[0] == '\\' && p[1] == ';';
        piece[used++] = *p++;
    }
    if (piece != NULL) {
        piece[used] = '\0';
    }
    *text = p;
    return piece;
}

int attach_value_read(struct attach_value *value, const char *option, const char *text,
                      struct cli_failure *failure)
{
    static const char *const names[] = {"name", "type", "cid"};
    memset(value, 0, sizeof(*value));
    char **members[] = {&value->name, &value->type, &value->cid};
    value->file = attach_read_piece(&text);
    int failed = value->file == NULL;
    while (!failed && *text != '\0') {
        size_t length;
        int which = attach_marker(text, &length);
        if (*members[which] != NULL) {
            return failure_usage(failure, "--%s: %s= is given twice", option, names[which]);
        }
        text += length;
        *members[which] = attach_read_piece(&text);
        failed = *members[which] == NULL;
        if (!failed && (*members[which])[0] == '\0') {
            return failure_usage(failure, "--%s: %s= is empty", option, names[which]);
        }
    }
    if (failed) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
    }
    return value->file[0] == '\0' ? failure_usage(failure, "--%s: the file has no name", option)
                                  : 0;
}

void attach_value_clear(struct attach_value *value)
{
    free(value->file);
    free(value->name);
    free(value->type);
    free(value->cid);
    memset(value, 0, sizeof(*value));
}

int attach_option_is(const char *name)
{
    return strcmp(name, "attach") == 0 || strcmp(name, "inline") == 0 ||
           strcmp(name, "attach-message") == 0;
}

int attach_option_reads_stdin(const char *name, const char *value)
{
    if (strcmp(name, "attach-message") == 0) {
        return strcmp(value, "-") == 0;
    }
    size_t length;
    return value[0] == '-' && (value[1] == '\0' || attach_marker(value + 1, &length) >= 0);
}

int attach_option_check(const char *name, const char *text, struct cli_failure *failure)
{
    if (strcmp(name, "attach-message") == 0) {
        return 0;
    }
    struct attach_value value;
    int result = attach_value_read(&value, name, text, failure);
    if (result == 0 && strcmp(name, "inline") == 0 && value.cid == NULL) {
        result = failure_usage(failure, "--inline has no cid: --inline 'FILE;cid=ID'");
    } else if (result == 0 && strcmp(name, "attach") == 0 && value.cid != NULL) {
        result = failure_usage(failure, "--attach takes no cid=: --inline does");
    }
    attach_value_clear(&value);
    return result;
}

/* Standard input as a stream: its size is not known, and it cannot be read again. */
static ptrdiff_t attach_read_stdin(void *context, void *buffer, size_t capacity)
{
    (void)context;
    ssize_t length;
    do {
        length = read(STDIN_FILENO, buffer, capacity);
    } while (length < 0 && errno == EINTR);
    return length;
}

static const char *attach_stdin_error(void *context)
{
    (void)context;
    return "standard input cannot be read";
}

int attach_file_result(int kind, const tidymail_message *message, const char *where,
                       struct cli_failure *failure)
{
    const char *words = tidymail_error_message(tidymail_message_error(message));
    if (kind != TIDYMAIL_KIND_LOCAL || strcmp(words, "out of memory") == 0) {
        return 0;
    }
    return failure_set(failure, CLI_EXIT_INPUT, TIDYMAIL_KIND_LOCAL, "%s: %s", where,
                       strncmp(words, "attachment: ", 12) == 0 ? words + 12 : words);
}

static int attach_message(tidymail_message *message, const char *path, struct cli_failure *failure)
{
    size_t length;
    char *bytes = input_read(path, &length, failure);
    if (bytes == NULL) {
        return -1;
    }
    tidymail_message_attach_message(message, bytes, length);
    free(bytes);
    return 0;
}

int attach_option_apply(const char *name, const char *text, tidymail_message *message,
                        struct cli_failure *failure)
{
    if (strcmp(name, "attach-message") == 0) {
        return attach_message(message, text, failure);
    }
    struct attach_value value;
    int result = attach_value_read(&value, name, text, failure);
    if (result == 0) {
        const tidymail_source input = {attach_read_stdin,  NULL, NULL,
                                       attach_stdin_error, NULL, NULL};
        tidymail_attachment attachment = TIDYMAIL_ATTACHMENT_INIT;
        int reads_stdin = attach_option_reads_stdin(name, text);
        attachment.path = reads_stdin ? NULL : value.file;
        attachment.source = reads_stdin ? &input : NULL;
        attachment.name = value.name;
        attachment.type = value.type;
        attachment.content_id = value.cid;
        attachment.is_inline = strcmp(name, "inline") == 0;
        int kind = tidymail_message_add_attachment(message, &attachment);
        result = reads_stdin
                     ? 0
                     : attach_file_result(kind, message,
                                          attachment.is_inline ? "--inline" : "--attach", failure);
    }
    attach_value_clear(&value);
    return result;
}
