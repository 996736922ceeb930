/* parameter.c: see parameter.h. Each parameter, and each section of one (RFC 2231 3), is a piece
 * that is not broken. */
#include "message/parameter.h"

#include <string.h>

#include "message/encoded_word.h"
#include "util/str.h"
#include "util/utf8.h"

#define PARAMETER_FOLD_AT 76
#define PARAMETER_TYPE_MAX 127   /* of each half of a media type (RFC 6838 4.2) */
#define PARAMETER_TEXT_MAX 65536 /* of a whole field */
#define PARAMETER_ROOM_MIN 12    /* what a section holds at least: one character */

/* token (RFC 2045 5.1) */
static int parameter_is_token(char c)
{
    return c > ' ' && c <= '~' && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static size_t parameter_token(const char *text)
{
    size_t length = 0;
    while (parameter_is_token(text[length])) {
        length++;
    }
    return length;
}

struct parameter_fold {
    struct tdm_buf *out;
    size_t column;
};

/* "; " or ";", a line end and " ", then the piece; a ";" may stand behind it. */
static void parameter_piece(struct parameter_fold *fold, const struct tdm_buf *piece)
{
    tdm_buf_add_char(fold->out, ';');
    fold->column++;
    if (fold->column + 1 + piece->length + 1 > PARAMETER_FOLD_AT) {
        tdm_buf_add(fold->out, "\r\n", 2);
        fold->column = 0;
    }
    tdm_buf_add_char(fold->out, ' ');
    tdm_buf_add(fold->out, tdm_buf_text(piece), piece->length);
    fold->column += 1 + piece->length;
    fold->out->failed |= piece->failed;
}

/* The value as a token or a quoted string (also where it has one of '*%, tokens that readers of RFC
 * 2231 stumble over); 0 where it can be neither: what is not ASCII, and "=?",
 * which some readers take for an encoded-word. */
static int parameter_plain(struct tdm_buf *piece, const struct tdm_parameter *parameter)
{
    const char *value = parameter->value;
    size_t length = strlen(value);
    if (tdm_has_8bit(value, length) || tdm_find_control(value, length) < length ||
        strstr(value, "=?") != NULL) {
        return 0;
    }
    tdm_buf_addf(piece, "%s=", parameter->name);
    if (length > 0 && parameter_token(value) == length && strpbrk(value, "'*%") == NULL) {
        tdm_buf_add(piece, value, length);
    } else {
        tdm_buf_add_char(piece, '"');
        for (; *value != '\0'; value++) {
            if (*value == '"' || *value == '\\') {
                tdm_buf_add_char(piece, '\\');
            }
            tdm_buf_add_char(piece, *value);
        }
        tdm_buf_add_char(piece, '"');
    }
    return 1 + piece->length + 1 <= PARAMETER_FOLD_AT ||
           tdm_equal_nocase(parameter->name, "boundary");
}

/* attribute-char (RFC 2231 7), of which those are taken that RFC 8187 3.2.1 takes too. */
static int parameter_is_attribute_char(char c)
{
    return c != '\0' && (tdm_is_alnum(c) || strchr("!#$&+-.^_`{|}~", c) != NULL);
}

static size_t parameter_percent_cost(const char *text, size_t length)
{
    size_t cost = 0;
    for (size_t i = 0; i < length; i++) {
        cost += parameter_is_attribute_char(text[i]) ? 1 : 3;
    }
    return cost;
}

static void parameter_add_percent(struct tdm_buf *piece, const char *text, size_t length)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (parameter_is_attribute_char(text[i])) {
            tdm_buf_add_char(piece, text[i]);
        } else {
            tdm_buf_add(piece, escape, 3);
        }
    }
}

