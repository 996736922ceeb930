/* source_file.h: a file as a source (tidymail_source_open_file), with the reason where it cannot be. */
#ifndef TDM_CLIENT_SOURCE_FILE_H
#define TDM_CLIENT_SOURCE_FILE_H

#include <tidymail/source.h>

#include "util/buf.h"

/* Fills `source` in. TIDYMAIL_OK; or TIDYMAIL_KIND_LOCAL, errno is set, and `reason` (may be NULL)
 * gets one line with the path in it. */
int tdm_source_open_file(const tidymail_allocator *allocator, tidymail_source *source,
                         const char *path, struct tdm_buf *reason);

#endif
