/* encoded_word.c: see encoded_word.h. */
#include "message/encoded_word.h"

#include <string.h>

#include "util/base64.h"
#include "util/str.h"
#include "util/utf8.h"

/* Bytes that stand for themselves in the Q encoding; the set of phrases (RFC 2047 5(3)) is used
 * everywhere: it is right inside quotation marks too. */
static int encoded_word_is_literal(char c)
{
    return c != '\0' && (tdm_is_alnum(c) || strchr("!*+/-", c) != NULL);
}

static size_t encoded_word_q_cost(const char *text, size_t length)
{
    size_t cost = 0;
    for (size_t i = 0; i < length; i++) {
        cost += text[i] == ' ' || encoded_word_is_literal(text[i]) ? 1 : 3;
    }
    return cost;
}

static size_t encoded_word_b_cost(size_t length)
{
    return (length + 2) / 3 * 4;
}

int tdm_encoded_word_prefers_q(const char *text, size_t length)
{
    return encoded_word_q_cost(text, length) <= encoded_word_b_cost(length);
}

size_t tdm_encoded_word_fitting(const char *text, size_t length, size_t room, int use_q)
{
    size_t taken = 0;
    size_t cost = 0;
    while (taken < length) {
        size_t step = tdm_utf8_sequence(text + taken, length - taken);
        step = step > 0 ? step : 1;
        cost = use_q ? cost + encoded_word_q_cost(text + taken, step)
                     : encoded_word_b_cost(taken + step);
        if (cost > room) {
            break;
        }
        taken += step;
    }
    return taken;
}

void tdm_encoded_word_add(struct tdm_buf *out, const char *text, size_t length, int use_q)
{
    static const char hex[] = "0123456789ABCDEF";
    tdm_buf_add_str(out, use_q ? "=?utf-8?Q?" : "=?utf-8?B?");
    if (!use_q) {
        tdm_base64_encode(out, text, length);
    }
    for (size_t i = 0; use_q && i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[3] = {'=', hex[c >> 4], hex[c & 15]};
        if (c == ' ') {
            tdm_buf_add_char(out, '_');
        } else if (encoded_word_is_literal(text[i])) {
            tdm_buf_add_char(out, text[i]);
        } else {
            tdm_buf_add(out, escape, 3);
        }
    }
    tdm_buf_add_str(out, "?=");
}