/* name*=utf-8''..., or name*0*=utf-8''... and so on (RFC 2231 3 and 4). */
static void parameter_extended(struct parameter_fold *fold, struct tdm_buf *piece,
                               const struct tdm_parameter *parameter)
{
    const char *value = parameter->value;
    size_t left = strlen(value);
    size_t frame = 1 + strlen(parameter->name) + strlen("*=utf-8''") + 1;
    tdm_buf_reset(piece);
    if (frame + parameter_percent_cost(value, left) <= PARAMETER_FOLD_AT) {
        tdm_buf_addf(piece, "%s*=utf-8''", parameter->name);
        parameter_add_percent(piece, value, left);
        parameter_piece(fold, piece);
        return;
    }
    for (size_t section = 0; left > 0; section++) {
        tdm_buf_reset(piece);
        tdm_buf_addf(piece, "%s*%z*=%s", parameter->name, section, section == 0 ? "utf-8''" : "");
        size_t used = 1 + piece->length + 1;
        size_t room = used + PARAMETER_ROOM_MIN < PARAMETER_FOLD_AT ? PARAMETER_FOLD_AT - used
                                                                    : PARAMETER_ROOM_MIN;
        size_t taken = 0;
        size_t cost = 0;
        while (taken < left) {
            size_t step = tdm_utf8_sequence(value + taken, left - taken);
            step = step > 0 ? step : 1;
            cost += parameter_percent_cost(value + taken, step);
            if (cost > room) {
                break;
            }
            taken += step;
        }
        parameter_add_percent(piece, value, taken);
        parameter_piece(fold, piece);
        value += taken;
        left -= taken;
    }
}

/* name="=?utf-8?Q?...?=": against RFC 2047 5(3), and what readers understand that know no RFC 2231.
 * Where it takes several encoded-words, each stands on its line. */
static void parameter_compatible(struct parameter_fold *fold, struct tdm_buf *piece,
                                 const struct tdm_parameter *parameter)
{
    const char *value = parameter->value;
    size_t left = strlen(value);
    int use_q = tdm_encoded_word_prefers_q(value, left);
    size_t blank = 0; /* where the last word begins its line */
    tdm_buf_reset(piece);
    tdm_buf_addf(piece, "%s=\"", parameter->name);
    while (left > 0) {
        size_t used = 1 + (piece->length - blank) + TDM_ENCODED_WORD_FRAME + 2;
        size_t room = used + PARAMETER_ROOM_MIN < PARAMETER_FOLD_AT ? PARAMETER_FOLD_AT - used
                                                                    : PARAMETER_ROOM_MIN;
        size_t taken = tdm_encoded_word_fitting(value, left, room, use_q);
        tdm_encoded_word_add(piece, value, taken, use_q);
        value += taken;
        left -= taken;
        if (left > 0) {
            tdm_buf_add(piece, "\r\n ", 3);
            blank = piece->length;
        }
    }
    tdm_buf_add_char(piece, '"');
    parameter_piece(fold, piece);
    fold->column = blank > 0 ? 1 + piece->length - blank : fold->column;
}

void tdm_header_add_parameters(struct tdm_buf *out, const char *name, const char *value,
                               const struct tdm_parameter *parameters, size_t count)
{
    struct parameter_fold fold = {out, strlen(name) + 2 + strlen(value)};
    struct tdm_buf piece;
    tdm_buf_init(&piece, &out->allocator, SIZE_MAX / 4);
    tdm_buf_addf(out, "%s: %s", name, value);
    for (size_t i = 0; i < count; i++) {
        if (parameters[i].value == NULL) {
            continue;
        }
        tdm_buf_reset(&piece);
        if (parameter_plain(&piece, &parameters[i])) {
            parameter_piece(&fold, &piece);
            continue;
        }
        if (parameters[i].compatible != 2) {
            parameter_extended(&fold, &piece, &parameters[i]);
        }
        if (parameters[i].compatible != 0) {
            parameter_compatible(&fold, &piece, &parameters[i]);
        }
    }
    tdm_buf_clear(&piece);
    tdm_buf_add(out, "\r\n", 2);
}

