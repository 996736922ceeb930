/* part.c: parts as objects: what they are made of and who owns them. */
#include "message/part_data.h"

#include <string.h>

#include "message/header.h"
#include "util/str.h"
#include "util/utf8.h"

#define PART_NAME_MAX 76 /* of a header field */

static int part_fail(tidymail_part *part, const char *field, const char *reason)
{
    return tdm_error_setf(&part->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE, "%s: %s",
                          field, reason);
}

static int part_fail_at(tidymail_part *part, const char *field, const char *reason, size_t offset)
{
    return tdm_error_setf(&part->error, TIDYMAIL_KIND_MESSAGE, TIDYMAIL_PHASE_PREPARE,
                          "%s: %s at offset %z", field, reason, offset);
}

static int part_fail_memory(tidymail_part *part)
{
    return tdm_error_set(&part->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "out of memory",
                         NULL);
}

void tdm_part_list_add(struct tdm_part_list *list, tidymail_part *part)
{
    part->next = NULL;
    if (list->last != NULL) {
        list->last->next = part;
    } else {
        list->first = part;
    }
    list->last = part;
}

void tdm_part_list_destroy(struct tdm_part_list *list)
{
    while (list->first != NULL) {
        tidymail_part *part = list->first;
        list->first = part->next;
        tdm_part_destroy(part);
    }
    list->last = NULL;
}

void tdm_part_destroy(tidymail_part *part)
{
    if (part == NULL) {
        return;
    }
    tidymail_allocator allocator = part->allocator;
    tdm_part_list_destroy(&part->children);
    tdm_part_list_destroy(&part->refused);
    tdm_error_clear(&part->error);
    tdm_content_type_clear(&allocator, &part->type);
    tdm_body_clear(&part->body);
    tdm_stream_release(part->stream);
    tdm_free(&allocator, part->disposition);
    tdm_free(&allocator, part->name);
    for (size_t i = 0; i < part->field_count; i++) {
        tdm_free(&allocator, part->fields[i].name);
        tdm_free(&allocator, part->fields[i].value);
    }
    tdm_free(&allocator, part->fields);
    tdm_free(&allocator, part);
}

/* An empty part of a type; NULL when out of memory. */
static tidymail_part *part_create(const tidymail_allocator *allocator, const char *type)
{
    tidymail_allocator memory = tdm_allocator_or_default(allocator);
    tidymail_part *part = tdm_alloc_array(&memory, 1, sizeof(*part));
    struct tdm_parameter_error why = {0, NULL};
    if (part == NULL) {
        return NULL;
    }
    part->allocator = memory;
    tdm_error_init(&part->error, &memory);
    part->body.ascii = part->body.ends_in_break = part->body.plain_ends_in_break = 1;
    part->body.fits_lines = part->body.fits_message = part->body.is_canonical = 1;
    if (tdm_check_text(&part->error, "content type", type) != TIDYMAIL_OK ||
        tdm_content_type_parse(&memory, type, &part->type, &why) == 0) {
        return part;
    }
    if (why.reason == NULL) {
        tdm_part_destroy(part);
        return NULL;
    }
    part_fail_at(part, "content type", why.reason, why.offset);
    return part;
}

static const char *part_parameter(const tidymail_part *part, const char *name)
{
    for (size_t i = 0; i < part->type.count; i++) {
        if (strcmp(part->type.names[i], name) == 0) {
            return part->type.values[i];
        }
    }
    return NULL;
}

static int part_type_starts(const tidymail_part *part, const char *prefix)
{
    return part->type.type != NULL && strncmp(part->type.type, prefix, strlen(prefix)) == 0;
}

/* Text: its line ends may be changed where they are those of characters that we know. */
static void part_look_at_text(tidymail_part *part, int exact)
{
    const struct tdm_blob *blob = part->body.blob;
    const char *charset = part_parameter(part, "charset");
    int is_known = charset == NULL || tdm_equal_nocase(charset, "utf-8") ||
                   tdm_equal_nocase(charset, "us-ascii");
    tdm_body_choose(&part->body);
    if (part->body.is_canonical || (is_known && !exact)) {
        part->leaf = TDM_LEAF_TEXT;
    }
    if (charset != NULL || part_type_starts(part, "text/rfc822-headers") ||
        !part_type_starts(part, "text/")) {
        return;
    }
    size_t invalid = tdm_utf8_find_invalid(blob->bytes, blob->length);
    if (invalid == blob->length) {
        /* RFC 2046 4.1.2: the smallest charset that suffices */
        part->charset = part->body.ascii ? "us-ascii" : "utf-8";
    } else if (!exact) {
        part_fail_at(part, "text", "invalid UTF-8 (the type names no other charset)", invalid);
    }
}

