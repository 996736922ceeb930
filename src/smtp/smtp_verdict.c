/*
 * smtp_verdict.c: from what a server said, or did not say, to an error. The first digit of the reply
 * decides (RFC 5321 4.2.1), the enhanced code is believed only when its class agrees, the server's
 * text is kept whole.
 */
#include <string.h>

#include "report/hints.h"
#include "smtp/smtp_internal.h"

#define TEXT_MAX_BYTES ((size_t)256 * 1024)
#define QUOTE_MAX 120

const char *tdm_smtp_reply_text(tidymail_smtp *smtp, const struct tdm_reply *reply)
{
    struct tdm_buf *text = &smtp->words;
    tdm_buf_reset(text);
    tdm_reply_words(reply, text);
    tdm_smtp_hide_secrets(smtp, text);
    return text->failed ? NULL : tdm_buf_text(text);
}

static void verdict_one_line(struct tdm_buf *line)
{
    for (size_t i = 0; i < line->length; i++) {
        if (line->data[i] == '\n') {
            line->data[i] = ' ';
        }
    }
}

static const char *verdict_hint(tidymail_smtp *smtp, const struct tidymail_error *error, int kind,
                                int phase, const char *words)
{
    struct tdm_hint_query query = {kind,
                                   phase,
                                   error->code,
                                   error->enhanced,
                                   words != NULL ? words : "",
                                   smtp->options.server};
    const struct tdm_hint *hint = tdm_hint_find(&query);
    return hint != NULL ? hint->text : NULL;
}

void tdm_smtp_error_from_reply(tidymail_smtp *smtp, struct tidymail_error *error, int kind_for_5xx,
                               int phase, const struct tdm_reply *reply, const char *words)
{
    if (error->kind != TIDYMAIL_OK) {
        return;
    }
    int temporary = reply->code / 100 == 4;
    int kind =
        temporary && kind_for_5xx != TIDYMAIL_KIND_TLS ? TIDYMAIL_KIND_TEMPORARY : kind_for_5xx;
    error->code = reply->code;
    error->retryable = temporary;
    tdm_reply_enhanced(reply, error->enhanced);
    const char *text = tdm_smtp_reply_text(smtp, reply);
    struct tdm_buf line;
    tdm_buf_init(&line, &smtp->allocator, TEXT_MAX_BYTES);
    tdm_buf_addf(&line, "%s%s (%d%s%s)%s%s", words, temporary ? " for now" : "", reply->code,
                 error->enhanced[0] != '\0' ? " " : "", error->enhanced,
                 text != NULL && text[0] != '\0' ? ": " : "", text != NULL ? text : "");
    verdict_one_line(&line);
    tdm_error_set(error, kind, phase, line.failed ? words : tdm_buf_text(&line),
                  verdict_hint(smtp, error, kind, phase, text));
    tdm_text_set(&error->allocator, &error->reply, text);
    tdm_buf_clear(&line);
}

void tdm_smtp_fail_by_reply(tidymail_smtp *smtp, int kind_for_5xx, int phase,
                            const struct tdm_reply *reply, const char *words)
{
    tdm_smtp_error_from_reply(smtp, &smtp->error, kind_for_5xx, phase, reply, words);
    smtp->error_by_reply = 1;
    tdm_smtp_fail_session(smtp, reply->code != 421);
}

void tdm_smtp_fail_protocol(tidymail_smtp *smtp, const char *words, const char *quote,
                            size_t quote_length, const char *hint)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &smtp->allocator, TEXT_MAX_BYTES);
    tdm_buf_addf(&line, "%s, %s", words, tdm_smtp_rows[smtp->state].phrase);
    if (quote_length > 0) {
        struct tdm_buf whole; /* before it is cut: half a secret would not be known */
        tdm_buf_init(&whole, &smtp->allocator, TEXT_MAX_BYTES);
        tdm_buf_add(&whole, quote, quote_length);
        tdm_smtp_hide_secrets(smtp, &whole);
        tdm_buf_add_str(&line, ": ");
        tdm_escape(&line, tdm_buf_text(&whole), whole.length < QUOTE_MAX ? whole.length : QUOTE_MAX,
                   0);
        tdm_buf_clear(&whole);
    }
    tdm_error_set(&smtp->error, TIDYMAIL_KIND_PROTOCOL, smtp->phase,
                  line.failed ? words : tdm_buf_text(&line), hint);
    smtp->error.retryable = smtp->state == TDM_SMTP_FINAL; /* no verdict was given */
    tdm_buf_clear(&line);
    tdm_smtp_fail_session(smtp, 0);
}

