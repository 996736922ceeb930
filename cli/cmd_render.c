/* cmd_render.c: tidymail render. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <tidymail/tidymail.h>

#include "commands.h"
#include "envelope_options.h"
#include "exit_code.h"
#include "message_options.h"
#include "output.h"
#include "send_options.h"
#include "service_options.h"
#include "transport_options.h"

#define RENDER_PIECE (128 * 1024)

static const struct cli_option_group render_groups[] = {
    {"Message", message_options, 0},
    {"More of it (--help=all, docs/messages.md)", message_more_options, 1},
    {"For the mail server: checked, they change nothing here", envelope_options, 1},
    {"For the mail service: the same", service_options, 1},
    {"So that send can be tried by changing one word; only --json (of a failure) is used",
     send_where, 1},
    {"Account and login: not used either", send_account, 1},
    {"Options of the URL: not used either", transport_option_names, 1},
    {NULL, NULL, 0},
};

/* Whole pieces by write(2): a large message is not copied once more. */
static int render_put(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, length);
        if (done < 0 && errno != EINTR) {
            return -1;
        }
        bytes += done > 0 ? done : 0;
        length -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

static int render_write(tidymail_source *source, struct cli_failure *failure)
{
    static char piece[RENDER_PIECE]; /* one message in one thread */
    ptrdiff_t length = 1;
    int written = 0;
    while (length > 0 && written == 0) {
        size_t used = 0;
        while (used < sizeof(piece) &&
               (length = source->read(source->context, piece + used, sizeof(piece) - used)) > 0) {
            used += (size_t)length;
        }
        written = length >= 0 ? render_put(piece, used) : 0;
    }
    if (length < 0) {
        const char *words = source->error != NULL ? source->error(source->context) : NULL;
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "%s",
                           words != NULL ? words : "the message could not be read");
    }
    if (written != 0) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL,
                           "standard output cannot be written: %s", strerror(errno));
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
    if (message_options_apply(args, message, failure) == 0 &&
        envelope_options_apply(args, message, failure) == 0) {
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