static int part_is_message(const tidymail_part *part)
{
    /* RFC 6532 3.7 lets message/global be encoded */
    return part_type_starts(part, "message/") && !part_type_starts(part, "message/global");
}

static void part_look_at_message(tidymail_part *part)
{
    const struct tdm_blob *blob = part->body.blob;
    const char *nul = memchr(blob->bytes, '\0', blob->length);
    part->leaf = TDM_LEAF_MESSAGE;
    tdm_body_measure(&part->body);
    if (nul != NULL) {
        part_fail_at(part, part->type.type, "control character 0x00", (size_t)(nul - blob->bytes));
    }
}

static void part_look(tidymail_part *part, int exact)
{
    if (part_type_starts(part, "multipart/")) {
        part_fail(part, "content type",
                  "a multipart has parts, use tidymail_part_new_multipart and tidymail_part_add");
    } else if (part_parameter(part, "boundary") != NULL) {
        part_fail(part, "content type", "a boundary is for multiparts, tidymail chooses it");
    } else if (part->stream != NULL) {
        part->leaf = part_is_message(part) ? TDM_LEAF_MESSAGE : TDM_LEAF_BINARY;
    } else if (part_is_message(part)) {
        part_look_at_message(part);
    } else if (part_type_starts(part, "text/") || part_type_starts(part, "message/")) {
        part_look_at_text(part, exact);
    }
}

tidymail_part *tdm_part_new(const tidymail_allocator *allocator, const char *type,
                            const void *bytes, size_t length, const tidymail_source *source,
                            int exact, const char *name)
{
    tidymail_part *part = part_create(allocator, type != NULL ? type : "text/plain");
    if (part == NULL) {
        return NULL;
    }
    if (source != NULL) {
        struct tdm_buf label;
        tdm_buf_init(&label, &part->allocator, TDM_HEADER_TEXT_MAX);
        tdm_buf_addf(&label, "attachment %s",
                     name != NULL              ? name
                     : part->type.type != NULL ? part->type.type
                                               : "");
        part->stream =
            label.failed ? NULL : tdm_stream_new(&part->allocator, source, tdm_buf_text(&label));
        tdm_buf_clear(&label);
    } else {
        part->body.blob = tdm_blob_new(&part->allocator, length > 0 ? bytes : "", length);
    }
    if (part->stream == NULL && part->body.blob == NULL) {
        tdm_part_destroy(part);
        return NULL;
    }
    part_look(part, exact);
    return part;
}

tidymail_part *tidymail_part_new(const char *type, const void *bytes, size_t length)
{
    return tidymail_part_new_with(type, bytes, length, NULL);
}

tidymail_part *tidymail_part_new_with(const char *type, const void *bytes, size_t length,
                                      const tidymail_allocator *allocator)
{
    tidymail_part *part =
        tdm_part_new(allocator, type, bytes, bytes != NULL ? length : 0, NULL, 0, NULL);
    if (part != NULL && bytes == NULL && length > 0) {
        part_fail(part, "bytes", "NULL was given");
    }
    return part;
}

tidymail_part *tidymail_part_new_source(const char *type, const tidymail_source *source)
{
    return tidymail_part_new_source_with(type, source, NULL);
}

tidymail_part *tidymail_part_new_source_with(const char *type, const tidymail_source *source,
                                             const tidymail_allocator *allocator)
{
    if (source != NULL && source->read != NULL) {
        return tdm_part_new(allocator, type, NULL, 0, source, 0, NULL);
    }
    tidymail_part *part = tdm_part_new(allocator, type, NULL, 0, NULL, 0, NULL);
    if (part != NULL) {
        part_fail(part, "source", source == NULL ? "NULL was given" : "it has no read function");
    }
    return part;
}

tidymail_part *tidymail_part_new_multipart(const char *subtype)
{
    return tidymail_part_new_multipart_with(subtype, NULL);
}

