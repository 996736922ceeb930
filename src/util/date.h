/* date.h: dates of RFC 5322 section 3.3, without the C library's calendar or locale. */
#ifndef TDM_UTIL_DATE_H
#define TDM_UTIL_DATE_H

#include <stddef.h>
#include <stdint.h>

#define TDM_DATE_MAX 32 /* "Tue, 24 Nov 2026 14:25:20 +0000" and NUL */

/* Writes the date of `seconds` since 1970 in UTC. Years outside 1900 to 9999 cannot be written
 * (RFC 5322 3.3): the nearest moment that can is. */
void tdm_date_format(int64_t seconds, char out[TDM_DATE_MAX]);
/* The same moment as "2015-08-30T12:36:00Z" (RFC 3339 5.6). */
void tdm_date_format_iso(int64_t seconds, char out[TDM_DATE_MAX]);
/* 1 where `text` is a date-time that may be generated (RFC 5322 3.3): the day exists, a day of the
 * week agrees with it, the zone is numeric. On 0, `offset` says where it goes wrong. */
int tdm_date_check(const char *text, size_t length, size_t *offset);

#endif
