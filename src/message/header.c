/* header.c: see header.h. A fold writes a field piece by piece and knows the column; a line is
 * broken only in front of a blank that belongs to the field, so unfolding gives the text back. */
#include "message/header.h"

#include <string.h>

#include "message/encoded_word.h"
#include "util/str.h"

#define HEADER_FOLD_AT 76
#define HEADER_WORD_MAX TDM_ENCODED_WORD_MAX
#define HEADER_WORD_FRAME TDM_ENCODED_WORD_FRAME
/* A quoted display name longer than this is encoded, since it could not be folded well. */
#define HEADER_QUOTED_MAX 66

struct header_fold {
    struct tdm_buf *out;
    size_t column;
    size_t limit; /* of the line, for the next piece */
};

static void header_begin(struct header_fold *fold, struct tdm_buf *out, const char *name)
{
    fold->out = out;
    tdm_buf_add_str(out, name);
    tdm_buf_add_char(out, ':');
    fold->column = strlen(name) + 1;
    fold->limit = HEADER_FOLD_AT;
}

static void header_end(struct header_fold *fold)
{
    tdm_buf_add(fold->out, "\r\n", 2);
}

/* Blanks and a piece that is not broken; the line is broken in front of them where they do not
 * fit. */
static void header_piece(struct header_fold *fold, const char *blanks, size_t blank_count,
                         const char *text, size_t length)
{
    if (fold->column + blank_count + length > fold->limit) {
        tdm_buf_add(fold->out, "\r\n", 2);
        fold->column = 0;
    }
    fold->limit = HEADER_FOLD_AT;
    tdm_buf_add(fold->out, blanks, blank_count);
    tdm_buf_add(fold->out, text, length);
    fold->column += blank_count + length;
}

/* Of a word in base64 with others behind it: the longest beginning (whole characters, half of it at
 * least) that needs no padding, for some readers join such words before they decode them, and stop at
 * the first '='. All of it where there is none. */
static size_t header_without_padding(const char *text, size_t length)
{
    for (size_t shorter = length; shorter > length / 2; shorter--) {
        int is_whole = shorter == length || ((unsigned char)text[shorter] & 0xC0) != 0x80;
        if (is_whole && shorter % 3 == 0) {
            return shorter;
        }
    }
    return length;
}

/* Text as encoded-words, behind `blanks`. Between two of them a reader drops the blank (RFC 2047
 * 6.2), so all blanks inside the text are encoded. */
static void header_encoded(struct header_fold *fold, const char *blanks, size_t blank_count,
                           const char *text, size_t length)
{
    int use_q = tdm_encoded_word_prefers_q(text, length);
    struct tdm_buf word;
    tdm_buf_init(&word, &fold->out->allocator, 4 * HEADER_WORD_MAX);
    size_t done = 0;
    while (done < length) {
        size_t used = fold->column + blank_count + HEADER_WORD_FRAME;
        size_t room = used < HEADER_FOLD_AT ? HEADER_FOLD_AT - used : 0;
        size_t most = HEADER_FOLD_AT - blank_count - HEADER_WORD_FRAME;
        most =
            most < HEADER_WORD_MAX - HEADER_WORD_FRAME ? most : HEADER_WORD_MAX - HEADER_WORD_FRAME;
        size_t fits =
            tdm_encoded_word_fitting(text + done, length - done, room < most ? room : most, use_q);
        /* A short rest of a line is left alone: a character takes up to 12. */
        if (fits == 0 || (fits < length - done && room < 20)) {
            fits = tdm_encoded_word_fitting(text + done, length - done, most, use_q);
        }
        if (!use_q && fits < length - done) {
            fits = header_without_padding(text + done, fits);
        }
        tdm_buf_reset(&word);
        tdm_encoded_word_add(&word, text + done, fits, use_q);
        header_piece(fold, blanks, blank_count, tdm_buf_text(&word), word.length);
        done += fits;
        blanks = " ";
        blank_count = 1;
    }
    fold->out->failed |= word.failed;
    tdm_buf_clear(&word);
}

static size_t header_span(const char *text, int blanks)
{
    size_t i = 0;
    while (text[i] != '\0' && (text[i] == ' ') == blanks) {
        i++;
    }
    return i;
}

/* 1 for a word that cannot stand as it is. "=?" may look like an encoded-word (RFC 2047 7). */
static int header_needs_encoding(const char *text, size_t length, int keep_words)
{
    size_t most = keep_words ? TDM_LINE_MAX - 1 : HEADER_FOLD_AT - 1;
    if (length > most || tdm_has_8bit(text, length)) {
        return 1;
    }
    for (size_t i = 0; i + 1 < length; i++) {
        if (text[i] == '=' && text[i + 1] == '?') {
            return 1;
        }
    }
    return 0;
}

