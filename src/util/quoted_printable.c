/* quoted_printable.c: see quoted_printable.h. */
#include "util/quoted_printable.h"

#include <string.h>

#define QP_LINE_MAX 76

size_t tdm_qp_max(size_t length)
{
    return 3 * length + 3 * (3 * length / (QP_LINE_MAX - 3) + 1);
}

/* 1 where a line ends behind the byte at `in`; `left` counts from that byte. */
static int qp_line_ends(const char *in, size_t left)
{
    return left == 1 || (left >= 3 && in[1] == '\r' && in[2] == '\n');
}

/* 1 where the byte may stand for itself, at that column of the encoded line. */
static int qp_is_literal(const char *in, size_t left, size_t column, int line_ends)
{
    unsigned char c = (unsigned char)in[0];
    if (c == ' ' || c == '\t') {
        return !line_ends; /* rule 3 */
    }
    if (c < 33 || c > 126 || c == '=') {
        return 0;
    }
    if (column == 0) {
        /* Rule 2 lets us encode more: a dot that would need stuffing, and what mbox files mark. */
        return c != '.' && !(left >= 5 && memcmp(in, "From ", 5) == 0);
    }
    return 1;
}

static size_t qp_put(char *out, size_t at, const char *bytes, size_t length)
{
    if (out != NULL) {
        memcpy(out + at, bytes, length);
    }
    return at + length;
}

size_t tdm_qp_encode(struct tdm_qp *qp, const char *in, size_t length, int last, char *out,
                     size_t *taken)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t written = 0;
    size_t i = 0;
    while (last ? i < length : length - i >= TDM_QP_LOOKAHEAD) {
        size_t left = length - i;
        if (left >= 2 && in[i] == '\r' && in[i + 1] == '\n') {
            written = qp_put(out, written, "\r\n", 2);
            qp->column = 0;
            i += 2;
            continue;
        }
        int line_ends = qp_line_ends(in + i, left);
        int literal = qp_is_literal(in + i, left, qp->column, line_ends);
        size_t limit = line_ends ? QP_LINE_MAX : QP_LINE_MAX - 1; /* room for a soft break */
        if (qp->column + (literal ? 1 : 3) > limit) {
            written = qp_put(out, written, "=\r\n", 3);
            qp->column = 0;
            literal = qp_is_literal(in + i, left, 0, line_ends);
        }
        if (literal) {
            written = qp_put(out, written, in + i, 1);
            qp->column++;
        } else {
            unsigned char c = (unsigned char)in[i];
            char escape[3] = {'=', hex[c >> 4], hex[c & 15]};
            written = qp_put(out, written, escape, 3);
            qp->column += 3;
        }
        i++;
    }
    *taken = i;
    return written;
}
