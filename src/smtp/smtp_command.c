/*
 * smtp_command.c: the one writer of commands (RFC 5321 4.1). Whatever a caller gave, no control byte
 * gets past here: the line is checked whole, and a bad one fails the session before a byte of it is
 * in the output.
 */
#include <stdarg.h>
#include <string.h>

#include "smtp/smtp_internal.h"
#include "util/str.h"

#define LINE_MAX_BYTES ((size_t)64 * 1024) /* tokens are long; addresses are checked before */

int tdm_smtp_address_fits(const char *address)
{
    int quoted = 0;
    if (tdm_find_control(address, strlen(address)) != strlen(address)) {
        return 0;
    }
    for (const char *p = address; *p != '\0'; p++) {
        if (quoted && *p == '\\' && p[1] != '\0') {
            p++;
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (!quoted && (*p == ' ' || *p == '<' || *p == '>')) {
            return 0;
        }
    }
    return !quoted;
}

void tdm_smtp_trace(tidymail_smtp *smtp, int mark, const char *text, size_t length)
{
    if (smtp->options.trace != NULL) {
        tidymail_smtp_trace line = {mark, smtp->phase, smtp->encrypted, text, length};
        smtp->options.trace(smtp->options.trace_context, &line);
    }
}

void tdm_smtp_trace_note(tidymail_smtp *smtp, const char *text)
{
    tdm_smtp_trace(smtp, TIDYMAIL_SMTP_MARK_NOTE, text, strlen(text));
}

static void command_write(tidymail_smtp *smtp, enum tdm_smtp_state state, size_t index,
                          const char *line, size_t length, const char *shown, size_t shown_length)
{
    if (tdm_find_control(line, length) != length) {
        tdm_error_setf(&smtp->error, TIDYMAIL_KIND_MESSAGE, tdm_smtp_rows[state].phase,
                       "a control byte in a command (%s)", tdm_smtp_rows[state].name);
        tdm_smtp_fail_session(smtp, 0);
        return;
    }
    int failed = tdm_buf_reserve(&smtp->out, length + 2);
    if (failed) {
        tdm_smtp_fail_no_memory(smtp);
        return;
    }
    tdm_buf_add(&smtp->out, line, length);
    tdm_buf_add(&smtp->out, "\r\n", 2);
    if (tdm_smtp_expect(smtp, state, index) == 0) {
        int phase = smtp->phase;
        smtp->phase = tdm_smtp_rows[state].phase; /* pipelined: it may differ from the state's */
        tdm_smtp_trace(smtp, TIDYMAIL_SMTP_MARK_SENT, shown, shown_length);
        smtp->phase = phase;
    }
}

void tdm_smtp_command(tidymail_smtp *smtp, enum tdm_smtp_state state, size_t index,
                      const char *format, ...)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &smtp->allocator, LINE_MAX_BYTES);
    va_list args;
    va_start(args, format);
    int failed = tdm_buf_vaddf(&line, format, args);
    va_end(args);
    if (failed) {
        tdm_smtp_fail_no_memory(smtp);
    } else {
        command_write(smtp, state, index, tdm_buf_text(&line), line.length, tdm_buf_text(&line),
                      line.length);
    }
    tdm_buf_clear(&line);
}

void tdm_smtp_secret_command(tidymail_smtp *smtp, enum tdm_smtp_state state, const char *line,
                             const char *shown)
{
    command_write(smtp, state, 0, line, strlen(line), shown, strlen(shown));
}
