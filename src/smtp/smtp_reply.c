/* smtp_reply.c: see smtp_reply.h. */
#include "smtp/smtp_reply.h"

#include <string.h>

#include "util/str.h"

#define BLANK_LINES_MAX 8

void tdm_reply_parser_init(struct tdm_reply_parser *parser, const tidymail_allocator *allocator,
                           size_t max_line, size_t max_reply)
{
    memset(parser, 0, sizeof(*parser));
    tdm_buf_init(&parser->line, allocator, max_line);
    tdm_buf_init(&parser->reply.text, allocator, max_reply);
    parser->max_reply = max_reply;
}

void tdm_reply_parser_clear(struct tdm_reply_parser *parser)
{
    tdm_buf_clear(&parser->line);
    tdm_buf_clear(&parser->reply.text);
}

void tdm_reply_parser_next(struct tdm_reply_parser *parser)
{
    tdm_buf_reset(&parser->line);
    tdm_buf_reset(&parser->reply.text);
    parser->reply.code = 0;
    parser->reply_size = 0;
    parser->blank_lines = 0;
    parser->has_lines = 0;
}

int tdm_reply_parser_partial(const struct tdm_reply_parser *parser)
{
    return parser->has_lines || parser->line.length > 0;
}

/* One line, complete and without its end. */
static enum tdm_reply_status reply_take_line(struct tdm_reply_parser *parser)
{
    const char *line = tdm_buf_text(&parser->line);
    size_t length = parser->line.length;
    if (length == 0) {
        return parser->blank_lines++ >= BLANK_LINES_MAX ? TDM_REPLY_GARBAGE : TDM_REPLY_MORE;
    }
    int digits =
        length >= 3 && tdm_is_digit(line[0]) && tdm_is_digit(line[1]) && tdm_is_digit(line[2]);
    char mark = digits && length > 3 ? line[3] : ' ';
    if (!digits || (mark != ' ' && mark != '-')) {
        return TDM_REPLY_GARBAGE;
    }
    struct tdm_reply *reply = &parser->reply;
    reply->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (parser->has_lines) {
        tdm_buf_add_char(&reply->text, '\n');
    }
    if (length > 4) {
        tdm_buf_add(&reply->text, line + 4, length - 4);
    }
    parser->has_lines = 1;
    if (reply->text.failed) {
        return TDM_REPLY_NO_MEMORY; /* its maximum is that of the reply, checked before */
    }
    tdm_buf_reset(&parser->line);
    return mark == '-' ? TDM_REPLY_MORE : TDM_REPLY_DONE;
}

/* A TLS record in place of a line never ends in LF: it is known by two bytes. */
static int reply_is_tls(const struct tdm_buf *line)
{
    return line->length >= 2 && (line->data[0] == 0x15 || line->data[0] == 0x16) &&
           line->data[1] == 3;
}

enum tdm_reply_status tdm_reply_parser_feed(struct tdm_reply_parser *parser, const char *bytes,
                                            size_t length, size_t *used)
{
    *used = 0;
    while (*used < length) {
        const char *start = bytes + *used;
        const char *end = memchr(start, '\n', length - *used);
        size_t piece = end != NULL ? (size_t)(end - start) : length - *used;
        *used += piece + (end != NULL);
        parser->reply_size += piece + (end != NULL);
        size_t room = parser->line.max - parser->line.length;
        int too_long = parser->reply_size > parser->max_reply || piece > room;
        if (tdm_buf_add(&parser->line, start, piece < room ? piece : room) != 0) {
            return TDM_REPLY_NO_MEMORY;
        }
        if (!parser->has_lines && reply_is_tls(&parser->line)) {
            return TDM_REPLY_GARBAGE; /* also where it is too long: the same for every cut */
        }
        if (too_long) {
            return TDM_REPLY_TOO_LONG;
        }
        if (end == NULL) {
            break;
        }
        if (parser->line.length > 0 && parser->line.data[parser->line.length - 1] == '\r') {
            parser->line.data[--parser->line.length] = '\0';
        }
        enum tdm_reply_status status = reply_take_line(parser);
        if (status != TDM_REPLY_MORE) {
            return status;
        }
        tdm_buf_reset(&parser->line);
    }
    return TDM_REPLY_MORE;
}

/* Length of an enhanced status code of that class at the start of `text`, else 0 (RFC 3463 2). */
static size_t enhanced_length(const char *text, size_t length, int class)
{
    size_t at = 0;
    for (int part = 0; part < 3; part++) {
        size_t start = at;
        while (at < length && tdm_is_digit(text[at]) && at - start < 4) {
            at++;
        }
        size_t digits = at - start;
        if (digits == 0 || digits > 3 || (part == 0 && (digits != 1 || text[0] - '0' != class))) {
            return 0;
        }
        if (digits > 1 && text[start] == '0') {
            return 0;
        }
        if (part < 2 && (at >= length || text[at++] != '.')) {
            return 0;
        }
    }
    return at == length || text[at] == ' ' || text[at] == '\t' || text[at] == '\n' ? at : 0;
}

void tdm_reply_enhanced(const struct tdm_reply *reply, char *out)
{
    /* the last line's, as for the reply code; where it has none, the first line's */
    const char *text = tdm_buf_text(&reply->text);
    size_t last = reply->text.length;
    while (last > 0 && text[last - 1] != '\n') {
        last--;
    }
    size_t start = last;
    size_t length = enhanced_length(text + last, reply->text.length - last, reply->code / 100);
    if (length == 0) {
        start = 0;
        length = enhanced_length(text, reply->text.length, reply->code / 100);
    }
    memcpy(out, text + start, length);
    out[length] = '\0';
}

void tdm_reply_words(const struct tdm_reply *reply, struct tdm_buf *out)
{
    const char *text = tdm_buf_text(&reply->text);
    size_t length = reply->text.length;
    char code[TDM_ENHANCED_MAX];
    tdm_reply_enhanced(reply, code);
    size_t code_length = strlen(code);
    for (size_t at = 0; at <= length;) {
        const char *line = text + at;
        const char *end = at < length ? memchr(line, '\n', length - at) : NULL;
        size_t line_length = end != NULL ? (size_t)(end - line) : length - at;
        at += line_length + 1;
        if (code_length > 0 && line_length >= code_length && memcmp(line, code, code_length) == 0 &&
            (line_length == code_length || tdm_is_space(line[code_length]))) {
            line += code_length;
            line_length -= code_length;
        }
        while (line_length > 0 && tdm_is_space(line[0])) {
            line++;
            line_length--;
        }
        while (line_length > 0 && tdm_is_space(line[line_length - 1])) {
            line_length--;
        }
        tdm_escape(out, line, line_length, 0);
        if (at <= length) {
            tdm_buf_add_char(out, '\n');
        }
    }
}

const char *tdm_reply_recognise(const char *bytes, size_t length)
{
    static const struct {
        const char *start;
        const char *name;
    } known[] = {
        {"HTTP/", "an HTTP server"},
        {"<!DOCTYPE", "an HTTP server"},
        {"<html", "an HTTP server"},
        {"SSH-", "an SSH server"},
        {"+OK", "a POP3 server"},
        {"-ERR", "a POP3 server"},
        {"* OK", "an IMAP server"},
        {"* BYE", "an IMAP server"},
        {"* PREAUTH", "an IMAP server"},
        {"RFB ", "a VNC server"},
        {"\x15\x03", "TLS"},
        {"\x16\x03", "TLS"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (tdm_starts_nocase(bytes, length, known[i].start)) {
            return known[i].name;
        }
    }
    return NULL;
}
