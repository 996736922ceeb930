/* encoded_word.h: encoded-words (RFC 2047) in UTF-8: how long they get, and how they are written. A
 * word never splits a character (RFC 2047 5). */
#ifndef TDM_MESSAGE_ENCODED_WORD_H
#define TDM_MESSAGE_ENCODED_WORD_H

#include "util/buf.h"

#define TDM_ENCODED_WORD_MAX 75   /* RFC 2047 2 */
#define TDM_ENCODED_WORD_FRAME 12 /* "=?utf-8?Q?" and "?=" */

/* 1 where Q is not longer than B for this text. */
int tdm_encoded_word_prefers_q(const char *text, size_t length);
/* How many bytes of the text fit into `room` encoded characters; whole characters only. */
size_t tdm_encoded_word_fitting(const char *text, size_t length, size_t room, int use_q);
/* Appends one encoded-word that holds all of the text. */
void tdm_encoded_word_add(struct tdm_buf *out, const char *text, size_t length, int use_q);

#endif
