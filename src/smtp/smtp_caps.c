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

/* 0 for what is not a number, or more than any: as if there were no limit. */
static int64_t caps_number(const char *text, size_t length)
{
    int64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (!tdm_is_digit(text[i]) || number > INT64_MAX / 10 - 9) {
            return 0;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

static int64_t caps_first_number(const char *words, size_t length)
{
    const char *word;
    size_t at = 0;
    size_t word_length = tdm_next_word(words, length, &at, &word);
    return caps_number(word, word_length);
}

/* LIMITS RCPTMAX=20 MAILMAX=5 (RFC 9422 4). */
static void caps_read_limits(struct tdm_smtp_caps *caps, const char *words, size_t length)
{
    const char *word;
    size_t at = 0;
    size_t word_length;
    while ((word_length = tdm_next_word(words, length, &at, &word)) > 0) {
        if (tdm_starts_nocase(word, word_length, "RCPTMAX=")) {
            caps->rcpt_max = caps_number(word + 8, word_length - 8);
        } else if (tdm_starts_nocase(word, word_length, "MAILMAX=")) {
            caps->mail_max = caps_number(word + 8, word_length - 8);
        }
    }
}

/* Keywords that are no more than a flag. */
static void caps_read_flag(struct tdm_smtp_caps *caps, const char *word, size_t length)
{
    const struct {
        const char *keyword;
        int *flag;
    } flags[] = {
        {"STARTTLS", &caps->starttls},
        {"PIPELINING", &caps->pipelining},
        {"8BITMIME", &caps->eight_bit},
        {"SMTPUTF8", &caps->smtputf8},
        {"CHUNKING", &caps->chunking},
        {"BINARYMIME", &caps->binarymime},
        {"DSN", &caps->dsn},
        {"REQUIRETLS", &caps->requiretls},
        {"DELIVERBY", &caps->deliverby},
        {"FUTURERELEASE", &caps->futurerelease},
        {"MT-PRIORITY", &caps->mt_priority},
        {"SIZE", &caps->size},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (tdm_equal_nocase_n(word, length, flags[i].keyword)) {
            *flags[i].flag = 1;
        }
    }
}

static int caps_is_masked(const char *word, size_t length)
{
    size_t hidden = 0;
    while (hidden < length && (word[hidden] == 'X' || word[hidden] == '*')) {
        hidden++;
    }
    return length >= 4 && hidden + 1 >= length;
}

/* "KEYWORD words", and the "KEYWORD=words" of old servers (AUTH=LOGIN), with the same meaning. */
static void caps_read_line(struct tdm_smtp_caps *caps, const char *line, size_t length)
{
    const char *keyword;
    size_t at = 0;
    size_t keyword_length = tdm_next_word(line, length, &at, &keyword);
    const char *equals = memchr(keyword, '=', keyword_length);
    if (equals != NULL) {
        keyword_length = (size_t)(equals - keyword);
        at = (size_t)(equals + 1 - line);
    }
    const char *words = line + at;
    size_t words_length = length - at;
    caps_read_flag(caps, keyword, keyword_length);
    if (tdm_equal_nocase_n(keyword, keyword_length, "AUTH")) {
        caps_add_mechanisms(caps, words, words_length);
    } else if (tdm_equal_nocase_n(keyword, keyword_length, "LIMITS")) {
        caps_read_limits(caps, words, words_length);
    } else if (tdm_equal_nocase_n(keyword, keyword_length, "SIZE")) {
        caps->max_size = caps_first_number(words, words_length);
    } else if (tdm_equal_nocase_n(keyword, keyword_length, "DELIVERBY")) {
        caps->deliverby_min = caps_first_number(words, words_length);
    } else if (tdm_equal_nocase_n(keyword, keyword_length, "FUTURERELEASE")) {
        caps->hold_max = caps_first_number(words, words_length);
    } else if (caps_is_masked(keyword, keyword_length)) {
        caps->masked = 1;
    }
    /* RFC 6531 3.1: SMTPUTF8 implies 8BITMIME; some servers leave that out */
    caps->eight_bit |= caps->smtputf8;
}

int tdm_smtp_caps_read(struct tdm_smtp_caps *caps, const struct tdm_reply *reply)
{
    tdm_smtp_caps_reset(caps);
    const char *text = tdm_buf_text(&reply->text);
    const char *end = text + reply->text.length;
    /* The first line is the server's name (RFC 5321 4.1.1.1), which no keyword looks like; some
     * servers leave it out. */
    for (const char *line = text; line != NULL;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        caps_read_line(caps, line, (size_t)((next != NULL ? next : end) - line));
        line = next != NULL ? next + 1 : NULL;
    }
    return caps->mechanisms.failed ? -1 : 0;
}
