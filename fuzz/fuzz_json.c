/*
 * fuzz_json.c: messages as JSON (cli/message_json.c), and what is rendered of them. No file is read:
 * attachments that name one are taken as they come.
 */
#include <stdlib.h>

#include "cli/message_json.h"
#include "fuzz_input.h"

#include <tidymail/error.h>

static int json_attach(tidymail_message *message, const tidymail_attachment *attachment)
{
    return attachment->path != NULL ? TIDYMAIL_OK
                                    : tidymail_message_add_attachment(message, attachment);
}

/* Lines end in CRLF, NUL is nowhere. */
static void json_render(tidymail_message *message)
{
    tidymail_source source;
    char piece[4096];
    ptrdiff_t length;
    char last = '\0';
    if (tidymail_message_open(message, &source) != TIDYMAIL_OK) {
        FUZZ_CHECK(tidymail_message_error(message) != NULL, "what is refused has an error");
        return;
    }
    while ((length = source.read(source.context, piece, sizeof(piece))) > 0) {
        for (ptrdiff_t i = 0; i < length; i++) {
            FUZZ_CHECK((piece[i] == '\n') == (last == '\r'), "CR and LF stand together only");
            FUZZ_CHECK(piece[i] != '\0', "no NUL");
            last = piece[i];
        }
    }
    FUZZ_CHECK(length == 0 && last == '\n', "the last line ends");
    source.release(source.context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli_failure failure = {0, 0, NULL, NULL};
    tidymail_message *message = tidymail_message_new();
    tidymail_message_set_from(message, "a@example.org");
    tidymail_message_add_to(message, "b@example.org");
    int result = message_json_apply(message, (const char *)data, size, json_attach, NULL, &failure);
    FUZZ_CHECK((result == 0) == (failure.status == 0), "a failure has its status");
    if (result == 0) {
        json_render(message);
    } else {
        FUZZ_CHECK(failure.status == 65 && failure.message != NULL, "refused data, with words");
        for (const char *p = failure.message; *p != '\0'; p++) {
            FUZZ_CHECK_SHOW((unsigned char)*p >= 0x20 && *p != 0x7F, "one clean line",
                            failure.message);
        }
    }
    failure_clear(&failure);
    tidymail_message_free(message);
    return 0;
}
