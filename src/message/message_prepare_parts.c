/*
 * message_prepare_parts.c: from text, HTML, calendar, inline parts and attachments to a tree:
 *
 *     mixed( alternative( text, related( html, inline... ), calendar ), attachments..., invite.ics )
 *
 * with every multipart left out that would have one part only. The tree is put together from the parts
 * of the message each time that one is needed, and taken apart again; nothing is copied.
 */
#include <string.h>

#include "message/flowed.h"
#include "message/part_data.h"
#include "util/str.h"

#define TREE_TYPE_MAX 24

struct prepare_tree {
    tidymail_part text;
    tidymail_part html;
    tidymail_part related;
    tidymail_part alternative;
    tidymail_part mixed;
    tidymail_part *root;
    char types[5][TREE_TYPE_MAX];
    size_t type_count;
};

/* A type for a part that lives as long as the tree. */
static char *tree_type(struct prepare_tree *tree, const char *type)
{
    char *copy = tree->types[tree->type_count++];
    memcpy(copy, type, strlen(type) + 1);
    return copy;
}

static void tree_leaf(struct prepare_tree *tree, tidymail_part *part, const char *type,
                      const struct tdm_body *body)
{
    part->type.type = tree_type(tree, type);
    part->leaf = TDM_LEAF_TEXT;
    part->body = *body;
    if (body->blob == NULL) {
        part->body.ascii = part->body.ends_in_break = part->body.plain_ends_in_break = 1;
        part->body.fits_lines = 1;
    }
    part->charset = part->body.ascii ? "us-ascii" : "utf-8"; /* RFC 2046 4.1.2 */
}

static tidymail_part *tree_multipart(struct prepare_tree *tree, tidymail_part *part,
                                     const char *type)
{
    part->type.type = tree_type(tree, type);
    part->is_multipart = 1;
    return part;
}

static void tree_begin(tidymail_message *message, struct prepare_tree *tree)
{
    memset(tree, 0, sizeof(*tree));
    if (message->body != NULL) {
        tree->root = message->body;
        return;
    }
    int has_text = message->text.blob != NULL;
    tidymail_part *html = NULL;
    tidymail_part *words = NULL;
    if (message->html.blob != NULL) {
        tree_leaf(tree, &tree->html, "text/html", &message->html);
        html = &tree->html;
        if (message->inlines.first != NULL) {
            html = tree_multipart(tree, &tree->related, "multipart/related");
            tdm_part_list_add(&html->children, &tree->html);
            tree->html.next = message->inlines.first;
        }
    }
    int is_empty = !has_text && html == NULL && message->calendar == NULL &&
                   message->attachments.first == NULL;
    if (has_text || is_empty) {
        const struct tdm_body *body =
            message->flowed_text.blob != NULL ? &message->flowed_text : &message->text;
        tree_leaf(tree, &tree->text, "text/plain", body);
        tree->text.is_flowed = message->flowed_text.blob != NULL;
        words = &tree->text;
    }
    int count = (words != NULL) + (html != NULL) + (message->calendar != NULL);
    tidymail_part *const choices[] = {words, html, message->calendar}; /* RFC 2046 5.1.4 */
    tree_multipart(tree, &tree->alternative, "multipart/alternative");
    for (size_t i = 0; i < 3; i++) {
        if (choices[i] != NULL && count > 1) {
            tdm_part_list_add(&tree->alternative.children, choices[i]);
            words = &tree->alternative;
        } else if (choices[i] != NULL) {
            words = choices[i];
        }
    }
    tree->root = words;
    if (message->attachments.first == NULL && message->invite == NULL) {
        return;
    }
    tree->root = tree_multipart(tree, &tree->mixed, "multipart/mixed");
    if (words != NULL) {
        tdm_part_list_add(&tree->mixed.children, words);
        words->next = message->attachments.first;
    } else {
        tree->mixed.children.first = message->attachments.first;
    }
    if (message->invite != NULL) {
        tidymail_part *last = message->attachments.last != NULL ? message->attachments.last : words;
        last->next = message->invite;
    }
}

