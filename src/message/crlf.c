/* crlf.c: see crlf.h. */
#include "message/crlf.h"

#include <string.h>

#include "util/lines.h"

size_t tdm_crlf_convert(struct tdm_crlf *crlf, const char *in, size_t length, char *out)
{
    size_t written = 0;
    size_t i = 0;
    while (i < length) {
        if (in[i] == '\n' && crlf->after_cr) {
            crlf->after_cr = 0;
            i++;
            continue;
        }
        size_t run = i + tdm_lines_plain(in + i, length - i);
        while (run < length && in[run] != '\r' && in[run] != '\n') {
            run++;
        }
        memcpy(out + written, in + i, run - i);
        written += run - i;
        if (run > i) {
            crlf->after_cr = 0;
        }
        i = run;
        if (i < length) {
            crlf->after_cr = in[i] == '\r';
            out[written++] = '\r';
            out[written++] = '\n';
            i++;
        }
        if (i < length && in[i] == '\n' && crlf->after_cr) {
            crlf->after_cr = 0;
            i++;
        }
    }
    return written;
}
