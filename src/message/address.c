/* address.c: see address.h. A cursor walks the text once; what stands in front of an "@" or a "<"
 * is collected as words, since only that byte tells a display name from a local part. */
#include "message/address.h"

#include <idn2.h>
#include <string.h>

#include "message/ip_literal.h"
#include "util/buf.h"
#include "util/str.h"
#include "util/utf8.h"

#define ADDRESS_TEXT_MAX 65536

/* The cursor came to the ":" of a group, not to a mailbox. */
#define ADDRESS_GROUP 1

struct address_cursor {
    const tidymail_allocator *allocator;
    const char *text;
    size_t length;
    size_t at;
    int in_list;
    int flags;
    struct tdm_address_error *error;
};

static int address_fail(struct address_cursor *cursor, size_t offset, const char *reason)
{
    cursor->error->offset = offset;
    cursor->error->reason = reason;
    return -1;
}

/* The byte under the cursor, NUL at the end. */
static char address_peek(const struct address_cursor *cursor)
{
    return cursor->at < cursor->length ? cursor->text[cursor->at] : '\0';
}

int tdm_is_atext(char c)
{
    if ((unsigned char)c >= 0x80) {
        return 1; /* RFC 6532 3.2 */
    }
    return c != '\0' && (tdm_is_alnum(c) || strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Past blanks and comments (RFC 5322 3.2.2), which nest. */
static int address_skip(struct address_cursor *cursor)
{
    size_t depth = 0;
    size_t opened = 0;
    while (cursor->at < cursor->length) {
        char c = cursor->text[cursor->at];
        if (c == '(') {
            opened = depth == 0 ? cursor->at : opened;
            depth++;
        } else if (c == ')' && depth > 0) {
            depth--;
        } else if (c == '\\' && depth > 0) {
            cursor->at++;
        } else if (depth == 0 && !tdm_is_space(c)) {
            return 0;
        }
        cursor->at++;
    }
    cursor->at = cursor->length;
    return depth > 0 ? address_fail(cursor, opened, "a comment is not closed") : 0;
}

/* A quoted string (RFC 5322 3.2.4); its content is appended without quotes and backslashes. */
static int address_quoted(struct address_cursor *cursor, struct tdm_buf *out)
{
    size_t opened = cursor->at++;
    while (cursor->at < cursor->length) {
        char c = cursor->text[cursor->at++];
        if (c == '"') {
            return 0;
        }
        if (c == '\\' && cursor->at < cursor->length) {
            c = cursor->text[cursor->at++];
        }
        if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f) {
            return address_fail(cursor, cursor->at - 1, "control character");
        }
        tdm_buf_add_char(out, c);
    }
    return address_fail(cursor, opened, "a quotation mark is not closed");
}

/* Length of the encoded-word under the cursor (RFC 2047), 0: none. What old software writes into
 * one ("," for instance) would end an atom. */
static size_t address_encoded_word(const struct address_cursor *cursor)
{
    const char *start = cursor->text + cursor->at;
    size_t left = cursor->length - cursor->at;
    if (!cursor->in_list || left < 2 || start[0] != '=' || start[1] != '?') {
        return 0;
    }
    int marks = 1;
    for (size_t i = 2; i + 1 < left && !tdm_is_space(start[i]); i++) {
        if (start[i] == '?' && ++marks >= 4 && start[i + 1] == '=') {
            return i + 2;
        }
    }
    return 0;
}

/* Past a run of atoms and dots. */
static void address_dot_atom(struct address_cursor *cursor)
{
    while (tdm_is_atext(address_peek(cursor)) || address_peek(cursor) == '.') {
        cursor->at++;
    }
}

/* Where dots stand in a dot-atom (RFC 5322 3.2.3): between atoms, one at a time. */
static int address_check_dots(struct address_cursor *cursor, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++) {
        if (cursor->text[i] != '.') {
            continue;
        }
        if (i == start) {
            return address_fail(cursor, i, "the part in front of @ begins with a dot");
        }
        if (i + 1 == end) {
            return address_fail(cursor, i, "the part in front of @ ends with a dot");
        }
        if (cursor->text[i + 1] == '.') {
            return address_fail(cursor, i + 1, "two dots in a row");
        }
    }
    return 0;
}