enum header_treatment {
    HEADER_PLAIN,
    HEADER_ENCODE,            /* the word */
    HEADER_ENCODE_WITH_BLANKS /* and all but one of the blanks in front */
};

/* What becomes of the word behind `blanks` blanks. A reader drops blanks at the end, and a line of
 * blanks alone must not be (RFC 5322 2.2.3): those are encoded with the last word. */
static enum header_treatment header_treatment(const char *text, size_t blanks, int keep_words)
{
    size_t word = header_span(text + blanks, 0);
    size_t behind = header_span(text + blanks + word, 1);
    int is_wide = blanks > 1 && blanks + word > (keep_words ? TDM_LINE_MAX : HEADER_FOLD_AT);
    if (blanks > HEADER_FOLD_AT / 2 || is_wide) {
        return HEADER_ENCODE_WITH_BLANKS;
    }
    if ((behind > 0 && text[blanks + word + behind] == '\0') ||
        header_needs_encoding(text + blanks, word, keep_words)) {
        return HEADER_ENCODE;
    }
    return HEADER_PLAIN;
}

/* How far a run of encoded words reaches that goes up to `end` so far. A reader drops a blank
 * between two encoded-words, so neighbours are encoded as one text (RFC 2047 6.2). */
static size_t header_encoded_run(const char *text, size_t end, int keep_words)
{
    for (;;) {
        size_t blanks = header_span(text + end, 1);
        size_t word = header_span(text + end + blanks, 0);
        if (word == 0) {
            return end + blanks;
        }
        if (header_treatment(text + end, blanks, keep_words) == HEADER_PLAIN) {
            return end;
        }
        end += blanks + word;
    }
}

void tdm_header_add_text(struct tdm_buf *out, const char *name, const char *text, int keep_words)
{
    struct header_fold fold;
    header_begin(&fold, out, name);
    const char *blanks = " ";
    size_t blank_count = 1;
    enum header_treatment treatment = header_treatment(text, 0, keep_words);
    /* Some readers take the fold for a blank where nothing stands behind the name: a first word
     * that is too long for its line is encoded, or, where it must be kept, left there. */
    size_t first = fold.column + 1 + header_span(text, 0);
    if (first > HEADER_FOLD_AT && !keep_words) {
        treatment = HEADER_ENCODE;
    } else if (treatment == HEADER_PLAIN) {
        fold.limit = TDM_LINE_MAX;
    }
    while (*text != '\0') {
        size_t lead = header_span(text, 1); /* blanks to encode */
        size_t end = lead + header_span(text + lead, 0);
        if (lead > 0 || treatment != HEADER_PLAIN) {
            end = header_encoded_run(text, end, keep_words);
            header_encoded(&fold, blanks, blank_count, text, end);
        } else {
            header_piece(&fold, blanks, blank_count, text, end);
        }
        text += end;
        blanks = text;
        blank_count = header_span(text, 1);
        treatment = header_treatment(text, blank_count, keep_words);
        blank_count = treatment == HEADER_ENCODE_WITH_BLANKS ? 1 : blank_count;
        text += blank_count;
    }
    header_end(&fold);
}

void tdm_header_add_words(struct tdm_buf *out, const char *name, const char *text)
{
    struct header_fold fold;
    header_begin(&fold, out, name);
    while (*text != '\0') {
        text += header_span(text, 1);
        size_t word = header_span(text, 0);
        if (word > 0) {
            header_piece(&fold, " ", 1, text, word);
        }
        text += word;
    }
    header_end(&fold);
}

size_t tdm_header_longest_word(const char *text)
{
    size_t longest = 0;
    while (*text != '\0') {
        text += header_span(text, 1);
        size_t word = header_span(text, 0);
        longest = word > longest ? word : longest;
        text += word;
    }
    return longest;
}

enum header_name_style { HEADER_NAME_ATOMS, HEADER_NAME_QUOTED, HEADER_NAME_ENCODED };