static void tree_end(tidymail_message *message)
{
    if (message->attachments.last != NULL) {
        message->attachments.last->next = NULL;
    }
    if (message->calendar != NULL) {
        message->calendar->next = NULL;
    }
}

void tdm_message_clear_parts(tidymail_message *message)
{
    tdm_part_list_destroy(&message->attachments);
    tdm_part_list_destroy(&message->inlines);
    tdm_part_list_destroy(&message->refused);
    tdm_part_destroy(message->calendar);
    tdm_part_destroy(message->invite);
    tdm_part_destroy(message->body);
    tdm_body_clear(&message->flowed_text);
}

/* Reads a message/rfc822 stream through, to know what it needs. */
static int prepare_look_at_stream(tidymail_message *message, tidymail_part *part)
{
    struct tdm_body_facts facts = {0};
    char bytes[2048];
    ptrdiff_t got = -1;
    if (!tdm_stream_can_rewind(part->stream)) {
        part->body.ascii = 0; /* it may be so, and nobody can look */
        part->body.plain_size = -1;
        return TIDYMAIL_OK;
    }
    if (tdm_stream_begin(part->stream, &facts) == 0) {
        while ((got = tdm_stream_read(part->stream, &facts, bytes, sizeof(bytes))) > 0) {
            tdm_body_look(&facts, bytes, (size_t)got);
        }
    }
    if (got < 0) {
        return tdm_error_set(&message->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                             tdm_stream_error(part->stream), NULL);
    }
    tdm_body_take_facts(&part->body, &facts);
    return TIDYMAIL_OK;
}

static int prepare_check_leaf(tidymail_message *message, tidymail_part *part)
{
    if (part->stream != NULL && tdm_stream_is_spent(part->stream)) {
        return tdm_message_fail(message, tdm_stream_label(part->stream),
                                "its source can be read once only, and it was");
    }
    if (part->leaf != TDM_LEAF_MESSAGE) {
        return TIDYMAIL_OK;
    }
    if (part->stream != NULL && prepare_look_at_stream(message, part) != TIDYMAIL_OK) {
        return message->error.kind;
    }
    return part->body.fits_message
               ? TIDYMAIL_OK
               : tdm_message_fail(message, part->type.type,
                                  "a line longer than 998 bytes, or NUL, and it cannot be encoded");
}

static int prepare_check_part(tidymail_message *message, tidymail_part *part)
{
    if (part->error.kind != TIDYMAIL_OK) {
        tdm_error_copy(&message->error, &part->error);
        return message->error.kind;
    }
    if (!part->is_multipart) {
        return prepare_check_leaf(message, part);
    }
    if (part->children.first == NULL) {
        return tdm_message_fail(message, part->type.type, "it has no part"); /* RFC 2046 5.1.1 */
    }
    int kind = TIDYMAIL_OK;
    for (tidymail_part *child = part->children.first; child != NULL && kind == TIDYMAIL_OK;
         child = child->next) {
        kind = prepare_check_part(message, child);
    }
    return kind;
}

/* 1 where bytes in memory hold what all boundaries end in (RFC 2046 5.1.1). Streams cannot be looked
 * at; 112 random bits do. */
static int prepare_holds(const tidymail_part *part, const char *boundary)
{
    size_t length = strlen(boundary);
    const struct tdm_blob *blob = part->body.blob;
    const char *at = blob != NULL ? blob->bytes : NULL;
    const char *end = blob != NULL ? at + blob->length : NULL;
    while (at != NULL && (at = memchr(at, '=', (size_t)(end - at))) != NULL) {
        if ((size_t)(end - at) >= length + 7 && at[1] == '_' && at[6] == '_' &&
            memcmp(at + 7, boundary, length) == 0) {
            return 1;
        }
        at++;
    }
    for (const tidymail_part *child = part->children.first; child != NULL; child = child->next) {
        if (prepare_holds(child, boundary)) {
            return 1;
        }
    }
    return 0;
}