/* 1 where the content of a quoted local part needs no quotes. RFC 5322 3.4.1 prefers the dot-atom. */
static int address_is_dot_atom(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int inner = i > 0 && i + 1 < length && text[i + 1] != '.';
        if (!tdm_is_atext(text[i]) && !(text[i] == '.' && inner)) {
            return 0;
        }
    }
    return length > 0;
}

static void address_add_quoted(struct tdm_buf *out, const char *text, size_t length)
{
    tdm_buf_add_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            tdm_buf_add_char(out, '\\');
        }
        tdm_buf_add_char(out, text[i]);
    }
    tdm_buf_add_char(out, '"');
}

static int address_quoted_local_part(struct address_cursor *cursor, struct tdm_buf *spec)
{
    struct tdm_buf content;
    tdm_buf_init(&content, cursor->allocator, ADDRESS_TEXT_MAX);
    int result = address_quoted(cursor, &content);
    if (result == 0) {
        const char *text = tdm_buf_text(&content);
        if (address_is_dot_atom(text, content.length)) {
            tdm_buf_add(spec, text, content.length);
        } else {
            address_add_quoted(spec, text, content.length);
        }
    }
    spec->failed |= content.failed;
    tdm_buf_clear(&content);
    return result;
}

static int address_local_part(struct address_cursor *cursor, struct tdm_buf *spec)
{
    size_t start = cursor->at;
    if (address_peek(cursor) == '"') {
        if (address_quoted_local_part(cursor, spec) != 0) {
            return -1;
        }
    } else {
        const char *text = cursor->text + start;
        address_dot_atom(cursor);
        size_t length = cursor->at - start;
        if (length > 0 && (cursor->flags & TDM_ADDRESS_LENIENT) != 0 &&
            !address_is_dot_atom(text, length)) {
            address_add_quoted(spec, text, length);
        } else if (address_check_dots(cursor, start, cursor->at) != 0) {
            return -1;
        } else {
            tdm_buf_add(spec, text, length);
        }
    }
    if (cursor->at == start) {
        return address_fail(cursor, start,
                            address_peek(cursor) == '@' ? "nothing stands in front of @"
                            : cursor->at == cursor->length || address_peek(cursor) == '>'
                                ? "the address is empty"
                                : "a character that an address cannot hold here");
    }
    if (spec->length > TDM_LOCAL_PART_MAX) {
        return address_fail(cursor, start, "the part in front of @ is longer than 64 bytes");
    }
    size_t invalid = tdm_utf8_find_invalid(tdm_buf_text(spec), spec->length);
    return invalid < spec->length ? address_fail(cursor, start, "invalid UTF-8") : 0;
}

/* A domain literal (RFC 5322 3.4.1): an IP address in brackets. */
static int address_domain_literal(struct address_cursor *cursor, struct tdm_buf *spec)
{
    size_t start = cursor->at;
    const char *end = memchr(cursor->text + start, ']', cursor->length - start);
    if (end == NULL) {
        return address_fail(cursor, start, "a bracket is not closed");
    }
    size_t length = (size_t)(end - cursor->text) + 1 - start;
    if (!tdm_is_ip_literal(cursor->text + start + 1, length - 2)) {
        return address_fail(cursor, start + 1, "what stands in brackets is no IP address");
    }
    cursor->at += length;
    tdm_buf_add(spec, cursor->text + start, length);
    return 0;
}

/* Labels of a domain in ASCII (RFC 5321 4.1.2, with the underscore that is seen in practice);
 * `start` is where the domain stands in the text, and offsets count from there. */
static int address_check_domain(struct address_cursor *cursor, size_t start, const char *domain)
{
    size_t length = strlen(domain);
    size_t label = 0;
    for (size_t i = 0; i <= length; i++) {
        char c = domain[i];
        if (c != '.' && c != '\0') {
            if (!tdm_is_alnum(c) && c != '-' && c != '_') {
                return address_fail(cursor, start + i, "a character that a domain cannot hold");
            }
            continue;
        }
        if (i == label) {
            return address_fail(cursor, start + i,
                                i == length && length > 0 ? "the domain ends with a dot"
                                : i == 0                  ? "the domain begins with a dot"
                                                          : "two dots in a row");
        }
        if (domain[label] == '-' || domain[i - 1] == '-') {
            return address_fail(cursor, start + (domain[label] == '-' ? label : i - 1),
                                "a hyphen at the edge of a part of the domain");
        }
        if (i - label > 63) {
            return address_fail(cursor, start + label,
                                "a part of the domain is longer than 63 bytes");
        }
        label = i + 1;
    }
    return 0;
}