struct parameter_cursor {
    const tidymail_allocator *allocator;
    const char *text;
    size_t at;
    struct tdm_parameter_error *error;
};

static int parameter_fail(struct parameter_cursor *cursor, size_t offset, const char *reason)
{
    cursor->error->offset = offset;
    cursor->error->reason = reason;
    return -1;
}

static void parameter_skip(struct parameter_cursor *cursor)
{
    while (tdm_is_space(cursor->text[cursor->at])) {
        cursor->at++;
    }
}

static char *parameter_lower(struct parameter_cursor *cursor, size_t start)
{
    char *copy = tdm_strndup(cursor->allocator, cursor->text + start, cursor->at - start);
    for (size_t i = 0; copy != NULL && copy[i] != '\0'; i++) {
        copy[i] = tdm_lower(copy[i]);
    }
    return copy;
}

/* type "/" subtype; a subtype may hold what a token holds (RFC 2045 5.1). */
static int parameter_read_type(struct parameter_cursor *cursor, struct tdm_content_type *type)
{
    parameter_skip(cursor);
    size_t start = cursor->at;
    size_t length = parameter_token(cursor->text + start);
    cursor->at += length;
    if (length == 0 || cursor->text[cursor->at] != '/') {
        return parameter_fail(cursor, cursor->at, "a type is written type/subtype");
    }
    cursor->at++;
    size_t subtype = parameter_token(cursor->text + cursor->at);
    if (subtype == 0) {
        return parameter_fail(cursor, cursor->at, "the subtype behind / is missing");
    }
    if (length > PARAMETER_TYPE_MAX || subtype > PARAMETER_TYPE_MAX) {
        return parameter_fail(cursor, start, "half of the type is longer than 127 bytes");
    }
    cursor->at += subtype;
    type->type = parameter_lower(cursor, start);
    return type->type != NULL ? 0 : parameter_fail(cursor, start, NULL);
}

static int parameter_read_quoted(struct parameter_cursor *cursor, struct tdm_buf *value)
{
    size_t opened = cursor->at++;
    for (;;) {
        char c = cursor->text[cursor->at];
        if (c == '"') {
            cursor->at++;
            return 0;
        }
        if (c == '\\' && cursor->text[cursor->at + 1] != '\0') {
            c = cursor->text[++cursor->at];
        }
        if (c == '\0') {
            return parameter_fail(cursor, opened, "a quotation mark is not closed");
        }
        tdm_buf_add_char(value, c);
        cursor->at++;
    }
}

/* A quoted string or a token, in which UTF-8 is taken too: what is written has it encoded. */
static int parameter_read_value(struct parameter_cursor *cursor, char **copy)
{
    struct tdm_buf value;
    size_t start = cursor->at;
    int result = 0;
    tdm_buf_init(&value, cursor->allocator, PARAMETER_TEXT_MAX);
    if (cursor->text[start] == '"') {
        result = parameter_read_quoted(cursor, &value);
    } else {
        while (parameter_is_token(cursor->text[cursor->at]) ||
               (unsigned char)cursor->text[cursor->at] >= 0x80) {
            cursor->at++;
        }
        tdm_buf_add(&value, cursor->text + start, cursor->at - start);
        if (cursor->at == start) {
            char c = cursor->text[start];
            result = parameter_fail(cursor, start,
                                    c == '\0' || c == ';'
                                        ? "the value of a parameter is missing"
                                        : "a character that must stand in quotation marks");
        }
    }
    if (result == 0) {
        *copy = tdm_strndup(cursor->allocator, tdm_buf_text(&value), value.length);
        result = *copy == NULL || value.failed ? parameter_fail(cursor, start, NULL) : 0;
    }
    tdm_buf_clear(&value);
    return result;
}

