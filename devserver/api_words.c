/* api_words.c: encoded words (RFC 2047) read, for services that want names and header values so. */
#include <string.h>

#include "api.h"
#include "util/base64.h"
#include "util/str.h"
#include "util/utf8.h"

#define WORD_LIMIT 4096

static int words_digit(char c)
{
    return tdm_is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int words_q(struct tdm_buf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i] == '_' ? ' ' : text[i];
        if (c == '=') {
            if (i + 2 >= length || words_digit(text[i + 1]) < 0 || words_digit(text[i + 2]) < 0) {
                return -1;
            }
            c = (char)(words_digit(text[i + 1]) * 16 + words_digit(text[i + 2]));
            i += 2;
        }
        tdm_buf_add_char(out, c);
    }
    return 0;
}

/* "=?charset?B?text?=" at `text`: its length, and what it says appended; 0: it is none. */
static size_t words_one(struct tdm_buf *out, const char *text)
{
    const char *charset = text + 2;
    size_t charset_length;
    if (strncmp(text, "=?", 2) != 0) {
        return 0;
    }
    charset_length = strcspn(charset, "? ");
    const char *kind = charset + charset_length + 1;
    if (charset[charset_length] != '?' || kind[0] == '\0' || kind[1] != '?' ||
        (!tdm_equal_nocase_n(charset, charset_length, "utf-8") &&
         !tdm_equal_nocase_n(charset, charset_length, "us-ascii"))) {
        return 0;
    }
    const char *start = kind + 2;
    const char *end = strstr(start, "?=");
    if (end == NULL) {
        return 0;
    }
    size_t length = (size_t)(end - start);
    int result = tdm_lower(kind[0]) == 'b'   ? tdm_base64_decode(out, start, length)
                 : tdm_lower(kind[0]) == 'q' ? words_q(out, start, length)
                                             : -1;
    return result == 0 ? (size_t)(end + 2 - text) : 0;
}

void tdm_api_decode_words(struct tdm_buf *out, const char *text)
{
    struct tdm_buf all;
    int after =
        0; /* an encoded word came last: blanks up to the next one are none (RFC 2047 6.2) */
    tdm_buf_init(&all, NULL, out->max);
    for (const char *at = text; *at != '\0';) {
        size_t blanks = strspn(at, " \t\r\n");
        struct tdm_buf word;
        tdm_buf_init(&word, NULL, WORD_LIMIT);
        size_t taken = words_one(&word, at + blanks);
        if (taken == 0) {
            taken = strcspn(at + blanks, " \t\r\n");
            tdm_buf_add(&all, at, blanks + taken);
            after = 0;
        } else {
            tdm_buf_add(&all, at, after ? 0 : blanks);
            tdm_buf_add(&all, tdm_buf_text(&word), word.length);
            after = 1;
        }
        tdm_buf_clear(&word);
        at += blanks + taken;
    }
    const char *said = tdm_buf_text(&all);
    int good = tdm_utf8_find_invalid(said, all.length) == all.length &&
               memchr(said, '\0', all.length) == NULL;
    tdm_buf_add_str(out, good ? said : text);
    tdm_buf_clear(&all);
}