/* A domain in UTF-8 to A-labels (RFC 5891, UTS 46). */
static int address_idn_domain(struct address_cursor *cursor, size_t start, const char *domain,
                              struct tdm_buf *spec)
{
    for (size_t i = 0; domain[i] != '\0'; i++) {
        char c = domain[i];
        if ((unsigned char)c < 0x80 && !tdm_is_alnum(c) && strchr(".-_", c) == NULL) {
            return address_fail(cursor, start + i, "a character that a domain cannot hold");
        }
    }
    uint8_t *ascii = NULL;
    int code =
        idn2_lookup_u8((const uint8_t *)domain, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code == IDN2_MALLOC) {
        return address_fail(cursor, start, NULL);
    }
    if (code != IDN2_OK) {
        return address_fail(cursor, start, "the domain is not a valid internationalized name");
    }
    int result = address_check_domain(cursor, start, (const char *)ascii);
    if (result != 0) {
        cursor->error->offset = start; /* places in the A-labels mean nothing to the caller */
    } else {
        tdm_buf_add_str(spec, (const char *)ascii);
    }
    idn2_free(ascii);
    return result;
}

static int address_domain(struct address_cursor *cursor, struct tdm_buf *spec)
{
    size_t start = cursor->at;
    if (address_peek(cursor) == '[') {
        return address_domain_literal(cursor, spec);
    }
    address_dot_atom(cursor);
    if (cursor->at == start) {
        return address_fail(cursor, start, "the domain behind @ is missing");
    }
    char *domain = tdm_strndup(cursor->allocator, cursor->text + start, cursor->at - start);
    if (domain == NULL) {
        return address_fail(cursor, start, NULL);
    }
    int result;
    if (tdm_has_8bit(domain, cursor->at - start)) {
        result = address_idn_domain(cursor, start, domain, spec);
    } else {
        result = address_check_domain(cursor, start, domain);
        tdm_buf_add_str(spec, domain);
    }
    tdm_free(cursor->allocator, domain);
    return result;
}

/* addr-spec (RFC 5322 3.4.1). Blanks and comments around the "@" are understood, not kept. */
static int address_spec(struct address_cursor *cursor, struct tdm_mailbox *mailbox)
{
    struct tdm_buf spec;
    size_t start = cursor->at;
    tdm_buf_init(&spec, cursor->allocator, ADDRESS_TEXT_MAX);
    int result = address_local_part(cursor, &spec);
    mailbox->utf8 = tdm_has_8bit(tdm_buf_text(&spec), spec.length);
    if (result == 0) {
        result = address_skip(cursor);
    }
    if (result == 0 && address_peek(cursor) != '@') {
        int ended = cursor->at == cursor->length || strchr(">,;", address_peek(cursor)) != NULL;
        result = address_fail(cursor, cursor->at,
                              ended ? "@ and a domain are missing"
                                    : "a character that must be quoted in front of @");
    }
    if (result == 0) {
        cursor->at++;
        tdm_buf_add_char(&spec, '@');
        result = address_skip(cursor);
    }
    if (result == 0) {
        result = address_domain(cursor, &spec);
    }
    if (result == 0 && spec.length > TDM_ADDRESS_MAX) {
        result = address_fail(cursor, start, "the address is longer than 254 bytes");
    }
    if (result == 0) {
        mailbox->spec = tdm_strndup(cursor->allocator, tdm_buf_text(&spec), spec.length);
        if (spec.failed || mailbox->spec == NULL) {
            result = address_fail(cursor, cursor->at, NULL);
        }
    }
    tdm_buf_clear(&spec);
    return result;
}

static int address_angle(struct address_cursor *cursor, struct tdm_mailbox *mailbox)
{
    size_t opened = cursor->at++;
    if (address_skip(cursor) != 0 || address_spec(cursor, mailbox) != 0 ||
        address_skip(cursor) != 0) {
        return -1;
    }
    if (address_peek(cursor) != '>') {
        return cursor->at == cursor->length
                   ? address_fail(cursor, opened, "< is not closed by >")
                   : address_fail(cursor, cursor->at, "> is expected here");
    }
    cursor->at++;
    return 0;
}