/* How a display name is written: atoms, else quoted (RFC 5322 3.2.5), else encoded. */
static enum header_name_style header_name_style(const char *name)
{
    size_t length = strlen(name);
    size_t quoted = 2;
    int atoms = length > 0 && name[0] != ' ' && name[length - 1] != ' ';
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        quoted += c == '"' || c == '\\' ? 2 : 1;
        if ((unsigned char)c >= 0x80 || (c == '=' && name[i + 1] == '?')) {
            return HEADER_NAME_ENCODED;
        }
        if ((c == ' ' && name[i + 1] == ' ') || (c != ' ' && !tdm_is_atext(c))) {
            atoms = 0;
        }
    }
    if (atoms && tdm_header_longest_word(name) < HEADER_QUOTED_MAX) {
        return HEADER_NAME_ATOMS;
    }
    return quoted <= HEADER_QUOTED_MAX ? HEADER_NAME_QUOTED : HEADER_NAME_ENCODED;
}

/* The name of a mailbox as one text, where it is not encoded; returns its length. */
static void header_plain_name(struct tdm_buf *out, const char *name, enum header_name_style style)
{
    if (style == HEADER_NAME_ATOMS) {
        tdm_buf_add_str(out, name);
        return;
    }
    tdm_buf_add_char(out, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\') {
            tdm_buf_add_char(out, '\\');
        }
        tdm_buf_add_char(out, *name);
    }
    tdm_buf_add_char(out, '"');
}

/* The name of a group and its colon. */
static void header_group(struct header_fold *fold, const char *group)
{
    struct tdm_buf name;
    enum header_name_style style = header_name_style(group);
    tdm_buf_init(&name, &fold->out->allocator, SIZE_MAX / 4);
    if (style == HEADER_NAME_ENCODED) {
        header_encoded(fold, " ", 1, group, strlen(group));
    } else {
        header_plain_name(&name, group, style);
        header_piece(fold, " ", 1, tdm_buf_text(&name), name.length);
    }
    tdm_buf_add_char(fold->out, ':');
    fold->column++;
    fold->out->failed |= name.failed;
    tdm_buf_clear(&name);
}

/* A mailbox, with a comma behind it where another follows. It begins a line of its own where it
 * would fit there and does not fit here. */
static void header_mailbox(struct header_fold *fold, const struct tdm_mailbox *mailbox,
                           int is_first, int more_follow)
{
    struct tdm_buf name;
    struct tdm_buf address;
    tdm_buf_init(&name, &fold->out->allocator, SIZE_MAX / 4);
    tdm_buf_init(&address, &fold->out->allocator, SIZE_MAX / 4);
    if (mailbox->group != NULL) {
        header_group(fold, mailbox->group);
    }
    tdm_buf_addf(&address, mailbox->name != NULL ? "<%s>%s%s" : "%s%s%s", mailbox->spec,
                 mailbox->ends_group ? ";" : "", more_follow ? "," : "");
    const char *blanks = " ";
    if (mailbox->name != NULL) {
        enum header_name_style style = header_name_style(mailbox->name);
        size_t length = strlen(mailbox->name);
        if (style == HEADER_NAME_ENCODED) {
            header_encoded(fold, blanks, 1, mailbox->name, length);
        } else {
            header_plain_name(&name, mailbox->name, style);
            const char *text = tdm_buf_text(&name);
            size_t whole = 1 + name.length + 1 + address.length;
            if (!is_first && fold->column + whole > HEADER_FOLD_AT && whole <= HEADER_FOLD_AT) {
                tdm_buf_add(fold->out, "\r\n", 2);
                fold->column = 0;
            }
            while (style == HEADER_NAME_ATOMS && text[header_span(text, 0)] != '\0') {
                size_t word = header_span(text, 0);
                header_piece(fold, " ", 1, text, word);
                text += word + 1;
            }
            header_piece(fold, " ", 1, text, strlen(text));
        }
    }
    header_piece(fold, " ", 1, tdm_buf_text(&address), address.length);
    fold->out->failed |= name.failed | address.failed;
    tdm_buf_clear(&name);
    tdm_buf_clear(&address);
}

void tdm_header_add_mailbox(struct tdm_buf *out, const char *name,
                            const struct tdm_mailbox *mailbox)
{
    struct header_fold fold;
    header_begin(&fold, out, name);
    header_mailbox(&fold, mailbox, 1, 0);
    header_end(&fold);
}

void tdm_header_add_mailboxes(struct tdm_buf *out, const char *name,
                              const struct tdm_mailbox_list *list)
{
    struct header_fold fold;
    if (list->count == 0) {
        return;
    }
    header_begin(&fold, out, name);
    for (size_t i = 0; i < list->count; i++) {
        header_mailbox(&fold, &list->items[i], i == 0, i + 1 < list->count);
    }
    header_end(&fold);
}
