/* service_values.h: values that options and the JSON of a message share. */
#ifndef TIDYMAIL_CLI_SERVICE_VALUES_H
#define TIDYMAIL_CLI_SERVICE_VALUES_H

#include <stddef.h>
#include <stdint.h>

/* "2026-12-24T18:00:00+01:00" (RFC 3339; parts of a second are left out), "+3600" from `now_s` on, or
 * seconds since 1970. NULL and *unix_s, or words that say what is wrong. */
const char *service_moment(const char *text, int64_t now_s, int64_t *unix_s);
/* 1 where a service has this scheme; else 0, and `near` is the one that may be meant, NULL: none. */
int service_is_known(const char *scheme, size_t length, const char **near);
/* Its index among the services of tidymail/provider.h; their count: there is none. */
size_t service_find(const char *scheme, size_t length);

#endif
