/* dot_reader.c: see dot_reader.h. */
#include "dot_reader.h"

/* A byte of the message itself; the state says what stood before it. */
static void dot_reader_take(struct tdm_dot_reader *reader, char byte, struct tdm_buf *out)
{
    if (byte == '\r') {
        reader->state = TDM_DOT_CR;
    } else if (byte == '\n' && reader->state == TDM_DOT_CR) {
        reader->state = TDM_DOT_START;
    } else {
        reader->bare_lf += byte == '\n';
        reader->state = TDM_DOT_MIDDLE;
    }
    tdm_buf_add_char(out, byte);
}

static void dot_reader_step(struct tdm_dot_reader *reader, char byte, struct tdm_buf *out)
{
    switch (reader->state) {
    case TDM_DOT_START:
        if (byte == '.') {
            reader->state = TDM_DOT_DOT;
        } else {
            dot_reader_take(reader, byte, out);
        }
        break;
    case TDM_DOT_DOT: /* the dot before this byte is dropped (RFC 5321 4.5.2) */
        if (byte == '\r') {
            reader->state = TDM_DOT_DOT_CR;
        } else {
            dot_reader_take(reader, byte, out);
        }
        break;
    case TDM_DOT_DOT_CR:
        if (byte == '\n') {
            reader->state = TDM_DOT_END;
        } else {
            dot_reader_take(reader, '\r', out);
            dot_reader_take(reader, byte, out);
        }
        break;
    case TDM_DOT_MIDDLE:
    case TDM_DOT_CR:
        dot_reader_take(reader, byte, out);
        break;
    case TDM_DOT_END:
        break;
    }
}

size_t tdm_dot_reader_feed(struct tdm_dot_reader *reader, const char *bytes, size_t length,
                           struct tdm_buf *out)
{
    size_t taken = 0;
    while (taken < length && reader->state != TDM_DOT_END) {
        dot_reader_step(reader, bytes[taken], out);
        taken++;
    }
    return taken;
}