void tdm_smtp_fail_odd_reply(tidymail_smtp *smtp, const struct tdm_reply *reply, const char *words)
{
    struct tdm_buf quote;
    tdm_buf_init(&quote, &smtp->allocator, smtp->options.max_reply + 16);
    tdm_buf_addf(&quote, "%d ", reply->code);
    tdm_buf_add(&quote, tdm_buf_text(&reply->text), reply->text.length);
    if (smtp->error.kind == TIDYMAIL_OK) {
        smtp->error.code = reply->code;
    }
    tdm_smtp_fail_protocol(smtp, words, tdm_buf_text(&quote), quote.length, NULL);
    tdm_buf_clear(&quote);
}

/* "logging in (AUTH PLAIN)": the phrase of the state, with the mechanism where there is one. */
static void verdict_add_phrase(tidymail_smtp *smtp, struct tdm_buf *line)
{
    tdm_buf_add_str(line, tdm_smtp_rows[smtp->state].phrase);
    if (smtp->state == TDM_SMTP_AUTH && smtp->sasl.mechanism != NULL) {
        tdm_buf_addf(line, " (AUTH %s)", smtp->sasl.mechanism->name);
    }
}

void tdm_smtp_fail_lost(tidymail_smtp *smtp, const char *words)
{
    if (smtp->state == TDM_SMTP_HELO) {
        tdm_error_copy(&smtp->error, &smtp->ehlo_error); /* its answer was decisive after all */
        smtp->error_by_reply = 1;
        tdm_smtp_fail_session(smtp, 0);
        return;
    }
    struct tdm_buf line;
    tdm_buf_init(&line, &smtp->allocator, TEXT_MAX_BYTES);
    tdm_buf_addf(&line, "the connection was lost%s%s%s while ", words != NULL ? " (" : "",
                 words != NULL ? words : "", words != NULL ? ")" : "");
    verdict_add_phrase(smtp, &line);
    if (tdm_reply_parser_partial(&smtp->parser)) {
        tdm_buf_add_str(&line, ", in the middle of a reply");
    }
    const char *hint = NULL;
    int kind = TIDYMAIL_KIND_CONNECTION;
    if (smtp->state == TDM_SMTP_AUTH) {
        hint = "the server hung up instead of answering the login; wrong credentials are one "
               "possible cause";
    } else if (smtp->state == TDM_SMTP_GREETING) {
        hint =
            "the server hung up before its greeting: it may refuse this address, or the port may "
            "want TLS at once (smtps://)";
    } else if (smtp->state == TDM_SMTP_TLS) {
        kind = TIDYMAIL_KIND_TLS;
        hint = "the server hung up during the handshake";
    }
    tdm_error_set(&smtp->error, kind, smtp->phase,
                  line.failed ? "the connection was lost" : tdm_buf_text(&line), hint);
    smtp->error.retryable = 1;
    tdm_buf_clear(&line);
    tdm_smtp_fail_session(smtp, 0);
}

void tdm_smtp_fail_timeout(tidymail_smtp *smtp, int whole_send)
{
    struct tdm_buf line;
    tdm_buf_init(&line, &smtp->allocator, TEXT_MAX_BYTES);
    tdm_buf_addf(&line, "%s while ",
                 whole_send ? "the time for the whole send ran out"
                            : "the server did not answer in time");
    verdict_add_phrase(smtp, &line);
    const char *hint =
        smtp->state == TDM_SMTP_GREETING
            ? "the server accepted the connection but says nothing: the port may want "
              "TLS at once (smtps://)"
            : "try again later; the server may be overloaded";
    tdm_error_set(&smtp->error, TIDYMAIL_KIND_TIMEOUT, smtp->phase,
                  line.failed ? "the server did not answer in time" : tdm_buf_text(&line), hint);
    smtp->error.retryable = 1;
    tdm_buf_clear(&line);
    tdm_smtp_fail_session(smtp, 0);
}

void tdm_smtp_note_reply(tidymail_smtp *smtp, const struct tdm_reply *reply)
{
    const char *text = tdm_smtp_reply_text(smtp, reply);
    struct tdm_buf line;
    tdm_buf_init(&line, &smtp->allocator, TEXT_MAX_BYTES);
    char enhanced[TDM_ENHANCED_MAX];
    tdm_reply_enhanced(reply, enhanced);
    tdm_buf_addf(&line, "the server also said: %d%s%s%s%s", reply->code,
                 enhanced[0] != '\0' ? " " : "", enhanced,
                 text != NULL && text[0] != '\0' ? " " : "", text != NULL ? text : "");
    verdict_one_line(&line);
    if (!line.failed) {
        tdm_smtp_add_note(smtp, tdm_buf_text(&line));
    }
    tdm_buf_clear(&line);
}