/* The comment behind an address that stands alone, without its parentheses, as its name: "ann@example.org
 * (Ann)" (RFC 5322 A.6.1 knows the habit). */
static void address_comment_name(struct address_cursor *cursor, struct tdm_buf *name)
{
    size_t at = cursor->at;
    size_t depth = 1;
    while (tdm_is_space(cursor->text[at])) {
        at++;
    }
    if (cursor->text[at] != '(') {
        return;
    }
    for (at++; at < cursor->length; at++) {
        char c = cursor->text[at];
        if (c == '\\' && at + 1 < cursor->length) {
            c = cursor->text[++at];
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && --depth == 0) {
            break;
        }
        if (name->length > 0 || !tdm_is_space(c)) {
            tdm_buf_add_char(name, c);
        }
    }
    if (depth > 0 || tdm_utf8_find_invalid(tdm_buf_text(name), name->length) < name->length) {
        tdm_buf_reset(name); /* not closed: address_skip says so */
    }
    while (name->length > 0 && tdm_is_space(name->data[name->length - 1])) {
        name->data[--name->length] = '\0';
    }
}

/* One word of a phrase (atoms, which old software joins by dots, or a quoted string). */
static int address_word(struct address_cursor *cursor, struct tdm_buf *name)
{
    if (address_peek(cursor) == '"') {
        return address_quoted(cursor, name);
    }
    size_t start = cursor->at;
    size_t encoded = address_encoded_word(cursor);
    if (encoded > 0) {
        cursor->at += encoded;
    } else {
        address_dot_atom(cursor);
    }
    if (cursor->at == start) {
        char c = address_peek(cursor);
        return address_fail(cursor, start,
                            (unsigned char)c < 0x20 || c == 0x7f
                                ? "control character"
                                : "a character that must stand in quotation marks");
    }
    tdm_buf_add(name, cursor->text + start, cursor->at - start);
    return 0;
}

static int address_ended(struct address_cursor *cursor, size_t words)
{
    char c = address_peek(cursor);
    if (words > 0) {
        return address_fail(cursor, cursor->at, "@ and a domain are missing");
    }
    return address_fail(cursor, cursor->at,
                        c == '\0' ? "the address is empty" : "an address is expected here");
}

/* A mailbox from the cursor on. ADDRESS_GROUP where a ":" comes first. */
static int address_mailbox(struct address_cursor *cursor, struct tdm_mailbox *mailbox,
                           struct tdm_buf *name)
{
    size_t first = 0;
    size_t second = 0;
    size_t end = 0;
    for (size_t words = 0;; words++) {
        if (address_skip(cursor) != 0) {
            return -1;
        }
        char c = address_peek(cursor);
        if (c == '<') {
            return address_angle(cursor, mailbox);
        }
        if (c == '@' && words > 1) {
            return address_fail(cursor, second, "a name in front needs < > around the address");
        }
        if (c == '@') {
            cursor->at = words > 0 ? first : cursor->at;
            tdm_buf_drop(name, name->length);
            if (address_spec(cursor, mailbox) != 0) {
                return -1;
            }
            address_comment_name(cursor, name);
            return 0;
        }
        if (c == ':' && cursor->in_list) {
            cursor->at++;
            return ADDRESS_GROUP;
        }
        if (c == ':') {
            return address_fail(cursor, cursor->at, "a group is not an address");
        }
        if (c == '\0' || c == ',' || c == ';') {
            return cursor->in_list || c == '\0' || words == 0
                       ? address_ended(cursor, words)
                       : address_fail(cursor, cursor->at,
                                      "this is a list, or a name that must be quoted");
        }
        first = words == 0 ? cursor->at : first;
        second = words == 1 ? cursor->at : second;
        if (words > 0 && cursor->at > end) {
            tdm_buf_add_char(name, ' ');
        }
        if (address_word(cursor, name) != 0) {
            return -1;
        }
        end = cursor->at;
    }
}

