/*
 * render_many.c: renders many messages in one process, for test_readers.py: on standard input, each a
 * length (four bytes, the highest first) and a message as JSON; on standard output, each a byte (0:
 * rendered, 1: refused), a length, and the message or what was said. It has the parser of the command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidymail/tidymail.h>

#include "message_json.h"

static int put(int status, const char *bytes, size_t length)
{
    const unsigned char head[] = {(unsigned char)status, (unsigned char)(length >> 24),
                                  (unsigned char)(length >> 16), (unsigned char)(length >> 8),
                                  (unsigned char)length};
    return fwrite(head, 1, sizeof(head), stdout) == sizeof(head) &&
                   fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0
               ? 0
               : -1;
}

static int put_message(tidymail_message *message)
{
    tidymail_source source;
    if (tidymail_message_open(message, &source) != TIDYMAIL_OK) {
        const char *words = tidymail_error_message(tidymail_message_error(message));
        return put(1, words, strlen(words));
    }
    size_t capacity = 65536;
    size_t used = 0;
    char *bytes = malloc(capacity);
    ptrdiff_t length = 1;
    while (bytes != NULL && length > 0) {
        if (capacity - used < 32768) {
            capacity *= 2;
            char *more = realloc(bytes, capacity);
            if (more == NULL) {
                length = -1;
                break;
            }
            bytes = more;
        }
        length = source.read(source.context, bytes + used, capacity - used);
        used += length > 0 ? (size_t)length : 0;
    }
    int result = bytes != NULL && length == 0 ? put(0, bytes, used) : -1;
    source.release(source.context);
    free(bytes);
    return result;
}

static int render_one(const char *json, size_t length)
{
    struct cli_failure failure = {0, 0, NULL, NULL};
    tidymail_message *message = tidymail_message_new();
    int result;
    if (message_json_apply(message, json, length, tidymail_message_add_attachment, NULL,
                           &failure) == 0) {
        result = put_message(message);
    } else {
        const char *words = failure.message != NULL ? failure.message : "out of memory";
        result = put(1, words, strlen(words));
    }
    failure_clear(&failure);
    tidymail_message_free(message);
    return result;
}

int main(void)
{
    unsigned char head[4];
    while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
        size_t length =
            (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | (size_t)head[3];
        char *json = malloc(length + 1);
        if (json == NULL || fread(json, 1, length, stdin) != length ||
            render_one(json, length) != 0) {
            free(json);
            return EXIT_FAILURE;
        }
        free(json);
    }
    return EXIT_SUCCESS;
}
