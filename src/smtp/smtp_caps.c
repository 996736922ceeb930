/* smtp_caps.c: see smtp_caps.h. */
#include "smtp/smtp_caps.h"

#include <string.h>

#include "util/str.h"

#define MECHANISMS_MAX 4096

void tdm_smtp_caps_init(struct tdm_smtp_caps *caps, const tidymail_allocator *allocator)
{
    memset(caps, 0, sizeof(*caps));
    tdm_buf_init(&caps->mechanisms, allocator, MECHANISMS_MAX);
}

void tdm_smtp_caps_reset(struct tdm_smtp_caps *caps)
{
    struct tdm_buf mechanisms = caps->mechanisms;
    tdm_buf_reset(&mechanisms);
    memset(caps, 0, sizeof(*caps));
    caps->mechanisms = mechanisms;
}

void tdm_smtp_caps_clear(struct tdm_smtp_caps *caps)
{
    tdm_buf_clear(&caps->mechanisms);
}

size_t tdm_next_word(const char *list, size_t length, size_t *at, const char **word)
{
    while (*at < length && tdm_is_space(list[*at])) {
        ++*at;
    }
    size_t start = *at;
    while (*at < length && !tdm_is_space(list[*at])) {
        ++*at;
    }
    *word = list + start;
    return *at - start;
}

static int word_in_list(const struct tdm_buf *list, const char *word, size_t length)
{
    const char *text = tdm_buf_text(list);
    const char *entry;
    size_t at = 0;
    size_t entry_length;
    while ((entry_length = tdm_next_word(text, list->length, &at, &entry)) > 0) {
        if (tdm_same_nocase(entry, entry_length, word, length)) {
            return 1;
        }
    }
    return 0;
}

int tdm_smtp_caps_offers(const struct tdm_smtp_caps *caps, const char *mechanism)
{
    return word_in_list(&caps->mechanisms, mechanism, strlen(mechanism));
}

/* AUTH lines add up; "AUTH=LOGIN" is the form of old servers, kept beside the right one. */
static void caps_add_mechanisms(struct tdm_smtp_caps *caps, const char *words, size_t length)
{
    const char *word;
    size_t at = 0;
    size_t word_length;
    caps->auth = 1;
    while ((word_length = tdm_next_word(words, length, &at, &word)) > 0) {
        if (word_in_list(&caps->mechanisms, word, word_length)) {
            continue;
        }
        if (caps->mechanisms.length + word_length + 1 > MECHANISMS_MAX) {
            return; /* a list that long is not meant to be read */
        }
        if (caps->mechanisms.length > 0) {
            tdm_buf_add_char(&caps->mechanisms, ' ');
        }
        for (size_t i = 0; i < word_length; i++) {
            char c = word[i];
            int plain = tdm_is_alnum(c) || c == '-' || c == '_';
            c = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
            tdm_buf_add_char(&caps->mechanisms, plain ? c : '?');
        }
    }
}

static void caps_read_size(struct tdm_smtp_caps *caps, const char *words, size_t length)
{
    const char *word;
    size_t at = 0;
    size_t word_length = tdm_next_word(words, length, &at, &word);
    int64_t size = 0;
    for (size_t i = 0; i < word_length; i++) {
        if (!tdm_is_digit(word[i]) || size > INT64_MAX / 10 - 9) {
            size = 0; /* not a number, or more than any: as if there were no limit */
            break;
        }
        size = size * 10 + (word[i] - '0');
    }
    caps->size = 1;
    caps->max_size = size;
}

static int caps_is_masked(const char *word, size_t length)
{
    size_t hidden = 0;
    while (hidden < length && (word[hidden] == 'X' || word[hidden] == '*')) {
        hidden++;
    }
    return length >= 4 && hidden + 1 >= length;
}

static void caps_read_line(struct tdm_smtp_caps *caps, const char *line, size_t length)
{
    const char *word;
    size_t at = 0;
    size_t word_length = tdm_next_word(line, length, &at, &word);
    if (tdm_starts_nocase(word, word_length, "AUTH=")) {
        caps_add_mechanisms(caps, word + 5, length - (size_t)(word + 5 - line));
    } else if (tdm_equal_nocase_n(word, word_length, "AUTH")) {
        caps_add_mechanisms(caps, line + at, length - at);
    } else if (tdm_equal_nocase_n(word, word_length, "STARTTLS")) {
        caps->starttls = 1;
    } else if (tdm_equal_nocase_n(word, word_length, "PIPELINING")) {
        caps->pipelining = 1;
    } else if (tdm_equal_nocase_n(word, word_length, "8BITMIME")) {
        caps->eight_bit = 1;
    } else if (tdm_equal_nocase_n(word, word_length, "SMTPUTF8")) {
        caps->smtputf8 = 1;
        caps->eight_bit = 1; /* RFC 6531 3.1: it implies 8BITMIME; some servers leave that out */
    } else if (tdm_equal_nocase_n(word, word_length, "SIZE")) {
        caps_read_size(caps, line + at, length - at);
    } else if (caps_is_masked(word, word_length)) {
        caps->masked = 1;
    }
}

int tdm_smtp_caps_read(struct tdm_smtp_caps *caps, const struct tdm_reply *reply)
{
    tdm_smtp_caps_reset(caps);
    const char *text = tdm_buf_text(&reply->text);
    const char *end = text + reply->text.length;
    const char *line = memchr(text, '\n', reply->text.length); /* the first line is the name */
    if (line == NULL) {
        caps_read_line(caps, text, reply->text.length); /* unless it is all that there is */
    }
    while (line != NULL) {
        line++;
        const char *next = memchr(line, '\n', (size_t)(end - line));
        caps_read_line(caps, line, (size_t)((next != NULL ? next : end) - line));
        line = next;
    }
    return caps->mechanisms.failed ? -1 : 0;
}
