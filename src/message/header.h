/*
 * header.h: header fields as they stand in the message: folded (RFC 5322 2.2.3), text that is not
 * ASCII in encoded-words (RFC 2047). Lines are kept within 76 characters, the limit of a line with
 * an encoded-word; what cannot be broken is written whole.
 */
#ifndef TDM_MESSAGE_HEADER_H
#define TDM_MESSAGE_HEADER_H

#include "message/address.h"
#include "util/buf.h"

/* The hard limit of a line without its CRLF (RFC 5322 2.1.1). */
#define TDM_LINE_MAX 998

/* Unstructured text such as a subject (RFC 5322 3.2.5): read back, it is the same bytes. With
 * `keep_words` an ASCII word is never encoded for its length alone: it may be a URL that a machine
 * reads. */
void tdm_header_add_text(struct tdm_buf *out, const char *name, const char *text, int keep_words);
/* Words that are never encoded and never broken, such as message ids: folded between them. */
void tdm_header_add_words(struct tdm_buf *out, const char *name, const char *text);
void tdm_header_add_mailbox(struct tdm_buf *out, const char *name,
                            const struct tdm_mailbox *mailbox);
/* Nothing is written for an empty list. */
void tdm_header_add_mailboxes(struct tdm_buf *out, const char *name,
                              const struct tdm_mailbox_list *list);
/* Length of the longest run without a blank: what folding cannot break. */
size_t tdm_header_longest_word(const char *text);

#endif