/* name "=" value; the type has room for it. */
static int parameter_read(struct parameter_cursor *cursor, struct tdm_content_type *type)
{
    size_t start = cursor->at;
    cursor->at += parameter_token(cursor->text + start);
    size_t length = cursor->at - start;
    const char *star = memchr(cursor->text + start, '*', length);
    if (length == 0) {
        return parameter_fail(cursor, start, "the name of a parameter is expected here");
    }
    if (star != NULL) {
        /* RFC 2231 is written where it is needed: a caller's own would be encoded twice. */
        return parameter_fail(cursor, (size_t)(star - cursor->text),
                              "a parameter is named without *, its value is encoded if needed");
    }
    if (length > TDM_PARAMETER_NAME_MAX) {
        return parameter_fail(cursor, start, "the name of a parameter is longer than 60 bytes");
    }
    for (size_t i = 0; i < type->count; i++) {
        if (tdm_equal_nocase_n(cursor->text + start, length, type->names[i])) {
            return parameter_fail(cursor, start, "this parameter was given before");
        }
    }
    type->names[type->count] = parameter_lower(cursor, start);
    if (type->names[type->count++] == NULL) {
        return parameter_fail(cursor, start, NULL);
    }
    parameter_skip(cursor);
    if (cursor->text[cursor->at] != '=') {
        return parameter_fail(cursor, cursor->at, "= is expected behind the name of a parameter");
    }
    cursor->at++;
    parameter_skip(cursor);
    return parameter_read_value(cursor, &type->values[type->count - 1]);
}

static int parameter_read_all(struct parameter_cursor *cursor, struct tdm_content_type *type)
{
    for (;;) {
        parameter_skip(cursor);
        char c = cursor->text[cursor->at];
        if (c == '\0') {
            return 0;
        }
        if (c != ';') {
            return parameter_fail(cursor, cursor->at, "; is expected in front of a parameter");
        }
        cursor->at++;
        parameter_skip(cursor);
        c = cursor->text[cursor->at];
        if (c != '\0' && c != ';' && parameter_read(cursor, type) != 0) {
            return -1;
        }
    }
}

int tdm_content_type_parse(const tidymail_allocator *allocator, const char *text,
                           struct tdm_content_type *type, struct tdm_parameter_error *error)
{
    struct parameter_cursor cursor = {allocator, text, 0, error};
    size_t length = strlen(text);
    size_t control = tdm_find_control(text, length);
    size_t invalid = tdm_utf8_find_invalid(text, length);
    size_t most = 0;
    memset(type, 0, sizeof(*type));
    if (length > PARAMETER_TEXT_MAX) {
        return parameter_fail(&cursor, PARAMETER_TEXT_MAX, "longer than 65536 bytes");
    }
    if (control < length && control < invalid) {
        return parameter_fail(&cursor, control, "control character");
    }
    if (invalid < length) {
        return parameter_fail(&cursor, invalid, "invalid UTF-8");
    }
    for (size_t i = 0; i < length; i++) {
        most += text[i] == ';';
    }
    int result = parameter_read_type(&cursor, type);
    if (result == 0 && most > 0) {
        type->names = tdm_alloc_array(allocator, most, sizeof(*type->names));
        type->values = tdm_alloc_array(allocator, most, sizeof(*type->values));
        if (type->names == NULL || type->values == NULL) {
            result = parameter_fail(&cursor, 0, NULL);
        }
    }
    result = result == 0 ? parameter_read_all(&cursor, type) : result;
    if (result != 0) {
        tdm_content_type_clear(allocator, type);
    }
    return result;
}

void tdm_content_type_clear(const tidymail_allocator *allocator, struct tdm_content_type *type)
{
    for (size_t i = 0; i < type->count; i++) {
        tdm_free(allocator, type->names[i]);
        tdm_free(allocator, type->values[i]);
    }
    tdm_free(allocator, type->names);
    tdm_free(allocator, type->values);
    tdm_free(allocator, type->type);
    memset(type, 0, sizeof(*type));
}
