/*
 * smtp_command.c: the one writer of commands (RFC 5321 4.1). Whatever a caller gave, no control byte
 * gets past here: the line is checked whole, and a bad one is taken out of the output again and fails
 * the session.
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

static void trace_line(tidymail_smtp *smtp, int mark, int phase, const char *text, size_t length)
{
    if (smtp->options.trace != NULL) {
        tidymail_smtp_trace line = {mark, phase, smtp->encrypted, text, length};
        smtp->options.trace(smtp->options.trace_context, &line);
    }
}

void tdm_smtp_trace(tidymail_smtp *smtp, int mark, const char *text, size_t length)
{
    trace_line(smtp, mark, smtp->phase, text, length);
}

void tdm_smtp_trace_sent(tidymail_smtp *smtp, int phase, const char *text, size_t length)
{
    trace_line(smtp, TIDYMAIL_SMTP_MARK_SENT, phase, text, length);
}

void tdm_smtp_trace_note(tidymail_smtp *smtp, const char *text)
{
    tdm_smtp_trace(smtp, TIDYMAIL_SMTP_MARK_NOTE, text, strlen(text));
}

size_t tdm_smtp_command_begin(tidymail_smtp *smtp)
{
    return smtp->out.length;
}

static void command_end(tidymail_smtp *smtp, enum tdm_smtp_state state, size_t index, size_t begin,
                        const char *shown)
{
    size_t length = smtp->out.length - begin;
    if (smtp->out.failed || length > LINE_MAX_BYTES) {
        tdm_smtp_fail_no_memory(smtp);
        return;
    }
    if (tdm_find_control(smtp->out.data + begin, length) != length) {
        smtp->out.length = begin;
        tdm_error_setf(&smtp->error, TIDYMAIL_KIND_MESSAGE, tdm_smtp_rows[state].phase,
                       "a control byte in a command (%s)", tdm_smtp_rows[state].name);
        tdm_smtp_fail_session(smtp, 0);
        return;
    }
    if (tdm_buf_add(&smtp->out, "\r\n", 2) != 0) {
        tdm_smtp_fail_no_memory(smtp);
        return;
    }
    if (tdm_smtp_expect(smtp, state, index) == 0) {
        tdm_smtp_trace_sent(smtp, tdm_smtp_rows[state].phase,
                            shown != NULL ? shown : smtp->out.data + begin,
                            shown != NULL ? strlen(shown) : length);
    }
}

void tdm_smtp_command_end(tidymail_smtp *smtp, enum tdm_smtp_state state, size_t index,
                          size_t begin)
{
    command_end(smtp, state, index, begin, NULL);
}

void tdm_smtp_command(tidymail_smtp *smtp, enum tdm_smtp_state state, size_t index,
                      const char *format, ...)
{
    size_t begin = tdm_smtp_command_begin(smtp);
    va_list args;
    va_start(args, format);
    tdm_buf_vaddf(&smtp->out, format, args);
    va_end(args);
    command_end(smtp, state, index, begin, NULL);
}

void tdm_smtp_secret_command(tidymail_smtp *smtp, enum tdm_smtp_state state, const char *line,
                             const char *shown)
{
    size_t begin = tdm_smtp_command_begin(smtp);
    tdm_buf_add_str(&smtp->out, line);
    command_end(smtp, state, 0, begin, shown);
}