/* Makes the boundary longer until it is in no part; each try rules one more occurrence out. */
static void prepare_boundary(tidymail_message *message, const tidymail_part *root)
{
    static const char hex[] = "0123456789abcdef";
    size_t length = strlen(message->boundary);
    char *end = message->boundary + (length < 28 ? length : 28);
    for (unsigned tries = 0; prepare_holds(root, message->boundary); tries++) {
        for (unsigned i = 0; i < 8; i++) {
            end[i] = hex[tries >> (28 - 4 * i) & 15];
        }
        end[8] = '\0';
    }
}

static int prepare_flowed(tidymail_message *message)
{
    tdm_body_clear(&message->flowed_text);
    if (!message->flowed || message->text.blob == NULL) {
        return TIDYMAIL_OK;
    }
    struct tdm_buf out;
    tdm_buf_init(&out, &message->allocator, SIZE_MAX / 4);
    tdm_flowed_write(&out, message->text.blob->bytes, message->text.blob->length);
    struct tdm_blob *blob = tdm_blob_take(&out);
    tdm_buf_clear(&out);
    if (blob == NULL) {
        return tdm_message_fail_memory(message);
    }
    message->flowed_text.blob = blob;
    tdm_body_choose(&message->flowed_text);
    return TIDYMAIL_OK;
}

static int prepare_body_alone(tidymail_message *message)
{
    const char *beside = message->text.blob != NULL   ? "text"
                         : message->html.blob != NULL ? "html"
                         : message->calendar != NULL  ? "calendar"
                         : message->attachments.first != NULL || message->inlines.first != NULL
                             ? "attachment"
                             : NULL;
    return beside == NULL ? TIDYMAIL_OK
                          : tdm_message_fail(message, beside,
                                             "cannot be set beside tidymail_message_set_body");
}

int tdm_message_prepare_parts(tidymail_message *message)
{
    struct prepare_tree tree;
    if (message->body != NULL && prepare_body_alone(message) != TIDYMAIL_OK) {
        return message->error.kind;
    }
    if (message->inlines.first != NULL && message->html.blob == NULL) {
        return tdm_message_fail(message, "attachment",
                                "an inline part is for the HTML, and there is none");
    }
    if (prepare_flowed(message) != TIDYMAIL_OK) {
        return message->error.kind;
    }
    tree_begin(message, &tree);
    int kind = prepare_check_part(message, tree.root);
    if (kind == TIDYMAIL_OK) {
        prepare_boundary(message, tree.root);
    }
    tree_end(message);
    return kind;
}

int tdm_message_needs(tidymail_message *message, int carry)
{
    struct prepare_tree tree;
    if (message->raw.blob != NULL) {
        int is_ascii =
            message->raw.ascii && (message->resent_from.spec == NULL ||
                                   !tdm_has_8bit(message->header->bytes, message->header->length));
        return is_ascii ? TDM_CARRY_7BIT : TDM_CARRY_8BIT;
    }
    tree_begin(message, &tree);
    int needs = tdm_part_needs(tree.root, carry);
    tree_end(message);
    const struct tdm_blob *header = message->header;
    return needs == TDM_CARRY_7BIT && tdm_has_8bit(header->bytes, header->length) ? TDM_CARRY_8BIT
                                                                                  : needs;
}

static const char *prepare_find_single_use(const tidymail_part *part)
{
    const char *found = NULL;
    if (part->stream != NULL && !tdm_stream_can_rewind(part->stream)) {
        return tdm_stream_label(part->stream);
    }
    for (const tidymail_part *child = part->children.first; child != NULL && found == NULL;
         child = child->next) {
        found = prepare_find_single_use(child);
    }
    return found;
}

const char *tdm_message_find_single_use(tidymail_message *message)
{
    struct prepare_tree tree;
    if (message->raw.blob != NULL) {
        return NULL;
    }
    tree_begin(message, &tree);
    const char *found = prepare_find_single_use(tree.root);
    tree_end(message);
    return found;
}

int tdm_message_chain(tidymail_message *message, int carry, struct tdm_writer *writer)
{
    struct prepare_tree tree;
    if (tdm_writer_add_bytes(writer, message->header, 0, message->header->length) != 0) {
        return -1;
    }
    tree_begin(message, &tree);
    int result = tdm_part_render(tree.root, message->boundary, carry, &message->allocator, writer);
    tree_end(message);
    return result;
}