tidymail_part *tidymail_part_new_multipart_with(const char *subtype,
                                                const tidymail_allocator *allocator)
{
    tidymail_allocator memory = tdm_allocator_or_default(allocator);
    struct tdm_buf type;
    tdm_buf_init(&type, &memory, SIZE_MAX / 4);
    tdm_buf_addf(&type, "multipart/%s", subtype != NULL ? subtype : "");
    tidymail_part *part = type.failed ? NULL : part_create(&memory, tdm_buf_text(&type));
    tdm_buf_clear(&type);
    if (part == NULL) {
        return NULL;
    }
    part->is_multipart = 1;
    if (part_parameter(part, "boundary") != NULL) {
        part_fail(part, "content type", "the boundary is not set this way, tidymail chooses it");
    }
    return part;
}

void tidymail_part_free(tidymail_part *part)
{
    if (part != NULL && !part->is_owned) {
        tdm_part_destroy(part);
    }
}

/* What stands behind the last folder of a path (RFC 2183 2.3). */
static const char *part_base_name(const char *name)
{
    const char *base = name;
    for (; *name != '\0'; name++) {
        base = *name == '/' || *name == '\\' ? name + 1 : base;
    }
    return base;
}

int tidymail_part_set_disposition(tidymail_part *part, const char *disposition, const char *name)
{
    if (part == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    if (part->error.kind != TIDYMAIL_OK) {
        return part->error.kind;
    }
    if (disposition == NULL || (!tdm_equal_nocase(disposition, "attachment") &&
                                !tdm_equal_nocase(disposition, "inline"))) {
        return part_fail(part, "disposition", "neither \"attachment\" nor \"inline\"");
    }
    if (name != NULL && tdm_check_text(&part->error, "file name", name) != TIDYMAIL_OK) {
        return part->error.kind;
    }
    const char *base = name != NULL ? part_base_name(name) : "";
    int is_inline = tdm_lower(disposition[0]) == 'i';
    char *copy = tdm_strdup(&part->allocator, is_inline ? "inline" : "attachment");
    char *name_copy = base[0] != '\0' ? tdm_strdup(&part->allocator, base) : NULL;
    if (copy == NULL || (base[0] != '\0' && name_copy == NULL)) {
        tdm_free(&part->allocator, copy);
        tdm_free(&part->allocator, name_copy);
        return part_fail_memory(part);
    }
    tdm_free(&part->allocator, part->disposition);
    tdm_free(&part->allocator, part->name);
    part->disposition = copy;
    part->name = name_copy;
    return TIDYMAIL_OK;
}

static int part_check_field_name(tidymail_part *part, const char *name)
{
    static const char *const reserved[] = {"Content-Type", "Content-Transfer-Encoding",
                                           "Content-Disposition", "MIME-Version"};
    if (name == NULL) {
        return part_fail(part, "header name", "NULL was given");
    }
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == ':') { /* RFC 5322 2.2 */
            return part_fail_at(part, "header name", "a character that a name cannot hold", i);
        }
    }
    if (length == 0 || length > PART_NAME_MAX) {
        return part_fail(part, "header name", length == 0 ? "it is empty" : "longer than 76 bytes");
    }
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (tdm_equal_nocase(name, reserved[i])) {
            return part_fail(part, reserved[i], "not set this way, tidymail writes it");
        }
    }
    return TIDYMAIL_OK;
}

/* Appends a field; takes `value` over. */
static int part_append_field(tidymail_part *part, const char *name, char *value)
{
    char *copy = tdm_strdup(&part->allocator, name);
    struct tdm_field *fields = NULL;
    if (copy != NULL) {
        fields = tdm_resize_array(&part->allocator, part->fields, part->field_count + 1,
                                  sizeof(*fields));
    }
    if (fields == NULL) {
        tdm_free(&part->allocator, copy);
        tdm_free(&part->allocator, value);
        return part_fail_memory(part);
    }
    part->fields = fields;
    fields[part->field_count].name = copy;
    fields[part->field_count].value = value;
    part->field_count++;
    return TIDYMAIL_OK;
}