int tdm_mailbox_parse(const tidymail_allocator *allocator, const char *text, int flags,
                      struct tdm_mailbox *mailbox, struct tdm_address_error *error)
{
    struct address_cursor cursor = {allocator, text, strlen(text), 0, 0, flags, error};
    struct tdm_mailbox parsed = {NULL, NULL, 0, NULL, 0};
    struct tdm_buf name;
    tdm_buf_init(&name, allocator, ADDRESS_TEXT_MAX);
    int result = address_mailbox(&cursor, &parsed, &name);
    if (result == 0) {
        result = address_skip(&cursor);
    }
    if (result == 0 && cursor.at < cursor.length) {
        char c = address_peek(&cursor);
        result = address_fail(&cursor, cursor.at,
                              c == ',' || c == ';' ? "this is a list, call once for each address"
                                                   : "nothing may stand behind the address");
    }
    if (result == 0 && name.length > 0) {
        parsed.name = tdm_strndup(allocator, tdm_buf_text(&name), name.length);
        result = parsed.name == NULL ? address_fail(&cursor, 0, NULL) : 0;
    }
    if (result == 0 && name.failed) {
        result = address_fail(&cursor, 0, NULL);
    }
    tdm_buf_clear(&name);
    if (result != 0) {
        tdm_mailbox_clear(allocator, &parsed);
        return -1;
    }
    *mailbox = parsed;
    return 0;
}

/* The group that is being read, and where its first member goes. */
struct address_group {
    int is_open;
    char *name; /* NULL where it is not kept, or stands at its first member already */
    size_t first;
};

static int address_group_open(struct address_cursor *cursor, struct address_group *group,
                              const struct tdm_buf *name, size_t first, size_t offset)
{
    if (group->is_open) {
        return address_fail(cursor, offset, "a group inside a group");
    }
    group->is_open = 1;
    group->first = first;
    if ((cursor->flags & TDM_ADDRESS_NAMES) != 0) {
        group->name = tdm_strndup(cursor->allocator, tdm_buf_text(name), name->length);
        return group->name != NULL ? 0 : address_fail(cursor, offset, NULL);
    }
    return 0;
}

static void address_group_close(struct address_cursor *cursor, struct address_group *group,
                                struct tdm_mailbox_list *list)
{
    if (group->name != NULL && list->count > group->first) {
        list->items[group->first].group = group->name;
        list->items[list->count - 1].ends_group = 1;
    } else {
        tdm_free(cursor->allocator, group->name);
    }
    group->name = NULL;
    group->is_open = 0;
}

/* One member of a list, appended; a group only opens. */
static int address_list_member(struct address_cursor *cursor, struct tdm_mailbox_list *list,
                               struct address_group *group)
{
    struct tdm_mailbox mailbox = {NULL, NULL, 0, NULL, 0};
    struct tdm_buf name;
    size_t start = cursor->at;
    tdm_buf_init(&name, cursor->allocator, ADDRESS_TEXT_MAX);
    int result = address_mailbox(cursor, &mailbox, &name);
    if (result >= 0 && name.failed) {
        result = address_fail(cursor, start, NULL);
    }
    int is_group = result == ADDRESS_GROUP;
    if (is_group) {
        result = address_group_open(cursor, group, &name, list->count, start);
    } else if (result == 0 && name.length > 0 && (cursor->flags & TDM_ADDRESS_NAMES) != 0) {
        mailbox.name = tdm_strndup(cursor->allocator, tdm_buf_text(&name), name.length);
        result = mailbox.name != NULL ? 0 : address_fail(cursor, start, NULL);
    }
    tdm_buf_clear(&name);
    if (is_group) {
        return result;
    }
    if (result == 0) {
        result = address_skip(cursor);
    }
    if (result == 0 && cursor->at < cursor->length && strchr(",;", address_peek(cursor)) == NULL) {
        result = address_fail(cursor, cursor->at, "a comma is expected here");
    }
    if (result == 0 && tdm_mailbox_list_add(cursor->allocator, list, &mailbox) != 0) {
        result = address_fail(cursor, cursor->at, NULL);
    }
    if (result != 0) {
        tdm_mailbox_clear(cursor->allocator, &mailbox);
    }
    return result;
}

