/*
 * part_render.c: a tree of parts as bytes. Header fields and boundaries are rendered whole into one
 * frame; the leaves are segments between its pieces, so that their length does not matter.
 */
#include <string.h>

#include "message/header.h"
#include "message/part_data.h"
#include "util/str.h"

/* Boundaries are all of one length, so none is the beginning of another (RFC 2046 5.1.1); "=_" cannot
 * occur in what quoted-printable or base64 writes (RFC 2045 6.7). */
#define RENDER_BOUNDARY_HEAD 7 /* "=_0001_" */
#define RENDER_OWN_PARAMETERS 5

struct render_cut {
    size_t offset; /* in the frame */
    const tidymail_part *leaf;
    struct tdm_segment_format format;
};

struct part_render {
    const tidymail_allocator *allocator;
    struct tdm_buf frame;
    struct render_cut *cuts;
    size_t cut_count;
    const char *boundary; /* what they all end in */
    unsigned multiparts;  /* so many have begun */
};

/* RFC 1847 2.1: what is signed or encrypted may not change on the way. */
static int render_carry_inside(const tidymail_part *part, int carry)
{
    int is_sealed = strcmp(part->type.type, "multipart/signed") == 0 ||
                    strcmp(part->type.type, "multipart/encrypted") == 0;
    return is_sealed ? TDM_CARRY_7BIT : carry;
}

static void render_choose_binary(const tidymail_part *part, int carry, struct tdm_part_form *form)
{
    int64_t length = part->stream != NULL      ? tdm_stream_size(part->stream)
                     : part->body.blob != NULL ? (int64_t)part->body.blob->length
                                               : 0;
    form->format.is_text = 0;
    if (carry == TDM_CARRY_BINARY && length != 0) {
        form->format.encoding = TDM_ENCODING_IDENTITY;
        form->format.size = length;
        form->needs = TDM_CARRY_BINARY;
        form->ends_in_break = 1; /* RFC 3030 3: not lines, so none must be ended */
        return;
    }
    form->format.encoding = TDM_ENCODING_BASE64;
    form->format.size = length < 0 ? -1 : tdm_body_base64_size(length);
    form->ends_in_break = length == 0;
}

void tdm_part_choose(const tidymail_part *part, int carry, struct tdm_part_form *form)
{
    const struct tdm_body *body = &part->body;
    memset(form, 0, sizeof(*form));
    form->format.is_text = 1;
    form->needs = TDM_CARRY_7BIT;
    if (part->leaf == TDM_LEAF_BINARY) {
        render_choose_binary(part, carry, form);
    } else if (part->leaf == TDM_LEAF_MESSAGE ||
               (carry >= TDM_CARRY_8BIT && body->fits_lines && !body->ascii)) {
        form->format.encoding = TDM_ENCODING_IDENTITY;
        form->format.size = body->plain_size;
        form->needs = body->ascii ? TDM_CARRY_7BIT : TDM_CARRY_8BIT;
        form->ends_in_break = body->plain_ends_in_break;
    } else {
        form->format.encoding = body->encoding;
        form->format.size = body->size;
        form->ends_in_break = body->ends_in_break;
    }
}

int tdm_part_needs(const tidymail_part *part, int carry)
{
    struct tdm_part_form form;
    if (!part->is_multipart) {
        tdm_part_choose(part, carry, &form);
        return form.needs;
    }
    int most = TDM_CARRY_7BIT;
    carry = render_carry_inside(part, carry);
    for (const tidymail_part *child = part->children.first; child != NULL; child = child->next) {
        int needs = tdm_part_needs(child, carry);
        most = needs > most ? needs : most;
    }
    return most;
}

static void render_boundary(const struct part_render *render, unsigned index, char *out)
{
    static const char hex[] = "0123456789abcdef";
    memcpy(out, "=_", 2);
    for (unsigned i = 0; i < 4; i++) {
        out[2 + i] = hex[index >> (12 - 4 * i) & 15];
    }
    out[6] = '_';
    memcpy(out + RENDER_BOUNDARY_HEAD, render->boundary, strlen(render->boundary) + 1);
}

