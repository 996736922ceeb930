/* bulk_template.c: a text is read once into pieces, and put together for each row. */
#include "bulk_template.h"

#include <stdlib.h>
#include <string.h>

#include <tidymail/types.h>

#include "exit_code.h"

/* How the value of one field is written. */
enum template_form {
    FORM_PLAIN,
    FORM_HTML,
    FORM_PHRASE, /* in front of <: quoted where it has to be */
    FORM_QUOTED, /* between quotation marks already */
    FORM_FILE,
    FORM_URL,
    FORM_JSON
};

struct template_piece {
    char *literal; /* text in front of the field; NULL: none */
    size_t literal_length;
    char *name; /* NULL: behind the last field */
    char *instead;
    enum template_form form;
};

struct bulk_template {
    struct template_piece *pieces;
    size_t count;
    char first; /* of the text, 0 where it begins with a field */
    enum bulk_place place;
};

int bulk_template_has_fields(const char *text)
{
    return strstr(text, "{{") != NULL;
}

void bulk_template_free(struct bulk_template *template)
{
    for (size_t i = 0; template != NULL && i < template->count; i++) {
        free(template->pieces[i].literal);
        free(template->pieces[i].name);
        free(template->pieces[i].instead);
    }
    if (template != NULL) {
        free(template->pieces);
        free(template);
    }
}

static enum template_form template_form(const char *text, const char *at, enum bulk_place place)
{
    static const enum template_form forms[] = {FORM_PLAIN, FORM_HTML, FORM_PLAIN,
                                               FORM_FILE,  FORM_URL,  FORM_JSON};
    if (place == BULK_PLACE_URL) {
        return at == text ? FORM_PLAIN : FORM_URL;
    }
    if (place != BULK_PLACE_MAILBOX) {
        return forms[place];
    }
    int quoted = 0;
    int angle = 0;
    for (const char *p = text; p < at; p++) {
        if (quoted && p[0] == '\\') {
            p++;
        } else if (p[0] == '"') {
            quoted = !quoted;
        } else if (!quoted && p[0] == '<') {
            angle = 1;
        }
    }
    return quoted ? FORM_QUOTED : !angle && strchr(at, '<') != NULL ? FORM_PHRASE : FORM_PLAIN;
}

static char *template_trimmed(const char *begin, const char *end)
{
    while (begin < end && (begin[0] == ' ' || begin[0] == '\t')) {
        begin++;
    }
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return strndup(begin, (size_t)(end - begin));
}

static struct template_piece *template_add_piece(struct bulk_template *template,
                                                 struct bulk_text *literal)
{
    struct template_piece *more =
        realloc(template->pieces, (template->count + 1) * sizeof(*template->pieces));
    if (more == NULL || literal->failed) {
        template->pieces = more != NULL ? more : template->pieces;
        return NULL;
    }
    template->pieces = more;
    struct template_piece *piece = &template->pieces[template->count++];
    memset(piece, 0, sizeof(*piece));
    piece->literal = literal->bytes; /* it is the piece's now */
    piece->literal_length = literal->length;
    memset(literal, 0, sizeof(*literal));
    return piece;
}

/* The field at `at`; returns what is behind it, or NULL with the failure. */
static const char *template_add_field(struct bulk_template *template, const char *text,
                                      const char *at, struct bulk_text *literal, const char *where,
                                      struct cli_failure *failure)
{
    int raw = at[2] == '{';
    const char *begin = at + 2 + raw;
    const char *end = strstr(begin, raw ? "}}}" : "}}");
    const char *bar = end != NULL ? memchr(begin, '|', (size_t)(end - begin)) : NULL;
    const char *name_end = bar != NULL ? bar : end;
    size_t offset = (size_t)(at - text);
    if (end == NULL) {
        failure_hint(failure, "\\{{ is two braces that are no field");
        failure_usage(failure, "%s: the field at offset %zu is not closed", where, offset);
        return NULL;
    }
    struct template_piece *piece = template_add_piece(template, literal);
    if (piece != NULL) {
        piece->form = raw && template->place != BULK_PLACE_FILE
                          ? FORM_PLAIN
                          : template_form(text, at, template->place);
        piece->name = template_trimmed(begin, name_end);
        piece->instead = bar != NULL ? strndup(bar + 1, (size_t)(end - bar - 1)) : NULL;
    }
    if (piece == NULL || piece->name == NULL || (bar != NULL && piece->instead == NULL)) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
        return NULL;
    }
    if (piece->name[0] == '\0' || strpbrk(piece->name, "{}\n") != NULL) {
        failure_usage(failure, "%s: the field at offset %zu has %s", where, offset,
                      piece->name[0] == '\0' ? "no name" : "a name with braces or line ends");
        return NULL;
    }
    return end + 2 + raw;
}

struct bulk_template *bulk_template_new(const char *text, enum bulk_place place, const char *where,
                                        struct cli_failure *failure)
{
    struct bulk_template *template = calloc(1, sizeof(*template));
    struct bulk_text literal = {NULL, 0, 0, 0};
    const char *p = text;
    int failed = template == NULL;
    if (!failed) {
        template->place = place;
        template->first = strncmp(text, "{{", 2) == 0 ? '\0' : text[0];
    }
    while (!failed && p[0] != '\0') {
        if (strncmp(p, "\\{{", 3) == 0) {
            bulk_text_put(&literal, "{{");
            p += 3;
        } else if (strncmp(p, "{{", 2) == 0) {
            p = template_add_field(template, text, p, &literal, where, failure);
            failed = p == NULL;
        } else {
            bulk_text_byte(&literal, *p++);
        }
    }
    failed = failed || template_add_piece(template, &literal) == NULL;
    bulk_text_clear(&literal);
    if (failed) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
        bulk_template_free(template);
        return NULL;
    }
    return template;
}

