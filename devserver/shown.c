/* shown.c: see shown.h. Secrets are recognised by where they stand, not by what they look like. */
#include "shown.h"

#include <string.h>

#include "report/report_data.h"
#include "util/str.h"

#define SHOWN_MAX 200

static const char hidden[] = "<hidden>";

void tdm_shown_add(struct tdm_buf *out, const char *text, size_t length)
{
    size_t shown = length < SHOWN_MAX ? length : SHOWN_MAX;
    tdm_escape(out, text, shown, 0);
    if (shown < length) {
        tdm_buf_add_str(out, "...");
    }
}

/* Length of the word at the start. */
static size_t shown_word(const char *line, size_t length)
{
    size_t end = 0;
    while (end < length && !tdm_is_space(line[end])) {
        end++;
    }
    return end;
}

/* The verbs that a client may say after AUTH. Anything else there is taken for a response. */
static int shown_is_command(const char *line, size_t length)
{
    static const char *const verbs[] = {"EHLO", "HELO", "LHLO", "STARTTLS", "AUTH",
                                        "MAIL", "RCPT", "DATA", "BDAT",     "RSET",
                                        "NOOP", "VRFY", "EXPN", "HELP",     "QUIT"};
    size_t word = shown_word(line, length);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (tdm_equal_nocase_n(line, word, verbs[i])) {
            return 1;
        }
    }
    return 0;
}

void tdm_shown_sent(struct tdm_shown_client *client, const char *text, size_t length)
{
    /* the last line of the piece counts: what is behind the LF before the final one */
    size_t start = length;
    while (start > 0 && (start == length || text[start - 1] != '\n')) {
        start--;
    }
    client->prompted = tdm_starts_nocase(text + start, length - start, "334");
}

void tdm_shown_add_client(struct tdm_buf *out, struct tdm_shown_client *client, const char *line,
                          size_t length)
{
    if (client->auth_seen && (client->prompted || !shown_is_command(line, length))) {
        tdm_buf_add_str(out, hidden);
        return;
    }
    size_t verb = shown_word(line, length);
    if (!tdm_equal_nocase_n(line, verb, "AUTH")) {
        tdm_shown_add(out, line, length);
        return;
    }
    client->auth_seen = 1;
    size_t mechanism = verb < length ? verb + 1 : length;
    mechanism += shown_word(line + mechanism, length - mechanism);
    tdm_shown_add(out, line, mechanism);
    if (mechanism < length) {
        tdm_buf_add_char(out, ' ');
        tdm_buf_add_str(out, hidden);
    }
}

static size_t shown_without_end(const char *text, size_t length)
{
    length -= length > 0 && text[length - 1] == '\n';
    return length - (length > 0 && text[length - 1] == '\r');
}

static void shown_give(const struct tdm_server_trace *trace, enum tdm_server_mark mark,
                       struct tdm_buf *line)
{
    if (trace->line != NULL) {
        trace->line(trace->context, mark, tdm_buf_text(line));
    }
    tdm_buf_clear(line);
}

void tdm_shown_trace_sent(const struct tdm_server_trace *trace, struct tdm_shown_client *client,
                          const char *text, size_t length)
{
    struct tdm_buf line;
    tdm_buf_init(&line, NULL, 4096);
    tdm_shown_sent(client, text, length);
    tdm_shown_add(&line, text, shown_without_end(text, length));
    shown_give(trace, TDM_SERVER_SENT, &line);
}

void tdm_shown_trace_client(const struct tdm_server_trace *trace, struct tdm_shown_client *client,
                            const char *text, size_t length)
{
    struct tdm_buf line;
    tdm_buf_init(&line, NULL, 4096);
    tdm_shown_add_client(&line, client, text, shown_without_end(text, length));
    shown_give(trace, TDM_SERVER_RECEIVED, &line);
}