static int render_has_parameter(const tidymail_part *part, const char *name)
{
    for (size_t i = 0; i < part->type.count; i++) {
        if (strcmp(part->type.names[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Content-Type (RFC 2045 5): the caller's parameters first, then ours. */
static void render_type(struct part_render *render, const tidymail_part *part, const char *boundary)
{
    int is_related = strcmp(part->type.type, "multipart/related") == 0;
    const struct tdm_parameter own[RENDER_OWN_PARAMETERS] = {
        {"charset", part->charset, 0},
        {"format", part->is_flowed ? "flowed" : NULL, 0},
        {"name", part->name, 1},
        /* RFC 2387 3.1: the type of the first part */
        {"type", is_related ? part->children.first->type.type : NULL, 0},
        {"boundary", boundary, 0},
    };
    struct tdm_parameter *all =
        tdm_alloc_array(render->allocator, part->type.count + RENDER_OWN_PARAMETERS, sizeof(*all));
    if (all == NULL) {
        render->frame.failed = 1;
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < part->type.count; i++) {
        int is_name = strcmp(part->type.names[i], "name") == 0;
        struct tdm_parameter given = {part->type.names[i], part->type.values[i], is_name};
        all[count++] = given;
    }
    for (size_t i = 0; i < RENDER_OWN_PARAMETERS; i++) {
        if (own[i].value != NULL && !render_has_parameter(part, own[i].name)) {
            all[count++] = own[i];
        }
    }
    tdm_header_add_parameters(&render->frame, "Content-Type", part->type.type, all, count);
    tdm_free(render->allocator, all);
}

static void render_encoding(struct part_render *render, const tidymail_part *part, int needs,
                            enum tdm_encoding encoding)
{
    static const char *const names[] = {"7bit", "8bit", "binary"};
    const char *name = names[needs];
    if (encoding == TDM_ENCODING_QUOTED_PRINTABLE) {
        name = "quoted-printable";
    } else if (encoding == TDM_ENCODING_BASE64) {
        name = "base64";
    } else if (part->is_multipart && needs == TDM_CARRY_7BIT) {
        return; /* RFC 2045 6.1: so it is where nothing is said */
    }
    tdm_buf_addf(&render->frame, "Content-Transfer-Encoding: %s\r\n", name);
}

static void render_fields(struct part_render *render, const tidymail_part *part)
{
    if (part->disposition != NULL) {
        struct tdm_parameter name = {"filename", part->name, 0};
        tdm_header_add_parameters(&render->frame, "Content-Disposition", part->disposition, &name,
                                  1);
    }
    for (size_t i = 0; i < part->field_count; i++) {
        const struct tdm_field *field = &part->fields[i];
        if (tdm_equal_nocase(field->name, "Content-ID")) {
            tdm_header_add_words(&render->frame, "Content-ID", field->value);
        } else {
            tdm_header_add_text(&render->frame, field->name, field->value, 1);
        }
    }
}

static void render_leaf(struct part_render *render, const tidymail_part *part, int carry,
                        int is_root)
{
    struct tdm_part_form form;
    tdm_part_choose(part, carry, &form);
    render_type(render, part, NULL);
    render_encoding(render, part, form.needs, form.format.encoding);
    render_fields(render, part);
    tdm_buf_add(&render->frame, "\r\n", 2);
    /* In a multipart the CRLF in front of the boundary belongs to that (RFC 2046 5.1.1). */
    if (is_root && form.needs != TDM_CARRY_BINARY) {
        form.format.ends_in_crlf = 1;
        if (form.format.size >= 0 && !form.ends_in_break) {
            form.format.size += 2;
        }
    }
    struct render_cut cut = {render->frame.length, part, form.format};
    render->cuts[render->cut_count++] = cut;
}

static void render_part(struct part_render *render, const tidymail_part *part, int carry,
                        int is_root)
{
    char boundary[RENDER_BOUNDARY_HEAD + TDM_BOUNDARY_MAX];
    if (!part->is_multipart) {
        render_leaf(render, part, carry, is_root);
        return;
    }
    render_boundary(render, render->multiparts++ & 0xffff, boundary);
    render_type(render, part, boundary);
    render_encoding(render, part, tdm_part_needs(part, carry), TDM_ENCODING_IDENTITY);
    render_fields(render, part);
    carry = render_carry_inside(part, carry);
    for (const tidymail_part *child = part->children.first; child != NULL; child = child->next) {
        tdm_buf_addf(&render->frame, "\r\n--%s\r\n", boundary);
        render_part(render, child, carry, 0);
    }
    tdm_buf_addf(&render->frame, "\r\n--%s--%s", boundary, is_root ? "\r\n" : "");
}

static size_t render_count_leaves(const tidymail_part *part)
{
    size_t count = part->is_multipart ? 0 : 1;
    for (const tidymail_part *child = part->children.first; child != NULL; child = child->next) {
        count += render_count_leaves(child);
    }
    return count;
}

/* The pieces of the frame with the leaves between them. */
static int render_chain(const struct part_render *render, struct tdm_blob *frame,
                        struct tdm_writer *writer)
{
    size_t at = 0;
    for (size_t i = 0; i < render->cut_count; i++) {
        const struct render_cut *cut = &render->cuts[i];
        const tidymail_part *leaf = cut->leaf;
        int result = tdm_writer_add_bytes(writer, frame, at, cut->offset - at);
        if (result == 0 && leaf->stream != NULL) {
            result = tdm_writer_add_stream(writer, leaf->stream, &cut->format);
        } else if (result == 0) {
            result = tdm_writer_add_blob(writer, leaf->body.blob, &cut->format);
        }
        if (result != 0) {
            return -1;
        }
        at = cut->offset;
    }
    return tdm_writer_add_bytes(writer, frame, at, frame->length - at);
}

int tdm_part_render(const tidymail_part *root, const char *boundary, int carry,
                    const tidymail_allocator *allocator, struct tdm_writer *writer)
{
    struct part_render render;
    memset(&render, 0, sizeof(render));
    render.allocator = allocator;
    render.boundary = boundary;
    tdm_buf_init(&render.frame, allocator, SIZE_MAX / 4);
    render.cuts = tdm_alloc_array(allocator, render_count_leaves(root) + 1, sizeof(*render.cuts));
    int result = -1;
    if (render.cuts != NULL) {
        render_part(&render, root, carry, 1);
        struct tdm_blob *frame = tdm_blob_take(&render.frame);
        result = frame != NULL ? render_chain(&render, frame, writer) : -1;
        tdm_blob_release(frame);
    }
    tdm_buf_clear(&render.frame);
    tdm_free(allocator, render.cuts);
    return result;
}
