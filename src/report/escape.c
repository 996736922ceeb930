/* escape.c: what a server says, made safe for a terminal, a log and JSON. */
#include "report/report_data.h"
#include "util/lines.h"

/* Length of the UTF-8 sequence at `text` if it is valid (RFC 3629) and not a control, else 0. */
static size_t printable_sequence(const char *text, size_t left)
{
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80) {
        return first >= 0x20 && first != 0x7f ? 1 : 0;
    }
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < length) {
        return 0;
    }
    uint32_t point = first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (next & 0x3f);
    }
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    int surrogate = point >= 0xd800 && point <= 0xdfff;
    int control = point < 0xa0; /* C1 */
    int reorders = (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
    if (point < smallest[length] || point > 0x10ffff || surrogate || control || reorders) {
        return 0;
    }
    return length;
}

void tdm_escape(struct tdm_buf *out, const char *text, size_t length, int keep_lines)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t i = 0;
    while (i < length) {
        size_t plain = tdm_lines_plain(text + i, length - i);
        plain = plain > 0 ? plain : printable_sequence(text + i, length - i);
        if (plain == 0 && keep_lines && text[i] == '\n') {
            plain = 1;
        }
        if (plain > 0) {
            tdm_buf_add(out, text + i, plain);
            i += plain;
            continue;
        }
        unsigned char byte = (unsigned char)text[i++];
        char escape[4] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
        tdm_buf_add(out, escape, sizeof(escape));
    }
}
