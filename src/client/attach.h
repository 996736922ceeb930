/* attach.h: attachments resolved: a path becomes a source, and name and type are found. */
#ifndef TDM_CLIENT_ATTACH_H
#define TDM_CLIENT_ATTACH_H

#include <tidymail/part.h>

/* What the charset parameter of a text can say of bytes that are seen piece by piece. */
struct tdm_charset {
    int is_utf8; /* valid so far, and no NUL */
    int is_ascii;
    char kept[4]; /* of a character that a piece cut through */
    size_t kept_length;
};

void tdm_charset_init(struct tdm_charset *charset);
void tdm_charset_see(struct tdm_charset *charset, const char *bytes, size_t length);
/* "us-ascii", "utf-8", or NULL where it is neither. */
const char *tdm_charset_name(const struct tdm_charset *charset);

#endif