int tdm_part_set_content_id(tidymail_part *part, const char *content_id)
{
    static const char field[] = "Content-ID";
    if (tdm_check_text(&part->error, field, content_id) != TIDYMAIL_OK) {
        return part->error.kind;
    }
    size_t length = strlen(content_id);
    size_t skip = length >= 2 && content_id[0] == '<' && content_id[length - 1] == '>';
    length -= 2 * skip;
    for (size_t i = skip; i < skip + length; i++) {
        char c = content_id[i];
        if (c <= ' ' || c > '~' || c == '<' || c == '>') { /* RFC 2045 7, RFC 2392 2 */
            return part_fail_at(part, field, "a character that an id cannot hold", i);
        }
    }
    if (length == 0 || length > TDM_LINE_MAX - 16) {
        return part_fail(part, field, length == 0 ? "it is empty" : "longer than 982 bytes");
    }
    struct tdm_buf value;
    tdm_buf_init(&value, &part->allocator, TDM_LINE_MAX);
    tdm_buf_add_char(&value, '<');
    tdm_buf_add(&value, content_id + skip, length);
    tdm_buf_add_char(&value, '>');
    char *copy = value.failed ? NULL : tdm_strndup(&part->allocator, value.data, value.length);
    tdm_buf_clear(&value);
    return copy != NULL ? part_append_field(part, field, copy) : part_fail_memory(part);
}

int tidymail_part_add_header(tidymail_part *part, const char *name, const char *value)
{
    if (part == NULL) {
        return TIDYMAIL_KIND_LOCAL;
    }
    if (part->error.kind != TIDYMAIL_OK || part_check_field_name(part, name) != TIDYMAIL_OK) {
        return part->error.kind;
    }
    if (tdm_equal_nocase(name, "Content-ID")) {
        return tdm_part_set_content_id(part, value);
    }
    if (tdm_check_text(&part->error, name, value) != TIDYMAIL_OK) {
        return part->error.kind;
    }
    size_t skip = strspn(value, " ");
    size_t length = strlen(value + skip);
    while (length > 0 && value[skip + length - 1] == ' ') {
        length--;
    }
    char *copy = tdm_strndup(&part->allocator, value + skip, length);
    if (copy == NULL) {
        return part_fail_memory(part);
    }
    if (tdm_header_longest_word(copy) >= TDM_LINE_MAX && !tdm_has_8bit(copy, length)) {
        tdm_free(&part->allocator, copy);
        return part_fail(part, name, "a word longer than 997 bytes cannot be folded");
    }
    return part_append_field(part, name, copy);
}

static size_t part_height(const tidymail_part *part)
{
    size_t most = 0;
    for (const tidymail_part *child = part->children.first; child != NULL; child = child->next) {
        size_t height = part_height(child);
        most = height > most ? height : most;
    }
    return most + 1;
}

/* Why the child cannot go there; NULL: it can. */
static const char *part_why_not(const tidymail_part *parent, const tidymail_part *child)
{
    size_t level = 1;
    if (child->is_owned) {
        return "the part has been given away already";
    }
    for (const tidymail_part *above = parent; above != NULL; above = above->parent) {
        if (above == child) {
            return "a part cannot stand inside itself";
        }
        level++;
    }
    if (!parent->is_multipart) {
        return "a part that is no multipart takes no other";
    }
    return level - 1 + part_height(child) > TDM_PART_LEVELS ? "more than 32 levels" : NULL;
}

int tidymail_part_add(tidymail_part *parent, tidymail_part *child)
{
    if (parent == NULL) {
        tidymail_part_free(child);
        return TIDYMAIL_KIND_LOCAL;
    }
    if (child == NULL) {
        return part_fail_memory(parent); /* what tidymail_part_new could not make */
    }
    const char *why = part_why_not(parent, child);
    if (why == NULL && parent->error.kind == TIDYMAIL_OK) {
        tdm_part_list_add(&parent->children, child);
        child->is_owned = 1;
        child->parent = parent;
        return child->error.kind;
    }
    int kind = parent->error.kind;
    if (why != NULL) {
        kind = part_fail(parent, parent->type.type != NULL ? parent->type.type : "part", why);
    }
    tidymail_part *top = parent;
    while (top->parent != NULL) {
        top = top->parent;
    }
    if (!child->is_owned && child != top) {
        /* kept, since the caller may still name it; but in no message */
        tdm_part_list_add(&top->refused, child);
        child->is_owned = 1;
        child->parent = top;
    }
    return kind;
}
