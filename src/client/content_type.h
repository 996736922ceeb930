/* content_type.h: what a file may be, by its name and by its bytes
 * (docs/decisions/008-content-types.md). */
#ifndef TDM_CLIENT_CONTENT_TYPE_H
#define TDM_CLIENT_CONTENT_TYPE_H

#include <stddef.h>

#define TDM_GUESS_MAX 128
/* So many bytes of a file are enough for tdm_guess_by_bytes. */
#define TDM_GUESS_BYTES 65536
/* Where shared-mime-info puts its table. */
#define TDM_GUESS_GLOBS "/usr/share/mime/globs2"

/* The type that the name speaks for: by the table `globs` (a file of shared-mime-info, NULL: none),
 * by our own small one where that is missing or undecided. 1, or 0 where the name says nothing. */
int tdm_guess_by_name(const char *globs, const char *name, char type[TDM_GUESS_MAX]);
/* The type that the first bytes speak for; "application/octet-stream" where they say nothing. */
void tdm_guess_by_bytes(const void *bytes, size_t length, char type[TDM_GUESS_MAX]);

#endif
