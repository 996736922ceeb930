/* output.c: what people read. */
#include "output.h"

#include <string.h>

void output_clean(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) {
            fprintf(stream, "\\x%02X", (unsigned int)c);
        } else {
            fputc(c, stream);
        }
    }
}

/* A reply of several lines, on one. */
static void output_reply(FILE *stream, const char *reply)
{
    while (*reply != '\0') {
        size_t line = strcspn(reply, "\n");
        for (size_t i = 0; i < line; i++) {
            char one[2] = {reply[i], '\0'};
            output_clean(stream, one);
        }
        reply += line;
        if (*reply == '\n') {
            fputs(" / ", stream);
            reply++;
        }
    }
}

static void output_recipients(const tidymail_report *report)
{
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        int code = tidymail_recipient_code(recipient);
        if (tidymail_recipient_outcome(recipient) != TIDYMAIL_FAILED || code == 0) {
            continue;
        }
        const char *enhanced = tidymail_recipient_enhanced(recipient);
        printf("refused: ");
        output_clean(stdout, tidymail_recipient_address(recipient));
        printf(" %d%s%s ", code, enhanced[0] != '\0' ? " " : "", enhanced);
        output_reply(stdout, tidymail_recipient_reply(recipient));
        printf("\n");
    }
}

static void output_talk(const char *word, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        fprintf(stderr, "%s: ", word);
        output_clean(stderr, text);
        fputc('\n', stderr);
    }
}

void output_report(const tidymail_report *report)
{
    output_clean(stdout, tidymail_report_summary(report));
    printf("\n");
    output_recipients(report);
    fflush(stdout);
    for (size_t i = 0; i < tidymail_report_attempt_count(report); i++) {
        output_talk("attempt", tidymail_report_attempt(report, i));
    }
    for (size_t i = 0; i < tidymail_report_note_count(report); i++) {
        output_talk("note", tidymail_report_note(report, i));
    }
    output_talk("hint", tidymail_error_hint(tidymail_report_error(report)));
}

void output_failure(const char *command, const struct cli_failure *failure)
{
    fprintf(stderr, "tidymail%s%s: ", command != NULL ? " " : "", command != NULL ? command : "");
    output_clean(stderr, failure->message != NULL ? failure->message : "out of memory");
    fputc('\n', stderr);
    output_talk("hint", failure->hint);
}
