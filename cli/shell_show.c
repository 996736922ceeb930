/* shell_show.c: what people see of a session: the marks of the transcript, and codes in words. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exit_code.h"
#include "shell.h"

int64_t shell_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Length of the UTF-8 sequence at `text` where it may be shown: no control, nothing that turns the
 * direction of text; else 0. */
static size_t show_sequence(const unsigned char *text, size_t left)
{
    if (text[0] < 0x80) {
        return text[0] >= 0x20 && text[0] != 0x7f;
    }
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4 || left < length) {
        return 0;
    }
    unsigned long point = text[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (text[i] & 0x3fU);
    }
    static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
    int turns = (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
    return point < least[length] || point < 0xa0 || point > 0x10ffff || turns ||
                   (point >= 0xd800 && point <= 0xdfff)
               ? 0
               : length;
}

void shell_print_clean(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t plain = show_sequence((const unsigned char *)text + i, length - i);
        if (plain > 0) {
            fwrite(text + i, 1, plain, stdout);
            i += plain;
        } else {
            printf("\\x%02X", (unsigned int)(unsigned char)text[i++]);
        }
    }
}

/* Before a line: out of the way of the prompt, and with the time since the last one. */
static void show_begin(struct shell *shell)
{
    if (shell->at_prompt) {
        fputs("\r\033[K", stdout);
        shell->at_prompt = 0;
    }
    if (shell->times) {
        int64_t now = shell_now_ms();
        int64_t ms = now - shell->last_ms;
        printf("%6lld.%03d ", (long long)(ms / 1000), (int)(ms % 1000));
        shell->last_ms = now;
    }
}

static const char *show_colour(const struct shell *shell, const tidymail_smtp_trace *line)
{
    if (!shell->colour) {
        return NULL;
    }
    if (line->mark == TIDYMAIL_SMTP_MARK_NOTE) {
        return "\033[2m";
    }
    if (line->mark == TIDYMAIL_SMTP_MARK_RECEIVED && line->length > 0) {
        return line->text[0] == '5' ? "\033[31m" : line->text[0] == '4' ? "\033[33m" : NULL;
    }
    return NULL;
}

static void show_text(struct shell *shell, const char *mark, const char *text, size_t length,
                      const char *colour)
{
    show_begin(shell);
    printf("%s%s ", colour != NULL ? colour : "", mark);
    shell_print_clean(text, length);
    printf("%s\n", colour != NULL ? "\033[0m" : "");
    fflush(stdout);
}

void shell_line(void *context, const tidymail_smtp_trace *line)
{
    struct shell *shell = context;
    const char *mark = "***";
    if (line->mark == TIDYMAIL_SMTP_MARK_SENT) {
        shell_record(shell, SHELL_SENT, line);
        mark = line->encrypted ? "~>" : "->";
        if (shell->hides_sent) {
            shell->last_ms = shell_now_ms();
            return;
        }
    } else if (line->mark == TIDYMAIL_SMTP_MARK_RECEIVED) {
        shell_record(shell, SHELL_RECEIVED, line);
        mark = line->encrypted ? "<~" : "<-";
    } else if (line->mark != TIDYMAIL_SMTP_MARK_NOTE) {
        return;
    }
    show_text(shell, mark, line->text, line->length, show_colour(shell, line));
}

void shell_say(struct shell *shell, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length >= 0) {
        show_text(shell, "***", text, (size_t)length, shell->colour ? "\033[2m" : NULL);
        free(text);
    }
}

/* A refusal is on the screen already, in the server's words; other trouble is not. */
static void show_error(struct shell *shell, const tidymail_error *error)
{
    const char *hint = tidymail_error_hint(error);
    if (tidymail_error_code(error) == 0) {
        shell_say(shell, "%s", tidymail_error_message(error));
    }
    if (hint[0] != '\0') {
        show_text(shell, "=>", hint, strlen(hint), NULL);
    }
}

static void show_count(struct shell *shell, const tidymail_error *error)
{
    int kind = tidymail_error_kind(error);
    int phase = tidymail_error_phase(error);
    if (kind == TIDYMAIL_KIND_CONNECTION && phase == TIDYMAIL_PHASE_QUIT) {
        return; /* QUIT changes no result */
    }
    int outcome = tidymail_error_maybe_delivered(error) ? TIDYMAIL_UNKNOWN : TIDYMAIL_FAILED;
    shell->status = exit_code_of(outcome, kind, phase, tidymail_error_retryable(error));
}

void shell_result(struct shell *shell, int kind)
{
    const tidymail_error *error = tidymail_session_error(shell->session);
    const char *enhanced = tidymail_session_enhanced(shell->session);
    const char *words = tidymail_enhanced_words(enhanced);
    if (words[0] != '\0' && tidymail_session_code(shell->session) >= 400) {
        shell_say(shell, "%s: %s", enhanced, words);
    }
    if (error == NULL) {
        return;
    }
    show_error(shell, error);
    show_count(shell, error);
    if (kind != TIDYMAIL_OK && tidymail_error_kind(error) == TIDYMAIL_KIND_CONNECTION &&
        tidymail_session_fd(shell->session) < 0) {
        shell_record(shell, SHELL_CLOSED, NULL);
        shell_say(shell, ".connect connects anew");
    }
}
