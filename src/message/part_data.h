/*
 * part_data.h: what a part is made of, and how a tree of them becomes bytes. A tree is at most
 * TDM_PART_LEVELS deep, so that it can be walked by recursion.
 */
#ifndef TDM_MESSAGE_PART_DATA_H
#define TDM_MESSAGE_PART_DATA_H

#include "message/message_data.h"
#include "message/parameter.h"
#include "message/part_stream.h"
#include "message/writer.h"

#define TDM_PART_LEVELS 32

/* What may be done to the bytes of a leaf. */
enum tdm_leaf {
    TDM_LEAF_BINARY, /* nothing: base64, or binary */
    TDM_LEAF_TEXT,   /* line ends become CRLF; the encoding is chosen by content */
    TDM_LEAF_MESSAGE /* line ends become CRLF; no encoding (RFC 2046 5.2.1) */
};

struct tidymail_part {
    tidymail_allocator allocator;
    struct tidymail_error error; /* sticky */
    struct tdm_content_type type;
    int is_multipart;

    enum tdm_leaf leaf;
    struct tdm_body body;      /* blob NULL: an empty leaf, or one from `stream` */
    struct tdm_stream *stream; /* NULL: from `body` */
    const char *charset;       /* added to the type; NULL: none */
    int is_flowed;

    char *disposition;
    char *name; /* of the file; NULL: none */
    struct tdm_field *fields;
    size_t field_count;

    int is_owned;          /* by a parent or a message */
    tidymail_part *parent; /* NULL at the top */
    tidymail_part *next;   /* the one behind it under the same parent */
    struct tdm_part_list children;
    struct tdm_part_list refused; /* at the top: ours to free and nothing else */
};

/* A part from what an attachment says: bytes, or `source` where it is not NULL (taken over on success).
 * With `exact` text keeps its line ends too. NULL when out of memory. */
tidymail_part *tdm_part_new(const tidymail_allocator *allocator, const char *type,
                            const void *bytes, size_t length, const tidymail_source *source,
                            int exact, const char *name);
/* Frees it whoever owns it, and what stands below. */
void tdm_part_destroy(tidymail_part *part);
void tdm_part_list_add(struct tdm_part_list *list, tidymail_part *part);
void tdm_part_list_destroy(struct tdm_part_list *list);
/* Content-ID from "a@b", "<a@b>" or "logo"; TIDYMAIL_OK or the kind of the error that stuck. */
int tdm_part_set_content_id(tidymail_part *part, const char *content_id);

/* part_render.c */

/* How a leaf is written where `carry` passes. */
struct tdm_part_form {
    struct tdm_segment_format format;
    int needs;         /* enum tdm_carry */
    int ends_in_break; /* what is written ends in CRLF, or is empty */
};
void tdm_part_choose(const tidymail_part *part, int carry, struct tdm_part_form *form);
/* What the tree needs (enum tdm_carry), in its form for `carry`. */
int tdm_part_needs(const tidymail_part *part, int carry);
/* Header fields and content of the tree, for the end of a message: chained to the writer. `boundary` is
 * what all boundaries end in. 0, or -1 when out of memory. */
int tdm_part_render(const tidymail_part *root, const char *boundary, int carry,
                    const tidymail_allocator *allocator, struct tdm_writer *writer);

#endif