static void template_html(const char *value, struct bulk_text *text)
{
    for (const char *p = value; p[0] != '\0'; p++) {
        switch (p[0]) {
        case '&':
            bulk_text_put(text, "&amp;");
            break;
        case '<':
            bulk_text_put(text, "&lt;");
            break;
        case '>':
            bulk_text_put(text, "&gt;");
            break;
        case '"':
            bulk_text_put(text, "&quot;");
            break;
        case '\'':
            bulk_text_put(text, "&#39;");
            break;
        default:
            bulk_text_byte(text, p[0]);
        }
    }
}

static int template_is_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 128;
}

/* quoted-string, RFC 5322 3.2.4. */
static void template_quoted(const char *value, struct bulk_text *text)
{
    for (const char *p = value; p[0] != '\0'; p++) {
        if (p[0] == '"' || p[0] == '\\') {
            bulk_text_byte(text, '\\');
        }
        bulk_text_byte(text, p[0]);
    }
}

static void template_phrase(const char *value, struct bulk_text *text)
{
    int plain = 1;
    for (const char *p = value; p[0] != '\0' && plain; p++) {
        plain = template_is_word((unsigned char)p[0]) || strchr(" -_'", p[0]) != NULL;
    }
    if (plain) {
        bulk_text_put(text, value);
        return;
    }
    bulk_text_byte(text, '"');
    template_quoted(value, text);
    bulk_text_byte(text, '"');
}

static void template_url(const char *value, struct bulk_text *text)
{
    for (const char *p = value; p[0] != '\0'; p++) {
        unsigned char c = (unsigned char)p[0];
        if ((c < 128 && template_is_word(c)) || strchr("-._~", c) != NULL) {
            bulk_text_byte(text, p[0]);
        } else {
            bulk_text_format(text, "%%%02X", (unsigned int)c);
        }
    }
}

static void template_json(const char *value, struct bulk_text *text)
{
    for (const char *p = value; p[0] != '\0'; p++) {
        unsigned char c = (unsigned char)p[0];
        if (c < 0x20) {
            bulk_text_format(text, "\\u%04x", (unsigned int)c);
        } else {
            if (c == '"' || c == '\\') {
                bulk_text_byte(text, '\\');
            }
            bulk_text_byte(text, p[0]);
        }
    }
}

static void template_file(const char *value, struct bulk_text *text)
{
    for (const char *p = value; p[0] != '\0'; p++) {
        if (p[0] == ';') {
            bulk_text_byte(text, '\\');
        }
        bulk_text_byte(text, p[0]);
    }
}

static void template_write(enum template_form form, const char *value, struct bulk_text *text)
{
    static void (*const writers[])(const char *value, struct bulk_text *text) = {
        NULL,          template_html, template_phrase, template_quoted,
        template_file, template_url,  template_json};
    if (writers[form] != NULL) {
        writers[form](value, text);
    } else {
        bulk_text_put(text, value);
    }
}

static int template_field(const struct template_piece *piece, const struct bulk_row *row,
                          struct bulk_text *text, struct bulk_text *problem)
{
    const struct bulk_field *field = bulk_row_find(row, piece->name);
    const char *value = field != NULL ? field->value : NULL;
    if (field != NULL && value == NULL) {
        bulk_text_format(problem, "the field %s is an object or a list, not text", piece->name);
        return -1;
    }
    if (piece->instead != NULL && (value == NULL || value[0] == '\0')) {
        bulk_text_put(text, piece->instead); /* written by who wrote the text around it */
        return 0;
    }
    if (value == NULL) {
        bulk_text_format(problem, "there is no field %s", piece->name);
        return -1;
    }
    size_t length = strlen(value);
    if (piece->form == FORM_FILE && length > 0 && value[length - 1] == '\\') {
        bulk_text_format(problem, "the field %s ends with a backslash", piece->name);
        return -1;
    }
    template_write(piece->form, value, text);
    return 0;
}

int bulk_template_render(const struct bulk_template *template, const struct bulk_row *row,
                         struct bulk_text *text, struct bulk_text *problem)
{
    size_t start = text->length;
    int result = 0;
    for (size_t i = 0; i < template->count && result == 0; i++) {
        const struct template_piece *piece = &template->pieces[i];
        bulk_text_add(text, piece->literal, piece->literal_length);
        result = piece->name != NULL ? template_field(piece, row, text, problem) : 0;
    }
    if (result == 0 && text->failed) {
        bulk_text_put(problem, "out of memory");
        result = -1;
    }
    /* "-" is standard input and "@" a file: only who writes the command line may ask for them */
    char first = result == 0 && text->length > start ? text->bytes[start] : '\0';
    if (template->first == '\0' && ((template->place == BULK_PLACE_FILE && first == '-') ||
                                    (template->place == BULK_PLACE_JSON && first == '@'))) {
        bulk_text_format(problem, "a value begins with %c", first);
        result = -1;
    }
    return result;
}
