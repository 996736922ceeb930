/* cmd_render.c: tidymail render. */
#include <stdio.h>
#include <string.h>

#include <tidymail/tidymail.h>

#include "commands.h"
#include "exit_code.h"
#include "message_options.h"
#include "output.h"

static const struct cli_option_group render_groups[] = {
    {"Message", message_options, 0},
    {NULL, NULL, 0},
};

static int render_write(tidymail_source *source, struct cli_failure *failure)
{
    char piece[16384];
    ptrdiff_t length;
    while ((length = source->read(source->context, piece, sizeof(piece))) > 0) {
        if (fwrite(piece, 1, (size_t)length, stdout) != (size_t)length) {
            break;
        }
    }
    if (length < 0) {
        const char *words = source->error != NULL ? source->error(source->context) : NULL;
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "%s",
                           words != NULL ? words : "the message could not be read");
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL,
                           "standard output cannot be written");
    }
    return 0;
}

static int render_refused(const tidymail_message *message, struct cli_failure *failure)
{
    const tidymail_error *error = tidymail_message_error(message);
    int kind = error != NULL ? tidymail_error_kind(error) : TIDYMAIL_KIND_LOCAL;
    failure_set(failure, exit_code_of(TIDYMAIL_FAILED, kind, TIDYMAIL_PHASE_PREPARE, 0), kind, "%s",
                error != NULL ? tidymail_error_message(error) : "out of memory");
    if (tidymail_error_hint(error)[0] != '\0') {
        failure_hint(failure, tidymail_error_hint(error));
    }
    return failure->status;
}

static int render_run(const struct cli_args *args, struct cli_failure *failure)
{
    if (message_options_check(args, 0, failure) != 0) {
        return failure->status;
    }
    tidymail_message *message = tidymail_message_new();
    tidymail_source source;
    if (message_options_apply(args, message, failure) == 0) {
        if (tidymail_message_open(message, &source) != TIDYMAIL_OK) {
            render_refused(message, failure);
        } else {
            render_write(&source, failure);
            source.release(source.context);
        }
    }
    tidymail_message_free(message);
    return failure->status;
}

const struct cli_command command_render = {
    "render",      "[OPTION]...", "Writes the finished message (CRLF, no Bcc) to standard output.",
    render_groups, NULL,          render_run};
