/* note.c: see note.h. */
#include "net/note.h"

#include <stdarg.h>
#include <tidymail/smtp.h>
#include <uv.h>

#define NOTE_MAX ((size_t)8 * 1024)

void tdm_net_note(const struct tdm_net_trace *trace, const tidymail_allocator *allocator, int phase,
                  int encrypted, const char *format, ...)
{
    if (trace->line == NULL) {
        return;
    }
    struct tdm_buf text;
    tdm_buf_init(&text, allocator, NOTE_MAX);
    va_list args;
    va_start(args, format);
    int failed = tdm_buf_vaddf(&text, format, args);
    va_end(args);
    if (failed == 0) {
        trace->line(trace->context, TIDYMAIL_SMTP_MARK_NOTE, phase, encrypted, tdm_buf_text(&text),
                    text.length);
    }
    tdm_buf_clear(&text);
}

void tdm_net_add_seconds(struct tdm_buf *out, int64_t ms)
{
    tdm_buf_add_number(out, ms / 1000);
    int rest = (int)(ms % 1000);
    if (rest > 0) {
        tdm_buf_add_char(out, '.');
        for (int unit = 100; unit > 0 && rest > 0; unit /= 10) {
            tdm_buf_add_char(out, (char)('0' + rest / unit));
            rest %= unit;
        }
    }
    tdm_buf_add_str(out, " s");
}

void tdm_net_add_errno(struct tdm_buf *out, int number)
{
    char words[128];
    tdm_buf_add_str(out, uv_strerror_r(-number, words, sizeof(words)));
}
