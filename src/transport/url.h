/*
 * url.h: splits a transport URL. Grammar: scheme:[//[user[:password]@]host[:port]][/path][?query].
 * userinfo ends at the last `@` of the authority and is percent-decoded; a raw / ? # inside it is
 * an error that names the offset and the escape, never the text; `+` is literal everywhere.
 */
#ifndef TDM_TRANSPORT_URL_H
#define TDM_TRANSPORT_URL_H

#include "report/report_data.h"

struct tdm_url {
    char *scheme;   /* lower case */
    char *user;     /* decoded; NULL where the URL has none */
    char *password; /* decoded; NULL where the URL has none; wiped by tdm_url_clear */
    char *host;     /* without the brackets of an IPv6 literal; "" where there is none */
    int port;       /* 0: none given */
    char *path;     /* decoded; "" where there is none */
    char *query;    /* still escaped, without the ?; NULL where there is none */
};

/* Parses; errors go to `error` (kind configuration, phase prepare) and never show the userinfo.
 * Returns TIDYMAIL_OK or the kind; `url` can be cleared in every case. */
int tdm_url_parse(const tidymail_allocator *allocator, const char *text, struct tdm_url *url,
                  struct tidymail_error *error);
/* Decodes the value of an option, bytes `start` to `end` of the URL `text`; `out` is the caller's to
 * free in every case. Offsets in errors count from `text`. */
int tdm_url_decode_option(const tidymail_allocator *allocator, const char *text, size_t start,
                          size_t end, char **out, struct tidymail_error *error);
void tdm_url_clear(const tidymail_allocator *allocator, struct tdm_url *url);

#endif