static int address_list(struct address_cursor *cursor, struct tdm_mailbox_list *list,
                        struct address_group *group)
{
    for (;;) {
        if (address_skip(cursor) != 0) {
            return -1;
        }
        if (cursor->at == cursor->length) {
            return group->is_open ? address_fail(cursor, cursor->at, "a group is not closed by ;")
                                  : 0;
        }
        char c = address_peek(cursor);
        if (c == ';' && group->is_open) {
            address_group_close(cursor, group, list);
            cursor->at++;
        } else if (c == ',') {
            cursor->at++;
        } else if (address_list_member(cursor, list, group) != 0) {
            return -1;
        }
    }
}

int tdm_mailbox_list_parse(const tidymail_allocator *allocator, const char *text, int flags,
                           struct tdm_mailbox_list *list, struct tdm_address_error *error)
{
    struct address_cursor cursor = {allocator, text, strlen(text), 0, 1, flags, error};
    struct address_group group = {0, NULL, 0};
    int result = address_list(&cursor, list, &group);
    tdm_free(allocator, group.name);
    return result;
}

int tdm_mailbox_group_parse(const tidymail_allocator *allocator, const char *text, int flags,
                            struct tdm_mailbox_list *list, struct tdm_address_error *error)
{
    struct address_cursor cursor = {allocator, text, strlen(text), 0, 1, flags | TDM_ADDRESS_NAMES,
                                    error};
    struct tdm_mailbox none = {NULL, NULL, 0, NULL, 0};
    struct tdm_buf name;
    tdm_buf_init(&name, allocator, ADDRESS_TEXT_MAX);
    error->reason = "";
    int result = address_mailbox(&cursor, &none, &name);
    int failed = name.failed || (result < 0 && error->reason == NULL);
    tdm_buf_clear(&name);
    tdm_mailbox_clear(allocator, &none);
    if (failed) {
        return address_fail(&cursor, 0, NULL);
    }
    if (result != ADDRESS_GROUP) {
        return 1; /* tdm_mailbox_parse says what is wrong with it */
    }
    struct address_group group = {0, NULL, 0};
    size_t count = list->count;
    cursor.at = 0;
    result = address_skip(&cursor);
    result = result == 0 ? address_list_member(&cursor, list, &group) : result;
    while (result == 0 && group.is_open) {
        result = address_skip(&cursor);
        char c = address_peek(&cursor);
        if (result == 0 && cursor.at == cursor.length) {
            result = address_fail(&cursor, cursor.at, "a group is not closed by ;");
        } else if (result == 0 && (c == ',' || c == ';')) {
            if (c == ';') {
                address_group_close(&cursor, &group, list);
            }
            cursor.at++;
        } else if (result == 0) {
            result = address_list_member(&cursor, list, &group);
        }
    }
    tdm_free(allocator, group.name);
    result = result == 0 ? address_skip(&cursor) : result;
    if (result == 0 && cursor.at < cursor.length) {
        result = address_fail(&cursor, cursor.at, "nothing may stand behind the group");
    }
    if (result == 0 && list->count == count) {
        result = address_fail(&cursor, cursor.at, "a group without members has nobody to send to");
    }
    while (result != 0 && list->count > count) {
        tdm_mailbox_clear(allocator, &list->items[--list->count]);
    }
    return result;
}

void tdm_mailbox_clear(const tidymail_allocator *allocator, struct tdm_mailbox *mailbox)
{
    tdm_free(allocator, mailbox->name);
    tdm_free(allocator, mailbox->spec);
    tdm_free(allocator, mailbox->group);
    memset(mailbox, 0, sizeof(*mailbox));
}

int tdm_mailbox_list_add(const tidymail_allocator *allocator, struct tdm_mailbox_list *list,
                         const struct tdm_mailbox *mailbox)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? list->capacity * 2 : 4;
        struct tdm_mailbox *items =
            tdm_resize_array(allocator, list->items, capacity, sizeof(*items));
        if (items == NULL) {
            return -1;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *mailbox;
    return 0;
}

void tdm_mailbox_list_clear(const tidymail_allocator *allocator, struct tdm_mailbox_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        tdm_mailbox_clear(allocator, &list->items[i]);
    }
    tdm_free(allocator, list->items);
    memset(list, 0, sizeof(*list));
}

const char *tdm_mailbox_domain(const char *spec)
{
    const char *at = strrchr(spec, '@');
    return at != NULL ? at + 1 : "";
}
