/* flowed.c: see flowed.h. */
#include "message/flowed.h"

#include <string.h>

#define FLOWED_WIDTH 78 /* RFC 3676 4.2, with the blank at the end */

static int flowed_is_signature(const char *text, size_t length)
{
    return length == 3 && memcmp(text, "-- ", 3) == 0;
}

/* One line of output. */
static void flowed_put(struct tdm_buf *out, const char *marks, size_t depth, const char *text,
                       size_t length)
{
    tdm_buf_add(out, marks, depth);
    /* 4.4: a reader drops one blank; quoted lines have one always, for those who read them raw */
    int looks_odd = length > 0 && (text[0] == ' ' || text[0] == '>' ||
                                   (length >= 5 && memcmp(text, "From ", 5) == 0));
    if (length > 0 && (depth > 0 || looks_odd)) {
        tdm_buf_add_char(out, ' ');
    }
    tdm_buf_add(out, text, length);
    tdm_buf_add(out, "\r\n", 2);
}

/* How much of a paragraph goes into one line: up to behind the last blank that fits, else behind the
 * first one; all of it where there is none. */
static size_t flowed_cut(const char *text, size_t length, size_t width)
{
    size_t columns = 0;
    size_t cut = 0;
    for (size_t i = 0; i < length; i++) {
        columns += ((unsigned char)text[i] & 0xC0) != 0x80; /* characters, not bytes */
        if (columns > width && cut > 0) {
            return cut;
        }
        int ends_run = text[i] == ' ' && i + 1 < length && text[i + 1] != ' ';
        if (ends_run && !flowed_is_signature(text, i + 1)) {
            cut = i + 1;
            if (columns > width) {
                return cut;
            }
        }
    }
    return columns > width && cut > 0 ? cut : length;
}

static void flowed_paragraph(struct tdm_buf *out, const char *line, size_t length)
{
    size_t depth = 0;
    while (depth < length && line[depth] == '>') {
        depth++;
    }
    const char *text = line + depth;
    length -= depth;
    if (depth > 0 && length > 0 && text[0] == ' ') {
        text++; /* put back by flowed_put */
        length--;
    }
    if (!flowed_is_signature(text, length)) {
        while (length > 0 && text[length - 1] == ' ') {
            length--;
        }
    }
    size_t used = depth + 1;
    size_t width = used < FLOWED_WIDTH / 2 ? FLOWED_WIDTH - used : FLOWED_WIDTH / 2;
    do {
        size_t piece = flowed_cut(text, length, width);
        flowed_put(out, line, depth, text, piece);
        text += piece;
        length -= piece;
    } while (length > 0);
}

void tdm_flowed_write(struct tdm_buf *out, const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t end = at;
        while (end < length && text[end] != '\r' && text[end] != '\n') {
            end++;
        }
        flowed_paragraph(out, text + at, end - at);
        at = end + (end + 1 < length && text[end] == '\r' && text[end + 1] == '\n' ? 2 : 1);
    }
}
